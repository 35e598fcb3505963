//! Corrections of a wrong clock. Times run forward, so a command whose clock was far ahead would leave every later record
//! at its time; a record of the kind `clock` lets earlier times count again. From then on each record before it is taken to
//! be no later than it: whoever asks by time asks here.

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::trail::audit::{Action, CLOCK, Status};
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;

/// A stretch of a trail in which times run forward: first and last number, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    pub first: i64,
    pub last: i64,
    /// None of its records counts as later than this: the earliest of the corrections behind it.
    pub cap: Option<DateTime<Utc>>,
}

impl Segment {
    /// When a record of it was made, as far as can be told.
    pub fn at(&self, recorded: DateTime<Utc>) -> DateTime<Utc> {
        self.cap.map_or(recorded, |cap| recorded.min(cap))
    }
}

/// [`is_correction`](crate::model::trail::correction::is_correction) of a record `r`; the first half is the predicate of a partial
/// index.
pub(in crate::store) fn is_correction() -> String {
    let (action, success) = (Action::ConfigChange.as_str(), Status::Success.as_str());
    format!(
        "r.kind = '{CLOCK}' and r.action = '{action}' and exists (select 1 from audit_requests f
          where f.tree = r.tree and f.first_seq = r.seq and f.status = '{success}')"
    )
}

/// Trees in which the clock was corrected.
pub async fn corrected(db: &mut Db) -> Result<Vec<i32>> {
    let is_correction = is_correction();
    let sql = Sql::new(format!("select distinct r.tree from audit_records r where {is_correction} order by r.tree"));
    db.all(sql.yields([ValueType::Int])).await?.iter().map(|row| row.org(0)).collect()
}

/// The stretches of a tree, in order; one where the clock was never corrected.
pub async fn segments(db: &mut Db, tree: i32) -> Result<Vec<Segment>> {
    let is_correction = is_correction();
    let sql = Sql::new(format!(
        "select r.seq, q.at from audit_records r join audit_requests q on q.tree = r.tree and q.first_seq = r.seq
          where r.tree = $1 and {is_correction} order by r.seq"
    ));
    let rows = db.all(sql.with([tree.into()]).yields([ValueType::Int, ValueType::Time])).await?;
    let mut segments = vec![Segment { first: 1, last: i64::MAX, cap: None }];
    for row in rows {
        let (seq, at) = (row.int(0)?, row.time(1)?);
        for segment in &mut segments {
            segment.last = segment.last.min(seq.saturating_sub(1));
            segment.cap = Some(segment.at(at));
        }
        segments.push(Segment { first: seq, last: i64::MAX, cap: None });
    }
    Ok(segments)
}

/// The stretch that a record stands in.
pub fn segment_of(segments: &[Segment], seq: i64) -> Segment {
    let found = segments.iter().find(|s| (s.first..=s.last).contains(&seq));
    found.copied().unwrap_or(Segment { first: 1, last: i64::MAX, cap: None })
}

/// The last number up to which requests are older than a time; 0 where none is. Taken as corrected, times run forward
/// through the whole tree.
pub async fn last_before(db: &mut Db, tree: i32, at: DateTime<Utc>) -> Result<i64> {
    for segment in segments(db, tree).await?.iter().rev() {
        if segment.cap.is_some_and(|cap| cap < at) {
            return Ok(segment.last);
        }
        let mut sql = Sql::new("select last_seq from audit_requests where tree = ");
        sql.bind(tree).push(" and at < ").bind(at);
        if segment.first > 1 || segment.cap.is_some() {
            sql.push(" and first_seq between ").bind(segment.first).push(" and ").bind(segment.last);
        }
        sql.push(" order by at desc, first_seq desc limit 1");
        if let Some(row) = db.first(sql.yields([ValueType::Int])).await? {
            return row.int(0);
        }
    }
    Ok(0)
}

/// As [`last_before`], the time itself included.
pub async fn last_up_to(db: &mut Db, tree: i32, at: DateTime<Utc>) -> Result<i64> {
    last_before(db, tree, at.checked_add_signed(TimeDelta::microseconds(1)).unwrap_or(at)).await
}

/// A trail whose last record is later than a time: what a correction would be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ahead {
    pub tree: i32,
    /// The time of its last record.
    pub at: DateTime<Utc>,
    /// The first record that is later, and how many there are.
    pub first: i64,
    pub records: i64,
}

/// Trails that are ahead of a time.
pub async fn ahead_of(db: &mut Db, at: DateTime<Utc>) -> Result<Vec<Ahead>> {
    let sql = Sql::new("select tree, size, at from audit_heads where at > $1 order by tree").with([at.into()]);
    let heads = db.all(sql.yields([ValueType::Int, ValueType::Int, ValueType::Time])).await?;
    let mut found = Vec::new();
    for head in heads {
        let tree = head.org(0)?;
        let last = last_up_to(db, tree, at).await?;
        found.push(Ahead {
            tree,
            at: head.time(2)?,
            first: last.saturating_add(1),
            records: head.int(1)?.saturating_sub(last),
        });
    }
    Ok(found)
}

/// The time of the last record of any trail; none where nothing is recorded yet.
pub async fn last_recorded(db: &mut Db) -> Result<Option<DateTime<Utc>>> {
    let sql = Sql::new("select max(at) from audit_heads where size > 0");
    Ok(db.one(sql.yields([ValueType::Time])).await?.value(0).as_time())
}
