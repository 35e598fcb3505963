//! What is recorded besides changes of rows, and about whom.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::Tx;
use crate::model::random::Random;
use crate::model::resource::{Record, Subject};
use crate::model::trail::audit::{self, Action, Effect, Event, Payload, Status};
use crate::model::trail::merkle::Frontier;
use crate::model::values::value::{Value, ValueType};
use crate::store::engine::sql::Sql;
use crate::store::records::subjects;
use crate::store::trail::appender::TreeAppender;
use crate::store::{Error, Result};

impl Tx<'_> {
    /// A number for a new organisation and an empty tree for it. SYSTEM's head must be locked.
    pub async fn new_org_number(&mut self) -> Result<i32> {
        // Trees outlive their organisation, so a number is never given twice.
        let row = self.db.one(Sql::new("select max(tree) + 1 from audit_heads").yields([ValueType::Int])).await?;
        let org = row.org(0)?;
        let sql = Sql::new("insert into audit_heads (tree, size, frontier, at) values ($1, 0, $2, $3)");
        self.db.execute(sql.with([org.into(), Value::Bytes(Vec::new()), self.audit.at.into()])).await?;
        self.audit.take(org, Frontier::default());
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
        if self.audit.status == Status::Success || self.records() > 0 {
            return Err(Error::bug("a refusal was to be recorded as a success"));
        }
        let subject = self.subject_of(org, kind, id).await?;
        self.append(org, Event::without_effect(action, kind, id).about(subject), payload).await
    }

    pub(in crate::store) async fn append(&mut self, org: i32, event: Event<'_>, payload: Payload) -> Result<()> {
        self.audit.append(self.db, org, event, payload).await?;
        self.flush().await
    }

    /// As `append`, but the record waits to be written together with others.
    pub(in crate::store) async fn append_later(&mut self, org: i32, event: Event<'_>, payload: Payload) -> Result<()> {
        if self.audit.append(self.db, org, event, payload).await? { self.flush().await } else { Ok(()) }
    }

    /// Lends the growing end of a locked tree, so that records are made elsewhere while others are written here. Until
    /// it is taken back nobody else appends to the tree.
    pub async fn detach(&mut self, org: i32) -> Result<TreeAppender> {
        self.audit.detach(self.db, org).await
    }

    /// Takes a tree back that was lent.
    pub fn attach(&mut self, tree: TreeAppender) -> Result<()> {
        self.audit.attach(tree)
    }

    /// A salt for each of `n` records that are made elsewhere.
    pub fn salts(&self, n: usize) -> Vec<[u8; 16]> {
        self.audit.salts(n)
    }

    /// Where chance comes from.
    pub fn random(&self) -> &dyn Random {
        self.random
    }
}
