//! The words of permissions: a resource and an action, both open (DOMAIN.md, section 0: `[a-z][a-z0-9_]*`).

use super::scalar::{FieldKind, Form, Invalid, ParseContext, Scalar, Type, at_most, truncate};
use super::value::{Value, ValueType};

/// Most characters of a resource or an action.
const LONGEST: usize = 50;

/// Stands for all resources, or for all actions.
pub const ALL: &str = "*";

/// One word, in small letters however it is typed.
fn word(text: &str) -> Result<String, Invalid> {
    let word = text.trim().to_ascii_lowercase();
    if word.contains(ALL) {
        return Err(format!("must be one word, not '{}': '*' names none by itself", truncate(&word)));
    }
    let mut chars = word.chars();
    let is_word = chars.next().is_some_and(|c| c.is_ascii_lowercase())
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    match is_word {
        true => Ok(word),
        false => Err(format!("must be a word of the letters a-z, digits and '_', not '{}'", truncate(text.trim()))),
    }
}

/// One word, or the star alone.
fn word_or_all(text: &str) -> Result<String, Invalid> {
    match text.trim() {
        ALL => Ok(ALL.to_owned()),
        part if part.contains(ALL) => {
            Err(format!("must be one word or '*' alone, not '{}': '*' within a word means nothing", truncate(part)))
        }
        other => word(other),
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $label:literal, $parse:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Scalar for $name {
            const TYPE: Type = Type {
                kind: ValueType::Text,
                required: true,
                role: FieldKind::Plain,
                label: $label,
                max: LONGEST,
                form: Form::Exact,
                multiline: false,
                parse: |text, _: &ParseContext| {
                    let parse: fn(&str) -> Result<String, Invalid> = $parse;
                    let word = parse(text)?;
                    at_most(&word, LONGEST)?;
                    Ok(word.into())
                },
            };
            fn into_value(self) -> Value {
                self.0.into()
            }
            fn from_value(value: &Value) -> Option<Self> {
                value.as_text().map(|text| $name(text.to_owned()))
            }
        }
    };
}

words! {
    /// A resource or an action by its name.
    PermissionWord, "WORD", word
}

words! {
    /// A resource or an action by its name, or all of them.
    PermissionPattern, "WORD|*", word_or_all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<T: Scalar>(text: &str) -> Result<Value, Invalid> {
        (T::TYPE.parse)(text, &ParseContext::default())
    }

    #[test]
    fn words_are_read() {
        for (text, kept) in [("assets", "assets"), (" Assets ", "assets"), ("a1_b", "a1_b"), ("x", "x")] {
            assert_eq!(read::<PermissionWord>(text), Ok(kept.into()), "{text}");
            assert_eq!(read::<PermissionPattern>(text), Ok(kept.into()), "{text}");
        }
        assert_eq!(read::<PermissionPattern>(" * "), Ok("*".into()));
        let long = "a".repeat(51);
        for text in ["", "1a", "_a", "a b", "a-b", "a:b", "é", "ａ", long.as_str(), "a*", "**", "*a"] {
            assert!(read::<PermissionWord>(text).is_err(), "{text}");
            assert!(read::<PermissionPattern>(text).is_err(), "{text}");
        }
        assert!(read::<PermissionWord>("*").is_err());
        let why = read::<PermissionPattern>("user*").err().unwrap_or_default();
        assert!(why.contains("'*' within a word"), "{why}");
    }

    proptest! {
        /// What was read once is kept as it is.
        #[test]
        fn a_word_is_kept(text in "\\PC{0,60}") {
            if let Ok(kept) = read::<PermissionPattern>(&text) {
                prop_assert_eq!(read::<PermissionPattern>(&kept.to_text()), Ok(kept));
            }
        }
    }
}
