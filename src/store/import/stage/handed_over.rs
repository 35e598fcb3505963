//! Keys that change hands within a file: a swap, a chain, the address of somebody who left for somebody who came. What holds
//! once the whole file is written decides. So a key is free where the row of its holder gives it up and is not rejected;
//! and since a unique index looks at each row as it is written, such holders are parked first: until their own row is
//! written they have a key that nobody can type.

use std::collections::HashMap;

use uuid::Uuid;

use super::{BATCH, Stage};
use crate::model::resource::{Field, Record};
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Sql, quoted};

/// A key that its holder has no more once the file is written.
#[derive(Debug, Clone)]
pub struct GivenUp {
    /// The row of the file that says so.
    pub number: u64,
    pub id: Uuid,
    pub field: &'static Field,
    pub value: Value,
}

impl GivenUp {
    /// The keys of `fields` that a record loses by a row.
    pub fn by(number: u64, before: &Record, after: &Record, fields: &[&'static Field]) -> Vec<GivenUp> {
        let lost = fields.iter().filter(|f| f.ty.kind == ValueType::Text).filter(|f| {
            let was = before.get(f.column);
            !was.is_null() && f.key_value(was) != f.key_value(after.get(f.column))
        });
        let given_up =
            |f: &&'static Field| GivenUp { number, id: before.meta.id, field: f, value: before.get(f.column).clone() };
        lost.map(given_up).collect()
    }
}

impl Stage {
    /// Notes keys that rows give up.
    pub async fn note_given_up(&mut self, db: &mut Db, given_up: &[GivenUp]) -> Result<()> {
        for some in given_up.chunks(BATCH) {
            let mut sql = Sql::bulk("insert into import_given_up (n, place, id, word, was) values ", db.engine());
            let mut comma = "";
            for one in some {
                let Some(place) = self.others.iter().position(|f| f.column == one.field.column) else { continue };
                sql.push(comma).bind_list([
                    Value::from(i64::try_from(one.number)?),
                    i64::try_from(place)?.into(),
                    one.id.into(),
                    one.field.key_value(&one.value),
                    one.value.clone(),
                ]);
                comma = ", ";
            }
            if !comma.is_empty() {
                sql.push(" on conflict do nothing");
                db.execute(sql).await?;
                self.is_any_given_up = true;
            }
        }
        Ok(())
    }

    /// Of a condition that another record `t` has a key of the row `s`: that it keeps it.
    pub(super) fn keeps(&self, place: usize) -> String {
        match self.is_any_given_up {
            false => String::new(),
            true => format!(
                " and not exists (select 1 from import_given_up g where g.place = {place} and g.word = s.k{}
                      and g.id = t.id and not exists (select 1 from import_rejects e where e.n = g.n))",
                place + 1
            ),
        }
    }

    /// Takes the keys from their holders that others get by this file. To be done before anything is written.
    pub async fn park(&self, db: &mut Db) -> Result<()> {
        let Some(org) = self.org.filter(|_| self.is_any_given_up) else { return Ok(()) };
        // As long as the shortest key, and with a character that none has.
        let word = match db.is_postgres() {
            true => "chr(1) || lpad(to_hex(row_number() over (order by g.n)), 5, '0')",
            false => "char(1) || printf('%05x', row_number() over (order by g.n))",
        };
        let stands = |row: &str| format!("not exists (select 1 from import_rejects e where e.n = {row}.n)");
        for (place, field) in self.others.iter().enumerate() {
            let mut columns = vec![field.column];
            columns.extend(field.folds().then_some(field.folded));
            let set: Vec<String> = columns.iter().map(|c| format!("{} = v.word", quoted(c))).collect();
            let text = format!(
                "update {} as t set {} from (
                     select g.id as id, {word} as word from import_given_up g
                       join import_rows s on s.k{} = g.word and s.id <> g.id
                      where g.place = {place} and {} and {}) v
                  where t.org_id = $1 and t.id = v.id",
                self.desc.table,
                set.join(", "),
                place + 1,
                stands("g"),
                stands("s")
            );
            db.execute(Sql::new(text).with([org.into()])).await?;
        }
        Ok(())
    }

    /// Gives records that were read back the keys that they had before they were parked; `rows` says of which rows they are.
    pub async fn as_before(&self, db: &mut Db, rows: (u64, u64), records: &mut [Record]) -> Result<()> {
        if !self.is_any_given_up {
            return Ok(());
        }
        let sql = "select id, place, was from import_given_up where n between $1 and $2";
        let sql = Sql::new(sql).with([i64::try_from(rows.0)?.into(), i64::try_from(rows.1)?.into()]);
        let mut were: HashMap<Uuid, Vec<(&'static Field, Value)>> = HashMap::new();
        for row in db.all(sql.yields([ValueType::Uuid, ValueType::Int, ValueType::Text])).await? {
            if let Some(field) = self.others.get(usize::try_from(row.int(1)?)?) {
                were.entry(row.uuid(0)?).or_default().push((field, row.value(2).clone()));
            }
        }
        for record in records {
            for (field, was) in were.remove(&record.meta.id).unwrap_or_default() {
                record.set(field.column, was);
            }
        }
        Ok(())
    }
}
