//! The numbers that papers of identity carry: what form each has, what it tells of itself, and how much of it may be shown.
//!
//! A number is personal. What is wrong with one ([`Fault`]) and what is odd about it are words of the program alone, so that
//! no error, log or trail can hold a piece of it; a number prints as `***`, and is wiped when it is let go.

pub mod bank;
pub mod business;
pub mod fernet;
pub mod name_match;
pub mod person;
mod verhoeff;
pub mod within;

use std::fmt;

use chrono::NaiveDate;
use zeroize::Zeroizing;

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberKind {
    /// Of a resident of India
    Aadhaar,
    /// Virtual ID, which stands for an Aadhaar number for a time
    Vid,
    /// Permanent account number of the income tax
    Pan,
    /// Goods and services tax identification number
    Gstin,
    /// Corporate identification number
    Cin,
    /// Of a limited liability partnership
    Llpin,
    /// Registration of a micro, small or medium enterprise
    Udyam,
    /// Number of a bank account
    Account,
    /// Code of a bank's branch
    Ifsc,
    /// Postal index number
    Pin,
}

impl NumberKind {
    pub const ALL: [NumberKind; 10] = [
        NumberKind::Aadhaar,
        NumberKind::Vid,
        NumberKind::Pan,
        NumberKind::Gstin,
        NumberKind::Cin,
        NumberKind::Llpin,
        NumberKind::Udyam,
        NumberKind::Account,
        NumberKind::Ifsc,
        NumberKind::Pin,
    ];

    /// As a flag has them.
    pub const WORDS: [&str; 10] = ["aadhaar", "vid", "pan", "gstin", "cin", "llpin", "udyam", "account", "ifsc", "pin"];

    pub fn parse(word: &str) -> Option<NumberKind> {
        Self::WORDS.iter().zip(Self::ALL).find(|(known, _)| **known == word).map(|(_, kind)| kind)
    }

    /// As a sentence has it.
    pub fn label(self) -> &'static str {
        match self {
            NumberKind::Aadhaar => "Aadhaar number",
            NumberKind::Vid => "virtual ID",
            NumberKind::Pan => "PAN",
            NumberKind::Gstin => "GSTIN",
            NumberKind::Cin => "CIN",
            NumberKind::Llpin => "LLPIN",
            NumberKind::Udyam => "Udyam registration number",
            NumberKind::Account => "account number",
            NumberKind::Ifsc => "IFSC",
            NumberKind::Pin => "PIN code",
        }
    }
}

/// What is wrong with a number, as a sentence goes on after its name. Never a piece of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault(pub &'static str);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A number of the right form, as it is kept: without blanks, in capital letters.
#[derive(Clone, PartialEq, Eq)]
pub struct Number {
    kind: NumberKind,
    text: Zeroizing<String>,
    /// What is odd about it, and no fault.
    notes: Vec<&'static str>,
    /// What it tells: the kind of holder, the bank.
    tells: Option<&'static str>,
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}(***)", self.kind)
    }
}

impl Number {
    /// Reads a number as people write it: with blanks and hyphens, in small letters.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(kind: NumberKind, text: &str, today: NaiveDate) -> Result<Number, Fault> {
        let text = typed(text)?;
        match kind {
            NumberKind::Aadhaar => person::aadhaar(text),
            NumberKind::Vid => person::vid(text),
            NumberKind::Pan => person::pan(text),
            NumberKind::Gstin => business::gstin(text),
            NumberKind::Cin => business::cin(text, today),
            NumberKind::Llpin => business::llpin(text),
            NumberKind::Udyam => business::udyam(text),
            NumberKind::Account => bank::account(text),
            NumberKind::Ifsc => bank::ifsc(text),
            NumberKind::Pin => bank::pin(text),
        }
    }

    fn plain(kind: NumberKind, text: Zeroizing<String>) -> Number {
        Number { kind, text, notes: Vec::new(), tells: None }
    }

    pub fn kind(&self) -> NumberKind {
        self.kind
    }

    /// The number itself: for sealing, indexing and comparing, never for a message.
    pub fn expose(&self) -> &str {
        &self.text
    }

    pub fn notes(&self) -> &[&'static str] {
        &self.notes
    }

    /// What is odd about it beside the name of its holder, and no fault either.
    pub fn notes_beside(&self, name: &str) -> Vec<&'static str> {
        let initial = match self.kind {
            NumberKind::Pan => person::initial_beside(&self.text, name),
            _ => None,
        };
        self.notes.iter().copied().chain(initial).collect()
    }

    /// What it tells of itself, which is no secret: the kind of holder, the class, the bank.
    pub fn tells(&self) -> Option<&'static str> {
        self.tells
    }

    /// As much of it as may be shown: of an Aadhaar number the last four digits (Aadhaar Act, redaction as MeitY and UIDAI
    /// ask), of a PAN its letters.
    pub fn masked(&self) -> String {
        let text = self.text.as_str();
        let hidden = |from: usize, to: usize| {
            let mask =
                |(at, c): (usize, char)| if (from..to).contains(&at) && c.is_ascii_alphanumeric() { 'X' } else { c };
            text.chars().enumerate().map(mask).collect::<String>()
        };
        let but_last_four = || hidden(0, text.len().saturating_sub(4));
        match self.kind {
            NumberKind::Aadhaar | NumberKind::Vid => in_fours(&but_last_four()),
            NumberKind::Pan => hidden(5, 9),
            NumberKind::Gstin => hidden(7, 11),
            NumberKind::Cin | NumberKind::Llpin | NumberKind::Udyam | NumberKind::Account => but_last_four(),
            NumberKind::Ifsc | NumberKind::Pin => text.to_owned(),
        }
    }
}

/// `XXXX XXXX 2346`
fn in_fours(text: &str) -> String {
    let fours: Vec<&str> = (0..text.len()).step_by(4).filter_map(|at| text.get(at..(at + 4).min(text.len()))).collect();
    fours.join(" ")
}

/// What somebody typed, without what only divides it; what no number is, is told at once.
fn typed(text: &str) -> Result<Zeroizing<String>, Fault> {
    let divides = |c: &char| c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}');
    let mut kept = Zeroizing::new(String::with_capacity(text.len()));
    kept.extend(text.chars().filter(|c| !divides(c)).map(|c| c.to_ascii_uppercase()));
    if kept.is_empty() {
        return Err(Fault("is empty"));
    }
    if is_rounded(text) {
        return Err(Fault(
            "was made a quantity by a spreadsheet, which rounds it: its column must be text before it is filled",
        ));
    }
    if kept.chars().any(|c| c.is_numeric() && !c.is_ascii()) {
        return Err(Fault("has digits that are not 0 to 9: it must be typed in those"));
    }
    match kept.chars().all(|c| c.is_ascii_alphanumeric()) {
        true => Ok(kept),
        false => Err(Fault("has characters that are neither letters nor digits")),
    }
}

/// `9.87E+11`, `987654321012.0`
fn is_rounded(text: &str) -> bool {
    let text = text.trim();
    text.contains(['.', ',']) && text.parse::<f64>().is_ok() || {
        let (quantity, exponent) = text.split_once(['E', 'e']).unwrap_or((text, ""));
        exponent.starts_with('+') && quantity.replace(',', ".").parse::<f64>().is_ok()
    }
}

#[cfg(test)]
mod tests;
