//! A sole proprietorship is its proprietor's own, and is registered by that person's PAN: a GSTIN with another one within contradicts
//! the record of the PAN that waits or is in force, whichever was taken up first.

use std::fmt;

use anyhow::Result;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::paper::Paper;
use super::seal::{NUMBER, counts, keys_that_seal, opened_by, without_key};
use crate::crud::vault::Vault;
use crate::model::identity::business::pan_within;
use crate::model::kinds::kyc::{BusinessType, KycKind, KycState, Registration};
use crate::model::problem::Problem;
use crate::model::resource::Record;
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
fn tells(record: &Record) -> bool {
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
    let keys: Vec<Uuid> = telling.iter().flat_map(|record| keys_that_seal(record)).collect();
    let opener = vault.opener(tx.db, org, keys).await?;
    let mut all = Vec::with_capacity(telling.len());
    for record in telling.into_iter().filter(|record| without_key(&opener, record).is_empty()) {
        let clear = opened_by(&opener, record)?;
        let Some((_, number)) = clear.iter().find(|(column, _)| *column == NUMBER) else { continue };
        let by = match record.get("kind").as_text() == Some(KycKind::Pan.as_str()) {
            true => KycKind::Pan,
            false => KycKind::Business,
        };
        let pan = if by == KycKind::Pan { Some(number.as_str()) } else { pan_within(number) };
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

/// The same of a draft as it stands.
pub async fn draft_agrees(tx: &mut Tx<'_>, vault: &Vault, draft: &Record, records: &[Record]) -> Result<()> {
    if !tells(draft) {
        return Ok(());
    }
    let mut submitted = draft.clone();
    submitted.set("state", KycState::Submitted.as_str().into());
    let org = draft.meta.org_id;
    for (_, _, told) in told_by_records(tx, vault, org, &[submitted]).await? {
        agrees(tx, vault, org, records, &told).await?;
    }
    Ok(())
}
