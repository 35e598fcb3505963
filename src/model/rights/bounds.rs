//! How far somebody may go who writes what others may do: what the decision knows of it, and what a transaction asks.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::facts::{Facts, Held};
use super::permission::Permission;
use super::roles::Given;
use crate::model::scope::Conditions;
use crate::model::values::value::rfc3339;

/// The branches above each of some branches, itself among them.
pub type Above = HashMap<Uuid, BTreeSet<Uuid>>;

/// What some roles give, each by the role, the resource and the action.
pub type Only = HashSet<(Uuid, String, String)>;

/// A branch that lies elsewhere now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub branch: Uuid,
    /// Itself, and what was above it.
    pub before: BTreeSet<Uuid>,
    /// What is above it now and was not.
    pub newly: BTreeSet<Uuid>,
}

/// What is asked of people.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Only about this; none: about all that they have.
    pub only: Option<&'a Only>,
    /// Whether somebody has something newly: by this grant, under these conditions.
    pub is_new: &'a dyn Fn(&Facts, &Held, &Given) -> bool,
}

/// How what somebody else may do goes beyond what one may do oneself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    NotAtAll,
    /// One may do it, of other or of fewer records.
    Elsewhere,
    Approval,
    /// One may do it up to a time.
    Until(DateTime<Utc>),
}

/// A permission that goes beyond, and the role that gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excess {
    pub permission: String,
    pub role: Uuid,
    pub beyond: Beyond,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// How far what a role gives goes, whoever has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Everybody may have it.
    Within,
    /// It depends on who has it.
    OfSome,
    Beyond(Beyond),
}

/// How far somebody may go.
pub trait Bounds {
    /// Who it is; nobody, where it is not known.
    fn person(&self) -> Uuid;

    /// Whether he or she may do everything, and no bound is left.
    fn are_none(&self) -> bool;

    /// Whether he or she may give others more than he or she may do.
    fn may_escalate(&self) -> bool;

    /// Whether he or she has a role, or inherits from it.
    fn has_role(&self, role: Uuid) -> bool;

    /// Whether it takes branches and what is above them to tell.
    fn ask_for_branches(&self) -> bool;

    /// The first of some people who may do more, by all that they have or only by some of it, whatever state their account is
    /// in. What somebody has newly may not last longer than it lasts for who gives it.
    fn of_people(&self, people: &[Facts], above: &Above, asked: Asked<'_>) -> Option<(Uuid, Excess)>;

    /// The first of some people, whoever moves it among them, who has something newly of a branch that was moved.
    fn of_moved(&self, people: &[Facts], moved: &[Moved]) -> Option<(Uuid, Excess)>;

    /// Whether he or she may do something under conditions alone, so that to place a record may be a gain.
    fn is_narrowed(&self) -> bool;

    /// The conditions under which he or she may do something with records of one of some tables: where they hold tells apart what
    /// lies within reach.
    fn narrowed(&self, tables: &[&str]) -> Vec<Conditions>;

    /// What he or she may do with a record of one of some tables that meets other ones of these conditions than before, and could
    /// not do before.
    fn of_placed(&self, tables: &[&str], before: &[&Conditions], after: &[&Conditions]) -> Option<String>;

    /// How far what a role gives goes.
    fn of_given(&self, given: &Given, contains_critical: bool) -> Reach;

    /// How far everybody's doing one thing would go.
    fn of_word(&self, word: &Permission) -> Option<Beyond>;
}

impl fmt::Display for Beyond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Beyond::NotAtAll => f.write_str("which you may not do"),
            Beyond::Elsewhere => f.write_str("which you may not do of all those records"),
            Beyond::Approval => f.write_str("which you may do with approval alone"),
            Beyond::Until(until) => write!(f, "which you may do until {} alone", rfc3339(*until)),
        }
    }
}
