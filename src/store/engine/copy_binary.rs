//! Rows in the binary form of PostgreSQL's `COPY` (<https://www.postgresql.org/docs/current/sql-copy.html>, "Binary
//! Format"), and sending them.

use sqlx::PgConnection;

use super::inet::Inet;
use super::location::Location;
use super::numeric::Numeric;
use super::postgres::{EPOCH, each, problem, statement};
use super::sql::Sql;
use crate::model::problem::Problem;
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;

/// A column's type, as far as the binary form of COPY tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    Int4,
    Int8,
    /// Words, which the server keeps sorted.
    Words,
    /// Whatever the value itself says.
    AsIs,
}

/// The types of some columns of a table.
pub async fn column_types(
    conn: &mut PgConnection,
    location: &Location,
    table: &str,
    columns: &[&str],
) -> Result<Vec<ColumnType>> {
    let sql = "select attname::text, format_type(atttypid, null) from pg_attribute
                where attrelid = to_regclass($1) and attnum > 0";
    let (sql, kinds, mut rows) = (Sql::new(sql).with([table.into()]), [ValueType::Text, ValueType::Text], Vec::new());
    each(conn, location, statement(sql)?, &kinds, |row| {
        rows.push(row);
        Ok(())
    })
    .await?;
    let mut types = Vec::new();
    for column in columns {
        let row = rows.iter().find(|r| r.text(0).is_ok_and(|name| name == column.trim_matches('"')));
        let row = row.ok_or_else(|| Problem::integrity(format!("the table {table} has no column {column}")))?;
        types.push(match row.text(1)? {
            "integer" => ColumnType::Int4,
            "bigint" => ColumnType::Int8,
            "tsvector" => ColumnType::Words,
            _ => ColumnType::AsIs,
        });
    }
    Ok(types)
}

/// Bytes after which a piece is sent.
const PIECE: usize = 1 << 18;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Appends a row.
pub fn push_row(bytes: &mut Vec<u8>, row: &[Value], types: &[ColumnType]) -> Result<()> {
    bytes.extend(i16::try_from(types.len())?.to_be_bytes());
    for (value, kind) in row.iter().zip(types) {
        push_field(bytes, value, *kind)?;
    }
    Ok(())
}

/// Writes rows, as [`push_row`] made them.
///
/// The five bytes that end a COPY are a message of their own, and wait until the server's system has acknowledged the
/// data before them, which takes it up to 40 ms: many rows go at once.
pub async fn send(
    conn: &mut PgConnection,
    location: &Location,
    table: &str,
    columns: &[String],
    rows: &[u8],
) -> Result<()> {
    let failed = |e| problem(e, location);
    let text = format!("copy {table} ({}) from stdin (format binary)", columns.join(", "));
    let mut copy = conn.copy_in_raw(&text).await.map_err(failed)?;
    copy.send(SIGNATURE).await.map_err(failed)?;
    for piece in rows.chunks(PIECE) {
        copy.send(piece).await.map_err(failed)?;
    }
    copy.send((-1_i16).to_be_bytes().as_slice()).await.map_err(failed)?;
    copy.finish().await.map_err(failed)?;
    Ok(())
}

/// One field: its length in four bytes, and its bytes.
fn push_field(bytes: &mut Vec<u8>, value: &Value, column: ColumnType) -> Result<()> {
    let text;
    let small;
    let field: &[u8] = match (value, column) {
        (Value::Null(_), _) => {
            bytes.extend((-1_i32).to_be_bytes());
            return Ok(());
        }
        (Value::Text(words), ColumnType::Words) => {
            text = words_field(words)?;
            &text
        }
        (Value::Int(n), ColumnType::Int4) => {
            small = i32::try_from(*n)?.to_be_bytes();
            &small
        }
        (Value::Int(n), _) => &n.to_be_bytes(),
        (Value::Bool(b), _) => &[u8::from(*b)],
        (Value::Text(s), _) => s.as_bytes(),
        (Value::Uuid(u), _) => u.as_bytes(),
        (Value::Time(t), _) => &(t.timestamp_micros() - EPOCH * 1_000_000).to_be_bytes(),
        (Value::Date(d), _) => {
            small = i32::try_from(i64::from(d.to_epoch_days()) - EPOCH / 86_400)?.to_be_bytes();
            &small
        }
        (Value::Decimal(d), _) => {
            text = Numeric(*d).bytes();
            &text
        }
        (Value::Ip(a), _) => {
            text = Inet(*a).bytes();
            &text
        }
        (Value::Bytes(b), _) => b,
        (json @ Value::Json(_), _) => {
            text = json.to_text().into_bytes();
            &text
        }
    };
    bytes.extend(i32::try_from(field.len())?.to_be_bytes());
    bytes.extend(field);
    Ok(())
}

/// Words without places, as `tsvectorrecv` reads them: their number, then each with a zero byte and no places.
fn words_field(words: &str) -> Result<Vec<u8>> {
    let mut words: Vec<&str> = words.split(' ').filter(|w| !w.is_empty()).collect();
    words.sort_unstable();
    words.dedup();
    let mut bytes = i32::try_from(words.len())?.to_be_bytes().to_vec();
    for word in words {
        bytes.extend(word.as_bytes());
        bytes.extend([0, 0, 0]);
    }
    Ok(bytes)
}
