//! Ways and what they lack, in words and in documents.

use std::collections::{BTreeSet, HashMap};

use anyhow::Result;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::access::{Facts, Lack, Way};
use crate::crud::invocation::Invocation;
use crate::model::kinds::branch::Branch;
use crate::model::kinds::dept::Dept;
use crate::model::resource::{Descriptor, Resource as _};
use crate::model::rights::facts::Held;
use crate::model::rights::roles::{Given, Roles};
use crate::model::values::value::{Value, ValueType, rfc3339};
use crate::store::records;

/// What places are called.
#[derive(Debug, Default)]
pub struct Names(HashMap<Uuid, String>);

impl Names {
    /// Of all places that go into what some facts say.
    pub async fn of<'a>(s: &mut Invocation<'_>, org: i32, facts: impl IntoIterator<Item = &'a Facts>) -> Result<Names> {
        let (mut branches, mut departments) = (BTreeSet::new(), BTreeSet::new());
        for facts in facts {
            let scopes = || facts.held.iter().map(|held| &held.scope);
            branches.extend(facts.branches.iter().chain(scopes().flat_map(|scope| scope.branches.iter().flatten())));
            departments
                .extend(facts.departments.iter().chain(scopes().flat_map(|scope| scope.departments.iter().flatten())));
        }
        let mut names = Names::default();
        for (desc, ids) in [(Branch::DESCRIPTOR, branches), (Dept::DESCRIPTOR, departments)] {
            names.read(s, desc, org, ids).await?;
        }
        Ok(names)
    }

    async fn read(
        &mut self,
        s: &mut Invocation<'_>,
        desc: &'static Descriptor,
        org: i32,
        ids: BTreeSet<Uuid>,
    ) -> Result<()> {
        let places = ids.into_iter().map(|id| (org, id));
        let found = records::with_record_ids(s.db().await?, desc, places).await?;
        self.0.extend(found.into_iter().map(|record| (record.meta.id, record.key())));
        Ok(())
    }

    /// What may not be told, or is gone for good, is told by its id.
    pub fn all(&self, ids: &BTreeSet<Uuid>) -> String {
        let mut all: Vec<String> =
            ids.iter().map(|id| self.0.get(id).cloned().unwrap_or_else(|| id.to_string())).collect();
        all.sort();
        all.join(", ")
    }

    /// The one place of a set of one.
    fn one(&self, sets: &[BTreeSet<Uuid>]) -> Option<String> {
        sets.first().map(|set| self.all(set))
    }

    /// The branch that a way is narrowed to.
    pub fn branch(&self, way: &Way<'_>) -> Option<String> {
        way.held.and_then(|held| self.one(&held.scope.branches))
    }

    pub fn department(&self, way: &Way<'_>) -> Option<String> {
        way.held.and_then(|held| self.one(&held.scope.departments))
    }
}

/// `users:read`, `*:read`
pub fn pattern(given: &Given) -> String {
    format!("{}:{}", given.resource, given.action)
}

/// The conditions that a permission names, by the columns that hold them.
pub fn conditions(given: &Given) -> Vec<&'static str> {
    let all = [
        ("own_branch", given.own_branch),
        ("own_department", given.own_department),
        ("own_records", given.own_records),
    ];
    all.into_iter().filter(|(_, is_named)| *is_named).map(|(name, _)| name).collect()
}

/// `HEAD_AUDITOR > AUDITOR`
pub fn path(roles: &Roles, way: &Way<'_>) -> String {
    codes(roles, way).join(" > ")
}

fn codes<'a>(roles: &'a Roles, way: &Way<'_>) -> Vec<&'a str> {
    way.path.iter().map(|at| roles.role(*at).code.as_str()).collect()
}

/// A way in one line.
pub fn line(facts: &Facts, names: &Names, way: &Way<'_>) -> String {
    let mut line = format!("{} gives {}", path(&facts.roles, way), pattern(way.given));
    let under = conditions(way.given);
    if !under.is_empty() {
        line.push_str(&format!(" under {}", under.join(", ")));
    }
    if way.given.requires_approval {
        line.push_str(", with approval");
    }
    for (what, place) in [("branch", names.branch(way)), ("department", names.department(way))] {
        line.extend(place.map(|place| format!(", granted in {what} {place}")));
    }
    line.extend(way.held.and_then(|held| held.until).map(|until| format!(", until {}", rfc3339(until))));
    line
}

/// What a way lacks, in words.
pub fn lack(facts: &Facts, names: &Names, way: &Way<'_>, lack: Lack) -> String {
    match lack {
        Lack::Inactive => "the user has left".into(),
        Lack::Blocked(None) => "the user is blocked".into(),
        Lack::Blocked(Some(until)) => format!("the user is blocked until {}", rfc3339(until)),
        Lack::OfTheInstallation => {
            "it is about the whole installation, and no role in an organisation gives that".into()
        }
        Lack::Expired(at) => format!("the grant expired at {}", rfc3339(at)),
        Lack::NotBegun(at) => format!("the grant begins at {}", rfc3339(at)),
        Lack::Ended(at) => format!("the grant was taken back at {}", rfc3339(at)),
        Lack::RoleInactive(at) => format!("role {} is not in use", facts.roles.role(at).code),
        Lack::GrantBranch => format!("the grant is narrowed to branch {}", names.branch(way).unwrap_or_default()),
        Lack::GrantDepartment => {
            format!("the grant is narrowed to department {}", names.department(way).unwrap_or_default())
        }
        Lack::OwnBranch => format!("it holds in the user's own branches alone ({})", own(names, &facts.branches)),
        Lack::OwnDepartment => {
            format!("it holds in the user's own department alone ({})", own(names, &facts.departments))
        }
        Lack::OwnRecords => "it holds for the user's own records alone".into(),
        Lack::Critical => "it is critical, and no * contains it".into(),
        Lack::NotHeld => {
            let role = way.path.first().map_or("", |at| facts.roles.role(*at).code.as_str());
            format!("the user does not have role {role}")
        }
    }
}

fn own(names: &Names, places: &BTreeSet<Uuid>) -> String {
    if places.is_empty() { "none".into() } else { names.all(places) }
}

/// The word for what a way lacks, as programs read it.
fn lack_word(lack: Lack) -> &'static str {
    match lack {
        Lack::Inactive => "inactive",
        Lack::Blocked(_) => "blocked",
        Lack::OfTheInstallation => "installation",
        Lack::Expired(_) => "expired",
        Lack::NotBegun(_) => "not_begun",
        Lack::Ended(_) => "taken_back",
        Lack::RoleInactive(_) => "role_inactive",
        Lack::GrantBranch => "grant_branch",
        Lack::GrantDepartment => "grant_department",
        Lack::OwnBranch => "own_branch",
        Lack::OwnDepartment => "own_department",
        Lack::OwnRecords => "own_records",
        Lack::Critical => "critical",
        Lack::NotHeld => "not_held",
    }
}

/// A way as a document.
pub fn document(facts: &Facts, names: &Names, way: &Way<'_>) -> Json {
    let time = |at: Option<_>| at.map_or(Json::Null, |at| rfc3339(at).into());
    let grant = way.held.map_or(Json::Null, |held| {
        json!({
            "id": held.id,
            "branch": names.branch(way),
            "department": names.department(way),
            "granted_at": time(held.from),
            "expires_at": time(held.until),
            "ended_at": time(held.ended),
        })
    });
    let lacks: Vec<Json> = way
        .lacks
        .iter()
        .map(|what| json!({ "lack": lack_word(*what), "says": lack(facts, names, way, *what) }))
        .collect();
    let mut document = json!({
        "role": codes(&facts.roles, way).first(),
        "path": codes(&facts.roles, way),
        "permission": pattern(way.given),
        "conditions": conditions(way.given),
        "requires_approval": way.given.requires_approval,
        "grant": grant,
    });
    if !lacks.is_empty() {
        document["lacks"] = lacks.into();
    }
    document
}

/// The places that a way is narrowed to, and its end: cells of a list.
pub fn cells(names: &Names, way: &Way<'_>) -> [Value; 3] {
    way.held.map_or([ValueType::Text, ValueType::Text, ValueType::Time].map(Value::Null), |held| cells_of(names, held))
}

/// The same of a grant.
pub fn cells_of(names: &Names, held: &Held) -> [Value; 3] {
    let until = held.until.map_or(Value::Null(ValueType::Time), Value::from);
    [names.one(&held.scope.branches).into(), names.one(&held.scope.departments).into(), until]
}
