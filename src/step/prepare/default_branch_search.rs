//! Asks for the repository's default branch: walks the core's order of sources.

use super::azure_repos::azure_repos;
use super::setup::Setup;
use crate::context::{DefaultBranchSource, KnownBranch, PipelineContext, branch_name};
use crate::git::{GitError, Repository};
use crate::step::sources_clone::open;
use std::path::Path;

/// Asks one source after the other until one knows. SonarQube is not asked here: it is asked about each project, at the
/// same time. `directory` lies in the clone.
pub(super) async fn search(
    setup: &Setup<'_>,
    context: &PipelineContext,
    sources: &[DefaultBranchSource],
    directory: &Path,
) -> Option<KnownBranch> {
    let mut clone = LazyClone { setup, directory, opened: None };
    for &source in sources {
        let name = match source {
            DefaultBranchSource::Input => setup.inputs.default_branch.clone(),
            DefaultBranchSource::AzureRepos => by_azure_repos(setup, context).await,
            DefaultBranchSource::Remote => clone.of_remote().await,
            DefaultBranchSource::OriginHead => clone.of_origin_head().await,
            DefaultBranchSource::SonarQube => None,
        };
        if let Some(name) = name {
            return Some(KnownBranch { name, source });
        }
    }
    None
}

async fn by_azure_repos(setup: &Setup<'_>, context: &PipelineContext) -> Option<String> {
    let (azure, project, repository) = azure_repos(setup.job, context)?;
    match azure.default_branch(project, repository).await {
        Ok(name) => name.map(|name| branch_name(&name).to_owned()),
        Err(error) => {
            tracing::info!("Azure Repos could not be asked for the default branch: {error}");
            None
        }
    }
}

/// The clone, which is opened when it is first asked.
struct LazyClone<'a> {
    setup: &'a Setup<'a>,
    directory: &'a Path,
    /// `Some(None)`: it could not be opened.
    opened: Option<Option<Repository>>,
}

impl LazyClone<'_> {
    async fn open(&mut self) -> Option<&Repository> {
        if self.opened.is_none() {
            let opened = open(self.setup.job, self.directory).await;
            self.opened = Some(known_or_told("The clone does not tell the default branch", opened.map(Some)));
        }
        self.opened.as_ref()?.as_ref()
    }

    async fn of_remote(&mut self) -> Option<String> {
        let clone = self.open().await?;
        known_or_told(
            "The remote origin does not tell the default branch",
            clone.remote_default_branch().await,
        )
    }

    async fn of_origin_head(&mut self) -> Option<String> {
        let clone = self.open().await?;
        known_or_told("The clone does not tell the default branch", clone.origin_head().await)
    }
}

fn known_or_told<T>(what: &str, answer: Result<Option<T>, GitError>) -> Option<T> {
    answer.unwrap_or_else(|error| {
        tracing::info!("{what}: {error}");
        None
    })
}
