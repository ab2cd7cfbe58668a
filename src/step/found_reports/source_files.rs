//! The source files, and which of them a report speaks of.

use super::regular_file::{LARGEST, read};
use super::report_search::{FoundReport, walk_files};
use super::shown_paths::relative;
use crate::analysis::jvm_profile::is_source;
use crate::analysis::report_formats::{HEAD, PathRemedy, Report, ReportKind, covered_files, remedy};
use crate::analysis::xml::decode;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The source files of an analysis.
pub(super) struct SourceFiles {
    base_dir: PathBuf,
    /// Folders that paths in reports may be relative to.
    folders: Vec<PathBuf>,
    files: OnceCell<Vec<String>>,
    by_name: OnceCell<BTreeMap<String, Vec<usize>>>,
}

impl SourceFiles {
    /// Those below `base_dir`; paths may also be relative to other `folders`.
    pub(super) fn new(base_dir: &Path, folders: impl IntoIterator<Item = PathBuf>) -> Self {
        let folders = std::iter::once(base_dir.to_owned()).chain(folders).collect();
        Self { base_dir: base_dir.to_owned(), folders, files: OnceCell::new(), by_name: OnceCell::new() }
    }

    /// Where they lie.
    pub(super) fn base_dir(&self) -> &Path {
        &self.base_dir
    }

    /// All of them, relative, with `/`.
    pub(super) fn files(&self) -> &[String] {
        self.files.get_or_init(|| {
            let mut files = Vec::new();
            walk_files(&self.base_dir, &mut |path, name| {
                let below = path.strip_prefix(&self.base_dir).unwrap_or(&path);
                if is_source(name) {
                    files.push(below.display().to_string().replace('\\', "/"));
                }
                true
            });
            files
        })
    }

    /// Whether a report speaks of one of them, or of no file at all. Its beginning may hold generated files only, so
    /// all of it is read before the answer is no.
    pub(super) fn are_in(&self, found: &FoundReport) -> bool {
        let FoundReport { report, size, path } = found;
        if self.has_one_of(report.kind, &report.files, &report.roots) {
            return true;
        }
        let tells_no_files = !report.kind.is_coverage() || is_of_own_making(report) || *size <= HEAD;
        if report.files.is_empty() && tells_no_files {
            return true;
        }
        let text = decode(&read(path, LARGEST).unwrap_or_default());
        let (files, roots) = covered_files(&text);
        files.is_empty() || self.has_one_of(report.kind, &files, &roots)
    }

    fn has_one_of(&self, kind: &ReportKind, files: &[String], roots: &[String]) -> bool {
        files
            .iter()
            .any(|file| self.find(file, roots).is_some() || kind.lenient && !self.alike(file).is_empty())
    }

    /// The source file that a report calls `file`, which may be relative to one of `roots`; relative, with `/`.
    pub(super) fn find(&self, file: &str, roots: &[String]) -> Option<String> {
        let file = file.replace('\\', "/");
        let root = |root: &String| self.base_dir.join(root.replace('\\', "/"));
        let folders = roots.iter().map(root).chain(self.folders.iter().cloned());
        let found = folders.map(|folder| folder.join(&file)).find_map(|path| self.below(&path));
        found.or_else(|| {
            // Deterministic builds write `/_/` in place of the repository, `/_1/` of a submodule.
            let rest = file.strip_prefix("/_")?.trim_start_matches(|digit: char| digit.is_ascii_digit());
            let rest = rest.strip_prefix('/')?;
            let here = self.folders.iter().find_map(|folder| self.below(&folder.join(rest)));
            here.or_else(|| match self.alike(rest).as_slice() {
                [only] => Some(only.clone()),
                _ => None,
            })
        })
    }

    /// A file below the sources, relative.
    fn below(&self, path: &Path) -> Option<String> {
        let below = |path: &Path, base: &Path| {
            let mut rest = path.components();
            for part in base.components() {
                let other = rest.next()?;
                let is_same = match cfg!(windows) {
                    true => part.as_os_str().eq_ignore_ascii_case(other.as_os_str()),
                    false => part == other,
                };
                is_same.then_some(())?;
            }
            let rest = rest.as_path();
            let has_dots = rest.components().any(|part| part == std::path::Component::ParentDir);
            (!has_dots).then(|| rest.display().to_string().replace('\\', "/"))
        };
        if !path.is_file() {
            return None;
        }
        below(path, &self.base_dir).or_else(|| {
            // One of both may be written with a link.
            below(&std::fs::canonicalize(path).ok()?, &std::fs::canonicalize(&self.base_dir).ok()?)
        })
    }

    /// The source files whose paths end like this.
    fn alike(&self, file: &str) -> Vec<String> {
        let file = file.replace('\\', "/");
        let file = file.trim_start_matches("./");
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let by_name = self.by_name.get_or_init(|| {
            let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
            for (index, path) in self.files().iter().enumerate() {
                by_name.entry(name(path)).or_default().push(index);
            }
            by_name
        });
        let of_name = by_name.get(&name(file)).into_iter().flatten().map(|&index| &self.files()[index]);
        let is_alike = |path: &&String| {
            path.strip_suffix(file).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        };
        of_name.filter(is_alike).cloned().collect()
    }

    /// Says that nothing in a report is one of them, with an example of its paths and one of ours.
    pub(super) fn warn_about(&self, found: &FoundReport, suffixes: &[&str]) {
        let FoundReport { path, report, .. } = found;
        let files = match report.files.is_empty() {
            true => covered_files(&decode(&read(path, LARGEST).unwrap_or_default())).0,
            false => report.files.clone(),
        };
        let example = files.first().map(String::as_str).unwrap_or_default();
        let base_dir = self.base_dir.display();
        let is_ours =
            |file: &&String| suffixes.is_empty() || suffixes.iter().any(|suffix| file.ends_with(suffix));
        let extension = Path::new(example).extension();
        let mut ours = self.files().iter().filter(is_ours);
        let alike = ours.clone().find(|file| Path::new(file).extension() == extension);
        let ours = match alike.or_else(|| ours.next()) {
            Some(ours) => format!("the analysis has {ours}"),
            None => "the analysis has no source file".to_owned(),
        };
        let what_to_do = match remedy(&files, self.files()) {
            PathRemedy::Prefix { instead_of, prefix } if instead_of.is_empty() => {
                format!("They would match with {prefix} before them")
            }
            PathRemedy::Prefix { instead_of, prefix } => {
                let prefix = if prefix.is_empty() { format!("{base_dir}/") } else { prefix };
                format!("They would match with {prefix} instead of {instead_of}")
            }
            PathRemedy::None => "No source file has this name".to_owned(),
        };
        tracing::warn!(
            "Nothing is imported from {}, because none of its paths is a source file of {base_dir}. The report names {example}; \
             {ours}. {what_to_do}.",
            relative(path, &self.base_dir)
        );
    }
}

/// dotCover's page, NCover's and the binary report don't tell their files in a way that is read here.
fn is_of_own_making(report: &Report) -> bool {
    report.kind.is_binary() || ["dotCover coverage", "NCover coverage"].contains(&report.kind.format)
}
