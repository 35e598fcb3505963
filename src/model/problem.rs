//! What went wrong, in the words the user reads: one sentence, hints, and a kind that picks the exit code.
//!
//! # Rules for errors
//!
//! - **Words.** What a user can bring about is a [`Problem`]: one sentence that says what is wrong with which record, without a
//!   full stop, and mostly one hint that says what to do, with the command or the flag in it. A hint that leads to the same
//!   refusal is left out. What was undone is said where one could doubt it: "nothing was changed".
//! - **Kind.** [`ErrorKind`] says what kind of thing happened, and by that how the command ends and whether its refusal is
//!   recorded. It is chosen where the problem is made. Who knows better changes it: a key in a filter that is not there is
//!   wrong usage.
//! - **Types.** `model` and what only looks at values return [`Problem`]. `store` returns its own `Error`: a problem, one of
//!   the few things that somebody decides on, or a surprise (a driver, the system, a bug). From `crud` on it is
//!   `anyhow::Error`, into which both turn by `?`, and in which a problem is found by `downcast`.
//! - **Deciding.** By type, variant and kind, never by words. Where the store is called, on its `Error`; of what a verb failed
//!   with, the gate alone: a lock, a right that lacks and a clock in doubt become words there, or a question.
//! - **Context.** Who knows what was being done adds it to a surprise, which `-v` tells down to its first cause. A problem is
//!   told by its own words alone. What the database said of a row it refused stands in [`Problem::rule`], for programs.
//! - **Secrets.** No error holds a secret, nor a value of a field that has one; `Debug` neither.

use std::fmt;

use super::rights::refusal::{Recorded, Refusal};

/// Picks the exit code (DESIGN.md, "Errors").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// 1: the work could not be done (server down, disk full, lock held)
    Failed,
    /// 2: the command line is wrong
    Usage,
    /// 3: no such record
    NotFound,
    /// 4: exists, stale version, limit reached, protected
    Conflict,
    /// 5: not allowed
    Denied,
    /// 6: a value breaks a rule
    Invalid,
    /// 7: done in part (an import with rejects)
    Partial,
    /// 8: integrity broken (audit, checksum, schema)
    Integrity,
    /// 5: what was asked is answered with no; nothing was refused
    No,
    /// 9: it needs the approval of somebody else
    Approval,
    /// 10: changes pending
    Pending,
    /// 130: SIGINT, or Ctrl-C at a prompt
    Interrupted,
    /// 143: SIGTERM, SIGHUP
    Terminated,
    /// 0: the reader of our output went away; nothing is said
    OutputClosed,
}

impl ErrorKind {
    pub fn exit_code(self) -> u8 {
        match self {
            ErrorKind::OutputClosed => 0,
            ErrorKind::Failed => 1,
            ErrorKind::Usage => 2,
            ErrorKind::NotFound => 3,
            ErrorKind::Conflict => 4,
            ErrorKind::Denied | ErrorKind::No => 5,
            ErrorKind::Invalid => 6,
            ErrorKind::Partial => 7,
            ErrorKind::Integrity => 8,
            ErrorKind::Approval => 9,
            ErrorKind::Pending => 10,
            ErrorKind::Interrupted => 130,
            ErrorKind::Terminated => 143,
        }
    }

    /// The word in JSON errors and in reject files.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::OutputClosed => "output_closed",
            ErrorKind::Failed => "failed",
            ErrorKind::Usage => "usage",
            ErrorKind::NotFound => "not_found",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Denied => "denied",
            ErrorKind::Invalid => "invalid",
            ErrorKind::Partial => "partial",
            ErrorKind::Integrity => "integrity",
            ErrorKind::No => "no",
            ErrorKind::Approval => "needs_approval",
            ErrorKind::Pending => "pending",
            ErrorKind::Interrupted => "interrupted",
            ErrorKind::Terminated => "terminated",
        }
    }
}

/// An error that the user is meant to read. Everything else is a bug or a surprise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub kind: ErrorKind,
    pub sentence: String,
    pub hints: Vec<String>,
    /// The field at fault, where there is one: import reports and JSON errors name it.
    pub field: Option<&'static str>,
    /// What the database itself said, where it was the one that found the fault in a row.
    pub rule: Option<String>,
    /// The question that was answered with no, and where that is recorded.
    pub refusal: Option<Box<Refusal>>,
    pub recorded: Option<Box<Recorded>>,
}

impl Problem {
    pub fn new(kind: ErrorKind, sentence: impl Into<String>) -> Problem {
        Problem {
            kind,
            sentence: sentence.into(),
            hints: Vec::new(),
            field: None,
            rule: None,
            refusal: None,
            recorded: None,
        }
    }
    pub fn failed(s: impl Into<String>) -> Problem {
        Problem::new(ErrorKind::Failed, s)
    }
    pub fn usage(s: impl Into<String>) -> Problem {
        Problem::new(ErrorKind::Usage, s)
    }
    pub fn not_found(s: impl Into<String>) -> Problem {
        Problem::new(ErrorKind::NotFound, s)
    }
    pub fn conflict(s: impl Into<String>) -> Problem {
        Problem::new(ErrorKind::Conflict, s)
    }
    pub fn denied(s: impl Into<String>) -> Problem {
        Problem::new(ErrorKind::Denied, s)
    }
    pub fn invalid(s: impl Into<String>) -> Problem {
        Problem::new(ErrorKind::Invalid, s)
    }
    pub fn integrity(s: impl Into<String>) -> Problem {
        Problem::new(ErrorKind::Integrity, s)
    }
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hints.push(hint.into());
        self
    }
    /// Adds a hint if there is one.
    #[must_use]
    pub fn hint_maybe(self, hint: Option<String>) -> Problem {
        match hint {
            Some(h) => self.hint(h),
            None => self,
        }
    }
    /// Several problems told as one, of the kind of the first and with the hints of all.
    pub fn joined(problems: impl IntoIterator<Item = Problem>) -> Option<Problem> {
        problems.into_iter().reduce(|mut all, p| {
            all.sentence = format!("{}; {}", all.sentence, p.sentence);
            let fresh: Vec<String> = p.hints.into_iter().filter(|h| !all.hints.contains(h)).collect();
            all.hints.extend(fresh);
            all
        })
    }
    #[must_use]
    pub fn refusing(mut self, refusal: Refusal) -> Problem {
        self.refusal = Some(Box::new(refusal));
        self
    }
    #[must_use]
    pub fn rule(mut self, rule: impl Into<String>) -> Problem {
        self.rule = Some(rule.into());
        self
    }
    #[must_use]
    pub fn field(mut self, field: &'static str) -> Problem {
        self.field = Some(field);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Problem {}

/// How far a known word is from a mistyped one, where it is near enough to be meant.
///
/// Distance is Damerau-Levenshtein (a transposition counts once); a third of the word may differ.
pub fn distance(word: &str, known: &str) -> Option<usize> {
    let length = word.chars().count();
    let allowed = (length / 3).max(1);
    // What differs more in length differs more in all: most words are passed over so.
    if known.chars().count().abs_diff(length) > allowed {
        return None;
    }
    Some(strsim::damerau_levenshtein(&word.to_lowercase(), &known.to_lowercase())).filter(|d| *d <= allowed)
}

/// The nearest of `known` to a mistyped `word`, if one is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known.into_iter().filter_map(|k| Some((distance(word, k)?, k))).min_by_key(|(d, _)| *d).map(|(_, k)| k)
}

/// An I/O error in lower case, without the number.
pub fn io_message(e: &std::io::Error) -> String {
    let text = e.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
