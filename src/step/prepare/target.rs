//! What is analysed: asks whom it takes, decides, and tells.

use crate::agent::JobConnection;
use crate::analysis::{Properties, ServerFacts, ServerKind};
use crate::azure_devops::AzureDevOps;
use crate::context::{PipelineContext, Provider, Scope, decide};
use crate::sonarqube::{ProjectAccess, SonarQube};
use crate::step::Job;

/// Whom to ask, and about which project.
#[derive(Debug)]
pub(super) struct Asker<'a> {
    pub(super) job: &'a Job,
    pub(super) sonarqube: &'a SonarQube,
    pub(super) facts: &'a ServerFacts,
    pub(super) project_key: Option<&'a str>,
    pub(super) access: Option<ProjectAccess>,
}

/// Chooses what is analysed. `extra` are the user's own properties, which win.
pub(super) async fn choose(asker: &Asker<'_>, extra: &Properties) -> Scope {
    let context = asker.job.predefined.pipeline_context();
    let default = default_branch(asker, &context).await;
    let default = default.as_ref().map(|(name, source)| (name.as_str(), *source));
    let mut scope = decide(&context, asker.facts, default);
    let overridden = extra
        .iter()
        .any(|(key, _)| key.starts_with("sonar.branch.") || key.starts_with("sonar.pullrequest."));
    if overridden {
        scope.properties = Properties::default();
        scope.skip = None;
        tracing::info!("Analysing what sonar.branch.* or sonar.pullrequest.* in extraProperties say");
    } else if scope.skip.is_some() {
        tracing::warn!("{}", scope.explanation);
    } else {
        tracing::info!("{}", scope.explanation);
    }
    scope
}

/// The repository's default branch and who says so.
async fn default_branch(asker: &Asker<'_>, context: &PipelineContext) -> Option<(String, &'static str)> {
    let Asker { job, sonarqube, facts, project_key, access } = asker;
    if context.pull_request.is_some() {
        return None;
    }
    if context.provider == Provider::TfsGit
        && let (Some(connection), Some(project), Some(repository)) = (
            JobConnection::read(&job.environment, &job.predefined),
            job.predefined.system_teamprojectid.as_ref().or(context.team_project.as_ref()),
            job.predefined.build_repository_id.as_ref().or(context.repository.as_ref()),
        )
    {
        let azure = AzureDevOps::new(job.http.clone(), connection.collection, connection.token);
        match azure.default_branch(project, repository).await {
            Ok(Some(branch)) => {
                return Some((branch.trim_start_matches("refs/heads/").to_owned(), "says Azure Repos"));
            }
            Ok(None) => {}
            Err(error) => tracing::info!("The default branch could not be asked for: {error}"),
        }
    }
    if *access == Some(ProjectAccess::Granted)
        && let Some(key) = project_key
    {
        match sonarqube.main_branch(key).await {
            Ok(Some(branch)) => return Some((branch, "SonarQube's main branch")),
            Ok(None) if facts.kind == ServerKind::Server => {
                tracing::debug!("the token may not ask for the main branch of {key}");
            }
            Ok(None) => {}
            Err(error) => tracing::info!("SonarQube's main branch could not be asked for: {error}"),
        }
    }
    None
}
