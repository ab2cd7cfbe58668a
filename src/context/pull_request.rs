//! Pull requests, and the parameters that tell SonarQube about them.

use super::git_ref::branch_name;
use super::{GitRef, PipelineContext, Provider};
use crate::analysis::{Properties, ServerKind};

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
    /// The number that people know it by, and SonarQube.
    pub fn key<'a>(&'a self, context: &'a PipelineContext) -> &'a str {
        match (&context.provider, &self.number, &context.source) {
            (Provider::GitHub | Provider::GitHubEnterprise, Some(number), _)
            | (Provider::GitHub | Provider::GitHubEnterprise, None, Some(GitRef::PullRequest(number))) => {
                number
            }
            _ => &self.id,
        }
    }

    /// Source and target branch, without `refs/heads/`.
    pub fn branches(&self) -> (&str, &str) {
        (branch_name(&self.source_branch), branch_name(&self.target_branch))
    }

    /// The analysis parameters, as SonarQube documents them. A provider that is not known here is
    /// told by key, branch and base alone.
    pub(super) fn properties(&self, context: &PipelineContext, server: ServerKind) -> Properties {
        let (branch, base) = self.branches();
        let of_context = |value: &Option<String>| value.clone().unwrap_or_default();
        let mut pairs = vec![("key", self.key(context).to_owned())];
        pairs.extend([("branch", branch.to_owned()), ("base", base.to_owned())]);
        match context.provider {
            Provider::TfsGit => {
                // Only Cloud is told the provider: Server knows it by the project's settings.
                if server == ServerKind::Cloud {
                    pairs.push(("provider", "vsts".into()));
                }
                pairs.push(("vsts.instanceUrl", of_context(&context.collection_uri)));
                pairs.push(("vsts.project", of_context(&context.team_project)));
                pairs.push(("vsts.repository", of_context(&context.repository)));
            }
            Provider::GitHub | Provider::GitHubEnterprise => {
                pairs.push(("provider", "github".into()));
                pairs.push(("github.repository", of_context(&context.repository)));
            }
            Provider::Bitbucket => pairs.push(("provider", "bitbucketcloud".into())),
            _ => {}
        }
        let known = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        known.map(|(key, value)| (format!("sonar.pullrequest.{key}"), value)).collect()
    }
}
