//! Signed notes (c2sp.org/signed-note) with Ed25519 signatures, and the checkpoints of logs that they carry
//! (c2sp.org/tlog-checkpoint). Keys have the text forms of Go's `golang.org/x/mod/sumdb/note`.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::merkle::Hash;
use crate::model::problem::Problem;
use crate::model::values::scalar::truncate;

/// The byte that names Ed25519 in keys and key ids.
const ED25519: u8 = 1;

/// What a signature line begins with.
const MARK: &str = "\u{2014} ";

/// Most signature lines that are read.
const MOST_SIGNATURES: usize = 100;

/// What a signing key's text begins with.
const PRIVATE: &str = "PRIVATE+KEY+";

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+')
}

/// The first four bytes of SHA-256(name || 0x0A || 0x01 || public key).
fn key_id(name: &str, public: &[u8; 32]) -> u32 {
    let hash = Sha256::new_with_prefix(name).chain_update([b'\n', ED25519]).chain_update(public).finalize();
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// Name, id and the bytes behind the algorithm of a key's text.
fn key_parts(text: &str) -> Option<(&str, u32, Zeroizing<[u8; 32]>)> {
    let (name, rest) = text.trim().split_once('+')?;
    let (id, key) = rest.split_once('+')?;
    let is_id = id.len() == 8 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let bytes = Zeroizing::new(STANDARD.decode(key).ok()?);
    let (algorithm, key) = bytes.split_first()?;
    let key: [u8; 32] = key.try_into().ok()?;
    (is_name(name) && is_id && *algorithm == ED25519).then_some(())?;
    Some((name, u32::from_str_radix(id, 16).ok()?, Zeroizing::new(key)))
}

/// The public half: `NAME+ID+KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: u32,
    key: VerifyingKey,
}

impl Verifier {
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519][..], self.key.as_bytes()].concat();
        write!(f, "{}+{:08x}+{}", self.name, self.id, STANDARD.encode(key))
    }
}

impl FromStr for Verifier {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Verifier, Problem> {
        let wrong = || {
            Problem::usage(format!("'{}' is no public key of signed notes", truncate(text.trim())))
                .hint("it looks like NAME+0123abcd+AQ..., as 'orgctl audit keygen' prints it")
        };
        let (name, id, bytes) = key_parts(text).ok_or_else(wrong)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| wrong())?;
        if key_id(name, key.as_bytes()) != id {
            return Err(wrong());
        }
        Ok(Verifier { name: name.to_owned(), id, key })
    }
}

/// The private half: `PRIVATE+KEY+NAME+ID+KEY`. It is wiped when it goes.
pub struct SignerKey {
    name: String,
    key: SigningKey,
}

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignerKey({}, ***)", self.name)
    }
}

impl SignerKey {
    /// A new key of 32 random bytes. `None` where the name can't be a key's.
    pub fn new(name: &str, seed: &Zeroizing<[u8; 32]>) -> Option<SignerKey> {
        is_name(name).then(|| SignerKey { name: name.to_owned(), key: SigningKey::from_bytes(seed) })
    }

    /// Reads a key's text. `None` for anything else; what it was is not told.
    pub fn parse(text: &str) -> Option<SignerKey> {
        let (name, id, seed) = key_parts(text.trim().strip_prefix(PRIVATE)?)?;
        let key = SignerKey::new(name, &seed)?;
        (key.verifier().id == id).then_some(key)
    }

    /// The text that goes into a key file.
    pub fn secret_text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new([&[ED25519][..], &Zeroizing::new(self.key.to_bytes())[..]].concat());
        let key = Zeroizing::new(STANDARD.encode(&*bytes));
        Zeroizing::new(format!("{PRIVATE}{}+{:08x}+{}\n", self.name, self.verifier().id, &*key))
    }

    pub fn verifier(&self) -> Verifier {
        let key = self.key.verifying_key();
        Verifier { name: self.name.clone(), id: key_id(&self.name, key.as_bytes()), key }
    }

    /// A signed note with this text, which ends with a newline.
    pub fn sign(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes());
        let bytes = [&self.verifier().id.to_be_bytes()[..], &signature.to_bytes()].concat();
        format!("{text}\n{MARK}{} {}\n", self.name, STANDARD.encode(bytes))
    }
}

/// What a signed note says, and who signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// With the newline at its end: the bytes that are signed.
    pub text: String,
    signatures: Vec<(String, u32, Vec<u8>)>,
}

impl Note {
    /// Reads one note.
    pub fn parse(note: &str) -> Result<Note, Problem> {
        let wrong = |why: &str| Problem::invalid(format!("this is no signed note: {why}"));
        if note.contains(|c: char| c < ' ' && c != '\n') {
            return Err(wrong("it holds control characters"));
        }
        let at = note.rfind("\n\n").ok_or_else(|| wrong("no blank line stands in front of signatures"))?;
        let (text, lines) = (&note[..=at], &note[at + 2..]);
        if lines.is_empty() || !lines.ends_with('\n') {
            return Err(wrong("it does not end with the line of a signature"));
        }
        let mut signatures = Vec::new();
        for line in lines.lines() {
            let read = || {
                let (name, bytes) = line.strip_prefix(MARK)?.split_once(' ')?;
                let bytes = STANDARD.decode(bytes).ok()?;
                let (id, signature) = bytes.split_first_chunk::<4>()?;
                (is_name(name) && !signature.is_empty())
                    .then(|| (name.to_owned(), u32::from_be_bytes(*id), signature.to_vec()))
            };
            signatures.push(read().ok_or_else(|| wrong("a line of a signature is damaged"))?);
            if signatures.len() > MOST_SIGNATURES {
                return Err(wrong("it has too many signatures"));
            }
        }
        Ok(Note { text: text.to_owned(), signatures })
    }

    /// The notes of a text that holds one behind the other, with or without a blank line between them.
    pub fn parse_all(text: &str) -> Result<Vec<Note>, Problem> {
        let text = text.replace("\r\n", "\n");
        let (mut notes, mut note) = (Vec::new(), String::new());
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if note.is_empty() && line.is_empty() {
                continue;
            }
            note.push_str(line);
            note.push('\n');
            let is_signature = |l: &str| l.starts_with(MARK);
            if is_signature(line) && !lines.peek().is_some_and(|l| is_signature(l)) {
                notes.push(Note::parse(&std::mem::take(&mut note))?);
            }
        }
        if !note.is_empty() || notes.is_empty() {
            return Err(Problem::invalid("this is no signed note: it has no signature"));
        }
        Ok(notes)
    }

    /// The keys that it names as its signers, as public keys begin: `NAME+ID`. Nothing of it is checked.
    pub fn signers(&self) -> Vec<String> {
        self.signatures.iter().map(|(name, id, _)| format!("{name}+{id:08x}")).collect()
    }

    /// The names of the keys that signed it, of those that are given. A signature by another key tells nothing and is
    /// passed over; one by a given key that is not right makes the note worthless.
    pub fn signed_by(&self, keys: &[Verifier]) -> Result<Vec<String>, Problem> {
        let mut names: Vec<String> = Vec::new();
        for (name, id, bytes) in &self.signatures {
            let Some(key) = keys.iter().find(|k| k.name == *name && k.id == *id) else { continue };
            let right =
                Signature::from_slice(bytes).is_ok_and(|s| key.key.verify_strict(self.text.as_bytes(), &s).is_ok());
            if !right {
                return Err(Problem::integrity(format!("the signature of {name} is not right"))
                    .hint("the note was changed, or is not the one that was signed"));
            }
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        Ok(names)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for (name, id, bytes) in &self.signatures {
            let bytes = [&id.to_be_bytes()[..], bytes].concat();
            writeln!(f, "{MARK}{name} {}", STANDARD.encode(bytes))?;
        }
        Ok(())
    }
}

/// How large a log was and which root it had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Names the log.
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

impl Checkpoint {
    /// The text of its note.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Reads a note's text; lines of extensions are passed over.
    pub fn parse(text: &str) -> Result<Checkpoint, Problem> {
        let read = || {
            let mut lines = text.strip_suffix('\n')?.split('\n');
            let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
            let is_decimal = size.bytes().all(|b| b.is_ascii_digit()) && (size == "0" || !size.starts_with('0'));
            let root: Hash = STANDARD.decode(root).ok()?.try_into().ok()?;
            (!origin.is_empty() && is_decimal && lines.all(|l| !l.is_empty())).then_some(())?;
            Some(Checkpoint { origin: origin.to_owned(), size: size.parse().ok()?, root })
        };
        read().ok_or_else(|| Problem::invalid("this is no checkpoint: it has no origin, size and root hash"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification (c2sp.org/signed-note).
    const EXAMPLE: &str = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

    fn verifier(text: &str) -> Verifier {
        text.parse().expect("a key")
    }

    #[test]
    fn the_example_of_the_specification_verifies() {
        let note = Note::parse(EXAMPLE).expect("a note");
        let key = verifier(EXAMPLE_KEY);
        assert_eq!(key.to_string(), EXAMPLE_KEY);
        assert_eq!(note.text, "This is an example message.\n");
        assert_eq!(note.signed_by(std::slice::from_ref(&key)).expect("right"), ["example.com/foo"]);
        assert_eq!(note.to_string(), EXAMPLE);
        let bent = Note::parse(&EXAMPLE.replace("example message", "exemple message")).expect("a note");
        assert!(bent.signed_by(std::slice::from_ref(&key)).is_err());
        assert!(bent.signed_by(&[]).expect("nobody known").is_empty());
    }

    /// Keys that Go's own tests take and refuse (golang.org/x/mod, sumdb/note/note_test.go).
    #[test]
    fn mangled_keys_are_refused() {
        let good = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert_eq!(verifier(good).name(), "PeterNeumann");
        for bad in [
            "",
            "PeterNeumann",
            "PeterNeumann+c74f20a3",
            "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+cc74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a9+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
            "PeterNeumann+c74f20a3+AhpcQcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW=",
            "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ] {
            assert!(bad.parse::<Verifier>().is_err(), "{bad}");
        }
        // Go's example key of a signer.
        let secret = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
        let key = SignerKey::parse(secret).expect("a key");
        assert_eq!(key.verifier().to_string(), good);
        assert_eq!(key.secret_text().trim_end(), secret);
        assert_eq!(format!("{key:?}"), "SignerKey(PeterNeumann, ***)");
        let text =
            "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let signed = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        assert_eq!(key.sign(text), format!("{text}\n{signed}"));
    }

    #[test]
    fn damaged_notes_are_refused() {
        for bad in [
            "",
            "text\n",
            "text\n\n",
            "text\n\n\u{2014} name\n",
            "text\n\n\u{2014} name AAAA\n",
            "text\n\n- name Uw2QOkn8\n",
            "text\n\n\u{2014} na+me Uw2QOkn8srV1\n",
            "te\u{1}xt\n\n\u{2014} name Uw2QOkn8srV1\n",
            "text\n\n\u{2014} name Uw2QOkn8srV1",
        ] {
            assert!(Note::parse(bad).is_err(), "{bad:?}");
        }
        let two = format!("{EXAMPLE}\n{EXAMPLE}{EXAMPLE}");
        assert_eq!(Note::parse_all(&two).expect("notes").len(), 3);
        assert!(Note::parse_all("a\n").is_err() && Note::parse_all("").is_err());
    }

    #[test]
    fn checkpoints_are_read_as_the_specification_writes_them() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let read = Checkpoint::parse(text).expect("a checkpoint");
        assert_eq!((read.origin.as_str(), read.size), ("example.com/behind-the-sofa", 20_852_163));
        assert_eq!(read.text(), text);
        assert!(Checkpoint::parse(&format!("{text}extension\n")).is_ok());
        for bad in [
            "a\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
            "a\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
            "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n",
            "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
            "a\n1\n",
            "a\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
        ] {
            assert!(Checkpoint::parse(bad).is_err(), "{bad:?}");
        }
    }
}
