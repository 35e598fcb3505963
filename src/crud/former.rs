//! What becomes of the keys of a duplicate: a merge lets them mean who stays, and a restore takes them back.

use anyhow::Result;

use crate::model::problem::Problem;
use crate::model::resource::Record;
use crate::model::resource::former::FormerKeys;
use crate::model::trail::audit::Action;
use crate::store::records::{former, keys};
use crate::store::trail::merged_ids;
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

/// Gives a record that comes back its keys again, and what it was called formerly itself.
pub async fn take_back(tx: &mut Tx<'_>, record: &Record) -> Result<()> {
    let Some(kind) = record.desc.former() else { return Ok(()) };
    let (org, id) = record.meta.record_id();
    let deletion = tx.new_id();
    for own in former::left_by(tx.db, kind, org, &[id]).await? {
        tx.delete(&own, deletion).await?;
    }
    let mut merged = merged_ids(tx.db, org, record.desc, id).await?;
    merged.retain(|other| *other != id);
    for before in former::left_by(tx.db, kind, org, &merged).await? {
        let mut after = before.clone();
        after.set(kind.owner.column, id.into());
        tx.update(&before, after, Action::Restore).await?;
    }
    Ok(())
}

/// Refuses a record of which a key is a former one, and a former key that a live record has.
pub async fn keys_free(tx: &mut Tx<'_>, record: &Record) -> Result<()> {
    if let Some((field, value, holder)) = former::taken(tx.db, record).await? {
        let words = FormerKeys::words(field, &value);
        let kind = record.desc.former().map_or("", |former| former.desc.noun);
        return Err(Problem::conflict(format!(
            "{} {} was that of a duplicate that was merged into {}, and means that one",
            field.name(),
            record.get(field.column).to_text(),
            holder.title()
        ))
        .hint(format!("choose another {}, or free it: 'orgctl {kind} delete {words}'", field.name()))
        .field(field.name())
        .into());
    }
    if let Some(holder) = former::live_holder(tx.db, record).await? {
        let mut named = record.clone();
        keys::tell(tx.db, std::slice::from_mut(&mut named)).await?;
        return Err(Problem::conflict(format!("{} is a key of {}", named.key(), holder.title()))
            .hint("give that one another key first")
            .into());
    }
    Ok(())
}
