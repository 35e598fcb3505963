//! A clock that was a hundred years ahead for one command does not spoil the trail.

use serde_json::json;

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};

const CENTURY: i64 = 36_525 * 86_400;

fn keys(p: &TestEnv, line: &str) -> Vec<String> {
    let mut keys = p.column(&format!("{line} --all"), "key");
    keys.reverse();
    keys
}

/// B1 in 2026, B2 by a clock that says 2126, B3 in 2026 again, at the time of B2 for there is no going back.
fn ahead(p: &TestEnv) {
    p.run("branch create --code B1 --name One").ok();
    p.wait(3600);
    p.wait(CENTURY);
    p.run("branch create --code B2 --name Two --yes").ok();
    p.wait(-CENTURY);
    p.wait(3600);
    let said = p.run("branch create --code B3 --name Three");
    assert!(said.err.contains("the audit trail is ahead of this machine's clock (2126-11-"), "{}", said.err);
    assert!(said.err.contains("orgctl audit correct-clock"), "{}", said.err);
}

#[test]
fn a_clock_that_has_jumped_is_asked_about_before_it_is_believed() {
    on_both_engines_with_acme(|p| {
        p.wait(399 * 86_400);
        p.run("branch create --code B1 --name One").ok();
        p.wait(401 * 86_400);
        let before = p.audit_records();
        let err = p.run("branch create --code B2 --name Two").fails(2);
        assert!(err.contains("this needs a confirmation: this machine's clock says 2029-01-"), "{err}");
        assert!(err.contains("the last record is of 2027-12-25T") && err.contains("401 days before"), "{err}");
        // Also what only records that something was refused would take the time for good.
        p.run("branch delete B1 --if-version 9 --yes").fails(2);
        let file = p.write("b.csv", "code,name\nB2,Two\n");
        p.run(&format!("branch import {file}")).fails(2);
        p.run("setting set clock.max_jump 500 --system").fails(2);
        assert_eq!(p.audit_records(), before);
        p.run("branch list").ok();
        p.run(&format!("branch import {file} --yes")).ok();
        // What was recorded meanwhile says that the clock is right.
        p.run("branch create --code B3 --name Three").ok();
        p.run("setting set clock.max_jump 500 --system").ok();
        p.wait(450 * 86_400);
        p.run("branch create --code B4 --name Four").ok();
        p.run("setting set clock.max_jump 0 --system").fails(6);
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn the_trail_is_corrected_after_a_wrong_clock() {
    on_both_engines_with_acme(|p| {
        ahead(p);
        let seq = |code: &str| {
            let key = p.column("audit list --resource branch --action create --all", "key");
            let seqs = p.column("audit list --resource branch --action create --all", "seq");
            seqs[key.iter().position(|k| k == code).expect("it is there")].parse::<i64>().expect("a number")
        };
        let first = seq("B2");
        let said = p.run("audit correct-clock --now '2026-11-21T02:00:00Z'");
        assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
        assert!(said.err.contains(&format!("corrected the clock of ACME: 2 records from {first} on")), "{}", said.err);
        p.wait(3600);
        p.run("branch create --code B4 --name Four").ok();
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
        // B1 at 0:00, B2 and B3 by the correction at 2:00, B4 at 3:00.
        let created = "audit list --resource branch --action create";
        assert_eq!(keys(p, created), ["B1", "B2", "B3", "B4"]);
        assert_eq!(keys(p, &format!("{created} --since 2026-11-21T01:00:00Z")), ["B2", "B3", "B4"]);
        assert_eq!(keys(p, &format!("{created} --until 2026-11-21T02:30:00Z")), ["B1", "B2", "B3"]);
        assert_eq!(keys(p, &format!("{created} --since 2027-01-01")), Vec::<String>::new());
        assert_eq!(keys(p, &format!("{created} --source cli --since 2026-11-21T02:30:00Z")), ["B4"]);
        assert_eq!(keys(p, &format!("{created} --source cli")), ["B1", "B2", "B3", "B4"]);
        let as_of = |at: &str| p.column(&format!("branch list --sort code --as-of {at}"), "code");
        assert_eq!(as_of("2026-11-21T01:30:00Z"), ["B1"]);
        assert_eq!(as_of("2026-11-21T02:30:00Z"), ["B1", "B2", "B3"]);
        let diff = "audit diff --resource branch --from 2026-11-21T01:00:00Z --to 2026-11-21T02:30:00Z --columns key";
        let mut told: Vec<String> = p.run(&format!("{diff} -o tsv")).ok().lines().skip(1).map(str::to_owned).collect();
        told.dedup();
        assert_eq!(told, ["B2", "B3"]);
        assert_eq!(p.run("audit stats --by day --org ACME -o tsv").ok(), "group\tvalue\trecords\nday\t2026-11-21\t6\n");
        assert_eq!(
            p.run("audit stats --by resource --org ACME --since 2026-11-21T01:00:00Z -o tsv").ok(),
            "group\tvalue\trecords\nresource\tbranch\t3\nresource\tclock\t1\n"
        );
        // The record itself still says what the clock said.
        let record = p.run(&format!("audit show {first} --org ACME -o json")).json();
        assert!(record["recorded_at"].as_str().is_some_and(|at| at.starts_with("2126-")), "{record}");
        assert!(record["at"].as_str().is_some_and(|at| at.starts_with("2026-11-21T02:00")), "{record}");
        let told = p.run("audit list --resource clock --org ACME -o json").json();
        assert_eq!((&told[0]["action"], &told[0]["details"]["records"]), (&json!("config_change"), &json!(2)));
        let said = p.run("audit correct-clock --now '2026-11-21T03:00:00Z'");
        assert_eq!((said.code, said.err.as_str()), (0, "no trail is ahead of the clock; nothing was recorded\n"));
    });
}

/// The pages of a list go on from each other across a correction, and a second one counts as much as the first.
#[test]
fn pages_go_on_across_corrections() {
    on_both_engines_with_acme(|p| {
        ahead(p);
        p.run("audit correct-clock --now '2026-11-21T02:00:00Z'").ok();
        p.wait(3600);
        p.wait(CENTURY);
        p.run("branch create --code B5 --name Five --yes").ok();
        p.wait(-CENTURY);
        p.wait(60);
        p.run("audit correct-clock --now '2026-11-21T03:01:00Z'").ok();
        p.run("branch create --code B6 --name Six").ok();
        p.run("audit verify --deep").ok();
        for line in ["audit list", "audit list --org ACME", "audit list --source cli", "audit list --action create"] {
            let all = p.column(&format!("{line} --all"), "key");
            let times = p.column(&format!("{line} --all"), "at");
            assert!(times.is_sorted_by(|a, b| a >= b), "{line}: {times:?}");
            let mut paged: Vec<String> = Vec::new();
            let mut page = String::new();
            loop {
                let said = p.run(&format!("{line} --limit 2{page} -o ndjson"));
                let rows: Vec<serde_json::Value> =
                    said.out.lines().map(|l| serde_json::from_str(l).expect("a JSON line")).collect();
                paged.extend(rows.iter().map(|r| r["key"].as_str().unwrap_or("null").to_owned()));
                let Some(at) = said.err.find("--page ") else { break };
                let token = said.err[at + 7..].split_whitespace().next().expect("a token").trim_end_matches('\'');
                page = format!(" --page {token}");
            }
            assert_eq!(paged, all, "{line}");
        }
        assert_eq!(p.column("branch list --sort code --as-of 2026-11-21T03:00:30Z", "code"), ["B1", "B2", "B3"]);
    });
}

#[test]
fn the_time_of_now_is_typed_and_held_against_the_clock() {
    on_both_engines_with_acme(|p| {
        ahead(p);
        let before = p.audit_records();
        for (given, why) in [
            ("", "--now is missing"),
            ("--yes", "--now is missing"),
            ("--now 0s", "is no time of day"),
            ("--now 2026-11-21", "is no time of day"),
            ("--now 2026-11-21T01:00:00Z", "is not the time of this machine's clock"),
            ("--now 2126-11-21T02:00:00Z", "is not the time of this machine's clock"),
            ("--now nonsense", "is no time"),
        ] {
            let err = p.run(&format!("audit correct-clock {given}")).fails(2);
            assert!(err.contains(why), "{given}: {err}");
        }
        assert_eq!(p.audit_records(), before);
        let said = p.run("audit correct-clock --now '2026-11-21T02:05:00Z' --dry-run");
        assert!(said.code == 0 && said.err.ends_with("dry run: nothing was changed\n"), "{}", said.err);
        assert_eq!(p.audit_records(), before);
        // Nothing but that verb writes such a record.
        p.run("audit append --action config_change --resource clock:x").fails(6);
    });
}

/// A server has a clock of its own.
#[test]
fn this_machines_clock_is_held_against_the_servers() {
    on_both_engines_with_acme(|p| {
        if p.engine == Engine::Sqlite {
            // There is no other clock to be held against.
            p.claim_the_worlds_time(true);
            p.run("branch create --code B1 --name One").ok();
            return;
        }
        p.claim_the_worlds_time(true);
        let err = p.run("branch create --code B1 --name One").fails(2);
        assert!(err.contains("the database server's 2") && err.contains("is this one right?"), "{err}");
        p.run("branch create --code B1 --name One --yes").ok();
        p.claim_the_worlds_time(false);
        p.wait(CENTURY);
        p.run("branch create --code B2 --name Two --yes").ok();
        p.wait(-CENTURY);
        p.claim_the_worlds_time(true);
        let err = p.run("audit correct-clock --yes --now '2026-11-21T00:00:00Z'").fails(4);
        assert!(err.contains("set the clock that is wrong"), "{err}");
    });
}
