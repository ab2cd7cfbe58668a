//! Whether a file is what its SHA-256 says, at a price that each run can pay.

use super::cache::beside;
use crate::http;
use sha2::{Digest as _, Sha256};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Whether `path` is a file with this hash.
///
/// A file that is hashed in less than about 50 ms of processor time is hashed. Of a larger one it is noted
/// beside it which size and time stamp it had when it was hashed; that these are the same is enough then, unless
/// it is `suspect`.
pub(super) async fn is_intact(path: &Path, sha256: &str, suspect: bool) -> bool {
    let (path, sha256) = (path.to_owned(), sha256.to_owned());
    let hashed_each_time = hashed_each_time();
    let checked = http::blocking(Box::new(move || {
        let is_intact = is_intact_now(&path, &sha256, suspect, hashed_each_time);
        if is_intact { Ok(sha256) } else { Err(io::ErrorKind::InvalidData.into()) }
    }));
    checked.await.is_ok()
}

fn is_intact_now(path: &Path, sha256: &str, suspect: bool, hashed_each_time: u64) -> bool {
    let Ok(metadata) = path.metadata() else { return false };
    let is_large = metadata.len() > hashed_each_time;
    if is_large
        && !suspect
        && std::fs::read_to_string(note_of(path)).is_ok_and(|note| note == stamp(&metadata))
    {
        return true;
    }
    let is_intact = hash(path).is_ok_and(|hash| hash.eq_ignore_ascii_case(sha256));
    if is_intact && is_large {
        // Without a note it is hashed the next time, too.
        let _ = note(path, &metadata);
    }
    is_intact
}

/// Notes of a large file that it was hashed just now. Without that it is hashed the next time, too.
pub(super) async fn note_checked(path: &Path) {
    let path = path.to_owned();
    let noted = http::blocking(Box::new(move || {
        let metadata = path.metadata()?;
        if metadata.len() > hashed_each_time() {
            note(&path, &metadata)?;
        }
        Ok(String::new())
    }));
    if let Err(error) = noted.await {
        tracing::debug!("It can't be noted what was hashed: {error}");
    }
}

fn note(path: &Path, metadata: &Metadata) -> io::Result<()> {
    // A power cut must not leave the note without the content.
    flush_now(path)?;
    std::fs::write(note_of(path), stamp(metadata))
}

/// Brings what a file holds to the disk.
pub(super) async fn flush(path: &Path) -> io::Result<()> {
    let path = path.to_owned();
    http::blocking(Box::new(move || flush_now(&path).map(|()| String::new()))).await.map(drop)
}

fn flush_now(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.sync_all()
}

/// Bytes that are hashed in about 50 ms, measured at 0.7 ms a megabyte by processors that have instructions for
/// it, and 3 ms by others.
fn hashed_each_time() -> u64 {
    const MEBIBYTE: u64 = 1024 * 1024;
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    let is_fast = std::arch::is_x86_feature_detected!("sha");
    #[cfg(target_arch = "aarch64")]
    let is_fast = std::arch::is_aarch64_feature_detected!("sha2");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    let is_fast = false;
    if is_fast { 64 * MEBIBYTE } else { 16 * MEBIBYTE }
}

fn note_of(path: &Path) -> PathBuf {
    beside(path, ".checked")
}

fn stamp(metadata: &Metadata) -> String {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!("{} {}", metadata.len(), modified.unwrap_or_default().as_nanos())
}

/// Lower-case hex SHA-256 of a file.
pub(super) async fn hash_of(path: &Path) -> io::Result<String> {
    let path = path.to_owned();
    http::blocking(Box::new(move || hash(&path))).await
}

pub(super) fn hash(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(http::hex(&hash.finalize())),
            Ok(length) => hash.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    /// Changes a byte, but neither size nor time stamp.
    fn corrupt(file: &Path) {
        let modified = file.metadata().unwrap().modified().unwrap();
        let mut content = std::fs::read(file).unwrap();
        content[0] ^= 1;
        std::fs::write(file, content).unwrap();
        File::options().write(true).open(file).unwrap().set_modified(modified).unwrap();
    }

    #[test]
    fn a_small_file_is_hashed_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("engine.jar");
        std::fs::write(&file, "the engine").unwrap();
        let sha256 = hash(&file).unwrap().to_uppercase();
        assert!(is_intact_now(&file, &sha256, false, 10));
        assert!(!note_of(&file).exists());
        corrupt(&file);
        assert!(!is_intact_now(&file, &sha256, false, 10));
        std::fs::write(&file, "").unwrap();
        assert!(!is_intact_now(&file, &sha256, false, 10));
        std::fs::remove_file(&file).unwrap();
        assert!(!is_intact_now(&file, &sha256, false, 10));
    }

    #[test]
    fn a_large_file_is_hashed_once_and_when_it_is_suspect() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("engine.jar");
        std::fs::write(&file, "the engine").unwrap();
        let sha256 = hash(&file).unwrap();
        assert!(is_intact_now(&file, &sha256, false, 9));
        corrupt(&file);
        assert!(is_intact_now(&file, &sha256, false, 9), "that is the price");
        assert!(!is_intact_now(&file, &sha256, true, 9));

        // Another size or time stamp is reason enough.
        std::fs::write(&file, "the engin").unwrap();
        assert!(!is_intact_now(&file, &sha256, false, 8));
        std::fs::write(&file, "the engine").unwrap();
        assert!(is_intact_now(&file, &sha256, false, 9));
        corrupt(&file);
        let later = SystemTime::now() + Duration::from_secs(5);
        File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
        assert!(!is_intact_now(&file, &sha256, false, 9));
        // A note that a power cut left empty says nothing.
        std::fs::write(note_of(&file), "").unwrap();
        assert!(!is_intact_now(&file, &sha256, false, 9));
    }
}
