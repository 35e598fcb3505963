//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): `nonce (24) | ciphertext | tag (16)`.

use chacha20poly1305::{AeadInOut as _, KeyInit as _, Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

/// Bytes of a nonce. It is random: of so many none comes twice.
pub(super) const NONCE: usize = 24;
/// Bytes of a tag.
pub(super) const TAG: usize = 16;

/// Appends the ciphertext of `clear` to `out`.
pub(super) fn encrypt(key: &[u8; 32], nonce: &[u8; NONCE], bound: &[u8], clear: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(nonce);
    let from = out.len();
    out.extend_from_slice(clear);
    let cipher = XChaCha20Poly1305::new(key.into());
    #[expect(clippy::expect_used, reason = "it fails at 256 GB alone")]
    let tag =
        cipher.encrypt_inout_detached(nonce.into(), bound, (&mut out[from..]).into()).expect("less than 256 gigabytes");
    out.extend_from_slice(&tag);
}

/// What was encrypted; none where a bit of anything is another.
pub(super) fn decrypt(key: &[u8; 32], bound: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, rest) = sealed.split_at_checked(NONCE)?;
    let (ciphertext, tag) = rest.split_at_checked(rest.len().checked_sub(TAG)?)?;
    let (nonce, tag) = (XNonce::try_from(nonce).ok()?, Tag::try_from(tag).ok()?);
    let mut clear = Zeroizing::new(ciphertext.to_vec());
    let cipher = XChaCha20Poly1305::new(key.into());
    cipher.decrypt_inout_detached(&nonce, bound, clear.as_mut_slice().into(), &tag).ok()?;
    Some(clear)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex<const N: usize>(text: &str) -> [u8; N] {
        hex::decode(text).expect("hexadecimal").try_into().expect("its length")
    }

    const KEY: &str = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f";
    const IV: &str = "404142434445464748494a4b4c4d4e4f5051525354555657";
    const AAD: &str = "50515253c0c1c2c3c4c5c6c7";
    const CLEAR: &[u8] =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
        sunscreen would be it.";
    const CIPHERTEXT: &str = "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39\
        ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9\
        21f9664c97637da9768812f615c68b13b52e";
    const TAG_OF_IT: &str = "c0875924c1c7987947deafd8780acf49";

    fn published() -> Vec<u8> {
        hex::decode([IV, CIPHERTEXT, TAG_OF_IT].concat()).expect("hexadecimal")
    }

    /// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
    #[test]
    fn as_the_draft_publishes_it() {
        let (key, nonce, bound) = (unhex(KEY), unhex(IV), unhex::<12>(AAD));
        let mut out = Vec::new();
        encrypt(&key, &nonce, &bound, CLEAR, &mut out);
        assert_eq!(hex::encode(&out), hex::encode(published()));
        assert_eq!(decrypt(&key, &bound, &out).as_deref().map(Vec::as_slice), Some(CLEAR));
    }

    /// The cases that Wycheproof names: ModifiedTag, a truncated tag, other associated data, another key, another nonce.
    #[test]
    fn nothing_else_opens() {
        let (key, bound) = (unhex(KEY), unhex::<12>(AAD));
        let whole = published();
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut other = whole.clone();
                other[at] ^= 1 << bit;
                assert!(decrypt(&key, &bound, &other).is_none(), "bit {bit} of byte {at}");
            }
            assert!(decrypt(&key, &bound, &whole[..at]).is_none(), "cut at {at}");
        }
        let tagless = &whole[..whole.len() - TAG];
        for tag in [[0; TAG], [0xff; TAG], [0x80; TAG]] {
            assert!(decrypt(&key, &bound, &[tagless, &tag].concat()).is_none());
        }
        assert!(decrypt(&key, &bound, &[&whole[..], &[0]].concat()).is_none());
        assert!(decrypt(&key, &[], &whole).is_none());
        assert!(decrypt(&key, &[&bound[..], &[0]].concat(), &whole).is_none());
        assert!(decrypt(&[0; 32], &bound, &whole).is_none());
    }

    /// Nothing at all is a text too, and is bound as well.
    #[test]
    fn empty_texts_are_sealed() {
        let (key, nonce) = (unhex(KEY), unhex(IV));
        let mut out = Vec::new();
        encrypt(&key, &nonce, b"here", &[], &mut out);
        assert_eq!(out.len(), NONCE + TAG);
        assert_eq!(decrypt(&key, b"here", &out).as_deref().map(Vec::len), Some(0));
        assert!(decrypt(&key, b"there", &out).is_none());
        assert!(decrypt(&key, b"here", &[]).is_none());
    }
}
