//! --dry-run: the whole work is done, told, and undone.

use crate::harness::{TestEnv, on_both_engines_with_acme};

/// All that a reader can see of the data.
fn everything(p: &TestEnv) -> String {
    let orgs = p.run("org list --with-deleted -o ndjson").ok();
    let branches = p.run("branch list --with-deleted -o ndjson").ok();
    format!("{orgs}{branches}{} records", p.audit_records())
}

#[test]
fn a_dry_run_tells_what_the_run_then_does_and_leaves_nothing() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code A --name A").ok();
        p.run("branch create --code B --name B --parent A").ok();
        p.run("branch create --code Z --name Z").ok();
        p.run("branch delete Z --yes").ok();
        let file = p.write("b.csv", "code,name,parent\nA,New name,\nC,C,D\nD,D,A\n");
        let faulty = p.write("f.csv", "code,name,parent\nE,E,\nF,,\nG,G,NOPE\n");
        let note = "dry run: nothing was changed\n";
        for (line, code) in [
            ("branch create --code c1 --name New --parent A".to_owned(), 0),
            ("branch update A --name Other --city Goa --if-version 1".to_owned(), 0),
            ("branch deactivate A B".to_owned(), 0),
            ("branch move B --root".to_owned(), 0),
            ("branch restore Z".to_owned(), 0),
            (format!("branch import {file} --on-conflict update --force"), 0),
            (format!("branch import {faulty} --keep-going"), 7),
            ("branch delete A --cascade --yes".to_owned(), 0),
            ("branch purge C --yes".to_owned(), 0),
            ("org create --code GLOBEX --name Globex".to_owned(), 0),
            ("setting set --org ACME password.min_length 20".to_owned(), 0),
            ("setting reset --org ACME password.min_length".to_owned(), 0),
        ] {
            let before = everything(p);
            let dry = p.run(&format!("{line} --dry-run")).fails(code);
            assert_eq!(everything(p), before, "{line}");
            assert!(dry.contains(note), "{line}: {dry}");
            let wet = p.run(&line).fails(code);
            assert_ne!(everything(p), before, "{line}");
            // The speed of an import is its own each time.
            let timeless = |text: &str| {
                text.lines().map(|l| l.split(" (").next().unwrap_or_default().to_owned() + "\n").collect::<String>()
            };
            assert_eq!(timeless(&dry.replace(note, "")), timeless(&wet), "{line}");
        }
        // What the run would refuse the dry run refuses too, and that is not recorded.
        let before = everything(p);
        let org = "--org ACME --dry-run";
        p.run(&format!("branch create --code E --name Again {org}")).fails(4);
        p.run(&format!("branch update E --pincode 1 {org}")).fails(6);
        p.run(&format!("branch update E --parent E {org}")).fails(4);
        p.run("org delete ACME --yes --dry-run").fails(4);
        p.run("branch delete NOPE --dry-run").fails(3);
        p.run(&format!("branch import {faulty} {org}")).fails(6);
        assert_eq!(everything(p), before);
        // A dry run asks nothing: it changes nothing.
        assert_eq!(
            p.run("branch delete E --dry-run --org ACME").fails(0),
            "deleted branch E\ndry run: nothing was changed\n"
        );
        p.run("org delete ACME --cascade --dry-run").ok();
        assert_eq!(everything(p), before);
        // No number was used up on the way.
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}
