//! The audit trail: records, the tree that they are leaves of, and what proves it to others.

pub mod audit;
pub mod correction;
pub mod export;
pub mod lineage;
pub mod merkle;
pub mod note;
pub mod ocsf;
pub mod proof;
pub mod verify;
