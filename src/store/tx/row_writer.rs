//! Rows of records: new ones wait to be written together, and what differs is written with a statement for many.

use std::collections::BTreeSet;

use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Record};
use crate::model::search as words;
use crate::model::values::value::Value;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Sql, quoted};
use crate::store::records::touched::{Columns, Touched};
use crate::store::records::{self, search};
use crate::store::{Error, Result};

/// Rows written by one statement: some thousand arguments.
const BATCH: usize = 100;

/// Rows of one kind that a statement changes, and audit records that one writes.
pub(super) const TOGETHER: usize = 1000;

/// The column that counts how often a row was written.
const VERSION: &str = "version";

/// Writes rows, and knows which.
#[derive(Default)]
pub(super) struct RowWriter {
    /// New ones that wait to be written together.
    waiting: Vec<Record>,
    touched: Vec<Touched>,
}

impl RowWriter {
    /// Takes a new row, which waits to be written; whether so many wait that they should be.
    pub(super) fn add(&mut self, record: Record) -> bool {
        let (org, id) = record.meta.record_id();
        self.touched.push(Touched { desc: record.desc, org, id, columns: Columns::of_new(record.desc) });
        self.waiting.push(record);
        self.waiting.len() >= BATCH
    }

    /// Notes a row that was written elsewhere.
    pub(super) fn touch(&mut self, touched: Touched) {
        self.touched.push(touched);
    }

    /// The rows that were written.
    pub(super) fn take_touched(&mut self) -> Vec<Touched> {
        std::mem::take(&mut self.touched)
    }

    /// How many were.
    pub(super) fn touched(&self) -> usize {
        self.touched.len()
    }

    /// Forgets what waits, and all but the first that were written.
    pub(super) fn shrink_to(&mut self, touched: usize) {
        self.waiting.clear();
        self.touched.truncate(touched);
    }

    /// Writes the rows that wait.
    pub(super) async fn flush(&mut self, db: &mut Db) -> Result<()> {
        let rows = std::mem::take(&mut self.waiting);
        for same in rows.chunk_by(|a, b| a.desc == b.desc) {
            insert(db, same).await?;
        }
        Ok(())
    }

    /// Writes rows of one kind that differ from what they were: every column in which one of them does; what all of them
    /// have then is told once.
    pub(super) async fn rewrite(&mut self, db: &mut Db, some: &[Rewritten]) -> Result<()> {
        let Some(first) = some.first() else { return Ok(()) };
        let columns = records::stored_columns(first.after.desc);
        let places: BTreeSet<usize> = some.iter().flat_map(|w| w.places.iter().copied()).collect();
        let places = places.into_iter().filter(|place| columns[*place].0 != VERSION);
        let is_one = |place: &usize| some.iter().all(|w| w.stored[*place] == first.stored[*place]);
        let (one, own): (Vec<usize>, Vec<usize>) = places.partition(is_one);
        let words_in_row = db.is_postgres() && some.iter().any(|w| w.has_new_words);
        let names: Vec<String> = own.iter().map(|place| format!(", c{place}")).collect();
        let words = if words_in_row { ", words" } else { "" };
        let text = format!("with v (org, id, seen{}{words}) as (values ", names.concat());
        let mut sql = Sql::bulk(text, db.engine());
        for (i, w) in some.iter().enumerate() {
            let (org, id) = w.after.meta.record_id();
            let key = [org.into(), id.into(), w.before.meta.version.into()];
            let words = words_in_row.then(|| Value::from(words::words_of(&w.after)));
            let values = own.iter().map(|place| w.stored[*place].clone());
            sql.push(if i == 0 { "" } else { ", " }).bind_list(key.into_iter().chain(values).chain(words));
        }
        sql.push(&format!(") update {} as t set version = t.version + 1", first.after.desc.table));
        for place in own {
            sql.push(&format!(", {} = v.c{place}", quoted(columns[place].0)));
        }
        for place in one {
            sql.push(&format!(", {} = ", quoted(columns[place].0))).bind(first.stored[place].clone());
        }
        if words_in_row {
            sql.push(", search = cast(v.words as tsvector)");
        }
        sql.push(" from v where t.org_id = v.org and t.id = v.id and t.version = v.seen");
        if db.execute(sql).await? != some.len() as u64 {
            return Err(who_is_stale(db, some.iter().map(|w| &w.before)).await?.into());
        }
        for w in some.iter().filter(|w| w.has_new_words && !words_in_row) {
            search::change(db, &w.after).await?;
        }
        self.touched.extend(some.iter().map(Rewritten::touched));
        Ok(())
    }

    /// Takes rows of one kind and organisation away for good.
    pub(super) async fn remove(&mut self, db: &mut Db, some: &[Record]) -> Result<()> {
        let Some(first) = some.first() else { return Ok(()) };
        let (desc, org) = (first.desc, first.meta.org_id);
        search::remove(db, some).await?;
        let is_as_seen = if desc.is_recorded() { " and x.version = v.seen" } else { "" };
        let mut sql = Sql::bulk("with v (id, seen) as (values ", db.engine());
        for (i, record) in some.iter().enumerate() {
            sql.push(if i == 0 { "" } else { ", " });
            sql.bind_list([Value::from(record.meta.id), record.meta.version.into()]);
        }
        sql.push(&format!(") delete from {} where org_id = ", desc.table)).bind(org);
        sql.push(&format!(" and id in (select x.id from v cross join {} x where x.org_id = ", desc.table)).bind(org);
        sql.push(&format!(" and x.id = v.id{is_as_seen})"));
        match db.execute(sql).await? == some.len() as u64 {
            true => Ok(()),
            false => Err(who_is_stale(db, some.iter()).await?.into()),
        }
    }
}

/// Writes new rows of one kind and their search words.
async fn insert(db: &mut Db, rows: &[Record]) -> Result<()> {
    let Some(desc) = rows.first().map(|r| r.desc) else { return Ok(()) };
    let mut names: Vec<String> = records::stored_columns(desc).iter().map(|(name, _)| quoted(name)).collect();
    let words_in_row = db.is_postgres() && desc.is_searchable();
    if words_in_row {
        names.push("search".into());
    }
    let text = format!("insert into {} ({}) values ", desc.table, names.join(", "));
    let mut sql = Sql::bulk(text, db.engine());
    for (i, row) in rows.iter().enumerate() {
        let mut places: Vec<String> = records::stored_values(row.clone()).into_iter().map(|v| sql.arg(v)).collect();
        if words_in_row {
            places.push(format!("cast({} as tsvector)", sql.arg(words::words_of(row))));
        }
        sql.push(if i == 0 { "(" } else { ", (" }).push(&places.join(", ")).push(")");
    }
    db.execute(sql).await?;
    search::add(db, rows).await
}

/// Which of some records is no longer as it was seen.
async fn who_is_stale<'r>(db: &mut Db, seen: impl Iterator<Item = &'r Record>) -> Result<Problem> {
    let mut last = None;
    for before in seen {
        let now = records::load(db, before.desc, before.meta.org_id, before.meta.id).await?;
        if now.is_none_or(|now| now.meta.version != before.meta.version) {
            return Ok(stale(before));
        }
        last = Some(before);
    }
    last.map(stale).ok_or_else(|| Error::bug("nothing was to be written"))
}

/// A row that is another one than before.
pub(super) struct Rewritten {
    pub(super) before: Record,
    pub(super) after: Record,
    /// Values of [`records::stored_columns`], and the places at which they differ from those before.
    stored: Vec<Value>,
    places: Vec<usize>,
    /// Whether search finds it by other words.
    has_new_words: bool,
}

impl Rewritten {
    pub(super) fn of(before: Record, after: Record) -> Rewritten {
        let (old, stored) = (records::stored_values(before.clone()), records::stored_values(after.clone()));
        let places = old.iter().zip(&stored).enumerate().filter(|(_, (old, new))| old != new);
        let places = places.map(|(place, _)| place).collect();
        let has_new_words = after.desc.is_searchable() && words::words_of(&before) != words::words_of(&after);
        Rewritten { before, after, stored, places, has_new_words }
    }

    /// Its kind and organisation, and the columns in which it differs.
    pub(super) fn changing(&self) -> (&'static Descriptor, i32, Columns) {
        let mut columns = Columns::default();
        self.places.iter().for_each(|place| columns.add(*place));
        (self.after.desc, self.after.meta.org_id, columns)
    }

    fn touched(&self) -> Touched {
        let (desc, org, columns) = self.changing();
        Touched { desc, org, id: self.after.meta.id, columns }
    }
}

pub(super) fn stale(record: &Record) -> Problem {
    Problem::conflict(format!("{} was changed by somebody else in the meantime", record.title())).hint(format!(
        "look at it again: orgctl {} show {}",
        record.desc.noun,
        record.key()
    ))
}
