//! Holding backups: what is held is removed by nobody.

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::ArgMatches;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::catalogue::{KnownBackups, enter_by, short};
use crate::crud::gate::{self, Verb};
use crate::crud::input::time_to_come;
use crate::crud::session::Session;
use crate::crud::write::dry_run_note;
use crate::model::backup::BackupEntry;
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::rfc3339;
use crate::store::backup::catalogue;
use crate::store::tx::Tx;
use crate::ui::format::report;

/// Holds a backup, or ends its hold. Until when it is held is looked at again under the lock: another command may have held
/// it longer meanwhile.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hold {
    pub entry: BackupEntry,
    /// It may end sooner than it does.
    pub shortens: bool,
    pub told: Map<String, Json>,
}

impl Verb for Hold {
    type Output = ();

    fn orgs(&self) -> Vec<i32> {
        vec![SYSTEM]
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<()> {
        let row = catalogue::all(tx.db).await?.into_iter().find(|row| row.id == self.entry.id);
        if !self.shortens {
            refuse_shorter(&self.entry, row.as_ref().and_then(|row| row.hold_until))?;
        }
        let entry = match row {
            Some(row) => BackupEntry { hold_until: self.entry.hold_until, ..row },
            None => self.entry.clone(),
        };
        tx.put_backup(&entry).await?;
        Ok(tx.event(SYSTEM, Action::Backup, "backup", self.told.clone()).await?)
    }
}

/// Refuses to hold a backup less long than it is held.
fn refuse_shorter(entry: &BackupEntry, held: Option<DateTime<Utc>>) -> Result<()> {
    match held.filter(|held| Some(*held) > entry.hold_until) {
        None => Ok(()),
        Some(held) => {
            Err(Problem::conflict(format!("the backup {} is held until {} already", short(entry.id), rfc3339(held)))
                .hint("'orgctl backup release' shortens a hold, with a right of its own")
                .into())
        }
    }
}

/// The backup that is meant.
async fn meant(s: &mut Session<'_>, m: &ArgMatches) -> Result<BackupEntry> {
    let known = KnownBackups::load(s, m).await?;
    known.pick(m.get_one::<String>("backup").map_or("", String::as_str))
}

fn until(s: &Session<'_>, m: &ArgMatches) -> Result<Option<DateTime<Utc>>> {
    let text = m.get_one::<String>("until");
    Ok(text.map(|text| time_to_come(text, s.clock.now(), s.origin.zone)).transpose()?)
}

async fn set(s: &mut Session<'_>, mut entry: BackupEntry, until: Option<DateTime<Utc>>, shortens: bool) -> Result<()> {
    let mut told = Map::new();
    told.insert("id".into(), entry.id.to_string().into());
    told.insert("hold_until".into(), until.map(rfc3339).into());
    told.insert("held_before".into(), entry.hold_until.map(rfc3339).into());
    let id = entry.id;
    entry.hold_until = until;
    let verb = Hold { entry: entry.clone(), shortens, told };
    enter_by(s, &entry, &verb).await?;
    match until {
        Some(at) => s.ui.status(&format!("the backup {} is held until {}", short(id), rfc3339(at))),
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
    let held = entry.hold_until;
    refuse_shorter(&BackupEntry { hold_until: until, ..entry.clone() }, held)?;
    set(s, entry, until, false).await
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
    set(s, entry, until, true).await
}
