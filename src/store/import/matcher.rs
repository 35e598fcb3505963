//! Holding a file's rows against the records that they stand for: which are there, and which say nothing new. Rows that
//! say nothing new go no further, so that importing a file again costs little more than reading it.

use crate::store::Result;
use crate::store::records::status_sql;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use uuid::Uuid;

use super::match_target::{HeldRow, Match, MatchTarget};
use super::{match_postgres, match_sqlite};
use crate::model::resource::key::Key;
use crate::model::resource::{Descriptor, Field};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, ValueType};
use crate::store::engine::db::{Conn, Db};
use crate::store::engine::sql::Sql;
use crate::store::records::Deleted;
use crate::store::records::keys::{self, Among};
use crate::store::records::{self, former, search};

/// How many keys of referred records are remembered.
const REMEMBERED: usize = 20_000;

/// Keys that are looked up together.
const BATCH: usize = 500;

/// Holds rows against records of one kind.
pub struct RowMatcher {
    held: MatchTarget,
    /// Whether there are former keys, which rows may have.
    has_former: bool,
}

impl RowMatcher {
    /// None where no record is there that a row could stand for.
    pub async fn new(
        db: &mut Db,
        desc: &'static Descriptor,
        org: Option<i32>,
        key: Key,
        held: &[&'static Field],
    ) -> Result<Option<RowMatcher>> {
        let mut sql = Sql::new(format!("select 1 from {} t where {}", desc.table, status_sql::live(desc, "t")));
        if let Some(org) = org {
            sql.push(" and t.org_id = ").bind(org);
        }
        sql.push(" limit 1");
        if db.first(sql.yields([ValueType::Int])).await?.is_none() {
            return Ok(None);
        }
        let has_former = key.alone().is_some() && former::are_there(db, desc, org).await?;
        let held = MatchTarget {
            desc,
            org,
            key,
            compared: held.to_vec(),
            row_number: search::row_number(desc),
            ids: HashMap::new(),
            last: 0,
            sequential_hits: 1,
        };
        Ok(Some(RowMatcher { held, has_former }))
    }

    /// For each row, its key and values, the record that it stands for.
    pub async fn match_rows(
        &mut self,
        db: &mut Db,
        rows: &[HeldRow],
        context: &ParseContext,
    ) -> Result<Vec<Option<Match>>> {
        self.find_references(db, rows, context).await?;
        let mut matches = match db.split() {
            (Conn::Sqlite(c), location) => match_sqlite::match_rows(c, location, &mut self.held, rows).await?,
            (Conn::Postgres(c), location) => match_postgres::match_rows(c, location, &self.held, rows).await?,
        };
        self.match_formerly(db, rows, context, &mut matches).await?;
        Ok(matches)
    }

    /// Lets rows whose key means a record since a merge stand for that one.
    async fn match_formerly(
        &self,
        db: &mut Db,
        rows: &[HeldRow],
        context: &ParseContext,
        matches: &mut [Option<Match>],
    ) -> Result<()> {
        let held = &self.held;
        let Some(field) = held.key.alone().filter(|_| self.has_former) else { return Ok(()) };
        let open = rows.iter().enumerate().filter(|(i, _)| matches[*i].is_none());
        let (places, asked): (Vec<usize>, Vec<_>) =
            open.filter_map(|(i, (parts, _))| Some((i, (field, parts.first()?.clone())))).unzip();
        let among = Among { org: held.org, life: Deleted::Exclude, now: false, context };
        let known = former::known(db, held.desc, among, &asked).await?;
        if known.is_empty() {
            return Ok(());
        }
        let position = db.row_position(held.row_number);
        let live = status_sql::live(held.desc, "t");
        let text = format!(
            "select t.id, {position} from {} t where {} and {live} and t.id in ",
            held.desc.table,
            held.tenant()
        );
        let mut sql = Sql::bulk(text, db.engine());
        sql.bind_rows(known.iter().map(|k| Value::from(k.owner)));
        for row in db.all(sql.yields([ValueType::Uuid, ValueType::Int])).await? {
            let (id, row_position) = (row.uuid(0)?, u64::try_from(row.int(1)?)?);
            for k in known.iter().filter(|k| k.owner == id) {
                matches[places[k.asked]] = Some(Match { id, row_position, is_unchanged: false, is_former: true });
            }
        }
        Ok(())
    }

    /// Finds what rows refer to, as far as it is not known yet.
    async fn find_references(&mut self, db: &mut Db, rows: &[HeldRow], context: &ParseContext) -> Result<()> {
        let held = &mut self.held;
        // What may not be told is not found.
        let mut db = db.telling();
        let db = &mut *db;
        if held.ids.len() > REMEMBERED {
            held.ids.clear();
        }
        for field in &held.compared {
            let Some(target) = field.target() else { continue };
            let given = rows.iter().flat_map(|(_, values)| values).filter(|(f, _)| f.column == field.column);
            let mut unknown: Vec<Value> = Vec::new();
            for (_, value) in given {
                let Value::Text(text) = value else { continue };
                if let Entry::Vacant(entry) = held.ids.entry((target.noun, text.clone())) {
                    entry.insert(None);
                    unknown.push(value.clone());
                }
            }
            let Some(key) = target.key_field() else {
                let among = Among { org: held.org, life: Deleted::Exclude, now: false, context };
                let texts: Vec<&str> = unknown.iter().filter_map(Value::as_text).collect();
                for (text, ids) in keys::ids(db, target, among, &texts).await? {
                    let id = Some(ids[0]).filter(|_| ids.len() == 1);
                    held.ids.insert((target.noun, text), id);
                }
                continue;
            };
            for some in unknown.chunks(BATCH) {
                let found = records::with_values(db, target, held.org, key, some).await?;
                let held_as = |record: &crate::model::resource::Record| key.key_value(record.get(key.column));
                let known: HashMap<String, Uuid> = found.iter().map(|r| (held_as(r).to_text(), r.meta.id)).collect();
                for text in some {
                    let id = known.get(&key.key_value(text).to_text()).copied();
                    held.ids.insert((target.noun, text.to_text()), id);
                }
            }
        }
        Ok(())
    }
}
