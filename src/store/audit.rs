//! Proving the audit trail: everything is recomputed and compared.

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use uuid::Uuid;

use super::db::Db;
use super::sql::{Row, Sql};
use super::trail::trees;
use crate::model::audit::{self, Header};
use crate::model::merkle::Frontier;
use crate::model::value::Kind;

/// Something that does not hold, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub tree: i32,
    /// The record at fault; none where the tree as a whole is.
    pub seq: Option<i64>,
    /// edited, deleted, inserted, truncated, rewritten, erased, head changed, time runs backwards
    pub kind: &'static str,
    pub what: String,
}

/// What `verify` went through.
#[derive(Debug, Default)]
pub struct Verified {
    pub trees: u64,
    pub records: u64,
    pub findings: Vec<Finding>,
}

/// Requests read at a time.
const BATCH: i64 = 1000;

/// Recomputes every commitment, every leaf and every tree, and compares. `done` hears how many records have been read.
pub async fn verify(db: &mut Db, only: Option<i32>, done: &mut dyn FnMut(u64)) -> Result<Verified> {
    // One snapshot: a writer that commits meanwhile is not taken for somebody who forges.
    let begin = if db.is_postgres() { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" } else { "BEGIN" };
    db.script(begin.into()).await?;
    let verified = verify_snapshot(db, only, done).await;
    // Nothing was written; where this fails the connection is gone.
    let _ = db.script("ROLLBACK".into()).await;
    verified
}

async fn verify_snapshot(db: &mut Db, only: Option<i32>, done: &mut dyn FnMut(u64)) -> Result<Verified> {
    let all = match only {
        Some(tree) => vec![tree],
        None => traces(db).await?,
    };
    let mut verified = Verified::default();
    for tree in all {
        let mut findings = Check::run(db, tree, &mut verified.records, done).await?;
        findings.sort_by_key(|f| f.seq.unwrap_or(i64::MAX));
        verified.trees += 1;
        verified.findings.extend(findings);
    }
    Ok(verified)
}

/// Trees that there is any trace of: every organisation must have one, and whose head is gone may still have records.
async fn traces(db: &mut Db) -> Result<Vec<i32>> {
    let mut all = trees(db).await?;
    for sql in [
        "select min(tree) from audit_records where tree > $1",
        "select min(tree) from audit_requests where tree > $1",
        "select min(org_id) from orgs where org_id > $1",
    ] {
        let mut last = -1;
        while let Some(row) = db.first(Sql::new(sql).with([last.into()]).yields([Kind::Int])).await? {
            if row.value(0).is_null() {
                break;
            }
            last = row.org(0)?;
            if !all.contains(&last) {
                all.push(last);
            }
        }
    }
    all.sort_unstable();
    Ok(all)
}

/// How many records the heads tell of, for a progress bar.
pub async fn size(db: &mut Db, only: Option<i32>) -> Result<u64> {
    let mut sql = Sql::new("select cast(coalesce(sum(size), 0) as bigint) from audit_heads");
    if let Some(tree) = only {
        sql.push(" where tree = ").bind(tree);
    }
    Ok(u64::try_from(db.one(sql.yields([Kind::Int])).await?.int(0)?).unwrap_or(0))
}

struct Request {
    first_seq: i64,
    last_seq: i64,
    request_id: Uuid,
    at: DateTime<Utc>,
    status: String,
    digest: [u8; 32],
}

struct Check {
    tree: i32,
    /// Size and frontier that the head tells of.
    head: Option<(i64, Vec<u8>)>,
    expected: i64,
    /// First and last record of the request before.
    last_request: Option<(i64, i64)>,
    last_at: Option<DateTime<Utc>>,
    frontier: Frontier,
    findings: Vec<Finding>,
}

impl Check {
    async fn run(db: &mut Db, tree: i32, count: &mut u64, done: &mut dyn FnMut(u64)) -> Result<Vec<Finding>> {
        let sql = Sql::new("select size, frontier from audit_heads where tree = $1").with([tree.into()]);
        let head = db.first(sql.yields([Kind::Int, Kind::Bytes])).await?;
        let head = head.map(|row| -> Result<_> { Ok((row.int(0)?, row.bytes(1)?.to_vec())) }).transpose()?;
        let mut check = Check {
            tree,
            head,
            expected: 1,
            last_request: None,
            last_at: None,
            frontier: Frontier::default(),
            findings: Vec::new(),
        };
        let mut from = 0;
        loop {
            let requests = check.requests(db, from).await?;
            let Some(last) = requests.last() else { break };
            from = last.first_seq;
            let upto = requests.iter().map(|r| r.last_seq).max().unwrap_or(from);
            check.records(db, &requests, Some(upto), count, done).await?;
        }
        // Records that no request accounts for.
        check.records(db, &[], None, count, done).await?;
        check.hold_against_head();
        Ok(check.findings)
    }

    fn find(&mut self, seq: Option<i64>, kind: &'static str, what: impl Into<String>) {
        self.findings.push(Finding { tree: self.tree, seq, kind, what: what.into() });
    }

    async fn requests(&mut self, db: &mut Db, after: i64) -> Result<Vec<Request>> {
        let sql = Sql::new(
            "select first_seq, last_seq, request_id, at, status, digest, salt, payload, actor_id, source,
                    (select a.key from actors a where a.actor_id = audit_requests.actor_id), commitment
               from audit_requests where tree = $1 and first_seq > $2 order by first_seq limit $3",
        )
        .with([self.tree.into(), after.into(), BATCH.into()])
        .yields([
            Kind::Int,
            Kind::Int,
            Kind::Uuid,
            Kind::Time,
            Kind::Text,
            Kind::Bytes,
            Kind::Bytes,
            Kind::Text,
            Kind::Int,
            Kind::Text,
            Kind::Text,
            Kind::Bytes,
        ]);
        let mut requests = Vec::new();
        for row in db.all(sql).await? {
            let request = Request {
                first_seq: row.int(0)?,
                last_seq: row.int(1)?,
                request_id: row.uuid(2)?,
                at: row.time(3)?,
                status: row.text(4)?.to_owned(),
                digest: row.hash(5)?,
            };
            self.check_request(&request, &row)?;
            requests.push(request);
        }
        Ok(requests)
    }

    /// The digest binds actor and source, and through the commitment the payload, which names the actor.
    fn check_request(&mut self, request: &Request, row: &Row) -> Result<()> {
        let seq = Some(request.first_seq);
        if let Some((first, last)) = self.last_request
            && last >= request.first_seq
        {
            self.find(Some(first), "edited", "its command claims records of the one behind it");
        }
        self.last_request = Some((request.first_seq, request.last_seq));
        if self.last_at.is_some_and(|last| request.at < last) {
            self.find(seq, "time runs backwards", "its time is before that of the record in front of it");
        }
        self.last_at = self.last_at.max(Some(request.at));
        let changed = "what is known of its command (actor, source, command line) was changed";
        let commitment = row.hash(11)?;
        if audit::request_digest(row.int(8)?, row.text(9)?, &commitment) != request.digest {
            self.find(seq, "edited", changed);
        }
        let (Some(salt), Some(payload)) = (row.value(6).as_bytes(), row.value(7).as_text()) else {
            self.find(seq, "erased", "what is known of its command is gone, and no record tells of an erasure");
            return Ok(());
        };
        let bound = salt.try_into().is_ok_and(|salt| audit::commit(&salt, payload) == commitment);
        let json: Json = serde_json::from_str(payload).unwrap_or_default();
        if !bound || row.value(10).as_text().is_none_or(|key| json["actor"]["key"] != key) {
            self.find(seq, "edited", changed);
        }
        Ok(())
    }

    async fn records(
        &mut self,
        db: &mut Db,
        requests: &[Request],
        upto: Option<i64>,
        count: &mut u64,
        done: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let mut sql = Sql::new(
            "select r.seq, r.action, r.kind, r.resource_id, r.salt, r.payload, r.leaf, e.commitment
               from audit_records r left join audit_erased e on e.tree = r.tree and e.seq = r.seq where r.tree = ",
        );
        sql.bind(self.tree).push(" and r.seq >= ").bind(self.expected);
        if let Some(upto) = upto {
            sql.push(" and r.seq <= ").bind(upto);
        }
        sql.push(" order by r.seq");
        let kinds = [Kind::Int, Kind::Text, Kind::Text, Kind::Uuid, Kind::Bytes, Kind::Text, Kind::Bytes, Kind::Bytes];
        let mut i = 0;
        db.each(sql.yields(kinds), |row| {
            let seq = row.int(0)?;
            while requests.get(i).is_some_and(|r| r.last_seq < seq) {
                i += 1;
            }
            let request = requests.get(i).filter(|r| r.first_seq <= seq);
            self.record(seq, &row, request)?;
            *count += 1;
            if count.is_multiple_of(1024) {
                done(*count);
            }
            Ok(())
        })
        .await
    }

    fn record(&mut self, seq: i64, row: &Row, request: Option<&Request>) -> Result<()> {
        if seq > self.expected {
            let (first, last) = (self.expected, seq - 1);
            let which =
                if first == last { "the record is".to_owned() } else { format!("the records up to {last} are") };
            self.find(Some(first), "deleted", format!("{which} missing"));
        }
        self.expected = seq + 1;
        if let Some((size, _)) = self.head.as_ref().filter(|(size, _)| seq > *size) {
            let what = format!("the head tells of {size} records");
            self.find(Some(seq), "inserted", what);
            return Ok(());
        }
        let stored = row.hash(6)?;
        let commitment = match (row.value(4).as_bytes(), row.value(5).as_text()) {
            (Some(salt), Some(payload)) => salt.try_into().ok().map(|salt| audit::commit(&salt, payload)),
            _ => {
                self.find(Some(seq), "erased", "its payload is gone, and no record tells of an erasure");
                row.value(7).as_bytes().and_then(|b| b.try_into().ok())
            }
        };
        let Some(request) = request else {
            self.find(Some(seq), "deleted", "what is known of its command is missing");
            self.frontier.append(stored);
            return Ok(());
        };
        let header = Header {
            tree: u32::try_from(self.tree)?,
            seq: u64::try_from(seq)?,
            at: request.at,
            request_id: request.request_id,
            request_digest: request.digest,
            action: row.text(1)?,
            kind: row.text(2)?,
            resource_id: row.uuid(3)?,
            status: &request.status,
        };
        // Without a commitment nothing tells whether the header is the one that was recorded.
        let leaf = commitment.map_or(stored, |c| header.leaf(&c));
        if leaf != stored {
            self.find(Some(seq), "edited", "it is not what was recorded");
        }
        self.frontier.append(leaf);
        Ok(())
    }

    fn hold_against_head(&mut self) {
        let Some((size, frontier)) = self.head.take() else {
            self.find(None, "head changed", "the tree has no head");
            return;
        };
        let have = self.expected - 1;
        if let Some((first, last)) = self.last_request
            && last > size.max(have)
        {
            self.find(Some(first), "edited", "its command claims records that never were");
        }
        if size > have {
            self.find(Some(have + 1), "truncated", format!("the head tells of {size} records, {have} are there"));
        } else if self.findings.is_empty() && frontier != self.frontier.to_bytes() {
            self.find(None, "rewritten", "the records agree with themselves but not with the head");
        }
    }
}
