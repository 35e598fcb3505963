//! Bringing a backup back.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::ArgMatches;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::archive::{Archive, Identities};
use super::catalogue::{find, short};
use super::create::kind_word;
use crate::crud::gate::{self, Verb};
use crate::crud::session::Session;
use crate::crud::write::dry_run_note;
use crate::model::audit::Action;
use crate::model::backup::{BackupType, Manifest};
use crate::model::note::Verifier;
use crate::model::org::SYSTEM;
use crate::model::problem::{Problem, plain};
use crate::model::scalar::Rules;
use crate::model::value::rfc3339;
use crate::model::verify::Expected;
use crate::store::audit::{Asked, verify_within};
use crate::store::db::Db;
use crate::store::dump::{self, Shape};
use crate::store::location::Location;
use crate::store::migrate::{self, State};
use crate::store::rebuild;
use crate::store::tx::Tx;
use crate::ui::format::report;
use crate::ui::progress::Progress;
use crate::verbs::audit::keys::verifiers;

/// Checks that an archive is signed by somebody who is trusted: by a key from outside of it.
pub fn trust(s: &mut Session<'_>, m: &ArgMatches, archive: &Archive) -> Result<bool> {
    let keys: Vec<Verifier> = verifiers(s, m)?;
    let names = archive.signed_by(&keys)?;
    if !names.is_empty() {
        return Ok(true);
    }
    let path = archive.path.display();
    if m.try_get_one::<bool>("trust-unsigned").ok().flatten() == Some(&true) {
        s.ui.warn(&format!("{path} is not signed by a key that is trusted; it is taken as --trust-unsigned says"));
        return Ok(false);
    }
    let sentence = match keys.is_empty() {
        true => format!("nothing tells who made {path}: there is no public key to check its signature with"),
        false => format!("{path} is not signed by a key that is trusted"),
    };
    Err(Problem::integrity(sentence)
        .hint("--key names the public key that 'orgctl audit pubkey' prints where it was made; --trust-unsigned goes without")
        .into())
}

/// The tables of an archive, which must be those of its schema.
pub fn shapes_of(manifest: &Manifest) -> Result<Vec<Shape>> {
    let shapes = dump::shapes(manifest.schema)?;
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
pub fn require_readable(manifest: &Manifest) -> Result<()> {
    let latest = migrate::latest(crate::store::location::Engine::Sqlite)?;
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
    let shapes = shapes_of(manifest)?;
    let aside = rebuild::begin(db, manifest.schema, at).await?;
    let mut total = 0;
    for shape in &shapes {
        let Some(entry) = manifest.table(&shape.name) else { continue };
        let Some(member) = &entry.member else { continue };
        source.progress.part(&shape.name, Some(entry.rows), "rows");
        let mut reader = source.archive.member(member, source.identities)?;
        reader.heading(&shape.name)?;
        let progress = &source.progress;
        let rows = rebuild::load_table(db, shape, &mut |block| reader.next(block), &mut |n| progress.set(n)).await?;
        if rows != entry.rows {
            let sentence = format!("{} has {rows} rows, and its manifest says {}", shape.name, entry.rows);
            return Err(Problem::integrity(sentence).into());
        }
        total += rows;
    }
    source.progress.part("indexes", None, "");
    rebuild::finish(db, aside, at, &mut |_| {}).await?;
    Ok(total)
}

/// Holds the trail that was loaded against the manifest, and every row against the trail.
pub async fn prove(db: &mut Db, manifest: &Manifest, keys: Vec<Verifier>, progress: &Progress) -> Result<()> {
    let expected = |h: &crate::model::backup::HeadEntry| {
        let says = "the manifest of the archive".to_owned();
        (h.tree, Expected { size: h.size, root: h.root.0, says })
    };
    let known = manifest.heads.iter().filter(|h| h.size > 0).map(expected).collect();
    let asked = Asked { deep: true, known, keys, ..Asked::default() };
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

/// Loads an archive into an empty database, proves it, and records that.
#[derive(Serialize, Deserialize)]
pub struct Restore {
    pub archive: PathBuf,
    pub identities: Vec<String>,
    /// Told in the trail.
    pub told: Map<String, Json>,
    #[serde(skip)]
    pub keys: Vec<Verifier>,
    #[serde(skip)]
    pub progress: Progress,
}

impl Verb for Restore {
    type Output = u64;

    fn orgs(&self) -> Vec<i32> {
        // The tables of the trail are not there yet: SYSTEM is locked once they are.
        Vec::new()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &Rules) -> Result<u64> {
        let archive = Archive::open(&self.archive)?;
        let identities = Identities::read(&self.identities)?;
        let source = Source { archive: &archive, identities: &identities, progress: self.progress.clone() };
        let at = tx.at();
        let rows = load(tx.db, &source, at).await?;
        if archive.manifest.kind == BackupType::Full {
            prove(tx.db, &archive.manifest, self.keys.clone(), &self.progress).await?;
            tx.lock(&[SYSTEM], &mut |_| {}).await?;
            tx.event(SYSTEM, Action::BackupRestore, "backup", self.told.clone()).await?;
        }
        Ok(rows)
    }
}

pub async fn restore(s: &mut Session<'_>, m: &ArgMatches) -> Result<()> {
    gate::allow(s)?;
    let word = m.get_one::<String>("backup").cloned().unwrap_or_default();
    let into = Location::parse(m.get_one::<String>("into").map_or("", String::as_str))?;
    let archive = find(s, m, &word).await?;
    s.close().await;
    let is_signed = trust(s, m, &archive)?;
    require_readable(&archive.manifest)?;
    let identities: Vec<String> = m.get_many::<String>("identity").into_iter().flatten().cloned().collect();
    let keys = verifiers(s, m)?;
    let manifest = &archive.manifest;
    let (_, checksum) = archive.digest()?;
    let mut told = Map::new();
    told.insert("id".into(), manifest.id.to_string().into());
    told.insert("sha256".into(), checksum.to_string().into());
    told.insert("of".into(), rfc3339(manifest.created_at).into());
    told.insert("signed".into(), is_signed.into());
    told.insert("heads".into(), manifest.heads.iter().map(|h| json!([h.tree, h.size])).collect());
    let progress = s.ui.progress();
    let verb = Restore { archive: archive.path.clone(), identities, told, keys, progress: progress.clone() };
    let done = match into.clone() {
        Location::Sqlite(path) => restore_file(s, &verb, &path).await,
        Location::Postgres(_) => {
            s.location = into.clone();
            require_empty(s).await?;
            gate::write_unchecked(s, &verb).await
        }
    };
    progress.finish();
    let rows = done?;
    s.ui.status(&format!("restored {rows} rows of the backup {} into {}", short(manifest.id), into.shown()));
    s.ui.status(&format!("it shows what was there at {}", rfc3339(manifest.created_at)));
    dry_run_note(s);
    report(
        &mut s.ui,
        &json!({ "id": manifest.id, "into": into.url(), "rows": rows, "of": rfc3339(manifest.created_at), "signed": is_signed }),
    )
}

/// Refuses a database that holds anything.
async fn require_empty(s: &mut Session<'_>) -> Result<()> {
    let at = s.location.shown();
    let db = s.unchecked_db().await?;
    match migrate::state(db).await? {
        State::Empty => migrate::require_utf8(db).await,
        State::At(_) => Err(Problem::conflict(format!("{at} holds an orgctl database already; nothing was changed"))
            .hint("name an empty place with --into")
            .into()),
        State::Foreign => Err(Problem::conflict(format!("{at} holds tables that orgctl did not make")).into()),
    }
}

/// Loads into a file of its own beside the place, and moves it there once it is proven.
async fn restore_file(s: &mut Session<'_>, verb: &Restore, path: &Path) -> Result<u64> {
    let failed = |e: std::io::Error| Problem::failed(format!("can't write {}: {}", path.display(), plain(&e)));
    let is_there = path.exists();
    if is_there {
        s.location = Location::Sqlite(path.to_owned());
        require_empty(s).await?;
        s.close().await;
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    super::archive::make_folder(folder)?;
    super::archive::remove_partial(folder);
    let scratch = super::archive::scratch(folder)?;
    s.location = Location::Sqlite(scratch.path().to_owned());
    rebuild::loosen(s.unchecked_db().await?).await?;
    let rows = gate::write_unchecked(s, verb).await?;
    rebuild::settle(s.unchecked_db().await?).await?;
    s.close().await;
    s.location = Location::Sqlite(path.to_owned());
    if s.dry_run {
        return Ok(rows);
    }
    fs::File::open(scratch.path()).and_then(|f| f.sync_all()).map_err(failed)?;
    match is_there {
        true => scratch.persist(path).map_err(failed)?,
        false => scratch.persist_noclobber(path).map_err(failed)?,
    }
    let _ = fs::File::open(folder).and_then(|f| f.sync_all());
    Ok(rows)
}
