//! What rows give in clear, in the phases of an import: read, held against each other, and given to what seals it.

use std::sync::Arc;
use std::vec::IntoIter;

use anyhow::Result;
use serde_json::{Map, Value as Json};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::rows::{ImportPlan, Parsed};
use super::run::{BATCH, Run};
use super::sealing::{Cells, Clear, RowSealer, Sealer, Sealing};
use super::source::FileRow;
use crate::model::problem::Problem;
use crate::model::resource::Descriptor;
use crate::model::trail::audit::Action;
use crate::model::values::value::Value;
use crate::store::import::match_target::Given;
use crate::store::import::stage::{Reject, ResolvedRow};
use crate::store::tx::Tx;

impl Run<'_> {
    /// Says what seals what columns give in clear, before anything is read.
    pub fn seal_by(&mut self, sealer: Arc<dyn Sealer>) -> Result<()> {
        let columns = self.import.sealed.clone();
        let plan = Arc::get_mut(&mut self.plan).ok_or_else(|| anyhow::anyhow!("the file is being read"))?;
        plan.sealing = Some(Sealing { columns, sealer });
        Ok(())
    }

    /// Holds what rows give in clear against each other and against what is there.
    pub(super) async fn compare_clear(
        &self,
        tx: &mut Tx<'_>,
        rows: &mut [Parsed],
        values: &[(Vec<Value>, Given)],
    ) -> Result<()> {
        let (Some(sealing), Some(org)) = (&self.plan.sealing, self.import.org) else { return Ok(()) };
        let given = rows.iter().zip(values).enumerate();
        let given = given.filter_map(|(at, (row, (_, values)))| Some((at, (row.number, row.clear.as_ref()?, values))));
        let (places, given): (Vec<usize>, Vec<_>) = given.unzip();
        for (place, problem) in sealing.sealer.compare(tx, org, &given).await? {
            let row = &mut rows[places[place]];
            row.faults.push(self.plan.of_clear(row.number, row.line, problem));
        }
        Ok(())
    }

    /// The id that a row gives for what it becomes.
    pub(super) fn given_id(&self, row: &Parsed) -> Option<Uuid> {
        self.plan.sealing.as_ref()?.sealer.id(row.clear.as_ref()?)
    }

    /// Whose data rows hold that become new records.
    fn subjects_of(&self, rows: &[ResolvedRow]) -> Vec<Uuid> {
        let subject = self.desc.subject_field().map(|f| f.column);
        let at = self.plan.references.iter().position(|r| Some(r.field.column) == subject);
        rows.iter().map(|row| at.and_then(|at| *row.references.get(at)?).unwrap_or_default()).collect()
    }

    /// The same of some rows behind one, with the number of each; none where there are no more.
    pub async fn subjects_behind(&self, tx: &mut Tx<'_>, after: u64) -> Result<Vec<(u64, Uuid)>> {
        let rows = self.stage.resolved_rows(tx.db, true, after, BATCH).await?;
        Ok(rows.iter().map(|row| row.number).zip(self.subjects_of(&rows)).collect())
    }

    /// What seals new records, and what the record of each says of keys that were made for it.
    pub(super) async fn row_sealer(
        &self,
        tx: &mut Tx<'_>,
        org: i32,
        rows: &[ResolvedRow],
    ) -> Result<(Option<Arc<dyn RowSealer>>, IntoIter<Map<String, Json>>)> {
        let Some(sealing) = &self.plan.sealing else { return Ok((None, Vec::new().into_iter())) };
        let subjects = self.subjects_of(rows);
        let sealer = sealing.sealer.prepare(tx, org, &subjects).await?;
        let details = subjects.into_iter().map(|subject| {
            let mut details = Map::new();
            tx.name_keys(subject, &mut details);
            details
        });
        Ok((Some(sealer), details.collect::<Vec<_>>().into_iter()))
    }
}

impl ImportPlan {
    /// The kind of what is made with new records besides.
    pub(super) fn beside(&self) -> Option<&'static Descriptor> {
        self.sealing.as_ref()?.sealer.beside()
    }

    /// The word under which new records are told.
    pub(super) fn recorded(&self) -> Action {
        self.sealing.as_ref().map_or(Action::Create, |sealing| sealing.sealer.recorded())
    }

    /// What a row gives in clear that is to be sealed.
    pub(super) fn clear(&self, row: &FileRow<'_>, values: &mut Given) -> Result<Option<Clear>, Reject> {
        let Some(sealing) = &self.sealing else { return Ok(None) };
        let mut cells = Cells::with_capacity(sealing.columns.len());
        for (at, name) in &sealing.columns {
            if let Some(fault) = self.misshapen(row, *at, false) {
                return Err(fault);
            }
            let text = self.text(row, *at, name)?.trim();
            if text.is_empty() || self.tolerance.is_none_word(text) {
                continue;
            }
            // What it says is told by no fault.
            let unfit = |_| Problem::invalid(format!("the {name} is not written as --date-format says")).field(name);
            let date = self.dates.read(name, text, self.context.zone).map(|read| read.map_err(unfit)).transpose();
            let date = date.map_err(|p| self.of_clear(row.number, row.line, p))?;
            cells.push((name, Zeroizing::new(date.map_or_else(|| text.to_owned(), |date| date.to_text()))));
        }
        sealing.sealer.read(cells, values, self.today).map(Some).map_err(|p| self.of_clear(row.number, row.line, p))
    }

    /// A fault of what a row gives in clear.
    pub(super) fn of_clear(&self, number: u64, line: u64, p: Problem) -> Reject {
        let code = if p.sentence.ends_with(" is missing") { "required" } else { p.kind.as_str() };
        Reject { number, line, column: p.field.map(str::to_owned), code, reason: p.sentence }
    }
}
