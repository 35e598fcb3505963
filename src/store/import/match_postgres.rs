//! Rows of a file against the records of PostgreSQL.

use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, AssertSqlSafe, PgConnection, query_with};

use super::match_target::{HeldRow, Match, MatchTarget};
use crate::model::problem::Problem;
use crate::model::resource::Field;
use crate::model::values::value::ValueType;
use crate::store::engine::location::{Engine, Location};
use crate::store::engine::postgres::each;
use crate::store::records::{keys, lists, status_sql};
use crate::store::{Error, Result};

/// Columns of rows that are given to a statement, each as an array.
#[derive(Default)]
struct Arrays {
    args: PgArguments,
    arrays: Vec<String>,
    columns: Vec<String>,
}

impl Arrays {
    fn add<'q, T>(&mut self, column: String, kind: &str, values: Vec<T>) -> Result<()>
    where
        Vec<T>: sqlx::Encode<'q, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        self.args.add(values).map_err(|_| Problem::invalid("a value is too large for the database"))?;
        self.columns.push(column);
        self.arrays.push(format!("${}::{kind}[]", self.columns.len()));
        Ok(())
    }
}

/// The keys of rows and their values that are compared, and the condition that the record `t` has the values of the row `u`.
fn arrays_of(holder: &MatchTarget, rows: &[HeldRow]) -> Result<(Arrays, String)> {
    let (mut arrays, mut same) = (Arrays::default(), String::new());
    for (i, field) in holder.key.parts().enumerate() {
        let part = |(parts, _): &HeldRow| parts.get(i).map(|value| keys::part_in_index(field, value).to_text());
        arrays.add(format!("k{i}"), "text", rows.iter().map(part).collect())?;
    }
    for (i, field) in holder.compared.iter().enumerate() {
        // As text: the server reads each kind's own form, and the arrays are of one type.
        let (mut values, mut given): (Vec<Option<String>>, Vec<bool>) = (Vec::new(), Vec::new());
        for (_, row) in rows {
            let value = row.iter().rfind(|(f, _)| f.column == field.column).map(|(_, v)| holder.wanted(field, v));
            given.push(value.is_some());
            values.push(value.filter(|v| !v.is_null()).map(|v| v.to_text()));
        }
        arrays.add(format!("c{i}"), "text", values)?;
        let cast = type_name(field.ty.kind);
        let is_same = format!("{} is not distinct from u.c{i}::{cast}", lists::value_of(holder.desc, field, "t"));
        if given.iter().all(|g| *g) {
            same.push_str(&format!(" and {is_same}"));
        } else {
            arrays.add(format!("g{i}"), "bool", given)?;
            same.push_str(&format!(" and (not u.g{i} or {is_same})"));
        }
    }
    Ok((arrays, same))
}

/// Holds rows against the records that they stand for: the rows go to the server as arrays, one a column, and only what
/// came of it comes back.
pub async fn match_rows(
    conn: &mut PgConnection,
    location: &Location,
    holder: &MatchTarget,
    rows: &[HeldRow],
) -> Result<Vec<Option<Match>>> {
    let mut matches = vec![None; rows.len()];
    let (given, same) = arrays_of(holder, rows)?;
    let part = |(i, field): (usize, &'static Field)| {
        let cast =
            if field.ty.kind == ValueType::Text { String::new() } else { format!("::{}", type_name(field.ty.kind)) };
        format!("{} = u.k{i}{cast}", keys::part_of_index(Engine::Postgres, holder.key, field, "t"))
    };
    let text = format!(
        "select u.i, t.ctid::text, t.id, true{same}
           from unnest({}) with ordinality as u ({}, i)
           join {} t on {} and {} and {}",
        given.arrays.join(", "),
        given.columns.join(", "),
        holder.desc.table,
        holder.tenant(),
        holder.key.parts().enumerate().map(part).collect::<Vec<_>>().join(" and "),
        status_sql::live(holder.desc, "t")
    );
    let kinds = [ValueType::Int, ValueType::Text, ValueType::Uuid, ValueType::Bool];
    each(conn, location, query_with(AssertSqlSafe(text), given.args), &kinds, |row| {
        // `(block,offset)`: a page of 8 kB has fewer than 2^9 rows.
        let place = row.text(1)?.trim_matches(['(', ')']).split_once(',');
        let place = place.and_then(|(block, at)| Some((block.parse::<u64>().ok()? << 9) | at.parse::<u64>().ok()?));
        let place = place.ok_or_else(|| Error::bug("a row has no place"))?;
        let i = usize::try_from(row.int(0)? - 1)?;
        // What is not held against the record, a reference by another field, may be different.
        let all_held = rows[i].1.iter().all(|(f, _)| holder.compared.iter().any(|h| h.column == f.column));
        let is_same = all_held && row.value(3).as_bool().unwrap_or(false);
        matches[i] = Some(Match { id: row.uuid(2)?, row_position: place, is_unchanged: is_same, is_former: false });
        Ok(())
    })
    .await?;
    Ok(matches)
}

/// What a kind is called where a text is cast to it.
fn type_name(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Bool => "boolean",
        ValueType::Int => "bigint",
        ValueType::Text | ValueType::Json => "text",
        ValueType::Uuid => "uuid",
        ValueType::Time => "timestamptz",
        ValueType::Date => "date",
        ValueType::Decimal => "numeric",
        ValueType::Ip => "inet",
        ValueType::Bytes => "bytea",
    }
}
