//! What each owner has one of, with defaults where nothing is stored: `preference show asha` answers before anything was said,
//! and the first update makes the row.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::defaults::owner_of;
use super::gate::{self, Verb};
use super::invocation::Invocation;
use super::keys::keys;
use super::lookup::{find, not_system};
use super::read::print_changed;
use super::write::{self, Change, ChangedRecord, Created, begun, create, described, dry_run_note, say_changed};
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Record};
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::Value;
use crate::store::records::{self, Deleted};
use crate::store::tx::Tx;

/// The records that keys name, and the owners without one.
pub async fn targets(
    s: &mut Invocation<'_>,
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
pub async fn keep(s: &mut Invocation<'_>, desc: &'static Descriptor, change: Change, owners: &[Record]) -> Result<()> {
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
        s.context.ui.status(&format!("created {} in {place}", created.record.title()));
    }
    say_changed(s.context, &changed, Action::Update);
    dry_run_note(s.context);
    let records = changed.iter().map(|c| &c.record).chain(made.iter().map(|c| &c.record));
    let which: Vec<_> = records.map(|r| r.meta.record_id()).collect();
    print_changed(s, desc, &which).await
}
