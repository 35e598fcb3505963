//! Correcting the trail after a wrong clock: from here on earlier times count again.

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::findings::counted;
use crate::crud::context::Context;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::times::time;
use crate::crud::write::dry_run_note;
use crate::model::kinds::system_log::Level;
use crate::model::problem::Problem;
use crate::model::trail::audit::{Action, CLOCK};
use crate::model::trail::correction::{CLOSE, EARLIEST};
use crate::model::values::scalar::{ParseContext, truncate};
use crate::model::values::value::rfc3339;
use crate::store::records;
use crate::store::trail::corrections::{Ahead, ahead_of};
use crate::store::tx::Tx;
use crate::ui::format::report;

/// Records in each trail that is ahead of the clock that the clock was wrong.
#[derive(Debug, Serialize, Deserialize)]
pub struct CorrectClock {
    /// What the operator said the time is.
    pub now: DateTime<Utc>,
    /// One trail; none: all that are ahead.
    pub only: Option<i32>,
}

impl Verb for CorrectClock {
    const NAME: &str = "audit correct-clock";

    type Output = Vec<Corrected>;

    fn orgs(&self) -> Vec<i32> {
        Vec::new()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<Corrected>> {
        let ahead = ahead_of(tx.db, self.now + CLOSE).await?.into_iter().map(|a| a.tree);
        let trees: Vec<i32> = ahead.filter(|tree| self.only.is_none_or(|only| only == *tree)).collect();
        if trees.is_empty() {
            return Ok(Vec::new());
        }
        tx.lock_to_correct_the_clock(&trees).await?;
        let at = tx.at();
        // What was typed has grown old while another command had the locks, or somebody thought it over.
        if (self.now - at).abs() > CLOSE {
            return Err(Problem::usage(format!("{} is no longer the time: it is {}", rfc3339(self.now), rfc3339(at)))
                .hint("type it again")
                .into());
        }
        let mut corrected = Vec::new();
        // Under the locks, for the trails may have grown until then.
        for ahead in ahead_of(tx.db, at).await?.into_iter().filter(|a| trees.contains(&a.tree)) {
            let Ahead { tree, at: last, first, records } = ahead;
            let details =
                json!({ "now": rfc3339(self.now), "last": rfc3339(last), "first": first, "records": records });
            tx.event(tree, Action::ConfigChange, CLOCK, details.as_object().cloned().unwrap_or_default()).await?;
            corrected.push(Corrected { tree, last, first, records });
        }
        Ok(corrected)
    }
}

/// What became of one trail.
pub struct Corrected {
    tree: i32,
    /// The time of its last record.
    last: DateTime<Utc>,
    /// The first record that counts as earlier now, and how many do.
    first: i64,
    records: i64,
}

/// The time that the operator typed: an instant close to the clock. `--yes` does not answer.
async fn typed(context: &Context<'_>, given: Option<String>) -> Result<DateTime<Utc>> {
    let clock = context.clock.now();
    let text = match given {
        Some(text) => text,
        None if context.ui.style.interactive => {
            context.ui.ask("What time is it now (like 2026-11-28 09:30)?", None, |_| Ok(())).await?
        }
        None => {
            return Err(Problem::usage("the time of now must be typed: --now is missing")
                .hint("look at another clock: --now '2026-11-28 09:30'; --yes does not answer this")
                .into());
        }
    };
    // `0s` would say nothing but what the clock says itself.
    let is_instant = text.contains(':');
    let (now, _) = time(&text, clock, context.origin.zone)?;
    if !is_instant {
        return Err(Problem::usage(format!("'{}' is no time of day", truncate(&text)))
            .hint("write --now '2026-11-28 09:30', in your zone, or 2026-11-28T04:00:00Z")
            .into());
    }
    if clock.timestamp_micros() < EARLIEST {
        return Err(Problem::usage(format!("this machine's clock is not set: it says {}", rfc3339(clock)))
            .hint("set it first: the record gets its time")
            .into());
    }
    if (now - clock).abs() > CLOSE {
        let (now, clock) = (rfc3339(now), rfc3339(clock));
        return Err(Problem::usage(format!("{now} is not the time of this machine's clock, which says {clock}"))
            .hint("set the machine's clock first: the record gets its time")
            .into());
    }
    Ok(now)
}

/// Lets earlier times count again where a wrong clock has put trails ahead of the time.
#[derive(clap::Args)]
pub struct CorrectClockFlags {
    /// What time it is, typed: within 10 minutes of this machine's clock
    #[arg(long, value_name = "TIME")]
    pub now: Option<String>,
}

impl Leaf for CorrectClockFlags {
    const SPEC: Spec = Spec {
        noun: "audit",
        verb: "correct-clock",
        permission: "audit:correct",
        writes: true,
        about: "Let earlier times count again where a wrong clock has put the trail ahead of the time",
        examples: "orgctl audit correct-clock --now '2026-11-28 09:30'\norgctl audit correct-clock --now 2026-11-28T04:00:00Z --dry-run",
    };
    const UNUSED: Unused = Unused::NONE.rows();
    const RECORDED: Option<Action> = Some(Action::ConfigChange);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let now = typed(s.context, self.now).await?;
        let only = s.org().await?;
        let corrected = gate::write(s, &CorrectClock { now, only }).await?;
        let mut told = Vec::new();
        for Corrected { tree, last, first, records } in &corrected {
            let code = records::org_code(s.db().await?, *tree).await?;
            ui.status(&format!(
                "corrected the clock of {code}: {} from {first} on, up to {}, counted as made before now",
                counted(*records, "record", "records"),
                rfc3339(*last)
            ));
            told.push(json!({ "org": code, "first": first, "records": records, "last": rfc3339(*last) }));
        }
        report(ui, &json!({ "corrected": told }))?;
        let others = ahead_of(s.db().await?, now + CLOSE).await?.into_iter();
        let others = others.filter(|a| only.is_some_and(|only| only != a.tree)).count();
        if others > 0 {
            let n = counted(others, "other trail is", "other trails are");
            ui.warn(&format!("{n} ahead of the clock too: without --org all are corrected"));
        }
        if corrected.is_empty() {
            let which = if only.is_some() { "the trail is not" } else { "no trail is" };
            ui.status(&format!("{which} ahead of the clock; nothing was recorded"));
        } else {
            s.log(Level::Warning, &format!("corrected the clock in {} trails", corrected.len()), Map::new());
        }
        dry_run_note(s.context);
        Ok(())
    }
}
