//! Former keys in SQL (`model::resource::former`): whom they mean, and whether a key is one.

use uuid::Uuid;

use super::among::Among;
use super::status_sql;
use super::{Deleted, live_with, with_record_ids};
use crate::model::resource::former::FormerKeys;
use crate::model::resource::{Descriptor, Field, Record};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Sql, quoted};

/// Keys that are looked up together.
const TOGETHER: usize = 1000;

/// A live former key, and whom it means.
#[derive(Debug, Clone)]
pub struct Known {
    /// The place of what was asked for.
    pub asked: usize,
    pub org: i32,
    pub owner: Uuid,
}

/// Whether there is any live former key of a kind. Where there is none, nothing need be looked up.
pub async fn are_there(db: &mut Db, desc: &'static Descriptor, org: Option<i32>) -> Result<bool> {
    let Some(former) = desc.former().filter(|former| has_table(db, former.desc)) else { return Ok(false) };
    let mut sql = Sql::new(format!("select 1 from {} t where ", former.desc.table));
    let context = Default::default();
    Among { org, life: Deleted::Exclude, now: false, context: &context }.push_condition(former.desc, &mut sql);
    sql.push(" limit 1");
    Ok(db.first(sql.yields([ValueType::Int])).await?.is_some())
}

/// Which of some keys of a kind are former ones: each a field, and a value as keys are compared.
pub async fn known(
    db: &mut Db,
    desc: &'static Descriptor,
    among: Among<'_>,
    asked: &[(&'static Field, Value)],
) -> Result<Vec<Known>> {
    let Some(former) = desc.former().filter(|former| has_table(db, former.desc)) else { return Ok(Vec::new()) };
    let [owner, field] = [former.owner, former.field].map(|f| quoted(f.column));
    let value = quoted(former.value.key_column());
    let mut found = Vec::new();
    for (n, some) in asked.chunks(TOGETHER).enumerate() {
        let table = among.table(db, former.desc);
        let mut sql = Sql::bulk("with v (field, value) as (values ", db.engine());
        for (i, (field, value)) in some.iter().enumerate() {
            sql.push(if i == 0 { "" } else { ", " }).bind_list([Value::from(field.name()), former.compared(value)]);
        }
        // Each is looked up by the index: SQLite goes through all where a list of pairs is looked for.
        sql.push(&format!(") select t.{field}, t.{value}, t.org_id, t.{owner} from v cross join {table} t where "));
        Among { life: Deleted::Exclude, ..among }.push_condition(former.desc, &mut sql);
        sql.push(&format!(" and t.{field} = v.field and t.{value} = v.value"));
        for row in db.all(sql.yields([ValueType::Text, ValueType::Text, ValueType::Int, ValueType::Uuid])).await? {
            let (name, org, owner) = (row.text(0)?.to_owned(), row.org(2)?, row.uuid(3)?);
            let is_it = |(f, v): &&(&'static Field, Value)| f.name() == name && former.compared(v) == *row.value(1);
            let places = some.iter().enumerate().filter(|(_, a)| is_it(a)).map(|(i, _)| n * TOGETHER + i);
            found.extend(places.map(|asked| Known { asked, org, owner }));
        }
    }
    Ok(found)
}

/// A part of a backup, as a database of its own, need not hold them.
fn has_table(db: &Db, desc: &Descriptor) -> bool {
    db.partial.as_ref().is_none_or(|part| part.has(desc.table))
}

/// Whether a key of some records, all of one kind and organisation, means somebody since a merge.
pub async fn mean_somebody(db: &mut Db, some: &[Record]) -> Result<bool> {
    let Some((desc, org)) = some.first().map(|r| (r.desc, r.meta.org_id)) else { return Ok(false) };
    if desc.former_keys.is_none() || !are_there(db, desc, Some(org)).await? {
        return Ok(false);
    }
    let context = ParseContext::default();
    let among = Among { org: Some(org), life: Deleted::Exclude, now: false, context: &context };
    let of = |r: &Record| desc.key_fields().map(|f| (f, desc.compared(f, r.get(f.column)))).collect::<Vec<_>>();
    let asked: Vec<_> = some.iter().flat_map(of).filter(|(_, value)| !value.is_null()).collect();
    Ok(!known(db, desc, among, &asked).await?.is_empty())
}

/// The live records that some former keys mean, each with what was asked for it.
pub async fn holders(
    db: &mut Db,
    desc: &'static Descriptor,
    among: Among<'_>,
    asked: &[(&'static Field, Value)],
) -> Result<Vec<(usize, Record)>> {
    let known = known(db, desc, among, asked).await?;
    let mut places: Vec<(i32, Uuid)> = known.iter().map(|k| (k.org, k.owner)).collect();
    places.sort_unstable();
    places.dedup();
    let mut holders = with_record_ids(db, desc, places.into_iter()).await?;
    holders.retain(Record::is_live);
    let holder = |k: &Known| holders.iter().find(|r| r.meta.record_id() == (k.org, k.owner)).cloned();
    Ok(known.iter().filter_map(|k| Some((k.asked, holder(k)?))).collect())
}

/// A live former key that a record has as a key of its own.
#[derive(Debug, Clone)]
pub struct Had {
    pub field: &'static Field,
    /// The former key itself, and whom it means.
    pub id: Uuid,
    pub owner: Uuid,
}

/// Statements that tell of former keys which are keys of a record: `select place, id, owner`, each with its field. Their
/// arguments go behind those that are there.
pub(super) fn had(record: &Record, places: usize, args: &mut Vec<Value>) -> Vec<(&'static Field, String)> {
    let Some(former) = record.desc.former() else { return Vec::new() };
    let [owner, field] = [former.owner, former.field].map(|f| quoted(f.column));
    let (value, live) = (quoted(former.value.key_column()), status_sql::live(former.desc, "t"));
    let given = record.desc.key_fields().filter(|f| !record.get(f.column).is_null());
    let statement = |(i, key): (usize, &'static Field)| {
        args.push(record.meta.org_id.into());
        args.push(former.compared(record.get(key.column)));
        let (n, name, table) = (args.len(), key.name(), former.desc.table);
        let text = format!(
            "select {} as place, t.id as id, t.{owner} as owner from {table} t where t.org_id = ${} and t.{field} = '{name}'
                and t.{value} = ${n} and {live}",
            places + i,
            n - 1
        );
        (key, text)
    };
    given.enumerate().map(statement).collect()
}

/// The live record that has as a key what a former key holds.
pub async fn live_holder(db: &mut Db, record: &Record) -> Result<Option<Record>> {
    let Some((owner, former)) = record.desc.formerly_of() else { return Ok(None) };
    let Some(field) = record.get(former.field.column).as_text().and_then(|name| owner.field(name)) else {
        return Ok(None);
    };
    let found = super::with_value(db, owner, Some(record.meta.org_id), field, record.get(former.value.column)).await?;
    Ok(found.into_iter().next())
}

/// The live former keys that some records left.
pub async fn left_by(db: &mut Db, former: FormerKeys, org: i32, ids: &[Uuid]) -> Result<Vec<Record>> {
    let mut found = Vec::new();
    for some in ids.chunks(TOGETHER) {
        let ids: Vec<Value> = some.iter().map(|id| (*id).into()).collect();
        found.extend(live_with(db, former.desc, Some(org), former.former.column, &ids).await?);
    }
    Ok(found)
}
