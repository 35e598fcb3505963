//! The two engines: connections, statements, values on the wire. What differs between SQLite and PostgreSQL is here.

pub(super) mod copy_binary;
pub mod db;
pub mod dialect;
pub(super) mod inet;
pub mod leftovers;
pub mod load;
pub mod location;
pub(super) mod numeric;
pub mod opening;
pub mod postgres;
pub(super) mod postgres_url;
pub mod sql;
pub mod sqlite;
pub(super) mod sqlite_raw;
