//! What a record did to its row, and whose data it holds: who asks for somebody finds everything that concerns him or her, by an
//! index, also what other programs recorded and what was recorded of duplicates.

use orgctl::model::kinds::user::User;
use orgctl::model::resource::Resource as _;
use orgctl::model::values::value::Value;
use orgctl::store::engine::sql::Sql;
use orgctl::store::trail::retention::holding_data;
use orgctl::store::trail::{Search, merged, statement};
use serde_json::Value as Json;
use uuid::Uuid;

use crate::attacks::mend;
use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};
use crate::raw::texts;

fn id(p: &TestEnv, key: &str) -> String {
    p.json(&format!("user show {key} --org ACME"))["id"].as_str().expect("an id").to_owned()
}

/// Asha, her duplicate Asha Two, and Ravi, with a laptop of each of them.
fn people(p: &TestEnv) -> [String; 3] {
    p.run("setting set audit.min_retention_days 0 --org ACME").ok();
    p.run("branch create --code PUN01 --name Pune --org ACME").ok();
    let made = [("ASHA22", "LAP-1"), ("ASHB22", "LAP-2"), ("RAVK22", "LAP-3")].map(|(code, laptop)| {
        p.run(&format!("user create --name 'Person {code}' --user-code {code} --org ACME")).ok();
        let assign = "audit append --action asset_assign --org ACME --details '{\"charger\":true}'";
        p.run(&format!("{assign} --resource asset:{laptop} --subject {code}")).ok();
        id(p, code)
    });
    p.run("audit append --action asset_assign --resource asset:LAP-4 --org ACME").ok();
    made
}

/// Action, effect and resource of each record, as a line shows them.
fn told(p: &TestEnv, line: &str) -> Vec<String> {
    let rows = p.run(&format!("{line} -o json")).json();
    let word = |r: &Json, name: &str| r[name].as_str().unwrap_or_default().to_owned();
    let rows = rows.as_array().expect("a list").iter();
    rows.map(|r| format!("{} {} {}", word(r, "action"), word(r, "effect"), word(r, "resource"))).collect()
}

#[test]
fn each_record_tells_its_effect_and_its_subject() {
    on_both_engines_with_acme(|p| {
        let [asha, ..] = people(p);
        p.run("branch update PUN01 --city Pune --org ACME").ok();
        p.run("branch deactivate PUN01 --yes --org ACME").ok();
        p.run("branch delete PUN01 --yes --org ACME").ok();
        p.run("branch restore PUN01 --org ACME").ok();
        p.run("branch delete PUN01 --yes --org ACME").ok();
        p.run("branch purge PUN01 --yes --org ACME").ok();
        assert_eq!(
            told(p, "branch history PUN01"),
            [
                "create create branch",
                "update update branch",
                "deactivate update branch",
                "delete delete branch",
                "restore restore branch",
                "delete delete branch",
                "purge purge branch",
            ]
        );
        // Settings are made by the first value and deleted with the default.
        p.run("setting set audit.min_retention_days 10 --org ACME").ok();
        p.run("setting reset audit.min_retention_days --org ACME --yes").ok();
        assert_eq!(
            told(p, "audit list --resource setting --org ACME"),
            ["config_change delete setting", "config_change update setting", "config_change create setting"]
        );
        p.run_with("user passwd ASHA22 --password-stdin", "correct horse battery staple\n").ok();
        p.run("user block RAVK22 --until 2026-11-20").fails(2);
        p.run("user move RAVK22 --branch NONE99 --org ACME").fails(3);
        assert_eq!(
            told(p, "user history ASHA22"),
            ["create create user", "asset_assign none asset", "password_change create credential"]
        );
        let refused = p.json("audit list --status failed --org ACME");
        for r in refused.as_array().expect("a list") {
            assert_eq!(r["effect"], "none", "{r}");
        }
        // Whose data: the person's own row, what she proves herself with, a thing of hers, and nobody's.
        let rows = p.json("audit list --all --org ACME");
        for r in rows.as_array().expect("a list") {
            let subject = match r["resource"].as_str() {
                Some("user") => r["resource_id"].clone(),
                Some("credential") => asha.as_str().into(),
                Some("asset") if r["key"] == "LAP-1" => asha.as_str().into(),
                Some("asset") if r["key"] != "LAP-4" => continue,
                _ => Json::Null,
            };
            assert_eq!(r["subject_id"], subject, "{r}");
        }
        let shown = p.json("audit show 1 --org ACME");
        assert_eq!((&shown["effect"], &shown["subject_id"]), (&"create".into(), &Json::Null));
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn what_other_programs_recorded_of_a_person_is_told_with_the_person() {
    on_both_engines_with_acme(|p| {
        let [asha, ..] = people(p);
        p.run("user dossier ASHA22").ok();
        let dossier = p.run("user dossier ASHA22").json();
        let history = dossier["history"].as_array().expect("a list").clone();
        let actions: Vec<&str> = history.iter().filter_map(|r| r["action"].as_str()).collect();
        assert_eq!(actions, ["create", "asset_assign", "export", "export"]);
        assert_eq!((&history[1]["resource"], &history[1]["payload"]["key"]), (&"asset".into(), &"LAP-1".into()));
        assert_eq!(told(p, "user history ASHA22 --limit 1"), ["export none user"]);
        // Lines of JSON name the person too, and one who is not there is an error.
        let lines = format!("{{\"action\":\"payment\",\"resource\":\"invoice:7\",\"subject\":\"{asha}\"}}\n");
        p.run_with("audit append - --org ACME", lines).ok();
        assert_eq!(told(p, "user history ASHA22 --limit 1"), ["payment none invoice"]);
        let said = p.run("audit append --action payment --resource invoice:8 --subject NOBODY --org ACME").fails(3);
        assert!(said.contains("NOBODY"), "{said}");
    });
}

#[test]
fn a_merged_person_is_asked_for_under_all_ids() {
    on_both_engines_with_acme(|p| {
        let [asha, double, _] = people(p);
        p.wait(3600);
        p.run("user merge ASHB22 ASHA22 --yes --org ACME").ok();
        let both = ["create create user", "asset_assign none asset", "create create user", "asset_assign none asset"];
        assert_eq!(
            told(p, "user history ASHA22"),
            [&both[..], &["merge delete user", "create create former-key"]].concat()
        );
        assert_eq!(p.run("user dossier ASHA22").json()["history"].as_array().expect("a list").len(), 6 + 1);
        // The action is a word: what became of the row is that it was deleted.
        let codes = |line: &str| p.column(&format!("{line} --sort user_code --org ACME"), "user_code");
        assert_eq!(codes("user list"), ["ASHA22", "RAVK22"]);
        assert_eq!(codes("user list --as-of 30m"), ["ASHA22", "ASHB22", "RAVK22"]);
        let seq = p.column(&format!("user history {double}"), "seq").pop().expect("a number");
        let merge = p.json(&format!("audit show {seq} --org ACME"));
        assert_eq!(merge["subject_id"], asha.as_str());
        assert_eq!(merge["payload"]["merged_into"], asha.as_str());
        let said = p.run(&format!("audit revert {seq} --org ACME --yes")).fails(2);
        assert!(said.contains("orgctl user restore ASHB22"), "{said}");
        let diff = p.run("audit diff --from 2026-11-20 --resource user --org ACME -o json").json();
        let told_of: Vec<&Json> = diff.as_array().expect("a list").iter().map(|d| &d["key"]).collect();
        assert_eq!(told_of, ["ASHA22", "RAVK22"], "what came and went was never there");
        p.run("audit verify --deep").ok();
        // Brought back, they are two again.
        p.run("user restore ASHB22 --org ACME").ok();
        assert_eq!(
            told(p, "user history ASHA22"),
            [
                &both[..2],
                &["merge delete user", "create create former-key", "export none user", "delete delete former-key"],
            ]
            .concat()
        );
    });
}

#[test]
fn who_is_erased_goes_from_all_of_it() {
    on_both_engines_with_acme(|p| {
        people(p);
        p.run("user merge ASHB22 ASHA22 --yes --org ACME").ok();
        for code in ["ASHB22", "ASHA22"] {
            if code == "ASHA22" {
                p.run("user delete ASHA22 --yes --org ACME").ok();
            }
            p.run(&format!("user purge {code} --yes --org ACME")).ok();
        }
        // Four of her own (create, delete, purge, and a laptop), as many of the duplicate, and three of what that was called.
        let done = p.json("audit erase --subject ASHA22 --yes --org ACME");
        assert_eq!(done["records"], 11, "{done}");
        let left = texts(p, "select payload from audit_records where payload is not null").concat().concat();
        for word in ["ASHA22", "ASHB22", "LAP-1", "LAP-2"] {
            assert!(!left.contains(word), "{word}: {left}");
        }
        assert!(left.contains("RAVK22") && left.contains("LAP-3"), "{left}");
        p.run("audit verify --deep").ok();
    });
}

/// A statement with its values in it.
fn with_values(p: &TestEnv, sql: &Sql) -> String {
    let mut text = sql.text.clone();
    for (i, value) in sql.args.iter().enumerate().rev() {
        let literal = match (value, p.engine) {
            (Value::Uuid(id), Engine::Sqlite) => format!("x'{}'", id.simple()),
            (Value::Int(n), _) => n.to_string(),
            (Value::Time(at), Engine::Sqlite) => at.timestamp_micros().to_string(),
            (value, _) => format!("'{}'", value.to_text()),
        };
        text = text.replace(&format!("${}", i + 1), &literal);
    }
    text
}

/// How the engine would go about a statement, in lines.
pub fn plan(p: &TestEnv, sql: &Sql) -> Vec<String> {
    let text = with_values(p, sql);
    match p.engine {
        Engine::Postgres => texts(p, &format!("explain {text}")).concat(),
        Engine::Sqlite => {
            let db = rusqlite::Connection::open(p.file()).expect("a database");
            let mut steps = db.prepare(&format!("explain query plan {text}")).expect("a statement");
            let steps = steps.query_map([], |row| row.get::<_, String>(3)).expect("a plan");
            steps.collect::<Result<_, _>>().expect("a plan")
        }
    }
}

#[test]
fn somebody_is_found_by_indexes_alone() {
    on_both_engines_with_acme(|p| {
        let [asha, double, _] = people(p);
        if p.engine == Engine::Postgres {
            // So few rows are read from one end to the other, if that is allowed.
            p.sql(
                "do $$ begin execute format('alter database %I set enable_seqscan = off', current_database()); end $$",
            )
            .expect("set");
        }
        let ids: Vec<Uuid> = [asha, double].iter().map(|id| id.parse().expect("a UUID")).collect();
        let search = Search { resources: Some(ids.clone()), as_subjects: true, ..Search::default() };
        let (resource, subject) = ("audit_records_resource", "audit_records_subject");
        for (sql, indexes) in [
            (statement(&search, 1, false), vec![resource]),
            (statement(&search, 1, true), vec![subject]),
            (merged(1, User::DESCRIPTOR, ids[0]), vec![subject, resource]),
            (holding_data(1, &ids), vec![resource, subject]),
        ] {
            let plan = plan(p, &sql);
            let text = plan.join("\n");
            for index in indexes {
                assert!(text.contains(index), "{index} in\n{text}");
            }
            for line in &plan {
                let scans = line.contains("Seq Scan on audit_records") || line.trim().starts_with("SCAN r");
                let by_number = line.contains("audit_records_pkey") || line.contains("r USING PRIMARY KEY");
                assert!(!scans && !by_number, "{text}");
            }
        }
    });
}

/// Records that hold no data of anybody's but the row's own are in no subject index.
#[test]
fn the_index_of_subjects_holds_only_what_the_other_does_not() {
    on_both_engines_with_acme(|p| {
        let [asha, ..] = people(p);
        let n = texts(p, "select cast(count(*) as text) from audit_records where subject_id <> resource_id");
        assert_eq!(n.concat(), ["3"], "the laptops");
        let nil = match p.engine {
            Engine::Sqlite => "x'00000000000000000000000000000000'".to_owned(),
            Engine::Postgres => format!("'{}'", Uuid::nil()),
        };
        // Nobody is NULL and nothing else; what changed a row names it; and nothing of this is changed later.
        for set in [
            format!("subject_id = {nil}"),
            "subject_id = null".into(),
            "effect = 'none'".into(),
            "effect = 'gone'".into(),
        ] {
            p.sql(&format!("update audit_records set {set} where tree = 1 and kind = 'user'")).expect_err(&set);
        }
        assert_eq!(id(p, "ASHA22"), asha);
    });
}

/// An export is held against its leaves like the trail itself.
#[test]
fn an_export_with_another_effect_or_subject_is_found() {
    on_both_engines_with_acme(|p| {
        people(p);
        let file = p.path("trail.jsonl").display().to_string();
        p.run(&format!("audit export {file} --org ACME")).ok();
        let text = p.read("trail.jsonl");
        assert!(text.contains("\"effect\":\"create\"") && text.contains("\"subject_id\":null"), "{text}");
        p.run(&format!("audit verify --file {file}")).ok();
        let line = text.lines().find(|l| l.contains("\"kind\":\"asset\"")).expect("a laptop");
        for bent in [
            line.replace("\"effect\":\"none\"", "\"effect\":\"purge\""),
            line.split_once("\"subject_id\":\"")
                .map(|(a, b)| format!("{a}\"subject_id\":null{}", &b[37..]))
                .expect("a subject"),
        ] {
            assert_ne!(bent, line);
            let file = p.write("bent.jsonl", text.replace(line, &bent));
            let said = p.run(&format!("audit verify --file {file}")).fails(8);
            assert!(said.contains("was edited"), "{said}");
        }
        // With a leaf made anew a refused command that changed something is found all the same.
        let switch = match p.engine {
            Engine::Sqlite => {
                "drop trigger audit_records_no_update; drop trigger audit_requests_no_update; drop trigger audit_heads_only_grow"
            }
            Engine::Postgres => {
                "alter table audit_records disable trigger user; alter table audit_requests disable trigger user;
                 alter table audit_heads disable trigger user"
            }
        };
        p.sql(switch).expect("switched off");
        p.sql("update audit_requests set status = 'failed' where tree = 1 and first_seq = 2").expect("changed");
        mend(p, 1, true);
        let said = p.run("audit verify").fails(8);
        assert!(said.contains("record 2 of ACME was edited"), "{said}");
    });
}
