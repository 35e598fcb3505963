//! What comes between a restore and its end, and archives of other versions: all or nothing, in words, and nothing is left
//! behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use orgctl::model::backup::{BackupType, Digest32, HeadEntry, Manifest, TableEntry, signed_text};
use orgctl::model::kinds::Kinds;
use orgctl::model::trail::note::SignerKey;
use orgctl::store::backup::dump;
use orgctl::store::engine::db::Db;
use orgctl::store::engine::location::{Location, Opening};
use orgctl::store::schema::Class;
use orgctl::store::trail::checkpoints;
use orgctl::verbs::backup::archive::Writer;
use orgctl::verbs::backup::create::kind_word;
use serde_json::json;

use crate::backup::archive;
use crate::backup_faults::{members, put};
use crate::harness::{Engine, TestEnv, on_both_engines_with_acme, psql, server};
use crate::raw;

const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

fn folder(p: &TestEnv) -> PathBuf {
    p.path("home/.local/share/orgctl/backups")
}

/// The public key of a place, as a file of another.
fn key_of(p: &TestEnv, other: &TestEnv) -> String {
    other.write("audit.pub", p.run("audit pubkey").ok())
}

fn signing_key(p: &TestEnv) -> SignerKey {
    SignerKey::parse(&p.read("home/.config/orgctl/audit.key")).expect("a key")
}

/// So many branches.
fn fill(p: &TestEnv, n: usize) {
    let rows: String = (0..n).map(|i| format!("K{i:05},Branch number {}\n", i * 7919)).collect();
    p.run_with("branch import -", format!("code,name\n{rows}")).ok();
}

/// Files of a folder that commands make for a while.
fn strays(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = files.map(|f| f.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    names.retain(|n| n.starts_with(".orgctl") || n.starts_with("orgctl-scratch"));
    names
}

/// On SQLite alone.
fn with_acme(story: impl Fn(&TestEnv)) {
    let p = TestEnv::with_acme(Engine::Sqlite);
    story(&p);
}

fn quiet(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a process")
}

/// Kills a command at `n` moments from its beginning to its end, as long as it takes when nobody does; the processes' ids.
fn killed(n: u32, start: impl Fn() -> Child, again: impl Fn()) -> Vec<u32> {
    let began = Instant::now();
    start().wait().expect("an end");
    let whole = began.elapsed();
    again();
    let mut ids = Vec::new();
    for i in 0..n {
        let mut child = start();
        ids.push(child.id());
        std::thread::sleep(whole * i / n);
        let _ = child.kill();
        let _ = child.wait();
        again();
    }
    ids
}

#[test]
fn a_killed_restore_leaves_all_or_nothing() {
    // An archive is the same from either engine.
    with_acme(|p| {
        fill(p, 600);
        p.run("backup create").ok();
        let file = archive(p);
        for engine in ENGINES {
            let other = TestEnv::new(engine);
            let vkey = key_of(p, &other);
            let line = format!("backup restore {} --key {vkey} --into {}", file.display(), other.url);
            let (mut whole, mut none) = (0, 0);
            let (all, nothing) = (std::cell::RefCell::new(&mut whole), std::cell::RefCell::new(&mut none));
            let again = || {
                // A server takes a moment to notice.
                let said = other.run("branch stats -o json --wait 30");
                if said.code == 0 {
                    assert_eq!(other.column("branch stats", "branches")[0], "600");
                    **all.borrow_mut() += 1;
                    let name =
                        if engine == Engine::Sqlite { "t.db" } else { other.url.rsplit('/').next().expect("a name") };
                    other.run(&format!("db reset --name {}", name.split('?').next().expect("a name"))).ok();
                } else {
                    let is_none = ["there is no database at", "is empty"].iter().any(|what| said.err.contains(what));
                    assert!(is_none, "{}", said.err);
                    **nothing.borrow_mut() += 1;
                }
            };
            killed(5, || quiet(&mut other.spawn(&line)), again);
            assert!(whole >= 1 && none >= 1, "{whole} {none}");
            other.run(&line).ok();
            assert_eq!(strays(other.dir.path()), Vec::<String>::new());
            assert_eq!(other.column("branch stats", "branches")[0], "600");
            other.run("db check").ok();
        }
    });
}

#[test]
fn what_killed_proofs_leave_is_removed_by_the_next() {
    with_acme(|p| {
        fill(p, 600);
        p.run("backup create").ok();
        let temporary = p.path("tmp");
        fs::create_dir(&temporary).expect("a folder");
        let scratch = |command: &mut Command| quiet(command.env("TMPDIR", &temporary));
        killed(4, || scratch(&mut p.spawn("backup verify latest")), || ());
        let on_server = format!("backup verify latest --scratch {}", server());
        let ids = killed(4, || scratch(&mut p.spawn(&on_server)), || ());
        // What a server is still at work at, for one that was killed, is not removed yet: it is by the one after.
        for _ in 0..2 {
            let done = p.spawn(&on_server).env("TMPDIR", &temporary).output().expect("an end");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        assert_eq!(strays(&temporary), Vec::<String>::new());
        for id in ids {
            let left = format!("datname like 'orgctl\\_scratch\\_%\\_{id}'");
            // A server that is still at work for one that was killed ends that by itself; the next command removes it.
            let check = format!(
                "do $$ begin assert not exists (select from pg_database d where {left}
                and not exists (select from pg_stat_activity a where a.datid = d.oid)); end $$"
            );
            psql(&server(), &check);
        }
        assert_eq!(p.column("backup list", "status"), ["verified"]);
    });
}

#[test]
fn a_full_disk_leaves_no_database_and_is_told() {
    on_both_engines_with_acme(|p| {
        fill(p, 3000);
        p.run("backup create").ok();
        let (file, other) = (archive(p), TestEnv::new(Engine::Sqlite));
        let vkey = key_of(p, &other);
        let into = other.path("new/t.db");
        for only in ["", " --only branches"] {
            // No file may grow beyond 100 kB.
            let line = format!(
                "trap '' XFSZ; ulimit -f 200; exec \"$0\" backup restore {} --key {vkey} --into {}{only}",
                file.display(),
                into.display()
            );
            let mut sh = Command::new("sh");
            sh.args(["-c", &line, env!("CARGO_BIN_EXE_orgctl")]).env_clear().envs(&other.env);
            let said = sh.env("TMPDIR", other.dir.path()).output().expect("sh runs");
            let err = String::from_utf8_lossy(&said.stderr);
            assert_eq!(said.status.code(), Some(1), "{err}");
            assert_eq!(err.matches("error:").count(), 1, "{err}");
            assert!(err.contains("disk") && err.contains("full") && err.contains("hint:"), "{err}");
            assert!(!into.exists());
            assert_eq!(strays(other.dir.path()), Vec::<String>::new());
            assert_eq!(strays(into.parent().expect("a folder")), Vec::<String>::new());
        }
        other.run(&format!("backup restore {} --key {vkey} --into {}", file.display(), into.display())).ok();
    });
}

#[test]
fn a_clock_that_was_set_back_keeps_nobody_from_restoring() {
    on_both_engines_with_acme(|p| {
        p.wait(30 * 86_400);
        p.run("branch create --code HQ --name Head").ok();
        p.run("backup create").ok();
        let file = archive(p);
        for engine in ENGINES {
            // Its clock is a month behind.
            let other = TestEnv::new(engine);
            let vkey = key_of(p, &other);
            other.run(&format!("backup restore {} --key {vkey} --into {}", file.display(), other.url)).ok();
            assert_eq!(other.column("branch list", "code"), ["HQ"]);
            other.run(&format!("audit verify --deep --key {vkey}")).ok();
            // Times of the trail do not go back with it.
            other.run("branch create --code B2 --name Two").ok();
            let times = other.column("audit list --all --org SYSTEM", "at");
            assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
            other.run(&format!("audit verify --deep --key {vkey}")).ok();
            other.run("db check").ok();
        }
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// An archive as an earlier orgctl made it, of a database that is at its version.
fn older(p: &TestEnv, version: i64) -> PathBuf {
    let opening = Opening {
        create: false,
        wait: Duration::from_secs(5),
        application: "test".into(),
        variables: p.env.clone(),
        kinds: Kinds::default(),
        reader: None,
    };
    let location = Location::parse(&p.url).expect("a location");
    let to = p.path(&format!("orgctl-{version}.tar"));
    runtime().block_on(async {
        let mut db = Db::open(&location, &opening).await.expect("a database");
        let shapes = dump::shapes(Kinds::default(), version).expect("shapes");
        let at = chrono::DateTime::from_timestamp(1_795_219_200, 0).expect("a time");
        let mut manifest = Manifest {
            kind: BackupType::Full,
            id: uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + u128::from(version.unsigned_abs())),
            created_at: at,
            orgctl: "0.0.1".into(),
            engine: location.engine().as_str().into(),
            engine_version: db.version().await.expect("a version"),
            installation: checkpoints::installation(&mut db).await.expect("an id"),
            schema: version,
            ..Manifest::empty()
        };
        let mut grown = dump::edges_from_leaves(&mut db).await.expect("trees");
        for edge in dump::heads(&mut db).await.expect("heads") {
            let grown = grown.remove(&edge.tree).unwrap_or_default();
            let root = Digest32(grown.root());
            manifest.heads.push(HeadEntry { tree: edge.tree, size: grown.size(), root, at: edge.at });
        }
        let mut writer = Writer::create(p.dir.path(), manifest.id, Vec::new(), at.timestamp()).expect("a file");
        for shape in &shapes {
            let columns: Vec<(String, String)> =
                shape.columns.iter().map(|(name, kind)| (name.clone(), kind_word(*kind).to_owned())).collect();
            let heading = json!({ "format": 1, "table": shape.name, "columns": columns, "key": shape.key });
            let member = writer.member(&shape.name, async |into| {
                into.write_all(format!("{heading}\n").as_bytes())?;
                Ok(dump::write_table(&mut db, shape, into, &mut |_| {}).await?)
            });
            let (rows, member) = member.await.expect("a member");
            let class = match shape.class {
                Class::Recorded => "recorded",
                Class::Journal => "journal",
                Class::Volatile => "volatile",
                Class::Wrapped => "wrapped",
            };
            manifest.tables.push(TableEntry {
                name: shape.name.clone(),
                class: class.to_owned(),
                columns,
                rows,
                member: Some(member),
            });
        }
        db.close().await;
        writer.finish(&manifest, &signing_key(p), &to).expect("an archive");
    });
    to
}

#[test]
fn archives_of_earlier_versions_are_restored_and_migrated() {
    on_both_engines_with_acme(|p| {
        for line in [
            "audit keygen",
            "branch create --code HQ --name Head --city Pune",
            "user create --name 'Asha Rao' --email asha@acme.example --branch HQ --user-code ASHA22",
            "user create --name 'Ravi Kumar' --email ravi@acme.example --reports-to ASHA22 --user-code RAVK22",
            "user delete RAVK22 --yes",
        ] {
            p.run(line).ok();
        }
        let latest: i64 = p.column("db status", "version").last().expect("a version").parse().expect("a number");
        // Before there were backups, and before people's registration was kept.
        for version in [latest - 1, 8] {
            p.run(&format!("db rollback --to {version} --yes")).ok();
            let file = older(p, version);
            p.run("db migrate").ok();
            // The later one on the other engine alone.
            for engine in ENGINES.into_iter().filter(|e| version == 8 || *e != p.engine) {
                let other = TestEnv::new(engine);
                let vkey = key_of(p, &other);
                let line = format!("backup restore {} --key {vkey}", file.display());
                other.run(&format!("{line} --into {}", other.url)).ok();
                for noun in ["org", "branch", "user"] {
                    let list = format!("{noun} list --with-deleted --all -o ndjson");
                    assert_eq!(other.run(&list).ok(), p.run(&list).ok(), "{version} {noun}");
                }
                assert_eq!(other.column("user find asha", "user_code"), ["ASHA22"]);
                assert_eq!(other.column("db status", "state"), vec!["applied"; usize::try_from(latest).expect("few")]);
                other.run("db check").ok();
                other.run(&format!("audit verify --deep --key {vkey}")).ok();
                other.run("user create --name 'New One' --email new@acme.example").ok();
                // A part of it too.
                let part = TestEnv::new(engine);
                part.run(&format!("{line} --only users --into {}", part.url)).ok();
                assert_eq!(part.column("user list", "user_code"), ["ASHA22"]);
            }
        }
    });
}

/// An archive whose manifest says something else, signed as rightly as before.
fn changed(p: &TestEnv, name: &str, change: impl Fn(&mut serde_json::Value)) -> String {
    let mut all = members(&fs::read(archive(p)).expect("an archive"));
    let at = |name: &str| all.iter().position(|(n, _)| n == name).expect("a member");
    let (manifest, signature) = (at("manifest.json"), at("manifest.json.sig"));
    let mut json: serde_json::Value = serde_json::from_slice(&all[manifest].1).expect("a manifest");
    change(&mut json);
    let id = json["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    all[manifest].1 = serde_json::to_vec_pretty(&json).expect("JSON");
    all[signature].1 = signing_key(p).sign(&signed_text(id, &all[manifest].1)).into_bytes();
    let file = p.path(name);
    put(&file, &all);
    file.display().to_string()
}

#[test]
fn what_a_newer_orgctl_made_is_refused_in_words() {
    on_both_engines_with_acme(|p| {
        p.run("backup create").ok();
        let latest: i64 = p.column("db status", "version").last().expect("a version").parse().expect("a number");
        let newer = changed(p, "newer.tar", |m| m["schema"] = (latest + 1).into());
        let other_format = changed(p, "format.tar", |m| {
            m["format"] = 2.into();
            m["tables"] = "in another way".into();
        });
        let place = p.path("new.db").display().to_string();
        for (line, says) in [
            (
                format!("backup restore {newer} --into {place}"),
                format!(
                    "error: the archive is of version {} of the schema, newer than this orgctl, which knows {latest}\nhint: install the newer orgctl; nothing was changed\n[exit 1]\n",
                    latest + 1
                ),
            ),
            (
                format!("backup restore {newer} --only users --into {place}"),
                format!(
                    "error: the archive is of version {} of the schema, newer than this orgctl, which knows {latest}\nhint: install the newer orgctl; nothing was changed\n[exit 1]\n",
                    latest + 1
                ),
            ),
            (
                format!("backup restore {other_format} --into {place}"),
                format!(
                    "error: {other_format} has format 2; this orgctl reads 1\nhint: install the orgctl that made it, or a newer one\n[exit 1]\n"
                ),
            ),
            (
                format!("backup show {other_format}"),
                format!(
                    "error: {other_format} has format 2; this orgctl reads 1\nhint: install the orgctl that made it, or a newer one\n[exit 1]\n"
                ),
            ),
        ] {
            assert_eq!(p.transcript(&line), format!("$ orgctl {line}\n{says}"));
        }
        // Neither of them is called damaged.
        p.run(&format!("backup verify {newer}")).fails(1);
        p.run(&format!("backup verify {other_format}")).fails(1);
        assert!(!Path::new(&place).exists());
    });
}

/// A backup that is being made and does not go on before it is told to.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        // Also where the test has failed: one that is stopped would stay for good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Held {
    fn begin(p: &TestEnv) -> Held {
        loop {
            let mut child = quiet(&mut p.spawn("backup create"));
            let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process"));
            loop {
                // Some of the tables are in it, and the manifest is not.
                let partial = strays(&folder(p)).into_iter().find(|n| n.ends_with(".partial"));
                let size = partial.and_then(|n| fs::metadata(folder(p).join(n)).ok()).map_or(0, |m| m.len());
                if size > 2048 {
                    break;
                }
                if child.try_wait().expect("a process").is_some() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            kill(pid, Signal::SIGSTOP).ok();
            if child.try_wait().expect("a process").is_none() && !strays(&folder(p)).is_empty() {
                return Held(child);
            }
            // It was faster.
            kill(pid, Signal::SIGCONT).ok();
            child.wait().expect("an end");
        }
    }

    /// Lets it go on; how it ended.
    fn end(mut self) -> Option<i32> {
        kill(Pid::from_raw(i32::try_from(self.0.id()).expect("a process")), Signal::SIGCONT).expect("sent");
        self.0.wait().expect("an end").code()
    }
}

#[test]
fn a_backup_that_is_being_made_is_running_and_a_migration_does_not_disturb_it() {
    on_both_engines_with_acme(|p| {
        p.run("audit keygen").ok();
        fill(p, 3000);
        let held = Held::begin(p);
        assert_eq!(p.column("backup list", "status"), ["running"]);
        let line = format!("backup list --from {}", folder(p).display());
        assert_eq!(p.column(&line, "status"), ["running"]);
        // It is no backup yet.
        p.run("backup restore latest --into sqlite://new.db").fails(3);
        p.run("backup status").fails(1);
        let said = p.run("db rollback --yes --wait 1");
        match p.engine {
            // The file as it was goes on being read beside the one that comes to be.
            Engine::Sqlite => assert_eq!(said.code, 0, "{}", said.err),
            Engine::Postgres => {
                let err = said.fails(1);
                assert!(err.contains("another command holds what this one needs; waited 1 s"), "{err}");
            }
        }
        assert_eq!(held.end(), Some(0));
        assert_eq!(p.column(&line, "status"), ["complete"]);
        p.run("db migrate").ok();
        assert_eq!(p.column("backup list", "status"), ["complete"]);
        p.run(&format!("backup verify latest --from {}", folder(p).display())).ok();
        // One that was waited for as long as it took.
        let held = Held::begin(p);
        let migration = raw::start(&mut p.spawn("db rollback --yes --wait 60"), Stdio::null());
        assert_eq!(held.end(), Some(0));
        raw::wait(migration).ok();
        p.run("db migrate").ok();
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn what_was_read_beside_heavy_writes_is_what_the_trail_says_of_then() {
    on_both_engines_with_acme(|p| {
        p.run("audit keygen").ok();
        fill(p, 500);
        let rows: String = (0..500).map(|i| format!("K{i:05},New name {i}\n")).collect();
        let file = p.write("new.csv", format!("code,name\n{rows}"));
        let people: String = (0..150).map(|i| format!("Person N{i},p{i}@acme.example\n")).collect();
        let users = p.write("users.csv", format!("name,email\n{people}"));
        let mut one = quiet(&mut p.spawn(&format!("branch import {file} --on-conflict update")));
        let mut two = quiet(&mut p.spawn(&format!("user import {users} --wait 60")));
        let mut made = 0;
        while one.try_wait().expect("a process").is_none() || two.try_wait().expect("a process").is_none() || made == 0
        {
            let done = p.spawn("backup create --wait 60").output().expect("an end");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            made += 1;
        }
        assert!(one.wait().expect("an end").success() && two.wait().expect("an end").success());
        // Written to once more behind all of them.
        p.run("branch update K00000 --name Last").ok();
        p.run("branch delete K00001 --yes").ok();
        for status in p.column("backup list", "id").iter().take(2) {
            p.run(&format!("backup verify {status} --against-live")).ok();
        }
    });
}

#[test]
fn a_database_that_takes_no_writes_serves_what_reads() {
    let p = TestEnv::with_acme(Engine::Postgres);
    p.run("audit keygen").ok();
    p.run("branch create --code HQ --name Head").ok();
    let name = p.url.rsplit('/').next().expect("a name").split('?').next().expect("a name").to_owned();
    let only = |on: &str| psql(&server(), &format!("alter database {name} set default_transaction_read_only = {on}"));
    only("on");
    let note = "note: the database takes no writes; this is told beside the archive alone\n";
    for line in ["backup create", "backup verify latest", "backup verify latest --against-live", "backup drill"] {
        let said = p.run(line);
        assert!(said.code == 0 && said.err.contains(note), "{line}: {}", said.err);
    }
    assert_eq!(p.column("backup list", "status"), ["verified"]);
    p.run("backup status").ok();
    p.run("backup show latest").ok();
    for engine in ENGINES {
        let other = TestEnv::new(engine);
        let vkey = key_of(&p, &other);
        p.run(&format!("backup restore latest --key {vkey} --into {}", other.url)).ok();
        assert_eq!(other.column("branch list", "code"), ["HQ"]);
    }
    only("off");
    // Into one that takes none.
    let other = TestEnv::new(Engine::Postgres);
    let name = other.url.rsplit('/').next().expect("a name").split('?').next().expect("a name").to_owned();
    psql(&server(), &format!("alter database {name} set default_transaction_read_only = on"));
    for only in ["", " --only users"] {
        let err = p.run(&format!("backup restore latest --into {}{only}", other.url)).fails(1);
        let says = "error: the server takes no writes: it is a replica or set read-only\nhint: name the primary server instead\n";
        assert!(err.contains(says), "{err}");
    }
}

#[test]
fn an_empty_place_that_was_reset_is_filled() {
    on_both_engines_with_acme(|p| {
        p.run("backup create").ok();
        let file = archive(p);
        let name = if p.engine == Engine::Sqlite { "t.db" } else { p.url.rsplit('/').next().expect("a name") };
        p.run(&format!("db reset --name {}", name.split('?').next().expect("a name"))).ok();
        p.run(&format!("backup restore {} --into {}", file.display(), p.url)).ok();
        assert_eq!(p.column("org list", "code"), ["ACME"]);
        p.run("db check").ok();
    });
}
