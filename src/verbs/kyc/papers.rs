//! Papers as the rows of a file say them: read, checked as ones that are submitted alone, held against each other and against what
//! is there, and sealed when their rows are written.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::agreed::{self, Consents};
use super::brought;
use super::compared::{Comparison, RowPaper, given, row_paper};
use super::owners::{self, Owner};
use super::paper::{self, Texts};
use super::seal::{NUMBER, OWNERS, RESPONSE, Seals, is_chosen, sealed_columns, sealed_of};
use super::submit::matched;
use super::{DESC, choice, cipher};
use crate::crud::import::sealing::{Cells, Clear, RowClear, RowSealer, Sealer};
use crate::crud::import::secrets::Doing;
use crate::crud::import::{Run, SealedColumns};
use crate::crud::vault::{Opener, Vault};
use crate::model::identity::fernet::FernetKey;
use crate::model::identity::within::json_without_aadhaars;
use crate::model::identity::{Number, NumberKind};
use crate::model::kinds::kyc::{BusinessType, KycKind, KycState, Registration};
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::random::Random;
use crate::model::resource::{Descriptor, Meta, NAME, Record, Resource as _};
use crate::model::setting::{AadhaarStorage, KYC_AADHAAR_STORAGE, KYC_DUPLICATES, KYC_REQUIRE_CONSENT, Settings};
use crate::model::strict_json;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::{Moment, ParseContext, Scalar, fold};
use crate::model::values::value::{Value, ValueType, rfc3339};
use crate::store::import::match_target::Given;
use crate::store::records;
use crate::store::tx::Tx;
use crate::verbs::consent::{SaidConsent, without_consent};

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
    (brought::ID, &["id"]),
    (brought::ORGANISATION, &["organisation"]),
    (brought::KEY_ID, &["key_id"]),
    ("number_sealed", &["number_sealed"]),
    ("name_sealed", &["name_sealed"]),
    ("father_name_sealed", &["father_name_sealed"]),
    ("dob_sealed", &["dob_sealed"]),
    ("address_sealed", &["address_sealed"]),
    ("response_sealed", &["response_sealed"]),
    (RESPONSE, RESPONSES),
    (paper::OWNERS, &["owners", "owner", "beneficial_owners"]),
    (brought::OWNERS_SEALED, &["owners_sealed"]),
];

/// What a provider answered, as JSON.
const RESPONSES: &[&str] = &["response", "api_response"];

/// A number as an earlier system encrypted it.
const ENCRYPTED: &str = "number_encrypted";
/// Whether it was verified there, and when.
const VERIFIED: &str = "is_verified";
const VERIFIED_AT: &str = "verified_at";
/// The last four of the number: they must agree with it.
const LAST4: &str = "last4";

/// The columns of a file that no field is filled by.
pub const SEALED_COLUMNS: SealedColumns = SealedColumns {
    dated: &[("dob", ValueType::Date), ("given_at", ValueType::Time), (VERIFIED_AT, ValueType::Time)],
    find: sealed,
    names: &[
        "number",
        ENCRYPTED,
        LAST4,
        "name",
        "father_name",
        "dob",
        "address",
        "owners",
        "response",
        VERIFIED,
        VERIFIED_AT,
        "consent",
        "given_at",
        "channel",
        "language",
        "purposes",
        "notice_sha256",
    ],
};

fn sealed(header: &str) -> Option<&'static str> {
    let header = fold(header);
    SEALED
        .iter()
        .chain(agreed::COLUMNS)
        .find(|(_, names)| names.iter().any(|name| fold(name) == header))
        .map(|(what, _)| *what)
}

/// Under what that is taken up which an earlier system verified.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FileBatch {
    pub number: String,
    /// Of the file, which is the evidence (DOMAIN.md, section 4), in hexadecimal digits.
    pub sha256: String,
}

/// Who takes papers up, and when.
#[derive(Debug, Clone)]
pub struct Act {
    at: DateTime<Utc>,
    by: Option<Uuid>,
    operator: String,
    /// The batch under which what was verified elsewhere is taken up.
    batch: Option<FileBatch>,
}

/// Reads and seals the papers of a file.
pub struct Papers {
    vault: Vault,
    /// What opens rows that an export wrote with what is sealed.
    opener: Option<Opener>,
    fernet: Option<Arc<FernetKey>>,
    storage: AadhaarStorage,
    comparison: Comparison,
    /// Whether a paper of any kind needs a consent, and what there are.
    needs_consent: bool,
    consents: Arc<Consents>,
    /// What is odd about how many numbers, and no fault.
    noted: Noted,
    /// How many owners businesses have: all of them, and that which has the most.
    owners: Mutex<(usize, usize)>,
    context: ParseContext,
    act: Act,
}

fn put(values: &mut Given, column: &str, value: impl Into<Value>) -> Result<(), Problem> {
    let field = DESC.known(column)?;
    values.retain(|(f, _)| f.column != column);
    values.push((field, value.into()));
    Ok(())
}

/// What a provider answered, as cells say it: with no Aadhaar number in it.
fn response_of(cells: &mut Cells) -> Result<Option<Zeroizing<String>>, Problem> {
    let Some(at) = cells.iter().position(|(name, _)| *name == RESPONSE) else { return Ok(None) };
    let (_, text) = cells.swap_remove(at);
    let is_answer = |text: &str| matches!(strict_json::parse(text), Ok(Json::Object(_) | Json::Array(_)));
    if is_answer(&text) {
        return Ok(Some(json_without_aadhaars(&text)));
    }
    // So JSON writes a text where other rows of the file have objects.
    match strict_json::parse(&text) {
        Ok(Json::String(text)) if is_answer(&text) => Ok(Some(json_without_aadhaars(&text))),
        _ => Err(Problem::invalid("the answer of the provider is no JSON object").field(RESPONSE)),
    }
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

/// What a file is opened and sealed by, as its command says it.
pub struct Means {
    pub vault: Vault,
    /// What opens rows that an export wrote with what is sealed.
    pub opener: Option<Opener>,
    pub fernet: Option<Arc<FernetKey>>,
    /// The batch under which what was verified elsewhere is taken up.
    pub batch: Option<FileBatch>,
    /// What all agreed to, as far as their rows do not say otherwise.
    pub consent: SaidConsent,
    /// Where it is told what is odd.
    pub noted: Noted,
}

/// What is odd about numbers of a file, and no fault, with how many it is: in words of the program.
pub type Noted = Arc<Mutex<BTreeMap<(&'static str, &'static str), u64>>>;

/// What cells say besides of how a paper was verified.
struct Aside {
    was_verified: bool,
    verified_at: Option<DateTime<Utc>>,
    last4: Option<Zeroizing<String>>,
}

impl Papers {
    /// Of a file that is loaded into an organisation with these settings.
    pub async fn of(
        tx: &mut Tx<'_>,
        org: i32,
        settings: &Settings,
        context: &ParseContext,
        means: Means,
    ) -> Result<Papers> {
        let consents = Consents::of(tx, org, means.consent, context).await?;
        Ok(Papers {
            opener: means.opener,
            fernet: means.fernet,
            storage: settings.get(KYC_AADHAAR_STORAGE)?,
            comparison: Comparison::new(means.vault.clone(), settings.get(KYC_DUPLICATES)?, context.clone()),
            vault: means.vault,
            needs_consent: settings.get(KYC_REQUIRE_CONSENT)?,
            consents: Arc::new(consents),
            noted: means.noted,
            owners: Mutex::default(),
            context: context.clone(),
            act: Act { at: tx.at(), by: tx.acting_user(org), operator: tx.operator().told(), batch: means.batch },
        })
    }

    /// The number, where a row gives it encrypted. One that stands beside it must be the same.
    fn deciphered(&self, cells: &mut Cells) -> Result<(), Problem> {
        let Some(at) = cells.iter().position(|(name, _)| *name == ENCRYPTED) else { return Ok(()) };
        let (_, token) = cells.swap_remove(at);
        let opened = cipher::opened(self.fernet.as_deref(), &token)?;
        match cells.iter().find(|(name, _)| *name == NUMBER) {
            Some((_, number)) if fold(number) != fold(&opened) => {
                Err(Problem::invalid("the number and the encrypted number are not the same").field(NUMBER))
            }
            Some(_) => Ok(()),
            None => {
                cells.push((NUMBER, opened));
                Ok(())
            }
        }
    }

    /// What cells say besides of how it was verified; what they say of the number must agree with it.
    fn aside(&self, cells: &mut Cells) -> Result<Aside, Problem> {
        let mut take = |name: &str| {
            let at = cells.iter().position(|(known, _)| *known == name)?;
            Some(cells.swap_remove(at).1)
        };
        let (said, at, last4) = (take(VERIFIED), take(VERIFIED_AT), take(LAST4));
        let second = take("address_line2");
        if let (Some(second), Some((_, first))) = (second, cells.iter_mut().find(|(name, _)| *name == "address")) {
            *first = Zeroizing::new(format!("{}, {}", first.as_str(), second.as_str()));
        }
        let was_verified = match said {
            Some(said) if ["verified", "approved"].contains(&fold(&said).as_str()) => true,
            Some(said) if ["submitted", "pending", "inreview"].contains(&fold(&said).as_str()) => false,
            Some(said) if ["draft", "rejected", "superseded", "expired"].contains(&fold(&said).as_str()) => {
                // It would wait here as if it had just been submitted.
                let sentence = "what is a draft, rejected, superseded or expired is not taken up";
                return Err(Problem::invalid(sentence).field(VERIFIED));
            }
            Some(said) => {
                let read = (<bool as Scalar>::TYPE.parse)(&said, &self.context);
                read.map_err(|why| Problem::invalid(format!("{VERIFIED} {why}")).field(VERIFIED))?.as_bool()
                    == Some(true)
            }
            None => false,
        };
        let time = |text: Zeroizing<String>| {
            let read = (Moment::TYPE.parse)(&text, &self.context).ok().and_then(|read| read.as_time());
            read.ok_or_else(|| Problem::invalid(format!("{VERIFIED_AT} must be a time")).field(VERIFIED_AT))
        };
        let verified_at = at.filter(|at| !at.trim().is_empty()).map(time).transpose()?;
        Ok(Aside { was_verified, verified_at, last4 })
    }

    /// Writes down what each of the people agreed to.
    pub async fn agree(&self, tx: &mut Tx<'_>, run: &Run<'_>) -> Result<()> {
        self.consents.record(tx, run).await
    }

    /// Counts what is odd.
    fn note(&self, rows: &[RowClear<'_>]) -> Result<()> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, clear, values) in rows {
            let paper = &row_paper(clear)?.paper;
            let mut notes: Vec<_> = paper.notes().into_iter().map(|note| (paper.number.kind(), note)).collect();
            notes.extend(given(values, "ifsc").and_then(paper::odd_bank).map(|note| (NumberKind::Ifsc, note)));
            for (kind, note) in notes {
                *noted.entry((kind.label(), note)).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Counts who owns businesses, so that ids and chance are drawn for them.
    fn count_owners(&self, rows: &[RowClear<'_>]) -> Result<()> {
        for (_, clear, _) in rows {
            let n = row_paper(clear)?.paper.owners.len();
            let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
            *owners = (owners.0 + n, owners.1.max(n));
        }
        Ok(())
    }
}

impl Sealer for Papers {
    fn recorded(&self) -> Action {
        Action::KycSubmit
    }

    fn id(&self, clear: &Clear) -> Option<Uuid> {
        Some(clear.downcast_ref::<RowPaper>()?.brought.as_ref()?.id)
    }

    fn read(&self, mut cells: Cells, values: &mut Given, today: NaiveDate) -> Result<Clear, Problem> {
        let Aside { was_verified, verified_at, last4 } = self.aside(&mut cells)?;
        let brought = brought::opened(self.opener.as_ref(), &mut cells)?;
        self.deciphered(&mut cells)?;
        let consent = self.consents.read(&mut cells)?;
        let response = response_of(&mut cells)?;
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
        if (kind == KycKind::Aadhaar || self.needs_consent) && consent.is_none() {
            return Err(without_consent(kind));
        }
        let number = paper::number_kind(kind, registration)?;
        let paper = paper::of_texts(Texts::of_cells(kind, cells)?, kind, number, today)?;
        if last4.is_some_and(|last4| !paper.number.expose().ends_with(last4.trim())) {
            return Err(Problem::invalid("the last four are not those of the number").field(LAST4));
        }
        let business = given(values, "business_type").map(choice::<BusinessType>).transpose()?;
        paper.contradiction(business).map_or(Ok(()), Err)?;
        owners::judged(&paper.owners, business)?;
        let named = given(values, "bank_name").is_some();
        if let Some((code, bank)) = given(values, "ifsc").map(paper::bank_of).transpose()? {
            put(values, "ifsc", code)?;
            if let Some(bank) = bank.filter(|_| !named) {
                put(values, "bank_name", bank)?;
            }
        }
        put(values, "mask", paper.number.masked())?;
        // As what it will be it is held to what its kind of paper must say.
        put(values, "state", KycState::Submitted.as_str())?;
        put(values, "submitted_at", self.act.at)?;
        if consent.is_some() {
            // Which it is, is known when it is written down.
            put(values, "consent_id", Uuid::nil())?;
        }
        for column in ["bank_name", "branch_name"] {
            paper.stands_not_in(DESC.known(column)?.name(), given(values, column))?;
        }
        // One reference of a bank in ten would pass for an Aadhaar number.
        paper.own_stands_not_in("reference", given(values, "reference"))?;
        Ok(Box::new(RowPaper { paper, was_verified, verified_at, brought, response, consent }))
    }

    fn beside(&self) -> Option<&'static Descriptor> {
        Some(OWNERS)
    }

    fn compare<'a>(
        &'a self,
        tx: &'a mut Tx<'_>,
        org: i32,
        rows: &'a [RowClear<'a>],
    ) -> Doing<'a, Vec<(usize, Problem)>> {
        Box::pin(async move {
            self.count_owners(rows)?;
            self.note(rows)?;
            let named = rows.iter().map(|(number, clear, _)| Ok((*number, row_paper(clear)?.consent)));
            let named: Vec<_> = named.collect::<Result<_>>()?;
            let mut faults = self.comparison.faults(tx, org, rows).await?;
            faults.extend(self.consents.compared(tx, org, named.into_iter()).await?);
            Ok(faults)
        })
    }

    fn prepare<'a>(&'a self, tx: &'a mut Tx<'_>, org: i32, subjects: &'a [Uuid]) -> Doing<'a, Arc<dyn RowSealer>> {
        Box::pin(async move {
            let seals = Seals::of(&self.vault, tx, org, subjects).await?;
            let ids: Vec<Value> = subjects.iter().map(|id| (*id).into()).collect();
            let people = records::with_ids(tx.db, User::DESCRIPTOR, Some(org), &ids).await?;
            let names = people.iter().map(|user| (user.meta.id, user.get(NAME).to_text())).collect();
            let (all, most) = *self.owners.lock().unwrap_or_else(PoisonError::into_inner);
            let owners = all.min(most * subjects.len());
            let columns = subjects.len() * sealed_columns().count() + owners * sealed_of(OWNERS).count();
            let random = Drawn::of(tx.random(), columns * NONCE);
            let owners = match owners {
                0 => None,
                n => {
                    let seals = Seals::of_kind(&self.vault, tx, OWNERS, org, subjects).await?;
                    let spare = tx.new_ids(n).into_iter().zip(tx.salts(n));
                    Some(OwnerSealer { seals, spare: Mutex::new(spare.collect::<VecDeque<_>>()) })
                }
            };
            let (storage, act, consents) = (self.storage, self.act.clone(), Arc::clone(&self.consents));
            let sealer: Arc<dyn RowSealer> =
                Arc::new(PaperSealer { seals, owners, names, consents, random, storage, act });
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
    /// Where businesses have some.
    owners: Option<OwnerSealer>,
    names: HashMap<Uuid, String>,
    consents: Arc<Consents>,
    random: Drawn,
    storage: AadhaarStorage,
    act: Act,
}

impl RowSealer for PaperSealer {
    fn seal(&self, record: &mut Record, clear: Clear) -> Result<Vec<(Record, [u8; 16])>> {
        let RowPaper { paper, was_verified, verified_at, brought, response, consent } = row_paper(&clear)?;
        let act = &self.act;
        let state = match act.batch.as_ref().filter(|_| *was_verified) {
            Some(batch) => {
                record.set("batch", batch.number.as_str().into());
                let there =
                    verified_at.map_or_else(String::new, |at| format!(", and was verified there at {}", rfc3339(at)));
                record.set("note", format!("it came with a file of SHA-256 {}{there}", batch.sha256).into());
                KycState::InReview
            }
            None => KycState::Submitted,
        };
        record.set("state", state.as_str().into());
        record.set("submitted_at", act.at.into());
        record.set("submitted_by_id", act.by.into());
        record.set("submitted_operator", act.operator.as_str().into());
        let person = record.get("user_id").as_uuid().unwrap_or_default();
        record.set("consent_id", self.consents.id(person, *consent).into());
        matched(record, paper, self.names.get(&person).map(String::as_str));
        self.seals.index(record, paper.number.expose());
        let mut clear = paper.clear(self.storage);
        if let Some(brought) = brought
            && (brought.id, brought.subject) != (record.meta.id, person)
        {
            return Err(Problem::conflict(format!("what is sealed in {} is of somebody else", brought.id)).into());
        }
        clear.extend(response.iter().map(|text| (RESPONSE, text.clone())));
        self.seals.fill(record, &clear, &self.random)?;
        let ids = brought.as_ref().map_or(&[][..], |brought| &brought.owners);
        match &self.owners {
            Some(owners) => owners.seal(record, (&paper.owners, ids), &self.random),
            None => Ok(Vec::new()),
        }
    }
}

/// Seals who owns businesses.
struct OwnerSealer {
    seals: Seals,
    /// Ids, and salts of audit records.
    spare: Mutex<VecDeque<(Uuid, [u8; 16])>>,
}

impl OwnerSealer {
    /// The records of the owners of a business, which keep the ids that were given with them.
    fn seal(
        &self,
        business: &Record,
        (owners, ids): (&[Owner], &[Uuid]),
        random: &Drawn,
    ) -> Result<Vec<(Record, [u8; 16])>> {
        let mut made = Vec::with_capacity(owners.len());
        for ((at, owner), serial) in owners.iter().enumerate().zip(1_i64..) {
            let next = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let (id, salt) = next.ok_or_else(|| anyhow::anyhow!("more owners than the file had"))?;
            let meta = Meta { id: ids.get(at).copied().unwrap_or(id), ..business.meta.clone() };
            let mut record = self.seals.owner(business, meta, (serial, owner), random)?;
            // What the business is called is known when it is made.
            record.referred = OWNERS.key().references().map(|_| String::new()).collect();
            made.push((record, salt));
        }
        Ok(made)
    }
}
