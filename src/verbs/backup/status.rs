//! How it stands with the backups: on one page, and in an exit code.

use anyhow::Result;
use chrono::{DateTime, Utc};

use super::catalogue::{KnownBackups, folder, short};
use super::replaced_schemas;
use crate::crud::context::Context;
use crate::crud::gate;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::times::time;
use crate::model::backup::{BackupEntry, BackupStatus, BackupType};
use crate::model::problem::Problem;
use crate::model::values::value::{Value, ValueType, rfc3339};
use crate::ui::format::{OutputColumn, record};
use crate::ui::text::{relative, size};

/// How old the newest backup may be, if nothing else is said: a day, and time to make one.
pub const MAX_AGE: &str = "26h";

/// What is known of the backups, in short.
pub struct BackupHealth {
    pub count: usize,
    pub bytes: u64,
    /// The newest from which everything can be restored.
    pub newest: Option<BackupEntry>,
    /// The newest that was restored once, and held.
    pub verified: Option<BackupEntry>,
    /// The last that did not hold when it was looked at, where no later look at it or at a newer one has healed that.
    pub fault: Option<BackupEntry>,
    /// One that could not be made, or can't be read, after the newest.
    pub failed: Option<BackupEntry>,
    /// Those that the catalogue tells of, and that do not lie there any more.
    pub missing: Vec<BackupEntry>,
}

impl BackupHealth {
    fn of(all: &[BackupEntry]) -> BackupHealth {
        let full = || all.iter().filter(|e| e.kind == BackupType::Full);
        let newest = full().filter(|e| e.is_whole()).max_by_key(|e| (e.started_at, e.id));
        let verified = full().filter(|e| e.status == BackupStatus::Verified);
        let heals = |bad: &BackupEntry| {
            let mut good = full().filter(|e| e.status == BackupStatus::Verified && e.started_at >= bad.started_at);
            good.any(|e| e.verified_at >= bad.checked_at)
        };
        let is_bad = |e: &&BackupEntry| e.status == BackupStatus::Failed && e.checked_at.is_some() && !heals(e);
        let failed = full().filter(|e| e.status == BackupStatus::Failed);
        let failed = failed.filter(|e| newest.is_none_or(|n| n.started_at < e.started_at));
        BackupHealth {
            count: full().filter(|e| e.is_whole()).count(),
            bytes: all.iter().filter_map(|e| e.size).fold(0, u64::saturating_add),
            verified: verified.max_by_key(|e| (e.started_at, e.id)).cloned(),
            fault: full().filter(is_bad).max_by_key(|e| e.checked_at).cloned(),
            failed: failed.max_by_key(|e| (e.started_at, e.id)).cloned(),
            missing: full().filter(|e| e.status == BackupStatus::Missing).cloned().collect(),
            newest: newest.cloned(),
        }
    }

    /// That archives are gone which nobody removed by a command, if any are.
    pub fn missed(&self) -> Option<String> {
        let last = self.missing.iter().max_by_key(|e| (e.started_at, e.id))?;
        let of = rfc3339(last.started_at);
        let more =
            if self.missing.len() > 1 { format!(", nor {} more", self.missing.len() - 1) } else { String::new() };
        let place = last.location.as_deref().unwrap_or_default();
        Some(format!("the backup {} of {of} is not at {place} any more{more}", short(last.id)))
    }

    /// What is wrong, if anything is.
    pub fn problem(&self, now: DateTime<Utc>, oldest: DateTime<Utc>, max_age: &str, place: &str) -> Option<Problem> {
        let error = |e: &BackupEntry| e.error.clone().unwrap_or_else(|| "nobody knows why".to_owned());
        if let Some(bad) = &self.fault {
            let sentence = format!("the last verify of the backup {} failed: {}", short(bad.id), error(bad));
            return Some(
                Problem::integrity(sentence)
                    .hint("make another with 'orgctl backup create', then 'orgctl backup verify latest'"),
            );
        }
        let Some(newest) = &self.newest else {
            return Some(
                Problem::failed(format!("there is no whole backup in {place}"))
                    .hint("'orgctl backup create' makes one"),
            );
        };
        if let Some(failed) = &self.failed {
            return Some(Problem::failed(format!("the newest backup {} failed: {}", short(failed.id), error(failed))));
        }
        if newest.started_at > now {
            let at = rfc3339(newest.started_at);
            return Some(
                Problem::failed(format!("the newest backup is of {at}, which is yet to come"))
                    .hint("the clock of this machine is wrong, or that of the machine that made it was"),
            );
        }
        (newest.started_at < oldest).then(|| {
            let made = relative(newest.started_at, now);
            Problem::failed(format!("the newest backup was made {made}, which is more than {max_age}"))
                .hint("'orgctl backup create' makes another; is it run by cron or a timer?")
        })
    }
}

/// Where backups are looked for, as it is told.
pub fn search_location(context: &Context<'_>, from: Option<&str>) -> String {
    folder(context, from, "from").map_or_else(|_| "the catalogue".to_owned(), |f| f.display().to_string())
}

/// What is known of every backup of this database, and whether that could be asked.
pub async fn look(s: &mut Invocation<'_>, from: Option<&str>) -> Result<(BackupHealth, bool)> {
    let known = KnownBackups::reachable(s, from).await?;
    let all: Vec<BackupEntry> = known.entries.iter().filter(|e| known.is_own(e)).cloned().collect();
    Ok((BackupHealth::of(&all), known.has_database))
}

/// The flags of `backup status`.
#[derive(clap::Args)]
pub struct StatusFlags {
    /// How old the newest may be: 26h, 7d (default: 26h)
    #[arg(long, value_name = "TIME")]
    pub max_age: Option<String>,
    /// Folder to look in, instead of the catalogue
    #[arg(long, value_name = "FOLDER")]
    pub from: Option<String>,
}

impl Leaf for StatusFlags {
    const SPEC: Spec = Spec {
        noun: "backup",
        verb: "status",
        permission: "backups:read",
        writes: false,
        about: "Tell how it stands with the backups; exit code 1 where the newest is too old, 8 where one did not hold",
        examples: "orgctl backup status\n@hourly  orgctl --quiet backup status --max-age 26h || mail -s 'no backup' root",
    };
    const UNUSED: Unused = Unused::NONE.org().columns();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let max_age = self.max_age.as_ref().map_or(MAX_AGE, String::as_str).to_owned();
        let now = s.context.clock.now();
        let (oldest, _) = time(&max_age, now, s.context.origin.zone)?;
        let (state, has_database) = look(s, self.from.as_deref()).await?;
        if !has_database && self.from.is_none() {
            s.context.ui.warn("the catalogue in the database can't be read; this is what lies in the folder");
        }
        let problem = state.problem(now, oldest, &max_age, &search_location(s.context, self.from.as_deref()));
        let word = match &problem {
            None => "ok",
            Some(p) if p.kind == crate::model::problem::ErrorKind::Integrity => "broken",
            Some(_) => "warning",
        };
        let newest = state.newest.as_ref();
        let (verified, fault) = (state.verified.as_ref(), state.fault.as_ref());
        let text = |e: Option<&BackupEntry>| Value::from(e.map(|e| e.id.to_string()));
        let fields: Vec<(&str, ValueType, Value)> = vec![
            ("status", ValueType::Text, word.into()),
            ("backups", ValueType::Int, i64::try_from(state.count)?.into()),
            ("bytes", ValueType::Int, i64::try_from(state.bytes).unwrap_or(i64::MAX).into()),
            ("newest", ValueType::Text, text(newest)),
            ("newest_at", ValueType::Time, newest.map(|e| e.started_at).into()),
            ("newest_size", ValueType::Int, newest.and_then(|e| e.size).and_then(|n| i64::try_from(n).ok()).into()),
            ("newest_status", ValueType::Text, newest.map(|e| e.status.as_str().to_owned()).into()),
            ("encrypted", ValueType::Bool, newest.map_or(Value::Null(ValueType::Bool), |e| e.encrypted.into())),
            ("label", ValueType::Text, newest.and_then(|e| e.label.clone()).into()),
            ("location", ValueType::Text, newest.and_then(|e| e.location.clone()).into()),
            ("verified", ValueType::Text, text(verified)),
            ("verified_at", ValueType::Time, verified.and_then(|e| e.verified_at).into()),
            ("fault", ValueType::Text, text(fault)),
            ("fault_at", ValueType::Time, fault.and_then(|e| e.checked_at).into()),
            ("error", ValueType::Text, problem.as_ref().map(|p| p.sentence.clone()).into()),
        ];
        let heads: Vec<OutputColumn> = fields.iter().map(|(name, kind, _)| OutputColumn::new(*name, *kind)).collect();
        record(&s.context.ui, &heads, 3, fields.into_iter().map(|(.., value)| value).collect())?;
        s.context.ui.flush()?;
        if newest.is_some_and(|e| !e.encrypted) {
            s.context
                .ui
                .warn("the newest backup is in clear: whoever can read it reads everything (--encrypt-to encrypts it)");
        }
        if verified.is_none() && newest.is_some() {
            s.context.ui.warn("no backup was ever restored to see whether it holds: 'orgctl backup drill' does that");
        }
        if let Some(missed) = state.missed() {
            s.context.ui.warn(&format!("{missed} ('orgctl backup forget' takes it out of the catalogue)"));
        }
        for sentence in replaced_schemas::kept(s).await {
            s.context.ui.status(&format!("note: {sentence}; {}", replaced_schemas::HINT));
        }
        match problem {
            Some(problem) => Err(problem.into()),
            None => {
                let newest = newest.map_or_else(String::new, |e| {
                    format!("{}, and has {}", relative(e.started_at, now), size(e.size.unwrap_or_default()))
                });
                s.context.ui.status(&format!("the newest backup was made {newest}"));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn entry(started: i64, status: BackupStatus, looked: Option<i64>) -> BackupEntry {
        let at = |n: i64| DateTime::from_timestamp(n, 0).expect("a time");
        let text = serde_json::json!({
            "id": Uuid::from_u128(u128::from(started.unsigned_abs())), "type": "full", "status": status, "label": null, "host": "h",
            "location": null, "engine": "sqlite", "size": null, "checksum": null, "encrypted": false, "rows": null,
            "heads": [], "started_at": at(started), "finished_at": null,
            "verified_at": looked.filter(|_| status == BackupStatus::Verified).map(at), "hold_until": null,
            "error": null, "checked_at": looked.map(at), "installation": Uuid::nil(),
        });
        serde_json::from_value(text).expect("an entry")
    }

    #[test]
    fn a_later_look_at_the_same_or_a_newer_one_heals() {
        use BackupStatus::{Complete, Failed, Verified};
        let fault = |all: &[BackupEntry]| BackupHealth::of(all).fault.is_some();
        let bad = || entry(10, Failed, Some(50));
        assert!(fault(&[bad()]));
        assert!(fault(&[bad(), entry(20, Complete, None)]));
        assert!(!fault(&[bad(), entry(20, Verified, Some(60))]));
        // Looked at before, or older.
        assert!(fault(&[bad(), entry(20, Verified, Some(40))]));
        assert!(fault(&[bad(), entry(5, Verified, Some(60))]));
        // One that could not be made was never looked at.
        assert!(!fault(&[entry(10, Failed, None)]));
        assert!(BackupHealth::of(&[entry(10, Failed, None), entry(5, Complete, None)]).failed.is_some());
        assert!(BackupHealth::of(&[entry(10, Failed, None), entry(15, Complete, None)]).failed.is_none());
    }
}
