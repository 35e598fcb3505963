//! What is sealed and wrapped is bound to.

use crate::model::problem::Problem;

/// The version of all layouts: their first byte.
pub(super) const VERSION: u8 = 1;

/// Associated data: each part with its length before it.
#[derive(Default)]
pub(super) struct Bound(pub(super) Vec<u8>);

impl Bound {
    pub(super) fn part(mut self, bytes: &[u8]) -> Bound {
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }
}

/// What is said of bytes that don't open: what they were is told to nobody.
pub(super) fn damaged(what: &str) -> Problem {
    Problem::integrity(format!("{what} does not open: it was changed, moved from elsewhere, or sealed by another key"))
}
