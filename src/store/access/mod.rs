//! What a decision goes by, read of as many as a question is about and of no others: roles from those that somebody holds
//! upwards (`role_grants_user`, `role_inheritances_role`, `role_permissions_key`), or from those that give something downwards
//! (`role_permissions_word`, `role_inheritances_parent`). Names of tables stand without a schema: in the past they are those of
//! then. Whoever asks, a decision sees everything.

mod belongings;
mod people;
mod who;

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use crate::store::Result;
use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use belongings::{belongings, with_all_above};
pub use people::{TOGETHER, above_each, chains, facts_of_people, holders, people_of_branches};
pub use who::{Asked, Own, candidates, statement};

use super::engine::db::Db;
use super::engine::location::Engine;
use super::engine::sql::{Row, Sql};
use super::records::place::literal;
use super::records::settings;
use crate::model::kinds::role::SUPER_ADMIN;
use crate::model::rights::facts::{Account, Block, Facts, Held};
use crate::model::rights::permission::Permission;
use crate::model::rights::roles::{Given, KnownRole, Roles};
use crate::model::scope::Conditions;
use crate::model::setting::ACCESS_INCLUDE_SUB_BRANCHES;
use crate::model::values::permission::ALL;
use crate::model::values::value::ValueType;

/// Which roles are read.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// Those that some users were given, and what they inherit from.
    HeldBy(&'a [Uuid]),
    /// The same, and besides those that give the permission by themselves: what could be given to them.
    HeldByOrGiving(&'a [Uuid]),
    /// These, and what they inherit from.
    These(&'a [Uuid]),
    /// These, and those that inherit from them.
    Below(&'a [Uuid]),
    /// Those that give the permission, and those that inherit from them.
    Giving,
    /// All of the organisation.
    All,
}

/// So many roles at most are told as such that could be given to somebody.
const MOST_GIVING: usize = 200;

/// The roles that a question is about, with all that they give, or with what may give one permission.
pub async fn roles(db: &mut Db, org: i32, which: Which<'_>, asked: Option<&Permission>) -> Result<Arc<Roles>> {
    let mut db = db.checking();
    let db = &mut *db;
    let mut roles: Vec<KnownRole> = Vec::new();
    let mut at: HashMap<Uuid, usize> = HashMap::new();
    let [named, inherited, given] = role_statements(db.engine(), org, which, asked);
    for row in db.all(named.yields([ValueType::Uuid, ValueType::Text, ValueType::Bool, ValueType::Bool])).await? {
        let (id, code) = (row.uuid(0)?, row.text(1)?.to_owned());
        let contains_critical = is(&row, 3) && code == SUPER_ADMIN;
        at.insert(id, roles.len());
        let (parents, given) = (Vec::new(), Vec::new());
        roles.push(KnownRole { id, code, is_active: is(&row, 2), contains_critical, parents, given });
    }
    for row in db.all(inherited.yields([ValueType::Uuid, ValueType::Uuid])).await? {
        if let Some(role) = at.get(&row.uuid(0)?) {
            roles[*role].parents.push(row.uuid(1)?);
        }
    }
    let kinds = [ValueType::Uuid, ValueType::Text, ValueType::Text];
    for row in db.all(given.yields(kinds.into_iter().chain([ValueType::Bool; 4]))).await? {
        if let Some(role) = at.get(&row.uuid(0)?) {
            roles[*role].given.push(Given {
                resource: row.text(1)?.to_owned(),
                action: row.text(2)?.to_owned(),
                own_branch: is(&row, 3),
                own_department: is(&row, 4),
                own_records: is(&row, 5),
                requires_approval: is(&row, 6),
            });
        }
    }
    for role in &mut roles {
        role.given.sort_by(|a, b| (&a.resource, &a.action).cmp(&(&b.resource, &b.action)));
        role.parents.sort_unstable();
    }
    Ok(Arc::new(Roles::new(roles, critical(db, org, asked).await?)))
}

/// Asks for the roles, for what these inherit from, and for what they give.
pub fn role_statements(engine: Engine, org: i32, which: Which<'_>, asked: Option<&Permission>) -> [Sql; 3] {
    let named = format!(
        "select r.id, r.code, r.is_active, r.is_system from reached x cross join roles r
          where r.org_id = {org} and r.id = x.id and r.deleted_at is null order by r.code"
    );
    let end = if matches!(which, Which::Giving | Which::Below(_)) { "parent_id" } else { "role_id" };
    let inherited = format!(
        "select i.role_id, i.parent_id from reached x cross join role_inheritances i
          where i.org_id = {org} and i.{end} = x.id and i.deleted_at is null"
    );
    let given = format!(
        "select p.role_id, p.resource, p.action, p.own_branch, p.own_department, p.own_records, p.require_approval
           from reached x cross join role_permissions p
          where p.org_id = {org} and p.role_id = x.id and p.deleted_at is null"
    );
    let [named, inherited, mut given] =
        [named, inherited, given].map(|of_them| reached(engine, org, which, asked, &of_them));
    push_words("p", asked, &mut given);
    [named, inherited, given]
}

fn is(row: &Row, column: usize) -> bool {
    row.value(column).as_bool() == Some(true)
}

/// A list of ids, as a statement says it.
fn ids(engine: Engine, ids: impl IntoIterator<Item = Uuid>) -> String {
    let all: Vec<String> = ids.into_iter().map(|id| literal(engine, id)).collect();
    // A list of none is no SQL.
    if all.is_empty() { literal(engine, Uuid::nil()) } else { all.join(", ") }
}

/// A statement over the roles that are meant: `reached (id)`.
fn reached(engine: Engine, org: i32, which: Which<'_>, asked: Option<&Permission>, of_them: &str) -> Sql {
    let mut sql = Sql::new("with recursive reached (id) as (");
    let live = |table: &str| format!("{table}.org_id = {org} and {table}.deleted_at is null");
    let giving = |sql: &mut Sql, most: &str| {
        sql.push(&format!("select p.role_id from role_permissions p where {}", live("p")));
        push_words("p", asked, sql);
        sql.push(most);
    };
    match which {
        Which::HeldBy(users) | Which::HeldByOrGiving(users) => {
            let users = ids(engine, users.iter().copied());
            sql.push(&format!("select g.role_id from role_grants g where {} and g.user_id in ({users})", live("g")));
        }
        Which::These(roles) | Which::Below(roles) => {
            let roles = ids(engine, roles.iter().copied());
            sql.push(&format!("select r.id from roles r where {} and r.id in ({roles})", live("r")));
        }
        Which::Giving => giving(&mut sql, ""),
        Which::All => drop(sql.push(&format!("select r.id from roles r where {}", live("r")))),
    }
    if matches!(which, Which::HeldByOrGiving(_)) {
        sql.push(" union select * from (");
        giving(&mut sql, &format!(" limit {MOST_GIVING}) few"));
    }
    match which {
        Which::All => {}
        Which::Giving | Which::Below(_) => {
            let _ = write!(
                sql.text,
                " union select i.role_id from reached x cross join role_inheritances i where {} and i.parent_id = x.id",
                live("i")
            );
        }
        _ => {
            let _ = write!(
                sql.text,
                " union select i.parent_id from reached x cross join role_inheritances i where {} and i.role_id = x.id",
                live("i")
            );
        }
    }
    sql.push(") ").push(of_them);
    sql
}

/// Narrows permissions to those that fit one, by name or by a star.
fn push_words(alias: &str, asked: Option<&Permission>, sql: &mut Sql) {
    if let Some(asked) = asked {
        for (column, word) in [("resource", asked.resource()), ("action", asked.action())] {
            sql.push(&format!(" and {alias}.{column} in ")).bind_list([word, ALL]);
        }
    }
}

/// What no star contains in an organisation: all of it, or one permission if it is.
async fn critical(db: &mut Db, org: i32, asked: Option<&Permission>) -> Result<Vec<Permission>> {
    let mut sql = Sql::new(format!(
        "select c.resource, c.action from permissions c where c.org_id in (0, {org}) and c.is_critical and c.deleted_at is null"
    ));
    if let Some(asked) = asked {
        sql.push(" and c.resource = ").bind(asked.resource()).push(" and c.action = ").bind(asked.action());
    }
    words(db, sql).await
}

/// The permissions that the catalogue knows in an organisation, in order.
pub async fn catalogue(db: &mut Db, org: i32) -> Result<BTreeSet<Permission>> {
    let text =
        format!("select c.resource, c.action from permissions c where c.org_id in (0, {org}) and c.deleted_at is null");
    Ok(words(&mut db.checking(), Sql::new(text)).await?.into_iter().collect())
}

/// What roles of an organisation give since a time by words that its catalogue does not know, or by a star that stands for none of it:
/// resource and action.
pub async fn unknown_since(db: &mut Db, org: i32, since: DateTime<Utc>) -> Result<Vec<(String, String)>> {
    let text = format!(
        "select distinct g.resource, g.action from role_permissions g
          where g.org_id = {org} and g.deleted_at is null and g.updated_at >= $1
            and not exists (select 1 from permissions c where c.org_id in (0, {org}) and c.deleted_at is null
                             and g.resource in (c.resource, '*') and g.action in (c.action, '*'))
            and exists (select 1 from permissions c where c.org_id in (0, {org}) and c.deleted_at is null)
          order by 1, 2"
    );
    let found = Sql::new(text).with([since.into()]).yields([ValueType::Text, ValueType::Text]);
    let rows = db.checking().all(found).await?;
    rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()))).collect()
}

async fn words(db: &mut Db, sql: Sql) -> Result<Vec<Permission>> {
    let mut all = Vec::new();
    for row in db.all(sql.yields([ValueType::Text, ValueType::Text])).await? {
        all.extend(Permission::parse(&format!("{}:{}", row.text(0)?, row.text(1)?)));
    }
    Ok(all)
}

/// Whether grants that were taken back are read too: they would have sufficed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Past {
    Without,
    With,
}

/// So many grants at most that were taken back, the last ones.
const MOST_ENDED: usize = 100;

/// What is known of some users: of each, in their order.
pub async fn facts(
    db: &mut Db,
    org: i32,
    users: &[Uuid],
    at: DateTime<Utc>,
    roles: &Arc<Roles>,
    past: Past,
) -> Result<Vec<Facts>> {
    let mut db = db.checking();
    let db = &mut *db;
    let branches_alone = !settings::get(db, org, ACCESS_INCLUDE_SUB_BRANCHES).await?;
    let of = |person: Uuid| Facts {
        at,
        org,
        branches_alone,
        // Who is not there is not in use.
        account: Account { person, is_active: false, ..Account::default() },
        roles: Arc::clone(roles),
        ..Facts::default()
    };
    let mut all: Vec<Facts> = users.iter().map(|id| of(*id)).collect();
    let place: HashMap<Uuid, usize> = users.iter().enumerate().map(|(i, id)| (*id, i)).collect();
    let [accounts, branches, held_now, held_before] = fact_statements(db.engine(), org, users);
    let kinds = [ValueType::Uuid, ValueType::Bool, ValueType::Bool, ValueType::Time, ValueType::Uuid];
    for row in db.all(accounts.yields(kinds)).await? {
        let Some(facts) = place.get(&row.uuid(0)?).map(|i| &mut all[*i]) else { continue };
        facts.account.is_active = is(&row, 1);
        facts.account.block = if is(&row, 2) { Block::Until(row.value(3).as_time()) } else { Block::No };
        facts.departments.extend(row.value(4).as_uuid());
    }
    for row in db.all(branches.yields([ValueType::Uuid, ValueType::Uuid])).await? {
        if let Some(i) = place.get(&row.uuid(0)?) {
            all[*i].branches.insert(row.uuid(1)?);
        }
    }
    let mut rows = db.all(held(held_now)).await?;
    if past == Past::With {
        rows.extend(db.all(held(held_before)).await?);
    }
    for row in rows {
        let Some(facts) = place.get(&row.uuid(0)?).map(|i| &mut all[*i]) else { continue };
        let Some(role) = roles.at(row.uuid(2)?) else { continue };
        let one = |column: usize| row.value(column).as_uuid().map(|id| BTreeSet::from([id])).into_iter().collect();
        let scope = Conditions { branches: one(3), departments: one(4), ..Conditions::default() };
        let (from, until, ended) = (row.value(5).as_time(), row.value(6).as_time(), row.value(7).as_time());
        // What holds again, or was taken back again since, says more than what came before it.
        if ended.is_some() && facts.held.iter().any(|held| held.role == role && held.scope == scope) {
            continue;
        }
        facts.held.push(Held { id: row.uuid(1)?, role, scope, from, until, ended });
    }
    Ok(all)
}

/// Asks for the accounts of some users, for their branches, for the roles that they have, and for the last that they had.
pub fn fact_statements(engine: Engine, org: i32, users: &[Uuid]) -> [Sql; 4] {
    let who = ids(engine, users.iter().copied());
    let accounts = format!(
        "select u.id, u.is_active, u.blocked, u.blocked_until, u.department_id from users u
          where u.org_id = {org} and u.id in ({who}) and u.deleted_at is null"
    );
    let branches = format!(
        "select l.user_id, l.branch_id from user_branches l
          where l.org_id = {org} and l.user_id in ({who}) and l.deleted_at is null"
    );
    let columns = "g.user_id, g.id, g.role_id, g.branch_id, g.department_id, g.granted_at, g.expires_at, g.ended_at";
    let from = format!(
        "select {columns} from role_grants g where g.org_id = {org} and g.user_id in ({who}) and g.deleted_at is null"
    );
    let now = format!("{from} and g.ended_at is null");
    let before = format!("{from} and g.ended_at is not null order by g.ended_at desc limit {MOST_ENDED}");
    [accounts, branches, now, before].map(Sql::new)
}

fn held(sql: Sql) -> Sql {
    let ids = [ValueType::Uuid; 5];
    sql.yields(ids.into_iter().chain([ValueType::Time; 3]))
}

/// Hands out each user in use with each role that was given to him or her and holds: the key of the one, the id of the other, and
/// whether it is narrowed to a place.
pub async fn each_held(
    db: &mut Db,
    org: i32,
    at: DateTime<Utc>,
    mut each: impl FnMut(String, Uuid, bool),
) -> Result<()> {
    let mut sql = Sql::new("");
    let at = sql.arg(at);
    sql.push(&format!(
        "select u.user_code, g.role_id, g.branch_id, g.department_id from role_grants g join users u on u.org_id = g.org_id and u.id = g.user_id
          where g.org_id = {org} and g.deleted_at is null and g.ended_at is null
            and (g.expires_at is null or g.expires_at > {at}) and (g.granted_at is null or g.granted_at <= {at})
            and u.deleted_at is null and u.is_active
            and not (u.blocked and (u.blocked_until is null or u.blocked_until > {at}))"
    ));
    let kinds = [ValueType::Text, ValueType::Uuid, ValueType::Uuid, ValueType::Uuid];
    db.each(sql.yields(kinds), |row| {
        let is_narrowed = !row.value(2).is_null() || !row.value(3).is_null();
        each(row.text(0)?.to_owned(), row.uuid(1)?, is_narrowed);
        Ok(())
    })
    .await
}
