//! The only SQL, and the only place that knows `sqlx`.
//!
//! [`engine::db::Db`] is a connection, [`tx::Tx`] the one way to write: it takes a [`tx::Permit`], writes rows together with
//! their audit records, and checks [`invariants`] before it commits. [`records`] and [`query`] read any resource,
//! [`settings`] what was set; [`past`] lets them read what was at a time; [`audit`] reads and proves the trail, [`migrate`]
//! and [`schema`] keep the tables what the binary expects.

pub mod as_of;
pub mod backup;
pub mod engine;
pub mod health;
pub mod import;
pub mod invariants;
pub mod records;
pub mod schema;
pub mod system_log;
pub mod trail;
pub mod tx;
