//! The decision: may this actor do this. A pure function over loaded facts; the gate asks it before every verb.

use crate::model::problem::Problem;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An account of the operating system that can open the database: whoever holds the database holds the data
    /// (DESIGN.md, "Trust").
    LocalOperator,
}

/// May the subject do what the permission names (`branches:update`)?
pub fn decide(subject: &Subject, permission: &str) -> Result<(), Problem> {
    match subject {
        Subject::LocalOperator if permission.contains(':') => Ok(()),
        Subject::LocalOperator => Err(Problem::denied(format!("'{permission}' names no permission"))),
    }
}
