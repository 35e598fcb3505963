//! Making a backup.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::archive::{self, Recipient, Writer};
use super::catalogue::{CatalogueUpdate, enter, entry_of, folder, short, stamp, unfinished, unwritable};
use super::retention::Keeps;
use crate::crud::context::Context;
use crate::crud::gate::{self, in_words};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::model::backup::{BackupEntry, BackupStatus, BackupType, Digest32, FORMAT, HeadEntry, Manifest, TableEntry};
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::setting::BACKUP_RECIPIENTS;
use crate::model::trail::audit::Action;
use crate::model::trail::lineage::Logs;
use crate::model::trail::note::{Checkpoint, SignerKey};
use crate::model::values::value::rfc3339;
use crate::store::backup::dump::{self, Shape};
use crate::store::backup::swap::{self, DatabaseState};
use crate::store::engine::db::Db;
use crate::store::schema::Class;
use crate::store::schema::migrate;
use crate::store::trail::checkpoints::{LOG, installation, log_frontier};
use crate::store::trail::exposure::HEADS;
use crate::store::trail::lineage;
use crate::ui::format::report;
use crate::verbs::audit::keys::{self, SigningKey, signer, signing_path};
use crate::verbs::key::export::{self, PassphraseFrom};

/// Where the archive goes: its folder, and its name if it was given.
fn destination(context: &Context<'_>, to: Option<&str>) -> Result<(PathBuf, Option<PathBuf>)> {
    let path = folder(context, to, "to")?;
    if to.is_none() {
        return Ok((path, None));
    }
    let shown = path.display();
    let is_file = path.extension().is_some_and(|e| e == "tar") && !path.is_dir();
    match std::fs::metadata(&path) {
        Ok(there) if there.is_dir() => Ok((path, None)),
        Ok(there) if !there.is_file() => {
            Err(Problem::usage(format!("{shown} is neither a file nor a folder: no archive can be put in its place"))
                .hint("name a folder, or a file that ends in .tar")
                .into())
        }
        Ok(_) if is_file => {
            Err(Problem::conflict(format!("{shown} is there already; an archive is never overwritten"))
                .hint("name another file, or a folder, with --to")
                .into())
        }
        Ok(_) => Err(Problem::usage(format!("{shown} is a file, and no folder"))
            .hint("name a folder, or a new file that ends in .tar")
            .into()),
        Err(_) if !is_file => Ok((path, None)),
        Err(_) => {
            let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            if !parent.is_dir() {
                let hint = format!("make it first: mkdir -m 700 {}", parent.display());
                return Err(Problem::not_found(format!("there is no folder {}", parent.display())).hint(hint).into());
            }
            Ok((parent.to_owned(), Some(path)))
        }
    }
}

fn recipient(text: &str) -> Result<Recipient> {
    text.trim().parse::<Recipient>().map_err(|_| {
        // What was typed is not repeated: it may be the private key.
        Problem::usage("what --encrypt-to names is no public key of age")
            .hint("it looks like age1..., as 'age-keygen' prints it")
            .into()
    })
}

/// Those that flags name; else those of the installation.
pub async fn recipients(s: &mut Invocation<'_>, given: &[String]) -> Result<Vec<Recipient>> {
    match given {
        [_, ..] => given.iter().map(|text| recipient(text)).collect(),
        [] => s.setting(SYSTEM, BACKUP_RECIPIENTS).await?.iter().map(|text| recipient(text)).collect(),
    }
}

/// What the catalogue can keep, and lists can show in a line.
fn label(given: Option<&str>) -> Result<Option<String>> {
    const MOST: usize = 200;
    let Some(text) = given.map(str::trim) else { return Ok(None) };
    let why = match text {
        "" => "is empty".to_owned(),
        text if text.chars().count() > MOST => format!("is longer than {MOST} characters"),
        text if text.chars().any(char::is_control) => "holds a line break or another control character".to_owned(),
        text => return Ok(Some(text.to_owned())),
    };
    Err(Problem::invalid(format!("the label {why}")).hint(format!("write one line of up to {MOST} characters")).into())
}

/// The flags of `backup create`.
#[derive(clap::Args)]
pub struct CreateFlags {
    #[command(flatten)]
    pub keep: Keeps,
    /// What it holds (default: full)
    #[arg(long = "type", value_name = "TYPE", value_parser = ["full", "schema-only"])]
    pub kind: Option<String>,
    /// Where the archive goes (default: orgctl/backups in the XDG data folder)
    #[arg(long, value_name = "FOLDER|FILE")]
    pub to: Option<String>,
    /// Encrypt to this public key (age1...), instead of to those of the setting backup.recipients (can be repeated)
    #[arg(long, value_name = "RECIPIENT")]
    pub encrypt_to: Vec<String>,
    /// Put the master key into it, encrypted to this public key (age1...), whose identity lies elsewhere (can be repeated); without one,
    /// by a passphrase
    #[arg(long, value_name = "RECIPIENT", num_args = 0..=1)]
    pub with_keys: Option<Vec<String>>,
    #[command(flatten)]
    pub passphrase: PassphraseFrom,
    /// What it is for, as lists show it
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
    #[command(flatten)]
    pub signing: SigningKey,
}

impl Leaf for CreateFlags {
    const SPEC: Spec = Spec {
        noun: "backup",
        verb: "create",
        permission: "backups:create",
        writes: true,
        about: "Make a backup",
        examples: "orgctl backup create\norgctl backup create --encrypt-to age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p --to /mnt/backups\norgctl backup create --keep-daily 7 --keep-weekly 5 --keep-monthly 12",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();
    const RECORDED: Option<Action> = Some(Action::Backup);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let (folder, named) = destination(s.context, self.to.as_deref())?;
        let kind = match self.kind.as_deref() {
            Some("schema-only") => BackupType::SchemaOnly,
            _ => BackupType::Full,
        };
        let label = label(self.label.as_deref())?;
        self.says_for_whom()?;
        s.db().await?;
        let recipients = recipients(s, &self.encrypt_to).await?;
        let signing = signing_path(s.context, &self.signing)?;
        if s.context.dry_run {
            return describe_steps(s.context, &folder, &recipients, &signing);
        }
        let key = match signing.exists() {
            true => signer(s.context, &self.signing)?,
            false => keys::make(s, &self.signing).await?,
        };
        archive::make_folder(&folder)?;
        archive::remove_partial(&folder);
        let master_key = match &self.with_keys {
            None => None,
            Some(to) => Some(export::recorded(s, to, &self.passphrase).await?),
        };
        let wanted = Wanted { kind, recipients, label, master_key };
        let (entry, path) = make(s, &key, &wanted, (&folder, named)).await?;
        let pruned = super::retention::prune_behind(s, &self.keep.policy(), path.parent().unwrap_or(&folder)).await?;
        tell(s.context, &entry, &path, pruned).await
    }
}

impl CreateFlags {
    /// Refuses a passphrase where nothing is encrypted by it: the archive itself is for public keys.
    fn says_for_whom(&self) -> Result<(), Problem> {
        match (&self.with_keys, self.passphrase.is_given()) {
            (None, true) => {
                Err(Problem::usage("a passphrase is for the master key, which --with-keys puts into the archive")
                    .hint("the archive itself is encrypted to public keys, by --encrypt-to"))
            }
            (Some(to), true) if !to.is_empty() => {
                Err(Problem::usage("the master key is either for a public key or for who knows a passphrase")
                    .hint("give --with-keys without a RECIPIENT, or leave the passphrase out"))
            }
            _ => Ok(()),
        }
    }
}

/// The steps that a backup would take.
fn describe_steps(context: &Context<'_>, folder: &Path, recipients: &[Recipient], signing: &Path) -> Result<()> {
    let ui = &context.ui;
    ui.status(&format!("dry run: would write an archive into {}, and tell the catalogue", folder.display()));
    if !signing.exists() {
        ui.status(&format!("dry run: would make a signing key in {}", signing.display()));
    }
    match recipients.len() {
        0 => ui.warn("the archive would be in clear: whoever could read it would read everything"),
        n => ui.status(&format!("dry run: would encrypt it to {n} public keys")),
    }
    Ok(())
}

/// What an archive is to be.
pub struct Wanted {
    pub kind: BackupType,
    pub recipients: Vec<Recipient>,
    pub label: Option<String>,
    /// The master key, as the manifest has it.
    pub master_key: Option<String>,
}

/// Writes the archive, puts it into its place and enters it in both catalogues. One that fails is entered as such.
pub async fn make(
    s: &mut Invocation<'_>,
    key: &SignerKey,
    wanted: &Wanted,
    to: (&Path, Option<PathBuf>),
) -> Result<(BackupEntry, PathBuf)> {
    let (id, began) = (s.context.new_id(), s.context.clock.micros());
    match make_archive(s, key, id, wanted, to).await {
        Ok(Made { entry, path, told, .. }) => {
            // An SQLite file may have been migrated meanwhile: it is looked at anew.
            s.connection.close().await;
            enter(s, entry.clone(), told).await?;
            Ok((entry, path))
        }
        Err(e) => {
            let e = in_words(s, e);
            let entry = BackupEntry {
                kind: wanted.kind,
                label: wanted.label.clone(),
                finished_at: Some(s.context.clock.micros()),
                error: Some(e.to_string().chars().take(2000).collect()),
                ..unfinished(s, id, BackupStatus::Failed, began)
            };
            enter_failed(s, entry).await;
            Err(e)
        }
    }
}

/// Tells the database of a backup that came to nothing. What went wrong there matters more than whether that can be told.
async fn enter_failed(s: &mut Invocation<'_>, entry: BackupEntry) {
    // The connection may be in the middle of something.
    s.connection.close().await;
    let told = Map::from_iter([
        ("id".to_owned(), entry.id.to_string().into()),
        ("failed".to_owned(), true.into()),
        ("error".to_owned(), entry.error.clone().into()),
    ]);
    let done = match unwritable(s).await {
        None => gate::write(s, &CatalogueUpdate { entry, told }).await,
        Some(why) => Err(anyhow::anyhow!(why)),
    };
    if let Err(e) = done {
        s.context.ui.verbose(&format!("that the backup failed could not be told: {e:#}"));
    }
}

/// An archive that was made, and is entered nowhere yet.
pub struct Made {
    pub entry: BackupEntry,
    pub path: PathBuf,
    /// What the trail is told of it.
    pub told: Map<String, Json>,
    /// What the database held at that instant.
    pub state: DatabaseState,
}

/// The archive, and what is told of it.
pub async fn make_archive(
    s: &mut Invocation<'_>,
    key: &SignerKey,
    id: Uuid,
    wanted: &Wanted,
    (folder, named): (&Path, Option<PathBuf>),
) -> Result<Made> {
    let shapes = dump::shapes(s.kinds(), migrate::latest(s.kinds(), s.connection.location.engine())?)?;
    let began = s.context.clock.micros();
    let texts: Vec<String> = wanted.recipients.iter().map(ToString::to_string).collect();
    let mut writer = Writer::create(folder, id, wanted.recipients.clone(), began.timestamp())?;
    let opened = dump::open_snapshot(s.db().await?, &shapes).await;
    let written = match opened {
        Ok(()) => write_all(s, key, &mut writer, &shapes, wanted.kind).await,
        Err(e) => Err(e.into()),
    };
    dump::close_snapshot(s.db().await?).await;
    let (mut manifest, state) = written?;
    (manifest.id, manifest.label, manifest.recipients) = (id, wanted.label.clone(), texts);
    manifest.master_key.clone_from(&wanted.master_key);
    let at = manifest.created_at;
    let path = named.unwrap_or_else(|| folder.join(format!("{}{}-{}.tar", archive::PREFIX, stamp(at), short(id))));
    let (size, checksum) = writer.finish(&manifest, key, &path)?;
    let path = std::fs::canonicalize(&path).unwrap_or(path);
    let entry = BackupEntry {
        size: Some(size),
        checksum: Some(checksum),
        finished_at: Some(s.context.clock.micros()),
        ..entry_of(&manifest, &path, &s.context.origin.host)
    };
    let mut told = Map::new();
    told.insert("id".into(), id.to_string().into());
    told.insert("file".into(), path.file_name().map(|n| n.to_string_lossy().into_owned()).into());
    told.insert("sha256".into(), checksum.to_string().into());
    told.insert("rows".into(), manifest.rows().into());
    told.insert("encrypted".into(), entry.encrypted.into());
    if wanted.kind == BackupType::Full {
        // Whose data is in it is derived from these (`kyc exposure`).
        let heads: Vec<Json> = manifest.heads.iter().map(|head| json!([head.tree, head.size])).collect();
        told.insert(HEADS.into(), heads.into());
    }
    if manifest.master_key.is_some() {
        told.insert("master_key".into(), true.into());
    }
    Ok(Made { entry, path, told, state })
}

/// Writes the tables, and looks at what nobody may change before this archive stands for the database.
async fn write_all(
    s: &mut Invocation<'_>,
    key: &SignerKey,
    writer: &mut Writer,
    shapes: &[Shape],
    kind: BackupType,
) -> Result<(Manifest, DatabaseState)> {
    let manifest = write(s, key, writer, shapes, kind).await?;
    Ok((manifest, swap::state(s.db().await?).await?))
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Recorded => "recorded",
        Class::Journal => "journal",
        Class::Volatile => "volatile",
        Class::Wrapped => "wrapped",
    }
}

/// The first line of a data file: what the others are.
fn heading(shape: &Shape) -> Json {
    let columns: Vec<Json> = shape.columns.iter().map(|(name, kind)| json!([name, kind_word(*kind)])).collect();
    json!({ "format": FORMAT, "table": shape.name, "columns": columns, "key": shape.key })
}

/// How a kind of column is called in archives.
pub fn kind_word(kind: crate::model::values::value::ValueType) -> &'static str {
    use crate::model::values::value::ValueType as K;
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
    s: &mut Invocation<'_>,
    key: &SignerKey,
    writer: &mut Writer,
    shapes: &[Shape],
    kind: BackupType,
) -> Result<Manifest> {
    let at = s.context.clock.micros();
    let progress = s.context.ui.progress();
    let engine = s.connection.location.engine();
    let db = s.db().await?;
    let installation = installation(db).await?;
    let mut manifest = Manifest {
        kind,
        created_at: at,
        orgctl: env!("CARGO_PKG_VERSION").to_owned(),
        engine: engine.as_str().to_owned(),
        engine_version: db.version().await?,
        installation,
        schema: migrate::latest(db.kinds(), engine)?,
        ..Manifest::empty()
    };
    progress.part("proving", None, "records");
    sign_heads(db, key, installation, &mut manifest).await?;
    for shape in shapes {
        progress.part(&shape.name, None, "rows");
        let (rows, member) = match kind {
            BackupType::SchemaOnly => (0, None),
            BackupType::Full => {
                let db = s.db().await?;
                let (rows, member) = writer
                    .member(&shape.name, async |into| {
                        into.write_all(format!("{}\n", heading(shape)).as_bytes())?;
                        Ok(dump::write_table(db, shape, into, &mut |n| progress.set(n)).await?)
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

/// Proves the trails and signs them as they are.
async fn sign_heads(db: &mut Db, key: &SignerKey, installation: Uuid, manifest: &mut Manifest) -> Result<()> {
    let chain = lineage::chain(db).await?;
    let logs = Logs { installation, lineage: chain.current().to_owned() };
    // Behind a restore that is not stated yet the old logs may have signed other roots of these sizes.
    let is_open = !lineage::open_claims(db, &chain).await?.is_empty();
    let mut leaves = dump::edges_from_leaves(db).await?;
    for edge in dump::heads(db).await? {
        let grown = leaves.remove(&edge.tree).unwrap_or_default();
        if (grown.size(), grown.root()) != (edge.frontier.size(), edge.frontier.root()) {
            return Err(Problem::integrity(format!("the audit trail of tree {} is not what its head says", edge.tree))
                .hint("'orgctl audit verify' says more; no backup is signed of a trail that does not hold")
                .into());
        }
        let (size, root) = (grown.size(), grown.root());
        if size > 0 && !is_open {
            let checkpoint = Checkpoint { origin: logs.origin(edge.tree), size, root };
            manifest.checkpoints.push(key.sign(&checkpoint.text()));
        }
        manifest.heads.push(HeadEntry { tree: edge.tree, size, root: Digest32(root), at: edge.at });
    }
    let log = log_frontier(db).await?;
    if log.size() > 0 && !is_open {
        let checkpoint = Checkpoint { origin: logs.origin(LOG), size: log.size(), root: log.root() };
        manifest.checkpoints.push(key.sign(&checkpoint.text()));
    }
    Ok(())
}

async fn tell(context: &Context<'_>, entry: &BackupEntry, path: &Path, pruned: Vec<Json>) -> Result<()> {
    context.ui.status(&format!(
        "made the backup {} of {} rows ({} bytes): {}",
        short(entry.id),
        entry.rows.unwrap_or_default(),
        entry.size.unwrap_or_default(),
        path.display()
    ));
    if !entry.encrypted {
        context.ui.warn("the archive is in clear: whoever can read it reads everything (--encrypt-to or the setting backup.recipients encrypts it)");
    }
    report(
        &context.ui,
        &json!({
            "id": entry.id, "type": entry.kind, "file": path, "size": entry.size, "sha256": entry.checksum,
            "rows": entry.rows, "encrypted": entry.encrypted, "at": rfc3339(entry.started_at), "pruned": pruned,
        }),
    )
}
