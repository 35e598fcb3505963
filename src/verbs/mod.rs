//! What one resource can do that others can't. One verb, one function.

pub mod audit;
pub mod backup;
pub mod branch;
pub mod consent;
pub mod database;
pub mod db_copy;
pub mod dept;
pub mod diff;
pub mod doctor;
pub mod key;
pub mod kyc;
pub mod org;
pub mod password;
pub mod repair;
pub mod revert;
pub mod role;
pub mod setting;
pub mod stats;
pub mod tree;
pub mod user;
