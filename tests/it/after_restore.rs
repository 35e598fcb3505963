//! A restore is an event: what was signed and is lost is told, until it is stated and for ever after, and no code is given
//! twice.

use serde_json::json;

use crate::attacks::mend;
use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};
use crate::raw::{disarm, int, texts};

/// A place whose trail was signed, backed up, and went on, with what was signed then.
struct Past {
    archive: String,
    checkpoints: String,
    /// The key that checks them.
    key: String,
}

/// ACME has a branch, a person and a department when the backup is made, one more of each and an organisation more after.
fn prepared(p: &TestEnv) -> Past {
    let key = p.run("audit keygen").ok();
    let key = p.write("audit.pub", key);
    let checkpoints = p.path("c.txt").display().to_string();
    p.run("branch create --code B1 --name One --org ACME").ok();
    p.run("user create --name 'Asha Rao' --email asha@acme.example --org ACME").ok();
    p.run(&format!("audit checkpoint --append {checkpoints}")).ok();
    let made = p.json("backup create");
    let archive = made["file"].as_str().expect("a file").to_owned();
    p.run("user create --name 'Ravi Kumar' --email ravi@acme.example --org ACME").ok();
    p.run("dept create --name Stores --org ACME").ok();
    p.run("org create --code BETA --name Beta").ok();
    p.run(&format!("audit checkpoint --append {checkpoints}")).ok();
    Past { archive, checkpoints, key }
}

/// Restores into an empty place of the same engine; the place, and the flag that names it.
fn restored(p: &TestEnv, archive: &str) -> (TestEnv, String) {
    let q = TestEnv::new(p.engine);
    p.wait(3600);
    p.run(&format!("backup restore {archive} --into {}", q.url)).ok();
    let at = format!("--database {}", q.url);
    (q, at)
}

#[test]
fn a_restored_trail_goes_on_once_it_is_stated() {
    on_both_engines_with_acme(|p| {
        let Past { archive, checkpoints: c, key } = prepared(p);
        let size = int(p, "select size from audit_heads where tree = 1");
        assert_eq!(size, 5, "init, branch, user; user, dept");
        let (q, at) = restored(p, &archive);
        p.run(&format!("branch create --code B2 --name Two --org ACME {at}")).ok();
        // What was signed is ahead, by the file and by what this machine remembers.
        for line in [format!("audit verify --checkpoint {c} --key {key} {at}"), format!("audit verify {at}")] {
            let said = p.run(&line);
            assert_eq!(said.code, 8, "{line}: {}{}", said.out, said.err);
            assert!(said.out.contains("of 5 records: restored from the backup "), "{line}: {}", said.out);
            assert!(said.out.contains("as record ") && said.out.contains(" of SYSTEM claims"), "{line}: {}", said.out);
            assert!(said.err.contains("--after-restore"), "{line}: {}", said.err);
        }
        let said = p.run(&format!("audit checkpoint --append {c} {at}")).fails(8);
        assert!(said.contains("--after-restore"), "{said}");
        // Stated.
        let said = p.run(&format!("audit checkpoint --after-restore {archive} --append {c} {at}"));
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        assert!(said.err.contains("records 4 to 5 of ACME are lost: restored from the backup "), "{}", said.err);
        let kept = p.read("c.txt");
        assert!(kept.contains("\nleft orgctl/") && kept.contains("\nhead 1 3 "), "{kept}");
        // From then on it holds, and says so each time.
        for line in [format!("audit verify --checkpoint {c} --key {key} {at}"), format!("audit verify --deep {at}")] {
            let said = p.run(&line);
            assert_eq!(said.code, 0, "{line}: {}{}", said.out, said.err);
            assert!(said.err.contains("records 4 to 5 of ACME are lost"), "{line}: {}", said.err);
        }
        let told = p.json(&format!("audit verify {at}"));
        let of = |org: &str| told["lost"].as_array().expect("lost").iter().find(|l| l["org"] == org).cloned();
        let acme = of("ACME").expect("told");
        assert_eq!((&acme["after"], &acme["upto"]), (&json!(3), &json!(5)));
        assert_eq!(of("#2").expect("BETA, which is gone")["upto"], 1);
        assert_eq!((&told["ok"], &told["findings"]), (&json!(true), &json!([])));
        // On a machine that knows nothing but the key.
        let fresh = TestEnv::new(Engine::Sqlite);
        let said = fresh.run(&format!("audit verify --key {key} {at}"));
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        assert!(said.err.contains("records 4 to 5 of ACME are lost"), "{}", said.err);
        // It goes on.
        p.run(&format!("user create --name 'New Person' --email new@acme.example --org ACME {at}")).ok();
        p.run(&format!("org create --code GAMMA --name Gamma {at}")).ok();
        p.run(&format!("audit checkpoint --append {c} {at}")).ok();
        p.run(&format!("audit verify --deep --checkpoint {c} --key {key} {at}")).ok();
        p.run(&format!("audit verify --org ACME --checkpoint {c} --key {key} {at}")).ok();
        p.run(&format!("audit verify --since-checkpoint {at}")).ok();
        let said = p.run(&format!("audit checkpoint --after-restore {archive} {at}")).fails(4);
        assert!(said.contains("no restore that is not stated"), "{said}");
        // Proofs and exports are of the log that goes on.
        p.run(&format!("audit export {} --org ACME {at}", p.path("e.jsonl").display())).ok();
        let file = p.path("e.jsonl").display().to_string();
        p.run(&format!("audit verify --file {file} --checkpoint {c} --key {key}")).ok();
        let proof = p.path("p.txt").display().to_string();
        p.run(&format!("audit prove 4 --org ACME --out {proof} {at}")).ok();
        p.run(&format!("audit check-proof {proof} --key {key}")).ok();
        // What was signed since is held against it, too.
        disarm(&q);
        q.sql("update audit_records set payload = replace(payload, 'Two', 'Six') where tree = 1 and seq = 4")
            .expect("edited");
        p.run(&format!("audit verify {at}")).fails(8);
    });
}

#[test]
fn a_second_restore_goes_on_as_well() {
    on_both_engines_with_acme(|p| {
        let Past { archive, checkpoints: c, key } = prepared(p);
        let (_q, at) = restored(p, &archive);
        p.run(&format!("audit checkpoint --after-restore {archive} --append {c} {at}")).ok();
        p.run(&format!("branch create --code B2 --name Two --org ACME {at}")).ok();
        let made = p.json(&format!("backup create --to {} {at}", p.path("second").display()));
        let second = made["file"].as_str().expect("a file").to_owned();
        p.run(&format!("branch create --code B3 --name Three --org ACME {at}")).ok();
        p.run(&format!("audit checkpoint --append {c} {at}")).ok();
        // A backup of the log that went on.
        let (_r, at) = restored(p, &second);
        p.run(&format!("audit verify --checkpoint {c} --key {key} {at}")).fails(8);
        p.run(&format!("audit checkpoint --after-restore {archive} {at}")).fails(8);
        p.run(&format!("audit checkpoint --after-restore {second} --append {c} {at}")).ok();
        let said = p.run(&format!("audit verify --deep --checkpoint {c} --key {key} {at}"));
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        assert!(said.err.contains("records 4 to 5 of ACME are lost"), "{}", said.err);
        assert!(said.err.contains("record 5 of ACME is lost"), "{}", said.err);
        // The first archive again: what was signed since its first restore is of logs that were left aside.
        let (_t, at) = restored(p, &archive);
        p.run(&format!("audit verify --checkpoint {c} --key {key} {at}")).fails(8);
        p.run(&format!("audit checkpoint --after-restore {archive} --append {c} {at}")).ok();
        p.run(&format!("audit verify --deep --checkpoint {c} --key {key} {at}")).ok();
        // No log has signed two roots of one size.
        let mut signed = std::collections::BTreeMap::new();
        let text = p.read("c.txt");
        let lines: Vec<&str> = text.lines().collect();
        for at in lines.windows(3).filter(|at| at[0].starts_with("orgctl/") && at[1].parse::<u64>().is_ok()) {
            let root = signed.entry((at[0], at[1])).or_insert(at[2]);
            assert_eq!(*root, at[2], "{} {}", at[0], at[1]);
        }
        assert!(signed.len() > 10, "{text}");
    });
}

#[test]
fn restored_twice_before_it_was_stated() {
    on_both_engines_with_acme(|p| {
        let Past { archive, checkpoints: c, key } = prepared(p);
        let (_q, at) = restored(p, &archive);
        p.run(&format!("branch create --code B2 --name Two --org ACME {at}")).ok();
        let made = p.json(&format!("backup create --to {} {at}", p.path("second").display()));
        let second = made["file"].as_str().expect("a file").to_owned();
        let (_r, at) = restored(p, &second);
        let said = p.run(&format!("audit checkpoint --after-restore {second} --append {c} {at}")).fails(8);
        assert!(said.contains("is not the archive that record"), "{said}");
        let said = p.run(&format!("audit checkpoint --after-restore {archive} --append {c} {at}"));
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        assert!(said.err.contains("restored again"), "{}", said.err);
        p.run(&format!("audit checkpoint --after-restore {second} --append {c} {at}")).ok();
        p.run(&format!("audit verify --deep --checkpoint {c} --key {key} {at}")).ok();
    });
}

#[test]
fn only_the_archive_that_was_restored_is_taken() {
    on_both_engines_with_acme(|p| {
        let Past { archive, checkpoints: c, key } = prepared(p);
        let later = p.json("backup create")["file"].as_str().expect("a file").to_owned();
        let (q, at) = restored(p, &archive);
        let refused = |archive: &str, more: &str, why: &str| {
            let said = p.run(&format!("audit checkpoint --after-restore {archive} {more} {at}")).fails(8);
            assert!(said.contains(why), "{said}");
        };
        refused(&later, "", "is not the archive that record");
        // Signed by another's key, and not signed at all by one that is trusted.
        let other = TestEnv::after(Engine::Sqlite, "init --org-code ACME --org-name Acme");
        let foreign = other.json("backup create")["file"].as_str().expect("a file").to_owned();
        refused(&foreign, "", "is not signed by a key that is trusted");
        let theirs = other.run("audit pubkey").ok();
        let theirs = p.write("theirs.pub", theirs);
        refused(&foreign, &format!("--key {theirs}"), "is of another installation");
        refused(&archive, &format!("--key {theirs}"), "is not signed by a key that is trusted");
        // A bit of it differs.
        let mut bytes = std::fs::read(&archive).expect("the archive");
        let at_readme = bytes.windows(6).position(|w| w == b"orgctl").expect("the text of README.txt");
        bytes[at_readme] = b'O';
        let changed = p.write("changed.tar", bytes);
        let said = p.run(&format!("audit checkpoint --after-restore {changed} {at}"));
        assert_ne!(said.code, 0, "{}", said.out);
        // What was there before the record of the restore has become another.
        disarm(&q);
        q.sql("update audit_records set leaf = (select leaf from audit_records where tree = 1 and seq = 1) where tree = 1 and seq = 2")
            .expect("edited");
        p.run(&format!("audit checkpoint --after-restore {archive} {at}")).fails(8);
        assert_eq!(texts(&q, "select note from audit_lineages").len(), 0);
        p.run(&format!("audit verify --checkpoint {c} --key {key} {at}")).fails(8);
    });
}

#[test]
fn no_code_is_given_twice() {
    on_both_engines_with_acme(|p| {
        let Past { archive, .. } = prepared(p);
        let held = p.column("user list --org ACME --all", "user_code");
        let (_q, at) = restored(p, &archive);
        let said = p.run(&format!("user create --name 'New Person' --email new@acme.example --org ACME -o json {at}"));
        let code = said.json()["user_code"].as_str().expect("a code").to_owned();
        assert!(!held.contains(&code), "{code}");
        // DEPT-001 was given after the backup: what is numbered skips a thousand.
        let said = p.run(&format!("dept create --name Sales --org ACME -o json {at}"));
        assert_eq!(said.json()["code"], "DEPT-1001");
        p.run(&format!("db check {at}")).ok();
        // The report says it.
        let r = TestEnv::new(p.engine);
        let said = p.json(&format!("backup restore {archive} --into {}", r.url));
        assert_eq!(
            said["codes_skipped"],
            json!({ "user": 1_000_000, "dept": 1000, "branch": 1000, "specialty": 1000 })
        );
    });
}

/// The tail of a trail is cut off, and a record of a restore is planted that would explain it.
#[test]
fn a_planted_record_excuses_nothing() {
    on_both_engines_with_acme(|p| {
        let Past { archive, checkpoints: c, key } = prepared(p);
        // It can't be told through the front door.
        let line = "audit append --action backup_restore --resource backup --org ACME";
        p.run(line).fails(6);
        let manifest = p.json("backup list");
        let id = manifest[0]["id"].as_str().expect("an id").to_owned();
        // ACME and SYSTEM as they were when the backup was made, and the claim as the program would have written it.
        let system = int(p, "select size from audit_heads where tree = 0");
        let claim = json!({
            "id": id, "sha256": "00".repeat(32), "heads": [[0, system - 2], [1, 3]], "log": 2, "v": 1,
        });
        disarm(p);
        p.sql(&format!(
            "delete from audit_records where tree = 1 and seq > 3;
             delete from audit_requests where tree = 1 and first_seq > 3;
             update audit_records set action = 'backup_restore', kind = 'backup', payload = '{claim}'
              where tree = 0 and seq = {system}"
        ))
        .expect("planted");
        mend(p, 1, true);
        mend(p, 0, true);
        for line in [format!("audit verify --checkpoint {c} --key {key}"), "audit verify".to_owned()] {
            let said = p.run(&line);
            assert_eq!(said.code, 8, "{line}: {}{}", said.out, said.err);
            assert!(said.out.contains("restored from the backup"), "{line}: {}", said.out);
        }
        // Neither does the archive, which is not the one that was claimed.
        p.run(&format!("audit checkpoint --after-restore {archive}")).fails(8);
        p.run(&format!("audit verify --checkpoint {c} --key {key}")).fails(8);
    });
}
