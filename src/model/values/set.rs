//! Several values of one type in one field: each once, in their order, so that one set has one spelling.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use super::scalar::{FieldKind, Scalar, Type, at_most};
use super::value::{Value, ValueType};

/// What stands between the members of a list or set, as files and records write it.
pub const SEPARATOR: char = ';';

/// Most characters of a whole set.
const LONGEST: usize = 10_000;

/// The members that a text names; any of these stands between them.
pub fn members(text: &str) -> impl Iterator<Item = &str> {
    text.split([SEPARATOR, ',', '|']).map(str::trim).filter(|m| !m.is_empty())
}

/// Members as one text.
pub fn joined<'a>(members: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for member in members {
        if !text.is_empty() {
            text.push(SEPARATOR);
        }
        text.push_str(member);
    }
    text
}

/// A set of texts of one type. Kept as one text, `a;b`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set<T>(BTreeSet<String>, PhantomData<fn() -> T>);

impl<T> Set<T> {
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<T: Scalar> Scalar for Set<T> {
    const TYPE: Type = Type {
        kind: ValueType::Text,
        required: true,
        role: FieldKind::Set,
        label: T::TYPE.label,
        max: LONGEST,
        form: T::TYPE.form,
        multiline: false,
        parse: |text, context| {
            let mut set = BTreeSet::new();
            for member in members(text) {
                set.insert((T::TYPE.parse)(member, context)?.to_text());
            }
            if set.is_empty() {
                return Err("must name at least one".into());
            }
            let text = joined(set.iter().map(String::as_str));
            at_most(&text, LONGEST)?;
            Ok(text.into())
        },
    };
    fn into_value(self) -> Value {
        joined(self.iter()).into()
    }
    fn from_value(value: &Value) -> Option<Self> {
        value.as_text().map(|text| Set(members(text).map(str::to_owned).collect(), PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::values::permission::PermissionWord;
    use crate::model::values::scalar::ParseContext;

    #[test]
    fn a_set_has_one_spelling() {
        let read = |text: &str| (Set::<PermissionWord>::TYPE.parse)(text, &ParseContext::default());
        for text in ["assets;reports", "reports, assets", " Reports|assets;;reports "] {
            assert_eq!(read(text), Ok("assets;reports".into()), "{text}");
        }
        for text in [";", "assets;2", "a:b"] {
            assert!(read(text).is_err(), "{text}");
        }
        let kept = Set::<PermissionWord>::from_value(&"assets;reports".into());
        assert_eq!(kept.as_ref().map(|set| set.iter().collect::<Vec<_>>()), Some(vec!["assets", "reports"]));
        assert_eq!(kept.map(Scalar::into_value), Some("assets;reports".into()));
    }
}
