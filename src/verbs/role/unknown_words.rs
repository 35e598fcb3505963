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

/// So many are told one by one.
const SHOWN: usize = 10;

/// Says so where no catalogue has a word.
pub async fn warn_of_unknown(s: &mut Invocation<'_>, org: i32, asked: &Permission) -> Result<()> {
    let known = access::catalogue(s.db().await?, org).await?;
    if known.is_empty() || known.contains(asked) {
        return Ok(());
    }
    let near = near(asked, &known).map_or(String::new(), |near| format!("; did you mean {near}?"));
    s.context.ui.warn(&format!("{asked} is not in the catalogue of permissions{near}"));
    Ok(())
}

/// The word of the catalogue that may be meant: each of its two words is the same, or near.
fn near<'k>(asked: &Permission, known: &'k BTreeSet<Permission>) -> Option<&'k Permission> {
    let resources = known.iter().map(Permission::resource);
    let resource = resources.clone().find(|known| *known == asked.resource());
    let resource = resource.or_else(|| nearest(asked.resource(), resources))?;
    let of_it = || known.iter().filter(|known| known.resource() == resource);
    let action = of_it().map(Permission::action).find(|known| *known == asked.action());
    let action = action.or_else(|| nearest(asked.action(), of_it().map(Permission::action)))?;
    of_it().find(|known| known.action() == action)
}

/// The same of all that roles give since a time.
pub async fn warn_of_given(s: &mut Invocation<'_>, since: DateTime<Utc>) -> Result<()> {
    if s.context.dry_run {
        return Ok(());
    }
    let org = s.outcome.about;
    let given = access::unknown_since(s.db().await?, org, since).await?;
    for word in given.iter().take(SHOWN) {
        warn_of_unknown(s, org, word).await?;
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
