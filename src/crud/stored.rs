//! Commands that are kept, to be run another time: by whoever approves them, on a copy, in another place.
//!
//! What a command line says is resolved once: keys to ids and versions, spans to times, secrets to their hashes, a file to its
//! path and checksum. Of that a command consists, and that is what is kept, as JSON. Run again ([`super::replay`]), it goes
//! through the same gate, under the rights of whoever runs it then. A command whose work is not in the database alone says why
//! it can't be kept.

use std::cell::RefCell;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::model::problem::Problem;

/// A command as it is kept.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredCommand {
    /// Which it is: the `NAME` of a [`super::gate::Verb`].
    pub name: String,
    /// As it was called, noun and verb: they say which permission it needs.
    pub called: String,
    /// Whether what is out of use was accepted (`--force`).
    pub force: bool,
    /// By which days began and ended: what an input file says of times is read by it.
    pub zone: Option<String>,
    pub arguments: Json,
}

impl fmt::Debug for StoredCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredCommand({}, {}, ***)", self.name, self.called)
    }
}

/// What commands came by, each as it is kept, or why it can't be.
pub type Tape = RefCell<Vec<Result<StoredCommand, Problem>>>;
