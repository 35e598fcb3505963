//! Removing backups: those that nothing keeps, or one that is named.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::value_parser;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::archive::Archive;
use super::catalogue::{KnownBackups, read_sidecar, short, sidecar_path, unwritable};
use crate::crud::context::Context;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::write::dry_run_note;
use crate::model::backup::{BackupEntry, BackupStatus, Fate, KeepPolicy, objections, retention};
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::{ErrorKind as Broken, Problem, io_message};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{ValueType, rfc3339};
use crate::store::backup::catalogue;
use crate::store::tx::Tx;
use crate::ui::format::{Listing, OutputColumn, report};

/// Removes backups, and tells the trail. What is held is looked at again under the lock that holding takes too.
#[derive(Debug, Serialize, Deserialize)]
pub struct Remove {
    pub entries: Vec<BackupEntry>,
    /// The verb that removes them, as the trail tells it.
    pub by: String,
    /// This machine: archives on others stay.
    pub host: String,
}

impl Verb for Remove {
    const NAME: &str = "backup prune";

    type Output = ();

    fn orgs(&self) -> Vec<i32> {
        vec![SYSTEM]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("it removes files")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<()> {
        let rows = catalogue::all(tx.db).await?;
        for entry in &self.entries {
            let row = rows.iter().find(|r| r.id == entry.id);
            refuse_held(entry, row.and_then(|r| r.hold_until), tx.at())?;
        }
        for entry in &self.entries {
            if !rows.iter().any(|r| r.id == entry.id) && is_gone(entry) {
                // Another command was quicker, and has told of it.
                continue;
            }
            tx.remove_backup(entry.id).await?;
            let mut told = Map::new();
            told.insert("id".into(), entry.id.to_string().into());
            told.insert("removed_by".into(), self.by.as_str().into());
            told.insert("made_at".into(), rfc3339(entry.started_at).into());
            let name = entry.location.as_ref().and_then(|l| Path::new(l).file_name());
            told.insert("file".into(), name.map(|n| n.to_string_lossy().into_owned()).into());
            tx.event(SYSTEM, Action::Backup, "backup", told).await?;
        }
        // Last: what is refused before leaves them where they are.
        remove_files(&self.entries, &self.host)
    }
}

/// Refuses to remove what is held, by whichever catalogue says so.
fn refuse_held(entry: &BackupEntry, row: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<()> {
    let there = entry.location.as_ref().and_then(|l| read_sidecar(Path::new(l))?.hold_until);
    let until = entry.hold_until.max(row).max(there);
    match until.filter(|until| *until > now) {
        None => Ok(()),
        Some(until) => {
            Err(Problem::conflict(format!("the backup {} is held until {}", short(entry.id), rfc3339(until)))
                .hint("nothing removes it before; 'orgctl backup release' ends a hold, with a right of its own")
                .into())
        }
    }
}

/// Whether nothing of a backup lies where it was.
fn is_gone(entry: &BackupEntry) -> bool {
    entry.location.as_ref().is_none_or(|l| !Path::new(l).exists() && !sidecar_path(Path::new(l)).exists())
}

/// Whether an archive does not hold: one that this program or this account can't read may be a whole one.
fn is_damaged(entry: &BackupEntry) -> bool {
    let opened = entry.location.as_ref().map(|l| Archive::open(Path::new(l)));
    match opened {
        Some(Err(e)) => e.downcast_ref::<Problem>().is_none_or(|p| p.kind == Broken::Integrity),
        _ => true,
    }
}

fn remove_files(entries: &[BackupEntry], host: &str) -> Result<()> {
    for entry in entries.iter().filter(|e| e.host == host) {
        let Some(path) = entry.location.as_ref().map(PathBuf::from) else { continue };
        for file in [&path, &sidecar_path(&path)] {
            match fs::remove_file(file) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(Problem::failed(format!("can't remove {}: {}", file.display(), io_message(&e))).into());
                }
                _ => {}
            }
        }
    }
    Ok(())
}

async fn remove(s: &mut Invocation<'_>, entries: Vec<BackupEntry>, by: &str) -> Result<()> {
    let (host, now) = (s.context.origin.host.clone(), s.context.clock.now());
    match unwritable(s).await {
        None => gate::write(s, &Remove { entries, by: by.to_owned(), host }).await,
        Some(why) => {
            for entry in &entries {
                refuse_held(entry, None, now)?;
            }
            remove_files(&entries, &host)?;
            s.context.ui.status(&format!("note: {why}; archives were removed, and no trail tells it"));
            Ok(())
        }
    }
}

/// How many backups are kept.
#[derive(clap::Args)]
pub struct Keeps {
    /// Keep the last N
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(..=100_000))]
    pub keep_last: Option<u32>,
    /// Keep the newest of each of the last N days that have one
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(..=100_000))]
    pub keep_daily: Option<u32>,
    /// Keep the newest of each of the last N weeks that have one
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(..=100_000))]
    pub keep_weekly: Option<u32>,
    /// Keep the newest of each of the last N months that have one
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(..=100_000))]
    pub keep_monthly: Option<u32>,
    /// Keep the newest of each of the last N years that have one
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(..=100_000))]
    pub keep_yearly: Option<u32>,
}

impl Keeps {
    /// What they say is kept.
    pub fn policy(&self) -> KeepPolicy {
        KeepPolicy {
            last: self.keep_last.unwrap_or_default(),
            daily: self.keep_daily.unwrap_or_default(),
            weekly: self.keep_weekly.unwrap_or_default(),
            monthly: self.keep_monthly.unwrap_or_default(),
            yearly: self.keep_yearly.unwrap_or_default(),
        }
    }
}

/// What becomes of each backup on this machine. Those of other installations are left alone, and each folder is for
/// itself: a second copy elsewhere takes nobody's place here.
fn plan(
    context: &Context<'_>,
    known: &KnownBackups,
    keep: &KeepPolicy,
) -> (Vec<(BackupEntry, Fate)>, Vec<&'static str>) {
    let (now, zone) = (context.clock.now(), context.origin.zone);
    let mut groups: BTreeMap<(PathBuf, uuid::Uuid), Vec<BackupEntry>> = BTreeMap::new();
    let here = known.entries.iter().filter(|e| e.host == context.origin.host && known.is_own(e));
    let folder_of = |e: &BackupEntry| e.location.as_ref().and_then(|l| Path::new(l).parent()).map(Path::to_owned);
    // Failed ones lie nowhere: they go with the newest that lies somewhere.
    let home = here.clone().find_map(folder_of).unwrap_or_default();
    for entry in here {
        let folder = folder_of(entry).unwrap_or_else(|| home.clone());
        let whose = if known.has_database { uuid::Uuid::nil() } else { entry.installation };
        groups.entry((folder, whose)).or_default().push(entry.clone());
    }
    let (mut all, mut objected) = (Vec::new(), Vec::new());
    for entries in groups.into_values() {
        let mut fates = retention(&entries, keep, now, zone);
        for (entry, fate) in entries.iter().zip(&mut fates) {
            if fate.is_removed() && entry.status == BackupStatus::Failed && !is_damaged(entry) {
                *fate = Fate::Kept(vec!["unread"]);
            }
        }
        objected.extend(objections(&entries, &fates, now));
        all.extend(entries.into_iter().zip(fates));
    }
    all.sort_by_key(|(e, _)| std::cmp::Reverse((e.started_at, e.id)));
    objected.dedup();
    (all, objected)
}

fn refuse(objected: &[&str]) -> Result<()> {
    match objected {
        [] => Ok(()),
        some => Err(Problem::conflict(format!("nothing was removed: {}", some.join("; ")))
            .hint("look at what would go with --dry-run; --force removes it all the same")
            .into()),
    }
}

/// The flags of `backup prune`.
#[derive(clap::Args)]
pub struct PruneFlags {
    #[command(flatten)]
    pub keep: Keeps,
    /// Folder to look in, instead of the catalogue
    #[arg(long, value_name = "FOLDER")]
    pub from: Option<String>,
    /// Also more than half, the last one that was verified, or under a clock that is wrong
    #[arg(long)]
    pub force: bool,
}

impl Leaf for PruneFlags {
    const SPEC: Spec = Spec {
        noun: "backup",
        verb: "prune",
        permission: "backups:delete",
        writes: true,
        about: "Remove backups that nothing keeps",
        examples: "orgctl backup prune --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run\norgctl backup prune --keep-last 3 --from /mnt/backups --yes",
    };
    const UNUSED: Unused = Unused::NONE.org();
    const RECORDED: Option<Action> = Some(Action::Backup);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let keep = self.keep.policy();
        if keep.is_empty() {
            return Err(Problem::usage("nothing says what is to be kept")
                .hint("say it with --keep-last, --keep-daily, --keep-weekly, --keep-monthly or --keep-yearly")
                .into());
        }
        let known = KnownBackups::load(s, self.from.as_deref()).await?;
        let (all, objected) = plan(s.context, &known, &keep);
        show(s.context, &all)?;
        let gone: Vec<BackupEntry> = all.iter().filter(|(_, fate)| fate.is_removed()).map(|(e, _)| e.clone()).collect();
        if s.context.dry_run {
            for objection in objected {
                ui.warn(&format!("it would be refused without --force: {objection}"));
            }
            ui.status(&format!("dry run: would remove {} of {} backups", gone.len(), all.len()));
            return Ok(());
        }
        if gone.is_empty() {
            ui.status(&format!("nothing to remove: all of {} are kept", all.len()));
            return Ok(());
        }
        if !self.force {
            refuse(&objected)?;
        }
        ui.confirm(&format!("remove {} of {} backups for good?", gone.len(), all.len())).await?;
        let removed = gone.len();
        remove(s, gone, "prune").await?;
        ui.status(&format!("removed {removed} of {} backups", all.len()));
        Ok(())
    }
}

fn show(context: &Context<'_>, all: &[(BackupEntry, Fate)]) -> Result<()> {
    let ui = &context.ui;
    let heads = vec![
        OutputColumn::new("id", ValueType::Text),
        OutputColumn::new("started_at", ValueType::Time),
        OutputColumn::new("type", ValueType::Text),
        OutputColumn::new("status", ValueType::Text),
        OutputColumn::new("fate", ValueType::Text),
        OutputColumn::new("kept_as", ValueType::Text),
        OutputColumn::new("hold_until", ValueType::Time),
        OutputColumn::new("size", ValueType::Int),
        OutputColumn::new("location", ValueType::Text),
    ];
    let mut listing = Listing::new(ui, heads, 0);
    for (e, fate) in all {
        let (word, why) = match fate {
            Fate::Kept(why) => ("kept", why.join(", ")),
            Fate::Removed => ("removed", String::new()),
        };
        let row = vec![
            e.id.to_string().into(),
            e.started_at.into(),
            e.kind.as_str().into(),
            e.status.as_str().into(),
            word.into(),
            Some(why).filter(|w| !w.is_empty()).into(),
            e.hold_until.into(),
            e.size.and_then(|n| i64::try_from(n).ok()).into(),
            e.location.clone().into(),
        ];
        listing.row(ui, row)?;
    }
    listing.finish(ui)?;
    ui.flush()
}

/// Prunes behind a backup that was just made. What looks like a mistake is told, and nothing is removed then: the backup
/// itself is made. The ids that went.
pub async fn prune_behind(s: &mut Invocation<'_>, keep: &KeepPolicy, folder: &Path) -> Result<Vec<Json>> {
    if keep.is_empty() {
        return Ok(Vec::new());
    }
    let mut known = KnownBackups::in_place(s, folder).await?;
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let is_in = |e: &BackupEntry| {
        e.location.as_ref().and_then(|l| fs::canonicalize(l).ok()).is_some_and(|l| l.parent() == Some(&folder))
    };
    known.entries.retain(is_in);
    let (all, objected) = plan(s.context, &known, keep);
    let gone: Vec<BackupEntry> = all.into_iter().filter(|(_, fate)| fate.is_removed()).map(|(e, _)| e).collect();
    if !objected.is_empty() {
        s.context
            .ui
            .warn(&format!("no backup was pruned: {}; 'orgctl backup prune --force' does it", objected.join("; ")));
        return Ok(Vec::new());
    }
    let ids: Vec<Json> = gone.iter().map(|e| e.id.to_string().into()).collect();
    if !gone.is_empty() {
        s.context.ui.status(&format!("removed {} backups that nothing keeps", gone.len()));
        remove(s, gone, "prune").await?;
    }
    Ok(ids)
}

/// The flags of `backup forget`.
#[derive(clap::Args)]
pub struct ForgetFlags {
    /// File, 'latest', or the end of a backup's id
    #[arg(value_name = "BACKUP")]
    pub backup: String,
    /// Folder to look in
    #[arg(long, value_name = "FOLDER")]
    pub from: Option<String>,
}

impl Leaf for ForgetFlags {
    const SPEC: Spec = Spec {
        noun: "backup",
        verb: "forget",
        permission: "backups:delete",
        writes: true,
        about: "Remove a backup: its archive, and what is known of it",
        examples: "orgctl backup forget 1a2b3c4d\norgctl backup forget 1a2b3c4d --from /mnt/backups --yes",
    };
    const UNUSED: Unused = Unused::NONE.org().rows();
    const RECORDED: Option<Action> = Some(Action::Backup);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let known = KnownBackups::load(s, self.from.as_deref()).await?;
        let entry = known.pick(&self.backup)?;
        refuse_held(&entry, None, s.context.clock.now())?;
        if entry.status == BackupStatus::Running {
            return Err(Problem::conflict(format!("the backup {} is being made", short(entry.id))).into());
        }
        if entry.host != s.context.origin.host && entry.location.is_some() {
            return Err(Problem::conflict(format!("the archive of {} is on {}", short(entry.id), entry.host))
                .hint("run the command there")
                .into());
        }
        let what = entry.location.clone().unwrap_or_else(|| short(entry.id));
        if !s.context.dry_run {
            s.context.ui.confirm(&format!("remove the backup {what} for good?")).await?;
            remove(s, vec![entry.clone()], "forget").await?;
        }
        s.context.ui.status(&format!("removed the backup {}", short(entry.id)));
        dry_run_note(s.context);
        report(&s.context.ui, &json!({ "id": entry.id, "file": entry.location }))
    }
}
