//! Scalars: types whose parsing is the validation, written once and used by flags, prompts, files and documents.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::net::IpAddr;

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};
use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

use super::fold as folding;
use super::value::{Decimal, Value, ValueType, canonical};
use super::zone::{Zone, span};
use crate::model::password::formats::is_stored;
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Resource};
use crate::model::setting::declared;
use crate::model::values::unseen::{is_blank, is_format};

/// What the user typed is not a value of the type; the text says why, to follow the field's name
/// ("must be 16 characters or fewer").
pub type Invalid = String;

/// What parsing and new records depend on besides what is given: settings of the organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseContext {
    /// Region of phone numbers written without a country code (ISO 3166-1 alpha-2).
    pub phone_region: Region,
    /// What settings say of fields of new records that are given no value, by the settings' keys, in the input form.
    pub defaults: Vec<(&'static str, String)>,
    /// The operator's zone, in which days and times without one are meant.
    pub zone: Zone,
    /// The time by which a span such as `30d` is meant. None where there are none: in a file, which is read again another
    /// day.
    pub now: Option<DateTime<Utc>>,
}

impl Default for ParseContext {
    fn default() -> ParseContext {
        let zone = Zone::Named(chrono_tz::Tz::UTC);
        ParseContext { phone_region: Region::IN, defaults: Vec::new(), zone, now: None }
    }
}

/// What a field's Rust type tells the generic code.
#[derive(Debug, Clone, Copy)]
pub struct Type {
    pub kind: ValueType,
    pub required: bool,
    pub role: FieldKind,
    /// How the type is called in help: `CODE`, `TEXT`, `E-MAIL`.
    pub label: &'static str,
    /// Most characters of a text, 0 where it does not apply. The schema holds the same bound.
    pub max: usize,
    pub form: Form,
    /// Whether it may be written in several lines. In all others a line break is an error: a stray quote in a file makes
    /// one of what are two rows.
    pub multiline: bool,
    pub parse: fn(&str, &ParseContext) -> Result<Value, Invalid>,
}

impl Type {
    /// Whether a value was taken though it may be none: a phone number of a possible length that is of no known range.
    pub fn is_doubtful(&self, value: &Value) -> bool {
        let is_unknown = |text: &str| PHONE_NUMBER_UTIL.parse(text, None::<Region>).is_ok_and(|n| !n.is_valid());
        self.is_phone() && value.as_text().is_some_and(is_unknown)
    }

    pub fn is_phone(&self) -> bool {
        self.form == Form::Phone
    }

    /// Whether two texts that are kept in several spellings may be the same key.
    pub fn folds(&self) -> bool {
        matches!(self.form, Form::Words | Form::Identifier)
    }

    /// A text as it is compared with others as a key: what is kept in one spelling, as it stands.
    pub fn fold<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.form {
            Form::Words => folding::key(text, true).into(),
            Form::Identifier => folding::key(text, false).into(),
            Form::Exact | Form::LowerCase | Form::Phone => text.into(),
        }
    }

    /// Whether parsing looks at [`ParseContext`]: only then are they worth asking the database for.
    pub fn needs_context(&self) -> bool {
        self.is_phone()
    }
}

/// What kind of text a type's values are, as far as it matters to whoever does not know the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Kept in one spelling, or no text at all.
    Exact,
    /// Words as people write them.
    Words,
    /// What somebody is known by to programs: marks on letters tell two of them apart.
    Identifier,
    /// The same, kept in small letters.
    LowerCase,
    /// A phone number, which is read by the rules of a region.
    Phone,
}

#[derive(Debug, Clone, Copy)]
pub enum FieldKind {
    Plain,
    /// Several texts in one: see [`super::set::Set`].
    Set,
    /// A closed set of words.
    Choice(&'static [&'static str]),
    /// A reference to a record of this kind; parsed as that record's key, stored as its id. By a function, for kinds refer
    /// to each other in circles.
    Ref(fn() -> &'static Descriptor),
    /// A value that is kept as ciphertext.
    Sealed,
}

/// A Rust type that a resource's field can have.
pub trait Scalar: Sized {
    const TYPE: Type;
    fn into_value(self) -> Value;
    /// `None` where the value is not of this type, which a checked database never gives.
    fn from_value(value: &Value) -> Option<Self>;
}

impl<T: Scalar> Scalar for Option<T> {
    const TYPE: Type = Type { required: false, ..T::TYPE };
    fn into_value(self) -> Value {
        self.map_or(Value::Null(T::TYPE.kind), T::into_value)
    }
    fn from_value(value: &Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { T::from_value(value).map(Some) }
    }
}

/// Folds a word for comparison: compatibility forms, case, blanks, `-` and `_` do not count (DOMAIN.md, section 0).
pub fn fold(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_')).collect()
}

/// Normalisation form C. Plain ASCII, which most text is, is that already.
fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

/// Normalisation form KC.
fn compatible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.nfkc().collect()) }
}

/// Whether a text is a line as it stands: printable ASCII, no blank at either end, no two together. Most are.
fn is_plain_line(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut blank = true;
    for b in bytes {
        if !(b' '..=b'~').contains(b) || (*b == b' ' && blank) {
            return false;
        }
        blank = *b == b' ';
    }
    !blank
}

/// Names the first character that `allowed` refuses, so that an invisible or look-alike one can be found.
fn refuse(text: &str, allowed: impl Fn(char) -> bool, what: &str) -> Result<(), Invalid> {
    match text.chars().enumerate().find(|(_, c)| !allowed(*c)) {
        None => Ok(()),
        Some((i, c)) => {
            let shown = if c.is_control() || is_format(c) { String::new() } else { format!("'{c}' ") };
            Err(format!("{what}; character {} is {shown}(U+{:04X})", i + 1, c as u32))
        }
    }
}

/// What ends a line (Unicode, section 5.8, table 5-1).
pub fn is_line_break(c: char) -> bool {
    matches!(c, '\n'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

pub fn at_most(text: &str, max: usize) -> Result<(), Invalid> {
    if text.len() <= max {
        return Ok(());
    }
    let n = text.chars().count();
    if n > max { Err(format!("must be {max} characters or fewer, not {n}")) } else { Ok(()) }
}

macro_rules! text_scalar {
    ($(#[$doc:meta])* $name:ident $([$max:ident])? $(@ $multiline:ident)? $(is $form:ident)?, $label:literal, $limit:expr, $parse:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name$(<const $max: usize>)?(String);
        impl$(<const $max: usize>)? $name$(<$max>)? {
            pub fn as_str(&self) -> &str {
                &self.0
            }
            $(/// What the program says itself, cut to the length that is kept.
            pub fn cut(text: &str) -> Self {
                Self(text.chars().take($max).collect())
            })?
        }
        impl$(<const $max: usize>)? Scalar for $name$(<$max>)? {
            const TYPE: Type = Type {
                kind: ValueType::Text,
                required: true,
                role: FieldKind::Plain,
                label: $label,
                max: $limit,
                form: [$(Form::$form,)? Form::Exact][0],
                multiline: !stringify!($($multiline)?).is_empty(),
                parse: |text, rules| {
                    let parse: fn(&str, &ParseContext) -> Result<String, Invalid> = $parse;
                    let parsed = parse(text, rules)?;
                    at_most(&parsed, $limit)?;
                    Ok(Value::Text(parsed))
                },
            };
            fn into_value(self) -> Value {
                Value::Text(self.0)
            }
            fn from_value(value: &Value) -> Option<Self> {
                value.as_text().map(|s| $name(s.to_owned()))
            }
        }
    };
}

text_scalar! {
    /// A short code: letters, digits, `-`, `_`, `.`, `/`, kept in upper case. Compatibility forms (full-width letters)
    /// are normalised (NFKC); look-alikes of other scripts are refused.
    Code[MAX], "CODE", MAX, |text, _| {
        let code = compatible(text.trim()).to_ascii_uppercase();
        if code.is_empty() {
            return Err("must not be empty".into());
        }
        refuse(&code, |c| c.is_ascii_alphanumeric() || "-_./".contains(c),
            "may hold only the letters A-Z, digits, '-', '_', '.' and '/'")?;
        if !code.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Err("must begin with a letter or a digit".into());
        }
        Ok(code)
    }
}

text_scalar! {
    /// The code of a role: what earlier systems put before it (`ROLE_ADMIN`) is no part of it.
    RoleCode[MAX], "CODE", MAX, |text, context| {
        let code = (Code::<MAX>::TYPE.parse)(text, context)?.to_text();
        match code.strip_prefix("ROLE_") {
            Some("") => Err("must have something behind ROLE_".into()),
            Some(rest) => (Code::<MAX>::TYPE.parse)(rest, context).map(|v| v.to_text()),
            None => Ok(code),
        }
    }
}

text_scalar! {
    /// One line of text: NFC, trimmed, inner runs of blanks folded to one.
    Line[MAX] is Words, "TEXT", MAX, |text, _| {
        if is_plain_line(text) {
            return Ok(text.to_owned());
        }
        if text.trim().contains(is_line_break) {
            return Err("must be one line".into());
        }
        let mut line = String::with_capacity(text.len());
        // A word of which nothing is seen is none: it would be somebody's last name.
        for word in composed(text).split_whitespace().filter(|w| !is_blank(w)) {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        if line.is_empty() {
            return Err("must not be empty".into());
        }
        refuse(&line, |c| !c.is_control(), "must not hold control characters")?;
        Ok(line)
    }
}

/// The comma, also as other scripts and wide or narrow fonts have it.
pub fn is_comma(c: char) -> bool {
    matches!(
        c,
        ',' | '\u{55d}'
            | '\u{60c}'
            | '\u{7f8}'
            | '\u{1363}'
            | '\u{1802}'
            | '\u{1808}'
            | '\u{3001}'
            | '\u{fe10}'
            | '\u{fe11}'
            | '\u{fe50}'
            | '\u{fe51}'
            | '\u{ff0c}'
            | '\u{ff64}'
    )
}

text_scalar! {
    /// A name that stands before the last one. A comma in it shows that it is more than that.
    GivenName[MAX] is Words, "TEXT", MAX, |text, rules| {
        let name = (Line::<MAX>::TYPE.parse)(text, rules)?.to_text();
        let why = "must not hold a comma; where it is all of a name, as 'Smith, John', give that as name";
        if name.contains(is_comma) { Err(why.into()) } else { Ok(name) }
    }
}

text_scalar! {
    /// An e-mail address by the syntax of RFC 5321 and RFC 6531, without a display name and without an address in place of
    /// the domain. The domain is kept in one spelling: see `domain`.
    Email is Identifier, "E-MAIL", 254, |text, _| {
        let text = composed(text.trim());
        let wrong = || format!("must be an e-mail address like name@example.com, not '{}'", truncate(&text));
        let (local, domain) = text.rsplit_once('@').ok_or_else(wrong)?;
        let options = email_address::Options::default().without_display_text();
        email_address::EmailAddress::parse_with_options(&format!("{local}@example.com"), options).map_err(|_| wrong())?;
        let domain = self::domain(domain).ok_or_else(wrong)?;
        Ok(format!("{local}@{domain}"))
    }
}

text_scalar! {
    /// The name behind all others. A comma at an end of it is what is left of `Smith, John`; `King, Jr.` is a name.
    FamilyName[MAX] is Words, "TEXT", MAX, |text, rules| {
        let name = (Line::<MAX>::TYPE.parse)(text, rules)?.to_text();
        match name.starts_with(is_comma) || name.ends_with(is_comma) {
            true => Err("must not begin or end with a comma".into()),
            false => Ok(name),
        }
    }
}

/// A domain in the one spelling that is kept: its labels in Unicode, lower case (UTS 46, ToUnicode). Both `BÜCHER.example`
/// and `xn--bcher-kva.example` are `bücher.example`. `None` where it is none: labels have letters, digits and hyphens (STD 3)
/// and at most 63 bytes, and the last is no number, for that would be an address.
fn domain(text: &str) -> Option<String> {
    use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
    let (rules, hyphens) = (AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    let ascii = Uts46::new().to_ascii(text.as_bytes(), rules, hyphens, DnsLength::Verify).ok()?;
    let last = ascii.rsplit('.').next().unwrap_or_default();
    // As programs read it that take a domain for an address (WHATWG URL, "ends in a number checker").
    let number = last.strip_prefix("0x").filter(|n| n.bytes().all(|b| b.is_ascii_hexdigit()));
    if number.is_some() || last.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    if !ascii.contains("xn--") {
        return Some(ascii.into_owned());
    }
    let (unicode, done) = Uts46::new().to_unicode(ascii.as_bytes(), rules, hyphens);
    done.ok().map(|()| unicode.into_owned())
}

text_scalar! {
    /// An e-mail address by which a person is known: kept in lower case, so that no two differ in case alone
    /// (DOMAIN.md, section 0: compared without case).
    Mailbox is LowerCase, "E-MAIL", 254, |text, rules| {
        let address = (Email::TYPE.parse)(text, rules)?.to_text().to_lowercase();
        Ok(composed(&address).into_owned())
    }
}

text_scalar! {
    /// A name to sign in with: lower case, without blanks.
    Username is LowerCase, "NAME", 64, |text, _| {
        let name = compatible(text.trim()).to_lowercase();
        refuse(&name, |c| c.is_alphanumeric() || "-_.@+".contains(c), "may hold only letters, digits, '-', '_', '.', '@' and '+'")?;
        if !name.starts_with(char::is_alphanumeric) {
            return Err("must begin with a letter or a digit".into());
        }
        Ok(name)
    }
}

text_scalar! {
    /// The number of a person in another system, kept as it is but for blanks around it.
    ExternalId is Identifier, "ID", 64, |text, _| {
        let id = composed(text.trim()).into_owned();
        refuse(&id, |c| !c.is_control() && !c.is_whitespace() && !is_format(c), "must not hold blanks")?;
        Ok(id)
    }
}

text_scalar! {
    /// A key of any kind, as it was written.
    KeyText is Identifier, "KEY", 300, |text, _| {
        Ok(composed(text.trim()).into_owned())
    }
}

text_scalar! {
    /// The key of a setting, as it is declared. What is not declared is one that another version of the program knows.
    SettingKey, "SETTING", 100, |text, _| {
        Ok(declared(text).map_or_else(|_| text.trim().to_owned(), |known| known.key.to_owned()))
    }
}

text_scalar! {
    /// The short code of a person: six letters or digits in upper case. Those made here have none that are easily
    /// mistaken for another (`model/code_generator.rs`).
    UserCode, "CODE", 6, |text, _| {
        let code = compatible(text.trim()).to_ascii_uppercase();
        if code.len() != 6 || !code.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(format!("must be six letters or digits, not '{}'", truncate(text.trim())));
        }
        Ok(code)
    }
}

text_scalar! {
    /// A language as BCP 47 writes it (RFC 5646, section 2.1: language, script, region), in the case it recommends.
    Language, "LANGUAGE", 11, |text, _| {
        let wrong = || format!("must be a language like en, hi or pt-BR, not '{}'", truncate(text.trim()));
        let mut parts = Vec::new();
        for (i, part) in text.trim().split(['-', '_']).enumerate() {
            let is_alpha = part.bytes().all(|b| b.is_ascii_alphabetic());
            parts.push(match (i, part.len()) {
                (0, 2 | 3) if is_alpha => part.to_ascii_lowercase(),
                (1, 4) if is_alpha => format!("{}{}", part[..1].to_ascii_uppercase(), part[1..].to_ascii_lowercase()),
                (1 | 2, 2) if is_alpha => part.to_ascii_uppercase(),
                (1 | 2, 3) if part.bytes().all(|b| b.is_ascii_digit()) => part.to_owned(),
                _ => return Err(wrong()),
            });
        }
        if parts.len() > 3 { Err(wrong()) } else { Ok(parts.join("-")) }
    }
}

text_scalar! {
    /// A time zone by its name in the IANA database, in the case that it has there.
    Timezone, "ZONE", 64, |text, _| {
        let name = text.trim();
        let known = name.parse::<chrono_tz::Tz>().ok();
        let zone = known.or_else(|| chrono_tz::TZ_VARIANTS.iter().find(|z| z.name().eq_ignore_ascii_case(name)).copied());
        let zone = zone.ok_or_else(|| format!("must be a time zone like Asia/Kolkata, not '{}'", truncate(name)))?;
        Ok(zone.name().to_owned())
    }
}

text_scalar! {
    /// Several lines of text: NFC, without blanks at either end and without control characters.
    Note[MAX] @multiline is Words, "TEXT", MAX, |text, _| {
        let text = composed(text.trim()).replace("\r\n", "\n").replace('\r', "\n");
        refuse(&text, |c| c == '\n' || c == '\t' || !c.is_control(), "must not hold control characters")?;
        Ok(text)
    }
}

/// Whether digits are followed by a decimal point and nothing: `9876543210.0` has a nought too many, if the point is no matter.
fn is_rounded(text: &str) -> bool {
    let is = |t: &str, fits: fn(&u8) -> bool| !t.is_empty() && t.as_bytes().iter().all(fits);
    text.rsplit_once(['.', ','])
        .is_some_and(|(whole, part)| whole.len() > 5 && is(whole, u8::is_ascii_digit) && is(part, |b| *b == b'0'))
}

/// Whether one or two letters stand beside digits: `98765 4321O`, `9.87654321E9`. They would be passed over; three and more are
/// digits by the letters of a keypad.
fn has_stray_letter(text: &str) -> bool {
    let Some(first) = text.find(|c: char| c.is_ascii_digit()) else { return false };
    let number = &text.as_bytes()[first..];
    let letters = number.iter().filter(|b| b.is_ascii_alphabetic()).count();
    // What stands before an extension (`x5`) is no part of the number, and refused in other words.
    let is_mixed = |w: &[u8]| w[0].is_ascii_digit() && w[1].is_ascii_alphabetic() && !matches!(w[1], b'x' | b'X');
    (1..3).contains(&letters) && number.windows(2).any(|w| is_mixed(w) || is_mixed(&[w[1], w[0]]))
}

text_scalar! {
    /// A phone number, kept as E.164 (`+` and at most 15 digits, ITU-T E.164 section 6).
    Phone is Phone, "PHONE", 16, |text, rules| {
        let text = compatible(text);
        let wrong = |why: &str| format!("must be a phone number like +91 22 2345 6789; '{}' {why}", truncate(text.trim()));
        if is_rounded(text.trim()) {
            return Err(wrong("is a number that a spreadsheet made of one"));
        }
        if has_stray_letter(&text) {
            return Err(wrong("has a letter among its digits"));
        }
        let number = PHONE_NUMBER_UTIL.parse(text.trim(), Some(rules.phone_region)).map_err(|_| wrong("is none"))?;
        if number.extension.is_some() {
            return Err(wrong("has an extension, which can't be kept"));
        }
        // Numbering plans change faster than tables of them: a number of the right length is taken, see `is_doubtful`.
        // One that is dialled inside its town alone has no form that is kept.
        if !number.is_valid() && number.is_possible_with_reason() != Ok(NumberLengthType::IsPossible) {
            return Err(wrong("can't be one"));
        }
        Ok(number.format_as(PhoneNumberFormat::E164).into_owned())
    }
}

text_scalar! {
    /// A web address: http or https with a host.
    WebUrl, "URL", 2000, |text, _| {
        let wrong = || format!("must be a web address like https://example.com, not '{}'", truncate(text.trim()));
        let url = url::Url::parse(text.trim()).map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(wrong());
        }
        Ok(url.to_string())
    }
}

text_scalar! {
    /// A postal code. Whether it fits the country is checked where the country is known: see [`check_pincode`].
    Pincode, "PINCODE", 12, |text, _| {
        let code = compatible(text.trim()).to_ascii_uppercase();
        let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
        refuse(&code, |c| c.is_ascii_alphanumeric() || c == ' ' || c == '-', "may hold only letters, digits and '-'")?;
        if code.is_empty() {
            return Err("must not be empty".into());
        }
        // An Indian PIN is often written as 3 + 3 digits.
        let joined = code.replace(' ', "");
        Ok(if joined.len() == 6 && joined.bytes().all(|b| b.is_ascii_digit()) { joined } else { code })
    }
}

/// Holds a postal code against the country's own format (data of the `countries` project, by the `keshvar` crate). No
/// country means India. An Indian PIN has 6 digits and begins with 1 to 8, or 9 for the army post (India Post).
/// A country that is not recognised, or has no format, passes.
pub fn check_pincode(pincode: &str, country: Option<&str>) -> Result<(), Problem> {
    let name = country.unwrap_or("india").to_lowercase();
    FORMATS.with_borrow_mut(|formats| {
        let format = formats.entry(name).or_insert_with_key(|name| PostalFormat::of(name));
        let Some(PostalFormat { pattern, country, india }) = format else { return Ok(()) };
        if pattern.is_match(pincode) && !(*india && pincode.starts_with('0')) {
            return Ok(());
        }
        let rule = if *india { " (six digits, the first 1 to 9)" } else { "" };
        let why = format!("pincode '{}' is no postal code of {country}{rule}", truncate(pincode));
        Err(Problem::invalid(why).field("pincode"))
    })
}

/// How a country writes its postal codes.
struct PostalFormat {
    pattern: regex::Regex,
    country: &'static str,
    india: bool,
}

thread_local! {
    /// By the lower-case name as written; `None` where nothing is known. A million rows ask the same few questions.
    static FORMATS: RefCell<HashMap<String, Option<PostalFormat>>> = RefCell::default();
}

impl PostalFormat {
    fn of(name: &str) -> Option<PostalFormat> {
        let country = match name.len() {
            2 => keshvar::Alpha2::try_from(name.to_uppercase().as_str()).ok()?.to_country(),
            3 => keshvar::Alpha3::try_from(name.to_uppercase().as_str()).ok()?.to_country(),
            _ => keshvar::find_by_iso_short_name(name).ok()?,
        };
        Some(PostalFormat {
            pattern: regex::Regex::new(&format!("^(?:{})$", country.postal_code_format()?)).ok()?,
            country: country.iso_short_name(),
            india: country.alpha2() == keshvar::Alpha2::IN,
        })
    }
}

/// Shortens a value for an error message, so that a megabyte cell does not become a megabyte sentence. A hash of a password,
/// in a column that is none of passwords, is not told at all.
pub fn truncate(text: &str) -> String {
    if is_stored(text) {
        return "***".to_owned();
    }
    if text.chars().count() <= 60 {
        return text.to_owned();
    }
    text.chars().take(57).chain("...".chars()).collect()
}

/// A whole number from 0 to 2,147,483,647.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count(pub u32);

impl Scalar for Count {
    const TYPE: Type = Type {
        kind: ValueType::Int,
        required: true,
        role: FieldKind::Plain,
        label: "NUMBER",
        max: 0,
        form: Form::Exact,
        multiline: false,
        parse: |text, _| {
            let n: i32 = text.trim().parse().ok().filter(|n| *n >= 0).ok_or_else(|| {
                format!("must be a whole number from 0 to {}, not '{}'", i32::MAX, truncate(text.trim()))
            })?;
            Ok(Value::Int(n.into()))
        },
    };
    fn into_value(self) -> Value {
        Value::Int(self.0.into())
    }
    fn from_value(value: &Value) -> Option<Self> {
        value.as_int().and_then(|n| u32::try_from(n).ok()).map(Count)
    }
}

/// A sum of money, or a rate: a decimal of at most four places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money(pub Decimal);

impl Scalar for Money {
    const TYPE: Type = Type {
        kind: ValueType::Decimal,
        required: true,
        role: FieldKind::Plain,
        label: "AMOUNT",
        max: 0,
        form: Form::Exact,
        multiline: false,
        parse: |text, _| {
            let wrong = || {
                format!(
                    "must be an amount like 1250000.50, with at most 14 digits and 4 places, not '{}'",
                    truncate(text.trim())
                )
            };
            Decimal::parse(text.trim()).map(Value::Decimal).ok_or_else(wrong)
        },
    };
    fn into_value(self) -> Value {
        Value::Decimal(self.0)
    }
    fn from_value(value: &Value) -> Option<Self> {
        value.as_decimal().map(Money)
    }
}

/// A date without the time of its beginning, which programs that know no dates write behind each.
pub fn without_midnight(text: &str) -> &str {
    let Some((date, time)) = text.split_once([' ', 'T']) else { return text };
    // Days of other systems come as the midnight at which they begin, in UTC.
    let time = time.strip_suffix('Z').unwrap_or(time);
    let (hours, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let is_none = matches!(hours, "00:00" | "00:00:00") && !fraction.is_empty() && fraction.bytes().all(|b| b == b'0');
    if is_none { date } else { text }
}

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub NaiveDate);

impl Scalar for Date {
    const TYPE: Type = Type {
        kind: ValueType::Date,
        required: true,
        role: FieldKind::Plain,
        label: "DATE",
        max: 0,
        form: Form::Exact,
        multiline: false,
        parse: |text, _| {
            let wrong = || format!("must be a date like 1990-04-23, not '{}'", truncate(text.trim()));
            // Days first or months first? Nothing tells: only the order of ISO 8601 is sure.
            let date = NaiveDate::parse_from_str(without_midnight(text.trim()), "%Y-%m-%d")
                .ok()
                .filter(|d| (1000..=9999).contains(&d.year()));
            date.map(Value::Date).ok_or_else(wrong)
        },
    };
    fn into_value(self) -> Value {
        Value::Date(self.0)
    }
    fn from_value(value: &Value) -> Option<Self> {
        value.as_date().map(Date)
    }
}

/// An address of the Internet Protocol, without a port. A v4 address that is written as v6 (`::ffff:192.0.2.1`) is that v4
/// address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address(pub IpAddr);

impl Scalar for Address {
    const TYPE: Type = Type {
        kind: ValueType::Ip,
        required: true,
        role: FieldKind::Plain,
        label: "ADDRESS",
        max: 0,
        form: Form::Exact,
        multiline: false,
        parse: |text, _| {
            let address = text.trim().parse::<IpAddr>();
            let wrong =
                |_| format!("must be an address like 203.0.113.7 or 2001:db8::1, not '{}'", truncate(text.trim()));
            address.map(|a| Value::Ip(a.to_canonical())).map_err(wrong)
        },
    };
    fn into_value(self) -> Value {
        Value::Ip(self.0)
    }
    fn from_value(value: &Value) -> Option<Self> {
        value.as_ip().map(Address)
    }
}

/// What another program says of something, in JSON. What is none is kept as a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Details(pub serde_json::Value);

impl Scalar for Details {
    const TYPE: Type = Type {
        kind: ValueType::Json,
        required: true,
        role: FieldKind::Plain,
        label: "JSON",
        max: 10_000,
        form: Form::Exact,
        multiline: true,
        parse: |text, _| {
            let text = text.trim();
            if text.chars().count() > 10_000 {
                return Err("must be 10000 characters or fewer".into());
            }
            let json = serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::from(text));
            match canonical(&json) {
                // What is kept may be longer than what was given: escapes, numbers written out.
                Ok(kept) => at_most(&kept, 10_000).map(|()| Value::Json(Box::new(json))),
                Err(e) => Err(format!("can't be kept: {e}")),
            }
        },
    };
    fn into_value(self) -> Value {
        Value::Json(Box::new(self.0))
    }
    fn from_value(value: &Value) -> Option<Self> {
        value.as_json().cloned().map(Details)
    }
}

/// The SHA-256 of what is not kept itself. Nobody types one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl Scalar for Digest {
    const TYPE: Type = Type {
        kind: ValueType::Bytes,
        required: true,
        role: FieldKind::Plain,
        label: "HASH",
        max: 0,
        form: Form::Exact,
        multiline: false,
        parse: |_, _| Err("is never given".into()),
    };
    fn into_value(self) -> Value {
        Value::Bytes(self.0.to_vec())
    }
    fn from_value(value: &Value) -> Option<Self> {
        value.as_bytes()?.try_into().ok().map(Digest)
    }
}

/// A text that is told nowhere, such as a hash that words can be tried against. Nobody types one.
#[derive(Clone, PartialEq, Eq)]
pub struct Concealed<const MAX: usize>(String);

impl<const MAX: usize> Concealed<MAX> {
    pub fn new(text: &str) -> Self {
        Concealed(text.to_owned())
    }
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> std::fmt::Debug for Concealed<MAX> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Concealed(***)")
    }
}

impl<const MAX: usize> Scalar for Concealed<MAX> {
    const TYPE: Type = Type { kind: ValueType::Text, max: MAX, ..Digest::TYPE };
    fn into_value(self) -> Value {
        self.0.into()
    }
    fn from_value(value: &Value) -> Option<Self> {
        value.as_text().map(Concealed::new)
    }
}

/// A value that is sealed, as it is kept: nobody reads it without the key. Nobody types one.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed(***)")
    }
}

impl Scalar for Sealed {
    const TYPE: Type = Type { label: "SEALED", role: FieldKind::Sealed, ..Digest::TYPE };
    fn into_value(self) -> Value {
        Value::Bytes(self.0)
    }
    fn from_value(value: &Value) -> Option<Self> {
        value.as_bytes().map(|bytes| Sealed(bytes.to_vec()))
    }
}

/// A moment, as [`Zone::read`] takes it: a day is its beginning. Where the time is known by which it is meant, `30d` is so far
/// from then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub DateTime<Utc>);

impl Scalar for Moment {
    const TYPE: Type = Type {
        kind: ValueType::Time,
        required: true,
        role: FieldKind::Plain,
        label: "TIME",
        max: 0,
        form: Form::Exact,
        multiline: false,
        parse: |text, rules| {
            let wrong = || {
                let forms = "must be a time like 2026-11-21, 2026-11-21 09:30 or 2026-11-21T09:30:00+05:30";
                let span = if rules.now.is_some() { ", or 30d (from now)" } else { "" };
                format!("{forms}{span}, not '{}'", truncate(text.trim()))
            };
            let to_come = || rules.now?.checked_add_signed(span(text.trim()).filter(|span| !span.is_zero())?);
            let named = || rules.zone.read(text.trim()).map(|(time, _)| time);
            let time = to_come().or_else(named).ok_or_else(wrong)?;
            // Kept to the microsecond.
            DateTime::from_timestamp_micros(time.timestamp_micros()).map(Value::Time).ok_or_else(wrong)
        },
    };
    fn into_value(self) -> Value {
        Value::Time(self.0)
    }
    fn from_value(value: &Value) -> Option<Self> {
        value.as_time().map(Moment)
    }
}

impl Scalar for bool {
    const TYPE: Type = Type {
        kind: ValueType::Bool,
        required: true,
        role: FieldKind::Plain,
        label: "yes|no",
        max: 0,
        form: Form::Exact,
        multiline: false,
        parse: |text, _| match fold(text).as_str() {
            "1" | "yes" | "true" | "y" | "t" | "on" => Ok(Value::Bool(true)),
            "0" | "no" | "false" | "n" | "f" | "off" => Ok(Value::Bool(false)),
            _ => Err(format!("must be yes or no, not '{}'", truncate(text.trim()))),
        },
    };
    fn into_value(self) -> Value {
        Value::Bool(self)
    }
    fn from_value(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

/// Names the noun of a kind.
pub trait Noun {
    const NOUN: &'static str;
}

/// Characters of the longest key that a reference may name: more than any field that a record is looked up by has.
const LONGEST_KEY: usize = 500;

/// A reference to a record of the same organisation, by its id.
pub struct Ref<T>(pub Uuid, PhantomData<fn() -> T>);

impl<T> Ref<T> {
    pub fn new(id: Uuid) -> Ref<T> {
        Ref(id, PhantomData)
    }
}

// Derived, these would ask the same of T.
impl<T> Clone for Ref<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Ref<T> {}
impl<T> PartialEq for Ref<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> std::fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl<T: Resource> Scalar for Ref<T> {
    const TYPE: Type = Type {
        kind: ValueType::Uuid,
        required: true,
        role: FieldKind::Ref(|| T::DESCRIPTOR),
        label: "KEY",
        max: 0,
        form: Form::Exact,
        multiline: false,
        parse: |text, _| {
            let key = text.trim();
            match key.chars().count() {
                0 => Err("must not be empty".into()),
                n if n > LONGEST_KEY => Err(format!("must be {LONGEST_KEY} characters or fewer, not {n}")),
                _ => Ok(Value::Text(key.to_owned())),
            }
        },
    };
    fn into_value(self) -> Value {
        Value::Uuid(self.0)
    }
    fn from_value(value: &Value) -> Option<Self> {
        value.as_uuid().map(Ref::new)
    }
}

/// Declares a closed set of words. The first form of a variant is the one kept; more spellings may follow it.
#[macro_export]
macro_rules! choice {
    ($(#[$doc:meta])* pub enum $name:ident { $($variant:ident = $word:literal $(| $also:literal)*),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($variant),+ }
        impl $name {
            pub const WORDS: &'static [&'static str] = &[$($word),+];
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
        impl $crate::model::values::scalar::Scalar for $name {
            const TYPE: $crate::model::values::scalar::Type = $crate::model::values::scalar::Type {
                kind: $crate::model::values::value::ValueType::Text,
                required: true,
                role: $crate::model::values::scalar::FieldKind::Choice($name::WORDS),
                label: "CHOICE",
                max: 0,
                form: $crate::model::values::scalar::Form::Exact,
                multiline: false,
                parse: |text, _| {
                    let forms: &[(&str, &[&str])] = &[$(($word, &[$word $(, $also)*])),+];
                    $crate::model::values::scalar::choose(text, forms)
                },
            };
            fn into_value(self) -> $crate::model::values::value::Value {
                self.as_str().into()
            }
            fn from_value(value: &$crate::model::values::value::Value) -> Option<Self> {
                match value.as_text()? { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

/// Finds the word that `text` spells; used by `choice!`.
pub fn choose(text: &str, forms: &[(&'static str, &[&str])]) -> Result<Value, Invalid> {
    let wanted = fold(text);
    if let Some((word, _)) = forms.iter().find(|(_, spellings)| spellings.iter().any(|s| fold(s) == wanted)) {
        return Ok((*word).into());
    }
    let words: Vec<&str> = forms.iter().map(|(w, _)| *w).collect();
    let meant = crate::model::problem::nearest(text.trim(), words.iter().copied());
    let meant = meant.map_or(String::new(), |m| format!("; did you mean {m}?"));
    Err(format!("must be one of {}, not '{}'{meant}", words.join(", "), truncate(text.trim())))
}
