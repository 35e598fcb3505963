//! Words as search knows them: folded (case, marks, width) here, so that both engines find the same.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::resource::{Attr, Record};
use super::values::fold::{is_invisible, lower};

/// Most words of a record that are kept, and most characters of a word: hostile text makes no hostile index.
const WORDS: usize = 200;
const LENGTH: usize = 64;

/// Marks a word that is spelled from its end, so that the last digits of a phone number are a beginning too.
const BACKWARDS: char = 'z';

/// The words of a text: split where no letter and no digit is, compatibility forms and case folded, and marks of
/// Latin, Greek and Cyrillic letters dropped. In other scripts a mark is part of the word.
pub fn words(text: &str) -> Vec<String> {
    if text.is_ascii() {
        // Nothing to fold but case.
        let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
        return words.map(|w| w[..w.len().min(LENGTH)].to_ascii_lowercase()).collect();
    }
    let mut words = vec![String::new()];
    let mut plain = false;
    for c in text.nfkd().filter(|c| !is_invisible(*c)).map(lower) {
        if c == '\u{df}' {
            plain = true;
            if let Some(word) = words.last_mut() {
                word.push_str("ss");
            }
        } else if is_combining_mark(c) {
            if !plain && let Some(word) = words.last_mut() {
                word.push(c);
            }
        } else if c.is_alphanumeric() {
            plain = (c as u32) < 0x530;
            if let Some(word) = words.last_mut() {
                word.push(c);
            }
        } else if words.last().is_some_and(|w| !w.is_empty()) {
            words.push(String::new());
        }
    }
    words.retain(|w| !w.is_empty());
    for word in &mut words {
        *word = word.nfc().take(LENGTH).collect();
    }
    words
}

fn backwards(digits: &str) -> String {
    std::iter::once(BACKWARDS).chain(digits.chars().rev()).collect()
}

/// What a record is found by: the words of its search fields, without repetition. Numbers of seven digits and more are
/// found by their end too.
pub fn words_of(record: &Record) -> String {
    let fields = record.desc.fields.iter().zip(&record.values).filter(|(f, _)| f.has(Attr::Search));
    of_texts(fields.map(|(_, value)| value.to_text()))
}

/// What a record is found by, of the texts of its search fields.
pub fn of_texts(texts: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut found: Vec<String> = Vec::new();
    for text in texts {
        for word in words(text.as_ref()) {
            let number = word.len() >= 7 && word.bytes().all(|b| b.is_ascii_digit());
            let both = [number.then(|| backwards(&word)), Some(word)];
            found.extend(both.into_iter().flatten());
        }
    }
    found.sort();
    found.dedup();
    found.truncate(WORDS);
    found.join(" ")
}

/// One word of a question: any of these beginnings will do.
pub fn beginnings(text: &str) -> Vec<Vec<String>> {
    let beginnings = |word: String| match word.len() >= 3 && word.bytes().all(|b| b.is_ascii_digit()) {
        true => vec![backwards(&word), word],
        false => vec![word],
    };
    words(text).into_iter().map(beginnings).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_folded() {
        assert_eq!(words("José  Ｌｉ, Café-Road (2nd)"), ["jose", "li", "cafe", "road", "2nd"]);
        assert_eq!(words("ÅNGSTRÖM ﬁne Ёлка"), ["angstrom", "fine", "елка"]);
        // A vowel sign of Devanagari is a mark, and part of the word.
        assert_eq!(words("पुणे शाखा"), ["पुणे", "शाखा"]);
        assert!(words(" -- \u{0301} ").iter().all(|w| !w.contains(' ')));
        assert_eq!(beginnings("raj 6701"), [vec!["raj".to_owned()], vec!["z1076".into(), "6701".into()]]);
    }
}
