//! What a restore does under its lock, and what is told of it: into an empty place, or into that of another database.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::archive::{Archive, Identities};
use super::catalogue::short;
use super::erasures::reapply;
use super::loading::{Source, load, prove, seconds};
use super::replaced_schemas;
use super::selection::Loss;
use crate::crud::context::Context;
use crate::crud::gate::Verb;
use crate::crud::write::dry_run_note;
use crate::model::backup::{BackupEntry, BackupType, Digest32, Manifest};
use crate::model::kinds::org::SYSTEM;
use crate::model::trail::note::Verifier;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::rfc3339;
use crate::store::backup::swap::{Counter, Erasure};
use crate::store::backup::swap_postgres::{self, Replacement};
use crate::store::engine::location::Location;
use crate::store::trail;
use crate::store::trail::lineage::skipped;
use crate::store::tx::Tx;
use crate::ui::format::report;
use crate::ui::progress::Progress;

/// What of the replaced database the new one keeps, and must not undo.
pub struct Replaces {
    /// Of each tree, how many records both trails have in common.
    pub common: BTreeMap<i32, u64>,
    pub erasures: Vec<Erasure>,
    pub counters: Vec<Counter>,
    pub catalogue: Vec<BackupEntry>,
    /// On a server: the schema that is replaced.
    pub aside: Option<Replacement>,
}

/// Loads an archive into an empty database, proves it, and records that.
#[derive(Serialize, Deserialize)]
pub struct Restore {
    pub archive: PathBuf,
    /// SHA-256 of its manifest, whose signature was looked at.
    pub manifest: Digest32,
    pub identities: Vec<String>,
    /// Told in the trail.
    pub told: Map<String, Json>,
    #[serde(skip)]
    pub keys: Vec<Verifier>,
    #[serde(skip)]
    pub progress: Progress,
    /// Where it takes the place of another.
    #[serde(skip)]
    pub replaces: Option<Replaces>,
}

/// What a restore did, and how long it took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Restored {
    pub rows: u64,
    pub loading: Duration,
    pub verifying: Duration,
    /// People whose erasure was carried out again.
    pub erased: u64,
}

impl Verb for Restore {
    const NAME: &str = "backup restore";

    type Output = Restored;

    fn orgs(&self) -> Vec<i32> {
        // The tables of the trail are not there yet: SYSTEM is locked once they are.
        Vec::new()
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("it reads an archive")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Restored> {
        let archive = Archive::open_again(&self.archive, self.manifest)?;
        let identities = Identities::read(&self.identities)?;
        let source = Source { archive: &archive, identities: &identities, progress: self.progress.clone() };
        let (at, began) = (tx.at(), Instant::now());
        let aside = self.replaces.as_ref().and_then(|r| r.aside.as_ref());
        if let Some(aside) = aside {
            swap_postgres::put_aside(tx.db, aside).await?;
        }
        let rows = load(tx.db, &source, at).await?;
        let (loading, began) = (began.elapsed(), Instant::now());
        let mut erased = 0;
        if archive.manifest.kind == BackupType::Full {
            prove(tx.db, &archive.manifest, self.keys.clone(), &self.progress).await?;
            if let Some(aside) = aside {
                swap_postgres::transfer_ownership(tx.db, aside).await?;
            }
            erased = self.record(tx).await?;
        }
        let verifying = began.elapsed();
        if let Some(aside) = aside {
            self.progress.part("replacing", None, "");
            swap_postgres::take_place(tx.db, aside).await?;
        }
        Ok(Restored { rows, loading, verifying, erased })
    }
}

impl Restore {
    /// Records it. What it would undo of the database that it replaces is done again; of how many people that was an
    /// erasure is told.
    async fn record(&self, tx: &mut Tx<'_>) -> Result<u64> {
        let Some(replaces) = &self.replaces else {
            tx.lock(&[SYSTEM], &mut |_| {}).await?;
            tx.record_restore(self.told.clone()).await?;
            return Ok(0);
        };
        let mut trees = trail::trees(tx.db).await?;
        trees.retain(|tree| *tree == SYSTEM || replaces.erasures.iter().any(|e| e.tree == *tree));
        tx.lock(&trees, &mut |_| {}).await?;
        let erased = reapply(tx, &replaces.erasures, &replaces.common).await?;
        let mut told = self.told.clone();
        told.insert("given".into(), tx.raise_counters(&replaces.counters).await?);
        told.insert("erased_again".into(), erased.into());
        tx.record_restore(told).await?;
        tx.put_catalogue(&replaces.catalogue).await?;
        Ok(erased)
    }
}

/// A backup as people know it: what it was made for tells whether it is the one that they mean.
pub fn named(manifest: &Manifest) -> String {
    let label = manifest.label.as_ref().map(|label| format!(" ({label})")).unwrap_or_default();
    format!("{}{label}", short(manifest.id))
}

/// Says what was done, and what is not there.
pub fn tell(
    context: &Context<'_>,
    archive: &Archive,
    into: &Location,
    told: &Map<String, Json>,
    done: Restored,
    loss: Option<Loss>,
) -> Result<()> {
    let (manifest, rows) = (&archive.manifest, done.rows);
    let did = if context.dry_run { "would restore" } else { "restored" };
    context.ui.status(&format!("{did} {rows} rows of the backup {} into {}", named(manifest), into.shown()));
    context.ui.status(&format!(
        "it shows what was there at {}, and nothing that came after it",
        rfc3339(manifest.created_at)
    ));
    if let Some(loss) = &loss {
        context.ui.status(&loss.describe());
    }
    if manifest.kind == BackupType::Full {
        context.ui.status("passwords, blocks and tokens are those of then: what was revoked since holds again, and is to be revoked again");
    }
    if told.contains_key("erasures_unknown_from") && manifest.kind == BackupType::Full {
        let heads: Vec<String> = manifest.heads.iter().map(|h| format!("{}: {}", h.tree, h.size)).collect();
        context.ui.status(&format!(
            "what was erased since is not known, and is to be erased again; it knows the audit trees up to these records: {}",
            heads.join(", ")
        ));
    }
    if let Some(n) = told.get("erased_again").and_then(Json::as_u64).filter(|n| *n > 0) {
        let who = if n == 1 { "1 person".to_owned() } else { format!("{n} people") };
        context.ui.status(&format!("erased again: {who} whom the replaced trail tells to be erased"));
    }
    replaced_schemas::tell_kept(context, told);
    if let Some(back) = told.get("way_back").and_then(Json::as_str) {
        context.ui.status(&format!("the way back: {back}"));
    }
    let codes = if manifest.kind == BackupType::Full { skipped(context.kinds) } else { Map::new() };
    if !codes.is_empty() {
        let list: Vec<String> = codes.iter().map(|(noun, n)| format!("{n} of {noun}")).collect();
        context
            .ui
            .status(&format!("codes that may have been given since are not given again: {} skipped", list.join(", ")));
    }
    dry_run_note(context);
    let mut all = json!({
        "codes_skipped": codes, "erased_again": null, "safety_backup": null, "way_back": null,
        "old_schema": null, "old_schema_bytes": null, "stays_with_old_schema": null,
        "into": into.url(), "rows": rows,
        "loading_seconds": seconds(done.loading), "verifying_seconds": seconds(done.verifying),
    });
    if let Some(all) = all.as_object_mut() {
        all.extend(told.clone());
    }
    report(&context.ui, &all)
}
