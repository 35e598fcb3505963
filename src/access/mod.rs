//! The decision: may this actor do this, and with which records. A pure function over loaded facts; the gate asks it before
//! every verb.

mod bounds;
mod check;
mod explain;

use std::fmt;

pub use crate::model::rights::facts::Facts;
pub use crate::model::rights::permission;
pub use crate::model::scope::About;
use crate::model::scope::{Conditions, Scope};
use crate::model::values::permission::ALL;
pub use bounds::OwnBounds;
pub use explain::{Explanation, Lack, Way};
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

/// The answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Allow,
    NeedsApproval,
    Deny,
}

impl Answer {
    pub fn as_str(self) -> &'static str {
        match self {
            Answer::Allow => "allow",
            Answer::NeedsApproval => "needs approval",
            Answer::Deny => "deny",
        }
    }
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    NothingGrants,
    /// It is granted, but not of this record.
    Elsewhere,
    /// The account is out of use.
    Account,
    /// It is about the whole installation.
    Installation,
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
            Reason::Account => "the user is blocked, or has left",
            Reason::Installation => "it is about the whole installation",
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
}

impl Facts {
    /// What holds of a subject.
    pub fn of(subject: &Subject) -> Facts {
        match subject {
            Subject::LocalOperator => Facts::of_grants([Grant::of_everything()], []),
            Subject::Somebody(actor) => actor.facts.clone(),
        }
    }

    /// The records that somebody may do without approval what a permission names.
    pub fn covered(&self, permission: &str) -> Scope {
        match Permission::parse(permission).map(|asked| decide(&asked, About::Unnamed, self)) {
            Some(Decision::Allow(scope)) => scope,
            _ => Scope::NOTHING,
        }
    }
}

/// May somebody of whom these facts hold do what the permission names, and of which records? The answer is that of
/// [`Facts::check`].
pub fn decide(permission: &Permission, about: About<'_>, facts: &Facts) -> Decision {
    match facts.lack_of_all(permission, about) {
        Some(Lack::OfTheInstallation) => return Decision::Deny(Reason::Installation),
        Some(_) => return Decision::Deny(Reason::Account),
        None => {}
    }
    let scope = |requires_approval: bool| {
        let some = facts.ways(permission).filter(|(.., given)| given.requires_approval == requires_approval);
        Scope::of(some.map(|(held, _, given)| facts.conditions(held, given)))
    };
    match facts.check(permission, about) {
        Answer::Allow => Decision::Allow(scope(false)),
        Answer::NeedsApproval => Decision::NeedsApproval(scope(true)),
        Answer::Deny if facts.ways(permission).next().is_none() => Decision::Deny(Reason::NothingGrants),
        Answer::Deny => Decision::Deny(Reason::Elsewhere),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::model::scope::Belongings;

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
            let facts = Facts::of_grants([grant(resource, action, Conditions::default())], [asked.clone()]);
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
        let facts = |grants: Vec<Grant>| Facts::of_grants(grants, []);
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
        let facts = |grants: Vec<Grant>| Facts::of_grants(grants, []);
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
        let conditions = conditions.prop_map(|(branches, departments, own_of)| Conditions {
            branches,
            departments,
            own_of,
            ..Conditions::default()
        });
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
                let has_all = g.resource == "*" && g.action == "*" && g.contains_critical;
                let is_open = !is_critical || !has_star || has_all;
                let in_branches = g.conditions.branches.iter().all(|set| set.iter().any(|b| record.branches.contains(b)));
                let in_departments =
                    g.conditions.departments.iter().all(|set| set.iter().any(|d| record.departments.contains(d)));
                let is_own = match g.conditions.own_of { None => true, Some(p) => record.people.contains(&p) };
                if fits && is_open && in_branches && in_departments && is_own {
                    if *approval { is_approved = true } else { is_free = true }
                }
            }
            let critical = is_critical.then(|| asked.clone());
            let facts = Facts::of_grants(grants.into_iter().map(|(g, _)| g), critical);
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
