//! Seeds: the records that the program brings along, one copy in each organisation that has records of their kind.
//!
//! The id of a copy is made of its organisation and its key (UUID, version 8), so that it is known again whatever it is called
//! by then, and when it is gone: what the trail knows under that id was there once, and does not come again.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::resource::key::joined;
use super::resource::{Descriptor, Record};
use super::values::value::Value;

/// One record that the program brings along, as it is in one organisation.
#[derive(Debug, Clone)]
pub struct Seed {
    pub desc: &'static Descriptor,
    pub org: i32,
    pub id: Uuid,
    /// Column and value; of all others what a new record has.
    pub values: Vec<(&'static str, Value)>,
    /// What its key tells of others.
    pub referred: Vec<String>,
}

impl Seed {
    /// The natural key that it has by its values, as messages name it.
    pub fn key(&self) -> String {
        let value = |column: &str| self.values.iter().find(|(c, _)| *c == column).map(|(_, v)| v.to_text());
        let mut referred = self.referred.iter();
        let parts = self.desc.key().parts().map(|f| match f.target() {
            Some(_) => referred.next().cloned().unwrap_or_default(),
            None => value(f.column).unwrap_or_default(),
        });
        joined(&parts.collect::<Vec<_>>())
    }
}

/// The id of the copy that an organisation has.
pub fn id(org: Uuid, desc: &Descriptor, key: &str) -> Uuid {
    let hash = Sha256::new().chain_update(org).chain_update(desc.noun).chain_update([0]).chain_update(key).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Uuid::new_v8(bytes)
}

/// Whether the program brought along what has this id; everything else has an id by its time.
pub fn is_of_seed(id: Uuid) -> bool {
    id.get_version_num() == 8
}

impl Record {
    /// Whether the program brought it along.
    pub fn is_seed(&self) -> bool {
        is_of_seed(self.meta.id)
    }
}
