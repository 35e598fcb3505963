//! Rows of a file, read and checked one by one, on a thread of their own: while one piece is written the next is read.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::{Receiver, Sender};
use uuid::Uuid;

use super::columns::{ListColumn, ListSource, NestedFault, Routing, StatusColumn, is_reject_column};
use super::csv_reader::{KeyTest, Layout, What};
use super::dates::Dates;
use super::json_reader::Shape;
use super::nested;
use super::sealing::{Clear, RowSealer, Sealing};
use super::secrets::{GivenSecret, NewSecret, Secrets};
use super::source::{self, FileRows, RowFault, Source};
use super::tolerance::Tolerance;
use crate::model::code_generator::CodeGenerator;
use crate::model::kinds::org::SYSTEM;
use crate::model::password::StoredHash;
use crate::model::problem::Problem;
use crate::model::resource::key::{Key, joined};
use crate::model::resource::{Descriptor, Field, Meta, Record};
use crate::model::search;
use crate::model::trail::audit::{self, Action, Effect, Event, Payload};
use crate::model::values::scalar::{FieldKind, ParseContext, Scalar, fold, truncate};
use crate::model::values::set;
use crate::model::values::unseen::is_blank;
use crate::model::values::value::{Decimal, Value, ValueType, hex};
use crate::store::import::match_target::Given;
use crate::store::import::stage::{JSON, QUOTE, Reference, Reject, ResolvedRow, code_of};
use crate::store::records::stored_values;
use crate::store::trail::appender::TreeAppender;
use crate::store::tx::{PreparedLink, PreparedRow};

/// A list of nobody, as JSON writes it.
const NONE: &str = "[]";

/// Rows that travel together.
pub const BATCH: usize = 1000;

/// The code of a row with a cell that is no text in the file's encoding.
pub const ENCODING: &str = "encoding";

/// The code of a row that is the header once more: files were put together.
pub const REPEATED_HEADER: &str = "repeated_header";

/// How a file's rows become records.
pub struct ImportPlan {
    pub desc: &'static Descriptor,
    pub org: Option<i32>,
    /// Rows go to the organisations that a column names.
    pub routing: Option<Routing>,
    pub source: Source,
    /// For each column of the file, the field that it fills; none where it is passed over.
    pub columns: Vec<Option<&'static Field>>,
    /// The same columns in the order of the fields: what one sets may take another back.
    in_order: Vec<(usize, &'static Field)>,
    /// Columns that are empty in some rows, and others that then fill the same field.
    pub fallbacks: Vec<(usize, usize)>,
    /// Rows without a code get one, also where it is what they are known by.
    pub makes_codes: bool,
    /// Values that every row gets.
    pub constants: Given,
    /// The key that tells whether a row is there already.
    pub key: Key,
    /// Further unique fields that rows give.
    pub others: Vec<&'static Field>,
    pub references: Vec<Reference>,
    /// The column that gives several records of another kind, and what refers to these.
    pub lists: Vec<(ListColumn, Reference)>,
    /// Fields of rows that references of others are looked up by.
    pub named: Vec<&'static Field>,
    /// Columns that tell the state of records.
    pub states: Vec<StatusColumn>,
    /// The file is the whole truth about what is there.
    pub is_whole: bool,
    /// A new record before anything is given: its defaults.
    pub blank: Vec<Value>,
    /// What a column of secrets holds, and who keeps it.
    pub secrets: Option<Secrets>,
    /// What columns hold that is sealed, and what seals it.
    pub sealing: Option<Sealing>,
    /// Most rows are of new records, so they are checked as such when they are read.
    pub mostly_new: bool,
    /// When the import takes place.
    pub at: DateTime<Utc>,
    /// The same as a day, where the operator is.
    pub today: NaiveDate,
    pub context: ParseContext,
    /// Rows that are passed over, by their numbers or those that they stood in.
    pub left_out: HashSet<u64>,
    /// What can't be read within rows, by their numbers.
    pub nested_faults: HashMap<u64, Vec<NestedFault>>,
    /// What cells say that describe members of lists, and in which row first, by the words that these have until they are known.
    pub described: Mutex<HashMap<String, (u64, String)>>,
    /// What is let pass that is no value.
    pub tolerance: Tolerance,
    /// How dates are written.
    pub dates: Dates,
}

/// A row that has been read.
pub struct Parsed {
    pub number: u64,
    pub line: u64,
    /// The parts of its key, references still as keys; NULL where there is none that can be read.
    pub key: Vec<Value>,
    /// References still as keys.
    pub values: Given,
    /// All that is wrong with it by itself.
    pub faults: Vec<Reject>,
    /// What else is wrong with it if it is a new record's, and what is then left blank.
    pub as_new: (Vec<Reject>, Vec<&'static Field>),
    /// Whether it has the form of a row, so that its cells could be looked at.
    pub is_row: bool,
    /// Fields whose values can't be read: rules between fields are not held against these.
    pub unread: Vec<&'static Field>,
    /// What is kept beside the record.
    pub secret: Option<GivenSecret>,
    /// What it gives in clear and is kept sealed.
    pub clear: Option<Clear>,
    /// Members of its lists, as the keys of what they give keep them, each with the list's place among those of the plan:
    /// without the first where a field of the record tells it.
    pub list_members: Vec<(usize, String)>,
    /// The status that it says its record to have.
    pub status: Option<&'static str>,
}

impl ImportPlan {
    pub fn new(
        desc: &'static Descriptor,
        source: Source,
        columns: Vec<Option<&'static Field>>,
        constants: Given,
        key: Key,
        lookups: &[(String, String)],
        context: &ParseContext,
    ) -> Result<ImportPlan> {
        let given: Vec<&'static Field> = desc
            .fields
            .iter()
            .filter(|f| columns.iter().flatten().chain(constants.iter().map(|(c, _)| c)).any(|g| g.column == f.column))
            .collect();
        let references = given.iter().filter_map(|field| {
            let target = field.target()?;
            let by = lookups.iter().find(|(name, _)| name == field.name()).and_then(|(_, by)| target.field(by));
            Some(Reference { field, target, by })
        });
        let blank = desc.fields.iter().map(|f| match desc.default(f, context) {
            Some(default) => Ok(f.parse(&default, context)?),
            None => Ok(Value::Null(f.ty.kind)),
        });
        let mut in_order: Vec<_> = columns.iter().enumerate().filter_map(|(i, f)| Some((i, (*f)?))).collect();
        in_order.sort_by_key(|(_, f)| desc.index(f.column));
        Ok(ImportPlan {
            desc,
            org: None,
            routing: None,
            source,
            in_order,
            columns,
            fallbacks: Vec::new(),
            makes_codes: false,
            constants,
            key,
            others: desc
                .key_fields()
                .filter(|f| {
                    let is_it = key.alone().is_some_and(|key| key.column == f.column);
                    !is_it && given.iter().any(|g| g.column == f.column)
                })
                .collect(),
            references: references.collect(),
            lists: Vec::new(),
            named: Vec::new(),
            states: Vec::new(),
            is_whole: false,
            blank: blank.collect::<Result<_>>()?,
            secrets: None,
            sealing: None,
            mostly_new: true,
            at: DateTime::UNIX_EPOCH,
            today: NaiveDate::default(),
            context: context.clone(),
            left_out: HashSet::new(),
            nested_faults: HashMap::new(),
            described: Mutex::default(),
            tolerance: Tolerance::default(),
            dates: Dates::default(),
        })
    }

    /// The rows behind the header.
    pub fn rows(&self) -> Result<FileRows> {
        self.source.rows()?.behind_header(self.layout())
    }

    /// What tells a text of several lines from rows that a stray quote swallows: only free text is written in several
    /// lines, and columns that are passed over may be that.
    fn layout(&self) -> Layout {
        let is_of_one_line = |at| {
            self.secrets.as_ref().is_some_and(|s| s.column.at == at)
                || self.sealing.as_ref().is_some_and(|s| s.columns.iter().any(|(column, _)| *column == at))
                || self.routing.as_ref().is_some_and(|r| r.at == at)
                || self.lists.iter().any(|(l, _)| l.is_at(at) && l.sources.iter().all(|s| !s.is_json && !s.describes))
                || self.states.iter().any(|s| s.at == at)
        };
        let columns = self.columns.iter().enumerate();
        let multiline = columns.map(|(at, f)| f.map_or(!is_of_one_line(at), |f| f.ty.multiline)).collect();
        let (key, rules) = (self.key.parts().last(), self.context.clone());
        let at = self.columns.iter().position(|c| c.zip(key).is_some_and(|(c, key)| c.column == key.column));
        let test = move |text: &str| key.is_some_and(|k| k.parse(text, &rules).is_ok_and(|v| !v.is_null()));
        Layout::new(multiline, at.map(|at| (at, Arc::new(test) as KeyTest)))
    }

    /// The column that a fault of the key as a whole is told of.
    pub fn key_column(&self) -> Option<&'static Field> {
        let given = || self.columns.iter().flatten().chain(self.constants.iter().map(|(f, _)| f));
        let is_given = |part: &&'static Field| given().any(|f| f.column == part.column);
        self.key.parts().filter(is_given).last().or_else(|| self.key.parts().last())
    }

    /// What a key is called where it is told of: its field, or the kind whose records have one of several parts.
    pub fn key_name(&self, desc: &Descriptor) -> String {
        if self.key.alone().is_some() { self.key.name() } else { desc.noun.to_owned() }
    }

    /// Whether the key of a row is one that its record was found by since a merge: the record keeps its own.
    pub fn is_former_key(&self, before: &Record, field: &Field, value: &Value) -> bool {
        let desc = self.desc;
        desc.former_keys.is_some()
            && self.key.alone().is_some_and(|key| key.column == field.column)
            && desc.compared(field, value) != desc.compared(field, before.get(field.column))
    }

    /// The key of a row in words.
    pub fn key_in_words(&self, key: &[Value]) -> String {
        joined(&key.iter().map(Value::to_text).collect::<Vec<_>>())
    }

    /// What the column is called in messages: the field, or what the header says.
    pub fn column_name(&self, at: usize) -> Option<&str> {
        let field = self.columns.get(at).copied().flatten().map(Field::name);
        field.or_else(|| self.source.header.get(at).map(|h| h.trim())).filter(|name| !name.is_empty())
    }

    /// Where the column of a reject stands in the file; behind all where it has none.
    pub fn reject_position(&self, reject: &Reject) -> usize {
        let Some(name) = &reject.column else { return usize::MAX };
        let by_name = (0..self.columns.len()).find(|at| self.column_name(*at) == Some(name));
        let secret = self.secrets.as_ref().map(|s| s.column).filter(|c| c.name() == name).map(|c| c.at);
        let sealed = self.sealing.as_ref().and_then(|s| s.columns.iter().find(|(_, what)| *what == name));
        let is_it = |l: &ListColumn, r: &Reference| r.field.name() == name || self.desc.lists[l.list].name == name;
        let list = self.lists.iter().find(|(l, r)| is_it(l, r)).map(|(l, _)| l.at());
        by_name.or(secret).or(sealed.map(|(at, _)| *at)).or(list).or_else(|| self.state_at(name)).unwrap_or(usize::MAX)
    }

    /// Reads and checks one row.
    fn parse_and_check(&self, row: &source::FileRow<'_>) -> Parsed {
        let mut parsed = self.parse(row);
        if self.mostly_new && parsed.is_row {
            parsed.as_new = self.check_new(row.number, row.line, &parsed.values, &parsed.unread);
        }
        parsed
    }

    /// Reads one row, without the rules between its fields.
    fn parse(&self, row: &source::FileRow<'_>) -> Parsed {
        let mut parsed = Parsed {
            number: row.number,
            line: row.line,
            key: self.key.parts().map(|part| self.key_of(row, part)).collect(),
            values: Vec::new(),
            faults: Vec::new(),
            as_new: Default::default(),
            is_row: true,
            unread: Vec::new(),
            secret: None,
            clear: None,
            list_members: Vec::new(),
            status: None,
        };
        // What its cells are is the question: nothing else can be said of it.
        if let Err(fault) = self.form(row).and_then(|()| self.values(row, &mut parsed)) {
            parsed.values.clear();
            parsed.unread.clear();
            parsed.is_row = false;
            parsed.faults = vec![fault];
            return parsed;
        }
        match self.state(row, &mut parsed.values) {
            Ok(status) => parsed.status = status,
            Err(fault) => parsed.faults.push(fault),
        }
        match self.secret(row, &parsed.values) {
            Ok(secret) => parsed.secret = secret,
            Err(fault) => parsed.faults.push(fault),
        }
        match self.clear(row, &mut parsed.values) {
            Ok(clear) => parsed.clear = clear,
            Err(fault) => parsed.faults.push(fault),
        }
        for fault in self.nested_faults.get(&row.number).into_iter().flatten() {
            let reject = self.reject(row.number, row.line, None, code_of(&fault.code), fault.reason.clone());
            parsed.faults.push(Reject { column: Some(fault.column.clone()), ..reject });
        }
        for place in 0..self.lists.len() {
            match self.list_members(row, place, &parsed.values) {
                Ok(listed) => parsed.list_members.extend(listed.into_iter().map(|member| (place, member))),
                Err(fault) => parsed.faults.push(fault),
            }
        }
        let alone = self.key.alone().is_some();
        for (part, value) in self.key.parts().zip(&parsed.key) {
            // What is made where none is given names nobody yet.
            let may_lack = (!alone && (!part.ty.required || part.generator().is_some()))
                || (self.makes_codes && self.is_made(part));
            if value.is_null() && !may_lack && parsed.unread.iter().all(|f| f.column != part.column) {
                let reason = format!("{} must not be empty", part.name());
                parsed.faults.push(self.reject(row.number, row.line, Some(part), "required", reason));
                parsed.unread.push(part);
            }
        }
        parsed
    }

    fn reject(&self, number: u64, line: u64, field: Option<&Field>, code: &'static str, reason: String) -> Reject {
        Reject { number, line, column: field.map(|f| f.name().to_owned()), code, reason }
    }

    /// A part of the key of a row, also where something else is wrong with it: who refers to it is then told so.
    fn key_of(&self, row: &source::FileRow<'_>, part: &'static Field) -> Value {
        if self.is_header(row.cells) {
            return Value::Null(part.ty.kind);
        }
        if let Some((_, value)) = self.constants.iter().rfind(|(f, _)| f.column == part.column) {
            return value.clone();
        }
        let column = self.columns.iter().position(|c| c.is_some_and(|c| c.column == part.column));
        let text = column.and_then(|c| row.cells.get(self.filled(row, c))).map(|cell| self.source.unmarked(cell));
        let text = text.and_then(|cell| std::str::from_utf8(cell).ok());
        let text = text.filter(|t| !self.tolerance.is_none(part, t));
        text.and_then(|t| part.parse(t, &self.context).ok()).unwrap_or(Value::Null(part.ty.kind))
    }

    /// Whether the row says what the header says, but for the reasons of an earlier time. As in the header itself case,
    /// blanks, `-` and `_` are no matter; a file that was put behind another may still have its byte order mark.
    fn is_header(&self, cells: &csv::ByteRecord) -> bool {
        let header = &self.source.header;
        if self.source.is_json() {
            return false;
        }
        let is_same = |(cell, name): (&[u8], &String)| {
            let is_alike = |cell: &str| fold(cell.trim_start_matches('\u{feff}')) == fold(name);
            // Most rows are no header by their first cell's first letter: the look is taken at every row.
            let first = |text: &[u8]| text.trim_ascii_start().first().map(u8::to_ascii_lowercase);
            let may_be = |cell: &[u8]| first(cell) == first(name.as_bytes()) || !cell.is_ascii() || !name.is_ascii();
            is_reject_column(name.trim()) || (may_be(cell) && std::str::from_utf8(cell).is_ok_and(is_alike))
        };
        cells.len() == header.len() && cells.iter().zip(header).all(is_same)
    }

    /// Whether a row has the form of one: as many cells as the header has, and quotes where they may stand; or JSON.
    fn form(&self, row: &source::FileRow<'_>) -> Result<(), Reject> {
        if let Some(RowFault::Json(fault)) = &row.fault {
            let reject = self.reject(row.number, row.line, None, JSON, fault.what.to_string());
            return Err(Reject { column: fault.path.as_deref().map(truncate), ..reject });
        }
        if let Some(RowFault::Quote(fault)) = &row.fault {
            let name = self.column_name(fault.column);
            let reason = match (&fault.what, name) {
                (What::LineBreak(_), Some(name)) => format!("{} {}", truncate(name), fault.what),
                (what, _) => what.to_string(),
            };
            if let What::Cells(..) = fault.what {
                return Err(self.reject(row.number, row.line, None, "field_count", reason));
            }
            let reject = self.reject(row.number, row.line, None, QUOTE, reason);
            return Err(Reject { column: name.map(str::to_owned), ..reject });
        }
        if self.is_header(row.cells) {
            let reason = "the row repeats the header".to_owned();
            return Err(self.reject(row.number, row.line, None, REPEATED_HEADER, reason));
        }
        if row.cells.len() != self.columns.len() {
            let (has, n) = (super::csv_reader::cells(row.cells.len()), self.columns.len());
            let reason = format!("the row has {has}, the header {n}");
            return Err(self.reject(row.number, row.line, None, "field_count", reason));
        }
        self.misrouted(row).map_or(Ok(()), Err)
    }

    /// The text of a cell; what is none in the file's encoding is at fault.
    pub fn text<'a>(&self, row: &source::FileRow<'a>, at: usize, name: &str) -> Result<&'a str, Reject> {
        let wrong = |reason: String| {
            let reject = self.reject(row.number, row.line, None, ENCODING, reason);
            Reject { column: Some(name.to_owned()), ..reject }
        };
        let cell = row.cells.get(at).unwrap_or_default();
        let text = std::str::from_utf8(self.source.unmarked(cell));
        let text = text.map_err(|_| wrong(format!("{name} is not UTF-8 text")))?;
        match self.source.has_lost(text) {
            true => Err(wrong(format!("{name} holds bytes that are no {} text", self.source.encoding))),
            false => Ok(text),
        }
    }

    /// The code that is made for new rows which have none.
    pub fn maker(&self) -> Option<(&'static Field, CodeGenerator)> {
        if self.makes_codes { self.desc.code_maker() } else { self.desc.generated() }
    }

    fn is_made(&self, field: &Field) -> bool {
        self.maker().is_some_and(|(made, _)| made.column == field.column)
    }

    /// The column that fills a field in a row: another one, where that which is to fill it is empty.
    fn filled(&self, row: &source::FileRow<'_>, at: usize) -> usize {
        let is_empty = |at| row.cells.get(at).is_none_or(|cell| cell.trim_ascii().is_empty());
        let other = self.fallbacks.iter().find(|(winner, _)| *winner == at && is_empty(at));
        other.map_or(at, |(_, loser)| *loser)
    }

    /// Why a column of JSON holds no single value, or no list of such.
    pub fn misshapen(&self, row: &source::FileRow<'_>, at: usize, is_list: bool) -> Option<Reject> {
        let (shape, line) = row.shape(at).filter(|(shape, _)| !is_list || *shape != Shape::List)?;
        let reject = self.reject(row.number, line, None, "invalid", shape.to_string());
        Some(Reject { column: self.source.header.get(at).map(|h| truncate(h)), ..reject })
    }

    /// The values that a row gives, parsed, and what can't be; references still as keys.
    fn values(&self, row: &source::FileRow<'_>, parsed: &mut Parsed) -> Result<(), Reject> {
        parsed.values.reserve(self.columns.len() + self.constants.len());
        for (at, field) in &self.in_order {
            let (field, at) = (*field, self.filled(row, *at));
            let text = self.text(row, at, field.name())?;
            let list = self.lists.iter().find(|(list, _)| list.tells_first && list.at() == at);
            let is_list = list.is_some();
            if let Some(fault) = self.misshapen(row, at, is_list || field.is_set()) {
                parsed.unread.push(field);
                // That of a list is told with its members.
                parsed.faults.extend((!is_list).then_some(fault));
                continue;
            }
            let first =
                list.and_then(|(list, _)| self.named(row, list, list.sources.first()?, text).ok()?.into_iter().next());
            let text = if is_list { first.as_deref().unwrap_or_default() } else { text };
            match self.value(field, text) {
                Ok(value) => parsed.values.extend(value.map(|v| (field, v))),
                // A new record has nothing there then, and one that is there keeps what it has.
                Err(_) if self.tolerance.blanks(field) => {}
                Err((code, reason)) => {
                    parsed.unread.push(field);
                    parsed.faults.push(self.reject(row.number, row.line, Some(field), code, reason));
                }
            }
        }
        parsed.values.extend(self.constants.iter().cloned());
        Ok(())
    }

    /// The value of one cell; none where the record keeps what it has, or gets its default. Otherwise a code and the reason.
    fn value(&self, field: &'static Field, text: &str) -> Result<Option<Value>, (&'static str, String)> {
        let name = field.name();
        if is_formula_error(text, field.ty.multiline) {
            let reason = format!("{name} holds {}, which a spreadsheet writes where a formula has failed", text.trim());
            return Err(("spreadsheet", reason));
        }
        if (field.ty.kind == ValueType::Text || field.target().is_some()) && is_cut_number(text) {
            let reason = format!(
                "{name} holds {}: a spreadsheet has cut the number; format its column as text and save the file again",
                text.trim()
            );
            return Err(("spreadsheet", reason));
        }
        let text = if self.tolerance.is_none(field, text) { "" } else { text };
        let has_default = || self.desc.default(field, &self.context).is_some();
        let is_made = field.generator().is_some() || self.is_made(field) || field.is_of_the_act() || has_default();
        if is_made && text.trim().is_empty() {
            // A new record gets the default or a code of its own, one that is there keeps what it has.
            return Ok(None);
        }
        let is_date =
            matches!(field.ty.kind, ValueType::Date | ValueType::Time) && !is_blank(text) && !text.contains('\0');
        let value = match is_date.then(|| self.dates.read(field.name(), text, self.context.zone)).flatten() {
            Some(read) => read.map_err(|why| ("invalid", format!("{name} {why}")))?,
            None => field.parse(text, &self.context).map_err(|p| ("invalid", p.sentence))?,
        };
        self.tolerance.look_at(field, &value);
        Ok(Some(value))
    }

    /// The members of one of a row's lists: without the first, where its own field holds that; the others in their order.
    fn list_members(&self, row: &source::FileRow<'_>, place: usize, values: &Given) -> Result<Vec<String>, Reject> {
        let (list, reference) = &self.lists[place];
        let mut told: Vec<String> = Vec::new();
        for source in &list.sources {
            if source.is_fallback && !told.is_empty() {
                break;
            }
            let name = self.column_name(source.at).unwrap_or(reference.field.name());
            let text = self.text(row, source.at, name)?;
            if let Some(fault) = self.misshapen(row, source.at, source.given_by_yes.is_none()) {
                return Err(fault);
            }
            let wrong = |(code, reason): (&'static str, String)| Reject {
                column: Some(name.to_owned()),
                ..self.reject(row.number, row.line, None, code, reason)
            };
            if let Some(member) = &source.given_by_yes {
                if !text.trim().is_empty() {
                    let said = (<bool as Scalar>::TYPE.parse)(text, &self.context);
                    let said = said.map_err(|why| wrong(("invalid", format!("{name} {why}"))))?;
                    told.extend((said.as_bool() == Some(true)).then(|| member.clone()));
                }
                continue;
            }
            if source.describes {
                let describe = self.desc.lists[list.list].describing(&self.source.header[source.at]);
                let said = describe.map_or(Ok(None), |describe| describe(text));
                let said = said.map_err(|why| wrong(("invalid", format!("{name} {why}"))))?;
                told.extend(said.map(|said| self.word_for(row.number, said)));
                continue;
            }
            let all = self.named(row, list, source, text).map_err(|why| wrong(("invalid", format!("{name} {why}"))))?;
            // Each of them is held to what the field of the first is held to.
            for member in &all {
                self.value(reference.field, member).map_err(wrong)?;
            }
            told.extend(all);
        }
        let first = values.iter().rfind(|(f, _)| f.column == reference.field.column).map(|(_, v)| v.to_text());
        let first = first.map(|text| reference.text(&text, &self.context));
        let members = told.iter().filter(|m| !self.tolerance.is_none(reference.field, m));
        let mut members: Vec<String> = members.map(|m| reference.text(m, &self.context)).collect();
        members.retain(|m| Some(m) != first.as_ref());
        let leading = self.desc.lists[list.list].first.is_none().then(|| members.first().cloned()).flatten();
        members.sort_by_key(|m| (Some(m) != leading.as_ref(), m.clone()));
        members.dedup();
        Ok(members)
    }

    /// The members that a cell names, what is to be the first before the others.
    fn named(
        &self,
        row: &source::FileRow<'_>,
        list: &ListColumn,
        source: &ListSource,
        text: &str,
    ) -> Result<Vec<String>, String> {
        if !source.is_json && list.attributes.is_empty() {
            let text = if text.trim() == NONE { "" } else { text };
            return Ok(set::members(text).map(str::to_owned).collect());
        }
        let said = |at| {
            let cell = std::str::from_utf8(self.source.unmarked(row.cells.get(at)?)).ok()?.trim();
            (!cell.is_empty()).then(|| cell.to_owned())
        };
        let of = &self.desc.lists[list.list];
        let mut all = nested::links(of, list, source, text, said)?;
        all.retain(|fields| nested::is_listed(of, fields));
        let is_first =
            |fields: &nested::Fields| of.flag().is_some_and(|f| fields.get(f).is_some_and(|said| said == "yes"));
        all.sort_by_key(|fields| !is_first(fields));
        let item = of.link().map_or("", |link| link.item.0.name());
        Ok(all.into_iter().filter_map(|mut fields| fields.remove(item)).collect())
    }

    /// Whether a word stands for a member that is described.
    pub fn describes(&self, word: &str) -> bool {
        word.starts_with('{') && self.described.lock().unwrap_or_else(PoisonError::into_inner).contains_key(word)
    }

    /// The words that stand for members which are described, and what is said of them, in the order of the file.
    pub fn descriptions(&self) -> Vec<(String, String)> {
        let described = self.described.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = described.iter().map(|(word, (row, said))| (*row, word.clone(), said.clone())).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, word, said)| (word, said)).collect()
    }

    /// The word that stands for a member which is described, until it is known which that is.
    fn word_for(&self, row: u64, said: String) -> String {
        let word = format!("{{{}}}", hex(&Sha256::digest(said.as_bytes())[..16]));
        let mut described = self.described.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, _) = described.entry(word.clone()).or_insert((row, said));
        *first = row.min(*first);
        word
    }

    /// What the row says of its record's secret, if it says anything.
    fn secret(&self, row: &source::FileRow<'_>, values: &Given) -> Result<Option<GivenSecret>, Reject> {
        let Some(secrets) = &self.secrets else { return Ok(None) };
        let column = secrets.column;
        if let Some(fault) = self.misshapen(row, column.at, false) {
            return Err(fault);
        }
        let wrong = |why: String| Reject {
            number: row.number,
            line: row.line,
            column: Some(column.name().to_owned()),
            code: "invalid",
            reason: format!("{} {why}", column.name()),
        };
        let text = std::str::from_utf8(self.source.unmarked(&row.cells[column.at]));
        let text = text.map_err(|_| wrong("is not UTF-8 text".into()))?;
        if text.is_empty() || self.tolerance.is_none_word(text) {
            return Ok(None);
        }
        secrets.read(text, values).map(Some).map_err(wrong)
    }

    /// Rules that a new record must keep and that need no other row.
    pub fn check_new(
        &self,
        number: u64,
        line: u64,
        values: &[(&'static Field, Value)],
        unread: &[&'static Field],
    ) -> (Vec<Reject>, Vec<&'static Field>) {
        let mut record = self.blank_record();
        for (field, value) in values {
            record.set(field.column, before_resolved(field, value));
        }
        self.stand_in_for_code(&mut record);
        let left = self.tolerate(&mut record, None);
        let begins = record.begins(true).err();
        let own = record.is_protected().then(|| record.is_kept("made by a file"));
        let broken = self.surely_broken(record, unread).into_iter().chain(begins).chain(own);
        (broken.map(|p| self.broken(number, line, p)).collect(), left)
    }

    /// Any code fits its own rule.
    pub fn stand_in_for_code(&self, record: &mut Record) {
        if let Some((field, maker)) = self.maker().filter(|(f, _)| record.get(f.column).is_null()) {
            record.set(field.column, maker.code(0, &[0; 16]).into());
        }
        if let Some((field, _)) = self.desc.counted().filter(|(f, _)| record.get(f.column).is_null()) {
            record.set(field.column, 1_i64.into());
        }
    }

    /// Rules that a record breaks, but for those that are about what could not be read.
    pub fn broken_rules(&self, mut record: Record, unread: &[&'static Field]) -> impl Iterator<Item = Problem> {
        for field in unread {
            stand_in(&mut record, field);
        }
        let parts = unread.iter().filter_map(|f| f.parts()).flatten();
        let names: Vec<&str> =
            unread.iter().map(|f| f.name()).chain(parts.filter_map(|p| Some(self.desc.field(p)?.name()))).collect();
        let mut faults = record.faults(self.today);
        let missing = self.desc.fields.iter().zip(&record.values).filter(|(f, v)| f.ty.required && v.is_null());
        let missing: Vec<&Field> = missing.map(|(f, _)| f).collect();
        if !missing.is_empty() {
            // What lacks something is asked for the rest as if it were there.
            for field in &missing {
                stand_in(&mut record, field);
            }
            let lacks = |p: &Problem| missing.iter().any(|f| p.field == Some(f.name()));
            let more: Vec<Problem> = record.faults(self.today).into_iter().filter(|p| !lacks(p)).collect();
            faults.retain(lacks);
            faults.extend(more);
        }
        let is_known = |p: &Problem| p.field.is_some_and(|f| names.contains(&f));
        faults.retain(|p| !is_known(p));
        faults.into_iter()
    }

    /// Leaves blank, or as they were, the values that break a rule between fields and may be left so; which those are.
    pub fn tolerate(&self, record: &mut Record, before: Option<&Record>) -> Vec<&'static Field> {
        let mut left = Vec::new();
        if self.tolerance.is_strict() {
            return left;
        }
        // What it lacks, a code of its own for one, says nothing of the rest.
        let mut whole = record.clone();
        let missing = self.desc.fields.iter().filter(|f| f.ty.required && record.get(f.column).is_null());
        missing.for_each(|field| stand_in(&mut whole, field));
        let faults = whole.faults(self.today).into_iter();
        for field in faults.filter_map(|p| self.desc.field(p.field?)).filter(|f| self.tolerance.may_blank(f)) {
            let value = before.map_or(Value::Null(field.ty.kind), |b| b.get(field.column).clone());
            if *record.get(field.column) != value {
                record.set(field.column, value);
                left.push(field);
            }
        }
        left
    }

    /// A rule that a row breaks. A part of a name that the file gives whole is at fault in that column.
    pub fn broken(&self, number: u64, line: u64, p: Problem) -> Reject {
        let field = p.field.and_then(|name| self.desc.field(name));
        let gives = |f: &Field| self.columns.iter().flatten().any(|c| c.column == f.column);
        let whole = field.filter(|f| !gives(f)).and_then(|f| self.desc.concat_of(f)).filter(|f| gives(f));
        let column = whole.or(field).or(self.key_column());
        let is_missing = p.sentence.ends_with(" must not be empty");
        let sentence = match (is_missing, column) {
            (true, Some(column)) => format!("{} must not be empty", column.name()),
            _ => p.sentence,
        };
        self.reject(number, line, column, if is_missing { "required" } else { p.kind.as_str() }, sentence)
    }

    /// A new record before anything is given.
    pub fn blank_record(&self) -> Record {
        Record::new(self.desc, self.meta(), self.blank.clone())
    }

    /// What a new record has besides its fields, as far as a rule may ask.
    fn meta(&self) -> Meta {
        Meta::new(SYSTEM, Uuid::nil(), self.at, 0)
    }
}

/// What spreadsheets write in place of a value that could not be computed, or is too wide for its column, in any language
/// (`#WERT!`, `#¿NOMBRE?`, `#ЗНАЧ!`). No such thing is anybody's department; free text may well be `#AMAZING!`.
fn is_formula_error(text: &str, is_free: bool) -> bool {
    const ERRORS: &[&str] = &[
        "#N/A",
        "#REF!",
        "#VALUE!",
        "#NAME?",
        "#DIV/0!",
        "#NULL!",
        "#NUM!",
        "#SPILL!",
        "#CALC!",
        "#FIELD!",
        "#BLOCKED!",
        "#GETTING_DATA",
        "#NV",
        "#N/D",
        "#N/B",
        "#I/T",
        "#Н/Д",
        "#YOK",
        "#BRAK",
        "#HIÁNYZIK",
        "#NENÍ_K_DISPOZICI",
        "#NEDOSTUPNÝ",
    ];
    let text = text.trim();
    // LibreOffice: `Err:502`.
    if text.strip_prefix("Err:").is_some_and(|n| n.len() == 3 && n.bytes().all(|b| b.is_ascii_digit())) {
        return true;
    }
    let Some(word) = text.strip_prefix('#') else { return false };
    if ERRORS.iter().any(|e| e.to_lowercase() == text.to_lowercase()) {
        return true;
    }
    let is_wide = !word.is_empty() && word.bytes().all(|b| b == b'#');
    let is_upper =
        word.chars().any(char::is_uppercase) && word.chars().all(|c| c.is_uppercase() || "/0!?¡¿_".contains(c));
    !is_free && (is_wide || (is_upper && word.ends_with(['!', '?'])))
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

/// Puts something in the place of what could not be read, so that the rules between the other fields can be asked.
fn stand_in(record: &mut Record, field: &Field) {
    match (field.ty.kind, field.ty.role) {
        (ValueType::Text, FieldKind::Choice(words)) => {
            record.set(field.column, words.first().copied().unwrap_or_default().into());
        }
        (ValueType::Text, _) => record.set(field.column, "x".into()),
        (ValueType::Uuid, _) => record.set(field.column, Uuid::nil().into()),
        (ValueType::Bool, _) => record.set(field.column, false.into()),
        (ValueType::Int, _) => record.set(field.column, 0_i64.into()),
        (ValueType::Decimal, _) => record.set(field.column, Value::Decimal(Decimal(0))),
        (ValueType::Date, _) => record.set(field.column, Value::Date(NaiveDate::default())),
        (ValueType::Time, _) => record.set(field.column, DateTime::UNIX_EPOCH.into()),
        (ValueType::Json, _) => record.set(field.column, Value::Json(Box::default())),
        (ValueType::Ip, _) => record.set(field.column, Value::Ip(std::net::Ipv4Addr::UNSPECIFIED.into())),
        (ValueType::Bytes, _) => record.set(field.column, Value::Bytes(Vec::new())),
    }
}

/// A value as rules between fields are asked before it is known whom a reference means. That it means somebody or nobody is
/// known, and that other words mean another one: an id is made of them.
pub fn before_resolved(field: &Field, value: &Value) -> Value {
    let (Some(_), Some(word)) = (field.target(), value.as_text()) else { return value.clone() };
    let mut hasher = DefaultHasher::new();
    word.hash(&mut hasher);
    Uuid::from_u64_pair(1, hasher.finish()).into()
}

/// Rows that were read, and how many bytes of the file that took.
pub type Batch = (Vec<Parsed>, u64);

/// Threads that read a file the first time: each goes through all of it, which is quick, and checks every other batch.
pub const READERS: usize = 2;

/// Reads and checks the batches that are one reader's, until nobody wants more.
pub fn read_all(plan: &ImportPlan, reader: usize, send: &Sender<Result<Batch>>) {
    let read = || -> Result<()> {
        let mut rows = plan.rows()?;
        for of in (0..READERS).cycle() {
            let mut batch = Vec::with_capacity(BATCH);
            let mut n = 0;
            while n < BATCH
                && let Some(row) = rows.read()?
            {
                n += 1;
                if of == reader && plan.takes(&row) {
                    batch.push(plan.parse_and_check(&row));
                }
            }
            // One without rows is sent too, for the readers take turns.
            let is_unwanted = of == reader && n > 0 && send.blocking_send(Ok((batch, rows.bytes()))).is_err();
            if is_unwanted || n < BATCH {
                break;
            }
        }
        Ok(())
    };
    if let Err(e) = read() {
        // Where nobody listens the import has ended already.
        let _ = send.blocking_send(Err(e));
    }
}

/// The rows that verdicts are about, further down the file.
pub fn pick(
    plan: &ImportPlan,
    rows: &mut FileRows,
    numbers: impl ExactSizeIterator<Item = u64>,
) -> Result<Vec<Parsed>> {
    let mut picked = Vec::with_capacity(numbers.len());
    for number in numbers {
        let parsed = loop {
            let row = rows.read()?.ok_or_else(|| plan.source.changed())?;
            if row.number == number {
                break plan.parse(&row);
            }
        };
        if !parsed.faults.is_empty() {
            return Err(plan.source.changed().into());
        }
        picked.push(parsed);
    }
    Ok(picked)
}

/// The values of a row, its references as ids.
pub fn resolved(plan: &ImportPlan, verdict: &ResolvedRow, parsed: Parsed) -> Given {
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
pub struct RowBuilder {
    pub meta: Meta,
    pub chain: TreeAppender,
    /// What is made will be undone: this hash does for all secrets.
    pub trial: Option<StoredHash>,
}

/// A new record that is to be made: the salt of its audit record, and its code where the row has none.
pub struct BuildOrder {
    pub verdict: ResolvedRow,
    pub salt: [u8; 16],
    pub code: Option<String>,
    /// Its number within another record, where the row gives none.
    pub number: Option<i64>,
    /// What the record of its secret needs, where the file gives some.
    pub secret: Option<NewSecret>,
    /// What seals what it gives in clear.
    pub sealer: Option<Arc<dyn RowSealer>>,
    /// What its record says besides.
    pub details: Map<String, Json>,
    /// Its links to what its lists hold, and the salts of their records. What they are called by it is not known yet.
    pub links: Vec<(Record, [u8; 16])>,
}

/// Makes new records of rows, with their audit records, as verdicts come in; the tree's new end.
pub fn build_all(
    plan: &ImportPlan,
    mut making: RowBuilder,
    orders: &mut Receiver<Vec<BuildOrder>>,
    send: &Sender<Vec<PreparedRow>>,
) -> Result<TreeAppender> {
    let mut rows = plan.rows()?;
    while let Some(orders) = orders.blocking_recv() {
        let finished = build(plan, &mut making, &mut rows, orders)?;
        if send.blocking_send(finished).is_err() {
            break;
        }
    }
    Ok(making.chain)
}

/// Makes the new records of some rows, further down the file than those before.
pub fn build(
    plan: &ImportPlan,
    making: &mut RowBuilder,
    rows: &mut FileRows,
    orders: Vec<BuildOrder>,
) -> Result<Vec<PreparedRow>> {
    let mut finished = Vec::with_capacity(orders.len());
    let mut picked = pick(plan, rows, orders.iter().map(|o| o.verdict.number))?;
    if let Some(hash) = &making.trial {
        for secret in picked.iter_mut().filter_map(|p| p.secret.as_mut()) {
            if let (GivenSecret::Clear(_), Ok(hash)) = (&secret, StoredHash::parse(hash.text())) {
                *secret = GivenSecret::Hash(hash);
            }
        }
    }
    let given =
        picked.iter_mut().zip(&orders).filter_map(|(p, o)| Some((p.secret.take(), o.secret.as_ref()?.hash_salt)));
    let given = given.collect();
    let mut hashes = plan.secrets.as_ref().map(|s| s.hash_all(given)).unwrap_or_default().into_iter();
    for (mut parsed, BuildOrder { verdict, salt, code, number, secret, sealer, details, links }) in
        picked.into_iter().zip(orders)
    {
        let hash = hashes.next().flatten();
        let meta = Meta { id: verdict.id, ..making.meta.clone() };
        let clear = parsed.clear.take();
        let mut record = Record::new(plan.desc, meta, plan.blank.clone());
        for (field, value) in resolved(plan, &verdict, parsed) {
            record.set(field.column, value);
        }
        if let (Some((field, _)), Some(code)) = (plan.maker(), code) {
            record.set(field.column, code.into());
        }
        if let (Some((field, _)), Some(number)) = (plan.desc.counted(), number) {
            record.set(field.column, number.into());
        }
        plan.tolerate(&mut record, None);
        let beside = match sealer.zip(clear) {
            Some((sealer, clear)) => sealer.seal(&mut record, clear)?,
            None => Vec::new(),
        };
        let subject = verdict.subject;
        record.referred = verdict.referred;
        // As in `Tx::insert`: what is named by others does not tell its key among its own values.
        let key = plan.desc.key_field().is_none().then(|| record.key());
        let payload = Payload { key, new: Some(audit::set_fields(&record)), details, ..Payload::default() };
        let event = Event::of(&record, plan.recorded(), Effect::Create);
        let event = subject.map_or(event, |subject| event.about(subject));
        let audit = making.chain.append(event, payload, salt)?;
        let called = record.key();
        let kept = plan.secrets.as_ref().zip(hash);
        let kept = kept.and_then(|(secrets, hash)| Some(secret?.record(secrets, &record.meta, &hash)));
        let links = links.into_iter().chain(kept).chain(beside);
        let links = links.map(|(link, salt)| build_link(&mut making.chain, link, (&called, record.subject()), salt));
        let links = links.collect::<Result<Vec<_>>>()?;
        let words = search::words_of(&record);
        finished.push(PreparedRow { stored: stored_values(record), words, audit, links });
    }
    Ok(finished)
}

/// Makes the link of a new record, which is called so and about somebody, or what else is made with it.
fn build_link(
    chain: &mut TreeAppender,
    mut link: Record,
    (called, subject): (&str, Uuid),
    salt: [u8; 16],
) -> Result<PreparedLink> {
    link.referred.iter_mut().filter(|key| key.is_empty()).for_each(|key| called.clone_into(key));
    let payload = Payload { key: Some(link.key()), new: Some(audit::set_fields(&link)), ..Payload::default() };
    let event = Event::of(&link, Action::Create, Effect::Create);
    let is_of_holder = link.desc.subject_holder().is_some();
    let audit = chain.append(if is_of_holder { event.about(subject) } else { event }, payload, salt)?;
    Ok(PreparedLink { desc: link.desc, id: link.meta.id, stored: stored_values(link), audit })
}

/// A row of a record that is there: what became of it, its values, and the secret that it gives.
pub type Picked = (ResolvedRow, Given, Option<GivenSecret>);

/// Hands on the values of rows as verdicts come in.
pub fn read_picked(
    plan: &ImportPlan,
    verdicts: &mut Receiver<Vec<ResolvedRow>>,
    send: &Sender<Vec<Picked>>,
) -> Result<()> {
    let mut rows = plan.rows()?;
    while let Some(verdicts) = verdicts.blocking_recv() {
        let picked = pick(plan, &mut rows, verdicts.iter().map(|v| v.number))?;
        let values = verdicts.into_iter().zip(picked).map(|(verdict, mut parsed)| {
            let secret = parsed.secret.take();
            let values = resolved(plan, &verdict, parsed);
            (verdict, values, secret)
        });
        if send.blocking_send(values.collect()).is_err() {
            break;
        }
    }
    Ok(())
}
