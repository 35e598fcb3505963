//! Checkpoints, proofs, exports and what is taken out of the trail: an auditor can convince himself.

use orgctl::model::trail::audit::Action;
use orgctl::verbs::audit::retention::Strip;
use serde_json::{Value as Json, json};

use crate::harness::{TestEnv, on_both_engines_with_acme};
use crate::own_kinds::run_verb;
use crate::raw::{int, on, text};

/// The public key of a new pair, and the path of the file that holds it.
fn keys(p: &TestEnv) -> String {
    let key = p.run("audit keygen").ok();
    p.write("audit.pub", key)
}

fn path(p: &TestEnv, name: &str) -> String {
    p.path(name).display().to_string()
}

/// Some of everything.
fn trail(p: &TestEnv) {
    for code in ["MUM01", "PUN01", "GOA01"] {
        p.run(&format!("branch create --code {code} --name {code}")).ok();
    }
    p.run("user create --name 'Asha Rao' --email asha@acme.example --user-code ASHA77 --branch MUM01").ok();
    p.run("branch assign PUN01 asha@acme.example").ok();
    p.run("branch update GOA01 --city Panaji").ok();
    p.run("setting set password.min_length 20").ok();
    p.run("branch delete GOA01 --yes").ok();
}

#[test]
fn checkpoints_are_signed_kept_and_go_on_from_each_other() {
    on_both_engines_with_acme(|p| {
        trail(p);
        let said = p.run("audit checkpoint").fails(3);
        assert!(said.contains("there is no signing key at") && said.contains("orgctl audit keygen"), "{said}");
        let key = keys(p);
        assert!(p.run("audit keygen").fails(4).contains("is there already"));
        let secret = p.path("home/.config/orgctl/audit.key");
        assert_eq!(std::fs::metadata(&secret).expect("a key").mode() & 0o777, 0o600);
        let file = path(p, "c.txt");
        let said = p.run(&format!("audit checkpoint --append {file} --dry-run"));
        assert!(said.err.contains("dry run: 2 checkpoints would be made") && said.out.is_empty(), "{}", said.err);
        assert!(!p.path("c.txt").exists());
        assert_eq!(p.run(&format!("audit checkpoint --append {file}")).err, "made 2 checkpoints\n");
        let first = p.read("c.txt");
        assert_eq!(first.matches("\u{2014} orgctl/").count(), 3, "{first}");
        // Nothing new: the same again, and not twice in the file.
        let said = p.run(&format!("audit checkpoint --append {file}"));
        assert_eq!(said.err, "nothing new since the last checkpoint, which is given again\n");
        assert_eq!(p.read("c.txt"), first);
        assert_eq!(p.run("audit checkpoint").ok(), first);
        let told = p.json("audit checkpoint");
        assert_eq!((&told["made"], told["notes"].as_array().map(Vec::len)), (&json!(0), Some(3)));
        p.run("branch update MUM01 --city Mumbai").ok();
        p.run(&format!("audit checkpoint --append {file}")).ok();
        let later = p.read("c.txt");
        assert!(later.starts_with(&first) && later.len() > first.len());
        // Only what is new is read again.
        p.run("branch update MUM01 --city Pune").ok();
        let report = p.json("audit verify --since-checkpoint");
        assert_eq!((&report["records"], &report["ok"], &report["checkpoints"]), (&json!(1), &json!(true), &json!(3)));
        let said = p.run(&format!("audit verify --checkpoint {file} --key {key}"));
        assert!(said.err.contains("5 checkpoints from outside agree"), "{}", said.err);
        // A key that others can read is none.
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).expect("opened");
        let said = p.run("audit checkpoint").fails(1);
        assert!(said.contains("others can read the signing key") && said.contains("chmod 600"), "{said}");
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("closed");
        // Of one organisation alone, for its own auditor.
        let one = p.run("audit checkpoint --org ACME").ok();
        assert_eq!(one.matches("\u{2014} orgctl/").count(), 2, "{one}");
        // A trail that does not hold is not signed.
        crate::raw::disarm(p);
        p.run("branch update MUM01 --city Goa").ok();
        let last = int(p, "select size from audit_heads where tree = 1");
        p.sql(&format!("update audit_records set payload = '{{}}' where tree = 1 and seq = {last}")).expect("edited");
        let said = p.run("audit checkpoint").fails(8);
        assert!(
            said.contains(&format!(
                "no checkpoint is made of an audit trail that does not hold: record {last} of ACME"
            )),
            "{said}"
        );
    });
}

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

/// Files that are not what they should be.
#[test]
fn checkpoints_of_others_and_forged_ones_are_refused() {
    on_both_engines_with_acme(|p| {
        let key = keys(p);
        let good = p.run("audit checkpoint").ok();
        let c = p.write("c.txt", &good);
        let verify = |file: &str, key: &str| p.run(&format!("audit verify --checkpoint {file} --key {key}"));
        verify(&c, &key).ok();
        // Another root under the same signature.
        let root = good.lines().nth(2).expect("a root");
        let forged = p.write("forged.txt", good.replacen(root, &format!("{}=", "A".repeat(43)), 1));
        assert!(verify(&forged, &key).fails(8).contains("is not right"));
        // A key that was not asked for.
        let other = p.run(&format!("audit keygen --signing-key {} --name somebody", path(p, "other.key"))).ok();
        let said = verify(&c, other.trim()).fails(8);
        assert!(said.contains("is not signed with a key that was given"), "{said}");
        assert!(verify(&p.write("none.txt", "hello\n"), &key).fails(6).contains("no signed note"));
        assert!(verify(&c, "nonsense+key").fails(2).contains("no public key"));
        // Of another installation.
        let there = TestEnv::after(p.engine, "init --org-code OTHER --org-name Other");
        let their_key = there.run("audit keygen").ok();
        let foreign = p.write("foreign.txt", there.run("audit checkpoint").ok());
        let said = verify(&foreign, their_key.trim()).fails(8);
        assert!(said.contains("holds no checkpoint of this database, which is orgctl/"), "{said}");
        // Without a key nothing is proven.
        let said = p.run_with_env(&format!("audit verify --checkpoint {c}"), &without_key(p), false).fails(2);
        assert!(said.contains("without the public key a checkpoint proves nothing"), "{said}");
        // The log of checkpoints is checked too.
        crate::raw::disarm(p);
        if p.engine == crate::harness::Engine::Postgres {
            p.sql("alter table audit_checkpoints disable trigger user").expect("off");
        }
        p.sql("update audit_checkpoints set note = replace(note, 'orgctl', 'orgcti') where seq = 1").expect("edited");
        let said = p.run("audit verify").fails(8);
        assert!(said.contains("checkpoint 1 of the database has a checkpoint that does not hold"), "{said}");
    });
}

fn without_key(p: &TestEnv) -> std::collections::BTreeMap<String, String> {
    let mut env = p.env.clone();
    env.insert("ORGCTL_SIGNING_KEY".into(), path(p, "no.key"));
    env
}

/// The database itself refuses to change the log of checkpoints.
#[test]
fn checkpoints_can_not_be_changed() {
    on_both_engines_with_acme(|p| {
        keys(p);
        p.run("audit checkpoint").ok();
        for sql in [
            "update audit_checkpoints set size = 1",
            "delete from audit_checkpoints",
            on(
                p,
                "insert or replace into audit_checkpoints select * from audit_checkpoints where seq = 1",
                "truncate audit_checkpoints",
            ),
        ] {
            let said = p.sql(sql).expect_err(sql);
            assert!(said.contains("checkpoint"), "{sql}: {said}");
        }
    });
}

#[test]
fn proofs_are_checked_with_the_file_and_the_public_key() {
    on_both_engines_with_acme(|p| {
        trail(p);
        let key = keys(p);
        let said = p.run("audit prove 3").fails(3);
        assert!(said.contains("no checkpoint covers record 3 of ACME yet"), "{said}");
        p.run(&format!("audit checkpoint --append {}", path(p, "c.txt"))).ok();
        let proof = p.run("audit prove 3").ok();
        assert!(proof.starts_with("c2sp.org/tlog-proof@v1\nextra "), "{proof}");
        // Where there is no database.
        let mut env = p.env.clone();
        env.insert("ORGCTL_DATABASE_URL".into(), "sqlite:///nowhere/at/all.db".into());
        env.insert("ORGCTL_SIGNING_KEY".into(), "/nowhere".into());
        let file = p.write("p", &proof);
        let check = |file: &str| p.run_with_env(&format!("audit check-proof {file} --key {key} -o json"), &env, false);
        let said = check(&file);
        let report = said.json();
        said.ok();
        assert_eq!((&report["proof"], &report["record"]["action"]), (&json!("inclusion"), &json!("create")));
        assert_eq!(report["record"]["payload"]["new"]["code"], "PUN01");
        assert_eq!(report["record"]["request"]["command"][1], "branch");
        // Without telling what it says.
        let bare = p.run("audit prove 3 --without-payload").ok();
        let report = check(&p.write("bare", &bare)).json();
        assert!(report["record"]["payload"].is_null() && report["record"]["request"].is_null());
        // Anything bent is no proof: another place, other words, another hash.
        let bent = |what: &str, to: &str| {
            assert!(proof.contains(what), "{what}");
            p.write("bent", proof.replacen(what, to, 1))
        };
        assert!(check(&bent("\nindex 2\n", "\nindex 3\n")).fails(8).contains("does not hold"));
        let hash = proof.lines().nth(3).expect("a hash");
        let other: String = hash.chars().rev().collect::<String>().trim_start_matches('=').to_owned() + "=";
        let said = check(&bent(hash, &other));
        assert!(matches!(said.code, 6 | 8), "{}", said.err);
        let extra = proof.lines().nth(1).expect("extra").trim_start_matches("extra ");
        let forged = base64(&unbase64(extra).replace("PUN01", "PUN02"));
        assert!(check(&bent(extra, &forged)).fails(8).contains("not the one that was recorded"));
        assert!(check(&p.write("no", "hello")).fails(6).contains("no proof"));
        let said = p.run_with_env(&format!("audit check-proof {file}"), &env, false).fails(2);
        assert!(said.contains("without the public key a proof proves nothing"), "{said}");
        // From one checkpoint to the next.
        for i in 0..5 {
            p.run(&format!("branch update MUM01 --city Town{i}")).ok();
        }
        p.run(&format!("audit checkpoint --out {}", path(p, "d.txt"))).ok();
        for org in [" --org ACME", ""] {
            let (c, d) = (path(p, "c.txt"), path(p, "d.txt"));
            let proof = p.run(&format!("audit prove --from {c} --to {d}{org}")).ok();
            assert!(proof.starts_with("orgctl/consistency-proof@v1\n"), "{proof}");
            let report = check(&p.write("cons", &proof)).json();
            assert_eq!(report["proof"], "consistency");
            if !org.is_empty() {
                assert!(p.run(&format!("audit prove --from {d} --to {c}{org}")).fails(2).contains("the later one"));
                let hash = proof.lines().nth(1).expect("a hash");
                let bent =
                    proof.replacen(hash, &"A".repeat(43), 1).replacen(&"A".repeat(43), &("A".repeat(43) + "="), 1);
                assert!(check(&p.write("bent", bent)).fails(8).contains("does not hold"));
            }
        }
        assert!(p.run("audit prove 99 --org ACME").fails(3).contains("has no record 99"));
    });
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn unbase64(text: &str) -> String {
    use base64::Engine as _;
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).expect("base64")).expect("text")
}

/// An auditor who has the export, a checkpoint and the public key, and no database.
#[test]
fn an_export_proves_itself() {
    on_both_engines_with_acme(|p| {
        trail(p);
        let key = keys(p);
        let (file, c) = (path(p, "e.jsonl"), path(p, "c.txt"));
        p.run(&format!("audit export {file} --org ACME")).ok();
        p.run(&format!("audit checkpoint --append {c}")).ok();
        let mut env = p.env.clone();
        env.insert("ORGCTL_DATABASE_URL".into(), "sqlite:///nowhere/at/all.db".into());
        env.insert("ORGCTL_SIGNING_KEY".into(), "/nowhere".into());
        let verify = |file: &str| {
            p.run_with_env(&format!("audit verify --file {file} --checkpoint {c} --key {key}"), &env, false)
        };
        let said = verify(&file);
        assert!(said.err.contains("this is what was recorded, and all of it"), "{}", said.err);
        said.ok();
        let alone = p.run_with_env(&format!("audit verify --file {file}"), &env, false);
        assert!(alone.err.contains("without a checkpoint nothing tells"), "{}", alone.err);
        let lines = p.read("e.jsonl");
        let n = lines.lines().count();
        let with = |name: &str, text: String| verify(&p.write(name, text));
        // What was exported last is the export itself.
        let last: Json = serde_json::from_str(lines.lines().nth(n - 2).expect("a line")).expect("JSON");
        assert_eq!((&last["action"], &last["kind"]), (&json!("export"), &json!("audit")));
        assert!(with("edited", lines.replace("Panaji", "Madgaon")).fails(8).contains("was edited"));
        let cut: String = lines.lines().take(n - 1).fold(String::new(), |text, l| text + l + "\n");
        assert!(with("cut", cut).fails(8).contains("truncated"));
        let without: Vec<&str> = lines.lines().filter(|l| !l.contains("\"seq\":\"4\"")).collect();
        assert!(with("deleted", without.join("\n") + "\n").fails(8).contains("record 4 of ACME was deleted"));
        let twice = lines.replacen("\"type\":\"record\"", "\"type\":\"record\",\"type\":\"record\"", 1);
        assert!(with("twice", twice).fails(8).contains("is not a line of an export"));
        assert!(
            with("spaced", lines.replacen("\"v\":1", "\"v\": 1", 1)).fails(8).contains("is not a line of an export")
        );
        // A part of the trail holds by the root behind it.
        p.wait(100);
        p.run("branch update MUM01 --city Mumbai").ok();
        let part = path(p, "part.jsonl");
        p.run(&format!("audit export {part} --org ACME --since 50s")).ok();
        p.run(&format!("audit checkpoint --append {c}")).ok();
        let said = verify(&part);
        assert!(said.err.contains("is not in the file") && !said.err.contains("all of it"), "{}", said.err);
        assert!(said.err.contains("1 checkpoint agrees: this is what was recorded"), "{}", said.err);
        let head = p.read("part.jsonl").lines().next().expect("a line").to_owned();
        assert!(!head.contains("\"from\":\"1\""), "{head}");
        let bent = p.read("part.jsonl").replacen("\"frontier\":\"", "\"frontier\":\"00", 1);
        assert!(verify(&p.write("bent", bent)).fails(8).contains("line 1"));
        // Conditions would leave something out.
        assert!(p.run("audit export --action create").fails(2).contains("leaves nothing out"));
        let csv = p.run("audit export --action delete -o csv --org ACME").ok();
        assert_eq!(csv.lines().count(), 2, "{csv}");
        let events = p.run("audit export -o ocsf --org ACME").ok();
        for line in events.lines() {
            let e: Json = serde_json::from_str(line).expect("JSON");
            let uid = |name: &str| e[name].as_u64().expect("a number");
            assert_eq!(uid("type_uid"), uid("class_uid") * 100 + uid("activity_id"));
            assert_eq!((&e["metadata"]["version"], &e["category_uid"]), (&json!("1.8.0"), &json!(3)));
            assert!(e["time"].is_i64() && e["severity_id"].is_u64() && e["status_id"].is_u64());
            let about = if uid("class_uid") == 3004 { &e["entity"] } else { &e["user"] };
            assert!(about["uid"].is_string(), "{line}");
        }
        let of =
            |class: u64, activity: u64| events.matches(&format!("\"type_uid\":{}", class * 100 + activity)).count();
        // A user made, with two links to branches; three branches and an organisation, an update, a delete.
        assert_eq!((of(3001, 1), of(3004, 1), of(3004, 4)), (1, 6, 1), "{events}");
        assert!(p.run("branch list -o ocsf").fails(2).contains("ocsf is a format of the audit trail"));
    });
}

#[test]
fn other_programs_share_the_trail() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code MUM01 --name Fort").ok();
        p.run(
            "audit append --action asset_transfer --resource asset:LAP-0042 --comment 'to Pune' --method POST --path /assets \
             --session s1 --user-agent curl --ip ::ffff:10.0.0.1 --on-behalf-of asha --source web --details '{\"n\":1}' --at 2026-11-20",
        )
        .ok();
        assert_eq!(p.json("audit append --action login --resource account:9")["recorded"], 1);
        p.run("audit append --action wobbled --resource asset:LAP-0042 --status denied --error 'no right'").ok();
        let records = p.json("audit list --resource asset --key LAP-0042");
        let details = &records[1]["details"];
        for (name, value) in [
            ("comment", json!("to Pune")),
            ("request_method", json!("POST")),
            ("request_path", json!("/assets")),
            ("session", json!("s1")),
            ("user_agent", json!("curl")),
            ("ip", json!("10.0.0.1")),
            ("on_behalf_of", json!("asha")),
            ("details", json!({ "n": 1 })),
        ] {
            assert_eq!(details[name], value, "{name}");
        }
        assert_eq!((&records[1]["source"], &records[1]["key"]), (&json!("web"), &json!("LAP-0042")));
        assert!(details.get("external").is_none() && details["happened_at"].is_string());
        assert_eq!((&records[0]["status"], &records[0]["details"]["external"]), (&json!("denied"), &json!(true)));
        assert_eq!(records[0]["resource_id"], records[1]["resource_id"]);
        // A record of ours is named by its own id, and changed by orgctl alone.
        p.run("audit append --action read --resource branch:MUM01").ok();
        assert_eq!(p.column("branch history MUM01", "action"), ["create", "read"]);
        for (line, code, sentence) in [
            ("--action update --resource branch:MUM01", 6, "is for orgctl to do"),
            ("--action purge --resource branch:MUM01", 6, "is for orgctl to do"),
            ("--action read --resource branch:MUM01 --new '{\"city\":\"Goa\"}'", 6, "is for orgctl to do"),
            ("--action read --resource branch:NOPE", 3, "branch NOPE does not exist"),
            ("--action archive --resource audit", 6, "can't be audit"),
            ("--action Bad --resource x", 6, "action must be a word"),
            ("--action a --resource 'x y'", 6, "resource must be a word"),
            ("--action a --resource x --status gone", 6, "status must be"),
            ("--action a --resource x --source mars", 6, "source must be one of"),
            ("--action a --resource x --ip 300.1.1.1", 6, "ip must be an IP address"),
            ("--action a --resource x --method PROPFINDPROPFIND", 6, "at most 10 characters"),
            ("--action a --resource x --details '[1]'", 6, "details must be an object"),
            ("--action a --resource x --details '{\"n\":9007199254740993}'", 6, "too large"),
        ] {
            let said = p.run(&format!("audit append {line}")).fails(code);
            assert!(said.contains(sentence), "{line}: {said}");
        }
        // Lines: what is right before the first wrong one stays.
        let lines = "{\"action\":\"payment\",\"resource\":\"invoice:I-1\",\"new\":{\"amount\":\"10.00\"}}\n\n\
            {\"action\":\"refund\",\"resource\":\"invoice\",\"key\":\"I-1\",\"status\":\"failed\"}\n\
            {\"action\":\"a\",\"resource\":\"x\",\"resource\":\"y\"}\n{\"action\":\"a\",\"resource\":\"x\"}\n";
        let said = p.run_with("audit append -", lines).fails(6);
        assert!(
            said.contains("line 4")
                && said.contains("stands twice")
                && said.contains("the 2 records before it are recorded"),
            "{said}"
        );
        assert_eq!(p.column("audit list --resource invoice --key I-1", "status"), ["failed", "success"]);
        let many: String =
            (0..5000).map(|i| format!("{{\"action\":\"login\",\"resource\":\"account:{}\"}}\n", i % 7)).collect();
        assert!(p.run_with("audit append -", &many).err.contains("recorded 5000\n"));
        let said = p.run_with("audit append - --dry-run", "{\"action\":\"login\",\"resource\":\"account:1\"}\n");
        assert!(said.err.contains("dry run"), "{}", said.err);
        assert_eq!(p.run("audit list --resource account --key 3 --all -o ndjson").ok().lines().count(), 714);
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn old_payloads_go_to_an_archive_that_is_proven_first() {
    on_both_engines_with_acme(|p| {
        trail(p);
        let key = keys(p);
        let c = path(p, "c.txt");
        p.run(&format!("audit checkpoint --append {c}")).ok();
        let last = int(p, "select size from audit_heads where tree = 1");
        let shown = p.run("audit show 2 -o json").json();
        p.wait(1000);
        p.run("branch update MUM01 --city Mumbai").ok();
        let out = path(p, "old.jsonl.gz");
        let said = p.run(&format!("audit archive --before 500s --out {out} --dry-run"));
        assert!(said.err.contains(&format!("would move the payloads of {last} records")), "{}", said.err);
        assert!(!p.path("old.jsonl.gz").exists());
        p.run(&format!("audit archive --before 500s --out {out}")).ok();
        assert_eq!(int(p, "select count(*) from audit_records where tree = 1 and payload is null"), last);
        assert_eq!(
            int(
                p,
                &format!(
                    "select count(*) from audit_requests where tree = 1 and payload is null and last_seq <= {last}"
                )
            ),
            int(p, &format!("select count(*) from audit_requests where tree = 1 and last_seq <= {last}"))
        );
        p.run(&format!("audit verify --deep --checkpoint {c} --key {key}")).ok();
        let gone = p.run("audit show 2 -o json").json();
        assert!(gone["payload"].is_null());
        let told = gone["gone"].as_str().expect("where it is");
        assert!(told.contains("archived in") && told.contains("old.jsonl.gz (SHA-256 "), "{told}");
        assert!(p.run_on_terminal("audit show 2", 120).ok().contains("archived in"));
        // What can't be held against anything is not said to agree.
        let report = p.json("audit verify --deep");
        assert!(report["rows_in_part"].as_u64() > Some(3), "{report}");
        p.sql("update branches set city = 'Surat' where code = 'PUN01'").expect("edited");
        let said = p.run("audit verify --deep");
        assert!(
            said.err.contains("payloads are archived or erased: what these told could not be held"),
            "{}",
            said.err
        );
        p.sql("update branches set city = null where code = 'PUN01'").expect("as it was");
        // The archive says what the records said, and proves it.
        let said = p.run(&format!("audit verify --file {out} --checkpoint {c} --key {key}"));
        assert!(said.err.contains("this is what was recorded, and all of it"), "{}", said.err);
        assert!(gunzip(&p.path("old.jsonl.gz")).contains(&shown["payload"]["new"]["code"].to_string()));
        // Again: nothing is left, and an archive is never overwritten.
        assert!(p.run(&format!("audit archive --before 500s --out {out}")).fails(4).contains("is there already"));
        let said = p.run(&format!("audit archive --before 500s --out {}", path(p, "b.gz")));
        assert!(said.err.contains("is left to archive") && said.code == 0, "{}", said.err);
        // Life goes on: later archives tell of later records, and never take out what tells of earlier ones.
        p.wait(1000);
        p.run("branch update MUM01 --city Pune").ok();
        p.run(&format!("audit archive --before 500s --out {}", path(p, "c.gz"))).ok();
        p.run(&format!("audit verify --deep --checkpoint {c} --key {key}")).ok();
        assert!(p.run("audit show 2 -o json").json()["gone"].as_str().expect("told").contains("old.jsonl.gz"));
        // A trail that does not hold is left as it is.
        p.wait(1000);
        crate::raw::disarm(p);
        let seq = int(p, "select max(seq) from audit_records where tree = 1");
        p.sql(&format!("update audit_records set action = 'update' where tree = 1 and seq = {seq}")).expect("edited");
        let said = p.run(&format!("audit archive --before 0s --out {}", path(p, "d.gz"))).fails(8);
        assert!(said.contains("nothing is taken out of an audit trail that does not hold"), "{said}");
        assert!(!p.path("d.gz").exists());
    });
}

fn gunzip(path: &std::path::Path) -> String {
    let mut text = String::new();
    let file = std::fs::File::open(path).expect("an archive");
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut text).expect("gzip");
    text
}

#[test]
fn what_is_recorded_of_a_person_is_destroyed_as_far_as_no_rule_keeps_it() {
    on_both_engines_with_acme(|p| {
        trail(p);
        let key = keys(p);
        let c = path(p, "c.txt");
        p.run(&format!("audit checkpoint --append {c}")).ok();
        p.run("user update asha@acme.example --mobile 9820012345").ok();
        // A refused command names people too.
        p.run("user create --name 'Asha Two' --email asha@acme.example").fails(4);
        let said = p.run("audit erase --subject asha@acme.example --yes").fails(4);
        assert!(said.contains("is still there") && said.contains("user purge"), "{said}");
        p.run("user delete ASHA77 --yes").ok();
        p.run("user purge ASHA77 --yes").ok();
        let said = p.run("audit erase --subject ASHA77 --yes").fails(4);
        assert!(
            said.contains("nothing can be erased before 2027-") && said.contains("audit.min_retention_days, 365 days"),
            "{said}"
        );
        p.wait(300 * 86_400);
        p.run("branch update MUM01 --city Mumbai").ok();
        p.wait(66 * 86_400);
        let before = p.run("audit export --org ACME").ok();
        assert!(before.contains("asha@acme.example") && before.contains("ASHA77"));
        let said = p.run("audit erase --subject ASHA77").fails(2);
        assert!(said.contains("--yes"), "{said}");
        let said = p.run("audit erase --subject ASHA77 --yes --dry-run");
        assert!(said.err.contains("dry run: nothing was changed"), "{}", said.err);
        let said = p.run("audit erase --subject ASHA77 --yes --reason 'request 7'");
        assert!(said.err.contains("the trail proves as before"), "{}", said.err);
        said.ok();
        let after = p.run("audit export --org ACME").ok().to_lowercase();
        for word in ["asha@acme.example", "asha77", "asha rao", "9820012345"] {
            assert!(!after.contains(word), "{word} in {after}");
        }
        if p.engine == crate::harness::Engine::Sqlite {
            for file in ["t.db", "t.db-wal"] {
                let bytes = std::fs::read(p.path(file)).unwrap_or_default();
                let found = bytes.windows(17).any(|w| w.eq_ignore_ascii_case(b"asha@acme.example"));
                assert!(!found, "a trace in {file}");
            }
        }
        p.run(&format!("audit verify --deep --checkpoint {c} --key {key}")).ok();
        let said = p.json("audit list --action erase --org ACME");
        assert_eq!((&said[0]["details"]["reason"], &said[0]["resource"]), (&json!("request 7"), &json!("audit")));
        let seq = said[0]["details"]["records"][0][0].as_i64().expect("a number");
        assert!(
            p.run(&format!("audit show {seq} --org ACME -o json")).json()["gone"]
                .as_str()
                .expect("told")
                .contains("erased, as record")
        );
        // The branch that others have is told as before.
        assert!(after.contains("panaji"));
    });
}

#[test]
fn the_system_log_tells_what_the_program_had_to_say() {
    on_both_engines_with_acme(|p| {
        keys(p);
        p.run("audit checkpoint").ok();
        crate::raw::disarm(p);
        p.sql("update audit_records set payload = '{}' where tree = 1 and seq = 1").expect("edited");
        p.run("audit verify").fails(8);
        let log = p.json("audit log list");
        // A file that is checked by itself is none of this database's business.
        let bad = p.write("bad.jsonl", "nonsense\n");
        p.run(&format!("audit verify --file {bad}")).fails(8);
        assert_eq!(p.json("audit log list"), log);
        assert_eq!((&log[0]["level"], &log[0]["source"]), (&json!("critical"), &json!("audit verify")));
        assert!(log[0]["message"].as_str().expect("text").contains("record 1 of ACME was edited"));
        assert_eq!(
            (&log[1]["level"], &log[1]["source"], &log[1]["message"]),
            (&json!("info"), &json!("audit checkpoint"), &json!("made 2 checkpoints"))
        );
        assert_eq!(p.column("audit log list --level warning", "level"), ["critical"]);
        assert_eq!(p.column("audit log list --source 'audit checkpoint'", "level"), ["info"]);
        assert!(p.run("audit log list --limit 1").err.contains("more follow: orgctl audit log list --limit 1 --page"));
        // It can't be rewritten, and goes with its time.
        let said = p.sql("update system_log set message = 'all well'");
        assert_eq!(said.is_err(), p.engine == crate::harness::Engine::Postgres, "SQLite's triggers are gone here");
        p.wait(400 * 86_400);
        let said = p.run("audit log prune");
        assert!(said.err.contains("removed 2 messages"), "{}", said.err);
        assert_eq!(text(p, "select count(*) from system_log"), "1");
    });
}

/// Whatever is handed out is recorded first.
#[test]
fn exports_are_recorded() {
    on_both_engines_with_acme(|p| {
        trail(p);
        let of = |p: &TestEnv| {
            let all = p.json("audit list --action export --all --org ACME");
            let all = all.as_array().expect("a list").iter();
            all.map(|r| r["resource"].as_str().expect("a word").to_owned()).collect::<Vec<_>>()
        };
        p.run("branch export").ok();
        p.run(&format!("user export {} -o ndjson", path(p, "u"))).ok();
        p.run("user dossier asha@acme.example").ok();
        p.run("audit export --org ACME").ok();
        assert_eq!(of(p), ["audit", "user", "user", "branch"]);
        let record = &p.json("audit list --action export --resource user --org ACME")[1];
        assert_eq!(record["details"]["format"], "ndjson");
        assert!(record["details"]["file"].as_str().expect("a file").ends_with("/u"));
        assert_eq!(p.column("user history asha@acme.example", "action").last().map(String::as_str), Some("export"));
        p.run("branch export --dry-run").ok();
        assert_eq!(of(p).len(), 4);
    });
}

/// Exports as somebody without the key would forge them: what is told must be what was recorded, and no more is said of it.
#[test]
fn forged_exports_are_refused() {
    on_both_engines_with_acme(|p| {
        trail(p);
        let key = keys(p);
        p.run(&format!("audit export {} --org ACME", path(p, "e.jsonl"))).ok();
        let c = path(p, "c.txt");
        p.run(&format!("audit checkpoint --append {c} --org ACME")).ok();
        let good = p.read("e.jsonl");
        let verify = |name: &str, text: &str| {
            p.run(&format!("audit verify --file {} --checkpoint {c} --key {key}", p.write(name, text)))
        };
        verify("good", &good).ok();
        let record = good.lines().find(|l| l.contains("\"seq\":\"3\"")).expect("record 3");
        let request = good.lines().find(|l| l.contains("\"first\":\"3\"")).expect("the command of record 3");
        let with = |line: &str, change: &dyn Fn(&mut Json)| {
            let mut json: Json = serde_json::from_str(line).expect("JSON");
            change(&mut json);
            good.replace(line, &serde_json_canonical(&json))
        };
        let forged = json!({ "new": { "code": "EVIL" }, "v": 1 });
        for (what, text) in [
            ("another payload", with(record, &|j| j["payload"] = forged.clone())),
            (
                "a salt of one byte",
                with(record, &|j| {
                    j["salt"] = "00".into();
                    j["payload"] = forged.clone();
                }),
            ),
            (
                "no salt",
                with(record, &|j| {
                    j["salt"] = Json::Null;
                    j["payload"] = forged.clone();
                }),
            ),
            (
                "no salt of the command",
                with(request, &|j| {
                    j["salt"] = Json::Null;
                }),
            ),
            ("a member more", with(record, &|j| j["zzz"] = "approved".into())),
            ("a number otherwise", with(record, &|j| j["seq"] = "+3".into())),
            ("a payload as text", with(record, &|j| j["payload"] = r#"{"v":1}"#.into())),
            ("a command that made nothing", {
                let made_up = with(request, &|j| j["last"] = "2".into());
                let line = made_up.lines().find(|l| l.contains("\"first\":\"3\"")).expect("it").to_owned();
                good.replace(request, &format!("{line}\n{request}"))
            }),
            ("a command behind the end", {
                let mut last: Json = serde_json::from_str(request).expect("JSON");
                (last["first"], last["last"]) = ("9000".into(), "9001".into());
                let (before, end) = good.trim_end().rsplit_once('\n').expect("an end");
                format!("{before}\n{}\n{end}\n", serde_json_canonical(&last))
            }),
            ("the same trail twice", format!("{good}{good}")),
            ("a record's number twice", good.replace(record, &format!("{record}\n{record}"))),
            ("a number that can't be", with(record, &|j| j["seq"] = i64::MAX.to_string().into())),
            ("another organisation's number", good.replacen("\"tree\":1", "\"tree\":2", 1)),
        ] {
            let said = verify("forged", &text);
            assert_eq!(said.code, 8, "{what}: {}{}", said.out, said.err);
        }
        // A trail that goes on is not told as the whole, nor is one without its payloads.
        p.run("branch update MUM01 --city Goa --org ACME").ok();
        p.run(&format!("audit checkpoint --append {c} --org ACME")).ok();
        let said = verify("good", &good);
        assert!(said.err.contains("the trail goes on: a checkpoint tells of"), "{}", said.err);
        assert!(said.code == 0 && !said.err.contains("all of it"), "{}", said.err);
        // Nothing at all is not everything: a stretch that begins behind a checkpoint is not proven by it.
        let stored = crate::raw::texts(
            p,
            on(
                p,
                "select lower(hex(frontier)), lower(hex(root)), cast(size as text) from audit_checkpoints where tree = 1 order by size desc",
                "select encode(frontier, 'hex'), encode(root, 'hex'), size::text from audit_checkpoints where tree = 1 order by size desc",
            ),
        );
        let (frontier, root, size) = (&stored[0][0], &stored[0][1], &stored[0][2]);
        let mut head: Json = serde_json::from_str(good.lines().next().expect("a line")).expect("JSON");
        head["frontier"] = frontier.as_str().into();
        head["from"] = (size.parse::<i64>().expect("a number") + 1).to_string().into();
        let end = json!({ "type": "end", "size": size, "root": root });
        let nothing = format!("{}\n{}\n", serde_json_canonical(&head), serde_json_canonical(&end));
        let said = verify("nothing", &nothing).fails(8);
        assert!(said.contains("no checkpoint that was given tells of what is in"), "{said}");
    });
}

fn serde_json_canonical(json: &Json) -> String {
    orgctl::model::values::value::canonical(json).expect("JSON")
}

/// A log never signs two histories (c2sp.org/tlog-checkpoint), whatever became of the database.
#[test]
fn a_key_never_signs_two_histories() {
    on_both_engines_with_acme(|p| {
        keys(p);
        let c = path(p, "c.txt");
        p.run(&format!("audit checkpoint --append {c}")).ok();
        let said = p.run("db rollback --to 5 --yes").fails(4);
        assert!(said.contains("2 signed checkpoints, which are never thrown away"), "{said}");
        match p.engine {
            crate::harness::Engine::Sqlite => crate::raw::disarm(p),
            crate::harness::Engine::Postgres => {
                p.sql("alter table audit_checkpoints disable trigger user").expect("off");
            }
        }
        // The rows that tell what was signed are gone: the key remembers.
        p.sql("delete from audit_checkpoints").expect("deleted");
        assert!(p.run("audit verify").out.contains("what was signed here"));
        let said = p.run("audit checkpoint").fails(8);
        assert!(said.contains("no checkpoint is made of an audit trail that does not hold"), "{said}");
        // So does the file that is appended to, for another machine with the same key.
        std::fs::remove_file(p.path("home/.config/orgctl/audit.key.last")).expect("forgotten");
        p.run(&format!("audit checkpoint --append {c}")).fails(8);
        // Somebody else's signature in the database is none, where the key is known.
        let other = path(p, "other.key");
        p.run(&format!("audit keygen --signing-key {other}")).ok();
        let mut env = p.env.clone();
        env.insert("ORGCTL_SIGNING_KEY".into(), other);
        p.run_with_env("audit checkpoint", &env, false).ok();
        let said = p.run("audit verify").fails(8);
        assert!(said.contains("has a checkpoint that does not hold"), "{said}");
        p.run("audit checkpoint").fails(8);
    });
}

/// What is gone still has a trail, which is asked for by what it was called.
#[test]
fn what_is_gone_is_still_asked_for() {
    on_both_engines_with_acme(|p| {
        trail(p);
        p.run("org create --code BETA --name Beta").ok();
        p.run("branch create --code B1 --name One --org BETA").ok();
        keys(p);
        p.run("audit checkpoint").ok();
        p.run("user delete ASHA77 --yes --org ACME").ok();
        p.run("user purge ASHA77 --yes --org ACME").ok();
        for key in ["ASHA77", "asha@acme.example"] {
            let actions = p.column(&format!("audit list --resource user --key {key} --org ACME"), "action");
            assert_eq!(actions.first().map(String::as_str), Some("purge"), "{key}");
        }
        p.run("org delete BETA --cascade --yes").ok();
        p.run("audit verify --org BETA").ok();
        p.run("audit prove 2 --org BETA").ok();
        p.run("org purge BETA --yes").ok();
        for of in ["BETA", "#2"] {
            assert_eq!(
                p.column(&format!("audit list --org {of} --action create"), "resource"),
                ["branch", "org"],
                "{of}"
            );
        }
        assert!(p.run("audit list --org '#9'").fails(3).contains("does not exist"));
    });
}

/// Only what orgctl does to its records counts as done to them, and an erasure tells of what was.
#[test]
fn the_trail_is_not_talked_round() {
    on_both_engines_with_acme(|p| {
        trail(p);
        let id = text(
            p,
            on(
                p,
                "select lower(hex(id)) from branches where code = 'PUN01'",
                "select id from branches where code = 'PUN01'",
            ),
        );
        let said = p.run(&format!("audit append --action purge --resource asset:{id}")).fails(6);
        assert!(said.contains("is branch PUN01"), "{said}");
        p.sql(&format!(
            "delete from user_branches; {}",
            on(
                p,
                "delete from branches_search where rowid = (select row_id from branches where code = 'PUN01')",
                "select 1"
            )
        ))
        .expect("gone");
        p.sql("delete from branches where code = 'PUN01'").expect("gone");
        p.run("audit verify --deep").fails(8);
        p.run(&format!("audit append --action purge --resource asset:{id}")).ok();
        let said = p.run("audit verify --deep");
        assert!(said.code == 8 && said.out.contains("is gone, and no purge is recorded"), "{}", said.out);
    });
}

/// An archive may hold records that were erased before. What tells of the erasure stands behind its end: the archive alone
/// does not prove that nobody took the payloads out of the file.
#[test]
fn what_was_erased_can_be_archived() {
    on_both_engines_with_acme(|p| {
        trail(p);
        let key = keys(p);
        p.run("user delete ASHA77 --yes").ok();
        p.run("user purge ASHA77 --yes").ok();
        p.run("setting set audit.min_retention_days 0").ok();
        p.wait(100);
        p.run("branch update MUM01 --city Goa").ok();
        // The archive will end where this checkpoint does.
        let c = p.write("c.txt", p.run("audit checkpoint --org ACME").ok());
        p.wait(100);
        p.run("audit erase --subject ASHA77 --yes").ok();
        let out = path(p, "old.gz");
        p.run(&format!("audit archive --before 50s --out {out}")).ok();
        p.run("audit verify --deep").ok();
        let said = p.run(&format!("audit verify --file {out} --checkpoint {c} --key {key}"));
        assert!(said.out.contains("is gone, and nothing in the file tells why"), "{}", said.out);
        said.fails(8);
        let said = p.run(&format!("audit verify --file {out} --key {key}"));
        assert!(said.err.contains("no payload, and nothing in the file tells why"), "{}", said.err);
        said.ok();
    });
}

/// Whoever is restored while somebody is asked whether to erase is there again, and nothing of him or her goes.
#[test]
fn who_was_restored_meanwhile_is_not_erased() {
    on_both_engines_with_acme(|p| {
        p.run("user create --user-code ASHA77 --name Asha --username asha").ok();
        let id = p.json("user show asha")["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        // What was found while she was deleted.
        let (records, requests, unrecorded, details) = Default::default();
        let erase = Strip { org: 1, action: Action::Erase, subject: id, records, requests, unrecorded, details };
        let refused = run_verb(p, None, "audit:erase", &erase).expect_err("she is there").to_string();
        assert!(refused.contains("user ASHA77 (Asha) was restored by somebody else in the meantime"), "{refused}");
        p.run("user delete asha --yes").ok();
        run_verb(p, None, "audit:erase", &erase).expect("erased");
    });
}
