//! What columns of a file say, other than the value of one field.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::model::kinds::org::SYSTEM;
use crate::model::problem::ErrorKind;
use crate::model::resource::Descriptor;
use crate::model::values::scalar::{fold, truncate};

/// The columns that give several records of another kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListColumn {
    /// The list's place among those of the kind.
    pub list: usize,
    /// What the first of these says comes first.
    pub sources: Vec<ListSource>,
    /// The first of them is the record's own: no other column tells it.
    pub tells_first: bool,
    /// Columns that say of all that a row names what their links say besides, and those fields: `role_expires_at`.
    pub attributes: Vec<(usize, String)>,
}

/// One column that says something of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListSource {
    pub at: usize,
    /// The member that a yes gives; without one, the cell names members.
    pub given_by_yes: Option<String>,
    /// The cell says in words of its own what one member is.
    pub describes: bool,
    /// Cells may be JSON, whose objects say more of a member than its name.
    pub is_json: bool,
    /// What such an object says that is not known is passed over.
    pub passes_over: bool,
    /// It counts where nothing before it says anything: ids of another program, beside words.
    pub is_fallback: bool,
}

impl ListColumn {
    /// The column that messages are about.
    pub fn at(&self) -> usize {
        self.sources.first().map_or(usize::MAX, |source| source.at)
    }

    pub fn is_at(&self, at: usize) -> bool {
        self.sources.iter().any(|source| source.at == at) || self.attributes.iter().any(|(column, _)| *column == at)
    }

    /// Whether no column names members: what they say then adds some, and nothing takes others away but such as were described.
    pub fn only_adds(&self) -> bool {
        self.sources.iter().all(|source| source.given_by_yes.is_some() || source.describes)
    }

    /// Whether a cell says what one member is, and none that is like another one.
    pub fn describes(&self) -> bool {
        self.sources.iter().any(|source| source.describes)
    }
}

/// The column that holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretColumn {
    pub at: usize,
    /// It holds hashes, not passwords.
    pub is_hash: bool,
}

impl SecretColumn {
    pub fn name(self) -> &'static str {
        if self.is_hash { "password_hash" } else { "password" }
    }

    /// Whether a header names one.
    pub(super) fn of(desc: &Descriptor, at: usize, header: &str) -> Option<SecretColumn> {
        let header = fold(header);
        let is_hash = match header.strip_prefix(desc.noun).unwrap_or(&header) {
            "password" => false,
            "passwordhash" | "hashedpassword" => true,
            _ => return None,
        };
        Some(SecretColumn { at, is_hash })
    }
}

/// A column that fills no field, but says in which state the record is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusColumn {
    pub at: usize,
    /// As messages call it: `status`, or one that says by what it holds that the record is deleted.
    pub(super) name: String,
    /// Words that are no state are passed over.
    pub(super) passes_over: bool,
}

pub const STATUS: &str = "status";

const DELETED: &[&str] = &["deleted_at", "deleted_by", "deleted", "is_deleted"];

impl StatusColumn {
    /// The one that a header names, with or without the noun in front.
    pub fn of(desc: &Descriptor, at: usize, header: &str, passes_over: bool) -> Option<StatusColumn> {
        let header = fold(header);
        let names = |name: &&&str| fold(name) == header.strip_prefix(desc.noun).unwrap_or(&header);
        let has_status = desc.has_status();
        let name = Some(&STATUS).filter(|_| has_status).into_iter().chain(DELETED).find(names)?;
        Some(StatusColumn { at, name: (*name).to_owned(), passes_over })
    }

    pub fn is_status(&self) -> bool {
        self.name == STATUS
    }
}

/// The names of such a column.
const NAMES: [&str; 2] = ["org", "orgcode"];

/// Whether a column says whose the rows are.
pub fn is_org_column(desc: &Descriptor, name: &str) -> bool {
    let is_of_one = !desc.is_org() && !desc.is_of_the_installation();
    is_of_one && NAMES.contains(&fold(name).as_str()) && desc.field_for_header(name).is_none()
}

/// Where rows go.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Routing {
    /// The column that says it.
    pub at: usize,
    /// Organisations that are there, by the texts that name them.
    pub(super) known: HashMap<String, i32>,
    /// The one that all rows must be of, and its code.
    pub(super) only: Option<(i32, String)>,
    /// Rows that name none are told of with those that are loaded now.
    pub(super) takes_rest: bool,
}

impl Routing {
    /// The same, where another column says it.
    pub fn by(self, at: usize) -> Routing {
        Routing { at, ..self }
    }

    /// The organisations of the rows, in the order in which they are locked.
    pub fn orgs(&self) -> Vec<i32> {
        if let Some((only, _)) = &self.only {
            return vec![*only];
        }
        let mut orgs: Vec<i32> = self.known.values().copied().collect::<BTreeSet<_>>().into_iter().collect();
        orgs.sort_by_key(|org| if *org == SYSTEM { i32::MAX } else { *org });
        orgs
    }

    /// Whether a row is dealt with when those of an organisation are.
    pub fn takes(&self, org: Option<i32>, text: Option<&str>) -> bool {
        match text.and_then(|text| self.known.get(text)) {
            Some(of) if Some(*of) == org => true,
            Some(_) => self.only.is_some(),
            None => self.takes_rest,
        }
    }

    /// Why a row goes nowhere.
    pub fn fault(&self, org: Option<i32>, text: &str) -> Option<(&'static str, String)> {
        let of = self.known.get(text).copied();
        match &self.only {
            Some(_) if text.is_empty() || of.is_some() && of == org => None,
            Some((_, code)) => {
                Some(("invalid", format!("org is {}, and the rows go to {code} (--org)", truncate(text))))
            }
            None if text.is_empty() => Some(("required", "org must not be empty".to_owned())),
            None if of.is_none() => {
                Some((ErrorKind::NotFound.as_str(), format!("org {} does not exist", truncate(text))))
            }
            None => None,
        }
    }
}

/// Something within a row that can't be read; the row is rejected for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NestedFault {
    pub number: u64,
    pub column: String,
    pub code: String,
    pub reason: String,
}

/// What of rows can't be read, by their numbers.
pub fn by_number(faults: &[NestedFault]) -> HashMap<u64, Vec<NestedFault>> {
    let mut all: HashMap<u64, Vec<NestedFault>> = HashMap::new();
    for fault in faults {
        all.entry(fault.number).or_default().push(fault.clone());
    }
    all
}

/// The columns that a file of rejects adds; a file fed back in still has them.
pub fn is_reject_column(header: &str) -> bool {
    matches!(header, "reject_line" | "reject_column" | "reject_code" | "reject_reason")
}
