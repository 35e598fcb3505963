//! restore: bringing back what was deleted.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::contents;
use super::flags::{Forced, Named};
use super::former;
use super::gate::{self, Verb};
use super::invocation::Invocation;
use super::keys::keys;
use super::leaf::{KindVerb, flags};
use super::lookup::find_each_deleted;
use super::read::{known_columns, print_changed};
use super::write::{Holder, dry_run_note, holder};
use crate::model::problem::Problem;
use crate::model::resource::lifetime::Lifetime;
use crate::model::resource::verbs::Verb as VerbName;
use crate::model::resource::{Descriptor, Field, Record, examples};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::Value;
use crate::store::records::keys as store_keys;
use crate::store::records::pointing::{RecordAt, Taken, read};
use crate::store::records::{self, Deleted};
use crate::store::tx::Tx;

/// Deletions that are undone together, and records that a statement brings back.
const TOGETHER: usize = 1000;

/// Brings back exactly what one delete took away.
#[derive(Debug, Serialize, Deserialize)]
pub struct Restore {
    /// Organisation and deletion.
    pub deletions: Vec<(i32, Uuid)>,
    /// Those that were asked for: where one of them stays away, nothing comes back.
    pub named: HashSet<Uuid>,
}

/// Records of one kind.
type Places = (&'static Descriptor, BTreeSet<(i32, Uuid)>);

/// What came back, and the flags that a record had to leave to another one, which has them meanwhile.
#[derive(Default)]
pub struct Restored {
    records: Vec<RecordAt>,
    left: Vec<(Record, &'static str)>,
    /// Who is in charge of what came back: record, field and who.
    in_charge: Vec<(RecordAt, &'static Field, Uuid)>,
    /// Why some stay away.
    stays: Vec<(Uuid, Problem)>,
}

/// What a restore brings back together.
struct Coming<'a> {
    named: &'a HashSet<Uuid>,
    /// What stays, and the deletion with which it comes back.
    waiting: HashMap<Uuid, Uuid>,
    /// Deletion and record.
    there: HashSet<(Uuid, Uuid)>,
}

impl Verb for Restore {
    const NAME: &str = "restore";

    type Output = Restored;

    fn orgs(&self) -> Vec<i32> {
        self.deletions.iter().map(|(org, _)| *org).collect()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Restored> {
        let mut restored = Restored::default();
        for some in self.deletions.chunk_by(|a, b| a.0 == b.0).flat_map(|same| same.chunks(TOGETHER)) {
            let (org, deletions) = (some[0].0, some.iter().map(|(_, id)| *id).collect::<Vec<_>>());
            let coming = contents::coming(tx, org, &deletions).await?;
            tx.write_protected(coming.iter().any(|t| t.at.desc.is_org()));
            let waiting = contents::waiting(tx, org, &coming).await?;
            let there = coming.iter().map(|t| (t.deletion, t.at.id)).collect();
            let together = Coming { named: &self.named, waiting, there };
            for same in coming.chunk_by(|a, b| a.at.desc == b.at.desc).flat_map(|same| same.chunks(TOGETHER)) {
                restored.bring_back(tx, same, &together).await?;
            }
            tx.write_protected(false);
        }
        let is_empty = restored.records.is_empty();
        if let Some((_, why)) = restored.stays.iter().find(|(id, _)| is_empty || self.named.contains(id)) {
            return Err(why.clone().into());
        }
        let back: HashSet<Uuid> = restored.records.iter().map(|r| r.id).collect();
        if is_empty || !self.named.is_subset(&back) {
            let which = if self.named.len() > 1 { "one of them" } else { "it" };
            let sentence =
                format!("{which} was restored or purged by somebody else in the meantime; nothing was restored");
            return Err(Problem::conflict(sentence).hint("run the command again").into());
        }
        Ok(restored)
    }
}

impl Restored {
    /// Brings back records of one kind and organisation, but for those that wait.
    async fn bring_back(&mut self, tx: &mut Tx<'_>, some: &[Taken], together: &Coming<'_>) -> Result<()> {
        let places: Vec<RecordAt> = some.iter().map(|t| t.at).collect();
        let (mut back, mut later) = (Vec::new(), Vec::new());
        for record in read(tx.db, &places).await? {
            let id = record.meta.id;
            if let Some(other) = together.waiting.get(&id) {
                if together.named.contains(&id) {
                    self.stays.push((id, waits(tx, &record).await?));
                }
                later.push((record, *other));
            } else if former::has_gone_back(tx, &record).await?.is_some() {
                // It is that one's own key again, and stays away.
                let why = former::not_to_be_back(tx, &record).await?;
                self.stays.extend(why.map(|p| (id, formerly_taken(p, &record))));
            } else {
                back.push(record);
            }
        }
        // They stay deleted, when and by whom they were, and come back with that one.
        tx.delete_each(later).await?;
        former::take_back(tx, &back).await?;
        let taken: HashMap<Uuid, &Taken> = some.iter().map(|t| (t.at.id, t)).collect();
        let back = match may_be_taken(tx, &back).await? {
            false => tx.restore_all(back).await?,
            true => one_by_one(tx, back).await?,
        };
        let comes_along = |r: &Record| {
            let is_there = |t: &&Taken| t.refers.iter().any(|(_, id)| together.there.contains(&(t.deletion, *id)));
            taken.get(&r.meta.id).is_some_and(is_there)
        };
        self.leave_flags(tx, &back, comes_along).await?;
        for record in &back {
            let at = RecordAt::of(record);
            if record.is_active() && record.is_open() {
                let duties = record.desc.fields.iter().filter(|f| f.lifetime() == Lifetime::Duty);
                self.in_charge.extend(duties.filter_map(|f| Some((at, f, record.get(f.column).as_uuid()?))));
            }
            self.records.push(at);
        }
        Ok(())
    }

    /// What comes along with another one takes nothing from those who are there.
    async fn leave_flags(
        &mut self,
        tx: &mut Tx<'_>,
        back: &[Record],
        comes_along: impl Fn(&Record) -> bool,
    ) -> Result<()> {
        let doubled = records::doubled_flags_of(tx.db, back, None).await?;
        for (record, flags) in
            back.iter().zip(doubled).filter(|(record, flags)| !flags.is_empty() && comes_along(record))
        {
            let mut record = record.clone();
            for flag in flags {
                let mut after = record.clone();
                after.set(flag, false.into());
                record = tx.update(&record, after, Action::Update).await?.unwrap_or(record);
                self.left.push((record.clone(), flag));
            }
        }
        Ok(())
    }
}

/// That a record can't come back by itself, since something that it needs is deleted too.
async fn waits(tx: &mut Tx<'_>, record: &Record) -> Result<Problem> {
    let sentence = format!("{} can't come back yet", record.title());
    for field in record.desc.stored().filter(|f| matches!(f.lifetime(), Lifetime::Within | Lifetime::Protects)) {
        let (Some(target), Some(id)) = (field.target(), record.get(field.column).as_uuid()) else { continue };
        let other = records::load(tx.db, target, record.meta.org_id, id).await?;
        if let Some(other) = other.filter(|other| !other.is_live()) {
            let title = tx.title_as_told(&other).await?;
            return Ok(Problem::conflict(format!("{sentence}: {title} is deleted"))
                .hint(format!("bring that back first: 'orgctl {} restore {}'", target.noun, other.meta.id)));
        }
    }
    Ok(Problem::conflict(format!("{sentence}: what it is part of is deleted")))
}

/// Whether one of some records might not get its keys: then each is asked about by itself.
async fn may_be_taken(tx: &mut Tx<'_>, some: &[Record]) -> Result<bool> {
    let Some(first) = some.first() else { return Ok(false) };
    let (desc, org) = (first.desc, first.meta.org_id);
    if desc.formerly_of().is_some() {
        return Ok(true);
    }
    let mut seen = HashSet::new();
    for key in desc.all_keys() {
        let asked: Vec<Vec<Value>> = some.iter().map(|r| store_keys::parts_of(r, key)).collect();
        for parts in asked.iter().filter(|parts| store_keys::is_whole(key, parts)) {
            let words: Vec<String> = store_keys::in_index(key, parts).iter().map(Value::to_text).collect();
            if !seen.insert((key.name(), words)) {
                return Ok(true);
            }
        }
        if store_keys::are_held(tx.db, desc, org, key, &asked).await? {
            return Ok(true);
        }
    }
    Ok(records::former::mean_somebody(tx.db, some).await?)
}

async fn one_by_one(tx: &mut Tx<'_>, some: Vec<Record>) -> Result<Vec<Record>> {
    let mut back = Vec::with_capacity(some.len());
    for record in some {
        match holder(tx, &record).await? {
            None => back.push(tx.restore(&record).await?),
            Some(Holder::Live(_)) => return Err(taken_meanwhile(&record).into()),
            Some(Holder::Formerly(p)) => return Err(formerly_taken(p, &record).into()),
        }
    }
    Ok(back)
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

flags! {
    /// The flags of `restore`.
    pub struct RestoreFlags {
        named: Named,
        force: Forced,
    }
}

impl KindVerb for RestoreFlags {
    const VERB: VerbName = VerbName::Restore;
    const WRITES: bool = true;

    fn about(desc: &Descriptor) -> String {
        format!("Bring back deleted {}", desc.plural())
    }

    fn examples(desc: &Descriptor) -> String {
        format!("orgctl {0} restore {1}\norgctl {0} {2} --deleted", desc.noun, examples::key(desc), desc.list_word())
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        known_columns(s.context, desc)?;
        let keys = keys(s, desc, Deleted::Only, &self.named.key).await?;
        let named = find_each_deleted(s, desc, &keys, true).await?;
        if let Some(record) = named.iter().find(|r| r.has_ended() && r.meta.is_live()) {
            return Err(Problem::conflict(format!("{} has ended, which is no deletion", record.title()))
                .hint(format!(
                    "'orgctl {} history {}' shows what ended it, and 'orgctl audit revert' undoes that",
                    desc.noun, record.meta.id
                ))
                .into());
        }
        let mut seen = HashSet::new();
        let deletions = named.iter().filter_map(|r| r.meta.deletion_id.map(|d| (r.meta.org_id, d)));
        let deletions: Vec<(i32, Uuid)> = deletions.filter(|d| seen.insert(*d)).collect();
        let is_named: HashSet<Uuid> = named.iter().map(|r| r.meta.id).collect();
        let verb = Restore { deletions, named: is_named.clone() };
        let Restored { records: restored, left, in_charge, .. } = gate::write(s, &verb).await?;
        for record in &named {
            s.context.ui.status(&format!("restored {}", record.title()));
        }
        warn_of_the_unused(s, &in_charge).await?;
        let is_of_org = |r: &RecordAt| r.is_seed() && desc.is_org();
        let counts = |r: &&RecordAt| r.desc.is_told() && !is_of_org(r) && !is_named.contains(&r.id);
        let more = restored.iter().filter(counts).count();
        if more > 0 {
            s.context.ui.status(&format!(
                "and {more} more that were deleted together with {}",
                if named.len() == 1 { "it" } else { "them" }
            ));
        }
        for (record, flag) in &left {
            s.context.ui.status(&format!("{} has no {flag} any more: another one has it meanwhile", record.title()));
        }
        dry_run_note(s.context);
        let which: Vec<_> = restored.iter().filter(|r| r.desc == desc).map(RecordAt::place).collect();
        print_changed(s, desc, &which).await
    }
}

/// Who was in charge of what comes back still is, though he or she may have been put out of use meanwhile: that is said.
async fn warn_of_the_unused(s: &mut Invocation<'_>, in_charge: &[(RecordAt, &'static Field, Uuid)]) -> Result<()> {
    let mut wanted: BTreeMap<&str, Places> = BTreeMap::new();
    for (record, field, id) in in_charge {
        if let Some(target) = field.target() {
            wanted.entry(target.noun).or_insert_with(|| (target, BTreeSet::new())).1.insert((record.org, *id));
        }
    }
    let mut unused: HashMap<(i32, Uuid), String> = HashMap::new();
    for (target, places) in wanted.into_values() {
        let places: Vec<(i32, Uuid)> = places.into_iter().collect();
        for some in places.chunks(TOGETHER) {
            let found = records::with_record_ids(s.db().await?, target, some.iter().copied()).await?;
            unused.extend(found.iter().filter(|r| !r.is_active()).map(|r| (r.meta.record_id(), r.title())));
        }
    }
    for (at, field, id) in in_charge {
        let Some(title) = unused.get(&(at.org, *id)) else { continue };
        let Some(record) = read(s.db().await?, &[*at]).await?.into_iter().next() else { continue };
        s.context.ui.warn(&format!(
            "{title} ({} of {}) is not in use: 'orgctl {} update {} --{} KEY' puts another one in charge",
            field.name(),
            record.title(),
            record.desc.noun,
            record.key(),
            field.name().replace('_', "-")
        ));
    }
    Ok(())
}
