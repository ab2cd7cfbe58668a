//! Where programs are on this machine.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The first executable file `name` in the folders of `PATH`. Relative folders, and the current folder on Windows, are not
/// searched: they would let the analysed project choose what runs.
pub fn first_in_path(path: Option<&OsStr>, name: &str) -> Option<PathBuf> {
    std::env::split_paths(path?)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|program| is_executable(program))
}

/// Whether `path` is a file that this system can run.
pub fn is_executable(path: &Path) -> bool {
    let Ok(metadata) = std::fs::metadata(path) else { return false };
    #[cfg(unix)]
    let may_run = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let may_run = true;
    metadata.is_file() && may_run
}
