//! The one write path: rows and their audit records in the same transaction.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::chain::Chain;
use super::db::{Conn, Db};
use super::invariants::Touched;
use super::late::LateRules;
use super::load::Loader;
use super::location::{Engine, Location};
use super::sql::{Row, Sql, quoted};
use super::{chain, corrections, invariants, load, postgres, records, search, settings, sqlite};
use crate::model::audit::{self, Action, Payload, Status, Telling};
use crate::model::chance::{Clock, Drawn, Ids, Random, bytes};
use crate::model::merkle::{Frontier, Hash};
use crate::model::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::redact::secrets;
use crate::model::resource;
use crate::model::resource::{Descriptor, Field, Meta, Record};
use crate::model::scalar::Noun;
use crate::model::search as words;
use crate::model::setting::CLOCK_MAX_JUMP;
use crate::model::user::User;
use crate::model::value::{Kind, Value, canonical, rfc3339};
use crate::model::zone::Zone;

/// The right to write, for one named permission (`branches:update`). Only the gate issues it (a test holds that), and
/// without it no transaction opens.
#[derive(Debug, Clone)]
pub struct Permit {
    permission: String,
}

impl Permit {
    /// For the gate, once the decision allowed it.
    pub fn issue(permission: &str) -> Permit {
        Permit { permission: permission.to_owned() }
    }
    pub fn permission(&self) -> &str {
        &self.permission
    }
}

/// Who acts, and from where: what all records of one command have in common.
#[derive(Debug, Clone)]
pub struct Origin {
    /// `operator:0@host`: names the actor for good.
    pub actor_key: String,
    pub actor_name: String,
    pub actor_kind: &'static str,
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
struct Head {
    frontier: Frontier,
    first: Option<Request>,
    /// Somebody else appends to the tree, with [`Tx::lend_chain`].
    lent: bool,
}

/// A reference that was set.
struct Referred {
    target: &'static Descriptor,
    org: i32,
    id: Uuid,
    /// Who refers, and through which field.
    by: String,
    noun: &'static str,
    field: &'static str,
}

/// Whether people and places are put into records of a kind: a person who is out of use is refused elsewhere, as one who
/// could lead nobody.
pub fn takes_people(target: &Descriptor) -> bool {
    target.noun != User::NOUN && !target.is_org() && target.field("is_active").is_some()
}

/// The `audit_requests` row that a tree gets at commit.
#[derive(Clone)]
struct Request {
    first_seq: u64,
    salt: [u8; 16],
    payload: String,
    commitment: Hash,
    digest: Hash,
}

/// Rows written by one statement: some thousand arguments.
const TOGETHER: usize = 100;

/// A new record that was made elsewhere: everything that is written of it.
pub struct Finished {
    /// A row of another table that goes with it.
    pub beside: Option<Vec<Value>>,
    /// Values of [`records::stored_columns`].
    pub stored: Vec<Value>,
    /// What search finds it by.
    pub words: String,
    /// What [`Chain::append`] made.
    pub audit: Vec<Value>,
}

impl Finished {
    pub fn id(&self) -> Uuid {
        self.stored[1].as_uuid().unwrap_or_default()
    }
}

/// What [`Tx::savepoint`] remembers.
pub struct Savepoint {
    heads: BTreeMap<i32, Head>,
    touched: usize,
    filled: usize,
    actor_id: Option<i64>,
}

/// Where the new records of one kind and organisation go.
pub struct Loaders {
    desc: &'static Descriptor,
    org: i32,
    rows: Loader,
    words: Option<Loader>,
    audit: Loader,
    beside: Option<Loader>,
    /// So few that the rules across rows are held against these alone, and not against all that are there.
    are_few: bool,
}

/// New rows up to which that is quicker (measured: a million rows take a second to go through, a thousand take a tenth).
const FEW: u64 = 1000;

/// Audit records that one statement of SQLite writes: with the trigger that guards their order, a statement each costs
/// twice as much (measured).
const AUDIT_TOGETHER: usize = 50;

impl Loaders {
    pub async fn new(
        db: &mut Db,
        desc: &'static Descriptor,
        org: i32,
        beside: Option<Loader>,
        new_rows: u64,
    ) -> Result<Loaders> {
        let mut columns: Vec<String> = records::stored_columns(desc).iter().map(|(name, _)| quoted(name)).collect();
        let searchable = search::is_searchable(desc);
        if searchable && db.is_postgres() {
            columns.push("search".into());
        }
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let index = format!("{}_search", desc.table);
        let words = match (searchable, db.is_postgres()) {
            (false, _) => None,
            (true, false) => Some(Loader::new(db, &index, &["rowid", "words"], 1).await?),
            (true, true) => Some(Loader::new(db, desc.table, &["search"], 1).await?),
        };
        let audit: Vec<&str> = chain::COLUMNS.iter().map(|(name, _)| *name).collect();
        Ok(Loaders {
            desc,
            org,
            are_few: new_rows <= FEW,
            rows: Loader::new(db, desc.table, &columns, 1).await?,
            words,
            audit: Loader::new(db, "audit_records", &audit, AUDIT_TOGETHER).await?,
            beside,
        })
    }
}

/// New rows from which on it is worth to set indexes aside.
const WORTH_IT: u64 = 10_000;

/// The clock is far from what was recorded last, or from the server's: a question, to be answered before anything is
/// written.
#[derive(Debug)]
pub struct ClockInDoubt(pub String);

impl std::fmt::Display for ClockInDoubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for ClockInDoubt {}

/// How far this machine's clock and a server's may be apart.
const MAX_SKEW: TimeDelta = TimeDelta::minutes(10);

/// A trail whose last record is not older than this says that the clock has not jumped; the setting is not less.
const RECENT: TimeDelta = TimeDelta::days(1);

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
    heads: BTreeMap<i32, Head>,
    ids: Ids,
    touched: Vec<Touched>,
    /// Rows and audit records that wait to be written together.
    waiting_rows: Vec<Record>,
    waiting_audit: Vec<Vec<Value>>,
    /// What records were made to refer to: what is out of use takes none anew.
    referred: Vec<Referred>,
    /// Records that came back: what refers to them came back with them.
    restored: HashSet<Uuid>,
    /// Whether what is out of use takes new ones all the same.
    takes_unused: bool,
    /// Kinds that a bulk load filled: their rules are checked over the whole organisation.
    filled: Vec<(&'static Descriptor, i32)>,
    /// Loaders have rows that wait for [`Tx::write_loaded`].
    are_loading: bool,
}

impl<'a> Tx<'a> {
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
        Ok(Tx {
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
            are_loading: false,
        })
    }

    /// Locks the tree heads of these organisations, in the order that keeps two writers from waiting for each other:
    /// by number, SYSTEM last.
    pub async fn lock(&mut self, orgs: &[i32], waiting: &mut dyn FnMut(&str)) -> Result<()> {
        self.lock_heads(orgs, false, waiting).await
    }

    /// As [`Tx::lock`], for a record from which on earlier times count again: its time is the clock's.
    pub async fn lock_to_correct_the_clock(&mut self, trees: &[i32]) -> Result<()> {
        self.lock_heads(trees, true, &mut |_| {}).await
    }

    async fn lock_heads(&mut self, orgs: &[i32], corrects: bool, waiting: &mut dyn FnMut(&str)) -> Result<()> {
        let mut orgs: Vec<i32> = orgs.iter().copied().filter(|o| !self.heads.contains_key(o)).collect();
        orgs.sort_by_key(|o| if *o == SYSTEM { i32::MAX } else { *o });
        orgs.dedup();
        if !orgs.is_empty() && self.records() > 0 {
            return Err(anyhow::anyhow!(
                "a verb locked an organisation after it had begun to write; nothing was changed"
            ));
        }
        for org in orgs {
            let asked = self.clock.micros();
            let row = if self.db.is_postgres() {
                self.lock_head_postgres(org, waiting).await?
            } else {
                self.head(org, "").await?
            };
            let row =
                row.ok_or_else(|| Problem::integrity(format!("the audit trail of organisation {org} has no head")))?;
            let size = u64::try_from(row.int(0)?).unwrap_or(0);
            let frontier = Frontier::from_bytes(size, row.bytes(1)?).ok_or_else(|| {
                Problem::integrity(format!("the head of audit tree {org} is damaged"))
                    .hint("'orgctl audit verify' says more")
            })?;
            // Read after the wait for the lock, and never before the last record: times run the way the records do.
            let (now, last) = (self.clock.micros(), row.time(2)?);
            self.doubt_the_clock((asked, now), last, row.value(3).as_time(), corrects).await?;
            if last > now + TimeDelta::minutes(5) && !corrects {
                waiting(&format!(
                    "warning: the audit trail is ahead of this machine's clock ({}); one of them is wrong: \
                     'orgctl audit correct-clock --help' tells more",
                    rfc3339(last)
                ));
            }
            self.at = if corrects { self.at.max(now) } else { self.at.max(now).max(last) };
            self.heads.insert(org, Head { frontier, first: None, lent: false });
        }
        Ok(())
    }

    /// Lets no writer in until this transaction has ended.
    pub async fn lock_all_heads(&mut self) -> Result<()> {
        self.db.script("LOCK TABLE audit_heads IN EXCLUSIVE MODE".into()).await
    }

    /// Size, frontier and time of a tree's head, and what the server's clock says.
    async fn head(&mut self, org: i32, suffix: &str) -> Result<Option<Row>> {
        let server = if self.db.is_postgres() { "clock_timestamp()" } else { "null" };
        let sql = format!("select size, frontier, at, {server} from audit_heads where tree = $1{suffix}");
        let kinds = [Kind::Int, Kind::Bytes, Kind::Time, Kind::Time];
        self.db.first(Sql::new(sql).with([org.into()]).yields(kinds)).await
    }

    /// Asks whether the clock is right, before its time is recorded and every later record must be later still.
    async fn doubt_the_clock(
        &mut self,
        (asked, now): (DateTime<Utc>, DateTime<Utc>),
        last: DateTime<Utc>,
        server: Option<DateTime<Utc>>,
        corrects: bool,
    ) -> Result<()> {
        if let Some(server) =
            server.filter(|_| self.clock.is_of_the_world() && (corrects || !self.origin.clock_is_sure))
            && (server > now + MAX_SKEW || server < asked - MAX_SKEW)
        {
            let (now, server) = (rfc3339(now), rfc3339(server));
            if corrects {
                let sentence = format!("this machine's clock says {now}, and the database server's {server}");
                return Err(Problem::conflict(sentence)
                    .hint("set the clock that is wrong, then correct the trail")
                    .into());
            }
            let question =
                format!("this machine's clock says {now}, the database server's {server}; is this one right?");
            return Err(ClockInDoubt(question).into());
        }
        if corrects || self.origin.clock_is_sure || now - last <= RECENT {
            return Ok(());
        }
        let Some(newest) = corrections::last_recorded(self.db).await? else { return Ok(()) };
        let most = settings::get(self.db, SYSTEM, CLOCK_MAX_JUMP).await?;
        if now - newest <= TimeDelta::days(most.into()) {
            return Ok(());
        }
        let (days, newest, now) = ((now - newest).num_days(), rfc3339(newest), rfc3339(now));
        let question = format!(
            "this machine's clock says {now}, and the last record is of {newest}, {days} days before; is the clock right?"
        );
        Err(ClockInDoubt(question).into())
    }

    /// Takes the lock at once where it is free; else waits, and says after a second who holds it.
    async fn lock_head_postgres(&mut self, org: i32, waiting: &mut dyn FnMut(&str)) -> Result<Option<Row>> {
        if let Some(row) = self.head(org, " for update skip locked").await? {
            return Ok(Some(row));
        }
        let Location::Postgres(url) = self.db.location.clone() else { return Ok(None) };
        let (location, opening) = (self.db.location.clone(), self.db.opening.clone());
        let pid = self.db.one(Sql::new("select pg_backend_pid()").yields([Kind::Int])).await?.int(0)?;
        let mut holder = None;
        let locked_row = {
            let mut lock = std::pin::pin!(self.head(org, " for update"));
            tokio::select! {
                row = &mut lock => row,
                () = tokio::time::sleep((opening.wait / 2).min(Duration::from_secs(1))) => {
                    // Asked over a connection of its own, while this one stands in the queue.
                    holder = postgres::lock_holder(&url, &location, &opening, pid).await;
                    waiting(&told_of(holder.as_deref().unwrap_or("another command"), opening.wait));
                    lock.await
                }
            }
        };
        match locked_row {
            Err(e) if e.is::<postgres::LockTimeout>() => {
                if holder.is_none() {
                    holder = postgres::lock_holder(&url, &location, &opening, pid).await;
                }
                Err(locked(holder.as_deref().unwrap_or("another command"), opening.wait).into())
            }
            other => other,
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

    /// Lets branches and departments that are out of use take new ones, as `--force` says.
    pub fn take_unused(&mut self, force: bool) {
        self.takes_unused = force;
    }

    pub fn takes_unused(&self) -> bool {
        self.takes_unused
    }

    /// Notes what a record refers to and did not before.
    fn refers(&mut self, before: Option<&Record>, after: &Record) {
        if !after.meta.is_live() {
            return;
        }
        for field in after.desc.fields {
            let Some(target) = field.target().and_then(resource).filter(|t| takes_people(t)) else { continue };
            let value = after.get(field.column);
            if let Some(id) = value.as_uuid().filter(|_| before.is_none_or(|b| b.get(field.column) != value)) {
                self.refers_to(target, id, after, field.name());
            }
        }
    }

    pub(super) fn refers_to(&mut self, target: &'static Descriptor, id: Uuid, by: &Record, field: &'static str) {
        let known = |r: &Referred| r.id == id && r.org == by.meta.org_id;
        if !self.referred.iter().any(known) {
            self.referred.push(Referred { target, org: by.meta.org_id, id, by: by.title(), noun: by.desc.noun, field });
        }
    }

    /// Refuses what puts somebody anew where nobody works any more.
    async fn refuse_unused(&mut self) -> Result<()> {
        if self.takes_unused {
            return Ok(());
        }
        for r in std::mem::take(&mut self.referred) {
            if self.restored.contains(&r.id) {
                continue;
            }
            let Some(found) = self.load(r.target, r.org, r.id).await? else { continue };
            if found.meta.is_live() && found.get("is_active").as_bool() == Some(false) {
                let (place, verb) = (found.title(), format!("orgctl {} activate {}", r.target.noun, found.key()));
                return Err(Problem::conflict(format!(
                    "{place} is not in use, and takes no new {}: {} ({})",
                    r.noun, r.by, r.field
                ))
                .hint(format!("'{verb}' puts it into use; --force goes ahead all the same"))
                .into());
            }
        }
        Ok(())
    }

    /// How many audit records were written so far.
    pub fn records(&self) -> u64 {
        let made = |h: &Head| h.first.as_ref().map_or(0, |first| h.frontier.size() + 1 - first.first_seq);
        self.heads.values().map(made).sum()
    }

    pub fn new_id(&mut self) -> Uuid {
        self.ids.next(self.at, self.random)
    }

    /// Ids of many new records, with one draw of chance.
    pub fn new_ids(&mut self, n: usize) -> Vec<Uuid> {
        let drawn = Drawn::new(self.random, n * 4);
        (0..n).map(|_| self.ids.next(self.at, &drawn)).collect()
    }

    /// Marks all records of this transaction as those of a command that did not succeed.
    pub fn mark(&mut self, status: Status, error: &str) {
        self.status = status;
        self.error = Some(secrets(error));
    }

    /// All records of this transaction are about what ended so elsewhere.
    pub fn tells_of(&mut self, status: Status) {
        self.status = status;
    }

    /// A number for a new organisation and an empty tree for it. SYSTEM's head must be locked.
    pub async fn new_org_number(&mut self) -> Result<i32> {
        // Trees outlive their organisation, so a number is never given twice.
        let row = self.db.one(Sql::new("select max(tree) + 1 from audit_heads").yields([Kind::Int])).await?;
        let org = row.org(0)?;
        let sql = Sql::new("insert into audit_heads (tree, size, frontier, at) values ($1, 0, $2, $3)");
        self.db.execute(sql.with([org.into(), Value::Bytes(Vec::new()), self.at.into()])).await?;
        self.heads.insert(org, Head { frontier: Frontier::default(), first: None, lent: false });
        Ok(org)
    }

    /// The actor's number, made on first use.
    pub async fn actor(&mut self) -> Result<i64> {
        if self.actor_id.is_none() {
            if find_actor(self.db, self.origin).await?.is_none() {
                insert_actor(self.db, self.origin, self.at).await?;
            }
            self.actor_id = find_actor(self.db, self.origin).await?;
        }
        self.actor_id.ok_or_else(|| anyhow::anyhow!("the actor could not be written down; nothing was changed"))
    }

    /// Reads a record as it is now, under the lock.
    pub async fn load(&mut self, desc: &'static Descriptor, org: i32, id: Uuid) -> Result<Option<Record>> {
        records::load(self.db, desc, org, id).await
    }

    /// The reserved organisation, once `init` has made it.
    pub async fn load_system(&mut self) -> Result<Option<Record>> {
        let desc = <crate::model::org::Org as crate::model::resource::Resource>::DESCRIPTOR;
        Ok(records::load_where(self.db, desc, "t.org_id = 0", Vec::new()).await?.into_iter().next())
    }

    /// Writes a new record.
    pub async fn insert(
        &mut self,
        desc: &'static Descriptor,
        org: i32,
        id: Uuid,
        values: Vec<Value>,
    ) -> Result<Record> {
        let record = self.insert_later(desc, org, id, values).await?;
        self.flush().await?;
        Ok(record)
    }

    /// As [`Tx::insert`], but the row waits to be written together with others; until then reads don't see it.
    /// [`Tx::flush`], every other write and the commit write what waits.
    pub async fn insert_later(
        &mut self,
        desc: &'static Descriptor,
        org: i32,
        id: Uuid,
        values: Vec<Value>,
    ) -> Result<Record> {
        let by = self.actor().await?;
        let meta = Meta {
            org_id: org,
            id,
            created_at: self.at,
            created_by: by,
            updated_at: self.at,
            updated_by: by,
            version: 1,
            deleted_at: None,
            deleted_by: None,
            deletion_id: None,
        };
        let record = Record { desc, meta, values };
        let payload = Payload { new: Some(audit::set_fields(&record)), ..Payload::default() };
        self.prepare(org, Action::Create.word(), desc.noun, id, payload).await?;
        self.refers(None, &record);
        self.waiting_rows.push(record.clone());
        self.touched.push((desc, org, id));
        if self.waiting_rows.len() >= TOGETHER {
            self.flush().await?;
        }
        Ok(record)
    }

    /// Writes the rows and audit records that wait.
    pub async fn flush(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.waiting_rows);
        for same in rows.chunk_by(|a, b| a.desc == b.desc) {
            self.put(same).await?;
        }
        let records = std::mem::take(&mut self.waiting_audit);
        for some in records.chunks(TOGETHER) {
            let columns: Vec<&str> = chain::COLUMNS.iter().map(|(name, _)| *name).collect();
            let text = format!("insert into audit_records ({}) values ", columns.join(", "));
            let mut sql = Sql::bulk(text, self.db.engine());
            for (i, values) in some.iter().enumerate() {
                sql.push(if i == 0 { "" } else { ", " }).bind_list(values.iter().cloned());
            }
            self.db.execute(sql).await?;
        }
        Ok(())
    }

    /// Tells the engine how many rows there are now, where many are new: it plans by what it knew before. PostgreSQL takes a
    /// table that has just been filled for an empty one, SQLite takes an organisation for ten rows.
    pub async fn settle(&mut self, desc: &'static Descriptor, new_rows: u64) -> Result<()> {
        const FEW: i64 = 50;
        const SQLITE_FEW: u64 = 1000;
        self.flush().await?;
        if !self.db.is_postgres() {
            if new_rows >= SQLITE_FEW {
                // A sample of each index is enough, and takes milliseconds.
                self.db.script(format!("pragma analysis_limit = 400; analyze {}", desc.table)).await?;
            }
            return Ok(());
        }
        let known = Sql::new("select reltuples::bigint from pg_class where oid = to_regclass($1)");
        let known = self.db.one(known.with([desc.table.into()]).yields([Kind::Int])).await?.int(0)?;
        let new_rows = i64::try_from(new_rows)?;
        if new_rows >= FEW && new_rows >= known / 10 {
            self.db.script(format!("ANALYZE {}", desc.table)).await?;
        }
        Ok(())
    }

    /// Writes new rows of one kind and their search words.
    async fn put(&mut self, rows: &[Record]) -> Result<()> {
        let Some(desc) = rows.first().map(|r| r.desc) else { return Ok(()) };
        let mut names: Vec<String> = records::stored_columns(desc).iter().map(|(name, _)| quoted(name)).collect();
        let words_in_row = self.db.is_postgres() && search::is_searchable(desc);
        if words_in_row {
            names.push("search".into());
        }
        let text = format!("insert into {} ({}) values ", desc.table, names.join(", "));
        let mut sql = Sql::bulk(text, self.db.engine());
        for (i, row) in rows.iter().enumerate() {
            let mut places: Vec<String> = records::stored_values(row.clone()).into_iter().map(|v| sql.arg(v)).collect();
            if words_in_row {
                places.push(format!("cast({} as tsvector)", sql.arg(words::of(row))));
            }
            sql.push(if i == 0 { "(" } else { ", (" }).push(&places.join(", ")).push(")");
        }
        self.db.execute(sql).await?;
        search::add(self.db, rows).await
    }

    /// Writes what differs between two states of a record. Nothing differs: nothing is written, and `None`.
    pub async fn update(
        &mut self,
        before: &Record,
        after: Record,
        telling: impl Into<Telling>,
    ) -> Result<Option<Record>> {
        let Telling { action, details } = telling.into();
        if !Action::OF_ROWS.contains(&action) {
            return Err(anyhow::anyhow!("a change of a row was called '{}'; nothing was changed", action.word()));
        }
        let (old, new) = audit::changed_fields(before, &after);
        if new.is_empty() {
            return Ok(None);
        }
        let record = self.replace(before, after).await?;
        self.refers(Some(before), &record);
        // The key that the record had: a rename shows it as the old value.
        let payload = Payload { key: Some(before.key()), old: Some(old), new: Some(new), details };
        self.audit(record.meta.org_id, action, record.desc.noun, record.meta.id, payload).await?;
        for list in record.desc.lists {
            // What has become the first is no further one.
            let first = record.get(list.first);
            if let Some(id) = first.as_uuid().filter(|_| first != before.get(list.first)) {
                self.assign_branches(&record, &[id], false).await?;
            }
        }
        Ok(Some(record))
    }

    async fn replace(&mut self, before: &Record, mut after: Record) -> Result<Record> {
        self.flush().await?;
        after.meta.version = before.meta.version + 1;
        after.meta.updated_at = self.at;
        after.meta.updated_by = self.actor().await?;
        let mut sql = Sql::new(format!("update {} set ", after.desc.table));
        let stored = records::stored_columns(after.desc).into_iter().zip(records::stored_values(after.clone()));
        let old = records::stored_values(before.clone());
        let mut comma = "";
        for (((name, _), value), old) in stored.zip(old) {
            if value != old {
                sql.push(&format!("{comma}{} = ", quoted(name))).bind(value);
                comma = ", ";
            }
        }
        sql.push(" where org_id = ").bind(after.meta.org_id);
        sql.push(" and id = ").bind(after.meta.id);
        sql.push(" and version = ").bind(before.meta.version);
        if self.db.execute(sql).await? != 1 {
            return Err(stale(before).into());
        }
        if words::of(before) != words::of(&after) {
            search::change(self.db, &after).await?;
        }
        self.touched.push((after.desc, after.meta.org_id, after.meta.id));
        Ok(after)
    }

    /// Soft delete: the record goes under `deletion`, with all that goes with it.
    pub async fn delete(&mut self, before: &Record, deletion: Uuid) -> Result<Record> {
        let by = self.actor().await?;
        let mut after = before.clone();
        after.meta.deleted_at = Some(self.at);
        after.meta.deleted_by = Some(by);
        after.meta.deletion_id = Some(deletion);
        let after = self.replace(before, after).await?;
        let mut payload =
            Payload { key: Some(before.key()), old: Some(audit::whole_row(before)), ..Payload::default() };
        payload.details.insert("deletion_id".into(), deletion.to_string().into());
        self.audit(after.meta.org_id, Action::Delete, after.desc.noun, after.meta.id, payload).await?;
        Ok(after)
    }

    /// Brings a soft-deleted record back.
    pub async fn restore(&mut self, before: &Record) -> Result<Record> {
        let mut after = before.clone();
        after.meta.deleted_at = None;
        after.meta.deleted_by = None;
        after.meta.deletion_id = None;
        let after = self.replace(before, after).await?;
        self.restored.insert(after.meta.id);
        self.refers(None, &after);
        let was = audit::whole_row(before);
        let old =
            ["deleted_at", "deleted_by", "deletion_id"].map(|k| (k.to_owned(), was[k].clone())).into_iter().collect();
        let payload = Payload { key: Some(before.key()), old: Some(old), ..Payload::default() };
        self.audit(after.meta.org_id, Action::Restore, after.desc.noun, after.meta.id, payload).await?;
        Ok(after)
    }

    /// Removes a soft-deleted record for good. Its history stays.
    pub async fn purge(&mut self, record: &Record) -> Result<()> {
        self.flush().await?;
        let mut old = audit::whole_row(record);
        for list in record.desc.lists {
            // They go with the row, and nothing else would tell of them.
            let members = records::further_branches(self.db, record).await?;
            if !members.is_empty() {
                old.insert(list.name.to_owned(), members.into());
            }
        }
        search::remove(self.db, record).await?;
        let mut sql = Sql::new(format!("delete from {} where org_id = ", record.desc.table));
        sql.bind(record.meta.org_id).push(" and id = ").bind(record.meta.id);
        sql.push(" and deleted_at is not null and version = ").bind(record.meta.version);
        if self.db.execute(sql).await? != 1 {
            return Err(stale(record).into());
        }
        let payload = Payload { key: Some(record.key()), old: Some(old), ..Payload::default() };
        self.audit(record.meta.org_id, Action::Purge, record.desc.noun, record.meta.id, payload).await
    }

    /// Records an event that is about no single row: an import, a migration, a refused command.
    pub async fn event(&mut self, org: i32, action: Action, kind: &str, details: Map<String, Json>) -> Result<()> {
        self.audit(org, action, kind, Uuid::nil(), Payload { details, ..Payload::default() }).await
    }

    /// As [`Tx::event`], about one record.
    pub async fn event_about(
        &mut self,
        org: i32,
        action: Action,
        kind: &str,
        id: Uuid,
        details: Map<String, Json>,
    ) -> Result<()> {
        self.audit(org, action, kind, id, Payload { details, ..Payload::default() }).await
    }

    /// Records a refused or failed command under the word of its verb, and what it was about. It stands in a transaction of
    /// its own, which is marked: by that all who rebuild the past know that it changed nothing.
    pub async fn refusal(&mut self, org: i32, action: &str, kind: &str, id: Uuid, payload: Payload) -> Result<()> {
        if self.status == Status::Success || self.records() > 0 {
            return Err(anyhow::anyhow!("a refusal was to be recorded as a success"));
        }
        self.append(org, action, kind, id, payload).await
    }

    pub(super) async fn audit(
        &mut self,
        org: i32,
        action: Action,
        kind: &str,
        id: Uuid,
        payload: Payload,
    ) -> Result<()> {
        self.append(org, action.word(), kind, id, payload).await
    }

    async fn append(&mut self, org: i32, action: &str, kind: &str, id: Uuid, payload: Payload) -> Result<()> {
        self.prepare(org, action, kind, id, payload).await?;
        self.flush().await
    }

    /// As `append`, but the record waits to be written together with others.
    pub(super) async fn append_later(
        &mut self,
        org: i32,
        action: &str,
        kind: &str,
        id: Uuid,
        payload: Payload,
    ) -> Result<()> {
        self.prepare(org, action, kind, id, payload).await?;
        if self.waiting_audit.len() >= TOGETHER { self.flush().await } else { Ok(()) }
    }

    pub(super) fn random(&self) -> &dyn Random {
        self.random
    }

    /// Makes an audit record, which waits to be written.
    async fn prepare(&mut self, org: i32, action: &str, kind: &str, id: Uuid, payload: Payload) -> Result<()> {
        let salt: [u8; 16] = bytes(self.random);
        let mut chain = self.lend_chain(org).await?;
        let made = chain.append(action, kind, id, payload, salt);
        self.take_back(chain)?;
        self.waiting_audit.push(made?);
        Ok(())
    }

    /// Lends the growing end of a locked tree, so that records are made elsewhere while others are written here. Until
    /// it is taken back nobody else appends to the tree.
    pub async fn lend_chain(&mut self, org: i32) -> Result<Chain> {
        let unlocked = || anyhow::anyhow!("a verb wrote to organisation {org} without locking it; nothing was changed");
        if self.heads.get(&org).filter(|h| !h.lent).ok_or_else(unlocked)?.first.is_none() {
            let payload = self.request_payload().await?;
            let salt = bytes(self.random);
            let commitment = audit::commit(&salt, &payload);
            let digest = audit::request_digest(self.actor().await?, self.origin.source, &commitment);
            let head = self.heads.get_mut(&org).ok_or_else(unlocked)?;
            head.first = Some(Request { first_seq: head.frontier.size() + 1, salt, payload, commitment, digest });
        }
        let head = self.heads.get_mut(&org).ok_or_else(unlocked)?;
        let common = head.first.as_ref().ok_or_else(unlocked)?;
        head.lent = true;
        Ok(Chain {
            tree: org,
            frontier: std::mem::take(&mut head.frontier),
            at: self.at,
            request_id: self.origin.request_id,
            request_digest: common.digest,
            status: self.status,
        })
    }

    pub fn take_back(&mut self, chain: Chain) -> Result<()> {
        let head = self.heads.get_mut(&chain.tree).filter(|h| h.lent);
        let head = head.ok_or_else(|| anyhow::anyhow!("a tree came back that was not lent; nothing was changed"))?;
        head.lent = false;
        head.frontier = chain.frontier;
        Ok(())
    }

    /// A salt for each of `n` records that are made elsewhere.
    pub fn salts(&self, n: usize) -> Vec<[u8; 16]> {
        let mut all = vec![0; n * 16];
        self.random.fill(&mut all);
        all.as_chunks::<16>().0.to_vec()
    }

    /// Codes for new records of an organisation, by its counter: none that a record has, and none that `besides`, a query,
    /// yields. A counter is volatile: its row has no audit record.
    pub async fn made_codes(
        &mut self,
        desc: &'static Descriptor,
        org: i32,
        wanted: usize,
        besides: &str,
    ) -> Result<Vec<String>> {
        let Some((field, maker)) = desc.made().filter(|_| wanted > 0) else { return Ok(Vec::new()) };
        let at = [Value::from(org), desc.noun.into()];
        let sql = Sql::new("select next, key from code_counters where org_id = $1 and kind = $2");
        let (first, key) = match self.db.first(sql.with(at.clone()).yields([Kind::Int, Kind::Bytes])).await? {
            Some(row) => (row.int(0)?, row.bytes(1)?.try_into()?),
            None => {
                let key = bytes(self.random);
                let sql = "insert into code_counters (org_id, kind, next, key) values ($1, $2, 0, $3)";
                self.db.execute(Sql::new(sql).with(at.clone()).with([key.to_vec().into()])).await?;
                (0, key)
            }
        };
        let mut next = u64::try_from(first)?;
        let mut codes: Vec<String> = Vec::with_capacity(wanted);
        while codes.len() < wanted {
            let few = (wanted - codes.len()).min(1000);
            let some: Option<Vec<String>> = (next..).take(few).map(|n| maker.code(n, &key)).collect();
            let some = some.ok_or_else(|| Problem::conflict(format!("all codes of {} are used up", desc.table)))?;
            next += few as u64;
            let mut sql = Sql::bulk("with v (code) as ", self.db.engine());
            sql.bind_rows(some.iter().map(|c| Value::from(c.as_str())));
            let column = quoted(field.column);
            sql.push(&format!(" select v.code from v cross join {} t where t.{column} = v.code", desc.table));
            sql.push(" and t.deleted_at is null and t.org_id = ").bind(org);
            if !besides.is_empty() {
                sql.push(&format!(" union select code from v where code in ({besides})"));
            }
            let taken = self.db.all(sql.yields([Kind::Text])).await?;
            let taken: HashSet<&str> = taken.iter().map(|r| r.text(0)).collect::<Result<_>>()?;
            codes.extend(some.iter().filter(|c| !taken.contains(c.as_str())).cloned());
        }
        let sql = "update code_counters set next = $3 where org_id = $1 and kind = $2";
        self.db.execute(Sql::new(sql).with(at).with([i64::try_from(next)?.into()])).await?;
        Ok(codes)
    }

    /// Drops the indexes of tables that are about to grow to more than twice their size, to be made again when they have:
    /// sorting once is cheaper than finding each row's place (1.5 times, measured). Inside this transaction nobody sees
    /// it. On PostgreSQL nothing is done: there it would lock readers out.
    ///
    /// The indexes over `forward` stay: while a row waits for another that it refers to, SQLite asks with each new one
    /// who refers to it, and without the index reads the whole table to find out.
    pub async fn set_indexes_aside(
        &mut self,
        desc: &'static Descriptor,
        new_rows: u64,
        forward: &[&Field],
    ) -> Result<Vec<String>> {
        let mut made = Vec::new();
        if self.db.is_postgres() || new_rows < WORTH_IT {
            return Ok(made);
        }
        for table in [desc.table, "audit_records"] {
            let few = Sql::new(format!("select count(*) from (select 1 from {table} limit $1)"));
            let there = self.db.one(few.with([i64::try_from(new_rows)?.into()]).yields([Kind::Int])).await?.int(0)?;
            if there < i64::try_from(new_rows)? {
                made.extend(load::drop_indexes(self.db, table, forward).await?);
            }
        }
        Ok(made)
    }

    /// Makes the indexes again that were set aside, by their own text.
    pub async fn put_indexes_back(&mut self, indexes: Vec<String>) -> Result<()> {
        if indexes.is_empty() {
            return Ok(());
        }
        // Sorting takes as much memory as the cache may have, and the cache is full.
        load::empty_cache(self.db).await?;
        self.db.script("pragma cache_size = -8000".into()).await?;
        for index in indexes {
            self.db.script(index).await?;
        }
        self.db.script(format!("pragma cache_size = {}", sqlite::CACHE)).await
    }

    /// Writes new rows of one kind that were made elsewhere, with their audit records and search words. They are there
    /// once [`Tx::write_loaded`] was called.
    pub async fn fill(&mut self, loaders: &mut Loaders, rows: Vec<Finished>) -> Result<()> {
        self.flush().await?;
        self.are_loading = true;
        let (mut records, mut words, mut audit) = (Vec::new(), Vec::new(), Vec::new());
        let mut beside: Vec<Vec<Value>> = Vec::new();
        for mut row in rows {
            if loaders.are_few {
                let id = row.stored[1].as_uuid().unwrap_or_default();
                self.touched.push((loaders.desc, loaders.org, id));
            }
            if self.db.is_postgres() && loaders.words.is_some() {
                row.stored.push(std::mem::take(&mut row.words).into());
            }
            records.push(row.stored);
            beside.extend(row.beside);
            words.push(row.words);
            audit.push(row.audit);
        }
        let last = loaders.rows.gather(self.db, &records).await?;
        if let (Some(loader), false) = (&mut loaders.words, self.db.is_postgres()) {
            // One statement wrote them one after another, so their numbers follow each other.
            let first = last - i64::try_from(words.len())? + 1;
            let rows: Vec<Vec<Value>> =
                (first..).zip(words).map(|(number, words)| vec![number.into(), words.into()]).collect();
            loader.gather(self.db, &rows).await?;
        }
        loaders.audit.gather(self.db, &audit).await?;
        if let Some(loader) = &mut loaders.beside {
            loader.gather(self.db, &beside).await?;
        }
        let all = [Some(&loaders.rows), Some(&loaders.audit), loaders.beside.as_ref()];
        if all.into_iter().flatten().any(Loader::is_full) {
            self.write_loaded(loaders).await?;
        }
        if !loaders.are_few && !self.filled.contains(&(loaders.desc, loaders.org)) {
            self.filled.push((loaders.desc, loaders.org));
        }
        Ok(())
    }

    /// Writes what loaders have gathered: the rows before those of other tables that refer to them.
    pub async fn write_loaded(&mut self, loaders: &mut Loaders) -> Result<()> {
        loaders.rows.flush(self.db).await?;
        loaders.audit.flush(self.db).await?;
        if let Some(loader) = &mut loaders.beside {
            loader.flush(self.db).await?;
        }
        self.are_loading = false;
        Ok(())
    }

    /// A place to come back to: what is written from here on may be undone alone.
    pub async fn savepoint(&mut self) -> Result<Savepoint> {
        self.flush().await?;
        self.db.script("SAVEPOINT part".into()).await?;
        let (heads, touched, filled) = (self.heads.clone(), self.touched.len(), self.filled.len());
        Ok(Savepoint { heads, touched, filled, actor_id: self.actor_id })
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
        self.filled.truncate(savepoint.filled);
        self.actor_id = savepoint.actor_id;
        self.are_loading = false;
        self.db.script("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part".into()).await
    }

    /// Takes back what was appended to trees since, which nobody has written.
    pub fn forget_appended(&mut self, savepoint: &Savepoint) {
        self.heads.clone_from(&savepoint.heads);
    }

    /// Writes new rows with what goes with each, but without their audit records, to find those that the database
    /// refuses: halves of what is refused are tried again, down to the row. To be undone by [`Tx::roll_back_to`].
    pub async fn probe(
        &mut self,
        loaders: &mut Loaders,
        rows: Vec<Finished>,
        listed: &HashMap<Uuid, Vec<Uuid>>,
        late: &LateRules,
    ) -> Result<Vec<(Finished, Problem)>> {
        let mut refused = Vec::new();
        let mut waiting = vec![rows];
        while let Some(mut some) = waiting.pop() {
            self.db.script("SAVEPOINT probe".into()).await?;
            let Err(e) = self.try_rows(loaders, &some, listed, late).await else {
                self.db.script("RELEASE SAVEPOINT probe".into()).await?;
                continue;
            };
            let problem = e.downcast::<Problem>()?;
            if problem.rule.is_none() {
                return Err(problem.into());
            }
            self.db.script("ROLLBACK TO SAVEPOINT probe; RELEASE SAVEPOINT probe".into()).await?;
            match some.len() {
                1 => refused.extend(some.pop().map(|only| (only, problem))),
                n => {
                    let half = some.split_off(n / 2);
                    waiting.extend([half, some]);
                }
            }
        }
        Ok(refused)
    }

    async fn try_rows(
        &mut self,
        loaders: &mut Loaders,
        rows: &[Finished],
        listed: &HashMap<Uuid, Vec<Uuid>>,
        late: &LateRules,
    ) -> Result<()> {
        let mut written: Vec<Vec<Value>> = rows.iter().map(|row| row.stored.clone()).collect();
        if self.db.is_postgres() && loaders.words.is_some() {
            written.iter_mut().zip(rows).for_each(|(stored, row)| stored.push(row.words.as_str().into()));
        }
        loaders.rows.gather(self.db, &written).await?;
        loaders.rows.flush(self.db).await?;
        if let Some(loader) = &mut loaders.beside {
            let beside: Vec<Vec<Value>> = rows.iter().filter_map(|row| row.beside.clone()).collect();
            loader.gather(self.db, &beside).await?;
            loader.flush(self.db).await?;
        }
        for row in rows {
            for branch in listed.get(&row.id()).into_iter().flatten() {
                self.put_branch(loaders.org, row.id(), *branch).await?;
            }
        }
        late.check(self.db).await
    }

    /// The canonical text of what all records of this transaction have in common.
    async fn request_payload(&mut self) -> Result<String> {
        let actor_id = self.actor().await?;
        let mut m = Map::new();
        if self.db.is_postgres() {
            let row = self.db.one(Sql::new("select session_user::text").yields([Kind::Text])).await?;
            m.insert("database_user".into(), row.text(0)?.into());
        }
        let o = self.origin;
        m.insert("v".into(), audit::SCHEMA.into());
        m.insert(
            "actor".into(),
            json!({ "id": actor_id, "kind": o.actor_kind, "key": o.actor_key, "name": o.actor_name }),
        );
        m.insert("source".into(), o.source.into());
        m.insert("host".into(), o.host.as_str().into());
        m.insert("command".into(), o.command.clone().into());
        m.insert("permission".into(), self.permit.permission().into());
        m.insert("started_at".into(), Value::from(o.started_at).to_json());
        m.insert("program".into(), concat!("orgctl ", env!("CARGO_PKG_VERSION")).into());
        if let Some(error) = &self.error {
            m.insert("error".into(), error.as_str().into());
        }
        m.extend(o.details.clone());
        Ok(canonical(&Json::Object(m))?)
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

    /// What comes before the commit; a dry run does it too, so that it refuses what the real run would refuse.
    pub async fn finish(&mut self) -> Result<()> {
        self.flush().await?;
        if self.are_loading {
            return Err(anyhow::anyhow!("rows that were loaded were not written; nothing was changed"));
        }
        let touched = std::mem::take(&mut self.touched);
        invariants::check_touched(self.db, &touched).await?;
        let filled = std::mem::take(&mut self.filled);
        invariants::check_filled(self.db, &filled).await?;
        invariants::check_limits(self.db, &touched, &filled).await?;
        self.refuse_unused().await?;
        let actor = if self.records() > 0 { self.actor().await? } else { 0 };
        for (org, head) in std::mem::take(&mut self.heads) {
            let Some(request) = head.first else { continue };
            if head.lent {
                return Err(anyhow::anyhow!("a tree that was lent did not come back; nothing was changed"));
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
                self.status.word().into(),
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
            sqlite::check_references(c).await?;
        }
        Ok(())
    }

    /// Undoes everything.
    pub async fn rollback(self) -> Result<()> {
        self.db.script("ROLLBACK".into()).await
    }
}

/// Writes down a new actor before the transaction begins, where writers don't wait for each other anyway: inside it, an
/// operator's first import would hold up that operator's work in every other organisation.
pub async fn remember_actor(db: &mut Db, origin: &Origin, clock: &dyn Clock) -> Result<()> {
    let schema = Sql::new("select count(*) from pg_tables where schemaname = 'orgctl' and tablename = 'actors'");
    if !db.is_postgres() || db.one(schema.yields([Kind::Int])).await?.int(0)? == 0 {
        return Ok(());
    }
    if find_actor(db, origin).await?.is_none() {
        insert_actor(db, origin, clock.micros()).await?;
    }
    Ok(())
}

async fn find_actor(db: &mut Db, origin: &Origin) -> Result<Option<i64>> {
    let sql = Sql::new("select actor_id from actors where key = $1").with([origin.actor_key.as_str().into()]);
    db.first(sql.yields([Kind::Int])).await?.map(|row| row.int(0)).transpose()
}

async fn insert_actor(db: &mut Db, origin: &Origin, at: DateTime<Utc>) -> Result<()> {
    let guard = if db.is_postgres() { " on conflict (key) do nothing" } else { "" };
    let sql = format!("insert into actors (kind, key, name, created_at) values ($1, $2, $3, $4){guard}");
    let (key, name) = (origin.actor_key.as_str(), origin.actor_name.as_str());
    db.execute(Sql::new(sql).with([origin.actor_kind.into(), key.into(), name.into(), at.into()])).await.map(drop)
}

fn stale(record: &Record) -> Problem {
    Problem::conflict(format!("{} was changed by somebody else in the meantime", record.title())).hint(format!(
        "look at it again: orgctl {} show {}",
        record.desc.noun,
        record.key()
    ))
}

fn told_of(holder: &str, wait: Duration) -> String {
    format!("waiting for {holder}, which is writing (up to {} s)", wait.as_secs())
}

fn locked(holder: &str, wait: Duration) -> Problem {
    Problem::failed(format!("the database is locked by {holder}; waited {} s", wait.as_secs()))
        .hint("run the command again later, or wait longer with --wait SECONDS")
}

/// `BEGIN IMMEDIATE`, again and again until `--wait` is over: SQLite has one writer.
async fn begin_immediate(db: &mut Db, waiting: &mut dyn FnMut(&str)) -> Result<()> {
    let Location::Sqlite(path) = db.location.clone() else { return Ok(()) };
    let started = Instant::now();
    let mut told = false;
    loop {
        match db.script("BEGIN IMMEDIATE".into()).await {
            Err(e) if e.is::<sqlite::Busy>() => {}
            other => return other,
        }
        let holder = || sqlite::lock_holder(&path).unwrap_or_else(|| "another command".to_owned());
        if started.elapsed() >= db.opening.wait {
            return Err(locked(&holder(), db.opening.wait).into());
        }
        if !told && started.elapsed() >= Duration::from_secs(1) {
            waiting(&told_of(&holder(), db.opening.wait));
            told = true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
