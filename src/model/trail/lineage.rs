//! What becomes of signed logs when a backup is restored: the trail goes on from where the archive ends, and what was
//! recorded after that is lost. The logs of checkpoints go on under a name that tells the restore, so that no log ever signs
//! two histories; a signed statement names what was left (docs/audit-format.md).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use uuid::Uuid;

use super::merkle::Hash;
use super::note::Checkpoint;
use crate::model::problem::Problem;
use crate::model::values::value::{hex, rfc3339, unhex};

/// Stands for the log of checkpoints where a tree is named.
pub const LOG: i32 = -1;

/// Digits of a lineage's name.
const NAME: usize = 12;

/// Names logs in signed notes: the installation, and the restore that they go on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logs {
    /// SYSTEM's id, made with the database.
    pub installation: Uuid,
    /// Empty before the first restore.
    pub lineage: String,
}

impl Logs {
    /// What names the log of a tree, or that of checkpoints.
    pub fn origin(&self, tree: i32) -> String {
        let mark = if self.lineage.is_empty() { "" } else { "~" };
        let log = format!("orgctl/{}{mark}{}", self.installation, self.lineage);
        if tree == LOG { log } else { format!("{log}/{tree}") }
    }

    /// The logs and the tree that an origin names; none where it is of another installation.
    pub fn parse(installation: Uuid, origin: &str) -> Option<(Logs, i32)> {
        let rest = origin.strip_prefix("orgctl/")?.strip_prefix(&installation.to_string())?;
        let (lineage, tree) = match rest.split_once('/') {
            Some((lineage, tree)) => (lineage, tree.parse().ok()?),
            None => (rest, LOG),
        };
        let lineage = lineage.strip_prefix('~').unwrap_or(lineage).to_owned();
        let is_name = lineage.is_empty() || (lineage.len() == NAME && unhex(&lineage).is_some());
        let logs = Logs { installation, lineage };
        (is_name && logs.origin(tree) == origin).then_some((logs, tree))
    }
}

/// What the trail of SYSTEM claims of a restore. Anybody who can write the database could have written it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Its record in SYSTEM's trail.
    pub seq: i64,
    pub leaf: Hash,
    pub at: DateTime<Utc>,
    pub archive: Uuid,
    pub sha256: String,
    /// Where each tree goes on from.
    pub heads: Vec<(i32, u64)>,
    /// As many checkpoints were in the log.
    pub log: u64,
}

impl Claim {
    /// Reads a record's payload; none where it names no archive.
    pub fn read(seq: i64, leaf: Hash, at: DateTime<Utc>, payload: &Json) -> Option<Claim> {
        let heads = payload["heads"].as_array()?.iter();
        let head = |h: &Json| Some((i32::try_from(h[0].as_i64()?).ok()?, h[1].as_u64()?));
        Some(Claim {
            seq,
            leaf,
            at,
            archive: payload["id"].as_str()?.parse().ok()?,
            sha256: payload["sha256"].as_str()?.to_owned(),
            heads: heads.map(head).collect::<Option<_>>()?,
            log: payload["log"].as_u64().unwrap_or(0),
        })
    }

    /// As many records of a tree were in the archive.
    pub fn size_of(&self, tree: i32) -> u64 {
        if tree == LOG { self.log } else { self.heads.iter().find(|(t, _)| *t == tree).map_or(0, |(_, size)| *size) }
    }

    /// The name of the logs that go on from it: the beginning of its leaf, which no other restore has.
    pub fn lineage(&self) -> String {
        hex(&self.leaf)[..NAME].to_owned()
    }
}

/// `restored from the backup 1a2b3c4d at 2026-11-28T22:30:00Z`
pub fn restored(archive: Uuid, at: DateTime<Utc>) -> String {
    let id = archive.simple().to_string();
    format!("restored from the backup {} at {}", &id[id.len() - 8..], rfc3339(at))
}

/// A signed statement: the logs go on from a restored backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    pub logs: Logs,
    /// Whose logs were left.
    pub from: String,
    pub archive: Uuid,
    /// Of the archive, in 64 digits.
    pub sha256: String,
    /// When it was restored.
    pub at: DateTime<Utc>,
    /// The record of it in SYSTEM's trail.
    pub seq: i64,
    pub leaf: Hash,
    /// The log of checkpoints when this was signed: what comes behind is of the new logs.
    pub log: (u64, Hash),
    /// Where each tree, and the log of checkpoints, goes on from.
    pub heads: Vec<(i32, u64, Hash)>,
    /// What was signed of logs that were left, as far as it was known: the trail does not reach it.
    pub left: Vec<Checkpoint>,
}

impl Lineage {
    /// As many records of a tree were in the archive.
    pub fn size_of(&self, tree: i32) -> u64 {
        self.heads.iter().find(|(t, ..)| *t == tree).map_or(0, |(_, size, _)| *size)
    }

    /// The text that is signed: a checkpoint of the new log of checkpoints, and lines behind it.
    pub fn text(&self) -> String {
        let hash = |h: &Hash| STANDARD.encode(h);
        let (size, root) = &self.log;
        let parent = Logs { lineage: self.from.clone(), ..self.logs.clone() };
        let mut lines = vec![
            format!("restored {} sha256 {} at {}", self.archive, self.sha256, rfc3339(self.at)),
            format!("record {} {}", self.seq, hash(&self.leaf)),
            format!("from {}", parent.origin(LOG)),
        ];
        lines.extend(self.heads.iter().map(|(tree, size, root)| format!("head {tree} {size} {}", hash(root))));
        lines.extend(self.left.iter().map(|c| format!("left {} {} {}", c.origin, c.size, hash(&c.root))));
        let checkpoint = Checkpoint { origin: self.logs.origin(LOG), size: *size, root: *root };
        format!("{}{}\n", checkpoint.text(), lines.join("\n"))
    }

    /// Reads the text of a statement.
    pub fn parse(installation: Uuid, text: &str) -> Result<Lineage, Problem> {
        let read = || {
            let checkpoint = Checkpoint::parse(text).ok()?;
            let (logs, LOG) = Logs::parse(installation, &checkpoint.origin)? else { return None };
            let hash = |text: &str| Hash::try_from(STANDARD.decode(text).ok()?).ok();
            let mut lines = text.lines().skip(3).map(|l| l.split(' ').collect::<Vec<_>>());
            let ["restored", archive, "sha256", sha256, "at", at] = lines.next()?[..] else { return None };
            let ["record", seq, leaf] = lines.next()?[..] else { return None };
            let ["from", parent] = lines.next()?[..] else { return None };
            let (parent, LOG) = Logs::parse(installation, parent)? else { return None };
            let (mut heads, mut left) = (Vec::new(), Vec::new());
            for line in lines {
                match line[..] {
                    ["head", tree, size, root] => heads.push((tree.parse().ok()?, size.parse().ok()?, hash(root)?)),
                    ["left", origin, size, root] => {
                        left.push(Checkpoint {
                            origin: origin.to_owned(),
                            size: size.parse().ok()?,
                            root: hash(root)?,
                        });
                    }
                    _ => return None,
                }
            }
            Some(Lineage {
                logs,
                from: parent.lineage,
                archive: archive.parse().ok()?,
                sha256: sha256.to_owned(),
                at: DateTime::parse_from_rfc3339(at).ok()?.to_utc(),
                seq: seq.parse().ok()?,
                leaf: hash(leaf)?,
                log: (checkpoint.size, checkpoint.root),
                heads,
                left,
            })
        };
        // Nothing stands in it that would not be written so again.
        read()
            .filter(|l: &Lineage| l.text() == text)
            .ok_or_else(|| Problem::integrity("this is no statement of a restore"))
    }
}

/// What a checkpoint says of the trail, by the logs that it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It must hold.
    Here,
    /// It must hold up to this size; what is beyond was lost with this restore, counted from 0.
    Upto(u64, usize),
    /// It is of logs that were left aside with this restore.
    Aside(usize),
    /// This trail does not go on from it.
    Unknown,
}

/// The restores that a trail went through, the oldest first.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    pub all: Vec<Lineage>,
    /// One of them is not what was signed: then none excuses anything.
    pub is_broken: bool,
}

impl Chain {
    /// The lineage of the logs that are signed now; empty before the first restore.
    pub fn current(&self) -> &str {
        self.all.last().map_or("", |l| &l.logs.lineage)
    }

    /// The lineage of a row of the log of checkpoints.
    pub fn of_row(&self, seq: u64) -> &str {
        self.all.iter().rev().find(|l| l.log.0 < seq).map_or("", |l| &l.logs.lineage)
    }

    /// What a checkpoint of a lineage says of a tree.
    pub fn standing(&self, lineage: &str, tree: i32, size: u64) -> Standing {
        if lineage == self.current() {
            return Standing::Here;
        }
        let first = self.all.iter().position(|l| l.from == lineage);
        let Some(first) = first.filter(|_| !self.is_broken) else {
            let names = |l: &Lineage| {
                let of = |c: &Checkpoint| Logs::parse(l.logs.installation, &c.origin).map(|(logs, _)| logs.lineage);
                l.left.iter().any(|c| of(c).as_deref() == Some(lineage))
            };
            return match self.all.iter().position(names).filter(|_| !self.is_broken) {
                Some(n) => Standing::Aside(n),
                None => Standing::Unknown,
            };
        };
        let sizes = || self.all.iter().enumerate().skip(first).map(|(n, l)| (l.size_of(tree), n));
        // The restore that lost it, and what is left of it after all of them.
        let by = sizes().find(|(upto, _)| size > *upto).map_or(first, |(_, n)| n);
        Standing::Upto(sizes().map(|(upto, _)| upto).min().unwrap_or(0), by)
    }
}

/// Records that were lost with a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    pub tree: i32,
    /// The log that was left.
    pub origin: String,
    /// The last record that was in the archive.
    pub after: u64,
    /// As far as anything that was signed tells of it.
    pub upto: Option<u64>,
    pub archive: Uuid,
    pub at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> Lineage {
        let installation = Uuid::from_u128(7);
        let logs = Logs { installation, lineage: "0102030405ff".into() };
        let old = Logs { installation, lineage: String::new() };
        Lineage {
            from: String::new(),
            archive: Uuid::from_u128(9),
            sha256: "ab".repeat(32),
            at: DateTime::UNIX_EPOCH,
            seq: 6,
            leaf: [1; 32],
            log: (4, [2; 32]),
            heads: vec![(LOG, 2, [3; 32]), (0, 5, [4; 32]), (1, 30, [5; 32])],
            left: vec![Checkpoint { origin: old.origin(1), size: 40, root: [6; 32] }],
            logs,
        }
    }

    #[test]
    fn a_statement_is_read_as_it_was_written() {
        let is = statement();
        let text = is.text();
        assert!(text.starts_with("orgctl/00000000-0000-0000-0000-000000000007~0102030405ff\n4\n"), "{text}");
        assert!(text.contains("\nleft orgctl/00000000-0000-0000-0000-000000000007/1 40 "), "{text}");
        assert_eq!(Lineage::parse(is.logs.installation, &text).ok(), Some(is.clone()));
        assert_eq!(Checkpoint::parse(&text).map(|c| c.size).ok(), Some(4), "any reader of checkpoints takes it");
        for wrong in [text.replace("\nhead 1 30", "\nhead 1 030"), text.replace("from ", "From "), text + "more\n"] {
            assert!(Lineage::parse(is.logs.installation, &wrong).is_err(), "{wrong}");
        }
        assert!(Lineage::parse(Uuid::from_u128(8), &is.text()).is_err(), "another installation's");
    }

    #[test]
    fn origins_are_told_apart() {
        let installation = Uuid::from_u128(7);
        let is = |text: &str| Logs::parse(installation, text).map(|(logs, tree)| (logs.lineage, tree));
        let of = "orgctl/00000000-0000-0000-0000-000000000007";
        assert_eq!(is(of), Some((String::new(), LOG)));
        assert_eq!(is(&format!("{of}/12")), Some((String::new(), 12)));
        assert_eq!(is(&format!("{of}~0102030405ff/12")), Some(("0102030405ff".into(), 12)));
        for wrong in [
            "~/1",
            "~0102/1",
            "~0102030405fg",
            "~0102030405FF",
            "/01",
            "/-1",
            "/1/1",
            "x",
            "~0102030405ff~0102030405ff",
        ] {
            assert_eq!(is(&format!("{of}{wrong}")), None, "{wrong}");
        }
    }

    #[test]
    fn old_checkpoints_hold_up_to_the_archive() {
        let chain = Chain { all: vec![statement()], is_broken: false };
        assert_eq!(chain.standing("0102030405ff", 1, 99), Standing::Here);
        assert_eq!(chain.standing("", 1, 40), Standing::Upto(30, 0));
        assert_eq!(chain.standing("", 2, 1), Standing::Upto(0, 0), "an organisation that was made later is lost");
        assert_eq!(chain.standing("aaaaaaaaaaaa", 1, 1), Standing::Unknown);
        let broken = Chain { is_broken: true, ..chain.clone() };
        assert_eq!(broken.standing("", 1, 40), Standing::Unknown);
        assert_eq!((chain.of_row(4), chain.of_row(5)), ("", "0102030405ff"));
        let second = Lineage {
            logs: Logs { lineage: "aaaaaaaaaaaa".into(), ..statement().logs },
            from: "0102030405ff".into(),
            heads: vec![(1, 50, [7; 32])],
            left: Vec::new(),
            ..statement()
        };
        let chain = Chain { all: vec![statement(), second], is_broken: false };
        assert_eq!(chain.standing("", 1, 40), Standing::Upto(30, 0));
        assert_eq!(chain.standing("0102030405ff", 1, 60), Standing::Upto(50, 1));
    }
}
