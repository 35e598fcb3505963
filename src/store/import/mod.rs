//! What an import asks of all rows of a file at once: staging tables, and matching rows with existing records.

pub mod counts;
mod match_postgres;
mod match_sqlite;
pub mod match_target;
pub mod matcher;
pub mod stage;
