//! How long a record lives, and whether it is recorded: a kind says it once.

use chrono::{DateTime, Utc};

use super::status::{Test, Word};
use super::{Descriptor, Record};
use crate::model::setting::INSTALLATION;

/// When a record of a superseding kind ended.
pub const ENDED: &str = "ended_at";
/// When such a record ends to hold by itself, where the kind has that.
pub const EXPIRES: &str = "expires_at";

/// When a row of a journal was written, by whom, and by which command: all that it has besides its own fields.
pub const AT: &str = "at";
pub const ACTOR: &str = "actor_id";
pub const REQUEST: &str = "request_id";

/// What becomes of records in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// A record is changed, deleted and restored; one that is deleted is purged in the end.
    SoftDelete,
    /// Besides, it ends: by a verb, or when another one of the same key takes its place. What has ended stays as history,
    /// is no deletion, and never comes back with anything.
    Supersede,
    /// What was written stays as it was: a journal, which is its own record.
    AppendOnly,
    /// Counters and what was last seen: nothing of it is recorded.
    Volatile,
}

/// The classes of table: the first three are those of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Every change of a row has an audit record.
    Recorded,
    /// Rows are added, and are their own record.
    Journal,
    /// Rows change without a record.
    Volatile,
    /// Wrapped keys: the record of the act that makes or destroys one names it, and wrapping all anew is one record.
    Wrapped,
}

impl Lifecycle {
    pub const fn class(self) -> Class {
        match self {
            Lifecycle::SoftDelete | Lifecycle::Supersede => Class::Recorded,
            Lifecycle::AppendOnly => Class::Journal,
            Lifecycle::Volatile => Class::Volatile,
        }
    }
}

/// The status of a superseding kind that says nothing else.
pub const COURSE: &[Word] = &[Word::of("ended", &[Test::Given(ENDED)]), Word::otherwise("active")];
/// The same where its records may end to hold by themselves.
pub const COURSE_TO_A_DAY: &[Word] = &[
    Word::of("ended", &[Test::Given(ENDED)]),
    Word::of("expired", &[Test::Passed(EXPIRES)]).out(),
    Word::otherwise("active"),
];

impl Descriptor {
    /// Whether its records end, and others take their place.
    pub fn ends(&self) -> bool {
        self.lifecycle == Lifecycle::Supersede
    }
    /// Whether its records stay as they were written, until what they are within is purged.
    pub fn stays(&self) -> bool {
        self.lifecycle == Lifecycle::AppendOnly
    }
    /// Whether every change of its records has an audit record. Of what has none nothing is deleted to be restored: it goes.
    pub fn is_recorded(&self) -> bool {
        self.lifecycle.class() == Class::Recorded
    }
    /// The column that says when a record was made.
    pub fn made_at(&self) -> &'static str {
        if self.stays() { AT } else { "created_at" }
    }
    /// What is wrong with how long its records are kept.
    pub(crate) fn fault_of_retention(&self) -> Option<String> {
        let setting = self.retention?;
        let why = match (self.stays(), setting.declared.scopes == INSTALLATION) {
            (false, _) => "is no journal",
            (true, false) => "asks the organisations, and is pruned for all",
            (true, true) => return None,
        };
        Some(format!("{} goes by {}, and {why}", self.noun, setting.declared.key))
    }
}

impl Record {
    /// Whether it is there, and has not ended.
    pub fn is_live(&self) -> bool {
        self.meta.is_live() && !self.has_ended()
    }
    /// Whether another one took its place, or a verb ended it.
    pub fn has_ended(&self) -> bool {
        self.desc.ends() && self.find(ENDED).is_some_and(|at| !at.is_null())
    }
    /// Why it is not live.
    pub fn why_gone(&self) -> String {
        let why = if self.has_ended() && self.meta.is_live() { "has ended" } else { "is deleted" };
        format!("{} {why}", self.title())
    }
    /// Whether it is live and no longer holds, since its time has passed.
    pub fn has_expired(&self, at: DateTime<Utc>) -> bool {
        self.is_live()
            && self.desc.ends()
            && self.find(EXPIRES).is_some_and(|v| v.as_time().is_some_and(|end| end <= at))
    }
}
