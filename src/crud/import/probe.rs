//! Which rows the database refuses, where only it finds something wrong: what every row alone and all together were checked
//! for does not know its rules that others have made.
//!
//! An import that meets such a row is undone and run again, with this before anything is written for good: all rows are
//! written, those that are refused noted, and all undone. So the first run pays nothing for it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::Result;
use uuid::Uuid;

use super::create_missing::{self, MissingRecord};
use super::rows::{self, BuildOrder, ImportPlan, RowBuilder};
use super::{BATCH, Expired, Import, Report, end_expired, next_numbers};
use crate::crud::write::blank;
use crate::model::kinds::org::SYSTEM;
use crate::model::password;
use crate::model::problem::Problem;
use crate::model::resource::Descriptor;
use crate::store::import::stage::{ResolvedRow, Stage};
use crate::store::records::credentials;
use crate::store::schema::deferred::DeferredConstraints;
use crate::store::tx::{Loaders, Tx};

/// Whether the database refused something that a row says.
pub fn is_about_a_row(e: &anyhow::Error) -> bool {
    e.downcast_ref::<Problem>().is_some_and(|p| p.rule.is_some())
}

/// A run whose writes are undone: the rows that the database refuses, by number, and the rules that are held row by row.
pub struct Trial<'a> {
    pub refused: Vec<(u64, Problem)>,
    pub late: &'a DeferredConstraints,
}

/// What is written besides rows: what they refer to and is made, and what ends since they take its place.
type Beside<'a> = (&'a [MissingRecord], &'a BTreeMap<(i32, Uuid), Expired>);

/// Finds the rows that the database refuses, and rejects them and whoever refers to them.
pub async fn reject_refused(
    import: &Import,
    tx: &mut Tx<'_>,
    plan: &Arc<ImportPlan>,
    stage: &mut Stage,
    beside: Beside<'_>,
) -> Result<()> {
    if import.org.is_none() {
        let mut orgs = stage.orgs(tx.db).await?;
        orgs.push(SYSTEM);
        tx.lock(&orgs, &mut |_| {}).await?;
    }
    // What holds at the end may hold of a row only with those below it. So it is asked at the end, and row by row only where
    // it does not hold then.
    let late = DeferredConstraints::find(tx.db).await?;
    let none = DeferredConstraints::default();
    loop {
        let (mut refused, mut held) = attempt(import, tx, plan, stage, beside, (&none, &late)).await?;
        if held == Held::Broken {
            (refused, held) = attempt(import, tx, plan, stage, beside, (&late, &none)).await?;
        }
        for (number, problem) in &refused {
            let of_rule = || problem.rule.as_deref().and_then(|rule| column_in(plan.desc, rule));
            stage.refuse(tx.db, *number, problem.field.or_else(of_rule), problem).await?;
        }
        stage.check(tx.db).await?;
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
    import: &Import,
    tx: &mut Tx<'_>,
    plan: &Arc<ImportPlan>,
    stage: &Stage,
    (missing, expired): Beside<'_>,
    (by_row, at_end): (&DeferredConstraints, &DeferredConstraints),
) -> Result<(Vec<(u64, Problem)>, Held)> {
    let savepoint = tx.savepoint().await?;
    end_expired(tx, stage, expired).await?;
    create_missing::create(tx, stage, missing.to_vec()).await?;
    stage.park(tx.db).await?;
    let mut trial = Trial { refused: Vec::new(), late: by_row };
    let mut report = Report::default();
    match import.org {
        Some(org) => new_rows(tx, plan, stage, org, &mut trial).await?,
        None => import.write_singly(tx, plan, stage, true, &mut report, Some(&mut trial)).await?,
    }
    import.write_singly(tx, plan, stage, false, &mut report, Some(&mut trial)).await?;
    tx.flush().await?;
    let broken = stage.broken(tx.db).await?;
    let held = match at_end.check(tx.db).await {
        Err(e) if !is_about_a_row(&e) => return Err(e),
        Err(_) => Held::Broken,
        Ok(()) if broken.is_empty() => Held::Whole,
        Ok(()) => Held::ButForRows,
    };
    tx.roll_back_to(savepoint).await?;
    trial.refused.extend(broken);
    Ok((trial.refused, held))
}

/// New rows of one organisation that the database refuses.
async fn new_rows(
    tx: &mut Tx<'_>,
    plan: &Arc<ImportPlan>,
    stage: &Stage,
    org: i32,
    trial: &mut Trial<'_>,
) -> Result<()> {
    let total = stage.accepted(tx.db, true).await?;
    let beside = match plan.credential {
        Some(_) => Some(credentials::loader(tx.db).await?),
        None => None,
    };
    let mut loaders = Loaders::new(tx.db, plan.desc, org, beside, total).await?;
    let mut meta = blank(tx, plan.desc, org, Uuid::nil(), &plan.context)?.meta;
    meta.created_by = tx.actor().await?;
    meta.updated_by = meta.created_by;
    let savepoint = tx.savepoint().await?;
    stage.count_given(tx.db).await?;
    let hash = plan.credential.map(|_| password::hash(&password::Secret::new("a trial".into()), &plan.params, [0; 16]));
    let mut making = RowBuilder { meta, chain: tx.detach(org).await?, trial: Some(hash.unwrap_or_default()) };
    let (mut file, mut last) = (plan.rows()?, 0);
    let (mut numbers, mut listed): (HashMap<Uuid, u64>, HashMap<Uuid, Vec<Uuid>>) = Default::default();
    let mut waiting = Vec::new();
    loop {
        let some = stage.resolved_rows(tx.db, true, last, BATCH).await?;
        let Some(end) = some.last() else { break };
        last = end.number;
        let pieces: HashMap<Uuid, u64> = some.iter().map(|v| (v.id, v.number)).collect();
        if plan.list.is_some() {
            for verdict in &some {
                listed.insert(verdict.id, further(tx, plan, stage, verdict).await?);
            }
        }
        let without_code = some.iter().filter(|v| v.wants_code).count();
        let mut codes = tx.generate_codes(plan.desc, org, without_code, &stage.given_codes()).await?.into_iter();
        let mut counted = next_numbers(tx, plan, org, &some).await?.into_iter();
        let salts = tx.salts(some.len());
        let orders = some.into_iter().zip(salts).map(|(verdict, salt)| {
            let code = if verdict.wants_code { codes.next() } else { None };
            let number = if verdict.wants_number { counted.next() } else { None };
            BuildOrder { verdict, salt, code, number, password_salt: [0; 16] }
        });
        let made = rows::build(plan, &mut making, &mut file, orders.collect())?;
        let found = tx.probe(&mut loaders, made, &listed, trial.late).await?;
        listed.retain(|id, _| found.iter().any(|(row, _)| row.id() == *id) || numbers.contains_key(id));
        numbers.extend(found.iter().filter_map(|(row, _)| Some((row.id(), *pieces.get(&row.id())?))));
        waiting.extend(found);
    }
    // A rule that holds at the end may need rows that came later.
    let mut before = if trial.late.is_none() { waiting.len() } else { usize::MAX };
    while waiting.len() < before {
        before = waiting.len();
        let again = waiting.into_iter().map(|(row, _)| row).collect();
        waiting = tx.probe(&mut loaders, again, &listed, trial.late).await?;
    }
    for (row, problem) in waiting {
        let number =
            numbers.get(&row.id()).ok_or_else(|| anyhow::anyhow!("a row was refused that is not in the file"))?;
        trial.refused.push((*number, problem));
    }
    // The rows stay for those that come after; nobody has written what was appended to the tree.
    tx.forget_appended(&savepoint);
    tx.release(savepoint).await
}

/// The further members of a new record's list; its own branch is none.
async fn further(tx: &mut Tx<'_>, plan: &ImportPlan, stage: &Stage, verdict: &ResolvedRow) -> Result<Vec<Uuid>> {
    let mut members = stage.list_member_ids(tx.db, verdict.number).await?;
    let own = plan.references.iter().position(|r| r.field.column == "branch_id");
    let own = own.and_then(|i| verdict.references.get(i).copied().flatten());
    members.retain(|id| Some(*id) != own);
    Ok(members)
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
