//! The second time through a file, row by row: changes, and new organisations, of which each has a tree of its own.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::arguments::TOLD;
use super::probe::Trial;
use super::rows::{self, Picked};
use super::run::{CHANNEL_DEPTH, Run};
use super::secrets::{GivenSecret, SecretReset};
use crate::crud::defaults::blank;
use crate::crud::former;
use crate::model::resource::{Field, IS_ACTIVE, Record};
use crate::model::trail::audit::{Action, ChangeNote};
use crate::model::values::value::{Value, ValueType};
use crate::store::Error;
use crate::store::import::match_target::Given;
use crate::store::import::stage::ResolvedRow;
use crate::store::records;
use crate::store::tx::Tx;

impl Run<'_> {
    pub(super) async fn write_singly(
        &mut self,
        tx: &mut Tx<'_>,
        are_new: bool,
        mut trial: Option<&mut Trial<'_>>,
    ) -> Result<()> {
        let total = self.stage.accepted(tx.db, are_new).await?;
        if total == 0 {
            return Ok(());
        }
        self.import.progress.part("writing", Some(total), "rows");
        let (send, mut verdicts) = mpsc::channel(CHANNEL_DEPTH);
        let (picked, mut receive) = mpsc::channel(CHANNEL_DEPTH);
        let plan = Arc::clone(&self.plan);
        let worker = spawn_blocking(move || rows::read_picked(&plan, &mut verdicts, &picked));
        let (mut last, mut done) = (0, 0);
        loop {
            let some = self.stage.resolved_rows(tx.db, are_new, last, rows::BATCH).await?;
            let Some(end) = some.last() else { break };
            last = end.number;
            let (ids, numbers) = (some.iter().map(|v| v.id.into()).collect(), (some[0].number, last));
            // Where nobody takes it the worker has failed, and says below why.
            let _ = send.send(some).await;
            let there = if are_new { HashMap::new() } else { self.there(tx, ids, numbers).await? };
            let Some(rows) = receive.recv().await else { break };
            done += rows.len() as u64;
            let (mut resets, mut waiting) = (Vec::new(), Vec::new());
            for row in rows {
                match trial.as_deref_mut() {
                    None => waiting.push(row),
                    Some(trial) => self.try_row(tx, &there, row, trial).await?,
                }
            }
            self.write_rows(tx, &there, waiting, &mut resets).await?;
            self.reset_secrets(tx, resets).await?;
            self.import.progress.set(done);
        }
        drop(send);
        worker.await?
    }

    /// The records that rows change.
    async fn there(&self, tx: &mut Tx<'_>, ids: Vec<Value>, numbers: (u64, u64)) -> Result<HashMap<Uuid, Record>> {
        let mut there = records::with_ids(tx.db, self.desc, self.import.org, &ids).await?;
        self.stage.as_before(tx.db, numbers, &mut there).await?;
        Ok(there.into_iter().map(|r| (r.meta.id, r)).collect())
    }

    /// Writes a row, and takes that back where the database refuses it.
    async fn try_row(
        &mut self,
        tx: &mut Tx<'_>,
        there: &HashMap<Uuid, Record>,
        row: Picked,
        trial: &mut Trial<'_>,
    ) -> Result<()> {
        let (number, late) = (row.0.number, trial.late);
        let savepoint = tx.savepoint().await?;
        let written = async {
            let mut resets = Vec::new();
            self.write_rows(tx, there, vec![row], &mut resets).await?;
            self.reset_secrets(tx, resets).await?;
            tx.flush().await?;
            tx.refuse_defining().await?;
            late.check(tx.db).await
        };
        match written.await {
            Ok(()) => Ok(tx.release(savepoint).await?),
            Err(Error::Problem(problem)) if problem.rule.is_some() => {
                tx.roll_back_to(savepoint).await?;
                trial.refused.push((number, *problem));
                Ok(())
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Writes what rows say: changes, many at a time, or new organisations. What gets another key is written when those before
    /// it have theirs: one may get what another has until then.
    async fn write_rows(
        &mut self,
        tx: &mut Tx<'_>,
        there: &HashMap<Uuid, Record>,
        rows: Vec<Picked>,
        resets: &mut Vec<SecretReset>,
    ) -> Result<()> {
        let mut waiting: Vec<RowChange> = Vec::new();
        for (verdict, values, given) in rows {
            let before = there.get(&verdict.id);
            if self.import.org.is_none() && before.is_none() {
                self.create_org(tx, &verdict, values).await?;
                continue;
            }
            let before = before.ok_or_else(|| anyhow::anyhow!("a record went away under the lock"))?;
            let after = self.changed_by(before, values, tx.at())?;
            if !after.is_active() && before.is_active() {
                self.report.leaving.push(before.clone());
            }
            let telling = telling_of(before, &after)?;
            let has_key = self.desc.all_keys().flat_map(|key| key.parts().collect::<Vec<_>>());
            let gets_key = has_key.into_iter().any(|f| before.get(f.column) != after.get(f.column));
            let is_other = waiting.last().is_some_and(|w| w.telling != telling);
            if gets_key || is_other {
                self.write_changes(tx, std::mem::take(&mut waiting), resets).await?;
            }
            if gets_key {
                former::taken_again(tx, before, &after).await?;
            }
            waiting.push(RowChange { number: verdict.number, before: before.clone(), after, telling, given });
            if gets_key {
                self.write_changes(tx, std::mem::take(&mut waiting), resets).await?;
            }
        }
        self.write_changes(tx, waiting, resets).await
    }

    /// Writes changes that are told alike.
    async fn write_changes(
        &mut self,
        tx: &mut Tx<'_>,
        rows: Vec<RowChange>,
        resets: &mut Vec<SecretReset>,
    ) -> Result<()> {
        let Some(telling) = rows.first().map(|w| w.telling.clone()) else { return Ok(()) };
        let changes = rows.iter().map(|w| (w.before.clone(), w.after.clone())).collect();
        let written = tx.update_all(changes, &telling).await?;
        let now = rows.iter().zip(&written).map(|(w, record)| (record.as_ref().unwrap_or(&w.before).clone(), w.number));
        let lists = match self.plan.lists.is_empty() {
            true => rows.iter().map(|_| Vec::new()).collect(),
            false => self.set_lists(tx, &now.collect::<Vec<_>>()).await?,
        };
        for ((RowChange { before, given, .. }, changed), lists) in rows.into_iter().zip(written).zip(lists) {
            if (self.loses)(&before, changed.as_ref().unwrap_or(&before), tx.at()) {
                self.losing.push(before.meta.id);
            }
            let changed = changed.or_else(|| (!lists.is_empty()).then(|| before.clone()));
            self.tell_changed(&before, changed.as_ref(), lists);
            match given.filter(|_| self.import.resets_secrets) {
                Some(given) => {
                    let is_changed = changed.is_some();
                    resets.push(SecretReset { owner: changed.unwrap_or(before), given, is_changed });
                }
                None if changed.is_some() => self.report.updated += 1,
                None => self.report.unchanged += 1,
            }
        }
        Ok(())
    }

    /// A new organisation: its number is the next.
    async fn create_org(&mut self, tx: &mut Tx<'_>, verdict: &ResolvedRow, values: Given) -> Result<()> {
        let org = tx.new_org_number().await?;
        let mut record = blank(tx, self.desc, org, verdict.id, &self.plan.context)?;
        for (field, value) in values {
            record.set(field.column, value);
        }
        self.plan.tolerate(&mut record, None);
        tx.insert_later(self.desc, org, verdict.id, record.values).await?;
        self.founded.push((org, verdict.id));
        self.report.created += 1;
        Ok(())
    }

    /// A record as a row changes it.
    fn changed_by(&self, before: &Record, values: Given, now: DateTime<Utc>) -> Result<Record> {
        let says = |column: &str| values.iter().any(|(f, v)| f.column == column && !v.is_null());
        let flags = self.desc.fields.iter().filter_map(|f| Some((f, f.ends()?)));
        let said: Vec<_> = flags.map(|(f, end)| (f, end, says(f.column), says(end))).collect();
        let mut after = before.clone();
        for (field, value) in values.into_iter().filter(|(f, v)| !self.plan.is_former_key(before, f, v)) {
            after.set(field.column, value);
        }
        after.stays_about(before)?;
        after.complete_move(before, now)?;
        self.plan.tolerate(&mut after, Some(before));
        for (flag, end, _, says_end) in said.into_iter().filter(|(.., is_said, says_end)| *is_said || *says_end) {
            settle_ended(before, &mut after, (flag, end), says_end, now);
        }
        Ok(after)
    }

    /// Notes what a row changed, for the report of a file that is the whole truth.
    fn tell_changed(&mut self, before: &Record, changed: Option<&Record>, lists: Vec<&'static str>) {
        let Some(changed) = changed.filter(|_| self.import.whole.is_some() && self.report.changed.len() < TOLD) else {
            return;
        };
        let fields = self.desc.fields.iter().filter(|f| before.get(f.column) != changed.get(f.column));
        let fields: Vec<&str> = fields.map(Field::name).chain(lists).collect();
        self.report.changed.push(format!("{}: {}", changed.title(), fields.join(", ")));
    }
}

/// What a row changes: its number, the record before and after, how that is told, and what it says of a credential.
struct RowChange {
    number: u64,
    before: Record,
    after: Record,
    telling: ChangeNote,
    given: Option<GivenSecret>,
}

/// A flag that has ended by itself, such as a block, is none. A row that says `blocked` blocks anew, without an end where it
/// names none; one that says there is no block, or one that has ended, says nothing new. One that has ended lifts none that
/// holds.
fn settle_ended(before: &Record, after: &mut Record, (flag, end): (&Field, &str), says_end: bool, now: DateTime<Utc>) {
    let has_ended = |r: &Record| r.get(end).as_time().is_some_and(|at| at <= now);
    if !before.is_true(flag.column) {
        return;
    }
    let is_none = !after.is_true(flag.column);
    let holds = !has_ended(before);
    if holds && (is_none || !says_end || !has_ended(after)) {
        return;
    }
    if is_none || (says_end && has_ended(after)) {
        let of_flag = |f: &&Field| f.column == flag.column || f.tells_of() == Some(flag.column);
        for field in before.desc.fields.iter().filter(of_flag) {
            after.set(field.column, before.get(field.column).clone());
        }
    } else if !says_end {
        after.set(end, Value::Null(ValueType::Time));
    }
}

/// What a row does to a record that is there: a change of its state has a word of its own, a move the one that its verb has.
fn telling_of(before: &Record, after: &Record) -> Result<ChangeNote> {
    Ok(after.moved_from(before)?.map_or_else(|| action_of(before, after).into(), ChangeNote::of_move))
}

/// That it is in use or not comes first.
fn action_of(before: &Record, after: &Record) -> Action {
    let became = |f: &Field| {
        let (on, off) = f.recorded()?;
        let (old, new) = (before.is_true(f.column), after.is_true(f.column));
        (old != new).then_some(if new { on } else { off })
    };
    let desc = before.desc;
    let of_use = desc.field(IS_ACTIVE).and_then(became);
    of_use.or_else(|| desc.fields.iter().find_map(became)).unwrap_or(Action::Update)
}

impl Run<'_> {
    /// Sets the secrets of those that are there, where the file says others than they have.
    pub(super) async fn reset_secrets(&mut self, tx: &mut Tx<'_>, resets: Vec<SecretReset>) -> Result<()> {
        let plan = Arc::clone(&self.plan);
        let Some(secrets) = &plan.secrets else { return Ok(()) };
        let mut wanted = Vec::new();
        for SecretReset { owner, given, is_changed } in resets {
            let present = secrets.keeper.present(tx, &owner).await?;
            let is_same = match (&given, &present) {
                (GivenSecret::Hash(hash), Some(present)) => hash.text() == present.text(),
                (GivenSecret::Clear(secret), Some(present)) => present.verify(secret),
                (_, None) => false,
            };
            if is_changed || !is_same {
                self.report.updated += 1;
            } else {
                self.report.unchanged += 1;
            }
            // A hash that nothing matches shuts its owner out.
            if let GivenSecret::Hash(hash) = &given
                && !hash.is_usable()
                && present.is_some_and(|p| p.is_usable())
                && secrets.keeper.needs(&owner, tx)
            {
                self.losing.push(owner.meta.id);
            }
            if !is_same {
                wanted.push((owner, given));
            }
        }
        let salts = tx.salts(wanted.len());
        let (owners, given): (Vec<Record>, Vec<GivenSecret>) = wanted.into_iter().unzip();
        let given = given.into_iter().map(Some).zip(salts).collect();
        let hashing = Arc::clone(&plan);
        let hash_all = move || hashing.secrets.as_ref().map(|s| s.hash_all(given)).unwrap_or_default();
        let hashes = spawn_blocking(hash_all).await?;
        for (owner, hash) in owners.iter().zip(hashes.into_iter().flatten()) {
            secrets.keeper.set(tx, owner, &hash, secrets.rules.remembered).await?;
        }
        Ok(())
    }
}
