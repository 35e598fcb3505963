//! Many new rows at once, which were made elsewhere.

use crate::store::records::status_sql;
use crate::store::{Error, Result};
use std::collections::{BTreeMap, BTreeSet, HashSet};

use uuid::Uuid;

use super::Tx;
use crate::model::problem::Problem;
use crate::model::random::bytes;
use crate::model::resource::{Descriptor, Field, List};
use crate::model::values::value::{Value, ValueType};
use crate::store::engine::db::Db;
use crate::store::engine::load::Loader;
use crate::store::engine::sql::{Sql, quoted};
use crate::store::engine::{load, sqlite};
use crate::store::import::counts;
use crate::store::records;
use crate::store::records::touched::{Columns, Touched};
use crate::store::schema::deferred::DeferredConstraints;
use crate::store::trail::appender;

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
    desc: &'static Descriptor,
    org: i32,
    rows: Loader,
    words: Option<Loader>,
    audit: Loader,
    /// Rows of links, by their kinds.
    links: Vec<(&'static Descriptor, Loader)>,
    /// So few that the rules across rows are held against these alone, and not against all that are there.
    are_few: bool,
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

/// Locks a row that is read, against others who count.
const ROW_LOCK: &str = " for no key update";

/// A number within a record, as long as there are any.
fn numbered(desc: &Descriptor, number: i64) -> Result<i64, Problem> {
    match number <= i64::from(i32::MAX) {
        true => Ok(number),
        false => Err(Problem::conflict(format!("all numbers of {} there are used up", desc.table))
            .hint("one of them has the highest number that there is: give it another, or the new one a number")),
    }
}

/// New rows from which on it is worth to set indexes aside.
const WORTH_IT: u64 = 10_000;

impl Tx<'_> {
    /// Tells the engine how many rows there are now, where many are new: it plans by what it knew before. PostgreSQL takes a
    /// table that has just been filled for an empty one, SQLite takes an organisation for ten rows.
    pub async fn analyze(&mut self, desc: &'static Descriptor, new_rows: u64) -> Result<()> {
        const FEW: i64 = 50;
        const SQLITE_FEW: u64 = 1000;
        self.flush().await?;
        if !self.db.is_postgres() {
            if new_rows >= SQLITE_FEW {
                // A sample of each index is enough, and takes milliseconds.
                self.db.script(format!("pragma analysis_limit = 400; analyze {}", desc.table)).await?;
            }
            return Ok(());
        }
        let known = Sql::new("select reltuples::bigint from pg_class where oid = to_regclass($1)");
        let known = self.db.one(known.with([desc.table.into()]).yields([ValueType::Int])).await?.int(0)?;
        let new_rows = i64::try_from(new_rows)?;
        if new_rows >= FEW && new_rows >= known / 10 {
            self.db.script(format!("ANALYZE {}", desc.table)).await?;
        }
        Ok(())
    }

    /// Codes for new records of an organisation, by its counter: none that a record has, and none that `besides`, a query,
    /// yields. A counter is volatile: its row has no audit record.
    pub async fn generate_codes(
        &mut self,
        desc: &'static Descriptor,
        org: i32,
        wanted: usize,
        besides: &str,
    ) -> Result<Vec<String>> {
        let Some((field, maker)) = desc.code_maker().filter(|_| wanted > 0) else { return Ok(Vec::new()) };
        let at = [Value::from(org), desc.noun.into()];
        let (first, key) = self.counter(desc, org).await?;
        let mut next = u64::try_from(first)?;
        let mut codes: Vec<String> = Vec::with_capacity(wanted);
        while codes.len() < wanted {
            let few = (wanted - codes.len()).min(1000);
            let some: Option<Vec<String>> = (next..).take(few).map(|n| maker.code(n, &key)).collect();
            let some = some.ok_or_else(|| Problem::conflict(format!("all codes of {} are used up", desc.table)))?;
            next += few as u64;
            let mut sql = Sql::bulk("with v (code) as ", self.db.engine());
            sql.bind_rows(some.iter().map(|c| Value::from(c.as_str())));
            let column = quoted(field.column);
            sql.push(&format!(" select v.code from v cross join {} t where t.{column} = v.code", desc.table));
            sql.push(&format!(" and {} and t.org_id = ", status_sql::live(desc, "t"))).bind(org);
            if let Some(former) = desc.former() {
                // Nor one that means somebody since a merge.
                let [name, value] = [former.field.column, former.value.column].map(quoted);
                let live = status_sql::live(former.desc, "f");
                let table = former.desc.table;
                sql.push(&format!(
                    " union select v.code from v cross join {table} f where f.{value} = v.code and f.{name} = "
                ));
                sql.bind(field.name()).push(&format!(" and {live} and f.org_id = ")).bind(org);
            }
            if !besides.is_empty() {
                sql.push(&format!(" union select code from v where code in ({besides})"));
            }
            let taken = self.db.all(sql.yields([ValueType::Text])).await?;
            let taken: HashSet<&str> = taken.iter().map(|r| r.text(0)).collect::<Result<_>>()?;
            codes.extend(some.iter().filter(|c| !taken.contains(c.as_str())).cloned());
        }
        let sql = "update code_counters set next = $3 where org_id = $1 and kind = $2";
        self.db.execute(Sql::new(sql).with(at).with([i64::try_from(next)?.into()])).await?;
        Ok(codes)
    }

    /// How far codes of a kind have been made, and their key. What is not recorded is written without the organisation's
    /// lock: its counter is locked by itself.
    async fn counter(&mut self, desc: &'static Descriptor, org: i32) -> Result<(i64, [u8; 16])> {
        let at = [Value::from(org), desc.noun.into()];
        let lock = if self.locks_rows(desc) { ROW_LOCK } else { "" };
        let sql = format!("select next, key from code_counters where org_id = $1 and kind = $2{lock}");
        let sql = Sql::new(sql).with(at.clone()).yields([ValueType::Int, ValueType::Bytes]);
        if let Some(row) = self.db.first(sql.clone()).await? {
            return Ok((row.int(0)?, row.bytes(1)?.try_into()?));
        }
        let key: [u8; 16] = bytes(self.random);
        let new = "insert into code_counters (org_id, kind, next, key) values ($1, $2, 0, $3) on conflict do nothing";
        self.db.execute(Sql::new(new).with(at).with([key.to_vec().into()])).await?;
        let row = self.db.one(sql).await?;
        Ok((row.int(0)?, row.bytes(1)?.try_into()?))
    }

    /// Whether what is counted is locked by itself, as the organisation is not. SQLite has one writer anyway.
    fn locks_rows(&self, desc: &Descriptor) -> bool {
        self.db.is_postgres() && !desc.is_recorded()
    }

    /// The next number within a record, for a new one that is counted there.
    pub async fn next_number(&mut self, desc: &'static Descriptor, org: i32, within: Uuid) -> Result<i64> {
        self.flush().await?;
        let counted = desc.counted().ok_or_else(|| Error::bug(format!("{} is not counted", desc.noun)));
        let (counted, container) = counted?;
        if let Some(target) = container.target().filter(|_| self.locks_rows(desc)) {
            let sql = format!("select 1 from {} where org_id = $1 and id = $2{ROW_LOCK}", target.table);
            self.db.first(Sql::new(sql).with([org.into(), within.into()]).yields([ValueType::Int])).await?;
        }
        let (number, container) = (quoted(counted.column), quoted(container.column));
        let sql =
            format!("select coalesce(max({number}), 0) from {} where org_id = $1 and {container} = $2", desc.table);
        let sql = Sql::new(sql).with([org.into(), within.into()]).yields([ValueType::Int]);
        Ok(numbered(desc, self.db.one(sql).await?.int(0)?.saturating_add(1))?)
    }

    /// The same for many that are written later.
    pub async fn next_numbers(&mut self, desc: &'static Descriptor, org: i32, within: &[Uuid]) -> Result<Vec<i64>> {
        let Some((field, container)) = desc.counted().filter(|_| !within.is_empty()) else { return Ok(Vec::new()) };
        counts::create(self.db).await?;
        let mut sql = Sql::bulk("with v (id) as ", self.db.engine());
        sql.bind_rows(within.iter().collect::<BTreeSet<_>>().into_iter().copied());
        sql.push(&format!(
            " select v.id, coalesce((select c.last from import_counts c where c.id = v.id), 0),
                     coalesce((select max(t.{}) from {} t where t.{} = v.id and t.org_id = ",
            quoted(field.column),
            desc.table,
            quoted(container.column)
        ));
        sql.bind(org).push("), 0) from v");
        let mut counted: BTreeMap<Uuid, i64> = BTreeMap::new();
        for row in self.db.all(sql.yields([ValueType::Uuid, ValueType::Int, ValueType::Int])).await? {
            counted.insert(row.uuid(0)?, row.int(1)?.max(row.int(2)?));
        }
        let mut next = |id: &Uuid| {
            let last = counted.entry(*id).or_default();
            *last += 1;
            numbered(desc, *last)
        };
        let numbers = within.iter().map(&mut next).collect::<Result<_, Problem>>()?;
        let mut sql = Sql::bulk("insert into import_counts (id, last) values ", self.db.engine());
        for (i, (id, last)) in counted.into_iter().enumerate() {
            sql.push(if i == 0 { "" } else { ", " }).bind_list([Value::from(id), last.into()]);
        }
        sql.push(" on conflict (id) do update set last = excluded.last");
        self.db.execute(sql).await?;
        Ok(numbers)
    }

    /// Drops the indexes of tables that are about to grow to more than twice their size, to be made again when they have:
    /// sorting once is cheaper than finding each row's place (1.5 times, measured). Inside this transaction nobody sees
    /// it. On PostgreSQL nothing is done: there it would lock readers out.
    ///
    /// The indexes over `forward` stay: while a row waits for another that it refers to, SQLite asks with each new one
    /// who refers to it, and without the index reads the whole table to find out.
    pub async fn drop_indexes(
        &mut self,
        desc: &'static Descriptor,
        new_rows: u64,
        forward: &[&Field],
    ) -> Result<Vec<String>> {
        let mut made = Vec::new();
        if self.db.is_postgres() || new_rows < WORTH_IT {
            return Ok(made);
        }
        for table in [desc.table, "audit_records"] {
            let few = Sql::new(format!("select count(*) from (select 1 from {table} limit $1)"));
            let there =
                self.db.one(few.with([i64::try_from(new_rows)?.into()]).yields([ValueType::Int])).await?.int(0)?;
            if there < i64::try_from(new_rows)? {
                made.extend(load::drop_indexes(self.db, table, forward).await?);
            }
        }
        Ok(made)
    }

    /// Makes the indexes again that were set aside, by their own text.
    pub async fn recreate_indexes(&mut self, indexes: Vec<String>) -> Result<()> {
        if indexes.is_empty() {
            return Ok(());
        }
        // Sorting takes as much memory as the cache may have, and the cache is full.
        load::empty_cache(self.db).await?;
        self.db.script(load::SORTING.into()).await?;
        for index in indexes {
            self.db.script(index).await?;
        }
        self.db.script(format!("pragma threads = 0; pragma cache_size = {}", sqlite::CACHE)).await
    }

    /// Writes new rows of one kind that were made elsewhere, with their audit records and search words. They are there
    /// once [`Tx::write_loaded`] was called.
    pub async fn write_batch(&mut self, loaders: &mut Loaders, rows: Vec<PreparedRow>) -> Result<()> {
        self.flush().await?;
        self.are_loading = true;
        self.keep_protected_from(loaders.desc, loaders.org, &rows)?;
        self.may_load(loaders.desc, loaders.org, rows.iter().map(PreparedRow::id))?;
        let (mut records, mut words, mut audit) = (Vec::new(), Vec::new(), Vec::new());
        let mut links: Vec<Vec<Vec<Value>>> = vec![Vec::new(); loaders.links.len()];
        for mut row in rows {
            if loaders.are_few {
                let id = row.stored[1].as_uuid().unwrap_or_default();
                self.touched.push(Touched {
                    desc: loaders.desc,
                    org: loaders.org,
                    id,
                    columns: Columns::of_new(loaders.desc),
                });
            }
            if self.db.is_postgres() && loaders.words.is_some() {
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
        let last = loaders.rows.gather(self.db, &records).await?;
        if let (Some(loader), false) = (&mut loaders.words, self.db.is_postgres()) {
            // One statement wrote them one after another, so their numbers follow each other.
            let first = last - i64::try_from(words.len())? + 1;
            let rows: Vec<Vec<Value>> =
                (first..).zip(words).map(|(number, words)| vec![number.into(), words.into()]).collect();
            loader.gather(self.db, &rows).await?;
        }
        loaders.audit.gather(self.db, &audit).await?;
        for ((_, loader), links) in loaders.links.iter_mut().zip(links) {
            loader.gather(self.db, &links).await?;
        }
        let beside = loaders.links.iter().map(|(_, loader)| loader);
        if [&loaders.rows, &loaders.audit].into_iter().chain(beside).any(Loader::is_full) {
            self.write_loaded(loaders).await?;
        }
        if !loaders.are_few && !self.filled.contains(&(loaders.desc, loaders.org)) {
            self.filled.push((loaders.desc, loaders.org));
        }
        Ok(())
    }

    /// Writes what loaders have gathered: the rows before those of other tables that refer to them.
    pub async fn write_loaded(&mut self, loaders: &mut Loaders) -> Result<()> {
        loaders.rows.flush(self.db).await?;
        loaders.audit.flush(self.db).await?;
        for (_, loader) in &mut loaders.links {
            loader.flush(self.db).await?;
        }
        self.are_loading = false;
        Ok(())
    }

    /// Writes new rows with what goes with each, but without their audit records, to find those that the database
    /// refuses: halves of what is refused are tried again, down to the row. To be undone by [`Tx::roll_back_to`].
    pub async fn probe(
        &mut self,
        loaders: &mut Loaders,
        rows: Vec<PreparedRow>,
        late: &DeferredConstraints,
    ) -> Result<Vec<(PreparedRow, Problem)>> {
        let mut refused = Vec::new();
        let mut waiting = vec![rows];
        while let Some(mut some) = waiting.pop() {
            self.db.script("SAVEPOINT probe".into()).await?;
            let Err(e) = self.try_rows(loaders, &some, late).await else {
                self.db.script("RELEASE SAVEPOINT probe".into()).await?;
                continue;
            };
            let problem = e.problem()?;
            if problem.rule.is_none() {
                return Err(problem.into());
            }
            self.db.script("ROLLBACK TO SAVEPOINT probe; RELEASE SAVEPOINT probe".into()).await?;
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

    pub(super) async fn try_rows(
        &mut self,
        loaders: &mut Loaders,
        rows: &[PreparedRow],
        late: &DeferredConstraints,
    ) -> Result<()> {
        let mut written: Vec<Vec<Value>> = rows.iter().map(|row| row.stored.clone()).collect();
        if self.db.is_postgres() && loaders.words.is_some() {
            written.iter_mut().zip(rows).for_each(|(stored, row)| stored.push(row.words.as_str().into()));
        }
        loaders.rows.gather(self.db, &written).await?;
        loaders.rows.flush(self.db).await?;
        for (desc, loader) in &mut loaders.links {
            let links = rows.iter().flat_map(|row| &row.links).filter(|link| link.desc == *desc);
            let links: Vec<Vec<Value>> = links.map(|link| link.stored.clone()).collect();
            loader.gather(self.db, &links).await?;
            loader.flush(self.db).await?;
        }
        late.check(self.db).await
    }
}
