//! `orgctl` administers the people side of a company, straight on its database.
//!
//! The house has floors, and `use` points down only (a test holds that):
//!
//! | floor | what it is for |
//! | --- | --- |
//! | [`cli`] | words to a leaf of the command tree ([`cli::tree`]), settings, exit codes |
//! | [`verbs`] | what one resource can do: `branch tree`, `audit verify`, `db migrate` |
//! | [`crud`] | what every resource can do, and [`crud::gate`], through which every change goes |
//! | [`access`] | the decision: may this actor do this |
//! | [`store`] | the only SQL: connections, the one write path ([`store::tx`]), migrations, invariants |
//! | [`ui`] | the only terminal: tables, JSON, CSV, prompts, progress |
//! | [`model`] | what exists: typed structs, scalars, and the macros that declare them |
//!
//! A kind of record is declared once, in its file in [`model::kinds`] ([`model::kinds::branch`] shows how), named in the list
//! [`model::kinds::OWN`], and given a migration for each engine. [`run`] is given that list, or another one: nothing knows of
//! a kind but through it. Flags, prompts, validation, SQL, CSV, tables, JSON, audit records and
//! completions derive from that. A setting is one entry of the table in [`model::setting`].

pub mod access;
pub mod cli;
pub mod crud;
pub mod model;
pub mod store;
pub mod ui;
pub mod verbs;

/// The whole program: a command line in, an exit code out; everything it depends on is handed in.
pub fn run(
    argv: Vec<std::ffi::OsString>,
    env: &crud::context::Env,
    io: ui::Io,
    clock: &dyn model::clock::Clock,
    random: &dyn model::random::Random,
    operator: &model::operator::Operator,
    kinds: cli::program::Program,
) -> u8 {
    let subject = &access::Subject::LocalOperator;
    cli::run(argv, io, &cli::World { env, clock, random, operator, program: kinds, subject, tape: None }).0
}
