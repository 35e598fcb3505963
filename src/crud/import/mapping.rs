//! Which column of a file fills which field.

use anyhow::Result;

use super::columns::{ListColumn, ListSource, SecretColumn, StatusColumn, is_org_column, is_reject_column};
use super::file_flags::FileFlags;
use super::nested::{self, Nested};
use super::source::Source;
use super::terms::Terms;
use crate::model::problem::{Problem, nearest};
use crate::model::resource::examples;
use crate::model::resource::{Descriptor, Field, List};
use crate::model::values::scalar::{fold, truncate};
use crate::model::values::value::ValueType;

/// What the header and `--map` say.
#[derive(Default)]
pub struct Mapping {
    /// For each column of the file, the field that it fills; none where it is passed over.
    pub columns: Vec<Option<String>>,
    /// References that are looked up by another field than the key.
    pub lookups: Vec<(String, String)>,
    /// The column that holds secrets.
    pub secret: Option<SecretColumn>,
    /// The column that gives several records of another kind.
    pub lists: Vec<ListColumn>,
    /// Columns that tell the state of records.
    pub states: Vec<StatusColumn>,
    /// The column that says whose the rows are.
    pub org: Option<usize>,
    /// Columns that are mapped and that no row of JSON has: its rows need not have what others have.
    pub absent: Vec<String>,
    /// Columns whose cells hold rows of other kinds.
    pub nested: Vec<(usize, &'static Nested)>,
    /// Columns that fill what another one fills.
    pub doubles: Vec<Double>,
    /// Columns of earlier systems that are known and fill nothing.
    pub unfilled: Vec<String>,
    /// Columns of what is sealed, and what each holds.
    pub sealed: Vec<(usize, &'static str)>,
}

/// Two columns that fill one reference or one list. Which of them does, the one that `--map` names tells, or else what is called an id:
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

/// What a column of a file of these records may be: a field, a list, or whose the row is.
fn fillable(desc: &'static Descriptor, terms: &Terms) -> Vec<&'static str> {
    let org = Some("org").filter(|org| is_org_column(desc, org));
    let described = desc.lists.iter().flat_map(|list| list.described).map(|(name, _)| *name);
    let lists = desc.lists.iter().map(|l| l.name).chain(described);
    let is_filled = |f: &&Field| terms.fills.is_none_or(|fills| fills.contains(&f.column));
    let fields = desc.fields.iter().filter(is_filled).map(Field::name);
    let sealed = terms.sealed.into_iter().flat_map(|sealed| sealed.names.iter().copied());
    let nested = terms.nested.iter().map(|n| n.names[0]);
    fields.chain(sealed).chain(lists).chain(nested).chain(org).collect()
}

/// A field that `--map` names, one of those that are `known` there.
fn mapped_field(desc: &'static Descriptor, name: &str, known: &[&str]) -> Result<&'static Field> {
    desc.field(name).ok_or_else(|| {
        let meant = nearest(name, known.iter().copied()).map(|m| format!("did you mean {m}?"));
        Problem::usage(format!("--map names a field that {} does not have: {}", desc.indefinite(), truncate(name)))
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
    let of_target: Vec<&str> = target.fields.iter().map(Field::name).collect();
    Some(mapped_field(target, by, &of_target)?).filter(names).ok_or_else(|| {
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
fn unknown_columns(
    (desc, terms): (&'static Descriptor, &Terms),
    source: &Source,
    header: &[String],
    unknown: &[usize],
) -> Problem {
    let name = |at: &usize| match header[*at].trim() {
        "" => format!("column {}, which has no name", at + 1),
        name => name.to_owned(),
    };
    let names: Vec<String> = unknown.iter().map(name).collect();
    let known = fillable(desc, terms);
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
    Problem::invalid(format!("columns that {} does not have: {}", desc.indefinite(), shown(&names)))
        .hint_maybe(meant.filter(|_| inner.is_none()))
        .hint_maybe(inner)
        .hint_maybe(rows)
        .hint("--map 'COLUMN=FIELD' says what one is; --ignore-unknown passes over them")
        .hint(format!("fields: {}", known.join(", ")))
}

/// The fields that `--map` names for columns, and what it names that no row of JSON has.
fn mapped_by_flag<'m>(
    desc: &'static Descriptor,
    source: &Source,
    header: &[String],
    maps: &'m [String],
) -> Result<(Vec<Option<&'m str>>, Vec<String>)> {
    let mut mapped: Vec<Option<&str>> = vec![None; header.len()];
    let mut absent = Vec::new();
    for map in maps {
        let (from, to) = map.rsplit_once('=').ok_or_else(|| {
            Problem::usage(format!("'{}' maps nothing", truncate(map)))
                .hint(format!("write --map 'COLUMN={}'", desc.key().name()))
        })?;
        let column = match column(header, from.trim()) {
            Ok(column) => column,
            Err(e) if source.is_json() && !header.iter().any(|h| fold(h) == fold(from)) => {
                mapped_field(desc, to.split('.').next().unwrap_or(to).trim(), &fillable(desc, &Terms::default()))
                    .map_err(|_| e)?;
                absent.push(truncate(from.trim()));
                continue;
            }
            Err(e) => return Err(e),
        };
        if mapped[column].replace(to.trim()).is_some() {
            return Err(Problem::usage(format!("--map names the column '{}' twice", truncate(from.trim()))).into());
        }
    }
    Ok((mapped, absent))
}

/// Whether a column says whose the rows are, by its own name or by `--map`.
pub fn says_whose(desc: &Descriptor, header: &[String], maps: &[String]) -> bool {
    let mapped = maps.iter().filter_map(|map| map.rsplit_once('='));
    mapped.map(|(_, to)| to.trim()).chain(header.iter().map(|name| name.trim())).any(|name| is_org_column(desc, name))
}

/// Goes through a header, column by column.
struct Mapper<'a> {
    desc: &'static Descriptor,
    source: &'a Source,
    header: &'a [String],
    terms: &'a Terms,
    /// What `--map` says of each column.
    mapped: Vec<Option<&'a str>>,
    passes_over: bool,
    unknown: Vec<usize>,
    done: Mapping,
}

impl Mapper<'_> {
    /// What a column is called by `--map` or the header.
    fn name(&self, at: usize) -> &str {
        self.mapped[at].unwrap_or_else(|| self.header[at].trim())
    }

    /// Whether a column fills no field, but says something else of its row.
    fn is_aside(&mut self, at: usize) -> Result<bool> {
        let found = self.terms.secrets.and_then(|_| SecretColumn::of(self.desc, at, self.name(at)));
        if let Some(found) = found {
            if self.done.secret.replace(found).is_some() {
                return Err(Problem::invalid("two columns of the file hold passwords")
                    .hint("rename or remove one of them")
                    .into());
            }
            return Ok(true);
        }
        if let Some(what) = self.terms.sealed.and_then(|sealed| (sealed.find)(self.name(at))) {
            if let Some((first, _)) = self.done.sealed.iter().find(|(_, known)| *known == what) {
                return Err(filled_twice(what, self.header, (*first, at)).into());
            }
            self.done.sealed.push((at, what));
            return Ok(true);
        }
        if self.is_of_list(at)? {
            return Ok(true);
        }
        if let Some(nested) = nested::named(self.terms.nested, self.name(at)) {
            if self.done.nested.iter().any(|(_, known)| std::ptr::eq(*known, nested)) {
                return Err(Problem::invalid(format!("two columns of the file hold {}", nested.names[0]))
                    .hint("rename or remove one of them")
                    .into());
            }
            self.done.nested.push((at, nested));
            return Ok(true);
        }
        if is_org_column(self.desc, self.name(at)) {
            if self.done.org.replace(at).is_some() {
                return Err(Problem::invalid("two columns of the file say whose the rows are")
                    .hint("rename or remove one of them")
                    .into());
            }
            return Ok(true);
        }
        let state = StatusColumn::of(self.desc, at, self.name(at), self.passes_over);
        let is_state = state.is_some();
        self.done.states.extend(state);
        Ok(is_state)
    }

    /// Whether a column says something of a list.
    fn is_of_list(&mut self, at: usize) -> Result<bool> {
        for (place, list) in self.desc.lists.iter().enumerate() {
            let name = self.name(at);
            let given_by_yes = list.flagged(name).map(str::to_owned);
            if let Some(field) = self.link_field(list, name) {
                let known = self.done.lists.iter_mut().find(|known| known.list == place);
                match known {
                    Some(known) => known.attributes.push((at, field.name().to_owned())),
                    None => self.done.lists.push(ListColumn {
                        list: place,
                        sources: Vec::new(),
                        tells_first: false,
                        attributes: vec![(at, field.name().to_owned())],
                    }),
                }
                return Ok(true);
            }
            let describes = list.describing(name).is_some();
            if !list.is_named(name) && given_by_yes.is_none() && !describes && !list.is_named_by_id(name) {
                continue;
            }
            let words = (0..self.header.len()).find(|at| list.is_named(self.name(*at)));
            let is_fallback = list.is_named_by_id(name) && words.is_some();
            if let Some(winner) = words.filter(|_| is_fallback) {
                self.done.doubles.push(Double { winner, loser: at, is_fallback });
            }
            let is_json = given_by_yes.is_none() && !describes && self.source.may_hold_json(at)?;
            let passes_over = self.passes_over;
            let source = ListSource { at, given_by_yes, describes, is_json, passes_over, is_fallback };
            let Some(known) = self.done.lists.iter_mut().find(|known| known.list == place) else {
                let attributes = Vec::new();
                self.done.lists.push(ListColumn { list: place, sources: vec![source], tells_first: false, attributes });
                return Ok(true);
            };
            // Where links tell a field, the first of a cell does: of two cells nobody knows which.
            if list.first.is_some() && !is_fallback && known.sources.iter().any(|source| !source.is_fallback) {
                return Err(Problem::invalid(format!("two columns of the file hold {}", list.name))
                    .hint("rename or remove one of them")
                    .into());
            }
            known.sources.push(source);
            // One role of a person is the one to act by; all of them are named beside it.
            let is_wide =
                |source: &ListSource| fold(self.mapped[source.at].unwrap_or(&self.header[source.at])) == list.name;
            let says = |s: &ListSource| (s.is_fallback, s.given_by_yes.is_some() || s.describes, is_wide(s));
            known.sources.sort_by_key(says);
            return Ok(true);
        }
        Ok(false)
    }

    /// The field of a list's links that a header names by the noun of a member and the field: `role_expires_at`.
    fn link_field(&self, list: &'static List, name: &str) -> Option<&'static Field> {
        let link = list.link().filter(|_| self.desc.field_for_header(name).is_none())?;
        let field = link.desc.field_for_header(fold(name).strip_prefix(&fold(link.item.1.noun))?)?;
        link.further().find(|f| f.column == field.column && list.flag() != Some(f.column))
    }

    /// The field that a column fills.
    fn field(&mut self, at: usize) -> Result<Option<String>> {
        let name = self.header[at].trim();
        let field = match self.mapped[at] {
            Some(to) => {
                let (to, by) = to.split_once('.').map_or((to, None), |(to, by)| (to, Some(by)));
                let field = mapped_field(self.desc, to, &fillable(self.desc, self.terms))?;
                if let Some(by) = by {
                    self.done.lookups.push((field.name().to_owned(), looked_up_by(field, by)?.name().to_owned()));
                }
                Some(field)
            }
            None if self.terms.code == Some(at) => self.desc.key_field(),
            None => self.desc.field_for_header(name),
        };
        let field = field.filter(|f| self.terms.fills.is_none_or(|fills| fills.contains(&f.column)));
        let is_unfilled = |name: &str| self.desc.is_unfilled(name);
        let inside = || name.match_indices('.').any(|(end, _)| self.source.is_json() && is_unfilled(&name[..end]));
        if field.is_none() && self.mapped[at].is_none() && (is_unfilled(name) || inside()) {
            self.done.unfilled.push(truncate(name));
        } else if field.is_none() && !is_reject_column(name) {
            self.unknown.push(at);
        }
        let is_passed_over = self.fills_what_another_does(field, at)?;
        Ok(field.filter(|_| !is_passed_over).map(|f| f.name().to_owned()))
    }

    /// Whether a column before fills the same, and says more.
    fn fills_what_another_does(&mut self, field: Option<&Field>, at: usize) -> Result<bool> {
        let is_same = |c: &Option<String>| field.is_some_and(|f| c.as_deref() == Some(f.name()));
        let Some(first) = self.done.columns.iter().position(is_same) else { return Ok(false) };
        let rank = |at: usize| rank(field, &self.header[at], self.mapped[at].is_some());
        if rank(first) == rank(at) {
            return Err(filled_twice(field.map_or("", Field::name), self.header, (first, at)).into());
        }
        let is_second = rank(first) > rank(at);
        let (winner, loser) = if is_second { (first, at) } else { (at, first) };
        if loser == first {
            self.done.columns[first] = None;
        }
        self.done.doubles.push(Double { winner, loser, is_fallback: self.mapped[winner].is_none() });
        Ok(is_second)
    }

    fn refuse_unknown(&mut self) -> Result<()> {
        let done = &self.done;
        let is_used = |at: usize| {
            done.columns[at].is_some()
                || done.secret.is_some_and(|c| c.at == at)
                || done.sealed.iter().any(|(column, _)| *column == at)
                || done.lists.iter().any(|l| l.is_at(at))
                || done.nested.iter().any(|(column, _)| *column == at)
                || done.org == Some(at)
                || done.states.iter().any(|s| s.at == at)
        };
        // What stands inside a column of JSON that is used is told with its row.
        self.unknown.retain(|at| !self.source.is_json() || !inside_of(self.header, *at).any(is_used));
        match self.unknown.is_empty() || self.passes_over {
            true => Ok(()),
            false => Err(unknown_columns((self.desc, self.terms), self.source, self.header, &self.unknown).into()),
        }
    }

    fn finish(mut self) -> Mapping {
        // What is said of links says nothing where no column names what they join.
        let (named, unnamed) = std::mem::take(&mut self.done.lists).into_iter().partition(|l| !l.sources.is_empty());
        self.done.lists = named;
        let unnamed: Vec<ListColumn> = unnamed;
        let attributes = unnamed.iter().flat_map(|list| &list.attributes);
        self.done.unfilled.extend(attributes.map(|(at, _)| truncate(self.header[*at].trim())));
        for list in &mut self.done.lists {
            let first = self.desc.lists[list.list].first.and_then(|first| self.desc.field(first));
            if let Some(first) = first.filter(|f| !self.done.columns.iter().flatten().any(|c| c == f.name())) {
                list.tells_first = true;
                self.done.columns[list.at()] = Some(first.name().to_owned());
            }
        }
        self.done
    }
}

/// Says which field each column of the file fills.
pub fn map_columns(
    desc: &'static Descriptor,
    source: &Source,
    header: &[String],
    terms: &Terms,
    flags: &FileFlags,
) -> Result<Mapping> {
    let (mapped, absent) = mapped_by_flag(desc, source, header, &flags.map)?;
    let mut mapper = Mapper {
        desc,
        source,
        header,
        terms,
        mapped,
        passes_over: flags.ignore_unknown,
        unknown: Vec::new(),
        done: Mapping { absent, ..Mapping::default() },
    };
    for at in 0..header.len() {
        let field = if mapper.is_aside(at)? { None } else { mapper.field(at)? };
        mapper.done.columns.push(field);
    }
    mapper.refuse_unknown()?;
    Ok(mapper.finish())
}

pub fn constants(desc: &'static Descriptor, given: &[String]) -> Result<Vec<(String, String)>> {
    let mut constants: Vec<(String, String)> = Vec::new();
    for set in given {
        let (name, value) = set.split_once('=').ok_or_else(|| {
            Problem::usage(format!("'{}' sets nothing", truncate(set)))
                .hint(format!("write --set {}", examples::constant(desc)))
        })?;
        let field = desc.field(name.trim()).ok_or_else(|| {
            let known: Vec<&str> = desc.fields.iter().map(Field::name).collect();
            Problem::usage(format!("{} has no field '{}'", desc.indefinite(), truncate(name)))
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
