//! Which backups there are: in the database, and beside the archives, where a lost database still finds them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Map;
use uuid::Uuid;

use super::archive::Archive;
use super::sidecar::is_same_backup;
pub use super::sidecar::{archives, entry_of, in_folder, read_entry, read_sidecar, short, sidecar_path, write_sidecar};
use crate::crud::context::Context;
use crate::crud::context::xdg;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::model::backup::{BackupEntry, BackupStatus, BackupType, Manifest};
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::{ParseContext, truncate};
use crate::model::values::value::{ValueType, rfc3339};
use crate::store::backup::catalogue;
use crate::store::trail::checkpoints::installation;
use crate::store::tx::Tx;
use crate::ui::format::{Listing, OutputColumn};

/// Writes what is known of a backup into the catalogue, and tells the trail.
#[derive(Debug, Serialize, Deserialize)]
pub struct CatalogueUpdate {
    pub entry: BackupEntry,
    /// Told in the trail: what was done to the backup, and how.
    pub told: Map<String, serde_json::Value>,
}

impl Verb for CatalogueUpdate {
    const NAME: &str = "backup create";

    type Output = ();

    fn orgs(&self) -> Vec<i32> {
        vec![SYSTEM]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("it is about a file that is there now")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<()> {
        tx.put_backup(&self.entry).await?;
        Ok(tx.event(SYSTEM, Action::Backup, "backup", self.told.clone()).await?)
    }
}

/// The folder where archives are kept, if none is named.
pub fn folder(context: &Context<'_>, named: Option<&str>, flag: &str) -> Result<PathBuf> {
    match named {
        // A variable that is not set: what stands here is not what was meant.
        Some("") => {
            return Err(Problem::usage(format!("--{flag} names no folder")).hint("it is empty; leave it out").into());
        }
        Some(path) => return Ok(path.into()),
        None => {}
    }
    xdg(context.env, "XDG_DATA_HOME", ".local/share").map(|p| p.join("orgctl/backups")).ok_or_else(|| {
        Problem::usage("there is no home folder to keep backups in").hint(format!("name a folder with --{flag}")).into()
    })
}

/// The word for the newest backup.
const LATEST: &str = "latest";

/// Where the archive lies that a word means: a file, `latest`, or the id of a backup or its end.
pub async fn locate(s: &mut Invocation<'_>, from: Option<&str>, word: &str) -> Result<PathBuf> {
    if word.contains('/') || Path::new(word).is_file() {
        if from.is_some() {
            return Err(Problem::usage("--from names a folder to look in, and the backup is a file already")
                .hint("leave --from out, or name the backup by the end of its id")
                .into());
        }
        return Ok(word.into());
    }
    let known = KnownBackups::reachable(s, from).await?;
    let entry = known.pick(word)?;
    if word == LATEST {
        known.tell_passed_over(s.context, &entry, None);
    }
    located(s.context, &entry)
}

/// As [`locate`], where it is to be proven: the latest is the newest archive that is there, whatever is thought of it.
pub async fn locate_any(s: &mut Invocation<'_>, from: Option<&str>, word: &str) -> Result<PathBuf> {
    if word != LATEST || Path::new(word).is_file() {
        return locate(s, from, word).await;
    }
    let known = KnownBackups::reachable(s, from).await?;
    match known.newest_of_any() {
        Some(newest) if !newest.is_whole() => located(s.context, newest),
        _ => located(s.context, known.newest(None)?),
    }
}

fn located(context: &Context<'_>, entry: &BackupEntry) -> Result<PathBuf> {
    match entry.location.as_ref().filter(|_| entry.host == context.origin.host) {
        Some(path) => Ok(path.into()),
        None => {
            let what = match &entry.location {
                Some(_) => format!("lies on {}", entry.host),
                None => "never came to be".to_owned(),
            };
            Err(Problem::not_found(format!("the archive of the backup {} {what}", short(entry.id)))
                .hint("'orgctl backup list' shows all; --from names another folder")
                .into())
        }
    }
}

/// The archive that a word means, as [`locate`] takes it.
pub async fn find(s: &mut Invocation<'_>, from: Option<&str>, word: &str) -> Result<Archive> {
    Archive::open(&locate(s, from, word).await?)
}

/// What is known of backups, from both catalogues.
pub struct KnownBackups {
    /// The newest first.
    pub entries: Vec<BackupEntry>,
    /// The database could be asked. Without it what lies beside the archives is all there is.
    pub has_database: bool,
    /// Whose database it is.
    pub installation: Option<Uuid>,
    /// This machine.
    host: String,
    /// Where archives were looked for.
    folder: PathBuf,
}

impl KnownBackups {
    /// As [`KnownBackups::load`], of one folder.
    pub async fn in_place(s: &mut Invocation<'_>, folder: &Path) -> Result<KnownBackups> {
        let asked = ask(s).await.ok();
        KnownBackups::joined(s, folder, asked, true)
    }

    /// Joins what is beside the archives and what the database tells. With `--from` a lost database is no error.
    pub async fn load(s: &mut Invocation<'_>, from: Option<&str>) -> Result<KnownBackups> {
        let folder = folder(s.context, from, "from")?;
        let is_named = from.is_some();
        if is_named && !folder.exists() {
            return Err(Problem::not_found(format!("there is no folder {}", folder.display())).into());
        }
        let asked = match ask(s).await {
            Err(e) if !is_named => return Err(from_folder(e, &folder)),
            asked => asked.ok(),
        };
        KnownBackups::joined(s, &folder, asked, is_named)
    }

    /// As [`KnownBackups::load`], where a lost database is never an error: what it could tell lies beside the archives.
    pub async fn reachable(s: &mut Invocation<'_>, from: Option<&str>) -> Result<KnownBackups> {
        let asked = ask(s).await.ok();
        KnownBackups::joined(s, &folder(s.context, from, "from")?, asked, from.is_some())
    }

    fn joined(
        s: &Invocation<'_>,
        folder: &Path,
        asked: Option<(Uuid, Vec<BackupEntry>)>,
        is_folder_all: bool,
    ) -> Result<KnownBackups> {
        let mut all = in_folder(s, folder)?;
        all.extend(archives_being_made(s, folder));
        let own = asked.as_ref().map(|(installation, _)| *installation);
        for entry in asked.into_iter().flat_map(|(_, rows)| rows) {
            if let Some(there) = all.iter_mut().find(|e| is_same_backup(e, &entry)) {
                join(there, &entry);
            } else if !is_folder_all {
                all.push(elsewhere(s, entry));
            }
        }
        all.sort_by_key(|e| std::cmp::Reverse((e.started_at, e.id)));
        let (host, folder) = (s.context.origin.host.clone(), folder.to_owned());
        Ok(KnownBackups { entries: all, has_database: own.is_some(), installation: own, host, folder })
    }

    /// The newest backup on this machine that everything can be restored from, and that is not later than a time.
    pub fn newest(&self, not_later: Option<DateTime<Utc>>) -> Result<&BackupEntry> {
        let here = || self.entries.iter().filter(|e| e.is_whole() && e.host == self.host && self.is_own(e));
        if self.installation.is_none() {
            of_one_installation(here(), &self.folder)?;
        }
        let is_meant = |e: &&BackupEntry| not_later.is_none_or(|at| e.started_at <= at);
        here().find(is_meant).ok_or_else(|| {
            if let Some(broken) = self.there().filter(|e| self.is_own(e)).find(is_meant) {
                let why = broken.error.clone().unwrap_or_else(|| "nobody knows why".to_owned());
                let sentence = format!("the backup {} does not hold, and there is no other: {why}", short(broken.id));
                return Problem::integrity(sentence).hint("--from names another folder").into();
            }
            let of = if self.installation.is_some() { " of this database" } else { "" };
            let when = not_later.map(|at| format!(" from {} or before", rfc3339(at))).unwrap_or_default();
            Problem::not_found(format!("there is no whole backup{of}{when} in {}", self.folder.display()))
                .hint("'orgctl backup list' shows all; --from names another folder")
                .into()
        })
    }

    /// The archives of everything on this machine, whether they hold or not.
    fn there(&self) -> impl Iterator<Item = &BackupEntry> {
        use BackupStatus::{Complete, Failed, Verified};
        let is_there = |e: &&BackupEntry| {
            e.location.is_some() && e.host == self.host && matches!(e.status, Complete | Verified | Failed)
        };
        self.entries.iter().filter(|e| e.kind == BackupType::Full).filter(is_there)
    }

    /// The newest archive of everything on this machine, whether it holds or not.
    pub fn newest_of_any(&self) -> Option<&BackupEntry> {
        self.there().find(|e| self.is_own(e))
    }

    /// Says where a newer backup than the one that is taken is there, and does not hold.
    pub fn tell_passed_over(&self, context: &Context<'_>, taken: &BackupEntry, not_later: Option<DateTime<Utc>>) {
        let is_newer = |e: &&BackupEntry| {
            self.is_own(e) && e.started_at > taken.started_at && not_later.is_none_or(|at| e.started_at <= at)
        };
        for newer in self.there().filter(is_newer) {
            let (id, at) = (short(newer.id), rfc3339(newer.started_at));
            let why = newer.error.as_deref().unwrap_or("nobody knows why");
            context.ui.warn(&format!("a newer backup, {id} of {at}, is passed over, for it does not hold: {why}"));
        }
    }

    /// The backup that a word means: a file, its name, `latest`, or the id of a backup or its end.
    pub fn pick(&self, word: &str) -> Result<BackupEntry> {
        if word == LATEST {
            return self.newest(None).cloned();
        }
        let text = word.to_lowercase();
        let there = fs::canonicalize(word).ok();
        let is_meant = |e: &&BackupEntry| match &there {
            Some(path) => e.location.as_ref().is_some_and(|l| Path::new(l) == path),
            None if word.ends_with(".tar") => {
                e.location.as_ref().is_some_and(|l| Path::new(l).file_name() == Some(word.as_ref()))
            }
            None => text.len() >= 4 && e.id.to_string().ends_with(&text),
        };
        match self.entries.iter().filter(is_meant).collect::<Vec<_>>().as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(Problem::not_found(format!("there is no backup '{}'", truncate(word)))
                .hint("'orgctl backup list' shows all; --from names another folder")
                .into()),
            _ => Err(Problem::conflict(format!("several backups end in {text}"))
                .hint("give the whole id, as 'orgctl backup list -o json' shows it")
                .into()),
        }
    }

    /// Whether it is a backup of the database that was asked; of any where none could be.
    pub fn is_own(&self, entry: &BackupEntry) -> bool {
        entry.installation.is_nil() || self.installation.is_none_or(|own| own == entry.installation)
    }
}

/// Whose the database is, and what it tells of backups.
async fn ask(s: &mut Invocation<'_>) -> Result<(Uuid, Vec<BackupEntry>)> {
    let db = s.db().await?;
    Ok((installation(db).await?, catalogue::all(db).await?))
}

/// Where the database can't be asked, the archives still can.
fn from_folder(e: anyhow::Error, folder: &Path) -> anyhow::Error {
    match e.downcast::<Problem>() {
        Ok(p) => p.hint(format!("'--from {}' asks what lies beside the archives", folder.display())).into(),
        Err(e) => e,
    }
}

/// Refuses to take the newest of several databases' backups for the one that is meant.
fn of_one_installation<'a>(all: impl Iterator<Item = &'a BackupEntry>, folder: &Path) -> Result<()> {
    let mut newest: BTreeMap<Uuid, &BackupEntry> = BTreeMap::new();
    for entry in all {
        newest.entry(entry.installation).or_insert(entry);
    }
    if newest.len() < 2 {
        return Ok(());
    }
    let told: Vec<String> = newest
        .values()
        .map(|e| format!("{} (newest backup: {} of {})", e.installation, short(e.id), rfc3339(e.started_at)))
        .collect();
    Err(Problem::conflict(format!("{} holds backups of {} installations", folder.display(), newest.len()))
        .hint(format!("name the backup that is meant by its file or its id; the installations are {}", told.join(", ")))
        .into())
}

/// What is known of a backup that is not whole, or never came to be.
pub fn unfinished(s: &Invocation<'_>, id: Uuid, status: BackupStatus, at: DateTime<Utc>) -> BackupEntry {
    let manifest = Manifest { id, created_at: at, ..Manifest::empty() };
    BackupEntry {
        status,
        engine: s.connection.location.engine().as_str().to_owned(),
        location: None,
        rows: None,
        size: None,
        ..entry_of(&manifest, Path::new(""), &s.context.origin.host)
    }
}

fn archives_being_made(s: &Invocation<'_>, folder: &Path) -> Vec<BackupEntry> {
    let began = |id: &Uuid| {
        let (seconds, nanos) = id.get_timestamp()?.to_unix();
        DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
    };
    let entry = |(id, path): (Uuid, PathBuf)| BackupEntry {
        kind: BackupType::Full,
        location: Some(path.display().to_string()),
        size: fs::metadata(&path).ok().map(|m| m.len()),
        ..unfinished(s, id, BackupStatus::Running, began(&id).unwrap_or(s.context.clock.now()))
    };
    super::archive::running(folder).into_iter().map(entry).collect()
}

/// The later of both holds, and what either has seen.
fn join(there: &mut BackupEntry, row: &BackupEntry) {
    if there.id != row.id {
        // Nothing but its name could be read: the row knows more.
        let (error, checked_at, size) = (there.error.take(), there.checked_at, there.size);
        *there = BackupEntry { status: BackupStatus::Failed, error, checked_at, size, ..row.clone() };
        return;
    }
    there.hold_until = there.hold_until.max(row.hold_until);
    there.verified_at = there.verified_at.max(row.verified_at);
    there.checksum = there.checksum.or(row.checksum);
    // Where nothing could be written beside the archive, the row alone tells what came of the last look at it.
    let is_later = row.checked_at > there.checked_at;
    if is_later && row.status == BackupStatus::Failed {
        (there.status, there.error, there.checked_at) = (row.status, row.error.clone(), row.checked_at);
    } else if there.status == BackupStatus::Complete && row.status == BackupStatus::Verified {
        (there.status, there.checked_at) = (row.status, there.checked_at.max(row.checked_at));
    }
}

/// A backup that only the database tells of: it may lie in another folder, and may be gone.
fn elsewhere(s: &Invocation<'_>, row: BackupEntry) -> BackupEntry {
    if row.host != s.context.origin.host {
        return row;
    }
    let Some(path) = row.location.as_ref().map(PathBuf::from) else { return row };
    match read_entry(s, &path) {
        Some(mut there) if is_same_backup(&there, &row) => {
            join(&mut there, &row);
            there
        }
        _ if row.is_whole() => BackupEntry { status: BackupStatus::Missing, ..row },
        _ => row,
    }
}

/// Tells both catalogues, and the trail: whichever there is. Where the database takes no writes, that is said.
pub async fn enter(s: &mut Invocation<'_>, entry: BackupEntry, told: Map<String, serde_json::Value>) -> Result<()> {
    let verb = CatalogueUpdate { entry: entry.clone(), told };
    enter_by(s, &entry, &verb).await
}

/// As [`enter`]; a verb of its own tells the database.
pub async fn enter_by<V: Verb<Output = ()>>(s: &mut Invocation<'_>, entry: &BackupEntry, verb: &V) -> Result<()> {
    let place =
        entry.location.as_ref().map(PathBuf::from).filter(|p| entry.host == s.context.origin.host && p.exists());
    if let Some(path) = place.filter(|_| !s.context.dry_run) {
        write_sidecar(&path, entry)?;
    }
    tell_database(s, verb).await
}

/// Tells the database. Where it takes no writes, or no longer the same, that is said: beside the archive it stands.
pub async fn tell_database<V: Verb<Output = ()>>(s: &mut Invocation<'_>, verb: &V) -> Result<()> {
    let why = match unwritable(s).await {
        Some(why) => why,
        None => {
            let Err(e) = gate::write(s, verb).await else { return Ok(()) };
            // It may have been migrated just now, which waited for the end of the backup.
            s.connection.close().await;
            unwritable(s).await.ok_or(e)?
        }
    };
    s.context.ui.status(&format!("note: {why}; this is told beside the archive alone"));
    Ok(())
}

/// Why the database can't be told; none where it can.
pub async fn unwritable(s: &mut Invocation<'_>) -> Option<String> {
    match s.db().await {
        Err(e) => Some(format!("the database could not be asked ({e})")),
        Ok(db) => match catalogue::is_read_only(db).await {
            Ok(true) => Some("the database takes no writes".to_owned()),
            _ => None,
        },
    }
}

/// The flags of `backup list`.
#[derive(clap::Args)]
pub struct ListFlags {
    /// Folder to look in, instead of the catalogue
    #[arg(long, value_name = "FOLDER")]
    pub from: Option<String>,
}

impl Leaf for ListFlags {
    const SPEC: Spec = Spec {
        noun: "backup",
        verb: "list",
        permission: "backups:read",
        writes: false,
        about: "List backups, newest first",
        examples: "orgctl backup list\norgctl backup list --from /mnt/backups -o json",
    };
    const UNUSED: Unused = Unused::NONE.org();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let all = KnownBackups::load(s, self.from.as_deref()).await?.entries;
        let heads = vec![
            OutputColumn::new("id", ValueType::Text),
            OutputColumn::new("started_at", ValueType::Time),
            OutputColumn::new("type", ValueType::Text),
            OutputColumn::new("status", ValueType::Text),
            OutputColumn::new("encrypted", ValueType::Bool),
            OutputColumn::new("size", ValueType::Int),
            OutputColumn::new("rows", ValueType::Int),
            OutputColumn::new("label", ValueType::Text),
            OutputColumn::new("verified_at", ValueType::Time),
            OutputColumn::new("hold_until", ValueType::Time),
            OutputColumn::new("location", ValueType::Text),
            OutputColumn::new("error", ValueType::Text),
        ];
        let mut listing = Listing::new(&s.context.ui, heads, 0);
        let int = |n: Option<u64>| n.and_then(|n| i64::try_from(n).ok());
        for e in &all {
            let row = vec![
                e.id.to_string().into(),
                e.started_at.into(),
                e.kind.as_str().into(),
                e.status.as_str().into(),
                e.encrypted.into(),
                int(e.size).into(),
                int(e.rows).into(),
                e.label.clone().into(),
                e.verified_at.into(),
                e.hold_until.into(),
                e.location.clone().into(),
                e.error.clone().into(),
            ];
            listing.row(&s.context.ui, row)?;
        }
        listing.finish(&s.context.ui)?;
        if all.is_empty() {
            s.context.ui.status("there is no backup yet; 'orgctl backup create' makes one");
        }
        let in_clear = all.iter().filter(|e| e.is_whole() && !e.encrypted).count();
        if in_clear > 0 {
            s.context
                .ui
                .status(&format!("in clear: {in_clear} of {}; whoever can read these reads everything", all.len()));
        }
        Ok(())
    }
}

/// How an instant is written in the name of a file.
pub fn stamp(at: DateTime<Utc>) -> String {
    rfc3339(at)[..19].replace(['-', ':'], "") + "Z"
}
