//! Permissions that a file gives people one by one, which are those of a role of theirs: of each list of permissions one role,
//! LEGACY_1 and so on, of which the same list means the same role later (DOMAIN.md, legacy headers).

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use uuid::Uuid;

use crate::crud::defaults::blank;
use crate::crud::import::Run;
use crate::crud::import::missing::MissingRecord;
use crate::model::kinds::role::Role;
use crate::model::kinds::role_permission::RolePermission;
use crate::model::resource::Resource as _;
use crate::model::rights::roles::KnownRole;
use crate::model::values::permission_list::{PermissionList, Under};
use crate::store::access::{self, Which};
use crate::store::tx::Tx;

/// What the codes of such roles begin with.
const CODES: &str = "LEGACY_";

/// Finds the roles that lists of permissions mean, and plans those that are not there.
pub async fn plan(tx: &mut Tx<'_>, run: &mut Run<'_>) -> Result<()> {
    let Some(org) = run.stage.org().filter(|_| run.plan.lists.iter().any(|(list, _)| list.describes())) else {
        return Ok(());
    };
    tx.flush().await?;
    let roles = access::roles(tx.db, org, Which::All, None).await?;
    let numbered = |role: &KnownRole| role.code.strip_prefix(CODES)?.parse::<u64>().ok();
    let there = roles.all().iter().filter_map(|role| Some((numbered(role)?, role)));
    let (mut last, mut known) = (0, HashMap::new());
    let mut described: HashSet<Uuid> = HashSet::new();
    for (number, role) in there {
        last = last.max(number);
        described.insert(role.id);
        if role.parents.is_empty() && role.is_active {
            known.entry(spelling(role)).or_insert(role.id);
        }
    }
    run.described = described;
    let of_roles = |r: &crate::store::import::stage::Reference| *r.target == *Role::DESCRIPTOR;
    let at: Vec<usize> =
        run.stage.references().iter().enumerate().filter(|(_, r)| of_roles(r)).map(|(i, _)| i).collect();
    let context = run.plan.context.clone();
    for (word, said) in run.plan.descriptions() {
        let id = match known.get(&said) {
            Some(id) => *id,
            None => {
                last += 1;
                let id = tx.new_id();
                let mut record = blank(tx, Role::DESCRIPTOR, org, id, &context)?;
                record.set("code", format!("{CODES}{last}").into());
                record.set("name", format!("Permissions given one by one, {last}").into());
                let mut parts = Vec::new();
                for ((resource, action), under) in PermissionList::of_spelling(&said).unwrap_or_default().iter() {
                    let part = tx.new_id();
                    let mut part = blank(tx, RolePermission::DESCRIPTOR, org, part, &context)?;
                    part.set("role_id", id.into());
                    part.set("resource", resource.as_str().into());
                    part.set("action", action.as_str().into());
                    under.columns().into_iter().for_each(|(column, is_asked)| part.set(column, is_asked.into()));
                    parts.push(part);
                }
                let words = at.iter().map(|i| (*i, word.clone())).collect();
                run.missing.push(MissingRecord { words, record, parts });
                known.insert(said, id);
                id
            }
        };
        for i in &at {
            run.stage.resolve_to(tx.db, *i, &word, id).await?;
        }
    }
    Ok(())
}

/// What a role gives by itself, spelt as a list of permissions is.
fn spelling(role: &KnownRole) -> String {
    let mut list = PermissionList::default();
    for given in &role.given {
        let under = Under {
            own_records: given.own_records,
            own_department: given.own_department,
            own_branch: given.own_branch,
            require_approval: given.requires_approval,
        };
        // A role gives each permission once.
        let _ = list.give((given.resource.clone(), given.action.clone()), under);
    }
    list.spelling()
}
