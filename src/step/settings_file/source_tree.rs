//! Where the files of the repository lie, and what their paths really are.

use crate::step::job::Job;
use std::path::{Component, Path, PathBuf};

pub(crate) const BASE_DIR: &str = "sonar.projectBaseDir";

/// Where the files of the repository lie.
#[derive(Debug)]
pub(crate) struct SourceTree {
    pub(super) working_directory: PathBuf,
    /// Real names of the folders of the sources.
    pub(super) roots: Vec<PathBuf>,
    /// Real names of the folders in which the steps of a job leave results.
    pub(super) results: Vec<PathBuf>,
}

impl SourceTree {
    /// Those of a job. `base_dir` is the directory that the pipeline wants analysed, wherever that is.
    pub(crate) fn of(job: &Job, working_directory: &Path, base_dir: &Path) -> Self {
        let predefined = &job.predefined;
        let variable = |name| job.environment.variable(name).map(PathBuf::from);
        let results = [
            predefined.agent_tempdirectory.clone(),
            predefined.pipeline_workspace.clone(),
            variable("Common.TestResultsDirectory"),
            variable("Build.ArtifactStagingDirectory"),
        ];
        Self {
            working_directory: working_directory.to_owned(),
            roots: [working_directory, base_dir].into_iter().filter_map(real).collect(),
            results: results.into_iter().flatten().filter_map(|folder| real(&folder)).collect(),
        }
    }

    /// Whether a path lies in the sources, whatever links are on the way.
    pub(crate) fn hold(&self, path: &Path) -> bool {
        real(path).is_some_and(|path| self.roots.iter().any(|root| path.starts_with(root)))
    }

    pub(super) fn hold_report(&self, path: &Path) -> bool {
        real(path)
            .is_some_and(|path| self.roots.iter().chain(&self.results).any(|root| path.starts_with(root)))
    }

    /// The name of a file for people: from the sources on, where it lies in them.
    pub(super) fn shown(&self, file: &Path) -> String {
        let file = without_dots(file);
        file.strip_prefix(&self.working_directory).unwrap_or(&file).display().to_string().replace('\\', "/")
    }
}

/// `a/../b` is `b`, as the scanner shows it.
pub(crate) fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

/// The real name of a path, links followed as far as it is there; `None` where a link leads to nothing: what is made there
/// lies elsewhere.
pub(super) fn real(path: &Path) -> Option<PathBuf> {
    let mut real = PathBuf::new();
    for component in std::path::absolute(path).ok()?.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                real.pop();
            }
            other => {
                real.push(other);
                if real.symlink_metadata().is_ok() {
                    real = real.canonicalize().ok()?;
                }
            }
        }
    }
    Some(real)
}
