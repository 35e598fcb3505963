//! Loading many rows into one table: a prepared statement on SQLite, `COPY BINARY` on PostgreSQL.

use super::db::{Conn, Db};
use super::sql::{Sql, quoted};
use super::{copy_binary, sqlite};
use crate::model::resource::Field;
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;

/// Bytes of rows that are gathered before they are sent to PostgreSQL.
const GATHERED: usize = 4 << 20;

/// Rows up to which PostgreSQL gets a plain statement: over a network the end of a COPY waits ([`copy_binary::send`]).
const FEW: usize = 50;

/// Loads rows of one table, all with the same columns.
///
/// On PostgreSQL rows are gathered: what was loaded is there once [`Loader::flush`] has sent it.
pub struct Loader {
    table: String,
    columns: Vec<String>,
    /// Rows that one statement of SQLite writes: more than one pays where a trigger makes each statement dear.
    batch_size: usize,
    /// Types of the columns, which PostgreSQL's binary form must be told in.
    types: Vec<copy_binary::ColumnType>,
    /// The first rows that wait.
    few: Vec<Vec<Value>>,
    /// As soon as they are more: all that wait, in binary form.
    gathered: Vec<u8>,
}

impl Loader {
    pub async fn new(db: &mut Db, table: &str, columns: &[&str], together: usize) -> Result<Loader> {
        let types = match db.split() {
            (Conn::Postgres(c), location) => copy_binary::column_types(c, location, table, columns).await?,
            (Conn::Sqlite(_), _) => Vec::new(),
        };
        let columns = columns.iter().map(|c| (*c).to_owned()).collect();
        Ok(Loader {
            table: table.to_owned(),
            columns,
            batch_size: together,
            types,
            few: Vec::new(),
            gathered: Vec::new(),
        })
    }

    /// Writes rows; on SQLite, the number of the last one (they are numbered one after another).
    pub async fn load(&mut self, db: &mut Db, rows: &[Vec<Value>]) -> Result<i64> {
        let last = self.gather(db, rows).await?;
        if self.is_full() {
            self.flush(db).await?;
        }
        Ok(last)
    }

    /// As [`Loader::load`], but when to send them is the caller's to say, by [`Loader::flush`].
    pub async fn gather(&mut self, db: &mut Db, rows: &[Vec<Value>]) -> Result<i64> {
        if rows.is_empty() {
            return Ok(0);
        }
        if let (Conn::Sqlite(c), location) = db.split() {
            return sqlite::load(c, location, &self.table, &self.columns, self.batch_size, rows).await;
        }
        if self.gathered.is_empty() && self.few.len() + rows.len() <= FEW {
            self.few.extend_from_slice(rows);
            return Ok(0);
        }
        for row in self.few.drain(..).as_slice().iter().chain(rows) {
            copy_binary::push_row(&mut self.gathered, row, &self.types)?;
        }
        Ok(0)
    }

    /// Whether it is time to send what was gathered.
    pub fn is_full(&self) -> bool {
        self.gathered.len() >= GATHERED
    }

    /// Sends what was gathered.
    pub async fn flush(&mut self, db: &mut Db) -> Result<()> {
        if !self.few.is_empty() {
            let mut sql = Sql::new(format!("insert into {} ({}) values ", self.table, self.columns.join(", ")));
            for (i, row) in self.few.drain(..).enumerate() {
                let places = row.into_iter().zip(&self.types).map(|(value, kind)| match kind {
                    copy_binary::ColumnType::Words => format!("cast({} as tsvector)", sql.arg(value)),
                    _ => sql.arg(value),
                });
                let places: Vec<String> = places.collect();
                sql.push(if i == 0 { "(" } else { ", (" }).push(&places.join(", ")).push(")");
            }
            db.execute(sql).await?;
        }
        if let (Conn::Postgres(c), location) = db.split()
            && !self.gathered.is_empty()
        {
            copy_binary::send(c, location, &self.table, &self.columns, &std::mem::take(&mut self.gathered)).await?;
        }
        Ok(())
    }
}

/// For sorting on SQLite, which may take as much memory as the cache: while rows are gathered, those before them are sorted
/// in a thread beside.
pub const SORTING: &str = "pragma cache_size = -4000; pragma threads = 1";

/// Gives back the memory of SQLite's page cache: what was changed goes to the log first.
pub async fn empty_cache(db: &mut Db) -> Result<()> {
    if let (Conn::Sqlite(c), location) = db.split() {
        sqlite::flush_cache(c, location)?;
    }
    db.script("pragma shrink_memory".into()).await
}

/// Drops the indexes of a table of SQLite's that can be made again, but those over the columns to keep; their text.
pub async fn drop_indexes(db: &mut Db, table: &str, keep: &[&Field]) -> Result<Vec<String>> {
    let sql = Sql::new(
        "select s.name, s.sql, (select group_concat(name) from pragma_index_info(s.name)) from sqlite_schema s
          where s.type = 'index' and s.tbl_name = $1 and s.sql is not null order by s.name",
    );
    let rows = db.all(sql.with([table.into()]).yields([ValueType::Text, ValueType::Text, ValueType::Text])).await?;
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
