//! What all rows of a file must refer to, where it is the whole truth about records with one reference.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::resource::{Field, Record};
use crate::model::values::scalar::{ParseContext, truncate};
use crate::store::import::match_target::Given;
use crate::store::import::stage::{Reference, Reject};

/// Records with one reference.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Scope {
    pub column: String,
    pub id: Uuid,
    /// What is referred to is called so.
    pub key: String,
    /// The values of the fields that a file may name it by, with their columns.
    texts: Vec<(String, String)>,
}

impl Scope {
    pub fn new(field: &Field, record: &Record) -> Scope {
        let texts = record.desc.fields.iter().map(|f| (f.column.to_owned(), record.get(f.column).to_text())).collect();
        Scope { column: field.column.to_owned(), id: record.meta.id, key: record.key(), texts }
    }

    /// Whether a row's text means what is referred to.
    fn is_meant(&self, reference: &Reference, text: &str, context: &ParseContext) -> bool {
        let is_value = |field: &&Field| {
            let form = reference.form(field, text, context);
            self.texts.iter().any(|(column, known)| *column == field.column && form.as_ref() == Some(known))
        };
        let is_id = reference.by.is_none() && Uuid::try_parse(text.trim()).is_ok_and(|id| id == self.id);
        is_id || reference.fields().iter().any(is_value)
    }

    /// Why a row is about nothing of which the file is the truth.
    pub fn out_of_scope(
        &self,
        (references, context): (&[Reference], &ParseContext),
        (number, line): (u64, u64),
        values: &Given,
    ) -> Option<Reject> {
        let reference = references.iter().find(|r| r.field.column == self.column)?;
        let (_, value) = values.iter().rfind(|(f, _)| f.column == self.column)?;
        let text = value.to_text();
        if self.is_meant(reference, &text, context) {
            return None;
        }
        let name = reference.field.name();
        let (key, is) = (&self.key, if value.is_null() { "empty".to_owned() } else { truncate(&text) });
        let reason = format!("{name} is {is}, and the file is about {name} {key}");
        Some(Reject { number, line, column: Some(name.to_owned()), code: "invalid", reason })
    }
}
