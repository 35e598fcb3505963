//! What is sealed on papers, held against its fingerprint, which the trail tells: a value that was changed, taken out, or moved here
//! from elsewhere behind the program's back is seen by who has the master key.

use std::collections::HashMap;

use anyhow::Result;
use uuid::Uuid;

use super::DESC;
use super::seal::{FINGERPRINT, NUMBER, NUMBER_INDEX, OWNERS, sealed_of};
use crate::crud::vault::{Cell, IndexKeys, Opener, Vault};
use crate::model::problem::{ErrorKind, Problem};
use crate::model::resource::Descriptor;
use crate::model::sealing::{self, FingerprintKey};
use crate::model::values::value::{Value, hex};
use crate::store::engine::db::Db;
use crate::store::records::sealed::{self, SealedRow};

/// Rows that are read, and whose keys are, together.
const TOGETHER: usize = 1000;

/// Most records that are named.
const SHOWN: usize = 1000;

/// What became of records of papers.
#[derive(Debug, Default)]
pub struct Compared {
    /// Those that agree with their fingerprint.
    pub agreeing: u64,
    /// Those whose keys were destroyed, or are not there.
    pub without_key: u64,
    /// Those that don't agree, of which kind, and why.
    pub differing: Vec<(&'static Descriptor, Uuid, String)>,
    /// Those beyond what is named.
    pub more: u64,
}

/// What of one record.
enum Outcome {
    Nothing,
    Agrees,
    WithoutKey,
    Differs(String),
}

/// The kinds of records that papers are kept in.
const KINDS: [&Descriptor; 2] = [DESC, OWNERS];

/// How many records of an organisation have something sealed.
pub async fn count(db: &mut Db, org: i32) -> Result<u64> {
    let mut n = 0;
    for desc in KINDS {
        n += sealed::count_filled(db, desc, org, FINGERPRINT).await?;
    }
    Ok(n)
}

/// Opens everything that is sealed on the papers of an organisation, and compares.
pub async fn compare(vault: &Vault, db: &mut Db, org: i32) -> Result<Compared> {
    let mut compared = Compared::default();
    for desc in KINDS {
        compare_kind(vault, db, (desc, org), &mut compared).await?;
    }
    Ok(compared)
}

async fn compare_kind(
    vault: &Vault,
    db: &mut Db,
    (desc, org): (&'static Descriptor, i32),
    compared: &mut Compared,
) -> Result<()> {
    let mut after = Uuid::nil();
    let names: Vec<&str> = sealed_of(desc).chain([NUMBER_INDEX, FINGERPRINT]).collect();
    let index = vault.find_index_keys(db, org, desc.table, NUMBER).await?;
    loop {
        let rows = sealed::rows(db, desc, &names, org, after, TOGETHER).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id;
        match of_rows(vault, db, (desc, org), &rows, index.as_ref()).await {
            Ok(outcomes) => compared.add(desc, rows.iter().map(|row| row.id).zip(outcomes)),
            // A key among theirs was changed: whose it is, each tells by itself.
            Err(e) if is_of_a_key(&e) => {
                for row in &rows {
                    let outcome = match of_rows(vault, db, (desc, org), std::slice::from_ref(row), index.as_ref()).await
                    {
                        Ok(outcomes) => outcomes.into_iter().next().unwrap_or(Outcome::Nothing),
                        Err(e) if is_of_a_key(&e) => Outcome::Differs(e.to_string()),
                        Err(e) => return Err(e),
                    };
                    compared.add(desc, [(row.id, outcome)]);
                }
            }
            Err(e) => return Err(e),
        }
    }
}

fn is_of_a_key(e: &anyhow::Error) -> bool {
    e.downcast_ref::<Problem>().is_some_and(|problem| problem.kind == ErrorKind::Integrity)
}

impl Compared {
    fn add(&mut self, desc: &'static Descriptor, outcomes: impl IntoIterator<Item = (Uuid, Outcome)>) {
        for (id, outcome) in outcomes {
            match outcome {
                Outcome::Nothing => {}
                Outcome::Agrees => self.agreeing += 1,
                Outcome::WithoutKey => self.without_key += 1,
                Outcome::Differs(why) if self.differing.len() < SHOWN => self.differing.push((desc, id, why)),
                Outcome::Differs(_) => self.more += 1,
            }
        }
    }
}

/// Their keys are read with a statement for all.
async fn of_rows(
    vault: &Vault,
    db: &mut Db,
    (desc, org): (&'static Descriptor, i32),
    rows: &[SealedRow],
    index: Option<&IndexKeys>,
) -> Result<Vec<Outcome>> {
    let used = rows.iter().flat_map(|row| &row.values).filter_map(|value| sealing::key_of(value.as_bytes()?));
    let opener = vault.opener(db, org, used.collect::<Vec<_>>()).await?;
    let mut people: Vec<Uuid> = rows.iter().map(|row| row.subject).collect();
    people.sort_unstable();
    people.dedup();
    let fingerprints = vault.fingerprint_keys(db, org, &people).await?;
    Ok(rows.iter().map(|row| of_row(desc, row, &opener, &fingerprints, index)).collect())
}

fn of_row(
    desc: &'static Descriptor,
    row: &SealedRow,
    opener: &Opener,
    fingerprints: &HashMap<Uuid, FingerprintKey>,
    index: Option<&IndexKeys>,
) -> Outcome {
    let columns: Vec<&'static str> = sealed_of(desc).collect();
    let (kept, besides) = row.values.split_at(columns.len().min(row.values.len()));
    let recorded = besides.get(1).and_then(Value::as_text);
    let sealed = columns.iter().copied().zip(kept).filter_map(|(column, value)| Some((column, value.as_bytes()?)));
    let sealed: Vec<(&'static str, &[u8])> = sealed.collect();
    let Some(recorded) = recorded else { return Outcome::Nothing };
    let Some(key) = fingerprints.get(&row.subject) else { return Outcome::WithoutKey };
    if sealed.iter().any(|(_, bytes)| opener.lacks_key_of(bytes)) {
        // Keys of fingerprints go with the person, together with those of the data; whatever destroys a data key alone seals anew.
        return Outcome::Differs("it names a key that is not there".to_owned());
    }
    let mut clear = HashMap::with_capacity(sealed.len());
    for (column, bytes) in sealed {
        match opener.open(&Cell { table: desc.table, column, row: row.id }, bytes) {
            Ok(text) => drop(clear.insert(column, text)),
            Err(_) => return Outcome::Differs(format!("the sealed {column} does not open in its place")),
        }
    }
    let secrets = columns.iter().map(|column| (*column, clear.get(column).map(|text| text.as_slice())));
    if hex(&key.fingerprint(secrets)) != recorded {
        return Outcome::Differs("what is sealed is another than its fingerprint tells".to_owned());
    }
    let found_by = besides.first().and_then(Value::as_bytes);
    let is_found = |number: &[u8]| match (index, found_by) {
        (Some(keys), Some(found_by)) => keys.lookups(number).iter().any(|lookup| lookup == found_by),
        _ => false,
    };
    match clear.get(NUMBER) {
        Some(number) if !is_found(number) => Outcome::Differs("its number is not found by its blind index".to_owned()),
        _ => Outcome::Agrees,
    }
}
