//! The facts of a run, as the agent's predefined variables give them.

use super::git_ref::{GitRef, branch_name};
use super::provider::Provider;
use crate::analysis::Target;

/// A run of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineContext {
    /// Where the repository lives.
    pub provider: Provider,
    /// What is built (`Build.SourceBranch`); none in a release.
    pub source: Option<GitRef>,
    /// The pull request, in builds of one.
    pub pull_request: Option<PullRequest>,
    /// URL of the organisation or collection.
    pub collection_uri: Option<String>,
    /// Name of the Azure DevOps project.
    pub team_project: Option<String>,
    /// `Build.Repository.Name`.
    pub repository: Option<String>,
}

impl PipelineContext {
    /// Whether a pull request is being built, by whatever started the run.
    pub fn is_of_pull_request(&self) -> bool {
        self.pull_request.is_some() || matches!(self.source, Some(GitRef::PullRequest(_)))
    }

    /// What this build is of, as far as its variables tell.
    pub fn target(&self) -> Target {
        match (&self.pull_request, &self.source) {
            (Some(pull_request), _) => self.target_of(pull_request),
            (None, Some(GitRef::Branch(name))) => Target::branch(name.as_str()),
            (None, Some(GitRef::PullRequest(key))) => Target::pull_request(key.as_str()),
            (None, _) => Target::MAIN_BRANCH,
        }
    }

    /// What a scanner that finds out by itself may analyse in this build, beside the main branch.
    pub fn detectable_targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        match &self.source {
            Some(GitRef::Branch(name)) => targets.push(Target::branch(name.as_str())),
            Some(GitRef::PullRequest(key)) => targets.push(Target::pull_request(key.as_str())),
            _ => {}
        }
        if let Some(pull_request) = &self.pull_request {
            targets.push(Target::branch(pull_request.branches().0));
            let keys = [Some(&pull_request.id), pull_request.number.as_ref()];
            targets.extend(keys.into_iter().flatten().map(Target::pull_request));
        }
        targets
    }

    /// The number that people and SonarQube know `pull_request` by.
    pub fn key_of<'a>(&'a self, pull_request: &'a PullRequest) -> &'a str {
        match (&self.provider, &pull_request.number, &self.source) {
            (Provider::GitHub | Provider::GitHubEnterprise, Some(number), _)
            | (Provider::GitHub | Provider::GitHubEnterprise, None, Some(GitRef::PullRequest(number))) => {
                number
            }
            _ => &pull_request.id,
        }
    }

    /// What SonarQube knows `pull_request` as.
    pub(super) fn target_of(&self, pull_request: &PullRequest) -> Target {
        let (branch, base) = pull_request.branches();
        Target::pull_request_between(self.key_of(pull_request), branch, base)
    }
}

/// A pull request being built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// `System.PullRequest.PullRequestId`; on GitHub an internal id.
    pub id: String,
    /// `System.PullRequest.PullRequestNumber`: GitHub only.
    pub number: Option<String>,
    /// Source branch, as the agent gives it.
    pub source_branch: String,
    /// Target branch, as the agent gives it.
    pub target_branch: String,
    /// `System.PullRequest.IsFork`: the source branch is one of another repository.
    pub is_fork: bool,
}

impl PullRequest {
    /// Source and target branch, without `refs/heads/`.
    pub fn branches(&self) -> (&str, &str) {
        (branch_name(&self.source_branch), branch_name(&self.target_branch))
    }
}
