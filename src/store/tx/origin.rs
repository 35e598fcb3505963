//! Who writes, and with what right.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::model::clock::Clock;
use crate::model::operator::Operator;
use crate::model::rights::bounds::Bounds;
use crate::model::scope::Scope;
use crate::model::values::value::ValueType;
use crate::model::values::zone::Zone;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;

/// What somebody may do, in one organisation.
#[derive(Clone)]
pub struct Rights {
    pub org: i32,
    /// The records that a permission covers.
    pub covers: Arc<dyn Fn(&str) -> Scope>,
    /// How far it goes what others gain by it.
    pub bounds: Arc<dyn Bounds>,
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rights").field("org", &self.org).finish_non_exhaustive()
    }
}

/// The right to write, for one named permission (`branches:update`). Only the gate issues it (a test holds that), and
/// without it no transaction opens.
#[derive(Debug, Clone)]
pub struct Permit {
    permission: String,
    /// What whoever writes may do; none: everything.
    pub(super) rights: Option<Rights>,
}

impl Permit {
    /// For the gate, once the decision allowed it.
    pub fn issue(permission: &str) -> Permit {
        Permit { permission: permission.to_owned(), rights: None }
    }

    /// For somebody who may not do everything: then each row is asked about.
    #[must_use]
    pub fn within(self, rights: Option<Rights>) -> Permit {
        Permit { rights, ..self }
    }
    pub fn permission(&self) -> &str {
        &self.permission
    }

    /// The resource word of the permission.
    pub(super) fn resource(&self) -> &str {
        self.permission.split_once(':').map_or("", |(resource, _)| resource)
    }
}

/// Who acts, and from where: what all records of one command have in common.
#[derive(Debug, Clone)]
pub struct Origin {
    /// `operator:0@host`: names the actor for good.
    pub actor_key: String,
    pub actor_name: String,
    pub actor_kind: &'static str,
    /// The user who acts, and the organisation that the user is of; none where it is the local operator.
    pub user: Option<(i32, Uuid)>,
    /// The account that the command runs in.
    pub operator: Operator,
    pub source: &'static str,
    pub request_id: Uuid,
    /// The command line, without secrets (they are never in it).
    pub command: Vec<String>,
    pub host: String,
    /// More about the operator: uid, sudo.
    pub details: Map<String, Json>,
    pub started_at: DateTime<Utc>,
    /// By which days begin and end.
    pub zone: Zone,
    /// Somebody said that the clock is right, however far it is from what was recorded last.
    pub clock_is_sure: bool,
}

impl Origin {
    /// The actor's number, which is given on first use.
    pub(super) async fn actor(&self, db: &mut Db, at: DateTime<Utc>) -> Result<Option<i64>> {
        if let Some(known) = find_actor(db, self).await? {
            return Ok(Some(known));
        }
        insert_actor(db, self, at).await?;
        find_actor(db, self).await
    }
}

/// Writes down a new actor before the transaction begins, where writers don't wait for each other anyway: inside it, an
/// operator's first import would hold up that operator's work in every other organisation.
pub async fn ensure_actor(db: &mut Db, origin: &Origin, clock: &dyn Clock) -> Result<()> {
    let schema = Sql::new("select count(*) from pg_tables where schemaname = 'orgctl' and tablename = 'actors'");
    if !db.is_postgres() || db.one(schema.yields([ValueType::Int])).await?.int(0)? == 0 {
        return Ok(());
    }
    if find_actor(db, origin).await?.is_none() {
        insert_actor(db, origin, clock.micros()).await?;
    }
    Ok(())
}

async fn find_actor(db: &mut Db, origin: &Origin) -> Result<Option<i64>> {
    let sql = Sql::new("select actor_id from actors where key = $1").with([origin.actor_key.as_str().into()]);
    db.first(sql.yields([ValueType::Int])).await?.map(|row| row.int(0)).transpose()
}

async fn insert_actor(db: &mut Db, origin: &Origin, at: DateTime<Utc>) -> Result<()> {
    let guard = if db.is_postgres() { " on conflict (key) do nothing" } else { "" };
    let sql = format!("insert into actors (kind, key, name, created_at) values ($1, $2, $3, $4){guard}");
    let (key, name) = (origin.actor_key.as_str(), origin.actor_name.as_str());
    db.execute(Sql::new(sql).with([origin.actor_kind.into(), key.into(), name.into(), at.into()])).await.map(drop)
}
