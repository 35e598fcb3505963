//! Measures a decision in process: `./tests/run bench --bench check`. 100,000 users have five of 1,000 roles each, which inherit
//! from others over five steps; a role gives ten permissions, under conditions or not. What is printed is what one check takes,
//! about a record and about none, and its bound.
#![allow(clippy::print_stdout, clippy::expect_used, clippy::disallowed_methods)]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use orgctl::access::permission::Permission;
use orgctl::access::{About, Answer, Facts};
use orgctl::model::rights::facts::{Account, Held};
use orgctl::model::rights::roles::{Given, KnownRole, Roles};
use orgctl::model::scope::{Belongings, Conditions};
use uuid::Uuid;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USERS: usize = 100_000;
const ROLES: usize = 1_000;
/// Roles of one step of inheritance.
const LEVEL: usize = ROLES / 5;
const BRANCHES: usize = 1_000;
/// A check takes so many nanoseconds at most.
const BOUND: u128 = 2_000;

fn id(kind: u128, n: usize) -> Uuid {
    Uuid::from_u128(kind << 64 | n as u128)
}

/// Five levels, each of which inherits from two of the next.
fn roles() -> Roles {
    let role = |n: usize| {
        let (level, place) = (n / LEVEL, n % LEVEL);
        let parent = |by: usize| id(1, (level + 1) * LEVEL + (place * 7 + by) % LEVEL);
        let given = |j: usize| Given {
            resource: if j == 9 && n.is_multiple_of(97) { "*".into() } else { format!("res{}", (n * 7 + j) % 300) },
            action: ["read", "update", "approve", "*"][(n + j) % 4].to_owned(),
            own_branch: j % 3 == 1,
            own_department: j % 5 == 2,
            own_records: j % 7 == 3,
            requires_approval: j == 4,
        };
        KnownRole {
            id: id(1, n),
            code: format!("ROLE{n}"),
            is_active: n % 50 != 49,
            contains_critical: false,
            parents: if level < 4 { vec![parent(0), parent(31)] } else { Vec::new() },
            given: (0..10).map(given).collect(),
        }
    };
    Roles::new(
        (0..ROLES).map(role).collect(),
        ["kyc:reveal", "audit:erase"].iter().filter_map(|word| Permission::parse(word)),
    )
}

fn main() {
    let roles = Arc::new(roles());
    let facts = |n: usize| Facts {
        org: 1,
        account: Account { person: id(2, n), ..Account::default() },
        branches: BTreeSet::from([id(3, n % BRANCHES)]),
        departments: BTreeSet::from([id(4, n % 50)]),
        held: (0..5)
            .map(|g| {
                let branches = if g == 1 { vec![BTreeSet::from([id(3, (n + g) % BRANCHES)])] } else { Vec::new() };
                let scope = Conditions { branches, ..Conditions::default() };
                Held { id: id(5, n * 5 + g), role: (n * 31 + g * 197) % ROLES, scope, ..Held::default() }
            })
            .collect(),
        roles: Arc::clone(&roles),
        ..Facts::default()
    };
    let users: Vec<Facts> = (0..USERS).map(facts).collect();
    let actions = ["read", "update", "approve", "delete"];
    let asked: Vec<Permission> =
        (0..300).flat_map(|r| actions.map(|a| Permission::parse(&format!("res{r}:{a}")).expect("two words"))).collect();
    let records: Vec<Belongings> = (0..BRANCHES)
        .map(|n| Belongings {
            branches: [n, n / 10, n / 100, 0].map(|b| id(3, b)).into(),
            departments: [id(4, n % 50)].into(),
            people: [id(2, n)].into(),
        })
        .collect();
    let mut is_slow = false;
    for (what, about) in [("a record", true), ("none", false)] {
        let (mut allowed, rounds) = (0, 1_000_000_usize);
        let begun = Instant::now();
        for i in 0..rounds {
            let (user, word) = (&users[(i * 7919) % USERS], &asked[(i * 104_729) % asked.len()]);
            let about = if about { About::Record(&records[(i * 31) % BRANCHES]) } else { About::Unnamed };
            allowed += usize::from(black_box(user.check(word, about)) == Answer::Allow);
        }
        let each = begun.elapsed().as_nanos() / rounds as u128;
        println!("a check about {what}: {each} ns (bound: {BOUND} ns); {allowed} of {rounds} allowed");
        is_slow |= each > BOUND;
    }
    assert!(!is_slow, "slower than its bound");
}
