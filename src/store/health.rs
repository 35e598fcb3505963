//! What there is to know of a database at a glance.

use chrono::{DateTime, Utc};

use super::engine::db::Db;
use super::engine::sql::Sql;
use crate::model::values::value::ValueType;
use crate::store::Result;

/// How it stands with the trail and the clocks.
#[derive(Debug, Default)]
pub struct Health {
    /// When the last record was made.
    pub last_record: Option<DateTime<Utc>>,
    /// What the server's clock says; SQLite has none.
    pub server: Option<DateTime<Utc>>,
    pub records: i64,
    pub last_checkpoint: Option<DateTime<Utc>>,
    /// Records that no checkpoint covers.
    pub uncovered: i64,
}

pub async fn look(db: &mut Db) -> Result<Health> {
    let heads = "select h.size, h.at, coalesce((select max(c.size) from audit_checkpoints c where c.tree = h.tree), 0)
                   from audit_heads h where h.size > 0";
    let mut health = Health::default();
    for row in db.all(Sql::new(heads).yields([ValueType::Int, ValueType::Time, ValueType::Int])).await? {
        health.records += row.int(0)?;
        health.uncovered += row.int(0)? - row.int(2)?;
        health.last_record = health.last_record.max(Some(row.time(1)?));
    }
    let last = Sql::new("select max(at) from audit_checkpoints").yields([ValueType::Time]);
    health.last_checkpoint = db.one(last).await?.value(0).as_time();
    if db.is_postgres() {
        let now = Sql::new("select clock_timestamp()").yields([ValueType::Time]);
        health.server = db.one(now).await?.value(0).as_time();
    }
    Ok(health)
}
