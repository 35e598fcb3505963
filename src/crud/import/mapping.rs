//! Which column of a file fills which field.

use anyhow::Result;
use clap::ArgMatches;
use serde::{Deserialize, Serialize};

use super::source::Source;
use super::status_columns::StatusColumn;
use crate::model::kinds::user::User;
use crate::model::problem::{Problem, nearest};
use crate::model::resource::examples;
use crate::model::resource::{Descriptor, Field};
use crate::model::values::scalar::{Noun, ParseContext, fold, truncate};
use crate::model::values::value::ValueType;

/// What the header and `--map` say.
pub struct Mapping {
    /// For each column of the file, the field that it fills; none where it is passed over.
    pub columns: Vec<Option<String>>,
    /// References that are looked up by another field than the key.
    pub lookups: Vec<(String, String)>,
    /// The column that holds what users sign in with.
    pub credential: Option<CredentialColumn>,
    /// The column that gives several records of another kind.
    pub list: Option<ListColumn>,
    /// Columns that tell the state of records.
    pub states: Vec<StatusColumn>,
    /// Columns that are mapped and that no row of JSON has: its rows need not have what others have.
    pub absent: Vec<String>,
    /// Columns that fill what another one fills.
    pub doubles: Vec<Double>,
    /// Columns of earlier systems that are known and fill nothing.
    pub unfilled: Vec<String>,
}

/// Two columns that fill one reference. Which of them does, the one that `--map` names tells, or else what is called an id:
/// names change, and what another program refers by is its ids.
#[derive(Debug, Clone, Copy)]
pub struct Double {
    pub winner: usize,
    pub loser: usize,
    /// The other fills it in rows in which the first is empty.
    pub is_fallback: bool,
}

/// How much a column says of a field beside others that fill it too.
fn rank(field: Option<&Field>, header: &str, is_mapped: bool) -> u8 {
    // What another program makes for each record by itself: `_id`.
    let is_own_id = |f: &&Field| !is_mapped && header.starts_with('_') && f.target().is_none();
    if field.as_ref().is_some_and(is_own_id) {
        return 1;
    }
    let Some(field) = field.filter(|f| f.target().is_some()) else { return 0 };
    let is_id = fold(header).ends_with("id") && !fold(field.name()).ends_with("id");
    if is_mapped { 2 } else { u8::from(is_id) }
}

fn filled_twice(field: &str, header: &[String], (first, second): (usize, usize)) -> Problem {
    Problem::invalid(format!(
        "two columns of the file fill {field}: '{}' and '{}' (columns {} and {})",
        truncate(header[first].trim()),
        truncate(header[second].trim()),
        first + 1,
        second + 1
    ))
    .hint("--map says which column is meant; rename or remove the other")
}

/// A column that gives several records of another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListColumn {
    pub at: usize,
    /// The first of them is the record's own: no other column tells it.
    pub tells_first: bool,
}

/// A column that fills no field of the record but its credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialColumn {
    pub at: usize,
    /// It holds hashes, not passwords.
    pub is_hash: bool,
}

impl CredentialColumn {
    pub fn name(self) -> &'static str {
        if self.is_hash { "password_hash" } else { "password" }
    }

    /// Whether a header names one, of a record that has a credential.
    fn of(desc: &Descriptor, at: usize, header: &str) -> Option<CredentialColumn> {
        let header = fold(header);
        let is_hash = match header.strip_prefix(desc.noun).unwrap_or(&header) {
            "password" => false,
            "passwordhash" | "hashedpassword" => true,
            _ => return None,
        };
        (desc.noun == User::NOUN).then_some(CredentialColumn { at, is_hash })
    }
}

/// The columns that a file of rejects adds; a file fed back in still has them.
pub fn is_reject_column(header: &str) -> bool {
    matches!(header, "reject_line" | "reject_column" | "reject_code" | "reject_reason")
}

/// A field that `--map` names.
fn mapped_field(desc: &'static Descriptor, name: &str) -> Result<&'static Field> {
    desc.field(name).ok_or_else(|| {
        let known: Vec<&str> = desc.fields.iter().map(Field::name).collect();
        let meant = nearest(name, known.iter().copied()).map(|m| format!("did you mean {m}?"));
        Problem::usage(format!("--map names a field that a {} does not have: {}", desc.noun, truncate(name)))
            .hint_maybe(meant)
            .hint(format!("fields: {}", known.join(", ")))
            .into()
    })
}

/// The field by which `--map 'Supervisor=reports_to.name'` looks a reference up: a text, which says something of a record.
fn looked_up_by(field: &'static Field, by: &str) -> Result<&'static Field> {
    let target = field.target().ok_or_else(|| {
        Problem::usage(format!("{} refers to nothing, so nothing can be looked up by {}", field.name(), truncate(by)))
    })?;
    let names = |f: &&Field| f.ty.kind == ValueType::Text && f.target().is_none();
    Some(mapped_field(target, by)?).filter(names).ok_or_else(|| {
        let known: Vec<&str> = target.fields.iter().filter(names).map(Field::name).collect();
        Problem::usage(format!("no {} is looked up by its {}", target.noun, truncate(by)))
            .hint(format!("fields that name one: {}", known.join(", ")))
            .into()
    })
}

/// The column that `--map` means: the very name, else the one that is the same but for case, blanks, `-` and `_`.
fn column(header: &[String], from: &str) -> Result<usize> {
    if let Some(exact) = header.iter().position(|h| h.trim() == from) {
        return Ok(exact);
    }
    let mut alike = (0..header.len()).filter(|i| fold(&header[*i]) == fold(from));
    match (alike.next(), alike.next()) {
        (Some(one), None) => Ok(one),
        (Some(one), Some(other)) => Err(Problem::usage(format!(
            "--map '{}' means two columns: '{}' and '{}'",
            truncate(from),
            truncate(&header[one]),
            truncate(&header[other])
        ))
        .into()),
        _ => Err(Problem::usage(format!("the file has no column '{}'", truncate(from)))
            .hint_maybe(
                nearest(from, header.iter().map(String::as_str)).map(|m| format!("did you mean '{}'?", truncate(m))),
            )
            .hint(format!("its columns: {}", shown(header)))
            .into()),
    }
}

/// The names in a header, as far as a reader wants to read.
pub fn shown(header: &[String]) -> String {
    const MANY: usize = 40;
    let mut names: Vec<String> = header.iter().take(MANY).map(|h| truncate(h.trim())).collect();
    if header.len() > MANY {
        names.push(format!("and {} more", header.len() - MANY));
    }
    names.join(", ")
}

/// The columns of JSON inside whose values a column stands: `address` of `address.city`.
fn inside_of(header: &[String], at: usize) -> impl Iterator<Item = usize> {
    let holds = move |outer: &String| header[at].strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with('.'));
    (0..header.len()).filter(move |outer| holds(&header[*outer]))
}

/// That a file has columns which fill nothing.
fn unknown_columns(desc: &'static Descriptor, source: &Source, header: &[String], unknown: &[usize]) -> Problem {
    let name = |at: &usize| match header[*at].trim() {
        "" => format!("column {}, which has no name", at + 1),
        name => name.to_owned(),
    };
    let names: Vec<String> = unknown.iter().map(name).collect();
    let known: Vec<&str> = desc.fields.iter().map(Field::name).collect();
    let meant = names
        .iter()
        .find_map(|u| nearest(u, known.iter().copied()).map(|k| format!("did you mean {k} by '{}'?", truncate(u))));
    // Of JSON, what a field takes as one value may be an object with several.
    let inner = unknown.iter().find_map(|at| {
        let (outer, last) = header[*at].rsplit_once('.').filter(|_| source.is_json())?;
        let field = desc.field_for_header(last).or_else(|| desc.field_for_header(outer))?.name();
        let (line, path) = (source.line_of(*at)?, truncate(&header[*at]));
        Some(format!("line {line}, {path}: {} is an object there; is --map '{path}={field}' meant?", truncate(outer)))
    });
    let rows = unknown.iter().find(|at| source.holds_objects(**at)).map(|at| truncate(header[*at].trim()));
    let rows = rows.map(|name| {
        format!("'{name}' holds objects; if these are the rows: jq -c '.{name}[]' FILE makes lines of them")
    });
    Problem::invalid(format!("columns that a {} does not have: {}", desc.noun, shown(&names)))
        .hint_maybe(meant.filter(|_| inner.is_none()))
        .hint_maybe(inner)
        .hint_maybe(rows)
        .hint("--map 'COLUMN=FIELD' says what one is; --ignore-unknown passes over them")
        .hint(format!("fields: {}", known.join(", ")))
}

/// Says which field each column of the file fills.
pub fn map_columns(
    desc: &'static Descriptor,
    source: &Source,
    header: &[String],
    code: Option<usize>,
    m: &ArgMatches,
) -> Result<Mapping> {
    let mut mapped: Vec<Option<&str>> = vec![None; header.len()];
    let mut absent = Vec::new();
    for map in m.get_many::<String>("map").into_iter().flatten() {
        let (from, to) = map.rsplit_once('=').ok_or_else(|| {
            Problem::usage(format!("'{}' maps nothing", truncate(map)))
                .hint(format!("write --map 'COLUMN={}'", desc.key().name()))
        })?;
        let column = match column(header, from.trim()) {
            Ok(column) => column,
            Err(e) if source.is_json() && !header.iter().any(|h| fold(h) == fold(from)) => {
                mapped_field(desc, to.split('.').next().unwrap_or(to).trim()).map_err(|_| e)?;
                absent.push(truncate(from.trim()));
                continue;
            }
            Err(e) => return Err(e),
        };
        if mapped[column].replace(to.trim()).is_some() {
            return Err(Problem::usage(format!("--map names the column '{}' twice", truncate(from.trim()))).into());
        }
    }
    let mut columns: Vec<Option<String>> = Vec::new();
    let mut credential: Option<CredentialColumn> = None;
    let mut list: Option<(ListColumn, &str)> = None;
    let (mut lookups, mut unknown, mut states) = (Vec::new(), Vec::new(), Vec::new());
    let (mut doubles, mut unfilled): (Vec<Double>, Vec<String>) = Default::default();
    for (i, name) in header.iter().enumerate() {
        let name = name.trim();
        if let Some(found) = CredentialColumn::of(desc, i, mapped[i].unwrap_or(name)) {
            if credential.replace(found).is_some() {
                return Err(Problem::invalid("two columns of the file hold passwords")
                    .hint("rename or remove one of them")
                    .into());
            }
            columns.push(None);
            continue;
        }
        if let Some(named) = desc.lists.iter().find(|l| l.is_named(mapped[i].unwrap_or(name))) {
            if list.replace((ListColumn { at: i, tells_first: false }, named.first)).is_some() {
                return Err(Problem::invalid(format!("two columns of the file hold {}", named.name))
                    .hint("rename or remove one of them")
                    .into());
            }
            columns.push(None);
            continue;
        }
        if let Some(state) = StatusColumn::of(desc, i, mapped[i].unwrap_or(name), m.get_flag("ignore-unknown")) {
            states.push(state);
            columns.push(None);
            continue;
        }
        let field = match mapped[i] {
            Some(to) => {
                let (to, by) = to.split_once('.').map_or((to, None), |(to, by)| (to, Some(by)));
                let field = mapped_field(desc, to)?;
                if let Some(by) = by {
                    lookups.push((field.name().to_owned(), looked_up_by(field, by)?.name().to_owned()));
                }
                Some(field)
            }
            None if code == Some(i) => desc.key_field(),
            None => desc.field_for_header(name),
        };
        let inside = || name.match_indices('.').any(|(at, _)| source.is_json() && desc.is_unfilled(&name[..at]));
        if field.is_none() && mapped[i].is_none() && (desc.is_unfilled(name) || inside()) {
            unfilled.push(truncate(name));
        } else if field.is_none() && !is_reject_column(name) {
            unknown.push(i);
        }
        let rank = |at: usize| rank(field, &header[at], mapped[at].is_some());
        let mut is_second = false;
        if let Some(first) = field.and_then(|f| columns.iter().position(|c| c.as_deref() == Some(f.name()))) {
            if rank(first) == rank(i) {
                return Err(filled_twice(field.map_or("", Field::name), header, (first, i)).into());
            }
            is_second = rank(first) > rank(i);
            let (winner, loser) = if is_second { (first, i) } else { (i, first) };
            if loser == first {
                columns[first] = None;
            }
            doubles.push(Double { winner, loser, is_fallback: mapped[winner].is_none() });
        }
        columns.push(field.filter(|_| !is_second).map(|f| f.name().to_owned()));
    }
    let is_used = |at: usize| {
        columns[at].is_some()
            || credential.is_some_and(|c| c.at == at)
            || list.as_ref().is_some_and(|(l, _)| l.at == at)
            || states.iter().any(|s| s.at == at)
    };
    // What stands inside a column of JSON that is used is told with its row.
    unknown.retain(|at| !source.is_json() || !inside_of(header, *at).any(is_used));
    if !unknown.is_empty() && !m.get_flag("ignore-unknown") {
        return Err(unknown_columns(desc, source, header, &unknown).into());
    }
    if let Some((list, first)) = &mut list
        && let Some(first) = desc.fields.iter().find(|f| f.column == *first)
        && !columns.iter().flatten().any(|c| c == first.name())
    {
        list.tells_first = true;
        columns[list.at] = Some(first.name().to_owned());
    }
    Ok(Mapping { columns, lookups, credential, list: list.map(|(l, _)| l), states, absent, doubles, unfilled })
}

pub fn constants(desc: &'static Descriptor, m: &ArgMatches) -> Result<Vec<(String, String)>> {
    let mut constants: Vec<(String, String)> = Vec::new();
    for set in m.get_many::<String>("set").into_iter().flatten() {
        let (name, value) = set.split_once('=').ok_or_else(|| {
            Problem::usage(format!("'{}' sets nothing", truncate(set)))
                .hint(format!("write --set {}", examples::constant(desc)))
        })?;
        let field = desc.field(name.trim()).ok_or_else(|| {
            let known: Vec<&str> = desc.fields.iter().map(Field::name).collect();
            Problem::usage(format!("a {} has no field '{}'", desc.noun, truncate(name)))
                .hint(format!("fields: {}", known.join(", ")))
        })?;
        if constants.iter().any(|(there, _)| there == field.name()) {
            return Err(Problem::usage(format!("--set gives {} twice", field.name()))
                .hint("leave one of the two out")
                .into());
        }
        constants.push((field.name().to_owned(), value.to_owned()));
    }
    Ok(constants)
}

/// Rows that are looked at to tell which of two things a column holds.
const LOOKED_AT: usize = 100;

/// Earlier systems call two things `userId`: of six characters it is the user code, else the number in the directory.
pub fn is_user_code(
    desc: &Descriptor,
    header: &[String],
    at: usize,
    source: &Source,
    context: &ParseContext,
) -> Result<bool> {
    if desc.noun != User::NOUN || fold(&header[at]) != "userid" {
        return Ok(false);
    }
    let Some(code) = desc.key_field() else { return Ok(false) };
    let mut rows = source.rows()?;
    rows.read()?;
    let mut is_any = false;
    for _ in 0..LOOKED_AT {
        let Some(row) = rows.read()? else { break };
        let text = row.cells.get(at).and_then(|cell| std::str::from_utf8(cell).ok()).unwrap_or_default().trim();
        if text.is_empty() {
            continue;
        }
        // A code has no small letters: what has some is a number of the directory, where they tell two apart.
        if text.chars().count() != 6 || code.parse(text, context).ok().is_none_or(|code| code.to_text() != text) {
            return Ok(false);
        }
        is_any = true;
    }
    Ok(is_any)
}
