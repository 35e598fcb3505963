//! A record as the struct of its kind: what the verbs of one kind work with.

use super::{Meta, Record, Resource};
use crate::model::problem::Problem;

/// A stored record of a kind: its struct, and what every record has besides.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<T> {
    pub meta: Meta,
    pub value: T,
    /// As [`Record::referred`].
    referred: Vec<String>,
}

impl<T: Resource> Stored<T> {
    /// Refused is what does not fit its own type, which a checked database never gives.
    pub fn from_record(record: &Record) -> Result<Stored<T>, Problem> {
        match T::from_record(record) {
            Some(value) => Ok(Stored { meta: record.meta.clone(), value, referred: record.referred.clone() }),
            None => Err(Problem::integrity(format!("{} does not fit its own type", record.title()))
                .hint("'orgctl db check' says more")),
        }
    }

    /// The same as the code has it that knows no kind.
    pub fn into_record(self) -> Record {
        Record { referred: self.referred, ..Record::new(T::DESCRIPTOR, self.meta, self.value.into_values()) }
    }

    /// This record with other values.
    #[must_use]
    pub fn with(&self, value: T) -> Stored<T> {
        Stored { meta: self.meta.clone(), value, referred: self.referred.clone() }
    }
}

impl<T: Resource + Clone> Stored<T> {
    pub fn record(&self) -> Record {
        self.clone().into_record()
    }

    /// The names of the fields in which other values differ.
    pub fn fields_other_than(&self, other: &T) -> Vec<&'static str> {
        let values = self.value.clone().into_values().into_iter().zip(other.clone().into_values());
        let differ = T::DESCRIPTOR.fields.iter().zip(values).filter(|(_, (own, other))| own != other);
        differ.map(|(field, _)| field.name()).collect()
    }
}
