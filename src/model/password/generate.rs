//! A password for somebody else: made, shown once, and changed at the first sign-in.

use zeroize::Zeroizing;

use super::secret::Secret;

/// Letters and digits that can't be taken for one another, spoken or printed: no 0 and o, no 1 and l. There are 32, so
/// five random bits pick one and none is picked more often.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

const GROUPS: usize = 5;
const GROUP: usize = 4;

/// Five groups of four characters, `k7hm-2xwq-...`: 100 random bits. `random` fills a slice with bytes fit for keys; what
/// comes of such bytes passes [`super::policy::check`].
pub fn generate(random: &mut dyn FnMut(&mut [u8])) -> Secret {
    let mut bytes = Zeroizing::new([0; GROUPS * GROUP]);
    random(&mut *bytes);
    let mut text = String::with_capacity(GROUPS * (GROUP + 1));
    for (i, byte) in bytes.iter().enumerate() {
        if i > 0 && i % GROUP == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use super::super::policy;
    use super::*;

    #[test]
    fn alphabet_has_no_doubles_and_nothing_alike() {
        let mut seen = ALPHABET.to_vec();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 32);
        assert!(!ALPHABET.iter().any(|c| b"0o1lOI".contains(c)));
    }

    #[test]
    fn every_character_is_picked_by_as_many_bytes() {
        let mut counts = [0; 256];
        let mut next = 0_u8;
        for _ in 0..64 {
            // 64 passwords of 20 bytes: each byte value five times.
            let password = generate(&mut |bytes| {
                bytes.fill_with(|| {
                    next = next.wrapping_add(1);
                    next
                });
            });
            password.expose().bytes().filter(|c| *c != b'-').for_each(|c| counts[usize::from(c)] += 1);
        }
        assert!(ALPHABET.iter().all(|c| counts[usize::from(*c)] == 64 * 20 / 32));
    }

    #[test]
    fn made_ones_pass_the_policy() {
        // SplitMix64 (Steele and others, 2014), for bytes that are the same in every run.
        let mut state = 0_u64;
        let mut random = |bytes: &mut [u8]| {
            bytes.fill_with(|| {
                state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb).to_be_bytes()[0]
            });
        };
        for _ in 0..2000 {
            let password = generate(&mut random);
            assert_eq!(password.expose().len(), 24);
            assert_eq!(policy::check(&password, policy::MIN_LENGTH, &["ravi.kumar", "Acme"]), Ok(()));
        }
    }
}
