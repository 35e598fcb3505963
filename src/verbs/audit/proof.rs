//! Proofs that stand by themselves: that a record is in a signed tree, and that one signed tree is the beginning of
//! another. They are checked with nothing but the file and the public key.

use std::path::Path;

use anyhow::Result;
use clap::ArgGroup;
use serde_json::json;

use super::checkpoint::to_file_or_stdout;
use super::checkpoint_files::checkpoints_in;
use super::keys::{VerifierKeys, verifiers};
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::model::problem::{Problem, io_message};
use crate::model::trail::lineage::Logs;
use crate::model::trail::merkle::{Prover, consistency_path, inclusion_path, proves_consistency};
use crate::model::trail::note::{Checkpoint, Note, Verifier};
use crate::model::trail::proof::{Consistency, Inclusion, Proof, SealedRecord};
use crate::model::values::value::rfc3339;
use crate::store::records;
use crate::store::trail::checkpoints::{self, LOG};
use crate::store::trail::lineage::logs;
use crate::store::trail::verify::{TrailItem, each, size};
use crate::ui::bounded;
use crate::ui::format::{Format, document};
use crate::ui::text::visible;

/// Writes the proof that is asked for.
#[derive(clap::Args)]
#[command(group(ArgGroup::new("what").args(["seq", "from"]).required(true)))]
pub struct ProveFlags {
    /// Number of the record
    #[arg(value_name = "SEQ")]
    pub seq: Option<i64>,
    /// Prove it by the checkpoint in this file (default: the first that covers it)
    #[arg(long, value_name = "FILE", requires = "seq")]
    pub checkpoint: Option<String>,
    /// Prove that the record is there without telling what it says
    #[arg(long, requires = "seq")]
    pub without_payload: bool,
    /// The earlier checkpoint
    #[arg(long, value_name = "FILE", requires = "to")]
    pub from: Option<String>,
    /// The later checkpoint
    #[arg(long, value_name = "FILE", requires = "from")]
    pub to: Option<String>,
    /// File to write (default: standard output)
    #[arg(long, value_name = "FILE")]
    pub out: Option<String>,
    #[command(flatten)]
    pub keys: VerifierKeys,
}

impl Leaf for ProveFlags {
    const SPEC: Spec = Spec {
        noun: "audit",
        verb: "prove",
        permission: "audit:prove",
        writes: false,
        about: "Write a proof that a record is in a signed trail, or that one checkpoint goes on from another",
        examples: "orgctl audit prove 12 --org SAHYADRI --out record-12.tlog-proof\norgctl audit prove --from monday.txt --to friday.txt --org SAHYADRI",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows().dry_run();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        match self.seq {
            Some(seq) => self.inclusion(s, seq).await,
            None => self.consistency(s).await,
        }
    }
}

impl ProveFlags {
    /// That a record is in the tree of a checkpoint: the one in a file, or the first that covers it.
    async fn inclusion(self, s: &mut Invocation<'_>, seq: i64) -> Result<()> {
        let tree = s.the_trail().await?;
        let code = records::org_code(s.db().await?, tree).await?;
        let logs = logs(s.db().await?).await?;
        let last = i64::try_from(size(s.db().await?, Some(tree)).await?)?;
        if seq < 1 || seq > last {
            return Err(Problem::not_found(format!("the trail of {code} has no record {seq}"))
                .hint(format!("it goes from 1 to {last}"))
                .into());
        }
        let keys = verifiers(s.context, &self.keys.into())?;
        let (note, checkpoint) = match &self.checkpoint {
            Some(path) => checkpoint_of(path, &keys, (&logs, tree), true)?,
            None => {
                let stored = checkpoints::find(s.db().await?, tree, Some(seq)).await?.ok_or_else(|| {
                    Problem::not_found(format!("no checkpoint covers record {seq} of {code} yet"))
                        .hint("make one: orgctl audit checkpoint")
                })?;
                let note = Note::parse(&stored.note)?;
                let checkpoint = Checkpoint::parse(&note.text)?;
                (note, checkpoint)
            }
        };
        let index = u64::try_from(seq.saturating_sub(1))?;
        if checkpoint.size <= index {
            return Err(Problem::not_found(format!(
                "the checkpoint is of {} records, before record {seq}",
                checkpoint.size
            ))
            .into());
        }
        let prover = Prover::new(&inclusion_path(index, checkpoint.size));
        let db = s.db().await?;
        let hashes = checkpoints::prove(db, tree, prover).await?.ok_or_else(|| gone(&code))?;
        let mut request = None;
        let mut sealed = None;
        each(db, tree, seq, seq, |piece| {
            match piece {
                TrailItem::Request(r) => request = Some(r),
                TrailItem::Record(r) => {
                    sealed = request.take().and_then(|request| SealedRecord::new(tree, &request, &r));
                }
            }
            Ok(())
        })
        .await?;
        let sealed = sealed.ok_or_else(|| gone(&code))?;
        let sealed = if self.without_payload { sealed.without_payload() } else { sealed };
        let proof = Inclusion { sealed, index, hashes, note };
        if let Err(problem) = proof.check(&checkpoint) {
            return Err(Problem { hints: vec!["'orgctl audit verify' says more".into()], ..problem }.into());
        }
        to_file_or_stdout(s.context, self.out.as_deref(), &proof.to_string())?;
        s.context.ui.status(&format!(
            "record {seq} of {code} is in the tree of {} records of {}",
            checkpoint.size, checkpoint.origin
        ));
        Ok(())
    }

    /// That the tree of one checkpoint is the beginning of that of another.
    async fn consistency(self, s: &mut Invocation<'_>) -> Result<()> {
        let tree = s.trail().await?.unwrap_or(LOG);
        let logs = logs(s.db().await?).await?;
        let mut ends = Vec::new();
        let keys = verifiers(s.context, &self.keys.into())?;
        for (path, last) in [(&self.from, false), (&self.to, true)] {
            ends.push(checkpoint_of(path.as_deref().unwrap_or_default(), &keys, (&logs, tree), last)?);
        }
        let (Some((new_note, new)), Some((old_note, old))) = (ends.pop(), ends.pop()) else { return Ok(()) };
        if old.size > new.size {
            return Err(Problem::usage("the checkpoint of --from is the later one").hint("exchange the two").into());
        }
        let prover = Prover::new(&consistency_path(old.size, new.size));
        let hashes = checkpoints::prove(s.db().await?, tree, prover).await?;
        let proven = hashes.filter(|h| proves_consistency((old.size, &old.root), (new.size, &new.root), h));
        let hashes = proven.ok_or_else(|| {
            Problem::integrity(format!("the trail of {} is not the one that both checkpoints tell of", old.origin))
                .hint("'orgctl audit verify --checkpoint FILE' says more")
        })?;
        to_file_or_stdout(
            s.context,
            self.out.as_deref(),
            &Consistency { hashes, old: old_note, new: new_note }.to_string(),
        )?;
        s.context.ui.status(&format!("{}: its {} records are the first of the {}", old.origin, old.size, new.size));
        Ok(())
    }
}

/// Reads one checkpoint of a log from a file: of several the first, or the last.
fn checkpoint_of(path: &str, keys: &[Verifier], (logs, tree): (&Logs, i32), last: bool) -> Result<(Note, Checkpoint)> {
    let origin = logs.origin(tree);
    let found = checkpoints_in(path, keys, |of| of == origin)?.into_iter();
    let found = if last { found.max_by_key(|(_, c)| c.size) } else { found.min_by_key(|(_, c)| c.size) };
    found.ok_or_else(|| {
        Problem::not_found(format!("{path} holds no checkpoint of {origin}"))
            .hint("--org names the organisation; without it the log of checkpoints is meant")
            .into()
    })
}

fn gone(code: &str) -> Problem {
    Problem::integrity(format!("records of {code} are missing")).hint("'orgctl audit verify' says more")
}

/// Checks a proof with the public key; needs no database.
#[derive(clap::Args)]
pub struct CheckProofFlags {
    /// File that holds the proof; '-' reads standard input
    #[arg(value_name = "FILE")]
    pub file: String,
    #[command(flatten)]
    pub keys: VerifierKeys,
}

impl Leaf for CheckProofFlags {
    const SPEC: Spec = Spec {
        noun: "audit",
        verb: "check-proof",
        permission: "audit:prove",
        writes: false,
        about: "Check a proof with nothing but the file and the public key",
        examples: "orgctl audit check-proof record-12.tlog-proof --key audit.pub\norgctl audit check-proof - --key audit.pub -o json",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        let path = self.file;
        let keys = verifiers(s.context, &self.keys.into())?;
        if keys.is_empty() {
            return Err(Problem::usage("without the public key a proof proves nothing")
                .hint("give it with --key")
                .into());
        }
        let text = match path.as_str() {
            "-" => ui.read_stdin_text(bounded::LARGE).await?,
            path => bounded::read(Path::new(path), bounded::LARGE)
                .map_err(|e| Problem::failed(format!("can't read {path}: {}", io_message(&e))))?,
        };
        let signed = |note: &Note| -> Result<(Checkpoint, String)> {
            let by = note.signed_by(&keys)?;
            let by = by.into_iter().next().ok_or_else(|| {
                Problem::integrity("the checkpoint in the proof is not signed with a key that was given")
            })?;
            Ok((Checkpoint::parse(&note.text)?, by))
        };
        let (report, sentence) = match Proof::parse(&text)? {
            Proof::Inclusion(proof) => {
                let (checkpoint, by) = signed(&proof.note)?;
                proof.check(&checkpoint)?;
                let header = proof.sealed.header()?;
                let record = proof.sealed.describe();
                let key =
                    record["payload"]["key"].as_str().or(record["payload"]["new"]["code"].as_str()).unwrap_or_default();
                let what = format!(
                    "record {} of {}: {} {} {key} at {}, {}",
                    header.seq,
                    checkpoint.origin,
                    header.action,
                    header.kind,
                    rfc3339(header.at),
                    header.status
                );
                let sentence = format!(
                    "{}; it is in the tree of {} records that {by} signed",
                    what.replace("  ", " "),
                    checkpoint.size
                );
                let report = json!({
                    "proof": "inclusion", "origin": checkpoint.origin, "size": checkpoint.size, "signed_by": by, "record": record,
                });
                (report, sentence)
            }
            Proof::Consistency(proof) => {
                let ((old, by), (new, _)) = (signed(&proof.old)?, signed(&proof.new)?);
                proof.check(&old, &new)?;
                let sentence = format!(
                    "{}: its {} records are the first of the {}, as {by} signed",
                    old.origin, old.size, new.size
                );
                let report = json!({
                    "proof": "consistency", "origin": old.origin, "from": old.size, "to": new.size, "signed_by": by,
                });
                (report, sentence)
            }
        };
        if matches!(ui.style.format.get(), Format::Json | Format::Ndjson | Format::Yaml) {
            document(ui, &report)?;
        } else {
            ui.out(&format!("{}\n", visible(&sentence)))?;
        }
        ui.flush()?;
        Ok(())
    }
}
