//! Proving backups: what is restored to be looked at, what is held against the live database, and what is marked.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::backup::{archive, fill};
use crate::harness::{Engine, TestEnv, on_both_engines_with_acme, psql, server};

/// What lies in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|f| f.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A place whose temporary files are its own.
fn with_tmp(p: &TestEnv) -> (TestEnv, PathBuf) {
    let mut other = TestEnv::new(p.engine);
    other.run("init --org-code ACME --org-name 'Acme Ltd'").ok();
    let tmp = other.path("tmp");
    std::fs::create_dir(&tmp).expect("a folder");
    other.env.insert("TMPDIR".into(), tmp.display().to_string());
    (other, tmp)
}

fn table<'a>(proof: &'a Value, part: &str, name: &str) -> &'a Value {
    let all = proof[part].as_array().expect("tables");
    all.iter().find(|t| t["table"] == name).unwrap_or_else(|| panic!("no {name} in {proof}"))
}

#[test]
fn a_scratch_is_new_and_goes_again() {
    on_both_engines_with_acme(|p| {
        let (p, tmp) = with_tmp(p);
        p.run("branch create --code HQ --name Head").ok();
        p.run("backup create").ok();
        // What a killed command left is removed; what another one uses, or is no scratch, stays.
        for name in ["orgctl-scratch-left", "orgctl-scratch-used", "other"] {
            std::fs::create_dir(tmp.join(name)).expect("a folder");
            std::fs::write(tmp.join(name).join("scratch.db"), "x").expect("a file");
        }
        let used = std::fs::File::open(tmp.join("orgctl-scratch-used")).expect("a folder");
        let used = nix::fcntl::Flock::lock(used, nix::fcntl::FlockArg::LockExclusiveNonblock).expect("a lock");
        let proof = p.json("backup verify latest");
        assert_eq!((proof["ok"].as_bool(), proof["restored"].as_bool()), (Some(true), Some(true)));
        assert_eq!(table(&proof, "tables", "branches")["rows"], 1);
        assert_eq!(table(&proof, "tables", "branches")["sha256"].as_str().map(str::len), Some(64));
        assert_eq!(names(&tmp), ["orgctl-scratch-used", "other"]);
        drop(used);
        // A folder of one's own choosing, and no file that is there.
        let elsewhere = p.path("elsewhere");
        std::fs::create_dir(&elsewhere).expect("a folder");
        p.run(&format!("backup verify latest --scratch {}", elsewhere.display())).ok();
        assert_eq!(names(&elsewhere), Vec::<String>::new());
        let file = p.write("precious.db", "precious");
        let said = p.run(&format!("backup verify latest --scratch {file}")).fails(2);
        assert!(said.contains("precious.db is no folder to restore in"), "{said}");
        assert_eq!(p.read("precious.db"), "precious");
    });
}

#[test]
fn a_scratch_on_a_server_is_a_database_of_its_own() {
    on_both_engines_with_acme(|p| {
        fill(p);
        p.run("backup create").ok();
        // Left by a killed command: nobody is connected to it.
        let left = format!("orgctl_scratch_left{}", std::process::id());
        psql(&server(), &format!("create database {left}"));
        let before = p.run("backup verify latest").ok();
        let proof = p.json(&format!("backup verify latest --scratch {}", server()));
        assert_eq!((proof["ok"].as_bool(), proof["restored"].as_bool()), (Some(true), Some(true)), "{before}");
        assert_eq!(table(&proof, "tables", "users")["rows"], 5);
        // The same rows whatever they were restored in.
        assert_eq!(proof["tables"], p.json("backup verify latest")["tables"]);
        let gone = format!(
            "do $$ begin if exists (select from pg_database where datname = '{left}') then raise 'left'; end if; end $$"
        );
        psql(&server(), &gone);
    });
}

#[test]
fn the_live_database_is_held_against_a_backup() {
    on_both_engines_with_acme(|p| {
        fill(p);
        p.run("backup create").ok();
        for line in [
            "branch update HQ --city Mumbai",
            "branch create --code B3 --name Third",
            "user update RAVK22 --name 'Ravi K'",
            "branch unassign B2 RAVK22 --yes",
            "branch delete B2 --yes",
            "branch restore B2",
            "dept purge GONE --yes",
            "user unblock RAVK22",
            "setting set password.min_length 16 --org ACME",
            "org create --code BETA --name Beta",
            "user create --name New --email new@beta.example --org BETA",
            "audit checkpoint",
        ] {
            let said = p.run(line);
            assert_eq!(said.code, 0, "{line}: {}", said.err);
        }
        p.run_with("user passwd JNES22 --password-stdin --org ACME", "correct horse battery staple\n").ok();
        let proof = p.json("backup verify latest --against-live");
        for name in ["branches", "departments", "users", "user_branches", "orgs", "settings", "credentials"] {
            let t = table(&proof, "live", name);
            assert_eq!((t["ok"].as_bool(), t["explained"].as_u64()), (Some(true), Some(0)), "{t}");
            assert_eq!(t["sha256"], t["live_sha256"], "{name}");
        }
        // Behind the back of orgctl: a row that has not changed since, one that has, and what no record tells of.
        for wrong in [
            "update branches set phone = '+912025539999' where code = 'HQ'",
            "update users set bio = 'x' where user_code = 'RAVK22'",
            "update departments set version = 9 where code = 'FIN'",
            "delete from credentials",
        ] {
            p.sql(wrong).expect("SQL");
            let said = p.run("backup verify latest --against-live").fails(8);
            assert!(said.contains("the live database is not what its trail tells: "), "{said}");
        }
        // The backup itself holds.
        assert_eq!(p.column("backup list", "status"), ["verified"]);
        let said = p.run("backup verify latest --against-live -o json");
        assert_eq!(said.code, 8);
        let proof: Value = said.json();
        for (name, what) in [("branches", "has another phone"), ("users", "has another bio")] {
            let t = table(&proof, "live", name);
            assert!(t["differences"][0].as_str().is_some_and(|d| d.contains(what)), "{t}");
        }
        assert_eq!(proof["ok"], false);
    });
}

#[test]
fn a_trail_that_goes_another_way_is_no_continuation() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code HQ --name Head").ok();
        p.run("backup create").ok();
        let file = archive(p);
        let other = TestEnv::new(Engine::Sqlite);
        let key = other.write("audit.pub", p.run("audit pubkey").ok());
        other.run("init --org-code ACME --org-name Other").ok();
        let said = other.run(&format!("backup verify {} --against-live --key {key}", file.display())).fails(4);
        assert!(said.contains("the live database is another installation"), "{said}");
        // It is not of this database, and does not come into its catalogue.
        other.run(&format!("backup verify {} --key {key}", file.display())).ok();
        assert_eq!(other.column("backup list", "status"), Vec::<String>::new());
    });
}

#[test]
fn without_the_identity_nothing_is_marked() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code HQ --name Head").ok();
        let identity = age::x25519::Identity::generate();
        let secret = age::secrecy::ExposeSecret::expose_secret(&identity.to_string()).to_owned();
        let file = p.write("identity", format!("{secret}\n"));
        let other = age::x25519::Identity::generate();
        let other = age::secrecy::ExposeSecret::expose_secret(&other.to_string()).to_owned();
        let other = p.write("other", format!("{other}\n"));
        p.run(&format!("backup create --encrypt-to {}", identity.to_public())).ok();
        let said = p.run("backup verify latest");
        assert!(said.err.contains("checksums only"), "{}", said.err);
        said.ok();
        assert_eq!(p.column("backup list", "status"), ["complete"]);
        // That this identity can't read it is no fault of the archive.
        p.run(&format!("backup verify latest --identity {other}")).fails(1);
        assert_eq!(p.column("backup list", "status"), ["complete"]);
        p.run(&format!("backup verify latest --identity {file}")).ok();
        assert_eq!(p.column("backup list", "status"), ["verified"]);
        // Quickly once more: it stays what it was.
        p.run("backup verify latest --quick").ok();
        assert_eq!(p.column("backup list", "status"), ["verified"]);
    });
}

#[test]
fn all_are_proven_and_each_fault_is_told() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code HQ --name Head").ok();
        p.run("backup create").ok();
        p.wait(60);
        let first = archive(p);
        p.run("backup create").ok();
        p.run("backup verify --all").ok();
        assert_eq!(p.column("backup list", "status"), ["verified", "verified"]);
        let mut bytes = std::fs::read(&first).expect("an archive");
        bytes.truncate(bytes.len() / 2);
        std::fs::write(&first, &bytes).expect("an archive");
        let said = p.run("backup verify --all -o json");
        assert_eq!(said.code, 8, "{}", said.err);
        let all = said.json();
        let oks: Vec<bool> =
            all["backups"].as_array().expect("backups").iter().filter_map(|b| b["ok"].as_bool()).collect();
        assert_eq!((oks, all["faults"].as_u64()), (vec![false, true], Some(1)));
        assert_eq!(p.column("backup list", "status"), ["verified", "failed"]);
        // Which comes second is what a shell's wildcard would say, too.
        let empty = p.path("nothing");
        p.run(&format!("backup verify --all --from {}", empty.display())).fails(3);
    });
}

#[test]
fn what_is_known_of_a_backup_outlives_a_look_at_a_copy_of_it() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code HQ --name Head").ok();
        p.run("backup create --label monthly").ok();
        let file = archive(p);
        let held = match p.engine {
            Engine::Sqlite => "update backups set hold_until = 1900000000000000",
            Engine::Postgres => "update backups set hold_until = '2030-03-17 17:46:40Z'",
        };
        p.sql(held).expect("SQL");
        let copy = p.path("copy.tar");
        std::fs::copy(&file, &copy).expect("a copy");
        p.run(&format!("backup verify {}", copy.display())).ok();
        let row = |name: &str| p.column("backup list", name);
        assert_eq!(row("hold_until"), ["2030-03-17T17:46:40.000000Z"]);
        assert_eq!((row("location"), row("label")), (vec![file.display().to_string()], vec!["monthly".to_owned()]));
        // A copy that is damaged does not speak for the archive.
        std::fs::write(&copy, "nothing").expect("a file");
        p.run(&format!("backup verify {}", copy.display())).fails(8);
        p.run("backup status").ok();
        p.run(&format!("backup verify {}", file.display())).ok();
        assert_eq!(
            (row("status"), row("hold_until")),
            (vec!["verified".to_owned()], vec!["2030-03-17T17:46:40.000000Z".to_owned()])
        );
    });
}

#[test]
fn what_is_forgotten_since_is_no_fault() {
    on_both_engines_with_acme(|p| {
        fill(p);
        p.run("org create --code BETA --name Beta").ok();
        p.run("user create --name New --email new@beta.example --user-code NEWB22 --org BETA").ok();
        p.run("branch create --code BB --name BB --org BETA").ok();
        // Something for the system log.
        p.run("backup restore latest --into /nowhere/x.db").fails(3);
        p.run("backup create").ok();
        p.wait(400 * 86_400);
        for line in [
            "user delete RAVK22 --yes",
            "user purge RAVK22 --yes",
            "user purge LEAV22 --yes",
            "user delete NEWB22 --org BETA --yes",
            "user purge NEWB22 --org BETA --yes",
            "branch delete BB --org BETA --yes",
            "branch purge BB --org BETA --yes",
            "org delete BETA --yes",
            "org purge BETA --yes",
            "audit log prune --before 1d --yes",
        ] {
            let said = p.run(line);
            assert_eq!(said.code, 0, "{line}: {}", said.err);
        }
        let proof = p.json("backup verify latest --against-live");
        assert_eq!(proof["ok"], true, "{proof}");
        p.run("audit keygen");
        p.run("audit checkpoint").ok();
        let file = p.path("archive.jsonl");
        p.run(&format!("audit archive --before 300d --out {} --yes --org ACME", file.display())).ok();
        p.wait(367 * 86_400);
        p.run("audit erase --subject ravi@acme.example --org ACME --yes").ok();
        let proof = p.json("backup verify latest --against-live");
        assert_eq!(proof["ok"], true, "{proof}");
        // Of whom was erased nobody claims to know how he was.
        let users = table(&proof, "live", "users");
        assert_eq!((&users["untold"], &users["explained"]), (&1.into(), &0.into()), "{users}");
        let said = p.run("backup verify latest --against-live");
        assert!(said.err.contains("nobody can tell any more"), "{}", said.err);
    });
}

/// Nobody hides behind a purge: the record of it holds the row as it was then.
#[test]
fn what_was_changed_behind_the_back_is_found_after_a_purge() {
    on_both_engines_with_acme(|p| {
        fill(p);
        p.run("backup create").ok();
        for wrong in [
            "update users set bio = 'x' where user_code = 'ASHA22'",
            "update departments set description = 'x' where code = 'FIN'",
            "update branches set phone = '+912025539999' where code = 'B2'",
        ] {
            p.sql(wrong).expect("SQL");
        }
        for line in [
            "branch unassign B2 ravi@acme.example --yes",
            "user delete ASHA22 --orphan --yes",
            "user purge ASHA22 --yes",
            "dept delete FIN --yes",
            "dept purge FIN --yes",
            "branch delete B2 --yes",
            "branch purge B2 --yes",
        ] {
            let said = p.run(line);
            assert_eq!(said.code, 0, "{line}: {}", said.err);
        }
        let said = p.run("backup verify latest --against-live -o json");
        assert_eq!(said.code, 8, "{}", said.err);
        let proof = said.json();
        for (name, what) in [
            ("users", "has another bio"),
            ("departments", "has another description"),
            ("branches", "has another phone"),
        ] {
            let t = table(&proof, "live", name);
            assert!(t["differences"][0].as_str().is_some_and(|d| d.contains(what)), "{t}");
        }
    });
}
