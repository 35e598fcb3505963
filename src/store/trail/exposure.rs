//! Whose sealed data was shown, as the trail tells it: records of `reveal`, and of exports that handed out more than masks.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::actors;
use crate::model::trail::audit::Action;
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;

/// In the record of an export: whose sealed data it hands out, and how.
pub const SUBJECTS: &str = "subjects";
/// In the record of a reveal, and of an export: which fields.
pub const FIELDS: &str = "fields";

/// What was shown of somebody.
#[derive(Debug, Clone)]
pub struct Exposure {
    pub first: DateTime<Utc>,
    pub last: DateTime<Utc>,
    /// How often.
    pub times: i64,
    /// `reveal`, `export`.
    pub how: BTreeSet<String>,
    pub fields: BTreeSet<String>,
}

/// What an actor was shown since a time in an organisation, by whose it is. The index of what is shown serves it, however long the
/// trail is.
pub async fn exposures(
    db: &mut Db,
    org: i32,
    actor: &str,
    since: Option<DateTime<Utc>>,
) -> Result<BTreeMap<Uuid, Exposure>> {
    let actors = actors(db, actor).await?;
    let mut found: BTreeMap<Uuid, Exposure> = BTreeMap::new();
    if actors.is_empty() {
        return Ok(found);
    }
    let mut sql = Sql::new(
        "select q.at, a.action, coalesce(a.subject_id, a.resource_id), a.payload
           from audit_records a join audit_requests q
                on q.tree = a.tree and q.first_seq = (select max(first_seq) from audit_requests
                                                       where tree = a.tree and first_seq <= a.seq)
          where q.status = 'success' and a.action in ('export', 'reveal') and a.tree = ",
    );
    sql.bind(org).push(" and q.actor_id in ").bind_list(actors);
    if let Some(since) = since {
        sql.push(" and q.at >= ").bind(since);
    }
    let kinds = [ValueType::Time, ValueType::Text, ValueType::Uuid, ValueType::Text];
    db.each(sql.yields(kinds), |row| {
        let (at, how) = (row.time(0)?, row.text(1)?);
        // What is erased tells no fields any more, but whom it was about.
        let payload: Map<String, Json> = match row.value(3).as_text() {
            Some(text) => serde_json::from_str(text)?,
            None => Map::new(),
        };
        let texts = |name: &str| {
            let list = payload.get(name).and_then(Json::as_array).into_iter().flatten();
            list.filter_map(Json::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        let about: Vec<Uuid> = match how == Action::Reveal.as_str() {
            true => row.value(2).as_uuid().into_iter().collect(),
            false => texts(SUBJECTS).iter().filter_map(|id| Uuid::try_parse(id).ok()).collect(),
        };
        for id in about {
            let new = || Exposure { first: at, last: at, times: 0, how: BTreeSet::new(), fields: BTreeSet::new() };
            let it = found.entry(id).or_insert_with(new);
            (it.first, it.last, it.times) = (it.first.min(at), it.last.max(at), it.times + 1);
            it.how.insert(how.to_owned());
            it.fields.extend(texts(FIELDS));
        }
        Ok(())
    })
    .await?;
    Ok(found)
}
