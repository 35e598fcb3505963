//! One test crate. Each story runs on SQLite and on PostgreSQL; transcripts say what a user sees.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_methods)]

mod concurrency;
mod harness;
mod migrations;
mod postgres_faults;
mod raw;
mod signals;
mod sqlite_faults;
mod stories;
mod surface;
mod tamper;
mod trail;
