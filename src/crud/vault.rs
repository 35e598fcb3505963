//! Sealing and opening for verbs: the master key, read once, and by it the keys that are in the database.
//!
//! A verb that seals carries a [`Vault`] and asks it, under the lock, for the [`Keyring`] of the subjects whose values it writes: what
//! is not there yet is made, and the verb's record names it ([`Tx::name_keys`]). Nothing of it is kept from one transaction to
//! the next: a key that was rolled back seals nothing.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::invocation::Invocation;
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::random::{BufferedRandom, Random};
use crate::model::sealing::{
    self, DataKey, FingerprintKey, IndexKey, KeyPlace, MasterKey, OrgKey, Place, Purpose, Wrap, Wraps as _,
};
use crate::store::engine::db::Db;
use crate::store::keys::{self, StoredKey, Which};
use crate::store::tx::Tx;

/// The master key of this installation.
#[derive(Debug, Clone, Default)]
pub struct Vault {
    master: Option<Arc<MasterKey>>,
}

/// The keys of an organisation that wrap its others: the one that new ones are wrapped by first.
#[derive(Debug)]
pub struct OrgKeys {
    /// The public id of the organisation.
    org: Uuid,
    keys: Vec<OrgKey>,
}

/// Where a sealed value stands.
#[derive(Debug, Clone, Copy)]
pub struct Cell<'a> {
    pub table: &'a str,
    pub column: &'a str,
    /// The id of the record.
    pub row: Uuid,
}

impl<'a> Cell<'a> {
    fn place(&self, org: Uuid) -> Place<'a> {
        Place { org, table: self.table, column: self.column, row: self.row }
    }
}

/// The keys of one subject.
#[derive(Debug)]
pub struct SubjectKeys {
    pub data: DataKey,
    pub fingerprint: FingerprintKey,
}

/// The keys of some subjects of one organisation. Nil stands for the organisation's own records.
#[derive(Debug)]
pub struct Keyring {
    org: Uuid,
    subjects: HashMap<Uuid, SubjectKeys>,
}

impl Keyring {
    fn of(&self, subject: Uuid) -> Result<&SubjectKeys> {
        self.subjects.get(&subject).ok_or_else(|| anyhow::anyhow!("the keys of a subject were not asked for"))
    }

    /// What is kept of a value.
    pub fn seal(&self, subject: Uuid, at: &Cell<'_>, clear: &[u8], random: &dyn Random) -> Result<Vec<u8>> {
        Ok(sealing::seal(&self.of(subject)?.data, &at.place(self.org), clear, random))
    }

    /// What tells that one of a record's secrets is another than before.
    pub fn fingerprint<'t>(
        &self,
        subject: Uuid,
        secrets: impl IntoIterator<Item = (&'t str, Option<&'t [u8]>)>,
    ) -> Result<[u8; 32]> {
        Ok(self.of(subject)?.fingerprint.fingerprint(secrets))
    }
}

/// Opens values of one organisation.
#[derive(Debug)]
pub struct Opener {
    org: Uuid,
    /// Each with whose data it seals.
    keys: HashMap<Uuid, (DataKey, Uuid)>,
}

impl Opener {
    /// Whether the key that a value says it was sealed by is not there.
    pub fn lacks_key_of(&self, sealed: &[u8]) -> bool {
        sealing::key_of(sealed).is_some_and(|key| !self.keys.contains_key(&key))
    }

    /// The public id of the organisation.
    pub fn org(&self) -> Uuid {
        self.org
    }

    /// Whose data a value is, by its key; none where that is not there.
    pub fn subject_of(&self, sealed: &[u8]) -> Option<Uuid> {
        self.keys.get(&sealing::key_of(sealed)?).map(|(_, subject)| *subject)
    }

    /// The value that was sealed.
    pub fn open(&self, at: &Cell<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Problem> {
        let Some(key) = sealing::key_of(sealed) else {
            return Err(Problem::integrity(format!("the {} of {} is no sealed value", at.column, at.row)));
        };
        let (key, _) = self.keys.get(&key).ok_or_else(|| {
            Problem::integrity(format!("the {} of {} can't be opened: its key {key} is not there", at.column, at.row))
                .hint("it was destroyed, or not brought along: 'orgctl key status' tells which keys there are")
        })?;
        sealing::open(key, &at.place(self.org), sealed)
    }
}

/// The keys of the blind index of a column.
#[derive(Debug)]
pub struct IndexKeys {
    /// By which rows are written.
    current: IndexKey,
    /// By which rows may still stand there while all is sealed anew.
    former: Vec<IndexKey>,
}

impl IndexKeys {
    /// What a text is written under.
    pub fn index(&self, text: &[u8]) -> [u8; 32] {
        self.current.index(text)
    }

    /// All that a text may stand under.
    pub fn lookups(&self, text: &[u8]) -> Vec<[u8; 32]> {
        std::iter::once(&self.current).chain(&self.former).map(|key| key.index(text)).collect()
    }

    /// The id of the key by which rows are written.
    pub fn id(&self) -> Uuid {
        self.current.id()
    }
}

/// What is said of a database that has no master key.
pub fn has_none() -> Problem {
    Problem::failed("this database has no master key yet, so that nothing can be sealed in it")
        .hint("'orgctl key init' sets one up")
}

/// What is said of a key that is another's.
pub fn is_another(shown: &str, given: Uuid, wanted: Uuid) -> Problem {
    Problem::failed(format!("the master key of {shown} is not that of this database: it is {given}, not {wanted}"))
        .hint(
            "nothing was changed; name the right one by master_key_file, ORGCTL_MASTER_KEY_FILE or master_key_command",
        )
}

/// The key of SYSTEM, by which the database knows its master key.
pub async fn own_key(db: &mut Db) -> Result<Option<StoredKey>> {
    Ok(keys::find(db, SYSTEM, Which::Organisation).await?.into_iter().find(|key| key.retired_at.is_none()))
}

impl Vault {
    /// The vault of the database that a command works on: its master key is read, and fits.
    pub async fn of(s: &mut Invocation<'_>) -> Result<Vault> {
        let own = own_key(s.db().await?).await?.ok_or_else(has_none)?;
        let source = &s.context.master_key;
        let master = source.read(s.context.env).await?;
        if own.wrapping != master.id() {
            return Err(is_another(&source.shown(), master.id(), own.wrapping).into());
        }
        let vault = Vault { master: Some(Arc::new(master)) };
        vault.org_keys(s.db().await?, SYSTEM).await?;
        Ok(vault)
    }

    /// One of a master key, whatever database it fits.
    pub fn new(master: Arc<MasterKey>) -> Vault {
        Vault { master: Some(master) }
    }

    pub fn master(&self) -> Result<&MasterKey> {
        self.master.as_deref().ok_or_else(|| anyhow::anyhow!("a verb that seals was run without its master key"))
    }

    /// The keys of an organisation; none where it has none yet.
    pub async fn org_keys(&self, db: &mut Db, org: i32) -> Result<Option<OrgKeys>> {
        let stored = keys::find(db, org, Which::Organisation).await?;
        if stored.is_empty() {
            return Ok(None);
        }
        let (master, uuid) = (self.master()?, keys::org_uuid(db, org).await?);
        let mut found = OrgKeys { org: uuid, keys: Vec::with_capacity(stored.len()) };
        for key in &stored {
            if key.wrapping != master.id() {
                let wanted = key.wrapping;
                return Err(rotated(master.id(), wanted).into());
            }
            found.keys.push(master.unwrap(&key.wrapped, &key.place(uuid))?);
        }
        Ok(Some(found))
    }

    /// The keys of an organisation, made where there are none.
    pub async fn org_keys_or_new(&self, tx: &mut Tx<'_>, org: i32) -> Result<OrgKeys> {
        match self.org_keys(tx.db, org).await? {
            Some(keys) => Ok(keys),
            None => self.new_org_key(tx, org).await,
        }
    }

    /// Makes a key of an organisation.
    pub async fn new_org_key(&self, tx: &mut Tx<'_>, org: i32) -> Result<OrgKeys> {
        let (master, uuid) = (self.master()?, keys::org_uuid(tx.db, org).await?);
        if org != SYSTEM {
            // Another one may have taken its place since it was read.
            let own = keys::lock_own(tx.db).await?.ok_or_else(has_none)?;
            if own.wrapping != master.id() {
                return Err(rotated(master.id(), own.wrapping).into());
            }
        }
        let id = tx.new_id();
        let key = OrgKey::generate(id, tx.random());
        let place = KeyPlace { org: uuid, purpose: Purpose::Organisation, subject: None, column: None, id };
        let stored = StoredKey {
            org,
            id,
            purpose: Purpose::Organisation,
            subject: Uuid::nil(),
            column: None,
            wrapping: master.id(),
            wrapped: master.wrap(&key, &place, tx.random()),
            created_at: tx.at(),
            retired_at: None,
        };
        tx.add_keys(std::slice::from_ref(&stored)).await?;
        Ok(OrgKeys { org: uuid, keys: vec![key] })
    }

    /// The keys of some subjects of an organisation, made where there are none: with one statement for a thousand.
    pub async fn keyring(&self, tx: &mut Tx<'_>, org: i32, subjects: &[Uuid]) -> Result<Keyring> {
        let own = self.org_keys_or_new(tx, org).await?;
        let mut wanted: Vec<Uuid> = subjects.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let (mut data, mut fingerprints) = own.of_subjects(tx.db, org, &wanted).await?;
        let lacking = |known: &HashMap<Uuid, DataKey>| -> Vec<Uuid> {
            wanted.iter().copied().filter(|subject| !known.contains_key(subject)).collect()
        };
        let without_data = lacking(&data);
        own.make(tx, org, &without_data, &mut data).await?;
        let without: Vec<Uuid> = wanted.iter().copied().filter(|s| !fingerprints.contains_key(s)).collect();
        own.make(tx, org, &without, &mut fingerprints).await?;
        let mut ring = Keyring { org: own.org, subjects: HashMap::with_capacity(wanted.len()) };
        for subject in wanted {
            if let (Some(data), Some(fingerprint)) = (data.remove(&subject), fingerprints.remove(&subject)) {
                ring.subjects.insert(subject, SubjectKeys { data, fingerprint });
            }
        }
        Ok(ring)
    }

    /// Lets the next [`Vault::keyring`] make new data keys for some subjects: the ids of all that they have, those too that were
    /// retired before, which still open what they sealed, until [`Tx::destroy_keys`].
    pub async fn retire(&self, tx: &mut Tx<'_>, org: i32, subjects: &[Uuid]) -> Result<Vec<Uuid>> {
        let found = keys::find(tx.db, org, Which::Subjects(&[Purpose::Data], subjects)).await?;
        let former: Vec<Uuid> = found.iter().map(|key| key.id).collect();
        tx.retire_keys(org, &former).await?;
        Ok(former)
    }

    /// The keys of the index of a column, made where there are none.
    pub async fn index_keys(&self, tx: &mut Tx<'_>, org: i32, table: &str, column: &str) -> Result<IndexKeys> {
        if let Some(found) = self.find_index_keys(tx.db, org, table, column).await? {
            return Ok(found);
        }
        let own = self.org_keys_or_new(tx, org).await?;
        Ok(IndexKeys { current: own.new_index_key(tx, org, &format!("{table}.{column}")).await?, former: Vec::new() })
    }

    /// The keys of the index of a column; none where nothing was ever indexed.
    pub async fn find_index_keys(&self, db: &mut Db, org: i32, table: &str, column: &str) -> Result<Option<IndexKeys>> {
        let stored = keys::find(db, org, Which::Column(&format!("{table}.{column}"))).await?;
        let Some((first, former)) = stored.split_first() else { return Ok(None) };
        let own = self.org_keys(db, org).await?.ok_or_else(|| lost(first))?;
        let former = former.iter().map(|key| own.unwrap(key)).collect::<Result<_, _>>()?;
        Ok(Some(IndexKeys { current: own.unwrap(first)?, former }))
    }

    /// What opens values of an organisation that were sealed by some keys.
    pub async fn opener(&self, db: &mut Db, org: i32, ids: impl IntoIterator<Item = Uuid>) -> Result<Opener> {
        let mut ids: Vec<Uuid> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        self.opener_of(db, org, Which::Ids(&ids)).await
    }

    /// What opens all values of an organisation.
    pub async fn opener_of_all(&self, db: &mut Db, org: i32) -> Result<Opener> {
        self.opener_of(db, org, Which::For(Purpose::Data)).await
    }

    async fn opener_of(&self, db: &mut Db, org: i32, which: Which<'_>) -> Result<Opener> {
        let stored = keys::find(db, org, which).await?;
        let Some(own) = self.org_keys(db, org).await? else {
            return Ok(Opener { org: keys::org_uuid(db, org).await?, keys: HashMap::new() });
        };
        let mut opener = Opener { org: own.org, keys: HashMap::with_capacity(stored.len()) };
        for key in stored.iter().filter(|key| key.purpose == Purpose::Data) {
            opener.keys.insert(key.id, (own.unwrap(key)?, key.subject));
        }
        Ok(opener)
    }

    /// Opens one value.
    pub async fn open(&self, db: &mut Db, org: i32, at: &Cell<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        Ok(self.opener(db, org, sealing::key_of(sealed)).await?.open(at, sealed)?)
    }

    /// The keys of fingerprints of some subjects, of those that have one.
    pub async fn fingerprint_keys(
        &self,
        db: &mut Db,
        org: i32,
        subjects: &[Uuid],
    ) -> Result<HashMap<Uuid, FingerprintKey>> {
        let stored = keys::find(db, org, Which::Subjects(&[Purpose::Fingerprint], subjects)).await?;
        let Some(own) = self.org_keys(db, org).await? else { return Ok(HashMap::new()) };
        stored.iter().map(|key| Ok((key.subject, own.unwrap(key)?))).collect()
    }
}

fn rotated(given: Uuid, wanted: Uuid) -> Problem {
    Problem::failed(format!("the master key is no longer that of this database: it is {given}, not {wanted}"))
        .hint("it was rotated meanwhile; run the command again with the new one")
}

fn lost(key: &StoredKey) -> Problem {
    Problem::integrity(format!("the {} key {} is wrapped by a key that is not there", key.purpose, key.id))
        .hint("'orgctl key status' tells which keys there are")
}

impl OrgKeys {
    /// The public id of the organisation.
    pub fn org(&self) -> Uuid {
        self.org
    }

    /// The one that new ones are wrapped by.
    pub fn current(&self) -> Result<&OrgKey> {
        self.keys.first().ok_or_else(|| anyhow::anyhow!("an organisation without a key"))
    }

    /// Those by which keys may still be wrapped while all are wrapped anew.
    pub fn former(&self) -> &[OrgKey] {
        self.keys.get(1..).unwrap_or_default()
    }

    /// A key that one of them wraps.
    pub fn unwrap<K: Wrap>(&self, stored: &StoredKey) -> Result<K, Problem> {
        let by = self.keys.iter().find(|key| key.id() == stored.wrapping).ok_or_else(|| lost(stored))?;
        by.unwrap(&stored.wrapped, &stored.place(self.org))
    }

    /// The keys of some subjects that values are written with, by subject.
    async fn of_subjects(
        &self,
        db: &mut Db,
        org: i32,
        subjects: &[Uuid],
    ) -> Result<(HashMap<Uuid, DataKey>, HashMap<Uuid, FingerprintKey>)> {
        let (mut data, mut fingerprints) = (HashMap::new(), HashMap::new());
        let purposes = [Purpose::Data, Purpose::Fingerprint];
        for key in keys::find(db, org, Which::Subjects(&purposes, subjects)).await? {
            match key.purpose {
                Purpose::Data if key.retired_at.is_none() => drop(data.insert(key.subject, self.unwrap(&key)?)),
                Purpose::Fingerprint => drop(fingerprints.insert(key.subject, self.unwrap(&key)?)),
                _ => {}
            }
        }
        Ok((data, fingerprints))
    }

    /// Makes a key for each of some subjects.
    async fn make<K: Wrap>(
        &self,
        tx: &mut Tx<'_>,
        org: i32,
        subjects: &[Uuid],
        into: &mut HashMap<Uuid, K>,
    ) -> Result<()> {
        if subjects.is_empty() {
            return Ok(());
        }
        let (ids, at, by) = (tx.new_ids(subjects.len()), tx.at(), self.current()?);
        let mut stored = Vec::with_capacity(subjects.len());
        {
            // A key and a nonce for each, drawn at once.
            let random = BufferedRandom::new(tx.random(), subjects.len() * (32 + 24));
            for (subject, id) in subjects.iter().copied().zip(ids) {
                let key = K::generate(id, &random);
                let mut one = StoredKey {
                    org,
                    id,
                    purpose: K::PURPOSE,
                    subject,
                    column: None,
                    wrapping: by.id(),
                    wrapped: Vec::new(),
                    created_at: at,
                    retired_at: None,
                };
                one.wrapped = by.wrap(&key, &one.place(self.org), &random);
                stored.push(one);
                into.insert(subject, key);
            }
        }
        Ok(tx.add_keys(&stored).await?)
    }

    /// Makes a key for the index of a column.
    pub async fn new_index_key(&self, tx: &mut Tx<'_>, org: i32, column: &str) -> Result<IndexKey> {
        let (id, by) = (tx.new_id(), self.current()?);
        let key = IndexKey::generate(id, tx.random());
        let mut stored = StoredKey {
            org,
            id,
            purpose: Purpose::Index,
            subject: Uuid::nil(),
            column: Some(column.to_owned()),
            wrapping: by.id(),
            wrapped: Vec::new(),
            created_at: tx.at(),
            retired_at: None,
        };
        stored.wrapped = by.wrap(&key, &stored.place(self.org), tx.random());
        tx.add_keys(std::slice::from_ref(&stored)).await?;
        Ok(key)
    }
}
