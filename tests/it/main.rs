//! One test crate. Each story runs on SQLite and on PostgreSQL; transcripts say what a user sees.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::print_stderr)] // a test may stop with a word

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
