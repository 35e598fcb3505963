//! Codes that are made where none is given, each of a number that no other has.

use sha2::{Digest as _, Sha256};

/// How a code is made of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeGenerator {
    /// What stands in front, and the number with at least three digits: `DEPT-001`.
    Numbered(&'static str),
    /// The next number within what the reference of this column names: 1, 2, 3. It is the one behind the greatest that a
    /// record there has, a deleted one too, so that none is lost with a change that is undone.
    Counted(&'static str),
    /// Six characters that don't tell how many there are, nor which comes next.
    Permuted,
}

/// Digits and letters that are not mistaken for each other: without 0 and O, 1 and I.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// Characters of a scattered code.
const LENGTH: u32 = 6;

/// Bits of a half: 32^6 codes are two to the power of 30.
const HALF: u32 = 15;

/// Rounds of the network: four make a permutation that can't be told from chance (Luby and Rackoff 1988); the domain is
/// small, so there are more.
const ROUNDS: u8 = 8;

impl CodeGenerator {
    /// How many codes are skipped when a backup is restored. How many were given since it was made can't be known: a
    /// million people can come with one import; what is numbered is made by hand, and its numbers are to stay short.
    pub const fn leap(self) -> u64 {
        match self {
            // What is counted by the records that are there needs no leap.
            CodeGenerator::Counted(_) => 0,
            CodeGenerator::Numbered(_) => 1000,
            CodeGenerator::Permuted => 1_000_000,
        }
    }

    /// The code of a number, counted from 0; none once all are used up.
    pub fn code(self, number: u64, key: &[u8; 16]) -> Option<String> {
        match self {
            CodeGenerator::Counted(_) => Some(number.checked_add(1)?.to_string()),
            CodeGenerator::Numbered(front) => Some(format!("{front}{:03}", number.checked_add(1)?)),
            CodeGenerator::Permuted => {
                let number = u32::try_from(number).ok().filter(|n| *n < 1 << (2 * HALF))?;
                let scattered = permuted(number, key);
                let digit = |i| ALPHABET[(scattered >> (5 * i)) as usize % ALPHABET.len()];
                Some((0..LENGTH).rev().map(|i| char::from(digit(i))).collect())
            }
        }
    }
}

/// A keyed permutation of the numbers below 2^30: a Feistel network, so that no two numbers give the same.
fn permuted(number: u32, key: &[u8; 16]) -> u32 {
    const MASK: u32 = (1 << HALF) - 1;
    let (mut left, mut right) = (number >> HALF, number & MASK);
    for round in 0..ROUNDS {
        let mut hash = Sha256::new();
        hash.update(key);
        hash.update([round]);
        hash.update(right.to_be_bytes());
        let hash: [u8; 32] = hash.finalize().into();
        let mixed = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]) & MASK;
        (left, right) = (right, left ^ mixed);
    }
    left << HALF | right
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_scattered_and_never_repeat() {
        let key = *b"sixteen byte key";
        let codes: HashSet<String> = (0..20_000).filter_map(|n| CodeGenerator::Permuted.code(n, &key)).collect();
        assert_eq!(codes.len(), 20_000);
        assert!(codes.iter().all(|c| c.len() == 6 && c.bytes().all(|b| ALPHABET.contains(&b))));
        assert_ne!(CodeGenerator::Permuted.code(0, &key), CodeGenerator::Permuted.code(0, &[0; 16]), "by the key");
        assert!(CodeGenerator::Permuted.code((1 << 30) - 1, &key).is_some());
        assert_eq!(CodeGenerator::Permuted.code(1 << 30, &key), None, "all used up");
    }

    #[test]
    fn numbers_have_three_digits_or_more() {
        let code = |n| CodeGenerator::Numbered("DEPT-").code(n, &[0; 16]);
        assert_eq!([code(0), code(998), code(999)], ["DEPT-001", "DEPT-999", "DEPT-1000"].map(|c| Some(c.into())));
    }
}
