//! A part of a backup, brought back to be looked at: it is read and exported, never written to, and never taken for a whole
//! database.

use std::path::Path;

use crate::backup::{archive, fill};
use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};

const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

/// The public key of a place, as a file of another.
fn key_of(p: &TestEnv, other: &TestEnv) -> String {
    other.write("audit.pub", p.run("audit pubkey").ok())
}

/// A place of another machine, with tables of the archive in it.
fn part_of(p: &TestEnv, engine: Engine, file: &Path, only: &str) -> (TestEnv, serde_json::Value) {
    let other = TestEnv::new(engine);
    let vkey = key_of(p, &other);
    let told =
        other.json(&format!("backup restore {} --key {vkey} --only {only} --into {}", file.display(), other.url));
    (other, told)
}

/// Of each table that came: its name and rows.
fn came(told: &serde_json::Value) -> Vec<(String, u64)> {
    let all = told["tables"].as_array().expect("tables").iter();
    all.map(|t| (t["table"].as_str().expect("a name").to_owned(), t["rows"].as_u64().expect("rows"))).collect()
}

#[test]
fn a_part_is_restored_on_either_engine() {
    on_both_engines_with_acme(|p| {
        fill(p);
        p.run("backup create").ok();
        let file = archive(p);
        let hq = p.json("branch show HQ")["id"].as_str().expect("an id").to_owned();
        let b2 = p.json("branch show B2")["id"].as_str().expect("an id").to_owned();
        for engine in ENGINES {
            let (other, told) = part_of(p, engine, &file, "users");
            let rows = came(&told);
            let of = |table: &str| rows.iter().find(|(name, _)| name == table).map(|(_, n)| *n);
            // ACME and SYSTEM; five users, one of them deleted; Ravi's two branches; one setting.
            assert_eq!(
                [of("orgs"), of("users"), of("user_branches"), of("settings")],
                [Some(2), Some(5), Some(2), Some(1)]
            );
            assert_eq!(rows.len(), 5, "{rows:?}");
            assert_eq!(told["rows"].as_u64(), Some(rows.iter().map(|(_, n)| n).sum()));
            let left = told["left_out"].as_array().expect("tables");
            assert!(left.contains(&"branches".into()) && left.contains(&"audit_records".into()), "{left:?}");
            assert!(!left.contains(&"users".into()));
            assert_eq!((told["partial"].as_bool(), told["signed"].as_bool()), (Some(true), Some(true)));
            // The same people as there, with the ids of what was left out.
            for line in ["user list --with-deleted --all", "user list --filter status=blocked", "user find rao"] {
                assert_eq!(other.column(line, "user_code"), p.column(line, "user_code"), "{line}");
                assert_eq!(other.column(line, "reports_to"), p.column(line, "reports_to"), "{line}");
            }
            assert_eq!(other.column("user find rao", "branch"), [hq.as_str()]);
            assert_eq!(other.json("user show RAVK22")["branches"], serde_json::json!([b2]));
            assert_eq!(other.json("user show ASHA22")["name"], "Asha Rao");
            assert_eq!(other.run("user exists ASHA22").code, 0);
            assert!(other.run("user export -").ok().contains(&hq));
            assert_eq!(
                other.json("setting get password.min_length --org ACME")["value"],
                p.json("setting get password.min_length --org ACME")["value"]
            );
            let said = other.run("user list");
            assert!(said.err.starts_with("note: the database is partial: it was made of the backup "), "{}", said.err);
        }
    });
}

#[test]
fn what_refers_to_one_another_comes_together() {
    on_both_engines_with_acme(|p| {
        for line in [
            "branch create --code HQ --name Head",
            "branch create --code B2 --name Two --parent HQ",
            "dept create --code FIN --name Finance --branch HQ",
            "user create --name 'Asha Rao' --email asha@acme.example --branch HQ --department FIN --user-code ASHA22",
            "branch assign B2 ASHA22",
            "user create --name Leaver --email leaver@acme.example --user-code LEAV22",
            "user delete LEAV22 --yes",
        ] {
            p.run(line).ok();
        }
        p.run("backup create").ok();
        let file = archive(p);
        for engine in ENGINES {
            // A noun, a list and a repeated flag.
            let (other, _) = part_of(p, engine, &file, "user,branches dept --only audit_records");
            for noun in ["user", "branch", "dept"] {
                let line = format!("{noun} list --with-deleted --all -o ndjson");
                assert_eq!(other.run(&line).ok(), p.run(&line).ok());
            }
            let history = |place: &TestEnv| place.run("user history ASHA22 -o ndjson").ok();
            assert_eq!(history(&other), history(p));
            // What came is whole; the trail is not proven by itself.
            assert!(other.run("audit verify").fails(1).contains("partial, not damaged"));
            assert_eq!(crate::completion::values(&other, "orgctl branch show "), ["B2", "HQ"]);
            // The tree's own verbs.
            assert_eq!(other.run("branch tree -o json").ok(), p.run("branch tree -o json").ok());
            let err = other.run("user list --as-of 1h").fails(1);
            assert!(err.contains("what was cannot be told of a part"), "{err}");
        }
    });
}

#[test]
fn every_writing_verb_is_refused_and_nothing_is_written() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code HQ --name Head").ok();
        p.run("user create --name 'Asha Rao' --email asha@acme.example --branch HQ --user-code ASHA22").ok();
        p.run("backup create").ok();
        let file = archive(p);
        for engine in ENGINES {
            let (other, _) = part_of(p, engine, &file, "users,system_log");
            let rows = other.json("audit log list --all");
            let people = other.run("user list --with-deleted --all -o ndjson").ok();
            let copy = TestEnv::new(Engine::Sqlite);
            other.write("u.csv", "name,email\nA B,ab@acme.example\n");
            for line in [
                "user create --name 'New One' --email new@acme.example",
                "user update ASHA22 --designation Boss",
                "user delete ASHA22 --yes",
                "user import u.csv",
                "user passwd ASHA22 --password-stdin",
                "user block ASHA22 --reason x",
                "org create --code NEW --name New",
                "setting set password.min_length 20 --org ACME",
                &format!("audit checkpoint --signing-key {}", p.path("home/.config/orgctl/audit.key").display()),
                "audit log prune --before 1d --yes",
                "backup create",
                "backup hold latest --until 3d",
                "backup prune --keep-last 1",
                "db migrate",
                "db migrate --dry-run",
                "db rollback --yes",
                "db repair",
                &format!("db copy --to {}", copy.url),
                "init",
                "init --org-code NEXT --org-name Next",
            ] {
                let err = other.run(line).fails(1);
                let told = "is partial, and takes reads and exports only: it was made of the backup ";
                assert_eq!(err.matches("error:").count(), 1, "{line}: {err}");
                assert!(err.contains(told) && err.contains("\nhint: 'orgctl backup restore "), "{line}: {err}");
            }
            assert!(!copy.file().exists());
            for line in
                ["branch list", "dept show FIN", "org stats", "user history ASHA22", "audit list", "backup list"]
            {
                let err = other.run(line).fails(1);
                assert!(err.contains("was left out") && err.contains(" --only "), "{line}: {err}");
            }
            let diff = format!("backup diff {} --trust-unsigned", file.display());
            for line in ["audit verify", "audit verify --deep", &diff, "user dossier ASHA22"] {
                let err = other.run(line).fails(1);
                assert!(err.contains("is partial, not damaged, and "), "{line}: {err}");
            }
            other.run("user list --filter branch=HQ").fails(2);
            // Neither what was asked for, nor that it was refused.
            assert_eq!(other.json("audit log list --all"), rows);
            assert_eq!(other.run("user list --with-deleted --all -o ndjson").ok(), people);
            // It is not filled further either, and goes when it is told to.
            let again = format!("backup restore {} --trust-unsigned --into {}", file.display(), other.url);
            for line in [again.clone(), format!("{again} --replace"), format!("{again} --only branches")] {
                let err = other.run(&line).fails(4);
                assert!(err.contains("holds a part of a backup already; nothing was changed"), "{err}");
            }
            let err = other.run(&format!("{again} --only branches --replace")).fails(2);
            assert!(err.contains("--only brings a part back, which can replace nothing"), "{err}");
            let name = if engine == Engine::Sqlite { "t.db" } else { other.url.rsplit('/').next().expect("a name") };
            other.run(&format!("db reset --name {}", name.split('?').next().expect("a name"))).ok();
            other.run(&format!("{again} --key {}", key_of(p, &other))).ok();
            assert_eq!(other.run("user list -o ndjson").ok(), p.run("user list -o ndjson").ok());
        }
    });
}

#[test]
fn it_says_that_it_is_partial_rather_than_damaged() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code HQ --name Head").ok();
        p.run("user create --name 'Asha Rao' --email asha@acme.example --branch HQ --user-code ASHA22").ok();
        p.run("backup create").ok();
        let (other, told) = part_of(p, p.engine, &archive(p), "users");
        let id = told["id"].as_str().expect("an id");
        let short = &id[id.len() - 8..];
        let hint =
            format!("hint: 'orgctl backup restore {short} --into URL' brings everything back, into another place\n");
        let holds = format!(
            "it was made of the backup {short}, of which it holds actors, orgs, users, user_branches, settings"
        );
        assert_eq!(
            other.transcript("db check"),
            format!(
                "$ orgctl db check\nerror: the database is partial, and what is in it is sound: {holds}; the other rules can't be checked\n{hint}[exit 1]\n"
            )
        );
        let said = other.run("db check -o json");
        assert_eq!((said.code, said.json()["findings"].as_array().map(Vec::len)), (1, Some(0)));
        assert!(other.run("audit verify").fails(1).contains(&holds));
        let said = other.run("db status").err;
        assert!(said.contains(&format!(", and partial: {holds}; it takes reads and exports only")), "{said}");
        assert_eq!(other.column("db status", "state").last().map(String::as_str), Some("partial"));
        let doctor = other.run("doctor --check").fails(1);
        assert!(doctor.contains("schema: it is partial"), "{doctor}");
        // What is broken in it is seen all the same.
        let behind = match p.engine {
            Engine::Sqlite => "pragma ignore_check_constraints = on; update users set version = 0",
            Engine::Postgres => "alter table users drop constraint users_version_check; update users set version = 0",
        };
        other.sql(behind).expect("a change");
        other.run("db check").fails(8);
    });
}

#[test]
fn what_was_not_asked_for_rightly_is_refused_with_the_nearest() {
    on_both_engines_with_acme(|p| {
        p.run("backup create").ok();
        let (file, other) = (archive(p), TestEnv::new(p.engine));
        let line = |only: &str| {
            format!("backup restore {} --trust-unsigned --only {only} --into {}", file.display(), other.url)
        };
        for (only, says) in [
            ("userz", "error: the backup has no table 'userz'\nhint: did you mean users?\n"),
            ("users,brnches", "error: the backup has no table 'brnches'\nhint: did you mean branches?\n"),
            ("dept users depts", "error: the backup has no table 'depts'\nhint: did you mean departments?\n"),
            ("schema_migrations", "error: the backup has no table 'schema_migrations'\nhint: it has actors, "),
            ("''", "error: the backup has no table ''\n"),
        ] {
            let err = other.run(&line(only)).fails(2);
            assert!(err.contains(says), "{err}");
        }
        other.run(&format!("backup restore {} --only users --into {}", file.display(), other.url)).fails(8);
        // A dry run does it all, and keeps nothing.
        let said = other.json(&format!("{} --dry-run", line("users")));
        assert_eq!(said["partial"], true);
        assert!(other.run("org list").fails(1).contains(if p.engine == Engine::Sqlite {
            "there is no database"
        } else {
            "is empty"
        }));
        other.run(&line("users")).ok();
        assert!(other.run("org list").err.contains("made of the unsigned backup"));
        // The rows of a schema alone.
        p.wait(60);
        p.run("backup create --type schema-only").ok();
        let third = TestEnv::new(p.engine);
        let line =
            format!("backup restore {} --trust-unsigned --only users --into {}", archive(p).display(), third.url);
        assert!(third.run(&line).fails(2).contains("holds the schema alone"));
    });
}

#[test]
fn an_encrypted_part_needs_its_identity() {
    on_both_engines_with_acme(|p| {
        p.run("user create --name 'Asha Rao' --email asha@acme.example --user-code ASHA22").ok();
        let key = age::x25519::Identity::generate();
        let secret = age::secrecy::ExposeSecret::expose_secret(&key.to_string()).to_owned();
        p.run(&format!("backup create --encrypt-to {}", key.to_public())).ok();
        let (file, other) = (archive(p), TestEnv::new(p.engine));
        let vkey = key_of(p, &other);
        let line = format!("backup restore {} --key {vkey} --only users --into {}", file.display(), other.url);
        assert!(other.run(&line).fails(2).contains("is encrypted"));
        let identity = other.write("id.txt", secret);
        other.run(&format!("{line} --identity {identity}")).ok();
        assert_eq!(other.column("user list", "user_code"), ["ASHA22"]);
    });
}

#[test]
fn an_orgctl_that_knows_nothing_of_parts_takes_it_for_newer() {
    on_both_engines_with_acme(|p| {
        p.run("backup create").ok();
        let (other, _) = part_of(p, p.engine, &archive(p), "users");
        // What each orgctl asks for first.
        other
            .sql("delete from schema_migrations where version < (select max(version) from schema_migrations)")
            .expect("rows");
        let versions = other.column("db status", "version");
        assert_eq!(versions.last().map(|v| v.len()), Some(10), "{versions:?}");
        // A part of another version than this one reads.
        other.sql("update schema_migrations set version = version + 1").expect("a row");
        let err = other.run("user list").fails(1);
        assert!(
            err.contains("is partial and at version ") && err.contains("restore that part of the backup once more"),
            "{err}"
        );
    });
}
