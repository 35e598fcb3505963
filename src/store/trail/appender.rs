//! The growing end of one audit tree, apart from the connection: many records can be made while others are written.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::model::problem::Problem;
use crate::model::trail::audit::{self, Event, Header, Payload, Status};
use crate::model::trail::merkle::{Frontier, Hash};
use crate::model::values::value::{Value, ValueType, canonical};
use crate::store::Result;

/// Appends records to one tree, all of one transaction. Lent by [`crate::store::tx::Tx::detach`], which lets nobody else
/// append meanwhile.
pub struct TreeAppender {
    pub(in crate::store) tree: i32,
    pub(in crate::store) frontier: Frontier,
    pub(in crate::store) at: DateTime<Utc>,
    pub(in crate::store) request_id: Uuid,
    pub(in crate::store) request_digest: Hash,
    pub(in crate::store) status: Status,
}

/// Columns of an audit record, as [`TreeAppender::append`] gives their values.
pub const COLUMNS: &[(&str, ValueType)] = &[
    ("tree", ValueType::Int),
    ("seq", ValueType::Int),
    ("action", ValueType::Text),
    ("effect", ValueType::Text),
    ("kind", ValueType::Text),
    ("resource_id", ValueType::Uuid),
    ("subject_id", ValueType::Uuid),
    ("salt", ValueType::Bytes),
    ("payload", ValueType::Text),
    ("leaf", ValueType::Bytes),
];

impl TreeAppender {
    /// Makes the next record and moves the tree on; the record's columns, which must then be written.
    pub fn append(&mut self, event: Event<'_>, payload: Payload, salt: [u8; 16]) -> Result<Vec<Value>> {
        let Event { action, effect, kind, resource_id, subject_id } = event;
        if action.chars().count() > audit::WORD || kind.chars().count() > audit::WORD {
            return Err(Problem::invalid(format!("actions and kinds have at most {} characters", audit::WORD)).into());
        }
        let text = canonical(&payload.into_json())?;
        let commitment = audit::commit(&salt, &text);
        let seq = self.frontier.size() + 1;
        let header = Header {
            tree: u32::try_from(self.tree)?,
            seq,
            at: self.at,
            request_id: self.request_id,
            request_digest: self.request_digest,
            action,
            effect: effect.as_str(),
            kind,
            resource_id,
            subject_id,
            status: self.status.as_str(),
        };
        let leaf = header.leaf(&commitment);
        let stored_seq = i64::try_from(seq)?;
        self.frontier.append(leaf);
        Ok(vec![
            self.tree.into(),
            stored_seq.into(),
            action.into(),
            effect.as_str().into(),
            kind.into(),
            resource_id.into(),
            Some(subject_id).filter(|id| !id.is_nil()).into(),
            salt.to_vec().into(),
            text.into(),
            leaf.to_vec().into(),
        ])
    }
}
