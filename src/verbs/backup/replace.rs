//! Putting a backup into the place of a live database: a backup of that one is made first, and where anybody wrote since,
//! nothing is replaced.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value as Json, json};

use super::archive::{self, Archive, Identities, remove_partial, scratch};
use super::catalogue::{folder, short, sidecar_path, write_sidecar};
use super::create::{self, Made};
use super::replaced_schemas;
use super::restoring::{Replaces, Restore, Restored, named, tell};
use super::selection::Loss;
use super::target::{fill_scratch, folder_of, followed};
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::read::quote;
use crate::model::backup::BackupType;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::trail::merkle::Hash;
use crate::model::values::value::{rfc3339, unhex};
use crate::store::backup::swap::{self, DatabaseState};
use crate::store::backup::swap_postgres::{self, Replacement};
use crate::store::backup::swap_sqlite::{self, Swap};
use crate::store::backup::{catalogue, dump_lines};
use crate::store::engine::db::Db;
use crate::store::engine::location::Location;
use crate::store::schema::migrate::{self, SchemaState as Schema};
use crate::store::trail::checkpoints::installation;
use crate::store::trail::retention::wipe;
use crate::store::tx;
use crate::verbs::audit::keys;
use crate::verbs::audit::keys::SigningKey;

/// Whether a place holds a database that would be replaced; leads the session there.
pub async fn is_filled(s: &mut Invocation<'_>, into: &Location) -> Result<bool> {
    let into = followed(into.clone());
    if matches!(&into, Location::Sqlite(path) if !path.exists()) {
        return Ok(false);
    }
    s.connection.location = into;
    let found = migrate::state(s.unchecked_db().await?).await;
    s.connection.close().await;
    Ok(matches!(found?, Schema::At(version) if version > 0))
}

/// Restores a backup into the place of the database that the session was led to.
pub async fn replace(s: &mut Invocation<'_>, signing: &SigningKey, archive: &Archive, mut verb: Restore) -> Result<()> {
    let into = s.connection.location.clone();
    let is_own = require_fitting(s, archive).await?;
    let (staying, publications) = require_movable(s).await?;
    let identities = Identities::read(&verb.identities)?;
    let (common, loss, before) = compare(s, archive, &identities).await.map_err(unreadable)?;
    let safety = if s.context.dry_run { None } else { Some(ask_and_save(s, signing, archive, &loss).await?) };
    let state = safety.as_ref().map_or(&before, |safety| &safety.made.state);
    let loss = lost(s.db().await?, archive, state, &common).await?;
    let db = s.db().await?;
    let mut catalogue = if is_own { catalogue::all(db).await? } else { Vec::new() };
    let replaces = Replaces {
        erasures: if is_own { swap::erasures(db, &common).await? } else { Vec::new() },
        counters: if is_own { swap::counters(db).await? } else { Vec::new() },
        common,
        catalogue: Vec::new(),
        aside: None,
    };
    verb.told.insert("lost".into(), loss.json());
    if is_own {
        verb.told.remove("erasures_unknown_from");
    }
    if let Some(safety) = &safety {
        verb.told.insert("safety_backup".into(), safety.to_json());
        catalogue.push(safety.made.entry.clone());
    }
    let aside = match &into {
        Location::Sqlite(_) => None,
        Location::Postgres(_) => {
            // By it the backup of what is in it is found, and the schema by that.
            let id = safety.as_ref().map_or_else(|| s.context.new_id(), |safety| safety.made.entry.id);
            let name = swap_postgres::name(&short(id));
            verb.told.insert("old_schema".into(), name.as_str().into());
            verb.told.insert("stays_with_old_schema".into(), json!(staying));
            Some(Replacement { name, state: state.clone(), staying, is_dry: s.context.dry_run })
        }
    };
    verb.replaces = Some(Replaces { catalogue, aside, ..replaces });
    s.connection.close().await;
    let done = match &into {
        Location::Sqlite(path) => replace_file(s, &verb, path, state).await,
        Location::Postgres(_) => replace_schema(s, &verb).await,
    };
    verb.progress.finish();
    let done = done?;
    let mut told = verb.told;
    replaced_schemas::measure(s, &mut told, &publications).await?;
    told.insert("erased_again".into(), done.erased.into());
    if let Some(safety) = safety {
        told.insert("way_back".into(), way_back(s, signing, &safety.made, is_own).into());
        safety.keep();
    }
    tell(s.context, archive, &into, &told, done, Some(loss))
}

/// The command that brings back what was replaced. `is_own`: what is there now is of the same installation.
fn way_back(s: &Invocation<'_>, signing: &SigningKey, made: &Made, is_own: bool) -> String {
    // Elsewhere than where a command looks without being told, it is not found by its id.
    let is_at_home = s.connection.home.clone().map(followed).as_ref() == Some(&s.connection.location);
    let backup = if is_at_home { short(made.entry.id) } else { quote(&made.path.display().to_string()) };
    let mut line = format!("orgctl backup restore {backup} --into {} --replace", quote(&s.connection.location.shown()));
    if !is_own {
        line.push_str(" --force");
    }
    if let Some(key) = &signing.signing_key {
        line.push_str(&format!(" --signing-key {}", quote(key)));
    }
    if made.entry.encrypted {
        line.push_str(" --identity FILE");
    }
    line
}

/// Refuses a place on a server that can't be replaced, or not without leaving something behind: what that is, and which
/// publications the tables are in.
async fn require_movable(s: &mut Invocation<'_>) -> Result<(Vec<String>, Vec<String>)> {
    if matches!(s.connection.location, Location::Sqlite(_)) {
        return Ok((Vec::new(), Vec::new()));
    }
    let is_forced = s.context.force;
    let db = s.db().await?;
    swap_postgres::require_able(db).await?;
    let staying = swap_postgres::staying(db).await?;
    swap_postgres::require_none_staying(&staying, is_forced)?;
    Ok((staying, swap_postgres::publications(db).await?))
}

/// Refuses an archive that can't take this database's place. Whether it is one of its own.
async fn require_fitting(s: &mut Invocation<'_>, archive: &Archive) -> Result<bool> {
    let manifest = &archive.manifest;
    if manifest.kind != BackupType::Full {
        return Err(Problem::usage(format!("{} holds no rows, and can replace nothing", archive.path.display()))
            .hint("'orgctl backup list' shows which backups are full")
            .into());
    }
    let at = s.connection.location.shown();
    let here = installation(s.db().await?).await?;
    if manifest.installation == here {
        return Ok(true);
    }
    let sentence = format!(
        "{} is of another installation ({}) than {at} ({here}); nothing was replaced",
        archive.path.display(),
        manifest.installation
    );
    match s.context.force {
        true => Ok(false),
        false => Err(Problem::conflict(sentence).hint("--force replaces it all the same").into()),
    }
}

/// What both trails have in common, what would be lost, and what the database holds now.
async fn compare(
    s: &mut Invocation<'_>,
    archive: &Archive,
    identities: &Identities,
) -> Result<(BTreeMap<i32, u64>, Loss, DatabaseState)> {
    let db = s.db().await?;
    let state = swap::state_now(db).await?;
    let mut leaves = Leaves::of(archive, identities)?;
    let common = swap::common(db, &mut || Ok(leaves.next()?)).await?;
    let loss = lost(db, archive, &state, &common).await?;
    Ok((common, loss, state))
}

async fn lost(db: &mut Db, archive: &Archive, state: &DatabaseState, common: &BTreeMap<i32, u64>) -> Result<Loss> {
    let first = swap::first_lost(db, &state.sizes(), common).await?;
    Ok(Loss::of_replaced(&archive.manifest, db.location.shown(), state, common, first))
}

/// What can't be read can't be backed up, and is not replaced.
fn unreadable(e: anyhow::Error) -> anyhow::Error {
    match e.downcast::<Problem>() {
        Ok(p) if p.kind == ErrorKind::Integrity => {
            p.hint("a database that does not hold is not replaced: restore into an empty place, and move it there yourself").into()
        }
        Ok(p) => p.into(),
        Err(e) => e,
    }
}

/// A backup of what is replaced. It goes again, unless it was replaced.
struct Safety {
    made: Made,
    is_kept: bool,
}

impl Safety {
    fn to_json(&self) -> Json {
        let name = self.made.path.file_name().map(|n| n.to_string_lossy().into_owned());
        json!({ "id": self.made.entry.id, "file": name, "sha256": self.made.entry.checksum })
    }

    fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for Safety {
    fn drop(&mut self) {
        if !self.is_kept {
            // Nobody was told of it.
            let _ = fs::remove_file(sidecar_path(&self.made.path));
            let _ = fs::remove_file(&self.made.path);
        }
    }
}

/// Asks, and makes a backup of what is there. The database is not told of it: nothing may move any more.
async fn ask_and_save(s: &mut Invocation<'_>, signing: &SigningKey, archive: &Archive, loss: &Loss) -> Result<Safety> {
    let manifest = &archive.manifest;
    let question = format!(
        "replace everything in {} by the backup {} of {}? {} (a backup of it is made first)",
        s.connection.location.shown(),
        named(manifest),
        rfc3339(manifest.created_at),
        loss.describe()
    );
    s.context.ui.confirm(&question).await?;
    let recipients = create::recipients(s, &[]).await?;
    let key = match keys::signing_path(s.context, signing)?.exists() {
        true => keys::signer(s.context, signing)?,
        false => keys::make(s, signing).await?,
    };
    let (origin, clock) = (s.origin(), s.context.clock);
    // Else the transaction that replaces it would be the first to write there.
    tx::ensure_actor(s.db().await?, &origin, clock).await?;
    let folder = folder(s.context, None, "to")?;
    archive::make_folder(&folder)?;
    archive::remove_partial(&folder);
    let (id, label) = (s.context.new_id(), format!("before restore of {}", short(manifest.id)));
    let wanted = create::Wanted { kind: BackupType::Full, recipients, label: Some(label), master_key: None };
    let made = create::make_archive(s, &key, id, &wanted, (&folder, None)).await;
    let safety = Safety { made: made.map_err(unreadable)?, is_kept: false };
    write_sidecar(&safety.made.path, &safety.made.entry)?;
    s.context.ui.status(&format!("made the backup {} of what is there: {}", short(id), safety.made.path.display()));
    Ok(safety)
}

/// Fills a file beside the live one, and puts its content into that one's place.
async fn replace_file(s: &mut Invocation<'_>, verb: &Restore, path: &Path, state: &DatabaseState) -> Result<Restored> {
    let into = s.connection.location.clone();
    let folder = folder_of(path);
    remove_partial(folder);
    // What is loaded is at least as large as its lines, and lies in the log beside the live file once more.
    let manifest = &Archive::open(&verb.archive)?.manifest;
    let size = manifest.tables.iter().filter_map(|t| t.member.as_ref()).map(|m| m.content_size).sum::<u64>();
    swap_sqlite::require_room(path, size.saturating_add(swap_sqlite::room_needed(path, size)))?;
    let page_size = swap_sqlite::page_size(s.db().await?).await?;
    s.connection.close().await;
    let scratch = scratch(folder)?;
    s.connection.location = Location::Sqlite(scratch.path().to_owned());
    let filled = fill(s, verb, page_size).await;
    s.connection.close().await;
    s.connection.location = into.clone();
    let done = filled?;
    let (location, opening) = (into.clone(), s.connection.opening.clone());
    let still = async || {
        let mut db = Db::open(&location, &opening).await?;
        let now = swap::state_now(&mut db).await;
        db.close().await;
        state.require_same(&now?, &location.shown())
    };
    if s.context.dry_run {
        still().await?;
        return Ok(done);
    }
    swap_sqlite::require_room(
        path,
        swap_sqlite::room_needed(path, fs::metadata(scratch.path()).map_or(0, |m| m.len())),
    )?;
    verb.progress.part("replacing", None, "");
    let (ui, is_committing) = (&s.context.ui, s.outcome.committing.clone());
    let swap = Swap {
        from: scratch.path(),
        into: path,
        opening: &opening,
        waiting: &mut |text| ui.status(text),
        committing: &mut || is_committing.set(true),
    };
    if let Some(reader) = swap_sqlite::sqlite(swap, still).await? {
        s.context.ui.warn(&format!(
            "{reader} still reads what was there before, which stays in the files until that ends: end it, then run 'orgctl db check'"
        ));
    }
    Ok(done)
}

/// Fills a new schema, and gives it the name of the live one.
async fn replace_schema(s: &mut Invocation<'_>, verb: &Restore) -> Result<Restored> {
    let done = gate::write_unchecked(s, verb).await?;
    if done.erased > 0 && !s.context.dry_run && wipe(s.db().await?).await.is_err() {
        s.context
            .ui
            .warn("the database's files may hold traces of who was erased again until they are next cleaned (VACUUM)");
    }
    Ok(done)
}

async fn fill(s: &mut Invocation<'_>, verb: &Restore, page_size: i64) -> Result<Restored> {
    swap_sqlite::set_page_size(s.unchecked_db().await?, page_size).await?;
    let done = fill_scratch(s, verb).await?;
    if done.erased > 0 && !s.context.dry_run {
        wipe(s.unchecked_db().await?).await?;
    }
    Ok(done)
}

/// The leaves of an archive's trail, one after another.
struct Leaves {
    reader: archive::MemberReader,
    /// Where tree, number and leaf stand in a line.
    columns: [usize; 3],
    block: Vec<u8>,
    at: usize,
}

impl Leaves {
    fn of(archive: &Archive, identities: &Identities) -> Result<Leaves> {
        const TABLE: &str = "audit_records";
        let missing = || Problem::integrity(format!("{} holds no audit trail", archive.path.display()));
        let table = archive.manifest.table(TABLE).ok_or_else(missing)?;
        let column = |name: &str| table.columns.iter().position(|(c, _)| c == name).ok_or_else(missing);
        let columns = [column("tree")?, column("seq")?, column("leaf")?];
        let mut reader = archive.member(table.member.as_ref().ok_or_else(missing)?, identities)?;
        reader.heading(TABLE)?;
        Ok(Leaves { reader, columns, block: Vec::new(), at: 0 })
    }

    fn next(&mut self) -> Result<Option<(i32, i64, Hash)>> {
        while self.at >= self.block.len() {
            if !self.reader.next(&mut self.block)? {
                return Ok(None);
            }
            self.at = 0;
        }
        let rest = &self.block[self.at..];
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        let fields: Vec<&[u8]> = dump_lines::fields(&rest[..end]).collect();
        self.at += end + 1;
        let text = |i: usize| dump_lines::text(fields.get(self.columns[i])?).ok().flatten();
        let read = || {
            let leaf = unhex(text(2)?.strip_prefix("\\x")?)?;
            Some((text(0)?.parse().ok()?, text(1)?.parse().ok()?, leaf.try_into().ok()?))
        };
        let wrong = || Problem::integrity("what the archive holds of the audit trail is no record of it");
        Ok(Some(read().ok_or_else(wrong)?))
    }
}
