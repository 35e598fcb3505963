//! Everything that is in a database, table by table, as lines that are the same from both engines (`store/backup/dump_lines.rs`):
//! what backups hold, and what databases are compared by.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;

use crate::model::kinds::Kinds;
use crate::model::problem::Problem;
use crate::model::trail::merkle::Frontier;
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::{Conn, Db};
use crate::store::engine::location::Engine;
use crate::store::engine::sql::{Sql, quoted};
use crate::store::engine::{postgres, sqlite};
use crate::store::schema::migrate;
use crate::store::schema::stored_values::tables_at;
use crate::store::schema::{self, Class};

/// A table as both engines have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    pub name: String,
    pub class: Class,
    /// Columns that both engines store; what each makes of them (search words, row numbers) is not among them.
    pub columns: Vec<(String, ValueType)>,
    /// By which its rows are in order.
    pub key: Vec<String>,
}

impl Shape {
    fn list(&self) -> String {
        self.columns.iter().map(|(name, _)| quoted(name)).collect::<Vec<_>>().join(", ")
    }

    fn select(&self) -> String {
        let key: Vec<String> = self.key.iter().map(|name| quoted(name)).collect();
        format!("select {} from {} order by {}", self.list(), self.name, key.join(", "))
    }
}

/// Every table of a version of the schema, but the one that tells the version.
pub fn shapes(kinds: Kinds, version: i64) -> Result<Vec<Shape>> {
    let classes = schema::tables(kinds);
    let sqlite = tables_at(kinds, Engine::Sqlite, version)?;
    let mut shapes = Vec::new();
    for table in tables_at(kinds, Engine::Postgres, version)?.iter().filter(|t| t.name != migrate::TABLE) {
        let twin = sqlite.iter().find(|t| t.name == table.name);
        let twin = twin.with_context(|| format!("SQLite has no table {}", table.name))?;
        let is_stored = |name: &String| {
            twin.columns.iter().any(|(c, _)| c == name)
                && !table.computed.contains(name)
                && !twin.computed.contains(name)
        };
        shapes.push(Shape {
            class: classes.iter().find(|(name, _)| *name == table.name).map_or(Class::Volatile, |(_, class)| *class),
            columns: table.columns.iter().filter(|(c, _)| is_stored(c)).map(|(c, ty)| (c.clone(), kind(ty))).collect(),
            name: table.name.clone(),
            key: table.key.clone(),
        });
    }
    Ok(shapes)
}

/// What a column of PostgreSQL holds, by its type.
fn kind(ty: &str) -> ValueType {
    match ty {
        "boolean" => ValueType::Bool,
        "uuid" => ValueType::Uuid,
        "timestamptz" => ValueType::Time,
        "date" => ValueType::Date,
        "inet" => ValueType::Ip,
        "bytea" => ValueType::Bytes,
        "integer" | "bigint" => ValueType::Int,
        ty if ty.starts_with("numeric") => ValueType::Decimal,
        _ => ValueType::Text,
    }
}

/// Opens a view of the database as it is now, which others do not move; a migration waits until it is closed.
pub async fn open_snapshot(db: &mut Db, shapes: &[Shape]) -> Result<()> {
    if !db.is_postgres() {
        // SQLite's view begins with the first that is read.
        db.script("BEGIN".into()).await?;
        migrate::require_current(db).await?;
        return Ok(());
    }
    let tables: Vec<&str> = shapes.iter().map(|s| s.name.as_str()).collect();
    // The locks come before the view, the one that migrators take first: a migration that was under way is then over, or this one waits for it.
    db.script(format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
         LOCK TABLE {} IN ACCESS SHARE MODE",
        tables.join(", ")
    ))
    .await?;
    set_forms(db).await?;
    migrate::require_current(db).await
}

/// Opens a view of the database that is all there is: nobody writes until it is closed. Who writes is waited for.
pub async fn open_locked(db: &mut Db, shapes: &[Shape]) -> Result<()> {
    if !db.is_postgres() {
        db.script("BEGIN IMMEDIATE".into()).await?;
        return migrate::require_current(db).await;
    }
    let tables: Vec<&str> = shapes.iter().map(|s| s.name.as_str()).collect();
    // Heads first, as every writer takes them; the locks come before the view.
    db.script(format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ;
         LOCK TABLE audit_heads IN EXCLUSIVE MODE;
         LOCK TABLE {} IN SHARE MODE",
        tables.join(", ")
    ))
    .await?;
    set_forms(db).await?;
    migrate::require_current(db).await
}

/// Has values printed in the one form that lines have. Inside a transaction, until its end.
pub async fn set_forms(db: &mut Db) -> Result<()> {
    match db.engine() {
        Engine::Sqlite => Ok(()),
        Engine::Postgres => {
            let forms = "SET LOCAL timezone = 'UTC';
                         SET LOCAL datestyle = 'ISO, YMD';
                         SET LOCAL bytea_output = 'hex';
                         SET LOCAL enable_sort = off";
            db.script(forms.into()).await
        }
    }
}

/// Lets go of the view.
pub async fn close_snapshot(db: &mut Db) {
    // Nothing was written; where this fails the connection is gone.
    let _ = db.script("ROLLBACK".into()).await;
}

/// Writes the rows of a table in the order of its key, one a line; their number. `done` hears of it meanwhile.
pub async fn write_table(db: &mut Db, shape: &Shape, into: &mut dyn Write, done: &mut dyn FnMut(u64)) -> Result<u64> {
    let mut rows = 0;
    let kinds: Vec<ValueType> = shape.columns.iter().map(|(_, kind)| *kind).collect();
    match db.split() {
        (Conn::Sqlite(c), location) => {
            let mut line = Vec::new();
            let sql = Sql::new(shape.select()).yields(kinds);
            sqlite::each_line(c, sql, location, &mut line, |line| {
                rows += 1;
                done(rows);
                Ok(into.write_all(line)?)
            })
            .await
        }
        (Conn::Postgres(c), location) => {
            let failed = |e| postgres::problem(e, location);
            let text = format!("copy ({}) to stdout", shape.select());
            let mut stream = c.copy_out_raw(&text).await.map_err(failed)?;
            while let Some(bytes) = stream.try_next().await.map_err(failed)? {
                rows += bytes.iter().filter(|b| **b == b'\n').count() as u64;
                done(rows);
                into.write_all(&bytes)?;
            }
            Ok(())
        }
    }?;
    Ok(rows)
}

/// Size and right edge of each tree, as its head has it, and its time.
pub struct Edge {
    pub tree: i32,
    pub frontier: Frontier,
    pub at: DateTime<Utc>,
}

/// The heads of all trees.
pub async fn heads(db: &mut Db) -> Result<Vec<Edge>> {
    let sql = Sql::new("select tree, size, frontier, at from audit_heads order by tree");
    let rows = db.all(sql.yields([ValueType::Int, ValueType::Int, ValueType::Bytes, ValueType::Time])).await?;
    let edge = |row: &crate::store::engine::sql::Row| -> Result<Edge> {
        let tree = row.org(0)?;
        let frontier = u64::try_from(row.int(1)?).ok().and_then(|size| Frontier::from_bytes(size, row.bytes(2).ok()?));
        let damaged = || Problem::integrity(format!("the head of audit tree {tree} is damaged"));
        Ok(Edge { tree, frontier: frontier.ok_or_else(damaged)?, at: row.time(3)? })
    };
    rows.iter().map(edge).collect()
}

/// The right edge of each tree, of the leaves that are there.
pub async fn edges_from_leaves(db: &mut Db) -> Result<BTreeMap<i32, Frontier>> {
    let mut trees: BTreeMap<i32, Frontier> = BTreeMap::new();
    let sql =
        Sql::new("select tree, leaf from audit_records order by tree, seq").yields([ValueType::Int, ValueType::Bytes]);
    db.each(sql, |row| {
        trees.entry(row.org(0)?).or_default().append(row.hash(1)?);
        Ok(())
    })
    .await?;
    Ok(trees)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_that_both_engines_store_is_in_a_dump() {
        let shapes = shapes(Kinds::default(), i64::MAX).expect("shapes");
        for (engine, own) in
            [(Engine::Sqlite, &["row_id", "name"][..]), (Engine::Postgres, &["search", "name", "pending"][..])]
        {
            for table in tables_at(Kinds::default(), engine, i64::MAX)
                .expect("tables")
                .iter()
                .filter(|t| t.name != migrate::TABLE)
            {
                let shape = shapes.iter().find(|s| s.name == table.name).expect("a shape");
                for (column, _) in &table.columns {
                    let is_computed = column != "name" || table.name == "users";
                    let is_own = own.contains(&column.as_str()) && is_computed;
                    assert_ne!(is_own, shape.columns.iter().any(|(c, _)| c == column), "{}.{column}", table.name);
                }
                assert!(!shape.key.is_empty() && shape.key.iter().all(|k| shape.columns.iter().any(|(c, _)| c == k)));
            }
        }
    }
}
