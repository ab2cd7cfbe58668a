//! Says what came of the analyses in the log and in the build's list of issues.

use crate::analysis::Target;
use crate::quality_gate::{Case, Condition, Context, GateStatus, Policy, Reaction, Verdict};
use crate::summary::{AnalysisResult, html, issue_line, outcome_line};

/// The agent keeps ten issues of a kind for each task and drops the rest silently: nine, and one that
/// says how many there are besides.
const SHOWN: usize = 9;

/// A line for the build's list of issues.
#[derive(Debug)]
struct BuildIssue<'a> {
    result: &'a AnalysisResult,
    /// The failed condition; none for the analysis as a whole.
    condition: Option<&'a Condition>,
}

/// Tells the outcome of each analysis, and of each failed condition as an error, a warning or a line,
/// as the policy says.
pub(super) fn report_in_log(results: &[AnalysisResult], policy: &Policy) {
    let mut errors = Vec::new();
    let mut warnings = Vec::new();
    for result in results {
        let reaction = policy.reaction(case_of(result));
        let issues = issues_of(result);
        if issues.first().is_none_or(|issue| issue.condition.is_some()) {
            tracing::info!("{}", outcome_line(result));
        }
        for warning in &result.warnings {
            let base = result.dashboard_url.as_deref();
            // The engine has said most of these as warnings already; the summary shows them all.
            tracing::info!("SonarQube warns about {}: {}", result.project_name, html::to_text(warning, base));
        }
        match reaction {
            Reaction::Fail => errors.extend(issues),
            Reaction::Warn => warnings.extend(issues),
            // A warning even where it has no consequence: it must not look like a pass.
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

/// What the policy goes by.
pub(super) fn case_of(result: &AnalysisResult) -> Case {
    let context = match &result.target {
        Target::MainBranch { .. } => Context::DefaultBranch,
        Target::Branch { .. } if result.is_other_branch || result.target.is_tag() => Context::OtherBranch,
        Target::Branch { .. } => Context::SomeBranch,
        Target::PullRequest { .. } => Context::PullRequest,
    };
    Case { verdict: result.verdict, nothing_analysed: result.nothing_analysed, context }
}

fn issues_of(result: &AnalysisResult) -> Vec<BuildIssue<'_>> {
    let whole = BuildIssue { result, condition: None };
    match result.verdict {
        Verdict::Passed => Vec::new(),
        Verdict::Failed => {
            let failed = result.gate.iter().flat_map(|gate| gate.failed_conditions());
            let conditions: Vec<_> =
                failed.map(|condition| BuildIssue { result, condition: Some(condition) }).collect();
            if conditions.is_empty() { vec![whole] } else { conditions }
        }
        _ => vec![whole],
    }
}

/// The worst of these as lines, and one that says what is left out.
fn lines(mut issues: Vec<BuildIssue<'_>>) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.len() < SHOWN {
        // Of two as bad as each other the first.
        let worst = issues.iter().enumerate().rev().max_by_key(|(_, issue)| issue.severity());
        let Some((index, _)) = worst else { return lines };
        lines.push(issues.remove(index).line());
    }
    if let Some(first) = issues.first() {
        let result = first.result;
        let others = issues.iter().any(|issue| issue.result.name() != result.name());
        let projects = if others { " and other projects" } else { "" };
        let link = result.dashboard_url.as_deref().map(|url| format!(" – {url}")).unwrap_or_default();
        lines.push(format!(
            "And {} more in {}{projects}: see the Build Summary{link}",
            issues.len(),
            result.name()
        ));
    }
    lines
}

impl BuildIssue<'_> {
    fn line(&self) -> String {
        match self.condition {
            Some(condition) => issue_line(self.result, condition),
            None => outcome_line(self.result),
        }
    }

    /// Of two issues the worse one is greater: by the verdict, then by how far the threshold was missed.
    fn severity(&self) -> (Verdict, bool, u64) {
        let is_error = self.condition.is_none_or(|condition| condition.status == GateStatus::Error);
        (self.result.verdict, is_error, self.condition.map_or(u64::MAX, Condition::miss))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{Console, Log};
    use crate::quality_gate::Rule;
    use crate::step::publish::tests::result;
    use tracing_subscriber::layer::SubscriberExt as _;

    /// The issues, each by its kind and the words before its first colon or dash.
    fn issues(results: &[AnalysisResult], policy: &Policy) -> Vec<String> {
        let (console, written) = Console::buffer();
        let subscriber = tracing_subscriber::registry().with(Log::new(console, false));
        tracing::subscriber::with_default(subscriber, || report_in_log(results, policy));
        let issue = |line: &str| {
            let (kind, text) = line.strip_prefix("##vso[task.logissue type=")?.split_once(";]")?;
            Some(format!("{kind} {}", text.split(" – ").next()?.split(" (").next()?))
        };
        written().lines().filter_map(issue).collect()
    }

    fn policy(reaction: Reaction) -> Policy {
        let rule = Rule::always(reaction);
        Policy { failure: rule, no_verdict: rule, nothing_analysed: reaction, skipped: rule }
    }

    #[test]
    fn one_issue_each_as_the_policy_says() {
        let results = [
            result("shop", Verdict::Failed, &["40", "20"]),
            result("api", Verdict::Timeout, &[]),
            result("docs", Verdict::Skipped, &[]),
            result("web", Verdict::Passed, &[]),
        ];
        assert_eq!(
            issues(&results, &Policy::default()),
            [
                "error coverage_20: 20",
                "error coverage_40: 40",
                "error No quality gate result",
                "warning Not analysed",
            ]
        );
        let warned = issues(&results, &policy(Reaction::Warn));
        assert_eq!(warned.len(), 4);
        assert!(warned.iter().all(|issue| issue.starts_with("warning ")), "{warned:?}");
        assert_eq!(issues(&results, &policy(Reaction::Ignore)), ["warning Not analysed"]);
        assert_eq!(
            issues(&[result("shop", Verdict::Failed, &[])], &Policy::default()),
            ["error Quality gate failed"]
        );
    }

    #[test]
    fn the_nine_worst_and_how_many_more() {
        let coverages = ["79", "78", "77", "10", "76", "75", "74", "73", "20"];
        let failed = result("shop", Verdict::Failed, &coverages);
        assert_eq!(issues(std::slice::from_ref(&failed), &Policy::default()).len(), 9);
        let late = result("api", Verdict::Timeout, &[]);
        let found = issues(&[late.clone(), failed.clone()], &Policy::default());
        assert_eq!(found.len(), 10);
        assert_eq!(found[..2], ["error coverage_10: 10", "error coverage_20: 20"]);
        assert_eq!(found[9], "error And 1 more in api: see the Build Summary");
        let found = issues(&[failed, result("web", Verdict::Failed, &coverages), late], &Policy::default());
        assert_eq!(found[..2], ["error coverage_10: 10", "error coverage_10: 10"]);
        assert_eq!(found[9], "error And 10 more in shop and other projects: see the Build Summary");
        assert_eq!(found.len(), 10);
    }

    #[test]
    fn a_branch_of_unknown_kind_may_be_the_main_branch() {
        let context = |target, is_other_branch| {
            let result = AnalysisResult { is_other_branch, ..AnalysisResult::unknown("shop".into(), target) };
            case_of(&result).context
        };
        assert_eq!(context(Target::branch("x"), false), Context::SomeBranch);
        assert_eq!(context(Target::branch("x"), true), Context::OtherBranch);
        assert_eq!(context(Target::branch("refs/tags/v1"), false), Context::OtherBranch);
        assert_eq!(context(Target::MAIN_BRANCH, false), Context::DefaultBranch);
    }
}
