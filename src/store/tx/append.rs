//! Audit records: what every change appends to the tree of its organisation.

use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::{LockedHead, TOGETHER, Tx};
use crate::model::random::{Random, bytes};
use crate::model::resource::{Record, Subject};
use crate::model::trail::audit::{self, Action, Effect, Event, Payload, Status};
use crate::model::trail::merkle::{Frontier, Hash};
use crate::model::values::value::{Value, ValueType, canonical};
use crate::store::engine::sql::Sql;
use crate::store::records::subjects;
use crate::store::trail::appender::TreeAppender;
use crate::store::{Error, Result};

/// The `audit_requests` row that a tree gets at commit.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) first_seq: u64,
    pub(super) salt: [u8; 16],
    pub(super) payload: String,
    pub(super) commitment: Hash,
    pub(super) digest: Hash,
}

impl Tx<'_> {
    /// A number for a new organisation and an empty tree for it. SYSTEM's head must be locked.
    pub async fn new_org_number(&mut self) -> Result<i32> {
        // Trees outlive their organisation, so a number is never given twice.
        let row = self.db.one(Sql::new("select max(tree) + 1 from audit_heads").yields([ValueType::Int])).await?;
        let org = row.org(0)?;
        let sql = Sql::new("insert into audit_heads (tree, size, frontier, at) values ($1, 0, $2, $3)");
        self.db.execute(sql.with([org.into(), Value::Bytes(Vec::new()), self.at.into()])).await?;
        self.heads.insert(org, LockedHead { frontier: Frontier::default(), first: None, lent: false });
        Ok(org)
    }

    /// Records an event that is about no single row: an import, a migration, a refused command.
    pub async fn event(&mut self, org: i32, action: Action, kind: &str, details: Map<String, Json>) -> Result<()> {
        self.event_about(org, action, kind, Uuid::nil(), details).await
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
        let subject = self.subject_of(org, kind, id).await?;
        let event = Event::without_effect(action.as_str(), kind, id).about(subject);
        self.append(org, event, Payload { details, ..Payload::default() }).await
    }

    /// Whose data a record of ours holds, by its id; nil where it holds nobody's, or where there is none any more that could
    /// tell. What the trail tells of itself with an id is about a person.
    pub(in crate::store) async fn subject_of(&mut self, org: i32, kind: &str, id: Uuid) -> Result<Uuid> {
        if kind == audit::KIND || id.is_nil() {
            return Ok(id);
        }
        Ok(match self.kinds().by_noun(kind) {
            Some(desc) if desc.subject == Subject::Itself => id,
            Some(desc) if desc.subject_field().is_some() => {
                subjects::of(self.db, desc, org, std::iter::once(id)).await?.remove(&id).unwrap_or_default()
            }
            _ => Uuid::nil(),
        })
    }

    /// What is recorded of a change of a row.
    pub(super) async fn event_of<'e>(&mut self, record: &Record, action: Action, effect: Effect) -> Result<Event<'e>> {
        let event = Event::of(record, action, effect);
        let Some((field, holder)) = record.desc.subject_holder() else { return Ok(event) };
        let id = record.get(field.column).as_uuid().unwrap_or_default();
        let subject = self.subject_of(record.meta.org_id, holder.noun, id).await?;
        Ok(event.about(subject))
    }

    /// Records a refused or failed command under the word of its verb, and what it was about. It stands in a transaction of
    /// its own, which is marked: by that all who rebuild the past know that it changed nothing.
    pub async fn refusal(&mut self, org: i32, action: &str, kind: &str, id: Uuid, payload: Payload) -> Result<()> {
        if self.status == Status::Success || self.records() > 0 {
            return Err(Error::bug("a refusal was to be recorded as a success"));
        }
        let subject = self.subject_of(org, kind, id).await?;
        self.append(org, Event::without_effect(action, kind, id).about(subject), payload).await
    }

    pub(in crate::store) async fn append(&mut self, org: i32, event: Event<'_>, payload: Payload) -> Result<()> {
        self.prepare(org, event, payload).await?;
        self.flush().await
    }

    /// As `append`, but the record waits to be written together with others.
    pub(in crate::store) async fn append_later(&mut self, org: i32, event: Event<'_>, payload: Payload) -> Result<()> {
        self.prepare(org, event, payload).await?;
        if self.waiting_audit.len() >= TOGETHER { self.flush().await } else { Ok(()) }
    }

    pub(in crate::store) fn random(&self) -> &dyn Random {
        self.random
    }

    /// Makes an audit record, which waits to be written, of what is recorded.
    pub(super) async fn prepare(&mut self, org: i32, event: Event<'_>, payload: Payload) -> Result<()> {
        // A journal is its own record, and what is volatile has none.
        let is_of_row = event.effect != Effect::None;
        if is_of_row && self.kinds().by_noun(event.kind).is_some_and(|d| !d.is_recorded()) {
            return Ok(());
        }
        let salt: [u8; 16] = bytes(self.random);
        let mut appender = self.detach(org).await?;
        let made = appender.append(event, payload, salt);
        self.attach(appender)?;
        self.waiting_audit.push(made?);
        Ok(())
    }

    /// Lends the growing end of a locked tree, so that records are made elsewhere while others are written here. Until
    /// it is taken back nobody else appends to the tree.
    pub async fn detach(&mut self, org: i32) -> Result<TreeAppender> {
        let unlocked =
            || Error::bug(format!("a verb wrote to organisation {org} without locking it; nothing was changed"));
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
        Ok(TreeAppender {
            tree: org,
            frontier: std::mem::take(&mut head.frontier),
            at: self.at,
            request_id: self.origin.request_id,
            request_digest: common.digest,
            status: self.status,
        })
    }

    pub fn attach(&mut self, appender: TreeAppender) -> Result<()> {
        let head = self.heads.get_mut(&appender.tree).filter(|h| h.lent);
        let head = head.ok_or_else(|| Error::bug("a tree came back that was not lent; nothing was changed"))?;
        head.lent = false;
        head.frontier = appender.frontier;
        Ok(())
    }

    /// A salt for each of `n` records that are made elsewhere.
    pub fn salts(&self, n: usize) -> Vec<[u8; 16]> {
        let mut all = vec![0; n * 16];
        self.random.fill(&mut all);
        all.as_chunks::<16>().0.to_vec()
    }

    /// The canonical text of what all records of this transaction have in common.
    pub(super) async fn request_payload(&mut self) -> Result<String> {
        let actor_id = self.actor().await?;
        let mut m = Map::new();
        if self.db.is_postgres() {
            let row = self.db.one(Sql::new("select session_user::text").yields([ValueType::Text])).await?;
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
}
