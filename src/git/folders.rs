//! Where a clone keeps its files. They are found without git, which would search further up, and would take a folder of
//! the repository that looks like a git directory for one.

use super::error::GitError;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The folders of a clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CloneFolders {
    /// Where the files are checked out.
    pub(super) top_level: PathBuf,
    /// What belongs to this work tree only: `HEAD`.
    pub(super) git_dir: PathBuf,
    /// What all work trees share: configuration, objects, references. Usually the same folder.
    pub(super) common_dir: PathBuf,
}

/// Longer than any file that holds one path or one reference.
const SHORT: u64 = 64 * 1024;

impl CloneFolders {
    /// Those of the clone whose files are checked out in `folder`. Its `.git` is the git directory; in a submodule or a
    /// linked work tree it is a file with the path of that.
    ///
    /// # Errors
    /// [`GitError::NoRepository`].
    pub(super) fn of(folder: &Path) -> Result<Self, GitError> {
        Self::find(folder).ok_or_else(|| GitError::NoRepository(folder.to_owned()))
    }

    fn find(folder: &Path) -> Option<Self> {
        let top_level = folder.canonicalize().ok()?;
        let entry = top_level.join(".git");
        let git_dir = if entry.is_dir() {
            entry
        } else {
            top_level.join(short_text(&entry)?.strip_prefix("gitdir:")?.trim())
        };
        let git_dir = git_dir.canonicalize().ok()?;
        let common_dir = match short_text(&git_dir.join("commondir")) {
            Some(path) => git_dir.join(path.trim()).canonicalize().ok()?,
            None => git_dir.clone(),
        };
        let is_whole = git_dir.join("HEAD").is_file() && common_dir.join("objects").is_dir();
        is_whole.then_some(Self { top_level, git_dir, common_dir })
    }
}

/// The first 64 kB of a regular file.
pub(super) fn short_text(path: &Path) -> Option<String> {
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    std::fs::File::open(path).ok()?.take(SHORT).read_to_string(&mut text).ok()?;
    Some(text)
}
