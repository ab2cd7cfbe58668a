//! The SHA-256 and MD5 of files.

use super::ownership::create_protected_file;
use crate::http;
use md5::Md5;
use sha2::digest::DynDigest;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// No file of a cache is larger.
const LARGEST: u64 = 2 << 30;

/// Lower-case hex SHA-256 of a file.
pub(super) fn sha256(path: &Path) -> io::Result<String> {
    digest(path, &mut Sha256::new())
}

/// Lower-case hex MD5 of a file.
pub(super) fn md5(path: &Path) -> io::Result<String> {
    digest(path, &mut Md5::default())
}

/// Copies `from` to the new file `to`. Whether the copy has this SHA-256.
pub(super) fn copy_if_intact(from: &Path, to: &Path, sha256: &str) -> bool {
    if !from.symlink_metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() <= LARGEST) {
        return false;
    }
    let copied = File::open(from).and_then(|from| {
        let mut hash = Sha256::new();
        let mut to = create_protected_file(to)?;
        // What is hashed is what was copied: others may change `from` meanwhile.
        each_block(from.take(LARGEST), |block| {
            sha2::Digest::update(&mut hash, block);
            to.write_all(block)
        })?;
        Ok(http::hex(&hash.finalize()))
    });
    copied.is_ok_and(|hash| hash.eq_ignore_ascii_case(sha256))
}

fn digest(path: &Path, hash: &mut dyn DynDigest) -> io::Result<String> {
    each_block(File::open(path)?, |block| {
        hash.update(block);
        Ok(())
    })?;
    Ok(http::hex(&hash.finalize_reset()))
}

/// Reads to the end.
fn each_block(mut from: impl io::Read, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => take(&buffer[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
