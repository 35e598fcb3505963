//! Times as people give them.

use anyhow::Result;
use chrono::{DateTime, Datelike as _, Utc};

use super::context::Context;
use super::leaf::FlagGroup;
use crate::model::kinds::Kinds;
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, YEARS};
use crate::model::values::scalar::truncate;
use crate::model::values::zone::{Zone, span};

/// A time as people give it: RFC 3339, a date, a date and time, `2h` or `7d` ago; dates in the operator's zone.
/// The second value is the end of what was named: a whole day for a date.
pub fn time(text: &str, now: DateTime<Utc>, zone: Zone) -> Result<(DateTime<Utc>, DateTime<Utc>), Problem> {
    let text = text.trim();
    let wrong = || {
        Problem::usage(format!("'{}' is no time", truncate(text)))
            .hint("write 2026-11-21, 2026-11-21T09:30:00+05:30, 2h or 7d (ago)")
    };
    let (from, to) = time_of_any_year(text, now, zone, wrong)?;
    if YEARS.contains(&from.year()) && YEARS.contains(&to.year()) { Ok((from, to)) } else { Err(wrong()) }
}

fn time_of_any_year(
    text: &str,
    now: DateTime<Utc>,
    zone: Zone,
    wrong: impl Fn() -> Problem,
) -> Result<(DateTime<Utc>, DateTime<Utc>), Problem> {
    if let Some(span) = span(text) {
        return now.checked_sub_signed(span).map(|t| (t, t)).ok_or_else(wrong);
    }
    zone.read(text).ok_or_else(wrong)
}

impl Context<'_> {
    /// A time that somebody gives now ([`time`]), and the end of what it names.
    pub fn time(&self, text: &str) -> Result<(DateTime<Utc>, DateTime<Utc>), Problem> {
        time(text, self.clock.now(), self.origin.zone)
    }

    /// A time to come, as people give it: RFC 3339, a date (its beginning), or `2h` or `7d` from now.
    pub fn time_to_come(&self, text: &str) -> Result<DateTime<Utc>, Problem> {
        time_to_come(text, self.clock.now(), self.origin.zone)
    }
}

/// From when on, and up to when.
type FromTo = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// `--since` and `--until`
#[derive(clap::Args, Default)]
pub struct Span {
    /// Only from this time or day on: 7d, 2026-11-01
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only up to this time, or to the end of this day
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

impl FlagGroup for Span {
    fn is_of(_: Kinds, desc: &Descriptor) -> bool {
        desc.stays()
    }
}

impl Span {
    /// The beginning of the one, and the end of the other.
    pub fn times(&self, context: &Context<'_>) -> Result<FromTo> {
        let of = |text: &String| context.time(text);
        let (since, until) = (self.since.as_ref().map(of).transpose()?, self.until.as_ref().map(of).transpose()?);
        let (since, until) = (since.map(|(start, _)| start), until.map(|(_, end)| end));
        in_order(since, until)?;
        Ok((since, until))
    }
}

/// Refuses a span that ends before it begins: nothing could be in it.
pub fn in_order(since: Option<DateTime<Utc>>, until: Option<DateTime<Utc>>) -> Result<(), Problem> {
    match (since, until) {
        (Some(since), Some(until)) if until < since => {
            Err(Problem::usage("--until is before --since").hint("write --since EARLIER --until LATER"))
        }
        _ => Ok(()),
    }
}

fn time_to_come(text: &str, now: DateTime<Utc>, zone: Zone) -> Result<DateTime<Utc>, Problem> {
    let (given, _) = time(text, now, zone).map_err(|p| Problem {
        hints: vec!["write 2026-12-24, 2026-12-24T09:30:00+05:30, 2h or 7d (from now)".into()],
        ..p
    })?;
    // What is so long ago is so long from now.
    let meant = if span(text.trim()).is_some() { now + (now - given) } else { given };
    if meant <= now {
        return Err(Problem::usage(format!("'{}' is in the past", truncate(text))).hint("name a time to come"));
    }
    Ok(meant)
}
