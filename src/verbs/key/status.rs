//! How it stands with the keys.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde_json::json;
use uuid::Uuid;

use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::vault::{Vault, has_none, is_another, own_key};
use crate::model::problem::Problem;
use crate::model::sealing::Purpose;
use crate::model::values::value::ValueType;
use crate::store::keys::{self, Counted};
use crate::store::records;
use crate::ui::format::{Format, Listing, OutputColumn, report};

/// The flags of `key status`.
#[derive(clap::Args)]
pub struct StatusFlags {}

impl Leaf for StatusFlags {
    const SPEC: Spec = Spec {
        noun: "key",
        verb: "status",
        permission: "keys:read",
        writes: false,
        about: "Tell where the master key comes from, whether it fits, and which keys there are; exit code 1 where it does not or none was set up, 3 where it is not found",
        examples: "orgctl key status\norgctl key status -o json",
    };
    const UNUSED: Unused = Unused::NONE.org();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let source = s.context.master_key.clone();
        let own = own_key(s.db().await?).await?;
        let read = source.read(s.context.env).await;
        let given = read.as_ref().ok().map(crate::model::sealing::MasterKey::id);
        let problem = match (&own, read) {
            (None, _) => Some(has_none()),
            (Some(_), Err(problem)) => Some(problem),
            (Some(own), Ok(key)) if own.wrapping != key.id() => {
                Some(is_another(&source.shown(), key.id(), own.wrapping))
            }
            (Some(_), Ok(key)) => fault_of_keys(s, Vault::new(key.into())).await?,
        };
        let counted = keys::count(s.db().await?, None).await?;
        let orgs: BTreeSet<i32> = counted.iter().map(|c| c.org).collect();
        let mut codes = BTreeMap::new();
        for org in orgs {
            codes.insert(org, records::org_code(s.db().await?, org).await?);
        }
        let wanted = own.map(|own| own.wrapping);
        match s.context.ui.style.format.get() {
            Format::Json | Format::Yaml => {
                let keys: Vec<_> = counted.iter().map(|c| row_json(&codes, c)).collect();
                report(
                    &s.context.ui,
                    &json!({
                        "source": source.as_str(),
                        "location": source.shown(),
                        "given": given.map(|id| id.to_string()),
                        "wanted": wanted.map(|id| id.to_string()),
                        "fits": problem.is_none(),
                        "keys": keys,
                    }),
                )?;
            }
            _ => list(s, &codes, &counted)?,
        }
        let ui = &s.context.ui;
        let id = |id: Option<Uuid>| id.map_or_else(|| "none".to_owned(), |id| id.to_string());
        ui.status(&format!("the master key comes from {}: {}", source.shown(), id(given)));
        if counted.iter().any(|c| (c.retired > 0 && c.purpose != Purpose::Index) || is_old(&counted, c)) {
            ui.status("keys are being made or wrapped anew: give 'orgctl key rotate' or 'orgctl key reencrypt' again");
        }
        match problem {
            None => {
                ui.status("it is that of this database");
                Ok(())
            }
            Some(problem) => Err(problem.into()),
        }
    }
}

/// Whether others of its organisation and purpose are wrapped by another key.
fn is_old(all: &[Counted], one: &Counted) -> bool {
    all.iter().any(|c| (c.org, c.purpose) == (one.org, one.purpose) && c.wrapping != one.wrapping)
}

/// Whether the keys of all organisations open.
async fn fault_of_keys(s: &mut Invocation<'_>, vault: Vault) -> Result<Option<Problem>> {
    let counted = keys::count(s.db().await?, None).await?;
    for org in counted.iter().filter(|c| c.purpose == Purpose::Organisation).map(|c| c.org) {
        if let Err(e) = vault.org_keys(s.db().await?, org).await {
            return e.downcast().map(Some);
        }
    }
    Ok(None)
}

fn row_json(codes: &BTreeMap<i32, String>, c: &Counted) -> serde_json::Value {
    json!({
        "org": codes[&c.org],
        "purpose": c.purpose.as_str(),
        "wrapped_by": c.wrapping.to_string(),
        "keys": c.keys,
        "retired": c.retired,
    })
}

fn list(s: &Invocation<'_>, codes: &BTreeMap<i32, String>, counted: &[Counted]) -> Result<()> {
    let ui = &s.context.ui;
    let heads = vec![
        OutputColumn::new("org", ValueType::Text),
        OutputColumn::new("purpose", ValueType::Text),
        OutputColumn::new("wrapped_by", ValueType::Uuid),
        OutputColumn::new("keys", ValueType::Int),
        OutputColumn::new("retired", ValueType::Int),
    ];
    let mut listing = Listing::new(ui, heads, 0);
    for c in counted {
        let numbers = [i64::try_from(c.keys)?, i64::try_from(c.retired)?];
        let [keys, retired] = numbers.map(Into::into);
        listing.row(
            ui,
            vec![codes[&c.org].as_str().into(), c.purpose.as_str().into(), c.wrapping.into(), keys, retired],
        )?;
    }
    listing.finish(ui)?;
    ui.flush()
}
