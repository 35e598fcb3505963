//! Untyped values: what travels between a typed struct and a row.
//!
//! Only `store` and `crud` handle these; a verb works with `Branch`, `Org` and the like.

use std::net::IpAddr;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How a value is stored. A typed NULL carries it, because PostgreSQL wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueType {
    Bool,
    Int,
    Text,
    Uuid,
    /// UTC to the microsecond: `timestamptz`, or integer microseconds on SQLite
    Time,
    /// A day without a time: `date`, or `YYYY-MM-DD` on SQLite
    Date,
    /// A decimal of four places: `numeric(18,4)`, or ten-thousandths as an integer on SQLite
    Decimal,
    /// One address, v4 or v6: `inet`, or its canonical text on SQLite
    Ip,
    Bytes,
    /// Kept as its canonical text (RFC 8785)
    Json,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    Null(ValueType),
    Bool(bool),
    Int(i64),
    Text(String),
    Uuid(Uuid),
    Time(DateTime<Utc>),
    Date(NaiveDate),
    Decimal(Decimal),
    Ip(IpAddr),
    Bytes(Vec<u8>),
    /// In a box: a record has many values, and few of them are this.
    Json(Box<serde_json::Value>),
}

/// A decimal number, kept as ten-thousandths; never a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Decimal(pub i64);

impl Decimal {
    /// Ten-thousandths in one.
    pub const ONE: i64 = 10_000;
    /// Most digits before the point, as `numeric(18,4)` has them.
    const WHOLE: usize = 14;

    /// Reads digits with at most four places behind a point. `None` for anything else: what does not fit is refused, never
    /// rounded.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, places) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        let whole = if is_number(whole) { whole.trim_start_matches('0') } else { return None };
        if !is_number(places) || whole.len() > Self::WHOLE || places.trim_end_matches('0').len() > 4 {
            return None;
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let places: i64 = format!("{places:0<4.4}").parse().ok()?;
        Some(Decimal(sign * (whole * Self::ONE + places)))
    }
}

impl std::fmt::Display for Decimal {
    /// Two places at least, as money is written, and four at most.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n = self.0.unsigned_abs();
        let places = format!("{:04}", n % Self::ONE.unsigned_abs());
        let places = places.trim_end_matches('0');
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{places:0<2}", n / Self::ONE.unsigned_abs())
    }
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
            Value::Int(n) if (-EXACT..=EXACT).contains(n) => (*n).into(),
            Value::Int(n) => n.to_string().into(),
            Value::Text(s) => s.as_str().into(),
            Value::Json(j) => (**j).clone(),
            Value::Uuid(_) | Value::Time(_) | Value::Date(_) | Value::Decimal(_) | Value::Ip(_) | Value::Bytes(_) => {
                self.to_text().into()
            }
        }
    }

    /// Reads [`Value::to_json`] back, where the kind is known. `None` where it is not of that kind.
    pub fn from_json(kind: ValueType, json: &serde_json::Value) -> Option<Value> {
        let text = || json.as_str();
        if json.is_null() {
            return Some(Value::Null(kind));
        }
        Some(match kind {
            ValueType::Bool => Value::Bool(json.as_bool()?),
            ValueType::Int => Value::Int(json.as_i64().or_else(|| text()?.parse().ok())?),
            ValueType::Text => Value::Text(text()?.to_owned()),
            ValueType::Uuid => Value::Uuid(Uuid::try_parse(text()?).ok()?),
            ValueType::Time => Value::Time(DateTime::parse_from_rfc3339(text()?).ok()?.to_utc()),
            ValueType::Date => Value::Date(text()?.parse().ok()?),
            ValueType::Decimal => Value::Decimal(Decimal::parse(text()?)?),
            ValueType::Ip => Value::Ip(text()?.parse().ok()?),
            ValueType::Json => Value::Json(Box::new(json.clone())),
            ValueType::Bytes => return None,
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
            Value::Date(d) => d.to_string(),
            Value::Decimal(d) => d.to_string(),
            Value::Ip(a) => a.to_string(),
            Value::Json(j) => canonical(j).unwrap_or_default(),
            Value::Bytes(b) => hex(b),
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
    pub fn as_date(&self) -> Option<NaiveDate> {
        if let Value::Date(d) = self { Some(*d) } else { None }
    }
    pub fn as_decimal(&self) -> Option<Decimal> {
        if let Value::Decimal(d) = self { Some(*d) } else { None }
    }
    pub fn as_ip(&self) -> Option<IpAddr> {
        if let Value::Ip(a) = self { Some(*a) } else { None }
    }
    pub fn as_json(&self) -> Option<&serde_json::Value> {
        if let Value::Json(j) = self { Some(&**j) } else { None }
    }
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Value::Bytes(b) = self { Some(b) } else { None }
    }
}

/// Two digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    ::hex::encode(bytes)
}

/// Reads [`hex()`] back, and nothing else: small letters only, so that equal bytes are equal texts.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    ::hex::decode(text).ok().filter(|_| !text.bytes().any(|b| b.is_ascii_uppercase()))
}

/// Whether a time or a date is one that people, files and both engines can hold: in the years 1 to 9999.
pub fn in_calendar(t: &impl chrono::Datelike) -> bool {
    (1..=9999).contains(&t.year())
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
            fn from(v: $t) -> Value {
                Value::$v(v.into())
            }
        }
        impl From<Option<$t>> for Value {
            fn from(v: Option<$t>) -> Value {
                v.map_or(Value::Null(ValueType::$k), Value::from)
            }
        }
    )*};
}
from! { bool => Bool: Bool, i64 => Int: Int, i32 => Int: Int, &str => Text: Text, String => Text: Text, Uuid => Uuid: Uuid,
DateTime<Utc> => Time: Time, NaiveDate => Date: Date, Decimal => Decimal: Decimal, Vec<u8> => Bytes: Bytes }

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

    /// Published vectors of RFC 8785 (cyberphone/json-canonicalization, testdata: arrays, structures, values).
    #[test]
    fn canonical_text_is_that_of_the_published_vectors() {
        for (input, output) in [
            (r#"[ 56, { "d": true, "10": null, "1": [ ] } ]"#, r#"[56,{"1":[],"10":null,"d":true}]"#),
            (
                r#"{ "1": {"f": {"f": "hi","F": 5} ,"\n": 56.0}, "10": { }, "": "empty", "a": { },
                     "111": [ {"e": "yes","E": "no" } ], "A": { } }"#,
                r#"{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}"#,
            ),
            (
                r#"{ "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
                     "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false] }"#,
                r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#,
            ),
        ] {
            let value: serde_json::Value = serde_json::from_str(input).expect("JSON");
            assert_eq!(canonical(&value).expect("a text"), output);
        }
    }

    #[test]
    fn decimals_are_exact_or_refused() {
        for (text, shown) in [
            ("0", "0.00"),
            ("12.5", "12.50"),
            ("0.0001", "0.0001"),
            ("-3.10", "-3.10"),
            ("007.120000", "7.12"),
            ("99999999999999.9999", "99999999999999.9999"),
        ] {
            assert_eq!(Decimal::parse(text).map(|d| d.to_string()).as_deref(), Some(shown), "{text}");
        }
        for text in ["", ".5", "5.", "1e3", "1,000", "0.00001", "100000000000000", "--1", "+1", "१", "1.2.3"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    proptest! {
        /// The crate made for RFC 8785 says the same.
        #[test]
        fn decimals_are_read_back(n in -999_999_999_999_999_999_i64..=999_999_999_999_999_999) {
            prop_assert_eq!(Decimal::parse(&Decimal(n).to_string()), Some(Decimal(n)));
        }

        #[test]
        fn canonical_text_is_that_of_the_crate(value in json()) {
            prop_assert_eq!(canonical(&value).ok(), serde_json_canonicalizer::to_string(&value).ok());
        }
    }
}
