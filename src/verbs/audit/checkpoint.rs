//! Checkpoints: signed statements of how large each trail is and which root it has.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use anyhow::Result;
use clap::ArgMatches;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::keys::signer;
use super::verify::refuse;
use crate::crud::gate::{self, Verb};
use crate::crud::session::Session;
use crate::crud::whole::Whole;
use crate::model::audit::checkpoint_leaf;
use crate::model::note::{Checkpoint, SignerKey};
use crate::model::org::SYSTEM;
use crate::model::problem::{Problem, plain};
use crate::model::scalar::Rules;
use crate::store::audit::{Asked, Proven, size, verify};
use crate::store::checkpoints::{self, LOG, Stored, origin};
use crate::store::system_log::Level;
use crate::store::tx::Tx;

/// Appends signed checkpoints to the log of the database.
#[derive(Debug, Serialize, Deserialize)]
pub struct MakeCheckpoints {
    pub rows: Vec<Stored>,
}

impl Verb for MakeCheckpoints {
    type Output = ();

    /// Under the lock of SYSTEM two makings don't meet.
    fn orgs(&self) -> Vec<i32> {
        vec![SYSTEM]
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &Rules) -> Result<()> {
        tx.append_checkpoints(&self.rows).await
    }
}

/// Rows for the trees that have grown since their last checkpoint.
async fn grown(s: &mut Session<'_>, key: &SignerKey, trees: &[Proven]) -> Result<Vec<Stored>> {
    let at = s.clock.micros();
    let db = s.db().await?;
    let installation = checkpoints::installation(db).await?;
    let mut log = checkpoints::log_frontier(db).await?;
    let mut rows: Vec<Stored> = Vec::new();
    for Proven { tree, frontier } in trees {
        let size = i64::try_from(frontier.size())?;
        if size == checkpoints::of(db, *tree, None).await?.map_or(0, |c| c.size) {
            continue;
        }
        let root = frontier.root();
        let leaf = checkpoint_leaf(*tree, size, at, &root);
        log.append(leaf);
        let checkpoint = Checkpoint { origin: origin(installation, *tree), size: frontier.size(), root };
        rows.push(Stored {
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
        let of_log = Checkpoint { origin: origin(installation, LOG), size: log.size(), root: log.root() };
        last.log_note = Some(key.sign(&of_log.text()));
    }
    Ok(rows)
}

/// Proves what came since the last checkpoint, signs what is there now, and hands out the signed notes.
pub async fn checkpoint(s: &mut Session<'_>, m: &ArgMatches) -> Result<()> {
    gate::allow(s)?;
    let key = signer(s, m)?;
    let only = s.org().await?;
    let total = size(s.db().await?, only).await?;
    let progress = s.ui.progress();
    progress.part("verifying", Some(total), "records");
    let asked = Asked { only, since_checkpoint: true, keys: vec![key.verifier()], ..Asked::default() };
    let verified = verify(s.db().await?, &asked, &mut |n| progress.set(n)).await;
    progress.finish();
    let verified = verified?;
    if !verified.findings.is_empty() {
        return Err(refuse(s, &verified.findings, "no checkpoint is made of an audit trail that does not hold").await?);
    }
    let rows = grown(s, &key, &verified.trees).await?;
    let made = rows.len();
    if made > 0 {
        gate::write(s, &MakeCheckpoints { rows }).await?;
    }
    if s.dry_run {
        s.ui.status(&format!("dry run: {made} checkpoints would be made; nothing was signed for others to see"));
        return Ok(());
    }
    if made > 0 {
        s.log(Level::Info, &format!("made {made} checkpoints"), Map::new());
    }
    let mut notes: Vec<String> = checkpoints::log_note(s.db().await?).await?.into_iter().collect();
    for Proven { tree, .. } in &verified.trees {
        notes.extend(checkpoints::of(s.db().await?, *tree, None).await?.map(|c| c.note));
    }
    hand_out(s, m, &notes)?;
    match made {
        0 => s.ui.status("nothing new since the last checkpoint, which is given again"),
        1 => s.ui.status("made 1 checkpoint"),
        n => s.ui.status(&format!("made {n} checkpoints")),
    }
    if m.get_one::<String>("out").is_none() && m.get_one::<String>("append").is_none() {
        s.ui.status("keep it where who can write the database can't: --append FILE");
    }
    Ok(())
}

/// To the file that is asked for, behind what is in it unless it is in it already, or to standard output.
fn hand_out(s: &mut Session<'_>, m: &ArgMatches, notes: &[String]) -> Result<()> {
    if let Some(path) = m.get_one::<String>("append") {
        let failed = |e: std::io::Error| Problem::failed(format!("can't write {path}: {}", plain(&e)));
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path).map_err(failed)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        let new: Vec<&str> = notes.iter().filter(|n| !text.contains(n.as_str())).map(String::as_str).collect();
        if new.is_empty() {
            return Ok(());
        }
        let text = format!("{}{}", if text.is_empty() { "" } else { "\n" }, new.join("\n"));
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        return Ok(());
    }
    to_file_or_stdout(s, m, &notes.join("\n"))
}

/// Writes a text to the file that `--out` names, whole or not at all, or to standard output.
pub fn to_file_or_stdout(s: &mut Session<'_>, m: &ArgMatches, text: &str) -> Result<()> {
    let Some(path) = m.get_one::<String>("out").filter(|p| *p != "-") else {
        s.ui.out(text)?;
        return s.ui.flush();
    };
    let failed = |e: std::io::Error| Problem::failed(format!("can't write {path}: {}", plain(&e)));
    let (whole, mut file) = Whole::create(std::path::Path::new(path)).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    whole.finish().map_err(failed)?;
    Ok(())
}
