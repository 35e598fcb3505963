//! Keys: each of 32 random bytes, wiped when it goes, and printed as `***`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pbkdf2::hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::model::random::Random;

/// What the text of a master key begins with.
const MASTER: &str = "ORGCTL-MASTER-KEY-1 ";

/// What the id of a master key is made of, by the key.
const CHECK: &[u8] = b"orgctl master key id";

/// The bytes of a key.
pub(super) struct Key(pub(super) Zeroizing<[u8; 32]>);

impl Key {
    /// HMAC-SHA256 of texts, each with its length before it, so that none can pass for a part of another.
    fn mac<'t>(&self, parts: impl IntoIterator<Item = &'t [u8]>) -> [u8; 32] {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("a key of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

macro_rules! key {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        pub struct $name {
            pub(super) id: Uuid,
            pub(super) key: Key,
        }

        impl $name {
            /// By which it is known.
            pub fn id(&self) -> Uuid {
                self.id
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}, ***)"), self.id)
            }
        }
    };
}

key! {
    /// The key of an organisation, which wraps all others of it.
    OrgKey
}
key! {
    /// The key that a subject's values are sealed by.
    DataKey
}
key! {
    /// The key of the fingerprints of a subject's secrets.
    FingerprintKey
}
key! {
    /// The key of the blind index of a column.
    IndexKey
}

/// The key of an installation, which is in no database. Its id is a check value of it: whoever has that can't tell the key.
pub struct MasterKey {
    pub(super) id: Uuid,
    pub(super) key: Key,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({}, ***)", self.id)
    }
}

impl MasterKey {
    pub fn generate(random: &dyn Random) -> MasterKey {
        let mut key = Zeroizing::new([0; 32]);
        random.fill(&mut *key);
        MasterKey::new(Key(key))
    }

    fn new(key: Key) -> MasterKey {
        let mac = key.mac([CHECK]);
        let mut id = [0; 16];
        id.copy_from_slice(&mac[..16]);
        MasterKey { id: Uuid::new_v8(id), key }
    }

    /// Reads a key's text: one line, `ORGCTL-MASTER-KEY-1` and the bytes in Base64. `None` for anything else; what it was is not
    /// told.
    pub fn parse(text: &str) -> Option<MasterKey> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let mut bytes = Zeroizing::new([0; 33]);
        // Room for a byte too many, so that a longer text is seen to be longer.
        let n = STANDARD.decode_slice(line.strip_prefix(MASTER)?, &mut *bytes).ok()?;
        let key: Zeroizing<[u8; 32]> = Zeroizing::new(bytes[..n].try_into().ok()?);
        Some(MasterKey::new(Key(key)))
    }

    /// The text that is kept, a line.
    pub fn secret_text(&self) -> Zeroizing<String> {
        let key = Zeroizing::new(STANDARD.encode(*self.key.0));
        let mut text = Zeroizing::new(String::with_capacity(MASTER.len() + key.len() + 1));
        text.push_str(MASTER);
        text.push_str(&key);
        text.push('\n');
        text
    }

    /// By which it is known.
    pub fn id(&self) -> Uuid {
        self.id
    }
}

impl IndexKey {
    /// What a text is looked up by: who has not the key can't tell the one from the other.
    pub fn index(&self, text: &[u8]) -> [u8; 32] {
        self.key.mac([text])
    }
}

impl FingerprintKey {
    /// What tells that one of some secrets is another than before. `None` is a secret that is not there.
    pub fn fingerprint<'t>(&self, secrets: impl IntoIterator<Item = (&'t str, Option<&'t [u8]>)>) -> [u8; 32] {
        let mut parts: Vec<&[u8]> = Vec::new();
        for (name, secret) in secrets {
            parts.push(name.as_bytes());
            parts.push(if secret.is_some() { b"1" } else { b"0" });
            parts.push(secret.unwrap_or_default());
        }
        self.key.mac(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sealing::wrapped::Wrap as _;

    struct Fixed(u8);
    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    /// RFC 4231, sections 4.2, 4.3 and 4.4, as the same bytes are computed here.
    #[test]
    fn hmac_is_that_of_rfc_4231() {
        let cases: [(&[u8], &[u8], &str); 3] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        ];
        for (key, text, expected) in cases {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
            mac.update(text);
            assert_eq!(hex::encode(mac.finalize().into_bytes()), expected);
        }
    }

    /// Computed by Python: hmac.new(bytes([7] * 32), struct.pack('>Q', 20) + b'orgctl master key id', 'sha256').
    #[test]
    fn a_master_key_has_a_text_and_an_id() {
        let key = MasterKey::generate(&Fixed(7));
        let text = key.secret_text();
        assert_eq!(&*text, "ORGCTL-MASTER-KEY-1 BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n");
        assert_eq!(MasterKey::parse(&text).map(|k| k.id()), Some(key.id()));
        assert_eq!(MasterKey::parse(text.trim_end()).map(|k| k.id()), Some(key.id()));
        assert_ne!(MasterKey::generate(&Fixed(8)).id(), key.id());
        assert_eq!(key.id().to_string(), "38d31a02-395e-876e-852a-44f037cbd672");
        assert_eq!(format!("{key:?}"), format!("MasterKey({}, ***)", key.id()));
    }

    #[test]
    fn what_is_no_master_key_is_refused() {
        let text = MasterKey::generate(&Fixed(7)).secret_text();
        let (name, bytes) = text.trim_end().split_once(' ').expect("two words");
        for wrong in [
            "",
            "\n",
            name,
            bytes,
            &format!("{name}  {bytes}"),
            &format!(" {name} {bytes}"),
            &format!("{name} {bytes}\n\n"),
            &format!("{name} {bytes}\n{name} {bytes}\n"),
            &format!("{name} {}", &bytes[4..]),
            &format!("{name} AAAA{bytes}"),
            &format!("{name} {}", bytes.trim_end_matches('=')),
            &format!("ORGCTL-MASTER-KEY-2 {bytes}"),
            &format!("{} {bytes}", name.to_lowercase()),
        ] {
            assert!(MasterKey::parse(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn no_part_passes_for_another() {
        let key = FingerprintKey::generate(Uuid::nil(), &Fixed(1));
        let of = |secrets: &[(&'static str, Option<&'static [u8]>)]| key.fingerprint(secrets.iter().copied());
        let all = [
            of(&[]),
            of(&[("a", None)]),
            of(&[("a", Some(b""))]),
            of(&[("a", Some(b"b"))]),
            of(&[("ab", Some(b""))]),
            of(&[("a", Some(b"")), ("b", Some(b""))]),
            of(&[("a", None), ("b", Some(b""))]),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|b| a != b), "{i}");
        }
    }
}
