//! What the program itself has to say, apart from the trail: journal rows, which have no audit record and take no lock.

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::engine::db::Db;
use super::engine::sql::{Row, Sql};
use super::records::settings;
use super::tx::Tx;
use crate::model::kinds::org::SYSTEM;
use crate::model::redact::redact;
use crate::model::setting::LOG_RETENTION_DAYS;
use crate::model::values::value::{Value, ValueType, canonical};

pub const TABLE: &str = "system_log";

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Info,
    Warning,
    Error,
    Critical,
}

impl Level {
    pub const WORDS: [&str; 4] = ["info", "warning", "error", "critical"];

    pub fn as_str(self) -> &'static str {
        Level::WORDS[self as usize]
    }
}

/// One message, not written yet.
#[derive(Debug, Clone)]
pub struct Message {
    pub org: i32,
    pub level: Level,
    /// The command that says it: `audit archive`.
    pub source: String,
    pub message: String,
    pub context: Map<String, Json>,
}

/// One message as it was written.
#[derive(Debug, Clone)]
pub struct Logged {
    pub org: Option<String>,
    pub id: Uuid,
    pub at: DateTime<Utc>,
    pub level: String,
    pub source: String,
    pub message: String,
    pub context: Value,
    pub actor: Option<String>,
    pub request_id: Value,
}

/// What to look for. Everything given must hold.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub org: Option<i32>,
    /// This level and worse ones.
    pub level: Option<String>,
    pub source: Option<String>,
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
    pub behind: Option<(DateTime<Utc>, Uuid)>,
    pub limit: Option<u64>,
}

/// Messages, newest first.
pub async fn list(db: &mut Db, wanted: &Wanted) -> Result<Vec<Logged>> {
    let mut sql = Sql::new(format!(
        "select o.code, l.id, l.at, l.level, l.source, l.message, l.context, coalesce(a.name, a.key), l.request_id
           from {TABLE} l left join orgs o on o.org_id = l.org_id left join actors a on a.actor_id = l.actor_id where true"
    ));
    if let Some(org) = wanted.org {
        sql.push(" and l.org_id = ").bind(org);
    }
    if let Some(level) = &wanted.level {
        let worse = Level::WORDS.iter().skip_while(|w| *w != level).copied();
        if level != "info" {
            // The predicate of the partial index is repeated, so that it serves.
            sql.push(" and l.level <> 'info'");
        }
        sql.push(" and l.level in ").bind_list(worse);
    }
    if let Some(source) = &wanted.source {
        sql.push(" and l.source = ").bind(source.as_str());
    }
    if let Some(since) = wanted.since {
        sql.push(" and l.at >= ").bind(since);
    }
    if let Some(until) = wanted.until {
        sql.push(" and l.at < ").bind(until);
    }
    if let Some((at, id)) = wanted.behind {
        sql.push(" and (l.at, l.id) < (").bind(at).push(", ").bind(id).push(")");
    }
    sql.push(" order by l.at desc, l.id desc");
    if let Some(limit) = wanted.limit {
        sql.push(&format!(" limit {limit}"));
    }
    let kinds = [
        ValueType::Text,
        ValueType::Uuid,
        ValueType::Time,
        ValueType::Text,
        ValueType::Text,
        ValueType::Text,
        ValueType::Json,
        ValueType::Text,
        ValueType::Uuid,
    ];
    let logged = |row: &Row| -> Result<Logged> {
        Ok(Logged {
            org: row.value(0).as_text().map(str::to_owned),
            id: row.uuid(1)?,
            at: row.time(2)?,
            level: row.text(3)?.to_owned(),
            source: row.text(4)?.to_owned(),
            message: row.text(5)?.to_owned(),
            context: row.value(6).clone(),
            actor: row.value(7).as_text().map(str::to_owned),
            request_id: row.value(8).clone(),
        })
    };
    db.all(sql.yields(kinds)).await?.iter().map(logged).collect()
}

/// How long messages are kept.
pub async fn retention(db: &mut Db) -> Result<TimeDelta> {
    Ok(TimeDelta::days(settings::get(db, SYSTEM, LOG_RETENTION_DAYS).await?.into()))
}

/// Rows that go with each new message: so the log keeps itself in bounds without anybody's doing.
const ALONG: i64 = 100;

/// Longest message that is kept.
const LONGEST: usize = 10_000;

impl Tx<'_> {
    /// Writes messages, with what they tell of people taken out, and lets some go that are past their time.
    pub async fn log(&mut self, messages: &[Message]) -> Result<()> {
        let (at, by, request) = (self.at(), self.actor().await?, self.request_id());
        for m in messages {
            let id = self.new_id();
            let message: String = redact(&m.message).chars().take(LONGEST).collect();
            let context = redact(&canonical(&Json::Object(m.context.clone()))?);
            let mut sql = Sql::new(format!(
                "insert into {TABLE} (org_id, id, at, level, source, message, context, actor_id, request_id) values "
            ));
            sql.bind_list([
                Value::from(m.org),
                id.into(),
                at.into(),
                m.level.as_str().into(),
                m.source.as_str().into(),
                message.into(),
                Some(context).filter(|_| !m.context.is_empty()).into(),
                by.into(),
                request.into(),
            ]);
            self.db.execute(sql).await?;
        }
        let before = at - retention(self.db).await?;
        self.prune_log(before, Some(ALONG)).await.map(drop)
    }

    /// Removes messages before a time; how many.
    pub async fn prune_log(&mut self, before: DateTime<Utc>, most: Option<i64>) -> Result<u64> {
        let limit = most.map_or(String::new(), |n| format!(" order by at limit {n}"));
        let sql =
            format!("delete from {TABLE} where (org_id, id) in (select org_id, id from {TABLE} where at < $1{limit})");
        self.db.execute(Sql::new(sql).with([before.into()])).await
    }
}
