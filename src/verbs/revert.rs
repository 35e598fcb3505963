//! Undoing one change: a new change, recorded like any other.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::crud::flags::PutAnyway;
use crate::crud::gate::{self, Verb};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Leaf, Spec};
use crate::crud::lookup::not_system;
use crate::crud::outcome::CommandTarget;
use crate::crud::read::print_changed;
use crate::crud::write::{dry_run_note, keys_free, not_its_own_parent};
use crate::model::kinds::Kinds;
use crate::model::kinds::kyc::Kyc;
use crate::model::kinds::user::{BLOCK_REASON, BLOCKED, BLOCKED_UNTIL, User};
use crate::model::problem::Problem;
use crate::model::resource::lifecycle::ENDED;
use crate::model::resource::lifetime::{Lifetime, TargetEvent};
use crate::model::resource::{Descriptor, Field, Record, Resource as _};
use crate::model::setting::Place;
use crate::model::trail::audit::{Action, ChangeNote, Effect, Status, from_payload};
use crate::model::values::scalar::{Note, Noun as _, ParseContext, Scalar};
use crate::model::values::value::Value;
use crate::store::records::{self, settings};
use crate::store::trail::verify::size;
use crate::store::trail::{Entry, Search, numbered, search};
use crate::store::tx::Tx;
use crate::verbs::kyc::parties::without_numbers;
use crate::verbs::kyc::seal::{FINGERPRINT, storage_stands};
use crate::verbs::user::block::BlockFlags;
use crate::verbs::user::invite::InviteFlags;

/// Gives the fields that a record changed the values that they had before.
#[derive(Debug, Serialize, Deserialize)]
pub struct Revert {
    pub org: i32,
    pub seq: i64,
    pub comment: Option<String>,
    /// What may be done besides the update of the record: to tell of the trail, and what the verb needs that would undo it.
    pub needs: Vec<String>,
}

/// What a revert did.
pub struct Reverted {
    /// Names of the fields that were set back; none where nothing was left to undo.
    fields: Vec<String>,
    record: Record,
}

/// The change that is undone.
struct Undoing<'a> {
    entry: &'a Entry,
    /// `record 17 of ACME`
    name: String,
    old: Map<String, Json>,
    new: Map<String, Json>,
    telling: ChangeNote,
}

impl Verb for Revert {
    const NAME: &str = "audit revert";

    type Output = Reverted;

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    fn needs(&self, _: Kinds, _: &ParseContext) -> Result<Vec<String>> {
        Ok(self.needs.clone())
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Reverted> {
        let code = records::org_code(tx.db, self.org).await?;
        let Some(entry) = numbered(tx.db, self.org, self.seq).await? else {
            let last = size(tx.db, Some(self.org)).await?;
            return Err(Problem::not_found(format!("the trail of {code} has no record {}", self.seq))
                .hint(format!("it goes from 1 to {last}"))
                .into());
        };
        let name = format!("record {} of {code}", self.seq);
        let mut details = Map::from_iter([("reverts".to_owned(), Value::from(self.seq).to_json())]);
        details.extend(self.comment.clone().map(|c| ("comment".to_owned(), c.into())));
        let (desc, old, new) = sides(tx.kinds(), &entry, &name)?;
        if desc.noun == Kyc::NOUN {
            without_numbers("--comment", self.comment.as_deref())?;
            still_sealed_so(&old, &new, &name)?;
        }
        let place = Place::of(self.org);
        let before = settings::for_place(tx.db, place).await?;
        let undoing =
            Undoing { entry: &entry, name, old, new, telling: ChangeNote { action: Action::Revert, details } };
        let done = undoing.record(tx, desc).await?;
        let after = settings::for_place(tx.db, place).await?;
        storage_stands(tx, place, &before, &after).await?;
        Ok(done)
    }
}

/// Refuses to take back what was sealed: the trail has no ciphertext, and what is there is sealed as it is now.
fn still_sealed_so(old: &Map<String, Json>, new: &Map<String, Json>, name: &str) -> Result<(), Problem> {
    if old.get(FINGERPRINT) == new.get(FINGERPRINT) {
        return Ok(());
    }
    Err(Problem::conflict(format!("{name} tells that something sealed became another, which can't be taken back"))
        .hint("what it was is kept nowhere but in the record itself; a newer paper is submitted anew"))
}

/// The kind of what was changed, and its values by their columns, before and after.
type Sides = (&'static Descriptor, Map<String, Json>, Map<String, Json>);

/// The values before and after; what has not both can't be undone so.
fn sides(kinds: Kinds, entry: &Entry, name: &str) -> Result<Sides, Problem> {
    let key = entry.key(kinds).map_or_else(|| entry.resource_id.to_string(), str::to_owned);
    let noun = &entry.kind;
    if entry.status != Status::Success.as_str() || entry.resource_id.is_nil() {
        return Err(Problem::usage(format!("{name} tells of a command, not of a change of one record"))
            .hint("'orgctl audit list' shows which records changed something"));
    }
    let desc = kinds.by_noun(noun);
    let delete = desc.map_or("", Descriptor::delete_word);
    if desc.is_some_and(|d| !d.is_told()) {
        return Err(Problem::usage("a password can't be reverted: what it was is kept nowhere")
            .hint(format!("set another one: orgctl user passwd {key}")));
    }
    let instead = [
        (Effect::Create, "made", format!("{delete} it: orgctl {noun} {delete} {key}")),
        (Effect::Delete, "deleted", format!("bring it back: orgctl {noun} restore {key}")),
        (Effect::Restore, "brought back", format!("{delete} it again: orgctl {noun} {delete} {key}")),
        (Effect::Purge, "purged", "what is purged is gone for good; its values stand in the record".to_owned()),
    ];
    if let Some((_, done, hint)) = instead.into_iter().find(|(effect, ..)| entry.has_effect(*effect) && desc.is_some())
    {
        let what = if entry.payload.is_some() { format!("{noun} {key}") } else { format!("a {noun}") };
        return Err(Problem::usage(format!("{name} {done} {what}, which is undone otherwise")).hint(hint));
    }
    let Some(payload) = &entry.payload else {
        return Err(Problem::conflict(format!("what {name} changed is not known any more: it is erased or archived")));
    };
    match (desc, payload["old"].as_object(), payload["new"].as_object()) {
        (Some(desc), Some(old), Some(new)) => Ok((desc, old.clone(), new.clone())),
        _ => Err(Problem::usage(format!("{name} ({} {noun}) changed no field that could be set back", entry.action))),
    }
}

impl Undoing<'_> {
    async fn record(&self, tx: &mut Tx<'_>, desc: &'static Descriptor) -> Result<Reverted> {
        let Some(before) = tx.load(desc, self.entry.tree, self.entry.resource_id).await? else {
            let key = self.entry.key(tx.kinds()).unwrap_or_default();
            return Err(Problem::conflict(format!("{} {key} was purged since {}", desc.noun, self.name)).into());
        };
        if !before.meta.is_live() {
            return Err(Problem::conflict(format!("{} is deleted", before.title()))
                .hint(format!("bring it back first: orgctl {} restore {}", desc.noun, before.key()))
                .into());
        }
        if before.has_ended() && !self.new.contains_key(ENDED) {
            return Err(Problem::conflict(format!("{} has ended, and stays as it was", before.title()))
                .hint(format!("'orgctl {} history {}' shows what ended it", desc.noun, before.meta.id))
                .into());
        }
        not_system(&before)?;
        let mut fields = Vec::new();
        for (column, new) in &self.new {
            let read = |json: &Json| {
                let field = desc.stored().find(|f| f.column == column)?;
                Some((field, from_payload(field, json)?))
            };
            let (Some((field, new)), Some((_, old))) = (read(new), self.old.get(column).and_then(read)) else {
                return Err(Problem::conflict(format!(
                    "{column} can't be set back: {} does not tell its value",
                    self.name
                ))
                .into());
            };
            fields.push((field, old, new));
        }
        let names = || fields.iter().map(|(f, ..)| f.name().to_owned()).collect();
        if fields.iter().all(|(f, old, _)| before.get(f.column) == old) {
            return Ok(Reverted { fields: Vec::new(), record: before });
        }
        let mut differing = Vec::new();
        for (field, _, new) in fields.iter().filter(|(f, _, new)| before.get(f.column) != new) {
            differing.push(self.changed_since(tx, &before, field, new).await?);
        }
        if !differing.is_empty() {
            return Err(self.overtaken(&before.title(), &differing).into());
        }
        let mut after = before.clone();
        for (field, old, _) in &fields {
            after.set(field.column, old.clone());
        }
        for (field, old, _) in &fields {
            // Also what follows from others, such as whether an address was proved, is as it was recorded.
            after.put(field.column, old.clone());
        }
        for (field, old, _) in &fields {
            can_refer(tx, &after, field, old).await?;
        }
        after.moved_from(&before)?;
        after.validate(tx.today())?;
        not_its_own_parent(&after)?;
        keys_free(tx, &after).await?;
        if !after.is_active() && before.is_active() {
            needed_by_nobody(tx, &after).await?;
        }
        if fields.iter().any(|(f, ..)| f.column == "invited_at") {
            tx.end_invitations(&before).await?;
        }
        let record = tx.update(&before, after, self.telling.clone()).await?.unwrap_or(before);
        Ok(Reverted { fields: names(), record })
    }

    /// A field that no longer holds what was written, and the record that changed it since.
    async fn changed_since(&self, tx: &mut Tx<'_>, record: &Record, field: &Field, new: &Value) -> Result<String> {
        let wanted = Search {
            tree: Some(self.entry.tree),
            resources: Some(vec![record.meta.id]),
            fields: vec![field.column.to_owned()],
            after: Some(self.entry.seq),
            limit: Some(1),
            ..Search::default()
        };
        let by = search(tx.db, &wanted).await?.pop().map_or(String::new(), |e| format!(" (record {})", e.seq));
        let target = field.target();
        let mut words = Vec::new();
        for value in [record.get(field.column), new] {
            let referred = match (target, value.as_uuid()) {
                (Some(target), Some(id)) => {
                    records::load(tx.db, target, record.meta.org_id, id).await?.map(|r| r.label())
                }
                _ => None,
            };
            words.push(match referred.unwrap_or_else(|| value.to_text()) {
                none if none.is_empty() => "none".to_owned(),
                word => word,
            });
        }
        Ok(format!("{} is {}, no longer {}{by}", field.name(), words[0], words[1]))
    }

    fn overtaken(&self, title: &str, differing: &[String]) -> Problem {
        Problem::conflict(format!("{title} was changed since {}: {}", self.name, differing.join("; ")))
            .hint("revert what came after it first, or set the fields by hand")
    }
}

/// Refuses to let a record refer again to what has gone meanwhile.
async fn can_refer(tx: &mut Tx<'_>, record: &Record, field: &Field, value: &Value) -> Result<()> {
    let Some((target, id)) = field.target().zip(value.as_uuid()) else { return Ok(()) };
    let why = match tx.load(target, record.meta.org_id, id).await? {
        None => format!("the {} that it was is purged", target.noun),
        Some(_) if field.lifetime() == Lifetime::Duty && !record.is_open() => return Ok(()),
        Some(found) if !found.is_live() && field.lifetime() != Lifetime::Keep => {
            format!("{} is deleted", found.title())
        }
        Some(found) if field.lifetime() == Lifetime::Duty && !found.is_active() => {
            format!("{} is not in use", found.title())
        }
        Some(_) => return Ok(()),
    };
    Err(Problem::conflict(format!("{} can't get its {} back: {why}", record.title(), field.name())).into())
}

/// What is in charge of something is not deactivated unnoticed.
async fn needed_by_nobody(tx: &mut Tx<'_>, user: &Record) -> Result<()> {
    let by = records::blocking(tx.db, user, TargetEvent::Deactivate).await?;
    let by: Vec<String> = by.iter().map(records::Dependants::describe).collect();
    if by.is_empty() {
        return Ok(());
    }
    Err(Problem::conflict(format!("{} can't be deactivated again: needed by {}", user.title(), by.join("; ")))
        .hint(format!("say who takes over: orgctl {} deactivate {} --reassign-to KEY", user.desc.noun, user.key()))
        .into())
}

/// Columns of people that verbs of their own change, with the permissions of those.
const GUARDED: &[(&[&str], &str)] = &[
    (&[BLOCKED, BLOCKED_UNTIL, BLOCK_REASON], BlockFlags::SPEC.permission),
    (&["invited_at"], InviteFlags::SPEC.permission),
];

/// What takes a move back is a move itself, with a permission of its own; what a verb of its own changed is set back by that
/// verb's.
fn needed(kinds: Kinds, entry: Option<&Entry>) -> Vec<String> {
    let mut needs = vec!["audit:read".to_owned()];
    let Some((desc, payload)) = entry.and_then(|e| Some((kinds.by_noun(&e.kind)?, e.payload.as_ref()?))) else {
        return needs;
    };
    if let Some((column, states)) = desc.states {
        let (from, to) = (payload["new"][column].as_str(), payload["old"][column].as_str());
        let back = from.zip(to).and_then(|(from, to)| states.between(from, to));
        needs.extend(back.map(|back| format!("{}:{}", desc.table, back.permission())));
    }
    if *desc == *User::DESCRIPTOR {
        let is_changed = |columns: &[&str]| columns.iter().any(|column| payload["new"].get(*column).is_some());
        let guarded = GUARDED.iter().filter(|(columns, _)| is_changed(columns));
        needs.extend(guarded.map(|(_, permission)| (*permission).to_owned()));
    }
    needs
}

/// The flags of `audit revert`.
#[derive(clap::Args)]
pub struct RevertFlags {
    /// Number of the record
    #[arg(value_name = "SEQ")]
    pub seq: i64,
    /// Why, for the audit trail
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
    #[command(flatten)]
    pub force: PutAnyway,
}

impl Leaf for RevertFlags {
    const SPEC: Spec = Spec {
        noun: "audit",
        verb: "revert",
        permission: "audit:revert",
        writes: true,
        about: "Undo one change, where nothing came after it",
        examples: "orgctl audit list --action update\norgctl audit revert 328 --dry-run\norgctl audit revert 328 --org SAHYADRI --comment 'the form was wrong'",
    };

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let seq = self.seq;
        let comment = match &self.comment {
            Some(text) => {
                let wrong = |why| Problem::invalid(format!("the comment {why}"));
                (<Note<10_000> as Scalar>::TYPE.parse)(text, &s.connection.parsing)
                    .map_err(wrong)?
                    .as_text()
                    .map(str::to_owned)
            }
            None => None,
        };
        let org = s.the_trail().await?;
        let entry = numbered(s.db().await?, org, seq).await?;
        let needs = needed(s.kinds(), entry.as_ref());
        if let Some(entry) = entry.filter(|e| !e.resource_id.is_nil()) {
            let noun = s.kinds().by_noun(&entry.kind).map(|desc| desc.noun);
            let key = entry.key(s.kinds()).map(str::to_owned);
            if let Some(noun) = noun {
                s.outcome.targets.push(CommandTarget { noun, org, id: entry.resource_id, key });
            }
        }
        let done = gate::write(s, &Revert { org, seq, comment, needs }).await?;
        let code = records::org_code(s.db().await?, org).await?;
        let title = done.record.title();
        s.context.ui.status(&match done.fields.as_slice() {
            [] => format!("{title} is as it was before record {seq} of {code} already; nothing was changed"),
            fields => format!("reverted record {seq} of {code}: {title}: {}", fields.join(", ")),
        });
        dry_run_note(s.context);
        print_changed(s, done.record.desc, &[done.record.meta.record_id()]).await
    }
}
