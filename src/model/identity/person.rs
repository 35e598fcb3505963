//! Numbers of people: Aadhaar, virtual ID, PAN.

use std::sync::LazyLock;

use regex::Regex;
use zeroize::Zeroizing;

use super::verhoeff;
use super::{Fault, Number, NumberKind};

const MASKED: Fault = Fault("is masked: the whole number is needed");
const CHECK: Fault = Fault("fails its check digit: a digit is wrong, or two are swapped");

fn is_of_digits(text: &str, many: usize) -> bool {
    text.len() == many && text.bytes().all(|c| c.is_ascii_digit())
}

fn begins_well(text: &str) -> bool {
    !text.starts_with(['0', '1'])
}

/// 12 digits, the first 2 to 9, the last a check digit, and no palindrome (UIDAI, "A UID Numbering Scheme", 2010).
pub(super) fn aadhaar(text: Zeroizing<String>) -> Result<Number, Fault> {
    if is_of_digits(&text, 16) && begins_well(&text) && verhoeff::is_right(&text) {
        return Err(Fault("is a virtual ID: the Aadhaar number has 12 digits"));
    }
    if text.len() == 12 && text.starts_with('X') {
        return Err(MASKED);
    }
    if !is_of_digits(&text, 12) {
        return Err(Fault("must have 12 digits"));
    }
    if !begins_well(&text) {
        return Err(Fault("begins with 0 or 1, as no Aadhaar number does"));
    }
    if text.bytes().eq(text.bytes().rev()) {
        return Err(Fault("reads the same backwards, as no Aadhaar number does"));
    }
    match verhoeff::is_right(&text) {
        true => Ok(Number::plain(NumberKind::Aadhaar, text)),
        false => Err(CHECK),
    }
}

/// 16 digits, the first 2 to 9, the last a check digit. It is only for a time, and nobody may keep it (UIDAI, FAQ on VID).
pub(super) fn vid(text: Zeroizing<String>) -> Result<Number, Fault> {
    if !is_of_digits(&text, 16) {
        return Err(Fault("must have 16 digits"));
    }
    if !begins_well(&text) {
        return Err(Fault("begins with 0 or 1, as no virtual ID does"));
    }
    match verhoeff::is_right(&text) {
        true => Ok(Number { notes: vec!["must not be kept"], ..Number::plain(NumberKind::Vid, text) }),
        false => Err(CHECK),
    }
}

#[allow(clippy::expect_used, reason = "a pattern of the program, which a test reads")]
static PAN: LazyLock<Regex> = LazyLock::new(|| Regex::new("^[A-Z]{5}[0-9]{4}[A-Z]$").expect("a pattern"));

/// Whom a PAN is of, by its fourth letter (Income Tax Department, "Know your PAN").
const HOLDERS: [(char, &str); 11] = [
    ('P', "person"),
    ('C', "company"),
    ('H', "Hindu undivided family"),
    ('F', "firm or LLP"),
    ('A', "association of persons"),
    ('B', "body of individuals"),
    ('T', "trust"),
    ('L', "local authority"),
    ('J', "artificial juridical person"),
    ('G', "government"),
    ('K', "trust (Krish)"),
];

/// The kind of holder of a PAN, or why it is none.
pub(super) fn holder(pan: &str) -> Result<&'static str, Fault> {
    if !PAN.is_match(pan) {
        return Err(Fault("must have five letters, four digits and a letter"));
    }
    if pan.get(5..9) == Some("0000") {
        return Err(Fault("has the serial number 0000, as no PAN has"));
    }
    let holder = HOLDERS.into_iter().find(|(letter, _)| pan.chars().nth(3) == Some(*letter));
    Ok(holder.ok_or(Fault("has a fourth letter that stands for no kind of holder"))?.1)
}

/// Five letters, four digits, a letter; how the last is made is not published.
pub(super) fn pan(text: Zeroizing<String>) -> Result<Number, Fault> {
    if text.len() == 10 && text.get(5..9) == Some("XXXX") {
        return Err(MASKED);
    }
    let tells = holder(&text)?;
    let old = text.chars().nth(3) == Some('K');
    let notes = old.then_some("the kind of its holder is one of older lists").into_iter().collect();
    Ok(Number { notes, tells: Some(tells), ..Number::plain(NumberKind::Pan, text) })
}

/// What is odd about a PAN beside the name of its holder: its fifth letter is the first of the last name of a person, and of the name
/// of anybody else (Income Tax Department, "Know your PAN"). Whoever has one name, or another one since, has another letter: it is
/// no fault.
pub(super) fn initial_beside(pan: &str, name: &str) -> Option<&'static str> {
    let mut letters = pan.chars().skip(3);
    let (holder, initial) = (letters.next()?, letters.next()?);
    let mut words = name.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    let word = if holder == 'P' { words.next_back() } else { words.next() }?;
    let begins = word.chars().next()?.to_uppercase().next()?;
    (begins.is_ascii() && begins != initial).then_some("its fifth letter is not the initial of the name")
}
