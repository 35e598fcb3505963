//! What is within a record goes with it and comes back with it (`model::lifetime`).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use anyhow::Result;
use uuid::Uuid;

use crate::model::problem::Problem;
use crate::model::resource::lifetime::{Consequence, Lifetime, TargetEvent};
use crate::model::resource::{Descriptor, Field, Record};
use crate::store::records::Deleted;
use crate::store::records::pointing::{RecordAt, Taken, Waiting, alike, deletions_of, pointing_at, read, taken_by};
use crate::store::tx::Tx;

/// Deletes records, each with all that is within it in a deletion of its own.
pub async fn delete_with_contents(tx: &mut Tx<'_>, some: &[RecordAt], deletion: impl Fn(Uuid) -> Uuid) -> Result<()> {
    let (going, with) = with_contents(tx, some).await?;
    delete_all(tx, &going, |id| deletion(with.get(&id).copied().unwrap_or(id))).await
}

/// Deletes all that is within a record that is gone otherwise, in one deletion.
pub async fn delete_contents(tx: &mut Tx<'_>, record: &Record, deletion: Uuid) -> Result<()> {
    let (going, _) = with_contents(tx, &[RecordAt::of(record)]).await?;
    delete_all(tx, &going[1..], |_| deletion).await
}

/// Deletes live records, each in the deletion that it belongs to, so many at a time as a statement takes. They are read again: of
/// many only their places are held.
pub async fn delete_all(tx: &mut Tx<'_>, going: &[RecordAt], deletion: impl Fn(Uuid) -> Uuid) -> Result<()> {
    for some in alike(going) {
        let records = read(tx.db, some).await?;
        if records.len() < some.len() || !records.iter().all(Record::is_live) {
            let one = some[0].desc.indefinite();
            return Err(Problem::conflict(format!("{one} that was to go is gone; nothing was deleted"))
                .hint("run the command again")
                .into());
        }
        let deleted = records.into_iter().map(|r| (deletion(r.meta.id), r)).map(|(deletion, r)| (r, deletion));
        tx.delete_each(deleted.collect()).await?;
    }
    Ok(())
}

/// Records, and all live ones that are within them, the containers first; and in which of the records each of those is.
async fn with_contents(tx: &mut Tx<'_>, some: &[RecordAt]) -> Result<(Vec<RecordAt>, HashMap<Uuid, Uuid>)> {
    tx.flush().await?;
    let mut seen: HashSet<Uuid> = some.iter().map(|r| r.id).collect();
    let mut waiting = Waiting::default();
    waiting.extend(some.iter().copied());
    let (mut going, mut with) = (Vec::with_capacity(some.len()), HashMap::new());
    while let Some(containers) = waiting.next_alike() {
        going.extend_from_slice(&containers);
        // An organisation keeps what lives in it.
        if containers[0].desc.is_org() {
            continue;
        }
        let within = pointing_at(tx.db, &containers, Deleted::Exclude, |_, f| follows(f, TargetEvent::Delete)).await?;
        for (container, pointing) in containers.iter().zip(within) {
            let root = with.get(&container.id).copied().unwrap_or(container.id);
            for record in pointing.into_iter().flat_map(|pointing| pointing.records).filter(|r| seen.insert(r.id)) {
                with.insert(record.id, root);
                waiting.extend([record]);
            }
        }
    }
    Ok((going, with))
}

fn follows(field: &Field, event: TargetEvent) -> bool {
    field.lifetime().effect(event) == Consequence::Follows
}

/// What some deletions of an organisation took away, kind by kind, with what each goes with: what it is within, and what it
/// could not be without.
pub async fn coming(tx: &mut Tx<'_>, org: i32, deletions: &[Uuid]) -> Result<Vec<Taken>> {
    tx.flush().await?;
    let mut coming = Vec::new();
    for desc in tx.kinds().resources().filter(|d| d.is_recorded()) {
        let binds = |f: &&Field| matches!(f.lifetime(), Lifetime::Within | Lifetime::Protects) && f.target().is_some();
        let binding: Vec<&'static Field> = desc.stored().filter(binds).collect();
        coming.extend(taken_by(tx.db, desc, org, deletions, &binding).await?);
    }
    Ok(coming)
}

/// Of records that one deletion took, those that can't come back with it yet, since something else that they need is deleted
/// too: they go over to that one's deletion, and come back with it. What was deleted by itself waits for nothing: it is asked
/// for by itself, and refused as long as it has nothing to be in.
pub async fn waiting(tx: &mut Tx<'_>, org: i32, coming: &[Taken]) -> Result<HashMap<Uuid, Uuid>> {
    let there: HashMap<Uuid, Uuid> = coming.iter().map(|t| (t.at.id, t.deletion)).collect();
    let goes_along = |t: &&Taken| t.refers.iter().any(|(_, id)| there.get(id) == Some(&t.deletion));
    let parts: Vec<&Taken> = coming.iter().filter(goes_along).collect();
    let mut asked: BTreeMap<&str, (&'static Descriptor, BTreeSet<Uuid>)> = BTreeMap::new();
    for (field, id) in parts.iter().flat_map(|t| &t.refers).filter(|(_, id)| !there.contains_key(id)) {
        if let Some(target) = field.target() {
            asked.entry(target.noun).or_insert_with(|| (target, BTreeSet::new())).1.insert(*id);
        }
    }
    let mut gone: HashMap<Uuid, Uuid> = HashMap::new();
    for (target, ids) in asked.into_values().filter(|(target, _)| target.is_recorded()) {
        gone.extend(deletions_of(tx.db, target, org, &ids.into_iter().collect::<Vec<_>>()).await?);
    }
    // What is within one that waits, waits too.
    let mut waiting: HashMap<Uuid, Uuid> = HashMap::new();
    loop {
        let known = waiting.len();
        for part in parts.iter().filter(|t| !gone.is_empty() && !waiting.contains_key(&t.at.id)).collect::<Vec<_>>() {
            let other = part.refers.iter().find_map(|(_, id)| waiting.get(id).or_else(|| gone.get(id)));
            if let Some(deletion) = other.copied() {
                waiting.insert(part.at.id, deletion);
            }
        }
        if waiting.len() == known {
            return Ok(waiting);
        }
    }
}
