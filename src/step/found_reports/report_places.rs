//! Where reports are looked for, and since when they are of this build.

use crate::analysis::seconds_since_1970;
use crate::error::Result;
use crate::step::job::Job;
use crate::step::sources_clone::clone_of;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// By how much the clocks of an agent and of Azure DevOps may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(300);

/// Where reports are looked for, and since when they are of this build.
#[derive(Debug)]
pub(crate) struct ReportPlaces {
    /// The base directory of the analysis.
    pub(crate) base_dir: PathBuf,
    /// `Agent.TempDirectory`, which the agent empties before each job.
    pub(crate) temporary: PathBuf,
    /// `Common.TestResultsDirectory`.
    pub(crate) test_results: Option<PathBuf>,
    /// The clone that the base directory lies in.
    pub(crate) clone: Option<PathBuf>,
    /// When the pipeline began, or earlier by as much as clocks may differ.
    pub(crate) started: Option<SystemTime>,
    /// When SonarPrepare ended.
    pub(crate) prepared: SystemTime,
}

impl ReportPlaces {
    /// Those of a job.
    ///
    /// # Errors
    /// `Agent.TempDirectory` is not set.
    pub(crate) fn of(job: &Job, base_dir: &Path, prepared: SystemTime) -> Result<Self> {
        let started = job.predefined.system_pipelinestarttime.as_deref().and_then(seconds_since_1970);
        let started = started.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
        Ok(Self {
            base_dir: base_dir.to_owned(),
            temporary: job.predefined.temp_directory()?,
            test_results: job.predefined.common_testresultsdirectory.clone(),
            clone: clone_of(job, base_dir).map(Path::to_owned),
            started: started.and_then(|started| started.checked_sub(CLOCKS_DIFFER)),
            prepared,
        })
    }

    /// The folders beside the sources, unless one of them lies in another.
    pub(super) fn beside_sources(&self) -> Vec<&Path> {
        let mut folders: Vec<&Path> = Vec::new();
        for folder in [Some(&self.temporary), self.test_results.as_ref()].into_iter().flatten() {
            let overlaps = |other: &Path| folder.starts_with(other) || other.starts_with(folder);
            if !overlaps(&self.base_dir) && !folders.iter().any(|other| overlaps(other)) {
                folders.push(folder);
            }
        }
        folders
    }
}
