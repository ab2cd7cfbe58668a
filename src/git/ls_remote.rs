//! What `origin` tells.

use super::error::GitError;
use super::git_repository::Repository;
use std::time::Duration;

/// A small answer of a server that is there.
const QUESTION: Duration = Duration::from_secs(10);

impl Repository {
    /// The default branch as `origin` has it. None: its `HEAD` is no branch, or it does not tell.
    ///
    /// # Errors
    /// `origin` is not to be reached, or not with the credentials there are; it does not answer within ten
    /// seconds; cancelled.
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
