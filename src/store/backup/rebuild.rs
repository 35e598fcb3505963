//! Filling an empty database with everything that was in another (`store/backup/dump.rs`): indexes, references and triggers are set
//! aside meanwhile, and made again over all rows at once.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::dump::Shape;
use super::dump_lines;
use crate::model::kinds::Kinds;
use crate::model::problem::Problem;
use crate::model::resource::Attr;
use crate::model::search;
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::{Conn, Db};
use crate::store::engine::location::Engine;
use crate::store::engine::sql::{Sql, quoted};
use crate::store::engine::{postgres, sqlite};
use crate::store::schema::migrate::{self, SchemaState};

/// What a row is found by: the words of these fields of its line.
pub struct WordsOf<'a> {
    at: Vec<usize>,
    shape: &'a Shape,
}

impl WordsOf<'_> {
    fn new(kinds: Kinds, shape: &Shape) -> Option<WordsOf<'_>> {
        let desc = kinds.by_table(&shape.name)?;
        let at = |column: &str| shape.columns.iter().position(|(name, _)| name == column);
        let fields = desc.fields.iter().filter(|f| f.has(Attr::Search));
        let at: Vec<usize> = fields.filter_map(|f| at(f.column)).collect();
        (!at.is_empty()).then_some(WordsOf { at, shape })
    }

    /// The words of a line; `None` where it is no line of the table.
    pub fn of_line(&self, line: &[u8]) -> Option<String> {
        let fields: Vec<&[u8]> = dump_lines::fields(line).collect();
        if fields.len() != self.shape.columns.len() {
            return None;
        }
        let texts: Option<Vec<Cow<'_, str>>> =
            self.at.iter().map(|i| dump_lines::text(fields[*i]).ok().map(Option::unwrap_or_default)).collect();
        texts.map(search::of_texts)
    }
}

/// What was set aside, as the statements that make it again.
pub struct DroppedObjects {
    again: Vec<String>,
    version: i64,
    /// References may lead to what is not there.
    is_part: bool,
}

impl DroppedObjects {
    /// Expects a part of the rows alone: what they refer to may have been left out.
    pub fn of_part(mut self) -> DroppedObjects {
        self.is_part = true;
        // They are there as the migrations make them, and are not held against the rows.
        for statement in self.again.iter_mut().filter(|s| s.contains(" FOREIGN KEY ")) {
            statement.push_str(" NOT VALID");
        }
        self
    }
}

/// Prepares the connection to an SQLite file that is thrown away where anything fails, and is moved into its place, or
/// copied, at the end. Outside a transaction.
pub async fn relax_durability(db: &mut Db) -> Result<()> {
    match db.engine() {
        Engine::Sqlite => {
            db.script("PRAGMA foreign_keys = OFF; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF".into()).await
        }
        Engine::Postgres => Ok(()),
    }
}

/// Puts a file that was filled into the state in which databases are kept.
pub async fn restore_durability(db: &mut Db) -> Result<()> {
    match db.engine() {
        Engine::Sqlite => db.script("PRAGMA journal_mode = WAL".into()).await,
        Engine::Postgres => Ok(()),
    }
}

/// Begins to fill a database that nobody else sees, and that is thrown away.
pub async fn begin_scratch(db: &mut Db) -> Result<()> {
    db.script("BEGIN".into()).await
}

/// Makes the tables of a version of the schema, empty, without what slows a load down. Inside the transaction.
pub async fn begin(db: &mut Db, version: i64, at: DateTime<Utc>) -> Result<DroppedObjects> {
    migrate::begin(db).await?;
    // Looked at under the lock: another command may have filled it since it was found empty.
    if !matches!(migrate::state(db).await?, SchemaState::Empty | SchemaState::At(0)) {
        let sentence = format!("{} was filled by another command meanwhile; nothing was changed", db.location.shown());
        return Err(Problem::conflict(sentence).hint("look at what it did, and name another place").into());
    }
    for step in migrate::all(db.kinds(), db.engine())?.iter().filter(|m| m.version <= version) {
        migrate::apply(db, step, true, at).await?;
    }
    let again = match db.engine() {
        Engine::Sqlite => drop_objects_sqlite(db).await?,
        Engine::Postgres => drop_objects_postgres(db).await?,
    };
    Ok(DroppedObjects { again, version, is_part: false })
}

async fn drop_objects_sqlite(db: &mut Db) -> Result<Vec<String>> {
    let sql = "select type, name, sql from sqlite_schema
                where type in ('index', 'trigger') and sql is not null order by type, rowid";
    let rows = db.all(Sql::new(sql).yields([ValueType::Text, ValueType::Text, ValueType::Text])).await?;
    let mut again = Vec::new();
    for row in rows {
        db.script(format!("drop {} {}", row.text(0)?, quoted(row.text(1)?))).await?;
        again.push(row.text(2)?.to_owned());
    }
    for table in tables(db).await? {
        db.script(format!("delete from {}", quoted(&table))).await?;
    }
    Ok(again)
}

/// Our tables, but the one that tells the version.
async fn tables(db: &mut Db) -> Result<Vec<String>> {
    let sql = match db.engine() {
        // Those of the search index are empty.
        Engine::Sqlite => {
            "select name from sqlite_schema where type = 'table' and name <> 'schema_migrations' and sql not like 'CREATE VIRTUAL%'
                and not exists (select 1 from sqlite_schema v where v.sql like 'CREATE VIRTUAL%'
                                   and sqlite_schema.name like v.name || '\\_%' escape '\\') order by name"
        }
        Engine::Postgres => {
            "select tablename::text from pg_tables where schemaname = 'orgctl' and tablename <> 'schema_migrations' order by 1"
        }
    };
    db.all(Sql::new(sql).yields([ValueType::Text])).await?.iter().map(|r| Ok(r.text(0)?.to_owned())).collect()
}

async fn drop_objects_postgres(db: &mut Db) -> Result<Vec<String>> {
    let constraints = "select conrelid::regclass::text, conname::text, contype::text, pg_get_constraintdef(oid)
           from pg_constraint
          where connamespace = 'orgctl'::regnamespace and contype in ('f', 'p', 'u')
            and conrelid <> 'orgctl.schema_migrations'::regclass
          order by contype = 'f' desc, oid";
    let (mut keys, mut references) = (Vec::new(), Vec::new());
    for row in db
        .all(Sql::new(constraints).yields([ValueType::Text, ValueType::Text, ValueType::Text, ValueType::Text]))
        .await?
    {
        let (table, name, definition) = (row.text(0)?, quoted(row.text(1)?), row.text(3)?);
        db.script(format!("alter table {table} drop constraint {name}")).await?;
        let again = format!("alter table {table} add constraint {name} {definition}");
        if row.text(2)? == "f" { &mut references } else { &mut keys }.push(again);
    }
    let indexes =
        "select c.oid::regclass::text, pg_get_indexdef(c.oid) from pg_class c join pg_index i on i.indexrelid = c.oid
          where c.relnamespace = 'orgctl'::regnamespace and i.indrelid <> 'orgctl.schema_migrations'::regclass
            and not exists (select from pg_constraint where conindid = c.oid) order by c.oid";
    let mut again = keys;
    for row in db.all(Sql::new(indexes).yields([ValueType::Text, ValueType::Text])).await? {
        db.script(format!("drop index {}", row.text(0)?)).await?;
        again.push(row.text(1)?.to_owned());
    }
    again.extend(references);
    let tables = tables(db).await?;
    for table in &tables {
        db.script(format!("alter table {} disable trigger user", quoted(table))).await?;
        again.push(format!("alter table {} enable trigger user", quoted(table)));
    }
    let all: Vec<String> = tables.iter().map(|t| quoted(t)).collect();
    db.script(format!("truncate {}", all.join(", "))).await?;
    Ok(again)
}

/// Loads the rows of a table: `next` gives whole lines, until there are none. Their number.
pub async fn load_table(
    db: &mut Db,
    shape: &Shape,
    next: &mut dyn FnMut(&mut Vec<u8>) -> Result<bool>,
    done: &mut dyn FnMut(u64),
) -> Result<u64> {
    let words = WordsOf::new(db.kinds(), shape);
    let columns: Vec<String> = shape.columns.iter().map(|(name, _)| quoted(name)).collect();
    let kinds: Vec<ValueType> = shape.columns.iter().map(|(_, kind)| *kind).collect();
    let (mut rows, mut block) = (0, Vec::new());
    match db.split() {
        (Conn::Sqlite(c), location) => {
            let of_line = words.as_ref().map(|words| |line: &[u8]| words.of_line(line));
            let of_line = of_line.as_ref().map(|of_line| of_line as sqlite::WordsOfLine<'_>);
            while next(&mut block)? {
                let table = (shape.name.as_str(), columns.as_slice(), kinds.as_slice());
                rows += sqlite::load_lines(c, location, table, of_line, &block).await?;
                done(rows);
                // A signal may be heard.
                tokio::task::yield_now().await;
            }
        }
        (Conn::Postgres(c), location) => {
            let failed = |e| postgres::problem(e, location);
            let mut list = columns.join(", ");
            if words.is_some() {
                list.push_str(", search");
            }
            // Into a table of this transaction, whose rows need no second look later.
            let text = format!("copy {} ({list}) from stdin (freeze)", shape.name);
            let mut copy = c.copy_in_raw(&text).await.map_err(failed)?;
            let mut with_words = Vec::new();
            while next(&mut block)? {
                let bytes = match &words {
                    Some(words) => {
                        add_words(words, &block, &mut with_words)?;
                        &with_words
                    }
                    None => &block,
                };
                rows += block.iter().filter(|b| **b == b'\n').count() as u64;
                copy.send(bytes.as_slice()).await.map_err(failed)?;
                done(rows);
            }
            copy.finish().await.map_err(failed)?;
        }
    }
    Ok(rows)
}

/// The lines with the words of each behind it.
fn add_words(words: &WordsOf<'_>, block: &[u8], into: &mut Vec<u8>) -> Result<()> {
    into.clear();
    for line in block.split_inclusive(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let found = words.of_line(line);
        let found = found.ok_or_else(|| {
            Problem::integrity(format!("what is to be loaded into {} is no row of it", words.shape.name))
        })?;
        into.extend(line);
        into.push(b'\t');
        into.extend(found.as_bytes());
        into.push(b'\n');
    }
    Ok(())
}

/// Makes again what was set aside, and brings the schema to the version of this program. Inside the transaction.
pub async fn finish(db: &mut Db, aside: DroppedObjects, at: DateTime<Utc>, done: &mut dyn FnMut(u64)) -> Result<()> {
    if db.is_postgres() {
        // What only this engine keeps.
        db.script("update audit_heads set pending = size".into()).await?;
    }
    for (n, statement) in aside.again.into_iter().enumerate() {
        let statement = match db.engine() {
            Engine::Sqlite => statement,
            // Words are gathered in a tree, which is fastest while the processor's cache holds it: at a million users 64 MB
            // take 1.7 times as long as 4 MB. Other indexes sort, and have the more of it the better.
            Engine::Postgres => {
                let memory = if statement.contains(" USING gin ") { "4MB" } else { "128MB" };
                format!("SET LOCAL maintenance_work_mem = '{memory}'; {statement}")
            }
        };
        db.script(statement).await?;
        done(n as u64 + 1);
    }
    if db.is_postgres() {
        let next = "select setval(pg_get_serial_sequence('orgctl.actors', 'actor_id'), greatest(max(actor_id), 1)) from actors";
        db.script(next.into()).await?;
        // What is asked next goes over all rows: a planner that knows nothing of them would take hours for it. A quarter of
        // the usual sample tells it enough; autovacuum, to which all of these rows are new, looks again.
        let tables: Vec<String> = tables(db).await?.iter().map(|t| quoted(t)).collect();
        db.script(format!("SET LOCAL default_statistics_target = 25; ANALYZE {}", tables.join(", "))).await?;
    } else if !aside.is_part {
        let broken = "select count(*) from pragma_foreign_key_check";
        if db.one(Sql::new(broken).yields([ValueType::Int])).await?.int(0)? > 0 {
            return Err(Problem::integrity("rows refer to others that are not there").into());
        }
    }
    for step in migrate::all(db.kinds(), db.engine())?.iter().filter(|m| m.version > aside.version) {
        let applied = migrate::apply(db, step, true, at).await;
        applied.map_err(|e| e.context("what was restored could not be migrated"))?;
    }
    Ok(())
}
