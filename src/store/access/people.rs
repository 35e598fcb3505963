//! Facts of many people at once, for what is judged of them together.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Past, Which, facts, ids, roles};
use crate::model::rights::bounds::Above;
use crate::model::rights::facts::Facts;
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;

/// People whose facts are read together.
pub const TOGETHER: usize = 1000;

/// What is known of some people, with the roles that they have and what these inherit from.
pub async fn facts_of_people(db: &mut Db, org: i32, people: &[Uuid], at: DateTime<Utc>) -> Result<Vec<Facts>> {
    let known = roles(db, org, Which::HeldBy(people), None).await?;
    facts(db, org, people, at, &known, Past::Without).await
}

/// The branches above each of those that some facts name: none, where a branch covers nothing but itself.
pub async fn above_each(db: &mut Db, org: i32, people: &[Facts]) -> Result<Above> {
    let scopes = people.iter().flat_map(|facts| &facts.held).flat_map(|held| &held.scope.branches).flatten();
    let own = people.iter().flat_map(|facts| &facts.branches);
    let named: BTreeSet<Uuid> = scopes.chain(own).copied().collect();
    if named.is_empty() || people.iter().any(|facts| facts.branches_alone) {
        return Ok(Above::new());
    }
    chains(db, org, &named).await
}

/// The branches above each of some, itself among them, as they are in the tree.
pub async fn chains(db: &mut Db, org: i32, named: &BTreeSet<Uuid>) -> Result<Above> {
    let mut db = db.checking();
    let text = format!(
        "with recursive above (id, parent) as (
             select b.id, b.parent_id from branches b where b.org_id = {org} and b.id in ({})
             union
             select c.id, c.parent_id from above a cross join branches c where c.org_id = {org} and c.id = a.parent)
         select id, parent from above",
        ids(db.engine(), named.iter().copied())
    );
    let mut parents: BTreeMap<Uuid, Option<Uuid>> = BTreeMap::new();
    for row in db.all(Sql::new(text).yields([ValueType::Uuid, ValueType::Uuid])).await? {
        parents.insert(row.uuid(0)?, row.value(1).as_uuid());
    }
    let chain = |branch: Uuid| {
        let (mut chain, mut next) = (BTreeSet::new(), Some(branch));
        while let Some(at) = next.filter(|at| chain.insert(*at)) {
            next = parents.get(&at).copied().flatten();
        }
        (branch, chain)
    };
    Ok(named.iter().copied().map(chain).collect())
}

/// The next people, in the order of their ids, who have one of some branches, or were given a role there and have it still.
pub async fn people_of_branches(
    db: &mut Db,
    org: i32,
    branches: &BTreeSet<Uuid>,
    at: DateTime<Utc>,
    after: Uuid,
) -> Result<Vec<Uuid>> {
    let mut sql = Sql::new("");
    let (at, after, branches) = (sql.arg(at), sql.arg(after), ids(db.engine(), branches.iter().copied()));
    sql.push(&format!(
        "select l.user_id from user_branches l
          where l.org_id = {org} and l.branch_id in ({branches}) and l.user_id > {after} and l.deleted_at is null
         union
         select g.user_id from role_grants g
          where g.org_id = {org} and g.branch_id in ({branches}) and g.user_id > {after} and g.deleted_at is null
            and g.ended_at is null and (g.expires_at is null or g.expires_at > {at})
          order by 1 limit {TOGETHER}"
    ));
    db.all(sql.yields([ValueType::Uuid])).await?.iter().map(|row| row.uuid(0)).collect()
}

/// The next people, in the order of their ids, who were given one of some roles and have it still.
pub async fn holders(
    db: &mut Db,
    org: i32,
    roles: impl Iterator<Item = Uuid>,
    at: DateTime<Utc>,
    after: Uuid,
) -> Result<Vec<Uuid>> {
    let mut sql = Sql::new("");
    let (at, after) = (sql.arg(at), sql.arg(after));
    sql.push(&format!(
        "select distinct g.user_id from role_grants g
          where g.org_id = {org} and g.role_id in ({}) and g.user_id > {after} and g.deleted_at is null
            and g.ended_at is null and (g.expires_at is null or g.expires_at > {at})
          order by 1 limit {TOGETHER}",
        ids(db.engine(), roles)
    ));
    db.all(sql.yields([ValueType::Uuid])).await?.iter().map(|row| row.uuid(0)).collect()
}
