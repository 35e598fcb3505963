//! The drill: the newest backup is restored, whatever is thought of it, and what came of it is told.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::ArgMatches;
use serde_json::json;

use super::catalogue::{archives, folder, read_beside, short};
use super::verify::{Plan, prove_one};
use crate::crud::gate;
use crate::crud::session::Session;
use crate::model::backup::BackupType;
use crate::model::problem::Problem;
use crate::model::value::rfc3339;
use crate::ui::format::report;
use crate::ui::text::size;

/// The newest archive of everything in a folder; one that can't be read is as new as its file.
fn newest(s: &Session<'_>, folder: &Path) -> Result<PathBuf> {
    let mut found: Option<(DateTime<Utc>, PathBuf)> = None;
    for path in archives(folder)? {
        let told = read_beside(s, &path);
        if told.as_ref().is_some_and(|e| e.kind != BackupType::Full) {
            continue;
        }
        let of_file = || fs::metadata(&path).and_then(|m| m.modified()).map_or(DateTime::UNIX_EPOCH, DateTime::from);
        let at = told.map_or_else(of_file, |e| e.started_at);
        if found.as_ref().is_none_or(|(newest, _)| at > *newest) {
            found = Some((at, path));
        }
    }
    found.map(|(_, path)| path).ok_or_else(|| {
        Problem::not_found(format!("there is no backup in {}", folder.display()))
            .hint("'orgctl backup create' makes one; --from names another folder")
            .into()
    })
}

pub async fn drill(s: &mut Session<'_>, m: &ArgMatches) -> Result<()> {
    gate::allow(s)?;
    let plan = Plan::new(s, m)?;
    let path = newest(s, &folder(s, m, "from")?)?;
    if plan.lacks_identity(&path) {
        return Err(Problem::usage(format!(
            "{} is encrypted: without the identity nothing is restored",
            path.display()
        ))
        .hint("name the file with the identity (age) with --identity")
        .into());
    }
    let proof = prove_one(s, m, &plan, &path).await?;
    let now = s.clock.now();
    let age = proof.created_at.map(|at| now - at);
    let mut told = proof.json();
    told["age_seconds"] = json!(age.map(|a| a.num_seconds()));
    report(&mut s.ui, &told)?;
    if let Some(fault) = proof.fault {
        return Err(fault.into());
    }
    let id = proof.id.map(short).unwrap_or_default();
    let of = proof.created_at.map(rfc3339).unwrap_or_default();
    s.ui.status(&format!(
        "the backup {id} of {of} was restored and holds: {} rows from {}, in {:.1} s",
        proof.rows,
        size(proof.size),
        proof.took.as_seconds_f64()
    ));
    Ok(())
}
