//! What is wrong, or about to be: each thing on a line, with what to do about it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::TimeDelta;
use serde_json::json;

use super::audit::findings::counted;
use super::audit::keys::{own_fault, signing_path};
use super::backup::catalogue::folder;
use super::backup::replaced_schemas;
use super::backup::status::{self, MAX_AGE};
use super::kyc::redact;
use crate::crud::context::Context;
use crate::crud::context::xdg;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::master_key::MasterKeySource;
use crate::crud::times::time;
use crate::crud::vault::{is_another, own_key};
use crate::model::kinds::org::SYSTEM;
use crate::model::kinds::setting::StoredSetting;
use crate::model::problem::{ErrorKind as Broken, Problem};
use crate::model::resource::Resource as _;
use crate::model::resource::stored::Stored;
use crate::model::setting::{
    AUDIT_MIN_RETENTION_DAYS, AadhaarStorage, KYC_AADHAAR_STORAGE, PASSWORD_HISTORY, PASSWORD_MIN_LENGTH,
};
use crate::model::trail::audit::Action;
use crate::model::values::value::{ValueType, rfc3339};
use crate::store::backup::partial;
use crate::store::engine::location::Location;
use crate::store::health::{self, Health};
use crate::store::records;
use crate::store::records::settings;
use crate::store::schema;
use crate::store::schema::migrate::{self, SchemaState};
use crate::store::trail;
use crate::store::trail::verify::{VerifyRequest, verify};
use crate::ui::bounded;
use crate::ui::format::{Format, Listing, OutputColumn, is_for_programs, report};
use crate::ui::text::{relative, size, visible};
use crate::verbs::audit::keys::SigningKey;

/// Less room than this, and the next command may not end.
const ROOM_LEAST: u64 = 64 << 20;

/// How far two clocks may be apart, and how old the last checkpoint may be.
const SKEW: TimeDelta = TimeDelta::minutes(10);
const CHECKPOINT_AGE: TimeDelta = TimeDelta::days(7);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Ok,
    /// Nothing fails of it now.
    Warn,
    Fail,
    /// Something was changed that must not be.
    Broken,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail | Level::Broken => "fail",
        }
    }
}

struct CheckLine {
    check: &'static str,
    level: Level,
    what: String,
    hint: Option<String>,
}

/// The page.
#[derive(Default)]
struct Page(Vec<CheckLine>);

impl Page {
    fn say(&mut self, check: &'static str, level: Level, what: impl Into<String>, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.0.push(CheckLine { check, level, what: what.into(), hint });
    }

    fn ok(&mut self, check: &'static str, what: impl Into<String>) {
        self.say(check, Level::Ok, what, "");
    }

    /// What kept something from being looked at.
    fn failed(&mut self, check: &'static str, e: &anyhow::Error) {
        match e.downcast_ref::<Problem>() {
            Some(p) => {
                let level = if p.kind == Broken::Integrity { Level::Broken } else { Level::Fail };
                let hint = p.hints.first().cloned().unwrap_or_default();
                self.say(check, level, p.sentence.clone(), &hint);
            }
            None => self.say(check, Level::Fail, format!("{e:#}"), ""),
        }
    }

    fn worst(&self) -> Level {
        self.0.iter().map(|l| l.level).max().unwrap_or(Level::Ok)
    }
}

/// The flags of `doctor`.
#[derive(clap::Args)]
pub struct DoctorFlags {
    /// Say it in one line, and in the exit code: 1 where something is wrong, 8 where something was changed
    #[arg(long)]
    pub check: bool,
    /// How old the newest backup may be: 26h, 7d (default: 26h)
    #[arg(long, value_name = "TIME")]
    pub max_age: Option<String>,
    #[command(flatten)]
    pub signing: SigningKey,
}

impl Leaf for DoctorFlags {
    const SPEC: Spec = Spec {
        noun: "",
        verb: "doctor",
        permission: "database:read",
        writes: false,
        about: "Say what is wrong, or about to be: one page",
        examples: "orgctl doctor\n*/15 * * * *  orgctl doctor --check || logger -p user.err 'orgctl doctor'",
    };
    const UNUSED: Unused = Unused::NONE.org();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let mut page = Page::default();
        page.ok("program", format!("orgctl {}", env!("CARGO_PKG_VERSION")));
        // Before the database is opened, which takes others' rights away.
        modes(s, &mut page);
        let is_current = database(s, &mut page).await;
        keys(s, &self.signing, &mut page);
        room(s, &mut page);
        if is_current {
            match health::look(s.db().await?).await {
                Ok(health) => {
                    clock(s.context, &health, &mut page);
                    audit(s, &health, &mut page).await?;
                }
                Err(e) => page.failed("audit", &e.into()),
            }
            if let Err(e) = sealing(s, &mut page).await {
                page.failed("sealing", &e);
            }
            if let Err(e) = aadhaars(s, &mut page).await {
                page.failed("aadhaar", &e);
            }
            if let Err(e) = settings_at_odds(s, &mut page).await {
                page.failed("settings", &e);
            }
        }
        // Where the database is lost, that is what matters.
        backups(s, self.max_age.as_deref(), &mut page).await?;
        tell(s.context, self.check, &page)
    }
}

/// The page, or one line of it.
fn tell(context: &Context<'_>, is_check: bool, page: &Page) -> Result<()> {
    let ui = &context.ui;
    let count = |level: Level| page.0.iter().filter(|l| l.level.as_str() == level.as_str()).count();
    let (fails, warns) = (count(Level::Fail), count(Level::Warn));
    let line = |l: &CheckLine| json!({ "check": l.check, "status": l.level.as_str(), "what": l.what, "hint": l.hint });
    let all: Vec<_> = page.0.iter().map(line).collect();
    let summary =
        format!("{} ({warns} to be warned of)", counted(page.0.len(), "thing was looked at", "things were looked at"));
    if is_for_programs(ui) {
        report(ui, &json!({ "ok": fails == 0, "fails": fails, "warnings": warns, "checks": all }))?;
    } else if is_check {
        if fails == 0 {
            ui.out(&format!("ok: {summary}\n"))?;
        }
    } else if ui.style.format.get() == Format::Table {
        for l in &page.0 {
            let colour = ["32", "33", "31", "31"][l.level as usize];
            let word = ui.paint(colour, &format!("{:<5}", l.level.as_str()));
            ui.out(&format!("{word} {:<9} {}\n", l.check, visible(&l.what)))?;
            if let Some(hint) = &l.hint {
                ui.out(&format!("{:16}hint: {}\n", "", visible(hint)))?;
            }
        }
    } else {
        let heads = ["status", "check", "what", "hint"].map(|n| OutputColumn::new(n, ValueType::Text)).to_vec();
        let mut listing = Listing::new(ui, heads, 1);
        for l in &page.0 {
            let row = vec![l.level.as_str().into(), l.check.into(), l.what.clone().into(), l.hint.clone().into()];
            listing.row(ui, row)?;
        }
        listing.finish(ui)?;
    }
    ui.flush()?;
    let worst = page.0.iter().rev().max_by_key(|l| l.level).filter(|l| l.level >= Level::Fail);
    let Some(worst) = worst.filter(|_| is_check) else { return Ok(()) };
    let more = if fails > 1 { format!(" (and {} more)", fails - 1) } else { String::new() };
    let sentence = format!("{}: {}{more}", worst.check, worst.what);
    let problem = if page.worst() == Level::Broken { Problem::integrity(sentence) } else { Problem::failed(sentence) };
    Err(problem.into())
}

/// Whether the database is there, and what this program expects.
async fn database(s: &mut Invocation<'_>, page: &mut Page) -> bool {
    let at = s.connection.location.shown();
    let looked = async {
        let db = s.unchecked_db().await?;
        let latest = migrate::latest(db.kinds(), db.engine())?;
        let state = migrate::state(db).await?;
        let engine = format!("{} {}", db.engine().as_str(), db.version().await?);
        let lines = migrate::status(db).await?;
        let is_current = state == SchemaState::At(latest);
        let part = match state {
            SchemaState::Partial(_) => Some(partial::find(db).await?),
            _ => None,
        };
        let differences = if is_current { schema::differences(db).await? } else { Vec::new() };
        anyhow::Ok((state, latest, engine, lines, differences, part))
    };
    let (state, latest, engine, lines, differences, part) = match looked.await {
        Ok(looked) => looked,
        Err(e) => {
            page.failed("database", &e);
            return false;
        }
    };
    page.ok("database", format!("{at} ({engine})"));
    match state {
        SchemaState::Empty | SchemaState::At(0) => {
            page.say("schema", Level::Fail, "it is empty", "'orgctl init' fills it");
        }
        SchemaState::Foreign => {
            page.say("schema", Level::Fail, "it holds tables that orgctl did not make", "name another with --database");
        }
        SchemaState::Partial(_) => {
            let of = part.map_or_else(String::new, |part| part.describe());
            let what = format!("it is partial, and takes reads and exports only: it was made of {of}");
            page.say("schema", Level::Fail, what, "work with the whole database: name it with --database");
        }
        SchemaState::At(v) if v > latest => {
            let what = format!("it is at version {v}, newer than this orgctl, which knows {latest}");
            page.say("schema", Level::Fail, what, "install the newer orgctl");
        }
        SchemaState::At(v) if v < latest => {
            let what = format!(
                "{} pending: it is at version {v} of {latest}",
                counted(latest.abs_diff(v), "migration is", "migrations are")
            );
            page.say("schema", Level::Fail, what, "'orgctl db migrate' brings it up to date");
        }
        SchemaState::At(v) => match (lines.iter().find(|l| l.changed), differences.first()) {
            (Some(line), _) => {
                let what = format!("migration {:04}_{} is not the one that was applied", line.version, line.name);
                page.say("schema", Level::Broken, what, "'orgctl db check' says more");
            }
            (None, Some(first)) => {
                page.say(
                    "schema",
                    Level::Broken,
                    format!("it is not what this orgctl expects: {first}"),
                    "'orgctl db check' says more",
                );
            }
            (None, None) => page.ok("schema", format!("version {v}, no migration is pending")),
        },
    }
    state == SchemaState::At(latest)
}

/// Whether others may read what is its owner's alone.
fn modes(s: &Invocation<'_>, page: &mut Page) {
    let mut asked: Vec<PathBuf> = Vec::new();
    if let Location::Sqlite(path) = &s.connection.location {
        asked.extend(["", "-wal", "-shm"].map(|end| PathBuf::from(format!("{}{end}", path.display()))));
    }
    if let Ok(folder) = folder(s.context, None, "from") {
        let files = fs::read_dir(&folder).into_iter().flatten().flatten().map(|f| f.path());
        asked.extend(files.filter(|p| p.extension().is_some_and(|e| e == "tar" || e == "json")));
        asked.push(folder);
    }
    let named = s.context.env.get("ORGCTL_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    let usual = || xdg(s.context.env, "XDG_CONFIG_HOME", ".config").map(|p| p.join("orgctl/config.toml"));
    if let Some(config) = named.or_else(usual) {
        // It matters where there is a password in it.
        let text = bounded::read(&config, bounded::SMALL).unwrap_or_default();
        let has_password =
            text.split("://").skip(1).any(|url| url.split_once('@').is_some_and(|(user, _)| user.contains(':')));
        asked.extend(has_password.then_some(config));
    }
    let mode = |path: &Path| fs::metadata(path).ok().map(|meta| meta.mode() & 0o777);
    let open: Vec<(&PathBuf, u32)> =
        asked.iter().filter_map(|p| Some((p, mode(p)?))).filter(|(_, mode)| mode & 0o077 != 0).collect();
    match open.first() {
        None => page.ok("modes", "database, backups and configuration are their owner's alone"),
        Some((path, mode)) => {
            let more = if open.len() > 1 { format!(", and {} more", open.len() - 1) } else { String::new() };
            let what = format!("others may read {} (mode {mode:04o}){more}", path.display());
            page.say("modes", Level::Fail, what, &format!("chmod go= {}", path.display()));
        }
    }
}

/// The key that signs checkpoints and backups.
fn keys(s: &Invocation<'_>, signing: &SigningKey, page: &mut Page) {
    let Ok(path) = signing_path(s.context, signing) else {
        page.say(
            "keys",
            Level::Warn,
            "there is no home folder to look for the signing key in",
            "name it with --signing-key",
        );
        return;
    };
    let shown = path.display();
    match fs::metadata(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let what =
                format!("there is no signing key at {shown}: nothing that is cut off the trail would be noticed");
            page.say(
                "keys",
                Level::Warn,
                what,
                "'orgctl audit keygen' makes one, 'orgctl audit checkpoint' signs with it",
            );
        }
        Err(e) => page.say("keys", Level::Fail, format!("can't look at the signing key {shown}: {e}"), ""),
        Ok(meta) if meta.is_file() && meta.mode() & 0o077 != 0 => {
            let what = format!("others can read the signing key {shown} (mode {:04o})", meta.mode() & 0o777);
            page.say(
                "keys",
                Level::Fail,
                what,
                &format!("chmod 600 {shown}; whoever has read it can sign, so make another"),
            );
        }
        Ok(_) => {
            if let Some(problem) = own_fault(s.context, signing) {
                page.failed("keys", &problem.into());
                return;
            }
            let parent = |p: &Path| fs::canonicalize(p).ok().and_then(|p| p.parent().map(Path::to_owned));
            let is_beside = matches!(&s.connection.location, Location::Sqlite(db) if parent(db).is_some() && parent(db) == parent(&path));
            match is_beside {
                true => page.say(
                    "keys",
                    Level::Warn,
                    format!("the signing key {shown} lies beside the database: who can write the one can sign with the other"),
                    "keep it elsewhere, and name it with --signing-key or ORGCTL_SIGNING_KEY",
                ),
                false => page.ok("keys", format!("the signing key {shown} is its owner's alone")),
            }
        }
    }
}

/// Whether what is sealed can be opened, and would be after the master key is lost.
async fn sealing(s: &mut Invocation<'_>, page: &mut Page) -> Result<()> {
    const LOST: &str = "whoever loses it loses every sealed field, and nothing else";
    let Some(own) = own_key(s.db().await?).await? else {
        page.ok("sealing", "nothing is sealed: there is no master key");
        return Ok(());
    };
    let source = &s.context.master_key;
    let shown = source.shown();
    match source.read(s.context.env).await {
        Err(problem) => {
            let hint = problem.hints.first().cloned().unwrap_or_default();
            page.say("sealing", Level::Fail, format!("{}: {LOST}", problem.sentence), &hint);
            return Ok(());
        }
        Ok(key) if key.id() != own.wrapping => {
            page.failed("sealing", &is_another(&shown, key.id(), own.wrapping).into());
            return Ok(());
        }
        Ok(_) => {}
    }
    let disk = |path: &Path| fs::metadata(existing(path)).ok().map(|meta| meta.dev());
    let parent = |p: &Path| fs::canonicalize(p).ok().and_then(|p| p.parent().map(Path::to_owned));
    if let (MasterKeySource::File(key), Location::Sqlite(db)) = (source, &s.connection.location) {
        let where_it_is = match () {
            () if parent(db).is_some() && parent(db) == parent(key) => Some("beside the database"),
            () if disk(db).is_some() && disk(db) == disk(key) => Some("on the disk of the database"),
            () => None,
        };
        if let Some(place) = where_it_is {
            let what = format!("the master key {shown} lies {place}: who takes the one has the other");
            page.say("sealing", Level::Warn, what, "keep it elsewhere, and name it with master_key_file");
        }
    }
    match trail::is_recorded_of(s.db().await?, SYSTEM, own.wrapping, Action::Export).await? {
        false => {
            let what = format!("no copy of the master key of {shown} was ever made: {LOST}");
            page.say("sealing", Level::Warn, what, "'orgctl key export' writes one, to be kept apart from backups");
        }
        true => {
            page.ok("sealing", format!("the master key of {shown} is that of the database, and a copy of it was made"));
        }
    }
    Ok(())
}

/// The nearest folder that is there.
fn existing(path: &Path) -> PathBuf {
    let there = path.ancestors().find(|p| p.is_dir()).unwrap_or(Path::new("."));
    if there.as_os_str().is_empty() { PathBuf::from(".") } else { there.to_owned() }
}

/// Room on the disks: for the database, and for backups of it.
fn room(s: &Invocation<'_>, page: &mut Page) {
    let mut places = Vec::new();
    let mut need = 0;
    if let Location::Sqlite(path) = &s.connection.location {
        need = fs::metadata(path).map_or(0, |meta| meta.len());
        places.push(existing(path));
    }
    places.extend(folder(s.context, None, "from").ok().map(|f| existing(&f)));
    let mut seen = Vec::new();
    for place in places {
        let device = fs::metadata(&place).map_or(0, |meta| meta.dev());
        if seen.contains(&device) {
            continue;
        }
        seen.push(device);
        let shown = place.display().to_string();
        let stat = match nix::sys::statvfs::statvfs(&place) {
            Ok(stat) => stat,
            Err(e) => {
                page.say("disk", Level::Warn, format!("can't ask how much room there is at {shown}: {e}"), "");
                continue;
            }
        };
        #[allow(clippy::useless_conversion, reason = "the types differ between systems")]
        let (block, free, all) =
            (u64::from(stat.fragment_size()), u64::from(stat.blocks_available()), u64::from(stat.blocks()));
        let (free, all) = (free.saturating_mul(block), all.saturating_mul(block));
        let what = format!("{} of {} are free at {shown}", size(free), size(all));
        match () {
            () if free < ROOM_LEAST.max(need / 10) => {
                page.say("disk", Level::Fail, what, "make room ('df -h') before the next command needs it");
            }
            () if free < all / 20 || free < need.saturating_mul(2) => {
                page.say("disk", Level::Warn, what, "a backup or a restore may not find room");
            }
            () => page.ok("disk", what),
        }
    }
}

fn clock(context: &Context<'_>, health: &Health, page: &mut Page) {
    let now = context.clock.now();
    let skew = health.server.filter(|_| context.clock.is_real_time()).map(|server| (server - now).abs());
    if let Some(skew) = skew.filter(|skew| *skew > SKEW) {
        let what = format!("this machine's clock and the database server's are {} minutes apart", skew.num_minutes());
        page.say("clock", Level::Fail, what, "set the one that is wrong");
        return;
    }
    match health.last_record.filter(|at| *at > now + SKEW) {
        Some(at) => page.say(
            "clock",
            Level::Fail,
            format!("the last audit record is of {}, ahead of this machine's clock", rfc3339(at)),
            "set the clock, or have the trail corrected: 'orgctl audit correct-clock --help'",
        ),
        None => page.ok("clock", "it agrees with the audit trail"),
    }
}

async fn audit(s: &mut Invocation<'_>, health: &Health, page: &mut Page) -> Result<()> {
    let now = s.context.clock.now();
    let asked = VerifyRequest { since_checkpoint: true, ..VerifyRequest::default() };
    match verify(s.db().await?, &asked, &mut |_| {}).await {
        Err(e) => page.failed("audit", &e.into()),
        Ok(verified) => match verified.findings.first() {
            Some(first) => {
                let place = records::org_code(s.db().await?, first.tree).await.unwrap_or_default();
                let what = format!("the trail of {place} does not hold: {}", first.what);
                page.say("audit", Level::Broken, what, "'orgctl audit verify' says more; keep everything as it is");
            }
            None => {
                let records = counted(u64::try_from(health.records)?, "record", "records");
                page.ok("audit", format!("{records}; what came after the last checkpoint holds"));
            }
        },
    }
    let uncovered = counted(u64::try_from(health.uncovered).unwrap_or(0), "record", "records");
    let hint = "'orgctl audit checkpoint' signs one; keep what it prints on another machine";
    match health.last_checkpoint {
        None => page.say(
            "checkpoint",
            Level::Warn,
            format!("none was ever signed: {uncovered} could be cut off unseen"),
            hint,
        ),
        Some(at) if health.uncovered > 0 && now - at > CHECKPOINT_AGE => {
            let what = format!("the last was signed {}: {uncovered} since could be cut off unseen", relative(at, now));
            page.say("checkpoint", Level::Warn, what, hint);
        }
        Some(at) => page.ok("checkpoint", format!("the last was signed {}; {uncovered} since", relative(at, now))),
    }
    Ok(())
}

/// Settings that can't be, and those of organisations that ask for less than the installation does.
/// Organisations whose choice is told.
const TOLD: usize = 20;

/// How Aadhaar numbers are kept, and what UIDAI asks for that: in each organisation that has some, or has not chosen yet.
async fn aadhaars(s: &mut Invocation<'_>, page: &mut Page) -> Result<()> {
    const VAULT: &str = "UIDAI asks whoever stores the numbers for an Aadhaar Data Vault, with keys in hardware and in a zone of its own \
                         (circular K-11020/205/2017)";
    const CHECK: &str = "aadhaar";
    let db = s.db().await?;
    let held = redact::held(db).await?;
    let mut left = 0;
    for (told, (org, code)) in records::live_orgs(db, i64::MAX).await?.into_iter().enumerate() {
        let (all, whole) = held.iter().find(|h| h.org == org).map_or((0, 0), |h| (h.all, h.holding));
        let storage = settings::get(db, org, KYC_AADHAAR_STORAGE).await?;
        // What is wrong is told of each.
        if told >= TOLD && !(storage == AadhaarStorage::Reference && whole > 0) {
            left += 1;
            continue;
        }
        let of = |n: u64| counted(n, "Aadhaar number", "Aadhaar numbers");
        match storage {
            AadhaarStorage::Sealed if all == 0 => {
                let what = format!("{code} would keep Aadhaar numbers whole, sealed: {VAULT}");
                page.ok(CHECK, what);
            }
            AadhaarStorage::Sealed => {
                let what =
                    format!("{code} keeps {} whole, sealed: {VAULT}, which this database is not by itself", of(whole));
                let hint = format!(
                    "whoever has no vault keeps references: 'orgctl kyc redact --org {code}' takes the numbers out"
                );
                page.say(CHECK, Level::Warn, what, &hint);
            }
            AadhaarStorage::Reference if whole > 0 => {
                let what = format!(
                    "{code} keeps references alone, but {} are there whole: a redaction did not end",
                    of(whole)
                );
                page.say(CHECK, Level::Fail, what, &format!("'orgctl kyc redact --org {code}' goes on with it"));
            }
            AadhaarStorage::Reference => {
                let what = format!(
                    "{code} keeps of {} the last four digits and a keyed hash: that asks for no vault",
                    of(all)
                );
                page.ok(CHECK, what);
            }
            AadhaarStorage::Undecided => {
                let what =
                    format!("{code} has not chosen how Aadhaar numbers are kept, and takes none up before: {VAULT}");
                page.say(
                    CHECK,
                    Level::Ok,
                    what,
                    "'orgctl setting set kyc.aadhaar_storage reference' keeps the last four digits and a keyed hash; 'sealed' is for who has a vault",
                );
            }
        }
    }
    if left > 0 {
        page.ok(
            CHECK,
            format!(
                "{} more: 'orgctl setting get kyc.aadhaar_storage --org CODE' tells of each",
                counted(left, "organisation", "organisations")
            ),
        );
    }
    Ok(())
}

async fn settings_at_odds(s: &mut Invocation<'_>, page: &mut Page) -> Result<()> {
    let today = s.context.clock.now().date_naive();
    let db = s.db().await?;
    let (mut faults, mut set): (Vec<(i32, String)>, Vec<Stored<StoredSetting>>) = (Vec::new(), Vec::new());
    records::each_live(db, StoredSetting::DESCRIPTOR, |record| {
        let wrong = (record.desc.check)(&record, today);
        if let Some(fault) = wrong.first() {
            let place = (record.meta.org_id, record.key());
            faults.push((place.0, format!("{} of {{place}}: {}", place.1, fault.sentence)));
            return Ok(());
        }
        let stored: Stored<StoredSetting> = Stored::from_record(&record)?;
        if stored.meta.org_id != SYSTEM && stored.value.user_id.is_none() {
            set.push(stored);
        }
        Ok(())
    })
    .await?;
    let is_ok = faults.is_empty();
    for (org, fault) in faults {
        let what = fault.replace("{place}", &records::org_code(db, org).await?);
        page.say("settings", Level::Fail, what, "'orgctl setting list' shows all");
    }
    let everywhere = settings::for_org(db, SYSTEM).await?;
    let mut is_less = false;
    for least in [PASSWORD_MIN_LENGTH, PASSWORD_HISTORY, AUDIT_MIN_RETENTION_DAYS] {
        // Of one that does not hold it is said already.
        let (key, Ok(number)) = (least.declared.key, everywhere.get(least)) else { continue };
        for stored in set.iter().filter(|s| s.value.key() == key) {
            if stored.value.text().parse::<u32>().is_ok_and(|own| own < number) {
                let place = records::org_code(db, stored.meta.org_id).await?;
                let what = format!("{place} has {key} {}, the installation {number}", stored.value.text());
                let hint = format!("'orgctl setting reset {key} --org {place}' takes it back");
                page.say("settings", Level::Warn, what, &hint);
                is_less = true;
            }
        }
    }
    if is_ok && !is_less {
        page.ok("settings", "none is at odds with another");
    }
    Ok(())
}

async fn backups(s: &mut Invocation<'_>, max_age: Option<&str>, page: &mut Page) -> Result<()> {
    let max_age = max_age.unwrap_or(MAX_AGE).to_owned();
    let now = s.context.clock.now();
    let (oldest, _) = time(&max_age, now, s.context.origin.zone)?;
    let state = match status::look(s, None).await {
        Ok((state, _)) => state,
        Err(e) => {
            page.failed("backup", &e);
            return Ok(());
        }
    };
    match state.problem(now, oldest, &max_age, &status::search_location(s.context, None)) {
        Some(problem) => page.failed("backup", &problem.into()),
        None => {
            let newest = state.newest.as_ref();
            let made = newest.map_or_else(String::new, |e| relative(e.started_at, now));
            page.ok("backup", format!("the newest was made {made}; {} in all", state.count));
        }
    }
    if state.newest.as_ref().is_some_and(|e| !e.encrypted) {
        let hint = "'orgctl setting set backup.recipients age1...' encrypts every backup, --encrypt-to one";
        page.say("backup", Level::Warn, "the newest is in clear: whoever can read it reads everything", hint);
    }
    if let Some(missed) = state.missed() {
        page.say("backup", Level::Warn, missed, "'orgctl backup forget' takes it out of the catalogue");
    }
    for sentence in replaced_schemas::kept(s).await {
        page.say("backup", Level::Warn, sentence, replaced_schemas::HINT);
    }
    match state.verified.as_ref().and_then(|e| e.verified_at) {
        _ if state.newest.is_none() => {}
        Some(at) => page.ok("drill", format!("a backup was last restored to be looked at {}", relative(at, now))),
        None => page.say(
            "drill",
            Level::Warn,
            "no backup was ever restored to see whether it holds",
            "'orgctl backup drill' does that; run it by cron",
        ),
    }
    Ok(())
}
