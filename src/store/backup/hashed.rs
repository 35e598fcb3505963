//! What goes through is counted and hashed.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use crate::model::backup::Digest32;

/// Hands everything on, and knows how much it was and its SHA-256.
#[derive(Debug)]
pub struct Hashed<T> {
    pub inner: T,
    hash: Sha256,
    size: u64,
}

impl<T> Hashed<T> {
    pub fn new(inner: T) -> Hashed<T> {
        Hashed { inner, hash: Sha256::new(), size: 0 }
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Of the bytes so far.
    pub fn digest(&self) -> Digest32 {
        Digest32(self.hash.clone().finalize().into())
    }

    fn note(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
    }
}

impl Hashed<io::Sink> {
    /// Keeps nothing but the SHA-256.
    pub fn nothing() -> Hashed<io::Sink> {
        Hashed::new(io::sink())
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.note(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(into)?;
        self.note(&into[..n]);
        Ok(n)
    }
}
