//! What the functions of the store fail with. The rules for errors stand at the head of [`crate::model::problem`].

use std::error::Error as StdError;
use std::fmt;

use crate::model::problem::Problem;

/// What a function of the store gives, or why not.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something could not be done. What is to be decided on has a variant of its own, and nobody looks into the others.
#[derive(Debug)]
pub enum Error {
    /// In words for the user.
    Problem(Box<Problem>),
    /// SQLITE_BUSY: another connection holds the write lock. A transaction begins again until its time is up.
    Busy,
    /// SQLSTATE 55P03: a lock was not to be had in time. Who waited may know who holds it.
    LockTimeout,
    /// SQLSTATE 42501: the user of the database lacks a right. What helps depends on the command.
    NoRight(Box<str>),
    /// The clock is far from what was recorded last, or from the server's: a question, to be answered before anything is
    /// written.
    ClockInDoubt(Box<str>),
    /// What surprised us: a driver, the system, a bug; with what was being done. `-v` tells all of it.
    Driver(anyhow::Error),
}

impl Error {
    /// What a driver or the system says, and what was being done.
    pub fn driver(error: impl StdError + Send + Sync + 'static, doing: &'static str) -> Error {
        Error::Driver(anyhow::Error::new(error).context(doing))
    }

    /// What can't happen.
    pub fn bug(what: impl Into<String>) -> Error {
        Error::Driver(anyhow::Error::msg(what.into()))
    }

    /// Says what was being done. What has words of its own, or is decided on, is told by these.
    #[must_use]
    pub fn context(self, doing: impl Into<String>) -> Error {
        match self {
            Error::Driver(error) => Error::Driver(error.context(doing.into())),
            decided => decided,
        }
    }

    /// The words for the user, where it has any.
    pub fn problem(self) -> Result<Problem> {
        match self {
            Error::Problem(problem) => Ok(*problem),
            other => Err(other),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Problem(problem) => problem.fmt(f),
            Error::Busy => f.write_str("the database is busy"),
            Error::LockTimeout => f.write_str("a lock was not to be had in time"),
            Error::NoRight(what) => write!(f, "the database user lacks a right: {what}"),
            Error::ClockInDoubt(question) => f.write_str(question),
            Error::Driver(error) => error.fmt(f),
        }
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Error {
        Error::Problem(Box::new(problem))
    }
}

/// An [`Error`] that is neither a problem nor a surprise, on its way through functions that know of no others.
#[derive(Debug)]
struct Undecided(Error);

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Undecided {}

/// Above the store a problem is found by its type. (So [`Error`] itself is none of `std`'s: each would be wrapped.)
impl From<Error> for anyhow::Error {
    fn from(error: Error) -> anyhow::Error {
        match error {
            Error::Problem(problem) => anyhow::Error::new(*problem),
            Error::Driver(error) => error,
            undecided => anyhow::Error::new(Undecided(undecided)),
        }
    }
}

/// The way back: of what a caller's function failed with, and of what is to be decided on at last.
impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Error {
        let decided = error.downcast::<Problem>().map(Error::from);
        let decided = decided.or_else(|error| error.downcast::<Undecided>().map(|undecided| undecided.0));
        decided.unwrap_or_else(Error::Driver)
    }
}

macro_rules! surprises {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Error {
                Error::Driver(anyhow::Error::new(error))
            }
        }
    )*};
}
surprises! {
    sqlx::Error,
    rusqlite::Error,
    std::io::Error,
    std::num::TryFromIntError,
    std::num::ParseIntError,
    std::array::TryFromSliceError,
    serde_json::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Through functions that know nothing of it, and back: nothing is lost, and a problem is found by its type.
    #[test]
    fn what_is_decided_on_passes_functions_that_know_of_no_others() {
        let problem = Problem::conflict("it is there").hint("look");
        let passed = anyhow::Error::from(Error::from(problem.clone())).context("while it was made");
        assert_eq!(passed.downcast_ref::<Problem>(), Some(&problem));
        assert_eq!(Error::from(passed).problem().ok(), Some(problem));
        let passed = anyhow::Error::from(Error::ClockInDoubt("is it?".into())).context("while it began");
        assert!(matches!(Error::from(passed), Error::ClockInDoubt(question) if &*question == "is it?"));
        assert!(matches!(Error::from(anyhow::Error::from(Error::Busy)), Error::Busy));
        assert!(matches!(Error::from(anyhow::Error::from(Error::LockTimeout)), Error::LockTimeout));
        let passed = anyhow::Error::from(Error::NoRight("to write".into()));
        assert_eq!(passed.to_string(), "the database user lacks a right: to write");
        assert!(matches!(Error::from(passed), Error::NoRight(what) if &*what == "to write"));
    }

    #[test]
    fn a_surprise_tells_what_was_being_done() {
        let error = Error::driver(std::io::Error::other("the disk"), "it was read").context("the schema was made");
        let told: Vec<String> = anyhow::Error::from(error).chain().map(ToString::to_string).collect();
        assert_eq!(told, ["the schema was made", "it was read", "the disk"]);
        let error = Error::from(Problem::failed("no room")).context("the schema was made");
        assert_eq!(error.to_string(), "no room");
    }
}
