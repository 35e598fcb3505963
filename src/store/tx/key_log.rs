//! What an act did to keys, and no record has named yet.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::store::{Error, Result};

/// The member of a record that names the keys which its act made and destroyed.
pub(super) const KEYS: &str = "keys";

/// One that no record has named.
#[derive(Debug)]
pub(super) struct Unnamed {
    at: u64,
    id: Uuid,
    is_gone: bool,
}

/// What an act did to keys, by whose they are, until a record names it.
#[derive(Debug, Default)]
pub(super) struct KeyLog {
    unnamed: HashMap<Uuid, Vec<Unnamed>>,
    noted: u64,
}

impl KeyLog {
    pub(super) fn note(&mut self, subject: Uuid, id: Uuid, is_gone: bool) {
        self.noted += 1;
        self.unnamed.entry(subject).or_default().push(Unnamed { at: self.noted, id, is_gone });
    }

    pub(super) fn take(&mut self, subject: Uuid) -> Vec<Unnamed> {
        self.unnamed.remove(&subject).unwrap_or_default()
    }

    pub(super) fn noted(&self) -> u64 {
        self.noted
    }

    /// Forgets what was noted since.
    pub(super) fn shrink_to(&mut self, noted: u64) {
        self.unnamed.retain(|_, all| {
            all.retain(|one| one.at <= noted);
            !all.is_empty()
        });
    }

    /// Refuses a commit of what no record names.
    pub(super) fn require_named(&self) -> Result<()> {
        match self.unnamed.is_empty() {
            true => Ok(()),
            false => Err(Error::bug("keys were made or destroyed, and no record names them")),
        }
    }
}

pub(super) fn named(unnamed: &[Unnamed]) -> Json {
    let of = |is_gone: bool| -> Vec<String> {
        unnamed.iter().filter(|one| one.is_gone == is_gone).map(|one| one.id.to_string()).collect()
    };
    let mut keys = Map::new();
    for (word, ids) in [("created", of(false)), ("destroyed", of(true))] {
        if !ids.is_empty() {
            keys.insert(word.into(), ids.into());
        }
    }
    Json::Object(keys)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_undone_is_not_named() {
        let (who, one, other) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let mut log = KeyLog::default();
        assert!(log.require_named().is_ok());
        log.note(who, one, false);
        let noted = log.noted();
        log.note(who, other, true);
        log.note(Uuid::nil(), other, false);
        log.shrink_to(noted);
        assert!(log.require_named().is_err());
        assert_eq!(named(&log.take(who)), json!({ "created": [one.to_string()] }));
        assert!(log.require_named().is_ok());
    }
}
