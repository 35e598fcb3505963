//! The bytes of JSON text (RFC 8259) as they stream by: strings, numbers and what may stand between them, and the line and
//! column of what is wrong. No more than one row is kept in memory.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::io::{self, Read};

use super::csv_reader::LONGEST;

/// Bytes that are asked for at once.
const CHUNK: usize = 1 << 16;

/// Levels of objects and arrays inside each other.
pub const DEEPEST: usize = 100;

/// Where JSON ends to be any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub line: u64,
    /// Counted in characters from 1.
    pub column: u64,
    pub what: String,
}

/// Why reading can't go on.
#[derive(Debug)]
pub enum Stop {
    Io(io::Error),
    Broken(Broken),
    /// A row is longer than any may be.
    TooLong,
    /// The rows have more different keys than any table has columns.
    TooManyKeys(u64),
}

impl From<io::Error> for Stop {
    fn from(e: io::Error) -> Stop {
        Stop::Io(e)
    }
}

/// What is wrong with JSON that is well-formed: which value of it can't be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A key stands twice in one object.
    Twice,
    TooDeep,
    /// Half of a pair of UTF-16.
    HalfCharacter,
}

/// Reads bytes, and knows on which line.
pub struct Input<R> {
    inner: R,
    buffer: Vec<u8>,
    filled: usize,
    /// Where the row begins: what is before it is let go.
    row: usize,
    /// The next byte.
    at: usize,
    line: u64,
    /// Where the line begins, or the part of it that is still here, and the characters of it before that.
    line_start: usize,
    before: u64,
    is_end: bool,
    hasher: RandomState,
}

impl<R: Read> Input<R> {
    pub fn new(inner: R, line: u64) -> Input<R> {
        Input {
            inner,
            buffer: vec![0; 2 * CHUNK],
            filled: 0,
            row: 0,
            at: 0,
            line,
            line_start: 0,
            before: 0,
            is_end: false,
            hasher: RandomState::new(),
        }
    }

    pub fn line(&self) -> u64 {
        self.line
    }

    /// Lets go of everything before the next byte.
    pub fn begin_row(&mut self) {
        if self.line_start < self.at {
            self.before += characters(&self.buffer[self.line_start..self.at]);
            self.line_start = self.at;
        }
        self.row = self.at;
    }

    /// The next byte, counted from the row's first.
    pub fn position(&self) -> usize {
        self.at - self.row
    }

    /// Bytes of the row, from a position up to the next byte.
    pub fn since(&self, position: usize) -> &[u8] {
        &self.buffer[self.row + position..self.at]
    }

    /// The column of the next character, from 1.
    pub fn column(&self) -> u64 {
        self.before + characters(&self.buffer[self.line_start.min(self.at)..self.at]) + 1
    }

    fn fill(&mut self) -> Result<bool, Stop> {
        if self.is_end {
            return Ok(false);
        }
        if self.at - self.row > LONGEST {
            return Err(Stop::TooLong);
        }
        if self.row > 0 {
            let gone = self.row;
            self.buffer.copy_within(gone..self.filled, 0);
            self.filled -= gone;
            self.at -= gone;
            if self.line_start < gone {
                // Of the line that the row stands on, what is before it has been counted.
                self.line_start = 0;
            } else {
                self.line_start -= gone;
            }
            self.row = 0;
        }
        if self.buffer.len() - self.filled < CHUNK {
            self.buffer.resize((self.buffer.len() * 2).max(self.filled + CHUNK), 0);
        } else if self.buffer.len() > 8 * CHUNK && self.filled < CHUNK {
            // What a long row took is given back.
            self.buffer.truncate(2 * CHUNK);
            self.buffer.shrink_to_fit();
        }
        let n = loop {
            match self.inner.read(&mut self.buffer[self.filled..self.filled + CHUNK]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                done => break done?,
            }
        };
        self.filled += n;
        self.is_end = n == 0;
        Ok(n > 0)
    }

    /// The next byte, which stays the next.
    pub fn peek(&mut self) -> Result<Option<u8>, Stop> {
        while self.at >= self.filled {
            if !self.fill()? {
                return Ok(None);
            }
        }
        Ok(Some(self.buffer[self.at]))
    }

    /// Passes over the next byte, which was looked at.
    pub fn pass(&mut self) {
        self.at += 1;
    }

    /// Passes over the next byte if it is this one.
    pub fn takes(&mut self, byte: u8) -> Result<bool, Stop> {
        let is_it = self.peek()? == Some(byte);
        self.at += usize::from(is_it);
        Ok(is_it)
    }

    /// Passes over blanks and line ends.
    pub fn blanks(&mut self) -> Result<(), Stop> {
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.peek()? {
            self.at += 1;
            self.end_line(byte)?;
        }
        Ok(())
    }

    /// As [`Input::blanks`], between rows: none of them is kept.
    pub fn blanks_between(&mut self) -> Result<(), Stop> {
        self.begin_row();
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.peek()? {
            self.at += 1;
            self.end_line(byte)?;
            self.begin_row();
        }
        Ok(())
    }

    /// Passes over the blanks of a line; whether something else stands on it.
    pub fn blanks_of_line(&mut self) -> Result<bool, Stop> {
        while let Some(b' ' | b'\t') = self.peek()? {
            self.at += 1;
        }
        Ok(!matches!(self.peek()?, None | Some(b'\n' | b'\r')))
    }

    /// Counts a line, if the byte that was passed ends one.
    fn end_line(&mut self, byte: u8) -> Result<(), Stop> {
        let ends = byte == b'\n' || (byte == b'\r' && self.peek()? != Some(b'\n'));
        if ends {
            self.line += 1;
            (self.line_start, self.before) = (self.at, 0);
        }
        Ok(())
    }

    /// Back to the row's first byte, on the line on which that stands.
    pub fn back_to_row(&mut self, line: u64) {
        (self.at, self.line) = (self.row, line);
    }

    /// Passes over the rest of a line, however long it is; false at the end of the file.
    pub fn skip_line(&mut self) -> Result<bool, Stop> {
        loop {
            self.row = self.at;
            let Some(_) = self.peek()? else { return Ok(false) };
            let rest = &self.buffer[self.at..self.filled];
            match rest.iter().position(|b| matches!(b, b'\n' | b'\r')) {
                None => self.at = self.filled,
                Some(n) => {
                    let byte = rest[n];
                    self.at += n + 1;
                    self.row = self.at;
                    if byte == b'\r' && self.takes(b'\n')? {
                        self.row = self.at;
                    }
                    self.line += 1;
                    (self.line_start, self.before) = (self.at, 0);
                    return Ok(true);
                }
            }
        }
    }

    /// Says that something else is expected here.
    pub fn broken<T>(&mut self, expected: &str) -> Result<T, Stop> {
        // The longest character.
        self.next_is(&[0; 4])?;
        let found = std::str::from_utf8(&self.buffer[self.at..self.filled.min(self.at + 4)])
            .map_or_else(|e| e.valid_up_to(), str::len);
        let found = String::from_utf8_lossy(&self.buffer[self.at..self.at + found]).chars().next();
        let found = match found {
            None if self.at >= self.filled => "the end of the file".to_owned(),
            Some('\n' | '\r') => "the end of the line".to_owned(),
            Some(c) if c.is_control() => format!("U+{:04X}", u32::from(c)),
            Some(c) => format!("'{c}'"),
            None => "a byte that is no character".to_owned(),
        };
        let what = format!("{expected} is expected, not {found}");
        Err(Stop::Broken(Broken { line: self.line, column: self.column(), what }))
    }

    /// The rest of a string, behind its opening quote.
    pub fn string(&mut self, into: &mut Vec<u8>) -> Result<Option<Flaw>, Stop> {
        let mut flaw = None;
        loop {
            let Some(_) = self.peek()? else { return self.broken("the quote that closes a text") };
            let rest = &self.buffer[self.at..self.filled];
            let n = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
            into.extend_from_slice(&rest[..n]);
            self.at += n;
            match self.peek()? {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(flaw);
                }
                Some(b'\\') => flaw = self.escape(into)?.or(flaw),
                Some(0..=0x1f) => return self.broken("the quote that closes a text, or an escape like \\n,"),
                _ => {}
            }
        }
    }

    /// A character that is written as an escape.
    fn escape(&mut self, into: &mut Vec<u8>) -> Result<Option<Flaw>, Stop> {
        self.at += 1;
        let plain = match self.peek()? {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                self.at += 1;
                return self.units(into);
            }
            _ => return self.broken("one of \" \\ / b f n r t u"),
        };
        self.at += 1;
        into.push(plain);
        Ok(None)
    }

    /// A character that is written as one or two units of UTF-16, behind `\u`.
    fn units(&mut self, into: &mut Vec<u8>) -> Result<Option<Flaw>, Stop> {
        let mut units = vec![self.unit()?];
        let mut flaw = None;
        while matches!(units.last(), Some(0xd800..=0xdbff)) && self.next_is(b"\\u")? {
            self.at += 2;
            units.push(self.unit()?);
        }
        for c in char::decode_utf16(units) {
            flaw = flaw.or(c.is_err().then_some(Flaw::HalfCharacter));
            into.extend_from_slice(c.unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(flaw)
    }

    fn unit(&mut self) -> Result<u16, Stop> {
        let mut unit = 0;
        for _ in 0..4 {
            let digit = self.peek()?.and_then(|b| char::from(b).to_digit(16));
            let Some(digit) = digit else { return self.broken("a hexadecimal digit") };
            unit = unit * 16 + digit as u16;
            self.at += 1;
        }
        Ok(unit)
    }

    /// Whether these bytes are next.
    fn next_is(&mut self, bytes: &[u8]) -> Result<bool, Stop> {
        while self.filled - self.at < bytes.len() {
            if !self.fill()? {
                return Ok(false);
            }
        }
        Ok(self.buffer[self.at..].starts_with(bytes))
    }

    /// A number, as it is written, or `true`, `false`, `null`.
    pub fn word(&mut self, into: &mut Vec<u8>) -> Result<(), Stop> {
        let first = self.peek()?;
        for word in [&b"true"[..], b"false", b"null"] {
            if first == word.first().copied() && self.next_is(word)? {
                self.at += word.len();
                into.extend_from_slice(word);
                return Ok(());
            }
        }
        if !matches!(first, Some(b'-' | b'0'..=b'9')) {
            return self.broken("a value");
        }
        if self.takes(b'-')? {
            into.push(b'-');
        }
        match self.takes(b'0')? {
            true => into.push(b'0'),
            false => self.digits(into)?,
        }
        if self.takes(b'.')? {
            into.push(b'.');
            self.digits(into)?;
        }
        if let Some(byte @ (b'e' | b'E')) = self.peek()? {
            self.at += 1;
            into.push(byte);
            if let Some(sign @ (b'+' | b'-')) = self.peek()? {
                self.at += 1;
                into.push(sign);
            }
            self.digits(into)?;
        }
        Ok(())
    }

    /// One digit or more.
    fn digits(&mut self, into: &mut Vec<u8>) -> Result<(), Stop> {
        let before = into.len();
        while let Some(digit @ b'0'..=b'9') = self.peek()? {
            self.at += 1;
            into.push(digit);
        }
        if into.len() == before { self.broken("a digit") } else { Ok(()) }
    }

    /// Passes over a value of any form; the line of the first flaw in it.
    pub fn any(&mut self, depth: usize) -> Result<Option<(u64, Flaw)>, Stop> {
        let (line, mut text) = (self.line, Vec::new());
        match self.peek()? {
            Some(b'"') => {
                self.at += 1;
                Ok(self.string(&mut text)?.map(|flaw| (line, flaw)))
            }
            Some(b'{' | b'[') if depth > DEEPEST => {
                self.brackets()?;
                Ok(Some((line, Flaw::TooDeep)))
            }
            Some(b'{') => {
                self.at += 1;
                self.any_object(depth, None)
            }
            Some(b'[') => {
                self.at += 1;
                let mut flaw = None;
                self.blanks()?;
                if self.takes(b']')? {
                    return Ok(flaw);
                }
                loop {
                    flaw = flaw.or(self.any(depth + 1)?);
                    self.blanks()?;
                    if !self.takes(b',')? {
                        break;
                    }
                    self.blanks()?;
                }
                if self.takes(b']')? { Ok(flaw) } else { self.broken("',' or ']'") }
            }
            _ => self.word(&mut text).map(|()| None),
        }
    }

    /// Passes over the rest of an object, behind its bracket or its first key.
    pub fn any_object(&mut self, depth: usize, first: Option<&[u8]>) -> Result<Option<(u64, Flaw)>, Stop> {
        let (mut flaw, mut keys) = (None, HashSet::new());
        self.blanks()?;
        if first.is_none() && self.takes(b'}')? {
            return Ok(flaw);
        }
        let mut first = first;
        loop {
            match first.take() {
                Some(key) => drop(keys.insert(self.hasher.hash_one(key))),
                None => {
                    let (line, mut key) = (self.line, Vec::new());
                    if !self.takes(b'"')? {
                        return self.broken("a key in quotes");
                    }
                    let half = self.string(&mut key)?;
                    let twice = (!keys.insert(self.hasher.hash_one(&key[..]))).then_some(Flaw::Twice);
                    flaw = flaw.or(half.or(twice).map(|flaw| (line, flaw)));
                    self.blanks()?;
                }
            }
            if !self.takes(b':')? {
                return self.broken("':'");
            }
            self.blanks()?;
            flaw = flaw.or(self.any(depth + 1)?);
            self.blanks()?;
            if !self.takes(b',')? {
                break;
            }
            self.blanks()?;
        }
        if self.takes(b'}')? { Ok(flaw) } else { self.broken("',' or '}'") }
    }

    /// Passes over what is deeper than any row may be, up to the bracket that closes it.
    pub fn brackets(&mut self) -> Result<(), Stop> {
        let (mut open, mut text) = (Vec::new(), Vec::new());
        loop {
            self.blanks()?;
            match self.peek()? {
                Some(byte @ (b'{' | b'[')) => open.push(byte + 2),
                Some(byte @ (b'}' | b']')) => match open.pop() {
                    Some(closing) if closing == byte => {}
                    Some(closing) => return self.broken(&format!("'{}'", char::from(closing))),
                    None => return Ok(()),
                },
                Some(b'"') => {
                    self.at += 1;
                    text.clear();
                    self.string(&mut text)?;
                    continue;
                }
                Some(_) => {}
                None => return self.broken("a bracket that closes what is open"),
            }
            self.at += 1;
            if open.is_empty() {
                return Ok(());
            }
        }
    }
}

/// Characters of UTF-8.
fn characters(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| !matches!(b, 0x80..=0xbf)).count() as u64
}
