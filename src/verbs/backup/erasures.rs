//! Erasures that a replaced trail tells of, carried out again: an archive that was made before brings everything back.

use std::collections::{BTreeMap, HashSet};

use anyhow::Result;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::crud::contents;
use crate::crud::purge::purge_contents;
use crate::model::kinds::org::SYSTEM;
use crate::model::kinds::user::User;
use crate::model::resource::lifetime::{Consequence, TargetEvent};
use crate::model::resource::{Descriptor, Field, Record, Resource as _};
use crate::model::trail::audit::{Action, KIND, spans, whole_row};
use crate::model::values::value::{Value, ValueType, canonical, rfc3339};
use crate::store::backup::swap::Erasure;
use crate::store::records;
use crate::store::records::pointing::RecordAt;
use crate::store::trail::retention::{self, Span, joined};
use crate::store::trail::{merged_ids, trees};
use crate::store::tx::Tx;
use crate::verbs::audit::retention::names_of;

/// Erases again, in what was loaded, whom the replaced trail erased behind what both have in common, and tells of each: what
/// is restored next may know those who are not there. Their trees and SYSTEM's must be locked. Of how many people there was anything.
pub async fn reapply(tx: &mut Tx<'_>, erasures: &[Erasure], common: &BTreeMap<i32, u64>) -> Result<u64> {
    let mut done = 0;
    let trees = trees(tx.db).await?;
    for erasure in erasures {
        let same = common.get(&erasure.tree).map_or(0, |n| i64::try_from(*n).unwrap_or(i64::MAX));
        let is_tree_there = trees.contains(&erasure.tree);
        done += u64::from(erase(tx, erasure, (same, is_tree_there)).await?);
    }
    if done > 0 {
        tx.require_references().await?;
    }
    Ok(done)
}

/// Whether there was anything of the person.
async fn erase(tx: &mut Tx<'_>, erasure: &Erasure, (same, is_tree_there): (i64, bool)) -> Result<bool> {
    let (org, id) = (erasure.tree, erasure.subject);
    let row = tx.load(User::DESCRIPTOR, org, id).await?;
    let ids = merged_ids(tx.db, org, User::DESCRIPTOR, id).await?;
    let told = retention::about(tx.db, org, &ids).await?;
    let mut names: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    for (_, _, payload) in &told {
        names_of(payload, &mut names);
    }
    if let Some(row) = &row {
        names_of(&canonical(&as_payload(row))?, &mut names);
    }
    // What both trails have went there, or was kept there by a rule. What only the archive has is judged by the same rule.
    let went = |spans: &[Span], seq: i64| spans.iter().any(|(first, last)| (*first..=*last).contains(&seq));
    let mut records: Vec<Span> = Vec::new();
    let mut last = 0;
    for (seq, at, _) in &told {
        last = *seq;
        let goes =
            erasure.kept_from.is_none_or(|from| if *seq <= same { went(&erasure.records, *seq) } else { *at < from });
        if goes {
            records.push((*seq, *seq));
        }
    }
    let before = erasure.kept_from.unwrap_or(tx.at() + chrono::TimeDelta::days(1));
    let (mut requests, _) = retention::requests_naming(tx.db, org, before, &names).await?;
    requests.extend(
        erasure.requests.iter().filter(|(first, _)| *first <= same).map(|(first, end)| (*first, (*end).min(same))),
    );
    let row = row.filter(|_| !erasure.is_back);
    let is_known = row.is_some() || !records.is_empty() || !requests.is_empty();
    if let Some(row) = row {
        remove(tx, row).await?;
        // What was just recorded of it tells everything once more.
        records.extend(tx.told_of(org, &ids, last).await?);
    }
    if is_known {
        tx.strip(org, &records, &requests).await?;
        tx.forget_actor(&format!("user:{id}")).await?;
    }
    let mut details = Map::new();
    details.insert("records".into(), spans(&joined(records)));
    details.insert("requests".into(), spans(&joined(requests)));
    tell(tx, erasure, details, is_tree_there).await?;
    Ok(is_known)
}

/// Records what was erased again, so that a restore of this database in turn finds all that the replaced one told.
async fn tell(tx: &mut Tx<'_>, erasure: &Erasure, mut told: Map<String, Json>, is_tree_there: bool) -> Result<()> {
    if let Some(reason) = &erasure.reason {
        told.insert("reason".into(), reason.as_str().into());
    }
    told.insert("again".into(), erasure.seq.into());
    if let Some(from) = erasure.kept_from {
        told.insert("kept_from".into(), rfc3339(from).into());
    }
    if erasure.is_back {
        told.insert("still_there".into(), true.into());
    }
    if !is_tree_there {
        told.insert("tree".into(), erasure.tree.into());
    }
    let tree = if is_tree_there { erasure.tree } else { SYSTEM };
    Ok(tx.event_about(tree, Action::Erase, KIND, erasure.subject, told).await?)
}

/// The row as a record of it would tell it.
fn as_payload(row: &Record) -> Json {
    serde_json::json!({ "key": row.key(), "old": whole_row(row) })
}

/// Removes the person's own row for good. What pointed at it points at nothing.
async fn remove(tx: &mut Tx<'_>, row: Record) -> Result<()> {
    let (org, id) = row.meta.record_id();
    let detached =
        |d: &Descriptor, f: &Field| !f.ty.required && d.effect(f, TargetEvent::Purge) == Consequence::Detaches;
    for (desc, field) in tx.kinds().referring_to(User::DESCRIPTOR).into_iter().filter(|(d, f)| detached(d, f)) {
        for before in records::referring(tx.db, desc, field, org, id).await? {
            let mut after = before.clone();
            after.set(field.column, Value::Null(ValueType::Uuid));
            tx.update(&before, after, Action::Update).await?;
        }
    }
    // Read again: it may have pointed at itself.
    let Some(row) = tx.load(User::DESCRIPTOR, org, id).await? else { return Ok(()) };
    if row.is_live() {
        let deletion = tx.new_id();
        contents::delete_with_contents(tx, &[RecordAt::of(&row)], |_| deletion).await?;
    }
    purge_contents(tx, &[RecordAt::of(&row)], &HashSet::new()).await?;
    let Some(row) = tx.load(User::DESCRIPTOR, org, id).await? else { return Ok(()) };
    Ok(tx.purge(&row).await?)
}
