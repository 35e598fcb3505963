//! Who has to do with a record, and who may not decide about it.

use std::collections::BTreeSet;

use anyhow::Result;
use uuid::Uuid;

use super::seal::{NUMBER, NUMBER_INDEX};
use super::{DESC, choice, live_of};
use crate::crud::invocation::Invocation;
use crate::crud::keys::keys;
use crate::crud::lookup::{find, find_in};
use crate::crud::vault::Vault;
use crate::model::identity::within::{candidates, found_in};
use crate::model::kinds::kyc::{Kyc, KycKind, KycState};
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::key::BETWEEN;
use crate::model::resource::stored::Stored;
use crate::model::resource::{Record, Resource as _};
use crate::model::values::scalar::{Line, Scalar as _};
use crate::model::values::value::Value;
use crate::store::records::{self, Deleted};
use crate::store::trail::merged_ids;
use crate::store::tx::Tx;

/// The records that keys name, each once: `asha@acme.in:pan:1`, or `asha@acme.in:pan` for the one that waits, or else the one
/// in force.
pub async fn named(s: &mut Invocation<'_>, given: &[String]) -> Result<Vec<Record>> {
    named_as(s, given, Meant::Current).await
}

/// Which record of a person and kind a key means that names no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// The one that waits, or else the one in force.
    Current,
    /// The one that was rejected last.
    Rejected,
}

impl Meant {
    fn among(self, all: &[Stored<Kyc>]) -> Option<&Stored<Kyc>> {
        match self {
            Meant::Current => {
                let waits = all.iter().find(|r| r.value.state.is_pending());
                waits.or_else(|| all.iter().find(|r| r.value.state == KycState::Verified))
            }
            Meant::Rejected => {
                let rejected = all.iter().filter(|r| r.value.state == KycState::Rejected);
                rejected.max_by_key(|r| r.value.rejected_at.as_ref().map(|at| at.0))
            }
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Meant::Current => "waits or is in force",
            Meant::Rejected => "was rejected",
        }
    }
}

/// The same, where keys that name no number may mean others.
pub async fn named_as(s: &mut Invocation<'_>, given: &[String], meant: Meant) -> Result<Vec<Record>> {
    let mut found: Vec<Record> = Vec::new();
    for key in keys(s, DESC, Deleted::Exclude, given).await? {
        let record = one_as(s, &key, meant).await?;
        if found.iter().all(|known| known.meta.id != record.meta.id) {
            found.push(record);
        }
    }
    if let Some(other) = found.iter().find(|r| r.meta.org_id != found[0].meta.org_id) {
        let sentence = format!("{} belongs to another organisation than the others", other.title());
        return Err(Problem::usage(sentence).hint("name those of one at a time").into());
    }
    Ok(found)
}

/// Records that are named where none of those is there that a key can mean.
const NAMED: usize = 3;

/// The record that a key names.
pub async fn one(s: &mut Invocation<'_>, key: &str) -> Result<Record> {
    one_as(s, key, Meant::Current).await
}

async fn one_as(s: &mut Invocation<'_>, key: &str, which: Meant) -> Result<Record> {
    let parts = key.rsplit_once(BETWEEN).and_then(|(user, kind)| Some((user, choice::<KycKind>(kind).ok()?)));
    let Some((user, kind)) = parts else { return find(s, DESC, key, Deleted::Exclude).await };
    let org = s.org_of(User::DESCRIPTOR).await?;
    let user = find_in(s, User::DESCRIPTOR, org, user, Deleted::Exclude).await?;
    let (org, id) = user.meta.record_id();
    let mut all = live_of(s.db().await?, org, id).await?;
    all.retain(|r| r.value.kind == kind);
    // A move that one in another state can not make is told as that.
    let Some(meant) = which.among(&all).or_else(|| Meant::Current.among(&all)) else {
        let (kind, title) = (kind.as_str(), user.title());
        let hint = match all.len() {
            0 => format!("submit one: orgctl kyc submit {kind} {}", user.key()),
            _ => {
                let keys: Vec<String> = all.iter().rev().take(NAMED).map(|other| other.record().key()).collect();
                format!("there was one: {}", keys.join(", "))
            }
        };
        return Err(Problem::not_found(format!("{title} has no {kind} record that {}", which.in_words()))
            .hint(hint)
            .into());
    };
    let record = meant.record();
    s.is_about(&record);
    Ok(record)
}

/// Refuses what somebody else has taken up. Who acts by no user's rights may do everything.
pub fn not_anothers(tx: &Tx<'_>, record: &Stored<Kyc>) -> Result<(), Problem> {
    let acting = tx.acting_user(record.meta.org_id);
    match (record.value.assigned_to_id, acting) {
        (Some(holder), Some(acting)) if holder.0 != acting => {
            let title = record.record().title();
            Err(Problem::conflict(format!("{title} is somebody else's to look at")).hint(format!(
                "'orgctl kyc assign' gives it to another one: orgctl kyc show {}",
                record.record().key()
            )))
        }
        _ => Ok(()),
    }
}

/// Refuses who may not verify records: the person one is about, who submitted it, and whoever works from an account that it was
/// submitted from, with the rights of whomever.
pub async fn another_person(tx: &mut Tx<'_>, records: &[Stored<Kyc>]) -> Result<()> {
    let Some(org) = records.first().map(|record| record.meta.org_id) else { return Ok(()) };
    // Whoever was merged into somebody is that one.
    let acting = match tx.acting_user(org) {
        Some(user) => merged_ids(tx.db, org, User::DESCRIPTOR, user).await?,
        None => Vec::new(),
    };
    let is = |user: Option<Uuid>| user.is_some_and(|user| acting.contains(&user));
    for record in records {
        let value = &record.value;
        let why = if is(Some(value.user_id.0)) {
            "it is about the one who would verify it"
        } else if is(value.submitted_by_id.map(|user| user.0)) {
            "who submitted it can't verify it"
        } else if value.submitted_operator.as_ref().is_some_and(|told| tx.operator().is_one_of(told.as_str())) {
            "it was submitted from the account that this is done from"
        } else {
            continue;
        };
        return Err(Problem::denied(format!("{} can't be verified so: {why}", record.record().title()))
            .hint("another person must verify it, from an account of his or her own")
            .into());
    }
    Ok(())
}

/// Refuses a text in words that holds the number of a paper: it would stand in clear where nobody looks for it.
pub fn without_numbers(flag: &'static str, text: Option<&str>) -> Result<(), Problem> {
    let Some(kind) = text.and_then(found_in) else { return Ok(()) };
    let label = kind.label();
    Err(Problem::invalid(format!("{flag} holds what can be a {label}, which is kept sealed alone"))
        .hint("leave the number out: the record is named by its key, and shows the number masked"))
}

/// Why something sealed must be seen, as it is recorded.
pub fn reason(s: &Invocation<'_>, text: &str) -> Result<String, Problem> {
    without_numbers("--reason", Some(text))?;
    let wrong = |_| Problem::invalid("the reason must be one line of at most 1000 characters").field("reason");
    Ok((Line::<1000>::TYPE.parse)(text, &s.connection.parsing).map_err(wrong)?.to_text())
}

/// Refuses texts in words that hold a number of somebody whom they are about, of which other people's may be in the same form: an
/// account number, which has no check digits, or the reference of a bank, which passes for an Aadhaar number one time in ten.
pub async fn without_own_numbers(
    s: &mut Invocation<'_>,
    records: &[Record],
    texts: &[(&'static str, Option<&str>)],
) -> Result<()> {
    let Some(org) = records.first().map(|record| record.meta.org_id) else { return Ok(()) };
    let people: BTreeSet<Uuid> = records.iter().filter_map(|record| record.get("user_id").as_uuid()).collect();
    without_numbers_of(s, org, &people, texts).await
}

/// What the number of a kind of paper is called.
pub fn number_of(kind: KycKind) -> &'static str {
    match kind {
        KycKind::Aadhaar => "Aadhaar number",
        KycKind::Pan => "PAN",
        KycKind::Business => "registration number",
        KycKind::Bank => "account number",
    }
}

/// The same, of people of an organisation.
pub async fn without_numbers_of(
    s: &mut Invocation<'_>,
    org: i32,
    people: &BTreeSet<Uuid>,
    texts: &[(&'static str, Option<&str>)],
) -> Result<()> {
    for (flag, text) in texts.iter().filter_map(|(flag, text)| Some((flag, (*text)?))) {
        let numbers = candidates(text);
        // Most texts hold nothing like a number: these ask for no key.
        if numbers.is_empty() {
            continue;
        }
        let vault = Vault::of(s).await?;
        let Some(keys) = vault.find_index_keys(s.db().await?, org, DESC.table, NUMBER).await? else { continue };
        let lookups = numbers.iter().flat_map(|number| keys.lookups(number.expose().as_bytes()));
        let lookups: Vec<Value> = lookups.map(|index| Value::Bytes(index.to_vec())).collect();
        let found = records::with_values(s.db().await?, DESC, Some(org), DESC.known(NUMBER_INDEX)?, &lookups).await?;
        let is_own = |one: &&Record| one.get("user_id").as_uuid().is_some_and(|person| people.contains(&person));
        if let Some(own) = found.iter().find(is_own) {
            let number = number_of(choice(&own.get("kind").to_text())?);
            return Err(Problem::invalid(format!("{flag} holds the person's {number}, which is kept sealed alone"))
                .hint("leave the number out: the record is named by its key, and shows the number masked")
                .into());
        }
    }
    Ok(())
}
