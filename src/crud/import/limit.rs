//! The limit of leavers: it stops a file that deactivates too many records at once.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::model::problem::Problem;
use crate::model::setting::{self, Settings};
use crate::model::values::scalar::truncate;

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

/// That the limit stops a file.
pub fn stopped(sentence: String) -> Problem {
    Problem::conflict(sentence)
        .hint("is the file complete? --dry-run --force shows all that would happen")
        .hint("--max-leavers 25% lets more leave, --force any number; the setting is feed.max_leavers_percent")
}
