//! Sealing: what is kept as ciphertext, and the keys of it (docs/keys.md has the bytes, with vectors).
//!
//! One master key, which is in no database, wraps a key of each organisation; that one wraps the others of the organisation: of
//! each person one for data and one for fingerprints, and one for each column that is looked up by its blind index. What is
//! wrapped or sealed is bound to its place by associated data, each part of it with its length before it, so that it can't be
//! moved and no part can pass for another.

mod bound;
mod cipher;
mod keys;
mod sealed;
mod wrapped;

pub use self::keys::{DataKey, FingerprintKey, IndexKey, MasterKey, OrgKey};
pub use self::sealed::{Place, key_of, open, seal};
pub use self::wrapped::{KeyPlace, Purpose, Wrap, Wraps};
