//! A Git repository of Azure Repos.

use super::client::AzureDevOps;
use super::error::Error;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RepositoryJson {
    default_branch: Option<String>,
}

impl AzureDevOps {
    /// The repository's default branch as a full ref; `None` for an empty repository.
    ///
    /// # Errors
    /// As [`Error`].
    pub(crate) async fn default_branch(
        &self,
        project: &str,
        repository: &str,
    ) -> Result<Option<String>, Error> {
        let url = self.url(&[project, "_apis", "git", "repositories", repository], "5.0");
        Ok(self.json::<RepositoryJson>(url).await?.default_branch)
    }
}
