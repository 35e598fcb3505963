//! The one write path: rows and their audit records in the same transaction.

mod allowed;
mod append;
mod audit_appender;
mod authorizer;
mod bounded;
mod bulk;
mod bulk_writer;
mod code_counters;
pub mod journal;
mod key_log;
pub mod lists;
mod lock;
mod origin;
mod protection;
mod references;
mod row_writer;
mod rows;
mod typed;
pub(super) mod waiting;
mod wrapped_keys;

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

use self::audit_appender::{AuditAppender, Grown};
use self::authorizer::Authorizer;
use self::bounded::{Bound, Bounded};
use self::bulk_writer::BulkWriter;
pub use self::bulk_writer::{Loaders, PreparedLink, PreparedRow};
use self::code_counters::CodeCounters;
use self::key_log::KeyLog;
pub use self::origin::{Origin, Permit, Rights, ensure_actor};
use self::protection::Protection;
use self::references::References;
pub use self::references::not_in_charge;
use self::row_writer::RowWriter;
use self::waiting::begin_immediate;
use super::engine::db::{Conn, Db};
use super::engine::location::Engine;
use super::engine::sqlite;
use super::invariants;
use super::invariants::super_admin::SuperAdmins;
use crate::model::clock::Clock;
use crate::model::kinds::Kinds;
use crate::model::operator::Operator;
use crate::model::random::{BufferedRandom, Ids, Random};
use crate::model::redact::secrets;
use crate::model::resource::Meta;
use crate::model::signals;
use crate::model::trail::audit::Status;
use crate::model::values::zone::Zone;
use crate::store::Result;

/// What [`Tx::savepoint`] remembers of the parts.
pub struct Savepoint {
    grown: Grown,
    touched: usize,
    references: usize,
    filled: usize,
    defining: usize,
    bounded: usize,
    keys: u64,
}

/// A transaction that can write. Its parts know nothing of each other, nor of it.
pub struct Tx<'a> {
    pub db: &'a mut Db,
    origin: &'a Origin,
    clock: &'a dyn Clock,
    random: &'a dyn Random,
    ids: Ids,
    audit: AuditAppender<'a>,
    rows: RowWriter,
    bulk: BulkWriter,
    codes: CodeCounters<'a>,
    references: References,
    protection: Protection,
    asked: Authorizer,
    bounded: Bounded,
    super_admins: SuperAdmins,
    keys: KeyLog,
    /// Keys that were made, and as many of them as the engine was told of.
    made_keys: u64,
    known_keys: u64,
    /// All rules hold, and nothing is written any more.
    has_finished: bool,
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
            origin,
            clock,
            random,
            ids: Ids::default(),
            audit: AuditAppender::new(origin, permit.permission(), random, clock.micros()),
            rows: RowWriter::default(),
            bulk: BulkWriter::default(),
            codes: CodeCounters::new(random),
            references: References::default(),
            protection: Protection::default(),
            asked: Authorizer::new(permit),
            bounded: Bounded::default(),
            super_admins: SuperAdmins::default(),
            keys: KeyLog::default(),
            made_keys: 0,
            known_keys: 0,
            has_finished: false,
            saw_all,
        }
    }

    /// The instant of this transaction.
    pub fn at(&self) -> DateTime<Utc> {
        self.audit.at
    }

    /// The zone that the operator is in.
    pub fn zone(&self) -> Zone {
        self.origin.zone
    }

    /// The day of this transaction, where the operator is.
    pub fn today(&self) -> NaiveDate {
        self.origin.zone.date(self.at())
    }

    pub fn request_id(&self) -> Uuid {
        self.origin.request_id
    }

    pub fn permit(&self) -> &Permit {
        self.asked.permit()
    }

    /// How many audit records were written so far.
    pub fn records(&self) -> u64 {
        self.audit.records()
    }

    /// What a record has that is made now.
    pub fn new_meta(&self, org: i32, id: Uuid, by: i64) -> Meta {
        Meta::new(org, id, self.at(), by)
    }

    pub fn new_id(&mut self) -> Uuid {
        self.ids.next(self.audit.at, self.random)
    }

    /// Ids of many new records, with one draw of chance.
    pub fn new_ids(&mut self, n: usize) -> Vec<Uuid> {
        let drawn = BufferedRandom::new(self.random, n * 4);
        (0..n).map(|_| self.ids.next(self.audit.at, &drawn)).collect()
    }

    /// Marks all records of this transaction as those of a command that did not succeed.
    pub fn mark_failed(&mut self, status: Status, error: &str) {
        self.audit.status = status;
        self.audit.error = Some(secrets(error));
    }

    /// All records of this transaction are about what ended so elsewhere.
    pub fn set_status(&mut self, status: Status) {
        self.audit.status = status;
    }

    /// The user who acts, in an organisation; none where that is somebody else.
    pub fn acting_user(&self, org: i32) -> Option<Uuid> {
        self.origin.user.filter(|(of, _)| *of == org).map(|(_, id)| id)
    }

    /// The account that the command runs in.
    pub fn operator(&self) -> &Operator {
        &self.origin.operator
    }

    /// Holds what is written against these rights from here on.
    pub fn hold_rights(&mut self, rights: Rights) {
        self.asked.hold(rights);
    }

    /// How far whoever writes may go; nothing where that is as far as may be.
    fn bound(&self) -> Option<Bound> {
        let rights = self.asked.rights()?;
        let permission = self.asked.permit().permission().to_owned();
        Some(Bound { org: rights.org, bounds: rights.bounds, permission, at: self.at() })
    }

    /// The actor's number, made on first use.
    pub async fn actor(&mut self) -> Result<i64> {
        self.audit.actor(self.db).await
    }

    /// A place to come back to: what is written from here on may be undone alone.
    pub async fn savepoint(&mut self) -> Result<Savepoint> {
        self.flush().await?;
        self.db.script("SAVEPOINT part".into()).await?;
        Ok(Savepoint {
            grown: self.audit.grown(),
            touched: self.rows.touched(),
            references: self.references.len(),
            filled: self.bulk.filled(),
            defining: self.protection.len(),
            bounded: self.bounded.len(),
            keys: self.keys.noted(),
        })
    }

    /// Keeps what was written since.
    pub async fn release(&mut self, _: Savepoint) -> Result<()> {
        self.flush().await?;
        self.db.script("RELEASE SAVEPOINT part".into()).await
    }

    /// Undoes what was written since.
    pub async fn roll_back_to(&mut self, savepoint: Savepoint) -> Result<()> {
        self.audit.shrink_to(savepoint.grown);
        self.rows.shrink_to(savepoint.touched);
        self.references.shrink_to(savepoint.references);
        self.bulk.shrink_to(savepoint.filled);
        self.protection.shrink_to(savepoint.defining);
        self.bounded.shrink_to(savepoint.bounded);
        self.keys.shrink_to(savepoint.keys);
        self.db.script("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part".into()).await
    }

    /// Takes back what was appended to trees since, which nobody has written.
    pub fn forget_appended(&mut self, savepoint: &Savepoint) {
        self.audit.forget_since(&savepoint.grown);
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
        self.bulk.require_written()?;
        self.keys.require_named()?;
        self.check_rules().await?;
        self.audit.seal(self.db).await?;
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
        self.asked.ask_after(self.db).await?;
        if let Some(bound) = self.bound() {
            self.bounded.judge(self.db, &bound).await?;
        }
        let (touched, filled) = (self.rows.take_touched(), self.bulk.take_filled());
        invariants::check_touched(self.db, &touched).await?;
        invariants::check_filled(self.db, &filled).await?;
        invariants::check_limits(self.db, &touched, &filled).await?;
        self.super_admins.must_remain(self.db, self.audit.at).await?;
        self.references.refuse_inactive(self.db).await?;
        self.protection.refuse_defining(self.db).await
    }

    /// Undoes everything.
    pub async fn rollback(self) -> Result<()> {
        self.db.script("ROLLBACK".into()).await
    }
}
