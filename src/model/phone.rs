//! Telling at once whether a number in E.164 form is one in use. The phonenumber crate keeps a hundred compiled patterns
//! for the whole world and finds its way to them anew for each number, some 40 microseconds; a million rows have a
//! million numbers. Here its own data is asked, with the patterns of each country code compiled once.

use std::cell::RefCell;
use std::collections::HashMap;

use phonenumber::Metadata;
use phonenumber::country::Id;
use phonenumber::metadata::{DATABASE, Descriptor};
use regex::{Regex, RegexBuilder};

/// One pattern for national numbers.
struct Pattern {
    lengths: Vec<u16>,
    begins: Regex,
}

/// What is known of one region: several may share a country code.
struct Region {
    /// Tells the region among those that share its code.
    leading: Option<Regex>,
    general: Pattern,
    kinds: Vec<Pattern>,
}

thread_local! {
    /// By country code; `None` where numbers of the code are better left to the library's own parser.
    static REGIONS: RefCell<HashMap<u16, Option<Vec<Region>>>> = RefCell::default();
}

fn begins(pattern: &str) -> Option<Regex> {
    // The data spreads long patterns over lines. Digits are those of ASCII, which saves tables of all the others.
    RegexBuilder::new(&format!("^(?:{pattern})")).ignore_whitespace(true).unicode(false).build().ok()
}

impl Pattern {
    fn of(descriptor: &Descriptor) -> Option<Pattern> {
        let lengths = descriptor.possible_length().to_vec();
        Some(Pattern { lengths, begins: begins(descriptor.national_number().as_str())? })
    }
    fn fits(&self, national: &str) -> bool {
        let length = u16::try_from(national.len()).unwrap_or(u16::MAX);
        (self.lengths.is_empty() || self.lengths.contains(&length)) && self.begins.is_match(national)
    }
}

impl Region {
    fn of(meta: &Metadata) -> Option<Region> {
        let d = meta.descriptors();
        let kinds = [
            d.mobile(),
            d.fixed_line(),
            d.toll_free(),
            d.premium_rate(),
            d.shared_cost(),
            d.voip(),
            d.personal_number(),
            d.pager(),
            d.uan(),
            d.voicemail(),
        ];
        Some(Region {
            leading: match meta.leading_digits() {
                Some(leading) => Some(begins(leading.as_str())?),
                None => None,
            },
            general: Pattern::of(d.general())?,
            kinds: kinds.into_iter().flatten().map(Pattern::of).collect::<Option<_>>()?,
        })
    }
    fn has(&self, national: &str) -> bool {
        self.general.fits(national) && self.kinds.iter().any(|k| k.fits(national))
    }
}

fn regions(code: u16) -> Option<Vec<Region>> {
    let names = DATABASE.region(&code)?;
    let metas: Vec<&Metadata> = match names.as_slice() {
        ["001"] => DATABASE.by_code(&code)?.into_iter().take(1).collect(),
        names => names.iter().map(|name| DATABASE.by_id(*name)).collect::<Option<_>>()?,
    };
    metas.into_iter().map(Region::of).collect()
}

/// Whether `text` is a number in use, written in E.164 (`+`, country code, national number, digits alone), that the
/// library's parser would leave as it is. Where the answer is no, only the parser can tell.
pub fn is_in_use(text: &str, region: Id) -> bool {
    known(text, region).unwrap_or(false)
}

fn known(text: &str, region: Id) -> Option<bool> {
    // What is dialled first within the region is taken off, even behind another country's code.
    let home = DATABASE.by_id(region.as_ref())?;
    let prefix = home.national_prefix()?;
    if home.national_prefix_for_parsing().is_some_and(|parsing| parsing.as_str() != prefix) {
        return None;
    }
    let digits = text.strip_prefix('+')?;
    if digits.len() < 6 || digits.len() > 15 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (code, national) = (1..=3).find_map(|n| {
        let code: u16 = digits[..n].parse().ok()?;
        DATABASE.region(&code).map(|_| (code, &digits[n..]))
    })?;
    if national.starts_with('0') || national.starts_with(prefix) {
        return None;
    }
    REGIONS.with_borrow_mut(|known| {
        let regions = known.entry(code).or_insert_with(|| regions(code)).as_ref()?;
        if let [region] = regions.as_slice() {
            return Some(region.has(national));
        }
        for region in regions {
            match &region.leading {
                Some(leading) if leading.is_match(national) => return Some(region.has(national)),
                None if region.has(national) => return Some(true),
                _ => {}
            }
        }
        Some(false)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever is said here at once, the library's own parser says too, and leaves the number as it is.
    #[test]
    fn the_parser_agrees() {
        let mut known_numbers = 0;
        let mut state = 1_u64;
        let codes = ["91", "1", "44", "49", "39", "7", "86", "81", "971", "65", "61", "33", "55", "54", "52", "800"];
        for i in 0..1600_usize {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let national = (state >> 20) % 10_u64.pow(7 + (i as u32 / 16) % 5);
            let text = format!("+{}{national}", codes[i % 16]);
            for region in [Id::IN, Id::DE] {
                if let Some(said) = known(&text, region) {
                    let parsed =
                        phonenumber::parse(Some(region), &text).ok().filter(phonenumber::PhoneNumber::is_valid);
                    let kept = parsed.map(|n| n.format().mode(phonenumber::Mode::E164).to_string());
                    assert_eq!(kept.as_deref() == Some(text.as_str()), said, "{text} in {region:?}: {kept:?}");
                    known_numbers += u32::from(said);
                }
            }
        }
        assert!(known_numbers > 300, "{known_numbers}");
    }
}
