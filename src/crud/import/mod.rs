//! import: a file of CSV or JSON into any resource, all rows or none unless asked otherwise.
//!
//! The file is read twice, by a thread of its own ([`rows`]), while this one talks to the database. The first time each
//! row is checked by itself and held against the record that it stands for; what it says new is staged
//! ([`crate::store::import::stage`]): its key, its references, an id. Then all rows are checked against each other, in the
//! database. The second time the good rows are written. Nothing of it grows with the file but the temporary tables.

mod create_missing;
mod csv_reader;
mod dates;
mod encoding;
mod flags;
mod json_input;
mod json_reader;
mod leaver_limit;
mod leavers;
mod lists;
mod mapping;
mod passwords;
mod probe;
mod reference_rules;
mod status_columns;
mod sync;

mod report;
mod rows;
mod source;
mod tolerance;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::ArgMatches;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use self::create_missing::MissingRecord;
use self::leaver_limit::{Absentees, LeaverLimit, loses_access};
use self::mapping::{CredentialColumn, ListColumn};
use self::passwords::{reset_passwords, used_before};
use self::probe::Trial;
use self::report::tell;
use self::rows::{BuildOrder, GivenCredential, ImportPlan, Parsed, RowBuilder, before_resolved};
use self::source::Source;
use self::status_columns::StatusColumn;
use self::sync::{Feed, Leavers, SHOWN as SHOWN_OF_FEED, SyncReport};
use super::former;
use super::gate::{self, Verb};
use super::input::not_system;
use super::remove::{self, Mode};
use super::session::Session;
use super::write::{blank, described, end, note_contents};
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::resource::lifetime::TargetEvent;
use crate::model::resource::{Attr, Descriptor, Field, IS_ACTIVE, Record};
use crate::model::setting::{self, Settings};
use crate::model::trail::audit::{Action, ChangeNote};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::Value;
use crate::store::import::match_target::{Given, Match};
use crate::store::import::stage::{GivenUp, Reference, Reject, ResolvedRow, Stage, StagedRow};
use crate::store::records;
use crate::store::records::credentials;
use crate::store::records::settings;
use crate::store::tx::{Loaders, Tx};
use crate::ui::progress::Progress;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnConflict {
    Error,
    Skip,
    Update,
}

/// Loads a file. Its arguments are complete: the columns are mapped.
#[derive(Debug, Serialize, Deserialize)]
pub struct Import {
    pub noun: String,
    pub org: Option<i32>,
    pub source: Source,
    /// For each column of the file, the field that it fills; none where it is passed over.
    pub columns: Vec<Option<String>>,
    /// References that are looked up by another field than the key: the reference and that field (`parent`, `name`).
    pub lookups: Vec<(String, String)>,
    /// Columns that are empty in some rows, and others that then fill the same field.
    pub fallbacks: Vec<(usize, usize)>,
    /// Rows without a code get one, also where it is what they are known by.
    pub makes_codes: bool,
    /// Values that every row gets.
    pub constants: Vec<(String, String)>,
    /// The key that tells whether a row is there already.
    pub key: String,
    pub on_conflict: OnConflict,
    pub keep_going: bool,
    pub rejects: Option<PathBuf>,
    /// The column that holds what users sign in with.
    pub credential: Option<CredentialColumn>,
    /// The column that gives several records of another kind.
    pub list: Option<ListColumn>,
    /// Columns that tell the state of records.
    pub states: Vec<StatusColumn>,
    /// Users that are there get the passwords of the file too.
    pub reset_passwords: bool,
    /// The file is the whole truth about who is there.
    pub feed: Option<Feed>,
    /// How many may lose their access by it.
    pub leaver_limit: LeaverLimit,
    /// What becomes of those whom users lead that leave or are deactivated.
    pub mode: Mode,
    /// Departments and branches that rows refer to are made where they are not there.
    pub create_missing: bool,
    /// Fields of which a value that can't be read is left blank.
    pub on_invalid: Vec<String>,
    /// Words that mean nothing or nobody.
    pub none: Vec<String>,
    /// How the dates of a field are written.
    pub date_formats: Vec<(String, String)>,
    /// The database refused a row: which, is to be found before rows are written.
    #[serde(skip)]
    probes: bool,
    #[serde(skip)]
    progress: Progress,
}

/// What came of an import.
#[derive(Debug, Default)]
pub struct Report {
    pub read: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub skipped: u64,
    pub rejected: u64,
    /// Who was not in the file that is the whole truth.
    pub feed: Option<SyncReport>,
    /// What rows deactivate.
    leaving: Vec<Record>,
    /// Whose access rows take away.
    losing: Vec<Uuid>,
    /// Those that hold no more, and whose places rows take.
    expired: BTreeMap<(i32, Uuid), Expired>,
    /// Rows that name somebody who has left: they are read otherwise.
    pub names_leaver: u64,
    /// What was made because rows refer to it.
    pub created_records: Vec<String>,
    /// Values that could not be read and were left blank, by field.
    pub blanked: Vec<(&'static str, u64)>,
    /// Phone numbers that are possible, but not known to be valid.
    pub doubtful: u64,
    /// Texts with characters that another program has lost.
    pub lost: u64,
    /// Columns of dates that a usual format would read.
    pub readable: Vec<(&'static str, Vec<&'static str>)>,
    /// The first of them.
    pub rejects: Vec<Reject>,
    /// Nothing was written because of rejected rows.
    pub refused: bool,
}

/// Rejected rows that the report shows.
const SHOWN: usize = 20;

/// Rows that are written together.
const BATCH: usize = 250;

/// The same where each row's password is hashed.
const HASHED_BATCH: usize = 32;

/// Pieces of work that wait for the other thread.
const CHANNEL_DEPTH: usize = 2;

impl Import {
    fn plan(&self, desc: &'static Descriptor, context: &ParseContext) -> Result<ImportPlan> {
        let field = |name: &str| desc.field(name).ok_or_else(|| anyhow::anyhow!("a {} has no {name}", desc.noun));
        let columns: Vec<Option<&'static Field>> =
            self.columns.iter().map(|c| c.as_deref().map(field).transpose()).collect::<Result<_>>()?;
        let mut constants = Vec::new();
        for (name, text) in &self.constants {
            let field = field(name)?;
            constants.push((field, field.parse(text, context)?));
        }
        let key = desc.all_keys().find(|key| key.name() == self.key);
        let key = key.ok_or_else(|| anyhow::anyhow!("{} is no key of a {}", self.key, desc.noun))?;
        let mut plan = ImportPlan::new(desc, self.source.clone(), columns, constants, key, &self.lookups, context)?;
        plan.credential = self.credential;
        plan.fallbacks.clone_from(&self.fallbacks);
        plan.makes_codes = self.makes_codes;
        plan.tolerance = tolerance::Tolerance::new(desc, &self.on_invalid, &self.none);
        plan.dates = dates::Dates::new(&plan.columns, &self.date_formats)?;
        plan.states.clone_from(&self.states);
        plan.is_feed = self.feed.is_some();
        if let (Some(list), Some(field)) = (self.list, desc.fields.iter().find(|f| desc.list_of(f).is_some())) {
            let target = field.target().ok_or_else(|| anyhow::anyhow!("a list of nothing"))?;
            plan.list = Some((list, Reference { field, target, by: None }));
        }
        Ok(plan)
    }

    /// The first time through the file: each row by itself, and against the record that it stands for.
    async fn read(
        &self,
        tx: &mut Tx<'_>,
        plan: &Arc<ImportPlan>,
        stage: &mut Stage,
        report: &mut Report,
    ) -> Result<()> {
        self.progress.part("checking", Some(self.source.size()), "bytes");
        let (send, mut receive) = mpsc::channel(CHANNEL_DEPTH);
        let reading = Arc::clone(plan);
        let reader = spawn_blocking(move || rows::read_all(&reading, &send));
        while let Some(piece) = receive.recv().await {
            let (piece, bytes) = piece?;
            self.stage(tx, plan, stage, report, piece).await?;
            self.progress.set(bytes);
        }
        stage.flush(tx.db).await?;
        Ok(reader.await?)
    }

    async fn stage(
        &self,
        tx: &mut Tx<'_>,
        plan: &ImportPlan,
        stage: &mut Stage,
        report: &mut Report,
        piece: Vec<Parsed>,
    ) -> Result<()> {
        report.read += piece.len() as u64;
        let mut piece = piece;
        let keyed = stage.keyed(tx.db, &piece.iter().map(|p| p.key.as_slice()).collect::<Vec<_>>()).await?;
        let (parts, texts): (Vec<_>, Vec<_>) = keyed.into_iter().map(|k| (k.parts, k.text)).unzip();
        let held: Vec<_> =
            parts.into_iter().zip(&mut piece).map(|(parts, p)| (parts, std::mem::take(&mut p.values))).collect();
        let mut matches = stage.match_rows(tx.db, &held).await?;
        pass_over_expired(tx, plan, (&piece, &mut matches), report).await?;
        if plan.list.is_some() {
            let is_same = matches.iter_mut().zip(&piece).filter_map(|(m, p)| Some((m.as_mut()?, p)));
            lists::match_lists(tx, stage.org(), is_same.filter(|(m, _)| m.is_unchanged).collect()).await?;
        }
        self.check_states(tx, plan, &mut piece, &held, &matches).await?;
        let merged = self.merged_into(tx, plan, &matches).await?;
        let mut ids = tx.new_ids(matches.iter().filter(|m| m.is_none()).count()).into_iter();
        let (mut rejects, mut staged, mut changed, mut passwords) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (((row, found), (_, values)), key) in piece.into_iter().zip(matches).zip(held).zip(texts) {
            let (mut faults, credential) = (row.faults, row.credential);
            let words = plan.key_in_words(&row.key);
            faults.extend(self.feed.as_ref().and_then(|f| f.out_of_scope(plan, row.number, row.line, &values)));
            let reject = |code, reason: String| Reject {
                number: row.number,
                line: row.line,
                column: plan.key_column().map(|f| f.name().to_owned()),
                code,
                reason,
            };
            if let Some(found) = &found {
                if !stage.is_first(found) {
                    let reason = format!("{} {words} stands in the file already", plan.key.name());
                    rejects.extend(faults.into_iter().chain([reject("duplicate", reason)]));
                    continue;
                }
                match self.on_conflict {
                    OnConflict::Error => {
                        let into = merged.get(&found.id).filter(|_| found.is_former);
                        let whom = into.map_or_else(String::new, |into| format!("was merged into {into}, which "));
                        let reason = format!("{} {words} {whom}exists already", plan.desc.noun);
                        rejects.extend(faults.into_iter().chain([reject(ErrorKind::Conflict.as_str(), reason)]));
                        continue;
                    }
                    _ if !faults.is_empty() => {}
                    OnConflict::Skip => {
                        report.skipped += 1;
                        continue;
                    }
                    OnConflict::Update if found.is_unchanged && !(self.reset_passwords && credential.is_some()) => {
                        report.unchanged += 1;
                        continue;
                    }
                    OnConflict::Update => {}
                }
            } else {
                let mut as_new = row.as_new;
                if !plan.mostly_new && row.is_row {
                    as_new = plan.check_new(row.number, row.line, &values, &row.unread);
                }
                faults.extend(as_new.0);
                plan.tolerance.count(&as_new.1);
            }
            rejects.extend(faults);
            let text = |value: Option<&(&Field, Value)>| value.filter(|(_, v)| !v.is_null()).map(|(_, v)| v.to_text());
            let value = |field: &Field| text(values.iter().rfind(|(f, _)| f.column == field.column));
            let joined = |f: &Field| {
                let texts: Vec<String> = f.parts()?.iter().filter_map(|p| value(plan.desc.field(p)?)).collect();
                (!texts.is_empty()).then(|| texts.join(" "))
            };
            let others = plan.others.iter().map(|f| value(f));
            if found.is_some() && row.is_row {
                let id = found.map(|m| m.id).unwrap_or_default();
                if let (true, Some(credential)) = (self.reset_passwords, credential) {
                    passwords.push((row.number, row.line, id, credential));
                }
                changed.push((row.number, row.line, id, values.clone(), row.unread));
            }
            let counted = plan.desc.counted().map(|(f, _)| f);
            staged.push(StagedRow {
                number: row.number,
                line: row.line,
                id: found.map(|m| m.id).or_else(|| ids.next()).unwrap_or_default(),
                is_new: found.is_none(),
                keys: std::iter::once(key).chain(others).collect(),
                shown: Some(words),
                references: plan.references.iter().map(|r| value(r.field).map(|t| r.text(&t, &plan.context))).collect(),
                lookup_values: plan
                    .named
                    .iter()
                    .map(|f| value(f).map(|t| f.comparable(&Value::from(t))).or_else(|| joined(f)))
                    .collect(),
                is_active: serves(plan.desc, &values, found.is_none()),
                list_members: row.list_members,
                is_counted: counted.is_some_and(|f| value(f).is_none()),
                given_number: counted.and_then(|f| value(f)?.parse().ok()),
            });
        }
        self.check_changed(tx, plan, stage, (changed, passwords), &mut staged, &mut rejects).await?;
        stage.add(tx.db, staged).await?;
        stage.reject(tx.db, &rejects).await
    }

    /// What those are called that rows stand for by what a duplicate was called: it is told where that is an error.
    async fn merged_into(
        &self,
        tx: &mut Tx<'_>,
        plan: &ImportPlan,
        matches: &[Option<Match>],
    ) -> Result<HashMap<Uuid, String>> {
        if self.on_conflict != OnConflict::Error {
            return Ok(HashMap::new());
        }
        let ids: Vec<Value> = matches.iter().flatten().filter(|m| m.is_former).map(|m| m.id.into()).collect();
        let found = records::with_ids(tx.db, plan.desc, self.org, &ids).await?;
        Ok(found.into_iter().map(|r| (r.meta.id, r.title())).collect())
    }

    /// Rules that a record which is there must keep once a row has changed it.
    async fn check_changed(
        &self,
        tx: &mut Tx<'_>,
        plan: &ImportPlan,
        stage: &mut Stage,
        (changed, passwords): (Vec<ChangedRow>, Vec<NewPassword>),
        staged: &mut [StagedRow],
        rejects: &mut Vec<Reject>,
    ) -> Result<()> {
        let ids: Vec<Value> = changed.iter().map(|(_, _, id, ..)| (*id).into()).collect();
        let there = records::with_ids(tx.db, plan.desc, self.org, &ids).await?;
        let there: HashMap<Uuid, Record> = there.into_iter().map(|r| (r.meta.id, r)).collect();
        let mut given_up = Vec::new();
        for (number, line, id, values, unread) in changed {
            let Some(before) = there.get(&id) else { continue };
            let mut after = before.clone();
            after.meta.updated_at = tx.at();
            for (field, value) in values.iter().filter(|(f, v)| !plan.is_former_key(before, f, v)) {
                after.set(field.column, before_resolved(field, value));
            }
            if let Ok(at) = staged.binary_search_by_key(&number, |row| row.number) {
                let text = |f: &&Field| Some(after.get(f.column)).filter(|v| !v.is_null()).map(Value::to_text);
                staged[at].lookup_values = plan.named.iter().map(text).collect();
            }
            match not_system(before) {
                Err(p) => rejects.push(plan.broken(number, line, p)),
                Ok(()) => {
                    if let Err(p) = after.complete_move(before, tx.at()) {
                        rejects.push(plan.broken(number, line, p));
                        continue;
                    }
                    plan.tolerance.count(&plan.tolerate(&mut after, Some(before)));
                    given_up.extend(GivenUp::by(number, before, &after, &plan.others));
                    let broken = plan.surely_broken(after, &unread).into_iter();
                    rejects.extend(broken.map(|p| plan.broken(number, line, p)));
                }
            }
        }
        stage.note_given_up(tx.db, &given_up).await?;
        for (number, line, id, given) in passwords {
            let Some(user) = there.get(&id) else { continue };
            if used_before(tx, plan, user, given).await? {
                let reason = "password must not be one that the user had before".to_owned();
                rejects.push(Reject { number, line, column: Some("password".into()), code: "invalid", reason });
            }
        }
        Ok(())
    }

    /// The second time through the file, for the new rows of one organisation.
    async fn create(&self, tx: &mut Tx<'_>, plan: &Arc<ImportPlan>, stage: &Stage, org: i32) -> Result<u64> {
        let total = stage.accepted(tx.db, true).await?;
        if total == 0 {
            return Ok(0);
        }
        let (doing, together) = match self.credential {
            // Hashing is slow by design: progress is told in steps that a person can watch.
            Some(c) if !c.is_hash => ("hashing and writing", HASHED_BATCH),
            _ => ("writing", BATCH),
        };
        self.progress.part(doing, Some(total), "rows");
        stage.count_given(tx.db).await?;
        let mut needed = stage.forward(tx.db).await?;
        // Codes that are made are looked up meanwhile; a file that is keyed by them gives them.
        let is_looked_up = |field: &&Field| plan.makes_codes || !plan.key.has(field);
        needed.extend(plan.maker().map(|(field, _)| field).filter(is_looked_up));
        let aside = tx.drop_indexes(plan.desc, total, &needed).await?;
        let beside = match plan.credential {
            Some(_) => Some(credentials::loader(tx.db).await?),
            None => None,
        };
        let mut loaders = Loaders::new(tx.db, plan.desc, org, beside, total).await?;
        let (send, mut verdicts) = mpsc::channel(CHANNEL_DEPTH);
        let (made, mut receive) = mpsc::channel(CHANNEL_DEPTH);
        let mut meta = blank(tx, plan.desc, org, uuid::Uuid::nil(), &plan.context)?.meta;
        meta.created_by = tx.actor().await?;
        meta.updated_by = meta.created_by;
        let making = RowBuilder { meta, chain: tx.detach(org).await?, trial: None };
        let worker = {
            let plan = Arc::clone(plan);
            spawn_blocking(move || rows::build_all(&plan, making, &mut verdicts, &made))
        };
        let (mut send, mut last, mut waiting, mut done) = (Some(send), 0, 0, 0);
        loop {
            while let (Some(to), true) = (&send, waiting < CHANNEL_DEPTH) {
                let some = stage.resolved_rows(tx.db, true, last, together).await?;
                let Some(end) = some.last() else {
                    send = None;
                    break;
                };
                last = end.number;
                let without_code = some.iter().filter(|v| v.wants_code).count();
                let mut codes =
                    tx.generate_codes(plan.desc, org, without_code, &stage.given_codes()).await?.into_iter();
                let mut counted = next_numbers(tx, plan, org, &some).await?.into_iter();
                let (salts, password_salts) = (tx.salts(some.len()), tx.salts(some.len()));
                let orders = some.into_iter().zip(salts.into_iter().zip(password_salts));
                let orders = orders.map(|(verdict, (salt, password_salt))| {
                    let code = if verdict.wants_code { codes.next() } else { None };
                    let number = if verdict.wants_number { counted.next() } else { None };
                    BuildOrder { verdict, salt, code, number, password_salt }
                });
                // Where nobody takes it the worker has failed, and says below why.
                let _ = to.send(orders.collect()).await;
                waiting += 1;
            }
            if waiting == 0 {
                break;
            }
            let Some(rows) = receive.recv().await else { break };
            waiting -= 1;
            done += rows.len() as u64;
            tx.write_batch(&mut loaders, rows).await?;
            self.progress.set(done);
        }
        drop(send);
        tx.attach(worker.await??)?;
        self.progress.part("finishing", None, "rows");
        tx.write_loaded(&mut loaders).await?;
        tx.recreate_indexes(aside).await?;
        Ok(total)
    }

    /// The second time through the file, row by row: changes, and new organisations, of which each has a tree of its own.
    async fn write_singly(
        &self,
        tx: &mut Tx<'_>,
        plan: &Arc<ImportPlan>,
        stage: &Stage,
        are_new: bool,
        report: &mut Report,
        mut trial: Option<&mut Trial<'_>>,
    ) -> Result<()> {
        let total = stage.accepted(tx.db, are_new).await?;
        if total == 0 {
            return Ok(());
        }
        self.progress.part("writing", Some(total), "rows");
        let (send, mut verdicts) = mpsc::channel(CHANNEL_DEPTH);
        let (picked, mut receive) = mpsc::channel(CHANNEL_DEPTH);
        let worker = {
            let plan = Arc::clone(plan);
            spawn_blocking(move || rows::read_picked(&plan, &mut verdicts, &picked))
        };
        let (mut last, mut done) = (0, 0);
        loop {
            let some = stage.resolved_rows(tx.db, are_new, last, rows::BATCH).await?;
            let (Some(start), Some(end)) = (some.first(), some.last()) else { break };
            let first = start.number;
            last = end.number;
            let ids: Vec<Value> = some.iter().map(|v| v.id.into()).collect();
            // Where nobody takes it the worker has failed, and says below why.
            let _ = send.send(some).await;
            let Some(rows) = receive.recv().await else { break };
            let mut there =
                if are_new { Vec::new() } else { records::with_ids(tx.db, plan.desc, self.org, &ids).await? };
            stage.as_before(tx.db, (first, last), &mut there).await?;
            done += rows.len() as u64;
            let mut resets = Vec::new();
            for row in rows {
                let number = row.0.number;
                let Some(trial) = trial.as_deref_mut() else {
                    self.write_row(tx, plan, stage, report, &there, row, &mut resets).await?;
                    continue;
                };
                let savepoint = tx.savepoint().await?;
                let written = async {
                    self.write_row(tx, plan, stage, report, &there, row, &mut resets).await?;
                    reset_passwords(tx, plan, std::mem::take(&mut resets), report).await?;
                    tx.flush().await?;
                    trial.late.check(tx.db).await
                };
                match written.await {
                    Ok(()) => tx.release(savepoint).await?,
                    Err(e) if probe::is_about_a_row(&e) => {
                        resets.clear();
                        tx.roll_back_to(savepoint).await?;
                        trial.refused.push((number, e.downcast::<Problem>()?));
                    }
                    Err(e) => return Err(e),
                }
            }
            reset_passwords(tx, plan, resets, report).await?;
            self.progress.set(done);
        }
        drop(send);
        worker.await?
    }

    /// Writes what one row says: a change, or a new organisation.
    #[allow(clippy::too_many_arguments)] // what a row meets on its way
    async fn write_row(
        &self,
        tx: &mut Tx<'_>,
        plan: &ImportPlan,
        stage: &Stage,
        report: &mut Report,
        there: &[Record],
        (verdict, values, credential): rows::Picked,
        resets: &mut Vec<(Record, GivenCredential, bool)>,
    ) -> Result<()> {
        let says = |column: &str| values.iter().any(|(f, v)| f.column == column && !v.is_null());
        let flags = plan.desc.fields.iter().filter_map(|f| Some((f, f.ends()?)));
        let said: Vec<_> = flags.map(|(f, end)| (f, end, says(f.column), says(end))).collect();
        let set = |record: &mut Record, before: Option<&Record>| {
            let is_former = |f: &Field, v: &Value| before.is_some_and(|before| plan.is_former_key(before, f, v));
            for (field, value) in values.into_iter().filter(|(f, v)| !is_former(f, v)) {
                record.set(field.column, value);
            }
        };
        if self.org.is_none() && there.iter().all(|r| r.meta.id != verdict.id) {
            let org = tx.new_org_number().await?;
            let mut record = blank(tx, plan.desc, org, verdict.id, &plan.context)?;
            set(&mut record, None);
            plan.tolerate(&mut record, None);
            tx.insert_later(plan.desc, org, verdict.id, record.values).await?;
            report.created += 1;
            return Ok(());
        }
        let before = there.iter().find(|r| r.meta.id == verdict.id);
        let before = before.ok_or_else(|| anyhow::anyhow!("a record went away under the lock"))?;
        let mut after = before.clone();
        set(&mut after, Some(before));
        after.stays_about(before)?;
        after.complete_move(before, tx.at())?;
        plan.tolerate(&mut after, Some(before));
        for (flag, end, _, says_end) in said.into_iter().filter(|(.., is_said, says_end)| *is_said || *says_end) {
            settle_ended(before, &mut after, (flag, end), says_end, tx.at());
        }
        if !after.is_active() && before.is_active() {
            report.leaving.push(before.clone());
        }
        let telling = telling_of(before, &after)?;
        former::taken_again(tx, before, &after).await?;
        let changed = tx.update(before, after, telling).await?;
        let now = changed.as_ref().unwrap_or(before);
        if loses_access(before, now, tx.at()) {
            report.losing.push(before.meta.id);
        }
        let has_list = plan.list.is_some() && lists::set_members(tx, stage, now, verdict.number).await?;
        let changed = changed.or_else(|| has_list.then(|| before.clone()));
        if let (Some(feed), Some(changed)) = (&mut report.feed, &changed)
            && feed.movers.len() < SHOWN_OF_FEED
        {
            let fields = before.desc.fields.iter().filter(|f| before.get(f.column) != changed.get(f.column));
            let lists = before.desc.lists.iter().filter(|_| has_list).map(|l| l.name);
            let fields: Vec<&str> = fields.map(Field::name).chain(lists).collect();
            feed.movers.push(format!("{}: {}", changed.title(), fields.join(", ")));
        }
        match credential.filter(|_| self.reset_passwords) {
            Some(credential) => {
                resets.push((changed.clone().unwrap_or_else(|| before.clone()), credential, changed.is_some()));
            }
            None if changed.is_some() => report.updated += 1,
            None => report.unchanged += 1,
        }
        Ok(())
    }
}

/// A row that stands for a record that is there: number, line, the record, what is given, and what could not be read.
type ChangedRow = (u64, u64, Uuid, Given, Vec<&'static Field>);

/// A password for somebody who is there: number and line of the row, the user, and what is given.
type NewPassword = (u64, u64, Uuid, GivenCredential);

/// The numbers of new records that are counted within others, for the rows that give none.
async fn next_numbers(tx: &mut Tx<'_>, plan: &ImportPlan, org: i32, rows: &[ResolvedRow]) -> Result<Vec<i64>> {
    let Some((_, within)) = plan.desc.counted() else { return Ok(Vec::new()) };
    let at = plan.references.iter().position(|r| r.field.column == within.column);
    let containers = rows.iter().filter(|v| v.wants_number);
    let containers = containers.map(|v| at.and_then(|i| *v.references.get(i)?).unwrap_or_default());
    tx.next_numbers(plan.desc, org, &containers.collect::<Vec<_>>()).await
}

impl Verb for Import {
    type Output = Report;

    fn orgs(&self) -> Vec<i32> {
        // Organisations in a file are found first; then all of them are locked in order.
        self.org.into_iter().collect()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Report> {
        let desc = described(tx, &self.noun)?;
        let settings = settings::for_org(tx.db, self.org.unwrap_or(SYSTEM)).await?;
        let context = &ParseContext { zone: tx.zone(), ..settings.rules()? };
        let (plan, mut stage) = self.prepare(tx, desc, &settings, context).await?;
        let mut report = Report { feed: self.feed.as_ref().map(|_| SyncReport::default()), ..Report::default() };
        self.read(tx, &plan, &mut stage, &mut report).await?;
        (report.blanked, report.doubtful, report.lost) = plan.tolerance.counts();
        report.readable = plan.dates.readable();
        let leaving = match &self.feed {
            Some(feed) => feed.absent(tx, &stage, &settings, self.mode, &self.leaver_limit).await?,
            None => self.leaver_limit.leaving(tx, &stage, &settings).await?,
        };
        let missing = match self.create_missing {
            true => create_missing::plan(tx, &plan, &mut stage, context).await?,
            false => Vec::new(),
        };
        self.check(tx, &plan, &mut stage, &missing, &mut report).await?;
        if report.rejected > 0 && !self.keep_going {
            report.refused = true;
            return Err(Refused(report).into());
        }
        end_expired(tx, &stage, &report.expired).await?;
        let let_in = match &self.feed {
            Some(feed) => feed.reinstate(tx, &stage).await?,
            None => 0,
        };
        report.created_records = create_missing::create(tx, &stage, missing).await?;
        self.write(tx, &plan, &stage, &mut report).await?;
        self.leaver_limit.enforce_after_write(tx, &stage, &leaving, self.feed.as_ref(), &report.losing).await?;
        self.release(tx, &report).await?;
        // Their rows may say nothing else that is new.
        report.updated += let_in;
        report.unchanged = report.unchanged.saturating_sub(let_in);
        self.process_leavers(tx, desc, &stage, &leaving, &mut report).await?;
        self.source.check_unchanged()?;
        tx.analyze(desc, report.created).await?;
        self.record(tx, desc, &report).await?;
        Ok(report)
    }
}

/// The steps of [`Import::run`].
impl Import {
    /// How rows are read, and where they are held against each other and against what is there.
    async fn prepare(
        &self,
        tx: &mut Tx<'_>,
        desc: &'static Descriptor,
        settings: &Settings,
        context: &ParseContext,
    ) -> Result<(Arc<ImportPlan>, Stage)> {
        let mut plan = self.plan(desc, context)?;
        plan.params = credentials::params(settings)?;
        plan.min_length = usize::try_from(settings.get(setting::PASSWORD_MIN_LENGTH)?)?;
        plan.remembered = settings.get(setting::PASSWORD_HISTORY)?;
        let mut held: Vec<&'static Field> = Vec::new();
        if self.on_conflict == OnConflict::Update {
            let by_key = |f: &&&Field| !plan.references.iter().any(|r| r.by.is_some() && r.field.column == f.column);
            let given = plan.columns.iter().flatten().chain(plan.constants.iter().map(|(f, _)| f));
            // Whether a flag still holds depends on the time too, which the row alone does not tell.
            held.extend(given.filter(by_key).filter(|f| f.ends().is_none()));
            held.extend(plan.set_by_status());
        }
        let (keys, references) = ((plan.key, plan.others.clone()), plan.references.clone());
        let mut stage = Stage::new(tx.db, desc, self.org, keys, references, &held, context).await?;
        stage = stage
            .listing(plan.list.as_ref().map(|(_, reference)| *reference))
            .accepting_inactive(tx.accepts_inactive());
        plan.named = stage.lookup_fields().to_vec();
        let acting = self.org.and_then(|org| tx.acting_user(org));
        for (value, field) in plan.blank.iter_mut().zip(desc.fields) {
            match acting {
                Some(acting) if field.has(Attr::FromActor) => *value = acting.into(),
                _ if field.has(Attr::FromClock) => *value = tx.at().into(),
                _ => {}
            }
        }
        plan.mostly_new = !stage.matches_records();
        plan.at = tx.at();
        plan.today = tx.today();
        Ok((Arc::new(plan), stage))
    }

    /// All rows against each other and against what is there; what is rejected goes to its file.
    async fn check(
        &self,
        tx: &mut Tx<'_>,
        plan: &Arc<ImportPlan>,
        stage: &mut Stage,
        missing: &[MissingRecord],
        report: &mut Report,
    ) -> Result<()> {
        stage.resolve(tx.db).await?;
        report.names_leaver = self.read_leavers(tx, stage).await?;
        stage.check(tx.db).await?;
        self.reject_compared(tx, plan, stage).await?;
        if self.probes {
            probe::reject_refused(self, tx, plan, stage, (missing, &report.expired)).await?;
        }
        report.rejected = stage.rejected(tx.db).await?;
        report.rejects = stage.first_rejects(tx.db, SHOWN, &|r| plan.reject_position(r)).await?;
        self.write_rejects(tx.db, plan, stage).await?;
        self.source.check_unchanged()
    }

    /// The good rows: new ones together, changes one by one.
    async fn write(&self, tx: &mut Tx<'_>, plan: &Arc<ImportPlan>, stage: &Stage, report: &mut Report) -> Result<()> {
        stage.park(tx.db).await?;
        match self.org {
            Some(org) => {
                report.created = self.create(tx, plan, stage, org).await?;
                if plan.list.is_some() {
                    lists::set_new_members(tx, stage, org).await?;
                }
            }
            None => {
                let mut orgs = stage.orgs(tx.db).await?;
                orgs.push(SYSTEM);
                tx.lock(&orgs, &mut |_| {}).await?;
                self.write_singly(tx, plan, stage, true, report, None).await?;
            }
        }
        self.write_singly(tx, plan, stage, false, report, None).await
    }

    /// Lets others lead what those led whom rows deactivated; once all rows are written, for they may say who does.
    async fn release(&self, tx: &mut Tx<'_>, report: &Report) -> Result<()> {
        if let Mode::Reassign(other) = self.mode
            && let Some(leaving) = report.leaving.iter().find(|r| r.meta.id == other)
        {
            let sentence = format!("{} is to take over, and is not active in the file", leaving.title());
            return Err(Problem::conflict(sentence).hint("choose somebody who stays").into());
        }
        remove::release(tx, &report.leaving, self.mode, TargetEvent::Deactivate, "deactivated").await.map(drop)
    }

    /// Lets those leave whom a feed does not name, and tells who came.
    async fn process_leavers(
        &self,
        tx: &mut Tx<'_>,
        desc: &'static Descriptor,
        stage: &Stage,
        leaving: &Absentees,
        report: &mut Report,
    ) -> Result<()> {
        let Some(feed) = &self.feed else { return Ok(()) };
        // Who could not be read may be one who seems to have left.
        let absent = if report.rejected > 0 { &[][..] } else { &leaving.absent };
        let came = report.feed.get_or_insert_default();
        came.left = absent.len() as u64;
        came.without_key = stage.without_key(tx.db).await?;
        came.leavers = feed.process_leavers(tx, stage, absent, self.mode).await?;
        came.joiners =
            records::created_at_instant(tx.db, desc, stage.org().unwrap_or(SYSTEM), tx.at(), SHOWN_OF_FEED).await?;
        Ok(())
    }

    /// Records that a file was loaded, where it changed anything.
    async fn record(&self, tx: &mut Tx<'_>, desc: &'static Descriptor, report: &Report) -> Result<()> {
        let left = match self.feed.as_ref().is_some_and(|f| f.leavers != Leavers::Report) {
            true => report.feed.as_ref().map_or(0, |f| f.left),
            false => 0,
        };
        if report.created + report.updated + left == 0 {
            return Ok(());
        }
        let mut details = Map::new();
        details.insert("file".into(), self.source.shown.clone().into());
        for (name, n) in [
            ("read", report.read),
            ("created", report.created),
            ("updated", report.updated),
            ("rejected", report.rejected),
            ("left", left),
        ]
        .into_iter()
        .filter(|(name, _)| *name != "left" || self.feed.is_some())
        {
            details.insert(name.into(), n.into());
        }
        tx.event(self.org.unwrap_or(SYSTEM), Action::Import, desc.noun, details).await
    }
}

/// A record that holds no more, since its time has passed.
#[derive(Debug)]
struct Expired {
    record: Record,
    /// The rows that take its place.
    rows: Vec<u64>,
}

/// What holds no more is none that a row stands for: it ends, and the row's takes its place.
async fn pass_over_expired(
    tx: &mut Tx<'_>,
    plan: &ImportPlan,
    (rows, matches): (&[Parsed], &mut [Option<Match>]),
    report: &mut Report,
) -> Result<()> {
    if !plan.desc.ends() {
        return Ok(());
    }
    let ids: Vec<Value> = matches.iter().flatten().map(|found| found.id.into()).collect();
    for record in records::with_ids(tx.db, plan.desc, None, &ids).await? {
        if record.has_expired(tx.at()) {
            let id = record.meta.id;
            let of_it = matches.iter_mut().zip(rows).filter(|(m, _)| m.as_ref().is_some_and(|m| m.id == id));
            let numbers: Vec<u64> = of_it.map(|(m, row)| (*m = None, row.number).1).collect();
            let known = report.expired.entry(record.meta.record_id());
            known.or_insert(Expired { record, rows: Vec::new() }).rows.extend(numbers);
        }
    }
    Ok(())
}

/// Ends what holds no more, where a row that is not rejected takes its place.
async fn end_expired(tx: &mut Tx<'_>, stage: &Stage, expired: &BTreeMap<(i32, Uuid), Expired>) -> Result<()> {
    for it in expired.values() {
        if !stage.are_rejected(tx.db, &it.rows).await? {
            end(tx, &it.record, "expire").await?;
        }
    }
    Ok(())
}

/// What a row says of whether somebody in charge of its record is bound by it: it is in use, and open.
fn serves(desc: &Descriptor, values: &Given, is_new: bool) -> Option<bool> {
    let given = |column: &str| values.iter().rfind(|(f, _)| f.column == column).map(|(_, v)| v);
    match desc.states {
        Some((column, states)) => {
            let word = given(column).and_then(Value::as_text).or(is_new.then_some(states.first()));
            word.map(|word| states.is_open(word))
        }
        None => given(IS_ACTIVE).and_then(Value::as_bool),
    }
}

/// A flag that has ended by itself, such as a block, is none. A row that says `blocked` blocks anew, without an end where it
/// names none; one that says there is no block, or one that has ended, says nothing new. One that has ended lifts none that
/// holds.
fn settle_ended(before: &Record, after: &mut Record, (flag, end): (&Field, &str), says_end: bool, now: DateTime<Utc>) {
    let has_ended = |r: &Record| r.get(end).as_time().is_some_and(|at| at <= now);
    if !before.is_true(flag.column) {
        return;
    }
    let is_none = !after.is_true(flag.column);
    let holds = !has_ended(before);
    if holds && (is_none || !says_end || !has_ended(after)) {
        return;
    }
    if is_none || (says_end && has_ended(after)) {
        let of_flag = |f: &&Field| f.column == flag.column || f.tells_of() == Some(flag.column);
        for field in before.desc.fields.iter().filter(of_flag) {
            after.set(field.column, before.get(field.column).clone());
        }
    } else if !says_end {
        after.set(end, Value::Null(crate::model::values::value::ValueType::Time));
    }
}

/// What a row does to a record that is there: a change of its state has a word of its own, a move the one that its verb has.
fn telling_of(before: &Record, after: &Record) -> Result<ChangeNote> {
    Ok(after.moved_from(before)?.map_or_else(|| action_of(before, after).into(), ChangeNote::of_move))
}

/// That it is in use or not comes first.
fn action_of(before: &Record, after: &Record) -> Action {
    let became = |f: &Field| {
        let (on, off) = f.recorded()?;
        let (old, new) = (before.is_true(f.column), after.is_true(f.column));
        (old != new).then_some(if new { on } else { off })
    };
    let desc = before.desc;
    let of_use = desc.field(IS_ACTIVE).and_then(became);
    of_use.or_else(|| desc.fields.iter().find_map(became)).unwrap_or(Action::Update)
}

/// An import that was undone because of rejected rows.
#[derive(Debug)]
struct Refused(Report);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rows were rejected")
    }
}
impl std::error::Error for Refused {}

pub async fn import(s: &mut Session<'_>, desc: &'static Descriptor, m: &ArgMatches) -> Result<()> {
    gate::allow(s)?;
    let mut verb = flags::resolve(s, desc, m).await?;
    // What is set for every row is wrong for all of them or for none.
    s.use_context_of(verb.org.unwrap_or(SYSTEM)).await?;
    let plan = verb.plan(desc, &s.context)?;
    let mut given = plan.columns.iter().flatten().chain(plan.constants.iter().map(|(f, _)| f));
    // Which moves a file makes, only its rows tell.
    if let Some(state) = desc.state_field()
        && (plan.set_by_status().is_some() || given.any(|f| f.column == state.column))
    {
        desc.transitions().iter().try_for_each(|t| gate::allow_move(s, desc, t))?;
    }
    let started = std::time::Instant::now();
    let mut done = gate::write(s, &verb).await;
    if done.as_ref().is_err_and(probe::is_about_a_row) {
        // All is undone. The rows at fault are looked for by a second run, so that the first need not be careful.
        verb.probes = true;
        done = gate::write(s, &verb).await;
    }
    verb.progress.finish();
    let report = match done {
        Ok(report) => report,
        Err(e) => {
            let report = e.downcast::<Refused>()?.0;
            s.refused = [("read", report.read), ("rejected", report.rejected)]
                .map(|(k, n)| (k.into(), n.into()))
                .into_iter()
                .collect();
            report
        }
    };
    note_passwords(s, &verb, &report).await?;
    note_contents(s, desc, &report.leaving).await?;
    tell(s, desc, &report, started.elapsed().as_secs_f64(), &verb)
}

/// Says whose passwords stayed as they were, and how many who may sign in have none.
async fn note_passwords(s: &mut Session<'_>, verb: &Import, report: &Report) -> Result<()> {
    if verb.credential.is_some() && !verb.reset_passwords && report.updated + report.unchanged > 0 {
        s.ui.status("note: passwords of users that were there stay as they are; --reset-passwords sets them");
    }
    let says_login = |name: &String| name == "can_login";
    let was_written = report.created + report.updated > 0 && !report.refused && !s.dry_run;
    if was_written
        && let Some(org) = verb.org
        && (verb.columns.iter().flatten().any(says_login) || verb.constants.iter().any(|(c, _)| says_login(c)))
    {
        let n = credentials::without_password(s.db().await?, org, None).await?;
        if n > 0 {
            s.ui.status(&format!(
                "note: {n} who may sign in have no password: 'orgctl user invite', or a column password"
            ));
        }
    }
    Ok(())
}
