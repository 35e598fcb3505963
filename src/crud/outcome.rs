//! What a command turned out to be, and what is to be told of it when it has ended: in the trail, in the system log and by the
//! exit code.

use std::cell::Cell;
use std::rc::Rc;

use serde_json::{Map, Value as Json};

use super::context::Access;
use crate::model::kinds::org::SYSTEM;
use crate::model::kinds::system_log::SystemLog;
use crate::model::resource::Record;

/// A record that a command is to change or to tell of: a refusal names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandTarget {
    pub noun: &'static str,
    pub org: i32,
    pub id: uuid::Uuid,
    pub key: Option<String>,
}

impl CommandTarget {
    pub fn of(record: &Record) -> CommandTarget {
        let (noun, meta) = (record.desc.noun, &record.meta);
        CommandTarget { noun, org: meta.org_id, id: meta.id, key: Some(record.key()) }
    }
}

pub struct Outcome {
    /// What it turned out to need a right to, where that is not what it declares.
    pub access: Option<Access>,
    /// The command line as it is recorded, where that is not how it was typed.
    pub command: Option<Vec<String>>,
    /// Somebody said that the clock is right, though the trail has reason to doubt it.
    pub clock_is_sure: bool,
    /// The one key, of all that were given, that it is about now.
    pub only_key: Option<String>,
    /// The organisation that the command turned out to be about: refusals are recorded there.
    pub about: i32,
    /// The records that it turned out to be about.
    pub targets: Vec<CommandTarget>,
    /// What a refused command had to say besides its error, for its audit record.
    pub refused: Map<String, Json>,
    /// What is to be said in the system log.
    pub log: Vec<(i32, SystemLog)>,
    /// Keys that were dealt with one by one: what was done for them stays done.
    pub dealt_with: Rc<Cell<u64>>,
    /// Set from the commit on: a signal then waits for the end, for what is done can't be called undone.
    pub committing: Rc<Cell<bool>>,
}

impl Default for Outcome {
    fn default() -> Outcome {
        Outcome {
            access: None,
            command: None,
            clock_is_sure: false,
            only_key: None,
            about: SYSTEM,
            targets: Vec::new(),
            refused: Map::new(),
            log: Vec::new(),
            dealt_with: Rc::default(),
            committing: Rc::default(),
        }
    }
}
