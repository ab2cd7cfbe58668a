//! What the settings files take out of what the quality gate judges.

use super::source_tree::{BASE_DIR, SourceTree};
use crate::analysis::Narrowing;
use crate::analysis::precedence::Precedence;
use crate::analysis::property_origin::{narrows, without_module};
use crate::step::folder_walk::{WalkPurpose, walk};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Entries of folders looked at for one count.
const MOST_ENTRIES: usize = 100_000;

/// Settings that are told.
const MOST_TOLD: usize = 50;

/// The longest value that is told, in characters.
const LONGEST: usize = 200;

impl SourceTree {
    /// The settings of the repository that take something out, by file and line, with the number of files where that can
    /// be known; the log tells them.
    pub(crate) fn narrowed(&self, precedence: &Precedence, base_dir: &Path) -> Vec<Narrowing> {
        let mut files: BTreeMap<String, Option<Vec<String>>> = BTreeMap::new();
        let set = precedence.of_repository().filter(|(key, value, _)| narrows(key) && !value.is_empty());
        let mut narrowed: Vec<Narrowing> = set
            .filter_map(|(key, value, at)| {
                Some(Narrowing { key: key.to_owned(), value: value.to_owned(), at: at?.clone(), files: None })
            })
            .collect();
        narrowed.sort_by(|a, b| (&a.at.file, a.at.line).cmp(&(&b.at.file, b.at.line)));
        narrowed.truncate(MOST_TOLD);
        for one in &mut narrowed {
            if let Some(patterns) = one.patterns() {
                let module = one.key.strip_suffix(without_module(&one.key)).unwrap_or_default();
                let there =
                    files.entry(module.to_owned()).or_insert_with(|| files_of(precedence, module, base_dir));
                one.files =
                    there.as_ref().map(|files| files.iter().filter(|file| patterns.leave_out(file)).count());
            }
            if let Some((end, _)) = one.value.char_indices().nth(LONGEST) {
                one.value.truncate(end);
                one.value.push('\u{2026}');
            }
        }
        for Narrowing { key, value, at, files } in &narrowed {
            let count = match files {
                None => String::new(),
                Some(1) => ", which leaves out 1 file".to_owned(),
                Some(count) => format!(", which leaves out {count} files"),
            };
            tracing::info!(
                "The repository limits what the quality gate judges: {key}={value} in {at}{count}"
            );
        }
        narrowed
    }
}

/// The files that a project or module would have, by their paths from its base directory; none where they are too many.
fn files_of(precedence: &Precedence, module: &str, base_dir: &Path) -> Option<Vec<String>> {
    let value = |key: &str| precedence.value(&format!("{module}{key}"));
    let base_dir = match value(BASE_DIR) {
        Some(directory) if !module.is_empty() => PathBuf::from(directory),
        _ => base_dir.to_owned(),
    };
    let mut left = MOST_ENTRIES;
    let mut found = Vec::new();
    for start in value("sonar.sources").unwrap_or(".").split(',').map(str::trim) {
        let start = base_dir.join(start);
        if start.is_file() {
            found.extend(relative(&start, &base_dir));
            continue;
        }
        let is_whole = walk(&start, WalkPurpose::IndexedFiles, left, &mut |entry| {
            left -= 1;
            if entry.kind.is_file() {
                found.extend(relative(&entry.path, &base_dir));
            }
            true
        });
        if !is_whole {
            return None;
        }
    }
    found.sort();
    found.dedup();
    Some(found)
}

fn relative(path: &Path, base_dir: &Path) -> Option<String> {
    let parts = path.strip_prefix(base_dir).ok()?.components();
    let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    Some(parts.into_iter().filter(|part| part != ".").collect::<Vec<_>>().join("/"))
}
