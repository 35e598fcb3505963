//! Output formats. JSON is the stable interface (docs/output.md); the others derive from the same columns.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use anyhow::Result;
use serde_json::{Map, Value as Json};

use super::Ui;
use super::layout::ColumnRole;
use super::table;
use super::text::{relative, visible};
use crate::model::problem::Problem;
use crate::model::values::set;
use crate::model::values::unseen::is_format;
use crate::model::values::value::{Value, ValueType};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Table,
    Json,
    Ndjson,
    Csv,
    Tsv,
    Yaml,
    Key,
    /// Events of the Open Cybersecurity Schema Framework, one a line: of the audit trail alone.
    Ocsf,
}

impl Format {
    pub const WORDS: &'static [&'static str] =
        &["table", "json", "ndjson", "jsonl", "csv", "tsv", "yaml", "key", "ocsf"];

    pub fn as_str(self) -> &'static str {
        match self {
            Format::Table => "table",
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Csv => "csv",
            Format::Tsv => "tsv",
            Format::Yaml => "yaml",
            Format::Key => "key",
            Format::Ocsf => "ocsf",
        }
    }

    pub fn parse(word: &str) -> Option<Format> {
        Some(match word {
            "table" => Format::Table,
            "json" => Format::Json,
            "ndjson" | "jsonl" => Format::Ndjson,
            "csv" => Format::Csv,
            "tsv" => Format::Tsv,
            "yaml" => Format::Yaml,
            "key" => Format::Key,
            "ocsf" => Format::Ocsf,
            _ => return None,
        })
    }
}

/// A column of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputColumn {
    pub name: String,
    pub kind: ValueType,
    /// The text holds several members, which JSON gives as an array.
    pub is_list: bool,
    /// What the column is to a table.
    pub part: ColumnRole,
}

/// Columns that hold what somebody may have to type, in any list.
const TYPED: &[&str] = &["code", "key", "org"];

impl OutputColumn {
    pub fn new(name: impl Into<String>, kind: ValueType) -> OutputColumn {
        let name = name.into();
        let part = match kind {
            _ if name == "status" => ColumnRole::First,
            _ if TYPED.contains(&name.as_str()) => ColumnRole::Word,
            ValueType::Text | ValueType::Json | ValueType::Bytes => ColumnRole::Text,
            _ => ColumnRole::Word,
        };
        OutputColumn { name, kind, is_list: false, part }
    }

    /// What a record changed.
    #[must_use]
    pub fn change(self) -> OutputColumn {
        OutputColumn { part: ColumnRole::Change, ..self }
    }

    fn json(&self, value: &Value) -> Json {
        match self.is_list {
            true => set::members(value.as_text().unwrap_or_default()).collect(),
            false => value.to_json(),
        }
    }
}

/// Compact JSON that is safe on a terminal: what JSON lets stand and a terminal would obey is written `\uXXXX`.
pub fn json(value: &Json) -> String {
    escape(&value.to_string())
}

/// Indented JSON, safe on a terminal.
pub fn json_pretty(value: &Json) -> String {
    escape(&format!("{value:#}"))
}

fn escape(text: &str) -> String {
    if text.chars().all(|c| c == '\n' || !(c.is_control() || is_format(c))) {
        return text.to_owned();
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && (c.is_control() || is_format(c)) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

pub fn object(heads: &[OutputColumn], row: &[Value]) -> Json {
    Json::Object(heads.iter().zip(row).map(|(h, v)| (h.name.clone(), h.json(v))).collect::<Map<_, _>>())
}

/// One YAML document.
fn yaml(value: &Json, terminal: bool) -> Result<String> {
    let text = serde_saphyr::to_string(value)?;
    Ok(if terminal { text.split('\n').map(visible).collect::<Vec<_>>().join("\n") } else { text })
}

/// Prints rows one by one, so that a million of them need no memory; only a table waits for all, to set its widths.
pub struct Listing {
    format: Format,
    heads: Vec<OutputColumn>,
    /// Which column `-o key` prints.
    key: usize,
    rows: Vec<Vec<Value>>,
    count: u64,
    csv: Csv,
    /// Which columns of a row are shown, where some were asked for.
    picked: Option<Vec<usize>>,
    /// A column was asked for that is not there.
    fault: Option<Problem>,
}

/// Bytes of CSV that go out together.
const PIECE: usize = 1 << 15;

impl Listing {
    /// A list of what `--columns` asks for, where it does.
    pub fn new(ui: &Ui, heads: Vec<OutputColumn>, key: usize) -> Listing {
        let Some(names) = &ui.style.columns else { return Listing::in_format(ui.style.format.get(), heads, key) };
        match picked(&heads, names) {
            Ok(at) => {
                let key = at.iter().position(|i| *i == key).unwrap_or(0);
                let shown = at.iter().map(|i| heads[*i].clone()).collect();
                Listing { picked: Some(at), ..Listing::in_format(ui.style.format.get(), shown, key) }
            }
            Err(fault) => Listing { fault: Some(fault), ..Listing::in_format(ui.style.format.get(), heads, key) },
        }
    }

    /// In a format of its own choosing, with columns that are chosen already.
    pub fn in_format(format: Format, heads: Vec<OutputColumn>, key: usize) -> Listing {
        let csv = Csv::new(false);
        Listing { format, heads, key, rows: Vec::new(), count: 0, csv, picked: None, fault: None }
    }

    /// So that no cell is run as a formula by a spreadsheet; `import` undoes it. For CSV.
    #[must_use]
    pub fn safe_for_spreadsheets(self) -> Listing {
        Listing { csv: Csv::new(true), ..self }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn row(&mut self, ui: &Ui, row: Vec<Value>) -> Result<()> {
        self.allowed()?;
        let row = match &self.picked {
            Some(at) => at.iter().map(|i| row[*i].clone()).collect(),
            None => row,
        };
        if self.count == 0 {
            self.head(ui)?;
        }
        let first = self.count == 0;
        self.count += 1;
        match self.format {
            Format::Table => {
                self.rows.push(row);
                Ok(())
            }
            Format::Json => {
                ui.out(&format!("{}  {}", if first { "" } else { ",\n" }, json(&object(&self.heads, &row))))
            }
            Format::Ndjson | Format::Ocsf => ui.out(&format!("{}\n", json(&object(&self.heads, &row)))),
            Format::Yaml => {
                let terminal = ui.stdout_is_terminal();
                ui.out(&yaml(&Json::Array(vec![object(&self.heads, &row)]), terminal)?)
            }
            Format::Csv => {
                for value in &row {
                    match value {
                        value if ui.stdout_is_terminal() => self.csv.cell(&visible(&value.to_text()))?,
                        Value::Text(text) => self.csv.cell(text)?,
                        value => self.csv.cell(&value.to_text())?,
                    }
                }
                self.csv.end_line()?;
                self.csv.pass_on(ui, PIECE)
            }
            Format::Tsv => {
                let cells: Vec<String> = row.iter().map(|v| tsv_cell(&v.to_text())).collect();
                ui.out(&format!("{}\n", cells.join("\t")))
            }
            Format::Key => {
                ui.out(&format!("{}\n", tsv_cell(&row.get(self.key).map(Value::to_text).unwrap_or_default())))
            }
        }
    }

    fn head(&mut self, ui: &Ui) -> Result<()> {
        match self.format {
            Format::Json => ui.out("[\n"),
            Format::Csv => {
                for (i, head) in self.heads.iter().enumerate() {
                    match self.csv.is_safe && i == 0 {
                        true => self.csv.writer.write_field(format!("{SAFE}{}", head.name))?,
                        false => self.csv.cell(&head.name)?,
                    }
                }
                self.csv.end_line()
            }
            Format::Tsv => {
                let names: Vec<&str> = self.heads.iter().map(|h| h.name.as_str()).collect();
                ui.out(&format!("{}\n", names.join("\t")))
            }
            Format::Table | Format::Ndjson | Format::Ocsf | Format::Yaml | Format::Key => Ok(()),
        }
    }

    /// Refuses columns that are not there, before anything is done.
    pub fn allowed(&self) -> Result<()> {
        self.fault.clone().map_or(Ok(()), |fault| Err(fault.into()))
    }

    /// Closes the list. An empty one is still a valid document.
    pub fn finish(&mut self, ui: &Ui) -> Result<()> {
        self.allowed()?;
        match self.format {
            Format::Json if self.count == 0 => ui.out("[]\n"),
            Format::Json => ui.out("\n]\n"),
            Format::Yaml if self.count == 0 => ui.out("[]\n"),
            Format::Tsv if self.count == 0 => self.head(ui),
            Format::Csv => {
                if self.count == 0 {
                    self.head(ui)?;
                }
                self.csv.pass_on(ui, 0)
            }
            Format::Table if self.count > 0 => {
                let now = ui.now;
                let cells = |row: &Vec<Value>| row.iter().map(|v| table_cell(v, now)).collect();
                let rows: Vec<Vec<String>> = self.rows.iter().map(cells).collect();
                let names: Vec<&str> = self.heads.iter().map(|h| h.name.as_str()).collect();
                let part =
                    |(i, head): (usize, &OutputColumn)| if i == self.key { ColumnRole::First } else { head.part };
                let parts: Vec<ColumnRole> = self.heads.iter().enumerate().map(part).collect();
                let (text, notes) = table::table(ui, &names, &parts, &rows);
                ui.out(&text)?;
                if !notes.is_empty() {
                    ui.flush()?;
                }
                for note in notes {
                    ui.status(&note);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Where the columns stand that `--columns` names.
pub fn picked(heads: &[OutputColumn], names: &[String]) -> Result<Vec<usize>, Problem> {
    let at = |name: &String| {
        heads.iter().position(|h| h.name == *name).ok_or_else(|| {
            let known: Vec<&str> = heads.iter().map(|h| h.name.as_str()).collect();
            Problem::usage(format!("there is no column '{name}'")).hint(format!("columns: {}", known.join(", ")))
        })
    };
    names.iter().map(at).collect()
}

/// What a command did, for a program that asked for JSON or YAML; people are told in words.
pub fn report(ui: &Ui, report: &Json) -> Result<()> {
    if is_for_programs(ui) {
        let text = match ui.style.format.get() {
            Format::Yaml => yaml(report, ui.stdout_is_terminal())?,
            _ => format!("{}\n", json(report)),
        };
        ui.out(&text)?;
        ui.flush()?;
    }
    Ok(())
}

/// One document for a program: with NDJSON in one line.
pub fn document(ui: &Ui, document: &Json) -> Result<()> {
    let text = match ui.style.format.get() {
        Format::Yaml => yaml(document, ui.stdout_is_terminal())?,
        Format::Ndjson => format!("{}\n", json(document)),
        _ => format!("{}\n", json_pretty(document)),
    };
    ui.out(&text)
}

/// The format of what is handed out. To a file it is the one on the command line, and not what the environment asks of
/// everything that is printed.
pub fn export_format(ui: &Ui, file: Option<&String>, default: Format) -> Format {
    let is_obeyed = ui.style.format_typed || (ui.style.format_given && file.is_none_or(|f| f == "-"));
    if is_obeyed { ui.style.format.get() } else { default }
}

/// Whether a format was asked for that tells a program what was done.
pub fn is_for_programs(ui: &Ui) -> bool {
    ui.style.format_given && matches!(ui.style.format.get(), Format::Json | Format::Ndjson | Format::Yaml)
}

/// One record: its fields below each other for people, an object for machines.
pub fn record(ui: &Ui, heads: &[OutputColumn], key: usize, row: Vec<Value>) -> Result<()> {
    let Some(names) = ui.style.columns.clone() else { return whole_record(ui, heads, key, row) };
    let at = picked(heads, &names)?;
    let key = at.iter().position(|i| *i == key).unwrap_or(0);
    let heads: Vec<OutputColumn> = at.iter().map(|i| heads[*i].clone()).collect();
    whole_record(ui, &heads, key, at.iter().map(|i| row[*i].clone()).collect())
}

/// As [`record`], with the fields that are given.
pub fn whole_record(ui: &Ui, heads: &[OutputColumn], key: usize, row: Vec<Value>) -> Result<()> {
    match ui.style.format.get() {
        Format::Table => {
            let (now, zone) = (ui.now, ui.zone);
            let lines: Vec<(String, String)> = heads
                .iter()
                .zip(&row)
                .filter(|(_, v)| !v.is_null())
                .map(|(h, v)| {
                    let shown = match v {
                        Value::Time(t) => format!("{} ({})", zone.to_seconds(*t), relative(*t, now)),
                        v => table_cell(v, now),
                    };
                    (h.name.clone(), shown)
                })
                .collect();
            let text = table::fields(ui, &lines);
            ui.out(&text)
        }
        Format::Json => ui.out(&format!("{}\n", json_pretty(&object(heads, &row)))),
        Format::Ndjson | Format::Ocsf => ui.out(&format!("{}\n", json(&object(heads, &row)))),
        Format::Yaml => {
            let terminal = ui.stdout_is_terminal();
            ui.out(&yaml(&object(heads, &row), terminal)?)
        }
        Format::Csv | Format::Tsv | Format::Key => {
            let mut listing = Listing::in_format(ui.style.format.get(), heads.to_vec(), key);
            listing.row(ui, row)?;
            listing.finish(ui)
        }
    }
}

fn table_cell(value: &Value, now: chrono::DateTime<chrono::Utc>) -> String {
    match value {
        Value::Time(t) => relative(*t, now),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        v => visible(&v.to_text()),
    }
}

/// Tabs and line ends would break the table, control characters the terminal; the backslash is doubled, so that
/// nothing is lost.
fn tsv_cell(text: &str) -> String {
    visible(&text.replace('\\', "\\\\"))
}

/// What a cell begins with that a spreadsheet must not run, in a file made safe; there, the first header too, which tells
/// `import` to take it away again.
pub const SAFE: char = '\'';

/// Whether a spreadsheet might run a cell as a formula, by how it begins (OWASP, CSV injection; full-width forms are read
/// as plain ones by some). What begins with the mark itself gets one more, so that taking one away always gives back
/// what was there.
pub fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}', SAFE])
}

/// Lines of RFC 4180 CSV, written one cell after another.
struct Csv {
    writer: csv::Writer<Shared>,
    /// What has been written and not gone out yet.
    bytes: Shared,
    is_safe: bool,
}

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Csv {
    fn new(is_safe: bool) -> Csv {
        let bytes = Shared::default();
        // In quotes, what stands behind a separator inside a cell begins no cell.
        let style = if is_safe { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        Csv { writer: csv::WriterBuilder::new().quote_style(style).from_writer(bytes.clone()), bytes, is_safe }
    }

    fn cell(&mut self, text: &str) -> Result<()> {
        if self.is_safe && is_formula(text) {
            return Ok(self.writer.write_field(format!("{SAFE}{text}"))?);
        }
        Ok(self.writer.write_field(text)?)
    }

    fn end_line(&mut self) -> Result<()> {
        Ok(self.writer.write_record(None::<&[u8]>)?)
    }

    /// Hands on what has been written, if it is so much.
    fn pass_on(&mut self, ui: &Ui, least: usize) -> Result<()> {
        if least == 0 {
            self.writer.flush()?;
        }
        if self.bytes.0.borrow().len() >= least.max(1) {
            ui.out_bytes(&self.bytes.0.take())?;
        }
        Ok(())
    }
}
