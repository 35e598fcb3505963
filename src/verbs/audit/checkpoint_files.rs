//! Checkpoints in files, and whether those who may have signed them.

use std::path::Path;

use anyhow::Result;
use uuid::Uuid;

use crate::model::problem::{Problem, io_message};
use crate::model::trail::lineage::Logs;
use crate::model::trail::note::{Checkpoint, Note, Verifier};
use crate::store::trail::verify::ExternalCheckpoint;
use crate::ui::bounded;

/// The checkpoints of a file whose origin is one of `ours`, their signatures checked.
pub fn checkpoints_in(path: &str, keys: &[Verifier], ours: impl Fn(&str) -> bool) -> Result<Vec<(Note, Checkpoint)>> {
    if keys.is_empty() {
        return Err(Problem::usage("without the public key a checkpoint proves nothing")
            .hint("give it with --key")
            .into());
    }
    let text = bounded::read(Path::new(path), bounded::LARGE)
        .map_err(|e| Problem::failed(format!("can't read {path}: {}", io_message(&e))))?;
    let in_file = |p: Problem| Problem { sentence: format!("{path}: {}", p.sentence), ..p };
    let mut found = Vec::new();
    for note in Note::parse_all(&text).map_err(in_file)? {
        // Also of what seems to be another's: with a changed first line a note of ours would be passed over. And before it is
        // read: a line that was changed until it can't be is a change all the same.
        let is_signed = !note.signed_by(keys).map_err(in_file)?.is_empty();
        let checkpoint = Checkpoint::parse(&note.text).map_err(in_file)?;
        if !ours(&checkpoint.origin) {
            continue;
        }
        if !is_signed {
            let sentence =
                format!("{path}: the checkpoint of {} is not signed with a key that was given", checkpoint.origin);
            return Err(Problem::integrity(sentence)
                .hint("--key names the public key; it can be repeated, for the one before too")
                .into());
        }
        found.push((note, checkpoint));
    }
    Ok(found)
}

/// The checkpoints of a file that are of this installation, whichever of its logs they are of.
pub fn signed_in(here: Uuid, path: &str, keys: &[Verifier], says: &str) -> Result<Vec<ExternalCheckpoint>> {
    let found = checkpoints_in(path, keys, |origin| Logs::parse(here, origin).is_some())?.into_iter();
    let signed = found.filter_map(|(_, checkpoint)| {
        let (logs, tree) = Logs::parse(here, &checkpoint.origin)?;
        Some(ExternalCheckpoint { logs, tree, checkpoint, says: says.to_owned() })
    });
    Ok(signed.collect())
}
