//! The clone of the sources, opened with what this job may use.

use super::Job;
use crate::agent::{JobConnection, http_settings};
use crate::git::{Access, Error, Repository};
use std::path::Path;

/// The clone that `directory` is in; `origin` is reached with the job's token where that is for it.
///
/// # Errors
/// There is none, or git can't read it; cancelled.
pub(super) async fn open(job: &Job, directory: &Path) -> Result<Repository, Error> {
    let connection = JobConnection::read(&job.environment, &job.predefined);
    let access = Access {
        job: connection.map(|connection| (connection.collection, connection.token)),
        network: http_settings(&job.environment),
    };
    Repository::open(directory, job.environment.for_children(), &access, &job.cancellation).await
}
