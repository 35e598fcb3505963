//! The second time through a file, row by row: changes, and new organisations, of which each has a tree of its own.

use std::sync::Arc;

use anyhow::Result;
use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::probe::{self, Trial};
use super::rows::{self, Picked};
use super::run::Run;
use super::secrets::SecretReset;
use super::{CHANNEL_DEPTH, TOLD};
use crate::crud::former;
use crate::crud::write::blank;
use crate::model::problem::Problem;
use crate::model::resource::{Field, IS_ACTIVE, Record};
use crate::model::trail::audit::{Action, ChangeNote};
use crate::model::values::value::{Value, ValueType};
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
            let there = if are_new { Vec::new() } else { self.there(tx, ids, numbers).await? };
            let Some(rows) = receive.recv().await else { break };
            done += rows.len() as u64;
            let mut resets = Vec::new();
            for row in rows {
                match trial.as_deref_mut() {
                    None => self.write_row(tx, &there, row, &mut resets).await?,
                    Some(trial) => self.try_row(tx, &there, row, trial).await?,
                }
            }
            self.reset_secrets(tx, resets).await?;
            self.import.progress.set(done);
        }
        drop(send);
        worker.await?
    }

    /// The records that rows change.
    async fn there(&self, tx: &mut Tx<'_>, ids: Vec<Value>, numbers: (u64, u64)) -> Result<Vec<Record>> {
        let mut there = records::with_ids(tx.db, self.desc, self.import.org, &ids).await?;
        self.stage.as_before(tx.db, numbers, &mut there).await?;
        Ok(there)
    }

    /// Writes a row, and takes that back where the database refuses it.
    async fn try_row(&mut self, tx: &mut Tx<'_>, there: &[Record], row: Picked, trial: &mut Trial<'_>) -> Result<()> {
        let (number, late) = (row.0.number, trial.late);
        let savepoint = tx.savepoint().await?;
        let written = async {
            let mut resets = Vec::new();
            self.write_row(tx, there, row, &mut resets).await?;
            self.reset_secrets(tx, resets).await?;
            tx.flush().await?;
            tx.refuse_defining().await?;
            late.check(tx.db).await
        };
        match written.await {
            Ok(()) => tx.release(savepoint).await,
            Err(e) if probe::is_about_a_row(&e) => {
                tx.roll_back_to(savepoint).await?;
                trial.refused.push((number, e.downcast::<Problem>()?));
                Ok(())
            }
            Err(e) => Err(e),
        }
    }

    /// Writes what one row says: a change, or a new organisation.
    async fn write_row(
        &mut self,
        tx: &mut Tx<'_>,
        there: &[Record],
        (verdict, values, secret): Picked,
        resets: &mut Vec<SecretReset>,
    ) -> Result<()> {
        let before = there.iter().find(|r| r.meta.id == verdict.id);
        if self.import.org.is_none() && before.is_none() {
            return self.create_org(tx, &verdict, values).await;
        }
        let before = before.ok_or_else(|| anyhow::anyhow!("a record went away under the lock"))?;
        let after = self.changed_by(before, values, tx.at())?;
        if !after.is_active() && before.is_active() {
            self.report.leaving.push(before.clone());
        }
        let telling = telling_of(before, &after)?;
        former::taken_again(tx, before, &after).await?;
        let changed = tx.update(before, after, telling).await?;
        let now = changed.as_ref().unwrap_or(before);
        if (self.loses)(before, now, tx.at()) {
            self.losing.push(before.meta.id);
        }
        let lists = self.set_lists(tx, now, verdict.number).await?;
        let changed = changed.or_else(|| (!lists.is_empty()).then(|| before.clone()));
        self.tell_changed(before, changed.as_ref(), lists);
        match secret.filter(|_| self.import.resets_secrets) {
            Some(given) => {
                let is_changed = changed.is_some();
                resets.push(SecretReset { owner: changed.unwrap_or_else(|| before.clone()), given, is_changed });
            }
            None if changed.is_some() => self.report.updated += 1,
            None => self.report.unchanged += 1,
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
