//! The walk through folders, and which of them each search leaves out.
//!
//! Written here because no crate walks breadth first (neither walkdir nor ignore does): each search ends after so many
//! entries, and what lies near the top must have been seen by then. Links are not followed.

use std::collections::VecDeque;
use std::fs::FileType;
use std::path::{Path, PathBuf};

/// Folders of version control, of scanners and of package managers. No build leaves reports there, and nobody writes sources
/// there.
const OF_TOOLS: &[&str] = &[".git", ".scannerwork", ".sonar", ".sonarqube", "node_modules"];
/// Installed Python packages, and the folder of our own records.
const INSTALLED: &[&str] = &[".venv", "site-packages", "sonar-azdo"];
/// What builds write. Reports may lie there.
const BUILD_OUTPUT: &[&str] = &["target", "bin", "obj"];

/// What a walk looks for: that decides which folders it leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WalkPurpose {
    /// Reports that the build left.
    Reports,
    /// Source files of the project.
    Sources,
    /// Files that the scanner engine would index.
    IndexedFiles,
    /// Files in languages that analyzers know. The engine does not index hidden files.
    Languages,
    /// The files that `**` in a pattern of the user stands for. `report-task.txt` lies in folders of scanners.
    Pattern,
    /// Links that lead out of the sources: the engine reads every folder but these.
    Links,
}

impl WalkPurpose {
    /// Whether this walk leaves out the folders of that name.
    pub(super) fn leaves_out(self, name: &str) -> bool {
        let is_in = |lists: &[&[&str]]| lists.iter().any(|list| list.contains(&name));
        match self {
            Self::Reports => is_in(&[OF_TOOLS, INSTALLED]),
            Self::Sources => is_in(&[OF_TOOLS, BUILD_OUTPUT]),
            Self::IndexedFiles => is_in(&[OF_TOOLS]),
            Self::Languages => name.starts_with('.') || is_in(&[OF_TOOLS]),
            Self::Pattern => [".git", "node_modules"].contains(&name),
            Self::Links => [".git", ".scannerwork"].contains(&name),
        }
    }
}

/// An entry of a folder.
pub(super) struct WalkedEntry<'a> {
    pub(super) path: PathBuf,
    /// Its name; what is not Unicode in it is replaced.
    pub(super) name: &'a str,
    /// Of the entry itself: a link is a link.
    pub(super) kind: FileType,
}

/// Hands on what lies below `folder` and is no folder, what lies deepest last, until `each` says that it is enough or
/// `most` entries were seen, folders among them. Returns whether it was all. What cannot be read is passed over.
pub(super) fn walk(
    folder: &Path,
    purpose: WalkPurpose,
    most: usize,
    each: &mut dyn FnMut(WalkedEntry<'_>) -> bool,
) -> bool {
    let mut left = most;
    let mut folders = VecDeque::from([folder.to_owned()]);
    while let Some(folder) = folders.pop_front() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (Ok(kind), name) = (entry.file_type(), entry.file_name()) else { continue };
            let name = name.to_string_lossy();
            let Some(rest) = left.checked_sub(1) else { return false };
            left = rest;
            if !kind.is_dir() {
                if !each(WalkedEntry { path: entry.path(), name: &name, kind }) {
                    return false;
                }
            } else if !purpose.leaves_out(&name) {
                folders.push_back(entry.path());
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let file = folder.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        folder
    }

    fn names(folder: &Path, purpose: WalkPurpose, most: usize) -> (Vec<String>, bool) {
        let mut names = Vec::new();
        let is_whole = walk(folder, purpose, most, &mut |entry| {
            names.push(entry.name.to_owned());
            true
        });
        (names, is_whole)
    }

    #[test]
    fn what_lies_deep_comes_last() {
        let folder = tree(&["a/b/c/d.xml", "e/f.xml", "z.xml"]);
        let expected = ["z.xml", "f.xml", "d.xml"].map(str::to_owned).to_vec();
        assert_eq!(names(folder.path(), WalkPurpose::Reports, 100), (expected, true));
        assert!(!walk(folder.path(), WalkPurpose::Reports, 100, &mut |_| false));
    }

    #[test]
    fn a_walk_ends_after_so_many_entries() {
        let folder = tree(&["a/x", "a/y", "b"]);
        assert!(names(folder.path(), WalkPurpose::Sources, 4).1);
        let (names, is_whole) = names(folder.path(), WalkPurpose::Sources, 3);
        assert_eq!((names.len(), is_whole), (2, false));
    }

    #[test]
    fn each_walk_leaves_out_its_own_folders() {
        let all = ["src", ".git", ".scannerwork", "node_modules", "target", ".venv", ".github"];
        let files: Vec<_> = all.iter().map(|folder| format!("{folder}/{folder}")).collect();
        let folder = tree(&files.iter().map(String::as_str).collect::<Vec<_>>());
        for (purpose, expected) in [
            (WalkPurpose::Reports, ".github src target"),
            (WalkPurpose::Sources, ".github .venv src"),
            (WalkPurpose::IndexedFiles, ".github .venv src target"),
            (WalkPurpose::Languages, "src target"),
            (WalkPurpose::Pattern, ".github .scannerwork .venv src target"),
            (WalkPurpose::Links, ".github .venv node_modules src target"),
        ] {
            let mut found = names(folder.path(), purpose, 100).0;
            found.sort();
            assert_eq!(found.join(" "), expected, "{purpose:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_handed_on_and_not_followed() {
        let (folder, outside) = (tree(&[]), tree(&["secret"]));
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
        let mut seen = Vec::new();
        walk(folder.path(), WalkPurpose::Sources, 100, &mut |entry| {
            seen.push((entry.name.to_owned(), entry.kind.is_symlink()));
            true
        });
        assert_eq!(seen, [("link".to_owned(), true)]);
    }
}
