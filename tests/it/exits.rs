//! Each exit code, with what stands beside it.

use crate::harness::{on_both_engines, on_both_engines_with_acme};

#[test]
fn every_exit_code_has_its_sentence_and_its_hint() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code A --name A").ok();
        p.run("branch create --code B --name B --parent A").ok();
        let file = p.write("b.csv", "code,name\nC,C\nD,\n");
        let transcripts = [
            // 0: done
            ("branch exists A", "branch A exists\n"),
            // 1: the work can't be done
            (
                "branch import /nowhere/b.csv",
                "error: can't read /nowhere/b.csv: no such file or directory\nhint: FILE is a file of CSV or JSON, or - for standard input\n[exit 1]\n",
            ),
            // 2: the command line is wrong
            (
                "branch update A",
                "error: there is nothing to change\nhint: say what: --code --name --address-line1 --address-line2 --address-line3 --city --state --country --pincode --phone --email --manager --manager-name --parent\nhint: or fill in a form: --edit\n[exit 2]\n",
            ),
            (
                "branch lst",
                "error: unrecognized subcommand 'lst'\nhint: a similar subcommand exists: 'list'\n[exit 2]\n",
            ),
            (
                "branch frobnicate",
                "error: unrecognized subcommand 'frobnicate'\nhint: see 'orgctl branch --help'\n[exit 2]\n",
            ),
            ("frobnicate", "error: unrecognized subcommand 'frobnicate'\nhint: see 'orgctl --help'\n[exit 2]\n"),
            (
                "branch create --code A --name -x",
                "error: unexpected argument '-x' found\nhint: where it is the value of a flag, write --FLAG=-x\n[exit 2]\n",
            ),
            (
                "branch create --cod A",
                "error: unexpected argument '--cod' found\nhint: a similar argument exists: '--code'\n[exit 2]\n",
            ),
            ("branch show", "error: missing: <KEY>...\nhint: see 'orgctl branch show --help'\n[exit 2]\n"),
            (
                "branch list --wait soon",
                "error: wait is 'soon', which is not a number of seconds from 0 to 86400\nhint: it comes from: flag\n[exit 2]\n",
            ),
            (
                "branch list --request-id 7",
                "error: request-id is '7', which is not a UUID\nhint: it comes from: flag\n[exit 2]\n",
            ),
            (
                "branch list --database mysql://h/db",
                "error: 'mysql' is no database that orgctl knows\nhint: use sqlite://FILE or postgres://...\n[exit 2]\n",
            ),
            // 3: no such record
            (
                "branch show C",
                "error: branch C does not exist\nhint: did you mean A? 'orgctl branch list' shows all\n[exit 3]\n",
            ),
            // 4: exists, stale, protected
            (
                "branch create --code A --name A",
                "error: branch A exists already in ACME\nhint: change it with 'orgctl branch update A', or choose another code\n[exit 4]\n",
            ),
            (
                "branch update A --name X --if-version 9",
                "error: branch A has version 1, not 9\nhint: somebody changed it; look at it again: orgctl branch show A\n[exit 4]\n",
            ),
            (
                "branch move A --to B",
                "error: branch A can't stand below itself\nhint: choose a parent that is not below it\n[exit 4]\n",
            ),
            // 6: invalid
            (
                "branch update A --email nobody",
                "error: email must be an e-mail address like name@example.com, not 'nobody'\n[exit 6]\n",
            ),
        ];
        for (line, said) in transcripts {
            assert_eq!(p.transcript(line), format!("$ orgctl {line}\n{said}"));
        }
        // 6 where nothing was loaded, 7 where something was.
        p.run(&format!("branch import {file}")).fails(6);
        let said = p.run(&format!("branch import {file} --keep-going")).fails(7);
        assert!(
            said.starts_with(
                "rejected line 3: name must not be empty\nread 2 rows: created 1, updated 0, unchanged 0, rejected 1 ("
            ),
            "{said}"
        );
        assert!(said.ends_with("error: 1 of 2 rows was rejected\nhint: --rejects FILE writes them out with their reasons, to be mended and imported again\n"), "{said}");
    });
}

#[test]
fn a_noun_alone_prints_its_verbs() {
    on_both_engines(|p| {
        for line in ["org", "branch", "school"] {
            let said = p.run(line).ok();
            for verb in [
                "create",
                "list",
                "show",
                "update",
                "delete",
                "restore",
                "purge",
                "activate",
                "deactivate",
                "exists",
                "import",
                "export",
                "history",
                "stats",
            ] {
                assert!(said.contains(&format!("\n  {verb} ")), "{line}: {verb} in\n{said}");
            }
        }
        assert!(p.run("").ok().contains("\n  branch "));
        assert!(p.run("--version").ok().starts_with("orgctl "));
        let help = p.run("branch create --help").ok();
        assert!(help.contains("--address-line1") && help.contains("Examples:"), "{help}");
        // None of these asked for a database; what needs one says where it was looked for.
        let said = p.run("branch list");
        assert_ne!(said.code, 0);
        assert!(said.err.contains("orgctl init"), "{}", said.err);
        assert!(!p.file().exists(), "only init makes a database");
    });
}
