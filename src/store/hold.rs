//! Holding a file's rows against the records that they stand for: which are there, and which say nothing new. Rows that
//! say nothing new go no further, so that importing a file again costs little more than reading it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use anyhow::Result;
use uuid::Uuid;

use super::db::{Conn, Db};
use super::sql::{Sql, quoted};
use super::{postgres, records, search, sqlite};
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

/// Fields with values.
pub type Given = Vec<(&'static Field, Value)>;

/// How many keys of referred records are remembered.
const REMEMBERED: usize = 100_000;

/// Keys that are looked up together.
const TOGETHER: usize = 500;

/// Holds rows against records of one kind.
pub struct Holder {
    pub(super) desc: &'static Descriptor,
    pub(super) org: Option<i32>,
    pub(super) key: &'static Field,
    pub(super) held: Vec<&'static Field>,
    /// Ids of live records that rows refer to, by noun and natural key.
    ids: HashMap<(&'static str, String), Option<Uuid>>,
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
        Ok(Some(Holder { desc, org, key, held: held.to_vec(), ids: HashMap::new(), last: 0, luck: 1 }))
    }

    /// For each row, its key and values, the record that it stands for.
    pub async fn hold(&mut self, db: &mut Db, rows: &[(Value, Given)]) -> Result<Vec<Option<Match>>> {
        self.find_references(db, rows).await?;
        match db.split() {
            (Conn::Sqlite(c), location) => sqlite::hold(c, location, self, rows).await,
            (Conn::Postgres(c), location) => postgres::hold(c, location, self, rows).await,
        }
    }

    /// Finds what rows refer to, as far as it is not known yet.
    async fn find_references(&mut self, db: &mut Db, rows: &[(Value, Given)]) -> Result<()> {
        if self.ids.len() > REMEMBERED {
            self.ids.clear();
        }
        for field in &self.held {
            let Some(target) = field.target().and_then(resource) else { continue };
            let given = rows.iter().flat_map(|(_, values)| values).filter(|(f, _)| f.column == field.column);
            let mut unknown: Vec<Value> = Vec::new();
            for (_, value) in given {
                let Value::Text(text) = value else { continue };
                if let Entry::Vacant(entry) = self.ids.entry((target.noun, text.clone())) {
                    entry.insert(None);
                    unknown.push(value.clone());
                }
            }
            for some in unknown.chunks(TOGETHER) {
                for record in records::with_values(db, target, self.org, target.key(), some).await? {
                    self.ids.insert((target.noun, record.key()), Some(record.meta.id));
                }
            }
        }
        Ok(())
    }

    /// What a field must hold for a row to say the same: of a reference, the id. Nil, which no record has, where the
    /// row refers to none that is known by its natural key.
    pub(super) fn wanted<'a>(&self, field: &Field, value: &'a Value) -> Cow<'a, Value> {
        match (field.target(), value) {
            (Some(noun), Value::Text(text)) => {
                let id = self.ids.get(&(noun, text.clone())).copied().flatten();
                Cow::Owned(Value::Uuid(id.unwrap_or_default()))
            }
            _ => Cow::Borrowed(value),
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
}
