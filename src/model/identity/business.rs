//! Numbers that businesses are registered by: GSTIN, CIN, LLPIN, Udyam.

use std::sync::LazyLock;

use chrono::{Datelike as _, NaiveDate};
use regex::Regex;
use zeroize::Zeroizing;

use super::person::holder;
use super::{Fault, Number, NumberKind};

/// The classes of GSTINs, each with its form; the first that fits counts (india-compliance, `gst_india/constants`, and Odoo,
/// `base_vat`; both after the rules of the GST network). The letters and digits that they take beside `Z` in the fourteenth place
/// of a taxpayer's are given to nobody, and python-stdnum takes none of them.
const CLASSES: [(&str, &str, bool); 7] = [
    ("government department", "^[0-9]{2}[A-Z]{4}[0-9]{5}[A-Z][0-9]Z[0-9]$", false),
    ("non-resident", "^[0-9]{4}[A-Z]{3}[0-9]{5}NR[0-9A-Z]$", false),
    ("online services from abroad", "^99[0-9]{2}[A-Z]{3}[0-9]{5}OS[0-9A-Z]$", false),
    ("United Nations body or embassy", "^[0-9]{4}[A-Z]{3}[0-9]{5}[UO]N[0-9A-Z]$", false),
    ("collector of tax", "^[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]C[0-9A-Z]$", true),
    ("deductor of tax", "^[0-9]{2}[A-Z]{4}[A-Z0-9][0-9]{4}[A-Z][1-9A-Z][DK][0-9A-Z]$", false),
    ("taxpayer", "^[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]Z[0-9A-Z]$", true),
];

fn pattern(text: &str) -> Regex {
    #[allow(clippy::expect_used, reason = "patterns of the program, which a test reads")]
    Regex::new(text).expect("a pattern")
}

/// A class by its word, its form, and whether a PAN stands within.
type Class = (&'static str, Regex, bool);

static GSTIN: LazyLock<Vec<Class>> =
    LazyLock::new(|| CLASSES.iter().map(|(class, form, has_pan)| (*class, pattern(form), *has_pan)).collect());

/// The PAN that a GSTIN has within it; none in those of other classes.
pub fn pan_within(gstin: &str) -> Option<&str> {
    let (_, _, has_pan) = GSTIN.iter().find(|(_, form, _)| form.is_match(gstin))?;
    gstin.get(2..12).filter(|_| *has_pan)
}

/// Luhn's check over the 36 letters and digits (GST network, "GSTIN format").
fn check_letter(body: &str) -> Option<char> {
    let sum = body.chars().zip([1, 2].into_iter().cycle()).try_fold(0, |sum, (c, weight)| {
        let product = c.to_digit(36)? * weight;
        Some(sum + product / 36 + product % 36)
    })?;
    char::from_digit((36 - sum % 36) % 36, 36).map(|c| c.to_ascii_uppercase())
}

/// The states and territories that GSTINs begin with: 25 and 28 are given no more.
fn state_of(text: &str) -> Result<Option<&'static str>, Fault> {
    match text.get(..2).and_then(|state| state.parse().ok()) {
        Some(25 | 28) => Ok(Some("its state code is given no more")),
        Some(1..=38 | 97 | 99) => Ok(None),
        _ => Err(Fault("begins with a state code that there is not")),
    }
}

/// State, PAN, count of registrations, class, check character.
pub(super) fn gstin(text: Zeroizing<String>) -> Result<Number, Fault> {
    if text.len() == 15 && text.get(7..11) == Some("XXXX") {
        return Err(Fault("is masked: the whole number is needed"));
    }
    let class = GSTIN.iter().find(|(_, form, _)| form.is_match(&text));
    let (class, _, has_pan) =
        class.ok_or(Fault("has not the form of a GSTIN: 15 letters and digits, as 27AAAAA0000A1Z5"))?;
    let notes = state_of(&text)?.into_iter().collect();
    if *has_pan {
        holder(text.get(2..12).unwrap_or_default()).map_err(|_| Fault("has no PAN within it where one belongs"))?;
    }
    let (body, last) = text.split_at(14);
    if check_letter(body) != last.chars().next() {
        return Err(Fault("fails its check character: a character is wrong"));
    }
    Ok(Number { notes, tells: Some(*class), ..Number::plain(NumberKind::Gstin, text) })
}

static CIN: LazyLock<Regex> = LazyLock::new(|| pattern("^[LU][0-9]{5}[A-Z]{2}[0-9]{4}[A-Z]{3}[0-9]{6}$"));
static LLPIN: LazyLock<Regex> = LazyLock::new(|| pattern("^[A-Z]{3}[0-9]{4}$"));
static UDYAM: LazyLock<Regex> = LazyLock::new(|| pattern("^UDYAM[A-Z]{2}[0-9]{9}$"));

/// The kinds of companies of the Ministry of Corporate Affairs.
const COMPANIES: [(&str, &str); 13] = [
    ("PLC", "public limited company"),
    ("PTC", "private limited company"),
    ("FLC", "financial lease company"),
    ("FTC", "subsidiary of a foreign company"),
    ("GOI", "company of the Government of India"),
    ("SGC", "company of a state government"),
    ("NPL", "company that is not for profit"),
    ("OPC", "one person company"),
    ("ULL", "public company with unlimited liability"),
    ("ULT", "private company with unlimited liability"),
    ("ULC", "company with unlimited liability"),
    ("GAP", "public company, general association"),
    ("GAT", "private company, general association"),
];

/// As they stand in CINs, which keep a state's former letters.
const STATES: &str = "AN AP AR AS BR CG CH CT DD DL DN GA GJ HP HR JH JK KA KL LA LD LH MH ML MN MP MZ NL OD OR PB PY RJ SK TG TN TR TS TZ UK UP UR UT WB";

/// The first act on joint-stock companies in India.
const FIRST_YEAR: i32 = 1850;

/// Listed or not, industry, state, year, kind of company, serial number: 21 characters.
pub(super) fn cin(text: Zeroizing<String>, today: NaiveDate) -> Result<Number, Fault> {
    if !CIN.is_match(&text) {
        return Err(Fault("must have L or U, five digits, two letters, a year, three letters and six digits"));
    }
    let part = |from, to| text.get(from..to).unwrap_or_default();
    if !part(8, 12).parse().is_ok_and(|year| (FIRST_YEAR..=today.year()).contains(&year)) {
        return Err(Fault("has a year in which no company of today was registered"));
    }
    let mut notes = Vec::new();
    if !STATES.split(' ').any(|state| state == part(6, 8)) {
        notes.push("its state is not known");
    }
    let company = COMPANIES.into_iter().find(|(letters, _)| *letters == part(12, 15)).map(|(_, company)| company);
    if company.is_none() {
        notes.push("its kind of company is not known");
    }
    Ok(Number { notes, tells: company, ..Number::plain(NumberKind::Cin, text) })
}

/// `AAA-1234`
pub(super) fn llpin(text: Zeroizing<String>) -> Result<Number, Fault> {
    match LLPIN.is_match(&text) {
        true => Ok(Number::plain(NumberKind::Llpin, divided(&text, &[3]))),
        false => Err(Fault("must have three letters, a hyphen and four digits")),
    }
}

/// `UDYAM-MH-00-0000000`
pub(super) fn udyam(text: Zeroizing<String>) -> Result<Number, Fault> {
    match UDYAM.is_match(&text) {
        true => Ok(Number::plain(NumberKind::Udyam, divided(&text, &[5, 7, 9]))),
        false => Err(Fault("must be UDYAM, the letters of a state, two digits and seven digits, with hyphens between")),
    }
}

/// With hyphens before some of its letters.
fn divided(text: &str, before: &[usize]) -> Zeroizing<String> {
    let mut divided = Zeroizing::new(String::with_capacity(text.len() + before.len()));
    for (at, c) in text.chars().enumerate() {
        if before.contains(&at) {
            divided.push('-');
        }
        divided.push(c);
    }
    divided
}
