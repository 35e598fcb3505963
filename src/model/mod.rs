//! What exists: plain typed structs, scalars and the macros that declare them. No I/O, no async, no clock.

pub mod audit;
pub mod backup;
pub mod branch;
pub mod chance;
pub mod correction;
pub mod dates;
pub mod dept;
pub mod export;
pub mod fold;
pub mod lineage;
pub mod merkle;
pub mod note;
pub mod ocsf;
pub mod org;
pub mod password;
pub mod problem;
pub mod proof;
pub mod redact;
pub mod resource;
pub mod scalar;
pub mod search;
pub mod sequence;
pub mod setting;
pub mod strict;
pub mod token;
pub mod user;
pub mod value;
pub mod verify;
pub mod zone;

use resource::{Descriptor, Resource};

/// Every resource, in the order of help and of dependencies: a resource stands behind what it points at.
pub const RESOURCES: &[&Descriptor] =
    &[org::Org::DESCRIPTOR, branch::Branch::DESCRIPTOR, dept::Dept::DESCRIPTOR, user::User::DESCRIPTOR];

/// The resource of a noun.
pub fn resource(noun: &str) -> Option<&'static Descriptor> {
    RESOURCES.iter().copied().find(|d| d.noun == noun)
}

/// Every field of any resource that points at `target`: what protects it from deletion.
pub fn pointing_at(target: &Descriptor) -> Vec<(&'static Descriptor, &'static resource::Field)> {
    let fields = RESOURCES.iter().flat_map(|d| d.fields.iter().map(|f| (*d, f)));
    fields.filter(|(_, f)| f.target() == Some(target.noun)).collect()
}
