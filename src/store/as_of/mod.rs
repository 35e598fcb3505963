//! The past, computed backwards: what is, less what audit records say has changed since. Rows that have changed are made
//! again as they were, in temporary tables; a temporary view under each table's own name holds these and what has not
//! changed, so that whatever reads the table reads the past. All of it costs as much as has changed since, and not as
//! much as there is.

mod changes;

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use self::changes::{Change, Changes};
use super::backup::catalogue::is_replica;
use super::engine::db::Db;
use super::engine::load::Loader;
use super::engine::sql::{Sql, quoted};
use super::records::query::{Condition, Op, Query};
use super::records::{self, Column, lists};
use super::trail::{time_of, trees_at};
use crate::model::kinds::org::Org;
use crate::model::problem::Problem;
use crate::model::resource::path::Place;
use crate::model::resource::{Attr, Descriptor, Field, List, Record, Resource as _};
use crate::model::values::value::{Value, ValueType, rfc3339};
use crate::store::Result;

/// A connection that reads what was at a time.
pub struct AsOf {
    pub at: DateTime<Utc>,
    /// Trees that have grown since, and the last record before that.
    trees: Vec<(i32, i64)>,
    /// Tables that temporary ones stand before.
    shadowed: HashSet<&'static str>,
    unknown: Vec<Unknown>,
}

/// Something of which nobody can tell how it was: the payload of a record that changed it is gone.
#[derive(Debug, Clone, Copy)]
struct Unknown {
    tree: i32,
    /// The last record without which it can't be told.
    seq: i64,
    kind: &'static Descriptor,
    id: Uuid,
}

impl AsOf {
    /// Turns a connection back to a time, as far as organisations are concerned; [`AsOf::restrict_to`] does the rest. From here
    /// on it reads one snapshot, and can no longer write.
    pub async fn begin(db: &mut Db, at: DateTime<Utc>) -> Result<AsOf> {
        AsOf::open(db).await?;
        let trees = trees_at(db, at).await?;
        let mut past = AsOf { at, trees, shadowed: HashSet::new(), unknown: Vec::new() };
        past.shadow(db, &[Org::DESCRIPTOR]).await?;
        Ok(past)
    }

    /// Turns a connection back to when the trail of each tree was as long as this, all kinds of records.
    pub async fn begin_at_sizes(db: &mut Db, at: DateTime<Utc>, sizes: &[(i32, i64)]) -> Result<AsOf> {
        AsOf::open(db).await?;
        let mut trees = Vec::new();
        let heads =
            Sql::new("select tree, size from audit_heads order by tree").yields([ValueType::Int, ValueType::Int]);
        for row in db.all(heads).await? {
            let (tree, size) = (row.org(0)?, row.int(1)?);
            let then = sizes.iter().find(|(t, _)| *t == tree).map_or(0, |(_, size)| *size);
            if size > then {
                trees.push((tree, then));
            }
        }
        let mut past = AsOf { at, trees, shadowed: HashSet::new(), unknown: Vec::new() };
        past.shadow(db, &[Org::DESCRIPTOR]).await?;
        let others: Vec<_> = db.kinds().resources().filter(|d| !d.is_org() && d.is_recorded()).collect();
        past.shadow(db, &others).await?;
        Ok(past)
    }

    /// Records of which nobody can tell how they were.
    pub fn unknown_records(&self) -> HashSet<(i32, Uuid)> {
        self.unknown.iter().map(|u| (u.tree, u.id)).collect()
    }

    async fn open(db: &mut Db) -> Result<()> {
        // A writer that commits between the reading of the trail and the reading of rows would be undone, or half so.
        let (begin, uuid, packed) = match db.is_postgres() {
            // Also on a server that is set read-only: nothing is made but what goes with the connection.
            true => ("BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE", "uuid", ""),
            false => ("BEGIN", "blob", " without rowid"),
        };
        let table = format!(
            "create temporary table as_of_changed (org_id integer not null, id {uuid} not null, kind text not null,
                 primary key (org_id, id)){packed}"
        );
        let mut made = db.script(begin.into()).await;
        if made.is_ok() {
            made = db.script(table).await;
        }
        match made {
            Ok(()) => Ok(()),
            Err(e) => {
                // Where this fails too the connection is gone, and what went wrong first is told.
                let _ = db.script("ROLLBACK".into()).await;
                match is_replica(db).await {
                    Ok(true) => {
                        Err(Problem::failed("a replica can't tell what was: it can't make the tables for that")
                            .hint("name the primary server instead")
                            .into())
                    }
                    _ => Err(e),
                }
            }
        }
    }

    /// Turns back what is asked of one kind of records, in one organisation or in all: they and what they refer to.
    pub async fn restrict_to(&mut self, db: &mut Db, desc: &'static Descriptor, org: Option<i32>) -> Result<()> {
        self.restrict_to_kinds(db, &[desc], |tree| org.is_none_or(|org| org == tree)).await
    }

    /// The same of several kinds, in the organisations that `is_asked` says.
    pub async fn restrict_to_kinds(
        &mut self,
        db: &mut Db,
        asked: &[&'static Descriptor],
        is_asked: impl Fn(i32) -> bool,
    ) -> Result<()> {
        self.trees.retain(|(tree, _)| is_asked(*tree));
        self.unknown.retain(|u| is_asked(u.tree));
        let read: HashSet<&str> = asked.iter().flat_map(|desc| read_with(db, desc)).map(|d| d.noun).collect();
        let recorded = db.kinds().resources().filter(|d| !d.is_org() && d.is_recorded());
        let kinds: Vec<_> = recorded.filter(|d| read.contains(d.noun)).collect();
        if kinds.is_empty() {
            return Ok(());
        }
        self.shadow(db, &kinds).await
    }

    /// Lets a query find what rows refer to without going through the views: a view that is joined to others is made in
    /// full, of all people an organisation has. What a row referred to then is a row that has changed since, or one that
    /// has not.
    pub async fn rewrite(&self, db: &mut Db, query: &mut Query) -> Result<()> {
        if db.is_narrow() {
            // What rows refer to is told as far as it may be, which the views alone know.
            return Ok(());
        }
        for condition in &mut query.filter {
            let target = condition.column.field.and_then(Field::target).filter(|_| condition.column.list.is_none());
            let Some(target) = target.filter(|t| self.shadowed.contains(t.table)) else { continue };
            let Some(key) = target.key_field() else { continue };
            if condition.op == Op::Is && condition.values.iter().all(|v| !v.is_null()) {
                *condition = by_id(db, query.desc, condition, target, key).await?;
            }
        }
        let filter = query.filter.iter_mut().map(|c| &mut c.column);
        for column in query.columns.iter_mut().chain(&mut query.sort).chain(filter) {
            self.join_both(db, query.desc, column);
        }
        Ok(())
    }

    /// Joins what has changed since, and what has not, instead of the view of both.
    fn join_both(&self, db: &Db, desc: &Descriptor, column: &mut Column) {
        let Some((field, target)) = column.field.and_then(|f| Some((f, f.target()?))) else { return };
        // A key that is told by that of others is read through their views.
        let Some(key) = target.key_field() else { return };
        if !self.shadowed.contains(target.table) || column.join.is_none() {
            return;
        }
        let (name, table) = (field.name(), target.table);
        let (to, id) = match desc.list_of(field) {
            None => (String::new(), format!("t.{}", quoted(field.column))),
            Some(list) => (lists::join_first(list, field), lists::first_id(list, field)),
        };
        let on = |alias: &str| format!("{alias}.org_id = t.org_id and {alias}.id = {id}");
        let (then, now) = (format!("p_{name}"), format!("r_{name}"));
        column.join = Some(format!(
            "{to}left join as_of_{table} {then} on {} left join {}.{table} {now} on {}",
            on(&then),
            db.main_schema(),
            on(&now)
        ));
        // Its key, and the name behind it.
        let told = target.fields.iter().filter(|f| f.column == key.column || f.has(Attr::Title));
        for key in told.map(|f| quoted(f.column)) {
            let either = format!("coalesce({then}.{key}, {now}.{key})");
            column.expr = column.expr.replace(&format!("{now}.{key}"), &either);
        }
    }

    async fn shadow(&mut self, db: &mut Db, kinds: &[&'static Descriptor]) -> Result<()> {
        // Rows are turned back whoever may see them then.
        let mut db = db.checking();
        let db = &mut *db;
        let mut changes = Changes::default();
        for (tree, after) in &self.trees {
            changes.read(db, kinds, *tree, *after).await?;
        }
        if db.is_postgres() {
            db.script("ANALYZE as_of_changed".into()).await?;
        }
        let made = Sql::new("select distinct kind from as_of_changed").yields([ValueType::Text]);
        let mut changed: HashSet<String> = HashSet::new();
        for row in db.all(made).await? {
            changed.insert(row.text(0)?.to_owned());
        }
        let rows = changes.0;
        for desc in kinds.iter().copied() {
            let of_kind: Vec<(&(i32, Uuid), &Change)> = rows.iter().filter(|(_, c)| c.desc == desc).collect();
            self.unknown.extend(
                of_kind
                    .iter()
                    .filter_map(|((tree, id), c)| c.lost.map(|seq| Unknown { tree: *tree, seq, kind: desc, id: *id })),
            );
            if !of_kind.is_empty() || changed.contains(desc.noun) {
                write_past_rows(db, desc, &of_kind, &self.trees).await?;
                self.shadowed.insert(desc.table);
                db.past.insert(desc.table);
            }
        }
        if db.is_postgres() && !self.shadowed.is_empty() {
            // A statement that was prepared before the views were there would go on reading the tables behind them.
            db.script("DISCARD PLANS".into()).await?;
        }
        Ok(())
    }

    /// Refuses a list of which nobody can tell how it was.
    pub async fn ensure_all_known(&self, db: &mut Db) -> Result<()> {
        self.refuse(db, &self.unknown.iter().collect::<Vec<_>>()).await
    }

    /// Refuses a record of which nobody can tell how it was, nor what it referred to.
    pub async fn ensure_known(&self, db: &mut Db, record: &Record) -> Result<()> {
        let refers = |id: Uuid| record.values.iter().any(|v| v.as_uuid() == Some(id));
        let lists = |kind: &Descriptor| {
            record.desc.lists.iter().filter_map(List::link).any(|link| *kind == *link.desc || *kind == *link.item.1)
        };
        let is_of_it = |u: &&Unknown| {
            u.tree == record.meta.org_id && (u.id == record.meta.id || u.kind.is_org() || refers(u.id) || lists(u.kind))
        };
        self.refuse(db, &self.unknown.iter().filter(is_of_it).collect::<Vec<_>>()).await
    }

    /// Refuses to say that there was no record of a kind while there may have been.
    pub async fn ensure_absence_known(&self, db: &mut Db, desc: &Descriptor) -> Result<()> {
        self.refuse(db, &self.unknown.iter().filter(|u| u.kind == desc).collect::<Vec<_>>()).await
    }

    /// Refuses to decide about somebody where nobody can tell what went into it: of what is about people that is what is about
    /// him or her.
    pub async fn ensure_known_of(&self, db: &mut Db, person: Uuid) -> Result<()> {
        let mut of_it = Vec::new();
        for u in &self.unknown {
            let subject = Sql::new("select subject_id from audit_records where tree = $1 and seq = $2")
                .with([u.tree.into(), u.seq.into()]);
            let row = db.first(subject.yields([ValueType::Uuid])).await?;
            let subject = row.and_then(|row| row.value(0).as_uuid());
            if subject.is_none_or(|subject| subject == person) {
                of_it.push(u);
            }
        }
        self.refuse(db, &of_it).await
    }

    async fn refuse(&self, db: &mut Db, unknown: &[&Unknown]) -> Result<()> {
        // From the last of them on, all can be told; within a tree times run as the records do.
        let mut last: HashMap<i32, &Unknown> = HashMap::new();
        for u in unknown {
            let known = last.entry(u.tree).or_insert(u);
            *known = if u.seq > known.seq { u } else { known };
        }
        let mut newest: Option<(DateTime<Utc>, &Unknown)> = None;
        for u in last.into_values() {
            let at = time_of(db, u.tree, u.seq).await?;
            newest = newest.filter(|(known, _)| *known >= at).or(Some((at, u)));
        }
        let Some((at, u)) = newest else { return Ok(()) };
        let code = records::org_code(db, u.tree).await?;
        let what = records::load(db, u.kind, u.tree, u.id).await?.map_or_else(|| u.kind.noun.to_owned(), |r| r.title());
        let more = match unknown.len() {
            1 => String::new(),
            n => format!(", and neither can {} more", n - 1),
        };
        let at = rfc3339(at);
        Err(Problem::conflict(format!(
            "how {what} was then can't be told{more}: record {} of {code}, which changed it at {at}, is erased or archived",
            u.seq
        ))
        .hint(format!("what was from {at} on can be told"))
        .into())
    }
}

/// The kinds that are read where records of one are told: itself, and what it refers to.
fn read_with(db: &Db, desc: &'static Descriptor) -> Vec<&'static Descriptor> {
    let made_of = desc.derived.iter().map(|x| (x.of)());
    let referred = desc.fields.iter().filter_map(|f| f.target());
    let on_the_way = Place::ALL.into_iter().flat_map(|place| desc.on_the_way(place));
    let of_lists = desc.lists.iter().filter_map(List::link).flat_map(|link| [link.desc, link.item.1]);
    let mut read: Vec<&Descriptor> = referred.chain(made_of).chain(on_the_way).chain(of_lists).collect();
    let mut next = 0;
    while let Some(kind) = read.get(next) {
        // The key of what is referred to may be told by that of others, and what it is given by links.
        let of_key = kind.key().references().map(|(_, target)| target);
        let of_lists = kind.lists.iter().filter_map(List::link).flat_map(|link| [link.desc, link.item.1]);
        let more: Vec<_> = of_key.chain(of_lists).filter(|t| !read.contains(t)).collect();
        read.extend(more);
        next += 1;
    }
    if db.is_narrow() {
        // What may be told of them goes by where they belonged.
        let belong = |kind: &&'static Descriptor| Place::ALL.into_iter().flat_map(|place| kind.on_the_way(place));
        let ways: Vec<&'static Descriptor> = read.iter().flat_map(belong).collect();
        let links = |kind: &&'static Descriptor| kind.lists.iter().filter_map(List::link).map(|link| link.desc);
        let links: Vec<&'static Descriptor> = ways.iter().flat_map(links).collect();
        read.extend(ways.into_iter().chain(links));
    }
    // What they were called formerly then.
    let former: Vec<_> = read.iter().copied().chain([desc]).filter_map(|kind| Some((kind.former_keys?)())).collect();
    read.extend(former);
    read.push(desc);
    read
}

/// A condition on what rows refer to, as one on its ids: so an index serves.
async fn by_id(
    db: &mut Db,
    desc: &Descriptor,
    condition: &Condition,
    target: &Descriptor,
    field: &Field,
) -> Result<Condition> {
    let (table, key) = (target.table, quoted(target.compared_column(field)));
    let mut sql = Sql::new(format!("select m.id from {table} m where m.{key} in "));
    sql.bind_list(condition.values.iter().map(|v| target.compared(field, v)));
    let rows = db.all(sql.yields([ValueType::Uuid])).await?;
    let mut values = rows.iter().map(|r| Ok(r.uuid(0)?.into())).collect::<Result<Vec<Value>>>()?;
    if values.is_empty() {
        // Nobody's id.
        values.push(Uuid::nil().into());
    }
    let expr = condition.column.field.map_or("t.id".to_owned(), |f| lists::value_of(desc, f, "t"));
    let column = Column { expr, kind: ValueType::Uuid, join: None, field: None, ..condition.column.clone() };
    Ok(Condition { column, op: Op::Is, values })
}

/// Rows that are read and written together.
const BATCH: usize = 500;

/// Puts rows as they were before those that are there now.
async fn write_past_rows(
    db: &mut Db,
    desc: &'static Descriptor,
    changed: &[(&(i32, Uuid), &Change)],
    trees: &[(i32, i64)],
) -> Result<()> {
    let columns = records::read_columns(desc).into_iter().chain(records::folded_columns(desc));
    let columns: Vec<String> = columns.map(|(name, _)| quoted(name)).collect();
    let (table, all, main) = (desc.table, columns.join(", "), db.main_schema());
    // A copy of nothing has the types of the columns and none of their rules: what was may break those of today.
    db.script(format!(
        "create temporary table as_of_{table} as select {all} from {main}.{table} where false;
         create unique index {}as_of_{table}_id on as_of_{table} (org_id, id)",
        db.temp_prefix()
    ))
    .await?;
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut rows = Loader::new(db, &format!("as_of_{table}"), &columns, 1).await?;
    let mut ids = Loader::new(db, "as_of_changed", &["org_id", "id", "kind"], 1).await?;
    for some in changed.chunks(BATCH) {
        let (mut was, mut gone) = (Vec::new(), Vec::new());
        for record in changes::undone(db, desc, some, trees).await? {
            let folded = records::folded_values(&record);
            was.push(records::read_values(record).into_iter().chain(folded).collect());
        }
        for ((tree, id), _) in some {
            gone.push(vec![(*tree).into(), (*id).into(), desc.noun.into()]);
        }
        rows.load(db, &was).await?;
        ids.load(db, &gone).await?;
    }
    rows.flush(db).await?;
    ids.flush(db).await?;
    let is_changed = "exists (select 1 from as_of_changed c where c.org_id = t.org_id and c.id = t.id)";
    let mut script = match db.is_postgres() {
        // Each half as it is and the condition upon both: only so the planner reads them in the order of an index.
        true => format!(
            "create temporary view {table} as
             select {all} from (
                    select {all}, true as is_now from {main}.{table} union all select {all}, false from as_of_{table}) t
              where not (t.is_now and {is_changed})"
        ),
        false => format!(
            "create temporary view {table} as
             select {all} from {main}.{table} t where not {is_changed} union all select {all} from as_of_{table}"
        ),
    };
    if db.is_postgres() {
        script.push_str(&format!("; ANALYZE as_of_{table}; ANALYZE as_of_changed"));
    }
    db.script(script).await
}
