//! The rows of an archive into an empty database, and the proof that they are those that were there.

use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};

use super::archive::{Archive, Identities};
use super::create::kind_word;
use crate::model::backup::{BackupType, HeadEntry, Manifest};
use crate::model::kinds::Kinds;
use crate::model::problem::Problem;
use crate::model::trail::note::Verifier;
use crate::model::trail::verify::ExpectedRoot;
use crate::store::backup::dump::{self, Shape};
use crate::store::backup::rebuild;
use crate::store::engine::db::Db;
use crate::store::engine::location::Engine;
use crate::store::schema::migrate;
use crate::store::trail::verify::{VerifyRequest, verify_within};
use crate::ui::progress::Progress;

/// The tables of an archive, which must be those of its schema.
pub fn shapes_of(kinds: Kinds, manifest: &Manifest) -> Result<Vec<Shape>> {
    let shapes = dump::shapes(kinds, manifest.schema)?;
    let wrong = |table: &str| {
        Problem::integrity(format!(
            "the archive's table {table} is not as version {} of the schema has it",
            manifest.schema
        ))
        .hint("it was made by another build of orgctl, or was changed")
    };
    for shape in &shapes {
        let entry = manifest.table(&shape.name).ok_or_else(|| wrong(&shape.name))?;
        let is_same = entry.columns.len() == shape.columns.len()
            && entry
                .columns
                .iter()
                .zip(&shape.columns)
                .all(|((n, k), (name, kind))| n == name && k == kind_word(*kind));
        if !is_same || (entry.member.is_none() && manifest.kind == BackupType::Full) {
            return Err(wrong(&shape.name).into());
        }
    }
    if let Some(more) = manifest.tables.iter().find(|t| shapes.iter().all(|s| s.name != t.name)) {
        return Err(wrong(&more.name).into());
    }
    Ok(shapes)
}

/// Refuses what this program can't read.
pub fn require_readable(kinds: Kinds, manifest: &Manifest) -> Result<()> {
    let latest = migrate::latest(kinds, Engine::Sqlite)?;
    if manifest.schema > latest {
        return Err(Problem::failed(format!(
            "the archive is of version {} of the schema, newer than this orgctl, which knows {latest}",
            manifest.schema
        ))
        .hint("install the newer orgctl; nothing was changed")
        .into());
    }
    Ok(())
}

/// What a load is given.
pub struct Source<'a> {
    pub archive: &'a Archive,
    pub identities: &'a Identities,
    pub progress: Progress,
}

/// Fills an empty database inside a transaction.
pub async fn load(db: &mut Db, source: &Source<'_>, at: DateTime<Utc>) -> Result<u64> {
    let manifest = &source.archive.manifest;
    let shapes = shapes_of(db.kinds(), manifest)?;
    let aside = rebuild::begin(db, manifest.schema, at).await?;
    let loaded = load_each(db, source, shapes.iter()).await?;
    source.progress.part("indexes", None, "");
    rebuild::finish(db, aside, at, &mut |_| {}).await?;
    Ok(loaded.iter().map(|(_, rows)| rows).sum())
}

/// Loads the rows of tables that are there, each held against what the manifest says of it; their numbers.
pub async fn load_each<'s>(
    db: &mut Db,
    source: &Source<'_>,
    shapes: impl Iterator<Item = &'s Shape>,
) -> Result<Vec<(String, u64)>> {
    let manifest = &source.archive.manifest;
    let mut loaded = Vec::new();
    for shape in shapes {
        let Some(entry) = manifest.table(&shape.name) else { continue };
        let Some(member) = &entry.member else { continue };
        source.progress.part(&shape.name, Some(entry.rows), "rows");
        let mut reader = source.archive.member(member, source.identities)?;
        reader.heading(&shape.name)?;
        let progress = &source.progress;
        let mut next = |block: &mut Vec<u8>| Ok(reader.next(block)?);
        let rows = rebuild::load_table(db, shape, &mut next, &mut |n| progress.set(n)).await?;
        if rows != entry.rows {
            let sentence = format!("{} has {rows} rows, and its manifest says {}", shape.name, entry.rows);
            return Err(Problem::integrity(sentence).into());
        }
        loaded.push((shape.name.clone(), rows));
    }
    Ok(loaded)
}

/// Holds the trail that was loaded against the manifest, and every row against the trail.
pub async fn prove(db: &mut Db, manifest: &Manifest, keys: Vec<Verifier>, progress: &Progress) -> Result<()> {
    let expected = |h: &HeadEntry| {
        let says = "the manifest of the archive".to_owned();
        (h.tree, ExpectedRoot { size: h.size, root: h.root.0, says })
    };
    let known = manifest.heads.iter().filter(|h| h.size > 0).map(expected).collect();
    let asked = VerifyRequest { deep: true, known, keys, ..VerifyRequest::default() };
    progress.part("verifying", Some(manifest.heads.iter().map(|h| h.size).sum()), "records");
    let verified = verify_within(db, &asked, &mut |n| progress.set(n)).await?;
    match verified.findings.first() {
        None => Ok(()),
        Some(first) => {
            Err(Problem::integrity(format!("what was restored does not hold: tree {}, {}", first.tree, first.what))
                .hint(format!("{} findings in all; nothing was changed", verified.findings.len()))
                .into())
        }
    }
}

/// To a millisecond.
pub fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}
