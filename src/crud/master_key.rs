//! Where the master key comes from: a file that only its owner can read, the environment, or a command that prints it.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Result;
use nix::libc::O_NONBLOCK;
use nix::unistd::geteuid;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use zeroize::Zeroizing;

use crate::model::problem::{Problem, io_message};
use crate::model::sealing::MasterKey;

/// The key itself. It is no option: those are shown, and may stand on a command line.
pub const MASTER_KEY: &str = "ORGCTL_MASTER_KEY";

/// Bytes of a master key's text, and a good deal more.
const MOST: usize = 4096;

const MAKE: &str = "'orgctl key init' makes the first one, and 'orgctl key import' brings back one that was exported; master_key_file or ORGCTL_MASTER_KEY_FILE names another";

/// Where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MasterKeySource {
    /// The variable that holds it.
    Variable,
    File(PathBuf),
    /// A command line, which is run without a shell.
    Command(String),
    /// There is no folder to look in.
    Nowhere,
}

impl MasterKeySource {
    /// As it is named where it is told of. A command may have a secret among its arguments: its program alone is told.
    pub fn shown(&self) -> String {
        match self {
            MasterKeySource::Variable => format!("the variable {MASTER_KEY}"),
            MasterKeySource::File(path) => path.display().to_string(),
            MasterKeySource::Command(line) => format!("the command {}", program(line)),
            MasterKeySource::Nowhere => "nowhere".to_owned(),
        }
    }

    pub fn as_str(&self) -> &'static str {
        match self {
            MasterKeySource::Variable => "environment",
            MasterKeySource::File(_) => "file",
            MasterKeySource::Command(_) => "command",
            MasterKeySource::Nowhere => "none",
        }
    }

    /// Reads it. Where there is no such file the problem is one of what is not found.
    pub async fn read(&self, env: &BTreeMap<String, String>) -> Result<MasterKey, Problem> {
        match self {
            MasterKeySource::Variable => {
                let text = env.get(MASTER_KEY).map(String::as_str).unwrap_or_default();
                parsed(text, &self.shown())
            }
            MasterKeySource::File(path) => read_file(path),
            MasterKeySource::Command(line) => of_command(line, env).await,
            MasterKeySource::Nowhere => {
                Err(Problem::not_found("there is no home folder to look for the master key in")
                    .hint("master_key_file or ORGCTL_MASTER_KEY_FILE names its file"))
            }
        }
    }
}

fn program(line: &str) -> String {
    shlex::split(line).and_then(|words| words.into_iter().next()).unwrap_or_default()
}

/// A key's text. What it was instead is not told.
fn parsed(text: &str, from: &str) -> Result<MasterKey, Problem> {
    if let Some(key) = MasterKey::parse(text) {
        return Ok(key);
    }
    let why = match text.trim().lines().count() {
        0 => "holds nothing",
        1 => "holds no master key",
        _ => "holds several lines, where a master key is one",
    };
    Err(Problem::failed(format!("{from} {why}")).hint("it is a line that begins with ORGCTL-MASTER-KEY-1"))
}

fn read_file(path: &Path) -> Result<MasterKey, Problem> {
    let at = path.display();
    let failed = |e: io::Error| Problem::failed(format!("can't read the master key {at}: {}", io_message(&e)));
    // A pipe is not waited for: what is open is looked at, so that nobody puts another file in its place meanwhile.
    let file = match OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(Problem::not_found(format!("there is no master key at {at}")).hint(MAKE));
        }
        other => other.map_err(failed)?,
    };
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        let what = match meta.file_type() {
            kind if kind.is_dir() => "a folder",
            kind if kind.is_fifo() => "a pipe",
            _ => "no file",
        };
        return Err(Problem::failed(format!("the master key {at} is {what}"))
            .hint("name the file that holds it; master_key_command names a command that prints it"));
    }
    if meta.uid() != geteuid().as_raw() {
        return Err(Problem::failed(format!("the master key {at} belongs to somebody else, who can change it"))
            .hint(format!("make it your own: chown {} {at}", geteuid())));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(Problem::failed(format!("others can read the master key {at}")).hint(format!(
            "chmod 600 {at}; whoever could read it may have it: 'orgctl key rotate --to FILE' makes another"
        )));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST + 1));
    file.take(MOST as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    of_bytes(&bytes, &format!("the master key file {at}"))
}

fn of_bytes(bytes: &[u8], from: &str) -> Result<MasterKey, Problem> {
    parsed(std::str::from_utf8(bytes).ok().filter(|_| bytes.len() <= MOST).unwrap_or("?"), from)
}

/// Runs the command that prints it: its errors go where ours go, and a signal ends it with us.
async fn of_command(line: &str, env: &BTreeMap<String, String>) -> Result<MasterKey, Problem> {
    let words = shlex::split(line).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| {
        Problem::usage("master_key_command is no command line").hint("write it as a shell reads it: pass show orgctl")
    })?;
    let named = format!("the command for the master key, {},", words[0]);
    let failed = |e: io::Error| Problem::failed(format!("{named} can't be run: {}", io_message(&e)));
    let mut child = Command::new(&words[0])
        .args(&words[1..])
        .env_clear()
        .envs(env.iter().filter(|(name, _)| *name != MASTER_KEY))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST + 1));
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MOST as u64 + 1).read_to_end(&mut bytes).await.map_err(failed)?;
    }
    if bytes.len() > MOST {
        return of_bytes(&bytes, "what the command for the master key prints");
    }
    let status = child.wait().await.map_err(failed)?;
    if !status.success() {
        let how = status.code().map_or("was ended by a signal".to_owned(), |c| format!("ended with exit code {c}"));
        return Err(Problem::failed(format!("{named} {how}")).hint("run it by itself to see why"));
    }
    of_bytes(&bytes, "what the command for the master key prints")
}
