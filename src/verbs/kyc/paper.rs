//! What a paper says, in clear: read from a prompt, a file or standard input, never from an argument, which others can see and
//! which is recorded; held in memory alone, and wiped.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use chrono::NaiveDate;
use zeroize::Zeroizing;

use super::MOST;
use super::owners::{self, Owner, OwnerTexts, line};
use crate::crud::context::Context;
use crate::model::identity::business::pan_within;
use crate::model::identity::within::{candidates, found_in};
use crate::model::identity::{Number, NumberKind};
use crate::model::kinds::kyc::{BusinessType, KycKind, Registration};
use crate::model::problem::{Problem, io_message};
use crate::model::strict_json;
use crate::model::values::scalar::{Date, ParseContext, Scalar as _, fold};
use crate::ui::bounded;

/// What is read of a paper, beside the number.
const NAME: &str = "name";
const FATHER_NAME: &str = "father_name";
const DOB: &str = "dob";
const ADDRESS: &str = "address";
const NUMBER: &str = "number";

/// What a paper says that is sealed.
pub struct Paper {
    pub kind: KycKind,
    pub number: Number,
    /// Of the person, of the business, or of the holder of the account.
    pub name: Zeroizing<String>,
    pub father_name: Option<Zeroizing<String>>,
    pub dob: Option<NaiveDate>,
    pub address: Option<Zeroizing<String>>,
    /// Of a business.
    pub owners: Vec<Owner>,
}

impl fmt::Debug for Paper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Paper({}, ***)", self.kind.as_str())
    }
}

/// What a kind of paper says beside the number and the name.
fn further(kind: KycKind) -> &'static [&'static str] {
    match kind {
        KycKind::Aadhaar => &[DOB, ADDRESS],
        KycKind::Pan => &[FATHER_NAME, DOB],
        KycKind::Business => &[ADDRESS],
        KycKind::Bank => &[],
    }
}

/// What the number of a paper is.
pub fn number_kind(kind: KycKind, registration: Option<Registration>) -> Result<NumberKind, Problem> {
    Ok(match (kind, registration) {
        (KycKind::Aadhaar, _) => NumberKind::Aadhaar,
        (KycKind::Pan, _) => NumberKind::Pan,
        (KycKind::Bank, _) => NumberKind::Account,
        (KycKind::Business, Some(Registration::Gstin)) => NumberKind::Gstin,
        (KycKind::Business, Some(Registration::Cin)) => NumberKind::Cin,
        (KycKind::Business, Some(Registration::Llpin)) => NumberKind::Llpin,
        (KycKind::Business, Some(Registration::Udyam)) => NumberKind::Udyam,
        (KycKind::Business, None) => {
            return Err(Problem::usage("what the number of the business is, is missing")
                .hint("--registration gstin, cin, llpin or udyam"));
        }
    })
}

/// The code of a bank's branch as it is kept, held against those in force, and the name of the bank by it.
pub fn bank_of(ifsc: &str) -> Result<(String, Option<&'static str>), Problem> {
    let wrong = |fault| Problem::invalid(format!("ifsc {fault}")).field("ifsc");
    let code = Number::read(NumberKind::Ifsc, ifsc, NaiveDate::MIN).map_err(wrong)?;
    Ok((code.expose().to_owned(), code.tells()))
}

/// What is odd about the code of a bank's branch, and no fault.
pub fn odd_bank(ifsc: &str) -> Option<&'static str> {
    Number::read(NumberKind::Ifsc, ifsc, NaiveDate::MIN).ok()?.notes().first().copied()
}

/// Texts as they were given, by what they are.
#[derive(Default)]
pub struct Texts(Vec<(&'static str, Zeroizing<String>)>, Vec<OwnerTexts>);

impl Texts {
    /// Of the cells of a row. What papers of the kind do not have is refused.
    pub fn of_cells(kind: KycKind, cells: Vec<(&'static str, Zeroizing<String>)>) -> Result<Texts, Problem> {
        let mut texts = Texts::default();
        for (name, text) in cells {
            if (kind, name) == (KycKind::Business, OWNERS) {
                texts.1 = owners_of_cell(&text)?;
                continue;
            }
            if ![NUMBER, NAME].contains(&name) && !further(kind).contains(&name) {
                let sentence = format!("{name} is nothing that {} has", kind.as_str());
                return Err(Problem::invalid(sentence).field(name));
            }
            texts.0.push((name, text));
        }
        Ok(texts)
    }

    fn take(&mut self, name: &str) -> Option<Zeroizing<String>> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.swap_remove(at).1).filter(|text| !text.trim().is_empty())
    }

    /// What is said of something that papers of the kind have; a name of anything else is refused, and is not told: it may be
    /// a number.
    fn put(&mut self, kind: KycKind, name: &str, text: Zeroizing<String>, at: &str) -> Result<(), Problem> {
        let known = [NUMBER, NAME].iter().chain(further(kind)).copied();
        let all: Vec<&'static str> = known.collect();
        let named = fold(name);
        let Some(known) = all.iter().find(|n| fold(n) == named) else {
            let sentence = format!("{at} names nothing that {} has", kind.as_str());
            return Err(Problem::invalid(sentence).hint(format!("it has {}", all.join(", "))));
        };
        if self.0.iter().any(|(n, _)| n == known) {
            return Err(Problem::invalid(format!("{at} says {known} a second time")));
        }
        self.0.push((known, text));
        Ok(())
    }

    /// Of an object, or of lines: the number by itself, and `name: ASHA RAO`.
    fn read(kind: KycKind, text: &str) -> Result<Texts, Problem> {
        let mut texts = Texts::default();
        let text = text.trim_start_matches('\u{feff}');
        if text.trim_start().starts_with('{') {
            let wrong = || Problem::invalid("what was given of the paper is no JSON object of texts");
            // What is wrong in it is not told: that would be a piece of it.
            let json = strict_json::parse(text).map_err(|_| wrong())?;
            for (n, (name, value)) in json.as_object().ok_or_else(wrong)?.iter().enumerate() {
                if let (KycKind::Business, OWNERS, Some(owners)) = (kind, fold(name).as_str(), value.as_array()) {
                    texts.1 = owners.iter().map(owner_of_json).collect::<Option<_>>().ok_or_else(owners_wrong)?;
                    continue;
                }
                let value = value.as_str().ok_or_else(wrong)?;
                texts.put(kind, name, Zeroizing::new(value.to_owned()), &format!("member {}", n + 1))?;
            }
            return Ok(texts);
        }
        for (n, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let at = format!("line {}", n + 1);
            let (name, value) = line.split_once(':').unwrap_or((NUMBER, line));
            if kind == KycKind::Business && fold(name) == OWNER {
                texts.1.push(owner_of_line(value).ok_or_else(|| owner_wrong(&at))?);
                continue;
            }
            texts.put(kind, name.trim(), Zeroizing::new(value.trim().to_owned()), &at)?;
        }
        Ok(texts)
    }

    /// Asks for them, one after the other; only the number is hidden.
    async fn ask(
        context: &Context<'_>,
        kind: KycKind,
        number: NumberKind,
        business: Option<BusinessType>,
    ) -> Result<Texts> {
        let mut texts = Texts::default();
        let contradicts = |number: &Number| contradiction_of(kind, number, business);
        texts.0.push((NUMBER, ask_number(context, number, contradicts).await?));
        let name = context.ui.ask("Name as on the paper", None, |_| Ok(())).await?;
        texts.0.push((NAME, Zeroizing::new(name)));
        let today = today(context);
        for what in further(kind) {
            let prompt = match *what {
                FATHER_NAME => "Father's name (empty: none)",
                DOB => "Date of birth, as 1990-04-23 (empty: none)",
                _ => "Address (empty: none)",
            };
            let is_day = move |text: &str| match text.trim().is_empty() || *what != DOB {
                true => Ok(()),
                false => day(text, today).map(drop).map_err(|problem| problem.sentence),
            };
            let text = context.ui.ask(prompt, Some(""), is_day).await?;
            texts.0.push((what, Zeroizing::new(text)));
        }
        // A proprietorship is its proprietor's own.
        let has_owners = business.is_none_or(|business| business.owner_threshold().is_some());
        if kind == KycKind::Business && has_owners {
            texts.ask_owners(context).await?;
        }
        Ok(texts)
    }

    /// Asks for who owns the business, one after the other; only the PANs are hidden.
    async fn ask_owners(&mut self, context: &Context<'_>) -> Result<()> {
        loop {
            let name = context.ui.ask("Name of a beneficial owner (empty: no more)", Some(""), |_| Ok(())).await?;
            if name.trim().is_empty() {
                return Ok(());
            }
            let is_share = |text: &str| owners::share(text, "an owner").map(drop).map_err(|problem| problem.sentence);
            let share = context.ui.ask("Share in percent", None, is_share).await?;
            let pan = ask_number(context, NumberKind::Pan, |_| None).await?;
            self.1.push(OwnerTexts { name: Zeroizing::new(name), share, pan });
        }
    }
}

fn today(context: &Context<'_>) -> NaiveDate {
    context.clock.now().with_timezone(&chrono::Utc).date_naive()
}

/// Asks for a number, which is not shown, until it can be one and nothing that is said contradicts it.
async fn ask_number(
    context: &Context<'_>,
    kind: NumberKind,
    contradicts: impl Fn(&Number) -> Option<Problem>,
) -> Result<Zeroizing<String>> {
    loop {
        let typed = context.ui.ask_secret(kind.label(), None).await?;
        match Number::read(kind, typed.expose(), today(context)) {
            Err(fault) => context.ui.warn(&format!("the {} {fault}", kind.label())),
            Ok(number) => match contradicts(&number) {
                Some(problem) => context.ui.warn(&problem.sentence),
                None => return Ok(Zeroizing::new(typed.expose().to_owned())),
            },
        }
    }
}

/// How owners are given: `owner: ASHA RAO; 60; AAAPA1234A`, or a list of objects with name, share and pan.
const OWNER: &str = "owner";
pub const OWNERS: &str = "owners";

/// What stands between owners in a cell: `ASHA RAO; 60; AAAPA1234A | RAVI KUMAR; 40; BBBPB1234B`.
pub const BETWEEN_OWNERS: char = '|';

fn owner_wrong(at: &str) -> Problem {
    Problem::invalid(format!("{at} names no owner"))
        .hint("an owner is 'owner: NAME; SHARE IN PERCENT; PAN'")
        .field(OWNERS)
}

fn owners_wrong() -> Problem {
    Problem::invalid("the owners are no list of objects").hint("each has name, share and pan").field(OWNERS)
}

fn owner_of_line(text: &str) -> Option<OwnerTexts> {
    let mut parts = text.rsplitn(3, ';').map(str::trim);
    let (pan, share, name) = (parts.next()?, parts.next()?, parts.next()?);
    Some(OwnerTexts {
        name: Zeroizing::new(name.to_owned()),
        share: share.to_owned(),
        pan: Zeroizing::new(pan.to_owned()),
    })
}

/// The owners that a cell of a file names, one after the other or as a list of objects.
fn owners_of_cell(text: &str) -> Result<Vec<OwnerTexts>, Problem> {
    if text.starts_with(['[', '{']) {
        let json = strict_json::parse(text).map_err(|_| owners_wrong())?;
        let owners = json.as_array().ok_or_else(owners_wrong)?;
        return owners.iter().map(owner_of_json).collect::<Option<_>>().ok_or_else(owners_wrong);
    }
    // So JSON writes a text where other rows of the file have lists.
    let quoted = strict_json::parse(text).ok().and_then(|json| Some(Zeroizing::new(json.as_str()?.to_owned())));
    let text = quoted.as_deref().map_or(text, String::as_str);
    let each = text.split([BETWEEN_OWNERS, '\n']).filter(|one| !one.trim().is_empty()).enumerate();
    each.map(|(n, one)| owner_of_line(one).ok_or_else(|| owner_wrong(&format!("owner {}", n + 1)))).collect()
}

fn owner_of_json(owner: &serde_json::Value) -> Option<OwnerTexts> {
    let members = owner.as_object().filter(|members| members.len() == 3)?;
    let text = |name: &str| match members.get(name)? {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    Some(OwnerTexts { name: Zeroizing::new(text("name")?), share: text("share")?, pan: Zeroizing::new(text("pan")?) })
}

/// What a paper says, from a file, standard input (`-`) or a person.
pub async fn read(
    context: &Context<'_>,
    from: Option<&str>,
    kind: KycKind,
    (registration, business): (Option<Registration>, Option<BusinessType>),
) -> Result<Paper> {
    let number = number_kind(kind, registration)?;
    let texts = match from {
        Some("-") => Texts::read(kind, &Zeroizing::new(context.ui.read_stdin_text(MOST).await?))?,
        Some(path) => {
            let text = bounded::read(Path::new(path), MOST).map_err(|e| {
                Problem::failed(format!("can't read the file that was given: {}", io_message(&e)))
                    .hint("a number itself is never an argument, which others can see: '-' reads standard input")
            })?;
            Texts::read(kind, &Zeroizing::new(text))?
        }
        None if context.ui.style.interactive => Texts::ask(context, kind, number, business).await?,
        None => {
            return Err(Problem::usage("what the paper says is missing")
                .hint("--from - reads it from standard input: the number on a line, then 'name: ASHA RAO'; it is never an argument")
                .into());
        }
    };
    Ok(of_texts(texts, kind, number, today(context))?)
}

pub fn of_texts(mut texts: Texts, kind: KycKind, number: NumberKind, today: NaiveDate) -> Result<Paper, Problem> {
    let missing = |what: &'static str| Problem::invalid(format!("the {what} is missing")).field(what);
    let text = texts.take(NUMBER).ok_or_else(|| missing(NUMBER))?;
    let label = number.label();
    let number = Number::read(number, &text, today)
        .map_err(|fault| Problem::invalid(format!("the {label} {fault}")).field(NUMBER))?;
    let name = line(texts.take(NAME), NAME)?.ok_or_else(|| missing(NAME))?;
    let dob = texts.take(DOB).map(|text| day(&text, today)).transpose()?;
    let (father_name, address) = (line(texts.take(FATHER_NAME), FATHER_NAME)?, line(texts.take(ADDRESS), ADDRESS)?);
    let owners = owners::read(std::mem::take(&mut texts.1), today)?;
    Ok(Paper { kind, number, name, father_name, dob, address, owners })
}

fn day(text: &str, today: NaiveDate) -> Result<NaiveDate, Problem> {
    let wrong = |why: &str| Problem::invalid(format!("the {DOB} {why}")).field(DOB);
    let read = (Date::TYPE.parse)(text, &ParseContext::default());
    let day = read.ok().and_then(|day| day.as_date()).ok_or_else(|| wrong("must be a date like 1990-04-23"))?;
    if day >= today { Err(wrong("must be a day in the past")) } else { Ok(day) }
}

fn stands_in(field: &'static str, kind: NumberKind) -> Problem {
    Problem::invalid(format!(
        "{field} holds what can be the number of a paper ({}), which is kept sealed alone",
        kind.label()
    ))
    .field(field)
}

/// What the number of a kind of paper says that can't be, held against what is said beside it.
fn contradiction_of(kind: KycKind, number: &Number, business: Option<BusinessType>) -> Option<Problem> {
    let holder = match kind {
        KycKind::Pan => number.tells()?,
        KycKind::Business if number.kind() == NumberKind::Gstin => {
            let pan = Number::read(NumberKind::Pan, pan_within(number.expose())?, NaiveDate::MIN).ok()?;
            pan.tells()?
        }
        _ => return None,
    };
    let expected: &[&str] = match (kind, business) {
        (KycKind::Pan, _) => &["person"],
        (_, Some(BusinessType::SoleProprietorship)) => &["person"],
        (_, Some(BusinessType::Partnership | BusinessType::Llp)) => &["firm or LLP"],
        (_, Some(BusinessType::PrivateLimited | BusinessType::PublicLimited)) => &["company"],
        (_, Some(BusinessType::Huf)) => &["Hindu undivided family"],
        (_, Some(BusinessType::Trust)) => &["trust", "trust (Krish)"],
        _ => return None,
    };
    if expected.contains(&holder) {
        return None;
    }
    Some(match (kind, business) {
        (KycKind::Pan, _) => Problem::invalid(format!("the PAN is that of a {holder}, not of a person"))
            .hint("what is registered by it is a business: orgctl kyc submit business")
            .field(NUMBER),
        (_, business) => {
            let is = business.map_or("business", BusinessType::as_str);
            Problem::invalid(format!("the GSTIN is that of a {holder}, and the business a {is}")).field(NUMBER)
        }
    })
}

impl Paper {
    /// What it says that can't be, held against itself and what is said beside it.
    pub fn contradiction(&self, business: Option<BusinessType>) -> Option<Problem> {
        contradiction_of(self.kind, &self.number, business)
    }

    /// Refuses a text in clear in which its number stands, or that of another paper.
    pub fn stands_not_in(&self, field: &'static str, text: Option<&str>) -> Result<(), Problem> {
        self.own_stands_not_in(field, text)?;
        text.and_then(found_in).map_or(Ok(()), |kind| Err(stands_in(field, kind)))
    }

    /// Refuses a text in clear in which its number stands.
    pub fn own_stands_not_in(&self, field: &'static str, text: Option<&str>) -> Result<(), Problem> {
        let is_own = |found: &Number| found.expose() == self.number.expose();
        match text.map(candidates).unwrap_or_default().iter().any(is_own) {
            true => Err(stands_in(field, self.number.kind())),
            false => Ok(()),
        }
    }

    /// What is odd about it, and no fault: in words of the program.
    pub fn notes(&self) -> Vec<&'static str> {
        self.number.notes_beside(&self.name)
    }
}
