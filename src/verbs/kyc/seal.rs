//! What of a record is kept sealed: values of a paper become ciphertext, a number besides what equal numbers have in common, and all
//! of it a fingerprint, by which the trail tells that it changed.

use std::collections::HashMap;

use anyhow::Result;
use serde_json::{Map, Value as Json};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::DESC;
use super::owners::Owner;
use super::paper::Paper;
use crate::crud::vault::{Cell, IndexKeys, Keyring, Opener, Vault};
use crate::model::identity::within::without_aadhaars;
use crate::model::kinds::kyc::KycKind;
use crate::model::kinds::kyc_owner::KycOwner;
use crate::model::problem::Problem;
use crate::model::random::Random;
use crate::model::resource::{Descriptor, Meta, Record, Resource as _};
use crate::model::sealing;
use crate::model::setting::{AadhaarStorage, Duplicates, KYC_AADHAAR_STORAGE, KYC_DUPLICATES, Place, Settings};
use crate::model::trail::audit::{Action, ChangeNote};
use crate::model::values::value::{Value, hex};
use crate::store::engine::db::Db;
use crate::store::records::{self, any, settings};
use crate::store::tx::Tx;

/// Who owns businesses.
pub const OWNERS: &Descriptor = KycOwner::DESCRIPTOR;

/// The column of the number, and that of what equal numbers have in common.
pub const NUMBER: &str = "number";
pub const NUMBER_INDEX: &str = "number_index";
/// The column of what a provider answered.
pub const RESPONSE: &str = "response";
/// The column that tells that something sealed is another.
pub const FINGERPRINT: &str = "fingerprint";

/// Values in clear, by their columns.
pub type Clear = Vec<(&'static str, Zeroizing<String>)>;

/// What seals records of some people.
pub struct Seals {
    ring: Keyring,
    index: IndexKeys,
}

impl Seals {
    /// Their keys, made where there are none.
    pub async fn of(vault: &Vault, tx: &mut Tx<'_>, org: i32, people: &[Uuid]) -> Result<Seals> {
        Seals::of_kind(vault, tx, DESC, org, people).await
    }

    /// The same, for records of a kind.
    pub async fn of_kind(
        vault: &Vault,
        tx: &mut Tx<'_>,
        desc: &'static Descriptor,
        org: i32,
        people: &[Uuid],
    ) -> Result<Seals> {
        let ring = vault.keyring(tx, org, people).await?;
        let index = vault.index_keys(tx, org, desc.table, NUMBER).await?;
        Ok(Seals { ring, index })
    }

    /// What a number is looked up by.
    pub fn lookups(&self, number: &str) -> Vec<Value> {
        self.index.lookups(number.as_bytes()).into_iter().map(|index| Value::Bytes(index.to_vec())).collect()
    }

    /// Has a record found by its number.
    pub fn index(&self, record: &mut Record, number: &str) {
        record.set(NUMBER_INDEX, Value::Bytes(self.index.index(number.as_bytes()).to_vec()));
    }

    /// Seals values of a record that has no others: the fingerprint is that of all.
    pub fn fill(&self, record: &mut Record, clear: &Clear, random: &dyn Random) -> Result<()> {
        let person = record.get("user_id").as_uuid().unwrap_or_default();
        self.fill_of(person, record, clear, random)
    }

    /// The same of a record that holds somebody's data in whatever way.
    pub fn fill_of(&self, person: Uuid, record: &mut Record, clear: &Clear, random: &dyn Random) -> Result<()> {
        let row = record.meta.id;
        for (column, text) in clear {
            let at = Cell { table: record.desc.table, column, row };
            record.set(column, Value::Bytes(self.ring.seal(person, &at, text.as_bytes(), random)?));
            if *column == NUMBER {
                // While everything is sealed anew, what is written by the new key is found by the new one, too.
                self.index(record, text);
            }
        }
        let fingerprint = self.fingerprint(person, record.desc, clear)?;
        record.set(FINGERPRINT, fingerprint.into());
        Ok(())
    }

    /// Seals a value of any record of one of the people.
    pub fn reseal(&self, person: Uuid, at: &Cell<'_>, clear: &[u8], random: &dyn Random) -> Result<Vec<u8>> {
        self.ring.seal(person, at, clear, random)
    }

    /// A record of who owns a business, the so-manieth, sealed as that of the business is.
    pub fn owner(
        &self,
        business: &Record,
        meta: Meta,
        (serial, owner): (i64, &Owner),
        random: &dyn Random,
    ) -> Result<Record> {
        let person = business.get("user_id").as_uuid().unwrap_or_default();
        let nothing = OWNERS.fields.iter().map(|f| Value::Null(f.ty.kind)).collect();
        let mut record = Record::new(OWNERS, meta, nothing);
        record.set("kyc_id", business.meta.id.into());
        record.set("serial", serial.into());
        record.set("share", Value::Decimal(owner.share));
        record.set("shown", owner.shown().as_str().into());
        self.fill_of(person, &mut record, &owner.clear(), random)?;
        Ok(record)
    }

    /// That of all sealed values of a record.
    fn fingerprint(&self, person: Uuid, desc: &'static Descriptor, clear: &Clear) -> Result<String> {
        let secrets = sealed_of(desc).map(|column| {
            let text = clear.iter().find(|(name, _)| *name == column).map(|(_, text)| text.as_bytes());
            (column, text)
        });
        Ok(hex(&self.ring.fingerprint(person, secrets)?))
    }
}

/// Seals what a paper says, and refuses or tells that its number is another person's too: what the record's audit record says
/// besides, and whether it is.
pub async fn seal_paper(
    tx: &mut Tx<'_>,
    vault: &Vault,
    record: &mut Record,
    paper: &Paper,
) -> Result<(Map<String, Json>, bool)> {
    let (org, person) = (record.meta.org_id, record.get("user_id").as_uuid().unwrap_or_default());
    let settings = settings::for_org(tx.db, org).await?;
    let storage = settings.get(KYC_AADHAAR_STORAGE)?;
    if paper.kind == KycKind::Aadhaar {
        is_chosen(storage)?;
    }
    let seals = Seals::of(vault, tx, org, &[person]).await?;
    seals.index(record, paper.number.expose());
    seals.fill(record, &paper.clear(storage), tx.random())?;
    let others = others_have(tx, record, &seals.lookups(paper.number.expose())).await?;
    if others && settings.get(KYC_DUPLICATES)? == Duplicates::Refuse {
        return Err(is_anothers(paper.number.kind().label()).into());
    }
    Ok((keys_of(tx, person), others))
}

/// Refuses the first Aadhaar before it is said how they are kept.
pub fn is_chosen(storage: AadhaarStorage) -> Result<(), Problem> {
    match storage {
        AadhaarStorage::Undecided => Err(Problem::conflict("it is not chosen yet how Aadhaar numbers are kept").hint(
            "'orgctl setting set kyc.aadhaar_storage reference' keeps the last four digits and a keyed hash; 'sealed' the whole number, for which UIDAI asks a vault",
        )),
        _ => Ok(()),
    }
}

/// Refuses another way to keep Aadhaar numbers once there are some: what was chosen before the first stands.
pub async fn storage_stands(tx: &mut Tx<'_>, place: Place, before: &Settings, after: &Settings) -> Result<()> {
    let (was, is) = (before.get(KYC_AADHAAR_STORAGE)?, after.get(KYC_AADHAAR_STORAGE)?);
    if was == is || was == AadhaarStorage::Undecided {
        return Ok(());
    }
    let org = (place != Place::SYSTEM).then_some(place.org);
    let kind = KycKind::Aadhaar.as_str().into();
    if !any::any_with(tx.db, DESC, org, DESC.known("kind")?, &kind).await? {
        return Ok(());
    }
    let sentence =
        format!("Aadhaar numbers are kept already, as {}: the choice was made before the first", was.as_str());
    Err(Problem::conflict(sentence)
        .hint(match (was, is) {
            (AadhaarStorage::Sealed, AadhaarStorage::Reference) => {
                "'orgctl kyc redact' takes out what is there, and has reference hold from then on"
            }
            (AadhaarStorage::Reference, _) => "the numbers themselves are not there, and nothing brings them back",
            _ => "what is kept can't be kept otherwise by a setting alone",
        })
        .into())
}

/// What is said of a number that somebody else has: nobody learns who.
pub fn is_anothers(label: &str) -> Problem {
    Problem::conflict(format!("a record of somebody else has the same {label}"))
        .hint("'orgctl kyc duplicates' shows such records; the setting kyc.duplicates can let them pass, with a note")
        .field(NUMBER)
}

/// Whether records of others that wait or are in force have the number of one.
pub async fn others_have(tx: &mut Tx<'_>, record: &Record, lookups: &[Value]) -> Result<bool> {
    let org = record.meta.org_id;
    let found = records::with_values(tx.db, DESC, Some(org), DESC.known(NUMBER_INDEX)?, lookups).await?;
    Ok(found.iter().any(|other| is_anothers_like(other, record)))
}

/// Whether a record of somebody else that waits or is in force is of the same kind. Account numbers are each bank's own.
fn is_anothers_like(other: &Record, record: &Record) -> bool {
    let is_same = |column: &str| other.get(column) == record.get(column);
    !is_same("user_id") && is_same("kind") && bank_code(other) == bank_code(record) && counts(other)
}

/// Takes down who owns a business that was taken up, sealed as its record is.
pub async fn seal_owners(tx: &mut Tx<'_>, vault: &Vault, business: &Record, owners: &[Owner]) -> Result<()> {
    if owners.is_empty() {
        return Ok(());
    }
    let (org, person) = (business.meta.org_id, business.get("user_id").as_uuid().unwrap_or_default());
    let seals = Seals::of_kind(vault, tx, OWNERS, org, &[person]).await?;
    let (ids, by, today) = (tx.new_ids(owners.len()), tx.actor().await?, tx.today());
    let mut records = Vec::with_capacity(owners.len());
    for ((owner, id), serial) in owners.iter().zip(ids).zip(1_i64..) {
        let record = seals.owner(business, tx.new_meta(org, id, by), (serial, owner), tx.random())?;
        record.validate(today)?;
        records.push(record);
    }
    let mut first = keys_of(tx, person);
    for record in records {
        let telling = ChangeNote { action: Action::Create, details: std::mem::take(&mut first) };
        tx.insert_telling(record, telling).await?;
    }
    Ok(())
}

/// Refuses records of an organisation beside one of somebody else that has the number, where that is wanted: what another one let go
/// may have been taken up meanwhile.
pub async fn is_nobody_elses(tx: &mut Tx<'_>, some: &[Record]) -> Result<()> {
    let Some(org) = some.first().map(|record| record.meta.org_id) else { return Ok(()) };
    if settings::get(tx.db, org, KYC_DUPLICATES).await? != Duplicates::Refuse {
        return Ok(());
    }
    let lookups: Vec<Value> = some.iter().map(|r| r.get(NUMBER_INDEX).clone()).filter(|v| !v.is_null()).collect();
    let found = records::with_values(tx.db, DESC, Some(org), DESC.known(NUMBER_INDEX)?, &lookups).await?;
    let mut by_index: HashMap<&[u8], Vec<&Record>> = HashMap::new();
    for other in &found {
        by_index.entry(other.get(NUMBER_INDEX).as_bytes().unwrap_or_default()).or_default().push(other);
    }
    for record in some {
        let others = record.get(NUMBER_INDEX).as_bytes().and_then(|index| by_index.get(index));
        if others.is_some_and(|others| others.iter().any(|other| is_anothers_like(other, record))) {
            return Err(is_anothers("number").into());
        }
    }
    Ok(())
}

/// What tells a bank by the code of its branch: the first four letters (RBI).
pub fn bank_of_ifsc(ifsc: &str) -> String {
    ifsc.chars().take(4).flat_map(char::to_uppercase).collect()
}

/// The bank that a record's account is at.
pub fn bank_code(record: &Record) -> Option<String> {
    record.get("ifsc").as_text().map(bank_of_ifsc)
}

/// Whether a record waits or is in force.
pub fn counts(record: &Record) -> bool {
    matches!(record.get("state").as_text(), Some("submitted" | "in_review" | "verified"))
}

/// Seals one value more of a record: all others are opened for the fingerprint.
pub async fn seal_besides(
    tx: &mut Tx<'_>,
    vault: &Vault,
    record: &mut Record,
    column: &'static str,
    text: &str,
) -> Result<Map<String, Json>> {
    let (org, person) = (record.meta.org_id, record.get("user_id").as_uuid().unwrap_or_default());
    let mut clear = opened(vault, tx.db, record).await?;
    clear.retain(|(name, _)| *name != column);
    clear.push((column, Zeroizing::new(text.to_owned())));
    let seals = Seals::of(vault, tx, org, &[person]).await?;
    seals.fill(record, &clear, tx.random())?;
    Ok(keys_of(tx, person))
}

/// Seals records anew that are about somebody else from now on, each with what it was before: their former keys go with whom they
/// are of. What the audit records say besides.
pub async fn seal_for_another(
    tx: &mut Tx<'_>,
    vault: &Vault,
    changes: &mut [(Record, Record)],
) -> Result<Map<String, Json>> {
    let is_anothers =
        |(before, after): &&mut (Record, Record)| before.desc == DESC && before.get("user_id") != after.get("user_id");
    let mut moved: Vec<&mut (Record, Record)> = changes.iter_mut().filter(is_anothers).collect();
    let Some((org, person)) = moved.first().map(|(_, after)| (after.meta.org_id, after.get("user_id").as_uuid()))
    else {
        return Ok(Map::new());
    };
    let person = person.unwrap_or_default();
    let seals = Seals::of(vault, tx, org, &[person]).await?;
    let mut businesses = Vec::new();
    for (before, after) in moved.iter_mut().map(|change| (&change.0, &mut change.1)) {
        let clear = opened(vault, tx.db, before).await?;
        seals.fill(after, &clear, tx.random())?;
        if after.get("kind").as_text() == Some(KycKind::Business.as_str()) {
            businesses.push(Value::from(after.meta.id));
        }
    }
    let details = keys_of(tx, person);
    owners_for_another(tx, vault, (org, person), &businesses).await?;
    Ok(details)
}

/// The same of the owners of businesses that are about somebody else.
async fn owners_for_another(
    tx: &mut Tx<'_>,
    vault: &Vault,
    (org, person): (i32, Uuid),
    businesses: &[Value],
) -> Result<()> {
    let owners = any::all_with(tx.db, OWNERS, org, OWNERS.known("kyc_id")?, businesses).await?;
    if owners.is_empty() {
        return Ok(());
    }
    let seals = Seals::of_kind(vault, tx, OWNERS, org, &[person]).await?;
    let mut changes = Vec::with_capacity(owners.len());
    for before in owners {
        let (clear, mut after) = (opened(vault, tx.db, &before).await?, before.clone());
        seals.fill_of(person, &mut after, &clear, tx.random())?;
        changes.push((before, after));
    }
    tx.update_all(changes, &Action::Merge.into()).await?;
    Ok(())
}

/// The columns of what is sealed, in their order.
pub fn sealed_columns() -> impl Iterator<Item = &'static str> {
    sealed_of(DESC)
}

/// The same of a kind.
pub fn sealed_of(desc: &'static Descriptor) -> impl Iterator<Item = &'static str> {
    desc.fields.iter().filter(|f| f.is_sealed()).map(|f| f.column)
}

/// All sealed values of a record, in clear.
pub async fn opened(vault: &Vault, db: &mut Db, record: &Record) -> Result<Clear> {
    let opener = vault.opener(db, record.meta.org_id, keys_that_seal(record).collect::<Vec<_>>()).await?;
    opened_by(&opener, record)
}

/// The ids of the keys that sealed values of a record name.
pub fn keys_that_seal(record: &Record) -> impl Iterator<Item = Uuid> {
    kept(record).filter_map(|(_, bytes)| sealing::key_of(bytes))
}

/// What a record keeps sealed, by its columns.
fn kept(record: &Record) -> impl Iterator<Item = (&'static str, &[u8])> {
    sealed_of(record.desc).filter_map(|column| Some((column, record.get(column).as_bytes()?)))
}

/// The columns of a record that are sealed by keys which are not at hand.
pub fn without_key(opener: &Opener, record: &Record) -> Vec<&'static str> {
    kept(record).filter(|(_, bytes)| opener.lacks_key_of(bytes)).map(|(column, _)| column).collect()
}

/// All sealed values of a record, in clear, where their keys are at hand.
pub fn opened_by(opener: &Opener, record: &Record) -> Result<Clear> {
    let open = |(column, bytes): (&'static str, &[u8])| -> Result<_> {
        let clear = opener.open(&Cell { table: record.desc.table, column, row: record.meta.id }, bytes)?;
        let text = std::str::from_utf8(&clear);
        let text =
            text.map_err(|_| Problem::integrity(format!("the sealed {column} of {} is no text", record.title())))?;
        Ok((column, Zeroizing::new(text.to_owned())))
    };
    kept(record).map(open).collect()
}

/// What a record's audit record says of keys that were made for it.
pub fn keys_of(tx: &mut Tx<'_>, person: Uuid) -> Map<String, Json> {
    let mut details = Map::new();
    tx.name_keys(person, &mut details);
    details
}

impl Owner {
    /// What of it is sealed.
    pub fn clear(&self) -> Clear {
        vec![("name", self.name.clone()), (NUMBER, Zeroizing::new(self.pan.expose().to_owned()))]
    }
}

impl Paper {
    /// What it says that is sealed; of an Aadhaar number nothing, where that is not kept.
    pub fn clear(&self, storage: AadhaarStorage) -> Clear {
        let mut clear = Clear::new();
        let mut put = |column, text: &str| {
            // Nor where it was written down beside its own place.
            let is_to_go = storage == AadhaarStorage::Reference && column != NUMBER;
            clear.push((column, if is_to_go { without_aadhaars(text) } else { Zeroizing::new(text.to_owned()) }));
        };
        if self.kind != KycKind::Aadhaar || storage == AadhaarStorage::Sealed {
            put(NUMBER, self.number.expose());
        }
        put("name", &self.name);
        if let Some(text) = &self.father_name {
            put("father_name", text);
        }
        if let Some(day) = self.dob {
            put("dob", &day.to_string());
        }
        if let Some(text) = &self.address {
            put("address", text);
        }
        clear
    }
}
