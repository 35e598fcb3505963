//! What is within a record goes with it and comes back with it (`model::lifetime`).

use std::collections::{BTreeSet, HashMap, HashSet};

use anyhow::Result;
use uuid::Uuid;

use crate::model::resource::lifetime::{Consequence, Lifetime, TargetEvent};
use crate::model::resource::{Field, Record};
use crate::store::records;
use crate::store::tx::Tx;

/// Deletes a record and all that is within it, in one deletion.
pub async fn delete_with_contents(tx: &mut Tx<'_>, record: &Record, deletion: Uuid) -> Result<()> {
    let going = with_contents(tx, record).await?;
    tx.delete_all(&going, deletion).await
}

/// Deletes all that is within a record that is gone otherwise, in one deletion.
pub async fn delete_contents(tx: &mut Tx<'_>, record: &Record, deletion: Uuid) -> Result<()> {
    let going = with_contents(tx, record).await?;
    tx.delete_all(&going[1..], deletion).await
}

/// A record, and all live ones that are within it, the containers first.
async fn with_contents(tx: &mut Tx<'_>, record: &Record) -> Result<Vec<Record>> {
    let mut seen = HashSet::from([record.meta.id]);
    let mut going = vec![record.clone()];
    let mut next = 0;
    while let Some(container) = going.get(next).cloned() {
        for d in records::dependants_by(tx.db, &container, |_, f| follows(f, TargetEvent::Delete)).await? {
            // An organisation keeps what lives in it.
            let within = d.records.into_iter().filter(|_| d.field.is_some());
            going.extend(within.filter(|r| seen.insert(r.meta.id)));
        }
        next += 1;
    }
    Ok(going)
}

fn follows(field: &Field, event: TargetEvent) -> bool {
    field.lifetime().effect(event) == Consequence::Follows
}

/// Of records that one deletion took, those that can't come back with it yet, since something else that they need is deleted
/// too: they go over to that one's deletion, and come back with it. What was deleted by itself waits for nothing: it is asked
/// for by itself, and refused as long as it has nothing to be in.
pub async fn waiting(tx: &mut Tx<'_>, coming: &[Record]) -> Result<HashMap<Uuid, Uuid>> {
    let mut waiting: HashMap<Uuid, Uuid> = HashMap::new();
    let there: BTreeSet<Uuid> = coming.iter().map(|r| r.meta.id).collect();
    loop {
        let known = waiting.len();
        for record in coming {
            let containers = went_with(record);
            if waiting.contains_key(&record.meta.id) || !containers.iter().any(|(_, id)| there.contains(id)) {
                continue;
            }
            for (field, id) in containers {
                let other = match (waiting.get(&id), field.target()) {
                    (Some(deletion), _) => Some(*deletion),
                    (None, Some(target)) if !there.contains(&id) => {
                        tx.load(target, record.meta.org_id, id).await?.and_then(|c| c.meta.deletion_id)
                    }
                    _ => None,
                };
                if let Some(deletion) = other {
                    waiting.insert(record.meta.id, deletion);
                    break;
                }
            }
        }
        // What is within one that waits, waits too.
        if waiting.len() == known {
            return Ok(waiting);
        }
    }
}

/// Whether a record is a part of one of these.
pub fn is_part_of(record: &Record, others: &BTreeSet<Uuid>) -> bool {
    let within = record.desc.fields.iter().filter(|f| f.lifetime() == Lifetime::Within);
    within.filter_map(|f| record.get(f.column).as_uuid()).any(|id| others.contains(&id))
}

/// What a record goes with: what it is within, and what it could not be without.
fn went_with(record: &Record) -> Vec<(&'static Field, Uuid)> {
    let binds = |f: &&Field| matches!(f.lifetime(), Lifetime::Within | Lifetime::Protects) && f.target().is_some();
    let binding = record.desc.fields.iter().filter(binds);
    binding.filter_map(|f| Some((f, record.get(f.column).as_uuid()?))).collect()
}
