//! `api/issues/search`: issues of a project, its branch or pull request.

use super::client::{SonarQube, of_target};
use super::error::Error;
use crate::analysis::Target;
use crate::quality_gate::{IssueQuery, Worst, WorstIssue};
use serde::Deserialize;

#[derive(Deserialize)]
struct IssuePage {
    paging: Paging,
    #[serde(default)]
    issues: Vec<Issue>,
    #[serde(default)]
    components: Vec<IssueComponent>,
}

#[derive(Deserialize)]
struct Paging {
    total: u64,
}

#[derive(Deserialize)]
struct Issue {
    key: String,
    #[serde(default)]
    rule: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    message: String,
    component: String,
    line: Option<u64>,
}

#[derive(Deserialize)]
struct IssueComponent {
    key: String,
    path: Option<String>,
}

impl SonarQube {
    /// The most severe open issues, at most `count` of them.
    ///
    /// A token that lacks Browse gets an empty list and no error (observed on 10.7 and 26.9). Ask only where there must be
    /// issues: an empty list is [`Worst::Hidden`].
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn worst_issues(
        &self,
        project: &str,
        target: &Target,
        query: &IssueQuery,
        count: usize,
    ) -> Result<Worst, Error> {
        let count = count.to_string();
        // The name of the parameter before 10.2, which later servers take, too. The server ignores branch and pull
        // request without it.
        let mut parameters = vec![("componentKeys", project), ("resolved", "false")];
        parameters.extend([("s", "SEVERITY"), ("asc", "false"), ("ps", count.as_str())]);
        let filters = [
            ("types", query.kind),
            ("impactSoftwareQualities", query.software_quality),
            ("severities", query.severity),
            ("impactSeverities", query.impact_severity),
        ];
        parameters.extend(filters.into_iter().filter_map(|(name, value)| Some((name, value?))));
        if query.is_new {
            parameters.push(("inNewCodePeriod", "true"));
        }
        parameters.extend(of_target(target));
        let found: IssuePage = self.json(self.url("api/issues/search", &parameters)).await?.value;
        if found.issues.is_empty() {
            return Ok(Worst::Hidden);
        }
        let issue = |issue: Issue| {
            let component = found.components.iter().find(|component| component.key == issue.component);
            let path = component.and_then(|component| component.path.clone());
            WorstIssue {
                key: issue.key,
                rule: issue.rule,
                severity: issue.severity,
                message: issue.message,
                path: path.unwrap_or(issue.component),
                line: issue.line,
            }
        };
        let issues = found.issues.into_iter().map(issue).collect();
        Ok(Worst::Issues { total: found.paging.total, issues })
    }
}
