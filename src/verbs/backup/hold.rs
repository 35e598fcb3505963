//! Holding backups: what is held is removed by nobody.

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::catalogue::{KnownBackups, enter_by, short};
use crate::crud::context::Context;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
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
    const NAME: &str = "backup hold";

    type Output = ();

    fn orgs(&self) -> Vec<i32> {
        vec![SYSTEM]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("it writes beside an archive")
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
async fn meant(s: &mut Invocation<'_>, from: Option<&str>, backup: &str) -> Result<BackupEntry> {
    let known = KnownBackups::load(s, from).await?;
    known.pick(backup)
}

fn until(context: &Context<'_>, text: Option<&str>) -> Result<Option<DateTime<Utc>>> {
    Ok(text.map(|text| context.time_to_come(text)).transpose()?)
}

async fn set(
    s: &mut Invocation<'_>,
    mut entry: BackupEntry,
    until: Option<DateTime<Utc>>,
    shortens: bool,
) -> Result<()> {
    let mut told = Map::new();
    told.insert("id".into(), entry.id.to_string().into());
    told.insert("hold_until".into(), until.map(rfc3339).into());
    told.insert("held_before".into(), entry.hold_until.map(rfc3339).into());
    let id = entry.id;
    entry.hold_until = until;
    let verb = Hold { entry: entry.clone(), shortens, told };
    enter_by(s, &entry, &verb).await?;
    match until {
        Some(at) => s.context.ui.status(&format!("the backup {} is held until {}", short(id), rfc3339(at))),
        None => s.context.ui.status(&format!("the backup {} is no longer held", short(id))),
    }
    dry_run_note(s.context);
    report(&s.context.ui, &json!({ "id": id, "hold_until": until.map(rfc3339) }))
}

/// Holds a backup, or holds it longer.
#[derive(clap::Args)]
pub struct HoldFlags {
    /// File, 'latest', or the end of a backup's id
    #[arg(value_name = "BACKUP")]
    pub backup: String,
    /// How long it is held: 90d, 2027-12-31
    #[arg(long, value_name = "TIME")]
    pub until: String,
    /// Folder to look in
    #[arg(long, value_name = "FOLDER")]
    pub from: Option<String>,
}

impl Leaf for HoldFlags {
    const SPEC: Spec = Spec {
        noun: "backup",
        verb: "hold",
        permission: "backups:hold",
        writes: true,
        about: "Hold a backup: nothing removes it before a day",
        examples: "orgctl backup hold 1a2b3c4d --until 2027-12-31",
    };
    const UNUSED: Unused = Unused::NONE.org().rows();
    const RECORDED: Option<Action> = Some(Action::Backup);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let until = until(s.context, Some(&self.until))?;
        let entry = meant(s, self.from.as_deref(), &self.backup).await?;
        let held = entry.hold_until;
        refuse_shorter(&BackupEntry { hold_until: until, ..entry.clone() }, held)?;
        set(s, entry, until, false).await
    }
}

/// Ends a hold, or shortens it.
#[derive(clap::Args)]
pub struct ReleaseFlags {
    /// File, 'latest', or the end of a backup's id
    #[arg(value_name = "BACKUP")]
    pub backup: String,
    /// When its hold ends instead: 7d, 2026-12-31 (default: now)
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Folder to look in
    #[arg(long, value_name = "FOLDER")]
    pub from: Option<String>,
}

impl Leaf for ReleaseFlags {
    const SPEC: Spec = Spec {
        noun: "backup",
        verb: "release",
        permission: "backups:release",
        writes: true,
        about: "End or shorten the hold of a backup; a right of its own",
        examples: "orgctl backup release 1a2b3c4d\norgctl backup release 1a2b3c4d --until 2026-12-31",
    };
    const UNUSED: Unused = Unused::NONE.org().rows();
    const RECORDED: Option<Action> = Some(Action::Backup);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let until = until(s.context, self.until.as_deref())?;
        let entry = meant(s, self.from.as_deref(), &self.backup).await?;
        if !entry.is_held(s.context.clock.now()) {
            return Err(Problem::conflict(format!("the backup {} is not held", short(entry.id))).into());
        }
        if until > entry.hold_until {
            return Err(Problem::usage("a hold is not made longer by releasing it")
                .hint("'orgctl backup hold' holds it longer")
                .into());
        }
        set(s, entry, until, true).await
    }
}
