//! What goes with records that go, and what points elsewhere then.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::contents::delete_all;
use super::seed;
use super::write::keys_free;
use crate::model::backup::Digest32;
use crate::model::problem::Problem;
use crate::model::resource::lifetime::{Consequence, TargetEvent};
use crate::model::resource::row_rule::RowRule;
use crate::model::resource::verbs::Link;
use crate::model::resource::{Descriptor, Field, Record};
use crate::model::trail::audit::{Action, ChangeNote};
use crate::model::values::value::{Value, ValueType};
use crate::store::engine::db::Db;
use crate::store::records::keys as store_keys;
use crate::store::records::pointing::{Pointing, RecordAt, Waiting, alike, grouped, hidden, pointing_at, read};
use crate::store::records::{Deleted, Dependants};
use crate::store::tx::Tx;

/// What becomes of records that point at one that goes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// They protect it.
    #[default]
    Protect,
    /// They point at this one instead.
    Reassign(Uuid),
    /// They point at nothing.
    Orphan,
    /// They go too.
    Cascade,
}

/// A record, the column that pointed at something gone, and what it points at then.
pub type Turn = (RecordAt, &'static str, Value);

/// Records that point at something gone, by one field, each with what it points at.
type ByField = Vec<(&'static Descriptor, &'static Field, Vec<(Uuid, RecordAt)>)>;

/// Puts records beside those that point at something by the same field.
fn beside(all: &mut ByField, gone: Uuid, (desc, field): (&'static Descriptor, &'static Field), records: Vec<RecordAt>) {
    let records = records.into_iter().map(|record| (gone, record));
    match all.iter_mut().find(|(d, f, _)| *d == desc && f.column == field.column) {
        Some((.., there)) => there.extend(records),
        None => all.push((desc, field, records.collect())),
    }
}

/// What a delete takes away and what it points elsewhere. Of what goes only the places are held: it may be an organisation.
#[derive(Default)]
pub struct DeletePlan {
    pub gone: Vec<RecordAt>,
    pub repointed: Vec<Turn>,
    /// Those that go with their organisation unsaid: it was given them when it was made.
    pub seeds: HashSet<Uuid>,
    /// Links with something that only one may be, which go since what they would say then is said already; as they would be.
    pub doubled: Vec<Record>,
    /// Those of all these that whoever asks may not see.
    pub hidden: HashSet<Uuid>,
    /// The keys of links that point elsewhere then.
    joined: HashSet<String>,
    /// With which one of those that were named each of the others goes.
    with: HashMap<Uuid, Uuid>,
}

/// What a record points at once `gone` is gone: the one that takes over; where it is that one itself, what `gone` pointed at.
fn successor(gone: Uuid, going: &[Record], record: Uuid, column: &str, mode: Mode) -> Value {
    let nothing = Value::Null(ValueType::Uuid);
    match mode {
        Mode::Reassign(id) if id == record => {
            // Above the one who takes over stands the first who stays.
            let (mut above, mut steps) = (Value::from(gone), 0);
            while let Some(next) = going.iter().find(|r| above == r.meta.id.into()) {
                above = next.get(column).clone();
                steps += 1;
                if steps > going.len() + 1 {
                    break;
                }
            }
            if above == id.into() || above == gone.into() { nothing } else { above }
        }
        Mode::Reassign(id) => id.into(),
        _ => nothing,
    }
}

/// Lets what points at records that stay, but no longer serve, point elsewhere; unless `mode` says how, it is named and
/// nothing happens. `done` is what can't be done then. How many records were changed.
pub async fn release(tx: &mut Tx<'_>, records: &[Record], mode: Mode, event: TargetEvent, done: &str) -> Result<usize> {
    if records.iter().any(|r| r.desc.is_org()) && event != TargetEvent::Delete {
        return Ok(0);
    }
    let leaving: HashSet<Uuid> = records.iter().map(|r| r.meta.id).collect();
    // Who no longer serves either may go on pointing at whom he or she served, as long as that one is there.
    let counts = |r: &RecordAt| (event == TargetEvent::Delete || r.is_active) && !leaving.contains(&r.id);
    let (mut plan, mut doubled) = (DeletePlan::default(), Vec::new());
    let places: Vec<RecordAt> = records.iter().map(RecordAt::of).collect();
    for some in alike(&places) {
        let blocks = |d: &Descriptor, f: &Field| d.effect(f, event) == Consequence::Blocks;
        let depending = pointing_at(tx.db, some, Deleted::Exclude, blocks).await?;
        let mut turning = ByField::new();
        for (record, mut depending) in some.iter().zip(depending) {
            for d in &mut depending {
                d.records.retain(counts);
            }
            depending.retain(|d| !d.records.is_empty());
            if !depending.iter().all(|d| can_hand_over(d.field, mode)) {
                return Err(protected(tx.db, record, &depending, done).await?.into());
            }
            for d in depending {
                let Some(field) = d.field else { continue };
                beside(&mut turning, record.id, (d.desc, field), d.records);
            }
        }
        for (_, field, pointing) in turning {
            doubled.extend(plan.repoint(tx.db, records, pointing, field, mode).await?);
        }
    }
    // Who takes over may be there already: then one of the two is enough.
    let gone: HashSet<Uuid> = doubled.iter().map(|r| r.id).collect();
    plan.repointed.retain(|(r, ..)| !gone.contains(&r.id));
    let deletion = tx.new_id();
    delete_all(tx, &doubled, |_| deletion).await?;
    Ok(doubled.len() + point_all(tx, plan.repointed, Action::Update).await?)
}

/// Whether records can point elsewhere, as is said: where they must point at something, not at nothing.
fn can_hand_over(field: Option<&Field>, mode: Mode) -> bool {
    match (mode, field) {
        (Mode::Reassign(_), Some(_)) => true,
        (Mode::Orphan, Some(field)) => !field.ty.required,
        _ => false,
    }
}

/// Lets records point elsewhere, of which it is known that no link is there already; how many that changed. Of one that is live
/// the rules between its own fields hold then too, and its keys are its own; what is gone is asked for that when it comes back.
pub async fn point_all(tx: &mut Tx<'_>, turns: Vec<Turn>, action: Action) -> Result<usize> {
    let (mut left, mut changed) = (turns, 0);
    while !left.is_empty() {
        // What points by several fields is written once for each.
        let mut seen = HashSet::new();
        let (now, later): (Vec<Turn>, Vec<Turn>) = left.into_iter().partition(|(r, ..)| seen.insert(r.id));
        for some in grouped(now, |(r, ..)| *r) {
            changed += point_some(tx, some, action).await?;
        }
        left = later;
    }
    Ok(changed)
}

async fn point_some(tx: &mut Tx<'_>, turns: Vec<Turn>, action: Action) -> Result<usize> {
    let telling = ChangeNote::from(action);
    let there = read(tx.db, &turns.iter().map(|(r, ..)| *r).collect::<Vec<_>>()).await?;
    let mut there: HashMap<Uuid, Record> = there.into_iter().map(|r| (r.meta.id, r)).collect();
    let (mut changes, mut changed) = (Vec::with_capacity(turns.len()), 0);
    for (at, column, value) in turns {
        let gone =
            || Problem::conflict(format!("{} was deleted by somebody else in the meantime", at.desc.indefinite()));
        let before = there.remove(&at.id).ok_or_else(gone)?;
        let mut after = before.clone();
        after.set(column, value);
        if after.is_live() {
            stands(tx, &before, &after)?;
            if at.desc.link().is_none() && at.desc.all_keys().any(|key| key.parts().any(|f| f.column == column)) {
                let written = tx.update_all(std::mem::take(&mut changes), &telling).await?;
                changed += written.iter().flatten().count();
                keys_free(tx, &after).await?;
            }
        }
        changes.push((before, after));
    }
    changed += tx.update_all(changes, &telling).await?.iter().flatten().count();
    Ok(changed)
}

/// Refuses a live record that would break by what it points at now.
pub fn stands(tx: &Tx<'_>, before: &Record, after: &Record) -> Result<()> {
    if let Some(fault) = Problem::joined(after.faults(tx.today())).filter(|_| before.faults(tx.today()).is_empty()) {
        let sentence = format!("{} can't point elsewhere: {}", before.title(), fault.sentence);
        return Err(Problem { sentence, ..fault }.into());
    }
    Ok(())
}

/// What has been found of what a delete takes away, and what is still to be asked about.
struct Search {
    named: HashSet<Uuid>,
    seen: HashSet<Uuid>,
    waiting: Waiting,
    /// What points elsewhere then, of those that were asked about together.
    turning: ByField,
    /// What protects a record, unless it turns out to go too.
    protecting: Vec<(RecordAt, Vec<Pointing>)>,
    mode: Mode,
}

impl DeletePlan {
    /// Of records that are to go; what one of them pointed at is asked of `roots`, where another one takes over.
    pub async fn make(db: &mut Db, places: Vec<RecordAt>, roots: &[Record], mode: Mode) -> Result<DeletePlan> {
        let named: HashSet<Uuid> = places.iter().map(|r| r.id).collect();
        let goes_whole = places.iter().any(|r| r.desc.is_org());
        let mut waiting = Waiting::default();
        waiting.extend(places);
        let (turning, protecting) = (ByField::new(), Vec::new());
        let mut search = Search { seen: named.clone(), named, waiting, turning, protecting, mode };
        let mut plan = DeletePlan::default();
        while let Some(some) = search.waiting.next_alike() {
            let pointing = pointing_at(db, &some, Deleted::Exclude, |_, _| true).await?;
            for (record, pointing) in some.into_iter().zip(pointing) {
                plan.take(&mut search, record, pointing);
            }
            for (_, field, records) in std::mem::take(&mut search.turning) {
                let gone: HashMap<Uuid, Uuid> = records.iter().map(|(gone, record)| (record.id, *gone)).collect();
                let doubled = plan.repoint(db, roots, records, field, mode).await?;
                for record in &doubled {
                    plan.goes(gone.get(&record.id).copied().unwrap_or_default(), std::slice::from_ref(record));
                }
                search.seen.extend(doubled.iter().map(|r| r.id));
                search.waiting.extend(doubled);
            }
        }
        for (record, mut protecting) in search.protecting {
            for d in &mut protecting {
                d.records.retain(|r| !search.seen.contains(&r.id));
            }
            protecting.retain(|d| !d.records.is_empty());
            if !protecting.is_empty() {
                return Err(protected(db, &record, &protecting, "deleted").await?.into());
            }
        }
        // What was named comes first.
        plan.gone.sort_by_key(|r| !search.named.contains(&r.id));
        if !goes_whole {
            seed::keep(db, &plan.gone).await?;
        }
        // What goes itself needs no new reference.
        plan.repointed.retain(|(r, ..)| !search.seen.contains(&r.id));
        Ok(plan)
    }

    /// Notes that records go because another one goes.
    fn goes(&mut self, with: Uuid, records: &[RecordAt]) {
        let named = self.goes_with(with);
        self.with.extend(records.iter().map(|r| (r.id, named)));
    }

    /// The one that was named with which a record goes: itself, if it was named.
    pub fn goes_with(&self, id: Uuid) -> Uuid {
        self.with.get(&id).copied().unwrap_or(id)
    }

    /// Takes a record, and what points at it: it goes too, points elsewhere, or protects the record.
    fn take(&mut self, search: &mut Search, record: RecordAt, pointing: Vec<Pointing>) {
        let mode = search.mode;
        let mut protecting = Vec::new();
        for mut d in pointing {
            d.records.retain(|r| !search.seen.contains(&r.id));
            if d.field.is_none() {
                // What an organisation was given when it was made goes with it.
                let (seeds, others): (Vec<RecordAt>, _) = d.records.into_iter().partition(RecordAt::is_seed);
                d.records = others;
                search.seen.extend(seeds.iter().map(|r| r.id));
                self.seeds.extend(seeds.iter().map(|r| r.id));
                self.goes(record.id, &seeds);
                search.waiting.extend(seeds);
            }
            // Who takes over from what was named can't do so from another kind that goes with it.
            let is_named = search.named.contains(&record.id);
            // What is given to nobody any more is taken from who has it.
            let is_given = mode == Mode::Orphan && d.desc.link().is_some();
            let can_hand_over = is_given || can_hand_over(d.field, mode) && (is_named || mode == Mode::Orphan);
            match (d.effect(TargetEvent::Delete), d.field) {
                _ if d.records.is_empty() => {}
                (Consequence::Stays, _) => {}
                (effect, _) if effect == Consequence::Follows || mode == Mode::Cascade => {
                    search.seen.extend(d.records.iter().map(|r| r.id));
                    self.goes(record.id, &d.records);
                    search.waiting.extend(d.records);
                }
                (_, Some(f)) if can_hand_over => beside(&mut search.turning, record.id, (d.desc, f), d.records),
                _ => protecting.push(d),
            }
        }
        if !protecting.is_empty() {
            search.protecting.push((record, protecting));
        }
        self.gone.push(record);
    }

    /// Lets records point elsewhere. Links that are there already then, or would join one with itself, are given back: of two
    /// between the same the one that is there stays, and the other goes, as in a merge.
    async fn repoint(
        &mut self,
        db: &mut Db,
        roots: &[Record],
        pointing: Vec<(Uuid, RecordAt)>,
        field: &'static Field,
        mode: Mode,
    ) -> Result<Vec<RecordAt>> {
        let mut doubled = Vec::new();
        let records: Vec<RecordAt> = pointing.iter().map(|(_, record)| *record).collect();
        let gone: HashMap<Uuid, Uuid> = pointing.into_iter().map(|(gone, record)| (record.id, gone)).collect();
        for some in alike(&records) {
            let link = some[0].desc.link();
            let gone = |r: &RecordAt| gone.get(&r.id).copied().unwrap_or_default();
            let value = |r: &RecordAt| successor(gone(r), roots, r.id, field.column, mode);
            match link {
                Some(_) if field.ty.required && mode == Mode::Orphan => doubled.extend_from_slice(some),
                Some(link) => doubled.extend(self.join(db, link, some, field, value).await?),
                None => self.repointed.extend(some.iter().map(|r| (*r, field.column, value(r)))),
            }
        }
        Ok(doubled)
    }

    /// The same of links of one kind.
    async fn join(
        &mut self,
        db: &mut Db,
        link: Link,
        some: &[RecordAt],
        field: &'static Field,
        value: impl Fn(&RecordAt) -> Value,
    ) -> Result<Vec<RecordAt>> {
        let (org, mut after) = (some[0].org, read(db, some).await?);
        for record in &mut after {
            let to = value(&RecordAt::of(record));
            record.set(field.column, to);
        }
        let mut doubled = Vec::new();
        let mut there: Vec<bool> = after.iter().map(|record| leads_back(link, record)).collect();
        for key in link.desc.all_keys().filter(|key| key.has(field)) {
            let asked: Vec<Vec<Value>> = after.iter().map(|record| store_keys::parts_of(record, key)).collect();
            let holders = store_keys::holders_of(db, link.desc, org, key, &asked).await?;
            for (n, (record, parts)) in
                after.iter().zip(&asked).enumerate().filter(|(_, (_, parts))| store_keys::is_whole(key, parts))
            {
                let is_other = holders[n].as_ref().is_some_and(|holder| holder.meta.id != record.meta.id);
                let parts: Vec<String> = store_keys::in_index(key, parts).iter().map(Value::to_text).collect();
                let words = format!("{} {} {org} {}", link.desc.noun, key.name(), parts.join(" "));
                there[n] = there[n] || !self.joined.insert(words) || is_other;
            }
        }
        for (record, is_there) in after.into_iter().zip(there) {
            let at = RecordAt::of(&record);
            if !is_there {
                self.repointed.push((at, field.column, record.get(field.column).clone()));
                continue;
            }
            let mut flags = record.desc.rules.iter();
            if flags.any(|rule| matches!(rule, RowRule::AtMostOne(flag, _) if record.is_true(flag))) {
                self.doubled.push(record);
            }
            doubled.push(at);
        }
        Ok(doubled)
    }

    /// What is told of.
    pub fn told(&self) -> impl Iterator<Item = &RecordAt> {
        let is_told = |r: &&RecordAt| !self.seeds.contains(&r.id) && !self.hidden.contains(&r.id);
        self.gone.iter().filter(|r| r.desc.is_told()).filter(is_told)
    }

    /// What is told of that changes: the record, and the column.
    pub fn told_changes(&self) -> impl Iterator<Item = (&RecordAt, &'static str)> {
        self.repointed.iter().map(|(r, column, _)| (r, *column)).filter(|(r, _)| !self.hidden.contains(&r.id))
    }

    /// Notes what may not be told.
    pub async fn hide(&mut self, db: &mut Db) -> Result<()> {
        let all: Vec<RecordAt> = self.gone.iter().chain(self.repointed.iter().map(|(r, ..)| r)).copied().collect();
        let told: Vec<RecordAt> = all.into_iter().filter(|r| r.desc.is_told()).collect();
        self.hidden = hidden(db, &told).await?;
        Ok(())
    }

    /// A digest of every record that goes or is pointed elsewhere, with its version: what a confirmation showed.
    pub fn digest(&self) -> Digest32 {
        let all = self.gone.iter().chain(self.repointed.iter().map(|(r, ..)| r));
        let mut versions: Vec<(Uuid, i64)> = all.map(|r| (r.id, r.version)).collect();
        versions.sort_unstable();
        versions.dedup();
        let mut sha256 = Sha256::new();
        for (id, version) in versions {
            sha256.update(id.as_bytes());
            sha256.update(version.to_be_bytes());
        }
        Digest32(sha256.finalize().into())
    }
}

/// Whether a link would join one with itself that must not be.
fn leads_back(link: Link, after: &Record) -> bool {
    link.desc.rules.iter().any(|rule| match rule {
        RowRule::Acyclic(from, to) => after.get(from) == after.get(to),
        _ => false,
    })
}

/// What keeps a record from going, with the first of each kind by name.
async fn protected(db: &mut Db, record: &RecordAt, by: &[Pointing], done: &str) -> Result<Problem> {
    let mut named = Vec::new();
    for d in by {
        let hidden = hidden(db, &d.records).await?;
        let told: Vec<RecordAt> = d.records.iter().filter(|r| !hidden.contains(&r.id)).copied().collect();
        let records = read(db, &told[..told.len().min(NAMED)]).await?;
        let (unread, hidden) = (told.len() - records.len(), hidden.into_iter().collect());
        named.push(Dependants { desc: d.desc, field: d.field, records, hidden, unread });
    }
    let title = read(db, &[*record]).await?.first().map_or_else(|| record.id.to_string(), Record::title);
    let list: Vec<String> = named.iter().map(Dependants::describe).collect();
    let optional = by.iter().all(|d| d.field.is_some_and(|f| !f.ty.required || d.desc.link().is_some()));
    let pointing = by.iter().all(|d| d.field.is_some());
    let depend = if by.iter().map(|d| d.records.len()).sum::<usize>() == 1 { "depends" } else { "depend" };
    let mut problem = Problem::conflict(format!("{title} can't be {done}: {} {depend} on it", list.join("; ")));
    if pointing {
        problem = problem.hint("--reassign-to KEY points them at another one");
    }
    if optional {
        let links = by.iter().all(|d| d.desc.link().is_some());
        let what = if links { "--orphan takes it from all" } else { "--orphan leaves them pointing at nothing" };
        problem = problem.hint(what);
    }
    Ok(if done == "deleted" { problem.hint("--cascade deletes them too") } else { problem })
}

/// So many of each kind are named.
const NAMED: usize = 5;
