//! What becomes of the keys of a duplicate: a merge lets them mean who stays, and a restore takes them back.

use anyhow::Result;
use uuid::Uuid;

use crate::model::problem::Problem;
use crate::model::resource::Record;
use crate::model::trail::audit::Action;
use crate::store::records::former::{self, Had};
use crate::store::records::keys;
use crate::store::trail::{merged_ids, merged_into};
use crate::store::tx::Tx;

/// Lets the keys of a duplicate that is gone mean the record that stays. Those that it was called formerly itself are within
/// it, and were pointed at that one with all else.
pub async fn keep(tx: &mut Tx<'_>, duplicate: &Record, into: &Record) -> Result<()> {
    let (desc, Some(kind)) = (duplicate.desc, duplicate.desc.former()) else { return Ok(()) };
    for field in desc.key_fields() {
        let [had, has] = [duplicate, into].map(|r| desc.compared(field, r.get(field.column)));
        if !had.is_null() && had != has {
            let id = tx.new_id();
            tx.insert(kind.desc, into.meta.org_id, id, kind.values(into, field, duplicate)).await?;
        }
    }
    Ok(())
}

/// Gives records of one kind and organisation that come back their keys again, and what they were called formerly themselves.
pub async fn take_back(tx: &mut Tx<'_>, records: &[Record]) -> Result<()> {
    let Some((desc, kind)) = records.first().and_then(|r| Some((r.desc, r.desc.former()?))) else { return Ok(()) };
    let org = records[0].meta.org_id;
    tx.flush().await?;
    // Where nothing means anybody since a merge, nothing is to be taken back.
    if !former::are_there(tx.db, desc, Some(org)).await? {
        return Ok(());
    }
    let ids: Vec<Uuid> = records.iter().map(|r| r.meta.id).collect();
    for own in former::left_by(tx.db, kind, org, &ids).await? {
        // Each by itself: one may be brought back without the others.
        let deletion = tx.new_id();
        tx.delete(&own, deletion).await?;
    }
    for id in merged_into(tx.db, org, desc, &ids).await? {
        let mut merged = merged_ids(tx.db, org, desc, id).await?;
        merged.retain(|other| *other != id);
        for before in former::left_by(tx.db, kind, org, &merged).await? {
            let mut after = before.clone();
            after.set(kind.owner.column, id.into());
            tx.update(&before, after, Action::Restore).await?;
        }
    }
    Ok(())
}

/// Refuses a record of which a key means another one since a merge.
pub async fn means_another(tx: &mut Tx<'_>, record: &Record, had: &[Had]) -> Result<Option<Problem>> {
    let Some(had) = had.iter().find(|had| had.owner != record.meta.id) else { return Ok(None) };
    let (desc, org, field) = (record.desc, record.meta.org_id, had.field);
    let Some(kind) = desc.former() else { return Ok(None) };
    let owner = match tx.load(desc, org, had.owner).await? {
        Some(owner) => tx.title_as_told(&owner).await?,
        None => had.owner.to_string(),
    };
    let former = tx.load(kind.desc, org, had.id).await?.map_or_else(|| had.id.to_string(), |r| r.key());
    let sentence = format!(
        "{} {} was that of a duplicate that was merged into {owner}, and means that one",
        field.name(),
        record.get(field.column).to_text()
    );
    let hint = format!("'orgctl {} remove {former}' frees it; or choose another {}", kind.desc.noun, field.name());
    Ok(Some(Problem::conflict(sentence).hint(hint).field(field.name())))
}

/// The same for a record that a row of a file changes, of whose keys it is known already that nobody else has them.
pub async fn taken_again(tx: &mut Tx<'_>, before: &Record, after: &Record) -> Result<()> {
    let desc = after.desc;
    if desc.former_keys.is_none() || desc.key_fields().all(|f| before.get(f.column) == after.get(f.column)) {
        return Ok(());
    }
    let had = keys::holders(tx.db, after).await?.former;
    own_again(tx, &had, after).await
}

/// Takes away the former keys that the one whom they mean has as keys again.
pub async fn own_again(tx: &mut Tx<'_>, had: &[Had], record: &Record) -> Result<()> {
    let Some(kind) = record.desc.former().filter(|_| !had.is_empty()) else { return Ok(()) };
    for had in had {
        if let Some(former) = tx.load(kind.desc, record.meta.org_id, had.id).await? {
            let deletion = tx.new_id();
            tx.delete(&former, deletion).await?;
        }
    }
    Ok(())
}

/// Refuses a former key that a live record has, or whose duplicate is back.
pub async fn not_to_be_back(tx: &mut Tx<'_>, record: &Record) -> Result<Option<Problem>> {
    let refused = |p: Problem| Ok(Some(p));
    if let Some(holder) = former::live_holder(tx.db, record).await? {
        return refused(
            Problem::conflict(format!("{} is a key of {}", record.key(), tx.title_as_told(&holder).await?))
                .hint("give that one another key first"),
        );
    }
    match has_gone_back(tx, record).await? {
        Some(duplicate) => refused(
            Problem::conflict(format!(
                "{} was a key of {}, who is back",
                record.key(),
                tx.title_as_told(&duplicate).await?
            ))
            .hint(format!("'orgctl {} merge' makes one of two again", duplicate.desc.noun)),
        ),
        None => Ok(None),
    }
}

/// The duplicate that had a former key, where it is a record of its own again.
pub async fn has_gone_back(tx: &mut Tx<'_>, record: &Record) -> Result<Option<Record>> {
    let Some((owner, former)) = record.desc.formerly_of() else { return Ok(None) };
    let Some(id) = record.get(former.former.column).as_uuid() else { return Ok(None) };
    Ok(tx.load(owner, record.meta.org_id, id).await?.filter(Record::is_live))
}
