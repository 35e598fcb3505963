//! Columns of a file of CSV that nobody else may see.

use anyhow::Result;
use zeroize::Zeroizing;

use super::Lines;
use crate::model::problem::Problem;
use crate::model::values::scalar::fold;

/// What may stand between the cells of a line; the header tells which.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// The line of a row, and its two cells.
pub type Row = (u64, Zeroizing<String>, Zeroizing<String>);

/// A column of a file, and one beside it. Each row is a line: no number and no name is written in several.
pub struct Cells {
    lines: Lines,
    delimiter: u8,
    at: usize,
    beside: Option<usize>,
}

impl Cells {
    /// Reads the header.
    pub fn open(mut lines: Lines, column: &str, beside: Option<&str>) -> Result<Cells> {
        let (number, text) = lines.next()?.ok_or_else(|| Problem::invalid("the file is empty: it has no header"))?;
        let many = |delimiter: &u8| text.bytes().filter(|byte| byte == delimiter).count();
        let delimiter = DELIMITERS.into_iter().rev().max_by_key(many).unwrap_or(b',');
        let header = split(text, delimiter, number)?;
        let find = |name: &str| {
            let mut named = header.iter().enumerate().filter(|(_, head)| fold(head.trim()) == fold(name));
            match (named.next(), named.next()) {
                (Some((at, _)), None) => Ok(at),
                (Some(_), Some(_)) => Err(Problem::invalid(format!("several columns are called {name}"))),
                // A file without a header has numbers in its first line: they are not told.
                (None, _) => Err(Problem::usage(format!("the file has no column {name}"))
                    .hint("its first line must be the names of its columns")),
            }
        };
        let (at, beside) = (find(column)?, beside.map(find).transpose()?);
        Ok(Cells { delimiter, at, beside, lines })
    }

    /// The cells of the next row that has something in the column, with its line.
    pub fn next(&mut self) -> Result<Option<Row>> {
        while let Some((line, text)) = self.lines.next()? {
            let cells = split(text, self.delimiter, line)?;
            let cell = |at: usize| Zeroizing::new(cells.get(at).map_or("", |cell| cell.trim()).to_owned());
            let number = cell(self.at);
            if !number.is_empty() {
                return Ok(Some((line, number, self.beside.map(cell).unwrap_or_default())));
            }
        }
        Ok(None)
    }
}

/// The cells of a line.
fn split(text: &str, delimiter: u8, line: u64) -> Result<Vec<Zeroizing<String>>> {
    let wrong = |why: &str| Problem::invalid(format!("line {line} {why}"));
    if text.bytes().filter(|byte| *byte == b'"').count() % 2 == 1 {
        return Err(wrong("has a quote that is not closed: no cell may have several lines").into());
    }
    let mut reader = csv::ReaderBuilder::new();
    let mut rows = reader.has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut row = csv::StringRecord::new();
    rows.read_record(&mut row).map_err(|_| wrong("is no line of CSV"))?;
    Ok(row.iter().map(|cell| Zeroizing::new(cell.to_owned())).collect())
}
