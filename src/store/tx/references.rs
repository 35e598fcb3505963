//! What is inactive is not referred to anew: it takes no people and places unless that is forced, and is in charge of
//! nothing.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::model::problem::Problem;
use crate::model::resource::lifetime::Lifetime;
use crate::model::resource::verbs::Link;
use crate::model::resource::{Descriptor, Field, Record};
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::records;

/// A reference that was set.
struct NewReference {
    target: &'static Descriptor,
    org: i32,
    id: Uuid,
    lifetime: Lifetime,
    /// Who refers, and through which field.
    by: (&'static Descriptor, Uuid),
    field: &'static Field,
}

/// Why a record that is inactive is not put in charge.
pub fn not_in_charge(found: &Record, field: &str) -> Problem {
    let (noun, key) = (found.desc.noun, found.key());
    Problem::conflict(format!("{} is not in use, and can't be the {field}", found.title()))
        .hint(format!("choose another one, or 'orgctl {noun} activate {key}' first"))
}

/// What records were made to refer to: what is inactive takes none anew.
#[derive(Default)]
pub(super) struct References {
    noted: Vec<NewReference>,
    /// Records that came back: what refers to them came back with them.
    restored: HashSet<Uuid>,
    /// Whether what is inactive takes new ones all the same.
    pub(super) takes_unused: bool,
}

impl References {
    pub(super) fn len(&self) -> usize {
        self.noted.len()
    }

    /// Forgets all but the first that were noted.
    pub(super) fn shrink_to(&mut self, n: usize) {
        self.noted.truncate(n);
    }

    /// Notes what a record refers to and did not before.
    pub(super) fn note(&mut self, before: Option<&Record>, after: &Record) {
        self.refers_by(before, after, |field| field.lifetime() == Lifetime::Duty || field.requires_active_target());
    }

    /// Notes what a record that comes back is put into. Who was in charge of it still is: nobody sets that now.
    pub(super) fn note_restored(&mut self, after: &Record) {
        self.restored.insert(after.meta.id);
        self.refers_by(None, after, |field| field.lifetime() == Lifetime::Protects);
    }

    fn refers_by(&mut self, before: Option<&Record>, after: &Record, counts: impl Fn(&Field) -> bool) {
        if !after.is_live() {
            return;
        }
        for field in after.desc.stored().filter(|f| counts(f)) {
            let Some(target) = field.target().filter(|t| t.can_be_inactive()) else { continue };
            let value = after.get(field.column);
            let reopened =
                field.lifetime() == Lifetime::Duty && before.is_some_and(|b| !b.is_open() && after.is_open());
            let is_new = before.is_none_or(|b| b.get(field.column) != value) || reopened;
            if let Some(id) = value.as_uuid().filter(|_| is_new) {
                let (by, org) = ((after.desc, after.meta.id), after.meta.org_id);
                self.noted.push(NewReference { target, org, id, lifetime: field.lifetime(), by, field });
            }
        }
    }

    /// Refuses what refers anew to what is inactive, as it is at the end: both may have changed since.
    pub(super) async fn refuse_inactive(&mut self, db: &mut Db) -> Result<()> {
        let mut known: HashMap<(i32, Uuid), Option<Record>> = HashMap::new();
        for r in std::mem::take(&mut self.noted) {
            if self.restored.contains(&r.id) || (self.takes_unused && r.lifetime != Lifetime::Duty) {
                continue;
            }
            let place = (r.org, r.id);
            if let Entry::Vacant(new) = known.entry(place) {
                let found = records::load(db, r.target, r.org, r.id).await?;
                new.insert(found.filter(|found| found.is_live() && !found.is_active()));
            }
            let Some(Some(found)) = known.get(&place).cloned() else { continue };
            let Some(by) = records::load(db, r.by.0, r.org, r.by.1).await? else { continue };
            let refers = *by.get(r.field.column) == r.id.into();
            // Who is inactive too may go on under whom he or she served, and what is done keeps who did it.
            let is_idle = r.lifetime == Lifetime::Duty && !(by.is_active() && by.is_open());
            // What returns with what it is a part of is as it was before, and nothing new.
            let is_part = |f: &&Field| f.lifetime() == Lifetime::Within;
            let container = |f: &Field| by.get(f.column).as_uuid().is_some_and(|id| self.restored.contains(&id));
            let comes_along =
                self.restored.contains(&by.meta.id) && by.desc.fields.iter().filter(is_part).any(container);
            if by.is_live() && refers && !is_idle && !comes_along {
                // Of what is given it is told who gets it.
                let taker =
                    match by.desc.link().filter(|link| link.item.0.column == r.field.column && tells_a_field(*link)) {
                        Some(link) => {
                            let id = by.get(link.other.0.column).as_uuid().unwrap_or_default();
                            records::load(db, link.other.1, r.org, id).await?
                        }
                        None => None,
                    };
                return Err(refused(&r, &found, taker.as_ref().unwrap_or(&by)).into());
            }
        }
        Ok(())
    }
}

/// Whether links tell a field of those that they give something to.
fn tells_a_field(link: Link) -> bool {
    link.other.1.lists.iter().any(|list| list.first.is_some() && *list.desc() == *link.desc)
}

fn refused(r: &NewReference, found: &Record, by: &Record) -> Problem {
    if r.lifetime == Lifetime::Duty {
        return not_in_charge(found, &format!("{} of {}", r.field.name(), by.title()));
    }
    let (place, verb) = (found.title(), format!("orgctl {} activate {}", r.target.noun, found.key()));
    let (noun, title) = (by.desc.noun, by.title());
    Problem::conflict(format!("{place} is not in use, and takes no new {noun}: {title} ({})", r.field.name()))
        .hint(format!("'{verb}' activates it; --force goes ahead all the same"))
}
