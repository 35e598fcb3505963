//! What roles give by words that no catalogue has: such a word is open, and may be mistyped. Told wherever it is given: by
//! `role grant`, by the verbs of `role-permission`, by a file of roles.

use std::collections::BTreeSet;

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::Command;

use crate::access::permission::Permission;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Besides, Flags, Given, KindVerb};
use crate::model::kinds::Kinds;
use crate::model::problem::nearest;
use crate::model::resource::Descriptor;
use crate::store::access;

/// In a word that gives many, what stands for all.
const STAR: &str = "*";

/// So many are told one by one.
const SHOWN: usize = 10;

/// Says so where no catalogue has a word, or nothing that a star stands for.
pub async fn warn_of_unknown(s: &mut Invocation<'_>, org: i32, asked: (&str, &str)) -> Result<()> {
    let known = access::catalogue(s.db().await?, org).await?;
    let is = |asked: &str, known: &str| asked == known || asked == STAR;
    let is_known = |one: &Permission| is(asked.0, one.resource()) && is(asked.1, one.action());
    if known.is_empty() || known.iter().any(is_known) {
        return Ok(());
    }
    let near = near(asked, &known).map_or(String::new(), |near| format!("; did you mean {near}?"));
    let (resource, action) = asked;
    let is = match [resource, action].contains(&STAR) {
        true => "contains nothing of",
        false => "is not in",
    };
    let sentence = format!("{resource}:{action} {is} the catalogue of permissions{near}");
    s.context.ui.warn(&sentence);
    Ok(())
}

/// The word of the catalogue that may be meant: each of its two words is the same, or near; a star stays one.
fn near((resource, action): (&str, &str), known: &BTreeSet<Permission>) -> Option<String> {
    let resources = known.iter().map(Permission::resource);
    let same = resources.clone().chain([STAR]).find(|known| *known == resource);
    let resource = same.or_else(|| nearest(resource, resources))?;
    let of_it = || known.iter().filter(|known| resource == STAR || known.resource() == resource);
    let same = of_it().map(Permission::action).chain([STAR]).find(|known| *known == action);
    let action = same.or_else(|| nearest(action, of_it().map(Permission::action)))?;
    Some(format!("{resource}:{action}"))
}

/// The same of all that roles give since a time.
pub async fn warn_of_given(s: &mut Invocation<'_>, since: DateTime<Utc>) -> Result<()> {
    if s.context.dry_run {
        return Ok(());
    }
    let org = s.outcome.about;
    let given = access::unknown_since(s.db().await?, org, since).await?;
    for (resource, action) in given.iter().take(SHOWN) {
        warn_of_unknown(s, org, (resource, action)).await?;
    }
    if let Some(more @ 1..) = given.len().checked_sub(SHOWN) {
        s.context.ui.warn(&format!("{more} more are not in the catalogue of permissions"));
    }
    Ok(())
}

/// A verb of `role-permission` that says so.
pub struct Warning<F>(F);

impl<F: KindVerb> Flags for Warning<F> {
    fn add(c: Command, kinds: Kinds, desc: &'static Descriptor) -> Command {
        F::add(c, kinds, desc)
    }

    fn read(given: &Given<'_>) -> Result<Warning<F>> {
        F::read(given).map(Warning)
    }
}

impl<F: KindVerb> Besides for Warning<F> {
    type Of = F;

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        let since = s.context.clock.now();
        self.0.run(s, desc).await?;
        warn_of_given(s, since).await
    }
}
