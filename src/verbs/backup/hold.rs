//! Holding backups: what is held is removed by nobody.

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::ArgMatches;
use serde_json::{Map, json};

use super::catalogue::{Known, enter, short};
use crate::crud::gate;
use crate::crud::input::time_to_come;
use crate::crud::session::Session;
use crate::crud::write::dry_run_note;
use crate::model::backup::Entry;
use crate::model::problem::Problem;
use crate::model::value::rfc3339;
use crate::ui::format::report;

/// The backup that is meant.
async fn meant(s: &mut Session<'_>, m: &ArgMatches) -> Result<Entry> {
    let known = Known::load(s, m).await?;
    known.pick(m.get_one::<String>("backup").map_or("", String::as_str))
}

fn until(s: &Session<'_>, m: &ArgMatches) -> Result<Option<DateTime<Utc>>> {
    let text = m.get_one::<String>("until");
    Ok(text.map(|text| time_to_come(text, s.clock.now(), s.origin.zone)).transpose()?)
}

async fn set(s: &mut Session<'_>, mut entry: Entry, until: Option<DateTime<Utc>>) -> Result<()> {
    let mut told = Map::new();
    told.insert("id".into(), entry.id.to_string().into());
    told.insert("hold_until".into(), until.map(rfc3339).into());
    told.insert("held_before".into(), entry.hold_until.map(rfc3339).into());
    let id = entry.id;
    entry.hold_until = until;
    enter(s, entry, told).await?;
    match until {
        Some(at) => {
            let zone = s.origin.zone;
            s.ui.status(&format!("the backup {} is held until {}", short(id), zone.to_seconds(at)));
        }
        None => s.ui.status(&format!("the backup {} is no longer held", short(id))),
    }
    dry_run_note(s);
    report(&mut s.ui, &json!({ "id": id, "hold_until": until.map(rfc3339) }))
}

/// Holds a backup, or holds it longer.
pub async fn hold(s: &mut Session<'_>, m: &ArgMatches) -> Result<()> {
    gate::allow(s)?;
    let until = until(s, m)?;
    let entry = meant(s, m).await?;
    if entry.hold_until > until {
        let held = entry.hold_until.map(rfc3339).unwrap_or_default();
        return Err(Problem::conflict(format!("the backup {} is held until {held} already", short(entry.id)))
            .hint("'orgctl backup release' shortens a hold, with a right of its own")
            .into());
    }
    set(s, entry, until).await
}

/// Ends a hold, or shortens it.
pub async fn release(s: &mut Session<'_>, m: &ArgMatches) -> Result<()> {
    gate::allow(s)?;
    let until = until(s, m)?;
    let entry = meant(s, m).await?;
    if !entry.is_held(s.clock.now()) {
        return Err(Problem::conflict(format!("the backup {} is not held", short(entry.id))).into());
    }
    if until > entry.hold_until {
        return Err(Problem::usage("a hold is not made longer by releasing it")
            .hint("'orgctl backup hold' holds it longer")
            .into());
    }
    set(s, entry, until).await
}
