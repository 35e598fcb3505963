//! Which engine there is, and which tables: what a statement must know to be written.

use std::collections::HashSet;

use crate::model::kinds::Kinds;

/// The schema of our own in which tables live on PostgreSQL.
pub const SCHEMA: &str = "orgctl";

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub fn as_str(self) -> &'static str {
        match self {
            Engine::Sqlite => "sqlite",
            Engine::Postgres => "postgres",
        }
    }

    /// The schema that temporary tables are in.
    pub(in crate::store) fn temp_schema(self) -> &'static str {
        if self == Engine::Postgres { "pg_temp" } else { "temp" }
    }

    /// The schema that all other tables are in, for where a temporary one has the name too.
    pub(in crate::store) fn main_schema(self) -> &'static str {
        if self == Engine::Postgres { SCHEMA } else { "main" }
    }
}

/// The tables that a connection has.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'a> {
    pub engine: Engine,
    pub kinds: Kinds,
    /// Those of which there is a view of the past, by the same name.
    pub past: &'a HashSet<&'static str>,
}
