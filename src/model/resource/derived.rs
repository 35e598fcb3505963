//! Columns that are never stored: what the records within a record come to.

use super::{Descriptor, Field};
use crate::model::values::scalar::FieldKind;
use crate::model::values::value::ValueType;

/// A column that is told, filtered and sorted by, and set by nothing.
#[derive(Debug, Clone, Copy)]
pub struct Derived {
    pub name: &'static str,
    pub help: &'static str,
    /// The kind whose live records it is made of, and its reference to what they are within.
    pub of: fn() -> &'static Descriptor,
    pub by: &'static str,
    pub what: What,
    /// Those of them alone that have one of these words in these fields.
    pub only: &'static [(&'static str, &'static [&'static str])],
    /// Not in a table's default columns.
    pub is_hidden: bool,
}

impl Derived {
    /// One of all live records of the kind, which a table shows.
    pub const fn new(
        name: &'static str,
        help: &'static str,
        (of, by): (fn() -> &'static Descriptor, &'static str),
        what: What,
    ) -> Derived {
        Derived { name, help, of, by, what, only: &[], is_hidden: false }
    }

    /// One that `show` and machine formats have, and a table does not.
    #[must_use]
    pub const fn hidden(self) -> Derived {
        Derived { is_hidden: true, ..self }
    }

    /// Of those alone that have one of some words in some fields; `show` and machine formats have it.
    #[must_use]
    pub const fn only(self, only: &'static [(&'static str, &'static [&'static str])]) -> Derived {
        Derived { only, is_hidden: true, ..self }
    }
}

/// What is made of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// How many there are.
    Count,
    /// The sum of a field of whole numbers; none are nought.
    Sum(&'static str),
    /// Whether there are so many.
    AtLeast(u32),
    /// The greatest value of a field, the latest of a time; nothing where there are none.
    Latest(&'static str),
    /// A field of texts, each in the order of another field, with `; ` between them; nothing where there are none.
    Words(&'static str, &'static str),
}

impl Derived {
    /// What it holds, and whether it may be nothing.
    pub fn kind(&self) -> (ValueType, bool) {
        match self.what {
            What::Count | What::Sum(_) => (ValueType::Int, false),
            What::AtLeast(_) => (ValueType::Bool, false),
            What::Words(..) => (ValueType::Text, true),
            What::Latest(column) => ((self.of)().field(column).map_or(ValueType::Text, |f| f.ty.kind), true),
        }
    }

    /// What is wrong with its declaration by a kind.
    fn fault(&self, desc: &Descriptor) -> Option<String> {
        let of = (self.of)();
        let wrong = |why: &str| Some(format!("{}.{}: {why}", desc.noun, self.name));
        if desc.field(self.name).is_some() || desc.lists.iter().any(|list| list.name == self.name) {
            return wrong("it is called like a field");
        }
        let by = of.field(self.by);
        if by.and_then(Field::target) != Some(desc) || by.is_some_and(|f| !f.has(super::Attr::Within)) {
            return wrong("it is not made of what is within the record");
        }
        if !of.is_recorded() {
            return wrong("of what is not recorded nobody could tell what it was");
        }
        let known = match self.what {
            What::Count | What::AtLeast(_) => true,
            What::Sum(column) => of.field(column).is_some_and(|f| f.ty.kind == ValueType::Int),
            What::Latest(column) => of.index(column).is_some(),
            What::Words(column, by) => [column, by].into_iter().all(|column| of.index(column).is_some()),
        };
        let are_words = |column: &str, words: &[&str]| {
            let choices = of.field(column).map(|f| f.ty.role);
            matches!(choices, Some(FieldKind::Choice(all)) if words.iter().all(|word| all.contains(word)))
        };
        let known = known && self.only.iter().all(|(column, words)| are_words(column, words));
        if known { None } else { wrong("there is no such field to make it of") }
    }
}

/// What is wrong with the derived columns that a kind declares.
pub fn faults(desc: &Descriptor) -> Vec<String> {
    desc.derived.iter().filter_map(|d| d.fault(desc)).collect()
}
