//! Rows of JSON: of lines, each an object, or of an array of objects.
//!
//! What an object holds becomes the cells of a row: the keys of objects inside it are joined by dots (`address.city`), the
//! members of an array by `;`. The columns are all keys that any row has, in the order in which they come up, so the file
//! is read once for these. What a cell can't be is told with the row: its path, and the line on which it stands.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

use super::columns::is_reject_column;
use super::csv_reader::{LONGEST, is_blank};
use super::json_input::{Broken, DEEPEST, Flaw, Input, Stop};
use crate::model::values::scalar::truncate;
use crate::model::values::set;

/// Different keys that one file may have.
pub const MOST_KEYS: usize = 10_000;

/// Bytes of the longest path of keys.
const LONGEST_PATH: usize = 1000;

/// How the objects of a file are set down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// One behind the other, each begins on a line of its own.
    Lines,
    Array,
}

/// What stands where a row wants one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Members, each one value.
    List,
    /// Members of which one holds what stands between members of a cell.
    Divided,
    /// Members that are no single values.
    Nested,
    Object,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shape::List => "an array stands where one value is wanted",
            Shape::Divided => "a member of the array holds a ';', ',' or '|', which separate members",
            Shape::Nested => "an array of objects or arrays stands where single values are wanted",
            Shape::Object => "an object stands where one value is wanted",
        })
    }
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonFault {
    pub line: u64,
    /// The keys that lead to it, where it is in a value.
    pub path: Option<String>,
    pub what: JsonWhat,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonWhat {
    /// At this column.
    Broken(u64, String),
    TooLong,
    /// What the row is instead of an object.
    NoObject(&'static str),
    Flawed(Flaw),
    LongPath,
    NoDate(String),
}

impl fmt::Display for JsonWhat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JsonWhat::Broken(column, what) => write!(f, "broken JSON in column {column}: {what}"),
            JsonWhat::TooLong => write!(f, "the row is longer than {} MB", LONGEST >> 20),
            JsonWhat::NoObject(what) => {
                write!(f, "{what} stands where an object is wanted, whose keys name the columns")
            }
            JsonWhat::Flawed(Flaw::Twice) => f.write_str("the key stands twice in one object"),
            JsonWhat::Flawed(Flaw::TooDeep) => write!(f, "the value is deeper than {DEEPEST} levels"),
            JsonWhat::Flawed(Flaw::HalfCharacter) => {
                f.write_str("the text holds half of a character (\\ud800 to \\udfff)")
            }
            JsonWhat::LongPath => write!(f, "the keys are together longer than {LONGEST_PATH} bytes"),
            JsonWhat::NoDate(text) => write!(f, "no time is meant by '{}'", truncate(text)),
        }
    }
}

/// What leads to values: a path of keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Node {
    path: Vec<u8>,
    /// Its values are taken as JSON, whatever they are.
    is_whole: bool,
    /// They are so where rows have objects there, or arrays of such.
    may_be_whole: bool,
    /// What rows have there.
    has_value: bool,
    has_blank: bool,
    has_object: bool,
    has_nested: bool,
    line: u64,
    column: Option<usize>,
}

/// The paths that a file has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Node>", into = "Vec<Node>")]
pub struct Keys {
    nodes: Vec<Node>,
    by_path: HashMap<Vec<u8>, usize>,
}

impl From<Vec<Node>> for Keys {
    fn from(nodes: Vec<Node>) -> Keys {
        let by_path = nodes.iter().enumerate().map(|(at, node)| (node.path.clone(), at)).collect();
        Keys { nodes, by_path }
    }
}

impl From<Keys> for Vec<Node> {
    fn from(keys: Keys) -> Vec<Node> {
        keys.nodes
    }
}

impl Keys {
    /// Makes columns of the paths at which values stand.
    fn settle(&mut self) {
        let mut n = 0;
        let mut whole: Vec<Vec<u8>> = Vec::new();
        for node in &mut self.nodes {
            if node.may_be_whole && (node.has_nested || node.has_object) {
                (node.is_whole, node.has_value) = (true, true);
                whole.push([node.path.as_slice(), b"."].concat());
            }
            if whole.iter().any(|outer| node.path.starts_with(outer)) {
                continue;
            }
            if node.has_value || (node.has_blank && !node.has_object) {
                node.column = Some(n);
                n += 1;
            }
        }
    }

    fn columns(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|n| n.column.is_some())
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.columns().next().is_none()
    }

    /// The columns by name.
    pub fn header(&self) -> Vec<String> {
        self.columns().map(|n| String::from_utf8_lossy(&n.path).into_owned()).collect()
    }

    /// Whether arrays of objects stand in a column.
    pub fn holds_objects(&self, column: usize) -> bool {
        self.columns().nth(column).is_some_and(|n| n.has_nested)
    }

    /// Whether the values of a column are taken as JSON.
    pub fn is_whole(&self, column: usize) -> bool {
        self.columns().nth(column).is_some_and(|n| n.is_whole)
    }

    /// The line on which a column comes up first.
    pub fn line_of(&self, column: usize) -> Option<u64> {
        self.columns().nth(column).map(|n| n.line)
    }
}

/// A row, or what stands where one was to be.
#[derive(Debug)]
pub struct JsonRow {
    pub line: u64,
    /// From which line up to which it is written, where it has lines of its own.
    pub lines: (u64, u64),
    pub fault: Option<JsonFault>,
}

/// What is taken as JSON, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenWhole {
    Nothing,
    /// All values.
    Always,
    /// All values, where any is an object or an array of such.
    Objects,
}

/// Which values at a path are taken as JSON.
pub type IsWhole<'a> = &'a dyn Fn(&str) -> TakenWhole;

/// Reads rows.
pub struct JsonRows<R> {
    input: Input<R>,
    layout: Layout,
    keys: Keys,
    has_begun: bool,
    is_done: bool,
    /// The keys that lead to where it reads.
    path: Vec<u8>,
    /// The path that is likely next.
    next: usize,
    /// For each path the last row that has it; and what stands there, in the text.
    seen: Vec<u64>,
    spans: Vec<Option<(usize, usize)>>,
    text: Vec<u8>,
    /// What columns have that is no single value, and the line.
    shapes: Vec<(usize, Shape, u64)>,
    row: u64,
    fault: Option<JsonFault>,
    /// Where the row's text is, once it is read.
    length: usize,
}

impl<R: Read> JsonRows<R> {
    /// Behind lines that were passed over.
    pub fn new(input: R, layout: Layout, line: u64, keys: Keys) -> JsonRows<R> {
        JsonRows {
            input: Input::new(input, line),
            layout,
            has_begun: false,
            is_done: false,
            path: Vec::new(),
            next: 0,
            seen: vec![0; keys.nodes.len()],
            spans: vec![None; keys.nodes.len()],
            keys,
            text: Vec::new(),
            shapes: Vec::new(),
            row: 0,
            fault: None,
            length: 0,
        }
    }

    /// Reads the whole file for its keys, how many rows there are, and what is wrong with the first that is. Which keys are
    /// taken as JSON whatever they hold, their names tell.
    pub fn find_keys(mut self, is_whole: IsWhole<'_>) -> Result<(Keys, u64, Option<JsonFault>), Stop> {
        let (mut rows, mut fault) = (0, None);
        while let Some(row) = self.next(Some(is_whole))? {
            rows += 1;
            fault = fault.or(row.fault);
        }
        self.keys.settle();
        Ok((self.keys, rows, fault))
    }

    /// The next row that is not blank; its cells, as far as they are known.
    pub fn read(&mut self, cells: &mut csv::ByteRecord) -> Result<Option<JsonRow>, Stop> {
        while let Some(row) = self.next(None)? {
            let columns = self.keys.nodes.iter().zip(&self.spans).filter(|(n, _)| n.column.is_some());
            let cell = |span: &Option<(usize, usize)>| span.map_or(&b""[..], |(a, b)| &self.text[a..b]);
            let own = columns.clone().filter(|(n, _)| !std::str::from_utf8(&n.path).is_ok_and(is_reject_column));
            if row.fault.is_none() && self.shapes.is_empty() && is_blank(own.map(|(_, span)| cell(span))) {
                continue;
            }
            cells.clear();
            columns.for_each(|(_, span)| cells.push_field(cell(span)));
            return Ok(Some(row));
        }
        Ok(None)
    }

    /// What stands in the columns of the row that is no single value.
    pub fn shapes(&self) -> &[(usize, Shape, u64)] {
        &self.shapes
    }

    /// The row as it is written, if it is well-formed.
    pub fn raw(&self) -> &[u8] {
        let raw = self.input.since(0);
        &raw[..self.length.min(raw.len())]
    }

    fn next(&mut self, grows: Option<IsWhole<'_>>) -> Result<Option<JsonRow>, Stop> {
        self.row += 1;
        self.next = 0;
        self.length = 0;
        self.spans.iter_mut().for_each(|s| *s = None);
        self.text.clear();
        self.shapes.clear();
        self.path.clear();
        self.fault = None;
        match self.layout {
            Layout::Lines => self.next_of_lines(grows),
            Layout::Array => self.next_of_array(grows),
        }
    }

    fn next_of_array(&mut self, grows: Option<IsWhole<'_>>) -> Result<Option<JsonRow>, Stop> {
        if self.is_done {
            return Ok(None);
        }
        self.input.blanks_between()?;
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        if is_first {
            if !self.input.takes(b'[')? {
                return self.input.broken("'['");
            }
            self.input.blanks()?;
        }
        let is_end = match is_first {
            true => self.input.takes(b']')?,
            false if self.input.takes(b',')? => false,
            false if self.input.takes(b']')? => true,
            false => return self.input.broken("',' or ']'"),
        };
        self.input.blanks_between()?;
        if is_end {
            self.is_done = true;
            return match self.input.peek()? {
                None => Ok(None),
                Some(_) => self.input.broken("the end of the file behind the array"),
            };
        }
        let line = self.input.line();
        let done = self.object(grows);
        if let Err(Stop::TooLong) = done {
            let what = format!("one element of the array is longer than {} MB", LONGEST >> 20);
            return Err(Stop::Broken(Broken { line, column: 1, what }));
        }
        done?;
        self.length = self.input.position();
        let fault = self.fault.take();
        Ok(Some(JsonRow { line: fault.as_ref().map_or(line, |f| f.line), lines: (line, line), fault }))
    }

    fn next_of_lines(&mut self, grows: Option<IsWhole<'_>>) -> Result<Option<JsonRow>, Stop> {
        self.input.blanks_between()?;
        if self.input.peek()?.is_none() {
            return Ok(None);
        }
        let (line, indent) = (self.input.line(), self.input.column());
        let mut read = self.object(grows);
        if read.is_ok() {
            self.length = self.input.position();
            match self.input.blanks_of_line() {
                Ok(true) => read = self.input.broken("the end of the line behind the object"),
                Ok(false) => {}
                Err(e) => read = Err(e),
            }
        }
        let wrong = match read {
            Ok(()) => None,
            Err(stop @ (Stop::Io(_) | Stop::TooManyKeys(_))) => return Err(stop),
            Err(Stop::TooLong) => Some((line, JsonWhat::TooLong)),
            Err(Stop::Broken(broken)) => Some((broken.line, JsonWhat::Broken(broken.column, broken.what))),
        };
        let behind = match wrong {
            None => self.input.line() + 1,
            Some((at, what)) => {
                self.fault = Some(JsonFault { line: at, path: None, what });
                self.length = 0;
                self.go_on(line, indent, at)?
            }
        };
        let fault = self.fault.take();
        Ok(Some(JsonRow { line: fault.as_ref().map_or(line, |f| f.line), lines: (line, behind), fault }))
    }

    /// Goes on behind a row that is broken: at the next line that is no further in, on which an object begins, or anything
    /// where the row is broken on its first line. Which line that is.
    fn go_on(&mut self, line: u64, indent: u64, broken: u64) -> Result<u64, Stop> {
        self.input.back_to_row(line);
        while self.input.skip_line()? {
            self.input.blanks_of_line()?;
            let begins = match self.input.peek()? {
                None => true,
                Some(b'\n' | b'\r' | b'}' | b']' | b',') => false,
                Some(byte) => (byte == b'{' || broken == line) && self.input.column() <= indent,
            };
            if begins {
                return Ok(self.input.line());
            }
        }
        Ok(self.input.line() + 1)
    }

    fn blame(&mut self, line: u64, what: JsonWhat) {
        let path = String::from_utf8_lossy(&self.path).into_owned();
        let path = (!path.is_empty()).then_some(path);
        self.fault.get_or_insert(JsonFault { line, path, what });
    }

    fn flawed(&mut self, flaw: Option<(u64, Flaw)>) {
        if let Some((line, flaw)) = flaw {
            self.blame(line, JsonWhat::Flawed(flaw));
        }
    }

    /// The object that is a row.
    fn object(&mut self, grows: Option<IsWhole<'_>>) -> Result<(), Stop> {
        let line = self.input.line();
        let what = match self.input.peek()? {
            Some(b'{') => {
                self.input.pass();
                self.input.blanks()?;
                if !self.input.takes(b'}')? {
                    self.members(1, None, grows)?;
                }
                return if self.input.position() > LONGEST { Err(Stop::TooLong) } else { Ok(()) };
            }
            Some(b'[') => "an array",
            Some(b'"') => "a text",
            Some(b'n') => "null",
            Some(b't' | b'f') => "true or false",
            Some(b'-' | b'0'..=b'9') => "a number",
            _ => return self.input.broken("an object"),
        };
        let flaw = self.input.any(1)?;
        self.flawed(flaw);
        self.blame(line, JsonWhat::NoObject(what));
        Ok(())
    }

    /// A key, behind its opening quote, and its line.
    fn key(&mut self) -> Result<(Vec<u8>, u64), Stop> {
        let (line, mut key) = (self.input.line(), Vec::new());
        if !self.input.takes(b'"')? {
            return self.input.broken("a key in quotes");
        }
        let half = self.input.string(&mut key)?;
        self.flawed(half.map(|flaw| (line, flaw)));
        Ok((key, line))
    }

    /// The members of an object, behind its bracket and perhaps its first key, up to its end.
    fn members(&mut self, depth: usize, first: Option<(Vec<u8>, u64)>, grows: Option<IsWhole<'_>>) -> Result<(), Stop> {
        let (base, mut first) = (self.path.len(), first);
        loop {
            let (key, line) = match first.take() {
                Some(first) => first,
                None => self.key()?,
            };
            if base > 0 {
                self.path.push(b'.');
            }
            self.path.extend_from_slice(&key);
            self.input.blanks()?;
            if !self.input.takes(b':')? {
                return self.input.broken("':'");
            }
            self.input.blanks()?;
            if self.path.len() > LONGEST_PATH {
                self.path.truncate(LONGEST_PATH);
                self.blame(line, JsonWhat::LongPath);
                self.input.any(depth + 1)?;
            } else {
                match self.node(line, grows)? {
                    Some(node) => {
                        if self.seen[node] == self.row {
                            self.blame(line, JsonWhat::Flawed(Flaw::Twice));
                        }
                        self.seen[node] = self.row;
                        self.value(node, depth + 1, grows)?;
                    }
                    None => {
                        let flaw = self.input.any(depth + 1)?;
                        self.flawed(flaw);
                    }
                }
            }
            self.path.truncate(base);
            self.input.blanks()?;
            if self.input.takes(b',')? {
                self.input.blanks()?;
                continue;
            }
            return if self.input.takes(b'}')? { Ok(()) } else { self.input.broken("',' or '}'") };
        }
    }

    /// The path that was come to; none where the file has changed since its keys were found.
    fn node(&mut self, line: u64, grows: Option<IsWhole<'_>>) -> Result<Option<usize>, Stop> {
        if self.keys.nodes.get(self.next).is_some_and(|n| n.path == self.path) {
            self.next += 1;
            return Ok(Some(self.next - 1));
        }
        let found = self.keys.by_path.get(&self.path).copied();
        let (None, Some(is_whole)) = (found, grows) else {
            self.next = found.map_or(self.next, |at| at + 1);
            return Ok(found);
        };
        let at = self.keys.nodes.len();
        if at == MOST_KEYS {
            return Err(Stop::TooManyKeys(line));
        }
        let taken = std::str::from_utf8(&self.path).map_or(TakenWhole::Nothing, is_whole);
        self.keys.nodes.push(Node {
            path: self.path.clone(),
            is_whole: taken == TakenWhole::Always,
            may_be_whole: taken == TakenWhole::Objects,
            has_value: false,
            has_blank: false,
            has_object: false,
            has_nested: false,
            line,
            column: None,
        });
        self.keys.by_path.insert(self.path.clone(), at);
        self.seen.push(0);
        self.spans.push(None);
        self.next = at + 1;
        Ok(Some(at))
    }

    fn shape(&mut self, node: usize, shape: Shape, line: u64) {
        if let Some(column) = self.keys.nodes[node].column {
            self.shapes.push((column, shape, line));
        }
    }

    /// What stands at a path.
    fn value(&mut self, node: usize, depth: usize, grows: Option<IsWhole<'_>>) -> Result<(), Stop> {
        let (line, start) = (self.input.line(), self.text.len());
        let first = self.input.peek()?;
        if self.keys.nodes[node].is_whole && first != Some(b'n') {
            let begin = self.input.position();
            let flaw = self.input.any(depth)?;
            self.flawed(flaw);
            self.text.extend_from_slice(self.input.since(begin));
        } else if let Some(b'{' | b'[') = first {
            if depth > DEEPEST {
                self.input.brackets()?;
                self.flawed(Some((line, Flaw::TooDeep)));
                return Ok(());
            }
            self.input.pass();
            self.input.blanks()?;
            if first == Some(b'[') {
                self.array(node, depth, line)?;
            } else if self.input.takes(b'}')? {
                self.keys.nodes[node].has_object = true;
                self.shape(node, Shape::Object, line);
                return Ok(());
            } else {
                let key = self.key()?;
                if !is_extended(&key.0) {
                    self.keys.nodes[node].has_object = true;
                    self.shape(node, Shape::Object, line);
                    return self.members(depth, Some(key), grows);
                }
                self.extended(&key.0)?;
            }
        } else {
            self.scalar(line)?;
        }
        let is_blank = self.text.len() == start;
        self.spans[node] = Some((start, self.text.len()));
        let node = &mut self.keys.nodes[node];
        node.has_blank |= is_blank;
        node.has_value |= !is_blank;
        Ok(())
    }

    /// A text, a number, true or false, or nothing for null.
    fn scalar(&mut self, line: u64) -> Result<(), Stop> {
        if self.input.takes(b'"')? {
            let half = self.input.string(&mut self.text)?;
            self.flawed(half.map(|flaw| (line, flaw)));
            return Ok(());
        }
        let start = self.text.len();
        self.input.word(&mut self.text)?;
        if &self.text[start..] == b"null" {
            self.text.truncate(start);
        }
        Ok(())
    }

    /// The members of an array, behind its bracket.
    fn array(&mut self, node: usize, depth: usize, line: u64) -> Result<(), Stop> {
        let start = self.text.len();
        let mut shape = Shape::List;
        if self.input.takes(b']')? {
            // Where a list or rows may stand it says that there are none, which is not nothing.
            if self.keys.nodes[node].may_be_whole {
                self.text.extend_from_slice(b"[]");
            }
            self.shape(node, shape, line);
            return Ok(());
        }
        loop {
            let (from, line) = (self.text.len(), self.input.line());
            match self.input.peek()? {
                Some(b'{') => {
                    self.input.pass();
                    self.input.blanks()?;
                    let key = if self.input.peek()? == Some(b'"') { Some(self.key()?.0) } else { None };
                    match key {
                        Some(key) if is_extended(&key) => self.extended(&key)?,
                        key => {
                            shape = Shape::Nested;
                            let flaw = self.input.any_object(depth + 1, key.as_deref())?;
                            self.flawed(flaw);
                        }
                    }
                }
                Some(b'[') => {
                    shape = Shape::Nested;
                    let flaw = self.input.any(depth + 1)?;
                    self.flawed(flaw);
                }
                _ => self.scalar(line)?,
            }
            let is_divided = std::str::from_utf8(&self.text[from..]).is_ok_and(|t| set::members(t).count() > 1);
            if is_divided && shape == Shape::List {
                shape = Shape::Divided;
            }
            if self.text.len() > from {
                self.text.push(set::SEPARATOR as u8);
            }
            self.input.blanks()?;
            if !self.input.takes(b',')? {
                break;
            }
            self.input.blanks()?;
        }
        if !self.input.takes(b']')? {
            return self.input.broken("',' or ']'");
        }
        if self.text.len() > start {
            self.text.pop();
        }
        if shape == Shape::Nested {
            // It is there, whatever it says.
            self.keys.nodes[node].has_value = true;
            self.keys.nodes[node].has_nested = true;
        }
        self.shape(node, shape, line);
        Ok(())
    }

    /// A value of MongoDB's extended JSON (v2), behind the key that tells its type.
    fn extended(&mut self, key: &[u8]) -> Result<(), Stop> {
        let (start, line) = (self.text.len(), self.input.line());
        self.input.blanks()?;
        if !self.input.takes(b':')? {
            return self.input.broken("':'");
        }
        self.input.blanks()?;
        let mut is_number = !matches!(self.input.peek()?, Some(b'"'));
        if key == b"$date" && self.input.takes(b'{')? {
            self.input.blanks()?;
            if self.key()?.0 != b"$numberLong" {
                return self.input.broken("$numberLong in a $date");
            }
            is_number = true;
            self.extended(b"$numberLong")?;
        } else {
            self.scalar(line)?;
        }
        self.input.blanks()?;
        if !self.input.takes(b'}')? {
            let key = String::from_utf8_lossy(key);
            return self.input.broken(&format!("'}}' behind the value of {key}"));
        }
        let text = String::from_utf8_lossy(&self.text[start..]).into_owned();
        match key {
            b"$undefined" => self.text.truncate(start),
            b"$date" if !text.is_empty() => match moment(&text, is_number) {
                Some(moment) => {
                    self.text.truncate(start);
                    self.text.extend_from_slice(moment.as_bytes());
                }
                None => self.blame(line, JsonWhat::NoDate(text)),
            },
            _ => {}
        }
        Ok(())
    }
}

/// Whether a key tells the type of a value.
fn is_extended(key: &[u8]) -> bool {
    const KEYS: &[&[u8]] = &[
        b"$oid",
        b"$date",
        b"$numberDecimal",
        b"$numberLong",
        b"$numberInt",
        b"$numberDouble",
        b"$uuid",
        b"$symbol",
        b"$undefined",
    ];
    KEYS.contains(&key)
}

/// A moment as ISO 8601, of milliseconds since 1970 or of a text that says its zone as `+0530`.
pub(super) fn moment(text: &str, is_number: bool) -> Option<String> {
    if is_number {
        let at = DateTime::from_timestamp_millis(text.parse().ok()?)?;
        return Some(at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    }
    if DateTime::parse_from_rfc3339(text).is_ok() {
        return Some(text.to_owned());
    }
    let at = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z").ok()?;
    Some(at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// The members of a well-formed object: each key, and the member as it is written, without blanks.
pub fn members(object: &[u8]) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let failed = |stop| match stop {
        Stop::Io(e) => e,
        _ => io::Error::other("the row is no object"),
    };
    let mut input = Input::new(object, 1);
    let mut members = Vec::new();
    let mut read = || -> Result<(), Stop> {
        input.takes(b'{')?;
        input.blanks()?;
        while input.peek()? == Some(b'"') {
            let start = input.position();
            input.pass();
            let mut key = Vec::new();
            input.string(&mut key)?;
            input.blanks()?;
            input.takes(b':')?;
            input.blanks()?;
            input.any(0)?;
            members.push((key, compact(input.since(start))));
            input.blanks()?;
            input.takes(b',')?;
            input.blanks()?;
        }
        Ok(())
    };
    read().map_err(failed)?;
    Ok(members)
}

/// JSON without the blanks outside its texts.
fn compact(json: &[u8]) -> Vec<u8> {
    let (mut is_text, mut is_escaped) = (false, false);
    let stays = |byte: &&u8| {
        let is_blank = !is_text && matches!(**byte, b' ' | b'\t' | b'\n' | b'\r');
        if **byte == b'"' && !is_escaped {
            is_text = !is_text;
        }
        is_escaped = is_text && **byte == b'\\' && !is_escaped;
        !is_blank
    };
    json.iter().filter(stays).copied().collect()
}
