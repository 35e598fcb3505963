//! What can be wrong with an SQLite file: each one clear sentence and the right exit code.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::harness::{Engine, Output, TestEnv};
use crate::raw::{clear, done, text};

fn acme() -> TestEnv {
    TestEnv::with_acme(Engine::Sqlite)
}

#[track_caller]
fn fails(said: Output, code: u8, with: &[&str]) {
    let err = said.fails(code);
    clear(&err);
    for part in with {
        assert!(err.contains(part), "'{part}' is not in:\n{err}");
    }
    assert!(err.contains("hint: "), "no hint in:\n{err}");
}

#[test]
fn a_path_that_is_no_database_is_named() {
    let p = acme();
    let folder = p.path("folder");
    fs::create_dir(&folder).expect("a folder");
    let text = p.write("notes.txt", "these are notes, and there are quite a few of them\n".repeat(100));
    let empty = p.write("empty.db", "");
    let missing = p.path("missing.db");
    let nowhere = p.path("no/such/folder/x.db");
    for (path, with) in [
        (folder.display().to_string(), "is a folder, not a database file"),
        (text, "is not a database"),
        (empty, "is empty"),
        (missing.display().to_string(), "there is no database at"),
        (nowhere.display().to_string(), "there is no database at"),
    ] {
        for line in ["branch list", "branch create --code X --name X", "db check", "audit verify"] {
            fails(p.run(&format!("--database sqlite://{path} {line}")), 1, &[with, &path]);
        }
        // The path alone will do, too.
        fails(p.run(&format!("--database {path} branch list")), 1, &[with]);
    }
    // Looking makes nothing.
    assert!(!missing.exists() && !nowhere.exists() && !p.path("no").exists());
    let folder_as_file = p.path("notes.txt").join("x.db");
    let said = p.run(&format!("--database {} init", folder_as_file.display()));
    clear(&said.clone().fails(1));
    assert!(said.err.contains("not a directory"), "{}", said.err);
}

/// init fills an empty file and makes missing folders; a file of somebody else it leaves alone.
#[test]
fn init_makes_what_is_missing_and_spares_what_is_foreign() {
    let p = acme();
    let empty = p.write("empty.db", "");
    p.run(&format!("--database {empty} init")).ok();
    p.run(&format!("--database {} init", p.path("a/b/c.db").display())).ok();
    assert_eq!(fs::metadata(p.path("a/b")).expect("made").permissions().mode() & 0o777, 0o700);
    let other = TestEnv::new(Engine::Sqlite);
    other.write("t.db", "");
    other.sql("create table recipes (name text); insert into recipes values ('dal')").expect("a file of another");
    let before = fs::read(other.file()).expect("bytes");
    for line in ["init --org-code ACME", "branch list", "db migrate", "db rollback --yes", "db reset --name t.db"] {
        let said = other.run(line);
        assert_eq!(said.code, 1, "{line}: {}", said.err);
        clear(&said.err);
    }
    fails(other.run("init --org-code ACME"), 1, &["holds tables that orgctl did not make"]);
    assert!(fs::read(other.file()).expect("bytes") == before, "not a byte of it was touched");
    let notes = p.write("notes.txt", "these are notes, and there are quite a few of them\n".repeat(100));
    fails(p.run(&format!("--database {notes} init")), 1, &["is not a database"]);
    assert!(p.read("notes.txt").starts_with("these are notes"));
}

#[test]
fn a_new_file_is_its_owners_alone_and_keeps_a_log() {
    let p = acme();
    assert_eq!(fs::metadata(p.file()).expect("the file").permissions().mode() & 0o777, 0o600);
    assert_eq!(text(&p, "select journal_mode from pragma_journal_mode"), "wal");
    // Its log is no more open than itself.
    let keep = crate::raw::HeldLock::new(&p);
    for beside in ["t.db-wal", "t.db-shm"] {
        let mode = fs::metadata(p.path(beside)).expect(beside).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{beside}");
    }
    drop(keep);
    // A file closed in order needs nothing beside it.
    p.run("branch create --code X --name X").ok();
    assert!(!p.path("t.db-wal").exists() && !p.path("t.db-shm").exists());
}

#[test]
fn a_damaged_file_is_told_with_exit_8() {
    let p = acme();
    let csv = p.write("b.csv", crate::raw::branches_csv(1000));
    p.run(&format!("branch import {csv}")).ok();
    let whole = fs::read(p.file()).expect("bytes");
    assert!(whole.len() > 100 * 4096, "{}", whole.len());
    // Pages in the middle; the header and the schema stay.
    let mut file = fs::OpenOptions::new().write(true).open(p.file()).expect("the file");
    for page in (60..whole.len() as u64 / 4096).step_by(2) {
        file.seek(SeekFrom::Start(page * 4096)).expect("there");
        file.write_all(&[0xa5; 4096]).expect("written");
    }
    drop(file);
    for line in ["audit verify", "branch list --all", "branch export"] {
        fails(p.run(line), 8, &["is damaged", &p.file().display().to_string(), "restore a backup"]);
    }
    let check = p.run("db check");
    clear(&check.clone().fails(8));
    fails(p.run("branch update B00500 --city Goa"), 8, &["is damaged"]);
    // Cut short, as by a full disk or a broken copy.
    fs::write(p.file(), &whole[..whole.len() / 2]).expect("cut");
    fails(p.run("audit verify"), 8, &["is damaged"]);
    fs::write(p.file(), &whole).expect("whole");
    p.run("audit verify --deep").ok();
}

/// The program as somebody whom the modes of files bind: root starts it as another user.
fn as_somebody(p: &TestEnv, line: &str) -> Command {
    let mut command = p.spawn(line);
    if nix::unistd::getuid().is_root() {
        // The built program may lie where nobody else may go.
        let copy = p.path("orgctl");
        if !copy.exists() {
            fs::copy(env!("CARGO_BIN_EXE_orgctl"), &copy).expect("a copy of the program");
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("a mode");
        }
        let mut other = Command::new(copy);
        other.args(command.get_args()).env_clear().envs(&p.env).current_dir(p.dir.path()).uid(65534).gid(65534);
        command = other;
    }
    command
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn a_file_that_can_not_be_written_is_told() {
    let p = acme();
    p.run("branch create --code MUM01 --name 'Mumbai Fort'").ok();
    mode(p.dir.path(), 0o777);
    // Read-only: it can be read, and not written.
    mode(&p.file(), 0o444);
    assert_eq!(done(&mut as_somebody(&p, "branch list -o key")).ok(), "MUM01\n");
    let said = done(&mut as_somebody(&p, "branch create --code X --name X"));
    fails(said, 1, &["can't be written: it is read-only", "ls -l"]);
    let said = done(&mut as_somebody(&p, "db rollback --yes"));
    assert_ne!(said.code, 0);
    clear(&said.err);
    // A folder in which nothing can be made.
    mode(p.dir.path(), 0o555);
    let said = done(&mut as_somebody(&p, "branch create --code X --name X"));
    assert_eq!(said.code, 1, "{}", said.err);
    clear(&said.err);
    let said = done(&mut as_somebody(&p, "--database new.db init"));
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.err.contains("can't make") && said.err.contains("permission denied"), "{}", said.err);
    // Not to be read at all.
    mode(p.dir.path(), 0o777);
    mode(&p.file(), 0o000);
    let said = done(&mut as_somebody(&p, "branch list"));
    fails(said, 1, &[&p.file().display().to_string()]);
    // A folder that is closed.
    let closed = p.path("closed");
    fs::create_dir(&closed).expect("a folder");
    mode(&closed, 0o000);
    let said = done(&mut as_somebody(&p, "--database closed/x.db branch list"));
    assert_eq!(said.code, 1, "{}", said.err);
    clear(&said.err);
    assert!(said.err.contains("closed/x.db") && said.err.contains("permission denied"), "{}", said.err);
    mode(&closed, 0o700);
    mode(&p.file(), 0o600);
    assert_eq!(p.run("branch list -o key").ok(), "MUM01\n");
    p.run("audit verify --deep").ok();
}

#[test]
fn a_full_disk_changes_nothing() {
    let p = acme();
    let csv = p.write("b.csv", crate::raw::branches_csv(3000));
    // No file may grow beyond 400 KB; the signal that would come with it is ignored.
    let sh = |limit: u32| {
        let mut sh = Command::new("sh");
        let line = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" branch import {csv}");
        sh.args(["-c", &line, env!("CARGO_BIN_EXE_orgctl")]).env_clear().envs(&p.env).current_dir(p.dir.path());
        sh
    };
    let said = done(&mut sh(800));
    assert_eq!(said.code, 1, "{}", said.err);
    clear(&said.err);
    assert!(said.err.contains("nothing was changed") && said.err.contains("df -h"), "{}", said.err);
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
    assert_eq!(p.run("branch list --all -o key").ok(), "");
    let said = done(&mut sh(100_000));
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(p.run("branch list --all -o key").ok().lines().count(), 3000);
}

/// The later the disk is full the more there is to undo.
#[test]
fn a_disk_that_is_full_late_changes_nothing_either() {
    let p = acme();
    let csv = p.write("b.csv", crate::raw::branches_csv(20_000));
    // What the whole work needs, in blocks of 512 bytes: the log holds every page at least once.
    let other = acme();
    other.run(&format!("branch import {csv}")).ok();
    let bytes = fs::metadata(other.file()).expect("a database").len();
    for percent in [30, 60, 90] {
        let line = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" branch import {csv}", bytes / 512 * percent / 100);
        let mut sh = Command::new("sh");
        sh.args(["-c", &line, env!("CARGO_BIN_EXE_orgctl")]).env_clear().envs(&p.env).current_dir(p.dir.path());
        let said = done(&mut sh);
        assert_eq!(said.code, 1, "{percent} %: {}", said.err);
        clear(&said.err);
        assert!(said.err.contains("nothing was changed"), "{percent} %: {}", said.err);
        p.run("db check").ok();
        p.run("audit verify --deep").ok();
        assert_eq!(p.run("branch list --all -o key").ok(), "");
    }
    p.run(&format!("branch import {csv}")).ok();
    assert_eq!(p.run("branch list --all -o key").ok().lines().count(), 20_000);
}

/// SQLITE_FULL itself, as SQLite says it, through the function that puts it into words.
#[test]
fn sqlites_own_full_is_put_into_words() {
    let p = acme();
    let c = rusqlite::Connection::open(p.file()).expect("a connection");
    c.execute_batch("PRAGMA max_page_count = 1").expect("as small as it is");
    let error = c.execute_batch("create table big as select zeroblob(1000000) as b").expect_err("no page is left");
    let problem = orgctl::store::engine::sqlite::problem(error, &p.file());
    let problem = problem.problem().expect("a sentence");
    assert_eq!(problem.kind.exit_code(), 1);
    assert!(problem.sentence.contains("the disk is full") && problem.sentence.contains("nothing was changed"));
    assert_eq!(problem.hints.len(), 1);
}

#[test]
fn urls_that_name_no_file_are_refused() {
    let p = acme();
    for url in ["sqlite://", "sqlite:", "sqlite://?mode=ro", "", "mysql://root@localhost/x", "sqlit:///x.db", "   "] {
        let words = ["--database", url, "branch", "list"].map(str::to_owned);
        let said = p.run_words(&words, b"");
        assert_eq!(said.code, 2, "'{url}': {}", said.err);
        clear(&said.err);
        assert!(said.err.contains("hint: "), "{}", said.err);
    }
    let words = ["--database", "sqlit:///x.db", "branch", "list"].map(str::to_owned);
    assert!(p.run_words(&words, b"").err.contains("did you mean sqlite"), "the nearest is named");
}
