//! `kyc import`: papers of many, from a file. What of them is sealed stands in no stage and no table in clear: each is read, checked as
//! one that is submitted alone, and sealed when its row is written.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use chrono::{DateTime, NaiveDate, Utc};
use clap::builder::PossibleValuesParser;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::paper::{self, Paper, Texts};
use super::seal::{NUMBER, NUMBER_INDEX, Seals, counts, is_anothers, is_chosen};
use super::submit::matched;
use super::{DESC, choice, cipher};
use crate::crud::gate::{self, Verb};
use crate::crud::import::file_flags::{Codes, Dates, Leavers};
use crate::crud::import::report::{More, tell};
use crate::crud::import::sealing::{Cells, Clear, RowSealer, Sealer};
use crate::crud::import::secrets::Doing;
use crate::crud::import::{
    self, FileFlags, ForcedRows, Import, Loads, Merged, Opened, Rejects, Report, Run, SaysConflict, Terms, Tolerance,
    load,
};
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::session::Session;
use crate::crud::vault::Vault;
use crate::model::identity::fernet::FernetKey;
use crate::model::identity::within::found_in;
use crate::model::identity::{Number, NumberKind};
use crate::model::kinds::Kinds;
use crate::model::kinds::kyc::{BusinessType, KycKind, KycState, Registration};
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::random::Random;
use crate::model::resource::{NAME, Record, Resource as _};
use crate::model::setting::{
    AadhaarStorage, Duplicates, KYC_AADHAAR_STORAGE, KYC_DUPLICATES, KYC_REQUIRE_CONSENT, Settings,
};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::{ParseContext, Scalar, fold};
use crate::model::values::value::Value;
use crate::store::import::match_target::Given;
use crate::store::records::{self, settings};
use crate::store::tx::Tx;
use crate::verbs::consent::{ConsentFlags, GivenConsent, without_consent};

/// The fields that columns fill as they are.
const FILLS: &[&str] = &[
    "user_id",
    "kind",
    "gender",
    "business_type",
    "registration",
    "phone",
    "email",
    "ifsc",
    "account_type",
    "bank_name",
    "branch_name",
    "reference",
    "amount",
];

/// What columns of what is sealed are called, by earlier systems too (DOMAIN.md, legacy headers).
const SEALED: &[(&str, &[&str])] = &[
    (
        "number",
        &[
            "number",
            "aadhaar_number",
            "pan_number",
            "account_number",
            "business_registration_number",
            "registration_number",
        ],
    ),
    ("name", &["name", "aadhaar_name", "pan_name", "business_name", "account_holder_name", "holder_name"]),
    ("father_name", &["father_name", "pan_father_name"]),
    ("dob", &["dob", "aadhaar_dob", "pan_dob", "date_of_birth"]),
    ("address", &["address", "aadhaar_address", "business_address", "business_address_line1"]),
    ("address_line2", &["business_address_line2"]),
    (ENCRYPTED, &["number_encrypted", "aadhaar_number_encrypted", "pan_number_encrypted", "account_number_encrypted"]),
    (VERIFIED, &["is_verified", "status"]),
    (VERIFIED_AT, &["verified_at"]),
    (LAST4, &["last4", "account_number_last4", "aadhaar_number_last4"]),
];

/// A number as an earlier system encrypted it.
const ENCRYPTED: &str = "number_encrypted";
/// Whether it was verified there, and when.
const VERIFIED: &str = "is_verified";
const VERIFIED_AT: &str = "verified_at";
/// The last four of the number: they must agree with it.
const LAST4: &str = "last4";

fn sealed(header: &str) -> Option<&'static str> {
    let header = fold(header);
    SEALED.iter().find(|(_, names)| names.iter().any(|name| fold(name) == header)).map(|(what, _)| *what)
}

/// Loads a file of papers.
#[derive(Debug, Serialize, Deserialize)]
pub struct KycImport {
    rows: Import,
    /// What an earlier system verified is taken up under this batch, for another person to confirm.
    keeps_verified: Option<String>,
    /// What all of them agreed to before.
    consent: Option<GivenConsent>,
    #[serde(skip)]
    vault: Vault,
    #[serde(skip)]
    fernet: Option<Arc<FernetKey>>,
}

impl Loads for KycImport {
    fn import(&mut self) -> &mut Import {
        &mut self.rows
    }
}

impl Verb for KycImport {
    const NAME: &str = "kyc import";

    type Output = Report;

    fn orgs(&self) -> Vec<i32> {
        self.rows.all_orgs()
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("what the papers say is kept nowhere in clear")
    }

    fn end(&self, kinds: Kinds, done: Result<Report>) -> Result<()> {
        self.rows.end_of(kinds, done)
    }

    async fn run(&self, tx: &mut Tx<'_>, context: &ParseContext) -> Result<Report> {
        let mut merged = Merged::default();
        for part in self.rows.parts() {
            merged.add(self.load(tx, &part, context).await)?;
        }
        merged.end()
    }
}

impl KycImport {
    /// All phases, of one organisation's rows.
    async fn load(&self, tx: &mut Tx<'_>, rows: &Import, context: &ParseContext) -> Result<Report> {
        let mut run = Run::begin(tx, rows, None).await?;
        let org = rows.org.unwrap_or_default();
        let settings = settings::for_org(tx.db, org).await?;
        let papers = Arc::new(self.papers(tx, org, &settings, context)?);
        run.seal_by(Arc::<Papers>::clone(&papers))?;
        run.read(tx).await?;
        run.check(tx).await?;
        if let Some(given) = &self.consent {
            papers.agree(tx, &run, given).await?;
        }
        run.create(tx).await?;
        run.finish(tx, &[]).await
    }

    fn papers(&self, tx: &Tx<'_>, org: i32, settings: &Settings, context: &ParseContext) -> Result<Papers> {
        Ok(Papers {
            vault: self.vault.clone(),
            fernet: self.fernet.clone(),
            storage: settings.get(KYC_AADHAAR_STORAGE)?,
            duplicates: settings.get(KYC_DUPLICATES)?,
            needs_consent: settings.get(KYC_REQUIRE_CONSENT)?,
            has_consent: self.consent.is_some(),
            consents: Mutex::default(),
            context: context.clone(),
            act: Act {
                at: tx.at(),
                by: tx.acting_user(org),
                operator: tx.operator().told(),
                batch: self.keeps_verified.clone(),
            },
            seen: Mutex::default(),
        })
    }
}

/// Who takes papers up, and when.
#[derive(Debug, Clone)]
struct Act {
    at: DateTime<Utc>,
    by: Option<Uuid>,
    operator: String,
    /// The batch under which what was verified elsewhere is taken up.
    batch: Option<String>,
}

/// Reads and seals the papers of a file.
struct Papers {
    vault: Vault,
    fernet: Option<Arc<FernetKey>>,
    storage: AadhaarStorage,
    duplicates: Duplicates,
    /// Whether a paper of any kind needs a consent, and whether there is one.
    needs_consent: bool,
    has_consent: bool,
    /// What was written down of that, by whose it is.
    consents: Mutex<HashMap<Uuid, Uuid>>,
    context: ParseContext,
    act: Act,
    /// The people whose rows have a number, by the kind and what the number is found by.
    seen: Mutex<HashMap<(&'static str, Vec<u8>), String>>,
}

/// What a row says.
struct RowPaper {
    paper: Paper,
    /// An earlier system has verified it.
    was_verified: bool,
}

fn row_paper(clear: &Clear) -> Result<&RowPaper> {
    clear.downcast_ref::<RowPaper>().ok_or_else(|| anyhow::anyhow!("a row of another kind"))
}

fn given<'g>(values: &'g Given, column: &str) -> Option<&'g str> {
    values.iter().rfind(|(f, _)| f.column == column).and_then(|(_, v)| v.as_text())
}

fn put(values: &mut Given, column: &str, value: impl Into<Value>) -> Result<(), Problem> {
    let field = DESC.known(column)?;
    values.retain(|(f, _)| f.column != column);
    values.push((field, value.into()));
    Ok(())
}

/// What the number of a business is, by its form.
fn registration_of(text: &str) -> Option<Registration> {
    let kinds = [
        (NumberKind::Gstin, Registration::Gstin),
        (NumberKind::Cin, Registration::Cin),
        (NumberKind::Llpin, Registration::Llpin),
        (NumberKind::Udyam, Registration::Udyam),
    ];
    let is = |kind: NumberKind| Number::read(kind, text, NaiveDate::MAX).is_ok();
    kinds.into_iter().find(|(kind, _)| is(*kind)).map(|(_, registration)| registration)
}

impl Papers {
    /// The number, where a row gives it encrypted.
    fn deciphered(&self, cells: &mut Cells) -> Result<(), Problem> {
        let Some(at) = cells.iter().position(|(name, _)| *name == ENCRYPTED) else { return Ok(()) };
        let (_, token) = cells.swap_remove(at);
        if cells.iter().any(|(name, _)| *name == NUMBER) {
            return Ok(());
        }
        cells.push((NUMBER, cipher::opened(self.fernet.as_deref(), &token)?));
        Ok(())
    }

    /// What cells say besides of how it was verified; what they say of the number must agree with it.
    fn aside(&self, cells: &mut Cells) -> Result<(bool, Option<Zeroizing<String>>), Problem> {
        let mut take = |name: &str| {
            let at = cells.iter().position(|(known, _)| *known == name)?;
            Some(cells.swap_remove(at).1)
        };
        let (said, _, last4) = (take(VERIFIED), take(VERIFIED_AT), take(LAST4));
        let second = take("address_line2");
        if let (Some(second), Some((_, first))) = (second, cells.iter_mut().find(|(name, _)| *name == "address")) {
            *first = Zeroizing::new(format!("{}, {}", first.as_str(), second.as_str()));
        }
        let was_verified = match said {
            Some(said) if ["verified", "approved"].contains(&fold(&said).as_str()) => true,
            Some(said) if ["submitted", "pending", "inreview", "rejected", "draft"].contains(&fold(&said).as_str()) => {
                false
            }
            Some(said) => {
                let read = (<bool as Scalar>::TYPE.parse)(&said, &self.context);
                read.map_err(|why| Problem::invalid(format!("{VERIFIED} {why}")).field(VERIFIED))?.as_bool()
                    == Some(true)
            }
            None => false,
        };
        Ok((was_verified, last4))
    }

    /// Writes down what each of the people agreed to.
    async fn agree(&self, tx: &mut Tx<'_>, run: &Run<'_>, given: &GivenConsent) -> Result<()> {
        given.is_before(tx.at())?;
        let (mut last, org) = (0, run.import.org.unwrap_or_default());
        while let Some((end, people)) = run.subjects_behind(tx, last).await? {
            last = end;
            let written = given.record_all(tx, org, &people, &self.context).await?;
            let mut consents = self.consents.lock().unwrap_or_else(PoisonError::into_inner);
            consents.extend(people.into_iter().zip(written));
        }
        Ok(())
    }

    /// What a row says of a bank's branch, and the bank by it.
    fn bank(values: &mut Given) -> Result<(), Problem> {
        let Some(text) = given(values, "ifsc").map(str::to_owned) else { return Ok(()) };
        let wrong = |fault| Problem::invalid(format!("ifsc {fault}")).field("ifsc");
        let code = Number::read(NumberKind::Ifsc, &text, NaiveDate::MIN).map_err(wrong)?;
        put(values, "ifsc", code.expose())?;
        match code.tells() {
            Some(bank) if given(values, "bank_name").is_none() => put(values, "bank_name", bank),
            _ => Ok(()),
        }
    }

    async fn compared(&self, tx: &mut Tx<'_>, org: i32, rows: &[(&Clear, &Given)]) -> Result<Vec<(usize, Problem)>> {
        if self.duplicates != Duplicates::Refuse {
            return Ok(Vec::new());
        }
        let index = self.vault.find_index_keys(tx.db, org, DESC.table, NUMBER).await?;
        let mut faults = Vec::new();
        let mut wanted: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        for (at, (clear, values)) in rows.iter().enumerate() {
            let paper = &row_paper(clear)?.paper;
            let user = fold(given(values, "user_id").unwrap_or_default());
            let found_by = match &index {
                Some(keys) => keys.lookups(paper.number.expose().as_bytes()).into_iter().map(|i| i.to_vec()).collect(),
                // Nothing is there yet to be found: rows are held against each other alone.
                None => vec![cipher::digest(paper.number.expose())],
            };
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let first = found_by.first().cloned().unwrap_or_default();
            let holder = seen.entry((paper.kind.as_str(), first)).or_insert_with(|| user.clone());
            if *holder != user {
                faults.push((at, is_anothers(paper.number.kind().label())));
                continue;
            }
            for index in found_by {
                wanted.entry(index).or_default().push(at);
            }
        }
        if index.is_none() || wanted.is_empty() {
            return Ok(faults);
        }
        let values: Vec<Value> = wanted.keys().map(|index| Value::Bytes(index.clone())).collect();
        let there = records::with_values(tx.db, DESC, Some(org), DESC.known(NUMBER_INDEX)?, &values).await?;
        let people: Vec<Value> = there.iter().map(|record| record.get("user_id").clone()).collect();
        let people = records::with_ids(tx.db, User::DESCRIPTOR, Some(org), &people).await?;
        for record in there.iter().filter(|record| counts(record)) {
            let holder = people.iter().find(|user| record.get("user_id").as_uuid() == Some(user.meta.id));
            for at in record.get(NUMBER_INDEX).as_bytes().and_then(|index| wanted.get(index)).into_iter().flatten() {
                let (clear, values) = rows[*at];
                let paper = &row_paper(clear)?.paper;
                let is_same = given(values, "user_id").zip(holder).is_some_and(|(key, user)| is_called(user, key));
                if record.get("kind").as_text() == Some(paper.kind.as_str()) && !is_same {
                    faults.push((*at, is_anothers(paper.number.kind().label())));
                }
            }
        }
        Ok(faults)
    }
}

/// Whether a word names a user.
fn is_called(user: &Record, word: &str) -> bool {
    let is = |text: &str| fold(text) == fold(word);
    is(&user.meta.id.to_string()) || user.desc.key_fields().any(|field| is(&user.get(field.column).to_text()))
}

impl Sealer for Papers {
    fn recorded(&self) -> Action {
        Action::KycSubmit
    }

    fn read(&self, mut cells: Cells, values: &mut Given, today: NaiveDate) -> Result<Clear, Problem> {
        let (was_verified, last4) = self.aside(&mut cells)?;
        self.deciphered(&mut cells)?;
        let kind = given(values, "kind").ok_or_else(|| Problem::invalid("the kind is missing").field("kind"))?;
        let kind: KycKind = choice(kind)?;
        let mut registration = given(values, "registration").map(choice::<Registration>).transpose()?;
        if kind == KycKind::Business && registration.is_none() {
            let text = cells.iter().find(|(name, _)| *name == NUMBER).map(|(_, text)| text.as_str());
            registration = text.and_then(registration_of);
            let found = registration.ok_or_else(|| {
                Problem::invalid("the number is neither a GSTIN, a CIN, an LLPIN nor an Udyam number").field(NUMBER)
            })?;
            put(values, "registration", found.as_str())?;
        }
        if kind == KycKind::Aadhaar {
            is_chosen(self.storage)?;
        }
        if (kind == KycKind::Aadhaar || self.needs_consent) && !self.has_consent {
            return Err(without_consent(kind));
        }
        let number = paper::number_kind(kind, registration)?;
        let paper = paper::of_texts(Texts::of_cells(kind, cells)?, kind, number, today)?;
        if last4.is_some_and(|last4| !paper.number.expose().ends_with(last4.trim())) {
            return Err(Problem::invalid("the last four are not those of the number").field(LAST4));
        }
        let business = given(values, "business_type").map(choice::<BusinessType>).transpose()?;
        paper.contradiction(business).map_or(Ok(()), Err)?;
        Papers::bank(values)?;
        put(values, "mask", paper.number.masked())?;
        // As what it will be it is held to what its kind of paper must say.
        put(values, "state", KycState::Submitted.as_str())?;
        put(values, "submitted_at", self.act.at)?;
        if self.has_consent {
            // Which it is, is known when it is written down.
            put(values, "consent_id", Uuid::nil())?;
        }
        for column in ["reference", "bank_name", "branch_name"] {
            if let Some(kind) = given(values, column).and_then(found_in) {
                let sentence = format!("{column} holds what can be a {}, which is kept sealed alone", kind.label());
                return Err(Problem::invalid(sentence).field(DESC.known(column)?.name()));
            }
        }
        Ok(Box::new(RowPaper { paper, was_verified }))
    }

    fn compare<'a>(
        &'a self,
        tx: &'a mut Tx<'_>,
        org: i32,
        rows: &'a [(&'a Clear, &'a Given)],
    ) -> Doing<'a, Vec<(usize, Problem)>> {
        Box::pin(self.compared(tx, org, rows))
    }

    fn prepare<'a>(&'a self, tx: &'a mut Tx<'_>, org: i32, subjects: &'a [Uuid]) -> Doing<'a, Arc<dyn RowSealer>> {
        Box::pin(async move {
            let seals = Seals::of(&self.vault, tx, org, subjects).await?;
            let ids: Vec<Value> = subjects.iter().map(|id| (*id).into()).collect();
            let people = records::with_ids(tx.db, User::DESCRIPTOR, Some(org), &ids).await?;
            let names = people.iter().map(|user| (user.meta.id, user.get(NAME).to_text())).collect();
            let random = Drawn::of(tx.random(), subjects.len() * super::seal::sealed_columns().count() * NONCE);
            let all = self.consents.lock().unwrap_or_else(PoisonError::into_inner);
            let consents = subjects.iter().filter_map(|id| Some((*id, *all.get(id)?))).collect();
            let (storage, act) = (self.storage, self.act.clone());
            let sealer: Arc<dyn RowSealer> = Arc::new(PaperSealer { seals, names, consents, random, storage, act });
            Ok(sealer)
        })
    }
}

/// Bytes of a nonce.
const NONCE: usize = 24;

/// Chance that was drawn beforehand, for a thread that has none.
struct Drawn(Mutex<Vec<u8>>);

impl Drawn {
    fn of(random: &dyn Random, n: usize) -> Drawn {
        let mut pool = vec![0; n];
        random.fill(&mut pool);
        Drawn(pool.into())
    }
}

impl Random for Drawn {
    #[expect(clippy::expect_used, reason = "a nonce was drawn for each sealed column of each row")]
    fn fill(&self, bytes: &mut [u8]) {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = pool.len().checked_sub(bytes.len()).expect("enough was drawn");
        bytes.copy_from_slice(&pool[from..]);
        pool.truncate(from);
    }
}

/// Seals the papers of some people.
struct PaperSealer {
    seals: Seals,
    names: HashMap<Uuid, String>,
    consents: HashMap<Uuid, Uuid>,
    random: Drawn,
    storage: AadhaarStorage,
    act: Act,
}

impl RowSealer for PaperSealer {
    fn seal(&self, record: &mut Record, clear: Clear) -> Result<()> {
        let RowPaper { paper, was_verified } = row_paper(&clear)?;
        let act = &self.act;
        let (state, batch) = match (was_verified, &act.batch) {
            (true, Some(batch)) => (KycState::InReview, Some(batch.clone())),
            _ => (KycState::Submitted, None),
        };
        record.set("state", state.as_str().into());
        record.set("batch", batch.into());
        record.set("submitted_at", act.at.into());
        record.set("submitted_by_id", act.by.into());
        record.set("submitted_operator", act.operator.as_str().into());
        let person = record.get("user_id").as_uuid().unwrap_or_default();
        record.set("consent_id", self.consents.get(&person).copied().into());
        matched(record, paper, self.names.get(&person).map(String::as_str));
        self.seals.index(record, paper.number.expose());
        self.seals.fill(record, &paper.clear(self.storage), &self.random)
    }
}

/// Loads papers of many people from a file of CSV or JSON.
#[derive(clap::Args)]
pub struct ImportFlags {
    /// File of CSV, of JSON objects line by line, or of a JSON array; '-' reads standard input
    #[arg(value_name = "FILE")]
    pub file: String,
    /// What papers they are, where no column 'kind' says it: aadhaar, pan, business, bank
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(KycKind::WORDS), hide_possible_values = true)]
    pub kind: Option<String>,
    /// Take up what an earlier system verified (is_verified) as a batch, which another person confirms
    #[arg(long)]
    pub keep_verified: bool,
    /// File with the Fernet key that opens columns *_encrypted
    #[arg(long, value_name = "FILE")]
    pub fernet_key: Option<PathBuf>,
    #[command(flatten)]
    pub consent: ConsentFlags,
    /// Which field a column fills (can be repeated)
    #[arg(long, value_name = "COLUMN=FIELD")]
    pub map: Vec<String>,
    /// Value that every row gets (can be repeated)
    #[arg(long, value_name = "FIELD=VALUE")]
    pub set: Vec<String>,
    /// Pass over columns that fill no field
    #[arg(long)]
    pub ignore_unknown: bool,
    /// Encoding of a file that is neither UTF-8 nor UTF-16: windows-1250, shift_jis, koi8-r
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,
    /// Form of the file: csv, ndjson or json (default: what it looks like)
    #[arg(long, value_name = "FORMAT", value_parser = ["csv", "ndjson", "jsonl", "json"], hide_possible_values = true)]
    pub format: Option<String>,
    /// Lines before the header to pass over
    #[arg(long, value_name = "N")]
    pub skip_lines: Option<u64>,
    /// Load the rows that are valid
    #[arg(long)]
    pub keep_going: bool,
    /// Write rejected rows and their reasons to this file, in clear
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<String>,
}

impl ImportFlags {
    fn file_flags(&self) -> import::ImportFlags {
        let kind = self.kind.iter().map(|kind| format!("kind={kind}"));
        import::ImportFlags {
            leavers: Leavers::default(),
            forced: ForcedRows::default(),
            file: FileFlags {
                file: self.file.clone(),
                map: self.map.clone(),
                set: self.set.iter().cloned().chain(kind).collect(),
                key_field: None,
                on_conflict: "error".to_owned(),
                ignore_unknown: self.ignore_unknown,
                encoding: self.encoding.clone(),
                format: self.format.clone(),
                skip_lines: self.skip_lines,
            },
            says_conflict: SaysConflict(false),
            codes: Codes::default(),
            tolerance: Tolerance { keep_going: self.keep_going, ..Tolerance::default() },
            dates: Dates::default(),
            rejects: Rejects { rejects: self.rejects.clone() },
        }
    }
}

/// Refuses a file without a header, of which nothing is told: its first line is somebody's paper.
fn has_a_header(header: &[String]) -> Result<(), Problem> {
    let is_known = |name: &String| sealed(name.trim()).is_some() || DESC.field_for_header(name.trim()).is_some();
    let holds_number =
        |name: &String| found_in(name).is_some() || name.chars().filter(char::is_ascii_digit).count() > 5;
    if header.iter().any(is_known) && !header.iter().any(holds_number) {
        return Ok(());
    }
    Err(Problem::invalid("the first line of the file names no columns")
        .hint("it must: user, kind, number, name ...; --skip-lines passes over lines before it"))
}

/// The kind that the headers of an earlier system tell: `pan_number`, `pan_name`.
fn kind_told(header: &[String]) -> Result<Option<KycKind>, Problem> {
    let begins =
        |kind: &KycKind| header.iter().any(|name| fold(name).starts_with(&format!("{}n", fold(kind.as_str()))));
    let is_bank = header.iter().any(|name| fold(name).starts_with("account"));
    let kinds = [KycKind::Aadhaar, KycKind::Pan, KycKind::Business];
    let mut told: Vec<KycKind> = kinds.into_iter().filter(|kind| begins(kind)).collect();
    told.extend(is_bank.then_some(KycKind::Bank));
    match told.as_slice() {
        [] => Ok(None),
        [kind] => Ok(Some(*kind)),
        several => {
            let words: Vec<&str> = several.iter().map(|kind| kind.as_str()).collect();
            Err(Problem::invalid(format!("the rows hold papers of several kinds: {}", words.join(", ")))
                .hint("give a file for each kind, with the columns of that alone"))
        }
    }
}

impl Leaf for ImportFlags {
    const SPEC: Spec = Spec {
        noun: "kyc",
        verb: "import",
        permission: "kyc:submit",
        writes: true,
        about: "Load papers of many people from a file of CSV or JSON; numbers and names are sealed on the way",
        examples: "orgctl kyc import pans.csv --kind pan --dry-run\norgctl kyc import aadhaars.csv --consent N7 --given-at 2026-11-01 --channel paper --language hi\norgctl kyc import legacy.csv --keep-verified --fernet-key fernet.key --rejects rejects.csv --keep-going",
    };
    const UNUSED: Unused = Unused::NONE.columns().rows();
    const RECORDED: Option<Action> = Some(Action::Import);

    async fn run(mut self, s: &mut Session<'_>) -> Result<()> {
        gate::allow(s)?;
        if self.keep_verified {
            gate::allow_besides(s.context, "kyc:keep_verified")?;
        }
        let fernet = self.fernet_key.as_deref().map(cipher::read_key).transpose()?.map(Arc::new);
        let opened = Opened::open(s, DESC, &self.file_flags(), &[]).await?;
        has_a_header(&opened.header)?;
        let says_kind =
            opened.header.iter().any(|name| fold(name) == "kind") || self.map.iter().any(|map| map.ends_with("=kind"));
        if self.kind.is_none() && !says_kind {
            self.kind = kind_told(&opened.header)?.map(|kind| kind.as_str().to_owned());
        }
        let terms = Terms { sealed: Some(sealed), fills: Some(FILLS), ..Terms::default() };
        let flags = self.file_flags();
        let rows = opened.map(s, &flags, terms).await?;
        let batch = s.context.origin.request_id.simple().to_string();
        let keeps_verified = self.keep_verified.then(|| batch[batch.len() - 12..].to_owned());
        let vault = Vault::of(s).await?;
        let consent = self.consent.given(s)?;
        let mut verb = KycImport { rows, keeps_verified, consent, vault, fernet };
        let (report, seconds) = load(s, &mut verb).await?;
        if let Some(batch) = verb.keeps_verified.as_ref().filter(|_| report.created > 0) {
            s.context.ui.status(&format!(
                "what was verified waits as batch {batch}: another person confirms it with 'orgctl kyc import-confirm {batch}'"
            ));
        }
        tell(s.context, DESC, &report, seconds, &verb.rows, More::default())
    }
}
