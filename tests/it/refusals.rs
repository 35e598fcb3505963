//! What was refused is recorded under its own action and about whom it was, and changes nothing that is told of the past.

use serde_json::Value as Json;

use crate::harness::{TestEnv, on_both_engines_with_acme};

fn last(p: &TestEnv) -> Json {
    let list = p.run("audit list --org ACME --limit 1 -o json").json();
    p.json(&format!("audit show {} --org ACME", list[0]["seq"]))
}

fn company(p: &TestEnv) -> String {
    p.run("branch create --code HQ --name 'Head office'").ok();
    p.run("user create --name 'Asha Rao' --username asha --email asha@x.example --user-code ASHA22").ok();
    p.run("user create --name 'Ravi Kumar' --username ravi --email ravi@x.example --user-code RAV222").ok();
    p.run("user move ravi --reports-to asha").ok();
    p.run("branch update HQ --manager asha").ok();
    p.json("user show asha")["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_refusal_has_the_action_of_its_verb_and_names_whom_it_was_about() {
    on_both_engines_with_acme(|p| {
        let asha = company(p);
        for (line, code, action, kind, key) in [
            ("user deactivate asha", 4, "deactivate", "user", "ASHA22"),
            ("user delete asha --yes", 4, "delete", "user", "ASHA22"),
            ("user block asha --reason ''", 6, "user_block", "user", "ASHA22"),
            ("user move asha --reports-to ravi", 4, "move", "user", "ASHA22"),
            ("user update asha --email ravi@x.example", 4, "update", "user", "ASHA22"),
            ("user rename asha --username ravi", 4, "update", "user", "ASHA22"),
            ("user passwd asha --password-stdin", 6, "password_change", "user", "ASHA22"),
            ("branch move HQ --to HQ", 4, "move", "branch", "HQ"),
            ("branch update HQ --if-version 99 --name X", 4, "update", "branch", "HQ"),
            ("setting set password.min_length 99999 --org ACME", 6, "config_change", "setting", "password.min_length"),
            ("audit revert 1 --org ACME", 2, "", "", ""),
        ] {
            let before = p.audit_records();
            p.run_with(line, "short\n").fails(code);
            if action.is_empty() {
                assert_eq!(p.audit_records(), before, "{line}");
                continue;
            }
            assert_eq!(p.audit_records(), before + 1, "{line}");
            let told = last(p);
            assert_eq!([&told["action"], &told["resource"], &told["status"]], [action, kind, "failed"], "{line}");
            assert_eq!(told["payload"]["key"], key, "{line}");
            assert_eq!(told["payload"]["exit_code"], code, "{line}");
            if key == "ASHA22" {
                assert_eq!(told["resource_id"], asha.as_str(), "{line}");
            }
        }
        // It stands in the history of whom it was about, as what it is.
        let of_asha = p.run("user history asha -o json").json();
        let refused = of_asha.as_array().into_iter().flatten().find(|r| r["action"] == "deactivate").cloned();
        assert_eq!(refused.expect("the refusal")["status"], "failed");
        assert_eq!(p.column("audit list --action deactivate --status failed", "key"), ["ASHA22"]);
    });
}

#[test]
fn a_refusal_about_several_names_those_that_were_found() {
    on_both_engines_with_acme(|p| {
        company(p);
        let before = p.audit_records();
        p.run("user delete asha nobody --yes").fails(3);
        assert_eq!(p.audit_records(), before, "a key that names no record is not recorded");
        p.run("user create --name X --username x --email x@x.example").ok();
        p.run("branch create --code B2 --name Two --manager x").ok();
        let ids: Vec<Json> = ["asha", "x"].iter().map(|k| p.json(&format!("user show {k}"))["id"].clone()).collect();
        let before = p.audit_records();
        p.run("user deactivate asha x").fails(4);
        assert_eq!(p.audit_records(), before + 1, "one record of the refusal");
        let told = last(p);
        assert_eq!([&told["action"], &told["resource"]], ["deactivate", "user"]);
        assert_eq!(told["payload"]["resource_ids"], Json::from(ids));
        assert_eq!(told["payload"]["resources"], 2);
        assert_eq!(told["resource_id"], "00000000-0000-0000-0000-000000000000");
    });
}

/// What is dealt with one by one is one record of those that were refused; the others have theirs.
#[test]
fn those_who_are_refused_among_many_are_one_record() {
    on_both_engines_with_acme(|p| {
        company(p);
        p.run("user create --name X --username x --email x@x.example").ok();
        p.run("branch create --code B2 --name Two --manager x").ok();
        let ids: Vec<Json> = ["asha", "x"].iter().map(|k| p.json(&format!("user show {k}"))["id"].clone()).collect();
        for (line, stdin, done, failed) in [
            ("user deactivate asha x nobody --keep-going", "", 0, 3),
            ("user deactivate - --keep-going", "asha\nnobody\nx\nravi\n", 1, 3),
            ("user delete asha x --keep-going --yes", "", 0, 2),
        ] {
            let before = p.audit_records();
            p.run_with(line, stdin).fails(7);
            assert_eq!(p.audit_records(), before + 1 + done, "{line}");
            let told = last(p);
            assert_eq!(told["action"], line.split(' ').nth(1).expect("a verb"), "{line}");
            assert_eq!([&told["resource"], &told["status"]], ["user", "failed"], "{line}");
            assert_eq!(told["payload"]["resource_ids"], Json::from(ids.clone()), "{line}");
            assert_eq!([&told["payload"]["done"], &told["payload"]["failed"]], [done, failed], "{line}");
            assert_eq!(told["payload"]["exit_code"], 7, "{line}");
            p.run("user activate ravi").ok();
            p.run("user move ravi --reports-to asha").ok();
        }
        // One alone stands in the header; keys that name nobody, and dry runs, are not recorded.
        p.run("user block asha --reason x").ok();
        let before = p.audit_records();
        p.run("user invite asha --keep-going").fails(7);
        p.run("user delete nobody nothing --keep-going --yes").fails(7);
        p.run("user deactivate asha x --keep-going --dry-run").fails(7);
        p.run("user move asha nobody --reports-to ravi --keep-going").fails(7);
        assert_eq!(p.audit_records(), before + 2, "the invitation and the move");
        for told in [last(p), p.json("audit list --org ACME --action update --status failed --limit 1")[0].clone()] {
            let key = told["payload"]["key"].as_str().or_else(|| told["key"].as_str());
            assert_eq!(key, Some("ASHA22"), "{told}");
        }
        p.run("audit verify --deep").ok();
    });
}

/// All that is told of then and of now is the same as if nothing had been asked.
#[test]
fn a_refusal_is_no_effect() {
    on_both_engines_with_acme(|p| {
        company(p);
        p.run("branch create --code B2 --name Two").ok();
        p.run("branch assign B2 ravi").ok();
        p.run("branch delete HQ --yes").ok();
        p.run("branch create --code HQ --name 'New office'").ok();
        p.wait(3600);
        let told = |at: &str| {
            ["user list --with-deleted", "branch list --with-deleted"]
                .map(|line| p.run(&format!("{line} --as-of {at} -o json")).ok())
        };
        let now = ["user list --with-deleted -o json", "branch list --with-deleted -o json"].map(|l| p.run(l).ok());
        let then = "2026-11-21T00:59:00Z";
        assert_eq!(told(then), now);
        p.run("user deactivate asha").fails(4);
        p.run("user delete asha --yes").fails(4);
        p.run("branch restore HQ").fails(4);
        p.run("branch delete B2 --yes").fails(4);
        p.run("branch purge HQ --yes --if").fails(2);
        p.run("user purge asha --yes").fails(3);
        assert_eq!(told(then), now);
        p.wait(3600);
        let diff = p.run("audit diff --from 90m -o json").ok();
        assert_eq!(diff.trim(), "[]", "{diff}");
        p.run("audit verify --deep").ok();
        // Nor where what the refusals said is gone.
        let file = p.path("old.jsonl.gz").display().to_string();
        p.run(&format!("audit archive --before 30m --out {file} --org ACME")).ok();
        p.wait(60);
        p.run("user show asha --as-of 50m").ok();
        assert_eq!(p.json("user show asha")["updated_at"], p.json("user show asha --as-of 10s")["updated_at"]);
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

/// Whatever a verb is called, its refusal is recorded under a word that searches know.
#[test]
fn refusals_are_recorded_under_words_of_the_closed_list() {
    use orgctl::cli::program::Program;
    use orgctl::model::trail::audit::ACTIONS;
    let program = Program::default();
    for (noun, verb) in program.verbs() {
        let access = program.find(noun, verb).and_then(|found| found.access()).expect("a leaf");
        assert!(ACTIONS.contains(&access.recorded), "{noun} {verb}: {}", access.recorded);
        assert!(!access.writes || access.recorded != "read", "{noun} {verb}");
    }
    on_both_engines_with_acme(|p| {
        p.run("audit append --action payment --resource invoice:1 --status odd").fails(6);
        let lines = "{\"action\":\"payment\",\"resource\":\"invoice:1\",\"status\":\"odd\"}\n";
        assert_ne!(p.run_with("audit append -", lines).code, 0);
        let failed = p.column("audit list --status failed --org ACME", "action");
        assert!(!failed.is_empty() && failed.iter().all(|action| action == "import"), "{failed:?}");
        for action in failed {
            p.run(&format!("audit list --action {action}")).ok();
        }
    });
}
