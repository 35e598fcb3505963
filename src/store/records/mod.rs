//! Reading and naming records of any resource: the only SQL that all of them share.

mod among;
pub mod any;
pub mod credentials;
pub mod cycles;
pub mod filled;
pub mod former;
pub mod holds;
pub mod keys;
pub mod lists;
pub mod people;
pub mod place;
pub mod pointing;
pub mod query;
pub mod sealed;
pub mod search;
pub mod settings;
pub(super) mod status_sql;
pub mod subjects;
pub mod touched;
pub mod waits;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::engine::db::Db;
use super::engine::location::Engine;
use super::engine::sql::{Row, Sql, quoted};
use crate::store::{Error, Result};
use keys::Among;

use crate::model::kinds::org;
use crate::model::problem::{Problem, distance, nearest};
use crate::model::resource::derived::{Derived, What};
use crate::model::resource::key::{self, BETWEEN};
use crate::model::resource::lifecycle::{ACTOR, AT, Class, REQUEST};
use crate::model::resource::lifetime::{Consequence, TargetEvent};
use crate::model::resource::path::Place;
use crate::model::resource::row_rule::RowRule;
use crate::model::resource::status;
use crate::model::resource::{Attr, Descriptor, Field, List, Meta, Record};
use crate::model::values::scalar::{FieldKind, ParseContext, truncate};
use crate::model::values::value::{Value, ValueType};

const META_BEFORE: &[(&str, ValueType)] = &[("org_id", ValueType::Int), ("id", ValueType::Uuid)];
const META_AFTER: &[(&str, ValueType)] = &[
    ("created_at", ValueType::Time),
    ("created_by", ValueType::Int),
    ("updated_at", ValueType::Time),
    ("updated_by", ValueType::Int),
    ("version", ValueType::Int),
    ("deleted_at", ValueType::Time),
    ("deleted_by", ValueType::Int),
    ("deletion_id", ValueType::Uuid),
];
/// Those of them that what is never deleted has.
const UNDELETED: usize = 5;
const META_OF_JOURNAL: &[(&str, ValueType)] =
    &[(AT, ValueType::Time), (ACTOR, ValueType::Int), (REQUEST, ValueType::Uuid)];

/// The columns that every record of a kind has behind its fields: by what becomes of its records in time.
fn meta_after(desc: &Descriptor) -> &'static [(&'static str, ValueType)] {
    match desc.lifecycle.class() {
        Class::Recorded => META_AFTER,
        Class::Volatile | Class::Wrapped => &META_AFTER[..UNDELETED],
        Class::Journal => META_OF_JOURNAL,
    }
}

/// Live records, those that are deleted or have ended, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    Exclude,
    Only,
    Include,
}

impl Deleted {
    /// For the row of an alias. What has ended is as little live as what is deleted.
    pub fn condition(self, desc: &Descriptor, alias: &str) -> String {
        match self {
            Deleted::Exclude => status_sql::live(desc, alias),
            Deleted::Only => status_sql::gone(desc, alias),
            Deleted::Include => "true".to_owned(),
        }
    }
}

/// Every column of a resource that is written, with its kind; those of folded keys come last.
pub fn stored_columns(desc: &Descriptor) -> Vec<(&'static str, ValueType)> {
    let fields = desc.stored().map(|f| (f.column, f.ty.kind));
    META_BEFORE
        .iter()
        .copied()
        .chain(fields)
        .chain(meta_after(desc).iter().copied())
        .chain(folded_columns(desc))
        .collect()
}

/// The columns of what keys are compared by, where that is not what is kept.
pub fn folded_columns(desc: &Descriptor) -> impl Iterator<Item = (&'static str, ValueType)> + use<'_> {
    desc.folded().map(|f| (f.folded, f.ty.kind))
}

/// The values of [`folded_columns`].
pub fn folded_values(record: &Record) -> Vec<Value> {
    let desc = record.desc;
    let of_fields = desc.fields.iter().zip(&record.values);
    of_fields.filter(|(f, _)| desc.is_folded(f)).map(|(f, value)| f.key_value(value)).collect()
}

/// Every column of a resource: those, and what the database makes of them.
pub fn read_columns(desc: &Descriptor) -> Vec<(&'static str, ValueType)> {
    let fields = desc.fields.iter().filter(|f| desc.has_column(f)).map(|f| (f.column, f.ty.kind));
    META_BEFORE.iter().copied().chain(fields).chain(meta_after(desc).iter().copied()).collect()
}

/// What a record is read from, of the row `t`: those, and what links tell of it.
pub fn read_exprs(desc: &Descriptor) -> Vec<(String, ValueType)> {
    let meta = |(name, kind): &(&str, ValueType)| (format!("t.{}", quoted(name)), *kind);
    let fields = desc.fields.iter().map(|f| (lists::value_of(desc, f, "t"), f.ty.kind));
    META_BEFORE.iter().map(meta).chain(fields).chain(meta_after(desc).iter().map(meta)).collect()
}

/// The values of [`stored_columns`].
pub fn stored_values(record: Record) -> Vec<Value> {
    let folded = folded_values(&record);
    let mut values = kept_values(record);
    values.extend(folded);
    values
}

/// Those of them that a record is read from.
fn kept_values(record: Record) -> Vec<Value> {
    let (desc, m) = (record.desc, record.meta);
    let mut values = vec![m.org_id.into(), m.id.into()];
    values.extend(desc.fields.iter().zip(record.values).filter(|(f, _)| desc.keeps(f)).map(|(_, v)| v));
    if desc.stays() {
        values.extend([m.created_at.into(), m.created_by.into(), m.request_id.into()]);
        return values;
    }
    let after = [
        m.created_at.into(),
        m.created_by.into(),
        m.updated_at.into(),
        m.updated_by.into(),
        m.version.into(),
        m.deleted_at.into(),
        m.deleted_by.into(),
        m.deletion_id.into(),
    ];
    values.extend(after.into_iter().take(meta_after(desc).len()));
    values
}

/// The values of [`read_columns`].
pub fn read_values(record: Record) -> Vec<Value> {
    let desc = record.desc;
    let fields = desc.fields.iter().zip(&record.values).filter(|(f, _)| desc.has_column(f)).map(|(_, v)| v.clone());
    let (meta, fields) = (META_BEFORE.len(), fields.collect::<Vec<_>>());
    let mut values = kept_values(record);
    let after = values.split_off(values.len() - meta_after(desc).len());
    values.truncate(meta);
    values.extend(fields);
    values.extend(after);
    values
}

pub(super) fn record(desc: &'static Descriptor, row: Row) -> Result<Record> {
    let n = META_BEFORE.len() + desc.fields.len();
    let mut meta = Meta::new(row.org(0)?, row.uuid(1)?, row.time(n)?, row.int(n + 1)?);
    match desc.lifecycle.class() {
        Class::Journal => meta.request_id = row.value(n + 2).as_uuid(),
        class => {
            (meta.updated_at, meta.updated_by, meta.version) = (row.time(n + 2)?, row.int(n + 3)?, row.int(n + 4)?);
            if class == Class::Recorded {
                meta.deleted_at = row.value(n + 5).as_time();
                meta.deleted_by = row.value(n + 6).as_int();
                meta.deletion_id = row.value(n + 7).as_uuid();
            }
        }
    }
    let mut row = row.0.into_iter().skip(META_BEFORE.len());
    let values = row.by_ref().take(desc.fields.len()).collect();
    let referred = row.skip(meta_after(desc).len()).map(|key| key.to_text()).collect();
    Ok(Record { referred, ..Record::new(desc, meta, values) })
}

/// `select` of all stored columns of `t`, and of what its key tells of others, to be followed by conditions.
fn select(desc: &Descriptor) -> Sql {
    select_from(desc, &format!("{} t", desc.table))
}

/// The same of tables among which `t` is.
fn select_from(desc: &Descriptor, tables: &str) -> Sql {
    let (columns, referred) = (read_exprs(desc), keys::referred(desc, "t"));
    let names: Vec<String> = columns.iter().map(|(expr, _)| expr.clone()).chain(referred.clone()).collect();
    let kinds = columns.iter().map(|(_, k)| *k).chain(referred.iter().map(|_| ValueType::Text));
    Sql::new(format!("select {} from {tables} where ", names.join(", "))).yields(kinds)
}

/// One record by its id.
pub async fn load(db: &mut Db, desc: &'static Descriptor, org: i32, id: Uuid) -> Result<Option<Record>> {
    let mut sql = select(desc);
    sql.push("t.org_id = ").bind(org).push(" and t.id = ").bind(id);
    db.first(sql).await?.map(|row| record(desc, row)).transpose()
}

/// Records by a condition on `t` that is already text with placeholders from `$1`.
pub(super) async fn load_where(
    db: &mut Db,
    desc: &'static Descriptor,
    condition: &str,
    args: Vec<Value>,
) -> Result<Vec<Record>> {
    let mut sql = select(desc).with(args);
    sql.push(condition);
    db.all(sql).await?.into_iter().map(|row| record(desc, row)).collect()
}

/// Whom a key means. Among live records one alone has it. Of deleted ones several may have had it, one after another, so
/// they count only where nobody lives under it (`Include`), or where they alone are asked about (`Deleted`); then all of them
/// are given. More than one live record is found where several organisations use the same key; without `org`, every
/// organisation of the scope is looked at.
pub async fn by_key(
    db: &mut Db,
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &str,
    life: Deleted,
    context: &ParseContext,
) -> Result<Vec<Record>> {
    if life == Deleted::Only {
        return with_key(db, desc, org, key, life, context).await;
    }
    let live = live_with_key(db, desc, org, key, context).await?;
    if life == Deleted::Include && live.is_empty() {
        with_key(db, desc, org, key, Deleted::Only, context).await
    } else {
        Ok(live)
    }
}

/// The live records that answer to a key; where none has it, those that it means since a merge.
async fn live_with_key(
    db: &mut Db,
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &str,
    context: &ParseContext,
) -> Result<Vec<Record>> {
    let live = with_key(db, desc, org, key, Deleted::Exclude, context).await?;
    if !live.is_empty() || desc.former_keys.is_none() || key.chars().nth(key::longest(desc)).is_some() {
        return Ok(live);
    }
    let read = |field: &'static Field| Some((field, field.parse(key, context).ok().filter(|v| !v.is_null())?));
    let asked: Vec<(&'static Field, Value)> =
        desc.key_fields().filter_map(read).map(|(field, value)| (field, desc.compared(field, &value))).collect();
    let among = Among { org, life: Deleted::Exclude, now: false, context };
    let mut all: Vec<(String, Record)> = Vec::new();
    for (i, record) in former::holders(db, desc, among, &asked).await? {
        let how = format!("former {}", asked[i].0.name());
        means_one(key, &all, &how, &record, Deleted::Exclude)?;
        also(&mut all, &how, vec![record]);
    }
    Ok(all.into_iter().map(|(_, record)| record).collect())
}

/// Everybody whom a key means, or who had it when deleted: the live first, then the deleted, the latest first.
pub async fn holders(
    db: &mut Db,
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &str,
    context: &ParseContext,
) -> Result<Vec<Record>> {
    let mut all = live_with_key(db, desc, org, key, context).await?;
    let had = own_holders(db, desc, org, key, context).await?;
    let is_known = |r: &Record| all.iter().any(|known| known.meta.record_id() == r.meta.record_id());
    let had: Vec<Record> = had.into_iter().filter(|r| !is_known(r)).collect();
    all.extend(had);
    Ok(all)
}

/// Everybody who has a key, or had it when deleted, in that order: whom it means since a merge is none of them.
pub async fn own_holders(
    db: &mut Db,
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &str,
    context: &ParseContext,
) -> Result<Vec<Record>> {
    let mut all = with_key(db, desc, org, key, Deleted::Exclude, context).await?;
    let mut gone = with_key(db, desc, org, key, Deleted::Only, context).await?;
    gone.sort_by_key(|r| std::cmp::Reverse(r.meta.deleted_at));
    all.extend(gone);
    Ok(all)
}

/// Refuses to look for what a part of a database was made without.
pub(super) fn is_there(db: &Db, desc: &Descriptor) -> Result<(), Problem> {
    match db.partial.as_ref().filter(|part| !part.has(desc.table)) {
        Some(part) => Err(part.left_out(&db.location.shown(), desc.table)),
        None => Ok(()),
    }
}

/// That `t` is in any organisation, as an index that begins with `org_id` serves it. What SYSTEM has of a kind that
/// organisations have is told where SYSTEM is named, and nowhere else.
pub(super) fn in_all_orgs(desc: &Descriptor) -> &'static str {
    match desc.may_be_in_system() {
        true => "t.org_id in (select org_id from orgs)",
        false => "t.org_id in (select org_id from orgs where org_id <> 0)",
    }
}

/// Records in one state that answer to a key: a full id, or one of the resource's keys.
async fn with_key(
    db: &mut Db,
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &str,
    life: Deleted,
    context: &ParseContext,
) -> Result<Vec<Record>> {
    is_there(db, desc)?;
    if key.chars().nth(key::longest(desc)).is_some() {
        // Nobody is called so, and reading it as each kind of key would take its time.
        return Ok(Vec::new());
    }
    let tenant = |args: &mut Vec<Value>| match org {
        Some(org) if !desc.is_org() => {
            args.push(org.into());
            format!("t.org_id = ${}", args.len())
        }
        None if !desc.is_org() => in_all_orgs(desc).to_owned(),
        _ => "true".to_owned(),
    };
    if let Ok(id) = Uuid::try_parse(key.trim()) {
        let mut args = Vec::new();
        // An id is one record's, wherever that is.
        let tenant = match org {
            None if !desc.is_org() => "t.org_id in (select org_id from orgs)".to_owned(),
            _ => tenant(&mut args),
        };
        args.push(id.into());
        let mut found = load_where(db, desc, &format!("{tenant} and t.id = ${}", args.len()), args).await?;
        // 32 hexadecimal digits may be a code too; but never that of one where they are the id of another, deleted or not.
        if !found.is_empty() {
            found.retain(|r| life == Deleted::Include || r.is_live() == (life == Deleted::Exclude));
            return Ok(found);
        }
    }
    let mostly = desc.fields.iter().filter(|f| f.has(Attr::LookupKey));
    let mut all: Vec<(String, Record)> = Vec::new();
    for field in desc.key_fields().chain(mostly.filter(|_| is_number(key))) {
        let Ok(value) = field.parse(key, context) else { continue };
        if value.is_null() {
            continue;
        }
        let mut args = Vec::new();
        let tenant = tenant(&mut args);
        args.push(desc.compared(field, &value));
        // The predicate of the partial index is repeated, so that it serves.
        let column = quoted(desc.compared_column(field));
        let condition = format!("{tenant} and t.{column} = ${} and {}", args.len(), life.condition(desc, "t"));
        let found = load_where(db, desc, &condition, args).await?;
        let Some(first) = found.first() else { continue };
        means_one(key, &all, field.name(), first, life)?;
        let of_first = found.iter().filter(|r| r.meta.org_id == found[0].meta.org_id);
        if life == Deleted::Exclude && field.has(Attr::LookupKey) && of_first.clone().count() > 1 {
            let titles: Vec<String> = of_first.take(5).map(Record::title).collect();
            let sentence = format!("several {} have the {} {}", desc.plural(), field.name(), truncate(key));
            return Err(Problem::conflict(sentence).hint(format!("name one: {}", titles.join(", "))).into());
        }
        also(&mut all, field.name(), found);
    }
    if desc.key_groups().next().is_some() {
        // What its parts are told by may be gone; those that are there are meant first.
        for parts in [Deleted::Exclude, Deleted::Include] {
            if all.is_empty() {
                with_group(db, desc, Among { org, life: parts, now: false, context }, key, life, &mut all).await?;
            }
        }
    }
    Ok(all.into_iter().map(|(_, record)| record).collect())
}

/// Adds the records that have a key which is read part by part; `among` says where its parts are looked for.
async fn with_group(
    db: &mut Db,
    desc: &'static Descriptor,
    among: Among<'_>,
    key: &str,
    life: Deleted,
    all: &mut Vec<(String, Record)>,
) -> Result<()> {
    let meanings = keys::meanings(db, desc, among, &[key]).await?;
    for meaning in meanings.into_values().flatten() {
        let mut args = Vec::new();
        let tenant = match among.org {
            Some(org) => {
                args.push(org.into());
                "t.org_id = $1"
            }
            None => in_all_orgs(desc),
        };
        let is_it = keys::condition(db.engine(), meaning.key, &meaning.parts, &mut args);
        let found =
            load_where(db, desc, &format!("{tenant} and {is_it} and {}", life.condition(desc, "t")), args).await?;
        let Some(first) = found.first() else { continue };
        let given = meaning.key.parts().filter(|f| !first.get(f.column).is_null());
        let how = given.map(|f| format!("{} {}", f.name(), first.part(f))).collect::<Vec<_>>().join(" and ");
        means_one(key, all, &how, first, life)?;
        also(all, &how, found);
    }
    Ok(())
}

/// A word may be one's code and another's name to sign in with: who is meant, nobody can tell. Of those that are gone the
/// caller is given all.
fn means_one(key: &str, all: &[(String, Record)], how: &str, found: &Record, life: Deleted) -> Result<(), Problem> {
    let other =
        |r: &Record| life == Deleted::Exclude && r.meta.org_id == found.meta.org_id && r.meta.id != found.meta.id;
    let Some((known_by, known)) = all.iter().find(|(_, r)| other(r)) else { return Ok(()) };
    let sentence = format!(
        "{} means two {}: {} has it as {known_by}, {} as {how}",
        truncate(key),
        found.desc.table,
        known.title(),
        found.title()
    );
    let problem = Problem::conflict(sentence);
    Err(match known.title() == found.title() {
        true => problem.hint(format!("name the one that is meant by its id: {}, {}", known.meta.id, found.meta.id)),
        false => problem.hint("name the one that is meant by another key"),
    })
}

/// Adds records that are not among those that are known.
fn also(all: &mut Vec<(String, Record)>, how: &str, found: Vec<Record>) {
    for record in found {
        if all.iter().all(|(_, known)| known.meta.record_id() != record.meta.record_id()) {
            all.push((how.to_owned(), record));
        }
    }
}

/// Whether a record that is there now, deleted or not, has a key: asked by a connection that reads the past.
pub async fn exists_now(
    db: &mut Db,
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &str,
    context: &ParseContext,
) -> Result<bool> {
    if db.is_narrow() {
        // What is there now is asked of the table itself, which may not be told.
        return Ok(false);
    }
    if desc.key_groups().next().is_some() {
        let among = Among { org, life: Deleted::Include, now: true, context };
        return Ok(!keys::ids(db, desc, among, &[key]).await?.is_empty());
    }
    for field in desc.key_fields() {
        let Some(value) = field.parse(key, context).ok().filter(|v| !v.is_null()) else { continue };
        let column = quoted(desc.compared_column(field));
        let mut sql = Sql::new(format!("select 1 from {}.{} t where t.{column} = ", db.main_schema(), desc.table));
        sql.bind(desc.compared(field, &value));
        if let (Some(org), false) = (org, desc.is_org()) {
            sql.push(" and t.org_id = ").bind(org);
        }
        if db.first(std::mem::take(sql.push(" limit 1")).yields([ValueType::Int])).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a text may be a telephone number rather than a code or an address: reading one takes longer than looking all
/// other keys up.
pub fn is_number(key: &str) -> bool {
    key.bytes().filter(u8::is_ascii_digit).count() >= 7 && !key.contains(char::is_alphabetic)
}

/// The known key nearest to a mistyped one; none for what is longer than any key.
pub async fn nearest_key(
    db: &mut Db,
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &str,
    context: &ParseContext,
) -> Result<Option<String>> {
    if key.chars().nth(key::longest(desc)).is_some() {
        return Ok(None);
    }
    let mut best: Option<(usize, String)> = None;
    for field in desc.key_fields() {
        let column = quoted(field.column);
        let mut sql = Sql::new(format!(
            "select t.{column} from {} t where {} and t.{column} is not null",
            desc.table,
            status_sql::live(desc, "t")
        ));
        if let (Some(org), false) = (org, desc.is_org()) {
            sql.push(" and t.org_id = ").bind(org);
        } else {
            sql.push(" and t.org_id <> 0");
        }
        // A bound on what an error may cost.
        sql.push(" limit 500000");
        db.each(sql.yields([field.ty.kind]), |row| {
            let known = row.text(0)?;
            if let Some(distance) = distance(key, known)
                && best.as_ref().is_none_or(|(d, k)| (distance, known) < (*d, k))
            {
                best = Some((distance, known.to_owned()));
            }
            Ok(())
        })
        .await?;
    }
    match best {
        Some((_, key)) => Ok(Some(key)),
        None => nearest_group(db, desc, org, key, context).await,
    }
}

/// The key nearest to a mistyped one that is read part by part: among those that have its first part; where nothing has
/// that, with the first part that is nearest. Never among all.
async fn nearest_group(
    db: &mut Db,
    desc: &'static Descriptor,
    org: Option<i32>,
    key: &str,
    context: &ParseContext,
) -> Result<Option<String>> {
    let among = Among { org, life: Deleted::Exclude, now: false, context };
    let Some(Some(first)) = desc.key_groups().next().map(|k| k.parts().next()) else { return Ok(None) };
    let cuts: Vec<usize> = key.match_indices(BETWEEN).map(|(at, _)| at).chain([key.len()]).take(CUTS).collect();
    for cut in cuts {
        let (piece, rest) = key.split_at(cut);
        let Some(target) = first.target() else { continue };
        let ids = keys::ids(db, target, among, &[piece]).await?.remove(piece).unwrap_or_default();
        for id in &ids {
            let words = keys::words(desc, "t");
            let live = status_sql::live(desc, "t");
            let mut sql = Sql::new(format!("select {words} from {} t where {live} and ", desc.table));
            match org {
                Some(org) => sql.push("t.org_id = ").bind(org),
                None => sql.push(in_all_orgs(desc)),
            };
            sql.push(&format!(" and t.{} = ", quoted(first.column))).bind(*id).push(&format!(" limit {NEAR}"));
            let known = db.all(sql.yields([ValueType::Text])).await?;
            let known: Vec<&str> = known.iter().map(|row| row.text(0)).collect::<Result<_>>()?;
            if let Some(near) = nearest(key, known) {
                return Ok(Some(near.to_owned()));
            }
        }
        if ids.is_empty()
            && let Some(near) = Box::pin(nearest_key(db, target, org, piece, context)).await?
        {
            let meant = format!("{near}{rest}");
            if !with_key(db, desc, org, &meant, Deleted::Exclude, context).await?.is_empty() {
                return Ok(Some(meant));
            }
        }
    }
    Ok(None)
}

/// Places at which a mistyped key is split, and keys in one record that it is held against.
const CUTS: usize = 3;
const NEAR: usize = 10_000;

/// Hands on every live record of a kind as it comes.
pub async fn each_live(
    db: &mut Db,
    desc: &'static Descriptor,
    mut each: impl FnMut(Record) -> Result<()>,
) -> Result<()> {
    let mut sql = select(desc);
    sql.push(&status_sql::live(desc, "t"));
    db.each(sql, |row| each(record(desc, row)?)).await
}

/// The first records of an organisation that were made at an instant, as they are called.
pub async fn created_at_instant(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    at: DateTime<Utc>,
    limit: usize,
) -> Result<Vec<String>> {
    let condition = format!(
        "t.org_id = $1 and t.{} = $2 and {} and {} order by t.id limit {limit}",
        desc.made_at(),
        status_sql::active_condition(desc, "t"),
        status_sql::live(desc, "t")
    );
    let made = load_where(db, desc, &condition, vec![org.into(), at.into()]).await?;
    Ok(made.iter().map(Record::title).collect())
}

/// Records that were deleted before an instant, in one organisation or in all.
pub async fn deleted_before(
    db: &mut Db,
    desc: &'static Descriptor,
    org: Option<i32>,
    before: DateTime<Utc>,
) -> Result<Vec<Record>> {
    let deleted = "t.deleted_at is not null and t.deleted_at < $1";
    match org.filter(|_| !desc.is_org()) {
        Some(org) => {
            load_where(db, desc, &format!("{deleted} and t.org_id = $2"), vec![before.into(), org.into()]).await
        }
        None => load_where(db, desc, deleted, vec![before.into()]).await,
    }
}

/// Records, deleted or not, that point at `id` through one field.
pub async fn referring(
    db: &mut Db,
    desc: &'static Descriptor,
    field: &Field,
    org: i32,
    id: Uuid,
) -> Result<Vec<Record>> {
    let condition = format!("t.org_id = $1 and t.{} = $2", quoted(field.column));
    load_where(db, desc, &condition, vec![org.into(), id.into()]).await
}

/// Live records that have a value in a field: one at most, where it is a key.
pub async fn with_value(
    db: &mut Db,
    desc: &'static Descriptor,
    org: Option<i32>,
    field: &Field,
    value: &Value,
) -> Result<Vec<Record>> {
    let (column, live) = (quoted(desc.compared_column(field)), status_sql::live(desc, "t"));
    let value = desc.compared(field, value);
    match org {
        Some(org) => {
            let condition = format!("t.org_id = $1 and t.{column} = $2 and {live}");
            load_where(db, desc, &condition, vec![org.into(), value]).await
        }
        None => load_where(db, desc, &format!("t.{column} = $1 and {live}"), vec![value]).await,
    }
}

/// The first live records of an organisation behind an id that have a value in a field, in the order of their ids.
pub async fn with_value_behind(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    (field, value): (&Field, &Value),
    (after, most): (Uuid, usize),
) -> Result<Vec<Record>> {
    let (column, live) = (quoted(desc.compared_column(field)), status_sql::live(desc, "t"));
    let condition = format!("t.org_id = $1 and t.{column} = $2 and {live} and t.id > $3 order by t.id limit {most}");
    load_where(db, desc, &condition, vec![org.into(), desc.compared(field, value), after.into()]).await
}

/// The newest record, deleted or not, that has a value in a field.
pub async fn last_with_value(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    field: &Field,
    value: &Value,
) -> Result<Option<Record>> {
    let column = quoted(desc.compared_column(field));
    let condition = format!("t.org_id = $1 and t.{column} = $2 order by t.id desc limit 1");
    let value = desc.compared(field, value);
    Ok(load_where(db, desc, &condition, vec![org.into(), value]).await?.pop())
}

/// Live records that have one of several values in a field.
pub async fn with_values(
    db: &mut Db,
    desc: &'static Descriptor,
    org: Option<i32>,
    field: &Field,
    values: &[Value],
) -> Result<Vec<Record>> {
    let values: Vec<Value> = values.iter().map(|v| desc.compared(field, v)).collect();
    live_with(db, desc, org, desc.compared_column(field), &values).await
}

/// The values of a field that live records about several people have, in their order.
pub async fn shared_values(db: &mut Db, desc: &'static Descriptor, org: i32, field: &Field) -> Result<Vec<Value>> {
    let (column, live) = (quoted(field.column), status_sql::live(desc, "t"));
    let subject = quoted(desc.subject_field().map_or("id", |f| f.column));
    let sql = Sql::new(format!(
        "select t.{column} from {} t where t.org_id = $1 and t.{column} is not null and {live}
          group by t.{column} having count(distinct t.{subject}) > 1 order by t.{column}",
        desc.table
    ));
    let rows = db.all(sql.with([org.into()]).yields([field.ty.kind])).await?;
    Ok(rows.into_iter().map(|row| row.value(0).clone()).collect())
}

/// Live records with one of several ids.
pub async fn with_ids(db: &mut Db, desc: &'static Descriptor, org: Option<i32>, ids: &[Value]) -> Result<Vec<Record>> {
    live_with(db, desc, org, "id", ids).await
}

/// Records with one of several ids that are gone.
pub async fn gone_with_ids(
    db: &mut Db,
    desc: &'static Descriptor,
    org: Option<i32>,
    ids: &[Value],
) -> Result<Vec<Record>> {
    // By the ids alone: among all that is gone they are few.
    let mut found = in_state_with(db, desc, (org, Deleted::Include), "id", ids).await?;
    found.retain(|r| !r.is_live());
    Ok(found)
}

/// Records, deleted or not, of some organisations and ids.
pub async fn with_record_ids(
    db: &mut Db,
    desc: &'static Descriptor,
    places: impl Iterator<Item = (i32, Uuid)>,
) -> Result<Vec<Record>> {
    let places: Vec<(i32, Uuid)> = places.collect();
    let mut found = Vec::new();
    for some in places.chunks(TOGETHER) {
        // Each is looked up by the primary key: SQLite goes through the whole index where a list of pairs is looked for.
        let mut sql = Sql::bulk("with v (org, id) as (values ", db.engine());
        for (i, (org, id)) in some.iter().enumerate() {
            sql.push(if i == 0 { "" } else { ", " }).bind_list([Value::from(*org), (*id).into()]);
        }
        let selected = select_from(desc, &format!("v cross join {} t", desc.table));
        sql.push(") ").push(&selected.text).push("t.org_id = v.org and t.id = v.id");
        db.each(sql.yields(selected.kinds), |row| {
            found.push(record(desc, row)?);
            Ok(())
        })
        .await?;
    }
    Ok(found)
}

async fn live_with(
    db: &mut Db,
    desc: &'static Descriptor,
    org: Option<i32>,
    column: &str,
    values: &[Value],
) -> Result<Vec<Record>> {
    in_state_with(db, desc, (org, Deleted::Exclude), column, values).await
}

async fn in_state_with(
    db: &mut Db,
    desc: &'static Descriptor,
    (org, life): (Option<i32>, Deleted),
    column: &str,
    values: &[Value],
) -> Result<Vec<Record>> {
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = if values.len() > 1 { select(desc).of_many(db.engine()) } else { select(desc) };
    match org {
        Some(org) => sql.push("t.org_id = ").bind(org),
        // An id is one record's, wherever that is.
        None if !desc.is_org() => sql.push("t.org_id in (select org_id from orgs)"),
        None => sql.push("true"),
    };
    sql.push(&format!(" and {} and t.{}", life.condition(desc, "t"), quoted(column)));
    sql.bind_among(values.iter().cloned());
    db.all(sql).await?.into_iter().map(|row| record(desc, row)).collect()
}

/// Live records that point at a record through one field.
pub struct Dependants {
    pub desc: &'static Descriptor,
    /// The field that points; none where belonging to the organisation is what binds.
    pub field: Option<&'static Field>,
    pub records: Vec<Record>,
    /// Those of them that may not be told.
    pub hidden: BTreeSet<Uuid>,
    /// How many more there are that may be told, and were not read.
    pub unread: usize,
}

impl Dependants {
    /// What becomes of them when something happens to the record. What lives in an organisation keeps it.
    pub fn effect(&self, event: TargetEvent) -> Consequence {
        self.field.map_or(Consequence::Blocks, |f| self.desc.effect(f, event))
    }

    /// `3 branches (parent): MUM02, MUM03, MUM04`, `2 users that you can't see`
    pub fn describe(&self) -> String {
        let told: Vec<&Record> = self.records.iter().filter(|r| !self.hidden.contains(&r.meta.id)).collect();
        let (n, hidden) = (told.len() + self.unread, self.hidden.len());
        let mut keys: Vec<String> = told.iter().take(5).map(|r| r.label()).collect();
        if n > keys.len() {
            keys.push("...".into());
        }
        let through = self.field.map_or(String::new(), |f| format!(" ({})", f.name()));
        let told = (n > 0).then(|| format!("{}{through}: {}", count(n as u64, self.desc), keys.join(", ")));
        let hidden = (hidden > 0).then(|| format!("{}{through} that you can't see", count(hidden as u64, self.desc)));
        told.into_iter().chain(hidden).collect::<Vec<_>>().join("; ")
    }
}

/// `1 branch`, `2 branches`.
pub fn count(n: u64, desc: &Descriptor) -> String {
    format!("{n} {}", if n == 1 { desc.noun.into() } else { desc.plural() })
}

/// Live records that point at one, whatever binds them to it; for an organisation, all that lives in it.
pub async fn dependants(db: &mut Db, target: &Record) -> Result<Vec<Dependants>> {
    dependants_by(db, target, |_, _| true).await
}

/// Live records that keep something from happening to one, until they point elsewhere.
pub async fn blocking(db: &mut Db, target: &Record, event: TargetEvent) -> Result<Vec<Dependants>> {
    match target.desc.is_org() && event != TargetEvent::Delete {
        true => Ok(Vec::new()),
        false => dependants_by(db, target, |desc, f| desc.effect(f, event) == Consequence::Blocks).await,
    }
}

/// The flags of a record that another live one has too, where only one may have them: by the rules of its kind that are told
/// by a field, where one is named.
pub async fn doubled_flags(db: &mut Db, record: &Record, by: Option<&Field>) -> Result<Vec<&'static str>> {
    let mut doubled = Vec::new();
    for rule in record.desc.rules {
        let RowRule::AtMostOne(flag, per) = rule else { continue };
        if !record.is_true(flag) || by.is_some_and(|by| !per.contains(&by.column)) {
            continue;
        }
        let (org, id) = record.meta.record_id();
        let live = status_sql::live(record.desc, "t");
        let mut condition = format!("t.org_id = $1 and t.id <> $2 and t.{} and {live}", quoted(flag));
        let mut args: Vec<Value> = vec![org.into(), id.into()];
        for column in *per {
            let value = record.get(column).clone();
            match value.is_null() {
                true => condition.push_str(&format!(" and t.{} is null", quoted(column))),
                false => {
                    args.push(value);
                    condition.push_str(&format!(" and t.{} = ${}", quoted(column), args.len()));
                }
            }
        }
        doubled.extend((!load_where(db, record.desc, &condition, args).await?.is_empty()).then_some(*flag));
    }
    Ok(doubled)
}

/// The same of some records of one kind and organisation. Of those that have it together the first one has it first.
pub async fn doubled_flags_of(db: &mut Db, some: &[Record], by: Option<&Field>) -> Result<Vec<Vec<&'static str>>> {
    let mut doubled: Vec<Vec<&'static str>> = some.iter().map(|_| Vec::new()).collect();
    let Some((desc, org)) = some.first().map(|r| (r.desc, r.meta.org_id)) else { return Ok(doubled) };
    let own: HashMap<Uuid, usize> = some.iter().enumerate().map(|(n, r)| (r.meta.id, n)).collect();
    for rule in desc.rules {
        let RowRule::AtMostOne(flag, per) = rule else { continue };
        let flagged = some.iter().enumerate().filter(|(_, r)| r.is_true(flag));
        let flagged: Vec<(usize, &Record)> = flagged.collect();
        if flagged.is_empty() || by.is_some_and(|by| !per.contains(&by.column)) {
            continue;
        }
        let part = |r: &Record| per.iter().map(|column| r.get(column).to_text()).collect::<Vec<_>>();
        let mut there: HashMap<Vec<String>, Vec<Uuid>> = HashMap::new();
        for (id, parts) in flagged_rows(db, desc, org, flag, per, &flagged).await? {
            there.entry(parts).or_default().push(id);
        }
        for (n, record) in flagged {
            // Of those that came with it one that comes later leaves its own.
            let stands = |id: &Uuid| own.get(id).is_none_or(|place| *place < n);
            let others = there.get(&part(record)).into_iter().flatten();
            if others.filter(|id| **id != record.meta.id).any(stands) {
                doubled[n].push(*flag);
            }
        }
    }
    Ok(doubled)
}

/// Live rows with a flag among those that the flags of some records are about: their ids, and what narrows the flag.
async fn flagged_rows(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    flag: &str,
    per: &[&str],
    some: &[(usize, &Record)],
) -> Result<Vec<(Uuid, Vec<String>)>> {
    let columns: String = per.iter().map(|column| format!(", t.{}", quoted(column))).collect();
    let live = status_sql::live(desc, "t");
    let mut sql = Sql::bulk(format!("select t.id{columns} from {} t where {live} and ", desc.table), db.engine());
    sql.push(&format!("t.{} and t.org_id = ", quoted(flag))).bind(org);
    let first = per.iter().find(|column| some.iter().all(|(_, r)| !r.get(column).is_null()));
    if let Some(column) = first {
        sql.push(&format!(" and t.{} in ", quoted(column)));
        sql.bind_rows(some.iter().map(|(_, r)| r.get(column).clone()));
    }
    let kinds = per.iter().map(|column| desc.field(column).map_or(ValueType::Text, |f| f.ty.kind));
    let rows = db.all(sql.yields(std::iter::once(ValueType::Uuid).chain(kinds))).await?;
    rows.into_iter().map(|row| Ok((row.uuid(0)?, row.0[1..].iter().map(Value::to_text).collect()))).collect()
}

/// Live records that point at one by some fields, without what is not recorded, which stays until it is purged; of those that
/// say who is in charge of what has states, the open ones.
pub async fn dependants_by(
    db: &mut Db,
    target: &Record,
    by: impl Fn(&Descriptor, &Field) -> bool,
) -> Result<Vec<Dependants>> {
    let all = dependants_of_all_by(db, std::slice::from_ref(target), by).await?;
    Ok(all.into_iter().next().unwrap_or_default())
}

/// As [`dependants`], of each of some records of one kind and organisation, with a statement for many of them.
pub async fn dependants_of_all(db: &mut Db, targets: &[Record]) -> Result<Vec<Vec<Dependants>>> {
    dependants_of_all_by(db, targets, |_, _| true).await
}

async fn dependants_of_all_by(
    db: &mut Db,
    targets: &[Record],
    by: impl Fn(&Descriptor, &Field) -> bool,
) -> Result<Vec<Vec<Dependants>>> {
    let mut all: Vec<Vec<Dependants>> = targets.iter().map(|_| Vec::new()).collect();
    let Some(Record { desc: kind, meta: Meta { org_id: org, .. }, .. }) = targets.first() else { return Ok(all) };
    if kind.is_org() {
        // What is not recorded keeps nothing from going: nobody could put it away before.
        for (target, found) in targets.iter().zip(&mut all) {
            let keep = |d: &&Descriptor| !d.is_org() && d.is_recorded() && !d.is_of_the_org;
            for desc in db.kinds().resources().filter(keep) {
                let condition = format!("t.org_id = $1 and {}", status_sql::live(desc, "t"));
                let records = load_where(db, desc, &condition, vec![target.meta.org_id.into()]).await?;
                let hidden = hidden(db, desc, &records).await?;
                let found_here = Dependants { desc, field: None, records, hidden, unread: 0 };
                found.extend((!found_here.records.is_empty()).then_some(found_here));
            }
        }
        return Ok(all);
    }
    let places: HashMap<Uuid, usize> = targets.iter().enumerate().map(|(n, r)| (r.meta.id, n)).collect();
    for (desc, field) in db.kinds().referring_to(kind).into_iter().filter(|(d, f)| d.is_recorded() && by(d, f)) {
        let (column, open, live) =
            (quoted(field.column), status_sql::is_open(desc, field, "t"), status_sql::live(desc, "t"));
        let mut found: BTreeMap<usize, Vec<Record>> = BTreeMap::new();
        for some in targets.chunks(TOGETHER) {
            let mut sql = if some.len() > 1 { select(desc).of_many(db.engine()) } else { select(desc) };
            sql.push("t.org_id = ").bind(*org).push(&format!(" and {live} and {open} and t.{column}"));
            match some {
                [one] => sql.push(" = ").bind(one.meta.id),
                several => sql.bind_among(several.iter().map(|r| r.meta.id)),
            };
            for row in db.all(sql).await? {
                let record = record(desc, row)?;
                let place = record.get(field.column).as_uuid().and_then(|id| places.get(&id));
                let place = place.ok_or_else(|| Error::bug(format!("a {} that points elsewhere", desc.noun)))?;
                found.entry(*place).or_default().push(record);
            }
        }
        for (place, records) in found {
            let hidden = hidden(db, desc, &records).await?;
            all[place].push(Dependants { desc, field: Some(field), records, hidden, unread: 0 });
        }
    }
    Ok(all)
}

/// Which of some records of one kind may not be told.
pub async fn hidden(db: &mut Db, desc: &'static Descriptor, all: &[Record]) -> Result<BTreeSet<Uuid>> {
    if !db.is_narrow() {
        return Ok(BTreeSet::new());
    }
    let mut telling = db.telling();
    let told = with_record_ids(&mut telling, desc, all.iter().map(|r| r.meta.record_id())).await?;
    let told: BTreeSet<Uuid> = told.into_iter().map(|r| r.meta.id).collect();
    Ok(all.iter().map(|r| r.meta.id).filter(|id| !told.contains(id)).collect())
}

/// Records that one statement asks about.
const TOGETHER: usize = 1000;

/// How many live records of each kind are in one: people and places that refer to it, also through a link.
pub async fn contents(db: &mut Db, record: &Record) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (desc, field) in db.kinds().referring_to(record.desc).into_iter().filter(|(_, f)| f.requires_active_target()) {
        let mut sql = Sql::new(format!(
            "select count(*) from {} t where {} and t.org_id = ",
            desc.table,
            status_sql::live(desc, "t")
        ));
        sql.bind(record.meta.org_id).push(&format!(" and t.{} = ", quoted(field.column))).bind(record.meta.id);
        let n = db.one(sql.yields([ValueType::Int])).await?.int(0)?;
        if n > 0 {
            // What is given is in use by those who have it.
            let counted =
                desc.link().filter(|link| link.item.0.column == field.column).map_or(desc, |link| link.other.1);
            found.push(count(u64::try_from(n)?, counted));
        }
    }
    Ok(found)
}

/// The branches and departments right below or in a record that are in use, by their keys.
pub async fn active_within(db: &mut Db, record: &Record) -> Result<Vec<Record>> {
    let (mut all, at) = (Vec::new(), [record.meta.id.into()]);
    let kinds = db.kinds();
    let within = |(d, f): &(&Descriptor, &Field)| f.requires_active_target() && kinds.takes_records(d);
    for (desc, field) in kinds.referring_to(record.desc).into_iter().filter(within) {
        let mut found = with_values(db, desc, Some(record.meta.org_id), field, &at).await?;
        found.retain(Record::is_active);
        found.sort_by_key(Record::key);
        all.extend(found);
    }
    Ok(all)
}

/// A column of output, filter and sort.
#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    /// SQL over `t` and the joins.
    pub expr: String,
    pub kind: ValueType,
    pub nullable: bool,
    /// The join that `expr` needs.
    pub join: Option<String>,
    /// Among a table's default columns.
    pub shown: bool,
    /// How input for a filter is read: by this field, by a choice, or plainly by kind.
    pub field: Option<&'static Field>,
    /// The kind whose status it tells.
    pub status: Option<&'static Descriptor>,
    /// The list that the column tells, its members in one text, and what it lists.
    pub list: Option<(&'static List, &'static Descriptor)>,
    /// Whether its text names a record of the kind.
    pub is_key: bool,
    /// The kind whose records it is asked of where they belong: only a filter knows it.
    pub place: Option<(&'static Descriptor, Place)>,
    /// Whether it tells who did something.
    pub is_actor: bool,
}

impl Column {
    /// A column of the table itself that is no field, and stands in no table of people.
    pub(super) fn plain(name: &str, kind: ValueType, nullable: bool) -> Column {
        Column {
            name: name.to_owned(),
            expr: format!("t.{}", quoted(name)),
            kind,
            nullable,
            join: None,
            shown: false,
            field: None,
            status: None,
            list: None,
            is_key: false,
            place: None,
            is_actor: false,
        }
    }

    /// The name of who is held in a column.
    fn actor(name: &str, column: &str, nullable: bool) -> Column {
        Column {
            expr: format!("a_{name}.name"),
            join: Some(format!("left join actors a_{name} on a_{name}.actor_id = t.{column}")),
            is_actor: true,
            ..Column::plain(name, ValueType::Text, nullable)
        }
    }
}

/// Every column that a resource shows, in order.
pub fn columns(desc: &'static Descriptor) -> Vec<Column> {
    let plain = Column::plain;
    let mut columns = vec![plain("id", ValueType::Uuid, false)];
    if !desc.is_org() {
        columns.push(Column {
            expr: "o.code".into(),
            // Of an organisation that is gone a journal may be told later.
            join: Some(format!("{}join orgs o on o.org_id = t.org_id", if desc.stays() { "left " } else { "" })),
            ..plain("org", ValueType::Text, desc.stays())
        });
    }
    if desc.stays() {
        columns.push(Column { shown: true, ..plain(AT, ValueType::Time, false) });
    }
    if desc.key_column() == "key" {
        let key =
            Column { expr: keys::words(desc, "t"), shown: true, is_key: true, ..plain("key", ValueType::Text, false) };
        columns.push(key);
    }
    columns.extend(desc.fields.iter().filter(|f| !f.has(Attr::Secret)).map(|field| of_field(desc, field)));
    columns.extend(desc.lists.iter().filter_map(|list| {
        let target = list.link()?.item.1;
        let expr = lists::members(list, target.table, "join", &keys::words(target, "m"));
        Some(Column { expr, list: Some((list, target)), ..plain(list.name, ValueType::Text, true) })
    }));
    columns.extend(desc.derived.iter().map(|derived| {
        let (kind, nullable) = derived.kind();
        Column { expr: of_contents(derived), shown: !derived.is_hidden, ..plain(derived.name, kind, nullable) }
    }));
    columns.extend(desc.told_with.iter().filter_map(|told| of_another(desc, *told)));
    if desc.has_defaults {
        // What an owner without a row is told of has not.
        columns.push(Column { expr: "(1 = 1)".into(), ..plain(STORED, ValueType::Bool, false) });
    }
    if let Some(expr) = status_sql::status_expr(desc) {
        columns.push(Column { expr, shown: true, status: Some(desc), ..plain("status", ValueType::Text, false) });
    }
    columns.extend(of_writing(desc));
    columns
}

/// The columns that are there to filter by alone: where a record belongs, and whether something is left to do.
pub fn filter_columns(desc: &'static Descriptor) -> Vec<Column> {
    let mut columns = place::columns(desc);
    if desc.states.is_some() {
        let expr = format!("({})", status_sql::open_condition(desc, "t"));
        columns.push(Column { expr, ..Column::plain("open", ValueType::Bool, false) });
    }
    columns
}

/// What a field holds: of a reference the key.
fn of_field(desc: &'static Descriptor, field: &'static Field) -> Column {
    let column = Column {
        shown: !field.has(Attr::Hidden),
        field: Some(field),
        is_key: desc.is_key(field),
        ..Column::plain(field.column, field.ty.kind, !field.ty.required)
    };
    let Some(target) = field.target() else {
        return match status_sql::at_the_time(desc, field) {
            Some(expr) => Column { expr, ..column },
            None => column,
        };
    };
    let alias = format!("r_{}", field.name());
    let (to, id) = match desc.list_of(field) {
        None => (String::new(), format!("t.{}", quoted(field.column))),
        Some(list) => (lists::join_first(list, field), lists::first_id(list, field)),
    };
    let join = format!("{to}left join {} {alias} on {alias}.org_id = t.org_id and {alias}.id = {id}", target.table);
    Column {
        name: field.name().to_owned(),
        expr: keys::words(target, &alias),
        kind: ValueType::Text,
        join: Some(join),
        ..column
    }
}

/// What is told of a record that one refers to: the first of a list of its.
fn of_another(desc: &'static Descriptor, (name, via, of): (&str, &str, &str)) -> Option<Column> {
    let via = desc.field(via)?;
    let another = via.target()?;
    let field = another.field(of)?;
    let (list, target) = (another.list_of(field)?, field.target()?);
    let (holder, link, alias) = (format!("h_{name}"), format!("hl_{name}"), format!("ht_{name}"));
    let (told, id) = lists::join_told(list, &link, &holder);
    let join = format!(
        "left join {} {holder} on {holder}.org_id = t.org_id and {holder}.id = t.{} left{told}
           left join {} {alias} on {alias}.org_id = t.org_id and {alias}.id = {id}",
        another.table,
        quoted(via.column),
        target.table
    );
    let expr = keys::words(target, &alias);
    Some(Column { expr, shown: true, join: Some(join), ..Column::plain(name, ValueType::Text, true) })
}

/// Who wrote a record, and when.
fn of_writing(desc: &'static Descriptor) -> Vec<Column> {
    let plain = Column::plain;
    if desc.stays() {
        let actor = Column { shown: true, ..Column::actor("actor", ACTOR, false) };
        return vec![actor, plain(REQUEST, ValueType::Uuid, false)];
    }
    let actor = |name: &str, nullable| Column::actor(name, name, nullable);
    let mut columns = vec![
        plain("created_at", ValueType::Time, false),
        actor("created_by", false),
        plain("updated_at", ValueType::Time, false),
        actor("updated_by", false),
        plain("version", ValueType::Int, false),
    ];
    if desc.is_recorded() {
        columns.extend([plain("deleted_at", ValueType::Time, true), actor("deleted_by", true)]);
    }
    columns
}

/// Whether there is a row, of kinds that have defaults where there is none.
pub const STORED: &str = "stored";

/// What the live records within the row `t` come to.
fn of_contents(derived: &Derived) -> String {
    let of = (derived.of)();
    let what = match derived.what {
        What::Count | What::AtLeast(_) => "count(*)".to_owned(),
        What::Sum(column) => format!("cast(coalesce(sum(w.{}), 0) as bigint)", quoted(column)),
        What::Latest(column) => format!("max(w.{})", quoted(column)),
        What::Words(column, by) => format!("string_agg(w.{}, '; ' order by w.{})", quoted(column), quoted(by)),
    };
    let (table, by, live) =
        (of.table, of.field(derived.by).map_or(derived.by, |f| f.column), status_sql::live(of, "w"));
    let only = derived.only.iter().map(|(column, words)| {
        let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        format!(" and w.{} in ({})", quoted(column), words.join(", "))
    });
    let by = quoted(by);
    let only: String = only.collect();
    let made = format!("(select {what} from {table} w where w.org_id = t.org_id and w.{by} = t.id and {live}{only})");
    match derived.what {
        // What is read as yes or no, and compared as one.
        What::AtLeast(n) => format!("({made} >= {n})"),
        _ => made,
    }
}

/// A part of a kind's key as the row itself holds it: of a reference the id.
pub fn of_row(desc: &'static Descriptor, field: &'static Field) -> Column {
    Column { is_key: desc.is_key(field), ..Column::plain(field.column, field.ty.kind, !field.ty.required) }
}

/// An expression for an id as it is written.
fn id_text(engine: Engine, id: &str) -> String {
    match engine {
        Engine::Postgres => format!("{id}::text"),
        Engine::Sqlite => {
            let part = |from: u32, n: u32| format!("substr(lower(hex({id})), {from}, {n})");
            // NULL stays so.
            let parts = [part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)].join(" || '-' || ");
            format!("case when {id} is not null then {parts} end")
        }
    }
}

/// A column for people: where it refers to somebody, the name stands behind the code.
pub fn for_people(column: Column) -> Column {
    let target = column.field.and_then(Field::target);
    let name = target.and_then(Descriptor::title);
    let (Some(name), Some(field), Some(_)) = (name, column.field, &column.join) else { return column };
    let name = format!("r_{}.{}", field.name(), quoted(name.column));
    Column { expr: format!("{} || coalesce(' (' || {name} || ')', '')", column.expr), kind: ValueType::Text, ..column }
}

/// The hash of a user's password: in no list, and in an export only where it is asked for.
pub fn password_column() -> Column {
    let join = "left join credentials c on c.org_id = t.org_id and c.user_id = t.id and c.deleted_at is null";
    Column {
        expr: "c.password".into(),
        join: Some(join.into()),
        ..Column::plain("password_hash", ValueType::Text, true)
    }
}

impl Column {
    /// The expression, which tells the id of what is referred to and is not there.
    pub fn or_id(&self, desc: &'static Descriptor, engine: Engine) -> String {
        let id = |field: &Field| match desc.list_of(field) {
            Some(list) => id_text(engine, &lists::first_id(list, field)),
            None => id_text(engine, &format!("t.{}", quoted(field.column))),
        };
        if let Some((list, target)) = self.list {
            let id_of_member = id_text(engine, &format!("l.{}", quoted(list.ends().0)));
            let member = format!("coalesce({}, {id_of_member})", keys::words(target, "m"));
            return lists::members(list, target.table, "left join", &member);
        }
        match self.field {
            Some(field) if field.target().is_some() && self.kind == ValueType::Text => {
                format!("coalesce({}, {})", self.expr, id(field))
            }
            _ => self.expr.clone(),
        }
    }

    /// Words of a closed set, where the column has one.
    pub fn choices(&self) -> Option<Cow<'static, [&'static str]>> {
        match self.field {
            Some(Field { ty: crate::model::values::scalar::Type { role: FieldKind::Choice(words), .. }, .. }) => {
                Some(Cow::Borrowed(words))
            }
            _ => self.status.map(|desc| Cow::Owned(status::words(desc))),
        }
    }
}

/// The number of an organisation, by code or id.
pub async fn org_number(db: &mut Db, key: &str, context: &ParseContext) -> Result<i32> {
    let desc = <org::Org as crate::model::resource::Resource>::DESCRIPTOR;
    match by_key(db, desc, None, key, Deleted::Exclude, context).await?.first() {
        Some(found) => Ok(found.meta.org_id),
        None => {
            let meant = nearest_key(db, desc, None, key, context).await?;
            let hint = match meant {
                Some(m) => format!("did you mean {m}? 'orgctl org list' shows all"),
                None => "'orgctl org list' shows all".into(),
            };
            let key = truncate(key);
            Err(Problem::not_found(format!("organisation {key} does not exist")).hint(hint).into())
        }
    }
}

/// The code of an organisation's number, also of a deleted one; its number where it was purged.
pub async fn org_code(db: &mut Db, org: i32) -> Result<String> {
    let sql = Sql::new("select code from orgs where org_id = $1").with([org.into()]).yields([ValueType::Text]);
    Ok(match db.first(sql).await? {
        Some(row) => row.text(0)?.to_owned(),
        None => format!("#{org}"),
    })
}

/// Whether an organisation is there and not deleted.
pub async fn is_live_org(db: &mut Db, org: i32) -> Result<bool> {
    let sql = Sql::new("select 1 from orgs where org_id = $1 and deleted_at is null").with([org.into()]);
    Ok(db.first(sql.yields([ValueType::Int])).await?.is_some())
}

/// Live organisations, without SYSTEM: number and code, at most `limit`.
pub async fn live_orgs(db: &mut Db, limit: i64) -> Result<Vec<(i32, String)>> {
    let sql = Sql::new("select org_id, code from orgs where deleted_at is null and org_id <> 0 order by code limit $1");
    let rows = db.all(sql.with([limit.into()]).yields([ValueType::Int, ValueType::Text])).await?;
    rows.iter().map(|r| Ok((r.org(0)?, r.text(1)?.to_owned()))).collect()
}

/// The live organisations, SYSTEM among them: their numbers and ids.
pub async fn orgs_with_ids(db: &mut Db) -> Result<Vec<(i32, Uuid)>> {
    let sql = Sql::new("select org_id, id from orgs where deleted_at is null order by org_id");
    let rows = db.all(sql.yields([ValueType::Int, ValueType::Uuid])).await?;
    rows.iter().map(|r| Ok((r.org(0)?, r.uuid(1)?))).collect()
}

/// From here on the connection refuses to write.
pub async fn read_only(db: &mut Db) -> Result<()> {
    let sql = if db.is_postgres() { "set default_transaction_read_only = on" } else { "pragma query_only = on" };
    db.execute(Sql::new(sql)).await.map(drop)
}
