//! Flags of earlier systems that say of people what follows from records here (`is_pan_verified`): they set nothing, and a file that is
//! loaded is asked for how many people they have no record.

use std::collections::{BTreeSet, HashMap, HashSet};

use anyhow::Result;
use serde_json::Map;
use uuid::Uuid;

use super::seal::counts;
use super::{DESC, choice};
use crate::crud::import::report::More;
use crate::crud::import::{Import, Report};
use crate::crud::invocation::Invocation;
use crate::model::kinds::kyc::{FLAGS, KycKind};
use crate::model::kinds::user::User;
use crate::model::resource::Resource as _;
use crate::model::values::scalar::{ParseContext, Scalar as _, fold};
use crate::model::values::value::Value;
use crate::store::records::keys::{self, Among};
use crate::store::records::{self, Deleted};

/// Rows that are asked about together.
const TOGETHER: usize = 500;

/// What the flags of a row say: the kinds that were verified, and how many at least.
#[derive(Clone, Default)]
struct Said {
    kinds: BTreeSet<&'static str>,
    steps: usize,
}

/// The flags among the columns of a file: the place of each, and the kinds that it is about; none are the number of those.
fn columns(header: &[String]) -> Vec<(usize, &'static [KycKind])> {
    let named = |name: &String| {
        let name = fold(name);
        let of = FLAGS.iter().find(|(flag, _)| fold(flag) == name);
        of.map(|(_, kinds)| *kinds)
    };
    header.iter().enumerate().filter_map(|(at, name)| Some((at, named(name)?))).collect()
}

/// Says of how many people a file that was loaded has flags, and the organisation no record: a line for people, and a member for
/// programs. `names` are the fields by which rows name them, that which says it best first.
pub async fn tell_unfounded(
    s: &mut Invocation<'_>,
    rows: &Import,
    (report, names): (&Report, &[&str]),
    more: &mut More,
) -> Result<()> {
    let flags = columns(&rows.source.header);
    let (Some(org), false, false) = (rows.org, flags.is_empty(), report.refused) else { return Ok(()) };
    let by: Vec<usize> =
        names.iter().filter_map(|name| rows.columns.iter().position(|c| c.as_deref() == Some(*name))).collect();
    let (mut file, mut some, mut found) = (rows.source.rows()?, Vec::new(), Unfounded::default());
    // The header.
    file.read()?;
    loop {
        let row = file.read()?;
        let is_last = row.is_none();
        if let Some(row) = row {
            let text =
                |at: usize| row.cells.get(at).and_then(|cell| std::str::from_utf8(cell).ok()).map_or("", str::trim);
            let said = said(&flags, text, &s.connection.parsing);
            let word = by.iter().map(|at| text(*at)).find(|word| !word.is_empty());
            if let Some(word) = word.filter(|_| !said.kinds.is_empty() || said.steps > 0) {
                some.push((word.to_owned(), said));
            }
        }
        if some.len() == TOGETHER || (is_last && !some.is_empty()) {
            found.ask(s, org, &some).await?;
            some.clear();
        }
        if is_last {
            break;
        }
    }
    let n = found.people.len() + found.new.len();
    more.members.extend(Map::from_iter([("flags_without_record".to_owned(), n.into())]));
    if n > 0 {
        let of = if n == 1 { "1 user".to_owned() } else { format!("{n} users") };
        more.lines.push(format!(
            "note: of {of} the file says that papers were verified of which there is no record: 'orgctl kyc import' brings them"
        ));
    }
    Ok(())
}

fn said<'r>(flags: &[(usize, &'static [KycKind])], text: impl Fn(usize) -> &'r str, context: &ParseContext) -> Said {
    let mut said = Said::default();
    for (at, kinds) in flags {
        let text = text(*at);
        if kinds.is_empty() {
            said.steps = said.steps.max(text.parse().unwrap_or(0));
        } else if (bool::TYPE.parse)(text, context).is_ok_and(|yes| yes.as_bool() == Some(true)) {
            said.kinds.extend(kinds.iter().map(|kind| kind.as_str()));
        }
    }
    said
}

/// Of whom there is no record.
#[derive(Default)]
struct Unfounded {
    people: HashSet<Uuid>,
    /// By the words of rows: those that a dry run would make.
    new: HashSet<String>,
}

impl Unfounded {
    async fn ask(&mut self, s: &mut Invocation<'_>, org: i32, rows: &[(String, Said)]) -> Result<()> {
        let context = s.connection.parsing.clone();
        let words: BTreeSet<&str> = rows.iter().map(|(word, _)| word.as_str()).collect();
        let words: Vec<&str> = words.into_iter().collect();
        let among = Among { org: Some(org), life: Deleted::Exclude, now: true, context: &context };
        let people = keys::ids(s.db().await?, User::DESCRIPTOR, among, &words).await?;
        let ids: Vec<Value> = people.values().flatten().map(|id| (*id).into()).collect();
        let there = records::with_values(s.db().await?, DESC, Some(org), DESC.known("user_id")?, &ids).await?;
        let mut of: HashMap<Uuid, BTreeSet<&'static str>> = HashMap::new();
        for record in there.iter().filter(|record| counts(record)) {
            let kind: KycKind = choice(&record.get("kind").to_text())?;
            of.entry(record.get("user_id").as_uuid().unwrap_or_default()).or_default().insert(kind.as_str());
        }
        for (word, said) in rows {
            match people.get(word.as_str()).and_then(|ids| ids.first()) {
                Some(person) => {
                    let held = of.get(person);
                    let is_held = said.kinds.iter().all(|kind| held.is_some_and(|held| held.contains(kind)));
                    if !is_held || held.map_or(0, BTreeSet::len) < said.steps {
                        self.people.insert(*person);
                    }
                }
                // Whoever was not made was rejected.
                None if s.context.dry_run => drop(self.new.insert(word.clone())),
                None => {}
            }
        }
        Ok(())
    }
}
