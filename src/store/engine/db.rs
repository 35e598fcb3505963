//! One connection to one database, of either engine.

use std::collections::HashSet;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::dialect::Tables;
use super::location::{Engine, Location, Opening};
use super::opening::Telling;
use super::sql::{Row, Sql};
use super::sqlite_raw::HeldSqlite;
use super::{postgres, sqlite};
use crate::model::kinds::Kinds;
use crate::model::partial::Partial;
use crate::model::problem::Problem;
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;

pub(in crate::store) enum Conn {
    Sqlite(Box<HeldSqlite>),
    Postgres(Box<PgConnection>),
}

/// One open connection.
pub struct Db {
    conn: Conn,
    pub location: Location,
    pub opening: Opening,
    /// What is in it, where that is a part of a backup alone (`migrate::require_readable`).
    pub partial: Option<Partial>,
    /// Whether statements see what must not be told: see [`reader`](crate::store::reader).
    pub(in crate::store) sees_all: bool,
    /// Tables before which temporary views of the past stand.
    pub(in crate::store) past: HashSet<&'static str>,
}

/// A connection that sees otherwise for a while.
pub struct Seeing<'a> {
    db: &'a mut Db,
    saw_all: bool,
}

impl Deref for Seeing<'_> {
    type Target = Db;

    fn deref(&self) -> &Db {
        self.db
    }
}

impl DerefMut for Seeing<'_> {
    fn deref_mut(&mut self) -> &mut Db {
        self.db
    }
}

impl Drop for Seeing<'_> {
    fn drop(&mut self) {
        self.db.sees_all = self.saw_all;
    }
}

impl Db {
    /// Opens a database without looking at its schema.
    pub async fn open(location: &Location, opening: &Opening) -> Result<Db> {
        let conn = match location {
            Location::Sqlite(path) => Conn::Sqlite(Box::new(sqlite::open(path, opening).await?)),
            Location::Postgres(url) => Conn::Postgres(Box::new(postgres::open(url, location, opening).await?)),
        };
        Ok(Db {
            conn,
            location: location.clone(),
            opening: opening.clone(),
            partial: None,
            sees_all: false,
            past: HashSet::new(),
        })
    }

    /// Closes in order, so that SQLite can fold its log into the file.
    pub async fn close(self) {
        // What fails at closing has been committed before or rolled back.
        match self.conn {
            Conn::Sqlite(c) => drop(c.close().await),
            Conn::Postgres(c) => drop(c.close().await),
        }
    }

    /// The kinds of record that are in it.
    pub fn kinds(&self) -> Kinds {
        self.opening.kinds
    }

    /// Sees everything, for what is checked and told to nobody.
    pub fn checking(&mut self) -> Seeing<'_> {
        let saw_all = std::mem::replace(&mut self.sees_all, true);
        Seeing { db: self, saw_all }
    }

    /// Sees what may be told, also inside a transaction.
    pub fn telling(&mut self) -> Seeing<'_> {
        let saw_all = std::mem::replace(&mut self.sees_all, false);
        Seeing { db: self, saw_all }
    }

    /// Tells no more than this from here on; none: everything.
    pub fn tell(&mut self, reader: Option<Arc<dyn Telling>>) {
        self.opening.reader = reader;
    }

    /// Whether there is anything that may not be told.
    pub fn is_narrow(&self) -> bool {
        self.opening.reader.is_some()
    }

    /// Whether rows may be missing that others refer to: of a part of a database, and of what may not be told.
    pub fn lacks_rows(&self) -> bool {
        self.partial.is_some() || (self.is_narrow() && !self.sees_all)
    }

    /// A statement as it is run: what reads tables of records reads what may be told of them.
    pub fn as_told(&self, mut sql: Sql) -> Sql {
        if let Some(reader) = self.opening.reader.as_ref().filter(|_| !self.sees_all) {
            sql.text = reader.narrow(self.tables(), sql.text);
        }
        sql
    }

    /// Which tables there are.
    pub(in crate::store) fn tables(&self) -> Tables<'_> {
        Tables { engine: self.engine(), kinds: self.kinds(), past: &self.past }
    }

    pub fn engine(&self) -> Engine {
        self.location.engine()
    }

    pub fn is_postgres(&self) -> bool {
        self.engine() == Engine::Postgres
    }

    /// Runs a statement; the number of rows it changed.
    pub(in crate::store) async fn execute(&mut self, sql: Sql) -> Result<u64> {
        let sql = self.as_told(sql);
        match &mut self.conn {
            Conn::Sqlite(c) => sqlite::execute(c, &sql, &self.location).await,
            Conn::Postgres(c) => {
                let done = c.execute(postgres::statement(sql)?).await.map(|d| d.rows_affected());
                done.map_err(|e| postgres::problem(e, &self.location))
            }
        }
    }

    /// Runs a script of several statements without arguments.
    pub(in crate::store) async fn script(&mut self, text: String) -> Result<()> {
        match &mut self.conn {
            Conn::Sqlite(c) => sqlite::script(c, &text, &self.location).await,
            Conn::Postgres(c) => {
                let done = c.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.map(drop);
                done.map_err(|e| postgres::problem(e, &self.location))
            }
        }
    }

    /// Hands each row to `each` as it comes.
    pub async fn each(&mut self, sql: Sql, each: impl FnMut(Row) -> Result<()>) -> Result<()> {
        let mut sql = self.as_told(sql);
        match &mut self.conn {
            Conn::Sqlite(c) => sqlite::each(c, sql, &self.location, each).await,
            Conn::Postgres(c) => {
                let kinds = std::mem::take(&mut sql.kinds);
                postgres::each(c, &self.location, postgres::statement(sql)?, &kinds, each).await
            }
        }
    }

    /// As [`Db::each`], where a value that can't be read is none instead of an error.
    pub(in crate::store) async fn each_readable(
        &mut self,
        sql: Sql,
        each: impl FnMut(Vec<Option<Value>>) -> Result<()>,
    ) -> Result<()> {
        let mut sql = self.as_told(sql);
        match &mut self.conn {
            Conn::Sqlite(c) => sqlite::each_readable(c, sql, &self.location, each).await,
            Conn::Postgres(c) => {
                let kinds = std::mem::take(&mut sql.kinds);
                postgres::each_readable(c, &self.location, postgres::statement(sql)?, &kinds, each).await
            }
        }
    }

    pub async fn all(&mut self, sql: Sql) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        self.each(sql, |row| {
            rows.push(row);
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    /// The first row, if there is one.
    pub async fn first(&mut self, sql: Sql) -> Result<Option<Row>> {
        Ok(self.all(sql).await?.into_iter().next())
    }

    /// The one row that the statement always yields.
    pub async fn one(&mut self, sql: Sql) -> Result<Row> {
        self.first(sql).await?.ok_or_else(|| Problem::failed("the database gave no answer where it must").into())
    }

    /// The schema that temporary tables are in.
    pub(in crate::store) fn temp_schema(&self) -> &'static str {
        self.engine().temp_schema()
    }

    /// The schema that all other tables are in, for where a temporary one has the name too.
    pub(in crate::store) fn main_schema(&self) -> &'static str {
        self.engine().main_schema()
    }

    /// What stands before the name of an index of a temporary table: PostgreSQL knows by the table.
    /// An expression for where the row `t` lies in its table, a number of its own until the row is written again.
    pub(in crate::store) fn row_position(&self, row_number: &str) -> String {
        match self.is_postgres() {
            // `(block,offset)`: a page of 8 kB has fewer than 2^9 rows.
            true => "(t.ctid::text::point)[0]::bigint * 512 + (t.ctid::text::point)[1]::bigint".to_owned(),
            false => format!("t.{row_number}"),
        }
    }

    pub(in crate::store) fn temp_prefix(&self) -> &'static str {
        if self.is_postgres() { "" } else { "temp." }
    }

    /// The connection and where it leads, for what is particular to an engine.
    pub(in crate::store) fn split(&mut self) -> (&mut Conn, &Location) {
        (&mut self.conn, &self.location)
    }

    /// Version of the engine.
    pub async fn version(&mut self) -> Result<String> {
        let sql = match self.engine() {
            Engine::Sqlite => "select sqlite_version()",
            Engine::Postgres => "select current_setting('server_version')",
        };
        Ok(self.one(Sql::new(sql).yields([ValueType::Text])).await?.text(0)?.to_owned())
    }
}
