//! Numbers of identity papers that stand in a text where none belongs: in a note, a reason, a comment.

use chrono::NaiveDate;
use zeroize::Zeroizing;

use super::business::pan_within;
use super::{Number, NumberKind};

/// More pieces than a number is divided into, by what stands between and by letters beside digits.
const MOST_PIECES: usize = 16;

/// The first number that stands in a text and is that of a paper, by its form and check digits: an Aadhaar number or a PAN, one
/// within a GSTIN too, however it is divided by blanks and hyphens, in digits of whatever script, glued to a word or by itself.
pub fn found_in(text: &str) -> Option<NumberKind> {
    joined(text, |joined| match joined.len() {
        10 => is(NumberKind::Pan, joined),
        12 => is(NumberKind::Aadhaar, joined),
        15 => pan_within(joined).and_then(|pan| is(NumberKind::Pan, pan)),
        _ => None,
    })
}

/// What stands in a text and has the form of a number by which records are found, each once: whether it is somebody's only the
/// index tells.
pub fn candidates(text: &str) -> Vec<Number> {
    let mut all: Vec<Number> = Vec::new();
    let none: Option<()> = joined(text, |joined| {
        for kind in FOUND {
            let read = Number::read(kind, joined, NaiveDate::MAX).ok();
            let new = |number: &Number| all.iter().all(|known| known.expose() != number.expose());
            all.extend(read.filter(new));
        }
        None
    });
    debug_assert!(none.is_none(), "nothing ends it");
    all
}

/// The numbers that records are found by.
const FOUND: [NumberKind; 7] = [
    NumberKind::Aadhaar,
    NumberKind::Pan,
    NumberKind::Account,
    NumberKind::Gstin,
    NumberKind::Cin,
    NumberKind::Llpin,
    NumberKind::Udyam,
];

/// The first that is found in pieces of a text that stand together, joined to one: in capitals and western digits. A piece is of
/// letters or of digits, so that what is glued to a word is seen as well.
fn joined<T>(text: &str, mut find: impl FnMut(&str) -> Option<T>) -> Option<T> {
    let text: Zeroizing<String> = Zeroizing::new(text.chars().map(western).flat_map(char::to_uppercase).collect());
    // What is divided by anything else belongs to something else.
    for part in text.split(|c: char| !c.is_ascii_alphanumeric() && !divides(c)) {
        let words = part.split(divides).filter(|word| !word.is_empty());
        let pieces: Vec<&str> = words.flat_map(pieces).collect();
        for from in 0..pieces.len() {
            let mut joined = Zeroizing::new(String::new());
            for piece in pieces[from..].iter().take(MOST_PIECES) {
                joined.push_str(piece);
                if let Some(found) = find(&joined) {
                    return Some(found);
                }
            }
            if let Some(found) = glued_pan(&pieces[from..]).and_then(|pan| find(&pan)) {
                return Some(found);
            }
        }
    }
    None
}

/// The letters and the digits of a word, each by themselves.
fn pieces(word: &str) -> impl Iterator<Item = &str> {
    word.as_bytes().chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()).map(|piece| {
        // A word is of ASCII letters and digits alone.
        std::str::from_utf8(piece).unwrap_or_default()
    })
}

/// What may be a PAN of which letters run into those of a word: five letters, four digits, a letter.
fn glued_pan(pieces: &[&str]) -> Option<Zeroizing<String>> {
    let [before, digits, behind, ..] = pieces else { return None };
    let letters = before.get(before.len().checked_sub(5)?..)?;
    Some(Zeroizing::new([letters, *digits, behind.get(..1)?].concat()))
}

/// A text in which of each Aadhaar number that stands by itself the last four digits alone are left, however they are divided and in
/// whatever script; none, where there is none.
fn hidden(text: &str) -> Option<Zeroizing<String>> {
    let mut chars: Zeroizing<Vec<char>> = Zeroizing::new(text.chars().collect());
    let digit = |c: &char| western(*c).is_ascii_digit();
    // Digits that stand together, by where they begin and end.
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, _) in chars.iter().enumerate().filter(|(_, c)| digit(c)) {
        match runs.last_mut() {
            Some((_, end)) if *end == at => *end += 1,
            _ => runs.push((at, at + 1)),
        }
    }
    let mut hide: Vec<usize> = Vec::new();
    for from in 0..runs.len() {
        let mut places: Vec<usize> = Vec::with_capacity(DIGITS);
        for (n, (begin, end)) in runs[from..].iter().enumerate() {
            let is_joined = n == 0 || chars[runs[from + n - 1].1..*begin].iter().all(|c| divides(*c));
            if !is_joined || places.len() + (end - begin) > DIGITS {
                break;
            }
            places.extend(*begin..*end);
        }
        let number: Zeroizing<String> = Zeroizing::new(places.iter().map(|at| western(chars[*at])).collect());
        if places.len() == DIGITS && is(NumberKind::Aadhaar, &number).is_some() {
            hide.extend(&places[..DIGITS - SHOWN]);
        }
    }
    if hide.is_empty() {
        return None;
    }
    for at in hide {
        chars[at] = 'X';
    }
    Some(Zeroizing::new(chars.iter().collect()))
}

/// Digits of an Aadhaar number, and those of them that are shown.
const DIGITS: usize = 12;
const SHOWN: usize = 4;

/// A text without Aadhaar numbers, but for the last four digits of each.
pub fn without_aadhaars(text: &str) -> Zeroizing<String> {
    hidden(text).unwrap_or_else(|| Zeroizing::new(text.to_owned()))
}

/// A document of JSON without Aadhaar numbers, but for the last four digits of each: in texts and names of members as they read, not as
/// they are escaped, and a number becomes a text. All else stays byte by byte, for it is evidence.
pub fn json_without_aadhaars(json: &str) -> Zeroizing<String> {
    let mut left = Zeroizing::new(String::with_capacity(json.len()));
    let mut rest = json;
    while let Some(c) = rest.chars().next() {
        let end = match c {
            '"' => 1 + closing(&rest[1..]),
            '-' | '0'..='9' => {
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))).unwrap_or(rest.len())
            }
            c => c.len_utf8(),
        };
        let (token, behind) = rest.split_at(end);
        rest = behind;
        let read = match c {
            '"' => serde_json::from_str::<String>(token).ok().map(Zeroizing::new),
            '-' | '0'..='9' => Some(Zeroizing::new(token.to_owned())),
            _ => None,
        };
        match read.and_then(|read| hidden(&read)) {
            Some(hidden) => left.push_str(&serde_json::Value::from(hidden.as_str()).to_string()),
            None => left.push_str(token),
        }
    }
    left
}

/// Where a text of JSON ends, behind its quote.
fn closing(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !is_escaped => return at + 1,
            b'\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

/// What may stand between the digits of one number: blanks, hyphens, and what is not seen.
fn divides(c: char) -> bool {
    let is_unseen = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    c.is_whitespace() || is_unseen || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

fn is(kind: NumberKind, text: &str) -> Option<NumberKind> {
    Number::read(kind, text, NaiveDate::MIN).is_ok().then_some(kind)
}

/// A digit as it is written in the West; any other character as it is.
fn western(c: char) -> char {
    /// Where the digits of scripts begin (Unicode, decimal digits of India, Arabic ones, and wide ones).
    const ZEROS: [u32; 14] =
        [0x660, 0x6f0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0x1c50, 0xabf0, 0xff10];
    let digit = ZEROS.into_iter().find_map(|zero| (u32::from(c)).checked_sub(zero).filter(|n| *n < 10));
    digit.and_then(|n| char::from_digit(n, 10)).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_aadhaar_number_the_last_four_are_left() {
        for (text, left) in [
            ("2341 2341 2346 and 2341-2341-2346", Some("XXXX XXXX 2346 and XXXX-XXXX-2346")),
            ("issued 2024 2341 2341 2346", Some("issued 2024 XXXX XXXX 2346")),
            ("batch 4567 234123412346", Some("batch 4567 XXXXXXXX2346")),
            ("2341\u{a0}2341  2346", Some("XXXX\u{a0}XXXX  2346")),
            ("२३४१ २३४१ २३४६", Some("XXXX XXXX २३४६")),
            ("uid234123412346_a", Some("uidXXXXXXXX2346_a")),
            ("UTR 234123412347", None),
            ("UTR 2341234123461234", None),
            ("2341.2341.2346", None),
            ("", None),
        ] {
            assert_eq!(hidden(text).as_ref().map(|left| left.as_str()), left, "{text}");
        }
    }

    #[test]
    fn an_answer_is_json_without_aadhaar_numbers() {
        for (text, left) in [
            (r#"{"uid": "234123412346", "n": 1.50e3}"#, r#"{"uid": "XXXXXXXX2346", "n": 1.50e3}"#),
            (r#"{"uid":234123412346,"a":[-1,234123412346]}"#, r#"{"uid":"XXXXXXXX2346","a":[-1,"XXXXXXXX2346"]}"#),
            (r#"{"\u0032341 2341\t2346": null}"#, r#"{"XXXX XXXX\t2346": null}"#),
            (r#"{"a": "\"2341 2341 2346\\"}"#, r#"{"a": "\"XXXX XXXX 2346\\"}"#),
            (r#"{"a": "\u0041 \\", "b": "2024 2341 2341 2346"}"#, r#"{"a": "\u0041 \\", "b": "2024 XXXX XXXX 2346"}"#),
            ("[\"1\", \"2341\", \"2341\", \"2346\"]", "[\"1\", \"2341\", \"2341\", \"2346\"]"),
        ] {
            let masked = json_without_aadhaars(text);
            assert_eq!(*masked, left);
            serde_json::from_str::<serde_json::Value>(&masked).expect("it is JSON still");
        }
    }

    #[test]
    fn what_may_be_an_account_is_told_apart() {
        let found = |text: &str| candidates(text).iter().map(|n| n.expose().to_owned()).collect::<Vec<_>>();
        assert_eq!(found("paid to 0012 3456-789, thanks"), ["00123456789"]);
        assert_eq!(found("card seen, by post"), Vec::<String>::new());
        assert_eq!(found("acct.००१२३४५६७८९"), ["00123456789"]);
        assert_eq!(found("UTR00123456789"), ["00123456789"]);
    }

    /// The numbers are those of FACTS.
    #[test]
    fn numbers_are_found_however_they_are_written() {
        for (text, kind) in [
            ("checked 234123412346 by phone", NumberKind::Aadhaar),
            ("checked 2341 2341 2346.", NumberKind::Aadhaar),
            ("2341-2341-2346", NumberKind::Aadhaar),
            ("no. 7 2341 23412346", NumberKind::Aadhaar),
            ("२३४१ २३४१ २३४६", NumberKind::Aadhaar),
            ("PAN aappv8261k seen", NumberKind::Pan),
            ("(AAPPV 8261 K)", NumberKind::Pan),
            ("27AAPFU0939F1ZV", NumberKind::Pan),
            ("GSTIN27AAPFU0939F1ZV", NumberKind::Pan),
            ("uid234123412346", NumberKind::Aadhaar),
            ("PANaappv8261kseen", NumberKind::Pan),
            ("A-A-P-P-V-8-2-6-1-K", NumberKind::Pan),
        ] {
            assert_eq!(found_in(text), Some(kind), "{text}");
        }
        for text in [
            "",
            "checked 234123412347 by phone",
            "UTR 2341234123461234",
            "call +91 98200 12345",
            "XXXX XXXX 2346",
            "AAPPVXXXXK",
            "12.03.2026, room 4",
            "ORDERS8261",
            "order 8261 K",
        ] {
            assert_eq!(found_in(text), None, "{text}");
        }
    }
}
