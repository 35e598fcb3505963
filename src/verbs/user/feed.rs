//! An HR feed: a file that is the whole truth about who is with the organisation. Who is not in it has left.

use std::collections::HashMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::leaver_limit::Absentees;
use super::people_flags::PeopleFlags;
use crate::crud::contents;
use crate::crud::import::kind_limit::names;
use crate::crud::import::{Run, Scope, TOLD, Whole};
use crate::crud::invocation::Invocation;
use crate::crud::lookup::find_in;
use crate::crud::remove::{self, Mode};
use crate::model::kinds::org::SYSTEM;
use crate::model::kinds::user::{BLOCK_REASON, BLOCKED, BLOCKED_UNTIL};
use crate::model::problem::Problem;
use crate::model::resource::lifetime::TargetEvent;
use crate::model::resource::{Descriptor, Field, IS_ACTIVE, Record};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::truncate;
use crate::model::values::value::{Value, ValueType};
use crate::store::records::pointing::RecordAt;
use crate::store::records::{self, Deleted};
use crate::store::tx::Tx;

/// What becomes of those who are not in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Leavers {
    Deactivate,
    Block,
    Delete,
    /// They are only told.
    Report,
}

/// Why somebody is blocked who is in no file; it ends when he or she is in one again.
const BLOCKED_BY_FEED: &str = "not in the HR feed";

fn values(ids: &[Uuid]) -> Vec<Value> {
    ids.iter().map(|id| (*id).into()).collect()
}

/// How a feed is taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Feed {
    pub leavers: Leavers,
}

/// What a feed came to, besides what any import tells: how many left, and the first of all, as they are called.
#[derive(Debug, Default)]
pub struct SyncReport {
    pub left: u64,
    /// Users of whom the file can't tell whether they are in it.
    pub without_key: u64,
    pub joiners: Vec<String>,
    pub leavers: Vec<String>,
}

impl Feed {
    /// What the flags say; none where the file is an ordinary one.
    pub async fn of(
        s: &mut Invocation<'_>,
        desc: &'static Descriptor,
        org: i32,
        mode: Mode,
        flags: &PeopleFlags,
    ) -> Result<Option<(Feed, Whole)>> {
        if !flags.sync {
            return Ok(None);
        }
        let scope = match &flags.scope {
            Some(scope) => Some(scoped(s, desc, org, scope).await?),
            None => None,
        };
        let leavers = match flags.leavers.as_str() {
            "block" => Leavers::Block,
            "delete" => Leavers::Delete,
            "report" => Leavers::Report,
            _ => Leavers::Deactivate,
        };
        // Who is blocked goes on leading, unless a flag says who does instead.
        let hands_over = leavers == Leavers::Block && matches!(mode, Mode::Reassign(_) | Mode::Orphan);
        Ok(Some((Feed { leavers }, Whole { scope, hands_over_from_blocked: hands_over })))
    }

    /// The users about whom the file is the truth and who are not in it. To be asked before anything is written.
    pub async fn absent(&self, tx: &mut Tx<'_>, run: &Run<'_>) -> Result<Absentees> {
        let scope = run.import.whole.as_ref().and_then(|whole| whole.scope.as_ref());
        let (mut absent, users) = run.stage.absent(tx.db, scope.map(|about| (about.column.as_str(), about.id))).await?;
        if self.leavers == Leavers::Block {
            // Who is blocked without an end already has left before.
            let mut leaving = Vec::new();
            for some in absent.chunks(500) {
                let found = records::with_ids(tx.db, run.desc, run.stage.org(), &values(some)).await?;
                let is_in = |r: &&Record| !r.holds_for_good();
                leaving.extend(found.iter().filter(is_in).map(|r| r.meta.id));
            }
            absent = leaving;
        }
        if let Mode::Reassign(id) = run.import.mode
            && absent.contains(&id)
        {
            return Err(Problem::conflict("who is to take over is not in the file either")
                .hint("choose somebody who stays")
                .into());
        }
        let leaving = Absentees::new(run, users, absent)?;
        if self.leavers != Leavers::Report {
            leaving.enforce(tx, run).await?;
        }
        Ok(leaving)
    }

    /// Unblocks those whom an earlier feed blocked and who are in the file now. How many.
    pub async fn reinstate(&self, tx: &mut Tx<'_>, run: &Run<'_>) -> Result<u64> {
        let stage = &run.stage;
        let mut n = 0;
        for some in stage.present(tx.db, BLOCKED, BLOCK_REASON, BLOCKED_BY_FEED).await?.chunks(500) {
            for before in records::with_ids(tx.db, stage.desc(), stage.org(), &values(some)).await? {
                let mut after = before.clone();
                after.set(BLOCKED, false.into());
                after.set(BLOCK_REASON, Value::Null(ValueType::Text));
                n += u64::from(tx.update(&before, after, Action::UserUnblock).await?.is_some());
            }
        }
        Ok(n)
    }

    /// Lets those leave whom the file does not name, and tells who came.
    pub async fn process(&self, tx: &mut Tx<'_>, run: &Run<'_>, leaving: &Absentees) -> Result<SyncReport> {
        // Who could not be read may be one who seems to have left.
        let absent = if run.report.rejected > 0 { &[][..] } else { &leaving.absent };
        let org = run.stage.org().unwrap_or(SYSTEM);
        let leavers = names(tx, run, &absent[..absent.len().min(TOLD)]).await?;
        let without_key = run.stage.without_key(tx.db).await?;
        self.let_leave(tx, run, absent).await?;
        Ok(SyncReport {
            left: absent.len() as u64,
            without_key,
            joiners: records::created_at_instant(tx.db, run.desc, org, tx.at(), TOLD).await?,
            leavers,
        })
    }

    async fn let_leave(&self, tx: &mut Tx<'_>, run: &Run<'_>, absent: &[Uuid]) -> Result<()> {
        if self.leavers == Leavers::Report || absent.is_empty() {
            return Ok(());
        }
        let mut leaving: Vec<Record> = Vec::new();
        for some in absent.chunks(500) {
            leaving.extend(records::with_ids(tx.db, run.desc, run.stage.org(), &values(some)).await?);
        }
        let done = match self.leavers {
            Leavers::Delete => "deleted",
            Leavers::Block => "blocked",
            Leavers::Deactivate | Leavers::Report => "deactivated",
        };
        let mode = run.import.mode;
        // Who is blocked goes on leading, unless a flag says who does instead.
        if self.leavers != Leavers::Block || matches!(mode, Mode::Reassign(_) | Mode::Orphan) {
            let event = if self.leavers == Leavers::Delete { TargetEvent::Delete } else { TargetEvent::Deactivate };
            remove::release(tx, &leaving, mode, event, done).await?;
        }
        if self.leavers == Leavers::Delete {
            let places: Vec<RecordAt> = leaving.iter().map(RecordAt::of).collect();
            let deletions: HashMap<Uuid, Uuid> = places.iter().map(|r| (r.id, tx.new_id())).collect();
            let deletion = |leaver: Uuid| deletions.get(&leaver).copied().unwrap_or_default();
            return contents::delete_with_contents(tx, &places, deletion).await;
        }
        let is_block = self.leavers == Leavers::Block;
        let left = |before: Record| {
            let mut after = before.clone();
            if is_block {
                after.set(BLOCKED, true.into());
                after.set(BLOCKED_UNTIL, Value::Null(ValueType::Time));
                after.set(BLOCK_REASON, BLOCKED_BY_FEED.into());
            } else {
                after.set(IS_ACTIVE, false.into());
            }
            (before, after)
        };
        let action = if is_block { Action::UserBlock } else { Action::Deactivate };
        Ok(tx.update_all(leaving.into_iter().map(left).collect(), &action.into()).await.map(drop)?)
    }
}

/// Reads `branch=MUM01` or `dept=DEPT-001`.
async fn scoped(s: &mut Invocation<'_>, desc: &'static Descriptor, org: i32, text: &str) -> Result<Scope> {
    let wrong = || {
        Problem::usage(format!("'{}' is no scope", truncate(text)))
            .hint("write --scope branch=MUM01 or --scope dept=DEPT-001")
    };
    let (name, key) = text.split_once('=').ok_or_else(wrong)?;
    let is_meant = |f: &&Field| {
        f.target().is_some_and(|t| f.requires_active_target() && (f.name() == name.trim() || t.noun == name.trim()))
    };
    let field = desc.fields.iter().find(is_meant).ok_or_else(wrong)?;
    let target = field.target().ok_or_else(wrong)?;
    let record = find_in(s, target, Some(org), key.trim(), Deleted::Exclude).await?;
    Ok(Scope::new(field, &record))
}
