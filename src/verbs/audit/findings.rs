//! Telling what was found in a trail.

use std::collections::{BTreeMap, btree_map};

use anyhow::Result;
use serde_json::{Value as Json, json};

use crate::crud::context::Context;
use crate::crud::invocation::Invocation;
use crate::model::problem::Problem;
use crate::model::trail::correction::Correction;
use crate::model::trail::lineage::{Lost, restored};
use crate::model::trail::verify::{Fault, Finding};
use crate::model::values::value::{ValueType, rfc3339};
use crate::store::records;
use crate::store::trail::checkpoints::LOG;
use crate::store::trail::verify::Verified;
use crate::ui::format::{Format, Listing, OutputColumn, document};

/// `1 checkpoint agrees`, `2 checkpoints agree`.
pub fn counted(n: impl TryInto<u64>, one: &str, several: &str) -> String {
    match n.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {one}"),
        n => format!("{n} {several}"),
    }
}

/// How a tree is called: the code of its organisation.
async fn tree_name(s: &mut Invocation<'_>, tree: i32) -> Result<String> {
    if tree == LOG {
        return Ok("(checkpoints)".to_owned());
    }
    Ok(records::org_code(s.db().await?, tree).await?)
}

/// What trees are called.
pub async fn names(s: &mut Invocation<'_>, trees: impl Iterator<Item = i32>) -> Result<BTreeMap<i32, String>> {
    let mut names = BTreeMap::new();
    for tree in trees {
        if let btree_map::Entry::Vacant(name) = names.entry(tree) {
            name.insert(tree_name(s, tree).await?);
        }
    }
    Ok(names)
}

/// What was found; a program is told counts besides.
pub async fn report(s: &mut Invocation<'_>, verified: &Verified, counts: [(&'static str, u64); 2]) -> Result<()> {
    let others = verified.corrections.iter().map(|c| c.tree).chain(verified.lost.iter().map(|l| l.tree));
    let names = names(s, verified.findings.iter().map(|f| f.tree).chain(others)).await?;
    let lost = verified.lost.iter().map(|l| {
        json!({
            "org": names.get(&l.tree),
            "origin": l.origin,
            "after": l.after,
            "upto": l.upto,
            "backup": l.archive,
            "restored_at": rfc3339(l.at),
        })
    });
    let counts = counts.into_iter().map(|(name, n)| (name, n.into()));
    report_with(s.context, verified, &names, std::iter::once(("lost", lost.collect())).chain(counts)).await
}

/// What restores lost, each time: that the trail holds does not say that everything is in it.
pub async fn tell_lost(s: &mut Invocation<'_>, lost: &[Lost]) -> Result<()> {
    for l in lost {
        let (org, after) = (tree_name(s, l.tree).await?, l.after);
        let thing = if l.tree == LOG { "checkpoint" } else { "record" };
        let what = match l.upto {
            Some(upto) if upto == after + 1 => format!("{thing} {upto} of {org} is lost"),
            Some(upto) => format!("{thing}s {} to {upto} of {org} are lost", after + 1),
            None => format!("{org} goes on from {thing} {after}; nothing that was signed tells of more that is lost"),
        };
        s.context.ui.status(&format!("{what}: {}", restored(l.archive, l.at)));
    }
    Ok(())
}

/// `more` is what a program is told besides.
pub async fn report_with(
    context: &Context<'_>,
    verified: &Verified,
    names: &BTreeMap<i32, String>,
    more: impl IntoIterator<Item = (&'static str, Json)>,
) -> Result<()> {
    let ui = &context.ui;
    let name = |tree: i32| names.get(&tree).cloned().unwrap_or_default();
    let findings: Vec<(String, &Finding)> = verified.findings.iter().map(|f| (name(f.tree), f)).collect();
    match ui.style.format.get() {
        Format::Json | Format::Ndjson | Format::Yaml => {
            let list: Vec<Json> = findings
                .iter()
                .map(|(org, f)| json!({ "org": org, "seq": f.seq, "kind": f.kind.as_str(), "what": f.what }))
                .collect();
            let mut report = json!({
                "trees": verified.trees.len(),
                "records": verified.records,
                "checkpoints": verified.checkpoints,
                "unchecked_signatures": verified.unchecked,
                "rows": verified.rows.whole,
                "rows_in_part": verified.rows.in_part,
                "ok": findings.is_empty(),
                "findings": list,
                "corrections": verified.corrections.iter().map(|c| correction(&name(c.tree), c)).collect::<Vec<_>>(),
            });
            for (name, value) in more {
                report[name] = value;
            }
            document(ui, &report)?;
        }
        _ if findings.is_empty() => {}
        _ => {
            let heads = ["org", "seq", "kind", "what"].map(|n| OutputColumn::new(n, ValueType::Text)).to_vec();
            let mut listing = Listing::new(ui, heads, 1);
            for (org, f) in findings {
                let row = vec![org.into(), f.seq.into(), f.kind.as_str().into(), f.what.as_str().into()];
                listing.row(ui, row)?;
            }
            listing.finish(ui)?;
        }
    }
    ui.flush()?;
    tell_corrections(context, verified, &name);
    Ok(())
}

fn correction(org: &str, c: &Correction) -> Json {
    let says = c.says.as_ref();
    json!({
        "org": org,
        "seq": c.seq,
        "at": rfc3339(c.at),
        "first": says.map(|s| s.first),
        "records": says.map(|s| s.records),
        "last": says.map(|s| rfc3339(s.last)),
    })
}

/// Most corrections that are told one by one; a program is told of all.
const TOLD: usize = 10;

/// Where earlier times count again: that nothing is forged does not say that the clock was right.
fn tell_corrections(context: &Context<'_>, verified: &Verified, name: &dyn Fn(i32) -> String) {
    for c in verified.corrections.iter().take(TOLD) {
        let which = match &c.says {
            Some(says) => format!("{} from {} on", counted(says.records, "record", "records"), says.first),
            None => "what was later".to_owned(),
        };
        let (org, seq, at) = (name(c.tree), c.seq, rfc3339(c.at));
        context.ui.status(&format!("record {seq} of {org} corrects the clock: {which} as of {at} at the latest"));
    }
    if let Some(more @ 1..) = verified.corrections.len().checked_sub(TOLD) {
        context
            .ui
            .status(&format!("{} in all: -o json tells of all", counted(more + TOLD, "correction", "corrections")));
    }
}

/// The error of a trail that does not hold: the first finding in a sentence.
pub async fn refuse(s: &mut Invocation<'_>, findings: &[Finding], sentence: &str) -> Result<anyhow::Error> {
    let names = names(s, findings.iter().map(|f| f.tree)).await?;
    Ok(refusal(findings, &names, sentence))
}

pub fn refusal(findings: &[Finding], names: &BTreeMap<i32, String>, sentence: &str) -> anyhow::Error {
    let Some(first) = findings.first() else { return Problem::integrity(sentence).into() };
    let code = names.get(&first.tree).map_or("", String::as_str);
    let at = match first.seq {
        Some(seq) if first.tree == LOG => format!("checkpoint {seq} of the database"),
        Some(seq) => format!("record {seq} of {code}"),
        None => format!("the trail of {code}"),
    };
    let became = match first.seq {
        None if first.kind == Fault::Inserted => "holds what was never recorded".to_owned(),
        _ => first.kind.predicate(),
    };
    let n = findings.len();
    let count = if n == 1 { "1 finding".to_owned() } else { format!("{n} findings") };
    let problem = Problem::integrity(format!("{sentence}: {at} {became}"))
        .hint(format!("{count} in all; keep everything as it is and look at who could write to it"));
    match findings.iter().any(|f| f.kind == Fault::Restored) {
        true => problem
            .hint("was it restored? 'orgctl audit checkpoint --after-restore BACKUP' goes on from there, with the archive")
            .into(),
        false => problem.into(),
    }
}
