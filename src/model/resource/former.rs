//! Former keys: after a merge those of the duplicate mean the record that stayed. They are records of a kind of their own,
//! [`Descriptor::former_keys`], and count as taken: a former key and a live one never compete.

use super::lifetime::Lifetime;
use super::{Descriptor, Field, Record};
use crate::model::values::scalar::{FieldKind, Form};
use crate::model::values::value::Value;

/// The kind of the former keys of another, and what its fields are.
#[derive(Debug, Clone, Copy)]
pub struct FormerKeys {
    pub desc: &'static Descriptor,
    /// The record that the key means.
    pub owner: &'static Field,
    /// The duplicate that had it.
    pub former: &'static Field,
    /// The name of the field that was the key.
    pub field: &'static Field,
    /// What it held, as it was written.
    pub value: &'static Field,
}

impl FormerKeys {
    /// The column that holds the value of a key in the form in which the kind itself compares that.
    pub fn compared_column(&self, key: &Field) -> &'static str {
        if key.folds() { self.value.folded } else { self.value.column }
    }

    /// The value of a key as former ones are looked up by it: those that are kept in one spelling fold without loss.
    pub fn compared(&self, value: &Value) -> Value {
        self.value.key_value(value)
    }

    /// A key in words, as it is named on the command line.
    pub fn words(field: &Field, value: &Value) -> String {
        super::key::joined(&[field.name().to_owned(), value.to_text()])
    }

    /// The values of a new record: `value` is a key of the duplicate, and means another from now on.
    pub fn values(&self, of: &Record, field: &Field, former: &Record) -> Vec<Value> {
        let value = |f: &Field| match f.column {
            column if column == self.owner.column => of.meta.id.into(),
            column if column == self.former.column => former.meta.id.into(),
            column if column == self.field.column => field.name().into(),
            column if column == self.value.column => former.get(field.column).clone(),
            _ => Value::Null(f.ty.kind),
        };
        self.desc.fields.iter().map(value).collect()
    }
}

impl Descriptor {
    /// What holds the former keys of its records, where they can be merged.
    pub fn former(&self) -> Option<FormerKeys> {
        let desc = (self.former_keys?)();
        let of_lifetime = |lifetime: Lifetime| {
            desc.fields.iter().find(move |f| f.lifetime() == lifetime && f.target().is_some_and(|t| t == self))
        };
        Some(FormerKeys {
            desc,
            owner: of_lifetime(Lifetime::Within)?,
            former: of_lifetime(Lifetime::Keep)?,
            field: desc.field("field")?,
            value: desc.field("value")?,
        })
    }

    /// The kind whose former keys its records are.
    pub fn formerly_of(&self) -> Option<(&'static Descriptor, FormerKeys)> {
        let target = self.subject_field()?.target()?;
        target.former().filter(|former| former.desc == self).map(|former| (target, former))
    }
}

/// What keeps a kind from having former keys as it declares.
pub fn faults(desc: &'static Descriptor) -> Vec<String> {
    if desc.former_keys.is_none() {
        return Vec::new();
    }
    let noun = desc.noun;
    let Some(former) = desc.former() else { return vec![format!("{noun} has former keys of a kind that holds none")] };
    let mut faults = Vec::new();
    let names: Vec<&str> = desc.key_fields().map(Field::name).collect();
    if !matches!(former.field.ty.role, FieldKind::Choice(words) if words == names) {
        faults.push(format!("{} is not one of the keys of {noun}", former.desc.noun));
    }
    if desc.key_fields().any(|f| f.ty.form == Form::Words) || desc.key_groups().next().is_some() {
        faults.push(format!("{noun} has keys that no {} holds", former.desc.noun));
    }
    faults
}
