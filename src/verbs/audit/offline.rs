//! Proving an export or an archive: needs the file, a checkpoint and the public key, and no database.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use anyhow::Result;
use serde_json::{Value as Json, json};

use super::checkpoint_files::checkpoints_in;
use super::findings::{counted, refusal, report_with};
use crate::crud::context::Context;
use crate::crud::invocation::Invocation;
use crate::model::problem::{Problem, io_message};
use crate::model::trail::export::{ExportLine, TrailHeader};
use crate::model::trail::note::Verifier;
use crate::model::trail::verify::{ExpectedRoot, Fault, Finding, TreeCheck, TreeHead};
use crate::store::trail::verify::{ProvenTree, Verified};
use crate::ui::interruptible;

/// A stretch of one trail, as a file holds it.
#[derive(Debug, Clone)]
pub struct ProvenStretch {
    tree: i32,
    /// What the file calls the organisation, which nothing proves.
    org: String,
    /// Names the trail; checkpoints are of this.
    origin: String,
    from: i64,
    to: i64,
    /// Checkpoints that agree, and the last record that the latest of them tells of.
    agreeing: usize,
    proven: i64,
    /// Where stretches of it begin whose payloads are gone, and nothing in the file tells why.
    untold: Vec<i64>,
    /// How many records the trail has, as far as a checkpoint tells that it goes on.
    goes_on: Option<u64>,
}

/// What went through a file.
#[derive(Default)]
pub struct OfflineResult {
    pub verified: Verified,
    /// What the file calls the organisations, by the number of their trees.
    names: BTreeMap<i32, String>,
    stretches: Vec<ProvenStretch>,
}

/// Proves an export by itself.
pub async fn verify(s: &mut Invocation<'_>, path: &str, checkpoints: &[String], keys: &[Verifier]) -> Result<()> {
    let mut known: Vec<(String, ExpectedRoot)> = Vec::new();
    for file in checkpoints {
        let says = format!("the checkpoint in {file}");
        let all = checkpoints_in(file, keys, |_| true)?.into_iter();
        known.extend(all.map(|(_, c)| (c.origin, ExpectedRoot { size: c.size, root: c.root, says: says.clone() })));
    }
    // The same one, given twice, is one.
    known.sort_by(|(a, x), (b, y)| (a, x.size, x.root).cmp(&(b, y.size, y.root)));
    known.dedup_by(|(a, x), (b, y)| (a, x.size, x.root) == (b, y.size, y.root));
    let input: Box<dyn io::Read> = match path {
        "-" => s.context.ui.take_stdin(),
        path => Box::new(interruptible::open(Path::new(path)).map_err(|e| unreadable(path, &e))?),
    };
    let progress = s.context.ui.progress();
    progress.part("verifying", None, "records");
    let done = read_export(BufReader::with_capacity(1 << 16, input), path, &known, &mut |n| progress.set(n));
    progress.finish();
    let mut read = done?;
    let agrees_with_itself = read.verified.findings.is_empty();
    if !known.is_empty() {
        let unproven: Vec<Finding> = read.stretches.iter().flat_map(ProvenStretch::unproven).collect();
        read.verified.findings.extend(unproven);
    }
    let told: Vec<Json> = read.stretches.iter().map(ProvenStretch::to_json).collect();
    report_with(s.context, &read.verified, &read.names, Some(("trails", told.into()))).await?;
    if agrees_with_itself && !known.is_empty() && read.stretches.iter().all(|t| t.agreeing == 0) {
        return Err(Problem::integrity(format!("no checkpoint that was given tells of what is in {path}"))
            .hint("a checkpoint names the trail in its first line, and must be as large as the stretch of it")
            .into());
    }
    if !read.verified.findings.is_empty() {
        return Err(refusal(&read.verified.findings, &read.names, "the export does not hold"));
    }
    conclude(s.context, &known, &read.stretches)
}

impl ProvenStretch {
    fn to_json(&self) -> Json {
        json!({
            "origin": self.origin,
            "org": self.org,
            "from": self.from,
            "to": self.to,
            "checkpoints": self.agreeing,
            "proven_to": self.proven,
            "untold": self.untold.len(),
            "goes_on_to": self.goes_on,
        })
    }

    /// What keeps it from being proven where checkpoints were given: none is of it, or payloads are gone without a reason.
    /// What tells the reason may stand behind the end of the file, but then the file can't prove what it holds.
    fn unproven(&self) -> Vec<Finding> {
        let find = |seq, kind, what: &str| Finding { tree: self.tree, seq, kind, what: what.into() };
        let gone = "its payload, or what is known of its command, is gone, and nothing in the file tells why";
        let mut found: Vec<Finding> = self.untold.iter().map(|seq| find(Some(*seq), Fault::Erased, gone)).collect();
        if self.agreeing == 0 {
            found.push(find(None, Fault::Unproven, "no checkpoint that was given tells of it"));
        }
        found
    }

    /// `records 1 to 12 of orgctl/.../1 (ACME)`
    fn describe(&self) -> String {
        let records = match self.to - self.from {
            -1 => "no records".to_owned(),
            0 => format!("record {}", self.from),
            _ => format!("records {} to {}", self.from, self.to),
        };
        format!("{records} of {} (called {})", self.origin, self.org)
    }
}

/// Says what was proven, and what was not.
fn conclude(context: &Context<'_>, known: &[(String, ExpectedRoot)], stretches: &[ProvenStretch]) -> Result<()> {
    let agreeing: usize = stretches.iter().map(|t| t.agreeing).sum();
    let mut is_all = true;
    for t in stretches {
        context.ui.status(&format!("{}: they agree with themselves", t.describe()));
        if t.from > 1 {
            is_all = false;
            context.ui.status(&format!("what was recorded before record {} is not in the file", t.from));
        }
        if let Some(n) = t.goes_on {
            is_all = false;
            context.ui.status(&format!("the trail goes on: a checkpoint tells of {n} records"));
        }
        if !t.untold.is_empty() {
            is_all = false;
            let gone = counted(t.untold.len(), "stretch of records has", "stretches of records have");
            context.ui.warn(&format!(
                "{gone} no payload, and nothing in the file tells why; only that they were there is proven"
            ));
        }
        if !known.is_empty() && t.proven < t.to {
            is_all = false;
            let n = t.to - t.proven.max(t.from - 1);
            let newer = counted(n, "record is", "records are");
            context.ui.warn(&format!("{newer} newer than any checkpoint that was given; nothing proves that yet"));
        }
    }
    let mut missing: Vec<&str> = known.iter().map(|(origin, _)| origin.as_str()).collect();
    missing.dedup();
    // The log of checkpoints is in no export.
    missing.retain(|o| stretches.iter().all(|t| t.origin != *o) && o.matches('/').count() > 1);
    for origin in &missing {
        context.ui.status(&format!("{origin}, of which there is a checkpoint, is not in the file"));
    }
    if known.is_empty() {
        context
            .ui
            .warn("without a checkpoint nothing tells that this is what was recorded: give one with --checkpoint");
        return Ok(());
    }
    let agree = counted(agreeing, "checkpoint agrees", "checkpoints agree");
    let all = if is_all { ", and all of it" } else { "" };
    context.ui.status(&format!("{agree}: this is what was recorded{all}"));
    Ok(())
}

fn unreadable(path: &str, e: &io::Error) -> Problem {
    match e.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => {
            Problem::integrity(format!("{path} is cut off or damaged"))
        }
        _ => Problem::failed(format!("can't read {path}: {}", io_message(e))),
    }
}

/// Longest line that is read: a payload of the largest size there can be, and then some.
const LONGEST: u64 = 64 << 20;

/// A trail that is being read.
struct OpenTrail {
    trail: TrailHeader,
    check: TreeCheck,
    agreeing: usize,
    /// Of the checkpoints of it.
    sizes: Vec<i64>,
}

impl OpenTrail {
    fn new(trail: TrailHeader, known: &[(String, ExpectedRoot)]) -> OpenTrail {
        let of_it = known.iter().filter(|(origin, _)| *origin == trail.origin).map(|(_, e)| e.clone());
        // One that ends in front of what is here says nothing of it, and can't be held against it.
        let expected: Vec<ExpectedRoot> =
            of_it.filter(|e| i64::try_from(e.size).is_ok_and(|n| n >= trail.from)).collect();
        let sizes: Vec<i64> = expected.iter().filter_map(|e| i64::try_from(e.size).ok()).collect();
        let agreeing = expected.len();
        let mut check = TreeCheck::new(trail.tree, TreeHead::Unasked, trail.frontier.clone(), expected);
        check.knows_actors = false;
        OpenTrail { trail, check, agreeing, sizes }
    }

    /// `end` is what the last line tells of; none where the file ends without it.
    fn close(self, end: Option<(i64, [u8; 32])>, read: &mut OfflineResult) {
        let OpenTrail { trail, check, agreeing, sizes } = self;
        let checked = check.finish();
        let goes_on = checked.beyond.iter().map(|e| e.size).max();
        let proven = sizes.into_iter().filter(|n| *n <= checked.size).max().unwrap_or(0);
        let agreeing = agreeing - checked.beyond.len();
        let mut findings = checked.findings;
        read.verified.corrections.extend(checked.corrections);
        let mut find =
            |seq, kind, what: &str| findings.push(Finding { tree: trail.tree, seq, kind, what: what.into() });
        match end {
            Some((size, root)) if checked.size != size || checked.frontier.root() != root => {
                find(None, Fault::Rewritten, "the records are not those that the last line tells of");
            }
            Some(_) => {}
            None => find(Some(checked.size + 1), Fault::Truncated, "the file ends before its last line"),
        }
        // Where nothing agrees the end may have been cut off.
        for e in checked.beyond.iter().filter(|_| agreeing == 0) {
            let what = format!("{} tells of {} records, {} are there", e.says, e.size, checked.size);
            find(Some(checked.size + 1), Fault::Truncated, &what);
        }
        read.verified.findings.extend(findings);
        read.verified.trees.push(ProvenTree { tree: trail.tree, frontier: checked.frontier });
        read.stretches.push(ProvenStretch {
            tree: trail.tree,
            org: trail.org,
            origin: trail.origin,
            from: trail.from,
            to: checked.size,
            agreeing,
            proven,
            untold: checked.untold,
            goes_on,
        });
    }
}

/// Goes through an export line by line. An archive, which is one that was compressed, is told by its first bytes.
pub fn read_export(
    mut input: impl BufRead,
    path: &str,
    known: &[(String, ExpectedRoot)],
    done: &mut dyn FnMut(u64),
) -> Result<OfflineResult> {
    let is_gzip = input.fill_buf().map_err(|e| unreadable(path, &e))?.starts_with(&[0x1f, 0x8b]);
    let mut input: Box<dyn BufRead> = match is_gzip {
        true => Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(input))),
        false => Box::new(input),
    };
    let mut read = OfflineResult::default();
    let mut open: Option<OpenTrail> = None;
    let mut text = String::new();
    for number in 1_u64.. {
        text.clear();
        let n = input.by_ref().take(LONGEST).read_line(&mut text).map_err(|e| unreadable(path, &e))?;
        if n == 0 {
            break;
        }
        let damaged = || {
            Problem::integrity(format!(
                "line {number} of {path} is not a line of an export, as canonical JSON (RFC 8785)"
            ))
            .hint("it was changed, or written by something else: take the file as orgctl made it")
        };
        let line = ExportLine::parse(text.strip_suffix('\n').ok_or_else(damaged)?).ok_or_else(damaged)?;
        match (line, &mut open) {
            (ExportLine::Trail(trail), None) => {
                // The origin names the tree that headers bind; and each trail stands once in a file.
                let is_its_own = trail.origin.rsplit('/').next() == Some(trail.tree.to_string().as_str());
                let is_new =
                    read.stretches.iter().all(|t| t.origin != trail.origin) && !read.names.contains_key(&trail.tree);
                if !is_its_own || !is_new {
                    return Err(damaged().into());
                }
                read.names.insert(trail.tree, trail.org.clone());
                open = Some(OpenTrail::new(trail, known));
            }
            (ExportLine::Request(request), Some(open)) => open.check.request(request),
            (ExportLine::Record(record), Some(open)) => {
                open.check.record(&record.as_record());
                read.verified.records += 1;
                if read.verified.records.is_multiple_of(1024) {
                    done(read.verified.records);
                }
            }
            (ExportLine::End { size, root }, Some(_)) => {
                if let Some(open) = open.take() {
                    open.close(Some((size, root)), &mut read);
                }
            }
            _ => return Err(damaged().into()),
        }
    }
    if let Some(open) = open {
        open.close(None, &mut read);
    }
    if read.stretches.is_empty() {
        return Err(Problem::invalid(format!("{path} holds no trail")).hint("'orgctl audit export' makes one").into());
    }
    Ok(read)
}
