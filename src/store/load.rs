//! Loading many rows into one table: a prepared statement below sqlx on SQLite, `COPY BINARY` on PostgreSQL.

use anyhow::Result;

use super::db::{Conn, Db};
use super::sql::{Sql, quoted};
use super::{postgres, sqlite};
use crate::model::resource::Field;
use crate::model::value::{Kind, Value};

/// Loads rows of one table, all with the same columns.
pub struct Loader {
    table: String,
    columns: Vec<String>,
    /// Rows that one statement of SQLite writes: more than one pays where a trigger makes each statement dear.
    together: usize,
    /// Types of the columns, which PostgreSQL's binary form must be told in.
    types: Vec<postgres::ColumnType>,
}

impl Loader {
    pub async fn new(db: &mut Db, table: &str, columns: &[&str], together: usize) -> Result<Loader> {
        let types = match db.split() {
            (Conn::Postgres(c), location) => postgres::column_types(c, location, table, columns).await?,
            (Conn::Sqlite(_), _) => Vec::new(),
        };
        let columns = columns.iter().map(|c| (*c).to_owned()).collect();
        Ok(Loader { table: table.to_owned(), columns, together, types })
    }

    /// Writes rows; on SQLite, the number of the last one (they are numbered one after another).
    pub async fn load(&self, db: &mut Db, rows: &[Vec<Value>]) -> Result<i64> {
        if rows.is_empty() {
            return Ok(0);
        }
        match db.split() {
            (Conn::Sqlite(c), location) => {
                sqlite::load(c, location, &self.table, &self.columns, self.together, rows).await
            }
            (Conn::Postgres(c), location) => {
                postgres::load(c, location, &self.table, &self.columns, &self.types, rows).await.map(|()| 0)
            }
        }
    }
}

/// Gives back the memory of SQLite's page cache: what was changed goes to the log first.
pub async fn empty_cache(db: &mut Db) -> Result<()> {
    if let (Conn::Sqlite(c), location) = db.split() {
        sqlite::flush_cache(c, location).await?;
    }
    db.script("pragma shrink_memory".into()).await
}

/// Drops the indexes of a table of SQLite's that can be made again, but those over the columns to keep; their text.
pub async fn drop_indexes(db: &mut Db, table: &str, keep: &[&Field]) -> Result<Vec<String>> {
    let sql = Sql::new(
        "select s.name, s.sql, (select group_concat(name) from pragma_index_info(s.name)) from sqlite_schema s
          where s.type = 'index' and s.tbl_name = $1 and s.sql is not null order by s.name",
    );
    let rows = db.all(sql.with([table.into()]).yields([Kind::Text, Kind::Text, Kind::Text])).await?;
    let mut made = Vec::new();
    for row in rows {
        if row.text(2)?.split(',').any(|column| keep.iter().any(|f| f.column == column)) {
            continue;
        }
        db.script(format!("drop index {}", quoted(row.text(0)?))).await?;
        made.push(row.text(1)?.to_owned());
    }
    Ok(made)
}
