//! The keys of what is sealed: the master key, and all that it wraps.

use std::io;
use std::path::Path;

use crate::model::problem::{Problem, io_message};

pub mod export;
pub mod import;
pub mod init;
pub mod reencrypt;
pub mod rotate;
pub mod status;
pub mod wrapped;

/// How the records of what is done to keys call it.
pub const KIND: &str = "key";

/// What is said of a file that can't be read.
pub fn unread(path: &Path, e: &io::Error) -> Problem {
    Problem::failed(format!("can't read {}: {}", path.display(), io_message(e)))
}
