//! Whether what others may do goes beyond what somebody may do: each way of theirs must be contained in one of his or her own.
//! In doubt it goes beyond (DOMAIN.md, "The decision").

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::permission::Permission;
use super::{Facts, Scope};
use crate::model::rights::bounds::{Above, Asked, Beyond, Bounds, Excess, Moved, Reach};
use crate::model::rights::facts::Held;
use crate::model::rights::roles::Given;
use crate::model::scope::Conditions;
use crate::model::values::permission::ALL;

/// Who gives others more than he or she may do.
const ESCALATE: &str = "roles:escalate";

/// A way of somebody's own.
#[derive(Debug)]
struct Own {
    given: Given,
    contains_critical: bool,
    /// What the grant is narrowed to, and that with the conditions of the permission.
    scope: Conditions,
    conditions: Conditions,
    until: Option<DateTime<Utc>>,
}

/// What somebody may do, as a bound for what others gain by it.
#[derive(Debug)]
pub struct OwnBounds {
    facts: Facts,
    /// His or her ways, by resource and action.
    own: HashMap<(String, String), Vec<Own>>,
    may_escalate: bool,
    are_none: bool,
}

impl OwnBounds {
    pub fn of(facts: Facts) -> OwnBounds {
        let mut own: HashMap<(String, String), Vec<Own>> = HashMap::new();
        let holds = facts.account.lack(facts.at).is_none();
        for held in facts.held.iter().filter(|held| holds && held.lack(facts.at).is_none()) {
            for (at, given) in facts.roles.all_giving(held.role) {
                let contains_critical = facts.roles.role(at).contains_critical;
                let (scope, conditions) = (held.scope.clone(), facts.conditions(held, given));
                let way = Own { given: given.clone(), contains_critical, scope, conditions, until: held.until };
                own.entry((given.resource.clone(), given.action.clone())).or_default().push(way);
            }
        }
        let may_escalate = facts.covered(ESCALATE) == Scope::All;
        let whole = |way: &Own| way.contains_critical && way.is_whole() && !way.given.requires_approval;
        let all = own.get(&(ALL.to_owned(), ALL.to_owned()));
        let are_none = all.is_some_and(|ways| ways.iter().any(whole));
        OwnBounds { facts, own, may_escalate, are_none }
    }

    /// The own ways to do something with records of some tables.
    fn ways_of<'a>(&'a self, tables: &'a [&'a str]) -> impl Iterator<Item = &'a Own> {
        let is_of_them = move |way: &&Own| way.given.resource == ALL || tables.contains(&way.given.resource.as_str());
        self.own.values().flatten().filter(is_of_them)
    }

    /// The own ways that contain what a pattern names.
    fn containing(&self, given: &Given, contains_critical: bool) -> impl Iterator<Item = &Own> {
        let word = Permission::parse(&format!("{}:{}", given.resource, given.action));
        let is_critical = word.is_some_and(|word| self.facts.roles.is_critical(&word));
        let has_all_critical = contains_critical && given.resource == ALL && given.action == ALL;
        let mut keys: Vec<(&str, &str)> = Vec::new();
        for resource in [given.resource.as_str(), ALL] {
            for action in [given.action.as_str(), ALL] {
                if !keys.contains(&(resource, action)) {
                    keys.push((resource, action));
                }
            }
        }
        let ways = keys.into_iter().filter_map(|(r, a)| self.own.get(&(r.to_owned(), a.to_owned()))).flatten();
        ways.filter(move |own| {
            let is_whole = own.contains_critical && own.given.resource == ALL && own.given.action == ALL;
            (!has_all_critical || is_whole) && (!is_critical || !own.given.has_star() || is_whole)
        })
    }

    /// What keeps every own way from containing another, the least of it; nothing where one does.
    fn lack_of(&self, given: &Given, critical: bool, contains: impl Fn(&Own) -> Option<Beyond>) -> Option<Beyond> {
        let mut least = Some(Beyond::NotAtAll);
        for own in self.containing(given, critical) {
            least = match contains(own) {
                None if own.given.requires_approval && !given.requires_approval => Some(Beyond::Approval),
                lack => lack,
            };
            if least.is_none() {
                break;
            }
        }
        least
    }

    /// What of a way under conditions goes beyond the own ones.
    fn beyond(
        &self,
        (facts, held): (&Facts, &Held),
        (at, given): (usize, &Given),
        conditions: &Conditions,
        above: &Above,
        is_new: bool,
    ) -> Option<Beyond> {
        self.lack_of(given, facts.roles.role(at).contains_critical, |own| {
            if !implies(conditions, &own.conditions, above) {
                return Some(Beyond::Elsewhere);
            }
            own.until.filter(|own| is_new && held.until.is_none_or(|until| until > *own)).map(Beyond::Until)
        })
    }
}

impl Own {
    /// Whether it holds of every record and without an end.
    fn is_whole(&self) -> bool {
        self.conditions.is_none() && self.until.is_none()
    }
}

/// Whether what meets the first conditions meets the second, too.
fn implies(some: &Conditions, others: &Conditions, above: &Above) -> bool {
    let lies_in = |branch: &Uuid, set: &BTreeSet<Uuid>| {
        set.contains(branch) || above.get(branch).is_some_and(|above| !above.is_disjoint(set))
    };
    let branches = |set: &BTreeSet<Uuid>| some.branches.iter().any(|own| own.iter().all(|branch| lies_in(branch, set)));
    let departments = |set: &BTreeSet<Uuid>| some.departments.iter().any(|own| own.is_subset(set));
    others.branches.iter().all(branches)
        && others.departments.iter().all(departments)
        && others.own_of.is_none_or(|person| some.own_of == Some(person))
}

/// What nobody of an organisation may do, whoever gives it.
fn goes_nowhere(org: i32, given: &Given) -> bool {
    let word = Permission::parse(&format!("{}:{}", given.resource, given.action));
    org > 0 && word.is_some_and(|word| word.is_of_the_installation())
}

impl Bounds for OwnBounds {
    fn person(&self) -> Uuid {
        self.facts.account.person
    }

    fn are_none(&self) -> bool {
        self.are_none
    }

    fn may_escalate(&self) -> bool {
        self.may_escalate
    }

    fn has_role(&self, role: Uuid) -> bool {
        let Some(role) = self.facts.roles.at(role) else { return false };
        let holds = |held: &&Held| held.ended.is_none() && held.until.is_none_or(|until| until > self.facts.at);
        let mut held = self.facts.held.iter().filter(holds);
        held.any(|held| self.facts.roles.ways_from(held.role).contains_key(&role))
    }

    fn ask_for_branches(&self) -> bool {
        self.own.values().flatten().any(|way| !way.conditions.branches.is_empty())
    }

    fn of_people(&self, people: &[Facts], above: &Above, asked: Asked<'_>) -> Option<(Uuid, Excess)> {
        // Roles that everybody may have are looked at once.
        let mut for_all: HashMap<usize, bool> = HashMap::new();
        for facts in people.iter().filter(|facts| facts.account.person != self.person()) {
            let at = facts.at;
            let counts = |held: &&Held| held.ended.is_none() && held.until.is_none_or(|until| until > at);
            for held in facts.held.iter().filter(counts) {
                let ways = || facts.roles.all_giving(held.role).filter(|(_, given)| !goes_nowhere(facts.org, given));
                let is_for_all = *for_all.entry(held.role).or_insert_with(|| {
                    ways().all(|(at, given)| {
                        self.of_given(given, facts.roles.role(at).contains_critical) == Reach::Within
                    })
                });
                if is_for_all {
                    continue;
                }
                for (at, given) in ways() {
                    let role = facts.roles.role(at).id;
                    let key = || (role, given.resource.clone(), given.action.clone());
                    if asked.only.is_some_and(|only| !only.contains(&key())) {
                        continue;
                    }
                    let is_new = (asked.is_new)(facts, held, given);
                    let conditions = facts.conditions(held, given);
                    let beyond = self.beyond((facts, held), (at, given), &conditions, above, is_new);
                    if let Some(beyond) = beyond {
                        let permission = format!("{}:{}", given.resource, given.action);
                        return Some((facts.account.person, Excess { permission, role, beyond, is_new }));
                    }
                }
            }
        }
        None
    }

    fn of_moved(&self, people: &[Facts], moved: &[Moved]) -> Option<(Uuid, Excess)> {
        let above: Above = moved.iter().map(|moved| (moved.branch, moved.before.clone())).collect();
        for facts in people.iter().filter(|facts| !facts.branches_alone) {
            let counts = |held: &&Held| held.ended.is_none() && held.until.is_none_or(|until| until > facts.at);
            for held in facts.held.iter().filter(counts) {
                let ways = facts.roles.all_giving(held.role).filter(|(_, given)| !goes_nowhere(facts.org, given));
                for ((at, given), moved) in ways.flat_map(|way| moved.iter().map(move |moved| (way, moved))) {
                    let mut conditions = facts.conditions(held, given);
                    let reaches_newly =
                        |set: &&mut BTreeSet<Uuid>| !set.is_disjoint(&moved.newly) && set.is_disjoint(&moved.before);
                    let mut is_new = false;
                    for set in conditions.branches.iter_mut().filter(reaches_newly) {
                        // What is new of it: the branch, where it was.
                        (is_new, *set) = (true, BTreeSet::from([moved.branch]));
                    }
                    let beyond =
                        is_new.then(|| self.beyond((facts, held), (at, given), &conditions, &above, true)).flatten();
                    if let Some(beyond) = beyond {
                        let permission = format!("{}:{}", given.resource, given.action);
                        let role = facts.roles.role(at).id;
                        return Some((facts.account.person, Excess { permission, role, beyond, is_new }));
                    }
                }
            }
        }
        None
    }

    fn is_narrowed(&self) -> bool {
        !self.are_none && !self.may_escalate && self.own.values().flatten().any(|way| !way.conditions.is_none())
    }

    fn narrowed(&self, tables: &[&str]) -> Vec<Conditions> {
        let mut all: Vec<Conditions> = Vec::new();
        for way in self.ways_of(tables).filter(|way| !way.conditions.is_none()) {
            if !all.contains(&way.conditions) {
                all.push(way.conditions.clone());
            }
        }
        all
    }

    fn of_placed(&self, tables: &[&str], before: &[&Conditions], after: &[&Conditions]) -> Option<String> {
        let is_new = |way: &&Own| after.contains(&&way.conditions) && !before.contains(&&way.conditions);
        let was_not =
            |own: &Own| (!own.conditions.is_none() && !before.contains(&&own.conditions)).then_some(Beyond::Elsewhere);
        let gained = self.ways_of(tables).filter(is_new);
        let gained = gained.filter(|way| self.lack_of(&way.given, way.contains_critical, was_not).is_some());
        gained.map(|way| format!("{}:{}", way.given.resource, way.given.action)).min()
    }

    fn of_given(&self, given: &Given, contains_critical: bool) -> Reach {
        if goes_nowhere(self.facts.org, given) {
            return Reach::Within;
        }
        let whole = |own: &Own| if own.is_whole() { None } else { Some(Beyond::Elsewhere) };
        if self.lack_of(given, contains_critical, whole).is_none() {
            return Reach::Within;
        }
        // Whoever gets it gets it of what is his or her own; who that is, is asked of each.
        let alike = |own: &Own| {
            let asks = (!own.given.own_branch || given.own_branch)
                && (!own.given.own_department || given.own_department)
                && (!own.given.own_records || given.own_records);
            match own.until {
                _ if !asks || !own.scope.is_none() => Some(Beyond::Elsewhere),
                until => until.map(Beyond::Until),
            }
        };
        self.lack_of(given, contains_critical, alike).map_or(Reach::OfSome, Reach::Beyond)
    }

    fn of_word(&self, word: &Permission) -> Option<Beyond> {
        let (resource, action) = (word.resource().to_owned(), word.action().to_owned());
        let given = Given { resource, action, ..Given::default() };
        self.lack_of(&given, false, |own| if own.is_whole() { None } else { Some(Beyond::Elsewhere) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Grant;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn grant(word: &str) -> Grant {
        let (resource, action) = word.split_once(':').expect("two words");
        let (requires_approval, contains_critical) = (false, false);
        let conditions = Conditions::default();
        Grant { resource: resource.into(), action: action.into(), conditions, requires_approval, contains_critical }
    }

    fn of_branches(word: &str, sets: &[&[u128]]) -> Grant {
        let branches = sets.iter().map(|set| set.iter().map(|n| id(*n)).collect()).collect();
        Grant { conditions: Conditions { branches, ..Conditions::default() }, ..grant(word) }
    }

    fn facts(grants: Vec<Grant>) -> Facts {
        let mut facts = Facts::of_grants(grants, [Permission::parse("kyc:reveal").expect("two words")]);
        facts.org = 1;
        facts.account.person = id(99);
        facts
    }

    fn beyond(own: Vec<Grant>, other: Grant) -> Option<Beyond> {
        let mut other = facts(vec![other]);
        other.account.person = id(7);
        // Branch 11 is below 1.
        let above = Above::from([(id(11), BTreeSet::from([id(1), id(11)]))]);
        OwnBounds::of(facts(own))
            .of_people(&[other], &above, Asked { only: None, is_new: &|_, _, _| true })
            .map(|(_, excess)| excess.beyond)
    }

    #[test]
    fn a_way_is_contained_in_one_way() {
        let none = None;
        for (own, other, expected) in [
            ("users:read", "users:read", none),
            ("users:*", "users:read", none),
            ("*:read", "users:read", none),
            ("*:*", "users:*", none),
            ("users:read", "users:*", Some(Beyond::NotAtAll)),
            ("users:*", "*:*", Some(Beyond::NotAtAll)),
            // What is critical is contained in its own name alone.
            ("kyc:*", "kyc:reveal", Some(Beyond::NotAtAll)),
            ("kyc:reveal", "kyc:reveal", none),
            ("kyc:*", "kyc:*", none),
            // What nobody may.
            ("users:read", "backups:create", none),
        ] {
            assert_eq!(beyond(vec![grant(own)], grant(other)), expected, "{own} and {other}");
        }
        let two = vec![grant("users:read"), grant("users:update")];
        assert_eq!(beyond(two, grant("users:*")), Some(Beyond::NotAtAll));
        let whole = Grant { contains_critical: true, ..grant("*:*") };
        assert_eq!(beyond(vec![grant("*:*")], whole.clone()), Some(Beyond::NotAtAll));
        assert_eq!(beyond(vec![whole.clone()], whole.clone()), None);
        assert_eq!(beyond(vec![whole], grant("kyc:reveal")), None);
    }

    #[test]
    fn conditions_approval_and_people_count() {
        let word = "users:read";
        let elsewhere = Some(Beyond::Elsewhere);
        for (own, other, expected) in [
            (of_branches(word, &[&[1]]), of_branches(word, &[&[1]]), None),
            (of_branches(word, &[&[1]]), of_branches(word, &[&[11]]), None),
            (of_branches(word, &[&[11]]), of_branches(word, &[&[1]]), elsewhere),
            (of_branches(word, &[&[1]]), of_branches(word, &[&[1, 2]]), elsewhere),
            (of_branches(word, &[&[1], &[2]]), of_branches(word, &[&[1]]), elsewhere),
            (of_branches(word, &[&[1]]), of_branches(word, &[&[1], &[2]]), None),
            (of_branches(word, &[&[1]]), grant(word), elsewhere),
            (grant(word), of_branches(word, &[&[1]]), None),
            // Who has no place has nothing by it.
            (of_branches(word, &[&[1]]), of_branches(word, &[&[]]), None),
        ] {
            assert_eq!(beyond(vec![own.clone()], other.clone()), expected, "{own:?} and {other:?}");
        }
        let own_of =
            |n| Grant { conditions: Conditions { own_of: Some(id(n)), ..Conditions::default() }, ..grant(word) };
        assert_eq!(beyond(vec![own_of(99)], own_of(7)), elsewhere);
        assert_eq!(beyond(vec![grant(word)], own_of(7)), None);
        let approved = Grant { requires_approval: true, ..grant(word) };
        assert_eq!(beyond(vec![approved.clone()], grant(word)), Some(Beyond::Approval));
        assert_eq!(beyond(vec![approved.clone()], approved.clone()), None);
        assert_eq!(beyond(vec![grant(word)], approved), None);
    }
}
