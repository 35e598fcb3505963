//! Whose data records hold that tell it through others: what is within somebody's record is that one's, too.

use std::collections::HashMap;

use uuid::Uuid;

use crate::model::resource::Descriptor;
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Sql, quoted};

/// For records of a kind that has a subject, by id, whose data they hold. Who is somebody is so himself.
pub async fn of(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    ids: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Uuid>> {
    let ids: Vec<Uuid> = ids.collect();
    let mut found = HashMap::new();
    for some in ids.chunks(MANY) {
        let mut sql =
            Sql::new(format!("select t.id, {} from {} t where t.org_id = ", of_row(desc, "t", 0), desc.table));
        sql.bind(org).push(" and t.id in ").bind_list(some.iter().map(|id| Value::from(*id)));
        for row in db.all(sql.yields([ValueType::Uuid, ValueType::Uuid])).await? {
            found.insert(row.uuid(0)?, row.value(1).as_uuid().unwrap_or_default());
        }
    }
    Ok(found)
}

/// Ids that one statement takes.
const MANY: usize = 1000;

/// The expression of whose data the row of an alias holds.
pub(in crate::store) fn of_row(desc: &Descriptor, alias: &str, depth: usize) -> String {
    let Some(field) = desc.subject_field() else { return format!("{alias}.id") };
    let (column, holder) = (quoted(field.column), format!("s{depth}"));
    match field.target().filter(|target| target.subject_field().is_some()) {
        None => format!("{alias}.{column}"),
        Some(target) => format!(
            "(select {} from {} {holder} where {holder}.org_id = {alias}.org_id and {holder}.id = {alias}.{column})",
            of_row(target, &holder, depth + 1),
            target.table
        ),
    }
}
