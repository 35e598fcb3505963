//! `kyc expire`: what holds until a day is in force no more when the day has passed, and what follows from it neither.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{DESC, move_of};
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::write::dry_run_note;
use crate::model::kinds::kyc::KycState;
use crate::model::resource::Field;
use crate::model::trail::audit::{Action, ChangeNote};
use crate::model::values::scalar::ParseContext;
use crate::store::records::any;
use crate::store::tx::Tx;
use crate::ui::format::report;
use crate::verbs::audit::findings::counted;

/// Records that end in one transaction.
const TOGETHER: usize = 1000;

/// The fields that it goes by, and the state.
fn in_force() -> Result<((&'static Field, &'static str), &'static Field)> {
    Ok(((DESC.known("state")?, KycState::Verified.as_str()), DESC.known("valid_until")?))
}

/// Ends some of the records whose last day has passed.
#[derive(Debug, Serialize, Deserialize)]
struct ExpireSome {
    org: i32,
}

impl Verb for ExpireSome {
    const NAME: &str = "kyc expire some";

    /// How many.
    type Output = usize;

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("which records it ends the day tells on which it is run")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<usize> {
        let (at, today, (state, until)) = (tx.at(), tx.today(), in_force()?);
        let transition = move_of("expire")?;
        let mut changes = Vec::new();
        for before in any::all_due(tx.db, DESC, self.org, state, (until, today), TOGETHER).await? {
            if let Some(after) = transition.apply(&before, at)? {
                after.validate(today)?;
                changes.push((before, after));
            }
        }
        Ok(tx.update_all(changes, &ChangeNote::of_move(transition)).await?.len())
    }
}

/// Ends what has passed.
#[derive(clap::Args)]
pub struct ExpireFlags {}

impl Leaf for ExpireFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "expire",
        permission: "kyc:verify",
        writes: true,
        about: "End the records that held until a day which has passed: they are in force no more",
        examples: "orgctl kyc expire --dry-run\n@daily  orgctl --quiet kyc expire --org ACME",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();
    const RECORDED: Option<Action> = Some(Action::Update);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let org = s.the_org_of(DESC).await?.unwrap_or_default();
        gate::allow_whole(s, "kyc:verify", DESC, org)?;
        s.use_context_of(org).await?;
        s.outcome.about = org;
        let of = |n: u64| counted(n, "record", "records");
        if s.context.dry_run {
            let today = s.connection.parsing.zone.date(s.context.clock.now());
            let (state, until) = in_force()?;
            let n = any::count_due(s.db().await?, DESC, org, state, (until, today)).await?;
            s.context.ui.status(&format!("would end {}", of(n)));
            dry_run_note(s.context);
            return report(&s.context.ui, &json!({ "expired": n }));
        }
        let mut all = 0;
        loop {
            let n = gate::write(s, &ExpireSome { org }).await?;
            all += n as u64;
            if n < TOGETHER {
                break;
            }
        }
        s.context.ui.status(&match all {
            0 => "no record in force has passed its last day".to_owned(),
            n => {
                format!("ended {}: they are in force no more, and their people are to be asked for newer papers", of(n))
            }
        });
        report(&s.context.ui, &json!({ "expired": all }))
    }
}
