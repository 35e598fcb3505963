//! The drill, and how it stands with the backups.

use std::fs;

use serde_json::Value;

use crate::backup::archive;
use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};

/// Spoils an archive in the middle.
fn spoil(file: &std::path::Path) {
    let mut bytes = fs::read(file).expect("an archive");
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(file, &bytes).expect("an archive");
}

#[test]
fn the_newest_backup_is_restored_and_told_of() {
    on_both_engines_with_acme(|p| {
        let said = p.run("backup drill").fails(3);
        assert!(said.contains("there is no backup in") && said.contains("orgctl backup create"), "{said}");
        p.run("branch create --code HQ --name Head").ok();
        p.run("backup create --label first").ok();
        p.wait(3600);
        p.run("backup create --label second").ok();
        p.run("backup create --type schema-only --label third").ok();
        let told = p.json("backup drill");
        assert_eq!((told["ok"].as_bool(), told["restored"].as_bool()), (Some(true), Some(true)));
        assert!(told["size"].as_u64().is_some_and(|n| n > 1000) && told["seconds"].as_f64().is_some_and(|n| n > 0.0));
        assert!(told["age_seconds"].as_i64().is_some_and(|n| (0..60).contains(&n)), "{told}");
        assert_eq!(p.column("backup list", "status"), ["complete", "verified", "complete"]);
        let said = p.run("backup drill");
        assert!(said.err.contains("was restored and holds: "), "{}", said.err);
        // One that lies elsewhere, as the catalogue knows.
        p.wait(60);
        let far = p.json(&format!("backup create --to {}", p.path("far").display()));
        assert_eq!(p.json("backup drill")["id"], far["id"]);
        p.run(&format!("backup forget {} --yes", far["id"].as_str().expect("an id"))).ok();
        // The newest does not hold: none other is taken for it, and it says so.
        p.wait(60);
        p.run("backup create").ok();
        spoil(&archive(p));
        p.run("backup drill").fails(8);
        assert_eq!(p.column("backup list", "status"), ["failed", "complete", "verified", "complete"]);
    });
}

#[test]
fn status_says_whether_there_is_a_backup_that_can_be_relied_on() {
    on_both_engines_with_acme(|p| {
        let said = p.run("backup status").fails(1);
        assert!(said.contains("there is no whole backup in"), "{said}");
        p.run("backup create").ok();
        let said = p.run("backup status");
        for word in ["in clear", "orgctl backup drill"] {
            assert!(said.err.contains(word), "{}", said.err);
        }
        said.ok();
        p.run("backup drill").ok();
        let page = p.json("backup status");
        assert_eq!((page["status"].as_str(), page["backups"].as_u64()), (Some("ok"), Some(1)));
        assert_eq!(page["newest"], page["verified"]);
        assert_eq!((page["encrypted"].as_bool(), page["error"].is_null()), (Some(false), true));
        // A day and two hours later it is too old; what is called too old can be said.
        p.wait(27 * 3600);
        let said = p.run("backup status").fails(1);
        assert!(said.contains("the newest backup was made 27 hours ago, which is more than 26h"), "{said}");
        p.run("backup status --max-age 3d").ok();
        p.run("backup status --max-age never").fails(2);
        // A schema alone is no backup of anything.
        p.run("backup create --type schema-only").ok();
        p.run("backup status").fails(1);
        p.run("backup create").ok();
        p.run("backup status").ok();
        // One that does not hold, until a newer one does.
        p.wait(60);
        p.run("backup create").ok();
        spoil(&archive(p));
        p.run("backup drill").fails(8);
        let said = p.run("backup status -o json");
        assert_eq!(said.code, 8, "{}", said.err);
        assert_eq!(said.json()["status"], "broken");
        assert!(
            said.json()["error"].as_str().is_some_and(|e| e.contains("the last verify of the backup")),
            "{}",
            said.out
        );
        p.wait(60);
        p.run("backup create").ok();
        p.run("backup status").fails(8);
        p.run("backup drill").ok();
        p.run("backup status").ok();
        // Made with a clock that was ahead.
        p.wait(10 * 86_400);
        p.run("backup create --yes").ok();
        p.wait(-86_400);
        let said = p.run("backup status").fails(1);
        assert!(said.contains("which is yet to come"), "{said}");
    });
}

#[test]
fn another_machine_tells_what_came_of_its_drill() {
    on_both_engines_with_acme(|p| {
        let identity = age::x25519::Identity::generate();
        let secret = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_owned();
        let shared = p.path("shared");
        p.run(&format!("backup create --to {} --encrypt-to {}", shared.display(), identity.to_public())).ok();
        let key = p.run("audit pubkey").ok();
        // It has the archives, the identity and the public key, and no database.
        let other = TestEnv::new(Engine::Sqlite);
        let (key, secret) = (other.write("audit.pub", key), other.write("identity", format!("{secret}\n")));
        let from = format!("--from {}", shared.display());
        let said = other.run(&format!("backup drill {from} --key {key}")).fails(2);
        assert!(said.contains("is encrypted: without the identity nothing is restored"), "{said}");
        assert_eq!(p.json(&format!("backup status {from}"))["verified"], Value::Null);
        other.run(&format!("backup drill {from} --key {key} --identity {secret}")).ok();
        assert!(!other.file().exists());
        for line in [format!("backup status {from}"), "backup status".to_owned()] {
            let page = p.json(&line);
            assert_eq!((page["status"].as_str(), &page["verified"]), (Some("ok"), &page["newest"]), "{line}: {page}");
            assert!(page["verified_at"].is_string());
        }
        // And where it does not hold.
        let mut file = fs::read_dir(&shared).expect("a folder").map(|f| f.expect("a file").path());
        let file = file.find(|f| f.extension().is_some_and(|e| e == "tar")).expect("an archive");
        spoil(&file);
        other.run(&format!("backup drill {from} --key {key} --identity {secret}")).fails(8);
        p.run("backup status").fails(8);
        other.run(&format!("backup status {from}")).fails(8);
    });
}
