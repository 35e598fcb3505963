//! Keys in SQL: what a text means as a key, as a condition on rows, and what a row's key is in words. Every path that takes
//! or tells a key of several parts, or one that is a reference, goes through here.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

pub use super::among::Among;
use super::former::{self, Had};
use super::status_sql;
use super::{Deleted, is_number};
use crate::model::resource::key::{self, BETWEEN, Key, Part};
use crate::model::resource::{Attr, Descriptor, Field, Record};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::location::Engine;
use crate::store::engine::sql::{Sql, quoted};
use crate::store::records;

/// What is asked of several kinds.
type ByNoun<T> = BTreeMap<&'static str, (&'static Descriptor, T)>;

/// Texts that are looked up together.
const TOGETHER: usize = 1000;

/// The natural key of the row `alias` in words, as an expression of text.
pub fn words(desc: &Descriptor, alias: &str) -> String {
    words_at(desc, alias, 0)
}

fn words_at(desc: &Descriptor, alias: &str, depth: usize) -> String {
    if let Some(field) = desc.key_field() {
        return text_of(field, alias);
    }
    let parts: Vec<(&'static Field, String)> =
        desc.key().parts().map(|field| (field, part_of(field, alias, depth))).collect();
    match parts.as_slice() {
        // What has no key is told of by no words.
        [] => "'row'".to_owned(),
        parts => joined_in_words(parts),
    }
}

/// A part as it is, NULL where it is left out.
fn part_of(field: &Field, alias: &str, depth: usize) -> String {
    field.target().map_or_else(|| text_of(field, alias), |target| key_behind(field, target, alias, depth))
}

/// Parts in words as one, as [`key::joined`]: what is left out at the end is not told.
/// Each further part that may be left out asks once more for those before it, and for no more: a server plans every one.
fn joined_in_words(parts: &[(&'static Field, String)]) -> String {
    let always = parts.iter().rposition(|(field, _)| field.ty.required).map_or(1, |last| last + 1);
    let told: Vec<String> = parts.iter().map(|(field, text)| part_in_words(field, text)).collect();
    let between = format!(" || '{BETWEEN}' || ");
    let mut all = told[..always].join(&between);
    // The longest that there is: a part that is NULL makes what ends with it NULL.
    let ends = (always..parts.len()).rev().map(|last| {
        let before = told[always..last].iter().map(|text| format!("'{BETWEEN}' || {text} || "));
        format!("{}'{BETWEEN}' || nullif({}, '')", before.collect::<String>(), parts[last].1)
    });
    let ends: Vec<String> = ends.collect();
    if !ends.is_empty() {
        all.push_str(&format!(" || coalesce({}, '')", ends.join(", ")));
    }
    all
}

/// A part that is told in any case.
fn part_in_words(field: &Field, text: &str) -> String {
    match (field.ty.required, field.target()) {
        (true, None) => text.to_owned(),
        // What it is called nobody can tell any more.
        (true, Some(_)) => format!("coalesce({text}, '?')"),
        (false, _) => format!("coalesce({text}, '')"),
    }
}

fn text_of(field: &Field, alias: &str) -> String {
    let column = format!("{alias}.{}", quoted(field.column));
    if field.ty.kind == ValueType::Text { column } else { format!("cast({column} as text)") }
}

/// The key of what a row refers to; NULL where that is not there.
fn key_behind(field: &Field, target: &Descriptor, alias: &str, depth: usize) -> String {
    let k = format!("k{depth}");
    format!(
        "(select {} from {} {k} where {k}.org_id = {alias}.org_id and {k}.id = {alias}.{})",
        words_at(target, &k, depth + 1),
        target.table,
        quoted(field.column)
    )
}

/// For each reference in the natural key of the row `alias`, the key of what it refers to.
pub fn referred(desc: &Descriptor, alias: &str) -> Vec<String> {
    desc.key().references().map(|(field, target)| key_behind(field, target, alias, 0)).collect()
}

/// Finds the keys of what records refer to by their own keys, where that is not known.
pub async fn tell(db: &mut Db, all: &mut [Record]) -> Result<()> {
    let mut wanted: ByNoun<Vec<(i32, Uuid)>> = BTreeMap::new();
    for record in all.iter().filter(|r| !r.is_called()) {
        for (field, target) in record.desc.key().references() {
            if let Some(id) = record.get(field.column).as_uuid() {
                wanted.entry(target.noun).or_insert_with(|| (target, Vec::new())).1.push((record.meta.org_id, id));
            }
        }
    }
    if wanted.is_empty() {
        return Ok(());
    }
    let mut known: HashMap<(i32, Uuid), String> = HashMap::new();
    for (target, mut places) in wanted.into_values() {
        places.sort_unstable();
        places.dedup();
        let found = records::with_record_ids(db, target, places.into_iter()).await?;
        known.extend(found.into_iter().map(|r| (r.meta.record_id(), r.key())));
    }
    for record in all.iter_mut().filter(|r| !r.is_called()) {
        let key = |field: &Field| known.get(&(record.meta.org_id, record.get(field.column).as_uuid()?)).cloned();
        record.referred = record.desc.key().references().map(|(f, _)| key(f).unwrap_or_default()).collect();
    }
    Ok(())
}

/// What some records are called, by their ids.
pub async fn called(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    ids: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, String>> {
    let found = records::with_record_ids(db, desc, ids.map(|id| (org, id))).await?;
    Ok(found.into_iter().map(|r| (r.meta.id, r.key())).collect())
}

/// The expression of a part that its unique index is over. NULL is a value of its own there; where one
/// field is the whole key, the index is over the column, and rows without the key are not held against each other.
pub fn part_of_index(engine: Engine, key: Key, field: &Field, alias: &str) -> String {
    let column = format!("{alias}.{}", quoted(field.key_column()));
    match (field.ty.required || key.alone().is_some(), field.ty.kind, engine) {
        (true, ..) => column,
        (false, ValueType::Uuid, Engine::Sqlite) => format!("coalesce({column}, x'00000000000000000000000000000000')"),
        (false, ValueType::Uuid, Engine::Postgres) => format!("coalesce({column}, '{}')", Uuid::nil()),
        (false, ..) => format!("coalesce({column}, '')"),
    }
}

/// The value of a part as the index has it.
pub fn part_in_index(field: &Field, value: &Value) -> Value {
    match (value.is_null(), field.ty.kind) {
        (false, _) => field.key_value(value),
        (true, ValueType::Uuid) => Uuid::nil().into(),
        (true, _) => "".into(),
    }
}

/// The parts of a key as the index has them.
pub fn in_index(key: Key, parts: &[Value]) -> Vec<Value> {
    key.parts().zip(parts).map(|(field, value)| part_in_index(field, value)).collect()
}

/// The condition that the row `t` has a key whose parts are the first arguments.
pub fn condition_on_row(engine: Engine, key: Key) -> String {
    let part = |(i, field): (usize, &'static Field)| format!("{} = ?{}", part_of_index(engine, key, field, "t"), i + 1);
    key.parts().enumerate().map(part).collect::<Vec<_>>().join(" and ")
}

/// What a record has as one of its keys.
pub fn parts_of(record: &Record, key: Key) -> Vec<Value> {
    key.parts().map(|f| record.get(f.column).clone()).collect()
}

/// Whether a key is given at all: one of which a part is missing that must be there names nobody.
pub fn is_whole(key: Key, parts: &[Value]) -> bool {
    key.parts().zip(parts).all(|(f, v)| !f.ty.required || !v.is_null())
        && (key.alone().is_none() || parts.iter().any(|v| !v.is_null()))
}

/// The condition that the row `t` has a key, with its arguments behind those that are there.
pub fn condition(engine: Engine, key: Key, parts: &[Value], args: &mut Vec<Value>) -> String {
    let mut conditions = Vec::new();
    for (field, value) in key.parts().zip(parts) {
        args.push(part_in_index(field, value));
        conditions.push(format!("{} = ${}", part_of_index(engine, key, field, "t"), args.len()));
    }
    conditions.join(" and ")
}

/// What a text means as one of a kind's keys: what the parts then are.
#[derive(Debug, Clone)]
pub struct Meaning {
    pub key: Key,
    pub parts: Vec<Value>,
}

/// What texts may mean as keys that are read part by part, [`Descriptor::key_groups`]: each in every way that leads to
/// records which there are, in the parts.
pub async fn meanings(
    db: &mut Db,
    desc: &'static Descriptor,
    among: Among<'_>,
    texts: &[&str],
) -> Result<HashMap<String, Vec<Meaning>>> {
    let mut readings: Vec<(&str, Key, Vec<Part>)> = Vec::new();
    let mut wanted: BTreeMap<&str, (&'static Descriptor, Vec<&str>)> = BTreeMap::new();
    let longest = key::longest(desc);
    for key in desc.key_groups() {
        for text in texts.iter().filter(|t| t.chars().nth(longest).is_none()) {
            readings.extend(key.readings(text, among.context).into_iter().map(|parts| (*text, key, parts)));
        }
    }
    for part in readings.iter().flat_map(|(.., parts)| parts) {
        if let Part::Of(target, text) = part {
            wanted.entry(target.noun).or_insert_with(|| (target, Vec::new())).1.push(text);
        }
    }
    let mut known: HashMap<(&str, String), Vec<Uuid>> = HashMap::new();
    for (target, mut texts) in wanted.into_values() {
        texts.sort_unstable();
        texts.dedup();
        for (text, ids) in Box::pin(ids(db, target, among, &texts)).await? {
            known.insert((target.noun, text), ids);
        }
    }
    let mut found: HashMap<String, Vec<Meaning>> = HashMap::new();
    for (text, key, parts) in readings {
        // A part that means several means each of them.
        let mut all: Vec<Vec<Value>> = vec![Vec::new()];
        for part in parts {
            let values: Vec<Value> = match part {
                Part::Value(value) => vec![value],
                Part::Of(target, text) => {
                    known.get(&(target.noun, text)).into_iter().flatten().map(|id| (*id).into()).collect()
                }
            };
            let with = |begun: &Vec<Value>, value: &Value| begun.iter().chain([value]).cloned().collect();
            all = all.iter().flat_map(|begun| values.iter().map(move |v| with(begun, v))).collect();
        }
        found.entry(text.to_owned()).or_default().extend(all.into_iter().map(|parts| Meaning { key, parts }));
    }
    Ok(found)
}

/// The ids of all that texts may mean, by every key of the kind and as ids. With [`Deleted::Include`] deleted ones count where nobody
/// lives under the key.
pub async fn ids(
    db: &mut Db,
    desc: &'static Descriptor,
    among: Among<'_>,
    texts: &[&str],
) -> Result<HashMap<String, Vec<Uuid>>> {
    if among.life != Deleted::Include {
        return ids_in(db, desc, among, texts).await;
    }
    let mut found = ids_in(db, desc, Among { life: Deleted::Exclude, ..among }, texts).await?;
    let others: Vec<&str> = texts.iter().copied().filter(|t| !found.contains_key(*t)).collect();
    if !others.is_empty() {
        found.extend(ids_in(db, desc, Among { life: Deleted::Only, ..among }, &others).await?);
    }
    Ok(found)
}

/// Those of them that mean records since a merge: nobody lives under one, nor has its id.
async fn former_ids(
    db: &mut Db,
    desc: &'static Descriptor,
    among: Among<'_>,
    texts: &[&str],
    found: &mut HashMap<String, Vec<Uuid>>,
) -> Result<()> {
    if among.life != Deleted::Exclude || desc.former_keys.is_none() {
        return Ok(());
    }
    let (mut of, mut asked) = (Vec::new(), Vec::new());
    for text in texts.iter().filter(|t| !found.contains_key(**t)) {
        for field in desc.key_fields() {
            if let Some(value) = field.parse(text, among.context).ok().filter(|v| !v.is_null()) {
                of.push(*text);
                asked.push((field, desc.compared(field, &value)));
            }
        }
    }
    for known in former::known(db, desc, among, &asked).await? {
        let ids = found.entry(of[known.asked].to_owned()).or_default();
        if !ids.contains(&known.owner) {
            ids.push(known.owner);
        }
    }
    Ok(())
}

async fn ids_in(
    db: &mut Db,
    desc: &'static Descriptor,
    among: Among<'_>,
    texts: &[&str],
) -> Result<HashMap<String, Vec<Uuid>>> {
    records::is_there(db, desc)?;
    let mut found: HashMap<String, Vec<Uuid>> = HashMap::new();
    let mut add = |text: &str, id: Uuid| {
        let ids = found.entry(text.to_owned()).or_default();
        if !ids.contains(&id) {
            ids.push(id);
        }
    };
    let longest = key::longest(desc);
    let texts: Vec<&str> = texts.iter().copied().filter(|t| t.chars().nth(longest).is_none()).collect();
    let as_ids = texts.iter().filter_map(|t| Some((*t, Value::from(Uuid::try_parse(t.trim()).ok()?))));
    for (text, id) in with_values(db, desc, among, "id", ValueType::Uuid, &as_ids.collect::<Vec<_>>()).await? {
        add(text, id);
    }
    let mostly = desc.fields.iter().filter(|f| f.has(Attr::LookupKey));
    for field in desc.key_fields().chain(mostly) {
        let can_be = |t: &&&str| !field.has(Attr::LookupKey) || is_number(t);
        let read = |t: &&str| field.parse(t, among.context).ok().filter(|v| !v.is_null());
        let values: Vec<(&str, Value)> =
            texts.iter().filter(can_be).filter_map(|t| Some((*t, desc.compared(field, &read(t)?)))).collect();
        let column = desc.compared_column(field);
        for (text, id) in with_values(db, desc, among, column, field.ty.kind, &values).await? {
            add(text, id);
        }
    }
    if desc.key_groups().next().is_some() {
        // A record may outlive what its key is told by.
        let parts = if among.life == Deleted::Exclude { Deleted::Exclude } else { Deleted::Include };
        let meant = meanings(db, desc, Among { life: parts, ..among }, &texts).await?;
        for key in desc.key_groups() {
            let of_key = |m: &&Meaning| m.key.name() == key.name();
            let asked: Vec<(&str, &[Value])> = meant
                .iter()
                .flat_map(|(t, all)| all.iter().filter(of_key).map(|m| (t.as_str(), m.parts.as_slice())))
                .collect();
            for (text, id) in with_parts(db, desc, among, key, &asked).await? {
                add(text, id);
            }
        }
    }
    former_ids(db, desc, among, &texts, &mut found).await?;
    Ok(found)
}

/// The ids of rows with one of some values in a column, each by the text that stands for the value.
async fn with_values<'t>(
    db: &mut Db,
    desc: &Descriptor,
    among: Among<'_>,
    column: &str,
    kind: ValueType,
    values: &[(&'t str, Value)],
) -> Result<Vec<(&'t str, Uuid)>> {
    let mut found = Vec::new();
    for some in values.chunks(TOGETHER) {
        let column = quoted(column);
        let text = format!("select t.{column}, t.id from {} t where ", among.table(db, desc));
        let mut sql = Sql::bulk(text, db.engine());
        among.push_condition(desc, &mut sql);
        sql.push(&format!(" and t.{column} in "));
        let asked = some.iter().map(|(_, v)| v.clone());
        match among.life {
            Deleted::Exclude => sql.bind_rows(asked),
            // No index is over what is gone by its keys: all that is gone is held against the list.
            _ => sql.bind_list(asked),
        };
        for row in db.all(sql.yields([kind, ValueType::Uuid])).await? {
            let id = row.uuid(1)?;
            found.extend(some.iter().filter(|(_, v)| v == row.value(0)).map(|(text, _)| (*text, id)));
        }
    }
    Ok(found)
}

/// The ids of rows that have one of some keys, each by the text that stands for the key.
async fn with_parts<'t>(
    db: &mut Db,
    desc: &Descriptor,
    among: Among<'_>,
    key: Key,
    asked: &[(&'t str, &[Value])],
) -> Result<Vec<(&'t str, Uuid)>> {
    let mut found = Vec::new();
    let columns: Vec<String> = (0..key.parts().count()).map(|i| format!("p{i}")).collect();
    for some in asked.chunks(TOGETHER) {
        let mut sql = Sql::bulk(format!("with v (n, {}) as (values ", columns.join(", ")), db.engine());
        for (n, (_, parts)) in some.iter().enumerate() {
            sql.push(&format!("{}({n}", if n == 0 { "" } else { ", " }));
            for (field, value) in key.parts().zip(*parts) {
                sql.push(", ").bind(part_in_index(field, value));
            }
            sql.push(")");
        }
        // Each is looked up by the index: a planner that does not know how few they are would go through the table.
        sql.push(&format!(") select v.n, t.id from v cross join {} t where ", among.table(db, desc)));
        among.push_condition(desc, &mut sql);
        for (column, field) in columns.iter().zip(key.parts()) {
            sql.push(&format!(" and {} = v.{column}", part_of_index(db.engine(), key, field, "t")));
        }
        for row in db.all(sql.yields([ValueType::Int, ValueType::Uuid])).await? {
            found.push((some[usize::try_from(row.int(0)?)?].0, row.uuid(1)?));
        }
    }
    Ok(found)
}

/// The live records that have some keys, each in the place of its key.
pub async fn holders_of(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    key: Key,
    asked: &[Vec<Value>],
) -> Result<Vec<Option<Record>>> {
    let context = ParseContext::default();
    let among = Among { org: Some(org), life: Deleted::Exclude, now: false, context: &context };
    let places: Vec<String> = (0..asked.len()).map(|place| place.to_string()).collect();
    let whole = places.iter().zip(asked).filter(|(_, parts)| is_whole(key, parts));
    let whole: Vec<(&str, &[Value])> = whole.map(|(place, parts)| (place.as_str(), parts.as_slice())).collect();
    let mut holders: Vec<Option<Record>> = vec![None; asked.len()];
    // Several may ask for the same one.
    let mut at: HashMap<Uuid, Vec<usize>> = HashMap::new();
    for (place, id) in with_parts(db, desc, among, key, &whole).await? {
        at.entry(id).or_default().push(place.parse()?);
    }
    for record in records::with_record_ids(db, desc, at.keys().map(|id| (org, *id))).await? {
        for place in at.remove(&record.meta.id).unwrap_or_default() {
            holders[place] = Some(record.clone());
        }
    }
    Ok(holders)
}

/// Whether any live record has one of some keys.
pub async fn are_held(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    key: Key,
    asked: &[Vec<Value>],
) -> Result<bool> {
    let context = ParseContext::default();
    let among = Among { org: Some(org), life: Deleted::Exclude, now: false, context: &context };
    let whole = asked.iter().filter(|parts| is_whole(key, parts));
    let whole: Vec<(&str, &[Value])> = whole.map(|parts| ("", parts.as_slice())).collect();
    Ok(!with_parts(db, desc, among, key, &whole).await?.is_empty())
}

/// What has keys of a record already.
#[derive(Debug, Default)]
pub struct Holders {
    /// The first of its keys that another live record has.
    pub live: Option<Key>,
    /// Keys that mean somebody since a merge, the record itself or another one.
    pub former: Vec<Had>,
}

/// What has some keys of a record, in one statement: a server is asked once.
pub async fn holders(db: &mut Db, record: &Record) -> Result<Holders> {
    held(db, record, record.desc.all_keys(), true).await
}

/// The first of some keys of a record that another live record has.
pub async fn taken(db: &mut Db, record: &Record, keys: impl Iterator<Item = Key>) -> Result<Option<Key>> {
    Ok(held(db, record, keys, false).await?.live)
}

async fn held(db: &mut Db, record: &Record, keys: impl Iterator<Item = Key>, asks_for_former: bool) -> Result<Holders> {
    let keys: Vec<(Key, Vec<Value>)> =
        keys.map(|key| (key, parts_of(record, key))).filter(|(key, parts)| is_whole(*key, parts)).collect();
    let mut args = Vec::new();
    let mut asked: Vec<String> =
        keys.iter().enumerate().map(|(i, (key, parts))| live_holder(db, record, (i, *key), parts, &mut args)).collect();
    let former = if asks_for_former { former::had(record, keys.len(), &mut args) } else { Vec::new() };
    asked.extend(former.iter().map(|(_, text)| text.clone()));
    let mut holders = Holders::default();
    if asked.is_empty() {
        return Ok(holders);
    }
    let sql = Sql::new(format!("{} order by place", asked.join(" union all "))).with(args);
    for row in db.all(sql.yields([ValueType::Int, ValueType::Uuid, ValueType::Uuid])).await? {
        let place = usize::try_from(row.int(0)?)?;
        match former.get(place.wrapping_sub(keys.len())) {
            None => holders.live = holders.live.or(keys.get(place).map(|(key, _)| *key)),
            Some((field, _)) => holders.former.push(Had { field, id: row.uuid(1)?, owner: row.uuid(2)? }),
        }
    }
    Ok(holders)
}

/// The statement that tells of another live record with a key, by the place of that.
fn live_holder(db: &Db, record: &Record, (i, key): (usize, Key), parts: &[Value], args: &mut Vec<Value>) -> String {
    let (desc, (org, except)) = (record.desc, record.meta.record_id());
    let live = status_sql::live(desc, "t");
    let mut text = format!("select {i} as place, t.id as id, t.id as owner from {} t where {live}", desc.table);
    if !desc.is_org() {
        args.push(org.into());
        text.push_str(&format!(" and t.org_id = ${}", args.len()));
    }
    text.push_str(&format!(" and {}", condition(db.engine(), key, parts, args)));
    args.push(except.into());
    text.push_str(&format!(" and t.id <> ${}", args.len()));
    text
}

/// The live record that has a key.
pub async fn holder(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    key: Key,
    parts: &[Value],
) -> Result<Option<Record>> {
    if !is_whole(key, parts) {
        return Ok(None);
    }
    let mut args = vec![org.into()];
    let is_it = condition(db.engine(), key, parts, &mut args);
    let live = status_sql::live(desc, "t");
    let found = records::load_where(db, desc, &format!("t.org_id = $1 and {is_it} and {live}"), args).await?;
    Ok(found.into_iter().next())
}
