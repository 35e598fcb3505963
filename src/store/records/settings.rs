//! The rows of settings: read with one query, written through [`Tx`] with their audit records.

use anyhow::Result;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::model::kinds::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::setting::{Setting, SettingValue, Settings, StoredSetting};
use crate::model::trail::audit::{ChangeNote, Effect, Event, Payload};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, ValueType};
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Row, Sql, quoted};
use crate::store::tx::Tx;

pub const TABLE: &str = "settings";
/// Name of the kind in audit records.
pub const NOUN: &str = "setting";

/// Every column of the table.
pub const COLUMNS: &[(&str, ValueType)] = &[
    ("org_id", ValueType::Int),
    ("id", ValueType::Uuid),
    ("key", ValueType::Text),
    ("value", ValueType::Text),
    ("created_at", ValueType::Time),
    ("created_by", ValueType::Int),
    ("updated_at", ValueType::Time),
    ("updated_by", ValueType::Int),
    ("version", ValueType::Int),
];

fn columns() -> String {
    COLUMNS.iter().map(|(name, _)| quoted(name)).collect::<Vec<_>>().join(", ")
}

fn select() -> Sql {
    let columns: Vec<String> = COLUMNS.iter().map(|(name, _)| format!("t.{}", quoted(name))).collect();
    let text = format!(
        "select {}, a.name from {TABLE} t left join actors a on a.actor_id = t.updated_by ",
        columns.join(", ")
    );
    Sql::new(text).yields(COLUMNS.iter().map(|(_, kind)| *kind).chain([ValueType::Text]))
}

fn stored(row: &Row) -> Result<StoredSetting> {
    Ok(StoredSetting {
        org: row.org(0)?,
        id: row.uuid(1)?,
        key: row.text(2)?.to_owned(),
        value: row.text(3)?.to_owned(),
        created_at: row.time(4)?,
        created_by: row.int(5)?,
        updated_at: row.time(6)?,
        updated_by: row.int(7)?,
        version: row.int(8)?,
        changed_by: row.value(9).as_text().map(str::to_owned),
    })
}

/// The values of [`COLUMNS`].
fn values(stored: &StoredSetting) -> Vec<Value> {
    vec![
        stored.org.into(),
        stored.id.into(),
        stored.key.as_str().into(),
        stored.value.as_str().into(),
        stored.created_at.into(),
        stored.created_by.into(),
        stored.updated_at.into(),
        stored.updated_by.into(),
        stored.version.into(),
    ]
}

/// All settings that hold in an organisation, or in the installation (SYSTEM). Inside a transaction and outside.
pub async fn for_org(db: &mut Db, org: i32) -> Result<Settings> {
    let mut sql = select();
    sql.push("where t.org_id in (").bind(SYSTEM).push(", ").bind(org).push(") order by t.org_id, t.key");
    let rows = db.all(sql).await?;
    Ok(Settings::new(org, rows.iter().map(stored).collect::<Result<_>>()?))
}

/// One setting as it holds in an organisation. Where several are wanted, [`for_org`] asks once.
pub async fn get<T: SettingValue>(db: &mut Db, org: i32, setting: Setting<T>) -> Result<T> {
    Ok(for_org(db, org).await?.get(setting)?)
}

/// What parsing and new records depend on in an organisation.
pub async fn parse_context(db: &mut Db, org: i32) -> Result<ParseContext> {
    Ok(for_org(db, org).await?.rules()?)
}

/// Every row of every organisation, or those of one.
pub async fn rows(db: &mut Db, org: Option<i32>) -> Result<Vec<StoredSetting>> {
    let mut sql = select();
    if let Some(org) = org {
        sql.push("where t.org_id = ").bind(org);
    }
    sql.push(" order by t.org_id, t.key");
    db.all(sql).await?.iter().map(stored).collect()
}

impl Tx<'_> {
    /// Sets a key of an organisation to a canonical text; `before` is its row, as read under the lock.
    pub async fn set_setting(
        &mut self,
        org: i32,
        key: &str,
        value: &str,
        before: Option<&StoredSetting>,
        telling: impl Into<ChangeNote>,
    ) -> Result<()> {
        self.flush().await?;
        let (at, by) = (self.at(), self.actor().await?);
        let id = match before {
            Some(before) => {
                let mut sql = Sql::new(format!("update {TABLE} set value = "));
                sql.bind(value).push(", updated_at = ").bind(at).push(", updated_by = ").bind(by);
                sql.push(", version = version + 1 where org_id = ").bind(org).push(" and id = ").bind(before.id);
                sql.push(" and version = ").bind(before.version);
                self.one_row(sql, key).await?;
                before.id
            }
            None => {
                let row = StoredSetting {
                    org,
                    id: self.new_id(),
                    key: key.to_owned(),
                    value: value.to_owned(),
                    created_at: at,
                    created_by: by,
                    updated_at: at,
                    updated_by: by,
                    version: 1,
                    changed_by: None,
                };
                let mut sql = Sql::new(format!("insert into {TABLE} ({}) values ", columns()));
                sql.bind_list(values(&row));
                self.one_row(sql, key).await?;
                row.id
            }
        };
        let old = json!({ "value": before.map(|b| b.value.as_str()) });
        let effect = if before.is_some() { Effect::Update } else { Effect::Create };
        self.setting_changed((org, id, effect), key, old, value.into(), telling.into()).await
    }

    /// Takes a row away, so that what is behind it holds again. Its record holds all of it.
    pub async fn reset_setting(&mut self, before: &StoredSetting, telling: impl Into<ChangeNote>) -> Result<()> {
        self.flush().await?;
        let mut sql = Sql::new(format!("delete from {TABLE} where org_id = "));
        sql.bind(before.org).push(" and id = ").bind(before.id).push(" and version = ").bind(before.version);
        self.one_row(sql, &before.key).await?;
        let whole = COLUMNS.iter().zip(values(before)).filter(|((name, _), _)| !matches!(*name, "org_id" | "id"));
        let old: Map<String, Json> = whole.map(|((name, _), value)| ((*name).to_owned(), value.to_json())).collect();
        let changed = (before.org, before.id, Effect::Purge);
        self.setting_changed(changed, &before.key, old.into(), Json::Null, telling.into()).await
    }

    async fn one_row(&mut self, sql: Sql, key: &str) -> Result<()> {
        match self.db.execute(sql).await? {
            1 => Ok(()),
            _ => Err(Problem::conflict(format!("{key} was changed by somebody else in the meantime"))
                .hint(format!("look at it again: orgctl setting explain {key}"))
                .into()),
        }
    }

    async fn setting_changed(
        &mut self,
        (org, id, effect): (i32, Uuid, Effect),
        key: &str,
        old: Json,
        value: Json,
        telling: ChangeNote,
    ) -> Result<()> {
        let ChangeNote { action, details } = telling;
        let new = json!({ "value": value });
        let payload = Payload {
            key: Some(key.to_owned()),
            old: old.as_object().cloned(),
            new: new.as_object().cloned(),
            details,
        };
        let event = Event { effect, ..Event::without_effect(action.as_str(), NOUN, id) };
        self.append(org, event, payload).await
    }
}
