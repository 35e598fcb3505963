//! Records whatever became of them, deleted ones too: asked for to check or to change something, and told to nobody.

use chrono::NaiveDate;

use crate::model::resource::{Descriptor, Field, Record};
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Sql, quoted};
use crate::store::records::{Deleted, in_state_with, load_where, status_sql};

/// Whether any record has a value in a field, deleted ones too; of one organisation, or of all.
pub async fn any_with(db: &mut Db, desc: &Descriptor, org: Option<i32>, field: &Field, value: &Value) -> Result<bool> {
    let mut sql = Sql::new(format!("select 1 from {} t where t.{} = ", desc.table, quoted(field.column)));
    sql.bind(value.clone());
    if let Some(org) = org {
        sql.push(" and t.org_id = ").bind(org);
    }
    sql.push(" limit 1");
    Ok(db.checking().first(sql.yields([ValueType::Int])).await?.is_some())
}

/// Records of an organisation that are there, in some state, of which a day has passed: the condition of both.
fn due(desc: &Descriptor, (state, day): (&Field, &Field)) -> String {
    let live = status_sql::live(desc, "t");
    format!("t.org_id = $1 and t.{} = $2 and t.{} < $3 and {live}", quoted(state.column), quoted(day.column))
}

/// Some of them.
pub async fn all_due(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    (state, word): (&Field, &str),
    (day, today): (&Field, NaiveDate),
    most: usize,
) -> Result<Vec<Record>> {
    let condition = format!("{} order by t.id limit {most}", due(desc, (state, day)));
    load_where(db, desc, &condition, vec![org.into(), word.into(), Value::Date(today)]).await
}

/// How many there are.
pub async fn count_due(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    (state, word): (&Field, &str),
    (day, today): (&Field, NaiveDate),
) -> Result<u64> {
    let text = format!("select count(*) from {} t where {}", desc.table, due(desc, (state, day)));
    let sql = Sql::new(text).with([org.into(), word.into(), Value::Date(today)]);
    Ok(db.checking().one(sql.yields([ValueType::Int])).await?.int(0)?.unsigned_abs())
}

/// All records of an organisation that have one of some values in a field, deleted ones too.
pub async fn all_with(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    field: &Field,
    values: &[Value],
) -> Result<Vec<Record>> {
    in_state_with(&mut db.checking(), desc, (Some(org), Deleted::Include), field.column, values).await
}
