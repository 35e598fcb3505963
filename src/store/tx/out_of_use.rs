//! What is out of use takes no new people and places.

use anyhow::Result;
use uuid::Uuid;

use super::Tx;
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Record};
use crate::model::scalar::Noun;
use crate::model::user::User;

/// A reference that was set.
pub(super) struct Referred {
    target: &'static Descriptor,
    org: i32,
    id: Uuid,
    /// Who refers, and through which field.
    by: String,
    noun: &'static str,
    field: &'static str,
}

/// Whether people and places are put into records of a kind: a person who is out of use is refused elsewhere, as one who
/// could lead nobody.
pub fn takes_people(target: &Descriptor) -> bool {
    target.noun != User::NOUN && !target.is_org() && target.field("is_active").is_some()
}

impl Tx<'_> {
    /// Lets branches and departments that are out of use take new ones, as `--force` says.
    pub fn take_unused(&mut self, force: bool) {
        self.takes_unused = force;
    }

    pub fn takes_unused(&self) -> bool {
        self.takes_unused
    }

    /// Notes what a record refers to and did not before.
    pub(super) fn refers(&mut self, before: Option<&Record>, after: &Record) {
        if !after.meta.is_live() {
            return;
        }
        for field in after.desc.fields {
            let Some(target) = field.target().filter(|t| takes_people(t)) else { continue };
            let value = after.get(field.column);
            if let Some(id) = value.as_uuid().filter(|_| before.is_none_or(|b| b.get(field.column) != value)) {
                self.refers_to(target, id, after, field.name());
            }
        }
    }

    pub(in crate::store) fn refers_to(
        &mut self,
        target: &'static Descriptor,
        id: Uuid,
        by: &Record,
        field: &'static str,
    ) {
        let known = |r: &Referred| r.id == id && r.org == by.meta.org_id;
        if !self.referred.iter().any(known) {
            self.referred.push(Referred { target, org: by.meta.org_id, id, by: by.title(), noun: by.desc.noun, field });
        }
    }

    /// Refuses what puts somebody anew where nobody works any more.
    pub(super) async fn refuse_unused(&mut self) -> Result<()> {
        if self.takes_unused {
            return Ok(());
        }
        for r in std::mem::take(&mut self.referred) {
            if self.restored.contains(&r.id) {
                continue;
            }
            let Some(found) = self.load(r.target, r.org, r.id).await? else { continue };
            if found.meta.is_live() && !found.is_in_use() {
                let (place, verb) = (found.title(), format!("orgctl {} activate {}", r.target.noun, found.key()));
                return Err(Problem::conflict(format!(
                    "{place} is not in use, and takes no new {}: {} ({})",
                    r.noun, r.by, r.field
                ))
                .hint(format!("'{verb}' puts it into use; --force goes ahead all the same"))
                .into());
            }
        }
        Ok(())
    }
}
