//! Whose sealed data was shown, as the trail tells it: records of `reveal`, of exports that handed out more than masks, and of
//! backups, which hold everything that was there.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::model::kinds::org::SYSTEM;
use crate::model::resource::Descriptor;
use crate::model::sealing::Purpose;
use crate::model::trail::audit::Action;
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Row, Sql, quoted};
use crate::store::records::subjects;

/// In the record of an export: whose sealed data it hands out, and how.
pub const SUBJECTS: &str = "subjects";
/// In the record of a reveal, and of an export: which fields.
pub const FIELDS: &str = "fields";

/// In the record of a backup: how many records of each trail are in it, by which it is told whose data is.
pub const HEADS: &str = "heads";

/// What was shown of somebody.
#[derive(Debug, Clone)]
pub struct Exposure {
    pub first: DateTime<Utc>,
    pub last: DateTime<Utc>,
    /// How often.
    pub times: i64,
    /// `reveal`, `export`, `backup`, `key`.
    pub how: BTreeSet<String>,
    pub fields: BTreeSet<String>,
}

/// What exposure is derived from: the index `audit_records_shown` is over just that.
const SHOWN: &str = "s.action in ('backup', 'export', 'key_rotate', 'reveal')";

/// Who did something: by the numbers of actors, and with whose rights others did it.
#[derive(Debug, Clone, Default)]
pub struct Doers {
    pub actors: Vec<i64>,
    /// How it is called.
    pub name: String,
    /// Which user it is, if it is one.
    pub user: Option<Uuid>,
}

impl Doers {
    /// Whether a request is of theirs, by its actor and its payload.
    fn did(&self, actor: i64, payload: Option<&str>) -> Result<bool> {
        let Some(payload) = payload.filter(|_| !self.actors.contains(&actor)) else {
            return Ok(self.actors.contains(&actor));
        };
        let payload: Json = serde_json::from_str(payload)?;
        let of = &payload[ON_BEHALF_OF];
        let is_user = |id: Uuid| of["id"].as_str() == Some(id.to_string().as_str());
        let is_called = of["user"].as_str().or(of.as_str()) == Some(self.name.as_str());
        Ok(is_called || self.user.is_some_and(is_user))
    }
}

/// The member of a request that tells with whose rights it was done.
const ON_BEHALF_OF: &str = "on_behalf_of";

/// The statement for records of a trail by the index of what is shown, each with the time, the action, whom it is about, the payload, and the
/// actor and the payload of its request.
fn shown(tree: i32, actions: &str, by: Option<&Doers>, since: Option<DateTime<Utc>>) -> Sql {
    // SQLite takes the index for `s`, which it covers: for `a` itself, whose payload is not in it, it would read the whole trail.
    let mut sql = Sql::new(format!(
        "select q.at, a.action, coalesce(a.subject_id, a.resource_id), a.payload, q.actor_id, q.payload
           from audit_records s cross join audit_records a cross join audit_requests q
          where a.tree = s.tree and a.seq = s.seq and q.tree = s.tree
            and q.first_seq = (select max(first_seq) from audit_requests where tree = s.tree and first_seq <= s.seq)
            and q.status = 'success' and {SHOWN} and s.action in ({actions}) and s.tree = "
    ));
    sql.bind(tree);
    if let Some(by) = by {
        sql.push(" and (").push(&format!("q.payload like '%\"{ON_BEHALF_OF}\"%'"));
        if !by.actors.is_empty() {
            sql.push(" or q.actor_id in ").bind_list(by.actors.iter().copied());
        }
        sql.push(")");
    }
    if let Some(since) = since {
        sql.push(" and q.at >= ").bind(since);
    }
    use ValueType::{Int, Text, Time, Uuid};
    sql.yields([Time, Text, Uuid, Text, Int, Text])
}

/// Whether a row of such a statement is of those who are asked about.
fn is_by(row: &Row, by: Option<&Doers>) -> Result<bool> {
    by.map_or(Ok(true), |by| by.did(row.int(4)?, row.value(5).as_text()))
}

/// What was shown to somebody in an organisation.
pub fn revealed(org: i32, by: &Doers, since: Option<DateTime<Utc>>) -> Sql {
    shown(org, "'export', 'reveal'", Some(by), since)
}

/// What was done to backups, by somebody or by anybody.
pub fn backed_up(by: Option<&Doers>, since: Option<DateTime<Utc>>) -> Sql {
    shown(SYSTEM, "'backup'", by, since)
}

/// Where one master key took the place of another.
pub fn rotated() -> Sql {
    shown(SYSTEM, "'key_rotate'", None, None)
}

/// What is erased tells no details any more, but whom it was about.
fn details(row: &Row) -> Result<Map<String, Json>> {
    match row.value(3).as_text() {
        Some(text) => Ok(serde_json::from_str(text)?),
        None => Ok(Map::new()),
    }
}

/// What somebody was shown since a time in an organisation, by whose it is. The index of what is shown serves it, however long the
/// trail is.
pub async fn exposures(
    db: &mut Db,
    org: i32,
    by: &Doers,
    since: Option<DateTime<Utc>>,
) -> Result<BTreeMap<Uuid, Exposure>> {
    let mut found: BTreeMap<Uuid, Exposure> = BTreeMap::new();
    db.each(revealed(org, by, since), |row| {
        if !is_by(&row, Some(by))? {
            return Ok(());
        }
        let (at, how, payload) = (row.time(0)?, row.text(1)?, details(&row)?);
        let texts = |name: &str| {
            let list = payload.get(name).and_then(Json::as_array).into_iter().flatten();
            list.filter_map(Json::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        let about: Vec<Uuid> = match how == Action::Reveal.as_str() {
            true => row.value(2).as_uuid().into_iter().collect(),
            false => texts(SUBJECTS).iter().filter_map(|id| Uuid::try_parse(id).ok()).collect(),
        };
        for id in about {
            let it = found.entry(id).or_insert_with(|| Exposure::new(at));
            it.add((at, at, 1), how);
            it.fields.extend(texts(FIELDS));
        }
        Ok(())
    })
    .await?;
    Ok(found)
}

impl Exposure {
    /// One that nothing is known of yet but a time.
    pub fn new(at: DateTime<Utc>) -> Exposure {
        Exposure { first: at, last: at, times: 0, how: BTreeSet::new(), fields: BTreeSet::new() }
    }

    /// Adds what was shown so often, between two times.
    pub fn add(&mut self, (first, last, times): (DateTime<Utc>, DateTime<Utc>, i64), how: &str) {
        (self.first, self.last, self.times) = (self.first.min(first), self.last.max(last), self.times + times);
        self.how.insert(how.to_owned());
    }
}

/// An archive, as far as an organisation's data is in it.
#[derive(Debug, Clone, Copy)]
pub struct BackedUp {
    pub at: DateTime<Utc>,
    /// How many records of the organisation were in it.
    pub size: i64,
}

/// The archives that were made since a time, the oldest first. Each tells the heads that it has.
pub async fn backups(db: &mut Db, org: i32, by: Option<&Doers>, since: Option<DateTime<Utc>>) -> Result<Vec<BackedUp>> {
    let mut found = Vec::new();
    db.each(backed_up(by, since), |row| {
        if !is_by(&row, by)? {
            return Ok(());
        }
        let payload = details(&row)?;
        let heads = payload.get(HEADS).and_then(Json::as_array).into_iter().flatten();
        let size =
            heads.filter_map(Json::as_array).find(|head| head.first().and_then(Json::as_i64) == Some(org.into()));
        if let Some(size) = size.and_then(|head| head.get(1)?.as_i64()) {
            found.push(BackedUp { at: row.time(0)?, size });
        }
        Ok(())
    })
    .await?;
    found.sort_by_key(|one| one.at);
    Ok(found)
}

/// When a master key was replaced by another, if it was (`from`), or took the place of one (`to`).
pub async fn replaced_at(db: &mut Db, master_key: Uuid, which: &str) -> Result<Option<DateTime<Utc>>> {
    let (mut found, key) = (None, master_key.to_string());
    db.each(rotated(), |row| {
        let payload = details(&row)?;
        if payload.get("master_key").and_then(|told| told[which].as_str()) == Some(key.as_str()) {
            found = Some(row.time(0)?);
        }
        Ok(())
    })
    .await?;
    Ok(found)
}

/// A key that is there no more, as the trail tells of it.
#[derive(Debug, Clone, Copy)]
pub struct FormerKey {
    /// Whose data it was for; none: everybody's.
    pub of: Option<Uuid>,
    pub made: Option<DateTime<Utc>>,
    pub gone: DateTime<Utc>,
}

/// A key of an organisation, or of one of its people, that was destroyed: records name what their acts did to keys, but a re-encryption,
/// which destroys all there were before it.
pub async fn former_key(db: &mut Db, org: i32, key: Uuid) -> Result<Option<FormerKey>> {
    let (mut made, mut gone, mut renewed) = (None, None, Vec::new());
    let id = key.to_string();
    let of_keys = "a.payload like '%\"keys\"%' and a.payload like ";
    let mut sql = Sql::new(
        "select q.at, a.action, coalesce(a.subject_id, a.resource_id), a.payload
           from audit_records a cross join audit_requests q
          where q.tree = a.tree and q.status = 'success'
            and q.first_seq = (select max(first_seq) from audit_requests where tree = a.tree and first_seq <= a.seq) and a.tree = ",
    );
    sql.bind(org)
        .push(" and (a.action = 'key_rotate' or ")
        .push(of_keys)
        .bind(format!("%{id}%"))
        .push(") order by a.seq");
    use ValueType::{Text, Time, Uuid};
    db.each(sql.yields([Time, Text, Uuid, Text]), |row| {
        let (at, payload) = (row.time(0)?, details(&row)?);
        let is_rotation = row.text(1)? == Action::KeyRotate.as_str();
        let named = |which: &str| -> Vec<&str> {
            let named = payload.get("keys").and_then(|keys| keys[which].as_array()).into_iter().flatten();
            named.filter_map(Json::as_str).collect()
        };
        let whose = row.value(2).as_uuid().filter(|_| !is_rotation);
        for (which, place) in [("created", &mut made), ("destroyed", &mut gone)] {
            let named = named(which);
            if named.contains(&id.as_str()) {
                // With more keys than a person has some of the organisation were made: it may be one of these.
                *place = Some((at, whose.filter(|_| named.len() <= Purpose::OF_PEOPLE)));
            }
        }
        if is_rotation && payload.get("verb").and_then(Json::as_str) == Some("reencrypt") {
            renewed.push(at);
        }
        Ok(())
    })
    .await?;
    let renewed = made.and_then(|(from, of)| Some((renewed.into_iter().find(|at| *at >= from)?, of)));
    let Some((gone, of)) = gone.or(renewed) else { return Ok(None) };
    Ok(Some(FormerKey { of, made: made.map(|(at, _)| at), gone }))
}

/// What is sealed of somebody now.
#[derive(Debug, Clone)]
pub struct Held {
    pub first: DateTime<Utc>,
    pub last: DateTime<Utc>,
    pub records: i64,
    pub fields: BTreeSet<String>,
}

/// What tells beside the sealed columns what a record is.
#[derive(Debug, Clone, Copy)]
pub enum Told {
    Column(&'static str),
    /// Each of the kind is this.
    Always(&'static str),
}

impl Told {
    fn expression(self) -> String {
        match self {
            Told::Column(column) => format!("t.{}", quoted(column)),
            Told::Always(word) => format!("'{word}'"),
        }
    }
}

/// Adds to what is held of people what they are told of in other records.
pub fn add_held(all: &mut BTreeMap<Uuid, Held>, more: BTreeMap<Uuid, Held>) {
    for (id, more) in more {
        let it = all.entry(id).or_insert_with(|| Held { records: 0, ..more.clone() });
        (it.first, it.last) = (it.first.min(more.first), it.last.max(more.last));
        it.fields.extend(more.fields);
    }
}

/// Whose sealed data an organisation holds in records of a kind, deleted or not: of all, or of one person.
pub async fn held(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    told: Told,
    of: Option<Uuid>,
) -> Result<BTreeMap<Uuid, Held>> {
    let sealed: Vec<&str> = desc.fields.iter().filter(|f| f.is_sealed()).map(|f| f.column).collect();
    let subject = subjects::of_row(desc, "t", 0);
    let counts: Vec<String> = sealed.iter().map(|c| format!(", count(t.{})", quoted(c))).collect();
    let mut sql = Sql::new(format!(
        "select {subject}, {}, count(*), min(t.created_at), max(t.created_at){} from {} t where t.org_id = ",
        told.expression(),
        counts.concat(),
        desc.table
    ));
    sql.bind(org);
    if let Some(of) = of {
        sql.push(&format!(" and {subject} = ")).bind(of);
    }
    sql.push(" group by 1, 2");
    let kinds = [ValueType::Uuid, ValueType::Text, ValueType::Int, ValueType::Time, ValueType::Time];
    let kinds = kinds.into_iter().chain(sealed.iter().map(|_| ValueType::Int));
    let mut found: BTreeMap<Uuid, Held> = BTreeMap::new();
    for row in db.all(sql.yields(kinds)).await? {
        let (what, first, last) = (row.text(1)?, row.time(3)?, row.time(4)?);
        let filled = sealed.iter().enumerate().filter(|(n, _)| row.value(5 + n).as_int() > Some(0));
        let fields: Vec<String> = filled.map(|(_, column)| format!("{what}.{column}")).collect();
        if fields.is_empty() {
            continue;
        }
        let new = Held { first, last, records: 0, fields: BTreeSet::new() };
        let it = found.entry(row.value(0).as_uuid().unwrap_or_default()).or_insert(new);
        (it.first, it.last, it.records) = (it.first.min(first), it.last.max(last), it.records + row.int(2)?);
        it.fields.extend(fields);
    }
    Ok(found)
}

/// Records of a kind that are gone for good: whose each was, and between which records of the trail it was there.
pub fn gone(desc: &Descriptor, org: i32) -> Sql {
    let sql = Sql::new(
        "select coalesce(p.subject_id, p.resource_id), c.seq, p.seq
           from audit_records s cross join audit_records p cross join audit_records c
          where s.effect = 'purge' and s.tree = $1 and s.kind = $2 and p.tree = s.tree and p.seq = s.seq
            and c.resource_id = p.resource_id and +c.tree = p.tree and c.kind = p.kind and c.effect = 'create'",
    );
    sql.with([org.into(), desc.noun.into()]).yields([ValueType::Uuid, ValueType::Int, ValueType::Int])
}

/// Adds whose sealed data was in archives: of whom something was there then, and of whom it is gone since.
pub async fn add_backups(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    (held, archives): (&BTreeMap<Uuid, Held>, &[BackedUp]),
    found: &mut BTreeMap<Uuid, Exposure>,
) -> Result<()> {
    let Some(last) = archives.last() else { return Ok(()) };
    for (id, held) in held {
        let behind = &archives[archives.partition_point(|one| one.at < held.first)..];
        if let Some(first) = behind.first() {
            let it = found.entry(*id).or_insert_with(|| Exposure::new(first.at));
            it.add((first.at, last.at, i64::try_from(behind.len()).unwrap_or(i64::MAX)), Action::Backup.as_str());
            it.fields.extend(held.fields.iter().cloned());
        }
    }
    for row in db.all(gone(desc, org)).await? {
        let (id, from, upto) = (row.uuid(0)?, row.int(1)?, row.int(2)?);
        for one in archives.iter().filter(|one| from <= one.size && one.size < upto) {
            let it = found.entry(id).or_insert_with(|| Exposure::new(one.at));
            it.add((one.at, one.at, 1), Action::Backup.as_str());
        }
    }
    Ok(())
}

/// What was taken out of records of a kind by a verb, whose index alone is left: whose each is, what kind of record, when it was made, and the
/// record of the trail that may tell of it.
pub fn taken_out(desc: &Descriptor, org: i32, (column, index, what): (&str, &str, &str)) -> Sql {
    let sql = Sql::new(format!(
        "select {}, t.{}, c.seq, u.seq, u.payload
           from {} t cross join audit_records c cross join audit_records u
          where t.org_id = $1 and t.{} is null and t.{} is not null
            and c.resource_id = t.id and +c.tree = t.org_id and c.kind = $2 and c.effect = 'create'
            and u.resource_id = t.id and +u.tree = t.org_id and u.kind = $2 and u.effect = 'update'",
        subjects::of_row(desc, "t", 0),
        quoted(what),
        desc.table,
        quoted(column),
        quoted(index)
    ));
    sql.with([org.into(), desc.noun.into()]).yields([
        ValueType::Uuid,
        ValueType::Text,
        ValueType::Int,
        ValueType::Int,
        ValueType::Text,
    ])
}

/// Adds what was in archives and was taken out of its records since, by a verb.
pub async fn add_taken_out(
    db: &mut Db,
    desc: &Descriptor,
    org: i32,
    (verb, columns, archives): (&str, (&str, &str, &str), &[BackedUp]),
    found: &mut BTreeMap<Uuid, Exposure>,
) -> Result<()> {
    if archives.is_empty() {
        return Ok(());
    }
    for row in db.all(taken_out(desc, org, columns)).await? {
        let (id, what, from, upto) = (row.uuid(0)?, row.text(1)?, row.int(2)?, row.int(3)?);
        let payload: Map<String, Json> = match row.value(4).as_text() {
            Some(text) => serde_json::from_str(text)?,
            None => continue,
        };
        if payload.get("verb").and_then(Json::as_str) != Some(verb) {
            continue;
        }
        // The record itself is there still, and was counted with what it holds.
        if let Some(one) = archives.iter().find(|one| from <= one.size && one.size < upto) {
            let it = found.entry(id).or_insert_with(|| Exposure::new(one.at));
            it.how.insert(Action::Backup.as_str().to_owned());
            it.fields.insert(format!("{what}.{}", columns.0));
        }
    }
    Ok(())
}
