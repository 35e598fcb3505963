//! The master key in a file that others can keep: encrypted, never in clear.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use age::secrecy::SecretString;
use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Map;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{KIND, wrapped};
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::read::Exported;
use crate::crud::vault::Vault;
use crate::crud::write::dry_run_note;
use crate::model::kinds::org::SYSTEM;
use crate::model::password::Secret;
use crate::model::problem::{Problem, io_message};
use crate::model::sealing::MasterKey;
use crate::model::trail::audit::Action;
use crate::ui::Ui;

/// Shortest passphrase: the file may lie where anybody tries words against it.
const SHORTEST: usize = 12;

/// Records that the master key is written to a file, and who can open it.
async fn record(s: &mut Invocation<'_>, master_key: Uuid, to: Vec<String>) -> Result<()> {
    let details = Map::from_iter([("to".to_owned(), to.into())]);
    let (action, noun) = (Action::Export, KIND.to_owned());
    gate::write(s, &Exported { action, noun, org: SYSTEM, id: Some(master_key), details: vec![details] }).await
}

/// Where a passphrase comes from: a person types it, or it is read.
#[derive(clap::Args)]
pub struct PassphraseFrom {
    /// Use a passphrase, which is asked for
    #[arg(long)]
    pub passphrase: bool,
    /// Read the passphrase from standard input, one line
    #[arg(long, conflicts_with = "passphrase")]
    pub passphrase_stdin: bool,
}

impl PassphraseFrom {
    pub fn is_given(&self) -> bool {
        self.passphrase || self.passphrase_stdin
    }

    /// Asks for it, twice where it is new.
    pub async fn read(&self, ui: &Ui, is_new: bool) -> Result<Secret> {
        if !self.passphrase_stdin {
            if !ui.style.interactive {
                return Err(Problem::usage("a passphrase can't be asked for without a terminal")
                    .hint("--passphrase-stdin reads it from standard input")
                    .into());
            }
            return ui.ask_secret("Passphrase", is_new.then_some("Again")).await;
        }
        let line = ui.read_stdin(Line(Zeroizing::new(Vec::with_capacity(MOST)))).await?;
        let text = std::str::from_utf8(&line.0).map_err(|_| Problem::invalid("the passphrase is not UTF-8 text"))?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        Ok(Secret::new(text.strip_suffix('\r').unwrap_or(text).to_owned()))
    }
}

/// Bytes of a passphrase and its line end, and a good deal more.
const MOST: usize = 4096;

/// What standard input gives, wiped in the end.
struct Line(Zeroizing<Vec<u8>>);

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST {
            return Err(io::Error::other("it is longer than any passphrase"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The flags of `key export`.
#[derive(clap::Args)]
pub struct ExportFlags {
    /// File to write, which is not there yet
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Encrypt to this public key of age (age1...; can be repeated)
    #[arg(long, value_name = "RECIPIENT")]
    pub to: Vec<String>,
    #[command(flatten)]
    pub passphrase: PassphraseFrom,
    /// Write the keys of this organisation instead, wrapped as they are: they open with the master key alone
    #[arg(long, value_name = "ORG", conflicts_with_all = ["to", "passphrase", "passphrase_stdin"])]
    pub organisation: Option<String>,
}

impl Leaf for ExportFlags {
    const SPEC: Spec = Spec {
        noun: "key",
        verb: "export",
        permission: "keys:export",
        writes: true,
        about: "Write the master key to a file, encrypted to a public key of age or by a passphrase; or the keys of an organisation",
        examples: "orgctl key export master.key.age --passphrase\norgctl key export /mnt/safe/master.key.age --to age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\norgctl key export keys.jsonl --organisation SAHYADRI",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();
    const RECORDED: Option<Action> = Some(Action::Export);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        if let Some(code) = &self.organisation {
            return self.of_organisation(s, code).await;
        }
        if self.to.is_empty() != self.passphrase.is_given() {
            return Err(Problem::usage("the master key is written to a file for somebody alone")
                .hint("either --to RECIPIENT or --passphrase says for whom")
                .into());
        }
        let vault = Vault::of(s).await?;
        let (bytes, to) = encrypted_for(s, vault.master()?, &self.to, &self.passphrase).await?;
        gate::preflight(s, SYSTEM).await?;
        if s.context.dry_run {
            s.context.ui.status(&format!("would write the master key to {}", self.file.display()));
            dry_run_note(s.context);
            return Ok(());
        }
        let master_key = vault.master()?.id();
        self.write(async { record(s, master_key, to).await.map(|()| (bytes, ())) }).await?;
        s.context.ui.status(&format!("wrote the master key to {}, encrypted", self.file.display()));
        s.context.ui.status("keep it apart from the database and from its backups: 'orgctl key import' brings it back");
        Ok(())
    }
}

impl ExportFlags {
    /// Writes the keys of an organisation, which are recorded before.
    async fn of_organisation(&self, s: &mut Invocation<'_>, code: &str) -> Result<()> {
        let at = self.file.display();
        if s.context.dry_run {
            let (_, keys) = wrapped::export(s, code).await?;
            s.context.ui.status(&format!("would write {keys} wrapped keys to {at}"));
            dry_run_note(s.context);
            return Ok(());
        }
        let keys = self.write(wrapped::export(s, code)).await?;
        let ui = &s.context.ui;
        ui.status(&format!("wrote {keys} keys of {code} to {at}, wrapped"));
        ui.status("they open with the master key alone: 'orgctl key import' takes them where the organisation is");
        Ok(())
    }

    /// Writes the file. What it holds is known when that was recorded: what is written was recorded.
    async fn write<B: AsRef<[u8]>, T>(&self, recorded: impl Future<Output = Result<(B, T)>>) -> Result<T> {
        let mut file = self.create()?;
        let written = match recorded.await {
            Ok((bytes, told)) => {
                let written = file.write_all(bytes.as_ref()).and_then(|()| file.sync_all());
                written.map(|()| told).map_err(|e| self.failed(&e).into())
            }
            Err(e) => Err(e),
        };
        if written.is_err() {
            // An empty file helps nobody.
            let _ = fs::remove_file(&self.file);
        }
        written
    }

    /// The file, which is not there yet, and its owner's alone.
    fn create(&self) -> Result<File, Problem> {
        let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.file);
        made.map_err(|e| self.failed(&e))
    }

    fn failed(&self, e: &io::Error) -> Problem {
        match e.kind() {
            io::ErrorKind::AlreadyExists => {
                Problem::conflict(format!("{} is there already; it was left as it is", self.file.display()))
            }
            _ => Problem::failed(format!("can't write {}: {}", self.file.display(), io_message(e))),
        }
    }
}

/// The text of the master key for recipients, or for who knows a passphrase, and for whom it is, as a record says it.
async fn encrypted_for(
    s: &Invocation<'_>,
    key: &MasterKey,
    recipients: &[String],
    passphrase: &PassphraseFrom,
) -> Result<(Vec<u8>, Vec<String>)> {
    if !recipients.is_empty() {
        return Ok((to_recipients(key, recipients)?, recipients.to_vec()));
    }
    let words = passphrase.read(&s.context.ui, true).await?;
    if words.expose().chars().count() < SHORTEST {
        return Err(Problem::invalid(format!("a passphrase has {SHORTEST} characters at least")).into());
    }
    Ok((by_passphrase(key, &words)?, vec!["passphrase".to_owned()]))
}

/// The master key for a manifest, encrypted to some or by a passphrase, which is recorded before it is written anywhere.
pub async fn recorded(s: &mut Invocation<'_>, to: &[String], passphrase: &PassphraseFrom) -> Result<String> {
    gate::allow_besides(s.context, ExportFlags::SPEC.permission)?;
    let vault = Vault::of(s).await?;
    let (bytes, to) = encrypted_for(s, vault.master()?, to, passphrase).await?;
    record(s, vault.master()?.id(), to).await?;
    Ok(STANDARD.encode(bytes))
}

/// The text of a key, which only some can read.
fn to_recipients(key: &MasterKey, recipients: &[String]) -> Result<Vec<u8>, Problem> {
    let mut all = Vec::with_capacity(recipients.len());
    for text in recipients {
        let recipient: age::x25519::Recipient = text.parse().map_err(|_| {
            Problem::usage(format!("'{}' is no public key of age", crate::model::values::scalar::truncate(text)))
                .hint("it looks like age1..., as 'age-keygen' prints it")
        })?;
        all.push(recipient);
    }
    let encryptor = age::Encryptor::with_recipients(all.iter().map(|r| r as &dyn age::Recipient))
        .map_err(|e| Problem::usage(format!("can't encrypt to these recipients: {e}")))?;
    encrypted(encryptor, key)
}

/// The text of a key, which a passphrase opens.
fn by_passphrase(key: &MasterKey, words: &Secret) -> Result<Vec<u8>, Problem> {
    let words = SecretString::from(words.expose().to_owned());
    encrypted(age::Encryptor::with_user_passphrase(words), key)
}

fn encrypted(encryptor: age::Encryptor, key: &MasterKey) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let failed = |e: io::Error| Problem::failed(format!("can't encrypt the master key: {}", io_message(&e)));
    let mut into = encryptor.wrap_output(&mut bytes).map_err(failed)?;
    into.write_all(key.secret_text().as_bytes()).map_err(failed)?;
    into.finish().map_err(failed)?;
    Ok(bytes)
}
