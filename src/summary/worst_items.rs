//! The worst files and issues behind failed conditions, a line each.

use super::markdown::escape;
use super::text::{MESSAGE_CHARS, NAME_CHARS, one_line};
use crate::quality_gate::{Condition, Metrics, Worst, WorstFile, WorstIssue};
use serde_json::{Value, json};

/// Longest message of an issue shown, in characters.
const ISSUE_CHARS: usize = 200;

/// The worst files and issues of one failed condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorstOfCondition {
    /// Key of the condition's metric.
    pub metric: String,
    /// What is behind it.
    pub worst: Worst,
}

impl WorstOfCondition {
    /// What is behind `condition`.
    pub fn new(condition: &Condition, worst: Worst) -> Self {
        Self { metric: condition.metric.clone(), worst }
    }

    /// A line of plain text for each file or issue, and one for what is left out.
    pub fn lines(&self, metrics: &Metrics) -> Vec<String> {
        match &self.worst {
            Worst::Files { metric, files } => {
                let metric = metrics.by_key(metric);
                let line = |file: &WorstFile| {
                    let path = one_line(&file.path, NAME_CHARS);
                    format!("{path}: {} ({})", metric.show(&file.value), one_line(metric.label(), NAME_CHARS))
                };
                files.iter().map(line).collect()
            }
            Worst::Issues { total, issues } => {
                let mut lines: Vec<_> = issues.iter().map(issue_line).collect();
                let left = total.saturating_sub(u64::try_from(issues.len()).unwrap_or(u64::MAX));
                if left > 0 {
                    lines.push(format!("and {left} more {}", if left == 1 { "issue" } else { "issues" }));
                }
                lines
            }
            Worst::Hidden => {
                vec![
                    "not visible to this token, whose owner lacks the permission Browse on the project"
                        .into(),
                ]
            }
        }
    }

    /// The same as machines read it.
    pub fn to_json(&self) -> Value {
        match &self.worst {
            Worst::Files { metric, files } => {
                let files: Vec<_> =
                    files.iter().map(|file| json!({ "path": file.path, "value": file.value })).collect();
                json!({ "metric": metric, "files": files })
            }
            Worst::Issues { total, issues } => {
                let issue = |issue: &WorstIssue| {
                    json!({
                        "key": issue.key, "rule": issue.rule, "severity": issue.severity, "message": issue.message,
                        "path": issue.path, "line": issue.line,
                    })
                };
                json!({ "total": total, "issues": issues.iter().map(issue).collect::<Vec<_>>() })
            }
            Worst::Hidden => json!({ "hidden": true }),
        }
    }
}

fn issue_line(issue: &WorstIssue) -> String {
    let place = match issue.line {
        Some(line) => format!("{}:{line}", one_line(&issue.path, NAME_CHARS)),
        None => one_line(&issue.path, NAME_CHARS),
    };
    format!(
        "{place}: {} {} ({})",
        one_line(&issue.severity, NAME_CHARS),
        one_line(&issue.message, ISSUE_CHARS),
        one_line(&issue.rule, NAME_CHARS)
    )
}

/// A section of the page with at most `limit` lines; empty where there is nothing to list.
pub fn worst_section(worst: &[WorstOfCondition], metrics: &Metrics, limit: usize) -> String {
    let shown = worst.iter().filter(|of| of.worst != Worst::Hidden);
    let lines = shown.flat_map(|of| {
        let label = escape(metrics.by_key(&of.metric).label(), NAME_CHARS);
        let line = move |line: String| format!("- {label} – {}\n", escape(&line, MESSAGE_CHARS));
        of.lines(metrics).into_iter().map(line)
    });
    let lines: String = lines.take(limit).collect();
    if lines.is_empty() { lines } else { format!("\n#### Where it fails\n\n{lines}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality_gate::{Metric, MetricKind};

    fn metrics() -> Metrics {
        let metric =
            |key: &str, name: &str| Metric { key: key.into(), name: name.into(), kind: MetricKind::Int };
        [metric("new_uncovered_lines", "Uncovered Lines on New Code"), metric("new_violations", "New Issues")]
            .into_iter()
            .collect()
    }

    fn worst() -> [WorstOfCondition; 3] {
        let file = |path: &str, value: &str| WorstFile { path: path.into(), value: value.into() };
        let issue = |path: &str, line, message: &str| WorstIssue {
            key: "k".into(),
            rule: "python:S1656".into(),
            severity: "MAJOR".into(),
            message: message.into(),
            path: path.into(),
            line,
        };
        [
            WorstOfCondition {
                metric: "new_coverage".into(),
                worst: Worst::Files {
                    metric: "new_uncovered_lines".into(),
                    files: vec![file("src/core.py", "1200"), file("src/a\n##vso[b].py", "2")],
                },
            },
            WorstOfCondition {
                metric: "new_violations".into(),
                worst: Worst::Issues {
                    total: 5,
                    issues: vec![
                        issue("src/core.py", Some(11), "Remove this *useless* assignment."),
                        issue("shop", None, "Add tests."),
                    ],
                },
            },
            WorstOfCondition { metric: "hidden".into(), worst: Worst::Hidden },
        ]
    }

    #[test]
    fn each_file_and_issue_is_a_line() {
        let lines: Vec<_> = worst().iter().flat_map(|of| of.lines(&metrics())).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        src/core.py: 1,200 (Uncovered Lines on New Code)
        src/a ##vso[b].py: 2 (Uncovered Lines on New Code)
        src/core.py:11: MAJOR Remove this *useless* assignment. (python:S1656)
        shop: MAJOR Add tests. (python:S1656)
        and 3 more issues
        not visible to this token, whose owner lacks the permission Browse on the project
        ");
    }

    #[test]
    fn the_section_of_the_page_has_at_most_so_many_lines() {
        insta::assert_snapshot!(worst_section(&worst(), &metrics(), 3), @r"

        #### Where it fails

        - new_coverage – src/core.py: 1,200 (Uncovered Lines on New Code)
        - new_coverage – src/a \#\#vso\[b\].py: 2 (Uncovered Lines on New Code)
        - New Issues – src/core.py\:11: MAJOR Remove this \*useless\* assignment. (python:S1656)
        ");
        assert_eq!(worst_section(&worst()[2..], &metrics(), 3), "");
    }

    #[test]
    fn json_has_what_the_server_told() {
        let json: Vec<_> = worst().iter().map(WorstOfCondition::to_json).collect();
        insta::assert_snapshot!(Value::from(json), @r##"[{"files":[{"path":"src/core.py","value":"1200"},{"path":"src/a\n##vso[b].py","value":"2"}],"metric":"new_uncovered_lines"},{"issues":[{"key":"k","line":11,"message":"Remove this *useless* assignment.","path":"src/core.py","rule":"python:S1656","severity":"MAJOR"},{"key":"k","line":null,"message":"Add tests.","path":"shop","rule":"python:S1656","severity":"MAJOR"}],"total":5},{"hidden":true}]"##);
    }
}
