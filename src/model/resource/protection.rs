//! Records that the program keeps for itself: who holds the flag of one changes it no more, but for what is left open.

use super::{Attr, Descriptor, Field, Record};
use crate::model::problem::Problem;

/// Which records of a kind are the program's own.
#[derive(Debug, Clone, Copy)]
pub struct Protection {
    /// The flag that says so; nobody sets it but the program.
    pub flag: &'static str,
    /// The columns that people change all the same.
    pub open: &'static [&'static str],
}

impl Descriptor {
    /// Records that have the flag are the program's own, but for some columns.
    pub const fn protected(self, flag: &'static str, open: &'static [&'static str]) -> Descriptor {
        Descriptor { protection: Some(Protection { flag, open }), ..self }
    }

    /// The references by which its records are a part of what another one is ([`Attr::Defines`]), with the kind of that.
    pub fn defining(&'static self) -> impl Iterator<Item = (&'static Field, &'static Descriptor)> {
        let defines = self.fields.iter().filter(|f| f.has(Attr::Defines));
        defines.filter_map(|f| Some((f, f.target().filter(|t| t.protection.is_some())?)))
    }
}

impl Record {
    /// Whether it is the program's own.
    pub fn is_protected(&self) -> bool {
        self.desc.protection.is_some_and(|p| self.is_true(p.flag))
    }

    /// Refuses a change of what is the program's own, and one that would make it so.
    pub fn keeps_protection(&self, after: &Record) -> Result<(), Problem> {
        let Some(protection) = self.desc.protection.filter(|_| self.is_protected() || after.is_protected()) else {
            return Ok(());
        };
        let mut fields = self.desc.fields.iter().zip(self.values.iter().zip(&after.values));
        let is_closed = |f: &Field| !protection.open.contains(&f.column);
        if self.is_live() != after.is_live() {
            return Err(self.is_kept("deleted"));
        }
        match fields.find(|(f, (before, after))| before != after && is_closed(f)) {
            Some((field, _)) => Err(self.is_kept("changed").field(field.name())),
            None => Ok(()),
        }
    }

    /// Why nothing is done to what is the program's own.
    pub fn is_kept(&self, done: &str) -> Problem {
        let (noun, key) = (self.desc.noun, self.key());
        let sentence = format!("{} is the program's own, and can't be {done}", self.title());
        // By a file it is the row that is refused.
        Problem::conflict(&sentence)
            .rule(sentence)
            .hint(format!("make a {noun} of your own beside it: 'orgctl {noun} create --help'; {key} stays as it is"))
    }

    /// Why nothing is done to what is a part of what the program keeps.
    pub fn is_kept_with(&self, whole: &Record) -> Problem {
        let noun = whole.desc.noun;
        let sentence =
            format!("{} is part of {}, which is the program's own and stays as it is", self.title(), whole.title());
        Problem::conflict(&sentence)
            .rule(sentence)
            .hint(format!("make a {noun} of your own beside it: 'orgctl {noun} create --help'"))
    }
}
