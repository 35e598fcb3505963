//! What only users can do: block, move, reports, merge and the like.

pub mod block;
mod create_missing;
mod described_roles;
pub mod dossier;
mod feed;
pub mod import;
pub mod invite;
mod leaver_limit;
pub mod merge;
mod passwords;
mod people_flags;
pub mod placing;
pub mod reports;

use anyhow::Result;

use super::stats;
use crate::crud::context::OF_EVERYBODY;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Besides, FlagGroup, Leaf, Spec, Unused, flags};
use crate::crud::read;
use crate::crud::remove;
use crate::crud::remove::Left;
use crate::crud::write::{ChangedRecord, Target, change, change_all, targets};
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::stored::Stored;
use crate::model::resource::{Descriptor, Record, Resource as _};
use crate::model::trail::audit::Action;
use crate::model::values::value::{Value, ValueType};
use crate::store::tx::Tx;
use crate::ui::format::{self, OutputColumn};

const DESC: &Descriptor = User::DESCRIPTOR;

/// Changes users by what a method of [`User`] says.
async fn change_each(
    tx: &mut Tx<'_>,
    targets: &[Target],
    action: Action,
    method: impl Fn(User) -> User,
) -> Result<Vec<ChangedRecord>> {
    try_each(tx, targets, action, |u| Ok(method(u.value.clone()))).await
}

/// As [`change_each`], by what may refuse.
async fn try_each(
    tx: &mut Tx<'_>,
    targets: &[Target],
    action: Action,
    method: impl Fn(&Stored<User>) -> Result<User, Problem>,
) -> Result<Vec<ChangedRecord>> {
    change_all(tx, DESC, targets, &action.into(), |before| {
        let before = Stored::<User>::from_record(before)?;
        Ok(before.with(method(&before)?).into_record())
    })
    .await
}

fn as_targets(records: &[Record]) -> Vec<Target> {
    records.iter().map(Target::of).collect()
}

fn orgs_of(targets: &[Target]) -> Vec<i32> {
    targets.iter().map(|t| t.org).collect()
}

/// Another code or name to sign in with.
#[derive(clap::Args)]
pub struct RenameFlags {
    /// User to rename; '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
    #[command(flatten)]
    pub name: NewName,
}

/// What a user is called from now on, at least one of the two.
#[derive(clap::Args)]
#[group(id = "name", required = true, multiple = true)]
pub struct NewName {
    /// New code
    #[arg(long, value_name = "CODE")]
    pub user_code: Option<String>,
    /// New name to sign in with; '' for none
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,
}

impl Leaf for RenameFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "rename",
        permission: "users:update",
        writes: true,
        about: "Give a user another code or sign-in name",
        examples: "orgctl user rename ravi@sahyadri.example --username ravi.kumar",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let records = targets(s, DESC, &self.key).await?;
        let [record] = records.as_slice() else {
            return Err(Problem::usage("one user at a time can be renamed").into());
        };
        let mut set = Vec::new();
        for (name, text) in [("user_code", &self.name.user_code), ("username", &self.name.username)] {
            let (Some(text), Some(field)) = (text, DESC.field(name)) else { continue };
            set.push((field.column.to_owned(), field.parse(text, &s.connection.parsing)?));
        }
        change(s, DESC, std::slice::from_ref(record), None, set, Action::Update).await
    }
}

/// How many users there are, by state, branch and department.
#[derive(clap::Args)]
pub struct StatsFlags {}

impl Leaf for StatsFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "stats",
        permission: "users:read",
        writes: false,
        about: "Count users by state, branch and department",
        examples: "orgctl user stats\norgctl user stats -o json",
    };
    const UNUSED: Unused = Unused::NONE.columns();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        stats::show(s, DESC, &["status", "branch", "department"]).await
    }
}

/// Who the command runs as, and with which rights.
#[derive(clap::Args)]
pub struct WhoamiFlags {}

impl Leaf for WhoamiFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "whoami",
        permission: OF_EVERYBODY,
        writes: false,
        about: "Show who the command runs as",
        examples: "orgctl user whoami\norgctl user whoami -o json",
    };
    const UNUSED: Unused = Unused::NONE.org().columns();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let origin = &s.context.origin;
        let rights = match origin.details.get("on_behalf_of").and_then(|of| of["user"].as_str()) {
            Some(user) => format!("those of user {user} (--as)"),
            None => "all (an operator of this machine)".to_owned(),
        };
        let row: Vec<Value> = vec![
            origin.actor_name.clone().into(),
            origin.actor_kind.into(),
            origin.actor_key.clone().into(),
            origin.host.clone().into(),
            origin.source.into(),
            rights.into(),
        ];
        let heads = ["name", "kind", "key", "host", "source", "rights"].map(|n| OutputColumn::new(n, ValueType::Text));
        format::record(&s.context.ui, &heads, 0, row)?;
        s.context.ui.flush()
    }
}

/// The flags of `user deactivate`.
#[derive(clap::Args)]
pub struct DeactivateFlags {
    /// Users who leave; '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
    /// Let what they lead, and who reports to them, go to this one
    #[arg(long, value_name = "KEY", conflicts_with = "orphan")]
    pub reassign_to: Option<String>,
    /// Let what they lead be led by nobody
    #[arg(long)]
    pub orphan: bool,
}

impl Leaf for DeactivateFlags {
    const SPEC: Spec = Spec {
        noun: "user",
        verb: "deactivate",
        permission: "users:update",
        writes: true,
        about: "Deactivate users: they have left",
        examples: "orgctl user deactivate ravi@sahyadri.example\norgctl user deactivate ravi@sahyadri.example --reassign-to asha@sahyadri.example",
    };
    const RECORDED: Option<Action> = Some(Action::Deactivate);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let left = Left { cascade: false, reassign_to: self.reassign_to.as_deref(), orphan: self.orphan };
        remove::deactivate(s, DESC, &self.key, left).await
    }
}

/// `--with-hashes`
#[derive(clap::Args, Default)]
pub struct WithHashes {
    /// With the hashes of passwords, for another orgctl; a right of its own, and recorded
    #[arg(long)]
    pub with_hashes: bool,
}

impl FlagGroup for WithHashes {}

flags! {
    /// The flags of `user export`.
    pub struct ExportFlags {
        export: read::ExportFlags,
        hashes: WithHashes,
    }
}

impl Besides for ExportFlags {
    type Of = read::ExportFlags;

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        let beside = if self.hashes.with_hashes { read::Beside::Hashes } else { read::Beside::Nothing };
        read::export(s, desc, &self.export, beside).await
    }
}
