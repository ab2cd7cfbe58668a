//! How far back the clone reaches, and how the rest is fetched.

use super::error::GitError;
use super::git_command::LOCAL;
use super::git_repository::{Repository, optional};
use std::time::Duration;

/// The whole history of a large repository takes no longer. One that does is for the checkout to fetch.
const TRANSFER: Duration = Duration::from_secs(15 * 60);

impl Repository {
    /// Whether the history was cut off: by a checkout with a `fetchDepth`, now or earlier.
    ///
    /// # Errors
    /// Cancelled, or git hangs.
    pub async fn is_shallow(&self) -> Result<bool, GitError> {
        let answer = self.run("rev-parse", &["--is-shallow-repository"], LOCAL).await;
        Ok(optional(answer)?.as_deref() == Some("true"))
    }

    /// Fetches the whole history of all that the clone has, and of `wanted` (references of `origin`, or commits), with all
    /// files.
    ///
    /// # Errors
    /// `origin` could not be reached, refuses the credentials or lacks something of `wanted`; it takes longer than 15
    /// minutes; cancelled.
    pub async fn complete(&mut self, wanted: &[&str]) -> Result<(), GitError> {
        let is_shallow = self.is_shallow().await?;
        let is_partial = self.filter().is_some();
        let mut options = Vec::new();
        if is_shallow {
            options.push("--unshallow");
        }
        if is_partial {
            options.extend(["--refetch", "--no-filter"]);
        }
        self.fetch(options, wanted).await?;
        if is_partial {
            // Nothing is missing now. Without this the next step would fetch all of it again.
            self.forget_filter().await?;
        }
        match self.is_shallow().await? {
            true => Err(GitError::Failed("fetch", "the clone is still shallow. origin itself may be".into())),
            false => Ok(()),
        }
    }

    /// Fetches a branch of `origin` into `refs/remotes/origin`.
    ///
    /// # Errors
    /// As [`Repository::complete`]; `name` is not a valid name of a branch.
    pub async fn fetch_branch(&self, name: &str) -> Result<(), GitError> {
        if !is_branch_name(name) {
            return Err(GitError::Failed("fetch", format!("{name:?} is not the name of a branch")));
        }
        self.fetch(Vec::new(), &[&tracking(name)]).await
    }

    async fn fetch(&self, mut options: Vec<&str>, wanted: &[&str]) -> Result<(), GitError> {
        options.extend(["--no-tags", "--no-recurse-submodules"]);
        let references: Vec<_> = wanted.iter().filter_map(|one| Some(one.split_once(':')?.1)).collect();
        for reference in &references {
            // git would write to the reference that it stands for, such as HEAD.
            if self.is_symbolic(reference).await? {
                self.run("symbolic-ref", &["--delete", reference], LOCAL).await?;
            }
        }
        self.run_at_origin("fetch", &options, wanted, TRANSFER).await?;
        self.keep(&references).await
    }
}

/// Whether git accepts the name of a branch (`git-check-ref-format`(1)). In a refspec some characters mean something else.
fn is_branch_name(name: &str) -> bool {
    let is_forbidden = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    !name.contains(is_forbidden)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with('.')
        && name.split('/').all(is_part)
}

/// The refspec that fetches a branch to where git and the scanners look for it.
pub fn tracking(branch: &str) -> String {
    format!("+refs/heads/{branch}:refs/remotes/origin/{branch}")
}

#[cfg(test)]
mod tests {
    use super::is_branch_name;

    #[test]
    fn only_names_that_git_accepts_are_fetched() {
        for name in ["main", "feature/a-b", "release/2.0", "ü#1", "-x"] {
            assert!(is_branch_name(name), "{name}");
        }
        for name in [
            "",
            "*",
            "a:refs/heads/main",
            "a/../b",
            "../../config",
            "a b",
            "a//b",
            ".a",
            "a.lock",
            "a/",
            "a\nb",
        ] {
            assert!(!is_branch_name(name), "{name}");
        }
    }
}
