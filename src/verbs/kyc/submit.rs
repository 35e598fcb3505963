//! `kyc submit`: what a paper says is taken up, for somebody else to verify.

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::paper::{self, Paper};
use super::seal::seal_paper;
use super::{DESC, choice, live_of, waits_already};
use crate::crud::gate::{self, Verb};
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::lookup::find;
use crate::crud::read::{known_columns, print_changed};
use crate::crud::session::Session;
use crate::crud::vault::Vault;
use crate::crud::write::{begun, dry_run_note};
use crate::model::identity::name_match::compare;
use crate::model::kinds::kyc::{BusinessType, KycKind, KycState, Registration};
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::{Record, Resource as _};
use crate::model::setting::KYC_REQUIRE_CONSENT;
use crate::model::trail::audit::{Action, ChangeNote};
use crate::model::values::scalar::{Line, ParseContext};
use crate::model::values::value::{Decimal, Value};
use crate::store::records::{Deleted, settings};
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
    #[serde(skip)]
    paper: Option<Paper>,
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
        let pending = live_of(tx.db, self.org, self.user).await?;
        let pending = pending.iter().find(|r| r.value.kind == paper.kind && r.value.state.is_pending());
        if let Some(pending) = pending {
            return Err(waits_already(pending).into());
        }
        let consent = self.consent(tx, paper.kind, context).await?;
        let mut record = begun(tx, DESC, self.org, &self.values, context)?;
        record.set("consent_id", consent.map(|consent| consent.meta.id).into());
        record.set("serial", tx.next_number(DESC, self.org, self.user).await?.into());
        record.set("state", KycState::Submitted.as_str().into());
        record.set("submitted_at", tx.at().into());
        record.set("submitted_by_id", tx.acting_user(self.org).into());
        record.set("submitted_operator", tx.operator().told().into());
        matched(&mut record, paper, user.value.name.as_ref().map(|name| name.as_str()));
        let (details, is_duplicate) = seal_paper(tx, &self.vault, &mut record, paper).await?;
        record.validate(tx.today())?;
        let which = record.meta.clone();
        tx.insert_telling(record, ChangeNote { action: Action::KycSubmit, details }).await?;
        let made = tx.load(DESC, which.org_id, which.id).await?;
        let record = made.ok_or_else(|| anyhow::anyhow!("the record was not written"))?;
        Ok(Submitted { record, is_duplicate })
    }
}

impl Submit {
    /// Writes down what the person agreed to, or refuses the paper where he or she must have.
    async fn consent(&self, tx: &mut Tx<'_>, kind: KycKind, context: &ParseContext) -> Result<Option<Record>> {
        let is_needed = kind == KycKind::Aadhaar || settings::get(tx.db, self.org, KYC_REQUIRE_CONSENT).await?;
        let Some(given) = &self.consent else {
            if !is_needed {
                return Ok(None);
            }
            return Err(without_consent(kind).into());
        };
        given.is_before(tx.at())?;
        Ok(Some(given.record(tx, self.org, self.user, context).await?))
    }
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
    /// File that says what stands on the paper ('-': standard input; asked for on a terminal): the number, then 'name: ASHA RAO',
    /// or a JSON object
    #[arg(long, value_name = "FILE")]
    pub from: Option<String>,
    #[command(flatten)]
    pub clear: Clear,
    #[command(flatten)]
    pub consent: ConsentFlags,
}

/// What of a paper stands in clear.
#[derive(clap::Args)]
pub struct Clear {
    /// Gender, as on an Aadhaar
    #[arg(long, value_name = "GENDER")]
    pub gender: Option<String>,
    /// What the business is: private_limited, llp, sole_proprietorship ...
    #[arg(long, value_name = "TYPE")]
    pub business_type: Option<String>,
    /// What the number of the business is: gstin, cin, llpin, udyam
    #[arg(long, value_name = "KIND")]
    pub registration: Option<String>,
    /// Phone number of the business or the account
    #[arg(long, value_name = "PHONE")]
    pub phone: Option<String>,
    /// E-mail address of the business or the account
    #[arg(long, value_name = "E-MAIL")]
    pub email: Option<String>,
    /// Code of the bank's branch
    #[arg(long, value_name = "IFSC")]
    pub ifsc: Option<String>,
    /// What the account is: savings, current, fixed_deposit, recurring_deposit
    #[arg(long, value_name = "TYPE")]
    pub account_type: Option<String>,
    /// Name of the bank; that of the IFSC without it
    #[arg(long, value_name = "TEXT")]
    pub bank_name: Option<String>,
    /// Name of the bank's branch
    #[arg(long, value_name = "TEXT")]
    pub branch_name: Option<String>,
}

impl Clear {
    /// Column and value of all that was given.
    fn values(&self, s: &Session<'_>) -> Result<Vec<(String, Value)>> {
        let given = [
            ("gender", &self.gender),
            ("business_type", &self.business_type),
            ("registration", &self.registration),
            ("phone", &self.phone),
            ("email", &self.email),
            ("ifsc", &self.ifsc),
            ("account_type", &self.account_type),
            ("bank_name", &self.bank_name),
            ("branch_name", &self.branch_name),
        ];
        let (mut values, mut wrong) = (Vec::new(), Vec::new());
        for (name, text) in given.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?))) {
            match DESC.known(name)?.parse(text, &s.connection.parsing) {
                Ok(value) => values.push((name.to_owned(), value)),
                Err(problem) => wrong.push(problem),
            }
        }
        self.bank(&mut values)?;
        match Problem::joined(wrong) {
            Some(problem) => Err(problem.into()),
            None => Ok(values),
        }
    }

    /// Holds the code of a bank's branch against those in force, and names the bank by it.
    fn bank(&self, values: &mut Vec<(String, Value)>) -> Result<(), Problem> {
        let Some(text) = &self.ifsc else { return Ok(()) };
        let (code, bank) = paper::bank_of(text)?;
        values.retain(|(column, _)| column != "ifsc");
        values.push(("ifsc".to_owned(), code.into()));
        if let (None, Some(bank)) = (&self.bank_name, bank) {
            values.push(("bank_name".to_owned(), bank.into()));
        }
        Ok(())
    }
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

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        gate::allow(s)?;
        known_columns(s.context, DESC)?;
        let kind: KycKind = choice(&self.kind)?;
        let user = find(s, User::DESCRIPTOR, &self.user, Deleted::Exclude).await?;
        let org = user.meta.org_id;
        s.use_context_of(org).await?;
        let mut values = self.clear.values(s)?;
        let consent = self.consent.given(s)?;
        let registration = self.clear.registration.as_deref().map(choice::<Registration>).transpose()?;
        let business = self.clear.business_type.as_deref().map(choice::<BusinessType>).transpose()?;
        let paper = paper::read(s.context, self.from.as_deref(), kind, registration).await?;
        paper.contradiction(business).map_or(Ok(()), Err)?;
        paper.stands_not_in("bank_name", self.clear.bank_name.as_deref())?;
        paper.stands_not_in("branch_name", self.clear.branch_name.as_deref())?;
        for note in paper.notes() {
            s.context.ui.status(&format!("note: of the number, {note}"));
        }
        values.push(("user_id".into(), user.meta.id.into()));
        values.push(("kind".into(), kind.as_str().into()));
        values.push(("mask".into(), paper.number.masked().into()));
        let label = paper.number.kind().label();
        let vault = Vault::of(s).await?;
        let submit = Submit { org, user: user.meta.id, values, consent, paper: Some(paper), vault };
        let Submitted { record: made, is_duplicate } = gate::write(s, &submit).await?;
        if is_duplicate {
            s.context
                .ui
                .warn(&format!("a record of somebody else has the same {label}: 'orgctl kyc duplicates' shows it"));
        }
        let mask = made.get("mask").to_text();
        s.context.ui.status(&format!("submitted {} ({mask}) of {}", made.title(), user.title()));
        dry_run_note(s.context);
        print_changed(s, DESC, &[made.meta.record_id()]).await
    }
}
