//! `user block` and `user unblock`: who is blocked can't sign in.

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{DESC, as_targets, change_each, orgs_of};
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::read::known_columns;
use crate::crud::write::{ChangedRecord, Target, targets, tell_changed};
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::{Line, ParseContext, Scalar};
use crate::model::values::value::rfc3339;
use crate::store::tx::Tx;

/// Blocks users.
#[derive(Debug, Serialize, Deserialize)]
pub struct Block {
    pub targets: Vec<Target>,
    pub reason: String,
    pub until: Option<DateTime<Utc>>,
}

impl Verb for Block {
    const NAME: &str = "user block";

    type Output = Vec<ChangedRecord>;

    fn orgs(&self) -> Vec<i32> {
        orgs_of(&self.targets)
    }

    async fn run(&self, tx: &mut Tx<'_>, context: &ParseContext) -> Result<Vec<ChangedRecord>> {
        let reason = (<Line<1000> as Scalar>::TYPE.parse)(&self.reason, context);
        let reason = reason.ok().as_ref().and_then(Line::<1000>::from_value);
        let reason =
            reason.ok_or_else(|| Problem::invalid("the reason must be one line of at most 1000 characters"))?;
        if let Some(until) = self.until.filter(|until| *until <= tx.at()) {
            return Err(Problem::conflict(format!("the block would have ended already: {}", rfc3339(until))).into());
        }
        change_each(tx, &self.targets, Action::UserBlock, |u| u.block(reason.clone(), self.until)).await
    }
}

/// The flags of `user block`.
#[derive(clap::Args)]
pub struct BlockFlags {
    /// Users to block; '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// When the block ends by itself: 7d, 2026-12-24
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

impl Leaf for BlockFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "block",
        permission: "users:block",
        writes: true,
        about: "Block users: they can't sign in",
        examples: "orgctl user block ravi@sahyadri.example --reason 'lost laptop' --until 7d\norgctl user list --filter 'branch=MUM01' -o key | orgctl user block - --reason audit",
    };
    const RECORDED: Option<Action> = Some(Action::UserBlock);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let records = targets(s, DESC, &self.key).await?;
        let ui = &s.context.ui;
        let until = self.until.as_ref().map(|text| s.context.time_to_come(text)).transpose()?;
        let reason = match self.reason {
            Some(reason) => reason,
            None if ui.style.interactive => {
                let given =
                    |text: &str| if text.trim().is_empty() { Err("a reason is needed".to_owned()) } else { Ok(()) };
                ui.ask("Reason", None, given).await?
            }
            None => return Err(Problem::usage("the reason is missing").hint("give it with --reason TEXT").into()),
        };
        if let Some(until) = until {
            ui.status(&format!("until {}", rfc3339(until)));
        }
        known_columns(s.context, DESC)?;
        let changed = gate::write(s, &Block { targets: as_targets(&records), reason, until }).await?;
        tell_changed(s, DESC, &changed, Action::UserBlock).await
    }
}

/// Lifts the block of users.
#[derive(Debug, Serialize, Deserialize)]
pub struct Unblock {
    pub targets: Vec<Target>,
}

impl Verb for Unblock {
    const NAME: &str = "user unblock";

    type Output = Vec<ChangedRecord>;

    fn orgs(&self) -> Vec<i32> {
        orgs_of(&self.targets)
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<ChangedRecord>> {
        change_each(tx, &self.targets, Action::UserUnblock, User::unblock).await
    }
}

/// The flags of `user unblock`.
#[derive(clap::Args)]
pub struct UnblockFlags {
    /// Users to unblock; '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
}

impl Leaf for UnblockFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "unblock",
        permission: "users:block",
        writes: true,
        about: "Lift the block of users",
        examples: "orgctl user unblock ravi@sahyadri.example",
    };
    const RECORDED: Option<Action> = Some(Action::UserUnblock);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let records = targets(s, DESC, &self.key).await?;
        known_columns(s.context, DESC)?;
        let changed = gate::write(s, &Unblock { targets: as_targets(&records) }).await?;
        tell_changed(s, DESC, &changed, Action::UserUnblock).await
    }
}
