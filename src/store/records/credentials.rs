//! What users prove themselves with: the hash of a password, and those that it had before.

use chrono::{DateTime, Days, Utc};
use serde_json::Map;
use uuid::Uuid;

use crate::model::kinds::credential::Credential;
use crate::model::kinds::former_password::FormerPassword;
use crate::model::kinds::token::{Token, TokenPurpose};
use crate::model::kinds::user::CAN_LOGIN;
use crate::model::password::{Params, StoredHash};
use crate::model::problem::Problem;
use crate::model::random::bytes;
use crate::model::resource::stored::Stored;
use crate::model::resource::{Record, Resource as _};
use crate::model::setting::{self, Settings};
use crate::model::trail::audit::{Action, ChangeNote};
use crate::model::values::scalar::{Concealed, Digest, Moment, Ref};
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;
use crate::store::records;
use crate::store::tx::Tx;

/// A user's credential, its hash read.
pub struct Held {
    pub password: StoredHash,
    pub stored: Stored<Credential>,
}

impl Held {
    /// Counts every change of it.
    pub fn version(&self) -> i64 {
        self.stored.meta.version
    }

    /// When the password must have been changed: none where it may stay. The user's own days count before those of the
    /// settings, and 0 days are never.
    pub fn expires_at(&self, settings: &Settings) -> Result<Option<DateTime<Utc>>> {
        let credential = &self.stored.value;
        let own = credential.expiry_days.as_ref().map(|days| days.0);
        let days = own.map_or_else(|| settings.get(setting::PASSWORD_EXPIRY_DAYS), Ok)?;
        Ok(if days == 0 { None } else { credential.changed_at.0.checked_add_days(Days::new(days.into())) })
    }
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

/// The columns of a user: organisation and id.
fn user_id_values(user: &Record) -> [Value; 2] {
    [user.meta.org_id.into(), user.meta.id.into()]
}

fn read(text: &str) -> Result<StoredHash> {
    let unfit =
        |_| Problem::integrity("a stored password hash can't be read").hint("set a new password: 'user passwd'");
    Ok(StoredHash::parse(text).map_err(unfit)?)
}

/// A user's credential; none where there never was one.
pub async fn load(db: &mut Db, user: &Record) -> Result<Option<Held>> {
    let desc = Credential::DESCRIPTOR;
    let Some(field) = desc.subject_field() else { return Ok(None) };
    let found = records::with_value(db, desc, Some(user.meta.org_id), field, &user.meta.id.into()).await?;
    let Some(record) = found.first() else { return Ok(None) };
    let stored = Stored::<Credential>::from_record(record)?;
    Ok(Some(Held { password: read(stored.value.password.expose())?, stored }))
}

/// Users who may sign in and have nothing to sign in with, of an organisation or of some records: how many.
pub async fn without_password(db: &mut Db, org: i32, users: Option<&[Uuid]>) -> Result<u64> {
    let mut sql = Sql::new(
        "select count(*) from users t where t.can_login and t.deleted_at is null
            and not exists (select 1 from credentials c where c.org_id = t.org_id and c.user_id = t.id and c.deleted_at is null)
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
    let sql = "select hash from password_history where org_id = $1 and user_id = $2 order by at desc, id desc";
    let rows = db.all(Sql::new(sql).with(user_id_values(user)).yields([ValueType::Text])).await?;
    rows.iter().map(|r| read(r.text(0)?)).collect()
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
        if let Some(old) = &before {
            let former = FormerPassword { user_id: Ref::new(user.meta.id), hash: Concealed::new(old.password.text()) };
            self.note(FormerPassword::DESCRIPTOR, vec![(user.meta.org_id, former.into_values())]).await?;
            self.flush().await?;
            let sql = "delete from password_history where org_id = $1 and user_id = $2 and id not in (
                           select id from password_history where org_id = $1 and user_id = $2 order by at desc, id desc limit $3)";
            self.db.execute(Sql::new(sql).with(user_id_values(user)).with([i64::from(keep).into()])).await?;
        }
        let at = self.at();
        self.put_password(user, before, password, (must_change, at), "changed").await
    }

    /// Keeps the same password under a hash of our own, in the place of another's.
    pub async fn rehash(&mut self, user: &Record, password: &StoredHash, must_change: bool) -> Result<()> {
        let before = load(self.db, user).await?;
        // As old as it was: a better hash is no new password.
        let changed_at = before.as_ref().map_or(self.at(), |held| held.stored.value.changed_at.0);
        self.put_password(user, before, password, (must_change, changed_at), "hashed anew").await
    }

    async fn put_password(
        &mut self,
        user: &Record,
        before: Option<Held>,
        password: &StoredHash,
        (must_change, changed_at): (bool, DateTime<Utc>),
        done: &str,
    ) -> Result<()> {
        let key = bytes(self.random());
        let made = Credential { must_change, ..Credential::new(user.meta.id, password, key, changed_at) };
        let details = Map::from_iter([("password".to_owned(), done.into())]);
        let telling = ChangeNote { action: Action::PasswordChange, details };
        if let Some(held) = before {
            let made = Credential { expiry_days: held.stored.value.expiry_days, ..made };
            return self.update_as(&held.stored, made, telling).await.map(drop);
        }
        let (by, id) = (self.actor().await?, self.new_id());
        let meta = self.new_meta(user.meta.org_id, id, by);
        let called = vec![user.key()];
        let record = Record { referred: called, ..Record::new(Credential::DESCRIPTOR, meta, made.into_values()) };
        self.insert_telling(record, telling).await
    }

    /// Makes an invitation, known by the hash of its token; earlier ones end.
    pub async fn invite(&mut self, user: &Record, hash: &[u8; 32], expires_at: DateTime<Utc>) -> Result<()> {
        self.end_invitations(user).await?;
        let token = Token {
            user_id: Ref::new(user.meta.id),
            purpose: TokenPurpose::Invitation,
            hash: Digest(*hash),
            expires_at: Moment(expires_at),
            requested_ip: None,
            used_at: None,
            used_ip: None,
            user_agent: None,
        };
        let id = self.new_id();
        self.insert(Token::DESCRIPTOR, user.meta.org_id, id, token.into_values()).await.map(drop)
    }

    /// Lets no token of an invitation serve any more.
    pub async fn end_invitations(&mut self, user: &Record) -> Result<()> {
        let (at, by) = (self.at(), self.actor().await?);
        self.flush().await?;
        let sql = "update tokens set expires_at = $3, updated_at = $3, updated_by = $4, version = version + 1
                    where org_id = $1 and user_id = $2 and purpose = 'invitation' and used_at is null and expires_at > $3";
        self.db.execute(Sql::new(sql).with(user_id_values(user)).with([at.into(), by.into()])).await.map(drop)
    }
}
