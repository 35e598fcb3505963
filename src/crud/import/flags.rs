//! What the command line and the header of a file say: an import, complete.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;

use anyhow::Result;
use chrono::Datelike as _;
use tokio::task::spawn_blocking;

use super::arguments::{Import, OnConflict, Whole};
use super::columns::{SecretColumn, StatusColumn};
use super::csv_reader::What;
use super::dates;
use super::encoding::unreadable;
use super::file_flags::{Codes, Dates, FileFlags, ForcedRows, Leavers, Rejects, SaysConflict, Tolerance};
use super::json_reader::TakenWhole;
use super::limit::LeaverLimit;
use super::mapping;
use super::mapping::{Mapping, constants, map_columns};
use super::nested;
use super::nested::Objects;
use super::report;
use super::source::{FileRows, MOST, MOST_OF_DEVICE, PASS_OVER, RowFault, Said, Source, Spool};
use super::terms::Terms;
use super::tolerance;
use crate::crud::context::Context;
use crate::crud::invocation::Invocation;
use crate::crud::leaf::flags;
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

flags! {
    /// The flags of `import`.
    pub struct ImportFlags {
        leavers: Leavers,
        forced: ForcedRows,
        file: FileFlags,
        says_conflict: SaysConflict,
        codes: Codes,
        tolerance: Tolerance,
        dates: Dates,
        rejects: Rejects,
    }
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
    /// Opens a file of which some columns may hold rows of other kinds.
    pub async fn open(
        s: &mut Invocation<'_>,
        desc: &'static Descriptor,
        flags: &ImportFlags,
        objects: Objects,
    ) -> Result<Opened> {
        // What can't be written to refuses before any file is looked at.
        s.db().await?;
        let said = s.org_of(desc).await?;
        let rejects = flags.rejects.rejects.as_ref().map(PathBuf::from);
        let source = opened(s.context, desc, &flags.file, rejects.as_ref(), objects).await?;
        let header = names(&source)?;
        let org = match said {
            None if !mapping::says_whose(desc, &header, &flags.file.map) => s.the_org_of(desc).await?,
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
    pub async fn map(self, s: &mut Invocation<'_>, flags: &ImportFlags, terms: Terms) -> Result<Import> {
        let Opened { desc, org, source, header, rejects } = self;
        let mapping = map_columns(desc, &source, &header, &terms, &flags.file)?;
        tell_mapping(s.context, desc, &header, &mapping, terms.code);
        let Mapping { columns, lookups, secret, sealed, lists, states, doubles, nested, org: whose, .. } = mapping;
        let on_conflict = on_conflict(flags, &terms)?;
        passwords_agree(s.context, terms.resets_secrets, secret, rejects.as_ref())?;
        if let (false, Some(rejects)) = (sealed.is_empty(), &rejects) {
            s.context.ui.warn(&format!(
                "{} will hold in clear what rejected rows say: remove it when they are mended",
                rejects.display()
            ));
        }
        let columns = settled(s.context, desc, &header, columns)?;
        let constants = all_constants(s.context, desc, &flags.file.set, terms.whole.as_ref(), &columns, &states)?;
        are_filled(desc, &constants, terms.fills)?;
        let makes_codes = flags.codes.generate_codes;
        let made = desc.code_maker().map(|(field, _)| field).filter(|_| makes_codes);
        let key = key_of(desc, flags.file.key_field.as_deref(), &header, &columns, &constants, made)?;
        if on_conflict == OnConflict::Error {
            has_what_new_ones_need(desc, &columns, &constants, made)?;
        }
        let columns_of = nested::Columns {
            desc,
            source: &source,
            columns: &columns,
            lists: &lists,
            nested: &nested,
            org: whose,
            passes_over: flags.file.ignore_unknown,
        };
        let (rows, nested_faults) = columns_of.read()?;
        let dated = terms.sealed.map_or(&[][..], |sealed| sealed.dated);
        let of_dates = dates::columns(desc, &columns, (&sealed, dated));
        let mut import = Import {
            org,
            date_formats: dates::formats(desc, &header, &of_dates, &flags.dates.date_format)?,
            dated,
            columns,
            lookups,
            fallbacks: doubles.iter().filter(|d| d.is_fallback).map(|d| (d.winner, d.loser)).collect(),
            makes_codes,
            constants,
            key: key.name(),
            on_conflict,
            keep_going: flags.tolerance.keep_going,
            rejects,
            secret,
            sealed,
            lists,
            states,
            resets_secrets: terms.resets_secrets,
            whole: terms.whole,
            limit: LeaverLimit::of(
                flags.leavers.max_leavers.as_deref(),
                flags.leavers.force || flags.forced.force.force,
            )?,
            mode: terms.mode,
            on_invalid: tolerance::blanked_fields(desc, &flags.tolerance.on_invalid)?,
            none: tolerance::none_words(&flags.tolerance.none)?,
            nested_faults,
            progress: s.context.ui.progress(),
            ..Import::new(desc, source)
        };
        import.route(s, desc, whose).await?;
        import.take_within(rows)?;
        Ok(import)
    }
}

/// What of a header is read otherwise than it may be meant.
fn tell_mapping(
    context: &Context<'_>,
    desc: &'static Descriptor,
    header: &[String],
    mapping: &Mapping,
    code: Option<usize>,
) {
    let ui = &context.ui;
    if let Some(at) = code.filter(|at| mapping.columns[*at].as_ref() == Some(&desc.key().name())) {
        ui.status(&format!("note: the column '{}' is read as {}", header[at].trim(), desc.key().name()));
    }
    for name in &mapping.absent {
        ui.status(&format!("note: no row has '{name}', which --map names"));
    }
    if !mapping.unfilled.is_empty() {
        let names = mapping::shown(&mapping.unfilled);
        ui.status(&format!("note: passed over, for nothing is filled by them: {names}"));
    }
    for double in &mapping.doubles {
        let [winner, loser] = [double.winner, double.loser].map(|at| truncate(header[at].trim()));
        ui.status(&match double.is_fallback {
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
    context: &Context<'_>,
    desc: &'static Descriptor,
    flags: &FileFlags,
    rejects: Option<&PathBuf>,
    objects: Objects,
) -> Result<Source> {
    if let Some(rejects) = rejects {
        // Said before a million rows are read for nothing.
        report::can_write(rejects)?;
    }
    let said = Said {
        skip: flags.skip_lines.unwrap_or(0),
        encoding: flags.encoding.clone(),
        format: flags.format.as_ref().map(|f| if f == "jsonl" { "ndjson".to_owned() } else { f.clone() }),
    };
    let source = open(context, flags.file.clone(), said, taken_whole(desc, &flags.map, objects)).await?;
    if source.is_converted() {
        let guess = if source.is_guess { ", which is a guess: --encoding names another" } else { "" };
        context.ui.status(&format!("note: {} is read as {}{guess}", source.shown, source.encoding));
    }
    if let Some(rejects) = rejects.filter(|r| source.is_at(r)) {
        let sentence = format!("--rejects would write over {}, which is read", rejects.display());
        return Err(Problem::usage(sentence).hint("choose another file").into());
    }
    if source.is_json() {
        return Ok(source);
    }
    if let Some(line) = header_below(desc, &source)? {
        let sentence = format!("the first line names no column of {}; line {line} does", desc.indefinite());
        return Err(Problem::invalid(sentence)
            .hint(format!("--skip-lines {} passes over the lines before it", line - 1))
            .into());
    }
    Ok(source)
}

/// Which columns fill a field that is JSON itself: by their names, or by `--map`.
fn taken_whole(
    desc: &'static Descriptor,
    maps: &[String],
    objects: Objects,
) -> impl Fn(&str) -> TakenWhole + Send + use<> {
    let maps = maps.iter().filter_map(|map| map.rsplit_once('='));
    let mapped: Vec<(String, String)> = maps.map(|(from, to)| (fold(from), to.trim().to_owned())).collect();
    move |path| {
        let to = mapped.iter().find(|(from, _)| *from == fold(path)).map(|(_, to)| to.as_str());
        let field = to.map_or_else(|| desc.field_for_header(path), |to| desc.field(to));
        match field.is_some_and(|f| f.ty.kind == ValueType::Json) {
            true => TakenWhole::Always,
            false => nested::taken(desc, objects, to.unwrap_or(path)),
        }
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
fn on_conflict(flags: &ImportFlags, terms: &Terms) -> Result<OnConflict> {
    let said = match flags.file.on_conflict.as_str() {
        "skip" => OnConflict::Skip,
        "update" => OnConflict::Update,
        _ => OnConflict::Error,
    };
    if terms.whole.is_none() {
        if said != OnConflict::Update {
            on_those_there(flags, terms)?;
        }
        return Ok(said);
    }
    if flags.says_conflict.0 && said != OnConflict::Update {
        return Err(Problem::usage("--sync changes who is there; --on-conflict can't say otherwise")
            .hint("leave --on-conflict out")
            .into());
    }
    Ok(OnConflict::Update)
}

/// Holds what is said of passwords against the file, and warns of where they would lie.
fn passwords_agree(
    context: &Context<'_>,
    resets_secrets: bool,
    secret: Option<SecretColumn>,
    rejects: Option<&PathBuf>,
) -> Result<()> {
    if resets_secrets && secret.is_none() {
        return Err(Problem::usage("--reset-passwords: no column of the file holds passwords")
            .hint("map one with --map 'COLUMN=password', or leave --reset-passwords out")
            .into());
    }
    if let (Some(_), Some(rejects)) = (secret, rejects) {
        context.ui.warn(&format!(
            "{} will hold passwords of rejected rows: remove it when they are mended",
            rejects.display()
        ));
    }
    Ok(())
}

/// The columns, without one that others say in more detail.
fn settled(
    context: &Context<'_>,
    desc: &'static Descriptor,
    header: &[String],
    mut columns: Vec<Option<String>>,
) -> Result<Vec<Option<String>>> {
    if let Some((at, part)) = joint_beside_its_parts(desc, &columns) {
        let said = format!("note: the column '{}' is passed over: {part} says more", header[at].trim());
        context.ui.status(&said);
        columns[at] = None;
    }
    Ok(columns)
}

/// Refuses to give rows by `--set` what no column fills.
fn are_filled(desc: &Descriptor, constants: &Constants, fills: Option<&[&str]>) -> Result<(), Problem> {
    let is_filled = |name: &str| fills.is_none_or(|fills| desc.field(name).is_some_and(|f| fills.contains(&f.column)));
    match constants.iter().find(|(name, _)| !is_filled(name)) {
        Some((name, _)) => {
            Err(Problem::usage(format!("--set can't give {name}, which is made with the record")).hint("leave it out"))
        }
        None => Ok(()),
    }
}

/// What every row gets: by `--set`, and by what a file is the whole truth about.
fn all_constants(
    context: &Context<'_>,
    desc: &'static Descriptor,
    set: &[String],
    whole: Option<&Whole>,
    columns: &[Option<String>],
    states: &[StatusColumn],
) -> Result<Constants> {
    let mut constants = constants(desc, set)?;
    for (name, text) in &mut constants {
        // A span is one from now, whenever the file is read.
        let takes_span = |field: &Field| field.ty.kind == ValueType::Time && !field.has(Attr::FromClock);
        let is_time = desc.field(name).is_some_and(takes_span);
        let at = span(text.trim()).filter(|span| !span.is_zero());
        let at = at.and_then(|span| context.clock.now().checked_add_signed(span));
        if let Some(at) = at.filter(|at| is_time && YEARS.contains(&at.year())) {
            *text = rfc3339(at);
            context.ui.status(&format!("{name} {text}"));
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
    named: Option<&str>,
    header: &[String],
    columns: &[Option<String>],
    constants: &Constants,
    made: Option<&'static Field>,
) -> Result<Key> {
    let keys: Vec<String> = desc.all_keys().map(|key| key.name()).collect();
    if let Some(name) = named {
        let named = desc.all_keys().find(|key| key.is_named(name)).ok_or_else(|| {
            Problem::usage(format!("{} is no key of {}", truncate(name), desc.indefinite()))
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
    context: &Context<'_>,
    name: String,
    said: Said,
    is_whole: impl Fn(&str) -> TakenWhole + Send + 'static,
) -> Result<Source> {
    let shown = if name == "-" { "standard input".to_owned() } else { name.clone() };
    let failed = |e: io::Error| Problem::failed(format!("can't make a temporary file: {}", io_message(&e)));
    let spooled = tempfile::tempfile().map_err(failed)?;
    if name == "-" {
        context.ui.read_stdin(Spool::new(spooled.try_clone().map_err(failed)?, MOST)).await?;
    }
    // On a thread of its own: a pipe may wait for its writer, and a signal is noticed meanwhile.
    let opened = spawn_blocking(move || {
        if name == "-" {
            return Source::open(spooled, None, &shown, &said, &is_whole);
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
        let path = if kind.is_file() { Some(std::fs::canonicalize(&name).map_err(failed)?) } else { None };
        Source::open(file, path, &shown, &said, &is_whole)
    });
    opened.await?
}

/// Refuses what is about records that are there, where a row about such a one changes nothing.
fn on_those_there(flags: &ImportFlags, terms: &Terms) -> Result<()> {
    for (option, is_given) in
        [("max-leavers", flags.leavers.max_leavers.is_some()), ("reset-passwords", terms.resets_secrets)]
    {
        if is_given {
            let sentence = format!("--{option} has no use here: no row changes a record that is there");
            return Err(Problem::usage(sentence)
                .hint(format!("--on-conflict update lets them; or leave --{option} out"))
                .into());
        }
    }
    Ok(())
}
