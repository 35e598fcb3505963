//! Which backup is restored, and what is said to be lost by it.

use crate::backup::{archive, fill};
use crate::harness::{Engine, TestEnv, on_both_engines_after, on_both_engines_with_acme};

#[test]
fn at_picks_the_newest_that_is_not_later() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name First").ok();
        p.run("backup create --label first").ok();
        p.wait(86_400);
        p.run("branch create --code B2 --name Second").ok();
        p.run("backup create --label second").ok();
        p.wait(86_400);
        for (at, codes) in [("2026-11-21T12:00:00Z", vec!["B1"]), ("2026-11-22T12:00:00Z", vec!["B1", "B2"])] {
            let other = TestEnv::new(Engine::Sqlite);
            let said = p.run(&format!("backup restore --at {at} --into {} -o json", other.url));
            let report = said.json();
            said.ok();
            assert_eq!(other.column("branch list --sort code", "code"), codes, "{at}");
            assert!(report["rows"].as_u64().is_some_and(|n| n > 0), "{report}");
        }
        let said = p.run("backup restore --at 2026-11-20 --into sqlite:///nowhere.db");
        assert_eq!(said.code, 3, "{}", said.err);
        assert!(said.err.contains("no whole backup"), "{}", said.err);
        let said = p.run("backup restore somebody --at 2026-11-22 --into sqlite:///nowhere.db");
        assert_eq!(said.code, 2, "{}", said.err);
    });
}

#[test]
fn a_dry_run_reads_everything_and_makes_nothing() {
    on_both_engines_with_acme(|p| {
        fill(p);
        p.run("backup create").ok();
        let other = TestEnv::new(Engine::Sqlite);
        p.run(&format!("backup restore latest --into {} --dry-run", other.url)).ok();
        assert!(!other.file().exists());
        // A byte in the middle is not what it was.
        let file = archive(p);
        let mut bytes = std::fs::read(&file).expect("an archive");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).expect("written");
        let said = p.run(&format!("backup restore {} --into {} --dry-run", file.display(), other.url));
        assert_eq!(said.code, 8, "{}", said.err);
        assert!(!other.file().exists());
    });
}

#[test]
fn latest_is_of_this_database_and_of_no_other() {
    on_both_engines_after("init --org-code ACME --org-name Acme", |p| {
        p.run("backup create --to %/all".replace('%', &p.dir.path().display().to_string()).as_str()).ok();
        p.wait(60);
        let folder = p.path("all").display().to_string();
        let other = TestEnv::new(Engine::Sqlite);
        other.wait(3600);
        other.run("init --org-code OTHER --org-name Other").ok();
        other.run(&format!("backup create --to {folder}")).ok();
        let key = other.write("both.pub", p.run("audit pubkey").ok() + &other.run("audit pubkey").ok());
        let target = TestEnv::new(Engine::Sqlite);
        p.run(&format!("backup restore latest --from {folder} --into {} --key {key}", target.url)).ok();
        assert_eq!(target.column("org list", "code"), ["ACME"]);
        // Where there is no database to ask, nobody guesses.
        let lost = TestEnv::new(Engine::Sqlite);
        let said = lost.run(&format!("backup restore latest --from {folder} --into {} --key {key}", lost.url));
        assert_eq!(said.code, 4, "{}", said.err);
        assert!(said.err.contains("2 installations"), "{}", said.err);
    });
}

/// Whatever verb asks, a word means the same backup.
#[test]
fn every_verb_takes_the_same_backup_by_the_same_word() {
    on_both_engines_with_acme(|p| {
        // None of them lies in the folder that is looked into first.
        let far = p.path("far").display().to_string();
        let made = p.json(&format!("backup create --to {far}"));
        let id = made["id"].as_str().expect("an id").to_owned();
        for word in ["latest", &id, &id[28..], made["file"].as_str().expect("a file")] {
            assert_eq!(p.json(&format!("backup show {word}"))["id"], id, "{word}");
            assert_eq!(p.json(&format!("backup verify {word} --quick"))["id"], id, "{word}");
            assert_eq!(p.json(&format!("backup hold {word} --until 2027-01-01"))["id"], id, "{word}");
            let other = TestEnv::new(Engine::Sqlite);
            assert_eq!(p.json(&format!("backup restore {word} --into {}", other.url))["id"], id, "{word}");
        }
        // A folder may be named from where one stands, and so may a file.
        for line in ["backup hold latest --until 2027-02-01 --from far", "backup verify latest --from far --quick"] {
            let said = p.spawn(line).output().expect("orgctl runs");
            assert!(said.status.success(), "{line}: {}", String::from_utf8_lossy(&said.stderr));
        }
        for verb in ["show", "verify", "restore --into sqlite:///nowhere.db"] {
            let said = p.run(&format!("backup {verb} nothing-like-it"));
            assert_eq!(said.code, 3, "{verb}: {}", said.err);
        }
    });
}
