//! Records from outside: scripts and applications share the trail.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::IpAddr;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::crud::context::Context;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::lookup::find_in;
use crate::model::kinds::kyc::Kyc;
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::redact::{is_secret_name, typed};
use crate::model::resource::Resource as _;
use crate::model::strict_json;
use crate::model::trail::audit::{ACTIONS, Action, CLOCK, KIND, SOURCES, Status, WORD};
use crate::model::values::scalar::{Noun as _, ParseContext, truncate};
use crate::model::values::value::rfc3339;
use crate::store::records::{self, Deleted};
use crate::store::trail::external::ExternalEvent;
use crate::store::trail::lineage;
use crate::store::tx::Tx;
use crate::ui::format::report;
use crate::verbs::kyc::parties::{without_numbers, without_own_numbers};

/// Appends records that belong together: of one outcome and one source.
#[derive(Debug, Serialize, Deserialize)]
pub struct Append {
    pub org: i32,
    pub status: Status,
    /// Where it came from, if not from where the command came.
    pub source: Option<String>,
    pub records: Vec<ExternalEvent>,
}

impl Verb for Append {
    const NAME: &str = "audit append";

    type Output = ();

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    fn source(&self) -> Option<&'static str> {
        self.source.as_deref().and_then(|source| SOURCES.iter().copied().find(|known| *known == source))
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<()> {
        tx.set_status(self.status);
        Ok(tx.append_external(self.org, &self.records).await?)
    }
}

/// Most records of one transaction, and most lines that wait to be written.
const BATCH: usize = 4000;

/// Longest line that is read.
const LONGEST: usize = 1 << 20;

/// Members whose texts are taken as they are, with their longest length (DOMAIN.md, section 0).
const TEXTS: &[(&str, usize)] = &[
    ("comment", 10_000),
    ("description", 10_000),
    ("error", 10_000),
    ("on_behalf_of", 255),
    ("session", 255),
    ("request_method", 10),
    ("request_path", 255),
    ("user_agent", 1000),
];

/// Members that hold objects.
const OBJECTS: &[&str] = &["old", "new", "details"];

fn wrong(member: &str, why: &str) -> Problem {
    Problem::invalid(format!("{member} {why}"))
}

/// Refuses members that hold secrets, at any depth: what is in the trail stays there. That one changed can be said.
fn holds_no_secret(at: &str, value: &Json) -> Result<(), Problem> {
    match value {
        Json::Object(members) => members.iter().try_for_each(|(name, value)| {
            let at = format!("{at}.{name}");
            let is_told = !matches!(value, Json::Null | Json::Bool(_) | Json::Object(_) | Json::Array(_));
            match is_told && is_secret_name(name) {
                true => Err(wrong(&truncate(&at), "is a secret, which no record may hold")
                    .hint("leave it out, or give true for one that was changed")),
                false => holds_no_secret(&at, value),
            }
        }),
        Json::Array(values) => values.iter().try_for_each(|value| holds_no_secret(at, value)),
        _ => Ok(()),
    }
}

/// Whether a text is a word as actions and kinds are: `[a-z][a-z0-9_]*`.
fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= WORD
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// One record with what its transaction must have.
struct AppendedRecord {
    status: Status,
    source: Option<&'static str>,
    record: ExternalEvent,
}

/// The members of one record that were not read yet.
struct Members(Map<String, Json>);

impl Members {
    fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        match self.0.remove(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(wrong(name, "must be a text")),
        }
    }

    fn object(&mut self, name: &str) -> Result<Option<Map<String, Json>>, Problem> {
        match self.0.remove(name) {
            None | Some(Json::Null) => Ok(None),
            Some(value @ Json::Object(_)) => holds_no_secret(name, &value).map(|()| value.as_object().cloned()),
            Some(_) => Err(wrong(name, "must be an object")),
        }
    }

    /// Refuses those that nothing reads.
    fn end(self) -> Result<(), Problem> {
        let Some(unknown) = self.0.keys().next() else { return Ok(()) };
        let texts = TEXTS.iter().map(|(name, _)| *name);
        let known: Vec<&str> = ["action", "resource", "key", "subject", "status", "source", "ip", "at"]
            .into_iter()
            .chain(texts)
            .chain(OBJECTS.iter().copied())
            .collect();
        Err(wrong(&truncate(unknown), "is not known; what else there is to say goes into details")
            .hint(format!("members: {}", known.join(", "))))
    }
}

/// What was done, to what kind of thing, and to which.
fn read_deed(members: &mut Members) -> Result<(String, String, Option<String>), Problem> {
    let action = members.text("action")?.ok_or_else(|| wrong("action", "is missing"))?;
    let what = members.text("resource")?.ok_or_else(|| wrong("resource", "is missing"))?;
    let (kind, key) = match what.split_once(':') {
        Some((kind, key)) => (kind.to_owned(), Some(key.trim().to_owned()).filter(|k| !k.is_empty())),
        None => (what, members.text("key")?),
    };
    for (member, word) in [("action", &action), ("resource", &kind)] {
        if !is_word(word) {
            let why =
                format!("must be a word of small letters, digits and _, at most {WORD}: not '{}'", truncate(word));
            return Err(wrong(member, &why));
        }
    }
    if key.as_ref().is_some_and(|k| k.chars().count() > 255) {
        return Err(wrong("key", "has at most 255 characters"));
    }
    Ok((action, kind, key))
}

/// How it ended, and where it came from.
fn read_outcome(members: &mut Members) -> Result<(Status, Option<&'static str>), Problem> {
    let status = match members.text("status")? {
        None => Status::Success,
        Some(word) => {
            Status::parse(&word).ok_or_else(|| wrong("status", "must be success, failed, denied or interrupted"))?
        }
    };
    let source = match members.text("source")? {
        None => None,
        Some(word) => {
            let known = SOURCES.iter().copied().find(|s| *s == word);
            Some(known.ok_or_else(|| wrong("source", &format!("must be one of {}", SOURCES.join(", "))))?)
        }
    };
    Ok((status, source))
}

/// What else is told of it.
fn read_details(context: &Context<'_>, members: &mut Members) -> Result<Map<String, Json>, Problem> {
    let mut details = Map::new();
    for (name, longest) in TEXTS {
        let Some(text) = members.text(name)? else { continue };
        if text.chars().count() > *longest {
            return Err(wrong(name, &format!("has at most {longest} characters")));
        }
        details.insert((*name).to_owned(), typed(&text).into());
    }
    if let Some(ip) = members.text("ip")? {
        let ip: IpAddr = ip.trim().parse().map_err(|_| wrong("ip", "must be an IP address"))?;
        details.insert("ip".into(), ip.to_canonical().to_string().into());
    }
    if let Some(at) = members.text("at")? {
        // When it happened, as the other program says; the record's own time is that of its writing.
        let (at, _) = context.time(&at).map_err(|p| Problem::invalid(p.sentence))?;
        details.insert("happened_at".into(), rfc3339(at).into());
    }
    Ok(details)
}

/// Refuses the numbers of papers in what is told of one.
fn no_numbers(at: &'static str, value: &Json) -> Result<(), Problem> {
    match value {
        Json::String(text) => without_numbers(if at.is_empty() { "a text" } else { at }, Some(text)),
        Json::Array(all) => all.iter().try_for_each(|value| no_numbers(at, value)),
        Json::Object(members) => members.iter().try_for_each(|(name, value)| {
            let known = TEXTS.iter().find(|(known, _)| known == name).map_or(at, |(known, _)| known);
            without_numbers("a member's name", Some(name)).and_then(|()| no_numbers(known, value))
        }),
        _ => Ok(()),
    }
}

/// All texts of a value.
fn put_texts<'j>(value: &'j Json, texts: &mut Vec<&'j str>) {
    match value {
        Json::String(text) => texts.push(text),
        Json::Array(all) => all.iter().for_each(|value| put_texts(value, texts)),
        Json::Object(members) => members.values().for_each(|value| put_texts(value, texts)),
        _ => {}
    }
}

/// Reads the members of one record.
async fn read(s: &mut Invocation<'_>, org: i32, members: Map<String, Json>) -> Result<AppendedRecord> {
    let mut members = Members(members);
    let (action, kind, key) = read_deed(&mut members)?;
    let (status, source) = read_outcome(&mut members)?;
    let subject = members.text("subject")?;
    let mut details = read_details(s.context, &mut members)?;
    let (old, new) = (members.object("old")?, members.object("new")?);
    details.extend(members.object("details")?.map(|d| ("details".to_owned(), Json::Object(d))));
    members.end()?;
    if !ACTIONS.contains(&action.as_str()) {
        details.insert("external".into(), true.into());
    }
    let subject = match subject {
        Some(key) => Some(find_in(s, User::DESCRIPTOR, Some(org), &key, Deleted::Include).await?.meta.id),
        None => None,
    };
    if kind == Kyc::NOUN {
        no_numbers("", &Json::Object(details.clone()))?;
    }
    let id = about(s, org, &action, &kind, key.as_deref(), old.is_some() || new.is_some()).await?;
    if let Some(paper) = id.filter(|_| kind == Kyc::NOUN) {
        let paper = records::load(s.db().await?, Kyc::DESCRIPTOR, org, paper).await?;
        let mut texts = Vec::new();
        details.values().for_each(|value| put_texts(value, &mut texts));
        let texts: Vec<_> = texts.into_iter().map(|text| ("a text", Some(text))).collect();
        without_own_numbers(s, paper.as_slice(), &texts).await?;
    }
    Ok(AppendedRecord { status, source, record: ExternalEvent { action, kind, key, id, subject, old, new, details } })
}

/// What can happen to a record of ours without changing it.
const WITHOUT_CHANGE: &[&str] = &[
    "read",
    "export",
    "reveal",
    "login",
    "logout",
    "otp_request",
    "otp_verify",
    "asset_assign",
    "asset_transfer",
    "payment",
    "refund",
];

/// The id of what it is about, where it is a record of ours; a record of ours is changed by orgctl alone, and what it
/// says of that is what `--as-of` and `verify --deep` go by.
async fn about(
    s: &mut Invocation<'_>,
    org: i32,
    action: &str,
    kind: &str,
    key: Option<&str>,
    has_values: bool,
) -> Result<Option<Uuid>> {
    let Some(desc) = s.kinds().by_noun(kind) else {
        if kind == lineage::KIND && action == Action::BackupRestore.as_str() {
            return Err(wrong("action", "can't be backup_restore: orgctl records that itself").into());
        }
        if matches!(kind, KIND | CLOCK | "database") {
            return Err(wrong("resource", &format!("can't be {kind}: orgctl records that itself")).into());
        }
        let Some(id) = key.and_then(|key| Uuid::try_parse(key).ok()) else { return Ok(None) };
        for desc in s.kinds().resources() {
            if let Some(record) = records::load(s.db().await?, desc, org, id).await? {
                return Err(wrong("resource", &format!("can't be {kind}: {id} is {}", record.title())).into());
            }
        }
        return Ok(Some(id));
    };
    if has_values || (ACTIONS.contains(&action) && !WITHOUT_CHANGE.contains(&action)) {
        let nouns: Vec<&str> = s.kinds().resources().map(|d| d.noun).collect();
        return Err(wrong("action", &format!("{action} of a {kind} is for orgctl to do, and it records that itself"))
            .hint(format!("what changes {} goes through orgctl", nouns.join(", ")))
            .into());
    }
    match key {
        Some(key) => Ok(Some(find_in(s, desc, Some(org), key, Deleted::Include).await?.meta.id)),
        None => Ok(None),
    }
}

/// Writes records of one outcome and one source; how many.
async fn write(s: &mut Invocation<'_>, org: i32, told: Vec<AppendedRecord>) -> Result<usize> {
    let mut n = 0;
    let mut told = told.into_iter().peekable();
    while let Some(first) = told.next() {
        let (status, source) = (first.status, first.source);
        let mut records = vec![first.record];
        while let Some(next) = told.next_if(|t| t.status == status && t.source == source) {
            records.push(next.record);
        }
        n += records.len();
        gate::write(s, &Append { org, status, source: source.map(str::to_owned), records }).await?;
    }
    Ok(n)
}

/// The flags of `audit append`.
#[derive(clap::Args)]
pub struct AppendFlags {
    /// Read lines of JSON from standard input
    // A line says all of it itself.
    #[arg(value_name = "-", value_parser = ["-"], hide_possible_values = true, conflicts_with_all = ["action", "resource", "subject", "comment", "description", "status", "error", "source", "at", "on_behalf_of", "session", "method", "path", "user_agent", "ip", "old", "new", "details"])]
    pub lines: Option<String>,
    /// What was done: asset_transfer, payment, or a word of your own
    #[arg(long, value_name = "ACTION", required_unless_present = "lines")]
    pub action: Option<String>,
    /// What it was done to: asset:LAP-0042
    #[arg(long, value_name = "KIND:KEY", required_unless_present = "lines")]
    pub resource: Option<String>,
    /// Whose data it holds: 'user history' and 'user dossier' tell it, 'audit erase' erases it
    #[arg(long, value_name = "USER")]
    pub subject: Option<String>,
    /// Comment
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// Description
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// How it ended: success, failed, denied or interrupted (default: success)
    #[arg(long, value_name = "STATUS")]
    pub status: Option<String>,
    /// Why it did not succeed
    #[arg(long, value_name = "TEXT")]
    pub error: Option<String>,
    /// Where it came from: api, web, mobile, cron ...
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// When it happened, if not now
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// For whom it was done
    #[arg(long, value_name = "NAME")]
    pub on_behalf_of: Option<String>,
    /// Session of the application
    #[arg(long, value_name = "ID")]
    pub session: Option<String>,
    /// Method of the request: POST
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    /// Path of the request
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// Program that made the request
    #[arg(long, value_name = "TEXT")]
    pub user_agent: Option<String>,
    /// Address that it came from
    #[arg(long, value_name = "ADDRESS")]
    pub ip: Option<String>,
    /// Values before, as an object
    #[arg(long, value_name = "JSON")]
    pub old: Option<String>,
    /// Values after, as an object
    #[arg(long, value_name = "JSON")]
    pub new: Option<String>,
    /// Anything else, as an object
    #[arg(long, value_name = "JSON")]
    pub details: Option<String>,
}

impl Leaf for AppendFlags {
    const SPEC: Spec = Spec {
        noun: "audit",
        verb: "append",
        permission: "audit:append",
        writes: true,
        about: "Record what another program did; lines of JSON from standard input with '-'",
        examples: "orgctl audit append --action asset_transfer --resource asset:LAP-0042 --comment 'to Pune'\njq -c '.[]' payments.json | orgctl audit append - --org SAHYADRI",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();
    const RECORDED: Option<Action> = Some(Action::Import);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let org = s.the_trail().await?;
        if self.lines.is_some() {
            return stream(s, org).await;
        }
        let told = read(s, org, self.members()?).await?;
        let what = format!("{} {} {}", told.record.action, told.record.kind, told.record.key.as_deref().unwrap_or(""));
        write(s, org, vec![told]).await?;
        report(&s.context.ui, &json!({ "recorded": 1 }))?;
        s.context.ui.status(&format!("recorded {}", what.trim_end()));
        crate::crud::write::dry_run_note(s.context);
        Ok(())
    }
}

impl AppendFlags {
    /// The record, as a line would say it.
    fn members(self) -> Result<Map<String, Json>> {
        let texts = [
            ("action", self.action),
            ("resource", self.resource),
            ("subject", self.subject),
            ("status", self.status),
            ("source", self.source),
            ("ip", self.ip),
            ("at", self.at),
            ("comment", self.comment),
            ("description", self.description),
            ("error", self.error),
            ("on_behalf_of", self.on_behalf_of),
            ("session", self.session),
            ("request_method", self.method),
            ("request_path", self.path),
            ("user_agent", self.user_agent),
        ];
        let given = texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into())));
        let mut members: Map<String, Json> = given.collect();
        for (name, text) in OBJECTS.iter().zip([self.old, self.new, self.details]) {
            let Some(text) = text else { continue };
            let json =
                strict_json::parse(&text).map_err(|e| wrong(name, &format!("is no JSON that can be kept: {e}")))?;
            members.insert((*name).to_owned(), json);
        }
        Ok(members)
    }
}

/// Lines of JSON from standard input, written as they come: what is there is written together, and nothing waits for what
/// is not. A line that is wrong ends it; what came before it stays recorded, and is counted.
async fn stream(s: &mut Invocation<'_>, org: i32) -> Result<()> {
    let ui = &s.context.ui;
    let (lines, mut come) = mpsc::channel::<io::Result<Vec<u8>>>(BATCH);
    let stdin = ui.take_stdin();
    tokio::task::spawn_blocking(move || {
        let mut stdin = BufReader::with_capacity(1 << 16, stdin);
        loop {
            let mut line = Vec::new();
            // A little more than the longest, so that a longer one is known for what it is.
            let read = (&mut stdin).take(LONGEST as u64 + 2).read_until(b'\n', &mut line);
            // What comes behind a line that is too long is not read.
            let is_end = matches!(read, Ok(0));
            // The other end is gone where a line was wrong.
            if is_end || lines.blocking_send(read.map(|_| line)).is_err() {
                return;
            }
        }
    });
    let progress = ui.progress();
    progress.part("recording", None, "records");
    let (mut number, mut written) = (0_u64, 0_usize);
    let mut failed = None;
    while failed.is_none()
        && let Some(first) = come.recv().await
    {
        let mut told = Vec::new();
        let mut line = Some(first);
        while let Some(next) = line.take() {
            number += 1;
            match one(s, org, next).await {
                Ok(one) => told.extend(one),
                Err(e) => {
                    failed = Some(e);
                    break;
                }
            }
            if told.len() < BATCH {
                line = come.try_recv().ok();
            }
        }
        written += write(s, org, told).await?;
        s.outcome.dealt_with.set(written as u64);
        s.outcome.committing.set(false);
        progress.set(written as u64);
    }
    progress.finish();
    if let Some(e) = failed {
        let problem = e.downcast::<Problem>()?;
        let stays = if written > 0 { format!("; the {written} records before it are recorded") } else { String::new() };
        let kind = match problem.kind {
            crate::model::problem::ErrorKind::Usage => crate::model::problem::ErrorKind::Invalid,
            kind => kind,
        };
        return Err(Problem { sentence: format!("line {number}: {}{stays}", problem.sentence), kind, ..problem }.into());
    }
    report(ui, &json!({ "recorded": written }))?;
    ui.status(&format!("recorded {written}"));
    crate::crud::write::dry_run_note(s.context);
    Ok(())
}

/// One line; nothing where it is blank.
async fn one(s: &mut Invocation<'_>, org: i32, line: io::Result<Vec<u8>>) -> Result<Option<AppendedRecord>> {
    let line = line.map_err(|e| {
        Problem::failed(format!("can't read standard input: {}", crate::model::problem::io_message(&e)))
    })?;
    if line.len() > LONGEST {
        return Err(Problem::invalid("it is longer than a megabyte").into());
    }
    let text = std::str::from_utf8(&line).map_err(|_| Problem::invalid("it is not UTF-8 text"))?;
    // What an editor of Windows puts before a text is none of its first line.
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Ok(None);
    }
    match strict_json::parse(text) {
        Ok(Json::Object(members)) => read(s, org, members).await.map(Some),
        Ok(_) => Err(Problem::invalid("it is no JSON object").into()),
        Err(e) => Err(Problem::invalid(format!("it is no JSON that can be kept: {e}")).into()),
    }
}
