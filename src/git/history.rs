//! How far back the clone reaches, and how to get the rest.

use super::error::Error;
use super::repository::{LOCAL, Repository, optional};
use std::time::Duration;

/// The whole history of a large repository; a checkout that takes longer had better fetch it itself.
const TRANSFER: Duration = Duration::from_secs(15 * 60);

impl Repository {
    /// Whether commits before some are missing: a checkout with a `fetchDepth`, or what one left behind.
    ///
    /// # Errors
    /// Cancelled, or git hangs.
    pub async fn is_shallow(&self) -> Result<bool, Error> {
        let answer = self.run("rev-parse", &["--is-shallow-repository"], LOCAL).await;
        Ok(optional(answer)?.as_deref() == Some("true"))
    }

    /// The filter of a partial clone, such as `blob:none`: file contents may be missing.
    ///
    /// # Errors
    /// Cancelled, or git hangs.
    pub async fn filter(&self) -> Result<Option<String>, Error> {
        optional(self.run("config", &["--get", "remote.origin.partialclonefilter"], LOCAL).await)
    }

    /// Fetches all commits of all that the clone has, with all their files, and `wanted` (references of `origin`, or
    /// commits) with theirs.
    ///
    /// # Errors
    /// `origin` is not to be reached, does not let us in or has none such; it takes longer than 15 minutes; cancelled.
    pub async fn complete(&self, wanted: &[&str]) -> Result<(), Error> {
        let is_shallow = self.is_shallow().await?;
        let is_partial = self.filter().await?.is_some();
        let mut arguments = vec!["--no-tags", "--no-recurse-submodules"];
        if is_shallow {
            arguments.push("--unshallow");
        }
        if is_partial {
            arguments.extend(["--refetch", "--no-filter"]);
        }
        self.fetch(arguments, wanted).await?;
        if is_partial {
            // All is there: the next one need not fetch it again.
            let unset = ["--unset-all", "remote.origin.partialclonefilter"];
            optional(self.run("config", &unset, LOCAL).await)?;
        }
        match self.is_shallow().await? {
            true => Err(Error::Failed("fetch", "the clone is still shallow, as origin itself may be".into())),
            false => Ok(()),
        }
    }

    /// Fetches a branch of `origin` into `refs/remotes/origin`.
    ///
    /// # Errors
    /// As those of [`Repository::complete`].
    pub async fn fetch_branch(&self, name: &str) -> Result<(), Error> {
        self.fetch(vec!["--no-tags", "--no-recurse-submodules"], &[&tracking(name)]).await
    }

    async fn fetch(&self, mut arguments: Vec<&str>, wanted: &[&str]) -> Result<(), Error> {
        arguments.push("origin");
        arguments.extend(wanted);
        self.run("fetch", &arguments, TRANSFER).await.map(drop)
    }
}

/// The refspec that fetches a branch to where git and scanners look for it.
pub fn tracking(branch: &str) -> String {
    format!("+refs/heads/{branch}:refs/remotes/origin/{branch}")
}
