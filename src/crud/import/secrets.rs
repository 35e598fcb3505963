//! Secrets that a column of the file gives. They fill no field of the row's record: a record of another kind beside it
//! keeps the hash of each. Which kind that is, and what it holds, the verb brings along.

use std::pin::Pin;

use anyhow::Result;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::columns::SecretColumn;
use crate::model::password::{Params, Secret, StoredHash, hash, policy};
use crate::model::resource::{Descriptor, Meta, Record};
use crate::model::setting::Settings;
use crate::model::values::value::Value;
use crate::store::import::match_target::Given;
use crate::store::tx::Tx;

/// What an asynchronous method of [`SecretKeeper`] does.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + 'a>>;

/// What keeps the secrets of a kind.
pub trait SecretKeeper: Send + Sync {
    /// The kind of the records that hold one each.
    fn kind(&self) -> &'static Descriptor;

    fn rules(&self, settings: &Settings) -> Result<SecretRules>;

    /// The values of the record that holds the hash for a new owner; the key is that of its fingerprint.
    fn values(&self, owner: &Meta, hash: &StoredHash, key: [u8; 16]) -> Vec<Value>;

    /// What somebody has now.
    fn present<'a>(&self, tx: &'a mut Tx<'_>, owner: &'a Record) -> Doing<'a, Option<StoredHash>>;

    /// What somebody had before, the newest first.
    fn earlier<'a>(&self, tx: &'a mut Tx<'_>, owner: &'a Record) -> Doing<'a, Vec<StoredHash>>;

    /// Whether somebody needs it now, so that one that nothing matches takes something away.
    fn needs(&self, owner: &Record, tx: &Tx<'_>) -> bool;

    /// Sets another one; so many earlier ones are remembered.
    fn set<'a>(&self, tx: &'a mut Tx<'_>, owner: &'a Record, hash: &'a StoredHash, remembered: u32) -> Doing<'a, ()>;
}

/// What is asked of new secrets.
#[derive(Debug, Clone)]
pub struct SecretRules {
    /// What they are hashed with.
    pub params: Params,
    /// Characters of the shortest.
    pub min_length: usize,
    /// Earlier ones of an owner that are remembered.
    pub remembered: u32,
}

/// How the secrets of a file are read and kept.
pub struct Secrets {
    pub column: SecretColumn,
    pub rules: SecretRules,
    pub keeper: &'static dyn SecretKeeper,
}

/// What a row gives.
pub enum GivenSecret {
    Clear(Secret),
    Hash(StoredHash),
}

impl Secrets {
    /// What a cell says; why it can't be.
    pub(super) fn read(&self, text: &str, beside: &Given) -> Result<GivenSecret, String> {
        if self.column.is_hash {
            return StoredHash::parse(text.trim()).map(GivenSecret::Hash).map_err(|refusal| refusal.to_string());
        }
        let secret = Secret::new(text.to_owned());
        let context: Vec<&str> = beside.iter().filter_map(|(_, v)| v.as_text()).collect();
        match policy::check(&secret, self.rules.min_length, &context) {
            Ok(()) => Ok(GivenSecret::Clear(secret)),
            Err(weakness) => Err(weakness.to_string()),
        }
    }

    /// One hash that does for all of a trial, whose writes are undone.
    pub(super) fn trial(&self) -> Option<StoredHash> {
        StoredHash::parse(&hash(&Secret::new("a trial".into()), &self.rules.params, [0; 16])).ok()
    }

    /// Hashes the secrets of rows, each with its salt, on all cores: it is slow by design.
    pub(super) fn hash_all(&self, given: Vec<(Option<GivenSecret>, [u8; 16])>) -> Vec<Option<StoredHash>> {
        if given.iter().all(|(secret, _)| secret.is_none()) {
            return Vec::new();
        }
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let size = given.len().div_ceil(threads).max(1);
        let params = &self.rules.params;
        let mut given = given.into_iter();
        std::thread::scope(|scope| {
            let mut working = Vec::new();
            loop {
                let some: Vec<_> = given.by_ref().take(size).collect();
                if some.is_empty() {
                    break;
                }
                let hashed = move || {
                    let one = |(secret, salt): (Option<GivenSecret>, [u8; 16])| match secret? {
                        GivenSecret::Hash(hash) => Some(hash),
                        GivenSecret::Clear(secret) => StoredHash::parse(&hash(&secret, params, salt)).ok(),
                    };
                    some.into_iter().map(one).collect::<Vec<_>>()
                };
                working.push(scope.spawn(hashed));
            }
            working.into_iter().flat_map(|w| w.join().unwrap_or_default()).collect()
        })
    }

    /// Whether a secret is one that its owner had before the present one.
    pub(super) async fn was_used(&self, tx: &mut Tx<'_>, owner: &Record, given: GivenSecret) -> Result<bool> {
        let GivenSecret::Clear(secret) = given else { return Ok(false) };
        let most = usize::try_from(self.rules.remembered)?;
        let earlier: Vec<StoredHash> = self.keeper.earlier(tx, owner).await?.into_iter().take(most).collect();
        if earlier.is_empty() {
            return Ok(false);
        }
        let present = self.keeper.present(tx, owner).await?;
        let is_earlier = move || {
            // The present one stays, which changes nothing.
            !present.is_some_and(|p| p.verify(&secret)) && earlier.iter().any(|e| e.verify(&secret))
        };
        Ok(spawn_blocking(is_earlier).await?)
    }
}

/// What the record beside a new one needs that holds its secret: its id, the salt of its audit record, the salt of the
/// hash, and the key of the fingerprint.
pub struct NewSecret {
    pub id: Uuid,
    pub salt: [u8; 16],
    pub hash_salt: [u8; 16],
    pub key: [u8; 16],
}

impl NewSecret {
    /// So many of them.
    pub(super) fn some(tx: &mut Tx<'_>, n: usize) -> impl Iterator<Item = NewSecret> + use<> {
        let salts = tx.salts(n).into_iter().zip(tx.salts(n)).zip(tx.salts(n));
        let some = tx.new_ids(n).into_iter().zip(salts);
        some.map(|(id, ((salt, hash_salt), key))| NewSecret { id, salt, hash_salt, key })
    }

    /// The record, with the salt. What its owner is called is not known yet.
    pub(super) fn record(self, secrets: &Secrets, owner: &Meta, hash: &StoredHash) -> (Record, [u8; 16]) {
        let values = secrets.keeper.values(owner, hash, self.key);
        let meta = Meta { id: self.id, ..owner.clone() };
        (Record { referred: vec![String::new()], ..Record::new(secrets.keeper.kind(), meta, values) }, self.salt)
    }
}

/// What a row says of the secret of somebody who is there.
pub struct SecretReset {
    pub owner: Record,
    pub given: GivenSecret,
    /// The row changed something else.
    pub is_changed: bool,
}
