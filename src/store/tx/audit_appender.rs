//! The growing ends of the trees that a transaction has locked: every record is appended to one, and all of them are sealed
//! before the commit.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json, json};

use super::origin::Origin;
use super::row_writer::TOGETHER;
use crate::model::random::{Random, bytes};
use crate::model::trail::audit::{self, Effect, Event, Payload, Status};
use crate::model::trail::merkle::{Frontier, Hash};
use crate::model::values::value::{Value, ValueType, canonical};
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;
use crate::store::trail::appender::{self, TreeAppender};
use crate::store::{Error, Result};

/// The `audit_requests` row that a tree gets at commit.
#[derive(Clone)]
struct Request {
    first_seq: u64,
    salt: [u8; 16],
    payload: String,
    commitment: Hash,
    digest: Hash,
}

#[derive(Clone)]
struct LockedHead {
    frontier: Frontier,
    first: Option<Request>,
    /// Somebody else appends to the tree, with [`AuditAppender::detach`].
    lent: bool,
}

/// Appends what is recorded.
pub(super) struct AuditAppender<'a> {
    origin: &'a Origin,
    permission: String,
    random: &'a dyn Random,
    /// The instant of all records: never before the last one of a tree that was locked.
    pub(super) at: DateTime<Utc>,
    /// How what is recorded ended.
    pub(super) status: Status,
    pub(super) error: Option<String>,
    actor_id: Option<i64>,
    heads: BTreeMap<i32, LockedHead>,
    /// Records that wait to be written together.
    waiting: Vec<Vec<Value>>,
}

/// How far trees had grown.
pub(super) struct Grown {
    heads: BTreeMap<i32, LockedHead>,
    actor_id: Option<i64>,
}

impl<'a> AuditAppender<'a> {
    pub(super) fn new(
        origin: &'a Origin,
        permission: &str,
        random: &'a dyn Random,
        at: DateTime<Utc>,
    ) -> AuditAppender<'a> {
        AuditAppender {
            origin,
            permission: permission.to_owned(),
            random,
            at,
            status: Status::Success,
            error: None,
            actor_id: None,
            heads: BTreeMap::new(),
            waiting: Vec::new(),
        }
    }

    /// The actor's number, made on first use.
    pub(super) async fn actor(&mut self, db: &mut Db) -> Result<i64> {
        if self.actor_id.is_none() {
            self.actor_id = self.origin.actor(db, self.at).await?;
        }
        self.actor_id.ok_or_else(|| Error::bug("the actor could not be written down; nothing was changed"))
    }

    /// How many records were made so far.
    pub(super) fn records(&self) -> u64 {
        let made = |h: &LockedHead| h.first.as_ref().map_or(0, |first| h.frontier.size() + 1 - first.first_seq);
        self.heads.values().map(made).sum()
    }

    /// Whether an organisation's tree is locked.
    pub(super) fn has(&self, org: i32) -> bool {
        self.heads.contains_key(&org)
    }

    /// Takes a tree whose head is locked.
    pub(super) fn take(&mut self, org: i32, frontier: Frontier) {
        self.heads.insert(org, LockedHead { frontier, first: None, lent: false });
    }

    /// Makes an audit record of what is recorded, which waits to be written; whether so many wait that they should be.
    pub(super) async fn append(&mut self, db: &mut Db, org: i32, event: Event<'_>, payload: Payload) -> Result<bool> {
        // A journal is its own record, and what is volatile has none.
        let is_of_row = event.effect != Effect::None;
        if !is_of_row || db.kinds().by_noun(event.kind).is_none_or(|d| d.is_recorded()) {
            let salt: [u8; 16] = bytes(self.random);
            let mut tree = self.detach(db, org).await?;
            let made = tree.append(event, payload, salt);
            self.attach(tree)?;
            self.waiting.push(made?);
        }
        Ok(self.waiting.len() >= TOGETHER)
    }

    /// Writes the records that wait.
    pub(super) async fn flush(&mut self, db: &mut Db) -> Result<()> {
        let records = std::mem::take(&mut self.waiting);
        for some in records.chunks(TOGETHER) {
            let columns: Vec<&str> = appender::COLUMNS.iter().map(|(name, _)| *name).collect();
            let text = format!("insert into audit_records ({}) values ", columns.join(", "));
            let mut sql = Sql::bulk(text, db.engine());
            for (i, values) in some.iter().enumerate() {
                sql.push(if i == 0 { "" } else { ", " }).bind_list(values.iter().cloned());
            }
            db.execute(sql).await?;
        }
        Ok(())
    }

    /// Lends the growing end of a locked tree, so that records are made elsewhere while others are written here. Until
    /// it is taken back nobody else appends to the tree.
    pub(super) async fn detach(&mut self, db: &mut Db, org: i32) -> Result<TreeAppender> {
        let unlocked =
            || Error::bug(format!("a verb wrote to organisation {org} without locking it; nothing was changed"));
        if self.heads.get(&org).filter(|h| !h.lent).ok_or_else(unlocked)?.first.is_none() {
            let payload = self.request_payload(db).await?;
            let salt = bytes(self.random);
            let commitment = audit::commit(&salt, &payload);
            let digest = audit::request_digest(self.actor(db).await?, self.origin.source, &commitment);
            let head = self.heads.get_mut(&org).ok_or_else(unlocked)?;
            head.first = Some(Request { first_seq: head.frontier.size() + 1, salt, payload, commitment, digest });
        }
        let head = self.heads.get_mut(&org).ok_or_else(unlocked)?;
        let common = head.first.as_ref().ok_or_else(unlocked)?;
        head.lent = true;
        Ok(TreeAppender {
            tree: org,
            frontier: std::mem::take(&mut head.frontier),
            at: self.at,
            request_id: self.origin.request_id,
            request_digest: common.digest,
            status: self.status,
        })
    }

    /// Takes a tree back that was lent.
    pub(super) fn attach(&mut self, tree: TreeAppender) -> Result<()> {
        let head = self.heads.get_mut(&tree.tree).filter(|h| h.lent);
        let head = head.ok_or_else(|| Error::bug("a tree came back that was not lent; nothing was changed"))?;
        head.lent = false;
        head.frontier = tree.frontier;
        Ok(())
    }

    /// A salt for each of `n` records that are made elsewhere.
    pub(super) fn salts(&self, n: usize) -> Vec<[u8; 16]> {
        let mut all = vec![0; n * 16];
        self.random.fill(&mut all);
        all.as_chunks::<16>().0.to_vec()
    }

    /// Writes what the records of each tree have in common, and its head.
    pub(super) async fn seal(&mut self, db: &mut Db) -> Result<()> {
        let actor = if self.records() > 0 { self.actor(db).await? } else { 0 };
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
            db.execute(Sql::new(sql).with(args)).await?;
            let sql = "update audit_heads set size = $1, frontier = $2, at = $3 where tree = $4";
            let args = [last.into(), head.frontier.to_bytes().into(), self.at.into(), org.into()];
            db.execute(Sql::new(sql).with(args)).await?;
        }
        Ok(())
    }

    pub(super) fn grown(&self) -> Grown {
        Grown { heads: self.heads.clone(), actor_id: self.actor_id }
    }

    /// Lets trees be as far grown as they were, and forgets what waits.
    pub(super) fn shrink_to(&mut self, grown: Grown) {
        self.waiting.clear();
        self.heads = grown.heads;
        self.actor_id = grown.actor_id;
    }

    /// Takes back what was appended since, of which nothing waits here.
    pub(super) fn forget_since(&mut self, grown: &Grown) {
        self.heads.clone_from(&grown.heads);
    }

    /// The canonical text of what all records of this transaction have in common.
    async fn request_payload(&mut self, db: &mut Db) -> Result<String> {
        let actor_id = self.actor(db).await?;
        let mut m = Map::new();
        if db.is_postgres() {
            let row = db.one(Sql::new("select session_user::text").yields([ValueType::Text])).await?;
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
        m.insert("permission".into(), self.permission.as_str().into());
        m.insert("started_at".into(), Value::from(o.started_at).to_json());
        m.insert("program".into(), concat!("orgctl ", env!("CARGO_PKG_VERSION")).into());
        if let Some(error) = &self.error {
            m.insert("error".into(), error.as_str().into());
        }
        m.extend(o.details.clone());
        Ok(canonical(&Json::Object(m))?)
    }
}
