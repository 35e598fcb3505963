//! The user's own editor, on a file that only they can read.

use std::cell::Cell;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;

use anyhow::Result;
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::tcgetattr;
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::process::Command;

use super::{Ui, bounded, interrupted};
use crate::model::problem::{Problem, io_message};

/// A text that is being edited: a file of mode 0600 in a folder of its own, where editors put their copies too. It
/// goes with this value, unless it is kept.
pub struct Draft {
    folder: TempDir,
    file: PathBuf,
}

impl Draft {
    /// Makes the folder; `name` ends as editors know the format.
    pub fn new(name: &str) -> Result<Draft> {
        let folder = tempfile::Builder::new()
            .prefix("orgctl-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(|e| failed("make a folder for the form", &e))?;
        let file = folder.path().join(name);
        Ok(Draft { folder, file })
    }

    fn write(&self, text: &str) -> io::Result<()> {
        // Anew each time: an editor may have left a file with other rights.
        match fs::remove_file(&self.file) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.file)?;
        file.write_all(text.as_bytes())
    }

    /// Leaves the text where the user finds it again; its path.
    pub fn keep(self, text: &str) -> Result<PathBuf> {
        self.write(text).map_err(|e| failed("keep the form", &e))?;
        // Only the folder's removal at the end is given up.
        let _ = self.folder.keep();
        Ok(self.file)
    }
}

fn failed(what: &str, e: &io::Error) -> anyhow::Error {
    Problem::failed(format!("can't {what}: {}", io_message(e))).into()
}

/// How long after the editor a signal may come that was meant for it.
const LATE: std::time::Duration = std::time::Duration::from_millis(20);

/// The editor that runs, if one does.
#[derive(Debug, Default)]
pub struct Editing {
    pid: Cell<Option<u32>>,
    stopped: Cell<bool>,
}

impl Editing {
    /// Whether the terminal is an editor's at the moment: a Ctrl-C is meant for it.
    pub fn runs(&self) -> bool {
        self.pid.get().is_some()
    }

    /// Tells the editor to end, so that it gives the terminal back itself. What it leaves is not read.
    pub fn stop(&self) {
        self.stopped.set(true);
        if let Some(pid) = self.pid.get().and_then(|pid| i32::try_from(pid).ok()) {
            // Where this fails it has ended by itself.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
    }
}

impl Ui {
    /// Lets the user edit a text; what they left. `command` may hold arguments (`code --wait`), as a shell reads them.
    ///
    /// A Ctrl-C meanwhile is the editor's own: see [`Ui::editing`].
    pub async fn edit(&self, command: &str, draft: &Draft, text: &str) -> Result<String> {
        draft.write(text).map_err(|e| failed("write the form", &e))?;
        self.flush()?;
        self.terminal.replace(tcgetattr(io::stdin()).ok());
        let ended = match run(command).arg(&draft.file).kill_on_drop(true).spawn() {
            Ok(mut child) => {
                self.editing.pid.set(child.id());
                let ended = child.wait().await;
                // A Ctrl-C that the editor took for its last is heard here only now, and was meant for it.
                tokio::time::sleep(LATE).await;
                self.editing.pid.set(None);
                ended
            }
            Err(e) => Err(e),
        };
        let killed = ended.as_ref().is_ok_and(|status| status.code().is_none());
        if killed || self.editing.stopped.get() {
            // It may have left the terminal in a state of its own.
            self.restore_terminal();
        }
        self.terminal.replace(None);
        if self.editing.stopped.get() {
            return Err(interrupted());
        }
        let hint = "VISUAL or EDITOR names the editor";
        let status = ended
            .map_err(|e| Problem::failed(format!("can't run the editor '{command}': {}", io_message(&e))).hint(hint))?;
        if !status.success() {
            let how = status.code().map_or("was ended by a signal".to_owned(), |c| format!("ended with exit code {c}"));
            let sentence = format!("the editor '{command}' {how}; nothing was changed");
            return Err(Problem::failed(sentence).hint(hint).into());
        }
        match bounded::read(&draft.file, bounded::SMALL) {
            Ok(text) => Ok(text),
            // A file taken away is as good as an emptied one.
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                Err(Problem::invalid("the form is not UTF-8 text; nothing was changed").into())
            }
            Err(e) => Err(failed("read the form", &e)),
        }
    }
}

/// The command without its file. By itself where it is made of plain words, so that it can be taken down; otherwise
/// through a shell, which a Ctrl-C meant for the editor must not end.
fn run(command: &str) -> Command {
    let plain = |c: char| c.is_alphanumeric() || "-_./+,:@ ".contains(c);
    let mut words = command.split_whitespace();
    match words.next() {
        Some(program) if command.chars().all(plain) => {
            let mut run = Command::new(program);
            run.args(words);
            run
        }
        _ => {
            let mut run = Command::new("sh");
            run.args(["-c", &format!("trap : INT; {command} \"$@\""), "sh"]);
            run
        }
    }
}
