//! The system log: what the program itself has to say.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use clap::ArgMatches;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use uuid::Uuid;

use crate::crud::gate::{self, Verb};
use crate::crud::input::{in_order, time};
use crate::crud::read::next_page;
use crate::crud::session::Session;
use crate::crud::write::dry_run_note;
use crate::model::problem::Problem;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, ValueType, rfc3339};
use crate::store::system_log::{self, Level, Wanted};
use crate::store::tx::Tx;
use crate::ui::format::{Format, Listing, OutputColumn, report};

/// Rows where nothing else is asked for.
const PAGE: u64 = 50;

fn token(at: DateTime<Utc>, id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode([&at.timestamp_micros().to_be_bytes()[..], id.as_bytes()].concat())
}

fn parse_token(token: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let bytes: [u8; 24] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
    let (at, id) = bytes.split_first_chunk::<8>()?;
    Some((DateTime::from_timestamp_micros(i64::from_be_bytes(*at))?, Uuid::from_slice(id).ok()?))
}

pub async fn list(s: &mut Session<'_>, m: &ArgMatches) -> Result<()> {
    gate::allow(s)?;
    let now = s.clock.now();
    let text = |name: &str| m.get_one::<String>(name).cloned();
    let behind = match text("page") {
        Some(token) => Some(parse_token(&token).ok_or_else(|| Problem::usage("the page token can't be used here"))?),
        None => None,
    };
    let limit = match m.get_one::<u64>("limit") {
        Some(n) => Some(*n),
        None if m.get_flag("all") => None,
        None => Some(PAGE),
    };
    let since = text("since").map(|t| time(&t, now, s.origin.zone)).transpose()?.map(|(start, _)| start);
    let until = text("until").map(|t| time(&t, now, s.origin.zone)).transpose()?.map(|(_, end)| end);
    in_order(since, until)?;
    let wanted = Wanted {
        org: s.org().await?,
        level: text("level"),
        source: text("command"),
        since,
        until,
        behind,
        // One more than is shown tells whether there is a next page.
        limit: limit.map(|n| n + 1),
    };
    in_order(wanted.since, wanted.until)?;
    let mut found = system_log::list(s.db().await?, &wanted).await?;
    let is_more = limit.is_some_and(|n| found.len() as u64 > n);
    if let Some(limit) = limit {
        found.truncate(usize::try_from(limit)?);
    }
    let for_people = matches!(s.ui.style.format, Format::Table | Format::Tsv);
    let mut heads = vec![
        OutputColumn::new("at", ValueType::Time),
        OutputColumn::new("level", ValueType::Text),
        OutputColumn::new("source", ValueType::Text),
        OutputColumn::new("message", ValueType::Text).change(),
        OutputColumn::new("org", ValueType::Text),
        OutputColumn::new("actor", ValueType::Text),
    ];
    if !for_people {
        heads.extend([
            OutputColumn::new("request_id", ValueType::Uuid),
            OutputColumn::new("context", ValueType::Json),
            OutputColumn::new("id", ValueType::Uuid),
        ]);
    }
    let width = heads.len();
    let mut listing = Listing::new(&s.ui, heads, 0);
    let last = found.last().map(|l| (l.at, l.id));
    for l in found {
        let mut row: Vec<Value> = vec![
            l.at.into(),
            l.level.into(),
            l.source.into(),
            l.message.into(),
            l.org.into(),
            l.actor.into(),
            l.request_id,
            l.context,
            l.id.into(),
        ];
        row.truncate(width);
        listing.row(&mut s.ui, row)?;
    }
    listing.finish(&mut s.ui)?;
    s.ui.flush()?;
    if listing.count() == 0 {
        s.ui.status("the system log has nothing to say");
    }
    if let (true, Some((at, id))) = (is_more, last) {
        let command = next_page(&s.origin.command, &token(at, id));
        s.ui.status(&format!("{} shown, more follow: {command}", listing.count()));
    }
    Ok(())
}

/// Removes messages that are past their time.
#[derive(Debug, Serialize, Deserialize)]
pub struct Prune {
    pub before: DateTime<Utc>,
}

impl Verb for Prune {
    type Output = u64;

    fn orgs(&self) -> Vec<i32> {
        Vec::new()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<u64> {
        tx.prune_log(self.before, None).await
    }
}

pub async fn prune(s: &mut Session<'_>, m: &ArgMatches) -> Result<()> {
    gate::allow(s)?;
    let now = s.clock.now();
    let before = match m.get_one::<String>("before") {
        Some(text) => time(text, now, s.origin.zone)?.0,
        None => now - system_log::retention(s.db().await?).await?,
    };
    let n = gate::write(s, &Prune { before }).await?;
    report(&mut s.ui, &json!({ "removed": n }))?;
    s.log(Level::Info, &format!("removed {n} messages"), Map::new());
    s.ui.status(&format!("removed {n} messages from before {}", rfc3339(before)));
    dry_run_note(s);
    Ok(())
}
