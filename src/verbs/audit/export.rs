//! The trail for others: as lines that prove themselves, as a table, or as events of a security product.

use anyhow::Result;
use serde_json::Value as Json;

use super::{BATCH, Filters, wanted};
use crate::crud::gate;
use crate::crud::history::EntryList;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::read::{Exported, record_export};
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::trail::audit;
use crate::model::trail::export::{TrailHeader, end_line, record_line, request_line};
use crate::model::trail::ocsf::Event;
use crate::store::engine::db::Db;
use crate::store::records;
use crate::store::trail::corrections::last_before;
use crate::store::trail::lineage::logs;
use crate::store::trail::verify::{TrailItem, each, frontier_at, size};
use crate::store::trail::{Entry, Search, search, trees};
use crate::ui::atomic_file::RedirectedOutput;
use crate::ui::format::{Format, export_format};

/// A tree and the stretch of it that is handed out.
struct Stretch {
    tree: i32,
    first: i64,
    last: i64,
}

/// The flags of `audit export`.
#[derive(clap::Args)]
pub struct ExportFlags {
    /// File to write (default: standard output)
    #[arg(value_name = "FILE")]
    pub file: Option<String>,
    #[command(flatten)]
    pub filters: Filters,
}

impl Leaf for ExportFlags {
    const SPEC: Spec = Spec {
        noun: "audit",
        verb: "export",
        permission: "audit:export",
        writes: false,
        about: "Write the trail for others: as lines that prove themselves, as CSV, or as OCSF events",
        examples: "orgctl audit export trail.jsonl --org SAHYADRI\norgctl audit export --since 30d -o ocsf\norgctl audit export --action delete -o csv > deleted.csv",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let format = export_format(ui, self.file.as_ref(), Format::Ndjson);
        let asked = wanted(s, &self.filters, false).await?;
        let picks = asked != Search { tree: asked.tree, since: asked.since, until: asked.until, ..Search::default() };
        if format == Format::Ndjson && picks {
            return Err(Problem::usage(
                "what proves itself leaves nothing out: only --since, --until and --on pick records",
            )
            .hint("-o csv and -o ocsf take the other conditions")
            .into());
        }
        let chosen = ui.style.columns_typed;
        if chosen && matches!(format, Format::Ndjson | Format::Ocsf) {
            return Err(Problem::usage("--columns picks columns of a table, and these lines have none")
                .hint("-o csv takes --columns")
                .into());
        }
        let file = self.file.as_ref();
        let told = Exported::new(audit::KIND, asked.tree.unwrap_or(SYSTEM), format, file, false);
        record_export(s, &told).await?;
        let stretches = stretches(s, &asked).await?;
        if s.context.dry_run {
            let n: i64 =
                stretches.iter().map(|t| t.last.saturating_sub(t.first).saturating_add(1)).fold(0, i64::saturating_add);
            ui.status(&format!("dry run: would export {n} audit records; nothing was handed out"));
            return Ok(());
        }
        let to = RedirectedOutput::begin(ui, file, false)?;
        ui.style.format.set(format);
        let done = match format {
            Format::Ndjson => lines(s, &stretches).await,
            Format::Ocsf => events(s, &asked, &stretches).await,
            _ => table(s, &asked, &stretches).await,
        };
        match to {
            Some(to) => to.end(ui, done)?,
            None => {
                done?;
                ui.flush()?;
            }
        }
        if let Some(file) = file.filter(|f| *f != "-") {
            ui.status(&format!("exported the audit trail to {file}"));
        }
        Ok(())
    }
}

/// What the times name: as times never run backwards, a stretch of each tree.
async fn stretches(s: &mut Invocation<'_>, asked: &Search) -> Result<Vec<Stretch>> {
    let db = s.db().await?;
    let all = match asked.tree {
        Some(tree) => vec![tree],
        None => trees(db).await?,
    };
    let mut found = Vec::new();
    for tree in all {
        let first = match asked.since {
            Some(since) => last_before(db, tree, since).await?.saturating_add(1),
            None => 1,
        };
        let last = match asked.until {
            Some(until) => last_before(db, tree, until).await?,
            None => i64::try_from(size(db, Some(tree)).await?)?,
        };
        if first <= last {
            found.push(Stretch { tree, first, last });
        }
    }
    Ok(found)
}

/// One stretch as lines, written by `out`.
pub async fn stretch_lines(
    db: &mut Db,
    tree: i32,
    (first, last): (i64, i64),
    mut out: impl FnMut(&str) -> Result<()>,
) -> Result<()> {
    let trail = TrailHeader {
        tree,
        origin: logs(db).await?.origin(tree),
        org: records::org_code(db, tree).await?,
        from: first,
        frontier: frontier_at(db, tree, first - 1).await?,
    };
    out(&trail.to_line()?)?;
    let mut frontier = trail.frontier;
    each(db, tree, first, last, |piece| match piece {
        TrailItem::Request(request) => Ok(out(&request_line(&request)?)?),
        TrailItem::Record(record) => {
            frontier.append(record.leaf);
            Ok(out(&record_line(&record)?)?)
        }
    })
    .await?;
    out(&end_line(&frontier)?)
}

async fn lines(s: &mut Invocation<'_>, stretches: &[Stretch]) -> Result<()> {
    s.db().await?;
    let progress = s.context.ui.progress();
    let records = |t: &Stretch| u64::try_from(t.last.saturating_sub(t.first)).unwrap_or(0).saturating_add(1);
    let total = stretches.iter().map(records).fold(0, u64::saturating_add);
    progress.part("writing", Some(total), "records");
    let Some(mut db) = s.connection.take() else { return Ok(()) };
    let ui = &s.context.ui;
    let mut n = 0;
    let mut done = Ok(());
    for stretch in stretches {
        done = stretch_lines(&mut db, stretch.tree, (stretch.first, stretch.last), |line| {
            n += 1;
            if progress.is_shown() && n % 1024 == 0 {
                progress.set(n);
            }
            ui.out(line)
        })
        .await;
        if done.is_err() {
            break;
        }
    }
    progress.finish();
    s.connection.put(db);
    done
}

/// Hands on the entries of a stretch that are asked for, the oldest first, some at a time.
async fn pieces(
    s: &mut Invocation<'_>,
    asked: &Search,
    stretch: &Stretch,
    mut take: impl AsyncFnMut(&mut Invocation<'_>, Vec<Entry>) -> Result<()>,
) -> Result<()> {
    let step = i64::try_from(BATCH)?;
    let mut after = stretch.first - 1;
    while after < stretch.last {
        let before = after.saturating_add(step).min(stretch.last).saturating_add(1);
        let some = Search {
            tree: Some(stretch.tree),
            after: Some(after),
            before: Some(before),
            since: None,
            until: None,
            limit: None,
            ..asked.clone()
        };
        let mut entries = search(s.db().await?, &some).await?;
        entries.reverse();
        take(s, entries).await?;
        after = before - 1;
    }
    Ok(())
}

async fn table(s: &mut Invocation<'_>, asked: &Search, stretches: &[Stretch]) -> Result<()> {
    let mut list = EntryList::new(s, true, false)?;
    for stretch in stretches {
        pieces(s, asked, stretch, async |s, entries| list.show(s, &entries).await).await?;
    }
    list.finish(s.context)
}

async fn events(s: &mut Invocation<'_>, asked: &Search, stretches: &[Stretch]) -> Result<()> {
    let logs = logs(s.db().await?).await?;
    for stretch in stretches {
        let code = records::org_code(s.db().await?, stretch.tree).await?;
        let origin = logs.origin(stretch.tree);
        pieces(s, asked, stretch, async |s, entries| {
            for e in &entries {
                let event = Event {
                    origin: &origin,
                    org: &code,
                    seq: e.seq,
                    at: e.at,
                    recorded_at: e.recorded_at,
                    action: &e.action,
                    effect: &e.effect,
                    kind: &e.kind,
                    resource_id: e.resource_id.to_string(),
                    subject_id: e.subject_id.map(|id| id.to_string()),
                    key: e.key(s.kinds()),
                    status: &e.status,
                    source: &e.source,
                    request_id: e.request_id.to_string(),
                    actor: &e.actor,
                    payload: e.payload.as_ref().unwrap_or(&Json::Null),
                    request: e.request.as_ref().unwrap_or(&Json::Null),
                };
                s.context.ui.out(&format!("{}\n", event.to_json()))?;
            }
            Ok(())
        })
        .await?;
    }
    Ok(())
}
