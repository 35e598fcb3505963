//! A block that has ended by itself is none: in lists, records, files, filters and counts alike.

use serde_json::json;

use crate::harness::on_both_engines_with_acme;

#[test]
fn an_ended_block_is_none_everywhere() {
    on_both_engines_with_acme(|p| {
        for name in ["asha", "ravi"] {
            p.run(&format!("user create --name {name} --username {name}")).ok();
        }
        p.run("user block asha --reason lost --until 1h").ok();
        p.run("user block ravi --reason gone").ok();
        let during = p.json("user show asha");
        assert_eq!(
            [&during["status"], &during["blocked"], &during["block_reason"]],
            [&json!("blocked"), &json!(true), &json!("lost")]
        );
        assert!(during["blocked_until"].is_string());
        assert_eq!(p.column("user list --filter blocked=yes --sort username", "username"), ["asha", "ravi"]);
        p.wait(3601);
        let shown = p.json("user show asha");
        let listed = p.json("user list --filter username=asha");
        let exported = p.run("user export --filter username=asha -o json").json();
        let dossier = p.run("user dossier asha").json();
        assert_eq!(
            [&shown["status"], &listed[0]["status"], &dossier["user"]["status"]],
            ["active", "active", "active"]
        );
        for told in [&shown, &listed[0], &exported[0], &dossier["user"]] {
            assert_eq!(
                [&told["blocked"], &told["blocked_until"], &told["block_reason"]],
                [&json!(false), &json!(null), &json!(null)]
            );
        }
        let csv = p.run("user export --filter username=asha --columns username,status,blocked,blocked_until").ok();
        assert_eq!(csv, "username,status,blocked,blocked_until\nasha,active,false,\n");
        for (filter, expected) in [
            ("blocked=yes", "ravi"),
            ("blocked=no", "asha"),
            ("blocked!=yes", "asha"),
            ("blocked_until!=", ""),
            ("block_reason=lost", ""),
            ("block_reason=gone", "ravi"),
            ("status=blocked", "ravi"),
            ("status=active", "asha"),
            ("status!=blocked", "asha"),
        ] {
            assert_eq!(p.column(&format!("user list --filter '{filter}'"), "username").join(" "), expected, "{filter}");
        }
        let stats = p.json("user stats");
        let count = |word: &str| {
            stats.as_array().into_iter().flatten().find(|r| r["value"] == word).map(|r| r["users"].clone())
        };
        assert_eq!([count("active"), count("blocked")], [Some(json!(1)), Some(json!(1))]);
        assert_eq!(p.column("user list --sort blocked", "username"), ["asha", "ravi"]);
        // Then it held.
        assert_eq!(p.json("user show asha --as-of 30m")["blocked"], json!(true));
        // A file that says blocked means a block that holds; one that says so again changes nothing.
        let file = p.write("blocked.csv", "username,blocked\nasha,yes\nravi,yes\n");
        let read = p.run(&format!("user import {file} --key username --on-conflict update -o json")).json();
        assert_eq!((&read["updated"], &read["unchanged"]), (&json!(1), &json!(1)), "{read}");
        assert_eq!(p.json("user show asha")["status"], "blocked");
        let read = p.run(&format!("user import {file} --key username --on-conflict update -o json")).json();
        assert_eq!((&read["updated"], &read["unchanged"]), (&json!(0), &json!(2)), "{read}");
        p.run("user unblock asha").ok();
        // A new one holds anew.
        p.run("user block asha --reason again").ok();
        assert_eq!(p.json("user show asha")["status"], "blocked");
        p.run("audit verify --deep").ok();
    });
}

/// Neither a file's end that is past nor an export of a block that has ended since lifts one that holds.
#[test]
fn a_block_that_holds_is_not_lifted_by_one_that_has_ended() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name asha --username asha").ok();
        p.run("user block asha --reason lost --until 1h").ok();
        let export = p.run("user export --columns username,blocked,blocked_until").ok();
        p.run("user unblock asha").ok();
        p.run("user block asha --reason gone").ok();
        p.wait(7200);
        let rows = "username,blocked_until\nasha,2020-01-01T00:00:00Z\n".to_owned();
        for file in [export, rows] {
            p.run_with("user import - --key username --on-conflict update", &file).ok();
            assert_eq!(p.json("user show asha")["status"], "blocked", "{file}");
        }
        p.run_with("user import - --key username --on-conflict update", "username,blocked\nasha,no\n").ok();
        assert_eq!(p.json("user show asha")["status"], "active");
    });
}

#[test]
fn a_day_in_a_filter_is_a_day_with_every_sign() {
    on_both_engines_with_acme(|p| {
        for code in ["A", "B", "C"] {
            p.run(&format!("branch create --code {code} --name {code}")).ok();
            p.wait(86_400);
        }
        let codes = |filter: &str| {
            p.run(&format!("branch list --filter '{filter}' -o key")).ok().lines().collect::<Vec<_>>().join(" ")
        };
        let day = |n: usize| format!("2026-11-2{n}");
        assert_eq!(codes(&format!("created={}", day(2))), "B");
        assert_eq!(codes(&format!("created!={}", day(2))), "A C");
        assert_eq!(codes(&format!("created={},{}", day(1), day(3))), "A C");
        assert_eq!(codes(&format!("created!={},{}", day(1), day(3))), "B");
        assert_eq!(codes("created!=2026-11-22T00:00:00Z"), "A B C");
        assert_eq!(codes(&format!("deleted_at!={}", day(2))), "A B C");
    });
}
