//! Rows of a file, read and checked one by one, on a thread of their own: while one piece is written the next is read.

use anyhow::Result;
use tokio::sync::mpsc::{Receiver, Sender};
use uuid::Uuid;

use super::source::{self, Rows, Source};
use crate::model::audit::{self, Action, Payload};
use crate::model::org::SYSTEM;
use crate::model::resource::{Descriptor, Field, Meta, Record};
use crate::model::scalar::Rules;
use crate::model::search;
use crate::model::value::{Kind, Value};
use crate::store::chain::Chain;
use crate::store::held::Given;
use crate::store::records::stored_values;
use crate::store::stage::{QUOTE, Reference, Reject, Verdict};
use crate::store::tx::Finished;

/// Rows that travel together.
pub const PIECE: usize = 1000;

/// How a file's rows become records.
pub struct Plan {
    pub desc: &'static Descriptor,
    pub source: Source,
    /// For each column of the file, the field that it fills; none where it is passed over.
    pub columns: Vec<Option<&'static Field>>,
    /// Values that every row gets.
    pub constants: Given,
    /// The field that tells whether a row is there already.
    pub key: &'static Field,
    /// Further unique fields that rows give.
    pub others: Vec<&'static Field>,
    pub references: Vec<Reference>,
    /// Fields of rows that references of others are looked up by.
    pub named: Vec<&'static Field>,
    /// A new record before anything is given: its defaults.
    pub blank: Vec<Value>,
    /// Most rows are of new records, so they are checked as such when they are read.
    pub mostly_new: bool,
    pub rules: Rules,
}

/// A row that has been read.
pub struct Parsed {
    pub number: u64,
    pub line: u64,
    /// NULL where it has none that can be read.
    pub key: Value,
    /// References still as keys.
    pub values: Given,
    /// What is wrong with it.
    pub fault: Option<Reject>,
    /// What is wrong with it if it is a new record's.
    pub as_new: Option<Reject>,
}

impl Plan {
    pub fn new(
        desc: &'static Descriptor,
        source: Source,
        columns: Vec<Option<&'static Field>>,
        constants: Given,
        key: &'static Field,
        lookups: &[(String, String)],
        rules: &Rules,
    ) -> Result<Plan> {
        let given: Vec<&'static Field> = desc
            .fields
            .iter()
            .filter(|f| columns.iter().flatten().chain(constants.iter().map(|(c, _)| c)).any(|g| g.column == f.column))
            .collect();
        let references = given.iter().filter_map(|field| {
            let target = field.target().and_then(crate::model::resource)?;
            let by = lookups.iter().find(|(name, _)| name == field.name()).and_then(|(_, by)| target.field(by));
            Some(Reference { field, target, by })
        });
        let blank = desc.fields.iter().map(|f| match desc.default(f, rules) {
            Some(default) => Ok(f.parse(&default, rules)?),
            None => Ok(Value::Null(f.ty.kind)),
        });
        Ok(Plan {
            desc,
            source,
            columns,
            constants,
            key,
            others: desc
                .keys()
                .filter(|f| f.column != key.column && given.iter().any(|g| g.column == f.column))
                .collect(),
            references: references.collect(),
            named: Vec::new(),
            blank: blank.collect::<Result<_>>()?,
            mostly_new: true,
            rules: rules.clone(),
        })
    }

    /// The rows behind the header.
    pub fn rows(&self) -> Result<Rows> {
        let mut rows = self.source.rows()?;
        rows.read()?;
        Ok(rows)
    }

    /// Reads and checks one row.
    fn parse(&self, row: &source::Row<'_>) -> Parsed {
        let mut parsed = Parsed {
            number: row.number,
            line: row.line,
            key: self.key_of(row),
            values: Vec::new(),
            fault: None,
            as_new: None,
        };
        match self.values(row) {
            Ok(values) => {
                parsed.values = values;
                if parsed.key.is_null() {
                    let reason = format!("{} must not be empty", self.key.name());
                    parsed.fault = Some(self.reject(row.number, row.line, Some(self.key), "required", reason));
                } else if self.mostly_new {
                    parsed.as_new = self.check_new(row.number, row.line, &parsed.values);
                }
            }
            Err(reject) => parsed.fault = Some(reject),
        }
        parsed
    }

    fn reject(&self, number: u64, line: u64, field: Option<&Field>, code: &'static str, reason: String) -> Reject {
        Reject { number, line, column: field.map(|f| f.name().to_owned()), code, reason }
    }

    /// The key of a row, also where something else is wrong with it: who refers to it is then told so.
    fn key_of(&self, row: &source::Row<'_>) -> Value {
        if let Some((_, value)) = self.constants.iter().rfind(|(f, _)| f.column == self.key.column) {
            return value.clone();
        }
        let column = self.columns.iter().position(|c| c.is_some_and(|c| c.column == self.key.column));
        let text = column.and_then(|c| row.cells.get(c)).map(|cell| self.source.unmarked(cell));
        let text = text.and_then(|cell| std::str::from_utf8(cell).ok());
        text.and_then(|t| self.key.parse(t, &self.rules).ok()).unwrap_or(Value::Null(self.key.ty.kind))
    }

    /// The values that a row gives, parsed; references still as keys.
    fn values(&self, row: &source::Row<'_>) -> Result<Given, Reject> {
        if let Some(fault) = &row.fault {
            return Err(Reject {
                line: fault.line,
                ..self.reject(row.number, row.line, None, QUOTE, fault.what.to_owned())
            });
        }
        if row.cells.len() != self.columns.len() {
            let reason = format!("the row has {} cells, the header {}", row.cells.len(), self.columns.len());
            return Err(self.reject(row.number, row.line, None, "field_count", reason));
        }
        let mut values = Vec::with_capacity(self.columns.len() + self.constants.len());
        for (cell, column) in row.cells.iter().zip(&self.columns) {
            let Some(field) = column else { continue };
            let text = std::str::from_utf8(self.source.unmarked(cell)).map_err(|_| {
                self.reject(
                    row.number,
                    row.line,
                    Some(field),
                    "encoding",
                    format!("{} is not UTF-8 text", field.name()),
                )
            })?;
            if self.source.has_lost(text) {
                let reason = format!("{} holds bytes that are no {} text", field.name(), self.source.encoding);
                return Err(self.reject(row.number, row.line, Some(field), "encoding", reason));
            }
            if (field.ty.kind == Kind::Text || field.target().is_some()) && is_cut_number(text) {
                let reason = format!(
                    "{} holds {}: a spreadsheet has cut the number; format its column as text and save the file again",
                    field.name(),
                    text.trim()
                );
                return Err(self.reject(row.number, row.line, Some(field), "spreadsheet", reason));
            }
            if text.trim().is_empty() && self.desc.default(field, &self.rules).is_some() {
                // A new record gets the default, one that is there keeps what it has.
                continue;
            }
            let value = field
                .parse(text, &self.rules)
                .map_err(|p| self.reject(row.number, row.line, Some(field), "invalid", p.sentence))?;
            values.push((*field, value));
        }
        values.extend(self.constants.iter().cloned());
        Ok(values)
    }

    /// Rules that a new record must keep and that need no other row.
    pub fn check_new(&self, number: u64, line: u64, values: &[(&'static Field, Value)]) -> Option<Reject> {
        let mut record = Record { desc: self.desc, meta: blank_meta(), values: self.blank.clone() };
        for (field, value) in values.iter().filter(|(f, _)| f.target().is_none()) {
            record.set(field.column, value.clone());
        }
        if let Some((field, _)) =
            self.desc.fields.iter().zip(&record.values).find(|(f, v)| f.ty.required && v.is_null())
        {
            let is_reference = values.iter().any(|(f, v)| f.column == field.column && !v.is_null());
            if !is_reference {
                return Some(self.reject(
                    number,
                    line,
                    Some(field),
                    "required",
                    format!("{} must not be empty", field.name()),
                ));
            }
        }
        (self.desc.check)(&record).err().map(|p| Reject {
            column: Some(p.field.unwrap_or(self.key.name()).to_owned()),
            ..self.reject(number, line, None, "invalid", p.sentence)
        })
    }

    /// A reference as the target's field would keep it that it is looked up by.
    pub fn normal(&self, reference: &Reference, text: &str) -> String {
        let by = reference.by.unwrap_or(reference.target.key());
        by.parse(text, &self.rules).map_or_else(|_| text.trim().to_owned(), |v| v.to_text())
    }
}

/// What a spreadsheet makes of a long number: `9.87E+11`, or `9.87e+11` and `9.87E+011` by way of some programs. The digits
/// are lost, so this is never what was meant, in a phone number or a code as little as in a name.
fn is_cut_number(text: &str) -> bool {
    let Some((number, power)) = text.trim().split_once('+') else { return false };
    let Some(number) = number.strip_suffix(['E', 'e']) else { return false };
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let (whole, part) = number.split_once(['.', ',']).unwrap_or((number, "0"));
    whole.len() == 1 && digits(whole) && digits(part) && matches!(power.len(), 2 | 3) && digits(power)
}

/// A reference does not decide about a rule between fields.
pub fn without_reference(field: &Field, value: &Value) -> Value {
    if field.target().is_some() { Value::Null(field.ty.kind) } else { value.clone() }
}

fn blank_meta() -> Meta {
    Meta {
        org_id: SYSTEM,
        id: Uuid::nil(),
        created_at: chrono::DateTime::UNIX_EPOCH,
        created_by: 0,
        updated_at: chrono::DateTime::UNIX_EPOCH,
        updated_by: 0,
        version: 1,
        deleted_at: None,
        deleted_by: None,
        deletion_id: None,
    }
}

/// Rows that were read, and how many bytes of the file that took.
pub type Piece = (Vec<Parsed>, u64);

/// Reads all rows, until nobody wants more.
pub fn read_all(plan: &Plan, send: &Sender<Result<Piece>>) {
    let read = || -> Result<()> {
        let mut rows = plan.rows()?;
        loop {
            let mut piece = Vec::with_capacity(PIECE);
            while piece.len() < PIECE
                && let Some(row) = rows.read()?
            {
                piece.push(plan.parse(&row));
            }
            if piece.is_empty() || send.blocking_send(Ok((piece, rows.bytes()))).is_err() {
                return Ok(());
            }
        }
    };
    if let Err(e) = read() {
        // Where nobody listens the import has ended already.
        let _ = send.blocking_send(Err(e));
    }
}

/// The rows that verdicts are about, further down the file.
fn pick(plan: &Plan, rows: &mut Rows, verdicts: &[Verdict]) -> Result<Vec<Parsed>> {
    let mut picked = Vec::with_capacity(verdicts.len());
    for verdict in verdicts {
        let parsed = loop {
            let row = rows.read()?.ok_or_else(|| plan.source.changed())?;
            if row.number == verdict.number {
                break plan.parse(&row);
            }
        };
        if parsed.fault.is_some() {
            return Err(plan.source.changed().into());
        }
        picked.push(parsed);
    }
    Ok(picked)
}

/// The values of a row, its references as ids.
pub fn resolved(plan: &Plan, verdict: &Verdict, parsed: Parsed) -> Given {
    let mut values = parsed.values;
    for (reference, id) in plan.references.iter().zip(&verdict.references) {
        for (_, value) in values.iter_mut().filter(|(f, _)| f.column == reference.field.column) {
            if !value.is_null() {
                *value = (*id).into();
            }
        }
    }
    values
}

/// What a new record needs besides its row: who makes it, and when.
pub struct Making {
    pub meta: Meta,
    pub chain: Chain,
}

/// Verdicts with the salt of each audit record.
pub type Salted = Vec<(Verdict, [u8; 16])>;

/// Makes new records of rows, with their audit records, as verdicts come in; the tree's new end.
pub fn make_all(
    plan: &Plan,
    mut making: Making,
    verdicts: &mut Receiver<Salted>,
    send: &Sender<Vec<Finished>>,
) -> Result<Chain> {
    let mut rows = plan.rows()?;
    while let Some(piece) = verdicts.blocking_recv() {
        let (verdicts, salts): (Vec<Verdict>, Vec<[u8; 16]>) = piece.into_iter().unzip();
        let mut finished = Vec::with_capacity(verdicts.len());
        for ((parsed, verdict), salt) in pick(plan, &mut rows, &verdicts)?.into_iter().zip(&verdicts).zip(salts) {
            let meta = Meta { id: verdict.id, ..making.meta.clone() };
            let mut record = Record { desc: plan.desc, meta, values: plan.blank.clone() };
            for (field, value) in resolved(plan, verdict, parsed) {
                record.set(field.column, value);
            }
            let payload = Payload { new: Some(audit::set_fields(&record)), ..Payload::default() };
            let audit = making.chain.append(Action::Create.word(), plan.desc.noun, verdict.id, payload, salt)?;
            let words = search::of(&record);
            finished.push(Finished { stored: stored_values(record), words, audit });
        }
        if send.blocking_send(finished).is_err() {
            break;
        }
    }
    Ok(making.chain)
}

/// Hands on the values of rows as verdicts come in.
pub fn read_picked(
    plan: &Plan,
    verdicts: &mut Receiver<Vec<Verdict>>,
    send: &Sender<Vec<(Verdict, Given)>>,
) -> Result<()> {
    let mut rows = plan.rows()?;
    while let Some(verdicts) = verdicts.blocking_recv() {
        let picked = pick(plan, &mut rows, &verdicts)?;
        let values = verdicts.into_iter().zip(picked).map(|(verdict, parsed)| {
            let values = resolved(plan, &verdict, parsed);
            (verdict, values)
        });
        if send.blocking_send(values.collect()).is_err() {
            break;
        }
    }
    Ok(())
}
