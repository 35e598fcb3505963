//! Whether a new password is good enough, by NIST SP 800-63B-4, section 3.1.1.2: long, not on a list of what people use,
//! not made of what anybody knows about the user. Which kinds of characters are in it does not matter, and a good one
//! does not age.

use std::fmt;

use zeroize::Zeroizing;

use super::formats;
use super::secret::{Secret, gather};

/// Least characters where the password is all it takes to sign in.
pub const MIN_LENGTH: usize = 15;
/// Least characters where there is a second factor. No setting goes below it.
pub const MIN_LENGTH_WITH_SECOND_FACTOR: usize = 8;
/// Most characters. NIST asks for 64 at least.
pub const MAX_LENGTH: usize = 256;

/// Why a password is not good enough, in words that follow the name of the field and never quote the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    TooShort {
        least: usize,
    },
    TooLong,
    /// What other software stores of a password: as a password, it would let in whoever has seen it
    StoredHash,
    /// A line break, a tab, a NUL: mostly a slip, and some programs stop there
    Control,
    /// On the list of common passwords, by itself or between digits and signs
    Common,
    /// No more than half of it is left when repeats and sequences count as one character each
    Pattern,
    /// Half of it or more are words of the context
    Context,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Weakness::TooShort { least } => write!(f, "must have {least} characters or more"),
            Weakness::TooLong => write!(f, "must have {MAX_LENGTH} characters or fewer"),
            Weakness::StoredHash => f.write_str(
                "must not be a stored hash, which would itself sign in; hashes are imported in a column password_hash",
            ),
            Weakness::Control => f.write_str("must not hold control characters such as a tab or a line break"),
            Weakness::Common => {
                f.write_str("must not be one that many people use, nor that with digits or signs added")
            }
            Weakness::Pattern => f.write_str("must not be mostly repeats or sequences such as aaaa, 1234 or qwerty"),
            Weakness::Context => {
                f.write_str("must not be mostly a name that others know: of the user or the organisation")
            }
        }
    }
}

impl std::error::Error for Weakness {}

/// Judges a new password. `min_length` comes from the settings; characters are code points of normalisation form KC, as
/// they are hashed. `context` holds what others know: username, e-mail address, names of the user and the organisation.
///
/// # Errors
/// The first [`Weakness`] found.
pub fn check(password: &Secret, min_length: usize, context: &[&str]) -> Result<(), Weakness> {
    let normal = password.normalised();
    let text = normal.expose();
    let length = text.chars().count();
    let least = min_length.max(MIN_LENGTH_WITH_SECOND_FACTOR);
    if formats::is_stored(text) {
        return Err(Weakness::StoredHash);
    }
    if text.contains(char::is_control) {
        return Err(Weakness::Control);
    }
    if length < least {
        return Err(Weakness::TooShort { least });
    }
    if length > MAX_LENGTH {
        return Err(Weakness::TooLong);
    }
    let folded = gather(text.chars().flat_map(char::to_lowercase));
    let solid = solid(text);
    if is_common(&folded) || is_common(&solid) {
        return Err(Weakness::Common);
    }
    if is_pattern(&Zeroizing::new(folded.chars().collect::<Vec<char>>())) {
        return Err(Weakness::Pattern);
    }
    if is_context(solid, context) { Err(Weakness::Context) } else { Ok(()) }
}

/// Letters and digits only, in lower case.
fn solid(text: &str) -> Zeroizing<String> {
    gather(text.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()))
}

/// Whether the text is listed, or is with digits and signs taken off its ends. What is left must be a third of it: a
/// long password may well have a common word inside.
fn is_common(text: &str) -> bool {
    let least = MIN_LENGTH_WITH_SECOND_FACTOR.max(text.len() / 3);
    let first_letter = text.find(char::is_alphabetic).unwrap_or(0);
    let last_letter = text.rfind(char::is_alphabetic).unwrap_or(0);
    let ends = text.char_indices().map(|(i, c)| (i, i + c.len_utf8())).filter(|(i, _)| *i >= last_letter);
    ends.into_iter().any(|(_, end)| {
        [0, first_letter].into_iter().any(|start| end >= start + least && is_listed(&text.as_bytes()[start..end]))
    })
}

/// Sorted lines; where they come from stands at their head. Searched where it lies, so it costs nothing until then.
const LIST: &[u8] = include_bytes!("blocklist.txt");

fn is_listed(word: &[u8]) -> bool {
    let (mut low, mut high) = (0, LIST.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = LIST[low..middle].iter().rposition(|b| *b == b'\n').map_or(low, |i| low + i + 1);
        let end = LIST[start..].iter().position(|b| *b == b'\n').map_or(LIST.len(), |i| start + i);
        match LIST[start..end].cmp(word) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = LIST.len().min(end + 1),
            std::cmp::Ordering::Greater => high = start,
        }
    }
    false
}

/// What fingers do on a keyboard: along its rows, down its columns, to and fro between two rows.
const WALKS: [&str; 8] = [
    "1234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
    "qawsedrftgyhujikolp",
];

/// A text written twice or more; or one that shrinks to half when each run of three and more characters that repeat, or
/// follow one another in the alphabet or on the keyboard, counts as one.
fn is_pattern(chars: &[char]) -> bool {
    let n = chars.len();
    if (1..=n / 2).any(|period| chars[period..] == chars[..n - period]) {
        return true;
    }
    let (mut at, mut counted) = (0, 0);
    while at < n {
        let mut run = 1;
        let mut steps = u32::MAX;
        while at + run < n && steps & step(chars[at + run - 1], chars[at + run]) != 0 {
            steps &= step(chars[at + run - 1], chars[at + run]);
            run += 1;
        }
        counted += 1;
        at += if run >= 3 { run } else { 1 };
    }
    counted <= n / 2
}

/// The ways in which `b` follows `a`, a bit for each: repeated, up and down the alphabet, along each walk and back.
fn step(a: char, b: char) -> u32 {
    let letters = a.is_alphanumeric() && b.is_alphanumeric();
    let mut ways = u32::from(a == b);
    ways |= u32::from(letters && u32::from(a) + 1 == u32::from(b)) << 1;
    ways |= u32::from(letters && u32::from(b) + 1 == u32::from(a)) << 2;
    for (i, walk) in WALKS.iter().enumerate() {
        if let (Some(from), Some(to)) = (walk.find(a), walk.find(b)) {
            ways |= u32::from(from + 1 == to) << (3 + 2 * i);
            ways |= u32::from(to + 1 == from) << (4 + 2 * i);
        }
    }
    ways
}

/// Whether half or more of the text goes when the words of the context are taken out, each as a whole and in parts.
/// Words of one or two characters could be anywhere.
fn is_context(solid_text: Zeroizing<String>, context: &[&str]) -> bool {
    let normal = context.iter().map(|word| Secret::new((*word).to_owned()).normalised());
    let mut words: Vec<_> = normal
        .flat_map(|word| {
            let parts = word.expose().split(|c: char| !c.is_alphanumeric()).chain([word.expose()]);
            parts.map(solid).collect::<Vec<_>>()
        })
        .filter(|word| word.chars().count() >= 3)
        .collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let length = solid_text.chars().count();
    let rest = words.iter().fold(solid_text, |text, word| Zeroizing::new(text.replace(word.as_str(), "")));
    length > 0 && rest.chars().count() * 2 <= length
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: [&str; 4] = ["ravi.kumar", "ravi.kumar@acme.example", "Ravi Kumār", "Acme Traders Pvt Ltd"];

    fn judge(password: &str, min_length: usize) -> Result<(), Weakness> {
        check(&Secret::new(password.into()), min_length, &CONTEXT)
    }

    #[test]
    fn length_counts_code_points_after_nfkc() {
        let short = Err(Weakness::TooShort { least: 15 });
        assert_eq!(judge("kestrel#lamp.92", 15), Ok(()));
        assert_eq!(judge("kestrel#lamp.9", 15), short);
        // Ten letters of two marks each are 20 code points apart and 10 together (UAX 15).
        assert_eq!(judge("e\u{301}u\u{308}a\u{300}o\u{302}i\u{301}c\u{327}n\u{303}", 15), short);
        // A ligature is two letters.
        assert_eq!(judge("kestrel#lamp.\u{fb01}", 15), Ok(()));
        // Every sign of a script counts as one, and none is asked for (NIST: no composition rules).
        assert_eq!(judge("बरसात में छाता लाल", 15), Ok(()));
        assert_eq!(judge("correct pony battery stable", 15), Ok(()));
        assert_eq!(judge("kestrel9", 8), Ok(()));
        assert_eq!(judge("kestre9", 0), Err(Weakness::TooShort { least: 8 }));
        let long: String = "kestrel#lamp.92 over the mossy quarry by a slow canal, twice a week ".repeat(9);
        assert_eq!(judge(&long[..256], 15), Err(Weakness::Pattern));
        assert_eq!(judge(&long[..257], 15), Err(Weakness::TooLong));
        assert_eq!(judge(&long[..64], 15), Ok(()));
    }

    #[test]
    fn weak_ones_are_named() {
        for (password, weakness) in [
            ("kestrel#lamp\n.92", Weakness::Control),
            ("kestrel#lamp\0.92", Weakness::Control),
            ("1qaz2wsx3edc4rfv", Weakness::Common),
            ("PasswordPassword", Weakness::Pattern),
            ("Password!2026!!!", Weakness::Common),
            ("p-a-s-s-w-o-r-d-2-0-2-6", Weakness::Common),
            ("2026#letmein123#", Weakness::Common),
            ("***sunshine*2026***", Weakness::Common),
            ("ＰＡＳＳＷＯＲＤ２０２６９３１", Weakness::Common),
            ("aaaaaaaaaaaaaaa", Weakness::Pattern),
            ("aaaaaaaaaaaaaab", Weakness::Pattern),
            ("               ", Weakness::Pattern),
            ("kite7kite7kite7k", Weakness::Pattern),
            ("MossyLampMossyLamp", Weakness::Pattern),
            ("abcdefghijklmnop", Weakness::Pattern),
            ("zyxwvutsrqponml", Weakness::Pattern),
            ("badger123456789", Weakness::Pattern),
            ("lkjhgfdsa09876543", Weakness::Pattern),
            ("abcd1234efgh5678", Weakness::Pattern),
            ("RaviKumar-1985-07", Weakness::Context),
            ("acme.traders.2026", Weakness::Context),
            ("Kumar@Acme.Ravi#73", Weakness::Context),
            ("KUMĀR ravi 50261 9", Weakness::Context),
        ] {
            assert_eq!(judge(password, 15), Err(weakness), "{password}");
            let said = weakness.to_string();
            assert!(said.starts_with("must ") && (password.trim().is_empty() || !said.contains(password)), "{said}");
        }
        for password in ["12345678", "iloveyou1", "qwertyui", "abcd1234", "11111111"] {
            assert!(judge(password, 8).is_err(), "{password}");
        }
        for password in ["ravi sells blue bicycles", "abc mill over 12 ponds", "a password for my sister's boat"] {
            assert_eq!(judge(password, 15), Ok(()), "{password}");
        }
    }

    #[test]
    fn nothing_in_the_context_is_nothing_against_it() {
        let password = Secret::new("kestrel#lamp.92".into());
        assert_eq!(check(&password, 15, &[]), Ok(()));
        assert_eq!(check(&password, 15, &["", "-", "k", "la"]), Ok(()));
        assert_eq!(check(&Secret::new("#%&! ~*+;: ,.-_=".into()), 15, &["ravi"]), Ok(()));
    }

    /// The search relies on the order.
    #[test]
    fn list_is_sorted_and_every_line_is_found() {
        let list = std::str::from_utf8(LIST).expect("text");
        let words: Vec<&str> = list.lines().skip_while(|l| l.starts_with('#')).collect();
        assert!(words.len() > 10_000 && list.ends_with('\n'));
        assert!(words.is_sorted_by(|a, b| a < b));
        for word in &words {
            assert!(word.len() >= 8 && *word > "#" && *word == word.to_lowercase(), "{word}");
            assert!(is_listed(word.as_bytes()), "{word}");
        }
        for word in ["", "\u{0}", "a", "passwore", "password ", "zzzzzzzzzzzz", "\u{10ffff}"] {
            assert!(!is_listed(word.as_bytes()), "{word}");
        }
    }
}
