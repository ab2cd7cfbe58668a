//! What a change touches.

use super::error::Error;
use super::repository::{LOCAL, Repository, checked, optional};
use std::time::Duration;

/// Comparing two trees of a large repository.
const COMPARISON: Duration = Duration::from_secs(300);

impl Repository {
    /// Files that differ between `HEAD` and where it left `base`, a branch, tag or commit: what was added, changed
    /// or deleted, both names of what was renamed. Paths are relative to [`Repository::top_level`], with `/`.
    ///
    /// # Errors
    /// The clone has no such revision, or does not reach back to the common ancestor; cancelled.
    pub async fn changed_files(&self, base: &str) -> Result<Vec<String>, Error> {
        let merge_base = self.run("merge-base", &[checked(base)?, "HEAD"], LOCAL).await;
        let fork = optional(merge_base)?.ok_or_else(|| Error::NoMergeBase(base.to_owned()))?;
        let arguments =
            ["-r", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv", &fork, "HEAD"];
        let names = self.run("diff-tree", &arguments, COMPARISON).await?;
        Ok(names.iter().map(|name| unquoted(name)).collect())
    }
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
