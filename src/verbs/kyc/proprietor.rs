//! A sole proprietorship is its proprietor's own, and is registered by that person's PAN: a GSTIN with another one within contradicts
//! the record of the PAN that waits or is in force, whichever was taken up first.

use std::fmt;

use anyhow::Result;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::DESC;
use super::paper::Paper;
use super::seal::{NUMBER, counts};
use crate::crud::invocation::Invocation;
use crate::crud::vault::{Cell, Vault};
use crate::model::identity::business::pan_within;
use crate::model::kinds::kyc::{BusinessType, KycKind, KycState, Registration};
use crate::model::problem::Problem;
use crate::model::resource::Record;
use crate::model::sealing::key_of;
use crate::store::tx::Tx;

/// What a paper or a record tells of the PAN of its person.
pub struct Told {
    pub by: KycKind,
    pub pan: Zeroizing<String>,
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Told({}, ***)", self.by.as_str())
    }
}

impl Told {
    /// By a PAN itself, or by the GSTIN of a sole proprietorship; nothing else tells it.
    pub fn by_paper(paper: &Paper, business: Option<BusinessType>) -> Option<Told> {
        let number = paper.number.expose();
        let pan = match (paper.kind, business) {
            (KycKind::Pan, _) => number,
            (KycKind::Business, Some(BusinessType::SoleProprietorship)) => pan_within(number)?,
            _ => return None,
        };
        Some(Told { by: paper.kind, pan: Zeroizing::new(pan.to_owned()) })
    }

    /// Whether both can't be true. Of two PANs one may be the correction of the other.
    pub fn contradicts(&self, other: &Told) -> bool {
        self.by != other.by && self.pan != other.pan
    }
}

/// That a PAN is another than that of the person's other record.
pub fn differs(by: KycKind, other: &str) -> Problem {
    let sentence = match by {
        KycKind::Pan => format!("the PAN is another than that within the GSTIN of {other}, a sole proprietorship"),
        _ => format!(
            "the PAN within the GSTIN is another than that of {other}, and a sole proprietorship has its proprietor's"
        ),
    };
    Problem::invalid(sentence).hint("one of the two was taken down wrongly: the other is rejected first").field(NUMBER)
}

/// Whether a record tells the PAN of its person.
pub fn tells(record: &Record) -> bool {
    let is = |column: &str, word: &str| record.get(column).as_text() == Some(word);
    is("kind", KycKind::Pan.as_str())
        || is("registration", Registration::Gstin.as_str())
            && is("business_type", BusinessType::SoleProprietorship.as_str())
}

/// What records that wait or are in force tell, of each that opens: of which person, by its title.
pub async fn told_by_records(
    tx: &mut Tx<'_>,
    vault: &Vault,
    org: i32,
    records: &[Record],
) -> Result<Vec<(Uuid, String, Told)>> {
    let telling: Vec<&Record> = records.iter().filter(|record| counts(record) && tells(record)).collect();
    if telling.is_empty() {
        return Ok(Vec::new());
    }
    let number = |record: &Record| record.get(NUMBER).as_bytes().map(<[u8]>::to_vec);
    let keys: Vec<Uuid> = telling.iter().filter_map(|record| key_of(&number(record)?)).collect();
    let opener = vault.opener(tx.db, org, keys).await?;
    let mut all = Vec::with_capacity(telling.len());
    for record in telling {
        let Some(bytes) = number(record).filter(|bytes| !opener.lacks_key_of(bytes)) else { continue };
        let number = opener.open(&Cell { table: DESC.table, column: NUMBER, row: record.meta.id }, &bytes)?;
        let (by, pan) = match (record.get("kind").as_text(), std::str::from_utf8(&number)) {
            (Some(kind), Ok(number)) if kind == KycKind::Pan.as_str() => (KycKind::Pan, Some(number)),
            (_, number) => (KycKind::Business, number.ok().and_then(pan_within)),
        };
        let Some(pan) = pan.map(|pan| Zeroizing::new(pan.to_owned())) else { continue };
        let person = record.get("user_id").as_uuid().unwrap_or_default();
        all.push((person, record.title(), Told { by, pan }));
    }
    Ok(all)
}

/// Refuses what a paper tells of the PAN of its person beside records of that person which tell another one.
pub async fn agrees(tx: &mut Tx<'_>, vault: &Vault, org: i32, records: &[Record], told: &Told) -> Result<()> {
    let others = told_by_records(tx, vault, org, records).await?;
    let other = others.iter().find(|(.., other)| told.contradicts(other));
    other.map_or(Ok(()), |(_, title, _)| Err(differs(told.by, title).into()))
}

/// The same of a record as it stands, which is to wait: a draft that is submitted, or one that was rejected and is looked at again.
pub async fn stands(tx: &mut Tx<'_>, vault: &Vault, record: &Record, records: &[Record]) -> Result<()> {
    if !tells(record) {
        return Ok(());
    }
    let mut waiting = record.clone();
    waiting.set("state", KycState::Submitted.as_str().into());
    let org = record.meta.org_id;
    for (_, _, told) in told_by_records(tx, vault, org, &[waiting]).await? {
        agrees(tx, vault, org, records, &told).await?;
    }
    Ok(())
}

/// Refuses records of two who are to be one, that contradict each other.
pub async fn both_agree(tx: &mut Tx<'_>, vault: &Vault, org: i32, own: &[Record], others: &[Record]) -> Result<()> {
    for (_, title, told) in told_by_records(tx, vault, org, others).await? {
        let there = told_by_records(tx, vault, org, own).await?;
        if let Some((_, other, _)) = there.iter().find(|(.., other)| told.contradicts(other)) {
            return Err(Problem::conflict(format!(
                "{title} and {other} tell of two PANs, and a sole proprietorship has its proprietor's"
            ))
            .hint("one of the two was taken down wrongly: it is rejected first")
            .into());
        }
    }
    Ok(())
}

/// The vault that such a comparison needs of some records; an empty one, where none of them tells a PAN.
pub async fn vault_for(s: &mut Invocation<'_>, some: &[Record]) -> Result<Vault> {
    if some.iter().any(tells) { Vault::of(s).await } else { Ok(Vault::default()) }
}
