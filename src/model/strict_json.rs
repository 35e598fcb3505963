//! JSON from outside: a member that stands twice in an object, and a whole number that readers would round, are refused.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};

/// Largest whole number that every reader keeps (RFC 8785, section 3.2.2.3).
const EXACT: u64 = (1 << 53) - 1;

struct Strict(Json);

/// Reads one JSON value; the error says what is wrong with it and where.
pub fn parse(text: &str) -> Result<Json, String> {
    match serde_json::from_str::<Strict>(text) {
        Ok(Strict(json)) => Ok(json),
        Err(e) => Err(e.to_string()),
    }
}

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Strict, D::Error> {
        deserializer.deserialize_any(Reader).map(Strict)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Json, E> {
        Ok(v.into())
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<Json, E> {
        if v.unsigned_abs() > EXACT { Err(E::custom(too_large(v))) } else { Ok(v.into()) }
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<Json, E> {
        if v > EXACT { Err(E::custom(too_large(v))) } else { Ok(v.into()) }
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<Json, E> {
        if v.abs() > EXACT as f64 { Err(E::custom(too_large(v))) } else { Ok(v.into()) }
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Json, E> {
        if v.contains('\0') { Err(E::custom("a text holds a NUL character")) } else { Ok(v.into()) }
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut all = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(all.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let Strict(member) = members.next_value()?;
            if all.contains_key(&name) {
                return Err(A::Error::custom(format!("the member \"{name}\" stands twice")));
            }
            all.insert(name, member);
        }
        Ok(all.into())
    }
}

fn too_large(n: impl fmt::Display) -> String {
    format!("the number {n} is too large for JSON readers to keep; write it as a text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_readers_would_lose_is_refused() {
        assert_eq!(
            parse(r#"{"a":[1,-2.5,null,true,"x"]}"#),
            Ok(serde_json::json!({ "a": [1, -2.5, null, true, "x"] }))
        );
        assert_eq!(parse("9007199254740991"), Ok(9_007_199_254_740_991_i64.into()));
        for (bad, why) in [
            (r#"{"a":1,"a":2}"#, "stands twice"),
            (r#"[{"x":{"a":1,"b":2,"a":1}}]"#, "stands twice"),
            ("9007199254740993", "too large"),
            ("-9007199254740993", "too large"),
            ("1e300", "too large"),
            (r#""\u0000""#, "NUL"),
            ("{", "EOF"),
            ("{} {}", "trailing"),
        ] {
            let said = parse(bad).expect_err(bad);
            assert!(said.contains(why), "{bad}: {said}");
        }
    }
}
