//! The facts of a run, as the agent's predefined variables give them.

use super::{GitRef, PullRequest};
use crate::analysis::Target;

/// Where the repository lives (`Build.Repository.Provider`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provider {
    /// Git in Azure Repos.
    TfsGit,
    /// Team Foundation Version Control.
    TfsVersionControl,
    /// GitHub.
    GitHub,
    /// GitHub Enterprise Server.
    GitHubEnterprise,
    /// Bitbucket Cloud.
    Bitbucket,
    /// Any other Git server.
    Git,
    /// Subversion.
    Svn,
    /// Something this version does not know, or nothing.
    Other(String),
}

impl Provider {
    /// Reads the agent's spelling.
    pub fn parse(text: &str) -> Self {
        match text {
            "TfsGit" => Self::TfsGit,
            "TfsVersionControl" => Self::TfsVersionControl,
            "GitHub" => Self::GitHub,
            "GitHubEnterprise" => Self::GitHubEnterprise,
            "Bitbucket" => Self::Bitbucket,
            "Git" => Self::Git,
            "Svn" => Self::Svn,
            other => Self::Other(other.to_owned()),
        }
    }
}

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
            (Some(pull_request), _) => pull_request.target(self),
            (None, Some(GitRef::Branch(name))) => Target::branch(name.as_str()),
            (None, Some(GitRef::PullRequest(key))) => Target::pull_request(key.as_str()),
            (None, _) => Target::MAIN_BRANCH,
        }
    }

    /// What a scanner that finds out by itself may analyse in this build, beside the main branch.
    pub fn own_targets(&self) -> Vec<Target> {
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
}
