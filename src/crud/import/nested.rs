//! Rows within the rows of a file: what links say besides what they join (`"roles": [{"role": "SALES", "expires_at": ...}]`),
//! and records that stand with the one that they are of (the permissions of a role). They are written down as files of their
//! own, which are loaded behind the rows, in the same transaction.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write as _};

use anyhow::Result;
use serde_json::{Map, Value as Json};

use super::arguments::Owner;
use super::columns::{ListColumn, ListSource, NestedFault};
use super::json_reader::{TakenWhole, moment};
use super::source::{FileRow, Source};

use crate::model::problem::{Problem, io_message, nearest};
use crate::model::resource::{Descriptor, Field, List};
use crate::model::values::permission_list::out_of_use;
use crate::model::values::scalar::{fold, truncate};
use crate::model::values::set;

/// What a row within a row says, by the names of its fields.
pub type Fields = BTreeMap<&'static str, String>;

/// What stands in a cell: rows, or why it can't be read.
type Reading = Result<Vec<Fields>, String>;

/// A column whose cells hold rows of another kind, of which each is about the record of the row that it stands in.
#[derive(Debug)]
pub struct Nested {
    /// Its headers.
    pub names: &'static [&'static str],
    pub of: fn() -> &'static Descriptor,
    /// The field that names the record.
    pub owner: &'static str,
    /// Reads a cell; the second says that what is not known is passed over.
    pub rows: fn(&str, bool) -> Reading,
    /// Where a record is there already, what the cell does not name goes.
    pub is_all: bool,
    /// A record that is out of use takes them all the same: it had them when it was.
    pub takes_unused: bool,
}

impl Nested {
    fn is_named(&self, header: &str) -> bool {
        self.names.iter().any(|name| fold(name) == fold(header))
    }
}

/// Under which headers objects of JSON mean no columns of their own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Objects {
    /// They are rows of other kinds.
    pub nested: &'static [Nested],
    /// They are sealed with the row.
    pub sealed: &'static [&'static str],
}

/// The column that a header names, of those whose cells hold rows.
pub fn named(nested: &'static [Nested], header: &str) -> Option<&'static Nested> {
    nested.iter().find(|nested| nested.is_named(header.trim()))
}

/// How JSON under a header is taken: as it is written where it holds objects that mean members of a list, or rows.
pub fn taken(desc: &Descriptor, objects: Objects, header: &str) -> TakenWhole {
    let is_of_list = |list: &List| list.is_named(header) || list.describing(header).is_some();
    let is_sealed = || objects.sealed.iter().any(|name| fold(name) == fold(header));
    match desc.lists.iter().any(is_of_list) || named(objects.nested, header).is_some() || is_sealed() {
        true => TakenWhole::Objects,
        false => TakenWhole::Nothing,
    }
}

/// Keys of objects that other programs write with everything, and that say nothing of it.
const UNFILLED: &[&str] = &["id", "_id", "__v", "_class", "createdat", "updatedat", "isactive"];

/// A cell as JSON, where it is that.
fn as_json(cell: &str, is_json: bool) -> Result<Option<Json>, String> {
    let starts = if is_json { &['[', '{', '"'][..] } else { &['[', '{'][..] };
    if !cell.starts_with(starts) {
        return Ok(None);
    }
    match serde_json::from_str(cell) {
        Ok(json) => Ok(Some(json)),
        Err(e) if is_json => Err(format!("holds broken JSON: {e}")),
        Err(_) => Ok(None),
    }
}

/// What a cell says of links: their members by texts with separators between, or JSON of texts and objects.
pub fn members(
    cell: &str,
    is_json: bool,
    (desc, item): (&Descriptor, &'static Field),
    passes_over: bool,
) -> Result<Vec<Fields>, String> {
    let cell = cell.trim();
    let named = |text: String| Fields::from([(item.name(), text)]);
    let Some(json) = as_json(cell, is_json)? else {
        return Ok(set::members(cell).map(|member| named(member.to_owned())).collect());
    };
    let some = match &json {
        Json::Array(some) => some.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut all = Vec::with_capacity(some.len());
    for member in some {
        match member {
            Json::Object(object) if extended(object).is_none() => {
                all.extend(of_object(object, desc, item, passes_over)?);
            }
            one => all.extend(text_of(one, None)?.map(named)),
        }
    }
    Ok(all)
}

/// What an object says of a link; none where that is out of use.
fn of_object(
    object: &Map<String, Json>,
    desc: &Descriptor,
    item: &'static Field,
    passes_over: bool,
) -> Result<Option<Fields>, String> {
    if out_of_use(object)? {
        return Ok(None);
    }
    let (mut fields, mut called) = (Fields::new(), Vec::new());
    for (key, value) in object {
        let folded = fold(key);
        let says = |value: &Json, target| text_of(value, target).map_err(|why| format!("{why} ({})", truncate(key)));
        match desc.field_for_header(key) {
            Some(field) if field.column == item.column => {
                let rank = u8::from(fold(item.name()) != folded) * 3;
                called.extend(says(value, item.target())?.map(|text| (rank, text)));
            }
            Some(field) if desc.settable().any(|f| f.column == field.column) => {
                if let Some(text) = says(value, field.target())? {
                    fields.insert(field.name(), text);
                }
            }
            _ => match item.target().and_then(|target| rank_of_name(target, &folded)) {
                Some(rank) => called.extend(says(value, None)?.map(|text| (rank, text))),
                None if UNFILLED.contains(&folded.as_str()) || passes_over => {}
                None => {
                    let known = desc.settable().map(Field::name);
                    let meant = nearest(key, known).map(|m| format!("; did you mean {m}?")).unwrap_or_default();
                    return Err(format!(
                        "holds '{}', which says nothing of a {}{meant}",
                        truncate(key),
                        desc.singular()
                    ));
                }
            },
        }
    }
    let (_, name) = called.into_iter().min().ok_or_else(|| format!("holds an object that names no {}", item.name()))?;
    fields.insert(item.name(), name);
    Ok(Some(fields))
}

/// How well a key of an object names a record of a kind: by a key of that, or by its name.
fn rank_of_name(target: &Descriptor, folded: &str) -> Option<u8> {
    let is_key = |f: &'static Field| {
        [f.name(), f.column].into_iter().chain(f.aliases().iter().copied()).any(|n| fold(n) == folded)
    };
    match folded {
        _ if target.key_fields().any(is_key) => Some(1),
        "name" => Some(2),
        _ => None,
    }
}

/// The value of MongoDB's extended JSON that an object is.
fn extended(object: &Map<String, Json>) -> Option<(&str, &Json)> {
    let (key, value) = object.iter().next().filter(|_| object.len() == 1)?;
    key.strip_prefix('$').map(|key| (key, value))
}

/// One value as text. An object names a record of the kind that is referred to.
fn text_of(json: &Json, target: Option<&'static Descriptor>) -> Result<Option<String>, String> {
    let text = match json {
        Json::Null => return Ok(None),
        Json::String(text) => text.trim().to_owned(),
        Json::Number(number) => number.to_string(),
        Json::Bool(said) => if *said { "yes" } else { "no" }.to_owned(),
        Json::Object(object) => match (extended(object), target) {
            (Some(("undefined", _)), _) => return Ok(None),
            (Some(("date", Json::String(text))), _) => moment(text, false).ok_or("holds a $date that is no time")?,
            (Some(("date", Json::Number(n))), _) => {
                moment(&n.to_string(), true).ok_or("holds a $date that is no time")?
            }
            (Some(("date", Json::Object(n))), _) => {
                let text = n.get("$numberLong").and_then(Json::as_str).unwrap_or_default();
                moment(text, true).ok_or("holds a $date that is no time")?
            }
            (Some((_, value)), _) => return text_of(value, None),
            (None, Some(target)) => {
                let named = object.iter().filter_map(|(key, value)| Some((rank_of_name(target, &fold(key))?, value)));
                let (_, value) = named
                    .min_by_key(|(rank, _)| *rank)
                    .ok_or_else(|| format!("holds an object that names no {}", target.noun))?;
                return text_of(value, None);
            }
            (None, None) => return Err("holds an object where one value is wanted".into()),
        },
        Json::Array(_) => return Err("holds an array where one value is wanted".into()),
    };
    Ok((!text.is_empty()).then_some(text))
}

/// What a cell says of a row's links, and what other columns of the row say of all of them.
pub fn links(
    list: &'static List,
    column: &ListColumn,
    source: &ListSource,
    text: &str,
    said: impl Fn(usize) -> Option<String>,
) -> Reading {
    let Some(link) = list.link() else { return Ok(Vec::new()) };
    let mut all = members(text, source.is_json, (link.desc, link.item.0), source.passes_over)?;
    for (at, field) in &column.attributes {
        let (Some(field), Some(text)) = (link.desc.field(field), said(*at)) else { continue };
        for fields in &mut all {
            fields.entry(field.name()).or_insert_with(|| text.clone());
        }
    }
    Ok(all)
}

/// What a link says of its member in the list itself: one that is narrowed, or ends, is no member of that.
pub fn is_listed(list: &List, fields: &Fields) -> bool {
    !fields.contains_key(EXPIRES) && !list.narrowed_by().any(|f| fields.contains_key(f.name()))
}

/// The field that tells when a link ends.
const EXPIRES: &str = crate::model::resource::lifecycle::EXPIRES;

/// Rows of one kind that stood within rows of a file.
#[derive(Debug)]
pub struct Rows {
    pub(super) desc: &'static Descriptor,
    /// The column that they stood in.
    pub(super) column: String,
    pub(super) owner: &'static str,
    pub(super) is_all: bool,
    pub(super) takes_unused: bool,
    pub(super) file: BufWriter<File>,
    /// For each row the number of the one that it stood in, and the line.
    pub(super) stood: Vec<(u64, u64)>,
    /// Where all is told of an owner.
    pub(super) owners: Vec<Owner>,
}

impl Rows {
    fn new(desc: &'static Descriptor, column: &str, owner: &'static str) -> Result<Rows> {
        let failed = |e: std::io::Error| Problem::failed(format!("can't make a temporary file: {}", io_message(&e)));
        let file = BufWriter::new(tempfile::tempfile().map_err(failed)?);
        let (column, stood, owners) = (column.trim().to_owned(), Vec::new(), Vec::new());
        Ok(Rows { desc, column, owner, is_all: false, takes_unused: false, file, stood, owners })
    }

    fn add(&mut self, (number, line): (u64, u64), owner: &str, org: Option<&str>, some: Vec<Fields>) -> Result<()> {
        let failed = |e: std::io::Error| {
            Problem::failed(format!("can't keep what stands within rows in a temporary file: {}", io_message(&e)))
        };
        if self.is_all {
            self.owners.push(Owner { number, key: owner.to_owned(), org: org.map(str::to_owned) });
        }
        for fields in some {
            let mut row: BTreeMap<&str, &str> = fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
            row.insert(self.owner, owner);
            row.extend(org.map(|org| ("org", org)));
            serde_json::to_writer(&mut self.file, &row)?;
            self.file.write_all(b"\n").map_err(failed)?;
            self.stood.push((number, line));
        }
        Ok(())
    }
}

/// The columns of a file that may hold rows.
pub struct Columns<'a> {
    pub desc: &'static Descriptor,
    pub source: &'a Source,
    pub columns: &'a [Option<String>],
    pub lists: &'a [ListColumn],
    pub nested: &'a [(usize, &'static Nested)],
    /// The column that says whose the rows are.
    pub org: Option<usize>,
    pub passes_over: bool,
}

impl Columns<'_> {
    /// All that stands within the rows of a file, and what of it can't be read.
    pub fn read(&self) -> Result<(Vec<Rows>, Vec<NestedFault>)> {
        let lists = self.lists.iter().flat_map(|list| list.sources.iter().map(move |source| (list, source)));
        let says_more = |(list, source): &(&ListColumn, &ListSource)| {
            source.given_by_yes.is_none() && !source.describes && (source.is_json || !list.attributes.is_empty())
        };
        let lists: Vec<_> = lists.filter(says_more).collect();
        let (mut all, mut faults) = (Vec::new(), Vec::new());
        if lists.is_empty() && self.nested.is_empty() {
            return Ok((all, faults));
        }
        let header = &self.source.header;
        for (column, source) in &lists {
            let Some(link) = self.desc.lists[column.list].link() else { continue };
            all.push(Rows::new(link.desc, &header[source.at], link.other.0.name())?);
        }
        for (at, nested) in self.nested {
            let rows = Rows::new((nested.of)(), &header[*at], nested.owner)?;
            all.push(Rows { is_all: nested.is_all, takes_unused: nested.takes_unused, ..rows });
        }
        let mut file = self.source.rows()?;
        file.read()?;
        while let Some(row) = file.read()? {
            if row.fault.is_some() || row.cells.len() != self.columns.len() {
                continue;
            }
            let (number, line) = (row.number, row.line);
            let org = self.org.and_then(|at| self.text(&row, at)).map(str::to_owned);
            let owner = self.owner(&row).map(str::to_owned);
            let of_lists = lists.iter().map(|(column, source)| (source.at, self.of_list(&row, column, source)));
            let of_nested = self.nested.iter().map(|(at, nested)| {
                let text = self.text(&row, *at).unwrap_or_default();
                (*at, if text.trim().is_empty() { Ok(None) } else { (nested.rows)(text, self.passes_over).map(Some) })
            });
            for ((at, read), rows) in of_lists.chain(of_nested).zip(&mut all) {
                let fault = match (read, &owner) {
                    (Ok(None), _) => continue,
                    (Ok(Some(some)), _) if some.is_empty() && !rows.is_all => continue,
                    (Ok(Some(some)), Some(owner)) => {
                        rows.add((number, line), owner, org.as_deref(), some)?;
                        continue;
                    }
                    (Ok(_), None) => "holds rows, and the row says not what they are of".to_owned(),
                    (Err(why), _) => why,
                };
                let column = self.source.header[at].trim().to_owned();
                let (code, reason) = ("invalid".to_owned(), format!("{} {fault}", truncate(&column)));
                faults.push(NestedFault { number, column, code, reason });
            }
        }
        Ok((all, faults))
    }

    fn text<'r>(&self, row: &FileRow<'r>, at: usize) -> Option<&'r str> {
        std::str::from_utf8(self.source.unmarked(row.cells.get(at)?)).ok()
    }

    /// The key of a row's record: the first that it gives.
    fn owner<'r>(&self, row: &FileRow<'r>) -> Option<&'r str> {
        let of = |field: &'static Field| {
            let at = self.columns.iter().position(|c| c.as_deref() == Some(field.name()))?;
            self.text(row, at).map(str::trim).filter(|text| !text.is_empty())
        };
        self.desc.key_fields().find_map(of)
    }

    /// The links of a list that say something besides what they join. What can't be read is told with the list.
    fn of_list(
        &self,
        row: &FileRow<'_>,
        column: &ListColumn,
        source: &ListSource,
    ) -> Result<Option<Vec<Fields>>, String> {
        let list = &self.desc.lists[column.list];
        let Some(text) = self.text(row, source.at) else { return Ok(None) };
        let said = |at| self.text(row, at).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let Ok(mut some) = links(list, column, source, text, said) else { return Ok(None) };
        for fields in &mut some {
            // Which is the first, the list says.
            if let Some(flag) = list.flag().filter(|_| is_listed(list, fields)) {
                fields.remove(flag);
            }
        }
        some.retain(|fields| fields.len() > 1);
        Ok(Some(some))
    }
}

/// What the database has against rows that stood within others.
#[derive(Debug)]
pub(super) struct Found(pub Vec<NestedFault>);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows within rows were rejected")
    }
}
impl std::error::Error for Found {}
