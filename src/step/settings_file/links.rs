//! Links of the repository that lead out of the sources. The scanner engine follows them and uploads what is there
//! (observed of the engine of SonarQube 10.7), so they are excluded from the analysis.

use super::source_tree::{BASE_DIR, SourceTree};
use crate::analysis::PropertySource;
use crate::analysis::precedence::Precedence;
use crate::error::{Error, Result};
use crate::step::folder_walk::WalkPurpose;
use std::path::{Path, PathBuf};

/// Entries of folders behind links looked at in all.
const MOST_BEHIND_LINKS: usize = 100_000;

const EXCLUSIONS: [&str; 2] = ["sonar.exclusions", "sonar.test.exclusions"];

/// Links that the log names.
const MOST_NAMED: usize = 3;

impl SourceTree {
    /// Excludes the links below the base directory that lead out of the sources.
    ///
    /// # Errors
    /// The name of one can't be written as a pattern.
    pub(crate) fn exclude_links(&self, precedence: &mut Precedence, base_dir: &Path) -> Result<()> {
        let mut search = LinkSearch { sources: self, found: Vec::new(), left: MOST_BEHIND_LINKS };
        search.below(base_dir, &mut Vec::new());
        let links = search.found;
        if links.is_empty() {
            return Ok(());
        }
        if let Some(odd) = links.iter().find(|link| is_no_pattern(link)) {
            return Err(Error::new(format!("{} is a link that leads out of the sources", odd.display()))
                .hint(
                    "Remove it. Otherwise the analysis would upload the target of the link, because its name cannot be excluded.",
                ));
        }
        let shown = links.iter().take(MOST_NAMED).map(|link| self.shown(link)).collect::<Vec<_>>().join(", ");
        let more = match links.len().saturating_sub(MOST_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        tracing::info!(
            "Not analysed, because these links lead out of the sources: {shown}{more} (sonar.exclusions)"
        );
        let directories: Vec<(String, PathBuf)> = precedence
            .properties()
            .iter()
            .filter_map(|(key, value)| Some((key.strip_suffix(BASE_DIR)?.to_owned(), PathBuf::from(value))))
            .filter(|(module, _)| !module.is_empty())
            .chain([(String::new(), base_dir.to_owned())])
            .collect();
        for (module, directory) in directories {
            let patterns: Vec<_> = links.iter().filter_map(|link| pattern(link, &directory)).collect();
            for exclusions in EXCLUSIONS {
                let key = format!("{module}{exclusions}");
                let own = precedence.value(&key);
                // A module that sets none of its own has those of the project.
                if patterns.is_empty() || (own.is_none() && !module.is_empty()) {
                    continue;
                }
                let all: Vec<_> =
                    own.filter(|own| !own.trim().is_empty()).into_iter().map(str::to_owned).collect();
                let all = [all, patterns.clone()].concat().join(",");
                precedence.set(PropertySource::Connection, &key, &all, None);
            }
        }
        Ok(())
    }
}

/// Whether the letters of a path mean something in a list of patterns.
fn is_no_pattern(path: &Path) -> bool {
    path.to_str().is_none_or(|text| text.contains(['*', '?', ',', '"', '\n', '\r']))
}

fn pattern(link: &Path, directory: &Path) -> Option<String> {
    let below = link.strip_prefix(directory).ok()?.to_str()?.replace('\\', "/");
    Some(if link.is_dir() { format!("{below}/**") } else { below })
}

struct LinkSearch<'a> {
    sources: &'a SourceTree,
    found: Vec<PathBuf>,
    left: usize,
}

impl LinkSearch<'_> {
    /// A walk of its own, because it follows links where they stay in the sources, and does not end early: a link that it
    /// did not see would be uploaded. `behind`: the real names of the folders that links led to, on the way here.
    fn below(&mut self, folder: &Path, behind: &mut Vec<PathBuf>) {
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let Ok(kind) = entry.file_type() else { continue };
                if !behind.is_empty() {
                    self.left = self.left.saturating_sub(1);
                }
                if kind.is_dir() && !WalkPurpose::Links.leaves_out(&entry.file_name().to_string_lossy()) {
                    folders.push(entry.path());
                } else if kind.is_symlink() {
                    self.link(entry.path(), behind);
                }
            }
        }
    }

    fn link(&mut self, link: PathBuf, behind: &mut Vec<PathBuf>) {
        // One that leads to nothing is not indexed.
        let Ok(real) = link.canonicalize() else { return };
        if !self.sources.hold(&real) || self.left == 0 {
            self.found.push(link);
        } else if real.is_dir() && !behind.contains(&real) {
            behind.push(real);
            self.below(&link, behind);
            behind.pop();
        }
    }
}
