//! The repository's default branch: who is asked in which order, and whether SonarQube agrees.

use super::built::BuiltRef;
use super::pipeline::PipelineContext;
use super::provider::Provider;
use std::fmt;

/// Who knows the default branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DefaultBranchSource {
    /// The input `defaultBranch`.
    Input,
    /// The Git API of Azure Repos.
    AzureRepos,
    /// The remote `origin` of the clone.
    Remote,
    /// The reference `origin/HEAD` of the clone.
    OriginHead,
    /// SonarQube, by the name of the project's main branch.
    SonarQube,
}

impl DefaultBranchSource {
    /// The sources to ask, in this order: the first that knows is believed. There are none where the decision does not depend
    /// on the default branch. `is_of_build` says that the clone is of the repository which the build's variables speak of.
    pub(crate) fn in_order(context: &PipelineContext, built: &BuiltRef, is_of_build: bool) -> Vec<Self> {
        let of_repository: &[Self] = match (&context.provider, is_of_build) {
            // Azure Repos would be asked about another repository.
            (_, false) => &[Self::Input, Self::Remote, Self::OriginHead],
            (Provider::TfsGit, true) => &[Self::Input, Self::AzureRepos, Self::Remote, Self::OriginHead],
            // There is no git repository.
            (Provider::TfsVersionControl | Provider::Svn, true) => &[Self::Input],
            (_, true) => &[Self::Input, Self::Remote, Self::OriginHead],
        };
        match built {
            BuiltRef::Branch(_) => [of_repository, &[Self::SonarQube]].concat(),
            // The main branch has to be named as SonarQube names it.
            BuiltRef::MainBranch { .. } if context.is_of_pull_request() => {
                [&[Self::SonarQube], of_repository].concat()
            }
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for DefaultBranchSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "according to the input defaultBranch",
            Self::AzureRepos => "according to Azure Repos",
            Self::Remote => "according to the remote origin",
            Self::OriginHead => "according to origin/HEAD of the clone",
            Self::SonarQube => "SonarQube's main branch",
        })
    }
}

/// A default branch and who told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownBranch {
    /// Without `refs/heads/`.
    pub(crate) name: String,
    /// Who told it.
    pub(crate) source: DefaultBranchSource,
}

/// What is known of the default branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DefaultBranch {
    /// Its name.
    Known(KnownBranch),
    /// No source knows it, and the project was never analysed.
    NeverAnalysed,
    /// No source knows it.
    Unknown,
}

impl DefaultBranch {
    /// Its name, if known.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Known(known) => Some(&known.name),
            Self::NeverAnalysed | Self::Unknown => None,
        }
    }

    /// What to change where SonarQube calls the main branch by another name, told to a build of the branch
    /// `built`; `None` where it agrees. Editions without branches (`branch_support`) have no page for it.
    pub(crate) fn conflict(
        &self,
        sonarqube: Option<&str>,
        built: &str,
        branch_support: bool,
    ) -> Option<String> {
        let (Self::Known(KnownBranch { name, source }), Some(main)) = (self, sonarqube) else { return None };
        if name == main {
            return None;
        }
        let mixed = if built == main && branch_support {
            format!(" So the analysis of the branch {main} goes into the history of {name}.")
        } else {
            String::new()
        };
        let place = match branch_support {
            true => "the project's page Branches & Pull Requests, in SonarQube",
            false => {
                "POST api/project_branches/rename with the parameters project and name, by an administrator of the project \
                 (this edition has no page for it)"
            }
        };
        Some(format!(
            "The default branch is {name} ({source}), and SonarQube calls the project's main branch {main}.{mixed} Rename \
             SonarQube's main branch to {name}: {place}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_the_default_branch_are_asked_in_this_order() {
        let branch = BuiltRef::Branch("main".into());
        let main_branch = BuiltRef::MainBranch { why: String::new(), version: None };
        let pull_request = Some(crate::context::GitRef::PullRequest("7".into()));
        for (provider, is_of_build, built, source, expected) in [
            (Provider::TfsGit, true, &branch, None, "Input AzureRepos Remote OriginHead SonarQube"),
            (Provider::TfsGit, false, &branch, None, "Input Remote OriginHead SonarQube"),
            (Provider::GitHub, true, &branch, None, "Input Remote OriginHead SonarQube"),
            (Provider::Svn, true, &branch, None, "Input SonarQube"),
            (Provider::TfsVersionControl, false, &branch, None, "Input Remote OriginHead SonarQube"),
            (
                Provider::TfsGit,
                true,
                &main_branch,
                pull_request,
                "SonarQube Input AzureRepos Remote OriginHead",
            ),
            (Provider::TfsGit, true, &main_branch, None, ""),
            (Provider::TfsGit, true, &BuiltRef::MergeRef("7".into()), None, ""),
        ] {
            let context = PipelineContext {
                provider: provider.clone(),
                source,
                pull_request: None,
                collection_uri: None,
                team_project: None,
                repository: None,
            };
            let order = DefaultBranchSource::in_order(&context, built, is_of_build);
            let order: Vec<_> = order.iter().map(|source| format!("{source:?}")).collect();
            assert_eq!(order.join(" "), expected, "{provider:?} {built:?}");
        }
    }
}
