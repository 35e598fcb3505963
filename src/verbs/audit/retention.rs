//! Retention: old payloads go to an archive, one person's are destroyed; the trail proves as before.

use std::fs;
use std::io::{self, BufReader, Write as _};

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::export::stretch_lines;
use super::findings::refuse;
use super::offline::read_export;
use crate::crud::context::Context;
use crate::crud::gate::{self, Verb};
use crate::crud::history::{find_or_past, find_purged};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::lookup::GoneRecord;
use crate::crud::outcome::CommandTarget;
use crate::crud::subjects::records_of;
use crate::crud::write::{described, dry_run_note};
use crate::model::kinds::system_log::Level;
use crate::model::kinds::user::User;
use crate::model::problem::{Problem, io_message};
use crate::model::resource::{Record, Resource as _};
use crate::model::setting::AUDIT_MIN_RETENTION_DAYS;
use crate::model::trail::audit::{Action, KIND, spans};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::rfc3339;
use crate::store::backup::hashed::Hashed;
use crate::store::backup::swap_postgres;
use crate::store::records::holds::held_of;
use crate::store::records::{self, Deleted};
use crate::store::trail::corrections;
use crate::store::trail::merged_ids;
use crate::store::trail::retention::{self, Span, count, joined};
use crate::store::trail::verify::{VerifyRequest, size, verify};
use crate::store::tx::Tx;
use crate::ui::atomic_file::AtomicFile;
use crate::ui::format::report;

/// Takes payloads out of a tree, once they are elsewhere or to be nowhere, and records that.
#[derive(Debug, Serialize, Deserialize)]
pub struct Strip {
    pub org: i32,
    pub action: Action,
    /// Whom it is about; nil where it is about nobody.
    pub subject: Uuid,
    pub records: Vec<Span>,
    pub requests: Vec<Span>,
    /// Rows that nothing is recorded of, by noun and id: they go, too.
    pub unrecorded: Vec<(String, Uuid)>,
    pub details: Map<String, Json>,
}

impl Verb for Strip {
    const NAME: &str = "audit erase";

    type Output = u64;

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("what it takes out is wiped from the files of the database too, or written elsewhere")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<u64> {
        if !self.subject.is_nil()
            && let Some(person) = tx.load(User::DESCRIPTOR, self.org, self.subject).await?.filter(Record::is_live)
        {
            let sentence =
                format!("{} was restored by somebody else in the meantime; nothing was erased", person.title());
            return Err(Problem::conflict(sentence).hint("what is recorded of people who are there is kept").into());
        }
        if !self.subject.is_nil() {
            let (kinds, now) = (tx.kinds(), tx.at());
            held_of(tx.db, kinds, (self.org, self.subject), now).await?.map_or(Ok(()), Err)?;
        }
        let went = tx.strip(self.org, &self.records, &self.requests).await?;
        if !self.subject.is_nil() {
            tx.forget_actor(&format!("user:{}", self.subject)).await?;
        }
        for (noun, id) in &self.unrecorded {
            let desc = described(tx, noun)?;
            if let Some(row) = tx.load(desc, self.org, *id).await? {
                tx.purge(&row).await?;
            }
        }
        let mut details = self.details.clone();
        if !self.unrecorded.is_empty() {
            details.insert("rows".into(), self.unrecorded.len().into());
        }
        details.insert("records".into(), spans(&self.records));
        details.insert("requests".into(), spans(&self.requests));
        tx.event_about(self.org, self.action, KIND, self.subject, details).await?;
        Ok(went)
    }
}

/// Moves payloads older than a day to a compressed export, which is read back and proven before anything is taken out.
#[derive(clap::Args)]
pub struct ArchiveFlags {
    /// Payloads older than this: 2025-01-01, 730d
    #[arg(long, value_name = "TIME")]
    pub before: String,
    /// Archive to write
    #[arg(long, value_name = "FILE")]
    pub out: String,
}

impl Leaf for ArchiveFlags {
    const SPEC: Spec = Spec {
        noun: "audit",
        verb: "archive",
        permission: "audit:archive",
        writes: true,
        about: "Move old payloads to an archive; the trail proves as before",
        examples: "orgctl audit archive --before 2025-01-01 --out trail-2024.jsonl.gz --org SAHYADRI\norgctl audit archive --before 730d --out old.jsonl.gz --dry-run",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        owner_alone(s).await?;
        let org = s.the_org().await?;
        let code = records::org_code(s.db().await?, org).await?;
        let text = self.before;
        let (before, _) = s.context.time(&text)?;
        let path = self.out;
        if fs::symlink_metadata(&path).is_ok() {
            return Err(Problem::conflict(format!("{path} is there already; an archive is never overwritten"))
                .hint("name another file with --out")
                .into());
        }
        let last = corrections::last_before(s.db().await?, org, before).await?;
        let Some(first) = retention::first_with_payload(s.db().await?, org, last).await? else {
            s.context
                .ui
                .status(&format!("nothing in the trail of {code} before {} is left to archive", rfc3339(before)));
            return Ok(());
        };
        // From where its command began: an export holds whole commands.
        let first = retention::begin_of(s.db().await?, org, first).await?;
        holds(s, org).await?;
        let stripped = retention::spans_with_payload(s.db().await?, org, (first, last)).await?;
        let requests = retention::requests_with_payload(s.db().await?, org, (first, last)).await?;
        let n = count(&stripped);
        if s.context.dry_run {
            s.context.ui.status(&format!(
                "dry run: would move the payloads of {n} records of {code} to {path}, and prove it first"
            ));
            return Ok(());
        }
        gate::preflight(s, org).await?;
        let checksum = write_proven(s, org, (first, last), &path).await?;
        let place = fs::canonicalize(&path).map_or(path.clone(), |p| p.display().to_string());
        let mut details = Map::new();
        details.insert("file".into(), place.into());
        details.insert("sha256".into(), checksum.into());
        details.insert("before".into(), rfc3339(before).into());
        let told = json!({ "records": n, "file": details["file"], "sha256": details["sha256"] });
        let strip = Strip {
            org,
            action: Action::Archive,
            subject: Uuid::nil(),
            records: stripped,
            requests,
            unrecorded: Vec::new(),
            details,
        };
        gate::write(s, &strip).await?;
        wipe(s).await;
        report(&s.context.ui, &told)?;
        s.log(Level::Info, &format!("archived the payloads of {n} records"), Map::new());
        s.context
            .ui
            .status(&format!("moved the payloads of {n} records of {code} to {path}; the trail proves as before"));
        s.context.ui.status("keep the archive: with it, 'orgctl audit verify --file' proves what the records said");
        Ok(())
    }
}

/// Writes an archive, proves it, and puts it in its place; its SHA-256.
async fn write_proven(s: &mut Invocation<'_>, org: i32, (first, last): Span, path: &str) -> Result<String> {
    let failed = |e: io::Error| Problem::failed(format!("can't write {path}: {}", io_message(&e)));
    let (whole, file) = AtomicFile::create(std::path::Path::new(path)).map_err(failed)?;
    let mut out = GzEncoder::new(Hashed::new(io::BufWriter::new(file)), Compression::default());
    let progress = s.context.ui.progress();
    progress.part("writing", u64::try_from(last.saturating_sub(first)).ok(), "records");
    let mut lines = 0;
    let written = stretch_lines(s.db().await?, org, (first, last), |line| {
        lines += 1;
        progress.set(lines);
        Ok(out.write_all(line.as_bytes()).map_err(failed)?)
    })
    .await;
    progress.finish();
    written?;
    let written = out.finish().map_err(failed)?;
    let checksum = written.digest();
    let mut file = written.inner.into_inner().map_err(|e| failed(e.into_error()))?;
    file.sync_all().map_err(failed)?;
    // What will be relied on is what can be read back.
    io::Seek::rewind(&mut file).map_err(failed)?;
    let read = read_export(BufReader::new(file), path, &[], &mut |_| {})?;
    let expected = u64::try_from(last.saturating_sub(first).saturating_add(1))?;
    if !read.verified.findings.is_empty() || read.verified.records != expected {
        return Err(Problem::integrity(format!("the archive {path} could not be read back as it was written"))
            .hint("nothing was taken out of the trail; look at the disk")
            .into());
    }
    whole.finish().map_err(failed)?;
    Ok(checksum.to_string())
}

/// Who works with the data every day can't take anything out of the trail.
async fn owner_alone(s: &mut Invocation<'_>) -> Result<()> {
    match retention::may_strip(s.db().await?).await? {
        true => Ok(()),
        false => Err(Problem::failed("only the owner of the audit tables can take payloads out of them")
            .hint("run it as the role that made the database; 'orgctl db grants' never gives this right")
            .into()),
    }
}

/// What was taken out is gone already; only what is left of it in the files may fail to be.
async fn wipe(s: &mut Invocation<'_>) {
    let wiped = match s.db().await {
        Ok(db) => retention::wipe(db).await,
        Err(e) => Err(e.into()),
    };
    if let Err(e) = wiped {
        s.context.ui.verbose(&format!("{e:#}"));
        s.context.ui.warn("the database's files may hold traces of it until they are next cleaned (VACUUM)");
    }
}

/// Refuses to take anything out of a trail that does not hold: what was wrong before must stay to be seen.
async fn holds(s: &mut Invocation<'_>, org: i32) -> Result<()> {
    let total = size(s.db().await?, Some(org)).await?;
    let progress = s.context.ui.progress();
    progress.part("verifying", Some(total), "records");
    let asked = VerifyRequest { only: Some(org), ..VerifyRequest::default() };
    let verified = verify(s.db().await?, &asked, &mut |n| progress.set(n)).await;
    progress.finish();
    let findings = verified?.findings;
    if findings.is_empty() {
        return Ok(());
    }
    Err(refuse(s, &findings, "nothing is taken out of an audit trail that does not hold").await?)
}

/// What a backup replaced on a server is there until it is dropped, with everything of everybody.
async fn tell_of_old_schemas(s: &mut Invocation<'_>) {
    let Ok(db) = s.db().await else { return };
    let olds = swap_postgres::list_replaced(db).await.unwrap_or_default();
    if !olds.is_empty() {
        let names: Vec<&str> = olds.iter().map(|o| o.name.as_str()).collect();
        s.context.ui.warn(&format!(
            "so may what a backup replaced ({}): 'orgctl backup restore --drop-old' drops it",
            names.join(", ")
        ));
    }
}

/// Fields that tell who somebody is.
const NAMING: &[&str] = &["user_code", "external_id", "email", "mobile", "username", "name", "first_name", "last_name"];

/// Shortest text that a command line is searched for: shorter ones are part of other words.
const SHORTEST: usize = 4;

/// Texts by which somebody is named in what was recorded, in small letters.
pub fn names_of(payload: &str, names: &mut Vec<String>) {
    let json: Json = serde_json::from_str(payload).unwrap_or_default();
    let mut add = |text: &str| {
        let text = text.to_lowercase();
        if text.chars().count() >= SHORTEST && !names.contains(&text) {
            names.push(text);
        }
    };
    if let Some(key) = json["key"].as_str() {
        add(key);
    }
    for part in ["old", "new"] {
        let of = |name: &str| json[part][name].as_str();
        NAMING.iter().filter(|n| !n.ends_with("_name")).filter_map(|n| of(n)).for_each(&mut add);
        // A first name alone names many.
        if let (Some(first), Some(last)) = (of("first_name"), of("last_name")) {
            add(&format!("{first} {last}"));
        }
    }
}

/// Why what is recorded of somebody who is there is kept, and who else may be meant.
async fn still_there(s: &mut Invocation<'_>, row: &Record, given: Option<i32>, key: &str) -> Result<Problem> {
    let problem =
        Problem::conflict(format!("{} is still there; what is recorded of people who are is kept", row.title()))
            .hint(format!("'orgctl user delete {0}', then 'orgctl user purge {0}', come first", row.key()));
    let context = s.connection.parsing.clone();
    let deleted = records::by_key(s.db().await?, User::DESCRIPTOR, given, key, Deleted::Only, &context).await?;
    let mut gone: Vec<GoneRecord> = deleted.iter().map(GoneRecord::deleted).collect();
    gone.extend(find_purged(s, User::DESCRIPTOR, given, key).await?);
    if gone.is_empty() {
        return Ok(problem);
    }
    let all: Vec<String> = gone.iter().take(10).map(GoneRecord::describe).collect();
    Ok(problem.hint(format!("who had the key before is named by the id: {}", all.join(", "))))
}

/// Ends an erasure that destroys nothing: because a rule keeps all of it, or because there is nothing.
fn nothing_to_erase(context: &Context<'_>, kept: Option<DateTime<Utc>>, rule: &str) -> Result<()> {
    match kept {
        Some(until) => Err(Problem::conflict(format!("nothing can be erased before {}", rfc3339(until)))
            .hint(format!("{rule}; DPDP Rules 2025, rule 8(3), asks for a year"))
            .into()),
        None => {
            context.ui.status("nothing is recorded of this person that could be erased");
            Ok(())
        }
    }
}

/// Says which records of a person an erasure leaves, since they are no history.
fn warn_of_what_is_there(context: &Context<'_>, records: &[Record]) {
    for desc in context.kinds.resources() {
        let there: Vec<&Record> = records.iter().filter(|r| r.desc == desc).collect();
        if let [first, ..] = there.as_slice() {
            context.ui.warn(&format!(
                "{} {} of the person are still there, such as {}: 'orgctl {} purge' removes them",
                there.len(),
                desc.table,
                first.meta.id,
                desc.noun
            ));
        }
    }
}

/// The command line is recorded, and must not tell what is to be forgotten.
fn forget_in_command(s: &mut Invocation<'_>, key: &str, id: Uuid) {
    let words = s.context.origin.command.iter();
    s.outcome.command = Some(words.map(|word| word.replace(key, &id.to_string())).collect());
}

/// What may be erased of a person, and what a rule keeps.
struct Erasable {
    records: Vec<Span>,
    requests: Vec<Span>,
    /// Rows that nothing is recorded of, by noun and id.
    unrecorded: Vec<(String, Uuid)>,
    /// Rows of the person that are there still.
    recorded: Vec<Record>,
    /// Records and rows that are kept, and until when.
    n_kept: usize,
    kept: Option<DateTime<Utc>>,
    /// Command lines that are kept.
    newer: i64,
    rule: String,
}

/// Looks for all that is told of a person.
async fn look(s: &mut Invocation<'_>, org: i32, id: Uuid) -> Result<Erasable> {
    let ids = merged_ids(s.db().await?, org, User::DESCRIPTOR, id).await?;
    let all = retention::about(s.db().await?, org, &ids).await?;
    let mut names: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    for (_, _, payload) in &all {
        names_of(payload, &mut names);
    }
    let days = s.setting(org, AUDIT_MIN_RETENTION_DAYS).await?;
    let limit = s.context.clock.now() - TimeDelta::days(days.into());
    let records = joined(all.iter().filter(|(_, at, _)| *at < limit).map(|(seq, ..)| (*seq, *seq)).collect());
    let too_new: Vec<_> = all.iter().filter(|(_, at, _)| *at >= limit).collect();
    let kinds = s.kinds();
    let rows = records_of(s.db().await?, kinds, User::DESCRIPTOR, org, &ids).await?;
    let (recorded, unrecorded): (Vec<Record>, Vec<Record>) = rows.into_iter().partition(|r| r.desc.is_recorded());
    let (young, old): (Vec<Record>, Vec<Record>) = unrecorded.into_iter().partition(|r| r.meta.created_at >= limit);
    let newest = too_new.last().map(|(_, at, _)| *at).max(young.iter().map(|r| r.meta.created_at).max());
    let (requests, newer) = retention::requests_naming(s.db().await?, org, limit, &names).await?;
    Ok(Erasable {
        records,
        requests,
        unrecorded: old.iter().map(|r| (r.desc.noun.to_owned(), r.meta.id)).collect(),
        recorded,
        n_kept: too_new.len() + young.len(),
        kept: newest.map(|at| at + TimeDelta::days(days.into())),
        newer,
        rule: format!("setting audit.min_retention_days, {days} days"),
    })
}

/// Destroys what is recorded of one person, as far as no rule keeps it.
#[derive(clap::Args)]
pub struct EraseFlags {
    /// Whom it is about
    #[arg(long, value_name = "USER")]
    pub subject: String,
    /// Why; do not name the person
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

impl Leaf for EraseFlags {
    const SPEC: Spec = Spec {
        noun: "audit",
        verb: "erase",
        permission: "audit:erase",
        writes: true,
        about: "Destroy what the trail tells of a person who is gone; it proves as before",
        examples: "orgctl audit erase --subject ravi@sahyadri.example --reason 'request of 3 November'\norgctl audit erase --subject ravi@sahyadri.example --dry-run",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        owner_alone(s).await?;
        let key = self.subject;
        let org = s.org().await?;
        let given = org;
        let (org, id) = find_or_past(s, User::DESCRIPTOR, org, &key).await?;
        s.outcome.about = org;
        s.outcome.targets.push(CommandTarget { noun: KIND, org, id, key: None });
        forget_in_command(s, &key, id);
        let row = records::load(s.db().await?, User::DESCRIPTOR, org, id).await?;
        if let Some(row) = row.as_ref().filter(|r| r.is_live()) {
            return Err(still_there(s, row, given, &key).await?.into());
        }
        let (kinds, now) = (s.kinds(), s.context.clock.now());
        held_of(s.db().await?, kinds, (org, id), now).await?.map_or(Ok(()), Err)?;
        let Erasable { records, requests, unrecorded, recorded, n_kept, kept, newer, rule } = look(s, org, id).await?;
        let (n, commands, rows) = (count(&records), count(&requests), unrecorded.len());
        let of_rows = if rows > 0 { format!(", and {rows} rows of journals") } else { String::new() };
        if let Some(until) = kept {
            ui.status(&format!("{n_kept} records are kept until {} ({rule})", rfc3339(until)));
        }
        if newer > 0 {
            ui.status(&format!("{newer} command lines that name the person are kept as long ({rule})"));
        }
        if n == 0 && commands == 0 && rows == 0 {
            return nothing_to_erase(s.context, kept, &rule);
        }
        if !s.context.dry_run {
            let what = format!(
                "destroy what {n} records and {commands} command lines tell of this person{of_rows}? It can't be undone"
            );
            ui.confirm(&what).await?;
        }
        holds(s, org).await?;
        let mut details = Map::new();
        if let Some(reason) = &self.reason {
            details.insert("reason".into(), reason.as_str().into());
        }
        if let Some(until) = kept {
            details.insert("kept".into(), n_kept.into());
            details.insert("kept_until".into(), rfc3339(until).into());
        }
        let strip = Strip { org, action: Action::Erase, subject: id, records, requests, unrecorded, details };
        gate::write(s, &strip).await?;
        if !s.context.dry_run {
            wipe(s).await;
        }
        let until = kept.map(rfc3339);
        report(ui, &json!({ "records": n, "commands": commands, "rows": rows, "kept": n_kept, "kept_until": until }))?;
        let erased = format!("erased {n} records and {commands} command lines{of_rows}");
        s.log(Level::Info, &erased, Map::new());
        ui.status(&format!("{erased}; the trail proves as before"));
        if row.is_some() {
            ui.warn("the person's own row is still there, deleted: 'orgctl user purge' removes it");
        }
        warn_of_what_is_there(s.context, &recorded);
        ui.warn("exports, archives and backups made before still hold what was erased");
        tell_of_old_schemas(s).await;
        dry_run_note(s.context);
        Ok(())
    }
}
