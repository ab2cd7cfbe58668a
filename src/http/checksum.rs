//! Checksums of what is downloaded.

use sha2::Digest as _;
use std::fmt::Write as _;

/// What the bytes must have, in hex.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Checksum<'a> {
    /// SHA-256.
    Sha256(&'a str),
    /// MD5: against damage alone.
    Md5(&'a str),
}

impl Checksum<'_> {
    /// Its name, and what is expected.
    pub(super) fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Sha256(expected) => ("SHA-256", expected),
            Self::Md5(expected) => ("MD5", expected),
        }
    }

    /// What computes the checksum of this kind.
    pub(super) fn hasher(&self) -> Hasher {
        match self {
            Self::Sha256(_) => Hasher::Sha256(sha2::Sha256::default()),
            Self::Md5(_) => Hasher::Md5(md5::Md5::default()),
        }
    }
}

/// Computes a checksum.
pub(super) enum Hasher {
    Sha256(sha2::Sha256),
    Md5(md5::Md5),
}

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Md5(hash) => hash.update(bytes),
        }
    }

    /// In lower-case hex.
    pub(super) fn finish(self) -> String {
        match self {
            Self::Sha256(hash) => hex(&hash.finalize()),
            Self::Md5(hash) => hex(&hash.finalize()),
        }
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
