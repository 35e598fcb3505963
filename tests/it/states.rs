//! What an export says of a record's state, an import takes back or refuses by line: every kind, every state, both engines.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};

/// A state: in use or not, deleted or not; of a person also blocked (until when), invited, accepted, with proved addresses.
type State = (bool, bool, Option<u8>, bool, bool, bool, bool);

const UNTIL: [&str; 3] = ["", "2026-01-01T00:00:00.000000Z", "2031-05-06T07:08:09.123456Z"];

fn rows(noun: &str, code: &str, states: &[State]) -> String {
    let row = |(i, (is_active, _, blocked, invited, accepted, proved, login)): (usize, &State)| {
        if noun != "user" {
            return format!("{code}{i},Name {code}{i},{is_active}\n");
        }
        let time = |is: bool, text: &'static str| if is { text } else { "" };
        let until = UNTIL[usize::from(blocked.unwrap_or_default())];
        format!(
            "{code}{i},Name N{i},{is_active},{login},u{i}@x.in,+9198200123{i:02},{},{until},{},{},{},{proved},{proved}\n",
            blocked.is_some(),
            time(blocked.is_some(), "a reason"),
            time(*invited, "2026-10-01T00:00:00.000000Z"),
            time(*invited && *accepted, "2026-10-02T00:00:00.000000Z"),
        )
    };
    let header = match noun {
        "user" => {
            "external_id,name,is_active,can_login,email,mobile,blocked,blocked_until,block_reason,invited_at,accepted_at,\
             email_verified,mobile_verified\n"
        }
        _ => "code,name,is_active\n",
    };
    header.to_owned() + &states.iter().enumerate().map(row).collect::<String>()
}

#[test]
fn every_state_comes_back_or_is_refused_by_line() {
    let [sqlite, postgres] = [Engine::Sqlite, Engine::Postgres].map(|engine| TestEnv::after(engine, "init"));
    let state = (
        any::<bool>(),
        prop::bool::weighted(0.3),
        prop::option::of(0_u8..3),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    let turns = std::cell::Cell::new(0);
    let config = Config { cases: 4, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
        .run(&prop::collection::vec(state, 3..9), |states| {
            let turn = turns.get() + 1;
            turns.set(turn);
            let (from, to) = if turn % 2 == 0 { (&sqlite, &postgres) } else { (&postgres, &sqlite) };
            for p in [from, to] {
                p.run(&format!("org create --code H{turn} --name H")).ok();
                p.run(&format!("org create --code S{turn} --name S")).ok();
            }
            for noun in ["org", "branch", "dept", "user"] {
                let code = format!("T{turn}X");
                let key = if noun == "user" { "external_id" } else { "code" };
                // Organisations are told by their codes, what is in one by it.
                let within = |org: &str| match noun {
                    "org" => String::new(),
                    _ => format!("--org {org}{turn}"),
                };
                let only = if noun == "org" { format!("--filter code~{code}") } else { String::new() };
                let (h, s) = (within("H"), within("S"));
                let gone = states.iter().filter(|state| state.1).count();
                from.run_with(&format!("{noun} import - {h}"), rows(noun, &code, &states)).ok();
                let deleted: String =
                    (0..states.len()).filter(|i| states[*i].1).map(|i| format!("{code}{i}\n")).collect();
                if gone > 0 {
                    from.run_with(&format!("{noun} delete - --yes {h}"), &deleted).ok();
                }
                let list = |p: &TestEnv, within: &str| {
                    p.run(&format!("{noun} list --all --columns {key},status {within} {only} --sort {key} -o csv")).ok()
                };
                let told = |said: &crate::harness::Output| {
                    said.err.lines().filter(|l| l.starts_with("rejected line ")).count()
                };
                for format in ["csv", "tsv"] {
                    let all = from.run(&format!("{noun} export --with-deleted {h} {only} -o {format}")).ok();
                    prop_assert_eq!(all.lines().count(), states.len() + 1);
                    // Back where it comes from it changes nothing.
                    let records = from.audit_records();
                    let said = from.run_with(&format!("{noun} import - --on-conflict update --keep-going {h}"), &all);
                    prop_assert_eq!((said.code, told(&said)), (if gone > 0 { 7 } else { 0 }, gone), "{}", said.err);
                    prop_assert!(said.err.contains("created 0, updated 0, "), "{}", said.err);
                    prop_assert_eq!(from.audit_records(), records);
                    // Elsewhere the deleted are refused by line, and the others are as they were.
                    let more = if format == "csv" { "--keep-going" } else { "--keep-going --on-conflict update" };
                    let said = to.run_with(&format!("{noun} import - {more} {h}"), &all);
                    prop_assert_eq!(told(&said), gone, "{}", said.err);
                    let reason = format!(" says that the {noun} is deleted, ");
                    prop_assert_eq!(said.err.matches(&reason).count(), gone, "{}", said.err);
                    let live = format!("{noun} export {h} {only}");
                    prop_assert_eq!(to.run(&live).ok(), from.run(&live).ok());
                    prop_assert_eq!(list(to, &h), list(from, &h));
                }
                if noun == "org" {
                    continue;
                }
                // The word alone: taken, or refused by line.
                let name = if noun == "user" { "user_code,external_id,first_name" } else { "code,name" };
                let words = from.run(&format!("{noun} export --with-deleted {h} --columns {name},status")).ok();
                let said = to.run_with(&format!("{noun} import - --keep-going {s}"), &words);
                let became = list(to, &s);
                prop_assert_eq!(became.lines().count() + told(&said), states.len() + 1, "{}", said.err);
                let was = list(from, &h);
                for line in became.lines() {
                    prop_assert!(was.lines().any(|l| l == line), "{} in {}", line, was);
                }
                let records = from.audit_records();
                let said = from.run_with(&format!("{noun} import - --on-conflict update --keep-going {h}"), &words);
                prop_assert_eq!(told(&said), gone, "{}", said.err);
                prop_assert_eq!(from.audit_records(), records);
            }
            Ok(())
        })
        .expect("every case");
    for p in [&sqlite, &postgres] {
        p.run("db check").ok();
    }
}

#[test]
fn a_state_in_a_file_is_obeyed_or_refused() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code OLD --name Old").ok();
        p.run("branch delete OLD --yes").ok();
        // The deleted one in every form that says so, with every option.
        for (columns, cell) in [
            ("deleted_at", "2026-01-02"),
            ("status", "Deleted"),
            ("branch_status", "deleted"),
            ("deleted_by", "asha"),
            ("is_deleted", "true"),
        ] {
            for more in ["", "--ignore-unknown", "--on-conflict update", "--on-conflict skip"] {
                let said = p
                    .run_with(&format!("branch import - {more}"), format!("code,name,{columns}\nOLD,Old,{cell}\n"))
                    .fails(6);
                assert!(said.contains("says that the branch is deleted, and no file creates or changes such a one: leave the row out, or"), "{said}");
            }
        }
        assert!(p.run("branch show OLD").fails(3).contains("is deleted"));
        // A status is set where nothing else says so.
        let rows = "code,name,status,is_deleted\nA,A,active,no\nB,B,In-Active,\nC,C,,0\n";
        p.run_with("branch import -", rows).ok();
        assert_eq!(p.column("branch list --all --sort code", "status"), ["active", "inactive", "active"]);
        let again = p.run_with("branch import - --on-conflict update", rows).fails(0);
        assert!(again.contains("updated 0, unchanged 3"), "{again}");
        p.run_with("branch import - --on-conflict update", "code,status\nA,inactive\nB,active\n").ok();
        assert_eq!(p.column("branch list --all --sort code", "status"), ["inactive", "active", "active"]);
        assert_eq!(p.column("branch history A", "action").last().map(String::as_str), Some("deactivate"));
        // Any word for no, and a word that means none, say that nobody is deleted.
        let words = "external_id,name,status,is_deleted,deleted_at,password_hash\nW1,A,,N,,\nW2,B,NULL,f,NULL,null\nW3,C,,Off,null,NULL\n";
        p.run_with("user import - --none NULL", words).ok();
        assert_eq!(p.column("user list --all", "status"), ["active", "active", "active"]);
        let said = p.run_with("user import -", words.replace("W2", "W4")).fails(6);
        assert!(said.contains("rejected line 3: status is none of active, "), "{said}");
        let said = p.run_with("user import -", "external_id,name,is_deleted\nW5,E,Y\n").fails(6);
        assert!(said.contains("rejected line 2: is_deleted says that the user is deleted"), "{said}");
        for key in ["W1", "W2", "W3"] {
            p.run(&format!("user delete {key} --yes")).ok();
        }
        // And held against what else says so.
        let said = p
            .run_with(
                "branch import - --on-conflict update --keep-going",
                "code,is_active,status\nA,yes,inactive\nB,yes,active\nC,no,active\n",
            )
            .fails(7);
        assert!(
            said.contains("rejected line 2: status is inactive, but by what else is known the branch is active\n"),
            "{said}"
        );
        assert!(
            said.contains("rejected line 4: status is active, but by what else is known the branch is inactive\n"),
            "{said}"
        );
        // A word that is none is told, and passed over only where that is asked for.
        let rows = "external_id,name,status\nE1,E One,Permanent\nE2,E Two,inactive\n";
        let said = p.run_with("user import -", rows).fails(6);
        assert!(
            said.contains(
                "rejected line 2: status is none of active, inactive, blocked, invited, deleted: 'Permanent'\n"
            ),
            "{said}"
        );
        p.run_with("user import - --ignore-unknown", rows).ok();
        assert_eq!(p.column("user list --all --sort external_id", "status"), ["active", "inactive"]);
        p.run_with("user import - --on-conflict update --map status=designation", rows).ok();
        assert_eq!(p.json("user show E1")["designation"], "Permanent");
        // Who is blocked or invited is so by other columns.
        p.run("user block E1 --reason x").ok();
        for (rows, is) in [
            ("E1,E One,active\n", "blocked"),
            ("E2,E Two,blocked\n", "active"),
            ("N1,New One,invited\n", "active"),
            ("E1,E One,invited\n", "blocked"),
        ] {
            let status = rows.trim().rsplit(',').next().expect("a cell");
            let said =
                p.run_with("user import - --on-conflict update", format!("external_id,name,status\n{rows}")).fails(6);
            assert!(
                said.contains(&format!(
                    "rejected line 2: status is {status}, but by what else is known the user is {is}\n"
                )),
                "{said}"
            );
        }
        p.run_with("user import - --on-conflict update", "external_id,status\nE1,blocked\nE2,inactive\n").ok();
        // A block that has ended meanwhile is no contradiction.
        p.run("user unblock E1").ok();
        p.run("user block E1 --reason x --until 1h").ok();
        let file = p.run("user export --columns user_code,status,blocked,blocked_until").ok();
        assert!(file.contains(",blocked,true,"), "{file}");
        p.wait(7200);
        let said = p.run_with("user import - --on-conflict update", &file).fails(0);
        assert!(said.contains("updated 0, unchanged 2"), "{said}");
        // Who was there when he was invited is active, and by the same invitation he would have come as a new one.
        p.run("user create --name 'I V' --external-id I1 --email i@x.in").ok();
        p.wait(5);
        p.run("user invite I1").ok();
        let file = p.run("user export --filter external_id=I1").ok();
        assert!(file.lines().next().is_some_and(|l| l.contains(",status")), "{file}");
        let said = p.run_with("user import - --on-conflict update", &file).fails(0);
        assert!(said.contains("updated 0, unchanged 1"), "{said}");
        p.run("org create --code ELSE --name Else").ok();
        let said = p.run_with("user import - --org ELSE", &file).fails(6);
        assert!(said.contains("rejected line 2: status is active, but by what else is known the user is invited; leave invited_at empty, and send"), "{said}");
        p.run("org delete ELSE --yes").ok();
        p.run("user delete I1 --yes").ok();
        // The whole truth: who is in it is with the organisation, unless his status says otherwise.
        let feed = |rows: &str| {
            p.run_with("user import - --sync --key external_id --force", format!("external_id,name,status\n{rows}"))
        };
        feed("E1,E One,\nE2,E Two,\n").ok();
        assert_eq!(p.column("user list --all --sort external_id", "status"), ["active", "active"]);
        feed("E1,E One,inactive\nE2,E Two,active\n").ok();
        assert_eq!(p.column("user list --all --sort external_id", "status"), ["inactive", "active"]);
        // An export of the deleted tells who they are, or says that it does not.
        p.run("user delete E1 --yes").ok();
        assert!(p.run("user export --deleted").ok().lines().next().is_some_and(|l| l.ends_with(",deleted_at")));
        assert!(!p.run("user export").ok().contains("deleted_at"));
        let said = p.run("user export --with-deleted --columns user_code,first_name");
        assert!(
            said.err.contains(
                "note: without a column status or deleted_at nothing tells the deleted ones from the others\n"
            ),
            "{}",
            said.err
        );
        assert_eq!(p.json("user show E2")["status"], json!("active"));
    });
}
