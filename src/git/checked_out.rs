//! What a clone has checked out, read from its own files without git.

use super::folders::{CloneFolders, short_text};
use std::path::{Path, PathBuf};

/// What a clone has checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckedOut {
    /// The folder of the files.
    pub(crate) top_level: PathBuf,
    /// The branch; `None` where a commit is checked out instead.
    pub(crate) branch: Option<String>,
    /// The default branch of `origin`, as the clone remembers it.
    pub(crate) default_branch: Option<String>,
}

impl CheckedOut {
    /// The nearest clone from `folder` upwards.
    pub(crate) fn find(folder: &Path) -> Option<Self> {
        let folders = folder.ancestors().find_map(|folder| CloneFolders::of(folder).ok())?;
        Some(Self {
            branch: reference(&folders.git_dir.join("HEAD"), "refs/heads/"),
            default_branch: reference(
                &folders.common_dir.join("refs/remotes/origin/HEAD"),
                "refs/remotes/origin/",
            ),
            top_level: folders.top_level,
        })
    }
}

/// The name after `prefix` that a symbolic reference points to.
fn reference(file: &Path, prefix: &str) -> Option<String> {
    let text = short_text(file)?;
    let name = text.strip_prefix("ref:")?.trim().strip_prefix(prefix)?;
    // What HEAD says in a clone whose references are not files (reftable).
    (name != ".invalid").then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_branch_a_commit_and_no_clone() {
        let folder = tempfile::tempdir().unwrap();
        let git = folder.path().join(".git");
        for below in ["objects", "refs/remotes/origin"] {
            fs::create_dir_all(git.join(below)).unwrap();
        }
        let below = folder.path().join("src/deep");
        fs::create_dir_all(&below).unwrap();
        for (head, branch) in [
            ("ref: refs/heads/feature/x\n", Some("feature/x")),
            ("5e1c309dae7f45e0f39b1bf3ac3cd9db12e7d689\n", None),
            ("ref: refs/heads/.invalid\n", None),
        ] {
            fs::write(git.join("HEAD"), head).unwrap();
            let found = CheckedOut::find(&below).unwrap();
            assert_eq!(found.branch.as_deref(), branch);
            assert_eq!(found.top_level, folder.path().canonicalize().unwrap());
            assert_eq!(found.default_branch, None);
        }
        fs::write(git.join("refs/remotes/origin/HEAD"), "ref: refs/remotes/origin/main\n").unwrap();
        assert_eq!(CheckedOut::find(&below).unwrap().default_branch.as_deref(), Some("main"));
        fs::remove_file(git.join("HEAD")).unwrap();
        assert_eq!(CheckedOut::find(&below), None);
    }
}
