//! One test crate. Each story runs on SQLite and on PostgreSQL; transcripts say what a user sees.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::print_stderr)] // a test may stop with a word

mod branch_story;
mod deletion;
mod harness;
mod org_story;
mod stories;
mod surface;
