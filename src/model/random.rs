//! Random bytes, and ids made of them. The source is a parameter: who needs it is given it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Gives random bytes fit for keys and salts.
pub trait Random: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

/// `N` random bytes.
pub fn bytes<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

/// Random bytes drawn beforehand, all at once: each draw by itself asks the kernel.
pub struct BufferedRandom<'a> {
    source: &'a dyn Random,
    pool: std::sync::Mutex<Vec<u8>>,
}

impl<'a> BufferedRandom<'a> {
    pub fn new(source: &'a dyn Random, n: usize) -> BufferedRandom<'a> {
        let mut pool = vec![0; n];
        source.fill(&mut pool);
        BufferedRandom { source, pool: pool.into() }
    }
}

impl Random for BufferedRandom<'_> {
    fn fill(&self, bytes: &mut [u8]) {
        match self.pool.lock() {
            Ok(mut pool) if pool.len() >= bytes.len() => {
                let from = pool.len() - bytes.len();
                bytes.copy_from_slice(&pool[from..]);
                // Given once.
                pool.truncate(from);
            }
            _ => self.source.fill(bytes),
        }
    }
}

/// Makes UUIDv7 (RFC 9562, section 6.2, method 2: the random part counts up within a millisecond), so that rows
/// written one after another also lie one after another in the index.
#[derive(Default)]
pub struct Ids {
    millis: u64,
    tail: u128,
}

/// 12 + 62 bits follow the timestamp of a UUIDv7.
const TAIL_BITS: u32 = 74;

impl Ids {
    pub fn next(&mut self, now: DateTime<Utc>, random: &dyn Random) -> Uuid {
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        if millis > self.millis || self.tail >> (TAIL_BITS - 1) == 1 {
            // The top bit starts clear, so that counting up has room before it would overflow.
            self.millis = self.millis.saturating_add(1).max(millis);
            self.tail = u128::from_be_bytes(bytes(random)) >> (128 - TAIL_BITS + 1);
        } else {
            self.tail += u128::from(u32::from_be_bytes(bytes(random))) + 1;
        }
        let rand_a = ((self.tail >> 62) & 0xfff) as u16;
        let rand_b = (self.tail & ((1 << 62) - 1)) as u64;
        let mut raw = [0; 16];
        raw[..6].copy_from_slice(&self.millis.to_be_bytes()[2..]);
        raw[6..8].copy_from_slice(&(0x7000 | rand_a).to_be_bytes());
        raw[8..].copy_from_slice(&((0b10 << 62) | rand_b).to_be_bytes());
        Uuid::from_bytes(raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    /// RFC 9562, appendix A.6: the example's instant gives the example's first 48 bits and version and variant.
    #[test]
    fn ids_follow_rfc_9562() {
        let at = DateTime::from_timestamp_millis(0x017F_22E2_79B0).expect("the RFC's own instant");
        for seed in [0, 0x55, 0xff] {
            let mut ids = Ids::default();
            let mut last = ids.next(at, &Fixed(seed));
            assert!(last.to_string().starts_with("017f22e2-79b0-7"), "{last}");
            for _ in 0..10_000 {
                let next = ids.next(at, &Fixed(seed));
                assert!(next > last);
                assert_eq!((next.get_version_num(), next.get_variant()), (7, uuid::Variant::RFC4122));
                last = next;
            }
        }
    }
}
