//! Paths as the log shows them.

use std::path::Path;

/// Names in one line of the log.
const MOST_NAMED: usize = 3;

/// The first of these paths, and how many there are beside them.
pub(super) fn named(paths: &[impl AsRef<Path>], base_dir: &Path) -> String {
    let first = paths.iter().take(MOST_NAMED).map(|path| relative(path.as_ref(), base_dir));
    let first = first.collect::<Vec<_>>().join(", ");
    match paths.len().saturating_sub(MOST_NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

pub(super) fn relative(path: &Path, base_dir: &Path) -> String {
    path.strip_prefix(base_dir).unwrap_or(path).display().to_string()
}
