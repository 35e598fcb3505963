//! Watches the bytes of a CSV file on their way to the csv crate, which would quietly change what is quoted wrongly.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read};
use std::rc::Rc;

/// A quote where none may stand (RFC 4180, section 2, rules 5 to 7). The csv crate would quietly change the cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub line: u64,
    pub what: &'static str,
    pub offset: u64,
}

/// What the watcher saw and the reader has not come to yet.
#[derive(Default)]
pub struct Seen {
    /// Byte and line on which each record begins: the csv crate counts only line feeds, files know lone returns too.
    pub starts: VecDeque<(u64, u64)>,
    pub faults: VecDeque<Fault>,
}

/// The one fault that is the file's and not the row's: what follows the quote is no longer rows.
pub const NEVER_CLOSED: &str = "a quote is opened and never closed";

/// Where in a cell a byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    FieldStart,
    Bare,
    Quoted,
    /// Behind a quote inside a quoted cell: the cell's end, or the first of two.
    QuoteInQuoted,
}

impl State {
    /// The state behind a byte that does, or does not, end a cell outside quotes.
    pub fn behind(self, byte: u8, is_end: bool) -> State {
        match (self, byte) {
            (State::Quoted, b'"') => State::QuoteInQuoted,
            (State::Quoted, _) | (State::QuoteInQuoted, b'"') => State::Quoted,
            _ if is_end => State::FieldStart,
            (State::FieldStart, b'"') => State::Quoted,
            _ => State::Bare,
        }
    }
}

/// Bytes that one row may have. What is longer is no row: a quote was opened and never closed.
const LONGEST_ROW: u64 = 16 << 20;

/// A row that is longer than any may be.
#[derive(Debug)]
pub struct TooLong {
    pub line: u64,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: the row is longer than {} MB", self.line, LONGEST_ROW >> 20)
    }
}
impl std::error::Error for TooLong {}

/// Passes bytes on and watches the quotes in them.
pub struct Strict<R> {
    inner: R,
    delimiter: u8,
    state: State,
    line: u64,
    offset: u64,
    /// Byte and line on which the row began.
    began: (u64, u64),
    /// Line on which the quoted cell began.
    opened: u64,
    after_cr: bool,
    between_records: bool,
    seen: Rc<RefCell<Seen>>,
}

impl<R> Strict<R> {
    pub fn new(inner: R, delimiter: u8, line: u64, seen: Rc<RefCell<Seen>>) -> Strict<R> {
        Strict {
            inner,
            delimiter,
            state: State::FieldStart,
            line,
            offset: 0,
            began: (0, line),
            opened: line,
            after_cr: false,
            between_records: true,
            seen,
        }
    }

    fn watch(&mut self, byte: u8) {
        let ends_line = byte == b'\n' || byte == b'\r';
        if self.between_records && !ends_line {
            self.began = (self.offset, self.line);
            self.seen.borrow_mut().starts.push_back(self.began);
            self.between_records = false;
        }
        let before = self.state;
        self.state = before.behind(byte, byte == self.delimiter || ends_line);
        match (before, self.state) {
            (State::FieldStart, State::Quoted) => self.opened = self.line,
            (State::QuoteInQuoted, State::Bare) => self.fault(self.line, "there is text behind a closing quote"),
            (State::Bare, State::Bare) if byte == b'"' => {
                self.fault(self.line, "a quote stands inside a cell that is not quoted");
            }
            _ => {}
        }
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
        if !self.between_records && self.offset - self.began.0 > LONGEST_ROW {
            return Err(io::Error::other(TooLong { line: self.began.1 }));
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
