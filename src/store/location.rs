//! Where a database is, and how to open it.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::problem::{Problem, nearest};

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
