//! A password's hash as Keycloak exports it: an element of a user's `credentials` in a realm export, as JSON text.
//!
//! Source: Keycloak's `PasswordCredentialModel`, `Pbkdf2PasswordHashProvider` and `Argon2Parameters`.

use std::collections::HashMap;

use argon2::{Algorithm, Version};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::kdf::{Digest, Kdf, Refusal, bounded_argon2, malformed};
use super::parts::{BASE64, Read, argon2_salt, decode, number, pbkdf2, sized};

/// One of a user's `credentials` in a realm export. Data and secret are JSON in a string there, or as they are.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential {
    #[serde(rename = "type")]
    kind: Option<String>,
    credential_data: Nested<CredentialData>,
    secret_data: Nested<SecretData>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Nested<T> {
    Text(String),
    Plain(T),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialData {
    hash_iterations: u64,
    algorithm: String,
    #[serde(default)]
    additional_parameters: HashMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct SecretData {
    value: String,
    salt: String,
}

impl<T: DeserializeOwned> Nested<T> {
    fn open(self) -> Option<T> {
        match self {
            Nested::Text(text) => serde_json::from_str(&text).ok(),
            Nested::Plain(t) => Some(t),
        }
    }
}

/// Reads the JSON of one credential.
pub(super) fn read(text: &str) -> Read {
    // What serde has to say could quote the secret.
    let credential: Credential = serde_json::from_str(text).map_err(|_| Refusal::Unknown)?;
    if credential.kind.is_some_and(|k| k != "password") {
        return Err(malformed("keycloak", "its type is password"));
    }
    let wrong = malformed("keycloak", "credentialData has hashIterations and algorithm, secretData has value and salt");
    let data = credential.credential_data.open().ok_or(wrong)?;
    let secret = credential.secret_data.open().ok_or(wrong)?;
    let (scheme, digest) = match data.algorithm.as_str() {
        "pbkdf2" => ("keycloak pbkdf2", Some(Digest::Sha1)),
        "pbkdf2-sha256" => ("keycloak pbkdf2-sha256", Some(Digest::Sha256)),
        "pbkdf2-sha512" => ("keycloak pbkdf2-sha512", Some(Digest::Sha512)),
        "argon2" => ("keycloak argon2", None),
        _ => return Err(Refusal::Unknown),
    };
    let (salt, output) = (decode(scheme, &BASE64, &secret.salt)?, decode(scheme, &BASE64, &secret.value)?);
    if let Some(digest) = digest {
        return pbkdf2(scheme, digest, Some(data.hash_iterations), salt, output);
    }
    let wrong = malformed(scheme, "additionalParameters has type, version, memory and parallelism");
    let one = |name: &str| match data.additional_parameters.get(name).map(Vec::as_slice) {
        Some([value]) => Ok(value.as_str()),
        _ => Err(wrong),
    };
    let algorithm = match one("type")? {
        "id" => Algorithm::Argon2id,
        "i" => Algorithm::Argon2i,
        "d" => Algorithm::Argon2d,
        _ => return Err(wrong),
    };
    let version = match one("version")? {
        "1.3" => Version::V0x13,
        "1.0" => Version::V0x10,
        _ => return Err(wrong),
    };
    let (memory, lanes) = (number(one("memory")?).ok_or(wrong)?, number(one("parallelism")?).ok_or(wrong)?);
    let params = bounded_argon2(scheme, memory, data.hash_iterations, lanes)?;
    let salt = argon2_salt(scheme, salt)?;
    Ok((scheme, Kdf::Argon2 { algorithm, version, params, salt }, sized(scheme, output)?))
}

#[cfg(test)]
mod tests {
    use super::super::hash::StoredHash;
    use super::super::secret::Secret;
    use super::*;

    /// Python's hashlib in the form of a realm export; argon2 is the reference implementation's once more.
    #[test]
    fn credentials_of_a_realm_export() {
        let in_text = |algorithm: &str, value: &str| {
            format!(
                r#"{{"id":"e0a3c0b6-7f0e-4f3c-9f4f-7a3f3a5f1c11","type":"password","userLabel":"My password","createdDate":1700000000000,"secretData":"{{\"value\":\"{value}\",\"salt\":\"AAECAwQFBgcICQoLDA0ODw==\",\"additionalParameters\":{{}}}}","credentialData":"{{\"hashIterations\":1000,\"algorithm\":\"{algorithm}\",\"additionalParameters\":{{}}}}"}}"#
            )
        };
        let wide = "qus4BfI2v4kTidmS8X9w9IMqqemB8jZ8+UFpEdGusRww9T+8b0HvHc+tZI59wn6GrDFDgAW8mj4uEH3TAbwTxg==";
        let sha256 = "qus4BfI2v4kTidmS8X9w9IMqqemB8jZ8+UFpEdGusRw=";
        let sha512 = "l83Cs845udBMISy93kNpXfxG1YnYnMpNUura5W7jWqKZP4U6pujipzVZYFme4QUhoszjeRYPZ1KeZDlDsMeAuA==";
        let argon2 = r#"{"credentialData": {"hashIterations": 2, "algorithm": "argon2", "additionalParameters":
            {"hashLength": ["32"], "memory": ["256"], "type": ["id"], "version": ["1.3"], "parallelism": ["1"]}},
            "secretData": {"value": "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4=", "salt": "c29tZXNhbHQ="}}"#;
        for (scheme, password, text) in [
            ("keycloak pbkdf2-sha256", "café ₹500", &*in_text("pbkdf2-sha256", wide)),
            ("keycloak pbkdf2-sha256", "café ₹500", &in_text("pbkdf2-sha256", sha256)),
            ("keycloak pbkdf2-sha512", "café ₹500", &in_text("pbkdf2-sha512", sha512)),
            ("keycloak pbkdf2", "café ₹500", &in_text("pbkdf2", "LkIVnnlrTvUyHy5YUyJzXL9Zstg=")),
            ("keycloak argon2", "password", argon2),
        ] {
            let stored = StoredHash::parse(text).expect("a credential");
            assert_eq!((stored.scheme(), stored.text()), (scheme, text));
            assert!(stored.verify(&Secret::new(password.into())), "{text}");
            assert!(!stored.verify(&Secret::new("passwore".into())), "{text}");
        }
        let malformed =
            |text: &str| assert!(matches!(StoredHash::parse(text).err(), Some(Refusal::Malformed { .. })), "{text}");
        malformed(&argon2.replace("\"id\"", "\"ib\""));
        malformed(&argon2.replace("1.3", "1.4"));
        malformed(&argon2.replace("memory", "memories"));
        malformed(&argon2.replace("[\"256\"]", "[]"));
        malformed(&in_text("pbkdf2", wide).replace("\"type\":\"password\"", "\"type\":\"otp\""));
        malformed(&in_text("pbkdf2", wide).replace("hashIterations", "rounds"));
        malformed(&in_text("pbkdf2", wide).replace("1000,", "0,"));
        // One of two values would be lost without a word.
        malformed(&in_text("pbkdf2", wide).replace(r#"{\"value"#, r#"{\"value\":\"\",\"value"#));
        let other = StoredHash::parse(&argon2.replace("argon2", "sha256")).err();
        assert!(matches!(other, Some(Refusal::Weak { scheme: "a hash of that scheme", .. })), "{other:?}");
        assert_eq!(StoredHash::parse(r#"{"type":"password","value":"hunter2"}"#).err(), Some(Refusal::Unknown));
    }
}
