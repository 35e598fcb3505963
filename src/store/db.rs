//! One connection to one database, of either engine.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

use super::sql::{Row, Sql};
use super::{postgres, sqlite};
use crate::model::problem::{Problem, nearest};
use crate::model::value::Kind;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub fn word(self) -> &'static str {
        match self {
            Engine::Sqlite => "sqlite",
            Engine::Postgres => "postgres",
        }
    }
}

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    Sqlite(PathBuf),
    /// The URL as given. It may hold a password: show it by [`Location::shown`].
    Postgres(String),
}

impl Location {
    /// Reads `sqlite://FILE`, `postgres://...` or the path of a file.
    pub fn parse(text: &str) -> Result<Location, Problem> {
        let schemes = ["sqlite", "postgres", "postgresql"];
        let Some((scheme, rest)) = text.split_once(':').filter(|(s, r)| r.starts_with("//") || schemes.contains(s))
        else {
            if text.trim().is_empty() {
                return Err(Problem::usage("the database is given as an empty text")
                    .hint("leave --database out, or name one: sqlite://FILE or postgres://..."));
            }
            return Ok(Location::Sqlite(text.into()));
        };
        match scheme {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                let path = path.split_once('?').map_or(path, |(path, _)| path);
                if path.is_empty() {
                    return Err(
                        Problem::usage(format!("'{text}' names no file")).hint("write sqlite:///home/me/orgctl.db")
                    );
                }
                Ok(Location::Sqlite(path.into()))
            }
            "postgres" | "postgresql" => Ok(Location::Postgres(text.to_owned())),
            other => Err(Problem::usage(format!("'{other}' is no database that orgctl knows")).hint(
                match nearest(other, schemes) {
                    Some(meant) => format!("did you mean {meant}:// ?"),
                    None => "use sqlite://FILE or postgres://...".to_owned(),
                },
            )),
        }
    }

    pub fn engine(&self) -> Engine {
        match self {
            Location::Sqlite(_) => Engine::Sqlite,
            Location::Postgres(_) => Engine::Postgres,
        }
    }

    /// Without the password.
    pub fn shown(&self) -> String {
        match self {
            Location::Sqlite(path) => path.display().to_string(),
            Location::Postgres(text) => match url::Url::parse(text) {
                Ok(mut url) => {
                    if url.password().is_some() {
                        // Fails only for URLs without a host, which have no password.
                        let _ = url.set_password(Some("***"));
                    }
                    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
                    if pairs.iter().any(|(k, _)| k == "password") {
                        let mut query = url.query_pairs_mut();
                        query.clear();
                        for (k, v) in &pairs {
                            query.append_pair(k, if k == "password" { "***" } else { v });
                        }
                        drop(query);
                    }
                    url.to_string()
                }
                Err(_) => "postgres://***".to_owned(),
            },
        }
    }
}

/// How to open.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Make the SQLite file if there is none.
    pub create: bool,
    /// How long to wait for a lock.
    pub wait: Duration,
    /// Told to PostgreSQL, so that others see who holds a lock: `orgctl branch import`.
    pub application: String,
}

enum Conn {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<PgConnection>),
}

/// One open connection.
pub struct Db {
    conn: Conn,
    pub location: Location,
    pub opening: Opening,
}

impl Db {
    /// Opens a database without looking at its schema.
    pub async fn open(location: &Location, opening: &Opening) -> Result<Db> {
        let conn = match location {
            Location::Sqlite(path) => Conn::Sqlite(Box::new(sqlite::open(path, opening).await?)),
            Location::Postgres(url) => Conn::Postgres(Box::new(postgres::open(url, location, opening).await?)),
        };
        Ok(Db { conn, location: location.clone(), opening: opening.clone() })
    }

    /// Closes in order, so that SQLite can fold its log into the file.
    pub async fn close(self) {
        // What fails at closing has been committed before or rolled back.
        let _ = match self.conn {
            Conn::Sqlite(c) => c.close().await,
            Conn::Postgres(c) => c.close().await,
        };
    }

    pub fn engine(&self) -> Engine {
        self.location.engine()
    }

    pub fn is_postgres(&self) -> bool {
        self.engine() == Engine::Postgres
    }

    /// Runs a statement; the number of rows it changed.
    pub(super) async fn execute(&mut self, sql: Sql) -> Result<u64> {
        let done = match &mut self.conn {
            Conn::Sqlite(c) => {
                let query = sqlx::query_with(AssertSqlSafe(sql.text), sqlite::arguments(sql.args)?);
                c.execute(query).await.map(|d| d.rows_affected())
            }
            Conn::Postgres(c) => {
                let query = sqlx::query_with(AssertSqlSafe(sql.text), postgres::arguments(sql.args)?);
                c.execute(query).await.map(|d| d.rows_affected())
            }
        };
        done.map_err(|e| self.problem(e))
    }

    /// Runs a script of several statements without arguments.
    pub(super) async fn script(&mut self, text: String) -> Result<()> {
        let done = match &mut self.conn {
            Conn::Sqlite(c) => c.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.map(drop),
            Conn::Postgres(c) => c.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.map(drop),
        };
        done.map_err(|e| self.problem(e))
    }

    /// Hands each row to `each` as it comes.
    pub async fn each(&mut self, sql: Sql, mut each: impl FnMut(Row) -> Result<()>) -> Result<()> {
        let kinds = sql.kinds;
        let failed = match &mut self.conn {
            Conn::Sqlite(c) => {
                let query = sqlx::query_with(AssertSqlSafe(sql.text), sqlite::arguments(sql.args)?);
                let mut rows = c.fetch(query);
                loop {
                    match rows.try_next().await {
                        Ok(Some(row)) => each(sqlite::row(&row, &kinds)?)?,
                        Ok(None) => break None,
                        Err(e) => break Some(e),
                    }
                }
            }
            Conn::Postgres(c) => {
                let query = sqlx::query_with(AssertSqlSafe(sql.text), postgres::arguments(sql.args)?);
                let mut rows = c.fetch(query);
                loop {
                    match rows.try_next().await {
                        Ok(Some(row)) => each(postgres::row(&row, &kinds)?)?,
                        Ok(None) => break None,
                        Err(e) => break Some(e),
                    }
                }
            }
        };
        failed.map_or(Ok(()), |e| Err(self.problem(e)))
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

    /// Version of the engine.
    pub async fn version(&mut self) -> Result<String> {
        let sql = match self.engine() {
            Engine::Sqlite => "select sqlite_version()",
            Engine::Postgres => "select current_setting('server_version')",
        };
        Ok(self.one(Sql::new(sql).yields([Kind::Text])).await?.text(0)?.to_owned())
    }

    fn problem(&self, error: sqlx::Error) -> anyhow::Error {
        match &self.location {
            Location::Sqlite(path) => sqlite::problem(error, path),
            Location::Postgres(_) => postgres::problem(error, &self.location),
        }
    }
}
