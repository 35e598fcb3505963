//! Whose the records of a kind are: an organisation's, or the installation's.

use super::Descriptor;

/// Where records of a kind live. What belongs to the installation belongs to the reserved organisation SYSTEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenancy {
    /// Each in an organisation.
    Org,
    /// All in SYSTEM.
    System,
    /// In an organisation or in SYSTEM, as `--org` says. Nothing points at such records: a reference never crosses
    /// organisations, so it would find them in one of the two alone.
    Either,
}

impl Descriptor {
    /// Whether its records may belong to the installation.
    pub fn may_be_in_system(&self) -> bool {
        self.tenancy != Tenancy::Org
    }
    /// Whether all of them do.
    pub fn is_of_the_installation(&self) -> bool {
        self.tenancy == Tenancy::System
    }
}
