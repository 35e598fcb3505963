//! Wrapping all keys anew: those of organisations under another master key, or all others under a new key of their organisation.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::{KIND, init};
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::master_key::MasterKeySource;
use crate::crud::vault::{OrgKeys, Vault};
use crate::crud::write::dry_run_note;
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::random::BufferedRandom;
use crate::model::sealing::{MasterKey, Purpose, Wraps};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::hex;
use crate::store::keys::{self, StoredKey, Which};
use crate::store::records;
use crate::store::tx::Tx;

/// Keys that are wrapped anew in one transaction: nobody waits for it long, and what ends it loses no more.
const TOGETHER: usize = 4_000;

const NEEDS_KEY: &str = "it needs the master key";

/// Wraps the keys of all organisations by another master key.
#[derive(Debug, Serialize, Deserialize)]
struct RotateMaster {
    #[serde(skip)]
    vault: Vault,
    #[serde(skip)]
    to: Vault,
}

impl Verb for RotateMaster {
    const NAME: &str = "key rotate master";

    /// How many keys.
    type Output = u64;

    fn orgs(&self) -> Vec<i32> {
        vec![SYSTEM]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some(NEEDS_KEY)
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<u64> {
        let (from, to) = (self.vault.master()?, self.to.master()?);
        let counted = keys::count(tx.db, None).await?;
        let mut orgs: Vec<i32> = counted.iter().filter(|c| c.purpose == Purpose::Organisation).map(|c| c.org).collect();
        orgs.dedup();
        let mut wrapped = 0;
        for org in &orgs {
            let uuid = keys::org_uuid(tx.db, *org).await?;
            let stored = keys::find(tx.db, *org, Which::Organisation).await?;
            if let Some(other) = stored.iter().find(|key| key.wrapping != from.id()) {
                return Err(Problem::conflict(format!("the key {} was wrapped anew meanwhile", other.id)).into());
            }
            let anew = rewrapped(tx, from, to, uuid, &stored)?;
            wrapped += anew.len() as u64;
            tx.rewrap_keys(*org, to.id(), anew).await?;
        }
        let details = Map::from_iter([
            ("master_key".to_owned(), json!({ "from": from.id().to_string(), "to": to.id().to_string() })),
            ("wrapped".to_owned(), wrapped.into()),
            ("organisations".to_owned(), orgs.len().into()),
            ("digest".to_owned(), hex(&keys::digest(tx.db, SYSTEM).await?.0).into()),
        ]);
        tx.event_about(SYSTEM, Action::KeyRotate, KIND, to.id(), details).await?;
        Ok(wrapped)
    }
}

/// Keys as another one wraps them.
fn rewrapped(
    tx: &Tx<'_>,
    from: &impl Wraps,
    to: &impl Wraps,
    org: Uuid,
    stored: &[StoredKey],
) -> Result<Vec<(Uuid, Vec<u8>)>, Problem> {
    let random = BufferedRandom::new(tx.random(), stored.len() * 24);
    stored.iter().map(|key| Ok((key.id, from.rewrap(to, &key.wrapped, &key.place(org), &random)?))).collect()
}

/// Gives an organisation a new key, by which all others are wrapped from now on; one that was begun before goes on.
#[derive(Debug, Serialize, Deserialize)]
struct BeginRotation {
    #[serde(skip)]
    vault: Vault,
    org: i32,
}

impl Verb for BeginRotation {
    const NAME: &str = "key rotate begin";

    /// Whether it was begun before.
    type Output = bool;

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some(NEEDS_KEY)
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<bool> {
        if !keys_of(&self.vault, tx, self.org).await?.former().is_empty() {
            return Ok(true);
        }
        tx.retire_all_keys(self.org, Purpose::Organisation).await?;
        self.vault.new_org_key(tx, self.org).await?;
        tx.keys_are_told_together();
        Ok(false)
    }
}

async fn keys_of(vault: &Vault, tx: &mut Tx<'_>, org: i32) -> Result<OrgKeys> {
    let none = || Problem::conflict("the organisation has no keys any more");
    Ok(vault.org_keys(tx.db, org).await?.ok_or_else(none)?)
}

/// Wraps some keys of an organisation anew; with the last of them goes the key that wrapped them.
#[derive(Debug, Serialize, Deserialize)]
struct RotateSome {
    #[serde(skip)]
    vault: Vault,
    org: i32,
    /// Behind which id.
    after: Uuid,
}

/// How far it came.
struct Rotated {
    wrapped: u64,
    last: Uuid,
    has_ended: bool,
}

impl Verb for RotateSome {
    const NAME: &str = "key rotate some";

    type Output = Rotated;

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some(NEEDS_KEY)
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Rotated> {
        let own = keys_of(&self.vault, tx, self.org).await?;
        let (current, Some(former)) = (own.current()?, own.former().first()) else {
            return Ok(Rotated { wrapped: 0, last: self.after, has_ended: true });
        };
        let mut stored = keys::find(tx.db, self.org, Which::Behind(self.after, TOGETHER)).await?;
        let (last, has_ended) = (stored.last().map_or(self.after, |key| key.id), stored.len() < TOGETHER);
        stored.retain(|key| key.wrapping == former.id());
        let anew = rewrapped(tx, former, current, own.org(), &stored)?;
        tx.rewrap_keys(self.org, current.id(), anew).await?;
        if has_ended {
            finish(tx, self.org, current.id(), former.id()).await?;
        }
        Ok(Rotated { wrapped: stored.len() as u64, last, has_ended })
    }
}

/// Lets the key go that wraps nothing any more, and records the whole of it.
async fn finish(tx: &mut Tx<'_>, org: i32, current: Uuid, former: Uuid) -> Result<()> {
    let counted = keys::count(tx.db, Some(org)).await?;
    if counted.iter().any(|c| c.wrapping == former) {
        return Err(Problem::conflict("keys came that another key wraps; give the command again").into());
    }
    tx.destroy_keys(org, &[former]).await?;
    tx.keys_are_told_together();
    let (digest, keys) = keys::digest(tx.db, org).await?;
    let mut details = told(&keys::count(tx.db, Some(org)).await?);
    details.insert("keys".into(), json!({ "created": [current.to_string()], "destroyed": [former.to_string()] }));
    details.insert("wrapped".into(), keys.saturating_sub(1).into());
    details.insert("digest".into(), hex(&digest).into());
    Ok(tx.event(org, Action::KeyRotate, KIND, details).await?)
}

/// How many keys there are, by what they are for.
pub fn told(counted: &[keys::Counted]) -> Map<String, Json> {
    let mut purposes = Map::new();
    for purpose in Purpose::ALL {
        let n: u64 = counted.iter().filter(|c| c.purpose == purpose).map(|c| c.keys).sum();
        purposes.insert(purpose.as_str().into(), n.into());
    }
    Map::from_iter([("purposes".to_owned(), Json::Object(purposes))])
}

/// The organisations that have keys: the one that `--org` names, or all.
pub async fn organisations(s: &mut Invocation<'_>) -> Result<Vec<i32>> {
    let named = s.org().await?;
    let counted = keys::count(s.db().await?, named).await?;
    let mut orgs: Vec<i32> = counted.iter().map(|c| c.org).collect();
    orgs.dedup();
    if let (true, Some(org)) = (orgs.is_empty(), named) {
        let code = records::org_code(s.db().await?, org).await?;
        return Err(Problem::not_found(format!("{code} has no keys: nothing was sealed in it yet")).into());
    }
    Ok(orgs)
}

/// The flags of `key rotate`.
#[derive(clap::Args)]
pub struct RotateFlags {
    /// Change the master key: to that of this file, which is made where it is not there
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

impl Leaf for RotateFlags {
    const SPEC: Spec = Spec {
        noun: "key",
        verb: "rotate",
        permission: "keys:rotate",
        writes: true,
        about: "Wrap all keys anew, by new keys of their organisations or by another master key",
        examples: "orgctl key rotate\norgctl key rotate --org ACME\norgctl key rotate --to /etc/orgctl/master-2027.key",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();
    const RECORDED: Option<Action> = Some(Action::KeyRotate);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let vault = Vault::of(s).await?;
        match self.to {
            Some(to) => rotate_master(s, vault, to).await,
            None => rotate_organisations(s, vault).await,
        }
    }
}

async fn rotate_master(s: &mut Invocation<'_>, vault: Vault, to: PathBuf) -> Result<()> {
    if s.context.org_key.is_some() {
        return Err(Problem::usage("the master key is that of all organisations").hint("leave --org out").into());
    }
    gate::preflight(s, SYSTEM).await?;
    let source = MasterKeySource::File(to.clone());
    let (key, is_new) = match source.read(s.context.env).await {
        Err(p) if p.kind == ErrorKind::NotFound && s.context.dry_run => {
            s.context.ui.status(&format!(
                "would make a master key in {}, and wrap the keys of all organisations by it",
                to.display()
            ));
            dry_run_note(s.context);
            return Ok(());
        }
        Err(p) if p.kind == ErrorKind::NotFound => {
            let key = MasterKey::generate(s.context.random);
            init::write(&to, &key)?;
            (key, true)
        }
        read => (read?, false),
    };
    let (from, id) = (vault.master()?.id(), key.id());
    if from == id {
        return Err(Problem::conflict(format!("{} holds the master key that is in use", to.display())).into());
    }
    let wrapped = gate::write(s, &RotateMaster { vault, to: Vault::new(Arc::new(key)) }).await?;
    let (ui, at) = (&s.context.ui, to.display());
    if is_new {
        ui.status(&format!("made the master key {id} in {at}"));
    }
    ui.status(&format!("the master key is {id} from now on: it wraps {wrapped} keys of organisations"));
    if !s.context.dry_run {
        ui.warn(&format!(
            "tell every machine that works on this database: master_key_file = \"{at}\"; the old key {from} opens backups that were \
             made before, and is to be kept as long as they are"
        ));
    }
    dry_run_note(s.context);
    Ok(())
}

async fn rotate_organisations(s: &mut Invocation<'_>, vault: Vault) -> Result<()> {
    for org in organisations(s).await? {
        let code = records::org_code(s.db().await?, org).await?;
        let counted = keys::count(s.db().await?, Some(org)).await?;
        let all: u64 = counted.iter().filter(|c| c.purpose != Purpose::Organisation).map(|c| c.keys).sum();
        if s.context.dry_run {
            s.context.ui.status(&format!("would wrap {all} keys of {code} anew"));
            continue;
        }
        let goes_on = gate::write(s, &BeginRotation { vault: vault.clone(), org }).await?;
        if goes_on {
            s.context.ui.status(&format!("going on with {code}, which was begun before"));
        }
        let progress = s.context.ui.progress();
        progress.part(&format!("wrapping keys of {code}"), Some(all), "keys");
        let (mut after, mut wrapped) = (Uuid::nil(), 0);
        loop {
            let done = gate::write(s, &RotateSome { vault: vault.clone(), org, after }).await?;
            (after, wrapped) = (done.last, wrapped + done.wrapped);
            progress.set(wrapped);
            if done.has_ended {
                break;
            }
        }
        progress.finish();
        s.context.ui.status(&format!("wrapped {wrapped} keys of {code} anew"));
    }
    dry_run_note(s.context);
    Ok(())
}
