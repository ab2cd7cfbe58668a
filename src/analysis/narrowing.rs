//! What the settings files of the repository take out of what the quality gate judges, for the log and the summary.
//!
//! A quality gate that passed over what was left says nothing about the rest: this is how the reader learns it.

use super::property_origin::without_module;
use super::refused_value::FileLine;
use serde::{Deserialize, Serialize};

/// The longest list of patterns that is matched with files, in bytes.
const LONGEST: usize = 10_000;

/// A setting of the repository that takes something out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Narrowing {
    /// The property.
    pub key: String,
    /// Its value: untrusted text.
    pub value: String,
    /// The line that sets it.
    pub at: FileLine,
    /// How many files it leaves out, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<usize>,
}

impl Narrowing {
    /// The patterns of files that the property leaves out; `None` if it has no patterns, or some that cannot be matched here.
    pub fn patterns(&self) -> Option<Patterns> {
        let is_kept = match without_module(&self.key) {
            "sonar.inclusions" => true,
            "sonar.exclusions" | "sonar.coverage.exclusions" | "sonar.cpd.exclusions" => false,
            _ => return None,
        };
        let list = self.value.split(',').map(str::trim).filter(|pattern| !pattern.is_empty());
        let list: Vec<_> = list.map(str::to_owned).collect();
        // `file:` patterns match absolute paths. A longer list than any team writes would only cost time.
        if self.value.len() > LONGEST || list.iter().any(|pattern| pattern.starts_with("file:")) {
            return None;
        }
        Some(Patterns { list, is_kept })
    }
}

/// Patterns of files as SonarQube reads them: `*` and `?` within a name, `**` for any folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patterns {
    list: Vec<String>,
    /// Inclusions: a file that matches no pattern is left out. Otherwise one that matches is.
    is_kept: bool,
}

impl Patterns {
    /// Whether a file is left out, by its path from the base directory, with `/`.
    pub fn leave_out(&self, path: &str) -> bool {
        let path: Vec<&str> = path.split('/').collect();
        let is_matched = self.list.iter().any(|pattern| {
            let pattern = pattern.replace('\\', "/");
            let mut parts: Vec<&str> = pattern.trim_start_matches('/').split('/').collect();
            // A pattern that ends with `/` matches everything in that folder.
            if parts.last() == Some(&"") {
                parts.pop();
                parts.push("**");
            }
            matches(&parts, &path)
        });
        is_matched != self.is_kept
    }
}

fn matches(pattern: &[&str], path: &[&str]) -> bool {
    let is_any = |part: &&str| *part == "**";
    runs(pattern, path, is_any, |part, name| name_matches(part, name))
}

/// Whether the name of a file or folder matches one part of a pattern: `*` stands for any characters, `?` for one.
pub(crate) fn name_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    runs(&pattern, &name, |letter| *letter == '*', |wanted, letter| *wanted == '?' || wanted == letter)
}

/// Whether `text` matches `pattern`, item by item; a part that is `any` stands for any number of items. All ways are followed
/// at once, so that the time is bounded by the product of both lengths, whatever pattern a stranger writes.
fn runs<P, T>(pattern: &[P], text: &[T], any: impl Fn(&P) -> bool, fits: impl Fn(&P, &T) -> bool) -> bool {
    let over_any = |mut reached: Vec<bool>| {
        for (at, part) in pattern.iter().enumerate() {
            if reached[at] && any(part) {
                reached[at + 1] = true;
            }
        }
        reached
    };
    let mut reached = vec![false; pattern.len() + 1];
    reached[0] = true;
    reached = over_any(reached);
    for item in text {
        let mut next = vec![false; pattern.len() + 1];
        for (at, part) in pattern.iter().enumerate().filter(|(at, _)| reached[*at]) {
            if any(part) {
                next[at] = true;
            } else if fits(part, item) {
                next[at + 1] = true;
            }
        }
        reached = over_any(next);
    }
    reached[pattern.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowing(key: &str, value: &str) -> Narrowing {
        let at = FileLine { file: "sonar-project.properties".into(), line: 1 };
        Narrowing { key: key.into(), value: value.into(), at, files: None }
    }

    #[test]
    fn files_are_left_out_by_pattern() {
        for (pattern, path, expected) in [
            ("**/*", "a.py", true),
            ("**", "src/a.py", true),
            ("**/gen/**", "gen/a.py", true),
            ("**/gen/**", "x/gen/y/a.py", true),
            ("**/gen/**", "x/generated/a.py", false),
            ("src/*.py", "src/a.py", true),
            ("src/*.py", "src/x/a.py", false),
            ("src/", "src/x/a.py", true),
            ("/src/**", "src/a.py", true),
            ("src\\*.py", "src/a.py", true),
            ("**/?b*.py", "x/ab.py", true),
            ("**/?b*.py", "x/b.py", false),
            ("*", "x/b.py", false),
            ("**/a.js, **/*.py", "x/b.py", true),
            ("", "x/b.py", false),
        ] {
            let patterns = narrowing("web.sonar.exclusions", pattern).patterns().unwrap();
            assert_eq!(patterns.leave_out(path), expected, "{pattern} {path}");
            let patterns = narrowing("sonar.inclusions", pattern).patterns().unwrap();
            assert_eq!(patterns.leave_out(path), !expected, "{pattern} {path}");
        }
        assert_eq!(narrowing("sonar.sources", "src").patterns(), None);
        assert_eq!(narrowing("sonar.exclusions", "file:**/a").patterns(), None);
        let hard = format!("{}b", "*a".repeat(2_000));
        let patterns = narrowing("sonar.exclusions", &hard).patterns().unwrap();
        assert!(!patterns.leave_out(&"a".repeat(2_000)));
    }
}
