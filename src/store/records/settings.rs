//! The settings that hold, read with one statement.

use super::load_where;
use crate::model::kinds::org::SYSTEM;
use crate::model::kinds::setting::StoredSetting;
use crate::model::resource::Resource as _;
use crate::model::resource::stored::Stored;
use crate::model::setting::{Place, Setting, SettingValue, Settings};
use crate::model::values::scalar::ParseContext;
use crate::store::Result;
use crate::store::engine::db::Db;

/// All settings that hold in an organisation, or in the installation (SYSTEM).
pub async fn for_org(db: &mut Db, org: i32) -> Result<Settings> {
    for_place(db, Place::of(org)).await
}

/// All settings that hold somewhere. Inside a transaction and outside.
pub async fn for_place(db: &mut Db, place: Place) -> Result<Settings> {
    // Each side of it by the index over users: what others have set for themselves is not gone through.
    let mut condition = format!("t.org_id in ({SYSTEM}, $1) and t.user_id is null and t.deleted_at is null");
    let mut args = vec![place.org.into()];
    if let Some(user) = place.user {
        condition = format!("({condition} or t.org_id = $1 and t.user_id = $2 and t.deleted_at is null)");
        args.push(user.into());
    }
    // What holds, holds for who may not look at it too.
    let records = load_where(&mut db.checking(), StoredSetting::DESCRIPTOR, &condition, args).await?;
    let stored: Result<Vec<Stored<StoredSetting>>, _> = records.iter().map(Stored::from_record).collect();
    Ok(Settings::new(place, stored?))
}

/// One setting as it holds in an organisation. Where several are wanted, [`for_org`] asks once.
pub async fn get<T: SettingValue>(db: &mut Db, org: i32, setting: Setting<T>) -> Result<T> {
    Ok(for_org(db, org).await?.get(setting)?)
}

/// What parsing and new records depend on in an organisation.
pub async fn parse_context(db: &mut Db, org: i32) -> Result<ParseContext> {
    Ok(for_org(db, org).await?.rules()?)
}
