//! What exists: plain typed structs, scalars and the macros that declare them. No I/O, no async, no clock.
//!
//! | room | what is in it |
//! | --- | --- |
//! | [`kinds`] | the kinds of record, a file for each, and the list of them |
//! | [`resource`] | what a kind can say of itself: fields, attributes, lifetimes of references, states, status, verbs |
//! | [`rights`] | what a decision goes by: permissions, roles, and what is known of somebody |
//! | [`values`] | untyped values, and the types that parse them |
//! | [`trail`] | audit records, their tree, and what proves it to others |
//! | [`sealing`] | keys, and what is sealed by them |
//! | [`password`] | hashing, policy, and the hashes of other software |

pub mod backup;
pub mod clock;
pub mod code_generator;
pub mod identity;
pub mod kinds;
pub mod operator;
pub mod partial;
pub mod password;
pub mod problem;
pub mod random;
pub mod redact;
pub mod resource;
pub mod rights;
pub mod scope;
pub mod sealing;
pub mod search;
pub mod seed;
pub mod setting;
pub mod signals;
pub mod strict_json;
pub mod token;
pub mod trail;
pub mod values;
