//! The decision: may this actor do this, and with which records. A pure function over loaded facts; the gate asks it before
//! every verb.

pub mod permission;

use std::collections::BTreeSet;
use std::fmt;

use crate::model::scope::{Belongings, Conditions, Scope};
use crate::model::values::permission::ALL;
use permission::Permission;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An account of the operating system that can open the database: whoever holds the database holds the data
    /// (DESIGN.md, "Trust").
    LocalOperator,
    /// Somebody of one organisation, of whom these facts hold.
    Somebody(Actor),
}

/// Somebody with rights of his or her own. None is made of what a user or the environment says: until roles are loaded, tests
/// alone hand one to the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Where the facts hold.
    pub org: i32,
    pub facts: Facts,
}

/// One permission that somebody has, or many by a star, under all its conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// A word, or `*`.
    pub resource: String,
    pub action: String,
    pub conditions: Conditions,
    /// Somebody else must approve what is done by it.
    pub requires_approval: bool,
    /// Its stars contain critical words too; elsewhere those are granted by name.
    pub contains_critical: bool,
}

/// What is known of who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    pub grants: Vec<Grant>,
    /// Permissions that the catalogue marks critical.
    pub critical: BTreeSet<Permission>,
}

/// What is asked about.
#[derive(Debug, Clone, Copy)]
pub enum About<'a> {
    /// No record yet: the answer says which ones.
    Unnamed,
    Record(&'a Belongings),
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    NothingGrants,
    /// It is granted, but not of this record.
    Elsewhere,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Allow(Scope),
    NeedsApproval(Scope),
    Deny(Reason),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::NothingGrants => "no role grants it",
            Reason::Elsewhere => "it is granted of other records",
        })
    }
}

impl Grant {
    /// Everything, everywhere.
    fn of_everything() -> Grant {
        Grant {
            resource: ALL.into(),
            action: ALL.into(),
            conditions: Conditions::default(),
            requires_approval: false,
            contains_critical: true,
        }
    }

    fn grants(&self, permission: &Permission, is_critical: bool) -> bool {
        let fits = |pattern: &str, word: &str| pattern == ALL || pattern == word;
        let is_by_name = self.resource != ALL && self.action != ALL;
        fits(&self.resource, permission.resource())
            && fits(&self.action, permission.action())
            && (is_by_name || !is_critical || self.contains_critical)
    }
}

impl Facts {
    /// What holds of a subject of whom no roles are loaded.
    pub fn of(subject: &Subject) -> Facts {
        match subject {
            Subject::LocalOperator => Facts { grants: vec![Grant::of_everything()], critical: BTreeSet::new() },
            Subject::Somebody(actor) => actor.facts.clone(),
        }
    }
}

impl Facts {
    /// The records that somebody may do without approval what a permission names.
    pub fn covered(&self, permission: &str) -> Scope {
        match Permission::parse(permission).map(|asked| decide(&asked, About::Unnamed, self)) {
            Some(Decision::Allow(scope)) => scope,
            _ => Scope::NOTHING,
        }
    }
}

/// May somebody of whom these facts hold do what the permission names? Of several grants one is enough, and one without
/// approval wins over one with it.
pub fn decide(permission: &Permission, about: About<'_>, facts: &Facts) -> Decision {
    let is_critical = facts.critical.contains(permission);
    let granting: Vec<&Grant> = facts.grants.iter().filter(|g| g.grants(permission, is_critical)).collect();
    if granting.is_empty() {
        return Decision::Deny(Reason::NothingGrants);
    }
    let scope = |requires_approval: bool| {
        let some = granting.iter().filter(|g| g.requires_approval == requires_approval);
        let scope = Scope::of(some.map(|g| g.conditions.clone()));
        match about {
            About::Record(record) if !scope.covers(record) => Scope::NOTHING,
            _ => scope,
        }
    };
    match (scope(false), scope(true)) {
        (free, _) if !free.is_nothing() => Decision::Allow(free),
        (_, approved) if !approved.is_nothing() => Decision::NeedsApproval(approved),
        _ => Decision::Deny(Reason::Elsewhere),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn permission(text: &str) -> Permission {
        Permission::parse(text).expect("two words")
    }

    fn grant(resource: &str, action: &str, conditions: Conditions) -> Grant {
        let (requires_approval, contains_critical) = (false, false);
        Grant { resource: resource.into(), action: action.into(), conditions, requires_approval, contains_critical }
    }

    fn of_branch(n: u128) -> Conditions {
        Conditions { branches: vec![BTreeSet::from([Uuid::from_u128(n)])], ..Conditions::default() }
    }

    #[test]
    fn the_local_operator_may_everything() {
        let facts = Facts::of(&Subject::LocalOperator);
        let facts = Facts { critical: BTreeSet::from([permission("kyc:reveal")]), ..facts };
        for text in ["users:read", "kyc:reveal", "anything:at_all"] {
            assert_eq!(decide(&permission(text), About::Unnamed, &facts), Decision::Allow(Scope::All), "{text}");
        }
    }

    /// DOMAIN.md: no wildcard contains a critical word except `*:*` of the protected role; elsewhere it is granted by name.
    #[test]
    fn stars_do_not_contain_what_is_critical() {
        let asked = permission("kyc:reveal");
        for (resource, action, is_granted) in
            [("kyc", "*", false), ("*", "reveal", false), ("*", "*", false), ("kyc", "reveal", true)]
        {
            let critical = BTreeSet::from([asked.clone()]);
            let facts = Facts { grants: vec![grant(resource, action, Conditions::default())], critical };
            let expected = if is_granted { Decision::Allow(Scope::All) } else { Decision::Deny(Reason::NothingGrants) };
            assert_eq!(decide(&asked, About::Unnamed, &facts), expected, "{resource}:{action}");
            let read = decide(&permission("kyc:read"), About::Unnamed, &facts);
            assert_eq!(read == Decision::Allow(Scope::All), action == "*", "{resource}:{action}");
        }
    }

    #[test]
    fn conditions_hold_together_and_grants_by_themselves() {
        let person = Uuid::from_u128(7);
        let own_here = Conditions { own_of: Some(person), ..of_branch(1) };
        let facts = |grants| Facts { grants, critical: BTreeSet::new() };
        let asked = permission("users:update");
        let record = |branch, people: &[Uuid]| Belongings {
            branches: BTreeSet::from([Uuid::from_u128(branch)]),
            people: people.iter().copied().collect(),
            ..Belongings::default()
        };
        let both = facts(vec![grant("users", "update", own_here.clone())]);
        let of = |facts: &Facts, record: &Belongings| decide(&asked, About::Record(record), facts);
        assert_eq!(of(&both, &record(1, &[person])), Decision::Allow(Scope::AnyOf(vec![own_here.clone()])));
        assert_eq!(of(&both, &record(1, &[])), Decision::Deny(Reason::Elsewhere));
        assert_eq!(of(&both, &record(2, &[person])), Decision::Deny(Reason::Elsewhere));
        // What belongs to nothing meets no condition.
        assert_eq!(of(&both, &Belongings::default()), Decision::Deny(Reason::Elsewhere));
        let either = facts(vec![grant("users", "update", own_here), grant("users", "*", of_branch(2))]);
        assert!(matches!(of(&either, &record(2, &[])), Decision::Allow(_)));
        // Nobody's own branches are no branches at all.
        let none = Conditions { branches: vec![BTreeSet::new()], ..Conditions::default() };
        assert_eq!(
            of(&facts(vec![grant("users", "update", none)]), &record(1, &[])),
            Decision::Deny(Reason::Elsewhere)
        );
    }

    #[test]
    fn who_needs_no_approval_asks_for_none() {
        let asked = permission("users:update");
        let approved = Grant { requires_approval: true, ..grant("users", "update", Conditions::default()) };
        let facts = |grants| Facts { grants, critical: BTreeSet::new() };
        let only = facts(vec![approved.clone()]);
        assert_eq!(decide(&asked, About::Unnamed, &only), Decision::NeedsApproval(Scope::All));
        let both = facts(vec![approved, grant("users", "update", of_branch(1))]);
        let here = Belongings { branches: BTreeSet::from([Uuid::from_u128(1)]), ..Belongings::default() };
        assert!(matches!(decide(&asked, About::Record(&here), &both), Decision::Allow(_)));
        let there = Belongings::default();
        assert!(matches!(decide(&asked, About::Record(&there), &both), Decision::NeedsApproval(_)));
    }

    /// A few words, places and people, so that things often meet.
    fn world() -> impl Strategy<Value = (Vec<(Grant, bool)>, Belongings, bool)> {
        let ids = || proptest::collection::btree_set((0..3u128).prop_map(Uuid::from_u128), 0..3);
        let word = || prop_oneof![Just("*"), Just("users"), Just("read"), Just("other")];
        let conditions = (
            proptest::collection::vec(ids(), 0..2),
            proptest::collection::vec(ids(), 0..2),
            proptest::option::of((0..3u128).prop_map(Uuid::from_u128)),
        );
        let conditions =
            conditions.prop_map(|(branches, departments, own_of)| Conditions { branches, departments, own_of });
        let grant =
            (word(), word(), conditions, any::<bool>(), any::<bool>()).prop_map(|(r, a, c, approval, critical)| {
                let grant = Grant { requires_approval: approval, contains_critical: critical, ..grant(r, a, c) };
                (grant, approval)
            });
        let record = (ids(), ids(), ids()).prop_map(|(branches, departments, people)| Belongings {
            branches,
            departments,
            people,
        });
        (proptest::collection::vec(grant, 0..4), record, any::<bool>())
    }

    proptest! {
        /// The same by the words of DOMAIN.md, one grant after another.
        #[test]
        fn a_decision_is_what_the_grants_say((grants, record, is_critical) in world()) {
            let asked = permission("users:read");
            let (mut is_free, mut is_approved) = (false, false);
            for (g, approval) in &grants {
                let fits = (g.resource == "users" || g.resource == "*") && (g.action == "read" || g.action == "*");
                let has_star = g.resource == "*" || g.action == "*";
                let is_open = !is_critical || !has_star || g.contains_critical;
                let in_branches = g.conditions.branches.iter().all(|set| set.iter().any(|b| record.branches.contains(b)));
                let in_departments =
                    g.conditions.departments.iter().all(|set| set.iter().any(|d| record.departments.contains(d)));
                let is_own = match g.conditions.own_of { None => true, Some(p) => record.people.contains(&p) };
                if fits && is_open && in_branches && in_departments && is_own {
                    if *approval { is_approved = true } else { is_free = true }
                }
            }
            let critical = if is_critical { BTreeSet::from([asked.clone()]) } else { BTreeSet::new() };
            let facts = Facts { grants: grants.into_iter().map(|(g, _)| g).collect(), critical };
            let decision = decide(&asked, About::Record(&record), &facts);
            let answer = (matches!(decision, Decision::Allow(_)), matches!(decision, Decision::NeedsApproval(_)));
            prop_assert_eq!(answer, (is_free, is_approved && !is_free));
            // The scope of a question without a record covers just the records that are allowed.
            let covers = match decide(&asked, About::Unnamed, &facts) {
                Decision::Allow(scope) => scope.covers(&record),
                _ => false,
            };
            prop_assert_eq!(covers, is_free);
        }
    }
}
