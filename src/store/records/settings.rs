//! The settings that hold, read with one statement.

use anyhow::Result;

use super::load_where;
use crate::model::kinds::org::SYSTEM;
use crate::model::kinds::setting::StoredSetting;
use crate::model::resource::Resource;
use crate::model::resource::stored::Stored;
use crate::model::setting::{Setting, SettingValue, Settings};
use crate::model::values::scalar::ParseContext;
use crate::store::engine::db::Db;

/// All settings that hold in an organisation, or in the installation (SYSTEM). Inside a transaction and outside.
pub async fn for_org(db: &mut Db, org: i32) -> Result<Settings> {
    let condition = format!("t.org_id in ({SYSTEM}, $1) and {OF_NOBODY} order by t.org_id, t.setting");
    let records = load_where(db, StoredSetting::DESCRIPTOR, &condition, vec![org.into()]).await?;
    let stored: Result<Vec<Stored<StoredSetting>>, _> = records.iter().map(Stored::from_record).collect();
    Ok(Settings::new(org, stored?))
}

/// Those that are set for no user, and not taken back; an index serves that.
const OF_NOBODY: &str = "t.user_id is null and t.deleted_at is null";

/// One setting as it holds in an organisation. Where several are wanted, [`for_org`] asks once.
pub async fn get<T: SettingValue>(db: &mut Db, org: i32, setting: Setting<T>) -> Result<T> {
    Ok(for_org(db, org).await?.get(setting)?)
}

/// What parsing and new records depend on in an organisation.
pub async fn parse_context(db: &mut Db, org: i32) -> Result<ParseContext> {
    Ok(for_org(db, org).await?.rules()?)
}
