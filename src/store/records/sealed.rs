//! What of records is sealed, as it is kept.

use uuid::Uuid;

use super::subjects;
use crate::model::resource::{Descriptor, Field};
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::leftovers;
use crate::store::engine::sql::{Sql, quoted};

/// The sealed columns of a kind, each with that of its blind index where it has one (`number`, `number_index`).
pub fn columns(desc: &'static Descriptor) -> Vec<(&'static Field, Option<&'static str>)> {
    let index = |field: &Field| {
        let name = format!("{}_index", field.column);
        desc.index(&name).map(|i| desc.fields[i].column)
    };
    desc.fields.iter().filter(|f| f.is_sealed()).map(|f| (f, index(f))).collect()
}

/// A row, whosever data it holds, and values of it.
pub struct SealedRow {
    pub id: Uuid,
    /// Nil: the organisation's own.
    pub subject: Uuid,
    pub values: Vec<Value>,
}

/// Rows of a kind behind an id, whether they are deleted or not.
pub async fn rows(
    db: &mut Db,
    desc: &Descriptor,
    names: &[&str],
    org: i32,
    after: Uuid,
    most: usize,
) -> Result<Vec<SealedRow>> {
    let subject = match desc.subject_field() {
        Some(_) => subjects::of_row(desc, "t", 0),
        None => "t.id".to_owned(),
    };
    let list: Vec<String> = names.iter().map(|c| format!(", t.{}", quoted(c))).collect();
    let mut sql = Sql::new(format!("select t.id, {subject}{} from {} t where t.org_id = ", list.concat(), desc.table));
    sql.bind(org).push(" and t.id > ").bind(after).push(&format!(" order by t.id limit {most}"));
    read(db, sql, desc, names).await
}

/// How many rows an organisation has of a kind.
pub async fn count(db: &mut Db, desc: &Descriptor, org: i32) -> Result<u64> {
    let sql = Sql::new(format!("select count(*) from {} where org_id = $1", desc.table)).with([org.into()]);
    Ok(db.one(sql.yields([ValueType::Int])).await?.int(0)?.unsigned_abs())
}

/// How many rows an organisation has of a kind in which a column is filled.
pub async fn count_filled(db: &mut Db, desc: &Descriptor, org: i32, column: &str) -> Result<u64> {
    let column = quoted(column);
    let sql = Sql::new(format!("select count(*) from {} where org_id = $1 and {column} is not null", desc.table));
    Ok(db.one(sql.with([org.into()]).yields([ValueType::Int])).await?.int(0)?.unsigned_abs())
}

/// Whether rows stand under an index whose value is not there any more, so that it can't be made anew.
pub async fn has_index_alone(db: &mut Db, desc: &Descriptor, org: i32, column: &str, index: &str) -> Result<bool> {
    let (column, index) = (quoted(column), quoted(index));
    let table = desc.table;
    let sql = format!("select 1 from {table} where org_id = $1 and {column} is null and {index} is not null limit 1");
    Ok(db.first(Sql::new(sql).with([org.into()]).yields([ValueType::Int])).await?.is_some())
}

/// The key that a value of the row `t` was sealed by, behind the version; what is too short was sealed by none.
fn key_sql(db: &Db, column: &str) -> String {
    let column = quoted(column);
    match db.is_postgres() {
        true => format!("case when length(t.{column}) >= 57 then encode(substr(t.{column}, 2, 16), 'hex')::uuid end"),
        false => format!("substr(t.{column}, 2, 16)"),
    }
}

/// Whether the key that a value of the row `t` was sealed by is there, and is such a one: it is looked up by its id for each row, whatever
/// the engine knows of how many there are.
fn key_there(db: &Db, column: &str, such: &str) -> String {
    let key = key_sql(db, column);
    // It is no join to PostgreSQL then, which might compare each value with all keys.
    let alone = if db.is_postgres() { " offset 0" } else { "" };
    format!("exists (select 1 from wrapped_keys k where k.org_id = t.org_id and k.id = {key} and {such}{alone})")
}

/// Whether a row has a value that was sealed by a key which is written with no more.
pub async fn is_by_retired(db: &mut Db, desc: &Descriptor, org: i32, column: &str) -> Result<bool> {
    let (table, retired) = (desc.table, key_there(db, column, "k.retired_at is not null"));
    let column = quoted(column);
    let sql = format!("select 1 from {table} t where t.org_id = $1 and t.{column} is not null and {retired} limit 1");
    Ok(db.first(Sql::new(sql).with([org.into()]).yields([ValueType::Int])).await?.is_some())
}

/// Faults that are told of one column.
const SHOWN: usize = 20;

/// Values whose key is not there, and keys that are wrapped by none that is: what nobody can open any more.
pub async fn faults(db: &mut Db) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let wrapped = format!(
        "select k.org_id, k.id from wrapped_keys k where k.purpose <> 'organisation' and not exists
             (select 1 from wrapped_keys o where o.org_id = k.org_id and o.id = k.wrapping_id and o.purpose = 'organisation')
          order by k.org_id, k.id limit {SHOWN}"
    );
    let unopened = "it is wrapped by a key that is not there";
    found.extend(
        told(db, wrapped, |org, id| format!("table wrapped_keys, row with org_id {org}, id {id}: {unopened}")).await?,
    );
    for desc in db.kinds().resources() {
        for (field, _) in columns(desc) {
            let there = key_there(db, field.column, "k.purpose = 'data'");
            let (table, column) = (desc.table, quoted(field.column));
            let sql = format!(
                "select t.org_id, t.id from {table} t where t.{column} is not null and not {there}
                  order by t.org_id, t.id limit {SHOWN}"
            );
            let column = field.column;
            let line = |org, id| {
                format!("table {table}, row with org_id {org}, id {id}: {column} is sealed by a key that is not there")
            };
            found.extend(told(db, sql, line).await?);
        }
    }
    Ok(found)
}

async fn told(db: &mut Db, sql: String, line: impl Fn(i32, Uuid) -> String) -> Result<Vec<String>> {
    let rows = db.all(Sql::new(sql).yields([ValueType::Int, ValueType::Uuid])).await?;
    rows.iter().map(|row| Ok(line(row.org(0)?, row.uuid(1)?))).collect()
}

/// A record that has a value which is sealed, and whose data it holds.
pub type Holder = (Uuid, Uuid);

/// Records of an organisation of one sort, behind an id, that have something in a sealed column, whatever became of them.
pub async fn holding(
    db: &mut Db,
    desc: &Descriptor,
    org: i32,
    (field, value): (&Field, &Value),
    column: &str,
    (after, most): (Uuid, usize),
) -> Result<Vec<Holder>> {
    let mut sql =
        Sql::new(format!("select t.id, {} from {} t where t.org_id = ", subjects::of_row(desc, "t", 0), desc.table));
    sql.bind(org).push(" and t.id > ").bind(after).push(&format!(" and t.{} = ", quoted(field.column)));
    sql.bind(value.clone()).push(&format!(" and t.{} is not null order by t.id limit {most}", quoted(column)));
    let rows = db.all(sql.yields([ValueType::Uuid, ValueType::Uuid])).await?;
    rows.iter().map(|row| Ok((row.uuid(0)?, row.value(1).as_uuid().unwrap_or_default()))).collect()
}

/// How many records an organisation has of one sort, and of how many something is in a sealed column.
#[derive(Debug, Clone, Copy)]
pub struct Holding {
    pub org: i32,
    pub all: u64,
    pub holding: u64,
}

/// Counts records of one sort, whatever became of them, by their organisations.
pub async fn count_holding(
    db: &mut Db,
    desc: &Descriptor,
    (field, value): (&Field, &Value),
    column: &str,
) -> Result<Vec<Holding>> {
    let (sort, column, table) = (quoted(field.column), quoted(column), desc.table);
    let text = format!(
        "select org_id, count(*), count({column}) from {table} where {sort} = $1 group by org_id order by org_id"
    );
    let sql = Sql::new(text).with([value.clone()]);
    let rows = db.all(sql.yields([ValueType::Int, ValueType::Int, ValueType::Int])).await?;
    let count = |n: i64| n.unsigned_abs();
    rows.iter().map(|r| Ok(Holding { org: r.org(0)?, all: count(r.int(1)?), holding: count(r.int(2)?) })).collect()
}

/// Rows that hold the data of some people, whatever became of them.
pub async fn rows_of(
    db: &mut Db,
    desc: &Descriptor,
    names: &[&str],
    org: i32,
    people: &[Uuid],
) -> Result<Vec<SealedRow>> {
    let mut found = Vec::new();
    let list: Vec<String> = names.iter().map(|c| format!(", t.{}", quoted(c))).collect();
    let (table, subject) = (desc.table, subjects::of_row(desc, "t", 0));
    // What holds somebody's data through a record is reached from there: its own table has no index by people.
    let through = desc.subject_holder().and_then(|(field, holder)| Some((field, holder, holder.subject_field()?)));
    let (from, subject) = match through.filter(|(_, holder, _)| holder.subject_holder().is_none()) {
        Some((field, holder, of)) => {
            let (holder, column) = (holder.table, quoted(field.column));
            let from =
                format!("{holder} h join {table} t on t.org_id = h.org_id and t.{column} = h.id where h.org_id = ");
            (from, format!("h.{}", quoted(of.column)))
        }
        None => (format!("{table} t where t.org_id = "), subject),
    };
    for some in people.chunks(TOGETHER) {
        let mut sql = Sql::bulk(format!("select t.id, {subject}{} from {from}", list.concat()), db.engine());
        sql.bind(org).push(&format!(" and {subject}")).bind_among(some.iter().copied());
        found.extend(read(db, sql, desc, names).await?);
    }
    Ok(found)
}

/// People that one statement asks about.
const TOGETHER: usize = 500;

async fn read(db: &mut Db, sql: Sql, desc: &Descriptor, names: &[&str]) -> Result<Vec<SealedRow>> {
    let kind = |name: &&str| desc.field(name).map_or(ValueType::Bytes, |f| f.ty.kind);
    let kinds = [ValueType::Uuid, ValueType::Uuid].into_iter().chain(names.iter().map(kind));
    let rows = db.all(sql.yields(kinds)).await?;
    rows.into_iter()
        .map(|row| {
            let (id, subject) = (row.uuid(0)?, row.value(1).as_uuid().unwrap_or_default());
            Ok(SealedRow { id, subject, values: row.0.into_iter().skip(2).collect() })
        })
        .collect()
}

/// Sees to it that what was sealed anew, and the keys that were destroyed, are not left behind in the files of the database.
pub async fn wipe(db: &mut Db) -> Result<()> {
    let sealing = db.kinds().resources().filter(|desc| !columns(desc).is_empty()).map(|desc| desc.table);
    leftovers::clean(db, &sealing.chain(["wrapped_keys"]).collect::<Vec<_>>()).await
}
