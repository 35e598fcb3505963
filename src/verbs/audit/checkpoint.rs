//! Checkpoints: signed statements of how large each trail is and which root it has.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::checkpoint_files::signed_in;
use super::findings::{counted, refuse};
use super::keys::{KeyFlags, SigningKey, signer, signing_path, verifiers};
use super::lineage;
use crate::crud::context::Context;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::model::kinds::org::SYSTEM;
use crate::model::kinds::system_log::Level;
use crate::model::problem::{ErrorKind, Problem, io_message};
use crate::model::trail::audit::Action;
use crate::model::trail::audit::checkpoint_leaf;
use crate::model::trail::lineage::{Lineage, Logs};
use crate::model::trail::note::{Checkpoint, Note, SignerKey, Verifier};
use crate::model::values::scalar::ParseContext;
use crate::store::trail::checkpoints::{self, LOG, StoredCheckpoint};
use crate::store::trail::lineage::{Stated, logs};
use crate::store::trail::verify::{ExternalCheckpoint, ProvenTree, Verified, VerifyRequest, size, verify};
use crate::store::tx::Tx;
use crate::ui::atomic_file::AtomicFile;
use crate::ui::format::{is_for_programs, report};
use crate::ui::{bounded, interruptible};

/// Appends signed checkpoints to the log of the database.
#[derive(Debug, Serialize, Deserialize)]
pub struct MakeCheckpoints {
    pub rows: Vec<StoredCheckpoint>,
    /// The restore that they go on from.
    pub stated: Option<Stated>,
}

impl Verb for MakeCheckpoints {
    const NAME: &str = "audit checkpoint";

    type Output = ();

    /// Under the lock of SYSTEM two makings don't meet.
    fn orgs(&self) -> Vec<i32> {
        vec![SYSTEM]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("what it signs is written elsewhere")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<()> {
        if let Some(stated) = &self.stated {
            tx.append_lineage(stated).await?;
        }
        Ok(tx.append_checkpoints(&self.rows).await?)
    }
}

/// Rows for the trees that have grown since their last checkpoint.
async fn grown(
    s: &mut Invocation<'_>,
    key: &SignerKey,
    logs: &Logs,
    trees: &[ProvenTree],
) -> Result<Vec<StoredCheckpoint>> {
    let at = s.context.clock.micros();
    let db = s.db().await?;
    let mut log = checkpoints::log_frontier(db).await?;
    let mut rows: Vec<StoredCheckpoint> = Vec::new();
    for ProvenTree { tree, frontier } in trees {
        let size = i64::try_from(frontier.size())?;
        // Larger where another command has signed more in the meantime.
        if size <= checkpoints::find(db, *tree, None).await?.map_or(0, |c| c.size) {
            continue;
        }
        let root = frontier.root();
        let leaf = checkpoint_leaf(*tree, size, at, &root);
        log.append(leaf);
        let checkpoint = Checkpoint { origin: logs.origin(*tree), size: frontier.size(), root };
        rows.push(StoredCheckpoint {
            seq: i64::try_from(log.size())?,
            tree: *tree,
            size,
            at,
            root,
            frontier: frontier.to_bytes(),
            leaf,
            note: key.sign(&checkpoint.text()),
            log_note: None,
        });
    }
    if let Some(last) = rows.last_mut() {
        let of_log = Checkpoint { origin: logs.origin(LOG), size: log.size(), root: log.root() };
        last.log_note = Some(key.sign(&of_log.text()));
    }
    Ok(rows)
}

/// How often it is tried where others make checkpoints too.
const TRIES: u32 = 5;

/// Proves what came since the last checkpoint, signs what is there now, and hands out the signed notes.
#[derive(clap::Args)]
pub struct CheckpointFlags {
    /// File to write (default: standard output)
    #[arg(long, value_name = "FILE")]
    pub out: Option<String>,
    /// File to write behind what is in it
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    pub append: Option<String>,
    /// Go on from this archive, which was restored: name what was lost, and sign anew
    #[arg(long, value_name = "BACKUP", conflicts_with = "org")]
    pub after_restore: Option<String>,
    #[command(flatten)]
    pub keys: KeyFlags,
}

impl Leaf for CheckpointFlags {
    const SPEC: Spec = Spec {
        noun: "audit",
        verb: "checkpoint",
        permission: "audit:checkpoint",
        writes: true,
        about: "Sign how large each trail is and which root it has",
        examples: "orgctl audit checkpoint --append /mnt/other/checkpoints.txt\norgctl audit checkpoint --org SAHYADRI --out sahyadri.txt\norgctl audit checkpoint --after-restore /mnt/backups/orgctl-20261128T223000Z-1a2b3c4d.tar",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();
    const RECORDED: Option<Action> = Some(Action::Create);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let key = signer(s.context, &self.keys.signing)?;
        let pipe = open_pipe(s.context, self.path())?;
        let after = match &self.after_restore {
            Some(word) => Some(lineage::wanted(s, self.keys.clone(), word).await?),
            None => None,
        };
        let verified = prove_before(s, &self, &key, after.as_ref()).await?;
        if after.is_none() {
            lineage::warn_of_open(s).await?;
        }
        let (made, statement) = sign(s, &self.keys.signing, &key, after.as_ref(), &verified).await?;
        if s.context.dry_run {
            s.context
                .ui
                .status(&format!("dry run: {made} checkpoints would be made; nothing was signed for others to see"));
            return Ok(());
        }
        if made > 0 {
            let what = counted(made, "checkpoint", "checkpoints");
            s.log(Level::Info, &format!("made {what}"), Map::new());
        }
        let mut notes: Vec<String> = statement.into_iter().collect();
        notes.extend(checkpoints::log_note(s.db().await?).await?);
        for ProvenTree { tree, .. } in &verified.trees {
            notes.extend(checkpoints::find(s.db().await?, *tree, None).await?.map(|c| c.note));
        }
        let is_json = is_for_programs(&s.context.ui);
        let is_to_file = self.path().is_some();
        report(&s.context.ui, &json!({ "made": made, "notes": notes }))?;
        if !is_json || is_to_file {
            hand_out(s.context, &self, &notes, pipe)?;
        }
        match made {
            0 if after.is_some() => {}
            0 => s.context.ui.status("nothing new since the last checkpoint, which is given again"),
            n => s.context.ui.status(&format!("made {}", counted(n, "checkpoint", "checkpoints"))),
        }
        if after.is_some() {
            lineage::tell_stated(s, &verified.lost).await?;
        }
        if !is_to_file {
            s.context.ui.status("keep it where who can write the database can't: --append FILE");
        }
        Ok(())
    }
}

impl CheckpointFlags {
    /// The file that notes are to go to.
    fn path(&self) -> Option<&str> {
        self.out.as_deref().or(self.append.as_deref())
    }
}

/// What is no ordinary file and notes are to go to: it may let one wait, so it is opened before anything is signed.
fn open_pipe(context: &Context<'_>, path: Option<&str>) -> Result<Option<File>> {
    let Some(path) = path.filter(|p| *p != "-" && !context.dry_run && fs::metadata(p).is_ok_and(|m| !m.is_file()))
    else {
        return Ok(None);
    };
    let failed = |e: std::io::Error| Problem::failed(format!("can't write {path}: {}", io_message(&e)));
    Ok(Some(interruptible::open_to_write(Path::new(path)).map_err(failed)?))
}

/// Proves the trail as far as it is new, or behind a restore all of it: nothing is signed of one that does not hold.
async fn prove_before(
    s: &mut Invocation<'_>,
    flags: &CheckpointFlags,
    key: &SignerKey,
    after: Option<&Lineage>,
) -> Result<Verified> {
    let only = s.org().await?;
    let mut keys = verifiers(s.context, &flags.keys)?;
    if !keys.contains(&key.verifier()) {
        keys.push(key.verifier());
    }
    let asked = VerifyRequest {
        only,
        since_checkpoint: after.is_none(),
        signed: signed_before(s, flags, &keys, only).await?,
        keys,
        known: after.map(lineage::known).unwrap_or_default(),
        after: after.cloned(),
        ..VerifyRequest::default()
    };
    let total = size(s.db().await?, only).await?;
    let progress = s.context.ui.progress();
    progress.part("verifying", Some(total), "records");
    let verified = verify(s.db().await?, &asked, &mut |n| progress.set(n)).await;
    progress.finish();
    let verified = verified?;
    if !verified.findings.is_empty() {
        return Err(refuse(s, &verified.findings, "no checkpoint is made of an audit trail that does not hold").await?);
    }
    Ok(verified)
}

/// Signs what has grown and, behind a restore, the statement of it; how many checkpoints, and the statement.
async fn sign(
    s: &mut Invocation<'_>,
    signing: &SigningKey,
    key: &SignerKey,
    after: Option<&Lineage>,
    verified: &Verified,
) -> Result<(usize, Option<String>)> {
    let mut tries = 0;
    loop {
        let stated = match after {
            Some(after) => Some(lineage::stated(s, key, after, &verified.beyond).await?),
            None => None,
        };
        let logs = match after {
            Some(after) => after.logs.clone(),
            None => logs(s.db().await?).await?,
        };
        // Behind another restore that is still to be told nothing is signed yet.
        let rows = match lineage::is_last(s, after).await? {
            true => grown(s, key, &logs, &verified.trees).await?,
            false => Vec::new(),
        };
        let made = rows.len();
        if made == 0 && stated.is_none() {
            return Ok((0, None));
        }
        let statement = stated.as_ref().map(|stated| stated.note.clone());
        let of_log = rows.last().and_then(|row| row.log_note.clone());
        // Of one log the last is kept.
        let mut signed: Vec<String> = statement.iter().filter(|_| of_log.is_none()).cloned().collect();
        signed.extend(rows.iter().map(|row| row.note.clone()).chain(of_log));
        tries += 1;
        match gate::write(s, &MakeCheckpoints { rows, stated }).await {
            // Two from cron at once: the second goes on from the first.
            Err(e) if tries < TRIES && e.downcast_ref::<Problem>().is_some_and(|p| p.kind == ErrorKind::Conflict) => {
                continue;
            }
            other => other?,
        }
        if !s.context.dry_run {
            remember(s.context, signing, &signed);
        }
        return Ok((made, statement));
    }
}

/// What was signed before and is kept apart from the database: in the file that is appended to, and beside the signing
/// key. What contradicts it is not signed, for a log never signs two histories.
async fn signed_before(
    s: &mut Invocation<'_>,
    flags: &CheckpointFlags,
    keys: &[Verifier],
    only: Option<i32>,
) -> Result<Vec<ExternalCheckpoint>> {
    let here = checkpoints::installation(s.db().await?).await?;
    let beside = remembered(&signing_path(s.context, &flags.keys.signing)?);
    let appended = flags.append.as_ref().map(PathBuf::from);
    let mut known = Vec::new();
    for path in appended.iter().chain([&beside]).filter(|p| fs::metadata(p).is_ok_and(|m| m.len() > 0)) {
        let shown = path.display().to_string();
        // One key may sign for several installations, and several may append to one file.
        let found = signed_in(here, &shown, keys, &format!("the checkpoint in {shown}"))?.into_iter();
        known.extend(found.filter(|s| s.tree == LOG || only.is_none_or(|only| only == s.tree)));
    }
    Ok(known)
}

/// Where the last checkpoint of the log is kept, beside the signing key.
pub fn remembered(key: &Path) -> PathBuf {
    let mut name = key.as_os_str().to_owned();
    name.push(".last");
    name.into()
}

/// Keeps what was signed last of each log beside the signing key. Other installations' stay.
fn remember(context: &Context<'_>, signing: &SigningKey, signed: &[String]) {
    let Ok(path) = signing_path(context, signing).map(|p| remembered(&p)) else { return };
    if let Err(e) = keep_beside(&path, signed) {
        context.ui.warn(&format!("what was signed could not be kept in {}: {e}", path.display()));
    }
}

/// What can't be read stays as it is: it may hold what others have signed.
fn keep_beside(path: &Path, signed: &[String]) -> Result<()> {
    let kept = match bounded::read(path, bounded::LARGE) {
        Ok(text) if text.trim().is_empty() => Vec::new(),
        Ok(text) => Note::parse_all(&text)?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(Problem::failed(io_message(&e)).into()),
    };
    let origin = |note: &str| note.lines().next().unwrap_or_default().to_owned();
    let mut notes: Vec<String> = kept.iter().map(Note::to_string).collect();
    notes.retain(|n| signed.iter().all(|new| origin(new) != origin(n)));
    notes.extend(signed.iter().cloned());
    let failed = |e: std::io::Error| Problem::failed(io_message(&e));
    let (whole, mut file) = AtomicFile::create_own(path).map_err(failed)?;
    file.write_all(notes.join("\n").as_bytes()).map_err(failed)?;
    Ok(whole.finish().map_err(failed)?)
}

/// To what was opened for it; else to the file that is asked for, behind what is in it unless it is in it already, or to
/// standard output.
fn hand_out(context: &Context<'_>, flags: &CheckpointFlags, notes: &[String], pipe: Option<File>) -> Result<()> {
    let path = flags.path().unwrap_or_default();
    let failed = |e: std::io::Error| Problem::failed(format!("can't write {path}: {}", io_message(&e)));
    if let Some(mut file) = pipe {
        return Ok(file.write_all(notes.join("\n").as_bytes()).map_err(failed)?);
    }
    if flags.append.is_none() {
        return to_file_or_stdout(context, flags.out.as_deref(), &notes.join("\n"));
    }
    let mut options = OpenOptions::new();
    let mut file = options.read(true).append(true).create(true).mode(0o600).open(path).map_err(failed)?;
    let text = bounded::text(&mut file, bounded::LARGE).map_err(failed)?;
    let new: Vec<&str> = notes.iter().filter(|n| !text.contains(n.as_str())).map(String::as_str).collect();
    if new.is_empty() {
        return Ok(());
    }
    let text = format!("{}{}", if text.is_empty() { "" } else { "\n" }, new.join("\n"));
    Ok(file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?)
}

/// Writes a text to the file that `--out` names, whole or not at all, or to standard output.
pub fn to_file_or_stdout(context: &Context<'_>, out: Option<&str>, text: &str) -> Result<()> {
    let ui = &context.ui;
    let Some(path) = out.filter(|p| *p != "-") else {
        match is_for_programs(ui) {
            true => report(ui, &json!({ "proof": text }))?,
            false => ui.out(text)?,
        }
        return ui.flush();
    };
    let failed = |e: std::io::Error| Problem::failed(format!("can't write {path}: {}", io_message(&e)));
    if context.dry_run {
        ui.status(&format!("dry run: would write {path}"));
        return Ok(());
    }
    let (whole, mut file) = AtomicFile::create(Path::new(path)).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    whole.finish().map_err(failed)?;
    Ok(())
}
