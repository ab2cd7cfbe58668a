//! Says what came of the analyses: in the log, in the build's list of issues, in output variables.

use super::judge::context_of;
use crate::agent::Commands;
use crate::quality_gate::{Condition, GateStatus, Policy, Reaction, Verdict};
use crate::summary::{AnalysisResult, html, issue_line, outcome_line};
use serde_json::json;

/// The agent keeps ten issues of a kind for each task and drops the rest silently: nine, and one that
/// says how many there are besides.
const SHOWN: usize = 9;

/// A line for the build's list of issues.
#[derive(Debug)]
struct Issue<'a> {
    result: &'a AnalysisResult,
    /// The failed condition; none for what befell the analysis as a whole.
    condition: Option<&'a Condition>,
}

/// Tells the outcome of each analysis, and of each failed condition as an error, a warning or a line,
/// as the policy says.
pub(super) fn report_in_log(results: &[AnalysisResult], policy: &Policy) {
    let mut errors = Vec::new();
    let mut warnings = Vec::new();
    for result in results {
        let reaction = policy.reaction(result.verdict, context_of(result));
        let issues = issues_of(result);
        if issues.first().is_none_or(|issue| issue.condition.is_some()) {
            tracing::info!("{}", outcome_line(result));
        }
        for warning in &result.warnings {
            let base = result.dashboard_url.as_deref();
            // The engine has said most of these as warnings already; the summary shows them all.
            tracing::info!("SonarQube says of {}: {}", result.project_name, html::to_text(warning, base));
        }
        match reaction {
            Reaction::Fail => errors.extend(issues),
            Reaction::Warn => warnings.extend(issues),
            // Loud even where it has no consequence: nobody shall take it for a pass.
            Reaction::Ignore if result.verdict == Verdict::Skipped => warnings.extend(issues),
            Reaction::Ignore => issues.iter().for_each(|issue| tracing::info!("{}", issue.line())),
        }
    }
    for line in lines(errors) {
        tracing::error!("{line}");
    }
    for line in lines(warnings) {
        tracing::warn!("{line}");
    }
}

fn issues_of(result: &AnalysisResult) -> Vec<Issue<'_>> {
    let whole = Issue { result, condition: None };
    match result.verdict {
        Verdict::Passed => Vec::new(),
        Verdict::Failed => {
            let failed = result.gate.iter().flat_map(|gate| gate.failed_conditions());
            let conditions: Vec<_> = failed.map(|condition| Issue { result, condition: Some(condition) }).collect();
            if conditions.is_empty() { vec![whole] } else { conditions }
        }
        _ => vec![whole],
    }
}

/// The worst of these as lines, and one that says what is left out.
fn lines(mut issues: Vec<Issue<'_>>) -> Vec<String> {
    issues.sort_by(|a, b| b.badness().partial_cmp(&a.badness()).unwrap_or(std::cmp::Ordering::Equal));
    let mut lines: Vec<_> = issues.iter().take(SHOWN).map(Issue::line).collect();
    let more = issues.get(SHOWN..).unwrap_or_default();
    if let Some(first) = more.first() {
        let mut projects: Vec<_> = more.iter().map(|issue| issue.result.name()).collect();
        projects.sort_unstable();
        projects.dedup();
        let besides = projects.len() - 1;
        let projects = if besides == 0 {
            first.result.name().to_owned()
        } else {
            format!("{} and {besides} other projects", first.result.name())
        };
        let link = first.result.dashboard_url.as_deref().map(|url| format!(" – {url}")).unwrap_or_default();
        lines.push(format!("And {} more, of {projects}: see the Build Summary{link}", more.len()));
    }
    lines
}

impl Issue<'_> {
    fn line(&self) -> String {
        match self.condition {
            Some(condition) => issue_line(self.result, condition),
            None => outcome_line(self.result),
        }
    }

    /// Worse is greater: by the verdict, then by how far the threshold was missed.
    fn badness(&self) -> (Verdict, bool, f64) {
        let is_error = self.condition.is_none_or(|condition| condition.status == GateStatus::Error);
        (self.result.verdict, is_error, self.condition.map_or(f64::MAX, Condition::miss))
    }
}

/// Sets the step's output variables. Their names and forms: `docs/quality-gate.md`.
pub(super) fn set_outputs(commands: &Commands, verdict: Verdict, results: &[AnalysisResult]) {
    let worst = results.iter().rev().max_by_key(|result| result.verdict);
    let mut failed: Vec<_> = results
        .iter()
        .filter(|result| result.verdict == Verdict::Failed)
        .flat_map(|result| result.gate.iter().flat_map(|gate| gate.failed_conditions()))
        .map(|condition| condition.metric.as_str())
        .collect();
    failed.sort_unstable();
    failed.dedup();
    let analyses: Vec<_> = results.iter().map(AnalysisResult::to_json).collect();
    let link = worst.and_then(|result| result.dashboard_url.as_deref()).unwrap_or_default();
    commands.set_output_variable("qualityGateStatus", verdict.token());
    commands.set_output_variable("failedConditions", &failed.join(","));
    commands.set_output_variable("dashboardUrl", link);
    commands.set_output_variable("analyses", &json!(analyses).to_string());
}
