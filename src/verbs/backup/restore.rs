//! Bringing a backup back.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::archive::{Archive, Identities};
use super::catalogue::short;
use super::create::kind_word;
use super::erasures::reapply;
use super::partial;
use super::replace::{self, Replaces};
use super::replaced_schemas;
use super::selection::{self, Loss};
use super::target::EmptyTarget;
use crate::crud::context::Context;
use crate::crud::gate::{self, Verb};
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::session::Session;
use crate::crud::write::dry_run_note;
use crate::model::backup::{BackupType, Digest32, Manifest};
use crate::model::kinds::Kinds;
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::trail::note::Verifier;
use crate::model::trail::verify::ExpectedRoot;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::rfc3339;
use crate::store::backup::dump::{self, Shape};
use crate::store::backup::rebuild;
use crate::store::backup::swap_postgres;
use crate::store::engine::db::Db;
use crate::store::engine::location::Location;
use crate::store::schema::migrate;
use crate::store::trail;
use crate::store::trail::lineage::skipped;
use crate::store::trail::verify::{VerifyRequest, verify_within};
use crate::store::tx::Tx;
use crate::ui::format::report;
use crate::ui::progress::Progress;
use crate::verbs::audit::keys::{KeyFlags, own_fault, verifiers};

/// Whose signature of an archive is trusted.
#[derive(clap::Args, Default)]
pub struct TrustFlags {
    /// Take it though no trusted key has signed it
    #[arg(long)]
    pub trust_unsigned: bool,
    #[command(flatten)]
    pub keys: KeyFlags,
}

/// Checks that an archive is signed by somebody who is trusted: by a key from outside of it.
pub fn trust(context: &Context<'_>, flags: &TrustFlags, archive: &Archive) -> Result<bool> {
    let keys: Vec<Verifier> = verifiers(context, &flags.keys)?;
    let names = archive.signed_by(&keys)?;
    if !names.is_empty() {
        return Ok(true);
    }
    let path = archive.path.display();
    if flags.trust_unsigned {
        context
            .ui
            .warn(&format!("{path} is not signed by a key that is trusted; it is taken as --trust-unsigned says"));
        return Ok(false);
    }
    let sentence = match keys.is_empty() {
        true => format!("nothing tells who made {path}: there is no public key to check its signature with"),
        false => format!("{path} is not signed by a key that is trusted"),
    };
    let own = own_fault(context, &flags.keys.signing).filter(|_| keys.is_empty());
    Err(Problem::integrity(sentence)
        .hint_maybe(own.map(|p| format!("the key of this machine can't be used: {}", p.sentence)))
        .hint("--key names the public key that 'orgctl audit pubkey' prints where it was made; --trust-unsigned goes without")
        .into())
}

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
    let latest = migrate::latest(kinds, crate::store::engine::location::Engine::Sqlite)?;
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
    let expected = |h: &crate::model::backup::HeadEntry| {
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

/// The flags of `backup restore`.
#[derive(clap::Args)]
pub struct RestoreFlags {
    /// File, 'latest', or the end of a backup's id
    #[arg(value_name = "BACKUP", required_unless_present_any = ["at", "drop_old"])]
    pub backup: Option<String>,
    /// Folder to look in
    #[arg(long, value_name = "FOLDER")]
    pub from: Option<String>,
    /// Take the newest backup that is not later (2026-11-21T09:30, 7d); it holds nothing that came after it
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Database to restore into
    #[arg(long, value_name = "URL", required_unless_present = "drop_old")]
    pub into: Option<String>,
    /// Bring these tables back alone; the database is marked as partial, and takes reads and exports only
    #[arg(long, value_name = "TABLE", num_args = 1.., value_delimiter = ',')]
    pub only: Vec<String>,
    /// Replace what is there; a backup of it is made first, and where anybody writes meanwhile nothing is replaced
    #[arg(long)]
    pub replace: bool,
    /// Drop the schemas that --replace has kept on PostgreSQL, and restore nothing
    #[arg(long, conflicts_with_all = ["backup", "at", "from", "only", "replace", "identity", "trust_unsigned"])]
    pub drop_old: bool,
    /// Also a database of another installation; also where objects of others stay with the old schema, or go with it
    #[arg(long)]
    pub force: bool,
    /// File with the identity (age) that it is encrypted to (can be repeated)
    #[arg(long, value_name = "FILE")]
    pub identity: Vec<String>,
    #[command(flatten)]
    pub trust: TrustFlags,
}

impl Leaf for RestoreFlags {
    const SPEC: Spec = Spec {
        noun: "backup",
        verb: "restore",
        permission: "backups:restore",
        writes: true,
        about: "Bring a backup back, into an empty database or in place of another",
        examples: "orgctl backup restore latest --into sqlite:///tmp/restored.db\norgctl backup restore /mnt/backups/orgctl-20261128T223000Z-1a2b3c4d.tar --into postgres://admin@db.example/people --key audit.pub\norgctl backup restore --at 2026-11-21T09:30 --into sqlite:///srv/orgctl/people.db --replace --dry-run\norgctl backup restore --drop-old --dry-run\norgctl backup restore latest --only users branches --into sqlite:///tmp/look.db",
    };

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        gate::allow(s)?;
        if self.force && !self.replace && !self.drop_old {
            return Err(Problem::usage("--force goes with --replace or --drop-old").into());
        }
        // Whatever comes of it is recorded where the command began, and not in what was to be made.
        s.connection.home = Some(s.connection.location.clone());
        if self.drop_old {
            return replaced_schemas::drop(s, self.into.as_deref()).await;
        }
        let into = Location::parse(self.into.as_deref().unwrap_or_default())?;
        if self.replace && !self.only.is_empty() {
            return Err(Problem::usage("--only brings a part back, which can replace nothing")
                .hint("restore it into an empty place, without --replace")
                .into());
        }
        let archive = selection::choose(s, self.from.as_deref(), self.backup.as_deref(), self.at.as_deref()).await?;
        s.connection.close().await;
        let is_signed = trust(s.context, &self.trust, &archive)?;
        require_readable(s.kinds(), &archive.manifest)?;
        let identities = self.identity;
        if !self.only.is_empty() {
            return partial::restore(s, &self.only, into, archive, identities, is_signed).await;
        }
        let keys = verifiers(s.context, &self.trust.keys)?;
        let loss = selection::known_in_folder(s, &archive).map(|known| Loss::of(&archive.manifest, known));
        let told = told_of(&archive, is_signed, loss.as_ref())?;
        let progress = s.context.ui.progress();
        let verb = Restore {
            archive: archive.path.clone(),
            manifest: archive.manifest_digest(),
            identities,
            told,
            keys,
            progress: progress.clone(),
            replaces: None,
        };
        if self.replace && replace::is_filled(s, &into).await? {
            return replace::replace(s, &self.trust.keys.signing, &archive, verb).await;
        }
        let place = EmptyTarget::take(s, into, "into").await?;
        let into = place.location.clone();
        let done = place.fill(s, &verb).await;
        progress.finish();
        tell(s.context, &archive, &into, &verb.told, done?, loss)
    }
}

/// What the trail is told of a restore.
fn told_of(archive: &Archive, is_signed: bool, loss: Option<&Loss>) -> Result<Map<String, Json>> {
    let manifest = &archive.manifest;
    let (_, checksum) = archive.digest()?;
    let mut told = Map::new();
    told.insert("id".into(), manifest.id.to_string().into());
    told.insert("sha256".into(), checksum.to_string().into());
    told.insert("of".into(), rfc3339(manifest.created_at).into());
    told.insert("signed".into(), is_signed.into());
    told.insert("heads".into(), manifest.heads.iter().map(|h| json!([h.tree, h.size])).collect());
    // The archive can't tell of them, and there is nothing else to ask.
    told.insert("erasures_unknown_from".into(), told["heads"].clone());
    told.insert("lost".into(), loss.map(Loss::json).unwrap_or_default());
    Ok(told)
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

/// To a millisecond.
pub fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}
