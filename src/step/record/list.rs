//! Finds the records of this job below `Agent.TempDirectory`.
//!
//! Records are found by listing a folder, never through a job variable, which a restricted job may forbid.

use super::read::Record;
use super::sealed_file::{PREPARED, unreadable, unwritable};
use crate::agent::{Environment, ServiceConnection};
use crate::analysis::AnalysisId;
use crate::error::{Error, Result};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const FOLDER: &str = "sonar-azdo";

/// Says that SonarPrepare had a service connection and began.
const BEGAN: &str = "prepare-began";

/// The records of this job.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    folder: PathBuf,
}

/// What was found of the analyses of a job.
#[derive(Debug, Default)]
pub(crate) struct FoundRecords {
    /// Records, oldest first.
    pub(crate) records: Vec<Record>,
    /// Records that say nothing any more, and why.
    pub(crate) broken: Vec<(AnalysisId, Error)>,
    /// Files that look like a record of an analysis that no SonarPrepare of this job prepared, and why they are none.
    pub(crate) foreign: Vec<(AnalysisId, Error)>,
    /// Analyses whose token is in this job, and whose record is not.
    pub(crate) gone: Vec<AnalysisId>,
}

impl Records {
    /// The records below this temporary directory.
    pub(crate) fn new(temp_directory: &Path) -> Self {
        Self { folder: temp_directory.join(FOLDER) }
    }

    /// Where records are looked for.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Notes that SonarPrepare runs, so that later steps can tell one that failed from one that never could run.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn note_prepare(&self) -> Result<()> {
        let file = self.folder.join(BEGAN);
        std::fs::create_dir_all(&self.folder)
            .and_then(|()| std::fs::write(&file, ""))
            .map_err(|error| unwritable(&file, &error))
    }

    /// Whether SonarPrepare began in this job.
    pub(crate) fn is_prepare_noted(&self) -> bool {
        self.folder.join(BEGAN).exists()
    }

    /// All records. What does not look like one is passed over. Where the step has a service `connection` of its own, that
    /// one's token vouches for them, and no job variable does.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub(crate) fn list(
        &self,
        environment: &Environment,
        connection: Option<&ServiceConnection>,
    ) -> Result<FoundRecords> {
        let prepared: Vec<_> =
            environment.secret_variables().filter_map(|name| AnalysisId::of_token_variable(&name)).collect();
        let mut found = FoundRecords::default();
        let mut records = Vec::new();
        let mut ids = Vec::new();
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => Some(entries),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable(&self.folder, &error)),
        };
        for entry in entries.into_iter().flatten() {
            let entry = entry.map_err(|error| unreadable(&self.folder, &error))?;
            let Some(id) = entry.file_name().to_str().and_then(AnalysisId::parse) else { continue };
            match Record::read(entry.path(), &id, environment, connection) {
                Ok(None) => continue,
                Ok(Some(record)) => {
                    // The server's clock has whole seconds; within one, this machine's own order counts,
                    // and within a tick of its clock that of the list of projects.
                    let file = record.folder.join(PREPARED);
                    let written = std::fs::metadata(file).and_then(|metadata| metadata.modified()).ok();
                    records.push((written, record));
                }
                Err(error) if prepared.contains(&id) => found.broken.push((id.clone(), error)),
                Err(error) => found.foreign.push((id.clone(), error)),
            }
            ids.push(id);
        }
        records.sort_by_cached_key(|(written, Record { prepared, .. })| {
            let place = prepared.member.as_ref().map(|member| member.place);
            (prepared.created, *written, place, prepared.id.clone())
        });
        found.records = records.into_iter().map(|(_, record)| record).collect();
        found.gone = prepared.into_iter().filter(|id| !ids.contains(id)).collect();
        Ok(found)
    }

    /// All records, oldest first.
    ///
    /// # Errors
    /// One of them cannot be used, or the folder cannot be listed.
    pub(crate) fn list_unbroken(&self, environment: &Environment) -> Result<Vec<Record>> {
        let FoundRecords { records, broken, foreign, .. } = self.list(environment, None)?;
        broken.into_iter().chain(foreign).next().map_or(Ok(records), |(_, error)| Err(error))
    }
}
