//! Numbers of identity papers that stand in a text where none belongs: in a note, a reason, a comment.

use std::sync::LazyLock;

use chrono::NaiveDate;
use regex::{Captures, Regex};
use zeroize::Zeroizing;

use super::business::pan_within;
use super::{Number, NumberKind};

/// More words than a number is divided into.
const MOST_WORDS: usize = 8;

/// The first number that stands in a text and is that of a paper, by its form and check digits: an Aadhaar number or a PAN, one
/// within a GSTIN too, however it is divided by blanks and hyphens, in digits of whatever script.
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

/// The first that is found in words of a text that stand together, joined to one: in capitals and western digits.
fn joined<T>(text: &str, mut find: impl FnMut(&str) -> Option<T>) -> Option<T> {
    let text: Zeroizing<String> = Zeroizing::new(text.chars().map(western).flat_map(char::to_uppercase).collect());
    let divides = |c: char| c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}');
    // What is divided by anything else belongs to something else.
    for part in text.split(|c: char| !c.is_ascii_alphanumeric() && !divides(c)) {
        let words: Vec<&str> = part.split(divides).filter(|word| !word.is_empty()).collect();
        for from in 0..words.len() {
            let mut joined = Zeroizing::new(String::new());
            for word in words[from..].iter().take(MOST_WORDS) {
                joined.push_str(word);
                if let Some(found) = find(&joined) {
                    return Some(found);
                }
            }
        }
    }
    None
}

/// Four digits three times, with a blank or a hyphen between them or not.
#[allow(clippy::expect_used, reason = "a pattern of the program, which a test reads")]
static AADHAAR: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("[2-9][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}").expect("a pattern"));

/// A text in which of each Aadhaar number the last four digits alone are left.
pub fn without_aadhaars(text: &str) -> Zeroizing<String> {
    let masked = AADHAAR.replace_all(text, |found: &Captures<'_>| {
        let number = &found[0];
        if is(NumberKind::Aadhaar, number).is_none() {
            return number.to_owned();
        }
        let last = number.len() - 4;
        let hide = |(at, c): (usize, char)| if at < last && c.is_ascii_digit() { 'X' } else { c };
        number.chars().enumerate().map(hide).collect()
    });
    Zeroizing::new(masked.into_owned())
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
            (r#"{"uid": "234123412346", "n": 1}"#, r#"{"uid": "XXXXXXXX2346", "n": 1}"#),
            ("2341 2341 2346 and 2341-2341-2346", "XXXX XXXX 2346 and XXXX-XXXX-2346"),
            ("UTR 234123412347", "UTR 234123412347"),
        ] {
            assert_eq!(*without_aadhaars(text), left);
        }
    }

    #[test]
    fn what_may_be_an_account_is_told_apart() {
        let found = |text: &str| candidates(text).iter().map(|n| n.expose().to_owned()).collect::<Vec<_>>();
        assert_eq!(found("paid to 0012 3456-789, thanks"), ["00123456789"]);
        assert_eq!(found("card seen, by post"), Vec::<String>::new());
        assert_eq!(found("acct.००१२३४५६७८९"), ["00123456789"]);
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
        ] {
            assert_eq!(found_in(text), None, "{text}");
        }
    }
}
