//! The gate that every writing verb goes through: permission, transaction, run, invariants, audit, commit.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::context::{Access, Context, OF_EVERYBODY};
use super::invocation::Invocation;
use super::stored::StoredCommand;
use crate::access::permission::Permission;
use crate::access::{self, About, Actor, Decision, Facts, OwnBounds, Reason, Subject};
use crate::model::kinds::Kinds;
use crate::model::kinds::system_log::{Level, SystemLog};
use crate::model::problem::{ErrorKind, Problem};
use crate::model::resource::{Descriptor, Field, Record, Resource as _, verbs};
use crate::model::rights::refusal::{Recorded, Refusal};
use crate::model::scope::{Belongings, Scope};
use crate::model::trail::audit::{Action, KIND as TRAIL, Payload, Status};
use crate::model::values::scalar::ParseContext;
use crate::store::Error;
use crate::store::access::{self as stored, Past, Which};
use crate::store::backup::partial::refusal;
use crate::store::engine::db::Db;
use crate::store::engine::opening::Telling;
use crate::store::reader::{self, Reader, Told};
use crate::store::records;
use crate::store::trail::verify::size;
use crate::store::tx::journal::JOURNAL_WAIT;
use crate::store::tx::{self, Permit, Rights, Tx};
use crate::ui::Ui;

/// A change as data: its arguments complete, its keys resolved. So it can be run, run dry, refused, and stored
/// ([`super::stored`]).
pub trait Verb: Serialize + DeserializeOwned {
    /// What it does, in the words of the command line; of what all kinds have in common, the verb alone.
    const NAME: &str;

    type Output;

    /// The organisations whose trees it writes to.
    fn orgs(&self) -> Vec<i32>;

    /// The kind whose records alone it writes: those of one that is not recorded wait for no lock.
    fn noun(&self) -> Option<&str> {
        None
    }

    /// Why it can't be stored and run another time; none: it can. What it reads and what it does is the database alone, or
    /// a file that is known again.
    fn cannot_be_kept(&self) -> Option<&'static str> {
        None
    }

    /// Takes up again what it needs besides the database, when it was stored: a file, if that is what it was.
    fn take_up(&mut self) -> Result<()> {
        Ok(())
    }

    /// Where it came from, if not from where the command came.
    fn source(&self) -> Option<&'static str> {
        None
    }

    /// The permissions that it needs besides that of the command: to moves that rows may make.
    fn needs(&self, _: Kinds, _: &ParseContext) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// What it comes to where nobody is shown its output: rows of a file that were rejected are told by the exit code.
    fn end(&self, _: Kinds, done: Result<Self::Output>) -> Result<()> {
        done.map(drop)
    }

    /// Does the work. What it returns is shown after the commit.
    fn run(&self, tx: &mut Tx<'_>, context: &ParseContext) -> impl Future<Output = Result<Self::Output>>;
}

/// Asks whether the command may be done at all. Reads ask here too.
pub fn allow(s: &Invocation<'_>) -> Result<()> {
    Ok(decided(s.context, &s.access().permission)?)
}

/// Asks whether something else may be done besides, which a command does in passing.
pub fn allow_besides(context: &Context<'_>, permission: &str) -> Result<()> {
    Ok(decided(context, permission)?)
}

/// Asks whether a command may begin, of which it is not known yet what it changes: some fields may have a permission of their
/// own. What it does then is asked about when it is done.
pub fn may_begin(s: &Invocation<'_>) -> Result<()> {
    let permission = &s.access().permission;
    let kind = s.kinds().by_table(s.access().resource());
    let is_update = |desc: &&&Descriptor| *permission == format!("{}:{}", desc.table, desc.action(verbs::Verb::Update));
    let own = kind.as_ref().filter(is_update).and_then(|desc| Some((desc.table, desc.changed_alone?.0)));
    match own.map(|(table, action)| decided(s.context, &format!("{table}:{action}"))) {
        Some(Ok(())) => Ok(()),
        _ => allow(s),
    }
}

/// Lets a command that changes some fields alone go by the permission that these have of their own, where it may not change all
/// of the kind, or not these records.
pub async fn by_its_own(s: &mut Invocation<'_>, desc: &Descriptor, given: &[&Field], records: &[Record]) -> Result<()> {
    let Some((action, columns)) = desc.changed_alone.filter(|_| !given.is_empty()) else { return Ok(()) };
    if !given.iter().all(|field| columns.contains(&field.column)) {
        return Ok(());
    }
    let mut may_all = allow(s).is_ok();
    for record in records {
        may_all = may_all && authorize(s, record).await.is_ok();
    }
    let own = format!("{}:{action}", desc.table);
    if !may_all && decided(s.context, &own).is_ok() {
        s.outcome.access = Some(Access { permission: own, ..s.access().clone() });
    }
    Ok(())
}

/// Asks whether what covers the installation may be looked at or changed: by nobody of an organisation, whatever is granted there.
pub fn allow_in_system(s: &Invocation<'_>) -> Result<()> {
    match s.context.subject {
        Subject::Somebody(Actor { org: 1.., .. }) => {
            let refusal = Refusal::of(&s.access().permission).about(About::Installation);
            let sentence = format!("{} is not allowed: {}", s.access().permission, Reason::Installation);
            Err(Problem::denied(sentence).refusing(refusal).into())
        }
        _ => Ok(()),
    }
}

/// Asks whether all of a kind may be told in an organisation: what is worked out of all of it, or is read back as the whole of
/// it, would be wrong of a part.
pub fn allow_whole(s: &Invocation<'_>, permission: &str, desc: &Descriptor, org: i32) -> Result<()> {
    decided(s.context, permission)?;
    match &s.connection.opening.reader {
        Some(reader) if !reader.tells_all_of(desc, org) => {
            let refusal = Refusal::of(permission).about(About::Record(&Belongings::default()));
            let sentence = format!("{permission} is not allowed: {}", Reason::Elsewhere);
            Err(Problem::denied(sentence).refusing(refusal).into())
        }
        _ => Ok(()),
    }
}

/// The decision about a permission, no record being known yet; until approval exists, what needs one is refused. What is of no
/// place and about nobody is allowed without conditions or not at all.
fn decided(context: &Context<'_>, permission: &str) -> Result<(), Problem> {
    decided_of(context.subject, context.kinds, permission)
}

fn decided_of(subject: &Subject, kinds: Kinds, permission: &str) -> Result<(), Problem> {
    if permission == OF_EVERYBODY {
        return Ok(());
    }
    let asked = Permission::parse(permission);
    let asked = asked.ok_or_else(|| Problem::denied(format!("'{permission}' names no permission")))?;
    let kind = kinds.by_table(asked.resource());
    // Facts hold in one organisation: backups and the database itself are not one's. A trail is.
    let is_of_all = asked.is_of_the_installation() || (kind.is_none() && asked.resource() != TRAIL);
    if let (true, Subject::Somebody(Actor { org: 1.., .. })) = (is_of_all, subject) {
        let refusal = Refusal::of(permission).about(About::Installation);
        return Err(Problem::denied(format!("{asked} is not allowed: {}", Reason::Installation)).refusing(refusal));
    }
    let belongs = kind.is_some_and(Descriptor::belongs_somewhere);
    let nowhere = Belongings::default();
    let about = if belongs { About::Unnamed } else { About::Record(&nowhere) };
    let sentence = match access::decide(&asked, about, &Facts::of(subject)) {
        Decision::Allow(_) => return Ok(()),
        Decision::NeedsApproval(_) => format!("{asked} needs the approval of somebody else"),
        Decision::Deny(reason) => format!("{asked} is not allowed: {reason}"),
    };
    Err(Problem::denied(sentence).refusing(Refusal::of(permission).about(about)))
}

/// What may be told by a command; none: everything. What is about no kind of record is allowed without conditions or not at all: of
/// a trail all is told that is the organisation's, and of the whole database all that there is.
pub fn reader_of(subject: &Subject, kinds: Kinds, access: &Access) -> Option<Arc<dyn Telling>> {
    let Subject::Somebody(actor) = subject else { return None };
    let is_telling = !access.writes || access.recorded == Action::Export.as_str();
    if access.resource() == TRAIL && actor.org > 0 {
        let all = || Reader::new(actor.org, kinds.resources().map(|desc| (desc, Told::Of(Scope::All))));
        let reader = if is_telling { all() } else { reader_for(actor, kinds, None) };
        return Some(Arc::new(reader.with_trail()));
    }
    if access.permission == OF_EVERYBODY {
        return Some(Arc::new(reader_for(actor, kinds, None)));
    }
    let own = kinds.by_table(access.resource())?;
    let besides = Some((own, Some(access.permission.as_str()).filter(|_| is_telling)));
    Some(Arc::new(reader_for(actor, kinds, besides)))
}

/// The same where no command is known yet: what each permission to read gives.
pub fn reader_of_all(subject: &Subject, kinds: Kinds) -> Option<Arc<dyn Telling>> {
    match subject {
        Subject::LocalOperator => None,
        Subject::Somebody(actor) => Some(Arc::new(reader_for(actor, kinds, None))),
    }
}

/// Each kind by its own permission to read, and one by another besides.
fn reader_for(actor: &Actor, kinds: Kinds, own: Option<(&'static Descriptor, Option<&str>)>) -> Reader {
    let read = |desc: &Descriptor| actor.facts.covered(&format!("{}:{}", desc.table, desc.action(verbs::Verb::List)));
    let told = |desc: &'static Descriptor| {
        if desc.is_org() {
            // Its name is that of the place of everything.
            return (desc, Told::Of(Scope::All));
        }
        let besides = own.filter(|(own, _)| *own == desc);
        if let (None, Some((field, whole))) = (besides, desc.part_of()) {
            return (desc, Told::With(field, whole, read(whole)));
        }
        let besides = besides.and_then(|(_, permission)| permission).map(|besides| actor.facts.covered(besides));
        (desc, Told::Of(besides.map_or_else(|| read(desc), |besides| read(desc).and(&besides))))
    };
    let fields =
        kinds.resources().flat_map(|desc| desc.fields.iter().filter_map(move |f| Some((desc, f, f.told_by()?))));
    let fields = fields.map(|(desc, f, action)| (desc, f, actor.facts.covered(&format!("{}:{action}", desc.table))));
    // Who may be told of all records all of it needs no narrowing.
    let fields = fields.filter(|(_, _, scope)| *scope != Scope::All).collect();
    Reader::new(actor.org, kinds.resources().map(told)).with_fields(fields)
}

/// Decides with a record in hand, before anything is asked or tried of it: what it comes to is told at once, and decided again
/// under the lock.
pub async fn authorize(s: &mut Invocation<'_>, record: &Record) -> Result<()> {
    let Some(rights) = rights(s.context.subject) else { return Ok(()) };
    let permission = s.access().permission.clone();
    let scope = if record.meta.org_id == rights.org { (rights.covers)(&permission) } else { Scope::NOTHING };
    if reader::covers(s.db().await?, record, &scope).await? {
        return Ok(());
    }
    let belongings = stored::belongings(s.db().await?, record).await?;
    let refusal =
        Refusal::of(&permission).about(About::Record(&belongings)).of_record(record.desc.noun, record.meta.id);
    Err(Problem::denied(format!("{permission} is not allowed of {}", record.title())).refusing(refusal).into())
}

/// What the transactions of a command may write; none: everything.
fn rights(subject: &Subject) -> Option<Rights> {
    let Subject::Somebody(actor) = subject else { return None };
    let facts = actor.facts.clone();
    let bounds = Arc::new(OwnBounds::of(facts.clone()));
    Some(Rights { org: actor.org, covers: Arc::new(move |permission| facts.covered(permission)), bounds })
}

/// What is known of a user now.
pub async fn facts_of(db: &mut Db, (org, user): (i32, Uuid), at: DateTime<Utc>) -> Result<Facts> {
    let roles = stored::roles(db, org, Which::HeldBy(&[user]), None).await?;
    let facts = stored::facts(db, org, &[user], at, &roles, Past::Without).await?;
    Ok(facts.into_iter().next().unwrap_or_default())
}

/// Decides again under the lock, of somebody whose roles are in the database: they may have been taken back meanwhile.
async fn decide_again(tx: &mut Tx<'_>, subject: &Subject, permissions: impl Iterator<Item = &String>) -> Result<()> {
    let Subject::Somebody(Actor { org, facts }) = subject else { return Ok(()) };
    if facts.account.person.is_nil() {
        return Ok(());
    }
    let at = tx.at();
    let facts = facts_of(tx.db, (*org, facts.account.person), at).await?;
    let now = Subject::Somebody(Actor { org: *org, facts });
    for permission in permissions {
        decided_of(&now, tx.kinds(), permission)?;
    }
    if let Some(rights) = rights(&now) {
        tx.hold_rights(rights);
    }
    Ok(())
}

/// Runs a verb: everything of it, or nothing.
pub async fn write<V: Verb>(s: &mut Invocation<'_>, verb: &V) -> Result<V::Output> {
    s.db().await?;
    write_unchecked(s, verb).await
}

/// Runs a verb that made a secret, which can't be kept for another time: it is committed only when `show` has shown that, for it can't be had again.
pub async fn write_and_show<V: Verb>(
    s: &mut Invocation<'_>,
    verb: &V,
    show: impl FnOnce(&Ui, &V::Output) -> Result<()>,
) -> Result<V::Output> {
    s.db().await?;
    if let Some(tape) = s.context.tape {
        tape.borrow_mut().push(Err(not_kept(s.context, "it shows a secret, once")));
    }
    run(s, verb, Some(show), s.context.dry_run).await
}

/// Asks what a write to an organisation would ask, and refuses what it would refuse before it begins: for what is done
/// outside the database first, and would be left there.
pub async fn preflight(s: &mut Invocation<'_>, org: i32) -> Result<()> {
    s.db().await?;
    run(s, &Nothing { org }, None::<fn(&Ui, &()) -> Result<()>>, true).await
}

/// Takes the locks, and writes nothing.
#[derive(Debug, Serialize, serde::Deserialize)]
struct Nothing {
    org: i32,
}

impl Verb for Nothing {
    const NAME: &str = "nothing";

    type Output = ();

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("it does nothing")
    }

    async fn run(&self, _: &mut Tx<'_>, _: &ParseContext) -> Result<()> {
        Ok(())
    }
}

/// As [`write()`], on a database whose schema is still to be made: `init` and `db migrate`.
pub async fn write_unchecked<V: Verb>(s: &mut Invocation<'_>, verb: &V) -> Result<V::Output> {
    if let Some(tape) = s.context.tape {
        tape.borrow_mut().push(to_keep(s.context, verb));
    }
    run(s, verb, None::<fn(&Ui, &V::Output) -> Result<()>>, s.context.dry_run).await
}

/// A command as it is kept, or why it can't be.
fn to_keep<V: Verb>(context: &Context<'_>, verb: &V) -> Result<StoredCommand, Problem> {
    if let Some(why) = verb.cannot_be_kept() {
        return Err(not_kept(context, why));
    }
    let arguments = serde_json::to_value(verb).map_err(|e| not_kept(context, &e.to_string()))?;
    let (called, force) = (context.verb.clone(), context.force);
    Ok(StoredCommand {
        name: V::NAME.to_owned(),
        called,
        force,
        zone: context.origin.zone.name().map(str::to_owned),
        arguments,
    })
}

fn not_kept(context: &Context<'_>, why: &str) -> Problem {
    Problem::usage(format!("'{}' can't be kept for another time: {why}", context.verb))
}

async fn run<V: Verb>(
    s: &mut Invocation<'_>,
    verb: &V,
    mut show: Option<impl FnOnce(&Ui, &V::Output) -> Result<()>>,
    is_dry: bool,
) -> Result<V::Output> {
    allow(s)?;
    let needs = verb.needs(s.kinds(), &s.connection.parsing)?;
    needs.iter().try_for_each(|permission| decided(s.context, permission))?;
    let permit = Permit::issue(&s.access().permission).within(rights(s.context.subject));
    let orgs = verb.orgs();
    if let [org, ..] = orgs.as_slice() {
        s.outcome.about = *org;
    }
    writable(s.unchecked_db().await?).await?;
    let Some(mut db) = s.connection.take() else { return Err(anyhow::anyhow!("the connection is in use")) };
    let done = transact(s, &mut db, permit.clone(), &orgs, verb, &mut show, is_dry).await;
    let done = match done.map_err(Error::from) {
        Err(Error::ClockInDoubt(question)) => match s.context.ui.confirm(&question).await {
            Ok(()) => {
                s.outcome.clock_is_sure = true;
                transact(s, &mut db, permit, &orgs, verb, &mut show, is_dry).await
            }
            Err(e) => Err(e),
        },
        done => done.map_err(Into::into),
    };
    s.connection.put(db);
    done
}

/// What holds a part of a backup alone is never written to, whatever the command declares about itself.
async fn writable(db: &mut Db) -> Result<&mut Db> {
    match db.partial {
        Some(_) => Err(refusal(db).await?.into()),
        None => Ok(db),
    }
}

/// A lock that stood in the way anywhere, of a writer or of a reader, in words.
pub fn in_words(s: &Invocation<'_>, e: anyhow::Error) -> anyhow::Error {
    match Error::from(e) {
        lacking @ Error::NoRight(_) => {
            Problem::failed(lacking.to_string()).hint(who_has_the_right(&s.context.verb)).into()
        }
        Error::Busy | Error::LockTimeout => {
            let waited = s.connection.opening.wait.as_secs();
            Problem::failed(format!("another command holds what this one needs; waited {waited} s"))
                .hint("run the command again later, or wait longer with --wait SECONDS")
                .into()
        }
        e => e.into(),
    }
}

/// What `db grants` prints is for work with the data, and the rest is the owner's: a hint to it would lead in a circle.
fn who_has_the_right(verb: &str) -> &'static str {
    match verb {
        "init" | "backup restore" => {
            "run it as the owner of the database, or let that one grant CREATE on the database"
        }
        "db migrate" | "db rollback" | "db reset" | "db copy" | "audit archive" | "audit erase" => {
            "run it as the owner of orgctl's tables, who ran 'orgctl init'"
        }
        "audit checkpoint" => "'orgctl db grants --role ROLE --checkpoints' prints what the owner has to grant",
        _ => "'orgctl db grants --role ROLE' prints what the owner has to grant",
    }
}

async fn transact<V: Verb>(
    s: &mut Invocation<'_>,
    db: &mut Db,
    permit: Permit,
    orgs: &[i32],
    verb: &V,
    show: &mut Option<impl FnOnce(&Ui, &V::Output) -> Result<()>>,
    is_dry: bool,
) -> Result<V::Output> {
    let mut origin = s.origin();
    origin.source = verb.source().unwrap_or(origin.source);
    if !is_dry {
        tx::ensure_actor(db, &origin, s.context.clock).await?;
    }
    let ui = &s.context.ui;
    let mut waiting = |text: &str| ui.status(text);
    let mut tx = Tx::begin(db, permit, &origin, s.context.clock, s.context.random, &mut waiting).await?;
    tx.accept_inactive(s.context.force);
    let done = async {
        let is_recorded = verb.noun().and_then(|noun| tx.kinds().by_noun(noun)).is_none_or(Descriptor::is_recorded);
        tx.lock(if is_recorded { orgs } else { &[] }, &mut waiting).await?;
        let needs = verb.needs(tx.kinds(), &s.connection.parsing)?;
        decide_again(&mut tx, s.context.subject, std::iter::once(&s.access().permission).chain(&needs)).await?;
        let output = verb.run(&mut tx, &s.connection.parsing).await?;
        // Rules of many rows take their time: until they hold, a signal ends the command.
        tx.finish().await?;
        Ok(output)
    }
    .await;
    let done = match (done, if is_dry { None } else { show.take() }) {
        (Ok(output), Some(show)) => s.context.ui.show_once(|ui| show(ui, &output)).map(|()| output),
        (done, _) => done,
    };
    match done {
        Ok(output) if !is_dry => {
            s.outcome.committing.set(true);
            let committed = tx.commit().await;
            s.outcome.committing.set(committed.is_ok());
            Ok(committed.map(|()| output)?)
        }
        other => {
            // Where this fails the connection is gone, and the server undoes the transaction by itself.
            let _ = tx.rollback().await;
            other
        }
    }
}

/// The status under which a command that ended so is recorded; none where it is not.
fn status_of(s: &Invocation<'_>, kind: ErrorKind) -> Option<Status> {
    match kind {
        ErrorKind::Denied => Some(Status::Denied),
        ErrorKind::Interrupted | ErrorKind::Terminated => Some(Status::Interrupted),
        ErrorKind::Conflict | ErrorKind::Invalid | ErrorKind::Integrity => Some(Status::Failed),
        // Of many that were dealt with one by one, some were refused.
        ErrorKind::Partial if !s.outcome.targets.is_empty() => Some(Status::Failed),
        _ => None,
    }
}

/// Whether a refusal of this kind is recorded.
pub fn is_recorded(s: &Invocation<'_>, kind: ErrorKind) -> bool {
    status_of(s, kind).is_some()
}

/// How long the record of an interrupted command may wait for its lock.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

/// Records that a writing command was refused, failed or was interrupted, in a transaction of its own
/// (DOMAIN.md, section 5: exits 4, 5, 6, 8, 130 and 143; not usage errors and keys not found). What somebody was not allowed
/// says where that is recorded, and how it is explained.
pub async fn record_refusal(s: &mut Invocation<'_>, problem: &mut Problem) {
    let Some(status) = status_of(s, problem.kind) else { return };
    // What is not allowed is recorded whatever it is; of reads only that.
    if (!s.access().writes && status != Status::Denied) || s.context.dry_run {
        return;
    }
    if status == Status::Interrupted {
        // Whoever interrupts does not want to wait, least of all for the lock that the command waited for.
        s.connection.opening.wait = s.connection.opening.wait.min(PATIENCE);
    }
    // The command's own connection may be in the middle of something.
    s.connection.close().await;
    let question = question_of(s, problem);
    if let (Some(_), Subject::Somebody(actor)) = (&question, s.context.subject) {
        // Rights are rights in one organisation, and so is what they lack.
        s.outcome.about = actor.org;
    }
    match try_record(s, status, problem, question.as_ref()).await {
        Ok(recorded) if question.is_some() => {
            let Recorded { org, seq } = &recorded;
            let explain = format!("orgctl role explain --denied {seq} --org {org}");
            let may = |permission| decided_of(s.context.subject, s.kinds(), permission).is_ok();
            let told = match EXPLAINED_BY.into_iter().all(may) {
                true => format!("'{explain}' tells why"),
                false => format!("ask somebody who may {}", EXPLAINED_BY.join(" and ")),
            };
            problem.hints.push(format!("the refusal is record {seq} of {org}: {told}"));
            problem.recorded = Some(Box::new(recorded));
        }
        Ok(_) => {}
        Err(e) => {
            s.context.ui.verbose(&format!("{e:#}"));
            s.context.ui.warn("no audit record could be made of this refusal");
        }
    }
}

/// What must be allowed to explain a refusal.
const EXPLAINED_BY: [&str; 2] = ["roles:read", "audit:read"];

/// What was asked about the rights of who asks and answered with no; none where they are not what refused it.
fn question_of(s: &Invocation<'_>, problem: &Problem) -> Option<Refusal> {
    let Subject::Somebody(actor) = s.context.subject else { return None };
    if problem.kind != ErrorKind::Denied {
        return None;
    }
    let mut question = match (&problem.refusal, s.outcome.targets.as_slice()) {
        (Some(refusal), _) => Refusal::clone(refusal),
        (None, [one, ..]) => Refusal::of(&s.access().permission).of_record(one.noun, one.id),
        (None, []) => Refusal::of(&s.access().permission),
    };
    question.user_id = Some(actor.facts.account.person).filter(|id| !id.is_nil());
    Some(question)
}

/// Writes what the command had to say in the system log. Where that fails the command has ended all the same, and what it
/// said is on standard error.
pub async fn write_log(s: &mut Invocation<'_>) {
    let mut messages = std::mem::take(&mut s.outcome.log);
    if s.access().writes {
        let warned = s.context.ui.take_warned();
        let message =
            |text: String| (s.outcome.about, SystemLog::new(Level::Warning, &s.context.verb, &text, Map::new()));
        messages.extend(warned.into_iter().map(message));
    }
    if messages.is_empty() || s.context.dry_run {
        return;
    }
    s.connection.opening.wait = s.connection.opening.wait.min(JOURNAL_WAIT);
    s.connection.close().await;
    match try_log(s, messages).await {
        Ok(true) => {}
        Ok(false) => {
            let waited = JOURNAL_WAIT.as_millis();
            s.context.ui.warn(&format!(
                "the system log lacks this: another command was writing, and was waited for {waited} ms"
            ));
        }
        Err(e) => s.context.ui.verbose(&format!("the system log could not be written: {e:#}")),
    }
}

/// Whether it was written: none waits longer for it than it is worth.
async fn try_log(s: &mut Invocation<'_>, messages: Vec<(i32, SystemLog)>) -> Result<bool> {
    let permit = Permit::issue(&s.access().permission);
    let origin = s.origin();
    let (clock, random) = (s.context.clock, s.context.random);
    let db = writable(s.db().await?).await?;
    let Some(mut tx) = Tx::begin_soon(db, permit, &origin, clock, random).await? else { return Ok(false) };
    let rows = messages.into_iter().map(|(org, message)| (org, message.into_values())).collect();
    tx.note(SystemLog::DESCRIPTOR, rows).await?;
    Ok(tx.commit().await.map(|()| true)?)
}

/// Ids of those that a refused command was about, at most; of more their number tells.
const NAMED: usize = 1000;

async fn try_record(
    s: &mut Invocation<'_>,
    status: Status,
    problem: &Problem,
    question: Option<&Refusal>,
) -> Result<Recorded> {
    let permit = Permit::issue(&s.access().permission);
    let origin = s.origin();
    let (clock, random, org, access) = (s.context.clock, s.context.random, s.outcome.about, s.access().clone());
    let mut details = std::mem::take(&mut s.outcome.refused);
    details.insert("verb".into(), s.context.verb.as_str().into());
    details.insert("exit_code".into(), problem.kind.exit_code().into());
    if let Some(question) = question {
        details.insert("question".into(), serde_json::to_value(question)?);
    }
    let mut seen = HashSet::new();
    let mut targets = std::mem::take(&mut s.outcome.targets);
    targets.retain(|t| t.org == org && seen.insert((t.noun, t.id, t.key.clone())));
    let noun = s.kinds().by_table(access.resource()).map_or(access.resource(), |desc| desc.noun);
    let db = writable(s.db().await?).await?;
    let mut tx = Tx::begin(db, permit, &origin, clock, random, &mut |_| {}).await?;
    tx.lock(&[org], &mut |_| {}).await?;
    tx.mark_failed(status, &problem.sentence);
    let (noun, id, key) = match targets.as_slice() {
        [] => (noun, Uuid::nil(), None),
        [one] => (one.noun, one.id, one.key.clone()),
        several => {
            let ids: Vec<Json> = several.iter().take(NAMED).map(|t| t.id.to_string().into()).collect();
            details.insert("resource_ids".into(), ids.into());
            details.insert("resources".into(), several.len().into());
            (several[0].noun, Uuid::nil(), None)
        }
    };
    // Nobody else appends to it meanwhile.
    let seq = i64::try_from(size(tx.db, Some(org)).await?)? + 1;
    tx.refusal(org, access.recorded, noun, id, Payload { key, details, ..Payload::default() }).await?;
    let recorded = Recorded { org: records::org_code(tx.db, org).await?, seq };
    tx.commit().await?;
    Ok(recorded)
}
