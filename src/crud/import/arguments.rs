//! What an import is, as data: its arguments, complete; and what came of it.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::columns::{ListColumn, NestedFault, Routing, SecretColumn, StatusColumn};
use super::dates::Dated;
use super::limit::LeaverLimit;
use super::scope::Scope;
use super::source::Source;
use crate::crud::remove::Mode;
use crate::model::resource::{Descriptor, Record};
use crate::store::import::stage::Reject;
use crate::ui::progress::Progress;

/// How a file is the whole truth about what is there: what it does not name is gone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Whole {
    /// What all rows must refer to; none: it is about all.
    pub scope: Option<Scope>,
    /// Who is blocked since hands over what he or she is in charge of.
    pub hands_over_from_blocked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnConflict {
    Error,
    Skip,
    Update,
}

/// Loads a file. Its arguments are complete: the columns are mapped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Import {
    pub noun: String,
    pub org: Option<i32>,
    /// Rows go to the organisations that a column names.
    pub routing: Option<Routing>,
    pub source: Source,
    /// For each column of the file, the field that it fills; none where it is passed over.
    pub columns: Vec<Option<String>>,
    /// References that are looked up by another field than the key: the reference and that field (`parent`, `name`).
    pub lookups: Vec<(String, String)>,
    /// Columns that are empty in some rows, and others that then fill the same field.
    pub fallbacks: Vec<(usize, usize)>,
    /// Rows without a code get one, also where it is what they are known by.
    pub makes_codes: bool,
    /// Values that every row gets.
    pub constants: Vec<(String, String)>,
    /// The key that tells whether a row is there already.
    pub key: String,
    pub on_conflict: OnConflict,
    pub keep_going: bool,
    pub rejects: Option<PathBuf>,
    /// The column that holds what records sign in with.
    pub secret: Option<SecretColumn>,
    /// Columns of what is sealed, and what each holds.
    #[serde(skip)]
    pub sealed: Vec<(usize, &'static str)>,
    /// Those of them that hold days or moments.
    #[serde(skip)]
    pub dated: &'static [Dated],
    /// Columns that give several records of another kind each.
    pub lists: Vec<ListColumn>,
    /// Columns that tell the state of records.
    pub states: Vec<StatusColumn>,
    /// Records that are there get the secrets of the file too.
    pub resets_secrets: bool,
    /// The file is the whole truth about what is there.
    pub whole: Option<Whole>,
    /// How many may be deactivated by it.
    pub limit: LeaverLimit,
    /// What becomes of what those are in charge of that are deactivated.
    pub mode: Mode,
    /// Fields of which a value that can't be read is left blank.
    pub on_invalid: Vec<String>,
    /// Words that mean nothing or nobody.
    pub none: Vec<String>,
    /// How the dates of a field are written.
    pub date_formats: Vec<(String, String)>,
    /// What stands within its rows.
    pub(super) within: Vec<Within>,
    /// What of that can't be read.
    pub(super) nested_faults: Vec<NestedFault>,
    /// Rows that are passed over with what stands within them, by their numbers.
    #[serde(skip)]
    pub(super) left_out: HashSet<u64>,
    /// The database refused a row: which, is to be found before rows are written.
    pub(super) probes: bool,
    #[serde(skip)]
    pub(super) progress: Progress,
}

/// What came of an import.
#[derive(Debug, Default)]
pub struct Report {
    pub read: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub skipped: u64,
    pub rejected: u64,
    /// Members of lists that were there for a time, and keep their end.
    pub kept_ends: u64,
    /// The first records that rows changed, with the fields, where the file is the whole truth.
    pub changed: Vec<String>,
    /// What rows deactivate.
    pub leaving: Vec<Record>,
    /// Rows that name somebody who has left: they are read otherwise.
    pub names_leaver: u64,
    /// What was made because rows refer to it.
    pub created_records: Vec<String>,
    /// Values that could not be read and were left blank, by field.
    pub blanked: Vec<(&'static str, u64)>,
    /// Phone numbers that are possible, but not known to be valid.
    pub doubtful: u64,
    /// Texts with characters that another program has lost.
    pub lost: u64,
    /// Columns of dates that a usual format would read.
    pub readable: Vec<(&'static str, Vec<&'static str>)>,
    /// The first of them.
    pub rejects: Vec<Reject>,
    /// The numbers of all of them, where that matters to what stands within them.
    pub(super) rejected_rows: Vec<u64>,
    /// What came of what stood within rows.
    pub within: WithinReports,
    /// Nothing was written because of rejected rows.
    pub refused: bool,
}

impl Import {
    /// Loads rows of a kind as they are: no column is mapped yet.
    pub(super) fn new(desc: &Descriptor, source: Source) -> Import {
        Import {
            noun: desc.noun.into(),
            org: None,
            routing: None,
            source,
            columns: Vec::new(),
            lookups: Vec::new(),
            fallbacks: Vec::new(),
            makes_codes: false,
            constants: Vec::new(),
            key: desc.key().name(),
            on_conflict: OnConflict::Error,
            keep_going: false,
            rejects: None,
            secret: None,
            sealed: Vec::new(),
            dated: &[],
            lists: Vec::new(),
            states: Vec::new(),
            resets_secrets: false,
            whole: None,
            limit: LeaverLimit::default(),
            mode: Mode::default(),
            on_invalid: Vec::new(),
            none: Vec::new(),
            date_formats: Vec::new(),
            within: Vec::new(),
            nested_faults: Vec::new(),
            left_out: HashSet::new(),
            probes: false,
            progress: Progress::default(),
        }
    }
}

/// An import of rows that stood within others.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Within {
    pub(super) import: Box<Import>,
    /// The column that they stood in.
    pub(super) column: String,
    pub(super) owner: String,
    pub(super) takes_unused: bool,
    /// What is not told of these goes.
    pub(super) owners: Vec<Owner>,
}

/// A record of which a file tells all that it has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Owner {
    /// The number of its row.
    pub(super) number: u64,
    pub(super) key: String,
    /// The text that names its organisation, where a column does.
    pub(super) org: Option<String>,
}

/// What came of rows that stood within others, of one kind.
#[derive(Debug, Default, Clone, Serialize)]
pub struct WithinReport {
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    /// What others had, and the file does not name.
    pub deleted: u64,
}

/// The same of all kinds, by their tables.
pub type WithinReports = BTreeMap<&'static str, WithinReport>;

/// An import that was undone because of rejected rows.
#[derive(Debug)]
pub struct Refused(pub Report);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rows were rejected")
    }
}
impl std::error::Error for Refused {}

/// Changed records that are told by name.
pub const TOLD: usize = 50;
