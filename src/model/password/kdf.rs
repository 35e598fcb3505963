//! How a stored hash comes from a password: the functions with their costs, within bounds.
//!
//! Whoever may import users may not thereby stop the machine: costs are capped so that one check takes seconds at most.

use std::fmt;

use argon2::{Algorithm, Argon2, Version};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pbkdf2::hmac::{Hmac, KeyInit, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use zeroize::Zeroizing;

/// Most bytes of a stored hash. A Keycloak credential is the longest, of 400 to 900.
pub(super) const TEXT: usize = 2048;
/// 1 GiB.
pub(super) const MEMORY_KIB: u64 = 1 << 20;
/// Memory times passes: 4 GiB written, some seconds.
pub(super) const WORK_KIB: u64 = 4 << 20;
pub(super) const ARGON2_PASSES: u64 = 64;
pub(super) const LANES: u64 = 64;
pub(super) const PBKDF2_ROUNDS: u64 = 10_000_000;
pub(super) const BCRYPT_COST: u32 = 16;

/// Why a text is not taken as a password's hash. Its words follow the name of the field; the text is never quoted, since
/// it may be a password in the wrong column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// More than 2048 bytes
    TooLong,
    /// No scheme that is known by name
    Unknown,
    /// A scheme that is known, and not taken
    Weak { scheme: &'static str, why: &'static str },
    /// A known scheme with parts missing or out of bounds
    Malformed { scheme: &'static str, why: &'static str },
    /// One check would take more than the stated
    TooCostly { scheme: &'static str, most: &'static str },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::TooLong => write!(f, "must be {TEXT} bytes or fewer"),
            Refusal::Unknown => f.write_str(
                "must be a password hash of a known form (PHC argon2, bcrypt, passlib, Django, Werkzeug, LDAP, Keycloak)",
            ),
            Refusal::Weak { scheme, why } => write!(f, "must not be {scheme}: {why}"),
            Refusal::Malformed { scheme, why } => write!(f, "must be a whole {scheme} hash: {why}"),
            Refusal::TooCostly { scheme, most } => write!(f, "must cost less: {scheme} may take {most}"),
        }
    }
}

impl std::error::Error for Refusal {}

pub(super) fn malformed(scheme: &'static str, why: &'static str) -> Refusal {
    Refusal::Malformed { scheme, why }
}

pub(super) fn costs(scheme: &'static str, bearable: bool, most: &'static str) -> Result<(), Refusal> {
    if bearable { Ok(()) } else { Err(Refusal::TooCostly { scheme, most }) }
}

/// The bounds of RFC 9106, section 3.1, and our own.
pub(super) fn bounded_argon2(
    scheme: &'static str,
    memory_kib: u64,
    passes: u64,
    lanes: u64,
) -> Result<argon2::Params, Refusal> {
    costs(scheme, memory_kib <= MEMORY_KIB, "1 GiB of memory")?;
    costs(scheme, passes <= ARGON2_PASSES, "64 passes")?;
    costs(scheme, lanes <= LANES, "64 lanes")?;
    costs(scheme, memory_kib * passes <= WORK_KIB, "4 GiB of memory times passes")?;
    match (u32::try_from(memory_kib), u32::try_from(passes), u32::try_from(lanes)) {
        (Ok(memory), Ok(passes), Ok(lanes)) => argon2::Params::new(memory, passes, lanes, None).ok(),
        _ => None,
    }
    .ok_or(malformed(scheme, "it has a pass, a lane and 8 KiB for each lane at least"))
}

/// What a new hash costs, to us and to whoever guesses. The default is OWASP's least for argon2id (Password Storage
/// Cheat Sheet): 19456 KiB, 2 passes, 1 lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params(pub(super) argon2::Params);

impl Params {
    /// Memory in KiB (at least 8 a lane), passes over it, lanes that could run side by side.
    ///
    /// # Errors
    /// Where argon2 does not allow it (RFC 9106, section 3.1), or checking one password would take too much.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Params, Refusal> {
        bounded_argon2("argon2id", memory_kib.into(), passes.into(), lanes.into()).map(Params)
    }
    pub fn memory_kib(&self) -> u32 {
        self.0.m_cost()
    }
    pub fn passes(&self) -> u32 {
        self.0.t_cost()
    }
    pub fn lanes(&self) -> u32 {
        self.0.p_cost()
    }

    pub(super) fn kdf(&self, salt: &[u8]) -> Kdf {
        let params = self.0.clone();
        Kdf::Argon2 { algorithm: Algorithm::Argon2id, version: Version::V0x13, params, salt: salt.to_vec() }
    }
}

impl Default for Params {
    fn default() -> Params {
        Params(argon2::Params::DEFAULT) // those costs; a test holds that
    }
}

/// How an output comes from a password: the function with its costs and its salt, all within bounds.
pub(super) enum Kdf {
    Argon2 {
        algorithm: Algorithm,
        version: Version,
        params: argon2::Params,
        salt: Vec<u8>,
    },
    /// The output has 23 bytes.
    Bcrypt {
        cost: u32,
        salt: [u8; 16],
        before: Before,
        /// Whether the NUL at the password's end belongs to the key: not in the first version.
        with_nul: bool,
    },
    Pbkdf2 {
        digest: Digest,
        rounds: u32,
        salt: Vec<u8>,
    },
    Scrypt {
        params: scrypt::Params,
        salt: Vec<u8>,
    },
    /// One digest over password and salt, as directories do it.
    Salted {
        digest: Digest,
        salt: Vec<u8>,
    },
    /// The account has no password. Checking takes as long as with one.
    Unusable,
}

/// What other software does to a password before bcrypt sees it, so that it may be longer than 72 bytes.
pub(super) enum Before {
    Nothing,
    /// The hexadecimal SHA-256: Django.
    HexSha256,
    /// The base64 of the SHA-256: passlib.
    Base64Sha256,
    /// The base64 of HMAC-SHA-256 with this key: passlib, since 1.7.3.
    Base64Hmac(Vec<u8>),
}

impl Before {
    fn apply(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let base64 = |digest: [u8; 32]| BASE64_STANDARD.encode(*Zeroizing::new(digest)).into_bytes();
        Zeroizing::new(match self {
            Before::Nothing => password.to_vec(),
            Before::HexSha256 => {
                hex::encode(Zeroizing::new(<[u8; 32]>::from(Sha256::digest(password))).as_slice()).into_bytes()
            }
            Before::Base64Sha256 => base64(Sha256::digest(password).into()),
            Before::Base64Hmac(key) => {
                #[expect(clippy::expect_used, reason = "a key may have any length")]
                let mut hmac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("a key");
                hmac.update(password);
                base64(hmac.finalize().into_bytes().into())
            }
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl Digest {
    /// Bytes of its output.
    pub(super) fn size(self) -> usize {
        match self {
            Digest::Sha1 => 20,
            Digest::Sha256 => 32,
            Digest::Sha512 => 64,
        }
    }
}

impl Kdf {
    /// Fills `output`; false where no password of this form can match.
    pub(super) fn derive(&self, password: &[u8], output: &mut [u8]) -> bool {
        match self {
            Kdf::Argon2 { algorithm, version, params, salt } => {
                let argon2 = Argon2::new(*algorithm, *version, params.clone());
                #[expect(clippy::expect_used, reason = "all bounds were checked on the way in; the rest is memory")]
                argon2.hash_password_into(password, salt, output).expect("memory for argon2");
                true
            }
            Kdf::Bcrypt { cost, salt, before, with_nul } => {
                bcrypt(*cost, *salt, &before.apply(password), *with_nul, output)
            }
            Kdf::Pbkdf2 { digest, rounds, salt } => {
                match digest {
                    Digest::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, *rounds, output),
                    Digest::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, *rounds, output),
                    Digest::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, *rounds, output),
                }
                true
            }
            Kdf::Scrypt { params, salt } => scrypt::scrypt(password, salt, params, output).is_ok(),
            Kdf::Salted { digest, salt } => {
                match digest {
                    Digest::Sha1 => {
                        output.copy_from_slice(&Sha1::new().chain_update(password).chain_update(salt).finalize());
                    }
                    Digest::Sha256 => {
                        output.copy_from_slice(&Sha256::new().chain_update(password).chain_update(salt).finalize());
                    }
                    Digest::Sha512 => {
                        output.copy_from_slice(&Sha512::new().chain_update(password).chain_update(salt).finalize());
                    }
                }
                true
            }
            Kdf::Unusable => {
                Params::default().kdf(&[0; 16]).derive(password, output);
                false
            }
        }
    }
}

/// bcrypt sees 72 bytes: what a longer password has behind them its maker did not look at, so it does not count here
/// either, until the password is hashed anew. It stops at a NUL, which no password of a maker's had.
fn bcrypt(cost: u32, salt: [u8; 16], password: &[u8], with_nul: bool, output: &mut [u8]) -> bool {
    let mut key = Zeroizing::new([0; 72]);
    let seen = password.len().min(key.len());
    key[..seen].copy_from_slice(&password[..seen]);
    // The NUL at the end belongs to the key where there is room for it. Nothing at all is one NUL.
    let end = if with_nul || seen == 0 { key.len().min(seen + 1) } else { seen };
    let digest = bcrypt::bcrypt(cost, salt, &key[..end]);
    output.copy_from_slice(&digest[..output.len()]);
    !password.contains(&0)
}
