//! The limit of leavers: it stops a file that takes away the access of too many, by not naming them or by what it says of them.
//! Who deactivates an organisation takes away the access of everybody in it.

use std::collections::BTreeSet;

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::ArgMatches;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::sync::{Feed, Leavers, names};
use crate::model::kinds::user::{CAN_LOGIN, User};
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Record};
use crate::model::setting::{self, Settings};
use crate::model::values::scalar::{Noun, truncate};
use crate::model::values::value::Value;
use crate::store::import::stage::Stage;
use crate::store::records;
use crate::store::records::people;
use crate::store::tx::Tx;

/// How many may leave at once: half a file must not fire half the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum MaxLeavers {
    Percent(u32),
    Number(u64),
    /// As the setting says.
    Setting,
}

impl MaxLeavers {
    fn parse(text: &str) -> Result<MaxLeavers, Problem> {
        let wrong = || {
            Problem::usage(format!("'{}' is no number of leavers", truncate(text)))
                .hint("write --max-leavers 10% or --max-leavers 25")
        };
        match text.trim().strip_suffix('%') {
            Some(percent) => {
                let percent = percent.trim().parse().ok().filter(|p| *p <= 100).ok_or_else(wrong)?;
                Ok(MaxLeavers::Percent(percent))
            }
            None => Ok(MaxLeavers::Number(text.trim().parse().map_err(|_| wrong())?)),
        }
    }

    /// The number, of so many. However small a share is, `least` may go, unless none may.
    fn of(self, all: u64, least: u64, settings: &Settings) -> Result<u64> {
        let percent = match self {
            MaxLeavers::Number(n) => return Ok(n),
            MaxLeavers::Percent(percent) => percent,
            MaxLeavers::Setting => settings.get(setting::FEED_MAX_LEAVERS_PERCENT)?,
        };
        let least = if percent > 0 { least } else { 0 };
        Ok((all * u64::from(percent) / 100).max(least))
    }

    /// The number of users. Of nine people one may leave, but never the only one.
    fn of_users(self, users: u64, settings: &Settings) -> Result<u64> {
        self.of(users, users.saturating_sub(1).min(1), settings)
    }
}

/// What stops a file.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct LeaverLimit {
    most: MaxLeavers,
    force: bool,
}

/// Who seems to have left, of how many, and how many may at once.
#[derive(Default)]
pub struct Absentees {
    pub absent: Vec<Uuid>,
    all: u64,
    most: u64,
    /// The same of the users in organisations that are deactivated.
    users: u64,
    most_users: u64,
}

/// Those whom the message names.
const TOLD: usize = 5;

/// The first of some names.
fn first(mut names: Vec<String>, all: usize) -> String {
    if all > names.len() {
        names.push("...".into());
    }
    names.join(", ")
}

impl LeaverLimit {
    /// What the flags say, which only the import of a kind has that they mean something for.
    pub fn of(m: &ArgMatches) -> Result<LeaverLimit> {
        let most = m.try_get_one::<String>("max-leavers").ok().flatten();
        let force = m.try_get_one::<bool>("force").ok().flatten() == Some(&true);
        Ok(LeaverLimit { most: most.map_or(Ok(MaxLeavers::Setting), |t| MaxLeavers::parse(t))?, force })
    }

    /// How many may go by a file that is not the whole truth. To be asked before anything is written.
    pub async fn leaving(&self, tx: &mut Tx<'_>, stage: &Stage, settings: &Settings) -> Result<Absentees> {
        if !stage.desc().can_be_inactive() {
            // No file deactivates one of them.
            return Ok(Absentees::default());
        }
        let all = stage.in_use(tx.db).await?;
        if stage.desc().noun == User::NOUN {
            return self.of_users(all, Vec::new(), settings);
        }
        // One branch is never too many: it is what somebody meant.
        let most = self.most.of(all, 1, settings)?;
        let users = if stage.desc().is_org() { people::count_active(tx.db, None).await? } else { 0 };
        let most_users = self.most.of_users(users, settings)?;
        Ok(Absentees { absent: Vec::new(), all, most, users, most_users })
    }

    /// How many of so many users may leave, where some seem to have.
    pub fn of_users(&self, users: u64, absent: Vec<Uuid>, settings: &Settings) -> Result<Absentees> {
        let most = self.most.of_users(users, settings)?;
        Ok(Absentees { absent, all: users, most, ..Absentees::default() })
    }

    /// Stops where more users than may lose their access.
    pub async fn enforce_leaver_limit(
        &self,
        tx: &mut Tx<'_>,
        stage: &Stage,
        leaving: &Absentees,
        who: &[Uuid],
        lose: &str,
    ) -> Result<()> {
        let (n, Absentees { most, all, .. }) = (who.len() as u64, leaving);
        if n <= *most || self.force {
            return Ok(());
        }
        let names = names(tx, stage.desc(), stage.org(), &who[..who.len().min(TOLD)]).await?;
        let names = first(names, who.len());
        let sentence = match stage.desc().noun == User::NOUN {
            true => format!("{n} of {all} users {lose}, and at most {most} may leave at once: {names}"),
            false => {
                let table = plural(stage.desc());
                format!("{n} of {all} {table} are deactivated by the file, and at most {most} may at once: {names}")
            }
        };
        Err(stopped(sentence).into())
    }

    /// Once all rows are written: those whose access rows take away count, and those whom a feed does not name, each once.
    pub async fn enforce_after_write(
        &self,
        tx: &mut Tx<'_>,
        stage: &Stage,
        leaving: &Absentees,
        feed: Option<&Feed>,
        losing: &[Uuid],
    ) -> Result<()> {
        if losing.is_empty() {
            return Ok(());
        }
        let mut who: BTreeSet<Uuid> = losing.iter().copied().collect();
        let mut lose = "lose their access by the file";
        if feed.is_some_and(|f| f.leavers != Leavers::Report) && !leaving.absent.is_empty() {
            who.extend(&leaving.absent);
            lose = "are not in the file or lose their access by it";
        }
        let who: Vec<Uuid> = who.into_iter().collect();
        if stage.desc().is_org() {
            self.enforce_for_orgs(tx, stage, leaving, &who).await?;
        }
        self.enforce_leaver_limit(tx, stage, leaving, &who, lose).await
    }

    /// Stops where too many people are in the organisations that are deactivated.
    async fn enforce_for_orgs(&self, tx: &mut Tx<'_>, stage: &Stage, leaving: &Absentees, orgs: &[Uuid]) -> Result<()> {
        let ids: Vec<Value> = orgs.iter().map(|id| (*id).into()).collect();
        let mut going: Vec<(u64, String)> = Vec::new();
        for org in records::with_ids(tx.db, stage.desc(), None, &ids).await? {
            let users = people::count_active(tx.db, Some(org.meta.org_id)).await?;
            if users > 0 {
                going.push((users, org.title()));
            }
        }
        let (n, Absentees { users, most_users, .. }) = (going.iter().map(|(users, _)| users).sum::<u64>(), leaving);
        if n <= *most_users || self.force {
            return Ok(());
        }
        // Those that hold most of them.
        going.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let names = going.iter().take(TOLD).map(|(users, title)| format!("{users} of {title}")).collect();
        let names = first(names, going.len());
        Err(stopped(format!(
            "{n} of {users} users lose their access by the file, with their organisations, \
             and at most {most_users} may leave at once: {names}"
        ))
        .into())
    }
}

fn plural(desc: &Descriptor) -> &'static str {
    if desc.is_org() { "organisations" } else { desc.table }
}

fn stopped(sentence: String) -> Problem {
    Problem::conflict(sentence)
        .hint("is the file complete? --dry-run --force shows all that would happen")
        .hint("--max-leavers 25% lets more leave, --force any number; the setting is feed.max_leavers_percent")
}

/// Whether somebody may sign in now.
pub fn may_sign_in(r: &Record, at: DateTime<Utc>) -> bool {
    r.has_access(at) && r.is_true(CAN_LOGIN)
}

/// Whether somebody who had access to what the organisation has loses it, whatever says so; whether what was in use is no
/// longer.
pub fn loses_access(before: &Record, after: &Record, at: DateTime<Utc>) -> bool {
    before.has_access(at) && (!after.has_access(at) || (before.is_true(CAN_LOGIN) && !after.is_true(CAN_LOGIN)))
}
