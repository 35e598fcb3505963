//! How many people there are.

use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;

/// How many users are in use in an organisation, or in all that are.
pub async fn count_active(db: &mut Db, org: Option<i32>) -> Result<u64> {
    let sql = match org {
        Some(org) => Sql::new("select count(*) from users where is_active and deleted_at is null and org_id = $1")
            .with([org.into()]),
        None => Sql::new(
            "select count(*) from users u join orgs o on o.org_id = u.org_id
              where u.is_active and u.deleted_at is null and o.is_active and o.deleted_at is null",
        ),
    };
    Ok(u64::try_from(db.one(sql.yields([ValueType::Int])).await?.int(0)?)?)
}
