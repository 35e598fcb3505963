//! The schemas that stay on a server when a backup took their place: told of, and dropped.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::crud::context::Context;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::write::dry_run_note;
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::ValueType;
use crate::store::backup::swap_postgres::{self, ReplacedSchema};
use crate::store::engine::location::Location;
use crate::store::tx::Tx;
use crate::ui::format::{Listing, OutputColumn, is_for_programs, report};
use crate::ui::text::size;

/// How it is dropped.
pub const HINT: &str = "'orgctl backup restore --drop-old' drops it";

/// Adds to a report how much is kept, and warns whoever subscribes to what was replaced.
pub async fn measure(s: &mut Invocation<'_>, told: &mut Map<String, Json>, publications: &[String]) -> Result<()> {
    let Some(name) = told.get("old_schema").and_then(Json::as_str).map(str::to_owned) else { return Ok(()) };
    if s.context.dry_run {
        return Ok(());
    }
    let olds = swap_postgres::list_replaced(s.db().await?).await?;
    if let Some(old) = olds.iter().find(|o| o.name == name) {
        told.insert("old_schema_bytes".into(), old.bytes.into());
    }
    if !publications.is_empty() {
        s.context.ui.warn(&format!(
            "publications have other tables now ({}): whoever subscribes holds what was there before; empty the tables there, \
             then ALTER SUBSCRIPTION ... REFRESH PUBLICATION",
            publications.join(", ")
        ));
    }
    Ok(())
}

/// Says what is kept, and what stays with it.
pub fn tell_kept(context: &Context<'_>, told: &Map<String, Json>) {
    let Some(name) = told.get("old_schema").and_then(Json::as_str) else { return };
    let staying = told.get("stays_with_old_schema").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let staying: Vec<&str> = staying.iter().filter_map(Json::as_str).collect();
    if !staying.is_empty() {
        context
            .ui
            .warn(&format!("this stays with the old schema, and shows what was there before: {}", staying.join(", ")));
    }
    if let Some(bytes) = told.get("old_schema_bytes").and_then(Json::as_u64) {
        let kept =
            format!("what was there is kept as the schema {name} ({}), for its owner alone; {HINT}", size(bytes));
        context.ui.status(&kept);
    }
}

/// Sentences about what is kept, for those who look after a database.
pub async fn kept(s: &mut Invocation<'_>) -> Vec<String> {
    if matches!(s.connection.location, Location::Sqlite(_)) {
        return Vec::new();
    }
    // Whoever looks hears of it where that can be asked; nothing else depends on it.
    let Ok(db) = s.unchecked_db().await else { return Vec::new() };
    let olds = swap_postgres::list_replaced(db).await.unwrap_or_default();
    let sentence = |o: &ReplacedSchema| {
        format!("the schema {}, which a backup replaced, is there still ({})", o.name, size(o.bytes))
    };
    olds.iter().map(sentence).collect()
}

/// Drops schemas that were replaced, and tells the trail.
#[derive(Debug, Serialize, Deserialize)]
struct DropOld {
    olds: Vec<ReplacedSchema>,
    /// What goes with them.
    with: Vec<String>,
}

impl Verb for DropOld {
    const NAME: &str = "backup restore --drop-old";

    type Output = ();

    fn orgs(&self) -> Vec<i32> {
        vec![SYSTEM]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("it is about a schema beside this one")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<()> {
        swap_postgres::drop_replaced(tx.db, &self.olds, &self.with).await?;
        let mut told = Map::new();
        told.insert("dropped".into(), self.olds.iter().map(|o| o.name.as_str()).collect());
        told.insert("with".into(), json!(self.with));
        Ok(tx.event(SYSTEM, Action::Backup, "backup", told).await?)
    }
}

/// `backup restore --drop-old`.
pub async fn drop(s: &mut Invocation<'_>, into: Option<&str>) -> Result<()> {
    if let Some(into) = into {
        s.connection.location = Location::parse(into)?;
        s.connection.close().await;
    }
    if matches!(s.connection.location, Location::Sqlite(_)) {
        return Err(Problem::usage("only PostgreSQL keeps an old schema")
            .hint("where a backup took the place of an SQLite file, the backup of that one is the way back")
            .into());
    }
    let db = s.db().await?;
    swap_postgres::require_able(db).await?;
    let olds = swap_postgres::list_replaced(db).await?;
    let with = swap_postgres::goes_with(db, &olds).await?;
    show(s.context, &olds, &with)?;
    if olds.is_empty() {
        s.context.ui.status("no old schema is kept");
        return Ok(());
    }
    let (count, bytes) = (olds.len(), olds.iter().map(|o| o.bytes).sum());
    let what = if count == 1 { format!("the old schema {}", olds[0].name) } else { format!("{count} old schemas") };
    if !with.is_empty() && !s.context.force {
        let sentence = format!("this depends on what would be dropped: {}; nothing was dropped", with.join(", "));
        return Err(Problem::conflict(sentence)
            .hint("make it anew on the schema orgctl; with --force it is dropped too")
            .into());
    }
    if !s.context.dry_run {
        let also = if with.is_empty() { String::new() } else { format!(", and with it {}", with.join(", ")) };
        s.context.ui.confirm(&format!("drop {what} ({}) for good{also}?", size(bytes))).await?;
    }
    gate::write(s, &DropOld { olds, with }).await?;
    let did = if s.context.dry_run { "would drop" } else { "dropped" };
    s.context.ui.status(&format!("{did} {what} ({})", size(bytes)));
    dry_run_note(s.context);
    Ok(())
}

fn show(context: &Context<'_>, olds: &[ReplacedSchema], with: &[String]) -> Result<()> {
    let ui = &context.ui;
    if is_for_programs(ui) {
        let list: Vec<Json> = olds.iter().map(|o| json!({ "schema": o.name, "bytes": o.bytes })).collect();
        return report(ui, &json!({ "old_schemas": list, "with": with, "dry_run": context.dry_run }));
    }
    let heads = vec![OutputColumn::new("schema", ValueType::Text), OutputColumn::new("bytes", ValueType::Int)];
    let mut listing = Listing::new(ui, heads, 0);
    for old in olds {
        let row = vec![old.name.clone().into(), i64::try_from(old.bytes).unwrap_or(i64::MAX).into()];
        listing.row(ui, row)?;
    }
    listing.finish(ui)?;
    ui.flush()
}
