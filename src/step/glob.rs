//! Files by pattern: `*` and `?` within a name, `**` for any folders. Links are not followed.
//!
//! Written here because crates for patterns read brackets and braces, which are plain letters in the names of a pipeline, and
//! because a pattern leads the walk: only folders that may hold a match are read. Names are matched by the core.

use crate::analysis::name_matches;
use crate::step::folder_walk::WalkPurpose;
use crate::step::job::Job;
use std::path::{Path, PathBuf};

/// Entries of folders looked at in all: seconds.
const MOST_ENTRIES: usize = 1_000_000;

/// There is more to look at than is looked at, so that some files may be missing. `Display` is a sentence without its full
/// stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pattern} matches too much: there are more than {most} files and folders to look at in {}", .base.display())]
pub(super) struct TooManyEntries {
    pattern: String,
    most: usize,
    base: PathBuf,
}

/// Files that `pattern` names, in the order of their paths: below `base`, unless it is absolute. Of a folder that it
/// names those with `name`, at any depth.
///
/// # Errors
/// As [`TooManyEntries`].
pub(super) fn files(base: &Path, pattern: &str, name: &str) -> Result<Vec<PathBuf>, TooManyEntries> {
    files_among(MOST_ENTRIES, base, pattern, name)
}

/// Likewise, from the working directory of the job, else from where its artifacts are downloaded to: of the first of them
/// that has such files, those that are `wanted`.
///
/// # Errors
/// As above.
pub(super) fn files_of_job(
    job: &Job,
    pattern: &str,
    name: &str,
    wanted: impl Fn(&Path) -> bool,
) -> Result<Vec<PathBuf>, TooManyEntries> {
    let predefined = &job.predefined;
    for base in
        [predefined.working_directory().ok(), predefined.pipeline_workspace.clone()].into_iter().flatten()
    {
        let mut found = files(&base, pattern, name)?;
        found.retain(|file| wanted(file));
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

fn files_among(most: usize, base: &Path, pattern: &str, name: &str) -> Result<Vec<PathBuf>, TooManyEntries> {
    let pattern = pattern.replace('\\', "/");
    let is_plain = |part: &&str| !part.contains(['*', '?']);
    let mut parts: Vec<&str> = pattern.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let base = if Path::new(&pattern).is_absolute() {
        // Only what comes after the first wildcard is searched: a temporary folder may well be behind a link.
        let plain = parts.iter().take_while(|part| is_plain(part)).count().min(parts.len().saturating_sub(1));
        let rest = parts.split_off(plain);
        let base = PathBuf::from(format!("{}{}/", root(&pattern), parts.join("/")));
        parts = rest;
        base
    } else {
        base.to_owned()
    };
    let mut search = PatternSearch { name, found: Vec::new(), left: most };
    search.below(&base, &parts);
    if search.left == 0 {
        return Err(TooManyEntries { pattern, most, base });
    }
    search.found.sort();
    search.found.dedup();
    Ok(search.found)
}

/// What an absolute pattern begins with: two slashes where a server follows, on Windows.
fn root(pattern: &str) -> &str {
    let slashes = pattern.bytes().take_while(|&byte| byte == b'/').count();
    &pattern[..slashes.min(2)]
}

struct PatternSearch<'a> {
    name: &'a str,
    found: Vec<PathBuf>,
    left: usize,
}

impl PatternSearch<'_> {
    fn below(&mut self, folder: &Path, parts: &[&str]) {
        let Some((part, rest)) = parts.split_first() else { return };
        if *part == ".." {
            return self.below(&folder.join(".."), rest);
        }
        let deep = *part == "**";
        if deep {
            // `**` at the end is any file.
            self.below(folder, if rest.is_empty() { &["*"] } else { rest });
        }
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if self.left == 0 {
                return;
            }
            // What `**` goes through has been looked at above.
            self.left -= usize::from(!deep);
            let (Ok(kind), name) = (entry.file_type(), entry.file_name()) else { continue };
            let name = name.to_string_lossy();
            if deep {
                if kind.is_dir() && !WalkPurpose::Pattern.leaves_out(&name) {
                    self.below(&entry.path(), parts);
                }
            } else if name_matches(part, &name) {
                match (kind.is_dir(), rest) {
                    (true, []) => self.below(&entry.path(), &["**", self.name]),
                    (true, rest) => self.below(&entry.path(), rest),
                    (false, []) if kind.is_file() => self.found.push(entry.path()),
                    (false, _) => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (pattern, name, expected) in [
            ("a.json", "a.json", true),
            ("*.json", "a.json", true),
            ("*", "", true),
            ("*a*b", "xaxxaxb", true),
            ("*a*b", "xaxxax", false),
            ("?.json", "a.json", true),
            ("?.json", "ä.json", true),
            ("?.json", "ab.json", false),
            ("a*", "b", false),
            ("", "a", false),
        ] {
            assert_eq!(name_matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn roots() {
        for (pattern, expected) in [("/a/b", "/"), ("//srv/share/*.json", "//"), ("C:/a", ""), ("///a", "//")]
        {
            assert_eq!(root(pattern), expected);
        }
    }

    #[test]
    fn patterns() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a/r.txt", "a/b/r.txt", "a/b/c/r.txt", "d/r.txt", "d/other", ".git/r.txt", "r.txt"] {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let search = |base: &Path, pattern: &str| {
            let found = files(base, pattern, "r.txt").unwrap();
            let relative = |path: &PathBuf| path.strip_prefix(folder.path()).unwrap().display().to_string();
            found.iter().map(relative).collect::<Vec<_>>().join(" ")
        };
        for (pattern, expected) in [
            ("r.txt", "r.txt"),
            ("*/r.txt", "a/r.txt d/r.txt .git/r.txt"),
            ("a/**/r.txt", "a/b/c/r.txt a/b/r.txt a/r.txt"),
            ("**/b/r.txt", "a/b/r.txt"),
            ("**/c/*", "a/b/c/r.txt"),
            ("**\\c\\r.txt", "a/b/c/r.txt"),
            ("d/**", "d/other d/r.txt"),
            ("./d", "d/r.txt"),
            ("a/**/c", "a/b/c/r.txt"),
            ("nowhere/**/r.txt", ""),
            ("", ""),
        ] {
            let sorted = |text: &str| {
                let mut words: Vec<_> = text.split(' ').map(str::to_owned).collect();
                words.sort();
                words
            };
            assert_eq!(sorted(&search(folder.path(), pattern)), sorted(expected), "{pattern}");
            let absolute = format!("{}/{pattern}", folder.path().display());
            if !pattern.is_empty() {
                assert_eq!(sorted(&search(Path::new("/nowhere"), &absolute)), sorted(expected), "{absolute}");
            }
        }
        assert!(!search(folder.path(), "**/r.txt").contains(".git"));
        assert!(files(&folder.path().join("d"), "../a/r.txt", "r.txt").unwrap().len() == 1);
        // Eleven in all.
        assert!(files_among(12, folder.path(), "**/r.txt", "r.txt").is_ok());
        let told = files_among(5, folder.path(), "**/r.txt", "r.txt").unwrap_err().to_string();
        assert!(
            told.starts_with(
                "**/r.txt matches too much: there are more than 5 files and folders to look at in "
            ),
            "{told}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("r.txt"), "").unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("r.txt"), folder.path().join("r.txt")).unwrap();
        for pattern in ["**/r.txt", "link/r.txt", "link", "r.txt", "*"] {
            assert_eq!(files(folder.path(), pattern, "r.txt"), Ok(Vec::new()), "{pattern}");
        }
    }
}
