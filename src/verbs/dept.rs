//! What only departments can do: members, stats.

use anyhow::Result;
use clap::ArgMatches;

use super::stats;
use crate::crud::gate;
use crate::crud::input::find;
use crate::crud::read;
use crate::crud::session::Session;
use crate::model::kinds::dept::Dept;
use crate::model::kinds::user::User;
use crate::model::resource::{Descriptor, Resource as _};
use crate::store::records::Deleted;

const DESC: &Descriptor = Dept::DESCRIPTOR;

/// The users of a department.
pub async fn members(s: &mut Session<'_>, m: &ArgMatches) -> Result<()> {
    gate::allow(s)?;
    let key = m.get_one::<String>("key").cloned().unwrap_or_default();
    let dept = find(s, DESC, &key, Deleted::Exclude).await?;
    read::list_referring(s, User::DESCRIPTOR, "department", &dept).await
}

/// How many departments there are, by state and branch.
pub async fn stats(s: &mut Session<'_>, _: &ArgMatches) -> Result<()> {
    stats::show(s, DESC, &["status", "branch"]).await
}
