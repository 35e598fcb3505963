//! Roles as the decision sees them: what each gives by itself, and whose permissions it has besides. They are indexed once, so
//! that a check looks at what may answer the question, and not at all that there is.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use uuid::Uuid;

use super::permission::Permission;
use crate::model::resource::Record;
use crate::model::values::permission::ALL;

/// A permission that a role gives by itself, or many by a star, under all conditions that it names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// A word, or `*`.
    pub resource: String,
    pub action: String,
    pub own_branch: bool,
    pub own_department: bool,
    pub own_records: bool,
    /// Somebody else must approve what is done by it.
    pub requires_approval: bool,
}

impl Given {
    /// What a record of a role's permission says.
    pub fn of(record: &Record) -> Given {
        let word = |column: &str| record.get(column).to_text();
        Given {
            resource: word("resource"),
            action: word("action"),
            own_branch: record.is_true("own_branch"),
            own_department: record.is_true("own_department"),
            own_records: record.is_true("own_records"),
            requires_approval: record.is_true("require_approval"),
        }
    }

    /// Whether it gives all that another one of the same words gives.
    pub fn contains(&self, other: &Given) -> bool {
        (&self.resource, &self.action) == (&other.resource, &other.action)
            && (!self.own_branch || other.own_branch)
            && (!self.own_department || other.own_department)
            && (!self.own_records || other.own_records)
            && (!self.requires_approval || other.requires_approval)
    }

    /// Whether it names a permission by a star.
    pub fn has_star(&self) -> bool {
        self.resource == ALL || self.action == ALL
    }

    /// Whether it fits, by name or by a star, whatever is critical.
    pub fn fits(&self, asked: &Permission) -> bool {
        let fits = |pattern: &str, word: &str| pattern == ALL || pattern == word;
        fits(&self.resource, asked.resource()) && fits(&self.action, asked.action())
    }

    /// How many conditions it names.
    pub fn conditions(&self) -> usize {
        [self.own_branch, self.own_department, self.own_records].into_iter().filter(|is_named| *is_named).count()
    }
}

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRole {
    pub id: Uuid,
    pub code: String,
    /// One that is not gives nothing, neither of its own nor what it inherits.
    pub is_active: bool,
    /// Its `*:*` contains critical permissions, too: that of the protected SUPER_ADMIN alone.
    pub contains_critical: bool,
    /// The roles whose permissions it has, too.
    pub parents: Vec<Uuid>,
    pub given: Vec<Given>,
}

/// The roles of an organisation, or those of them that a question is about, with what is critical there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    roles: Vec<KnownRole>,
    by_id: HashMap<Uuid, usize>,
    /// Of each role those whose permissions it has, itself among them, by roles that are in use alone.
    reached: Vec<Bits>,
    /// Numbers of the words that are given or critical; 0 is the star.
    words: HashMap<String, u32>,
    /// Who gives what, in the order of roles: the role, and which of what it gives.
    index: HashMap<(u32, u32), Givers>,
    critical: HashSet<(u32, u32)>,
}

/// The roles that give one pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Givers {
    all: Vec<(usize, usize)>,
    set: Bits,
}

/// Who gives a permission by its own words or by stars, of some roles.
#[derive(Clone, Copy)]
pub struct Patterns<'a> {
    givers: [Option<&'a Givers>; 4],
    is_critical: bool,
}

/// Where the star is in [`Roles::words`].
const STAR: u32 = 0;

/// As few roles are looked at one after another.
const FEW: usize = 8;

impl Roles {
    pub fn new(roles: Vec<KnownRole>, critical: impl IntoIterator<Item = Permission>) -> Roles {
        let mut all = Roles { words: HashMap::from([(ALL.to_owned(), STAR)]), ..Roles::default() };
        all.by_id = roles.iter().enumerate().map(|(i, role)| (role.id, i)).collect();
        for asked in critical {
            let key = (all.number(asked.resource()), all.number(asked.action()));
            all.critical.insert(key);
        }
        for (at, role) in roles.iter().enumerate() {
            for (which, given) in role.given.iter().enumerate() {
                let key = (all.number(&given.resource), all.number(&given.action));
                let givers = all.index.entry(key).or_default();
                givers.all.push((at, which));
                givers.set.insert(at);
            }
        }
        all.roles = roles;
        all.reached = (0..all.roles.len()).map(|at| all.reach(at)).collect();
        all
    }

    fn number(&mut self, word: &str) -> u32 {
        if let Some(known) = self.words.get(word) {
            return *known;
        }
        let next = u32::try_from(self.words.len()).unwrap_or(u32::MAX);
        self.words.insert(word.to_owned(), next);
        next
    }

    /// What a role has by itself and by those that it inherits from, at any depth: what is not in use ends the way.
    fn reach(&self, from: usize) -> Bits {
        let (mut reached, mut next) = (Bits::default(), vec![from]);
        while let Some(at) = next.pop() {
            if self.roles[at].is_active && !reached.contains(at) {
                reached.insert(at);
                next.extend(self.parents(at));
            }
        }
        reached
    }

    fn parents(&self, at: usize) -> impl Iterator<Item = usize> {
        self.roles[at].parents.iter().filter_map(|id| self.at(*id))
    }

    pub fn all(&self) -> &[KnownRole] {
        &self.roles
    }

    pub fn role(&self, at: usize) -> &KnownRole {
        &self.roles[at]
    }

    /// Where a role is.
    pub fn at(&self, id: Uuid) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// Whether the first role has what the second gives.
    pub fn reaches(&self, from: usize, to: usize) -> bool {
        self.reached.get(from).is_some_and(|reached| reached.contains(to))
    }

    /// Whether a permission is granted by its own name alone.
    pub fn is_critical(&self, asked: &Permission) -> bool {
        let number = |word: &str| self.words.get(word).copied();
        match (number(asked.resource()), number(asked.action())) {
            (Some(resource), Some(action)) => self.critical.contains(&(resource, action)),
            _ => false,
        }
    }

    /// The patterns that a permission may be given by, looked up once for all roles that are asked about it.
    pub fn patterns(&self, asked: &Permission) -> Patterns<'_> {
        let (resource, action) = (self.words.get(asked.resource()), self.words.get(asked.action()));
        let pairs = [
            resource.zip(action).map(|(r, a)| (*r, *a)),
            resource.map(|r| (*r, STAR)),
            action.map(|a| (STAR, *a)),
            Some((STAR, STAR)),
        ];
        let givers = pairs.map(|key| key.and_then(|key| self.index.get(&key)));
        Patterns { givers, is_critical: self.is_critical(asked) }
    }

    /// What a role gives, of itself and by those that it inherits from, that fits a permission: the role that gives it, and
    /// what it says. The way of everything that is decided.
    pub fn giving<'a>(&'a self, from: usize, asked: Patterns<'a>) -> impl Iterator<Item = (usize, &'a Given)> {
        let reached = self.reached.get(from);
        let givers = asked.givers.into_iter().flatten().zip(std::iter::repeat(reached));
        givers
            .filter_map(|(givers, reached)| Some((givers, reached?)))
            .flat_map(|(givers, reached)| givers.within(reached))
            .map(|(at, which)| (at, &self.roles[at].given[which]))
            .filter(move |(at, given)| !asked.is_critical || self.contains(*at, given))
    }

    /// All that a role gives, of itself and by those that it inherits from: the role that gives it, and what it says.
    pub fn all_giving(&self, from: usize) -> impl Iterator<Item = (usize, &Given)> {
        let reached = self.reached.get(from).into_iter().flat_map(|reached| reached.and(reached));
        reached.flat_map(|at| self.roles[at].given.iter().map(move |given| (at, given)))
    }

    /// Whether what a role gives contains a permission that is critical and fits.
    pub fn contains(&self, at: usize, given: &Given) -> bool {
        !given.has_star() || (self.roles[at].contains_critical && given.resource == ALL && given.action == ALL)
    }

    /// The ways from a role to all that it inherits from, also by what is not in use: of each the role before it. Of several
    /// the one with the fewest that are not in use, and then the shortest.
    pub fn ways_from(&self, from: usize) -> HashMap<usize, Option<usize>> {
        let mut before: HashMap<usize, Option<usize>> = HashMap::new();
        let cost = |at: usize| usize::from(!self.roles[at].is_active);
        let mut next = BinaryHeap::from([Reverse((cost(from), 0_usize, from, None))]);
        while let Some(Reverse((unused, length, at, by))) = next.pop() {
            if before.contains_key(&at) {
                continue;
            }
            before.insert(at, by);
            next.extend(self.parents(at).map(|p| Reverse((unused + cost(p), length + 1, p, Some(at)))));
        }
        before
    }
}

/// The roles on a way that [`Roles::ways_from`] told, from the one that is held on.
pub fn path(before: &HashMap<usize, Option<usize>>, to: usize) -> Vec<usize> {
    let mut path = vec![to];
    while let Some(Some(by)) = path.last().and_then(|at| before.get(at)) {
        path.push(*by);
    }
    path.reverse();
    path
}

impl Givers {
    /// Those that are among some roles: one after another where they are few, else word by word.
    fn within<'a>(&'a self, reached: &'a Bits) -> impl Iterator<Item = (usize, usize)> + 'a {
        let few = if self.all.len() <= FEW { self.all.as_slice() } else { &[] };
        let many = if few.is_empty() { Some(reached.and(&self.set)) } else { None };
        let of_role = |at: usize| {
            let first = self.all.partition_point(|(role, _)| *role < at);
            self.all[first..].iter().copied().take_while(move |(role, _)| *role == at)
        };
        let few = few.iter().copied().filter(|(at, _)| reached.contains(*at));
        few.chain(many.into_iter().flatten().flat_map(of_role))
    }
}

/// A set of small numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Bits(Vec<u64>);

impl Bits {
    fn insert(&mut self, n: usize) {
        if self.0.len() <= n / 64 {
            self.0.resize(n / 64 + 1, 0);
        }
        self.0[n / 64] |= 1 << (n % 64);
    }

    fn contains(&self, n: usize) -> bool {
        self.0.get(n / 64).is_some_and(|word| word & (1 << (n % 64)) != 0)
    }

    /// What both have, in order.
    fn and<'a>(&'a self, other: &'a Bits) -> impl Iterator<Item = usize> + 'a {
        self.0.iter().zip(&other.0).enumerate().flat_map(|(i, (a, b))| {
            let mut word = a & b;
            std::iter::from_fn(move || {
                let n = (word != 0).then(|| word.trailing_zeros() as usize)?;
                word &= word - 1;
                Some(i * 64 + n)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(n: u128, parents: &[u128], is_active: bool, given: &[(&str, &str)]) -> KnownRole {
        let given = given.iter().map(|(r, a)| Given { resource: (*r).into(), action: (*a).into(), ..Given::default() });
        KnownRole {
            id: Uuid::from_u128(n),
            code: format!("R{n}"),
            is_active,
            contains_critical: false,
            parents: parents.iter().map(|n| Uuid::from_u128(*n)).collect(),
            given: given.collect(),
        }
    }

    #[test]
    fn what_is_not_in_use_ends_the_way() {
        // 1 inherits from 2 and 3, both from 4; 2 is not in use.
        let all = [role(1, &[2, 3], true, &[]), role(2, &[4, 5], false, &[("a", "b")]), role(3, &[4], true, &[])];
        let rest = [role(4, &[], true, &[("x", "*")]), role(5, &[], true, &[("y", "z")])];
        let roles = Roles::new(all.into_iter().chain(rest).collect(), []);
        let found = |from, word: &str| {
            let asked = Permission::parse(word).expect("two words");
            roles.giving(from, roles.patterns(&asked)).map(|(at, _)| at).collect::<Vec<_>>()
        };
        assert_eq!((found(0, "x:any"), found(0, "a:b"), found(0, "y:z")), (vec![3], vec![], vec![]));
        assert_eq!((found(1, "a:b"), found(4, "y:z")), (vec![], vec![4]));
        // The way by what is in use is told, and by what is not where there is no other.
        let ways = roles.ways_from(0);
        assert_eq!((path(&ways, 3), path(&ways, 4), path(&ways, 0)), (vec![0, 2, 3], vec![0, 1, 4], vec![0]));
    }

    /// Many givers are found as few are.
    #[test]
    fn many_give_the_same() {
        let all: Vec<KnownRole> =
            (0..200).map(|n| role(n, &[n + 1, n + 2], n % 3 != 0, &[("a", "b"), ("*", "b")])).collect();
        let roles = Roles::new(all, []);
        let asked = Permission::parse("a:b").expect("two words");
        let mut found: Vec<usize> = roles.giving(1, roles.patterns(&asked)).map(|(at, _)| at).collect();
        found.sort_unstable();
        let expected: Vec<usize> = (1..200).filter(|n| n % 3 != 0).flat_map(|n| [n, n]).collect();
        assert_eq!(found, expected);
    }
}
