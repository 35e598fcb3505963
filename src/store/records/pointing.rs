//! What points at records, by ids alone: of what depends on many only so much is held, and each is read again when it is
//! its turn.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use uuid::Uuid;

use super::{Deleted, TOGETHER, status_sql, with_record_ids};
use crate::model::resource::lifetime::{Consequence, TargetEvent};
use crate::model::resource::{Descriptor, Field, Record};
use crate::model::seed::is_of_seed;
use crate::model::values::value::ValueType;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Row, Sql, quoted};
use crate::store::{Error, Result};

/// Where a record is, and as which version it was seen.
#[derive(Debug, Clone, Copy)]
pub struct RecordAt {
    pub desc: &'static Descriptor,
    pub org: i32,
    pub id: Uuid,
    pub version: i64,
    /// It is in use: not every record that is live.
    pub is_active: bool,
    /// It is open: what has states may be done.
    pub is_open: bool,
}

impl RecordAt {
    pub fn of(record: &Record) -> RecordAt {
        let (org, id) = record.meta.record_id();
        let (is_active, is_open) = (record.is_active(), record.is_open());
        RecordAt { desc: record.desc, org, id, version: record.meta.version, is_active, is_open }
    }

    pub fn place(&self) -> (i32, Uuid) {
        (self.org, self.id)
    }

    /// Whether an organisation was given it when it was made.
    pub fn is_seed(&self) -> bool {
        is_of_seed(self.id)
    }

    fn is_like(&self, other: &RecordAt) -> bool {
        self.desc == other.desc && self.org == other.org
    }
}

/// What comes with records, of one kind and organisation together, so many as a statement takes; in the order in which the first
/// of each kind comes.
pub fn grouped<T>(all: impl IntoIterator<Item = T>, at: impl Fn(&T) -> RecordAt) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    for one in all {
        let place = at(&one);
        let has_room =
            |group: &&mut Vec<T>| group.len() < TOGETHER && group.first().is_some_and(|f| at(f).is_like(&place));
        match groups.iter_mut().rfind(has_room) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    groups
}

/// Records that wait for their turn, those of one kind and organisation together: what goes with one of a thousand records is
/// found beside what goes with the others, whatever stood between them.
#[derive(Default)]
pub struct Waiting(Vec<VecDeque<RecordAt>>);

impl Waiting {
    /// The next ones of a kind, as many as a statement takes.
    pub fn next_alike(&mut self) -> Option<Vec<RecordAt>> {
        let first = self.0.first_mut()?;
        let some = first.drain(..first.len().min(TOGETHER)).collect();
        if first.is_empty() {
            self.0.remove(0);
        }
        Some(some)
    }
}

impl Extend<RecordAt> for Waiting {
    fn extend<I: IntoIterator<Item = RecordAt>>(&mut self, records: I) {
        for record in records {
            match self.0.iter_mut().find(|same| same.front().is_some_and(|first| first.is_like(&record))) {
                Some(same) => same.push_back(record),
                None => self.0.push(VecDeque::from([record])),
            }
        }
    }
}

/// Records of one kind and organisation that follow each other, so many together as a statement takes.
pub fn alike(records: &[RecordAt]) -> impl Iterator<Item = &[RecordAt]> {
    records.chunk_by(RecordAt::is_like).flat_map(|same| same.chunks(TOGETHER))
}

/// The records, those that are there, in the order of the places; all of one kind.
pub async fn read(db: &mut Db, some: &[RecordAt]) -> Result<Vec<Record>> {
    let Some(desc) = some.first().map(|r| r.desc) else { return Ok(Vec::new()) };
    let found = with_record_ids(db, desc, some.iter().map(RecordAt::place)).await?;
    let mut found: HashMap<(i32, Uuid), Record> = found.into_iter().map(|r| (r.meta.record_id(), r)).collect();
    Ok(some.iter().filter_map(|at| found.remove(&at.place())).collect())
}

/// Which of some records may not be told.
pub async fn hidden(db: &mut Db, all: &[RecordAt]) -> Result<HashSet<Uuid>> {
    if !db.is_narrow() {
        return Ok(HashSet::new());
    }
    let mut told: HashSet<Uuid> = HashSet::new();
    for some in alike(all) {
        told.extend(read(&mut db.telling(), some).await?.into_iter().map(|r| r.meta.id));
    }
    Ok(all.iter().map(|r| r.id).filter(|id| !told.contains(id)).collect())
}

/// Records that point at one through a field; through none where belonging to an organisation is what binds them to it.
#[derive(Debug, Clone)]
pub struct Pointing {
    pub desc: &'static Descriptor,
    pub field: Option<&'static Field>,
    pub records: Vec<RecordAt>,
}

impl Pointing {
    /// What becomes of them when something happens to the record. What lives in an organisation keeps it.
    pub fn effect(&self, event: TargetEvent) -> Consequence {
        self.field.map_or(Consequence::Blocks, |f| self.desc.effect(f, event))
    }
}

/// What points at each of some records of one kind and organisation, of what is recorded; for an organisation all that is in
/// it. Of what says who is in charge of what has states the open ones count, unless deleted ones do too.
pub async fn pointing_at(
    db: &mut Db,
    targets: &[RecordAt],
    life: Deleted,
    by: impl Fn(&Descriptor, &Field) -> bool,
) -> Result<Vec<Vec<Pointing>>> {
    let mut all: Vec<Vec<Pointing>> = targets.iter().map(|_| Vec::new()).collect();
    let Some(kind) = targets.first().map(|r| r.desc) else { return Ok(all) };
    if kind.is_org() {
        for (target, found) in targets.iter().zip(&mut all) {
            *found = in_org(db, target.org, life).await?;
        }
        return Ok(all);
    }
    let places: HashMap<Uuid, usize> = targets.iter().enumerate().map(|(n, r)| (r.id, n)).collect();
    for (desc, field) in db.kinds().referring_to(kind).into_iter().filter(|(d, f)| d.is_recorded() && by(d, f)) {
        let mut found: BTreeMap<usize, Vec<RecordAt>> = BTreeMap::new();
        for some in targets.chunks(TOGETHER) {
            for (at, record) in through(db, (desc, field), some, life).await? {
                let place =
                    places.get(&at).ok_or_else(|| Error::bug(format!("a {} that points elsewhere", desc.noun)))?;
                found.entry(*place).or_default().push(record);
            }
        }
        for (place, records) in found {
            all[place].push(Pointing { desc, field: Some(field), records });
        }
    }
    Ok(all)
}

/// What points at some records through one field, each with whom it points at.
async fn through(
    db: &mut Db,
    (desc, field): (&'static Descriptor, &'static Field),
    targets: &[RecordAt],
    life: Deleted,
) -> Result<Vec<(Uuid, RecordAt)>> {
    let column = quoted(field.column);
    let is_open = match life {
        Deleted::Exclude => status_sql::is_open(desc, field, "t"),
        _ => "true".to_owned(),
    };
    let mut sql = columns_of(db, desc, &format!(", t.{column}"));
    sql.push("t.org_id = ").bind(targets[0].org);
    sql.push(&format!(" and {} and {is_open} and t.{column}", life.condition(desc, "t")));
    match targets {
        [one] => sql.push(" = ").bind(one.id),
        several => sql.bind_among(several.iter().map(|r| r.id)),
    };
    sql.push(" order by t.id");
    sql.kinds.push(ValueType::Uuid);
    let mut found = Vec::new();
    let org = targets[0].org;
    db.each(sql, |row| {
        found.push((row.uuid(BASE)?, at_of(desc, org, &row)?));
        Ok(())
    })
    .await?;
    Ok(found)
}

/// All that is recorded in an organisation and may be put away, kind by kind. What is not recorded keeps nothing from going.
async fn in_org(db: &mut Db, org: i32, life: Deleted) -> Result<Vec<Pointing>> {
    let mut found = Vec::new();
    for desc in db.kinds().resources().filter(|d| !d.is_org() && d.is_recorded() && !d.is_of_the_org) {
        let records = all_of(db, desc, org, life).await?;
        found.extend((!records.is_empty()).then_some(Pointing { desc, field: None, records }));
    }
    Ok(found)
}

/// All records of a kind in an organisation.
pub async fn all_of(db: &mut Db, desc: &'static Descriptor, org: i32, life: Deleted) -> Result<Vec<RecordAt>> {
    let mut sql = columns_of(db, desc, "");
    sql.push("t.org_id = ").bind(org).push(&format!(" and {} order by t.id", life.condition(desc, "t")));
    let mut records = Vec::new();
    db.each(sql, |row| {
        records.push(at_of(desc, org, &row)?);
        Ok(())
    })
    .await?;
    Ok(records)
}

/// Columns of a [`RecordAt`]; others follow.
const BASE: usize = 4;

fn at_of(desc: &'static Descriptor, org: i32, row: &Row) -> Result<RecordAt> {
    let is = |i: usize| row.value(i).as_bool() != Some(false);
    Ok(RecordAt { desc, org, id: row.uuid(0)?, version: row.int(1)?, is_active: is(2), is_open: is(3) })
}

/// `select` of what a [`RecordAt`] holds, to be followed by conditions on `t`.
fn columns_of(db: &Db, desc: &Descriptor, more: &str) -> Sql {
    let (active, open) = (status_sql::active_condition(desc, "t"), status_sql::open_condition(desc, "t"));
    let text = format!("select t.id, t.version, {active}, {open}{more} from {} t where ", desc.table);
    let kinds = [ValueType::Uuid, ValueType::Int, ValueType::Bool, ValueType::Bool];
    Sql::bulk(text, db.engine()).yields(kinds)
}

/// What a deletion took away: where it is, under which deletion, and what some of its fields refer to.
pub struct Taken {
    pub at: RecordAt,
    pub deletion: Uuid,
    pub refers: Vec<(&'static Field, Uuid)>,
}

/// What some deletions took away of a kind.
pub async fn taken_by(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    deletions: &[Uuid],
    fields: &[&'static Field],
) -> Result<Vec<Taken>> {
    let more: String = fields.iter().map(|f| format!(", t.{}", quoted(f.column))).collect();
    let mut sql = columns_of(db, desc, &format!(", t.deletion_id{more}"));
    sql.push("t.org_id = ").bind(org).push(" and t.deletion_id in ");
    sql.bind_rows(deletions.iter().copied()).push(" order by t.id");
    sql.kinds.extend(std::iter::repeat_n(ValueType::Uuid, 1 + fields.len()));
    let mut taken = Vec::new();
    db.each(sql, |row| {
        let at = at_of(desc, org, &row)?;
        let refers = fields.iter().enumerate().filter_map(|(n, f)| Some((*f, row.value(BASE + 1 + n).as_uuid()?)));
        taken.push(Taken { at, deletion: row.uuid(BASE)?, refers: refers.collect() });
        Ok(())
    })
    .await?;
    Ok(taken)
}

/// Under which deletions some records of a kind are, those that are deleted.
pub async fn deletions_of(
    db: &mut Db,
    desc: &'static Descriptor,
    org: i32,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Uuid>> {
    let mut found = HashMap::new();
    for some in ids.chunks(TOGETHER) {
        let text = format!("select t.id, t.deletion_id from {} t where t.org_id = ", desc.table);
        let mut sql = Sql::bulk(text, db.engine());
        sql.bind(org).push(" and t.id").bind_among(some.iter().copied());
        for row in db.all(sql.yields([ValueType::Uuid, ValueType::Uuid])).await? {
            if let Some(deletion) = row.value(1).as_uuid() {
                found.insert(row.uuid(0)?, deletion);
            }
        }
    }
    Ok(found)
}
