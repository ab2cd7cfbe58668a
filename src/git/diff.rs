//! What a change touches.

use super::error::GitError;
use super::git_command::LOCAL;
use super::git_repository::{Repository, checked, optional};
use std::time::Duration;

/// Comparing two trees of a large repository.
const COMPARISON: Duration = Duration::from_secs(300);

impl Repository {
    /// Files that differ between `HEAD` and where it left `base`, a branch, tag or commit: what was added, changed
    /// or deleted, both names of what was renamed. Paths are relative to [`Repository::top_level`], with `/`.
    ///
    /// # Errors
    /// The clone has no such revision, or does not reach back to the common ancestor; cancelled.
    pub async fn changed_files(&self, base: &str) -> Result<Vec<String>, GitError> {
        let merge_base = self.run("merge-base", &[checked(base)?, "HEAD"], LOCAL).await;
        let fork = optional(merge_base)?.ok_or_else(|| GitError::NoMergeBase(base.to_owned()))?;
        let arguments =
            ["-r", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv", &fork, "HEAD"];
        let names = self.run("diff-tree", &arguments, COMPARISON).await?;
        Ok(names.iter().map(|name| unquoted(name)).collect())
    }

    /// Files to which lines were added between where `HEAD` left the branch `base` and `HEAD`; none where the clone has no
    /// such branch. What only white space changes and what is renamed counts as the scanner engine counts it: not at all.
    /// Paths as in [`Repository::changed_files`].
    ///
    /// # Errors
    /// The clone does not reach back to the common ancestor; cancelled.
    pub async fn files_with_added_lines(&self, base: &str) -> Result<Vec<String>, GitError> {
        // In the engine's order.
        let places = ["refs/heads", "refs/remotes", "refs/remotes/upstream", "refs/remotes/origin"];
        for place in places {
            let name = format!("{place}/{base}");
            if !self.has_commit(&name).await? {
                continue;
            }
            let merge_base = self.run("merge-base", &[checked(&name)?, "HEAD"], LOCAL).await;
            let fork = optional(merge_base)?.ok_or_else(|| GitError::NoMergeBase(base.to_owned()))?;
            let arguments = ["-r", "--numstat", "-w", "-M", "--diff-filter=AM", &fork, "HEAD"];
            let lines = self.run("diff-tree", &arguments, COMPARISON).await?;
            return Ok(lines.iter().filter_map(|line| added_to(line)).collect());
        }
        Ok(Vec::new())
    }
}

/// The path in a line of `--numstat` (added, deleted, path) that counts added lines; those of a binary file are `-`.
fn added_to(line: &str) -> Option<String> {
    let mut columns = line.splitn(3, '\t');
    let added: u64 = columns.next()?.parse().ok()?;
    let path = columns.nth(1)?;
    (added > 0).then(|| unquoted(path))
}

/// A path as git writes it: between quotes, in the way of C, when a letter of it is a control character, a quote, a
/// backslash, or none of ASCII.
fn unquoted(name: &str) -> String {
    let Some(quoted) = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return name.to_owned();
    };
    let mut bytes = Vec::with_capacity(quoted.len());
    let mut rest = quoted.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match (byte, if byte == b'\\' { rest.next() } else { None }) {
            (b'\\', Some(digit @ b'0'..=b'3')) => {
                let mut octal = digit - b'0';
                for digit in rest.by_ref().take(2) {
                    octal = octal << 3 | digit & 7;
                }
                octal
            }
            (b'\\', Some(escape)) => match escape {
                b'a' => 7,
                b'b' => 8,
                b't' => b'\t',
                b'n' => b'\n',
                b'v' => 11,
                b'f' => 12,
                b'r' => b'\r',
                itself => itself,
            },
            (plain, _) => plain,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_numstat() {
        for (line, path) in [
            ("3\t1\tsrc/a.py", Some("src/a.py")),
            ("0\t9\tsrc/a.py", None),
            ("-\t-\tlogo.png", None),
            ("1\t0\t\"src/\\303\\244.py\"", Some("src/ä.py")),
            ("", None),
        ] {
            assert_eq!(added_to(line).as_deref(), path, "{line}");
        }
    }

    #[test]
    fn quoted_paths() {
        for (written, path) in [
            ("src/a b.rs", "src/a b.rs"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (r#""\303\244\n\t\001z""#, "ä\n\t\u{1}z"),
            ("\"", "\""),
        ] {
            assert_eq!(unquoted(written), path);
        }
    }
}
