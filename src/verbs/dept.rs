//! What only departments can do: members, stats.

use anyhow::Result;

use super::stats;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::keys::one_key;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::lookup::find;
use crate::crud::read;
use crate::model::kinds::dept::Dept;
use crate::model::kinds::user::User;
use crate::model::resource::{Descriptor, Resource as _};
use crate::store::records::Deleted;

const DESC: &Descriptor = Dept::DESCRIPTOR;

/// The users of a department.
#[derive(clap::Args)]
pub struct MembersFlags {
    /// Department
    #[arg(value_name = "KEY", required = true)]
    pub key: Option<String>,
}

impl Leaf for MembersFlags {
    const SPEC: Spec = Spec {
        noun: "dept",
        verb: "members",
        permission: "users:read",
        writes: false,
        about: "List the users of a department",
        examples: "orgctl dept members DEPT-001\norgctl dept members Finance -o key",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let key = one_key(s, DESC, Deleted::Exclude, self.key).await?;
        let dept = find(s, DESC, &key, Deleted::Exclude).await?;
        read::list_referring(s, User::DESCRIPTOR, "department", &dept).await
    }
}

/// How many departments there are, by state and branch.
#[derive(clap::Args)]
pub struct StatsFlags {}

impl Leaf for StatsFlags {
    const SPEC: Spec = Spec {
        noun: "dept",
        verb: "stats",
        permission: "departments:read",
        writes: false,
        about: "Count departments by state and branch",
        examples: "orgctl dept stats\norgctl dept stats -o json",
    };
    const UNUSED: Unused = Unused::NONE.columns();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        stats::show(s, DESC, &["status", "branch"]).await
    }
}
