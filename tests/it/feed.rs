//! An HR feed run after run: who has left may still be named, the limit of leavers, and whom a word means.

use serde_json::json;

use crate::harness::{TestEnv, on_both_engines_after, on_both_engines_with_acme};

/// An organisation with a manager, a successor below him, and three people: one below the manager, one below the
/// successor, and one who leads a branch and a department.
fn company(p: &TestEnv, org: &str) {
    p.run(&format!("org create --code {org} --name {org}")).ok();
    p.run(&format!("branch create --org {org} --code HQ --name HQ")).ok();
    p.run(&format!("dept create --org {org} --code D1 --name Works")).ok();
    let rows = format!("{HEADER}T0,Top Most,,t@x.in\nM1,Mana Ger,T0,m@x.in\n{STAYING}");
    feed(p, org, &rows, "").ok();
    p.run(&format!("branch update HQ --org {org} --manager M1")).ok();
    p.run(&format!("dept update D1 --org {org} --manager M1")).ok();
}

const HEADER: &str = "external_id,name,reports_to,email\n";
const STAYING: &str = "S1,Suc Cessor,M1,s@x.in\nR1,Re Port,M1,r@x.in\nR2,Other Port,S1,o@x.in\n";

fn feed(p: &TestEnv, org: &str, rows: &str, more: &str) -> crate::harness::Output {
    p.run_with(&format!("user import - --sync --key external_id --org {org} --max-leavers 3 {more}"), rows)
}

/// Whom some report to, all by their numbers in the HR system.
fn superiors(p: &TestEnv, org: &str, of: &[&str]) -> Vec<String> {
    let csv = p.run(&format!("user list --all --org {org} --columns external_id,user_code,reports_to -o csv")).ok();
    let rows: Vec<Vec<&str>> = csv.lines().map(|l| l.split(',').collect()).collect();
    let find = |at: usize, word: &str| rows.iter().find(|r| r[at] == word);
    let of = of.iter().map(|key| find(0, key).unwrap_or_else(|| panic!("{key} in {csv}"))[2]);
    of.map(|code| find(1, code).map_or("", |r| r[0]).to_owned()).collect()
}

/// Whatever becomes of a manager who leaves, and of those whom he led: his name stays in the file, and the same file
/// again writes nothing.
#[test]
fn who_has_left_may_still_be_named() {
    on_both_engines_after("init", |p| {
        let leavers = ["deactivate", "block", "delete", "report"];
        // With what R1 and S1, the branch and the department are left.
        let modes = [("--reassign-to S1", "S1", "T0"), ("--orphan", "", ""), ("", "M1", "M1")];
        for (i, what) in leavers.into_iter().enumerate() {
            for (j, (mode, of_r1, of_s1)) in modes.into_iter().enumerate() {
                let org = format!("O{i}{j}");
                company(p, &org);
                let rows = format!("{HEADER}T0,Top Most,,t@x.in\n{STAYING}");
                let flags = format!("--leavers {what} {mode}");
                let said = feed(p, &org, &rows, &flags);
                if mode.is_empty() && matches!(what, "deactivate" | "delete") {
                    let said = said.fails(4);
                    assert!(said.contains("(Mana Ger) can't be ") && said.contains("--reassign-to KEY"), "{said}");
                    continue;
                }
                let said = said.fails(0);
                assert!(said.contains("rejected 0, left 1"), "{flags}: {said}");
                let (of_r1, of_s1) = if what == "report" { ("M1", "M1") } else { (of_r1, of_s1) };
                let told = |more: &[&str]| superiors(p, &org, &[&["R1", "S1"], more].concat());
                let led = |noun: &str| {
                    let lead = p.column(&format!("{noun} list --org {org} --columns manager"), "manager");
                    lead.first()
                        .filter(|m| *m != "null")
                        .map(|m| p.json(&format!("user show {m} --org {org}"))["external_id"].clone())
                };
                assert_eq!(told(&[]), [of_r1, of_s1], "{flags}");
                let manager = Some(json!(of_r1)).filter(|_| !of_r1.is_empty());
                assert_eq!([led("branch"), led("dept")], [manager.clone(), manager.clone()], "{flags}");
                let same_again = |rows: &str, flags: &str| {
                    let records = p.audit_records();
                    let said = feed(p, &org, rows, flags).fails(0);
                    assert!(
                        said.contains("created 0, updated 0, ") && said.contains(" rejected 0, left "),
                        "{flags}: {said}"
                    );
                    assert_eq!(p.audit_records(), records, "{flags}: {said}");
                    said
                };
                let again = same_again(&rows, &flags);
                let is_read_otherwise = of_r1 != "M1";
                assert_eq!(
                    again.contains("note: 2 rows name somebody who has left: "),
                    is_read_otherwise,
                    "{flags}: {again}"
                );
                same_again(&rows, &flags);
                assert_eq!(told(&[]), [of_r1, of_s1], "{flags}");
                if what == "deactivate" {
                    // Without the flag those who are there keep whom they have.
                    same_again(&rows, "");
                }
                // A joiner below him is below whoever took over.
                let joiner = format!("{rows}J1,Join Er,M1,j@x.in\n");
                let said = feed(p, &org, &joiner, &flags).fails(0);
                assert!(said.contains("created 1, "), "{said}");
                assert_eq!(told(&["J1"]), [of_r1, of_s1, of_r1], "{flags}");
                // He comes back, and leads again whom the file says that he leads; and leaves once more.
                let back = format!("{joiner}M1,Mana Ger,T0,m@x.in\n");
                feed(p, &org, &back, &flags).ok();
                assert_eq!(told(&["J1", "M1"]), ["M1", "M1", "M1", "T0"], "{flags}");
                same_again(&back, &flags);
                feed(p, &org, &joiner, &flags).ok();
                assert_eq!(told(&["J1"]), [of_r1, of_s1, of_r1], "{flags}");
                same_again(&joiner, &flags);
            }
        }
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// A manager who stands in the file as one who is no longer active, named by name, by e-mail or by a number of the house.
#[test]
fn who_leaves_by_a_row_may_still_be_named() {
    on_both_engines_with_acme(|p| {
        let first = "external_id,email,name,boss,is_active\nM1,m@x.in,Mana Ger,,yes\nR1,r@x.in,Re Port,Mana Ger,yes\nR2,,Re Two,Mana Ger,yes\n";
        let by_name = "--on-conflict update --key external_id --map boss=reports_to.name";
        p.run_with(&format!("user import - {by_name}"), first).ok();
        let second = first.replace("Mana Ger,,yes", "Mana Ger,,no");
        let said = p.run_with(&format!("user import - {by_name}"), &second).fails(4);
        assert!(said.contains("(Mana Ger) can't be deactivated: 2 users (reports_to): "), "{said}");
        p.run_with(&format!("user import - {by_name} --orphan"), &second).ok();
        // Also where his row says something new of him.
        for (rows, updated) in [(second.clone(), 0), (second.replace("m@x.in", "new@x.in"), 1)] {
            let said = p.run_with(&format!("user import - {by_name} --orphan"), &rows).fails(0);
            assert!(said.contains(&format!("updated {updated}, unchanged {}, rejected 0", 3 - updated)), "{said}");
            assert!(said.contains("note: 2 rows name somebody who has left: nobody is meant (--orphan)\n"), "{said}");
            assert_eq!(p.json("user show R1")["reports_to"], json!(null));
        }
        // Without the flag too, and where the file does not tell of him; one whom he never led is refused by row.
        let said = p.run_with(&format!("user import - {by_name}"), second.replace("m@x.in", "new@x.in")).fails(0);
        assert!(said.contains("updated 0, unchanged 3, rejected 0"), "{said}");
        let alone = "external_id,name,boss\nR1,Re Port,Mana Ger\n";
        p.run_with(&format!("user import - {by_name} --orphan"), alone).ok();
        assert_eq!(p.json("user show R1")["reports_to"], json!(null));
        let said = p.run_with(&format!("user import - {by_name}"), format!("{alone}N9,New One,Mana Ger\n")).fails(6);
        assert!(
            said.contains("rejected line 3, reports_to: user Mana Ger is not in use, and can't be the reports_to\n"),
            "{said}"
        );
        // In the whole truth it is enough that he is not in it; by his address, and when he is deleted, too.
        let line = "user import - --sync --key external_id --map boss=reports_to.email";
        let truth = "external_id,name,boss\nR1,Re Port,new@x.in\nR2,Re Two,new@x.in\n";
        let records = p.audit_records();
        p.run_with(&format!("{line} --orphan"), truth).ok();
        assert_eq!(p.audit_records(), records);
        p.run("user delete M1 --yes").ok();
        let records = p.audit_records();
        let said = p.run_with(&format!("{line} --reassign-to R2 --dry-run"), truth).fails(0);
        assert!(said.contains("(Re Port): reports_to\n") && said.contains("updated 1, unchanged 1, "), "{said}");
        p.run_with(line, truth).ok();
        assert_eq!(p.audit_records(), records);
        let said = p.run_with(line, format!("{truth}N1,New One,new@x.in\n")).fails(6);
        assert!(said.contains("rejected line 4, reports_to: user new@x.in has left, and can't be the reports_to; --reassign-to or --orphan says who is meant\n"), "{said}");
        // His key is somebody else's now: the one who has it is meant.
        p.run_with(
            &format!("{line} --orphan"),
            "external_id,email,name,boss\nM1,new@x.in,Other Ger,\nR1,r@x.in,Re Port,new@x.in\nR2,,Re Two,new@x.in\n",
        )
        .ok();
        assert_eq!(superiors(p, "ACME", &["R1"]), ["M1"]);
        assert_eq!(p.json("user show M1")["name"], "Other Ger");
        // Branches and departments that were his: what is unchanged is not asked again.
        p.run("branch create --code HQ --name HQ --manager R2").ok();
        p.run("user block R2 --reason x").ok();
        p.run_with("branch import - --on-conflict update", "code,name,manager\nHQ,Head,R2\n").ok();
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

/// A flag of the feed is obeyed or refused.
#[test]
fn what_a_feed_is_told_is_obeyed_or_refused() {
    on_both_engines_with_acme(|p| {
        let rows = "external_id,name,reports_to,is_active\nA1,A A,,yes\nB1,B B,A1,yes\nC1,C C,A1,yes\n";
        let line = "user import - --key external_id";
        p.run_with(line, rows).ok();
        assert!(p.run_with(&format!("{line} --leavers block"), rows).fails(2).contains("--sync"));
        let said = p.run_with(&format!("{line} --sync --on-conflict skip"), rows).fails(2);
        assert!(said.contains("--sync changes who is there; --on-conflict can't say otherwise"), "{said}");
        let out = rows.replace("A1,A A,,yes", "A1,A A,,no").replace("B1,B B,A1,yes", "B1,B B,A1,no");
        let said = p.run_with(&format!("{line} --sync --reassign-to B1 --max-leavers 3"), &out).fails(4);
        assert!(said.contains("(B B) is to take over, and is not active in the file"), "{said}");
        // Who is blocked leads on, unless it is said who does instead.
        let out = "external_id,name,reports_to\nB1,B B,A1\nC1,C C,A1\n";
        p.run_with(&format!("{line} --sync --leavers block --max-leavers 1"), out).ok();
        assert_eq!(superiors(p, "ACME", &["C1"]), ["A1"]);
        p.run_with(line, "external_id,name\nD1,D D\n").ok();
        p.run_with(&format!("{line} --sync --leavers block --max-leavers 3 --reassign-to B1"), out).ok();
        assert_eq!(superiors(p, "ACME", &["B1", "C1"]), ["A1", "A1"]);
    });
}

/// Nine people, and ten of a hundred may leave: one. Whoever loses access counts, once, whatever says so.
#[test]
fn a_feed_that_takes_away_too_much_is_stopped() {
    on_both_engines_with_acme(|p| {
        let people =
            |n: usize, state: &str| -> String { (0..n).map(|i| format!("E{i},Person N{i},u{i}{state}\n")).collect() };
        let line = |more: &str| format!("user import - --sync --key external_id {more}");
        let header = "external_id,name,username";
        p.run_with(&line(""), format!("{header},can_login\n{}", people(9, ",yes"))).ok();
        let all_but = |n: usize| format!("{header}\n{}", people(9 - n, ""));
        let left = |n: usize, more: &str| p.run_with(&line(&format!("--dry-run {more}")), all_but(n));
        assert!(left(1, "").fails(0).contains("unchanged 8, rejected 0, left 1"));
        let said = left(2, "").fails(4);
        assert!(
            said.starts_with("error: 2 of 9 users are not in the file, and at most 1 may leave at once: user "),
            "{said}"
        );
        assert!(
            said.contains("(Person N8)\nhint: ") || said.contains("(Person N7)\nhint: "),
            "nobody is left out: {said}"
        );
        let said = left(5, "").fails(4);
        assert!(!said.contains("..."), "{said}");
        let said = left(6, "").fails(4);
        assert!(said.contains(", ...\nhint: "), "{said}");
        // 23 of a hundred of nine are two; none is none.
        left(2, "--max-leavers 23%").fails(0);
        left(3, "--max-leavers 23%").fails(4);
        left(1, "--max-leavers 0%").fails(4);
        left(9, "--max-leavers 100%").fails(0);
        // Everybody, by each column that can say it.
        for (columns, state) in [
            ("is_active", "no"),
            ("blocked", "yes"),
            ("blocked,blocked_until", "yes,2030-01-01T00:00:00Z"),
            ("can_login", "no"),
            ("is_active,blocked,can_login", "no,yes,no"),
        ] {
            let file = format!("{header},{columns}\n{}", people(9, &format!(",{state}")));
            let said = p.run_with(&line(""), &file).fails(4);
            assert!(
                said.starts_with(
                    "error: 9 of 9 users lose their access by the file, and at most 1 may leave at once: "
                ),
                "{columns}: {said}"
            );
            assert!(said.contains(", ...\n"), "{said}");
            p.run_with(&line("--force --dry-run"), &file).ok();
            p.run_with(&line("--leavers report"), &file).fails(4);
        }
        p.run_with(&line("--set blocked=yes"), all_but(0)).fails(4);
        // Nobody loses by a block that is over.
        let over = format!("{header},blocked,blocked_until\n{}", people(9, ",yes,2020-01-01T00:00:00Z"));
        p.run_with(&line("--dry-run"), over).ok();
        // One left out and one blocked are two; one who has no access any more loses none.
        let rows = format!("{header},blocked\n{}", people(8, ",no").replace("u3,no", "u3,yes"));
        let said = p.run_with(&line(""), &rows).fails(4);
        assert!(
            said.starts_with("error: 2 of 9 users are not in the file or lose their access by it, and at most 1 may"),
            "{said}"
        );
        p.run_with(&line("--max-leavers 2"), &rows).ok();
        p.run_with(&line(""), rows.replace("u3,yes\nE4,Person N4,u4,no", "u3,yes\nE4,Person N4,u4,yes")).ok();
        let said = p.run_with(&line(""), rows.replace("u5,no", "u5,yes").replace("u6,no", "u6,yes")).fails(4);
        assert!(said.starts_with("error: 2 of 8 users lose their access by the file"), "{said}");
        assert_eq!(p.column("user list --sort external_id --filter status=blocked", "external_id"), ["E3", "E4"]);
        // Of two people one may leave, of one none.
        for (n, code) in [(2, 0), (1, 4)] {
            p.run(&format!("org create --code N{n} --name N{n}")).ok();
            let file = format!("{header}\n{}", people(n, ""));
            p.run_with(&line(&format!("--org N{n}")), &file).ok();
            let rows = format!("{header}\n{}", people(n - 1, ""));
            assert_eq!(p.run_with(&line(&format!("--org N{n}")), rows).code, code);
        }
        // A hash that no password matches shuts out who may sign in; for the others it changes nothing.
        p.run("org create --code HASH --name Hash").ok();
        let hash = "{SSHA}2k2Jw9rvHrd1Y1lVbyXAm8GQ6phBoNNc5GpzVw==";
        let hashed = |gone: usize, login: &str| {
            let row = |i| format!("E{i},Person N{i},u{i},{login},{}\n", if i < gone { "!gone" } else { hash });
            format!("{header},can_login,password_hash\n{}", (0..9).map(row).collect::<String>())
        };
        let reset = line("--org HASH --reset-passwords");
        p.run_with(&reset, hashed(0, "yes")).ok();
        let said = p.run_with(&reset, hashed(2, "yes")).fails(4);
        assert!(
            said.starts_with("error: 2 of 9 users lose their access by the file, and at most 1 may leave"),
            "{said}"
        );
        p.run_with(&reset, hashed(1, "yes")).ok();
        p.run_with(&reset, hashed(2, "yes")).ok();
        p.run_with(&format!("{reset} --force"), hashed(2, "no")).ok();
        p.run_with(&reset, hashed(9, "no")).ok();
    });
}
