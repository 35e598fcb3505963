//! The trail as lines of JSON: everything that is needed to prove it without a database. Each line is canonical
//! (RFC 8785); numbers of 64 bits are texts. docs/audit-format.md describes the members.

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::merkle::{Frontier, Hash};
use super::verify::{Record, Request};
use crate::model::values::value::{Value, ValueType, canonical, hex, rfc3339, unhex};

/// Version of the lines.
pub const VERSION: u8 = 1;

/// What stands in front of a tree's lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailHeader {
    pub tree: i32,
    /// Names the log in checkpoints.
    pub origin: String,
    /// Code of the organisation.
    pub org: String,
    /// First record, and the right edge of the tree in front of it.
    pub from: i64,
    pub frontier: Frontier,
}

/// One line, read.
#[derive(Debug)]
pub enum ExportLine {
    Trail(TrailHeader),
    Request(Request),
    Record(OwnedRecord),
    /// How many records there are up to here, and the root of all.
    End {
        size: i64,
        root: Hash,
    },
}

/// A record that holds its own texts.
#[derive(Debug, Clone)]
pub struct OwnedRecord {
    pub seq: i64,
    pub action: String,
    pub effect: String,
    pub kind: String,
    pub resource_id: Uuid,
    /// Nil where the record holds nobody's data.
    pub subject_id: Uuid,
    pub salt: Option<Vec<u8>>,
    pub payload: Option<String>,
    pub leaf: Hash,
    pub erased: Option<Hash>,
}

impl OwnedRecord {
    pub fn as_record(&self) -> Record<'_> {
        Record {
            seq: self.seq,
            action: &self.action,
            effect: &self.effect,
            kind: &self.kind,
            resource_id: self.resource_id,
            subject_id: self.subject_id,
            salt: self.salt.as_deref(),
            payload: self.payload.as_deref(),
            leaf: self.leaf,
            erased: self.erased,
        }
    }
}

/// A payload is told as what it says, where its text is the canonical one; as its text where it is not, which only a
/// forged one is.
fn payload(text: Option<&str>) -> Json {
    let Some(text) = text else { return Json::Null };
    match serde_json::from_str::<Json>(text) {
        Ok(json) if json.is_object() && canonical(&json).is_ok_and(|c| c == text) => json,
        _ => text.into(),
    }
}

fn payload_text(json: &Json) -> Option<String> {
    match json {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        json => canonical(json).ok(),
    }
}

fn line(json: &Json) -> Result<String, serde_json::Error> {
    let mut line = canonical(json)?;
    line.push('\n');
    Ok(line)
}

impl TrailHeader {
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        line(&json!({
            "type": "trail",
            "v": VERSION,
            "tree": self.tree,
            "origin": self.origin,
            "org": self.org,
            "from": self.from.to_string(),
            "frontier": hex(&self.frontier.to_bytes()),
        }))
    }
}

/// The last line of a tree.
pub fn end_line(frontier: &Frontier) -> Result<String, serde_json::Error> {
    end_of(i64::try_from(frontier.size()).unwrap_or(i64::MAX), &frontier.root())
}

fn end_of(size: i64, root: &Hash) -> Result<String, serde_json::Error> {
    line(&json!({ "type": "end", "size": size.to_string(), "root": hex(root) }))
}

pub fn request_line(r: &Request) -> Result<String, serde_json::Error> {
    line(&json!({
        "type": "request",
        "first": r.first_seq.to_string(),
        "last": r.last_seq.to_string(),
        "request_id": r.request_id.to_string(),
        "at": rfc3339(r.at),
        "actor": r.actor_id.to_string(),
        "source": r.source,
        "status": r.status,
        "salt": r.salt.as_deref().map(hex),
        "payload": payload(r.payload.as_deref()),
        "commitment": hex(&r.commitment),
        "digest": hex(&r.digest),
    }))
}

pub fn record_line(r: &Record<'_>) -> Result<String, serde_json::Error> {
    let mut json = json!({
        "type": "record",
        "seq": r.seq.to_string(),
        "action": r.action,
        "effect": r.effect,
        "kind": r.kind,
        "resource_id": r.resource_id.to_string(),
        "subject_id": (!r.subject_id.is_nil()).then(|| r.subject_id.to_string()),
        "salt": r.salt.map(hex),
        "payload": payload(r.payload),
        "leaf": hex(&r.leaf),
    });
    if let Some(commitment) = r.erased {
        json["commitment"] = hex(&commitment).into();
    }
    line(&json)
}

impl ExportLine {
    /// Reads a line without its end. None for anything that is not exactly as it is written here: written again it must
    /// be the same text. A member twice or too many, a blank and a number written otherwise all make another.
    pub fn parse(text: &str) -> Option<ExportLine> {
        let line = ExportLine::read(text)?;
        (line.to_line().ok()?.strip_suffix('\n')? == text).then_some(line)
    }

    fn to_line(&self) -> Result<String, serde_json::Error> {
        match self {
            ExportLine::Trail(trail) => trail.to_line(),
            ExportLine::Request(request) => request_line(request),
            ExportLine::Record(record) => record_line(&record.as_record()),
            ExportLine::End { size, root } => end_of(*size, root),
        }
    }

    fn read(text: &str) -> Option<ExportLine> {
        let json: Json = serde_json::from_str(text).ok()?;
        let str = |name: &str| json[name].as_str();
        // Numbers that can't be a record's are none.
        let int = |name: &str| -> Option<i64> { str(name)?.parse().ok().filter(|n| (0..i64::MAX).contains(n)) };
        let word = |name: &str| str(name).map(str::to_owned);
        let hash = |name: &str| -> Option<Hash> { unhex(str(name)?)?.try_into().ok() };
        let salt = match &json["salt"] {
            Json::Null => None,
            salt => Some(unhex(salt.as_str()?).filter(|salt| salt.len() == 16)?),
        };
        let time = |name: &str| -> Option<DateTime<Utc>> { Value::from_json(ValueType::Time, &json[name])?.as_time() };
        Some(match str("type")? {
            "trail" => {
                (json["v"] == VERSION).then_some(())?;
                let from = int("from").filter(|from| *from > 0)?;
                let frontier = Frontier::from_bytes(u64::try_from(from - 1).ok()?, &unhex(str("frontier")?)?)?;
                let tree = i32::try_from(json["tree"].as_i64()?).ok()?;
                ExportLine::Trail(TrailHeader { tree, origin: word("origin")?, org: word("org")?, from, frontier })
            }
            "request" => ExportLine::Request(Request {
                first_seq: int("first")?,
                last_seq: int("last")?,
                request_id: Uuid::try_parse(str("request_id")?).ok()?,
                at: time("at")?,
                actor_id: int("actor")?,
                source: word("source")?,
                status: word("status")?,
                salt,
                payload: payload_text(&json["payload"]),
                commitment: hash("commitment")?,
                digest: hash("digest")?,
                actor: None,
            }),
            "record" => ExportLine::Record(OwnedRecord {
                seq: int("seq")?,
                action: word("action")?,
                effect: word("effect")?,
                kind: word("kind")?,
                resource_id: Uuid::try_parse(str("resource_id")?).ok()?,
                subject_id: match &json["subject_id"] {
                    Json::Null => Uuid::nil(),
                    id => Uuid::try_parse(id.as_str()?).ok()?,
                },
                salt,
                payload: payload_text(&json["payload"]),
                leaf: hash("leaf")?,
                erased: hash("commitment"),
            }),
            "end" => ExportLine::End { size: int("size")?, root: hash("root")? },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_are_written_and_nothing_else_is() {
        let record = Record {
            seq: 7,
            action: "create",
            effect: "create",
            kind: "branch",
            resource_id: Uuid::nil(),
            subject_id: Uuid::nil(),
            salt: Some(&[7; 16]),
            payload: Some(r#"{"new":{"code":"MUM01","name":"Café"},"v":1}"#),
            leaf: [1; 32],
            erased: None,
        };
        let text = record_line(&record).expect("a line");
        let text = text.trim_end();
        assert!(text.contains(r#""payload":{"new":{"code":"MUM01","name":"Café"},"v":1}"#), "{text}");
        let Some(ExportLine::Record(read)) = ExportLine::parse(text) else { panic!("{text}") };
        assert_eq!(format!("{:?}", read.as_record()), format!("{record:?}"));
        for bent in [
            text.replace(r#""v":1"#, r#""v": 1"#),
            text.replace(r#""v":1"#, r#""v":1,"v":1"#),
            text.replace(r#""v":1"#, r#""v":1.0"#),
            text.replace(r#""seq":"7""#, r#""seq":7"#),
            text.replace("Café", "Caf\\u00e9"),
            text.replace("record", "recording"),
            text.replace(r#""type":"record""#, r#""type":"record","zzz":1"#),
            text.replace(r#""seq":"7""#, r#""seq":"+07""#),
            text.replace(&"07".repeat(16), "07"),
            text.replace(r#""payload":{"new":{"code":"MUM01","name":"Café"},"v":1}"#, r#""payload":"{\"v\":1}""#),
            String::new(),
        ] {
            assert!(ExportLine::parse(&bent).is_none(), "{bent}");
        }
        // A payload that is not canonical was not made by us, and is told as it is.
        let forged = Record { payload: Some(r#"{"v": 1}"#), ..record };
        let text = record_line(&forged).expect("a line");
        assert!(text.contains(r#""payload":"{\"v\": 1}""#), "{text}");
    }
}
