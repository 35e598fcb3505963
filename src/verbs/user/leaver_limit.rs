//! The limit of leavers among people: it stops a file that takes away the access of too many, by not naming them or by what
//! it says of them.

use std::collections::BTreeSet;

use anyhow::Result;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::crud::import::Run;
use crate::crud::import::kind_limit::first_names;
use crate::crud::import::limit::stopped;
use crate::model::kinds::user::CAN_LOGIN;
use crate::model::resource::Record;
use crate::store::tx::Tx;

/// Who seems to have left, of how many, and how many may at once.
pub struct Absentees {
    pub absent: Vec<Uuid>,
    all: u64,
    most: u64,
}

impl Absentees {
    pub fn new(run: &Run<'_>, users: u64, absent: Vec<Uuid>) -> Result<Absentees> {
        Ok(Absentees { absent, all: users, most: run.import.limit.most_people(users, &run.settings)? })
    }

    /// Stops where more of those that are not in the file than may would leave.
    pub async fn enforce(&self, tx: &mut Tx<'_>, run: &Run<'_>) -> Result<()> {
        self.stop(tx, run, &self.absent, "are not in the file").await
    }

    /// Once all rows are written: those whose access rows take away count, and those whom a feed lets leave, each once.
    pub async fn enforce_after_write(&self, tx: &mut Tx<'_>, run: &Run<'_>, are_leaving: bool) -> Result<()> {
        if run.losing.is_empty() {
            return Ok(());
        }
        let mut who: BTreeSet<Uuid> = run.losing.iter().copied().collect();
        let mut lose = "lose their access by the file";
        if are_leaving && !self.absent.is_empty() {
            who.extend(&self.absent);
            lose = "are not in the file or lose their access by it";
        }
        self.stop(tx, run, &who.into_iter().collect::<Vec<_>>(), lose).await
    }

    async fn stop(&self, tx: &mut Tx<'_>, run: &Run<'_>, who: &[Uuid], lose: &str) -> Result<()> {
        let (n, Absentees { most, all, .. }) = (who.len() as u64, self);
        if n <= *most || run.import.limit.force {
            return Ok(());
        }
        let names = first_names(tx, run, who).await?;
        Err(stopped(format!("{n} of {all} users {lose}, and at most {most} may leave at once: {names}")).into())
    }
}

/// Whether somebody who had access to what the organisation has loses it, whatever says so.
pub fn loses_access(before: &Record, after: &Record, at: DateTime<Utc>) -> bool {
    before.has_access(at) && (!after.has_access(at) || (before.is_true(CAN_LOGIN) && !after.is_true(CAN_LOGIN)))
}
