//! A database held against another that shows an earlier instant of it, row by row: what its trail tells of since is put
//! back, and then nothing may differ.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, Write};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::dump::{self, Shape};
use super::dump_lines;
use super::hashed::Hashed;
use crate::model::backup::Digest32;
use crate::model::kinds::Kinds;
use crate::model::resource::lifecycle::AT;
use crate::model::resource::{Attr, Descriptor};
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::as_of::AsOf;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;
use crate::store::records::read_columns;
use crate::store::schema::Class;
use crate::store::schema::migrate;

/// Most differences of a table that are told one by one.
const TOLD: usize = 20;

/// A table as both have it.
#[derive(Debug, Clone)]
pub struct Compared {
    pub table: String,
    /// Rows of the earlier one.
    pub rows: u64,
    /// Of the lines of the earlier one, and of those of the other; nothing where presence alone is asked for.
    pub digests: Option<(Digest32, Digest32)>,
    /// Rows that differ as the trail tells.
    pub explained: u64,
    /// Rows that differ, and nobody can tell how they were: what told it is erased or archived.
    pub untold: u64,
    /// Rows that differ, and no record says why.
    pub differences: Vec<String>,
    pub unexplained: u64,
}

/// How the rows of a table are held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// They are put back as they were, so none may differ.
    Same,
    /// One that differs must have a record since.
    Explained,
    /// All that were there must still be.
    Present,
}

/// Compares every recorded table and every journal. `then` is inside a transaction; `now` is left as it is. `sizes` is how
/// long the trail of each tree was; `room` makes empty files for rows.
pub async fn compare(
    then: &mut Db,
    now: &mut Db,
    (at, sizes): (DateTime<Utc>, &[(i32, i64)]),
    room: &dyn Fn() -> io::Result<File>,
    told: &mut dyn FnMut(&str, u64),
) -> Result<Vec<Compared>> {
    let past = AsOf::begin_at_sizes(now, at, sizes).await?;
    let done = tables(then, now, &past, sizes, room, told).await;
    // Nothing but what is temporary was written; where this fails the connection is gone.
    let _ = now.script("ROLLBACK".into()).await;
    done
}

async fn tables(
    then: &mut Db,
    now: &mut Db,
    past: &AsOf,
    sizes: &[(i32, i64)],
    room: &dyn Fn() -> io::Result<File>,
    told: &mut dyn FnMut(&str, u64),
) -> Result<Vec<Compared>> {
    dump::set_forms(then).await?;
    dump::set_forms(now).await?;
    let untold = past.unknown_records();
    let mut all = Vec::new();
    for shape in dump::shapes(now.kinds(), migrate::latest(now.kinds(), now.engine())?)? {
        let Some((shape, mode)) = asked(now.kinds(), shape) else { continue };
        let file = room().context("can't keep rows for the comparison")?;
        let mut hashed = Hashed::new(io::BufWriter::new(file));
        let rows = dump::write_table(then, &shape, &mut hashed, &mut |n| told(&shape.name, n)).await?;
        let digest = hashed.digest();
        let mut file = hashed.inner.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        let mut merge = Hashed::new(Merge::new(&shape, mode, BufReader::new(file)));
        dump::write_table(now, &shape, &mut merge, &mut |_| {}).await?;
        let there = merge.digest();
        let mut merge = merge.inner;
        merge.finish()?;
        let digests = (mode != Mode::Present).then_some((digest, there));
        let mut compared = Compared {
            table: shape.name.clone(),
            rows,
            digests,
            explained: 0,
            untold: 0,
            differences: Vec::new(),
            unexplained: 0,
        };
        for difference in merge.found {
            match is_explained(now, &shape, mode, &difference, sizes, &untold).await? {
                // Of what is put back only this is left.
                true if mode == Mode::Same => compared.untold += 1,
                true => compared.explained += 1,
                false => {
                    compared.unexplained += 1;
                    if compared.differences.len() < TOLD {
                        compared.differences.push(format!("row {}: {}", difference.key, difference.what));
                    }
                }
            }
        }
        all.push(compared);
    }
    Ok(all)
}

/// What of a table is compared, and how; nothing of those that keep no history.
fn asked(kinds: Kinds, shape: Shape) -> Option<(Shape, Mode)> {
    let only = |names: &[&str], shape: Shape| Shape {
        columns: shape.columns.into_iter().filter(|(name, _)| names.contains(&name.as_str())).collect(),
        ..shape
    };
    if let Some(desc) = kinds.by_table(&shape.name).filter(|d| d.is_recorded()) {
        // What is secret stands in no record, and can't be put back; its fingerprint can.
        let is_told = |name: &str| desc.index(name).is_none_or(|i| !desc.fields[i].has(Attr::Secret));
        let columns = read_columns(desc);
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).filter(|name| is_told(name)).collect();
        return Some((only(&names, shape), Mode::Same));
    }
    match shape.class {
        // Their root says that they are all there.
        Class::Journal if shape.name == "audit_records" => None,
        Class::Journal => Some((shape, Mode::Present)),
        Class::Recorded => Some((shape, Mode::Explained)),
        Class::Volatile | Class::Wrapped => None,
    }
}

/// Whether the trail tells why a row differs.
async fn is_explained(
    now: &mut Db,
    shape: &Shape,
    mode: Mode,
    difference: &Difference,
    sizes: &[(i32, i64)],
    untold: &HashSet<(i32, Uuid)>,
) -> Result<bool> {
    let tree = difference.org;
    if mode == Mode::Same {
        // How it was nobody can tell: what told it is erased or archived.
        return Ok(difference.ids.iter().any(|id| untold.contains(&(tree, *id))));
    }
    let desc = now.kinds().by_table(&shape.name).filter(|d| d.retention.is_some());
    if let Some(desc) = desc
        && is_pruned(now, desc, difference.at).await?
    {
        return Ok(true);
    }
    if difference.ids.is_empty() {
        return Ok(false);
    }
    let then = sizes.iter().find(|(t, _)| *t == tree).map_or(0, |(_, size)| *size);
    let mut sql = Sql::new("select count(*) from audit_records r where r.tree = ");
    sql.bind(tree).push(" and r.seq > ").bind(then);
    sql.push(" and r.resource_id in ").bind_list(difference.ids.iter().copied());
    Ok(now.one(sql.yields([ValueType::Int])).await?.int(0)? > 0)
}

/// Rows of a journal go with time, the oldest first: one that is gone has none before it that is there.
async fn is_pruned(now: &mut Db, desc: &Descriptor, at: Option<DateTime<Utc>>) -> Result<bool> {
    let Some(at) = at else { return Ok(false) };
    let sql = format!("select min({AT}) from {}", desc.table);
    let oldest = now.one(Sql::new(sql).yields([ValueType::Time])).await?.value(0).as_time();
    Ok(oldest.is_some_and(|oldest| oldest >= at))
}

/// A row that is not the same.
#[derive(Debug)]
struct Difference {
    /// Its key, as it is told.
    key: String,
    what: String,
    org: i32,
    /// Every id in it, by which records may tell of it.
    ids: Vec<Uuid>,
    /// When it was written, where it says so.
    at: Option<DateTime<Utc>>,
}

/// Takes the lines of the later table, and holds them against those of the earlier: both are in the order of the key.
struct Merge<'a> {
    shape: &'a Shape,
    mode: Mode,
    key: Vec<(usize, ValueType)>,
    org: Option<usize>,
    then: BufReader<File>,
    next: Option<Vec<u8>>,
    has_begun: bool,
    rest: Vec<u8>,
    found: Vec<Difference>,
}

impl<'a> Merge<'a> {
    fn new(shape: &'a Shape, mode: Mode, then: BufReader<File>) -> Merge<'a> {
        let at = |name: &str| shape.columns.iter().position(|(c, _)| c == name);
        let key = shape.key.iter().filter_map(|name| at(name).map(|i| (i, shape.columns[i].1))).collect();
        let org = at("org_id").or_else(|| at("tree"));
        Merge { shape, mode, key, org, then, next: None, has_begun: false, rest: Vec::new(), found: Vec::new() }
    }

    fn read(&mut self) -> io::Result<()> {
        let mut line = Vec::new();
        self.has_begun = true;
        self.next = (self.then.read_until(b'\n', &mut line)? > 0).then_some(line);
        Ok(())
    }

    /// Takes a line of the later table.
    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        if !self.has_begun {
            self.read()?;
        }
        while let Some(then) = self.next.take() {
            if then == line {
                return self.read();
            }
            match self.order(&then, line) {
                Ordering::Less => {
                    self.note(&then, "is gone".to_owned());
                    self.read()?;
                }
                Ordering::Equal => {
                    if self.mode != Mode::Present {
                        let what = format!("has another {}", self.differing(&then, line));
                        self.note(line, what);
                    }
                    return self.read();
                }
                Ordering::Greater => {
                    self.next = Some(then);
                    break;
                }
            }
        }
        if self.mode != Mode::Present {
            self.note(line, "was not there".to_owned());
        }
        Ok(())
    }

    /// The column that is not the same.
    fn differing(&self, a: &[u8], b: &[u8]) -> &'a str {
        let mut both = fields(a).zip(fields(b)).zip(&self.shape.columns);
        both.find(|((a, b), _)| a != b).map_or("line", |(_, (name, _))| name)
    }

    fn order(&self, a: &[u8], b: &[u8]) -> Ordering {
        let (a, b): (Vec<&[u8]>, Vec<&[u8]>) = (fields(a).collect(), fields(b).collect());
        let field = |of: &[&[u8]], i: usize| {
            dump_lines::text(of.get(i).copied().unwrap_or_default()).ok().flatten().map(|t| t.into_owned())
        };
        for (i, kind) in &self.key {
            let (a, b) = (field(&a, *i), field(&b, *i));
            let number = |t: &Option<String>| t.as_ref().and_then(|t| t.parse::<i64>().ok());
            let order = if *kind == ValueType::Int { number(&a).cmp(&number(&b)) } else { a.cmp(&b) };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    }

    fn note(&mut self, line: &[u8], what: String) {
        let fields: Vec<&[u8]> = fields(line).collect();
        let text = |i: usize| String::from_utf8_lossy(fields.get(i).copied().unwrap_or_default()).into_owned();
        let key: Vec<String> = self.key.iter().map(|(i, _)| text(*i)).collect();
        let org = self.org.and_then(|i| text(i).parse().ok()).unwrap_or_default();
        let kinds = self.shape.columns.iter().enumerate().filter(|(_, (_, kind))| *kind == ValueType::Uuid);
        let ids = kinds.filter_map(|(i, _)| Uuid::try_parse(&text(i)).ok()).collect();
        let at = self.shape.columns.iter().position(|(name, _)| name == "at");
        let at = at.and_then(|i| DateTime::from_timestamp_micros(dump_lines::micros(&text(i))?));
        self.found.push(Difference { key: key.join(":"), what, org, ids, at });
    }

    /// Takes the end: what is left of the earlier table is gone.
    fn finish(&mut self) -> io::Result<()> {
        if !self.has_begun {
            self.read()?;
        }
        while let Some(then) = self.next.take() {
            self.note(&then, "is gone".to_owned());
            self.read()?;
        }
        Ok(())
    }
}

fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    dump_lines::fields(line.strip_suffix(b"\n").unwrap_or(line))
}

impl Write for Merge<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            if self.rest.is_empty() && piece.ends_with(b"\n") {
                self.line(piece)?;
                continue;
            }
            self.rest.extend(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.rest);
                self.line(&line)?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
