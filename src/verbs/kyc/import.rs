//! `kyc import`: papers of many, from a file. What of them is sealed stands in no stage and no table in clear: each is read, checked as
//! one that is submitted alone, and sealed when its row is written.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use serde::{Deserialize, Serialize};

use super::flags::tell_unfounded;
use super::papers::{FileBatch, Means, Noted, Papers, SEALED_COLUMNS};
use super::{DESC, asked, brought, choice, cipher};
use crate::crud::gate::{self, Verb};
use crate::crud::import::file_flags::{Codes, Dates, Leavers};
use crate::crud::import::report::{More, tell};
use crate::crud::import::{
    self, FileFlags, ForcedRows, Import, Loads, Merged, Objects, Opened, Rejects, Report, Run, SaysConflict, Terms,
    Tolerance, load,
};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec, Unused};
use crate::crud::vault::Vault;
use crate::model::identity::fernet::FernetKey;
use crate::model::identity::within::found_in;
use crate::model::kinds::Kinds;
use crate::model::kinds::kyc::KycKind;
use crate::model::problem::Problem;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::{ParseContext, fold};
use crate::store::records::settings;
use crate::store::tx::Tx;
use crate::verbs::audit::findings::counted;
use crate::verbs::consent::{ConsentFlags, SaidConsent};

/// The fields that columns fill as they are.
pub const FILLS: &[&str] = &[
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

/// The columns under which objects of JSON stand.
const WHOLE: &[&str] = &["owners", "owners_sealed", "response", "api_response"];

/// Loads a file of papers.
#[derive(Debug, Serialize, Deserialize)]
pub struct KycImport {
    rows: Import,
    /// What an earlier system verified is taken up under this batch, for another person to confirm.
    keeps_verified: Option<FileBatch>,
    /// What all of them agreed to before, as far as their rows do not say otherwise.
    consent: SaidConsent,
    #[serde(skip)]
    vault: Vault,
    #[serde(skip)]
    fernet: Option<Arc<FernetKey>>,
    #[serde(skip)]
    noted: Noted,
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
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).clear();
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
        let opener = match rows.sealed.iter().any(|(_, what)| what.ends_with(brought::SEALED)) {
            true => Some(self.vault.opener_of_all(tx.db, org).await?),
            false => None,
        };
        let means = Means {
            vault: self.vault.clone(),
            opener,
            fernet: self.fernet.clone(),
            batch: self.keeps_verified.clone(),
            consent: self.consent.clone(),
            noted: Arc::clone(&self.noted),
        };
        let papers = Arc::new(Papers::of(tx, org, &settings, context, means).await?);
        run.seal_by(Arc::<Papers>::clone(&papers))?;
        run.read(tx).await?;
        run.check(tx).await?;
        papers.agree(tx, &run).await?;
        run.create(tx).await?;
        run.finish(tx, &[]).await
    }
}

/// Loads papers of many people from a file of CSV or JSON.
#[derive(clap::Args)]
pub struct ImportFlags {
    /// File of CSV, of JSON objects line by line, or of a JSON array; '-' reads standard input. Of a business 'owners' holds
    /// 'NAME; PERCENT; PAN | NAME; PERCENT; PAN', or a list of objects; 'consent', 'given_at', 'channel' and 'language' name what each person
    /// agreed to, instead of the flags
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
    /// How dates and times are written: DD/MM/YYYY, D MMM YYYY, or excel for the day numbers of spreadsheets; 'dob=MM/DD/YYYY' for one
    /// column (can be repeated)
    #[arg(long, value_name = "FORMAT")]
    pub date_format: Vec<String>,
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
            dates: Dates { date_format: self.date_format.clone() },
            rejects: Rejects { rejects: self.rejects.clone() },
        }
    }
}

/// Refuses a file without a header, of which nothing is told: its first line is somebody's paper.
fn has_a_header(header: &[String]) -> Result<(), Problem> {
    let is_known =
        |name: &String| (SEALED_COLUMNS.find)(name.trim()).is_some() || DESC.field_for_header(name.trim()).is_some();
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

/// Says what is odd about numbers, and no fault.
fn tell_noted(s: &Invocation<'_>, noted: &Noted) {
    for ((label, note), rows) in noted.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        s.context.ui.status(&format!("note: of the {label} of {}, {note}", counted(*rows, "row", "rows")));
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

    async fn run(mut self, s: &mut Invocation<'_>) -> Result<()> {
        gate::allow(s)?;
        if self.keep_verified {
            gate::allow_besides(s.context, "kyc:keep_verified")?;
        }
        let fernet = self.fernet_key.as_deref().map(cipher::read_key).transpose()?.map(Arc::new);
        let objects = Objects { sealed: WHOLE, ..Objects::default() };
        let opened = Opened::open(s, DESC, &self.file_flags(), objects).await?;
        has_a_header(&opened.header)?;
        let says_kind =
            opened.header.iter().any(|name| fold(name) == "kind") || self.map.iter().any(|map| map.ends_with("=kind"));
        if self.kind.is_none() && !says_kind {
            self.kind = kind_told(&opened.header)?.map(|kind| kind.as_str().to_owned());
        }
        let terms = Terms { sealed: Some(SEALED_COLUMNS), fills: Some(FILLS), ..Terms::default() };
        let flags = self.file_flags();
        let rows = opened.map(s, &flags, terms).await?;
        let kind = self.kind.as_deref().and_then(|kind| choice::<KycKind>(kind).ok());
        if let (Some(KycKind::Aadhaar), Some(org)) = (kind, rows.org) {
            asked::storage(s, org).await?;
        }
        let request = s.context.origin.request_id.simple().to_string();
        let keeps_verified = match self.keep_verified {
            true => Some(FileBatch {
                number: request[request.len() - 12..].to_owned(),
                sha256: rows.source.sha256()?.to_string(),
            }),
            false => None,
        };
        let vault = Vault::of(s).await?;
        let consent = self.consent.said(s)?;
        let mut verb = KycImport { rows, keeps_verified, consent, vault, fernet, noted: Noted::default() };
        let (report, seconds) = load(s, &mut verb).await?;
        if report.created > 0 {
            tell_noted(s, &verb.noted);
        }
        if let Some(FileBatch { number: batch, .. }) = verb.keeps_verified.as_ref().filter(|_| report.created > 0) {
            s.context.ui.status(&format!(
                "what was verified waits as batch {batch}: another person confirms it with 'orgctl kyc import-confirm {batch}'"
            ));
        }
        let mut more = More::default();
        tell_unfounded(s, &verb.rows, (&report, &["user"]), &mut more).await?;
        tell(s.context, DESC, &report, seconds, &verb.rows, more)
    }
}
