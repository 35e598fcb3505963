//! What a file's rows are held against, and what comes of it: the part that both engines share.

use std::borrow::Cow;
use std::collections::HashMap;

use uuid::Uuid;

use crate::model::resource::key::Key;
use crate::model::resource::{Descriptor, Field};
use crate::model::values::value::Value;
use crate::store::records::lists;

/// A record that a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    pub id: Uuid,
    /// Where the record lies in its table: a number of its own while the organisation is locked.
    pub row_position: u64,
    /// Whether the row says what the record says.
    pub is_unchanged: bool,
    /// Whether the row's key is a former one, which means the record since a merge.
    pub is_former: bool,
}

/// Fields with values.
pub type Given = Vec<(&'static Field, Value)>;

/// A row: what it has as the parts of its key, references as ids, and its values. Without parts it stands for no record.
pub type HeldRow = (Vec<Value>, Given);

/// What rows are held against: records of one kind, by one key, in some fields.
pub struct MatchTarget {
    pub(in crate::store) desc: &'static Descriptor,
    pub(in crate::store) org: Option<i32>,
    pub(in crate::store) key: Key,
    pub(in crate::store) compared: Vec<&'static Field>,
    /// The column that numbers the rows of SQLite's table.
    pub(in crate::store) row_number: &'static str,
    /// Ids of live records that rows refer to, by noun and natural key.
    pub(in crate::store) ids: HashMap<(&'static str, String), Option<Uuid>>,
    /// Number of the row of SQLite's table that was found last, and how often the next one was the one looked for.
    pub(in crate::store) last: i64,
    pub(in crate::store) sequential_hits: i32,
}

impl MatchTarget {
    /// What a field must hold for a row to say the same: of a reference, the id. Nil, which no record has, where the
    /// row refers to none that is known by its natural key.
    pub(in crate::store) fn wanted<'a>(&self, field: &Field, value: &'a Value) -> Cow<'a, Value> {
        match (field.target(), value) {
            (Some(target), Value::Text(text)) => {
                let id = self.ids.get(&(target.noun, text.clone())).copied().flatten();
                Cow::Owned(Value::Uuid(id.unwrap_or_default()))
            }
            _ => Cow::Borrowed(value),
        }
    }

    /// `t.org_id = N`, or what is always true.
    pub(in crate::store) fn tenant(&self) -> String {
        self.org.map_or("true".to_owned(), |org| format!("t.org_id = {org}"))
    }

    /// What a row is held against: of a reference, the id.
    pub(in crate::store) fn columns(&self) -> Vec<String> {
        self.compared.iter().map(|f| lists::value_of(self.desc, f, "t")).collect()
    }
}
