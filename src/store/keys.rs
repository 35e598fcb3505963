//! Wrapped keys: a table of a class of its own. What is made and destroyed of them is named by the record of the act that
//! causes it.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::engine::db::Db;
use super::engine::sql::{Row, Sql};
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::sealing::{KeyPlace, Purpose};
use crate::model::values::value::ValueType;
use crate::store::Result;

/// The column of whose data a key is for.
const SUBJECT: &str = "subject_id";

/// Keys that one statement names.
pub(super) const MANY: usize = 1000;

/// A key as it is kept.
#[derive(Debug, Clone)]
pub struct StoredKey {
    pub org: i32,
    pub id: Uuid,
    pub purpose: Purpose,
    /// Whose data; nil: the organisation's own.
    pub subject: Uuid,
    /// Of an index: `table.column`.
    pub column: Option<String>,
    /// By which it is wrapped.
    pub wrapping: Uuid,
    pub wrapped: Vec<u8>,
    pub created_at: DateTime<Utc>,
    /// Since when another one is written with.
    pub retired_at: Option<DateTime<Utc>>,
}

impl StoredKey {
    /// Where it belongs, in the organisation of a public id.
    pub fn place(&self, org: Uuid) -> KeyPlace<'_> {
        let subject = Some(self.subject).filter(|id| !id.is_nil());
        KeyPlace { org, purpose: self.purpose, subject, column: self.column.as_deref(), id: self.id }
    }
}

/// Which keys of an organisation.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// Those that wrap the others.
    Organisation,
    /// Of some subjects, for these purposes.
    Subjects(&'a [Purpose], &'a [Uuid]),
    /// Of the index of a column, by its name; the one that is written with first.
    Column(&'a str),
    Ids(&'a [Uuid]),
    /// All that are for a purpose.
    For(Purpose),
    /// That come behind an id, and so many of them.
    Behind(Uuid, usize),
}

const COLUMNS: &str = "org_id, id, purpose, subject_id, column_name, wrapping_id, wrapped, created_at, retired_at";
const KINDS: [ValueType; 9] = [
    ValueType::Int,
    ValueType::Uuid,
    ValueType::Text,
    ValueType::Uuid,
    ValueType::Text,
    ValueType::Uuid,
    ValueType::Bytes,
    ValueType::Time,
    ValueType::Time,
];

fn read(row: &Row) -> Result<StoredKey> {
    let unknown = |()| Problem::integrity(format!("the purpose of a key is none: '{}'", row.value(2).to_text()));
    Ok(StoredKey {
        org: row.org(0)?,
        id: row.uuid(1)?,
        purpose: row.text(2)?.parse().map_err(unknown)?,
        subject: row.value(3).as_uuid().unwrap_or_default(),
        column: row.value(4).as_text().map(str::to_owned),
        wrapping: row.uuid(5)?,
        wrapped: row.bytes(6)?.to_vec(),
        created_at: row.time(7)?,
        retired_at: row.value(8).as_time(),
    })
}

async fn all(db: &mut Db, sql: Sql) -> Result<Vec<StoredKey>> {
    db.all(sql.yields(KINDS)).await?.iter().map(read).collect()
}

/// A statement for keys of an organisation.
fn select(db: &Db, org: i32) -> Sql {
    let mut sql = Sql::bulk(format!("select {COLUMNS} from wrapped_keys where org_id = "), db.engine());
    sql.bind(org);
    sql
}

/// A statement for the keys of an organisation itself, of which there are few: those of its people are not gone through for them.
fn select_own(db: &Db, org: i32) -> Sql {
    let index = if db.is_postgres() { "" } else { " indexed by wrapped_keys_own" };
    let mut sql = Sql::bulk(
        format!("select {COLUMNS} from wrapped_keys{index} where subject_id is null and org_id = "),
        db.engine(),
    );
    sql.bind(org);
    sql
}

/// Keys of an organisation, retired ones too.
pub async fn find(db: &mut Db, org: i32, which: Which<'_>) -> Result<Vec<StoredKey>> {
    let mut sql = match which {
        Which::Organisation | Which::Column(_) => select_own(db, org),
        _ => select(db, org),
    };
    match which {
        Which::Organisation => {
            sql.push(" and purpose = 'organisation' order by retired_at is not null");
        }
        Which::Column(column) => {
            sql.push(" and purpose = 'index' and coalesce(column_name, '') = ").bind(column);
            sql.push(" order by retired_at is not null");
        }
        Which::Behind(after, most) => {
            sql.push(" and id > ").bind(after);
            sql.push(&format!(" order by id limit {most}"));
        }
        Which::For(purpose) => {
            sql.push(" and purpose = ").bind(purpose.as_str());
        }
        Which::Ids(ids) => {
            return looked_up(db, org, "id", ids.iter().copied().collect(), "").await;
        }
        Which::Subjects(purposes, subjects) => return of_subjects(db, org, purposes, subjects).await,
    }
    all(db, sql).await
}

/// The key of SYSTEM, which tells the master key in force; on PostgreSQL it stays so until the transaction ends, so that no rotation
/// misses what is wrapped meanwhile.
pub async fn lock_own(db: &mut Db) -> Result<Option<StoredKey>> {
    let mut sql = select_own(db, SYSTEM);
    sql.push(" and purpose = 'organisation' and retired_at is null");
    if db.is_postgres() {
        sql.push(" for share");
    }
    Ok(all(db, sql).await?.into_iter().next())
}

/// Keys of an organisation that have one of some ids in a column.
async fn looked_up(db: &mut Db, org: i32, column: &str, ids: BTreeSet<Uuid>, more: &str) -> Result<Vec<StoredKey>> {
    let ids: Vec<Uuid> = ids.into_iter().collect();
    // An engine that knows nothing yet of the table, as while it is filled, would go through all keys of the organisation for each
    // list of ids: it is made to look each of them up.
    let (from, end) = match (db.is_postgres(), column) {
        (true, _) => ("lateral (select * from wrapped_keys k where k.org_id = ", " offset 0) w"),
        (false, SUBJECT) => ("wrapped_keys k indexed by wrapped_keys_subject where k.org_id = ", ""),
        (false, _) => ("wrapped_keys k where k.org_id = ", ""),
    };
    let mut found = Vec::with_capacity(ids.len());
    for some in ids.chunks(MANY) {
        let mut sql = Sql::bulk("with v (wanted) as ", db.engine());
        sql.bind_rows(some.iter().copied());
        sql.push(&format!(" select {COLUMNS} from v cross join {from}")).bind(org);
        sql.push(&format!(" and k.{column} = v.wanted{more}{end}"));
        found.extend(all(db, sql).await?);
    }
    Ok(found)
}

async fn of_subjects(db: &mut Db, org: i32, purposes: &[Purpose], subjects: &[Uuid]) -> Result<Vec<StoredKey>> {
    let words: Vec<String> = purposes.iter().map(|purpose| format!("'{purpose}'")).collect();
    let (words, mut found) = (words.join(", "), Vec::with_capacity(subjects.len() * purposes.len()));
    let people = subjects.iter().copied().filter(|id| !id.is_nil()).collect();
    found.extend(looked_up(db, org, SUBJECT, people, &format!(" and k.purpose in ({words})")).await?);
    if subjects.iter().any(Uuid::is_nil) {
        let mut sql = select_own(db, org);
        sql.push(&format!(" and purpose in ({words})"));
        found.extend(all(db, sql).await?);
    }
    Ok(found)
}

/// The public id of an organisation, by which what is sealed in it is bound.
pub async fn org_uuid(db: &mut Db, org: i32) -> Result<Uuid> {
    // Whatever who asks may be told: it is told to nobody.
    let mut db = db.checking();
    let sql = Sql::new("select id from orgs where org_id = $1").with([org.into()]);
    db.one(sql.yields([ValueType::Uuid])).await?.uuid(0)
}

/// Tells all keys of an organisation by their ids and bytes, in order; and how many there are.
pub async fn digest(db: &mut Db, org: i32) -> Result<([u8; 32], u64)> {
    let (mut digest, mut keys) = (Sha256::new(), 0);
    let sql = Sql::new("select id, wrapped from wrapped_keys where org_id = $1 order by id").with([org.into()]);
    db.each(sql.yields([ValueType::Uuid, ValueType::Bytes]), |row| {
        digest.update(row.uuid(0)?.as_bytes());
        digest.update(row.bytes(1)?);
        keys += 1;
        Ok(())
    })
    .await?;
    Ok((digest.finalize().into(), keys))
}

/// Keys of an organisation that are written with no more, by purpose.
pub async fn retired(db: &mut Db, org: i32, purpose: Purpose) -> Result<Vec<Uuid>> {
    let sql = Sql::new("select id from wrapped_keys where org_id = $1 and purpose = $2 and retired_at is not null");
    let sql = sql.with([org.into(), purpose.as_str().into()]);
    db.all(sql.yields([ValueType::Uuid])).await?.iter().map(|row| row.uuid(0)).collect()
}

/// The columns of an organisation that have a blind index.
pub async fn indexed(db: &mut Db, org: i32) -> Result<Vec<String>> {
    let index = if db.is_postgres() { "" } else { " indexed by wrapped_keys_own" };
    let sql = format!(
        "select distinct column_name from wrapped_keys{index}
          where org_id = $1 and purpose = 'index' and subject_id is null"
    );
    db.all(Sql::new(sql).with([org.into()]).yields([ValueType::Text]))
        .await?
        .iter()
        .map(|row| Ok(row.text(0)?.to_owned()))
        .collect()
}

/// How many keys there are of an organisation, by purpose and by what wraps them.
#[derive(Debug, Clone)]
pub struct Counted {
    pub org: i32,
    pub purpose: Purpose,
    pub wrapping: Uuid,
    pub keys: u64,
    /// Of them, those that another one is written with.
    pub retired: u64,
}

/// Counts all keys, or those of an organisation.
pub async fn count(db: &mut Db, org: Option<i32>) -> Result<Vec<Counted>> {
    let mut sql = Sql::new("select org_id, purpose, wrapping_id, count(*), count(retired_at) from wrapped_keys");
    if let Some(org) = org {
        sql.push(" where org_id = ").bind(org);
    }
    sql.push(" group by org_id, purpose, wrapping_id order by org_id, purpose, wrapping_id");
    let kinds = [ValueType::Int, ValueType::Text, ValueType::Uuid, ValueType::Int, ValueType::Int];
    let counted = |row: &Row| {
        let unknown = |()| Problem::integrity(format!("the purpose of a key is none: '{}'", row.value(1).to_text()));
        Ok(Counted {
            org: row.org(0)?,
            purpose: row.text(1)?.parse().map_err(unknown)?,
            wrapping: row.uuid(2)?,
            keys: row.int(3)?.unsigned_abs(),
            retired: row.int(4)?.unsigned_abs(),
        })
    };
    db.all(sql.yields(kinds)).await?.iter().map(counted).collect()
}
