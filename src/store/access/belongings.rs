//! What a record belongs to, by the ways that its kind declares: from the record to its places, and to the people that it is
//! about. ([`records::place`](crate::store::records::place) goes the other way, from a place to its records.)

use std::collections::BTreeSet;

use crate::store::Result;
use uuid::Uuid;

use super::ids;
use crate::model::resource::path::{Place, steps};
use crate::model::resource::{Attr, Descriptor, Field, Record, Subject};
use crate::model::scope::Belongings;
use crate::model::setting::ACCESS_INCLUDE_SUB_BRANCHES;
use crate::model::values::value::ValueType;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Sql, quoted};
use crate::store::records::{lists, settings, subjects};

/// What a record belongs to: its branches with those above them, its departments, and its people.
pub async fn belongings(db: &mut Db, record: &Record) -> Result<Belongings> {
    let mut db = db.checking();
    let db = &mut *db;
    let (org, id) = record.meta.record_id();
    let own = BTreeSet::from([id]);
    let branches = places(db, org, record.desc, own.clone(), Place::Branch).await?;
    let branches = match record.desc.place(Place::Branch) {
        Some(of) => with_all_above(db, org, of, &branches).await?,
        None => branches,
    };
    let departments = places(db, org, record.desc, own, Place::Department).await?;
    Ok(Belongings { branches, departments, people: people(db, record).await? })
}

/// Places, and those that they are below, where these cover them.
pub async fn with_all_above(
    db: &mut Db,
    org: i32,
    desc: &Descriptor,
    places: &BTreeSet<Uuid>,
) -> Result<BTreeSet<Uuid>> {
    let Some(parent) = desc.parent().filter(|_| !places.is_empty()) else { return Ok(places.clone()) };
    if !settings::get(db, org, ACCESS_INCLUDE_SUB_BRANCHES).await? {
        return Ok(places.clone());
    }
    let (table, parent) = (desc.table, quoted(parent.column));
    let sql = Sql::new(format!(
        "with recursive above (id) as (
             select b.id from {table} b where b.org_id = {org} and b.id in ({})
              union select c.{parent} from above a cross join {table} c
              where c.org_id = {org} and c.id = a.id and c.{parent} is not null)
         select id from above",
        ids(db.engine(), places.iter().copied())
    ));
    all(&mut db.checking(), sql).await
}

async fn all(db: &mut Db, sql: Sql) -> Result<BTreeSet<Uuid>> {
    db.all(sql.yields([ValueType::Uuid])).await?.iter().map(|row| row.uuid(0)).collect()
}

/// The places of records of a kind: of several ways the first that leads anywhere counts.
async fn places(
    db: &mut Db,
    org: i32,
    desc: &'static Descriptor,
    records: BTreeSet<Uuid>,
    place: Place,
) -> Result<BTreeSet<Uuid>> {
    if desc.is_place(place) || records.is_empty() {
        return Ok(records);
    }
    for (steps, end) in desc.ways(place).iter().filter_map(|path| steps(desc, path)) {
        let mut found = records.clone();
        for (kind, field) in steps {
            found = step(db, org, kind, field, &found).await?;
        }
        let found = Box::pin(places(db, org, end, found, place)).await?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(BTreeSet::new())
}

/// What a field of records refers to: of what is given by links, all of it.
async fn step(
    db: &mut Db,
    org: i32,
    kind: &'static Descriptor,
    field: &'static Field,
    records: &BTreeSet<Uuid>,
) -> Result<BTreeSet<Uuid>> {
    if records.is_empty() {
        return Ok(BTreeSet::new());
    }
    let (table, of) = (kind.table, ids(db.engine(), records.iter().copied()));
    let (column, links) = match kind.list_of(field) {
        None => (format!("t.{}", quoted(field.column)), String::new()),
        Some(list) => (
            format!("l.{}", quoted(list.ends().0)),
            format!(" join {} l on {}", list.desc().table, lists::is_of(list, "l", "t")),
        ),
    };
    let text = format!(
        "select {column} from {table} t{links} where t.org_id = {org} and t.id in ({of}) and {column} is not null"
    );
    all(db, Sql::new(text)).await
}

/// Whom a record is about, and who is in charge of it.
async fn people(db: &mut Db, record: &Record) -> Result<BTreeSet<Uuid>> {
    let (desc, (org, id)) = (record.desc, record.meta.record_id());
    let mut people = BTreeSet::new();
    if desc.subject_field().is_some() || matches!(desc.subject, Subject::Itself) {
        people.extend(subjects::of(db, desc, org, std::iter::once(id)).await?.into_values().filter(|id| !id.is_nil()));
    }
    for field in desc.fields.iter().filter(|f| f.has(Attr::Assignee)) {
        people.extend(step(db, org, desc, field, &BTreeSet::from([id])).await?);
    }
    Ok(people)
}
