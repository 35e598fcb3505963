//! Who has left or is blocked is not invited, and where nobody works any more nobody is put.

use serde_json::json;

use crate::harness::{TestEnv, on_both_engines_with_acme};
use crate::raw::int;

#[test]
fn an_invitation_leaves_who_is_there_as_he_or_she_is() {
    on_both_engines_with_acme(|p| {
        for name in ["asha", "ravi", "meena"] {
            p.run(&format!("user create --name {name} --username {name} --email {name}@x.example")).ok();
        }
        let status = |name: &str| p.json(&format!("user show {name}"))["status"].clone();
        p.run("user deactivate ravi").ok();
        p.run("user block meena --reason lost").ok();
        let said = p.run("user invite ravi").fails(4);
        assert!(
            said.contains("(ravi) has left, and can't be invited") && said.contains("orgctl user activate"),
            "{said}"
        );
        let said = p.run("user invite asha meena").fails(4);
        assert!(
            said.contains("(meena) is blocked, and can't be invited") && said.contains("orgctl user unblock"),
            "{said}"
        );
        assert_eq!(int(p, "select count(*) from tokens"), 0, "nobody was invited");
        p.run("user invite asha").ok();
        let asha = p.json("user show asha");
        assert_eq!(asha["status"], "active");
        assert!(asha["invited_at"].is_string() && asha["accepted_at"].is_null(), "{asha}");
        assert_eq!(p.column("user list --filter status=active", "username"), ["asha"]);
        assert_eq!(p.column("user list --filter invited_at!=", "username"), ["asha"]);
        // A block that has ended by itself is none.
        p.run("user block asha --reason lost --until 1h").ok();
        p.run("user invite asha").fails(4);
        p.wait(3700);
        p.run("user invite asha").ok();
        // Taken back, its token serves no more.
        let open =
            "select count(*) from tokens where used_at is null and expires_at > (select max(at) from audit_requests)";
        assert_eq!(int(p, open), 1);
        let said = p.run("user uninvite asha").fails(0);
        assert!(
            said.starts_with("took the invitation of user ") && said.contains("(asha) back; its token serves no more"),
            "{said}"
        );
        assert_eq!(int(p, open), 0);
        assert_eq!(p.json("user show asha")["invited_at"], json!(null));
        assert!(p.run("user uninvite asha").fails(0).contains("has no invitation that could be taken back"));
        assert_eq!(p.column("user history asha", "action").last().map(String::as_str), Some("update"));
        assert_eq!(status("asha"), "active");
        // A later key to the person is another one.
        p.run("user invite asha").ok();
        assert_eq!(int(p, open), 1);
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

fn places(p: &TestEnv) {
    for (code, name) in [("HQ", "Head office"), ("OLD", "Closed")] {
        p.run(&format!("branch create --code {code} --name '{name}'")).ok();
        p.run(&format!("dept create --code D{code} --name '{name}'")).ok();
    }
    p.run("branch create --code SUB --name Sub --parent OLD").ok();
    p.run("dept create --code DSUB --name Sub --branch OLD").ok();
    for name in ["asha", "ravi", "meena"] {
        p.run(&format!(
            "user create --name {name} --username {name} --external-id {name}1 --branch OLD --department DOLD"
        ))
        .ok();
    }
    p.run("user move meena --branch HQ --department DHQ").ok();
    p.run("branch assign OLD meena").ok();
}

#[test]
fn what_is_out_of_use_takes_nobody_without_force() {
    on_both_engines_with_acme(|p| {
        places(p);
        let said = p.run("branch deactivate OLD").fails(0);
        assert_eq!(
            said,
            "deactivated branch OLD\nnote: 1 branch, 1 dept and 3 users are in branch OLD; it takes no new ones without --force\n\
             note: branch SUB and dept DSUB stay active, and take new ones\n"
        );
        let said = p.run("dept deactivate DOLD").fails(0);
        assert!(said.contains("note: 2 users are in dept DOLD"), "{said}");
        assert_eq!(p.run("dept deactivate DSUB").fails(0), "deactivated dept DSUB\n");
        p.run("dept activate DSUB").ok();
        p.run("user create --name new --username new").ok();
        let file = |name: &str, rows: &str| p.write(name, rows);
        let users = file("users.csv", "username,name,branch\nnew2,New,HQ\nnew3,New,OLD\n");
        let lists = file("lists.csv", "username,name,branches\nnew4,New,HQ;OLD\n");
        let same = file("same.csv", "username,name,branch,department,designation\nravi,ravi,OLD,DOLD,Clerk\n");
        let further = file("further.csv", "username,name,branches\nmeena,meena,HQ;OLD\n");
        let depts = file("depts.csv", "code,name,branch\nDNEW,New,OLD\n");
        let branches = file("branches.csv", "code,name,parent\nBNEW,New,OLD\n");
        for (line, undo) in [
            ("user create --name x --username x1 --branch OLD".to_owned(), "user delete x1 --yes"),
            ("user create --name x --username x2 --department DOLD".to_owned(), "user delete x2 --yes"),
            ("user update new --branch OLD".to_owned(), "user update new --branch ''"),
            ("user move new --department DOLD".to_owned(), "user move new --department ''"),
            ("branch assign OLD new".to_owned(), "branch unassign OLD new --yes"),
            ("branch create --code X --name X --parent OLD".to_owned(), "branch delete X --yes"),
            ("branch move HQ --to OLD".to_owned(), "branch move HQ --root"),
            ("branch update HQ --parent OLD".to_owned(), "branch update HQ --parent ''"),
            ("dept create --name X --branch OLD".to_owned(), "dept delete X --yes"),
            ("dept update DHQ --branch OLD".to_owned(), "dept update DHQ --branch ''"),
        ] {
            let before = p.audit_records();
            let said = p.run(&line).fails(4);
            assert!(
                said.contains("is not in use, and takes no new ") && said.contains("--force goes ahead"),
                "{line}: {said}"
            );
            assert_eq!(p.audit_records(), before + 1, "{line}: the refusal alone");
            p.run(&format!("{line} --dry-run")).fails(4);
            p.run(&format!("{line} --force")).ok();
            p.run(undo).ok();
        }
        for (noun, file, line, field) in [
            ("user", &users, 3, "branch"),
            ("user", &lists, 2, "branch"),
            ("dept", &depts, 2, "branch"),
            ("branch", &branches, 2, "parent"),
        ] {
            let said = p.run(&format!("{noun} import {file} --dry-run"));
            let all = format!("{}{}", said.out, said.err);
            assert!(
                all.contains(&format!("branch OLD is not in use, and takes no new {noun} without --force")),
                "{all}"
            );
            assert!(all.contains(&line.to_string()) && all.contains(field), "{all}");
            said.fails(6);
            p.run(&format!("{noun} import {file} --keep-going")).fails(7);
            p.run(&format!("{noun} import {file} --force --on-conflict update")).ok();
        }
        // Who is there stays, whatever else changes.
        p.run(&format!("user import {same} --on-conflict update")).ok();
        p.run(&format!("user import {further} --on-conflict update")).ok();
        p.run("user update ravi --designation Head").ok();
        p.run("user block ravi --reason x").ok();
        p.run("user unblock ravi").ok();
        p.run("dept update DSUB --name Sub2").ok();
        // Coming back is coming in anew; what went together comes back together.
        p.run("user delete asha --yes").ok();
        assert!(p.run("user restore asha").fails(4).contains("takes no new user: user "));
        p.run("user restore asha --force").ok();
        p.run("user move asha --branch HQ").ok();
        let seq = p.json("audit list --org ACME --action move --limit 1")[0]["seq"].clone();
        assert!(p.run(&format!("audit revert {seq} --org ACME")).fails(4).contains("branch OLD is not in use"));
        p.run(&format!("audit revert {seq} --org ACME --force")).ok();
        p.run("branch delete OLD --cascade --yes").ok();
        p.run("dept activate DOLD").ok();
        p.run("branch restore OLD").ok();
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

/// Such a refusal comes only with the commit, when everything is known; the next key begins anew all the same.
#[test]
fn one_who_is_refused_at_the_end_does_not_keep_the_others_from_being_done() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        p.run("branch create --code B2 --name Two").ok();
        for name in ["asha", "ravi", "meena"] {
            p.run(&format!("user create --name {name} --username {name}")).ok();
        }
        p.run("user update meena --branch B2").ok();
        p.run("branch deactivate B2").ok();
        for verb in ["update", "move"] {
            let said = p.run(&format!("user {verb} asha ravi --branch B2 --keep-going")).fails(7);
            assert_eq!(said.matches("takes no new user").count(), 2, "{said}");
            assert!(said.contains("done 0, failed 2\n"), "{said}");
        }
        let said = p.run("user update asha meena ravi --branch B2 --designation Clerk --keep-going").fails(7);
        assert!(said.contains("done 1, failed 2\n"), "{said}");
        let said = p.run("branch assign B2 asha ravi").fails(4);
        assert!(said.contains("takes no new user: user "), "{said}");
        // One that is as it should be already commits nothing of the one before it.
        let said = p.run("user update ravi meena --branch B2 --keep-going").fails(7);
        assert!(said.contains("is so already") && said.contains("done 1, failed 1\n"), "{said}");
        let of = |name: &str| {
            let user = p.json(&format!("user show {name}"));
            [user["branch"].clone(), user["designation"].clone()]
        };
        assert_eq!(of("asha"), [json!(null), json!(null)]);
        assert_eq!(of("ravi"), [json!(null), json!(null)]);
        assert_eq!(of("meena"), [json!("B2"), json!("Clerk")]);
        // The same where the number of users is what the commit refuses.
        p.run("user deactivate asha ravi").ok();
        p.run("org update ACME --max-users 1").ok();
        let said = p.run("user activate asha ravi meena --keep-going").fails(7);
        assert_eq!(said.matches("ACME may have 1 users; this would make it 2").count(), 2, "{said}");
        assert!(said.contains("done 1, failed 2\n"), "{said}");
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}
