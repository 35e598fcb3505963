//! The one write path: rows and their audit records in the same transaction.

mod append;
mod authorize;
mod bulk;
mod inactive;
mod journal;
mod lists;
mod lock;
mod protected;
mod rows;
mod typed;

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use self::append::Request;
use self::authorize::Asked;
pub use self::authorize::Rights;
pub use self::bulk::{Loaders, PreparedLink, PreparedRow};
use self::inactive::NewReference;
pub use self::inactive::not_in_charge;
pub use self::journal::{BATCH as PRUNED_AT_ONCE, JOURNAL_WAIT, kept_since};
pub use self::lists::{LinkMaker, ListSet, Wanted};
use self::lock::begin_immediate;
pub(super) use self::lock::until_free;
use super::engine::db::{Conn, Db};
use super::engine::location::Engine;
use super::engine::sql::Sql;
use super::engine::sqlite;
use super::invariants;
use super::records::touched::Touched;
use crate::model::clock::Clock;
use crate::model::kinds::Kinds;
use crate::model::random::{BufferedRandom, Ids, Random};
use crate::model::redact::secrets;
use crate::model::resource::{Descriptor, Meta, Record};
use crate::model::signals;
use crate::model::trail::audit::Status;
use crate::model::trail::merkle::Frontier;
use crate::model::values::value::{Value, ValueType};
use crate::model::values::zone::Zone;
use crate::store::{Error, Result};

/// The right to write, for one named permission (`branches:update`). Only the gate issues it (a test holds that), and
/// without it no transaction opens.
#[derive(Debug, Clone)]
pub struct Permit {
    permission: String,
    /// What whoever writes may do; none: everything.
    rights: Option<Rights>,
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
    fn resource(&self) -> &str {
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

#[derive(Clone)]
struct LockedHead {
    frontier: Frontier,
    first: Option<Request>,
    /// Somebody else appends to the tree, with [`Tx::detach`].
    lent: bool,
}

/// Rows written by one statement: some thousand arguments.
const BATCH: usize = 100;

/// Rows of one kind that a statement changes, and audit records that one writes.
const TOGETHER: usize = 1000;

/// What [`Tx::savepoint`] remembers.
pub struct Savepoint {
    heads: BTreeMap<i32, LockedHead>,
    touched: usize,
    referred: usize,
    filled: usize,
    defining: usize,
    actor_id: Option<i64>,
}

/// A transaction that can write.
pub struct Tx<'a> {
    pub db: &'a mut Db,
    permit: Permit,
    origin: &'a Origin,
    status: Status,
    error: Option<String>,
    clock: &'a dyn Clock,
    random: &'a dyn Random,
    at: DateTime<Utc>,
    actor_id: Option<i64>,
    heads: BTreeMap<i32, LockedHead>,
    ids: Ids,
    touched: Vec<Touched>,
    /// Rows and audit records that wait to be written together.
    waiting_rows: Vec<Record>,
    waiting_audit: Vec<Vec<Value>>,
    /// What records were made to refer to: what is inactive takes none anew.
    referred: Vec<NewReference>,
    /// Records that came back: what refers to them came back with them.
    restored: HashSet<Uuid>,
    /// Whether what is inactive takes new ones all the same.
    takes_unused: bool,
    /// Kinds that a bulk load filled: their rules are checked over the whole organisation.
    filled: Vec<(&'static Descriptor, i32)>,
    /// Whether what is the program's own is written, and what was written that may be a part of it.
    writes_protected: bool,
    defining: Vec<protected::Defining>,
    /// Loaders have rows that wait for [`Tx::write_loaded`].
    are_loading: bool,
    /// All rules hold, and nothing is written any more.
    has_finished: bool,
    asked: Asked,
    /// Whether the connection saw everything before, as it does until the transaction ends.
    saw_all: bool,
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        self.db.sees_all = self.saw_all;
    }
}

impl<'a> Tx<'a> {
    /// The kinds of record that there are.
    pub fn kinds(&self) -> Kinds {
        self.db.kinds()
    }

    /// Opens a transaction; locks nothing yet on PostgreSQL, and the whole database for writing on SQLite, waiting as
    /// long as `--wait` says. `waiting` is told once, after a second, who holds the lock.
    pub async fn begin(
        db: &'a mut Db,
        permit: Permit,
        origin: &'a Origin,
        clock: &'a dyn Clock,
        random: &'a dyn Random,
        waiting: &mut dyn FnMut(&str),
    ) -> Result<Tx<'a>> {
        match db.engine() {
            Engine::Sqlite => begin_immediate(db, waiting).await?,
            Engine::Postgres => db.script("BEGIN ISOLATION LEVEL READ COMMITTED".into()).await?,
        }
        Ok(Tx::begun(db, permit, origin, clock, random))
    }

    /// One that has begun.
    fn begun(
        db: &'a mut Db,
        permit: Permit,
        origin: &'a Origin,
        clock: &'a dyn Clock,
        random: &'a dyn Random,
    ) -> Tx<'a> {
        // What is checked under the lock sees everything.
        let saw_all = std::mem::replace(&mut db.sees_all, true);
        Tx {
            db,
            permit,
            origin,
            status: Status::Success,
            error: None,
            random,
            at: clock.micros(),
            clock,
            actor_id: None,
            heads: BTreeMap::new(),
            ids: Ids::default(),
            touched: Vec::new(),
            waiting_rows: Vec::new(),
            waiting_audit: Vec::new(),
            referred: Vec::new(),
            restored: HashSet::new(),
            takes_unused: false,
            filled: Vec::new(),
            writes_protected: false,
            defining: Vec::new(),
            are_loading: false,
            has_finished: false,
            asked: Asked::default(),
            saw_all,
        }
    }

    /// The instant of this transaction.
    pub fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// The zone that the operator is in.
    pub fn zone(&self) -> Zone {
        self.origin.zone
    }

    /// The day of this transaction, where the operator is.
    pub fn today(&self) -> NaiveDate {
        self.origin.zone.date(self.at)
    }

    pub fn request_id(&self) -> Uuid {
        self.origin.request_id
    }

    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// How many audit records were written so far.
    pub fn records(&self) -> u64 {
        let made = |h: &LockedHead| h.first.as_ref().map_or(0, |first| h.frontier.size() + 1 - first.first_seq);
        self.heads.values().map(made).sum()
    }

    /// What a record has that is made now.
    pub fn new_meta(&self, org: i32, id: Uuid, by: i64) -> Meta {
        Meta::new(org, id, self.at, by)
    }

    pub fn new_id(&mut self) -> Uuid {
        self.ids.next(self.at, self.random)
    }

    /// Ids of many new records, with one draw of chance.
    pub fn new_ids(&mut self, n: usize) -> Vec<Uuid> {
        let drawn = BufferedRandom::new(self.random, n * 4);
        (0..n).map(|_| self.ids.next(self.at, &drawn)).collect()
    }

    /// Marks all records of this transaction as those of a command that did not succeed.
    pub fn mark_failed(&mut self, status: Status, error: &str) {
        self.status = status;
        self.error = Some(secrets(error));
    }

    /// All records of this transaction are about what ended so elsewhere.
    pub fn set_status(&mut self, status: Status) {
        self.status = status;
    }

    /// The user who acts, in an organisation; none where that is somebody else.
    pub fn acting_user(&self, org: i32) -> Option<Uuid> {
        self.origin.user.filter(|(of, _)| *of == org).map(|(_, id)| id)
    }

    /// The actor's number, made on first use.
    pub async fn actor(&mut self) -> Result<i64> {
        if self.actor_id.is_none() {
            if find_actor(self.db, self.origin).await?.is_none() {
                insert_actor(self.db, self.origin, self.at).await?;
            }
            self.actor_id = find_actor(self.db, self.origin).await?;
        }
        self.actor_id.ok_or_else(|| Error::bug("the actor could not be written down; nothing was changed"))
    }

    /// A place to come back to: what is written from here on may be undone alone.
    pub async fn savepoint(&mut self) -> Result<Savepoint> {
        self.flush().await?;
        self.db.script("SAVEPOINT part".into()).await?;
        Ok(Savepoint {
            heads: self.heads.clone(),
            touched: self.touched.len(),
            referred: self.referred.len(),
            filled: self.filled.len(),
            defining: self.defining.len(),
            actor_id: self.actor_id,
        })
    }

    /// Keeps what was written since.
    pub async fn release(&mut self, _: Savepoint) -> Result<()> {
        self.flush().await?;
        self.db.script("RELEASE SAVEPOINT part".into()).await
    }

    /// Undoes what was written since.
    pub async fn roll_back_to(&mut self, savepoint: Savepoint) -> Result<()> {
        self.waiting_rows.clear();
        self.waiting_audit.clear();
        self.heads = savepoint.heads;
        self.touched.truncate(savepoint.touched);
        self.referred.truncate(savepoint.referred);
        self.filled.truncate(savepoint.filled);
        self.defining.truncate(savepoint.defining);
        self.actor_id = savepoint.actor_id;
        self.are_loading = false;
        self.db.script("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part".into()).await
    }

    /// Takes back what was appended to trees since, which nobody has written.
    pub fn forget_appended(&mut self, savepoint: &Savepoint) {
        self.heads.clone_from(&savepoint.heads);
    }

    /// Checks the cross-row rules, writes the heads, and makes everything durable. What is refused here is undone: the
    /// connection may be asked for another transaction, with `--keep-going` for the next key.
    pub async fn commit(mut self) -> Result<()> {
        let committed = match self.finish().await {
            Ok(()) => self.db.script("COMMIT".into()).await,
            refused => refused,
        };
        if committed.is_err() {
            // Where this fails nothing is open any more: the connection is gone, or the commit itself has undone it.
            let _ = self.rollback().await;
        }
        committed
    }

    /// What comes before the commit, once; a dry run does it too, so that it refuses what the real run would refuse.
    pub async fn finish(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.has_finished, true) {
            return Ok(());
        }
        self.flush().await?;
        if self.are_loading {
            return Err(Error::bug("rows that were loaded were not written; nothing was changed"));
        }
        self.check_rules().await?;
        let actor = if self.records() > 0 { self.actor().await? } else { 0 };
        for (org, head) in std::mem::take(&mut self.heads) {
            let Some(request) = head.first else { continue };
            if head.lent {
                return Err(Error::bug("a tree that was lent did not come back; nothing was changed"));
            }
            let sql = "insert into audit_requests
                           (tree, first_seq, last_seq, request_id, at, actor_id, source, status, salt, payload, commitment,
                            digest)
                       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
            let last = i64::try_from(head.frontier.size())?;
            let args = [
                org.into(),
                i64::try_from(request.first_seq)?.into(),
                last.into(),
                self.origin.request_id.into(),
                self.at.into(),
                actor.into(),
                self.origin.source.into(),
                self.status.as_str().into(),
                request.salt.to_vec().into(),
                request.payload.into(),
                request.commitment.to_vec().into(),
                request.digest.to_vec().into(),
            ];
            self.db.execute(Sql::new(sql).with(args)).await?;
            let sql = "update audit_heads set size = $1, frontier = $2, at = $3 where tree = $4";
            let args = [last.into(), head.frontier.to_bytes().into(), self.at.into(), org.into()];
            self.db.execute(Sql::new(sql).with(args)).await?;
        }
        if self.db.is_postgres() {
            // What a commit would refuse, a dry run refuses too; behind the heads, which must have caught up with their
            // records by then.
            self.db.script("SET CONSTRAINTS ALL IMMEDIATE".into()).await?;
        }
        if let (Conn::Sqlite(c), _) = self.db.split() {
            sqlite::check_references(c)?;
        }
        Ok(())
    }

    /// Refuses what breaks a rule across rows. A signal ends it, in the middle of a statement too: nothing is lost by that.
    async fn check_rules(&mut self) -> Result<()> {
        let _heeding = signals::heed();
        self.ask_after().await?;
        let touched = std::mem::take(&mut self.touched);
        invariants::check_touched(self.db, &touched).await?;
        let filled = std::mem::take(&mut self.filled);
        invariants::check_filled(self.db, &filled).await?;
        invariants::check_limits(self.db, &touched, &filled).await?;
        self.refuse_inactive().await?;
        self.refuse_defining().await
    }

    /// Undoes everything.
    pub async fn rollback(self) -> Result<()> {
        self.db.script("ROLLBACK".into()).await
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
