//! The verbs that a kind's states give it: each moves records from one state to another.

use anyhow::Result;
use clap::Command;
use serde::{Deserialize, Serialize};

use super::create::ask_missing;
use super::flags::{IfVersion, Named, flag, flag_of_needed};
use super::gate::{self, Verb};
use super::invocation::Invocation;
use super::leaf::{FieldTexts, Flags as _, Given};
use super::lookup::not_system;
use super::parse::given_of;
use super::read::{known_columns, print_changed};
use super::write::{Target, change_all, described, dry_run_note, other_fields, targets};
use crate::model::kinds::Kinds;
use crate::model::problem::Problem;
use crate::model::resource::states::Transition;
use crate::model::resource::{Descriptor, Record};
use crate::model::trail::audit::ChangeNote;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::Value;
use crate::store::tx::Tx;

/// Moves records to another state.
#[derive(Debug, Serialize, Deserialize)]
pub struct Move {
    pub noun: String,
    /// The word of the transition.
    pub verb: String,
    pub targets: Vec<Target>,
    /// Column and value of what the move is told.
    pub told: Vec<(String, Value)>,
}

/// A record after a move, and the state that it was in; none where it was there already.
pub struct Moved {
    record: Record,
    from: Option<String>,
}

impl Verb for Move {
    const NAME: &str = "move";

    type Output = Vec<Moved>;

    fn orgs(&self) -> Vec<i32> {
        self.targets.iter().map(|t| t.org).collect()
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Vec<Moved>> {
        let desc = described(tx, &self.noun)?;
        let transition = desc.transitions().iter().find(|t| t.verb == self.verb);
        let transition = transition.ok_or_else(|| anyhow::anyhow!("{} has no verb {}", self.noun, self.verb))?;
        let (at, today, mut from) = (tx.at(), tx.today(), Vec::with_capacity(self.targets.len()));
        let telling = ChangeNote::of_move(transition);
        let moved = change_all(tx, desc, &self.targets, &telling, |before| {
            not_system(before)?;
            let Some(mut after) = transition.apply(before, at)? else {
                if self.told.iter().any(|(column, value)| before.get(column) != value) {
                    return Err(says_other(before, transition, &self.told).into());
                }
                from.push(None);
                return Ok(before.clone());
            };
            for (column, value) in &self.told {
                after.set(desc.known(column)?.column, value.clone());
            }
            after.validate(today)?;
            from.push(Some(before.status(at).to_owned()));
            Ok(after)
        });
        let moved = moved.await?;
        Ok(moved.into_iter().zip(from).map(|(c, from)| Moved { record: c.record, from }).collect())
    }
}

/// What is in that state already is not changed on the way.
fn says_other(record: &Record, transition: &Transition, told: &[(String, Value)]) -> Problem {
    let other = other_fields(record, told);
    Problem::conflict(format!("{} is {} already, with another {other}", record.title(), transition.to))
}

/// What a move is told by flags, or where somebody sits there by questions.
async fn told(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    transition: &'static Transition,
    records: &[Record],
    texts: &FieldTexts,
) -> Result<Vec<(String, Value)>> {
    let org = if desc.is_org() { None } else { records.first().map(|r| r.meta.org_id) };
    let fields = || desc.told_to(transition);
    if fields().next().is_some() && org.is_some() && records.iter().any(|r| Some(r.meta.org_id) != org) {
        return Err(Problem::usage("the records belong to several organisations")
            .hint("move those of one at a time")
            .into());
    }
    let mut told = given_of(s, desc, fields(), org, texts).await?;
    let needs: Vec<&str> = transition.needs().collect();
    ask_missing(s, desc, fields().filter(|f| needs.contains(&f.column)), org, &mut told).await?;
    if let Some((column, _)) = told.iter().find(|(column, value)| needs.contains(&column.as_str()) && value.is_null()) {
        let name = desc.known(column)?.name();
        return Err(Problem::invalid(format!("{name} must not be empty")).field(name).into());
    }
    Ok(told)
}

/// The records that are moved, and what the move is told.
pub struct MoveFlags {
    named: Named,
    version: IfVersion,
    told: FieldTexts,
}

impl MoveFlags {
    /// Adds them to the verb of a transition.
    pub fn add(c: Command, kinds: Kinds, desc: &'static Descriptor, transition: &Transition) -> Command {
        let c = IfVersion::add(Named::add(c, kinds, desc), kinds, desc);
        let needs: Vec<&str> = transition.needs().collect();
        desc.told_to(transition).fold(c, |c, field| match needs.contains(&field.column) {
            true => c.arg(flag_of_needed(field)),
            false => c.arg(flag(field)),
        })
    }

    pub fn read(given: &Given<'_>, transition: &Transition) -> Result<MoveFlags> {
        let told = given.texts(given.desc().told_to(transition));
        Ok(MoveFlags { named: given.flags()?, version: given.flags()?, told })
    }
}

/// Runs the verb of a transition.
pub async fn run(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    transition: &'static Transition,
    flags: MoveFlags,
) -> Result<()> {
    let records = targets(s, desc, &flags.named.key).await?;
    known_columns(s.context, desc)?;
    let version = flags.version.if_version;
    let told = told(s, desc, transition, &records, &flags.told).await?;
    let targets = records.iter().map(|r| Target { version, ..Target::of(r) }).collect();
    let verb = Move { noun: desc.noun.into(), verb: transition.verb.into(), targets, told };
    let moved = gate::write(s, &verb).await?;
    for Moved { record, from } in &moved {
        let title = record.title();
        s.context.ui.status(&match from {
            Some(from) => format!("{title}: {from} -> {}", transition.to),
            None => format!("{title} is {} already; nothing was changed", transition.to),
        });
    }
    dry_run_note(s.context);
    let which: Vec<_> = moved.iter().map(|m| m.record.meta.record_id()).collect();
    print_changed(s, desc, &which).await
}
