//! What each owner has one of, with defaults where nothing is stored: `preference show asha` answers before anything was said,
//! and the first update makes the row.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::gate::{self, Verb};
use super::keys::keys;
use super::lookup::{find, find_in, not_system};
use super::read::print_changed;
use super::session::Session;
use super::write::{
    self, Change, ChangedRecord, Created, begun, create, described, dry_run_note, of_defaults, say_changed,
};
use crate::model::problem::{ErrorKind, Problem};
use crate::model::resource::{Descriptor, Meta, Record};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::Value;
use crate::store::records::{self, Column, Deleted, STORED};
use crate::store::tx::Tx;
use crate::ui::format::Format;

/// The owner that a key names, where no record of the kind is found under it; otherwise what was found, or why not.
pub async fn owner_of(
    s: &mut Session<'_>,
    desc: &'static Descriptor,
    key: &str,
    not_found: anyhow::Error,
) -> Result<Record> {
    let is_absent = not_found.downcast_ref::<Problem>().is_some_and(|p| p.kind == ErrorKind::NotFound);
    let Some((_, kind)) = desc.owner().filter(|_| is_absent) else { return Err(not_found) };
    let org = s.org_of(kind).await?;
    find_in(s, kind, org, key, Deleted::Exclude).await.map_err(|_| not_found)
}

/// The record that an owner without one is told to have.
pub async fn default_of(s: &mut Session<'_>, desc: &'static Descriptor, owner: &Record) -> Result<Record> {
    let org = owner.meta.org_id;
    s.use_context_of(org).await?;
    let mut record = of_defaults(desc, Meta::new(org, Uuid::nil(), s.asked_at(), 0), &s.parsing)?;
    if let Some((field, _)) = desc.owner() {
        record.set(field.column, owner.meta.id.into());
        record.referred = vec![owner.key()];
    }
    Ok(record)
}

/// The cells of such a record: of what only a row has, nothing.
pub async fn cells(s: &mut Session<'_>, record: &Record, owner: &Record, columns: &[Column]) -> Result<Vec<Value>> {
    let org = records::org_code(s.db().await?, record.meta.org_id).await?;
    let at = s.asked_at();
    let name = if s.ui.style.format == Format::Table { owner.label() } else { owner.key() };
    let cell = |column: &Column| match (column.name.as_str(), column.field) {
        (STORED, _) => false.into(),
        ("org", _) => org.as_str().into(),
        (_, Some(field)) if field.target().is_some() && column.is_key => name.as_str().into(),
        (_, Some(field)) => record.get(field.column).clone(),
        _ if column.status.is_some() => record.status(at).into(),
        _ => Value::Null(column.kind),
    };
    Ok(columns.iter().map(cell).collect())
}

/// The records that keys name, and the owners without one.
pub async fn targets(
    s: &mut Session<'_>,
    desc: &'static Descriptor,
    given: &[String],
) -> Result<(Vec<Record>, Vec<Record>)> {
    if desc.owner().is_none() {
        return Ok((write::targets(s, desc, given).await?, Vec::new()));
    }
    let (mut found, mut owners): (Vec<Record>, Vec<Record>) = (Vec::new(), Vec::new());
    let picked = desc.owner().map_or(desc, |(_, kind)| kind);
    for key in keys(s, picked, Deleted::Exclude, given).await? {
        let (record, all) = match find(s, desc, &key, Deleted::Exclude).await {
            Ok(record) => (record, &mut found),
            Err(e) => (owner_of(s, desc, &key, e).await?, &mut owners),
        };
        not_system(&record)?;
        if all.iter().all(|r| r.meta.id != record.meta.id) {
            all.push(record);
        }
    }
    Ok((found, owners))
}

/// Changes records, and makes those of owners who have none.
#[derive(Debug, Serialize, Deserialize)]
pub struct Keep {
    pub change: Change,
    /// Organisation and owner.
    pub owners: Vec<(i32, Uuid)>,
}

impl Verb for Keep {
    const NAME: &str = "keep";

    type Output = (Vec<ChangedRecord>, Vec<Created>);

    fn orgs(&self) -> Vec<i32> {
        self.change.orgs().into_iter().chain(self.owners.iter().map(|(org, _)| *org)).collect()
    }

    fn noun(&self) -> Option<&str> {
        self.change.noun()
    }

    async fn run(&self, tx: &mut Tx<'_>, context: &ParseContext) -> Result<Self::Output> {
        let desc = described(tx, &self.change.noun)?;
        let changed = self.change.run(tx, context).await?;
        let mut made = Vec::new();
        for (org, owner) in &self.owners {
            let mut given = self.change.set.clone();
            given.extend(desc.owner().map(|(field, _)| (field.column.to_owned(), Value::from(*owner))));
            let record = begun(tx, desc, *org, &given, context)?;
            made.push(create(tx, record, &given).await?);
        }
        Ok((changed, made))
    }
}

/// Sets fields of records, and of owners who have none.
pub async fn keep(s: &mut Session<'_>, desc: &'static Descriptor, change: Change, owners: &[Record]) -> Result<()> {
    if let (Some((field, _)), [first, ..]) = (desc.owner(), owners)
        && change.set.iter().any(|(column, _)| column == field.column)
    {
        let sentence = format!("nothing is stored for {} that could be another {}'s", first.title(), field.name());
        return Err(Problem::not_found(sentence).into());
    }
    let owners = owners.iter().map(|r| r.meta.record_id()).collect();
    let (changed, made) = gate::write(s, &Keep { change, owners }).await?;
    for created in &made {
        let place = records::org_code(s.db().await?, created.record.meta.org_id).await?;
        s.ui.status(&format!("created {} in {place}", created.record.title()));
    }
    say_changed(s, &changed, Action::Update);
    dry_run_note(s);
    let records = changed.iter().map(|c| &c.record).chain(made.iter().map(|c| &c.record));
    let which: Vec<_> = records.map(|r| r.meta.record_id()).collect();
    print_changed(s, desc, &which).await
}
