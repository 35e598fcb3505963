//! Lists: which rows, in which order, one page at a time.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::lists;
use super::place;
use super::search::{self, Wanted};
use super::status_sql;
use super::{Column, Deleted};
use crate::model::problem::{Problem, nearest};
use crate::model::resource::lifecycle::AT;
use crate::model::resource::{Descriptor, Field, List};
use crate::model::values::fold::{folded, table};
use crate::model::values::scalar::{Form, fold};
use crate::model::values::set;
use crate::model::values::value::{Value, ValueType};
use crate::model::values::zone::Zone;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::location::Engine;
use crate::store::engine::sql::{Row, Sql, quoted};
use crate::store::records;
use crate::store::trail::{by_day, quarter};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    Is,
    IsNot,
    More,
    AtLeast,
    Less,
    AtMost,
    Contains,
    ContainsNot,
    /// From the first of two values on and before the second, for one pair of several; or for none of them.
    Within,
    NotWithin,
}

impl Op {
    fn sql(self) -> &'static str {
        match self {
            Op::Is => "=",
            Op::IsNot => "<>",
            Op::More => ">",
            Op::AtLeast => ">=",
            Op::Less => "<",
            Op::AtMost => "<=",
            Op::Contains | Op::ContainsNot => "like",
            Op::Within | Op::NotWithin => "between",
        }
    }
}

/// One condition of a filter: a column held against one value, or against several (any of them).
/// Values are of the column's kind; for `Contains` they are text. NULL asks for "has none".
#[derive(Debug, Clone)]
pub struct Condition {
    pub column: Column,
    pub op: Op,
    pub values: Vec<Value>,
}

/// What to list.
#[derive(Debug, Clone)]
pub struct Query {
    pub desc: &'static Descriptor,
    pub org: Option<i32>,
    pub life: Deleted,
    pub filter: Vec<Condition>,
    pub columns: Vec<Column>,
    /// Columns to sort by, all in the same direction. None: organisation and natural key; of a journal its time.
    pub sort: Vec<Column>,
    pub descending: bool,
    pub limit: Option<u64>,
    pub after: Option<Cursor>,
    /// Words that rows must have, by their beginnings.
    pub search: Option<Wanted>,
    /// SYSTEM is in no list, but can be looked at.
    pub with_system: bool,
    /// The time of the question.
    pub now: DateTime<Utc>,
}

/// Where the next page begins: what the last row of this one sorts by. Its token is opaque to the user.
#[derive(Debug, Clone)]
pub struct Cursor {
    pub values: Vec<Value>,
    pub id: Uuid,
}

impl Cursor {
    /// The token: id, a mark of the sort that it belongs to, and the values as JSON.
    pub fn encode(&self, query: &Query) -> String {
        let values: Vec<serde_json::Value> = self.values.iter().map(Value::to_json).collect();
        let mut bytes = self.id.as_bytes().to_vec();
        bytes.extend(query.sort_mark());
        bytes.extend(serde_json::Value::Array(values).to_string().into_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a token and holds it against the sort it was made for.
    pub fn decode(token: &str, query: &Query) -> Result<Cursor, Problem> {
        let read = || {
            let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
            let (id, rest) = bytes.split_at_checked(16)?;
            let values: Vec<serde_json::Value> = serde_json::from_slice(rest.strip_prefix(&query.sort_mark())?).ok()?;
            let keys = query.sort_keys();
            let values: Vec<Value> =
                keys.iter().zip(&values).map(|(k, v)| Value::from_json(k.kind, v)).collect::<Option<_>>()?;
            (values.len() == keys.len()).then_some(Cursor { values, id: Uuid::from_slice(id).ok()? })
        };
        read().ok_or_else(|| {
            Problem::usage("the page token can't be used here")
                .hint("take the command that the last page printed, unchanged")
        })
    }
}

/// One page: rows of the query's columns, and where the next page begins.
pub struct Page {
    pub rows: Vec<Row>,
    pub next: Option<Cursor>,
}

impl Query {
    pub fn new(desc: &'static Descriptor, now: DateTime<Utc>) -> Query {
        Query {
            desc,
            org: None,
            life: Deleted::Exclude,
            filter: Vec::new(),
            columns: records::columns(desc),
            sort: Vec::new(),
            // Of a journal the newest is told first.
            descending: desc.stays(),
            limit: None,
            after: None,
            search: None,
            with_system: false,
            now,
        }
    }

    /// What rows are sorted by, before the id.
    fn sort_keys(&self) -> Vec<Column> {
        if !self.sort.is_empty() {
            return self.sort.clone();
        }
        if self.desc.stays() {
            return vec![Column::plain(AT, ValueType::Time, false)];
        }
        let mut keys: Vec<Column> = match self.desc.key_field() {
            Some(field) => records::columns(self.desc).into_iter().filter(|c| c.name == field.name()).collect(),
            // By what rows hold themselves: that is the order of the key's index.
            None => self.desc.key().parts().map(|field| records::of_row(self.desc, field)).collect(),
        };
        if !self.desc.is_org() {
            // By the tenant's number first: one index serves all organisations or one.
            keys.insert(0, Column::plain("org_id", ValueType::Int, false));
        }
        keys
    }

    /// Tells a token of this sort from one of another.
    fn sort_mark(&self) -> [u8; 4] {
        let names: Vec<String> = self.sort_keys().into_iter().map(|k| k.name).collect();
        let hash = Sha256::digest(format!("{} {} {}", self.desc.noun, names.join(","), self.descending));
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// Keeps SQLite's planner from going through an index of all records where a search names a few.
    fn plus(&self, engine: Engine) -> &'static str {
        let few = self.search.as_ref().is_some_and(|w| w.among.is_some());
        if few && engine == Engine::Sqlite { "+" } else { "" }
    }

    /// Keeps it from going through all records in their order where a state is asked for that few are in.
    fn plus_in_order(&self, engine: Engine) -> &'static str {
        let is_rare = |c: &Condition| {
            let words = c.column.status.map_or(&[][..], Descriptor::status_words);
            let rare = |v: &Value| words.iter().any(|w| w.is_rare && v.as_text() == Some(w.word));
            c.column.status.is_some() && c.op == Op::Is && c.values.iter().all(rare)
        };
        if engine == Engine::Sqlite && self.filter.iter().any(is_rare) { "+" } else { self.plus(engine) }
    }

    fn conditions(&self, engine: Engine, sql: &mut Sql) {
        sql.push(&format!(" where true and {}", self.life.condition(self.desc, "t")));
        if self.desc.is_org() && !self.with_system {
            sql.push(" and t.org_id <> 0");
        }
        match self.org {
            Some(org) => drop(sql.push(&format!(" and {}t.org_id = ", self.plus(engine))).bind(org)),
            None if self.desc.is_org() || self.desc.may_be_in_system() => {}
            // What SYSTEM has of them is told where it is named.
            None => drop(sql.push(" and t.org_id <> 0")),
        }
        for c in &self.filter {
            sql.push(" and ");
            c.push(engine, sql);
        }
        if let Some(wanted) = &self.search {
            let org = self.org.map_or(String::new(), |org| format!(" and c.org_id = {org}"));
            let scope = format!("{}{org}", self.life.condition(self.desc, "c"));
            sql.push(" and ");
            search::push_condition(engine, self.desc, wanted, &scope, sql);
        }
    }

    /// Puts the time of the question into a statement that asks for it.
    fn bind_time(&self, sql: &mut Sql, engine: Engine) {
        sql.text = status_sql::render(&sql.text, engine, self.now);
    }

    fn joins(&self, more: &[Column]) -> String {
        let mut joins: Vec<&str> = Vec::new();
        let filter = self.filter.iter().map(|c| &c.column);
        for join in self.columns.iter().chain(more).chain(filter).filter_map(|c| c.join.as_deref()) {
            if !joins.contains(&join) {
                joins.push(join);
            }
        }
        joins.iter().map(|j| format!(" {j}")).collect()
    }

    /// What is shown of a column. Where what it refers to was left out or is purged, its id tells at least that there was
    /// something.
    fn shown_expr(&self, column: &Column, engine: Engine, is_part: bool) -> String {
        let is_kept = column.field.is_some_and(|f| f.target().is_some() && !self.desc.has_foreign_key(f));
        match is_part || is_kept {
            true => column.or_id(self.desc, engine),
            false => column.expr.clone(),
        }
    }

    /// The statement of one page: the query's columns, then the sort keys, then the id.
    fn select(&self, engine: Engine, is_part: bool) -> (Sql, usize) {
        let keys = self.sort_keys();
        let exprs: Vec<String> = self
            .columns
            .iter()
            .map(|c| self.shown_expr(c, engine, is_part))
            .chain(keys.iter().map(|k| k.expr.clone()))
            .chain(["t.id".to_owned()])
            .collect();
        let kinds: Vec<ValueType> = self.columns.iter().chain(&keys).map(|c| c.kind).chain([ValueType::Uuid]).collect();
        let mut sql = Sql::new(format!("select {} from {} t{}", exprs.join(", "), self.desc.table, self.joins(&keys)))
            .yields(kinds);
        self.conditions(engine, &mut sql);
        if let Some(cursor) = &self.after {
            sql.push(" and ");
            push_after(&mut sql, &keys, cursor, self.descending);
        }
        let direction = if self.descending { "desc" } else { "asc" };
        // NULL is the smallest value on both engines.
        let nulls = if self.descending { " nulls last" } else { " nulls first" };
        let order: Vec<String> = keys
            .iter()
            .map(|k| {
                format!("{}{} {direction}{}", self.plus_in_order(engine), k.expr, if k.nullable { nulls } else { "" })
            })
            .chain([format!("t.id {direction}")])
            .collect();
        sql.push(&format!(" order by {}", order.join(", ")));
        self.bind_time(&mut sql, engine);
        (sql, keys.len())
    }

    /// The statement of one page; with how many columns its rows are sorted by.
    pub fn statement(&self, engine: Engine, is_part: bool) -> (Sql, usize) {
        let (mut sql, keys) = self.select(engine, is_part);
        if let Some(limit) = self.limit.and_then(|limit| i64::try_from(limit).ok()) {
            // One more than asked for tells whether there is a next page.
            sql.push(" limit ").bind(limit.saturating_add(1));
        }
        (sql, keys)
    }

    /// One page.
    pub async fn page(&self, db: &mut Db) -> Result<Page> {
        let (sql, keys) = self.statement(db.engine(), db.lacks_rows());
        let mut rows = db.all(sql).await?;
        let mut next = None;
        if let Some(limit) = self.limit.and_then(|l| usize::try_from(l).ok())
            && rows.len() > limit
        {
            rows.truncate(limit);
            next = rows.last().map(|last| self.cursor(last, keys)).transpose()?;
        }
        let wanted = self.columns.len();
        for row in &mut rows {
            row.0.truncate(wanted);
        }
        Ok(Page { rows, next })
    }

    fn cursor(&self, last: &Row, keys: usize) -> Result<Cursor> {
        let n = self.columns.len();
        Ok(Cursor { values: last.0[n..n + keys].to_vec(), id: last.uuid(n + keys)? })
    }

    /// Every row, handed on as it comes.
    pub async fn each(&self, db: &mut Db, mut each: impl FnMut(Row) -> Result<()>) -> Result<()> {
        let (sql, _) = self.select(db.engine(), db.lacks_rows());
        let wanted = self.columns.len();
        db.each(sql, |mut row| {
            row.0.truncate(wanted);
            each(row)
        })
        .await
    }

    /// How many rows there are.
    pub async fn count(&self, db: &mut Db) -> Result<i64> {
        let engine = db.engine();
        let bare = Query { columns: Vec::new(), ..self.clone() };
        let mut sql = Sql::new(format!("select count(*) from {} t{}", self.desc.table, bare.joins(&[])));
        self.conditions(engine, &mut sql);
        self.bind_time(&mut sql, engine);
        db.one(sql.yields([ValueType::Int])).await?.int(0)
    }

    /// How many rows there are, grouped by one column's text, most first.
    pub async fn counts(&self, db: &mut Db, by: &Column) -> Result<Vec<(Option<String>, i64)>> {
        let by = std::slice::from_ref(by);
        let engine = db.engine();
        let bare = Query { columns: Vec::new(), ..self.clone() };
        let expr = self.shown_expr(&by[0], engine, db.lacks_rows());
        let mut sql = Sql::new(format!("select {expr}, count(*) from {} t{}", self.desc.table, bare.joins(by)));
        self.conditions(engine, &mut sql);
        sql.push(" group by 1 order by 2 desc, 1 nulls first");
        self.bind_time(&mut sql, engine);
        let rows = db.all(sql.yields([by[0].kind, ValueType::Int])).await?;
        rows.iter().map(|r| Ok(((!r.value(0).is_null()).then(|| r.value(0).to_text()), r.int(1)?))).collect()
    }
}

impl Query {
    /// How many rows of a journal there are of each day of a zone, in the order of days.
    pub async fn counts_by_day(&self, db: &mut Db, zone: Zone) -> Result<Vec<(String, i64)>> {
        let quarter = quarter(db.is_postgres(), &format!("t.{AT}"));
        let by = Column { expr: quarter, ..Column::plain("day", ValueType::Text, false) };
        let counted = self.counts(db, &by).await?;
        let quarters: Vec<_> = counted.into_iter().map(|(quarter, n)| (quarter.unwrap_or_default(), n)).collect();
        by_day(&quarters, zone)
    }

    /// The same of what was written since a time, or before another.
    pub fn between(&mut self, since: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>) {
        for (op, at) in [(Op::AtLeast, since), (Op::Less, until)] {
            let column = Column::plain(AT, ValueType::Time, false);
            self.filter.extend(at.map(|at| Condition { column, op, values: vec![at.into()] }));
        }
    }
}

/// How values of a column are compared.
#[derive(Debug, Clone, Copy)]
enum Comparison {
    /// As they are: what is kept in one spelling, and what is no text.
    Exact,
    /// Case, width and what can't be seen make no difference; without marks they don't either.
    Folded { without_marks: bool },
    /// As a key, whose column holds the texts folded.
    Key(&'static Field),
}

impl Comparison {
    /// Of the values of a column; `within` where a part of them is looked for.
    fn of(column: &Column, within: bool) -> Comparison {
        let Some(field) = column.field.filter(|_| column.kind == ValueType::Text && column.choices().is_none()) else {
            let without_marks = true;
            return if within { Comparison::Folded { without_marks } } else { Comparison::Exact };
        };
        let marks = matches!(field.ty.form, Form::Identifier | Form::LowerCase);
        // A key is looked up by its index.
        match within || !column.is_key || field.target().is_some() {
            true => Comparison::Folded { without_marks: !marks },
            false if field.folds() => Comparison::Key(field),
            false => Comparison::Exact,
        }
    }

    /// A column's text as it is compared.
    fn column(self, engine: Engine, expr: &str) -> String {
        let without_marks = match self {
            Comparison::Folded { without_marks } => without_marks,
            Comparison::Exact => return expr.to_owned(),
            Comparison::Key(field) => return format!("t.{}", quoted(field.folded)),
        };
        match engine {
            Engine::Sqlite => format!("orgctl_fold({expr}, {})", u8::from(without_marks)),
            Engine::Postgres => {
                let (from, to) = &TABLES[usize::from(without_marks)];
                // Most texts are plain, and most others of a script that has no case.
                format!(
                    "case when octet_length({expr}) = char_length({expr}) then lower({expr})
                          when {expr} !~ '[^\\u0001-\\u007f\\u0900-\\u109f\\u3041-\\u9fff\\uac00-\\ud7a3]'
                          then lower(normalize({expr}, NFKD))
                          else replace(translate(normalize({expr}, NFKD), '{from}', '{to}'), '\u{df}', 'ss') end"
                )
            }
        }
    }

    fn value(self, text: &str) -> String {
        match self {
            Comparison::Exact => text.to_owned(),
            Comparison::Key(field) => field.ty.fold(text).into_owned(),
            Comparison::Folded { without_marks } => folded(text, without_marks),
        }
    }
}

/// What PostgreSQL makes of single characters, with their marks and without.
static TABLES: LazyLock<[(String, String); 2]> = LazyLock::new(|| [table(false), table(true)]);

impl Condition {
    /// That rows are of an organisation: an index that begins with it is gone through in its order.
    pub fn of_org(org: i32) -> Condition {
        Condition { column: Column::plain("org_id", ValueType::Int, false), op: Op::Is, values: vec![org.into()] }
    }

    fn push(&self, engine: Engine, sql: &mut Sql) {
        if let Some((desc, place)) = self.column.place {
            return place::push_condition(desc, place, &self.values, self.op == Op::IsNot, engine, sql);
        }
        if let Some((list, _)) = self.column.list {
            return self.push_of_list(list, sql);
        }
        if self.column.field.is_some_and(Field::is_set) && matches!(self.op, Op::Is | Op::IsNot) {
            return self.push_of_set(sql);
        }
        if let (Some(desc), Op::Is) = (self.column.status, self.op) {
            let is = |v: &Value| {
                if v.is_null() { "false".to_owned() } else { status_sql::status_condition(desc, &v.to_text()) }
            };
            let any: Vec<String> = self.values.iter().map(|v| format!("({})", is(v))).collect();
            sql.push(&format!("({})", any.join(" or ")));
            return;
        }
        if let (Op::Is, [Value::Bool(true)], true) =
            (self.op, self.values.as_slice(), self.column.expr.starts_with('('))
        {
            // In terms that indexes know.
            sql.push(&self.column.expr);
            return;
        }
        if matches!(self.op, Op::Within | Op::NotWithin) {
            return self.push_within(sql);
        }
        let within = matches!(self.op, Op::Contains | Op::ContainsNot);
        let compared = within || matches!(self.op, Op::Is | Op::IsNot);
        let sameness = if compared { Comparison::of(&self.column, within) } else { Comparison::Exact };
        let expr = &sameness.column(engine, &self.column.expr);
        if matches!(self.op, Op::Is | Op::IsNot) && self.values.len() > 1 {
            return self.push_one_of(expr, sameness, sql);
        }
        let plain = &self.column.expr;
        let negated = matches!(self.op, Op::IsNot | Op::ContainsNot);
        let missing = if negated { format!("{plain} is null or ") } else { String::new() };
        let Some(value) = self.values.first() else {
            sql.push("false");
            return;
        };
        match (self.op, value) {
            (Op::IsNot, Value::Null(_)) => sql.push(&format!("({plain} is not null)")),
            (_, Value::Null(_)) => sql.push(&format!("({plain} is null)")),
            (Op::Contains | Op::ContainsNot, text) => {
                let pattern = format!("%{}%", escaped(&sameness.value(&text.to_text())));
                let not = if negated { "not " } else { "" };
                sql.push(&format!("({missing}{expr} {not}like ")).bind(pattern).push(" escape '!')")
            }
            (op, Value::Text(text)) => {
                let value = sameness.value(text);
                sql.push(&format!("({missing}{expr} {} ", op.sql())).bind(value).push(")")
            }
            (op, value) => sql.push(&format!("({missing}{expr} {} ", op.sql())).bind(value.clone()).push(")"),
        };
    }
}

impl Condition {
    /// Whether a column lies within one of several stretches, or in none of them.
    fn push_within(&self, sql: &mut Sql) {
        let expr = &self.column.expr;
        let negated = self.op == Op::NotWithin;
        sql.push(&if negated { format!("({expr} is null or not (") } else { "((".to_owned() });
        for (i, [start, end]) in self.values.as_chunks::<2>().0.iter().enumerate() {
            sql.push(if i == 0 { "(" } else { " or (" });
            sql.push(&format!("{expr} >= ")).bind(start.clone());
            sql.push(&format!(" and {expr} < ")).bind(end.clone()).push(")");
        }
        sql.push("))");
    }

    /// Whether a column has one of several values, or none of them.
    fn push_one_of(&self, expr: &str, sameness: Comparison, sql: &mut Sql) {
        let plain = &self.column.expr;
        let folded = |v: &Value| match v {
            Value::Text(text) => sameness.value(text).into(),
            other => other.clone(),
        };
        let values: Vec<Value> = self.values.iter().filter(|v| !v.is_null()).map(folded).collect();
        let with_none = values.len() < self.values.len();
        match (self.op, with_none) {
            (Op::IsNot, true) => sql.push(&format!("({plain} is not null and {expr} not in ")),
            (Op::IsNot, false) => sql.push(&format!("({plain} is null or {expr} not in ")),
            (_, true) => sql.push(&format!("({plain} is null or {expr} in ")),
            (_, false) => sql.push(&format!("({expr} in ")),
        };
        sql.bind_list(values).push(")");
    }

    /// Whether a set has a member, or with NULL whether it has none. Of a value that names several it has all.
    fn push_of_set(&self, sql: &mut Sql) {
        let expr = &self.column.expr;
        sql.push(if self.op == Op::IsNot { "not (" } else { "(" });
        for (i, value) in self.values.iter().enumerate() {
            sql.push(if i == 0 { "" } else { " or " });
            if value.is_null() {
                sql.push(&format!("{expr} is null"));
                continue;
            }
            sql.push(&format!("({expr} is not null"));
            for member in set::members(&value.to_text()) {
                let pattern = format!("%{0}{1}{0}%", set::SEPARATOR, escaped(member));
                sql.push(&format!(" and '{0}' || {expr} || '{0}' like ", set::SEPARATOR))
                    .bind(pattern)
                    .push(" escape '!'");
            }
            sql.push(")");
        }
        sql.push(if self.values.is_empty() { "false)" } else { ")" });
    }

    /// Whether a list has a member, or with NULL whether it has none.
    fn push_of_list(&self, list: &List, sql: &mut Sql) {
        // Of a field that links tell, the one that is the first is meant.
        let listed = match self.column.field.and_then(|_| list.flag()) {
            Some(flag) => format!(" and l.{}", quoted(flag)),
            None => lists::is_listed(list, "l"),
        };
        let ids: Vec<Value> = self.values.iter().filter(|v| !v.is_null()).cloned().collect();
        sql.push(if self.op == Op::IsNot { "not (" } else { "(" });
        if ids.len() < self.values.len() {
            let of_row = lists::is_of(list, "l", "t");
            sql.push(&format!("not exists (select 1 from {} l where {of_row}{listed})", list.desc().table));
        }
        if !ids.is_empty() {
            sql.push(if ids.len() < self.values.len() { " or " } else { "" });
            // Ids are unique everywhere, so that the question does not depend on the row.
            let ids: Vec<String> = ids.into_iter().map(|id| sql.arg(id)).collect();
            let owners = lists::owners(list, None, &ids.join(", "));
            sql.push(&format!("t.id in ({owners}{listed})"));
        }
        sql.push(")");
    }
}

fn escaped(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

/// `(k1, k2, id) > (v1, v2, id)`, with NULL as the smallest value.
fn push_after(sql: &mut Sql, keys: &[Column], cursor: &Cursor, descending: bool) {
    let beyond = if descending { "<" } else { ">" };
    if keys.iter().all(|k| !k.nullable) {
        let exprs: Vec<&str> = keys.iter().map(|k| k.expr.as_str()).chain(["t.id"]).collect();
        sql.push(&format!("({}) {beyond} ", exprs.join(", ")));
        sql.bind_list(cursor.values.iter().cloned().chain([cursor.id.into()]));
        return;
    }
    sql.push("(");
    for i in 0..=keys.len() {
        if i > 0 {
            sql.push(" or ");
        }
        sql.push("(");
        for (key, value) in keys.iter().zip(&cursor.values).take(i) {
            match value {
                Value::Null(_) => sql.push(&format!("{} is null", key.expr)),
                v => sql.push(&format!("{} = ", key.expr)).bind(v.clone()),
            };
            sql.push(" and ");
        }
        match (keys.get(i), cursor.values.get(i)) {
            (Some(key), Some(Value::Null(_))) => {
                sql.push(&if descending { "false".to_owned() } else { format!("{} is not null", key.expr) })
            }
            (Some(key), Some(value)) => {
                let none = if descending { format!("{} is null or ", key.expr) } else { String::new() };
                sql.push(&format!("({none}{} {beyond} ", key.expr)).bind(value.clone()).push(")")
            }
            _ => sql.push(&format!("t.id {beyond} ")).bind(cursor.id),
        };
        sql.push(")");
    }
    sql.push(")");
}

/// Finds a column by the name a user gives; `created` stands for `created_at`.
pub fn column<'a>(columns: &'a [Column], name: &str) -> Result<&'a Column, Problem> {
    let name = name.trim();
    let also = |c: &&Column| c.field.is_some_and(|f| f.aliases().iter().any(|a| fold(a) == fold(name)));
    let found = columns.iter().find(|c| c.name == name).or_else(|| columns.iter().find(also)).or_else(|| {
        let long = format!("{name}_at");
        columns.iter().find(|c| c.name == long)
    });
    found.ok_or_else(|| {
        let known: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        let meant = nearest(name, known.iter().copied()).map(|m| format!("did you mean {m}?"));
        Problem::usage(format!("there is no field '{}'", crate::model::values::scalar::truncate(name)))
            .hint_maybe(meant)
            .hint(format!("fields: {}", known.join(", ")))
    })
}
