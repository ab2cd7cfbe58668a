//! The worst files and issues behind a failed condition: which ones to ask the server for.

use super::{Comparator, Condition};

/// Which files or issues to ask the server for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorstQuery {
    /// Files, ordered by a measure.
    Files(FileQuery),
    /// Open issues, the most severe first.
    Issues(IssueQuery),
}

/// Files, ordered by a measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileQuery {
    /// Key of the metric that orders them.
    pub metric: String,
    /// The largest value is the worst.
    pub descending: bool,
    /// Test files instead of source files.
    pub of_tests: bool,
}

/// Open issues. What is `None` is not filtered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IssueQuery {
    /// Type, such as `BUG`.
    pub kind: Option<&'static str>,
    /// Software quality that the issues affect, such as `SECURITY` (servers since 10.2).
    pub software_quality: Option<&'static str>,
    /// Severity, such as `MAJOR`.
    pub severity: Option<&'static str>,
    /// Severity of the impact, such as `HIGH` (servers since 10.2).
    pub impact_severity: Option<&'static str>,
    /// Only those in new code.
    pub is_new: bool,
}

/// The worst files or issues behind a condition, the worst first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Worst {
    /// Files.
    Files {
        /// Key of the metric that orders them.
        metric: String,
        /// The files.
        files: Vec<WorstFile>,
    },
    /// Issues.
    Issues {
        /// How many there are in all.
        total: u64,
        /// The issues.
        issues: Vec<WorstIssue>,
    },
    /// The token may not see them.
    Hidden,
}

/// A file and its measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorstFile {
    /// Path from the base directory of the project.
    pub path: String,
    /// The value as the server spells it.
    pub value: String,
}

/// An issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorstIssue {
    /// Key of the issue.
    pub key: String,
    /// Key of the rule, such as `python:S1656`.
    pub rule: String,
    /// Severity, such as `MAJOR`.
    pub severity: String,
    /// What is wrong: text from outside.
    pub message: String,
    /// Path of the file from the base directory of the project; the project's key for an issue of the whole project.
    pub path: String,
    /// Line, from 1; absent for an issue of the whole file.
    pub line: Option<u64>,
}

impl Condition {
    /// What to ask for, to see where this condition fails.
    pub fn worst_query(&self) -> WorstQuery {
        let (key, is_new) = match self.metric.strip_prefix("new_") {
            Some(key) => (key, true),
            None => (self.metric.as_str(), false),
        };
        match issues_behind(key) {
            Some(query) => WorstQuery::Issues(IssueQuery { is_new, ..query }),
            None => WorstQuery::Files(self.files_behind(key, is_new)),
        }
    }

    /// A rate says little about a file: ten lines without a test in a small file are a worse rate than a thousand in a
    /// large one. So files are ordered by the lines or tests that the rate is made of.
    fn files_behind(&self, key: &str, is_new: bool) -> FileQuery {
        let counted = match key {
            "coverage" | "line_coverage" => Some("uncovered_lines"),
            "branch_coverage" => Some("uncovered_conditions"),
            "duplicated_lines_density" => Some("duplicated_lines"),
            "security_hotspots_reviewed" | "security_review_rating" => Some("security_hotspots"),
            "test_success_density" => Some("test_failures"),
            _ => None,
        };
        let prefix = if is_new { "new_" } else { "" };
        FileQuery {
            metric: counted.map_or_else(|| self.metric.clone(), |counted| format!("{prefix}{counted}")),
            descending: counted.is_some() || self.comparator != Comparator::LessThan,
            of_tests: key.starts_with("test") || key == "skipped_tests",
        }
    }
}

/// The issues that a metric counts or rates; `None` for a metric of something else. Keys of metrics: `CoreMetrics` and
/// `SoftwareQualitiesMetrics` of SonarQube.
fn issues_behind(key: &str) -> Option<IssueQuery> {
    let all = IssueQuery::default();
    let kind = |kind| Some(IssueQuery { kind: Some(kind), ..IssueQuery::default() });
    let severity = |severity| Some(IssueQuery { severity: Some(severity), ..IssueQuery::default() });
    let impact = |severity| Some(IssueQuery { impact_severity: Some(severity), ..IssueQuery::default() });
    match key {
        "violations" => Some(all),
        "blocker_violations" => severity("BLOCKER"),
        "critical_violations" => severity("CRITICAL"),
        "major_violations" => severity("MAJOR"),
        "minor_violations" => severity("MINOR"),
        "info_violations" => severity("INFO"),
        "software_quality_blocker_issues" => impact("BLOCKER"),
        "software_quality_high_issues" => impact("HIGH"),
        "software_quality_medium_issues" => impact("MEDIUM"),
        "software_quality_low_issues" => impact("LOW"),
        "software_quality_info_issues" => impact("INFO"),
        "bugs" | "bugs_severity" | "reliability_rating" | "reliability_remediation_effort" => kind("BUG"),
        "vulnerabilities"
        | "vulnerabilities_severity"
        | "security_rating"
        | "security_remediation_effort" => kind("VULNERABILITY"),
        "code_smells"
        | "code_smells_severity"
        | "maintainability_rating"
        | "sqale_rating"
        | "sqale_index"
        | "sqale_debt_ratio"
        | "technical_debt" => kind("CODE_SMELL"),
        _ => {
            let quality =
                key.strip_prefix("software_quality_").or_else(|| key.strip_suffix("_issue_severity"))?;
            let qualities = [
                ("reliability", "RELIABILITY"),
                ("security", "SECURITY"),
                ("maintainability", "MAINTAINABILITY"),
            ];
            let (_, quality) = qualities.into_iter().find(|(name, _)| quality.starts_with(name))?;
            Some(IssueQuery { software_quality: Some(quality), ..all })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality_gate::GateStatus;

    fn query(metric: &str, comparator: Comparator) -> WorstQuery {
        let condition = Condition {
            status: GateStatus::Error,
            metric: metric.into(),
            comparator,
            threshold: None,
            actual: None,
        };
        condition.worst_query()
    }

    #[test]
    fn metrics_of_issues_lead_to_these_issues() {
        let (new, all) = (IssueQuery { is_new: true, ..IssueQuery::default() }, IssueQuery::default());
        for (metric, expected) in [
            ("new_violations", new.clone()),
            ("violations", all.clone()),
            ("new_blocker_violations", IssueQuery { severity: Some("BLOCKER"), ..new.clone() }),
            ("new_reliability_rating", IssueQuery { kind: Some("BUG"), ..new.clone() }),
            ("sqale_rating", IssueQuery { kind: Some("CODE_SMELL"), ..all.clone() }),
            ("software_quality_high_issues", IssueQuery { impact_severity: Some("HIGH"), ..all.clone() }),
            (
                "new_software_quality_security_rating",
                IssueQuery { software_quality: Some("SECURITY"), ..new.clone() },
            ),
            (
                "new_software_quality_maintainability_issues",
                IssueQuery { software_quality: Some("MAINTAINABILITY"), ..new },
            ),
            ("reliability_issue_severity", IssueQuery { software_quality: Some("RELIABILITY"), ..all }),
        ] {
            assert_eq!(query(metric, Comparator::GreaterThan), WorstQuery::Issues(expected), "{metric}");
        }
    }

    #[test]
    fn other_metrics_lead_to_files() {
        use Comparator::{GreaterThan, LessThan};
        for (metric, comparator, ordered_by, descending, of_tests) in [
            ("new_coverage", LessThan, "new_uncovered_lines", true, false),
            ("branch_coverage", LessThan, "uncovered_conditions", true, false),
            ("new_duplicated_lines_density", GreaterThan, "new_duplicated_lines", true, false),
            ("new_security_hotspots_reviewed", LessThan, "new_security_hotspots", true, false),
            ("cognitive_complexity", GreaterThan, "cognitive_complexity", true, false),
            ("comment_lines_density", LessThan, "comment_lines_density", false, false),
            ("test_success_density", LessThan, "test_failures", true, true),
            ("of_a_plugin", GreaterThan, "of_a_plugin", true, false),
        ] {
            let expected = FileQuery { metric: ordered_by.into(), descending, of_tests };
            assert_eq!(query(metric, comparator), WorstQuery::Files(expected), "{metric}");
        }
    }
}
