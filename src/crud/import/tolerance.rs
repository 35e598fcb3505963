//! What a file may hold that is no value: words for nothing, optional values that can't be read, phone numbers that are
//! only possible, and texts that another program has damaged. What of it was met is counted for the report.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::Result;

use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Field};
use crate::model::values::scalar::truncate;
use crate::model::values::unseen::is_blank;
use crate::model::values::value::Value;

/// Counts while the file is read for the first time.
#[derive(Default)]
pub struct Tolerance {
    /// Fields of which a value that can't be read is left blank, and how many were.
    blanked: Vec<(&'static Field, AtomicU64)>,
    /// Words that mean nothing or nobody, in lower case.
    none: Vec<String>,
    doubtful: AtomicU64,
    lost: AtomicU64,
    is_counted: AtomicBool,
}

fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

impl Tolerance {
    pub fn new(desc: &'static Descriptor, on_invalid: &[String], none: &[String]) -> Tolerance {
        let fields = on_invalid.iter().filter_map(|name| desc.field(name));
        Tolerance {
            blanked: fields.map(|f| (f, AtomicU64::new(0))).collect(),
            none: none.iter().map(|word| folded(word)).collect(),
            ..Tolerance::default()
        }
    }

    /// Whether a cell says that there is none: only of what need not be given.
    pub fn is_none(&self, field: &Field, text: &str) -> bool {
        !field.must_be_given() && self.is_none_word(text)
    }

    /// Whether a text is one of the words that mean none.
    pub fn is_none_word(&self, text: &str) -> bool {
        !self.none.is_empty() && self.none.contains(&folded(text))
    }

    /// Whether a value that can't be read is left blank; it then counts.
    pub fn blanks(&self, field: &Field) -> bool {
        self.count(&[field]);
        self.may_blank(field)
    }

    /// Whether nothing is left blank.
    pub fn is_strict(&self) -> bool {
        self.blanked.is_empty()
    }

    pub fn may_blank(&self, field: &Field) -> bool {
        self.blanked.iter().any(|(f, _)| f.column == field.column)
    }

    /// Counts what was left blank.
    pub fn count(&self, fields: &[&Field]) {
        let is_left = |f: &Field| fields.iter().any(|left| left.column == f.column);
        if !self.is_counted.load(Ordering::Relaxed) {
            self.blanked.iter().filter(|(f, _)| is_left(f)).for_each(|(_, n)| {
                n.fetch_add(1, Ordering::Relaxed);
            });
        }
    }

    pub fn look_at(&self, field: &Field, value: &Value) {
        if self.is_counted.load(Ordering::Relaxed) {
            return;
        }
        if field.ty.is_doubtful(value) {
            self.doubtful.fetch_add(1, Ordering::Relaxed);
        }
        if value.as_text().is_some_and(|text| text.contains('\u{fffd}')) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many values of each field were left blank, how many phone numbers are only possible, and how many texts lost
    /// characters before they came into the file. What comes after is not counted again.
    pub fn counts(&self) -> (Vec<(&'static str, u64)>, u64, u64) {
        self.is_counted.store(true, Ordering::Relaxed);
        let blanked = self.blanked.iter().map(|(f, n)| (f.name(), n.load(Ordering::Relaxed)));
        (blanked.collect(), self.doubtful.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed))
    }
}

/// The fields of `--on-invalid FIELD=blank`.
pub fn blanked_fields(desc: &'static Descriptor, given: &[String]) -> Result<Vec<String>> {
    let mut fields = Vec::new();
    for text in given {
        let wrong = |why: String| Problem::usage(format!("--on-invalid {}: {why}", truncate(text)));
        let Some((name, "blank")) = text.split_once('=').map(|(n, what)| (n.trim(), what.trim())) else {
            return Err(wrong("write FIELD=blank".into()).into());
        };
        let is_optional = |f: &Field| !f.ty.required && !f.is_needed_for(desc);
        let known: Vec<&str> =
            desc.fields.iter().filter(|f| is_optional(f) && f.target().is_none()).map(Field::name).collect();
        let hint = format!("fields that can be left blank: {}", known.join(", "));
        let field =
            desc.field(name).ok_or_else(|| wrong(format!("{} has no such field", desc.indefinite())).hint(&hint))?;
        if !is_optional(field) {
            return Err(wrong("it can't be left blank".into()).hint(hint).into());
        }
        if field.target().is_some() {
            return Err(wrong("it refers to a record, whose key any text may be".into()).hint(hint).into());
        }
        fields.push(field.name().to_owned());
    }
    Ok(fields)
}

/// The words of `--none WORD`.
pub fn none_words(words: &[String]) -> Result<Vec<String>> {
    match words.iter().any(|w| is_blank(w)) {
        true => Err(Problem::usage("--none '' names no word").hint("an empty cell means none without it").into()),
        false => Ok(words.to_vec()),
    }
}
