//! The growing end of one audit tree, apart from the connection: many records can be made while others are written.

use anyhow::Result;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::model::problem::Problem;
use crate::model::trail::audit::{self, Event, Header, Payload, Status};
use crate::model::trail::merkle::{Frontier, Hash};
use crate::model::values::value::{Kind, Value, canonical};

/// Appends records to one tree, all of one transaction. Lent by [`crate::store::tx::Tx::lend_chain`], which lets nobody else
/// append meanwhile.
pub struct Chain {
    pub(in crate::store) tree: i32,
    pub(in crate::store) frontier: Frontier,
    pub(in crate::store) at: DateTime<Utc>,
    pub(in crate::store) request_id: Uuid,
    pub(in crate::store) request_digest: Hash,
    pub(in crate::store) status: Status,
}

/// Columns of an audit record, as [`Chain::append`] gives their values.
pub const COLUMNS: &[(&str, Kind)] = &[
    ("tree", Kind::Int),
    ("seq", Kind::Int),
    ("action", Kind::Text),
    ("effect", Kind::Text),
    ("kind", Kind::Text),
    ("resource_id", Kind::Uuid),
    ("subject_id", Kind::Uuid),
    ("salt", Kind::Bytes),
    ("payload", Kind::Text),
    ("leaf", Kind::Bytes),
];

impl Chain {
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
            effect: effect.word(),
            kind,
            resource_id,
            subject_id,
            status: self.status.word(),
        };
        let leaf = header.leaf(&commitment);
        let stored_seq = i64::try_from(seq)?;
        self.frontier.append(leaf);
        Ok(vec![
            self.tree.into(),
            stored_seq.into(),
            action.into(),
            effect.word().into(),
            kind.into(),
            resource_id.into(),
            Some(subject_id).filter(|id| !id.is_nil()).into(),
            salt.to_vec().into(),
            text.into(),
            leaf.to_vec().into(),
        ])
    }
}
