//! Whole databases: dumped, rebuilt, compared, and put in the place of another.

pub mod catalogue;
pub mod compare;
pub mod dump;
pub mod dump_lines;
pub mod hashed;
pub mod partial;
pub mod rebuild;
pub mod scratch;
pub mod swap;
pub mod swap_postgres;
pub mod swap_sqlite;
