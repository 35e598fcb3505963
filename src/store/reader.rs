//! What may be told: the rows of each kind that somebody may see, and the one place where statements learn of it.
//!
//! A connection is opened for a reader ([`Opening::reader`](super::engine::opening::Opening)); none means that everything may
//! be told, and then a statement is run as it was written. For a reader, each statement that names the table of a kind is
//! begun with a common table expression of the same name, `with users as (select * from main.users where ...)`: whatever the
//! statement does with `users`, it does with the rows that may be told. So no query knows of scopes, and none can forget them:
//! lists, counts, keys, names that are near, references that are told by their keys, filters and sorting by these, searches,
//! completion, prompts, exports. A row that may not be told is not there, and a reference to it tells its id or nothing.
//!
//! 1. *Told* is the default. What is *checked* (uniqueness, protection, cycles, limits, matching, invariants) sees everything:
//!    inside a transaction ([`tx`](super::tx)), and where `Db::checking` says so. What comes of it is told without names,
//!    but for those that may be told ([`records::hidden`](super::records::hidden)).
//! 2. Each kind has the scope of its own permission to read. A command that tells by a permission besides (an export) sees of
//!    its kind what both give. What is part of a record (its lists, its former keys, what has no verbs of its own) is told
//!    where the record is; by itself, by a command of its own kind, as its own permission says.
//! 3. Everything is of one organisation, that of who reads, besides what all have of the installation. The organisation
//!    itself is always told: it names the place of every record.
//! 4. Where a row belongs is looked up in all rows, told or not, by the ways that its kind declares
//!    ([`records::place`](super::records::place)). In the past it belongs where it belonged then: the table is the view of then.
//!    From the place to the records an index serves each step (`user_branches_branch`, `departments_branch`); the places that a
//!    condition names, with all below them, are looked up once in a statement (`told_place_0`).
//! 5. A command about the trail reads that of one organisation, and nothing of another's: the tables of the trail are narrowed
//!    as those of kinds are ([`Reader::with_trail`]).
//! 6. A name with a schema before it (`main.users`) is the table itself. Only this file writes such names, the past
//!    ([`as_of`](super::as_of)) as it builds its views, and what copies or checks whole databases.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::engine::db::Db;
use super::engine::dialect::{Engine, Tables};
use super::engine::opening::Telling;
use super::engine::sql::{Sql, quoted};
use super::records::{lists, place, subjects};
use crate::model::resource::path::Place;
use crate::model::resource::{Attr, Descriptor, Field, Record, Subject};
use crate::model::scope::{Conditions, Scope};
use crate::model::values::value::ValueType;
use crate::store::Result;

/// Who reads: what may be told of each table, in one organisation.
#[derive(Debug)]
pub struct Reader {
    org: i32,
    told: BTreeMap<&'static str, Told>,
    /// The places that conditions name, each set once: a statement looks up what is below them once.
    places: Vec<(&'static Descriptor, BTreeSet<Uuid>)>,
    /// Fields that ask for more than the row, with the rows of which they may be told.
    fields: Vec<(&'static Descriptor, &'static Field, Scope)>,
    /// Whether of the trail, too, that of the organisation alone is there.
    has_trail: bool,
}

/// The tables of the trail, each with the number of its tree.
const TRAIL: [&str; 5] = ["audit_heads", "audit_requests", "audit_records", "audit_erased", "audit_checkpoints"];

/// Which rows of a kind may be told.
#[derive(Debug, Clone)]
pub enum Told {
    Of(Scope),
    /// Those that are part of what is told of another kind: by the reference to that.
    With(&'static Field, &'static Descriptor, Scope),
}

impl Reader {
    /// Of a kind that is not named nothing may be told.
    pub fn new(org: i32, told: impl IntoIterator<Item = (&'static Descriptor, Told)>) -> Reader {
        let told: Vec<(&'static Descriptor, Told)> = told.into_iter().collect();
        let mut places = Vec::new();
        for (desc, told) in &told {
            let (whole, scope) = match told {
                Told::Of(scope) => (*desc, scope),
                Told::With(_, whole, scope) => (*whole, scope),
            };
            let Scope::AnyOf(any) = scope else { continue };
            let sets = |all: &Conditions| {
                let branches = if all.branches_alone { Vec::new() } else { all.branches.clone() };
                [(Place::Branch, branches), (Place::Department, all.departments.clone())]
            };
            for (place, sets) in any.iter().flat_map(sets) {
                let of = whole.place(place).into_iter().flat_map(|of| sets.iter().map(move |set| (of, set.clone())));
                places.extend(of.filter(|named| !places.contains(named)).collect::<Vec<_>>());
            }
        }
        let told = told.into_iter().map(|(desc, told)| (desc.table, told)).collect();
        Reader { org, told, places, fields: Vec::new(), has_trail: false }
    }

    /// The same, telling some fields of some rows alone: of all others nothing stands in them.
    #[must_use]
    pub fn with_fields(self, fields: Vec<(&'static Descriptor, &'static Field, Scope)>) -> Reader {
        Reader { fields, ..self }
    }

    /// What a row of a kind consists of, as far as it may be told.
    fn columns(&self, tables: Tables<'_>, desc: &'static Descriptor) -> String {
        if !self.fields.iter().any(|(of, ..)| *of == desc) {
            return "*".to_owned();
        }
        let told = |(column, _): (&'static str, ValueType)| {
            let name = quoted(column);
            match self.fields.iter().find(|(of, field, _)| *of == desc && field.column == column) {
                Some((_, _, scope)) => {
                    let may = condition(tables, desc, self.org, scope, &|_, _| None);
                    format!("case when {may} then t.{name} end as {name}")
                }
                None => format!("t.{name}"),
            }
        };
        super::records::stored_columns(desc).into_iter().map(told).collect::<Vec<_>>().join(", ")
    }

    /// The same for a command about the trail.
    #[must_use]
    pub fn with_trail(mut self) -> Reader {
        self.has_trail = true;
        self
    }

    /// The tables of the trail that a statement names, with what is the organisation's.
    fn trail(&self, tables: Tables<'_>, named: &BTreeSet<&str>) -> impl Iterator<Item = String> {
        let (org, schema) = (self.org, tables.engine.main_schema());
        // Nearly all rows may be of the one organisation. A planner that knows nothing would think otherwise, and read the whole
        // tree by the primary key for each of the rows to which an index leads.
        let is_own = match tables.engine {
            Engine::Sqlite => format!("likely(tree = {org})"),
            Engine::Postgres => format!("tree = {org}"),
        };
        let of_it = TRAIL.into_iter().filter(|table| self.has_trail && named.contains(table));
        of_it
            .map(move |table| format!("{table} as not materialized (select * from {schema}.{table} where {is_own})"))
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// The rows of a kind that may be told, under the name of its table.
    fn relation(&self, tables: Tables<'_>, desc: &'static Descriptor) -> String {
        let of = table(tables, desc);
        let (columns, told) = (self.columns(tables, desc), self.condition(tables, desc));
        format!("{} as not materialized (select {columns} from {of} t where {told})", desc.table)
    }

    /// A query of places with all below them, which the statement has looked up.
    fn place(&self, desc: &Descriptor, set: &BTreeSet<Uuid>) -> Option<String> {
        let at = self.places.iter().position(|(of, named)| **of == *desc && named == set)?;
        Some(format!("select id from {}", place_name(at)))
    }

    /// Whether the row `t` may be told.
    fn condition(&self, tables: Tables<'_>, desc: &'static Descriptor) -> String {
        let org = self.org;
        // What is the installation's is everybody's, as far as it may be told at all.
        let of_org = match desc.is_org() || desc.may_be_in_system() {
            true => format!("t.org_id in (0, {org})"),
            false => format!("t.org_id = {org}"),
        };
        match self.told.get(desc.table) {
            None => "false".to_owned(),
            Some(Told::Of(Scope::All) | Told::With(_, _, Scope::All)) => of_org,
            Some(Told::Of(scope)) => {
                format!("{of_org} and {}", condition(tables, desc, org, scope, &|desc, set| self.place(desc, set)))
            }
            Some(Told::With(field, whole, scope)) => format!(
                "{of_org} and t.{} in (select t.id from {} t where t.org_id = {org} and {})",
                quoted(field.column),
                table(tables, whole),
                condition(tables, whole, org, scope, &|desc, set| self.place(desc, set))
            ),
        }
    }
}

impl Telling for Reader {
    fn narrow(&self, tables: Tables<'_>, text: String) -> String {
        let begins = |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
        if !["select ", "with ", "insert ", "update ", "delete "].into_iter().any(begins) {
            return text;
        }
        let named: BTreeSet<&str> =
            words(&text).filter(|(_, word, is_bare)| *is_bare && !word.is_empty()).map(|(_, word, _)| word).collect();
        let told: Vec<String> = tables
            .kinds
            .resources()
            .filter(|desc| named.contains(desc.table))
            .map(|desc| self.relation(tables, desc))
            .chain(self.trail(tables, &named))
            .collect();
        if told.is_empty() {
            return text;
        }
        let places = self.places.iter().enumerate().filter(|(i, _)| told.iter().any(|t| t.contains(&place_name(*i))));
        let places = places.map(|(i, (desc, set))| {
            let reached = qualified(tables, &place::with_below(desc, self.org, set, tables.engine));
            format!("{} (id) as materialized ({reached})", place_name(i))
        });
        let told = places.chain(told.iter().cloned()).collect::<Vec<_>>().join(", ");
        match (begins("with recursive "), begins("with ")) {
            (true, _) => format!("with recursive {told}, {}", &text["with recursive ".len()..]),
            (_, true) => format!("with {told}, {}", &text["with ".len()..]),
            _ => format!("with {told} {text}"),
        }
    }

    fn tells_all_of(&self, desc: &Descriptor, org: i32) -> bool {
        org == self.org && matches!(self.told.get(desc.table), Some(Told::Of(Scope::All)))
    }
}

/// What the places of a set with all below them are called in a statement.
fn place_name(at: usize) -> String {
    format!("told_place_{at}")
}

/// Where a statement has the places of a set with all below them, if it has.
type Reached<'a> = &'a dyn Fn(&Descriptor, &BTreeSet<Uuid>) -> Option<String>;

/// The condition that the row `t` of an organisation is in a scope, for a statement by itself.
pub(super) fn condition_of(db: &Db, desc: &'static Descriptor, org: i32, scope: &Scope) -> String {
    condition(db.tables(), desc, org, scope, &|_, _| None)
}

/// The condition that the row `t` of an organisation is in a scope. Each step of the way to a place has an index of its own.
fn condition(tables: Tables<'_>, desc: &'static Descriptor, org: i32, scope: &Scope, reached: Reached<'_>) -> String {
    let Scope::AnyOf(any) = scope else { return "true".to_owned() };
    let any: Vec<String> = any.iter().map(|all| met(tables, desc, org, all, reached)).collect();
    if any.is_empty() { "false".to_owned() } else { format!("({})", any.join(" or ")) }
}

/// Whether a record that is there is in a scope.
pub async fn covers(db: &mut Db, record: &Record, scope: &Scope) -> Result<bool> {
    let (org, id) = record.meta.record_id();
    let covered = condition_of(db, record.desc, org, scope);
    let mut sql = Sql::new(format!("select 1 from {} t where t.org_id = ", record.desc.table));
    sql.bind(org).push(" and t.id = ").bind(id).push(&format!(" and {covered}"));
    Ok(db.checking().first(sql.yields([ValueType::Int])).await?.is_some())
}

/// That the row `t` meets all of some conditions.
fn met(
    tables: Tables<'_>,
    desc: &'static Descriptor,
    org: i32,
    conditions: &Conditions,
    reached: Reached<'_>,
) -> String {
    let mut all = Vec::new();
    for (place, sets) in [(Place::Branch, &conditions.branches), (Place::Department, &conditions.departments)] {
        for set in sets {
            all.push(match desc.place(place).filter(|_| !set.is_empty()) {
                Some(of) => {
                    let places = match conditions.branches_alone && place == Place::Branch {
                        true => place::alone(of, org, set, tables.engine),
                        false => reached(of, set).unwrap_or_else(|| place::with_below(of, org, set, tables.engine)),
                    };
                    format!("t.id in ({})", qualified(tables, &place::of_any(desc, place, org, &places)))
                }
                None => "false".to_owned(),
            });
        }
    }
    if let Some(person) = conditions.own_of {
        let own = own(tables.engine, desc, person);
        all.push(if own.is_empty() {
            "false".to_owned()
        } else {
            format!("({})", qualified(tables, &own.join(" or ")))
        });
    }
    if all.is_empty() { "true".to_owned() } else { format!("({})", all.join(" and ")) }
}

/// That the row `t` is about a person, or that he or she is in charge of it.
fn own(engine: Engine, desc: &'static Descriptor, person: Uuid) -> Vec<String> {
    let id = place::literal(engine, person);
    let is_about = desc.subject_field().is_some() || matches!(desc.subject, Subject::Itself);
    let about = is_about.then(|| format!("{} = {id}", subjects::of_row(desc, "t", 0)));
    let assignees = desc.fields.iter().filter(|f| f.has(Attr::Assignee));
    about.into_iter().chain(assignees.map(|f| format!("{} = {id}", lists::value_of(desc, f, "t")))).collect()
}

/// The table of a kind itself, or of the past the view of it.
fn table(tables: Tables<'_>, desc: &Descriptor) -> String {
    let schema =
        if tables.past.contains(desc.table) { tables.engine.temp_schema() } else { tables.engine.main_schema() };
    format!("{schema}.{}", quoted(desc.table))
}

/// A piece of a statement, in which every table of a kind is the table itself.
fn qualified(tables: Tables<'_>, text: &str) -> String {
    let mut qualified = String::with_capacity(text.len() * 2);
    let mut done = 0;
    for (at, word, is_bare) in words(text) {
        if let Some(desc) = tables.kinds.by_table(word).filter(|_| is_bare) {
            qualified.push_str(&text[done..at]);
            qualified.push_str(&table(tables, desc));
            done = at + word.len();
        }
    }
    qualified + &text[done..]
}

/// The words of a statement with their places, and whether each stands for itself: neither behind a point nor in quotes.
fn words(text: &str) -> impl Iterator<Item = (usize, &str, bool)> {
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + text[at..].find(is_of_word)?;
        let end = text[start..].find(|c| !is_of_word(c)).map_or(text.len(), |n| start + n);
        at = end;
        let before = text[..start].chars().next_back();
        Some((start, &text[start..end], !matches!(before, Some('.' | '\''))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_for_themselves_or_not() {
        let found: Vec<_> = words("select t.users, \"users\" from main.users, users_search x, users where a = 'users'")
            .filter(|(_, word, _)| *word == "users")
            .map(|(at, _, is_bare)| (at, is_bare))
            .collect();
        assert_eq!(found, [(9, false), (17, true), (34, false), (57, true), (74, false)]);
    }
}
