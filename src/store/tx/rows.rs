//! Rows one by one, each with its audit record.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::{BATCH, TOGETHER, Tx};
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Meta, Record};
use crate::model::search as words;
use crate::model::trail::audit::{self, Action, ChangeNote, Effect, Event, Payload};
use crate::model::values::value::Value;
use crate::store::engine::sql::{Sql, quoted};
use crate::store::records::touched::{Columns, Touched};
use crate::store::records::{self, keys, search, subjects};
use crate::store::trail::appender;
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
        let meta = Meta::new(org, id, self.at, self.actor().await?);
        self.insert_record_later(Record::new(desc, meta, values)).await
    }

    /// Makes many records; what they are called by others is found together.
    pub async fn insert_all(&mut self, mut records: Vec<Record>) -> Result<Vec<Record>> {
        let by = self.actor().await?;
        self.flush().await?;
        keys::tell(self.db, &mut records).await?;
        let mut made = Vec::with_capacity(records.len());
        for mut record in records {
            record.meta = Meta::new(record.meta.org_id, record.meta.id, self.at, by);
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
    pub async fn insert_telling(&mut self, record: Record, telling: ChangeNote) -> Result<()> {
        self.insert_row_telling(record, telling).await?;
        self.flush().await
    }

    async fn insert_row_later(&mut self, record: Record) -> Result<Record> {
        self.insert_row_telling(record, Action::Create.into()).await
    }

    async fn insert_row_telling(&mut self, mut record: Record, telling: ChangeNote) -> Result<Record> {
        let (desc, (org, id)) = (record.desc, record.meta.record_id());
        record.meta.request_id = desc.stays().then(|| self.request_id());
        record.begins(true)?;
        self.keep_protected(None, Some(&record))?;
        self.may_make(&record)?;
        let record = self.called(record).await?;
        // What is named by others does not tell its key among its own values.
        let key = desc.key_field().is_none().then(|| record.key());
        let ChangeNote { action, details } = telling;
        let payload = Payload { key, new: Some(audit::set_fields(&record)), details, ..Payload::default() };
        let event = self.event_of(&record, action, Effect::Create).await?;
        self.prepare(org, event, payload).await?;
        self.note_references(None, &record);
        self.waiting_rows.push(record.clone());
        self.touched.push(Touched { desc, org, id, columns: Columns::of_new(desc) });
        if self.waiting_rows.len() >= BATCH {
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
        let rows = std::mem::take(&mut self.waiting_rows);
        for same in rows.chunk_by(|a, b| a.desc == b.desc) {
            self.write_rows(same).await?;
        }
        let records = std::mem::take(&mut self.waiting_audit);
        for some in records.chunks(TOGETHER) {
            let columns: Vec<&str> = appender::COLUMNS.iter().map(|(name, _)| *name).collect();
            let text = format!("insert into audit_records ({}) values ", columns.join(", "));
            let mut sql = Sql::bulk(text, self.db.engine());
            for (i, values) in some.iter().enumerate() {
                sql.push(if i == 0 { "" } else { ", " }).bind_list(values.iter().cloned());
            }
            self.db.execute(sql).await?;
        }
        Ok(())
    }

    /// Writes new rows of one kind and their search words.
    pub(super) async fn write_rows(&mut self, rows: &[Record]) -> Result<()> {
        let Some(desc) = rows.first().map(|r| r.desc) else { return Ok(()) };
        let mut names: Vec<String> = records::stored_columns(desc).iter().map(|(name, _)| quoted(name)).collect();
        let words_in_row = self.db.is_postgres() && desc.is_searchable();
        if words_in_row {
            names.push("search".into());
        }
        let text = format!("insert into {} ({}) values ", desc.table, names.join(", "));
        let mut sql = Sql::bulk(text, self.db.engine());
        for (i, row) in rows.iter().enumerate() {
            let mut places: Vec<String> = records::stored_values(row.clone()).into_iter().map(|v| sql.arg(v)).collect();
            if words_in_row {
                places.push(format!("cast({} as tsvector)", sql.arg(words::words_of(row))));
            }
            sql.push(if i == 0 { "(" } else { ", (" }).push(&places.join(", ")).push(")");
        }
        self.db.execute(sql).await?;
        search::add(self.db, rows).await
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
        let mut changed = Vec::with_capacity(changes.len());
        let mut changes = changes.into_iter();
        loop {
            let some: Vec<(Record, Record)> = changes.by_ref().take(TOGETHER).collect();
            if some.is_empty() {
                break;
            }
            changed.extend(self.update_some(some, telling).await?);
        }
        self.flush().await?;
        Ok(changed)
    }

    async fn update_some(&mut self, some: Vec<(Record, Record)>, telling: &ChangeNote) -> Result<Vec<Option<Record>>> {
        let (mut rows, mut payloads) = (Vec::new(), Vec::new());
        let mut changes: Vec<(Record, Record)> = Vec::with_capacity(some.len());
        let mut places = Vec::new();
        for (place, (before, after)) in some.into_iter().enumerate() {
            let (old, new) = audit::changed_fields(&before, &after);
            // What links tell of it is theirs to record.
            if !new.is_empty() {
                after.moved_from(&before)?;
                // The key that the record had: a rename shows it as the old value.
                let details = telling.details.clone();
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
            self.note_references(Some(&changes[*place].0), &after);
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
        self.may_change(&changes.iter().map(|(before, after)| (before, Some(after))).collect::<Vec<_>>(), effect)
            .await?;
        let mut written = Vec::with_capacity(changes.len());
        for (before, mut after) in changes {
            self.keep_protected(Some(&before), Some(&after))?;
            after.meta.version = before.meta.version + 1;
            after.meta.updated_at = self.at;
            after.meta.updated_by = by;
            written.push(Rewritten::of(before, after));
        }
        self.flush().await?;
        if !written.is_empty() {
            self.rewrite(&written).await?;
        }
        let touched = |w: &Rewritten| {
            let (desc, (org, id)) = (w.after.desc, w.after.meta.record_id());
            Touched { desc, org, id, columns: w.columns() }
        };
        self.touched.extend(written.iter().map(touched));
        Ok(written)
    }

    /// Writes every column in which one of some rows differs; what all of them have then is told once.
    async fn rewrite(&mut self, some: &[Rewritten]) -> Result<()> {
        let desc = some[0].after.desc;
        let columns = records::stored_columns(desc);
        let places: BTreeSet<usize> = some.iter().flat_map(|w| w.places.iter().copied()).collect();
        let places = places.into_iter().filter(|place| columns[*place].0 != VERSION);
        let is_one = |place: &usize| some.iter().all(|w| w.stored[*place] == some[0].stored[*place]);
        let (one, own): (Vec<usize>, Vec<usize>) = places.partition(is_one);
        let words_in_row = self.db.is_postgres() && some.iter().any(|w| w.has_new_words);
        let names: Vec<String> = own.iter().map(|place| format!(", c{place}")).collect();
        let words = if words_in_row { ", words" } else { "" };
        let text = format!("with v (org, id, seen{}{words}) as (values ", names.concat());
        let mut sql = Sql::bulk(text, self.db.engine());
        for (i, w) in some.iter().enumerate() {
            let (org, id) = w.after.meta.record_id();
            let key = [org.into(), id.into(), w.before.meta.version.into()];
            let words = words_in_row.then(|| Value::from(words::words_of(&w.after)));
            let values = own.iter().map(|place| w.stored[*place].clone());
            sql.push(if i == 0 { "" } else { ", " }).bind_list(key.into_iter().chain(values).chain(words));
        }
        sql.push(&format!(") update {} as t set version = t.version + 1", desc.table));
        for place in own {
            sql.push(&format!(", {} = v.c{place}", quoted(columns[place].0)));
        }
        for place in one {
            sql.push(&format!(", {} = ", quoted(columns[place].0))).bind(some[0].stored[place].clone());
        }
        if words_in_row {
            sql.push(", search = cast(v.words as tsvector)");
        }
        sql.push(" from v where t.org_id = v.org and t.id = v.id and t.version = v.seen");
        if self.db.execute(sql).await? != some.len() as u64 {
            return Err(self.who_is_stale(some.iter().map(|w| &w.before)).await?.into());
        }
        for w in some.iter().filter(|w| w.has_new_words && !words_in_row) {
            search::change(self.db, &w.after).await?;
        }
        Ok(())
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

    /// Which of some records is no longer as it was seen.
    async fn who_is_stale<'r>(&mut self, seen: impl Iterator<Item = &'r Record>) -> Result<Problem> {
        let mut last = None;
        for before in seen {
            let now = self.load(before.desc, before.meta.org_id, before.meta.id).await?;
            if now.is_none_or(|now| now.meta.version != before.meta.version) {
                return Ok(stale(before));
            }
            last = Some(before);
        }
        last.map(stale).ok_or_else(|| Error::bug("nothing was to be written"))
    }

    /// A record under a deletion; one that is deleted already stays so, since when and by whom it was.
    fn as_deleted(&self, before: &Record, deletion: Uuid, by: i64) -> Record {
        let mut after = before.clone();
        after.meta.deleted_at = before.meta.deleted_at.or(Some(self.at));
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
                self.restored.insert(after.meta.id);
                self.note_restored(&after);
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
        let (desc, org) = (some[0].desc, some[0].meta.org_id);
        for record in some {
            self.keep_protected(Some(record), None)?;
            // What nothing is recorded of goes as it is; what is an organisation's own is never gone before that.
            if record.is_live() && desc.is_recorded() && !desc.is_of_the_org {
                return Err(stale(record).into());
            }
        }
        self.flush().await?;
        self.may_change(&some.iter().map(|record| (record, None)).collect::<Vec<_>>(), Effect::Purge).await?;
        search::remove(self.db, some).await?;
        let is_as_seen = if desc.is_recorded() { " and x.version = v.seen" } else { "" };
        let mut sql = Sql::bulk("with v (id, seen) as (values ", self.db.engine());
        for (i, record) in some.iter().enumerate() {
            sql.push(if i == 0 { "" } else { ", " });
            sql.bind_list([Value::from(record.meta.id), record.meta.version.into()]);
        }
        sql.push(&format!(") delete from {} where org_id = ", desc.table)).bind(org);
        sql.push(&format!(" and id in (select x.id from v cross join {} x where x.org_id = ", desc.table)).bind(org);
        sql.push(&format!(" and x.id = v.id{is_as_seen})"));
        if self.db.execute(sql).await? != some.len() as u64 {
            return Err(self.who_is_stale(some.iter()).await?.into());
        }
        let subjects = self.subjects_of(some.iter()).await?;
        for (record, subject) in some.iter().zip(subjects) {
            let old = Some(audit::whole_row(record));
            let payload = Payload { key: Some(record.key()), old, ..Payload::default() };
            let event = about(Event::of(record, Action::Purge, Effect::Purge), subject);
            self.append_later(record.meta.org_id, event, payload).await?;
        }
        Ok(())
    }
}

/// The column that counts how often a row was written.
const VERSION: &str = "version";

/// A row that is another one than before.
struct Rewritten {
    before: Record,
    after: Record,
    /// Values of [`records::stored_columns`], and the places at which they differ from those before.
    stored: Vec<Value>,
    places: Vec<usize>,
    /// Whether search finds it by other words.
    has_new_words: bool,
}

impl Rewritten {
    fn of(before: Record, after: Record) -> Rewritten {
        let (old, stored) = (records::stored_values(before.clone()), records::stored_values(after.clone()));
        let places = old.iter().zip(&stored).enumerate().filter(|(_, (old, new))| old != new);
        let places = places.map(|(place, _)| place).collect();
        let has_new_words = after.desc.is_searchable() && words::words_of(&before) != words::words_of(&after);
        Rewritten { before, after, stored, places, has_new_words }
    }

    fn columns(&self) -> Columns {
        let mut columns = Columns::default();
        self.places.iter().for_each(|place| columns.add(*place));
        columns
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

pub(super) fn stale(record: &Record) -> Problem {
    Problem::conflict(format!("{} was changed by somebody else in the meantime", record.title())).hint(format!(
        "look at it again: orgctl {} show {}",
        record.desc.noun,
        record.key()
    ))
}
