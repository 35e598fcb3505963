//! Where records belong, in SQL: those of a branch with all below it, or of a department, by the ways that kinds declare
//! ([`Place`]). Each step is looked up by an index of its own, from the place to the records, and reads what it finds under a
//! table's name: the past, where that stands there.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{Column, lists};
use crate::model::resource::path::{Place, steps};
use crate::model::resource::{Descriptor, Field};
use crate::model::values::value::{Value, ValueType};
use crate::store::engine::location::Engine;
use crate::store::engine::sql::{Sql, quoted};

/// The columns that are there to filter by alone: what a record belongs to.
pub fn columns(desc: &'static Descriptor) -> Vec<Column> {
    let places = Place::ALL.into_iter().filter(|place| desc.place(*place).is_some());
    let column = |place: Place| Column {
        name: place.name().to_owned(),
        place: Some((desc, place)),
        ..Column::plain("id", ValueType::Uuid, false)
    };
    places.map(column).collect()
}

/// Adds the condition that the row `t` belongs to one of some places, each an organisation and an id.
pub fn push_condition(
    desc: &'static Descriptor,
    place: Place,
    places: &[Value],
    negated: bool,
    engine: Engine,
    sql: &mut Sql,
) {
    let mut by_org: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for pair in places.chunks_exact(2) {
        if let (Some(org), Some(id)) = (pair[0].as_int(), pair[1].as_uuid()) {
            by_org.entry(org).or_default().push(literal(engine, id));
        }
    }
    // All of an organisation are asked for at once.
    let within = |(org, ids): (i64, Vec<String>)| {
        format!("(t.org_id = {org} and t.id in ({}))", within(desc, place, org, &ids.join(", ")))
    };
    let any: Vec<String> = by_org.into_iter().map(within).collect();
    let any = if any.is_empty() { "false".to_owned() } else { any.join(" or ") };
    sql.push(&format!("{}({any})", if negated { "not " } else { "" }));
}

/// Asks for the ids of all that belong to a place.
pub fn ids(desc: &'static Descriptor, place: Place, org: i32, id: Uuid, engine: Engine) -> Sql {
    Sql::new(within(desc, place, i64::from(org), &literal(engine, id))).yields([ValueType::Uuid])
}

/// A query of the ids of all that belong to one of some places: these, with all below them, are what a query tells.
pub(in crate::store) fn of_any(desc: &'static Descriptor, place: Place, org: i32, places: &str) -> String {
    reached(desc, place, i64::from(org), places, &|_, _, places| places.to_owned())
}

/// A query of the ids of some places, and of those below them.
pub(in crate::store) fn with_below(desc: &Descriptor, org: i32, places: &BTreeSet<Uuid>, engine: Engine) -> String {
    with_all_below(desc, i64::from(org), &listed(places, engine))
}

/// A query of the ids of some places, and of no others.
pub(in crate::store) fn alone(desc: &Descriptor, org: i32, places: &BTreeSet<Uuid>, engine: Engine) -> String {
    format!("select b.id from {} b where b.org_id = {org} and b.id in ({})", desc.table, listed(places, engine))
}

fn listed(places: &BTreeSet<Uuid>, engine: Engine) -> String {
    let ids: Vec<String> = places.iter().map(|id| literal(engine, *id)).collect();
    ids.join(", ")
}

/// An id as a statement says it: it stands there several times.
pub(in crate::store) fn literal(engine: Engine, id: Uuid) -> String {
    match engine {
        Engine::Sqlite => format!("x'{}'", id.simple()),
        Engine::Postgres => format!("'{id}'::uuid"),
    }
}

/// The ids of the records of a kind that belong to one of the places whose ids are listed.
fn within(desc: &'static Descriptor, place: Place, org: i64, ids: &str) -> String {
    reached(desc, place, org, ids, &with_all_below)
}

/// The same, where `places` says which places of a kind are meant by those that are listed.
fn reached(
    desc: &'static Descriptor,
    place: Place,
    org: i64,
    ids: &str,
    places: &dyn Fn(&Descriptor, i64, &str) -> String,
) -> String {
    if desc.is_place(place) {
        return places(desc, org, ids);
    }
    let ways: Vec<_> = desc.ways(place).iter().filter_map(|path| steps(desc, path)).collect();
    let mut found = Vec::new();
    for (i, (steps, end)) in ways.iter().enumerate() {
        let mut found_ids = reached(end, place, org, ids, places);
        for (kind, field) in steps.iter().rev() {
            found_ids = match kind.list_of(field) {
                Some(list) => lists::owners(list, Some(org), &found_ids),
                None => format!(
                    "select x.id from {} x where x.org_id = {org} and x.{} in ({found_ids})",
                    kind.table,
                    quoted(field.column)
                ),
            };
        }
        // Only of those whom no way before it leads anywhere.
        let before: Vec<String> = ways[..i].iter().map(|(steps, end)| leads(steps, end, place, "y", 0)).collect();
        found.push(match before.is_empty() {
            true => found_ids,
            false => format!(
                "select y.id from {} y where y.org_id = {org} and y.id in ({found_ids}) and not ({})",
                desc.table,
                before.join(" or ")
            ),
        });
    }
    found.join(" union all ")
}

/// Places, and those below them.
fn with_all_below(desc: &Descriptor, org: i64, ids: &str) -> String {
    let (table, own) =
        (desc.table, format!("select b.id from {} b where b.org_id = {org} and b.id in ({ids})", desc.table));
    match desc.parent() {
        None => own,
        Some(parent) => format!(
            "with recursive below (id) as ({own} union select c.id from below cross join {table} c
              where c.org_id = {org} and c.{} = below.id) select id from below",
            quoted(parent.column)
        ),
    }
}

/// Whether a way leads from the row `alias` anywhere at all.
fn leads(
    steps: &[(&'static Descriptor, &'static Field)],
    end: &'static Descriptor,
    place: Place,
    alias: &str,
    depth: usize,
) -> String {
    let Some(((kind, field), rest)) = steps.split_first() else {
        if end.is_place(place) {
            return "true".into();
        }
        let ways = end.ways(place).iter().filter_map(|path| self::steps(end, path));
        let any: Vec<String> = ways.map(|(steps, end)| leads(&steps, end, place, alias, depth)).collect();
        return format!("({})", any.join(" or "));
    };
    let (next, column) = (format!("w{depth}"), quoted(field.column));
    let target = field.target().unwrap_or(end);
    let on = leads(rest, end, place, &next, depth + 1);
    // Whose it is by links has one, or several of which one suffices.
    let links = kind.list_of(field).map(|list| {
        let l = format!("l{depth}");
        let of = format!("from {} {l} where {}", list.desc().table, lists::is_of(list, &l, alias));
        (of, format!("{l}.{}", quoted(list.ends().0)))
    });
    match (links, on.as_str()) {
        (None, "true") => format!("{alias}.{column} is not null"),
        (Some((of, _)), "true") => format!("exists (select 1 {of})"),
        (None, on) => format!(
            "exists (select 1 from {} {next} where {next}.org_id = {alias}.org_id and {next}.id = {alias}.{column} and {on})",
            target.table
        ),
        (Some((of, id)), on) => format!(
            "exists (select 1 {of} and exists (
                 select 1 from {} {next} where {next}.org_id = {alias}.org_id and {next}.id = {id} and {on}))",
            target.table
        ),
    }
}
