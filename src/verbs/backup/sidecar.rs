//! What lies beside the archives and tells of them: a lost database still finds its backups.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::{DateTime, NaiveDateTime, Utc};
use uuid::Uuid;

use super::archive::{Archive, PREFIX, write_atomically};
use crate::crud::invocation::Invocation;
use crate::model::backup::{BackupEntry, BackupStatus, BackupType, Digest32, Manifest};
use crate::model::problem::{Problem, io_message};
use crate::ui::bounded;

/// The last digits of an id: by them archives are named and told apart.
pub fn short(id: Uuid) -> String {
    let text = id.simple().to_string();
    text[text.len() - 8..].to_owned()
}

/// The file beside an archive that tells what is known of it.
pub fn sidecar_path(archive: &Path) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

/// Writes what is known beside the archive. What a link there leads to stays as it is: who may write the folder could have
/// put it there.
pub fn write_sidecar(archive: &Path, entry: &BackupEntry) -> Result<()> {
    let path = sidecar_path(archive);
    let text = format!("{}\n", serde_json::to_string_pretty(entry)?);
    write_atomically(&path, text.as_bytes())?;
    // What root tells is for whoever owns the archive.
    if let Ok(there) = fs::metadata(archive)
        && nix::unistd::Uid::effective().is_root()
        && there.uid() != 0
    {
        chown(&path, Some(there.uid()), Some(there.gid()))
            .map_err(|e| Problem::failed(format!("can't give {} its owner: {}", path.display(), io_message(&e))))?;
    }
    Ok(())
}

/// What the file beside an archive tells.
pub fn read_sidecar(archive: &Path) -> Option<BackupEntry> {
    let path = sidecar_path(archive);
    // A pipe would wait for its writer.
    fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
    let text = bounded::read(&path, bounded::SMALL).ok()?;
    serde_json::from_str(&text).ok()
}

/// What a manifest tells of its archive.
pub fn entry_of(manifest: &Manifest, path: &Path, host: &str) -> BackupEntry {
    BackupEntry {
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

/// What the name of an archive tells, where it can't be read and nothing lies beside it: when it was made, and the end of
/// its id.
fn entry_from_name(s: &Invocation<'_>, path: &Path) -> Option<BackupEntry> {
    let name = path.file_name()?.to_str()?;
    let rest = name.strip_prefix(PREFIX)?.strip_suffix(".tar")?;
    let meta = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let (stamp, end) = rest.rsplit_once('-').unwrap_or((rest, ""));
    let of_name = || u32::from_be_bytes(Digest32::of(name.as_bytes()).0[..4].try_into().unwrap_or_default());
    let id = u32::from_str_radix(end, 16).ok().filter(|_| end.len() == 8).unwrap_or_else(of_name);
    let made = NaiveDateTime::parse_from_str(stamp, "%Y%m%dT%H%M%SZ").ok().map(|at| at.and_utc());
    let of_file = || meta.modified().map_or(DateTime::UNIX_EPOCH, DateTime::<Utc>::from);
    let manifest =
        Manifest { id: Uuid::from_u128(id.into()), created_at: made.unwrap_or_else(of_file), ..Manifest::empty() };
    let engine = s.connection.location.engine().as_str().to_owned();
    Some(BackupEntry {
        kind: BackupType::Full,
        rows: None,
        engine,
        ..entry_of(&manifest, path, &s.context.origin.host)
    })
}

/// Whether no more is known of a backup than the name of its archive tells.
pub fn is_name_alone(entry: &BackupEntry) -> bool {
    entry.id.as_u128() <= u128::from(u32::MAX)
}

/// Whether both tell of one backup. Of an archive that can't be read there may be no more than its name.
pub fn is_same_backup(there: &BackupEntry, row: &BackupEntry) -> bool {
    there.id == row.id
        || (is_name_alone(there)
            && short(there.id) == short(row.id)
            && (&there.host, &there.location) == (&row.host, &row.location))
}

/// The files of a folder that are archives: by their names, or by what lies beside them. A folder that is not there has
/// none.
pub fn archives(folder: &Path) -> Result<Vec<PathBuf>> {
    let is_archive = |path: &PathBuf| {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        name.ends_with(".tar") && (name.starts_with(PREFIX) || read_sidecar(path).is_some())
    };
    match fs::read_dir(folder) {
        Ok(files) => {
            let mut paths: Vec<PathBuf> = files.flatten().map(|f| f.path()).filter(is_archive).collect();
            paths.sort();
            Ok(paths)
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(Problem::failed(format!("can't read {}: {}", folder.display(), io_message(&e))).into()),
    }
}

/// The archives in a folder, the newest first. What can't be read is told as failed.
pub fn in_folder(s: &Invocation<'_>, folder: &Path) -> Result<Vec<BackupEntry>> {
    let mut found: Vec<BackupEntry> = archives(folder)?.iter().filter_map(|path| read_entry(s, path)).collect();
    found.sort_by_key(|e| std::cmp::Reverse((e.started_at, e.id)));
    Ok(found)
}

/// What an archive says of itself, and the file beside it says more.
pub fn read_entry(s: &Invocation<'_>, path: &Path) -> Option<BackupEntry> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let of_archive = Archive::open(path).map(|a| entry_of(&a.manifest, path, &s.context.origin.host));
    match (of_archive, read_sidecar(path)) {
        (Ok(is), Some(told)) if told.id == is.id => Some(BackupEntry {
            // A manifest that was damaged since may name another.
            installation: if told.installation.is_nil() { is.installation } else { told.installation },
            status: match told.status {
                // It is there.
                BackupStatus::Running | BackupStatus::Missing => BackupStatus::Complete,
                status => status,
            },
            checksum: told.checksum,
            finished_at: told.finished_at,
            verified_at: told.verified_at,
            hold_until: told.hold_until,
            error: told.error,
            checked_at: told.checked_at,
            ..is
        }),
        (Ok(is), _) => Some(is),
        (Err(e), told) => Some(BackupEntry {
            status: BackupStatus::Failed,
            host: s.context.origin.host.clone(),
            location: Some(path.display().to_string()),
            size: fs::metadata(path).ok().map(|m| m.len()),
            error: Some(e.to_string()),
            ..told.or_else(|| entry_from_name(s, path))?
        }),
    }
}
