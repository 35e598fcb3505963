//! An HR feed: a file that is the whole truth about who is with the organisation. Who is not in it has left.

use anyhow::Result;
use clap::ArgMatches;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::leaver_limit::{Absentees, LeaverLimit};
use super::rows::ImportPlan;
use crate::crud::contents;
use crate::crud::input::find_in;
use crate::crud::remove::{self, Mode};
use crate::crud::session::Session;
use crate::model::kinds::user::{BLOCK_REASON, BLOCKED, BLOCKED_UNTIL};
use crate::model::problem::Problem;
use crate::model::resource::lifetime::TargetEvent;
use crate::model::resource::{Descriptor, Field, IS_ACTIVE, Record};
use crate::model::setting::Settings;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::{ParseContext, truncate};
use crate::model::values::value::{Value, ValueType};
use crate::store::import::match_target::Given;
use crate::store::import::stage::{Reference, Reject, Stage};
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

/// Users with one branch or department.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FeedScope {
    pub column: String,
    id: Uuid,
    /// What the branch or department is called.
    pub key: String,
    /// The values of the fields that a file may name it by, with their columns.
    texts: Vec<(String, String)>,
}

impl FeedScope {
    /// Whether a row's text means the branch or department.
    fn is_meant(&self, reference: &Reference, text: &str, context: &ParseContext) -> bool {
        let is_value = |field: &&Field| {
            let form = reference.form(field, text, context);
            self.texts.iter().any(|(column, known)| *column == field.column && form.as_ref() == Some(known))
        };
        let is_id = reference.by.is_none() && Uuid::try_parse(text.trim()).is_ok_and(|id| id == self.id);
        is_id || reference.fields().iter().any(is_value)
    }
}

/// How a feed is taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Feed {
    /// Whom the file is the truth about; none: all users.
    pub scope: Option<FeedScope>,
    pub leavers: Leavers,
}

/// What a feed came to, besides what any import tells: how many left, and the first of all, as they are called.
#[derive(Debug, Default)]
pub struct SyncReport {
    pub left: u64,
    /// Users of whom the file can't tell whether they are in it.
    pub without_key: u64,
    pub joiners: Vec<String>,
    /// With the fields that changed.
    pub movers: Vec<String>,
    pub leavers: Vec<String>,
}

/// So many of each are told by name.
pub const SHOWN: usize = 50;

impl Feed {
    /// What the flags say; none where the file is an ordinary one.
    pub async fn of(s: &mut Session<'_>, desc: &'static Descriptor, org: i32, m: &ArgMatches) -> Result<Option<Feed>> {
        let flag = |name| m.try_get_one::<bool>(name).ok().flatten().copied().unwrap_or(false);
        let text = |name| m.try_get_one::<String>(name).ok().flatten().cloned();
        if !flag("sync") {
            return Ok(None);
        }
        let scope = match text("scope") {
            Some(scope) => Some(scoped(s, desc, org, &scope).await?),
            None => None,
        };
        Ok(Some(Feed {
            scope,
            leavers: match text("leavers").as_deref() {
                Some("block") => Leavers::Block,
                Some("delete") => Leavers::Delete,
                Some("report") => Leavers::Report,
                _ => Leavers::Deactivate,
            },
        }))
    }

    /// A row that is about nobody of whom the feed is the truth.
    pub fn out_of_scope(&self, plan: &ImportPlan, number: u64, line: u64, values: &Given) -> Option<Reject> {
        let scope = self.scope.as_ref()?;
        let reference = plan.references.iter().find(|r| r.field.column == scope.column)?;
        let (_, value) = values.iter().rfind(|(f, _)| f.column == scope.column)?;
        let text = value.to_text();
        if scope.is_meant(reference, &text, &plan.context) {
            return None;
        }
        let name = reference.field.name();
        let (key, is) = (&scope.key, if value.is_null() { "empty".to_owned() } else { truncate(&text) });
        let reason = format!("{name} is {is}, and the file is about {name} {key}");
        Some(Reject { number, line, column: Some(name.to_owned()), code: "invalid", reason })
    }

    /// The users about whom the file is the truth and who are not in it. To be asked before anything is written.
    pub async fn absent(
        &self,
        tx: &mut Tx<'_>,
        stage: &Stage,
        settings: &Settings,
        mode: Mode,
        limit: &LeaverLimit,
    ) -> Result<Absentees> {
        let scope = self.scope.as_ref().map(|about| (about.column.as_str(), about.id));
        let (mut absent, users) = stage.absent(tx.db, scope).await?;
        if self.leavers == Leavers::Block {
            // Who is blocked without an end already has left before.
            let mut leaving = Vec::new();
            for some in absent.chunks(500) {
                let found = records::with_ids(tx.db, stage.desc(), stage.org(), &values(some)).await?;
                let is_in = |r: &&Record| !r.holds_for_good();
                leaving.extend(found.iter().filter(is_in).map(|r| r.meta.id));
            }
            absent = leaving;
        }
        if let Mode::Reassign(id) = mode
            && absent.contains(&id)
        {
            return Err(Problem::conflict("who is to take over is not in the file either")
                .hint("choose somebody who stays")
                .into());
        }
        let leaving = limit.of_users(users, absent, settings)?;
        if self.leavers != Leavers::Report {
            limit.enforce_leaver_limit(tx, stage, &leaving, &leaving.absent, "are not in the file").await?;
        }
        Ok(leaving)
    }

    /// Unblocks those whom an earlier feed blocked and who are in the file now. How many.
    pub async fn reinstate(&self, tx: &mut Tx<'_>, stage: &Stage) -> Result<u64> {
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

    /// Lets them leave.
    pub async fn process_leavers(
        &self,
        tx: &mut Tx<'_>,
        stage: &Stage,
        absent: &[Uuid],
        mode: Mode,
    ) -> Result<Vec<String>> {
        let names = names(tx, stage.desc(), stage.org(), &absent[..absent.len().min(SHOWN)]).await?;
        if self.leavers == Leavers::Report || absent.is_empty() {
            return Ok(names);
        }
        let mut leaving: Vec<Record> = Vec::new();
        for some in absent.chunks(500) {
            leaving.extend(records::with_ids(tx.db, stage.desc(), stage.org(), &values(some)).await?);
        }
        let done = match self.leavers {
            Leavers::Delete => "deleted",
            Leavers::Block => "blocked",
            Leavers::Deactivate | Leavers::Report => "deactivated",
        };
        // Who is blocked goes on leading, unless a flag says who does instead.
        if self.leavers != Leavers::Block || matches!(mode, Mode::Reassign(_) | Mode::Orphan) {
            let event = if self.leavers == Leavers::Delete { TargetEvent::Delete } else { TargetEvent::Deactivate };
            remove::release(tx, &leaving, mode, event, done).await?;
        }
        let deletion = tx.new_id();
        for before in &leaving {
            let mut after = before.clone();
            match self.leavers {
                Leavers::Delete => {
                    contents::delete_with_contents(tx, before, deletion).await?;
                    continue;
                }
                Leavers::Block => {
                    after.set(BLOCKED, true.into());
                    after.set(BLOCKED_UNTIL, Value::Null(ValueType::Time));
                    after.set(BLOCK_REASON, BLOCKED_BY_FEED.into());
                    tx.update(before, after, Action::UserBlock).await?;
                }
                Leavers::Deactivate | Leavers::Report => {
                    after.set(IS_ACTIVE, false.into());
                    tx.update(before, after, Action::Deactivate).await?;
                }
            }
        }
        Ok(names)
    }
}

/// How some records are called.
pub(super) async fn names(
    tx: &mut Tx<'_>,
    desc: &'static Descriptor,
    org: Option<i32>,
    ids: &[Uuid],
) -> Result<Vec<String>> {
    let mut names: Vec<String> =
        records::with_ids(tx.db, desc, org, &values(ids)).await?.iter().map(Record::title).collect();
    names.sort();
    Ok(names)
}

/// Reads `branch=MUM01` or `dept=DEPT-001`.
async fn scoped(s: &mut Session<'_>, desc: &'static Descriptor, org: i32, text: &str) -> Result<FeedScope> {
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
    let texts = target.fields.iter().map(|f| (f.column.to_owned(), record.get(f.column).to_text())).collect();
    Ok(FeedScope { column: field.column.to_owned(), id: record.meta.id, key: record.key(), texts })
}
