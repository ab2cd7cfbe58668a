//! Unpacks `.tar.gz` and `.zip` from servers. Nothing is written outside of the given folder, and no archive can fill the
//! disk.

use super::intact::check_blocking;
use super::sealed_folder;
use crate::error::cause_chain;
use crate::http::Body;
use compare::Comparison;
use entries::{Entries, refuse};
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tree::UnpackedTree;

mod compare;
mod entries;
mod tree;
pub(crate) use entries::inside;

/// An archive may unpack to this many times its size...
const MOST_TIMES: u64 = 20;
/// ...or to this many bytes, if that is more: small archives of text shrink well.
const FREE: u64 = 1024 * 1024;
/// The headers of all entries may have this many bytes.
const HEADERS: u64 = 64 * 1024 * 1024;
const LONGEST_LINK: u64 = 4096;

/// An archive that is damaged, hostile or too large for the disk.
#[derive(Debug, thiserror::Error)]
#[error("{} could not be unpacked: {}", archive.display(), cause_chain(cause))]
pub struct UnpackError {
    pub(super) archive: PathBuf,
    pub(super) cause: io::Error,
}

impl UnpackError {
    /// Whether the disk is the reason, not the archive.
    pub(super) fn is_of_disk(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        matches!(self.cause.kind(), StorageFull | QuotaExceeded | FileTooLarge | ReadOnlyFilesystem)
    }
}

/// Unpacks `archive` into the new folder `into`, with the modes and links of its entries, and returns the folder. If the
/// future is dropped, it stops soon, and then `into` is dropped.
///
/// # Errors
/// The archive is neither `.tar.gz` nor `.zip`, or is damaged; it holds paths or links that lead out of the folder, entries
/// that are neither file, folder nor link, or too much; the disk fails.
pub async fn unpack<T: AsRef<Path> + Send + 'static>(archive: PathBuf, into: T) -> Result<T, UnpackError> {
    let stop = StopOnDrop::default();
    let stopped = Arc::clone(&stop.0);
    let source = archive.clone();
    let unpacking = tokio::task::spawn_blocking(move || {
        unpack_now(&source, into.as_ref(), &stopped)?;
        Ok(into)
    });
    let unpacked = match unpacking.await {
        Ok(unpacked) => unpacked,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(io::Error::other(error)),
    };
    unpacked.map_err(|cause| UnpackError { archive, cause })
}

/// Whether `folder` holds exactly the content of `archive`, and nobody else may change it. If the future is dropped, it
/// stops soon.
pub(super) async fn is_content(archive: &Path, folder: &Path) -> bool {
    let stop = StopOnDrop::default();
    let stopped = Arc::clone(&stop.0);
    let (archive, folder) = (archive.to_owned(), folder.to_owned());
    check_blocking(move || {
        let compared = compare_now(&archive, &folder, &stopped);
        if let Err(error) = &compared {
            tracing::debug!(
                "{} does not hold the content of {}: {error}",
                folder.display(),
                archive.display()
            );
        }
        compared.is_ok()
    })
    .await
}

fn compare_now(archive: &Path, folder: &Path, stopped: &AtomicBool) -> io::Result<()> {
    let limit = most_bytes(std::fs::metadata(archive)?.len());
    read(archive, &mut Comparison::with(folder, stopped), limit)
}

/// Unpacks a `.tar.gz` into the new folder `into` while it is downloaded. The announced length limits how much may come
/// out.
pub(super) fn unpack_stream(body: &mut Body, announced: u64, into: &Path) -> io::Result<()> {
    let limit = most_bytes(announced);
    // A download that nobody waits for any more ends, and so does this.
    let never = AtomicBool::new(false);
    read_tar(body, &mut UnpackedTree::create(into, limit, &never)?, limit)
}

/// Whether an archive with this name can be unpacked while it is downloaded.
pub(super) fn is_stream(file_name: &str) -> bool {
    let name = file_name.to_ascii_lowercase();
    name.ends_with(".tar.gz") || name.ends_with(".tgz")
}

/// Work on the blocking pool cannot be interrupted. It looks at this flag.
#[derive(Debug, Default)]
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn unpack_now(archive: &Path, into: &Path, stopped: &AtomicBool) -> io::Result<()> {
    unpack_within(most_bytes(std::fs::metadata(archive)?.len()), archive, into, stopped)
}

/// How many bytes may come out of an archive of `size` bytes.
fn most_bytes(size: u64) -> u64 {
    size.saturating_mul(MOST_TIMES).max(FREE)
}

fn unpack_within(limit: u64, archive: &Path, into: &Path, stopped: &AtomicBool) -> io::Result<()> {
    read(archive, &mut UnpackedTree::create(into, limit, stopped)?, limit)
}

/// Passes the entries of `archive` to `entries`. At most `limit` bytes may come out.
fn read(archive: &Path, entries: &mut dyn Entries, limit: u64) -> io::Result<()> {
    let mut file = File::open(archive)?;
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    if is_stream(&name) {
        read_tar(&mut file, entries, limit)
    } else if name.to_ascii_lowercase().ends_with(".zip") {
        read_zip(file, entries)
    } else {
        Err(refuse("its name ends neither with .tar.gz nor with .zip"))
    }
}

fn read_tar(compressed: &mut dyn Read, entries: &mut dyn Entries, limit: u64) -> io::Result<()> {
    let stream = GzDecoder::new(compressed);
    // The headers count, too: a name may be as long as the whole stream.
    let mut archive = tar::Archive::new(Bounded { stream, left: limit.saturating_add(HEADERS) });
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = text(&entry.path_bytes())?;
        let mode = entry.header().mode()?;
        let link = entry.link_name_bytes().map(|target| text(&target)).transpose()?.unwrap_or_default();
        match entry.header().entry_type() {
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => {
                entries.file(&name, Some(mode), &mut entry)?;
            }
            tar::EntryType::Directory => entries.directory(&name)?,
            tar::EntryType::Symlink => entries.symlink(&name, &link)?,
            tar::EntryType::Link => entries.hard_link(&name, &link)?,
            tar::EntryType::XGlobalHeader => {}
            _ => return Err(refuse(format_args!("its entry {name:?} is neither file, folder nor link"))),
        }
    }
    entries.finish()
}

fn read_zip(file: File, entries: &mut dyn Entries) -> io::Result<()> {
    let mut archive = zip::ZipArchive::new(BufReader::new(file))?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = text(entry.name_raw())?;
        let mode = entry.unix_mode();
        let kind = mode.map_or(0, |mode| mode & 0o170_000);
        if entry.is_symlink() {
            let mut target = Vec::new();
            entry.by_ref().take(LONGEST_LINK).read_to_end(&mut target)?;
            entries.symlink(&name, &text(&target)?)?;
        } else if entry.is_dir() {
            entries.directory(&name)?;
        } else if matches!(kind, 0 | 0o100_000) {
            entries.file(&name, mode, &mut entry)?;
        } else {
            return Err(refuse(format_args!("its entry {name:?} is neither file, folder nor link")));
        }
    }
    entries.finish()
}

/// Whether each file below `folder` is the one with the same path in the zip file `jar`, and nobody else may change it.
pub(super) fn holds(jar: &Path, folder: &Path) -> bool {
    let holds = || {
        let entries = sealed_folder::entries(folder)?;
        if entries.is_empty() {
            return Ok(());
        }
        let mut archive = zip::ZipArchive::new(BufReader::new(File::open(jar)?))?;
        let never = AtomicBool::new(false);
        entries.iter().try_for_each(|(path, _)| {
            Comparison::with(folder, &never).file(path, None, &mut archive.by_name(path)?)
        })
    };
    let held: io::Result<()> = holds();
    held.is_ok()
}

fn text(bytes: &[u8]) -> io::Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| {
        refuse(format_args!("its entry {:?} is not named in UTF-8", String::from_utf8_lossy(bytes)))
    })
}

/// A stream that fails when it is too long.
struct Bounded<R> {
    stream: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.stream.read(buffer)?;
        self.left = self.left.checked_sub(length as u64).ok_or_else(|| refuse("it unpacks to too much"))?;
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
