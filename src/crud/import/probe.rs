//! Which rows the database refuses, where only it finds something wrong: what every row alone and all together were checked
//! for does not know its rules that others have made.
//!
//! An import that meets such a row is undone and run again, with this before anything is written for good: all rows are
//! written, those that are refused noted, and all undone. So the first run pays nothing for it.

use std::collections::HashMap;

use anyhow::Result;
use uuid::Uuid;

use super::lists::NewLinks;
use super::missing;
use super::rows;
use super::run::{BATCH, Run};
use super::secrets::Secrets;
use crate::model::problem::Problem;
use crate::model::resource::Descriptor;
use crate::store::Error;
use crate::store::schema::deferred::DeferredConstraints;
use crate::store::tx::Tx;

/// Whether the database refused something that a row says.
pub fn is_about_a_row(e: &anyhow::Error) -> bool {
    e.downcast_ref::<Problem>().is_some_and(|p| p.rule.is_some())
}

/// A run whose writes are undone: the rows that the database refuses, by number, and the rules that are held row by row.
pub struct Trial<'a> {
    pub refused: Vec<(u64, Problem)>,
    pub late: &'a DeferredConstraints,
}

/// Finds the rows that the database refuses, and rejects them and whoever refers to them.
pub async fn reject_refused(run: &mut Run<'_>, tx: &mut Tx<'_>) -> Result<()> {
    if run.import.org.is_none() {
        run.lock_orgs(tx).await?;
    }
    // What holds at the end may hold of a row only with those below it. So it is asked at the end, and row by row only where
    // it does not hold then.
    let late = DeferredConstraints::find(tx.db).await?;
    let none = DeferredConstraints::default();
    loop {
        let (mut refused, mut held) = attempt(run, tx, (&none, &late)).await?;
        if held == Held::Broken {
            (refused, held) = attempt(run, tx, (&late, &none)).await?;
        }
        for (number, problem) in &refused {
            let of_rule = || problem.rule.as_deref().and_then(|rule| column_in(run.desc, rule));
            run.stage.refuse(tx.db, *number, problem.field.or_else(of_rule), problem).await?;
        }
        run.stage.check(tx.db).await?;
        // A row that falls leaves its record as it was: that may break a rule too.
        if held != Held::ButForRows {
            return Ok(());
        }
    }
}

/// Whether the rest holds, once the rows are left out that the database refuses.
#[derive(PartialEq)]
enum Held {
    Whole,
    /// It breaks a rule that others have made and that holds at the end.
    Broken,
    /// Rows were left out because they break a rule that their kind declares.
    ButForRows,
}

/// Writes everything and undoes it: the rows that are refused, and whether the rest holds.
async fn attempt(
    run: &mut Run<'_>,
    tx: &mut Tx<'_>,
    (by_row, at_end): (&DeferredConstraints, &DeferredConstraints),
) -> Result<(Vec<(u64, Problem)>, Held)> {
    let savepoint = tx.savepoint().await?;
    run.end_expired(tx).await?;
    missing::create(tx, &run.stage, &run.missing).await?;
    run.stage.park(tx.db).await?;
    let mut trial = Trial { refused: Vec::new(), late: by_row };
    // What is told of rows is told of those that are written for good.
    let (report, losing) = (std::mem::take(&mut run.report), std::mem::take(&mut run.losing));
    let founded = std::mem::take(&mut run.founded);
    match run.import.org {
        Some(org) => new_rows(run, tx, org, &mut trial).await?,
        None => run.write_singly(tx, true, Some(&mut trial)).await?,
    }
    run.write_singly(tx, false, Some(&mut trial)).await?;
    (run.report, run.losing, run.founded) = (report, losing, founded);
    tx.flush().await?;
    let broken = run.stage.broken(tx.db).await?;
    let held = match at_end.check(tx.db).await {
        Err(Error::Problem(p)) if p.rule.is_some() => Held::Broken,
        Err(e) => return Err(e.into()),
        Ok(()) if broken.is_empty() => Held::Whole,
        Ok(()) => Held::ButForRows,
    };
    tx.roll_back_to(savepoint).await?;
    trial.refused.extend(broken);
    Ok((trial.refused, held))
}

/// New rows of one organisation that the database refuses.
async fn new_rows(run: &Run<'_>, tx: &mut Tx<'_>, org: i32, trial: &mut Trial<'_>) -> Result<()> {
    let (plan, stage) = (&run.plan, &run.stage);
    let total = stage.accepted(tx.db, true).await?;
    let mut loaders = run.loaders(tx, org, total).await?;
    let savepoint = tx.savepoint().await?;
    stage.count_given(tx.db).await?;
    let hash = plan.secrets.as_ref().and_then(Secrets::trial);
    let mut making = run.row_builder(tx, org, hash).await?;
    let (mut file, mut last) = (plan.rows()?, 0);
    let (mut numbers, mut waiting): (HashMap<Uuid, u64>, Vec<_>) = Default::default();
    let mut links = NewLinks::new(tx, plan, org)?;
    loop {
        let some = stage.resolved_rows(tx.db, true, last, BATCH).await?;
        let Some(end) = some.last() else { break };
        last = end.number;
        let pieces: HashMap<Uuid, u64> = some.iter().map(|v| (v.id, v.number)).collect();
        let orders = run.orders(tx, &mut links, some).await?;
        let made = rows::build(plan, &mut making, &mut file, orders)?;
        let found = tx.probe(&mut loaders, made, trial.late).await?;
        numbers.extend(found.iter().filter_map(|(row, _)| Some((row.id(), *pieces.get(&row.id())?))));
        waiting.extend(found);
    }
    // A rule that holds at the end may need rows that came later.
    let mut before = if trial.late.is_none() { waiting.len() } else { usize::MAX };
    while waiting.len() < before {
        before = waiting.len();
        let again = waiting.into_iter().map(|(row, _)| row).collect();
        waiting = tx.probe(&mut loaders, again, trial.late).await?;
    }
    for (row, problem) in waiting {
        let number =
            numbers.get(&row.id()).ok_or_else(|| anyhow::anyhow!("a row was refused that is not in the file"))?;
        trial.refused.push((*number, problem));
    }
    // The rows stay for those that come after; nobody has written what was appended to the tree.
    tx.forget_appended(&savepoint);
    Ok(tx.release(savepoint).await?)
}

/// The field that a rule of the database names: `branches_city_check`, `length(city) <= 200`.
fn column_in(desc: &'static Descriptor, rule: &str) -> Option<&'static str> {
    let names = |column: &str| {
        rule.match_indices(column).any(|(at, _)| {
            let is_end = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
            is_end(rule[..at].chars().next_back()) && is_end(rule[at + column.len()..].chars().next())
        })
    };
    let found = desc.fields.iter().filter(|f| names(f.column));
    found.max_by_key(|f| f.column.len()).map(|f| f.name())
}
