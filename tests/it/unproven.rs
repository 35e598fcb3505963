//! What checkpoints don't prove is not said to be proven: other trails in the file, payloads that are gone, notes that
//! were changed, and a trail that was cut off together with its checkpoints.

use orgctl::model::trail::audit::commit;
use serde_json::{Value as Json, json};

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};
use crate::raw::{disarm, int};

fn path(p: &TestEnv, name: &str) -> String {
    p.path(name).display().to_string()
}

/// A signing key on this machine, and the path of the file with its public half.
fn keygen(p: &TestEnv) -> String {
    let key = p.run("audit keygen").ok();
    p.write("audit.pub", key)
}

fn canonical(json: &Json) -> String {
    orgctl::model::values::value::canonical(json).expect("a text")
}

fn unhex(text: &str) -> Vec<u8> {
    orgctl::model::values::value::unhex(text).expect("hexadecimal digits")
}

fn changed(export: &str, line: &str, change: impl Fn(&mut Json)) -> String {
    let mut json: Json = serde_json::from_str(line).expect("JSON");
    change(&mut json);
    export.replace(line, &canonical(&json))
}

#[test]
fn a_trail_that_no_checkpoint_proves_is_not_proven_by_those_of_others() {
    on_both_engines_with_acme(|p| {
        p.run("org create --code BETA --name Beta").ok();
        let key = keygen(p);
        let (e, c) = (path(p, "e.jsonl"), path(p, "c.txt"));
        p.run(&format!("audit export {e}")).ok();
        p.run(&format!("audit checkpoint --append {c} --org ACME")).ok();
        let verify = format!("audit verify --file {e} --checkpoint {c} --key {key}");
        let said = p.run(&verify).fails(8);
        assert!(said.contains("the export does not hold"), "{said}");
        assert!(said.contains("is proven by no checkpoint that was given"), "{said}");
        let report = p.run(&format!("{verify} -o json")).json();
        assert_eq!(report["ok"], false);
        let unproven: Vec<&Json> =
            report["findings"].as_array().expect("a list").iter().filter(|f| f["kind"] == "unproven").collect();
        // SYSTEM's and BETA's; ACME's is proven.
        assert_eq!(unproven.len(), 2, "{report}");
        assert!(unproven.iter().all(|f| f["org"] != "ACME"), "{report}");
        // The same file with a checkpoint of each trail.
        p.run(&format!("audit checkpoint --append {c}")).ok();
        p.run(&verify).ok();
    });
}

#[test]
fn payloads_that_are_gone_without_a_reason_are_missed() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        p.run("branch update B1 --city Goa").ok();
        let key = keygen(p);
        let (e, c) = (path(p, "e.jsonl"), path(p, "c.txt"));
        p.run(&format!("audit export {e} --org ACME")).ok();
        p.run(&format!("audit checkpoint --append {c} --org ACME")).ok();
        let good = p.read("e.jsonl");
        let strip = |line: &str, j: &mut Json| {
            if line.contains("\"type\":\"record\"") {
                let salt: [u8; 16] = unhex(j["salt"].as_str().expect("a salt")).try_into().expect("16 bytes");
                let kept: String =
                    commit(&salt, &canonical(&j["payload"])).iter().map(|b| format!("{b:02x}")).collect();
                j["commitment"] = kept.into();
            }
            (j["salt"], j["payload"]) = (Json::Null, Json::Null);
        };
        let lines: Vec<&str> =
            good.lines().filter(|l| l.contains("\"type\":\"record\"") || l.contains("\"type\":\"request\"")).collect();
        let mut all = good.clone();
        for line in &lines {
            let one = changed(&good, line, |j| strip(line, j));
            all = changed(&all, line, |j| strip(line, j));
            let file = p.write("stripped.jsonl", &one);
            let said = p.run(&format!("audit verify --file {file} --checkpoint {c} --key {key}"));
            assert!(said.code == 8 && said.out.contains("nothing in the file tells why"), "{}{}", said.out, said.err);
            // Without a checkpoint nothing is proven anyway, and that is what is said.
            let said = p.run(&format!("audit verify --file {file} --key {key}"));
            assert!(said.code == 0 && said.err.contains("nothing in the file tells why"), "{}", said.err);
        }
        let file = p.write("stripped.jsonl", &all);
        p.run(&format!("audit verify --file {file} --checkpoint {c} --key {key}")).fails(8);
        let report = p.run(&format!("audit verify --file {file} --checkpoint {c} --key {key} -o json")).json();
        assert_eq!((&report["ok"], &report["findings"][0]["kind"]), (&json!(false), &json!("erased")));
    });
}

#[test]
fn a_note_with_another_first_line_is_not_passed_over() {
    on_both_engines_with_acme(|p| {
        p.run("org create --code BETA --name Beta").ok();
        let key = keygen(p);
        let (e, c) = (path(p, "e.jsonl"), path(p, "c.txt"));
        p.run(&format!("audit export {e}")).ok();
        p.run(&format!("audit checkpoint --append {c}")).ok();
        let good = p.read("c.txt");
        let first = good.lines().find(|l| l.starts_with("orgctl/") && l.ends_with("/1")).expect("the note of ACME");
        let foreign = "orgctl/00000000-0000-7000-8000-000000000000/1".to_owned();
        for other in [
            foreign,
            first.replace("/1", "/9"),
            format!("{first}x"),
            format!(" {first}"),
            "another.example/log".to_owned(),
            String::new(),
            format!("{first}\n{first}"),
        ] {
            let bad = p.write("bad.txt", good.replacen(&format!("{first}\n"), &format!("{other}\n"), 1));
            for verify in [
                format!("audit verify --checkpoint {bad}"),
                format!("audit verify --checkpoint {bad} --key {key}"),
                format!("audit verify --file {e} --checkpoint {bad} --key {key}"),
            ] {
                let said = p.run(&verify).fails(8);
                assert!(said.contains("is not right"), "{other}: {said}");
            }
        }
        p.run(&format!("audit verify --checkpoint {c} --key {key}")).ok();
        p.run(&format!("audit verify --file {e} --checkpoint {c} --key {key}")).ok();
    });
}

/// Everything that was recorded of the last change is gone, in the database: its rows, and the checkpoint that told of it.
#[test]
fn the_machine_that_signed_remembers_what_it_signed() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        let key = keygen(p);
        p.run("audit checkpoint").ok();
        let before = int(p, "select size from audit_heads where tree = 1");
        let frontier = crate::raw::texts(
            p,
            crate::raw::on(
                p,
                "select lower(hex(frontier)), cast(at as text) from audit_heads where tree = 1",
                "select encode(frontier, 'hex'), at::text from audit_heads where tree = 1",
            ),
        );
        p.run("branch update B1 --city Goa").ok();
        p.run("audit checkpoint").ok();
        let said = p.run("audit verify").err;
        assert!(said.contains("that were signed here agree"), "{said}");
        disarm(p);
        let (frontier, at) = (&frontier[0][0], &frontier[0][1]);
        let head = match p.engine {
            Engine::Sqlite => format!("frontier = x'{frontier}', at = {at}"),
            Engine::Postgres => {
                p.sql("alter table audit_checkpoints disable trigger user").expect("off");
                format!("frontier = '\\x{frontier}', at = '{at}', pending = {before}")
            }
        };
        p.sql(&format!(
            "delete from audit_records where tree = 1 and seq > {before};
             delete from audit_requests where tree = 1 and last_seq > {before};
             update audit_heads set size = {before}, {head} where tree = 1;
             delete from audit_checkpoints where tree = 1 and size > {before}"
        ))
        .expect("cut off");
        let said = p.run("audit verify");
        assert!(said.code == 8 && said.out.contains("truncated"), "{}{}", said.out, said.err);
        assert!(said.out.contains("what was signed here"), "{}", said.out);
        p.run("audit verify --org ACME").fails(8);
        p.run("audit verify --since-checkpoint").fails(8);
        // Another machine has only the public key, and nothing that it could remember.
        let mut env = p.env.clone();
        env.insert("HOME".into(), path(p, "elsewhere"));
        let said = p.run_with_env(&format!("audit verify --org ACME --key {key}"), &env, false);
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        // What is kept was changed: the key itself tells.
        let kept = p.path("home/.config/orgctl/audit.key.last");
        let text = std::fs::read_to_string(&kept).expect("what is kept");
        std::fs::write(&kept, text.replacen("/1\n", "/9\n", 1)).expect("written");
        assert!(p.run("audit verify").fails(8).contains("is not right"));
    });
}
