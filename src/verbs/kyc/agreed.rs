//! What the people agreed to whose papers a file brings: as the flags of the command say, as columns of each row say, or as both do.
//! A consent that several rows of a person name is written down once.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use chrono::{DateTime, Utc};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::crud::import::Run;
use crate::crud::import::sealing::Cells;
use crate::model::kinds::consent::Consent;
use crate::model::problem::Problem;
use crate::model::resource::{Record, Resource as _};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, ValueType, rfc3339};
use crate::store::tx::Tx;
use crate::verbs::consent::{ConsentTerms, PURPOSE, PersonsConsent, SaidConsent, given_too_late, record_all};

/// The columns, and what else they are called.
pub const COLUMNS: &[(&str, &[&str])] = &[
    (NOTICE, &["consent", "notice", "consent_notice"]),
    (GIVEN_AT, &["given_at", "consent_given_at"]),
    (CHANNEL, &["channel", "consent_channel"]),
    (LANGUAGE, &["language", "consent_language"]),
    (PURPOSES, &["purposes", "consent_purposes"]),
    (SHA256, &["notice_sha256", "consent_notice_sha256"]),
];

const NOTICE: &str = "consent";
const GIVEN_AT: &str = "given_at";
const CHANNEL: &str = "channel";
const LANGUAGE: &str = "language";
const PURPOSES: &str = "purposes";
const SHA256: &str = "notice_sha256";

/// Different consents, but for person and time, that one file may name: of each the notice is looked up.
const MOST: usize = 1000;

/// A consent that a row names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowConsent {
    terms: usize,
    at: DateTime<Utc>,
}

/// What rows of a file say of consents, and what was written down of that.
pub struct Consents {
    /// What flags say, as far as the cells of a row do not.
    said: SaidConsent,
    /// That, where it is all: of rows that say nothing.
    of_flags: Option<RowConsent>,
    context: ParseContext,
    /// When the papers are submitted.
    now: DateTime<Utc>,
    /// Each with the SHA-256 of its notice, as far as that was looked up.
    terms: Mutex<Vec<(ConsentTerms, Option<String>)>>,
    /// By the numbers of rows.
    of_rows: Mutex<HashMap<u64, RowConsent>>,
    /// Ids of what was written down.
    written: Mutex<HashMap<(Uuid, RowConsent), Uuid>>,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a column of a consent may say.
fn wrong(column: &'static str) -> Problem {
    let why = match column {
        NOTICE => "must be the code of a notice",
        GIVEN_AT => "must be a time like 2026-11-21 or 2026-11-21 09:30",
        CHANNEL => "must be in_person, paper, web, mobile_app, email, sms or phone",
        LANGUAGE => "must be a language like en or hi",
        SHA256 => "must be 64 hexadecimal digits",
        _ => "can't be read",
    };
    Problem::invalid(format!("{column} {why}")).field(column)
}

impl Consents {
    /// Of a file that is loaded with what flags say.
    pub async fn of(tx: &mut Tx<'_>, org: i32, mut said: SaidConsent, context: &ParseContext) -> Result<Consents> {
        let (mut terms, mut of_flags) = (Vec::new(), None);
        if said.terms.value("notice").is_some() {
            let sha256 = said.terms.notice_sha256(tx, org).await?.ok_or_else(|| said.terms.unknown_notice())?;
            // As a row says it that names the same.
            said.terms.sha256 = Some(sha256);
        }
        if let Some(given) = said.whole() {
            given.is_before(tx.at())?;
            of_flags = Some(RowConsent { terms: 0, at: given.at });
            let sha256 = given.terms.sha256.clone();
            terms.push((given.terms, sha256));
        }
        Ok(Consents {
            said,
            of_flags,
            context: context.clone(),
            now: tx.at(),
            terms: terms.into(),
            of_rows: Mutex::default(),
            written: Mutex::default(),
        })
    }

    /// What the cells of a row say, beside what the flags say of the same notice; none where neither says anything.
    pub fn read(&self, cells: &mut Cells) -> Result<Option<RowConsent>, Problem> {
        let mut given: Vec<(&'static str, Zeroizing<String>)> = Vec::new();
        for (column, _) in COLUMNS {
            if let Some(at) = cells.iter().position(|(known, _)| known == column) {
                given.push(cells.swap_remove(at));
            }
        }
        if given.is_empty() {
            return Ok(self.of_flags);
        }
        let mut values = Vec::new();
        for (column, text) in given.iter().filter(|(column, _)| *column != SHA256) {
            let name = if *column == NOTICE { "notice" } else { column };
            let field = Consent::DESCRIPTOR.known(name).map_err(|_| wrong(column))?;
            values.push((name, field.parse(text, &self.context).map_err(|_| wrong(column))?));
        }
        let said = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let notice = said("notice");
        let of_flags = self.said.terms.value("notice");
        let base = (of_flags.is_none() || notice.is_none() || notice.as_ref() == of_flags).then_some(&self.said);
        let of_base = |name: &str| base.and_then(|base| base.terms.value(name).cloned());
        let mut all = Vec::new();
        for (name, column) in [("notice", NOTICE), (CHANNEL, CHANNEL), (LANGUAGE, LANGUAGE), (PURPOSES, PURPOSES)] {
            let missing = || Problem::invalid(format!("the {name} of the consent is missing")).field(column);
            let usual = || match name {
                PURPOSES => Consent::DESCRIPTOR.known(name).ok()?.parse(PURPOSE, &self.context).ok(),
                _ => None,
            };
            let value = said(name).or_else(|| of_base(name)).or_else(usual).ok_or_else(missing)?;
            all.push((name.to_owned(), value));
        }
        let at = said(GIVEN_AT).and_then(|at| at.as_time()).or(base.and_then(|base| base.at));
        let at = at.ok_or_else(|| Problem::invalid("the given_at of the consent is missing").field(GIVEN_AT))?;
        if at >= self.now {
            return Err(given_too_late());
        }
        let sha256 = match given.iter().find(|(column, _)| *column == SHA256) {
            Some((_, text)) => Some(sha256(text)?),
            None => base.and_then(|base| base.terms.sha256.clone()),
        };
        let new = ConsentTerms { values: all, sha256 };
        Ok(Some(RowConsent { terms: place_of(&mut lock(&self.terms), new)?, at }))
    }

    /// Remembers what rows say, by their numbers, and tells of those that name a notice whose text nobody knows.
    pub async fn compared(
        &self,
        tx: &mut Tx<'_>,
        org: i32,
        rows: impl Iterator<Item = (u64, Option<RowConsent>)>,
    ) -> Result<Vec<(usize, Problem)>> {
        let rows: Vec<_> = rows.enumerate().filter_map(|(at, (number, one))| Some((at, number, one?))).collect();
        lock(&self.of_rows).extend(rows.iter().map(|(_, number, one)| (*number, *one)));
        let mut unknown: HashMap<usize, Problem> = HashMap::new();
        let mut named: Vec<usize> = rows.iter().map(|(.., one)| one.terms).collect();
        named.sort_unstable();
        named.dedup();
        for place in named {
            let (terms, known) = lock(&self.terms)[place].clone();
            if known.is_some() {
                continue;
            }
            match terms.notice_sha256(tx, org).await? {
                Some(sha256) => lock(&self.terms)[place].1 = Some(sha256),
                None => drop(unknown.insert(place, terms.unknown_notice().field(NOTICE))),
            }
        }
        Ok(rows.iter().filter_map(|(at, _, one)| Some((*at, unknown.get(&one.terms)?.clone()))).collect())
    }

    /// Writes down what each of the people agreed to whose rows are loaded.
    pub async fn record(&self, tx: &mut Tx<'_>, run: &Run<'_>) -> Result<()> {
        let (mut last, org) = (0, run.import.org.unwrap_or_default());
        if lock(&self.of_rows).is_empty() {
            return Ok(());
        }
        loop {
            let rows = run.subjects_behind(tx, last).await?;
            let Some((end, _)) = rows.last() else { break };
            last = *end;
            let mut new: Vec<(Uuid, RowConsent)> = {
                let (of_rows, written) = (lock(&self.of_rows), lock(&self.written));
                let named = rows.iter().filter_map(|(number, person)| Some((*person, *of_rows.get(number)?)));
                named.filter(|one| !written.contains_key(one)).collect()
            };
            let mut seen = HashSet::new();
            new.retain(|one| seen.insert(*one));
            let terms = lock(&self.terms).clone();
            let given = new.iter().map(|(person, one)| {
                let (terms, sha256) = &terms[one.terms];
                PersonsConsent { person: *person, terms, at: one.at, sha256: sha256.as_deref().unwrap_or_default() }
            });
            let ids = record_all(tx, org, &given.collect::<Vec<_>>(), &self.context).await?;
            lock(&self.written).extend(new.into_iter().zip(ids));
        }
        let written = lock(&self.written).len() as u64;
        Ok(tx.analyze(Consent::DESCRIPTOR, written).await?)
    }

    /// The record of what somebody agreed to.
    pub fn id(&self, person: Uuid, one: Option<RowConsent>) -> Option<Uuid> {
        lock(&self.written).get(&(person, one?)).copied()
    }
}

/// What an export says of a consent, in the order of the columns: it is taken up again with the paper.
pub fn exported(consent: Option<&Record>) -> impl Iterator<Item = Value> {
    COLUMNS.iter().map(move |(column, _)| {
        let name = if *column == NOTICE { "notice" } else { column };
        let value = consent.map(|consent| consent.get(name)).filter(|value| !value.is_null());
        match value {
            Some(Value::Time(at)) => rfc3339(*at).into(),
            Some(value) => value.to_text().into(),
            None => Value::Null(ValueType::Text),
        }
    })
}

fn sha256(text: &str) -> Result<String, Problem> {
    let hash = text.trim().to_ascii_lowercase();
    let is_hash = hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
    if is_hash { Ok(hash) } else { Err(wrong(SHA256)) }
}

/// Where terms stand among those that are known; new ones are put behind them.
fn place_of(terms: &mut Vec<(ConsentTerms, Option<String>)>, new: ConsentTerms) -> Result<usize, Problem> {
    if let Some(place) = terms.iter().position(|(known, _)| *known == new) {
        return Ok(place);
    }
    if terms.len() == MOST {
        return Err(Problem::invalid(format!("the file names more than {MOST} different consents")).field(NOTICE));
    }
    let sha256: Option<String> = new.sha256.clone();
    terms.push((new, sha256));
    Ok(terms.len() - 1)
}
