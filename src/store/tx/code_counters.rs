//! Codes and numbers that are made for new records.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use uuid::Uuid;

use crate::model::problem::Problem;
use crate::model::random::{Random, bytes};
use crate::model::resource::Descriptor;
use crate::model::values::value::{Value, ValueType};
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Sql, quoted};
use crate::store::import::counts;
use crate::store::records::status_sql;
use crate::store::{Error, Result};

/// Locks a row that is read, against others who count.
const ROW_LOCK: &str = " for no key update";

/// A number within a record, as long as there are any.
fn numbered(desc: &Descriptor, number: i64) -> Result<i64, Problem> {
    match number <= i64::from(i32::MAX) {
        true => Ok(number),
        false => Err(Problem::conflict(format!("all numbers of {} there are used up", desc.table))
            .hint("one of them has the highest number that there is: give it another, or the new one a number")),
    }
}

/// Whether what is counted is locked by itself, as the organisation is not. SQLite has one writer anyway.
fn locks_rows(db: &Db, desc: &Descriptor) -> bool {
    db.is_postgres() && !desc.is_recorded()
}

/// Makes codes by an organisation's counters, and numbers by those of records. Rows that wait to be written are written before.
pub(super) struct CodeCounters<'a> {
    /// Of which the keys of new counters are made.
    random: &'a dyn Random,
}

impl<'a> CodeCounters<'a> {
    pub(super) fn new(random: &'a dyn Random) -> CodeCounters<'a> {
        CodeCounters { random }
    }

    /// Codes for new records of an organisation, by its counter: none that a record has, and none that `besides`, a query,
    /// yields. A counter is volatile: its row has no audit record.
    pub(super) async fn codes(
        &self,
        db: &mut Db,
        desc: &'static Descriptor,
        org: i32,
        wanted: usize,
        besides: &str,
    ) -> Result<Vec<String>> {
        let Some((field, maker)) = desc.code_maker().filter(|_| wanted > 0) else { return Ok(Vec::new()) };
        let at = [Value::from(org), desc.noun.into()];
        let (first, key) = self.counter(db, desc, org).await?;
        let mut next = u64::try_from(first)?;
        let mut codes: Vec<String> = Vec::with_capacity(wanted);
        while codes.len() < wanted {
            let few = (wanted - codes.len()).min(1000);
            let some: Option<Vec<String>> = (next..).take(few).map(|n| maker.code(n, &key)).collect();
            let some = some.ok_or_else(|| Problem::conflict(format!("all codes of {} are used up", desc.table)))?;
            next += few as u64;
            let mut sql = Sql::bulk("with v (code) as ", db.engine());
            sql.bind_rows(some.iter().map(|c| Value::from(c.as_str())));
            let column = quoted(field.column);
            sql.push(&format!(" select v.code from v cross join {} t where t.{column} = v.code", desc.table));
            sql.push(&format!(" and {} and t.org_id = ", status_sql::live(desc, "t"))).bind(org);
            if let Some(former) = desc.former() {
                // Nor one that means somebody since a merge.
                let [name, value] = [former.field.column, former.value.column].map(quoted);
                let live = status_sql::live(former.desc, "f");
                let table = former.desc.table;
                sql.push(&format!(
                    " union select v.code from v cross join {table} f where f.{value} = v.code and f.{name} = "
                ));
                sql.bind(field.name()).push(&format!(" and {live} and f.org_id = ")).bind(org);
            }
            if !besides.is_empty() {
                sql.push(&format!(" union select code from v where code in ({besides})"));
            }
            let taken = db.all(sql.yields([ValueType::Text])).await?;
            let taken: HashSet<&str> = taken.iter().map(|r| r.text(0)).collect::<Result<_>>()?;
            codes.extend(some.iter().filter(|c| !taken.contains(c.as_str())).cloned());
        }
        let sql = "update code_counters set next = $3 where org_id = $1 and kind = $2";
        db.execute(Sql::new(sql).with(at).with([i64::try_from(next)?.into()])).await?;
        Ok(codes)
    }

    /// How far codes of a kind have been made, and their key. What is not recorded is written without the organisation's
    /// lock: its counter is locked by itself.
    async fn counter(&self, db: &mut Db, desc: &'static Descriptor, org: i32) -> Result<(i64, [u8; 16])> {
        let at = [Value::from(org), desc.noun.into()];
        let lock = if locks_rows(db, desc) { ROW_LOCK } else { "" };
        let sql = format!("select next, key from code_counters where org_id = $1 and kind = $2{lock}");
        let sql = Sql::new(sql).with(at.clone()).yields([ValueType::Int, ValueType::Bytes]);
        if let Some(row) = db.first(sql.clone()).await? {
            return Ok((row.int(0)?, row.bytes(1)?.try_into()?));
        }
        let key: [u8; 16] = bytes(self.random);
        let new = "insert into code_counters (org_id, kind, next, key) values ($1, $2, 0, $3) on conflict do nothing";
        db.execute(Sql::new(new).with(at).with([key.to_vec().into()])).await?;
        let row = db.one(sql).await?;
        Ok((row.int(0)?, row.bytes(1)?.try_into()?))
    }

    /// The next number within a record, for a new one that is counted there.
    pub(super) async fn next_number(
        &self,
        db: &mut Db,
        desc: &'static Descriptor,
        org: i32,
        within: Uuid,
    ) -> Result<i64> {
        let counted = desc.counted().ok_or_else(|| Error::bug(format!("{} is not counted", desc.noun)));
        let (counted, container) = counted?;
        if let Some(target) = container.target().filter(|_| locks_rows(db, desc)) {
            let sql = format!("select 1 from {} where org_id = $1 and id = $2{ROW_LOCK}", target.table);
            db.first(Sql::new(sql).with([org.into(), within.into()]).yields([ValueType::Int])).await?;
        }
        let (number, container) = (quoted(counted.column), quoted(container.column));
        let sql =
            format!("select coalesce(max({number}), 0) from {} where org_id = $1 and {container} = $2", desc.table);
        let sql = Sql::new(sql).with([org.into(), within.into()]).yields([ValueType::Int]);
        Ok(numbered(desc, db.one(sql).await?.int(0)?.saturating_add(1))?)
    }

    /// The same for many that are written later.
    pub(super) async fn next_numbers(
        &self,
        db: &mut Db,
        desc: &'static Descriptor,
        org: i32,
        within: &[Uuid],
    ) -> Result<Vec<i64>> {
        let Some((field, container)) = desc.counted().filter(|_| !within.is_empty()) else { return Ok(Vec::new()) };
        counts::create(db).await?;
        let mut sql = Sql::bulk("with v (id) as ", db.engine());
        sql.bind_rows(within.iter().collect::<BTreeSet<_>>().into_iter().copied());
        sql.push(&format!(
            " select v.id, coalesce((select c.last from import_counts c where c.id = v.id and c.kind = '{}'), 0),
                     coalesce((select max(t.{}) from {} t where t.{} = v.id and t.org_id = ",
            desc.noun,
            quoted(field.column),
            desc.table,
            quoted(container.column)
        ));
        sql.bind(org).push("), 0) from v");
        let mut counted: BTreeMap<Uuid, i64> = BTreeMap::new();
        for row in db.all(sql.yields([ValueType::Uuid, ValueType::Int, ValueType::Int])).await? {
            counted.insert(row.uuid(0)?, row.int(1)?.max(row.int(2)?));
        }
        let mut next = |id: &Uuid| {
            let last = counted.entry(*id).or_default();
            *last += 1;
            numbered(desc, *last)
        };
        let numbers = within.iter().map(&mut next).collect::<Result<_, Problem>>()?;
        let mut sql = Sql::bulk("insert into import_counts (kind, id, last) values ", db.engine());
        for (i, (id, last)) in counted.into_iter().enumerate() {
            sql.push(if i == 0 { "" } else { ", " }).bind_list([desc.noun.into(), Value::from(id), last.into()]);
        }
        sql.push(" on conflict (kind, id) do update set last = excluded.last");
        db.execute(sql).await?;
        Ok(numbers)
    }
}
