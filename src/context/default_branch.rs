//! The repository's default branch: who says so, and whether SonarQube agrees.

use std::fmt;

/// Who knows the default branch. The first that knows is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The input `defaultBranch`.
    Input,
    /// The Git API of Azure Repos.
    AzureRepos,
    /// The remote `origin` of the clone, which was asked.
    Remote,
    /// What the clone remembers of `origin`.
    OriginHead,
    /// SonarQube, by the name of the project's main branch.
    SonarQube,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "says the input defaultBranch",
            Self::AzureRepos => "says Azure Repos",
            Self::Remote => "says the remote origin",
            Self::OriginHead => "says origin/HEAD of the clone",
            Self::SonarQube => "SonarQube's main branch",
        })
    }
}

/// What is known of the default branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DefaultBranch {
    /// Its name.
    Known {
        /// Without `refs/heads/`.
        name: String,
        /// Who says so.
        source: Source,
    },
    /// Nobody knows, and the project was never analysed.
    NeverAnalysed,
    /// Nobody knows.
    Unknown,
}

impl DefaultBranch {
    /// Its name, if known.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Known { name, .. } => Some(name),
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
        let (Self::Known { name, source }, Some(main)) = (self, sonarqube) else { return None };
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
