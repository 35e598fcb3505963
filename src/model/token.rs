//! Tokens: long random words that are shown once and known again by their hash.

use sha2::{Digest as _, Sha256};

use super::password::Secret;

/// Letters and digits of a token.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Letters and digits: 30 of 62 are 178 bits.
const LENGTH: usize = 30;

/// Makes a token of random bytes.
pub fn make(random: &mut dyn FnMut(&mut [u8])) -> Secret {
    let mut text = String::with_capacity(LENGTH);
    let mut bytes = [0; 64];
    while text.len() < LENGTH {
        random(&mut bytes);
        // What is beyond the last whole multiple of 62 is passed over, so that every character is as likely as any other.
        let even = bytes.iter().filter(|b| **b < 248).map(|b| char::from(ALPHABET[usize::from(*b) % ALPHABET.len()]));
        text.extend(even.take(LENGTH - text.len()));
    }
    Secret::new(text)
}

/// What is kept of it. So many random bits need no slow hash (NIST SP 800-63B-4: 112 are enough).
pub fn hash(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_differ() {
        let mut n = 0_u8;
        let mut random = |bytes: &mut [u8]| {
            for b in bytes {
                n = n.wrapping_mul(37).wrapping_add(11);
                *b = n;
            }
        };
        let (a, b) = (make(&mut random), make(&mut random));
        assert_eq!(a.expose().len(), 30);
        assert!(a.expose().bytes().all(|b| b.is_ascii_alphanumeric()));
        assert!(a != b && hash(&a) != hash(&b));
    }
}
