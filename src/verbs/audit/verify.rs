//! Proving the trail in the database.

use anyhow::Result;

use super::checkpoint::remembered;
use super::checkpoint_files::signed_in;
use super::findings::{counted, refuse, report, tell_lost};
use super::keys::{SigningKey, VERIFIER_KEY, VerifierKeys, own_verifier, signing_path, verifiers};
use super::offline;
use super::secrets::{Secrets, compare_secrets};
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::model::problem::Problem;
use crate::model::trail::note::Verifier;
use crate::store::trail::checkpoints::{LOG, installation, origin};
use crate::store::trail::row_check::CheckedRows;
use crate::store::trail::verify::{
    ExternalCheckpoint, Verified, VerifyRequest, begin_snapshot, end_snapshot, size, verify_within,
};
use crate::ui::Ui;
use crate::ui::progress::Progress;

/// What files say that trees of this database must be.
async fn known(
    s: &mut Invocation<'_>,
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
async fn signed_here(s: &mut Invocation<'_>, only: Option<i32>) -> Result<Vec<ExternalCheckpoint>> {
    let signing = SigningKey::default();
    let path = remembered(&signing_path(s.context, &signing)?);
    let Some(key) = own_verifier(s.context, &signing).filter(|_| path.exists()) else { return Ok(Vec::new()) };
    let here = installation(s.db().await?).await?;
    let shown = path.display().to_string();
    let mut found = signed_in(here, &shown, &[key], "what was signed here")?;
    found.retain(|s| only.is_none_or(|only| only == s.tree));
    Ok(found)
}

fn tell_rows(ui: &Ui, rows: &CheckedRows) {
    let agree = counted(rows.whole, "row agrees", "rows agree");
    ui.status(&format!("{agree} with what is recorded of them"));
    if rows.in_part > 0 {
        let rows = counted(rows.in_part, "row", "rows");
        ui.warn(&format!(
            "of {rows} payloads are archived or erased: what these told could not be held against anything"
        ));
    }
}

/// Everything that is asked for, in one snapshot. What secrets differ is a finding like others.
async fn prove(s: &mut Invocation<'_>, asked: &VerifyRequest, progress: &Progress) -> Result<(Verified, Secrets)> {
    let mut verified = verify_within(s.db().await?, asked, &mut |n| progress.set(n)).await?;
    let mut secrets = Secrets::default();
    if asked.deep {
        let trees: Vec<i32> = verified.trees.iter().map(|proven| proven.tree).collect();
        secrets = compare_secrets(s, &trees).await?;
        verified.findings.append(&mut secrets.findings);
    }
    Ok((verified, secrets))
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
    const UNUSED: Unused = Unused::NONE.columns().rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let ui = &s.context.ui;
        let are_given = !self.keys.key.is_empty();
        let mut keys = verifiers(s.context, &self.keys.into())?;
        if let Some(path) = &self.file {
            return offline::verify(s, path, &self.checkpoint, &keys).await;
        }
        let only = s.trail().await?;
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
        let progress = ui.progress();
        progress.part("verifying", Some(total), "records");
        begin_snapshot(s.db().await?).await?;
        let done = prove(s, &asked, &progress).await;
        end_snapshot(s.db().await?).await;
        progress.finish();
        let (verified, secrets) = done?;
        report(s, &verified, secrets.counts()).await?;
        tell_lost(s, &verified.lost).await?;
        if verified.unchecked > 0 {
            let n = verified.unchecked;
            ui.warn(&format!("{n} signed notes in the database were not checked: give the public key with --key"));
        }
        secrets.tell(s);
        if !verified.findings.is_empty() {
            return Err(refuse(s, &verified.findings, "the audit trail does not hold").await?);
        }
        let since = if asked.since_checkpoint { " since the last checkpoint" } else { "" };
        let records = counted(verified.records, &format!("audit record{since}"), &format!("audit records{since}"));
        let trees = counted(verified.trees.len(), "tree", "trees");
        ui.status(&format!("{records} in {trees} verified: nothing was changed behind orgctl's back"));
        // Those that the trail does not reach say nothing of what is there.
        let holds = |s: &&ExternalCheckpoint| !verified.beyond.iter().any(|b| b.checkpoint == s.checkpoint);
        let agreeing = asked.signed.iter().filter(holds);
        let signed = agreeing.clone().filter(|s| s.says == here).count();
        let known = agreeing.count() - signed;
        if known > 0 {
            let agree = counted(known, "checkpoint from outside agrees", "checkpoints from outside agree");
            ui.status(&format!("{agree}: nothing was cut off or written anew"));
        }
        if signed > 0 {
            let agree =
                counted(signed, "checkpoint that was signed here agrees", "checkpoints that were signed here agree");
            ui.status(&agree);
        }
        if asked.deep {
            tell_rows(ui, &verified.rows);
        }
        Ok(())
    }
}
