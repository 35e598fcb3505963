//! `kyc redact`: of Aadhaar numbers that were kept whole the last four digits and a keyed hash are left. What else is sealed of the
//! people whose they are is sealed anew, and the keys of before are destroyed: no copy of a row opens again.
//!
//! First it is set that nothing but references is kept, under the lock that everybody takes who seals: no number comes in any more, and
//! nothing leads back. Then people are taken one batch after the other, each a transaction; ended in the middle, it goes on
//! with whoever still has a number.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::DESC;
use super::seal::{Clear, FINGERPRINT, NUMBER, RESPONSE, Seals, is_chosen, opened_by, sealed_columns, without_key};
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::vault::{Cell, Opener, Vault};
use crate::crud::write::dry_run_note;
use crate::model::identity::within::{json_without_aadhaars, without_aadhaars};
use crate::model::kinds::kyc::KycKind;
use crate::model::kinds::user::User;
use crate::model::resource::{Descriptor, Field, Record, Resource as _};
use crate::model::setting::{AadhaarStorage, KYC_AADHAAR_STORAGE, Place};
use crate::model::trail::audit::{Action, ChangeNote};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, ValueType, rfc3339};
use crate::store::engine::db::Db;
use crate::store::records::sealed::{self, Holding};
use crate::store::records::{self, any, settings};
use crate::store::trail::lineage::claims;
use crate::store::trail::{merged_ids, merged_into};
use crate::store::tx::Tx;
use crate::ui::format::report;
use crate::verbs::audit::findings::counted;
use crate::verbs::backup::catalogue::KnownBackups;
use crate::verbs::setting::write_value;

/// Records whose numbers are taken out in one transaction: each with all that its person has.
const TOGETHER: usize = 200;

/// What the records of it say that it did.
pub const REDACT: &str = "redact";

const NEEDS_KEY: &str = "it needs the master key";

/// What sort of record it is about.
fn aadhaars() -> Result<(&'static Field, Value)> {
    Ok((DESC.known("kind")?, KycKind::Aadhaar.as_str().into()))
}

/// How many Aadhaar records organisations have, and of how many the number is there.
pub async fn held(db: &mut Db) -> Result<Vec<Holding>> {
    let (field, kind) = aadhaars()?;
    Ok(sealed::count_holding(db, DESC, (field, &kind), NUMBER).await?)
}

/// Has no Aadhaar number of an organisation be kept whole from now on.
#[derive(Debug, Serialize, Deserialize)]
struct Begin {
    org: i32,
}

impl Verb for Begin {
    const NAME: &str = "kyc redact begin";

    /// Whether it was so before.
    type Output = bool;

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("what follows it needs the master key")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<bool> {
        let settings = settings::for_org(tx.db, self.org).await?;
        let storage = settings.get(KYC_AADHAAR_STORAGE)?;
        is_chosen(storage)?;
        if storage == AadhaarStorage::Reference {
            return Ok(true);
        }
        let reference = AadhaarStorage::Reference.as_str();
        write_value(tx, Place::of(self.org), &settings, KYC_AADHAAR_STORAGE.declared, reference).await?;
        Ok(false)
    }
}

/// Takes the numbers of some records out, and seals anew what else there is of the people whose they are.
#[derive(Debug, Serialize, Deserialize)]
struct RedactSome {
    #[serde(skip)]
    vault: Vault,
    org: i32,
    /// Behind which record.
    after: Uuid,
}

/// How far it came.
struct Redacted {
    /// Records of which something was taken out, and people.
    records: u64,
    people: u64,
    last: Uuid,
    has_ended: bool,
}

impl Verb for RedactSome {
    const NAME: &str = "kyc redact some";

    type Output = Redacted;

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some(NEEDS_KEY)
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Redacted> {
        let (field, kind) = aadhaars()?;
        let found = sealed::holding(tx.db, DESC, self.org, (field, &kind), NUMBER, (self.after, TOGETHER)).await?;
        let people: BTreeSet<Uuid> = found.iter().map(|(_, person)| *person).collect();
        let people: Vec<Uuid> = people.into_iter().collect();
        let mut done = Redacted {
            records: 0,
            people: people.len() as u64,
            last: found.last().map_or(self.after, |(id, _)| *id),
            has_ended: found.len() < TOGETHER,
        };
        if !people.is_empty() {
            done.records = redact(tx, &self.vault, self.org, &people).await?;
        }
        Ok(done)
    }
}

/// Takes numbers out of all records of some people; of how many.
async fn redact(tx: &mut Tx<'_>, vault: &Vault, org: i32, people: &[Uuid]) -> Result<u64> {
    let as_whom = with_duplicates(tx, org, people).await?;
    let all: Vec<Uuid> = as_whom.values().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let ids: Vec<Value> = all.iter().copied().map(Value::from).collect();
    let records = any::all_with(tx.db, DESC, org, DESC.known("user_id")?, &ids).await?;
    let whose = records.iter().filter_map(|record| record.get("user_id").as_uuid());
    let people: Vec<Uuid> = whose.collect::<BTreeSet<_>>().into_iter().collect();
    let former = vault.retire(tx, org, &all).await?;
    let opener = vault.opener(tx.db, org, former.iter().copied()).await?;
    let seals = Seals::of(vault, tx, org, &people).await?;
    let (mut changes, mut rows, mut others) = (Vec::new(), Vec::new(), BTreeMap::new());
    let names: Vec<&'static str> = sealed_columns().collect();
    for before in records {
        // What opens no more keeps nobody else's number here: it stays as it is, but for the number itself.
        let lost = without_key(&opener, &before);
        let (mut openable, mut after) = (before.clone(), before.clone());
        for column in &lost {
            openable.set(column, Value::Null(ValueType::Bytes));
            if *column == NUMBER && is_aadhaar(&before) {
                after.set(NUMBER, Value::Null(ValueType::Bytes));
            }
        }
        let mut clear = opened_by(&opener, &openable)?;
        redacted(&seals, &mut after, &mut clear);
        seals.fill(&mut after, &clear, tx.random())?;
        // What the trail tells of: anything else of it is written without a record.
        if after.get(FINGERPRINT) != before.get(FINGERPRINT) {
            changes.push((before, after));
        } else {
            others.entry(before.get("user_id").as_uuid().unwrap_or_default()).or_insert(before);
            rows.push((after.meta.id, names.iter().map(|column| after.get(column).clone()).collect()));
        }
    }
    tx.reseal(DESC.table, &names, org, rows).await?;
    reseal_others(tx, &opener, &seals, org, &people).await?;
    tx.destroy_keys(org, &former).await?;
    let details = changes.iter().map(|(before, _)| named(tx, before, &as_whom)).collect();
    let telling = ChangeNote { action: Action::Update, details: Map::from_iter([("verb".to_owned(), REDACT.into())]) };
    let written = tx.update_each(changes, &telling, details).await?;
    // Of whom nothing changes that a record tells, the keys are told alone.
    for record in others.into_values() {
        let mut details = named(tx, &record, &as_whom);
        if !details.is_empty() {
            details.extend(telling.details.clone());
            tx.event_about(org, Action::Update, DESC.noun, record.meta.id, details).await?;
        }
    }
    Ok(written.len() as u64)
}

/// Under which ids each of some people was known: by the keys of duplicates that were merged into somebody, rows open that were copied
/// before.
async fn with_duplicates(tx: &mut Tx<'_>, org: i32, people: &[Uuid]) -> Result<BTreeMap<Uuid, Vec<Uuid>>> {
    let mut as_whom: BTreeMap<Uuid, Vec<Uuid>> = people.iter().map(|person| (*person, vec![*person])).collect();
    for person in merged_into(tx.db, org, User::DESCRIPTOR, people).await? {
        as_whom.insert(person, merged_ids(tx.db, org, User::DESCRIPTOR, person).await?);
    }
    Ok(as_whom)
}

/// What a record's audit record says of the keys of its person: the first of them names all.
fn named(tx: &mut Tx<'_>, record: &Record, as_whom: &BTreeMap<Uuid, Vec<Uuid>>) -> Map<String, Json> {
    let (person, mut details) = (record.get("user_id").as_uuid().unwrap_or_default(), Map::new());
    match as_whom.get(&person) {
        Some(ids) => tx.name_keys_of(ids, &mut details),
        None => tx.name_keys(person, &mut details),
    }
    details
}

fn is_aadhaar(record: &Record) -> bool {
    record.get("kind").as_text() == Some(KycKind::Aadhaar.as_str())
}

/// Takes out of a record what is to go. The number is found by the index that is written with now, for
/// it can't be made again.
fn redacted(seals: &Seals, record: &mut Record, clear: &mut Clear) {
    if is_aadhaar(record)
        && let Some(at) = clear.iter().position(|(column, _)| *column == NUMBER)
    {
        let (_, number) = clear.swap_remove(at);
        seals.index(record, &number);
        record.set(NUMBER, Value::Null(ValueType::Bytes));
    }
    // The number of an account may look like one that has to go.
    for (column, text) in clear.iter_mut().filter(|(column, _)| *column != NUMBER) {
        *text = if *column == RESPONSE { json_without_aadhaars(text) } else { without_aadhaars(text) };
    }
}

/// Seals anew what other kinds of records hold of people.
async fn reseal_others(tx: &mut Tx<'_>, opener: &Opener, seals: &Seals, org: i32, people: &[Uuid]) -> Result<()> {
    let is_other = |desc: &&'static Descriptor| {
        **desc != *DESC && !sealed::columns(desc).is_empty() && desc.is_about(User::DESCRIPTOR)
    };
    let others: Vec<&'static Descriptor> = tx.kinds().resources().filter(is_other).collect();
    for desc in others {
        let names: Vec<&'static str> = sealed::columns(desc).into_iter().map(|(field, _)| field.column).collect();
        let mut anew = Vec::new();
        for mut row in sealed::rows_of(tx.db, desc, &names, org, people).await? {
            for (value, column) in row.values.iter_mut().zip(&names) {
                let Some(bytes) = value.as_bytes() else { continue };
                let cell = Cell { table: desc.table, column, row: row.id };
                let clear = opener.open(&cell, bytes)?;
                *value = Value::Bytes(seals.reseal(row.subject, &cell, &clear, tx.random())?);
            }
            anew.push((row.id, row.values));
        }
        tx.reseal(desc.table, &names, org, anew).await?;
    }
    Ok(())
}

/// Takes numbers out.
#[derive(clap::Args)]
pub struct RedactFlags {}

impl Leaf for RedactFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "redact",
        permission: "kyc:redact",
        writes: true,
        about: "Keep no Aadhaar number whole any more: take out those that are there, for good",
        examples: "orgctl kyc redact --dry-run\norgctl kyc redact --org ACME --yes",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();
    const RECORDED: Option<Action> = Some(Action::Update);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        let org = s.the_org_of(DESC).await?.unwrap_or_default();
        gate::allow_whole(s, "kyc:redact", DESC, org)?;
        s.outcome.about = org;
        let code = records::org_code(s.db().await?, org).await?;
        let storage = settings::get(s.db().await?, org, KYC_AADHAAR_STORAGE).await?;
        is_chosen(storage)?;
        let all = held(s.db().await?).await?;
        let n = all.iter().find(|held| held.org == org).map_or(0, |held| held.holding);
        if storage == AadhaarStorage::Reference && n == 0 {
            s.context.ui.status(&format!("nothing to do: {code} keeps no Aadhaar number whole"));
            return Ok(());
        }
        let of = counted(n, "Aadhaar number", "Aadhaar numbers");
        if s.context.dry_run {
            s.context.ui.status(&format!("would take {of} of {code} out for good, and keep none whole from then on"));
            dry_run_note(s.context);
            return Ok(());
        }
        let vault = Vault::of(s).await?;
        let question = format!(
            "Take {of} of {code} out for good? The last four digits and a keyed hash are left, and nothing brings the numbers back"
        );
        s.context.ui.confirm(&question).await?;
        if storage != AadhaarStorage::Reference {
            gate::allow_besides(s.context, "settings:update")?;
        }
        if gate::write(s, &Begin { org }).await? {
            s.context.ui.status(&format!("going on with {code}, which was begun before"));
        }
        let (records, people) = redact_all(s, &vault, org, (&code, n)).await?;
        tell(s, records, people).await
    }
}

/// What was done, and where the numbers are still.
async fn tell(s: &mut Invocation<'_>, records: u64, people: u64) -> Result<()> {
    let of = counted(records, "record", "records");
    let whose = counted(people, "person", "people");
    s.context
        .ui
        .status(&format!("took the numbers out of {of} of {whose}: the last four digits and a keyed hash are left"));
    if let Err(e) = sealed::wipe(s.db().await?).await {
        s.context.ui.verbose(&format!("{e:#}"));
        s.context
            .ui
            .warn("the database's files may hold traces until they are next cleaned (VACUUM): no key opens them");
    }
    let known = archives(s).await?;
    s.context.ui.status(&format!("note: {}", known.in_words()));
    let told = json!({
        "records": records,
        "people": people,
        "archives": known.all,
        "held": known.held,
        "held_until": known.held_until.map(rfc3339),
        "restored_from": known.restored_from,
    });
    report(&s.context.ui, &told)
}

/// Takes batch after batch, until none is left that somebody brought along meanwhile by a merge.
async fn redact_all(s: &mut Invocation<'_>, vault: &Vault, org: i32, (code, all): (&str, u64)) -> Result<(u64, u64)> {
    let progress = s.context.ui.progress();
    progress.part(&format!("taking numbers out of {code}"), Some(all), "records");
    let (mut records, mut people) = (0, 0);
    loop {
        let (mut after, before) = (Uuid::nil(), records);
        loop {
            let done = gate::write(s, &RedactSome { vault: vault.clone(), org, after }).await?;
            (after, records, people) = (done.last, records + done.records, people + done.people);
            progress.set(records);
            if done.has_ended {
                break;
            }
        }
        if records == before {
            break;
        }
    }
    progress.finish();
    Ok((records, people))
}

/// Archives that were made before, and hold the numbers.
struct Archives {
    all: usize,
    /// Those of them that nobody removes before a time, and the last of these times.
    held: usize,
    held_until: Option<DateTime<Utc>>,
    /// Those from which this database was restored, and which no catalogue here names.
    restored_from: BTreeSet<Uuid>,
}

/// What is known of archives that were made before.
async fn archives(s: &mut Invocation<'_>) -> Result<Archives> {
    let known = KnownBackups::reachable(s, None).await?;
    let now = s.context.clock.now();
    let own: Vec<_> = known.entries.iter().filter(|e| known.is_own(e) && e.may_hold_rows()).collect();
    let held = || own.iter().filter(|e| e.is_held(now));
    let held_until = held().filter_map(|e| e.hold_until).max();
    let mut restored_from: BTreeSet<Uuid> = claims(s.db().await?).await?.iter().map(|claim| claim.archive).collect();
    restored_from.retain(|archive| own.iter().all(|e| e.id != *archive));
    Ok(Archives { all: own.len(), held: held().count(), held_until, restored_from })
}

impl Archives {
    fn in_words(&self) -> String {
        let from: Vec<String> = self.restored_from.iter().map(Uuid::to_string).collect();
        let from = match from.as_slice() {
            [] => String::new(),
            [one] => format!(
                "the archive {one}, from which this database was restored, holds the numbers as long as it is kept"
            ),
            all => {
                let all = all.join(", ");
                format!(
                    "the archives {all}, from which this database was restored, hold the numbers as long as they are kept"
                )
            }
        };
        match (self.all, from.is_empty()) {
            (0, false) => from,
            (_, false) => format!("{}; {from}", self.known_in_words()),
            (_, true) => self.known_in_words(),
        }
    }

    /// The same of those that a catalogue here names.
    fn known_in_words(&self) -> String {
        if self.all == 0 {
            return "no archive of this database is known; a copy that was made otherwise holds the numbers as long as it is kept"
                .to_owned();
        }
        let all = counted(self.all, "archive that was made before holds", "archives that were made before hold");
        let held = match self.held_until {
            Some(until) => {
                let held = counted(self.held, "of them is held", "of them are held");
                format!(" ({held}, until {} at least)", rfc3339(until))
            }
            None => String::new(),
        };
        format!(
            "{all} the numbers still{held}, for whoever has the master key of then: until when is not known, for nothing says when they are \
             removed; 'orgctl backup list' names them, 'orgctl backup prune' removes them"
        )
    }
}
