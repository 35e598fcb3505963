//! Proving that a backup restores: it is restored.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::archive::{Archive, Identities};
use super::catalogue::{archives, folder, locate_any, read_entry, read_sidecar, short, tell_database, write_sidecar};
use super::loading::{Source, load, prove, require_readable, shapes_of};
use super::scratch::Scratch;
use super::trust::{TrustFlags, trust};
use crate::crud::context::Context;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::model::backup::{BackupEntry, BackupStatus, BackupType, Digest32, Manifest};
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::{ErrorKind as Broken, Problem};
use crate::model::trail::audit::Action;
use crate::model::trail::note::Verifier;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::rfc3339;
use crate::store::backup::catalogue;
use crate::store::backup::compare::{self, Compared};
use crate::store::backup::dump;
use crate::store::backup::hashed::Hashed;
use crate::store::backup::rebuild;
use crate::store::engine::db::Db;
use crate::store::engine::location::Location;
use crate::store::schema::migrate;
use crate::store::trail::checkpoints::installation;
use crate::store::trail::verify::frontier_at;
use crate::store::tx::Tx;
use crate::ui::format::report;
use crate::ui::progress::Progress;
use crate::verbs::audit::findings::counted;
use crate::verbs::audit::keys::verifiers;

/// How a backup is to be proven.
pub struct VerifyPlan {
    identities: Identities,
    keys: Vec<Verifier>,
    trust: TrustFlags,
    pub is_quick: bool,
    pub against_live: bool,
    scratch: Option<Location>,
}

impl VerifyPlan {
    /// All of one archive, by itself.
    pub fn new(context: &Context<'_>, identity: &[String], trial: TrialFlags) -> Result<VerifyPlan> {
        let TrialFlags { against_live, scratch, trust } = trial;
        Ok(VerifyPlan {
            identities: Identities::read(identity)?,
            keys: verifiers(context, &trust.keys)?,
            trust,
            is_quick: false,
            against_live,
            scratch: scratch.as_deref().map(Location::parse).transpose()?,
        })
    }
}

impl VerifyPlan {
    /// Whether a key that is trusted has signed an archive.
    pub fn trusts(&self, entry: &BackupEntry) -> bool {
        let archive = entry.location.as_ref().and_then(|l| Archive::open(Path::new(l)).ok());
        archive.is_some_and(|a| a.signed_by(&self.keys).is_ok_and(|names| !names.is_empty()))
    }

    /// Whether an archive can't be read for want of an identity.
    pub fn lacks_identity(&self, path: &Path) -> bool {
        self.identities.is_empty() && Archive::open(path).is_ok_and(|a| a.manifest.is_encrypted())
    }
}

/// What came of proving a backup.
pub struct Proof {
    pub id: Option<Uuid>,
    pub path: PathBuf,
    pub size: u64,
    /// It was restored; otherwise its checksums alone were looked at.
    pub is_restored: bool,
    /// What was read: rows and SHA-256 of each table.
    pub tables: Vec<Json>,
    /// How the live database compares.
    pub live: Option<Vec<Compared>>,
    pub took: TimeDelta,
    pub rows: u64,
    pub created_at: Option<chrono::DateTime<chrono::Utc>>,
    pub is_encrypted: bool,
    /// No key that is trusted has signed it: that says nothing of whether it holds.
    is_untrusted: bool,
    pub fault: Option<Problem>,
}

impl Proof {
    pub fn json(&self) -> Json {
        let fault = self.fault.as_ref().map(|p| p.sentence.clone());
        let live = self.live.as_ref().map(|all| {
            let of = |c: &Compared| {
                json!({ "table": c.table, "rows": c.rows, "ok": c.unexplained == 0, "explained": c.explained,
                        "untold": c.untold, "differences": c.differences, "sha256": c.digests.map(|d| d.0), "live_sha256": c.digests.map(|d| d.1) })
            };
            all.iter().map(of).collect::<Vec<_>>()
        });
        json!({
            "id": self.id, "file": self.path, "ok": self.fault.is_none(), "restored": self.is_restored, "size": self.size,
            "rows": self.rows, "at": self.created_at.map(rfc3339), "encrypted": self.is_encrypted,
            "seconds": self.took.as_seconds_f64(), "tables": self.tables, "live": live, "error": fault,
        })
    }

    /// In a few words, for people.
    pub fn words(&self) -> String {
        let id = self.id.map_or_else(|| self.path.display().to_string(), |id| format!("the backup {}", short(id)));
        let how = match self.is_restored {
            true => "restored, and every row compared",
            false => "checksums only: it was not restored, and is not marked as verified",
        };
        match &self.fault {
            None => format!(
                "{id} holds ({how}): {} in {:.1} s",
                counted(self.rows, "row", "rows"),
                self.took.as_seconds_f64()
            ),
            Some(p) => format!("{id} does not hold: {}", p.sentence),
        }
    }
}

/// How a backup is restored to be proven.
#[derive(clap::Args)]
pub struct TrialFlags {
    /// Hold the live database against it too, as that was then
    #[arg(long)]
    pub against_live: bool,
    /// Server or folder to restore in: a new database there, dropped at the end (default: a file)
    #[arg(long, value_name = "URL")]
    pub scratch: Option<String>,
    #[command(flatten)]
    pub trust: TrustFlags,
}

/// The flags of `backup verify`.
#[derive(clap::Args)]
pub struct VerifyFlags {
    /// File, 'latest', or the end of a backup's id
    #[arg(value_name = "BACKUP")]
    pub backup: Option<String>,
    /// Prove every archive in the folder
    #[arg(long, conflicts_with = "backup")]
    pub all: bool,
    /// Folder to look in
    #[arg(long, value_name = "FOLDER")]
    pub from: Option<String>,
    /// File with the identity (age) that it is encrypted to (can be repeated)
    #[arg(long, value_name = "FILE")]
    pub identity: Vec<String>,
    /// Hold it against its checksums alone
    #[arg(long, conflicts_with_all = ["against_live", "scratch"])]
    pub quick: bool,
    #[command(flatten)]
    pub trial: TrialFlags,
}

impl Leaf for VerifyFlags {
    const SPEC: Spec = Spec {
        noun: "backup",
        verb: "verify",
        permission: "backups:verify",
        writes: true,
        about: "Prove that a backup restores: restore it into a database that is thrown away",
        examples: "orgctl backup verify latest\norgctl backup verify --all --quick\norgctl backup verify latest --against-live --scratch postgres://admin@db.example/postgres",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();
    const RECORDED: Option<Action> = Some(Action::Backup);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let plan = VerifyPlan { is_quick: self.quick, ..VerifyPlan::new(s.context, &self.identity, self.trial)? };
        if plan.against_live {
            s.db().await?;
        }
        if self.all {
            return all(s, self.from.as_deref(), &plan).await;
        }
        let word = self.backup.as_deref().unwrap_or("latest");
        let path = locate_any(s, self.from.as_deref(), word).await?;
        let proof = prove_one(s, &plan, &path).await?;
        report(&s.context.ui, &proof.json())?;
        if let Some(fault) = proof.fault {
            return Err(fault.into());
        }
        s.context.ui.status(&proof.words());
        tell_live(s.context, proof.live.as_deref().unwrap_or_default());
        Ok(())
    }
}

/// Proves every archive in the folder; one that does not hold keeps no other from being looked at.
async fn all(s: &mut Invocation<'_>, from: Option<&str>, plan: &VerifyPlan) -> Result<()> {
    let ui = &s.context.ui;
    let folder = folder(s.context, from, "from")?;
    let (mut proofs, mut unread) = (Vec::new(), 0);
    for path in archives(&folder)? {
        let proof = match prove_one(s, plan, &path).await {
            Ok(proof) => proof,
            // Another command removed it.
            Err(_) if !path.exists() => continue,
            Err(e) if is_of_archive(&e) => {
                ui.warn(&e.to_string());
                unread += 1;
                continue;
            }
            Err(e) => return Err(e),
        };
        match proof.fault.is_some() {
            true => ui.warn(&proof.words()),
            false => ui.status(&proof.words()),
        }
        tell_live(s.context, proof.live.as_deref().unwrap_or_default());
        proofs.push(proof);
    }
    let faults = proofs.iter().filter(|p| p.fault.is_some()).count();
    report(
        ui,
        &json!({ "ok": faults + unread == 0, "faults": faults, "unread": unread, "backups": proofs.iter().map(Proof::json).collect::<Vec<_>>() }),
    )?;
    match (proofs.len(), faults) {
        (0, _) if unread == 0 => Err(Problem::not_found(format!("there is no backup in {}", folder.display()))
            .hint("'orgctl backup create' makes one; --from names another folder")
            .into()),
        (_, 0) if unread == 0 => Ok(()),
        (_, 0) => {
            Err(Problem::failed(format!("{} not be read", counted(unread, "backup could", "backups could"))).into())
        }
        (n, faults) => {
            Err(Problem::integrity(format!("{faults} of {} hold", counted(n, "backup does not", "backups do not")))
                .into())
        }
    }
}

/// What has to do with one archive alone: it may not be read, is of another program, or encrypted to somebody else.
fn is_of_archive(e: &anyhow::Error) -> bool {
    e.downcast_ref::<Problem>()
        .is_some_and(|p| matches!(p.kind, Broken::Failed | Broken::Usage | Broken::NotFound | Broken::Conflict))
}

fn tell_live(context: &Context<'_>, live: &[Compared]) {
    if live.is_empty() {
        return;
    }
    let (rows, explained) = live.iter().fold((0, 0), |(r, e), c| (r + c.rows, e + c.explained));
    let untold: u64 = live.iter().map(|c| c.untold).sum();
    context.ui.status(&format!(
        "the live database agrees as of then: {} in {}; {} as records since tell",
        counted(rows, "row", "rows"),
        counted(live.len(), "table", "tables"),
        counted(explained, "differs", "differ")
    ));
    if untold > 0 {
        context.ui.status(&format!(
            "of {} nobody can tell any more: the records that told of them are erased or archived",
            counted(untold, "row that differs", "rows that differ")
        ));
    }
}

/// Proves one archive, and marks it. An error is what has nothing to do with the archive.
pub async fn prove_one(s: &mut Invocation<'_>, plan: &VerifyPlan, path: &Path) -> Result<Proof> {
    let began = s.context.clock.now();
    let mut proof = Proof {
        id: None,
        path: path.to_owned(),
        size: fs::metadata(path).map_or(0, |m| m.len()),
        is_restored: false,
        tables: Vec::new(),
        live: None,
        took: TimeDelta::zero(),
        rows: 0,
        created_at: None,
        is_encrypted: false,
        is_untrusted: false,
        fault: None,
    };
    let progress = s.context.ui.progress();
    let opened = Archive::open(path);
    let manifest = opened.as_ref().ok().map(|a| a.manifest.clone());
    let tried = async {
        let archive = opened?;
        proof.id = Some(archive.manifest.id);
        (proof.rows, proof.created_at) = (archive.manifest.rows(), Some(archive.manifest.created_at));
        proof.is_encrypted = archive.manifest.is_encrypted();
        look_into(s, plan, &archive, &mut proof, &progress).await
    }
    .await;
    progress.finish();
    proof.took = s.context.clock.now() - began;
    let fault = match tried {
        Ok(()) => None,
        Err(e) => Some(as_fault(e)?),
    };
    if !proof.is_untrusted {
        mark(s, path, manifest.as_ref(), proof.is_restored, fault.as_ref()).await?;
    }
    proof.fault = fault.or_else(|| of_live(proof.live.as_deref().unwrap_or_default()));
    Ok(proof)
}

/// A fault of the archive, told apart from what else can go wrong.
fn as_fault(e: anyhow::Error) -> Result<Problem> {
    match e.downcast::<Problem>() {
        Ok(p) if p.kind == Broken::Integrity => Ok(p),
        // What the archive holds breaks a rule of the database.
        Ok(p) if matches!(p.kind, Broken::Invalid) => Ok(Problem { kind: Broken::Integrity, ..p }),
        Ok(p) => Err(p.into()),
        Err(e) => Err(e),
    }
}

/// The first row of the live database that differs, and no record says why.
fn of_live(live: &[Compared]) -> Option<Problem> {
    let wrong = live.iter().filter(|c| c.unexplained > 0);
    let total: u64 = wrong.clone().map(|c| c.unexplained).sum();
    let first = wrong.clone().next()?;
    let what = first.differences.first().map_or("it differs", String::as_str);
    Some(Problem::integrity(format!("the live database is not what its trail tells: {}, {what}", first.table)).hint(
        format!(
            "{} in all, and the backup itself holds; -o json names them, 'orgctl audit verify --deep' says more",
            counted(total, "such row", "such rows")
        ),
    ))
}

async fn look_into(
    s: &mut Invocation<'_>,
    plan: &VerifyPlan,
    archive: &Archive,
    proof: &mut Proof,
    progress: &Progress,
) -> Result<()> {
    let is_untrusted = archive.signed_by(&plan.keys)?.is_empty();
    proof.is_untrusted = is_untrusted && !is_changed(archive)?;
    trust(s.context, &plan.trust, archive)?;
    proof.is_untrusted = false;
    require_readable(s.kinds(), &archive.manifest)?;
    shapes_of(s.kinds(), &archive.manifest)?;
    let is_readable = !archive.manifest.is_encrypted() || !plan.identities.is_empty();
    if plan.is_quick || !is_readable || archive.manifest.kind != BackupType::Full {
        proof.tables = checksums(archive, &plan.identities, is_readable, progress)?;
        if plan.against_live {
            s.context.ui.warn("it was not restored, so the live database was not compared");
        }
        return Ok(());
    }
    let scratch = Scratch::create(s, plan.scratch.as_ref()).await?;
    let done = in_scratch(s, plan, archive, &scratch, proof, progress).await;
    // What came of it matters more than whether the scratch is gone: the next command removes it.
    if let Err(e) = scratch.remove().await {
        s.context.ui.warn(&format!("what was restored to be looked at could not be removed: {e}"));
    }
    done
}

/// Whether an archive that no trusted key has signed was changed since it was made: then that is a fault of its own, and not
/// of who asks without the key.
fn is_changed(archive: &Archive) -> Result<bool> {
    if archive.is_unsigned() {
        return Ok(true);
    }
    let made = read_sidecar(&archive.path).filter(|told| told.id == archive.manifest.id).and_then(|told| told.checksum);
    Ok(match made {
        Some(made) => archive.digest()?.1 != made,
        None => false,
    })
}

/// Reads everything and holds it against its checksums; decrypts and decompresses it too, where it can.
fn checksums(archive: &Archive, identities: &Identities, is_readable: bool, progress: &Progress) -> Result<Vec<Json>> {
    let mut tables = Vec::new();
    for table in &archive.manifest.tables {
        let Some(member) = &table.member else { continue };
        progress.part(&table.name, Some(member.content_size), "bytes");
        if !is_readable {
            archive.check(member)?;
            tables.push(table_json(&table.name, table.rows, None));
            continue;
        }
        let mut reader = archive.member(member, identities)?;
        reader.heading(&table.name)?;
        reader.skim(&mut |n| progress.set(n))?;
        tables.push(table_json(&table.name, table.rows, None));
    }
    Ok(tables)
}

fn table_json(table: &str, rows: u64, digest: Option<Digest32>) -> Json {
    json!({ "table": table, "rows": rows, "sha256": digest })
}

/// Restores it into a database that is thrown away, proves that, and compares each table with what the archive holds.
async fn in_scratch(
    s: &mut Invocation<'_>,
    plan: &VerifyPlan,
    archive: &Archive,
    scratch: &Scratch,
    proof: &mut Proof,
    progress: &Progress,
) -> Result<()> {
    let mut db = scratch.open(&s.connection.opening).await?;
    let at = s.context.clock.micros();
    let source = Source { archive, identities: &plan.identities, progress: progress.clone() };
    let done = async {
        rebuild::relax_durability(&mut db).await?;
        rebuild::begin_scratch(&mut db).await?;
        load(&mut db, &source, at).await?;
        prove(&mut db, &archive.manifest, plan.keys.clone(), progress).await?;
        proof.tables = compare(&mut db, &source).await?;
        proof.is_restored = true;
        if plan.against_live {
            proof.live = Some(with_live(s, archive, &mut db, scratch, progress).await?);
        }
        Ok(())
    }
    .await;
    db.close().await;
    done
}

/// Holds the rows of a database against those of an archive, table by table. What each holds.
pub async fn compare(db: &mut Db, source: &Source<'_>) -> Result<Vec<Json>> {
    let manifest = &source.archive.manifest;
    // Migrations change what they mean to; the trail has been proven.
    let is_same_schema = manifest.schema == migrate::latest(db.kinds(), db.engine())?;
    dump::set_forms(db).await?;
    let mut tables = Vec::new();
    for shape in shapes_of(db.kinds(), manifest)? {
        let Some((entry, member)) = manifest.table(&shape.name).and_then(|e| Some((e, e.member.as_ref()?))) else {
            continue;
        };
        source.progress.part(&format!("comparing {}", shape.name), Some(entry.rows), "rows");
        let mut reader = source.archive.member(member, source.identities)?;
        reader.heading(&shape.name)?;
        let lines = reader.lines_digest()?;
        if is_same_schema {
            let mut there = Hashed::nothing();
            dump::write_table(db, &shape, &mut there, &mut |n| source.progress.set(n)).await?;
            if there.digest() != lines {
                let sentence = format!("the rows of {} are not those of the archive", shape.name);
                return Err(Problem::integrity(sentence).into());
            }
        }
        tables.push(table_json(&shape.name, entry.rows, Some(lines)));
    }
    Ok(tables)
}

/// Holds what was restored against the live database, as that was when its trail was as long.
async fn with_live(
    s: &mut Invocation<'_>,
    archive: &Archive,
    then: &mut Db,
    scratch: &Scratch,
    progress: &Progress,
) -> Result<Vec<Compared>> {
    let manifest = &archive.manifest;
    let now = s.db().await?;
    if installation(now).await? != manifest.installation {
        return Err(Problem::conflict("the live database is another installation than the archive's")
            .hint("name its own with --database")
            .into());
    }
    progress.part("comparing with what is live", None, "rows");
    let mut sizes = Vec::new();
    for head in &manifest.heads {
        let size = i64::try_from(head.size)?;
        let edge = frontier_at(now, head.tree, size).await?;
        if edge.size() != head.size || edge.root() != head.root.0 {
            let sentence = match edge.size() < head.size {
                true => format!(
                    "the trail of tree {} ends before that of the archive: {} of {} records",
                    head.tree,
                    edge.size(),
                    head.size
                ),
                false => {
                    format!("the trail of tree {} is another than that of the archive, up to record {size}", head.tree)
                }
            };
            return Ok(vec![Compared {
                table: "audit_records".to_owned(),
                rows: head.size,
                digests: None,
                explained: 0,
                untold: 0,
                differences: vec![sentence],
                unexplained: 1,
            }]);
        }
        sizes.push((head.tree, size));
    }
    let at = manifest.created_at;
    Ok(compare::compare(then, now, (at, &sizes), &|| scratch.file(), &mut |_, n| progress.set(n)).await?)
}

/// Marks what came of it, beside the archive and in the catalogue of the database that it is of.
async fn mark(
    s: &mut Invocation<'_>,
    path: &Path,
    manifest: Option<&Manifest>,
    is_restored: bool,
    fault: Option<&Problem>,
) -> Result<()> {
    let Some(mut entry) = read_entry(s, path) else { return Ok(()) };
    let now = s.context.clock.micros();
    entry.checked_at = Some(now);
    match fault {
        Some(p) => {
            (entry.status, entry.error) = (BackupStatus::Failed, Some(p.sentence.chars().take(2000).collect()));
        }
        None if is_restored => {
            (entry.status, entry.verified_at, entry.error) = (BackupStatus::Verified, Some(now), None);
        }
        None => return Ok(()),
    }
    if s.context.dry_run {
        return Ok(());
    }
    if let Err(e) = write_sidecar(path, &entry) {
        s.context.ui.warn(&format!("what came of it is not told beside the archive: {e}"));
    }
    // It may have been migrated meanwhile: it is looked at anew.
    s.connection.close().await;
    if let Err(e) = mark_in_catalogue(s, manifest, entry, fault).await {
        let e = gate::in_words(s, e);
        s.context.ui.warn(&format!("what came of it is not told in the database: {e}"));
    }
    Ok(())
}

async fn mark_in_catalogue(
    s: &mut Invocation<'_>,
    manifest: Option<&Manifest>,
    entry: BackupEntry,
    fault: Option<&Problem>,
) -> Result<()> {
    let is_of_it = match (s.db().await.is_ok(), manifest) {
        (true, Some(m)) => installation(s.db().await?).await? == m.installation,
        _ => false,
    };
    if !is_of_it {
        return Ok(());
    }
    let known = catalogue::all(s.db().await?).await?.into_iter().find(|e| e.id == entry.id);
    if fault.is_some() && known.is_some_and(|known| is_copy(&entry, &known)) {
        // That a copy of it does not hold says nothing of the archive itself.
        return Ok(());
    }
    tell_database(s, &RecordOutcome { entry, fault: fault.map(|p| p.sentence.clone()) }).await
}

/// Whether an archive lies elsewhere than the one that the catalogue knows.
fn is_copy(entry: &BackupEntry, known: &BackupEntry) -> bool {
    (&entry.host, &entry.location) != (&known.host, &known.location)
}

/// Enters what came of a look at an archive. What else the catalogue knows is read under the lock: it may be held by now.
#[derive(Debug, Serialize, Deserialize)]
struct RecordOutcome {
    entry: BackupEntry,
    fault: Option<String>,
}

impl Verb for RecordOutcome {
    const NAME: &str = "backup verify";

    type Output = ();

    fn orgs(&self) -> Vec<i32> {
        vec![SYSTEM]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("it reads an archive")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<()> {
        let entry = self.entry.clone();
        let marked = match catalogue::all(tx.db).await?.into_iter().find(|e| e.id == entry.id) {
            // What a copy shows is not what lies there.
            Some(known) if is_copy(&entry, &known) && known.status != BackupStatus::Complete => {
                BackupEntry { verified_at: entry.verified_at, ..known }
            }
            // Where it lies, and until when it is held, is not told by an archive.
            Some(known) => BackupEntry {
                status: entry.status,
                verified_at: entry.verified_at.or(known.verified_at),
                error: entry.error,
                checked_at: entry.checked_at,
                ..known
            },
            None => entry,
        };
        let mut told = Map::new();
        told.insert("id".into(), marked.id.to_string().into());
        told.insert("verified".into(), self.fault.is_none().into());
        if let Some(fault) = &self.fault {
            told.insert("fault".into(), fault.as_str().into());
        }
        tx.put_backup(&marked).await?;
        Ok(tx.event(SYSTEM, Action::Backup, "backup", told).await?)
    }
}
