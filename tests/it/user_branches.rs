//! The branches of people are links: each has a row, an id and a history of its own, and the columns `branch` and `branches`
//! are read from them.

use serde_json::{Value as Json, json};

use orgctl::model::clock::Clock as _;

use crate::harness::{TestEnv, on_both_engines_with_acme};
use crate::raw::int;

/// Three branches, and Asha in Mumbai, Ravi in Pune.
fn company(p: &TestEnv) {
    for (code, name) in [("MUM", "Mumbai"), ("PUN", "Pune"), ("GOA", "Goa")] {
        p.run(&format!("branch create --code {code} --name {name}")).ok();
    }
    for (code, name, branch) in [("ASHA22", "asha", "MUM"), ("RAV222", "ravi", "PUN")] {
        p.run(&format!("user create --user-code {code} --name {name} --username {name} --branch {branch}")).ok();
    }
}

/// What a user is told to have.
fn told(p: &TestEnv, user: &str) -> (Json, Json) {
    let user = p.json(&format!("user show {user}"));
    (user["branch"].clone(), user["branches"].clone())
}

fn all_is_well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

#[test]
fn a_branch_is_given_and_taken_back() {
    on_both_engines_with_acme(|p| {
        company(p);
        assert_eq!(
            p.transcript("branch assign PUN ASHA22 RAV222"),
            "$ orgctl branch assign PUN ASHA22 RAV222\ncreated user-branch PUN:ASHA22 in ACME\n\
             user-branch PUN:RAV222 is there already; nothing was changed\n1 created, 1 unchanged\n"
        );
        assert_eq!(told(p, "asha"), (json!("MUM"), json!(["MUM", "PUN"])));
        assert_eq!(
            p.run("user-branch list --columns key,is_primary -o tsv").ok(),
            "key\tis_primary\nMUM:ASHA22\ttrue\nPUN:ASHA22\tfalse\nPUN:RAV222\ttrue\n"
        );
        assert_eq!(p.column("user list --filter branch=PUN", "user_code"), ["RAV222"]);
        assert_eq!(p.column("user list --filter branch!=PUN", "user_code"), ["ASHA22"]);
        assert_eq!(p.column("user list --filter branches=PUN", "user_code"), ["ASHA22", "RAV222"]);
        assert_eq!(p.column("user list --filter in_branch=PUN", "user_code"), ["ASHA22", "RAV222"]);
        assert_eq!(p.column("user list --filter branch=", "user_code"), Vec::<String>::new());
        // The own branch goes over to one that is there: no other is made, and the former one is given up.
        p.run("user update asha --branch PUN").ok();
        assert_eq!(told(p, "asha"), (json!("PUN"), json!(["PUN"])));
        // To one that is not there the link itself goes over.
        let id = p.json("user-branch show PUN:ASHA22")["id"].clone();
        p.run("user move asha --branch GOA").ok();
        assert_eq!(p.json("user-branch show GOA:ASHA22")["id"], id);
        p.run("user update asha --branch ''").ok();
        assert_eq!(told(p, "asha"), (json!(null), json!([])));
        p.run("user-branch restore GOA:ASHA22").ok();
        assert_eq!(told(p, "asha"), (json!("GOA"), json!(["GOA"])));
        p.run("branch assign MUM asha").ok();
        p.run("branch unassign GOA asha --yes").ok();
        assert_eq!(told(p, "asha"), (json!(null), json!(["MUM"])), "the others are not the own one for that");
        assert_eq!(p.column("user list --filter branch=", "user_code"), ["ASHA22"]);
        // Only one is the own one.
        p.run("user-branch update MUM:ASHA22 --is-primary yes").ok();
        p.run("branch assign GOA asha").ok();
        let said = p.run("user-branch update GOA:ASHA22 --is-primary yes").fails(4);
        assert!(said.contains("MUM:ASHA22") && said.contains("GOA:ASHA22"), "{said}");
        all_is_well(p);
    });
}

#[test]
fn who_is_of_no_such_branch_is_refused() {
    on_both_engines_with_acme(|p| {
        company(p);
        p.run("org create --code BETA --name Beta").ok();
        p.run("branch create --code FAR --name Far --org BETA").ok();
        p.run("branch create --code OLD --name Old --org ACME").ok();
        p.run("branch delete OLD --yes --org ACME").ok();
        for (line, code) in [
            ("branch assign FAR asha", 3),
            ("branch assign OLD asha", 3),
            ("user update asha --branch FAR", 3),
            ("branch assign MUM nobody", 3),
            ("branch unassign GOA asha --yes", 3),
        ] {
            let before = told(p, "asha");
            p.run(&format!("{line} --org ACME")).fails(code);
            assert_eq!(told(p, "asha"), before, "{line}");
        }
        // A file may name one twice, which is once.
        let load = "user import - --on-conflict update --org ACME";
        p.run_with(load, "user_code,branches\nASHA22,MUM;PUN;mum;PUN\n").ok();
        assert_eq!(told(p, "asha"), (json!("MUM"), json!(["MUM", "PUN"])));
        let said = p.run_with(load, "user_code,branches\nASHA22,MUM;FAR\n").fails(6);
        assert!(said.contains("branch FAR does not exist"), "{said}");
        all_is_well(p);
    });
}

#[test]
fn a_branch_that_goes_takes_hands_over_or_keeps_its_people() {
    on_both_engines_with_acme(|p| {
        company(p);
        p.run("branch assign GOA asha ravi").ok();
        let said = p.run("branch delete PUN --yes").fails(4);
        assert!(said.contains("1 user-branch (branch): PUN:RAV222 depends on it"), "{said}");
        // Who has the other one already is of it alone, and it is the own one where the one that went was that.
        p.run("branch delete PUN --reassign-to GOA --yes").ok();
        assert_eq!(told(p, "ravi"), (json!("GOA"), json!(["GOA"])));
        p.run("branch delete GOA --orphan --yes").ok();
        assert_eq!((told(p, "ravi"), told(p, "asha")), ((json!(null), json!([])), (json!("MUM"), json!(["MUM"]))));
        p.run("branch restore GOA").ok();
        assert_eq!(told(p, "ravi"), (json!("GOA"), json!(["GOA"])));
        assert_eq!(told(p, "asha"), (json!("MUM"), json!(["MUM", "GOA"])));
        // With a person goes that he or she is of branches, and comes back.
        p.run("user delete asha --yes").ok();
        let gone = p.json("user list --deleted");
        assert_eq!((&gone[0]["branch"], &gone[0]["branches"]), (&json!("MUM"), &json!(["MUM", "GOA"])));
        assert_eq!(p.column("user-branch list", "key"), ["GOA:RAV222"]);
        p.run("branch delete MUM --yes").ok();
        p.run("user restore asha").ok();
        assert_eq!(told(p, "asha"), (json!(null), json!(["GOA"])), "Mumbai is not there");
        p.run("branch restore MUM").ok();
        assert_eq!(told(p, "asha"), (json!("MUM"), json!(["MUM", "GOA"])), "and with it she is of it again");
        // What was once so does not keep a branch from being purged.
        p.run("branch unassign GOA asha ravi --yes").ok();
        p.run("branch delete GOA --yes").ok();
        p.run("branch purge GOA --yes").ok();
        p.run("user delete ravi --yes").ok();
        p.run("user purge ravi --yes").ok();
        assert_eq!(int(p, "select count(*) from user_branches"), 1);
        all_is_well(p);
    });
}

#[test]
fn two_who_become_one_are_of_each_branch_once() {
    on_both_engines_with_acme(|p| {
        company(p);
        p.run("branch assign GOA asha ravi").ok();
        let kept = p.json("user-branch show GOA:ASHA22")["id"].clone();
        let then = orgctl::model::values::value::rfc3339(p.clock.now());
        p.wait(60);
        let said = p.run("user merge ravi asha --yes").fails(0);
        assert!(said.contains("1 that user ASHA22 (asha) has too went with user RAV222 (ravi)"), "{said}");
        assert_eq!(told(p, "asha"), (json!("MUM"), json!(["MUM", "GOA", "PUN"])));
        assert_eq!(p.json("user-branch show GOA:ASHA22")["id"], kept);
        let was = p.json(&format!("user show RAV222 --as-of {then}"));
        assert_eq!((&was["branch"], &was["branches"]), (&json!("PUN"), &json!(["PUN", "GOA"])));
        all_is_well(p);
    });
}

/// A list gives what holds everywhere and for good; what is given for a time or in one place is not its to take.
#[test]
fn a_list_of_roles_leaves_alone_what_it_does_not_tell() {
    on_both_engines_with_acme(|p| {
        company(p);
        for code in ["AUDITOR", "CLERK", "MANAGER", "GUEST"] {
            p.run(&format!("role create --code {code} --name {code}")).ok();
        }
        p.run("role assign AUDITOR asha --expires-at 2027-03-01").ok();
        p.run("role assign GUEST asha --expires-at 2027-03-01 --is-primary yes").ok();
        p.run("role assign CLERK asha --branch PUN").ok();
        p.run("role assign MANAGER asha").ok();
        assert_eq!(p.json("user show asha")["roles"], json!(["MANAGER"]));
        assert_eq!(p.column("user list --filter roles=MANAGER", "user_code"), ["ASHA22"]);
        assert_eq!(p.column("user list --filter roles=CLERK", "user_code"), Vec::<String>::new());
        let end = p.json("role-grant show AUDITOR:ASHA22")["expires_at"].clone();
        let load = |roles: &str| {
            let rows = format!("user_code,roles\nASHA22,{roles}\n");
            p.run_with("user import - --on-conflict update", &rows).fails(0)
        };
        let said = load("CLERK;AUDITOR");
        assert!(said.contains("updated 1") && said.contains("1 member of a list is there for a time"), "{said}");
        let grants = || {
            let mut keys = p.column("role-grant list", "key");
            keys.sort();
            keys
        };
        assert_eq!(grants(), ["AUDITOR:ASHA22", "CLERK:ASHA22", "CLERK:ASHA22:PUN", "GUEST:ASHA22"]);
        assert_eq!(p.json("role-grant show AUDITOR:ASHA22")["expires_at"], end);
        assert_eq!(p.json("role-grant show GUEST:ASHA22")["is_primary"], json!(true), "the list leaves it primary");
        assert_eq!(p.json("user show asha")["roles"], json!(["CLERK"]));
        let records = p.audit_records();
        let said = load("AUDITOR;CLERK");
        assert!(said.contains("unchanged 1") && said.contains("1 member of a list is there for a time"), "{said}");
        assert_eq!(p.audit_records(), records);
        // Where nothing else is, the first of the list is the primary one.
        p.run("role unassign GUEST asha --yes").ok();
        load("MANAGER;CLERK");
        assert_eq!(p.json("role-grant show MANAGER:ASHA22")["is_primary"], json!(true));
        let said = load("CLERK;MANAGER");
        assert!(said.contains("updated 1"), "{said}");
        assert_eq!(p.json("role-grant show CLERK:ASHA22")["is_primary"], json!(true));
        load("");
        assert_eq!(grants(), ["AUDITOR:ASHA22", "CLERK:ASHA22:PUN"]);
        // New people get them with their rows, beside their branches.
        let rows = "user_code,name,username,branches,roles\nNEW222,New,new,GOA;MUM,CLERK;GUEST\n";
        p.run_with("user import -", rows).ok();
        assert_eq!(told(p, "new"), (json!("GOA"), json!(["GOA", "MUM"])));
        assert_eq!(p.json("user show new")["roles"], json!(["CLERK", "GUEST"]));
        assert_eq!(p.json("role-grant show CLERK:NEW222")["is_primary"], json!(true));
        all_is_well(p);
    });
}

/// The same from the side of the person: several branches at once, beside the own one, which stays.
#[test]
fn a_person_gets_further_branches() {
    on_both_engines_with_acme(|p| {
        for code in ["HQ", "B2", "B3"] {
            p.run(&format!("branch create --code {code} --name {code}")).ok();
        }
        p.run("branch create --code OLD --name Old").ok();
        p.run("branch deactivate OLD").ok();
        p.run("user create --user-code ASHA22 --name Asha --branch HQ").ok();
        p.run("user create --user-code RAVY22 --name Ravi").ok();
        let branches = |key: &str| p.json(&format!("user show {key}"))["branches"].clone();
        let said = p.run("user assign-branch ASHA22 RAVY22 --branch B2 --branch HQ");
        assert!(said.err.contains("updated user ASHA22 (Asha): branches"), "{}", said.err);
        said.ok();
        assert_eq!(branches("ASHA22"), serde_json::json!(["HQ", "B2"]));
        assert_eq!(branches("RAVY22"), serde_json::json!(["B2", "HQ"]));
        assert_eq!(p.json("user show RAVY22")["branch"], serde_json::Value::Null);
        assert!(p.run("user assign-branch ASHA22 --branch B2").fails(0).contains("is so already"));
        p.run("user assign-branch ASHA22 --branch OLD").fails(4);
        p.run("user assign-branch ASHA22 --branch OLD --force").ok();
        p.run("user unassign-branch ASHA22 --branch B2 --branch OLD").ok();
        assert_eq!(branches("ASHA22"), serde_json::json!(["HQ"]));
        assert!(p.run("user unassign-branch ASHA22 --branch B2").fails(0).contains("is so already"));
        // What is the own one is taken by saying that there is none.
        let said = p.run("user unassign-branch ASHA22 --branch HQ").fails(4);
        let own = "error: it is the own branch of user ASHA22 (Asha), and not one of the further ones\n";
        assert!(said.starts_with(own), "{said}");
        assert_eq!(p.json("user show ASHA22")["branch"], "HQ");
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}
