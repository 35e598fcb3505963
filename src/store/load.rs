//! Loading many rows into one table: a prepared statement below sqlx on SQLite, `COPY BINARY` on PostgreSQL.

use anyhow::Result;

use super::db::Db;
use super::{postgres, sqlite};
use crate::model::value::Value;

/// Loads rows of one table, all with the same columns.
pub struct Loader {
    pub(super) table: String,
    pub(super) columns: Vec<String>,
    /// Rows that one statement of SQLite writes: more than one pays where a trigger makes each statement dear.
    pub(super) together: usize,
    /// Types of the columns, which PostgreSQL's binary form must be told in.
    pub(super) types: Vec<postgres::ColumnType>,
}

impl Loader {
    pub async fn new(db: &mut Db, table: &str, columns: &[&str], together: usize) -> Result<Loader> {
        let types = if db.is_postgres() { postgres::column_types(db, table, columns).await? } else { Vec::new() };
        let columns = columns.iter().map(|c| (*c).to_owned()).collect();
        Ok(Loader { table: table.to_owned(), columns, together, types })
    }

    /// Writes rows; on SQLite, the number of the last one (they are numbered one after another).
    pub async fn load(&self, db: &mut Db, rows: &[Vec<Value>]) -> Result<i64> {
        if rows.is_empty() {
            return Ok(0);
        }
        match db.split() {
            (super::db::Conn::Sqlite(c), location) => sqlite::load(c, location, self, rows).await,
            (super::db::Conn::Postgres(c), location) => postgres::load(c, location, self, rows).await.map(|()| 0),
        }
    }
}
