//! What an import says at its end, and the file of rejected rows.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use serde_json::{Map, Value as Json, json};
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::spawn_blocking;

use super::arguments::{Import, OnConflict, Report};
use super::columns::is_reject_column;
use super::csv_reader::loose_cells;
use super::dates;
use super::encoding::unreadable;
use super::json_reader::members as members_of;
use super::rows::{ENCODING, ImportPlan};
use super::source::{FileRows, Lines, QUOTES, Source};
use crate::crud::context::Context;
use crate::crud::remove::Mode;
use crate::crud::write::dry_run_note;
use crate::model::problem::io_message;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::resource::Descriptor;
use crate::model::values::scalar::truncate;
use crate::store::engine::db::Db;
use crate::store::import::stage::{QUOTE, Reject, Stage};
use crate::ui::atomic_file::AtomicFile;
use crate::ui::format::{self, Format};

/// Rejects that are read together.
const BATCH: usize = 500;

fn unwritable(path: &Path, e: &io::Error) -> Problem {
    Problem::failed(format!("can't write {}: {}", path.display(), io_message(e)))
        .hint("--rejects names the file of rejected rows")
}

/// Refuses a file that could not be written.
pub fn can_write(path: &Path) -> Result<()> {
    if path == Path::new("-") {
        return Err(Problem::usage("--rejects names a file, not standard output").hint("--rejects rejects.csv").into());
    }
    match std::fs::metadata(path) {
        Ok(m) if m.is_dir() => Err(unwritable(path, &io::ErrorKind::IsADirectory.into()).into()),
        // What is no ordinary file is only opened once: a pipe's reader would take that for the end.
        Ok(m) if !m.is_file() => Ok(()),
        // Dropped unfinished, it leaves nothing.
        _ => AtomicFile::create_private(path).map(drop).map_err(|e| unwritable(path, &e).into()),
    }
}

/// The columns that follow those of the file.
const REASONS: [&str; 4] = ["reject_line", "reject_column", "reject_code", "reject_reason"];

/// Whether a row of another length than its header ends in the reasons of an earlier time.
fn ends_in_reasons(cells: &[&[u8]]) -> bool {
    let [.., line, _, code, _] = cells else { return false };
    let is_word = |b: &u8| b.is_ascii_lowercase() || matches!(*b, b'_' | b';');
    !line.is_empty() && line.iter().all(u8::is_ascii_digit) && !code.is_empty() && code.iter().all(is_word)
}

/// Writes the rows that an import rejects, in the file's own dialect.
struct Rejects<'a> {
    path: &'a Path,
    source: &'a Source,
    rows: FileRows,
    lines: Lines,
    /// For each column of the file whether it is its own: one that was fed back in has reasons of an earlier time.
    own: Vec<bool>,
    file: BufWriter<File>,
}

impl<'a> Rejects<'a> {
    /// Begins with the header.
    fn new(path: &'a Path, plan: &'a ImportPlan, file: File) -> Result<Rejects<'a>> {
        let source = &plan.source;
        let (rows, lines) = (plan.rows()?, source.lines()?);
        let mut rejects = Rejects { path, source, rows, lines, own: Vec::new(), file: BufWriter::new(file) };
        rejects.write(source.mark())?;
        if source.is_json() {
            return Ok(rejects);
        }
        let header = source.rows()?.read()?.map_or_else(csv::ByteRecord::new, |row| row.cells.clone());
        let is_own = |cell: &[u8]| std::str::from_utf8(cell).map_or(true, |name| !is_reject_column(name.trim()));
        rejects.own = header.iter().map(is_own).collect();
        let cells: Vec<&[u8]> = header.iter().zip(&rejects.own).filter(|(_, own)| **own).map(|(c, _)| c).collect();
        rejects.line(cells, REASONS.map(str::to_owned))?;
        Ok(rejects)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.file.write_all(bytes).map_err(|e| unwritable(self.path, &e))?)
    }

    fn line(&mut self, cells: Vec<&[u8]>, reasons: [String; 4]) -> Result<()> {
        let mut csv = csv::WriterBuilder::new().delimiter(self.source.delimiter).flexible(true).from_writer(Vec::new());
        csv.write_record(cells.into_iter().chain(reasons.iter().map(String::as_bytes)))?;
        let line = csv.into_inner().map_err(|e| anyhow::anyhow!(e.to_string()))?;
        self.write(&self.source.encoded(&line))
    }

    /// Adds the row that is rejected for some reasons, further down the file than the one before.
    fn add(&mut self, faults: &[Reject]) -> Result<()> {
        let [reject, ..] = faults else { return Ok(()) };
        let (cells, raw, lines, is_fault) = loop {
            let row = self.rows.read()?.ok_or_else(|| self.source.changed())?;
            if row.number == reject.number {
                break (row.cells.clone(), row.raw.to_vec(), row.lines, row.fault.is_some());
            }
        };
        let is_lost = reject.code == ENCODING && self.source.is_converted();
        let all = |part: fn(&Reject) -> &str, between| faults.iter().map(part).collect::<Vec<_>>().join(between);
        let reasons = [
            reject.line.to_string(),
            all(|r| r.column.as_deref().unwrap_or_default(), ";"),
            all(|r| r.code, ";"),
            all(|r| &r.reason, "; "),
        ];
        if self.source.is_json() {
            let is_lost = is_lost && self.source.is_json_lines();
            return self.object(if is_lost { &[] } else { &raw }, lines, reasons);
        }
        if is_fault || is_lost {
            // What its cells are is the question: it goes out as it is written.
            self.as_written(lines)?;
            self.write(&self.source.encoded(&[self.source.delimiter]))?;
            return self.line(Vec::new(), reasons);
        }
        let mut cells: Vec<&[u8]> = cells.iter().collect();
        if cells.len() == self.own.len() {
            let mut own = self.own.iter();
            cells.retain(|_| own.next() == Some(&true));
        } else if self.own.contains(&false) && ends_in_reasons(&cells) {
            cells.truncate(cells.len() - REASONS.len());
        }
        self.line(cells, reasons)
    }

    /// Adds an object with its reasons; one that is none as it is written, behind a line with them.
    fn object(&mut self, raw: &[u8], lines: (u64, u64), reasons: [String; 4]) -> Result<()> {
        let mut members = Vec::new();
        if raw.first() == Some(&b'{') {
            let all = members_of(raw).map_err(|e| unreadable(&self.source.shown, &e))?;
            let is_own = |key: &[u8]| !std::str::from_utf8(key).is_ok_and(|key| is_reject_column(key.trim()));
            members.extend(all.into_iter().filter(|(key, _)| is_own(key)).map(|(_, member)| member));
        }
        for (name, reason) in REASONS.iter().zip(reasons) {
            let reason = if *name == REASONS[0] { reason } else { serde_json::to_string(&reason)? };
            members.push(format!("\"{name}\":{reason}").into_bytes());
        }
        let object = [b"{".to_vec(), members.join(&b","[..]), b"}\n".to_vec()].concat();
        self.write(&self.source.encoded(&object))?;
        if raw.first() != Some(&b'{') {
            match raw {
                // Only lines are read on behind what is broken.
                [] => self.lines.copy(lines, &mut self.file).map_err(|e| unreadable(&self.source.shown, &e))?,
                raw => self.write(&self.source.encoded(raw))?,
            }
            self.write(&self.source.encoded(b"\n"))?;
        }
        Ok(())
    }

    /// Copies lines, without reasons of an earlier time.
    fn as_written(&mut self, lines: (u64, u64)) -> Result<()> {
        let failed = |e: io::Error| unreadable(&self.source.shown, &e);
        if !self.own.contains(&false) {
            return Ok(self.lines.copy(lines, &mut self.file).map_err(failed)?);
        }
        let mut raw = Vec::new();
        self.lines.copy(lines, &mut raw).map_err(failed)?;
        let text = self.source.plain(&raw);
        let last = text.iter().rposition(|b| *b == b'\n' || *b == b'\r').map_or(0, |n| n + 1);
        let cells = loose_cells(&text[last..], self.source.delimiter);
        let texts: Vec<&[u8]> = cells.iter().map(|(a, b)| &text[last + a..last + b]).collect();
        if texts.len() > REASONS.len() && ends_in_reasons(&texts) {
            let end = last + cells[cells.len() - REASONS.len()].0 - 1;
            let end = raw.len() - self.source.encoded(&text[end..]).len();
            raw.truncate(end);
        }
        self.write(&raw)
    }
}

/// Writes rejected rows as they come, on a thread of its own: opening and writing wait where the file is a pipe.
fn write_all(path: &Path, plan: &ImportPlan, rejects: &mut Receiver<Vec<Reject>>) -> Result<()> {
    let (whole, file) = AtomicFile::create_private(path).map_err(|e| unwritable(path, &e))?;
    let mut rejected = Rejects::new(path, plan, file)?;
    while let Some(some) = rejects.blocking_recv() {
        for faults in some.chunk_by(|a, b| a.number == b.number) {
            rejected.add(faults)?;
        }
    }
    rejected.file.flush().map_err(|e| unwritable(path, &e))?;
    Ok(whole.finish().map_err(|e| unwritable(path, &e))?)
}

impl Import {
    /// The original rows with line, column, code and reason: to be mended and fed back in.
    pub(super) async fn write_rejects(&self, db: &mut Db, plan: &Arc<ImportPlan>, stage: &Stage) -> Result<()> {
        let Some(path) = self.rejects.clone() else { return Ok(()) };
        let (send, mut receive) = mpsc::channel(1);
        let (plan, placing) = (Arc::clone(plan), plan);
        let writer = spawn_blocking(move || write_all(&path, &plan, &mut receive));
        let mut last = 0;
        loop {
            let rejects = stage.rejects(db, last, BATCH, &|r| placing.reject_position(r)).await?;
            let Some(end) = rejects.last() else { break };
            last = end.number;
            // Where nobody takes them the writer has failed, and says below why.
            if send.send(rejects).await.is_err() {
                break;
            }
        }
        drop(send);
        writer.await?
    }
}

/// What a verb has to say besides what any import says.
#[derive(Default)]
pub struct More {
    /// For programs.
    pub members: Map<String, Json>,
    /// For people, before the counts.
    pub lines: Vec<String>,
    /// How many left by a file that is the whole truth.
    pub left: Option<u64>,
    /// What helps where rows are rejected.
    pub hints: Vec<String>,
    /// Flags can say who is meant by those who have left.
    pub says_who: bool,
}

fn rows(n: u64) -> String {
    if n == 1 { "1 row".to_owned() } else { format!("{n} rows") }
}

/// The closing report, and the exit code that goes with it.
pub fn tell(
    context: &Context<'_>,
    desc: &Descriptor,
    r: &Report,
    seconds: f64,
    verb: &Import,
    more: More,
) -> Result<()> {
    let rate = (r.read as f64 / seconds.max(0.001)).round();
    if matches!(context.ui.style.format.get(), Format::Json | Format::Ndjson | Format::Yaml) {
        tell_program(context, r, seconds, rate, more.members)?;
    } else {
        tell_rows(context, r, verb, more.says_who);
        more.lines.iter().for_each(|line| context.ui.status(line));
        tell_counts(context, r, seconds, rate, more.left);
        dry_run_note(context);
    }
    let dates: Vec<String> = r.readable.iter().map(|(name, formats)| dates::hint(name, formats)).collect();
    if r.rejected == 0 {
        // What could not be read was left blank.
        for hint in &dates {
            context.ui.status(&format!("note: {hint}"));
        }
        return Ok(());
    }
    Err(rejected(desc, r, verb, dates, more.hints).into())
}

/// The report as JSON.
fn tell_program(context: &Context<'_>, r: &Report, seconds: f64, rate: f64, more: Map<String, Json>) -> Result<()> {
    let rejects: Vec<_> = r
        .rejects
        .iter()
        .map(|x| json!({ "line": x.line, "column": x.column, "code": x.code, "reason": x.reason }))
        .collect();
    let mut report = json!({
        "read": r.read, "created": r.created, "updated": r.updated, "unchanged": r.unchanged, "skipped": r.skipped,
        "rejected": r.rejected, "rejects": rejects, "written": !r.refused && !context.dry_run, "seconds": (seconds * 1000.0).round() / 1000.0,
        "rows_per_second": rate, "possible_phones": r.doubtful, "damaged_texts": r.lost, "names_leaver": r.names_leaver,
        "blanked": r.blanked.iter().map(|(f, n)| ((*f).to_owned(), (*n).into())).collect::<serde_json::Map<_, _>>(),
    });
    if let Some(members) = report.as_object_mut() {
        if !r.within.is_empty() {
            members.insert("within".into(), serde_json::to_value(&r.within)?);
        }
        members.extend(more);
    }
    format::document(&context.ui, &report)?;
    context.ui.flush()?;
    Ok(())
}

/// What is said of rows.
fn tell_rows(context: &Context<'_>, r: &Report, verb: &Import, says_who: bool) {
    for x in &r.rejects {
        // A reason that begins with the column needs no second naming of it.
        let column = x.column.as_ref().filter(|c| !x.reason.starts_with(c.as_str()));
        let column = column.map_or(String::new(), |c| format!(", {c}"));
        context.ui.status(&format!("rejected line {}{column}: {}", x.line, x.reason));
    }
    if r.kept_ends > 0 {
        let are =
            if r.kept_ends == 1 { "1 member of a list is" } else { &format!("{} members of lists are", r.kept_ends) };
        context.ui.status(&format!("note: {are} there for a time, and so still"));
    }
    if r.doubtful > 0 {
        let are = if r.doubtful == 1 { "phone number is" } else { "phone numbers are" };
        context.ui.status(&format!("note: {} {are} possible but not known to be valid", r.doubtful));
    }
    if r.lost > 0 {
        let (n, hold) = (r.lost, if r.lost == 1 { "text holds" } else { "texts hold" });
        context
            .ui
            .status(&format!("note: {n} {hold} U+FFFD, which stands for characters that another program has lost"));
    }
    let blanked: Vec<String> = r.blanked.iter().filter(|(_, n)| *n > 0).map(|(f, n)| format!("{f} {n}")).collect();
    if !blanked.is_empty() {
        let left = if verb.on_conflict == OnConflict::Update { "left blank, or as they were" } else { "left blank" };
        context.ui.status(&format!("{left}, for they can't be read: {}", blanked.join(", ")));
    }
    for made in &r.created_records {
        context.ui.status(&format!("created {made}"));
    }
    if r.names_leaver > 0 {
        let (n, name) = (rows(r.names_leaver), if r.names_leaver == 1 { "names" } else { "name" });
        let meant = match verb.mode {
            Mode::Reassign(_) => "who takes over is meant (--reassign-to)",
            Mode::Orphan => "nobody is meant (--orphan)",
            Mode::Protect | Mode::Cascade if says_who => {
                "nothing changes there; --reassign-to or --orphan says who is meant"
            }
            Mode::Protect | Mode::Cascade => "nothing changes there",
        };
        context.ui.status(&format!("note: {n} {name} somebody who has left: {meant}"));
    }
}

/// How many of what.
fn tell_counts(context: &Context<'_>, r: &Report, seconds: f64, rate: f64, left: Option<u64>) {
    let ui = &context.ui;
    // One row may have several faults.
    let shown = r.rejects.chunk_by(|a, b| a.number == b.number).count();
    let hidden = r.rejected.saturating_sub(shown as u64);
    if hidden > 0 {
        ui.status(&format!("and {hidden} more rejected rows"));
    }
    if r.refused {
        ui.status(&format!("read {}, rejected {}; nothing was imported", rows(r.read), r.rejected));
    } else {
        let mut parts = vec![
            format!("created {}", r.created),
            format!("updated {}", r.updated),
            format!("unchanged {}", r.unchanged),
        ];
        if r.skipped > 0 {
            parts.push(format!("skipped {}", r.skipped));
        }
        parts.push(format!("rejected {}", r.rejected));
        parts.extend(left.map(|left| format!("left {left}")));
        ui.status(&format!("read {}: {} ({seconds:.1} s, {rate} rows/s)", rows(r.read), parts.join(", ")));
        for (table, within) in &r.within {
            let counts = [
                ("created", within.created),
                ("updated", within.updated),
                ("unchanged", within.unchanged),
                ("deleted", within.deleted),
            ];
            let counts = counts.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{what} {n}"));
            let counts = counts.collect::<Vec<_>>().join(", ");
            let of = context.kinds.by_table(table).map_or((*table).into(), Descriptor::plural);
            ui.status(&format!("{of}: {}", if counts.is_empty() { "none" } else { &counts }));
        }
        let is_within = r.within.values().any(|w| w.created + w.updated + w.deleted > 0);
        if r.created + r.updated + left.unwrap_or(0) == 0 && !is_within {
            ui.status("nothing was changed");
        }
    }
}

/// What helps where rows refer to somebody by a name.
fn by_name(desc: &Descriptor, r: &Report, verb: &Import) -> Option<String> {
    // Words with a blank between letters are what somebody is called, and no key.
    let is_name = |noun: &str, x: &Reject| {
        let word = x.reason.strip_prefix(noun).and_then(|rest| rest.strip_suffix(" does not exist"));
        word.is_some_and(|w| w.trim().contains(' ') && w.contains(char::is_alphabetic))
    };
    let is_named = |target: &Descriptor| target.fields.iter().any(|f| f.parts().is_some());
    let mut missing = r.rejects.iter().filter(|x| x.code == ErrorKind::NotFound.as_str());
    let name = missing.find_map(|x| {
        let target = desc.field(x.column.as_deref()?)?.target()?;
        x.column.as_deref().filter(|_| is_named(target) && is_name(target.noun, x))
    })?;
    let at = verb.columns.iter().position(|c| c.as_deref() == Some(name));
    let header = at.and_then(|at| verb.source.header.get(at)).map_or(name, |h| h.trim());
    Some(format!("--map '{}={name}.name' looks people up by their names", truncate(header)))
}

/// The error that rejected rows end with, and what helps.
pub(super) fn rejected(desc: &Descriptor, r: &Report, verb: &Import, dates: Vec<String>, more: Vec<String>) -> Problem {
    let rejects = match &verb.rejects {
        Some(path) => {
            // Fewer rows may be too few for a guess.
            let encoding = match verb.source.encoding.starts_with("utf") {
                true => String::new(),
                false => format!(" with --encoding {}", verb.source.encoding),
            };
            format!("mend {} and import it again{encoding}", path.display())
        }
        None => "--rejects FILE writes them out with their reasons, to be mended and imported again".to_owned(),
    };
    let sentence =
        format!("{} of {} {} rejected", r.rejected, rows(r.read), if r.rejected == 1 { "was" } else { "were" });
    let mut problem = match r.refused {
        true => Problem::invalid(format!("{sentence}; nothing was imported")).hint(rejects),
        false => Problem::new(ErrorKind::Partial, sentence).hint(rejects),
    };
    if r.refused && r.rejected < r.read {
        problem = problem.hint(format!("--keep-going imports the other {}", desc.plural()));
    }
    problem = dates.into_iter().fold(problem, Problem::hint);
    if r.rejects.iter().any(|x| x.code == QUOTE) {
        problem = problem.hint(QUOTES);
    }
    problem = more.into_iter().chain(by_name(desc, r, verb)).fold(problem, Problem::hint);
    // What only the database finds, or another key, is passed over by no flag.
    let is_there = |x: &Reject| {
        x.code == ErrorKind::Conflict.as_str()
            && x.column.as_ref() == Some(&verb.key)
            && x.reason.ends_with(" exists already")
    };
    if verb.on_conflict == OnConflict::Error && r.rejects.iter().any(is_there) {
        problem = problem.hint("--on-conflict skip passes over what is there already, update changes it");
    }
    problem
}
