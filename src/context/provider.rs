//! Who hosts the repository.

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
