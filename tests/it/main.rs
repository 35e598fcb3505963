//! One test crate. Each story runs on SQLite and on PostgreSQL; transcripts say what a user sees.

mod harness;
mod stories;
mod surface;
