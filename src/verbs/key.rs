//! The keys of what is sealed: the master key, and all that it wraps.

pub mod export;
pub mod import;
pub mod init;
pub mod reencrypt;
pub mod rotate;
pub mod status;

/// How the records of what is done to keys call it.
pub const KIND: &str = "key";
