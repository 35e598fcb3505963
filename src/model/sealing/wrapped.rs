//! Keys that are kept wrapped: `version (1) | nonce (24) | ciphertext (32) | tag (16)`.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;
use zeroize::Zeroizing;

use super::bound::{Bound, VERSION, damaged};
use super::cipher::{self, NONCE};
use super::keys::{DataKey, FingerprintKey, IndexKey, Key, MasterKey, OrgKey};
use crate::model::problem::Problem;
use crate::model::random::{Random, bytes};

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// It wraps the others of its organisation.
    Organisation,
    /// It seals a subject's values.
    Data,
    /// It makes fingerprints of a subject's secrets.
    Fingerprint,
    /// It makes the blind index of a column.
    Index,
}

impl Purpose {
    pub const ALL: [Purpose; 4] = [Purpose::Organisation, Purpose::Data, Purpose::Fingerprint, Purpose::Index];

    /// Purposes for which each person has a key.
    pub const OF_PEOPLE: usize = 2;

    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Organisation => "organisation",
            Purpose::Data => "data",
            Purpose::Fingerprint => "fingerprint",
            Purpose::Index => "index",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Purpose {
    type Err = ();

    fn from_str(word: &str) -> Result<Purpose, ()> {
        Purpose::ALL.into_iter().find(|purpose| purpose.as_str() == word).ok_or(())
    }
}

/// Where a key belongs: it can be unwrapped as this one alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPlace<'a> {
    /// The public id of the organisation, which is the same in every database that it is brought to.
    pub org: Uuid,
    pub purpose: Purpose,
    /// Whose data; none: the organisation's own.
    pub subject: Option<Uuid>,
    /// Of an index: `table.column`.
    pub column: Option<&'a str>,
    pub id: Uuid,
}

impl KeyPlace<'_> {
    fn bound(&self) -> Vec<u8> {
        let subject = self.subject.map(Uuid::into_bytes);
        Bound::default()
            .part(b"orgctl wrapped key")
            .part(&[VERSION])
            .part(self.purpose.as_str().as_bytes())
            .part(self.org.as_bytes())
            .part(subject.as_ref().map_or(&[], |id| &id[..]))
            .part(self.column.unwrap_or_default().as_bytes())
            .part(self.id.as_bytes())
            .0
    }
}

/// A key that can be wrapped.
pub trait Wrap: Sized {
    const PURPOSE: Purpose;

    /// A new one, by which it is known.
    fn generate(id: Uuid, random: &dyn Random) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        random.fill(&mut *key);
        Self::of(id, key)
    }

    #[doc(hidden)]
    fn bytes(&self) -> &[u8; 32];
    #[doc(hidden)]
    fn of(id: Uuid, key: Zeroizing<[u8; 32]>) -> Self;
}

macro_rules! wrap {
    ($($name:ident: $purpose:ident,)+) => {
        $(impl Wrap for $name {
            const PURPOSE: Purpose = Purpose::$purpose;

            fn bytes(&self) -> &[u8; 32] {
                &self.key.0
            }
            fn of(id: Uuid, key: Zeroizing<[u8; 32]>) -> $name {
                $name { id, key: Key(key) }
            }
        })+
    };
}

wrap! { OrgKey: Organisation, DataKey: Data, FingerprintKey: Fingerprint, IndexKey: Index, }

/// A key that wraps others.
pub trait Wraps {
    #[doc(hidden)]
    fn wrapping(&self) -> (Uuid, &[u8; 32]);

    /// By which it is known.
    fn id(&self) -> Uuid {
        self.wrapping().0
    }

    /// The bytes that are kept of a key.
    fn wrap<K: Wrap>(&self, key: &K, at: &KeyPlace<'_>, random: &dyn Random) -> Vec<u8> {
        wrap_bytes(self.wrapping().1, key.bytes(), at, random)
    }

    /// The key whose bytes were kept.
    fn unwrap<K: Wrap>(&self, wrapped: &[u8], at: &KeyPlace<'_>) -> Result<K, Problem> {
        Ok(K::of(at.id, unwrap_bytes(self.wrapping().1, wrapped, at)?))
    }

    /// The bytes that are kept of a key from now on, by another key that wraps it.
    fn rewrap(
        &self,
        to: &impl Wraps,
        wrapped: &[u8],
        at: &KeyPlace<'_>,
        random: &dyn Random,
    ) -> Result<Vec<u8>, Problem> {
        let key = unwrap_bytes(self.wrapping().1, wrapped, at)?;
        Ok(wrap_bytes(to.wrapping().1, &key, at, random))
    }
}

impl Wraps for MasterKey {
    fn wrapping(&self) -> (Uuid, &[u8; 32]) {
        (self.id, &self.key.0)
    }
}

impl Wraps for OrgKey {
    fn wrapping(&self) -> (Uuid, &[u8; 32]) {
        (self.id, &self.key.0)
    }
}

fn wrap_bytes(by: &[u8; 32], key: &[u8; 32], at: &KeyPlace<'_>, random: &dyn Random) -> Vec<u8> {
    let mut wrapped = Vec::with_capacity(1 + NONCE + 32 + cipher::TAG);
    wrapped.push(VERSION);
    cipher::encrypt(by, &bytes(random), &at.bound(), key, &mut wrapped);
    wrapped
}

fn unwrap_bytes(by: &[u8; 32], wrapped: &[u8], at: &KeyPlace<'_>) -> Result<Zeroizing<[u8; 32]>, Problem> {
    let wrong = || damaged(&format!("the {} key {}", at.purpose, at.id));
    let sealed = wrapped.strip_prefix(&[VERSION]).ok_or_else(wrong)?;
    let clear = cipher::decrypt(by, &at.bound(), sealed).ok_or_else(wrong)?;
    Ok(Zeroizing::new(clear.as_slice().try_into().map_err(|_| wrong())?))
}
