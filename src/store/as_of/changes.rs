//! What has changed since, read from the newest record to the oldest: each is undone upon those behind it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Record};
use crate::model::trail::audit::{Effect, from_payload, from_whole_row};
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;
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
    /// The last record that is needed and has lost its payload: without it nobody can tell how it was.
    pub lost: Option<i64>,
    /// The oldest record since.
    seq: i64,
}

const DELETION: [(&str, ValueType); 3] =
    [("deleted_at", ValueType::Time), ("deleted_by", ValueType::Int), ("deletion_id", ValueType::Uuid)];

impl Change {
    fn new(desc: &'static Descriptor) -> Change {
        Change { desc, row: None, fields: Vec::new(), deletion: None, writes: 0, lost: None, seq: 0 }
    }

    fn undo(&mut self, done: &UndoRecord) {
        self.seq = done.seq;
        let Some(old) = done.old() else {
            if done.payload.is_none() {
                self.lost.get_or_insert(done.seq);
            }
            return;
        };
        if done.is(Effect::Delete) || done.is(Effect::Purge) {
            // The whole row, whatever came after.
            let row = from_whole_row(self.desc, done.tree, old);
            let lost = row.is_none().then_some(done.seq);
            *self = Change { row, lost, seq: done.seq, ..Change::new(self.desc) };
            return;
        }
        let mut known = |value: Option<Option<Value>>| {
            if value == Some(None) {
                self.lost.get_or_insert(done.seq);
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
        self.writes += 1;
    }
}

/// What has changed since, by tree and id.
#[derive(Default)]
pub(super) struct Changes(pub HashMap<(i32, Uuid), Change>);

impl Changes {
    /// Reads what was done in a tree since a record. What was made since goes into `as_of_changed` right away, without its
    /// payload being looked at, for an import may have made a million of them.
    pub async fn read(&mut self, db: &mut Db, kinds: &[&'static Descriptor], tree: i32, after: i64) -> Result<()> {
        let mut sql = Sql::new("insert into as_of_changed (org_id, id, kind) select r.tree, r.resource_id, r.kind");
        since(&mut sql, kinds, tree, after);
        db.execute(std::mem::take(sql.push(" and r.effect = 'create'"))).await?;
        let mut sql = Sql::new("select r.seq, r.effect, r.kind, r.resource_id, r.payload");
        since(&mut sql, kinds, tree, after);
        sql.push(
            " and r.effect <> 'create'
              and not exists (select 1 from as_of_changed c where c.org_id = r.tree and c.id = r.resource_id)
              order by r.seq desc",
        );
        let all = db.kinds();
        db.each(
            sql.yields([ValueType::Int, ValueType::Text, ValueType::Text, ValueType::Uuid, ValueType::Text]),
            |row| {
                let Some(desc) = all.by_noun(row.text(2)?) else { return Ok(()) };
                let payload = row.value(4).as_text().and_then(|text| serde_json::from_str(text).ok());
                let (seq, id) = (row.int(0)?, row.uuid(3)?);
                self.undo(&UndoRecord { tree, seq, effect: effect(row.text(1)?), desc, id, payload });
                Ok(())
            },
        )
        .await
    }

    fn undo(&mut self, done: &UndoRecord) {
        match self.0.entry((done.tree, done.id)) {
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
            if change.lost.is_some() {
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
        if change.writes > 0 && change.lost.is_none() { written.push(record) } else { was.push(record) }
    }
    last_writes(db, &mut written, trees).await?;
    was.extend(written);
    Ok(was)
}

/// Sets who wrote records last, and when, from what was recorded up to then: every record about one but those without an
/// effect wrote it.
async fn last_writes(db: &mut Db, written: &mut [Record], trees: &[(i32, i64)]) -> Result<()> {
    if written.is_empty() {
        return Ok(());
    }
    let upto: HashMap<i32, i64> = trees.iter().copied().collect();
    let mut sql = Sql::bulk("with v (place, id, tree, upto) as (values ", db.engine());
    for (i, record) in written.iter().enumerate() {
        let meta = &record.meta;
        let upto = upto.get(&meta.org_id).copied().unwrap_or(0);
        sql.push(if i == 0 { "" } else { ", " });
        sql.bind_list([Value::from(i64::try_from(i)?), meta.id.into(), meta.org_id.into(), upto.into()]);
    }
    sql.push(
        ") select v.place, q.at, q.actor_id
             from v cross join audit_records r
             join audit_requests q on q.tree = r.tree and q.first_seq = (
                  select max(f.first_seq) from audit_requests f where f.tree = r.tree and f.first_seq <= r.seq)
            where r.resource_id = v.id and +r.tree = v.tree and r.seq = (
                  select max(x.seq) from audit_records x
                   where x.resource_id = v.id and x.seq <= v.upto and x.effect <> 'none')",
    );
    for row in db.all(sql.yields([ValueType::Int, ValueType::Time, ValueType::Int])).await? {
        let meta = &mut written[usize::try_from(row.int(0)?)?].meta;
        meta.updated_at = row.time(1)?;
        meta.updated_by = row.int(2)?;
    }
    Ok(())
}
