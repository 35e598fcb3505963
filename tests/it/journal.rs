//! Journals: rows by their time, the newest first; counted, handed out, and let go of when their time is over.

use std::time::{Duration, Instant};

use chrono::Utc;
use orgctl::model::kinds::system_log::SystemLog;
use orgctl::model::resource::Resource as _;
use orgctl::store::engine::location::Engine as StoreEngine;
use orgctl::store::records::query::{Cursor, Query};
use orgctl::store::tx::journal::JOURNAL_WAIT;
use serde_json::json;
use uuid::Uuid;

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};
use crate::raw::{HeldLock, int, on, texts};
use crate::subjects::plan;

/// Something that the program has to say, every hour: a trail that does not hold.
fn spoil(p: &TestEnv) {
    crate::raw::disarm(p);
    p.sql("update audit_records set payload = '{}' where tree = 1 and seq = 1").expect("edited");
}

/// `n` messages, each an hour after the one before; the last one is of now.
fn filled(p: &TestEnv, n: usize) {
    spoil(p);
    for i in 0..n {
        if i > 0 {
            p.wait(3600);
        }
        p.run("audit verify").fails(8);
    }
}

#[test]
fn messages_are_listed_by_their_time() {
    on_both_engines_with_acme(|p| {
        filled(p, 5);
        let all = p.column("log list", "at");
        let mut newest_first = all.clone();
        newest_first.sort_by(|a, b| b.cmp(a));
        assert_eq!((all.len(), &all), (5, &newest_first));
        // Page by page, also where others write meanwhile.
        let (mut seen, mut line) = (Vec::new(), "log list --limit 2".to_owned());
        loop {
            seen.extend(p.column(&line, "at"));
            let said = p.run(&line).err;
            let Some((_, token)) = said.trim().rsplit_once("--page ") else { break };
            line = format!("log list --limit 2 --page {token}");
            if seen.len() == 2 {
                p.run("audit verify").fails(8);
            }
        }
        assert_eq!(seen, all);
        assert_eq!(p.column("log list --since 90m", "at").len(), 3);
        assert_eq!(p.column(&format!("log list --since {} --until {}", all[3], all[1]), "at"), all[2..4]);
        assert_eq!(p.column("log list --filter 'level=info'", "at").len(), 0);
        assert_eq!(p.column("log list --filter 'level=critical message~edited'", "at").len(), 6);
        assert!(p.run("log list --since 1h --until 2h").fails(2).contains("--until is before --since"));
        let id = p.column("log list --limit 1", "id").remove(0);
        let shown = p.json(&format!("log show {id}"));
        assert_eq!((&shown["level"], &shown["source"]), (&json!("critical"), &json!("audit verify")));
        assert_eq!((&shown["context"], &shown["org"]), (&json!({ "exit_code": 8 }), &json!("SYSTEM")));
        assert!(shown["request_id"].is_string() && shown["actor"].is_string(), "{shown}");
        p.run(&format!("log show {}", Uuid::nil())).fails(3);
    });
}

#[test]
fn messages_are_counted() {
    on_both_engines_with_acme(|p| {
        filled(p, 3);
        p.wait(40 * 86_400);
        p.run("log prune --before 50d").ok();
        let counts = |line: &str| -> Vec<Vec<String>> {
            let all = p.json(line);
            let row = |r: &serde_json::Value| {
                [&r["group"], &r["value"], &r["messages"]].map(|v| v.to_string().replace('"', "")).to_vec()
            };
            all.as_array().expect("a list").iter().map(row).collect()
        };
        assert_eq!(counts("log stats --by level"), [["level", "critical", "3"], ["level", "info", "1"]]);
        assert_eq!(counts("log stats --by source --since 1d"), [["source", "log prune", "1"]]);
        assert_eq!(counts("log stats --by day"), [["day", "2026-11-21", "3"], ["day", "2026-12-31", "1"]]);
        let groups: Vec<String> = counts("log stats").into_iter().map(|row| row[0].clone()).collect();
        assert_eq!(groups, ["level", "level", "actor", "day", "day"]);
        assert!(p.run("log stats --by colour").fails(2).contains("there is no field 'colour'"));
    });
}

/// What is handed out is recorded, in the trail; what is pruned is gone with what was past its time, and nothing else.
#[test]
fn messages_are_handed_out_and_pruned() {
    on_both_engines_with_acme(|p| {
        filled(p, 3);
        let out = p.run("log export").ok();
        assert_eq!(out.lines().count(), 4, "{out}");
        assert!(out.lines().next().expect("a header").ends_with("at,actor,request_id") || out.contains("request_id"));
        assert_eq!(p.column("audit list --action export", "resource"), ["log"]);
        p.wait(364 * 86_400);
        p.run("audit verify").fails(8);
        p.run("log prune").ok();
        assert_eq!(int(p, "select count(*) from system_log where level = 'critical'"), 4);
        p.wait(2 * 86_400);
        let dry = p.run("log prune --dry-run -o json");
        assert_eq!(dry.json(), json!({ "removed": 3 }));
        assert_eq!(int(p, "select count(*) from system_log where level = 'critical'"), 4);
        assert_eq!(p.run("log prune -o json").json(), json!({ "removed": 3 }));
        assert_eq!(p.run("audit log prune -o json").json(), json!({ "removed": 0 }));
        assert_eq!(p.column("log list --filter level=critical", "level").len(), 1);
    });
}

/// Two at once remove each row once, however many there are.
#[test]
fn two_prune_at_once() {
    on_both_engines_with_acme(|p| {
        let id = on(p, "randomblob(16)", "gen_random_uuid()");
        let at = on(p, "1000000 * n", "timestamptz 'epoch' + n * interval '1 s'");
        let numbers = on(
            p,
            "(with recursive s (n) as (select 1 union all select n + 1 from s where n < 12000) select n from s)",
            "(select generate_series(1, 12000) as n)",
        );
        p.sql(&format!(
            "insert into system_log (org_id, id, level, source, message, at, actor_id, request_id)
             select 0, {id}, 'info', 'test', 'hello', {at}, 1, {id} from {numbers} as s"
        ))
        .expect("rows");
        let before = int(p, "select count(*) from system_log");
        let mut running: Vec<_> = (0..2)
            .map(|_| {
                let mut prune = p.spawn("log prune -o json --wait 60");
                crate::raw::start(&mut prune, std::process::Stdio::null())
            })
            .collect();
        let removed: i64 = running
            .drain(..)
            .map(|child| {
                let said = crate::raw::wait(child);
                assert_eq!(said.code, 0, "{}", said.err);
                said.json()["removed"].as_i64().expect("a number")
            })
            .sum();
        assert_eq!(removed, 12_000, "of {before}");
        assert_eq!(int(p, "select count(*) from system_log where source = 'test'"), 0);
    });
}

/// A page far behind is found by an index, whatever is asked for: nothing is read that is not shown.
#[test]
fn a_far_page_is_found_by_an_index() {
    on_both_engines_with_acme(|p| {
        let rows = on(
            p,
            "insert into system_log (org_id, id, level, source, message, at, actor_id, request_id)
             with recursive s (n) as (select 1 union all select n + 1 from s where n < 5000)
             select case n % 100 when 0 then 1 else 0 end, randomblob(16), 'info', 'test', 'hello', 1000000 * n, 1, randomblob(16) from s",
            "insert into system_log (org_id, id, level, source, message, at, actor_id, request_id)
             select case n % 100 when 0 then 1 else 0 end, gen_random_uuid(), 'info', 'test', 'hello', timestamptz 'epoch' + n * interval '1 s', 1,
                    gen_random_uuid() from generate_series(1, 5000) as n",
        );
        p.sql(rows).expect("rows");
        p.sql("analyze").expect("counted");
        let engine = if p.engine == Engine::Sqlite { StoreEngine::Sqlite } else { StoreEngine::Postgres };
        let at = Utc::now();
        let behind =
            Cursor { values: vec![chrono::DateTime::from_timestamp(2500, 0).expect("a time").into()], id: Uuid::nil() };
        for (org, index) in [(None, "system_log_at"), (Some(1), "system_log_org")] {
            let mut query = Query::new(SystemLog::DESCRIPTOR, at);
            (query.org, query.limit, query.after) = (org, Some(50), Some(behind.clone()));
            query.columns.retain(|c| c.name == "at" || c.name == "message");
            let steps = plan(p, &query.statement(engine, false).0);
            let told = steps.join("\n");
            assert!(told.contains(index), "{told}");
            assert!(!told.to_lowercase().contains("sort") && !told.contains("B-TREE"), "{told}");
            assert!(!told.contains("Seq Scan") && !told.contains("SCAN t"), "{told}");
        }
    });
}

/// Who writes is waited for as long as a message is worth, and no longer; then the command says so, and ends as it would.
#[test]
fn a_message_waits_for_the_writer_of_a_file_for_a_moment() {
    let p = TestEnv::with_acme(Engine::Sqlite);
    spoil(&p);
    p.run("audit verify").fails(8);
    let held = HeldLock::new(&p);
    let started = Instant::now();
    let said = p.run("audit verify").fails(8);
    let waited = started.elapsed();
    drop(held);
    let lines: Vec<&str> = said.lines().filter(|l| l.contains("system log")).collect();
    assert_eq!(
        lines,
        ["warning: the system log lacks this: another command was writing, and was waited for 500 ms"],
        "{said}"
    );
    assert!(waited >= JOURNAL_WAIT && waited < JOURNAL_WAIT + Duration::from_secs(5), "{waited:?}");
    assert_eq!(texts(&p, "select level from system_log").len(), 1);
    // Where nobody writes it is written.
    assert!(!p.run("audit verify").fails(8).contains("system log"));
    assert_eq!(texts(&p, "select level from system_log").len(), 2);
}
