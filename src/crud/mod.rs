//! What every resource can do, generic over its descriptor, and the gate that all changes go through.

pub mod contents;
pub mod edit;
pub mod fill;
pub mod filter;
pub mod form;
pub mod gate;
pub mod import;
pub mod input;
pub mod partial;
pub mod past;
pub mod prompt;
pub mod read;
pub mod remove;
pub mod session;
pub mod trail;
pub mod transition;
pub mod whole;
pub mod write;
