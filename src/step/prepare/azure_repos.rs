//! Azure Repos, where the repository of the build is there.

use crate::agent::JobConnection;
use crate::azure_devops::AzureDevOps;
use crate::context::{PipelineContext, Provider};
use crate::step::job::Job;

/// The client, with the project and the repository to ask about.
pub(super) fn azure_repos<'a>(
    job: &'a Job,
    context: &'a PipelineContext,
) -> Option<(AzureDevOps, &'a str, &'a str)> {
    let predefined = &job.predefined;
    if context.provider != Provider::TfsGit {
        return None;
    }
    let connection = JobConnection::read(&job.environment, predefined)?;
    let project = predefined.system_teamprojectid.as_ref().or(context.team_project.as_ref())?;
    let repository = predefined.build_repository_id.as_ref().or(context.repository.as_ref())?;
    let azure = AzureDevOps::new(job.azure_devops.clone(), connection.collection, connection.token);
    Some((azure, project, repository))
}
