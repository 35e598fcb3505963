//! Splits the text of a CSV file into records (RFC 4180), and tells a quote that runs over rows from a text of several
//! lines.
//!
//! A stray quote makes one cell of all that follows it up to the next quote. So a record is judged by what may stand in
//! its columns: where it is not what its header promises, the fault is told at the line where the quote opens, and reading
//! goes on behind that line, at the next one which fits the header. No more than one record is kept in memory.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

/// Bytes that one record may have, and one line.
pub const LONGEST: usize = 16 << 20;

/// Cells that a row may have: the most columns of a spreadsheet.
const MOST_CELLS: usize = 16_384;

/// Bytes that are asked for at once.
const CHUNK: usize = 1 << 16;

/// What is known of the columns when records are read.
#[derive(Clone, Default)]
pub struct Layout {
    /// For each column of the header whether its cells may hold line breaks. None: the header itself is still to come.
    multiline: Option<Vec<bool>>,
    key: Option<(usize, KeyTest)>,
}

/// Whether a text could be the key of a record.
pub type KeyTest = Arc<dyn Fn(&str) -> bool + Send + Sync>;

impl Layout {
    pub fn new(multiline: Vec<bool>, key: Option<(usize, KeyTest)>) -> Layout {
        Layout { multiline: Some(multiline), key }
    }
}

/// A quote where none may stand (RFC 4180, section 2, rules 5 to 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line on which the quote opens.
    pub line: u64,
    /// The column, counted from 0.
    pub column: usize,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    StrayQuote,
    /// With the line of the closing quote, where that is another one.
    TextBehind(Option<u64>),
    NeverClosed,
    /// A line break where none may be: the line on which the cell ends.
    LineBreak(u64),
    /// The line on which the cell ends, and the line inside it that reads as a row of its own.
    HoldsRows(u64, u64),
    TooLong,
    TooManyCells,
    /// A cell runs over lines, and the record has so many cells, not as many as the header.
    Cells(usize, usize),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::StrayQuote => f.write_str("a quote stands inside a cell that is not quoted"),
            What::TextBehind(None) => f.write_str("there is text behind a closing quote"),
            What::TextBehind(Some(end)) => {
                write!(f, "the quote that opens here is closed on line {end}, with text behind it")
            }
            What::NeverClosed => f.write_str("a quote is opened and never closed"),
            What::LineBreak(end) => {
                write!(f, "must be one line; the quote that opens here is closed on line {end}")
            }
            What::HoldsRows(end, row) => {
                write!(f, "the quote that opens here is closed on line {end}, and line {row} reads as a row of its own")
            }
            What::Cells(has, header) => write!(f, "the row has {}, the header {header}", cells(*has)),
            What::TooLong => write!(f, "the row is longer than {} MB", LONGEST >> 20),
            What::TooManyCells => write!(f, "the row has more than {MOST_CELLS} cells"),
        }
    }
}

/// A cell of the record that is scanned; positions count from the record's first byte.
#[derive(Debug, Clone, Copy)]
struct Cell {
    /// The text, without the quotes around it.
    start: usize,
    end: usize,
    is_quoted: bool,
    has_escapes: bool,
    /// Lines of the record before it, and line breaks inside.
    line: u64,
    breaks: u64,
}

/// How a record ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    /// The file ends inside a quoted cell.
    NeverClosed,
    TooLong,
    TooManyCells,
}

/// A record as the quotes would have it.
struct Scan {
    /// Behind its line end.
    length: usize,
    end: End,
    /// The first quote where none may stand.
    fault: Option<(usize, What)>,
}

/// A record, or what stands where one was to be.
#[derive(Debug)]
pub struct Record {
    /// The line it begins on, and the one on which the next may begin.
    pub lines: (u64, u64),
    pub fault: Option<Fault>,
}

/// Reads records.
pub struct Records<R> {
    input: R,
    delimiter: u8,
    layout: Layout,
    buffer: Vec<u8>,
    filled: usize,
    /// Where the next record begins, and on which line.
    at: usize,
    line: u64,
    is_end: bool,
    cells: Vec<Cell>,
    /// Bytes that end a run of a bare cell.
    special: [bool; 256],
}

impl<R: Read> Records<R> {
    pub fn new(input: R, delimiter: u8, line: u64, layout: Layout) -> Records<R> {
        let mut special = [false; 256];
        for byte in [b'\n', b'\r', b'"', delimiter] {
            special[usize::from(byte)] = true;
        }
        Records {
            input,
            delimiter,
            layout,
            buffer: vec![0; CHUNK],
            filled: 0,
            at: 0,
            line,
            is_end: false,
            cells: Vec::new(),
            special,
        }
    }

    /// Says what is known of the columns, once the header was read.
    pub fn set_layout(&mut self, layout: Layout) {
        self.layout = layout;
    }

    /// The next record that is not empty; its cells, as far as they are known.
    pub fn read(&mut self, cells: &mut csv::ByteRecord) -> io::Result<Option<Record>> {
        loop {
            self.skip_line_ends()?;
            if self.rest().is_empty() {
                return Ok(None);
            }
            let began = self.line;
            let scan = self.scan()?;
            let blamed = self.blame(&scan);
            let runs_on = blamed.is_some();
            let fault = match blamed {
                None => {
                    let fault = scan.fault.map(|(column, what)| self.fault(column, what));
                    self.hand_out(cells, self.cells.len());
                    let breaks: u64 = self.cells.iter().map(|c| c.breaks).sum();
                    self.at += scan.length;
                    self.line += breaks + 1;
                    fault
                }
                Some((column, what)) => {
                    self.hand_out(cells, column);
                    let fault = self.fault(column, what);
                    let first = scan.fault.clone().filter(|(other, _)| *other < column);
                    let fault = first.map_or(fault, |(column, what)| self.fault(column, what));
                    self.go_on_behind(column, &scan)?;
                    Some(fault)
                }
            };
            if runs_on || !is_blank(cells.iter()) {
                return Ok(Some(Record { lines: (began, self.line), fault }));
            }
        }
    }

    fn fault(&self, column: usize, what: What) -> Fault {
        let line = self.line + self.cells.get(column).map_or(0, |c| c.line);
        Fault { line, column, what }
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.at..self.filled]
    }

    /// Reads on; false at the end of the file.
    fn fill(&mut self) -> io::Result<bool> {
        if self.is_end {
            return Ok(false);
        }
        if self.at > 0 {
            self.buffer.copy_within(self.at..self.filled, 0);
            self.filled -= self.at;
            self.at = 0;
        }
        if self.buffer.len() - self.filled < CHUNK {
            let size = (self.buffer.len() * 2).max(self.filled + CHUNK);
            let mut larger = vec![0; size];
            larger[..self.filled].copy_from_slice(&self.buffer[..self.filled]);
            self.buffer = larger;
        } else if self.buffer.len() > 4 * CHUNK && self.filled < CHUNK {
            // What a long record took is given back.
            self.buffer.truncate(2 * CHUNK);
            self.buffer.shrink_to_fit();
        }
        let n = loop {
            match self.input.read(&mut self.buffer[self.filled..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                done => break done?,
            }
        };
        self.filled += n;
        self.is_end = n == 0;
        Ok(n > 0)
    }

    /// A byte of the record.
    fn byte(&mut self, position: usize) -> io::Result<Option<u8>> {
        while self.at + position >= self.filled {
            if !self.fill()? {
                return Ok(None);
            }
        }
        Ok(Some(self.buffer[self.at + position]))
    }

    fn skip_line_ends(&mut self) -> io::Result<()> {
        while let Some(byte @ (b'\n' | b'\r')) = self.byte(0)? {
            self.at += 1;
            if byte == b'\r' && self.byte(0)? == Some(b'\n') {
                self.at += 1;
            }
            self.line += 1;
        }
        Ok(())
    }

    /// Behind the end of line at a position.
    fn behind_line_end(&mut self, position: usize) -> io::Result<usize> {
        let is_pair = self.byte(position)? == Some(b'\r') && self.byte(position + 1)? == Some(b'\n');
        Ok(position + if is_pair { 2 } else { 1 })
    }

    /// Splits the record that begins here, whatever its quotes make of it.
    fn scan(&mut self) -> io::Result<Scan> {
        self.cells.clear();
        let mut scan = Scan { length: 0, end: End::Closed, fault: None };
        let (mut position, mut line) = (0, 0);
        loop {
            let first = self.byte(position)?;
            let mut cell =
                Cell { start: position, end: position, is_quoted: false, has_escapes: false, line, breaks: 0 };
            if first == Some(b'"') {
                cell.is_quoted = true;
                position = self.scan_quoted(position, &mut cell, &mut scan)?;
            } else {
                position = self.scan_bare(position, &mut cell, &mut scan)?;
            }
            line += cell.breaks;
            self.cells.push(cell);
            if scan.end == End::Closed && self.cells.len() > MOST_CELLS {
                scan.end = End::TooManyCells;
            }
            if scan.end != End::Closed {
                scan.length = position;
                return Ok(scan);
            }
            match self.byte(position)? {
                Some(byte) if byte == self.delimiter => position += 1,
                None => {
                    scan.length = position;
                    return Ok(scan);
                }
                Some(_) => {
                    scan.length = self.behind_line_end(position)?;
                    return Ok(scan);
                }
            }
        }
    }

    /// From a position on to what ends a bare cell.
    fn scan_bare(&mut self, mut position: usize, cell: &mut Cell, scan: &mut Scan) -> io::Result<usize> {
        loop {
            let rest = &self.buffer[self.at + position..self.filled];
            let mut n = 0;
            while n < rest.len() && !self.special[usize::from(rest[n])] {
                n += 1;
            }
            position += n;
            let found = rest.get(n).copied().filter(|_| position <= LONGEST);
            match found {
                Some(b'"') => {
                    scan.fault.get_or_insert((self.cells.len(), What::StrayQuote));
                    position += 1;
                }
                Some(_) => break,
                None if position > LONGEST => {
                    scan.end = End::TooLong;
                    break;
                }
                None => {
                    if !self.fill()? {
                        break;
                    }
                }
            }
        }
        cell.end = position;
        Ok(position)
    }

    /// From an opening quote on to what ends the cell.
    fn scan_quoted(&mut self, mut position: usize, cell: &mut Cell, scan: &mut Scan) -> io::Result<usize> {
        position += 1;
        cell.start = position;
        loop {
            let rest = &self.buffer[self.at + position..self.filled];
            let mut n = 0;
            while n < rest.len() && !matches!(rest[n], b'"' | b'\n' | b'\r') {
                n += 1;
            }
            position += n;
            let found = rest.get(n).copied().filter(|_| position <= LONGEST);
            match found {
                Some(b'"') => match self.byte(position + 1)? {
                    Some(b'"') => {
                        cell.has_escapes = true;
                        position += 2;
                    }
                    next => {
                        cell.end = position;
                        position += 1;
                        if next.is_none_or(|b| b == self.delimiter || b == b'\n' || b == b'\r') {
                            return Ok(position);
                        }
                        scan.fault.get_or_insert((self.cells.len(), What::TextBehind(None)));
                        let mut behind = Cell { start: position, ..*cell };
                        return self.scan_bare(position, &mut behind, scan);
                    }
                },
                Some(_) => {
                    position = self.behind_line_end(position)?;
                    cell.breaks += 1;
                }
                None if position > LONGEST => {
                    scan.end = End::TooLong;
                    break;
                }
                None => {
                    if !self.fill()? {
                        scan.end = End::NeverClosed;
                        break;
                    }
                }
            }
        }
        cell.end = position;
        Ok(position)
    }

    /// The cell whose quote is wrong, where that is known by more than the quotes: it runs over lines that are not its own.
    fn blame(&self, scan: &Scan) -> Option<(usize, What)> {
        let last = self.cells.len() - 1;
        if scan.end == End::Closed && self.cells.iter().all(|c| c.breaks == 0) {
            return None;
        }
        for (i, cell) in self.cells.iter().enumerate().filter(|(_, c)| c.breaks > 0) {
            if scan.end != End::Closed && i == last {
                break;
            }
            let closes = self.line + cell.line + cell.breaks;
            let behind = scan.fault.as_ref().is_some_and(|(at, what)| *at == i && matches!(what, What::TextBehind(_)));
            if behind {
                return Some((i, What::TextBehind(Some(closes))));
            }
            match &self.layout.multiline {
                // A name in a header may be broken; one that holds a delimiter is no name.
                None => {
                    let text = &self.rest()[cell.start..cell.end];
                    if self.cells.len() == 1 || text.contains(&self.delimiter) {
                        return Some((i, What::LineBreak(closes)));
                    }
                }
                Some(columns) if !columns.get(i).copied().unwrap_or(false) => {
                    return Some((i, What::LineBreak(closes)));
                }
                Some(columns) => {
                    if let Some(row) = self.row_inside(cell, columns.len()) {
                        return Some((i, What::HoldsRows(closes, self.line + row)));
                    }
                }
            }
        }
        let first = self.cells.iter().position(|c| c.breaks > 0).unwrap_or(last);
        match scan.end {
            End::Closed => match self.layout.multiline.as_ref().map(Vec::len) {
                Some(columns) if columns != last + 1 => Some((first, What::Cells(last + 1, columns))),
                _ => None,
            },
            End::NeverClosed => Some((last, What::NeverClosed)),
            // The quote that is still open, or else the first that took more than its line.
            End::TooLong if self.cells[last].is_quoted => Some((last, What::TooLong)),
            End::TooLong => Some((first, What::TooLong)),
            End::TooManyCells => Some((first, What::TooManyCells)),
        }
    }

    /// The line inside a cell, counted from the record's first, that reads as a row of its own.
    fn row_inside(&self, cell: &Cell, columns: usize) -> Option<u64> {
        let text = self.rest();
        let mut line = cell.line;
        let mut start = cell.start;
        loop {
            let end = start + find_line_end(&text[start..cell.end])?;
            start = end + line_end_length(&text[end..]);
            line += 1;
            match find_line_end(&text[start..cell.end]) {
                Some(n) => {
                    if self.fits(&text[start..start + n], columns) {
                        return Some(line);
                    }
                }
                None => break,
            }
        }
        // The last line belongs to the cell only in part: it may be that another stray quote ends there. Then it is a row
        // of its own, and so is the line on which the quote opens.
        let opening = &text[self.line_start(cell.start)..cell.start + find_line_end(&text[cell.start..]).unwrap_or(0)];
        let closing = &text[start..];
        let closing = &closing[..find_line_end(closing).unwrap_or(closing.len())];
        let has_key = self.layout.key.as_ref().is_none_or(|(at, is_key)| {
            let cells = loose_cells(closing, self.delimiter);
            let key = cells.get(*at).and_then(|(a, b)| std::str::from_utf8(&closing[*a..*b]).ok());
            key.is_some_and(|key| is_key(key.trim_matches('"')))
        });
        (has_key && self.fits(opening, columns) && self.fits(closing, columns)).then_some(line)
    }

    /// Where the line begins that a byte of the record stands on.
    fn line_start(&self, position: usize) -> usize {
        let before = &self.rest()[..position];
        before.iter().rposition(|b| *b == b'\n' || *b == b'\r').map_or(0, |n| n + 1)
    }

    /// Whether a line, read alone, has so many cells.
    fn fits(&self, line: &[u8], columns: usize) -> bool {
        let cells: Vec<_> = loose(line, self.delimiter).take(columns + 1).collect();
        cells.len() == columns && !is_blank(cells.iter().map(|(a, b)| &line[*a..*b]))
    }

    /// Gives out the first cells, without their quotes.
    fn hand_out(&self, cells: &mut csv::ByteRecord, n: usize) {
        cells.clear();
        let text = self.rest();
        for cell in &self.cells[..n] {
            let text = &text[cell.start..cell.end];
            if !cell.has_escapes {
                cells.push_field(text);
                continue;
            }
            let mut plain = Vec::with_capacity(text.len());
            let mut bytes = text.iter();
            while let Some(byte) = bytes.next() {
                plain.push(*byte);
                if *byte == b'"' {
                    bytes.next();
                }
            }
            cells.push_field(&plain);
        }
    }

    /// Goes on behind the line on which the quote of a cell opens, at the next line that fits the header: within the
    /// record if its quotes are closed, or else as far as the file goes.
    fn go_on_behind(&mut self, column: usize, scan: &Scan) -> io::Result<()> {
        let cell = self.cells[column];
        // A cell's own line may have begun in an earlier cell of several lines.
        let before = self.line_start(cell.start);
        self.at += before;
        self.line += cell.line;
        let mut left = (scan.end == End::Closed).then_some(scan.length - before);
        let Some(columns) = self.layout.multiline.as_ref().map(Vec::len) else {
            // What follows a broken header is not looked for in a file that may have no end of line at all.
            self.is_end |= matches!(scan.end, End::TooLong | End::TooManyCells) && cell.breaks == 0;
            return self.skip_line(&mut left);
        };
        self.skip_line(&mut left)?;
        while left != Some(0) && self.byte(0)?.is_some() {
            let n = self.line_length()?;
            if n.is_some_and(|n| self.fits(&self.rest()[..n], columns)) {
                break;
            }
            // A row with a text of several lines fits as a whole.
            if n.is_some_and(|n| n > 0) {
                let whole = self.scan()?;
                let is_whole = whole.end == End::Closed && whole.fault.is_none() && self.cells.len() == columns;
                if is_whole && self.blame(&whole).is_none() {
                    break;
                }
            }
            self.skip_line(&mut left)?;
        }
        Ok(())
    }

    /// Bytes of the line that begins here, without its end; none if it is longer than any may be.
    fn line_length(&mut self) -> io::Result<Option<usize>> {
        let mut seen = 0;
        loop {
            match find_line_end(&self.rest()[seen..]) {
                Some(n) => return Ok(Some(seen + n).filter(|n| *n <= LONGEST)),
                None if self.rest().len() > LONGEST => return Ok(None),
                None => {
                    seen = self.rest().len();
                    if !self.fill()? {
                        return Ok(Some(seen));
                    }
                }
            }
        }
    }

    /// Passes over the line that begins here, however long it is.
    fn skip_line(&mut self, left: &mut Option<usize>) -> io::Result<()> {
        let mut length = 0;
        loop {
            match find_line_end(self.rest()) {
                Some(n) => {
                    length += self.behind_line_end(n)?;
                    self.at += n + line_end_length(&self.rest()[n..]);
                    break;
                }
                None => {
                    length += self.rest().len();
                    self.at = self.filled;
                    if !self.fill()? {
                        break;
                    }
                }
            }
        }
        self.line += 1;
        *left = left.map(|n| n.saturating_sub(length));
        Ok(())
    }
}

/// So many cells, in words.
pub fn cells(n: usize) -> String {
    if n == 1 { "1 cell".into() } else { format!("{n} cells") }
}

/// The first end of line.
fn find_line_end(text: &[u8]) -> Option<usize> {
    text.iter().position(|b| *b == b'\n' || *b == b'\r')
}

fn line_end_length(text: &[u8]) -> usize {
    if text.starts_with(b"\r\n") { 2 } else { 1 }
}

/// Whether nothing but blanks stands in the cells.
pub fn is_blank<'a>(mut cells: impl Iterator<Item = &'a [u8]>) -> bool {
    cells.all(|cell| {
        cell.is_empty()
            || !cell[0].is_ascii_alphanumeric()
                && std::str::from_utf8(cell).is_ok_and(|t| t.trim().trim_matches('"').trim().is_empty())
    })
}

/// Where the cells of one line stand, read for itself: a quote that is not closed, or not at a cell's end, is a character
/// like others.
pub fn loose_cells(line: &[u8], delimiter: u8) -> Vec<(usize, usize)> {
    loose(line, delimiter).collect()
}

fn loose(line: &[u8], delimiter: u8) -> impl Iterator<Item = (usize, usize)> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let rest = line.get(start..)?;
        let quoted = if rest.first() == Some(&b'"') { quoted_length(rest, delimiter) } else { None };
        let length = quoted.or_else(|| rest.iter().position(|b| *b == delimiter)).unwrap_or(rest.len());
        next = (length < rest.len()).then_some(start + length + 1);
        Some((start, start + length))
    })
}

/// The length of a quoted cell, where it is closed and ends there.
fn quoted_length(text: &[u8], delimiter: u8) -> Option<usize> {
    let mut at = 1;
    loop {
        at += text.get(at..)?.iter().position(|b| *b == b'"')? + 1;
        match text.get(at) {
            Some(b'"') => at += 1,
            None => return Some(at),
            Some(b) if *b == delimiter => return Some(at),
            Some(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    type Read = (u64, Vec<String>, Option<String>);
    /// A text, which of its columns may be several lines, and for each record its line and whether it is faulty.
    type Case = (&'static str, [bool; 3], &'static [(u64, bool)]);

    /// Records as text: the line that each is told by, its cells, and what is wrong.
    fn read(text: &[u8], multiline: &[bool]) -> Vec<Read> {
        let mut records = Records::new(Cursor::new(text), b',', 2, Layout::new(multiline.to_vec(), None));
        let mut cells = csv::ByteRecord::new();
        let mut found = Vec::new();
        while let Some(record) = records.read(&mut cells).expect("bytes in memory") {
            let line = record.fault.as_ref().map_or(record.lines.0, |f| f.line);
            let texts = cells.iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect();
            found.push((line, texts, record.fault.map(|f| f.what.to_string())));
        }
        found
    }

    fn lines(text: &str, multiline: &[bool]) -> Vec<(u64, bool)> {
        read(text.as_bytes(), multiline).into_iter().map(|(line, _, fault)| (line, fault.is_some())).collect()
    }

    #[test]
    fn well_formed_records_are_read_as_the_standard_says() {
        let text = b"a,b\r\n\r\n\"c \"\"d\"\"\",\"\"\n,\re,\"f\rg\"\r\"\"\"\",h";
        let plain: Vec<_> =
            read(text, &[true, true]).into_iter().map(|(line, cells, _)| (line, cells.join("|"))).collect();
        let expected = [(2, "a|b"), (4, "c \"d\"|"), (6, "e|f\rg"), (8, "\"|h")];
        assert_eq!(plain, expected.map(|(n, t)| (n, t.to_owned())));
    }

    #[test]
    fn a_quote_that_runs_over_rows_is_told_where_it_opens() {
        let free = [false, true, false];
        let cases: [Case; 12] = [
            // Rows between two stray quotes; in a field of one line, and in free text.
            ("a,\"b,c\nd,e,f\ng,h\",i\nj,k,l\n", [false; 3], &[(2, true), (3, false), (4, true), (5, false)]),
            ("a,\"b,c\nd,e,f\ng,h\",i\nj,k,l\n", free, &[(2, true), (3, false), (4, true), (5, false)]),
            // None between them.
            ("a,\"b,c\ng,h\",i\nj,k,l\n", free, &[(2, true), (3, true), (4, false)]),
            // A text of several lines, and a row behind it.
            ("a,\"one, two\nthree\n\nfour\",c\nj,k,l\n", free, &[(2, false), (6, false)]),
            // The same where one line is expected: its other lines are no rows.
            ("a,\"one\ntwo\",c\nj,k,l\n", [false; 3], &[(2, true), (4, false)]),
            // Never closed.
            ("a,b,c\nd,\"e,f\ng,h,i\n", free, &[(2, false), (3, true), (4, false)]),
            ("a,b,\"c", free, &[(2, true)]),
            // A row with a text of several lines between stray quotes.
            ("a,\"b,c\nd,\"one\ntwo\",f\ng,h\",i\n", free, &[(2, true), (3, false), (5, true)]),
            // A text of several lines before the stray quote in the same row.
            ("a,\"one\ntwo\",\"c\nd,e,f\ng,h,i\"\n", free, &[(3, true), (4, false), (5, true)]),
            // The quotes leave a row of another length.
            ("a,b,\"c\nd\",e,f\ng,h,i\n", free, &[(2, true), (3, true), (4, false)]),
            // Separators alone are no row.
            ("a,\"b\n,,\nc\",d\n , \"\",\n,\n", free, &[(2, false)]),
            // What ends with no quote open ends with its line.
            ("a,5\" b,c\nd,\"e\" f,g\nh,i,j", free, &[(2, true), (3, true), (4, false)]),
        ];
        for (text, multiline, expected) in cases {
            for end in ["\n", "\r\n", "\r"] {
                assert_eq!(lines(&text.replace('\n', end), &multiline), expected, "{text:?} with {end:?}");
            }
        }
    }

    /// One row in ten of a long file has a stray quote at the beginning of a cell: no search runs on from each of them.
    #[test]
    fn many_stray_quotes_cost_no_more_than_few() {
        let text: String = (0..30_000).map(|i| if i % 10 == 0 { "a,\"b,\"\"\n" } else { "a,\"\",\"\"\n" }).collect();
        let found = lines(&text, &[true, true, true]);
        assert_eq!(found.len(), 30_000);
        assert_eq!(found.iter().filter(|(_, fault)| *fault).count(), 3000);
    }

    /// A row as it is written, and the cells that it gives.
    fn row(free: bool) -> impl Strategy<Value = (String, Vec<String>)> {
        let text =
            if free { "[a-z ]{0,4}|[a-z]{1,3}\n[a-z]{0,3}\n?[a-z]{1,2}|[a-z,]{1,4}\"[a-z]" } else { "[a-z ]{0,4}" };
        ("[a-z]{1,5}", text, "[a-z]{0,3}").prop_map(|(key, text, last)| {
            let is_plain = !text.contains(['\n', '"', ',']);
            let written = if is_plain { text.clone() } else { format!("\"{}\"", text.replace('"', "\"\"")) };
            (format!("{key},{written},{last}\n"), vec![key, text, last])
        })
    }

    proptest! {
        /// Whatever rows have stray quotes, all others are read as they were written, and each row is counted once.
        #[test]
        fn rows_beside_stray_quotes_are_read_as_they_are(
            rows in prop::collection::vec((row(true), prop::option::weighted(0.3, (0usize..3, any::<prop::sample::Index>()))), 1..12),
            last_is_free: bool,
        ) {
            let (mut text, mut line, mut expected, mut touched) = (String::new(), 2, Vec::new(), BTreeSet::new());
            for ((written, cells), stray) in rows {
                let is_plain = !written.contains('"');
                match stray.filter(|_| is_plain) {
                    Some((column, index)) => {
                        let mut cells = cells.clone();
                        let at = index.index(cells[column].len() + 1);
                        cells[column].insert(at, '"');
                        text.push_str(&format!("{}\n", cells.join(",")));
                        touched.insert(line);
                    }
                    None => {
                        text.push_str(&written);
                        expected.push((line, cells));
                    }
                }
                line += written.matches('\n').count() as u64;
            }
            let found = read(text.as_bytes(), &[false, true, last_is_free]);
            let good: Vec<_> = found.iter().filter(|r| r.2.is_none()).map(|r| (r.0, r.1.clone())).collect();
            prop_assert_eq!(&good, &expected, "{}", text);
            let faults: BTreeSet<u64> = found.iter().filter(|r| r.2.is_some()).map(|r| r.0).collect();
            prop_assert_eq!(&faults, &touched, "{}", text);
            prop_assert_eq!(found.len(), good.len() + touched.len(), "{}", text);
        }

        /// No bytes make the reader stop, forget where it is, or tell a row twice.
        #[test]
        fn any_bytes_are_read_to_their_end(text in "[a,\"\n\r ]{0,60}", multiline in prop::collection::vec(any::<bool>(), 1..4)) {
            let mut records = Records::new(Cursor::new(text.as_bytes()), b',', 1, Layout::new(multiline, None));
            let mut cells = csv::ByteRecord::new();
            let mut line = 1;
            while let Some(record) = records.read(&mut cells).expect("bytes in memory") {
                prop_assert!(record.lines.0 >= line && record.lines.1 > record.lines.0);
                line = record.lines.1;
            }
            let n = text.replace("\r\n", "\n").matches(['\n', '\r']).count() as u64;
            prop_assert!(line <= n + 2);
        }
    }
}
