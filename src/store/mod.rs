//! The only SQL, and the only place that knows `sqlx`.
//!
//! [`db::Db`] is a connection, [`tx::Tx`] the one way to write: it takes a [`tx::Permit`], writes rows together with
//! their audit records, and checks [`invariants`] before it commits. [`records`] and [`query`] read any resource,
//! [`settings`] what was set; [`past`] lets them read what was at a time; [`audit`] reads and proves the trail, [`migrate`]
//! and [`schema`] keep the tables what the binary expects.

pub mod audit;
pub mod backups;
mod below;
pub mod catalogue;
pub mod chain;
pub mod checkpoints;
pub mod compare;
mod copy;
pub mod corrections;
pub mod credentials;
pub mod db;
pub mod deep;
pub mod dump;
pub mod hashed;
pub mod health;
pub mod held;
pub mod hold;
mod inet;
pub mod invariants;
pub mod late;
pub mod lineage;
pub mod lines;
pub mod load;
pub mod location;
pub mod migrate;
pub mod net;
mod numeric;
pub mod outside;
pub mod partial;
pub mod past;
pub mod people;
pub mod postgres;
mod postgres_url;
pub mod query;
pub mod rebuild;
pub mod records;
pub mod repair;
pub mod retention;
pub mod rings;
pub mod schema;
pub mod scratch;
pub mod search;
pub mod settings;
pub mod sql;
pub mod sqlite;
pub mod stage;
mod state;
pub mod swap;
pub mod swap_postgres;
pub mod swap_sqlite;
pub mod system_log;
pub mod touched;
pub mod trail;
pub mod tx;
pub mod values;
