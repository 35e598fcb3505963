//! Changing any resource: the verbs of a new and of a changed record, and what is said of them.

use std::borrow::Cow;
use std::collections::HashMap;

use anyhow::Result;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use uuid::Uuid;

use super::context::Context;
use super::defaults::blank;
use super::flags::Named;
use super::former;
use super::gate::{self, Verb};
use super::invocation::Invocation;
use super::keys::keys;
use super::leaf::{KindVerb, flags};
use super::lookup::{find_each, not_system};
use super::read::{known_columns, print_changed};
use super::seed;
use crate::model::kinds::org;
use crate::model::kinds::org::SYSTEM;
use crate::model::kinds::user::CAN_LOGIN;
use crate::model::problem::Problem;
use crate::model::resource::key::joined;
use crate::model::resource::lifecycle::{ENDED, EXPIRES};
use crate::model::resource::stored::Stored;
use crate::model::resource::verbs;
use crate::model::resource::verbs::Verb as VerbName;
use crate::model::resource::{Descriptor, Field, IS_ACTIVE, Record, Resource, examples};
use crate::model::trail::audit::{Action, ChangeNote};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, rfc3339};
use crate::store::records::keys as store_keys;
use crate::store::records::{self, Deleted};
use crate::store::records::{credentials, settings};
use crate::store::tx::Tx;

/// Finds the descriptor that a stored verb names.
pub fn described(tx: &Tx<'_>, noun: &str) -> Result<&'static Descriptor> {
    tx.kinds().by_noun(noun).ok_or_else(|| anyhow::anyhow!("there is no resource '{noun}'"))
}

/// Creates one record.
#[derive(Debug, Serialize, Deserialize)]
pub struct Create {
    pub noun: String,
    /// The organisation it belongs to; none where it is one.
    pub org: Option<i32>,
    /// Column and value.
    pub values: Vec<(String, Value)>,
}

/// A record that was made, and the one whose place it took.
pub struct Created {
    pub record: Record,
    pub former: Option<Record>,
}

impl Verb for Create {
    const NAME: &str = "create";

    type Output = Created;

    fn orgs(&self) -> Vec<i32> {
        // A new organisation takes its number under SYSTEM's lock.
        vec![self.org.unwrap_or(SYSTEM)]
    }

    fn noun(&self) -> Option<&str> {
        Some(&self.noun)
    }

    async fn run(&self, tx: &mut Tx<'_>, context: &ParseContext) -> Result<Created> {
        let desc = described(tx, &self.noun)?;
        let mut context = Cow::Borrowed(context);
        let org = match self.org {
            Some(org) => org,
            None => {
                // What a new organisation begins with is as the installation says now, under its lock.
                context = Cow::Owned(ParseContext { zone: tx.zone(), ..settings::parse_context(tx.db, SYSTEM).await? });
                tx.new_org_number().await?
            }
        };
        let record = begun(tx, desc, org, &self.values, &context)?;
        let created = create(tx, record, &self.values).await?;
        if desc.is_org() {
            seed::found(tx, &[created.record.meta.record_id()], &context).await?;
        }
        Ok(created)
    }
}

/// A record as it is with what is given, before anything is made that was not.
pub fn begun(
    tx: &mut Tx<'_>,
    desc: &'static Descriptor,
    org: i32,
    given: &[(String, Value)],
    context: &ParseContext,
) -> Result<Record> {
    let id = tx.new_id();
    let mut record = blank(tx, desc, org, id, context)?;
    for (column, value) in given {
        record.set(desc.known(column)?.column, value.clone());
    }
    Ok(record)
}

/// Writes a new record, with what is made where it was not given; one of a superseding kind ends the one before it.
pub async fn create(tx: &mut Tx<'_>, mut record: Record, given: &[(String, Value)]) -> Result<Created> {
    let (desc, (org, id)) = (record.desc, record.meta.record_id());
    if let Some((field, _)) = desc.generated().filter(|(f, _)| record.get(f.column).is_null()) {
        let codes = tx.generate_codes(desc, org, 1, "").await?;
        record.set(field.column, codes.into_iter().next().into());
    }
    if let Some((field, within)) = desc.counted().filter(|(f, _)| record.get(f.column).is_null())
        && let Some(container) = record.get(within.column).as_uuid()
    {
        record.set(field.column, tx.next_number(desc, org, container).await?.into());
    }
    valid(&record, given, tx.today())?;
    record.begins(false)?;
    let former = end_former(tx, &record).await?;
    keys_free(tx, &record).await?;
    let record = tx.insert(desc, org, id, record.values).await?;
    Ok(Created { record, former })
}

/// As [`create`], of many of a kind, each with the one whose place it takes, if one has it: none but that has its natural key.
/// What one would ask the database for is asked for all of them together, where that key is all that there is to ask.
pub async fn create_all(
    tx: &mut Tx<'_>,
    desc: &'static Descriptor,
    new: Vec<(Record, Option<Record>)>,
    given: &[(String, Value)],
) -> Result<Vec<Created>> {
    let is_plain = desc.all_keys().count() == 1
        && desc.former_keys.is_none()
        && desc.generated().is_none()
        && desc.counted().is_none();
    if !is_plain {
        let mut made = Vec::new();
        for (record, _) in new {
            made.push(create(tx, record, given).await?);
        }
        return Ok(made);
    }
    let (mut records, mut formers) = (Vec::with_capacity(new.len()), Vec::with_capacity(new.len()));
    for (record, former) in new {
        valid(&record, given, tx.today())?;
        record.begins(false)?;
        formers.push(match former {
            Some(former) => Some(end_in_favour(tx, &former).await?),
            None => None,
        });
        records.push(record);
    }
    let made = tx.insert_all(records).await?;
    Ok(made.into_iter().zip(formers).map(|(record, former)| Created { record, former }).collect())
}

/// Refuses a record with all that is wrong with it by itself, told of the fields that were given.
fn valid(record: &Record, given: &[(String, Value)], today: NaiveDate) -> Result<(), Problem> {
    let is_given = |f: &Field| given.iter().any(|(column, _)| column == f.column);
    let faults = record.faults(today).into_iter().map(|p| record.desc.as_given(p, is_given));
    Problem::joined(faults).map_or(Ok(()), Err)
}

/// Ends the live record whose place a new one of a superseding kind takes: that of the same natural key.
async fn end_former(tx: &mut Tx<'_>, record: &Record) -> Result<Option<Record>> {
    let (desc, org) = (record.desc, record.meta.org_id);
    if !desc.ends() {
        return Ok(None);
    }
    let key = desc.key();
    let there = store_keys::holder(tx.db, desc, org, key, &store_keys::parts_of(record, key)).await?;
    for other in desc.all_keys().skip(1) {
        let holder = store_keys::holder(tx.db, desc, org, other, &store_keys::parts_of(record, other)).await?;
        let is_former = |r: &Record| there.as_ref().is_some_and(|there| there.meta.id == r.meta.id);
        if let Some(expired) = holder.filter(|r| r.has_expired(tx.at()) && !is_former(r)) {
            end(tx, &expired, "expire").await?;
        }
    }
    let Some(former) = there else { return Ok(None) };
    end_in_favour(tx, &former).await.map(Some)
}

/// Ends a record whose place another one takes.
async fn end_in_favour(tx: &mut Tx<'_>, former: &Record) -> Result<Record> {
    end(tx, former, if former.has_expired(tx.at()) { "expire" } else { "supersede" }).await
}

/// Ends a record: it stays as history. `verb` says why.
pub async fn end(tx: &mut Tx<'_>, before: &Record, verb: &str) -> Result<Record> {
    let mut after = before.clone();
    after.set(ENDED, tx.at().into());
    Ok(tx.update(before, after, of_end(verb)).await?.unwrap_or_else(|| before.clone()))
}

/// What is recorded of an end: `verb` says why.
fn of_end(verb: &str) -> ChangeNote {
    ChangeNote { action: Action::Update, details: Map::from_iter([("verb".to_owned(), verb.into())]) }
}

/// Ends records of a superseding kind.
#[derive(Debug, Serialize, Deserialize)]
pub struct End {
    pub noun: String,
    pub targets: Vec<Target>,
}

impl Verb for End {
    const NAME: &str = "end";

    type Output = Vec<Record>;

    fn orgs(&self) -> Vec<i32> {
        self.targets.iter().map(|t| t.org).collect()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<Record>> {
        let desc = described(tx, &self.noun)?;
        let at = tx.at();
        let telling = of_end("revoke");
        let ended = change_all(tx, desc, &self.targets, &telling, |before| {
            let mut after = before.clone();
            after.set(ENDED, at.into());
            Ok(after)
        });
        Ok(ended.await?.into_iter().map(|c| c.record).collect())
    }
}

flags! {
    /// The flags of `revoke`.
    pub struct RevokeFlags {
        named: Named,
    }
}

impl KindVerb for RevokeFlags {
    const VERB: VerbName = VerbName::Revoke;
    const WRITES: bool = true;

    fn about(desc: &Descriptor) -> String {
        format!("End {}; they stay as history", desc.plural())
    }

    fn examples(desc: &Descriptor) -> String {
        let (noun, key) = (desc.noun, examples::key(desc));
        format!("orgctl {noun} revoke {key}\norgctl {noun} list --filter status=ended")
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        let records = targets(s, desc, &self.named.key).await?;
        known_columns(s.context, desc)?;
        let targets = records.iter().map(Target::of).collect();
        let ended = gate::write(s, &End { noun: desc.noun.into(), targets }).await?;
        for record in &ended {
            s.context.ui.status(&format!("ended {}", record.title()));
        }
        dry_run_note(s.context);
        let which: Vec<_> = ended.iter().map(|r| r.meta.record_id()).collect();
        print_changed(s, desc, &which).await
    }
}

/// Who has a key that a record wants.
pub enum Holder {
    /// Another live record.
    Live(Problem),
    /// One that it means since a merge; or it is a former key itself, and somebody lives under it.
    Formerly(Problem),
}

/// Refuses a record of which another live one has a key, or had it when it was merged. What was a former key of the record
/// itself is its own again from now on.
pub async fn keys_free(tx: &mut Tx<'_>, record: &Record) -> Result<()> {
    match holder(tx, record).await? {
        Some(Holder::Live(p) | Holder::Formerly(p)) => Err(p.into()),
        None => Ok(()),
    }
}

/// The same, for whoever tells otherwise of the one than of the other.
pub async fn holder(tx: &mut Tx<'_>, record: &Record) -> Result<Option<Holder>> {
    let holders = store_keys::holders(tx.db, record).await?;
    let Some(key) = holders.live else {
        let formerly = match former::means_another(tx, record, &holders.former).await? {
            None => former::not_to_be_back(tx, record).await?,
            another => another,
        };
        if formerly.is_none() {
            former::own_again(tx, &holders.former, record).await?;
        }
        return Ok(formerly.map(Holder::Formerly));
    };
    let mut named = record.clone();
    store_keys::tell(tx.db, std::slice::from_mut(&mut named)).await?;
    let words: Vec<String> = key.parts().map(|f| named.part(f)).collect();
    let parts = store_keys::parts_of(record, key);
    let is_told = !tx.db.is_narrow()
        || store_keys::holder(&mut tx.db.telling(), record.desc, record.meta.org_id, key, &parts).await?.is_some();
    let p = taken(tx, record, &joined(&words), &key.name(), is_told).await?;
    Ok(Some(Holder::Live(match key.alone() {
        Some(field) => p.field(field.name()),
        None => p,
    })))
}

/// A key that another live record has, which can be told or not.
async fn taken(tx: &mut Tx<'_>, record: &Record, key: &str, name: &str, is_told: bool) -> Result<Problem> {
    let (desc, org) = (record.desc, record.meta.org_id);
    let place = if desc.is_org() { String::new() } else { format!(" in {}", records::org_code(tx.db, org).await?) };
    Ok(Problem::conflict(format!("{} {key} exists already{place}", desc.noun)).hint(
        match is_told && desc.does(verbs::Verb::Update) {
            true => format!("change it with 'orgctl {} update {key}', or choose another {name}", desc.noun),
            false => format!("choose another {name}"),
        },
    ))
}

/// SYSTEM owns what belongs to the installation; records of this kind belong to an organisation.
pub fn not_in_system(desc: &Descriptor, org: i32) -> Result<i32, Problem> {
    if org == SYSTEM && !desc.may_be_in_system() {
        return Err(Problem::conflict(format!("{} belongs to an organisation, not to SYSTEM", desc.indefinite()))
            .hint("name the organisation with --org"));
    }
    Ok(org)
}

/// Says what was made, and prints it where a format was asked for.
pub(super) async fn tell_created(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    org: Option<i32>,
    created: &Created,
) -> Result<()> {
    let record = &created.record;
    let place = match org {
        Some(org) => format!(" in {}", records::org_code(s.db().await?, org).await?),
        None => String::new(),
    };
    s.context.ui.status(&format!("created {}{place}", record.title()));
    tell_former(s.context, created);
    dry_run_note(s.context);
    note_without_password(s, &[record]).await?;
    print_changed(s, desc, &[record.meta.record_id()]).await
}

/// Says whose place a new record took.
pub(super) fn tell_former(context: &Context<'_>, created: &Created) {
    if let Some(former) = &created.former {
        let end = |record: &Record| record.find(EXPIRES).and_then(Value::as_time);
        let would = match (end(former), end(&created.record)) {
            (before, after) if before == after => String::new(),
            (None, _) => " and had no end".to_owned(),
            (Some(end), _) if former.has_expired(context.clock.now()) => format!(" at {}", rfc3339(end)),
            (Some(end), _) => format!(" and would have ended at {}", rfc3339(end)),
        };
        let of = rfc3339(former.meta.created_at);
        context.ui.status(&format!("it takes the place of the one of {of}, which has ended{would}"));
    }
}

/// Said at the end of every dry run.
pub fn dry_run_note(context: &Context<'_>) {
    if context.dry_run {
        context.ui.status("dry run: nothing was changed");
    }
}

/// A record that a verb is to change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Target {
    pub org: i32,
    pub id: Uuid,
    /// The version that was seen; any, where none is given.
    pub version: Option<i64>,
    /// Column and value of what was seen of it that links tell, whose changes are no new version.
    pub told: Vec<(String, Value)>,
}

impl Target {
    /// A record, whatever it says by then.
    pub fn of(record: &Record) -> Target {
        Target { org: record.meta.org_id, id: record.meta.id, version: None, told: Vec::new() }
    }

    /// A record, if it says what it says now.
    pub fn as_seen(record: &Record) -> Target {
        let firsts = record.desc.lists.iter().filter_map(|list| list.first);
        let told = firsts.map(|column| (column.to_owned(), record.get(column).clone())).collect();
        Target { version: Some(record.meta.version), told, ..Target::of(record) }
    }

    /// Whether a record is as it was seen.
    pub fn is_met_by(&self, record: &Record) -> bool {
        self.version.is_none_or(|seen| seen == record.meta.version) && other_fields(record, &self.told).is_empty()
    }

    /// Reads the record under the lock and holds it against what was seen.
    pub async fn load(&self, tx: &mut Tx<'_>, desc: &'static Descriptor) -> Result<Record> {
        let found = tx.load(desc, self.org, self.id).await?;
        let record = self.checked(desc, found)?;
        tx.authorize(std::slice::from_ref(&record)).await?;
        Ok(record)
    }

    /// As [`Target::load`], of many, with a statement for many of them.
    pub async fn load_all(targets: &[Target], tx: &mut Tx<'_>, desc: &'static Descriptor) -> Result<Vec<Record>> {
        tx.flush().await?;
        let found = records::with_record_ids(tx.db, desc, targets.iter().map(|t| (t.org, t.id))).await?;
        let found: HashMap<(i32, Uuid), Record> = found.into_iter().map(|r| (r.meta.record_id(), r)).collect();
        let mut all = Vec::with_capacity(targets.len());
        for target in targets {
            all.push(target.checked(desc, found.get(&(target.org, target.id)).cloned())?);
        }
        tx.authorize(&all).await?;
        Ok(all)
    }

    /// The record, if it is as it was seen.
    fn checked(&self, desc: &Descriptor, found: Option<Record>) -> Result<Record, Problem> {
        let gone = || Problem::conflict(format!("the {} was deleted by somebody else in the meantime", desc.noun));
        let record = found.ok_or_else(gone)?;
        is_version(&record, self.version)?;
        let other = other_fields(&record, &self.told);
        if !other.is_empty() {
            let sentence = format!("{} was changed in the meantime: {other}", record.title());
            return Err(Problem::conflict(sentence).hint(look_again(&record)));
        }
        Ok(record)
    }

    /// As [`Target::load`], of a kind that the caller knows.
    pub async fn load_as<T: Resource>(&self, tx: &mut Tx<'_>) -> Result<Stored<T>> {
        Ok(Stored::from_record(&self.load(tx, T::DESCRIPTOR).await?)?)
    }
}

/// The fields in which a record says something else than these values, as a sentence has them.
pub(super) fn other_fields(record: &Record, values: &[(String, Value)]) -> String {
    let other = values.iter().filter(|(column, value)| record.get(column) != value);
    let names: Vec<&str> = other.filter_map(|(column, _)| Some(record.desc.field(column)?.name())).collect();
    names.join(" and ")
}

/// Holds a record against the version that was seen.
pub(super) fn is_version(record: &Record, seen: Option<i64>) -> Result<(), Problem> {
    let Some(seen) = seen.filter(|seen| *seen != record.meta.version) else { return Ok(()) };
    let sentence = format!("{} has version {}, not {seen}", record.title(), record.meta.version);
    Err(Problem::conflict(sentence).hint(look_again(record)))
}

fn look_again(record: &Record) -> String {
    format!("somebody changed it; look at it again: orgctl {} show {}", record.desc.noun, record.key())
}

/// Sets fields of records. What others changed in other fields stays.
#[derive(Debug, Serialize, Deserialize)]
pub struct Change {
    pub noun: String,
    pub targets: Vec<Target>,
    pub set: Vec<(String, Value)>,
    pub action: Action,
}

/// A record after a change, and the names of the fields that changed.
pub struct ChangedRecord {
    pub record: Record,
    pub fields: Vec<&'static str>,
}

impl Verb for Change {
    const NAME: &str = "change";

    type Output = Vec<ChangedRecord>;

    fn orgs(&self) -> Vec<i32> {
        self.targets.iter().map(|t| t.org).collect()
    }

    fn noun(&self) -> Option<&str> {
        Some(&self.noun)
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<ChangedRecord>> {
        let desc = described(tx, &self.noun)?;
        let today = tx.today();
        change_all(tx, desc, &self.targets, &self.action.into(), |before| {
            not_system(before)?;
            let mut after = before.clone();
            for (column, value) in &self.set {
                after.set(desc.known(column)?.column, value.clone());
            }
            valid(&after, &self.set, today)?;
            after.stays_about(before)?;
            not_its_own_parent(&after)?;
            Ok(after)
        })
        .await
    }
}

/// Records of which a statement reads and writes so many.
const TOGETHER: usize = 1000;

/// Changes live records by what `change` makes of each, with a statement for many of them. What is to have another key is
/// asked for it when the ones before it have theirs.
pub async fn change_all(
    tx: &mut Tx<'_>,
    desc: &'static Descriptor,
    targets: &[Target],
    telling: &ChangeNote,
    mut change: impl FnMut(&Record) -> Result<Record>,
) -> Result<Vec<ChangedRecord>> {
    let mut changed = Vec::with_capacity(targets.len());
    for some in targets.chunks(TOGETHER) {
        let (mut waiting, mut told) = (Vec::with_capacity(some.len()), Vec::with_capacity(some.len()));
        for before in Target::load_all(some, tx, desc).await? {
            if !before.is_live() {
                return Err(Problem::conflict(before.why_gone()).into());
            }
            let after = change(&before)?;
            let fields = before.fields_other_than(&after);
            if desc.all_keys().any(|key| key.parts().any(|f| fields.contains(&f.name()))) {
                write_changed(tx, &mut waiting, &mut told, telling, &mut changed).await?;
                keys_free(tx, &after).await?;
            }
            told.push(fields);
            waiting.push((before, after));
        }
        write_changed(tx, &mut waiting, &mut told, telling, &mut changed).await?;
    }
    Ok(changed)
}

/// Writes what waits.
async fn write_changed(
    tx: &mut Tx<'_>,
    waiting: &mut Vec<(Record, Record)>,
    told: &mut Vec<Vec<&'static str>>,
    telling: &ChangeNote,
    changed: &mut Vec<ChangedRecord>,
) -> Result<()> {
    let originals: Vec<Record> = waiting.iter().map(|(before, _)| before.clone()).collect();
    let written = tx.update_all(std::mem::take(waiting), telling).await?;
    for ((before, record), fields) in originals.into_iter().zip(written).zip(told.drain(..)) {
        changed.push(ChangedRecord { record: record.unwrap_or(before), fields });
    }
    Ok(())
}

/// The shortest cycle, which the database's own rule would refuse in fewer words than `invariants`.
pub fn not_its_own_parent(record: &Record) -> Result<(), Problem> {
    match record.desc.parent() {
        Some(f) if *record.get(f.column) == record.meta.id.into() => {
            Err(Problem::conflict(format!("{} can't stand below itself", record.title()))
                .hint(format!("choose a {} that is not below it", f.name()))
                .field(f.name()))
        }
        _ => Ok(()),
    }
}

/// The records that keys name, all of one organisation, and that; none where a person picked nothing.
pub async fn targets_of_one_org(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    given: &[String],
) -> Result<Option<(i32, Vec<Record>)>> {
    let records = targets(s, desc, given).await?;
    let Some(org) = records.first().map(|r| r.meta.org_id) else { return Ok(None) };
    if records.iter().any(|r| r.meta.org_id != org) {
        return Err(Problem::usage(format!("the {} belong to several organisations", desc.plural()))
            .hint("name those of one at a time")
            .into());
    }
    Ok(Some((org, records)))
}

/// The records that keys name, as targets.
pub async fn targets(s: &mut Invocation<'_>, desc: &'static Descriptor, given: &[String]) -> Result<Vec<Record>> {
    let keys = keys(s, desc, Deleted::Exclude, given).await?;
    let org = s.org_of(desc).await?;
    let found = find_each(s, desc, org, &keys).await?;
    for record in &found {
        s.is_about(record);
        not_system(record)?;
    }
    Ok(found)
}

/// Runs a [`Change`] and tells what came of it.
pub async fn change(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    records: &[Record],
    version: Option<i64>,
    set: Vec<(String, Value)>,
    action: Action,
) -> Result<()> {
    known_columns(s.context, desc)?;
    let targets = records.iter().map(|r| Target { version, ..Target::of(r) }).collect();
    let changed = gate::write(s, &Change { noun: desc.noun.into(), targets, set, action }).await?;
    tell_changed(s, desc, &changed, action).await
}

/// Says what was changed, and prints it where a format was asked for.
pub async fn tell_changed(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    changed: &[ChangedRecord],
    action: Action,
) -> Result<()> {
    say_changed(s.context, changed, action);
    dry_run_note(s.context);
    let may_now = |c: &&ChangedRecord| c.fields.contains(&CAN_LOGIN);
    note_without_password(s, &changed.iter().filter(may_now).map(|c| &c.record).collect::<Vec<_>>()).await?;
    let which: Vec<_> = changed.iter().map(|c| c.record.meta.record_id()).collect();
    print_changed(s, desc, &which).await
}

/// Says what was changed.
pub(super) fn say_changed(context: &Context<'_>, changed: &[ChangedRecord], action: Action) {
    let done = match action {
        Action::Activate => "activated",
        Action::Deactivate => "deactivated",
        Action::Move => "moved",
        Action::UserBlock => "blocked",
        Action::UserUnblock => "unblocked",
        _ => "updated",
    };
    for c in changed {
        let title = c.record.title();
        context.ui.status(&match (c.fields.is_empty(), action) {
            (true, _) => format!("{title} is so already; nothing was changed"),
            (false, Action::Update) => format!("{done} {title}: {}", c.fields.join(", ")),
            (false, _) => format!("{done} {title}"),
        });
    }
}

/// Says who may sign in and has nothing to sign in with.
async fn note_without_password(s: &mut Invocation<'_>, records: &[&Record]) -> Result<()> {
    if s.context.dry_run {
        return Ok(());
    }
    for record in records.iter().filter(|r| r.is_true(CAN_LOGIN)) {
        if credentials::without_password(s.db().await?, record.meta.org_id, Some(&[record.meta.id])).await? > 0 {
            s.context.ui.status(&format!(
                "note: {} has no password yet: 'orgctl user passwd {1}', or 'orgctl user invite {1}'",
                record.title(),
                record.key()
            ));
        }
    }
    Ok(())
}

flags! {
    /// The flags of `activate`.
    pub struct ActivateFlags {
        named: Named,
    }
}

impl KindVerb for ActivateFlags {
    const VERB: VerbName = VerbName::Activate;
    const WRITES: bool = true;
    const RECORDED: Option<Action> = Some(Action::Activate);

    fn about(desc: &Descriptor) -> String {
        format!("Activate {}", desc.plural())
    }

    fn examples(desc: &Descriptor) -> String {
        format!("orgctl {} activate {}", desc.noun, examples::key(desc))
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        let records = targets(s, desc, &self.named.key).await?;
        change(s, desc, &records, None, vec![(IS_ACTIVE.into(), true.into())], Action::Activate).await
    }
}

/// Says who and what is in branches and departments that were deactivated.
pub async fn note_contents(s: &mut Invocation<'_>, desc: &Descriptor, records: &[Record]) -> Result<()> {
    if !s.kinds().takes_records(desc) {
        return Ok(());
    }
    for record in &records[..records.len().min(NOTED)] {
        let inside = records::contents(s.db().await?, record).await?;
        if !inside.is_empty() {
            let are = if inside.len() == 1 && inside[0].starts_with("1 ") { "is" } else { "are" };
            let (title, inside) = (record.title(), in_a_row(&inside));
            s.context.ui.status(&format!("note: {inside} {are} in {title}; it takes no new ones without --force"));
        }
        let mut still = records::active_within(s.db().await?, record).await?;
        // In a dry run they are as they were.
        still.retain(|r| records.iter().all(|gone| gone.meta.id != r.meta.id));
        if !still.is_empty() {
            let (stay, take) = if still.len() == 1 { ("stays", "takes") } else { ("stay", "take") };
            let mut titles: Vec<String> = still.iter().take(NAMED).map(Record::title).collect();
            if still.len() > NAMED {
                titles.push(format!("{} more", still.len() - NAMED));
            }
            let titles = in_a_row(&titles);
            s.context.ui.status(&format!("note: {titles} {stay} active, and {take} new ones"));
        }
    }
    Ok(())
}

/// Of so many records that are deactivated it is told who is in them.
const NOTED: usize = 20;

/// So many branches and departments are named that stay active.
const NAMED: usize = 5;

/// `3 users, 2 branches and 1 dept`
fn in_a_row(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// SYSTEM as `init` makes it.
pub async fn insert_system(tx: &mut Tx<'_>, context: &ParseContext) -> Result<Record> {
    let desc = <org::Org as crate::model::resource::Resource>::DESCRIPTOR;
    let id = tx.new_id();
    let mut record = blank(tx, desc, SYSTEM, id, context)?;
    record.set("code", org::SYSTEM_CODE.into());
    record.set("name", "What belongs to the installation".into());
    let system = tx.insert(desc, SYSTEM, id, record.values).await?;
    seed::found(tx, &[system.meta.record_id()], context).await?;
    Ok(system)
}
