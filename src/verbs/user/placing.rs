//! `user move`, `user assign-branch`, `user unassign-branch`: where people work, and for whom.

use std::collections::HashSet;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{DESC, as_targets, orgs_of};
use crate::crud::flags::PutAnyway;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::lookup::{find_in, find_ref};
use crate::crud::write::{Target, change, dry_run_note, targets_of_one_org};
use crate::model::kinds::branch::Branch;
use crate::model::kinds::user::BRANCHES;
use crate::model::problem::Problem;
use crate::model::resource::{Record, Resource as _};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, ValueType};
use crate::store::records::Deleted;
use crate::store::tx::Tx;
use crate::store::tx::lists::Wanted;

/// Moves users to another branch, department or superior.
#[derive(clap::Args)]
pub struct MoveFlags {
    /// Users to move; '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub force: PutAnyway,
}

/// Where users are moved to, at least one of them.
#[derive(clap::Args)]
#[group(id = "place", required = true, multiple = true)]
pub struct Place {
    /// Branch; '' for none
    #[arg(long, value_name = "KEY")]
    pub branch: Option<String>,
    /// Department; '' for none
    #[arg(long, value_name = "KEY")]
    pub department: Option<String>,
    /// User they report to; '' for nobody
    #[arg(long, value_name = "KEY")]
    pub reports_to: Option<String>,
}

impl Leaf for MoveFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "move",
        permission: "users:update",
        writes: true,
        about: "Move users to another branch, department or superior",
        examples: "orgctl user move ravi@sahyadri.example --branch MUM02 --reports-to asha@sahyadri.example\norgctl user move ravi@sahyadri.example --department ''",
    };
    const RECORDED: Option<Action> = Some(Action::Move);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let Some((org, moved)) = targets_of_one_org(s, DESC, &self.key).await? else { return Ok(()) };
        let mut set = Vec::new();
        let Place { branch, department, reports_to } = &self.place;
        for (name, key) in [("branch", branch), ("department", department), ("reports_to", reports_to)] {
            let (Some(key), Some(field)) = (key, DESC.field(name)) else { continue };
            let value = match key.trim() {
                "" => Value::Null(ValueType::Uuid),
                key => find_ref(s, DESC, field, org, key).await?,
            };
            set.push((field.column.to_owned(), value));
        }
        change(s, DESC, &moved, None, set, Action::Move).await
    }
}

/// Gives users further branches, or takes them away; all of a user's are links of a branch to the user.
#[derive(Debug, Serialize, Deserialize)]
pub struct AssignBranches {
    pub targets: Vec<Target>,
    pub branches: Vec<Uuid>,
    pub assign: bool,
}

impl Verb for AssignBranches {
    const NAME: &str = "user assign-branch";

    /// Users of whom something changed.
    type Output = Vec<Record>;

    fn orgs(&self) -> Vec<i32> {
        orgs_of(&self.targets)
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<Record>> {
        let mut changed = Vec::new();
        for targets in self.targets.chunks(TOGETHER) {
            let users = Target::load_all(targets, tx, DESC).await?;
            let members = tx.members(BRANCHES, &users).await?;
            if !self.assign {
                let is_taken = |first: &Option<Uuid>| first.is_some_and(|id| self.branches.contains(&id));
                let own = users.iter().zip(&members).find(|(_, (first, _))| is_taken(first));
                own.map_or(Ok(()), |(user, _)| Err(is_own(user)))?;
            }
            let wanted = users.iter().zip(members).map(|(user, (first, mut others))| {
                others.retain(|id| !self.branches.contains(id));
                if self.assign {
                    others.extend(self.branches.iter().filter(|id| Some(**id) != first));
                }
                Wanted::new(user, first, others)
            });
            let set = tx.set_lists(BRANCHES, wanted.collect(), &Action::Update.into()).await?;
            changed.extend(users.into_iter().zip(set).filter(|(_, set)| set.changed).map(|(user, _)| user));
        }
        Ok(changed)
    }
}

/// That it is a user's own branch which was to be taken as one of the further ones.
fn is_own(user: &Record) -> Problem {
    let (key, title) = (user.key(), user.title());
    Problem::conflict(format!("it is the own branch of {title}, and not one of the further ones"))
        .hint(format!("'orgctl user move {key} --branch KEY' puts the user elsewhere"))
        .hint(format!("orgctl user update {key} --branch '' leaves the user without one"))
}

/// Users whose branches are set together.
const TOGETHER: usize = 1000;

/// The flags of `user assign-branch`.
#[derive(clap::Args)]
pub struct AssignBranchFlags {
    /// Users; '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
    /// Branch (can be repeated)
    #[arg(long, value_name = "KEY", required = true)]
    pub branch: Vec<String>,
    #[command(flatten)]
    pub force: PutAnyway,
}

impl Leaf for AssignBranchFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "assign-branch",
        permission: "users:update",
        writes: true,
        about: "Give users further branches",
        examples: "orgctl user assign-branch ravi@sahyadri.example --branch MUM02 --branch PUN01",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        assign_branches(s, &self.key, &self.branch, true).await
    }
}

/// The flags of `user unassign-branch`.
#[derive(clap::Args)]
pub struct UnassignBranchFlags {
    /// Users; '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
    /// Branch (can be repeated)
    #[arg(long, value_name = "KEY", required = true)]
    pub branch: Vec<String>,
}

impl Leaf for UnassignBranchFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "unassign-branch",
        permission: "users:update",
        writes: true,
        about: "Take further branches from users",
        examples: "orgctl user unassign-branch ravi@sahyadri.example --branch MUM02",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        assign_branches(s, &self.key, &self.branch, false).await
    }
}

async fn assign_branches(s: &mut Invocation<'_>, keys: &[String], given: &[String], assign: bool) -> Result<()> {
    let Some((org, records)) = targets_of_one_org(s, DESC, keys).await? else { return Ok(()) };
    let mut branches = Vec::new();
    for key in given {
        branches.push(find_in(s, Branch::DESCRIPTOR, Some(org), key, Deleted::Exclude).await?.meta.id);
    }
    let verb = AssignBranches { targets: as_targets(&records), branches, assign };
    let changed = gate::write(s, &verb).await?;
    let changed: HashSet<Uuid> = changed.iter().map(|c| c.meta.id).collect();
    for record in &records {
        let is_changed = changed.contains(&record.meta.id);
        let title = record.title();
        s.context.ui.status(&if is_changed {
            format!("updated {title}: branches")
        } else {
            format!("{title} is so already; nothing was changed")
        });
    }
    dry_run_note(s.context);
    Ok(())
}
