//! One test crate. Each story runs on SQLite and on PostgreSQL; transcripts say what a user sees.
#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::print_stderr)] // a test may stop with a word

mod attacks;
mod branch_story;
mod completion;
mod concurrency;
mod config;
mod deletion;
mod demo;
mod dry_run;
mod edit;
mod exits;
mod harness;
mod hostile;
mod import;
mod keys;
mod lists;
mod lookups;
mod migrations;
mod network;
mod org_story;
mod output;
mod past;
mod people;
mod postgres_faults;
mod proving;
mod raw;
mod roundtrip;
mod search;
mod setting;
mod signals;
mod sqlite_faults;
mod stories;
mod surface;
mod tamper;
mod terminal;
mod trail;
