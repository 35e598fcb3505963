//! The two verbs of a link, at the noun of its item: one gives the item to others, the other takes it back.

use anyhow::Result;
use chrono::{DateTime, Utc};
use clap::{Arg, Args as _, Command};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::create::ask_missing;
use super::flags::{Cascade, Forced, Named, flag, flag_of_new};
use super::gate::{self, Verb};
use super::invocation::Invocation;
use super::keys::keys;
use super::leaf::{FieldTexts, FlagGroup as _, Flags as _, Given, id};
use super::lookup::{find_each, find_in};
use super::parse::given_of;
use super::prompt;
use super::read::{known_columns, print_changed, quote};
use super::remove::{self, Left};
use super::write::{Created, End, Target, begun, create_all, described, dry_run_note, other_fields, tell_former};
use crate::model::kinds::Kinds;
use crate::model::problem::Problem;
use crate::model::resource::lifecycle::EXPIRES;
use crate::model::resource::verbs::{self, Link};
use crate::model::resource::{Attr, Descriptor, Field, Record, examples};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, ValueType, rfc3339};
use crate::store::records::keys::{holders_of, parts_of};
use crate::store::records::query::{Condition, Op, column};
use crate::store::records::{self, Deleted, columns, referring};
use crate::store::tx::Tx;

/// The argument that names the item.
pub const ITEM: &str = id!(Ends, item);

/// Links that are made together.
const TOGETHER: usize = 500;

/// Of so many that have an item a list leaves out those that it is not about.
const MOST_NAMED: usize = 2000;

/// Whether a link is made or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linking {
    Assign,
    Unassign,
}

/// Gives an item to others.
#[derive(Debug, Serialize, Deserialize)]
pub struct Assign {
    pub noun: String,
    pub org: i32,
    pub item: Uuid,
    pub others: Vec<Uuid>,
    /// Column and value of what the links say besides.
    pub values: Vec<(String, Value)>,
}

/// A link that is there now.
pub enum Assigned {
    Made(Created),
    /// It was there, and says the same.
    Kept(Record),
}

impl Assigned {
    fn record(&self) -> &Record {
        match self {
            Assigned::Made(made) => &made.record,
            Assigned::Kept(kept) => kept,
        }
    }
}

impl Verb for Assign {
    const NAME: &str = "assign";

    type Output = Vec<Assigned>;

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    fn noun(&self) -> Option<&str> {
        Some(&self.noun)
    }

    async fn run(&self, tx: &mut Tx<'_>, context: &ParseContext) -> Result<Vec<Assigned>> {
        let desc = described(tx, &self.noun)?;
        let link = desc.link().ok_or_else(|| anyhow::anyhow!("{} joins nothing", self.noun))?;
        let mut assigned = Vec::with_capacity(self.others.len());
        for others in self.others.chunks(TOGETHER) {
            assigned.extend(self.assign(tx, link, others, context).await?);
        }
        Ok(assigned)
    }
}

impl Assign {
    /// Gives the item to some: what is there is looked up for all of them, and what is not is made together.
    async fn assign(
        &self,
        tx: &mut Tx<'_>,
        link: Link,
        others: &[Uuid],
        context: &ParseContext,
    ) -> Result<Vec<Assigned>> {
        let (desc, key) = (link.desc, link.desc.key());
        let mut begun_all = Vec::with_capacity(others.len());
        for other in others {
            let ends = [(link.item.0, self.item), (link.other.0, *other)];
            let ends = ends.map(|(field, id)| (field.column.to_owned(), Value::from(id)));
            let given: Vec<(String, Value)> = ends.into_iter().chain(self.values.iter().cloned()).collect();
            begun_all.push(begun(tx, desc, self.org, &given, context)?);
        }
        let keys: Vec<Vec<Value>> = begun_all.iter().map(|record| parts_of(record, key)).collect();
        let there = holders_of(tx.db, desc, self.org, key, &keys).await?;
        let says_so = |there: &Record| self.values.iter().all(|(column, value)| there.get(column) == value);
        let (mut kept, mut new) = (Vec::with_capacity(others.len()), Vec::new());
        for (mut record, there) in begun_all.into_iter().zip(there) {
            match there {
                Some(there) if !there.has_expired(tx.at()) && says_so(&there) => kept.push(Some(there)),
                Some(there) if !desc.ends() => return Err(says_other(&there, &self.values).into()),
                there => {
                    // Of a kind that is superseded, the new one takes its place, and says what it said besides.
                    if let Some(former) = there.as_ref().filter(|there| !there.has_expired(tx.at())) {
                        self.go_on_saying(link, &mut record, former);
                    }
                    kept.push(None);
                    new.push((record, there));
                }
            }
        }
        // Faults are told of the fields that were given.
        let ends = [link.item.0, link.other.0].map(|field| (field.column.to_owned(), Value::Null(field.ty.kind)));
        let given: Vec<(String, Value)> = ends.into_iter().chain(self.values.iter().cloned()).collect();
        let mut made = create_all(tx, desc, new, &given).await?.into_iter();
        let assigned = kept.into_iter().map(|kept| match kept {
            Some(kept) => Ok(Assigned::Kept(kept)),
            None => made.next().map(Assigned::Made).ok_or_else(|| anyhow::anyhow!("a link was not made")),
        });
        assigned.collect()
    }

    /// What is not said anew stays as it was: an end, above all. Who gives it, and when, is new.
    fn go_on_saying(&self, link: Link, record: &mut Record, former: &Record) {
        let is_of_the_act = |f: &Field| f.has(Attr::FromActor) || f.has(Attr::FromClock);
        for field in link.further().filter(|f| !is_of_the_act(f)) {
            if self.values.iter().all(|(column, _)| column != field.column) {
                record.set(field.column, former.get(field.column).clone());
            }
        }
    }
}

/// One that is there is not changed on the way.
fn says_other(there: &Record, values: &[(String, Value)]) -> Problem {
    let other = other_fields(there, values);
    let problem = Problem::conflict(format!("{} is there already, with another {other}", there.title()));
    match there.desc.does(verbs::Verb::Update) {
        true => problem.hint(format!("change it: orgctl {} update {}", there.desc.noun, there.key())),
        false => problem,
    }
}

/// The item, and those that it is given to or taken from.
#[derive(clap::Args)]
pub struct Ends {
    #[arg(required = true)]
    pub item: Option<String>,
    #[arg(required = true)]
    pub key: Vec<String>,
}

/// What a verb of a link takes: its ends, what the link says besides, and whether what depends on it goes too.
pub struct LinkFlags {
    ends: Ends,
    texts: FieldTexts,
    cascade: bool,
}

/// Whether links may be deleted together with what depends on them.
fn cascades(kinds: Kinds, linking: Linking, link: Link) -> bool {
    linking == Linking::Unassign && !kinds.referring_to(link.desc).is_empty() && !link.desc.ends()
}

/// A flag of a link, under the other names that its field has too: `--until`, `--primary`.
fn flag_of_link(field: &'static Field) -> Arg {
    let names = field.aliases().iter().map(|alias| alias.replace('_', "-"));
    let flag = flag_of_new(field).visible_aliases(names);
    if field.ty.kind == ValueType::Bool { flag.num_args(0..=1).default_missing_value("yes") } else { flag }
}

impl LinkFlags {
    /// Adds them to the verb of a link.
    pub fn add(c: Command, kinds: Kinds, linking: Linking, link: Link) -> Command {
        let ((_, item), (field, other)) = (link.item, link.other);
        let name = |d: &Descriptor| d.noun.to_uppercase().replace('-', "_");
        let others = if link.is_among_one_kind() { field.name().to_uppercase() } else { name(other) };
        let c = Ends::augment_args(c).mut_arg(ITEM, |a| a.value_name(name(item)).help(examples::keys(item)));
        let c = Named::in_words(c, other).mut_arg(id!(Named, key), |a| a.value_name(others));
        if linking == Linking::Assign {
            let c = link.further().fold(c, |c, field| c.arg(flag_of_link(field)));
            return Forced::add(c, kinds, link.desc);
        }
        let c = link.named_by().fold(c, |c, field| c.arg(flag(field)));
        if cascades(kinds, linking, link) { Cascade::add(c, kinds, link.desc) } else { c }
    }

    pub fn read(given: &Given<'_>, linking: Linking, link: Link) -> Result<LinkFlags> {
        let texts = match linking {
            Linking::Assign => given.texts(link.further()),
            Linking::Unassign => given.texts(link.named_by()),
        };
        let cascade = cascades(given.kinds(), linking, link) && given.flags::<Cascade>()?.cascade;
        Ok(LinkFlags { ends: given.flags()?, texts, cascade })
    }
}

/// Lines that show a verb of a link.
pub fn examples_of(linking: Linking, link: Link) -> String {
    let (desc, (_, item), (_, other)) = (link.desc, link.item, link.other);
    let verb = if linking == Linking::Assign { link.assign } else { link.unassign };
    let keys = desc.examples.key.split_once(':').unwrap_or((examples::key(item), examples::key(other)));
    let line = format!("orgctl {} {verb} {}", item.noun, keys.0);
    let many = match link.is_among_one_kind() {
        true => String::new(),
        false => {
            let of = quote(&examples::conditions(other));
            format!("\norgctl {} list --filter {of} -o key | {line} -", other.noun)
        }
    };
    format!("{line} {}{many}", keys.1)
}

/// The item and those that it is given to or taken from, as the command line names them.
async fn ends(s: &mut Invocation<'_>, link: Link, linking: Linking, given: &Ends) -> Result<(Record, Vec<Record>)> {
    let (kind, others) = (link.item.1, link.other.1);
    let key = match &given.item {
        Some(key) => key.clone(),
        None => prompt::key(s, kind, Deleted::Exclude).await?,
    };
    let org = s.org_of(kind).await?;
    let item = find_in(s, kind, org, &key, Deleted::Exclude).await?;
    let org = item.meta.org_id;
    let keys = match (!given.key.is_empty() || s.outcome.only_key.is_some(), s.context.ui.style.interactive) {
        (false, true) => {
            let among = offered(s, link, linking, &item).await?;
            let from = (Some(org), Deleted::Exclude, among.as_ref());
            let id = prompt::record_among(s, others, from, link.other.0.help, None).await?;
            vec![id.unwrap_or_default().to_string()]
        }
        _ => keys(s, others, Deleted::Exclude, &given.key).await?,
    };
    let others = find_each(s, others, Some(org), &keys).await?;
    Ok((item, others))
}

/// Whom a list offers: who has the item where it is taken back, and who has not where it is given; all, where they are many,
/// or may have it several times.
async fn offered(s: &mut Invocation<'_>, link: Link, linking: Linking, item: &Record) -> Result<Option<Condition>> {
    if linking == Linking::Assign && link.named_by().next().is_some() {
        return Ok(None);
    }
    let (org, id) = item.meta.record_id();
    let links = referring(s.db().await?, link.desc, link.item.0, org, id).await?;
    let live = links.iter().filter(|r| r.is_live());
    let values: Vec<Value> = live.map(|r| r.get(link.other.0.column).clone()).collect();
    if values.len() > MOST_NAMED || (values.is_empty() && linking == Linking::Assign) {
        return Ok(None);
    }
    if values.is_empty() {
        let sentence = format!("there is no {} of {}", link.desc.singular(), item.title());
        return Err(Problem::not_found(sentence).hint(shows_all(link, item)).into());
    }
    let column = column(&columns(link.other.1), "id")?.clone();
    let op = if linking == Linking::Assign { Op::IsNot } else { Op::Is };
    Ok(Some(Condition { column, op, values }))
}

fn shows_all(link: Link, item: &Record) -> String {
    format!("'orgctl {} list --filter {}={}' shows all", link.desc.noun, link.item.0.name(), item.key())
}

pub async fn assign(s: &mut Invocation<'_>, link: Link, flags: &LinkFlags) -> Result<()> {
    let ui = &s.context.ui;
    let desc = link.desc;
    known_columns(s.context, desc)?;
    let (item, others) = ends(s, link, Linking::Assign, &flags.ends).await?;
    let org = item.meta.org_id;
    let mut values = given_of(s, desc, link.further(), Some(org), &flags.texts).await?;
    ask_missing(s, desc, link.further().filter(|f| f.must_be_given()), Some(org), &mut values).await?;
    // It is given all the same: whoever is out of use for a time has it when that has ended.
    let now = s.context.clock.now();
    let idle = others.iter().filter(|r| !r.has_access(now));
    let idle: Vec<String> = idle.map(|r| format!("{} is {}", r.title(), r.status(now))).collect();
    let others: Vec<Uuid> = others.iter().map(|r| r.meta.id).collect();
    let verb = Assign { noun: desc.noun.into(), org, item: item.meta.id, others, values };
    let assigned = gate::write(s, &verb).await?;
    let place = records::org_code(s.db().await?, org).await?;
    for one in &assigned {
        match one {
            Assigned::Made(made) => {
                ui.status(&format!("created {} in {place}", made.record.title()));
                tell_former(s.context, made);
            }
            Assigned::Kept(kept) => {
                let holds = holds(kept, now);
                ui.status(&format!("{} is there already{holds}; nothing was changed", kept.title()));
            }
        }
    }
    if let several @ 2.. = assigned.len() {
        let made = assigned.iter().filter(|one| matches!(one, Assigned::Made(_))).count();
        ui.status(&format!("{made} created, {} unchanged", several - made));
    }
    for idle in idle {
        ui.status(&format!("note: {idle}, and {} gives nothing until that ends", item.title()));
    }
    dry_run_note(s.context);
    let which: Vec<_> = assigned.iter().map(|one| one.record().meta.record_id()).collect();
    print_changed(s, desc, &which).await
}

/// From when until when a link holds, as far as it does not do so already and for good.
fn holds(record: &Record, now: DateTime<Utc>) -> String {
    let fields = || record.desc.fields.iter();
    let ahead = |f: &&Field| f.has(Attr::FromClock) && record.get(f.column).as_time().is_some_and(|at| at > now);
    let begins = fields().find(ahead).map_or(String::new(), |f| format!(", from {}", record.get(f.column).to_text()));
    let ends = record.find(EXPIRES).and_then(Value::as_time);
    begins + &ends.map_or(String::new(), |at| format!(", until {}", rfc3339(at)))
}

pub async fn unassign(s: &mut Invocation<'_>, link: Link, flags: &LinkFlags) -> Result<()> {
    let desc = link.desc;
    known_columns(s.context, desc)?;
    let (item, others) = ends(s, link, Linking::Unassign, &flags.ends).await?;
    let links = links_of(s, link, &item, &others, &flags.texts).await?;
    for record in &links {
        s.is_about(record);
    }
    match desc.ends() {
        true => end(s, desc, &links).await?,
        false => {
            let left = Left { cascade: flags.cascade, ..Left::default() };
            remove::delete_records(s, desc, &links, left).await?;
        }
    }
    let which: Vec<_> = links.iter().map(|r| r.meta.record_id()).collect();
    print_changed(s, desc, &which).await
}

/// The links of an item with others; such as it has no link with are named.
async fn links_of(
    s: &mut Invocation<'_>,
    link: Link,
    item: &Record,
    others: &[Record],
    texts: &FieldTexts,
) -> Result<Vec<Record>> {
    let (desc, org) = (link.desc, item.meta.org_id);
    let further = given_of(s, desc, link.named_by(), Some(org), texts).await?;
    let (mut links, mut without) = (Vec::new(), Vec::new());
    let part = |field: &'static Field, other: &Record| match field.column {
        column if column == link.item.0.column => item.meta.id.into(),
        column if column == link.other.0.column => other.meta.id.into(),
        column => further.iter().find(|(c, _)| c == column).map_or(Value::Null(field.ty.kind), |(_, v)| v.clone()),
    };
    let asked: Vec<Vec<Value>> =
        others.iter().map(|other| desc.key().parts().map(|field| part(field, other)).collect()).collect();
    let there = holders_of(s.db().await?, desc, org, desc.key(), &asked).await?;
    for (other, found) in others.iter().zip(there) {
        match found {
            Some(found) => links.push(found),
            None => without.push(other.title()),
        }
    }
    match without.is_empty() {
        true => Ok(links),
        false => Err(Problem::not_found(format!(
            "there is no {} of {} and {}",
            desc.singular(),
            item.title(),
            without.join(", ")
        ))
        .hint(shows_all(link, item))
        .into()),
    }
}

/// Ends links that stay as history, once that is confirmed.
async fn end(s: &mut Invocation<'_>, desc: &'static Descriptor, links: &[Record]) -> Result<()> {
    if !s.context.dry_run {
        let titles: Vec<String> = links.iter().map(Record::title).collect();
        s.context.ui.confirm(&format!("end {}?", titles.join(", "))).await?;
    }
    let targets = links.iter().map(Target::of).collect();
    for ended in gate::write(s, &End { noun: desc.noun.into(), targets }).await? {
        s.context.ui.status(&format!("ended {}", ended.title()));
    }
    dry_run_note(s.context);
    Ok(())
}
