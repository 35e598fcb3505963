//! What commands do on a database that holds a part of a backup alone.

use anyhow::Result;

use super::gate::{self, Verb};
use super::session::Session;
use crate::model::kinds::Kinds;
use crate::model::problem::Problem;
use crate::store::backup::partial::Partial;

/// Tables of the audit trail, without which it can't be read.
const TRAIL: [&str; 2] = ["audit_records", "audit_requests"];

/// The tables that a reading command can't do without.
fn needed(kinds: Kinds, verb: &str, permission: &str) -> Vec<&'static str> {
    let (resource, action) = permission.split_once(':').unwrap_or((permission, ""));
    let mut needed = match (resource, verb) {
        (_, "user whoami" | "audit pubkey" | "audit check-proof") | ("database", _) => return Vec::new(),
        (_, "org stats") => kinds.resources().filter(|d| !d.is_org() && d.is_recorded()).map(|d| d.table).collect(),
        (_, "dept members") => vec!["departments"],
        ("audit", _) => TRAIL.to_vec(),
        ("backups", _) => vec!["backups"],
        _ => Vec::new(),
    };
    needed.extend(kinds.resources().map(|d| d.table).filter(|table| *table == resource));
    if verb.ends_with(" history") {
        needed.extend(TRAIL);
    }
    if action == "export_hashes" {
        needed.push("credentials");
    }
    needed
}

/// Whether the command has to do with everything at once, so that of a part it would tell nonsense.
fn is_about_all(verb: &str) -> bool {
    matches!(verb, "audit verify" | "audit prove" | "audit keygen" | "backup diff" | "user dossier")
}

/// Refuses what can't be done on a part, and says of what it is one.
pub fn allow(s: &mut Session<'_>, partial: &Partial) -> Result<(), Problem> {
    let at = s.location.shown();
    let (verb, permission) = (s.verb.as_str(), s.access.permission.as_str());
    let is_write = s.access.writes && !permission.ends_with(":export_hashes");
    if is_write || is_about_all(verb) {
        let why = match is_write {
            true => "is partial, and takes reads and exports only".to_owned(),
            false => format!("is partial, not damaged, and {verb} needs the whole"),
        };
        return Err(partial.problem(format!("the database {at} {why}: it was made of {}", partial.describe())));
    }
    if let Some(table) = needed(s.kinds(), verb, permission).into_iter().find(|t| !partial.has(t)) {
        return Err(partial.left_out(&at, table));
    }
    if !s.has_told_of_part && !permission.starts_with("database:") {
        s.has_told_of_part = true;
        s.ui.status(&format!("note: the database is partial: it was made of {}", partial.describe()));
    }
    Ok(())
}

/// Records that data are handed out; in a part there is no trail for that.
pub async fn record_export<V: Verb<Output = ()>>(s: &mut Session<'_>, told: &V) -> Result<()> {
    match s.db().await?.partial {
        Some(_) => Ok(()),
        None => gate::write(s, told).await,
    }
}
