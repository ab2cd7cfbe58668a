//! Counts the source files below a directory, until it is clear that they are many.

use crate::analysis::jvm_profile::{SourceSize, is_source};
use std::path::Path;

/// Entries looked at in all: a tree with more holds something else than a small project.
const MOST_ENTRIES: u32 = 20_000;

/// Not the project's own sources.
const PASSED_OVER: &[&str] = &[".git", ".scannerwork", ".sonar", "node_modules", "target", "bin", "obj"];

/// The size of the sources, or more than [`SourceSize::MOST`] once that is known. What can't be read does not count.
pub(super) fn measure(directory: &Path) -> SourceSize {
    let mut size = SourceSize::default();
    let mut left = MOST_ENTRIES;
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let (Ok(kind), name) = (entry.file_type(), entry.file_name()) else { continue };
            let name = name.to_string_lossy();
            if kind.is_dir() && !PASSED_OVER.contains(&name.as_ref()) {
                folders.push(entry.path());
            } else if kind.is_file() && is_source(&name) {
                size.files += 1;
                size.bytes += entry.metadata().map_or(0, |metadata| metadata.len());
            }
            left -= 1;
            if left == 0 || !size.is_within(SourceSize::MOST) {
                return SourceSize { files: size.files.max(SourceSize::MOST.files + 1), ..size };
            }
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_count() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, length: usize| {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, vec![b'x'; length]).unwrap();
        };
        write("src/a.py", 100);
        write("src/deep/b.js", 50);
        write("logo.png", 9_000_000);
        write("node_modules/x/index.js", 9_000_000);
        assert_eq!(measure(folder.path()), SourceSize { files: 2, bytes: 150 });
        write("src/big.js", 3_000_000);
        assert!(!measure(folder.path()).is_within(SourceSize::MOST));
        assert_eq!(measure(&folder.path().join("nowhere")), SourceSize::default());
    }
}
