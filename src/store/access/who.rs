//! Who has a role, and who may do something: from what gives it to the people, in pages. A page is found by indexes that hold
//! it in the order of people's ids (`role_grants_key`), or by the few that a condition leaves (`user_branches_branch`,
//! `users_department`). What is found is decided about as any question is.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::Result;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::ids;
use crate::model::scope::About;
use crate::model::values::value::ValueType;
use crate::store::engine::db::Db;
use crate::store::engine::location::Engine;
use crate::store::engine::sql::Sql;

/// Roles that are looked for in one statement.
const TOGETHER: usize = 200;

/// A question about everybody.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub org: i32,
    pub at: DateTime<Utc>,
    /// Only people behind this one.
    pub after: Option<Uuid>,
    pub limit: usize,
    pub about: About<'a>,
    /// Only those whose account is in use, and whose grants have begun.
    pub in_use: bool,
}

/// Conditions of a permission: on the branch, the department, the record.
pub type Own = (bool, bool, bool);

/// The next people, in the order of their ids, who have one of some roles and of whom their conditions hold: of those whom the
/// question does not ask about, everybody is meant.
pub async fn candidates(db: &mut Db, by_conditions: &BTreeMap<Own, Vec<Uuid>>, asked: Asked<'_>) -> Result<Vec<Uuid>> {
    let mut found: BTreeSet<Uuid> = BTreeSet::new();
    for (own, roles) in by_conditions {
        for some in roles.chunks(TOGETHER) {
            let sql = statement(db.engine(), *own, some, asked).yields([ValueType::Uuid]);
            for row in db.all(sql).await? {
                found.insert(row.uuid(0)?);
            }
        }
    }
    Ok(found.into_iter().take(asked.limit).collect())
}

/// Asks for the few people of the places that are asked about, who are found before anything else: in the order of ids that a page
/// has, SQLite would go through all that there are.
fn few(org: i32, branches: Option<&str>, departments: Option<&str>, after: &str) -> Option<String> {
    match (branches, departments) {
        (Some(branches), _) => Some(format!(
            "select l.user_id from user_branches l
              where l.org_id = {org} and l.branch_id in ({branches}) and l.user_id > {after} and l.deleted_at is null"
        )),
        (None, Some(departments)) => Some(format!(
            "select p.id from users p where p.org_id = {org} and p.department_id in ({departments}) and p.id > {after}"
        )),
        (None, None) => None,
    }
}

/// The next who have one of some roles, under the same conditions, in the order of their ids.
pub fn statement(engine: Engine, own: Own, some: &[Uuid], asked: Asked<'_>) -> Sql {
    let org = asked.org;
    let mut sql = Sql::new("");
    let list = |set: &BTreeSet<Uuid>| ids(engine, set.iter().copied());
    let at = sql.arg(asked.at);
    let after = sql.arg(asked.after.unwrap_or_default());
    let mut all = format!(
        "g.org_id = {org} and g.deleted_at is null and g.ended_at is null
         and (g.expires_at is null or g.expires_at > {at})
         and u.org_id = {org} and u.id = g.user_id and u.deleted_at is null"
    );
    if asked.in_use {
        all.push_str(&format!(
            " and (g.granted_at is null or g.granted_at <= {at})
              and u.is_active and not (u.blocked and (u.blocked_until is null or u.blocked_until > {at}))"
        ));
    }
    for (column, set) in [("branch_id", asked.about.branches()), ("department_id", asked.about.departments())] {
        if let Some(set) = set {
            all.push_str(&format!(" and (g.{column} is null or g.{column} in ({}))", list(set)));
        }
    }
    let (own_branch, own_department, own_records) = own;
    let branches = asked.about.branches().filter(|_| own_branch).map(list);
    let departments = asked.about.departments().filter(|_| own_department).map(list);
    let people = asked.about.people().filter(|_| own_records).map(list);
    if let Some(departments) = &departments {
        all.push_str(&format!(" and u.department_id in ({departments})"));
    }
    if let Some(people) = &people {
        all.push_str(&format!(" and u.id in ({people})"));
    }
    let roles = ids(engine, some.iter().copied());
    let limit = asked.limit;
    let end = format!("order by 1 limit {limit}");
    let few = few(org, branches.as_deref(), departments.as_deref(), &after);
    let text = match (few, &people) {
        (Some(few), _) => format!(
            "with few (id) as materialized ({few})
             select distinct u.id from few x cross join users u cross join role_grants g
              where u.id = x.id and g.user_id = u.id and g.role_id in ({roles}) and {all} {end}"
        ),
        (None, Some(_)) => format!(
            "select distinct u.id from users u cross join role_grants g
              where u.id > {after} and g.user_id = u.id and g.role_id in ({roles}) and {all} {end}"
        ),
        // Of each role the next, as its index has them.
        (None, None) => {
            let of_role = |role: &Uuid| {
                format!(
                    "select * from (select g.user_id from role_grants g cross join users u
                      where g.role_id = {} and g.user_id > {after} and {all} order by g.user_id limit {limit}) of_role",
                    ids(engine, [*role])
                )
            };
            let each: Vec<String> = some.iter().map(of_role).collect();
            format!("select distinct user_id from ({}) of_all {end}", each.join(" union all "))
        }
    };
    sql.push(&text);
    sql
}
