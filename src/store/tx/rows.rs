//! Rows one by one, each with its audit record.

use crate::store::records::status_sql;
use anyhow::Result;
use uuid::Uuid;

use super::{BATCH, Tx};
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Meta, Record};
use crate::model::search as words;
use crate::model::trail::audit::{self, Action, ChangeNote, Effect, Payload};
use crate::model::values::value::Value;
use crate::store::engine::sql::{Sql, quoted};
use crate::store::records::touched::{Columns, Touched};
use crate::store::records::{self, keys, search};
use crate::store::trail::appender;

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
        for some in records.chunks(BATCH) {
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
        let telling = telling.into();
        let (old, new) = audit::changed_fields(before, &after);
        if new.is_empty() {
            // What links tell of it is theirs to record.
            return Ok(self.move_firsts(before, &after, &telling).await?.then_some(after));
        }
        after.moved_from(before)?;
        let ChangeNote { action, details } = telling.clone();
        let record = self.replace(before, after, Effect::Update).await?;
        let record = self.called(record).await?;
        self.note_references(Some(before), &record);
        // The key that the record had: a rename shows it as the old value.
        let payload = Payload { key: Some(before.key()), old: Some(old), new: Some(new), details };
        let event = self.event_of(&record, action, Effect::Update).await?;
        self.append(record.meta.org_id, event, payload).await?;
        self.move_firsts(before, &record, &telling).await?;
        Ok(Some(record))
    }

    pub(super) async fn replace(&mut self, before: &Record, mut after: Record, effect: Effect) -> Result<Record> {
        self.keep_protected(Some(before), Some(&after))?;
        self.may_change(&[(before, Some(&after))], effect).await?;
        self.flush().await?;
        after.meta.version = before.meta.version + 1;
        after.meta.updated_at = self.at;
        after.meta.updated_by = self.actor().await?;
        let mut sql = Sql::new(format!("update {} set ", after.desc.table));
        let stored = records::stored_columns(after.desc).into_iter().zip(records::stored_values(after.clone()));
        let old = records::stored_values(before.clone());
        let (mut comma, mut columns) = ("", Columns::default());
        for (place, (((name, _), value), old)) in stored.zip(old).enumerate() {
            if value != old {
                sql.push(&format!("{comma}{} = ", quoted(name))).bind(value);
                comma = ", ";
                columns.add(place);
            }
        }
        sql.push(" where org_id = ").bind(after.meta.org_id);
        sql.push(" and id = ").bind(after.meta.id);
        sql.push(" and version = ").bind(before.meta.version);
        if self.db.execute(sql).await? != 1 {
            return Err(stale(before).into());
        }
        if words::words_of(before) != words::words_of(&after) {
            search::change(self.db, &after).await?;
        }
        self.touched.push(Touched { desc: after.desc, org: after.meta.org_id, id: after.meta.id, columns });
        Ok(after)
    }

    /// Soft delete: the record goes under `deletion`, with all that goes with it.
    pub async fn delete(&mut self, before: &Record, deletion: Uuid) -> Result<Record> {
        self.delete_as(before, deletion, Action::Delete, None).await
    }

    /// The same of many that go together, with a statement for many of a kind.
    pub async fn delete_all(&mut self, records: &[Record], deletion: Uuid) -> Result<()> {
        let by = self.actor().await?;
        for some in records.chunk_by(|a, b| a.desc == b.desc).flat_map(|same| same.chunks(BATCH)) {
            self.flush().await?;
            self.may_change(&some.iter().map(|before| (before, None)).collect::<Vec<_>>(), Effect::Delete).await?;
            let desc = some[0].desc;
            let columns = Columns::by_names(desc, META_OF_DELETION.iter().copied());
            for before in some {
                let after = self.as_deleted(before, deletion, by);
                self.keep_protected(Some(before), Some(&after))?;
                let event = self.event_of(&after, Action::Delete, Effect::Delete).await?;
                self.append_later(after.meta.org_id, event, payload_of_deletion(before, deletion)).await?;
                let (org, id) = after.meta.record_id();
                self.touched.push(Touched { desc, org, id, columns });
            }
            let text = format!("update {} set deleted_at = coalesce(deleted_at, ", desc.table);
            let mut sql = Sql::bulk(text, self.db.engine());
            sql.bind(self.at).push("), deleted_by = coalesce(deleted_by, ").bind(by);
            sql.push("), deletion_id = ").bind(deletion).push(", updated_at = ").bind(self.at);
            sql.push(", updated_by = ")
                .bind(by)
                .push(", version = version + 1 where (org_id, id, version) in (values ");
            for (i, before) in some.iter().enumerate() {
                let (org, id) = before.meta.record_id();
                sql.push(if i == 0 { "" } else { ", " });
                sql.bind_list([Value::from(org), id.into(), before.meta.version.into()]);
            }
            sql.push(")");
            if self.db.execute(sql).await? != some.len() as u64 {
                return Err(self.who_is_stale(some).await?.into());
            }
        }
        self.flush().await
    }

    /// Which of some records is no longer as it was seen.
    async fn who_is_stale(&mut self, seen: &[Record]) -> Result<Problem> {
        for before in seen {
            let now = self.load(before.desc, before.meta.org_id, before.meta.id).await?;
            if now.is_none_or(|now| now.meta.version != before.meta.version) {
                return Ok(stale(before));
            }
        }
        Ok(stale(&seen[0]))
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
    pub async fn delete_merged(&mut self, before: &Record, deletion: Uuid, into: &Record) -> Result<Record> {
        self.delete_as(before, deletion, Action::Merge, Some(into)).await
    }

    /// Puts what is deleted under another deletion, with which it comes back; it stays deleted, when and by whom it was.
    pub async fn defer_restore(&mut self, before: &Record, deletion: Uuid) -> Result<Record> {
        self.delete_as(before, deletion, Action::Delete, None).await
    }

    async fn delete_as(
        &mut self,
        before: &Record,
        deletion: Uuid,
        action: Action,
        into: Option<&Record>,
    ) -> Result<Record> {
        let by = self.actor().await?;
        let after = self.as_deleted(before, deletion, by);
        let after = self.replace(before, after, Effect::Delete).await?;
        let mut payload = payload_of_deletion(before, deletion);
        let mut event = self.event_of(&after, action, Effect::Delete).await?;
        if let Some(into) = into {
            payload.details.insert("merged_into".into(), into.meta.id.to_string().into());
            event = event.about(into.subject());
        }
        self.append(after.meta.org_id, event, payload).await?;
        Ok(after)
    }

    /// Brings a soft-deleted record back.
    pub async fn restore(&mut self, before: &Record) -> Result<Record> {
        let mut after = before.clone();
        after.meta.deleted_at = None;
        after.meta.deleted_by = None;
        after.meta.deletion_id = None;
        let after = self.replace(before, after, Effect::Restore).await?;
        self.restored.insert(after.meta.id);
        self.note_restored(&after);
        let was = audit::whole_row(before);
        let old =
            ["deleted_at", "deleted_by", "deletion_id"].map(|k| (k.to_owned(), was[k].clone())).into_iter().collect();
        let payload = Payload { key: Some(before.key()), old: Some(old), ..Payload::default() };
        let event = self.event_of(&after, Action::Restore, Effect::Restore).await?;
        self.append(after.meta.org_id, event, payload).await?;
        Ok(after)
    }

    /// Removes a soft-deleted record for good. Its history stays.
    pub async fn purge(&mut self, record: &Record) -> Result<()> {
        self.keep_protected(Some(record), None)?;
        self.flush().await?;
        self.may_change(&[(record, None)], Effect::Purge).await?;
        let old = audit::whole_row(record);
        search::remove(self.db, record).await?;
        let mut sql = Sql::new(format!("delete from {} where org_id = ", record.desc.table));
        sql.bind(record.meta.org_id).push(" and id = ").bind(record.meta.id);
        // What nothing is recorded of goes as it is; what is an organisation's own is never gone before that.
        let desc = record.desc;
        if desc.is_recorded() {
            let gone = if desc.is_of_the_org { "true".into() } else { status_sql::gone(desc, desc.table) };
            sql.push(&format!(" and {gone} and version = ")).bind(record.meta.version);
        }
        if self.db.execute(sql).await? != 1 {
            return Err(stale(record).into());
        }
        let payload = Payload { key: Some(record.key()), old: Some(old), ..Payload::default() };
        let event = self.event_of(record, Action::Purge, Effect::Purge).await?;
        self.append(record.meta.org_id, event, payload).await
    }
}

/// What a deletion writes.
const META_OF_DELETION: &[&str] = &["deleted_at", "deleted_by", "deletion_id", "updated_at", "updated_by", "version"];

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
