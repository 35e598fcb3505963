//! What commands do on a database that holds a part of a backup alone.

use super::context::Access;
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

/// Refuses what can't be done on a part.
pub fn allow(partial: &Partial, kinds: Kinds, verb: &str, access: &Access, at: &str) -> Result<(), Problem> {
    let permission = access.permission.as_str();
    let is_write = access.writes && !permission.ends_with(":export_hashes");
    if is_write || is_about_all(verb) {
        let why = match is_write {
            true => "is partial, and takes reads and exports only".to_owned(),
            false => format!("is partial, not damaged, and {verb} needs the whole"),
        };
        return Err(partial.problem(format!("the database {at} {why}: it was made of {}", partial.describe())));
    }
    match needed(kinds, verb, permission).into_iter().find(|t| !partial.has(t)) {
        Some(table) => Err(partial.left_out(at, table)),
        None => Ok(()),
    }
}
