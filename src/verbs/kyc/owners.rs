//! Who owns a business beneficially, as its paper says: held against the rules, in clear in memory alone.

use chrono::NaiveDate;
use zeroize::Zeroizing;

use crate::model::identity::{Number, NumberKind};
use crate::model::kinds::kyc::BusinessType;
use crate::model::kinds::kyc_owner::ALL;
use crate::model::problem::Problem;
use crate::model::values::scalar::{Line, ParseContext, Scalar as _};
use crate::model::values::value::{Decimal, Value};

/// More owners than a paper names: each has a share that counts.
const MOST: usize = 100;

/// What is said of an owner, as it was given.
pub struct OwnerTexts {
    pub name: Zeroizing<String>,
    pub share: String,
    pub pan: Zeroizing<String>,
}

/// One of the owners of a business.
pub struct Owner {
    pub name: Zeroizing<String>,
    pub share: Decimal,
    pub pan: Number,
}

/// A share as it is read: 60, 33.34 or 33.34%.
pub fn share(text: &str, at: &str) -> Result<Decimal, Problem> {
    let wrong = || Problem::invalid(format!("the share of {at} must be a percentage like 60 or 33.34")).field("owners");
    let share = Decimal::parse(text.trim().trim_end_matches('%').trim()).ok_or_else(wrong)?;
    if share.0 > 0 && share <= ALL { Ok(share) } else { Err(wrong()) }
}

/// Reads owners; what is wrong with one is told by where it stands.
pub fn read(texts: Vec<OwnerTexts>, today: NaiveDate) -> Result<Vec<Owner>, Problem> {
    if texts.len() > MOST {
        return Err(Problem::invalid(format!("more than {MOST} owners are named")).field("owners"));
    }
    let mut owners: Vec<Owner> = Vec::with_capacity(texts.len());
    for (n, given) in texts.into_iter().enumerate() {
        let at = format!("owner {}", n + 1);
        let name = line(Some(given.name).filter(|name| !name.trim().is_empty()), "name of an owner")?;
        let name = name.ok_or_else(|| Problem::invalid(format!("the name of {at} is missing")).field("owners"))?;
        let pan = Number::read(NumberKind::Pan, &given.pan, today)
            .map_err(|fault| Problem::invalid(format!("the PAN of {at} {fault}")).field("owners"))?;
        if owners.iter().any(|other| other.pan.expose() == pan.expose()) {
            return Err(Problem::invalid(format!("{at} has the PAN of another one")).field("owners"));
        }
        owners.push(Owner { name, share: share(&given.share, &at)?, pan });
    }
    let sum: i64 = owners.iter().map(|owner| owner.share.0).sum();
    if sum > ALL.0 {
        let sentence =
            format!("the shares of the owners come to {}, more than 100", Value::Decimal(Decimal(sum)).to_text());
        return Err(Problem::invalid(sentence).field("owners"));
    }
    Ok(owners)
}

/// Refuses owners of what has none beside its proprietor, and tells of those who are no beneficial owners by their shares: they are
/// taken down all the same.
pub fn judged(owners: &[Owner], business: Option<BusinessType>) -> Result<Option<String>, Problem> {
    let Some(business) = business.filter(|_| !owners.is_empty()) else { return Ok(None) };
    let Some(least) = business.owner_threshold() else {
        let sentence = format!("a {} is its proprietor's own, and has no other owners", business.as_str());
        return Err(Problem::invalid(sentence).field("owners"));
    };
    let below = owners.iter().filter(|owner| owner.share <= least).count();
    let percent = least.0 / Decimal::ONE;
    Ok((below > 0)
        .then(|| format!("of the owners {below} have not more than {percent} %, and are no beneficial owners by that")))
}

impl Owner {
    /// What of it may be shown.
    pub fn shown(&self) -> String {
        let share = Value::Decimal(self.share).to_text();
        let share = if share.contains('.') { share.trim_end_matches('0').trim_end_matches('.') } else { &share };
        format!("{share}% {}", self.pan.masked())
    }
}

/// A line of text; what is wrong with it is told without it.
pub fn line(text: Option<Zeroizing<String>>, what: &'static str) -> Result<Option<Zeroizing<String>>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let wrong = |_| Problem::invalid(format!("the {what} must be one line of at most 500 characters")).field(what);
    match (Line::<500>::TYPE.parse)(&text, &ParseContext::default()).map_err(wrong)? {
        Value::Text(text) => Ok(Some(Zeroizing::new(text))),
        _ => Ok(None),
    }
}
