//! Which backups there are: in the database, and beside the archives, where a lost database still finds them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::ArgMatches;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use uuid::Uuid;

use super::archive::{Archive, PREFIX};
use crate::crud::gate::{self, Verb};
use crate::crud::session::{Session, xdg};
use crate::crud::whole::Whole;
use crate::model::audit::Action;
use crate::model::backup::{BackupStatus, Entry, Manifest};
use crate::model::org::SYSTEM;
use crate::model::problem::{Problem, plain};
use crate::model::scalar::{Rules, shorten};
use crate::model::value::{Kind, rfc3339};
use crate::store::backups;
use crate::store::checkpoints::installation;
use crate::store::tx::Tx;
use crate::ui::format::{Head, Listing};
use crate::ui::limited;

/// Writes what is known of a backup into the catalogue, and tells the trail.
#[derive(Debug, Serialize, Deserialize)]
pub struct Enter {
    pub entry: Entry,
    /// Told in the trail: what was done to the backup, and how.
    pub told: Map<String, serde_json::Value>,
}

impl Verb for Enter {
    type Output = ();

    fn orgs(&self) -> Vec<i32> {
        vec![SYSTEM]
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &Rules) -> Result<()> {
        tx.put_backup(&self.entry).await?;
        tx.event(SYSTEM, Action::Backup, "backup", self.told.clone()).await
    }
}

/// The folder where archives are kept, if none is named.
pub fn folder(s: &Session<'_>, m: &ArgMatches, flag: &str) -> Result<PathBuf> {
    if let Some(path) = m.try_get_one::<String>(flag).ok().flatten() {
        return Ok(path.into());
    }
    xdg(s.env, "XDG_DATA_HOME", ".local/share").map(|p| p.join("orgctl/backups")).ok_or_else(|| {
        Problem::usage("there is no home folder to keep backups in").hint(format!("name a folder with --{flag}")).into()
    })
}

/// The file beside an archive that tells what is known of it.
pub fn beside(archive: &Path) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

/// Writes what is known beside the archive.
pub fn write_beside(archive: &Path, entry: &Entry) -> Result<()> {
    let path = beside(archive);
    let failed = |e: std::io::Error| Problem::failed(format!("can't write {}: {}", path.display(), plain(&e)));
    let (whole, mut file) = Whole::private(&path).map_err(failed)?;
    let text = format!("{}\n", serde_json::to_string_pretty(entry)?);
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(whole.finish().map_err(failed)?)
}

/// What a manifest tells of its archive.
pub fn entry_of(manifest: &Manifest, path: &Path, host: &str) -> Entry {
    Entry {
        id: manifest.id,
        installation: manifest.installation,
        kind: manifest.kind,
        status: BackupStatus::Complete,
        label: manifest.label.clone(),
        host: host.to_owned(),
        location: Some(path.display().to_string()),
        engine: manifest.engine.clone(),
        size: fs::metadata(path).ok().map(|m| m.len()),
        checksum: None,
        encrypted: manifest.is_encrypted(),
        rows: Some(manifest.rows()),
        heads: manifest.heads.iter().map(|h| (h.tree, h.size)).collect(),
        started_at: manifest.created_at,
        finished_at: None,
        verified_at: None,
        hold_until: None,
        error: None,
        checked_at: None,
    }
}

/// The files of a folder that are archives by their names; a folder that is not there has none.
pub fn archives(folder: &Path) -> Result<Vec<PathBuf>> {
    let is_archive = |path: &PathBuf| {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with(PREFIX) && name.ends_with(".tar")
    };
    match fs::read_dir(folder) {
        Ok(files) => {
            let mut paths: Vec<PathBuf> = files.flatten().map(|f| f.path()).filter(is_archive).collect();
            paths.sort();
            Ok(paths)
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(Problem::failed(format!("can't read {}: {}", folder.display(), plain(&e))).into()),
    }
}

/// The archives in a folder, the newest first. What can't be read is told as failed.
pub fn in_folder(s: &Session<'_>, folder: &Path) -> Result<Vec<Entry>> {
    let mut found: Vec<Entry> = archives(folder)?.iter().filter_map(|path| read_beside(s, path)).collect();
    found.sort_by_key(|e| std::cmp::Reverse((e.started_at, e.id)));
    Ok(found)
}

/// What the file beside an archive tells.
pub fn told_beside(archive: &Path) -> Option<Entry> {
    let text = limited::read(&beside(archive), limited::SMALL).ok()?;
    serde_json::from_str(&text).ok()
}

/// What an archive says of itself, and the file beside it says more.
pub fn read_beside(s: &Session<'_>, path: &Path) -> Option<Entry> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let of_archive = Archive::open(path).map(|a| entry_of(&a.manifest, path, &s.origin.host));
    match (of_archive, told_beside(path)) {
        (Ok(is), Some(told)) if told.id == is.id => Some(Entry {
            // A manifest that was damaged since may name another.
            installation: if told.installation.is_nil() { is.installation } else { told.installation },
            status: told.status,
            checksum: told.checksum,
            finished_at: told.finished_at,
            verified_at: told.verified_at,
            hold_until: told.hold_until,
            error: told.error,
            checked_at: told.checked_at,
            ..is
        }),
        (Ok(is), _) => Some(is),
        (Err(e), Some(told)) => Some(Entry {
            status: BackupStatus::Failed,
            location: Some(path.display().to_string()),
            error: Some(e.to_string()),
            ..told
        }),
        (Err(_), None) => None,
    }
}

/// Where the archive lies that a word means: a file, `latest`, or the id of a backup or its end.
pub async fn locate(s: &mut Session<'_>, m: &ArgMatches, word: &str) -> Result<PathBuf> {
    if word.contains('/') || Path::new(word).is_file() {
        return Ok(word.into());
    }
    let known = Known::reachable(s, m).await?;
    let entry = known.pick(word)?;
    match entry.location.as_ref().filter(|_| entry.host == s.origin.host) {
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
pub async fn find(s: &mut Session<'_>, m: &ArgMatches, word: &str) -> Result<Archive> {
    Archive::open(&locate(s, m, word).await?)
}

/// The last digits of an id: by them archives are named and told apart.
pub fn short(id: Uuid) -> String {
    let text = id.simple().to_string();
    text[text.len() - 8..].to_owned()
}

/// What is known of backups, from both catalogues.
pub struct Known {
    /// The newest first.
    pub entries: Vec<Entry>,
    /// The database could be asked. Without it what lies beside the archives is all there is.
    pub has_database: bool,
    /// Whose database it is.
    pub installation: Option<Uuid>,
    /// This machine.
    host: String,
    /// Where archives were looked for.
    folder: PathBuf,
}

impl Known {
    /// As [`Known::load`], of one folder.
    pub async fn in_place(s: &mut Session<'_>, folder: &Path) -> Result<Known> {
        let asked = ask(s).await.ok();
        Known::joined(s, folder, asked, true)
    }

    /// Joins what is beside the archives and what the database tells. With `--from` a lost database is no error.
    pub async fn load(s: &mut Session<'_>, m: &ArgMatches) -> Result<Known> {
        let asked = ask(s).await;
        let is_named = is_folder_named(m);
        let asked = if is_named { asked.ok() } else { Some(asked?) };
        Known::joined(s, &folder(s, m, "from")?, asked, is_named)
    }

    /// As [`Known::load`], where a lost database is never an error: what it could tell lies beside the archives.
    pub async fn reachable(s: &mut Session<'_>, m: &ArgMatches) -> Result<Known> {
        let asked = ask(s).await.ok();
        Known::joined(s, &folder(s, m, "from")?, asked, is_folder_named(m))
    }

    fn joined(s: &Session<'_>, folder: &Path, asked: Option<(Uuid, Vec<Entry>)>, is_folder_all: bool) -> Result<Known> {
        let mut all = in_folder(s, folder)?;
        all.extend(archives_being_made(s, folder));
        let own = asked.as_ref().map(|(installation, _)| *installation);
        for entry in asked.into_iter().flat_map(|(_, rows)| rows) {
            if let Some(there) = all.iter_mut().find(|e| e.id == entry.id) {
                join(there, &entry);
            } else if !is_folder_all {
                all.push(elsewhere(s, entry));
            }
        }
        all.sort_by_key(|e| std::cmp::Reverse((e.started_at, e.id)));
        let (host, folder) = (s.origin.host.clone(), folder.to_owned());
        Ok(Known { entries: all, has_database: own.is_some(), installation: own, host, folder })
    }

    /// The newest backup on this machine that everything can be restored from, and that is not later than a time.
    pub fn newest(&self, not_later: Option<DateTime<Utc>>) -> Result<&Entry> {
        let here = || self.entries.iter().filter(|e| e.is_whole() && e.host == self.host && self.is_own(e));
        if self.installation.is_none() {
            of_one_installation(here(), &self.folder)?;
        }
        here().find(|e| not_later.is_none_or(|at| e.started_at <= at)).ok_or_else(|| {
            let of = if self.installation.is_some() { " of this database" } else { "" };
            let when = not_later.map(|at| format!(" from {} or before", rfc3339(at))).unwrap_or_default();
            Problem::not_found(format!("there is no whole backup{of}{when} in {}", self.folder.display()))
                .hint("'orgctl backup list' shows all; --from names another folder")
                .into()
        })
    }

    /// The backup that a word means: a file, `latest`, or the id of a backup or its end.
    pub fn pick(&self, word: &str) -> Result<Entry> {
        if word == "latest" {
            return self.newest(None).cloned();
        }
        let text = word.to_lowercase();
        let there = fs::canonicalize(word).ok();
        let is_meant = |e: &&Entry| match &there {
            Some(path) => e.location.as_ref().is_some_and(|l| Path::new(l) == path),
            None => text.len() >= 4 && e.id.to_string().ends_with(&text),
        };
        match self.entries.iter().filter(is_meant).collect::<Vec<_>>().as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(Problem::not_found(format!("there is no backup '{}'", shorten(word)))
                .hint("'orgctl backup list' shows all; --from names another folder")
                .into()),
            _ => Err(Problem::conflict(format!("several backups end in {text}"))
                .hint("give the whole id, as 'orgctl backup list -o json' shows it")
                .into()),
        }
    }

    /// Whether it is a backup of the database that was asked; of any where none could be.
    pub fn is_own(&self, entry: &Entry) -> bool {
        entry.installation.is_nil() || self.installation.is_none_or(|own| own == entry.installation)
    }
}

/// Whose the database is, and what it tells of backups.
async fn ask(s: &mut Session<'_>) -> Result<(Uuid, Vec<Entry>)> {
    let db = s.db().await?;
    Ok((installation(db).await?, backups::all(db).await?))
}

fn is_folder_named(m: &ArgMatches) -> bool {
    m.try_get_one::<String>("from").ok().flatten().is_some()
}

/// Refuses to take the newest of several databases' backups for the one that is meant.
fn of_one_installation<'a>(all: impl Iterator<Item = &'a Entry>, folder: &Path) -> Result<()> {
    let mut newest: BTreeMap<Uuid, &Entry> = BTreeMap::new();
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
pub fn unfinished(s: &Session<'_>, id: Uuid, status: BackupStatus, at: DateTime<Utc>) -> Entry {
    let manifest = Manifest { id, created_at: at, ..Manifest::empty() };
    Entry {
        status,
        engine: s.location.engine().word().to_owned(),
        location: None,
        rows: None,
        size: None,
        ..entry_of(&manifest, Path::new(""), &s.origin.host)
    }
}

fn archives_being_made(s: &Session<'_>, folder: &Path) -> Vec<Entry> {
    let began = |id: &Uuid| {
        let (seconds, nanos) = id.get_timestamp()?.to_unix();
        DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
    };
    let entry = |(id, path): (Uuid, PathBuf)| Entry {
        kind: crate::model::backup::BackupType::Full,
        location: Some(path.display().to_string()),
        size: fs::metadata(&path).ok().map(|m| m.len()),
        ..unfinished(s, id, BackupStatus::Running, began(&id).unwrap_or(s.clock.now()))
    };
    super::archive::running(folder).into_iter().map(entry).collect()
}

/// The later of both holds, and what either has seen.
fn join(there: &mut Entry, row: &Entry) {
    there.hold_until = there.hold_until.max(row.hold_until);
    there.verified_at = there.verified_at.max(row.verified_at);
    there.checksum = there.checksum.or(row.checksum);
    if there.status == BackupStatus::Complete && row.status == BackupStatus::Verified {
        there.status = row.status;
    }
}

/// A backup that only the database tells of: it may lie in another folder, and may be gone.
fn elsewhere(s: &Session<'_>, row: Entry) -> Entry {
    if row.host != s.origin.host {
        return row;
    }
    let Some(path) = row.location.as_ref().map(PathBuf::from) else { return row };
    match read_beside(s, &path) {
        Some(mut there) if there.id == row.id => {
            join(&mut there, &row);
            there
        }
        _ if row.is_whole() => Entry { status: BackupStatus::Missing, ..row },
        _ => row,
    }
}

/// Tells both catalogues, and the trail: whichever there is. Where the database takes no writes, that is said.
pub async fn enter(s: &mut Session<'_>, entry: Entry, told: Map<String, serde_json::Value>) -> Result<()> {
    let place = entry.location.as_ref().map(PathBuf::from).filter(|p| entry.host == s.origin.host && p.exists());
    if let Some(path) = place.filter(|_| !s.dry_run) {
        write_beside(&path, &entry)?;
    }
    tell_database(s, &Enter { entry, told }).await
}

/// Tells the database. Where it takes no writes, or no longer the same, that is said: beside the archive it stands.
pub async fn tell_database(s: &mut Session<'_>, verb: &Enter) -> Result<()> {
    let why = match unwritable(s).await {
        Some(why) => why,
        None => {
            let Err(e) = gate::write(s, verb).await else { return Ok(()) };
            // It may have been migrated just now, which waited for the end of the backup.
            s.close().await;
            unwritable(s).await.ok_or(e)?
        }
    };
    s.ui.status(&format!("note: {why}; this is told beside the archive alone"));
    Ok(())
}

/// Why the database can't be told; none where it can.
pub async fn unwritable(s: &mut Session<'_>) -> Option<String> {
    match s.db().await {
        Err(e) => Some(format!("the database could not be asked ({e})")),
        Ok(db) => match backups::is_read_only(db).await {
            Ok(true) => Some("the database takes no writes".to_owned()),
            _ => None,
        },
    }
}

pub async fn list(s: &mut Session<'_>, m: &ArgMatches) -> Result<()> {
    gate::allow(s)?;
    let all = Known::load(s, m).await?.entries;
    let heads = vec![
        Head::new("id", Kind::Text),
        Head::new("started_at", Kind::Time),
        Head::new("type", Kind::Text),
        Head::new("status", Kind::Text),
        Head::new("encrypted", Kind::Bool),
        Head::new("size", Kind::Int),
        Head::new("rows", Kind::Int),
        Head::new("label", Kind::Text),
        Head::new("verified_at", Kind::Time),
        Head::new("hold_until", Kind::Time),
        Head::new("location", Kind::Text),
        Head::new("error", Kind::Text),
    ];
    let mut listing = Listing::new(&s.ui, heads, 0);
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
        listing.row(&mut s.ui, row)?;
    }
    listing.finish(&mut s.ui)?;
    if all.is_empty() {
        s.ui.status("there is no backup yet; 'orgctl backup create' makes one");
    }
    let in_clear = all.iter().filter(|e| e.is_whole() && !e.encrypted).count();
    if in_clear > 0 {
        s.ui.status(&format!("in clear: {in_clear} of {}; whoever can read these reads everything", all.len()));
    }
    Ok(())
}

/// How an instant is written in the name of a file.
pub fn stamp(at: DateTime<Utc>) -> String {
    rfc3339(at)[..19].replace(['-', ':'], "") + "Z"
}
