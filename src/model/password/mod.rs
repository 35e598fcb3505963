//! Passwords: how they are held, hashed, judged and made.
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`secret`] | text that is wiped after use and never printed |
//! | [`mod@hash`] | argon2id hashes of our own, and checking a password against any stored one |
//! | [`formats`] | reading the hashes of other software, and refusing what is weak or costs too much |
//! | `keycloak` | the same for Keycloak |
//! | [`policy`] | whether a new password is good enough |
//! | [`mod@generate`] | a password for somebody else |

pub mod formats;
pub mod generate;
pub mod hash;
mod keycloak;
pub mod policy;
pub mod secret;

pub use formats::Refusal;
pub use generate::generate;
pub use hash::{Params, StoredHash, hash};
pub use policy::Weakness;
pub use secret::Secret;
