//! Bringing a part of a backup back, to be looked at: the tables that are named, and what they can't be read without.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::archive::{Archive, Identities};
use super::catalogue::short;
use super::loading::{Source, load_each, seconds, shapes_of};
use super::target::EmptyTarget;
use crate::crud::context::Context;
use crate::crud::gate::Verb;
use crate::crud::invocation::Invocation;
use crate::crud::write::dry_run_note;
use crate::model::backup::{BackupType, Digest32, Manifest};
use crate::model::kinds::Kinds;
use crate::model::kinds::org::Org;
use crate::model::kinds::setting::StoredSetting;
use crate::model::problem::{Problem, nearest};
use crate::model::resource::Resource as _;
use crate::model::values::scalar::{ParseContext, truncate};
use crate::model::values::value::rfc3339;
use crate::store::backup::partial::{self, Partial};
use crate::store::backup::rebuild;
use crate::store::engine::location::Location;
use crate::store::schema::migrate;
use crate::store::tx::Tx;
use crate::ui::format::report;
use crate::ui::progress::Progress;

/// What every other table is read by: whose its rows are, who made them, and the rules by which keys are compared.
const ALWAYS: [&str; 3] = ["actors", Org::DESCRIPTOR.table, StoredSetting::DESCRIPTOR.table];

/// What is nothing without one another: a table, and those that tell the rest of its rows.
const TOGETHER: [(&str, &[&str]); 2] = [
    ("audit_records", &["audit_requests", "audit_erased", "audit_heads"]),
    ("audit_requests", &["audit_records", "audit_erased", "audit_heads"]),
];

/// The tables that the words of `--only` mean, in the order of the archive, with those that they need.
fn tables(kinds: Kinds, manifest: &Manifest, words: &[String]) -> Result<Vec<String>> {
    let known: Vec<&str> = manifest.tables.iter().map(|t| t.name.as_str()).collect();
    let mut wanted: Vec<&str> = ALWAYS.to_vec();
    for word in words.iter().map(|w| w.trim()) {
        let of_noun = kinds.resources().find(|d| d.noun == word).map(|d| d.table);
        let table = of_noun.unwrap_or(word);
        if !known.contains(&table) {
            return Err(unknown(kinds, word, &known).into());
        }
        wanted.push(table);
        // A field that links tell is told by their rows.
        let lists = kinds.by_table(table).map_or(&[][..], |d| d.lists);
        wanted.extend(lists.iter().filter(|list| list.first.is_some()).map(|list| list.desc().table));
        wanted.extend(TOGETHER.iter().filter(|(name, _)| *name == table).flat_map(|(_, with)| *with));
    }
    Ok(known.into_iter().filter(|t| wanted.contains(t)).map(str::to_owned).collect())
}

fn unknown(kinds: Kinds, word: &str, known: &[&str]) -> Problem {
    let nouns = kinds.resources().map(|d| (d.noun, d.table));
    let all: Vec<(&str, &str)> = known.iter().map(|t| (*t, *t)).chain(nouns).collect();
    let meant = nearest(word, all.iter().map(|(word, _)| *word));
    let meant = meant.and_then(|near| all.iter().find(|(word, _)| *word == near)).map(|(_, table)| table);
    Problem::usage(format!("the backup has no table '{}'", truncate(word))).hint(match meant {
        Some(table) => format!("did you mean {table}?"),
        None => format!("it has {}", known.join(", ")),
    })
}

/// Loads some tables of an archive into an empty database, and marks that.
#[derive(Serialize, Deserialize)]
pub struct RestorePart {
    pub archive: PathBuf,
    /// SHA-256 of its manifest, whose signature was looked at.
    pub manifest: Digest32,
    pub identities: Vec<String>,
    pub tables: Vec<String>,
    pub is_signed: bool,
    #[serde(skip)]
    pub progress: Progress,
}

/// What came of each table, and how long it took.
pub struct Loaded {
    tables: Vec<(String, u64)>,
    loading: Duration,
}

impl Verb for RestorePart {
    const NAME: &str = "backup restore --only";

    type Output = Loaded;

    fn orgs(&self) -> Vec<i32> {
        // There is no trail in a part.
        Vec::new()
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("it reads an archive")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Loaded> {
        let archive = Archive::open_again(&self.archive, self.manifest)?;
        let identities = Identities::read(&self.identities)?;
        let source = Source { archive: &archive, identities: &identities, progress: self.progress.clone() };
        let (at, began) = (tx.at(), Instant::now());
        let shapes = shapes_of(tx.kinds(), &archive.manifest)?;
        let aside = rebuild::begin(tx.db, archive.manifest.schema, at).await?.of_part();
        let wanted = shapes.iter().filter(|s| self.tables.contains(&s.name));
        let tables = load_each(tx.db, &source, wanted).await?;
        source.progress.part("indexes", None, "");
        rebuild::finish(tx.db, aside, at, &mut |_| {}).await?;
        let made = Partial { backup: archive.manifest.id, is_signed: self.is_signed, tables: self.tables.clone() };
        partial::mark(tx.db, migrate::latest(tx.kinds(), tx.db.engine())?, &made, at).await?;
        Ok(Loaded { tables, loading: began.elapsed() })
    }
}

/// `backup restore --only`: an archive that was looked at already.
pub async fn restore(
    s: &mut Invocation<'_>,
    words: &[String],
    into: Location,
    archive: Archive,
    identities: Vec<String>,
    is_signed: bool,
) -> Result<()> {
    let manifest = &archive.manifest;
    if manifest.kind != BackupType::Full {
        return Err(Problem::usage(format!("the backup {} holds the schema alone, and no rows", short(manifest.id)))
            .hint("'orgctl backup list' shows the others")
            .into());
    }
    let tables = tables(s.kinds(), manifest, words)?;
    let progress = s.context.ui.progress();
    let verb = RestorePart {
        archive: archive.path.clone(),
        manifest: archive.manifest_digest(),
        identities,
        tables,
        is_signed,
        progress: progress.clone(),
    };
    let place = EmptyTarget::take(s, into, "into").await?;
    let into = place.location.clone();
    let done = place.fill(s, &verb).await;
    progress.finish();
    tell(s.context, &archive, &into, &done?, is_signed)
}

fn tell(context: &Context<'_>, archive: &Archive, into: &Location, done: &Loaded, is_signed: bool) -> Result<()> {
    let ui = &context.ui;
    let manifest = &archive.manifest;
    let rows: u64 = done.tables.iter().map(|(_, rows)| rows).sum();
    let is_left = |name: &&str| done.tables.iter().all(|(t, _)| t != name);
    let left: Vec<&str> = manifest.tables.iter().map(|t| t.name.as_str()).filter(is_left).collect();
    let came: Vec<String> = done.tables.iter().map(|(table, rows)| format!("{table} {rows}")).collect();
    let did = if context.dry_run { "would restore" } else { "restored" };
    ui.status(&format!(
        "{did} {rows} rows of a part of the backup {} into {}: {}",
        short(manifest.id),
        into.shown(),
        came.join(", ")
    ));
    ui.status(&format!("left out: {}", left.join(", ")));
    ui.status(&format!(
        "it shows what was there at {}; it is marked as partial, and takes reads and exports only",
        rfc3339(manifest.created_at)
    ));
    dry_run_note(context);
    let (_, checksum) = archive.digest()?;
    let tables: Vec<_> = done.tables.iter().map(|(table, rows)| json!({ "table": table, "rows": rows })).collect();
    report(
        ui,
        &json!({
            "id": manifest.id, "sha256": checksum, "of": rfc3339(manifest.created_at), "signed": is_signed,
            "into": into.url(), "partial": true, "rows": rows, "tables": tables, "left_out": left,
            "loading_seconds": seconds(done.loading),
        }),
    )
}
