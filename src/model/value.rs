//! Untyped values: what travels between a typed struct and a row.
//!
//! Only `store` and `crud` handle these; a verb works with `Branch`, `Org` and the like.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How a value is stored. A typed NULL carries it, because PostgreSQL wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Bool,
    Int,
    Text,
    Uuid,
    /// UTC to the microsecond: `timestamptz`, or integer microseconds on SQLite
    Time,
    Bytes,
    /// Kept as its canonical text (RFC 8785)
    Json,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    Null(Kind),
    Bool(bool),
    Int(i64),
    Text(String),
    Uuid(Uuid),
    Time(DateTime<Utc>),
    Bytes(Vec<u8>),
    Json(serde_json::Value),
}

/// Largest integer that every JSON reader keeps exactly (RFC 8785, section 3.2.2.3: IEEE 754 doubles).
const EXACT: i64 = (1 << 53) - 1;

impl Value {
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null(_))
    }

    /// The JSON form used in output and in audit payloads. Integers past 2^53 become strings.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Null(_) => serde_json::Value::Null,
            Value::Bool(b) => (*b).into(),
            Value::Int(n) if n.abs() <= EXACT => (*n).into(),
            Value::Int(n) => n.to_string().into(),
            Value::Text(s) => s.as_str().into(),
            Value::Json(j) => j.clone(),
            Value::Uuid(_) | Value::Time(_) | Value::Bytes(_) => self.to_text().into(),
        }
    }

    /// Reads [`Value::to_json`] back, where the kind is known. `None` where it is not of that kind.
    pub fn from_json(kind: Kind, json: &serde_json::Value) -> Option<Value> {
        let text = || json.as_str();
        if json.is_null() {
            return Some(Value::Null(kind));
        }
        Some(match kind {
            Kind::Bool => Value::Bool(json.as_bool()?),
            Kind::Int => Value::Int(json.as_i64().or_else(|| text()?.parse().ok())?),
            Kind::Text => Value::Text(text()?.to_owned()),
            Kind::Uuid => Value::Uuid(Uuid::try_parse(text()?).ok()?),
            Kind::Time => Value::Time(DateTime::parse_from_rfc3339(text()?).ok()?.to_utc()),
            Kind::Json => Value::Json(json.clone()),
            Kind::Bytes => return None,
        })
    }

    /// The machine form: what CSV, TSV and `-o key` print. NULL is empty.
    pub fn to_text(&self) -> String {
        match self {
            Value::Null(_) => String::new(),
            Value::Bool(b) => b.to_string(),
            Value::Int(n) => n.to_string(),
            Value::Text(s) => s.clone(),
            Value::Uuid(u) => u.to_string(),
            Value::Time(t) => rfc3339(*t),
            Value::Json(j) => canonical(j).unwrap_or_default(),
            Value::Bytes(b) => b.iter().map(|b| format!("{b:02x}")).collect(),
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(s) = self { Some(s) } else { None }
    }
    pub fn as_int(&self) -> Option<i64> {
        if let Value::Int(n) = self { Some(*n) } else { None }
    }
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(b) = self { Some(*b) } else { None }
    }
    pub fn as_uuid(&self) -> Option<Uuid> {
        if let Value::Uuid(u) = self { Some(*u) } else { None }
    }
    pub fn as_time(&self) -> Option<DateTime<Utc>> {
        if let Value::Time(t) = self { Some(*t) } else { None }
    }
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Value::Bytes(b) = self { Some(b) } else { None }
    }
}

/// RFC 3339 in UTC with exactly six fractional digits, so that equal instants are equal texts.
pub fn rfc3339(t: DateTime<Utc>) -> String {
    t.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// The canonical text of a JSON value (RFC 8785).
pub fn canonical(value: &serde_json::Value) -> Result<String, serde_json::Error> {
    let mut text = String::with_capacity(256);
    match push_canonical(&mut text, value)? {
        true => Ok(text),
        false => serde_json_canonicalizer::to_string(value),
    }
}

/// Writes what is canonical without more ado: whole numbers that JSON readers keep, and names in ASCII, whose bytes sort
/// as UTF-16 does. False where the value holds anything else. The crate would take three times as long, and an audit
/// record is made of this.
fn push_canonical(text: &mut String, value: &serde_json::Value) -> Result<bool, serde_json::Error> {
    use serde_json::Value as Json;
    match value {
        Json::Null => text.push_str("null"),
        Json::Bool(b) => text.push_str(if *b { "true" } else { "false" }),
        Json::Number(n) => match n.as_i64().filter(|n| n.abs() <= EXACT) {
            Some(n) => text.push_str(&n.to_string()),
            None => return Ok(false),
        },
        Json::String(s) => push_string(text, s)?,
        Json::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                text.push(if i == 0 { '[' } else { ',' });
                if !push_canonical(text, item)? {
                    return Ok(false);
                }
            }
            text.push_str(if items.is_empty() { "[]" } else { "]" });
        }
        Json::Object(members) => {
            let mut sorted: Vec<(&String, &Json)> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            for (i, (name, member)) in sorted.into_iter().enumerate() {
                text.push(if i == 0 { '{' } else { ',' });
                if !name.is_ascii() {
                    return Ok(false);
                }
                push_string(text, name)?;
                text.push(':');
                if !push_canonical(text, member)? {
                    return Ok(false);
                }
            }
            text.push_str(if members.is_empty() { "{}" } else { "}" });
        }
    }
    Ok(true)
}

/// A string as JSON: most need no escape.
fn push_string(text: &mut String, string: &str) -> Result<(), serde_json::Error> {
    if string.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        text.push('"');
        text.push_str(string);
        text.push('"');
    } else {
        text.push_str(&serde_json::to_string(string)?);
    }
    Ok(())
}

macro_rules! from {
    ($($t:ty => $v:ident : $k:ident),* $(,)?) => {$(
        impl From<$t> for Value {
            fn from(v: $t) -> Value { Value::$v(v.into()) }
        }
        impl From<Option<$t>> for Value {
            fn from(v: Option<$t>) -> Value { v.map_or(Value::Null(Kind::$k), Value::from) }
        }
    )*};
}
from! { bool => Bool: Bool, i64 => Int: Int, i32 => Int: Int, &str => Text: Text, String => Text: Text, Uuid => Uuid: Uuid,
DateTime<Utc> => Time: Time, Vec<u8> => Bytes: Bytes }

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            (-100_i64..100).prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
                prop::collection::btree_map("[a-z_\u{80}-\u{10ffff}\"]{0,4}", inner, 0..8)
                    .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// The crate made for RFC 8785 says the same.
        #[test]
        fn canonical_text_is_that_of_the_crate(value in json()) {
            prop_assert_eq!(canonical(&value).ok(), serde_json_canonicalizer::to_string(&value).ok());
        }
    }
}
