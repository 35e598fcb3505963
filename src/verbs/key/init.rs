//! Setting a database up for sealing.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::KIND;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::master_key::MasterKeySource;
use crate::crud::vault::{Vault, is_another, own_key};
use crate::crud::write::dry_run_note;
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::{ErrorKind, Problem, io_message};
use crate::model::sealing::MasterKey;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::store::tx::Tx;

/// Has the database know its master key from now on.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeyInit {
    #[serde(skip)]
    pub vault: Vault,
    /// Where the key came from.
    pub source: String,
}

impl Verb for KeyInit {
    const NAME: &str = "key init";

    /// Whether it did not know it yet.
    type Output = bool;

    fn orgs(&self) -> Vec<i32> {
        vec![SYSTEM]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("it needs the master key")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<bool> {
        let master = self.vault.master()?;
        if let Some(own) = own_key(tx.db).await? {
            if own.wrapping != master.id() {
                return Err(is_another(&self.source, master.id(), own.wrapping).into());
            }
            self.vault.org_keys(tx.db, SYSTEM).await?;
            return Ok(false);
        }
        self.vault.new_org_key(tx, SYSTEM).await?;
        let mut details = Map::new();
        tx.name_keys(uuid::Uuid::nil(), &mut details);
        tx.event_about(SYSTEM, Action::Create, KIND, master.id(), details).await?;
        Ok(true)
    }
}

/// The flags of `key init`.
#[derive(clap::Args)]
pub struct InitFlags {}

impl Leaf for InitFlags {
    const SPEC: Spec = Spec {
        noun: "key",
        verb: "init",
        permission: "keys:init",
        writes: true,
        about: "Make the master key, and have the database know it",
        examples: "orgctl key init\nORGCTL_MASTER_KEY_FILE=/etc/orgctl/master.key orgctl key init",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();
    const RECORDED: Option<Action> = Some(Action::Create);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        // Whatever would be refused is refused before there is a file.
        gate::preflight(s, SYSTEM).await?;
        let source = s.context.master_key.clone();
        let read = source.read(s.context.env).await;
        let (key, is_new) = match (read, &source) {
            (Err(p), MasterKeySource::File(path)) if p.kind == ErrorKind::NotFound => {
                if let Some(own) = own_key(s.db().await?).await? {
                    return Err(Problem::failed(format!(
                        "{}: this database is sealed under the master key {}",
                        p.sentence, own.wrapping
                    ))
                    .hint("bring that one back: another would open nothing that is sealed")
                    .into());
                }
                if s.context.dry_run {
                    s.context.ui.status(&format!("would make a master key in {}", path.display()));
                    dry_run_note(s.context);
                    return Ok(());
                }
                let key = MasterKey::generate(s.context.random);
                write(path, &key)?;
                (key, true)
            }
            (read, _) => (read?, false),
        };
        let id = key.id();
        let verb = KeyInit { vault: Vault::new(Arc::new(key)), source: source.shown() };
        let is_first = gate::write(s, &verb).await?;
        let ui = &s.context.ui;
        if is_new {
            ui.status(&format!("made the master key {id} in {}", source.shown()));
        }
        ui.status(&match is_first {
            true => format!("what is sealed in {} is sealed under it from now on", s.connection.location.shown()),
            false => format!("the master key {id} of {} is that of this database already", source.shown()),
        });
        if is_first {
            ui.warn(
                "whoever loses it loses every sealed field, and backups don't hold it: keep a copy apart from the database and from \
                 its backups ('orgctl key export')",
            );
        }
        dry_run_note(s.context);
        Ok(())
    }
}

/// Writes a key to a file that is not there yet, and that only its owner can read.
pub fn write(path: &Path, key: &MasterKey) -> Result<(), Problem> {
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::AlreadyExists => {
            Problem::conflict(format!("{} is there already; it was left as it is", path.display()))
        }
        _ => Problem::failed(format!("can't write {}: {}", path.display(), io_message(&e))),
    };
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let written = file.write_all(key.secret_text().as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|e| {
        // Half a key is none.
        let _ = fs::remove_file(path);
        failed(e)
    })
}
