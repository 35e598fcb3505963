//! Many writers, held locks, dry runs.

use std::io::Read as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};
use crate::raw::{HeldLock, branches_csv, clear, done, int, start, texts, wait};

/// No gap in any trail, and every record belongs to one request.
fn gap_free(p: &TestEnv) {
    let rows = texts(
        p,
        "select cast(tree as text), cast(count(*) as text), cast(min(seq) as text), cast(max(seq) as text) from audit_records group by tree",
    );
    for row in rows {
        assert_eq!((&row[1], row[2].as_str()), (&row[3], "1"), "tree {}", row[0]);
    }
    p.run("audit verify --deep").ok();
    p.run("db check").ok();
}

#[test]
fn eight_writers_at_once_lose_nothing_and_none_fails() {
    on_both_engines_with_acme(|p| {
        const EACH: usize = 6;
        std::thread::scope(|scope| {
            for w in 1..=8 {
                scope.spawn(move || {
                    for i in 1..=EACH {
                        let line = format!("branch create --code W{w}N{i} --name 'Writer {w} number {i}'");
                        let said = done(&mut p.spawn(&line));
                        assert_eq!(said.code, 0, "{line}: {}", said.err);
                    }
                });
            }
            // Whoever verifies meanwhile sees whole transactions.
            scope.spawn(move || {
                for _ in 0..6 {
                    let said = done(&mut p.spawn("audit verify"));
                    assert_eq!(said.code, 0, "{}", said.err);
                }
            });
        });
        assert_eq!(int(p, "select count(*) from branches"), 8 * EACH as i64);
        // The organisation's own record comes first.
        assert_eq!(int(p, "select size from audit_heads where tree = 1"), 1 + 8 * EACH as i64);
        gap_free(p);
    });
}

#[test]
fn eight_who_set_one_setting_all_succeed() {
    on_both_engines_with_acme(|p| {
        let all: Vec<_> =
            (0..8).map(|i| start(&mut p.spawn(&format!("setting set password.history {i}")), Stdio::null())).collect();
        for s in all.into_iter().map(wait) {
            assert_eq!(s.code, 0, "{}", s.err);
        }
        assert_eq!(int(p, "select version from settings"), 8);
        gap_free(p);
    });
}

/// Some set what others take back: each of them is the last for a moment, and one record at most is there.
#[test]
fn eight_who_set_and_reset_one_setting_all_succeed() {
    on_both_engines_with_acme(|p| {
        let line = |i: usize| match i % 2 {
            0 => format!("setting set password.history {i}"),
            _ => "setting reset password.history".to_owned(),
        };
        let all: Vec<_> = (0..8).map(|i| start(&mut p.spawn(&line(i)), Stdio::null())).collect();
        for s in all.into_iter().map(wait) {
            assert_eq!(s.code, 0, "{}", s.err);
        }
        assert!(int(p, "select count(*) from settings where deleted_at is null") <= 1);
        assert!(int(p, "select count(*) from settings") >= 1);
        gap_free(p);
        p.run("audit verify --deep").ok();
    });
}

/// Only one role is the one to act by, however many are given as that at once: one of the commands is the first.
#[test]
fn one_of_four_roles_is_the_primary_one() {
    on_both_engines_with_acme(|p| {
        p.run("user create --username asha --name Asha").ok();
        for i in 0..4 {
            p.run(&format!("role create --code R{i} --name R{i}")).ok();
        }
        let line = |i| format!("role assign R{i} asha --primary");
        let all: Vec<_> = (0..4).map(|i| start(&mut p.spawn(&line(i)), Stdio::null())).collect();
        let said: Vec<_> = all.into_iter().map(wait).collect();
        assert_eq!(said.iter().filter(|s| s.code == 0).count(), 1);
        for s in said.iter().filter(|s| s.code != 0) {
            assert!(s.clone().fails(4).contains("both say is_primary; one may, per user"), "{}", s.err);
        }
        let primary = "select count(*) from role_grants where is_primary and deleted_at is null and ended_at is null";
        assert_eq!(int(p, primary), 1);
        assert_eq!(int(p, "select count(*) from role_grants"), 1);
        gap_free(p);
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn one_key_goes_to_one_of_eight() {
    on_both_engines_with_acme(|p| {
        let all: Vec<_> = (0..8)
            .map(|i| start(&mut p.spawn(&format!("branch create --code SAME --name 'Number {i}'")), Stdio::null()))
            .collect();
        let said: Vec<_> = all.into_iter().map(wait).collect();
        assert_eq!(said.iter().filter(|s| s.code == 0).count(), 1);
        for s in said.iter().filter(|s| s.code != 0) {
            assert!(s.clone().fails(4).contains("branch SAME exists already in ACME"), "{}", s.err);
        }
        assert_eq!(int(p, "select count(*) from audit_requests where status = 'failed'"), 7);
        gap_free(p);
    });
}

#[test]
fn updates_of_different_fields_both_survive() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code MUM01 --name 'Mumbai Fort'").ok();
        for round in 0..3 {
            let lines = [
                format!("branch update MUM01 --city City{round}"),
                format!("branch update MUM01 --name Name{round}"),
                format!("branch update MUM01 --state State{round}"),
            ];
            let all: Vec<_> = lines.iter().map(|l| start(&mut p.spawn(l), Stdio::null())).collect();
            for s in all.into_iter().map(wait) {
                assert_eq!(s.code, 0, "{}", s.err);
            }
            let shown = p.run("branch show MUM01 --columns name,city,state -o csv").ok();
            assert!(shown.contains(&format!("Name{round},City{round},State{round}")), "{shown}");
        }
        assert_eq!(int(p, "select version from branches where code = 'MUM01'"), 10);
        gap_free(p);
    });
}

#[test]
fn cycles_made_by_two_at_once_are_refused() {
    on_both_engines_with_acme(|p| {
        for code in ["A", "B"] {
            p.run(&format!("branch create --code {code} --name {code}")).ok();
        }
        let all = ["branch move A --to B", "branch move B --to A"];
        let all: Vec<_> = all.iter().map(|l| start(&mut p.spawn(l), Stdio::null())).collect();
        let mut codes: Vec<u8> = all.into_iter().map(|c| wait(c).code).collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 4]);
        gap_free(p);
    });
}

#[test]
fn a_writer_behind_a_lock_says_who_holds_it_and_ends_in_time() {
    on_both_engines_with_acme(|p| {
        let held = HeldLock::new(p);
        let started = Instant::now();
        let said = done(&mut p.spawn("--wait 2 branch create --code MUM01 --name 'Mumbai Fort'"));
        let took = started.elapsed();
        assert_eq!(said.code, 1, "{}", said.err);
        clear(&said.err);
        assert!(took >= Duration::from_millis(1900) && took < Duration::from_secs(5), "{took:?}");
        let who = match p.engine {
            Engine::Sqlite => format!("process {}", held.pid),
            Engine::Postgres => format!("server process {}", held.pid),
        };
        let sentence = said.err.lines().find(|l| l.starts_with("error: ")).expect("a sentence");
        assert!(sentence.contains(&who) && sentence.contains("waited 2 s"), "{sentence}");
        assert!(said.err.lines().any(|l| l.starts_with("waiting for") && l.contains(&who)), "{}", said.err);
        assert!(said.err.contains("--wait"), "{}", said.err);
        // Not at all, when told so.
        let started = Instant::now();
        let said = done(&mut p.spawn("--wait 0 branch create --code MUM01 --name 'Mumbai Fort'"));
        assert_eq!(said.code, 1, "{}", said.err);
        let took = started.elapsed();
        assert!(took < Duration::from_secs(10) && said.err.contains(&who), "{took:?}, {who}: {}", said.err);
        // Readers don't wait.
        assert_eq!(done(&mut p.spawn("--wait 0 branch list")).code, 0);
        assert_eq!(done(&mut p.spawn("--wait 0 audit verify")).code, 0);
        drop(held);
        assert_eq!(p.run("branch list -o key").ok(), "");
    });
}

/// A copy of a database has tables of the same numbers: who writes there is not who is waited for here.
#[test]
fn who_writes_into_a_copy_of_the_database_is_not_named() {
    let (p, copy) = (TestEnv::with_acme(Engine::Postgres), TestEnv::with_acme(Engine::Postgres));
    let _elsewhere = HeldLock::new(&copy);
    std::thread::sleep(Duration::from_millis(20));
    let held = HeldLock::new(&p);
    let said = done(&mut p.spawn("--wait 0 branch create --code MUM01 --name 'Mumbai Fort'"));
    assert!(
        said.code == 1 && said.err.contains(&format!("server process {} ", held.pid)),
        "{}: {}",
        held.pid,
        said.err
    );
}

/// A reader waits for nobody who writes, only for whoever takes the tables themselves.
#[test]
fn a_reader_behind_an_exclusive_lock_is_told() {
    on_both_engines_with_acme(|p| {
        let held = HeldLock::everything(p);
        for line in ["--wait 1 branch list", "--wait 1 audit verify", "--wait 1 branch create --code X --name X"] {
            let started = Instant::now();
            let said = done(&mut p.spawn(line));
            assert_eq!(said.code, 1, "{line}: {}", said.err);
            clear(&said.err);
            assert!(said.err.contains("--wait") && started.elapsed() < Duration::from_secs(5), "{line}: {}", said.err);
        }
        drop(held);
        p.run("audit verify --deep").ok();
    });
}

/// Reads what a program says for people, up to a line that begins like this.
#[track_caller]
fn until_it_says(child: &mut Child, what: &str) {
    let (mut line, mut byte) = (Vec::new(), [0]);
    let err = child.stderr.as_mut().expect("piped");
    while err.read(&mut byte).expect("a pipe") == 1 {
        line.push(byte[0]);
        if line.starts_with(what.as_bytes()) {
            return;
        }
        if byte[0] == b'\n' {
            line.clear();
        }
    }
    panic!("it ended without a word of '{what}'");
}

#[test]
fn a_writer_goes_on_once_the_lock_is_free() {
    on_both_engines_with_acme(|p| {
        let held = HeldLock::new(p);
        let mut child = start(&mut p.spawn("--wait 20 branch create --code MUM01 --name 'Mumbai Fort'"), Stdio::null());
        until_it_says(&mut child, "waiting for");
        drop(held);
        let said = wait(child);
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.err.contains("created branch MUM01"), "{}", said.err);
        gap_free(p);
    });
}

#[test]
fn a_signal_ends_the_wait_for_a_lock() {
    on_both_engines_with_acme(|p| {
        let held = HeldLock::new(p);
        let mut child = start(&mut p.spawn("branch create --code MUM01 --name 'Mumbai Fort'"), Stdio::null());
        until_it_says(&mut child, "waiting for");
        let started = Instant::now();
        crate::raw::signal(&child, "INT");
        let said = wait(child);
        assert_eq!(said.code, 130, "{}", said.err);
        assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
        assert!(said.err.contains("interrupted"), "{}", said.err);
        // The lock stands in the way of the record, and that is said.
        assert!(said.err.contains("no audit record could be made"), "{}", said.err);
        drop(held);
        assert_eq!(p.run("branch list -o key").ok(), "");
        gap_free(p);
    });
}

#[test]
fn a_dry_run_leaves_nothing() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code MUM01 --name 'Mumbai Fort'").ok();
        p.run("branch create --code MUM02 --name 'Mumbai Dadar'").ok();
        p.run("branch delete MUM02 --yes").ok();
        let csv = p.write("b.csv", crate::raw::branches_csv(5));
        let state = || {
            let all = ["branches", "orgs", "actors", "audit_records", "audit_requests", "audit_heads"];
            let counts: Vec<i64> = all.iter().map(|t| int(p, &format!("select count(*) from {t}"))).collect();
            (counts, int(p, "select sum(size) from audit_heads"), int(p, "select sum(version) from branches"))
        };
        let before = state();
        for line in [
            "branch create --code NEW --name New",
            "branch update MUM01 --city Pune",
            "branch deactivate MUM01",
            "branch delete MUM01",
            "branch restore MUM02",
            "branch purge MUM02",
            "org create --code BETA --name Beta",
            "org delete ACME --cascade",
            &format!("branch import {csv}"),
        ] {
            let said = p.run(&format!("{line} --dry-run"));
            assert_eq!(said.code, 0, "{line}: {}", said.err);
            assert!(said.err.contains("dry run: nothing was changed"), "{line}: {}", said.err);
            assert_eq!(state(), before, "{line}");
        }
        // It refuses what the real run would refuse.
        p.run("branch create --code MUM01 --name Again --dry-run").fails(4);
        p.run("branch move MUM01 --to MUM01 --dry-run").fails(4);
        assert_eq!(state(), before);
        gap_free(p);
    });
}

/// The same file twice at once, and two organisations at once.
#[test]
fn two_imports_at_once_are_two_imports_one_after_the_other() {
    on_both_engines_with_acme(|p| {
        p.run("org create --code OTHER --name Other").ok();
        let csv = p.write("b.csv", branches_csv(3000));
        let all = |line: &str, other: &str| -> Vec<_> {
            let all: Vec<_> = [line, other].map(|l| start(&mut p.spawn(l), Stdio::null())).into();
            all.into_iter().map(wait).collect()
        };
        let line = format!("branch import {csv} --org ACME --wait 60");
        let said = all(&line, &line);
        let mut codes: Vec<u8> = said.iter().map(|s| s.code).collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 6], "{said:?}");
        assert_eq!(int(p, "select count(*) from branches"), 3000);
        let update = format!("branch import {csv} --org ACME --wait 60 --on-conflict update");
        let other = format!("branch import {csv} --org OTHER --wait 60");
        assert_eq!(all(&update, &other).iter().map(|s| s.code).collect::<Vec<_>>(), [0, 0]);
        assert_eq!(int(p, "select count(*) from branches"), 6000);
        gap_free(p);
    });
}

/// Branches of one person, given, taken and listed by several at once: each counts, and one of them is the first.
#[test]
fn several_at_once_give_one_person_branches() {
    on_both_engines_with_acme(|p| {
        for code in ["B0", "B1", "B2", "B3", "B4"] {
            p.run(&format!("branch create --code {code} --name {code}")).ok();
        }
        p.run("user create --user-code ASHA22 --name Asha --branch B0").ok();
        let all: Vec<_> = (1..5)
            .map(|n| format!("branch assign B{n} ASHA22"))
            .chain(["user update ASHA22 --branch B4".to_owned(), "branch assign B1 ASHA22".to_owned()])
            .map(|line| start(&mut p.spawn(&line), Stdio::null()))
            .collect();
        let said: Vec<_> = all.into_iter().map(wait).collect();
        // What is so already is no fault, or is told as one: never two links.
        assert!(said.iter().all(|s| s.code == 0 || s.code == 4), "{said:?}");
        let asha = p.json("user show ASHA22");
        assert_eq!(asha["branch"], "B4");
        let branches: Vec<_> = asha["branches"].as_array().expect("a list").iter().map(|b| b.as_str()).collect();
        assert_eq!(branches.first(), Some(&Some("B4")), "{branches:?}");
        for n in 1..4 {
            let code = format!("B{n}");
            assert_eq!(branches.iter().filter(|b| **b == Some(code.as_str())).count(), 1, "{branches:?}");
        }
        assert_eq!(int(p, "select count(*) from user_branches where deleted_at is null and is_primary"), 1);
        // Two files that say the whole: the one that comes second holds, whole.
        let files = ["B1;B2", "B3;B2"].map(|list| {
            let name = format!("{}.csv", &list[..2]);
            p.write(&name, format!("user_code,branches\nASHA22,{list}\n"))
        });
        let lines = files.map(|f| format!("user import {f} --on-conflict update --wait 60"));
        let all: Vec<_> = lines.iter().map(|line| start(&mut p.spawn(line), Stdio::null())).collect();
        for s in all.into_iter().map(wait) {
            assert_eq!(s.code, 0, "{}", s.err);
        }
        let branches = p.json("user show ASHA22")["branches"].to_string();
        assert!([r#"["B1","B2"]"#, r#"["B3","B2"]"#].contains(&branches.as_str()), "{branches}");
        gap_free(p);
    });
}

/// A feed and its successor at once: whoever comes second sees what the first has done.
#[test]
fn two_files_of_one_feed_at_once_are_two_feeds_one_after_the_other() {
    on_both_engines_with_acme(|p| {
        let file = |name: &str, people: std::ops::Range<u32>| {
            let rows = people.map(|n| format!("E{n},Person {n},p{n}@acme.example\n")).collect::<String>();
            p.write(name, format!("external_id,name,email\n{rows}"))
        };
        let (first, second) = (file("a.csv", 0..60), file("b.csv", 10..70));
        let line = |f: &str| format!("user import {f} --sync --key external_id --max-leavers 100% --wait 60");
        let all: Vec<_> = [&first, &second].map(|f| start(&mut p.spawn(&line(f)), Stdio::null())).into();
        for s in all.into_iter().map(wait) {
            assert_eq!(s.code, 0, "{}", s.err);
        }
        assert_eq!(int(p, "select count(*) from users"), 70);
        let active = texts(p, "select external_id from users where is_active order by external_id");
        assert_eq!(active.len(), 60, "one file or the other is the truth, never a mixture");
        let has = |id: &str| active.iter().any(|row| row[0] == id);
        assert!(has("E0") != has("E69"), "{active:?}");
        gap_free(p);
    });
}

/// Either the import comes first, and what it refers to is protected; or the deletion, and the row is told so.
#[test]
fn what_an_import_refers_to_is_not_deleted_meanwhile() {
    on_both_engines_with_acme(|p| {
        for round in 0..3 {
            p.run(&format!("branch create --code TOP{round} --name Top")).ok();
            let rows: String = (0..2000).map(|i| format!("R{round}-{i},Row,TOP{round}\n")).collect();
            let csv = p.write("b.csv", format!("code,name,parent\n{rows}"));
            let import = start(&mut p.spawn(&format!("branch import {csv} --wait 60")), Stdio::null());
            std::thread::sleep(Duration::from_millis(40 * round));
            let delete = done(&mut p.spawn(&format!("branch delete TOP{round} --yes --wait 60")));
            let import = wait(import);
            match (import.code, delete.code) {
                (0, 4) => assert!(delete.err.contains("2000 branches"), "{}", delete.err),
                (6, 0) => {
                    assert!(
                        import.err.contains(&format!("parent: branch TOP{round} does not exist")),
                        "{}",
                        import.err
                    );
                }
                codes => panic!("{codes:?}: {} {}", import.err, delete.err),
            }
            gap_free(p);
        }
    });
}
