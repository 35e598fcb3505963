//! Consents: given with a paper that is submitted, and taken back.

use std::collections::HashMap;

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::read::known_columns;
use crate::crud::write::{ChangedRecord, Target, begun, change_all, create, targets, tell_changed};
use crate::model::kinds::consent::Consent;
use crate::model::kinds::kyc::KycKind;
use crate::model::problem::{Problem, io_message};
use crate::model::resource::stored::Stored;
use crate::model::resource::{Descriptor, Record, Resource as _};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::{Moment, ParseContext};
use crate::model::values::value::{Value, hex, rfc3339};
use crate::store::records;
use crate::store::tx::Tx;
use crate::ui::bounded;

const DESC: &Descriptor = Consent::DESCRIPTOR;

/// What a consent was given for where nothing is said of that.
pub const PURPOSE: &str = "kyc";

/// What people agreed to before a paper was submitted; of a file, as far as its rows do not say it.
#[derive(clap::Args)]
pub struct ConsentFlags {
    /// Notice that the person agreed to: its code
    #[arg(long, value_name = "NOTICE")]
    pub consent: Option<String>,
    /// File with the notice's text, where no earlier consent tells its SHA-256
    #[arg(long, value_name = "FILE", requires = "consent")]
    pub notice_file: Option<String>,
    /// When the person agreed, before this
    #[arg(long, value_name = "TIME")]
    pub given_at: Option<String>,
    /// Where: in_person, paper, web, mobile_app, email, sms, phone
    #[arg(long, value_name = "CHANNEL")]
    pub channel: Option<String>,
    /// Language of the notice: en, hi, ta
    #[arg(long, value_name = "LANGUAGE")]
    pub language: Option<String>,
    /// What it was given for; kyc without it
    #[arg(long, value_name = "WORDS")]
    pub purposes: Option<String>,
}

/// What a consent says, but whose it is and when it was given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConsentTerms {
    /// Column and value.
    pub values: Vec<(String, Value)>,
    /// SHA-256 of the notice, where it was given; else that of the same notice before.
    pub sha256: Option<String>,
}

/// A consent as it is written down with what it was given for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GivenConsent {
    pub terms: ConsentTerms,
    pub at: DateTime<Utc>,
}

/// As much of a consent as is said.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SaidConsent {
    pub terms: ConsentTerms,
    pub at: Option<DateTime<Utc>>,
}

impl SaidConsent {
    /// The whole of it; none, where something is left open.
    pub fn whole(&self) -> Option<GivenConsent> {
        let terms = self.terms.clone();
        let is_said = ["notice", "channel", "language", "purposes"].iter().all(|name| terms.value(name).is_some());
        is_said.then_some(GivenConsent { terms, at: self.at? })
    }
}

impl ConsentFlags {
    /// What the flags say of one that is given with them; nothing, where they say nothing.
    pub fn given(&self, s: &Invocation<'_>) -> Result<Option<GivenConsent>> {
        let flags = [
            ("--consent NOTICE", &self.consent),
            ("--given-at TIME", &self.given_at),
            ("--channel CHANNEL", &self.channel),
            ("--language LANGUAGE", &self.language),
        ];
        let missing: Vec<&str> = flags.iter().filter(|(_, said)| said.is_none()).map(|(flag, _)| *flag).collect();
        if missing.is_empty() {
            return Ok(self.said(s)?.whole());
        }
        if missing.len() == flags.len() && self.purposes.is_none() && self.notice_file.is_none() {
            return Ok(None);
        }
        Err(Problem::usage(format!("the consent is not complete without {}", missing.join(", "))).into())
    }

    /// Whether a flag says something of one.
    pub fn says_anything(&self) -> bool {
        let all = [&self.consent, &self.notice_file, &self.given_at, &self.channel, &self.language, &self.purposes];
        all.iter().any(|said| said.is_some())
    }

    /// As much as the flags say.
    pub fn said(&self, s: &Invocation<'_>) -> Result<SaidConsent> {
        let at = self.given_at.as_ref().map(|at| self.time(s, at)).transpose()?;
        let texts = [
            ("notice", self.consent.as_deref()),
            ("channel", self.channel.as_deref()),
            ("language", self.language.as_deref()),
            ("purposes", Some(self.purposes.as_deref().unwrap_or(PURPOSE))),
        ];
        let read =
            |(name, text): (&str, &str)| Ok((name.to_owned(), DESC.known(name)?.parse(text, &s.connection.parsing)?));
        let said = texts.into_iter().filter_map(|(name, text)| Some((name, text?)));
        let values: Vec<(String, Value)> = said.map(read).collect::<Result<_, Problem>>()?;
        let sha256 = self.notice_file.as_ref().map(|path| {
            let text = bounded::read(std::path::Path::new(path), bounded::SMALL);
            let text = text.map_err(|e| Problem::failed(format!("can't read {path}: {}", io_message(&e))))?;
            Ok::<_, Problem>(hex(&Sha256::digest(text.as_bytes())))
        });
        Ok(SaidConsent { terms: ConsentTerms { values, sha256: sha256.transpose()? }, at })
    }

    fn time(&self, s: &Invocation<'_>, text: &str) -> Result<DateTime<Utc>> {
        let (given, _) = s.context.time(text)?;
        if given <= s.context.clock.now() {
            return Ok(given);
        }
        let sentence = format!("the consent is of {}, which is yet to come", rfc3339(given));
        Err(Problem::invalid(sentence).hint("it is given before the paper is submitted").field("given_at").into())
    }
}

impl ConsentTerms {
    /// What it says in a column.
    pub fn value(&self, column: &str) -> Option<&Value> {
        self.values.iter().find(|(known, _)| known == column).map(|(_, value)| value)
    }

    /// The SHA-256 of the notice: as it was given, or of the newest consent to one of that code; none, where there is none.
    pub async fn notice_sha256(&self, tx: &mut Tx<'_>, org: i32) -> Result<Option<String>> {
        if let Some(sha256) = &self.sha256 {
            return Ok(Some(sha256.clone()));
        }
        let Some(notice) = self.value("notice") else { return Ok(None) };
        let known = records::last_with_value(tx.db, DESC, org, DESC.known("notice")?, notice).await?;
        Ok(known.map(|consent| consent.get("notice_sha256").to_text()))
    }

    /// What is said of a notice whose text nobody knows.
    pub fn unknown_notice(&self) -> Problem {
        let notice = self.value("notice").map(Value::to_text).unwrap_or_default();
        Problem::invalid(format!("notice {notice} is new, and its text is not known"))
            .hint(format!("--notice-file FILE, beside --consent {notice}, gives its text: the SHA-256 of that is kept"))
            .field("notice")
    }

    fn all(&self, person: Uuid, at: DateTime<Utc>, sha256: &str) -> Vec<(String, Value)> {
        let mut values = self.values.clone();
        values.push(("given_at".to_owned(), at.into()));
        values.push(("user_id".to_owned(), person.into()));
        values.push(("notice_sha256".to_owned(), sha256.into()));
        values
    }
}

impl GivenConsent {
    /// Refuses one that was not given before a paper is submitted.
    pub fn is_before(&self, at: DateTime<Utc>) -> Result<(), Problem> {
        if self.at < at { Ok(()) } else { Err(given_too_late()) }
    }

    /// Writes it down.
    pub async fn record(&self, tx: &mut Tx<'_>, org: i32, user: Uuid, context: &ParseContext) -> Result<Record> {
        let sha256 = self.terms.notice_sha256(tx, org).await?.ok_or_else(|| self.terms.unknown_notice())?;
        let values = self.terms.all(user, self.at, &sha256);
        let record = begun(tx, DESC, org, &values, context)?;
        Ok(create(tx, record, &values).await?.record)
    }
}

/// What is said of a consent that did not come before the paper.
pub fn given_too_late() -> Problem {
    Problem::invalid("the consent must have been given before the paper is submitted").field("given_at")
}

/// A consent of somebody, and the SHA-256 of its notice.
pub struct PersonsConsent<'t> {
    pub person: Uuid,
    pub terms: &'t ConsentTerms,
    pub at: DateTime<Utc>,
    pub sha256: &'t str,
}

impl PersonsConsent<'_> {
    /// Whether a record says just this.
    fn is(&self, there: &Record) -> bool {
        let says = |(column, value): &(String, Value)| there.get(column) == value;
        there.get("given_at").as_time() == Some(self.at) && self.terms.values.iter().all(says)
    }

    /// Whether a record says that the person took it back.
    fn is_withdrawn_by(&self, there: &Record) -> bool {
        let is_same = self.terms.value("notice") == Some(there.get("notice"));
        is_same && there.get("withdrawn_at").as_time().is_some_and(|withdrawn| withdrawn >= self.at)
    }
}

/// Writes consents of different people down, each once: the ids of their records, in their order. One that says just this, and is
/// there already, does.
pub async fn record_all(
    tx: &mut Tx<'_>,
    org: i32,
    given: &[PersonsConsent<'_>],
    context: &ParseContext,
) -> Result<Vec<Uuid>> {
    let people: Vec<Value> = given.iter().map(|one| one.person.into()).collect();
    let there = records::with_values(tx.db, DESC, Some(org), DESC.known("user_id")?, &people).await?;
    let mut of: HashMap<Uuid, Vec<&Record>> = HashMap::new();
    for record in &there {
        of.entry(record.get("user_id").as_uuid().unwrap_or_default()).or_default().push(record);
    }
    let own = |one: &PersonsConsent<'_>| of.get(&one.person).map_or(&[][..], Vec::as_slice);
    if let Some(withdrawn) = given.iter().find_map(|one| own(one).iter().find(|there| one.is_withdrawn_by(there))) {
        return Err(Problem::conflict(format!("{} was withdrawn since", withdrawn.title()))
            .hint("the person must have agreed anew, later than that")
            .into());
    }
    let known: Vec<Option<Uuid>> =
        given.iter().map(|one| own(one).iter().find(|there| one.is(there)).map(|there| there.meta.id)).collect();
    let new: Vec<&PersonsConsent<'_>> =
        given.iter().zip(&known).filter(|(_, id)| id.is_none()).map(|(n, _)| n).collect();
    let people: Vec<Uuid> = new.iter().map(|one| one.person).collect();
    let numbers = tx.next_numbers(DESC, org, &people).await?;
    let mut records = Vec::with_capacity(new.len());
    for (one, number) in new.into_iter().zip(numbers) {
        let mut record = begun(tx, DESC, org, &one.terms.all(one.person, one.at, one.sha256), context)?;
        if let Some((field, _)) = DESC.counted() {
            record.set(field.column, number.into());
        }
        record.validate(tx.today())?;
        records.push(record);
    }
    let mut written = tx.insert_all(records).await?.into_iter().map(|record| record.meta.id);
    Ok(known.into_iter().filter_map(|id| id.or_else(|| written.next())).collect())
}

/// What is said of a paper that is taken up only with a consent.
pub fn without_consent(kind: KycKind) -> Problem {
    Problem::invalid(format!("{} is taken up only with a consent that was given before", kind.as_str()))
        .hint("--consent NOTICE --given-at TIME --channel CHANNEL --language LANGUAGE name it; in a file columns of these names, too")
        .field("consent")
}

/// Notes that people took their consents back.
#[derive(Debug, Serialize, Deserialize)]
pub struct Withdraw {
    targets: Vec<Target>,
}

impl Verb for Withdraw {
    const NAME: &str = "consent withdraw";

    type Output = Vec<ChangedRecord>;

    fn orgs(&self) -> Vec<i32> {
        self.targets.iter().map(|t| t.org).collect()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<ChangedRecord>> {
        let at = Moment(tx.at());
        change_all(tx, DESC, &self.targets, &Action::Update.into(), |before| {
            let before: Stored<Consent> = Stored::from_record(before)?;
            let withdrawn_at = before.value.withdrawn_at.or(Some(at));
            Ok(before.with(Consent { withdrawn_at, ..before.value.clone() }).into_record())
        })
        .await
    }
}

/// Notes that people took their consents back.
#[derive(clap::Args)]
pub struct WithdrawFlags {
    /// Consents (USER:NUMBER); '-' reads them from standard input
    #[arg(value_name = "KEY", required = true)]
    pub key: Vec<String>,
}

impl Leaf for WithdrawFlags {
    const SPEC: Spec = Spec {
        noun: "consent",
        verb: "withdraw",
        permission: "consents:withdraw",
        writes: true,
        about: "Note that people took their consents back: what waits by them is verified no more",
        examples: "orgctl consent withdraw asha@sahyadri.example:1",
    };
    const RECORDED: Option<Action> = Some(Action::Update);

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let records = targets(s, DESC, &self.key).await?;
        known_columns(s.context, DESC)?;
        let targets = records.iter().map(Target::of).collect();
        let changed = gate::write(s, &Withdraw { targets }).await?;
        tell_changed(s, DESC, &changed, Action::Update).await
    }
}
