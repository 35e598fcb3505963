//! Records that are made, changed, deleted, brought back and purged: each row with its audit record.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::row_writer::{Rewritten, TOGETHER, stale};
use super::{Tx, authorizer};
use crate::model::resource::{Descriptor, Meta, Record};
use crate::model::trail::audit::{self, Action, ChangeNote, Effect, Event, Payload};
use crate::model::values::value::Value;
use crate::store::records::{self, holds, keys, subjects};
use crate::store::{Error, Result};

impl Tx<'_> {
    /// Reads a record as it is now, under the lock.
    pub async fn load(&mut self, desc: &'static Descriptor, org: i32, id: Uuid) -> Result<Option<Record>> {
        records::load(self.db, desc, org, id).await
    }

    /// The reserved organisation, once `init` has made it.
    pub async fn load_system(&mut self) -> Result<Option<Record>> {
        let desc = <crate::model::kinds::org::Org as crate::model::resource::Resource>::DESCRIPTOR;
        Ok(records::load_where(self.db, desc, "t.org_id = 0", Vec::new()).await?.into_iter().next())
    }

    /// Writes a new record.
    pub async fn insert(
        &mut self,
        desc: &'static Descriptor,
        org: i32,
        id: Uuid,
        values: Vec<Value>,
    ) -> Result<Record> {
        let record = self.insert_later(desc, org, id, values).await?;
        self.flush().await?;
        Ok(record)
    }

    /// As [`Tx::insert`], but the row waits to be written together with others; until then reads don't see it.
    /// [`Tx::flush`], every other write and the commit write what waits.
    pub async fn insert_later(
        &mut self,
        desc: &'static Descriptor,
        org: i32,
        id: Uuid,
        values: Vec<Value>,
    ) -> Result<Record> {
        let meta = Meta::new(org, id, self.at(), self.actor().await?);
        self.insert_record_later(Record::new(desc, meta, values)).await
    }

    /// Makes many records; what they are called by others is found together.
    pub async fn insert_all(&mut self, mut records: Vec<Record>) -> Result<Vec<Record>> {
        let by = self.actor().await?;
        self.flush().await?;
        keys::tell(self.db, &mut records).await?;
        let mut made = Vec::with_capacity(records.len());
        for mut record in records {
            record.meta = Meta::new(record.meta.org_id, record.meta.id, self.at(), by);
            made.push(self.insert_record_later(record).await?);
        }
        self.flush().await?;
        Ok(made)
    }

    /// As [`Tx::insert_later`], of a record whose meta data are made.
    pub async fn insert_record_later(&mut self, record: Record) -> Result<Record> {
        let record = self.insert_row_later(record).await?;
        for link in self.first_links(&record).await? {
            self.insert_row_later(link).await?;
        }
        Ok(record)
    }

    /// Writes a new record; what is recorded of it says more.
    pub async fn insert_telling(&mut self, mut record: Record, telling: ChangeNote) -> Result<()> {
        let by = self.actor().await?;
        (record.meta.created_by, record.meta.updated_by) = (by, by);
        self.insert_row_telling(record, telling).await?;
        self.flush().await
    }

    async fn insert_row_later(&mut self, record: Record) -> Result<Record> {
        self.insert_row_telling(record, Action::Create.into()).await
    }

    async fn insert_row_telling(&mut self, mut record: Record, telling: ChangeNote) -> Result<Record> {
        let (desc, org) = (record.desc, record.meta.org_id);
        record.meta.request_id = desc.stays().then(|| self.request_id());
        record.begins(true)?;
        self.protection.keep(None, Some(&record))?;
        self.asked.may_draw_in(self.db, &record).await?;
        self.asked.may_make(&record)?;
        if let Some(bound) = self.bound() {
            self.bounded.placing(self.db, &bound, authorizer::moved(&record, None)).await?;
            self.bounded.made(&bound, &record)?;
        }
        let record = self.called(record).await?;
        // What is named by others does not tell its key among its own values.
        let key = desc.key_field().is_none().then(|| record.key());
        let ChangeNote { action, details } = telling;
        let payload = Payload { key, new: Some(audit::set_fields(&record)), details, ..Payload::default() };
        let event = self.event_of(&record, action, Effect::Create).await?;
        self.audit.append(self.db, org, event, payload).await?;
        self.references.note(None, &record);
        if self.rows.add(record.clone()) {
            self.flush().await?;
        }
        Ok(record)
    }

    /// Finds what a record is called by others, where that is not known.
    async fn called(&mut self, record: Record) -> Result<Record> {
        if record.is_called() {
            return Ok(record);
        }
        self.flush().await?;
        let mut record = record;
        keys::tell(self.db, std::slice::from_mut(&mut record)).await?;
        Ok(record)
    }

    /// Writes the rows and audit records that wait.
    pub async fn flush(&mut self) -> Result<()> {
        self.rows.flush(self.db).await?;
        self.audit.flush(self.db).await
    }

    /// Writes what differs between two states of a record. Nothing differs: nothing is written, and `None`.
    pub async fn update(
        &mut self,
        before: &Record,
        after: Record,
        telling: impl Into<ChangeNote>,
    ) -> Result<Option<Record>> {
        let changed = self.update_all(vec![(before.clone(), after)], &telling.into()).await?;
        Ok(changed.into_iter().next().flatten())
    }

    /// The same of many of a kind, with a statement for many of them. None gets a key, or what only one may have, that
    /// another one of them has before: which is written first nobody can tell.
    pub async fn update_all(
        &mut self,
        changes: Vec<(Record, Record)>,
        telling: &ChangeNote,
    ) -> Result<Vec<Option<Record>>> {
        self.update_each(changes, telling, Vec::new()).await
    }

    /// The same, where the record of each says something more of its own.
    pub async fn update_each(
        &mut self,
        changes: Vec<(Record, Record)>,
        telling: &ChangeNote,
        details: Vec<Map<String, Json>>,
    ) -> Result<Vec<Option<Record>>> {
        let mut changed = Vec::with_capacity(changes.len());
        let (mut changes, mut details) = (changes.into_iter(), details.into_iter());
        loop {
            let some: Vec<(Record, Record)> = changes.by_ref().take(TOGETHER).collect();
            if some.is_empty() {
                break;
            }
            let own: Vec<Map<String, Json>> = details.by_ref().take(some.len()).collect();
            changed.extend(self.update_some(some, telling, &own).await?);
        }
        self.flush().await?;
        Ok(changed)
    }

    async fn update_some(
        &mut self,
        some: Vec<(Record, Record)>,
        telling: &ChangeNote,
        own: &[Map<String, Json>],
    ) -> Result<Vec<Option<Record>>> {
        let (mut rows, mut payloads) = (Vec::new(), Vec::new());
        let mut changes: Vec<(Record, Record)> = Vec::with_capacity(some.len());
        let mut places = Vec::new();
        for (place, (before, after)) in some.into_iter().enumerate() {
            let (old, new) = audit::changed_fields(&before, &after);
            // What links tell of it is theirs to record.
            if !new.is_empty() {
                after.moved_from(&before)?;
                // The key that the record had: a rename shows it as the old value.
                let mut details = telling.details.clone();
                details.extend(own.get(place).cloned().unwrap_or_default());
                payloads.push(Payload { key: Some(before.key()), old: Some(old), new: Some(new), details });
                rows.push((before.clone(), after.clone()));
                places.push(place);
            }
            changes.push((before, after));
        }
        let mut written: Vec<Record> =
            self.replace_all(rows, Effect::Update).await?.into_iter().map(|w| w.after).collect();
        keys::tell(self.db, &mut written).await?;
        let subjects = self.subjects_of(written.iter()).await?;
        for (((after, payload), subject), place) in written.into_iter().zip(payloads).zip(subjects).zip(&places) {
            self.references.note(Some(&changes[*place].0), &after);
            let event = about(Event::of(&after, telling.action, Effect::Update), subject);
            self.append_later(after.meta.org_id, event, payload).await?;
            changes[*place].1 = after;
        }
        let moved = self.move_firsts(&changes, telling).await?;
        let mut is_row = vec![false; changes.len()];
        for place in places {
            is_row[place] = true;
        }
        let changed = changes.into_iter().zip(is_row.into_iter().zip(moved));
        Ok(changed.map(|((_, after), (is_row, moved))| (is_row || moved).then_some(after)).collect())
    }

    /// Writes rows of one kind that differ from what they were, with a statement for all of them.
    async fn replace_all(&mut self, changes: Vec<(Record, Record)>, effect: Effect) -> Result<Vec<Rewritten>> {
        let by = self.actor().await?;
        self.flush().await?;
        let rows: Vec<_> = changes.iter().map(|(before, after)| (before, Some(after))).collect();
        self.asked.may_change(self.db, &rows, effect).await?;
        if let Some(bound) = self.bound() {
            let is_back = |(before, after): &&(Record, Record)| !before.is_live() && after.is_live();
            self.bounded.brought_back(changes.iter().filter(is_back).map(|(_, after)| after.meta.id));
            let moved = changes.iter().filter_map(|(before, after)| authorizer::moved(after, Some(before)));
            self.bounded.placing(self.db, &bound, moved).await?;
            self.bounded.changing(self.db, &bound, &rows).await?;
        }
        let mut written = Vec::with_capacity(changes.len());
        for (before, mut after) in changes {
            self.protection.keep(Some(&before), Some(&after))?;
            after.meta.version = before.meta.version + 1;
            after.meta.updated_at = self.at();
            after.meta.updated_by = by;
            written.push(Rewritten::of(before, after));
        }
        let rows = written.iter().map(Rewritten::changing);
        self.super_admins.before(self.db, rows, self.audit.at).await?;
        self.rows.rewrite(self.db, &written).await?;
        Ok(written)
    }

    /// Whose data some records of one kind hold that tell it through others.
    async fn subjects_of(&mut self, records: impl Iterator<Item = &Record>) -> Result<Vec<Option<Uuid>>> {
        let mut wanted: BTreeMap<i32, BTreeSet<Uuid>> = BTreeMap::new();
        let (mut holders, mut kind) = (Vec::new(), None);
        for record in records {
            let holder = record.desc.subject_holder().map(|(field, holder)| {
                kind = Some(holder);
                (record.meta.org_id, record.get(field.column).as_uuid().unwrap_or_default())
            });
            if let Some((org, id)) = holder {
                wanted.entry(org).or_default().insert(id);
            }
            holders.push(holder);
        }
        let Some(kind) = kind else { return Ok(vec![None; holders.len()]) };
        let mut known: HashMap<(i32, Uuid), Uuid> = HashMap::new();
        for (org, ids) in wanted {
            let found = subjects::of(self.db, kind, org, ids.into_iter()).await?;
            known.extend(found.into_iter().map(|(id, subject)| ((org, id), subject)));
        }
        Ok(holders.into_iter().map(|h| h.map(|h| known.get(&h).copied().unwrap_or_default())).collect())
    }

    /// Soft delete: the record goes under `deletion`, with all that goes with it.
    pub async fn delete(&mut self, before: &Record, deletion: Uuid) -> Result<Record> {
        let gone = self.delete_as(vec![(before.clone(), deletion)], Action::Delete, None).await?;
        gone.into_iter().next().ok_or_else(|| Error::bug("a row was not written"))
    }

    /// The same of many that go together, with a statement for many of a kind.
    pub async fn delete_all(&mut self, records: &[Record], deletion: Uuid) -> Result<()> {
        for some in records.chunk_by(|a, b| a.desc == b.desc) {
            self.delete_each(some.iter().map(|r| (r.clone(), deletion)).collect()).await?;
        }
        Ok(())
    }

    /// The same of many of a kind, each under a deletion of its own.
    pub async fn delete_each(&mut self, records: Vec<(Record, Uuid)>) -> Result<()> {
        let mut records = records.into_iter();
        loop {
            let some: Vec<(Record, Uuid)> = records.by_ref().take(TOGETHER).collect();
            if some.is_empty() {
                return Ok(());
            }
            self.delete_as(some, Action::Delete, None).await?;
        }
    }

    /// A record under a deletion; one that is deleted already stays so, since when and by whom it was.
    fn as_deleted(&self, before: &Record, deletion: Uuid, by: i64) -> Record {
        let mut after = before.clone();
        after.meta.deleted_at = before.meta.deleted_at.or(Some(self.at()));
        after.meta.deleted_by = before.meta.deleted_by.or(Some(by));
        after.meta.deletion_id = Some(deletion);
        after
    }

    /// Deletes a record whose part another takes from now on. Its own record names that one as the subject, so that all that
    /// was recorded of the one is found with the other.
    pub async fn delete_merged(&mut self, before: &Record, deletion: Uuid, into: &Record) -> Result<()> {
        self.delete_as(vec![(before.clone(), deletion)], Action::Merge, Some(into)).await.map(drop)
    }

    /// Deletes records of one kind, each under a deletion. One that is deleted already stays so, when and by whom it was, and
    /// comes back with that.
    async fn delete_as(
        &mut self,
        some: Vec<(Record, Uuid)>,
        action: Action,
        into: Option<&Record>,
    ) -> Result<Vec<Record>> {
        let by = self.actor().await?;
        if let (Some(into), Some(bound)) = (into, self.bound()) {
            self.bounded.takes_over(self.db, &bound, into).await?;
        }
        let changes = some.into_iter().map(|(before, deletion)| {
            let after = self.as_deleted(&before, deletion, by);
            (before, after)
        });
        let written = self.replace_all(changes.collect(), Effect::Delete).await?;
        let subjects = self.subjects_of(written.iter().map(|w| &w.after)).await?;
        let mut gone = Vec::with_capacity(written.len());
        for (Rewritten { before, after, .. }, subject) in written.into_iter().zip(subjects) {
            let mut payload = payload_of_deletion(&before, after.meta.deletion_id.unwrap_or_default());
            let mut event = about(Event::of(&after, action, Effect::Delete), subject);
            if let Some(into) = into {
                payload.details.insert("merged_into".into(), into.meta.id.to_string().into());
                event = event.about(into.subject());
            }
            self.append_later(after.meta.org_id, event, payload).await?;
            gone.push(after);
        }
        self.flush().await?;
        Ok(gone)
    }

    /// Brings a soft-deleted record back.
    pub async fn restore(&mut self, before: &Record) -> Result<Record> {
        let back = self.restore_all(vec![before.clone()]).await?;
        back.into_iter().next().ok_or_else(|| Error::bug("a row was not written"))
    }

    /// The same of many of a kind, with a statement for many of them.
    pub async fn restore_all(&mut self, records: Vec<Record>) -> Result<Vec<Record>> {
        let mut back = Vec::with_capacity(records.len());
        let mut records = records.into_iter();
        loop {
            let changes: Vec<(Record, Record)> = records.by_ref().take(TOGETHER).map(as_restored).collect();
            if changes.is_empty() {
                break;
            }
            let written = self.replace_all(changes, Effect::Restore).await?;
            let subjects = self.subjects_of(written.iter().map(|w| &w.after)).await?;
            for (Rewritten { before, after, .. }, subject) in written.into_iter().zip(subjects) {
                self.references.note_restored(&after);
                let was = audit::whole_row(&before);
                let old = ["deleted_at", "deleted_by", "deletion_id"].map(|k| (k.to_owned(), was[k].clone()));
                let old = Some(old.into_iter().collect());
                let payload = Payload { key: Some(before.key()), old, ..Payload::default() };
                let event = about(Event::of(&after, Action::Restore, Effect::Restore), subject);
                self.append_later(after.meta.org_id, event, payload).await?;
                back.push(after);
            }
        }
        self.flush().await?;
        Ok(back)
    }

    /// Removes a soft-deleted record for good. Its history stays.
    pub async fn purge(&mut self, record: &Record) -> Result<()> {
        self.purge_all(std::slice::from_ref(record)).await
    }

    /// The same of many of a kind, with a statement for many of them.
    pub async fn purge_all(&mut self, records: &[Record]) -> Result<()> {
        let is_like = |a: &Record, b: &Record| a.meta.org_id == b.meta.org_id;
        for some in records.chunk_by(is_like).flat_map(|same| same.chunks(TOGETHER)) {
            self.purge_some(some).await?;
        }
        self.flush().await
    }

    async fn purge_some(&mut self, some: &[Record]) -> Result<()> {
        let now = self.at();
        holds::held(self.db, some, now).await?.map_or(Ok(()), Err)?;
        for record in some {
            let desc = record.desc;
            self.protection.keep(Some(record), None)?;
            // What nothing is recorded of goes as it is; what is an organisation's own is never gone before that.
            if record.is_live() && desc.is_recorded() && !desc.is_of_the_org {
                return Err(stale(record).into());
            }
        }
        self.flush().await?;
        let rows: Vec<_> = some.iter().map(|record| (record, None)).collect();
        self.asked.may_change(self.db, &rows, Effect::Purge).await?;
        if let Some(bound) = self.bound() {
            self.bounded.changing(self.db, &bound, &rows).await?;
        }
        self.destroy_keys_of(some).await?;
        self.rows.remove(self.db, some).await?;
        let subjects = self.subjects_of(some.iter()).await?;
        for (record, subject) in some.iter().zip(subjects) {
            let old = Some(audit::whole_row(record));
            let details = self.keys_gone_with(record).into_iter().collect();
            let payload = Payload { key: Some(record.key()), old, details, ..Payload::default() };
            let event = about(Event::of(record, Action::Purge, Effect::Purge), subject);
            self.append_later(record.meta.org_id, event, payload).await?;
        }
        Ok(())
    }
}

/// What is recorded of a change, about whom it is where another record tells that.
fn about(event: Event<'_>, subject: Option<Uuid>) -> Event<'_> {
    match subject {
        Some(subject) => event.about(subject),
        None => event,
    }
}

fn as_restored(before: Record) -> (Record, Record) {
    let mut after = before.clone();
    after.meta.deleted_at = None;
    after.meta.deleted_by = None;
    after.meta.deletion_id = None;
    (before, after)
}

/// What is told of a deletion: the whole row, so that the past can be rebuilt.
fn payload_of_deletion(before: &Record, deletion: Uuid) -> Payload {
    let mut payload = Payload { key: Some(before.key()), old: Some(audit::whole_row(before)), ..Payload::default() };
    payload.details.insert("deletion_id".into(), deletion.to_string().into());
    payload
}
