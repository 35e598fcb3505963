//! Files that are written whole or not at all.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use nix::unistd::{AccessFlags, access};
use tempfile::NamedTempFile;

use crate::model::problem::{Problem, io_message};
use crate::ui::{DataStream, Ui, interruptible};

/// A file being written beside its place, readable by its owner alone, and moved there at the end. What is no ordinary
/// file (a pipe, a device) is written to and never replaced: root could put a file in the place of `/dev/null`.
pub struct AtomicFile {
    path: PathBuf,
    temporary: Option<NamedTempFile>,
    /// What is there has other names too: it stays, and takes what was written.
    has_other_names: bool,
}

/// What becomes of a file that is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existing {
    /// Its rights stay, and all its names (hard links) are names of what is written.
    Shared,
    /// Its rights stay; a name that somebody else gave it is one of what it was.
    Replaced,
    /// Nothing of it stays.
    Secret,
}

impl AtomicFile {
    /// The file, and the handle to write through. One that is there gives it its rights and its other names: what somebody
    /// asks for by name is written for whoever reads that file, by whatever name.
    pub fn create(path: &Path) -> io::Result<(AtomicFile, File)> {
        AtomicFile::begin(path, Existing::Shared)
    }

    /// As [`AtomicFile::create`], but always a new file: for what the program keeps for itself. There to be whole at any time
    /// is more than to keep a second name, which a backup by hard links has given it so that it does not change.
    pub fn create_own(path: &Path) -> io::Result<(AtomicFile, File)> {
        AtomicFile::begin(path, Existing::Replaced)
    }

    /// As [`AtomicFile::create_own`], and its owner's alone whatever is there: for what may hold secrets. Whoever has the old file open
    /// or by another name does not get to see them.
    pub fn create_private(path: &Path) -> io::Result<(AtomicFile, File)> {
        AtomicFile::begin(path, Existing::Secret)
    }

    fn begin(path: &Path, there_is: Existing) -> io::Result<(AtomicFile, File)> {
        // Through a link to what it names: the link stays.
        let path = resolve_links(path)?;
        if std::fs::metadata(&path).is_ok_and(|m| !m.is_file()) {
            let file = interruptible::open_to_write(&path)?;
            return Ok((AtomicFile { path, temporary: None, has_other_names: false }, file));
        }
        let temporary = NamedTempFile::new_in(folder(&path)?)?;
        let mut has_other_names = false;
        if let Ok(there) = std::fs::metadata(&path) {
            can_replace(&path, &there)?;
            if there_is != Existing::Secret {
                copy_rights(temporary.as_file(), &there)?;
            }
            has_other_names = there_is == Existing::Shared && there.nlink() > 1;
        }
        let file = temporary.reopen()?;
        Ok((AtomicFile { path, temporary: Some(temporary), has_other_names }, file))
    }

    /// Puts the file into its place. Without this it is gone as if it had never been.
    pub fn finish(self) -> io::Result<()> {
        match self.temporary {
            Some(temporary) => {
                // On the disk before it takes the place of what was there.
                temporary.as_file().sync_all()?;
                if self.has_other_names {
                    return write_over(&self.path, temporary);
                }
                temporary.persist(&self.path).map(drop).map_err(|e| e.error)?;
                // So that the name is there after a power cut too; some file systems know no such thing.
                let _ = folder(&self.path).and_then(|folder| File::open(folder)?.sync_all());
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Writes what is whole already into a file that is there. Where that fails, it is kept and named.
fn write_over(path: &Path, whole: NamedTempFile) -> io::Result<()> {
    let copied = File::open(whole.path()).and_then(|mut from| {
        let mut to = File::options().write(true).truncate(true).open(path)?;
        io::copy(&mut from, &mut to)?;
        to.sync_all()
    });
    copied.map_err(|e| match whole.keep() {
        Ok((_, kept)) => io::Error::other(format!("{}; all of it is in {}", io_message(&e), kept.display())),
        Err(lost) => lost.error,
    })
}

fn folder(path: &Path) -> io::Result<&Path> {
    let folder = path.parent().ok_or(io::ErrorKind::IsADirectory)?;
    Ok(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

/// Where links lead, also to what is not there yet.
fn resolve_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    // As many as the kernel follows.
    for _ in 0..40 {
        if let Ok(there) = std::fs::canonicalize(&path) {
            return Ok(there);
        }
        match std::fs::read_link(&path) {
            Ok(next) => path = folder(&path)?.join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links lead on from it"))
}

/// What may not be written is not replaced either, though its folder would let it.
fn can_replace(path: &Path, there: &Metadata) -> io::Result<()> {
    // To root everything is writable.
    let is_writable = there.permissions().mode() & 0o222 != 0;
    match is_writable && access(path, AccessFlags::W_OK).is_ok() {
        true => Ok(()),
        false => Err(io::ErrorKind::PermissionDenied.into()),
    }
}

/// Gives a file that takes the place of another the rights of that one: who reads it, reads it still.
fn copy_rights(file: &File, there: &Metadata) -> io::Result<()> {
    let mode = there.permissions().mode() & 0o777;
    let own = file.metadata()?;
    let other = |there: u32, own: u32| (there != own).then_some(there);
    let (owner, group) = (other(there.uid(), own.uid()), other(there.gid(), own.gid()));
    // The owner is root's to give, a group its members'. Without the group its rights would be another group's.
    let is_given = |owner, group| std::os::unix::fs::fchown(file, owner, group).is_ok();
    let mode = match is_given(owner, group) || (group.is_some() && is_given(None, group)) || group.is_none() {
        true => mode,
        false => mode & 0o707,
    };
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

/// What goes to standard output goes to a file meanwhile.
pub struct RedirectedOutput {
    path: String,
    whole: AtomicFile,
    stdout: DataStream,
}

impl RedirectedOutput {
    /// Begins; `-` is standard output itself, and then there is nothing to do. What is secret is its owner's alone.
    pub fn begin(ui: &Ui, path: Option<&String>, is_secret: bool) -> Result<Option<RedirectedOutput>> {
        let Some(path) = path.filter(|p| *p != "-") else {
            // Where there is nothing to tell, no lines tell all.
            ui.has_data.set(true);
            return Ok(None);
        };
        let made =
            if is_secret { AtomicFile::create_private(Path::new(path)) } else { AtomicFile::create(Path::new(path)) };
        let (whole, copy) = made.map_err(|e| unwritten(path, &e))?;
        let stdout = ui.redirect(DataStream { to: Box::new(io::BufWriter::new(copy)), is_terminal: false });
        Ok(Some(RedirectedOutput { path: path.clone(), whole, stdout }))
    }

    /// Puts the file into its place where all went well, and gives standard output back.
    pub fn end(self, ui: &Ui, done: Result<()>) -> Result<()> {
        let done = done.and_then(|()| ui.flush());
        ui.redirect(self.stdout);
        // What is in the file is not what programs are told.
        ui.has_data.set(false);
        done?;
        Ok(self.whole.finish().map_err(|e| unwritten(&self.path, &e))?)
    }
}

fn unwritten(path: &str, e: &io::Error) -> Problem {
    Problem::failed(format!("can't write {path}: {}", io_message(e)))
}
