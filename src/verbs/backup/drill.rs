//! The drill: the newest backup is restored, whatever is thought of it, and what came of it is told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::json;
use uuid::Uuid;

use super::catalogue::{KnownBackups, folder, in_folder, short};
use super::verify::TrialFlags;
use super::verify::{VerifyPlan, prove_one};
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::model::backup::{BackupEntry, BackupType};
use crate::model::problem::Problem;
use crate::model::trail::audit::Action;
use crate::model::values::value::rfc3339;
use crate::ui::format::report;
use crate::ui::text::size;

/// The newest archive of everything, whether it holds or not: in a folder that is named, or as the catalogue knows it.
async fn newest(s: &mut Invocation<'_>, from: Option<&str>, plan: &VerifyPlan) -> Result<PathBuf> {
    let folder = folder(s.context, from, "from")?;
    let found = match from.is_some() {
        true => newest_in(s, plan, &folder)?,
        false => KnownBackups::reachable(s, from).await?.newest_of_any().and_then(|e| e.location.clone()),
    };
    found.map(PathBuf::from).ok_or_else(|| {
        Problem::not_found(format!("there is no backup in {}", folder.display()))
            .hint("'orgctl backup create' makes one; --from names another folder")
            .into()
    })
}

/// Of those of several installations it is one that a trusted key is for.
fn newest_in(s: &Invocation<'_>, plan: &VerifyPlan, folder: &Path) -> Result<Option<String>> {
    let all: Vec<BackupEntry> = in_folder(s, folder)?.into_iter().filter(|e| e.kind == BackupType::Full).collect();
    let installations: BTreeSet<Uuid> = all.iter().map(|e| e.installation).filter(|i| !i.is_nil()).collect();
    let mut asked = installations.clone();
    if installations.len() > 1 {
        asked.retain(|i| all.iter().any(|e| e.installation == *i && plan.trusts(e)));
    }
    let is_asked = |e: &BackupEntry| asked.is_empty() || e.installation.is_nil() || asked.contains(&e.installation);
    Ok(all.into_iter().filter(is_asked).find_map(|e| e.location))
}

/// The flags of `backup drill`.
#[derive(clap::Args)]
pub struct DrillFlags {
    /// Folder to look in: also on another machine, where the verdict is left beside the archive
    #[arg(long, value_name = "FOLDER")]
    pub from: Option<String>,
    /// File with the identity (age) that it is encrypted to (can be repeated)
    #[arg(long, value_name = "FILE")]
    pub identity: Vec<String>,
    #[command(flatten)]
    pub trial: TrialFlags,
}

impl Leaf for DrillFlags {
    const SPEC: Spec = Spec {
        noun: "backup",
        verb: "drill",
        permission: "backups:verify",
        writes: true,
        about: "Restore the newest backup into a database that is thrown away, and tell what came of it",
        examples: "orgctl backup drill\n15 4 * * 0  orgctl --quiet backup drill --from /mnt/backups --identity /etc/orgctl/backup.identity --key /etc/orgctl/audit.pub",
    };
    const UNUSED: Unused = Unused::NONE.org().columns().rows();
    const RECORDED: Option<Action> = Some(Action::Backup);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let plan = VerifyPlan::new(s.context, &self.identity, self.trial)?;
        let path = newest(s, self.from.as_deref(), &plan).await?;
        if plan.lacks_identity(&path) {
            return Err(Problem::usage(format!(
                "{} is encrypted: without the identity nothing is restored",
                path.display()
            ))
            .hint("name the file with the identity (age) with --identity")
            .into());
        }
        let proof = prove_one(s, &plan, &path).await?;
        let now = s.context.clock.now();
        let age = proof.created_at.map(|at| now - at);
        let mut told = proof.json();
        told["age_seconds"] = json!(age.map(|a| a.num_seconds()));
        report(&s.context.ui, &told)?;
        if let Some(fault) = proof.fault {
            return Err(fault.into());
        }
        let id = proof.id.map(short).unwrap_or_default();
        let of = proof.created_at.map(rfc3339).unwrap_or_default();
        s.context.ui.status(&format!(
            "the backup {id} of {of} was restored and holds: {} rows from {}, in {:.1} s",
            proof.rows,
            size(proof.size),
            proof.took.as_seconds_f64()
        ));
        Ok(())
    }
}
