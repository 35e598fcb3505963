//! Rows of a file held against each other and against what is there: whose number it is, whose a reference tells, what waits already, and
//! what was brought sealed. Whom a row is about is looked up once, for all of that.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use chrono::{DateTime, Utc};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::agreed::RowConsent;
use super::brought::Brought;
use super::paper::{self, Paper};
use super::parties::number_of;
use super::proprietor::{self, Told};
use super::seal::{NUMBER, NUMBER_INDEX, OWNERS, bank_code, bank_of_ifsc, counts, is_anothers};
use super::{DESC, Stored, choice, cipher, waits_already};
use crate::crud::import::sealing::{Clear, RowClear};
use crate::crud::vault::Vault;
use crate::model::identity::Number;
use crate::model::identity::within::candidates;
use crate::model::kinds::kyc::{BusinessType, Kyc, KycKind};
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::{Record, Resource as _};
use crate::model::setting::Duplicates;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::Value;
use crate::store::import::match_target::Given;
use crate::store::records::keys::{self, Among};
use crate::store::records::{self, Deleted};
use crate::store::tx::Tx;

/// What a row says.
pub struct RowPaper {
    pub paper: Paper,
    /// An earlier system has verified it.
    pub was_verified: bool,
    /// When, as that says it.
    pub verified_at: Option<DateTime<Utc>>,
    /// It was brought sealed.
    pub brought: Option<Brought>,
    /// What a provider answered.
    pub response: Option<Zeroizing<String>>,
    /// What the person agreed to before.
    pub consent: Option<RowConsent>,
}

pub fn row_paper(clear: &Clear) -> Result<&RowPaper> {
    clear.downcast_ref::<RowPaper>().ok_or_else(|| anyhow::anyhow!("a row of another kind"))
}

pub fn given<'g>(values: &'g Given, column: &str) -> Option<&'g str> {
    values.iter().rfind(|(f, _)| f.column == column).and_then(|(_, v)| v.as_text())
}

/// Whom a row is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Person {
    Known(Uuid),
    /// By a word that means nobody, or several: the row is refused for that by itself.
    Called(String),
}

/// A row as it is held against others.
struct Compared<'r> {
    row: &'r RowPaper,
    values: &'r Given,
    /// The word for its person.
    word: &'r str,
    person: Person,
}

impl Compared<'_> {
    /// The id of its person, where that is known.
    fn known(&self) -> Option<Uuid> {
        match self.person {
            Person::Known(id) => Some(id),
            Person::Called(_) => None,
        }
    }

    /// What it tells of the PAN of its person.
    fn told(&self) -> Option<Told> {
        let business = given(self.values, "business_type").and_then(|word| choice::<BusinessType>(word).ok());
        Told::by_paper(&self.row.paper, business)
    }

    fn bank(&self) -> Option<String> {
        given(self.values, "ifsc").map(bank_of_ifsc)
    }
}

/// What equal numbers have in common: the kind, the bank, and what the number is found by.
type Alike = (&'static str, Option<String>, Vec<u8>);

/// A fault of a row, by its place among those that are compared.
type Fault = (usize, Problem);

/// By which kind of paper a PAN was told, and what tells it apart.
type ToldDigest = (KycKind, Vec<u8>);

/// Holds the rows of one file.
pub struct Comparison {
    vault: Vault,
    duplicates: Duplicates,
    context: ParseContext,
    /// The people whose rows have a number.
    seen: Mutex<HashMap<Alike, Person>>,
    /// The ids that rows give.
    ids: Mutex<HashSet<Uuid>>,
    /// Of whom a paper of which kind will wait.
    waits: Mutex<HashSet<(Uuid, KycKind)>>,
    /// What rows tell of the PANs of people.
    told: Mutex<HashMap<Uuid, Vec<ToldDigest>>>,
}

impl Comparison {
    pub fn new(vault: Vault, duplicates: Duplicates, context: ParseContext) -> Comparison {
        Comparison {
            vault,
            duplicates,
            context,
            seen: Mutex::default(),
            ids: Mutex::default(),
            waits: Mutex::default(),
            told: Mutex::default(),
        }
    }

    /// What is wrong with rows that only other rows and the database tell.
    pub async fn faults(&self, tx: &mut Tx<'_>, org: i32, rows: &[RowClear<'_>]) -> Result<Vec<Fault>> {
        let rows = self.with_people(tx, org, rows).await?;
        let mut faults = self.numbers_of_others(tx, org, &rows).await?;
        faults.extend(self.own_numbers_in_references(tx, org, &rows).await?);
        faults.extend(self.brought_sealed(tx, org, &rows).await?);
        let there = records_of(tx, org, &rows).await?;
        faults.extend(self.beside_what_waits(&there, &rows)?);
        faults.extend(self.of_another_proprietor(tx, org, &there, &rows).await?);
        Ok(faults)
    }

    async fn with_people<'r>(&self, tx: &mut Tx<'_>, org: i32, rows: &'r [RowClear<'r>]) -> Result<Vec<Compared<'r>>> {
        let word = |values: &'r Given| given(values, "user_id").unwrap_or_default().trim();
        let words: HashSet<&str> = rows.iter().map(|(.., values)| word(values)).collect();
        let words: Vec<&str> = words.into_iter().collect();
        let among = Among { org: Some(org), life: Deleted::Exclude, now: true, context: &self.context };
        let people = keys::ids(tx.db, User::DESCRIPTOR, among, &words).await?;
        let person = |word: &str| match people.get(word).map(Vec::as_slice) {
            Some([id]) => Person::Known(*id),
            _ => Person::Called(word.to_owned()),
        };
        let compared = |(_, clear, values): &'r RowClear<'r>| -> Result<Compared<'r>> {
            let word = word(values);
            Ok(Compared { row: row_paper(clear)?, values, word, person: person(word) })
        };
        rows.iter().map(compared).collect()
    }

    /// Rows that have the number of somebody else: of another row, or of what is there.
    async fn numbers_of_others(&self, tx: &mut Tx<'_>, org: i32, rows: &[Compared<'_>]) -> Result<Vec<Fault>> {
        if self.duplicates != Duplicates::Refuse {
            return Ok(Vec::new());
        }
        let index = self.vault.find_index_keys(tx.db, org, DESC.table, NUMBER).await?;
        let found_by = |row: &Compared<'_>| {
            let number = row.row.paper.number.expose();
            match &index {
                Some(keys) => keys.lookups(number.as_bytes()).into_iter().map(|i| i.to_vec()).collect::<Vec<_>>(),
                // Nothing is there yet to be found: rows are held against each other alone.
                None => vec![cipher::digest(number)],
            }
        };
        let by_index: Vec<Vec<Vec<u8>>> = rows.iter().map(found_by).collect();
        let mut others = self.others_in_the_file(rows, &by_index);
        if index.is_some() {
            others.extend(others_there(tx, org, rows, &by_index).await?);
        }
        Ok(others.into_iter().map(|at| (at, is_anothers(rows[at].row.paper.number.kind().label()))).collect())
    }

    /// The rows whose number somebody else has in a row before.
    fn others_in_the_file(&self, rows: &[Compared<'_>], by_index: &[Vec<Vec<u8>>]) -> Vec<usize> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut others = Vec::new();
        for (at, (row, found_by)) in rows.iter().zip(by_index).enumerate() {
            let Some(first) = found_by.first() else { continue };
            let of = (row.row.paper.kind.as_str(), row.bank(), first.clone());
            if *seen.entry(of).or_insert_with(|| row.person.clone()) != row.person {
                others.push(at);
            }
        }
        others
    }

    /// Rows whose reference holds another number of their person: it stands in clear. Whose one is that passes for a number of a paper,
    /// its blind index tells.
    async fn own_numbers_in_references(&self, tx: &mut Tx<'_>, org: i32, rows: &[Compared<'_>]) -> Result<Vec<Fault>> {
        let mut held: Vec<(usize, Number)> = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let numbers = given(row.values, "reference").map(candidates).unwrap_or_default();
            held.extend(numbers.into_iter().map(|number| (at, number)));
        }
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let Some(index) = self.vault.find_index_keys(tx.db, org, DESC.table, NUMBER).await? else {
            return Ok(Vec::new());
        };
        let mut wanted: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        for (at, number) in &held {
            for index in index.lookups(number.expose().as_bytes()) {
                wanted.entry(index.to_vec()).or_default().push(*at);
            }
        }
        let values: Vec<Value> = wanted.keys().map(|index| Value::Bytes(index.clone())).collect();
        let found = records::with_values(tx.db, DESC, Some(org), DESC.known(NUMBER_INDEX)?, &values).await?;
        let mut faults: BTreeMap<usize, Problem> = BTreeMap::new();
        for record in &found {
            let Some(holder) = record.get("user_id").as_uuid().map(Person::Known) else { continue };
            let of = record.get(NUMBER_INDEX).as_bytes().and_then(|of| wanted.get(of));
            for at in of.into_iter().flatten().filter(|at| rows[**at].person == holder) {
                let kind: KycKind = choice(&record.get("kind").to_text())?;
                let sentence = format!("reference holds the person's {}, which is kept sealed alone", number_of(kind));
                faults.insert(*at, Problem::invalid(sentence).field("reference"));
            }
        }
        Ok(faults.into_iter().collect())
    }

    /// Rows beside which a paper of the same kind waits, in the file or in the database: of each person at most one does.
    fn beside_what_waits(&self, there: &[Record], rows: &[Compared<'_>]) -> Result<Vec<Fault>> {
        let there = there.iter().map(Stored::<Kyc>::from_record).collect::<Result<Vec<_>, _>>()?;
        let there = there.iter().filter(|record| record.value.state.is_pending());
        let there: HashMap<(Uuid, KycKind), _> = there.map(|r| ((r.value.user_id.0, r.value.kind), r)).collect();
        let mut file = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        let mut faults = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let Some(of) = row.known().map(|id| (id, row.row.paper.kind)) else { continue };
            if let Some(record) = there.get(&of) {
                faults.push((at, waits_already(record).field("user")));
            } else if !file.insert(of) {
                let sentence = format!("a row before has a paper of {} of the kind {}", row.word, of.1.as_str());
                faults.push((at, Problem::conflict(sentence).field("user")));
            }
        }
        Ok(faults)
    }

    /// Rows that tell of another PAN of their person than the file or the database does.
    async fn of_another_proprietor(
        &self,
        tx: &mut Tx<'_>,
        org: i32,
        there: &[Record],
        rows: &[Compared<'_>],
    ) -> Result<Vec<Fault>> {
        let told = rows.iter().enumerate().filter_map(|(at, row)| Some((at, row.known()?, row.told()?)));
        let told: Vec<(usize, Uuid, Told)> = told.collect();
        if told.is_empty() {
            return Ok(Vec::new());
        }
        let mut by_person: HashMap<Uuid, Vec<(String, Told)>> = HashMap::new();
        for (person, title, told) in proprietor::told_by_records(tx, &self.vault, org, there).await? {
            by_person.entry(person).or_default().push((title, told));
        }
        let mut file = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut faults = Vec::new();
        for (at, person, told) in &told {
            let before = by_person.get(person).map_or(&[][..], Vec::as_slice);
            let in_file = file.entry(*person).or_default();
            let digest = cipher::digest(&told.pan);
            if let Some((title, _)) = before.iter().find(|(_, other)| told.contradicts(other)) {
                faults.push((*at, proprietor::differs(told.by, title)));
            } else if in_file.iter().any(|(by, other)| *by != told.by && *other != digest) {
                faults.push((*at, proprietor::differs(told.by, "a row before")));
            } else {
                in_file.push((told.by, digest));
            }
        }
        Ok(faults)
    }

    /// Rows that were brought sealed: each keeps its id, and is of whom its key is of.
    async fn brought_sealed(&self, tx: &mut Tx<'_>, org: i32, rows: &[Compared<'_>]) -> Result<Vec<Fault>> {
        let all = rows.iter().enumerate().filter_map(|(at, row)| Some((at, row.row.brought.as_ref()?)));
        let all: Vec<(usize, &Brought)> = all.collect();
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Value> = all.iter().map(|(_, brought)| brought.id.into()).collect();
        let mut there = records::with_ids(tx.db, DESC, Some(org), &ids).await?;
        there.extend(records::gone_with_ids(tx.db, DESC, Some(org), &ids).await?);
        let ids: Vec<Value> = all.iter().flat_map(|(_, brought)| &brought.owners).map(|id| (*id).into()).collect();
        there.extend(records::with_ids(tx.db, OWNERS, Some(org), &ids).await?);
        there.extend(records::gone_with_ids(tx.db, OWNERS, Some(org), &ids).await?);
        let there: HashSet<Uuid> = there.iter().map(|record| record.meta.id).collect();
        let mut known = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_taken = |id: &Uuid| !known.insert(*id) || there.contains(id);
        let mut faults = Vec::new();
        for (at, brought) in all {
            if is_taken(&brought.id) {
                faults.push((at, Problem::conflict("a record with this id is there already").field("id")));
            }
            // Each of them is seen, so that a row behind this one that names one again is told.
            if brought.owners.iter().filter(|id| is_taken(id)).count() > 0 {
                let sentence = "an owner with an id that is given there is there already";
                faults.push((at, Problem::conflict(sentence).field(paper::OWNERS)));
            }
            if rows[at].person != Person::Known(brought.subject) {
                let sentence = "what is sealed is of somebody else than the user that the row names";
                faults.push((at, Problem::invalid(sentence).field("user")));
            }
        }
        Ok(faults)
    }
}

/// All records that the people of some rows have.
async fn records_of(tx: &mut Tx<'_>, org: i32, rows: &[Compared<'_>]) -> Result<Vec<Record>> {
    let ids: HashSet<Uuid> = rows.iter().filter_map(Compared::known).collect();
    let ids: Vec<Value> = ids.into_iter().map(Value::from).collect();
    Ok(records::with_values(tx.db, DESC, Some(org), DESC.known("user_id")?, &ids).await?)
}

/// The rows whose number somebody else has in a record that waits or is in force.
async fn others_there(
    tx: &mut Tx<'_>,
    org: i32,
    rows: &[Compared<'_>],
    by_index: &[Vec<Vec<u8>>],
) -> Result<Vec<usize>> {
    let mut wanted: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (at, index) in by_index.iter().enumerate().flat_map(|(at, all)| all.iter().map(move |i| (at, i))) {
        wanted.entry(index).or_default().push(at);
    }
    let values: Vec<Value> = wanted.keys().map(|index| Value::Bytes(index.to_vec())).collect();
    let there = records::with_values(tx.db, DESC, Some(org), DESC.known(NUMBER_INDEX)?, &values).await?;
    let mut others = Vec::new();
    for record in there.iter().filter(|record| counts(record)) {
        let Some(holder) = record.get("user_id").as_uuid().map(Person::Known) else { continue };
        let of = record.get(NUMBER_INDEX).as_bytes().and_then(|index| wanted.get(index));
        let is_alike = |row: &Compared<'_>| {
            record.get("kind").as_text() == Some(row.row.paper.kind.as_str()) && bank_code(record) == row.bank()
        };
        others.extend(of.into_iter().flatten().filter(|at| is_alike(&rows[**at]) && rows[**at].person != holder));
    }
    Ok(others)
}
