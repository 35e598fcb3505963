//! Output formats. JSON is the stable interface (docs/output.md); the others derive from the same columns.

use anyhow::Result;
use serde_json::{Map, Value as Json};

use super::Ui;
use super::table;
use super::text::{local, relative, visible};
use crate::model::scalar::is_format;
use crate::model::value::{Kind, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Table,
    Json,
    Ndjson,
    Csv,
    Tsv,
    Yaml,
    Key,
}

impl Format {
    pub const WORDS: &'static [&'static str] = &["table", "json", "ndjson", "csv", "tsv", "yaml", "key"];

    pub fn parse(word: &str) -> Option<Format> {
        Some(match word {
            "table" => Format::Table,
            "json" => Format::Json,
            "ndjson" => Format::Ndjson,
            "csv" => Format::Csv,
            "tsv" => Format::Tsv,
            "yaml" => Format::Yaml,
            "key" => Format::Key,
            _ => return None,
        })
    }
}

/// A column of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub name: String,
    pub kind: Kind,
}

impl Head {
    pub fn new(name: impl Into<String>, kind: Kind) -> Head {
        Head { name: name.into(), kind }
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

fn object(heads: &[Head], row: &[Value]) -> Json {
    Json::Object(heads.iter().zip(row).map(|(h, v)| (h.name.clone(), v.to_json())).collect::<Map<_, _>>())
}

/// One YAML document.
fn yaml(value: &Json, terminal: bool) -> Result<String> {
    let text = serde_saphyr::to_string(value)?;
    Ok(if terminal { text.split('\n').map(visible).collect::<Vec<_>>().join("\n") } else { text })
}

/// Prints rows one by one, so that a million of them need no memory; only a table waits for all, to set its widths.
pub struct Listing {
    format: Format,
    heads: Vec<Head>,
    /// Which column `-o key` prints.
    key: usize,
    rows: Vec<Vec<Value>>,
    count: u64,
}

impl Listing {
    pub fn new(ui: &Ui, heads: Vec<Head>, key: usize) -> Listing {
        Listing { format: ui.style.format, heads, key, rows: Vec::new(), count: 0 }
    }

    /// In a format of its own choosing: an export is not a table.
    pub fn in_format(format: Format, heads: Vec<Head>, key: usize) -> Listing {
        Listing { format, heads, key, rows: Vec::new(), count: 0 }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn row(&mut self, ui: &mut Ui, row: Vec<Value>) -> Result<()> {
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
            Format::Ndjson => ui.out(&format!("{}\n", json(&object(&self.heads, &row)))),
            Format::Yaml => {
                let terminal = ui.io.stdout_is_terminal;
                ui.out(&yaml(&Json::Array(vec![object(&self.heads, &row)]), terminal)?)
            }
            Format::Csv => {
                let terminal = ui.io.stdout_is_terminal;
                let cells = row.iter().map(|v| if terminal { visible(&v.to_text()) } else { v.to_text() });
                ui.out(&csv_line(cells)?)
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

    fn head(&self, ui: &mut Ui) -> Result<()> {
        let names = self.heads.iter().map(|h| h.name.clone());
        match self.format {
            Format::Json => ui.out("[\n"),
            Format::Csv => ui.out(&csv_line(names)?),
            Format::Tsv => ui.out(&format!("{}\n", names.collect::<Vec<_>>().join("\t"))),
            Format::Table | Format::Ndjson | Format::Yaml | Format::Key => Ok(()),
        }
    }

    /// Closes the list. An empty one is still a valid document.
    pub fn finish(&mut self, ui: &mut Ui) -> Result<()> {
        match self.format {
            Format::Json if self.count == 0 => ui.out("[]\n"),
            Format::Json => ui.out("\n]\n"),
            Format::Yaml if self.count == 0 => ui.out("[]\n"),
            Format::Csv | Format::Tsv if self.count == 0 => self.head(ui),
            Format::Table if self.count > 0 => {
                let now = ui.now;
                let cells = |row: &Vec<Value>| row.iter().map(|v| table_cell(v, now)).collect();
                let rows: Vec<Vec<String>> = self.rows.iter().map(cells).collect();
                let names: Vec<&str> = self.heads.iter().map(|h| h.name.as_str()).collect();
                let text = table::table(ui, &names, &rows);
                ui.out(&text)
            }
            _ => Ok(()),
        }
    }
}

/// One record: its fields below each other for people, an object for machines.
pub fn record(ui: &mut Ui, heads: &[Head], key: usize, row: Vec<Value>) -> Result<()> {
    match ui.style.format {
        Format::Table => {
            let now = ui.now;
            let lines: Vec<(String, String)> = heads
                .iter()
                .zip(&row)
                .filter(|(_, v)| !v.is_null())
                .map(|(h, v)| {
                    let shown = match v {
                        Value::Time(t) => format!("{} ({})", local(*t), relative(*t, now)),
                        v => table_cell(v, now),
                    };
                    (h.name.clone(), shown)
                })
                .collect();
            let text = table::fields(ui, &lines);
            ui.out(&text)
        }
        Format::Json => ui.out(&format!("{}\n", json_pretty(&object(heads, &row)))),
        Format::Ndjson => ui.out(&format!("{}\n", json(&object(heads, &row)))),
        Format::Yaml => {
            let terminal = ui.io.stdout_is_terminal;
            ui.out(&yaml(&object(heads, &row), terminal)?)
        }
        Format::Csv | Format::Tsv | Format::Key => {
            let mut listing = Listing::new(ui, heads.to_vec(), key);
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

/// One line of RFC 4180 CSV.
pub fn csv_line(cells: impl IntoIterator<Item = String>) -> Result<String> {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(cells)?;
    let bytes = writer.into_inner().map_err(|e| anyhow::anyhow!("{}", e.error()))?;
    Ok(String::from_utf8(bytes)?)
}
