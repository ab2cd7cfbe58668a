//! Whether a file is what its SHA-256 says, at a price that each run can pay.

use super::cache::{Temporary, beside};
use super::cache_seal::CacheSeal;
use super::ownership::others;
use crate::http;
use md5::Md5;
use sha2::digest::DynDigest;
use sha2::{Digest as _, Sha256};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// No file of a cache is larger. A sealed note is far smaller.
const LARGEST: u64 = 2 << 30;
const LARGEST_NOTE: u64 = 64 << 20;

/// Whether `path` is a file with this hash, which nobody but this user and root may change.
///
/// A file that is hashed in less than about 50 ms of processor time is hashed. Of a larger one it is noted and sealed
/// which [`stamp`] it had when it was hashed; that this is the same is enough then, unless it is `suspect`.
pub(super) async fn is_intact(path: &Path, sha256: &str, seal: Option<&CacheSeal>, suspect: bool) -> bool {
    let (path, sha256, seal) = (path.to_owned(), sha256.to_owned(), seal.cloned());
    yes(move || is_intact_now(&path, &sha256, seal.as_ref(), suspect, hashed_each_time())).await
}

/// Whether `work` says so, on the blocking pool.
pub(super) async fn yes(work: impl FnOnce() -> bool + Send + 'static) -> bool {
    let answer = http::blocking(Box::new(move || match work() {
        true => Ok(String::new()),
        false => Err(io::ErrorKind::InvalidData.into()),
    }));
    answer.await.is_ok()
}

pub(super) fn is_intact_now(
    path: &Path,
    sha256: &str,
    seal: Option<&CacheSeal>,
    suspect: bool,
    hashed_each_time: u64,
) -> bool {
    let Some(metadata) = own_file(path) else { return false };
    let seal = seal.filter(|_| metadata.len() > hashed_each_time);
    if let (Some(seal), Some(stamp), false) = (seal, stamp(path, &metadata), suspect)
        && noted(path, seal).is_some_and(|note| note == format!("{sha256} {stamp}"))
    {
        return true;
    }
    let is_intact = hash(path).is_ok_and(|hash| hash.eq_ignore_ascii_case(sha256));
    if let (true, Some(seal)) = (is_intact, seal) {
        // Without a note it is hashed the next time, too.
        let _ = note(path, sha256, seal);
    }
    is_intact
}

/// The metadata of a regular file that nobody else may change.
pub(super) fn own_file(path: &Path) -> Option<Metadata> {
    path.symlink_metadata().ok().filter(|metadata| metadata.is_file() && others(metadata).is_none())
}

/// Notes of a large file that it was hashed just now. Without that it is hashed the next time, too.
pub(super) async fn note_checked(path: &Path, sha256: &str, seal: Option<&CacheSeal>) {
    let Some(seal) = seal.cloned() else { return };
    let (path, sha256) = (path.to_owned(), sha256.to_owned());
    let noted = http::blocking(Box::new(move || {
        if path.metadata()?.len() > hashed_each_time() {
            note(&path, &sha256, &seal)?;
        }
        Ok(String::new())
    }));
    if let Err(error) = noted.await {
        tracing::debug!("It can't be noted what was hashed: {error}");
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

/// What was noted of `path`: its hash, a blank, its stamp.
fn noted(path: &Path, seal: &CacheSeal) -> Option<String> {
    let note = read_note(&note_of(path, seal))?;
    Some(seal.unseal(&name_of(path), &note)?.trim_end_matches('\n').to_owned())
}

/// The hash that `path` was noted to have, if nothing has changed it since.
pub(super) fn noted_hash(path: &Path, seal: &CacheSeal) -> Option<String> {
    let noted = noted(path, seal)?;
    let (sha256, _) = noted.split_once(' ')?;
    is_intact_now(path, sha256, Some(seal), false, 0).then(|| sha256.to_owned())
}

fn note_of(path: &Path, seal: &CacheSeal) -> PathBuf {
    beside(path, &format!(".{}.checked", seal.id()))
}

/// A note is of a file in a folder that is named after what it holds.
fn name_of(path: &Path) -> String {
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    format!("{}/{}", folder.display(), path.file_name().unwrap_or_default().display())
}

/// The text of a note; `None` for what can't be one.
pub(super) fn read_note(path: &Path) -> Option<String> {
    own_file(path)?;
    let mut text = String::new();
    File::open(path).ok()?.take(LARGEST_NOTE).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Writes a note aside and renames it, so that a reader sees all of it or nothing.
pub(super) fn write_note(path: &Path, text: &str) -> io::Result<()> {
    // Its name begins and ends like the note's: another process that looks at the folder takes it for one.
    let temporary = Temporary::like(path)?;
    own_new_file(temporary.as_ref())?.write_all(text.as_bytes())?;
    std::fs::rename(&temporary, path)
}

/// A new file that nobody else may write, whatever the umask of the job says.
pub(super) fn own_new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
    options.open(path)
}

/// Copies `from` to the new file `to`. Whether that has the hash.
pub(super) fn copy_if_intact(from: &Path, to: &Path, sha256: &str) -> bool {
    if !from.symlink_metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() <= LARGEST) {
        return false;
    }
    let copied = File::open(from).and_then(|from| {
        let mut hash = Sha256::new();
        let mut to = own_new_file(to)?;
        each_block(from.take(LARGEST), &mut |block| {
            sha2::Digest::update(&mut hash, block);
            to.write_all(block)
        })?;
        Ok(http::hex(&hash.finalize()))
    });
    copied.is_ok_and(|hash| hash.eq_ignore_ascii_case(sha256))
}

/// Brings what a file holds to the disk.
pub(super) async fn flush(path: &Path) -> io::Result<()> {
    let path = path.to_owned();
    http::blocking(Box::new(move || flush_now(&path).map(|()| String::new()))).await.map(drop)
}

fn flush_now(path: &Path) -> io::Result<()> {
    // Java makes its archives read-only; Windows flushes what may be written alone.
    OpenOptions::new().write(true).open(path).or_else(|_| File::open(path))?.sync_all()
}

/// Bytes that are hashed in about 50 ms, measured at 0.7 ms a megabyte by processors that have instructions for
/// it, and 3 ms by others.
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

/// What changes with each change of a file: size, inode, times of the last change of content and of anything.
///
/// An earlier build of the same user can write a file and set back the first of the two times (`utimensat`), but the
/// kernel alone sets the second one (ctime), to now, at each write, rename, change of mode or of the first. To forge it
/// takes root, who sets the clock or writes to the disk past the kernel; or a file system that the user brings along,
/// so only those are believed that keep this promise and that only root mounts. Nothing holds against a process of an
/// earlier build that still runs: agents end those, and it could as well change the running Java.
///
/// `None` elsewhere: on Windows any owner sets the time that is nearest to it, so there each file is hashed on each run.
#[cfg(target_os = "linux")]
pub(super) fn stamp(path: &Path, metadata: &Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    has_honest_times(path).then(|| {
        format!(
            "{} {} {}.{} {}.{}",
            metadata.len(),
            metadata.ino(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.ctime(),
            metadata.ctime_nsec()
        )
    })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn stamp(_path: &Path, _metadata: &Metadata) -> Option<String> {
    None
}

/// Whether the file system is one of Linux's own: ext2 to ext4, XFS, Btrfs, F2FS, ZFS, a memory's, or layers of these.
#[cfg(target_os = "linux")]
fn has_honest_times(path: &Path) -> bool {
    const KINDS: [u64; 7] =
        [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x2fc1_2fc1, 0x0102_1994, 0x794c_7630];
    rustix::fs::statfs(path).is_ok_and(|system| {
        u64::try_from(system.f_type).is_ok_and(|kind| KINDS.contains(&(kind & 0xffff_ffff)))
    })
}

/// Lower-case hex SHA-256 of a file.
pub(super) async fn hash_of(path: &Path) -> io::Result<String> {
    let path = path.to_owned();
    http::blocking(Box::new(move || hash(&path))).await
}

pub(super) fn hash(path: &Path) -> io::Result<String> {
    digest(path, &mut Sha256::new())
}

/// Lower-case hex MD5 of a file.
pub(super) fn md5(path: &Path) -> io::Result<String> {
    digest(path, &mut Md5::default())
}

fn digest(path: &Path, hash: &mut dyn DynDigest) -> io::Result<String> {
    each_block(File::open(path)?, &mut |block| {
        hash.update(block);
        Ok(())
    })?;
    Ok(http::hex(&hash.finalize_reset()))
}

/// Reads to the end.
fn each_block(mut from: impl io::Read, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;
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
        let sha256 = hash(&file).unwrap().to_uppercase();
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
    fn a_large_file_whose_times_were_set_back_is_not_intact() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("engine.jar");
        std::fs::write(&file, "the engine").unwrap();
        let (sha256, seal) = (hash(&file).unwrap(), seal());
        assert!(is_intact_now(&file, &sha256, Some(&seal), false, 9));
        let note = note_of(&file, &seal);
        assert!(note.exists());
        assert!(is_intact_now(&file, &sha256, Some(&seal), false, 9));
        assert_eq!(noted_hash(&file, &seal), Some(sha256.clone()));
        corrupt(&file);
        assert!(!is_intact_now(&file, &sha256, Some(&seal), false, 9));
        assert_eq!(noted_hash(&file, &seal), None);
        // A note says nothing that a power cut left empty, that somebody else wrote, or that is of another file.
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
    fn the_content_of_a_suspect_file_counts_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("engine.jar");
        std::fs::write(&file, "the engine").unwrap();
        let seal = seal();
        // As if the disk had changed it behind the system's back.
        let other = "0".repeat(64);
        note(&file, &other, &seal).unwrap();
        assert!(is_intact_now(&file, &other, Some(&seal), false, 9), "the price of not hashing");
        assert!(!is_intact_now(&file, &other, Some(&seal), true, 9));
        assert!(!is_intact_now(&file, &other, None, false, 9));
    }

    #[cfg(unix)]
    #[test]
    fn what_others_may_write_is_not_intact_and_its_copy_is() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("engine.jar");
        std::fs::write(&file, "the engine").unwrap();
        let sha256 = hash(&file).unwrap();
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
