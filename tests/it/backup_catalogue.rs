//! What is known of backups: shown, held, and removed where nothing keeps them.

use std::path::PathBuf;

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};

const DAY: i64 = 86_400;

/// The archives that are there.
fn archives(p: &TestEnv) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(p.path("home/.local/share/orgctl/backups"))
        .expect("the folder of backups")
        .map(|f| f.expect("a file").path())
        .filter(|f| f.extension().is_some_and(|e| e == "tar"))
        .collect();
    found.sort();
    found
}

/// A backup on each of so many days, up to now; their ids, the oldest first.
fn daily(p: &TestEnv, days: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..days {
        p.wait(DAY);
        ids.push(p.json("backup create")["id"].as_str().expect("an id").to_owned());
    }
    ids
}

#[test]
fn a_backup_is_shown() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        let id = daily(p, 1).remove(0);
        let shown = p.json(&format!("backup show {}", &id[28..]));
        assert_eq!((shown["id"].as_str(), shown["signature"].as_str()), (Some(id.as_str()), Some("trusted")));
        assert_eq!(shown["encrypted"], false);
        let branches = shown["tables"].as_array().expect("tables").iter().find(|t| t["name"] == "branches");
        assert_eq!(branches.expect("branches")["rows"], 1);
        // The tree of ACME: the records of its making and of its branch.
        let acme = shown["heads"].as_array().expect("heads").iter().find(|h| h["tree"] == 1).expect("ACME");
        assert_eq!(
            acme["size"].as_u64(),
            Some(p.run("audit list --all --org ACME -o ndjson").ok().lines().count() as u64)
        );
        // Elsewhere nobody knows the key.
        let other = TestEnv::new(Engine::Sqlite);
        let file = archives(p).remove(0);
        let there = other.json(&format!("backup show {}", file.display()));
        assert_eq!((there["signature"].as_str(), there["status"].as_str()), (Some("untrusted"), Some("complete")));
        assert!(there["signed_by"][0].as_str().expect("a key").contains('+'));
        assert!(p.run_on_terminal("backup show latest", 120).ok().contains("branches"));
        assert!(p.run("backup list").err.contains("in clear: 1 of 1"));
    });
}

#[test]
fn what_nothing_keeps_is_removed() {
    on_both_engines_with_acme(|p| {
        let ids = daily(p, 5);
        p.wait(60);
        assert!(p.run("backup prune").fails(2).contains("nothing says what is to be kept"));
        p.run("backup prune --keep-last 3 --dry-run").ok();
        assert_eq!(archives(p).len(), 5);
        assert!(p.run("backup prune --keep-last 3").fails(2).contains("needs a confirmation"));
        // More than half, and the only one that was verified.
        p.run(&format!("backup verify {}", ids[0])).ok();
        assert!(p.run("backup prune --keep-last 2 --yes").fails(4).contains("more than half"));
        assert!(p.run("backup prune --keep-last 4 --yes").fails(4).contains("the last backup that was verified"));
        p.run(&format!("backup verify {}", ids[4])).ok();
        p.run("backup prune --keep-last 4 --yes").ok();
        assert_eq!(p.column("backup list", "id"), [&*ids[4], &*ids[3], &*ids[2], &*ids[1]]);
        assert_eq!(archives(p).len(), 4);
        // Five were made, two verified, one removed; twice that was refused.
        assert_eq!(p.run("audit list --all --action backup -o ndjson").ok().lines().count(), 10);
        p.run("backup prune --keep-last 1 --yes --force").ok();
        assert_eq!(p.column("backup list", "id"), [&*ids[4]]);
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

#[test]
fn a_clock_that_was_ahead_is_no_reason_to_remove() {
    on_both_engines_with_acme(|p| {
        daily(p, 4);
        p.wait(-3600);
        let said = p.run("backup prune --keep-last 2 --yes").fails(4);
        assert!(said.contains("lies in the future"), "{said}");
        assert_eq!(archives(p).len(), 4);
    });
}

#[test]
fn what_is_held_is_removed_by_nobody() {
    on_both_engines_with_acme(|p| {
        let ids = daily(p, 3);
        p.wait(DAY * 2);
        let oldest = &ids[0];
        p.run(&format!("backup hold {oldest} --until 30d")).ok();
        assert!(p.run(&format!("backup hold {oldest} --until 7d")).fails(4).contains("is held until"));
        assert!(p.run(&format!("backup forget {oldest} --yes")).fails(4).contains("is held until"));
        p.run("backup prune --keep-last 1 --yes --force").ok();
        assert_eq!(p.column("backup list", "id"), [&*ids[2], oldest]);
        // Either catalogue alone holds it.
        p.sql("update backups set hold_until = null").expect("SQL");
        assert!(p.run(&format!("backup forget {oldest} --yes")).fails(4).contains("is held until"));
        p.run(&format!("backup hold {oldest} --until 31d")).ok();
        let mut beside = archives(p).remove(0).into_os_string();
        beside.push(".json");
        std::fs::remove_file(beside).expect("removed");
        assert!(p.run(&format!("backup forget {oldest} --yes")).fails(4).contains("is held until"));
        // Shortened, it still holds; ended, it goes.
        p.run(&format!("backup release {oldest} --until 1d")).ok();
        assert!(p.run(&format!("backup forget {oldest} --yes")).fails(4).contains("is held until"));
        p.run(&format!("backup release {oldest}")).ok();
        assert!(p.run(&format!("backup release {oldest}")).fails(4).contains("is not held"));
        p.run(&format!("backup forget {oldest} --yes")).ok();
        assert_eq!(archives(p).len(), 1);
        assert_eq!(p.column("backup list", "id"), [&*ids[2]]);
    });
}

#[test]
fn a_lost_database_still_finds_and_prunes_its_backups() {
    on_both_engines_with_acme(|p| {
        let ids = daily(p, 4);
        p.wait(DAY * 2);
        let folder = p.path("home/.local/share/orgctl/backups").display().to_string();
        let gone = p.path("gone.db").display().to_string();
        let line = |words: &str| format!("--database sqlite://{gone} {words} --from {folder}");
        assert_eq!(p.column(&line("backup list"), "id").len(), 4);
        p.run(&line(&format!("backup hold {} --until 9d", ids[0]))).ok();
        let said = p.run(&line("backup prune --keep-last 2 --yes"));
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.err.contains("no trail tells it"), "{}", said.err);
        assert_eq!(p.column(&line("backup list"), "id"), [&*ids[3], &*ids[2], &*ids[0]]);
        assert!(p.run(&line(&format!("backup forget {} --yes", ids[0]))).fails(4).contains("is held until"));
        // What the database knows of it is told as missing.
        assert_eq!(p.column("backup list", "status"), ["complete", "complete", "missing", "complete"]);
        p.run(&format!("backup forget {} --yes", ids[1])).ok();
        assert_eq!(p.column("backup list", "id").len(), 3);
    });
}

#[test]
fn what_changed_since_a_backup_is_shown() {
    on_both_engines_with_acme(|p| {
        let (one, key) = {
            use age::secrecy::ExposeSecret as _;
            let key = age::x25519::Identity::generate();
            (p.write("1.key", format!("{}\n", key.to_string().expose_secret())), key.to_public().to_string())
        };
        for n in ["A1", "B1", "C1", "Z1"] {
            p.run(&format!("branch create --code {n} --name 'Branch {n}'")).ok();
        }
        p.run(&format!("backup create --encrypt-to {key}")).ok();
        let line = format!("backup diff latest --identity {one}");
        assert!(p.run(&line).err.contains("nothing recorded is different now"));
        p.run("branch update B1 --name 'Fort\tone'").ok();
        p.run("branch create --code D1 --name New").ok();
        p.run("branch delete A1 --yes").ok();
        p.run("branch purge A1 --yes").ok();
        let told = |name: &str| p.column(&line, name);
        let mut all: Vec<String> = told("change")
            .into_iter()
            .zip(told("key"))
            .zip(told("fields"))
            .map(|((c, k), f)| format!("{c} {k} {f}"))
            .collect();
        all.sort();
        assert_eq!(all, ["added D1 null", "changed B1 name", "removed A1 null"]);
        assert_eq!(p.column(&format!("{line} --record branch:b1"), "then"), ["Branch B1"]);
        assert_eq!(p.column(&format!("{line} --record branch:b1"), "field"), ["name"]);
        assert!(p.run(&format!("{line} --record branch:Z1")).err.contains("nothing recorded is different now"));
        let said = p.run(&format!("{line} --record branch:Z9")).fails(3);
        assert!(said.contains("branch Z9 is neither in the backup nor in the database"), "{said}");
        assert!(p.run(&format!("{line} --record nothing:Z1")).fails(2).contains("kinds: "));
        // By the key that it had, too.
        p.run("branch update Z1 --code Y1").ok();
        for key in ["Z1", "Y1"] {
            assert_eq!(p.column(&format!("{line} --record branch:{key}"), "then"), ["Z1"], "{key}");
        }
        // Who lacks the key sees nothing.
        let said = p.run("backup diff latest");
        assert!(said.code == 2 && said.err.contains("is encrypted"), "{}", said.err);
    });
}
