//! The limit of leavers: it stops a file that deactivates too many records at once.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::run::Run;
use crate::model::problem::Problem;
use crate::model::resource::Record;
use crate::model::setting::{self, Settings};
use crate::model::values::scalar::truncate;
use crate::model::values::value::Value;
use crate::store::records;
use crate::store::tx::Tx;

/// How many may leave at once: half a file must not fire half the company.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum MaxLeavers {
    Percent(u32),
    Number(u64),
    /// As the setting says.
    #[default]
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
}

/// What stops a file.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct LeaverLimit {
    most: MaxLeavers,
    pub force: bool,
}

impl LeaverLimit {
    /// What the flags say.
    pub fn of(most: Option<&str>, force: bool) -> Result<LeaverLimit> {
        Ok(LeaverLimit { most: most.map_or(Ok(MaxLeavers::Setting), MaxLeavers::parse)?, force })
    }

    /// How many of so many may go. However small a share is, `least` may, unless none may.
    pub fn most(&self, all: u64, least: u64, settings: &Settings) -> Result<u64> {
        let percent = match self.most {
            MaxLeavers::Number(n) => return Ok(n),
            MaxLeavers::Percent(percent) => percent,
            MaxLeavers::Setting => settings.get(setting::FEED_MAX_LEAVERS_PERCENT)?,
        };
        let least = if percent > 0 { least } else { 0 };
        Ok((all * u64::from(percent) / 100).max(least))
    }

    /// The same of people. Of nine one may leave, but never the only one.
    pub fn most_people(&self, people: u64, settings: &Settings) -> Result<u64> {
        self.most(people, people.saturating_sub(1).min(1), settings)
    }

    /// How many records of the kind that is imported may be deactivated. To be asked before anything is written.
    pub async fn of_kind(&self, tx: &mut Tx<'_>, run: &Run<'_>) -> Result<Most> {
        if !run.desc.can_be_inactive() {
            // No file deactivates one of them.
            return Ok(Most::default());
        }
        let all = run.stage.in_use(tx.db).await?;
        // One branch is never too many: it is what somebody meant.
        Ok(Most { all, most: self.most(all, 1, &run.settings)? })
    }
}

/// How many of how many may be deactivated.
#[derive(Debug, Default, Clone, Copy)]
pub struct Most {
    all: u64,
    most: u64,
}

impl Most {
    /// Stops where rows have deactivated more.
    pub async fn enforce(&self, tx: &mut Tx<'_>, run: &Run<'_>) -> Result<()> {
        let (n, Most { all, most }) = (run.losing.len() as u64, *self);
        if n <= most || run.import.limit.force {
            return Ok(());
        }
        let (names, plural) = (first_names(tx, run, &run.losing).await?, run.desc.plural());
        Err(stopped(format!(
            "{n} of {all} {plural} are deactivated by the file, and at most {most} may at once: {names}"
        ))
        .into())
    }
}

/// Those whom the message names.
pub const TOLD: usize = 5;

/// Some names, behind which there are more.
pub fn some_of(mut names: Vec<String>, all: usize) -> String {
    if all > names.len() {
        names.push("...".into());
    }
    names.join(", ")
}

/// What the first of some records are called.
pub async fn first_names(tx: &mut Tx<'_>, run: &Run<'_>, who: &[Uuid]) -> Result<String> {
    Ok(some_of(names(tx, run, &who[..who.len().min(TOLD)]).await?, who.len()))
}

/// What some records are called.
pub async fn names(tx: &mut Tx<'_>, run: &Run<'_>, ids: &[Uuid]) -> Result<Vec<String>> {
    let ids: Vec<Value> = ids.iter().map(|id| (*id).into()).collect();
    let found = records::with_ids(tx.db, run.desc, run.stage.org(), &ids).await?;
    let mut names: Vec<String> = found.iter().map(Record::title).collect();
    names.sort();
    Ok(names)
}

/// That the limit stops a file.
pub fn stopped(sentence: String) -> Problem {
    Problem::conflict(sentence)
        .hint("is the file complete? --dry-run --force shows all that would happen")
        .hint("--max-leavers 25% lets more leave, --force any number; the setting is feed.max_leavers_percent")
}
