//! A Git repository of Azure Repos.

use super::client::AzureDevOps;
use super::error::Error;

impl AzureDevOps {
    /// The repository's default branch as a full ref; `None` for an empty repository.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn default_branch(&self, project: &str, repository: &str) -> Result<Option<String>, Error> {
        let url = self.url(&[project, "_apis", "git", "repositories", repository], "5.0");
        Ok(self.json(url).await?["defaultBranch"].as_str().map(str::to_owned))
    }
}
