//! Text that must not leak: a password on its way from the prompt to its hash.

use std::fmt;

use subtle::ConstantTimeEq as _;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// Text that is a secret. It prints as `***`, can be neither cloned nor serialised, and its memory is overwritten when
/// it goes away. What the caller copied before is the caller's to wipe: hand the `String` over instead.
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: String) -> Secret {
        Secret(Zeroizing::new(text))
    }

    /// The text itself. Each use of this is a place to look at in a review.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Normalisation form KC, so that a password is the same from every keyboard (NIST SP 800-63B-4, section 3.1.1.2).
    #[must_use]
    pub fn normalised(&self) -> Secret {
        Secret(gather(self.expose().nfkc()))
    }

    /// Normalisation form C, as most keyboards give a text.
    #[must_use]
    pub fn composed(&self) -> Secret {
        Secret(gather(self.expose().nfc()))
    }

    /// Normalisation form D, as some file systems and programs give it.
    #[must_use]
    pub fn decomposed(&self) -> Secret {
        Secret(gather(self.expose().nfd()))
    }
}

/// Takes time by the length alone, not by where two secrets differ.
impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Collects characters into text that is wiped. The room is measured first: growing would leave copies behind.
pub(crate) fn gather(chars: impl Iterator<Item = char> + Clone) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(chars.clone().map(char::len_utf8).sum()));
    chars.for_each(|c| text.push(c));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.into())
    }

    #[test]
    fn never_printed() {
        let secret = secret("monsoon");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "*** *** Some(***)");
    }

    #[test]
    fn equal_by_text() {
        assert_eq!(secret("monsoon"), secret("monsoon"));
        assert_ne!(secret("monsoon"), secret("monsoom"));
        assert_ne!(secret("monsoon"), secret("monsoons"));
    }

    /// Unicode Standard Annex 15: figure 6 (ligature fi, long s with dots) and the full-width forms.
    #[test]
    fn normalised_by_nfkc() {
        for (typed, normal) in
            [("\u{fb01}", "fi"), ("\u{1e9b}\u{323}", "\u{1e69}"), ("ＡＢ１", "AB1"), ("plain", "plain")]
        {
            assert_eq!(secret(typed).normalised().expose(), normal);
        }
    }
}
