//! How a database is opened.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::dialect::Tables;
use crate::model::kinds::Kinds;
use crate::model::resource::Descriptor;

/// What of a database may be told ([`reader`](crate::store::reader)).
pub trait Telling: fmt::Debug + Send + Sync {
    /// A statement that sees nothing else.
    fn narrow(&self, tables: Tables<'_>, text: String) -> String;

    /// Whether all records of a kind may be told, of one organisation.
    fn tells_all_of(&self, desc: &Descriptor, org: i32) -> bool;
}

/// How to open.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Make the SQLite file if there is none.
    pub create: bool,
    /// How long to wait for a lock.
    pub wait: Duration,
    /// Told to PostgreSQL, so that others see who holds a lock: `orgctl branch import`.
    pub application: String,
    /// The environment's variables for PostgreSQL: PGUSER, PGSSLMODE, ...
    pub variables: BTreeMap<String, String>,
    /// The kinds of record that are in it.
    pub kinds: Kinds,
    /// What of it may be told; none: all.
    pub reader: Option<Arc<dyn Telling>>,
}
