//! Many new rows at once, which were made elsewhere.

use uuid::Uuid;

use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Field, List};
use crate::model::values::value::{Value, ValueType};
use crate::store::engine::db::Db;
use crate::store::engine::load::Loader;
use crate::store::engine::sql::{Sql, quoted};
use crate::store::engine::{load, sqlite};
use crate::store::records;
use crate::store::schema::deferred::DeferredConstraints;
use crate::store::trail::appender;
use crate::store::{Error, Result};

/// A new record that was made elsewhere: everything that is written of it.
pub struct PreparedRow {
    /// The links that give it what its lists hold, and what else is made with it.
    pub links: Vec<PreparedLink>,
    /// Values of [`records::stored_columns`].
    pub stored: Vec<Value>,
    /// What search finds it by.
    pub words: String,
    /// What [`TreeAppender::append`](crate::store::trail::appender::TreeAppender::append) made.
    pub audit: Vec<Value>,
}

impl PreparedRow {
    pub fn id(&self) -> Uuid {
        self.stored[1].as_uuid().unwrap_or_default()
    }
}

/// A new link that was made elsewhere.
pub struct PreparedLink {
    pub desc: &'static Descriptor,
    pub id: Uuid,
    pub stored: Vec<Value>,
    pub audit: Vec<Value>,
}

/// Where the new records of one kind and organisation go.
pub struct Loaders {
    pub(super) desc: &'static Descriptor,
    pub(super) org: i32,
    rows: Loader,
    words: Option<Loader>,
    audit: Loader,
    /// Rows of links, by their kinds.
    links: Vec<(&'static Descriptor, Loader)>,
    /// So few that the rules across rows are held against these alone, and not against all that are there.
    pub(super) are_few: bool,
}

/// New rows up to which that is quicker (measured: a million rows take a second to go through, a thousand take a tenth).
const FEW: u64 = 1000;

/// Audit records that one statement of SQLite writes: with the trigger that guards their order, a statement each costs
/// twice as much (measured).
const AUDIT_BATCH: usize = 50;

impl Loaders {
    pub async fn new(
        db: &mut Db,
        desc: &'static Descriptor,
        org: i32,
        beside: Option<&'static Descriptor>,
        new_rows: u64,
    ) -> Result<Loaders> {
        let mut columns: Vec<String> = records::stored_columns(desc).iter().map(|(name, _)| quoted(name)).collect();
        let searchable = desc.is_searchable();
        if searchable && db.is_postgres() {
            columns.push("search".into());
        }
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let index = format!("{}_search", desc.table);
        let words = match (searchable, db.is_postgres()) {
            (false, _) => None,
            (true, false) => Some(Loader::new(db, &index, &["rowid", "words"], 1).await?),
            (true, true) => Some(Loader::new(db, desc.table, &["search"], 1).await?),
        };
        let audit: Vec<&str> = appender::COLUMNS.iter().map(|(name, _)| *name).collect();
        let mut links = Vec::new();
        for of in desc.lists.iter().map(List::desc).chain(beside) {
            let columns: Vec<String> = records::stored_columns(of).iter().map(|(name, _)| quoted(name)).collect();
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            links.push((of, Loader::new(db, of.table, &columns, 1).await?));
        }
        Ok(Loaders {
            desc,
            org,
            are_few: new_rows <= FEW,
            rows: Loader::new(db, desc.table, &columns, 1).await?,
            words,
            audit: Loader::new(db, "audit_records", &audit, AUDIT_BATCH).await?,
            links,
        })
    }
}

/// Writes what was made elsewhere, and knows of which kinds.
#[derive(Default)]
pub(super) struct BulkWriter {
    /// Kinds that a load filled: their rules are checked over the whole organisation.
    filled: Vec<(&'static Descriptor, i32)>,
    /// Loaders have rows that wait for [`BulkWriter::write_loaded`].
    are_loading: bool,
}

impl BulkWriter {
    pub(super) fn filled(&self) -> usize {
        self.filled.len()
    }

    pub(super) fn take_filled(&mut self) -> Vec<(&'static Descriptor, i32)> {
        std::mem::take(&mut self.filled)
    }

    /// Forgets what loaders have, and all kinds but the first that were filled.
    pub(super) fn shrink_to(&mut self, filled: usize) {
        self.filled.truncate(filled);
        self.are_loading = false;
    }

    /// Whether all that was loaded was written.
    pub(super) fn require_written(&self) -> Result<()> {
        match self.are_loading {
            true => Err(Error::bug("rows that were loaded were not written; nothing was changed")),
            false => Ok(()),
        }
    }

    /// Writes new rows of one kind that were made elsewhere, with their audit records and search words. They are there
    /// once [`BulkWriter::write_loaded`] was called.
    pub(super) async fn write(&mut self, db: &mut Db, loaders: &mut Loaders, rows: Vec<PreparedRow>) -> Result<()> {
        self.are_loading = true;
        let (mut records, mut words, mut audit) = (Vec::new(), Vec::new(), Vec::new());
        let mut links: Vec<Vec<Vec<Value>>> = vec![Vec::new(); loaders.links.len()];
        for mut row in rows {
            if db.is_postgres() && loaders.words.is_some() {
                row.stored.push(std::mem::take(&mut row.words).into());
            }
            records.push(row.stored);
            words.push(row.words);
            audit.push(row.audit);
            for link in row.links {
                // Each joins what is new with what was found under the lock, and one is the first: no rule is broken by that.
                audit.push(link.audit);
                let to = loaders.links.iter().position(|(desc, _)| *desc == link.desc);
                links[to.ok_or_else(|| Error::bug(format!("{} has no links", loaders.desc.noun)))?].push(link.stored);
            }
        }
        let last = loaders.rows.gather(db, &records).await?;
        if let (Some(loader), false) = (&mut loaders.words, db.is_postgres()) {
            // One statement wrote them one after another, so their numbers follow each other.
            let first = last - i64::try_from(words.len())? + 1;
            let rows: Vec<Vec<Value>> =
                (first..).zip(words).map(|(number, words)| vec![number.into(), words.into()]).collect();
            loader.gather(db, &rows).await?;
        }
        loaders.audit.gather(db, &audit).await?;
        for ((_, loader), links) in loaders.links.iter_mut().zip(links) {
            loader.gather(db, &links).await?;
        }
        let beside = loaders.links.iter().map(|(_, loader)| loader);
        if [&loaders.rows, &loaders.audit].into_iter().chain(beside).any(Loader::is_full) {
            self.write_loaded(db, loaders).await?;
        }
        if !loaders.are_few && !self.filled.contains(&(loaders.desc, loaders.org)) {
            self.filled.push((loaders.desc, loaders.org));
        }
        Ok(())
    }

    /// Writes what loaders have gathered: the rows before those of other tables that refer to them.
    pub(super) async fn write_loaded(&mut self, db: &mut Db, loaders: &mut Loaders) -> Result<()> {
        loaders.rows.flush(db).await?;
        loaders.audit.flush(db).await?;
        for (_, loader) in &mut loaders.links {
            loader.flush(db).await?;
        }
        self.are_loading = false;
        Ok(())
    }
}

/// Tells the engine how many rows there are now, where many are new: it plans by what it knew before. PostgreSQL takes a
/// table that has just been filled for an empty one, SQLite takes an organisation for ten rows.
pub(super) async fn analyze(db: &mut Db, table: &str, new_rows: u64) -> Result<()> {
    const FEW: i64 = 50;
    const SQLITE_FEW: u64 = 1000;
    if !db.is_postgres() {
        if new_rows >= SQLITE_FEW {
            // A sample of each index is enough, and takes milliseconds.
            db.script(format!("pragma analysis_limit = 400; analyze {table}")).await?;
        }
        return Ok(());
    }
    let known = Sql::new("select reltuples::bigint from pg_class where oid = to_regclass($1)");
    let known = db.one(known.with([table.into()]).yields([ValueType::Int])).await?.int(0)?;
    let new_rows = i64::try_from(new_rows)?;
    if new_rows >= FEW && new_rows >= known / 10 {
        db.script(format!("ANALYZE {table}")).await?;
    }
    Ok(())
}

/// New rows from which on it is worth to set indexes aside.
const WORTH_IT: u64 = 10_000;

/// Drops the indexes of tables that are about to grow to more than twice their size, to be made again when they have:
/// sorting once is cheaper than finding each row's place (1.5 times, measured). Inside this transaction nobody sees
/// it. On PostgreSQL nothing is done: there it would lock readers out.
///
/// The indexes over `forward` stay: while a row waits for another that it refers to, SQLite asks with each new one
/// who refers to it, and without the index reads the whole table to find out.
pub(super) async fn drop_indexes(
    db: &mut Db,
    desc: &'static Descriptor,
    new_rows: u64,
    forward: &[&Field],
) -> Result<Vec<String>> {
    let mut made = Vec::new();
    if db.is_postgres() || new_rows < WORTH_IT {
        return Ok(made);
    }
    for table in [desc.table, "audit_records"] {
        let few = Sql::new(format!("select count(*) from (select 1 from {table} limit $1)"));
        let there = db.one(few.with([i64::try_from(new_rows)?.into()]).yields([ValueType::Int])).await?.int(0)?;
        if there < i64::try_from(new_rows)? {
            made.extend(load::drop_indexes(db, table, forward).await?);
        }
    }
    Ok(made)
}

/// Makes the indexes again that were set aside, by their own text.
pub(super) async fn recreate_indexes(db: &mut Db, indexes: Vec<String>) -> Result<()> {
    if indexes.is_empty() {
        return Ok(());
    }
    // Sorting takes as much memory as the cache may have, and the cache is full.
    load::empty_cache(db).await?;
    db.script(load::SORTING.into()).await?;
    for index in indexes {
        db.script(index).await?;
    }
    db.script(format!("pragma threads = 0; pragma cache_size = {}", sqlite::CACHE)).await
}

/// Writes new rows with what goes with each, but without their audit records, to find those that the database
/// refuses: halves of what is refused are tried again, down to the row. To be undone.
pub(super) async fn probe(
    db: &mut Db,
    loaders: &mut Loaders,
    rows: Vec<PreparedRow>,
    late: &DeferredConstraints,
) -> Result<Vec<(PreparedRow, Problem)>> {
    let mut refused = Vec::new();
    let mut waiting = vec![rows];
    while let Some(mut some) = waiting.pop() {
        db.script("SAVEPOINT probe".into()).await?;
        let Err(e) = try_rows(db, loaders, &some, late).await else {
            db.script("RELEASE SAVEPOINT probe".into()).await?;
            continue;
        };
        let problem = e.problem()?;
        if problem.rule.is_none() {
            return Err(problem.into());
        }
        db.script("ROLLBACK TO SAVEPOINT probe; RELEASE SAVEPOINT probe".into()).await?;
        match some.len() {
            1 => refused.extend(some.pop().map(|only| (only, problem))),
            n => {
                let half = some.split_off(n / 2);
                waiting.extend([half, some]);
            }
        }
    }
    Ok(refused)
}

async fn try_rows(db: &mut Db, loaders: &mut Loaders, rows: &[PreparedRow], late: &DeferredConstraints) -> Result<()> {
    let mut written: Vec<Vec<Value>> = rows.iter().map(|row| row.stored.clone()).collect();
    if db.is_postgres() && loaders.words.is_some() {
        written.iter_mut().zip(rows).for_each(|(stored, row)| stored.push(row.words.as_str().into()));
    }
    loaders.rows.gather(db, &written).await?;
    loaders.rows.flush(db).await?;
    for (desc, loader) in &mut loaders.links {
        let links = rows.iter().flat_map(|row| &row.links).filter(|link| link.desc == *desc);
        let links: Vec<Vec<Value>> = links.map(|link| link.stored.clone()).collect();
        loader.gather(db, &links).await?;
        loader.flush(db).await?;
    }
    late.check(db).await
}
