//! Rows of journals: each is its own record, so that they have none in the trail and wait for no organisation.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{Origin, Permit, Tx};
use crate::model::clock::Clock;
use crate::model::kinds::org::SYSTEM;
use crate::model::random::Random;
use crate::model::resource::lifecycle::AT;
use crate::model::resource::{Descriptor, Field, Meta, Record};
use crate::model::values::value::{Value, ValueType};
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Sql, quoted};
use crate::store::records::settings;
use crate::store::{Error, Result};

/// Most of the time that a row which is written beside a command's work waits for SQLite's one writer.
pub const JOURNAL_WAIT: Duration = Duration::from_millis(500);

/// Rows that go with each that is written: so a journal keeps itself in bounds without anybody's doing.
const ALONG: i64 = 100;

/// Rows that go in one transaction where many are past their time: nobody waits for it long.
pub const PRUNED_AT_ONCE: i64 = 5_000;

/// Since when rows of a journal are kept; none where they are for good.
pub async fn kept_since(db: &mut Db, desc: &Descriptor, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    let Some(days) = desc.retention else { return Ok(None) };
    Ok(Some(now - TimeDelta::days(settings::get(db, SYSTEM, days).await?.into())))
}

impl<'a> Tx<'a> {
    /// As [`Tx::begin`], where what is written is worth no more than [`JOURNAL_WAIT`]: none where another writes that long.
    pub async fn begin_soon(
        db: &'a mut Db,
        permit: Permit,
        origin: &'a Origin,
        clock: &'a dyn Clock,
        random: &'a dyn Random,
    ) -> Result<Option<Tx<'a>>> {
        let begin = if db.is_postgres() { "BEGIN ISOLATION LEVEL READ COMMITTED" } else { "BEGIN IMMEDIATE" };
        let started = Instant::now();
        loop {
            match db.script(begin.into()).await {
                Err(Error::Busy) if started.elapsed() >= JOURNAL_WAIT => return Ok(None),
                Err(Error::Busy) => tokio::time::sleep(Duration::from_millis(20)).await,
                begun => return begun.map(|()| Some(Tx::begun(db, permit, origin, clock, random))),
            }
        }
    }

    /// Writes rows to a journal, and lets some go that are past their time.
    pub async fn note(&mut self, desc: &'static Descriptor, rows: Vec<(i32, Vec<Value>)>) -> Result<()> {
        let by = self.actor().await?;
        for (org, values) in rows {
            let meta = Meta::new(org, self.new_id(), self.at(), by);
            self.insert_record_later(Record::new(desc, meta, values)).await?;
        }
        if let Some(before) = kept_since(self.db, desc, self.at()).await? {
            self.let_go(desc, None, before, ALONG, false).await?;
        }
        Ok(())
    }

    /// Removes the oldest rows of a journal that were written before a time, `most` of them; how many. Two at once don't wait
    /// for each other's rows: the second waits for its turn, or where it does not, lets go of nothing.
    pub async fn let_go(
        &mut self,
        desc: &'static Descriptor,
        org: Option<i32>,
        before: DateTime<Utc>,
        most: i64,
        waits: bool,
    ) -> Result<u64> {
        self.flush().await?;
        if self.db.is_postgres() && !self.takes_turn(desc, waits).await? {
            return Ok(0);
        }
        let table = desc.table;
        let mut sql = Sql::new(format!(
            "delete from {table} where (org_id, id) in (select org_id, id from {table} where {AT} < "
        ));
        sql.bind(before);
        if let Some(org) = org {
            sql.push(" and org_id = ").bind(org);
        }
        sql.push(&format!(" order by {AT}, id limit {most})"));
        self.db.execute(sql).await
    }

    /// Whether it is this transaction's turn to let rows of a journal go.
    async fn takes_turn(&mut self, desc: &Descriptor, waits: bool) -> Result<bool> {
        let lock = if waits { "pg_advisory_xact_lock" } else { "pg_try_advisory_xact_lock" };
        let sql = format!("select {lock}(hashtextextended($1, 0))::text");
        let row =
            self.db.one(Sql::new(sql).with([format!("orgctl prune {}", desc.table).into()]).yields([ValueType::Text]));
        Ok(row.await?.text(0)? != "false")
    }

    /// Removes all that a kind which is not recorded has in an organisation, or of it what refers to some records.
    pub async fn clear(
        &mut self,
        desc: &'static Descriptor,
        org: i32,
        of: Option<(&'static Field, &[Uuid])>,
    ) -> Result<u64> {
        self.flush().await?;
        let mut sql = Sql::bulk(format!("delete from {} where org_id = ", desc.table), self.db.engine());
        sql.bind(org);
        if let Some((field, ids)) = of {
            sql.push(&format!(" and {}", quoted(field.column))).bind_among(ids.iter().copied());
        }
        self.db.execute(sql).await
    }
}
