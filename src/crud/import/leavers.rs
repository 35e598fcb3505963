//! Rows that name somebody who has left: by a file that is the whole truth or by a row of his or her own. What became of
//! whom they led was said when they left, and is said again by the same flags, so that the same file changes nothing. A
//! file about branches, departments or some of the people knows of that only by the history: who had somebody that has
//! left, and has another since or nobody, keeps that.

use std::collections::HashSet;

use anyhow::Result;
use uuid::Uuid;

use super::arguments::{Import, OnConflict};
use crate::crud::remove::Mode;
use crate::model::problem::ErrorKind;
use crate::model::resource::Field;
use crate::model::resource::lifetime::Lifetime;
use crate::model::values::scalar::truncate;
use crate::store::import::stage::{InactiveReference, Reject, Stage};
use crate::store::tx::Tx;
use crate::store::{records, trail};

/// What is read where a row names somebody who is inactive.
enum Meant {
    /// Him or her all the same.
    AsSaid,
    /// Somebody else, or nobody.
    Instead(Option<Uuid>),
    /// It can't be, and why.
    Rejected(String),
}

/// Rows that are looked at together.
const BATCH: usize = 500;

impl Import {
    /// Reads references to people who are inactive as the flags say; how many rows have one.
    pub(super) async fn read_leavers(&self, tx: &mut Tx<'_>, stage: &mut Stage) -> Result<u64> {
        let mut rows = HashSet::new();
        for (i, reference) in stage.references().into_iter().enumerate() {
            if reference.field.lifetime() != Lifetime::Duty {
                continue;
            }
            if self.whole.is_some() || self.on_conflict == OnConflict::Update {
                stage.find_deleted(tx.db, i).await?;
            }
            let mut last = 0;
            loop {
                let some = stage.inactive_references(tx.db, i, self.hands_over_from_blocked(), last, BATCH).await?;
                let Some(end) = some.last() else { break };
                last = end.number;
                let (mut instead, mut rejects) = (Vec::new(), Vec::new());
                for named in some {
                    // What is done may have been done by somebody who has left since.
                    let is_history = !named.is_active && stage.desc().is_in_charge_while_open(reference.field);
                    if is_history && !named.is_deleted {
                        continue;
                    }
                    match self.meant(tx, reference.field, &named).await? {
                        Meant::AsSaid => {}
                        Meant::Instead(_) if named.is_rejected => {}
                        Meant::Instead(id) => {
                            rows.insert(named.number);
                            instead.push((named.number, id));
                        }
                        Meant::Rejected(reason) => {
                            let is_unknown = self.whole.is_none() && named.is_deleted;
                            let kind = if is_unknown { ErrorKind::NotFound } else { ErrorKind::Conflict };
                            rejects.push(Reject {
                                number: named.number,
                                line: named.line,
                                column: Some(reference.field.name().to_owned()),
                                code: kind.as_str(),
                                reason,
                            });
                        }
                    }
                }
                stage.replace_references(tx.db, i, &instead).await?;
                stage.reject(tx.db, &rejects).await?;
            }
        }
        Ok(rows.len() as u64)
    }

    /// Whether those whom a file blocks hand over what they lead.
    pub(super) fn hands_over_from_blocked(&self) -> bool {
        self.whole.as_ref().is_some_and(|whole| whole.hands_over_from_blocked)
    }

    async fn meant(&self, tx: &mut Tx<'_>, field: &'static Field, named: &InactiveReference) -> Result<Meant> {
        if named.is_in_file && named.is_only_blocked {
            return Ok(Meant::AsSaid);
        }
        let (word, name) = (truncate(&named.word), field.name());
        let noun = field.target().map_or("", |target| target.noun);
        let not_in_use = match named.is_deleted {
            true => format!("{noun} {word} does not exist"),
            false => format!("{noun} {word} is not in use, and can't be the {name}"),
        };
        // Whom the file does not tell of, only a feed says to have left; or the record's own history.
        let was_released = self.whole.is_none()
            && !named.is_new
            && trail::had(tx.db, self.org.unwrap_or_default(), named.id, field.column, named.whom).await?;
        if self.whole.is_none() && !named.is_in_file && !was_released {
            return Ok(Meant::Rejected(not_in_use));
        }
        // Who is inactive too may go on pointing at whom he or she served, as long as that one is there.
        if !named.is_active && !named.is_deleted {
            return Ok(Meant::AsSaid);
        }
        match self.mode {
            // What must refer to somebody can't be without.
            Mode::Orphan if field.ty.required => Ok(Meant::Rejected(not_in_use)),
            Mode::Orphan => Ok(Meant::Instead(None)),
            Mode::Reassign(other) if other == named.id => {
                Ok(Meant::Instead(self.above(tx, field, named.whom, other).await?))
            }
            Mode::Reassign(other) => Ok(Meant::Instead(Some(other))),
            Mode::Protect | Mode::Cascade if self.whole.is_none() && !was_released => Ok(Meant::Rejected(not_in_use)),
            Mode::Protect | Mode::Cascade if named.is_new => Ok(Meant::Rejected(format!(
                "{noun} {word} has left, and can't be the {name}; --reassign-to or --orphan says who is meant"
            ))),
            Mode::Protect | Mode::Cascade => Ok(Meant::Instead(named.now)),
        }
    }

    /// The first above somebody who has left who has not, for the one who takes over.
    async fn above(&self, tx: &mut Tx<'_>, field: &Field, left: Uuid, other: Uuid) -> Result<Option<Uuid>> {
        let org = self.org.unwrap_or_default();
        let (mut at, mut passed) = (left, HashSet::from([other]));
        while passed.insert(at) {
            let Some(target) = field.target() else { return Ok(None) };
            let Some(record) = records::load(tx.db, target, org, at).await? else { return Ok(None) };
            let is_blocked = record.holds_for_good();
            let is_out = !record.is_active() || !record.is_live() || (self.hands_over_from_blocked() && is_blocked);
            if at != left && !is_out {
                return Ok(Some(at));
            }
            let Some(next) = record.get(field.column).as_uuid() else { return Ok(None) };
            at = next;
        }
        Ok(None)
    }
}
