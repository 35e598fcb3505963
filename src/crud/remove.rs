//! delete, restore, purge: taking any resource away, and bringing it back.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use anyhow::Result;
use clap::ArgMatches;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::contents;
use super::former;
use super::gate::{self, Verb};
use super::input::{find_deleted, find_in, find_last_deleted, keys, not_system, time};
use super::read::{known_columns, print_changed};
use super::seed;
use super::session::Session;
use super::write::{
    ChangedRecord, Holder, Target, described, dry_run_note, holder, keys_free, note_contents, targets, tell_changed,
};
use crate::model::kinds::Kinds;
use crate::model::problem::Problem;
use crate::model::resource::lifetime::{Consequence, Lifetime, TargetEvent};
use crate::model::resource::row_rule::RowRule;
use crate::model::resource::verbs::Link;
use crate::model::resource::{Descriptor, Field, IS_ACTIVE, Record};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::Value;
use crate::store::engine::db::Db;
use crate::store::records::keys as store_keys;
use crate::store::records::query::{Query, column};
use crate::store::records::{self, Deleted, Dependants, blocking, count, dependants_of_all};
use crate::store::tx::Tx;
use crate::ui::format::is_for_programs;

/// What becomes of records that point at one that goes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// They protect it.
    #[default]
    Protect,
    /// They point at this one instead.
    Reassign(Uuid),
    /// They point at nothing.
    Orphan,
    /// They go too.
    Cascade,
}

/// Puts records away; they can be restored.
#[derive(Debug, Serialize, Deserialize)]
pub struct Delete {
    pub noun: String,
    pub targets: Vec<Target>,
    pub mode: Mode,
    /// What the confirmation showed: every record that goes or is pointed elsewhere, with its version.
    pub shown: Option<BTreeSet<(Uuid, i64)>>,
}

/// What a delete takes away and what it points elsewhere.
#[derive(Default)]
struct DeletePlan {
    gone: Vec<Record>,
    /// Record, the column that pointed at something gone, and what it points at then.
    repointed: Vec<(Record, &'static str, Value)>,
    /// Those of them that go with their organisation unsaid: it was given them when it was made.
    seeds: HashSet<Uuid>,
    /// Links that go since what they would say then is said already, as they would be.
    doubled: Vec<Record>,
    /// Those of all these that whoever asks may not see.
    hidden: BTreeSet<Uuid>,
    /// The keys of links that point elsewhere then: kind, key and its parts.
    joined: HashSet<(&'static str, String, Vec<String>)>,
}

/// What a record points at once `gone` is gone: the one that takes over; where it is that one itself, what `gone` pointed at.
fn successor(gone: &Record, going: &[Record], record: &Record, column: &str, mode: Mode) -> Value {
    match mode {
        Mode::Reassign(id) if id == record.meta.id => {
            // Above the one who takes over stands the first who stays.
            let (mut above, mut steps) = (gone.get(column).clone(), 0);
            while let Some(next) = going.iter().find(|r| above == r.meta.id.into()) {
                above = next.get(column).clone();
                steps += 1;
                if steps > going.len() {
                    break;
                }
            }
            if above == id.into() { Value::Null(crate::model::values::value::ValueType::Uuid) } else { above }
        }
        Mode::Reassign(id) => id.into(),
        _ => Value::Null(crate::model::values::value::ValueType::Uuid),
    }
}

/// Lets what points at records that stay, but no longer serve, point elsewhere; unless `mode` says how, it is named and
/// nothing happens. `done` is what can't be done then. How many records were changed.
pub async fn release(tx: &mut Tx<'_>, records: &[Record], mode: Mode, event: TargetEvent, done: &str) -> Result<usize> {
    let mut changed = 0;
    for record in records {
        let mut depending = blocking(tx.db, record, event).await?;
        for d in &mut depending {
            // Who no longer serves either may go on pointing at whom he or she served, as long as that one is there.
            let serves = |r: &Record| event == TargetEvent::Delete || r.is_active();
            d.records.retain(|r| serves(r) && records.iter().all(|x| x.meta.id != r.meta.id));
        }
        depending.retain(|d| !d.records.is_empty());
        if depending.is_empty() {
            continue;
        }
        if !depending.iter().all(|d| can_hand_over(d, mode)) {
            return Err(protected(record, &depending, done).into());
        }
        let (mut now, mut plan, deletion) = (Repointed::default(), DeletePlan::default(), tx.new_id());
        for d in depending {
            let Some(field) = d.field else { continue };
            for before in &d.records {
                let value = successor(record, records, before, field.column, mode);
                // Who takes over may be there already: then one of the two is enough.
                let is_there = match before.desc.link() {
                    Some(link) => plan.is_there(tx.db, link, before, field, &value).await?,
                    None => false,
                };
                if is_there {
                    tx.delete(before, deletion).await?;
                    changed += 1;
                    continue;
                }
                changed += usize::from(now.point(tx, before, field.column, value, Action::Update).await?);
            }
        }
    }
    Ok(changed)
}

/// Whether records can point elsewhere, as is said: where they must point at something, not at nothing.
fn can_hand_over(d: &Dependants, mode: Mode) -> bool {
    match (mode, d.field) {
        (Mode::Reassign(_), Some(_)) => true,
        (Mode::Orphan, Some(field)) => !field.ty.required,
        _ => false,
    }
}

/// Records that point elsewhere now, as they are: one may have pointed at the same record by several fields.
#[derive(Default)]
pub struct Repointed(HashMap<Uuid, Record>);

impl Repointed {
    /// A record as it is now.
    pub fn of<'r>(&'r self, record: &'r Record) -> &'r Record {
        self.0.get(&record.meta.id).unwrap_or(record)
    }

    /// Lets a record point elsewhere; whether that changed it. Of one that is live the rules between its own fields hold then
    /// too, and its keys are its own; what is gone is asked for that when it comes back.
    pub async fn point(
        &mut self,
        tx: &mut Tx<'_>,
        record: &Record,
        column: &str,
        value: Value,
        action: Action,
    ) -> Result<bool> {
        let mut after = self.of(record).clone();
        after.set(column, value.clone());
        if after.is_live() {
            stands(tx, self.of(record), &after)?;
            if after.desc.all_keys().any(|key| key.parts().any(|f| f.column == column)) {
                keys_free(tx, &after).await?;
            }
        }
        self.point_free(tx, record, column, value, action).await
    }

    /// The same, where its keys are known to be its own.
    pub async fn point_free(
        &mut self,
        tx: &mut Tx<'_>,
        record: &Record,
        column: &str,
        value: Value,
        action: Action,
    ) -> Result<bool> {
        let before = self.of(record);
        let mut after = before.clone();
        after.set(column, value);
        if after.is_live() {
            stands(tx, before, &after)?;
        }
        let changed = tx.update(before, after, action).await?;
        Ok(changed.map(|record| self.0.insert(record.meta.id, record)).is_some())
    }
}

/// Refuses a live record that would break by what it points at now.
fn stands(tx: &Tx<'_>, before: &Record, after: &Record) -> Result<()> {
    if let Some(fault) = Problem::joined(after.faults(tx.today())).filter(|_| before.faults(tx.today()).is_empty()) {
        let sentence = format!("{} can't point elsewhere: {}", before.title(), fault.sentence);
        return Err(Problem { sentence, ..fault }.into());
    }
    Ok(())
}

/// Records whose dependants are looked for together.
const TOGETHER: usize = 1000;

impl DeletePlan {
    async fn make(db: &mut Db, roots: Vec<Record>, mode: Mode) -> Result<DeletePlan> {
        let named: HashSet<Uuid> = roots.iter().map(|r| r.meta.id).collect();
        let mut seen: BTreeSet<Uuid> = named.iter().copied().collect();
        let mut plan = DeletePlan::default();
        let all = roots.clone();
        let mut queue = VecDeque::from(roots);
        // What depends on the first of the queue, which are asked about together.
        let mut known: VecDeque<Vec<Dependants>> = VecDeque::new();
        while let Some(record) = queue.pop_front() {
            if known.is_empty() {
                let is_like = |r: &&Record| r.desc == record.desc && r.meta.org_id == record.meta.org_id;
                let like: Vec<Record> =
                    std::iter::once(&record).chain(queue.iter().take_while(is_like)).take(TOGETHER).cloned().collect();
                known.extend(dependants_of_all(db, &like).await?);
            }
            let mut protecting = Vec::new();
            for mut d in known.pop_front().unwrap_or_default() {
                d.records.retain(|r| !seen.contains(&r.meta.id));
                if d.field.is_none() {
                    // What an organisation was given when it was made goes with it.
                    let (seeds, others) = d.records.into_iter().partition(Record::is_seed);
                    d.records = others;
                    seen.extend(seeds.iter().map(|r: &Record| r.meta.id));
                    plan.seeds.extend(seeds.iter().map(|r| r.meta.id));
                    queue.extend(seeds);
                }
                // Who takes over from what was named can't do so from another kind that goes with it.
                let is_named = named.contains(&record.meta.id);
                // What is given to nobody any more is taken from who has it.
                let is_given = mode == Mode::Orphan && d.desc.link().is_some();
                let can_hand_over = is_given || can_hand_over(&d, mode) && (is_named || mode == Mode::Orphan);
                match (d.effect(TargetEvent::Delete), d.field) {
                    _ if d.records.is_empty() => {}
                    (Consequence::Stays, _) => {}
                    (effect, _) if effect == Consequence::Follows || mode == Mode::Cascade => {
                        seen.extend(d.records.iter().map(|r| r.meta.id));
                        queue.extend(d.records);
                    }
                    (_, Some(f)) if can_hand_over => {
                        let doubled = plan.repoint(db, &record, &all, d.records, f, mode).await?;
                        seen.extend(doubled.iter().map(|r| r.meta.id));
                        queue.extend(doubled);
                    }
                    _ => protecting.push(d),
                }
            }
            if !protecting.is_empty() {
                return Err(protected(&record, &protecting, "deleted").into());
            }
            plan.gone.push(record);
        }
        if all.iter().all(|r| !r.desc.is_org()) {
            seed::keep(db, &plan.gone).await?;
        }
        // What goes itself needs no new reference.
        plan.repointed.retain(|(r, ..)| !seen.contains(&r.meta.id));
        Ok(plan)
    }

    /// Lets records point elsewhere. Links that are there already then, or would join one with itself, are given back: of two
    /// between the same the one that is there stays, and the other goes, as in a merge.
    async fn repoint(
        &mut self,
        db: &mut Db,
        gone: &Record,
        roots: &[Record],
        records: Vec<Record>,
        field: &'static Field,
        mode: Mode,
    ) -> Result<Vec<Record>> {
        let mut doubled = Vec::new();
        for record in records {
            let value = successor(gone, roots, &record, field.column, mode);
            match record.desc.link() {
                Some(_) if field.ty.required && value.is_null() => doubled.push(record),
                Some(link) if self.is_there(db, link, &record, field, &value).await? => {
                    let mut after = record.clone();
                    after.set(field.column, value);
                    self.doubled.push(after);
                    doubled.push(record);
                }
                _ => self.repointed.push((record, field.column, value)),
            }
        }
        Ok(doubled)
    }

    /// Whether what a link would join then is joined, or is one and must not be.
    async fn is_there(
        &mut self,
        db: &mut Db,
        link: Link,
        record: &Record,
        field: &Field,
        value: &Value,
    ) -> Result<bool> {
        let mut after = record.clone();
        after.set(field.column, value.clone());
        let leads_back = |rule: &RowRule| match rule {
            RowRule::Acyclic(from, to) => after.get(from) == after.get(to),
            _ => false,
        };
        if link.desc.rules.iter().any(leads_back) {
            return Ok(true);
        }
        for key in link.desc.all_keys().filter(|key| key.has(field)) {
            let parts = store_keys::in_index(key, &store_keys::parts_of(&after, key));
            let parts = parts.iter().map(Value::to_text).collect();
            let is_new = self.joined.insert((link.desc.noun, key.name(), parts));
            if !is_new || store_keys::taken(db, &after, std::iter::once(key)).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What is told of.
    fn told(&self) -> impl Iterator<Item = &Record> {
        let is_told = |r: &&Record| !self.seeds.contains(&r.meta.id) && !self.hidden.contains(&r.meta.id);
        self.gone.iter().filter(|r| r.desc.is_told()).filter(is_told)
    }

    /// What is told of that changes: the record, and the column.
    fn told_changes(&self) -> impl Iterator<Item = (&Record, &'static str)> {
        self.repointed.iter().map(|(r, column, _)| (r, *column)).filter(|(r, _)| !self.hidden.contains(&r.meta.id))
    }

    /// Notes what may not be told.
    async fn hide(&mut self, db: &mut Db) -> Result<()> {
        let all: Vec<Record> = self.gone.iter().chain(self.repointed.iter().map(|(r, ..)| r)).cloned().collect();
        for same in all.chunk_by(|a, b| a.desc == b.desc).filter(|same| same[0].desc.is_told()) {
            self.hidden.extend(records::hidden(db, same[0].desc, same).await?);
        }
        Ok(())
    }

    fn versions(&self) -> BTreeSet<(Uuid, i64)> {
        self.gone.iter().chain(self.repointed.iter().map(|(r, ..)| r)).map(|r| (r.meta.id, r.meta.version)).collect()
    }
}

fn protected(record: &Record, by: &[Dependants], done: &str) -> Problem {
    let list: Vec<String> = by.iter().map(Dependants::describe).collect();
    let optional = by.iter().all(|d| d.field.is_some_and(|f| !f.ty.required || d.desc.link().is_some()));
    let pointing = by.iter().all(|d| d.field.is_some());
    let depend = if by.iter().map(|d| d.records.len()).sum::<usize>() == 1 { "depends" } else { "depend" };
    let mut problem =
        Problem::conflict(format!("{} can't be {done}: {} {depend} on it", record.title(), list.join("; ")));
    if pointing {
        problem = problem.hint("--reassign-to KEY points them at another one");
    }
    if optional {
        let links = by.iter().all(|d| d.desc.link().is_some());
        let what = if links { "--orphan takes it from all" } else { "--orphan leaves them pointing at nothing" };
        problem = problem.hint(what);
    }
    if done == "deleted" { problem.hint("--cascade deletes them too") } else { problem }
}

impl Verb for Delete {
    type Output = Vec<Record>;

    fn orgs(&self) -> Vec<i32> {
        self.targets.iter().map(|t| t.org).collect()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<Record>> {
        let desc = described(tx, &self.noun)?;
        let roots = Target::load_all(&self.targets, tx, desc).await?;
        if let Some(gone) = roots.iter().find(|r| !r.is_live()) {
            return Err(Problem::conflict(format!("{} already", gone.why_gone())).into());
        }
        let plan = DeletePlan::make(tx.db, roots, self.mode).await?;
        if self.shown.as_ref().is_some_and(|shown| *shown != plan.versions()) {
            return Err(Problem::conflict("something changed since it was shown; nothing was deleted")
                .hint("run the command again")
                .into());
        }
        let mut now = Repointed::default();
        for (record, column, value) in &plan.repointed {
            now.point(tx, record, column, value.clone(), Action::Update).await?;
        }
        let deletion = tx.new_id();
        tx.write_protected(desc.is_org());
        tx.delete_all(&plan.gone, deletion).await?;
        for link in &plan.doubled {
            hand_on_flags(tx, link).await?;
        }
        tx.write_protected(false);
        let DeletePlan { mut gone, seeds, .. } = plan;
        gone.retain(|r| r.desc.is_told() && !seeds.contains(&r.meta.id));
        Ok(gone)
    }
}

/// Lets the link that stays be what only one may be, where the one that went in its favour was that.
async fn hand_on_flags(tx: &mut Tx<'_>, went: &Record) -> Result<()> {
    for rule in went.desc.rules {
        let RowRule::AtMostOne(flag, _) = rule else { continue };
        let key = went.desc.key();
        let parts = store_keys::parts_of(went, key);
        let there = store_keys::holder(tx.db, went.desc, went.meta.org_id, key, &parts).await?;
        let Some(there) = there.filter(|there| went.is_true(flag) && !there.is_true(flag)) else { continue };
        let mut after = there.clone();
        after.set(flag, true.into());
        if records::doubled_flags(tx.db, &after, None).await?.is_empty() {
            tx.update(&there, after, Action::Update).await?;
        }
    }
    Ok(())
}

/// Refuses a successor who is inactive.
pub fn in_use(record: &Record) -> Result<(), Problem> {
    if !record.is_active() {
        return Err(Problem::conflict(format!("{} is not in use, and can take over nothing", record.title()))
            .hint(format!("activate it first: orgctl {} activate {}", record.desc.noun, record.key())));
    }
    Ok(())
}

/// What the flags say is to become of what points at records that are not known yet.
pub async fn mode_in(s: &mut Session<'_>, desc: &'static Descriptor, org: i32, m: &ArgMatches) -> Result<Mode> {
    if let Some(key) = m.try_get_one::<String>("reassign-to").ok().flatten().cloned() {
        let other = find_in(s, desc, Some(org), &key, Deleted::Exclude).await?;
        in_use(&other)?;
        return Ok(Mode::Reassign(other.meta.id));
    }
    mode(s, desc, &[], m).await
}

/// What the flags say is to become of what points at records.
pub async fn mode(s: &mut Session<'_>, desc: &'static Descriptor, records: &[Record], m: &ArgMatches) -> Result<Mode> {
    let flag = |name| m.try_get_one::<bool>(name).ok().flatten().copied().unwrap_or(false);
    let Some(key) = m.try_get_one::<String>("reassign-to").ok().flatten().cloned() else {
        return Ok(match (flag("orphan"), flag("cascade")) {
            (true, _) => Mode::Orphan,
            (_, true) => Mode::Cascade,
            _ => Mode::Protect,
        });
    };
    let other = find_in(s, desc, records.first().map(|r| r.meta.org_id), &key, Deleted::Exclude).await?;
    in_use(&other)?;
    if records.iter().any(|r| r.meta.id == other.meta.id || r.meta.org_id != other.meta.org_id) {
        return Err(Problem::usage(format!("{} can't take over what it leaves behind itself", other.title())).into());
    }
    Ok(Mode::Reassign(other.meta.id))
}

/// Deactivates records: what they are in charge of goes to another one, or to nobody where that is said.
#[derive(Debug, Serialize, Deserialize)]
pub struct Deactivate {
    pub noun: String,
    pub targets: Vec<Target>,
    pub mode: Mode,
}

impl Verb for Deactivate {
    /// And how many records point elsewhere.
    type Output = (Vec<ChangedRecord>, usize);

    fn orgs(&self) -> Vec<i32> {
        self.targets.iter().map(|t| t.org).collect()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<(Vec<ChangedRecord>, usize)> {
        let desc = described(tx, &self.noun)?;
        let leaving = Target::load_all(&self.targets, tx, desc).await?;
        let released = release(tx, &leaving, self.mode, TargetEvent::Deactivate, "deactivated").await?;
        let mut changed = Vec::new();
        for target in &self.targets {
            // Read again: they may have been in charge of each other.
            let before = Target { version: None, told: Vec::new(), ..target.clone() }.load(tx, desc).await?;
            if !before.is_live() {
                return Err(Problem::conflict(before.why_gone()).into());
            }
            not_system(&before)?;
            let fields = if !before.is_active() { Vec::new() } else { vec![IS_ACTIVE] };
            let mut after = before.clone();
            after.set(IS_ACTIVE, false.into());
            let record = tx.update(&before, after, Action::Deactivate).await?.unwrap_or(before);
            changed.push(ChangedRecord { record, fields });
        }
        Ok((changed, released))
    }
}

pub async fn deactivate(s: &mut Session<'_>, desc: &'static Descriptor, m: &ArgMatches) -> Result<()> {
    let records = targets(s, desc, m).await?;
    let mode = mode(s, desc, &records, m).await?;
    known_columns(s, desc)?;
    let verb = Deactivate { noun: desc.noun.into(), targets: records.iter().map(Target::of).collect(), mode };
    let (changed, released) = gate::write(s, &verb).await?;
    if released > 0 {
        let to = match mode {
            Mode::Reassign(id) => {
                let org = records.first().map_or(0, |r| r.meta.org_id);
                let to = records::load(s.db().await?, desc, org, id).await?;
                to.map_or_else(|| id.to_string(), |r| r.title())
            }
            _ => "nobody".to_owned(),
        };
        let them = if records.len() == 1 { desc.noun.into() } else { desc.plural() };
        s.ui.status(&format!("{released} that depended on the {them} now point at {to}"));
    }
    tell_changed(s, desc, &changed, Action::Deactivate).await?;
    note_contents(s, desc, &records).await
}

pub async fn delete(s: &mut Session<'_>, desc: &'static Descriptor, m: &ArgMatches) -> Result<()> {
    let roots = targets(s, desc, m).await?;
    delete_records(s, desc, &roots, m).await?;
    let which: Vec<_> = roots.iter().map(|r| r.meta.record_id()).collect();
    if is_for_programs(&s.ui) { print_changed(s, desc, &which).await } else { Ok(()) }
}

/// Deletes records, once that is confirmed, and says what went.
pub async fn delete_records(
    s: &mut Session<'_>,
    desc: &'static Descriptor,
    roots: &[Record],
    m: &ArgMatches,
) -> Result<()> {
    let mode = mode(s, desc, roots, m).await?;
    let mut plan = DeletePlan::make(&mut s.db().await?.checking(), roots.to_vec(), mode).await?;
    if s.db().await?.is_narrow() {
        plan.hide(s.db().await?).await?;
    }
    let mut shown = None;
    if !s.dry_run {
        let question = question(s.kinds(), &plan);
        if !s.ui.style.yes {
            for line in plan_lines(s.kinds(), &plan, roots.len()) {
                s.ui.status(&line);
            }
            shown = Some(plan.versions());
        }
        s.ui.confirm(&question).await?;
    }
    drop(plan);
    let target = if shown.is_some() { Target::as_seen } else { Target::of };
    let targets = roots.iter().map(target).collect();
    let gone = gate::write(s, &Delete { noun: desc.noun.into(), targets, mode, shown }).await?;
    let more = gone.len() - roots.len();
    for root in roots {
        s.ui.status(&format!("deleted {}", root.title()));
    }
    if more > 0 {
        s.ui.status(&format!("and {more} more that depended on {}", if roots.len() == 1 { "it" } else { "them" }));
    }
    dry_run_note(s);
    Ok(())
}

fn question(kinds: Kinds, plan: &DeletePlan) -> String {
    let of_kinds = |records: &[&Record]| {
        let mut parts: Vec<String> = Vec::new();
        for desc in kinds.resources() {
            match records.iter().filter(|r| r.desc == desc).collect::<Vec<_>>().as_slice() {
                [] => {}
                [one] => parts.push(one.title()),
                several => parts.push(count(several.len() as u64, desc)),
            }
        }
        parts.join(" and ")
    };
    let gone = of_kinds(&plan.told().collect::<Vec<_>>());
    match of_kinds(&plan.told_changes().map(|(r, _)| r).collect::<Vec<_>>()).as_str() {
        "" => format!("delete {gone}?"),
        changed => format!("delete {gone}, and change {changed}?"),
    }
}

/// At most this many records are shown one by one.
const SHOWN: usize = 20;

/// What is about to happen to records, one by one, or how many of each kind with the first keys.
fn lines<'a>(kinds: Kinds, verb: &str, records: impl Iterator<Item = &'a Record>, tail: &str) -> Vec<String> {
    let records: Vec<&Record> = records.collect();
    if records.len() <= SHOWN {
        let line = |r: &&Record| match r.label() == r.key() {
            true => format!("  {verb} {} {}", r.title(), r.name()).trim_end().to_owned() + tail,
            // The name is told already.
            false => format!("  {verb} {}{tail}", r.title()),
        };
        return records.iter().map(line).collect();
    }
    let mut lines = Vec::new();
    for desc in kinds.resources() {
        let keys: Vec<String> = records.iter().filter(|r| r.desc == desc).map(|r| r.label()).collect();
        if !keys.is_empty() {
            lines.push(format!("  {verb} {}{tail}: {}", count(keys.len() as u64, desc), first_keys(&keys, keys.len())));
        }
    }
    lines
}

/// `A, B, C, D, E, ...` of `all` keys.
fn first_keys(keys: &[String], all: usize) -> String {
    let dots = if all > FIRST { ", ..." } else { "" };
    keys.iter().take(FIRST).map(String::as_str).collect::<Vec<_>>().join(", ") + dots
}

const FIRST: usize = 5;

/// What goes, what depends on it and goes too, and what is pointed elsewhere.
fn plan_lines(kinds: Kinds, plan: &DeletePlan, roots: usize) -> Vec<String> {
    let mut all = lines(kinds, "delete", plan.told().take(roots), "");
    all.extend(lines(kinds, "delete", plan.told().skip(roots), ""));
    let columns: BTreeSet<&str> = plan.told_changes().map(|(_, column)| column).collect();
    for column in columns {
        let records = plan.told_changes().filter(|(_, c)| *c == column).map(|(r, _)| r);
        all.extend(lines(kinds, "change", records, &format!(" ({})", column.trim_end_matches("_id"))));
    }
    if !plan.hidden.is_empty() {
        all.push(format!("  and {} that you can't see", plan.hidden.len()));
    }
    all
}

/// What goes for good; with an organisation all that was in it.
async fn purge_lines(s: &mut Session<'_>, records: &[Record]) -> Result<Vec<String>> {
    let mut all = lines(s.kinds(), "purge", records.iter(), "");
    for record in records.iter().filter(|r| !r.desc.is_org()) {
        for (desc, field) in s.kinds().referring_to(record.desc) {
            if desc.is_recorded() && desc.is_told() && desc.effect(field, TargetEvent::Purge) == Consequence::Follows {
                let (org, id) = record.meta.record_id();
                let within = records::referring(s.db().await?, desc, field, org, id).await?;
                all.extend(lines(s.kinds(), "purge", within.iter(), &format!(" of {}", record.title())));
            }
        }
    }
    for org in records.iter().filter(|r| r.desc.is_org()) {
        for desc in s.kinds().resources().filter(|d| !d.is_org() && d.is_recorded() && d.is_told()) {
            let mut query =
                Query { org: Some(org.meta.org_id), life: Deleted::Include, ..Query::new(desc, s.clock.now()) };
            let n = usize::try_from(query.count(s.db().await?).await?)?;
            if n > 0 {
                query.columns = vec![column(&query.columns, "id")?.clone()];
                query.limit = Some(FIRST as u64);
                let rows = query.page(s.db().await?).await?.rows;
                let places: Vec<_> = rows.iter().map(|r| Ok((org.meta.org_id, r.uuid(0)?))).collect::<Result<_>>()?;
                let mut keys: Vec<String> = records::with_record_ids(s.db().await?, desc, places.into_iter())
                    .await?
                    .iter()
                    .map(Record::label)
                    .collect();
                keys.sort();
                all.push(format!("  with {} of {}: {}", count(n as u64, desc), org.key(), first_keys(&keys, n)));
            }
        }
    }
    Ok(all)
}

/// Brings back exactly what one delete took away.
#[derive(Debug, Serialize, Deserialize)]
pub struct Restore {
    /// Organisation and deletion.
    pub deletions: Vec<(i32, Uuid)>,
}

/// What came back, and the flags that a record had to leave to another one, which has them meanwhile.
pub struct Restored {
    records: Vec<Record>,
    left: Vec<(Record, &'static str)>,
}

impl Verb for Restore {
    type Output = Restored;

    fn orgs(&self) -> Vec<i32> {
        self.deletions.iter().map(|(org, _)| *org).collect()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Restored> {
        let (mut restored, mut left, mut stays) = (Vec::new(), Vec::new(), None);
        for (org, deletion) in &self.deletions {
            let mut coming = Vec::new();
            for desc in tx.kinds().resources() {
                coming.extend(records::by_deletion(tx.db, desc, *org, *deletion).await?);
            }
            tx.write_protected(coming.iter().any(|r| r.desc.is_org()));
            let waiting = contents::waiting(tx, &coming).await?;
            let there: BTreeSet<Uuid> = coming.iter().map(|r| r.meta.id).collect();
            for record in coming {
                if let Some(other) = waiting.get(&record.meta.id) {
                    tx.defer_restore(&record, *other).await?;
                    continue;
                }
                if former::has_gone_back(tx, &record).await?.is_some() {
                    // It is that one's own key again, and stays away.
                    stays = former::not_to_be_back(tx, &record).await?.map(|p| formerly_taken(p, &record)).or(stays);
                    continue;
                }
                former::take_back(tx, &record).await?;
                match holder(tx, &record).await? {
                    None => {}
                    Some(Holder::Live(_)) => return Err(taken_meanwhile(&record).into()),
                    Some(Holder::Formerly(p)) => return Err(formerly_taken(p, &record).into()),
                }
                let mut record = tx.restore(&record).await?;
                if contents::is_part_of(&record, &there) {
                    // What comes along with another one takes nothing from those who are there.
                    for flag in records::doubled_flags(tx.db, &record, None).await? {
                        let mut after = record.clone();
                        after.set(flag, false.into());
                        record = tx.update(&record, after, Action::Update).await?.unwrap_or(record);
                        left.push((record.clone(), flag));
                    }
                }
                restored.push(record);
            }
            tx.write_protected(false);
        }
        if restored.is_empty() {
            let why = || Problem::conflict("it was restored or purged by somebody else in the meantime");
            return Err(stays.unwrap_or_else(why).into());
        }
        Ok(Restored { records: restored, left })
    }
}

/// The same of a key that means another record since a merge: whom it means is said.
fn formerly_taken(p: Problem, record: &Record) -> Problem {
    Problem { sentence: format!("{} can't come back: {}", record.title(), p.sentence), ..p }
}

/// A key that another record took is a reason of its own when a record comes back.
fn taken_meanwhile(record: &Record) -> Problem {
    Problem::conflict(format!("{} can't come back: its key was taken meanwhile", record.title())).hint(format!(
        "rename or delete the {0} that has it now, then 'orgctl {0} restore {1}'",
        record.desc.noun, record.meta.id
    ))
}

pub async fn restore(s: &mut Session<'_>, desc: &'static Descriptor, m: &ArgMatches) -> Result<()> {
    known_columns(s, desc)?;
    let mut deletions: Vec<(i32, Uuid)> = Vec::new();
    let mut named = Vec::new();
    for key in keys(s, desc, Deleted::Only, m).await? {
        let record = find_last_deleted(s, desc, &key).await?;
        if record.has_ended() && record.meta.is_live() {
            return Err(Problem::conflict(format!("{} has ended, which is no deletion", record.title()))
                .hint(format!(
                    "'orgctl {} history {}' shows what ended it, and 'orgctl audit revert' undoes that",
                    desc.noun, record.meta.id
                ))
                .into());
        }
        let deletion = record.meta.deletion_id.map(|d| (record.meta.org_id, d));
        deletions.extend(deletion.filter(|d| !deletions.contains(d)));
        named.push(record);
    }
    let Restored { records: restored, left } = gate::write(s, &Restore { deletions }).await?;
    for record in &named {
        s.ui.status(&format!("restored {}", record.title()));
    }
    warn_of_the_unused(s, &restored).await?;
    let is_of_org = |r: &Record| r.is_seed() && desc.is_org();
    let more = restored
        .iter()
        .filter(|r| r.desc.is_told() && !is_of_org(r) && named.iter().all(|n| n.meta.id != r.meta.id))
        .count();
    if more > 0 {
        s.ui.status(&format!(
            "and {more} more that were deleted together with {}",
            if named.len() == 1 { "it" } else { "them" }
        ));
    }
    for (record, flag) in &left {
        s.ui.status(&format!("{} has no {flag} any more: another one has it meanwhile", record.title()));
    }
    dry_run_note(s);
    let which: Vec<_> = restored.iter().filter(|r| r.desc == desc).map(|r| r.meta.record_id()).collect();
    print_changed(s, desc, &which).await
}

/// Who was in charge of what comes back still is, though he or she may have been put out of use meanwhile: that is said.
async fn warn_of_the_unused(s: &mut Session<'_>, restored: &[Record]) -> Result<()> {
    for record in restored.iter().filter(|r| r.is_active() && r.is_open()) {
        for field in record.desc.fields.iter().filter(|f| f.lifetime() == Lifetime::Duty) {
            let (Some(target), Some(id)) = (field.target(), record.get(field.column).as_uuid()) else { continue };
            let Some(found) = records::load(s.db().await?, target, record.meta.org_id, id).await? else { continue };
            if !found.is_active() {
                s.ui.warn(&format!(
                    "{} ({} of {}) is not in use: 'orgctl {} update {} --{} KEY' puts another one in charge",
                    found.title(),
                    field.name(),
                    record.title(),
                    record.desc.noun,
                    record.key(),
                    field.name().replace('_', "-")
                ));
            }
        }
    }
    Ok(())
}

/// Removes deleted records for good. Their history stays.
#[derive(Debug, Serialize, Deserialize)]
pub struct Purge {
    pub noun: String,
    pub targets: Vec<Target>,
}

impl Verb for Purge {
    type Output = u64;

    fn orgs(&self) -> Vec<i32> {
        self.targets.iter().map(|t| t.org).collect()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<u64> {
        let desc = described(tx, &self.noun)?;
        let records = Target::load_all(&self.targets, tx, desc).await?;
        if let Some(live) = records.iter().find(|r| r.is_live()) {
            let sentence = format!("{} is not deleted", live.title());
            return Err(Problem::conflict(sentence).hint("delete it first").into());
        }
        if !desc.is_org() {
            seed::keep(tx.db, &records).await?;
        }
        tx.write_protected(desc.is_org());
        let going: BTreeSet<Uuid> = records.iter().map(|r| r.meta.id).collect();
        let (mut purged, deletion) = (0, tx.new_id());
        for record in &records {
            if record.meta.deleted_at.is_none() {
                delete_before_purge(tx, record, deletion).await?;
            }
            purged += purge_what_points_at(tx, record, &going).await?;
        }
        for target in &self.targets {
            // Read again: what was purged before it may have changed it.
            let Some(record) = tx.load(desc, target.org, target.id).await? else { continue };
            tx.purge(&record).await?;
            purged += 1;
        }
        tx.write_protected(false);
        Ok(purged)
    }
}

/// What has ended was never deleted: what its deletion asks for is asked for now.
async fn delete_before_purge(tx: &mut Tx<'_>, ended: &Record, deletion: Uuid) -> Result<()> {
    let blocking = blocking(tx.db, ended, TargetEvent::Delete).await?;
    if blocking.iter().any(|d| !d.records.is_empty()) {
        let by: Vec<Dependants> = blocking.into_iter().filter(|d| !d.records.is_empty()).collect();
        let list: Vec<String> = by.iter().map(Dependants::describe).collect();
        let sentence = format!("{} can't be purged: {} depend on it", ended.title(), list.join("; "));
        return Err(Problem::conflict(sentence).hint("let them point at another one first, or delete them").into());
    }
    contents::delete_contents(tx, ended, deletion).await
}

/// With an organisation goes all that was in it. Another record that is still pointed at, by deleted ones, stays.
async fn purge_what_points_at(tx: &mut Tx<'_>, record: &Record, going: &BTreeSet<Uuid>) -> Result<u64> {
    let org = record.meta.org_id;
    let mut purged = 0;
    if record.desc.is_org() {
        for desc in tx.kinds().resources().rev().filter(|d| !d.is_org()) {
            if !desc.is_recorded() {
                // What nothing is recorded of goes as it is.
                tx.clear(desc, org, None).await?;
                continue;
            }
            for r in records::in_org(tx.db, desc, org).await? {
                tx.purge(&r).await?;
                purged += u64::from(desc.is_told() && !r.is_seed());
            }
        }
        return Ok(purged);
    }
    purged += purge_contents(tx, record, going).await?;
    for (desc, field) in tx.kinds().referring_to(record.desc) {
        // Who is in charge of what is open is in no foreign key, and yet not there any more when that comes back.
        let while_open = desc.is_in_charge_while_open(field);
        if desc.effect(field, TargetEvent::Purge) != Consequence::Detaches && !while_open {
            continue;
        }
        let mut pointing = records::referring(tx.db, desc, field, org, record.meta.id).await?;
        pointing.retain(|r| !while_open || r.is_open());
        if desc != record.desc && !field.ty.required {
            // A deleted branch and its deleted manager may point at each other: neither could go first.
            for before in pointing {
                let mut after = before.clone();
                after.set(field.column, Value::Null(crate::model::values::value::ValueType::Uuid));
                tx.update(&before, after, Action::Update).await?;
            }
            continue;
        }
        if desc.link().is_some() {
            // What gave it once goes with it.
            for link in pointing.iter().filter(|r| !going.contains(&r.meta.id)) {
                purged += purge_within(tx, link, going).await?;
            }
            continue;
        }
        if let Some(r) = pointing.iter().find(|r| !going.contains(&r.meta.id)) {
            return Err(Problem::conflict(format!(
                "{} can't be purged: {} still points at it ({})",
                record.title(),
                r.title(),
                field.name()
            ))
            .hint(format!("purge them together: orgctl {} purge {} {}", desc.noun, record.meta.id, r.meta.id))
            .into());
        }
    }
    Ok(purged)
}

/// Purges what is within a record that is purged, whoever deleted it. How many records.
pub async fn purge_contents(tx: &mut Tx<'_>, record: &Record, going: &BTreeSet<Uuid>) -> Result<u64> {
    let mut purged = 0;
    for (desc, field) in tx.kinds().referring_to(record.desc) {
        if desc.effect(field, TargetEvent::Purge) == Consequence::Follows {
            let (org, id) = record.meta.record_id();
            if !desc.is_recorded() {
                tx.clear(desc, org, Some((field, id))).await?;
                continue;
            }
            for within in records::referring(tx.db, desc, field, org, id).await? {
                purged += purge_within(tx, &within, going).await?;
            }
        }
    }
    Ok(purged)
}

async fn purge_within(tx: &mut Tx<'_>, record: &Record, going: &BTreeSet<Uuid>) -> Result<u64> {
    let purged = Box::pin(purge_what_points_at(tx, record, going)).await?;
    // Read again: what was purged before it may have changed it, or taken it along.
    let Some(record) = tx.load(record.desc, record.meta.org_id, record.meta.id).await? else { return Ok(purged) };
    tx.purge(&record).await?;
    Ok(purged + u64::from(record.desc.is_told()))
}

pub async fn purge(s: &mut Session<'_>, desc: &'static Descriptor, m: &ArgMatches) -> Result<()> {
    let mut records: Vec<Record> = Vec::new();
    if let Some(text) = m.get_one::<String>("deleted-before") {
        let (before, _) = time(text, s.clock.now(), s.origin.zone)?;
        s.ui.status(&format!("deleted before {}", crate::model::values::value::rfc3339(before)));
        let org = if desc.is_org() { s.org().await? } else { s.org_of(desc).await? };
        records = records::deleted_before(s.db().await?, desc, org, before).await?;
        if records.is_empty() {
            s.ui.status(&format!("no {} to purge", desc.plural()));
            return Ok(());
        }
    } else {
        for key in keys(s, desc, Deleted::Only, m).await? {
            records.push(find_deleted(s, desc, &key).await?);
        }
    }
    if !s.dry_run {
        let what = match records.as_slice() {
            [one] => one.title(),
            several => count(several.len() as u64, desc),
        };
        if !s.ui.style.yes {
            for line in purge_lines(s, &records).await? {
                s.ui.status(&line);
            }
        }
        let inside = if desc.is_org() { ", with all that was in it" } else { "" };
        s.ui.confirm(&format!("purge {what} for good{inside}?")).await?;
    }
    // What was shown is what goes.
    let targets = records.iter().map(Target::as_seen).collect();
    let purged = gate::write(s, &Purge { noun: desc.noun.into(), targets }).await?;
    s.ui.status(&match records.as_slice() {
        [one] => format!("purged {}", one.title()),
        several => format!("purged {}", count(several.len() as u64, desc)),
    });
    let more = purged.saturating_sub(records.len() as u64);
    if more > 0 {
        s.ui.status(&format!("and {more} more that belonged to it"));
    }
    dry_run_note(s);
    Ok(())
}
