//! `orgctl db copy`: a live system moved from one engine to the other.

use crate::backup::{fill, told};
use crate::harness::{Engine, TestEnv, on_both_engines_with_acme, with_lock};

fn trail(p: &TestEnv) -> Vec<String> {
    p.run("audit list --all -o ndjson").ok().lines().map(str::to_owned).collect()
}

#[test]
fn a_live_system_moves_to_another_engine_and_back() {
    on_both_engines_with_acme(|p| {
        fill(p);
        let before = told(p);
        let key = p.run("audit pubkey").ok();
        for engine in [Engine::Sqlite, Engine::Postgres] {
            let (other, records) = (TestEnv::new(engine), trail(p));
            let report = p.json(&format!("db copy --to {}", other.url));
            assert!(
                report["rows"].as_u64().is_some_and(|n| n > 50) && report["seconds"].as_f64().is_some_and(|n| n > 0.0)
            );
            let tables = report["tables"].as_array().expect("tables");
            let users = tables.iter().find(|t| t["table"] == "users").expect("users");
            assert_eq!((users["rows"].as_u64(), users["sha256"].as_str().map(str::len)), (Some(5), Some(64)));
            // The whole trail, and one record more: that it was copied.
            let there = trail(&other);
            let added: Vec<&String> = there.iter().filter(|line| !records.contains(*line)).collect();
            assert_eq!((there.len(), added.len()), (records.len() + 1, 1), "{engine:?}");
            assert!(added[0].contains("\"copied_from\":"), "{}", added[0]);
            assert_eq!(told(&other), before, "{engine:?}");
            let vkey = other.write("audit.pub", &key);
            other.run(&format!("audit verify --deep --key {vkey}")).ok();
            other.run("db check").ok();
            // It can be worked with, also by what must be counted on.
            other.run("user create --name 'New Person' --email new@acme.example --org ACME").ok();
            other.run("branch create --code NEW --name New --org ACME").ok();
            other.run("db check").ok();
            // The source is as it was.
            assert_eq!(trail(p), records);
            if engine != p.engine {
                // Back, from a URL that is named.
                let back = TestEnv::new(p.engine);
                p.run(&format!("db copy --from {} --to {}", other.url, back.url)).ok();
                assert_eq!(told(&back), told(&other));
                back.run(&format!("audit verify --deep --key {vkey}")).ok();
            }
            // What holds anything is refused.
            let said = p.run(&format!("db copy --to {}", other.url)).fails(4);
            assert!(said.contains("holds an orgctl database already; nothing was changed"), "{said}");
        }
        assert_eq!(told(p), before);
        let said = p.run(&format!("db copy --to {}", p.url)).fails(2);
        assert!(said.contains("both databases are the same"), "{said}");
    });
}

#[test]
fn a_copy_waits_for_who_writes_and_lets_nobody_in() {
    on_both_engines_with_acme(|p| {
        let other = TestEnv::new(Engine::Sqlite);
        let hold = match p.engine {
            Engine::Sqlite => "begin immediate",
            Engine::Postgres => "begin; select 1 from orgctl.audit_heads for update",
        };
        let line = format!("db copy --to {} --wait 1", other.url);
        let done = with_lock(p, hold, || p.spawn(&line).output().expect("orgctl runs"));
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.contains("another command holds what this one needs"), "{said}");
        assert!(!other.file().exists());
        p.run(&format!("db copy --to {} --dry-run", other.url)).ok();
        assert!(!other.file().exists());
        // Nothing is left of it beside the place, either.
        let left: Vec<_> =
            std::fs::read_dir(other.dir.path()).expect("a folder").map(|f| f.expect("a file").file_name()).collect();
        assert!(left.is_empty(), "{left:?}");
        p.run(&format!("db copy --to {}", other.url)).ok();
    });
}

#[test]
fn what_does_not_hold_is_not_copied() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code HQ --name Head").ok();
        p.sql("update branches set name = 'Tail'").expect("SQL");
        let other = TestEnv::new(Engine::Sqlite);
        let said = p.run(&format!("db copy --to {}", other.url)).fails(8);
        assert!(said.contains("branch HQ"), "{said}");
        assert!(!other.file().exists());
        let other = TestEnv::new(Engine::Postgres);
        p.run(&format!("db copy --to {}", other.url)).fails(8);
        // Nothing was left there.
        other.run("init --org-code ACME --org-name Acme").ok();
    });
}
