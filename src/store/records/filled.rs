//! Which tables hold anything: what is asked of each row of a kind need not be asked of kinds that have none, and most have.

use std::collections::BTreeSet;

use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;

/// Those of some tables that have a row, of one organisation or of any, asked for in one statement.
pub async fn filled<'a>(
    db: &mut Db,
    tables: impl Iterator<Item = &'a str>,
    org: Option<i32>,
) -> Result<BTreeSet<&'a str>> {
    let tables: Vec<&str> = tables.collect();
    let of_org = org.map_or(String::new(), |org| format!(" where org_id = {org}"));
    let asked: Vec<String> = tables.iter().map(|table| format!("exists (select 1 from {table}{of_org})")).collect();
    if asked.is_empty() {
        return Ok(BTreeSet::new());
    }
    let sql = Sql::new(format!("select {}", asked.join(", "))).yields(tables.iter().map(|_| ValueType::Bool));
    let row = db.one(sql).await?;
    Ok(tables
        .into_iter()
        .zip(&row.0)
        .filter(|(_, has_rows)| has_rows.as_bool() == Some(true))
        .map(|(t, _)| t)
        .collect())
}
