//! What the command line and the header of a file say: an import, complete.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;

use anyhow::Result;
use chrono::Datelike as _;
use clap::ArgMatches;
use clap::parser::ValueSource;
use tokio::task::spawn_blocking;

use super::csv_reader::What;
use super::limit::LeaverLimit;
use super::mapping::{Mapping, constants, map_columns};
use super::secrets::SecretColumn;
use super::source::{FileRows, MOST, MOST_OF_DEVICE, PASS_OVER, RowFault, Said, Source, Spool, unreadable};
use super::status_columns::StatusColumn;
use super::{Import, OnConflict, Terms, Whole, dates, mapping, report, tolerance};
use crate::crud::session::Session;
use crate::crud::write::not_in_system;
use crate::model::problem::{Problem, io_message};
use crate::model::resource::key::Key;
use crate::model::resource::{Attr, Descriptor, Field, IS_ACTIVE, YEARS};
use crate::model::values::scalar::{fold, truncate};
use crate::model::values::value::{ValueType, rfc3339};
use crate::model::values::zone::span;
use crate::ui::format::SAFE;

/// A column or constant by the name of its field, with the value of a constant.
type Constants = Vec<(String, String)>;

fn flag(m: &ArgMatches, name: &str) -> bool {
    m.try_get_one::<bool>(name).ok().flatten() == Some(&true)
}

/// A file that is open, and the names of its columns.
pub struct Opened {
    desc: &'static Descriptor,
    pub org: Option<i32>,
    source: Source,
    pub header: Vec<String>,
    rejects: Option<PathBuf>,
}

impl Opened {
    pub async fn open(s: &mut Session<'_>, desc: &'static Descriptor, m: &ArgMatches) -> Result<Opened> {
        // What can't be written to refuses before any file is looked at.
        s.db().await?;
        let said = s.org_of(desc).await?;
        let rejects = m.get_one::<String>("rejects").map(PathBuf::from);
        let source = opened(s, desc, m, rejects.as_ref()).await?;
        let header = names(&source)?;
        let org = match said {
            None if !mapping::says_whose(desc, &header, m) => s.the_org_of(desc).await?,
            said => said,
        };
        let org = org.map(|org| not_in_system(desc, org)).transpose()?;
        Ok(Opened { desc, org, source, header, rejects })
    }

    /// The first texts of a column, as long as there are any.
    pub fn first_texts(&self, at: usize, rows: usize) -> Result<Vec<String>> {
        let (mut file, mut texts) = (self.source.rows()?, Vec::new());
        file.read()?;
        for _ in 0..rows {
            let Some(row) = file.read()? else { break };
            let text = row.cells.get(at).and_then(|cell| std::str::from_utf8(cell).ok()).unwrap_or_default().trim();
            texts.extend((!text.is_empty()).then(|| text.to_owned()));
        }
        Ok(texts)
    }

    /// What the flags and the header say of the columns; nothing is written yet.
    pub async fn map(self, s: &mut Session<'_>, m: &ArgMatches, terms: Terms) -> Result<Import> {
        let Opened { desc, org, source, header, rejects } = self;
        let mapping = map_columns(desc, &source, &header, &terms, m)?;
        tell_mapping(s, desc, &header, &mapping, terms.code);
        let Mapping { columns, lookups, secret, lists, states, doubles, org: whose, .. } = mapping;
        let on_conflict = on_conflict(m, terms.whole.is_some())?;
        passwords_agree(s, m, secret, rejects.as_ref())?;
        let columns = settled(s, desc, &header, columns)?;
        let constants = all_constants(s, desc, m, terms.whole.as_ref(), &columns, &states)?;
        let makes_codes = flag(m, "generate-codes");
        let made = desc.code_maker().map(|(field, _)| field).filter(|_| makes_codes);
        let key = key_of(desc, m, &header, &columns, &constants, made)?;
        if on_conflict == OnConflict::Error {
            has_what_new_ones_need(desc, &columns, &constants, made)?;
        }
        let mut import = Import {
            noun: desc.noun.into(),
            org,
            routing: None,
            date_formats: dates::formats(desc, &header, &columns, m)?,
            source,
            columns,
            lookups,
            fallbacks: doubles.iter().filter(|d| d.is_fallback).map(|d| (d.winner, d.loser)).collect(),
            makes_codes,
            constants,
            key: key.name(),
            on_conflict,
            keep_going: m.get_flag("keep-going"),
            rejects,
            secret,
            lists,
            states,
            resets_secrets: flag(m, "reset-passwords"),
            whole: terms.whole,
            limit: LeaverLimit::of(m)?,
            mode: terms.mode,
            on_invalid: tolerance::blanked_fields(desc, m)?,
            none: tolerance::none_words(m)?,
            probes: false,
            progress: s.ui.progress(),
        };
        import.route(s, desc, whose).await?;
        Ok(import)
    }
}

/// What of a header is read otherwise than it may be meant.
fn tell_mapping(
    s: &mut Session<'_>,
    desc: &'static Descriptor,
    header: &[String],
    mapping: &Mapping,
    code: Option<usize>,
) {
    if let Some(at) = code.filter(|at| mapping.columns[*at].as_ref() == Some(&desc.key().name())) {
        s.ui.status(&format!("note: the column '{}' is read as {}", header[at].trim(), desc.key().name()));
    }
    for name in &mapping.absent {
        s.ui.status(&format!("note: no row has '{name}', which --map names"));
    }
    if !mapping.unfilled.is_empty() {
        let names = mapping::shown(&mapping.unfilled);
        s.ui.status(&format!("note: passed over, for nothing is filled by them: {names}"));
    }
    for double in &mapping.doubles {
        let [winner, loser] = [double.winner, double.loser].map(|at| truncate(header[at].trim()));
        s.ui.status(&match double.is_fallback {
            true => format!("note: '{winner}' is read before '{loser}', which counts where the former is empty"),
            false => format!("note: '{loser}' is passed over: --map says that '{winner}' is meant"),
        });
    }
}

/// Refuses a file whose rows can't become records, where they are to be nothing else.
fn has_what_new_ones_need(
    desc: &'static Descriptor,
    columns: &[Option<String>],
    constants: &Constants,
    made: Option<&'static Field>,
) -> Result<()> {
    let has =
        |f: &Field| columns.iter().flatten().any(|c| c == f.name()) || constants.iter().any(|(c, _)| c == f.name());
    let mut given = desc.settable().filter(|f| made.is_none_or(|made| made.column != f.column));
    let Some(missing) = given.find(|f| f.must_be_given() && !desc.is_given(f, has)) else { return Ok(()) };
    let name = missing.name();
    Err(Problem::invalid(format!("no column holds the {name} of the {}", desc.noun))
        .hint(format!("--map 'COLUMN={name}' names one; --set {name}=... gives every row the same"))
        .into())
}

/// The file, of which the header is the first line, and that is not the one that rejects go to.
async fn opened(
    s: &mut Session<'_>,
    desc: &'static Descriptor,
    m: &ArgMatches,
    rejects: Option<&PathBuf>,
) -> Result<Source> {
    if let Some(rejects) = rejects {
        // Said before a million rows are read for nothing.
        report::can_write(rejects)?;
    }
    let said = Said {
        skip: m.get_one::<u64>("skip-lines").copied().unwrap_or(0),
        encoding: m.get_one::<String>("encoding").cloned(),
        format: m.get_one::<String>("format").map(|f| if f == "jsonl" { "ndjson".to_owned() } else { f.clone() }),
    };
    let file = m.get_one::<String>("file").cloned().unwrap_or_default();
    let source = open(s, file, said, taken_whole(desc, m)).await?;
    if source.is_converted() {
        let guess = if source.is_guess { ", which is a guess: --encoding names another" } else { "" };
        s.ui.status(&format!("note: {} is read as {}{guess}", source.shown, source.encoding));
    }
    if let Some(rejects) = rejects.filter(|r| source.is_at(r)) {
        let sentence = format!("--rejects would write over {}, which is read", rejects.display());
        return Err(Problem::usage(sentence).hint("choose another file").into());
    }
    if source.is_json() {
        return Ok(source);
    }
    if let Some(line) = header_below(desc, &source)? {
        let sentence = format!("the first line names no column of a {}; line {line} does", desc.noun);
        return Err(Problem::invalid(sentence)
            .hint(format!("--skip-lines {} passes over the lines before it", line - 1))
            .into());
    }
    Ok(source)
}

/// Which columns fill a field that is JSON itself: by their names, or by `--map`.
fn taken_whole(desc: &'static Descriptor, m: &ArgMatches) -> impl Fn(&str) -> bool + Send + 'static {
    let maps = m.get_many::<String>("map").into_iter().flatten().filter_map(|map| map.rsplit_once('='));
    let mapped: Vec<(String, String)> = maps.map(|(from, to)| (fold(from), to.trim().to_owned())).collect();
    move |path| {
        let of_map = mapped.iter().find(|(from, _)| *from == fold(path)).map(|(_, to)| desc.field(to));
        of_map.unwrap_or_else(|| desc.field_for_header(path)).is_some_and(|f| f.ty.kind == ValueType::Json)
    }
}

/// The names of a file's columns.
fn names(source: &Source) -> Result<Vec<String>> {
    let mut header = header(&mut source.rows()?)?;
    if let Some(first) = header.first_mut().filter(|_| source.is_safe) {
        *first = first.trim_start_matches(SAFE).to_owned();
    }
    Ok(header)
}

/// What becomes of records that are there.
fn on_conflict(m: &ArgMatches, is_whole: bool) -> Result<OnConflict> {
    let said = m.get_one::<String>("on-conflict").map(String::as_str);
    if !is_whole {
        on_those_there(m)?;
        return Ok(match said {
            Some("skip") => OnConflict::Skip,
            Some("update") => OnConflict::Update,
            _ => OnConflict::Error,
        });
    }
    let is_given = m.value_source("on-conflict") != Some(ValueSource::DefaultValue);
    if is_given && matches!(said, Some("error" | "skip")) {
        return Err(Problem::usage("--sync changes who is there; --on-conflict can't say otherwise")
            .hint("leave --on-conflict out")
            .into());
    }
    Ok(OnConflict::Update)
}

/// Holds what is said of passwords against the file, and warns of where they would lie.
fn passwords_agree(
    s: &mut Session<'_>,
    m: &ArgMatches,
    secret: Option<SecretColumn>,
    rejects: Option<&PathBuf>,
) -> Result<()> {
    if flag(m, "reset-passwords") && secret.is_none() {
        return Err(Problem::usage("--reset-passwords: no column of the file holds passwords")
            .hint("map one with --map 'COLUMN=password', or leave --reset-passwords out")
            .into());
    }
    if let (Some(_), Some(rejects)) = (secret, rejects) {
        s.ui.warn(&format!(
            "{} will hold passwords of rejected rows: remove it when they are mended",
            rejects.display()
        ));
    }
    Ok(())
}

/// The columns, without one that others say in more detail.
fn settled(
    s: &mut Session<'_>,
    desc: &'static Descriptor,
    header: &[String],
    mut columns: Vec<Option<String>>,
) -> Result<Vec<Option<String>>> {
    if let Some((at, part)) = joint_beside_its_parts(desc, &columns) {
        let said = format!("note: the column '{}' is passed over: {part} says more", header[at].trim());
        s.ui.status(&said);
        columns[at] = None;
    }
    Ok(columns)
}

/// What every row gets: by `--set`, and by what a file is the whole truth about.
fn all_constants(
    s: &mut Session<'_>,
    desc: &'static Descriptor,
    m: &ArgMatches,
    whole: Option<&Whole>,
    columns: &[Option<String>],
    states: &[StatusColumn],
) -> Result<Constants> {
    let mut constants = constants(desc, m)?;
    for (name, text) in &mut constants {
        // A span is one from now, whenever the file is read.
        let takes_span = |field: &Field| field.ty.kind == ValueType::Time && !field.has(Attr::FromClock);
        let is_time = desc.field(name).is_some_and(takes_span);
        let at = span(text.trim()).filter(|span| !span.is_zero());
        let at = at.and_then(|span| s.clock.now().checked_add_signed(span));
        if let Some(at) = at.filter(|at| is_time && YEARS.contains(&at.year())) {
            *text = rfc3339(at);
            s.ui.status(&format!("{name} {text}"));
        }
    }
    let is_said = |constants: &Constants, name: &str| {
        columns.iter().flatten().any(|c| c == name) || constants.iter().any(|(c, _)| c == name)
    };
    if let Some(Whole { scope: Some(scope), .. }) = whole
        && let Some(field) = desc.fields.iter().find(|f| f.column == scope.column).map(Field::name)
        && !is_said(&constants, field)
    {
        // Who the file is about is what it does not say again.
        constants.push((field.to_owned(), scope.key.clone()));
    }
    if whole.is_some() && !is_said(&constants, IS_ACTIVE) && !states.iter().any(StatusColumn::is_status) {
        // Who is in the file is with the organisation, and comes back where he or she had left.
        constants.push((IS_ACTIVE.into(), "yes".into()));
    }
    if let Some((twice, _)) = constants.iter().find(|(c, _)| columns.iter().flatten().any(|f| f == c)) {
        return Err(Problem::usage(format!("--set {twice}: the file has a column for it"))
            .hint("leave --set out, or map the column to another field")
            .into());
    }
    Ok(constants)
}

/// The key that tells whether a row is there already: the one that is named, or the first that is whole in the file.
fn key_of(
    desc: &'static Descriptor,
    m: &ArgMatches,
    header: &[String],
    columns: &[Option<String>],
    constants: &Constants,
    made: Option<&'static Field>,
) -> Result<Key> {
    let keys: Vec<String> = desc.all_keys().map(|key| key.name()).collect();
    if let Some(name) = m.get_one::<String>("key-field") {
        let named = desc.all_keys().find(|key| key.is_named(name)).ok_or_else(|| {
            Problem::usage(format!("{} is no key of a {}", truncate(name), desc.noun))
                .hint(format!("keys: {}", keys.join(", ")))
        });
        return Ok(named?);
    }
    let given: Vec<&String> = columns.iter().flatten().chain(constants.iter().map(|(name, _)| name)).collect();
    let place = |field: &Field| given.iter().position(|name| *name == field.name());
    // A key is there once the last of its parts is.
    let whole = |key: &Key| {
        let must = key.parts().filter(|f| key.alone().is_some() || (f.ty.required && f.generator().is_none()));
        must.map(place).try_fold(0, |last, at| Some(last.max(at?)))
    };
    let first = desc.all_keys().filter_map(|key| Some((whole(&key)?, key))).min_by_key(|(at, _)| *at);
    let of_made = || desc.all_keys().find(|key| key.alone().zip(made).is_some_and(|(a, b)| a.column == b.column));
    let first = first.map(|(_, key)| key).or_else(of_made);
    let missing = desc.key().parts().find(|f| place(f).is_none()).map_or("", Field::name);
    Ok(first.ok_or_else(|| {
        Problem::invalid(format!("no column holds a key of the {}: {}", desc.noun, keys.join(", ")))
            .hint(format!("its columns: {}; --map 'COLUMN={missing}' names the one", mapping::shown(header)))
    })?)
}

/// The first row of a file: the names of its columns.
fn header(rows: &mut FileRows) -> Result<Vec<String>> {
    let Some(row) = rows.read()? else {
        return Err(Problem::invalid("the file has no header").hint("the first line names the columns").into());
    };
    let wrong = |line, what| Problem::invalid(format!("line {line}: {what}")).hint(PASS_OVER);
    if let Some(RowFault::Quote(fault)) = row.fault {
        let what = match fault.what {
            What::LineBreak(_) => format!("the name of column {} {}", fault.column + 1, fault.what),
            what => what.to_string(),
        };
        return Err(wrong(fault.line, what).into());
    }
    if let Some(at) = row.cells.iter().position(|c| c.contains(&0)) {
        return Err(wrong(row.line, format!("the name of column {} holds a NUL character", at + 1))
            .hint("--encoding utf-16le reads UTF-16 that has no byte order mark")
            .into());
    }
    Ok(row.cells.iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect())
}

/// The column that gives a name whole, where another gives a part of it.
fn joint_beside_its_parts(desc: &'static Descriptor, columns: &[Option<String>]) -> Option<(usize, &'static str)> {
    columns.iter().enumerate().find_map(|(at, name)| {
        let parts = desc.field(name.as_deref()?)?.parts()?;
        let part = parts.iter().find(|p| columns.iter().flatten().any(|c| c == *p))?;
        Some((at, *part))
    })
}

/// Rows in which a header is looked for.
const PREAMBLE: usize = 20;

/// The line of the header, where titles and notes stand before it: the first row of which most cells name a field, if the
/// file's own first row names none.
fn header_below(desc: &'static Descriptor, source: &Source) -> Result<Option<u64>> {
    let named = |cells: &[String]| cells.iter().filter(|c| desc.field_for_header(c.trim()).is_some()).count();
    let mut rows = source.rows()?;
    if source.has_separator_line {
        rows.read()?;
        return Ok(rows.read()?.map(|row| row.line));
    }
    for i in 0..PREAMBLE {
        let Some(row) = rows.read()? else { break };
        let cells: Vec<String> = row.cells.iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect();
        if i == 0 && named(&cells) > 0 {
            break;
        }
        if row.fault.is_none() && cells.len() > 1 && named(&cells) * 2 > cells.len() {
            return Ok(Some(row.line));
        }
    }
    Ok(None)
}

/// Opens what is to be read. Standard input, a pipe or a device can be read once, and two passes need a file: a nameless
/// one, so that it goes with the process however that ends.
async fn open(
    s: &mut Session<'_>,
    name: String,
    said: Said,
    is_whole: impl Fn(&str) -> bool + Send + 'static,
) -> Result<Source> {
    let shown = if name == "-" { "standard input".to_owned() } else { name.clone() };
    let failed = |e: io::Error| Problem::failed(format!("can't make a temporary file: {}", io_message(&e)));
    let spooled = tempfile::tempfile().map_err(failed)?;
    if name == "-" {
        s.ui.read_stdin(Spool::new(spooled.try_clone().map_err(failed)?, MOST)).await?;
    }
    // On a thread of its own: a pipe may wait for its writer, and a signal is noticed meanwhile.
    let opened = spawn_blocking(move || {
        if name == "-" {
            return Source::open(spooled, &shown, &said, &is_whole);
        }
        let failed = |e: io::Error| unreadable(&shown, &e);
        let mut file = File::open(&name).map_err(failed)?;
        let kind = file.metadata().map_err(failed)?.file_type();
        if kind.is_dir() {
            return Err(Problem::failed(format!("{shown} is a folder, not a file")).into());
        }
        if !kind.is_file() {
            let kept = spooled.try_clone().map_err(failed)?;
            let is_device = kind.is_char_device() && !file.is_terminal();
            let most = if is_device { MOST_OF_DEVICE } else { MOST };
            io::copy(&mut file, &mut Spool::new(kept, most)).map_err(failed)?;
            file = spooled;
        }
        Source::open(file, &shown, &said, &is_whole)
    });
    opened.await?
}

/// Refuses what is about records that are there, where a row about such a one changes nothing.
fn on_those_there(m: &ArgMatches) -> Result<()> {
    if m.get_one::<String>("on-conflict").is_some_and(|c| c == "update") {
        return Ok(());
    }
    let is_given = |name: &str| {
        m.try_contains_id(name).is_ok_and(|is| is) && m.value_source(name) == Some(ValueSource::CommandLine)
    };
    for option in ["max-leavers", "reset-passwords"] {
        if is_given(option) {
            let sentence = format!("--{option} has no use here: no row changes a record that is there");
            return Err(Problem::usage(sentence)
                .hint(format!("--on-conflict update lets them; or leave --{option} out"))
                .into());
        }
    }
    Ok(())
}
