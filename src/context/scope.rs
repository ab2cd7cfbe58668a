//! The decision: what is analysed, and why.

use super::git_ref::branch_name;
use super::{GitRef, PipelineContext, Provider, PullRequest};
use crate::analysis::{Properties, ServerFacts, Target};

/// What is analysed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The decision.
    pub target: Target,
    /// Analysis parameters it needs.
    pub properties: Properties,
    /// Set when nothing is to be analysed: why, in words for the log and the summary.
    pub skip: Option<String>,
    /// The decision and its reason in one line for the log.
    pub explanation: String,
}

/// Decides. `default_branch` is the default branch of the repository with the source of that
/// knowledge; `None` when nobody could tell, as for a project that was never analysed.
pub fn decide(
    context: &PipelineContext,
    server: &ServerFacts,
    default_branch: Option<(&str, &str)>,
) -> Scope {
    match (&context.pull_request, &context.source) {
        (Some(pull_request), _) => of_pull_request(context, pull_request, server),
        (None, Some(GitRef::Branch(name))) => of_branch(name, server, default_branch),
        (None, Some(GitRef::Tag(name))) => {
            let reason = format!(
                "the tag {name} is being built, and a SonarQube branch for each tag would stay for ever"
            );
            skipped(Target::Branch { name: format!("refs/tags/{name}") }, reason)
        }
        (None, Some(GitRef::PullRequestMerge(_) | GitRef::Other(_)) | None) => Scope {
            target: Target::MainBranch { name: None },
            properties: Properties::default(),
            skip: None,
            explanation: "Analysing the main branch: this build names no branch".into(),
        },
    }
}

fn of_branch(name: &str, server: &ServerFacts, default_branch: Option<(&str, &str)>) -> Scope {
    let (default, source) = default_branch.unwrap_or((name, "the project was never analysed"));
    if branch_name(default) == name {
        return Scope {
            target: Target::MainBranch { name: Some(name.to_owned()) },
            properties: Properties::default(),
            skip: None,
            explanation: format!("Analysing {name} as the main branch ({source})"),
        };
    }
    let target = Target::Branch { name: name.to_owned() };
    if !server.branch_support {
        let product = server.product();
        return skipped(
            target,
            format!("{product} analyses the main branch only, and {name} is not {default} ({source})"),
        );
    }
    Scope {
        target,
        properties: [("sonar.branch.name".to_owned(), name.to_owned())].into_iter().collect(),
        skip: None,
        explanation: format!("Analysing the branch {name}; the main branch is {default} ({source})"),
    }
}

fn of_pull_request(context: &PipelineContext, pull_request: &PullRequest, server: &ServerFacts) -> Scope {
    let key = match context.provider {
        Provider::GitHub | Provider::GitHubEnterprise => {
            pull_request.number.as_ref().unwrap_or(&pull_request.id)
        }
        _ => &pull_request.id,
    };
    let branch = branch_name(&pull_request.source_branch).to_owned();
    let base = branch_name(&pull_request.target_branch).to_owned();
    let target = Target::PullRequest { key: key.clone(), branch: branch.clone(), base: base.clone() };
    if !server.branch_support {
        let product = server.product();
        return skipped(
            target,
            format!("{product} analyses no pull requests, and pull request {key} is being built"),
        );
    }
    let mut properties = Properties::default();
    properties.set("sonar.pullrequest.key", key.as_str());
    properties.set("sonar.pullrequest.branch", branch.as_str());
    properties.set("sonar.pullrequest.base", base.as_str());
    let mut add = |key: &str, value: &Option<String>| {
        if let Some(value) = value {
            properties.set(format!("sonar.pullrequest.{key}"), value.as_str());
        }
    };
    match context.provider {
        Provider::TfsGit => {
            if server.kind == crate::analysis::ServerKind::Cloud {
                add("provider", &Some("vsts".into()));
            }
            add("vsts.instanceUrl", &context.collection_uri);
            add("vsts.project", &context.team_project);
            add("vsts.repository", &context.repository);
        }
        Provider::GitHub | Provider::GitHubEnterprise => {
            add("provider", &Some("github".into()));
            add("github.repository", &context.repository);
        }
        Provider::Bitbucket => add("provider", &Some("bitbucketcloud".into())),
        _ => {}
    }
    let explanation = format!("Analysing pull request {key}, from {branch} into {base}");
    Scope { target, properties, skip: None, explanation }
}

fn skipped(target: Target, reason: String) -> Scope {
    let explanation = format!("Nothing will be analysed: {reason}");
    Scope { target, properties: Properties::default(), skip: Some(reason), explanation }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{Edition, ServerKind, ServerVersion};

    fn server(branch_support: bool) -> ServerFacts {
        let edition = Some(if branch_support { Edition::Developer } else { Edition::Community });
        let version = ServerVersion::parse("26.9.0.1").unwrap();
        ServerFacts { kind: ServerKind::Server, version, edition, branch_support }
    }

    fn context(provider: Provider, source: &str, pull_request: Option<PullRequest>) -> PipelineContext {
        PipelineContext {
            provider,
            source: Some(GitRef::parse(source)),
            pull_request,
            collection_uri: Some("https://dev.azure.com/org/".into()),
            team_project: Some("Proj".into()),
            repository: Some("org/repo".into()),
        }
    }

    fn pull_request(number: Option<&str>) -> Option<PullRequest> {
        Some(PullRequest {
            id: "42".into(),
            number: number.map(str::to_owned),
            source_branch: "refs/heads/feature/x".into(),
            target_branch: "main".into(),
        })
    }

    #[test]
    fn branches() {
        let api = Some(("refs/heads/main", "Azure Repos"));
        for (branch, default, supported, property, skipped) in [
            ("refs/heads/main", api, true, None, false),
            ("refs/heads/main", api, false, None, false),
            ("refs/heads/feature/x", api, true, Some("feature/x"), false),
            ("refs/heads/feature/x", api, false, None, true),
            ("refs/heads/trunk", None, false, None, false),
            ("refs/heads/trunk", None, true, None, false),
            ("refs/heads/main", Some(("master", "SonarQube")), true, Some("main"), false),
            ("refs/tags/v1", api, true, None, true),
            ("$/proj/main", api, true, None, false),
        ] {
            let scope = decide(&context(Provider::TfsGit, branch, None), &server(supported), default);
            assert_eq!(scope.properties.value("sonar.branch.name"), property, "{branch}");
            assert_eq!(scope.skip.is_some(), skipped, "{branch}: {}", scope.explanation);
        }
    }

    #[test]
    fn pull_requests_by_provider() {
        let parameters = |provider, number| {
            let scope =
                decide(&context(provider, "refs/pull/42/merge", pull_request(number)), &server(true), None);
            assert_eq!(scope.skip, None);
            scope
                .properties
                .iter()
                .map(|(key, value)| format!("{}={value}", &key[18..]))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            parameters(Provider::TfsGit, None),
            "base=main branch=feature/x key=42 vsts.instanceUrl=https://dev.azure.com/org/ vsts.project=Proj vsts.repository=org/repo"
        );
        assert_eq!(
            parameters(Provider::GitHub, Some("7")),
            "base=main branch=feature/x github.repository=org/repo key=7 provider=github"
        );
        assert_eq!(
            parameters(Provider::Bitbucket, None),
            "base=main branch=feature/x key=42 provider=bitbucketcloud"
        );
        assert_eq!(parameters(Provider::Other("New".into()), None), "base=main branch=feature/x key=42");
    }

    #[test]
    fn what_community_build_cannot_analyse_is_said() {
        let scope = decide(
            &context(Provider::TfsGit, "refs/pull/42/merge", pull_request(None)),
            &server(false),
            None,
        );
        assert_eq!(
            scope.explanation,
            "Nothing will be analysed: SonarQube Community Build analyses no pull requests, and pull request 42 is being built"
        );
        assert!(scope.properties.is_empty());
    }
}
