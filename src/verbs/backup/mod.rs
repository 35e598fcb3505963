//! Backups: archives that are proven to restore, on either engine.

pub mod archive;
pub mod catalogue;
pub mod create;
pub mod diff;
pub mod drill;
pub mod erasures;
pub mod hold;
pub mod loading;
pub mod partial;
pub mod replace;
pub mod replaced_schemas;
pub mod restore;
pub mod restoring;
pub mod retention;
pub mod scratch;
pub mod selection;
pub mod show;
pub mod sidecar;
pub mod status;
pub mod target;
pub mod trust;
pub mod verify;
