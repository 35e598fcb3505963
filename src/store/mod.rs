//! The only SQL, and the only place that knows `sqlx`.
//!
//! | room | what is in it |
//! | --- | --- |
//! | [`Error`] | what all of it fails with |
//! | [`engine`] | connections, statements, values on the wire; what differs between SQLite and PostgreSQL |
//! | [`tx`] | the one way to write: takes a [`tx::Permit`], writes rows with their audit records, checks [`invariants`] |
//! | [`records`] | reading any resource: by key, lists ([`records::query`]), search, status, settings, credentials |
//! | [`reader`] | what of the records may be told: every statement passes it |
//! | [`access`] | what a decision goes by: of somebody, or of everybody who may |
//! | [`as_of`] | the same reads, as of an earlier time |
//! | [`trail`] | the audit trail: looked up, verified, checkpointed, repaired, retained |
//! | [`keys`] | the keys of what is sealed, each wrapped by another |
//! | [`import`] | staging tables, and matching a file's rows with existing records |
//! | [`schema`] | migrations, and the schema that is there against the one that is expected |
//! | [`backup`] | whole databases: dumped, rebuilt, compared, put in the place of another |

pub mod access;
pub mod as_of;
pub mod backup;
pub mod engine;
pub mod error;
pub mod health;
pub mod import;
pub mod invariants;
pub mod keys;
pub mod reader;
pub mod records;
pub mod schema;
pub mod trail;
pub mod tx;

pub use self::error::{Error, Result};
