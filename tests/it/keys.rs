//! Keys: how records are named, many at once, and what happens when somebody else was faster.

use crate::harness::{TestEnv, on_both_engines_with_acme};

fn branches(p: &TestEnv, codes: &[&str]) {
    for code in codes {
        p.run(&format!("branch create --code {code} --name 'Branch {code}'")).ok();
    }
}

fn id(p: &TestEnv, code: &str) -> String {
    p.json(&format!("branch show {code}"))["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_record_answers_to_its_natural_key_and_to_its_id() {
    on_both_engines_with_acme(|p| {
        branches(p, &["MUM01", "MUM02", "PUN01"]);
        let id = id(p, "MUM01");
        for key in ["MUM01", "mum01", " MUM01 ", "ＭＵＭ01", &id, &id.to_uppercase()] {
            assert_eq!(p.json(&format!("branch show '{key}'"))["code"], "MUM01", "{key}");
        }
        // What is no key at all is not found, with the nearest, where one is near.
        for (key, meant) in [
            ("MUM03", Some("MUM01")),
            ("MMU02", Some("MUM02")),
            ("MUM1", Some("MUM01")),
            ("PUNE01", Some("PUN01")),
            ("DELHI", None),
            (&id[..35], None),
            ("01999999-9999-7999-8999-999999999999", None),
            ("' or 1=1 --", None),
        ] {
            let said = p.run_words(&["branch", "show", key].map(str::to_owned), b"").fails(3);
            assert!(said.starts_with(&format!("error: branch {key} does not exist\nhint: ")), "{said}");
            match meant {
                Some(meant) => assert!(said.contains(&format!("did you mean {meant}? ")), "{said}"),
                None => assert!(!said.contains("did you mean"), "{said}"),
            }
            assert!(said.ends_with("'orgctl branch list' shows all\n"), "{said}");
        }
        // Every verb that takes a key says the same.
        for line in [
            "update X9 --name x",
            "delete X9 --yes",
            "activate X9",
            "deactivate X9",
            "exists X9",
            "history X9",
            "tree X9",
            "move X9 --root",
            "move MUM01 --to X9",
        ] {
            assert!(p.run(&format!("branch {line}")).fails(3).contains("branch X9 does not exist"), "{line}");
        }
        assert!(p.run("org show ACMF").fails(3).contains("did you mean ACME?"));
        assert!(p.run("branch list --org ACMR").fails(3).contains("did you mean ACME?"));
        // An organisation's code may look like an id.
        let hex = "0123456789ABCDEF0123456789ABCDEF";
        p.run(&format!("org create --code {hex} --name Hex")).ok();
        assert_eq!(p.json(&format!("org show {hex}"))["name"], "Hex");
    });
}

#[test]
fn a_key_of_several_organisations_asks_which() {
    on_both_engines_with_acme(|p| {
        p.run("org create --code GLOBEX --name Globex").ok();
        p.run("branch create --org ACME --code HO --name 'Head A'").ok();
        p.run("branch create --org GLOBEX --code HO --name 'Head G'").ok();
        p.run("branch create --org GLOBEX --code G1 --name 'Only here'").ok();
        let ask = "error: branch HO exists in several organisations: ACME, GLOBEX\nhint: name the one that is meant with --org\n";
        for line in
            ["show HO", "update HO --name x", "delete HO --yes", "deactivate HO", "move HO --root", "history HO"]
        {
            assert_eq!(p.run(&format!("branch {line}")).fails(2), ask, "{line}");
        }
        assert_eq!(p.json("branch show HO --org globex")["name"], "Head G");
        assert_eq!(p.json("--org ACME branch show HO")["name"], "Head A");
        // One that is there once needs no more.
        assert_eq!(p.json("branch show G1")["org"], "GLOBEX");
        p.run("branch show G1 --org ACME").fails(3);
        // What makes something must know where.
        assert_eq!(
            p.transcript("branch create --code X --name X"),
            "\
$ orgctl branch create --code X --name X
error: there are several organisations; which one is meant?
hint: name it with --org (ACME, GLOBEX)
[exit 2]
"
        );
        for line in ["branch export", "branch tree", "branch stats"] {
            assert!(p.run(line).fails(2).contains("name it with --org (ACME, GLOBEX)"), "{line}");
        }
        assert_eq!(p.column("branch list", "org"), ["ACME", "GLOBEX", "GLOBEX"]);
        assert_eq!(p.run("branch list --org GLOBEX -o key").ok(), "G1\nHO\n");
    });
}

#[test]
fn many_keys_are_one_change() {
    on_both_engines_with_acme(|p| {
        branches(p, &["A", "B", "C", "D"]);
        assert_eq!(
            p.transcript("branch deactivate A B a"),
            "$ orgctl branch deactivate A B a\ndeactivated branch A\ndeactivated branch B\n"
        );
        assert_eq!(p.column("branch list --filter status=inactive", "code"), ["A", "B"]);
        // All or none.
        p.run("branch deactivate C NOPE D").fails(3);
        assert_eq!(p.column("branch list --filter status=inactive", "code"), ["A", "B"]);
        // One command's list is another's keys.
        let keys = p.run("branch list --filter status=active -o key").ok();
        assert_eq!(keys, "C\nD\n");
        assert_eq!(p.run_with("branch deactivate -", &keys).fails(0), "deactivated branch C\ndeactivated branch D\n");
        assert_eq!(p.run_with("branch activate A -", "\n  B \r\n\nC\n").fails(0).lines().count(), 3);
        assert_eq!(p.run_with("branch exists -", "A\nB\n").fails(0), "branch A exists\nbranch B exists\n");
        assert!(p.run_with("branch activate -", "").fails(2).contains("no key was given"));
        p.run("branch activate").fails(2);
        let shown = p.run("branch show A B -o json").json();
        assert_eq!([&shown[0]["code"], &shown[1]["code"]], ["A", "B"]);
        assert_eq!(p.run("branch show B A -o key").ok(), "B\nA\n");
        p.run("branch update A B --city Pune").ok();
        assert_eq!(p.column("branch list --filter city=Pune", "code"), ["A", "B"]);
        assert!(p.run("branch update A B --code Z").fails(4).contains("branch Z exists already"));
        assert_eq!(p.run("branch list -o key").ok(), "A\nB\nC\nD\n");
        p.run("branch delete A B --yes").ok();
        p.run("branch restore A B").ok();
        assert_eq!(p.run("branch list -o key").ok(), "A\nB\nC\nD\n");
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn a_stale_version_is_refused_and_other_fields_are_left_alone() {
    on_both_engines_with_acme(|p| {
        branches(p, &["A", "B"]);
        p.run("branch update A --city Pune --if-version 1").ok();
        assert_eq!(
            p.transcript("branch update A --state Goa --if-version 1"),
            "\
$ orgctl branch update A --state Goa --if-version 1
error: branch A has version 2, not 1
hint: somebody changed it; look at it again: orgctl branch show A
[exit 4]
"
        );
        // Two who change different fields both have their way.
        p.run("branch update A --state Maharashtra").ok();
        p.run("branch update A --phone '098200 12345'").ok();
        let a = p.json("branch show A");
        assert_eq!([&a["city"], &a["state"], &a["phone"]], ["Pune", "Maharashtra", "+919820012345"]);
        assert_eq!(a["version"], 4);
        assert!(
            p.run("branch update A B --city X --if-version 1").fails(2).contains("--if-version goes with one record")
        );
        p.run("branch update A --city X --if-version one").fails(2);
        // A refusal of this kind is remembered.
        assert_eq!(p.column("audit list --status failed --org ACME", "action"), ["update"]);
    });
}

/// Two processes at once: neither loses what the other wrote.
#[test]
fn two_updates_at_once_both_survive() {
    on_both_engines_with_acme(|p| {
        branches(p, &["A"]);
        let runs =
            ["--city Pune", "--state Goa", "--country India", "--address-line1 'Fort Road'", "--manager-name Rao"];
        let started: Vec<_> = runs
            .iter()
            .map(|flags| {
                let mut command = p.spawn(&format!("branch update A {flags}"));
                command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
                command.spawn().expect("a process")
            })
            .collect();
        for child in started {
            let done = child.wait_with_output().expect("its end");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
        let a = p.json("branch show A");
        assert_eq!([&a["city"], &a["state"], &a["country"]], ["Pune", "Goa", "India"]);
        assert_eq!([&a["address_line1"], &a["manager_name"]], ["Fort Road", "Rao"]);
        assert_eq!(a["version"], 6);
        p.run("audit verify --deep").ok();
    });
}
