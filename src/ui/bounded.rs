//! Texts from outside that are kept whole in memory: read up to a limit, so that no file, pipe or device can fill it.

use std::io::{self, Read, Write};
use std::path::Path;

use super::interruptible;

/// Most bytes of a configuration, a form, a key.
pub const SMALL: usize = 1 << 20;

/// Most bytes of what grows with the trail or with the people: checkpoints, proofs, keys of records.
pub const LARGE: usize = 64 << 20;

/// What is written to it, up to a limit.
pub struct BoundedText {
    bytes: Vec<u8>,
    most: usize,
}

impl BoundedText {
    pub fn new(most: usize) -> BoundedText {
        BoundedText { bytes: Vec::new(), most }
    }

    pub fn into_text(self) -> io::Result<String> {
        String::from_utf8(self.bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
    }
}

impl Write for BoundedText {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Said at the first one: a device of zeros is not read to the limit.
        if bytes.contains(&0) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no text: it holds bytes of zero"));
        }
        if self.bytes.len() + bytes.len() > self.most {
            let most = match self.most >> 20 {
                1 => "a megabyte".to_owned(),
                n => format!("{n} megabytes"),
            };
            return Err(io::Error::other(format!("it is longer than {most}")));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// All of a text, which may have `most` bytes.
pub fn text(mut from: impl Read, most: usize) -> io::Result<String> {
    let mut text = BoundedText::new(most);
    io::copy(&mut from, &mut text)?;
    text.into_text()
}

/// All of a file; a signal ends the waiting for a pipe that nobody writes to.
pub fn read(path: &Path, most: usize) -> io::Result<String> {
    text(interruptible::open(path)?, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_ends_at_its_limit() {
        assert_eq!(text(&b"abc"[..], 3).expect("short enough"), "abc");
        assert_eq!(text(&b""[..], 0).expect("nothing"), "");
        for (bytes, why) in [(&b"abcd"[..], "longer"), (b"a\0b", "zero"), (b"a\xff", "UTF-8")] {
            assert!(text(bytes, 3).expect_err("too much").to_string().contains(why));
        }
        // One without an end is left where it passes the limit.
        assert!(text(io::repeat(b'a'), SMALL).is_err());
        assert!(text(io::repeat(0), LARGE).is_err());
    }
}
