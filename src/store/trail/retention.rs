//! Taking payloads out of the trail: their commitments stay, so that every leaf and every proof does too.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use uuid::Uuid;

use super::corrections::{segment_of, segments};
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::Resource;
use crate::model::trail::audit::{KIND, commit, spans_of};
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::leftovers;
use crate::store::engine::load::Loader;
use crate::store::engine::sql::{Row, Sql};
use crate::store::tx::Tx;

/// First and last, both included.
pub type Span = (i64, i64);

/// Spans in order, those that touch or overlap as one.
pub fn joined(mut all: Vec<Span>) -> Vec<Span> {
    all.sort_unstable();
    let mut spans: Vec<Span> = Vec::new();
    for (first, last) in all {
        match spans.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => spans.push((first, last)),
        }
    }
    spans
}

/// Records read and written at a time.
const BATCH: i64 = 10_000;

/// Records that tell where payloads went, which is why their own stay.
const TELLS: &str = "(kind = 'audit' and action in ('archive', 'erase'))";

/// Why a payload is not there.
#[derive(Debug, Clone)]
pub struct MissingPayload {
    /// The record that tells of it, and its time.
    pub seq: i64,
    pub action: String,
    pub details: Json,
}

impl MissingPayload {
    /// For people: where it is, or that it is nowhere.
    pub fn describe(&self) -> String {
        match self.details["file"].as_str() {
            Some(file) => {
                let hash = self.details["sha256"].as_str().unwrap_or_default();
                format!("archived in {file} (SHA-256 {hash}), as record {} tells", self.seq)
            }
            None => format!("erased, as record {} tells", self.seq),
        }
    }
}

/// Which record tells of payloads that went, of those given.
pub async fn gone(db: &mut Db, tree: i32, seqs: &[i64]) -> Result<Vec<(i64, MissingPayload)>> {
    let mut found = Vec::new();
    // The predicate of the partial index is repeated, so that it serves.
    let sql = Sql::new(
        "select seq, action, payload from audit_records
          where tree = $1 and kind = 'audit' and action in ('archive', 'erase') order by seq",
    );
    db.each(sql.with([tree.into()]).yields([ValueType::Int, ValueType::Text, ValueType::Text]), |row| {
        let details: Json = row.value(2).as_text().and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default();
        let spans: Vec<Span> = spans_of(&details["records"]).collect();
        for seq in seqs.iter().copied().filter(|seq| spans.iter().any(|(a, b)| (*a..=*b).contains(seq))) {
            if !found.iter().any(|(known, _): &(i64, MissingPayload)| *known == seq) {
                let (by, action) = (row.int(0)?, row.text(1)?.to_owned());
                found.push((seq, MissingPayload { seq: by, action, details: details.clone() }));
            }
        }
        Ok(())
    })
    .await?;
    Ok(found)
}

/// The first record up to `last` whose payload is there and may go; none where none is.
pub async fn first_with_payload(db: &mut Db, tree: i32, last: i64) -> Result<Option<i64>> {
    let sql = Sql::new(format!(
        "select seq from audit_records where tree = $1 and seq <= $2 and payload is not null and not {TELLS}
          order by seq limit 1"
    ));
    let row = db.first(sql.with([tree.into(), last.into()]).yields([ValueType::Int])).await?;
    row.map(|r| r.int(0)).transpose()
}

/// The first record of the command that a record is of.
pub async fn begin_of(db: &mut Db, tree: i32, seq: i64) -> Result<i64> {
    let sql = "select coalesce(max(first_seq), $1) from audit_requests where tree = $2 and first_seq <= $3";
    let sql = Sql::new(sql).with([seq.into(), tree.into(), seq.into()]);
    db.one(sql.yields([ValueType::Int])).await?.int(0)
}

/// The records of a stretch whose payload is there and may go, as spans.
pub async fn spans_with_payload(db: &mut Db, tree: i32, (first, last): Span) -> Result<Vec<Span>> {
    let sql = Sql::new(format!(
        "select seq from audit_records
          where tree = $1 and seq >= $2 and seq <= $3 and payload is not null and not {TELLS} order by seq"
    ));
    numbers(db, sql.with([tree.into(), first.into(), last.into()])).await
}

/// The requests that lie in a stretch as a whole and whose payload is there: their first numbers, as spans.
pub async fn requests_with_payload(db: &mut Db, tree: i32, (first, last): Span) -> Result<Vec<Span>> {
    let sql = Sql::new(
        "select first_seq from audit_requests
          where tree = $1 and first_seq >= $2 and first_seq <= $3 and last_seq <= $4 and payload is not null
            and not exists (select 1 from audit_records r where r.tree = audit_requests.tree and r.kind = 'audit'
                 and r.action in ('archive', 'erase') and r.seq between audit_requests.first_seq and audit_requests.last_seq)
          order by first_seq",
    );
    numbers(db, sql.with([tree.into(), first.into(), last.into(), last.into()])).await
}

async fn numbers(db: &mut Db, sql: Sql) -> Result<Vec<Span>> {
    let mut spans: Vec<Span> = Vec::new();
    db.each(sql.yields([ValueType::Int]), |row| {
        let n = row.int(0)?;
        match spans.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(n) => *last = n,
            _ => spans.push((n, n)),
        }
        Ok(())
    })
    .await?;
    Ok(spans)
}

/// Whether this connection may take payloads out: on PostgreSQL the owner of the tables may, and no role that
/// `db grants` makes.
pub async fn may_strip(db: &mut Db) -> Result<bool> {
    if !db.is_postgres() {
        return Ok(true);
    }
    let sql = "select has_table_privilege('orgctl.audit_records', 'UPDATE') and has_table_privilege('orgctl.audit_requests', 'UPDATE')";
    Ok(db.one(Sql::new(sql).yields([ValueType::Bool])).await?.value(0).as_bool() == Some(true))
}

/// How many numbers there are in spans.
pub fn count(spans: &[Span]) -> i64 {
    spans.iter().map(|(first, last)| last.saturating_sub(*first).saturating_add(1)).fold(0, i64::saturating_add)
}

/// The records in which somebody's data is, under these ids, that have a payload: those about the ids themselves, and those
/// that say whose data they hold. Each half has an index of its own to go by.
fn holding(sql: &mut Sql, tree: i32, ids: &[Uuid]) {
    for (i, by) in ["r.resource_id in ", "r.subject_id <> r.resource_id and r.subject_id in "].iter().enumerate() {
        sql.push(if i == 0 { "" } else { " union " });
        sql.push("select r.tree, r.seq, r.payload from audit_records r where ").push(by).bind_list(ids.iter().copied());
        sql.push(" and +r.tree = ").bind(tree).push(&format!(" and r.payload is not null and r.kind <> '{KIND}'"));
    }
}

/// The statement by which they are read.
pub fn holding_data(tree: i32, ids: &[Uuid]) -> Sql {
    let mut sql = Sql::new("select h.seq, q.at, h.payload from (");
    holding(&mut sql, tree, ids);
    sql.push(
        ") h join audit_requests q on q.tree = h.tree and q.last_seq >= h.seq
            and q.first_seq = (select max(f.first_seq) from audit_requests f where f.tree = h.tree and f.first_seq <= h.seq)
          order by h.seq",
    );
    sql.yields([ValueType::Int, ValueType::Time, ValueType::Text])
}

/// The records in which somebody's data is, in order: number, time and payload.
pub async fn about(db: &mut Db, tree: i32, ids: &[Uuid]) -> Result<Vec<(i64, DateTime<Utc>, String)>> {
    let rows = db.all(holding_data(tree, ids)).await?;
    let segments = segments(db, tree).await?;
    let told = |r: &Row| {
        let (seq, at) = (r.int(0)?, r.time(1)?);
        Ok((seq, segment_of(&segments, seq).at(at), r.text(2)?.to_owned()))
    };
    rows.iter().map(told).collect()
}

/// The requests of a tree before a time whose payload holds one of these texts: their first numbers.
pub async fn requests_naming(
    db: &mut Db,
    tree: i32,
    before: DateTime<Utc>,
    texts: &[String],
) -> Result<(Vec<Span>, i64)> {
    let (mut spans, mut newer): (Vec<Span>, i64) = (Vec::new(), 0);
    let sql = Sql::new(
        "select first_seq, at, payload from audit_requests where tree = $1 and payload is not null order by first_seq",
    );
    db.each(sql.with([tree.into()]).yields([ValueType::Int, ValueType::Time, ValueType::Text]), |row| {
        let payload = row.text(2)?.to_lowercase();
        if texts.iter().any(|text| payload.contains(text)) {
            let n = row.int(0)?;
            match spans.last_mut() {
                _ if row.time(1)? >= before => newer += 1,
                Some((_, last)) if last.checked_add(1) == Some(n) => *last = n,
                _ => spans.push((n, n)),
            }
        }
        Ok(())
    })
    .await?;
    Ok((spans, newer))
}

impl Tx<'_> {
    /// Takes the payloads of these records and requests out, and keeps what they were committed to. How many went.
    pub async fn strip(&mut self, tree: i32, records: &[Span], requests: &[Span]) -> Result<u64> {
        self.flush().await?;
        let mut loader = Loader::new(self.db, "audit_erased", &["tree", "seq", "commitment"], 50).await?;
        let mut went = 0;
        for (first, last) in records {
            let mut from = *first;
            while from <= *last {
                let upto = (from + BATCH - 1).min(*last);
                let sql = Sql::new(
                    "select seq, salt, payload from audit_records
                      where tree = $1 and seq >= $2 and seq <= $3 and payload is not null order by seq",
                );
                let mut rows: Vec<Vec<Value>> = Vec::new();
                let sql = sql.with([tree.into(), from.into(), upto.into()]);
                self.db
                    .each(sql.yields([ValueType::Int, ValueType::Bytes, ValueType::Text]), |row| {
                        let salt = row.bytes(1)?.try_into().map_err(|_| damaged())?;
                        let commitment = commit(salt, row.text(2)?);
                        rows.push(vec![tree.into(), row.int(0)?.into(), commitment.to_vec().into()]);
                        Ok(())
                    })
                    .await?;
                let sql = Sql::new(
                    "update audit_records set salt = null, payload = null
                      where tree = $1 and seq >= $2 and seq <= $3 and payload is not null",
                );
                went += self.db.execute(sql.with([tree.into(), from.into(), upto.into()])).await?;
                // Behind it: the database takes an erasure only of what is gone.
                loader.load(self.db, &rows).await?;
                from = upto.saturating_add(1);
            }
        }
        loader.flush(self.db).await?;
        for (first, last) in requests {
            let sql = Sql::new(
                "update audit_requests set salt = null, payload = null
                  where tree = $1 and first_seq >= $2 and first_seq <= $3 and payload is not null",
            );
            went += self.db.execute(sql.with([tree.into(), (*first).into(), (*last).into()])).await?;
        }
        Ok(went)
    }

    /// Numbers of the records in which somebody's data is, of those behind a number.
    pub async fn told_of(&mut self, tree: i32, ids: &[Uuid], behind: i64) -> Result<Vec<Span>> {
        self.flush().await?;
        let mut sql = Sql::new("select h.seq from (");
        holding(&mut sql, tree, ids);
        sql.push(") h where h.seq > ").bind(behind).push(" order by h.seq");
        let rows = self.db.all(sql.yields([ValueType::Int])).await?;
        rows.iter().map(|r| Ok((r.int(0)?, r.int(0)?))).collect()
    }

    /// Forgets what an actor was called.
    pub async fn forget_actor(&mut self, key: &str) -> Result<()> {
        let sql = Sql::new("update actors set name = null where key = $1 and name is not null");
        self.db.execute(sql.with([key.into()])).await.map(drop)
    }
}

fn damaged() -> Problem {
    Problem::integrity("a record has no salt as it should").hint("'orgctl audit verify' says more")
}

/// Sees to it that what was taken out is not left behind in the files of the database.
pub async fn wipe(db: &mut Db) -> Result<()> {
    if !db.is_postgres() {
        // What the search index has forgotten stands in it until it is merged.
        let table = <User as Resource>::DESCRIPTOR.table;
        db.script(format!("insert into {table}_search ({table}_search) values ('optimize')")).await?;
    }
    leftovers::clean(db, &["audit_records", "audit_requests"]).await
}
