//! An organisation that has somebody who may do everything there, for good, keeps one: whatever takes the last one away is
//! refused, whoever does it (DOMAIN.md, "Access"). One that never had one may go without.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::model::kinds::role::{Role, SUPER_ADMIN};
use crate::model::kinds::role_grant::RoleGrant;
use crate::model::kinds::role_inheritance::RoleInheritance;
use crate::model::kinds::role_permission::RolePermission;
use crate::model::kinds::user::{BLOCKED, BLOCKED_UNTIL, User};
use crate::model::problem::Problem;
use crate::model::resource::lifecycle::{ENDED, EXPIRES};
use crate::model::resource::{Descriptor, IS_ACTIVE, Resource as _};
use crate::model::values::permission::ALL;
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;
use crate::store::records::touched::{Columns, DELETED};

/// The organisations of which it is known whether somebody was it before anything was written that can end that.
#[derive(Default)]
pub struct SuperAdmins(BTreeMap<i32, bool>);

/// Whether what was written of a row of a kind can take somebody away.
fn concerns(desc: &Descriptor, written: Columns) -> bool {
    let whole = |of: &'static Descriptor| (of, Columns::of_new(of));
    let of_grant = ["role_id", "user_id", "branch_id", "department_id", EXPIRES, "granted_at", ENDED];
    let some = |of: &'static Descriptor, names: &[&str]| (of, Columns::by_names(of, names.iter().copied()));
    let read = [
        some(User::DESCRIPTOR, &[IS_ACTIVE, BLOCKED, BLOCKED_UNTIL]),
        some(RoleGrant::DESCRIPTOR, &of_grant),
        some(Role::DESCRIPTOR, &[IS_ACTIVE]),
        whole(RoleInheritance::DESCRIPTOR),
        whole(RolePermission::DESCRIPTOR),
    ];
    read.into_iter().any(|(of, read)| {
        let gone = Columns::by_names(of, [DELETED]);
        of == desc && (written.intersects(read) || written.intersects(gone))
    })
}

impl SuperAdmins {
    /// Asks once of an organisation, before the first row is changed that has to do with it. New rows take nobody away.
    pub async fn before(&mut self, db: &mut Db, rows: impl Iterator<Item = Changing>, at: DateTime<Utc>) -> Result<()> {
        for (desc, org, written) in rows {
            if !self.0.contains_key(&org) && concerns(desc, written) {
                let has = is_there(db, org, at).await?;
                self.0.insert(org, has);
            }
        }
        Ok(())
    }

    /// Refuses that there is none any more where there was one, as long as the organisation is there: one that is closed may
    /// open again.
    pub async fn must_remain(&mut self, db: &mut Db, at: DateTime<Utc>) -> Result<()> {
        for (org, had) in std::mem::take(&mut self.0) {
            if !had || is_there(db, org, at).await? {
                continue;
            }
            let of_org = "select code from orgs where org_id = $1 and deleted_at is null";
            let of_org = Sql::new(of_org).with([org.into()]).yields([ValueType::Text]);
            if let Some(row) = db.first(of_org).await? {
                let code = row.text(0)?;
                return Err(Problem::conflict(format!(
                    "organisation {code} would have nobody any more who has {SUPER_ADMIN} for good and is in use"
                ))
                .hint(format!("give it to somebody else first: orgctl role assign {SUPER_ADMIN} USER --org {code}"))
                .into());
            }
        }
        Ok(())
    }
}

/// A row that is about to be changed: its kind and organisation, and the columns that will be others.
pub type Changing = (&'static Descriptor, i32, Columns);

/// Whether somebody in use has the role, of itself or by inheritance, without an end and everywhere. From the role to its
/// holders, and no further than to the first of them (`role_inheritances_parent`, `role_grants_key`).
async fn is_there(db: &mut Db, org: i32, at: DateTime<Utc>) -> Result<bool> {
    let mut sql = Sql::new("");
    let (at, code, all) = (sql.arg(at), sql.arg(SUPER_ADMIN), sql.arg(ALL));
    sql.push(&format!(
        "with recursive heirs (id) as (
             select r.id from roles r
              where r.org_id = {org} and r.code = {code} and r.is_system and r.is_active and r.deleted_at is null
                and exists (select 1 from role_permissions p
                             where p.org_id = {org} and p.role_id = r.id and p.resource = {all} and p.action = {all}
                               and not (p.own_records or p.own_branch or p.own_department or p.require_approval)
                               and p.deleted_at is null)
             union
             select i.role_id from heirs h cross join role_inheritances i join roles r on r.org_id = {org} and r.id = i.role_id
              where i.org_id = {org} and i.parent_id = h.id and i.deleted_at is null and r.is_active and r.deleted_at is null)
         select 1 from heirs h cross join role_grants g join users u on u.org_id = {org} and u.id = g.user_id
          where g.org_id = {org} and g.role_id = h.id and g.branch_id is null and g.department_id is null
            and g.expires_at is null and (g.granted_at is null or g.granted_at <= {at})
            and g.deleted_at is null and g.ended_at is null
            and u.is_active and u.deleted_at is null
            and not (u.blocked and (u.blocked_until is null or u.blocked_until > {at}))
          limit 1"
    ));
    Ok(db.first(sql.yields([ValueType::Int])).await?.is_some())
}
