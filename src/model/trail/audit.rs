//! The bytes of an audit record. They are described, with test vectors, in `docs/audit-format.md`, are the same on both
//! engines, and never change: a new layout gets a new format version.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::merkle::{Hash, leaf_hash};
use crate::model::resource::states::Transition;
use crate::model::resource::{Attr, Descriptor, Field, Meta, Record};
use crate::model::values::scalar::ParseContext;
use crate::model::values::set;
#[cfg(test)]
use crate::model::values::value::canonical;
use crate::model::values::value::{Value, ValueType};

/// What records are about that are about the trail itself.
pub const KIND: &str = "audit";

/// What a record is about that corrects a wrong clock: a `config_change` from which on earlier times count again.
pub const CLOCK: &str = "clock";

/// First byte of every header.
pub const FORMAT: u8 = 1;
/// `v` in every payload: what its members mean.
pub const SCHEMA: u8 = 1;

/// What was done: the closed list of DOMAIN.md, section 5, as far as the present verbs need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    Create,
    Update,
    Delete,
    Restore,
    Purge,
    Import,
    Export,
    Reveal,
    Activate,
    Deactivate,
    Move,
    Merge,
    UserBlock,
    UserUnblock,
    PasswordChange,
    KycSubmit,
    KycApprove,
    KycReject,
    Migrate,
    ConfigChange,
    Archive,
    Erase,
    Revert,
    Backup,
    BackupRestore,
    KeyRotate,
}

impl Action {
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
            Action::Restore => "restore",
            Action::Purge => "purge",
            Action::Import => "import",
            Action::Export => "export",
            Action::Reveal => "reveal",
            Action::Activate => "activate",
            Action::Deactivate => "deactivate",
            Action::Move => "move",
            Action::Merge => "merge",
            Action::UserBlock => "user_block",
            Action::UserUnblock => "user_unblock",
            Action::PasswordChange => "password_change",
            Action::KycSubmit => "kyc_submit",
            Action::KycApprove => "kyc_approve",
            Action::KycReject => "kyc_reject",
            Action::Migrate => "migrate",
            Action::ConfigChange => "config_change",
            Action::Archive => "archive",
            Action::Erase => "erase",
            Action::Revert => "revert",
            Action::Backup => "backup",
            Action::BackupRestore => "backup_restore",
            Action::KeyRotate => "key_rotate",
        }
    }
}

/// The closed list of DOMAIN.md, section 5: other words are those of other programs.
pub const ACTIONS: &[&str] = &[
    "create",
    "read",
    "update",
    "delete",
    "restore",
    "purge",
    "import",
    "export",
    "reveal",
    "login",
    "logout",
    "otp_request",
    "otp_verify",
    "kyc_submit",
    "kyc_approve",
    "kyc_reject",
    "password_change",
    "role_change",
    "access_grant",
    "access_revoke",
    "user_block",
    "user_unblock",
    "unlock",
    "suspend",
    "activate",
    "deactivate",
    "move",
    "merge",
    "revert",
    "approve",
    "reject",
    "session_revoke",
    "key_rotate",
    "erase",
    "archive",
    "apply",
    "migrate",
    "asset_assign",
    "asset_transfer",
    "payment",
    "refund",
    "backup",
    "backup_restore",
    "config_change",
];

/// Where a command can come from (DOMAIN.md, section 5).
pub const SOURCES: &[&str] = &["cli", "cron", "ci", "api", "web", "mobile", "system"];

/// How the command ended that a record belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    Success,
    Failed,
    Denied,
    Interrupted,
}

impl Status {
    pub const ALL: &[Status] = &[Status::Success, Status::Failed, Status::Denied, Status::Interrupted];

    pub fn parse(word: &str) -> Option<Status> {
        Status::ALL.iter().copied().find(|s| s.as_str() == word)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Success => "success",
            Status::Failed => "failed",
            Status::Denied => "denied",
            Status::Interrupted => "interrupted",
        }
    }
}

/// What a record did to the row that it is about. Whatever rebuilds the past or checks it goes by this; the action is a word
/// for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// No row changed: what was refused, what was only read or handed out, what is about no row.
    None,
    Create,
    /// The row.
    Update,
    /// Soft: the row stays, marked as deleted.
    Delete,
    Restore,
    /// The row is gone.
    Purge,
}

impl Effect {
    pub const ALL: &[Effect] =
        &[Effect::None, Effect::Create, Effect::Update, Effect::Delete, Effect::Restore, Effect::Purge];

    pub fn parse(word: &str) -> Option<Effect> {
        Effect::ALL.iter().copied().find(|e| e.as_str() == word)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Effect::None => "none",
            Effect::Create => "create",
            Effect::Update => "update",
            Effect::Delete => "delete",
            Effect::Restore => "restore",
            Effect::Purge => "purge",
        }
    }
}

/// What happened, as a header tells it.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    pub action: &'a str,
    pub effect: Effect,
    pub kind: &'a str,
    /// Nil where it is about no single record.
    pub resource_id: Uuid,
    /// Whose data it holds; nil where it holds nobody's.
    pub subject_id: Uuid,
}

impl<'a> Event<'a> {
    /// A change of a row.
    pub fn of(record: &Record, action: Action, effect: Effect) -> Event<'a> {
        let plain = [Action::Create, Action::Update, Action::Delete, Action::Restore, Action::Purge];
        let action = record.desc.recorded.filter(|_| plain.contains(&action)).unwrap_or(action);
        Event {
            action: action.as_str(),
            effect,
            kind: record.desc.noun,
            resource_id: record.meta.id,
            subject_id: record.subject(),
        }
    }

    /// What changed no row and holds nobody's data.
    pub fn without_effect(action: &'a str, kind: &'a str, resource_id: Uuid) -> Event<'a> {
        Event { action, effect: Effect::None, kind, resource_id, subject_id: Uuid::nil() }
    }

    #[must_use]
    pub fn about(self, subject_id: Uuid) -> Event<'a> {
        Event { subject_id, ..self }
    }
}

/// The part of a record that is hashed in clear. It holds no personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header<'a> {
    /// The organisation's number; SYSTEM is 0.
    pub tree: u32,
    /// From 1; the index of the leaf is one less.
    pub seq: u64,
    pub at: DateTime<Utc>,
    pub request_id: Uuid,
    /// [`request_digest`] of what the records of this transaction have in common.
    pub request_digest: Hash,
    pub action: &'a str,
    /// The word of an [`Effect`].
    pub effect: &'a str,
    pub kind: &'a str,
    /// Nil where the record is about no single one.
    pub resource_id: Uuid,
    /// Whose data the record holds; nil where it holds nobody's.
    pub subject_id: Uuid,
    pub status: &'a str,
}

impl Header<'_> {
    /// Big-endian, each text behind one byte of length.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut b = Vec::with_capacity(160);
        b.push(FORMAT);
        b.extend(self.tree.to_be_bytes());
        b.extend(self.seq.to_be_bytes());
        b.extend(self.at.timestamp_micros().to_be_bytes());
        b.extend(self.request_id.as_bytes());
        b.extend(self.request_digest);
        push_text(&mut b, self.action);
        push_text(&mut b, self.effect);
        push_text(&mut b, self.kind);
        b.extend(self.resource_id.as_bytes());
        b.extend(self.subject_id.as_bytes());
        push_text(&mut b, self.status);
        b
    }

    pub fn leaf(&self, commitment: &Hash) -> Hash {
        leaf_hash(&[&self.to_bytes(), commitment])
    }
}

/// Most characters of an action, a kind, a status or a source (DOMAIN.md, section 0). The schema holds the same bound,
/// and one byte of length is ample for it.
pub const WORD: usize = 50;

fn push_text(b: &mut Vec<u8>, text: &str) {
    let bytes = &text.as_bytes()[..text.len().min(255)];
    b.push(bytes.len() as u8);
    b.extend(bytes);
}

/// Hides a payload behind a salt: SHA-256(salt || payload). With the salt destroyed nobody can guess the payload back,
/// and the tree still proves.
pub fn commit(salt: &[u8; 16], payload: &str) -> Hash {
    Sha256::new_with_prefix(salt).chain_update(payload.as_bytes()).finalize().into()
}

/// Binds what the records of one transaction have in common: SHA-256(0x02 || actor || source || commitment). Actor number
/// and source stay bound when the payload behind the commitment is erased.
pub fn request_digest(actor_id: i64, source: &str, commitment: &Hash) -> Hash {
    let mut b = vec![0x02];
    b.extend(actor_id.to_be_bytes());
    push_text(&mut b, source);
    b.extend(commitment);
    Sha256::digest(&b).into()
}

/// A leaf of the log of checkpoints: SHA-256(0x00 || 0x01 || tree || size || time || root), big-endian as in a header.
pub fn checkpoint_leaf(tree: i32, size: i64, at: DateTime<Utc>, root: &Hash) -> Hash {
    leaf_hash(&[&[FORMAT], &tree.to_be_bytes(), &size.to_be_bytes(), &at.timestamp_micros().to_be_bytes(), root])
}

/// What a record says besides its header.
#[derive(Debug, Clone, Default)]
pub struct Payload {
    /// Natural key at that time; left out where `new` tells it.
    pub key: Option<String>,
    pub old: Option<Map<String, Json>>,
    pub new: Option<Map<String, Json>>,
    /// Anything else about the event: an import's counts, a migration's version.
    pub details: Map<String, Json>,
}

/// Under which word a change is recorded, and what its record says besides the values.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeNote {
    pub action: Action,
    pub details: Map<String, Json>,
}

impl From<Action> for ChangeNote {
    fn from(action: Action) -> ChangeNote {
        ChangeNote { action, details: Map::new() }
    }
}

impl ChangeNote {
    /// Of a move from one state to another: the record names the verb.
    pub fn of_move(transition: &Transition) -> ChangeNote {
        let details = Map::from_iter([("verb".to_owned(), transition.verb.into())]);
        ChangeNote { action: transition.action(), details }
    }
}

impl Payload {
    pub fn into_json(self) -> Json {
        let mut m = self.details;
        m.insert("v".into(), SCHEMA.into());
        let members = [
            ("key", self.key.map(Json::String)),
            ("old", self.old.map(Json::Object)),
            ("new", self.new.map(Json::Object)),
        ];
        m.extend(members.into_iter().filter_map(|(name, member)| Some((name.to_owned(), member?))));
        Json::Object(m)
    }
}

/// Numbers from the first to the last, as a payload tells them: `[[1,20],[23,23]]`.
pub fn spans(spans: &[(i64, i64)]) -> Json {
    spans
        .iter()
        .map(|(first, last)| Json::from(vec![Value::Int(*first).to_json(), Value::Int(*last).to_json()]))
        .collect()
}

/// Reads [`spans`] back; what is none is passed over.
pub fn spans_of(json: &Json) -> impl Iterator<Item = (i64, i64)> {
    let int = |v: &Json| Value::from_json(ValueType::Int, v).and_then(|v| v.as_int());
    json.as_array().into_iter().flatten().filter_map(move |pair| Some((int(&pair[0])?, int(&pair[1])?)))
}

/// How the value of a field enters a payload, the one place that decides it: a reference as the id of what it points at, a
/// time in UTC, a decimal as its text, a set as the array of its members, and so on, as `-o json` has them. A secret field,
/// which no kind has yet, is to enter as a fingerprint, here.
pub fn to_payload(field: &Field, value: &Value) -> Json {
    match value.as_text().filter(|_| field.is_set()) {
        Some(text) => set::members(text).collect(),
        None => value.to_json(),
    }
}

/// Reads [`to_payload`] back; `None` for what is no value of the field.
pub fn from_payload(field: &Field, json: &Json) -> Option<Value> {
    if let (Json::Array(members), true) = (json, field.is_set()) {
        let members: Vec<&str> = members.iter().map(Json::as_str).collect::<Option<_>>()?;
        return Some(set::joined(members).into());
    }
    Value::from_json(field.ty.kind, json)
}

/// The fields that a record keeps and the trail tells, and their values.
fn kept(record: &Record) -> impl Iterator<Item = (&'static Field, &Value)> {
    let desc = record.desc;
    desc.fields.iter().zip(&record.values).filter(|(f, _)| desc.keeps(f) && !f.has(Attr::Secret))
}

/// Whether a value is the one that a new record gets where none is given: a create record does not tell it.
pub fn same_as_default(field: &Field, value: &Value) -> bool {
    // Most values are the default's own text, which saves parsing it.
    let is = |d: &str| value.to_text() == d || (field.ty.parse)(d, &ParseContext::default()).as_ref() == Ok(value);
    field.default().is_some_and(is)
}

/// The fields that have a value other than their default, as a create record tells them.
pub fn set_fields(record: &Record) -> Map<String, Json> {
    let told = kept(record).filter(|(f, v)| !v.is_null() && !same_as_default(f, v));
    told.map(|(f, v)| (f.column.to_owned(), to_payload(f, v))).collect()
}

/// Whether a whole row, as a payload has it, was deleted.
pub fn is_of_deleted(row: &Map<String, Json>) -> bool {
    row.get("deleted_at").is_some_and(|at| !at.is_null())
}

/// The whole row, from which the past can be rebuilt once the row is gone.
pub fn whole_row(record: &Record) -> Map<String, Json> {
    let mut row: Map<String, Json> = kept(record).map(|(f, v)| (f.column.to_owned(), to_payload(f, v))).collect();
    let meta = &record.meta;
    let time = |t: Option<DateTime<Utc>>| Value::from(t).to_json();
    let int = |n: Option<i64>| Value::from(n).to_json();
    row.insert("id".into(), meta.id.to_string().into());
    row.insert("created_at".into(), time(Some(meta.created_at)));
    row.insert("created_by".into(), int(Some(meta.created_by)));
    row.insert("updated_at".into(), time(Some(meta.updated_at)));
    row.insert("updated_by".into(), int(Some(meta.updated_by)));
    row.insert("version".into(), int(Some(meta.version)));
    row.insert("deleted_at".into(), time(meta.deleted_at));
    row.insert("deleted_by".into(), int(meta.deleted_by));
    row.insert("deletion_id".into(), Value::from(meta.deletion_id).to_json());
    row
}

/// The record of a whole row. What the row does not tell, since its column is younger, has its default; `None` where a
/// value is not of its kind.
pub fn from_whole_row(desc: &'static Descriptor, org: i32, row: &Map<String, Json>) -> Option<Record> {
    let of = |kind: ValueType, name: &str| Value::from_json(kind, row.get(name).unwrap_or(&Json::Null));
    let mut values = Vec::with_capacity(desc.fields.len());
    for field in desc.fields {
        values.push(match (row.get(field.column), field.default()) {
            (None, Some(default)) => (field.ty.parse)(default, &ParseContext::default()).ok()?,
            (json, _) => from_payload(field, json.unwrap_or(&Json::Null))?,
        });
    }
    let meta = Meta {
        org_id: org,
        id: of(ValueType::Uuid, "id")?.as_uuid()?,
        created_at: of(ValueType::Time, "created_at")?.as_time()?,
        created_by: of(ValueType::Int, "created_by")?.as_int()?,
        updated_at: of(ValueType::Time, "updated_at")?.as_time()?,
        updated_by: of(ValueType::Int, "updated_by")?.as_int()?,
        version: of(ValueType::Int, "version")?.as_int()?,
        deleted_at: of(ValueType::Time, "deleted_at")?.as_time(),
        deleted_by: of(ValueType::Int, "deleted_by")?.as_int(),
        deletion_id: of(ValueType::Uuid, "deletion_id")?.as_uuid(),
        request_id: None,
    };
    let mut record = Record::new(desc, meta, values);
    for field in desc.stored().filter(|f| desc.concat_of(f).is_some()) {
        // What the database joins of its parts is in no payload.
        record.put(field.column, record.get(field.column).clone());
    }
    Some(record)
}

/// Old and new values of the fields that differ.
pub fn changed_fields(before: &Record, after: &Record) -> (Map<String, Json>, Map<String, Json>) {
    let (mut old, mut new) = (Map::new(), Map::new());
    for ((field, b), (_, a)) in kept(before).zip(kept(after)) {
        if a != b {
            old.insert(field.column.to_owned(), to_payload(field, b));
            new.insert(field.column.to_owned(), to_payload(field, a));
        }
    }
    (old, new)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of docs/audit-format.md, which were made with Python.
    #[test]
    fn bytes_are_those_of_the_document() {
        let doc = include_str!("../../../docs/audit-format.md");
        let of = |name: &str, from: &str| -> String {
            let part = &doc[doc.find(from).expect("a part of the document")..];
            let line = part.lines().find(|l| l.starts_with(name)).expect("a line of the document");
            line[name.len()..].trim().to_owned()
        };
        let ascending = |from: u8| std::array::from_fn(|i| from + i as u8);
        let request = canonical(&serde_json::json!({
            "v": 1, "source": "cli",
            "actor": { "name": "asha", "kind": "operator", "key": "operator:1000@host", "id": 1 },
        }));
        let request = request.expect("JSON");
        assert_eq!(request, of("request payload", "request salt"));
        let bound = commit(&ascending(0), &request);
        assert_eq!(crate::model::values::value::hex(&bound), of("commitment", "request salt"));
        let request_digest = request_digest(1, "cli", &bound);
        assert_eq!(crate::model::values::value::hex(&request_digest), of("request digest", "request salt"));
        let branch = "tree 1, seq 7";
        let new = serde_json::json!({ "name": "Café", "code": "MUM01" });
        let payload = Payload { new: new.as_object().cloned(), ..Payload::default() };
        let payload = canonical(&payload.into_json()).expect("JSON");
        assert_eq!(payload, of("payload", branch));
        let commitment = commit(&ascending(16), &payload);
        assert_eq!(crate::model::values::value::hex(&commitment), of("commitment", branch));
        let id = |text: &str| -> Uuid { text.parse().expect("a UUID") };
        let header = Header {
            tree: 1,
            seq: 7,
            at: "2026-11-21T00:00:00.123456Z".parse().expect("a time"),
            request_id: id("01a1fbef-180a-7083-9f2a-d295010d2fdd"),
            request_digest,
            action: "create",
            effect: Effect::Create.as_str(),
            kind: "branch",
            resource_id: id("01a1fbef-180b-7abc-8def-000000000001"),
            subject_id: Uuid::nil(),
            status: "success",
        };
        assert_eq!(crate::model::values::value::hex(&header.to_bytes()), of("header", branch));
        let mut tree = super::super::merkle::Frontier::default();
        tree.append(header.leaf(&commitment));
        assert_eq!(crate::model::values::value::hex(&tree.root()), of("leaf", branch));
        let merge = "the same with seq 8";
        let into = id("01a1fbef-180b-7abc-8def-000000000003");
        let old = serde_json::json!({ "first_name": "Asha" });
        let mut payload = Payload { key: Some("3CZH4Y".into()), old: old.as_object().cloned(), ..Payload::default() };
        payload.details.insert("merged_into".into(), into.to_string().into());
        let payload = canonical(&payload.into_json()).expect("JSON");
        assert_eq!(payload, of("payload", merge));
        let commitment = commit(&ascending(32), &payload);
        assert_eq!(crate::model::values::value::hex(&commitment), of("commitment", merge));
        let header = Header {
            seq: 8,
            action: "merge",
            effect: Effect::Delete.as_str(),
            kind: "user",
            resource_id: id("01a1fbef-180b-7abc-8def-000000000002"),
            subject_id: into,
            ..header
        };
        assert_eq!(crate::model::values::value::hex(&header.to_bytes()), of("header", merge));
        tree.append(header.leaf(&commitment));
        assert_eq!(crate::model::values::value::hex(&header.leaf(&commitment)), of("leaf", merge));
        assert_eq!(crate::model::values::value::hex(&tree.root()), of("root of both", merge));
    }
}
