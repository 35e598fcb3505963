//! What is particular to PostgreSQL: opening, values, errors, who holds a lock.

use crate::store::{Error, Result};
use std::pin::pin;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::{
    Arguments as _, AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Executor as _, PgConnection,
    Row as _, ValueRef as _,
};

use super::inet::Inet;
use super::location::Location;
use super::numeric::Numeric;
use super::opening::Opening;
use super::postgres_url;
use super::sql::{Row, Sql, unreadable};
use super::sqlite_raw::set_nodelay;
use crate::model::problem::Problem;
use crate::model::problem::io_message;
use crate::model::values::value::{Value, ValueType, in_calendar};

/// A statement with its arguments.
pub type Statement = Query<'static, Postgres, PgArguments>;

/// PostgreSQL 14.
const OLDEST: i32 = 140_000;

pub async fn open(url: &str, location: &Location, opening: &Opening) -> Result<PgConnection> {
    let (options, time) = postgres_url::options(url, opening)?;
    let connecting = tokio::time::timeout(time, connect(&options));
    let conn = match connecting.await {
        Ok(done) => done.map_err(|e| problem(e, location))?,
        Err(_) => return Err(unreachable(location, "it does not answer")),
    };
    // The server tells its version when it lets us in.
    let version = conn.server_version_num().and_then(|v| i32::try_from(v).ok()).unwrap_or(OLDEST);
    if let Some(old) = too_old(version) {
        let _ = conn.close().await;
        return Err(old.into());
    }
    Ok(conn)
}

/// Connects; a TCP socket sends at once from its first bytes on.
async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let port = options.get_socket().is_none().then(|| options.get_port());
    let mut connecting = pin!(options.connect());
    while let Some(port) = port {
        tokio::select! {
            biased;
            done = &mut connecting => {
                set_nodelay(port);
                return done;
            }
            () = tokio::time::sleep(Duration::from_millis(1)) => if set_nodelay(port) { break },
        }
    }
    connecting.await
}

/// Refuses a server older than PostgreSQL 14, by its `server_version_num`.
pub fn too_old(version: i32) -> Option<Problem> {
    (version < OLDEST).then(|| {
        Problem::failed(format!("the server runs PostgreSQL {}, which is too old", version / 10_000))
            .hint(format!("orgctl needs PostgreSQL {} or later", OLDEST / 10_000))
    })
}

fn arguments(values: Vec<Value>) -> Result<PgArguments> {
    let mut args = PgArguments::default();
    for value in values {
        match value {
            Value::Null(ValueType::Bool) => args.add(None::<bool>),
            Value::Null(ValueType::Int) => args.add(None::<i64>),
            Value::Null(ValueType::Text | ValueType::Json) => args.add(None::<String>),
            Value::Null(ValueType::Uuid) => args.add(None::<uuid::Uuid>),
            Value::Null(ValueType::Time) => args.add(None::<chrono::DateTime<chrono::Utc>>),
            Value::Null(ValueType::Date) => args.add(None::<chrono::NaiveDate>),
            Value::Null(ValueType::Decimal) => args.add(None::<Numeric>),
            Value::Null(ValueType::Ip) => args.add(None::<Inet>),
            Value::Null(ValueType::Bytes) => args.add(None::<Vec<u8>>),
            Value::Bool(b) => args.add(b),
            Value::Int(n) => args.add(n),
            Value::Text(s) => args.add(s),
            Value::Uuid(u) => args.add(u),
            Value::Time(t) => args.add(t),
            Value::Date(d) => args.add(d),
            Value::Decimal(d) => args.add(Numeric(d)),
            Value::Ip(a) => args.add(Inet(a)),
            Value::Bytes(b) => args.add(b),
            json @ Value::Json(_) => args.add(json.to_text()),
        }
        .map_err(|_| Problem::invalid("a value is too large for the database"))?;
    }
    Ok(args)
}

/// A statement of ours with its arguments.
pub fn statement(sql: Sql) -> Result<Statement> {
    let args = arguments(sql.args)?;
    Ok(sqlx::query_with(AssertSqlSafe(sql.text), args).persistent(!sql.planned_anew))
}

/// Hands each row to `each` as it comes.
pub async fn each(
    conn: &mut PgConnection,
    location: &Location,
    statement: Statement,
    kinds: &[ValueType],
    mut each: impl FnMut(Row) -> Result<()>,
) -> Result<()> {
    each_stored(conn, location, statement, |found| each(row(found, kinds)?)).await
}

/// As [`each`], where a value that can't be read is none instead of an error.
pub async fn each_readable(
    conn: &mut PgConnection,
    location: &Location,
    statement: Statement,
    kinds: &[ValueType],
    mut each: impl FnMut(Vec<Option<Value>>) -> Result<()>,
) -> Result<()> {
    each_stored(conn, location, statement, |found| each(values(found, kinds))).await
}

async fn each_stored(
    conn: &mut PgConnection,
    location: &Location,
    statement: Statement,
    mut each: impl FnMut(&PgRow) -> Result<()>,
) -> Result<()> {
    let mut rows = conn.fetch(statement);
    while let Some(found) = rows.try_next().await.map_err(|e| problem(e, location))? {
        each(&found)?;
    }
    Ok(())
}

pub fn row(row: &PgRow, kinds: &[ValueType]) -> Result<Row> {
    let read = kinds.iter().enumerate().map(|(i, kind)| value(row, i, *kind)).collect::<Option<_>>();
    read.map(Row).ok_or_else(|| {
        let names: Vec<String> = row.columns().iter().map(|c| c.name().to_owned()).collect();
        unreadable(&names, &values(row, kinds))
    })
}

fn values(row: &PgRow, kinds: &[ValueType]) -> Vec<Option<Value>> {
    kinds.iter().enumerate().map(|(i, kind)| value(row, i, *kind)).collect()
}

/// Seconds from 1970 to 2000, from which PostgreSQL counts.
pub(in crate::store) const EPOCH: i64 = 946_684_800;

/// Days from 1970 to 2000.
const EPOCH_DAYS: i64 = EPOCH / 86_400;

/// `timestamptz_send`: microseconds from 2000 on; the largest and the smallest are the infinities, and none is a time.
fn time(bytes: &[u8]) -> Option<DateTime<Utc>> {
    let micros = i64::from_be_bytes(bytes.try_into().ok()?).checked_add(EPOCH * 1_000_000)?;
    DateTime::from_timestamp_micros(micros).filter(in_calendar)
}

/// `date_send`: days from 2000 on, with infinities as above.
fn date(bytes: &[u8]) -> Option<NaiveDate> {
    let days = i64::from(i32::from_be_bytes(bytes.try_into().ok()?)).checked_add(EPOCH_DAYS)?;
    Some(DateTime::from_timestamp(days.checked_mul(86_400)?, 0)?.date_naive()).filter(in_calendar)
}

fn value(row: &PgRow, i: usize, kind: ValueType) -> Option<Value> {
    // Decoded by hand as what our own schema says it is: asking sqlx to compare types for each value costs more than the
    // value, and sqlx panics at times that chrono does not know.
    let raw = row.try_get_raw(i).ok()?;
    if raw.is_null() {
        return Some(Value::Null(kind));
    }
    let bytes = raw.as_bytes().ok()?;
    Some(match kind {
        ValueType::Text => Value::Text(raw.as_str().ok()?.to_owned()),
        ValueType::Json => Value::Json(serde_json::from_str(raw.as_str().ok()?).ok()?),
        ValueType::Bool => Value::Bool(*bytes.first()? != 0),
        ValueType::Int if bytes.len() == 4 => Value::Int(i32::from_be_bytes(bytes.try_into().ok()?).into()),
        ValueType::Int => Value::Int(i64::from_be_bytes(bytes.try_into().ok()?)),
        ValueType::Uuid => Value::Uuid(uuid::Uuid::from_slice(bytes).ok()?),
        ValueType::Time => Value::Time(time(bytes)?),
        ValueType::Date => Value::Date(date(bytes)?),
        ValueType::Decimal => Value::Decimal(Numeric::read(bytes)?.0),
        ValueType::Ip => Value::Ip(Inet::read(bytes)?.0),
        ValueType::Bytes => Value::Bytes(bytes.to_vec()),
    })
}

fn unreachable(location: &Location, why: &str) -> Error {
    Problem::failed(format!("can't reach the database server of {}: {why}", location.shown()))
        .hint("is it running, and are host and port right? 'pg_isready' tells")
        .into()
}

/// Turns an error of PostgreSQL into a sentence. Codes: PostgreSQL documentation, appendix A.
pub fn problem(error: sqlx::Error, location: &Location) -> Error {
    let at = location.shown();
    let e = match error {
        sqlx::Error::Database(e) => e,
        sqlx::Error::Io(e) => {
            use std::io::ErrorKind as K;
            return match e.kind() {
                K::UnexpectedEof | K::ConnectionReset | K::BrokenPipe | K::ConnectionAborted => lost(),
                // What rustls does not accept comes as this.
                K::InvalidData => insecure(&at, &e.to_string()),
                _ => unreachable(location, &io_message(&e)),
            };
        }
        sqlx::Error::Tls(e) => return insecure(&at, &e.to_string()),
        sqlx::Error::Configuration(e) => return Problem::usage(format!("the database URL can't be used: {e}")).into(),
        other => return Error::driver(other, "the database could not be used"),
    };
    let code = e.code().unwrap_or_default().into_owned();
    let message = e.message().to_owned();
    match code.as_str() {
        "28P01" => Problem::failed(format!("the server refused the password for {at}"))
            .hint("put the right one into the URL, PGPASSWORD or ~/.pgpass")
            .into(),
        "28000" => Problem::failed(format!("the server does not let this user in: {message}"))
            .hint("the user in the URL must exist and be allowed by pg_hba.conf")
            .into(),
        "3D000" => Problem::failed(format!("the server has no such database: {at}"))
            .hint("make it with 'createdb', then run 'orgctl init'")
            .into(),
        "42501" => Error::NoRight(message.into()),
        "25006" => Problem::failed("the server takes no writes: it is a replica or set read-only")
            .hint("name the primary server instead")
            .into(),
        "53100" => Problem::failed("the server's disk is full; nothing was changed")
            .hint("make room on the server and run the command again")
            .into(),
        "53300" => {
            Problem::failed("the server has no connection free").hint("try again, or raise max_connections").into()
        }
        "57P03" => unreachable(location, "it is starting up or shutting down"),
        "57P01" | "57P02" | "08006" | "08003" | "25P03" => lost(),
        "57014" => Problem::failed("the server ended a statement that took too long; nothing was changed")
            .hint("raise statement_timeout in the database URL")
            .into(),
        "55P03" => Error::LockTimeout,
        "40001" if message.contains("recovery") => Problem::failed(
            "the replica broke off what was being read: it had to take over what the primary server did",
        )
        .hint(
            "run the command again, or have the replica wait longer: max_standby_streaming_delay, hot_standby_feedback",
        )
        .into(),
        "40P01" | "40001" => Problem::failed("two commands stood in each other's way; nothing was changed")
            .hint("run the command again")
            .into(),
        "23505" => Problem::conflict("another record already has this key").rule(message).into(),
        "23503" => {
            Problem::conflict("a record refers to one that does not exist in its organisation").rule(message).into()
        }
        // Raised by our own triggers.
        "P0001" => Problem::denied(message.clone()).rule(message).into(),
        // Integrity constraints, data exceptions, and what is too large for an index.
        _ if ["23", "22", "54"].iter().any(|class| code.starts_with(class)) => {
            Problem::invalid("a value breaks a rule of the database").rule(message).into()
        }
        _ => Error::driver(sqlx::Error::Database(e), "the database refused a statement"),
    }
}

fn insecure(at: &str, why: &str) -> Error {
    Problem::failed(format!("no secure connection to {at}: {why}"))
        .hint("sslmode and sslrootcert in the URL say how the server is trusted")
        .into()
}

fn lost() -> Error {
    Problem::failed("the connection to the server was lost; what was not yet committed is undone")
        .hint("'orgctl audit list' shows what was done; run the command again")
        .into()
}

/// Who keeps the server process `pid` waiting, in words; asked over a connection of its own. Where that one no longer
/// waits, who has tree heads locked at all, the longest first.
pub async fn lock_holder(url: &str, location: &Location, opening: &Opening, pid: i64) -> Option<String> {
    let mut conn = open(url, location, opening).await.ok()?;
    let row = sqlx::query(
        "select a.pid, a.application_name, coalesce(a.usename::text, ''), coalesce(a.client_addr::text, 'local')
           from pg_stat_activity a
          where a.pid <> $1 and (a.pid = any(pg_blocking_pids($1)) or exists (
                    select from pg_locks l
                     where l.pid = a.pid and l.relation = 'orgctl.audit_heads'::regclass and l.database = a.datid
                       and a.datname = current_database()
                       and l.mode = 'RowShareLock' and l.granted and a.wait_event_type is distinct from 'Lock'))
          order by a.pid = any(pg_blocking_pids($1)) desc, a.xact_start
          limit 1",
    )
    .bind(i32::try_from(pid).ok()?)
    .fetch_optional(&mut conn)
    .await
    .ok()
    .flatten();
    let _ = conn.close().await;
    let row = row?;
    let (pid, app, user, from): (i32, String, String, String) =
        (row.try_get(0).ok()?, row.try_get(1).ok()?, row.try_get(2).ok()?, row.try_get(3).ok()?);
    Some(format!("server process {pid} ({app}, {user}, {from})"))
}
