//! Roles and what hangs on them: the permissions that a role gives, the roles that it inherits from, and who has it.

use orgctl::cli::program::Program;

use crate::harness::{TestEnv, on_both_engines_with, on_both_engines_with_acme as both};

fn all_is_well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

fn roles(p: &TestEnv, codes: &[&str]) {
    for code in codes {
        p.run(&format!("role create --code {code} --name {code}")).ok();
    }
}

fn users(p: &TestEnv) {
    for (code, name) in [("ASHA22", "asha"), ("RAV222", "ravi"), ("MEE222", "meena")] {
        p.run(&format!("user create --user-code {code} --name {name} --username {name}")).ok();
    }
}

#[test]
fn a_role_is_called_without_what_earlier_systems_put_before_it() {
    both(|p| {
        p.run("role create --code role_auditor --name Auditor").ok();
        assert_eq!(p.column("role list", "code"), ["AUDITOR"]);
        p.run("role show ROLE_AUDITOR").ok();
        assert!(p.run("role create --code ROLE_ --name X").fails(6).contains("code must have something behind ROLE_"));
        p.run("role create --code AUDITOR --name Again").fails(4);
        let file = p.write("roles.csv", "role_code,role_name\nROLE_TECH,Technician\nsales,Sales\n");
        p.run(&format!("role import {file}")).ok();
        assert_eq!(p.column("role list --sort code", "code"), ["AUDITOR", "SALES", "TECH"]);
        all_is_well(p);
    });
}

#[test]
fn permissions_are_open_words() {
    both(|p| {
        roles(p, &["AUDITOR"]);
        p.run("role-permission create --role auditor --resource Audit --action read --own-branch yes").ok();
        p.run("role-permission create --role AUDITOR --resource '*' --action export").ok();
        p.run("role-permission create --role AUDITOR --resource assets --action '*'").ok();
        let keys = ["AUDITOR:*:export", "AUDITOR:assets:*", "AUDITOR:audit:read"];
        assert_eq!(p.column("role-permission list --sort key", "key"), keys);
        let shown = p.run("role-permission show AUDITOR:audit:READ -o json").json();
        assert_eq!((&shown["own_branch"], &shown["own_records"]), (&true.into(), &false.into()));
        for (word, why) in [("user*", "'*' within a word"), ("audit read", "letters a-z"), ("1st", "letters a-z")] {
            let said = p.run(&format!("role-permission create --role AUDITOR --resource '{word}' --action read"));
            assert!(said.fails(6).contains(why), "{word}");
        }
        assert!(
            p.run("role-permission create --role AUDITOR --resource audit --action READ").fails(4).contains("exists")
        );
        // The catalogue knows words, not patterns.
        p.run("permission create --resource audit --action read --description 'Read the trail'").ok();
        assert!(p.run("permission create --resource '*' --action read").fails(6).contains("names none by itself"));
        p.run("permission show audit:read").ok();
        // Under the names that an earlier system has for the conditions.
        let file = p.write(
            "grants.csv",
            "role,resource,action,own_records_only,own_branch_only,require_approval\nAUDITOR,users,read,1,no,TRUE\n",
        );
        p.run(&format!("role-permission import {file}")).ok();
        let shown = p.run("role-permission show AUDITOR:users:read -o json").json();
        assert_eq!((&shown["own_records"], &shown["require_approval"]), (&true.into(), &true.into()));
        // They are part of their role.
        p.run("role delete AUDITOR --yes").ok();
        assert_eq!(p.column("role-permission list", "key"), Vec::<String>::new());
        p.run("role restore AUDITOR").ok();
        assert_eq!(p.column("role-permission list", "key").len(), 4);
        all_is_well(p);
    });
}

#[test]
fn no_role_inherits_from_itself() {
    both(|p| {
        roles(p, &["A", "B", "C", "D", "E"]);
        assert!(p.run("role inherit A A").fails(4).contains("role A can't stand below itself: A > A"));
        p.run("role inherit A B C").ok();
        p.run("role inherit B D").ok();
        p.run("role inherit C D").ok();
        p.run("role inherit D E").ok();
        let records = p.audit_records();
        let said = p.run("role inherit E A").fails(4);
        assert!(said.contains("role A can't stand below itself: A > "), "{said}");
        assert!(said.contains("hint: choose a parent that does not lead back"), "{said}");
        // The refused write is recorded, and nothing else.
        assert_eq!(p.audit_records(), records + 1);
        assert_eq!(p.column("role-inheritance list --filter parent=D --sort key", "key"), ["B:D", "C:D"]);

        // What was taken back closes no circle, until it comes back.
        p.run("role disinherit D E --yes").ok();
        p.run("role inherit E A").ok();
        assert!(p.run("role-inheritance restore D:E").fails(4).contains("can't stand below itself"));
        p.run("role-inheritance delete E:A --yes").ok();
        p.run("role-inheritance restore D:E").ok();

        // A file: the rows that close a circle fall, whatever their order, and the others may stay.
        let file = p.write("links.csv", "role,parent\nE,B\nE,C\nA,E\n");
        let report = p.run(&format!("role-inheritance import {file} -o json"));
        let told = report.json();
        report.fails(6);
        assert_eq!((&told["created"], &told["rejected"]), (&0.into(), &2.into()), "{told}");
        let part = p.run(&format!("role-inheritance import {file} --keep-going -o json"));
        let told = part.json();
        part.fails(7);
        assert_eq!((&told["created"], &told["rejected"]), (&1.into(), &2.into()), "{told}");
        p.run("role-inheritance exists A:E").ok();
        // A role that others inherit from is protected by them.
        assert!(p.run("role delete E --yes").fails(4).contains("D:E"));
        p.run("role delete A --yes").ok();
        all_is_well(p);
    });
}

#[test]
fn who_inherited_from_a_role_inherits_from_its_successor() {
    both(|p| {
        roles(p, &["A", "B", "C", "D", "OLD"]);
        p.run("role inherit A OLD B").ok();
        p.run("role inherit B OLD").ok();
        p.run("role inherit C OLD").ok();
        // A has both, and B can't inherit from itself.
        p.run("role delete OLD --reassign-to B --yes").ok();
        assert_eq!(p.column("role-inheritance list --sort key", "key"), ["A:B", "C:B"]);
        all_is_well(p);
        // Two that go, and who inherited from both.
        p.run("role create --code E --name E").ok();
        p.run("role inherit C D").ok();
        p.run("role delete B D --reassign-to E --yes").ok();
        assert_eq!(p.column("role-inheritance list --sort key", "key"), ["A:E", "C:E"]);
        all_is_well(p);
    });
}

/// What a role had comes back with it, whatever became of the rest of the world.
#[test]
fn a_role_comes_back_as_it_was() {
    both(|p| {
        roles(p, &["A", "B", "OFF"]);
        users(p);
        p.run("role inherit A OFF").ok();
        p.run("role assign A asha ravi --is-primary yes").ok();
        p.run("role assign A meena").ok();
        p.run("role unassign A meena --yes").ok();
        p.run("role deactivate OFF").ok();
        p.run("role delete A --yes").ok();
        p.run("role assign B asha --is-primary yes").ok();
        let said = p.run("role restore A");
        assert!(said.err.contains("role-grant A:ASHA22 has no is_primary any more"), "{}", said.err);
        assert!(!said.err.contains("A:RAV222"), "{}", said.err);
        said.ok();
        assert_eq!(p.column("role-inheritance list", "key"), ["A:OFF"]);
        assert_eq!(p.column("role-grant list --filter is_primary=yes --sort key", "key"), ["A:RAV222", "B:ASHA22"]);
        assert_eq!(
            p.column("role-grant list --filter status=active --sort key", "key"),
            ["A:ASHA22", "A:RAV222", "B:ASHA22"]
        );
        all_is_well(p);
    });
}

#[test]
fn a_grant_has_an_end_and_a_place() {
    both(|p| {
        roles(p, &["AUDITOR", "SALES"]);
        users(p);
        p.run("branch create --code MUM --name Mumbai").ok();
        p.run("dept create --code HR --name People").ok();
        let made = p.run("role assign AUDITOR asha --expires-at 2031-01-01 -o json").json();
        assert_eq!(made["key"], "AUDITOR:ASHA22");
        assert!(made["granted_at"].is_string() && made["granted_by"].is_null(), "{made}");
        p.run("role assign AUDITOR asha --branch MUM").ok();
        p.run("role assign AUDITOR asha --branch MUM --department HR").ok();
        assert_eq!(
            p.column("role-grant list --sort key", "key"),
            ["AUDITOR:ASHA22", "AUDITOR:ASHA22:MUM", "AUDITOR:ASHA22:MUM:HR"]
        );
        // The same with another end is another grant, which takes the place of the one.
        p.run("role assign AUDITOR asha --expires-at 2032-01-01").ok();
        assert_eq!(p.column("role-grant list --filter 'branch= user=asha'", "key"), ["AUDITOR:ASHA22"]);
        assert!(
            p.run("role assign SALES asha --expires-at 2001-01-01")
                .fails(6)
                .contains("expires_at must not be before granted_at")
        );
        // What is not said anew stays: nobody keeps a role for good by becoming who acts by it.
        p.run("role assign AUDITOR asha --is-primary yes --granted-by ravi").ok();
        let shown = p.run("role-grant show AUDITOR:ASHA22 -o json").json();
        assert!(
            shown["expires_at"].as_str().is_some_and(|t| t.starts_with("2032-01-01") || t.starts_with("2031-12-31")),
            "{shown}"
        );
        assert_eq!((&shown["is_primary"], &shown["granted_by"]), (&true.into(), &"RAV222".into()));
        p.run("role assign AUDITOR asha --expires-at '' --is-primary no").ok();
        let shown = p.run("role-grant show AUDITOR:ASHA22 -o json").json();
        assert!(shown["expires_at"].is_null() && shown["granted_by"].is_null(), "{shown}");
        // One role at most is the first.
        p.run("role assign SALES asha --is-primary yes").ok();
        let two = p.run("role-grant update AUDITOR:ASHA22 --is-primary yes").fails(4);
        assert!(two.contains("is_primary"), "{two}");
        // What is taken back has ended, and stays as history.
        p.run("role unassign AUDITOR asha --yes").ok();
        assert_eq!(p.column("role-grant list --filter 'role=AUDITOR status=active'", "key").len(), 2);
        assert!(p.run("role-grant show AUDITOR:ASHA22").fails(3).contains("role-grant AUDITOR:ASHA22 has ended"));
        let both = p.run("role-grant purge AUDITOR:ASHA22 --yes").fails(4);
        assert!(both.contains("several role grants that have ended had the key AUDITOR:ASHA22"), "{both}");
        // A branch takes with it what is narrowed to it.
        p.run("branch delete MUM --yes").ok();
        assert_eq!(p.column("role-grant list --filter status=active", "key"), ["SALES:ASHA22"]);
        p.run("branch restore MUM").ok();
        p.run("user delete asha --yes").ok();
        assert_eq!(p.column("role-grant list --filter status=active", "key"), Vec::<String>::new());
        p.run("user restore asha").ok();
        p.run("role delete SALES --yes").ok();
        assert_eq!(p.column("role-grant list --filter status=active --sort key", "key").len(), 2);
        all_is_well(p);
    });
}

/// What has ended by itself is in nobody's way.
#[test]
fn a_grant_outlives_one_that_has_expired_when_people_are_merged() {
    both(|p| {
        roles(p, &["A"]);
        users(p);
        p.run("role assign A asha --expires-at 2031-01-01").ok();
        p.run("role assign A ravi --granted-at 2020-01-01 --expires-at 2021-01-01").ok();
        p.run("user merge asha ravi --yes").ok();
        assert_eq!(p.column("role-grant list --filter status=active", "key"), ["A:RAV222"]);
        assert!(p.json("role-grant show A:ravi")["expires_at"].as_str().is_some_and(|t| t.starts_with("20")));
        all_is_well(p);
    });
}

/// Where both have the same grant the one that stays has one, his own.
#[test]
fn grants_are_merged() {
    both(|p| {
        roles(p, &["AUDITOR", "SALES"]);
        users(p);
        p.run("role assign AUDITOR asha ravi --expires-at 2031-01-01").ok();
        p.run("role assign SALES asha").ok();
        p.run("user merge asha ravi --yes").ok();
        assert_eq!(
            p.column("role-grant list --filter status=active --sort key", "key"),
            ["AUDITOR:RAV222", "SALES:RAV222"]
        );
        all_is_well(p);
    });
}

#[test]
fn a_feature_covers_resources() {
    both(|p| {
        p.run("feature create --code KYC --name 'Know your customer' --resources 'kyc, consents;kyc'").ok();
        p.run("feature create --code PAN --name PAN --parent KYC --resources pans").ok();
        p.run("feature create --code MISC --name Others").ok();
        let shown = p.run("feature show KYC -o json").json();
        assert_eq!(shown["resources"], serde_json::json!(["consents", "kyc"]));
        assert_eq!(p.run("feature show MISC -o json").json()["resources"], serde_json::json!([]));
        for (filter, codes) in [
            ("resources=kyc", &["KYC"][..]),
            ("resources=kyc;consents", &["KYC"]),
            ("resources=kyc;pans", &[]),
            ("resources=kyc,pans", &["KYC", "PAN"]),
            ("resources=", &["MISC"]),
            ("resources!=kyc", &["MISC", "PAN"]),
            ("resources~con", &["KYC"]),
        ] {
            assert_eq!(p.column(&format!("feature list --sort code --filter '{filter}'"), "code"), codes, "{filter}");
        }
        assert!(p.run("feature create --code X --name X --resources 'a b'").fails(6).contains("resources"));
        assert!(p.run("feature update KYC --parent PAN").fails(4).contains("can't stand below itself"));
        assert!(p.run("feature delete KYC --yes").fails(4).contains("PAN"));
        // Exported and imported again nothing changes.
        let file = p.write("features.csv", p.run("feature export").ok());
        let report = p.run(&format!("feature import {file} --on-conflict update -o json")).json();
        assert_eq!((&report["updated"], &report["unchanged"]), (&0.into(), &3.into()));
        // So it is as JSON, which has arrays.
        let lines = p.write("features.ndjson", p.run("feature export -o ndjson").ok());
        let report = p.run(&format!("feature import {lines} --on-conflict update -o json")).json();
        assert_eq!((&report["updated"], &report["unchanged"]), (&0.into(), &3.into()), "{report}");
        let nested = p.write("nested.json", r#"[{"code": "X", "name": "X", "resources": [["a"], "b"]}]"#);
        assert!(p.run(&format!("feature import {nested}")).fails(6).contains("resources"));
        p.run("feature update KYC --resources ''").ok();
        assert_eq!(p.run("feature show KYC -o json").json()["resources"], serde_json::json!([]));
        all_is_well(p);
    });
}

#[test]
fn a_role_that_is_inactive_is_given_only_by_force() {
    both(|p| {
        roles(p, &["OFF"]);
        users(p);
        p.run("role deactivate OFF").ok();
        // It may be prepared meanwhile.
        p.run("role-permission create --role OFF --resource users --action read").ok();
        let said = p.run("role assign OFF asha").fails(4);
        assert!(said.contains("role OFF is not in use, and takes no new role-grant: role-grant OFF:ASHA22"), "{said}");
        assert!(said.contains("'orgctl role activate OFF' activates it; --force goes ahead all the same"), "{said}");
        p.run("role assign OFF asha --force").ok();
        let file = p.write("grants.csv", "role,user\nOFF,ravi\n");
        let said = p.run(&format!("role-grant import {file}")).fails(6);
        assert!(said.contains("role OFF is not in use, and takes no new role-grant without --force"), "{said}");
        p.run(&format!("role-grant import {file} --force")).ok();
        // Who has it keeps it, and another end of it is no new one.
        p.run("role-grant update OFF:asha --expires-at 2031-01-01").ok();
        p.run("role activate OFF").ok();
        let said = p.run("role deactivate OFF").err;
        assert!(said.contains("note: 2 users are in role OFF; it takes no new ones without --force"), "{said}");
        all_is_well(p);
    });
}

#[test]
fn a_file_of_grants_that_are_over_is_loaded_once() {
    both(|p| {
        roles(p, &["A"]);
        users(p);
        let over = p.write("over.csv", "role,user,granted_at,expires_at\nA,asha,2020-01-01,2021-01-01\n");
        let load = |flags: &str| p.run(&format!("role-grant import {over} {flags} -o json"));
        assert_eq!(load("").json()["created"], 1);
        for _ in 0..2 {
            let told = load("--on-conflict update").json();
            assert_eq!((&told["created"], &told["unchanged"]), (&0.into(), &1.into()), "{told}");
        }
        assert!(p.run(&format!("role-grant import {over}")).fails(6).contains("exists already"));
        assert_eq!(p.column("role-grant list --with-deleted --all", "key").len(), 1);
        // What holds takes its place.
        let now = p.write("now.csv", "role,user\nA,asha\n");
        assert_eq!(p.run(&format!("role-grant import {now} --on-conflict update -o json")).json()["created"], 1);
        assert_eq!(p.column("role-grant list --with-deleted --all --sort status", "status"), ["active", "ended"]);
        all_is_well(p);
    });
}

#[test]
fn a_role_has_approvers() {
    both(|p| {
        roles(p, &["A", "B"]);
        users(p);
        p.run("role add-approver A asha ravi").ok();
        p.run("role add-approver B asha").ok();
        assert_eq!(p.column("role-approver list --sort key", "key"), ["A:ASHA22", "A:RAV222", "B:ASHA22"]);
        // They are in charge: who leaves hands that over, to one who may be there already.
        let said = p.run("user deactivate asha").fails(4);
        assert!(said.contains("2 role approvers (user): A:ASHA22, B:ASHA22 depend on it"), "{said}");
        p.run("user deactivate asha --reassign-to ravi").ok();
        assert_eq!(p.column("role-approver list --sort key", "key"), ["A:RAV222", "B:RAV222"]);
        assert!(p.run("role add-approver A asha").fails(4).contains("is not in use, and can't be the user"));
        p.run("user delete ravi --reassign-to meena --yes").ok();
        assert_eq!(p.column("role-approver list --sort key", "key"), ["A:MEE222", "B:MEE222"]);
        p.run("role remove-approver A meena --yes").ok();
        // They go and come back with the role.
        p.run("role delete B --yes").ok();
        assert_eq!(p.column("role-approver list", "key"), Vec::<String>::new());
        p.run("role restore B").ok();
        assert_eq!(p.column("role-approver list", "key"), ["B:MEE222"]);
        all_is_well(p);
    });
}

/// A time may be told by how far away it is, wherever somebody gives one now; a file is read again another day.
#[test]
fn a_grant_ends_so_long_from_now() {
    both(|p| {
        roles(p, &["AUDITOR"]);
        users(p);
        // The clock of the tests begins with 2026-11-21, and goes on by a millisecond each time that it is asked.
        let said = p.run("role assign AUDITOR asha --expires-at 30d");
        assert!(said.err.contains("expires_at 2026-12-21T00:00:00."), "{}", said.err);
        let end = |user: &str| {
            p.run(&format!("role-grant show AUDITOR:{user} -o json")).json()["expires_at"].as_str().expect("a time")
                [..19]
                .to_owned()
        };
        assert_eq!(end("ASHA22"), "2026-12-21T00:00:00");
        p.run("role-grant update AUDITOR:ASHA22 --expires-at 2h").ok();
        assert_eq!(end("ASHA22"), "2026-11-21T02:00:00");
        p.run("role assign AUDITOR ravi --expires-at 4w").ok();
        assert_eq!(end("RAV222"), "2026-12-19T00:00:00");
        let file = p.write("grants.csv", "role,user\nAUDITOR,meena\n");
        let said = p.run(&format!("role-grant import {file} --set expires_at=90m"));
        assert!(said.err.contains("expires_at 2026-11-21T01:30:00."), "{}", said.err);
        assert_eq!(end("MEE222"), "2026-11-21T01:30:00");
        let file = p.write("grants.csv", "role,user,expires_at\nAUDITOR,meena,30d\n");
        assert!(
            p.run(&format!("role-grant import {file} --on-conflict update")).fails(6).contains("must be a time like")
        );
        for wrong in ["30", "30x", "99999999w", "d", "-3d"] {
            let said = p.run(&format!("role-grant update AUDITOR:ASHA22 --expires-at={wrong}"));
            assert!(said.fails(6).contains("or 30d (from now), not"), "{wrong}");
        }
        for wrong in ["0d", "9999999d"] {
            p.run(&format!("role-grant update AUDITOR:ASHA22 --expires-at {wrong}")).fails(6);
            p.run(&format!("role-grant import {file} --set expires_at={wrong} --ignore-unknown")).fails(2);
        }
        // A filter looks the same way, and what was given has been.
        assert_eq!(p.column("role-grant list --filter 'expires_at<3h' --sort key", "user"), ["ASHA22", "MEE222"]);
        assert_eq!(p.column("role-grant list --filter 'expires_at>3w'", "user"), ["RAV222"]);
        assert_eq!(
            p.column("role-grant list --filter 'granted_at>1h' --sort key", "user"),
            ["ASHA22", "MEE222", "RAV222"]
        );
        let said = p.run("role assign AUDITOR asha --branch B --granted-at 30d");
        assert!(!said.err.contains("2026-12-21"), "{}", said.err);
        all_is_well(p);
    });
}

/// What a file says of grants is told by the columns that it has; one that was taken back in time to come is refused, and one that is
/// over by then is no leaver.
#[test]
fn a_file_of_grants_is_told_by_its_columns() {
    both(|p| {
        users(p);
        roles(p, &["AUDITOR", "CLERK"]);
        p.run("role assign AUDITOR ravi").ok();
        let load = |rows: &str, flags: &str| p.run(&format!("role-grant import {} {flags}", p.write("g.csv", rows)));
        let said = load("role,user\nAUDITOR,ravi\nCLERK,ravi\nCLERK,ravi\n", "").fails(6);
        assert!(said.contains("rejected line 2, user: role-grant AUDITOR:ravi exists already"), "{said}");
        assert!(said.contains("rejected line 4, user: role-grant CLERK:ravi stands in the file already"), "{said}");
        let ahead = "role,user,ended_at\nAUDITOR,ravi,2999-01-01\n";
        for flags in ["", "--on-conflict update"] {
            let said = load(ahead, flags).fails(6);
            assert!(said.contains("ended_at is yet to come: expires_at says until when it holds"), "{said}");
        }
        assert_eq!(p.column("role-grant list", "status"), ["active"]);
        // Its end is that of a grant, not of somebody who leaves.
        p.wait(3600);
        load("role,user,expires_at\nAUDITOR,ravi,2026-11-21T00:30:00Z\n", "--on-conflict update").ok();
        assert_eq!(p.column("role-grant list", "status"), ["expired"]);
        all_is_well(p);
    });
}

/// What is there already is told with its end, and what is replaced with the end that it had; a word of which a star stands for nothing is
/// told.
#[test]
fn a_grant_is_told_with_its_end() {
    on_both_engines_with(Program::SHIPPED, &["init --org-code ACME --org-name Acme"], |p| {
        p.run("user create --user-code ASHA22 --name Asha --username asha --org ACME").ok();
        roles(p, &["HELPER"]);
        let said = p.run("role grant HELPER 'user:*' '*:raed' 'orgs:*' '*:read'").err;
        assert!(
            said.contains("user:* contains nothing of the catalogue of permissions; did you mean users:*?"),
            "{said}"
        );
        assert!(
            said.contains("*:raed contains nothing of the catalogue of permissions; did you mean *:read?"),
            "{said}"
        );
        assert_eq!(said.matches("contains nothing").count(), 2, "{said}");
        p.run("role assign HELPER asha --until 2999-01-01").ok();
        let said = p.run("role assign HELPER asha").err;
        assert!(said.contains("is there already, until 2999-01-01T00:00:00.000000Z; nothing was changed"), "{said}");
        let said = p.run("role assign HELPER asha --until ''").err;
        assert!(said.contains("which has ended and would have ended at 2999-01-01T00:00:00.000000Z"), "{said}");
        let said = p.run("role assign HELPER asha --until 2998-01-01").err;
        assert!(said.contains("which has ended and had no end"), "{said}");
    });
}
