//! Temporary files and folders, and the removal of what others have left behind.

use crate::http;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Longer than any run: what is older belongs to a run that was killed.
pub(super) const STALE_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// A file or folder that is removed when this value is dropped.
#[derive(Debug)]
pub(super) struct Temporary(PathBuf);

impl Temporary {
    /// A new name in `folder` that ends with `end`. Creates nothing.
    pub(super) fn in_folder(folder: &Path, end: &str) -> io::Result<Self> {
        new_name(folder, end).map(Self)
    }

    /// A new name beside `path`, with the same beginning and extension.
    pub(super) fn like(path: &Path) -> io::Result<Self> {
        let end = path.extension().unwrap_or_default().display();
        Ok(Self(path.with_extension(format!("{}.{end}", random::<8>()?))))
    }
}

impl AsRef<Path> for Temporary {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// A name in `folder` that nothing else has, ending with `end`.
pub(super) fn new_name(folder: &Path, end: &str) -> io::Result<PathBuf> {
    Ok(folder.join(format!("{}{end}", random::<12>()?)))
}

/// So many random bytes in hex.
fn random<const BYTES: usize>() -> io::Result<String> {
    let mut random = [0; BYTES];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(http::hex(&random))
}

/// Removes a file, link or folder. What cannot be removed now is removed when it is stale.
pub(super) fn remove(path: &Path) {
    let is_folder = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let removed = if is_folder { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::debug!("{} could not be removed: {error}", path.display());
        }
        _ => {}
    }
}

/// Removes what is in `folder`, is older than a day and is ours by its name.
pub(super) fn remove_stale(folder: &Path, now: SystemTime, is_ours: impl Fn(&str) -> bool) {
    remove_old(folder, now, STALE_AFTER, is_ours);
}

/// Removes what is in `folder`, is older than `limit` and is ours by its name.
pub(super) fn remove_old(folder: &Path, now: SystemTime, limit: Duration, is_ours: impl Fn(&str) -> bool) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| is_ours(&entry.file_name().to_string_lossy())) {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| now.duration_since(modified).ok());
        if age.is_some_and(|age| age > limit) {
            remove(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_stale_and_ours_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("new");
        std::fs::write(&new, "").unwrap();
        let now = SystemTime::now();
        remove_stale(folder.path(), now + STALE_AFTER / 2, |_| true);
        assert!(new.exists());
        std::fs::create_dir(folder.path().join("jre")).unwrap();
        std::fs::write(folder.path().join("jre/x"), "").unwrap();
        remove_stale(folder.path(), now + 2 * STALE_AFTER, |name| name != "new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        remove_stale(folder.path(), now + 2 * STALE_AFTER, |_| true);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
