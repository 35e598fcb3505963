//! Proving that a backup restores: it is restored.

use anyhow::Result;
use clap::ArgMatches;
use serde_json::{Map, json};

use super::archive::{Archive, Identities};
use super::catalogue::{Enter, beside, entry_of, find, short, write_beside};
use super::restore::{Source, load, prove, require_readable, shapes_of, trust};
use crate::crud::gate;
use crate::crud::session::Session;
use crate::model::backup::{BackupStatus, BackupType, Entry};
use crate::model::note::Verifier;
use crate::model::problem::Problem;
use crate::store::db::Db;
use crate::store::dump;
use crate::store::location::{Location, Opening};
use crate::store::migrate;
use crate::store::rebuild;
use crate::ui::format::report;
use crate::ui::limited;
use crate::ui::progress::Progress;
use crate::verbs::audit::keys::verifiers;

pub async fn verify(s: &mut Session<'_>, m: &ArgMatches) -> Result<()> {
    gate::allow(s)?;
    let word = m.get_one::<String>("backup").cloned().unwrap_or_else(|| "latest".to_owned());
    let archive = find(s, m, &word).await?;
    trust(s, m, &archive)?;
    require_readable(&archive.manifest)?;
    let paths: Vec<String> = m.get_many::<String>("identity").into_iter().flatten().cloned().collect();
    let identities = Identities::read(&paths)?;
    let is_readable = !archive.manifest.is_encrypted() || !identities.is_empty();
    let is_quick = m.get_flag("quick") || !is_readable;
    let keys = verifiers(s, m)?;
    let progress = s.ui.progress();
    let done = match is_quick {
        true => checksums(&archive, &identities, is_readable, &progress),
        false => in_scratch(s, &archive, &identities, keys, &progress).await,
    };
    progress.finish();
    let now = s.clock.micros();
    let known = limited::read(&beside(&archive.path), limited::SMALL).ok();
    let known = known.and_then(|text| serde_json::from_str::<Entry>(&text).ok());
    let mut entry = known.unwrap_or_else(|| entry_of(&archive.manifest, &archive.path, &s.origin.host));
    match &done {
        Ok(()) if !is_quick => {
            (entry.status, entry.verified_at, entry.error) = (BackupStatus::Verified, Some(now), None);
        }
        Ok(()) => {}
        Err(e) => {
            (entry.status, entry.error) = (BackupStatus::Failed, Some(e.to_string().chars().take(2000).collect()))
        }
    }
    write_beside(&archive.path, &entry)?;
    let mut told = Map::new();
    told.insert("id".into(), entry.id.to_string().into());
    told.insert("verified".into(), done.is_ok().into());
    if s.db().await.is_ok() {
        gate::write(s, &Enter { entry, told }).await?;
    }
    done?;
    let what = if is_quick { "checksums only" } else { "restored, and every row compared" };
    s.ui.status(&format!("the backup {} holds ({what})", short(archive.manifest.id)));
    report(&mut s.ui, &json!({ "id": archive.manifest.id, "ok": true, "restored": !is_quick }))
}

/// Reads everything and holds it against its checksums; decrypts and decompresses it too, where it can.
fn checksums(archive: &Archive, identities: &Identities, is_readable: bool, progress: &Progress) -> Result<()> {
    shapes_of(&archive.manifest)?;
    let mut block = Vec::new();
    for table in &archive.manifest.tables {
        let Some(member) = &table.member else { continue };
        progress.part(&table.name, Some(member.content_size), "bytes");
        if !is_readable {
            archive.check(member)?;
            continue;
        }
        let mut reader = archive.member(member, identities)?;
        let mut done = 0;
        while reader.next(&mut block)? {
            done += block.len() as u64;
            progress.set(done);
        }
    }
    Ok(())
}

/// Restores it into a file that is thrown away, proves that, and compares each table with what the archive holds.
async fn in_scratch(
    s: &mut Session<'_>,
    archive: &Archive,
    identities: &Identities,
    keys: Vec<Verifier>,
    progress: &Progress,
) -> Result<()> {
    if archive.manifest.kind != BackupType::Full {
        return checksums(archive, identities, true, progress);
    }
    let folder = tempfile::Builder::new().prefix("orgctl-verify-").tempdir()?;
    let opening = Opening { create: true, ..s.opening.clone() };
    let mut db = Db::open(&Location::Sqlite(folder.path().join("scratch.db")), &opening).await?;
    rebuild::loosen(&mut db).await?;
    let at = s.clock.micros();
    let source = Source { archive, identities, progress: progress.clone() };
    let done = async {
        rebuild::begin_scratch(&mut db).await?;
        load(&mut db, &source, at).await?;
        prove(&mut db, &archive.manifest, keys, progress).await?;
        compare(&mut db, &source).await
    }
    .await;
    db.close().await;
    done
}

/// Holds the rows of a database against those of an archive, table by table.
pub async fn compare(db: &mut Db, source: &Source<'_>) -> Result<()> {
    let manifest = &source.archive.manifest;
    if manifest.schema != migrate::latest(db.engine())? {
        // Migrations have changed what they mean to; the trail has been proven.
        return Ok(());
    }
    for shape in shapes_of(manifest)? {
        let Some((entry, member)) = manifest.table(&shape.name).and_then(|e| Some((e, e.member.as_ref()?))) else {
            continue;
        };
        source.progress.part(&format!("comparing {}", shape.name), Some(entry.rows), "rows");
        let mut reader = source.archive.member(member, source.identities)?;
        reader.heading(&shape.name)?;
        let lines = reader.lines_digest()?;
        let mut there = super::archive::Digester::new();
        dump::write_table(db, &shape, &mut there, &mut |n| source.progress.set(n)).await?;
        if there.digest() != lines {
            return Err(Problem::integrity(format!("the rows of {} are not those of the archive", shape.name)).into());
        }
    }
    Ok(())
}
