//! import: a CSV file into any resource, all rows or none unless asked otherwise.
//!
//! Two passes over the file, so that a row may refer to one further down: the first checks each row by itself and
//! collects keys, the second resolves references and writes. Rows are streamed; what stays in memory is the keys.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ArgMatches;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use uuid::Uuid;

use super::csv_source::{self, Rows, Source};
use super::gate::{self, Verb};
use super::mapping::{Mapping, constants, is_reject_column, map_columns};
use super::session::Session;
use super::whole::Whole;
use super::write::{blank, described, dry_run_note, keys_free, not_in_system};
use crate::model::audit::Action;
use crate::model::org::SYSTEM;
use crate::model::problem::plain;
use crate::model::problem::{Kind as ProblemKind, Problem};
use crate::model::resource::{Descriptor, Field, Record};
use crate::model::scalar::{Rules, shorten};
use crate::model::value::Value;
use crate::store::records::{self, Life, by_key};
use crate::store::tx::Tx;
use crate::ui::format::{self, Format};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnConflict {
    Error,
    Skip,
    Update,
}

/// Loads a file. Its arguments are complete: the columns are mapped.
#[derive(Debug, Serialize, Deserialize)]
pub struct Import {
    pub noun: String,
    pub org: Option<i32>,
    pub source: Source,
    /// For each column of the file, the field that it fills; none where it is passed over.
    pub columns: Vec<Option<String>>,
    /// References that are looked up by another field than the key: the reference and that field (`parent`, `name`).
    pub lookups: Vec<(String, String)>,
    /// Values that every row gets.
    pub constants: Vec<(String, String)>,
    /// The field that tells whether a row is there already.
    pub key: String,
    pub on_conflict: OnConflict,
    pub keep_going: bool,
    pub rejects: Option<PathBuf>,
}

/// A row that was not loaded, and why.
#[derive(Debug, Clone)]
pub struct Reject {
    pub line: u64,
    pub column: Option<String>,
    pub code: &'static str,
    pub reason: String,
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
    /// The first of them.
    pub rejects: Vec<Reject>,
    /// Nothing was written because of rejected rows.
    pub refused: bool,
}

/// Rejected rows that the report shows.
const SHOWN: usize = 20;

/// What is kept of a row that has a key.
struct Row {
    /// Where it begins, which tells rows apart even where a line does not (line ends of a lone CR).
    at: u64,
    line: u64,
    id: Uuid,
    /// Id of the record that is there already.
    there: Option<Uuid>,
    /// Keys of the same file and kind that it refers to.
    refers: Vec<(&'static Field, String)>,
}

/// A row whose cells are read.
struct Parsed {
    number: u64,
    line: u64,
    values: Vec<(&'static Field, Value)>,
}

impl Parsed {
    fn value(&self, name: &str) -> Value {
        self.values.iter().rfind(|(f, _)| f.name() == name).map_or_else(|| "".into(), |(_, v)| v.clone())
    }
}

/// Rows that are looked up together.
const TOGETHER: usize = 500;

/// New rows after which a database's statistics no longer fit.
const MANY: u64 = 1000;

/// What the passes find. Rows and rejects are known by where they begin.
#[derive(Default)]
struct Found {
    rows: BTreeMap<u64, String>,
    by_key: HashMap<String, Row>,
    rejects: BTreeMap<u64, Reject>,
    read: u64,
    /// Keys of rows by the value of a field that references are looked up by.
    named: HashMap<(&'static str, String), Vec<String>>,
    /// Records in the database that rows refer to, by noun and key.
    known: HashMap<(&'static str, String), Uuid>,
}

impl Import {
    /// The rows behind the header.
    fn rows(&self) -> Result<Rows> {
        let mut rows = self.source.rows()?;
        rows.read()?;
        Ok(rows)
    }

    /// The values that a row gives, parsed; references still as keys.
    fn values(
        &self,
        desc: &'static Descriptor,
        row: &csv_source::Row<'_>,
        rules: &Rules,
    ) -> Result<Vec<(&'static Field, Value)>, Reject> {
        let (cells, line) = (row.cells, row.line);
        let reject = |column: Option<&str>, code, reason: String| Reject {
            line,
            column: column.map(str::to_owned),
            code,
            reason,
        };
        if let Some(fault) = &row.fault {
            return Err(Reject { line: fault.line, ..reject(None, "quote", fault.what.to_owned()) });
        }
        if cells.len() != self.columns.len() {
            let reason = format!("the row has {} cells, the header {}", cells.len(), self.columns.len());
            return Err(reject(None, "field_count", reason));
        }
        let mut values = Vec::new();
        for (cell, column) in cells.iter().zip(&self.columns) {
            let Some(field) = column.as_deref().and_then(|c| desc.field(c)) else { continue };
            let text = std::str::from_utf8(cell)
                .map_err(|_| reject(Some(field.name()), "encoding", format!("{} is not UTF-8 text", field.name())))?;
            if field.default().is_some() && text.trim().is_empty() {
                // A new record gets the default, one that is there keeps what it has.
                continue;
            }
            let value = field.parse(text, rules).map_err(|p| reject(Some(field.name()), "invalid", p.sentence))?;
            values.push((field, value));
        }
        for (name, text) in &self.constants {
            if let Some(field) = desc.field(name) {
                let value = field.parse(text, rules).map_err(|p| reject(Some(field.name()), "invalid", p.sentence))?;
                values.push((field, value));
            }
        }
        Ok(values)
    }

    /// Checks each row by itself, and rows against each other.
    async fn first_pass(&self, tx: &mut Tx<'_>, desc: &'static Descriptor, rules: &Rules) -> Result<Found> {
        let mut found = Found::default();
        let mut rows = self.rows()?;
        while let Some(row) = rows.read()? {
            found.read += 1;
            if found.read.is_multiple_of(1000) {
                // Nothing here waits for the database, and a signal wants to be heard.
                tokio::task::yield_now().await;
            }
            if let Err(reject) = self.first_look(tx, desc, rules, &row, &mut found) {
                found.rejects.insert(row.number, reject);
            }
        }
        self.look_up_in_file(desc, &mut found);
        found.reject_cycles();
        Ok(found)
    }

    /// The field by which a reference is looked up, where it is not the key.
    fn lookup(&self, field: &Field) -> Option<&'static Field> {
        let (_, by) = self.lookups.iter().find(|(name, _)| name == field.name())?;
        field.target().and_then(crate::model::resource)?.field(by)
    }

    /// References by another field, to rows of the file, become references by key; what several rows are called is
    /// rejected.
    fn look_up_in_file(&self, desc: &'static Descriptor, found: &mut Found) {
        if self.lookups.is_empty() {
            return;
        }
        for row in found.by_key.values_mut() {
            let refers = std::mem::take(&mut row.refers);
            for (field, text) in refers {
                let Some(by) = self.lookup(field) else {
                    row.refers.push((field, text));
                    continue;
                };
                match found.named.get(&(by.column, text.clone())).map(Vec::as_slice) {
                    Some([key]) => row.refers.push((field, key.clone())),
                    Some(several) => {
                        let reject = Reject {
                            line: row.line,
                            column: Some(field.name().into()),
                            code: "ambiguous",
                            reason: ambiguous(desc, by, &text, several),
                        };
                        found.rejects.entry(row.at).or_insert(reject);
                    }
                    // Perhaps the database has it.
                    None => {}
                }
            }
        }
    }

    fn first_look(
        &self,
        tx: &mut Tx<'_>,
        desc: &'static Descriptor,
        rules: &Rules,
        row: &csv_source::Row<'_>,
        found: &mut Found,
    ) -> Result<(), Reject> {
        let (cells, at, line) = (row.cells, row.number, row.line);
        let reject =
            |column: &str, code, reason: String| Reject { line, column: Some(column.to_owned()), code, reason };
        // Before anything is wrong with the row: who refers to it is then told so.
        let key = self.key_of(desc, cells, rules);
        if let Some(key) = &key {
            if let Some(other) = found.by_key.get(key) {
                let reason = format!("{} {key} stands in the file already, on line {}", self.key, other.line);
                return Err(reject(&self.key, "duplicate", reason));
            }
            found.by_key.insert(key.clone(), Row { at, line, id: tx.new_id(), there: None, refers: Vec::new() });
            found.rows.insert(at, key.clone());
        }
        let values = self.values(desc, row, rules)?;
        let Some(key) = key else {
            return Err(reject(&self.key, "required", format!("{} must not be empty", self.key)));
        };
        let refers = values.iter().filter(|(f, v)| f.target() == Some(desc.noun) && !v.is_null());
        let refers: Vec<_> = refers.map(|(f, v)| (*f, self.normal(desc, f, &v.to_text(), rules))).collect();
        for (_, by) in &self.lookups {
            if let Some((by, value)) = values.iter().find(|(f, v)| f.name() == by && !v.is_null()) {
                found.named.entry((by.column, value.to_text())).or_default().push(key.clone());
            }
        }
        if let Some(row) = found.by_key.get_mut(&key) {
            row.refers = refers;
        }
        // Rules that need no other row.
        let mut record = blank(tx, desc, self.org.unwrap_or(SYSTEM), Uuid::nil(), rules)
            .map_err(|e| reject(&self.key, "invalid", e.to_string()))?;
        for (field, value) in values {
            // A reference does not decide about a rule between fields.
            record.set(field.column, if field.target().is_some() { Value::Null(field.ty.kind) } else { value });
        }
        if self.on_conflict != OnConflict::Update {
            if let Some(field) = desc.fields.iter().find(|f| f.ty.required && record.get(f.column).is_null()) {
                return Err(reject(field.name(), "required", format!("{} must not be empty", field.name())));
            }
            (desc.check)(&record).map_err(|p| reject(p.field.unwrap_or(&self.key), "invalid", p.sentence))?;
        }
        Ok(())
    }

    /// The key of a row, if it has one that can be read.
    fn key_of(&self, desc: &'static Descriptor, cells: &csv::ByteRecord, rules: &Rules) -> Option<String> {
        let field = desc.field(&self.key)?;
        let constant = self.constants.iter().rfind(|(name, _)| *name == self.key).map(|(_, text)| text.as_str());
        let cell = || {
            let column = self.columns.iter().position(|c| c.as_deref() == Some(&self.key))?;
            std::str::from_utf8(cells.get(column)?).ok()
        };
        let value = field.parse(constant.or_else(cell)?, rules).ok()?;
        (!value.is_null()).then(|| value.to_text())
    }

    /// A reference as the target's field would keep it that it is looked up by.
    fn normal(&self, target: &'static Descriptor, field: &Field, text: &str, rules: &Rules) -> String {
        let by = self.lookup(field).unwrap_or(target.key());
        by.parse(text, rules).map_or_else(|_| text.to_owned(), |v| v.to_text())
    }

    /// Finds the records that are there already; the organisations that they are in.
    async fn look_for_existing(
        &self,
        tx: &mut Tx<'_>,
        desc: &'static Descriptor,
        found: &mut Found,
    ) -> Result<Vec<i32>> {
        let Some(field) = desc.field(&self.key) else { return Ok(Vec::new()) };
        let keys: Vec<Value> = found.by_key.keys().map(|k| k.as_str().into()).collect();
        let mut orgs = Vec::new();
        for some in keys.chunks(TOGETHER) {
            for record in records::with_values(tx.db, desc, self.org, field, some).await? {
                orgs.push(record.meta.org_id);
                if let Some(row) = found.by_key.get_mut(&record.get(field.column).to_text()) {
                    row.there = Some(record.meta.id);
                }
            }
        }
        Ok(orgs)
    }

    /// Finds what the references of some rows stand for, as far as they are keys of records outside the file.
    async fn look_for_references(
        &self,
        tx: &mut Tx<'_>,
        rules: &Rules,
        rows: &[Parsed],
        found: &mut Found,
    ) -> Result<()> {
        let mut wanted: BTreeMap<&'static str, Vec<Value>> = BTreeMap::new();
        for (field, value) in rows.iter().flat_map(|r| &r.values) {
            let (Some(noun), Value::Text(text)) = (field.target(), value) else { continue };
            let Some(target) = find_resource_by(noun).filter(|_| self.lookup(field).is_none()) else { continue };
            let key = self.normal(target, field, text, rules);
            let in_file = noun == self.noun && found.by_key.contains_key(&key);
            let keys = wanted.entry(noun).or_default();
            if !in_file && !found.known.contains_key(&(noun, key.clone())) && !keys.contains(&key.as_str().into()) {
                keys.push(key.into());
            }
        }
        for (noun, keys) in wanted {
            let Some(target) = find_resource_by(noun) else { continue };
            for record in records::with_values(tx.db, target, self.org, target.key(), &keys).await? {
                found.known.insert((noun, record.key()), record.meta.id);
            }
        }
        Ok(())
    }

    /// Holds the rows that are good so far against the database, and, unless this is only `look`ing, writes them.
    async fn second_pass(
        &self,
        tx: &mut Tx<'_>,
        desc: &'static Descriptor,
        rules: &Rules,
        found: &mut Found,
        look: bool,
    ) -> Result<Report> {
        let mut report = Report::default();
        let mut rows = self.rows()?;
        loop {
            let mut some: Vec<Parsed> = Vec::new();
            while some.len() < TOGETHER
                && let Some(row) = rows.read()?
            {
                if !found.rejects.contains_key(&row.number) {
                    let values = self.values(desc, &row, rules).map_err(|r| Problem::invalid(r.reason))?;
                    some.push(Parsed { number: row.number, line: row.line, values });
                }
            }
            if some.is_empty() {
                return Ok(report);
            }
            self.look_for_references(tx, rules, &some, found).await?;
            let mut there = self.existing(tx, desc, &some).await?;
            for row in some {
                let (number, line) = (row.number, row.line);
                match self.write_row(tx, desc, rules, found, row, &mut there, look).await {
                    Ok(Wrote::Created) => report.created += 1,
                    Ok(Wrote::Updated) => report.updated += 1,
                    Ok(Wrote::Unchanged) => report.unchanged += 1,
                    Ok(Wrote::Skipped) => report.skipped += 1,
                    Err(e) => {
                        // What is wrong with one row is told of that row; anything else ends the import.
                        let problem = e.downcast::<Problem>()?;
                        if !matches!(problem.kind, ProblemKind::Invalid | ProblemKind::Conflict | ProblemKind::NotFound)
                        {
                            return Err(problem.into());
                        }
                        let column = problem.field.map(str::to_owned);
                        let reject = Reject { line, column, code: problem.kind.word(), reason: problem.sentence };
                        found.rejects.insert(number, reject);
                    }
                }
            }
        }
    }

    /// The records that some rows are to change, by key.
    async fn existing(
        &self,
        tx: &mut Tx<'_>,
        desc: &'static Descriptor,
        rows: &[Parsed],
    ) -> Result<HashMap<String, Record>> {
        let Some(field) = desc.field(&self.key).filter(|_| self.on_conflict == OnConflict::Update) else {
            return Ok(HashMap::new());
        };
        let keys: Vec<Value> = rows.iter().map(|r| r.value(&self.key)).collect();
        let there = records::with_values(tx.db, desc, self.org, field, &keys).await?;
        Ok(there.into_iter().map(|r| (r.get(field.column).to_text(), r)).collect())
    }

    #[allow(clippy::too_many_arguments)] // one call, from the pass above
    async fn write_row(
        &self,
        tx: &mut Tx<'_>,
        desc: &'static Descriptor,
        rules: &Rules,
        found: &mut Found,
        row: Parsed,
        there: &mut HashMap<String, Record>,
        look: bool,
    ) -> Result<Wrote> {
        let key = row.value(&self.key).to_text();
        let mut values = row.values;
        let changed = || Problem::failed("the file changed while it was read");
        let (id, is_there) = found.by_key.get(&key).map(|r| (r.id, r.there.is_some())).ok_or_else(changed)?;
        if is_there {
            match self.on_conflict {
                OnConflict::Error => {
                    let problem = Problem::conflict(format!("{} {key} exists already", desc.noun));
                    return Err(problem.field(desc.key().name()).into());
                }
                OnConflict::Skip => return Ok(Wrote::Skipped),
                OnConflict::Update => {}
            }
        }
        for (field, value) in &mut values {
            if let (Some(_), Value::Text(text)) = (field.target(), &*value) {
                let text = text.clone();
                *value = self.reference(tx, field, &text, rules, found).await?.into();
            }
        }
        let Some(before) = there.remove(&key) else {
            let org = match self.org {
                Some(org) => org,
                None if look => SYSTEM,
                None => tx.new_org_number().await?,
            };
            let mut record = blank(tx, desc, org, id, rules)?;
            for (field, value) in values {
                record.set(field.column, value);
            }
            if let Some(field) = desc.fields.iter().find(|f| f.ty.required && record.get(f.column).is_null()) {
                return Err(Problem::invalid(format!("{} must not be empty", field.name())).field(field.name()).into());
            }
            (desc.check)(&record)?;
            keys_free(tx, &record, Some(&self.key)).await?;
            if !look {
                tx.insert_later(desc, org, id, record.values).await?;
            }
            return Ok(Wrote::Created);
        };
        super::input::not_system(&before)?;
        let mut after = before.clone();
        for (field, value) in values {
            after.set(field.column, value);
        }
        (desc.check)(&after)?;
        keys_free(tx, &after, Some(&self.key)).await?;
        if look {
            return Ok(Wrote::Updated);
        }
        Ok(match tx.update(&before, after, Action::Update).await? {
            Some(_) => Wrote::Updated,
            None => Wrote::Unchanged,
        })
    }

    /// The id that a reference's key stands for: a live record, or a row of this file.
    async fn reference(
        &self,
        tx: &mut Tx<'_>,
        field: &'static Field,
        key: &str,
        rules: &Rules,
        found: &mut Found,
    ) -> Result<Uuid> {
        let target = field
            .target()
            .and_then(find_resource_by)
            .ok_or_else(|| anyhow::anyhow!("{} is no reference", field.column))?;
        let normal = self.normal(target, field, key, rules);
        if let Some(by) = self.lookup(field) {
            return self.reference_by(tx, field, target, by, &normal, found).await;
        }
        let known = (target.noun, normal.clone());
        if let Some(id) = found.known.get(&known) {
            return Ok(*id);
        }
        if let Some(row) = found.by_key.get(&normal).filter(|_| target.noun == self.noun) {
            return Ok(row.there.unwrap_or(row.id));
        }
        // Not by key, then perhaps by id.
        match by_key(tx.db, target, self.org, key, Life::Live, rules).await?.first() {
            Some(there) => {
                found.known.insert(known, there.meta.id);
                Ok(there.meta.id)
            }
            None => {
                let sentence = format!("{} {} does not exist", target.noun, shorten(key));
                Err(Problem::not_found(sentence).field(field.name()).into())
            }
        }
    }
}

impl Import {
    /// The id of the one record, there or in the file, that has this value in a field that is no key.
    async fn reference_by(
        &self,
        tx: &mut Tx<'_>,
        field: &'static Field,
        target: &'static Descriptor,
        by: &'static Field,
        text: &str,
        found: &Found,
    ) -> Result<Uuid> {
        let there = records::with_value(tx.db, target, self.org, by, &text.into()).await?;
        let mut ids: BTreeMap<String, Uuid> = there.iter().map(|r| (r.key(), r.meta.id)).collect();
        if target.noun == self.noun {
            for key in found.named.get(&(by.column, text.to_owned())).into_iter().flatten() {
                if let Some(row) = found.by_key.get(key).filter(|r| !found.rejects.contains_key(&r.at)) {
                    // A record that is there already has its own id.
                    ids.entry(key.clone()).or_insert(row.there.unwrap_or(row.id));
                }
            }
        }
        match ids.len() {
            1 => ids.into_values().next().ok_or_else(|| anyhow::anyhow!("one is one")),
            0 => {
                let sentence = format!("no {} has the {} {}", target.noun, by.name(), shorten(text));
                Err(Problem::not_found(sentence).field(field.name()).into())
            }
            _ => {
                let keys: Vec<String> = ids.into_keys().collect();
                Err(Problem::conflict(ambiguous(target, by, text, &keys)).field(field.name()).into())
            }
        }
    }
}

/// `several branches have the name Main: A, B`
fn ambiguous(target: &Descriptor, by: &Field, text: &str, keys: &[String]) -> String {
    let mut shown: Vec<&str> = keys.iter().take(5).map(String::as_str).collect();
    if shown.len() < keys.len() {
        shown.push("...");
    }
    format!("several {} have the {} {}: {}", target.table, by.name(), shorten(text), shown.join(", "))
}

fn find_resource_by(noun: &'static str) -> Option<&'static Descriptor> {
    crate::model::resource(noun)
}

enum Wrote {
    Created,
    Updated,
    Unchanged,
    Skipped,
}

impl Found {
    /// Who refers to a rejected row is rejected, and who refers to that one, until nothing changes; unless the database
    /// has the record that is meant.
    fn reject_followers(&mut self, noun: &'static str) {
        loop {
            let mut more = Vec::new();
            for row in self.by_key.values().filter(|r| !self.rejects.contains_key(&r.at)) {
                for (field, key) in row.refers.iter().filter(|(_, key)| !self.known.contains_key(&(noun, key.clone())))
                {
                    if let Some(other) =
                        self.by_key.get(key).filter(|o| o.there.is_none() && self.rejects.contains_key(&o.at))
                    {
                        let reject = Reject {
                            line: row.line,
                            column: Some(field.name().into()),
                            code: "reference_rejected",
                            reason: format!("{} {key} was rejected (line {})", field.name(), other.line),
                        };
                        more.push((row.at, reject));
                        break;
                    }
                }
            }
            if more.is_empty() {
                break;
            }
            self.rejects.extend(more);
        }
    }

    /// Rejects the rows that stand below themselves.
    fn reject_cycles(&mut self) {
        // 1: being climbed from now; 2: known to end.
        let mut state: HashMap<&str, u8> = HashMap::new();
        let mut cycles: Vec<Vec<&str>> = Vec::new();
        for start in self.rows.values() {
            let mut path: Vec<&str> = Vec::new();
            let mut at = Some(start.as_str());
            while let Some(key) = at {
                match state.get(key) {
                    Some(2) => break,
                    Some(_) => {
                        let from = path.iter().position(|k| *k == key).unwrap_or(0);
                        cycles.push(path[from..].to_vec());
                        break;
                    }
                    None => {
                        state.insert(key, 1);
                        path.push(key);
                        at = self
                            .by_key
                            .get(key)
                            .and_then(|r| r.refers.first())
                            .map(|(_, k)| k.as_str())
                            .filter(|k| self.by_key.contains_key(*k));
                    }
                }
            }
            for key in path {
                state.insert(key, 2);
            }
        }
        let mut rejects = Vec::new();
        for cycle in cycles {
            let shown = cycle.iter().chain(cycle.first()).copied().collect::<Vec<_>>().join(" > ");
            for key in &cycle {
                let Some(row) = self.by_key.get(*key) else { continue };
                let column = row.refers.first().map(|(f, _)| f.name().to_owned());
                let reason = format!("stands below itself: {shown}");
                rejects.push((row.at, Reject { line: row.line, column, code: "cycle", reason }));
            }
        }
        self.rejects.extend(rejects);
    }
}

impl Verb for Import {
    type Output = Report;

    fn orgs(&self) -> Vec<i32> {
        // Organisations in a file are found first; then all of them are locked in order.
        self.org.into_iter().collect()
    }

    async fn run(&self, tx: &mut Tx<'_>, rules: &Rules) -> Result<Report> {
        let desc = described(&self.noun)?;
        let mut found = self.first_pass(tx, desc, rules).await?;
        let mut orgs = self.look_for_existing(tx, desc, &mut found).await?;
        if self.org.is_none() {
            orgs.push(SYSTEM);
            tx.lock(&orgs, &mut |_| {}).await?;
        }
        // All that is wrong is found before anything is written, so that no row is written whose parent then is not.
        self.second_pass(tx, desc, rules, &mut found, true).await?;
        found.reject_followers(desc.noun);
        let mut report = Report::default();
        if found.rejects.is_empty() || self.keep_going {
            report = self.second_pass(tx, desc, rules, &mut found, false).await?;
            if report.created > MANY {
                tx.settle(desc).await?;
            }
        }
        report.read = found.read;
        report.rejected = found.rejects.len() as u64;
        report.rejects = found.rejects.values().take(SHOWN).cloned().collect();
        self.write_rejects(&found.rejects)?;
        if report.rejected > 0 && !self.keep_going {
            report.refused = true;
            return Err(Refused(report).into());
        }
        if report.created + report.updated > 0 {
            let mut details = Map::new();
            details.insert("file".into(), self.source.path.display().to_string().into());
            for (name, n) in [
                ("read", report.read),
                ("created", report.created),
                ("updated", report.updated),
                ("rejected", report.rejected),
            ] {
                details.insert(name.into(), n.into());
            }
            tx.event(self.org.unwrap_or(SYSTEM), Action::Import, desc.noun, details).await?;
        }
        Ok(report)
    }
}

/// An import that was undone because of rejected rows.
#[derive(Debug)]
struct Refused(Report);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rows were rejected")
    }
}
impl std::error::Error for Refused {}

impl Import {
    /// The original rows with line, column, code and reason: to be mended and fed back in.
    fn write_rejects(&self, rejects: &BTreeMap<u64, Reject>) -> Result<()> {
        let Some(path) = &self.rejects else { return Ok(()) };
        let failed = |e: io::Error| Problem::failed(format!("can't write {}: {}", path.display(), plain(&e)));
        let (whole, file) = Whole::create(path).map_err(failed)?;
        let mut out = io::BufWriter::new(file);
        let mut rows = self.source.rows()?;
        let header = header(&mut rows)?;
        let mut line = |cells: Vec<String>| -> Result<()> {
            out.write_all(format::csv_line(cells)?.as_bytes()).map_err(failed)?;
            Ok(())
        };
        let more = ["reject_line", "reject_column", "reject_code", "reject_reason"];
        // A file that was fed back in has reasons of an earlier time.
        let kept: Vec<bool> = header.iter().map(|h| !is_reject_column(h.trim())).collect();
        let keep = |cells: Vec<String>| cells.into_iter().zip(&kept).filter(|(_, kept)| **kept).map(|(cell, _)| cell);
        line(keep(header.clone()).chain(more.map(str::to_owned)).collect())?;
        while let Some(row) = rows.read()? {
            let Some(reject) = rejects.get(&row.number) else { continue };
            let mut row: Vec<String> = row.cells.iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect();
            row.resize(self.columns.len(), String::new());
            row = keep(row).collect();
            row.extend([
                reject.line.to_string(),
                reject.column.clone().unwrap_or_default(),
                reject.code.into(),
                reject.reason.clone(),
            ]);
            line(row)?;
        }
        out.flush().map_err(failed)?;
        whole.finish().map_err(failed)?;
        Ok(())
    }
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    match (std::fs::metadata(a), std::fs::metadata(b)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// The first row of a file: the names of its columns.
fn header(rows: &mut Rows) -> Result<Vec<String>> {
    let Some(row) = rows.read()? else {
        return Err(Problem::invalid("the file has no header").hint("the first line names the columns").into());
    };
    if let Some(fault) = row.fault {
        return Err(Problem::invalid(format!("line {}: {}", fault.line, fault.what)).into());
    }
    Ok(row.cells.iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect())
}

/// Standard input can be read once; two passes need a file. It is nobody else's to read.
async fn spool(s: &mut Session<'_>) -> Result<tempfile::NamedTempFile> {
    let failed = |e: io::Error| Problem::failed(format!("can't make a temporary file: {}", plain(&e)));
    let file = tempfile::NamedTempFile::new().map_err(failed)?;
    // The name stays here, so that the file is removed even if standard input never ends.
    s.ui.read_stdin(file.reopen().map_err(failed)?).await?;
    Ok(file)
}

pub async fn import(s: &mut Session<'_>, desc: &'static Descriptor, m: &ArgMatches) -> Result<()> {
    gate::allow(s)?;
    let org = if desc.is_org() { None } else { Some(not_in_system(desc, s.the_org().await?)?) };
    let file = m.get_one::<String>("file").cloned().unwrap_or_default();
    // Kept until the end: dropping it removes the file.
    let spooled = if file == "-" { Some(spool(s).await?) } else { None };
    let path = spooled.as_ref().map_or_else(|| PathBuf::from(&file), |f| f.path().to_owned());
    let shown = if spooled.is_some() { "standard input" } else { &file };
    let source = Source::open(&path, shown)?;
    if source.encoding != "utf-8" {
        s.ui.status(&format!("note: {shown} is read as {}", source.encoding));
    }
    let rejects = m.get_one::<String>("rejects").map(PathBuf::from);
    if let Some(rejects) = rejects.as_ref().filter(|r| is_same_file(r, &path)) {
        let sentence = format!("--rejects would write over {}, which is read", rejects.display());
        return Err(Problem::usage(sentence).hint("choose another file").into());
    }
    let header = header(&mut source.rows()?)?;
    let Mapping { columns, lookups } = map_columns(desc, &header, m)?;
    let constants = constants(desc, m)?;
    if let Some((twice, _)) = constants.iter().find(|(c, _)| columns.iter().flatten().any(|f| f == c)) {
        return Err(Problem::usage(format!("--set {twice}: the file has a column for it"))
            .hint("leave --set out, or map the column to another field")
            .into());
    }
    let has =
        |f: &&Field| columns.iter().flatten().any(|c| c == f.name()) || constants.iter().any(|(c, _)| c == f.name());
    let key =
        match m.get_one::<String>("key-field") {
            Some(name) => desc.keys().find(|f| f.name() == name).ok_or_else(|| {
                let keys: Vec<&str> = desc.keys().map(Field::name).collect();
                Problem::usage(format!("{} is no key of a {}", shorten(name), desc.noun))
                    .hint(format!("keys: {}", keys.join(", ")))
            })?,
            None => desc.keys().find(has).ok_or_else(|| {
                let keys: Vec<&str> = desc.keys().map(Field::name).collect();
                Problem::invalid(format!("no column holds a key of the {}: {}", desc.noun, keys.join(", ")))
                    .hint(format!("its columns: {}; --map 'COLUMN={}' names the one", header.join(", "), keys[0]))
            })?,
        };
    let on_conflict = match m.get_one::<String>("on-conflict").map(String::as_str) {
        Some("skip") => OnConflict::Skip,
        Some("update") => OnConflict::Update,
        _ => OnConflict::Error,
    };
    if on_conflict == OnConflict::Error
        && let Some(missing) = desc.settable().find(|f| f.ty.required && f.default().is_none() && !has(f))
    {
        return Err(Problem::invalid(format!("no column holds the {} of the {}", missing.name(), desc.noun))
            .hint(format!("--map 'COLUMN={0}' names one; --set {0}=... gives every row the same", missing.name()))
            .into());
    }
    let verb = Import {
        noun: desc.noun.into(),
        org,
        source,
        columns,
        lookups,
        constants,
        key: key.name().into(),
        on_conflict,
        keep_going: m.get_flag("keep-going"),
        rejects,
    };
    let started = std::time::Instant::now();
    let bar = s.ui.progress("importing", None);
    let done = gate::write(s, &verb).await;
    bar.finish_and_clear();
    let report = match done {
        Ok(report) => report,
        Err(e) => {
            let report = e.downcast::<Refused>()?.0;
            s.refused = [("read", report.read), ("rejected", report.rejected)]
                .map(|(k, n)| (k.into(), n.into()))
                .into_iter()
                .collect();
            report
        }
    };
    tell(s, desc, &report, started.elapsed().as_secs_f64(), &verb)
}

fn rows(n: u64) -> String {
    if n == 1 { "1 row".to_owned() } else { format!("{n} rows") }
}

/// The closing report, and the exit code that goes with it.
fn tell(s: &mut Session<'_>, desc: &Descriptor, r: &Report, seconds: f64, verb: &Import) -> Result<()> {
    let rate = (r.read as f64 / seconds.max(0.001)).round();
    if matches!(s.ui.style.format, Format::Json | Format::Ndjson) {
        let rejects: Vec<_> = r
            .rejects
            .iter()
            .map(|x| json!({ "line": x.line, "column": x.column, "code": x.code, "reason": x.reason }))
            .collect();
        let report = json!({
            "read": r.read, "created": r.created, "updated": r.updated, "unchanged": r.unchanged, "skipped": r.skipped,
            "rejected": r.rejected, "rejects": rejects, "written": !r.refused && !s.dry_run, "seconds": (seconds * 1000.0).round() / 1000.0,
            "rows_per_second": rate,
        });
        s.ui.out(&format!("{}\n", format::json_pretty(&report)))?;
        s.ui.flush()?;
    } else {
        for x in &r.rejects {
            // A reason that begins with the column needs no second naming of it.
            let column = x.column.as_ref().filter(|c| !x.reason.starts_with(c.as_str()));
            let column = column.map_or(String::new(), |c| format!(", {c}"));
            s.ui.status(&format!("rejected line {}{column}: {}", x.line, x.reason));
        }
        let hidden = r.rejected.saturating_sub(r.rejects.len() as u64);
        if hidden > 0 {
            s.ui.status(&format!("and {hidden} more rejected rows"));
        }
        if r.refused {
            s.ui.status(&format!("read {}, rejected {}; nothing was imported", rows(r.read), r.rejected));
        } else {
            let mut parts = vec![
                format!("created {}", r.created),
                format!("updated {}", r.updated),
                format!("unchanged {}", r.unchanged),
            ];
            if r.skipped > 0 {
                parts.push(format!("skipped {}", r.skipped));
            }
            parts.push(format!("rejected {}", r.rejected));
            s.ui.status(&format!("read {}: {} ({seconds:.1} s, {rate} rows/s)", rows(r.read), parts.join(", ")));
            if r.created + r.updated == 0 {
                s.ui.status("nothing was changed");
            }
        }
        dry_run_note(s);
    }
    if r.rejected == 0 {
        return Ok(());
    }
    let rejects = match &verb.rejects {
        Some(path) => format!("mend {} and import it again", path.display()),
        None => "--rejects FILE writes them out with their reasons, to be mended and imported again".to_owned(),
    };
    let sentence =
        format!("{} of {} {} rejected", r.rejected, rows(r.read), if r.rejected == 1 { "was" } else { "were" });
    let mut problem = match r.refused {
        true => Problem::invalid(format!("{sentence}; nothing was imported")).hint(rejects),
        false => Problem::new(ProblemKind::Partial, sentence).hint(rejects),
    };
    if r.refused && r.rejected < r.read {
        problem = problem.hint(format!("--keep-going imports the other {}", desc.table));
    }
    if verb.on_conflict == OnConflict::Error && r.rejects.iter().any(|x| x.code == ProblemKind::Conflict.word()) {
        problem = problem.hint("--on-conflict skip passes over what is there already, update changes it");
    }
    Err(problem.into())
}
