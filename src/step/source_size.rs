//! Counts the source files below a directory, until it is clear that they are many.

use crate::analysis::jvm_profile::{SourceSize, is_source};
use crate::step::folder_walk::{WalkPurpose, walk};
use std::path::Path;

/// Entries looked at in all: a tree with more holds something else than a small project.
const MOST_ENTRIES: usize = 20_000;

/// The size of the sources, or more than [`SourceSize::MOST`] once that is known. What cannot be read does not count.
pub(super) fn measure(directory: &Path) -> SourceSize {
    let mut size = SourceSize::default();
    let is_whole = walk(directory, WalkPurpose::Sources, MOST_ENTRIES, &mut |entry| {
        if entry.kind.is_file() && is_source(entry.name) {
            size.files += 1;
            size.bytes += std::fs::symlink_metadata(&entry.path).map_or(0, |metadata| metadata.len());
        }
        size.is_within(SourceSize::MOST)
    });
    match is_whole {
        true => size,
        false => SourceSize { files: size.files.max(SourceSize::MOST.files + 1), ..size },
    }
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
