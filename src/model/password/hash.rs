//! Hashing a password, and holding a password against a stored hash.

use std::fmt;

use argon2::{Algorithm, Version};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::formats;
pub use super::kdf::Params;
use super::kdf::{Kdf, Refusal};
use super::secret::Secret;

/// Bytes of a hash of our own (RFC 9106, section 4, asks for 16 and more).
const OUTPUT: usize = 32;

/// The argon2id hash of a password in normalisation form KC, as a PHC string. The salt must be random.
///
/// # Panics
/// Where there is no memory left, as every allocation.
pub fn hash(password: &Secret, params: &Params, salt: [u8; 16]) -> String {
    let mut output = Zeroizing::new([0; OUTPUT]);
    params.kdf(&salt).derive(password.normalised().expose().as_bytes(), &mut *output);
    let (memory, passes, lanes) = (params.memory_kib(), params.passes(), params.lanes());
    let (salt, output) = (BASE64_STANDARD_NO_PAD.encode(salt), BASE64_STANDARD_NO_PAD.encode(*output));
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${output}")
}

/// Takes as long as checking `password` against a hash of these costs, so that nobody can tell by the clock that there
/// is no such user. Nothing matches it.
pub fn dummy(password: &Secret, params: &Params) {
    let nobody =
        StoredHash { text: String::new(), scheme: "argon2id", kdf: params.kdf(&[0; 16]), output: vec![0; OUTPUT] };
    std::hint::black_box(nobody.verify(password));
}

/// A hash as the database keeps it: of our own, or brought along from other software (see [`formats`]).
pub struct StoredHash {
    text: String,
    scheme: &'static str,
    kdf: Kdf,
    output: Vec<u8>,
}

impl StoredHash {
    /// Reads a hash of any scheme in [`formats`]. Nothing is computed yet.
    ///
    /// # Errors
    /// A [`Refusal`], which says why in words that follow the field's name and never quotes the text.
    pub fn parse(text: &str) -> Result<StoredHash, Refusal> {
        let (scheme, kdf, output) = formats::read(text)?;
        Ok(StoredHash { text: text.to_owned(), scheme, kdf, output })
    }

    /// The text as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What made it, for reports: `argon2id`, `django pbkdf2_sha256`, `ldap {SSHA}`.
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Whether this is the password. It is tried as typed, since that is what other software hashed, and in normalisation
    /// form KC, which is what we hash; against a hash of other software also in the forms C and D, for what the maker was
    /// given depended on its keyboard. Each takes the same time whether it matches or not; plain ASCII is one form.
    ///
    /// # Panics
    /// Where there is no memory left, as every allocation.
    pub fn verify(&self, password: &Secret) -> bool {
        let mut tried = vec![password.normalised()];
        if self.scheme != "argon2id" {
            for form in [password.composed(), password.decomposed()] {
                if !tried.contains(&form) {
                    tried.push(form);
                }
            }
        }
        let typed = if tried.contains(password) { false } else { self.matches(password) };
        tried.iter().fold(typed, |is_right, form| self.matches(form) | is_right)
    }

    /// Whether there is a password that matches: other software stores a mark where an account has none.
    pub fn is_usable(&self) -> bool {
        !matches!(self.kdf, Kdf::Unusable)
    }

    /// Whether to hash the password anew, now that the user has typed it: the hash is not an argon2id one of exactly
    /// these costs, with a salt and output as long as ours. (Costs have no order: more passes over less memory is
    /// neither more nor less. So a setting that goes down is followed too.)
    pub fn needs_rehash(&self, params: &Params) -> bool {
        let Kdf::Argon2 { algorithm: Algorithm::Argon2id, version: Version::V0x13, params: p, salt } = &self.kdf else {
            return true;
        };
        self.scheme != "argon2id" || *p != params.0 || salt.len() < 16 || self.output.len() < OUTPUT
    }

    fn matches(&self, password: &Secret) -> bool {
        let mut output = Zeroizing::new(vec![0; self.output.len()]);
        let possible = self.kdf.derive(password.expose().as_bytes(), &mut output);
        bool::from(output.ct_eq(&self.output)) & possible
    }
}

/// The scheme alone: a hash is what an attacker wants to try guesses on.
impl fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredHash({})", self.scheme)
    }
}

#[cfg(test)]
mod tests {
    use argon2::{Argon2, AssociatedData, ParamsBuilder};
    use proptest::prelude::*;

    use super::*;

    const TINY: (u32, u32, u32) = (8, 1, 1);

    fn tiny() -> Params {
        Params::new(TINY.0, TINY.1, TINY.2).expect("the least that argon2 allows")
    }

    fn verify(hash: &str, password: &str) -> bool {
        StoredHash::parse(hash).expect("a hash").verify(&Secret::new(password.into()))
    }

    /// RFC 9106, section 5, whose examples have a secret key and associated data.
    #[test]
    fn argon2_follows_rfc_9106() {
        for (name, expected) in [
            ("argon2d", "512b391b6f1162975371d30919734294f868e3be3984f3c1a13a4db9fabe4acb"),
            ("argon2i", "c814d9d1dc7f37aa13f0d77f2494bda1c8de6b016dd388d29952a4c4672b6ce8"),
            ("argon2id", "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"),
        ] {
            let mut params = ParamsBuilder::new();
            params.m_cost(32).t_cost(3).p_cost(4).data(AssociatedData::new(&[4; 12]).expect("12 bytes"));
            let (algorithm, params) = (Algorithm::new(name).expect("a name"), params.build().expect("the RFC's own"));
            let argon2 = Argon2::new_with_secret(&[3; 8], algorithm, Version::V0x13, params).expect("8 bytes");
            let mut tag = [0; 32];
            argon2.hash_password_into(&[1; 32], &[2; 16], &mut tag).expect("the RFC's own");
            assert_eq!(hex::encode(tag), expected);
        }
    }

    /// The example of the PHC string format (P-H-C/phc-string-format), which has the secret key "pepper".
    #[test]
    fn hash_follows_the_phc_string_format() {
        let salt = *b"\x81\x98\x95\xfc\xcd\x60\x3d\xcd\xb6\x12\x50\x07\xfc\x98\x75\x1f";
        let params = argon2::Params::new(65536, 2, 1, None).expect("the example's");
        let argon2 = Argon2::new_with_secret(b"pepper", Algorithm::Argon2id, Version::V0x13, params).expect("6 bytes");
        let mut output = [0; 32];
        argon2.hash_password_into(b"hunter2", &salt, &mut output).expect("the example's");
        let theirs =
            "$argon2id$v=19$m=65536,t=2,p=1$gZiV/M1gPc22ElAH/Jh1Hw$CWOrkoo7oJBQ/iyh7uJ0LO2aLEfrHwTWllSAxT0zRno";
        assert!(theirs.ends_with(&BASE64_STANDARD_NO_PAD.encode(output)));

        let ours = hash(&Secret::new("hunter2".into()), &tiny(), salt);
        assert!(ours.starts_with("$argon2id$v=19$m=8,t=1,p=1$gZiV/M1gPc22ElAH/Jh1Hw$"), "{ours}");
        assert_eq!(ours.len() + "65536".len() - "8".len(), theirs.len());
        assert!(verify(&ours, "hunter2") && !verify(&ours, "hunter3"));
        assert_eq!(StoredHash::parse(theirs).expect("a hash").scheme(), "argon2id");
    }

    #[test]
    fn default_is_the_least_of_owasp() {
        let params = Params::default();
        assert_eq!((params.memory_kib(), params.passes(), params.lanes()), (19_456, 2, 1));
        assert_eq!(Params::new(19_456, 2, 1), Ok(params));
    }

    #[test]
    fn params_out_of_bounds_are_refused() {
        for (memory, passes, lanes) in [(7, 1, 1), (15, 1, 2), (8, 0, 1), (8, 1, 0), (0, 0, 0)] {
            assert!(matches!(Params::new(memory, passes, lanes), Err(Refusal::Malformed { .. })));
        }
        let most = [(1_048_577, 1, 1), (8, 65, 1), (520, 1, 65), (1_048_576, 5, 1), (u32::MAX, u32::MAX, u32::MAX)];
        for (memory, passes, lanes) in most {
            assert!(matches!(Params::new(memory, passes, lanes), Err(Refusal::TooCostly { .. })));
        }
        assert!(Params::new(1_048_576, 4, 64).is_ok());
    }

    /// What is typed on one keyboard as one character and on another as two is one password.
    #[test]
    fn either_form_of_a_character_matches() {
        let (one, two) = ("caf\u{e9}", "cafe\u{301}");
        for typed in [one, two] {
            let hash = hash(&Secret::new(typed.into()), &tiny(), [7; 16]);
            assert!(verify(&hash, one) && verify(&hash, two) && !verify(&hash, "cafe"));
        }
        // Other software hashes what was typed: {SSHA} by Python's hashlib, over "cafe\u{301}" and the salt "seasalt1".
        let foreign = "{SSHA}oEAgLm7j2pZzvbosgW/qmoKYqgBzZWFzYWx0MQ==";
        assert!(verify(foreign, two) && verify(foreign, one) && !verify(foreign, "cafe"));
        // passlib 1.7.4: over "café crème brûlée" in form D, and over a ligature in form C, which form KC takes apart.
        let decomposed = "$2b$04$abcdefghijklmnopqrstuuZkVQhvqujUa7iBIRifVFd4ssPK.SwvC";
        for typed in ["caf\u{e9} cr\u{e8}me br\u{fb}l\u{e9}e", "cafe\u{301} cre\u{300}me bru\u{302}le\u{301}e"] {
            assert!(verify(decomposed, typed));
        }
        let ligature = "$2b$04$abcdefghijklmnopqrstuurgP6L/4iNTSnlMilEdlobP5RfgStT.q";
        assert!(verify(ligature, "\u{fb01}n de si\u{e8}cle") && verify(ligature, "\u{fb01}n de sie\u{300}cle"));
        assert!(!verify(ligature, "fin de si\u{e8}cle"));
    }

    #[test]
    fn needs_rehash_unless_it_is_what_we_would_make() {
        let ours = hash(&Secret::new("hunter2".into()), &tiny(), [7; 16]);
        let needs = |hash: &str, params: &Params| StoredHash::parse(hash).expect("a hash").needs_rehash(params);
        assert!(!needs(&ours, &tiny()));
        assert!(needs(&ours, &Params::default()));
        assert!(needs(&ours, &Params::new(8, 2, 1).expect("more")));
        assert!(needs(&format!("argon2{ours}"), &tiny()), "made by Django, before NFKC");
        assert!(needs(&ours.replace("argon2id", "argon2i"), &tiny()));
        assert!(needs(&ours.replace("v=19$", ""), &tiny()));
        assert!(needs(&ours[..ours.len() - 11], &tiny()), "24 bytes");
        assert!(needs("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &tiny()));
        assert!(needs("!", &tiny()));
    }

    #[test]
    fn prints_the_scheme_alone() {
        let text = hash(&Secret::new("hunter2".into()), &tiny(), [7; 16]);
        let stored = StoredHash::parse(&text).expect("a hash");
        assert_eq!(format!("{stored:?}"), "StoredHash(argon2id)");
        assert_eq!((stored.scheme(), stored.text()), ("argon2id", text.as_str()));
    }

    /// By the path that every check takes, so it can be no quicker.
    #[test]
    fn nothing_matches_the_dummy() {
        dummy(&Secret::new(String::new()), &tiny());
        dummy(&Secret::new("caf\u{e9}".into()), &tiny());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_hashed_verifies(
            password in "\\PC{0,40}", other in "\\PC{0,40}", salt: [u8; 16], memory in 16..64_u32, passes in 1..3_u32, lanes in 1..=2_u32,
        ) {
            let params = Params::new(memory, passes, lanes).expect("within bounds");
            let text = hash(&Secret::new(password.clone()), &params, salt);
            let stored = StoredHash::parse(&text).expect("our own");
            prop_assert_eq!(stored.text(), &text);
            prop_assert!(!stored.needs_rehash(&params));
            let (password, other) = (Secret::new(password), Secret::new(other));
            prop_assert!(stored.verify(&password));
            prop_assert_eq!(stored.verify(&other), password.normalised() == other.normalised());
        }
    }
}
