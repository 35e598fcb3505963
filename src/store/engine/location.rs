//! Where a database is, and how to open it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use super::dialect::Engine;
pub use super::opening::Opening;
use super::postgres_url::{self, is_setting, percent_decode};
use crate::model::problem::{Problem, nearest};

/// Where a database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    Sqlite(PathBuf),
    /// The URL as given. It may hold a password: show it by [`Location::shown`].
    Postgres(String),
}

impl Location {
    /// Whether it is a file that belongs to an account.
    pub fn is_owned_by(&self, uid: u32) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        match self {
            Location::Sqlite(path) => std::fs::metadata(path).is_ok_and(|file| file.uid() == uid),
            Location::Postgres(_) => false,
        }
    }

    /// Reads `sqlite://FILE`, `postgres://...` or the path of a file. What can't be read is not repeated: it may hold a
    /// password.
    pub fn parse(text: &str) -> Result<Location, Problem> {
        if text.trim().is_empty() {
            return Err(Problem::usage("the database is given as an empty text")
                .hint("leave --database out, or name one: sqlite://FILE or postgres://..."));
        }
        let (scheme, rest) = match text.split_once(':') {
            Some((scheme, rest)) if rest.starts_with("//") || is_scheme(scheme) => (scheme.to_lowercase(), rest),
            _ => {
                looks_like_an_address(text)?;
                return file(text);
            }
        };
        match (scheme.as_str(), rest.strip_prefix("//")) {
            ("sqlite", Some(path)) => file_of_url(path),
            ("sqlite", None) => file_of_url(rest),
            ("postgres" | "postgresql", Some(_)) => {
                let url = format!("{scheme}:{rest}");
                postgres_url::check(&url)?;
                Ok(Location::Postgres(url))
            }
            ("postgres" | "postgresql", None) => {
                Err(Problem::usage(format!("'{scheme}:' must go on with two slashes")).hint(postgres_url::FORM))
            }
            ("file", _) => Err(Problem::usage("'file' is no database that orgctl knows").hint(FORM)),
            (other, _) => Err(unknown_scheme(other)),
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
            Location::Postgres(text) => postgres_url::shown(text),
        }
    }

    /// What PostgreSQL calls the database, where the URL or a variable says it.
    pub fn database(&self, variables: &BTreeMap<String, String>) -> Option<String> {
        match self {
            Location::Sqlite(_) => None,
            Location::Postgres(url) => postgres_url::database(url, variables),
        }
    }

    /// Another database on the same server; none where it is a file.
    pub fn on_same_server(&self, name: &str) -> Result<Option<Location>, Problem> {
        match self {
            Location::Sqlite(_) => Ok(None),
            Location::Postgres(url) => Ok(Some(Location::Postgres(postgres_url::with_database(url, name)?))),
        }
    }

    /// As a URL, without the password.
    pub fn url(&self) -> String {
        match self {
            Location::Sqlite(path) => sqlite_url(path),
            Location::Postgres(_) => self.shown(),
        }
    }
}

const FORM: &str = "write sqlite:///home/me/orgctl.db, or the path of the file alone";

/// A path as a URL: what would mean something else in it is written by its number.
pub fn sqlite_url(path: &Path) -> String {
    let path = path.display().to_string().replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    format!("sqlite://{path}")
}

fn is_scheme(word: &str) -> bool {
    ["sqlite", "postgres", "postgresql", "file"].iter().any(|s| word.eq_ignore_ascii_case(s))
}

fn unknown_scheme(scheme: &str) -> Problem {
    let hint = match nearest(scheme, ["sqlite", "postgres", "postgresql"]) {
        Some(meant) => format!("did you mean {meant}:// ?"),
        None => "use sqlite://FILE or postgres://...".to_owned(),
    };
    // RFC 3986, section 3.1; anything else may be part of a secret.
    let is_word = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    match scheme.chars().all(is_word) && scheme.len() <= 40 {
        true => Problem::usage(format!("'{scheme}' is no database that orgctl knows")).hint(hint),
        false => Problem::usage("the database URL begins with no scheme that orgctl knows").hint(hint),
    }
}

/// The address of a server that has lost its scheme would be taken for the name of a file, and repeated.
fn looks_like_an_address(text: &str) -> Result<(), Problem> {
    let is_path = ["/", "./", "../"].iter().any(|start| text.starts_with(start));
    let lower = text.to_lowercase();
    let words = ["host", "hostaddr", "user", "password", "dbname", "port", "service"];
    let is_pairs = lower.split_whitespace().any(|w| w.split_once('=').is_some_and(|(key, _)| words.contains(&key)));
    let is_url = text.contains("://") || lower.contains("password=");
    let has_user = text.split_once(':').is_some_and(|(_, rest)| rest.contains('@'));
    let has_lost = ["postgres//", "postgresql//", "postgres:/", "postgresql:/", "sqlite//"];
    if !is_path && (is_pairs || is_url || has_user || has_lost.iter().any(|start| lower.starts_with(start))) {
        return Err(Problem::usage("the database looks like the address of a server, but is none")
            .hint(postgres_url::FORM)
            .hint("where it is the name of a file, put ./ before it"));
    }
    Ok(())
}

/// What comes behind `sqlite://`.
fn file_of_url(path: &str) -> Result<Location, Problem> {
    if let Some((_, query)) = path.split_once('?') {
        let names: Vec<&str> = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default()).collect();
        let sentence = match names.iter().all(|n| is_setting(n)) {
            true => format!("the database URL has settings that orgctl does not know: {}", names.join(", ")),
            false => "the database URL has settings that orgctl does not know".to_owned(),
        };
        return Err(Problem::usage(sentence).hint("an sqlite:// URL names a file; a ? in its name is written %3F"));
    }
    if path.contains('#') {
        return Err(Problem::usage("the database URL has a part behind a #, which orgctl does not know")
            .hint("a # in the name of the file is written %23"));
    }
    let bytes = percent_decode(path);
    match String::from_utf8(bytes) {
        // A user and a password that were written for a server would be repeated as the name of a file.
        Ok(path) => looks_like_an_address(&path).and_then(|()| file(&path)),
        Err(_) => Err(Problem::usage("the database URL names a file by bytes that are no UTF-8 text").hint(FORM)),
    }
}

fn file(path: &str) -> Result<Location, Problem> {
    if path.contains(":memory:") {
        return Err(Problem::usage("a database in memory is gone when the command ends").hint(FORM));
    }
    if path.trim().is_empty() {
        return Err(Problem::usage("the database URL names no file").hint(FORM));
    }
    if path.ends_with('/') {
        let folder = path.trim_end_matches('/');
        return Err(Problem::usage("the database URL names a folder, not a file").hint(format!(
            "name a file in it: --database '{}'",
            sqlite_url(Path::new(&format!("{folder}/orgctl.db")))
        )));
    }
    Ok(Location::Sqlite(path.into()))
}
