//! The text forms of password hashes, of our own and of other software, and why one is refused.
//!
//! | made by | form |
//! | --- | --- |
//! | PHC strings (ours) | `$argon2id$v=19$m=,t=,p=$salt$hash`, also argon2i and argon2d, also without `v=` (version 16) |
//! | bcrypt | `$2$ $2a$ $2b$ $2y$`, then `12$`, 22 characters of salt, 31 of hash |
//! | passlib | `$pbkdf2$ $pbkdf2-sha256$ $pbkdf2-sha512$`, `$scrypt$ln=,r=,p=$`, `$bcrypt-sha256$` of both versions |
//! | Django | `pbkdf2_sha256$ pbkdf2_sha1$ argon2$ bcrypt$ bcrypt_sha256$ scrypt$`, and `!` for no password |
//! | Werkzeug (Flask) | `scrypt:N:r:p$salt$hex`, `pbkdf2:sha256:rounds$salt$hex`, also sha1 and sha512 |
//! | LDAP servers | `{SSHA} {SSHA256} {SSHA512} {PBKDF2} {PBKDF2-SHA1} {PBKDF2-SHA256} {PBKDF2-SHA512} {ARGON2}` |
//! | ASP.NET Core Identity | base64 of its version 3: `AQAAAA...`, with digest, rounds and lengths in it |
//! | Keycloak | a credential of a realm export, as JSON: pbkdf2, pbkdf2-sha256, pbkdf2-sha512, argon2 |
//!
//! What is refused by name, and how passwords are compared, stands in `docs/password-hashes.md`.
//!
//! Sources: the PHC string format (P-H-C/phc-string-format); `django.contrib.auth.hashers`; `werkzeug.security`;
//! `passlib.hash`; OpenLDAP's `slapd-pw-sha2` and `slapd-pw-pbkdf2`. Keycloak's is in its own file.

use argon2::{Algorithm, Version};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD_NO_PAD;

use super::kdf::{
    BCRYPT_COST, Before, Digest, Kdf, MEMORY_KIB, Refusal, TEXT, WORK_KIB, bounded_argon2, costs, malformed,
};
use super::keycloak;
use super::parts::{BASE64, OUTPUT, Read, argon2_salt, decode, number, pbkdf2, salted_with, sized};
use crate::model::values::unseen::is_format;

/// Tells the scheme by how the text begins, and reads it. What is a hash of a scheme that nothing here can check is told
/// apart from what is none.
pub(super) fn read(text: &str) -> Read {
    read_known(text).map_err(|refusal| match refusal {
        Refusal::Unknown if is_stored(text) => weak("a hash of that scheme", ALIEN),
        known => known,
    })
}

fn read_known(text: &str) -> Read {
    if text.len() > TEXT {
        return Err(Refusal::TooLong);
    }
    if text.starts_with('!') {
        return Ok(("unusable", Kdf::Unusable, vec![0; 32]));
    }
    if let Some(rest) = text.strip_prefix('{') {
        return match rest.split_once('}') {
            Some((name, rest)) if name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => ldap(name, rest),
            _ => keycloak::read(text),
        };
    }
    if text.starts_with('$') {
        return modular(text);
    }
    match text.split_once('$') {
        Some((method, rest)) if method.contains(':') => werkzeug(method, rest),
        Some((method, rest)) => django(method, rest),
        None => aspnet(text).unwrap_or_else(|| Err(bare(text))),
    }
}

/// ASP.NET Core Identity, version 3: the base64 of a 1, the digest, the rounds and the length of the salt, each a number of
/// four bytes with the highest first, then salt and output. It names no scheme, but nothing else is laid out so: none
/// where a part is not what it must be. Version 2 is a 0 before 48 bytes, which any text of that length may be.
fn aspnet(text: &str) -> Option<Read> {
    let bytes = BASE64.decode(text).ok()?;
    let (version, rest) = bytes.split_first()?;
    let (numbers, rest) = rest.split_first_chunk::<12>()?;
    let (numbers, _) = numbers.as_chunks::<4>();
    let [digest, rounds, salt] = [numbers[0], numbers[1], numbers[2]].map(u32::from_be_bytes);
    let (scheme, digest) = match (version, digest) {
        (1, 0) => ("ASP.NET pbkdf2-sha1", Digest::Sha1),
        (1, 1) => ("ASP.NET pbkdf2-sha256", Digest::Sha256),
        (1, 2) => ("ASP.NET pbkdf2-sha512", Digest::Sha512),
        _ => return None,
    };
    let (salt, output) = rest.split_at_checked(usize::try_from(salt).ok().filter(|n| OUTPUT.contains(n))?)?;
    OUTPUT.contains(&output.len()).then(|| pbkdf2(scheme, digest, Some(rounds.into()), salt.into(), output.into()))
}

/// `$id$...`, the modular crypt format and its heir, the PHC string.
fn modular(text: &str) -> Read {
    let id = text[1..].split('$').next().unwrap_or_default();
    match id {
        "argon2id" => phc("argon2id", text),
        "argon2i" => phc("argon2i", text),
        "argon2d" => phc("argon2d", text),
        "2" | "2a" | "2b" | "2y" => bcrypt("bcrypt", Before::Nothing, text),
        "bcrypt-sha256" => passlib_bcrypt_sha256(text),
        "pbkdf2" => passlib_pbkdf2("passlib pbkdf2", Digest::Sha1, text),
        "pbkdf2-sha256" => passlib_pbkdf2("passlib pbkdf2-sha256", Digest::Sha256, text),
        "pbkdf2-sha512" => passlib_pbkdf2("passlib pbkdf2-sha512", Digest::Sha512, text),
        "scrypt" => passlib_scrypt(text),
        "2x" => Err(weak("bcrypt $2x$", "it was made by a faulty program that gives many passwords one hash")),
        "1" | "apr1" | "md5" => Err(weak("MD5-crypt", FAST)),
        "3" => Err(weak("an NT hash", FAST)),
        "5" => Err(weak("SHA-256-crypt", FEW)),
        "6" => Err(weak("SHA-512-crypt", FEW)),
        "P" | "H" | "S" => Err(weak("phpass", "its few thousand rounds of one fast digest make guesses cheap")),
        "y" | "gy" => Err(weak("yescrypt", ALIEN)),
        "7" => Err(weak("scrypt-crypt", ALIEN)),
        "sha1" => Err(weak("SHA-1-crypt", FAST)),
        _ if id.starts_with("md5,") => Err(weak("Sun's MD5-crypt", FAST)),
        _ => Err(Refusal::Unknown),
    }
}

/// `$bcrypt-sha256$v=2,t=2b,r=12$salt$hash`, and version 1 as `$bcrypt-sha256$2b,12$salt$hash`: bcrypt over the base64 of a
/// digest. Version 2 keys the digest with the salt as it is written.
fn passlib_bcrypt_sha256(text: &str) -> Read {
    let scheme = "passlib bcrypt-sha256";
    let wrong = malformed(scheme, "it has version, type and rounds, then salt and hash");
    let ["", _, params, salt, output] = text.split('$').collect::<Vec<_>>()[..] else { return Err(wrong) };
    let (before, kind, cost) = match params.split(',').collect::<Vec<_>>()[..] {
        [kind, cost] => (Before::Base64Sha256, kind, cost),
        ["v=2", kind, cost] => {
            let parts = kind.strip_prefix("t=").zip(cost.strip_prefix("r="));
            let (kind, cost) = parts.ok_or(wrong)?;
            (Before::Base64Hmac(salt.into()), kind, cost)
        }
        _ => return Err(wrong),
    };
    let cost = number(cost).filter(|n| *n < 100).ok_or(wrong)?;
    // The Kdf is bcrypt's own, whose text this is but for its order.
    let (_, kdf, output) = bcrypt(scheme, before, &format!("${kind}${cost:02}${salt}{output}"))?;
    Ok((scheme, kdf, output))
}

/// `$pbkdf2-sha256$29000$salt$hash`, in base64 with `.` for `+` and without padding.
fn passlib_pbkdf2(scheme: &'static str, digest: Digest, text: &str) -> Read {
    let ["", _, rounds, salt, output] = text.split('$').collect::<Vec<_>>()[..] else {
        return Err(malformed(scheme, "it has rounds, salt and hash"));
    };
    adapted_pbkdf2(scheme, digest, [rounds, salt, output])
}

/// `$scrypt$ln=16,r=8,p=1$salt$hash`, in base64 without padding.
fn passlib_scrypt(text: &str) -> Read {
    let scheme = "passlib scrypt";
    let wrong = malformed(scheme, "its parameters are ln, r and p, then salt and hash");
    let ["", _, params, salt, output] = text.split('$').collect::<Vec<_>>()[..] else { return Err(wrong) };
    let [n, r, p] = params.split(',').collect::<Vec<_>>()[..] else { return Err(wrong) };
    let (n, r, p) = (n.strip_prefix("ln="), r.strip_prefix("r="), p.strip_prefix("p="));
    let (Some(n), Some(r), Some(p)) = (n.and_then(number), r, p) else { return Err(wrong) };
    let n = 1_u64.checked_shl(u32::try_from(n).unwrap_or(u32::MAX)).ok_or(wrong)?;
    let salt = decode(scheme, &BASE64_STANDARD_NO_PAD, salt)?;
    let output = decode(scheme, &BASE64_STANDARD_NO_PAD, output)?;
    scrypt(scheme, [&n.to_string(), r, p], salt, output)
}

/// `$argon2id$v=19$m=65536,t=2,p=1$salt$hash`: parameters in this order, base64 without padding.
fn phc(scheme: &'static str, text: &str) -> Read {
    let parts: Vec<&str> = text.split('$').collect();
    let (algorithm, version, params, salt, output) = match parts[..] {
        ["", id, version, params, salt, output] => (id, version, params, salt, output),
        // Made before there was a second version.
        ["", id, params, salt, output] => (id, "v=16", params, salt, output),
        _ => return Err(malformed(scheme, "it has parameters, salt and hash")),
    };
    let algorithm = Algorithm::new(algorithm).map_err(|_| Refusal::Unknown)?;
    let version = match version {
        "v=19" => Version::V0x13,
        "v=16" => Version::V0x10,
        _ => return Err(malformed(scheme, "its version is 16 or 19")),
    };
    let wrong = malformed(scheme, "its parameters are m, t and p, in this order, and nothing else");
    let [m, t, p] = params.split(',').collect::<Vec<_>>()[..] else { return Err(wrong) };
    let value = |param: &str, name: &str| param.strip_prefix(name).and_then(number).ok_or(wrong);
    let params = bounded_argon2(scheme, value(m, "m=")?, value(t, "t=")?, value(p, "p=")?)?;
    let salt = argon2_salt(scheme, decode(scheme, &BASE64_STANDARD_NO_PAD, salt)?)?;
    let output = sized(scheme, decode(scheme, &BASE64_STANDARD_NO_PAD, output)?)?;
    Ok((scheme, Kdf::Argon2 { algorithm, version, params, salt }, output))
}

/// `$2b$12$`, then 22 and 31 characters of bcrypt's own base64.
fn bcrypt(scheme: &'static str, before: Before, text: &str) -> Read {
    // Bits that 16 bytes don't fill are not looked at, as in the reference implementation.
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &alphabet::BCRYPT,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::RequireNone)
            .with_decode_allow_trailing_bits(true),
    );
    let ["", kind @ ("2" | "2a" | "2b" | "2y"), cost, rest] = text.split('$').collect::<Vec<_>>()[..] else {
        return Err(malformed(scheme, "it begins with $2$, $2a$, $2b$ or $2y$ and two digits"));
    };
    let cost = match cost.parse() {
        Ok(n @ 4..=31) if cost.len() == 2 && cost.bytes().all(|b| b.is_ascii_digit()) => n,
        _ => return Err(malformed(scheme, "its cost is 04 to 31")),
    };
    costs(scheme, cost <= BCRYPT_COST, "a cost of 16")?;
    let wrong = malformed(scheme, "22 characters of salt and 31 of hash follow the cost");
    let (salt, output) = rest.split_at_checked(22).filter(|_| rest.len() == 53).ok_or(wrong)?;
    let salt = decode(scheme, &BASE64, salt)?.try_into().map_err(|_| wrong)?;
    // The first version did not count the NUL at a password's end.
    let kdf = Kdf::Bcrypt { cost, salt, before, with_nul: kind != "2" };
    Ok((scheme, kdf, decode(scheme, &BASE64, output)?))
}

/// `method$...`, with the salt as plain text.
fn django(method: &str, rest: &str) -> Read {
    let parts: Vec<&str> = rest.split('$').collect();
    match method {
        "pbkdf2_sha256" => django_pbkdf2("django pbkdf2_sha256", Digest::Sha256, &parts),
        "pbkdf2_sha1" => django_pbkdf2("django pbkdf2_sha1", Digest::Sha1, &parts),
        // What follows is a PHC string but for its first `$`.
        "argon2" => phc("django argon2", &format!("${rest}")),
        "bcrypt" => bcrypt("django bcrypt", Before::Nothing, rest),
        "bcrypt_sha256" => bcrypt("django bcrypt_sha256", Before::HexSha256, rest),
        "scrypt" => {
            let scheme = "django scrypt";
            let [n, salt, r, p, output] = parts[..] else {
                return Err(malformed(scheme, "it has N, salt, r, p and hash"));
            };
            let output = decode(scheme, &BASE64, output)?;
            scrypt(scheme, [n, r, p], salt.into(), output)
        }
        "md5" | "unsalted_md5" => Err(weak("an MD5 digest", FAST)),
        "sha1" | "unsalted_sha1" => Err(weak("a SHA-1 digest", FAST)),
        "sha224" | "sha256" | "sha384" | "sha512" => Err(weak("a single SHA-2 digest", FAST)),
        "crypt" => Err(weak("DES-crypt", FAST)),
        "plain" => Err(weak("plain text", OPEN)),
        _ => Err(Refusal::Unknown),
    }
}

fn django_pbkdf2(scheme: &'static str, digest: Digest, parts: &[&str]) -> Read {
    let [rounds, salt, output] = parts[..] else { return Err(malformed(scheme, "it has rounds, salt and hash")) };
    let output = decode(scheme, &BASE64, output)?;
    pbkdf2(scheme, digest, number(rounds), salt.into(), whole(scheme, digest, output)?)
}

/// `method:parameters$salt$hex`, with the salt as plain text.
fn werkzeug(method: &str, rest: &str) -> Read {
    let params: Vec<&str> = method.split(':').collect();
    let salt_and_hash = |scheme| match rest.split_once('$') {
        Some((salt, hash)) => Ok((salt, hex::decode(hash).ok().ok_or(malformed(scheme, "its hash is hexadecimal"))?)),
        None => Err(malformed(scheme, "it has a salt and a hash")),
    };
    match params[..] {
        // Not Werkzeug's: a name before what has its own.
        ["argon2" | "argon2id" | "argon2i", ""] => phc("argon2", &format!("${rest}")),
        ["bcrypt", ""] => bcrypt("bcrypt", Before::Nothing, &format!("${rest}")),
        ["scrypt", n, r, p] => {
            let (salt, output) = salt_and_hash("werkzeug scrypt")?;
            scrypt("werkzeug scrypt", [n, r, p], salt.into(), output)
        }
        ["pbkdf2", digest, rounds] => {
            let (scheme, digest) = match digest {
                "sha1" => ("werkzeug pbkdf2:sha1", Digest::Sha1),
                "sha256" => ("werkzeug pbkdf2:sha256", Digest::Sha256),
                "sha512" => ("werkzeug pbkdf2:sha512", Digest::Sha512),
                _ => return Err(Refusal::Unknown),
            };
            let (salt, output) = salt_and_hash(scheme)?;
            pbkdf2(scheme, digest, number(rounds), salt.into(), whole(scheme, digest, output)?)
        }
        ["scrypt", ..] => Err(malformed("werkzeug scrypt", "its parameters are N, r and p")),
        // Werkzeug's default for the rounds has changed over the years.
        ["pbkdf2", _] => Err(malformed("werkzeug pbkdf2", "it says how many rounds")),
        _ => Err(Refusal::Unknown),
    }
}

/// `{NAME}...` (RFC 2307, section 5.3; names don't depend on case).
fn ldap(name: &str, rest: &str) -> Read {
    match name.to_ascii_uppercase().as_str() {
        "SSHA" => salted("ldap {SSHA}", Digest::Sha1, rest),
        "SSHA256" => salted("ldap {SSHA256}", Digest::Sha256, rest),
        "SSHA512" => salted("ldap {SSHA512}", Digest::Sha512, rest),
        "PBKDF2" | "PBKDF2-SHA1" => ldap_pbkdf2("ldap {PBKDF2}", Digest::Sha1, rest),
        "PBKDF2-SHA256" => ldap_pbkdf2("ldap {PBKDF2-SHA256}", Digest::Sha256, rest),
        "PBKDF2-SHA512" => ldap_pbkdf2("ldap {PBKDF2-SHA512}", Digest::Sha512, rest),
        "ARGON2" | "ARGON2I" | "ARGON2ID" => phc("ldap {ARGON2}", rest),
        // Spring; Dovecot.
        "BCRYPT" | "BLF-CRYPT" => bcrypt("ldap {BCRYPT}", Before::Nothing, rest),
        "MD5" | "SMD5" => Err(weak("{MD5} or {SMD5}", FAST)),
        "SHA" | "SHA256" | "SHA384" | "SHA512" => Err(weak("{SHA} or the like", "it has no salt")),
        "CRYPT" => Err(weak("{CRYPT}", "what is in it depends on the machine that made it, and is mostly weak")),
        "NT" | "LANMAN" => Err(weak("an NT hash", FAST)),
        "MD5-CRYPT" => Err(weak("MD5-crypt", FAST)),
        "DES-CRYPT" => Err(weak("DES-crypt", FAST)),
        "SHA256-CRYPT" => Err(weak("SHA-256-crypt", FEW)),
        "SHA512-CRYPT" => Err(weak("SHA-512-crypt", FEW)),
        "CLEARTEXT" | "PLAIN" | "NOOP" => Err(weak("plain text", OPEN)),
        _ => Err(Refusal::Unknown),
    }
}

/// Base64 of digest and salt. One round is as little as what is refused elsewhere; directories know nothing better, and
/// the first sign-in replaces it.
fn salted(scheme: &'static str, digest: Digest, rest: &str) -> Read {
    let mut output = decode(scheme, &BASE64, rest)?;
    if output.len() <= digest.size() {
        return Err(malformed(scheme, "a digest and a salt are in it"));
    }
    let salt = output.split_off(digest.size());
    // Directories make salts of 4, 8 or 16 bytes. Of any other length it was cut.
    if !salt.len().is_multiple_of(4) {
        return Err(malformed(scheme, "it was cut: its salt has 4, 8, 12 ... bytes"));
    }
    Ok((scheme, Kdf::Salted { digest, salt }, output))
}

/// `10000$salt$hash`, in base64 with `.` for `+`.
fn ldap_pbkdf2(scheme: &'static str, digest: Digest, rest: &str) -> Read {
    let [rounds, salt, output] = rest.split('$').collect::<Vec<_>>()[..] else {
        return Err(malformed(scheme, "it has rounds, salt and hash"));
    };
    adapted_pbkdf2(scheme, digest, [rounds, salt, output])
}

/// Salt and hash in base64 with `.` for `+` and without padding (passlib calls it ab64).
fn adapted_pbkdf2(scheme: &'static str, digest: Digest, [rounds, salt, output]: [&str; 3]) -> Read {
    let decode = |text: &str| decode(scheme, &BASE64_STANDARD_NO_PAD, &text.replace('.', "+"));
    pbkdf2(scheme, digest, number(rounds), decode(salt)?, whole(scheme, digest, decode(output)?)?)
}

/// A hash as long as its digest, which all but Keycloak make: a shorter one was cut.
fn whole(scheme: &'static str, digest: Digest, output: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    if output.len() == digest.size() { Ok(output) } else { Err(malformed(scheme, "its hash is as long as its digest")) }
}

/// N, r and p (RFC 7914, sections 2 and 6): 128 * N * r bytes are gone through p times, 128 * r * p hold what comes of it.
fn scrypt(scheme: &'static str, [n, r, p]: [&str; 3], salt: Vec<u8>, output: Vec<u8>) -> Read {
    let wrong = malformed(scheme, "N is a power of two from 2, r and p are whole numbers from 1");
    let (Some(n), Some(r), Some(p)) = (number(n), number(r), number(p)) else { return Err(wrong) };
    if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
        return Err(wrong);
    }
    let memory = n.saturating_mul(r).saturating_mul(128);
    costs(scheme, memory <= MEMORY_KIB * 1024, "1 GiB of memory")?;
    costs(scheme, p.saturating_mul(r).saturating_mul(128) <= MEMORY_KIB * 1024, "1 GiB of memory for r and p")?;
    costs(scheme, memory.saturating_mul(p) <= WORK_KIB * 1024, "4 GiB of memory times p")?;
    let params = match (u8::try_from(n.trailing_zeros()), u32::try_from(r), u32::try_from(p)) {
        (Ok(log_n), Ok(r), Ok(p)) => scrypt::Params::new(log_n, r, p).map_err(|_| wrong)?,
        _ => return Err(wrong),
    };
    Ok((scheme, Kdf::Scrypt { params, salt: salted_with(scheme, salt)? }, sized(scheme, output)?))
}

/// A text that is nothing but a digest.
fn bare(text: &str) -> Refusal {
    let digest = text.strip_prefix('*').unwrap_or(text);
    let is_hex = digest.bytes().all(|b| b.is_ascii_hexdigit());
    match digest.len() {
        _ if text.starts_with("ipaNTHash:") || text.starts_with("sambaNTPassword:") => weak("an NT hash", FAST),
        32 if is_hex => weak("an MD5 or NT digest", FAST),
        35 if digest.starts_with("md5") && digest[3..].bytes().all(|b| b.is_ascii_hexdigit()) => {
            weak("PostgreSQL's MD5", FAST)
        }
        40 if is_hex => weak("a SHA-1 digest", FAST),
        56 | 64 | 96 | 128 if is_hex => weak("a single SHA-2 digest", FAST),
        13 if text.bytes().all(is_crypt) => weak("DES-crypt", FAST),
        20 if text.starts_with('_') && text[1..].bytes().all(is_crypt) => weak("DES-crypt", FAST),
        _ => Refusal::Unknown,
    }
}

/// The letters of crypt(3)'s base64.
fn is_crypt(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'.' || b == b'/'
}

/// How names of schemes begin, without case, `-`, `_` and `.`: of Django, Werkzeug, passlib, PostgreSQL, MediaWiki, Jetty,
/// hashcat and others, of known and refused ones.
const SCHEMES: &[&str] = &[
    "argon2",
    "balloon",
    "bcrypt",
    "blake2",
    "blake3",
    "bsdicrypt",
    "crypt",
    "descrypt",
    "drupal",
    "hmac",
    "jbcrypt",
    "ldap",
    "lmhash",
    "md4",
    "md5",
    "mssql",
    "mysql",
    "nthash",
    "ntlm",
    "obf",
    "oracle",
    "pbkdf2",
    "phpass",
    "postgres",
    "ripemd",
    "scram",
    "scrypt",
    "sha1",
    "sha2",
    "sha3",
    "sha5",
    "smd5",
    "ssha",
    "unsalted",
    "whirlpool",
    "yescrypt",
];

/// Fewest characters behind a scheme's name and a colon: as many as the shortest hash, DES-crypt, has.
const SHORTEST: usize = 13;

/// Whether a text is a stored hash by the name of its scheme: `$id$` of any id, `{SCHEME}`, a known scheme's name before `$` or
/// `:`, a credential of Keycloak and its like; or by the mark that some databases set before theirs. Set as a password it
/// would sign its owner out and let in whoever read the file it came from. Bare digits and letters are no sign: somebody's
/// password may be just that.
pub fn is_stored(text: &str) -> bool {
    let text = text.trim_matches(|c: char| c.is_whitespace() || is_format(c) || matches!(c, '"' | '\'' | '`'));
    is_marked(text) || has_scheme(text) || aspnet(text).is_some()
}

/// Hashes of a fixed length behind a mark of their maker's.
fn is_marked(text: &str) -> bool {
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit()).then_some(text.len());
    let lower = text.to_ascii_lowercase();
    let behind = |mark: &str| lower.strip_prefix(mark).and_then(hex);
    // MySQL; PostgreSQL; Redis.
    behind("*") == Some(40)
        || behind("md5") == Some(32)
        || behind("#") == Some(64)
        // SQL Server of 2000, 2005 and 2012; Sybase.
        || ["0x0100", "0x0200", "0xc007"].iter().any(|mark| behind(mark).is_some_and(|n| n >= 48))
        // Oracle.
        || [("s:", 60), ("h:", 32), ("t:", 160)].iter().any(|(mark, n)| {
            lower.strip_prefix(mark).and_then(|rest| hex(rest.split(';').next()?)) == Some(*n)
        })
        // BSDi's extended DES-crypt.
        || (text.len() == 20 && text.starts_with('_') && text[1..].bytes().all(is_crypt))
        // A user of Django's without a password.
        || (text.len() == 41 && text.starts_with('!') && text[1..].bytes().all(|b| b.is_ascii_alphanumeric()))
        // GRUB; CouchDB; Samba and FreeIPA.
        || ["grub.pbkdf2.", "-pbkdf2", "-hashed-", "ipanthash:", "sambantpassword:"].iter().any(|m| lower.starts_with(m))
}

fn has_scheme(text: &str) -> bool {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.,/=@".contains(&b));
    // A locked account of /etc/shadow begins with `!` or `*`.
    if let Some((id, rest)) =
        text.trim_start_matches(['!', '*']).strip_prefix('$').and_then(|rest| rest.split_once('$'))
    {
        return is_name(id) && !rest.is_empty();
    }
    // SAP's have a number behind a blank: `{x-issha, 1024}`.
    if let Some((name, rest)) = text.strip_prefix('{').and_then(|rest| rest.split_once('}'))
        && is_name(&name.replace(", ", ","))
    {
        return !rest.is_empty();
    }
    if text.starts_with(['{', '[']) {
        return ["\"credentialData", "\"secretData", "\"hashedSaltedValue", "\"hashMethod", "\"storedKey"]
            .iter()
            .any(|name| text.contains(name));
    }
    // MediaWiki's begin with `:`, those of Jenkins with `#`.
    let text = text.trim_start_matches([':', '#']);
    let Some((name, rest)) = text.split_once(['$', ':', '|']).filter(|(_, rest)| !rest.is_empty()) else {
        return false;
    };
    let by = text.as_bytes()[name.len()];
    let folded: String =
        name.chars().filter(|c| !matches!(c, '-' | '_' | '.')).collect::<String>().to_ascii_lowercase();
    let is_known = is_name(name) && SCHEMES.iter().any(|scheme| folded.starts_with(scheme));
    let is_digest = rest.len() >= SHORTEST && !rest.contains(char::is_whitespace);
    match (by, folded.as_str()) {
        // Hashes of MD5 once, hashed anew by Drupal and TYPO3; Django's own word for none.
        (b'$', "u" | "c" | "m") => has_scheme(&text[1..]),
        (b'$', "plain") => true,
        (b'$', _) => is_known,
        // MediaWiki's of MD5.
        (b':', "a" | "b") => rest.len() >= 32 && rest.bytes().all(|b| b.is_ascii_hexdigit() || b == b':'),
        (b':', "pbkdf2" | "scrypt") => true,
        (b':', _) => is_known && (is_digest || has_scheme(rest)),
        // Nextcloud's have a version before them.
        _ => !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()) && has_scheme(rest),
    }
}

const FAST: &str = "billions of guesses a second can be made at it";
const FEW: &str = "its usual 5,000 rounds make guesses cheap";
const ALIEN: &str = "nothing here can check it";
const OPEN: &str = "whoever sees it has the password";

fn weak(scheme: &'static str, why: &'static str) -> Refusal {
    Refusal::Weak { scheme, why }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::hash::StoredHash;
    use super::super::secret::Secret;
    use super::*;

    fn refusal(text: &str) -> Refusal {
        read(text).err().unwrap_or_else(|| panic!("{text} was taken"))
    }

    /// Of each line: the hash is one of the scheme, is kept as it is, and matches the password and nothing near it.
    fn matches(lines: &str) {
        for line in lines.trim().lines() {
            let [scheme, password, text] = line.split(" | ").collect::<Vec<_>>()[..] else { panic!("{line}") };
            let stored = StoredHash::parse(text).unwrap_or_else(|e| panic!("{text} {e}"));
            assert_eq!((stored.scheme(), stored.text()), (scheme, text));
            assert!(stored.verify(&Secret::new(password.into())), "{text}");
            for wrong in [format!("{password}z"), password[1..].to_owned(), String::new()] {
                assert!(!stored.verify(&Secret::new(wrong)), "{text}");
            }
        }
    }

    /// The reference implementation's own tests (P-H-C/phc-winner-argon2, src/test.c), version 16 without `v=`.
    #[test]
    fn phc() {
        matches(
            r"
argon2i | password | $argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY
argon2i | password | $argon2i$m=256,t=2,p=2$c29tZXNhbHQ$tsEVYKap1h6scGt5ovl9aLRGOqOth+AMB+KwHpDFZPs
argon2i | password | $argon2i$v=16$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY
argon2i | password | $argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8
argon2id | password | $argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4
argon2id | password | $argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc
",
        );
    }

    /// Openwall crypt_blowfish, wrapper.c. The salt "CCC..." ends in bits that are not looked at.
    #[test]
    fn bcrypt() {
        matches(
            r"
bcrypt | U*U | $2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW
bcrypt | U*U* | $2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK
bcrypt | U*U*U | $2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a
bcrypt | U*U*U | $2b$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a
bcrypt | U*U*U | $2y$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a
",
        );
    }

    /// passlib 1.7.4, `HANDLER.using(rounds=..., salt=...).hash("café ₹500")`.
    #[test]
    fn passlib() {
        matches(
            r"
passlib pbkdf2-sha256 | café ₹500 | $pbkdf2-sha256$1000$c2Vhc2FsdDE$9gsE4qSWzk7V8KvI/LEl58PgJkEA.NVWfTHJscAwYYE
passlib pbkdf2-sha512 | café ₹500 | $pbkdf2-sha512$1000$c2Vhc2FsdDE$VbbCXk7PCypdbQ8UcZkbgTq4SYPUgBEs1cmk3uU5s1UV8ToVcdeROrErRiiER816MZbl.EABVCPmHHRpFREi5g
passlib pbkdf2 | café ₹500 | $pbkdf2$1000$c2Vhc2FsdDE$2r.ovZoZ37HX0Cu3XiK/8HNQP9E
passlib scrypt | café ₹500 | $scrypt$ln=4,r=8,p=1$c2Vhc2FsdDE$6nvhD04BFXZUVdeeyXQy1BD6uMT/I7bx2rFrq0XGPLg
passlib bcrypt-sha256 | café ₹500 | $bcrypt-sha256$2b,4$abcdefghijklmnopqrstuu$7GTvpPQ1vvv0Xv.jLp76RZhroLl1h3K
passlib bcrypt-sha256 | café ₹500 | $bcrypt-sha256$v=2,t=2b,r=4$abcdefghijklmnopqrstuu$tVO8In0m/1GJdyRXZXWHaZwIBVcjphm
bcrypt | café ₹500 | $2$04$abcdefghijklmnopqrstuuzmJPOewY//T4KhG6WaCENxSAykGxWmS
ldap {PBKDF2-SHA256} | pw | {PBKDF2-SHA256}1000$5HzPOQdg7J2zVmptjbHWug$nUSYBKUhpt4gsCmkEV49ODroypfdCTh0JcNf1X.WDdk
",
        );
        // Longer than bcrypt could see: here all of it counts.
        let text = "$bcrypt-sha256$v=2,t=2b,r=4$abcdefghijklmnopqrstuu$KhtxuBQKBo8Nu7Po0bSa7MhDXShD/jC";
        let stored = StoredHash::parse(text).expect("a hash");
        assert!(stored.verify(&Secret::new("long ".repeat(30))) && !stored.verify(&Secret::new("long ".repeat(29))));
    }

    /// What is a stored hash by its looks.
    const LOOK_STORED: &[&str] = &[
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$2b$12$abcdefghijklmnopqrstuuIAle5L4ue5XyAG2HTzAX6K2n8ZK1yhi",
        " $6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO ",
        "!$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO",
        "!!$y$j9T$abc",
        "$P$5kn5/0wqNXS/G7u.IYlNwjFLDcJnNW/",
        "$md5,rounds=34000$8So7VYZR$$8zigKd3xskHn4PyTbGYAQ0",
        "$wp$2y$10$abcdefghijklmnopqrstuu",
        "$some-scheme-of-tomorrow$x",
        "U$S$abcdefghijkl",
        "{SSHA}tVJDqIpbBPVzdtC1gh74SndM9SajtBYC",
        "{crypt}$6$saltstring$svn8",
        "{SSHA256.HEX}aa",
        "{bcrypt}$2a$10$abc",
        "{X-PBKDF2}HMACSHA1:AAAD6A:abc",
        "pbkdf2_sha256$1000$seasalt$iIp/WCkAEX5TkrhX07RyLrfsFH7jutXKtdEicPRvh48=",
        "pbkdf2_sha1$1000$seasalt$unqv26Gf4grgqGeEYtjHHzBnQ3A=",
        "argon2$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q",
        "bcrypt$$2b$04$abcdefghijklmnopqrstuuAZSeo142u/REoBB9tQc.EG2eLtVn.dG",
        "bcrypt_sha256$$2b$04$abc",
        "scrypt$1024$seasalt$8$2$M/Y1",
        "md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3",
        "MD5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3",
        "unsalted_sha1$$6d138ca3ae545631b3abd71a4f076ce759c5700b",
        "sha256$salt$a900",
        "crypt$$ab1Hv2Lg7ltQo",
        "plain$$default",
        "pbkdf2:sha256:1000$saltsalt$a900cf49",
        "scrypt:1024:8:1$Km5093VrgkJfrMLm$8ce1",
        "ipaNTHash: iEb36u6PsRetBr3YMLdYbA",
        "SCRAM-SHA-256$4096:c2FsdA==$abc:def",
        "{\"credentialData\":\"{}\",\"secretData\":\"{}\"}",
        "[{\"type\":\"password\",\"secretData\":\"{}\"}]",
        "!abcdefghijABCDEFGHIJ0123456789abcdefghij",
        // MySQL 4.1, PostgreSQL, Redis, SQL Server 2005, Oracle 11, BSDi.
        "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19",
        "md5a6343a68d964ca596d9752250d54bb8a",
        "#5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8",
        "0x01004086CEB6BF932BC4151A1AF1F13CD17301D70816A8886908",
        "S:8F2D65FB5547B71C8DA3760F10960428CD307B1C6271691FC55C1F56554A;H:DC9894A01797D91D92ECA1DA66242209",
        "_J9..rasmBYk8r9AiWNc",
        // hashcat's and PasswordStorage's, Laravel's, Spring's, Dovecot's, passlib's in Django, MediaWiki's, Nextcloud's.
        "sha512:1000:NzY2:wRVkhgpBD1Vn",
        "sha1:64000:18:V3+oWxU3:xyz",
        "SHA-256:NzY2wRVkhgpBD1Vn",
        "argon2:$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65",
        "bcrypt:$2y$10$abcdefghijklmnopqrstuu",
        "{argon2@SpringSecurity_v5_8}$argon2id$v=19$m=256",
        "{SHA512-CRYPT}$6$saltstring$svn8",
        "{x-issha, 1024}hmiyJ2a/Z+HRpjQ37Osz+rYax9UxMjM0NTY3ODkwYWJjZGVm",
        "sha512_crypt$$6$saltstring$svn8",
        "pbkdf2_sha512$1000$salt$hash",
        "pbkdf2_sha256_md5$1000$salt$hash",
        "PBKDF2WithHmacSHA256:10000:c2FsdA:aGFzaA",
        "SCRAM-SHA-512$4096:c2FsdA==$abc:def",
        ":B:3e4b1c2d:94cfe09d7bd43a8ac8ce5bd7ec29f1b7",
        ":pbkdf2:sha512:30000:64:c2FsdA==:aGFzaA==",
        "3|$argon2id$v=19$m=65536,t=4,p=1$c2FsdA$aGFzaA",
        "#jbcrypt:$2a$10$abcdefghijklmnopqrstuu",
        "grub.pbkdf2.sha512.10000.9CA4611006.B5A3",
        "-pbkdf2-e0d8,4f0c,10",
        "M$P$BtK9kFfKnVFjmeRk",
        "{\"hash\":\"x\",\"salt\":\"y\",\"hashMethod\":\"pbkdf2\"}",
        // As a byte order mark, a quotation or a spreadsheet leaves it.
        "\u{feff}$2b$12$abcdefghijklmnopqrstuu",
        "\"$2b$12$abcdefghijklmnopqrstuu\"",
        "'pbkdf2_sha256$1000$seasalt$iIp",
        "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+6dRS2YqwDdW8a95AuTJKeFjX+BC97Eu48x2sbesAHwA==",
    ];

    /// What a person may have chosen.
    const LOOK_CHOSEN: &[&str] = &[
        "",
        "$",
        "$$",
        "$ cash $ and carry",
        "a$b$c$d of the day",
        "costs 5$ or 6$ a day",
        "$100 a day and more",
        "{ braces } are fine",
        "{}",
        "{open and never closed",
        "md5 is weak$",
        "monsoon over the western ghats",
        "3f86d0d3d465b7b458c231bf3555c0e3",
        "ab1Hv2Lg7ltQo",
        "!what a fine password it is",
        "https://example.com/a$b",
        "*two stars and forty letters, no digest..",
        "md5a6343a68d964ca596d9752250d54bb8",
        "_J9..rasmBYk8r9AiWN",
        "_a_name_of_some_kind",
        "0x0100 is a number",
        "0x01004086CEB6",
        "sha512: the long way round",
        "md5:short",
        "note: buy milk and bread",
        "asha:correct-horse-battery",
        "3|4 of the way home",
        "#metoo: a hashtag",
        "a:b:c:d:e:f:g:h:i:j:k:l",
        "dad:$5 please",
        "{\"hash\":\"x\"}",
        // Base64 of no such layout: cut, with another digest, version 2 of ASP.NET.
        "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+6dRS2YqwDdW8a95AuTJKeFjX+BC97Eu48x2sbesAHw",
        "AQAAAAcAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+6dRS2YqwDdW8a95AuTJKeFjX+BC97Eu48x2sbesAHwA==",
        "AAABAgMEBQYHCAkKCwwNDg+a9yxghef7yzj5nEdJh/6vxjKsWNPZPFQ3qVd8e1UD6w==",
        "AQAAAAIAAYagAAAAEAABAgMEBQYH",
    ];

    #[test]
    fn a_stored_hash_is_known_by_the_name_of_its_scheme() {
        for text in LOOK_STORED {
            assert!(is_stored(text), "{text}");
        }
        for text in LOOK_CHOSEN {
            assert!(!is_stored(text), "{text}");
        }
    }

    /// The same file's password of 98 characters, of which bcrypt sees 72.
    #[test]
    fn bcrypt_looks_at_72_bytes() {
        let stored = StoredHash::parse("$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui").expect("a hash");
        let seen = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        // Its maker stopped there too, so it is the password; hashed anew, all of it counts.
        assert!(stored.verify(&Secret::new(seen.into())));
        assert!(stored.verify(&Secret::new(format!("{seen}chars after 72 are ignored"))));
        assert!(!stored.verify(&Secret::new(seen[1..].into())));
        // passlib 1.7.4.
        let text = "$2b$04$abcdefghijklmnopqrstuuIAle5L4ue5XyAG2HTzAX6K2n8ZK1yhi";
        assert!(StoredHash::parse(text).expect("a hash").verify(&Secret::new("long ".repeat(30))));
        let stored = StoredHash::parse("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW").expect("a hash");
        assert!(!stored.verify(&Secret::new("U*U\0".into())));
        assert!(!stored.verify(&Secret::new("U*U\0U*U".into())));
    }

    /// Django's tests/auth_tests/test_hashers.py where the password is "secret"; kanidm's libs/crypto where it begins with
    /// "eicie". The rest: Python's hashlib and crypt in Django's form, cheaper than Django would make them.
    #[test]
    fn django() {
        matches(
            r"
django argon2 | secret | argon2$argon2i$m=8,t=1,p=1$c29tZXNhbHQ$gwQOXSNhxiOxPOA0+PY10P9QFO4NAYysnqRt1GSQLE55m+2GYDt9FEjPMHhP2Cuf0nOEXXMocVrsJAtNSsKyfg
django argon2 | secret | argon2$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q
django pbkdf2_sha256 | eicieY7ahchaoCh0eeTa | pbkdf2_sha256$36000$xIEozuZVAoYm$uW1b35DUKyhvQAf1mBqMvoBDcqSD06juzyO/nmyV0+w=
django pbkdf2_sha256 | café ₹500 | pbkdf2_sha256$1000$seasalt$iIp/WCkAEX5TkrhX07RyLrfsFH7jutXKtdEicPRvh48=
django pbkdf2_sha1 | café ₹500 | pbkdf2_sha1$1000$seasalt$unqv26Gf4grgqGeEYtjHHzBnQ3A=
django scrypt | café ₹500 | scrypt$1024$seasalt$8$2$M/Y1OXzivhHIXy8TmdP+3dusPKO10RWU5Lr9ePXS0T2qsu+2ZfNFPN3Kn5S0QrhcylfI9J9elAWebSnd1EcLyw==
django bcrypt | café ₹500 | bcrypt$$2b$04$abcdefghijklmnopqrstuuAZSeo142u/REoBB9tQc.EG2eLtVn.dG
django bcrypt_sha256 | café ₹500 | bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuup3fZYkmXUAiNxMlqqGFZRj5L7WY/EqC
",
        );
    }

    /// Python's hashlib and crypt in Django's form. Longer than bcrypt could see, which is why Django digests it first.
    #[test]
    fn django_bcrypt_sha256_takes_any_length() {
        let text = "bcrypt_sha256$$2y$04$abcdefghijklmnopqrstuukAiuEzMQBIwlvmY.tfn42ADv76hi4x6";
        let stored = StoredHash::parse(text).expect("a hash");
        assert!(stored.verify(&Secret::new("long ".repeat(30))) && !stored.verify(&Secret::new("long ".repeat(29))));
    }

    #[test]
    fn unusable_never_matches() {
        for text in ["!", "!abcdefghijABCDEFGHIJ0123456789abcdefghij"] {
            let stored = StoredHash::parse(text).expect("taken");
            assert_eq!((stored.scheme(), stored.text()), ("unusable", text));
            assert!(!stored.verify(&Secret::new(text.into())) && !stored.verify(&Secret::new(String::new())));
        }
    }

    /// "correct horse": Python's hashlib in Werkzeug's form. The rest: Werkzeug 3.1.8, generate_password_hash with that
    /// method.
    #[test]
    fn werkzeug() {
        matches(
            r"
werkzeug pbkdf2:sha256 | correct horse | pbkdf2:sha256:1000$saltsalt$a900cf4996b73ab9b2cbda0ad4fbb464b2f03f64afce6c77caef0ebc376afc9d
werkzeug scrypt | café ₹500 | scrypt:1024:8:1$Km5093VrgkJfrMLm$8ce1b6de8067097caf6ea461dcd307464167d487061f5347003002df1ed29167e680429844bd00c9616bdb61e372983994be1ed7ebc35789894b6b25c90ccce1
werkzeug pbkdf2:sha256 | café ₹500 | pbkdf2:sha256:1000$N0OGtzmLMVGmkPeZ$f55cbcb1f47f5c1f79d8fd654dd09e50ba5194bd0c45126a6812aac68654f8c8
werkzeug pbkdf2:sha1 | café ₹500 | pbkdf2:sha1:1000$wbiYFfEJ4QbkPOCx$2f31eafd914a18cec7b46e1663c1cd8aa61522cb
werkzeug pbkdf2:sha512 | café ₹500 | pbkdf2:sha512:1000$TrNVKYKCWNhySssD$f68ee90f9b830c386b7ed9dcc162157e5c26c1f9d95f0948f66d4641985629251dcb3958f6cdd261e4751327f9e4fbadd338215689f44c03f7c7f00ce25a9939
",
        );
    }

    /// "password": kanidm's libs/crypto, which has them from 389-DS and OpenLDAP. The rest: Python's hashlib. The hash
    /// after {argon2} is the reference implementation's.
    #[test]
    fn ldap() {
        matches(
            r"
ldap {SSHA512} | password | {SSHA512}JwrSUHkI7FTAfHRVR6KoFlSN0E3dmaQWARjZ+/UsShYlENOqDtFVU77HJLLrY2MuSp0jve52+pwtdVl2QUAHukQ0XUf5LDtM
ldap {PBKDF2} | password | {PBKDF2}10000$IlfapjA351LuDSwYC0IQ8Q$saHqQTuYnjJN/tmAndT.8mJt.6w
ldap {PBKDF2-SHA256} | password | {PBKDF2-SHA256}10000$henZGfPWw79Cs8ORDeVNrQ$1dTJy73v6n3bnTmTZFghxHXHLsAzKaAy8SksDfZBPIw
ldap {PBKDF2-SHA512} | password | {PBKDF2-SHA512}10000$Je1Uw19Bfv5lArzZ6V3EPw$g4T/1sqBUYWl9o93MVnyQ/8zKGSkPbKaXXsT8WmysXQJhWy8MRP2JFudSL.N9RklQYgDPxPjnfum/F2f/TrppA
ldap {ARGON2} | password | {argon2}$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4
ldap {SSHA} | café ₹500 | {SSHA}smlgfvImMkicXbylE64QAS8cZF1zZWFzYWx0MQ==
ldap {SSHA} | café ₹500 | {ssha}smlgfvImMkicXbylE64QAS8cZF1zZWFzYWx0MQ==
ldap {SSHA256} | café ₹500 | {SSHA256}rBR0rXUsKpAZwN8KAbln2hq4nqyjJraNmfZlpELDNWZzZWFzYWx0MQ==
ldap {SSHA512} | café ₹500 | {Ssha512}Uxb/q010Jslc9RuuI4NW5jvPsR83r0tWenVmoVYlvKUL57+HYeRp0LPjmpt08cPFcOoJr+7LXBKcqD8sSfR1jHNlYXNhbHQx
",
        );
    }

    #[test]
    fn weak_schemes_are_refused_by_name() {
        for (scheme, text) in [
            ("an MD5 digest", "md5$seasalt$3f86d0d3d465b7b458c231bf3555c0e3"),
            ("an MD5 digest", "md5$$88a434c88cca4e900f7874cd98123f43"),
            ("an MD5 or NT digest", "88a434c88cca4e900f7874cd98123f43"),
            ("a SHA-1 digest", "sha1$seasalt$cff36ea83f5706ce9aa7454e63e431fc726b2dc8"),
            ("a SHA-1 digest", "6d138ca3ae545631b3abd71a4f076ce759c5700b"),
            ("a SHA-1 digest", "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"),
            ("a single SHA-2 digest", "sha256$salt$a900cf4996b73ab9b2cbda0ad4fbb464b2f03f64afce6c77caef0ebc376afc9d"),
            ("a single SHA-2 digest", "a900cf4996b73ab9b2cbda0ad4fbb464b2f03f64afce6c77caef0ebc376afc9d"),
            ("DES-crypt", "crypt$$ab1Hv2Lg7ltQo"),
            ("plain text", "plain$$default"),
            ("plain text", "{CLEARTEXT}hunter2"),
            ("bcrypt $2x$", "$2x$05$6bNw2HLQYeqHYyBfLMsv/OiwqTymGIGzFsA4hOTWebfehXHNprcAS"),
            ("MD5-crypt", "$1$deadbeef$0Huu6KHrKLVWfqa4WljDE0"),
            ("MD5-crypt", "$apr1$deadbeef$0Huu6KHrKLVWfqa4WljDE0"),
            ("SHA-256-crypt", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc8"),
            ("phpass", "$P$5kn5/0wqNXS/G7u.IYlNwjFLDcJnNW/"),
            ("phpass", "$H$9zYcEBOTkC5iSf3T3EDWoZ5lj3C1fQ."),
            ("yescrypt", "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"),
            ("yescrypt", "$gy$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"),
            ("scrypt-crypt", "$7$DU..../....2Q9obwLhin8qvQl6sisAO/$E1HizYWxBmnIH4sdPkd1UOML9t62Gf.wvNTnt5XFzs8"),
            ("SHA-1-crypt", "$sha1$5$genu4SQ5$6Jk.ccFkGwagDXpqbTn0nOef1MDh"),
            ("Sun's MD5-crypt", "$md5,rounds=34000$8So7VYZR$$8zigKd3xskHn4PyTbGYAQ0"),
            ("DES-crypt", "ziT3KIiSNnYR."),
            ("DES-crypt", "_7C/.vQ0mfofH0ZVOyDQ"),
            ("SHA-512-crypt", "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO/O817G3uBnIFNjnQJu"),
            ("{MD5} or {SMD5}", "{MD5}X03MO1qnZdYdgyfeuILPmQ=="),
            ("{MD5} or {SMD5}", "{smd5}X03MO1qnZdYdgyfeuILPmXNhbHQ="),
            ("{SHA} or the like", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="),
            (
                "{SHA} or the like",
                "{sha512}sQnzu7wkTrgkQZF+0G1hi5AI3Qmzvv0bXgc5THBqi7mAsdd4Xll27ASbRt9fEyavWi6m0QP9B8lThf+rDKy8hg==",
            ),
            ("{CRYPT}", "{CRYPT}$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO"),
            ("an NT hash", "$3$$8846f7eaee8fb117ad06bdd830b7586c"),
            ("an NT hash", "{NT}8846F7EAEE8FB117AD06BDD830B7586C"),
            ("an NT hash", "sambaNTPassword: 8846F7EAEE8FB117AD06BDD830B7586C"),
            ("an NT hash", "ipaNTHash: iEb36u6PsRetBr3YMLdYbA"),
        ] {
            let refusal = refusal(text);
            assert!(matches!(refusal, Refusal::Weak { scheme: s, .. } if s == scheme), "{text} {refusal:?}");
            assert!(refusal.to_string().starts_with("must not be "));
        }
    }

    #[test]
    fn what_is_not_known_is_refused_and_not_quoted() {
        for text in [
            "",
            " ",
            "hunter2",
            "sha512:1000:hunter2hunter2",
            "pass$word",
            "a:b",
            "a:b$c",
            "$",
            "$$",
            "$9$x",
            "{",
            "{}",
            "{}x",
            "{X}y",
            "{\"a\":1}",
            "é$é$é",
            "lolcat$salt$hash",
            "argon2$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
            "{ARGON2}x",
            "argon2$",
            "pbkdf2:md5:1000$saltsalt$a900cf4996b73ab9b2cbda0ad4fbb464",
            "{PBKDF2_SHA256}AAAIAA",
            "{SASL}ravi@ACME",
            "{\"credentialData\":\"hunter2\",\"secretData\":\"hunter2\"",
        ] {
            let refusal = refusal(text);
            let is_told = matches!(refusal, Refusal::Unknown | Refusal::Malformed { .. });
            assert!(is_told || refusal == weak("a hash of that scheme", ALIEN), "{text}");
            assert!(!refusal.to_string().contains("hunter2"));
        }
        assert_eq!(refusal(&"!".repeat(2049)), Refusal::TooLong);
        assert_eq!(refusal(&"a".repeat(1 << 20)), Refusal::TooLong);
    }

    // One of each form that holds, of which the malformed ones are made.
    const ARGON2: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    const BCRYPT: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    const DJANGO: &str = "pbkdf2_sha256$1000$seasalt$iIp/WCkAEX5TkrhX07RyLrfsFH7jutXKtdEicPRvh48=";
    const SCRYPT: &str = "scrypt$1024$seasalt$8$2$M/Y1OXzivhHIXy8TmdP+3dusPKO10RWU5Lr9ePXS0T2qsu+2ZfNFPN3Kn5S0QrhcylfI9J9elAWebSnd1EcLyw==";
    const WERKZEUG: &str =
        "pbkdf2:sha256:1000$saltsalt$a900cf4996b73ab9b2cbda0ad4fbb464b2f03f64afce6c77caef0ebc376afc9d";
    const LDAP: &str = "{PBKDF2}10000$IlfapjA351LuDSwYC0IQ8Q$saHqQTuYnjJN/tmAndT.8mJt.6w";
    const SSHA: &str = "{SSHA}smlgfvImMkicXbylE64QAS8cZF1zZWFzYWx0MQ==";
    const PBKDF2: &str = "$pbkdf2-sha256$1000$c2Vhc2FsdDE$9gsE4qSWzk7V8KvI/LEl58PgJkEA.NVWfTHJscAwYYE";
    const LN: &str = "$scrypt$ln=4,r=8,p=1$c2Vhc2FsdDE$6nvhD04BFXZUVdeeyXQy1BD6uMT/I7bx2rFrq0XGPLg";
    const V2: &str = "$bcrypt-sha256$v=2,t=2b,r=4$abcdefghijklmnopqrstuu$tVO8In0m/1GJdyRXZXWHaZwIBVcjphm";
    const V1: &str = "$bcrypt-sha256$2b,4$abcdefghijklmnopqrstuu$7GTvpPQ1vvv0Xv.jLp76RZhroLl1h3K";

    /// A good one, a part of it, and what stands there instead.
    const MALFORMED: &[(&str, &str, &str)] = &[
        (ARGON2, "v=19", "v=18"),
        (ARGON2, "v=19", "x=19"),
        (ARGON2, "m=256,t=2", "t=2,m=256"),
        (ARGON2, "p=1", "p=1,keyid=QUJD"),
        (ARGON2, ",p=1", ""),
        (ARGON2, "m=256", "m=+256"),
        (ARGON2, "m=256", "m=0256"),
        (ARGON2, "m=256", "m=99999999999999999999"),
        (ARGON2, "m=256", "m=7"),
        (ARGON2, "t=2", "t=0"),
        (ARGON2, "p=1", "p=33"),
        (ARGON2, "$c29tZXNhbHQ", "$c29tZXNhbA"),
        (ARGON2, "$c29tZXNhbHQ", "$"),
        (ARGON2, "$c29tZXNhbHQ", ""),
        (ARGON2, "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "nf65EOgLrQMR/uIPnA4r"),
        (ARGON2, "Gi/4", "Gi/5"),
        (ARGON2, "Gi/4", "Gi/4="),
        (ARGON2, "Gi/4", "Gi/4$"),
        (ARGON2, "Gi/4", "Gi/4\n"),
        (BCRYPT, "$05", "$5"),
        (BCRYPT, "$05", "$+5"),
        (BCRYPT, "$05", "$03"),
        (BCRYPT, "$05", "$32"),
        (BCRYPT, "OeW", "Oe"),
        (BCRYPT, "OeW", "OeWW"),
        (BCRYPT, "OeW", "Oe+"),
        (BCRYPT, "OeW", "é"),
        (BCRYPT, "CCCCC.E5", "CCCCé.5"),
        (DJANGO, "1000", "0"),
        (DJANGO, "1000", "-1"),
        (DJANGO, "1000", ""),
        (DJANGO, "seasalt", ""),
        (DJANGO, "$seasalt", ""),
        (DJANGO, "iIp/WCkAEX5TkrhX07RyLrfsFH7jutXKtdEicPRvh48=", ""),
        (DJANGO, "iIp/WCkAEX5TkrhX07RyLrfsFH7jutXKtdEicPRvh48=", "iIp/WCkAEX5TkrhX07Ry"),
        (DJANGO, "h48=", "h4?="),
        (SCRYPT, "1024", "1023"),
        (SCRYPT, "1024", "1"),
        (SCRYPT, "$8$", "$0$"),
        (SCRYPT, "$2$", "$0$"),
        (SCRYPT, "seasalt", ""),
        (SCRYPT, "$2$", "$"),
        (WERKZEUG, ":1000", ""),
        (WERKZEUG, "pbkdf2:sha256", "scrypt"),
        (WERKZEUG, "saltsalt", ""),
        (WERKZEUG, "a900", "a90"),
        (WERKZEUG, "a900", "a90x"),
        (WERKZEUG, "$saltsalt", ""),
        (LDAP, "10000", "1e4"),
        (LDAP, "$IlfapjA351LuDSwYC0IQ8Q", "$"),
        (LDAP, "$IlfapjA351LuDSwYC0IQ8Q", ""),
        (SSHA, "1zZWFzYWx0MQ==", "0="),
        (SSHA, "MQ==", "MQ="),
        (SSHA, "MQ==", "MQ"),
        (SSHA, "MQ==", "M"),
        (SSHA, "MQ==", ""),
        (SSHA, "MQ==", "MQ==="),
        (SSHA, "MQ==", "MR=="),
        (LDAP, "mJt.6w", "mJt.6"),
        (LDAP, "mJt.6w", "mJt."),
        (LDAP, "mJt.6w", "mJt.6w=="),
        (DJANGO, "h48=", "h48"),
        (PBKDF2, "AwYYE", "AwYY"),
        (PBKDF2, "$1000", "$0"),
        (PBKDF2, "$c2Vhc2FsdDE", ""),
        (LN, "ln=4", "ln=64"),
        (LN, "ln=4", "N=16"),
        (LN, "ln=4,", ""),
        (LN, "$c2Vhc2FsdDE", "$"),
        (V2, "v=2", "v=3"),
        (V2, "r=4", "r=100"),
        (V2, "r=4", "4"),
        (V2, "t=2b", "t=2x"),
        (V2, "jphm", "jph"),
        (V1, "2b,4", "2b"),
        (V1, "2b,4", "2b,3"),
    ];

    #[test]
    fn malformed_ones_are_refused() {
        for (good, part, bad) in MALFORMED {
            assert!(read(good).is_ok(), "{good}");
            let text = good.replace(part, bad);
            assert!(matches!(refusal(&text), Refusal::Malformed { .. }), "{text} {:?}", refusal(&text));
        }
    }

    #[test]
    fn costs_are_capped() {
        let argon2 =
            |params: &str| format!("$argon2id$v=19${params}$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4");
        let bcrypt = |cost: u32| format!("$2a${cost:02}$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");
        let pbkdf2 = |n: u64| format!("pbkdf2_sha256${n}$seasalt$iIp/WCkAEX5TkrhX07RyLrfsFH7jutXKtdEicPRvh48=");
        let scrypt = |costs: &str| format!("scrypt:{costs}$Km5093VrgkJfrMLm${}", "8c".repeat(64));
        for most in [
            argon2("m=1048576,t=4,p=64"),
            argon2("m=65536,t=64,p=1"),
            bcrypt(16),
            pbkdf2(10_000_000),
            scrypt("1048576:8:1"),
            scrypt("1048576:8:4"),
        ] {
            assert!(read(&most).is_ok(), "{most}");
        }
        for more in [
            argon2("m=1048577,t=1,p=1"),
            argon2("m=8,t=65,p=1"),
            argon2("m=1048576,t=1,p=65"),
            argon2("m=65537,t=64,p=1"),
            argon2("m=18446744073709551615,t=18446744073709551615,p=1"),
            bcrypt(17),
            bcrypt(31),
            pbkdf2(10_000_001),
            pbkdf2(u64::MAX),
            scrypt("2097152:8:1"),
            scrypt("1048576:9:1"),
            scrypt("1048576:8:5"),
            scrypt("9223372036854775808:8:1"),
            scrypt("2:18446744073709551615:18446744073709551615"),
            scrypt("2:1:4294967295"),
            scrypt("2:4194304:3"),
        ] {
            let refusal = refusal(&more);
            assert!(matches!(refusal, Refusal::TooCostly { .. }), "{more} {refusal:?}");
            assert!(refusal.to_string().starts_with("must cost less: "));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = read(&text);
        }

        /// Texts that get further: made of what hashes are made of.
        #[test]
        fn any_near_hash_is_read_or_refused(
            head in "(\\$(2[abxy]|argon2i?d?)\\$|\\{[A-Z0-9-]{1,13}\\}|(pbkdf2_sha(1|256)|scrypt|argon2|bcrypt(_sha256)?)\\$|(pbkdf2:sha(1|256)|scrypt):|\\{\"[a-z]*)",
            tail in "([0-9]{1,20}|[a-zA-Z0-9+/.]{0,24}|[$:,={}\"é]|v=19|m=[0-9]+,t=[0-9],p=[0-9]){0,12}",
        ) {
            let _ = read(&format!("{head}{tail}"));
        }
    }
}
