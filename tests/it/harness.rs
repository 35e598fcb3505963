//! A place to try orgctl in: a folder and a database of its own, a clock that tests move, and the program in process.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::Permissions;
use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

use chrono::{DateTime, Utc};
use orgctl::access::Subject;
use orgctl::cli::World;
use orgctl::cli::program::Program;
use orgctl::cli::tree::LEAVES;
use orgctl::crud::stored::{StoredCommand, Tape};
use orgctl::model::clock::Clock;
use orgctl::model::kinds::seeds::{SEEDS, Seeds};
use orgctl::model::kinds::{Kinds, OWN};
use orgctl::model::operator::Operator;
use orgctl::model::problem::Problem;
use orgctl::model::random::Random;
use orgctl::ui::Io;
use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use crate::pool;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// The program without the records that it brings along: a story counts what it made itself. What the whole program does is
/// played in `seeds.rs`, by the README, and wherever the program is spawned.
pub const BARE: Program = Program::new(Kinds::new(&[OWN]).bringing(&TEMPLATES), &[LEAVES]);

/// What comes by itself is left out; what is made on request is there.
pub const TEMPLATES: Seeds = Seeds { templates: SEEDS.templates, ..Seeds::NONE };

/// Tells a fixed time that goes on by a millisecond each time it is asked.
/// It claims to be the world's only where a test says so.
pub struct TestClock(AtomicI64, AtomicBool);

impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        let micros = self.0.fetch_add(1000, Ordering::Relaxed);
        DateTime::from_timestamp_micros(micros).expect("a time in range")
    }

    fn is_real_time(&self) -> bool {
        self.1.load(Ordering::Relaxed)
    }
}

/// Bytes that differ each time and are the same in every run (splitmix64).
pub struct TestRandom(AtomicU64);

impl Random for TestRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

/// What a command said, and how it ended.
#[derive(Debug, Clone)]
pub struct Output {
    pub code: u8,
    pub out: String,
    pub err: String,
}

impl Output {
    /// The standard output of a command that must succeed.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self.out
    }
    /// The standard error of a command that must end with this code.
    #[track_caller]
    pub fn fails(self, code: u8) -> String {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self.err
    }
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e} in:\n{}\nstderr:\n{}", self.out, self.err))
    }
}

pub struct TestEnv {
    pub engine: Engine,
    pub dir: tempfile::TempDir,
    pub url: String,
    pub env: BTreeMap<String, String>,
    pub clock: TestClock,
    pub random: TestRandom,
    operator: Mutex<Operator>,
    /// The kinds of record that there are, and their verbs.
    pub program: Program,
    /// Name of the database on the test server.
    database: Option<String>,
}

/// A number that nobody else has.
fn next() -> u64 {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// The server that tests/run started. No engine is skipped silently.
pub fn server() -> String {
    std::env::var("ORGCTL_TEST_PG")
        .expect("ORGCTL_TEST_PG is not set: run the tests with ./tests/run, which starts PostgreSQL")
}

/// The same server by a connection that is there already.
fn on_server() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| pool::pooled(&server()))
}

/// The same server by its socket.
pub fn socket() -> String {
    std::env::var("ORGCTL_TEST_PG_SOCKET").expect("ORGCTL_TEST_PG_SOCKET is set by tests/run")
}

/// Runs a story on both engines.
pub fn on_both_engines(story: impl Fn(&TestEnv)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        eprintln!("--- on {engine:?}");
        story(&TestEnv::new(engine));
    }
}

/// As [`on_both_engines`], with the organisation ACME in place.
pub fn on_both_engines_with_acme(story: impl Fn(&TestEnv)) {
    on_both_engines_after(ACME, story);
}

/// As [`on_both_engines`], in places as this command line leaves them: see [`TestEnv::after`].
pub fn on_both_engines_after(init: &str, story: impl Fn(&TestEnv)) {
    on_both_engines_with(BARE, &[init], story);
}

/// As [`on_both_engines`], with other kinds of record, in places as these command lines leave them.
pub fn on_both_engines_with(program: Program, lines: &[&str], story: impl Fn(&TestEnv)) {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        eprintln!("--- on {engine:?}");
        story(&TestEnv::prepared(engine, program, lines));
    }
}

/// What almost all stories begin with.
const ACME: &str = "init --org-code ACME --org-name 'Acme Ltd'";

/// What command lines made of a place, once in a run for all stories that begin with them.
struct Template {
    database: Option<String>,
    now: i64,
    /// Folders come before what is in them, and have no bytes.
    files: Vec<FileCopy>,
}

/// A file or a folder: its name, who may read it, and its bytes.
type FileCopy = (PathBuf, Permissions, Option<Vec<u8>>);

impl Template {
    /// Made by who comes first, under a lock; everybody else waits for it, and for no other.
    fn of(engine: Engine, program: Program, lines: &[&str]) -> &'static Template {
        type Cell = &'static OnceLock<Template>;
        static ALL: Mutex<BTreeMap<String, Cell>> = Mutex::new(BTreeMap::new());
        let checksum = checksum(engine, program, lines);
        let cell: Cell =
            ALL.lock().expect("no maker panics").entry(checksum.clone()).or_insert_with(|| Box::leak(Box::default()));
        cell.get_or_init(|| {
            let mut p = TestEnv::made(engine, None, &checksum);
            p.program = program;
            for line in lines {
                p.run(line).ok();
            }
            let mut files = Vec::new();
            gather(p.dir.path(), Path::new(""), &mut files).expect("the files of a place");
            // It stays until the server goes, or a later run finds that this one has ended.
            let database = p.database.take();
            if let Some(name) = &database {
                pool::close(name);
            }
            Template { database, now: p.clock.0.load(Ordering::Relaxed), files }
        })
    }
}

/// What a template depends on: the migrations, the kinds that they are of, and what was run.
fn checksum(engine: Engine, program: Program, lines: &[&str]) -> String {
    let of = match engine {
        Engine::Sqlite => orgctl::store::engine::location::Engine::Sqlite,
        Engine::Postgres => orgctl::store::engine::location::Engine::Postgres,
    };
    let migrations = orgctl::store::schema::migrate::all(program.kinds, of).expect("migrations");
    let migrations: Vec<String> = migrations.iter().map(|m| hex::encode(m.checksum())).collect();
    let seeds = program.kinds.seeds().roles.len();
    let all = format!("{engine:?} {:?} {seeds} {migrations:?} {lines:?}", program.kinds);
    hex::encode(&Sha256::digest(all)[..12])
}

/// How the server copies a database: by files, where it can be told to, which is half the work for databases this small.
fn strategy() -> &'static str {
    static STRATEGY: OnceLock<&str> = OnceLock::new();
    STRATEGY.get_or_init(|| {
        sweep();
        let known = "do $$ begin assert current_setting('server_version_num')::int >= 150000; end $$";
        sql_on(Engine::Postgres, &server(), known).map_or("", |()| " strategy file_copy")
    })
}

/// Removes the databases of runs that have ended: on a server that outlives them, their templates are still there.
fn sweep() {
    let names = runtime().block_on(async {
        let mut c = sqlx::PgConnection::connect(&server()).await.expect("a connection");
        let names = r"select datname::text from pg_database where datname ~ '^t\d+_[0-9a-f]+$'";
        sqlx::query_scalar::<_, String>(names).fetch_all(&mut c).await.expect("names")
    });
    for name in names {
        let run = name[1..].split('_').next().expect("a process");
        if Path::new("/proc/self").exists() && !Path::new("/proc").join(run).exists() {
            // Another run may be about it too.
            let _ = sql_on(Engine::Postgres, &server(), &format!("drop database if exists {name}"));
        }
    }
}

fn gather(root: &Path, under: &Path, files: &mut Vec<FileCopy>) -> io::Result<()> {
    for entry in std::fs::read_dir(root.join(under))? {
        let entry = entry?;
        let (name, is_folder) = (under.join(entry.file_name()), entry.file_type()?.is_dir());
        let bytes = if is_folder { None } else { Some(std::fs::read(entry.path())?) };
        files.push((name.clone(), entry.metadata()?.permissions(), bytes));
        if is_folder {
            gather(root, &name, files)?;
        }
    }
    Ok(())
}

impl TestEnv {
    pub fn new(engine: Engine) -> TestEnv {
        TestEnv::made(engine, None, &next().to_string())
    }

    /// A place as `init --org-code ACME --org-name 'Acme Ltd'` leaves it.
    pub fn with_acme(engine: Engine) -> TestEnv {
        TestEnv::after(engine, ACME)
    }

    /// As [`TestEnv::with_acme`], with other kinds of record.
    pub fn with_acme_and(engine: Engine, program: Program) -> TestEnv {
        TestEnv::prepared(engine, program, &[ACME])
    }

    /// A place as this command line leaves an empty one: see [`TestEnv::prepared`].
    pub fn after(engine: Engine, init: &str) -> TestEnv {
        TestEnv::prepared(engine, BARE, &[init])
    }

    /// A place as these command lines leave an empty one. They are run once, and what they made is copied for whoever else
    /// begins with them, with its keys, ids and installation: what `init` itself does, and what must differ, begins with
    /// [`TestEnv::new`].
    pub fn prepared(engine: Engine, program: Program, lines: &[&str]) -> TestEnv {
        let template = Template::of(engine, program, lines);
        let mut p = TestEnv::made(engine, template.database.as_deref(), &next().to_string());
        p.program = program;
        p.put(&template.files);
        p.clock.0.store(template.now, Ordering::Relaxed);
        p
    }

    /// The same place a second time, as it is now.
    pub fn copy(&self) -> TestEnv {
        if let Some(name) = &self.database {
            pool::close(name);
        }
        let mut p = TestEnv::made(self.engine, self.database.as_deref(), &next().to_string());
        p.program = self.program;
        let mut files = Vec::new();
        gather(self.dir.path(), Path::new(""), &mut files).expect("the files of a place");
        p.put(&files);
        p.clock.0.store(self.clock.0.load(Ordering::Relaxed), Ordering::Relaxed);
        p
    }

    fn put(&self, files: &[FileCopy]) {
        for (name, rights, bytes) in files {
            let path = self.path(&name.to_string_lossy());
            match bytes {
                Some(bytes) => std::fs::write(&path, bytes),
                None => std::fs::create_dir(&path),
            }
            .and_then(|()| std::fs::set_permissions(&path, rights.clone()))
            .expect("a copy of a file");
        }
    }

    /// `word` tells its database from the others of this run.
    fn made(engine: Engine, template: Option<&str>, word: &str) -> TestEnv {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (url, database) = match engine {
            Engine::Sqlite => (format!("sqlite://{}", dir.path().join("t.db").display()), None),
            Engine::Postgres => {
                let name = format!("t{}_{word}", std::process::id());
                let template = template.unwrap_or("template1");
                psql(on_server(), &format!("create database {name} template {template}{}", strategy()));
                let mut url = url::Url::parse(&server()).expect("a URL");
                url.set_path(&name);
                let url = url.to_string();
                (if looks_at_sessions() { url } else { pool::pooled(&url) }, Some(name))
            }
        };
        let home = dir.path().join("home").display().to_string();
        let env = BTreeMap::from([
            ("HOME".to_owned(), home),
            ("TERM".to_owned(), "xterm".to_owned()),
            ("ORGCTL_DATABASE_URL".to_owned(), url.clone()),
        ]);
        // 2026-11-21 00:00 UTC
        let clock = TestClock(AtomicI64::new(1_795_219_200_000_000), AtomicBool::new(false));
        let seed = next() << 32;
        let program = BARE;
        let operator = Mutex::new(Operator::new(nix::unistd::getuid().as_raw(), None, None));
        TestEnv { engine, dir, url, program, env, clock, random: TestRandom(AtomicU64::new(seed)), operator, database }
    }

    /// Moves the clock on.
    pub fn wait(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
    }

    /// Whether the clock claims to tell the time of the world, and may be held against a server's.
    pub fn claim_the_worlds_time(&self, claims: bool) {
        self.clock.1.store(claims, Ordering::Relaxed);
    }

    /// The SQLite file.
    pub fn file(&self) -> PathBuf {
        self.dir.path().join("t.db")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file into the place; its path.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file that is there")
    }

    /// Runs a command line as a shell would split it: blanks separate, quotes hold together.
    pub fn run(&self, line: &str) -> Output {
        self.run_words(&split(line), b"")
    }

    /// Runs with something on standard input.
    pub fn run_with(&self, line: &str, stdin: impl AsRef<[u8]>) -> Output {
        self.run_words(&split(line), stdin.as_ref())
    }

    /// Runs in this process, without a terminal.
    pub fn run_words(&self, words: &[String], stdin: &[u8]) -> Output {
        self.run_in(words, stdin, None)
    }

    /// Runs with standard output on a terminal of this width.
    pub fn run_on_terminal(&self, line: &str, width: u16) -> Output {
        self.run_in(&split(line), b"", Some(width))
    }

    /// Runs with another environment, on a terminal or not.
    pub fn run_with_env(&self, line: &str, env: &BTreeMap<String, String>, terminal: bool) -> Output {
        self.run_as(&split(line), b"", terminal.then_some(120), env)
    }

    fn run_in(&self, words: &[String], stdin: &[u8], terminal: Option<u16>) -> Output {
        self.run_as(words, stdin, terminal, &self.env)
    }

    /// Runs as somebody who may not do everything.
    pub fn run_by(&self, who: &Subject, line: &str) -> Output {
        self.run_for(who, &split(line), b"", None, &self.env)
    }

    /// The same with something on standard input.
    pub fn run_by_with(&self, who: &Subject, line: &str, stdin: impl AsRef<[u8]>) -> Output {
        self.run_for(who, &split(line), stdin.as_ref(), None, &self.env)
    }

    fn run_as(&self, words: &[String], stdin: &[u8], terminal: Option<u16>, env: &BTreeMap<String, String>) -> Output {
        self.run_for(&Subject::LocalOperator, words, stdin, terminal, env)
    }

    fn run_for(
        &self,
        subject: &Subject,
        words: &[String],
        stdin: &[u8],
        terminal: Option<u16>,
        env: &BTreeMap<String, String>,
    ) -> Output {
        let argv = std::iter::once("orgctl").chain(words.iter().map(String::as_str)).map(OsString::from).collect();
        self.answered(subject, argv, stdin, terminal, env)
    }

    /// What comes of an argument vector, in this process.
    pub fn answered(
        &self,
        subject: &Subject,
        argv: Vec<OsString>,
        stdin: &[u8],
        terminal: Option<u16>,
        env: &BTreeMap<String, String>,
    ) -> Output {
        match subject {
            Subject::LocalOperator => with_streams(stdin, terminal, |io| {
                orgctl::run(argv, env, io, &self.clock, &self.random, &self.operator(), self.program)
            }),
            _ => {
                let operator = &self.operator();
                let world = World { env, subject, ..self.world(&Subject::LocalOperator, operator) };
                with_streams(stdin, terminal, |io| orgctl::cli::run(argv, io, &world).0)
            }
        }
    }

    /// The account that commands run in.
    fn operator(&self) -> Operator {
        *self.operator.lock().expect("nobody panics with it")
    }

    /// From now on commands run in this account.
    pub fn by(&self, operator: Operator) {
        *self.operator.lock().expect("nobody panics with it") = operator;
    }

    fn world<'a>(&'a self, subject: &'a Subject, operator: &'a Operator) -> World<'a> {
        let (env, clock, random, program) = (&self.env, &self.clock, &self.random, self.program);
        World { env, clock, random, operator, program, subject, tape: None }
    }

    /// Runs a command line, with the commands that come of it as they are kept, or why they can't be.
    pub fn run_taped(&self, line: &str, stdin: &str) -> (Output, Vec<Result<StoredCommand, Problem>>) {
        let tape = Tape::default();
        let argv = std::iter::once("orgctl".into()).chain(split(line).into_iter().map(OsString::from)).collect();
        let operator = &self.operator();
        let world = World { tape: Some(&tape), ..self.world(&Subject::LocalOperator, operator) };
        let said = with_streams(stdin.as_bytes(), None, |io| orgctl::cli::run(argv, io, &world).0);
        (said, tape.into_inner())
    }

    /// Runs a command that was kept.
    pub fn run_stored(&self, stored: &StoredCommand) -> Output {
        let operator = &self.operator();
        let world = self.world(&Subject::LocalOperator, operator);
        with_streams(b"", None, |io| orgctl::cli::run_stored(stored, io, &world).0)
    }

    /// The one record that a command shows.
    #[track_caller]
    pub fn json(&self, line: &str) -> serde_json::Value {
        let said = self.run(&format!("{line} -o json"));
        let json = said.json();
        said.ok();
        json
    }

    /// A column of a list, with `null` for what is not there.
    #[track_caller]
    pub fn column(&self, line: &str, name: &str) -> Vec<String> {
        let word = |row: &serde_json::Value| match &row[name] {
            serde_json::Value::String(s) => s.clone(),
            other => other.to_string(),
        };
        self.run(&format!("{line} -o ndjson"))
            .ok()
            .lines()
            .map(|l| word(&serde_json::from_str(l).expect("a JSON line")))
            .collect()
    }

    /// How many audit records there are, in all trees.
    #[track_caller]
    pub fn audit_records(&self) -> usize {
        self.run("audit list --all -o ndjson").ok().lines().count()
    }

    /// A command and all it said, as a reader of the test sees it.
    pub fn transcript(&self, line: &str) -> String {
        let said = self.run(line);
        let mut text = format!("$ orgctl {line}\n{}{}", said.out, said.err);
        if said.code != 0 {
            text.push_str(&format!("[exit {}]\n", said.code));
        }
        text
    }

    /// The program itself, in a process of its own, with this place's environment alone.
    pub fn spawn(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orgctl"));
        command.args(split(line)).env_clear().envs(&self.env).current_dir(self.dir.path());
        command
    }

    /// Runs SQL behind orgctl's back, as the owner of the database; what the engine says against it.
    pub fn sql(&self, sql: &str) -> Result<(), String> {
        sql_on(self.engine, &self.url, sql)
    }
}

impl Drop for TestEnv {
    fn drop(&mut self) {
        if let Some(name) = &self.database {
            pool::close(name);
            psql(on_server(), &format!("drop database if exists {name} with (force)"));
        }
    }
}

/// What is said on streams of which the standard output may be a terminal.
fn with_streams(stdin: &[u8], terminal: Option<u16>, work: impl FnOnce(Io) -> u8) -> Output {
    let (out, err) = (Buffer::default(), Buffer::default());
    let code = work(Io {
        stdin: Box::new(Cursor::new(stdin.to_vec())),
        stdout: Box::new(out.clone()),
        stderr: Box::new(err.clone()),
        stdin_is_terminal: false,
        stdout_is_terminal: terminal.is_some(),
        stderr_is_terminal: terminal.is_some(),
        stderr_is_log: false,
        stdout_is_closed: false,
        width: terminal,
    });
    Output { code, out: out.text(), err: err.text() }
}

/// Tests of what the server tells of sessions, of what a database says for new ones, of how a connection comes about and of
/// how it ends: they have their own.
fn looks_at_sessions() -> bool {
    const MODULES: [&str; 11] = [
        "backup_create",
        "backup_replace",
        "backup_replace_postgres",
        "backup_restore_faults",
        "concurrency",
        "database_urls",
        "guards",
        "network",
        "postgres_faults",
        "signals",
        "subjects",
    ];
    let thread = std::thread::current();
    let module = thread.name().and_then(|name| name.split("::").next()).unwrap_or_default();
    MODULES.contains(&module)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// A connection to the file that a URL names, which is there.
pub fn on_file(url: &str) -> rusqlite::Result<rusqlite::Connection> {
    let path = url.strip_prefix("sqlite://").expect("a URL of SQLite");
    let c = rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    c.execute_batch("PRAGMA foreign_keys = ON")?;
    Ok(c)
}

fn sql_on(engine: Engine, url: &str, sql: &str) -> Result<(), String> {
    match engine {
        Engine::Sqlite => on_file(url).and_then(|c| c.execute_batch(sql)).map_err(|e| e.to_string()),
        Engine::Postgres => runtime().block_on(async {
            let mut c = sqlx::PgConnection::connect(url).await.map_err(|e| e.to_string())?;
            c.execute("set search_path to orgctl").await.map_err(|e| e.to_string())?;
            let done = c.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.map(drop);
            c.close().await.map_err(|e| e.to_string())?;
            done.map_err(|e| e.to_string())
        }),
    }
}

/// Runs something while a connection of its own holds what `sql` took.
pub fn with_lock<T>(p: &TestEnv, sql: &str, work: impl FnOnce() -> T) -> T {
    let (sql, rt) = (sqlx::raw_sql(AssertSqlSafe(sql.to_owned())), runtime());
    // The work may want a runtime of its own.
    match p.engine {
        Engine::Sqlite => {
            let mut c = rt.block_on(sqlx::SqliteConnection::connect(&p.url)).expect("a connection");
            rt.block_on(c.execute(sql)).expect("a lock");
            let done = work();
            rt.block_on(c.close()).expect("closed");
            done
        }
        Engine::Postgres => {
            let mut c = rt.block_on(sqlx::PgConnection::connect(&p.url)).expect("a connection");
            rt.block_on(c.execute(sql)).expect("a lock");
            let done = work();
            rt.block_on(c.close()).expect("closed");
            done
        }
    }
}

/// Runs SQL on the test server.
pub fn psql(url: &str, sql: &str) {
    sql_on(Engine::Postgres, url, sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
}

/// Splits like a shell, as far as tests need it: blanks, single and double quotes.
pub fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut open) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '\'' | '"') => (quote, open) = (Some(c), true),
            (None, c) if c.is_whitespace() => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            (_, c) => word.push(c),
        }
    }
    if open || !word.is_empty() {
        words.push(word);
    }
    words
}

/// A stream that keeps what was written to it.
#[derive(Clone, Default)]
struct Buffer(Rc<RefCell<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).expect("output is UTF-8")
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Holds a text against a committed file. `UPDATE_GOLDEN=1 ./tests/run` writes it anew.
#[track_caller]
pub fn golden(path: &str, text: &str) {
    let file = root().join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(&file, text).expect("a golden file");
        return;
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    if kept != text {
        let line = kept
            .lines()
            .zip(text.lines())
            .position(|(a, b)| a != b)
            .unwrap_or(kept.lines().count().min(text.lines().count()));
        panic!(
            "{path} is no longer what the program makes (line {}):\n  kept: {}\n  made: {}\nUPDATE_GOLDEN=1 ./tests/run writes it anew",
            line + 1,
            kept.lines().nth(line).unwrap_or("(nothing)"),
            text.lines().nth(line).unwrap_or("(nothing)"),
        );
    }
}
