//! What changed in an organisation between two moments.

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::audit::search_words;
use crate::crud::context::Context;
use crate::crud::gate;
use crate::crud::history::{KeyCache, find_all_or_past_until, the_one, untold};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::times::time;
use crate::model::problem::Problem;
use crate::model::values::scalar::truncate;
use crate::model::values::set;
use crate::model::values::value::{Value, ValueType, rfc3339};
use crate::store::records;
use crate::store::trail::diff::{DiffScope, EndState, FieldChange, NetChange, between};
use crate::ui::format::{Format, Listing, OutputColumn};
use crate::ui::layout::ColumnRole;

/// The span of time that a flag names, up to now: a moment, or a whole day.
fn span(context: &Context<'_>, name: &str, text: &str, now: DateTime<Utc>) -> Result<(DateTime<Utc>, DateTime<Utc>)> {
    let (at, end) = time(text, now, context.origin.zone)?;
    if at > now {
        return Err(Problem::usage(format!("'{}' is in the future", truncate(text)))
            .hint(format!("name a time that is gone: --{name} 7d"))
            .into());
    }
    Ok((at, end.min(now)))
}

/// The flags of `audit diff`.
#[derive(clap::Args)]
pub struct DiffFlags {
    /// The first moment, or the beginning of this day: 7d, 2026-11-01
    #[arg(long, value_name = "TIME")]
    pub from: String,
    /// The second moment, or the end of this day (default: now)
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Only this kind of record: org, branch ...
    #[arg(long, value_name = "KIND")]
    pub resource: Option<String>,
    /// Only this record of the kind, also one that is gone; needs --resource
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
}

impl Leaf for DiffFlags {
    const SPEC: Spec = Spec {
        noun: "audit",
        verb: "diff",
        permission: "audit:read",
        writes: false,
        about: "Tell what changed between two moments",
        examples: "orgctl audit diff --from 7d\norgctl audit diff --from 2026-11-01 --to 2026-12-01 --resource user -o json",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let now = s.context.clock.now();
        // From the beginning of the one day to the end of the other.
        let from = span(s.context, "from", &self.from, now)?.0;
        let to = self.to.as_ref().map(|text| span(s.context, "to", text, now)).transpose()?.map_or(now, |(_, end)| end);
        if to < from {
            return Err(Problem::usage("the second moment is before the first")
                .hint("write --from EARLIER --to LATER")
                .into());
        }
        let mut asked = DiffScope {
            tree: s.trail().await?,
            kind: search_words::kind(s, self.resource).await?,
            ..DiffScope::default()
        };
        if let Some(key) = &self.key {
            let desc = asked.kind.as_deref().and_then(|noun| s.kinds().by_noun(noun)).ok_or_else(|| {
                Problem::usage("--key names a record of one kind")
                    .hint("say which: --resource user --key asha@x.example")
            })?;
            let org = if desc.is_org() { None } else { asked.tree };
            // Who had the key at the end of the time that is asked about.
            let until = self.to.as_ref().map(|_| to).filter(|to| *to < now);
            let all = find_all_or_past_until(s, desc, org, key, until).await?;
            let (tree, id) = the_one(desc, key, &all)?;
            (asked.tree, asked.id) = (Some(tree), Some(id));
        }
        let mut table = Table::new(s, asked.tree.is_none())?;
        s.context.ui.status(&format!("from {} to {}", rfc3339(from), rfc3339(to)));
        let mut lost = Vec::new();
        for net in between(s.db().await?, from, to, &asked).await? {
            lost.extend(net.lost.map(|seq| (net.tree, seq)));
            table.show(s, net).await?;
        }
        table.listing.finish(&s.context.ui)?;
        s.context.ui.flush()?;
        if table.listing.count() == 0 {
            s.context.ui.status("nothing changed");
        }
        for (tree, seq) in lost {
            let code = records::org_code(s.db().await?, tree).await?;
            s.context
                .ui
                .warn(&format!("record {seq} of {code} is erased or archived: not all that it changed can be told"));
        }
        Ok(())
    }
}

/// A row for each field that changed, and one for each record that came or went.
struct Table {
    listing: Listing,
    /// Which of all columns are shown.
    wanted: Vec<usize>,
    /// For a person to read, not for a program.
    for_people: bool,
    keys: KeyCache,
}

const COLUMNS: &[(&str, ValueType)] = &[
    ("org", ValueType::Text),
    ("resource", ValueType::Text),
    ("key", ValueType::Text),
    ("resource_id", ValueType::Uuid),
    ("change", ValueType::Text),
    ("field", ValueType::Text),
    ("old", ValueType::Json),
    ("new", ValueType::Json),
];

impl Table {
    fn new(s: &Invocation<'_>, with_org: bool) -> Result<Table> {
        let for_people = matches!(s.context.ui.style.format.get(), Format::Table | Format::Tsv);
        let head = |(name, kind): &(&str, ValueType)| match *name {
            "old" | "new" => OutputColumn::new(*name, *kind).change(),
            // Without them nobody knows what the change below a row is about.
            "change" | "field" => OutputColumn { part: ColumnRole::First, ..OutputColumn::new(*name, *kind) },
            name => OutputColumn::new(name, *kind),
        };
        let heads: Vec<OutputColumn> = COLUMNS.iter().map(head).collect();
        let is_shown = |name: &str| match name {
            "org" => with_org || !for_people,
            "resource_id" => !for_people,
            _ => true,
        };
        let wanted: Vec<usize> =
            (0..heads.len()).filter(|i| s.context.ui.style.columns.is_some() || is_shown(COLUMNS[*i].0)).collect();
        let shown: Vec<OutputColumn> = wanted.iter().map(|i| heads[*i].clone()).collect();
        let key = shown.iter().position(|h| h.name == "key").unwrap_or(0);
        let listing = Listing::new(&s.context.ui, shown, key);
        listing.allowed()?;
        Ok(Table { listing, wanted, for_people, keys: KeyCache::new(s) })
    }

    async fn show(&mut self, s: &mut Invocation<'_>, net: NetChange) -> Result<()> {
        let org = records::org_code(s.db().await?, net.tree).await?;
        let mut key = net.key.clone();
        if let (None, Some(desc)) = (&key, s.kinds().by_noun(&net.kind)) {
            key = records::load(s.db().await?, desc, net.tree, net.id).await?.map(|r| r.key());
        }
        if let (Some(bare), Some(desc)) = (&key, s.kinds().by_noun(&net.kind)) {
            key = Some(self.keys.label(s, desc, net.tree, net.id, bare.clone()).await?);
        }
        let start: [Value; 4] = [org.into(), net.kind.as_str().into(), key.into(), net.id.into()];
        if let Some(became) = net.became {
            let nothing = || Value::Null(ValueType::Json);
            self.row(s.context, &start, [became.as_str().into(), Value::Null(ValueType::Text), nothing(), nothing()])?;
        }
        let kind = s.kinds().by_noun(&net.kind);
        let hidden: Vec<&str> = kind.into_iter().flat_map(|desc| untold(s.context, desc)).map(|f| f.column).collect();
        for difference in net.fields.into_iter().filter(|d| !hidden.contains(&d.column.as_str())) {
            let rest = self.field(s, &net.kind, net.tree, difference).await?;
            self.row(s.context, &start, rest)?;
        }
        Ok(())
    }

    fn row(&mut self, context: &Context<'_>, start: &[Value; 4], rest: [Value; 4]) -> Result<()> {
        let all: Vec<Value> = start.iter().cloned().chain(rest).collect();
        self.listing.row(&context.ui, self.wanted.iter().map(|i| all[*i].clone()).collect())
    }

    /// For people, a reference is told by the key that it has now.
    async fn field(&mut self, s: &mut Invocation<'_>, kind: &str, tree: i32, d: FieldChange) -> Result<[Value; 4]> {
        let field = s.kinds().by_noun(kind).and_then(|desc| desc.field(&d.column));
        let target = field.and_then(|f| f.target());
        let mut sides = [d.old, d.new];
        if !self.for_people {
            let [old, new] =
                sides.map(|v| if v.is_null() { Value::Null(ValueType::Json) } else { Value::Json(Box::new(v)) });
            return Ok([EndState::Updated.as_str().into(), d.column.into(), old, new]);
        }
        for side in &mut sides {
            if let Some(target) = target
                && let Some(key) = self.keys.of(s, target, tree, side).await?
            {
                *side = key.into();
            }
        }
        let name = field.map_or(d.column.as_str(), |f| f.name());
        let [old, new] = sides.map(|v| Value::from(text(&v)));
        Ok([EndState::Updated.as_str().into(), name.into(), old, new])
    }
}

/// A value as people read it.
fn text(value: &Json) -> Option<String> {
    match value {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        Json::Array(members) => {
            let members: Vec<String> = members.iter().filter_map(text).collect();
            (!members.is_empty()).then(|| members.join(&set::SEPARATOR.to_string()))
        }
        other => Some(other.to_string()),
    }
}
