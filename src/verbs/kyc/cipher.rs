//! Numbers that an earlier system encrypted.

use std::path::Path;

use anyhow::Result;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::seal::NUMBER;
use crate::model::identity::fernet::{FernetKey, is_token};
use crate::model::problem::{Problem, io_message};
use crate::ui::bounded;

/// Longer than any key.
const MOST: usize = 1000;

/// Reads the key of a file.
pub fn read_key(path: &Path) -> Result<FernetKey> {
    let shown = path.display();
    let text = bounded::read(path, MOST)
        .map_err(|e| Problem::failed(format!("can't read the Fernet key of {shown}: {}", io_message(&e))))?;
    let text = Zeroizing::new(text);
    Ok(FernetKey::parse(&text).ok_or_else(|| {
        Problem::invalid(format!("{shown} holds no Fernet key"))
            .hint("it is 32 bytes in Base64, 44 characters, on a line")
    })?)
}

/// A number that is given as ciphertext, in clear.
pub fn opened(key: Option<&FernetKey>, token: &str) -> Result<Zeroizing<String>, Problem> {
    let wrong = |why: &str| Problem::invalid(format!("the encrypted number {why}")).field(NUMBER);
    if !is_token(token) {
        return Err(wrong("is no Fernet token, and no other ciphertext can be opened"));
    }
    let key = key.ok_or_else(|| wrong("needs the key it was encrypted with: --fernet-key FILE"))?;
    key.open(token).ok_or_else(|| wrong("does not open with the key that was given"))
}

/// What tells numbers of one file apart, in memory.
pub fn digest(number: &str) -> Vec<u8> {
    Sha256::digest(number.as_bytes()).to_vec()
}
