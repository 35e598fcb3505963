//! Backups: what the manifest of an archive says (docs/backup-format.md), and which archives are kept.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::value::hex;

/// The version of the archive's format.
pub const FORMAT: u32 = 1;

/// What an archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupType {
    /// All rows of all tables.
    Full,
    /// The version of the schema and its tables, without rows.
    SchemaOnly,
}

impl BackupType {
    pub fn as_str(self) -> &'static str {
        match self {
            BackupType::Full => "full",
            BackupType::SchemaOnly => "schema_only",
        }
    }
}

/// What is known of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupStatus {
    Running,
    Complete,
    Failed,
    /// It was restored, and what came of it was held against its manifest.
    Verified,
    /// Its archive is no longer where it was.
    Missing,
}

impl BackupStatus {
    pub const ALL: [BackupStatus; 5] = [
        BackupStatus::Running,
        BackupStatus::Complete,
        BackupStatus::Failed,
        BackupStatus::Verified,
        BackupStatus::Missing,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            BackupStatus::Running => "running",
            BackupStatus::Complete => "complete",
            BackupStatus::Failed => "failed",
            BackupStatus::Verified => "verified",
            BackupStatus::Missing => "missing",
        }
    }

    pub fn parse(word: &str) -> Option<BackupStatus> {
        BackupStatus::ALL.into_iter().find(|s| s.as_str() == word)
    }
}

/// What an archive says of itself: in clear even where its data are not, without a name or a value of anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub id: Uuid,
    #[serde(rename = "type")]
    pub kind: BackupType,
    pub label: Option<String>,
    /// The instant that the archive shows.
    pub created_at: DateTime<Utc>,
    /// Version of the program that made it.
    pub orgctl: String,
    pub engine: String,
    pub engine_version: String,
    /// SYSTEM's id: made with the database, and never changed.
    pub installation: Uuid,
    /// Version of the schema.
    pub schema: i64,
    /// The public keys (age) that it is encrypted to; none: it is in clear.
    pub recipients: Vec<String>,
    /// Of the file that says how the archive is read without orgctl.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readme: Option<Digest32>,
    pub tables: Vec<TableEntry>,
    pub heads: Vec<HeadEntry>,
    /// Signed checkpoints of the trees with these heads (c2sp.org/tlog-checkpoint).
    pub checkpoints: Vec<String>,
}

impl Manifest {
    /// What stands for a manifest that has not been read yet.
    pub fn empty() -> Manifest {
        Manifest {
            format: FORMAT,
            id: Uuid::nil(),
            kind: BackupType::SchemaOnly,
            label: None,
            created_at: DateTime::UNIX_EPOCH,
            orgctl: String::new(),
            engine: String::new(),
            engine_version: String::new(),
            installation: Uuid::nil(),
            schema: 0,
            recipients: Vec::new(),
            readme: None,
            tables: Vec::new(),
            heads: Vec::new(),
            checkpoints: Vec::new(),
        }
    }

    pub fn is_encrypted(&self) -> bool {
        !self.recipients.is_empty()
    }

    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|t| t.rows).sum()
    }

    pub fn table(&self, name: &str) -> Option<&TableEntry> {
        self.tables.iter().find(|t| t.name == name)
    }

    /// The size of a tree's trail; none where the archive does not know the tree.
    pub fn size_of(&self, tree: i32) -> Option<u64> {
        self.heads.iter().find(|h| h.tree == tree).map(|h| h.size)
    }
}

/// A table in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    pub name: String,
    /// `recorded`, `journal` or `volatile`.
    pub class: String,
    /// Name and kind.
    pub columns: Vec<(String, String)>,
    pub rows: u64,
    /// Where its rows are; none in an archive of the schema alone.
    pub member: Option<Member>,
}

/// A file in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub name: String,
    /// Bytes, as it lies in the archive.
    pub size: u64,
    /// Of these bytes.
    pub sha256: Digest32,
    /// Bytes of the lines in it.
    pub content_size: u64,
    /// Of the lines in it. None where the archive is encrypted: it would tell whether a guess is right.
    pub content_sha256: Option<Digest32>,
}

/// How large the trail of a tree was, and which root it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadEntry {
    pub tree: i32,
    pub size: u64,
    pub root: Digest32,
    pub at: DateTime<Utc>,
}

/// A SHA-256, written as 64 digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest32(pub [u8; 32]);

impl Digest32 {
    pub fn of(bytes: &[u8]) -> Digest32 {
        Digest32(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Digest32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Digest32 {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest32 {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Digest32, D::Error> {
        let text = String::deserialize(d)?;
        let bytes = super::value::unhex(&text).and_then(|b| <[u8; 32]>::try_from(b).ok());
        bytes.map(Digest32).ok_or_else(|| serde::de::Error::custom("not a SHA-256 in 64 digits"))
    }
}

/// The text that is signed (c2sp.org/signed-note): the key that signs checkpoints signs this too, and one can't be taken
/// for the other, for the second line of a checkpoint is a number.
pub fn signed_text(id: Uuid, manifest: &[u8]) -> String {
    format!("orgctl backup\n{id}\nsha256 {}\n", Digest32::of(manifest))
}

/// What is known of a backup: a row of the catalogue, and the file that lies beside its archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub id: Uuid,
    #[serde(rename = "type")]
    pub kind: BackupType,
    pub status: BackupStatus,
    pub label: Option<String>,
    /// The machine that the location is on.
    pub host: String,
    pub location: Option<String>,
    pub engine: String,
    pub size: Option<u64>,
    pub checksum: Option<Digest32>,
    pub encrypted: bool,
    pub rows: Option<u64>,
    /// Size of the trail of each tree.
    pub heads: Vec<(i32, u64)>,
    pub started_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub verified_at: Option<DateTime<Utc>>,
    pub hold_until: Option<DateTime<Utc>>,
    pub error: Option<String>,
    /// When it was last held against itself, whatever came of it; told beside the archive alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<DateTime<Utc>>,
}

impl Entry {
    /// Nobody removes it now.
    pub fn is_held(&self, now: DateTime<Utc>) -> bool {
        self.hold_until.is_some_and(|until| until > now)
    }

    /// There is an archive that everything can be restored from.
    pub fn is_whole(&self) -> bool {
        self.kind == BackupType::Full && matches!(self.status, BackupStatus::Complete | BackupStatus::Verified)
    }
}
