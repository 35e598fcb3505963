//! A column that says whose the rows are: each goes to the organisation that it names. The rows of each are an import by
//! themselves, one after another in the order in which organisations are locked, in one transaction: all or none.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use anyhow::Result;
use tokio::task::spawn_blocking;

use super::arguments::{Import, Refused, Report, WithinReport};
use super::columns::Routing;
use super::rows::ImportPlan;
use super::source::FileRow;
use crate::crud::invocation::Invocation;
use crate::crud::write::not_in_system;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::resource::Descriptor;
use crate::model::values::scalar::truncate;
use crate::store::Error;
use crate::store::import::stage::Reject;
use crate::store::records;

/// Organisations that one file may name.
const MOST: usize = 10_000;

impl ImportPlan {
    /// What a row says of whose it is.
    fn whose<'a>(&self, routing: &Routing, row: &FileRow<'a>) -> Option<&'a str> {
        let is_whole = row.fault.is_none() && row.cells.len() == self.columns.len();
        let cell = row.cells.get(routing.at).filter(|_| is_whole)?;
        std::str::from_utf8(self.source.unmarked(cell)).ok().map(str::trim)
    }

    /// Whether a row is dealt with now, and not with those of another organisation.
    pub fn takes(&self, row: &FileRow<'_>) -> bool {
        let is_of = |routing| Routing::takes(routing, self.org, self.whose(routing, row));
        !self.left_out.contains(&row.of) && self.routing.as_ref().is_none_or(is_of)
    }

    /// Why a row is of no organisation.
    pub fn misrouted(&self, row: &FileRow<'_>) -> Option<Reject> {
        let routing = self.routing.as_ref()?;
        let (code, reason) = routing.fault(self.org, self.whose(routing, row)?)?;
        let column = self.column_name(routing.at).map(str::to_owned);
        Some(Reject { number: row.number, line: row.line, column, code, reason })
    }
}

/// The texts that name organisations, each with the first line that has it.
fn texts(plan: &ImportPlan, routing: &Routing) -> Result<Vec<(String, u64)>> {
    let (mut rows, mut seen, mut texts) = (plan.rows()?, HashSet::new(), Vec::new());
    while let Some(row) = rows.read()? {
        let Some(text) = plan.whose(routing, &row).filter(|text| !text.is_empty()) else { continue };
        if !seen.contains(text) {
            if seen.len() == MOST {
                return Err(Problem::invalid(format!("the column org names more than {MOST} organisations"))
                    .hint("is it another column that says so? --map 'COLUMN=org' names it")
                    .into());
            }
            seen.insert(text.to_owned());
            texts.push((text.to_owned(), row.line));
        }
    }
    Ok(texts)
}

impl Import {
    /// Finds the organisations that the rows name, where a column says whose they are.
    pub(super) async fn route(
        &mut self,
        s: &mut Invocation<'_>,
        desc: &'static Descriptor,
        column: Option<usize>,
    ) -> Result<()> {
        let Some(at) = column else { return Ok(()) };
        let only = match self.org {
            Some(org) => Some((org, records::org_code(s.db().await?, org).await?)),
            None => None,
        };
        let mut routing = Routing { at, known: HashMap::new(), only, takes_rest: true };
        let plan = Arc::new(self.plan(desc, &s.connection.parsing)?);
        let looking = routing.clone();
        let texts = spawn_blocking(move || texts(&plan, &looking)).await??;
        let context = s.connection.parsing.clone();
        let mut first = None;
        for (text, line) in texts {
            match records::org_number(s.db().await?, &text, &context).await {
                Ok(org) if not_in_system(desc, org).is_ok() => drop(routing.known.insert(text, org)),
                Ok(_) => {}
                Err(Error::Problem(p)) if p.kind == ErrorKind::NotFound => {
                    first = first.or(Some((text, line)));
                }
                Err(e) => return Err(e.into()),
            }
        }
        if routing.orgs().is_empty() {
            let sentence = match first {
                Some((text, line)) => format!("org {} does not exist (line {line})", truncate(&text)),
                None => "no row says to which organisation it belongs".to_owned(),
            };
            return Err(Problem::not_found(sentence).hint("'orgctl org list' shows all; --org names one").into());
        }
        self.routing = Some(routing);
        Ok(())
    }

    /// The organisations whose trees it writes to. Organisations in a file are found first; then all of them are locked in
    /// order.
    pub fn all_orgs(&self) -> Vec<i32> {
        self.routing.as_ref().map_or_else(|| self.org.into_iter().collect(), Routing::orgs)
    }

    /// Whether nothing of the file has been looked at yet.
    pub(super) fn is_first_part(&self) -> bool {
        self.routing.as_ref().is_none_or(|routing| routing.takes_rest)
    }

    /// The import of each organisation's rows by itself.
    pub fn parts(&self) -> Vec<Import> {
        let Some(routing) = &self.routing else { return vec![self.clone()] };
        let orgs = routing.orgs();
        let part = |(i, org): (usize, &i32)| Import {
            org: Some(*org),
            routing: Some(Routing { takes_rest: i == 0, ..routing.clone() }),
            // What is rejected of all is written once, in the order of the file.
            rejects: self.rejects.clone().filter(|_| i + 1 == orgs.len()),
            ..self.clone()
        };
        orgs.iter().enumerate().map(part).collect()
    }
}

/// What came of the rows of several organisations.
#[derive(Default)]
pub struct Merged {
    report: Report,
    is_refused: bool,
}

impl Merged {
    /// Adds what came of one. Where that was refused the others are still looked at, so that all faults are told at once.
    pub fn add(&mut self, done: Result<Report>) -> Result<()> {
        let report = match done {
            Ok(report) => report,
            Err(e) => {
                self.is_refused = true;
                e.downcast::<Refused>()?.0
            }
        };
        let all = &mut self.report;
        all.rejected_rows.extend(&report.rejected_rows);
        all.kept_ends += report.kept_ends;
        all.changed.extend(report.changed);
        all.read += report.read;
        all.created += report.created;
        all.updated += report.updated;
        all.unchanged += report.unchanged;
        all.skipped += report.skipped;
        all.names_leaver += report.names_leaver;
        all.doubtful += report.doubtful;
        all.lost += report.lost;
        all.leaving.extend(report.leaving);
        all.created_records.extend(report.created_records);
        for (field, n) in report.blanked {
            match all.blanked.iter_mut().find(|(known, _)| *known == field) {
                Some((_, sum)) => *sum += n,
                None => all.blanked.push((field, n)),
            }
        }
        // These are of all that came before, too.
        (all.rejected, all.rejects, all.readable) = (report.rejected, report.rejects, report.readable);
        Ok(())
    }

    /// Adds what came of rows of one kind that stood within others.
    pub(super) fn add_within(&mut self, desc: &'static Descriptor, report: &Report) {
        let within = self.within(desc);
        within.created += report.created;
        within.updated += report.updated;
        within.unchanged += report.unchanged;
    }

    /// What came of rows of one kind that stood within others.
    pub(super) fn within(&mut self, desc: &'static Descriptor) -> &mut WithinReport {
        self.report.within.entry(desc.table).or_default()
    }

    /// The numbers of rows that were rejected.
    pub(super) fn rejected_rows(&self) -> impl Iterator<Item = u64> {
        self.report.rejected_rows.iter().copied()
    }

    /// Whether all is undone because of rejected rows.
    pub fn is_refused(&self) -> bool {
        self.is_refused
    }

    pub fn end(self) -> Result<Report> {
        match self.is_refused {
            true => Err(Refused(Report { refused: true, ..self.report }).into()),
            false => Ok(self.report),
        }
    }
}
