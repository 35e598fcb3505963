//! Files of branches, departments and some of the people go on naming somebody who left: what was handed over stays so, as
//! the history tells, and the same file again writes nothing.

use serde_json::json;

use crate::harness::both_with_acme;

#[test]
fn a_monthly_file_may_name_a_manager_who_left() {
    both_with_acme(|p| {
        p.run_with(
            "user import - --key external_id",
            "external_id,name,email\nM1,Mana Ger,m@x.in\nS1,Suc Cessor,s@x.in\nX1,Ex Ample,x@x.in\n",
        )
        .ok();
        let people = "external_id,name,reports_to\nR1,Re Port,M1\n";
        p.run_with("user import - --key external_id", people).ok();
        let branches = "code,name,manager\nHQ,Head,m@x.in\nB2,Second,\n";
        let depts = "code,name,manager\nD1,Works,M1\nD2,Other,S1\n";
        let files = [("branch", branches), ("dept", depts), ("user", people)];
        p.run_with("branch import -", branches).ok();
        p.run_with("dept import -", depts).ok();
        p.run("user deactivate X1").ok();
        let led = |noun: &str, key: &str| {
            let field = if noun == "user" { "reports_to" } else { "manager" };
            match &p.json(&format!("{noun} show {key}"))[field] {
                serde_json::Value::Null => json!(null),
                code => p.json(&format!("user show {}", code.as_str().expect("a code")))["external_id"].clone(),
            }
        };
        let again = |by: serde_json::Value| {
            for (noun, file) in files {
                let key = if noun == "user" { "--key external_id" } else { "" };
                let line = format!("{noun} import - --on-conflict update {key}");
                let records = p.audit_records();
                let said = p.run_with(&line, file).fails(0);
                assert!(said.contains("created 0, updated 0, ") && said.contains("rejected 0"), "{noun}: {said}");
                assert!(said.contains("note: 1 row names somebody who has left: nothing changes there"), "{said}");
                assert_eq!(said.contains("--orphan"), noun == "user", "{said}");
                assert_eq!(p.audit_records(), records);
            }
            let now = [led("branch", "HQ"), led("dept", "D1"), led("user", "R1")];
            assert_eq!(now, [by.clone(), by.clone(), by]);
        };
        // Handed over, deleted after that, and led by nobody in the end.
        p.run("user deactivate M1 --reassign-to S1").ok();
        again(json!("S1"));
        p.run("user delete M1 --yes").ok();
        again(json!("S1"));
        p.run("user restore M1").ok();
        again(json!("S1"));
        for (noun, key, field) in [("branch", "HQ", "manager"), ("dept", "D1", "manager"), ("user", "R1", "reports-to")]
        {
            p.run(&format!("{noun} update {key} --{field} ''")).ok();
        }
        again(json!(null));
        // What else the row says is taken; and only who had him may name him.
        let said =
            p.run_with("branch import - --on-conflict update", "code,name,manager\nHQ,Headquarters,M1\n").fails(0);
        assert!(said.contains("updated 1,"), "{said}");
        assert_eq!(p.json("branch show HQ")["name"], "Headquarters");
        for rows in ["B2,Second,M1\n", "B2,Second,X1\n", "HQ,Head,X1\n", "N1,New,M1\n"] {
            let said =
                p.run_with("branch import - --on-conflict update", format!("code,name,manager\n{rows}")).fails(6);
            let who = if rows.contains("M1") { "M1" } else { "X1" };
            assert!(said.contains(&format!("user {who} is not in use, and can't be the manager\n")), "{said}");
        }
        p.run("user delete X1 --yes").ok();
        let said = p.run_with("branch import - --on-conflict update", "code,name,manager\nB2,Second,X1\n").fails(6);
        assert!(said.contains("rejected line 2, manager: user X1 does not exist\n"), "{said}");
        // Who comes back leads again whom the file says.
        p.run("user activate M1").ok();
        p.run_with("branch import - --on-conflict update", branches).ok();
        assert_eq!(led("branch", "HQ"), json!("M1"));
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// The brake is not only a feed's: any file that takes their access away from more than may lose it at once is stopped.
#[test]
fn any_file_that_takes_access_from_too_many_is_stopped() {
    both_with_acme(|p| {
        let people =
            |n: usize, state: &str| -> String { (0..n).map(|i| format!("E{i},Person N{i},u{i}{state}\n")).collect() };
        let header = "external_id,name,username";
        let import = |more: &str, rows: &str| {
            let org = if more.contains("--org") { "" } else { "--org ACME" };
            p.run_with(&format!("user import - --key external_id --on-conflict update {org} {more}"), rows)
        };
        import("", &format!("{header},can_login\n{}", people(9, ",yes"))).ok();
        for (columns, state) in [
            ("is_active", "no"),
            ("status", "inactive"),
            ("blocked", "yes"),
            ("blocked,blocked_until", "yes,2030-01-01T00:00:00Z"),
            ("can_login", "no"),
        ] {
            let file = |n: usize| format!("{header},{columns}\n{}", people(n, &format!(",{state}")));
            let records = p.audit_records();
            let said = import("--dry-run", &file(9)).fails(4);
            assert!(
                said.starts_with(
                    "error: 9 of 9 users lose their access by the file, and at most 1 may leave at once: "
                ),
                "{columns}: {said}"
            );
            import("--dry-run", &file(2)).fails(4);
            assert_eq!(p.audit_records(), records);
            import("--dry-run", &file(1)).ok();
            import("--dry-run --max-leavers 2", &file(2)).ok();
            import("--dry-run --max-leavers 23%", &file(2)).ok();
            import("--dry-run --max-leavers 0", &file(1)).fails(4);
            import("--dry-run --force", &file(9)).ok();
        }
        import("--set is_active=no", &format!("{header}\n{}", people(9, ""))).fails(4);
        // New people lose nothing, and who has no access any more neither.
        p.run("org create --code NEW --name New").ok();
        import("--org NEW", &format!("{header},is_active\n{}", people(9, ",no"))).ok();
        import("--org NEW", &format!("{header},is_active,blocked\n{}", people(9, ",no,yes"))).ok();
        // The only one is one too many, and the setting is the limit.
        p.run("org create --code ONE --name One").ok();
        import("--org ONE", &format!("{header}\n{}", people(1, ""))).ok();
        import("--org ONE", &format!("{header},is_active\n{}", people(1, ",no"))).fails(4);
        p.run("setting set feed.max_leavers_percent 50 --org ACME").ok();
        import("--dry-run", &format!("{header},is_active\n{}", people(4, ",no"))).ok();
        import("--dry-run", &format!("{header},is_active\n{}", people(5, ",no"))).fails(4);
    });
}
