//! `kyc import-confirm` and `kyc import-cancel`: what an earlier system verified, and was taken up as a batch, is in force when another
//! person has confirmed it.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::decide::{decided, still_agreed, supersede};
use super::parties::{another_person, not_anothers};
use super::seal::is_nobody_elses;
use super::{DESC, move_of};
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::read::{RecordId, known_columns, print_changed};
use crate::crud::write::dry_run_note;
use crate::model::kinds::kyc::{Kyc, KycState, Method, Rejection};
use crate::model::problem::Problem;
use crate::model::resource::Record;
use crate::model::resource::states::Transition;
use crate::model::resource::stored::Stored;
use crate::model::trail::audit::{Action, ChangeNote};
use crate::model::values::scalar::{ParseContext, truncate};
use crate::model::values::value::Value;
use crate::store::records;
use crate::store::tx::Tx;

/// What becomes of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    Confirm,
    Cancel,
}

/// Ends that a batch waits.
#[derive(Debug, Serialize, Deserialize)]
pub struct Batch {
    org: i32,
    batch: String,
    end: End,
}

/// What is said of a batch of which nothing waits.
fn nothing_waits(batch: &str, is_there: bool) -> Problem {
    match is_there {
        true => Problem::conflict(format!("nothing of batch {} waits any more", truncate(batch)))
            .hint("it was confirmed or cancelled"),
        false => Problem::not_found(format!("there is no batch {}", truncate(batch)))
            .hint("'orgctl kyc list --columns key,batch' tells which batches wait"),
    }
}

impl Verb for Batch {
    const NAME: &str = "kyc import-confirm";

    type Output = Vec<RecordId>;

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<RecordId>> {
        let transition = move_of(if self.end == End::Confirm { "verify" } else { "reject" })?;
        let mut note = ChangeNote::of_move(transition);
        note.details.insert("batch".to_owned(), Value::from(self.batch.as_str()).to_json());
        let (mut ended, mut last, of) = (Vec::new(), Uuid::nil(), (DESC.known("batch")?, &self.batch.as_str().into()));
        loop {
            let found = records::with_value_behind(tx.db, DESC, self.org, of, (last, TOGETHER)).await?;
            let Some(end) = found.last() else { break };
            last = end.meta.id;
            let mut some: Vec<Stored<Kyc>> = found.iter().map(Stored::from_record).collect::<Result<_, _>>()?;
            some.retain(|record| record.value.state == KycState::InReview);
            let changes = self.changes(tx, &some, transition).await?;
            let changed = tx.update_all(changes, &note).await?;
            ended.extend(changed.into_iter().flatten().map(|record| record.meta.record_id()));
        }
        match ended.is_empty() {
            true => Err(nothing_waits(&self.batch, !last.is_nil()).into()),
            false => Ok(ended),
        }
    }
}

/// Records that are asked about together.
const TOGETHER: usize = 1000;

impl Batch {
    /// What becomes of some records, after all was asked that is asked of one that is verified alone.
    async fn changes(
        &self,
        tx: &mut Tx<'_>,
        some: &[Stored<Kyc>],
        transition: &Transition,
    ) -> Result<Vec<(Record, Record)>> {
        let before: Vec<Record> = some.iter().map(Stored::record).collect();
        if self.end == End::Confirm {
            another_person(tx, some).await?;
            still_agreed(tx, some).await?;
            is_nobody_elses(tx, &before).await?;
            supersede(tx, some).await?;
        }
        let mut changes = Vec::with_capacity(some.len());
        for (known, before) in some.iter().zip(before) {
            let Some(mut after) = transition.apply(&before, tx.at())? else { continue };
            not_anothers(tx, known)?;
            decided(tx, &mut after);
            match self.end {
                End::Confirm => {
                    after.set("verification_method", Method::Migrated.as_str().into());
                    after.set("valid_until", super::risk::valid_until(known.value.risk, tx.today()));
                }
                End::Cancel => {
                    after.set("rejection_code", Rejection::Other.as_str().into());
                    after.set("rejection_text", "the batch that it came with was cancelled".into());
                }
            }
            after.validate(tx.today())?;
            changes.push((before, after));
        }
        Ok(changes)
    }
}

async fn end(s: &mut Invocation<'_>, batch: String, end: End) -> Result<()> {
    gate::allow(s)?;
    let org = s.the_org_of(DESC).await?.unwrap_or_default();
    known_columns(s.context, DESC)?;
    let ended = gate::write(s, &Batch { org, batch: batch.trim().to_owned(), end }).await?;
    let n = ended.len();
    let done = if end == End::Confirm { "verified" } else { "discarded" };
    s.context.ui.status(&format!("{done} {n} of batch {}", batch.trim()));
    dry_run_note(s.context);
    print_changed(s, DESC, &ended).await
}

/// Confirms a batch: it is in force from then on.
#[derive(clap::Args)]
pub struct ConfirmFlags {
    /// Number of the batch, as the import told it
    #[arg(value_name = "BATCH")]
    pub batch: String,
}

impl Leaf for ConfirmFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "import-confirm",
        permission: "kyc:verify",
        writes: true,
        about: "Confirm a batch of papers that an earlier system verified: not who brought it",
        examples: "orgctl kyc import-confirm 4f1c22d09a31",
    };
    const RECORDED: Option<Action> = Some(Action::KycApprove);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        end(s, self.batch, End::Confirm).await
    }
}

/// Discards a batch.
#[derive(clap::Args)]
pub struct CancelFlags {
    /// Number of the batch, as the import told it
    #[arg(value_name = "BATCH")]
    pub batch: String,
}

impl Leaf for CancelFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "import-cancel",
        permission: "kyc:reject",
        writes: true,
        about: "Discard a batch of papers that waits to be confirmed",
        examples: "orgctl kyc import-cancel 4f1c22d09a31",
    };
    const RECORDED: Option<Action> = Some(Action::KycReject);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        end(s, self.batch, End::Cancel).await
    }
}
