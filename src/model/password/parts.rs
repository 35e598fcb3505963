//! What the forms of several makers have: numbers, base64, salts and outputs of a length that can be.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::kdf::{Digest, Kdf, PBKDF2_ROUNDS, Refusal, costs, malformed};

/// Bytes of an output: fewer can be hit by chance, more only cost.
pub(super) const OUTPUT: std::ops::RangeInclusive<usize> = 16..=64;

/// RFC 2898, section 4.2 (of the year 2000): at least 1,000. What has fewer was never meant to be safe.
const FEWEST_ROUNDS: u64 = 1000;

/// A scheme's name, how its output comes from a password, and the output.
pub(super) type Read = Result<(&'static str, Kdf, Vec<u8>), Refusal>;

pub(super) fn argon2_salt(scheme: &'static str, salt: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    // RFC 9106, section 3.1, leaves it open; the reference implementation (argon2.h) sets the 8 bytes.
    if salt.len() < 8 { Err(malformed(scheme, "its salt has 8 bytes or more")) } else { Ok(salt) }
}

pub(super) fn pbkdf2(
    scheme: &'static str,
    digest: Digest,
    rounds: Option<u64>,
    salt: Vec<u8>,
    output: Vec<u8>,
) -> Read {
    let rounds = rounds.filter(|n| *n > 0).ok_or(malformed(scheme, "its rounds are a whole number from 1"))?;
    costs(scheme, rounds <= PBKDF2_ROUNDS, "10,000,000 rounds")?;
    if rounds < FEWEST_ROUNDS {
        return Err(Refusal::Weak { scheme, why: "fewer than 1,000 rounds make guesses cheap" });
    }
    let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
    Ok((scheme, Kdf::Pbkdf2 { digest, rounds, salt: salted_with(scheme, salt)? }, sized(scheme, output)?))
}

pub(super) fn salted_with(scheme: &'static str, salt: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    if salt.is_empty() { Err(malformed(scheme, "its salt is not empty")) } else { Ok(salt) }
}

pub(super) fn sized(scheme: &'static str, output: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    if OUTPUT.contains(&output.len()) { Ok(output) } else { Err(malformed(scheme, "its hash has 16 to 64 bytes")) }
}

/// Base64 with its padding: what lacks it was cut.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

pub(super) fn decode(scheme: &'static str, base64: &GeneralPurpose, text: &str) -> Result<Vec<u8>, Refusal> {
    base64.decode(text).map_err(|_| malformed(scheme, "its salt or hash is not base64"))
}

/// Decimal digits without a leading zero.
pub(super) fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}
