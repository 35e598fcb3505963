//! Migrations: hand-written SQL, the same names for both engines, embedded in the binary, each with its way back.

use std::sync::OnceLock;

use anyhow::Context as _;
use include_dir::{Dir, include_dir};
use sha2::{Digest as _, Sha256};

use crate::model::kinds::Kinds;
use crate::model::problem::Problem;
use crate::model::values::value::{Value, ValueType};
use crate::store::backup::partial;
use crate::store::engine::db::Db;
use crate::store::engine::dialect::SCHEMA;
use crate::store::engine::location::Engine;
use crate::store::engine::sql::{Row, Sql, quoted};
use crate::store::engine::sqlite::APPLICATION_ID;
use crate::store::{Error, Result};

static SQLITE: Dir = include_dir!("$CARGO_MANIFEST_DIR/migrations/sqlite");
static POSTGRES: Dir = include_dir!("$CARGO_MANIFEST_DIR/migrations/postgres");

/// One step of the schema, both ways.
#[derive(Debug, Clone)]
pub struct Migration {
    pub version: i64,
    pub name: String,
    pub up: &'static str,
    pub down: &'static str,
}

impl Migration {
    pub fn checksum(&self) -> Vec<u8> {
        Sha256::digest(self.up).to_vec()
    }
}

/// Every migration in order: the program's own, and behind them those of kinds that were added to them.
pub fn all(kinds: Kinds, engine: Engine) -> Result<Vec<Migration>> {
    let mut found = own(engine)?.to_vec();
    let last = found.last().map_or(0, |m| m.version);
    found.extend((last + 1..).zip(kinds.migrations()).map(|(version, step)| {
        let ways = if engine == Engine::Sqlite { step.sqlite } else { step.postgres };
        Migration { version, name: step.name.to_owned(), up: ways.up, down: ways.down }
    }));
    Ok(found)
}

/// The program's own migrations, put in order once: every command asks for the last.
fn own(engine: Engine) -> Result<&'static [Migration]> {
    static KNOWN: [OnceLock<Vec<Migration>>; 2] = [OnceLock::new(), OnceLock::new()];
    let known = &KNOWN[usize::from(engine == Engine::Postgres)];
    match known.get() {
        Some(known) => Ok(known),
        None => {
            let read = read_own(engine)?;
            Ok(known.get_or_init(|| read))
        }
    }
}

fn read_own(engine: Engine) -> Result<Vec<Migration>> {
    let dir = if engine == Engine::Sqlite { &SQLITE } else { &POSTGRES };
    let text = |name: &str| dir.get_file(name).and_then(|f| f.contents_utf8());
    let mut found = Vec::new();
    for file in dir.files() {
        let name = file.path().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".up.sql") else { continue };
        let (version, what) = stem.split_once('_').context("a migration is named NNNN_what")?;
        found.push(Migration {
            version: version.parse().context("a migration is named NNNN_what")?,
            name: what.to_owned(),
            up: text(&name).context("a migration is UTF-8")?,
            down: text(&format!("{stem}.down.sql")).with_context(|| format!("{stem} has no way back"))?,
        });
    }
    found.sort_by_key(|m| m.version);
    Ok(found)
}

/// The table that tells which migrations were applied.
pub const TABLE: &str = "schema_migrations";

/// The version that this binary works with.
pub fn latest(kinds: Kinds, engine: Engine) -> Result<i64> {
    let last = own(engine)?.last().map_or(0, |m| m.version);
    Ok((last + 1..).zip(kinds.migrations()).last().map_or(last, |(version, _)| version))
}

/// What is found in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// Nothing yet.
    Empty,
    /// Something that orgctl did not make.
    Foreign,
    At(i64),
    /// A part of a backup alone, at this version.
    Partial(i64),
}

pub async fn state(db: &mut Db) -> Result<SchemaState> {
    let (ours, others) = match db.engine() {
        Engine::Sqlite => (
            "select count(*) from sqlite_schema where name = 'schema_migrations'",
            "select count(*) from sqlite_schema",
        ),
        // Another application's tables may live beside ours, in their own schemas.
        Engine::Postgres => (
            "select case when not exists (select from pg_tables
                                            where schemaname = 'orgctl' and tablename = 'schema_migrations') then 0
                         when has_schema_privilege('orgctl', 'usage') then 1 else 2 end",
            "select count(*) from pg_tables where schemaname = 'orgctl'",
        ),
    };
    match db.one(Sql::new(ours).yields([ValueType::Int])).await?.int(0)? {
        0 => {
            let n = db.one(Sql::new(others).yields([ValueType::Int])).await?.int(0)?;
            return Ok(if n == 0 { SchemaState::Empty } else { SchemaState::Foreign });
        }
        // PostgreSQL passes over a schema that it does not let in, and would say that no such table exists.
        2 => return Err(Error::NoRight("permission denied for schema orgctl".into())),
        _ => {}
    }
    let version = version(db).await?;
    Ok(if version > partial::MARK { SchemaState::Partial(version - partial::MARK) } else { SchemaState::At(version) })
}

async fn version(db: &mut Db) -> Result<i64> {
    let sql = Sql::new("select coalesce(max(version), 0) from schema_migrations");
    db.one(sql.yields([ValueType::Int])).await?.int(0)
}

/// Refuses a database that this binary can't read. What holds a part of a backup alone can be read, and is known as such from
/// here on.
pub async fn require_readable(db: &mut Db) -> Result<()> {
    let latest = latest(db.kinds(), db.engine())?;
    match version(db).await {
        Ok(v) if v == latest => Ok(()),
        Ok(v) if v == latest + partial::MARK => partial::load_mark(db).await,
        _ => require_current(db).await,
    }
}

/// Refuses a database that this binary can't work on.
pub async fn require_current(db: &mut Db) -> Result<()> {
    let at = db.location.shown();
    let latest = latest(db.kinds(), db.engine())?;
    // Nearly always this is all there is to ask; what else it may be is found out where it is not.
    if version(db).await.is_ok_and(|v| v == latest) {
        return Ok(());
    }
    match state(db).await? {
        SchemaState::At(v) if v == latest => Ok(()),
        SchemaState::At(v) if v > latest => Err(newer(v, latest).into()),
        SchemaState::At(0) | SchemaState::Empty => {
            Err(Problem::failed(format!("the database {at} is empty")).hint("'orgctl init' fills it").into())
        }
        SchemaState::At(v) => {
            Err(Problem::failed(format!("the database {at} is at version {v}; this orgctl needs {latest}"))
                .hint("'orgctl db migrate' brings it up to date ('--dry-run' shows what it would do)")
                .into())
        }
        SchemaState::Partial(v) if v == latest => Err(partial::refusal(db).await?.into()),
        SchemaState::Partial(v) => {
            Err(Problem::failed(format!("the database {at} is partial and at version {v}; this orgctl needs {latest}"))
                .hint("restore that part of the backup once more, with this orgctl")
                .into())
        }
        SchemaState::Foreign => Err(foreign(&at).into()),
    }
}

fn newer(found: i64, latest: i64) -> Problem {
    Problem::failed(format!("the database is at version {found}, newer than this orgctl, which knows {latest}"))
        .hint("install the newer orgctl; nothing was changed")
}

fn foreign(at: &str) -> Problem {
    Problem::failed(format!("{at} holds tables that orgctl did not make"))
        .hint("name an orgctl database with --database, or an empty one for 'orgctl init'")
}

/// One line of `db status`.
#[derive(Debug, Clone)]
pub struct MigrationLine {
    pub version: i64,
    pub name: String,
    pub applied_at: Option<chrono::DateTime<chrono::Utc>>,
    /// The text is no longer the one that was applied.
    pub changed: bool,
}

/// Every migration and whether it has been applied.
pub async fn status(db: &mut Db) -> Result<Vec<MigrationLine>> {
    let applied = applied(db).await?;
    let mut lines = Vec::new();
    for m in all(db.kinds(), db.engine())? {
        let row = applied.iter().find(|r| r.int(0).is_ok_and(|v| v == m.version));
        lines.push(MigrationLine {
            version: m.version,
            name: m.name.clone(),
            applied_at: row.map(|r| r.time(3)).transpose()?,
            changed: row.is_some_and(|r| r.bytes(2).is_ok_and(|c| c != m.checksum())),
        });
    }
    for row in &applied {
        if lines.iter().all(|l| row.int(0).is_ok_and(|v| v != l.version)) {
            lines.push(MigrationLine {
                version: row.int(0)?,
                name: row.text(1)?.to_owned(),
                applied_at: Some(row.time(3)?),
                changed: false,
            });
        }
    }
    Ok(lines)
}

async fn applied(db: &mut Db) -> Result<Vec<Row>> {
    if !matches!(state(db).await?, SchemaState::At(_) | SchemaState::Partial(_)) {
        return Ok(Vec::new());
    }
    let sql = Sql::new("select version, name, checksum, applied_at from schema_migrations order by version");
    db.all(sql.yields([ValueType::Int, ValueType::Text, ValueType::Bytes, ValueType::Time])).await
}

/// The migrations that would lead from the database's version to `to`, up or down, in their order.
pub async fn plan(db: &mut Db, to: Option<i64>) -> Result<(i64, Vec<Migration>, bool)> {
    let at = db.location.shown();
    let engine = db.engine();
    let latest = latest(db.kinds(), engine)?;
    let from = match state(db).await? {
        SchemaState::Foreign => return Err(foreign(&at).into()),
        SchemaState::Empty => 0,
        SchemaState::At(v) if v > latest => return Err(newer(v, latest).into()),
        SchemaState::At(v) => v,
        // To be dropped with all that is in it.
        SchemaState::Partial(v) if to == Some(0) && v <= latest => v,
        SchemaState::Partial(_) => return Err(partial::refusal(db).await?.into()),
    };
    let to = to.unwrap_or(latest);
    if to < 0 || to > latest {
        return Err(Problem::usage(format!("there is no version {to}"))
            .hint(format!("versions go from 0 to {latest}"))
            .into());
    }
    if let Some(line) = status(db).await?.iter().find(|l| l.changed) {
        return Err(Problem::integrity(format!(
            "migration {:04}_{} is not the one that was applied",
            line.version, line.name
        ))
        .hint("the database was made by another build of orgctl; migrations are never edited")
        .into());
    }
    let up = to >= from;
    let mut steps: Vec<Migration> = all(db.kinds(), engine)?
        .into_iter()
        .filter(|m| if up { m.version > from && m.version <= to } else { m.version > to && m.version <= from })
        .collect();
    if !up {
        steps.reverse();
    }
    Ok((from, steps, up))
}

/// Prepares an empty database: what can't be done inside a transaction.
pub async fn prepare(db: &mut Db) -> Result<()> {
    if db.engine() == Engine::Sqlite && state(db).await? == SchemaState::Empty {
        // Kept in the file. Readers don't wait for writers, and a commit is one append.
        db.script("PRAGMA journal_mode = WAL".into()).await?;
    }
    Ok(())
}

/// What PostgreSQL calls the database.
pub async fn database_name(db: &mut Db) -> Result<String> {
    Ok(db.one(Sql::new("select current_database()::text").yields([ValueType::Text])).await?.text(0)?.to_owned())
}

/// Refuses a database that does not keep text as UTF-8: what is written would come back changed, or not at all.
pub async fn require_utf8(db: &mut Db) -> Result<()> {
    if !db.is_postgres() {
        return Ok(());
    }
    let sql = Sql::new("select current_setting('server_encoding'), current_database()::text");
    let row = db.one(sql.yields([ValueType::Text, ValueType::Text])).await?;
    match row.text(0)? {
        "UTF8" => Ok(()),
        other => {
            let name = quoted(&row.text(1)?.replace('"', "\"\""));
            Err(Problem::failed(format!("the database keeps text as {other}; orgctl needs UTF8"))
                .hint(format!("make it anew: create database {name} encoding 'UTF8' locale 'C' template template0"))
                .into())
        }
    }
}

/// Makes the table in which migrations are written down.
pub(in crate::store) fn own_table(engine: Engine) -> String {
    let (int, blob, time, bounds, strict) = match engine {
        Engine::Sqlite => ("INTEGER", "BLOB", "INTEGER", "-62135596800000000 AND 253402300799999999", " STRICT"),
        Engine::Postgres => ("bigint", "bytea", "timestamptz", "'0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'", ""),
    };
    format!(
        "CREATE TABLE IF NOT EXISTS schema_migrations (
             version     {int} PRIMARY KEY,
             name        text NOT NULL,
             checksum    {blob} NOT NULL,
             applied_at  {time} NOT NULL CHECK (applied_at BETWEEN {bounds})
         ){strict};"
    )
}

/// Takes the lock that makes two migrators serial. Inside the transaction.
pub async fn lock(db: &mut Db) -> Result<()> {
    if db.is_postgres() {
        // A number of our own choosing: "orgctl" read as bytes. SQLite's lock is held already.
        db.script("SELECT pg_advisory_xact_lock(x'6f726763746c'::bigint)".into()).await?;
    }
    Ok(())
}

/// Takes the lock, and makes the place where migrations are written down. Inside the transaction.
pub async fn begin(db: &mut Db) -> Result<()> {
    lock(db).await?;
    match state(db).await? {
        SchemaState::Empty => require_utf8(db).await?,
        SchemaState::Foreign => return Err(foreign(&db.location.shown()).into()),
        // Nothing is made anew: a role that may not make a schema can still look.
        SchemaState::At(_) | SchemaState::Partial(_) => return Ok(()),
    }
    match db.engine() {
        Engine::Sqlite => {
            db.script(format!("PRAGMA application_id = {APPLICATION_ID};")).await?;
            db.script(own_table(Engine::Sqlite)).await
        }
        Engine::Postgres => {
            db.script(format!("CREATE SCHEMA IF NOT EXISTS {SCHEMA}")).await?;
            db.script(own_table(Engine::Postgres)).await
        }
    }
}

/// Applies one step. Inside the transaction.
pub async fn apply(db: &mut Db, step: &Migration, up: bool, now: chrono::DateTime<chrono::Utc>) -> Result<()> {
    let told = |e: Error| e.context(format!("migration {:04}_{} failed; nothing was changed", step.version, step.name));
    if up {
        db.script(step.up.into()).await.map_err(told)?;
        let args = [step.version.into(), step.name.as_str().into(), step.checksum().into(), now.into()];
        let sql = "insert into schema_migrations (version, name, checksum, applied_at) values ($1, $2, $3, $4)";
        db.execute(Sql::new(sql).with(args)).await?;
    } else {
        db.script(step.down.into()).await.map_err(told)?;
        let sql = Sql::new("delete from schema_migrations where version = $1").with([Value::Int(step.version)]);
        db.execute(sql).await?;
    }
    Ok(())
}

/// Copies an SQLite file aside before it is migrated; the copy's path.
pub async fn copy_aside(
    db: &mut Db,
    version: i64,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Option<std::path::PathBuf>> {
    let crate::store::engine::location::Location::Sqlite(path) = &db.location else { return Ok(None) };
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".v{version}-{}", now.format("%Y%m%dT%H%M%SZ")));
    let mut copy = std::path::PathBuf::from(&name);
    for again in 2.. {
        use std::os::unix::fs::OpenOptionsExt as _;
        // VACUUM INTO takes an empty file; made first, so that it is never readable by others.
        match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&copy) {
            Ok(_) => break,
            // Another one in the same second.
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                let mut next = name.clone();
                next.push(format!("-{again}"));
                copy = next.into();
            }
            Err(e) => {
                let why = crate::model::problem::io_message(&e);
                return Err(Problem::failed(format!("can't make the copy {}: {why}", copy.display())).into());
            }
        }
    }
    let target = copy.to_string_lossy().into_owned();
    if let Err(e) = db.execute(Sql::new("VACUUM INTO $1").with([target.into()])).await {
        // A half-made copy must not be taken for a whole one.
        let _ = std::fs::remove_file(&copy);
        return Err(e);
    }
    Ok(Some(copy))
}
