//! Bringing a backup back: which one, where to, what is lost by it, and what it is put in the place of.

use std::path::{Path, PathBuf};

use crate::backup::{fill, told};
use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};

const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

/// The folder in which a place keeps its archives.
fn folder(p: &TestEnv) -> PathBuf {
    p.path("home/.local/share/orgctl/backups")
}

/// Makes a backup; its file.
fn backup(p: &TestEnv) -> PathBuf {
    p.json("backup create")["file"].as_str().expect("a file").into()
}

/// The public key of a place, as a file of another.
fn key_of(p: &TestEnv, other: &TestEnv) -> String {
    other.write("audit.pub", p.run("audit pubkey").ok())
}

/// The details of the last restore, as the trail tells them.
fn recorded(p: &TestEnv) -> serde_json::Value {
    let line = p.run("audit list --org SYSTEM --action backup_restore --all -o ndjson").ok();
    serde_json::from_str(line.lines().next().expect("a record")).expect("JSON")
}

/// Files that a restore might leave beside its place.
fn strays(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> = files.map(|f| f.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    names.retain(|n| n.starts_with(".orgctl"));
    names
}

#[test]
fn what_is_lost_is_told_and_recorded() {
    on_both_engines_with_acme(|p| {
        backup(p);
        // 2026-11-21 at midnight is when the clock began.
        p.wait(3600);
        p.run("branch create --code B1 --name One").ok();
        p.run("branch create --code B2 --name Two").ok();
        backup(p);
        for engine in ENGINES {
            let other = TestEnv::new(engine);
            let vkey = key_of(p, &other);
            let from = folder(p).display().to_string();
            let line = format!("--from {from} --into {} --key {vkey}", other.url);
            let done = other.json(&format!("backup restore --at 2026-11-21T00:30:00Z {line}"));
            assert_eq!(other.column("branch list --org ACME", "code"), Vec::<String>::new());
            // Two branches in ACME; in SYSTEM the key's making and the first backup were recorded.
            assert_eq!(done["lost"]["trees"][1][0], 1);
            assert_eq!(done["lost"]["trees"][1][2].as_u64(), done["lost"]["trees"][1][1].as_u64().map(|n| n + 2));
            assert_eq!(done["lost"]["records"], 3);
            let seconds = done["lost"]["seconds"].as_i64().expect("seconds");
            assert!((3600..3610).contains(&seconds), "{seconds}");
            assert!(done["loading_seconds"].is_f64() && done["verifying_seconds"].is_f64());
            let record = recorded(&other).to_string();
            for word in ["\"lost\"", "erasures_unknown_from", "\"signed\":true"] {
                assert!(record.contains(word), "{word} in {record}");
            }
            // The newest is the other.
            let third = TestEnv::new(engine);
            let vkey = key_of(p, &third);
            let done = third.json(&format!("backup restore latest --from {from} --into {} --key {vkey}", third.url));
            assert_eq!(done["lost"], serde_json::Value::Null);
            assert_eq!(third.column("branch list --org ACME", "code"), ["B1", "B2"]);
        }
    });
}

#[test]
fn a_file_is_put_where_nothing_is_lost_by_it() {
    on_both_engines_with_acme(|p| {
        let file = backup(p);
        let other = TestEnv::new(Engine::Sqlite);
        let vkey = key_of(p, &other);
        let into = |path: &str| format!("backup restore {} --key {vkey} --into {path}", file.display());
        let path = |name: &str| other.path(name).display().to_string();
        // An empty file, and a folder that is missing.
        other.write("empty.db", "");
        other.run(&into(&path("empty.db"))).ok();
        other.run(&into(&path("missing/folder/new.db"))).ok();
        // A link stays a link.
        std::os::unix::fs::symlink("real.db", other.path("link.db")).expect("a link");
        other.run(&into(&path("link.db"))).ok();
        assert!(std::fs::symlink_metadata(other.path("link.db")).expect("there").is_symlink());
        for name in ["empty.db", "missing/folder/new.db", "real.db", "link.db"] {
            assert_eq!(other.column(&format!("org list --database {}", path(name)), "code"), ["ACME"], "{name}");
            other.run(&into(&path(name))).fails(4);
        }
        // What is no database stays.
        let notes = other.write("notes.txt", "my notes\n");
        assert_ne!(other.run(&into(&notes)).code, 0);
        assert_eq!(other.read("notes.txt"), "my notes\n");
        // What a database left that is gone may hold the last of it.
        other.write("gone.db-wal", "frames");
        let err = other.run(&into(&path("gone.db"))).fails(4);
        assert!(err.contains("gone.db-wal"), "{err}");
        assert!(!other.path("gone.db").exists());
        assert_eq!(strays(other.dir.path()), Vec::<String>::new());
    });
}

#[test]
fn other_applications_of_the_database_stay() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let (file, before) = (backup(p), told(p));
        let other = TestEnv::new(Engine::Postgres);
        let vkey = key_of(p, &other);
        other
            .sql(
                "create schema shop; create table shop.users (n int); insert into shop.users values (7);
                  create table public.orgs (n int); insert into public.orgs values (8)",
            )
            .expect("tables");
        other.run(&format!("backup restore {} --into {} --key {vkey}", file.display(), other.url)).ok();
        assert_eq!(told(&other), before);
        let check = "do $$ begin assert (select n from shop.users) = 7 and (select n from public.orgs) = 8; end $$";
        other.sql(check).expect("the rows that were there");
    });
}

#[test]
fn what_nobody_signed_is_taken_only_where_that_is_said_and_recorded() {
    on_both_engines_with_acme(|p| {
        let file = backup(p);
        let other = TestEnv::new(p.engine);
        let line = format!("backup restore {} --into {}", file.display(), other.url);
        other.run(&line).fails(8);
        assert_eq!(other.json(&format!("{line} --trust-unsigned"))["signed"], false);
        assert!(recorded(&other).to_string().contains("\"signed\":false"));
    });
}

#[test]
fn two_at_once_make_one() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let (file, before) = (backup(p), told(p));
        for engine in ENGINES {
            let other = TestEnv::new(engine);
            let vkey = key_of(p, &other);
            let line = format!("backup restore {} --into {} --key {vkey}", file.display(), other.url);
            let mut running: Vec<_> = (0..2).map(|_| other.spawn(&line).spawn().expect("a process")).collect();
            let mut codes: Vec<Option<i32>> = running.iter_mut().map(|r| r.wait().expect("an end").code()).collect();
            codes.sort();
            assert_eq!(codes, [Some(0), Some(4)], "{engine:?}");
            assert_eq!(told(&other), before);
            assert_eq!(strays(other.dir.path()), Vec::<String>::new());
        }
    });
}
