//! Consents: given with a paper that is submitted, and taken back.

use anyhow::Result;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::crud::gate::{self, Verb};
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::read::known_columns;
use crate::crud::session::Session;
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

/// What somebody agreed to before a paper was submitted.
#[derive(clap::Args)]
pub struct ConsentFlags {
    /// Notice that the person agreed to: its code
    #[arg(long, value_name = "NOTICE", requires_all = ["given_at", "channel", "language"])]
    pub consent: Option<String>,
    /// File with the notice's text, where no earlier consent tells its SHA-256
    #[arg(long, value_name = "FILE", requires = "consent")]
    pub notice_file: Option<String>,
    /// When the person agreed, before this
    #[arg(long, value_name = "TIME", requires = "consent")]
    pub given_at: Option<String>,
    /// Where: in_person, paper, web, mobile_app, email, sms, phone
    #[arg(long, value_name = "CHANNEL", requires = "consent")]
    pub channel: Option<String>,
    /// Language of the notice: en, hi, ta
    #[arg(long, value_name = "LANGUAGE", requires = "consent")]
    pub language: Option<String>,
    /// What it was given for; kyc without it
    #[arg(long, value_name = "WORDS", requires = "consent")]
    pub purposes: Option<String>,
}

/// A consent as it is written down with what it was given for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GivenConsent {
    /// Column and value.
    values: Vec<(String, Value)>,
    /// SHA-256 of the notice, where it was given; else that of the same notice before.
    sha256: Option<String>,
}

impl ConsentFlags {
    /// What the flags say; nothing, where they say nothing.
    pub fn given(&self, s: &Session<'_>) -> Result<Option<GivenConsent>> {
        let Some(notice) = &self.consent else { return Ok(None) };
        let now = s.context.clock.now();
        let (given, _) = s.context.time(self.given_at.as_deref().unwrap_or_default())?;
        if given > now {
            let sentence = format!("the consent is of {}, which is yet to come", rfc3339(given));
            return Err(Problem::invalid(sentence)
                .hint("it is given before the paper is submitted")
                .field("given_at")
                .into());
        }
        let texts = [
            ("notice", notice.as_str()),
            ("channel", self.channel.as_deref().unwrap_or_default()),
            ("language", self.language.as_deref().unwrap_or_default()),
            ("purposes", self.purposes.as_deref().unwrap_or("kyc")),
        ];
        let read =
            |(name, text): (&str, &str)| Ok((name.to_owned(), DESC.known(name)?.parse(text, &s.connection.parsing)?));
        let mut values: Vec<(String, Value)> = texts.into_iter().map(read).collect::<Result<_, Problem>>()?;
        values.push(("given_at".to_owned(), given.into()));
        let sha256 = self.notice_file.as_ref().map(|path| {
            let text = bounded::read(std::path::Path::new(path), bounded::SMALL);
            let text = text.map_err(|e| Problem::failed(format!("can't read {path}: {}", io_message(&e))))?;
            Ok::<_, Problem>(hex(&Sha256::digest(text.as_bytes())))
        });
        Ok(Some(GivenConsent { values, sha256: sha256.transpose()? }))
    }
}

impl GivenConsent {
    /// When it was given.
    pub fn given_at(&self) -> Option<DateTime<Utc>> {
        self.values.iter().find(|(column, _)| column == "given_at").and_then(|(_, at)| at.as_time())
    }

    /// Refuses one that was not given before a paper is submitted.
    pub fn is_before(&self, at: DateTime<Utc>) -> Result<(), Problem> {
        match self.given_at() {
            Some(given) if given < at => Ok(()),
            _ => Err(Problem::invalid("the consent must have been given before the paper is submitted")),
        }
    }

    /// Writes it down for each of some people: the ids of what was written, in their order.
    pub async fn record_all(
        &self,
        tx: &mut Tx<'_>,
        org: i32,
        people: &[Uuid],
        context: &ParseContext,
    ) -> Result<Vec<Uuid>> {
        let sha256 = match &self.sha256 {
            Some(sha256) => sha256.clone(),
            None => known_notice(tx, org, &self.values).await?,
        };
        let numbers = tx.next_numbers(DESC, org, people).await?;
        let mut records = Vec::with_capacity(people.len());
        for (person, number) in people.iter().zip(numbers) {
            let mut values = self.values.clone();
            values.push(("user_id".to_owned(), (*person).into()));
            values.push(("notice_sha256".to_owned(), sha256.as_str().into()));
            let mut record = begun(tx, DESC, org, &values, context)?;
            if let Some((field, _)) = DESC.counted() {
                record.set(field.column, number.into());
            }
            record.validate(tx.today())?;
            records.push(record);
        }
        Ok(tx.insert_all(records).await?.into_iter().map(|record| record.meta.id).collect())
    }

    /// Writes it down.
    pub async fn record(&self, tx: &mut Tx<'_>, org: i32, user: Uuid, context: &ParseContext) -> Result<Record> {
        let mut values = self.values.clone();
        values.push(("user_id".to_owned(), user.into()));
        let sha256 = match &self.sha256 {
            Some(sha256) => sha256.clone(),
            None => known_notice(tx, org, &values).await?,
        };
        values.push(("notice_sha256".to_owned(), sha256.into()));
        let record = begun(tx, DESC, org, &values, context)?;
        Ok(create(tx, record, &values).await?.record)
    }
}

/// What is said of a paper that is taken up only with a consent.
pub fn without_consent(kind: KycKind) -> Problem {
    Problem::invalid(format!("{} is taken up only with a consent that was given before", kind.as_str()))
        .hint("--consent NOTICE --given-at TIME --channel CHANNEL --language LANGUAGE name it")
        .field("consent")
}

/// The SHA-256 of a notice that others agreed to before: of the newest of that code.
async fn known_notice(tx: &mut Tx<'_>, org: i32, values: &[(String, Value)]) -> Result<String> {
    let notice = values.iter().find(|(column, _)| column == "notice").map(|(_, value)| value.clone());
    let notice = notice.unwrap_or_else(|| "".into());
    let known = records::last_with_value(tx.db, DESC, org, DESC.known("notice")?, &notice).await?;
    let known = known.map(|consent| consent.get("notice_sha256").to_text());
    Ok(known.ok_or_else(|| {
        let sentence = format!("notice {} is new, and its text is not known", notice.to_text());
        Problem::invalid(sentence)
            .hint("--notice-file FILE gives its text, of which the SHA-256 is kept")
            .field("notice")
    })?)
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

    async fn run(self, s: &mut Session<'_>) -> Result<()> {
        let records = targets(s, DESC, &self.key).await?;
        known_columns(s.context, DESC)?;
        let targets = records.iter().map(Target::of).collect();
        let changed = gate::write(s, &Withdraw { targets }).await?;
        tell_changed(s, DESC, &changed, Action::Update).await
    }
}
