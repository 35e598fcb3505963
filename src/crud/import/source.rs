//! A file as it comes, of CSV or of JSON: form, encoding and delimiter found out, quoting held to strictly, rows one by one.

use std::borrow::Cow;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;
use encoding_rs::{Encoding, UTF_8};
use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};
use serde::de::Deserializer;
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::csv_reader::{Fault, LONGEST, Layout, Records};
use super::encoding::{self, unreadable};
use super::json_input::Stop;
use super::json_reader::{self, IsWhole, JsonFault, JsonRows, Keys, Shape};
use crate::model::backup::Digest32;
use crate::model::problem::{Problem, io_message};
use crate::ui::format::{SAFE, is_formula};

/// How a file is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Source {
    /// What it is called: its path, or `standard input`.
    pub shown: String,
    /// Name of the encoding, as the WHATWG standard labels it: utf-8, utf-16le, windows-1252.
    pub encoding: String,
    /// Nobody said so: neither a mark nor the flag.
    pub is_guess: bool,
    /// It holds bytes that are no UTF-8, though it is that by its mark or by most of its characters: a file with some of
    /// its rows must be read the same way.
    pub is_damaged: bool,
    pub delimiter: u8,
    /// Lines before the header: titles and notes.
    pub skip: u64,
    /// The first line tells a spreadsheet the delimiter: `sep=;`.
    pub has_separator_line: bool,
    /// The names of its columns, as they are written.
    pub header: Vec<String>,
    /// Cells were marked for spreadsheets (`export --safe-for-spreadsheets`), and the marks go again.
    pub is_safe: bool,
    json: Option<Json>,
    /// For each row the number of the one of another file that it stood in, and the line.
    #[serde(skip)]
    told_by: Arc<Vec<(u64, u64)>>,
    file: InputFile,
}

/// How a file of JSON is set down.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Json {
    layout: json_reader::Layout,
    #[serde(serialize_with = "shared", deserialize_with = "share")]
    keys: Arc<Keys>,
}

fn shared<S: Serializer>(keys: &Arc<Keys>, serializer: S) -> Result<S::Ok, S::Error> {
    keys.as_ref().serialize(serializer)
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Keys>, D::Error> {
    Keys::deserialize(deserializer).map(Arc::new)
}

/// What is said of how a file is written.
#[derive(Debug, Default)]
pub struct Said {
    /// Lines before the header.
    pub skip: u64,
    pub encoding: Option<String>,
    /// `csv`, `json` or `ndjson`.
    pub format: Option<String>,
}

/// A file that is held open, so that another that takes its name meanwhile is not read; or one that is to be found again.
#[derive(Debug, Clone)]
enum InputFile {
    /// Without a path where it can't be had again.
    Open {
        file: Arc<File>,
        stamp: Stamp,
        path: Option<PathBuf>,
    },
    Named(NamedFile),
}

/// How a file is stored: where it is, and what was in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct NamedFile {
    path: PathBuf,
    sha256: Digest32,
}

impl InputFile {
    fn open(&self) -> Option<(&Arc<File>, &Stamp)> {
        match self {
            InputFile::Open { file, stamp, .. } => Some((file, stamp)),
            InputFile::Named(_) => None,
        }
    }
}

/// The SHA-256 of a file from its beginning.
fn digest(file: &Arc<File>) -> io::Result<Digest32> {
    let mut reader = BufReader::with_capacity(1 << 16, FromStart { file: Arc::clone(file), at: Rc::default() });
    let mut sha256 = Sha256::new();
    loop {
        let bytes = reader.fill_buf()?;
        let n = bytes.len();
        if n == 0 {
            return Ok(Digest32(sha256.finalize().into()));
        }
        sha256.update(bytes);
        reader.consume(n);
    }
}

impl Serialize for InputFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            InputFile::Open { path: None, .. } => Err(S::Error::custom("it can't be read a second time")),
            InputFile::Open { file, path: Some(path), .. } => {
                let sha256 = digest(file).map_err(S::Error::custom)?;
                NamedFile { path: path.clone(), sha256 }.serialize(serializer)
            }
            InputFile::Named(named) => named.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for InputFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<InputFile, D::Error> {
        NamedFile::deserialize(deserializer).map(InputFile::Named)
    }
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

/// Passes over a line, however it ends; false where there is none.
fn skip_line(reader: &mut impl BufRead) -> io::Result<bool> {
    let mut length = 0;
    loop {
        let bytes = reader.fill_buf()?;
        let Some(at) = bytes.iter().position(|b| *b == b'\n' || *b == b'\r') else {
            let n = bytes.len();
            reader.consume(n);
            length += n;
            if n == 0 {
                return Ok(length > 0);
            }
            if length > LONGEST {
                return Err(io::Error::other(NO_LINES));
            }
            continue;
        };
        let is_return = bytes[at] == b'\r';
        reader.consume(at + 1);
        if is_return && reader.fill_buf()?.first() == Some(&b'\n') {
            reader.consume(1);
        }
        return Ok(true);
    }
}

/// What has no line end in this many bytes is no CSV.
const NO_LINES: &str = "it has no end of line within 16 megabytes";

/// Bytes of standard input or of a pipe that are kept: more than any file that is sent this way.
pub const MOST: u64 = 16 << 30;

/// The same of a device, which may have no end: `/dev/urandom`.
pub const MOST_OF_DEVICE: u64 = LONGEST as u64;

/// Keeps what can be read once in a file, as long as it looks like lines or JSON and comes to an end.
pub struct Spool {
    file: File,
    left: u64,
    since_line_end: usize,
    /// What it begins with, but for blanks and marks of encodings, which JSON tells.
    first: Option<u8>,
}

impl Spool {
    /// For at most so many bytes.
    pub fn new(file: File, most: u64) -> Spool {
        Spool { file, left: most, since_line_end: 0, first: None }
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.since_line_end = match bytes.iter().rposition(|b| *b == b'\n' || *b == b'\r') {
            Some(at) => bytes.len() - at,
            None => self.since_line_end + bytes.len(),
        };
        let is_none = |b: &u8| matches!(b, 0 | b' ' | b'\t' | b'\n' | b'\r' | 0xef | 0xbb | 0xbf | 0xfe | 0xff);
        self.first = self.first.or_else(|| bytes.iter().copied().find(|b| !is_none(b)));
        if self.since_line_end > LONGEST && !matches!(self.first, Some(b'{' | b'[')) {
            return Err(io::Error::other(NO_LINES));
        }
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| io::Error::other("it has no end that is in sight; a long file is read by its name"))?;
        self.file
            .write_all(bytes)
            .map_err(|e| io::Error::new(e.kind(), format!("can't keep it in a temporary file: {}", io_message(&e))))?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where in a cell a byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum QuoteState {
    FieldStart,
    Bare,
    Quoted,
    /// Behind a quote inside a quoted cell: the cell's end, or the first of two.
    QuoteInQuoted,
}

impl QuoteState {
    /// The state behind a byte that does, or does not, end a cell outside quotes.
    fn behind(self, byte: u8, is_end: bool) -> QuoteState {
        match (self, byte) {
            (QuoteState::Quoted, b'"') => QuoteState::QuoteInQuoted,
            (QuoteState::Quoted, _) | (QuoteState::QuoteInQuoted, b'"') => QuoteState::Quoted,
            _ if is_end => QuoteState::FieldStart,
            (QuoteState::FieldStart, b'"') => QuoteState::Quoted,
            _ => QuoteState::Bare,
        }
    }
}

/// Delimiters in the order in which a tie is decided.
const DELIMITERS: &[u8] = b",;\t|";

/// How much of a file is looked at for its delimiter.
const SAMPLE: u64 = 1 << 20;

/// What begins like this is no CSV, and how it becomes some. Programs write tables of HTML or XML under names of spreadsheets.
const NO_CSV: &[(&[u8], &str, &str)] = &[
    (b"PK\x03\x04", "a spreadsheet", SAVE),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet", SAVE),
    (b"<", "HTML or XML", OPEN),
    (b"\xef\xbb\xbf<", "HTML or XML", OPEN),
    (b"{\\rt", "RTF", OPEN),
    (b"%PDF", "a PDF file", "export the table as CSV from the program that made it"),
    (b"\x1f\x8b", "compressed", "unpack it with gunzip"),
    (b"\x28\xb5\x2f\xfd", "compressed", "unpack it with unzstd"),
    (b"BZh", "compressed", "unpack it with bunzip2"),
    (b"\xfd7zX", "compressed", "unpack it with unxz"),
];

const SAVE: &str = "save it as 'CSV UTF-8' in the spreadsheet program";

const OPEN: &str = "open it in a spreadsheet program and save it as 'CSV UTF-8'";

/// Rows that are looked at to tell what cells of a column are.
const LOOKED_AT: usize = 100;

impl Source {
    /// Finds out how a file is written. What is neither CSV nor JSON is refused by name. Of JSON, some values may be taken as
    /// they are.
    ///
    /// The path is where it can be found again; what can be read once has none.
    pub fn open(file: File, path: Option<PathBuf>, shown: &str, said: &Said, is_whole: IsWhole<'_>) -> Result<Source> {
        let file = Arc::new(file);
        let stamp = Stamp::of(&file).map_err(|e| unreadable(shown, &e))?;
        let mut start = Vec::new();
        let from_start = FromStart { file: Arc::clone(&file), at: Rc::default() };
        from_start.take(4).read_to_end(&mut start).map_err(|e| unreadable(shown, &e))?;
        if start.is_empty() {
            return Err(Problem::invalid(format!("{shown} is empty")).hint("the first line names the columns").into());
        }
        if let Some((_, what, hint)) = NO_CSV.iter().find(|(magic, ..)| start.starts_with(magic)) {
            return Err(Problem::invalid(format!("{shown} is {what}, neither CSV nor JSON")).hint(*hint).into());
        }
        let from_start = || FromStart { file: Arc::clone(&file), at: Rc::default() };
        let found = encoding::find(from_start, shown, said.encoding.as_deref())?;
        let mut source = Source {
            shown: shown.to_owned(),
            encoding: found.encoding.name().to_lowercase(),
            is_damaged: found.is_damaged,
            is_guess: found.is_guess,
            has_separator_line: false,
            delimiter: b',',
            skip: said.skip,
            header: Vec::new(),
            is_safe: false,
            json: None,
            told_by: Arc::default(),
            file: InputFile::Open { file, stamp, path },
        };
        if let Some(layout) = source.json_layout(said.format.as_deref())? {
            source.find_keys(layout, is_whole)?;
            return Ok(source);
        }
        source.has_separator_line = source.is_separator_line()?;
        source.delimiter = source.find_delimiter()?;
        if let Some(header) = source.rows()?.read()? {
            source.is_safe = header.cells.get(0).is_some_and(|first| first.starts_with(&[SAFE as u8]));
            source.header = header.cells.iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect();
        }
        Ok(source)
    }

    /// How the file is set down if it is JSON, by what is said or by what it begins with.
    fn json_layout(&self, said: Option<&str>) -> Result<Option<json_reader::Layout>> {
        let mut text = Vec::new();
        self.decoded()?.0.take(1 << 16).read_to_end(&mut text).map_err(|e| unreadable(&self.shown, &e))?;
        let text = text.trim_ascii_start();
        // A name of a column may stand in brackets: `[Name],[City]`.
        let in_array = || text[1..].trim_ascii_start().first().copied();
        let is_array = text.first() == Some(&b'[')
            && (said.is_some()
                || in_array().is_none_or(|b| matches!(b, b'{' | b'[' | b']' | b'"' | b'-' | b'0'..=b'9')));
        match (said, is_array) {
            (Some("ndjson"), true) => {
                let sentence = format!("{} is a JSON array, and --format says ndjson", self.shown);
                Err(Problem::usage(sentence).hint("leave --format out, or say --format json").into())
            }
            (None | Some("json"), true) => Ok(Some(json_reader::Layout::Array)),
            (Some("ndjson"), _) => Ok(Some(json_reader::Layout::Lines)),
            (None | Some("json"), _) if text.first() == Some(&b'{') => Ok(Some(json_reader::Layout::Lines)),
            (Some("json"), _) => {
                Err(Problem::invalid(format!("{} is no JSON: it begins with neither [ nor {{", self.shown))
                    .hint("leave --format out to read it as CSV")
                    .into())
            }
            _ => Ok(None),
        }
    }

    /// Reads JSON for the keys of its objects, which are its columns.
    fn find_keys(&mut self, layout: json_reader::Layout, is_whole: IsWhole<'_>) -> Result<()> {
        let rows = JsonRows::new(self.decoded()?.0, layout, 1 + self.skip, Keys::default());
        let (keys, rows, fault) = rows.find_keys(is_whole).map_err(|stop| broken(&self.shown, stop))?;
        if rows == 0 {
            return Err(Problem::invalid(format!("{} holds no rows", self.shown)).into());
        }
        if let Some(fault) = fault.filter(|_| keys.is_empty()) {
            let sentence = format!("{} has no row with a key; line {}: {}", self.shown, fault.line, fault.what);
            return Err(Problem::invalid(sentence).into());
        }
        self.header = keys.header();
        self.json = Some(Json { layout, keys: Arc::new(keys) });
        Ok(())
    }

    /// Of rows that stood in these rows of another file, on these lines.
    pub fn told_by(self, stood: Vec<(u64, u64)>) -> Source {
        Source { told_by: Arc::new(stood), ..self }
    }

    /// The row of another file that one stood in.
    pub fn stood_in(&self, number: u64) -> Option<(u64, u64)> {
        self.told_by.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
    }

    /// Whether its rows stood in another file.
    pub fn is_told_by_another(&self) -> bool {
        !self.told_by.is_empty()
    }

    /// Where it can be found again.
    pub fn path(&self) -> Option<&Path> {
        match &self.file {
            InputFile::Open { path, .. } => path.as_deref(),
            InputFile::Named(named) => Some(&named.path),
        }
    }

    /// The SHA-256 of the file that its rows come from.
    pub fn sha256(&self) -> Result<Digest32> {
        match &self.file {
            InputFile::Open { file, .. } => Ok(digest(file).map_err(|e| unreadable(&self.shown, &e))?),
            InputFile::Named(named) => Ok(named.sha256),
        }
    }

    /// Opens the file that was stored, if it is what it was.
    pub fn take_up(&mut self) -> Result<()> {
        let InputFile::Named(NamedFile { path, sha256 }) = &self.file else { return Ok(()) };
        let unreadable = |e: io::Error| unreadable(&self.shown, &e);
        // A pipe would be waited for.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(Problem::conflict(format!("{} is no longer a file", path.display())).into());
        }
        let file = Arc::new(File::open(path).map_err(unreadable)?);
        let stamp = Stamp::of(&file).map_err(unreadable)?;
        if digest(&file).map_err(unreadable)? != *sha256 {
            let sentence = format!("{} is not what it was when the command was stored", path.display());
            return Err(Problem::conflict(sentence).hint("give the command again, with the file as it is now").into());
        }
        self.file = InputFile::Open { file, stamp, path: Some(path.clone()) };
        Ok(())
    }

    pub fn is_json(&self) -> bool {
        self.json.is_some()
    }

    /// Whether its rows are objects on lines of their own.
    pub fn is_json_lines(&self) -> bool {
        self.json.as_ref().is_some_and(|j| j.layout == json_reader::Layout::Lines)
    }

    /// Whether a column of JSON holds arrays of objects.
    pub fn holds_objects(&self, column: usize) -> bool {
        self.json.as_ref().is_some_and(|j| j.keys.holds_objects(column))
    }

    /// Whether the values of a column of JSON are taken as JSON.
    pub fn is_whole(&self, column: usize) -> bool {
        self.json.as_ref().is_some_and(|j| j.keys.is_whole(column))
    }

    /// Whether cells of a column may be JSON: of a file of JSON where they are taken so, of CSV where some of the first are.
    pub fn may_hold_json(&self, column: usize) -> Result<bool> {
        if self.is_json() {
            return Ok(self.is_whole(column));
        }
        let mut rows = self.rows()?;
        rows.read()?;
        for _ in 0..LOOKED_AT {
            let Some(row) = rows.read()? else { break };
            if row.cells.get(column).is_some_and(|cell| matches!(cell.trim_ascii_start().first(), Some(b'[' | b'{'))) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The line on which a column of JSON comes up first.
    pub fn line_of(&self, column: usize) -> Option<u64> {
        self.json.as_ref().and_then(|j| j.keys.line_of(column))
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.file.open().map_or(0, |(_, stamp)| stamp.0)
    }

    /// An error if somebody wrote to the file since it was opened: its rows were then read as two different things.
    pub fn check_unchanged(&self) -> Result<()> {
        let Some((file, stamp)) = self.file.open() else { return Ok(()) };
        let now = Stamp::of(file).map_err(|e| unreadable(&self.shown, &e))?;
        if now == *stamp { Ok(()) } else { Err(self.changed().into()) }
    }

    pub fn changed(&self) -> Problem {
        Problem::failed(format!("{} changed while it was read; nothing was imported", self.shown))
            .hint("run the import again when nobody writes to the file")
    }

    /// Whether a path names the file that is read.
    pub fn is_at(&self, path: &Path) -> bool {
        let own = self.file.open().and_then(|(file, _)| file.metadata().ok());
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

    /// Whether a cell has lost something on its way to UTF-8: half a pair of UTF-16, a byte that means nothing. A character
    /// that says so and stood in a file of UTF-8 is taken as it is.
    pub fn has_lost(&self, cell: &str) -> bool {
        let is_lost =
            |c: char| c == '\u{fffd}' || (matches!(c, '\u{80}'..='\u{9f}') && !self.encoding.starts_with("utf"));
        self.is_converted() && cell.contains(is_lost)
    }

    /// Whether its bytes are not the UTF-8 that is made of them.
    pub fn is_converted(&self) -> bool {
        self.encoding != "utf-8"
    }

    /// What a file with some of its rows begins with, to be read the same way.
    pub fn mark(&self) -> &'static [u8] {
        match self.encoding.as_str() {
            "utf-16le" => b"\xff\xfe",
            "utf-16be" => b"\xfe\xff",
            "utf-8" if self.is_damaged => b"\xef\xbb\xbf",
            _ => b"",
        }
    }

    /// UTF-8 in the file's own encoding; what it has no character for becomes a question mark.
    pub fn encoded<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let units = |to_bytes: fn(u16) -> [u8; 2]| {
            String::from_utf8_lossy(text).encode_utf16().flat_map(to_bytes).collect::<Vec<u8>>()
        };
        match self.encoding.as_str() {
            "utf-8" => Cow::Borrowed(text),
            "utf-16le" => units(u16::to_le_bytes).into(),
            "utf-16be" => units(u16::to_be_bytes).into(),
            _ => super::encoding::encode(&self.encoding, &String::from_utf8_lossy(text)).into(),
        }
    }

    /// Bytes of the file as UTF-8, as far as they are characters.
    pub fn plain<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        match Encoding::for_label(self.encoding.as_bytes()).filter(|_| self.is_converted()) {
            None => Cow::Borrowed(bytes),
            Some(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned().into_bytes().into(),
        }
    }

    /// The file as UTF-8, from the header on, and how many of its bytes have been read.
    fn decoded(&self) -> Result<(Decoded, Rc<Cell<u64>>)> {
        let (file, _) = self.file.open().ok_or_else(|| anyhow::anyhow!("{} is not open", self.shown))?;
        let at: Rc<Cell<u64>> = Rc::default();
        // Of UTF-8 the bytes pass as they are, good or not; only a byte order mark goes.
        let encoding = Encoding::for_label(self.encoding.as_bytes()).filter(|e| *e != UTF_8);
        let decoded = DecodeReaderBytesBuilder::new()
            .encoding(encoding)
            .utf8_passthru(true)
            .strip_bom(true)
            .bom_override(true)
            .build(FromStart { file: Arc::clone(file), at: Rc::clone(&at) });
        let mut reader = BufReader::with_capacity(1 << 16, decoded);
        let failed = |e: io::Error| unreadable(&self.shown, &e);
        for passed in 0..=self.skip {
            // Behind the last of them something must be left.
            let is_there = match passed < self.skip {
                true => skip_line(&mut reader).map_err(failed)?,
                false => self.skip == 0 || !reader.fill_buf().map_err(failed)?.is_empty(),
            };
            if !is_there {
                let lines = if passed == 1 { "1 line".to_owned() } else { format!("{passed} lines") };
                let sentence = format!("--skip-lines {} leaves nothing of {}: it has {lines}", self.skip, self.shown);
                return Err(Problem::usage(sentence).hint(PASS_OVER).into());
            }
        }
        Ok((reader, at))
    }

    /// Whether the first line is one that tells a spreadsheet the delimiter, quoted or not, alone or filled up with
    /// delimiters.
    fn is_separator_line(&self) -> Result<bool> {
        let mut line = Vec::new();
        self.decoded()?.0.take(64).read_to_end(&mut line).map_err(|e| unreadable(&self.shown, &e))?;
        let line = line.split(|b| *b == b'\n' || *b == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line).to_lowercase();
        let mut rest = line.trim_start().trim_start_matches('"').strip_prefix("sep=").unwrap_or_default().chars();
        Ok(rest.next().is_some() && rest.all(|c| "\",;|\t ".contains(c)))
    }

    /// The delimiter that the header has most of, outside quotes.
    fn find_delimiter(&self) -> Result<u8> {
        let mut state = QuoteState::FieldStart;
        let mut counts = [0_usize; 4];
        let mut is_blank = true;
        let mut reader = self.decoded()?.0;
        if self.has_separator_line {
            skip_line(&mut reader).map_err(|e| unreadable(&self.shown, &e))?;
        }
        for byte in reader.take(SAMPLE).bytes() {
            let byte = byte.map_err(|e| unreadable(&self.shown, &e))?;
            let delimiter = DELIMITERS.iter().position(|d| *d == byte);
            let ends_line = byte == b'\n' || byte == b'\r';
            state = state.behind(byte, delimiter.is_some() || ends_line);
            if let (QuoteState::FieldStart, Some(i)) = (state, delimiter) {
                counts[i] += 1;
            }
            if ends_line && state == QuoteState::FieldStart && !is_blank {
                break;
            }
            is_blank &= ends_line;
        }
        let best = (0..counts.len()).rev().max_by_key(|i| counts[*i]).unwrap_or(0);
        Ok(DELIMITERS[best])
    }

    /// The header, and then, where no more is known of the columns, the rows behind it as their quotes have them.
    pub fn rows(&self) -> Result<FileRows> {
        let (decoded, bytes) = self.decoded()?;
        let records = match &self.json {
            Some(json) => Form::Json(JsonRows::new(decoded, json.layout, 1 + self.skip, Keys::clone(&json.keys))),
            None => Form::Csv(Records::new(decoded, self.delimiter, 1 + self.skip, Layout::default())),
        };
        let header = self.header.iter().map(String::as_bytes).collect();
        let told_by = Arc::clone(&self.told_by);
        Ok(FileRows {
            shown: self.shown.clone(),
            records,
            told_by,
            header,
            cells: csv::ByteRecord::new(),
            number: 0,
            bytes,
        })
    }

    /// For reading lines as they are written, one after another.
    pub fn lines(&self) -> Result<Lines> {
        let (file, _) = self.file.open().ok_or_else(|| anyhow::anyhow!("{} is not open", self.shown))?;
        let from_start = FromStart { file: Arc::clone(file), at: Rc::default() };
        let wide = match self.encoding.as_str() {
            "utf-16le" => Some(u16::from_le_bytes as fn([u8; 2]) -> u16),
            "utf-16be" => Some(u16::from_be_bytes as fn([u8; 2]) -> u16),
            _ => None,
        };
        Ok(Lines { reader: BufReader::with_capacity(1 << 16, from_start), line: 1, wide })
    }
}

/// Reads lines of a file, each behind the one before, in the file's own encoding.
pub struct Lines {
    reader: BufReader<FromStart>,
    line: u64,
    /// Of characters that are two bytes long.
    wide: Option<fn([u8; 2]) -> u16>,
}

impl Lines {
    /// Copies the lines from one up to another, without the end of the last.
    pub fn copy(&mut self, (first, behind): (u64, u64), into: &mut impl Write) -> io::Result<()> {
        let mut end = Vec::new();
        while self.line < behind {
            let is_wanted = self.line >= first;
            if self.line > first {
                into.write_all(&end)?;
            }
            end.clear();
            self.line(is_wanted, into, &mut end)?;
            self.line += 1;
        }
        Ok(())
    }

    /// One line; its end is put aside.
    fn line(&mut self, is_wanted: bool, into: &mut impl Write, end: &mut Vec<u8>) -> io::Result<()> {
        let width = if self.wide.is_some() { 2 } else { 1 };
        loop {
            let bytes = self.reader.fill_buf()?;
            let found = match self.wide {
                None => bytes.iter().position(|b| matches!(b, b'\n' | b'\r')),
                Some(unit) => {
                    let is_end = |c: &[u8]| matches!(unit([c[0], c[1]]), 10 | 13);
                    bytes.chunks_exact(2).position(is_end).map(|n| n * 2)
                }
            };
            // A buffer holds whole characters but at the end of a file that is cut off.
            let n = found.unwrap_or(bytes.len());
            if is_wanted {
                into.write_all(&bytes[..n])?;
            }
            let is_last = bytes.is_empty();
            let is_return = found.is_some_and(|n| bytes[n..n + width].contains(&b'\r'));
            end.extend_from_slice(&bytes[n..n + found.map_or(0, |_| width)]);
            self.reader.consume(n + found.map_or(0, |_| width));
            if found.is_none() {
                if is_last {
                    return Ok(());
                }
                continue;
            }
            let next = self.reader.fill_buf()?;
            let is_feed = match self.wide {
                None => next.first() == Some(&b'\n'),
                Some(unit) => next.len() > 1 && unit([next[0], next[1]]) == 10,
            };
            if is_return && is_feed {
                end.extend_from_slice(&next[..width]);
                self.reader.consume(width);
            }
            return Ok(());
        }
    }
}

/// Rows of a file, one by one.
pub struct FileRows {
    shown: String,
    records: Form,
    /// For each row the number of the one of another file that it stood in, and the line.
    told_by: Arc<Vec<(u64, u64)>>,
    /// What JSON has for a header.
    header: csv::ByteRecord,
    cells: csv::ByteRecord,
    number: u64,
    bytes: Rc<Cell<u64>>,
}

enum Form {
    Csv(Records<Decoded>),
    Json(JsonRows<Decoded>),
}

/// What is wrong with how a row is written.
pub enum RowFault {
    Quote(Fault),
    Json(JsonFault),
}

/// One row: its cells as far as they are known, its number (the header is 0), the line it is told by, and what is wrong
/// with its form.
pub struct FileRow<'a> {
    pub cells: &'a csv::ByteRecord,
    pub number: u64,
    /// The number of the row of another file that it stood in, or its own.
    pub of: u64,
    pub line: u64,
    /// From which line up to which it is written, for [`Lines`].
    pub lines: (u64, u64),
    pub fault: Option<RowFault>,
    /// Of JSON: the columns in which no single value stands, and the line.
    pub shapes: &'a [(usize, Shape, u64)],
    /// Of JSON: as it is written, if it is well-formed.
    pub raw: &'a [u8],
}

impl FileRow<'_> {
    /// What stands in a column of JSON that is no single value, and the line.
    pub fn shape(&self, at: usize) -> Option<(Shape, u64)> {
        self.shapes.iter().find(|(column, ..)| *column == at).map(|(_, shape, line)| (*shape, *line))
    }
}

impl FileRows {
    /// Bytes of the file that were read.
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// Passes over the header, and says what the rows behind it may hold.
    pub fn behind_header(mut self, layout: Layout) -> Result<FileRows> {
        self.read()?;
        if let Form::Csv(records) = &mut self.records {
            records.set_layout(layout);
        }
        Ok(self)
    }

    /// The next row that is not blank.
    pub fn read(&mut self) -> Result<Option<FileRow<'_>>> {
        let number = self.number;
        match &mut self.records {
            Form::Csv(records) => {
                let record = records.read(&mut self.cells).map_err(|e| unreadable(&self.shown, &e))?;
                let Some(record) = record else { return Ok(None) };
                self.number += 1;
                let line = record.fault.as_ref().map_or(record.lines.0, |f| f.line);
                let (cells, fault) = (&self.cells, record.fault.map(RowFault::Quote));
                Ok(Some(FileRow { cells, number, of: number, line, lines: record.lines, fault, shapes: &[], raw: &[] }))
            }
            Form::Json(_) if number == 0 => {
                self.number += 1;
                let cells = &self.header;
                Ok(Some(FileRow {
                    cells,
                    number,
                    of: number,
                    line: 1,
                    lines: (1, 1),
                    fault: None,
                    shapes: &[],
                    raw: &[],
                }))
            }
            Form::Json(rows) => {
                let Some(row) = rows.read(&mut self.cells).map_err(|stop| broken(&self.shown, stop))? else {
                    return Ok(None);
                };
                self.number += 1;
                let (cells, fault) = (&self.cells, row.fault.map(RowFault::Json));
                let (shapes, raw) = (rows.shapes(), rows.raw());
                let told_by = usize::try_from(number - 1).ok().and_then(|at| self.told_by.get(at));
                let (of, line) = told_by.copied().unwrap_or((number, row.line));
                Ok(Some(FileRow { cells, number, of, line, lines: row.lines, fault, shapes, raw }))
            }
        }
    }
}

/// Why a file of JSON can't be read on.
fn broken(shown: &str, stop: Stop) -> Problem {
    match stop {
        Stop::Io(e) => unreadable(shown, &e),
        Stop::TooLong => {
            Problem::invalid(format!("{shown} is no JSON: there is nothing in {} MB of it", LONGEST >> 20))
        }
        Stop::TooManyKeys(line) => {
            let sentence =
                format!("{shown} has more than {} different keys, the next on line {line}", json_reader::MOST_KEYS);
            Problem::invalid(sentence).hint("keys name columns; what differs from row to row belongs to values")
        }
        Stop::Broken(at) => {
            let sentence = format!("{shown} is broken JSON: line {}, column {}: {}", at.line, at.column, at.what);
            Problem::invalid(sentence).hint("is the file complete? nothing of it was imported")
        }
    }
}

/// Where the first line is no header.
pub const PASS_OVER: &str = "the first line names the columns; --skip-lines N passes over lines before it";

/// Where a quote stands wrong.
pub const QUOTES: &str = "is the file complete? in a quoted cell each quote is written twice";

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (u64, Vec<String>, Option<(u64, String)>);

    /// Rows as text, with the line and what is wrong.
    fn read(bytes: &[u8], encoding: Option<&str>) -> Vec<Read> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), bytes).expect("written");
        let said = Said { encoding: encoding.map(str::to_owned), ..Said::default() };
        let source =
            Source::open(file.reopen().expect("open"), None, "the file", &said, &|_| json_reader::TakenWhole::Nothing)
                .expect("a CSV file");
        let mut rows = source.rows().expect("rows");
        let mut found = Vec::new();
        while let Some(row) = rows.read().expect("a row") {
            let cells = row.cells.iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect();
            let fault = row.fault.map(|f| match f {
                RowFault::Quote(f) => (f.line, f.what.to_string()),
                RowFault::Json(f) => (f.line, f.what.to_string()),
            });
            found.push((row.line, cells, fault));
        }
        found
    }

    #[test]
    fn encodings_and_delimiters_are_found_out() {
        let utf16: Vec<u8> =
            [0xfeff_u16].into_iter().chain("a;b\r\né;2\r\n".encode_utf16()).flat_map(u16::to_le_bytes).collect();
        for (bytes, encoding, first) in [
            (&utf16[..], None, "é"),
            (b"\xef\xbb\xbfa\tb\n\xc3\xa9\t2\n".as_slice(), None, "é"),
            (b"a|b\rCaf\xe9|2\r", Some("windows-1252"), "Café"),
        ] {
            let rows = read(bytes, encoding);
            assert_eq!(rows[0].1, ["a", "b"], "{bytes:?}");
            assert_eq!(rows[1].1, [first, "2"], "{bytes:?}");
            assert_eq!(rows[1].0, 2);
        }
    }
}
