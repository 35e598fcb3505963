//! Ciphertext of an earlier system: Fernet (github.com/fernet/spec), as Django applications write it in `*_encrypted` columns.

use std::fmt;

use zeroize::Zeroizing;

/// A key of Fernet; it prints as `***`.
pub struct FernetKey(fernet::Fernet);

impl fmt::Debug for FernetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FernetKey(***)")
    }
}

impl FernetKey {
    /// Reads a key: 32 bytes in Base64. `None` for anything else.
    pub fn parse(text: &str) -> Option<FernetKey> {
        fernet::Fernet::new(text.trim()).map(FernetKey)
    }

    /// What was encrypted; none where it is no token of this key.
    pub fn open(&self, token: &str) -> Option<Zeroizing<String>> {
        let clear = Zeroizing::new(self.0.decrypt(token.trim()).ok()?);
        Some(Zeroizing::new(std::str::from_utf8(&clear).ok()?.to_owned()))
    }
}

/// Whether a text has the form of a token: version 0x80 and 57 bytes or more, in Base64.
pub fn is_token(text: &str) -> bool {
    let text = text.trim();
    text.len() >= 100
        && text.starts_with("gAAAAA")
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";

    /// github.com/fernet/spec, verify.json.
    #[test]
    fn as_the_specification_opens_it() {
        let key = FernetKey::parse(KEY).expect("a key");
        let token =
            "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
        assert!(is_token(token));
        assert_eq!(key.open(token).as_deref().map(String::as_str), Some("hello"));
    }

    /// The same, invalid.json: another MAC, cut short, no Base64, another key.
    #[test]
    fn nothing_else_opens() {
        let key = FernetKey::parse(KEY).expect("a key");
        for token in [
            "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykQUFBQUFBQUFBQQ==",
            "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPA==",
            "%%%%%%%%%%%%%AECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykRtfsH-p1YsUD2Q==",
            "",
        ] {
            assert!(key.open(token).is_none(), "{token}");
        }
        assert!(FernetKey::parse("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e").is_none());
        assert_eq!(format!("{key:?}"), "FernetKey(***)");
    }
}
