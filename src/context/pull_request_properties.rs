//! The analysis parameters of a pull request.

use super::git_ref::branch_name;
use super::pipeline::{PipelineContext, PullRequest};
use super::provider::Provider;
use super::refusal::Refusal;
use crate::analysis::target::{BRANCH_NAME, PULL_REQUEST_BASE, PULL_REQUEST_BRANCH, PULL_REQUEST_KEY};
use crate::analysis::{Properties, ServerKind};

/// Removes `refs/heads/` from the branches of a pull request: `$(System.PullRequest.TargetBranch)` is `refs/heads/main`,
/// which the engine does not find. It would then count no line as new, and the quality gate would pass.
pub(crate) fn name_branches(properties: &mut Properties) {
    for key in [PULL_REQUEST_BRANCH, PULL_REQUEST_BASE] {
        if let Some(value) = properties.value(key)
            && branch_name(value.trim()) != value
        {
            let name = branch_name(value.trim()).to_owned();
            properties.set(key, name);
        }
    }
}

/// Checks that the user's parameters of a pull request are complete and name no branch besides.
///
/// # Errors
/// SonarQube would refuse the analysis, at the end of the build.
pub(crate) fn check_pull_request_properties(properties: &Properties) -> Result<(), Refusal> {
    let is_set = |key: &str| properties.value(key).is_some_and(|value| !value.trim().is_empty());
    let refuse = |message: &str, hint: &str| Err(Refusal { message: message.into(), hint: hint.into() });
    if !is_set(PULL_REQUEST_KEY) {
        return Ok(());
    }
    if is_set(BRANCH_NAME) {
        return refuse(
            "sonar.pullrequest.key and sonar.branch.name are both set, and SonarQube refuses such an analysis",
            "Remove one of them: an analysis is either of a pull request or of a branch.",
        );
    }
    if !is_set(PULL_REQUEST_BRANCH) {
        return refuse(
            "sonar.pullrequest.key is set without sonar.pullrequest.branch, and SonarQube refuses such an analysis",
            "Set sonar.pullrequest.branch and sonar.pullrequest.base as well, or remove all three: in the build of a pull \
             request this task sets them.",
        );
    }
    Ok(())
}

/// The analysis parameters, as SonarQube documents them. A provider that is not known here gets key, branch and base only.
pub(super) fn properties_of(
    pull_request: &PullRequest,
    context: &PipelineContext,
    server: ServerKind,
) -> Properties {
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
    let mut properties = context.target_of(pull_request).properties();
    for (key, value) in pairs.into_iter().filter(|(_, value): &(&str, String)| !value.is_empty()) {
        properties.set(format!("sonar.pullrequest.{key}"), value);
    }
    properties
}
