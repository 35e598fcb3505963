//! Journals: when their rows were written, how many there are, and letting go of those that are past their time.

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::Command;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::gate::{self, Verb};
use super::invocation::Invocation;
use super::leaf::{FlagGroup, KindVerb, Unused, flags, id};
use super::read::{self, Conditions, Rows};
use super::times::time;
use super::write::{described, dry_run_note};
use crate::model::kinds::system_log::Level;
use crate::model::resource::Descriptor;
use crate::model::resource::verbs::Verb as VerbName;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{ValueType, rfc3339};
use crate::store::records::query::{Query, column};
use crate::store::records::{self, Column};
use crate::store::tx::Tx;
use crate::store::tx::journal::{PRUNED_AT_ONCE, kept_since};
use crate::ui::format::{Listing, OutputColumn, report};

/// The name of the group that counts rows by days.
const DAY: &str = "day";

/// What is counted by.
#[derive(clap::Args, Default)]
pub struct By {
    /// Only by this: a field, or day
    #[arg(long, value_name = "FIELD")]
    pub by: Option<String>,
}

impl FlagGroup for By {}

flags! {
    /// The flags of `stats`.
    pub struct StatsFlags {
        which: Conditions,
        by: By,
    }
}

impl KindVerb for StatsFlags {
    const VERB: VerbName = VerbName::Stats;
    const WRITES: bool = false;
    const UNUSED: Unused = Unused::NONE.columns();

    fn about(desc: &Descriptor) -> String {
        format!("Count {} by what they have in common, and by day", desc.plural())
    }

    fn examples(desc: &Descriptor) -> String {
        format!("orgctl {0} stats --since 30d\norgctl {0} stats --by day -o json", desc.noun)
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let query = read::query(s, desc, &Rows { which: self.which, ..Rows::default() }).await?;
        let all = records::columns(desc);
        let groups: Vec<Option<&Column>> = match self.by.by.as_deref() {
            Some(DAY) => vec![None],
            Some(name) => vec![Some(column(&all, name)?)],
            None => all.iter().filter(|c| c.choices().is_some() || c.is_actor).map(Some).chain([None]).collect(),
        };
        let heads = vec![
            OutputColumn::new("group", ValueType::Text),
            OutputColumn::new("value", ValueType::Text),
            OutputColumn::new(desc.plural(), ValueType::Int),
        ];
        let mut listing = Listing::new(ui, heads, 1);
        for group in groups {
            let name = group.map_or(DAY, |c| c.name.as_str()).to_owned();
            for (value, n) in counts(s, &query, group).await? {
                listing.row(ui, vec![name.clone().into(), value.into(), n.into()])?;
            }
        }
        listing.finish(ui)?;
        ui.flush()?;
        if listing.count() == 0 {
            ui.status(&format!("no {}", desc.plural()));
        }
        Ok(())
    }
}

async fn counts(s: &mut Invocation<'_>, query: &Query, by: Option<&Column>) -> Result<Vec<(Option<String>, i64)>> {
    let zone = s.context.origin.zone;
    let db = s.db().await?;
    match by {
        Some(column) => Ok(query.counts(db, column).await?),
        None => Ok(query.counts_by_day(db, zone).await?.into_iter().map(|(day, n)| (Some(day), n)).collect()),
    }
}

/// Removes rows of a journal that are past their time, as many as go at once.
#[derive(Debug, Serialize, Deserialize)]
pub struct Prune {
    pub noun: String,
    pub org: Option<i32>,
    pub before: DateTime<Utc>,
}

impl Verb for Prune {
    const NAME: &str = "prune";

    type Output = u64;

    fn orgs(&self) -> Vec<i32> {
        Vec::new()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<u64> {
        let desc = described(tx, &self.noun)?;
        Ok(tx.let_go(desc, self.org, self.before, PRUNED_AT_ONCE, true).await?)
    }
}

/// The flags of `prune`.
#[derive(clap::Args, Default)]
pub struct PruneFlags {
    #[arg(long, value_name = "TIME")]
    pub before: Option<String>,
}

impl FlagGroup for PruneFlags {
    fn in_words(c: Command, desc: &Descriptor) -> Command {
        let kept = desc.retention.map_or("", |setting| setting.declared.key);
        c.mut_arg(id!(PruneFlags, before), |a| {
            a.help(format!("Older than this (default: what the setting {kept} says)"))
        })
    }
}

impl KindVerb for PruneFlags {
    const VERB: VerbName = VerbName::Prune;
    const WRITES: bool = true;
    const UNUSED: Unused = Unused::NONE.columns().rows();

    fn about(desc: &Descriptor) -> String {
        format!("Remove {} that are past their time", desc.plural())
    }

    fn examples(desc: &Descriptor) -> String {
        format!("orgctl {0} prune\norgctl {0} prune --before 90d --dry-run", desc.noun)
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        prune(s, desc, self.before.as_deref()).await
    }
}

/// Lets rows go that are past their time, some at a time: what is ended in between is gone on with by the next one.
pub async fn prune(s: &mut Invocation<'_>, desc: &'static Descriptor, before: Option<&str>) -> Result<()> {
    gate::allow(s)?;
    let now = s.context.clock.now();
    let org = s.org_of(desc).await?;
    let before = match before {
        Some(text) => time(text, now, s.context.origin.zone)?.0,
        None => kept_since(s.db().await?, desc, now).await?.unwrap_or(DateTime::<Utc>::MIN_UTC),
    };
    let n = if s.context.dry_run {
        past_their_time(s, desc, org, before).await?
    } else {
        remove(s, desc, org, before).await?
    };
    report(&s.context.ui, &json!({ "removed": n }))?;
    let removed = format!("removed {n} {}", desc.plural());
    s.log(Level::Info, &removed, Map::new());
    s.context.ui.status(&format!("{removed} from before {}", rfc3339(before)));
    dry_run_note(s.context);
    Ok(())
}

async fn past_their_time(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    org: Option<i32>,
    before: DateTime<Utc>,
) -> Result<u64> {
    let mut query = Query { org, ..Query::new(desc, s.context.clock.now()) };
    query.between(None, Some(before));
    Ok(u64::try_from(query.count(s.db().await?).await?)?)
}

async fn remove(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    org: Option<i32>,
    before: DateTime<Utc>,
) -> Result<u64> {
    let some = Prune { noun: desc.noun.into(), org, before };
    let progress = s.context.ui.progress();
    progress.part("removing", None, "rows");
    let mut n = 0;
    let done = loop {
        match gate::write(s, &some).await {
            Ok(0) => break Ok(n),
            Ok(more) => n += more,
            Err(e) => break Err(e),
        }
        progress.set(n);
    };
    progress.finish();
    done
}
