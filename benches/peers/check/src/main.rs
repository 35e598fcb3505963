//! One policy, decided by orgctl, casbin and cedar: 100,000 users with five of 1,000 roles each, which inherit over five steps
//! and give ten permissions each. No stars, conditions or approval, which not all of them have. What is printed is the time of
//! one check in each and how many were allowed, which must be the same.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hint::black_box;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
};
use orgctl::access::permission::Permission;
use orgctl::access::{About, Answer, Facts};
use orgctl::model::rights::facts::{Account, Held};
use orgctl::model::rights::roles::{Given, KnownRole, Roles};
use uuid::Uuid;

const USERS: usize = 100_000;
const ROLES: usize = 1_000;
const LEVEL: usize = ROLES / 5;
const RESOURCES: usize = 300;
const ACTIONS: [&str; 4] = ["read", "update", "approve", "delete"];

fn parents(n: usize) -> Vec<usize> {
    let (level, place) = (n / LEVEL, n % LEVEL);
    let parent = |by: usize| (level + 1) * LEVEL + (place * 7 + by) % LEVEL;
    if level < 4 { vec![parent(0), parent(31)] } else { Vec::new() }
}

fn given(n: usize) -> impl Iterator<Item = (usize, &'static str)> {
    (0..10).map(move |j| ((n * 7 + j) % RESOURCES, ACTIONS[(n + j) % 4]))
}

fn held(user: usize) -> impl Iterator<Item = usize> {
    (0..5).map(move |g| (user * 31 + g * 197) % ROLES)
}

/// Who asks for what in a round.
fn question(i: usize) -> (usize, usize, &'static str) {
    ((i * 7919) % USERS, (i * 104_729) % RESOURCES, ACTIONS[(i / 3) % 4])
}

/// Of so many rounds: nanoseconds of one, and what was allowed of the first.
fn measure(name: &str, rounds: usize, mut check: impl FnMut(usize, usize, &'static str) -> bool) -> u128 {
    let first = (0..200)
        .filter(|i| {
            let (user, resource, action) = question(*i);
            check(user, resource, action)
        })
        .count();
    let begun = Instant::now();
    for i in 0..rounds {
        let (user, resource, action) = question(i);
        black_box(check(user, resource, action));
    }
    let each = begun.elapsed().as_nanos() / rounds as u128;
    println!("{name}: {each} ns a check, {first} of 200 allowed");
    each
}

fn ours() -> impl FnMut(usize, usize, &'static str) -> bool {
    let id = |kind: u128, n: usize| Uuid::from_u128(kind << 64 | n as u128);
    let role = |n: usize| KnownRole {
        id: id(1, n),
        code: format!("ROLE{n}"),
        is_active: true,
        contains_critical: false,
        parents: parents(n).into_iter().map(|p| id(1, p)).collect(),
        given: given(n)
            .map(|(r, a)| Given { resource: format!("res{r}"), action: a.into(), ..Given::default() })
            .collect(),
    };
    let roles = Arc::new(Roles::new((0..ROLES).map(role).collect(), []));
    let facts = |n: usize| Facts {
        org: 1,
        account: Account { person: id(2, n), ..Account::default() },
        held: held(n).map(|role| Held { role, ..Held::default() }).collect(),
        roles: Arc::clone(&roles),
        ..Facts::default()
    };
    let users: Vec<Facts> = (0..USERS).map(facts).collect();
    let asked: HashMap<(usize, &str), Permission> = (0..RESOURCES)
        .flat_map(|r| ACTIONS.map(|a| ((r, a), Permission::parse(&format!("res{r}:{a}")).expect("two words"))))
        .collect();
    move |user, resource, action| users[user].check(&asked[&(resource, action)], About::Unnamed) == Answer::Allow
}

async fn casbin() -> Enforcer {
    let model = "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n[role_definition]\ng = _, _\n\
                 [policy_effect]\ne = some(where (p.eft == allow))\n\
                 [matchers]\nm = r.obj == p.obj && r.act == p.act && g(r.sub, p.sub)\n";
    let model = DefaultModel::from_str(model).await.expect("a model");
    let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await.expect("an enforcer");
    // A role gives each permission once.
    let rules: HashSet<Vec<String>> = (0..ROLES)
        .flat_map(|n| given(n).map(move |(r, a)| vec![format!("role{n}"), format!("res{r}"), a.to_owned()]))
        .collect();
    enforcer.add_policies(rules.into_iter().collect()).await.expect("policies");
    let inherits =
        (0..ROLES).flat_map(|n| parents(n).into_iter().map(move |p| vec![format!("role{n}"), format!("role{p}")]));
    let grants = (0..USERS).flat_map(|n| {
        held(n).collect::<BTreeSet<_>>().into_iter().map(move |r| vec![format!("user{n}"), format!("role{r}")])
    });
    enforcer.add_grouping_policies(inherits.chain(grants).collect()).await.expect("groups");
    enforcer
}

fn cedar() -> (PolicySet, Entities) {
    let uid = |kind: &str, name: String| {
        EntityUid::from_type_name_and_id(EntityTypeName::from_str(kind).expect("a type"), EntityId::new(name))
    };
    let rules = (0..ROLES).flat_map(|n| {
        given(n).map(move |(r, a)| {
            format!("permit(principal in Role::\"{n}\", action == Action::\"{a}\", resource == Res::\"{r}\");\n")
        })
    });
    let policies = PolicySet::from_str(&rules.collect::<String>()).expect("policies");
    let roles = (0..ROLES).map(|n| {
        let above = parents(n).into_iter().map(|p| uid("Role", p.to_string())).collect();
        Entity::new_no_attrs(uid("Role", n.to_string()), above)
    });
    let users = (0..USERS).map(|n| {
        let above = held(n).map(|r| uid("Role", r.to_string())).collect();
        Entity::new_no_attrs(uid("User", n.to_string()), above)
    });
    (policies, Entities::from_entities(roles.chain(users), None).expect("entities"))
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let us = measure("orgctl", 1_000_000, ours());
    let enforcer = runtime.block_on(casbin());
    let them = measure("casbin", 200, |user, resource, action| {
        enforcer.enforce((format!("user{user}"), format!("res{resource}"), action)).expect("an answer")
    });
    println!("orgctl is {:.0} times as fast as casbin", them as f64 / us as f64);
    let (policies, entities) = cedar();
    let authorizer = Authorizer::new();
    let them = measure("cedar", 200, |user, resource, action| {
        let of = |kind: &str, name: String| {
            EntityUid::from_type_name_and_id(EntityTypeName::from_str(kind).expect("a type"), EntityId::new(name))
        };
        let request = Request::new(
            of("User", user.to_string()),
            of("Action", action.to_owned()),
            of("Res", resource.to_string()),
            Context::empty(),
            None,
        );
        let answer = authorizer.is_authorized(&request.expect("a request"), &policies, &entities);
        answer.decision() == Decision::Allow
    });
    println!("orgctl is {:.0} times as fast as cedar", them as f64 / us as f64);
}
