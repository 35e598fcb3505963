//! What is the same to a person: case, width, ligatures and invisible characters make no difference, and in names and codes
//! neither do the marks of Latin, Greek and Cyrillic letters (DOMAIN.md, "Sameness"). One function for search, filters and keys.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Marks that stand on letters of several scripts; those of one other script are part of its words.
const MARKS: [std::ops::RangeInclusive<char>; 4] =
    ['\u{300}'..='\u{36f}', '\u{1ab0}'..='\u{1aff}', '\u{1dc0}'..='\u{1dff}', '\u{fe20}'..='\u{fe2f}'];

/// Characters that show nothing themselves.
const INVISIBLE: [std::ops::RangeInclusive<char>; 8] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{180b}'..='\u{180e}',
    '\u{200b}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{2060}'..='\u{2064}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
];

pub fn is_invisible(c: char) -> bool {
    INVISIBLE.iter().any(|r| r.contains(&c))
}

pub fn is_mark(c: char) -> bool {
    MARKS.iter().any(|r| r.contains(&c))
}

/// A letter without case, where that is one letter.
pub fn lower(c: char) -> char {
    let mut all = c.to_lowercase();
    match (all.next(), all.next()) {
        // The sigma at a word's end is a sigma.
        (Some('\u{3c2}'), None) => '\u{3c3}',
        (Some(l), None) => l,
        _ => c,
    }
}

/// A text as it is compared: with marks, as of names to sign in with, or without, as of names and codes.
pub fn folded(text: &str, without_marks: bool) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(text.len());
    for c in text.nfkd().filter(|c| !(is_invisible(*c) || without_marks && is_mark(*c))) {
        match lower(c) {
            '\u{df}' => folded.push_str("ss"),
            c => folded.push(c),
        }
    }
    folded
}

/// A text as keys of its kind are compared: as it is [`folded`], runs of blanks as one, in the shortest form. Never nothing:
/// of what folds to nothing the text itself.
pub fn key(text: &str, without_marks: bool) -> String {
    if text.is_ascii() && !text.contains("  ") {
        return text.to_ascii_lowercase();
    }
    let folded: String = folded(text, without_marks).nfkc().collect();
    let words: Vec<&str> = folded.split_whitespace().collect();
    if words.is_empty() { text.to_owned() } else { words.join(" ") }
}

/// What [`folded`] does to single characters of a text in normalisation form KD, as two lists: each character of the first
/// becomes the one at its place in the second, and goes where there is none. For a database that has no such function.
pub fn table(without_marks: bool) -> (String, String) {
    let (mut from, mut to) = (String::new(), String::new());
    let single = |c: &char| std::iter::once(*c).nfkd().eq(std::iter::once(*c));
    let all = ('\u{80}'..='\u{1ffff}').filter(|c| single(c) && lower(*c) != *c);
    for c in all.chain('A'..='Z') {
        from.push(c);
        to.push(lower(c));
    }
    from.extend(INVISIBLE.iter().cloned().flatten());
    if without_marks {
        from.extend(MARKS.iter().cloned().flatten().filter(|c| is_combining_mark(*c)));
    }
    (from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_the_same_is_the_same() {
        for (a, b) in [
            ("José", "JOSE"),
            ("José", "jose\u{301}"),
            ("ＦＩＮＡＮＣＥ", "finance"),
            ("Oﬃce", "office"),
            ("Straße", "STRASSE"),
            ("ΟΔΟΣ", "οδος"),
            ("Ёлка", "елка"),
            ("As\u{ad}ha\u{200b}", "asha"),
            ("İstanbul", "istanbul"),
        ] {
            assert_eq!(folded(a, true), folded(b, true), "{a} {b}");
        }
        // A vowel sign of Devanagari is part of the word; marks of names to sign in with count.
        assert_ne!(folded("पुणे", true), folded("पण", true));
        assert_ne!(folded("josé", false), folded("jose", false));
        assert_eq!(folded("JOSÉ", false), folded("josé", false));
    }

    #[test]
    fn the_lists_say_what_the_function_does() {
        for without_marks in [true, false] {
            let (from, to) = table(without_marks);
            let to: Vec<char> = to.chars().collect();
            for (i, c) in from.chars().enumerate() {
                let made = to.get(i).map_or(String::new(), char::to_string).replace('\u{df}', "ss");
                assert_eq!(folded(&format!("\u{915}{c}"), without_marks), format!("\u{915}{made}"), "{c:?}");
            }
        }
    }
}
