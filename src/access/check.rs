//! Whether somebody may do something: the one place where that is said.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::permission::Permission;
use super::{About, Answer, Grant, Lack};
use crate::model::rights::facts::{Account, Block, Facts, Held};
use crate::model::rights::roles::{Given, KnownRole, Roles};
use crate::model::scope::Conditions;

impl Account {
    /// Why whoever has it may do nothing.
    pub fn lack(&self, at: DateTime<Utc>) -> Option<Lack> {
        match self.block {
            _ if !self.is_active => Some(Lack::Inactive),
            Block::Until(until) if until.is_none_or(|until| until > at) => Some(Lack::Blocked(until)),
            _ => None,
        }
    }
}

impl Held {
    /// Whether it gives something at a time, or will once it has begun.
    pub fn gives_or_will(&self, at: DateTime<Utc>) -> bool {
        self.lack(at).is_none_or(|lack| matches!(lack, Lack::NotBegun(_)))
    }

    /// Why it gives nothing at a time.
    pub fn lack(&self, at: DateTime<Utc>) -> Option<Lack> {
        let ended = self.ended.filter(|ended| *ended <= at).map(Lack::Ended);
        let expired = self.until.filter(|until| *until <= at).map(Lack::Expired);
        ended.or(expired).or_else(|| self.from.filter(|from| *from > at).map(Lack::NotBegun))
    }
}

impl Facts {
    /// Those of somebody who has these permissions, each under its conditions: of each a role of its own.
    pub fn of_grants(grants: impl IntoIterator<Item = Grant>, critical: impl IntoIterator<Item = Permission>) -> Facts {
        let (mut roles, mut held) = (Vec::new(), Vec::new());
        for (role, grant) in grants.into_iter().enumerate() {
            let Grant { resource, action, conditions, requires_approval, contains_critical } = grant;
            let given = Given { resource, action, requires_approval, ..Given::default() };
            let id = Uuid::from_u128(role as u128);
            let (code, is_active) = (String::new(), true);
            roles.push(KnownRole { id, code, is_active, contains_critical, parents: Vec::new(), given: vec![given] });
            held.push(Held { role, scope: conditions, ..Held::default() });
        }
        Facts { held, roles: Arc::new(Roles::new(roles, critical)), ..Facts::default() }
    }

    /// Why nobody may do it, or not this one, whatever roles he or she has.
    pub fn lack_of_all(&self, asked: &Permission, about: About<'_>) -> Option<Lack> {
        let is_of_all = asked.is_of_the_installation() || matches!(about, About::Installation);
        let is_elsewhere = self.org > 0 && is_of_all;
        self.account.lack(self.at).or(is_elsewhere.then_some(Lack::OfTheInstallation))
    }

    /// What is asked of a record by a role that is held and what it gives.
    pub fn conditions(&self, held: &Held, given: &Given) -> Conditions {
        let mut all = Conditions { branches_alone: self.branches_alone, ..held.scope.clone() };
        if given.own_branch {
            all.branches.push(self.branches.clone());
        }
        if given.own_department {
            all.departments.push(self.departments.clone());
        }
        if given.own_records {
            all.own_of = Some(self.account.person);
        }
        all
    }

    /// What a question's target lacks for a role that is held, and for what it gives. What the question does not name is
    /// passed over (DOMAIN.md, "The decision", a).
    pub fn lacks_of_target(&self, held: &Held, given: &Given, about: About<'_>) -> impl Iterator<Item = Lack> + use<> {
        let outside = |of: &[BTreeSet<Uuid>], places: Option<&BTreeSet<Uuid>>| {
            places.is_some_and(|places| of.iter().any(|any| any.is_disjoint(places)))
        };
        let is_elsewhere = |own: &BTreeSet<Uuid>, places: Option<&BTreeSet<Uuid>>| {
            places.is_some_and(|places| own.is_disjoint(places))
        };
        let person = self.account.person;
        let is_of_others =
            |of: Option<Uuid>| of.is_some_and(|of| about.people().is_some_and(|people| !people.contains(&of)));
        let own_of = given.own_records.then_some(person);
        [
            outside(&held.scope.branches, about.branches()).then_some(Lack::GrantBranch),
            outside(&held.scope.departments, about.departments()).then_some(Lack::GrantDepartment),
            (given.own_branch && is_elsewhere(&self.branches, about.branches())).then_some(Lack::OwnBranch),
            (given.own_department && is_elsewhere(&self.departments, about.departments()))
                .then_some(Lack::OwnDepartment),
            (is_of_others(own_of) || is_of_others(held.scope.own_of)).then_some(Lack::OwnRecords),
        ]
        .into_iter()
        .flatten()
    }

    /// All that somebody has of a permission now, whatever it is of: the role that is held, the one that gives it, and what
    /// that says.
    pub fn ways<'a>(&'a self, asked: &Permission) -> impl Iterator<Item = (&'a Held, usize, &'a Given)> {
        let held = self.held.iter().filter(|held| held.lack(self.at).is_none());
        let patterns = self.roles.patterns(asked);
        held.flat_map(move |held| self.roles.giving(held.role, patterns).map(move |(role, given)| (held, role, given)))
    }

    /// May he or she do it? Of several ways one is enough, and one without approval wins over one with it.
    pub fn check(&self, asked: &Permission, about: About<'_>) -> Answer {
        if self.lack_of_all(asked, about).is_some() {
            return Answer::Deny;
        }
        let mut answer = Answer::Deny;
        for (held, _, given) in self.ways(asked) {
            if self.lacks_of_target(held, given, about).next().is_none() {
                match given.requires_approval {
                    false => return Answer::Allow,
                    true => answer = Answer::NeedsApproval,
                }
            }
        }
        answer
    }
}
