//! What a change touches.

use super::error::GitError;
use super::git_command::LOCAL;
use super::git_repository::{Repository, checked, optional};
use std::time::Duration;

/// Comparing two trees of a large repository takes no longer.
const COMPARISON: Duration = Duration::from_secs(300);

impl Repository {
    /// The files that differ between `HEAD` and where it left `base`, a branch, tag or commit: those added, changed or
    /// deleted, and both names of a renamed one. Paths are relative to [`Repository::top_level`], with `/`.
    ///
    /// # Errors
    /// The clone has no such revision, or does not reach back to the common ancestor; cancelled.
    pub async fn changed_files(&self, base: &str) -> Result<Vec<String>, GitError> {
        let fork = self.merge_base(base).await?;
        let arguments =
            ["-z", "-r", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv", &fork, "HEAD"];
        self.run_nul_terminated("diff-tree", &arguments, COMPARISON).await
    }

    /// The files to which lines were added between `HEAD` and where it left the branch `base`; none if the clone has no
    /// such branch. As for the scanner engine, changes of white space and renames do not count. Paths are those of
    /// [`Repository::changed_files`].
    ///
    /// # Errors
    /// The clone does not reach back to the common ancestor; cancelled.
    pub async fn files_with_added_lines(&self, base: &str) -> Result<Vec<String>, GitError> {
        // The order in which the engine looks for the branch.
        let places = ["refs/heads", "refs/remotes", "refs/remotes/upstream", "refs/remotes/origin"];
        for place in places {
            let name = format!("{place}/{base}");
            if !self.has_commit(&name).await? {
                continue;
            }
            let fork = self.merge_base(&name).await?;
            let arguments = ["-z", "-r", "--numstat", "-w", "-M", "--diff-filter=AM", &fork, "HEAD"];
            let records = self.run_nul_terminated("diff-tree", &arguments, COMPARISON).await?;
            return Ok(records.iter().filter_map(|record| added_to(record)).map(str::to_owned).collect());
        }
        Ok(Vec::new())
    }

    /// The commit at which `HEAD` left `base`.
    async fn merge_base(&self, base: &str) -> Result<String, GitError> {
        let answer = self.run("merge-base", &[checked(base)?, "HEAD"], LOCAL).await;
        optional(answer)?.ok_or_else(|| GitError::NoMergeBase(base.to_owned()))
    }
}

/// The path in a record of `--numstat -z` (added, deleted, path) if lines were added; a binary file has `-` for both
/// numbers. Renames, whose records differ, are filtered out.
fn added_to(record: &str) -> Option<&str> {
    let mut columns = record.splitn(3, '\t');
    let added: u64 = columns.next()?.parse().ok()?;
    columns.nth(1).filter(|_| added > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_with_added_lines_count() {
        for (record, path) in [
            ("3\t1\tsrc/a.py", Some("src/a.py")),
            ("0\t9\tsrc/a.py", None),
            ("-\t-\tlogo.png", None),
            ("1\t0\tsrc/ä \"b\"\n\tc.py", Some("src/ä \"b\"\n\tc.py")),
            ("", None),
        ] {
            assert_eq!(added_to(record), path, "{record}");
        }
    }
}
