//! Waiting until another writer is done, and saying who that is.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::model::problem::Problem;
use crate::store::engine::db::Db;
use crate::store::engine::location::Location;
use crate::store::engine::sqlite;
use crate::store::{Error, Result};

pub(super) fn told_of(holder: &str, wait: Duration) -> String {
    format!("waiting for {holder}, which is writing (up to {} s)", wait.as_secs())
}

pub(super) fn locked(holder: &str, wait: Duration) -> Problem {
    Problem::failed(format!("the database is locked by {holder}; waited {} s", wait.as_secs()))
        .hint("run the command again later, or wait longer with --wait SECONDS")
}

/// `BEGIN IMMEDIATE`, again and again until `--wait` is over: SQLite has one writer.
pub(super) async fn begin_immediate(db: &mut Db, waiting: &mut dyn FnMut(&str)) -> Result<()> {
    let Location::Sqlite(path) = db.location.clone() else { return Ok(()) };
    let wait = db.opening.wait;
    until_free(&path, wait, waiting, async || match db.script("BEGIN IMMEDIATE".into()).await {
        Err(Error::Busy) => Ok(false),
        other => other.map(|()| true),
    })
    .await
}

/// Tries again until the write lock of a file was taken, or `wait` is over. `waiting` is told once, after a second, who
/// holds it.
pub(in crate::store) async fn until_free(
    path: &Path,
    wait: Duration,
    waiting: &mut dyn FnMut(&str),
    mut takes: impl AsyncFnMut() -> Result<bool>,
) -> Result<()> {
    let started = Instant::now();
    let mut told = false;
    while !takes().await? {
        let holder = || sqlite::lock_holder(path).unwrap_or_else(|| "another command".to_owned());
        if started.elapsed() >= wait {
            return Err(locked(&holder(), wait).into());
        }
        if !told && started.elapsed() >= Duration::from_secs(1) {
            waiting(&told_of(&holder(), wait));
            told = true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
