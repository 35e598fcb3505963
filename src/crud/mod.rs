//! What every resource can do, generic over its descriptor, and the gate that all changes go through.

pub mod as_of;
pub mod contents;
pub mod create;
pub mod deletion;
pub mod edit;
pub mod filter;
pub mod form;
pub mod former;
pub mod gate;
pub mod history;
pub mod import;
pub mod input;
pub mod journal;
pub mod link;
pub mod owned;
pub mod partial;
pub mod prompt;
pub mod purge;
pub mod read;
pub mod remove;
pub mod restore;
pub mod seed;
pub mod session;
pub mod subjects;
pub mod transition;
pub mod write;
