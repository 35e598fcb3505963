//! A CSV file as it comes: encoding and delimiter found out, quoting held to strictly, rows one by one.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Result;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};
use serde::{Deserialize, Serialize};

use crate::model::problem::{Problem, plain};
use crate::ui::format::{SAFE, is_formula};

/// How a file is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    pub path: PathBuf,
    /// Name of the encoding, as the WHATWG standard labels it: utf-8, utf-16le, utf-16be, windows-1252.
    pub encoding: String,
    pub delimiter: u8,
    /// Lines before the header: titles and notes.
    pub skip: u64,
    /// Cells were marked for spreadsheets (`export --safe-for-spreadsheets`), and the marks go again.
    pub is_safe: bool,
}

type Decoded = DecodeReaderBytes<File, Vec<u8>>;

/// Passes over a line, however it ends.
fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let bytes = reader.fill_buf()?;
        let Some(at) = bytes.iter().position(|b| *b == b'\n' || *b == b'\r') else {
            let n = bytes.len();
            reader.consume(n);
            if n == 0 {
                return Ok(());
            }
            continue;
        };
        let is_return = bytes[at] == b'\r';
        reader.consume(at + 1);
        if is_return && reader.fill_buf()?.first() == Some(&b'\n') {
            reader.consume(1);
        }
        return Ok(());
    }
}

/// Delimiters in the order in which a tie is decided.
const DELIMITERS: &[u8] = b",;\t|";

/// How much of a file is looked at for its delimiter.
const SAMPLE: u64 = 1 << 20;

impl Source {
    /// Finds out how a file is written. What is no CSV at all is refused by name.
    pub fn open(path: &Path, shown: &str, skip: u64) -> Result<Source> {
        let mut file = File::open(path).map_err(|e| unreadable(path, &e))?;
        if file.metadata().is_ok_and(|m| m.is_dir()) {
            return Err(Problem::failed(format!("{shown} is a folder, not a file")).into());
        }
        let mut start = [0; 4];
        let n = read_full(&mut file, &mut start).map_err(|e| unreadable(path, &e))?;
        let encoding = match &start[..n] {
            [] => {
                return Err(Problem::invalid(format!("{shown} is empty"))
                    .hint("the first line names the columns")
                    .into());
            }
            [b'P', b'K', 3, 4] => {
                return Err(Problem::invalid(format!("{shown} is a spreadsheet, not CSV"))
                    .hint("save it as 'CSV UTF-8' in the spreadsheet program")
                    .into());
            }
            [0xff, 0xfe, ..] => UTF_16LE,
            [0xfe, 0xff, ..] => UTF_16BE,
            _ if is_utf8(path)? => UTF_8,
            // Every byte means something there, so this is a guess: spreadsheets of western Windows write it.
            _ => WINDOWS_1252,
        };
        let encoding = encoding.name().to_lowercase();
        let mut source = Source { path: path.to_owned(), encoding, delimiter: b',', skip, is_safe: false };
        source.delimiter = source.find_delimiter()?;
        if let Some(header) = source.rows()?.read()? {
            source.is_safe = header.cells.get(0).is_some_and(|first| first.starts_with(&[SAFE as u8]));
        }
        Ok(source)
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |m| m.len())
    }

    /// What a cell says, without the mark that a spreadsheet needs.
    pub fn unmarked<'a>(&self, cell: &'a [u8]) -> &'a [u8] {
        let marked = cell.strip_prefix(&[SAFE as u8]).filter(|_| self.is_safe);
        marked.filter(|rest| std::str::from_utf8(rest).is_ok_and(is_formula)).unwrap_or(cell)
    }

    /// The file as UTF-8, from the header on.
    fn decoded(&self) -> Result<BufReader<Decoded>> {
        let file = File::open(&self.path).map_err(|e| unreadable(&self.path, &e))?;
        let encoding = Encoding::for_label(self.encoding.as_bytes()).unwrap_or(UTF_8);
        // For UTF-8 the bytes pass as they are; only a byte order mark goes.
        let decoded = DecodeReaderBytesBuilder::new()
            .encoding(Some(encoding))
            .utf8_passthru(true)
            .strip_bom(true)
            .bom_override(true)
            .build(file);
        let mut reader = BufReader::with_capacity(1 << 16, decoded);
        for _ in 0..self.skip {
            skip_line(&mut reader).map_err(|e| unreadable(&self.path, &e))?;
        }
        Ok(reader)
    }

    /// The delimiter that the header has most of, outside quotes.
    fn find_delimiter(&self) -> Result<u8> {
        let mut header = Vec::new();
        let mut reader = self.decoded()?.take(SAMPLE);
        reader.read_until(b'\n', &mut header).map_err(|e| unreadable(&self.path, &e))?;
        let mut quoted = false;
        let mut counts = [0_usize; 4];
        for byte in header {
            quoted ^= byte == b'"';
            if let (false, Some(i)) = (quoted, DELIMITERS.iter().position(|d| *d == byte)) {
                counts[i] += 1;
            }
        }
        let best = (0..counts.len()).rev().max_by_key(|i| counts[*i]).unwrap_or(0);
        Ok(DELIMITERS[best])
    }

    /// The rows from the beginning, the header first.
    pub fn rows(&self) -> Result<Rows> {
        let seen: Rc<RefCell<Seen>> = Rc::default();
        let strict = Strict {
            inner: self.decoded()?,
            delimiter: self.delimiter,
            state: State::FieldStart,
            line: 1 + self.skip,
            offset: 0,
            opened: 1 + self.skip,
            after_cr: false,
            between_records: true,
            seen: Rc::clone(&seen),
        };
        let reader = csv::ReaderBuilder::new()
            .delimiter(self.delimiter)
            .flexible(true)
            .has_headers(false)
            .buffer_capacity(1 << 16)
            .from_reader(strict);
        Ok(Rows { path: self.path.clone(), reader, cells: csv::ByteRecord::new(), number: 0, seen })
    }
}

/// Rows of a file, one by one.
pub struct Rows {
    path: PathBuf,
    reader: csv::Reader<Strict<BufReader<Decoded>>>,
    cells: csv::ByteRecord,
    number: u64,
    seen: Rc<RefCell<Seen>>,
}

/// One row: its cells, its number (the header is 0), the line it begins on, and what is wrong with its quotes.
pub struct Row<'a> {
    pub cells: &'a csv::ByteRecord,
    pub number: u64,
    pub line: u64,
    pub fault: Option<Fault>,
}

impl Rows {
    /// Bytes that were read, after decoding.
    pub fn bytes(&self) -> u64 {
        self.reader.position().byte()
    }

    /// The next row that is not blank.
    pub fn read(&mut self) -> Result<Option<Row<'_>>> {
        if !self.reader.read_byte_record(&mut self.cells).map_err(|e| self.unreadable(&e))? {
            return Ok(None);
        }
        let end = self.reader.position().byte();
        let mut seen = self.seen.borrow_mut();
        let (mut line, mut fault) = (0, None);
        while seen.starts.front().is_some_and(|(offset, _)| *offset < end) {
            line = seen.starts.pop_front().map_or(0, |(_, line)| line);
        }
        while seen.faults.front().is_some_and(|f| f.offset < end) {
            let next = seen.faults.pop_front();
            fault = fault.or(next);
        }
        drop(seen);
        if let Some(open) = fault.as_ref().filter(|f| f.what == NEVER_CLOSED) {
            return Err(Problem::invalid(format!("line {}: {NEVER_CLOSED}", open.line))
                .hint("is the file complete? in a quoted cell each quote is written twice")
                .into());
        }
        let number = self.number;
        self.number += 1;
        Ok(Some(Row { cells: &self.cells, number, line, fault }))
    }

    fn unreadable(&self, e: &csv::Error) -> Problem {
        match e.kind() {
            csv::ErrorKind::Io(e) => unreadable(&self.path, e),
            _ => Problem::invalid(format!("{} is no CSV file that can be read", self.path.display())),
        }
    }
}

/// A quote where none may stand (RFC 4180, section 2, rules 5 to 7). The csv crate would quietly change the cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub line: u64,
    pub what: &'static str,
    offset: u64,
}

/// What the watcher saw and the reader has not come to yet.
#[derive(Default)]
struct Seen {
    /// Byte and line on which each record begins: the csv crate counts only line feeds, files know lone returns too.
    starts: VecDeque<(u64, u64)>,
    faults: VecDeque<Fault>,
}

/// The one fault that is the file's and not the row's: what follows the quote is no longer rows.
const NEVER_CLOSED: &str = "a quote is opened and never closed";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    FieldStart,
    Bare,
    Quoted,
    /// Behind a quote inside a quoted cell: the cell's end, or the first of two.
    QuoteInQuoted,
}

/// Passes bytes on and watches the quotes in them.
struct Strict<R> {
    inner: R,
    delimiter: u8,
    state: State,
    line: u64,
    offset: u64,
    /// Line on which the quoted cell began.
    opened: u64,
    after_cr: bool,
    between_records: bool,
    seen: Rc<RefCell<Seen>>,
}

impl<R> Strict<R> {
    fn watch(&mut self, byte: u8) {
        let ends_line = byte == b'\n' || byte == b'\r';
        if self.between_records && !ends_line {
            self.seen.borrow_mut().starts.push_back((self.offset, self.line));
            self.between_records = false;
        }
        self.state = match (self.state, byte) {
            (State::Quoted, b'"') => State::QuoteInQuoted,
            (State::Quoted, _) | (State::QuoteInQuoted, b'"') => State::Quoted,
            (_, b) if b == self.delimiter || ends_line => State::FieldStart,
            (State::FieldStart, b'"') => {
                self.opened = self.line;
                State::Quoted
            }
            (State::QuoteInQuoted, _) => {
                self.fault(self.line, "there is text behind a closing quote");
                State::Bare
            }
            (State::Bare, b'"') => {
                self.fault(self.line, "a quote stands inside a cell that is not quoted");
                State::Bare
            }
            _ => State::Bare,
        };
        self.between_records |= ends_line && self.state == State::FieldStart;
        if byte == b'\r' || (byte == b'\n' && !self.after_cr) {
            self.line += 1;
        }
        self.after_cr = byte == b'\r';
        self.offset += 1;
    }

    fn fault(&mut self, line: u64, what: &'static str) {
        let fault = Fault { line, what, offset: self.offset };
        self.seen.borrow_mut().faults.push_back(fault);
    }
}

impl<R: Read> Read for Strict<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        let mut rest = &buffer[..n];
        while let Some((byte, after)) = rest.split_first() {
            if matches!(self.state, State::Bare | State::Quoted) && !self.after_cr {
                // Inside a cell most bytes mean nothing, and are passed over without a second look.
                let means = |b: &u8| *b == b'"' || *b == b'\n' || *b == b'\r' || *b == self.delimiter;
                let run = rest.iter().position(means).unwrap_or(rest.len());
                self.offset += run as u64;
                rest = &rest[run..];
                if run > 0 {
                    continue;
                }
            }
            self.watch(*byte);
            rest = after;
        }
        if n == 0 && !buffer.is_empty() && self.state == State::Quoted {
            // The row that it swallowed ends at the very end of the file.
            self.state = State::Bare;
            let offset = self.offset.saturating_sub(1);
            let fault = Fault { line: self.opened, what: NEVER_CLOSED, offset };
            self.seen.borrow_mut().faults.push_back(fault);
        }
        Ok(n)
    }
}

fn read_full(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match file.read(&mut buffer[n..])? {
            0 => break,
            more => n += more,
        }
    }
    Ok(n)
}

/// Whether the whole file is UTF-8; read once, in pieces.
fn is_utf8(path: &Path) -> Result<bool> {
    let mut file = File::open(path).map_err(|e| unreadable(path, &e))?;
    let mut buffer = vec![0; 1 << 16];
    let mut kept = 0;
    loop {
        let n = file.read(&mut buffer[kept..]).map_err(|e| unreadable(path, &e))?;
        if n == 0 {
            return Ok(kept == 0);
        }
        let have = kept + n;
        let valid = match std::str::from_utf8(&buffer[..have]) {
            Ok(_) => have,
            // A character may be cut off at the end of a piece.
            Err(e) if e.error_len().is_none() => e.valid_up_to(),
            Err(_) => return Ok(false),
        };
        buffer.copy_within(valid..have, 0);
        kept = have - valid;
    }
}

pub fn unreadable(path: &Path, e: &io::Error) -> Problem {
    Problem::failed(format!("can't read {}: {}", path.display(), plain(e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (u64, Vec<String>, Option<(u64, &'static str)>);

    /// Rows as text, with the line and what is wrong.
    fn read(bytes: &[u8]) -> Vec<Read> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), bytes).expect("written");
        let source = Source::open(file.path(), "the file", 0).expect("a CSV file");
        let mut rows = source.rows().expect("rows");
        let mut found = Vec::new();
        while let Some(row) = rows.read().expect("a row") {
            let cells = row.cells.iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect();
            found.push((row.line, cells, row.fault.map(|f| (f.line, f.what))));
        }
        found
    }

    #[test]
    fn quotes_are_held_to() {
        let rows = read(b"a,b\n1,\"x \"\"y\"\" z\"\n2,5\" pipe\n3,\"x\" y\n4,ok\n\"multi\nline\",6\n");
        let faults: Vec<_> = rows.iter().map(|(line, _, fault)| (*line, *fault)).collect();
        assert_eq!(
            faults,
            [
                (1, None),
                (2, None),
                (3, Some((3, "a quote stands inside a cell that is not quoted"))),
                (4, Some((4, "there is text behind a closing quote"))),
                (5, None),
                (6, None),
            ]
        );
        assert_eq!(rows[1].1, ["1", "x \"y\" z"]);
        assert_eq!(rows[5].1, ["multi\nline", "6"]);
    }

    #[test]
    fn encodings_and_delimiters_are_found_out() {
        let utf16: Vec<u8> =
            [0xfeff_u16].into_iter().chain("a;b\r\né;2\r\n".encode_utf16()).flat_map(u16::to_le_bytes).collect();
        for (bytes, first) in [
            (&utf16[..], "é"),
            (b"\xef\xbb\xbfa\tb\n\xc3\xa9\t2\n".as_slice(), "é"),
            (b"a|b\r\xe9|2\r", "é"),
            (b"a,b\n\xe9,2\n", "é"),
        ] {
            let rows = read(bytes);
            assert_eq!(rows[0].1, ["a", "b"], "{bytes:?}");
            assert_eq!(rows[1].1, [first, "2"], "{bytes:?}");
            assert_eq!(rows[1].0, 2);
        }
    }
}
