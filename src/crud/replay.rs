//! Runs commands that were kept ([`super::stored`]).

use anyhow::Result;
use serde_json::Value as Json;

use super::gate::{self, Verb};
use super::invocation::{Doing, Invocation};
use super::stored::StoredCommand;
use crate::model::problem::Problem;

/// A command that can be kept: its name, and how it is read back and run.
pub struct Storable {
    pub name: &'static str,
    run: for<'a> fn(&'a mut Invocation<'_>, Json) -> Doing<'a>,
}

impl Storable {
    pub const fn of<V: Verb + 'static>() -> Storable {
        Storable { name: V::NAME, run: |s, arguments| Box::pin(run::<V>(s, arguments)) }
    }
}

/// Reads a command back, which is one of these, and runs it.
pub async fn run_again(s: &mut Invocation<'_>, all: &[Storable], stored: &StoredCommand) -> Result<()> {
    let known = all.iter().find(|storable| storable.name == stored.name);
    let known = known.ok_or_else(|| Problem::failed(format!("there is no command '{}'", stored.name)))?;
    (known.run)(s, stored.arguments.clone()).await
}

async fn run<V: Verb>(s: &mut Invocation<'_>, arguments: Json) -> Result<()> {
    let mut verb: V = serde_json::from_value(arguments)?;
    if let Some(why) = verb.cannot_be_kept() {
        return Err(Problem::usage(format!("'{}' can't be run another time: {why}", V::NAME)).into());
    }
    verb.take_up()?;
    if let [org] = verb.orgs().as_slice() {
        s.use_context_of(*org).await?;
    }
    let done = gate::write(s, &verb).await;
    verb.end(s.kinds(), done)
}
