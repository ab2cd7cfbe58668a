//! Whether a file is what its SHA-256 says, cheap enough for each run to check.

use super::cache_seal::CacheSeal;
use super::file_digest::sha256 as sha256_of;
use super::file_stamp::stamp;
use super::ownership::{create_protected_file, protected_file};
use super::temporary::Temporary;
use crate::http;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// No sealed note is longer.
const LONGEST_NOTE: u64 = 64 << 20;

/// Whether `path` is a file with this hash that nobody but this user and root may change.
///
/// A file that takes less than about 50 ms of processor time is hashed each time. For a larger one a sealed note says which
/// [`stamp`] it had when it was hashed; later runs only compare the stamp, unless the file is `suspect`.
pub(super) async fn is_intact(path: &Path, sha256: &str, seal: Option<&CacheSeal>, suspect: bool) -> bool {
    let (path, sha256, seal) = (path.to_owned(), sha256.to_owned(), seal.cloned());
    check_blocking(move || is_intact_now(&path, &sha256, seal.as_ref(), suspect, hashed_each_time())).await
}

/// What `work` answers, on the blocking pool.
pub(super) async fn check_blocking(work: impl FnOnce() -> bool + Send + 'static) -> bool {
    http::blocking(move || Ok(work())).await.unwrap_or(false)
}

pub(super) fn is_intact_now(
    path: &Path,
    sha256: &str,
    seal: Option<&CacheSeal>,
    suspect: bool,
    hashed_each_time: u64,
) -> bool {
    let Some(metadata) = protected_file(path) else { return false };
    let seal = seal.filter(|_| metadata.len() > hashed_each_time);
    if let (Some(seal), Some(stamp), false) = (seal, stamp(path, &metadata), suspect)
        && noted(path, seal).is_some_and(|note| note == format!("{sha256} {stamp}"))
    {
        return true;
    }
    let is_intact = sha256_of(path).is_ok_and(|hash| hash.eq_ignore_ascii_case(sha256));
    if let (true, Some(seal)) = (is_intact, seal) {
        // Without a note the file is hashed next time, too.
        let _ = note(path, sha256, seal);
    }
    is_intact
}

/// Notes that a large file was hashed just now. Without the note it is hashed next time, too.
pub(super) async fn note_checked(path: &Path, sha256: &str, seal: Option<&CacheSeal>) {
    let Some(seal) = seal.cloned() else { return };
    let (path, sha256) = (path.to_owned(), sha256.to_owned());
    let noted = http::blocking(move || match path.metadata()?.len() > hashed_each_time() {
        true => note(&path, &sha256, &seal),
        false => Ok(()),
    });
    if let Err(error) = noted.await {
        tracing::debug!("The note of what was hashed could not be written: {error}");
    }
}

/// Notes that `path` has this hash.
pub(super) fn note(path: &Path, sha256: &str, seal: &CacheSeal) -> io::Result<()> {
    // A power cut must not leave the note without the content.
    flush_now(path)?;
    let stamp = stamp(path, &path.symlink_metadata()?).unwrap_or_default();
    let text = format!("{sha256} {stamp}\n");
    write_note(&note_of(path, seal), &seal.seal(&name_of(path), &text))
}

/// The note about `path`: its hash, a space, its stamp.
fn noted(path: &Path, seal: &CacheSeal) -> Option<String> {
    let note = read_note(&note_of(path, seal))?;
    Some(seal.unseal(&name_of(path), &note)?.trim_end_matches('\n').to_owned())
}

/// The noted hash of `path`, if the file has not changed since.
pub(super) fn noted_hash(path: &Path, seal: &CacheSeal) -> Option<String> {
    let noted = noted(path, seal)?;
    let (sha256, _) = noted.split_once(' ')?;
    is_intact_now(path, sha256, Some(seal), false, 0).then(|| sha256.to_owned())
}

fn note_of(path: &Path, seal: &CacheSeal) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.checked", seal.id()));
    path.with_file_name(name)
}

/// What the note of `path` is sealed for. Its folder is named after the content.
fn name_of(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    format!("{}/{}", folder.display(), path.file_name().unwrap_or_default().display())
}

/// The text of a note; `None` if others may change the file, or it cannot be read.
pub(super) fn read_note(path: &Path) -> Option<String> {
    protected_file(path)?;
    let mut text = String::new();
    File::open(path).ok()?.take(LONGEST_NOTE).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Writes a note under another name and renames it, so that a reader sees all of it or nothing.
pub(super) fn write_note(path: &Path, text: &str) -> io::Result<()> {
    // The name begins and ends like the note's, so that other processes that look at the folder skip it, too.
    let temporary = Temporary::like(path)?;
    create_protected_file(temporary.as_ref())?.write_all(text.as_bytes())?;
    std::fs::rename(&temporary, path)
}

/// Flushes the content of a file to the disk.
pub(super) async fn flush(path: &Path) -> io::Result<()> {
    let path = path.to_owned();
    http::blocking(move || flush_now(&path)).await
}

fn flush_now(path: &Path) -> io::Result<()> {
    // Java makes its archives read-only, and Windows flushes only files that are open for writing.
    OpenOptions::new().write(true).open(path).or_else(|_| File::open(path))?.sync_all()
}

/// How many bytes are hashed in about 50 ms: measured at 0.7 ms a megabyte on processors with instructions for SHA-256,
/// and 3 ms on others.
pub(super) fn hashed_each_time() -> u64 {
    const MEBIBYTE: u64 = 1024 * 1024;
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    let is_fast = std::arch::is_x86_feature_detected!("sha");
    #[cfg(target_arch = "aarch64")]
    let is_fast = std::arch::is_aarch64_feature_detected!("sha2");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    let is_fast = false;
    if is_fast { 64 * MEBIBYTE } else { 16 * MEBIBYTE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scanner::file_digest::copy_if_intact;
    use crate::secret::Secret;

    fn seal() -> CacheSeal {
        CacheSeal::new(&Secret::new("squ_1"))
    }

    /// Changes a byte, but neither size nor time of the content.
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
        let sha256 = sha256_of(&file).unwrap().to_uppercase();
        assert!(is_intact_now(&file, &sha256, Some(&seal()), false, 10));
        assert!(!note_of(&file, &seal()).exists());
        corrupt(&file);
        assert!(!is_intact_now(&file, &sha256, Some(&seal()), false, 10));
        std::fs::write(&file, "").unwrap();
        assert!(!is_intact_now(&file, &sha256, Some(&seal()), false, 10));
        std::fs::remove_file(&file).unwrap();
        assert!(!is_intact_now(&file, &sha256, Some(&seal()), false, 10));
    }

    #[test]
    fn a_large_file_whose_time_was_set_back_is_not_intact() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("engine.jar");
        std::fs::write(&file, "the engine").unwrap();
        let (sha256, seal) = (sha256_of(&file).unwrap(), seal());
        assert!(is_intact_now(&file, &sha256, Some(&seal), false, 9));
        let note = note_of(&file, &seal);
        assert!(note.exists());
        assert!(is_intact_now(&file, &sha256, Some(&seal), false, 9));
        assert_eq!(noted_hash(&file, &seal), Some(sha256.clone()));
        corrupt(&file);
        assert!(!is_intact_now(&file, &sha256, Some(&seal), false, 9));
        assert_eq!(noted_hash(&file, &seal), None);
        // Not believed: a note that a power cut left empty, one that somebody else wrote, and one of another file.
        let genuine = std::fs::read_to_string(&note).unwrap();
        let metadata = file.symlink_metadata().unwrap();
        let forged = format!("{sha256} {}\n", stamp(&file, &metadata).unwrap_or_default());
        let other_seal = CacheSeal::new(&Secret::new("squ_2"));
        for text in
            ["", &genuine, &forged, &other_seal.seal(&name_of(&file), &forged), &seal.seal("x/y", &forged)]
        {
            std::fs::write(&note, text).unwrap();
            assert!(!is_intact_now(&file, &sha256, Some(&seal), false, 9), "{text:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_suspect_file_is_hashed_whatever_its_note_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("engine.jar");
        std::fs::write(&file, "the engine").unwrap();
        let seal = seal();
        // As if the disk had changed it without the system's knowledge.
        let other = "0".repeat(64);
        note(&file, &other, &seal).unwrap();
        assert!(is_intact_now(&file, &other, Some(&seal), false, 9), "the price of not hashing");
        assert!(!is_intact_now(&file, &other, Some(&seal), true, 9));
        assert!(!is_intact_now(&file, &other, None, false, 9));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_write_is_not_intact_but_its_copy_is() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("engine.jar");
        std::fs::write(&file, "the engine").unwrap();
        let sha256 = sha256_of(&file).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(!is_intact_now(&file, &sha256, None, false, 10));
        let copy = folder.path().join("copy");
        assert!(copy_if_intact(&file, &copy, &sha256));
        assert!(is_intact_now(&copy, &sha256, None, false, 10));
        assert!(!copy_if_intact(&file, &folder.path().join("other"), &"0".repeat(64)));
        std::os::unix::fs::symlink(&copy, folder.path().join("link")).unwrap();
        assert!(!is_intact_now(&folder.path().join("link"), &sha256, None, false, 10));
    }
}
