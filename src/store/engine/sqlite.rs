//! What is particular to SQLite: opening, values, errors, the one write lock.

use crate::store::{Error, Result};
use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use chrono::DateTime;
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, ValueRef};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use uuid::Uuid;

use super::location::Location;
use super::opening::Opening;
use super::sql::{Row, Sql, unreadable};
use super::sqlite_raw::{self, HeldSqlite};
use crate::model::problem::{Problem, io_message};
use crate::model::signals;
use crate::model::values::fold::folded;
use crate::model::values::value::{Decimal, Value, ValueType, in_calendar};
use crate::store::backup::dump_lines;

/// Marks the file as ours (`PRAGMA application_id`): "orgc".
pub const APPLICATION_ID: i32 = 0x6f72_6763;

/// 24 MB, as SQLite counts it: measured no slower than ten times as much.
pub const CACHE: &str = "-24000";

/// Statements that are kept ready for the next time.
const KEPT_STATEMENTS: usize = 100;

pub async fn open(path: &Path, opening: &Opening) -> Result<HeldSqlite> {
    check_path(path, opening)?;
    sqlite_raw::count_no_memory();
    let options = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Normal)
        // Short, so that a wait can be told and a signal noticed; `Tx` tries again until its own time is up.
        .busy_timeout(opening.wait.min(Duration::from_millis(250)))
        .pragma("cache_size", CACHE)
        .pragma("temp_store", "FILE")
        // What is deleted is overwritten: it may be about people.
        .pragma("secure_delete", "ON")
        .log_statements(log::LevelFilter::Off)
        .log_slow_statements(log::LevelFilter::Off, Duration::ZERO);
    let conn = options.connect().await.map_err(|e| not_opened(e, path))?;
    let conn = HeldSqlite::new(conn).await.map_err(|e| not_opened(e, path))?;
    conn.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
    register_functions(&conn).map_err(|e| problem(e, path))?;
    sqlite_raw::let_signals_end_statements(&conn);
    Ok(conn)
}

/// Why sqlx could not open a file, in a sentence.
fn not_opened(error: sqlx::Error, path: &Path) -> Error {
    let shown = path.display();
    let sqlx::Error::Database(e) = &error else {
        return match error {
            sqlx::Error::Io(e) => Problem::failed(format!("can't use {shown}: {}", io_message(&e))).into(),
            other => Error::driver(other, "the database could not be used"),
        };
    };
    let code: i32 = e.code().and_then(|c| c.parse().ok()).unwrap_or(1);
    let message = e.message().to_owned();
    sentence_of_code(code, &message, path).unwrap_or_else(|| Error::driver(error, "the database refused a statement"))
}

/// Teaches the connection `orgctl_fold(text, without_marks)`: SQLite itself folds letters A to Z alone.
fn register_functions(conn: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_scalar_function("orgctl_fold", 2, flags, |args| {
        let text: Option<String> = args.get(0)?;
        let without_marks: bool = args.get(1)?;
        Ok(text.map(|text| folded(&text, without_marks)))
    })
}

/// Lets a signal be heard that came meanwhile: SQLite works in this thread, where nothing else can.
pub(in crate::store) async fn hear_signal() {
    if signals::has_come() {
        tokio::task::yield_now().await;
    }
}

/// Runs a statement; the number of rows it changed.
pub async fn execute(conn: &mut Connection, sql: &Sql, location: &Location) -> Result<u64> {
    hear_signal().await;
    let run = |statement: &mut rusqlite::Statement<'_>| {
        bind(statement, &sql.args)?;
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        Ok(conn.changes())
    };
    let done = match is_kept(sql) {
        true => conn.prepare_cached(&sql.text).and_then(|mut statement| run(&mut statement)),
        false => conn.prepare(&sql.text).and_then(|mut statement| run(&mut statement)),
    };
    done.map_err(|e| bulk_problem(e, location))
}

/// Whether a statement is kept ready: one of many rows takes a megabyte, and seldom comes again.
fn is_kept(sql: &Sql) -> bool {
    sql.args.len() < MANY_ARGUMENTS
}

const MANY_ARGUMENTS: usize = 200;

/// Runs a script of several statements without arguments.
pub async fn script(conn: &mut Connection, text: &str, location: &Location) -> Result<()> {
    hear_signal().await;
    conn.execute_batch(text).map_err(|e| bulk_problem(e, location))
}

fn bind(statement: &mut rusqlite::Statement<'_>, args: &[Value]) -> rusqlite::Result<()> {
    // SQLite numbers places in the order in which they come, whatever number is their name.
    for (i, value) in args.iter().enumerate() {
        let at = statement.parameter_name(i + 1).and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
        let value = at.and_then(|n| args.get(n.checked_sub(1)?)).unwrap_or(value);
        statement.raw_bind_parameter(i + 1, bound(value))?;
    }
    Ok(())
}

/// Says in words what SQLite would say as CANTOPEN; makes the file, readable by its owner alone.
fn check_path(path: &Path, opening: &Opening) -> Result<()> {
    let shown = path.display();
    if path.as_os_str().is_empty() {
        return Err(Problem::usage("no database is named, and there is no home folder to look in")
            .hint("name one: --database sqlite://FILE")
            .into());
    }
    match fs::metadata(path) {
        Ok(m) if m.is_dir() => {
            let hint = format!("name a file in it: --database {}", path.join("orgctl.db").display());
            Err(Problem::failed(format!("{shown} is a folder, not a database file")).hint(hint).into())
        }
        // A device or a pipe keeps nothing, and its rights are not ours to change.
        Ok(m) if !m.is_file() => Err(Problem::failed(format!("{shown} is no file, so no database can be in it"))
            .hint("name a file: --database sqlite://FILE")
            .into()),
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound && opening.create => create(path),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            Err(Problem::failed(format!("there is no database at {shown}"))
                .hint("'orgctl init' makes one; --database or ORGCTL_DATABASE_URL names another")
                .into())
        }
        Err(e) => Err(Problem::failed(format!("can't look at {shown}: {}", io_message(&e))).into()),
    }
}

/// Takes the rights of others at the file and at its journals away: whoever can read them reads everything. What was done,
/// or why it could not be.
pub fn make_private(path: &Path) -> Option<std::result::Result<String, String>> {
    let beside = ["", "-wal", "-shm", "-journal"].map(|end| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        std::path::PathBuf::from(name)
    });
    let mut done = None;
    for file in beside {
        let Ok(mode) = fs::metadata(&file).map(|m| m.permissions().mode() & 0o777) else { continue };
        if mode & 0o077 == 0 {
            continue;
        }
        let shown = file.display();
        match fs::set_permissions(&file, fs::Permissions::from_mode(mode & 0o700)) {
            Ok(()) => done = done.or(Some(Ok(format!("{shown} had the mode {mode:04o}; it is yours alone now")))),
            Err(e) => return Some(Err(format!("others may read {shown} (mode {mode:04o}): {}", io_message(&e)))),
        }
    }
    done
}

fn create(path: &Path) -> Result<()> {
    let failed = |e: io::Error| Problem::failed(format!("can't make {}: {}", path.display(), io_message(&e)));
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        use std::os::unix::fs::DirBuilderExt as _;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        // Somebody else made it in between: two inits at once are safe.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(failed(e).into()),
    }
}

/// Rows after which a signal may be heard.
const SLICE: usize = 256;

/// Hands each row to `each` as it comes.
pub async fn each(
    conn: &mut Connection,
    sql: Sql,
    location: &Location,
    mut each: impl FnMut(Row) -> Result<()>,
) -> Result<()> {
    let columns = std::cell::OnceCell::new();
    each_stored(conn, sql, location, |found, kinds| each(row(found, kinds, &columns)?)).await
}

/// As [`each`], where a value that can't be read is none instead of an error.
pub async fn each_readable(
    conn: &mut Connection,
    sql: Sql,
    location: &Location,
    mut each: impl FnMut(Vec<Option<Value>>) -> Result<()>,
) -> Result<()> {
    each_stored(conn, sql, location, |found, kinds| each(values(found, kinds))).await
}

async fn each_stored(
    conn: &mut Connection,
    sql: Sql,
    location: &Location,
    each: impl FnMut(&rusqlite::Row<'_>, &[ValueType]) -> Result<()>,
) -> Result<()> {
    let failed = |e: rusqlite::Error| bulk_problem(e, location);
    hear_signal().await;
    if is_kept(&sql) {
        let mut statement = conn.prepare_cached(&sql.text).map_err(failed)?;
        return each_of(&mut statement, sql, location, each).await;
    }
    let mut statement = conn.prepare(&sql.text).map_err(failed)?;
    each_of(&mut statement, sql, location, each).await
}

async fn each_of(
    statement: &mut rusqlite::Statement<'_>,
    sql: Sql,
    location: &Location,
    mut each: impl FnMut(&rusqlite::Row<'_>, &[ValueType]) -> Result<()>,
) -> Result<()> {
    let failed = |e: rusqlite::Error| bulk_problem(e, location);
    bind(statement, &sql.args).map_err(failed)?;
    let mut rows = statement.raw_query();
    loop {
        for _ in 0..SLICE {
            let Some(found) = rows.next().map_err(failed)? else { return Ok(()) };
            each(found, &sql.kinds)?;
        }
        tokio::task::yield_now().await;
    }
}

/// Hands each row to `each` as a line of text, with its line break; `line` is room for it.
pub async fn each_line(
    conn: &mut Connection,
    sql: Sql,
    location: &Location,
    line: &mut Vec<u8>,
    mut each: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let columns = std::cell::OnceCell::new();
    each_stored(conn, sql, location, |found, kinds| {
        line.clear();
        for (i, kind) in kinds.iter().enumerate() {
            if i > 0 {
                line.push(b'\t');
            }
            if !found.get_ref(i).is_ok_and(|stored| dump_lines::push(line, stored, *kind)) {
                // Says which.
                row(found, kinds, &columns)?;
            }
        }
        line.push(b'\n');
        each(line)
    })
    .await
}

/// The words that a line is found by; none where it is no line of its table.
pub type WordsOfLine<'a> = &'a dyn Fn(&[u8]) -> Option<String>;

/// Writes lines that [`each_line`] made, in `kinds`; the words of each go into its table's search index. Their number.
pub async fn load_lines(
    conn: &mut Connection,
    location: &Location,
    (table, columns, kinds): (&str, &[String], &[ValueType]),
    words: Option<WordsOfLine<'_>>,
    block: &[u8],
) -> Result<u64> {
    let failed = |e: rusqlite::Error| bulk_problem(e, location);
    let unfit =
        |line: u64| Problem::integrity(format!("line {line} of what is to be loaded into {table} is no row of it"));
    hear_signal().await;
    let places = vec!["?"; columns.len()].join(", ");
    let text = format!("insert into {table} ({}) values ({places})", columns.join(", "));
    let mut statement = conn.prepare(&text).map_err(failed)?;
    let mut index = match words {
        Some(_) => {
            Some(conn.prepare(&format!("insert into {table}_search (rowid, words) values (?, ?)")).map_err(failed)?)
        }
        None => None,
    };
    let mut n = 0;
    for line in block.split_inclusive(|b| *b == b'\n') {
        n += 1;
        let line = line.strip_suffix(b"\n").ok_or_else(|| unfit(n))?;
        let mut count = 0;
        for (i, field) in dump_lines::fields(line).enumerate() {
            let value = kinds.get(i).and_then(|kind| dump_lines::bound(field, *kind)).ok_or_else(|| unfit(n))?;
            statement.raw_bind_parameter(i + 1, value).map_err(failed)?;
            count += 1;
        }
        if count != kinds.len() {
            return Err(unfit(n).into());
        }
        statement.raw_execute().map_err(failed)?;
        if let (Some(index), Some(words)) = (&mut index, words) {
            let found = words(line).ok_or_else(|| unfit(n))?;
            index.execute((conn.last_insert_rowid(), found)).map_err(failed)?;
        }
    }
    Ok(n)
}

/// Writes rows with one prepared statement; the number of the last row.
pub async fn load(
    conn: &mut Connection,
    location: &Location,
    table: &str,
    columns: &[String],
    together: usize,
    rows: &[Vec<Value>],
) -> Result<i64> {
    let failed = |e: rusqlite::Error| bulk_problem(e, location);
    hear_signal().await;
    let one = format!("({})", vec!["?"; columns.len()].join(", "));
    let columns = columns.join(", ");
    let text = |n: usize| format!("insert into {table} ({columns}) values {}", vec![&*one; n].join(", "));
    let (mut many, mut few) = (conn.prepare_cached(&text(together)).map_err(failed)?, None);
    for rows in rows.chunks(together) {
        let statement = match &mut few {
            // The rest, which only comes once.
            few if rows.len() < together => few.insert(conn.prepare_cached(&text(rows.len())).map_err(failed)?),
            _ => &mut many,
        };
        for (i, value) in rows.iter().flatten().enumerate() {
            statement.raw_bind_parameter(i + 1, bound(value)).map_err(failed)?;
        }
        statement.raw_execute().map_err(failed)?;
    }
    Ok(conn.last_insert_rowid())
}

/// Writes the changed pages of the cache to the log, so that none need be kept.
pub fn flush_cache(conn: &mut Connection, location: &Location) -> Result<()> {
    conn.cache_flush().map_err(|e| bulk_problem(e, location))
}

/// Refuses what a commit would refuse because something refers to nothing.
pub fn check_references(conn: &mut Connection) -> Result<()> {
    match sqlite_raw::references_hold(conn) {
        true => Ok(()),
        false => Err(constraint(787, "FOREIGN KEY constraint failed")),
    }
}

/// A value as SQLite keeps it, where it is kept as it is; JSON and dates are not.
pub(in crate::store) fn bound_ref(value: &Value) -> ValueRef<'_> {
    match bound(value) {
        ToSqlOutput::Borrowed(v) => v,
        _ => ValueRef::Null,
    }
}

/// A value as SQLite keeps it.
pub fn bound(value: &Value) -> ToSqlOutput<'_> {
    let borrowed = match value {
        Value::Null(_) => ValueRef::Null,
        Value::Bool(b) => ValueRef::Integer(i64::from(*b)),
        Value::Int(n) => ValueRef::Integer(*n),
        Value::Text(s) => ValueRef::Text(s.as_bytes()),
        Value::Uuid(u) => ValueRef::Blob(u.as_bytes()),
        Value::Time(t) => ValueRef::Integer(t.timestamp_micros()),
        Value::Decimal(d) => ValueRef::Integer(d.0),
        Value::Bytes(b) => ValueRef::Blob(b),
        text @ (Value::Json(_) | Value::Date(_) | Value::Ip(_)) => return ToSqlOutput::Owned(text.to_text().into()),
    };
    ToSqlOutput::Borrowed(borrowed)
}

fn row(row: &rusqlite::Row<'_>, kinds: &[ValueType], names: &std::cell::OnceCell<Vec<String>>) -> Result<Row> {
    let read = kinds.iter().enumerate().map(|(i, kind)| value(row.get_ref(i).ok()?, *kind)).collect::<Option<_>>();
    if let Some(read) = read {
        return Ok(Row(read));
    }
    let names = names.get_or_init(|| row.as_ref().column_names().into_iter().map(str::to_owned).collect());
    Err(unreadable(names, &values(row, kinds)))
}

fn values(row: &rusqlite::Row<'_>, kinds: &[ValueType]) -> Vec<Option<Value>> {
    kinds.iter().enumerate().map(|(i, kind)| value(row.get_ref(i).ok()?, *kind)).collect()
}

/// A stored value as what it should be; `None` where it is not that.
pub fn value(stored: ValueRef<'_>, kind: ValueType) -> Option<Value> {
    if stored == ValueRef::Null {
        return Some(Value::Null(kind));
    }
    Some(match kind {
        ValueType::Bool => Value::Bool(stored.as_i64().ok()? != 0),
        ValueType::Int => Value::Int(stored.as_i64().ok()?),
        ValueType::Text => Value::Text(stored.as_str().ok()?.to_owned()),
        ValueType::Uuid => Value::Uuid(Uuid::from_slice(stored.as_blob().ok()?).ok()?),
        ValueType::Time => Value::Time(DateTime::from_timestamp_micros(stored.as_i64().ok()?).filter(in_calendar)?),
        ValueType::Date => Value::Date(stored.as_str().ok()?.parse().ok().filter(in_calendar)?),
        ValueType::Decimal => Value::Decimal(Decimal(stored.as_i64().ok()?)),
        ValueType::Ip => Value::Ip(stored.as_str().ok()?.parse().ok()?),
        ValueType::Bytes => Value::Bytes(stored.as_blob().ok()?.to_vec()),
        ValueType::Json => Value::Json(serde_json::from_str(stored.as_str().ok()?).ok()?),
    })
}

/// Turns an error of SQLite into a sentence. Result codes: <https://sqlite.org/rescode.html>.
pub fn problem(error: rusqlite::Error, path: &Path) -> Error {
    let code = error.sqlite_error().map(|e| e.extended_code);
    let known = code.and_then(|code| sentence_of_code(code, &error.to_string(), path));
    known.unwrap_or_else(|| Error::driver(error, "the database refused a statement"))
}

/// As [`problem`], of the file at a location.
pub fn bulk_problem(error: rusqlite::Error, location: &Location) -> Error {
    match location {
        Location::Sqlite(path) => problem(error, path),
        Location::Postgres(_) => Error::driver(error, "the database refused a statement"),
    }
}

/// What a result code means, where it has a sentence of its own.
fn sentence_of_code(code: i32, message: &str, path: &Path) -> Option<Error> {
    let shown = path.display();
    Some(match code & 0xff {
        5 | 6 => Error::Busy,
        // SQLITE_READONLY_RECOVERY, _CANTLOCK, _CANTINIT, _DIRECTORY: the log, not the file, could not be written.
        8 if matches!(code, 264 | 520 | 1288 | 1544) => {
            Problem::failed(format!("can't open the write-ahead log beside {shown}, which reading needs too"))
                .hint("the right to write the file and its folder is missing; ask their owner")
                .into()
        }
        8 => Problem::failed(format!("the database file {shown} can't be written: it is read-only"))
            .hint(format!("see 'ls -l {shown}'; its owner can give the right to write"))
            .into(),
        11 => damaged(path),
        13 => Problem::failed(format!("the disk is full: {shown} could not be written; nothing was changed"))
            .hint("make room ('df -h') and run the command again")
            .into(),
        14 => Problem::failed(format!("can't open the database file {shown}"))
            .hint("its folder must exist and be writable, for the write-ahead log beside it")
            .into(),
        26 => Problem::failed(format!("{shown} is not a database"))
            .hint("name an orgctl database with --database, or make one with 'orgctl init'")
            .into(),
        10 => Problem::failed(format!("reading or writing {shown} failed; nothing was changed"))
            .hint("the disk may be full or failing: see 'df -h' and 'dmesg'")
            .into(),
        19 => constraint(code, message),
        _ if message.contains("malformed") => damaged(path),
        _ => return None,
    })
}

fn damaged(path: &Path) -> Error {
    Problem::integrity(format!("the database file {} is damaged", path.display()))
        .hint("restore a backup; 'sqlite3 FILE .recover' may save what is left")
        .into()
}

fn constraint(code: i32, message: &str) -> Error {
    let problem = match code {
        // SQLITE_CONSTRAINT_UNIQUE, _PRIMARYKEY, _ROWID
        2067 | 1555 | 2579 => Problem::conflict("another record already has this key"),
        // SQLITE_CONSTRAINT_FOREIGNKEY
        787 => Problem::conflict("a record refers to one that does not exist in its organisation"),
        // SQLITE_CONSTRAINT_TRIGGER: our own sentences
        1811 => Problem::denied(message.to_owned()),
        _ => Problem::invalid("a value breaks a rule of the database"),
    };
    problem.rule(message).into()
}

/// Bytes of the `-shm` file that stand for locks (<https://sqlite.org/walformat.html#wal_locks>): of the one writer, and of
/// those who read what is there now or was before.
const WRITER: (i64, i64) = (120, 1);
const READERS: (i64, i64) = (123, 5);

/// Bytes of the file itself that stand for locks where it keeps no log (<https://sqlite.org/lockingv3.html>, "SHARED").
const WITHOUT_LOG: (i64, i64) = (0x4000_0000, 512);

/// Who holds the write lock, in words.
pub fn lock_holder(path: &Path) -> Option<String> {
    holder(path, "-shm", WRITER)
}

/// Who reads what was there before the last write, or a file that keeps no log, in words.
pub fn reader(path: &Path) -> Option<String> {
    holder(path, "-shm", READERS).or_else(|| holder(path, "", WITHOUT_LOG))
}

/// Another process that holds a lock on these bytes, as the kernel tells.
fn holder(path: &Path, end: &str, (start, length): (i64, i64)) -> Option<String> {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    let file = fs::OpenOptions::new().read(true).write(true).open(name).ok()?;
    let mut lock = nix::libc::flock {
        l_type: nix::libc::F_WRLCK as i16,
        l_whence: nix::libc::SEEK_SET as i16,
        l_start: start,
        l_len: length,
        l_pid: 0,
    };
    let asked = nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_GETLK(&mut lock));
    // Closing any descriptor of a file drops this process's POSIX locks on it, which SQLite relies on
    // (fcntl(2), "the traditional record locks"): the descriptor stays open until the process ends.
    std::mem::forget(file);
    asked.ok()?;
    if i32::from(lock.l_type) == nix::libc::F_UNLCK || lock.l_pid <= 0 {
        return None;
    }
    let pid = lock.l_pid;
    let raw = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<String> =
        raw.split(|b| *b == 0).filter(|w| !w.is_empty()).map(|w| String::from_utf8_lossy(w).into_owned()).collect();
    let program = words.first().map(|w| w.rsplit('/').next().unwrap_or(w).to_owned());
    let verb = words.iter().skip(1).filter(|w| !w.starts_with('-')).take(2).cloned().collect::<Vec<_>>().join(" ");
    Some(match program {
        Some(p) if p == "orgctl" => format!("process {pid} ({})", format!("orgctl {verb}").trim()),
        Some(p) => format!("process {pid} ({p})"),
        None => format!("process {pid}"),
    })
}
