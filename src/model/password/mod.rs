//! Passwords: how they are held, hashed, judged and made.
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`secret`] | text that is wiped after use and never printed |
//! | [`mod@hash`] | argon2id hashes of our own, and checking a password against any stored one |
//! | [`formats`] | reading the hashes of other software, and refusing what is weak or costs too much |
//! | `keycloak` | the same for Keycloak |
//! | `kdf` | the functions behind all of them, within bounds |
//! | [`policy`] | whether a new password is good enough |
//! | [`mod@generate`] | a password for somebody else |

pub mod formats;
pub mod generate;
pub mod hash;
mod kdf;
mod keycloak;
mod parts;
pub mod policy;
pub mod secret;

pub use generate::generate;
pub use hash::{StoredHash, hash};
pub use kdf::{Params, Refusal};
pub use policy::Weakness;
pub use secret::Secret;
