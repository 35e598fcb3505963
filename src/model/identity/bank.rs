//! Numbers of banks, and of places.

use zeroize::Zeroizing;

use super::{Fault, Number, NumberKind};

/// Of the Reserve Bank of India.
const CODES: &str = include_str!("bank_codes.txt");

/// The day of the list, in what is said of a code that it has not.
const UNKNOWN_BANK: &str = "its bank is unknown in the list of 2026-05-27";

/// The banks whose branches have codes: the first four letters, and a name where the list has one.
fn banks() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = CODES.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').unwrap_or((line, "")))
}

/// Four letters of a bank, a zero, six letters or digits of a branch (Reserve Bank of India, NEFT). Codes come and go: of one
/// that the list has not it is said so, and no more.
pub(super) fn ifsc(text: Zeroizing<String>) -> Result<Number, Fault> {
    let (bank, rest) = text.split_at_checked(4).unwrap_or_default();
    if text.len() != 11 || !bank.bytes().all(|c| c.is_ascii_uppercase()) {
        return Err(Fault("must have four letters, a zero and six letters or digits"));
    }
    match rest.chars().next() {
        Some('0') => {}
        Some('O') => return Err(Fault("has the letter O in its fifth place, where a zero belongs")),
        _ => return Err(Fault("has no zero in its fifth place")),
    }
    let known = banks().find(|(code, _)| *code == bank);
    let notes = if known.is_none() { vec![UNKNOWN_BANK] } else { Vec::new() };
    let tells = known.map(|(_, name)| name).filter(|name| !name.is_empty());
    Ok(Number { notes, tells, ..Number::plain(NumberKind::Ifsc, text) })
}

/// 9 to 18 digits, as banks of India have them; zeros at the front count.
pub(super) fn account(text: Zeroizing<String>) -> Result<Number, Fault> {
    if text.starts_with("XXXX") {
        return Err(Fault("is masked: the whole number is needed"));
    }
    if !text.bytes().all(|c| c.is_ascii_digit()) || !(9..=18).contains(&text.len()) {
        return Err(Fault("must have 9 to 18 digits"));
    }
    match text.bytes().all(|c| c == b'0') {
        true => Err(Fault("is all zeros")),
        false => Ok(Number::plain(NumberKind::Account, text)),
    }
}

/// Six digits, the first no zero (India Post).
pub(super) fn pin(text: Zeroizing<String>) -> Result<Number, Fault> {
    match text.len() == 6 && text.bytes().all(|c| c.is_ascii_digit()) && !text.starts_with('0') {
        true => Ok(Number::plain(NumberKind::Pin, text)),
        false => Err(Fault("must have six digits, of which the first is no zero")),
    }
}
