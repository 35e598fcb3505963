//! Files of branches, departments and some of the people go on naming somebody who left: what was handed over stays so, as
//! the history tells, and the same file again writes nothing.

use serde_json::json;

use crate::harness::on_both_engines_with_acme;

#[test]
fn a_monthly_file_may_name_a_manager_who_left() {
    on_both_engines_with_acme(|p| {
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

/// The limit of leavers is not only a feed's: any file that takes their access away from more than may lose it at once is stopped.
#[test]
fn any_file_that_takes_access_from_too_many_is_stopped() {
    on_both_engines_with_acme(|p| {
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

/// Who deactivates an organisation takes their access from all that are in it, by whatever column.
#[test]
fn a_file_of_organisations_takes_access_from_no_more_than_may_lose_it() {
    on_both_engines_with_acme(|p| {
        let orgs = |n: usize, state: &str| -> String { (1..=n).map(|i| format!("O{i}{state}\n")).collect() };
        let import = |more: &str, rows: &str| p.run_with(&format!("org import - --on-conflict update {more}"), rows);
        import("", &format!("code,name\n{}", orgs(9, ",Name"))).ok();
        for (org, people) in [("ACME", 4), ("O1", 5), ("O2", 1)] {
            let rows: String = (0..people).map(|i| format!("P{i},Person N{i}\n")).collect();
            p.run_with(&format!("user import - --key external_id --org {org}"), format!("external_id,name\n{rows}"))
                .ok();
        }
        for (column, off) in [("is_active", ",no"), ("status", ",inactive")] {
            let header = format!("code,{column}\n");
            let records = p.audit_records();
            // Of ten organisations one may go, and of ten people one.
            let said = import("--dry-run", &format!("{header}{}", orgs(1, off))).fails(4);
            assert!(
                said.starts_with(
                    "error: 5 of 10 users lose their access by the file, with their organisations, and at most 1 may \
                     leave at once: 5 of org O1\n"
                ),
                "{said}"
            );
            assert!(said.contains("--max-leavers 25% lets more leave"), "{said}");
            let said = import("--dry-run", &format!("{header}O3{off}\nO4{off}\n")).fails(4);
            assert!(
                said.starts_with(
                    "error: 2 of 10 organisations are deactivated by the file, and at most 1 may at once: org O3, org O4\n"
                ),
                "{said}"
            );
            assert_eq!(p.audit_records(), records);
            import("--dry-run", &format!("{header}O2{off}\n")).ok();
            import("--dry-run", &format!("{header}O2{off}\nO1{off}\n")).fails(4);
            for more in ["--max-leavers 6", "--max-leavers 60%", "--force"] {
                import(&format!("--dry-run {more}"), &format!("{header}O1{off}\nO2{off}\n")).ok();
            }
            import("--dry-run --max-leavers 0", &format!("{header}O3{off}\n")).fails(4);
            import("--dry-run --force", &format!("{header}ACME{off}\n{}", orgs(9, off))).ok();
        }
        // What is inactive already takes nothing from anybody, and its people count no longer.
        import("", "code,is_active\nO2,no\n").ok();
        import("", "code,is_active\nO2,no\nO3,no\n").ok();
        let said = import("", &format!("code,is_active\n{}", orgs(1, ",no"))).fails(4);
        assert!(said.starts_with("error: 5 of 9 users "), "{said}");
        p.run("setting set --system feed.max_leavers_percent 60").ok();
        import("", &format!("code,is_active\n{}", orgs(1, ",no"))).ok();
        assert_eq!(p.json("org show O1")["status"], "inactive");
        p.run("audit verify --deep").ok();
    });
}

/// Nobody loses access with a branch or a department; but half a file must not close half the company either.
#[test]
fn a_file_closes_no_more_branches_and_departments_than_may_be() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name 'Asha Rao' --external-id A1").ok();
        for (noun, many, reference) in [("branch", "branches", "branch"), ("dept", "departments", "department")] {
            let rows =
                |n: usize, state: &str| -> String { (1..=n).map(|i| format!("X{i},Name {i}{state}\n")).collect() };
            let import = |more: &str, rows: &str| {
                let org = if more.contains("--org") { "" } else { "--org ACME" };
                p.run_with(&format!("{noun} import - --on-conflict update {org} {more}"), rows)
            };
            import("", &format!("code,name\n{}", rows(9, ""))).ok();
            p.run(&format!("user update A1 --org ACME --{reference} X1")).ok();
            let file = |n: usize| format!("code,name,is_active\n{}", rows(n, ",no"));
            let records = p.audit_records();
            let said = import("--dry-run", &file(6)).fails(4);
            assert!(
                said.starts_with(&format!(
                    "error: 6 of 9 {many} are deactivated by the file, and at most 1 may at once: {noun} X1, "
                )) && said.contains(", ...\n"),
                "{said}"
            );
            assert_eq!(p.audit_records(), records);
            import("--dry-run --max-leavers 6", &file(6)).ok();
            import("--dry-run --force", &file(9)).ok();
            import("--max-leavers 0", &file(1)).fails(4);
            // As by the verb: who is in it stays there, which is said.
            let said = import("", &file(1)).fails(0);
            assert!(said.contains(&format!("note: 1 user is in {noun} X1; it takes no new ones")), "{said}");
            assert_eq!(p.json(&format!("{noun} show X1"))["status"], "inactive");
            assert_eq!(p.json("user show A1")[reference], "X1");
            // The only one that there is.
            p.run("org create --code ONE --name One").ok();
            import("--org ONE", "code,name\nY1,One\n").ok();
            import("--org ONE", "code,name,is_active\nY1,One,no\n").ok();
            p.run("org delete ONE --cascade --yes").ok();
        }
    });
}
