//! The keys of an organisation in a file, as they are kept: wrapped, so that only the master key opens them. Another database takes
//! them where the organisation is, and the master key is the same.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead};
use std::path::Path;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{KIND, unread};
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::read::Exported;
use crate::crud::vault::{Vault, has_none, own_key};
use crate::crud::write::dry_run_note;
use crate::model::kinds::org::{Org, SYSTEM};
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::Resource as _;
use crate::model::sealing::{OrgKey, Purpose, Wraps as _};
use crate::model::setting::{AadhaarStorage, KYC_AADHAAR_STORAGE};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, hex};
use crate::store::engine::db::Db;
use crate::store::keys::{self, StoredKey, Which};
use crate::store::records::{self, settings};
use crate::store::tx::Tx;

/// What the first line of the file says that it is.
pub const FORMAT: &str = "orgctl wrapped keys 1";

/// Keys that are looked at together.
const TOGETHER: usize = 1000;

/// Longer than any line.
const LONGEST: usize = 1000;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    /// The public id of the organisation, and its code, which is for people.
    organisation: Uuid,
    code: String,
    /// What wraps the keys of the organisation.
    master_key: Uuid,
    keys: usize,
}

/// Every other line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyLine {
    id: Uuid,
    purpose: String,
    /// Whose data; none: the organisation's own.
    subject: Option<Uuid>,
    wrapping: Uuid,
    /// In Base64.
    wrapped: String,
    created_at: DateTime<Utc>,
    retired_at: Option<DateTime<Utc>>,
}

/// What a file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct WrappedKeys {
    organisation: Uuid,
    code: String,
    master_key: Uuid,
    #[serde(skip)]
    keys: Vec<StoredKey>,
    /// SHA-256 of the file.
    digest: String,
}

/// The text of a file with the data keys of an organisation, and of the keys that wrap them; and how many there are.
async fn text_of(db: &mut Db, org: i32, master_key: Uuid) -> Result<(String, usize, Uuid)> {
    let organisation = keys::org_uuid(db, org).await?;
    let mut all = keys::find(db, org, Which::For(Purpose::Organisation)).await?;
    all.extend(keys::find(db, org, Which::For(Purpose::Data)).await?);
    let code = records::org_code(db, org).await?;
    let header = Header { format: FORMAT.to_owned(), organisation, code, master_key, keys: all.len() };
    let mut text = serde_json::to_string(&header)?;
    text.push('\n');
    for key in &all {
        let line = KeyLine {
            id: key.id,
            purpose: key.purpose.to_string(),
            subject: Some(key.subject).filter(|id| !id.is_nil()),
            wrapping: key.wrapping,
            wrapped: STANDARD.encode(&key.wrapped),
            created_at: key.created_at,
            retired_at: key.retired_at,
        };
        text.push_str(&serde_json::to_string(&line)?);
        text.push('\n');
    }
    Ok((text, all.len(), organisation))
}

/// The keys of an organisation, read and recorded, as the text of a file; how many they are. A dry run records nothing.
pub async fn export(s: &mut Invocation<'_>, code: &str) -> Result<(String, usize)> {
    let own = own_key(s.db().await?).await?.ok_or_else(has_none)?;
    let org = records::org_number(s.db().await?, code, &ParseContext::default()).await?;
    let (text, keys, organisation) = text_of(s.db().await?, org, own.wrapping).await?;
    let digest = hex(&Sha256::digest(&text));
    let details =
        Map::from_iter([("keys".to_owned(), json!({ "exported": keys })), ("sha256".to_owned(), digest.into())]);
    let (action, noun) = (Action::Export, KIND.to_owned());
    gate::write(s, &Exported { action, noun, org, id: Some(organisation), details: vec![details] }).await?;
    Ok((text, keys))
}

/// Whether a file is one of these, by how it begins.
pub fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(format!("{{\"format\":\"{FORMAT}\"").as_bytes())
}

/// Reads a file.
pub fn read(path: &Path, from: impl BufRead) -> Result<WrappedKeys> {
    let wrong = |n: usize, why: &str| Problem::invalid(format!("{}, line {n}: {why}", path.display()));
    let failed = |e: io::Error| unread(path, &e);
    let (mut digest, mut found, mut promised) = (Sha256::new(), WrappedKeys::default(), 0);
    for (n, line) in from.lines().enumerate() {
        let (line, n) = (line.map_err(failed)?, n + 1);
        digest.update(&line);
        digest.update("\n");
        if line.len() > LONGEST {
            return Err(wrong(n, "it is longer than any key").into());
        }
        if n == 1 {
            let head: Header = serde_json::from_str(&line).map_err(|_| wrong(n, "it is no header of wrapped keys"))?;
            (found.organisation, found.code, found.master_key) = (head.organisation, head.code, head.master_key);
            promised = head.keys;
            continue;
        }
        let key: KeyLine = serde_json::from_str(&line).map_err(|_| wrong(n, "it is no wrapped key"))?;
        found.keys.push(StoredKey {
            org: SYSTEM,
            id: key.id,
            purpose: key.purpose.parse().map_err(|()| wrong(n, "its purpose is none"))?,
            subject: key.subject.unwrap_or_default(),
            column: None,
            wrapping: key.wrapping,
            wrapped: STANDARD.decode(&key.wrapped).map_err(|_| wrong(n, "it is no Base64"))?,
            created_at: key.created_at,
            retired_at: key.retired_at,
        });
    }
    if found.keys.len() != promised {
        let sentence =
            format!("{} holds {} keys, and its first line says {promised}", path.display(), found.keys.len());
        return Err(Problem::integrity(sentence).hint("it was cut off or changed; nothing was changed here").into());
    }
    found.digest = hex(&digest.finalize());
    Ok(found)
}

/// Takes up the keys of an organisation.
#[derive(Debug, Serialize, Deserialize)]
struct ImportKeys {
    #[serde(skip)]
    vault: Vault,
    org: i32,
    file: WrappedKeys,
}

/// What became of the keys of a file.
#[derive(Debug, Default)]
struct Taken {
    added: u64,
    /// They were here already.
    known: u64,
    /// They are of people who are not here.
    strangers: u64,
    /// Newer ones took their place here, where Aadhaar numbers were taken out: they were destroyed.
    destroyed: u64,
}

impl Verb for ImportKeys {
    const NAME: &str = "key import of an organisation";

    type Output = Taken;

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("it needs the master key")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Taken> {
        let own = self.vault.org_keys_or_new(tx, self.org).await?;
        let wrapping = self.wrapping(own.org())?;
        let (mut taken, mut added) = (Taken::default(), Sha256::new());
        let is_reference = settings::get(tx.db, self.org, KYC_AADHAAR_STORAGE).await? == AadhaarStorage::Reference;
        let data: Vec<&StoredKey> = self.file.keys.iter().filter(|key| key.purpose == Purpose::Data).collect();
        for some in data.chunks(TOGETHER) {
            let known = known(tx.db, self.org, some).await?;
            let people = people(tx.db, self.org, some).await?;
            let subjects: Vec<Uuid> = some.iter().map(|key| key.subject).collect();
            let there = keys::find(tx.db, self.org, Which::Subjects(&[Purpose::Data], &subjects)).await?;
            let mut used: HashSet<(Uuid, Option<DateTime<Utc>>)> =
                there.iter().map(|key| (key.subject, key.retired_at)).collect();
            let is_replaced = |key: &StoredKey| {
                is_reference && there.iter().any(|own| own.subject == key.subject && own.created_at > key.created_at)
            };
            let mut new = Vec::new();
            for key in some {
                if known.contains(&key.id) {
                    taken.known += 1;
                    continue;
                }
                if !key.subject.is_nil() && !people.contains(&key.subject) {
                    taken.strangers += 1;
                    continue;
                }
                if is_replaced(key) {
                    taken.destroyed += 1;
                    continue;
                }
                let by = wrapping.get(&key.wrapping).ok_or_else(|| unwrapped(key))?;
                let mut one = StoredKey { org: self.org, wrapping: own.current()?.id(), ..(*key).clone() };
                one.wrapped = by.rewrap(own.current()?, &key.wrapped, &key.place(own.org()), tx.random())?;
                // Who has a key to write with keeps it: another one opens.
                let mut at = tx.at();
                while !used.insert((one.subject, one.retired_at)) {
                    one.retired_at = Some(at);
                    at += TimeDelta::microseconds(1);
                }
                added.update(one.id.as_bytes());
                new.push(one);
            }
            taken.added += new.len() as u64;
            tx.add_keys(&new).await?;
        }
        tx.keys_are_told_together();
        let details = Map::from_iter([
            (
                "keys".to_owned(),
                json!({ "imported": taken.added, "known": taken.known, "left_out": taken.strangers + taken.destroyed }),
            ),
            ("sha256".to_owned(), self.file.digest.as_str().into()),
            ("digest".to_owned(), hex(&added.finalize()).into()),
        ]);
        tx.event_about(self.org, Action::Import, KIND, self.file.organisation, details).await?;
        Ok(taken)
    }
}

fn unwrapped(key: &StoredKey) -> Problem {
    Problem::integrity(format!("the key {} is wrapped by {}, which is not in the file", key.id, key.wrapping))
        .hint("nothing was changed")
}

impl ImportKeys {
    /// The keys of the file that wrap its others.
    fn wrapping(&self, organisation: Uuid) -> Result<HashMap<Uuid, OrgKey>> {
        let master = self.vault.master()?;
        let mut found = HashMap::new();
        for key in self.file.keys.iter().filter(|key| key.purpose == Purpose::Organisation) {
            found.insert(key.id, master.unwrap(&key.wrapped, &key.place(organisation))?);
        }
        Ok(found)
    }
}

/// Which of some keys are here.
async fn known(db: &mut Db, org: i32, some: &[&StoredKey]) -> Result<HashSet<Uuid>> {
    let ids: Vec<Uuid> = some.iter().map(|key| key.id).collect();
    Ok(keys::find(db, org, Which::Ids(&ids)).await?.into_iter().map(|key| key.id).collect())
}

/// Which of the people whose keys they are are here, deleted or not.
async fn people(db: &mut Db, org: i32, some: &[&StoredKey]) -> Result<HashSet<Uuid>> {
    let ids: Vec<Value> = some.iter().map(|key| key.subject.into()).collect();
    let mut found = records::with_ids(db, User::DESCRIPTOR, Some(org), &ids).await?;
    found.extend(records::gone_with_ids(db, User::DESCRIPTOR, Some(org), &ids).await?);
    Ok(found.into_iter().map(|user| user.meta.id).collect())
}

/// Takes up what a file holds, where the organisation and the master key are those of the file.
pub async fn import(s: &mut Invocation<'_>, path: &Path, file: WrappedKeys) -> Result<()> {
    let own = own_key(s.db().await?).await?.ok_or_else(has_none)?;
    let at = path.display();
    if file.master_key != own.wrapping {
        let sentence = format!(
            "the keys in {at} are wrapped by another master key than that of this database: {}, not {}",
            file.master_key, own.wrapping
        );
        return Err(Problem::failed(sentence).hint("nothing was changed").into());
    }
    let orgs = records::orgs_with_ids(s.db().await?).await?;
    let org = orgs.iter().find(|(_, id)| *id == file.organisation).map(|(org, _)| *org);
    let org = org.ok_or_else(|| {
        let (noun, id) = (Org::DESCRIPTOR.noun, file.organisation);
        Problem::not_found(format!("the {noun} {} ({id}), whose keys {at} holds, is not in this database", file.code))
            .hint("keys open nothing elsewhere; nothing was changed")
    })?;
    let vault = Vault::of(s).await?;
    let taken = gate::write(s, &ImportKeys { vault, org, file }).await?;
    let ui = &s.context.ui;
    ui.status(&format!("took up {} keys, {} were here already", taken.added, taken.known));
    if taken.strangers > 0 {
        ui.warn(&format!("{} keys of people who are not here were left out", taken.strangers));
    }
    if taken.destroyed > 0 {
        ui.warn(&format!(
            "{} keys were left out: newer ones took their place when Aadhaar numbers were taken out",
            taken.destroyed
        ));
    }
    dry_run_note(s.context);
    Ok(())
}
