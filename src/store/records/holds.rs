//! What the law keeps: asked before anything is removed for good, of the record and of what is recorded of it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::settings;
use crate::model::kinds::Kinds;
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Record, Resource as _};
use crate::model::values::value::{Value, ValueType, rfc3339};
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;
use crate::store::trail::merged_ids;

/// Why some records may not go yet: the first that the law keeps, with the rule and the day.
pub async fn held(db: &mut Db, some: &[Record], now: DateTime<Utc>) -> Result<Option<Problem>> {
    // Most are of one person, or of people whose time has passed.
    let mut asked: BTreeMap<(i32, Uuid), bool> = BTreeMap::new();
    for record in some {
        let place = (record.meta.org_id, record.subject());
        if record.hold().is_none() || asked.insert(place, true).is_some() {
            continue;
        }
        if let Some(problem) = kept(db, record, now).await? {
            return Ok(Some(problem));
        }
    }
    Ok(None)
}

async fn kept(db: &mut Db, record: &Record, now: DateTime<Utc>) -> Result<Option<Problem>> {
    let (Some(hold), Some(kind)) = (record.hold(), record.desc.subject_field().and_then(|f| f.target())) else {
        return Ok(None);
    };
    let (org, rule) = (record.meta.org_id, hold.rule);
    let person = super::load(db, kind, org, record.subject()).await?;
    let since = person.as_ref().and_then(|person| person.get(hold.since).as_time());
    let days = settings::get(db, org, hold.days).await?;
    let key = hold.days.declared.key;
    let Some(since) = since else {
        let (title, flag) = (record.title(), hold.since.replace('_', "-"));
        let whom = person.map_or_else(|| "the person".to_owned(), |person| person.title());
        return Ok(Some(
            Problem::conflict(format!("{title} is kept: {rule} ({key}, {days} days), which has not begun for {whom}"))
                .hint(format!(
                    "--{flag} says when the relationship ended; to delete the {} keeps the records",
                    kind.noun
                )),
        ));
    };
    // Whoever brought a paper was there then, whatever is said of the end.
    let until = since.max(record.meta.created_at) + TimeDelta::days(days.into());
    Ok((until > now).then(|| {
        Problem::conflict(format!("{} is kept until {}: {rule} ({key}, {days} days)", record.title(), rfc3339(until)))
            .hint("until then it is only deleted, and comes back with the person")
    }))
}

/// Why what is recorded of somebody may not go yet.
pub async fn held_of(db: &mut Db, kinds: Kinds, (org, id): (i32, Uuid), now: DateTime<Utc>) -> Result<Option<Problem>> {
    let ids = merged_ids(db, org, User::DESCRIPTOR, id).await?;
    let there = told_of(db, kinds, org, &ids).await?;
    held(db, &there, now).await
}

/// The records that are there of kinds that the law keeps, whose data a trail tells as that of some people: also such as are
/// another one's since a merge.
async fn told_of(db: &mut Db, kinds: Kinds, tree: i32, people: &[Uuid]) -> Result<Vec<Record>> {
    let mut found = Vec::new();
    for desc in kinds.resources().filter(|desc| desc.hold.is_some()) {
        // By the index over whose data it is.
        let mut sql =
            Sql::new("select distinct r.resource_id from audit_records r where r.subject_id <> r.resource_id");
        sql.push(" and r.subject_id in ").bind_list(people.iter().map(|id| Value::from(*id)));
        sql.push(" and +r.tree = ").bind(tree).push(" and r.kind = ").bind(desc.noun);
        let ids: Vec<Uuid> =
            db.all(sql.yields([ValueType::Uuid])).await?.iter().map(|row| row.uuid(0)).collect::<Result<_>>()?;
        found.extend(of(db, desc, tree, ids).await?);
    }
    Ok(found)
}

async fn of(db: &mut Db, desc: &'static Descriptor, org: i32, ids: Vec<Uuid>) -> Result<Vec<Record>> {
    super::with_record_ids(db, desc, ids.into_iter().map(|id| (org, id))).await
}
