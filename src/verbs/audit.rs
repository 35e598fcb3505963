//! The audit trail: list, tail, stats, show; and below, what proves it.

pub mod append;
pub mod checkpoint;
mod checkpoint_files;
pub mod clock;
pub mod export;
pub mod findings;
pub mod keys;
pub mod lineage;
pub mod log;
pub mod offline;
pub mod proof;
pub mod retention;
pub mod search_words;
mod secrets;
pub mod verify;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::crud::context::Context;
use crate::crud::flags::{limit, within};
use crate::crud::gate;
use crate::crud::history::{EntryList, KeyCache, find_all_or_past_until, resolve_references, search_told};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::read::next_page;
use crate::crud::times::{Span, time};
use crate::model::problem::Problem;
use crate::model::trail::audit::Effect;
use crate::model::values::scalar::truncate;
use crate::model::values::value::{Value, ValueType};
use crate::store::records;
use crate::store::trail::verify::size;
use crate::store::trail::{self, external, retention as stripped};
use crate::store::trail::{CountBy, Entry, PageCursor, Search};
use crate::ui::format::{Format, Listing, OutputColumn, record};
use crate::ui::table;
use crate::ui::text::visible;

/// Rows where nothing else is asked for.
const PAGE: u64 = 50;

/// Records that are read at a time.
const BATCH: u64 = 1000;

/// Between two looks of `tail --follow`.
const PAUSE: Duration = Duration::from_millis(500);

/// Which audit records.
#[derive(clap::Args)]
pub struct Filters {
    #[command(flatten)]
    pub span: Span,
    /// Only on this day: 2026-11-03
    #[arg(long, value_name = "DAY", conflicts_with_all = ["since", "until"])]
    pub on: Option<String>,
    /// Only this action: create, update, delete ...
    #[arg(long, value_name = "ACTION")]
    pub action: Option<String>,
    /// Only this kind of record: org, branch ...
    #[arg(long, value_name = "KIND")]
    pub resource: Option<String>,
    /// Only this record of the kind, also one that is gone; needs --resource
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Only where this field was changed
    #[arg(long, value_name = "FIELD")]
    pub field: Option<String>,
    /// Only where this text stands anywhere
    #[arg(long, value_name = "WORDS")]
    pub text: Option<String>,
    /// Only what this actor did
    #[arg(long, value_name = "NAME")]
    pub actor: Option<String>,
    /// Only from here: cli, cron, ci ...
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// Only with this outcome: success, failed, denied, interrupted
    #[arg(long, value_name = "STATUS", value_parser = ["success", "failed", "denied", "interrupted"], hide_possible_values = true)]
    pub status: Option<String>,
    /// Only what this command did
    #[arg(long, value_name = "UUID")]
    pub request: Option<String>,
}

/// What the filter flags ask for. Who follows the trail may wait for a command that is yet to come.
async fn wanted(s: &mut Invocation<'_>, asked: &Filters, follows: bool) -> Result<Search> {
    let (now, zone) = (s.context.clock.now(), s.context.origin.zone);
    let (mut since, mut until) = asked.span.times(s.context)?;
    if let Some(day) = &asked.on {
        let (start, end) = time(day, now, zone)?;
        if start == end {
            return Err(Problem::usage(format!("'{}' is no day", truncate(day))).hint("write --on 2026-11-03").into());
        }
        (since, until) = (Some(start), Some(end));
    }
    let request_id = match &asked.request {
        Some(id) => Some(
            Uuid::try_parse(id)
                .map_err(|_| Problem::usage(format!("'{id}' is no request id")).hint("write the full id"))?,
        ),
        None => None,
    };
    if let Some(id) = request_id.filter(|_| !follows) {
        search_words::request(s, id).await?;
    }
    let mut tree = s.trail().await?;
    let kind = search_words::kind(s, asked.resource.clone()).await?;
    let mut resources = None;
    if let Some(key) = &asked.key {
        let noun = kind.as_deref().ok_or_else(|| {
            Problem::usage("--key names a record of one kind").hint("say which: --resource user --key asha@x.example")
        })?;
        match s.kinds().by_noun(noun) {
            Some(desc) => {
                let org = if desc.is_org() { None } else { tree };
                let all = find_all_or_past_until(s, desc, org, key, until.filter(|t| *t < now)).await?;
                let of_one = all.iter().all(|g| g.org == all[0].org);
                (tree, resources) = (of_one.then_some(all[0].org), Some(all.iter().map(|g| g.id).collect()));
            }
            // A thing of another application, which has recorded it.
            None => {
                let org = s.the_trail().await?;
                let own = Uuid::try_parse(key).ok();
                let id = external::id(s.db().await?, org, noun, key).await?;
                if own.is_none() && !search_words::is_told_of(s, id).await? {
                    let key = truncate(key);
                    return Err(Problem::not_found(format!("nothing is recorded about {noun} {key}")).into());
                }
                (tree, resources) = (Some(org), Some(vec![own.or(id).unwrap_or_default()]));
            }
        }
    }
    let mut wanted = Search {
        tree,
        resources,
        action: asked.action.clone(),
        actor: asked.actor.clone(),
        source: asked.source.clone(),
        status: asked.status.clone(),
        request_id,
        fields: asked.field.iter().cloned().collect(),
        text: asked.text.clone(),
        since,
        until,
        kind,
        ..Search::default()
    };
    search_words::words(s, &mut wanted).await?;
    Ok(wanted)
}

/// Whether several had the key that is asked about, so that each is told by its id.
fn are_several(wanted: &Search) -> bool {
    wanted.resources.as_ref().is_some_and(|ids| ids.len() > 1)
}

/// The flags of `audit list`.
#[derive(clap::Args)]
pub struct ListFlags {
    #[command(flatten)]
    pub filters: Filters,
    /// Only records before this number; needs --org
    #[arg(long, value_name = "SEQ")]
    pub before: Option<i64>,
    /// Most records to show (default: 50)
    #[arg(long, value_name = "N", value_parser = limit)]
    pub limit: Option<u64>,
    /// Show all records
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
    /// Show the page that the last one named
    #[arg(long, value_name = "TOKEN")]
    pub page: Option<String>,
}

impl Leaf for ListFlags {
    const SPEC: Spec = Spec {
        noun: "audit",
        verb: "list",
        permission: "audit:read",
        writes: false,
        about: "List audit records, newest first",
        examples: "orgctl audit list --since 7d\norgctl audit list --resource branch --action delete --org ACME",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let mut wanted = wanted(s, &self.filters, false).await?;
        wanted.before = self.before;
        if wanted.before.is_some() && wanted.tree.is_none() {
            return Err(Problem::usage("--before counts within one trail").hint("name it with --org").into());
        }
        wanted.behind = self.page.as_ref().map(|token| PageCursor::decode(token)).transpose()?;
        let limit = match self.limit {
            Some(n) => Some(n),
            None if self.all => None,
            None => Some(PAGE),
        };
        let mut list = EntryList::new(s, wanted.tree.is_none(), are_several(&wanted))?;
        let mut next = None;
        loop {
            let left = limit.map_or(BATCH, |l| (l - list.count()).min(BATCH));
            // One more than is shown tells whether there is a next page.
            wanted.limit = Some(left + 1);
            let mut entries = search_told(s, &wanted).await?;
            let is_more = entries.len() as u64 > left;
            entries.truncate(usize::try_from(left)?);
            list.show(s, &entries).await?;
            let last = entries.last().map(PageCursor::of);
            if !is_more || last.is_none() {
                break;
            }
            wanted.behind = last;
            if limit.is_some_and(|l| list.count() >= l) {
                next = last;
                break;
            }
        }
        let shown = list.count();
        list.finish(s.context)?;
        if let Some(next) = next {
            let command = next_page(&s.context.origin.command, &next.encode());
            s.context.ui.status(&format!("{shown} shown, more follow: {command}"));
        }
        Ok(())
    }
}

/// One tree, or all that there are.
async fn trees_of(s: &mut Invocation<'_>, only: Option<i32>) -> Result<Vec<i32>> {
    match only {
        Some(tree) => Ok(vec![tree]),
        None => Ok(trail::trees(s.db().await?).await?),
    }
}

/// The newest records, the oldest of them first, and with `--follow` those that come.
#[derive(clap::Args)]
pub struct TailFlags {
    #[command(flatten)]
    pub filters: Filters,
    /// Records to begin with (default: 10)
    #[arg(long, short = 'n', value_name = "N", value_parser = |text: &str| within(text, 0))]
    pub lines: Option<u64>,
    /// Go on with the records that come
    #[arg(long, short = 'f', conflicts_with_all = ["until", "on"])]
    pub follow: bool,
}

impl Leaf for TailFlags {
    const SPEC: Spec = Spec {
        noun: "audit",
        verb: "tail",
        permission: "audit:read",
        writes: false,
        about: "Show the newest audit records, and those that come",
        examples: "orgctl audit tail\norgctl audit tail -f --status denied",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let follow = self.follow;
        if follow && matches!(ui.style.format.get(), Format::Json | Format::Yaml) {
            return Err(Problem::usage("what goes on has no end to close a list with")
                .hint("follow with -o ndjson")
                .into());
        }
        if ui.style.format.get() == Format::Table {
            // A table waits for all its rows.
            ui.style.format.set(Format::Tsv);
        }
        let mut wanted = wanted(s, &self.filters, follow).await?;
        wanted.limit = Some(self.lines.unwrap_or(10));
        let mut list = EntryList::new(s, wanted.tree.is_none(), are_several(&wanted))?;
        let mut read: BTreeMap<i32, i64> = BTreeMap::new();
        for tree in trees_of(s, wanted.tree).await? {
            let upto = size(s.db().await?, Some(tree)).await?;
            read.insert(tree, i64::try_from(upto)?);
        }
        let mut entries = search_told(s, &wanted).await?;
        entries.retain(|e| read.get(&e.tree).is_some_and(|upto| e.seq <= *upto));
        entries.reverse();
        list.show(s, &entries).await?;
        ui.flush()?;
        if !follow {
            return list.finish(s.context);
        }
        wanted.limit = None;
        loop {
            tokio::time::sleep(PAUSE).await;
            for tree in trees_of(s, wanted.tree).await? {
                let upto = i64::try_from(size(s.db().await?, Some(tree)).await?)?;
                let seen = read.insert(tree, upto).unwrap_or(0);
                if upto > seen {
                    let new = Search {
                        tree: Some(tree),
                        after: Some(seen),
                        before: Some(upto.saturating_add(1)),
                        ..wanted.clone()
                    };
                    let mut entries = search_told(s, &new).await?;
                    entries.reverse();
                    list.show(s, &entries).await?;
                    ui.flush()?;
                }
            }
        }
    }
}

/// Columns of the longest bar.
const CHART: i64 = 30;

/// How many records there are, by what they have in common; on a terminal with a chart.
#[derive(clap::Args)]
pub struct StatsFlags {
    #[command(flatten)]
    pub span: Span,
    /// Only by this: action, resource, actor, source, status or day
    #[arg(long, value_name = "WHAT", value_parser = ["action", "resource", "actor", "source", "status", "day"], hide_possible_values = true)]
    pub by: Option<String>,
}

impl Leaf for StatsFlags {
    const SPEC: Spec = Spec {
        noun: "audit",
        verb: "stats",
        permission: "audit:read",
        writes: false,
        about: "Count audit records by action, actor, day and the like",
        examples: "orgctl audit stats --since 30d\norgctl audit stats --by day -o json",
    };
    const UNUSED: Unused = Unused::NONE.columns();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let zone = s.context.origin.zone;
        let (since, until) = self.span.times(s.context)?;
        let tree = s.trail().await?;
        let by = self.by.as_deref();
        let mut heads = vec![
            OutputColumn::new("group", ValueType::Text),
            OutputColumn::new("value", ValueType::Text),
            OutputColumn::new("records", ValueType::Int),
        ];
        let has_chart = ui.style.format.get() == Format::Table;
        if has_chart {
            heads.push(OutputColumn::new("chart", ValueType::Text));
        }
        let mut listing = Listing::new(ui, heads, 1);
        for group in CountBy::ALL.iter().filter(|g| by.is_none_or(|by| by == g.as_str())) {
            let counts = trail::counts(s.db().await?, tree, *group, zone, since, until).await?;
            let most = counts.iter().map(|(_, n)| *n).max().unwrap_or(0).max(1);
            for (value, n) in counts {
                let mut row: Vec<Value> = vec![group.as_str().into(), value.into(), n.into()];
                if has_chart {
                    let width = usize::try_from((n * CHART + most - 1) / most).unwrap_or(0);
                    row.push("\u{2587}".repeat(width).into());
                }
                listing.row(ui, row)?;
            }
        }
        listing.finish(ui)?;
        ui.flush()?;
        if listing.count() == 0 {
            ui.status("no audit records");
        }
        Ok(())
    }
}

/// One record in full.
#[derive(clap::Args)]
pub struct ShowFlags {
    /// Number of the record
    #[arg(value_name = "SEQ")]
    pub seq: i64,
}

impl Leaf for ShowFlags {
    const SPEC: Spec = Spec {
        noun: "audit",
        verb: "show",
        permission: "audit:read",
        writes: false,
        about: "Show one audit record",
        examples: "orgctl audit show 12 --org ACME\norgctl audit show 1 --org SYSTEM -o json",
    };
    const UNUSED: Unused = Unused::NONE.columns();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let seq = self.seq;
        let tree = s.the_trail().await?;
        let wanted =
            Search { tree: Some(tree), before: Some(seq.saturating_add(1)), limit: Some(1), ..Search::default() };
        let code = records::org_code(s.db().await?, tree).await?;
        let Some(entry) = search_told(s, &wanted).await?.pop().filter(|e| e.seq == seq) else {
            let last = size(s.db().await?, Some(tree)).await?;
            return Err(Problem::not_found(format!("the trail of {code} has no record {seq}"))
                .hint(format!("it goes from 1 to {last}"))
                .into());
        };
        let gone = match entry.payload {
            Some(_) => None,
            None => stripped::gone(s.db().await?, tree, &[seq]).await?.pop().map(|(_, gone)| gone.describe()),
        };
        if s.context.ui.style.format.get() == Format::Table {
            let mut keys = KeyCache::new(s);
            let readable = resolve_references(s, &mut keys, &[entry]).await?;
            for entry in &readable {
                let key = match (entry.key(s.kinds()).map(str::to_owned), s.kinds().by_noun(&entry.kind)) {
                    (Some(key), Some(desc)) => Some(keys.label(s, desc, entry.tree, entry.resource_id, key).await?),
                    (key, _) => key,
                };
                people(s.context, entry, key, &code, gone.as_deref())?;
            }
            return Ok(());
        }
        let json_or_null =
            |v: &Option<Json>| v.clone().map_or(Value::Null(ValueType::Json), |json| Value::Json(Box::new(json)));
        let columns: Vec<(&str, Value)> = vec![
            ("org", code.into()),
            ("seq", entry.seq.into()),
            ("at", entry.at.into()),
            ("recorded_at", entry.recorded_at.into()),
            ("actor", entry.actor.into()),
            ("action", entry.action.into()),
            ("effect", entry.effect.into()),
            ("resource", entry.kind.into()),
            ("resource_id", entry.resource_id.into()),
            ("subject_id", entry.subject_id.into()),
            ("status", entry.status.into()),
            ("source", entry.source.into()),
            ("request_id", entry.request_id.into()),
            ("payload", json_or_null(&entry.payload)),
            ("request", json_or_null(&entry.request)),
            ("leaf", Value::Bytes(entry.leaf.to_vec())),
            ("gone", gone.into()),
        ];
        let heads: Vec<OutputColumn> = columns.iter().map(|(name, v)| OutputColumn::new(*name, kind_of(v))).collect();
        record(&s.context.ui, &heads, 1, columns.into_iter().map(|(_, v)| v).collect())
    }
}

fn kind_of(value: &Value) -> ValueType {
    match value {
        Value::Int(_) => ValueType::Int,
        Value::Time(_) => ValueType::Time,
        Value::Uuid(_) => ValueType::Uuid,
        Value::Bytes(_) => ValueType::Bytes,
        Value::Json(_) => ValueType::Json,
        _ => ValueType::Text,
    }
}

/// For people: who, what, and the difference field by field.
fn people(context: &Context<'_>, e: &Entry, key: Option<String>, code: &str, gone: Option<&str>) -> Result<()> {
    let lines = lines_of(context, e, key, code, gone);
    let lines: Vec<(String, String)> =
        lines.into_iter().map(|(name, value)| (name.to_owned(), visible(&value))).collect();
    let text = table::fields(&context.ui, &lines);
    context.ui.out(&text)?;
    if let Some(payload) = &e.payload {
        differences(context, payload)?;
    }
    context.ui.flush()
}

/// All but the difference.
fn lines_of(
    context: &Context<'_>,
    e: &Entry,
    key: Option<String>,
    code: &str,
    gone: Option<&str>,
) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("record", format!("{code} {}", e.seq)),
        ("at", context.origin.zone.to_seconds(e.at)),
        ("actor", format!("{} ({})", e.actor, e.source)),
        ("action", format!("{} {}", e.action, e.kind)),
    ];
    if e.at != e.recorded_at {
        lines.insert(2, ("clock", format!("was wrong: it said {}", context.origin.zone.to_seconds(e.recorded_at))));
    }
    lines.extend(key.map(|key| ("key", key)));
    if !e.resource_id.is_nil() {
        lines.push(("id", e.resource_id.to_string()));
    }
    // Mostly the action says it, and it is the person's own row.
    if e.effect != e.action && !e.has_effect(Effect::None) {
        lines.push(("effect", e.effect.clone()));
    }
    if let Some(subject) = e.subject_id.filter(|id| *id != e.resource_id) {
        lines.push(("subject", subject.to_string()));
    }
    lines.push(("status", e.status.clone()));
    lines.push(("request", e.request_id.to_string()));
    if let Some(request) = &e.request {
        let words = request["command"].as_array().cloned().unwrap_or_default();
        let command: Vec<String> = words.iter().filter_map(Json::as_str).map(crate::crud::read::quote).collect();
        lines.push(("command", command.join(" ")));
        if let Some(error) = request["error"].as_str() {
            lines.push(("error", error.to_owned()));
        }
    }
    for (name, value) in e.payload.as_ref().and_then(Json::as_object).into_iter().flatten() {
        match (name.as_str(), value) {
            ("reverts", seq) => lines.push(("reverts", format!("{code} {seq}"))),
            ("comment", Json::String(text)) => lines.push(("comment", text.clone())),
            _ => {}
        }
    }
    if e.payload.is_none() {
        lines.push(("payload", gone.unwrap_or("gone, and nothing tells where").to_owned()));
    }
    lines
}

/// What was, and what is since.
fn differences(context: &Context<'_>, payload: &Json) -> Result<()> {
    let ui = &context.ui;
    let none = Map::new();
    let old = payload["old"].as_object().unwrap_or(&none);
    let new = payload["new"].as_object().unwrap_or(&none);
    let text = |v: &Json| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let color = ui.style.color && ui.stdout_is_terminal();
    let side = |sign: char, sgr: &str, field: &str, value: &Json| {
        let line = format!("{sign} {field}: {}", visible(&text(value)));
        for line in table::paragraph(ui, &line) {
            let line = if color { format!("\x1b[{sgr}m{line}\x1b[0m") } else { line };
            ui.out(&format!("{line}\n"))?;
        }
        Ok::<(), anyhow::Error>(())
    };
    let fields: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for field in fields {
        if let Some(value) = old.get(field).filter(|v| !v.is_null()) {
            side('-', "31", field, value)?;
        }
        if let Some(value) = new.get(field).filter(|v| !v.is_null()) {
            side('+', "32", field, value)?;
        }
    }
    Ok(())
}
