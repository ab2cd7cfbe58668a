//! Asks when this pipeline began. What follows from it is in `quality_gate::freshness`.

use crate::agent::{JobConnection, Predefined};
use crate::analysis::seconds_since_1970;
use crate::azure_devops::{AzureDevOps, Error};
use crate::quality_gate::PipelineStart;
use crate::step::job::Job;
use std::time::Duration;
use tokio::time::timeout;

/// To ask for the build.
const LONGEST_QUESTION: Duration = Duration::from_secs(30);

/// Why it is not known when this pipeline began. `Display` is a sentence without its full stop.
#[derive(Debug, thiserror::Error)]
#[error(
    "Cannot tell what this build analysed and what was analysed before: System.PipelineStartTime is not set, and {0}"
)]
pub(super) struct StartUnknown(#[source] BuildStartError);

/// Why Azure DevOps did not tell when the build started.
#[derive(Debug, thiserror::Error)]
enum BuildStartError {
    #[error("the job's variables do not say which build this is")]
    NoBuild,
    #[error("this job has no access token to ask Azure DevOps for the build")]
    NoToken,
    #[error("Azure DevOps does not say when the build started")]
    NotSaid,
    #[error("Azure DevOps could not be asked for the build: {0}")]
    AzureDevOps(#[source] Error),
    #[error("Azure DevOps did not answer in time when asked for the build")]
    Timeout,
}

/// The later one of `System.PipelineStartTime` and the time at which Azure DevOps says that the build started: any step can
/// overwrite the variable. Where Azure DevOps does not say, the variable alone counts. The files of a temporary folder do
/// not tell the beginning: an agent may fail to empty that folder.
///
/// # Errors
/// Neither is known.
pub(super) async fn pipeline_start(job: &Job) -> Result<PipelineStart, StartUnknown> {
    let variable = job.predefined.system_pipelinestarttime.as_deref().and_then(seconds_since_1970);
    let build = build_start(job).await;
    if let (Some(_), Err(why)) = (variable, &build) {
        tracing::debug!("only System.PipelineStartTime tells when this pipeline began: {why}");
    }
    PipelineStart::of(variable, build.as_ref().ok().copied())
        .ok_or_else(|| StartUnknown(build.err().unwrap_or(BuildStartError::NotSaid)))
}

/// When the build started, by Azure DevOps.
async fn build_start(job: &Job) -> Result<u64, BuildStartError> {
    let Predefined { build_buildid, system_teamprojectid, system_teamproject, .. } = &job.predefined;
    let project = system_teamprojectid.as_ref().or(system_teamproject.as_ref());
    let (Some(project), Some(build)) = (project, build_buildid) else {
        return Err(BuildStartError::NoBuild);
    };
    let Some(connection) = JobConnection::read(&job.environment, &job.predefined) else {
        return Err(BuildStartError::NoToken);
    };
    let azure = AzureDevOps::new(job.http.clone(), connection.collection, connection.token);
    match timeout(LONGEST_QUESTION, azure.build_start(project, build)).await {
        Ok(Ok(Some(start))) => Ok(start),
        Ok(Ok(None)) => Err(BuildStartError::NotSaid),
        Ok(Err(error)) => Err(BuildStartError::AzureDevOps(error)),
        Err(_) => Err(BuildStartError::Timeout),
    }
}
