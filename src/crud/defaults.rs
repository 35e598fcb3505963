//! Records as they are before anything is said of them: new ones, and those of owners of whom nothing is stored.

use anyhow::Result;
use uuid::Uuid;

use super::invocation::Invocation;
use super::lookup::find_in;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::resource::{Attr, Descriptor, Meta, Record};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::Value;
use crate::store::records::{self, Column, Deleted, STORED};
use crate::store::tx::Tx;
use crate::ui::format::Format;

/// A record as it is before anything is given: defaults, who acts, and nothing.
pub fn blank(tx: &Tx<'_>, desc: &'static Descriptor, org: i32, id: Uuid, context: &ParseContext) -> Result<Record> {
    let mut record = of_defaults(desc, Meta::new(org, id, tx.at(), 0), context)?;
    let acting = tx.acting_user(org);
    for (field, value) in desc.fields.iter().zip(&mut record.values).filter(|(_, value)| value.is_null()) {
        match acting {
            Some(acting) if field.has(Attr::FromActor) => *value = acting.into(),
            _ if field.has(Attr::FromClock) => *value = tx.at().into(),
            _ => {}
        }
    }
    Ok(record)
}

/// A record of nothing but defaults.
pub fn of_defaults(desc: &'static Descriptor, meta: Meta, context: &ParseContext) -> Result<Record, Problem> {
    let values = desc.fields.iter().map(|f| match desc.default(f, context) {
        Some(default) => f.parse(&default, context),
        None => Ok(Value::Null(f.ty.kind)),
    });
    Ok(Record::new(desc, meta, values.collect::<Result<_, _>>()?))
}

/// The owner that a key names, where no record of the kind is found under it; otherwise what was found, or why not.
pub async fn owner_of(
    s: &mut Invocation<'_>,
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
pub async fn default_of(s: &mut Invocation<'_>, desc: &'static Descriptor, owner: &Record) -> Result<Record> {
    let org = owner.meta.org_id;
    s.use_context_of(org).await?;
    let mut record = of_defaults(desc, Meta::new(org, Uuid::nil(), s.asked_at(), 0), &s.connection.parsing)?;
    if let Some((field, _)) = desc.owner() {
        record.set(field.column, owner.meta.id.into());
        record.referred = vec![owner.key()];
    }
    Ok(record)
}

/// The cells of such a record: of what only a row has, nothing.
pub async fn cells(s: &mut Invocation<'_>, record: &Record, owner: &Record, columns: &[Column]) -> Result<Vec<Value>> {
    let org = records::org_code(s.db().await?, record.meta.org_id).await?;
    let at = s.asked_at();
    let name = if s.context.ui.style.format.get() == Format::Table { owner.label() } else { owner.key() };
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
