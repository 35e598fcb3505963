//! The empty place that a database is put into, by a restore or a copy: nobody sees it before it is whole.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use nix::fcntl::{Flock, FlockArg};

use super::archive::{make_folder, remove_partial, scratch};
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::model::problem::{Problem, io_message};
use crate::store::backup::rebuild;
use crate::store::engine::location::Location;
use crate::store::schema::migrate::{self, SchemaState};

/// A place that was found empty.
pub struct EmptyTarget {
    pub location: Location,
    /// An empty file that is there already, held so that nobody else fills it too.
    held: Option<Flock<File>>,
    /// The option that named it.
    flag: &'static str,
}

/// Where a link leads: the file is put there, and the link stays.
pub fn followed(location: Location) -> Location {
    let Location::Sqlite(path) = location else { return location };
    let Ok(target) = fs::read_link(&path) else { return Location::Sqlite(path) };
    Location::Sqlite(fs::canonicalize(&path).unwrap_or_else(|_| path.with_file_name(target)))
}

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Problem {
    let shown = path.display().to_string();
    move |e| Problem::failed(format!("can't write {shown}: {}", io_message(&e)))
}

impl EmptyTarget {
    /// Takes a place, and leads the session there. One that holds anything is refused.
    pub async fn take(s: &mut Invocation<'_>, location: Location, flag: &'static str) -> Result<EmptyTarget> {
        let mut place = EmptyTarget { location: followed(location), held: None, flag };
        s.connection.location = place.location.clone();
        let Location::Sqlite(path) = &place.location else {
            place.require_empty(s).await?;
            return Ok(place);
        };
        if path.exists() {
            place.held = Some(place.hold(path)?);
            place.require_empty(s).await?;
            s.connection.close().await;
        } else {
            require_no_journal(path)?;
        }
        Ok(place)
    }

    fn elsewhere(&self) -> String {
        format!("name an empty place with --{}", self.flag)
    }

    async fn require_empty(&self, s: &mut Invocation<'_>) -> Result<()> {
        let at = self.location.shown();
        let db = s.unchecked_db().await?;
        let holds = match migrate::state(db).await? {
            // The latter was reset.
            SchemaState::Empty | SchemaState::At(0) => return Ok(migrate::require_utf8(db).await?),
            SchemaState::At(_) => "an orgctl database already",
            SchemaState::Partial(_) => "a part of a backup already",
            SchemaState::Foreign => "tables that orgctl did not make",
        };
        Err(Problem::conflict(format!("{at} holds {holds}; nothing was changed")).hint(self.elsewhere()).into())
    }

    fn hold(&self, path: &Path) -> Result<Flock<File>> {
        let failed = failed(path);
        let taken = || {
            Problem::conflict(format!("another command fills {} just now; nothing was changed", path.display()))
                .hint(format!("look at what it did, or {}", self.elsewhere()))
        };
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(&failed)?;
        let held = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| taken())?;
        let (mine, there) = (held.metadata().map_err(&failed)?, fs::metadata(path).map_err(&failed)?);
        match (mine.dev(), mine.ino()) == (there.dev(), there.ino()) {
            true => Ok(held),
            false => Err(taken().into()),
        }
    }

    /// Fills the place: on PostgreSQL in one transaction; else in a file of its own beside it, which is moved there once it
    /// is whole. A dry run does the same, and keeps nothing.
    pub async fn fill<V: Verb>(self, s: &mut Invocation<'_>, verb: &V) -> Result<V::Output> {
        let Location::Sqlite(path) = &self.location else { return gate::write_unchecked(s, verb).await };
        let folder = match folder_of(path) {
            // A dry run makes no folder either.
            folder if s.context.dry_run && !folder.is_dir() => {
                s.context.env.get("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
            }
            folder => {
                make_folder(folder)?;
                folder.to_owned()
            }
        };
        remove_partial(&folder);
        let scratch = scratch(&folder)?;
        s.connection.location = Location::Sqlite(scratch.path().to_owned());
        let filled = fill_scratch(s, verb).await;
        s.connection.close().await;
        s.connection.location = self.location.clone();
        let done = filled?;
        if s.context.dry_run {
            return Ok(done);
        }
        let failed = failed(path);
        File::open(scratch.path()).and_then(|f| f.sync_all()).map_err(&failed)?;
        match self.held.is_some() {
            true => scratch.persist(path).map_err(failed)?,
            false => scratch.persist_noclobber(path).map_err(|e| match e.kind() {
                io::ErrorKind::AlreadyExists => {
                    Problem::conflict(format!("{} was made by another command meanwhile; it stays", path.display()))
                        .hint(self.elsewhere())
                }
                _ => failed(e),
            })?,
        }
        s.outcome.committing.set(true);
        // So that the name is there after a power cut too; some file systems know no such thing.
        let _ = File::open(&folder).and_then(|f| f.sync_all());
        Ok(done)
    }
}

/// Fills a file that nobody else knows.
pub async fn fill_scratch<V: Verb>(s: &mut Invocation<'_>, verb: &V) -> Result<V::Output> {
    rebuild::relax_durability(s.unchecked_db().await?).await?;
    let done = gate::write_unchecked(s, verb).await?;
    // Committed in a file that nobody knows yet: a signal may still be heard.
    s.outcome.committing.set(false);
    rebuild::restore_durability(s.unchecked_db().await?).await?;
    Ok(done)
}

/// What was left of another database would be taken for a part of the new one.
fn require_no_journal(path: &Path) -> Result<()> {
    for end in ["-wal", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        if fs::metadata(&name).is_ok_and(|m| m.len() > 0) {
            let name = Path::new(&name).display();
            return Err(Problem::conflict(format!("{name} is there, of a database that is not; nothing was changed"))
                .hint("move it away: it may hold the last of what that database was told")
                .into());
        }
    }
    Ok(())
}
