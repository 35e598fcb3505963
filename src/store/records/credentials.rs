//! What users prove themselves with: the hash of a password, and those that it had before.

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::model::kinds::user::CAN_LOGIN;
use crate::model::password::{Params, StoredHash};
use crate::model::problem::Problem;
use crate::model::resource::Record;
use crate::model::setting::{self, Settings};
use crate::model::trail::audit::{Action, Effect, Event, Payload};
use crate::model::values::value::{Value, ValueType, rfc3339};
use crate::store::engine::db::Db;
use crate::store::engine::load::Loader;
use crate::store::engine::sql::Sql;
use crate::store::tx::Tx;

/// A user's credential.
pub struct Credential {
    pub password: Option<StoredHash>,
    pub changed_at: DateTime<Utc>,
    pub must_change: bool,
    /// Counts every change of the row.
    pub version: i64,
}

/// Whether somebody may sign in at a time.
pub fn may_sign_in(user: &Record, at: DateTime<Utc>) -> bool {
    user.has_access(at) && user.is_true(CAN_LOGIN)
}

/// What new passwords are hashed with.
pub fn params(settings: &Settings) -> Result<Params> {
    let (memory, passes) = (settings.get(setting::ARGON2_MEMORY_KIB)?, settings.get(setting::ARGON2_PASSES)?);
    let refused = |r| Problem::invalid(format!("the settings argon2.* {r}")).hint("see 'orgctl setting list'");
    Ok(Params::new(memory, passes, settings.get(setting::ARGON2_LANES)?).map_err(refused)?)
}

/// What is written of a first password, as [`first`] gives it.
const COLUMNS: &[&str] = &[
    "org_id",
    "user_id",
    "password",
    "changed_at",
    "must_change",
    "created_at",
    "created_by",
    "updated_at",
    "updated_by",
    "version",
];

/// For loading many.
pub async fn loader(db: &mut Db) -> Result<Loader> {
    Loader::new(db, "credentials", COLUMNS, 1).await
}

/// The row of a first password.
pub fn first(org: i32, user: Uuid, hash: &str, at: DateTime<Utc>, by: i64) -> Vec<Value> {
    vec![
        org.into(),
        user.into(),
        hash.into(),
        at.into(),
        false.into(),
        at.into(),
        by.into(),
        at.into(),
        by.into(),
        1_i64.into(),
    ]
}

/// The columns of a user: organisation and id.
fn user_id_values(user: &Record) -> [Value; 2] {
    [user.meta.org_id.into(), user.meta.id.into()]
}

fn stored(text: &str) -> Result<StoredHash> {
    let unfit =
        |_| Problem::integrity("a stored password hash can't be read").hint("set a new password: 'user passwd'");
    Ok(StoredHash::parse(text).map_err(unfit)?)
}

/// A user's credential; none where there never was one.
pub async fn load(db: &mut Db, user: &Record) -> Result<Option<Credential>> {
    let sql = "select password, changed_at, must_change, version from credentials where org_id = $1 and user_id = $2";
    let sql = Sql::new(sql).with(user_id_values(user)).yields([
        ValueType::Text,
        ValueType::Time,
        ValueType::Bool,
        ValueType::Int,
    ]);
    let Some(row) = db.first(sql).await? else { return Ok(None) };
    Ok(Some(Credential {
        password: row.value(0).as_text().map(stored).transpose()?,
        changed_at: row.time(1)?,
        must_change: row.value(2).as_bool().unwrap_or_default(),
        version: row.int(3)?,
    }))
}

/// Users who may sign in and have nothing to sign in with, of an organisation or of some records: how many.
pub async fn without_password(db: &mut Db, org: i32, users: Option<&[Uuid]>) -> Result<u64> {
    let mut sql = Sql::new(
        "select count(*) from users t where t.can_login and t.deleted_at is null
            and not exists (select 1 from credentials c where c.org_id = t.org_id and c.user_id = t.id and c.password is not null)
            and t.org_id = ",
    );
    sql.bind(org);
    if let Some(users) = users {
        sql.push(" and t.id in ").bind_list(users.iter().copied());
    }
    Ok(u64::try_from(db.one(sql.yields([ValueType::Int])).await?.int(0)?)?)
}

/// Hashes that a user had before, the newest first.
pub async fn history(db: &mut Db, user: &Record) -> Result<Vec<StoredHash>> {
    let sql = "select password from password_history where org_id = $1 and user_id = $2 order by number desc";
    let rows = db.all(Sql::new(sql).with(user_id_values(user)).yields([ValueType::Text])).await?;
    rows.iter().map(|r| stored(r.text(0)?)).collect()
}

/// What may be told of a credential: never the hash.
pub async fn about(db: &mut Db, user: &Record) -> Result<Json> {
    Ok(match load(db, user).await? {
        None => Json::Null,
        Some(c) => json!({
            "scheme": c.password.as_ref().map(StoredHash::scheme),
            "changed_at": rfc3339(c.changed_at),
            "must_change": c.must_change,
            "earlier_passwords": history(db, user).await?.len(),
        }),
    })
}

/// What may be told of a user's tokens: never their hashes.
pub async fn tokens(db: &mut Db, user: &Record) -> Result<Json> {
    let sql = "select purpose, created_at, expires_at, used_at from tokens where org_id = $1 and user_id = $2
                order by created_at, id";
    let kinds = [ValueType::Text, ValueType::Time, ValueType::Time, ValueType::Time];
    let rows = db.all(Sql::new(sql).with(user_id_values(user)).yields(kinds)).await?;
    rows.iter()
        .map(|r| {
            Ok(json!({
                "purpose": r.text(0)?,
                "created_at": rfc3339(r.time(1)?),
                "expires_at": rfc3339(r.time(2)?),
                "used_at": r.value(3).as_time().map(rfc3339),
            }))
        })
        .collect()
}

impl Tx<'_> {
    /// Sets a user's password, as its hash; the one before is remembered among the last `keep`.
    pub async fn set_password(
        &mut self,
        user: &Record,
        password: &StoredHash,
        must_change: bool,
        keep: u32,
    ) -> Result<()> {
        let before = load(self.db, user).await?;
        if let Some(old) = before.as_ref().and_then(|b| b.password.as_ref()) {
            let sql = "insert into password_history (org_id, user_id, number, password, created_at, created_by)
                       select $1, $2, coalesce(max(number), 0) + 1, $3, $4, $5 from password_history
                        where org_id = $1 and user_id = $2";
            let args = [old.text().into(), self.at().into(), self.actor().await?.into()];
            self.db.execute(Sql::new(sql).with(user_id_values(user)).with(args)).await?;
        }
        let sql = "delete from password_history where org_id = $1 and user_id = $2 and number <= (
                       select max(number) - $3 from password_history where org_id = $1 and user_id = $2)";
        self.db.execute(Sql::new(sql).with(user_id_values(user)).with([i64::from(keep).into()])).await?;
        let at = self.at();
        self.put_password(user, password, must_change, at).await?;
        let mut details = Map::new();
        details.insert("password".into(), "changed".into());
        details.insert("scheme".into(), password.scheme().into());
        details.insert("must_change".into(), must_change.into());
        let payload = Payload { key: Some(user.key()), details, ..Payload::default() };
        // The user's own row stays as it is.
        self.append(user.meta.org_id, Event::of(user, Action::PasswordChange, Effect::None), payload).await
    }

    /// Keeps the same password under a hash of our own, in the place of another's.
    pub async fn rehash(&mut self, user: &Record, password: &StoredHash, must_change: bool) -> Result<()> {
        // As old as it was: a better hash is no new password.
        let changed_at = load(self.db, user).await?.map_or(self.at(), |c| c.changed_at);
        self.put_password(user, password, must_change, changed_at).await?;
        let mut details = Map::new();
        details.insert("password".into(), "hashed anew".into());
        details.insert("scheme".into(), password.scheme().into());
        let payload = Payload { key: Some(user.key()), details, ..Payload::default() };
        // The user's own row stays as it is.
        self.append(user.meta.org_id, Event::of(user, Action::PasswordChange, Effect::None), payload).await
    }

    /// Makes an invitation, known by the hash of its token; earlier ones end.
    pub async fn invite(&mut self, user: &Record, hash: &[u8], expires_at: DateTime<Utc>) -> Result<()> {
        self.end_invitations(user).await?;
        let (at, id) = (self.at(), self.new_id());
        let sql = "insert into tokens (org_id, user_id, id, purpose, hash, created_at, expires_at)
                   values ($1, $2, $3, 'invitation', $4, $5, $6)";
        let args = [Value::from(id), hash.to_vec().into(), at.into(), expires_at.into()];
        self.db.execute(Sql::new(sql).with(user_id_values(user)).with(args)).await.map(drop)
    }

    /// Lets no token of an invitation serve any more.
    pub async fn end_invitations(&mut self, user: &Record) -> Result<()> {
        let sql = "update tokens set expires_at = $3 where org_id = $1 and user_id = $2 and purpose = 'invitation'
                      and used_at is null and expires_at > $3";
        let at = self.at();
        self.db.execute(Sql::new(sql).with(user_id_values(user)).with([at.into()])).await.map(drop)
    }

    async fn put_password(
        &mut self,
        user: &Record,
        password: &StoredHash,
        must_change: bool,
        changed_at: DateTime<Utc>,
    ) -> Result<()> {
        let (at, by) = (self.at(), self.actor().await?);
        let mut row = first(user.meta.org_id, user.meta.id, password.text(), at, by);
        row[3] = changed_at.into();
        row[4] = must_change.into();
        let mut sql = Sql::new(format!("insert into credentials ({}) values ", COLUMNS.join(", ")));
        sql.bind_list(row);
        sql.push(
            " on conflict (org_id, user_id) do update set password = excluded.password, changed_at = excluded.changed_at,
                  must_change = excluded.must_change, updated_at = excluded.updated_at, updated_by = excluded.updated_by,
                  version = credentials.version + 1",
        );
        self.db.execute(sql).await.map(drop)
    }
}
