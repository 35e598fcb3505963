//! What is the program's own is written by nobody else, on no path ([`crate::model::resource::protection`]).

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::bulk_writer::PreparedRow;
use crate::model::resource::{Descriptor, Record};
use crate::model::values::value::Value;
use crate::store::engine::db::Db;
use crate::store::records;
use crate::store::{Error, Result};

/// What a written record is a part of.
#[derive(Clone, Copy)]
struct Defining {
    whole: &'static Descriptor,
    org: i32,
    id: Uuid,
    /// The part; none where many came together.
    part: Option<(&'static Descriptor, Uuid)>,
}

/// Keeps what is the program's own.
#[derive(Default)]
pub(super) struct Protection {
    /// Whether what is the program's own is written too.
    pub(super) is_lifted: bool,
    /// What was written that may be a part of it.
    defining: Vec<Defining>,
}

impl Protection {
    pub(super) fn len(&self) -> usize {
        self.defining.len()
    }

    /// Forgets all but the first that were noted.
    pub(super) fn shrink_to(&mut self, n: usize) {
        self.defining.truncate(n);
    }

    /// Refuses a change of what is the program's own. What is a part of that is asked about before the commit.
    pub(super) fn keep(&mut self, before: Option<&Record>, after: Option<&Record>) -> Result<()> {
        if self.is_lifted {
            return Ok(());
        }
        match (before, after) {
            (Some(before), Some(after)) => before.keeps_protection(after)?,
            (Some(gone), None) if gone.is_protected() => return Err(gone.is_kept("purged").into()),
            (None, Some(new)) if new.is_protected() => return Err(new.is_kept("made by hand").into()),
            _ => {}
        }
        for record in before.into_iter().chain(after) {
            for (field, whole) in record.desc.defining() {
                let Some(id) = record.get(field.column).as_uuid() else { continue };
                let part = Some((record.desc, record.meta.id));
                if self.defining.last().is_none_or(|last| last.id != id) {
                    self.defining.push(Defining { whole, org: record.meta.org_id, id, part });
                }
            }
        }
        Ok(())
    }

    /// The same of new rows that were made elsewhere: who made them has asked whether they are the program's own.
    pub(super) fn keep_from(&mut self, desc: &'static Descriptor, org: i32, rows: &[PreparedRow]) -> Result<()> {
        let columns = records::stored_columns(desc);
        let flag = desc.protection.and_then(|p| columns.iter().position(|(name, _)| *name == p.flag));
        if flag.is_some_and(|at| rows.iter().any(|r| r.stored.get(at).and_then(Value::as_bool) == Some(true))) {
            return Err(Error::bug("rows were to be made that only the program itself makes; nothing was changed"));
        }
        for (field, whole) in desc.defining() {
            let Some(at) = columns.iter().position(|(name, _)| *name == field.column) else { continue };
            let ids: BTreeSet<Uuid> = rows.iter().filter_map(|r| r.stored.get(at).and_then(Value::as_uuid)).collect();
            self.defining.extend(ids.into_iter().map(|id| Defining { whole, org, id, part: None }));
        }
        Ok(())
    }

    /// Refuses what was made, changed or taken away of the parts of what is the program's own.
    pub(super) async fn refuse_defining(&mut self, db: &mut Db) -> Result<()> {
        let all = std::mem::take(&mut self.defining);
        let mut kinds: Vec<&'static Descriptor> = all.iter().map(|d| d.whole).collect();
        kinds.sort_by_key(|d| d.noun);
        kinds.dedup();
        for kind in kinds {
            let of_kind: BTreeMap<(i32, Uuid), &Defining> =
                all.iter().filter(|d| d.whole == kind).map(|d| ((d.org, d.id), d)).collect();
            let found = records::with_record_ids(db, kind, of_kind.keys().copied()).await?;
            let Some(whole) = found.into_iter().find(Record::is_protected) else { continue };
            let part = of_kind.get(&whole.meta.record_id()).and_then(|d| d.part);
            let part = match part {
                Some((desc, id)) => records::load(db, desc, whole.meta.org_id, id).await?,
                None => None,
            };
            return Err(part.map_or_else(|| whole.is_kept("changed"), |part| part.is_kept_with(&whole)).into());
        }
        Ok(())
    }
}
