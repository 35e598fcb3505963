//! Values that are kept sealed: `version (1) | key id (16) | nonce (24) | ciphertext | tag (16)`.

use uuid::Uuid;
use zeroize::Zeroizing;

use super::bound::{Bound, VERSION, damaged};
use super::cipher::{self, NONCE, TAG};
use super::keys::DataKey;
use crate::model::problem::Problem;
use crate::model::random::{Random, bytes};

/// Where a value belongs: it opens there alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The public id of the organisation, which is the same in every database that it is brought to.
    pub org: Uuid,
    pub table: &'a str,
    pub column: &'a str,
    /// The id of the record.
    pub row: Uuid,
}

impl Place<'_> {
    fn bound(&self, key: Uuid) -> Vec<u8> {
        Bound::default()
            .part(b"orgctl sealed value")
            .part(&[VERSION])
            .part(self.org.as_bytes())
            .part(self.table.as_bytes())
            .part(self.column.as_bytes())
            .part(self.row.as_bytes())
            .part(key.as_bytes())
            .0
    }
}

/// The bytes that are kept of a value.
pub fn seal(key: &DataKey, at: &Place<'_>, clear: &[u8], random: &dyn Random) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(1 + 16 + NONCE + clear.len() + TAG);
    sealed.push(VERSION);
    sealed.extend_from_slice(key.id.as_bytes());
    cipher::encrypt(&key.key.0, &bytes(random), &at.bound(key.id), clear, &mut sealed);
    sealed
}

/// The id of the key that a value was sealed by.
pub fn key_of(sealed: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(sealed.strip_prefix(&[VERSION])?.get(..16)?).ok()
}

/// The value whose bytes were kept.
pub fn open(key: &DataKey, at: &Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let wrong = || damaged(&format!("the sealed {} of {}", at.column, at.row));
    let id = key_of(sealed).ok_or_else(wrong)?;
    if id != key.id {
        return Err(wrong());
    }
    cipher::decrypt(&key.key.0, &at.bound(id), &sealed[17..]).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::sealing::keys::OrgKey;
    use crate::model::sealing::wrapped::{KeyPlace, Purpose, Wrap as _, Wraps as _};

    struct Counting(std::sync::atomic::AtomicU8);
    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        }
    }

    fn random() -> Counting {
        Counting(std::sync::atomic::AtomicU8::new(1))
    }

    /// Computed by a program of its own from the layout that docs/keys.md tells (Python, with libsodium's
    /// `crypto_aead_xchacha20poly1305_ietf_encrypt`): key 01.., nonce 02...
    #[test]
    fn the_layout_is_as_documented() {
        let (random, id) = (random(), Uuid::from_u128(7));
        let key = DataKey::generate(id, &random);
        let at = Place { org: Uuid::from_u128(1), table: "kyc_records", column: "number", row: Uuid::from_u128(9) };
        let sealed = seal(&key, &at, b"ABCPK1234F", &random);
        assert_eq!(
            hex::encode(sealed),
            "01000000000000000000000000000000070202020202020202020202020202020202020202020202028d2475bfe146ce7e9427f82afba4bccdd94d50584548647361dd"
        );
    }

    #[test]
    fn wrapped_keys_are_as_documented() {
        let (random, id) = (random(), Uuid::from_u128(7));
        let (by, key) = (OrgKey::generate(Uuid::from_u128(5), &random), DataKey::generate(id, &random));
        let at = KeyPlace {
            org: Uuid::from_u128(1),
            purpose: Purpose::Data,
            subject: Some(Uuid::from_u128(3)),
            column: None,
            id,
        };
        let wrapped = by.wrap(&key, &at, &random);
        assert_eq!(
            hex::encode(&wrapped),
            "010303030303030303030303030303030303030303030303034c020d73f23dd0c3e9dfa73e4f35df0115d526a098b9ef1bfb14f56179163dfdaff408a0be213ea575dafbd68cb7319c"
        );
        for other in [
            KeyPlace { org: Uuid::from_u128(2), ..at },
            KeyPlace { purpose: Purpose::Fingerprint, ..at },
            KeyPlace { subject: Some(Uuid::from_u128(4)), ..at },
            KeyPlace { subject: None, ..at },
            KeyPlace { column: Some("x"), ..at },
            KeyPlace { id: Uuid::from_u128(8), ..at },
        ] {
            assert!(by.unwrap::<DataKey>(&wrapped, &other).is_err(), "{other:?}");
        }
        assert!(by.unwrap::<DataKey>(&wrapped, &at).is_ok());
        let other = OrgKey::generate(by.id(), &random);
        assert!(other.unwrap::<DataKey>(&wrapped, &at).is_err());
        let again = by.rewrap(&other, &wrapped, &at, &random).expect("wrapped anew");
        assert!(other.unwrap::<DataKey>(&again, &at).is_ok_and(|k| k.bytes() == key.bytes()));
    }

    proptest! {
        /// Wherever else it is brought, whichever byte of it is another, and wherever a word of its place ends, it does not open.
        #[test]
        fn it_opens_in_its_place_alone(
            clear in prop::collection::vec(any::<u8>(), 0..200),
            (table, column) in ("[a-z_]{1,12}", "[a-z_]{1,12}"),
            (org, row) in (any::<u128>(), any::<u128>()),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u8,
            cut in any::<prop::sample::Index>(),
        ) {
            let random = random();
            let key = DataKey::generate(Uuid::from_u128(7), &random);
            let (org, row) = (Uuid::from_u128(org), Uuid::from_u128(row));
            let place = Place { org, table: &table, column: &column, row };
            let sealed = seal(&key, &place, &clear, &random);
            prop_assert_eq!(key_of(&sealed), Some(key.id()));
            let opened = open(&key, &place, &sealed);
            prop_assert_eq!(opened.as_ref().map(|c| c.as_slice()).ok(), Some(clear.as_slice()));
            let mut changed = sealed.clone();
            changed[at.index(sealed.len())] ^= 1 << bit;
            prop_assert!(open(&key, &place, &changed).is_err());
            prop_assert!(open(&key, &place, &sealed[..at.index(sealed.len())]).is_err());
            let both = format!("{table}{column}");
            let cut = 1 + cut.index(both.len() - 1);
            let (other_table, other_column) = both.split_at(cut);
            let shifted = Place { table: other_table, column: other_column, ..place };
            prop_assert_eq!(open(&key, &shifted, &sealed).is_ok(), other_table == table);
            let of_another = DataKey::generate(Uuid::from_u128(7), &random);
            prop_assert!(open(&of_another, &place, &sealed).is_err());
            for other in [
                Place { org: Uuid::from_u128(org.as_u128() ^ 1 << (at.index(128))), ..place },
                Place { row: Uuid::from_u128(row.as_u128() ^ 1 << (at.index(128))), ..place },
            ] {
                prop_assert!(open(&key, &other, &sealed).is_err());
            }
        }
    }
}
