//! Behind orgctl's back: raw reads, a lock held, processes started and signalled.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output as ProcessOutput, Stdio};
use std::str::FromStr as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _, SqliteConnection};

use crate::harness::{Engine, Output, TestEnv, on_file};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Rows of text columns.
pub fn texts(p: &TestEnv, sql: &str) -> Vec<Vec<String>> {
    match p.engine {
        Engine::Sqlite => {
            let c = on_file(&p.url).expect("a connection");
            let mut statement = c.prepare(sql).expect("a query");
            let columns = statement.column_count();
            let rows = statement.query_map([], |row| (0..columns).map(|i| row.get(i)).collect()).expect("rows");
            rows.map(|row| row.expect("a row of texts")).collect()
        }
        Engine::Postgres => runtime().block_on(async {
            let mut c = PgConnection::connect(&p.url).await.expect("a connection");
            c.execute("set search_path to orgctl").await.expect("the schema");
            let rows = c.fetch_all(sqlx::query(AssertSqlSafe(sql.to_owned()))).await.expect("rows");
            rows.iter().map(|r| (0..r.len()).map(|i| r.get(i)).collect()).collect()
        }),
    }
}

/// The one number that a query yields.
pub fn int(p: &TestEnv, sql: &str) -> i64 {
    let rows = texts(p, &format!("select cast(({sql}) as text)"));
    rows[0][0].parse().expect("a number")
}

/// The one text that a query yields.
pub fn text(p: &TestEnv, sql: &str) -> String {
    texts(p, &format!("select cast(({sql}) as text)")).remove(0).remove(0)
}

/// SQL that is not the same on both engines.
pub fn on<'a>(p: &TestEnv, sqlite: &'a str, postgres: &'a str) -> &'a str {
    match p.engine {
        Engine::Sqlite => sqlite,
        Engine::Postgres => postgres,
    }
}

/// Takes the trail's triggers away, as somebody who owns the database could.
pub fn disarm(p: &TestEnv) {
    let tables = ["audit_records", "audit_requests", "audit_heads", "audit_erased", "code_counters", "actors"];
    match p.engine {
        Engine::Sqlite => {
            for row in texts(p, "select name from sqlite_schema where type = 'trigger'") {
                p.sql(&format!("drop trigger {}", row[0])).expect("dropped");
            }
        }
        Engine::Postgres => {
            for table in tables {
                p.sql(&format!("alter table {table} disable trigger user")).expect("switched off");
            }
        }
    }
}

enum Conn {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// The lock that every writer of organisation 1 needs, held by this process until it is dropped.
pub struct HeldLock {
    runtime: tokio::runtime::Runtime,
    conn: Option<Conn>,
    /// The process (SQLite) or server process (PostgreSQL) that holds it.
    pub pid: u32,
}

impl HeldLock {
    pub fn new(p: &TestEnv) -> HeldLock {
        HeldLock::now(p).expect("the lock is free")
    }

    /// All there is, so that nobody can even read.
    pub fn everything(p: &TestEnv) -> HeldLock {
        let runtime = runtime();
        let (conn, pid) = runtime.block_on(async {
            match p.engine {
                Engine::Sqlite => {
                    let mut c = SqliteConnection::connect(&p.url).await.expect("a connection");
                    c.execute("PRAGMA locking_mode = EXCLUSIVE").await.expect("alone");
                    c.execute("BEGIN EXCLUSIVE").await.expect("locked");
                    (Conn::Sqlite(c), std::process::id())
                }
                Engine::Postgres => {
                    let mut c = PgConnection::connect(&p.url).await.expect("a connection");
                    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut c).await.expect("pid");
                    let tables = "orgctl.branches, orgctl.orgs, orgctl.audit_records, orgctl.audit_heads";
                    let sql = format!("BEGIN; lock table {tables} in access exclusive mode");
                    c.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.expect("locked");
                    (Conn::Postgres(c), pid.unsigned_abs())
                }
            }
        });
        HeldLock { runtime, conn: Some(conn), pid }
    }

    /// The lock if it is free.
    pub fn now(p: &TestEnv) -> Option<HeldLock> {
        let runtime = runtime();
        let taken = runtime.block_on(async {
            match p.engine {
                Engine::Sqlite => {
                    let mut c = SqliteConnection::connect(&p.url).await.expect("a connection");
                    c.execute("PRAGMA busy_timeout = 0").await.expect("no wait");
                    let free = c.execute("BEGIN IMMEDIATE").await.is_ok();
                    if !free {
                        c.close().await.expect("closed");
                        return None;
                    }
                    Some((Conn::Sqlite(c), std::process::id()))
                }
                Engine::Postgres => {
                    let mut c = PgConnection::connect(&p.url).await.expect("a connection");
                    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut c).await.expect("pid");
                    c.execute("BEGIN").await.expect("begun");
                    let sql = "select tree from orgctl.audit_heads where tree = 1 for update nowait";
                    if c.execute(sql).await.is_err() {
                        c.close().await.expect("closed");
                        return None;
                    }
                    Some((Conn::Postgres(c), pid.unsigned_abs()))
                }
            }
        });
        let (conn, pid) = taken?;
        Some(HeldLock { runtime, conn: Some(conn), pid })
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        let Some(conn) = self.conn.take() else { return };
        self.runtime.block_on(async {
            match conn {
                Conn::Sqlite(mut c) => {
                    c.execute("ROLLBACK").await.expect("released");
                    c.close().await.expect("closed");
                }
                Conn::Postgres(mut c) => {
                    c.execute("ROLLBACK").await.expect("released");
                    c.close().await.expect("closed");
                }
            }
        });
    }
}

#[track_caller]
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(30), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What a process said, and how it ended. One that a signal killed has no exit code, which no test expects.
#[track_caller]
pub fn output_of(output: ProcessOutput) -> Output {
    let text = |b: Vec<u8>| String::from_utf8(b).expect("output is UTF-8");
    let (out, err) = (text(output.stdout), text(output.stderr));
    let code = output.status.code().unwrap_or_else(|| panic!("{}\nstdout:\n{out}\nstderr:\n{err}", output.status));
    Output { code: u8::try_from(code).expect("a code"), out, err }
}

/// Runs a command to its end, with nothing on standard input.
#[track_caller]
pub fn done(command: &mut Command) -> Output {
    output_of(command.stdin(Stdio::null()).output().expect("it starts"))
}

/// Starts a command whose output is kept.
pub fn start(command: &mut Command, stdin: Stdio) -> Child {
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

/// Ends of a started command.
#[track_caller]
pub fn wait(child: Child) -> Output {
    output_of(child.wait_with_output().expect("it ends"))
}

pub fn signal(child: &Child, name: &str) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process"));
    kill(pid, Signal::from_str(&format!("SIG{name}")).expect("a signal")).expect("sent");
}

/// Waits until a process has made itself ready for signals, and does nothing: whatever it waits for does not come.
#[track_caller]
pub fn until_waiting(child: &mut Child) {
    let (proc, mut still) = (PathBuf::from(format!("/proc/{}", child.id())), 0);
    until("the program to wait", || {
        assert!(child.try_wait().expect("a child").is_none(), "it has ended");
        still = if hears(&proc) && sleeps(&proc) { still + 1 } else { 0 };
        still == 5
    });
}

/// Whether TERM is caught.
fn hears(proc: &Path) -> bool {
    let status = std::fs::read_to_string(proc.join("status")).unwrap_or_default();
    let caught = status.lines().find_map(|l| l.strip_prefix("SigCgt:")).unwrap_or("0").trim().to_owned();
    u64::from_str_radix(&caught, 16).expect("a mask") & 1 << (Signal::SIGTERM as i32 - 1) != 0
}

/// Whether no thread runs.
fn sleeps(proc: &Path) -> bool {
    let state = |task: PathBuf| std::fs::read_to_string(task.join("stat")).unwrap_or_default();
    let mut tasks = std::fs::read_dir(proc.join("task")).into_iter().flatten().flatten();
    // The state follows the name, which is in brackets.
    tasks.all(|t| state(t.path()).rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" S")))
}

/// The reading end of a pipe that has a name, as soon as somebody has written to it. Who writes more than a pipe holds is
/// held there until this end is read.
#[track_caller]
pub fn until_written(pipe: &Path) -> File {
    let open = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(pipe).expect("the pipe");
    until("somebody to write", || {
        poll(&mut [PollFd::new(open.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO).expect("asked") == 1
    });
    fcntl(&open, FcntlArg::F_SETFL(OFlag::empty())).expect("reading waits again");
    open
}

/// A CSV of `n` branches, `B00001` and on.
pub fn branches_csv(n: usize) -> String {
    let mut csv = b"code,name,city\n".to_vec();
    for i in 1..=n {
        writeln!(csv, "B{i:05},Branch {i},Pune").expect("memory");
    }
    String::from_utf8(csv).expect("text")
}

/// A name that no other test has, for what the whole server shares.
pub fn unique(prefix: &str) -> String {
    static N: AtomicU64 = AtomicU64::new(1);
    format!("{prefix}{}_{}", std::process::id(), N.fetch_add(1, Ordering::Relaxed))
}

/// One sentence for people and no debris of a program.
#[track_caller]
pub fn clear(err: &str) {
    let first = err.lines().find(|l| l.starts_with("error: ")).unwrap_or_else(|| panic!("no sentence in:\n{err}"));
    for debris in ["Error {", "Some(", "os error", "panicked", "sqlx", "code:", "SQLSTATE", "RUST_BACKTRACE"] {
        assert!(!err.contains(debris), "'{debris}' in:\n{err}");
    }
    assert_eq!(err.matches("error: ").count(), 1, "{err}");
    assert!(!first.ends_with(':') && first.len() > 20, "{first}");
    assert!(!err.contains("-v tells more"), "not a known fault:\n{err}");
}

/// The name of the database, as whoever repairs it types it.
pub fn name_of(p: &TestEnv) -> String {
    match p.engine {
        Engine::Sqlite => "t.db".to_owned(),
        Engine::Postgres => text(p, "select current_database()::text"),
    }
}
