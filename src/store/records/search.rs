//! The search index: FTS5 beside the table on SQLite, a `tsvector` in the row on PostgreSQL; both hold the words that
//! `model::search` makes.

use crate::model::resource::{Descriptor, Record};
use crate::model::search;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::location::Engine;
use crate::store::engine::sql::Sql;

/// The column by which SQLite's index names a row.
pub(in crate::store) fn row_number(desc: &Descriptor) -> &'static str {
    if desc.is_org() { "org_id" } else { "row_id" }
}

/// The row of a record, as a subquery; two arguments follow.
fn row_of(desc: &Descriptor, record: &Record, sql: &mut Sql) {
    sql.push(&format!("(select {} from {} where org_id = ", row_number(desc), desc.table));
    sql.bind(record.meta.org_id).push(" and id = ").bind(record.meta.id).push(")");
}

/// Puts the words of new records of one kind into SQLite's index; on PostgreSQL they came with the rows.
pub async fn add(db: &mut Db, rows: &[Record]) -> Result<()> {
    let Some(desc) = rows.first().map(|r| r.desc).filter(|d| d.is_searchable()) else { return Ok(()) };
    if db.engine() == Engine::Postgres {
        return Ok(());
    }
    let mut sql = Sql::bulk(format!("insert into {}_search (rowid, words) values ", desc.table), db.engine());
    for (i, row) in rows.iter().enumerate() {
        sql.push(if i == 0 { "(" } else { ", (" });
        row_of(desc, row, &mut sql);
        sql.push(", ").bind(search::words_of(row)).push(")");
    }
    db.execute(sql).await.map(drop)
}

/// Writes the words of a record that has changed into SQLite's index; on PostgreSQL they are in its row.
pub async fn change(db: &mut Db, record: &Record) -> Result<()> {
    let desc = record.desc;
    let mut sql = Sql::new(format!("update {}_search set words = ", desc.table));
    sql.bind(search::words_of(record)).push(" where rowid = ");
    row_of(desc, record, &mut sql);
    db.execute(sql).await.map(drop)
}

/// Takes records of one kind and organisation out of the index, before their rows go.
pub async fn remove(db: &mut Db, some: &[Record]) -> Result<()> {
    let Some(desc) = some.first().map(|r| r.desc).filter(|d| d.is_searchable()) else { return Ok(()) };
    if db.engine() == Engine::Postgres {
        return Ok(());
    }
    let text = format!(
        "delete from {0}_search where rowid in (select {1} from {0} where org_id = ",
        desc.table,
        row_number(desc)
    );
    let mut sql = Sql::bulk(text, db.engine());
    sql.bind(some[0].meta.org_id).push(" and id in ").bind_rows(some.iter().map(|r| r.meta.id)).push(")");
    db.execute(sql).await.map(drop)
}

/// What is looked for: words, in full or by their beginnings.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub text: String,
    pub whole: bool,
    /// Among the first so many records that have the words, where not all need be looked at.
    pub among: Option<u64>,
}

/// The condition that the row `t` has the words that are looked for. Of `among` records `scope` tells which count; it is
/// about the row `c`.
pub fn push_condition(engine: Engine, desc: &Descriptor, wanted: &Wanted, scope: &str, sql: &mut Sql) {
    let words = match wanted.whole {
        true => search::words(&wanted.text).into_iter().map(|w| vec![w]).collect(),
        false => search::beginnings(&wanted.text),
    };
    if words.is_empty() {
        // Nothing to look for finds nothing.
        sql.push("false");
        return;
    }
    // Words are letters, digits and marks alone, so that nothing in them is syntax of either engine.
    let group = |all: &[String], or: &str, word: &dyn Fn(&String) -> String| -> String {
        format!("({})", all.iter().map(word).collect::<Vec<_>>().join(or))
    };
    let (table, number) = (desc.table, row_number(desc));
    match engine {
        Engine::Sqlite => {
            let star = if wanted.whole { "" } else { "*" };
            let word = |w: &String| format!("\"{w}\"{star}");
            let question: Vec<String> = words.iter().map(|w| group(w, " OR ", &word)).collect();
            let question = question.join(" AND ");
            // Matching the table, not the column: detail=none knows no columns.
            match wanted.among {
                None => {
                    sql.push(&format!("t.{number} in (select rowid from {table}_search where {table}_search match "))
                }
                Some(_) => sql.push(&format!(
                    "t.{number} in (select c.{number} from {table}_search cross join {table} c
                        where c.{number} = {table}_search.rowid and {scope} and {table}_search match "
                )),
            };
            sql.bind(question);
        }
        Engine::Postgres => {
            let star = if wanted.whole { "" } else { ":*" };
            let word = |w: &String| format!("'{w}'{star}");
            let question: Vec<String> = words.iter().map(|w| group(w, " | ", &word)).collect();
            let question = question.join(" & ");
            match wanted.among {
                None => sql.push("(t.search @@ cast("),
                // By the primary key: where no organisation is chosen an id alone has no index.
                Some(_) => sql.push(&format!(
                    "(t.org_id, t.id) in (select c.org_id, c.id from {table} c where {scope} and c.search @@ cast("
                )),
            };
            sql.bind(question).push(" as tsquery)");
        }
    }
    if let Some(n) = wanted.among {
        sql.push(&format!(" limit {n}"));
    }
    sql.push(")");
}
