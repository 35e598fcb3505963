//! `db repair`: what the records themselves prove is put right.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::write::dry_run_note;
use crate::model::problem::Problem;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::store::trail::repair::plan;
use crate::store::tx::Tx;

/// Repairs what was shown, and nothing that was not.
#[derive(Debug, Serialize, Deserialize)]
pub struct Repair {
    pub shown: Vec<String>,
}

impl Verb for Repair {
    const NAME: &str = "db repair";

    type Output = ();

    /// A head that can't be read can't be locked either: it is repaired first.
    fn orgs(&self) -> Vec<i32> {
        Vec::new()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<()> {
        if tx.db.is_postgres() {
            tx.lock_all_heads().await?;
        }
        let plans = plan(tx.db).await?;
        let wrong: Vec<&String> = plans.iter().flat_map(|p| &p.wrong).collect();
        if wrong != self.shown.iter().collect::<Vec<_>>() {
            return Err(Problem::conflict("something was changed in the meantime; nothing was repaired")
                .hint("run the command again")
                .into());
        }
        Ok(tx.repair(&plans).await?)
    }
}

/// Shows what can be repaired, asks for the name of the database, and repairs it.
#[derive(clap::Args)]
pub struct RepairFlags {
    /// Name of the database, instead of typing it
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

impl Leaf for RepairFlags {
    const SPEC: Spec = Spec {
        noun: "db",
        verb: "repair",
        permission: "database:repair",
        writes: true,
        about: "Repair what the audit records themselves prove: heads, rows of no command, counters of codes",
        examples: "orgctl db repair --dry-run\norgctl db repair --name orgctl.db",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();
    const RECORDED: Option<Action> = Some(Action::ConfigChange);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let plans = plan(s.db().await?).await?;
        let shown: Vec<String> = plans.iter().flat_map(|p| p.wrong.clone()).collect();
        for sentence in shown.iter().chain(plans.iter().filter_map(|p| p.stays.as_ref())) {
            s.context.ui.out(&format!("{}\n", crate::ui::text::visible(sentence)))?;
        }
        s.context.ui.flush()?;
        if let Some(stays) = plans.iter().find_map(|p| p.stays.clone()) {
            return Err(Problem::integrity(format!("what is wrong is not repaired: {stays}"))
                .hint("it is evidence: keep it as it is; 'orgctl audit verify' tells more")
                .into());
        }
        if shown.is_empty() {
            s.context.ui.status("there is nothing to repair");
            return Ok(());
        }
        super::database::confirm_by_name(s, self.name, "repair", "this changes the audit trail's own tables").await?;
        gate::write(s, &Repair { shown }).await?;
        if !s.context.dry_run {
            s.context.ui.status("repaired, and recorded in the audit trail");
        }
        dry_run_note(s.context);
        Ok(())
    }
}
