//! What one resource can do that others can't. One verb, one function.

pub mod audit;
pub mod branch;
pub mod database;
pub mod org;
pub mod setting;
