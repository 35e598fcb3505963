//! Backups: archives that are proven to restore, on either engine.

pub mod archive;
pub mod beside;
pub mod catalogue;
pub mod choice;
pub mod create;
pub mod diff;
pub mod drill;
pub mod erased;
pub mod hold;
pub mod olds;
pub mod only;
pub mod place;
pub mod replace;
pub mod restore;
pub mod retention;
pub mod scratch;
pub mod show;
pub mod status;
pub mod verify;
