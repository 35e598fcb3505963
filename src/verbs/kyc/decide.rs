//! `kyc verify` and `kyc reject`: what comes of a record.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::evidence::Evidence;
use super::parties::{another_person, named, not_anothers, one, without_numbers, without_own_numbers};
use super::seal::{RESPONSE, is_nobody_elses, seal_besides};
use super::{DESC, MOST, asked, choice, evidence, move_of};
use crate::crud::context::Context;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::keys::one_key;
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::read::{known_columns, print_changed};
use crate::crud::vault::Vault;
use crate::crud::write::{Target, dry_run_note};
use crate::model::identity::name_match::compare;
use crate::model::identity::within::json_without_aadhaars;
use crate::model::kinds::consent::Consent;
use crate::model::kinds::kyc::{Kyc, KycKind, KycState};
use crate::model::kinds::user::User;
use crate::model::problem::{Problem, io_message};
use crate::model::resource::stored::Stored;
use crate::model::resource::{Record, Resource as _};
use crate::model::strict_json;
use crate::model::trail::audit::{Action, ChangeNote};
use crate::model::values::scalar::{Line, ParseContext};
use crate::model::values::value::{Decimal, Value, rfc3339};
use crate::store::records::{self, Deleted};
use crate::store::tx::Tx;
use crate::ui::bounded;

/// Verifies a record, by the evidence that there is.
#[derive(Serialize, Deserialize)]
pub struct Verify {
    target: Target,
    /// Column and value of the evidence.
    values: Vec<(String, Value)>,
    /// What a provider answered, in clear.
    #[serde(skip)]
    response: Option<Zeroizing<String>>,
    has_response: bool,
    #[serde(skip)]
    vault: Vault,
}

impl std::fmt::Debug for Verify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Verify({:?}, ***)", self.target)
    }
}

/// A record that is in force, and the one whose place it took.
pub struct Verified {
    record: Record,
    former: Option<Record>,
}

impl Verb for Verify {
    const NAME: &str = "kyc verify";

    type Output = Verified;

    fn orgs(&self) -> Vec<i32> {
        vec![self.target.org]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        self.has_response.then_some("what the provider answered is kept nowhere in clear")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Verified> {
        let before = self.target.load(tx, DESC).await?;
        let known: Stored<Kyc> = Stored::from_record(&before)?;
        let Some(mut after) = move_of("verify")?.apply(&before, tx.at())? else {
            return Err(Problem::conflict(format!("{} is verified already", before.title()))
                .hint("a newer paper is submitted as another record")
                .into());
        };
        not_anothers(tx, &known)?;
        let one = std::slice::from_ref(&known);
        another_person(tx, one).await?;
        still_agreed(tx, one).await?;
        is_nobody_elses(tx, std::slice::from_ref(&before)).await?;
        for (column, value) in &self.values {
            after.set(DESC.known(column)?.column, value.clone());
        }
        let mut telling = ChangeNote::of_move(move_of("verify")?);
        decided(tx, &mut after);
        after.set("valid_until", super::risk::valid_until(known.value.risk, tx.today()));
        if let Some(response) = &self.response {
            matched(tx, &known, response, &mut after).await?;
            let response = json_without_aadhaars(response);
            let sealed = seal_besides(tx, &self.vault, &mut after, RESPONSE, &response).await?;
            telling.details.extend(sealed);
        }
        after.validate(tx.today())?;
        let former = supersede(tx, one).await?.pop();
        let written = tx.update(&before, after, telling).await?;
        Ok(Verified { record: written.unwrap_or(before), former })
    }
}

/// Refuses records of an organisation whose consent was taken back: what is looked at by it is looked at no more.
pub async fn still_agreed(tx: &mut Tx<'_>, some: &[Stored<Kyc>]) -> Result<()> {
    let Some(org) = some.first().map(|record| record.meta.org_id) else { return Ok(()) };
    let named: Vec<Value> = some.iter().filter_map(|record| Some(record.value.consent_id?.0.into())).collect();
    if named.is_empty() {
        return Ok(());
    }
    let consents = records::with_ids(tx.db, Consent::DESCRIPTOR, Some(org), &named).await?;
    let withdrawn: HashMap<Uuid, DateTime<Utc>> =
        consents.iter().filter_map(|consent| Some((consent.meta.id, consent.get("withdrawn_at").as_time()?))).collect();
    let taken_back = |record: &Stored<Kyc>| withdrawn.get(&record.value.consent_id?.0).copied();
    let Some((record, at)) = some.iter().find_map(|record| Some((record, taken_back(record)?))) else { return Ok(()) };
    let sentence = format!("the consent of {} was withdrawn at {}", record.record().title(), rfc3339(at));
    Err(Problem::conflict(sentence).hint("reject it, and submit another one with a new consent").into())
}

/// Who decides, and when that is done.
pub fn decided(tx: &Tx<'_>, after: &mut Record) {
    after.set("decided_by_id", tx.acting_user(after.meta.org_id).into());
    after.set("decided_operator", tx.operator().told().into());
}

/// Lets the records in force make room for their successors of one organisation, in the same transaction: those that did.
pub async fn supersede(tx: &mut Tx<'_>, successors: &[Stored<Kyc>]) -> Result<Vec<Record>> {
    let Some(org) = successors.first().map(|record| record.meta.org_id) else { return Ok(Vec::new()) };
    let of = |record: &Stored<Kyc>| (record.value.user_id.0, record.value.kind);
    let wanted: HashSet<(Uuid, KycKind)> = successors.iter().map(of).collect();
    let people: Vec<Value> = successors.iter().map(|record| record.value.user_id.0.into()).collect();
    let transition = move_of("supersede")?;
    let mut changes = Vec::new();
    for record in records::with_values(tx.db, DESC, Some(org), DESC.known("user_id")?, &people).await? {
        let known: Stored<Kyc> = Stored::from_record(&record)?;
        if known.value.state == KycState::Verified && wanted.contains(&of(&known)) {
            changes.extend(transition.apply(&record, tx.at())?.map(|after| (record, after)));
        }
    }
    Ok(tx.update_all(changes, &ChangeNote::of_move(transition)).await?.into_iter().flatten().collect())
}

/// Where providers tell the holder's name, in words that mean nothing else.
const HOLDERS: &[&str] =
    &["account_name", "account_holder_name", "beneficiary_name", "registered_name", "name_at_bank"];

/// Where some tell it, and others the name of something else: of the bank, of its branch, of themselves.
const NAMES: &[&str] = &["full_name", "name"];

/// Members that tell of something else than the holder.
const OTHERS: &[&str] = &["bank", "branch", "ifsc", "provider", "partner", "remitter", "sender"];

/// How alike the name that a provider tells of a bank account is to that of the user: the lesser score stands.
async fn matched(tx: &mut Tx<'_>, record: &Stored<Kyc>, response: &str, after: &mut Record) -> Result<()> {
    if record.value.kind != KycKind::Bank {
        return Ok(());
    }
    let json = strict_json::parse(response).unwrap_or(Json::Null);
    let user = tx.load_as::<User>(record.meta.org_id, record.value.user_id.0).await?;
    let name = user.and_then(|user| user.value.name);
    let (Some(told), Some(name)) = (name_in(&json), name) else { return Ok(()) };
    let found = compare(told, name.as_str());
    let score = Decimal(i64::from(found.score) * Decimal::ONE / 100);
    if record.value.name_match_score.is_none_or(|known| score < known.0) {
        after.set("name_match_score", Value::Decimal(score));
        let reason = format!("as the provider has it: {}", found.reason);
        after.set("name_match_reason", Line::<500>::cut(&reason).as_str().into());
    }
    Ok(())
}

fn name_in(json: &Json) -> Option<&str> {
    member_of(json, HOLDERS).or_else(|| member_of(json, NAMES))
}

/// The first text under one of some names, the outer before the inner; none of what is told of others.
fn member_of<'j>(json: &'j Json, names: &[&str]) -> Option<&'j str> {
    match json {
        Json::Object(members) => {
            let own = names.iter().find_map(|name| members.get(*name)?.as_str().filter(|name| !name.trim().is_empty()));
            let is_others = |name: &str| {
                let name = name.to_ascii_lowercase();
                OTHERS.iter().any(|other| name.starts_with(other)) && !name.contains("account")
            };
            let within = || members.iter().filter(|(name, _)| !is_others(name));
            own.or_else(|| within().find_map(|(_, value)| member_of(value, names)))
        }
        Json::Array(all) => all.iter().find_map(|value| member_of(value, names)),
        _ => None,
    }
}

/// Rejects records, and says why.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reject {
    targets: Vec<Target>,
    code: String,
    text: Option<String>,
}

impl Verb for Reject {
    const NAME: &str = "kyc reject";

    type Output = Vec<Record>;

    fn orgs(&self) -> Vec<i32> {
        self.targets.iter().map(|t| t.org).collect()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<Record>> {
        let transition = move_of("reject")?;
        let mut rejected = Vec::with_capacity(self.targets.len());
        for before in Target::load_all(&self.targets, tx, DESC).await? {
            let Some(mut after) = transition.apply(&before, tx.at())? else {
                return Err(Problem::conflict(format!("{} is rejected already", before.title())).into());
            };
            not_anothers(tx, &Stored::from_record(&before)?)?;
            after.set("rejection_code", self.code.as_str().into());
            after.set("rejection_text", self.text.clone().into());
            decided(tx, &mut after);
            after.validate(tx.today())?;
            rejected.push((before, after));
        }
        let titles: Vec<Record> = rejected.iter().map(|(before, _)| before.clone()).collect();
        let written = tx.update_all(rejected, &ChangeNote::of_move(transition)).await?;
        Ok(written.into_iter().zip(titles).map(|(after, before)| after.unwrap_or(before)).collect())
    }
}

/// Verifies a record.
#[derive(clap::Args)]
pub struct VerifyFlags {
    /// Record (USER:KIND)
    #[arg(value_name = "KEY", required = true)]
    pub key: Option<String>,
    /// How it was verified: manual (with --note), penny_drop (with --amount and --reference), api_digilocker, api_uidai, api_nsdl,
    /// api_karza (with --response); asked for on a terminal
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    #[command(flatten)]
    pub evidence: Evidence,
}

/// What a provider answered: JSON, and not more of it than one answers.
async fn response(context: &Context<'_>, from: &str) -> Result<Zeroizing<String>> {
    let text = match from {
        "-" => context.ui.read_stdin_text(MOST).await.map_err(too_long)?,
        path => bounded::read(Path::new(path), MOST).map_err(|e| {
            too_long(Problem::invalid(format!("the answer of the provider can't be taken: {}", io_message(&e))).into())
        })?,
    };
    let text = Zeroizing::new(text);
    // What is wrong in it is not told: that would be a piece of it.
    match strict_json::parse(&text) {
        Ok(Json::Object(_) | Json::Array(_)) => Ok(text),
        _ => Err(Problem::invalid("the answer of the provider is no JSON object").field("response").into()),
    }
}

/// Evidence that can't be read is none.
fn too_long(e: anyhow::Error) -> anyhow::Error {
    match e.downcast::<Problem>() {
        Ok(problem) => Problem { kind: crate::model::problem::ErrorKind::Invalid, ..problem }.into(),
        Err(e) => e,
    }
}

impl Leaf for VerifyFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "verify",
        permission: "kyc:verify",
        writes: true,
        about: "Verify a record by the evidence that there is: it is in force from then on",
        examples: "orgctl kyc verify asha@sahyadri.example:pan --method manual --note 'card seen'\norgctl kyc verify asha@sahyadri.example:bank --method penny_drop --amount 1.00 --reference UTR42\norgctl kyc verify asha@sahyadri.example:pan --method api_nsdl --response answer.json",
    };
    const RECORDED: Option<Action> = Some(Action::KycApprove);

    async fn run(mut self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        known_columns(s.context, DESC)?;
        let key = one_key(s, DESC, Deleted::Exclude, self.key.clone()).await?;
        let record = one(s, &key).await?;
        gate::authorize(s, &record).await?;
        let kind: KycKind = choice(&record.get("kind").to_text())?;
        let method = evidence::method(s, kind, self.method.as_deref(), &mut self.evidence).await?;
        let evidence = &self.evidence;
        evidence.check(method)?;
        without_numbers("--note", evidence.note.as_deref())?;
        let texts = [("--note", evidence.note.as_deref()), ("--reference", evidence.reference.as_deref())];
        without_own_numbers(s, std::slice::from_ref(&record), &texts).await?;
        s.use_context_of(record.meta.org_id).await?;
        let mut values = vec![("verification_method".to_owned(), Value::from(method.as_str()))];
        for (name, text) in [("reference", &evidence.reference), ("amount", &evidence.amount), ("note", &evidence.note)]
        {
            if let Some(text) = text {
                values.push((name.to_owned(), DESC.known(name)?.parse(text, &s.connection.parsing)?));
            }
        }
        let response = match &evidence.response {
            Some(from) => Some(response(s.context, from).await?),
            None => None,
        };
        let vault = if response.is_some() { Vault::of(s).await? } else { Vault::default() };
        let verify = Verify { target: Target::of(&record), values, has_response: response.is_some(), response, vault };
        let Verified { record, former } = gate::write(s, &verify).await?;
        s.context.ui.status(&format!("verified {}", record.title()));
        if let Some(former) = former {
            s.context.ui.status(&format!("it takes the place of {}", former.title()));
        }
        dry_run_note(s.context);
        print_changed(s, DESC, &[record.meta.record_id()]).await
    }
}

/// Rejects records.
#[derive(clap::Args)]
pub struct RejectFlags {
    /// Records (USER:KIND); '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
    /// Why: unreadable, mismatch, expired_document, wrong_document, suspected_fraud, duplicate, incomplete, other (with --note); asked
    /// for on a terminal
    #[arg(long, value_name = "CODE")]
    pub reason: Option<String>,
    /// Why, in words
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
}

impl Leaf for RejectFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "reject",
        permission: "kyc:reject",
        writes: true,
        about: "Reject records, and say why; what is in force stays so",
        examples: "orgctl kyc reject ravi@sahyadri.example:pan --reason unreadable\norgctl kyc reject ravi@sahyadri.example:pan --reason other --note 'an old card'",
    };
    const RECORDED: Option<Action> = Some(Action::KycReject);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        known_columns(s.context, DESC)?;
        let records = named(s, &self.key).await?;
        let (code, note) = asked::rejection(s, self.reason.as_deref(), self.note).await?;
        without_numbers("--note", note.as_deref())?;
        without_own_numbers(s, &records, &[("--note", note.as_deref())]).await?;
        let note = note.as_deref().map(|text| DESC.known("rejection_text")?.parse(text, &s.connection.parsing));
        let note = note.transpose()?.map(|value| value.to_text());
        let targets = records.iter().map(Target::of).collect();
        let rejected = gate::write(s, &Reject { targets, code: code.as_str().to_owned(), text: note }).await?;
        for record in &rejected {
            s.context.ui.status(&format!("rejected {}: {}", record.title(), code.as_str()));
        }
        dry_run_note(s.context);
        let which: Vec<_> = rejected.iter().map(|r| r.meta.record_id()).collect();
        print_changed(s, DESC, &which).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_holders_name_is_no_banks() {
        for (answer, name) in [
            (json!({"bank": {"name": "HDFC BANK"}, "data": {"name": "ASHA RAO"}}), Some("ASHA RAO")),
            (json!({"name": "Razor Verify", "result": {"account_holder_name": "ASHA RAO"}}), Some("ASHA RAO")),
            (json!({"bank_account": {"name": "ASHA RAO"}}), Some("ASHA RAO")),
            (json!({"results": [{"branch": {"name": "Camp"}}, {"full_name": "ASHA RAO"}]}), Some("ASHA RAO")),
            (json!({"bank": {"name": "HDFC BANK"}}), None),
        ] {
            assert_eq!(name_in(&answer), name, "{answer}");
        }
    }
}
