//! The default branch of `origin`.

use super::error::GitError;
use super::git_repository::Repository;
use std::time::Duration;

/// A server that is up answers sooner.
const QUESTION: Duration = Duration::from_secs(10);

impl Repository {
    /// The default branch of `origin`; `None` if its `HEAD` is not a branch, or it does not say which.
    ///
    /// # Errors
    /// `origin` could not be reached, refuses the credentials, or does not answer within ten seconds; cancelled.
    pub async fn remote_default_branch(&self) -> Result<Option<String>, GitError> {
        let lines = self.run_at_origin("ls-remote", &["--symref"], &["HEAD"], QUESTION).await?;
        Ok(lines.iter().find_map(|line| default_branch(line)).map(str::to_owned))
    }
}

/// Reads `ref: refs/heads/main<tab>HEAD`.
fn default_branch(line: &str) -> Option<&str> {
    let (target, name) = line.strip_prefix("ref: ")?.split_once('\t')?;
    if name == "HEAD" { target.strip_prefix("refs/heads/") } else { None }
}
