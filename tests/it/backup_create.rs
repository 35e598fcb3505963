//! Making backups: to whom they are encrypted, what is refused, and what is left where it fails.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use age::secrecy::ExposeSecret as _;

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};

fn folder(p: &TestEnv) -> PathBuf {
    p.path("home/.local/share/orgctl/backups")
}

/// Names in the folder of backups, in order.
fn names(p: &TestEnv) -> Vec<String> {
    let files = std::fs::read_dir(folder(p)).into_iter().flatten();
    let mut all: Vec<String> = files.map(|f| f.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    all.sort();
    all
}

fn archives(p: &TestEnv) -> Vec<PathBuf> {
    names(p).into_iter().filter(|n| n.ends_with(".tar")).map(|n| folder(p).join(n)).collect()
}

/// A private key in a file, and its public half.
fn identity(p: &TestEnv, name: &str) -> (String, String) {
    let key = age::x25519::Identity::generate();
    (p.write(name, format!("{}\n", key.to_string().expose_secret())), key.to_public().to_string())
}

#[test]
fn a_backup_is_encrypted_to_two_and_opened_by_either_with_public_tools() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name 'Fort Branch'").ok();
        let ((one, key_one), (two, key_two), (third, _)) =
            (identity(p, "1.key"), identity(p, "2.key"), identity(p, "3.key"));
        let made = p.json(&format!("backup create --encrypt-to {key_one} --encrypt-to {key_two}"));
        assert_eq!(made["encrypted"], true);
        let file = archives(p).remove(0);
        assert!(!String::from_utf8_lossy(&std::fs::read(&file).expect("bytes")).contains("Fort Branch"));
        assert_eq!(p.json("backup show latest")["recipients"], serde_json::json!([key_one, key_two]));
        p.run(&format!("backup verify latest --identity {one}")).ok();
        p.run(&format!("backup verify latest --identity {two}")).ok();
        let said = p.run(&format!("backup verify latest --identity {third}"));
        assert!(said.code != 0 && said.err.contains("encrypted to others"), "{}", said.err);
        // Without orgctl: tar, age and zstd.
        let out = p.path("out");
        std::fs::create_dir(&out).expect("a folder");
        let tar = Command::new("tar").arg("-xf").arg(&file).arg("-C").arg(&out).status().expect("tar runs");
        assert!(tar.success());
        let sealed = std::fs::File::open(out.join("data/branches.tsv.zst.age")).expect("a member");
        let key: age::x25519::Identity = std::fs::read_to_string(&two).expect("a key").trim().parse().expect("a key");
        let opened = age::Decryptor::new(sealed).expect("age").decrypt(std::iter::once(&key as &dyn age::Identity));
        let text = zstd::decode_all(opened.expect("opens")).expect("zstd");
        let text = String::from_utf8(text).expect("text");
        assert!(text.starts_with('{') && text.contains("\tFort Branch\t"), "{text}");
    });
}

#[test]
fn a_setting_encrypts_without_a_flag() {
    on_both_engines_with_acme(|p| {
        let (one, key) = identity(p, "1.key");
        let said = p.run("setting set backup.recipients age1nonsense --system").fails(6);
        assert!(!said.contains("nonsense"), "{said}");
        p.run(&format!("setting set backup.recipients {key} --system")).ok();
        assert_eq!(p.json("backup create")["encrypted"], true);
        p.run(&format!("backup verify latest --identity {one}")).ok();
        assert!(!p.run("backup list").err.contains("in clear"));
        p.run("setting set backup.recipients none --system").ok();
        p.wait(60);
        assert!(p.run("backup create").err.contains("in clear"));
        assert!(p.run("backup list").err.contains("in clear: 1 of 2"));
    });
}

#[test]
fn what_can_not_be_made_is_refused_before_it_begins() {
    on_both_engines_with_acme(|p| {
        let there = p.write("there.tar", "mine");
        let fifo = p.path("pipe");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).expect("a pipe");
        for (line, code, why) in [
            (format!("--to {there}"), 4, "never overwritten"),
            (format!("--to {}", fifo.display()), 2, "neither a file nor a folder"),
            (format!("--to {}", p.path("no/such/x.tar").display()), 3, "there is no folder"),
            (format!("--label {}", "x".repeat(201)), 6, "longer than 200"),
            ("--label ''".to_owned(), 6, "is empty"),
            ("--encrypt-to age1nonsense".to_owned(), 2, "no public key of age"),
        ] {
            let said = p.run(&format!("backup create {line}")).fails(code);
            assert!(said.contains(why), "{said}");
        }
        assert!(
            p.run_words(&["backup", "create", "--label", "a\nb"].map(String::from), b"").fails(6).contains("control")
        );
        assert_eq!(p.read("there.tar"), "mine");
        assert!(names(p).is_empty() && p.column("backup list", "id").is_empty());
        p.run("backup create --dry-run").ok();
        assert!(names(p).is_empty() && !p.path("home/.config/orgctl/audit.key").exists());
        let made = p.run("backup create");
        assert!(made.err.contains("made a signing key in") && made.err.contains("+"), "{}", made.err);
        made.ok();
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&folder(p)), 0o700);
        assert_eq!(names(p).len(), 2);
        assert!(names(p).iter().all(|n| mode(&folder(p).join(n)) == 0o600));
    });
}

#[test]
fn what_nothing_keeps_goes_behind_a_new_one() {
    on_both_engines_with_acme(|p| {
        for _ in 0..4 {
            p.wait(86_400);
            p.run("backup create --keep-last 3").ok();
        }
        p.wait(86_400);
        p.run("backup create --keep-last 3").ok();
        assert_eq!(archives(p).len(), 3);
        assert_eq!(p.column("backup list", "id").len(), 3);
    });
}

#[test]
fn two_at_once_make_two() {
    on_both_engines_with_acme(|p| {
        p.run("audit keygen").ok();
        let start =
            || p.spawn("backup create").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("orgctl runs");
        let all: Vec<_> = (0..4).map(|_| start()).collect();
        for child in all {
            let done = child.wait_with_output().expect("it ends");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
        assert_eq!(archives(p).len(), 4);
        assert!(names(p).iter().all(|n| !n.starts_with('.')), "{:?}", names(p));
        assert_eq!(p.column("backup list", "status"), ["complete"; 4]);
        p.run("backup verify --all --quick").ok();
    });
}

#[test]
fn a_killed_one_leaves_nothing_that_looks_whole() {
    on_both_engines_with_acme(|p| {
        p.run("audit keygen").ok();
        let rows: String = (0..2000).map(|n| format!("K{n:04},Branch {n}\n")).collect();
        p.run_with("branch import -", format!("code,name\n{rows}")).ok();
        for delay in [5, 20, 40, 60, 90, 130] {
            let mut child = p.spawn("backup create").stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("runs");
            std::thread::sleep(Duration::from_millis(delay));
            let _ = child.kill();
            let _ = child.wait();
        }
        let whole = archives(p).len();
        if whole > 0 {
            p.run("backup verify --all --quick").ok();
        }
        p.run("backup create").ok();
        assert_eq!(archives(p).len(), whole + 1);
        assert!(names(p).iter().all(|n| !n.starts_with('.')), "{:?}", names(p));
        p.run("audit verify --deep").ok();
    });
}

#[test]
fn a_full_disk_leaves_no_archive_and_is_told() {
    on_both_engines_with_acme(|p| {
        p.run("audit keygen").ok();
        let rows: String = (0..3000).map(|n| format!("F{n:04},Branch number {}\n", n * 7919)).collect();
        p.run_with("branch import -", format!("code,name\n{rows}")).ok();
        let to = p.path("full");
        // No file may grow beyond 100 KB; the database is written by a connection of its own machine, or not at all.
        let line = format!("trap '' XFSZ; ulimit -f 200; exec \"$0\" backup create --to {}", to.display());
        let mut sh = Command::new("sh");
        sh.args(["-c", &line, env!("CARGO_BIN_EXE_orgctl")]).env_clear().envs(&p.env).current_dir(p.dir.path());
        let said = sh.output().expect("sh runs");
        assert_eq!(said.status.code(), Some(1), "{}", String::from_utf8_lossy(&said.stderr));
        assert_eq!(std::fs::read_dir(&to).expect("the folder").count(), 0);
        if p.engine == Engine::Postgres {
            assert_eq!(p.column("backup list", "status"), ["failed"]);
        }
        p.run("backup create").ok();
    });
}

#[test]
fn a_backup_during_heavy_writes_is_one_instant() {
    on_both_engines_with_acme(|p| {
        p.run("audit keygen").ok();
        let csv: String = (0..3000).map(|n| format!("W{n:04},Branch {n}\n")).collect();
        let file = p.write("b.csv", format!("code,name\n{csv}"));
        let mut writer = p.spawn(&format!("branch import {file}")).stderr(Stdio::null()).spawn().expect("runs");
        for _ in 0..3 {
            let done = p.spawn("backup create").output().expect("runs");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
        assert!(writer.wait().expect("it ends").success());
        // Restored, every row is what the trail up to the archive's heads says.
        p.run("backup verify --all").ok();
    });
}

#[test]
fn a_database_that_takes_no_writes_is_backed_up() {
    let p = TestEnv::with_acme(Engine::Postgres);
    p.run("audit keygen").ok();
    let name = p.url.rsplit('/').next().expect("a name").split('?').next().expect("a name").to_owned();
    crate::harness::psql(
        &crate::harness::server(),
        &format!("alter database {name} set default_transaction_read_only = on"),
    );
    let said = p.run("backup create");
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("takes no writes"), "{}", said.err);
    assert_eq!(p.column(&format!("backup list --from {}", folder(&p).display()), "status"), ["complete"]);
    p.run(&format!("backup hold latest --until 9d --from {}", folder(&p).display())).ok();
}
