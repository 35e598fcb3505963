//! Putting the content of one SQLite file into the place of a live one, under the connections that others have open there:
//! with SQLite's online backup (<https://sqlite.org/c3ref/backup_finish.html>), which writes all pages in one transaction of
//! the live file. Whoever has it open sees the old content or the new, and so does whoever opens it after a crash.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::model::problem::Problem;
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::location::{Location, Opening};
use crate::store::engine::sql::Sql;
use crate::store::engine::sqlite::{CACHE, bulk_problem, reader};
use crate::store::tx::waiting::until_free;

/// Pages that are written before a signal may be heard again.
const STEP: i32 = 1024;

/// How long is waited for those who read, before the log is left as it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is asked and told while it is done.
pub struct Swap<'a> {
    /// The file whose content is taken.
    pub from: &'a Path,
    /// The live one.
    pub into: &'a Path,
    pub opening: &'a Opening,
    /// Told who is waited for.
    pub waiting: &'a mut dyn FnMut(&str),
    /// Told just before it can't be undone any more.
    pub committing: &'a mut dyn FnMut(),
}

/// Bytes of a page, in which files must agree.
pub async fn page_size(db: &mut Db) -> Result<i64> {
    db.one(Sql::new("select page_size from pragma_page_size").yields([ValueType::Int])).await?.int(0)
}

/// Gives a file that is empty yet pages of this size.
pub async fn set_page_size(db: &mut Db, size: i64) -> Result<()> {
    db.script(format!("PRAGMA page_size = {size}")).await
}

/// Bytes that are needed beside a live file while another of `size` bytes takes its place: for the log, which holds every
/// page, and for what the file grows by.
pub fn room_needed(into: &Path, size: u64) -> u64 {
    let there = fs::metadata(into).map_or(0, |m| m.len());
    // Each page of the log has 24 bytes in front of it, and is 512 bytes at least.
    size.saturating_add(size / 16).saturating_add(size.saturating_sub(there))
}

/// Refuses to begin where there is no room for it. `size`: of the content that is coming.
pub fn require_room(into: &Path, needed: u64) -> Result<()> {
    let folder = into.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Where nobody can tell, it is found out.
    let Ok(stat) = nix::sys::statvfs::statvfs(folder) else { return Ok(()) };
    #[allow(clippy::useless_conversion, reason = "the types differ between systems")]
    let free = u64::from(stat.fragment_size()).saturating_mul(u64::from(stat.blocks_available()));
    if free >= needed {
        return Ok(());
    }
    let sentence = format!(
        "there is no room to replace {}: {needed} bytes are needed in its folder, and {free} are free; nothing was changed",
        into.display()
    );
    Err(Problem::failed(sentence).hint("make room ('df -h'), or restore into an empty place elsewhere").into())
}

/// Takes the write lock of the live file, asks `still` whether all is as it was, and writes the other's content in one
/// transaction. Who goes on reading what was there before; none where nobody does.
pub async fn sqlite(swap: Swap<'_>, still: impl AsyncFnOnce() -> Result<()>) -> Result<Option<String>> {
    let location = Location::Sqlite(swap.into.to_owned());
    let failed = |e: rusqlite::Error| bulk_problem(e, &location);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let from = Connection::open_with_flags(swap.from, flags).map_err(failed)?;
    let mut into = Connection::open_with_flags(swap.into, flags).map_err(failed)?;
    into.busy_timeout(PATIENCE).map_err(failed)?;
    require_log(&into, swap.into).map_err(failed)??;
    // What was written is there after a power cut too.
    let pragmas = format!("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA cache_size = {CACHE}");
    into.execute_batch(&pragmas).map_err(failed)?;
    into.busy_timeout(Duration::ZERO).map_err(failed)?;
    {
        let backup = Backup::new(&from, &mut into).map_err(failed)?;
        // No page yet: this takes the lock.
        let takes = async || Ok(!matches!(backup.step(0).map_err(failed)?, StepResult::Busy | StepResult::Locked));
        until_free(swap.into, swap.opening.wait, swap.waiting, takes).await?;
        still().await?;
        loop {
            if backup.progress().remaining <= STEP {
                (swap.committing)();
            }
            match backup.step(STEP).map_err(failed)? {
                StepResult::Done => break,
                StepResult::More => tokio::task::yield_now().await,
                _ => return Err(Problem::failed("another command came in between; nothing was changed").into()),
            }
        }
    }
    drop(from);
    // What was there before goes out of the files, as far as nobody reads it.
    let _ = into.busy_timeout(PATIENCE);
    let is_held = into.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).unwrap_or(1) != 0;
    Ok(is_held.then(|| reader(swap.into).unwrap_or_else(|| "another command".to_owned())))
}

/// Only with a log can others read while it is written. Who stands in the way of it is named.
fn require_log(into: &Connection, path: &Path) -> rusqlite::Result<Result<()>> {
    let held = || {
        let who = reader(path).unwrap_or_else(|| "another command".to_owned());
        Problem::failed(format!("{who} holds {}, which keeps no write-ahead log; nothing was changed", path.display()))
            .hint("end it, and run the command again")
    };
    match into.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0)) {
        Ok(mode) if mode == "wal" => Ok(Ok(())),
        Ok(mode) => {
            let sentence =
                format!("{} keeps a journal of the kind '{mode}', and can't be replaced under others", path.display());
            Ok(Err(Problem::failed(sentence).hint("restore into an empty place, and move it there yourself").into()))
        }
        Err(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => Ok(Err(held().into())),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_room_nothing_begins() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert!(require_room(file.path(), 1).is_ok());
        let error = require_room(file.path(), u64::MAX).expect_err("no disk is so large");
        let problem = error.problem().expect("a sentence");
        assert!(
            problem.sentence.contains("there is no room to replace")
                && problem.sentence.contains("nothing was changed")
        );
        assert_eq!(problem.kind.exit_code(), 1);
        // The log with 24 bytes a page, and what the file grows by.
        assert!(room_needed(file.path(), 4096) >= 4096 + 24 + 4096);
        file.as_file().set_len(8192).expect("larger");
        assert!((4096 + 24..8192).contains(&room_needed(file.path(), 4096)));
    }
}
