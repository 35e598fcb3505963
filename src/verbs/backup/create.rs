//! Making a backup.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ArgMatches;
use serde_json::{Map, Value as Json, json};

use super::archive::{self, Recipient, Writer};
use super::catalogue::{Enter, entry_of, folder, short, stamp, write_beside};
use crate::crud::gate;
use crate::crud::session::Session;
use crate::model::backup::{BackupType, Digest32, Entry, FORMAT, HeadEntry, Manifest, TableEntry};
use crate::model::note::{Checkpoint, SignerKey};
use crate::model::problem::Problem;
use crate::model::value::rfc3339;
use crate::store::checkpoints::{LOG, installation, log_frontier, origin};
use crate::store::dump::{self, Shape};
use crate::store::migrate;
use crate::store::schema::Class;
use crate::ui::format::report;
use crate::verbs::audit::keys::{self, signer, signing_path};

/// Where the archive goes: its folder, and its name if it was given.
fn place(s: &Session<'_>, m: &ArgMatches) -> Result<(PathBuf, Option<PathBuf>)> {
    match m.get_one::<String>("to").map(PathBuf::from) {
        Some(path) if path.extension().is_some_and(|e| e == "tar") && !path.is_dir() => {
            let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Ok((parent.to_owned(), Some(path.clone())))
        }
        Some(path) => Ok((path, None)),
        None => Ok((folder(s, m, "to")?, None)),
    }
}

fn recipients(m: &ArgMatches) -> Result<Vec<Recipient>> {
    let read = |text: &String| {
        text.trim().parse::<Recipient>().map_err(|_| {
            Problem::usage(format!("'{}' is no public key of age", crate::model::scalar::shorten(text)))
                .hint("it looks like age1..., as 'age-keygen' prints it")
                .into()
        })
    };
    m.get_many::<String>("encrypt-to").into_iter().flatten().map(read).collect()
}

pub async fn create(s: &mut Session<'_>, m: &ArgMatches) -> Result<()> {
    gate::allow(s)?;
    let (folder, named) = place(s, m)?;
    let kind = match m.get_one::<String>("type").map(String::as_str) {
        Some("schema-only") => BackupType::SchemaOnly,
        _ => BackupType::Full,
    };
    let recipients = recipients(m)?;
    s.db().await?;
    if s.dry_run {
        s.ui.status(&format!("dry run: would write an archive into {}, and tell the catalogue", folder.display()));
        return Ok(());
    }
    let key = match signing_path(s, m)?.exists() {
        true => signer(s, m)?,
        false => keys::make(s, m).await?,
    };
    archive::make_folder(&folder)?;
    archive::remove_partial(&folder);
    let label = m.get_one::<String>("label").cloned();
    let (entry, path) = make(s, &key, kind, recipients, label, (&folder, named)).await?;
    tell(s, &entry, &path).await
}

/// Writes the archive, puts it into its place and enters it in both catalogues.
pub async fn make(
    s: &mut Session<'_>,
    key: &SignerKey,
    kind: BackupType,
    recipients: Vec<Recipient>,
    label: Option<String>,
    (folder, named): (&Path, Option<PathBuf>),
) -> Result<(Entry, PathBuf)> {
    let shapes = dump::shapes(migrate::latest(s.location.engine())?)?;
    let id = s.new_id();
    let began = s.clock.micros();
    let texts: Vec<String> = recipients.iter().map(ToString::to_string).collect();
    let mut writer = Writer::create(folder, recipients, began.timestamp())?;
    dump::open_snapshot(s.db().await?, &shapes).await?;
    let written = write(s, key, &mut writer, &shapes, kind).await;
    dump::close_snapshot(s.db().await?).await;
    let mut manifest = written?;
    (manifest.id, manifest.label, manifest.recipients) = (id, label, texts);
    let at = manifest.created_at;
    let path = named.unwrap_or_else(|| folder.join(format!("{}{}-{}.tar", archive::PREFIX, stamp(at), short(id))));
    let (size, checksum) = writer.finish(&manifest, key, &path)?;
    let path = std::fs::canonicalize(&path).unwrap_or(path);
    let entry = Entry {
        size: Some(size),
        checksum: Some(checksum),
        finished_at: Some(s.clock.micros()),
        ..entry_of(&manifest, &path, &s.origin.host)
    };
    write_beside(&path, &entry)?;
    let mut told = Map::new();
    told.insert("id".into(), id.to_string().into());
    told.insert("file".into(), path.file_name().map(|n| n.to_string_lossy().into_owned()).into());
    told.insert("sha256".into(), checksum.to_string().into());
    told.insert("rows".into(), manifest.rows().into());
    told.insert("encrypted".into(), entry.encrypted.into());
    gate::write(s, &Enter { entry: entry.clone(), told }).await?;
    Ok((entry, path))
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Recorded => "recorded",
        Class::Journal => "journal",
        Class::Volatile => "volatile",
    }
}

/// The first line of a data file: what the others are.
fn heading(shape: &Shape) -> Json {
    let columns: Vec<Json> = shape.columns.iter().map(|(name, kind)| json!([name, kind_word(*kind)])).collect();
    json!({ "format": FORMAT, "table": shape.name, "columns": columns, "key": shape.key })
}

/// How a kind of column is called in archives.
pub fn kind_word(kind: crate::model::value::Kind) -> &'static str {
    use crate::model::value::Kind as K;
    match kind {
        K::Bool => "bool",
        K::Int => "int",
        K::Text => "text",
        K::Uuid => "uuid",
        K::Time => "time",
        K::Date => "date",
        K::Decimal => "decimal",
        K::Ip => "ip",
        K::Bytes => "bytes",
        K::Json => "json",
    }
}

/// Writes the tables, as the open snapshot shows them.
async fn write(
    s: &mut Session<'_>,
    key: &SignerKey,
    writer: &mut Writer,
    shapes: &[Shape],
    kind: BackupType,
) -> Result<Manifest> {
    let at = s.clock.micros();
    let progress = s.ui.progress();
    let engine = s.location.engine();
    let db = s.db().await?;
    let installation = installation(db).await?;
    let mut manifest = Manifest {
        kind,
        created_at: at,
        orgctl: env!("CARGO_PKG_VERSION").to_owned(),
        engine: engine.word().to_owned(),
        engine_version: db.version().await?,
        installation,
        schema: migrate::latest(engine)?,
        ..Manifest::empty()
    };
    progress.part("proving", None, "records");
    let mut leaves = dump::grown(db).await?;
    for edge in dump::heads(db).await? {
        let grown = leaves.remove(&edge.tree).unwrap_or_default();
        if (grown.size(), grown.root()) != (edge.frontier.size(), edge.frontier.root()) {
            return Err(Problem::integrity(format!("the audit trail of tree {} is not what its head says", edge.tree))
                .hint("'orgctl audit verify' says more; no backup is signed of a trail that does not hold")
                .into());
        }
        let (size, root) = (grown.size(), grown.root());
        if size > 0 {
            let checkpoint = Checkpoint { origin: origin(installation, edge.tree), size, root };
            manifest.checkpoints.push(key.sign(&checkpoint.text()));
        }
        manifest.heads.push(HeadEntry { tree: edge.tree, size, root: Digest32(root), at: edge.at });
    }
    let log = log_frontier(db).await?;
    if log.size() > 0 {
        let checkpoint = Checkpoint { origin: origin(installation, LOG), size: log.size(), root: log.root() };
        manifest.checkpoints.push(key.sign(&checkpoint.text()));
    }
    for shape in shapes {
        progress.part(&shape.name, None, "rows");
        let (rows, member) = match kind {
            BackupType::SchemaOnly => (0, None),
            BackupType::Full => {
                let db = s.db().await?;
                let (rows, member) = writer
                    .member(&shape.name, async |into| {
                        into.write_all(format!("{}\n", heading(shape)).as_bytes())?;
                        dump::write_table(db, shape, into, &mut |n| progress.set(n)).await
                    })
                    .await?;
                (rows, Some(member))
            }
        };
        manifest.tables.push(TableEntry {
            name: shape.name.clone(),
            class: class(shape.class).to_owned(),
            columns: shape.columns.iter().map(|(name, kind)| (name.clone(), kind_word(*kind).to_owned())).collect(),
            rows,
            member,
        });
    }
    progress.finish();
    Ok(manifest)
}

async fn tell(s: &mut Session<'_>, entry: &Entry, path: &Path) -> Result<()> {
    s.ui.status(&format!(
        "made the backup {} of {} rows ({} bytes): {}",
        short(entry.id),
        entry.rows.unwrap_or_default(),
        entry.size.unwrap_or_default(),
        path.display()
    ));
    if !entry.encrypted {
        s.ui.warn("the archive is in clear: whoever can read it reads everything (--encrypt-to encrypts it)");
    }
    report(
        &mut s.ui,
        &json!({
            "id": entry.id, "type": entry.kind, "file": path, "size": entry.size, "sha256": entry.checksum,
            "rows": entry.rows, "encrypted": entry.encrypted, "at": rfc3339(entry.started_at),
        }),
    )
}
