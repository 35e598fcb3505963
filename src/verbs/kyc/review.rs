//! `kyc claim`, `kyc assign`, `kyc start`, `kyc reopen`: whose a record is to look at, and how far that is.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::parties::{Meant, named_as, not_anothers};
use super::seal::is_nobody_elses;
use super::{DESC, live_of, move_of, none_waits, proprietor};
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::lookup::find_ref;
use crate::crud::read::{known_columns, print_changed};
use crate::crud::vault::Vault;
use crate::crud::write::{ChangedRecord, Target, change_all, dry_run_note};
use crate::model::kinds::kyc::Kyc;
use crate::model::problem::Problem;
use crate::model::resource::Record;
use crate::model::resource::stored::Stored;
use crate::model::trail::audit::{Action, ChangeNote};
use crate::model::values::scalar::{ParseContext, Ref};
use crate::model::values::value::{Value, ValueType};
use crate::store::tx::Tx;

/// What is done to records that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Whoever acts takes it, where nobody has it.
    Claim,
    /// It is given to somebody, or to nobody.
    Assign,
    /// Whoever acts begins to look at it.
    Start,
    /// One that was rejected is looked at again.
    Reopen,
}

/// Changes whose records are, and how far they are.
#[derive(Debug, Serialize, Deserialize)]
pub struct Review {
    step: Step,
    targets: Vec<Target>,
    /// To whom they are given.
    to: Option<Uuid>,
    /// What opens the numbers that have to agree with others.
    #[serde(skip)]
    vault: Vault,
    needs_key: bool,
}

impl Verb for Review {
    const NAME: &str = "kyc review";

    type Output = Vec<ChangedRecord>;

    fn orgs(&self) -> Vec<i32> {
        self.targets.iter().map(|t| t.org).collect()
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        self.needs_key.then_some("it needs the master key")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<ChangedRecord>> {
        let (at, today) = (tx.at(), tx.today());
        let telling = match self.step {
            Step::Start => ChangeNote::of_move(move_of("start")?),
            Step::Reopen => ChangeNote::of_move(move_of("reopen")?),
            Step::Claim | Step::Assign => Action::Update.into(),
        };
        let org = self.targets.first().map_or(0, |t| t.org);
        let acting = tx.acting_user(org);
        let mut changes = Vec::new();
        for before in Target::load_all(&self.targets, tx, DESC).await? {
            let known: Stored<Kyc> = Stored::from_record(&before)?;
            let after = match self.step {
                Step::Claim => claimed(&known, acting)?,
                Step::Assign => assigned(&known, self.to)?,
                Step::Start => {
                    not_anothers(tx, &known)?;
                    let Some(mut after) = move_of("start")?.apply(&before, at)? else {
                        changes.push(before);
                        continue;
                    };
                    if let (None, Some(acting)) = (known.value.assigned_to_id, acting) {
                        after.set("assigned_to_id", acting.into());
                    }
                    after
                }
                Step::Reopen => match move_of("reopen")?.apply(&before, at)? {
                    Some(after) => {
                        let all = live_of(tx.db, org, known.value.user_id.0).await?;
                        none_waits(&all, known.value.kind)?;
                        let there: Vec<Record> = all.iter().map(Stored::record).collect();
                        proprietor::stands(tx, &self.vault, &before, &there).await?;
                        is_nobody_elses(tx, std::slice::from_ref(&before)).await?;
                        reopened(after)
                    }
                    None => before.clone(),
                },
            };
            after.validate(today)?;
            changes.push(after);
        }
        let mut changes = changes.into_iter();
        change_all(tx, DESC, &self.targets, &telling, |before| Ok(changes.next().unwrap_or_else(|| before.clone())))
            .await
    }
}

/// Refuses one that nobody is to look at.
fn waiting(record: &Stored<Kyc>) -> Result<(), Problem> {
    if record.value.state.is_pending() {
        return Ok(());
    }
    let (title, is) = (record.record().title(), record.value.state.as_str());
    Err(Problem::conflict(format!("{title} is {is}, and nobody is to look at it"))
        .hint("'orgctl kyc list' shows what waits"))
}

/// One that whoever acts takes: two never have it.
fn claimed(record: &Stored<Kyc>, acting: Option<Uuid>) -> Result<Record, Problem> {
    waiting(record)?;
    let acting = acting.ok_or_else(|| {
        Problem::usage("only a user claims a record, and the local operator is none")
            .hint("claim it with the rights of a user (--as USER), or give it to one: orgctl kyc assign KEY --to USER")
    })?;
    if acting == record.value.user_id.0 {
        return Err(Problem::denied(format!("{} is about the one who claims it", record.record().title()))
            .hint("another person must look at it"));
    }
    match record.value.assigned_to_id {
        Some(holder) if holder.0 != acting => {
            Err(Problem::conflict(format!("{} is claimed already, by somebody else", record.record().title()))
                .hint("'orgctl kyc list --filter assigned_to=' shows what nobody has"))
        }
        _ => {
            let value = Kyc { assigned_to_id: Some(Ref::new(acting)), ..record.value.clone() };
            Ok(record.with(value).into_record())
        }
    }
}

/// One that is given to somebody.
fn assigned(record: &Stored<Kyc>, to: Option<Uuid>) -> Result<Record, Problem> {
    waiting(record)?;
    if to == Some(record.value.user_id.0) {
        return Err(Problem::conflict(format!("{} is about the one it would be given to", record.record().title()))
            .hint("another person must look at it"));
    }
    Ok(record.with(Kyc { assigned_to_id: to.map(Ref::new), ..record.value.clone() }).into_record())
}

/// One that was rejected, as it was before; of a batch it is no more, for that was ended: it needs evidence of its own.
fn reopened(mut after: Record) -> Record {
    for column in ["rejection_code", "rejection_text", "decided_by_id", "decided_operator", "batch"] {
        let kind = DESC.field(column).map_or(ValueType::Text, |f| f.ty.kind);
        after.set(column, Value::Null(kind));
    }
    after
}

/// Finds records, does something to them, and tells what came of it.
async fn review(s: &mut Invocation<'_>, step: Step, keys: &[String], to: Option<&str>) -> Result<()> {
    gate::allow(s)?;
    known_columns(s.context, DESC)?;
    let meant = if step == Step::Reopen { Meant::Rejected } else { Meant::Current };
    let records = named_as(s, keys, meant).await?;
    let Some(org) = records.first().map(|r| r.meta.org_id) else { return Ok(()) };
    let to = match to.map(str::trim) {
        None | Some("") => None,
        Some(key) => find_ref(s, DESC, DESC.known("assigned_to_id")?, org, key).await?.as_uuid(),
    };
    let targets = records.iter().map(Target::of).collect();
    let compared = if step == Step::Reopen { &records[..] } else { &[] };
    let (vault, needs_key) = (proprietor::vault_for(s, compared).await?, compared.iter().any(proprietor::tells));
    let changed = gate::write(s, &Review { step, targets, to, vault, needs_key }).await?;
    for c in &changed {
        let title = c.record.title();
        let is = c.record.get("state").to_text();
        s.context.ui.status(&match (c.fields.is_empty(), step) {
            (true, _) => format!("{title} is so already; nothing was changed"),
            (false, Step::Claim) => format!("claimed {title}"),
            (false, Step::Assign) if to.is_none() => format!("{title} is nobody's"),
            (false, Step::Assign) => format!("assigned {title}"),
            (false, Step::Start) => format!("{title}: submitted -> {is}"),
            (false, Step::Reopen) => format!("{title}: rejected -> {is}"),
        });
    }
    dry_run_note(s.context);
    let which: Vec<_> = changed.iter().map(|c| c.record.meta.record_id()).collect();
    print_changed(s, DESC, &which).await
}

/// Takes records that wait, to look at them.
#[derive(clap::Args)]
pub struct ClaimFlags {
    /// Records to take (USER:KIND); '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
}

impl Leaf for ClaimFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "claim",
        permission: "kyc:review",
        writes: true,
        about: "Take records that wait, so that nobody else looks at them",
        examples: "orgctl kyc claim asha@sahyadri.example:pan --as meera@sahyadri.example",
    };
    const RECORDED: Option<Action> = Some(Action::Update);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        review(s, Step::Claim, &self.key, None).await
    }
}

/// Gives records that wait to somebody.
#[derive(clap::Args)]
pub struct AssignFlags {
    /// Records to give (USER:KIND); '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
    /// User who is to look at them; '' for nobody
    #[arg(long, value_name = "USER", required = true)]
    pub to: String,
}

impl Leaf for AssignFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "assign",
        permission: "kyc:assign",
        writes: true,
        about: "Give records that wait to somebody, who is to look at them",
        examples: "orgctl kyc assign asha@sahyadri.example:pan --to meera@sahyadri.example\norgctl kyc assign asha@sahyadri.example:pan --to ''",
    };
    const RECORDED: Option<Action> = Some(Action::Update);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        review(s, Step::Assign, &self.key, Some(&self.to)).await
    }
}

/// Begins to look at records.
#[derive(clap::Args)]
pub struct StartFlags {
    /// Records to look at (USER:KIND); '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
}

impl Leaf for StartFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "start",
        permission: "kyc:review",
        writes: true,
        about: "Begin to look at records",
        examples: "orgctl kyc start asha@sahyadri.example:pan",
    };
    const RECORDED: Option<Action> = Some(Action::Update);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        review(s, Step::Start, &self.key, None).await
    }
}

/// Takes up rejected records again.
#[derive(clap::Args)]
pub struct ReopenFlags {
    /// Records to take up (USER:KIND:NUMBER); '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
}

impl Leaf for ReopenFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "reopen",
        permission: "kyc:reject",
        writes: true,
        about: "Take up rejected records again",
        examples: "orgctl kyc reopen asha@sahyadri.example:pan:1",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        review(s, Step::Reopen, &self.key, None).await
    }
}
