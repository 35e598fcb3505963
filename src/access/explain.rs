//! Why a decision is what it is: each way that leads to it, or what the others lack.

use chrono::{DateTime, Utc};

use super::permission::Permission;
use super::{About, Answer};
use crate::model::rights::facts::{Facts, Held};
use crate::model::rights::roles::{Given, path};

/// What a way lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lack {
    /// He or she has left.
    Inactive,
    /// Blocked, up to a time.
    Blocked(Option<DateTime<Utc>>),
    /// It is about the whole installation, and no right in an organisation contains it.
    OfTheInstallation,
    Expired(DateTime<Utc>),
    NotBegun(DateTime<Utc>),
    /// The grant was taken back.
    Ended(DateTime<Utc>),
    /// A role on the way is not in use.
    RoleInactive(usize),
    /// The record is in no branch that the grant is narrowed to.
    GrantBranch,
    GrantDepartment,
    /// The record is in no branch of his or her own.
    OwnBranch,
    OwnDepartment,
    /// The record is about somebody else, and others are in charge of it.
    OwnRecords,
    /// No `*` contains it: it is critical.
    Critical,
    /// He or she has no such role.
    NotHeld,
}

/// One way from somebody to a permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way<'a> {
    /// None: somebody would have to be given the role.
    pub held: Option<&'a Held>,
    /// The roles on it, from the one that is held to the one that gives it.
    pub path: Vec<usize>,
    pub given: &'a Given,
    /// Nothing, where it leads there.
    pub lacks: Vec<Lack>,
}

/// A decision with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation<'a> {
    pub answer: Answer,
    /// What it is allowed by, what decides first.
    pub ways: Vec<Way<'a>>,
    /// What would have led there, what lacks least first.
    pub near: Vec<Way<'a>>,
}

impl Facts {
    /// The decision with each way to it. The same words as [`Facts::check`], and never another answer.
    pub fn explain<'a>(&'a self, asked: &Permission, about: About<'_>) -> Explanation<'a> {
        let (mut ways, mut near): (Vec<Way<'_>>, Vec<Way<'_>>) =
            self.all_ways(asked, about).into_iter().partition(|way| way.lacks.is_empty());
        let code = |way: &Way<'_>| way.path.iter().map(|at| self.roles.role(*at).code.clone()).collect::<Vec<_>>();
        ways.sort_by_cached_key(|way| {
            let conditions = way.given.conditions() + way.held.map_or(0, |held| usize::from(!held.scope.is_none()));
            (way.given.requires_approval, conditions, way.path.len(), code(way))
        });
        near.sort_by_cached_key(|way| (way.lacks.len(), way.lacks.clone(), way.path.len(), code(way)));
        let answer = ways.first().map_or(Answer::Deny, |way| match way.given.requires_approval {
            true => Answer::NeedsApproval,
            false => Answer::Allow,
        });
        Explanation { answer, ways, near }
    }

    fn all_ways<'a>(&'a self, asked: &Permission, about: About<'_>) -> Vec<Way<'a>> {
        let mut all = Vec::new();
        let is_critical = self.roles.is_critical(asked);
        let mut add = |held: Option<&'a Held>, path: Vec<usize>| {
            let Some(giver) = path.last().copied() else { return };
            for given in self.roles.role(giver).given.iter().filter(|given| given.fits(asked)) {
                let to_come = Held::default();
                let critical = (is_critical && !self.roles.contains(giver, given)).then_some(Lack::Critical);
                let unused = path.iter().copied().filter(|at| !self.roles.role(*at).is_active).map(Lack::RoleInactive);
                let lacks = self
                    .lack_of_all(asked, about)
                    .into_iter()
                    .chain(if held.is_none() { Some(Lack::NotHeld) } else { None })
                    .chain(held.and_then(|held| held.lack(self.at)))
                    .chain(unused)
                    .chain(critical)
                    .chain(self.lacks_of_target(held.unwrap_or(&to_come), given, about));
                all.push(Way { held, path: path.clone(), given, lacks: lacks.collect() });
            }
        };
        let mut has = vec![false; self.roles.all().len()];
        for held in &self.held {
            let before = self.roles.ways_from(held.role);
            let mut reached: Vec<usize> = before.keys().copied().collect();
            reached.sort_unstable();
            for at in reached {
                has[at] = true;
                add(Some(held), path(&before, at));
            }
        }
        (0..has.len()).filter(|at| !has[*at]).for_each(|at| add(None, vec![at]));
        all
    }
}
