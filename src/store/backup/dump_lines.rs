//! Rows as lines of text, the same from both engines: the text format of PostgreSQL's `COPY`
//! (<https://www.postgresql.org/docs/current/sql-copy.html>, "Text Format") with the values as that engine prints them in
//! UTC. Fields are separated by tabs; `\N` is NULL; `\\`, `\b`, `\f`, `\n`, `\r`, `\t` and `\v` stand for what would be
//! taken for something else.

use std::borrow::Cow;
use std::io::Write as _;
use std::net::{IpAddr, Ipv6Addr};

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, Timelike as _};
use rusqlite::types::{ToSqlOutput, Value as Stored, ValueRef};
use uuid::Uuid;

use crate::model::values::value::{Decimal, ValueType, in_calendar, unhex};

/// Appends a stored value of SQLite's. False where it is not of its kind.
pub fn push(line: &mut Vec<u8>, stored: ValueRef<'_>, kind: ValueType) -> bool {
    push_some(line, stored, kind).is_some()
}

fn push_some(line: &mut Vec<u8>, stored: ValueRef<'_>, kind: ValueType) -> Option<()> {
    if stored == ValueRef::Null {
        line.extend(b"\\N");
        return Some(());
    }
    match kind {
        ValueType::Bool => line.push(if stored.as_i64().ok()? != 0 { b't' } else { b'f' }),
        ValueType::Int => write!(line, "{}", stored.as_i64().ok()?).ok()?,
        ValueType::Text | ValueType::Json => push_text(line, stored.as_str().ok()?),
        ValueType::Uuid => {
            let id = Uuid::from_slice(stored.as_blob().ok()?).ok()?;
            line.extend(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes());
        }
        ValueType::Time => push_time(line, DateTime::from_timestamp_micros(stored.as_i64().ok()?).filter(in_calendar)?),
        ValueType::Date => {
            let date: NaiveDate = stored.as_str().ok()?.parse().ok().filter(in_calendar)?;
            write!(line, "{date}").ok()?;
        }
        ValueType::Decimal => {
            let n = stored.as_i64().ok()?;
            let sign = if n < 0 { "-" } else { "" };
            let (n, one) = (n.unsigned_abs(), Decimal::ONE.unsigned_abs());
            write!(line, "{sign}{}.{:04}", n / one, n % one).ok()?;
        }
        ValueType::Ip => push_ip(line, stored.as_str().ok()?.parse().ok()?),
        ValueType::Bytes => {
            line.extend(b"\\\\x");
            push_hex(line, stored.as_blob().ok()?);
        }
    }
    Some(())
}

fn push_hex(line: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for b in bytes {
        line.extend([DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]);
    }
}

/// What stands behind a backslash for a byte that would be taken for something else.
fn escape(byte: u8) -> Option<u8> {
    Some(match byte {
        b'\\' => b'\\',
        b'\t' => b't',
        b'\n' => b'n',
        b'\r' => b'r',
        0x08 => b'b',
        0x0b => b'v',
        0x0c => b'f',
        _ => return None,
    })
}

/// Appends a text.
pub fn push_text(line: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|b| escape(*b).is_some()) {
        line.extend(&rest[..at]);
        line.extend([b'\\', escape(rest[at]).unwrap_or_default()]);
        rest = &rest[at + 1..];
    }
    line.extend(rest);
}

/// As `timestamptz` is printed in UTC: `2026-11-28 22:15:31.5+00`.
fn push_time(line: &mut Vec<u8>, time: DateTime<chrono::Utc>) {
    let two = |line: &mut Vec<u8>, n: u32, mark: u8| line.extend([mark, b'0' + (n / 10) as u8, b'0' + (n % 10) as u8]);
    let _ = write!(line, "{:04}", time.year());
    two(line, time.month(), b'-');
    two(line, time.day(), b'-');
    two(line, time.hour(), b' ');
    two(line, time.minute(), b':');
    two(line, time.second(), b':');
    let micros = time.timestamp_subsec_micros();
    if micros != 0 {
        let mut places = format!(".{micros:06}");
        places.truncate(places.trim_end_matches('0').len());
        line.extend(places.as_bytes());
    }
    line.extend(b"+00");
}

/// As `inet` is printed: an address of the first 2^32 has its end written as IPv4 (`::10.0.0.1`), which Rust does not do.
fn push_ip(line: &mut Vec<u8>, address: IpAddr) {
    let _ = match address {
        IpAddr::V6(a) if is_compatible(a) => {
            let [.., b0, b1, b2, b3] = a.octets();
            write!(line, "::{b0}.{b1}.{b2}.{b3}")
        }
        other => write!(line, "{other}"),
    };
}

fn is_compatible(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    parts[..6].iter().all(|p| *p == 0) && parts[6] != 0
}

/// The fields of a line, which ends without its line break.
pub fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|b| *b == b'\t')
}

/// What stands in a field and is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoText;

/// The text of a field; `None` for NULL.
pub fn text(field: &[u8]) -> Result<Option<Cow<'_, str>>, NoText> {
    if field == b"\\N" {
        return Ok(None);
    }
    if !field.contains(&b'\\') {
        return std::str::from_utf8(field).map(|t| Some(Cow::Borrowed(t))).map_err(|_| NoText);
    }
    let mut found = Vec::with_capacity(field.len());
    let mut bytes = field.iter();
    while let Some(b) = bytes.next() {
        match b {
            b'\\' => found.push(match bytes.next().ok_or(NoText)? {
                b'\\' => b'\\',
                b't' => b'\t',
                b'n' => b'\n',
                b'r' => b'\r',
                b'b' => 0x08,
                b'v' => 0x0b,
                b'f' => 0x0c,
                _ => return Err(NoText),
            }),
            b => found.push(*b),
        }
    }
    String::from_utf8(found).map(|t| Some(Cow::Owned(t))).map_err(|_| NoText)
}

/// A field as SQLite keeps it. `None` where it is not of its kind.
pub fn bound(field: &[u8], kind: ValueType) -> Option<ToSqlOutput<'_>> {
    let owned = |value: Stored| Some(ToSqlOutput::Owned(value));
    let text = match text(field).ok()? {
        None => return Some(ToSqlOutput::Borrowed(ValueRef::Null)),
        Some(text) => text,
    };
    match kind {
        ValueType::Text | ValueType::Json => match text {
            Cow::Borrowed(text) => Some(ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))),
            Cow::Owned(text) => owned(Stored::Text(text)),
        },
        ValueType::Bool => owned(Stored::Integer(match &*text {
            "t" => 1,
            "f" => 0,
            _ => return None,
        })),
        ValueType::Int => owned(Stored::Integer(text.parse().ok()?)),
        ValueType::Uuid => owned(Stored::Blob(Uuid::try_parse(&text).ok()?.as_bytes().to_vec())),
        ValueType::Time => owned(Stored::Integer(micros(&text)?)),
        ValueType::Date => {
            let date: NaiveDate = text.parse().ok().filter(in_calendar)?;
            owned(Stored::Text(date.to_string()))
        }
        ValueType::Decimal => owned(Stored::Integer(Decimal::parse(&text)?.0)),
        ValueType::Ip => owned(Stored::Text(text.parse::<IpAddr>().ok()?.to_string())),
        ValueType::Bytes => owned(Stored::Blob(unhex(text.strip_prefix("\\x")?)?)),
    }
}

/// Microseconds since 1970 of what `push_time` wrote.
pub fn micros(text: &str) -> Option<i64> {
    let time = NaiveDateTime::parse_from_str(text.strip_suffix("+00")?, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    Some(time.and_utc()).filter(in_calendar).map(|t| t.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(stored: ValueRef<'_>, kind: ValueType) -> String {
        let mut line = Vec::new();
        assert!(push(&mut line, stored, kind), "{stored:?}");
        String::from_utf8(line).expect("text")
    }

    /// As `psql -c "copy (select ...) to stdout"` of PostgreSQL 15 with timezone UTC prints them.
    #[test]
    fn values_are_printed_as_postgresql_prints_them() {
        let time = |micros| line(ValueRef::Integer(micros), ValueType::Time);
        assert_eq!(time(0), "1970-01-01 00:00:00+00");
        assert_eq!(time(1_500_000), "1970-01-01 00:00:01.5+00");
        assert_eq!(time(-62_135_596_800_000_000), "0001-01-01 00:00:00+00");
        assert_eq!(time(253_402_300_799_999_999), "9999-12-31 23:59:59.999999+00");
        let ip = |text: &str| line(ValueRef::Text(text.as_bytes()), ValueType::Ip);
        for same in ["10.0.0.1", "::1", "::", "::ffff:1.2.3.4", "2001:db8::1", "1:0:0:2::3", "fe80::1:0:0:1"] {
            assert_eq!(ip(same), same);
        }
        assert_eq!(ip("::102:304"), "::1.2.3.4");
        assert_eq!(line(ValueRef::Blob(b"\x00\xff"), ValueType::Bytes), "\\\\x00ff");
        assert_eq!(line(ValueRef::Integer(-1), ValueType::Decimal), "-0.0001");
        assert_eq!(line(ValueRef::Integer(125_000), ValueType::Decimal), "12.5000");
        assert_eq!(line(ValueRef::Integer(1), ValueType::Bool), "t");
        assert_eq!(line(ValueRef::Null, ValueType::Text), "\\N");
        assert_eq!(line(ValueRef::Text(b"\\N"), ValueType::Text), "\\\\N");
        assert_eq!(
            line(ValueRef::Text("a\tb\nc\r\x08\x0b\x0cü".as_bytes()), ValueType::Text),
            "a\\tb\\nc\\r\\b\\v\\fü"
        );
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for (field, kind) in [
            ("x", ValueType::Int),
            ("true", ValueType::Bool),
            ("a\\", ValueType::Text),
            ("a\\x", ValueType::Text),
            ("2026-01-01", ValueType::Time),
            ("infinity", ValueType::Time),
            ("10000-01-01 00:00:00+00", ValueType::Time),
            ("infinity", ValueType::Date),
            ("1e3", ValueType::Decimal),
            ("1.2.3.4/8", ValueType::Ip),
            ("\\\\x0", ValueType::Bytes),
        ] {
            assert!(bound(field.as_bytes(), kind).is_none(), "{field}");
        }
        assert!(bound(b"\xff", ValueType::Text).is_none());
    }

    proptest! {
        #[test]
        fn texts_are_read_back(written in any::<String>()) {
            let mut line = Vec::new();
            push_text(&mut line, &written);
            prop_assert!(!line.contains(&b'\n') && !line.contains(&b'\t'));
            let read = text(&line).expect("text").map(Cow::into_owned);
            prop_assert_eq!(read, Some(written));
        }

        #[test]
        fn stored_values_are_read_back(n in any::<i64>(), micros in -62_135_596_800_000_000_i64..253_402_300_800_000_000, bytes in any::<Vec<u8>>()) {
            for (stored, kind) in [
                (Stored::Integer(n), ValueType::Int),
                (Stored::Integer(micros), ValueType::Time),
                (Stored::Integer(n % 1_000_000_000_000_000_000), ValueType::Decimal),
                (Stored::Blob(bytes), ValueType::Bytes),
            ] {
                let mut line = Vec::new();
                prop_assert!(push(&mut line, (&stored).into(), kind));
                let back = bound(&line, kind).expect("a value");
                let back = match &back { ToSqlOutput::Owned(v) => v.clone(), _ => Stored::Null };
                prop_assert_eq!(back, stored);
            }
        }
    }
}
