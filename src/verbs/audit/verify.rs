//! Proving the trail in the database.

use std::collections::{BTreeMap, btree_map};
use std::path::Path;

use anyhow::Result;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::checkpoint::remembered;
use super::keys::{SigningKey, VERIFIER_KEY, VerifierKeys, own_verifier, signing_path, verifiers};
use super::offline;
use crate::crud::gate;
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::session::Session;
use crate::model::problem::{Problem, io_message};
use crate::model::trail::correction::Correction;
use crate::model::trail::lineage::{Logs, Lost, restored};
use crate::model::trail::note::{Checkpoint, Note, Verifier};
use crate::model::trail::verify::{Fault, Finding};
use crate::model::values::value::{ValueType, rfc3339};
use crate::store::records;
use crate::store::trail::checkpoints::{LOG, installation, origin};
use crate::store::trail::verify::{ExternalCheckpoint, Verified, VerifyRequest, size, verify as prove};
use crate::ui::bounded;
use crate::ui::format::{Format, Listing, OutputColumn, document};

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

/// What files say that trees of this database must be.
async fn known(
    s: &mut Session<'_>,
    files: &[String],
    keys: &[Verifier],
    only: Option<i32>,
) -> Result<Vec<ExternalCheckpoint>> {
    let mut known = Vec::new();
    for path in files {
        let here = installation(s.db().await?).await?;
        let mut is_about = false;
        let found = signed_in(here, path, keys, &format!("the checkpoint in {path}"))?;
        if found.is_empty() {
            let here = origin(here, LOG);
            return Err(Problem::integrity(format!("{path} holds no checkpoint of this database, which is {here}"))
                .hint("either the file is of another installation, or the database was made anew")
                .into());
        }
        for signed in found.into_iter().filter(|s| only.is_none_or(|only| only == s.tree)) {
            is_about = true;
            known.push(signed);
        }
        if !is_about {
            return Err(Problem::usage(format!("{path} holds no checkpoint of this organisation")).into());
        }
    }
    Ok(known)
}

/// What was signed on this machine, which is kept beside the signing key: a trail that was cut off together with its
/// checkpoints is found by it. Only the own key tells whether it was changed.
async fn signed_here(s: &mut Session<'_>, only: Option<i32>) -> Result<Vec<ExternalCheckpoint>> {
    let signing = SigningKey::default();
    let path = remembered(&signing_path(s, &signing)?);
    let Some(key) = own_verifier(s, &signing).filter(|_| path.exists()) else { return Ok(Vec::new()) };
    let here = installation(s.db().await?).await?;
    let shown = path.display().to_string();
    let mut found = signed_in(here, &shown, &[key], "what was signed here")?;
    found.retain(|s| only.is_none_or(|only| only == s.tree));
    Ok(found)
}

/// Recomputes everything and compares. Exit code 8 where anything does not hold.
#[derive(clap::Args)]
pub struct VerifyFlags {
    /// Hold the rows against what is recorded of them, too
    #[arg(long)]
    pub deep: bool,
    /// Only what came after the latest checkpoint of each trail
    #[arg(long, conflicts_with = "checkpoint")]
    pub since_checkpoint: bool,
    /// Hold the trail against checkpoints taken earlier (can be repeated)
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Vec<String>,
    /// Prove an export or an archive instead of the database ('-': standard input)
    #[arg(long, value_name = "EXPORT", conflicts_with_all = ["deep", "since_checkpoint", "org"])]
    pub file: Option<String>,
    #[command(flatten)]
    pub keys: VerifierKeys,
}

impl Leaf for VerifyFlags {
    const SPEC: Spec = Spec {
        noun: "audit",
        verb: "verify",
        permission: "audit:verify",
        writes: false,
        about: "Recompute the audit trail and compare",
        examples: "orgctl audit verify\norgctl audit verify --deep --org SAHYADRI -o json\norgctl audit verify --checkpoint /mnt/other/checkpoints.txt --key audit.pub\norgctl audit verify --file trail.jsonl --checkpoint checkpoints.txt --key audit.pub",
    };

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        gate::allow(s)?;
        let are_given = !self.keys.key.is_empty();
        let mut keys = verifiers(s, &self.keys.into())?;
        if let Some(path) = &self.file {
            return offline::verify(s, path, &self.checkpoint, &keys).await;
        }
        let only = s.org().await?;
        if !are_given && !s.context.env.contains_key(VERIFIER_KEY) {
            // The key that happens to be on this machine may be that of another installation.
            let here = origin(installation(s.db().await?).await?, LOG);
            keys.retain(|key| key.name() == here || !self.checkpoint.is_empty());
        }
        let from_outside = known(s, &self.checkpoint, &keys, only).await?;
        let signed_here = signed_here(s, only).await?;
        let here = "what was signed here";
        let asked = VerifyRequest {
            only,
            since_checkpoint: self.since_checkpoint,
            deep: self.deep,
            signed: from_outside.into_iter().chain(signed_here).collect(),
            keys,
            ..VerifyRequest::default()
        };
        let total = size(s.db().await?, only).await?;
        let progress = s.ui.progress();
        progress.part("verifying", Some(total), "records");
        let done = prove(s.db().await?, &asked, &mut |n| progress.set(n)).await;
        progress.finish();
        let verified = done?;
        report(s, &verified).await?;
        tell_lost(s, &verified.lost).await?;
        if verified.unchecked > 0 {
            let n = verified.unchecked;
            s.ui.warn(&format!("{n} signed notes in the database were not checked: give the public key with --key"));
        }
        if !verified.findings.is_empty() {
            return Err(refuse(s, &verified.findings, "the audit trail does not hold").await?);
        }
        let since = if asked.since_checkpoint { " since the last checkpoint" } else { "" };
        let records = counted(verified.records, &format!("audit record{since}"), &format!("audit records{since}"));
        let trees = counted(verified.trees.len(), "tree", "trees");
        s.ui.status(&format!("{records} in {trees} verified: nothing was changed behind orgctl's back"));
        // Those that the trail does not reach say nothing of what is there.
        let holds = |s: &&ExternalCheckpoint| !verified.beyond.iter().any(|b| b.checkpoint == s.checkpoint);
        let agreeing = asked.signed.iter().filter(holds);
        let signed = agreeing.clone().filter(|s| s.says == here).count();
        let known = agreeing.count() - signed;
        if known > 0 {
            let agree = counted(known, "checkpoint from outside agrees", "checkpoints from outside agree");
            s.ui.status(&format!("{agree}: nothing was cut off or written anew"));
        }
        if signed > 0 {
            let agree =
                counted(signed, "checkpoint that was signed here agrees", "checkpoints that were signed here agree");
            s.ui.status(&agree);
        }
        if asked.deep {
            let agree = counted(verified.rows.whole, "row agrees", "rows agree");
            s.ui.status(&format!("{agree} with what is recorded of them"));
            if verified.rows.in_part > 0 {
                let rows = counted(verified.rows.in_part, "row", "rows");
                s.ui.warn(&format!(
                    "of {rows} payloads are archived or erased: what these told could not be held against anything"
                ));
            }
        }
        Ok(())
    }
}

/// `1 checkpoint agrees`, `2 checkpoints agree`.
pub fn counted(n: impl TryInto<u64>, one: &str, several: &str) -> String {
    match n.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {one}"),
        n => format!("{n} {several}"),
    }
}

/// How a tree is called: the code of its organisation.
async fn tree_name(s: &mut Session<'_>, tree: i32) -> Result<String> {
    if tree == LOG {
        return Ok("(checkpoints)".to_owned());
    }
    Ok(records::org_code(s.db().await?, tree).await?)
}

/// What trees are called.
async fn names(s: &mut Session<'_>, trees: impl Iterator<Item = i32>) -> Result<BTreeMap<i32, String>> {
    let mut names = BTreeMap::new();
    for tree in trees {
        if let btree_map::Entry::Vacant(name) = names.entry(tree) {
            name.insert(tree_name(s, tree).await?);
        }
    }
    Ok(names)
}

async fn report(s: &mut Session<'_>, verified: &Verified) -> Result<()> {
    let others = verified.corrections.iter().map(|c| c.tree).chain(verified.lost.iter().map(|l| l.tree));
    let names = names(s, verified.findings.iter().map(|f| f.tree).chain(others)).await?;
    let lost = verified.lost.iter().map(|l| {
        json!({
            "org": names.get(&l.tree),
            "origin": l.origin,
            "after": l.after,
            "upto": l.upto,
            "backup": l.archive,
            "restored_at": rfc3339(l.at),
        })
    });
    report_with(s, verified, &names, Some(("lost", lost.collect()))).await
}

/// What restores lost, each time: that the trail holds does not say that everything is in it.
pub async fn tell_lost(s: &mut Session<'_>, lost: &[Lost]) -> Result<()> {
    for l in lost {
        let (org, after) = (tree_name(s, l.tree).await?, l.after);
        let thing = if l.tree == LOG { "checkpoint" } else { "record" };
        let what = match l.upto {
            Some(upto) if upto == after + 1 => format!("{thing} {upto} of {org} is lost"),
            Some(upto) => format!("{thing}s {} to {upto} of {org} are lost", after + 1),
            None => format!("{org} goes on from {thing} {after}; nothing that was signed tells of more that is lost"),
        };
        s.ui.status(&format!("{what}: {}", restored(l.archive, l.at)));
    }
    Ok(())
}

/// `more` is what a program is told besides.
pub async fn report_with(
    s: &mut Session<'_>,
    verified: &Verified,
    names: &BTreeMap<i32, String>,
    more: Option<(&str, Json)>,
) -> Result<()> {
    let name = |tree: i32| names.get(&tree).cloned().unwrap_or_default();
    let findings: Vec<(String, &Finding)> = verified.findings.iter().map(|f| (name(f.tree), f)).collect();
    match s.ui.style.format {
        Format::Json | Format::Ndjson | Format::Yaml => {
            let list: Vec<Json> = findings
                .iter()
                .map(|(org, f)| json!({ "org": org, "seq": f.seq, "kind": f.kind.as_str(), "what": f.what }))
                .collect();
            let mut report = json!({
                "trees": verified.trees.len(),
                "records": verified.records,
                "checkpoints": verified.checkpoints,
                "unchecked_signatures": verified.unchecked,
                "rows": verified.rows.whole,
                "rows_in_part": verified.rows.in_part,
                "ok": findings.is_empty(),
                "findings": list,
                "corrections": verified.corrections.iter().map(|c| correction(&name(c.tree), c)).collect::<Vec<_>>(),
            });
            if let Some((name, value)) = more {
                report[name] = value;
            }
            document(&mut s.ui, &report)?;
        }
        _ if findings.is_empty() => {}
        _ => {
            let heads = ["org", "seq", "kind", "what"].map(|n| OutputColumn::new(n, ValueType::Text)).to_vec();
            let mut listing = Listing::new(&s.ui, heads, 1);
            for (org, f) in findings {
                let row = vec![org.into(), f.seq.into(), f.kind.as_str().into(), f.what.as_str().into()];
                listing.row(&mut s.ui, row)?;
            }
            listing.finish(&mut s.ui)?;
        }
    }
    s.ui.flush()?;
    tell_corrections(s, verified, &name);
    Ok(())
}

fn correction(org: &str, c: &Correction) -> Json {
    let says = c.says.as_ref();
    json!({
        "org": org,
        "seq": c.seq,
        "at": rfc3339(c.at),
        "first": says.map(|s| s.first),
        "records": says.map(|s| s.records),
        "last": says.map(|s| rfc3339(s.last)),
    })
}

/// Most corrections that are told one by one; a program is told of all.
const TOLD: usize = 10;

/// Where earlier times count again: that nothing is forged does not say that the clock was right.
fn tell_corrections(s: &mut Session<'_>, verified: &Verified, name: &dyn Fn(i32) -> String) {
    for c in verified.corrections.iter().take(TOLD) {
        let which = match &c.says {
            Some(says) => format!("{} from {} on", counted(says.records, "record", "records"), says.first),
            None => "what was later".to_owned(),
        };
        let (org, seq, at) = (name(c.tree), c.seq, rfc3339(c.at));
        s.ui.status(&format!("record {seq} of {org} corrects the clock: {which} as of {at} at the latest"));
    }
    if let Some(more @ 1..) = verified.corrections.len().checked_sub(TOLD) {
        s.ui.status(&format!("{} in all: -o json tells of all", counted(more + TOLD, "correction", "corrections")));
    }
}

/// The error of a trail that does not hold: the first finding in a sentence.
pub async fn refuse(s: &mut Session<'_>, findings: &[Finding], sentence: &str) -> Result<anyhow::Error> {
    let names = names(s, findings.iter().map(|f| f.tree)).await?;
    Ok(refusal(findings, &names, sentence))
}

pub fn refusal(findings: &[Finding], names: &BTreeMap<i32, String>, sentence: &str) -> anyhow::Error {
    let Some(first) = findings.first() else { return Problem::integrity(sentence).into() };
    let code = names.get(&first.tree).map_or("", String::as_str);
    let at = match first.seq {
        Some(seq) if first.tree == LOG => format!("checkpoint {seq} of the database"),
        Some(seq) => format!("record {seq} of {code}"),
        None => format!("the trail of {code}"),
    };
    let became = match first.seq {
        None if first.kind == Fault::Inserted => "holds what was never recorded".to_owned(),
        _ => first.kind.predicate(),
    };
    let n = findings.len();
    let count = if n == 1 { "1 finding".to_owned() } else { format!("{n} findings") };
    let problem = Problem::integrity(format!("{sentence}: {at} {became}"))
        .hint(format!("{count} in all; keep everything as it is and look at who could write to it"));
    match findings.iter().any(|f| f.kind == Fault::Restored) {
        true => problem
            .hint("was it restored? 'orgctl audit checkpoint --after-restore BACKUP' goes on from there, with the archive")
            .into(),
        false => problem.into(),
    }
}
