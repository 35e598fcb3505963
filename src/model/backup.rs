//! Backups: what the manifest of an archive says (docs/backup-format.md), and which archives are kept.

use std::fmt;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::values::value::hex;
use super::values::zone::Zone;

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
    /// The master key, encrypted to somebody (age) and in Base64, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_key: Option<String>,
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
            master_key: None,
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
        let bytes = super::values::value::unhex(&text).and_then(|b| <[u8; 32]>::try_from(b).ok());
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
pub struct BackupEntry {
    pub id: Uuid,
    /// Whose backup it is; nil where only the database tells of it, which is its own.
    #[serde(default)]
    pub installation: Uuid,
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
    /// When it was last held against itself, whatever came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<DateTime<Utc>>,
}

impl BackupEntry {
    /// Nobody removes it now.
    pub fn is_held(&self, now: DateTime<Utc>) -> bool {
        self.hold_until.is_some_and(|until| until > now)
    }

    /// Rows may be in an archive of it somewhere, whether that holds or not.
    pub fn may_hold_rows(&self) -> bool {
        self.kind == BackupType::Full && self.location.is_some() && self.status != BackupStatus::Missing
    }

    /// There is an archive that everything can be restored from.
    pub fn is_whole(&self) -> bool {
        self.kind == BackupType::Full && matches!(self.status, BackupStatus::Complete | BackupStatus::Verified)
    }
}

/// How many archives are kept, as restic means it: the newest of each of the last so many days, weeks, months and years
/// that have one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeepPolicy {
    pub last: u32,
    pub daily: u32,
    pub weekly: u32,
    pub monthly: u32,
    pub yearly: u32,
}

impl KeepPolicy {
    pub fn is_empty(&self) -> bool {
        *self == KeepPolicy::default()
    }
}

/// What becomes of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Why it is kept.
    Kept(Vec<&'static str>),
    Removed,
}

impl Fate {
    pub fn is_removed(&self) -> bool {
        *self == Fate::Removed
    }
}

/// What is removed no sooner than this, whatever is to be kept.
pub const YOUNG: TimeDelta = TimeDelta::days(1);

/// The bucket that the nth archive falls into.
type BucketOf<'a> = dyn Fn(usize, &BackupEntry) -> (i64, i64) + 'a;

/// What becomes of each backup, in their order. Days begin and end by the operator's clocks, weeks on Monday (ISO 8601).
///
/// As in restic, a count that is not used up keeps the oldest too, so that as much of the past is kept as can be. Failed
/// ones and those of the schema alone take nobody's place: they go once a whole one that is newer is kept.
pub fn retention(entries: &[BackupEntry], keep: &KeepPolicy, now: DateTime<Utc>, zone: Zone) -> Vec<Fate> {
    let mut whole: Vec<usize> = (0..entries.len()).filter(|i| entries[*i].is_whole()).collect();
    whole.sort_by_key(|i| std::cmp::Reverse((entries[*i].started_at, entries[*i].id)));
    let mut why: Vec<Vec<&'static str>> = vec![Vec::new(); entries.len()];
    let day = |e: &BackupEntry| zone.date(e.started_at);
    let buckets: [(&'static str, u32, &BucketOf<'_>); 5] = [
        ("last", keep.last, &|nth, _| (i64::try_from(nth).unwrap_or(i64::MAX), 0)),
        ("daily", keep.daily, &|_, e| (day(e).num_days_from_ce().into(), 0)),
        ("weekly", keep.weekly, &|_, e| (day(e).iso_week().year().into(), day(e).iso_week().week().into())),
        ("monthly", keep.monthly, &|_, e| (day(e).year().into(), day(e).month().into())),
        ("yearly", keep.yearly, &|_, e| (day(e).year().into(), 0)),
    ];
    for (word, count, bucket) in buckets {
        let (mut left, mut before) = (count, None);
        for (nth, i) in whole.iter().enumerate() {
            let this = Some(bucket(nth, &entries[*i]));
            if left > 0 && (this != before || nth + 1 == whole.len()) {
                why[*i].push(word);
                left -= 1;
                before = this;
            }
        }
    }
    let newest_kept = whole.iter().find(|i| !why[**i].is_empty()).map(|i| entries[*i].started_at);
    let fate = |(entry, mut why): (&BackupEntry, Vec<&'static str>)| {
        if entry.is_held(now) {
            why.push("held");
        }
        if entry.started_at > now - YOUNG {
            why.push("young");
        }
        match entry.status {
            BackupStatus::Running => why.push("running"),
            // There is nothing to be removed.
            BackupStatus::Missing => why.push("missing"),
            _ if !entry.is_whole() && newest_kept.is_none_or(|at| at <= entry.started_at) => why.push("newest"),
            _ => {}
        }
        if why.is_empty() { Fate::Removed } else { Fate::Kept(why) }
    };
    entries.iter().zip(why).map(fate).collect()
}

/// Why backups should not be removed so: only `--force` does it then.
pub fn objections(entries: &[BackupEntry], fates: &[Fate], now: DateTime<Utc>) -> Vec<&'static str> {
    let mut found = Vec::new();
    if !fates.iter().any(Fate::is_removed) {
        return found;
    }
    let whole: Vec<&Fate> = entries.iter().zip(fates).filter(|(e, _)| e.is_whole()).map(|(_, fate)| fate).collect();
    if whole.iter().filter(|fate| fate.is_removed()).count() * 2 > whole.len() {
        found.push("more than half of the whole backups would go");
    }
    let verified = entries.iter().zip(fates).filter(|(e, _)| e.status == BackupStatus::Verified);
    if verified.max_by_key(|(e, _)| (e.started_at, e.id)).is_some_and(|(_, fate)| fate.is_removed()) {
        found.push("the last backup that was verified would go");
    }
    if entries.iter().any(|e| e.started_at > now) {
        found.push("the newest backup lies in the future: a clock is wrong, or was");
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn at(started_at: DateTime<Utc>) -> BackupEntry {
        BackupEntry {
            id: Uuid::from_u128(u128::from(started_at.timestamp().unsigned_abs())),
            installation: Uuid::nil(),
            kind: BackupType::Full,
            status: BackupStatus::Complete,
            label: None,
            host: "host".into(),
            location: None,
            engine: "sqlite".into(),
            size: None,
            checksum: None,
            encrypted: false,
            rows: None,
            heads: Vec::new(),
            started_at,
            finished_at: None,
            verified_at: None,
            hold_until: None,
            error: None,
            checked_at: None,
        }
    }

    fn entry(text: &str) -> BackupEntry {
        at(time(text))
    }

    fn utc() -> Zone {
        Zone::from_variable(Some("UTC"))
    }

    /// Why each is kept; empty where it is removed.
    fn told(entries: &[BackupEntry], keep: KeepPolicy, zone: Zone) -> Vec<String> {
        let now = time("2026-12-31T00:00:00Z");
        let fates = retention(entries, &keep, now, zone);
        fates.iter().map(|f| if let Fate::Kept(why) = f { why.join(" ") } else { String::new() }).collect()
    }

    const NONE: KeepPolicy = KeepPolicy { last: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 };

    #[test]
    fn the_newest_of_each_day_week_month_and_year_is_kept() {
        let all: Vec<BackupEntry> = [
            "2026-11-21T18:00:00Z", // Saturday, week 47
            "2026-11-21T06:00:00Z",
            "2026-11-20T18:00:00Z", // Friday, week 47
            "2026-11-16T18:00:00Z", // Monday, week 47
            "2026-11-15T18:00:00Z", // Sunday, week 46
            "2026-10-31T18:00:00Z",
            "2026-10-01T18:00:00Z",
            "2025-12-31T18:00:00Z", // Wednesday, week 1 of 2026
            "2025-06-01T18:00:00Z",
            "2024-06-01T18:00:00Z",
        ]
        .map(entry)
        .into();
        let with = |keep| told(&all, keep, utc());
        assert_eq!(with(KeepPolicy { last: 2, ..NONE }), ["last", "last", "", "", "", "", "", "", "", ""]);
        assert_eq!(with(KeepPolicy { daily: 3, ..NONE }), ["daily", "", "daily", "daily", "", "", "", "", "", ""]);
        assert_eq!(with(KeepPolicy { weekly: 2, ..NONE }), ["weekly", "", "", "", "weekly", "", "", "", "", ""]);
        assert_eq!(
            with(KeepPolicy { monthly: 3, ..NONE }),
            ["monthly", "", "", "", "", "monthly", "", "monthly", "", ""]
        );
        assert_eq!(with(KeepPolicy { yearly: 2, ..NONE }), ["yearly", "", "", "", "", "", "", "yearly", "", ""]);
        // Five months have one: the oldest is kept for the sixth, and here it is the last of its own month anyway.
        let six = with(KeepPolicy { monthly: 6, ..NONE });
        assert_eq!(six, ["monthly", "", "", "", "", "monthly", "", "monthly", "monthly", "monthly"]);
        let two = with(KeepPolicy { last: 1, yearly: 1, ..NONE });
        assert_eq!(two, ["last yearly", "", "", "", "", "", "", "", "", ""]);
        // Their order is that in which they are given.
        let mut turned = all.clone();
        turned.reverse();
        assert_eq!(told(&turned, KeepPolicy { last: 1, ..NONE }, utc())[9], "last");
    }

    #[test]
    fn a_count_that_is_not_used_up_keeps_the_oldest() {
        let all = ["2026-11-21T18:00:00Z", "2026-11-21T12:00:00Z", "2026-11-21T06:00:00Z"].map(entry);
        assert_eq!(told(&all, KeepPolicy { daily: 2, ..NONE }, utc()), ["daily", "", "daily"]);
        assert_eq!(told(&all, KeepPolicy { daily: 1, ..NONE }, utc()), ["daily", "", ""]);
    }

    #[test]
    fn days_are_those_of_the_operator() {
        // 23:30 of the 20th and 00:30 of the 21st in India; one day in UTC.
        let all = ["2026-11-20T19:00:00Z", "2026-11-20T18:00:00Z", "2026-11-01T00:00:00Z"].map(entry);
        assert_eq!(
            told(&all, KeepPolicy { daily: 2, ..NONE }, Zone::from_variable(Some("Asia/Kolkata"))),
            ["daily", "daily", ""]
        );
        assert_eq!(told(&all, KeepPolicy { daily: 2, ..NONE }, utc()), ["daily", "", "daily"]);
    }

    #[test]
    fn what_is_held_young_or_running_stays_and_what_is_not_whole_counts_for_nothing() {
        let mut all: Vec<BackupEntry> = [
            "2026-12-30T12:00:00Z", // 12 hours old
            "2026-12-29T23:00:00Z", // 25 hours old, failed
            "2026-12-29T12:00:00Z",
            "2026-12-28T12:00:00Z", // schema only
            "2026-12-27T12:00:00Z", // held
            "2026-12-26T12:00:00Z", // its hold is over
            "2026-12-25T12:00:00Z", // missing
            "2026-12-24T12:00:00Z", // running, as a clock that was set back has it
        ]
        .map(entry)
        .into();
        all[1].status = BackupStatus::Failed;
        all[3].kind = BackupType::SchemaOnly;
        all[4].hold_until = Some(time("2027-01-01T00:00:00Z"));
        all[5].hold_until = Some(time("2026-12-30T00:00:00Z"));
        all[6].status = BackupStatus::Missing;
        all[7].status = BackupStatus::Running;
        let keep = KeepPolicy { last: 1, ..NONE };
        assert_eq!(told(&all, keep, utc()), ["last young", "", "", "", "held", "", "missing", "running"]);
        // With no newer whole one, the failed one is all there is to tell of it.
        assert_eq!(told(&all[1..], keep, utc())[..3], ["newest", "last", ""]);
    }

    #[test]
    fn what_looks_like_a_mistake_is_objected_to() {
        let now = time("2026-12-31T00:00:00Z");
        let days = |n: i64| at(now - TimeDelta::days(n));
        let mut all = vec![days(2), days(3), days(4)];
        let objected = |all: &[BackupEntry], keep| objections(all, &retention(all, &keep, now, utc()), now).len();
        assert_eq!(objected(&all, KeepPolicy { last: 2, ..NONE }), 0);
        assert_eq!(objected(&all, KeepPolicy { last: 1, ..NONE }), 1);
        // The only verified one would go.
        all[2].status = BackupStatus::Verified;
        assert_eq!(objected(&all, KeepPolicy { last: 2, ..NONE }), 1);
        assert_eq!(objected(&all, KeepPolicy { last: 3, ..NONE }), 0);
        all.insert(0, at(now + TimeDelta::hours(1)));
        assert_eq!(objected(&all, KeepPolicy { last: 3, ..NONE }), 2);
    }

    proptest! {
        /// Said in another way: what is kept by one rule alone.
        #[test]
        fn each_rule_keeps_no_more_than_it_says(hours in prop::collection::vec(25_i64..20_000, 1..40), n in 1_u32..20, which in 0_usize..5) {
            let now = time("2026-12-31T00:00:00Z");
            let mut hours = hours;
            hours.sort_unstable();
            hours.dedup();
            let all: Vec<BackupEntry> = hours.iter().map(|h| at(now - TimeDelta::hours(*h))).collect();
            let mut counts = [0; 5];
            counts[which] = n;
            let [last, daily, weekly, monthly, yearly] = counts;
            let fates = retention(&all, &KeepPolicy { last, daily, weekly, monthly, yearly }, now, utc());
            let kept: Vec<usize> = (0..all.len()).filter(|i| !fates[*i].is_removed()).collect();
            prop_assert!(!kept.is_empty() && kept.len() <= n as usize && kept[0] == 0);
            // More is never kept for less.
            let more = counts.map(|c| if c > 0 { c + 1 } else { 0 });
            let [last, daily, weekly, monthly, yearly] = more;
            let wider = retention(&all, &KeepPolicy { last, daily, weekly, monthly, yearly }, now, utc());
            let oldest = all.len() - 1;
            prop_assert!(kept.iter().all(|i| *i == oldest || !wider[*i].is_removed()));
            if kept.len() < n as usize {
                prop_assert!(kept.contains(&oldest));
            }
        }
    }
}
