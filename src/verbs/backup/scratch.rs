//! Where a backup is restored to be looked at: a database that nothing else is in, and that is thrown away.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use nix::fcntl::{Flock, FlockArg, OFlag};
use tempfile::TempDir;

use super::catalogue::short;
use crate::crud::invocation::Invocation;
use crate::model::problem::{Problem, io_message};
use crate::store::backup::scratch::ScratchDatabase;
use crate::store::engine::db::Db;
use crate::store::engine::location::{Location, Opening};

/// How the names of its folders begin.
const PREFIX: &str = "orgctl-scratch-";

/// Goes with this, or with the next command that makes one.
pub struct Scratch {
    folder: TempDir,
    _lock: Flock<File>,
    server: Option<ScratchDatabase>,
}

impl Scratch {
    /// Makes a new one: a file in a folder of its owner's alone, or with the URL of a server a database of its own there.
    pub async fn create(s: &mut Invocation<'_>, asked: Option<&Location>) -> Result<Scratch> {
        let parent = match asked {
            Some(Location::Sqlite(path)) if path.is_dir() => path.clone(),
            Some(Location::Sqlite(path)) => {
                return Err(Problem::usage(format!("{} is no folder to restore in", path.display()))
                    .hint("--scratch names a folder, or a server of PostgreSQL: nothing that exists is written over")
                    .into());
            }
            _ => s.context.env.get("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from),
        };
        remove_leftovers(&parent);
        let (folder, lock) = locked_folder(&parent)
            .map_err(|e| Problem::failed(format!("can't write into {}: {}", parent.display(), io_message(&e))))?;
        let server = match asked {
            Some(base @ Location::Postgres(_)) => {
                // The number of the process tells those apart that count from the same time.
                let id = format!("{}_{}", short(s.context.new_id()), std::process::id());
                Some(ScratchDatabase::create(base, &s.connection.opening, &id).await?)
            }
            _ => None,
        };
        Ok(Scratch { folder, _lock: lock, server })
    }

    /// Opens it, empty.
    pub async fn open(&self, opening: &Opening) -> Result<Db> {
        let file = || Location::Sqlite(self.folder.path().join("scratch.db"));
        let location = self.server.as_ref().map_or_else(file, |server| server.location.clone());
        Ok(Db::open(&location, &Opening { create: true, ..opening.clone() }).await?)
    }

    /// An empty file that has no name any more.
    pub fn file(&self) -> std::io::Result<File> {
        tempfile::tempfile_in(self.folder.path())
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Throws it away.
    pub async fn remove(self) -> Result<()> {
        match self.server {
            Some(server) => Ok(server.drop().await?),
            None => Ok(()),
        }
    }
}

/// A folder of its owner's alone, locked. Until it is locked another command may take it for a leftover, and remove it: then
/// another is made.
fn locked_folder(parent: &Path) -> std::io::Result<(TempDir, Flock<File>)> {
    let mut tries = 0..100;
    loop {
        let permissions = Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix(PREFIX).permissions(permissions).tempdir_in(parent)?;
        let lock = File::open(folder.path())
            .and_then(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, e)| e.into()));
        match lock {
            Ok(lock) if folder.path().exists() => return Ok((folder, lock)),
            Err(e) if tries.next().is_none() => return Err(e),
            _ => {}
        }
    }
}

/// Removes the folders of commands that were killed. Whoever uses one holds a lock on it.
fn remove_leftovers(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // A folder of ours, and no link to another.
        let flags = OFlag::O_NOFOLLOW | OFlag::O_DIRECTORY;
        let Ok(file) = OpenOptions::new().read(true).custom_flags(flags.bits()).open(entry.path()) else { continue };
        let is_ours = file.metadata().is_ok_and(|m| m.uid() == nix::unistd::Uid::effective().as_raw());
        let lock = is_ours.then(|| Flock::lock(file, FlockArg::LockExclusiveNonblock));
        if let Some(Ok(_lock)) = lock {
            // Somebody else may have removed it in the meantime.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Many at once, each of which takes away what others have left: none takes away what another has just made.
    #[test]
    fn none_takes_that_of_another_for_a_leftover() {
        let parent = tempfile::tempdir().expect("a folder");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        remove_leftovers(parent.path());
                        let (folder, _lock) = locked_folder(parent.path()).expect("a folder of its own");
                        assert!(folder.path().exists());
                    }
                });
            }
        });
    }
}
