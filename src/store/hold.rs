//! Holding a file's rows against the records that they stand for: which are there, and which say nothing new. Rows that
//! say nothing new go no further, so that importing a file again costs little more than reading it.

use std::collections::HashMap;

use anyhow::Result;
use uuid::Uuid;

use super::db::{Conn, Db};
use super::sql::{Sql, quoted};
use super::{postgres, search, sqlite};
use crate::model::resource;
use crate::model::resource::{Descriptor, Field};
use crate::model::value::{Kind, Value};

/// A record that a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    pub id: Uuid,
    /// Where the record lies in its table: a number of its own while the organisation is locked.
    pub place: u64,
    /// Whether the row says what the record says.
    pub is_same: bool,
}

/// How many keys of referred records are remembered.
const REMEMBERED: usize = 100_000;

/// Holds rows against records of one kind.
pub struct Holder {
    pub(super) desc: &'static Descriptor,
    pub(super) org: Option<i32>,
    pub(super) key: &'static Field,
    pub(super) held: Vec<&'static Field>,
    /// Natural keys of records that those at hand refer to, by noun and id.
    pub(super) keys: HashMap<(&'static str, Uuid), Option<String>>,
    /// Number of the row of SQLite's table that was found last, and how often the next one was the one looked for.
    pub(super) last: i64,
    pub(super) luck: i32,
}

impl Holder {
    /// None where no record is there that a row could stand for.
    pub async fn new(
        db: &mut Db,
        desc: &'static Descriptor,
        org: Option<i32>,
        key: &'static Field,
        held: &[&'static Field],
    ) -> Result<Option<Holder>> {
        let mut sql = Sql::new(format!("select 1 from {} t where t.deleted_at is null", desc.table));
        if let Some(org) = org {
            sql.push(" and t.org_id = ").bind(org);
        }
        sql.push(" limit 1");
        if db.first(sql.yields([Kind::Int])).await?.is_none() {
            return Ok(None);
        }
        Ok(Some(Holder { desc, org, key, held: held.to_vec(), keys: HashMap::new(), last: 0, luck: 1 }))
    }

    /// For each row, its key and values, the record that it stands for.
    pub async fn hold(
        &mut self,
        db: &mut Db,
        rows: &[(Value, Vec<(&'static Field, Value)>)],
    ) -> Result<Vec<Option<Match>>> {
        if self.keys.len() > REMEMBERED {
            self.keys.clear();
        }
        match db.split() {
            (Conn::Sqlite(c), location) => sqlite::hold(c, location, self, rows).await,
            (Conn::Postgres(c), location) => postgres::hold(c, location, self, rows).await,
        }
    }

    /// `t.org_id = N`, or what is always true.
    pub(super) fn tenant(&self) -> String {
        self.org.map_or("true".to_owned(), |org| format!("t.org_id = {org}"))
    }

    /// The columns that a row is held against: of a reference, the id.
    pub(super) fn columns(&self) -> Vec<String> {
        self.held.iter().map(|f| format!("t.{}", quoted(f.column))).collect()
    }

    pub(super) fn row_number(&self) -> &'static str {
        search::row_number(self.desc)
    }

    /// What the natural key of a field's target is kept in.
    pub(super) fn target(field: &Field) -> Option<&'static Descriptor> {
        field.target().and_then(resource)
    }
}
