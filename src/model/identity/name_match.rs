//! How alike two names are: of a record, of the user, of what a bank answers. A score says how far, a band what it means, and
//! a reason why, without quoting a name. It decides nothing by itself.

use strsim::jaro_winkler;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// What a score means (the bands of Cashfree, "Verify account holder name").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Band {
    /// 0 to 33
    None,
    /// 34 to 59
    Poor,
    /// 60 to 84
    Moderate,
    /// 85 to 99
    Good,
    /// 100
    Direct,
}

impl Band {
    /// Of a score in hundredths of a percent.
    pub fn of(score: u32) -> Band {
        match score {
            10_000.. => Band::Direct,
            8_500.. => Band::Good,
            6_000.. => Band::Moderate,
            3_400.. => Band::Poor,
            _ => Band::None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Band::Direct => "direct",
            Band::Good => "good",
            Band::Moderate => "moderate",
            Band::Poor => "poor",
            Band::None => "none",
        }
    }
}

/// How alike two names are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// In hundredths of a percent: 0 to 10,000.
    pub score: u32,
    pub reason: String,
}

impl Match {
    pub fn band(&self) -> Band {
        Band::of(self.score)
    }
}

/// What stands before a name, and is none.
const TITLES: &[&str] =
    &["SHRI", "SHREE", "SRI", "SMT", "SHRIMATI", "KUM", "MR", "MRS", "MS", "MISS", "DR", "PROF", "ADV", "CA", "MESSRS"];

/// What stands after or before it in respect.
const RESPECT: &[&str] = &["JI", "BHAI", "BEN", "DADA"];

/// Words of companies, each as it is written out.
const WRITTEN_OUT: &[(&str, &str)] = &[
    ("PVT", "PRIVATE"),
    ("P", "PRIVATE"),
    ("LTD", "LIMITED"),
    ("CO", "COMPANY"),
    ("CORP", "CORPORATION"),
    ("BROS", "BROTHERS"),
    ("INTL", "INTERNATIONAL"),
    ("ENTP", "ENTERPRISES"),
    ("ASSN", "ASSOCIATION"),
];

/// Words that a company's name has, and a person's has not.
const COMPANY: &[&str] = &[
    "LIMITED",
    "LTD",
    "LLP",
    "COMPANY",
    "CO",
    "CORPORATION",
    "CORP",
    "PRIVATE",
    "PVT",
    "ENTERPRISES",
    "BROTHERS",
    "BROS",
];

/// More words than a name has: what is behind them is compared as one.
const MOST_WORDS: usize = 10;

/// How much an initial that fits counts, of a word that is the same.
const INITIAL: f64 = 0.95;

/// Less alike than this are different words: names are short, and share letters by chance.
const DIFFERENT: f64 = 0.6;

/// The words of a name, in capital letters without marks, titles and whose child somebody is.
fn words_of(name: &str) -> Vec<String> {
    let plain: String = name.nfkd().filter(|c| !is_combining_mark(*c) || is_of_a_word(*c)).collect();
    let plain = plain.to_uppercase().replace("M/S", " ").replace('&', " AND ").replace(['\'', '\u{2019}'], "");
    let plain = without_parent(&plain);
    let divided = plain.split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c));
    let mut words: Vec<String> = divided.filter(|w| !w.is_empty()).map(str::to_owned).collect();
    while words.len() > 1
        && words.first().is_some_and(|w| TITLES.contains(&w.as_str()) || RESPECT.contains(&w.as_str()))
    {
        words.remove(0);
    }
    while words.len() > 1 && words.last().is_some_and(|w| RESPECT.contains(&w.as_str())) {
        words.pop();
    }
    if words.iter().any(|w| COMPANY.contains(&w.as_str())) {
        for word in &mut words {
            if let Some((_, out)) = WRITTEN_OUT.iter().find(|(short, _)| *short == word.as_str()) {
                *word = (*out).to_owned();
            }
        }
    }
    if let Some(rest) = words.get(MOST_WORDS - 1..).filter(|rest| rest.len() > 1) {
        let rest = rest.concat();
        words.truncate(MOST_WORDS - 1);
        words.push(rest);
    }
    words
}

/// Marks that are letters of their script, as the vowels of Devanagari are, and no accents.
fn is_of_a_word(mark: char) -> bool {
    !matches!(mark, '\u{300}'..='\u{36f}')
}

/// Without the tail that names a parent or spouse: `S/O RAM`, `W/O SHYAM`, `C/O ...`.
fn without_parent(name: &str) -> &str {
    let tails = [" S/O", " D/O", " W/O", " C/O", " H/O"];
    let end = tails.iter().filter_map(|tail| name.find(tail)).min().unwrap_or(name.len());
    &name[..end]
}

/// How alike two words are, and whether one is the initial of the other.
fn alike(a: &str, b: &str) -> (f64, bool) {
    if a == b {
        return (1.0, false);
    }
    let is_initial = |short: &str, long: &str| short.chars().count() == 1 && long.starts_with(short);
    if is_initial(a, b) || is_initial(b, a) {
        return (INITIAL, true);
    }
    ((jaro_winkler(a, b) - DIFFERENT).max(0.0) / (1.0 - DIFFERENT), false)
}

/// Words of two or three letters that are written for as many words of the other name, taken apart: `SK` as `S K`.
fn apart(words: &[String], others: &[String]) -> Vec<String> {
    let stands_for = |word: &str| {
        let letters: Vec<char> = word.chars().collect();
        (2..=3).contains(&letters.len())
            && others.windows(letters.len()).any(|some| some.iter().zip(&letters).all(|(w, c)| w.starts_with(*c)))
            && !others.iter().any(|other| other == word)
    };
    let parts = words.iter().flat_map(|word| match stands_for(word) {
        true => word.chars().map(String::from).collect(),
        false => vec![word.clone()],
    });
    parts.collect()
}

/// Words of two names that go together.
#[derive(Clone, Copy, Default)]
struct Paired {
    /// Letters of both, each word by how alike it is to its other.
    alike: f64,
    /// Letters of both.
    letters: f64,
    pairs: usize,
    initials: usize,
    misspelt: usize,
}

impl Paired {
    fn with(mut self, word: &str, other: &str) -> Option<Paired> {
        let (how, is_initial) = alike(word, other);
        if how == 0.0 {
            return None;
        }
        // An initial says as much as the word that it stands for.
        let letters = if is_initial { 2.0 * length(word).max(length(other)) } else { length(word) + length(other) };
        self.alike += how * letters;
        self.letters += letters;
        self.pairs += 1;
        self.initials += usize::from(is_initial);
        self.misspelt += usize::from(!is_initial && word != other);
        Some(self)
    }
}

#[expect(clippy::cast_precision_loss, reason = "letters of a name")]
fn length(word: &str) -> f64 {
    word.chars().count() as f64
}

/// The pairs by which two names are most alike: for each set of words of the second that is used, the best of as many words
/// of the first as were gone through. Few words make few sets.
fn paired(words: &[String], others: &[String]) -> (Paired, f64) {
    let all: f64 = words.iter().chain(others).map(|w| length(w)).sum();
    let mut best: Vec<Option<(Paired, f64)>> = vec![None; 1 << others.len()];
    best[0] = Some((Paired::default(), all));
    for word in words {
        let mut next = best.clone();
        for (used, (so_far, left)) in best.iter().enumerate().filter_map(|(used, b)| Some((used, (*b)?))) {
            for (at, other) in others.iter().enumerate().filter(|(at, _)| used & (1 << at) == 0) {
                let Some(paired) = so_far.with(word, other) else { continue };
                let slot = &mut next[used | 1 << at];
                if slot.is_none_or(|(known, _)| known.alike < paired.alike) {
                    *slot = Some((paired, left - length(word) - length(other)));
                }
            }
        }
        best = next;
    }
    let by_score = |(a, x): &(Paired, f64), (b, y): &(Paired, f64)| share(a, *x).total_cmp(&share(b, *y));
    best.into_iter().flatten().max_by(by_score).unwrap_or_default()
}

/// How much of all letters is alike, of 1.
fn share(paired: &Paired, left: f64) -> f64 {
    paired.alike / (paired.letters + left).max(1.0)
}

/// How alike two names are.
pub fn compare(one: &str, other: &str) -> Match {
    let (mut one, mut other) = (words_of(one), words_of(other));
    let of = |score: u32, reason: &str| Match { score, reason: reason.to_owned() };
    if one.is_empty() || other.is_empty() {
        return of(0, "one of them is no name");
    }
    if one == other {
        return of(10_000, "the same name");
    }
    let (mut words, mut others) = (apart(&one, &other), apart(&other, &one));
    for all in [&mut one, &mut other, &mut words, &mut others] {
        all.sort_unstable();
    }
    if one == other {
        return of(10_000, "the same words in another order");
    }
    // Which of the two is asked about first is no matter, to the last digit.
    if words > others {
        std::mem::swap(&mut words, &mut others);
    }
    let (paired, left) = paired(&words, &others);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 10,000")]
    let score = (share(&paired, left) * 10_000.0).round() as u32;
    let without = words.len() + others.len() - 2 * paired.pairs;
    let counted = |n: usize, one: &str, many: &str| match n {
        0 => None,
        1 => Some(format!("1 {one}")),
        n => Some(format!("{n} {many}")),
    };
    let reasons = [
        counted(paired.initials, "initial stands for a word", "initials stand for words"),
        counted(paired.misspelt, "word is spelt otherwise", "words are spelt otherwise"),
        counted(without, "word is in one of them alone", "words are in one of them alone"),
    ];
    let reasons: Vec<String> = reasons.into_iter().flatten().collect();
    Match { score: score.min(9_999), reason: reasons.join("; ") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// FACTS: published values of Jaro and Winkler.
    #[test]
    fn words_are_compared_as_published() {
        for (a, b, alike) in [("MARTHA", "MARHTA", 0.9611), ("DIXON", "DICKSONX", 0.8133), ("DWAYNE", "DUANE", 0.84)] {
            assert!((jaro_winkler(a, b) - alike).abs() < 0.0001, "{a} {b}");
        }
    }

    #[test]
    fn names_fall_into_their_bands() {
        use Band::{Direct, Good, Moderate, None, Poor};
        for (one, other, band) in [
            ("Ravi Kumar", "RAVI  KUMAR", Direct),
            ("Shri Ravi Kumar", "Kumar, Ravi", Direct),
            ("Mr. Ravi Kumar S/O Suresh Kumar", "ravi kumar", Direct),
            ("José Álvares", "JOSE ALVARES", Direct),
            ("M/s Acme Pvt. Ltd.", "ACME PRIVATE LIMITED", Direct),
            ("Acme & Sons Co", "ACME AND SONS COMPANY", Direct),
            ("रवि कुमार", "कुमार रवि", Direct),
            ("S K Mishra", "Satish Kumar Mishra", Good),
            ("SK MISHRA", "SATISH KUMAR MISHRA", Good),
            ("Ramesh Kumar", "Rameshh Kumar", Good),
            ("Anil Reddy", "Sunil Reddy", Moderate),
            ("Ravi Kumar", "Ravi Kumar Sharma", Moderate),
            ("Dada Joel Rego Bhai", "Shri Shri Joyal Raygoo Ji", Poor),
            ("Ravi Kumar", "Meera Iyer", None),
            ("Ravi Kumar", "", None),
        ] {
            let found = compare(one, other);
            assert_eq!(found.band(), band, "{one} | {other}: {found:?}");
            assert_eq!(found, compare(other, one), "{one} | {other}");
        }
    }

    #[test]
    fn bands_begin_where_they_are_said_to() {
        for (score, band) in [(0, "none"), (3_399, "none"), (3_400, "poor"), (5_999, "poor"), (6_000, "moderate")] {
            assert_eq!(Band::of(score).as_str(), band, "{score}");
        }
        for (score, band) in [(8_499, "moderate"), (8_500, "good"), (9_999, "good"), (10_000, "direct")] {
            assert_eq!(Band::of(score).as_str(), band, "{score}");
        }
    }

    proptest! {
        /// A reason quotes no name, a score stays in its range, and order is no matter.
        #[test]
        fn any_names(one in "\\PC{0,60}", other in "[a-zA-Z ./&]{0,60}") {
            let found = compare(&one, &other);
            prop_assert!(found.score <= 10_000);
            prop_assert_eq!(found.score, compare(&other, &one).score);
            prop_assert_eq!(compare(&one, &one).score, if words_of(&one).is_empty() { 0 } else { 10_000 });
            let of_the_program = found.reason.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || " ;".contains(c));
            prop_assert!(of_the_program, "{}", found.reason);
        }
    }
}
