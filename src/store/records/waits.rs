//! How long records of a kind took from one time to another, in groups: the middle, and what nine of ten keep to.

use chrono::{DateTime, Utc};

use super::status_sql;
use crate::model::resource::Descriptor;
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Sql, quoted};

/// Records that agree in two columns, how many there are, and microseconds (nearest rank).
#[derive(Debug, PartialEq, Eq)]
pub struct Waits {
    pub group: (String, String),
    pub records: i64,
    pub p50: i64,
    pub p90: i64,
}

/// Of all live records of an organisation: from the time in one column to the first of others that is there, or to now.
pub async fn waits(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    (by, from, until): ((&str, &str), &str, &[&str]),
    now: DateTime<Utc>,
) -> Result<Vec<Waits>> {
    let until: Vec<String> = until.iter().map(|column| format!("t.{}", quoted(column))).collect();
    let (from, now_at, until) = (format!("t.{}", quoted(from)), "$2", until.join(", "));
    let wait = match db.is_postgres() {
        true => format!("cast(extract(epoch from coalesce({until}, {now_at}) - {from}) * 1000000 as bigint)"),
        false => format!("coalesce({until}, {now_at}) - {from}"),
    };
    let (one, other) = (quoted(by.0), quoted(by.1));
    let live = status_sql::live(desc, "t");
    let sql = format!(
        "select a, b, n, place, wait from (
            select a, b, wait, row_number() over (partition by a, b order by wait) as place,
                   count(*) over (partition by a, b) as n
            from (select t.{one} as a, t.{other} as b, {wait} as wait from {} t
                  where t.org_id = $1 and {live} and {from} is not null) w) r
         where place = (n + 1) / 2 or place = (n * 9 + 9) / 10 order by a, b, place",
        desc.table
    );
    let kinds = [ValueType::Text, ValueType::Text, ValueType::Int, ValueType::Int, ValueType::Int];
    let mut all: Vec<Waits> = Vec::new();
    for row in db.all(Sql::new(sql).with([org.into(), now.into()]).yields(kinds)).await? {
        let group = (row.text(0)?.to_owned(), row.text(1)?.to_owned());
        let (records, wait) = (row.int(2)?, row.int(4)?);
        match all.last_mut().filter(|last| last.group == group) {
            Some(last) => last.p90 = wait,
            None => all.push(Waits { group, records, p50: wait, p90: wait }),
        }
    }
    Ok(all)
}
