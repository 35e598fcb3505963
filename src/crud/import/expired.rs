//! Records that hold no more, since their time has passed: a row stands for none of them, but takes the place of one.

use anyhow::Result;

use super::rows::Parsed;
use super::run::{Expired, Run};
use crate::crud::write::end;
use crate::model::resource::lifecycle::EXPIRES;
use crate::model::values::value::Value;
use crate::store::import::match_target::{Given, HeldRow, Match};
use crate::store::records;
use crate::store::tx::Tx;

impl Run<'_> {
    /// Lets what holds no more be none that a row stands for which holds; one that is over itself tells of what is there.
    pub(super) async fn pass_over_expired(
        &mut self,
        tx: &mut Tx<'_>,
        rows: &[Parsed],
        held: &[HeldRow],
        matches: &mut [Option<Match>],
    ) -> Result<()> {
        if !self.desc.ends() {
            return Ok(());
        }
        let ids: Vec<Value> = matches.iter().flatten().map(|found| found.id.into()).collect();
        for record in records::with_ids(tx.db, self.desc, None, &ids).await? {
            if record.has_expired(tx.at()) {
                let id = record.meta.id;
                let end =
                    |given: &Given| given.iter().rfind(|(f, _)| f.column == EXPIRES).and_then(|(_, v)| v.as_time());
                let holding =
                    rows.iter().zip(held).map(|(r, (_, given))| (r, end(given).is_none_or(|end| end > tx.at())));
                let of_it = matches.iter_mut().zip(holding).filter(|(m, _)| m.as_ref().is_some_and(|m| m.id == id));
                let numbers: Vec<u64> =
                    of_it.filter(|(_, (_, holds))| *holds).map(|(m, (row, _))| (*m = None, row.number).1).collect();
                if numbers.is_empty() {
                    continue;
                }
                let known = self.expired.entry(record.meta.record_id());
                known.or_insert(Expired { record, rows: Vec::new() }).rows.extend(numbers);
            }
        }
        Ok(())
    }

    /// Ends what holds no more, where a row that is not rejected takes its place.
    pub(super) async fn end_expired(&self, tx: &mut Tx<'_>) -> Result<()> {
        for it in self.expired.values() {
            if !self.stage.are_rejected(tx.db, &it.rows).await? {
                end(tx, &it.record, "expire").await?;
            }
        }
        Ok(())
    }
}
