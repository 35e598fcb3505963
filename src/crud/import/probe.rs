//! Which rows the database refuses, where only it finds something wrong: what every row alone and all together were checked
//! for does not know its rules that others have made.
//!
//! An import that meets such a row is undone and run again, with this before anything is written for good: all rows are
//! written, those that are refused noted, and all undone. So the first run pays nothing for it.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use uuid::Uuid;

use super::missing::{self, Missing};
use super::rows::{self, Making, Order, Plan};
use super::{Import, Report, TOGETHER};
use crate::crud::write::blank;
use crate::model::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::resource::Descriptor;
use crate::store::stage::Stage;
use crate::store::tx::{Loaders, Tx};

/// Whether the database refused something that a row says.
pub fn is_about_a_row(e: &anyhow::Error) -> bool {
    e.downcast_ref::<Problem>().is_some_and(|p| p.rule.is_some())
}

/// Finds the rows that the database refuses, and rejects them and whoever refers to them.
pub async fn reject_refused(
    import: &Import,
    tx: &mut Tx<'_>,
    plan: &Arc<Plan>,
    stage: &mut Stage,
    missing: &[Missing],
) -> Result<()> {
    if import.org.is_none() {
        let mut orgs = stage.orgs(tx.db).await?;
        orgs.push(SYSTEM);
        tx.lock(&orgs, &mut |_| {}).await?;
    }
    let savepoint = tx.savepoint().await?;
    missing::make(tx, stage, missing.to_vec()).await?;
    let mut refused = match import.org {
        Some(org) => new_rows(tx, plan, stage, org).await?,
        None => Vec::new(),
    };
    let mut report = Report::default();
    if import.org.is_none() {
        import.write_singly(tx, plan, stage, true, &mut report, Some(&mut refused)).await?;
    }
    import.write_singly(tx, plan, stage, false, &mut report, Some(&mut refused)).await?;
    tx.roll_back_to(savepoint).await?;
    for (number, problem) in &refused {
        let column = problem.rule.as_deref().and_then(|rule| column_in(plan.desc, rule));
        stage.refuse(tx.db, *number, column, problem).await?;
    }
    stage.check(tx.db).await
}

/// New rows of one organisation that the database refuses.
async fn new_rows(tx: &mut Tx<'_>, plan: &Arc<Plan>, stage: &Stage, org: i32) -> Result<Vec<(u64, Problem)>> {
    let total = stage.good(tx.db, true).await?;
    let mut loaders = Loaders::new(tx.db, plan.desc, org, None, total).await?;
    let mut meta = blank(tx, plan.desc, org, Uuid::nil(), &plan.rules)?.meta;
    meta.created_by = tx.actor().await?;
    meta.updated_by = meta.created_by;
    let savepoint = tx.savepoint().await?;
    let mut making = Making { meta, chain: tx.lend_chain(org).await?, is_trial: true };
    let (mut file, mut last, mut refused) = (plan.rows()?, 0, Vec::new());
    loop {
        let some = stage.verdicts(tx.db, true, last, TOGETHER).await?;
        let Some(end) = some.last() else { break };
        last = end.number;
        let numbers: HashMap<Uuid, u64> = some.iter().map(|v| (v.id, v.number)).collect();
        let without_code = some.iter().filter(|v| v.wants_code).count();
        let mut codes = tx.made_codes(plan.desc, org, without_code, &stage.given_codes()).await?.into_iter();
        let salts = tx.salts(some.len());
        let orders = some.into_iter().zip(salts).map(|(verdict, salt)| {
            let code = if verdict.wants_code { codes.next() } else { None };
            Order { verdict, salt, code, password_salt: [0; 16] }
        });
        let made = rows::make(plan, &mut making, &mut file, orders.collect())?;
        let found = tx.probe(&mut loaders, made).await?;
        for (id, problem) in found {
            let number =
                numbers.get(&id).ok_or_else(|| anyhow::anyhow!("a row was refused that is not in the file"))?;
            refused.push((*number, problem));
        }
    }
    // The rows stay for those that come after; nobody has written what was appended to the tree.
    tx.forget_appended(&savepoint);
    tx.release(savepoint).await?;
    Ok(refused)
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
