//! The word that a record's state derives to (DOMAIN.md, section 0). A kind declares once which words there are and what
//! makes a record one of them; here it is asked of a record, in `store::records::status_sql` of rows.

use chrono::{DateTime, Utc};

use super::{Descriptor, Field, IS_ACTIVE, Record};
use crate::model::values::value::Value;

/// What the status of a deleted record is, whatever its kind.
pub const DELETED: &str = "deleted";

/// Something that holds of a record or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// A flag says yes, and has not ended ([`Mark::Until`](super::Attr::Until)).
    Yes(&'static str),
    /// A flag says no.
    No(&'static str),
    /// A field has no value.
    Missing(&'static str),
    /// It has one.
    Given(&'static str),
    /// It has a time that has come.
    Passed(&'static str),
    /// It has a time that is yet to come.
    Ahead(&'static str),
    /// It has a time that is not after the record was made: it came so.
    FromTheStart(&'static str),
}

impl Test {
    /// The column that it asks.
    pub const fn column(self) -> &'static str {
        match self {
            Test::Yes(column)
            | Test::No(column)
            | Test::Missing(column)
            | Test::Given(column)
            | Test::Passed(column)
            | Test::Ahead(column)
            | Test::FromTheStart(column) => column,
        }
    }
}

/// A word that a status can be.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    pub word: &'static str,
    /// What must hold, all of it. Of several words the first holds that can.
    pub when: &'static [Test],
    /// Few records are in this state: they are looked for by an index of their own, and not in the order of a list.
    pub is_rare: bool,
    /// Who is in this state has no access to what the organisation has.
    pub is_out: bool,
}

impl Word {
    pub const fn of(word: &'static str, when: &'static [Test]) -> Word {
        Word { word, when, is_rare: false, is_out: false }
    }
    /// What holds of all others.
    pub const fn otherwise(word: &'static str) -> Word {
        Word::of(word, &[])
    }
    pub const fn rare(self) -> Word {
        Word { is_rare: true, ..self }
    }
    pub const fn out(self) -> Word {
        Word { is_out: true, ..self }
    }
}

/// Of kinds that say nothing else: whether it is in use.
pub const USE: &[Word] = &[Word::of("inactive", &[Test::No(IS_ACTIVE)]).out(), Word::otherwise("active")];

/// Names the declared words of a status, that of what is deleted last.
pub fn words(desc: &Descriptor) -> Vec<&'static str> {
    if let Some((_, states)) = desc.states {
        return states.states.iter().map(|s| s.word).chain([DELETED]).collect();
    }
    let declared = desc.status_words();
    let (others, first): (Vec<&Word>, Vec<&Word>) = declared.iter().partition(|w| !w.when.is_empty());
    first.into_iter().chain(others).map(|w| w.word).chain([DELETED]).collect()
}

/// The columns that tell a kind's status.
pub fn columns(desc: &Descriptor) -> Vec<&'static str> {
    if let Some((column, _)) = desc.states {
        return vec![column];
    }
    let tests = desc.status_words().iter().flat_map(|w| w.when);
    let asked = tests.flat_map(|t| [Some(t.column()), desc.field(t.column()).and_then(Field::ends)]).flatten();
    let mut columns: Vec<&'static str> = asked.collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// Whether a status asks more of a record than its fields hold: when it was made.
pub fn tells_more(desc: &Descriptor) -> bool {
    desc.status_words().iter().flat_map(|w| w.when).any(|t| matches!(t, Test::FromTheStart(_)))
}

impl Record {
    /// What its state derives to, as `store::records::status_sql` says it in SQL; nothing where the kind has none.
    pub fn status(&self, at: DateTime<Utc>) -> &'static str {
        if !self.meta.is_live() {
            return DELETED;
        }
        match self.desc.states {
            Some((column, states)) => {
                states.states.iter().find(|s| self.get(column).as_text() == Some(s.word)).map_or("", |s| s.word)
            }
            None => self.word(at).map_or("", |w| w.word),
        }
    }

    fn word(&self, at: DateTime<Utc>) -> Option<&'static Word> {
        self.desc.status_words().iter().find(|w| w.when.iter().all(|test| self.passes(*test, at)))
    }

    /// Whether it is there and has access to what the organisation has.
    pub fn has_access(&self, at: DateTime<Utc>) -> bool {
        self.is_live() && self.word(at).is_none_or(|w| !w.is_out)
    }

    fn passes(&self, test: Test, at: DateTime<Utc>) -> bool {
        match test {
            Test::Yes(column) => self.holds(column, at),
            Test::No(column) => !self.is_true(column),
            Test::Missing(column) => self.get(column).is_null(),
            Test::Given(column) => !self.get(column).is_null(),
            Test::Passed(column) => self.get(column).as_time().is_some_and(|t| t <= at),
            Test::Ahead(column) => self.get(column).as_time().is_some_and(|t| t > at),
            Test::FromTheStart(column) => self.get(column).as_time().is_some_and(|t| t <= self.meta.created_at),
        }
    }

    /// Whether a flag says yes at a time: one that ends by itself does so no more from its end on.
    pub fn holds(&self, flag: &str, at: DateTime<Utc>) -> bool {
        let end = self.desc.field(flag).and_then(Field::ends).and_then(|end| self.get(end).as_time());
        self.is_true(flag) && end.is_none_or(|end| end > at)
    }

    /// Whether a flag that can end by itself says yes without an end.
    pub fn holds_for_good(&self) -> bool {
        let endless = |f: &&Field| f.ends().is_some_and(|end| self.is_true(f.column) && self.get(end).is_null());
        self.desc.fields.iter().any(|f| endless(&f))
    }

    /// What people call it, where it has a name.
    pub fn name(&self) -> String {
        self.find(super::NAME).map(Value::to_text).unwrap_or_default()
    }
}
