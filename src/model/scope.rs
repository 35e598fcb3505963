//! What of the records of an organisation somebody may see or change: what a decision allows, and what a reader asks for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The records that somebody may do something with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// Those that meet all conditions of one of these; where there are none, no record.
    AnyOf(Vec<Conditions>),
}

/// What a record must be: everything that is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Of each of these sets it belongs to one branch, or to one below it. An empty set is met by no record.
    pub branches: Vec<BTreeSet<Uuid>>,
    /// Those below count for themselves: it belongs to a branch of each set.
    pub branches_alone: bool,
    /// Of each of these sets it belongs to one department.
    pub departments: Vec<BTreeSet<Uuid>>,
    /// It is about this person, or he or she is in charge of it.
    pub own_of: Option<Uuid>,
}

/// What is asked about.
#[derive(Debug, Clone, Copy)]
pub enum About<'a> {
    /// No record yet: the answer says which ones.
    Unnamed,
    /// The whole installation, of which no organisation has a part.
    Installation,
    Record(&'a Belongings),
    /// Any record of a branch, of a department, or of both: what is not said is not asked.
    Places {
        branches: Option<&'a BTreeSet<Uuid>>,
        departments: Option<&'a BTreeSet<Uuid>>,
    },
}

impl<'a> About<'a> {
    /// The branch of what is asked about, with those above it; none where that is not asked.
    pub fn branches(self) -> Option<&'a BTreeSet<Uuid>> {
        match self {
            About::Unnamed | About::Installation => None,
            About::Record(record) => Some(&record.branches),
            About::Places { branches, .. } => branches,
        }
    }

    pub fn departments(self) -> Option<&'a BTreeSet<Uuid>> {
        match self {
            About::Unnamed | About::Installation => None,
            About::Record(record) => Some(&record.departments),
            About::Places { departments, .. } => departments,
        }
    }

    /// Whom it is about, and who is in charge of it.
    pub fn people(self) -> Option<&'a BTreeSet<Uuid>> {
        match self {
            About::Record(record) => Some(&record.people),
            About::Unnamed | About::Installation | About::Places { .. } => None,
        }
    }
}

/// What a record belongs to. What belongs to nothing, as what is the whole organisation's, meets no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Belongings {
    /// Its branch, with those above it where a branch covers those below it.
    pub branches: BTreeSet<Uuid>,
    pub departments: BTreeSet<Uuid>,
    /// Whom it is about, and who is in charge of it.
    pub people: BTreeSet<Uuid>,
}

impl Conditions {
    /// Whether nothing is asked.
    pub fn is_none(&self) -> bool {
        self.branches.is_empty() && self.departments.is_empty() && self.own_of.is_none()
    }

    /// Both; nothing where no record can meet both.
    fn and(&self, other: &Conditions) -> Option<Conditions> {
        if self.own_of.is_some() && other.own_of.is_some() && self.own_of != other.own_of {
            // It may be about the one, and the other in charge of it: too rare to be said in conditions.
            return None;
        }
        let joined = |a: &[BTreeSet<Uuid>], b: &[BTreeSet<Uuid>]| [a, b].concat();
        Some(Conditions {
            branches: joined(&self.branches, &other.branches),
            branches_alone: self.branches_alone || other.branches_alone,
            departments: joined(&self.departments, &other.departments),
            own_of: self.own_of.or(other.own_of),
        })
    }

    pub fn are_met_by(&self, record: &Belongings) -> bool {
        self.branches.iter().all(|any| !any.is_disjoint(&record.branches))
            && self.departments.iter().all(|any| !any.is_disjoint(&record.departments))
            && self.own_of.is_none_or(|person| record.people.contains(&person))
    }
}

impl Scope {
    /// No record.
    pub const NOTHING: Scope = Scope::AnyOf(Vec::new());

    /// What several grants give together.
    pub fn of(grants: impl IntoIterator<Item = Conditions>) -> Scope {
        let mut all: Vec<Conditions> = Vec::new();
        for conditions in grants {
            if conditions.is_none() {
                return Scope::All;
            }
            if !all.contains(&conditions) {
                all.push(conditions);
            }
        }
        Scope::AnyOf(all)
    }

    /// What two answers give together: of the one and of the other.
    pub fn and(&self, other: &Scope) -> Scope {
        match (self, other) {
            (Scope::All, some) | (some, Scope::All) => some.clone(),
            (Scope::AnyOf(these), Scope::AnyOf(those)) => {
                let pairs = these.iter().flat_map(|a| those.iter().filter_map(|b| a.and(b)));
                Scope::of(pairs)
            }
        }
    }

    pub fn is_nothing(&self) -> bool {
        *self == Scope::NOTHING
    }

    pub fn covers(&self, record: &Belongings) -> bool {
        match self {
            Scope::All => true,
            Scope::AnyOf(any) => any.iter().any(|conditions| conditions.are_met_by(record)),
        }
    }
}
