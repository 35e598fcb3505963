//! The search index: FTS5 beside the table on SQLite, a `tsvector` in the row on PostgreSQL; both hold the words that
//! `model::search` makes.

use anyhow::Result;

use super::db::Db;
use super::location::Engine;
use super::sql::Sql;
use crate::model::resource::{Descriptor, Mark, Record};
use crate::model::search;

/// Whether records of this kind can be searched for.
pub fn is_searchable(desc: &Descriptor) -> bool {
    desc.fields.iter().any(|f| f.has(Mark::Search))
}

/// The column by which SQLite's index names a row.
pub(super) fn row_number(desc: &Descriptor) -> &'static str {
    if desc.is_org() { "org_id" } else { "row_id" }
}

/// The row of a record, as a subquery; two arguments follow.
fn row_of(desc: &Descriptor, record: &Record, sql: &mut Sql) {
    sql.push(&format!("(select {} from {} where org_id = ", row_number(desc), desc.table));
    sql.bind(record.meta.org_id).push(" and id = ").bind(record.meta.id).push(")");
}

/// Puts the words of new records of one kind into SQLite's index; on PostgreSQL they came with the rows.
pub async fn add(db: &mut Db, rows: &[Record]) -> Result<()> {
    let Some(desc) = rows.first().map(|r| r.desc).filter(|d| is_searchable(d)) else { return Ok(()) };
    if db.engine() == Engine::Postgres {
        return Ok(());
    }
    let mut sql = Sql::bulk(format!("insert into {}_search (rowid, words) values ", desc.table), db.engine());
    for (i, row) in rows.iter().enumerate() {
        sql.push(if i == 0 { "(" } else { ", (" });
        row_of(desc, row, &mut sql);
        sql.push(", ").bind(search::of(row)).push(")");
    }
    db.execute(sql).await.map(drop)
}

/// Writes the words of a record that has changed.
pub async fn change(db: &mut Db, record: &Record) -> Result<()> {
    let desc = record.desc;
    if !is_searchable(desc) {
        return Ok(());
    }
    let sql = match db.engine() {
        Engine::Sqlite => {
            let mut sql = Sql::new(format!("update {}_search set words = ", desc.table));
            sql.bind(search::of(record)).push(" where rowid = ");
            row_of(desc, record, &mut sql);
            sql
        }
        Engine::Postgres => {
            let mut sql = Sql::new(format!("update {} set search = cast(", desc.table));
            sql.bind(search::of(record)).push(" as tsvector) where org_id = ").bind(record.meta.org_id);
            sql.push(" and id = ").bind(record.meta.id);
            sql
        }
    };
    db.execute(sql).await.map(drop)
}

/// Takes a record out of the index, before its row goes.
pub async fn remove(db: &mut Db, record: &Record) -> Result<()> {
    if db.engine() == Engine::Postgres || !is_searchable(record.desc) {
        return Ok(());
    }
    let mut sql = Sql::new(format!("delete from {}_search where rowid = ", record.desc.table));
    row_of(record.desc, record, &mut sql);
    db.execute(sql).await.map(drop)
}

/// The condition that the row `t` has a word for each of the question's words that begins like it.
pub fn push_condition(engine: Engine, desc: &Descriptor, text: &str, sql: &mut Sql) {
    let words = search::beginnings(text);
    if words.is_empty() {
        // Nothing to look for finds nothing.
        sql.push("false");
        return;
    }
    // Words are letters, digits and marks alone, so that nothing in them is syntax of either engine.
    let group = |all: &[String], or: &str, word: &dyn Fn(&String) -> String| -> String {
        format!("({})", all.iter().map(word).collect::<Vec<_>>().join(or))
    };
    match engine {
        Engine::Sqlite => {
            let question: Vec<String> = words.iter().map(|w| group(w, " OR ", &|w| format!("\"{w}\"*"))).collect();
            let index = format!("{}_search", desc.table);
            // Matching the table, not the column: detail=none knows no columns.
            sql.push(&format!("t.{} in (select rowid from {index} where {index} match ", row_number(desc)));
            sql.bind(question.join(" AND ")).push(")");
        }
        Engine::Postgres => {
            let question: Vec<String> = words.iter().map(|w| group(w, " | ", &|w| format!("'{w}':*"))).collect();
            sql.push("t.search @@ cast(").bind(question.join(" & ")).push(" as tsquery)");
        }
    }
}
