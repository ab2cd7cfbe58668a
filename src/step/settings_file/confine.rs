//! Where the paths may lead that a settings file names: what the scanner deletes, writes, uploads or imports stays in the
//! sources, and no link of the repository leads it elsewhere.

use super::source_tree::{BASE_DIR, SourceTree, real};
use crate::analysis::java_properties::trimmed;
use crate::analysis::precedence::Precedence;
use crate::analysis::property_origin::{Confinement, confinement, is_java_library, without_module};
use crate::analysis::{PropertySource, RefusalReason};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

const WORK_FILES: &str = "sonar.working.directory";

impl SourceTree {
    /// Refuses the paths of settings files that lead where they must not.
    pub(crate) fn confine(&self, precedence: &mut Precedence, base_dir: &Path) {
        let unfit: Vec<_> = precedence
            .of_repository()
            .filter_map(|(key, value, _)| {
                let names_paths = confinement(key).is_some() || is_java_library(key);
                if names_paths && key != BASE_DIR && has_unusual_blank(value) {
                    return Some((key.to_owned(), RefusalReason::UnusualBlank));
                }
                let kind = confinement(key)?;
                let module = key.strip_suffix(without_module(key)).unwrap_or_default();
                let of_module = precedence.value(&format!("{module}{BASE_DIR}")).map(Path::new);
                let start = of_module.filter(|_| !module.is_empty()).unwrap_or(base_dir);
                // A settings file names the base directory from another start, which was looked at before.
                let why = (key != BASE_DIR).then(|| self.why_unfit(kind, value, start)).flatten()?;
                Some((key.to_owned(), why))
            })
            .collect();
        for (key, why) in unfit {
            precedence.refuse(&key, why);
        }
    }

    fn why_unfit(&self, kind: Confinement, value: &str, start: &Path) -> Option<RefusalReason> {
        let paths = || paths(value).into_iter();
        match kind {
            Confinement::WorkFiles => {
                (!is_below(&start.join(value.trim()), start)).then_some(RefusalReason::OutsideBaseDirectory)
            }
            Confinement::Sources => {
                paths().any(|path| !self.hold(&start.join(path))).then_some(RefusalReason::OutsideSources)
            }
            Confinement::Reports => paths()
                .any(|path| {
                    let (plain, rest) = before_wildcards(&path);
                    leads_upwards(rest) || !self.hold_report(&start.join(plain))
                })
                .then_some(RefusalReason::OutsideSources),
        }
    }

    /// The folder for the scanner's own files, which it empties.
    ///
    /// # Errors
    /// A link leads it elsewhere, and the pipeline does not.
    pub(crate) fn work_files(&self, precedence: &Precedence, base_dir: &Path) -> Result<PathBuf> {
        let chosen = precedence.value(WORK_FILES).filter(|text| !text.trim().is_empty());
        let folder = base_dir.join(chosen.unwrap_or(".scannerwork").trim());
        let is_of_pipeline =
            precedence.source(WORK_FILES).is_some_and(|source| !PropertySource::is_of_repository(source));
        if (is_of_pipeline && chosen.is_some()) || is_below(&folder, base_dir) {
            return Ok(folder);
        }
        Err(Error::new(format!("{} is a link that leads out of the base directory", folder.display())).hint(format!(
            "Remove it from the repository, or set {WORK_FILES} in extraProperties of SonarPrepare: the scanner empties \
             that folder."
        )))
    }
}

/// Whether a path lies below a folder and is not that folder, nor in the folder of git.
fn is_below(path: &Path, folder: &Path) -> bool {
    let (Some(path), Some(folder)) = (real(path), real(folder)) else { return false };
    path.strip_prefix(&folder).is_ok_and(|below| {
        let mut parts = below.components();
        below != Path::new("") && !parts.any(|part| part.as_os_str().eq_ignore_ascii_case(".git"))
    })
}

/// The paths that a value lists, as the engine takes them: divided by commas, but for those between quotes.
pub(super) fn paths(value: &str) -> Vec<String> {
    let paths = split(value).into_iter().map(|(path, _)| trimmed(&path).to_owned());
    paths.filter(|path| !path.is_empty()).collect()
}

/// Whether a path of the list begins or ends with a blank that some readers keep and others drop: one between quotes, or one
/// outside of ASCII. A path that was checked would not be the one that is used.
fn has_unusual_blank(value: &str) -> bool {
    split(value).iter().any(|(path, is_quoted)| {
        let bare = trimmed(path);
        bare.trim() != bare || (*is_quoted && bare != path)
    })
}

/// The parts of a list, and whether quotes were in them.
fn split(value: &str) -> Vec<(String, bool)> {
    let (mut parts, mut part, mut quoted, mut is_open) = (Vec::new(), String::new(), false, false);
    let mut letters = value.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            // Two of them within quotes are one.
            '"' if is_open && letters.next_if_eq(&'"').is_some() => part.push('"'),
            '"' => (quoted, is_open) = (true, !is_open),
            ',' if !is_open => parts.push((std::mem::take(&mut part), std::mem::take(&mut quoted))),
            letter => part.push(letter),
        }
    }
    parts.push((part, quoted));
    parts
}

/// Whether a part of a path is `..`.
pub(super) fn leads_upwards(path: &str) -> bool {
    path.split(['/', '\\']).any(|part| part == "..")
}

/// A path up to the first part with a wildcard, and the rest.
pub(super) fn before_wildcards(path: &str) -> (&str, &str) {
    let Some(wildcard) = path.find(['*', '?', '{', '[']) else { return (path, "") };
    let start = path[..wildcard].rfind(['/', '\\']).map_or(0, |at| at + 1);
    path.split_at(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn real_names() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::os::unix::fs::symlink("/", root.join("away")).unwrap();
        std::os::unix::fs::symlink(root.join("nowhere"), root.join("dead")).unwrap();
        std::os::unix::fs::symlink("a/b", root.join("near")).unwrap();
        for (path, expected) in [
            ("a/b/c", Some(root.join("a/b/c"))),
            ("a/../x/./y", Some(root.join("x/y"))),
            ("near/../c", Some(root.join("a/c"))),
            ("away/etc", Some(PathBuf::from("/etc"))),
            ("dead", None),
            ("dead/x", None),
        ] {
            assert_eq!(real(&root.join(path)), expected, "{path}");
        }
        assert!(is_below(&root.join("a/b"), &root.join("a")));
        for path in ["a", "a/..", "near/../../x", "away/x", "dead", "a/.git/x", "a/.GIT"] {
            assert!(!is_below(&root.join(path), &root.join("a")), "{path}");
        }
    }

    #[test]
    fn lists_of_paths() {
        for (value, expected) in [
            ("a, b/c ,", &["a", "b/c"][..]),
            ("\"x,y/z\",b", &["x,y/z", "b"]),
            ("\"a\"\"b\"", &["a\"b"]),
            ("", &[]),
        ] {
            assert_eq!(paths(value), expected, "{value}");
        }
    }

    #[test]
    fn wildcards() {
        for (path, plain) in [
            ("a/b.xml", "a/b.xml"),
            ("a/**/b.xml", "a/"),
            ("*.xml", ""),
            ("/tmp/x*/../../etc", "/tmp/"),
            ("a/{b,c}", "a/"),
        ] {
            assert_eq!(before_wildcards(path).0, plain);
        }
    }
}
