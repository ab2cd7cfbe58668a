//! A Git repository of Azure Repos.

use super::client::AzureDevOps;
use super::error::Error;
use crate::context::PullRequest;

impl AzureDevOps {
    /// The repository's default branch as a full ref; `None` for an empty repository.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn default_branch(&self, project: &str, repository: &str) -> Result<Option<String>, Error> {
        let url = self.url(&[project, "_apis", "git", "repositories", repository], "5.0");
        Ok(self.json(url).await?["defaultBranch"].as_str().map(str::to_owned))
    }

    /// A pull request of the repository; `None` when the answer names no branches.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn pull_request(
        &self,
        project: &str,
        repository: &str,
        number: &str,
    ) -> Result<Option<PullRequest>, Error> {
        let path = [project, "_apis", "git", "repositories", repository, "pullRequests", number];
        let answer = self.json(self.url(&path, "5.0")).await?;
        let branch = |name: &str| answer[name].as_str().map(str::to_owned);
        let (Some(source_branch), Some(target_branch)) = (branch("sourceRefName"), branch("targetRefName"))
        else {
            return Ok(None);
        };
        let is_fork = !answer["forkSource"].is_null();
        Ok(Some(PullRequest { id: number.to_owned(), number: None, source_branch, target_branch, is_fork }))
    }
}
