//! The verbs that a kind's states give it: each moves records from one state to another.

use anyhow::Result;
use clap::ArgMatches;
use serde::{Deserialize, Serialize};

use super::gate::{self, Verb};
use super::input::not_system;
use super::read::{known_columns, print_changed};
use super::session::Session;
use super::write::{Target, described, dry_run_note, targets};
use crate::model::problem::Problem;
use crate::model::resource::states::Transition;
use crate::model::resource::{Descriptor, Record};
use crate::model::trail::audit::ChangeNote;
use crate::model::values::scalar::ParseContext;
use crate::store::tx::Tx;

/// Moves records to another state.
#[derive(Debug, Serialize, Deserialize)]
pub struct Move {
    pub noun: String,
    /// The word of the transition.
    pub verb: String,
    pub targets: Vec<Target>,
}

/// A record after a move, and the state that it was in; none where it was there already.
pub struct Moved {
    record: Record,
    from: Option<String>,
}

impl Verb for Move {
    type Output = Vec<Moved>;

    fn orgs(&self) -> Vec<i32> {
        self.targets.iter().map(|t| t.org).collect()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<Moved>> {
        let desc = described(tx, &self.noun)?;
        let transition = desc.transitions().iter().find(|t| t.verb == self.verb);
        let transition = transition.ok_or_else(|| anyhow::anyhow!("{} has no verb {}", self.noun, self.verb))?;
        let mut moved = Vec::new();
        for target in &self.targets {
            let before = target.load(tx, desc).await?;
            if !before.is_live() {
                return Err(Problem::conflict(before.why_gone()).into());
            }
            not_system(&before)?;
            let Some(after) = transition.apply(&before, tx.at())? else {
                moved.push(Moved { record: before, from: None });
                continue;
            };
            after.validate(tx.today())?;
            let from = before.status(tx.at()).to_owned();
            let record = tx.update(&before, after, ChangeNote::of_move(transition)).await?.unwrap_or(before);
            moved.push(Moved { record, from: Some(from) });
        }
        Ok(moved)
    }
}

/// Runs the verb of a transition.
pub async fn run(
    s: &mut Session<'_>,
    desc: &'static Descriptor,
    transition: &'static Transition,
    m: &ArgMatches,
) -> Result<()> {
    let records = targets(s, desc, m).await?;
    known_columns(s, desc)?;
    let version = m.get_one::<i64>("if-version").copied();
    let targets = records.iter().map(|r| Target { org: r.meta.org_id, id: r.meta.id, version }).collect();
    let verb = Move { noun: desc.noun.into(), verb: transition.verb.into(), targets };
    let moved = gate::write(s, &verb).await?;
    for Moved { record, from } in &moved {
        let title = record.title();
        s.ui.status(&match from {
            Some(from) => format!("{title}: {from} -> {}", transition.to),
            None => format!("{title} is {} already; nothing was changed", transition.to),
        });
    }
    dry_run_note(s);
    let which: Vec<_> = moved.iter().map(|m| m.record.meta.record_id()).collect();
    print_changed(s, desc, &which).await
}
