//! purge: removing for good what is deleted. Its history stays.

use std::collections::HashSet;

use anyhow::Result;
use clap::Command;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::contents;
use super::flags::{ASKED_GROUP, Named};
use super::gate::{self, Verb};
use super::invocation::Invocation;
use super::keys::keys;
use super::leaf::{FlagGroup, KindVerb, Unused};
use super::lookup::find_each_deleted;
use super::remove::{FIRST, first_keys, lines};
use super::seed;
use super::write::{Target, described, dry_run_note};
use crate::model::problem::Problem;
use crate::model::resource::lifetime::{Consequence, TargetEvent};
use crate::model::resource::verbs::Verb as VerbName;
use crate::model::resource::{Descriptor, Field, Record, examples};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, ValueType, rfc3339};
use crate::store::records::pointing::{Pointing, RecordAt, alike, all_of, pointing_at, read};
use crate::store::records::query::{Query, column};
use crate::store::records::{self, Deleted, Dependants, blocking, count};
use crate::store::tx::Tx;

/// Removes deleted records for good. Their history stays.
#[derive(Debug, Serialize, Deserialize)]
pub struct Purge {
    pub noun: String,
    pub targets: Vec<Target>,
}

impl Verb for Purge {
    const NAME: &str = "purge";

    type Output = u64;

    fn orgs(&self) -> Vec<i32> {
        self.targets.iter().map(|t| t.org).collect()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<u64> {
        let desc = described(tx, &self.noun)?;
        let records = Target::load_all(&self.targets, tx, desc).await?;
        if let Some(live) = records.iter().find(|r| r.is_live()) {
            let sentence = format!("{} is not deleted", live.title());
            return Err(Problem::conflict(sentence).hint("delete it first").into());
        }
        let places: Vec<RecordAt> = records.iter().map(RecordAt::of).collect();
        if !desc.is_org() {
            seed::keep(tx.db, &places).await?;
        }
        tx.write_protected(desc.is_org());
        let going: HashSet<Uuid> = places.iter().map(|r| r.id).collect();
        let deletion = tx.new_id();
        for record in records.iter().filter(|r| r.meta.deleted_at.is_none()) {
            delete_before_purge(tx, record, deletion).await?;
        }
        drop(records);
        let mut purged = 0;
        for some in alike(&places) {
            purged += purge_what_points_at(tx, some, &going).await?;
        }
        for some in alike(&places) {
            // Read again: what was purged before it may have changed it.
            let records = read(tx.db, some).await?;
            tx.purge_all(&records).await?;
            purged += records.len() as u64;
        }
        tx.write_protected(false);
        Ok(purged)
    }
}

/// What has ended was never deleted: what its deletion asks for is asked for now.
async fn delete_before_purge(tx: &mut Tx<'_>, ended: &Record, deletion: Uuid) -> Result<()> {
    let blocking = blocking(tx.db, ended, TargetEvent::Delete).await?;
    if blocking.iter().any(|d| !d.records.is_empty()) {
        let by: Vec<Dependants> = blocking.into_iter().filter(|d| !d.records.is_empty()).collect();
        let list: Vec<String> = by.iter().map(Dependants::describe).collect();
        let sentence = format!("{} can't be purged: {} depend on it", ended.title(), list.join("; "));
        return Err(Problem::conflict(sentence).hint("let them point at another one first, or delete them").into());
    }
    contents::delete_contents(tx, ended, deletion).await
}

/// With an organisation goes all that was in it. Other records that are still pointed at, by deleted ones, stay. `some` are of
/// one kind and organisation.
async fn purge_what_points_at(tx: &mut Tx<'_>, some: &[RecordAt], going: &HashSet<Uuid>) -> Result<u64> {
    if some[0].desc.is_org() {
        let mut purged = 0;
        for org in some {
            purged += purge_org(tx, org.org).await?;
        }
        return Ok(purged);
    }
    let mut purged = purge_contents(tx, some, going).await?;
    // Who is in charge of what is open is in no foreign key, and yet not there any more when that comes back.
    let counts = |d: &Descriptor, f: &Field| {
        d.effect(f, TargetEvent::Purge) == Consequence::Detaches || d.is_in_charge_while_open(f)
    };
    let pointing = pointing_at(tx.db, some, Deleted::Include, counts).await?;
    for mut d in together(pointing) {
        let Some(field) = d.field else { continue };
        d.records.retain(|r| !d.desc.is_in_charge_while_open(field) || r.is_open);
        if d.desc != some[0].desc && !field.ty.required {
            // A deleted branch and its deleted manager may point at each other: neither could go first.
            detach(tx, &d.records, field).await?;
            continue;
        }
        d.records.retain(|r| !going.contains(&r.id));
        if d.desc.link().is_some() {
            // What gave it once goes with it.
            purged += purge_within(tx, &d.records, going).await?;
        } else if !d.records.is_empty() {
            return Err(still_points(tx, some[0].desc, &d, field).await?.into());
        }
    }
    Ok(purged)
}

async fn still_points(tx: &mut Tx<'_>, kind: &'static Descriptor, by: &Pointing, field: &Field) -> Result<Problem> {
    let at = by.records[0];
    let who = read(tx.db, &[at]).await?.into_iter().next();
    let id = who.as_ref().and_then(|who| who.get(field.column).as_uuid()).unwrap_or_default();
    let whom = tx.load(kind, at.org, id).await?.map_or_else(|| id.to_string(), |r| r.title());
    let who = who.map_or_else(|| at.id.to_string(), |r| r.title());
    let (noun, name) = (by.desc.noun, field.name());
    Ok(Problem::conflict(format!("{whom} can't be purged: {who} still points at it ({name})"))
        .hint(format!("purge them together: orgctl {noun} purge {id} {}", at.id)))
}

/// What points at any of some records, by the field.
fn together(pointing: Vec<Vec<Pointing>>) -> Vec<Pointing> {
    let mut all: Vec<Pointing> = Vec::new();
    for d in pointing.into_iter().flatten() {
        let is_same =
            |known: &&mut Pointing| known.desc == d.desc && known.field.map(|f| f.column) == d.field.map(|f| f.column);
        match all.iter_mut().find(is_same) {
            Some(known) => known.records.extend(d.records),
            None => all.push(d),
        }
    }
    all
}

/// Lets records point at nothing.
async fn detach(tx: &mut Tx<'_>, places: &[RecordAt], field: &Field) -> Result<()> {
    for some in alike(places) {
        let nothing = |before: Record| {
            let mut after = before.clone();
            after.set(field.column, Value::Null(ValueType::Uuid));
            (before, after)
        };
        let changes = read(tx.db, some).await?.into_iter().map(nothing).collect();
        tx.update_all(changes, &Action::Update.into()).await?;
    }
    Ok(())
}

/// Purges all that is in an organisation; how much of which is told.
async fn purge_org(tx: &mut Tx<'_>, org: i32) -> Result<u64> {
    let mut purged = 0;
    for desc in tx.kinds().resources().rev().filter(|d| !d.is_org()) {
        if !desc.is_recorded() {
            // What nothing is recorded of goes as it is.
            tx.clear(desc, org, None).await?;
            continue;
        }
        tx.flush().await?;
        for some in alike(&all_of(tx.db, desc, org, Deleted::Include).await?) {
            let records = read(tx.db, some).await?;
            tx.purge_all(&records).await?;
            purged += records.iter().filter(|r| desc.is_told() && !r.is_seed()).count() as u64;
        }
    }
    Ok(purged)
}

/// Purges what is within records that are purged, whoever deleted it. How many records. `some` are of one kind and organisation.
pub async fn purge_contents(tx: &mut Tx<'_>, some: &[RecordAt], going: &HashSet<Uuid>) -> Result<u64> {
    let mut purged = 0;
    let Some(RecordAt { desc: kind, org, .. }) = some.first().copied() else { return Ok(0) };
    for (desc, field) in tx.kinds().referring_to(kind).into_iter().filter(|(d, _)| !d.is_recorded()) {
        if desc.effect(field, TargetEvent::Purge) == Consequence::Follows {
            let ids: Vec<Uuid> = some.iter().map(|r| r.id).collect();
            tx.clear(desc, org, Some((field, &ids))).await?;
        }
    }
    let follows = |d: &Descriptor, f: &Field| d.effect(f, TargetEvent::Purge) == Consequence::Follows;
    for d in together(pointing_at(tx.db, some, Deleted::Include, follows).await?) {
        purged += purge_within(tx, &d.records, going).await?;
    }
    Ok(purged)
}

async fn purge_within(tx: &mut Tx<'_>, places: &[RecordAt], going: &HashSet<Uuid>) -> Result<u64> {
    let mut purged = 0;
    for some in alike(places) {
        purged += Box::pin(purge_what_points_at(tx, some, going)).await?;
        // Read again: what was purged before it may have changed it, or taken it along.
        let records = read(tx.db, some).await?;
        tx.purge_all(&records).await?;
        purged += records.iter().filter(|r| r.desc.is_told()).count() as u64;
    }
    Ok(purged)
}

/// What goes for good; with an organisation all that was in it.
async fn purge_lines(s: &mut Invocation<'_>, records: &[Record]) -> Result<Vec<String>> {
    let places: Vec<RecordAt> = records.iter().map(RecordAt::of).collect();
    let kinds = s.kinds();
    let mut all = lines(s.db().await?, kinds, "purge", &places, "").await?;
    let titles = |at: &RecordAt| records.iter().find(|r| r.meta.id == at.id).map_or_else(String::new, Record::title);
    let is_told = |d: &Descriptor, f: &Field| d.is_told() && d.effect(f, TargetEvent::Purge) == Consequence::Follows;
    for some in alike(&places).filter(|some| !some[0].desc.is_org()) {
        let within = pointing_at(s.db().await?, some, Deleted::Include, is_told).await?;
        for (record, d) in some.iter().zip(within).flat_map(|(r, all)| all.into_iter().map(move |d| (r, d))) {
            let tail = format!(" of {}", titles(record));
            all.extend(lines(s.db().await?, kinds, "purge", &d.records, &tail).await?);
        }
    }
    for org in records.iter().filter(|r| r.desc.is_org()) {
        for desc in s.kinds().resources().filter(|d| !d.is_org() && d.is_recorded() && d.is_told()) {
            let mut query =
                Query { org: Some(org.meta.org_id), life: Deleted::Include, ..Query::new(desc, s.context.clock.now()) };
            let n = usize::try_from(query.count(s.db().await?).await?)?;
            if n > 0 {
                query.columns = vec![column(&query.columns, "id")?.clone()];
                query.limit = Some(FIRST as u64);
                let rows = query.page(s.db().await?).await?.rows;
                let places: Vec<_> = rows.iter().map(|r| Ok((org.meta.org_id, r.uuid(0)?))).collect::<Result<_>>()?;
                let mut keys: Vec<String> = records::with_record_ids(s.db().await?, desc, places.into_iter())
                    .await?
                    .iter()
                    .map(Record::label)
                    .collect();
                keys.sort();
                all.push(format!("  with {} of {}: {}", count(n as u64, desc), org.key(), first_keys(&keys, n)));
            }
        }
    }
    Ok(all)
}

/// Which records go for good: those that are named, or all of some time.
#[derive(clap::Args, Default)]
#[group(id = ASKED_GROUP, required = true, multiple = false)]
pub struct PurgeFlags {
    #[arg(value_name = "KEY")]
    pub key: Vec<String>,
    /// All that were deleted before this time or day
    #[arg(long, value_name = "TIME")]
    pub deleted_before: Option<String>,
}

impl FlagGroup for PurgeFlags {
    fn in_words(c: Command, desc: &Descriptor) -> Command {
        Named::in_words(c, desc)
    }
}

impl KindVerb for PurgeFlags {
    const VERB: VerbName = VerbName::Purge;
    const WRITES: bool = true;
    const UNUSED: Unused = Unused::NONE.columns().rows();

    fn about(desc: &Descriptor) -> String {
        format!("Remove deleted {} for good", desc.plural())
    }

    fn examples(desc: &Descriptor) -> String {
        let (noun, key) = (desc.noun, examples::key(desc));
        format!("orgctl {noun} purge {key}\norgctl {noun} purge --deleted-before 2026-01-01 --yes")
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        let ui = &s.context.ui;
        let records: Vec<Record> = if let Some(text) = &self.deleted_before {
            let (before, _) = s.context.time(text)?;
            ui.status(&format!("deleted before {}", rfc3339(before)));
            let org = if desc.is_org() { s.org().await? } else { s.org_of(desc).await? };
            records::deleted_before(s.db().await?, desc, org, before).await?
        } else {
            let keys = keys(s, desc, Deleted::Only, &self.key).await?;
            find_each_deleted(s, desc, &keys, false).await?
        };
        if records.is_empty() {
            ui.status(&format!("no {} to purge", desc.plural()));
            return Ok(());
        }
        if !s.context.dry_run {
            let what = match records.as_slice() {
                [one] => one.title(),
                several => count(several.len() as u64, desc),
            };
            if !ui.style.yes {
                for line in purge_lines(s, &records).await? {
                    ui.status(&line);
                }
            }
            let inside = if desc.is_org() { ", with all that was in it" } else { "" };
            ui.confirm(&format!("purge {what} for good{inside}?")).await?;
        }
        // What was shown is what goes.
        let targets = records.iter().map(Target::as_seen).collect();
        let purged = gate::write(s, &Purge { noun: desc.noun.into(), targets }).await?;
        ui.status(&match records.as_slice() {
            [one] => format!("purged {}", one.title()),
            several => format!("purged {}", count(several.len() as u64, desc)),
        });
        let more = purged.saturating_sub(records.len() as u64);
        if more > 0 {
            let whom = if records.len() == 1 { "it" } else { "them" };
            ui.status(&format!("and {more} more that belonged to {whom}"));
        }
        dry_run_note(s.context);
        Ok(())
    }
}
