//! What is known of somebody when a decision is made: his or her account, places and roles, as of an instant.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::roles::Roles;
use crate::model::scope::Conditions;

/// What a decision goes by. Whoever reads them from a database reads all of one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The instant that is asked about.
    pub at: DateTime<Utc>,
    /// The organisation; the installation has the number 0.
    pub org: i32,
    pub account: Account,
    /// The places of his or her own, without those below them.
    pub branches: BTreeSet<Uuid>,
    /// Whether a branch covers nothing but itself (setting `access.include_sub_branches`).
    pub branches_alone: bool,
    pub departments: BTreeSet<Uuid>,
    pub held: Vec<Held>,
    pub roles: Arc<Roles>,
}

/// What is known of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose it is.
    pub person: Uuid,
    /// Whether he or she is with the organisation.
    pub is_active: bool,
    pub block: Block,
}

/// Whether somebody is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    No,
    /// Up to a time, from which on it is none; or until somebody lifts it.
    Until(Option<DateTime<Utc>>),
}

/// A role that was given to somebody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// The grant.
    pub id: Uuid,
    /// Where the role is among those that are known.
    pub role: usize,
    /// What it is narrowed to, besides what a permission says.
    pub scope: Conditions,
    pub from: Option<DateTime<Utc>>,
    /// From this very instant on it gives nothing.
    pub until: Option<DateTime<Utc>>,
    /// When it was taken back.
    pub ended: Option<DateTime<Utc>>,
}

impl Default for Account {
    fn default() -> Account {
        Account { person: Uuid::nil(), is_active: true, block: Block::No }
    }
}
