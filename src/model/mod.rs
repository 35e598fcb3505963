//! What exists: plain typed structs, scalars and the macros that declare them. No I/O, no async, no clock.

pub mod backup;
pub mod clock;
pub mod code_generator;
pub mod kinds;
pub mod password;
pub mod problem;
pub mod random;
pub mod redact;
pub mod resource;
pub mod search;
pub mod setting;
pub mod strict_json;
pub mod token;
pub mod trail;
pub mod values;
