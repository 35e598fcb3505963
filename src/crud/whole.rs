//! Files that are written whole or not at all.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::NamedTempFile;

use super::session::Session;
use crate::model::problem::{Problem, plain};

/// A file being written beside its place, readable by its owner alone, and moved there at the end. What is no ordinary
/// file (a pipe, a device) is written to and never replaced: root could put a file in the place of `/dev/null`.
pub struct Whole {
    path: PathBuf,
    temporary: Option<NamedTempFile>,
}

impl Whole {
    /// The file, and the handle to write through.
    pub fn create(path: &Path) -> io::Result<(Whole, File)> {
        // Through a link to what it names: the link stays.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if std::fs::metadata(&path).is_ok_and(|m| !m.is_file()) {
            let file = OpenOptions::new().write(true).open(&path)?;
            return Ok((Whole { path, temporary: None }, file));
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = NamedTempFile::new_in(folder)?;
        let file = temporary.reopen()?;
        Ok((Whole { path, temporary: Some(temporary) }, file))
    }

    /// Puts the file into its place. Without this it is gone as if it had never been.
    pub fn finish(self) -> io::Result<()> {
        match self.temporary {
            Some(temporary) => {
                // On the disk before it takes the place of what was there.
                temporary.as_file().sync_all()?;
                temporary.persist(&self.path).map(drop).map_err(|e| e.error)
            }
            None => Ok(()),
        }
    }
}

/// What goes to standard output goes to a file meanwhile.
pub struct Redirected {
    path: String,
    whole: Whole,
    stdout: Box<dyn io::Write>,
    terminal: bool,
}

impl Redirected {
    /// Begins; `-` is standard output itself, and then there is nothing to do.
    pub fn begin(s: &mut Session<'_>, path: Option<&String>) -> Result<Option<Redirected>> {
        let Some(path) = path.filter(|p| *p != "-") else { return Ok(None) };
        let (whole, copy) = Whole::create(Path::new(path)).map_err(|e| unwritten(path, &e))?;
        let stdout = std::mem::replace(&mut s.ui.io.stdout, Box::new(io::BufWriter::new(copy)));
        let terminal = std::mem::replace(&mut s.ui.io.stdout_is_terminal, false);
        Ok(Some(Redirected { path: path.clone(), whole, stdout, terminal }))
    }

    /// Puts the file into its place where all went well, and gives standard output back.
    pub fn end(self, s: &mut Session<'_>, done: Result<()>) -> Result<()> {
        let done = done.and_then(|()| s.ui.flush());
        s.ui.io.stdout = self.stdout;
        s.ui.io.stdout_is_terminal = self.terminal;
        done?;
        Ok(self.whole.finish().map_err(|e| unwritten(&self.path, &e))?)
    }
}

fn unwritten(path: &str, e: &io::Error) -> Problem {
    Problem::failed(format!("can't write {path}: {}", plain(e)))
}
