//! What a verb that one noun has declares of itself, beside what it does: who it is, and its flags as a struct.

use anyhow::Result;

use super::session::Session;

/// Who a verb is, and what the help says of it.
pub struct Spec {
    /// What it is a verb of; none for a verb that stands by itself.
    pub noun: &'static str,
    pub verb: &'static str,
    /// `users:block`
    pub permission: &'static str,
    /// Whether it changes the database.
    pub writes: bool,
    pub about: &'static str,
    /// Lines that work on the demo.
    pub examples: &'static str,
}

/// A verb that one noun has: a struct of its flags, with what it does. The comment of a field is the help of its flag.
///
/// What a person is asked for on a terminal is an `Option` or a `Vec` that is `required`: there it may be missing.
pub trait Leaf: clap::Args {
    const SPEC: Spec;

    /// Does it.
    fn run(self, s: &mut Session<'_>) -> impl Future<Output = Result<()>>;
}

/// A group of flags of which one names a record: asked for on a terminal, where all are missing.
pub const ASKED_GROUP: &str = "which";

/// How many rows may be asked for: no more than anybody has, and not none, which would say that there are none.
pub fn limit(text: &str) -> Result<u64, String> {
    within(text, 1)
}

/// How many levels of a tree are asked for.
pub fn depth(text: &str) -> Result<usize, String> {
    within(text, 0).and_then(|n| usize::try_from(n).map_err(|e| e.to_string()))
}

/// A whole number that somebody can mean.
pub fn within(text: &str, least: u64) -> Result<u64, String> {
    const MOST: u64 = 10_000_000;
    let n = text.parse::<u64>().ok().filter(|n| (least..=MOST).contains(n));
    n.ok_or_else(|| format!("write a whole number from {least} to {MOST}"))
}

/// `--if-version`
#[derive(clap::Args)]
pub struct IfVersion {
    /// Only if the record still has this version
    #[arg(long, value_name = "N")]
    pub if_version: Option<i64>,
}

/// `--force` of what is put into branches and departments. The session knows of it.
#[derive(clap::Args)]
pub struct PutAnyway {
    /// Also where a branch or department is inactive
    #[arg(long)]
    pub force: bool,
}
