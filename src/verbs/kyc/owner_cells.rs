//! Who owns a business beneficially as a file says it: sealed, with ids, or in clear, in the words that 'kyc submit' reads.

use std::collections::HashMap;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::paper::{BETWEEN_OWNERS, OWNERS as OWNERS_CELL};
use super::seal::{NUMBER, OWNERS, opened_by};
use crate::crud::vault::{Cell, Opener};
use crate::model::problem::Problem;
use crate::model::resource::{NAME, Record};
use crate::model::strict_json;
use crate::model::values::value::{Value, ValueType};
use crate::store::engine::db::Db;
use crate::store::records;

/// What is sealed of owners, as the record of an export names it.
pub const FIELDS: [&str; 2] = ["owner.name", "owner.number"];

/// The owners of businesses, in their order.
pub async fn of(db: &mut Db, org: i32, businesses: &[Value]) -> Result<HashMap<Uuid, Vec<Record>>> {
    let found = records::with_values(db, OWNERS, Some(org), OWNERS.known("kyc_id")?, businesses).await?;
    let mut by_business: HashMap<Uuid, Vec<Record>> = HashMap::new();
    for owner in found {
        by_business.entry(owner.get("kyc_id").as_uuid().unwrap_or_default()).or_default().push(owner);
    }
    for owners in by_business.values_mut() {
        owners.sort_by_key(|owner| owner.get("serial").as_int());
    }
    Ok(by_business)
}

/// Owners as they are kept.
pub fn sealed(owners: &[Record]) -> Value {
    if owners.is_empty() {
        return Value::Null(ValueType::Json);
    }
    let text = |owner: &Record, column: &str| owner.get(column).as_bytes().map(|bytes| STANDARD.encode(bytes));
    let one = |owner: &Record| {
        json!({
            "id": owner.meta.id.to_string(),
            "share": owner.get("share").to_text(),
            "name": text(owner, NAME),
            "pan": text(owner, NUMBER),
        })
    };
    Value::Json(Box::new(owners.iter().map(one).collect()))
}

/// Owners in clear: a list of objects, or one after the other in a cell of text, from which both are read.
pub fn clear(opener: &Opener, owners: &[Record], is_text: bool) -> Result<Value> {
    if owners.is_empty() {
        return Ok(Value::Null(ValueType::Json));
    }
    let mut all = Vec::with_capacity(owners.len());
    for owner in owners {
        let clear = opened_by(opener, owner)?;
        let text = |column: &str| clear.iter().find(|(name, _)| *name == column).map_or("", |(_, text)| text.as_str());
        all.push((text(NAME).to_owned(), owner.get("share").to_text(), text(NUMBER).to_owned()));
    }
    if is_text && all.iter().all(|(name, ..)| !name.contains(BETWEEN_OWNERS)) {
        let lines: Vec<String> = all.iter().map(|(name, share, pan)| format!("{name}; {share}; {pan}")).collect();
        return Ok(lines.join(&format!(" {BETWEEN_OWNERS} ")).into());
    }
    let one = |(name, share, pan): (String, String, String)| json!({"name": name, "share": share, "pan": pan});
    Ok(Value::Json(Box::new(all.into_iter().map(one).collect())))
}

/// Owners that were brought sealed: their ids, and what they say in clear, as a cell says it. They are of whom the record is, if that
/// is known.
pub fn opened(opener: &Opener, text: &str, subject: &mut Uuid) -> Result<(Vec<Uuid>, Zeroizing<String>), Problem> {
    let wrong = |why: &str| Problem::invalid(why).field(OWNERS_CELL);
    let no_list = || wrong("the sealed owners are no list of objects with id, share, name and pan");
    let json = strict_json::parse(text).map_err(|_| no_list())?;
    let (mut ids, mut all) = (Vec::new(), Vec::new());
    for owner in json.as_array().ok_or_else(no_list)? {
        let member = |name: &str| owner.get(name).and_then(Json::as_str).ok_or_else(no_list);
        let id = Uuid::try_parse(member("id")?).map_err(|_| no_list())?;
        let mut open = |column: &str, text: &str| {
            let bytes = STANDARD.decode(text.trim()).map_err(|_| wrong("what is sealed of an owner is no Base64"))?;
            let of = opener.subject_of(&bytes).ok_or_else(|| {
                wrong("an owner is sealed by a key that is not here: 'orgctl key import' brings the keys of an organisation")
            })?;
            if subject.is_nil() {
                *subject = of;
            }
            if of != *subject {
                return Err(wrong("an owner is sealed as data of somebody else"));
            }
            let clear = opener.open(&Cell { table: OWNERS.table, column, row: id }, &bytes)?;
            let clear = std::str::from_utf8(&clear).map_err(|_| wrong("what is sealed of an owner is no text"))?;
            Ok(clear.to_owned())
        };
        let (name, pan) = (open(NAME, member("name")?)?, open(NUMBER, member("pan")?)?);
        ids.push(id);
        all.push(json!({"name": name, "share": member("share")?, "pan": pan}));
    }
    Ok((ids, Zeroizing::new(Json::Array(all).to_string())))
}
