//! A CSV file as it comes: encoding and delimiter found out, quoting held to strictly, rows one by one.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};
use serde::{Deserialize, Serialize};

use super::strict::{Fault, NEVER_CLOSED, Seen, State, Strict, TooLong};
use crate::model::problem::{Problem, plain};
use crate::ui::format::{SAFE, is_formula};

/// How a file is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Source {
    /// What it is called: its path, or `standard input`.
    pub shown: String,
    /// Name of the encoding, as the WHATWG standard labels it: utf-8, utf-16le, utf-16be, windows-1252.
    pub encoding: String,
    /// It holds bytes that are no UTF-8, though it is that by its mark or by most of its characters: a file with some of
    /// its rows must be read the same way.
    pub is_damaged: bool,
    pub delimiter: u8,
    /// Lines before the header: titles and notes.
    pub skip: u64,
    /// Cells were marked for spreadsheets (`export --safe-for-spreadsheets`), and the marks go again.
    pub is_safe: bool,
    #[serde(skip)]
    file: Option<Opened>,
}

/// A file that is held open: another that takes its name meanwhile is not read.
#[derive(Debug, Clone)]
struct Opened {
    file: Arc<File>,
    stamp: Stamp,
}

/// What changes when a file is written to: its size, and the second and nanosecond of the last change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp(u64, i64, i64);

impl Stamp {
    fn of(file: &File) -> io::Result<Stamp> {
        file.metadata().map(|m| Stamp(m.size(), m.mtime(), m.mtime_nsec()))
    }
}

/// Reads an open file from its beginning, whoever else reads it.
struct FromStart {
    file: Arc<File>,
    at: Rc<Cell<u64>>,
}

impl Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read_at(buffer, self.at.get())?;
        self.at.set(self.at.get() + n as u64);
        Ok(n)
    }
}

type Decoded = BufReader<DecodeReaderBytes<FromStart, Vec<u8>>>;

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

/// What begins like this is no text, and how it becomes some.
const NO_TEXT: &[(&[u8], &str, &str)] = &[
    (b"PK\x03\x04", "a spreadsheet", "save it as 'CSV UTF-8' in the spreadsheet program"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet", "save it as 'CSV UTF-8' in the spreadsheet program"),
    (b"\x1f\x8b", "compressed", "unpack it with gunzip"),
    (b"\x28\xb5\x2f\xfd", "compressed", "unpack it with unzstd"),
];

impl Source {
    /// Finds out how a file is written. What is no CSV at all is refused by name.
    pub fn open(file: File, shown: &str, skip: u64) -> Result<Source> {
        let file = Arc::new(file);
        let stamp = Stamp::of(&file).map_err(|e| unreadable(shown, &e))?;
        let mut start = Vec::new();
        let from_start = FromStart { file: Arc::clone(&file), at: Rc::default() };
        from_start.take(4).read_to_end(&mut start).map_err(|e| unreadable(shown, &e))?;
        if start.is_empty() {
            return Err(Problem::invalid(format!("{shown} is empty")).hint("the first line names the columns").into());
        }
        if let Some((_, what, hint)) = NO_TEXT.iter().find(|(magic, ..)| start.starts_with(magic)) {
            return Err(Problem::invalid(format!("{shown} is {what}, not CSV")).hint(*hint).into());
        }
        let mut is_damaged = false;
        let encoding = match start.as_slice() {
            [0xff, 0xfe, ..] => UTF_16LE,
            [0xfe, 0xff, ..] => UTF_16BE,
            // No mark, but the zeros that ASCII has there.
            [a, 0, b, 0] if *a != 0 && *b != 0 => UTF_16LE,
            [0, a, 0, b] if *a != 0 && *b != 0 => UTF_16BE,
            start => {
                let (good, bad) = characters(&file).map_err(|e| unreadable(shown, &e))?;
                is_damaged = bad > 0;
                if start.starts_with(b"\xef\xbb\xbf") || good >= bad {
                    UTF_8
                } else {
                    // Every byte means something there, so this is a guess: spreadsheets of western Windows write it.
                    WINDOWS_1252
                }
            }
        };
        let mut source = Source {
            shown: shown.to_owned(),
            encoding: encoding.name().to_lowercase(),
            is_damaged: is_damaged && encoding == UTF_8,
            delimiter: b',',
            skip,
            is_safe: false,
            file: Some(Opened { file, stamp }),
        };
        source.delimiter = source.find_delimiter()?;
        if let Some(header) = source.rows()?.read()? {
            source.is_safe = header.cells.get(0).is_some_and(|first| first.starts_with(&[SAFE as u8]));
        }
        Ok(source)
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.file.as_ref().map_or(0, |f| f.stamp.0)
    }

    /// An error if somebody wrote to the file since it was opened: its rows were then read as two different things.
    pub fn check_unchanged(&self) -> Result<()> {
        let now =
            self.file.as_ref().map(|f| Stamp::of(&f.file)).transpose().map_err(|e| unreadable(&self.shown, &e))?;
        if now == self.file.as_ref().map(|f| f.stamp.clone()) { Ok(()) } else { Err(self.changed().into()) }
    }

    pub fn changed(&self) -> Problem {
        Problem::failed(format!("{} changed while it was read; nothing was imported", self.shown))
            .hint("run the import again when nobody writes to the file")
    }

    /// Whether a path names the file that is read.
    pub fn is_at(&self, path: &Path) -> bool {
        let own = self.file.as_ref().and_then(|f| f.file.metadata().ok());
        match (own, std::fs::metadata(path)) {
            (Some(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
            _ => false,
        }
    }

    /// What a cell says, without the mark that a spreadsheet needs.
    pub fn unmarked<'a>(&self, cell: &'a [u8]) -> &'a [u8] {
        let marked = cell.strip_prefix(&[SAFE as u8]).filter(|_| self.is_safe);
        marked.filter(|rest| std::str::from_utf8(rest).is_ok_and(is_formula)).unwrap_or(cell)
    }

    /// Whether a cell has lost something on its way to UTF-8: half a pair of UTF-16, a byte at the end. A character that
    /// says so and stood in the file itself is taken as it is.
    pub fn has_lost(&self, cell: &str) -> bool {
        cell.contains('\u{fffd}') && self.encoding.starts_with("utf-16")
    }

    /// The file as UTF-8, from the header on, and how many of its bytes have been read.
    fn decoded(&self) -> Result<(Decoded, Rc<Cell<u64>>)> {
        let opened = self.file.as_ref().ok_or_else(|| anyhow::anyhow!("{} is not open", self.shown))?;
        let at: Rc<Cell<u64>> = Rc::default();
        // Of UTF-8 the bytes pass as they are, good or not; only a byte order mark goes.
        let encoding = Encoding::for_label(self.encoding.as_bytes()).filter(|e| *e != UTF_8);
        let decoded = DecodeReaderBytesBuilder::new()
            .encoding(encoding)
            .utf8_passthru(true)
            .strip_bom(true)
            .bom_override(true)
            .build(FromStart { file: Arc::clone(&opened.file), at: Rc::clone(&at) });
        let mut reader = BufReader::with_capacity(1 << 16, decoded);
        for _ in 0..self.skip {
            skip_line(&mut reader).map_err(|e| unreadable(&self.shown, &e))?;
        }
        Ok((reader, at))
    }

    /// The delimiter that the header has most of, outside quotes.
    fn find_delimiter(&self) -> Result<u8> {
        let mut state = State::FieldStart;
        let mut counts = [0_usize; 4];
        let mut is_blank = true;
        for byte in self.decoded()?.0.take(SAMPLE).bytes() {
            let byte = byte.map_err(|e| unreadable(&self.shown, &e))?;
            let delimiter = DELIMITERS.iter().position(|d| *d == byte);
            let ends_line = byte == b'\n' || byte == b'\r';
            state = state.behind(byte, delimiter.is_some() || ends_line);
            if let (State::FieldStart, Some(i)) = (state, delimiter) {
                counts[i] += 1;
            }
            if ends_line && state == State::FieldStart && !is_blank {
                break;
            }
            is_blank &= ends_line;
        }
        let best = (0..counts.len()).rev().max_by_key(|i| counts[*i]).unwrap_or(0);
        Ok(DELIMITERS[best])
    }

    /// The rows from the beginning, the header first.
    pub fn rows(&self) -> Result<Rows> {
        let (decoded, bytes) = self.decoded()?;
        let seen: Rc<RefCell<Seen>> = Rc::default();
        let reader = csv::ReaderBuilder::new()
            .delimiter(self.delimiter)
            .flexible(true)
            .has_headers(false)
            .buffer_capacity(1 << 16)
            .from_reader(Strict::new(decoded, self.delimiter, 1 + self.skip, Rc::clone(&seen)));
        Ok(Rows { shown: self.shown.clone(), reader, cells: csv::ByteRecord::new(), number: 0, seen, bytes })
    }

    /// For reading rows as they are written, one after another.
    pub fn spans(&self) -> Result<Spans> {
        Ok(Spans { reader: self.decoded()?.0, at: 0 })
    }

    /// The first cells of a row as it is written.
    pub fn first_cells<'a>(&self, raw: &'a [u8], n: usize) -> &'a [u8] {
        let mut state = State::FieldStart;
        let mut ends = raw.iter().enumerate().filter_map(|(i, byte)| {
            state = state.behind(*byte, *byte == self.delimiter);
            (state == State::FieldStart).then_some(i)
        });
        let end = n.checked_sub(1).and_then(|n| ends.nth(n));
        end.map_or(raw, |end| &raw[..end])
    }
}

/// Reads pieces of a file, each behind the one before.
pub struct Spans {
    reader: Decoded,
    at: u64,
}

impl Spans {
    /// The bytes of a row, without the end of its line.
    pub fn read(&mut self, (start, end): (u64, u64)) -> io::Result<Vec<u8>> {
        io::copy(&mut (&mut self.reader).take(start - self.at), &mut io::sink())?;
        let mut raw = Vec::new();
        (&mut self.reader).take(end - start).read_to_end(&mut raw)?;
        self.at = end;
        while raw.ends_with(b"\n") || raw.ends_with(b"\r") {
            raw.pop();
        }
        Ok(raw)
    }
}

/// Rows of a file, one by one.
pub struct Rows {
    shown: String,
    reader: csv::Reader<Strict<Decoded>>,
    cells: csv::ByteRecord,
    number: u64,
    seen: Rc<RefCell<Seen>>,
    bytes: Rc<Cell<u64>>,
}

/// One row: its cells, its number (the header is 0), the line it begins on, and what is wrong with its quotes.
pub struct Row<'a> {
    pub cells: &'a csv::ByteRecord,
    pub number: u64,
    pub line: u64,
    /// From which byte to which it is written, for [`Spans`].
    pub span: (u64, u64),
    pub fault: Option<Fault>,
}

impl Rows {
    /// Bytes of the file that were read.
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// The next row that is not blank.
    pub fn read(&mut self) -> Result<Option<Row<'_>>> {
        if !self.reader.read_byte_record(&mut self.cells).map_err(|e| self.unreadable(&e))? {
            return Ok(None);
        }
        let end = self.reader.position().byte();
        let mut seen = self.seen.borrow_mut();
        let (mut start, mut line, mut fault) = (0, 0, None);
        while let Some(began) = seen.starts.pop_front_if(|(offset, _)| *offset < end) {
            (start, line) = began;
        }
        while let Some(next) = seen.faults.pop_front_if(|f| f.offset < end) {
            fault = fault.or(Some(next));
        }
        drop(seen);
        if let Some(open) = fault.as_ref().filter(|f| f.what == NEVER_CLOSED) {
            let unclosed = Problem::invalid(format!("line {}: {NEVER_CLOSED}", open.line)).hint(UNCLOSED);
            return Err(unclosed.hint_maybe((self.number == 0).then(|| PASS_OVER.to_owned())).into());
        }
        let number = self.number;
        self.number += 1;
        Ok(Some(Row { cells: &self.cells, number, line, span: (start, end), fault }))
    }

    fn unreadable(&self, e: &csv::Error) -> Problem {
        match e.kind() {
            csv::ErrorKind::Io(e) => match e.get_ref().and_then(|e| e.downcast_ref::<TooLong>()) {
                Some(too_long) => Problem::invalid(too_long.to_string()).hint(UNCLOSED),
                None => unreadable(&self.shown, e),
            },
            _ => Problem::invalid(format!("{} is no CSV file that can be read", self.shown)),
        }
    }
}

/// Where the first line is no header.
pub const PASS_OVER: &str = "the first line names the columns; --skip-lines N passes over lines before it";

const UNCLOSED: &str = "is the file complete? in a quoted cell each quote is written twice";

/// How many characters beyond ASCII a file has as UTF-8, and how many runs of bytes that are none; read once, in pieces.
fn characters(file: &Arc<File>) -> io::Result<(u64, u64)> {
    let mut from_start = FromStart { file: Arc::clone(file), at: Rc::default() };
    let mut buffer = vec![0; 1 << 16];
    let (mut kept, mut good, mut bad) = (0, 0, 0);
    loop {
        let n = from_start.read(&mut buffer[kept..])?;
        let have = kept + n;
        let mut done = 0;
        kept = 0;
        while done < have {
            let rest = &buffer[done..have];
            let (valid, invalid) = match std::str::from_utf8(rest) {
                Ok(_) => (rest.len(), 0),
                Err(e) => (e.valid_up_to(), e.error_len().unwrap_or(rest.len() - e.valid_up_to())),
            };
            if !rest[..valid].is_ascii() {
                // Every character beyond ASCII has one byte like this.
                good += rest[..valid].iter().filter(|b| **b >= 0xc0).count() as u64;
            }
            done += valid;
            if invalid > 0 && done + invalid == have && n > 0 {
                // A character may be cut off at the end of a piece.
                kept = invalid;
                break;
            }
            bad += u64::from(invalid > 0);
            done += invalid;
        }
        if n == 0 {
            return Ok((good, bad));
        }
        buffer.copy_within(have - kept..have, 0);
    }
}

pub fn unreadable(shown: &str, e: &io::Error) -> Problem {
    let missing = (e.kind() == io::ErrorKind::NotFound).then_some("FILE is a CSV file, or - for standard input");
    Problem::failed(format!("can't read {shown}: {}", plain(e))).hint_maybe(missing.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (u64, Vec<String>, Option<(u64, &'static str)>);

    /// Rows as text, with the line and what is wrong.
    fn read(bytes: &[u8]) -> Vec<Read> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), bytes).expect("written");
        let source = Source::open(file.reopen().expect("open"), "the file", 0).expect("a CSV file");
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
