//! Records whatever became of them, deleted ones too: asked for to check or to change something, and told to nobody.

use crate::model::resource::{Descriptor, Field, Record};
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Sql, quoted};
use crate::store::records::{Deleted, in_state_with};

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
