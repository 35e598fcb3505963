//! Proof files. That a record is in a signed tree has the form of c2sp.org/tlog-proof; that one signed tree is the
//! beginning of another has a form like it, for which there is no standard.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::audit::{self, FORMAT, Header};
use super::merkle::{Hash, leaf_hash, proves_consistency, proves_inclusion};
use super::note::{Checkpoint, Note};
use super::verify::{Record, Request};
use crate::model::problem::Problem;
use crate::model::values::value::{Value, canonical, hex, rfc3339, unhex};

/// First line of each kind.
const INCLUSION: &str = "c2sp.org/tlog-proof@v1";
const CONSISTENCY: &str = "orgctl/consistency-proof@v1";

fn wrong(why: &str) -> Problem {
    Problem::invalid(format!("this is no proof: {why}"))
}

fn unproven(why: &str) -> Problem {
    Problem::integrity(format!("the proof does not hold: {why}"))
}

/// A record as its leaf binds it, and what it was committed to, as far as that is told.
#[derive(Debug, Clone, PartialEq)]
pub struct SealedRecord {
    header: Vec<u8>,
    commitment: Hash,
    /// Salt and payload of the record, and of its command with the actor's number and the source.
    payload: Option<(Vec<u8>, String)>,
    request: Option<(Vec<u8>, String)>,
    actor: i64,
    source: String,
    request_commitment: Hash,
}

impl SealedRecord {
    /// None where neither the payload nor what it was committed to is there.
    pub fn new(tree: i32, request: &Request, record: &Record<'_>) -> Option<SealedRecord> {
        let header = Header {
            tree: u32::try_from(tree).ok()?,
            seq: u64::try_from(record.seq).ok()?,
            at: request.at,
            request_id: request.request_id,
            request_digest: request.digest,
            action: record.action,
            effect: record.effect,
            kind: record.kind,
            resource_id: record.resource_id,
            subject_id: record.subject_id,
            status: &request.status,
        };
        let payload = record.salt.zip(record.payload).map(|(s, p)| (s.to_vec(), p.to_owned()));
        let commitment = match &payload {
            Some((salt, text)) => audit::commit(salt.as_slice().try_into().ok()?, text),
            None => record.erased?,
        };
        Some(SealedRecord {
            header: header.to_bytes(),
            commitment,
            payload,
            request: request.salt.clone().zip(request.payload.clone()),
            actor: request.actor_id,
            source: request.source.clone(),
            request_commitment: request.commitment,
        })
    }

    /// The same, telling that the record is there and not what it says.
    #[must_use]
    pub fn without_payload(self) -> SealedRecord {
        SealedRecord { payload: None, request: None, ..self }
    }

    pub fn leaf(&self) -> Hash {
        leaf_hash(&[&self.header, &self.commitment])
    }

    /// The header's fields.
    pub fn header(&self) -> Result<DecodedHeader, Problem> {
        DecodedHeader::read(&self.header).ok_or_else(|| wrong("its record is damaged"))
    }

    /// For the proof's `extra`: canonical JSON.
    fn to_json(&self) -> Json {
        let opened = |sealed: &Option<(Vec<u8>, String)>| match sealed {
            Some((salt, payload)) => json!({ "salt": hex(salt), "payload": payload }),
            None => Json::Null,
        };
        json!({
            "v": 1,
            "header": hex(&self.header),
            "commitment": hex(&self.commitment),
            "record": opened(&self.payload),
            "request": opened(&self.request),
            "request_commitment": hex(&self.request_commitment),
            "actor": Value::Int(self.actor).to_json(),
            "source": self.source,
        })
    }

    /// Reads what is exactly as it is written here: written again it must be the same text.
    fn read(text: &str) -> Option<SealedRecord> {
        let sealed = SealedRecord::from_json(&serde_json::from_str(text).ok()?)?;
        (canonical(&sealed.to_json()).ok()? == text).then_some(sealed)
    }

    fn from_json(json: &Json) -> Option<SealedRecord> {
        let opened = |json: &Json| match json {
            Json::Null => Some(None),
            json => Some(Some((unhex(json["salt"].as_str()?)?, json["payload"].as_str()?.to_owned()))),
        };
        let hash = |json: &Json| unhex(json.as_str()?)?.try_into().ok();
        Some(SealedRecord {
            header: unhex(json["header"].as_str()?)?,
            commitment: hash(&json["commitment"])?,
            payload: opened(&json["record"])?,
            request: opened(&json["request"])?,
            actor: Value::from_json(crate::model::values::value::ValueType::Int, &json["actor"])?.as_int()?,
            source: json["source"].as_str()?.to_owned(),
            request_commitment: hash(&json["request_commitment"])?,
        })
    }

    /// Whether what is told is what the record was made of.
    fn check(&self) -> Result<(), Problem> {
        let header = self.header()?;
        let is = |sealed: &Option<(Vec<u8>, String)>, commitment: &Hash| {
            sealed.as_ref().is_none_or(|(salt, payload)| {
                salt.as_slice().try_into().is_ok_and(|salt| audit::commit(salt, payload) == *commitment)
            })
        };
        if !is(&self.payload, &self.commitment) {
            return Err(unproven("the payload is not the one that was recorded"));
        }
        let digest = audit::request_digest(self.actor, &self.source, &self.request_commitment);
        if digest != header.request_digest || !is(&self.request, &self.request_commitment) {
            return Err(unproven("what is told of the command is not what was recorded"));
        }
        Ok(())
    }

    /// What a reader learns.
    pub fn describe(&self) -> Json {
        let opened = |sealed: &Option<(Vec<u8>, String)>| match sealed {
            Some((_, payload)) => serde_json::from_str(payload).unwrap_or(Json::Null),
            None => Json::Null,
        };
        let Ok(header) = self.header() else { return Json::Null };
        json!({
            "seq": header.seq,
            "at": rfc3339(header.at),
            "action": header.action,
            "effect": header.effect,
            "resource": header.kind,
            "resource_id": header.resource_id.to_string(),
            "subject_id": (!header.subject_id.is_nil()).then(|| header.subject_id.to_string()),
            "status": header.status,
            "request_id": header.request_id.to_string(),
            "source": self.source,
            "payload": opened(&self.payload),
            "request": opened(&self.request),
        })
    }
}

/// A header, read back from its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedHeader {
    pub tree: u32,
    pub seq: u64,
    pub at: DateTime<chrono::Utc>,
    pub request_id: Uuid,
    pub request_digest: Hash,
    pub action: String,
    pub effect: String,
    pub kind: String,
    pub resource_id: Uuid,
    pub subject_id: Uuid,
    pub status: String,
}

impl DecodedHeader {
    fn read(mut bytes: &[u8]) -> Option<DecodedHeader> {
        fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
            let (first, rest) = bytes.split_first_chunk()?;
            *bytes = rest;
            Some(first)
        }
        fn text(bytes: &mut &[u8]) -> Option<String> {
            let [n] = *take::<1>(bytes)?;
            let (text, rest) = bytes.split_at_checked(usize::from(n))?;
            *bytes = rest;
            String::from_utf8(text.to_vec()).ok()
        }
        let b = &mut bytes;
        (*take::<1>(b)? == [FORMAT]).then_some(())?;
        let told = DecodedHeader {
            tree: u32::from_be_bytes(*take(b)?),
            seq: u64::from_be_bytes(*take(b)?),
            at: DateTime::from_timestamp_micros(i64::from_be_bytes(*take(b)?))?,
            request_id: Uuid::from_bytes(*take(b)?),
            request_digest: *take(b)?,
            action: text(b)?,
            effect: text(b)?,
            kind: text(b)?,
            resource_id: Uuid::from_bytes(*take(b)?),
            subject_id: Uuid::from_bytes(*take(b)?),
            status: text(b)?,
        };
        b.is_empty().then_some(told)
    }
}

/// That a record is in the tree of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Inclusion {
    pub sealed: SealedRecord,
    /// From 0.
    pub index: u64,
    pub hashes: Vec<Hash>,
    pub note: Note,
}

impl Inclusion {
    /// Whether it proves what it says, if the checkpoint is right.
    pub fn check(&self, checkpoint: &Checkpoint) -> Result<(), Problem> {
        self.sealed.check()?;
        let header = self.sealed.header()?;
        // The header tells its own place; the origin tells the tree.
        let tree = checkpoint.origin.rsplit('/').next().and_then(|t| t.parse().ok());
        if header.seq.checked_sub(1) != Some(self.index) || tree != Some(header.tree) {
            return Err(unproven("the record is of another place"));
        }
        let leaf = self.sealed.leaf();
        match proves_inclusion(&leaf, self.index, checkpoint.size, &self.hashes, &checkpoint.root) {
            true => Ok(()),
            false => Err(unproven("the record is not in the signed tree")),
        }
    }
}

impl fmt::Display for Inclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extra = canonical(&self.sealed.to_json()).map_err(|_| fmt::Error)?;
        writeln!(f, "{INCLUSION}\nextra {}\nindex {}", STANDARD.encode(extra), self.index)?;
        self.hashes.iter().try_for_each(|h| writeln!(f, "{}", STANDARD.encode(h)))?;
        write!(f, "\n{}", self.note)
    }
}

/// That the tree of one checkpoint is the beginning of that of another.
#[derive(Debug, Clone, PartialEq)]
pub struct Consistency {
    pub hashes: Vec<Hash>,
    pub old: Note,
    pub new: Note,
}

impl Consistency {
    /// Whether it proves what it says, if both checkpoints are right.
    pub fn check(&self, old: &Checkpoint, new: &Checkpoint) -> Result<(), Problem> {
        if old.origin != new.origin {
            return Err(unproven("its checkpoints are of two logs"));
        }
        match proves_consistency((old.size, &old.root), (new.size, &new.root), &self.hashes) {
            true => Ok(()),
            false => Err(unproven("the later tree does not begin with the earlier one")),
        }
    }
}

impl fmt::Display for Consistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{CONSISTENCY}")?;
        self.hashes.iter().try_for_each(|h| writeln!(f, "{}", STANDARD.encode(h)))?;
        write!(f, "\n{}\n{}", self.old, self.new)
    }
}

/// What a file proves.
#[derive(Debug, Clone, PartialEq)]
pub enum Proof {
    Inclusion(Inclusion),
    Consistency(Consistency),
}

impl Proof {
    pub fn parse(text: &str) -> Result<Proof, Problem> {
        let (head, rest) = text.split_once("\n\n").ok_or_else(|| wrong("it has no checkpoint"))?;
        let mut lines = head.lines();
        let kind = lines.next().unwrap_or_default();
        let hash = |line: &str| STANDARD.decode(line).ok().and_then(|b| b.try_into().ok());
        let hashes = |lines: std::str::Lines<'_>| -> Result<Vec<Hash>, Problem> {
            lines.map(|line| hash(line).ok_or_else(|| wrong("a hash is damaged"))).collect()
        };
        match kind {
            INCLUSION => {
                let extra =
                    lines.next().and_then(|l| l.strip_prefix("extra ")).ok_or_else(|| wrong("it has no record"))?;
                let extra = STANDARD.decode(extra).ok().and_then(|b| String::from_utf8(b).ok());
                let sealed =
                    extra.as_deref().and_then(SealedRecord::read).ok_or_else(|| wrong("its record is damaged"))?;
                let index = lines.next().and_then(|l| l.strip_prefix("index ")?.parse().ok());
                let index = index.ok_or_else(|| wrong("it has no index"))?;
                Ok(Proof::Inclusion(Inclusion { sealed, index, hashes: hashes(lines)?, note: Note::parse(rest)? }))
            }
            CONSISTENCY => match <[Note; 2]>::try_from(Note::parse_all(rest)?) {
                Ok([old, new]) => Ok(Proof::Consistency(Consistency { hashes: hashes(lines)?, old, new })),
                Err(_) => Err(wrong("it must have two checkpoints")),
            },
            _ => Err(wrong("its first line is not known")),
        }
    }
}
