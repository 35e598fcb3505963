//! What changed between two moments, all told: what was changed and changed back did not change, and what came and went
//! was never there.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value as Json;
use uuid::Uuid;

use super::corrections::last_before;
use super::trees;
use crate::model::kinds::Kinds;
use crate::model::trail::audit::{self, Effect};
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndState {
    Created,
    Deleted,
    Restored,
    Purged,
    Updated,
}

impl EndState {
    pub fn as_str(self) -> &'static str {
        match self {
            EndState::Created => "created",
            EndState::Deleted => "deleted",
            EndState::Restored => "restored",
            EndState::Purged => "purged",
            EndState::Updated => "updated",
        }
    }
}

/// A field and its values at both moments.
#[derive(Debug, Clone)]
pub struct FieldChange {
    pub column: String,
    pub old: Json,
    pub new: Json,
}

/// What changed of one record.
#[derive(Debug)]
pub struct NetChange {
    pub tree: i32,
    pub kind: String,
    pub id: Uuid,
    /// The natural key at the second moment.
    pub key: Option<String>,
    /// What became of it as a whole; none where it was there at both moments.
    pub became: Option<EndState>,
    pub fields: Vec<FieldChange>,
    /// A record that told of more, and is erased or archived.
    pub lost: Option<i64>,
}

/// What may be looked at.
#[derive(Debug, Default)]
pub struct DiffScope {
    pub tree: Option<i32>,
    pub kind: Option<String>,
    pub id: Option<Uuid>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Absent,
    Live,
    Deleted,
}

/// What the records about one say, the oldest first.
#[derive(Default)]
struct Accumulator {
    first: Option<Presence>,
    last: Option<Presence>,
    key: Option<String>,
    fields: Vec<FieldChange>,
    lost: Option<i64>,
}

impl Accumulator {
    fn add(&mut self, kinds: Kinds, seq: i64, effect: Effect, kind: &str, payload: Option<&Json>) {
        let moves = [
            (Effect::Create, Presence::Absent, Presence::Live),
            (Effect::Delete, Presence::Live, Presence::Deleted),
            (Effect::Restore, Presence::Deleted, Presence::Live),
            (Effect::Purge, Presence::Deleted, Presence::Absent),
        ];
        let moved = moves.iter().find(|(e, ..)| *e == effect);
        if let Some((_, before, after)) = moved {
            // What was deleted already may go over to another deletion.
            let was_deleted = effect == Effect::Delete
                && payload.and_then(|p| p["old"].as_object()).is_some_and(audit::is_of_deleted);
            self.first.get_or_insert(if was_deleted { Presence::Deleted } else { *before });
            self.last = Some(*after);
        }
        let Some(payload) = payload else {
            if moved.is_none() && effect != Effect::None {
                self.lost = Some(seq);
            }
            return;
        };
        let named = kinds.by_noun(kind).and_then(|d| payload["new"][d.key_field()?.column].as_str());
        if let Some(key) = named.or_else(|| payload["key"].as_str()) {
            self.key = Some(key.to_owned());
        }
        if moved.is_none() {
            for (column, new) in payload["new"].as_object().into_iter().flatten() {
                self.set(column, payload["old"][column].clone(), new.clone());
            }
        }
    }

    fn set(&mut self, column: &str, old: Json, new: Json) {
        match self.fields.iter_mut().find(|d| d.column == column) {
            Some(known) => known.new = new,
            None => self.fields.push(FieldChange { column: column.to_owned(), old, new }),
        }
    }

    /// All told; none where nothing is to be told.
    fn net_change(mut self, kinds: Kinds, tree: i32, kind: String, id: Uuid) -> Option<NetChange> {
        let became = match (self.first, self.last) {
            (Some(Presence::Absent), Some(Presence::Live)) => Some(EndState::Created),
            (Some(Presence::Absent), _) => return None,
            (Some(_), Some(Presence::Absent)) => Some(EndState::Purged),
            (Some(Presence::Live), Some(Presence::Deleted)) => Some(EndState::Deleted),
            (Some(Presence::Deleted), Some(Presence::Live)) => Some(EndState::Restored),
            _ => None,
        };
        if became.is_some_and(|b| b != EndState::Restored) {
            self.fields.clear();
            self.lost = None;
        }
        self.fields.retain(|d| d.old != d.new);
        let place = |d: &FieldChange| kinds.by_noun(&kind).and_then(|desc| desc.index(&d.column)).unwrap_or(usize::MAX);
        self.fields.sort_by_cached_key(|d| (place(d), d.column.clone()));
        let is_any = became.is_some() || !self.fields.is_empty() || self.lost.is_some();
        is_any.then_some(NetChange { tree, kind, id, key: self.key, became, fields: self.fields, lost: self.lost })
    }
}

/// What changed from one moment to another, what happened at each of them included in it; in the order of organisations,
/// kinds and keys.
pub async fn between(db: &mut Db, from: DateTime<Utc>, to: DateTime<Utc>, asked: &DiffScope) -> Result<Vec<NetChange>> {
    let all = match asked.tree {
        Some(tree) => vec![tree],
        None => trees(db).await?,
    };
    let (kinds, mut told) = (db.kinds(), Vec::new());
    for tree in all {
        let just = TimeDelta::microseconds(1);
        let (after, upto) = (last_before(db, tree, from + just).await?, last_before(db, tree, to + just).await?);
        let mut seen: BTreeMap<(String, Uuid), Accumulator> = BTreeMap::new();
        let mut sql = Sql::new("select r.seq, r.effect, r.kind, r.resource_id, r.payload from audit_records r where ");
        match asked.id {
            Some(id) => sql.push("+r.tree = ").bind(tree).push(" and r.resource_id = ").bind(id),
            // What is about no single record changed none.
            None => sql.push("r.tree = ").bind(tree).push(" and r.resource_id <> ").bind(Uuid::nil()),
        };
        sql.push(" and r.seq > ").bind(after).push(" and r.seq <= ").bind(upto);
        if let Some(kind) = &asked.kind {
            sql.push(" and r.kind = ").bind(kind.as_str());
        }
        sql.push(" and r.effect <> 'none' order by r.seq");
        db.each(
            sql.yields([ValueType::Int, ValueType::Text, ValueType::Text, ValueType::Uuid, ValueType::Text]),
            |row| {
                let payload: Option<Json> = row.value(4).as_text().and_then(|text| serde_json::from_str(text).ok());
                let (kind, id) = (row.text(2)?, row.uuid(3)?);
                let of_it = seen.entry((kind.to_owned(), id)).or_default();
                let effect = Effect::parse(row.text(1)?).unwrap_or(Effect::None);
                of_it.add(kinds, row.int(0)?, effect, kind, payload.as_ref());
                Ok(())
            },
        )
        .await?;
        told.extend(seen.into_iter().filter_map(|((kind, id), s)| s.net_change(kinds, tree, kind, id)));
    }
    let place = |kind: &str| kinds.resources().position(|d| d.noun == kind).unwrap_or(usize::MAX);
    told.sort_by_cached_key(|n| (n.tree, place(&n.kind), n.kind.clone(), n.key.clone(), n.id));
    Ok(told)
}
