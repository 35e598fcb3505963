//! A statement: its text, its arguments, and how to read its columns.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::dialect::Engine;
use crate::model::problem::Problem;
use crate::model::values::value::{Value, ValueType};
use crate::store::{Error, Result};

/// SQL with `$1` placeholders, the same for both engines. Values are always arguments; identifiers come from
/// descriptors, never from input.
#[derive(Debug, Clone, Default)]
pub struct Sql {
    pub text: String,
    pub args: Vec<Value>,
    /// Kinds of the columns it yields.
    pub kinds: Vec<ValueType>,
    /// Write `?` for `$1`: SQLite looks a named place up among all the others, which tells at thousands of them.
    pub nameless: bool,
    /// Let PostgreSQL plan it each time for what is there by then: within a load it would keep plans that were made while its
    /// tables were empty. `plan_cache_mode` would plan the checks of references anew for each row, too.
    pub planned_anew: bool,
}

impl Sql {
    pub fn new(text: impl Into<String>) -> Sql {
        Sql { text: text.into(), ..Sql::default() }
    }

    /// For a statement of many rows.
    pub fn bulk(text: impl Into<String>, engine: Engine) -> Sql {
        Sql::new(text).of_many(engine)
    }

    /// Says that it is one of many rows.
    #[must_use]
    pub fn of_many(self, engine: Engine) -> Sql {
        let nameless = engine == Engine::Sqlite;
        Sql { nameless, planned_anew: !nameless, ..self }
    }

    /// Appends text.
    pub fn push(&mut self, text: &str) -> &mut Sql {
        self.text.push_str(text);
        self
    }

    /// Appends a placeholder for a value.
    pub fn bind(&mut self, value: impl Into<Value>) -> &mut Sql {
        let place = self.arg(value);
        self.text.push_str(&place);
        self
    }

    /// Adds an argument and gives its placeholder, to be written into text that is still being made.
    pub fn arg(&mut self, value: impl Into<Value>) -> String {
        self.args.push(value.into());
        if self.nameless { "?".to_owned() } else { format!("${}", self.args.len()) }
    }

    /// Appends `(v1, v2, ...)`.
    pub fn bind_list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) -> &mut Sql {
        let places: Vec<String> = values.into_iter().map(|v| self.arg(v)).collect();
        self.text.push('(');
        self.text.push_str(&places.join(", "));
        self.text.push(')');
        self
    }

    /// Appends `(values (v1), (v2), ...)`: joined with an index, where PostgreSQL would hold every row against a list.
    pub fn bind_rows<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) -> &mut Sql {
        let places: Vec<String> = values.into_iter().map(|v| format!("({})", self.arg(v))).collect();
        self.text.push_str("(values ");
        self.text.push_str(&places.join(", "));
        self.text.push(')');
        self
    }

    /// Appends that what stands before is one of some values. PostgreSQL finds those by an index or by a hash, whatever it knows of the
    /// table; of rows of values it may go through all for each row of a table that it takes for empty.
    pub fn bind_among<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) -> &mut Sql {
        if !self.planned_anew {
            return self.push(" in ").bind_rows(values);
        }
        let places: Vec<String> = values.into_iter().map(|value| self.arg(value)).collect();
        self.push(&format!(" = any(array[{}])", places.join(", ")))
    }

    #[must_use]
    pub fn with(mut self, args: impl IntoIterator<Item = Value>) -> Sql {
        self.args.extend(args);
        self
    }

    /// Says what kinds the columns have that it yields.
    #[must_use]
    pub fn yields(mut self, kinds: impl IntoIterator<Item = ValueType>) -> Sql {
        self.kinds = kinds.into_iter().collect();
        self
    }
}

/// An identifier of a descriptor, quoted.
pub fn quoted(identifier: &str) -> String {
    format!("\"{identifier}\"")
}

/// One row, its columns in the order asked for.
#[derive(Debug, Clone)]
pub struct Row(pub Vec<Value>);

fn unfit(i: usize) -> Error {
    Problem::integrity(format!("a stored value does not have the type that it should (column {})", i + 1))
        .hint("'orgctl db check' says more")
        .into()
}

/// What is said of a row one of whose values can't be what it is: its column, and whatever names the row.
pub fn unreadable(columns: &[String], values: &[Option<Value>]) -> Error {
    let at = values.iter().position(Option::is_none).unwrap_or(0);
    let column = columns.get(at).map_or("?", String::as_str);
    let names = |(name, value): (&String, &Option<Value>)| {
        let is_key =
            ["id", "org_id", "tree", "seq", "first_seq", "user_id", "actor_id", "key", "code"].contains(&name.as_str());
        value.as_ref().filter(|v| is_key && !v.is_null()).map(|v| format!("{name} {}", v.to_text()))
    };
    let row: Vec<String> = columns.iter().zip(values).filter_map(names).take(3).collect();
    let row = if row.is_empty() { String::new() } else { format!(" (row with {})", row.join(", ")) };
    Problem::integrity(format!("a stored value of {column} is not what it should be{row}"))
        .hint("'orgctl db check' names every such value")
        .into()
}

impl Row {
    pub fn value(&self, i: usize) -> &Value {
        self.0.get(i).unwrap_or(&Value::Null(ValueType::Text))
    }
    pub fn int(&self, i: usize) -> Result<i64> {
        self.value(i).as_int().ok_or_else(|| unfit(i))
    }
    pub fn text(&self, i: usize) -> Result<&str> {
        self.value(i).as_text().ok_or_else(|| unfit(i))
    }
    pub fn uuid(&self, i: usize) -> Result<Uuid> {
        self.value(i).as_uuid().ok_or_else(|| unfit(i))
    }
    pub fn time(&self, i: usize) -> Result<DateTime<Utc>> {
        self.value(i).as_time().ok_or_else(|| unfit(i))
    }
    pub fn bytes(&self, i: usize) -> Result<&[u8]> {
        self.value(i).as_bytes().ok_or_else(|| unfit(i))
    }
    /// The number of an organisation or a tree.
    pub fn org(&self, i: usize) -> Result<i32> {
        self.int(i)?.try_into().map_err(|_| unfit(i))
    }
    pub fn hash(&self, i: usize) -> Result<[u8; 32]> {
        self.bytes(i)?.try_into().map_err(|_| unfit(i))
    }
}
