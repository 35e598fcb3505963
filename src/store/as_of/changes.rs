//! What has changed since, read from the newest record to the oldest: each is undone upon those behind it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::members::{MemberEvent, members};
use super::target;
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Record};
use crate::model::trail::audit::{self, Effect, from_payload, from_whole_row};
use crate::model::values::value::{Value, ValueType};
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;
use crate::store::records;

/// The rules of the table let no other word in.
fn effect(word: &str) -> Effect {
    Effect::parse(word).unwrap_or(Effect::None)
}

/// A record, as far as undoing it needs.
struct UndoRecord {
    tree: i32,
    seq: i64,
    effect: Effect,
    desc: &'static Descriptor,
    id: Uuid,
    payload: Option<Json>,
}

impl UndoRecord {
    fn is(&self, effect: Effect) -> bool {
        self.effect == effect
    }

    /// The values before it.
    fn old(&self) -> Option<&Map<String, Json>> {
        self.payload.as_ref()?["old"].as_object()
    }

    /// Whether it wrote the row, and not only what stands beside it. `None` where that is not known any more.
    fn writes(&self) -> Option<bool> {
        if self.is(Effect::None) {
            return Some(false);
        }
        let writes_always = [Effect::Create, Effect::Delete, Effect::Restore].iter().any(|e| self.is(*e));
        match &self.payload {
            _ if writes_always => Some(true),
            Some(payload) => {
                let new = payload["new"].as_object();
                Some(new.is_some_and(|new| self.desc.fields.iter().any(|f| new.contains_key(f.column))))
            }
            None if self.may_be_of_a_list() => None,
            None => Some(true),
        }
    }

    /// Whether it may tell of a list, by its header alone.
    fn may_be_of_a_list(&self) -> bool {
        !self.desc.lists.is_empty() && (self.is(Effect::Update) || self.is(Effect::Purge))
    }
}

/// How a row was.
pub(super) struct Change {
    pub desc: &'static Descriptor,
    /// The whole row, where a record since holds it.
    row: Option<Record>,
    /// Fields that were different then.
    fields: Vec<(&'static str, Value)>,
    deletion: Option<[Value; 3]>,
    /// How often it was written since, up to when `row` was recorded.
    writes: i64,
    /// The last record that is needed and has lost its payload, for the row and for its lists.
    row_lost: Option<i64>,
    list_lost: Option<i64>,
    /// The oldest record since.
    seq: i64,
}

const DELETION: [(&str, ValueType); 3] =
    [("deleted_at", ValueType::Time), ("deleted_by", ValueType::Int), ("deletion_id", ValueType::Uuid)];

impl Change {
    fn new(desc: &'static Descriptor) -> Change {
        Change {
            desc,
            row: None,
            fields: Vec::new(),
            deletion: None,
            writes: 0,
            row_lost: None,
            list_lost: None,
            seq: 0,
        }
    }

    /// The last record without which it can't be told how it was.
    pub fn lost(&self) -> Option<i64> {
        self.row_lost.max(self.list_lost)
    }

    fn undo(&mut self, done: &UndoRecord) {
        self.seq = done.seq;
        let Some(old) = done.old() else {
            if done.payload.is_none() {
                self.row_lost.get_or_insert(done.seq);
                if done.may_be_of_a_list() {
                    self.list_lost.get_or_insert(done.seq);
                }
            }
            return;
        };
        if done.is(Effect::Delete) || done.is(Effect::Purge) {
            // The whole row, whatever came after.
            let lost = self.list_lost.filter(|_| !done.is(Effect::Purge));
            let row = from_whole_row(self.desc, done.tree, old);
            let row_lost = row.is_none().then_some(done.seq);
            *self = Change { row, row_lost, list_lost: lost, seq: done.seq, ..Change::new(self.desc) };
            return;
        }
        let mut known = |value: Option<Option<Value>>| {
            if value == Some(None) {
                self.row_lost.get_or_insert(done.seq);
            }
            value.flatten()
        };
        if done.is(Effect::Restore) {
            self.deletion = Some(DELETION.map(|(name, kind)| {
                known(old.get(name).map(|json| Value::from_json(kind, json))).unwrap_or(Value::Null(kind))
            }));
        }
        for field in self.desc.fields {
            let Some(value) = known(old.get(field.column).map(|json| from_payload(field, json))) else { continue };
            match self.fields.iter_mut().find(|(column, _)| *column == field.column) {
                Some(known) => known.1 = value,
                None => self.fields.push((field.column, value)),
            }
        }
        if self.desc.lists.iter().any(|l| old.contains_key(l.name)) {
            self.list_lost = None;
        }
        self.writes += i64::from(done.writes() == Some(true));
    }
}

/// The owner of a list: its table, the tree, and the record.
type Owner = (&'static str, i32, Uuid);

/// What has changed since, by tree and id.
#[derive(Default)]
pub(super) struct Changes {
    pub rows: HashMap<(i32, Uuid), Change>,
    /// The members of each list that was different then.
    pub lists: HashMap<Owner, Vec<Uuid>>,
}

impl Changes {
    /// Reads what was done in a tree since a record. What was made since goes into `as_of_changed` right away, without its
    /// payload being looked at, for an import may have made a million of them.
    pub async fn read(&mut self, db: &mut Db, kinds: &[&'static Descriptor], tree: i32, after: i64) -> Result<()> {
        let listed: Vec<&'static Descriptor> =
            kinds.iter().flat_map(|d| d.lists.iter().filter_map(|l| target(d, l))).collect();
        let mut sql = Sql::new("insert into as_of_changed (org_id, id, kind) select r.tree, r.resource_id, r.kind");
        since(&mut sql, kinds, tree, after);
        db.execute(std::mem::take(sql.push(" and r.effect = 'create'"))).await?;
        let mut sql = Sql::new("select r.seq, r.effect, r.kind, r.resource_id, r.payload");
        since(&mut sql, kinds, tree, after);
        sql.push(
            " and (r.effect <> 'create'
              and not exists (select 1 from as_of_changed c where c.org_id = r.tree and c.id = r.resource_id)",
        );
        if !listed.is_empty() {
            // Members are recorded by what they were called, so that all of their history is needed.
            sql.push(" or r.kind in ").bind_list(listed.iter().map(|d| d.noun));
        }
        sql.push(") order by r.seq desc");
        let (all, mut events) = (db.kinds(), Vec::new());
        db.each(
            sql.yields([ValueType::Int, ValueType::Text, ValueType::Text, ValueType::Uuid, ValueType::Text]),
            |row| {
                let Some(desc) = all.by_noun(row.text(2)?) else { return Ok(()) };
                let payload = row.value(4).as_text().and_then(|text| serde_json::from_str(text).ok());
                let (seq, id) = (row.int(0)?, row.uuid(3)?);
                let done = UndoRecord { tree, seq, effect: effect(row.text(1)?), desc, id, payload };
                if listed.contains(&desc) {
                    events.push(member_event(&done));
                }
                events.extend(list_events(&done));
                self.undo(&done);
                Ok(())
            },
        )
        .await?;
        if events.iter().any(|e| matches!(e, MemberEvent::List { .. })) {
            for (owner, seq, ids) in members(db, &listed, tree, events).await? {
                if let (None, Some(change)) = (&ids, self.rows.get_mut(&(tree, owner.1))) {
                    change.list_lost = Some(seq);
                }
                self.lists.insert((owner.0, tree, owner.1), ids.unwrap_or_default());
            }
        }
        Ok(())
    }

    fn undo(&mut self, done: &UndoRecord) {
        match self.rows.entry((done.tree, done.id)) {
            // It was not there, whatever became of it.
            Entry::Occupied(known) if done.is(Effect::Create) => drop(known.remove()),
            Entry::Vacant(_) if done.is(Effect::Create) => {}
            Entry::Occupied(mut known) => known.get_mut().undo(done),
            Entry::Vacant(new) => new.insert(Change::new(done.desc)).undo(done),
        }
    }
}

/// The records of some kinds in a tree since one of them, each about a record.
fn since(sql: &mut Sql, kinds: &[&'static Descriptor], tree: i32, after: i64) {
    sql.push(" from audit_records r where ");
    if kinds.iter().all(|d| d.is_org()) {
        // By the index over ids: what else happened in all organisations does not matter.
        sql.push("r.resource_id in (select o.id from orgs o where o.org_id = ").bind(tree);
        sql.push(" union select p.resource_id from audit_records p where p.tree = ").bind(tree);
        sql.push(" and p.kind = 'org' and p.effect = 'purge') and +r.tree = ").bind(tree);
    } else {
        sql.push("r.kind in ").bind_list(kinds.iter().map(|d| d.noun));
        sql.push(" and r.resource_id <> ").bind(Uuid::nil()).push(" and r.tree = ").bind(tree);
    }
    sql.push(" and r.effect <> 'none' and r.seq > ").bind(after);
}

/// What a record says of what members of lists are called.
fn member_event(done: &UndoRecord) -> MemberEvent {
    let key = done.desc.key_field().map_or("", |f| f.column);
    MemberEvent::Member {
        id: done.id,
        was_there: !done.is(Effect::Create),
        code: done.old().and_then(|old| old.get(key)?.as_str()).map(str::to_owned),
        live: match () {
            () if done.is(Effect::Delete) => Some(!done.old().is_some_and(audit::is_of_deleted)),
            () if done.is(Effect::Restore) || done.is(Effect::Purge) => Some(false),
            () => None,
        },
    }
}

/// What a record says of lists.
fn list_events(done: &UndoRecord) -> Vec<MemberEvent> {
    let codes =
        |json: &Json| json.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect();
    let of = |list: &'static crate::model::resource::List| {
        let members = match done.old()?.get(list.name) {
            Some(members) => codes(members),
            // What was purged with none of them does not name them.
            None if done.is(Effect::Purge) => Vec::new(),
            None => return None,
        };
        Some(MemberEvent::List { table: list.table, owner: done.id, seq: done.seq, members })
    };
    done.desc.lists.iter().filter_map(of).collect()
}

/// Records of one kind as they were.
pub(super) async fn undone(
    db: &mut Db,
    desc: &'static Descriptor,
    changes: &[(&(i32, Uuid), &Change)],
    trees: &[(i32, i64)],
) -> Result<Vec<Record>> {
    let mut present: HashMap<(i32, Uuid), Record> = HashMap::new();
    for record in
        records::with_record_ids(db, desc, changes.iter().filter(|(_, c)| c.row.is_none()).map(|(p, _)| **p)).await?
    {
        present.insert(record.meta.record_id(), record);
    }
    let mut written: Vec<Record> = Vec::new();
    let mut was: Vec<Record> = Vec::new();
    for (place, change) in changes {
        let Some(mut record) = change.row.clone().or_else(|| present.remove(place)) else {
            if change.row_lost.is_some() {
                continue;
            }
            let (tree, id) = place;
            return Err(Problem::integrity(format!(
                "record {} of audit tree {tree} tells of the {} {id}, which is not there and was never purged",
                change.seq, desc.noun
            ))
            .hint("'orgctl audit verify' and 'orgctl db check' say more")
            .into());
        };
        for (column, value) in &change.fields {
            record.put(column, value.clone());
        }
        if let Some([at, by, deletion]) = &change.deletion {
            record.meta.deleted_at = at.as_time();
            record.meta.deleted_by = by.as_int();
            record.meta.deletion_id = deletion.as_uuid();
        }
        record.meta.version -= change.writes;
        // A row that was not written since still says itself when it was.
        if change.writes > 0 && change.row_lost.is_none() { written.push(record) } else { was.push(record) }
    }
    last_writes(db, desc, &mut written, trees).await?;
    was.extend(written);
    Ok(was)
}

/// Sets who wrote records last, and when, from what was recorded up to then.
async fn last_writes(
    db: &mut Db,
    desc: &'static Descriptor,
    written: &mut [Record],
    trees: &[(i32, i64)],
) -> Result<()> {
    let upto: HashMap<i32, i64> = trees.iter().copied().collect();
    // By its place in `written`: the last record to look at.
    let mut open: Vec<(usize, i64)> =
        written.iter().enumerate().map(|(i, r)| (i, upto.get(&r.meta.org_id).copied().unwrap_or(0))).collect();
    while !open.is_empty() {
        let mut next = Vec::new();
        let mut sql = Sql::bulk("with v (place, id, tree, upto) as (values ", db.engine());
        for (n, (i, upto)) in open.iter().enumerate() {
            let meta = &written[*i].meta;
            sql.push(if n == 0 { "" } else { ", " });
            sql.bind_list([Value::from(i64::try_from(*i)?), meta.id.into(), meta.org_id.into(), (*upto).into()]);
        }
        sql.push(
            ") select v.place, r.seq, r.effect, r.payload, q.at, q.actor_id
                 from v cross join audit_records r
                 join audit_requests q on q.tree = r.tree and q.first_seq = (
                      select max(f.first_seq) from audit_requests f where f.tree = r.tree and f.first_seq <= r.seq)
                where r.resource_id = v.id and +r.tree = v.tree and r.seq = (
                      select max(x.seq) from audit_records x
                       where x.resource_id = v.id and x.seq <= v.upto and x.effect <> 'none')",
        );
        let kinds = [ValueType::Int, ValueType::Int, ValueType::Text, ValueType::Text, ValueType::Time, ValueType::Int];
        for row in db.all(sql.yields(kinds)).await? {
            let (i, seq) = (usize::try_from(row.int(0)?)?, row.int(1)?);
            let payload = row.value(3).as_text().and_then(|text| serde_json::from_str(text).ok());
            let meta = &written[i].meta;
            let done = UndoRecord { tree: meta.org_id, seq, effect: effect(row.text(2)?), desc, id: meta.id, payload };
            let writes = match done.writes() {
                Some(writes) => writes,
                None => counted(db, &done, meta.version).await?,
            };
            if writes {
                set_written(&mut written[i], row.time(4)?, row.int(5)?);
            } else {
                next.push((i, seq.saturating_sub(1)));
            }
        }
        open = next;
    }
    Ok(())
}

fn set_written(record: &mut Record, at: DateTime<Utc>, by: i64) {
    record.meta.updated_at = at;
    record.meta.updated_by = by;
}

/// Whether a record that has lost its payload wrote the row. The version tells, as long as all the others that have lost
/// theirs did likewise.
async fn counted(db: &mut Db, lost: &UndoRecord, version: i64) -> Result<bool> {
    let sql = Sql::new(
        "select r.seq, r.effect, r.payload from audit_records r
          where r.resource_id = $1 and r.seq <= $2 and r.effect <> 'none'",
    );
    let sql = sql.with([lost.id.into(), lost.seq.into()]).yields([ValueType::Int, ValueType::Text, ValueType::Text]);
    let (mut known, mut open) = (0, 0);
    for row in db.all(sql).await? {
        let payload = row.value(2).as_text().and_then(|text| serde_json::from_str(text).ok());
        match (UndoRecord { seq: row.int(0)?, effect: effect(row.text(1)?), payload, ..*lost }).writes() {
            Some(writes) => known += i64::from(writes),
            None => open += 1,
        }
    }
    // The first version was made by the first record.
    Ok(version != known || open == 0)
}
