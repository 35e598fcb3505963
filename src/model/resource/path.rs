//! Where a record belongs: the ways from it to branches and to departments. A kind says them once; what narrows records to a
//! place goes by them, now and then.

use super::row_rule::way;
use super::tenancy::Tenancy;
use super::{Attr, Descriptor, Field, Subject};

/// What a record may belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A branch, and with it those that it is below.
    Branch,
    Department,
}

impl Place {
    pub const ALL: [Place; 2] = [Place::Branch, Place::Department];

    /// As a filter asks for it: `in_branch=MUM01`.
    pub const fn name(self) -> &'static str {
        match self {
            Place::Branch => "in_branch",
            Place::Department => "in_department",
        }
    }
}

/// The ways of a kind, each by the names of references with `.` between: `assignee.branch`. It ends at a branch or department,
/// or at a kind that has ways of its own, which are gone on from there. Of several ways the first that leads anywhere counts.
#[derive(Debug, Clone, Copy)]
pub struct Path {
    pub branch: &'static [&'static str],
    pub department: &'static [&'static str],
}

/// The way of what is such a place itself.
pub const ITSELF: &str = "id";

/// So many kinds are gone through at most; more is a circle.
const DEEPEST: usize = 8;

impl Descriptor {
    pub const fn path(self, branch: &'static [&'static str], department: &'static [&'static str]) -> Descriptor {
        Descriptor { path: Path { branch, department }, ..self }
    }
    /// The ways to a place.
    pub fn ways(&self, place: Place) -> &'static [&'static str] {
        match place {
            Place::Branch => self.path.branch,
            Place::Department => self.path.department,
        }
    }
    /// Whether its records are such a place themselves.
    pub fn is_place(&self, place: Place) -> bool {
        self.ways(place).contains(&ITSELF)
    }
    /// The kind of the places that its records belong to; none where they belong to no such place.
    pub fn place(&'static self, place: Place) -> Option<&'static Descriptor> {
        self.on_the_way(place).into_iter().find(|d| d.is_place(place))
    }
    /// Whether its records are of a place or about somebody, so that a condition can hold of some of them.
    pub fn belongs_somewhere(&'static self) -> bool {
        Place::ALL.into_iter().any(|place| self.place(place).is_some()) || self.is_about_somebody()
    }
    /// Whether its records tell whose data they hold, or who is in charge of them.
    fn is_about_somebody(&self) -> bool {
        let tells = |f: &Field| f.has(Attr::Subject) || f.has(Attr::Assignee);
        matches!(self.subject, Subject::Itself) || self.fields.iter().any(tells)
    }
    /// The kinds that the ways go through, itself and the places with them.
    pub fn on_the_way(&'static self, place: Place) -> Vec<&'static Descriptor> {
        let mut kinds = vec![self];
        let mut next = 0;
        while let Some(kind) = kinds.get(next).copied() {
            let steps = kind.ways(place).iter().filter_map(|path| way(kind, path)).flatten();
            for target in steps.filter_map(|(_, field)| field.target()) {
                if !kinds.contains(&target) {
                    kinds.push(target);
                }
            }
            next += 1;
        }
        kinds
    }
}

/// The references on a way, and the kind that it leads to.
pub type Steps = (Vec<(&'static Descriptor, &'static Field)>, &'static Descriptor);

/// The steps of one way of a kind; none where it leads nowhere.
pub fn steps(desc: &'static Descriptor, path: &str) -> Option<Steps> {
    let steps = way(desc, path)?;
    let end = steps.last()?.1.target()?;
    Some((steps, end))
}

/// What is wrong with the ways that a kind declares.
pub(in crate::model) fn faults(desc: &'static Descriptor) -> Vec<String> {
    let mut faults = Vec::new();
    for place in Place::ALL {
        let name = place.name();
        for path in desc.ways(place).iter().filter(|path| **path != ITSELF) {
            if steps(desc, path).is_none_or(|(_, end)| end.ways(place).is_empty()) {
                faults.push(format!("{}: {name} by {path} leads nowhere", desc.noun));
            }
        }
        if desc.is_place(place) && desc.ways(place).len() > 1 {
            faults.push(format!("{} is a place itself, and {name} by other ways too", desc.noun));
        }
        if !ends(desc, place, DEEPEST) {
            faults.push(format!("{}: {name} leads round in a circle", desc.noun));
        }
        // What has no such reference belongs to no place.
        let begins = |path: &&str| way(desc, path).is_some_and(|way| way.first().is_some_and(|(_, f)| !f.ty.required));
        let may_be_of_none = desc.tenancy == Tenancy::Either && desc.ways(place).iter().all(begins);
        if !desc.ways(place).is_empty() && desc.tenancy != Tenancy::Org && !may_be_of_none {
            faults.push(format!("{}: {name} is of an organisation, and its records may be of none", desc.noun));
        }
    }
    faults
}

/// Whether every way ends, within so many kinds.
fn ends(desc: &'static Descriptor, place: Place, deepest: usize) -> bool {
    let mut next = desc.ways(place).iter().filter_map(|path| steps(desc, path));
    deepest > 0 && next.all(|(_, end)| ends(end, place, deepest - 1))
}
