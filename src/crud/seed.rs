//! What the program brings along, written into organisations: by `init`, `db migrate`, `db seed`, and with each new one.
//!
//! It is safe to run again: what is there as it should be is not touched. What is the program's own is kept as it is declared;
//! anything else is made once, and people's from then on. What somebody took away stays away: the trail knows its id.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::defaults::blank;
use super::gate::Verb;

use crate::model::resource::{Descriptor, Record};
use crate::model::seed::Seed;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::Value;
use crate::store::engine::db::Db;
use crate::store::records::pointing::{RecordAt, alike, read};
use crate::store::records::{self, keys};
use crate::store::trail;
use crate::store::tx::Tx;

/// Organisations that are looked at together.
const TOGETHER: usize = 100;

/// What one record needs.
enum Step {
    Create(Seed),
    /// It is another one than it should be.
    Mend(Record, Seed),
    /// It was deleted, and is the program's own.
    Restore(Record, Seed),
    /// Nobody but the program adds to what is its own.
    Remove(Record),
}

/// What organisations need.
#[derive(Default)]
struct Plan {
    steps: Vec<Step>,
    unchanged: u64,
    /// What can't be had, and why.
    obstacles: Vec<(i32, String)>,
}

/// What came of it.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Seeded {
    pub organisations: u64,
    pub created: u64,
    pub updated: u64,
    pub removed: u64,
    pub unchanged: u64,
    /// What can't be had, and why.
    pub obstacles: Vec<String>,
}

impl Seeded {
    /// Whether nothing was to be done.
    pub fn is_nothing(&self) -> bool {
        self.created + self.updated + self.removed == 0
    }

    async fn note(&mut self, db: &mut Db, plan: &Plan, organisations: usize) -> Result<()> {
        self.organisations += organisations as u64;
        self.unchanged += plan.unchanged;
        for (org, why) in &plan.obstacles {
            self.obstacles.push(format!("{why} in {}", records::org_code(db, *org).await?));
        }
        Ok(())
    }
}

impl Step {
    fn org(&self) -> i32 {
        match self {
            Step::Create(seed) => seed.org,
            Step::Mend(record, _) | Step::Restore(record, _) | Step::Remove(record) => record.meta.org_id,
        }
    }

    /// What does not hold as long as it is not done; nothing where people may have it otherwise.
    fn fault(&self) -> Option<String> {
        let is_own = |desc: &'static Descriptor| desc.protection.is_some() || desc.defining().next().is_some();
        match self {
            Step::Create(seed) if !is_own(seed.desc) => None,
            Step::Create(seed) => Some(format!("{} {} is missing", seed.desc.noun, seed.key())),
            Step::Restore(record, _) => Some(format!("{} is deleted", record.title())),
            Step::Mend(record, _) => Some(format!("{} is not as the program has it", record.title())),
            Step::Remove(record) => Some(format!("{} is none of the program's own", record.title())),
        }
    }
}

/// Sets what a seed says; of a record that is there only what people may not change.
fn put(record: &mut Record, seed: &Seed) {
    let open = seed.desc.protection.filter(|_| record.is_protected()).map_or(&[][..], |p| p.open);
    for (column, value) in seed.values.iter().filter(|(column, _)| !open.contains(column)) {
        record.set(column, value.clone());
    }
}

/// A record as a seed has it, where the one that is there is another.
fn mended(there: &Record, seed: &Seed) -> Option<Record> {
    let mut after = there.clone();
    put(&mut after, seed);
    let defaults = seed.desc.fields.iter().filter(|f| f.is_managed() && f.default() == Some("yes"));
    defaults.for_each(|f| after.set(f.column, true.into()));
    (after.values != there.values).then_some(after)
}

impl Plan {
    /// What some organisations need, by what is there: their numbers and ids.
    async fn make(db: &mut Db, orgs: &[(i32, Uuid)]) -> Result<Plan> {
        let mut plan = Plan::default();
        let kinds = db.kinds();
        let seeds: Vec<Seed> = orgs.iter().flat_map(|(org, id)| kinds.seeds_of(*org, *id)).collect();
        let known: HashSet<(i32, Uuid)> = seeds.iter().map(|seed| (seed.org, seed.id)).collect();
        let mut absent: HashSet<(i32, Uuid)> = HashSet::new();
        for desc in kinds.resources() {
            let of_kind: Vec<&Seed> = seeds.iter().filter(|seed| seed.desc == desc).collect();
            let places = of_kind.iter().map(|seed| (seed.org, seed.id));
            let there = records::with_record_ids(db, desc, places).await?;
            let mut there: HashMap<(i32, Uuid), Record> = there.into_iter().map(|r| (r.meta.record_id(), r)).collect();
            let mut missing = Vec::new();
            for seed in of_kind {
                match there.remove(&(seed.org, seed.id)) {
                    Some(record) => plan.compare(record, seed),
                    None => missing.push(seed),
                }
            }
            plan.create(db, desc, missing, &mut absent).await?;
            plan.remove_others(db, desc, &seeds, &known).await?;
        }
        Ok(plan)
    }

    fn compare(&mut self, record: Record, seed: &Seed) {
        let is_own = record.is_protected() || seed.desc.defining().next().is_some();
        let seed = seed.clone();
        match record.is_live() {
            true if is_own && mended(&record, &seed).is_some() => self.steps.push(Step::Mend(record, seed)),
            false if is_own => self.steps.push(Step::Restore(record, seed)),
            _ => self.unchanged += 1,
        }
    }

    /// What is not there, and was not before; unless somebody else has its key.
    async fn create(
        &mut self,
        db: &mut Db,
        desc: &'static Descriptor,
        missing: Vec<&Seed>,
        absent: &mut HashSet<(i32, Uuid)>,
    ) -> Result<()> {
        let ids: Vec<Uuid> = missing.iter().map(|seed| seed.id).collect();
        let gone: HashSet<Uuid> = if ids.is_empty() { HashSet::new() } else { trail::known_ids(db, &ids).await? };
        let mut by_org: BTreeMap<i32, Vec<&Seed>> = BTreeMap::new();
        for seed in missing {
            let lacks =
                seed.values.iter().filter_map(|(_, value)| value.as_uuid()).any(|id| absent.contains(&(seed.org, id)));
            if lacks || gone.contains(&seed.id) {
                absent.insert((seed.org, seed.id));
                self.unchanged += u64::from(!lacks);
                continue;
            }
            by_org.entry(seed.org).or_default().push(seed);
        }
        for (org, seeds) in by_org {
            let value = |seed: &Seed, column: &str| {
                let found = seed.values.iter().find(|(c, _)| *c == column);
                found.map(|(_, value)| value.clone())
            };
            let parts = |seed: &&Seed| -> Vec<Value> {
                let part = |f: &crate::model::resource::Field| {
                    f.key_value(&value(seed, f.column).unwrap_or(Value::Null(f.ty.kind)))
                };
                desc.key().parts().map(part).collect()
            };
            let asked: Vec<Vec<Value>> = seeds.iter().map(parts).collect();
            let holders = keys::holders_of(db, desc, org, desc.key(), &asked).await?;
            for (seed, holder) in seeds.into_iter().zip(holders) {
                match holder {
                    None => self.steps.push(Step::Create(seed.clone())),
                    Some(other) if desc.protection.is_some() => {
                        absent.insert((seed.org, seed.id));
                        let why = format!("{} has the key of one that the program brings along", other.title());
                        self.obstacles.push((org, why));
                    }
                    Some(_) => self.unchanged += 1,
                }
            }
        }
        Ok(())
    }

    /// Parts of what is the program's own that are no part of it.
    async fn remove_others(
        &mut self,
        db: &mut Db,
        desc: &'static Descriptor,
        seeds: &[Seed],
        known: &HashSet<(i32, Uuid)>,
    ) -> Result<()> {
        for (field, whole) in desc.defining() {
            let mut wholes: BTreeMap<i32, Vec<Value>> = BTreeMap::new();
            for seed in seeds.iter().filter(|seed| seed.desc == whole) {
                wholes.entry(seed.org).or_default().push(seed.id.into());
            }
            for (org, ids) in wholes {
                let parts = records::with_values(db, desc, Some(org), field, &ids).await?;
                let others = parts.into_iter().filter(|r| !known.contains(&r.meta.record_id()));
                self.steps.extend(others.map(Step::Remove));
            }
        }
        Ok(())
    }
}

/// The live organisations to which something is to be done, SYSTEM among them, and what is so already.
pub async fn due(db: &mut Db) -> Result<(Vec<i32>, Seeded)> {
    let (mut due, mut seeded) = (BTreeSet::new(), Seeded::default());
    for some in all(db).await?.chunks(TOGETHER) {
        let plan = Plan::make(db, some).await?;
        seeded.note(db, &plan, some.len()).await?;
        due.extend(plan.steps.iter().map(Step::org));
    }
    Ok((due.into_iter().collect(), seeded))
}

/// What does not hold of what is the program's own, for `db check`.
pub async fn faults(db: &mut Db) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for some in all(db).await?.chunks(TOGETHER) {
        let plan = Plan::make(db, some).await?;
        let of_steps = plan.steps.iter().filter_map(|step| Some((step.org(), step.fault()?)));
        for (org, why) in of_steps.chain(plan.obstacles) {
            let place = records::org_code(db, org).await?;
            faults.push(format!("{why} in {place}: 'orgctl db seed' mends what it can"));
        }
    }
    Ok(faults)
}

async fn all(db: &mut Db) -> Result<Vec<(i32, Uuid)>> {
    match db.kinds().seeds().roles {
        [] => Ok(Vec::new()),
        _ => Ok(records::orgs_with_ids(db).await?),
    }
}

/// Writes into organisations what they lack.
#[derive(Debug, Serialize, Deserialize)]
pub struct Bring {
    /// Their numbers.
    pub orgs: Vec<i32>,
}

impl Verb for Bring {
    const NAME: &str = "db seed";

    type Output = Seeded;

    fn orgs(&self) -> Vec<i32> {
        self.orgs.clone()
    }

    async fn run(&self, tx: &mut Tx<'_>, context: &ParseContext) -> Result<Seeded> {
        let mut seeded = Seeded::default();
        for some in all(tx.db).await?.chunks(TOGETHER) {
            let plan = Plan::make(tx.db, some).await?;
            seeded.note(tx.db, &plan, some.len()).await?;
            // What became due since it was asked is for the next run.
            let steps = plan.steps.into_iter().filter(|step| self.orgs.contains(&step.org())).collect();
            write(tx, steps, context, &mut seeded).await?;
        }
        Ok(seeded)
    }
}

async fn write(tx: &mut Tx<'_>, steps: Vec<Step>, context: &ParseContext, seeded: &mut Seeded) -> Result<()> {
    tx.write_protected(true);
    let (mut new, deletion) = (Vec::new(), tx.new_id());
    for step in steps {
        match step {
            Step::Create(seed) => new.push(seed),
            Step::Mend(record, seed) => {
                mend(tx, &record, &seed).await?;
                seeded.updated += 1;
            }
            Step::Restore(record, seed) => {
                let record = tx.restore(&record).await?;
                mend(tx, &record, &seed).await?;
                seeded.updated += 1;
            }
            Step::Remove(record) => {
                tx.delete(&record, deletion).await?;
                seeded.removed += 1;
            }
        }
    }
    seeded.created += create(tx, new, context).await?;
    tx.write_protected(false);
    Ok(())
}

async fn mend(tx: &mut Tx<'_>, record: &Record, seed: &Seed) -> Result<()> {
    match mended(record, seed) {
        Some(after) => Ok(tx.update(record, after, Action::Update).await.map(drop)?),
        None => Ok(()),
    }
}

/// Makes them together, kind by kind: what one refers to is there, and is called what it says.
async fn create(tx: &mut Tx<'_>, mut seeds: Vec<Seed>, context: &ParseContext) -> Result<u64> {
    let place = |desc: &Descriptor| tx.kinds().resources().position(|d| d == desc);
    seeds.sort_by_key(|seed| place(seed.desc));
    let made = seeds.len() as u64;
    let by = tx.actor().await?;
    for seed in seeds {
        let mut record = blank(tx, seed.desc, seed.org, seed.id, context)?;
        put(&mut record, &seed);
        record.meta.created_by = by;
        record.meta.updated_by = by;
        record.referred = seed.referred;
        record.validate(tx.today())?;
        tx.insert_record_later(record).await?;
    }
    tx.flush().await?;
    Ok(made)
}

/// Gives new organisations what they begin with.
pub async fn found(tx: &mut Tx<'_>, orgs: &[(i32, Uuid)], context: &ParseContext) -> Result<()> {
    tx.write_protected(true);
    for some in orgs.chunks(TOGETHER) {
        let seeds = some.iter().flat_map(|(org, id)| tx.kinds().seeds_of(*org, *id)).collect();
        create(tx, seeds, context).await?;
    }
    tx.write_protected(false);
    Ok(())
}

/// Refuses to take away what is the program's own, or a part of that.
pub async fn keep(db: &mut Db, going: &[RecordAt]) -> Result<()> {
    let goes: HashSet<Uuid> = going.iter().map(|r| r.id).collect();
    let may_be_own = |some: &&[RecordAt]| some[0].desc.protection.is_some() || some[0].desc.defining().next().is_some();
    for some in alike(going).filter(may_be_own) {
        let parts = read(db, some).await?;
        if let Some(own) = parts.iter().find(|r| r.is_protected()) {
            return Err(own.is_kept("deleted").into());
        }
        for (field, whole) in some[0].desc.defining() {
            let of = |part: &Record| part.get(field.column).as_uuid().filter(|id| !goes.contains(id));
            let wholes: BTreeSet<(i32, Uuid)> = parts.iter().filter_map(|p| Some((p.meta.org_id, of(p)?))).collect();
            let wholes = records::with_record_ids(db, whole, wholes.into_iter()).await?;
            let Some(own) = wholes.iter().find(|whole| whole.is_protected()) else { continue };
            let part = parts.iter().find(|part| of(part) == Some(own.meta.id));
            return Err(part.map_or_else(|| own.is_kept("changed"), |part| part.is_kept_with(own)).into());
        }
    }
    Ok(())
}
