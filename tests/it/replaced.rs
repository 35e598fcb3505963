//! What is replaced keeps what others rely on: its rights, its links; and what is no ordinary file is written to.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};

fn mode(p: &TestEnv, name: &str) -> u32 {
    fs::metadata(p.path(name)).expect("a file").permissions().mode() & 0o777
}

fn set_mode(p: &TestEnv, name: &str, mode: u32) {
    fs::set_permissions(p.path(name), fs::Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn a_file_that_is_replaced_keeps_its_rights() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        let key = p.path("audit.key").display().to_string();
        p.run(&format!("audit keygen --signing-key {key}")).ok();
        for (name, line) in [
            ("e.csv", "branch export"),
            ("e.json", "branch export -o json"),
            ("t.jsonl", "audit export"),
            ("c.txt", &format!("audit checkpoint --signing-key {key} --out")),
        ] {
            let file = p.write(name, "what was there");
            set_mode(p, name, 0o640);
            p.run(&format!("{line} {file}")).ok();
            assert_eq!(mode(p, name), 0o640, "{name}");
            assert_ne!(p.read(name), "what was there", "{name}");
            // A new one is its owner's alone.
            fs::remove_file(&file).expect("removed");
            p.run(&format!("{line} {file}")).ok();
            assert_eq!(mode(p, name), 0o600, "{name}");
        }
    });
}

#[test]
fn who_owns_a_file_owns_it_still() {
    let p = TestEnv::after(Engine::Sqlite, "init --org-code ACME");
    let file = p.write("e.csv", "old");
    // Only root may give files away.
    if std::os::unix::fs::chown(&file, Some(1234), Some(2345)).is_err() {
        return;
    }
    set_mode(&p, "e.csv", 0o664);
    p.run(&format!("branch export {file}")).ok();
    let now = fs::metadata(&file).expect("a file");
    assert_eq!((now.uid(), now.gid(), now.mode() & 0o777), (1234, 2345, 0o664));
}

#[test]
fn links_stay_and_what_they_name_is_written() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        fs::create_dir(p.path("there")).expect("a folder");
        p.write("there/e.csv", "old");
        symlink("there/e.csv", p.path("link.csv")).expect("a link");
        symlink("link.csv", p.path("link2.csv")).expect("a link");
        // One that names nothing yet.
        symlink("there/new.csv", p.path("dangling.csv")).expect("a link");
        for (link, file) in [("link2.csv", "there/e.csv"), ("dangling.csv", "there/new.csv")] {
            p.run(&format!("branch export {}", p.path(link).display())).ok();
            assert!(fs::symlink_metadata(p.path(link)).expect("a link").is_symlink(), "{link}");
            assert!(!fs::symlink_metadata(p.path(file)).expect("a file").is_symlink(), "{file}");
            assert!(p.read(file).contains("B1,One"), "{file}");
        }
        // Rejected rows may hold passwords: theirs alone, but through the link as well.
        set_mode(p, "there/e.csv", 0o644);
        let bad = p.write("bad.csv", "code,name,email\nB2,Two,no-mail\n");
        p.run(&format!("branch import {bad} --rejects {}", p.path("link2.csv").display())).fails(6);
        assert!(fs::symlink_metadata(p.path("link2.csv")).expect("a link").is_symlink());
        assert!(p.read("there/e.csv").contains("no-mail"));
        assert_eq!(mode(p, "there/e.csv"), 0o600);
        symlink("loop.csv", p.path("loop.csv")).expect("a link");
        let err = p.run(&format!("branch export {}", p.path("loop.csv").display())).fails(1);
        assert!(err.contains("too many"), "{err}");
    });
}

#[test]
fn what_can_not_be_written_whole_is_left_as_it_was() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        let file = p.write("e.csv", "old");
        let left = || -> Vec<String> {
            let names = fs::read_dir(p.dir.path()).expect("a folder").map(|f| f.expect("a file").file_name());
            names.map(|n| n.to_string_lossy().into_owned()).filter(|n| n.starts_with(".tmp")).collect()
        };
        p.run(&format!("branch export {file} --filter 'nosuch=1'")).fails(2);
        assert_eq!(p.read("e.csv"), "old");
        set_mode(p, "e.csv", 0o444);
        let err = p.run(&format!("branch export {file}")).fails(1);
        assert!(err.contains(&format!("can't write {file}: permission denied")), "{err}");
        assert_eq!(p.read("e.csv"), "old");
        let err = p.run(&format!("branch export {}", p.dir.path().display())).fails(1);
        assert!(err.contains("is a directory") || err.contains("can't write"), "{err}");
        assert_eq!(left(), Vec::<String>::new());
        // A device takes the data and stays what it is.
        p.run("branch export /dev/null").ok();
        assert!(!fs::metadata("/dev/null").expect("a device").is_file());
        let err = p.run("branch export /dev/full").fails(1);
        assert!(err.contains("no space left"), "{err}");
        assert!(!fs::metadata("/dev/full").expect("a device").is_file());
    });
}

/// Whoever reads a file by another of its names reads what is written; but what holds secrets is a new one.
#[test]
fn a_file_of_several_names_is_one_still() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        let key = p.path("audit.key").display().to_string();
        p.run(&format!("audit keygen --signing-key {key}")).ok();
        let linked = |name: &str| {
            let file = p.write(name, "what was there, and is longer than what comes: ".repeat(2000).as_str());
            fs::hard_link(&file, p.path(&format!("other-{name}"))).expect("a link");
            set_mode(p, name, 0o640);
            file
        };
        for (name, line) in [
            ("e.csv", "branch export"),
            ("e.json", "branch export -o json"),
            ("t.jsonl", "audit export"),
            ("c.txt", &format!("audit checkpoint --signing-key {key} --out")),
        ] {
            let file = linked(name);
            p.run(&format!("{line} {file}")).ok();
            let (now, other) = (p.read(name), p.read(&format!("other-{name}")));
            assert!(!now.is_empty() && !now.contains("what was there"), "{name}: {now}");
            assert_eq!(now, other, "{name}");
            assert_eq!(fs::metadata(&file).expect("a file").nlink(), 2, "{name}");
            assert_eq!(mode(p, name), 0o640, "{name}");
        }
        // What fails leaves all names as they were.
        let file = linked("f.csv");
        p.run(&format!("branch export {file} --filter 'nosuch=1'")).fails(2);
        assert!(p.read("f.csv").starts_with("what was there") && p.read("other-f.csv").starts_with("what was there"));
        // Rejected rows may hold passwords: the file by another name may be somebody else's.
        let bad = p.write("bad.csv", "code,name,email\nB2,Two,no-mail\n");
        let file = linked("r.csv");
        p.run(&format!("branch import {bad} --rejects {file}")).fails(6);
        assert!(p.read("r.csv").contains("no-mail"));
        assert_eq!(mode(p, "r.csv"), 0o600);
        assert!(p.read("other-r.csv").starts_with("what was there"));
        // What the program keeps for itself is as it was in a backup by hard links.
        p.run(&format!("audit checkpoint --signing-key {key}")).ok();
        fs::hard_link(p.path("audit.key.last"), p.path("snapshot")).expect("a link");
        let before = p.read("snapshot");
        p.run("branch create --code B2 --name Two").ok();
        p.run(&format!("audit checkpoint --signing-key {key}")).ok();
        assert_eq!(p.read("snapshot"), before);
        assert_ne!(p.read("audit.key.last"), before);
    });
}
