//! delete and deactivate: taking any resource away, or out of use.

use std::collections::HashMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::contents::delete_all;
use super::deletion::{DeletePlan, point_all};
pub use super::deletion::{Mode, release};
use super::flags::{Cascade, Named};
use super::gate::{self, Verb};
use super::invocation::Invocation;
use super::leaf::{FlagGroup, KindVerb, Unused, flags};
use super::lookup::{find_in, not_system};
use super::read::{known_columns, print_changed};
use super::write::{ChangedRecord, Target, change_all, described, dry_run_note, note_contents, targets, tell_changed};
use crate::model::backup::Digest32;
use crate::model::kinds::Kinds;
use crate::model::problem::Problem;
use crate::model::resource::lifetime::{Consequence, TargetEvent};
use crate::model::resource::row_rule::RowRule;
use crate::model::resource::verbs::Verb as VerbName;
use crate::model::resource::{Descriptor, IS_ACTIVE, Record, examples};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::store::engine::db::Db;
use crate::store::records::keys as store_keys;
use crate::store::records::pointing::{RecordAt, read};
use crate::store::records::{self, Deleted, count};
use crate::store::tx::Tx;
use crate::ui::format::is_for_programs;

/// Records that are read together.
const TOGETHER: usize = 1000;

/// Puts records away; they can be restored.
#[derive(Debug, Serialize, Deserialize)]
pub struct Delete {
    pub noun: String,
    pub targets: Vec<Target>,
    pub mode: Mode,
    /// What the confirmation showed ([`DeletePlan::digest`]).
    pub shown: Option<Digest32>,
}

impl Verb for Delete {
    const NAME: &str = "delete";

    /// How many went of which is told.
    type Output = usize;

    fn orgs(&self) -> Vec<i32> {
        self.targets.iter().map(|t| t.org).collect()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<usize> {
        let desc = described(tx, &self.noun)?;
        let (mut places, mut roots) = (Vec::with_capacity(self.targets.len()), Vec::new());
        for some in self.targets.chunks(TOGETHER) {
            let records = Target::load_all(some, tx, desc).await?;
            if let Some(gone) = records.iter().find(|r| !r.is_live()) {
                return Err(Problem::conflict(format!("{} already", gone.why_gone())).into());
            }
            places.extend(records.iter().map(RecordAt::of));
            if matches!(self.mode, Mode::Reassign(_)) {
                roots.extend(records);
            }
        }
        let mut plan = DeletePlan::make(tx.db, places, &roots, self.mode).await?;
        drop(roots);
        if self.shown.as_ref().is_some_and(|shown| *shown != plan.digest()) {
            return Err(Problem::conflict("something changed since it was shown; nothing was deleted")
                .hint("run the command again")
                .into());
        }
        let told = plan.told().count();
        point_all(tx, std::mem::take(&mut plan.repointed), Action::Update).await?;
        // Each that was named comes back by itself, with what went with it.
        let deletions: HashMap<Uuid, Uuid> = self.targets.iter().map(|t| (t.id, tx.new_id())).collect();
        let deletion = |id: Uuid| deletions.get(&plan.goes_with(id)).copied().unwrap_or_default();
        tx.write_protected(desc.is_org());
        delete_all(tx, &plan.gone, deletion).await?;
        for link in &plan.doubled {
            hand_on_flags(tx, link).await?;
        }
        tx.write_protected(false);
        Ok(told)
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

/// What is said of what depends on records that go: it goes too, to another one, or to nobody.
#[derive(Debug, Default, Clone, Copy)]
pub struct Left<'a> {
    pub cascade: bool,
    pub reassign_to: Option<&'a str>,
    pub orphan: bool,
}

/// What the flags say is to become of what points at records that are not known yet.
pub async fn mode_in(s: &mut Invocation<'_>, desc: &'static Descriptor, org: i32, left: Left<'_>) -> Result<Mode> {
    if let Some(key) = left.reassign_to {
        let other = find_in(s, desc, Some(org), key, Deleted::Exclude).await?;
        in_use(&other)?;
        return Ok(Mode::Reassign(other.meta.id));
    }
    mode(s, desc, &[], left).await
}

/// What the flags say is to become of what points at records.
pub async fn mode(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    records: &[Record],
    left: Left<'_>,
) -> Result<Mode> {
    let Some(key) = left.reassign_to else {
        return Ok(match (left.orphan, left.cascade) {
            (true, _) => Mode::Orphan,
            (_, true) => Mode::Cascade,
            _ => Mode::Protect,
        });
    };
    let other = find_in(s, desc, records.first().map(|r| r.meta.org_id), key, Deleted::Exclude).await?;
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
    const NAME: &str = "deactivate";

    /// And how many records point elsewhere.
    type Output = (Vec<ChangedRecord>, usize);

    fn orgs(&self) -> Vec<i32> {
        self.targets.iter().map(|t| t.org).collect()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<(Vec<ChangedRecord>, usize)> {
        let desc = described(tx, &self.noun)?;
        let leaving = Target::load_all(&self.targets, tx, desc).await?;
        let released = release(tx, &leaving, self.mode, TargetEvent::Deactivate, "deactivated").await?;
        drop(leaving);
        // Read again: they may have been in charge of each other.
        let any = |t: &Target| Target { version: None, told: Vec::new(), ..t.clone() };
        let targets: Vec<Target> = self.targets.iter().map(any).collect();
        let telling = Action::Deactivate.into();
        let changed = change_all(tx, desc, &targets, &telling, |before| {
            not_system(before)?;
            let mut after = before.clone();
            after.set(IS_ACTIVE, false.into());
            Ok(after)
        });
        Ok((changed.await?, released))
    }
}

/// To whom goes what a record is in charge of when it is deactivated, where a record of the kind can be in charge.
#[derive(clap::Args, Default)]
pub struct HandOver {
    /// Let what they are in charge of go to this one
    #[arg(long, value_name = "KEY", conflicts_with = "orphan")]
    pub reassign_to: Option<String>,
    /// Let nobody be in charge of it
    #[arg(long)]
    pub orphan: bool,
}

impl FlagGroup for HandOver {
    fn is_of(kinds: Kinds, desc: &Descriptor) -> bool {
        blocks(kinds, desc, TargetEvent::Deactivate)
    }
}

/// Whether something may depend on a record so that it can't go.
fn blocks(kinds: Kinds, desc: &Descriptor, event: TargetEvent) -> bool {
    kinds.referring_to(desc).iter().any(|(d, f)| d.effect(f, event) == Consequence::Blocks)
}

flags! {
    /// The flags of `deactivate`.
    pub struct DeactivateFlags {
        named: Named,
        left: HandOver,
    }
}

impl KindVerb for DeactivateFlags {
    const VERB: VerbName = VerbName::Deactivate;
    const WRITES: bool = true;
    const RECORDED: Option<Action> = Some(Action::Deactivate);

    fn about(desc: &Descriptor) -> String {
        format!("Deactivate {}", desc.plural())
    }

    fn examples(desc: &Descriptor) -> String {
        format!("orgctl {} deactivate {}", desc.noun, examples::key(desc))
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        let left = Left { cascade: false, reassign_to: self.left.reassign_to.as_deref(), orphan: self.left.orphan };
        deactivate(s, desc, &self.named.key, left).await
    }
}

/// Deactivates records, and tells what became of what they left.
pub async fn deactivate(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    keys: &[String],
    left: Left<'_>,
) -> Result<()> {
    let records = targets(s, desc, keys).await?;
    authorize_all(s, &records).await?;
    let mode = mode(s, desc, &records, left).await?;
    known_columns(s.context, desc)?;
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
        s.context.ui.status(&format!("{released} that depended on the {them} now point at {to}"));
    }
    tell_changed(s, desc, &changed, Action::Deactivate).await?;
    note_contents(s, desc, &records).await
}

/// What becomes of what would keep a record from going, where something can.
#[derive(clap::Args, Default)]
pub struct Heirs {
    /// Let what depends on them depend on this one
    #[arg(long, value_name = "KEY", conflicts_with_all = ["cascade", "orphan"])]
    pub reassign_to: Option<String>,
    /// Let what depends on them depend on nothing; restore does not undo this
    #[arg(long, conflicts_with = "cascade")]
    pub orphan: bool,
}

impl FlagGroup for Heirs {
    fn is_of(kinds: Kinds, desc: &Descriptor) -> bool {
        blocks(kinds, desc, TargetEvent::Delete)
    }
}

flags! {
    /// The flags of `delete`.
    pub struct DeleteFlags {
        named: Named,
        cascade: Cascade,
        heirs: Heirs,
    }
}

impl KindVerb for DeleteFlags {
    const VERB: VerbName = VerbName::Delete;
    const WRITES: bool = true;
    const UNUSED: Unused = Unused::NONE.columns().rows();

    fn about(desc: &Descriptor) -> String {
        format!("Delete {}; they can be restored", desc.plural())
    }

    fn examples(desc: &Descriptor) -> String {
        format!("orgctl {0} delete {1}\norgctl {0} delete {1} --cascade --yes", desc.noun, examples::key(desc))
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        let roots = targets(s, desc, &self.named.key).await?;
        let left = Left {
            cascade: self.cascade.cascade,
            reassign_to: self.heirs.reassign_to.as_deref(),
            orphan: self.heirs.orphan,
        };
        delete_records(s, desc, &roots, left).await?;
        let which: Vec<_> = roots.iter().map(|r| r.meta.record_id()).collect();
        if is_for_programs(&s.context.ui) { print_changed(s, desc, &which).await } else { Ok(()) }
    }
}

/// What depends on records is nothing to whoever may not do it.
async fn authorize_all(s: &mut Invocation<'_>, records: &[Record]) -> Result<()> {
    for record in records {
        gate::authorize(s, record).await?;
    }
    Ok(())
}

/// Deletes records, once that is confirmed, and says what went.
pub async fn delete_records(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    roots: &[Record],
    left: Left<'_>,
) -> Result<()> {
    authorize_all(s, roots).await?;
    let mode = mode(s, desc, roots, left).await?;
    let (kinds, places) = (s.kinds(), roots.iter().map(RecordAt::of).collect());
    let mut plan = DeletePlan::make(&mut s.db().await?.checking(), places, roots, mode).await?;
    plan.hide(s.db().await?).await?;
    let mut shown = None;
    if !s.context.dry_run {
        let question = question(s.db().await?, kinds, &plan).await?;
        if !s.context.ui.style.yes {
            for line in plan_lines(s.db().await?, kinds, &plan, roots.len()).await? {
                s.context.ui.status(&line);
            }
            shown = Some(plan.digest());
        }
        s.context.ui.confirm(&question).await?;
    }
    drop(plan);
    let target = if shown.is_some() { Target::as_seen } else { Target::of };
    let targets = roots.iter().map(target).collect();
    let gone = gate::write(s, &Delete { noun: desc.noun.into(), targets, mode, shown }).await?;
    let more = gone.saturating_sub(roots.len());
    for root in roots {
        s.context.ui.status(&format!("deleted {}", root.title()));
    }
    if more > 0 {
        s.context
            .ui
            .status(&format!("and {more} more that depended on {}", if roots.len() == 1 { "it" } else { "them" }));
    }
    dry_run_note(s.context);
    Ok(())
}

async fn question(db: &mut Db, kinds: Kinds, plan: &DeletePlan) -> Result<String> {
    let told: Vec<RecordAt> = plan.told().copied().collect();
    let changed: Vec<RecordAt> = plan.told_changes().map(|(r, _)| *r).collect();
    let gone = of_kinds(db, kinds, &told).await?;
    Ok(match of_kinds(db, kinds, &changed).await?.as_str() {
        "" => format!("delete {gone}?"),
        changed => format!("delete {gone}, and change {changed}?"),
    })
}

/// `branch MUM01 and 3 users`
async fn of_kinds(db: &mut Db, kinds: Kinds, records: &[RecordAt]) -> Result<String> {
    let mut parts: Vec<String> = Vec::new();
    for desc in kinds.resources() {
        let of_kind: Vec<RecordAt> = records.iter().filter(|r| r.desc == desc).copied().collect();
        match of_kind.as_slice() {
            [] => {}
            [_] => parts.extend(read(db, &of_kind).await?.iter().map(Record::title)),
            several => parts.push(count(several.len() as u64, desc)),
        }
    }
    Ok(parts.join(" and "))
}

/// At most this many records are shown one by one.
const SHOWN: usize = 20;

/// What is about to happen to records, one by one, or how many of each kind with the first keys.
pub(super) async fn lines(
    db: &mut Db,
    kinds: Kinds,
    verb: &str,
    records: &[RecordAt],
    tail: &str,
) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    if records.len() <= SHOWN {
        for same in records.chunk_by(|a, b| a.desc == b.desc) {
            lines.extend(read(db, same).await?.iter().map(|r| match r.label() == r.key() {
                true => format!("  {verb} {} {}", r.title(), r.name()).trim_end().to_owned() + tail,
                // The name is told already.
                false => format!("  {verb} {}{tail}", r.title()),
            }));
        }
        return Ok(lines);
    }
    for desc in kinds.resources() {
        let of_kind = records.iter().filter(|r| r.desc == desc);
        let n = of_kind.clone().count();
        let first: Vec<RecordAt> = of_kind.take(FIRST).copied().collect();
        let keys: Vec<String> = read(db, &first).await?.iter().map(Record::label).collect();
        if n > 0 {
            lines.push(format!("  {verb} {}{tail}: {}", count(n as u64, desc), first_keys(&keys, n)));
        }
    }
    Ok(lines)
}

/// `A, B, C, D, E, ...` of `all` keys.
pub(super) fn first_keys(keys: &[String], all: usize) -> String {
    let dots = if all > FIRST { ", ..." } else { "" };
    keys.iter().take(FIRST).map(String::as_str).collect::<Vec<_>>().join(", ") + dots
}

pub(super) const FIRST: usize = 5;

/// What goes, what depends on it and goes too, and what is pointed elsewhere.
async fn plan_lines(db: &mut Db, kinds: Kinds, plan: &DeletePlan, roots: usize) -> Result<Vec<String>> {
    let told: Vec<RecordAt> = plan.told().copied().collect();
    let (named, more) = told.split_at(roots.min(told.len()));
    let mut all = lines(db, kinds, "delete", named, "").await?;
    all.extend(lines(db, kinds, "delete", more, "").await?);
    let mut by_column: HashMap<&str, Vec<RecordAt>> = HashMap::new();
    for (record, column) in plan.told_changes() {
        by_column.entry(column).or_default().push(*record);
    }
    let mut columns: Vec<&str> = by_column.keys().copied().collect();
    columns.sort_unstable();
    for column in columns {
        let tail = format!(" ({})", column.trim_end_matches("_id"));
        all.extend(lines(db, kinds, "change", &by_column[column], &tail).await?);
    }
    if !plan.hidden.is_empty() {
        all.push(format!("  and {} that you can't see", plan.hidden.len()));
    }
    Ok(all)
}
