//! Waiting for the locks of trees, and asking whether the clock is right before anything is written.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::Tx;
use super::waiting::{locked, told_of};
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::setting::CLOCK_MAX_JUMP;
use crate::model::trail::merkle::Frontier;
use crate::model::values::value::{ValueType, rfc3339};
use crate::store::engine::location::Location;
use crate::store::engine::postgres;
use crate::store::engine::sql::{Row, Sql};
use crate::store::records::settings;
use crate::store::trail::corrections;
use crate::store::{Error, Result};

/// How far this machine's clock and a server's may be apart.
const MAX_SKEW: TimeDelta = TimeDelta::minutes(10);

/// A trail whose last record is not older than this says that the clock has not jumped; the setting is not less.
const RECENT: TimeDelta = TimeDelta::days(1);

impl Tx<'_> {
    /// Locks the tree heads of these organisations, in the order that keeps two writers from waiting for each other:
    /// by number, SYSTEM last.
    pub async fn lock(&mut self, orgs: &[i32], waiting: &mut dyn FnMut(&str)) -> Result<()> {
        self.lock_heads(orgs, false, waiting).await
    }

    /// As [`Tx::lock`], for a record from which on earlier times count again: its time is the clock's.
    pub async fn lock_to_correct_the_clock(&mut self, trees: &[i32]) -> Result<()> {
        self.lock_heads(trees, true, &mut |_| {}).await
    }

    pub(super) async fn lock_heads(
        &mut self,
        orgs: &[i32],
        corrects: bool,
        waiting: &mut dyn FnMut(&str),
    ) -> Result<()> {
        let mut orgs: Vec<i32> = orgs.iter().copied().filter(|o| !self.audit.has(*o)).collect();
        orgs.sort_by_key(|o| if *o == SYSTEM { i32::MAX } else { *o });
        orgs.dedup();
        if !orgs.is_empty() && self.records() > 0 {
            return Err(Error::bug("a verb locked an organisation after it had begun to write; nothing was changed"));
        }
        for org in orgs {
            let asked = self.clock.micros();
            let row = if self.db.is_postgres() {
                self.lock_head_postgres(org, waiting).await?
            } else {
                self.head(org, "").await?
            };
            let row =
                row.ok_or_else(|| Problem::integrity(format!("the audit trail of organisation {org} has no head")))?;
            let size = u64::try_from(row.int(0)?).unwrap_or(0);
            let frontier = Frontier::from_bytes(size, row.bytes(1)?).ok_or_else(|| {
                Problem::integrity(format!("the head of audit tree {org} is damaged"))
                    .hint("'orgctl audit verify' says more")
            })?;
            // Read after the wait for the lock, and never before the last record: times run the way the records do.
            let (now, last) = (self.clock.micros(), row.time(2)?);
            self.check_clock((asked, now), last, row.value(3).as_time(), corrects).await?;
            if last > now + TimeDelta::minutes(5) && !corrects {
                waiting(&format!(
                    "warning: the audit trail is ahead of this machine's clock ({}); one of them is wrong: \
                     'orgctl audit correct-clock --help' tells more",
                    rfc3339(last)
                ));
            }
            let at = self.at().max(now);
            self.audit.at = if corrects { at } else { at.max(last) };
            self.audit.take(org, frontier);
        }
        Ok(())
    }

    /// Lets no writer in until this transaction has ended.
    pub async fn lock_all_heads(&mut self) -> Result<()> {
        self.db.script("LOCK TABLE audit_heads IN EXCLUSIVE MODE".into()).await
    }

    /// Size, frontier and time of a tree's head, and what the server's clock says.
    pub(super) async fn head(&mut self, org: i32, suffix: &str) -> Result<Option<Row>> {
        let server = if self.db.is_postgres() { "clock_timestamp()" } else { "null" };
        let sql = format!("select size, frontier, at, {server} from audit_heads where tree = $1{suffix}");
        let kinds = [ValueType::Int, ValueType::Bytes, ValueType::Time, ValueType::Time];
        self.db.first(Sql::new(sql).with([org.into()]).yields(kinds)).await
    }

    /// Asks whether the clock is right, before its time is recorded and every later record must be later still.
    pub(super) async fn check_clock(
        &mut self,
        (asked, now): (DateTime<Utc>, DateTime<Utc>),
        last: DateTime<Utc>,
        server: Option<DateTime<Utc>>,
        corrects: bool,
    ) -> Result<()> {
        if let Some(server) = server.filter(|_| self.clock.is_real_time() && (corrects || !self.origin.clock_is_sure))
            && (server > now + MAX_SKEW || server < asked - MAX_SKEW)
        {
            let (now, server) = (rfc3339(now), rfc3339(server));
            if corrects {
                let sentence = format!("this machine's clock says {now}, and the database server's {server}");
                return Err(Problem::conflict(sentence)
                    .hint("set the clock that is wrong, then correct the trail")
                    .into());
            }
            let question =
                format!("this machine's clock says {now}, the database server's {server}; is this one right?");
            return Err(Error::ClockInDoubt(question.into()));
        }
        if corrects || self.origin.clock_is_sure || now - last <= RECENT {
            return Ok(());
        }
        let Some(newest) = corrections::last_recorded(self.db).await? else { return Ok(()) };
        let most = settings::get(self.db, SYSTEM, CLOCK_MAX_JUMP).await?;
        if now - newest <= TimeDelta::days(most.into()) {
            return Ok(());
        }
        let (days, newest, now) = ((now - newest).num_days(), rfc3339(newest), rfc3339(now));
        let question = format!(
            "this machine's clock says {now}, and the last record is of {newest}, {days} days before; is the clock right?"
        );
        Err(Error::ClockInDoubt(question.into()))
    }

    /// Takes the lock at once where it is free; else waits, and says after a second who holds it.
    pub(super) async fn lock_head_postgres(&mut self, org: i32, waiting: &mut dyn FnMut(&str)) -> Result<Option<Row>> {
        if let Some(row) = self.head(org, " for update skip locked").await? {
            return Ok(Some(row));
        }
        let Location::Postgres(url) = self.db.location.clone() else { return Ok(None) };
        let (location, opening) = (self.db.location.clone(), self.db.opening.clone());
        let pid = self.db.one(Sql::new("select pg_backend_pid()").yields([ValueType::Int])).await?.int(0)?;
        let mut holder = None;
        let locked_row = {
            let mut lock = std::pin::pin!(self.head(org, " for update"));
            tokio::select! {
                row = &mut lock => row,
                () = tokio::time::sleep((opening.wait / 2).min(Duration::from_secs(1))) => {
                    // Asked over a connection of its own, while this one stands in the queue.
                    holder = postgres::lock_holder(&url, &location, &opening, pid).await;
                    waiting(&told_of(holder.as_deref().unwrap_or("another command"), opening.wait));
                    lock.await
                }
            }
        };
        match locked_row {
            Err(Error::LockTimeout) => {
                if holder.is_none() {
                    holder = postgres::lock_holder(&url, &location, &opening, pid).await;
                }
                Err(locked(holder.as_deref().unwrap_or("another command"), opening.wait).into())
            }
            other => other,
        }
    }
}
