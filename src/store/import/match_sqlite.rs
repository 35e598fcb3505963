//! Rows of a file against the records of SQLite.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use uuid::Uuid;

use super::match_target::{Given, HeldRow, Match, MatchTarget};
use crate::model::values::value::Value;
use crate::store::Result;
use crate::store::engine::location::{Engine, Location};
use crate::store::engine::sql::quoted;
use crate::store::engine::sqlite::{bound, bound_ref, bulk_problem, hear_signal};
use crate::store::records::{keys, status_sql};

/// Holds rows against the records that they stand for. A file that was imported before mostly has its rows in the order
/// of the table: then the next row of the table is the one looked for, and none needs to be looked up.
pub async fn match_rows(
    conn: &mut Connection,
    location: &Location,
    holder: &mut MatchTarget,
    rows: &[HeldRow],
) -> Result<Vec<Option<Match>>> {
    let failed = |e: rusqlite::Error| bulk_problem(e, location);
    hear_signal().await;
    let (number, tenant, columns) = (holder.row_number, holder.tenant(), holder.columns());
    let key = holder.key;
    let keys: Vec<String> = key.parts().map(|f| format!("t.{}", quoted(f.key_column()))).collect();
    let select = |condition: &str| {
        let more: String = columns.iter().map(|c| format!(", {c}")).collect();
        format!(
            "select t.{number}, t.id, {}{more} from {} t where {condition} and {}",
            keys.join(", "),
            holder.desc.table,
            status_sql::live(holder.desc, "t")
        )
    };
    // The plus keeps the planner on the table's own order.
    let in_order = select(&format!("t.{number} > ?1 and +{tenant}")) + &format!(" order by t.{number}");
    let mut in_order = conn.prepare(&in_order).map_err(failed)?;
    let is_it = keys::condition_on_row(Engine::Sqlite, key);
    let mut by_key = conn.prepare(&select(&format!("{tenant} and {is_it}"))).map_err(failed)?;
    let mut matches = Vec::with_capacity(rows.len());
    let mut rows = rows.iter().peekable();
    while rows.peek().is_some() {
        in_order.raw_bind_parameter(1, holder.last).map_err(failed)?;
        let mut next = in_order.raw_query();
        while holder.sequential_hits > 0
            && let Some((wanted, values)) = rows.peek()
        {
            let found = next.next().map_err(failed)?;
            let Some(found) = found.filter(|r| has_key(r, wanted)) else {
                holder.sequential_hits = -SEQUENTIAL_RUN;
                break;
            };
            holder.last = found.get(0).map_err(failed)?;
            matches.push(Some(compare(found, holder, values).map_err(failed)?));
            rows.next();
        }
        drop(next);
        let Some((wanted, values)) = rows.next() else { break };
        if wanted.is_empty() {
            matches.push(None);
            continue;
        }
        for (i, value) in keys::in_index(key, wanted).iter().enumerate() {
            by_key.raw_bind_parameter(i + 1, bound(value)).map_err(failed)?;
        }
        let mut found = by_key.raw_query();
        let Some(found) = found.next().map_err(failed)? else {
            matches.push(None);
            continue;
        };
        let at: i64 = found.get(0).map_err(failed)?;
        // After some rows that follow each other it is worth trying again.
        holder.sequential_hits = if at == holder.last + 1 { holder.sequential_hits + 1 } else { -SEQUENTIAL_RUN };
        holder.last = at;
        matches.push(Some(compare(found, holder, values).map_err(failed)?));
    }
    Ok(matches)
}

/// Rows that must follow each other before the order of the table is trusted again.
const SEQUENTIAL_RUN: i32 = 3;

/// Whether a row that was read has what is looked for as the parts of its key.
fn has_key(found: &rusqlite::Row<'_>, wanted: &[Value]) -> bool {
    let mut parts = wanted.iter().enumerate();
    !wanted.is_empty() && parts.all(|(i, value)| found.get_ref(2 + i).is_ok_and(|held| is_held(held, value)))
}

/// Whether SQLite holds a value so.
fn is_held(held: ValueRef<'_>, value: &Value) -> bool {
    match value {
        text @ (Value::Json(_) | Value::Date(_) | Value::Ip(_)) => held == ValueRef::from(&*text.to_text()),
        value => held == bound_ref(value),
    }
}

fn compare(found: &rusqlite::Row<'_>, holder: &MatchTarget, values: &Given) -> rusqlite::Result<Match> {
    let place = found.get::<_, i64>(0)?.unsigned_abs();
    let id = found.get_ref(1)?.as_blob().ok().and_then(|b| Uuid::from_slice(b).ok()).unwrap_or_default();
    let mut is_same = true;
    let first = 2 + holder.key.parts().count();
    for (field, value) in values {
        let at = holder.compared.iter().position(|h| h.column == field.column);
        is_same = match at.map(|at| found.get_ref(first + at)).transpose()? {
            None => false,
            Some(stored) => is_held(stored, holder.wanted(field, value).as_ref()),
        };
        if !is_same {
            break;
        }
    }
    Ok(Match { id, row_position: place, is_unchanged: is_same, is_former: false })
}
