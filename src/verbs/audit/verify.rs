//! Proving the trail, in the database or from an export.

use std::collections::{BTreeMap, btree_map};
use std::fs;
use std::io::{self, BufRead, BufReader, Read as _};

use anyhow::Result;
use clap::ArgMatches;
use serde_json::{Value as Json, json};

use super::keys::verifiers;
use crate::crud::gate;
use crate::crud::session::Session;
use crate::model::export::{Line, Trail};
use crate::model::note::{Checkpoint, Note, Verifier};
use crate::model::problem::{Problem, plain};
use crate::model::value::Kind;
use crate::model::verify::{Check, Expected, Fault, Finding, Head as TreeHead};
use crate::store::audit::{Asked, Proven, Verified, size, verify as prove};
use crate::store::checkpoints::{LOG, installation, origin, tree_of};
use crate::store::records;
use crate::ui::format::{Format, Head, Listing, json_pretty};

/// The checkpoints that a file holds, their signatures checked where there is a key to check them by.
pub fn checkpoints_in(s: &mut Session<'_>, path: &str, keys: &[Verifier]) -> Result<Vec<(Note, Checkpoint)>> {
    let text = fs::read_to_string(path).map_err(|e| Problem::failed(format!("can't read {path}: {}", plain(&e))))?;
    let in_file = |p: Problem| Problem { sentence: format!("{path}: {}", p.sentence), ..p };
    let mut found = Vec::new();
    for note in Note::parse_all(&text).map_err(in_file)? {
        let checkpoint = Checkpoint::parse(&note.text).map_err(in_file)?;
        if note.signed_by(keys).map_err(in_file)?.is_empty() && !keys.is_empty() {
            let sentence =
                format!("{path}: the checkpoint of {} is not signed with a key that was given", checkpoint.origin);
            return Err(Problem::integrity(sentence).hint("--key names the public key; it can be repeated").into());
        }
        found.push((note, checkpoint));
    }
    if keys.is_empty() {
        s.ui.warn(&format!("the signatures in {path} were not checked: give the public key with --key"));
    }
    Ok(found)
}

/// What files say that trees of this database must be.
async fn known(
    s: &mut Session<'_>,
    m: &ArgMatches,
    keys: &[Verifier],
    only: Option<i32>,
) -> Result<Vec<(i32, Expected)>> {
    let mut known = Vec::new();
    for path in m.get_many::<String>("checkpoint").into_iter().flatten().cloned().collect::<Vec<_>>() {
        let here = installation(s.db().await?).await?;
        let mut is_about = false;
        for (_, checkpoint) in checkpoints_in(s, &path, keys)? {
            let tree = tree_of(here, &checkpoint.origin).ok_or_else(|| {
                let (of, here) = (&checkpoint.origin, origin(here, LOG));
                Problem::integrity(format!("{path} holds a checkpoint of {of}, and this database is {here}"))
                    .hint("either the file is of another installation, or the database was made anew")
            })?;
            if only.is_none_or(|only| only == tree) {
                is_about = true;
                let says = format!("the checkpoint in {path}");
                known.push((tree, Expected { size: checkpoint.size, root: checkpoint.root, says }));
            }
        }
        if !is_about {
            return Err(Problem::usage(format!("{path} holds no checkpoint of this organisation")).into());
        }
    }
    Ok(known)
}

/// Recomputes everything and compares. Exit code 8 where anything does not hold.
pub async fn verify(s: &mut Session<'_>, m: &ArgMatches) -> Result<()> {
    gate::allow(s)?;
    if let Some(path) = m.get_one::<String>("file").cloned() {
        return verify_file(s, m, &path).await;
    }
    let only = s.org().await?;
    let keys = verifiers(s, m)?;
    let asked = Asked {
        only,
        since_checkpoint: m.get_flag("since-checkpoint"),
        deep: m.get_flag("deep"),
        known: known(s, m, &keys, only).await?,
        keys,
    };
    let total = size(s.db().await?, only).await?;
    let progress = s.ui.progress();
    progress.part("verifying", Some(total), "records");
    let done = prove(s.db().await?, &asked, &mut |n| progress.set(n)).await;
    progress.finish();
    let verified = done?;
    report(s, &verified).await?;
    if verified.unchecked > 0 {
        let n = verified.unchecked;
        s.ui.warn(&format!("{n} signed notes in the database were not checked: give the public key with --key"));
    }
    if !verified.findings.is_empty() {
        return Err(refuse(s, &verified.findings, "the audit trail does not hold").await?);
    }
    let since = if asked.since_checkpoint { " since the last checkpoint" } else { "" };
    let records = counted(verified.records, &format!("audit record{since}"), &format!("audit records{since}"));
    let trees = counted(verified.trees.len(), "tree", "trees");
    s.ui.status(&format!("{records} in {trees} verified: nothing was changed behind orgctl's back"));
    let known = asked.known.len();
    if known > 0 {
        let agree = counted(known, "checkpoint from outside agrees", "checkpoints from outside agree");
        s.ui.status(&format!("{agree}: nothing was cut off or written anew"));
    }
    if asked.deep {
        s.ui.status(&format!("{} rows agree with what is recorded of them", verified.rows));
    }
    Ok(())
}

/// `1 checkpoint agrees`, `2 checkpoints agree`.
fn counted(n: impl TryInto<u64>, one: &str, several: &str) -> String {
    match n.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {one}"),
        n => format!("{n} {several}"),
    }
}

/// What went through a file.
#[derive(Default)]
pub struct Read {
    pub verified: Verified,
    /// Codes of organisations, by the number of their trees.
    names: BTreeMap<i32, String>,
    /// Records that stand behind the last checkpoint that tells of their tree.
    unproven: u64,
    agreeing: usize,
}

/// Proves an export by itself; needs no database.
async fn verify_file(s: &mut Session<'_>, m: &ArgMatches, path: &str) -> Result<()> {
    let keys = verifiers(s, m)?;
    let mut known: Vec<(String, Expected)> = Vec::new();
    for checkpoints in m.get_many::<String>("checkpoint").into_iter().flatten().cloned().collect::<Vec<_>>() {
        let says = format!("the checkpoint in {checkpoints}");
        let all = checkpoints_in(s, &checkpoints, &keys)?.into_iter();
        known.extend(all.map(|(_, c)| (c.origin, Expected { size: c.size, root: c.root, says: says.clone() })));
    }
    let input: Box<dyn io::Read> = match path {
        "-" => Box::new(std::mem::replace(&mut s.ui.io.stdin, Box::new(io::empty()))),
        path => Box::new(fs::File::open(path).map_err(|e| unreadable(path, &e))?),
    };
    let progress = s.ui.progress();
    progress.part("verifying", None, "records");
    let done = read_export(BufReader::with_capacity(1 << 16, input), path, &known, &mut |n| progress.set(n));
    progress.finish();
    let read = done?;
    report_with(s, &read.verified, &read.names).await?;
    if !read.verified.findings.is_empty() {
        return Err(refusal(&read.verified.findings, &read.names, "the export does not hold"));
    }
    if !known.is_empty() && read.agreeing == 0 {
        return Err(Problem::integrity(format!("no checkpoint that was given is of a trail in {path}"))
            .hint("a checkpoint names the trail in its first line")
            .into());
    }
    let elsewhere = known.len() - read.agreeing;
    if elsewhere > 0 {
        let are = counted(elsewhere, "checkpoint is of a trail", "checkpoints are of trails");
        s.ui.status(&format!("{are} not in {path}, or of an earlier part"));
    }
    let (records, trees) = (read.verified.records, read.verified.trees.len());
    let (n, trails) = (counted(records, "audit record", "audit records"), counted(trees, "trail", "trails"));
    s.ui.status(&format!("{n} in {trails}: each agrees with itself"));
    let agree = counted(read.agreeing, "checkpoint agrees", "checkpoints agree");
    match (known.is_empty(), read.unproven) {
        (true, _) => {
            s.ui.warn("without a checkpoint nothing tells that this is what was recorded: give one with --checkpoint")
        }
        (_, 0) => s.ui.status(&format!("{agree}: this is what was recorded, and all of it")),
        (_, n) => {
            s.ui.status(&format!("{agree}: this is what was recorded"));
            let newer = counted(n, "record is", "records are");
            s.ui.warn(&format!("{newer} newer than any checkpoint that was given; nothing proves that yet"));
        }
    }
    Ok(())
}

fn unreadable(path: &str, e: &io::Error) -> Problem {
    Problem::failed(format!("can't read {path}: {}", plain(e)))
}

/// Longest line that is read: a payload of the largest size there can be, and then some.
const LONGEST: u64 = 64 << 20;

/// Goes through an export line by line. An archive, which is one that was compressed, is told by its first bytes.
pub fn read_export(
    mut input: impl BufRead,
    path: &str,
    known: &[(String, Expected)],
    done: &mut dyn FnMut(u64),
) -> Result<Read> {
    let is_gzip = input.fill_buf().map_err(|e| unreadable(path, &e))?.starts_with(&[0x1f, 0x8b]);
    let mut input: Box<dyn BufRead> = match is_gzip {
        true => Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(input))),
        false => Box::new(input),
    };
    let mut read = Read::default();
    let mut open: Option<(Trail, Check, u64)> = None;
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
        let line = Line::parse(text.strip_suffix('\n').ok_or_else(damaged)?).ok_or_else(damaged)?;
        match (line, &mut open) {
            (Line::Trail(trail), None) => {
                let of_it = known.iter().filter(|(origin, _)| *origin == trail.origin).map(|(_, e)| e.clone());
                let expected: Vec<Expected> =
                    of_it.filter(|e| e.size + 1 >= u64::try_from(trail.from).unwrap_or(0)).collect();
                read.agreeing += expected.len();
                let proven = expected.iter().map(|e| e.size).max().unwrap_or(0);
                let mut check = Check::new(trail.tree, TreeHead::Unasked, trail.frontier.clone(), expected);
                check.knows_actors = false;
                read.names.insert(trail.tree, trail.org.clone());
                open = Some((trail, check, proven));
            }
            (Line::Request(request), Some((_, check, _))) => check.request(request),
            (Line::Record(record), Some((_, check, _))) => {
                check.record(&record.as_record());
                read.verified.records += 1;
                if read.verified.records.is_multiple_of(1024) {
                    done(read.verified.records);
                }
            }
            (Line::End { size, root }, Some(_)) => {
                let Some((trail, check, proven)) = open.take() else { break };
                let checked = check.finish();
                let is_right = checked.size == size && checked.frontier.root() == root;
                read.verified.findings.extend(checked.findings);
                if !is_right && read.verified.findings.is_empty() {
                    read.verified.findings.push(Finding {
                        tree: trail.tree,
                        seq: None,
                        kind: Fault::Rewritten,
                        what: "the records are not those that the last line tells of".to_owned(),
                    });
                }
                read.unproven += u64::try_from(size).unwrap_or(0).saturating_sub(proven);
                read.verified.trees.push(Proven { tree: trail.tree, frontier: checked.frontier });
            }
            _ => return Err(damaged().into()),
        }
    }
    if let Some((trail, check, _)) = open {
        let checked = check.finish();
        read.verified.findings.extend(checked.findings);
        read.verified.findings.push(Finding {
            tree: trail.tree,
            seq: Some(checked.size + 1),
            kind: Fault::Truncated,
            what: "the file ends before its last line".to_owned(),
        });
    }
    if read.verified.trees.is_empty() && read.verified.findings.is_empty() {
        return Err(Problem::invalid(format!("{path} holds no trail")).hint("'orgctl audit export' makes one").into());
    }
    Ok(read)
}

/// How a tree is called: the code of its organisation.
async fn called(s: &mut Session<'_>, tree: i32) -> Result<String> {
    if tree == LOG {
        return Ok("(checkpoints)".to_owned());
    }
    records::org_code(s.db().await?, tree).await
}

/// What the trees of findings are called.
async fn names(s: &mut Session<'_>, findings: &[Finding]) -> Result<BTreeMap<i32, String>> {
    let mut names = BTreeMap::new();
    for f in findings {
        if let btree_map::Entry::Vacant(name) = names.entry(f.tree) {
            name.insert(called(s, f.tree).await?);
        }
    }
    Ok(names)
}

async fn report(s: &mut Session<'_>, verified: &Verified) -> Result<()> {
    let names = names(s, &verified.findings).await?;
    report_with(s, verified, &names).await
}

async fn report_with(s: &mut Session<'_>, verified: &Verified, names: &BTreeMap<i32, String>) -> Result<()> {
    let name = |f: &Finding| names.get(&f.tree).cloned().unwrap_or_default();
    let findings: Vec<(String, &Finding)> = verified.findings.iter().map(|f| (name(f), f)).collect();
    match s.ui.style.format {
        Format::Json | Format::Ndjson => {
            let list: Vec<Json> = findings
                .iter()
                .map(|(org, f)| json!({ "org": org, "seq": f.seq, "kind": f.kind.word(), "what": f.what }))
                .collect();
            let report = json!({
                "trees": verified.trees.len(),
                "records": verified.records,
                "checkpoints": verified.checkpoints,
                "unchecked_signatures": verified.unchecked,
                "rows": verified.rows,
                "ok": findings.is_empty(),
                "findings": list,
            });
            s.ui.out(&format!("{}\n", json_pretty(&report)))?;
        }
        _ if findings.is_empty() => {}
        _ => {
            let heads = ["org", "seq", "kind", "what"].map(|n| Head::new(n, Kind::Text)).to_vec();
            let mut listing = Listing::new(&s.ui, heads, 1);
            for (org, f) in findings {
                let row = vec![org.into(), f.seq.into(), f.kind.word().into(), f.what.as_str().into()];
                listing.row(&mut s.ui, row)?;
            }
            listing.finish(&mut s.ui)?;
        }
    }
    s.ui.flush()
}

/// The error of a trail that does not hold: the first finding in a sentence.
pub async fn refuse(s: &mut Session<'_>, findings: &[Finding], sentence: &str) -> Result<anyhow::Error> {
    let names = names(s, findings).await?;
    Ok(refusal(findings, &names, sentence))
}

fn refusal(findings: &[Finding], names: &BTreeMap<i32, String>, sentence: &str) -> anyhow::Error {
    let Some(first) = findings.first() else { return Problem::integrity(sentence).into() };
    let code = names.get(&first.tree).map_or("", String::as_str);
    let at = match first.seq {
        Some(seq) if first.tree == LOG => format!("checkpoint {seq} of the database"),
        Some(seq) => format!("record {seq} of {code}"),
        None => format!("the trail of {code}"),
    };
    let n = findings.len();
    let count = if n == 1 { "1 finding".to_owned() } else { format!("{n} findings") };
    Problem::integrity(format!("{sentence}: {at} {}", first.kind.became()))
        .hint(format!("{count} in all; keep everything as it is and look at who could write to it"))
        .into()
}
