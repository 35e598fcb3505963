//! The two verbs of a link, at the noun of its item: one gives the item to others, the other takes it back.

use anyhow::Result;
use clap::ArgMatches;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::create::ask_missing;
use super::gate::{self, Verb};
use super::input::{find_in, given_of, keys};
use super::read::{known_columns, print_changed};
use super::session::Session;
use super::write::{Created, End, Target, begun, create, described, dry_run_note, tell_former};
use super::{prompt, remove};
use crate::model::problem::Problem;
use crate::model::resource::verbs::{self, Link};
use crate::model::resource::{Descriptor, Field, Record};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::Value;
use crate::store::records::keys::{holder, parts_of};
use crate::store::records::{self, Deleted};
use crate::store::tx::Tx;

/// The argument that names the item.
pub const ITEM: &str = "item";

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
        let mut assigned = Vec::new();
        for other in &self.others {
            let ends = [(link.item.0, self.item), (link.other.0, *other)];
            let ends = ends.map(|(field, id)| (field.column.to_owned(), Value::from(id)));
            let given: Vec<(String, Value)> = ends.into_iter().chain(self.values.iter().cloned()).collect();
            let record = begun(tx, desc, self.org, &given, context)?;
            let there = holder(tx.db, desc, self.org, desc.key(), &parts_of(&record, desc.key())).await?;
            let says_so = |there: &&Record| self.values.iter().all(|(column, value)| there.get(column) == value);
            match there.filter(|r| !r.has_expired(tx.at())) {
                Some(there) if says_so(&&there) => assigned.push(Assigned::Kept(there)),
                // Of a kind that is superseded, the new one takes its place.
                Some(there) if !desc.ends() => return Err(says_other(&there, &self.values).into()),
                _ => assigned.push(Assigned::Made(create(tx, record, &given).await?)),
            }
        }
        Ok(assigned)
    }
}

/// One that is there is not changed on the way.
fn says_other(there: &Record, values: &[(String, Value)]) -> Problem {
    let other = values.iter().filter(|(column, value)| there.get(column) != value);
    let fields: Vec<&str> = other.filter_map(|(column, _)| Some(there.desc.field(column)?.name())).collect();
    let problem =
        Problem::conflict(format!("{} is there already, with another {}", there.title(), fields.join(" and ")));
    match there.desc.does(verbs::Verb::Update) {
        true => problem.hint(format!("change it: orgctl {} update {}", there.desc.noun, there.key())),
        false => problem,
    }
}

/// The item and those that it is given to or taken from, as the command line names them.
async fn ends(s: &mut Session<'_>, link: Link, m: &ArgMatches) -> Result<(Record, Vec<Record>)> {
    let (kind, others) = (link.item.1, link.other.1);
    let key = match m.get_one::<String>(ITEM) {
        Some(key) => key.clone(),
        None => prompt::key(s, kind, Deleted::Exclude).await?,
    };
    let org = s.org_of(kind).await?;
    let item = find_in(s, kind, org, &key, Deleted::Exclude).await?;
    let org = item.meta.org_id;
    let keys = match (m.contains_id("key") || s.only_key.is_some(), s.ui.style.interactive) {
        (false, true) => {
            let id = prompt::record(s, others, Some(org), Deleted::Exclude, link.other.0.help, None).await?;
            vec![id.unwrap_or_default().to_string()]
        }
        _ => keys(s, others, Deleted::Exclude, m).await?,
    };
    let mut found: Vec<Record> = Vec::new();
    for key in keys {
        let other = find_in(s, others, Some(org), &key, Deleted::Exclude).await?;
        if found.iter().all(|r| r.meta.id != other.meta.id) {
            found.push(other);
        }
    }
    Ok((item, found))
}

pub async fn assign(s: &mut Session<'_>, link: Link, m: &ArgMatches) -> Result<()> {
    let desc = link.desc;
    known_columns(s, desc)?;
    let (item, others) = ends(s, link, m).await?;
    let org = item.meta.org_id;
    let mut values = given_of(s, desc, link.further(), Some(org), m).await?;
    ask_missing(s, desc, link.further().filter(|f| f.must_be_given()), Some(org), &mut values).await?;
    let others: Vec<Uuid> = others.iter().map(|r| r.meta.id).collect();
    let verb = Assign { noun: desc.noun.into(), org, item: item.meta.id, others, values };
    let assigned = gate::write(s, &verb).await?;
    let place = records::org_code(s.db().await?, org).await?;
    for one in &assigned {
        match one {
            Assigned::Made(made) => {
                s.ui.status(&format!("created {} in {place}", made.record.title()));
                tell_former(s, made);
            }
            Assigned::Kept(kept) => s.ui.status(&format!("{} is there already; nothing was changed", kept.title())),
        }
    }
    if let several @ 2.. = assigned.len() {
        let made = assigned.iter().filter(|one| matches!(one, Assigned::Made(_))).count();
        s.ui.status(&format!("{made} created, {} unchanged", several - made));
    }
    dry_run_note(s);
    let which: Vec<_> = assigned.iter().map(|one| one.record().meta.record_id()).collect();
    print_changed(s, desc, &which).await
}

pub async fn unassign(s: &mut Session<'_>, link: Link, m: &ArgMatches) -> Result<()> {
    let desc = link.desc;
    known_columns(s, desc)?;
    let (item, others) = ends(s, link, m).await?;
    let links = links_of(s, link, &item, &others, m).await?;
    for record in &links {
        s.is_about(record);
    }
    match desc.ends() {
        true => end(s, desc, &links).await?,
        false => remove::delete_records(s, desc, &links, m).await?,
    }
    let which: Vec<_> = links.iter().map(|r| r.meta.record_id()).collect();
    print_changed(s, desc, &which).await
}

/// The links of an item with others; such as it has no link with are named.
async fn links_of(
    s: &mut Session<'_>,
    link: Link,
    item: &Record,
    others: &[Record],
    m: &ArgMatches,
) -> Result<Vec<Record>> {
    let (desc, org) = (link.desc, item.meta.org_id);
    let further = given_of(s, desc, link.named_by(), Some(org), m).await?;
    let (mut links, mut without) = (Vec::new(), Vec::new());
    for other in others {
        let part = |field: &'static Field| match field.column {
            column if column == link.item.0.column => item.meta.id.into(),
            column if column == link.other.0.column => other.meta.id.into(),
            column => further.iter().find(|(c, _)| c == column).map_or(Value::Null(field.ty.kind), |(_, v)| v.clone()),
        };
        let parts: Vec<Value> = desc.key().parts().map(part).collect();
        match holder(s.db().await?, desc, org, desc.key(), &parts).await? {
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
        .hint(format!("'orgctl {} list --filter {}={}' shows all", desc.noun, link.item.0.name(), item.key()))
        .into()),
    }
}

/// Ends links that stay as history, once that is confirmed.
async fn end(s: &mut Session<'_>, desc: &'static Descriptor, links: &[Record]) -> Result<()> {
    if !s.dry_run {
        let titles: Vec<String> = links.iter().map(Record::title).collect();
        s.ui.confirm(&format!("end {}?", titles.join(", "))).await?;
    }
    let targets = links.iter().map(|r| Target { org: r.meta.org_id, id: r.meta.id, version: None }).collect();
    for ended in gate::write(s, &End { noun: desc.noun.into(), targets }).await? {
        s.ui.status(&format!("ended {}", ended.title()));
    }
    dry_run_note(s);
    Ok(())
}
