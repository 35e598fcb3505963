//! Keys that are made, wrapped anew, retired and destroyed.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::Tx;
use super::bulk_writer;
use super::key_log::{KEYS, KeyLog, named};
use crate::model::resource::{Record, Subject};
use crate::model::sealing::Purpose;
use crate::model::values::value::{Value, ValueType};
use crate::store::engine::sql::{Sql, quoted};
use crate::store::keys::{MANY, StoredKey};
use crate::store::{Error, Result};

/// New keys that need no new plans.
const FEW: u64 = 250;

impl Tx<'_> {
    /// Has a record name the keys that were made or destroyed of a subject (nil: the organisation's own), and those of the
    /// organisation that no record has named. Every act that causes either calls it, for what its record tells.
    pub fn name_keys(&mut self, subject: Uuid, details: &mut Map<String, Json>) {
        self.name_keys_of(&[subject], details);
    }

    /// The same of several who are one: of somebody, and of the duplicates that were merged into him or her.
    pub fn name_keys_of(&mut self, subjects: &[Uuid], details: &mut Map<String, Json>) {
        let mut unnamed = self.keys.take(Uuid::nil());
        for subject in subjects.iter().filter(|subject| !subject.is_nil()) {
            unnamed.append(&mut self.keys.take(*subject));
        }
        if !unnamed.is_empty() {
            details.insert(KEYS.into(), named(&unnamed));
        }
    }

    /// Lets what is done to many keys go without their names: one record, at the end of it all, tells how many and a digest.
    pub fn keys_are_told_together(&mut self) {
        self.keys = KeyLog::default();
    }

    /// Keeps new keys.
    pub async fn add_keys(&mut self, keys: &[StoredKey]) -> Result<()> {
        for some in keys.chunks(MANY) {
            let mut sql = Sql::bulk(
                "insert into wrapped_keys (org_id, id, purpose, subject_id, column_name, wrapping_id, wrapped, created_at, retired_at)
                 values ",
                self.db.engine(),
            );
            for (i, key) in some.iter().enumerate() {
                let subject = if key.subject.is_nil() { Value::Null(ValueType::Uuid) } else { key.subject.into() };
                let values = [
                    key.org.into(),
                    key.id.into(),
                    key.purpose.as_str().into(),
                    subject,
                    key.column.as_deref().into(),
                    key.wrapping.into(),
                    Value::Bytes(key.wrapped.clone()),
                    key.created_at.into(),
                    key.retired_at.into(),
                ];
                sql.push(if i == 0 { "" } else { ", " }).bind_list(values);
            }
            self.db.execute(sql).await?;
            for key in some {
                self.keys.note(key.subject, key.id, false);
            }
        }
        self.made_keys += keys.len() as u64;
        // Whatever verb makes many: what follows it is planned for what is there, and so are the checks of a table that no import fills.
        if self.made_keys >= 4 * self.known_keys.max(FEW) {
            self.known_keys = self.made_keys;
            bulk_writer::analyze(self.db, "wrapped_keys", self.made_keys).await?;
        }
        Ok(())
    }

    /// Keeps keys of an organisation as another key wraps them.
    pub async fn rewrap_keys(&mut self, org: i32, by: Uuid, keys: Vec<(Uuid, Vec<u8>)>) -> Result<()> {
        let rows = keys.into_iter().map(|(id, wrapped)| (id, vec![Value::Bytes(wrapped), by.into()])).collect();
        self.reseal("wrapped_keys", &["wrapped", "wrapping_id"], org, rows).await
    }

    /// Others are written with from now on.
    pub async fn retire_keys(&mut self, org: i32, ids: &[Uuid]) -> Result<()> {
        let at = self.at();
        for some in ids.chunks(MANY) {
            let mut sql = Sql::bulk("update wrapped_keys set retired_at = ", self.db.engine());
            sql.bind(at).push(" where retired_at is null and org_id = ").bind(org).push(" and id in ");
            sql.bind_list(some.iter().copied());
            self.db.execute(sql).await?;
        }
        Ok(())
    }

    /// The same of all keys of an organisation that are for a purpose; how many.
    pub async fn retire_all_keys(&mut self, org: i32, purpose: Purpose) -> Result<u64> {
        let sql = Sql::new(
            "update wrapped_keys set retired_at = $1 where retired_at is null and org_id = $2 and purpose = $3",
        );
        self.db.execute(sql.with([self.at().into(), org.into(), purpose.as_str().into()])).await
    }

    /// Destroys all keys of an organisation that are for a purpose and retired; how many.
    pub async fn destroy_retired_keys(&mut self, org: i32, purpose: Purpose) -> Result<u64> {
        let sql = Sql::new("delete from wrapped_keys where retired_at is not null and org_id = $1 and purpose = $2");
        self.db.execute(sql.with([org.into(), purpose.as_str().into()])).await
    }

    /// Writes sealed values of a table anew, as others seal them: no record changes by that.
    pub async fn reseal(
        &mut self,
        table: &str,
        columns: &[&str],
        org: i32,
        rows: Vec<(Uuid, Vec<Value>)>,
    ) -> Result<()> {
        let (wanted, mut done) = (rows.len() as u64, 0);
        if self.db.is_postgres() {
            let mut rows = rows.into_iter().peekable();
            while rows.peek().is_some() {
                done += self.reseal_some(table, columns, org, rows.by_ref().take(MANY)).await?;
            }
        } else {
            // Row by row, as SQLite would do it anyway: for a list it goes through all rows of the organisation, which it takes for few.
            let sets: Vec<String> = columns.iter().map(|column| format!("{} = ?", quoted(column))).collect();
            let text = format!("update {table} set {} where org_id = ? and id = ?", sets.join(", "));
            for (id, values) in rows {
                let sql = Sql::new(text.as_str()).with(values).with([org.into(), id.into()]);
                done += self.db.execute(sql).await?;
            }
        }
        match done == wanted {
            true => Ok(()),
            false => Err(Error::bug("rows are gone that were to be sealed anew")),
        }
    }

    async fn reseal_some(
        &mut self,
        table: &str,
        columns: &[&str],
        org: i32,
        rows: impl Iterator<Item = (Uuid, Vec<Value>)>,
    ) -> Result<u64> {
        let names: Vec<String> = (0..columns.len()).map(|i| format!(", c{i}")).collect();
        let mut sql = Sql::bulk(format!("with v (id{}) as (values ", names.concat()), self.db.engine());
        for (n, (id, values)) in rows.enumerate() {
            sql.push(if n == 0 { "" } else { ", " }).bind_list(std::iter::once(Value::from(id)).chain(values));
        }
        let sets: Vec<String> = columns.iter().enumerate().map(|(i, c)| format!("{} = v.c{i}", quoted(c))).collect();
        sql.push(&format!(") update {table} as t set {} from v where t.org_id = ", sets.join(", "))).bind(org);
        sql.push(" and t.id = v.id");
        self.db.execute(sql).await
    }

    /// Destroys keys: what they sealed is gone with them.
    pub async fn destroy_keys(&mut self, org: i32, ids: &[Uuid]) -> Result<()> {
        for some in ids.chunks(MANY) {
            let mut sql = Sql::bulk("delete from wrapped_keys where org_id = ", self.db.engine());
            sql.bind(org).push(" and id in ").bind_list(some.iter().copied());
            sql.push(" returning id, subject_id");
            self.destroy(sql).await?;
        }
        Ok(())
    }

    async fn destroy(&mut self, sql: Sql) -> Result<()> {
        let rows = self.db.all(sql.yields([ValueType::Uuid, ValueType::Uuid])).await?;
        for row in &rows {
            self.keys.note(row.value(1).as_uuid().unwrap_or_default(), row.uuid(0)?, true);
        }
        Ok(())
    }

    /// With records that go for good go the keys of their data: those of whoever they are, or all of an organisation.
    pub(super) async fn destroy_keys_of(&mut self, some: &[Record]) -> Result<()> {
        let Some(first) = some.first() else { return Ok(()) };
        if first.desc.is_org() {
            for org in some {
                let sql = Sql::new("delete from wrapped_keys where org_id = $1").with([org.meta.org_id.into()]);
                self.db.execute(sql).await?;
            }
        } else if first.desc.subject == Subject::Itself {
            let mut sql = Sql::bulk("delete from wrapped_keys where org_id = ", self.db.engine());
            sql.bind(first.meta.org_id).push(" and subject_id in ").bind_list(some.iter().map(|r| r.meta.id));
            sql.push(" returning id, subject_id");
            self.destroy(sql).await?;
        }
        Ok(())
    }

    /// What a record of a purge says of the keys that went.
    pub(super) fn keys_gone_with(&mut self, record: &Record) -> Option<(String, Json)> {
        let gone = self.keys.take(record.meta.id);
        (!gone.is_empty()).then(|| (KEYS.to_owned(), named(&gone)))
    }
}
