//! What names a record of a kind: one or more of its fields, which no two live records share. A part may be a reference;
//! then it is told, and read, by the key of what it refers to. In words the parts stand behind each other with `:` between.

use super::lifetime::Lifetime;
use super::{Descriptor, Field};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::Value;

/// Stands between the parts of a key in words.
pub const BETWEEN: char = ':';

/// Most ways in which one text is read as one key, and most pieces of it that are looked at for that. A text with more of
/// them is nobody's key.
const READINGS: usize = 500;
const PIECES: usize = 20_000;

/// More characters than one part of a key has: an e-mail address has 254 bytes at most, a name 200 characters.
pub const LONGEST_PART: usize = 300;

/// How far it is followed what the parts of a key are told by.
const DEEPEST: usize = 4;

/// More characters than any key of a kind has: of each part as many as one has, or as a key has of what it refers to.
pub fn longest(desc: &Descriptor) -> usize {
    longest_at(desc, 0)
}

fn longest_at(desc: &Descriptor, depth: usize) -> usize {
    let part = |field: &'static Field| match field.target().filter(|_| depth < DEEPEST) {
        Some(target) => longest_at(target, depth + 1),
        None => LONGEST_PART,
    };
    let of_key = |key: Key| key.parts().map(|f| part(f) + BETWEEN.len_utf8()).sum::<usize>().saturating_sub(1);
    desc.all_keys().map(of_key).max().unwrap_or_default().max(LONGEST_PART)
}

/// One key of a kind.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    fields: &'static [Field],
    names: &'static [&'static str],
}

/// What a piece of a text may be as one part of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// What the row holds; NULL of a part that is left out.
    Value(Value),
    /// A key, or an id, of a record of this kind.
    Of(&'static Descriptor, String),
}

impl Key {
    pub fn new(fields: &'static [Field], names: &'static [&'static str]) -> Key {
        Key { fields, names }
    }

    /// Its fields, in their order. A kind that has no key is named by ids alone: then there are none.
    pub fn parts(&self) -> impl Iterator<Item = &'static Field> + use<> {
        let fields = self.fields;
        self.names.iter().filter_map(move |name| fields.iter().find(|f| f.name() == *name))
    }

    /// The field that is all of it, and no reference: its text is the key.
    pub fn alone(&self) -> Option<&'static Field> {
        match self.names {
            [_] => self.parts().next().filter(|f| f.target().is_none()),
            _ => None,
        }
    }

    /// The field that is all of it, a reference or not: its column is the key's.
    pub fn only(&self) -> Option<&'static Field> {
        if self.names.len() == 1 { self.parts().next() } else { None }
    }

    /// Those of its parts that refer to others.
    pub fn references(&self) -> impl Iterator<Item = (&'static Field, &'static Descriptor)> + use<> {
        self.parts().filter_map(|f| Some((f, f.target()?)))
    }

    pub fn has(&self, field: &Field) -> bool {
        self.parts().any(|f| f.column == field.column)
    }

    /// `code`, `ticket:number`: as it is asked for and told of.
    pub fn name(&self) -> String {
        self.names.join(&BETWEEN.to_string())
    }

    /// Whether a name is the key's own, as a person writes it.
    pub fn is_named(&self, name: &str) -> bool {
        name.split(BETWEEN).map(str::trim).eq(self.names.iter().copied())
    }

    /// All that a text may mean as this key. A text of one part is read as it stands; of several, each way of splitting it is
    /// tried. Parts at the end that may be empty may be left out.
    pub fn readings(&self, text: &str, context: &ParseContext) -> Vec<Vec<Part>> {
        let parts: Vec<&'static Field> = self.parts().collect();
        let mut found = Vec::new();
        match parts.as_slice() {
            [] => {}
            [only] => found.extend(part(only, text, context).map(|part| vec![part])),
            several => Splitting { context, read: Vec::new(), looked_at: 0, found: &mut found }.split(several, text),
        }
        found
    }
}

/// What is wrong with the keys that a kind declares.
pub fn faults(desc: &'static Descriptor) -> Vec<String> {
    let noun = desc.noun;
    let mut faults = Vec::new();
    if desc.keys.is_empty() && desc.is_recorded() {
        faults.push(format!("{noun} has no key: nothing could name its records to people"));
    }
    for key in desc.all_keys() {
        if key.parts().count() != key.names.len() {
            faults.push(format!("{noun} has not all fields of its key {}", key.name()));
        }
        let outlives = key.references().filter(|(field, _)| field.lifetime() == Lifetime::Keep);
        faults.extend(
            outlives.map(|(f, _)| format!("{noun}.{} is part of a key, and may outlive what it tells", f.column)),
        );
    }
    if tells_of_itself(desc, desc.noun, &mut Vec::new()) {
        faults.push(format!("the key of {noun} tells of itself"));
    }
    faults
}

/// Whether what the natural key of a kind refers to is called, in the end, by a record of the kind `of`.
fn tells_of_itself(desc: &'static Descriptor, of: &str, seen: &mut Vec<&'static str>) -> bool {
    seen.push(desc.noun);
    desc.key()
        .references()
        .any(|(_, target)| target.noun == of || (!seen.contains(&target.noun) && tells_of_itself(target, of, seen)))
}

/// A text that is split in each way that there is.
struct Splitting<'a> {
    context: &'a ParseContext,
    /// The parts before the one that is looked for.
    read: Vec<Part>,
    looked_at: usize,
    found: &'a mut Vec<Vec<Part>>,
}

impl Splitting<'_> {
    /// Reads the first of some parts from a text, and the others from what is left of it.
    fn split(&mut self, fields: &[&'static Field], text: &str) {
        let Some((field, rest)) = fields.split_first() else { return };
        if rest.iter().all(|f| !f.ty.required)
            && let Some(last) = self.part(field, text)
        {
            let nothing = rest.iter().map(|f| Part::Value(Value::Null(f.ty.kind)));
            self.found.push(self.read.iter().cloned().chain([last]).chain(nothing).collect());
        }
        if rest.is_empty() {
            return;
        }
        for (at, _) in text.match_indices(BETWEEN) {
            if let Some(first) = self.part(field, &text[..at]) {
                self.read.push(first);
                self.split(rest, &text[at + BETWEEN.len_utf8()..]);
                self.read.pop();
            }
        }
    }

    fn part(&mut self, field: &'static Field, text: &str) -> Option<Part> {
        self.looked_at += 1;
        if self.looked_at > PIECES || self.found.len() >= READINGS { None } else { part(field, text, self.context) }
    }
}

/// What a text is as one part; none where it can't be that.
fn part(field: &'static Field, text: &str, context: &ParseContext) -> Option<Part> {
    let value = field.parse(text, context).ok()?;
    match (field.target(), value) {
        (_, null) if null.is_null() => (!field.ty.required).then_some(Part::Value(null)),
        (Some(target), value) => Some(Part::Of(target, value.to_text())),
        (None, value) => Some(Part::Value(value)),
    }
}

/// Parts in words as one: what is empty at the end is left out.
pub fn joined(parts: &[String]) -> String {
    let given = parts.iter().rposition(|p| !p.is_empty()).map_or(0, |last| last + 1);
    parts[..given].join(&BETWEEN.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds::user::User;
    use crate::model::values::scalar::{Code, Count, Line, Ref, Scalar, Type};

    const fn field(column: &'static str, ty: Type) -> Field {
        Field { column, folded: "", help: "", ty, attrs: &[] }
    }

    const FIELDS: &[Field] = &[
        field("user_id", <Ref<User> as Scalar>::TYPE),
        field("number", Count::TYPE),
        field("place", <Option<Line<50>> as Scalar>::TYPE),
        field("code", Code::<8>::TYPE),
    ];

    fn read(names: &'static [&'static str], text: &str) -> Vec<String> {
        let told = |part: &Part| match part {
            Part::Value(value) => value.to_text(),
            Part::Of(desc, text) => format!("{}({text})", desc.noun),
        };
        let all = Key::new(FIELDS, names).readings(text, &ParseContext::default());
        all.iter().map(|parts| parts.iter().map(told).collect::<Vec<_>>().join(" | ")).collect()
    }

    #[test]
    fn a_text_is_split_in_each_way() {
        assert_eq!(read(&["user", "number"], "T-1:7"), ["user(T-1) | 7"]);
        assert_eq!(read(&["user", "number"], "a:b:7"), ["user(a:b) | 7"]);
        assert_eq!(read(&["user", "code"], "a:b"), ["user(a) | B"]);
        assert_eq!(read(&["user", "place"], "a:b:c"), ["user(a:b:c) | ", "user(a) | b:c", "user(a:b) | c"]);
        assert_eq!(read(&["user", "place"], "a:"), ["user(a:) | ", "user(a) | "]);
        // One of one part is read as it stands.
        assert_eq!(read(&["user"], "a:b"), ["user(a:b)"]);
        assert_eq!(read(&["place"], "a:b"), ["a:b"]);
        for text in ["", "7", "T-1", "T-1:", ":7", "T-1:x", "T-1:7:x"] {
            assert_eq!(read(&["user", "number"], text), Vec::<String>::new(), "{text}");
        }
    }

    crate::resource! {
        /// Something wrong
        pub struct Ring "ring" in "rings" keys(&[&["parent"], &["user", "nothing"]]) {
            /// Another
            parent_id: Option<Ref<Ring>>,
            /// Somebody
            user_id: Option<Ref<User>> [Keep],
        }
    }
    impl crate::model::resource::Check for Ring {}

    #[test]
    fn a_key_that_can_t_be_told_is_a_fault() {
        use crate::model::resource::Resource as _;
        assert_eq!(faults(User::DESCRIPTOR), Vec::<String>::new());
        let wrong = [
            "ring has not all fields of its key user:nothing",
            "ring.user_id is part of a key, and may outlive what it tells",
            "the key of ring tells of itself",
        ];
        assert_eq!(faults(Ring::DESCRIPTOR), wrong);
    }

    #[test]
    fn a_text_of_many_parts_costs_little() {
        let text = "a:".repeat(149) + "a";
        assert!(read(&["user", "place", "place"], &text).len() <= READINGS);
        assert_eq!(read(&["user", "place", "place", "number"], &text), Vec::<String>::new());
    }

    #[test]
    fn each_part_may_be_as_long_as_one_is() {
        use crate::model::kinds::consultant_specialty::ConsultantSpecialty;
        use crate::model::resource::Resource as _;
        assert_eq!(longest(User::DESCRIPTOR), LONGEST_PART);
        assert_eq!(longest(ConsultantSpecialty::DESCRIPTOR), 2 * LONGEST_PART + 1);
        // What tells of itself has an end too.
        assert!(longest(Ring::DESCRIPTOR) < 20 * LONGEST_PART);
    }

    #[test]
    fn what_is_empty_at_the_end_is_not_told() {
        let of = |parts: &[&str]| joined(&parts.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>());
        assert_eq!([of(&["a", "b"]), of(&["a", ""]), of(&["a", "", "c"]), of(&["a"])], ["a:b", "a", "a::c", "a"]);
    }
}
