//! Pull requests, and the parameters that tell SonarQube about them.

use super::git_ref::branch_name;
use super::scope::Refusal;
use super::{GitRef, PipelineContext, Provider};
use crate::analysis::target::{BRANCH_NAME, PULL_REQUEST_BASE, PULL_REQUEST_BRANCH, PULL_REQUEST_KEY};
use crate::analysis::{Properties, ServerKind, Target};

/// Has a pull request's branches be named as SonarQube and git know them: `$(System.PullRequest.TargetBranch)` is
/// `refs/heads/main`, which the scanner finds nowhere. Then it would count no line as new, and the quality gate would pass.
pub fn name_branches(properties: &mut Properties) {
    for key in [PULL_REQUEST_BRANCH, PULL_REQUEST_BASE] {
        if let Some(value) = properties.value(key)
            && branch_name(value.trim()) != value
        {
            let name = branch_name(value.trim()).to_owned();
            properties.set(key, name);
        }
    }
}

/// Whether the user's own parameters of a pull request are whole and contradict nothing.
///
/// # Errors
/// SonarQube would refuse the analysis, at the end of the build.
pub fn check_own_pull_request(properties: &Properties) -> Result<(), Refusal> {
    let is_set = |key: &str| properties.value(key).is_some_and(|value| !value.trim().is_empty());
    let refuse = |message: &str, hint: &str| Err(Refusal { message: message.into(), hint: hint.into() });
    if !is_set(PULL_REQUEST_KEY) {
        return Ok(());
    }
    if is_set(BRANCH_NAME) {
        return refuse(
            "the properties set both sonar.pullrequest.key and sonar.branch.name, and SonarQube refuses such an analysis",
            "Remove one of them: an analysis is either of a pull request or of a branch.",
        );
    }
    if !is_set(PULL_REQUEST_BRANCH) {
        return refuse(
            "the properties set sonar.pullrequest.key without sonar.pullrequest.branch, and SonarQube refuses such an analysis",
            "Set sonar.pullrequest.branch and sonar.pullrequest.base, too, or none of the three: in the build of a pull \
             request this task sets them.",
        );
    }
    Ok(())
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

    /// What SonarQube knows it as.
    pub(super) fn target(&self, context: &PipelineContext) -> Target {
        let (branch, base) = self.branches();
        Target::pull_request_between(self.key(context), branch, base)
    }

    /// The analysis parameters, as SonarQube documents them. A provider that is not known here is
    /// told by key, branch and base alone.
    pub(super) fn properties(&self, context: &PipelineContext, server: ServerKind) -> Properties {
        let of_context = |value: &Option<String>| value.clone().unwrap_or_default();
        let mut pairs = Vec::new();
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
        let mut properties = self.target(context).properties();
        for (key, value) in pairs.into_iter().filter(|(_, value): &(&str, String)| !value.is_empty()) {
            properties.set(format!("sonar.pullrequest.{key}"), value);
        }
        properties
    }
}
