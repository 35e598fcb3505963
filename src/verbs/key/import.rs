//! The master key back from a file that `key export` wrote, or from a backup that holds it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;

use age::secrecy::SecretString;
use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::export::PassphraseFrom;
use super::{KIND, init, unread, wrapped};
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::master_key::MasterKeySource;
use crate::crud::vault::{has_none, own_key};
use crate::crud::write::dry_run_note;
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::sealing::MasterKey;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::store::tx::Tx;
use crate::verbs::backup::archive::{Archive, Identities};

/// Most bytes of a master key that is encrypted: to some dozens of recipients.
const MOST: u64 = 64 << 10;

/// Records that the master key was brought back.
#[derive(Debug, Serialize, Deserialize)]
struct Import {
    master_key: Uuid,
}

impl Verb for Import {
    const NAME: &str = "key import";

    type Output = ();

    fn orgs(&self) -> Vec<i32> {
        vec![SYSTEM]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("it needs the master key")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<()> {
        Ok(tx.event_about(SYSTEM, Action::Import, KIND, self.master_key, Map::new()).await?)
    }
}

/// The flags of `key import`.
#[derive(clap::Args)]
pub struct ImportFlags {
    /// File that 'key export' wrote, of the master key or of an organisation's keys, or a backup that was made with --with-keys
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// File with the identity (age) that it is encrypted to (can be repeated)
    #[arg(long, value_name = "FILE")]
    pub identity: Vec<String>,
    #[command(flatten)]
    pub passphrase: PassphraseFrom,
}

impl Leaf for ImportFlags {
    const SPEC: Spec = Spec {
        noun: "key",
        verb: "import",
        permission: "keys:import",
        writes: true,
        about: "Bring the master key back from a file, or an organisation's keys, where these are of this database",
        examples: "orgctl key import master.key.age --passphrase\norgctl key import master.key.age --identity key.txt\norgctl key import keys.jsonl",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();
    const RECORDED: Option<Action> = Some(Action::Import);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        if let Some(from) = self.wrapped()? {
            let keys = wrapped::read(&self.file, from)?;
            return wrapped::import(s, &self.file, keys).await;
        }
        let own = own_key(s.db().await?).await?.ok_or_else(has_none)?;
        let MasterKeySource::File(path) = s.context.master_key.clone() else {
            return Err(Problem::usage(format!("the master key comes from {}", s.context.master_key.shown()))
                .hint("ORGCTL_MASTER_KEY_FILE=FILE says where it is to be written")
                .into());
        };
        match s.context.master_key.read(s.context.env).await {
            Err(p) if p.kind == ErrorKind::NotFound => {}
            _ => {
                return Err(Problem::conflict(format!("{} is there already; it was left as it is", path.display()))
                    .hint("'orgctl key status' tells whether it fits; ORGCTL_MASTER_KEY_FILE names another file")
                    .into());
            }
        }
        let key = self.opened(s).await?;
        if own.wrapping != key.id() {
            return Err(Problem::failed(format!(
                "the master key in {} is not that of this database: it is {}, not {}",
                self.file.display(),
                key.id(),
                own.wrapping
            ))
            .hint("nothing was changed")
            .into());
        }
        gate::preflight(s, SYSTEM).await?;
        if !s.context.dry_run {
            init::write(&path, &key)?;
        }
        gate::write(s, &Import { master_key: key.id() }).await?;
        s.context.ui.status(&format!("the master key {} is in {}", key.id(), path.display()));
        dry_run_note(s.context);
        Ok(())
    }
}

impl ImportFlags {
    /// The file, where it holds the keys of an organisation.
    fn wrapped(&self) -> Result<Option<BufReader<File>>> {
        let file = File::open(&self.file).map_err(|e| unread(&self.file, &e))?;
        let mut from = BufReader::new(file);
        let is_one = wrapped::is_one(from.fill_buf().map_err(|e| unread(&self.file, &e))?);
        Ok(is_one.then_some(from))
    }

    /// What the file holds, or the manifest of a backup.
    fn encrypted(&self) -> Result<Vec<u8>> {
        if self.file.extension().is_some_and(|end| end == "tar") {
            let manifest = Archive::open(&self.file)?.manifest;
            let text = manifest.master_key.ok_or_else(|| {
                Problem::not_found(format!("the backup {} holds no master key", self.file.display()))
                    .hint("it was made without --with-keys")
            })?;
            let wrong = |_| Problem::integrity(format!("the master key in {} is damaged", self.file.display()));
            return Ok(STANDARD.decode(text).map_err(wrong)?);
        }
        let mut bytes = Vec::new();
        let file = File::open(&self.file).map_err(|e| unread(&self.file, &e))?;
        file.take(MOST).read_to_end(&mut bytes).map_err(|e| unread(&self.file, &e))?;
        Ok(bytes)
    }

    /// The key that the file holds.
    async fn opened(&self, s: &Invocation<'_>) -> Result<MasterKey> {
        let at = self.file.display();
        let bytes = self.encrypted()?;
        let wrong = |_| Problem::invalid(format!("{at} is no file that 'key export' wrote"));
        let decryptor = age::Decryptor::new_buffered(&bytes[..]).map_err(wrong)?;
        let unopened = |_| {
            Problem::failed(format!("{at} does not open: it is for another identity or passphrase, or was changed"))
                .hint("--identity names the file with the identity; --passphrase asks for a passphrase")
        };
        let reader = if decryptor.is_scrypt() {
            let words = self.passphrase.read(&s.context.ui, false).await?;
            let identity = age::scrypt::Identity::new(SecretString::from(words.expose().to_owned()));
            decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity)).map_err(unopened)?
        } else {
            if self.identity.is_empty() {
                return Err(Problem::usage(format!("{at} is encrypted to a public key of age"))
                    .hint("name the file with the identity (age) with --identity")
                    .into());
            }
            decryptor.decrypt(Identities::read(&self.identity)?.iter()).map_err(unopened)?
        };
        let mut text = Zeroizing::new(String::with_capacity(1024));
        let damaged = |_| Problem::integrity(format!("{at} was changed: it can't be decrypted to its end"));
        reader.take(1024).read_to_string(&mut text).map_err(damaged)?;
        Ok(MasterKey::parse(&text).ok_or_else(|| Problem::invalid(format!("{at} holds no master key")))?)
    }
}
