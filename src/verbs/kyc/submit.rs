//! `kyc submit`: what a paper says is taken up, for somebody else to verify.

use std::collections::BTreeSet;

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::clear::{CLEAR, Clear};
use super::decide::still_agreed;
use super::owners;
use super::paper::{self, Paper};
use super::proprietor::{self, Told};
use super::seal::{NUMBER_INDEX, OWNERS, is_nobody_elses, others_have, seal_owners, seal_paper, sealed_columns};
use super::{DESC, asked, choice, clear, live_of, move_of, none_waits};
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::lookup::find;
use crate::crud::read::{known_columns, print_changed};
use crate::crud::vault::Vault;
use crate::crud::write::{Target, begun, dry_run_note};
use crate::model::identity::NumberKind;
use crate::model::identity::name_match::compare;
use crate::model::kinds::kyc::{BusinessType, Kyc, KycKind, KycState, Registration};
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::stored::Stored;
use crate::model::resource::{Record, Resource as _};
use crate::model::setting::KYC_REQUIRE_CONSENT;
use crate::model::trail::audit::{Action, ChangeNote};
use crate::model::values::scalar::{Line, ParseContext};
use crate::model::values::value::{Decimal, Value};
use crate::store::records::{Deleted, any, settings};
use crate::store::tx::Tx;
use crate::verbs::consent::{ConsentFlags, GivenConsent, without_consent};

/// Takes up a paper of somebody.
#[derive(Debug, Serialize, Deserialize)]
pub struct Submit {
    org: i32,
    user: Uuid,
    /// Column and value of what is in clear.
    values: Vec<(String, Value)>,
    /// What the person agreed to before.
    consent: Option<GivenConsent>,
    /// It is kept as a draft: nobody is to look at it yet.
    is_draft: bool,
    #[serde(skip)]
    paper: Option<Paper>,
    #[serde(skip)]
    told: Option<Told>,
    #[serde(skip)]
    vault: Vault,
}

/// A record that was submitted, and whether its number is somebody else's too.
pub struct Submitted {
    record: Record,
    is_duplicate: bool,
}

impl Verb for Submit {
    const NAME: &str = "kyc submit";

    type Output = Submitted;

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("what the paper says is kept nowhere in clear")
    }

    async fn run(&self, tx: &mut Tx<'_>, context: &ParseContext) -> Result<Submitted> {
        let paper = self.paper.as_ref().ok_or_else(|| anyhow::anyhow!("there is no paper"))?;
        let found = tx.load_as::<User>(self.org, self.user).await?;
        let user = found.filter(|user| user.meta.is_live());
        let user = user.ok_or_else(|| Problem::conflict("the user was deleted by somebody else in the meantime"))?;
        let all = live_of(tx.db, self.org, self.user).await?;
        if !self.is_draft {
            none_waits(&all, paper.kind)?;
        }
        let there: Vec<Record> = all.iter().map(Stored::record).collect();
        if let Some(told) = &self.told {
            proprietor::agrees(tx, &self.vault, self.org, &there, told).await?;
        }
        let before = draft_of(&all, paper.kind).map(Stored::record);
        let consent = self.consent(tx, paper.kind, before.as_ref(), context).await?;
        let mut record = match &before {
            Some(before) => self.rewritten(before)?,
            None => begun(tx, DESC, self.org, &self.values, context)?,
        };
        record.set("consent_id", consent.into());
        if !self.is_draft && before.is_some() {
            still_agreed(tx, &[Stored::from_record(&record)?]).await?;
        }
        if before.is_none() {
            record.set("serial", tx.next_number(DESC, self.org, self.user).await?.into());
        }
        matched(&mut record, paper, user.value.name.as_ref().map(|name| name.as_str()));
        let (details, is_duplicate) = seal_paper(tx, &self.vault, &mut record, paper).await?;
        written(tx, &mut record);
        if !self.is_draft {
            submitted(tx, &mut record);
        }
        record.validate(tx.today())?;
        let (which, business) = (record.meta.clone(), record.clone());
        self.write(tx, before, record, details).await?;
        seal_owners(tx, &self.vault, &business, &paper.owners).await?;
        let made = tx.load(DESC, which.org_id, which.id).await?;
        let record = made.ok_or_else(|| anyhow::anyhow!("the record was not written"))?;
        Ok(Submitted { record, is_duplicate })
    }
}

/// The draft of a kind of paper, if somebody has one: there is one at most.
pub fn draft_of(all: &[Stored<Kyc>], kind: KycKind) -> Option<&Stored<Kyc>> {
    all.iter().find(|r| r.value.kind == kind && r.value.state == KycState::Draft)
}

/// Who says what stands on it: of a draft, too, for whoever wrote it can't verify it.
fn written(tx: &Tx<'_>, record: &mut Record) {
    record.set("submitted_by_id", tx.acting_user(record.meta.org_id).into());
    record.set("submitted_operator", tx.operator().told().into());
}

/// When it is taken up.
fn submitted(tx: &Tx<'_>, record: &mut Record) {
    record.set("state", KycState::Submitted.as_str().into());
    record.set("submitted_at", tx.at().into());
}

/// Whether who acts is who wrote a draft.
pub fn is_by_writer(tx: &Tx<'_>, draft: &Stored<Kyc>) -> bool {
    let (acting, told) = (tx.acting_user(draft.meta.org_id), draft.value.submitted_operator.as_ref());
    let is_same = acting == draft.value.submitted_by_id.map(|user| user.0);
    is_same && (acting.is_some() || told.is_some_and(|told| tx.operator().is_one_of(told.as_str())))
}

/// Whoever wrote a draft submits it: somebody else would be taken for who says what stands on it. The accounts by which that is
/// compared are those of both acts.
fn submitted_by_writer(tx: &Tx<'_>, draft: &Stored<Kyc>, record: &mut Record) -> Result<(), Problem> {
    if !is_by_writer(tx, draft) {
        return Err(Problem::conflict(format!("{} was written by somebody else", draft.record().title()))
            .hint("whoever wrote a draft submits it; or write it anew, with --from FILE"));
    }
    let told = draft.value.submitted_operator.as_ref().map_or("", |told| told.as_str());
    let now = tx.operator().told();
    let both: BTreeSet<&str> = told.split_whitespace().chain(now.split_whitespace()).collect();
    record.set("submitted_operator", both.into_iter().collect::<Vec<_>>().join(" ").into());
    Ok(())
}

impl Submit {
    /// A draft that says what is given now, and nothing of what it said.
    fn rewritten(&self, before: &Record) -> Result<Record> {
        let mut after = before.clone();
        let of_paper =
            CLEAR.into_iter().chain(sealed_columns()).chain(["mask", "name_match_score", "name_match_reason"]);
        for column in of_paper {
            let kind = DESC.known(column)?.ty.kind;
            after.set(column, Value::Null(kind));
        }
        for (column, value) in &self.values {
            let field = DESC.known(column)?;
            after.set(field.column, value.clone());
        }
        Ok(after)
    }

    /// Writes a new record, or a draft anew, whose owners are then those that are given now.
    async fn write(
        &self,
        tx: &mut Tx<'_>,
        before: Option<Record>,
        record: Record,
        details: Map<String, Json>,
    ) -> Result<()> {
        let Some(before) = before else {
            let action = if self.is_draft { Action::Create } else { Action::KycSubmit };
            return Ok(tx.insert_telling(record, ChangeNote { action, details }).await?);
        };
        let owners = any::all_with(tx.db, OWNERS, self.org, OWNERS.known("kyc_id")?, &[before.meta.id.into()]).await?;
        let owners: Vec<Record> = owners.into_iter().filter(Record::is_live).collect();
        let deletion = tx.new_id();
        tx.delete_all(&owners, deletion).await?;
        let mut telling = if self.is_draft { Action::Update.into() } else { ChangeNote::of_move(move_of("submit")?) };
        telling.details.extend(details);
        tx.update(&before, record, telling).await?;
        Ok(())
    }
}

/// Submits a draft as it stands.
#[derive(Debug, Serialize, Deserialize)]
pub struct SubmitDraft {
    #[serde(skip)]
    vault: Vault,
    target: Target,
    consent: Option<GivenConsent>,
}

impl Verb for SubmitDraft {
    const NAME: &str = "kyc submit draft";

    type Output = Submitted;

    fn orgs(&self) -> Vec<i32> {
        vec![self.target.org]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("it is submitted by whoever has it before his or her eyes")
    }

    async fn run(&self, tx: &mut Tx<'_>, context: &ParseContext) -> Result<Submitted> {
        let before = self.target.load(tx, DESC).await?;
        let known: Stored<Kyc> = Stored::from_record(&before)?;
        let (org, user) = (before.meta.org_id, known.value.user_id.0);
        let transition = move_of("submit")?;
        let Some(mut after) = transition.apply(&before, tx.at())? else {
            return Err(Problem::conflict(format!("{} is submitted already", before.title())).into());
        };
        let all = live_of(tx.db, org, user).await?;
        none_waits(&all, known.value.kind)?;
        let there: Vec<Record> = all.iter().map(Stored::record).collect();
        proprietor::stands(tx, &self.vault, &before, &there).await?;
        let consent =
            consent_of(tx, (org, user), known.value.kind, self.consent.as_ref(), Some(&before), context).await?;
        after.set("consent_id", consent.into());
        still_agreed(tx, &[Stored::from_record(&after)?]).await?;
        is_nobody_elses(tx, std::slice::from_ref(&before)).await?;
        let is_duplicate = others_have(tx, &before, &[before.get(NUMBER_INDEX).clone()]).await?;
        submitted(tx, &mut after);
        submitted_by_writer(tx, &known, &mut after)?;
        after.validate(tx.today())?;
        let written = tx.update(&before, after, ChangeNote::of_move(transition)).await?;
        Ok(Submitted { record: written.unwrap_or(before), is_duplicate })
    }
}

impl Submit {
    async fn consent(
        &self,
        tx: &mut Tx<'_>,
        kind: KycKind,
        draft: Option<&Record>,
        context: &ParseContext,
    ) -> Result<Option<Uuid>> {
        match (&self.consent, self.is_draft) {
            (None, true) => Ok(draft.and_then(|draft| draft.get("consent_id").as_uuid())),
            (given, _) => consent_of(tx, (self.org, self.user), kind, given.as_ref(), draft, context).await,
        }
    }
}

/// Writes down what the person agreed to, or takes what a draft names, or refuses the paper where he or she must have.
async fn consent_of(
    tx: &mut Tx<'_>,
    (org, user): (i32, Uuid),
    kind: KycKind,
    given: Option<&GivenConsent>,
    draft: Option<&Record>,
    context: &ParseContext,
) -> Result<Option<Uuid>> {
    let Some(given) = given else {
        let of_draft = draft.and_then(|draft| draft.get("consent_id").as_uuid());
        let is_needed = kind == KycKind::Aadhaar || settings::get(tx.db, org, KYC_REQUIRE_CONSENT).await?;
        return match of_draft {
            None if is_needed => Err(without_consent(kind).into()),
            of_draft => Ok(of_draft),
        };
    };
    // Before anything of it was kept.
    given.is_before(draft.map_or(tx.at(), |draft| draft.meta.created_at))?;
    Ok(Some(given.record(tx, org, user, context).await?.meta.id))
}

/// How alike the names on the paper and of the user are: a person decides by it, and it rejects nothing by itself. Of a business
/// nobody is called as it is.
pub fn matched(record: &mut Record, paper: &Paper, name: Option<&str>) {
    let Some(name) = name.filter(|_| paper.kind != KycKind::Business) else { return };
    let found = compare(&paper.name, name);
    record.set("name_match_score", Value::Decimal(Decimal(i64::from(found.score) * Decimal::ONE / 100)));
    record.set("name_match_reason", Line::<500>::cut(&found.reason).as_str().into());
}

/// Takes up what a paper says of somebody.
#[derive(clap::Args)]
pub struct SubmitFlags {
    /// What paper it is: aadhaar, pan, business, bank
    #[arg(value_name = "KIND", value_parser = PossibleValuesParser::new(KycKind::WORDS), hide_possible_values = true)]
    pub kind: String,
    /// User whom it is about
    #[arg(value_name = "USER")]
    pub user: String,
    /// File that says what stands on the paper ('-': standard input; asked for on a terminal): the number, then 'name: ASHA RAO', of
    /// a business 'owner: NAME; PERCENT; PAN' for each owner; or a JSON object
    #[arg(long, value_name = "FILE")]
    pub from: Option<String>,
    /// Keep it as a draft, which nobody looks at and which may be written anew, until it is submitted without this
    #[arg(long)]
    pub draft: bool,
    #[command(flatten)]
    pub clear: Clear,
    #[command(flatten)]
    pub consent: ConsentFlags,
}

fn warn_of_duplicate(s: &Invocation<'_>, label: &str) {
    s.context.ui.warn(&format!("a record of somebody else has the same {label}: 'orgctl kyc duplicates' shows it"));
}

/// Submits what was kept as a draft.
async fn submit_draft(s: &mut Invocation<'_>, draft: &Record, consent: Option<GivenConsent>) -> Result<()> {
    s.is_about(draft);
    let vault = proprietor::vault_for(s, std::slice::from_ref(draft)).await?;
    let Submitted { record: made, is_duplicate } =
        gate::write(s, &SubmitDraft { vault, target: Target::of(draft), consent }).await?;
    if is_duplicate {
        warn_of_duplicate(s, "number");
    }
    let mask = made.get("mask").to_text();
    s.context.ui.status(&format!("submitted {} ({mask}), as it was kept as a draft", made.title()));
    dry_run_note(s.context);
    print_changed(s, DESC, &[made.meta.record_id()]).await
}

impl Leaf for SubmitFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "submit",
        permission: "kyc:submit",
        writes: true,
        about: "Take up what a paper says of somebody, for somebody else to verify",
        examples: "orgctl kyc submit pan asha@sahyadri.example\norgctl kyc submit bank asha@sahyadri.example --ifsc KARB0000001 --account-type savings\norgctl kyc submit business asha@sahyadri.example --registration gstin --business-type llp --from - < paper.txt",
    };
    const RECORDED: Option<Action> = Some(Action::KycSubmit);

    async fn run(mut self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        known_columns(s.context, DESC)?;
        let kind: KycKind = choice(&self.kind)?;
        let user = find(s, User::DESCRIPTOR, &self.user, Deleted::Exclude).await?;
        let org = user.meta.org_id;
        s.use_context_of(org).await?;
        let all = live_of(s.db().await?, org, user.meta.id).await?;
        let draft = draft_of(&all, kind);
        if !self.draft && draft.is_none_or(|draft| draft.value.consent_id.is_none()) {
            asked::consent(s, org, kind, &mut self.consent).await?;
        }
        let consent = self.consent.given(s)?;
        if let (Some(draft), true) = (draft, self.clear.is_empty() && self.from.is_none() && !self.draft) {
            return submit_draft(s, &draft.record(), consent).await;
        }
        if kind == KycKind::Aadhaar {
            asked::storage(s, org).await?;
        }
        clear::ask(s, kind, &mut self.clear).await?;
        let mut values = self.clear.values(s)?;
        let registration = self.clear.registration.as_deref().map(choice::<Registration>).transpose()?;
        let business = self.clear.business_type.as_deref().map(choice::<BusinessType>).transpose()?;
        let paper = paper::read(s.context, self.from.as_deref(), kind, (registration, business)).await?;
        paper.contradiction(business).map_or(Ok(()), Err)?;
        paper.stands_not_in("bank_name", self.clear.bank_name.as_deref())?;
        paper.stands_not_in("branch_name", self.clear.branch_name.as_deref())?;
        for note in paper.notes() {
            s.context.ui.status(&format!("note: of the number, {note}"));
        }
        if let Some(note) = self.clear.ifsc.as_deref().and_then(paper::odd_bank) {
            s.context.ui.status(&format!("note: of the {}, {note}", NumberKind::Ifsc.label()));
        }
        if let Some(note) = owners::judged(&paper.owners, business)? {
            s.context.ui.status(&format!("note: {note}"));
        }
        values.push(("user_id".into(), user.meta.id.into()));
        values.push(("kind".into(), kind.as_str().into()));
        values.push(("mask".into(), paper.number.masked().into()));
        let label = paper.number.kind().label();
        let vault = Vault::of(s).await?;
        let is_draft = self.draft;
        let told = Told::by_paper(&paper, business);
        let submit = Submit { org, user: user.meta.id, values, consent, is_draft, told, paper: Some(paper), vault };
        let Submitted { record: made, is_duplicate } = gate::write(s, &submit).await?;
        if is_duplicate {
            warn_of_duplicate(s, label);
        }
        let mask = made.get("mask").to_text();
        let did = if self.draft { "kept as a draft" } else { "submitted" };
        s.context.ui.status(&format!("{did} {} ({mask}) of {}", made.title(), user.title()));
        dry_run_note(s.context);
        print_changed(s, DESC, &[made.meta.record_id()]).await
    }
}
