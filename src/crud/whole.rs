//! Files that are written whole or not at all.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

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
            Some(temporary) => temporary.persist(&self.path).map(drop).map_err(|e| e.error),
            None => Ok(()),
        }
    }
}
