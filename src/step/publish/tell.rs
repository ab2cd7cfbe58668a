//! Says what came of the analyses: in the log, in the build's list of issues, in output variables.

use super::judge::case_of;
use crate::agent::Commands;
use crate::quality_gate::{Condition, GateStatus, Policy, Reaction, Verdict};
use crate::summary::{AnalysisResult, html, issue_line, outcome_line};
use serde_json::{Value, json};

/// The agent keeps ten issues of a kind for each task and drops the rest silently: nine, and one that
/// says how many there are besides.
const SHOWN: usize = 9;

/// Every later step of the job has the variable in its environment: Windows takes 32,767 characters of one, and Linux
/// starts no process with one of 128 KiB.
const LARGEST_VARIABLE: usize = 30_000;

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
        let reaction = policy.reaction(case_of(result));
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
            let conditions: Vec<_> =
                failed.map(|condition| Issue { result, condition: Some(condition) }).collect();
            if conditions.is_empty() { vec![whole] } else { conditions }
        }
        _ => vec![whole],
    }
}

/// The worst of these as lines, and one that says what is left out.
fn lines(mut issues: Vec<Issue<'_>>) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.len() < SHOWN {
        // Of two as bad as each other the first.
        let worst = issues.iter().enumerate().rev().max_by_key(|(_, issue)| issue.badness());
        let Some((index, _)) = worst else { return lines };
        lines.push(issues.remove(index).line());
    }
    if let Some(first) = issues.first() {
        let result = first.result;
        let others = issues.iter().any(|issue| issue.result.name() != result.name());
        let projects = if others { " and other projects" } else { "" };
        let link = result.dashboard_url.as_deref().map(|url| format!(" – {url}")).unwrap_or_default();
        lines.push(format!(
            "And {} more, of {}{projects}: see the Build Summary{link}",
            issues.len(),
            result.name()
        ));
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
    fn badness(&self) -> (Verdict, bool, u64) {
        let is_error = self.condition.is_none_or(|condition| condition.status == GateStatus::Error);
        (self.result.verdict, is_error, self.condition.map_or(u64::MAX, Condition::miss))
    }
}

/// Sets the step's output variables. Their names and forms: `docs/quality-gate.md`.
pub(super) fn set_outputs(commands: &Commands, verdict: Verdict, results: &[AnalysisResult]) {
    let worst = results.iter().rev().max_by_key(|result| result.verdict);
    let (mut failed, mut length): (Vec<&str>, _) = (Vec::new(), 0);
    for result in results.iter().filter(|result| result.verdict == Verdict::Failed) {
        for condition in result.gate.iter().flat_map(|gate| gate.failed_conditions()) {
            // Pipelines put the variable into scripts, and a metric's key is the server's word.
            if !condition.metric.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
                continue;
            }
            let longer = length + condition.metric.len() + 1;
            if longer <= LARGEST_VARIABLE && !failed.contains(&condition.metric.as_str()) {
                failed.push(&condition.metric);
                length = longer;
            }
        }
    }
    let link = worst.and_then(|result| result.dashboard_url.as_deref()).unwrap_or_default();
    commands.set_output_variable("qualityGateStatus", verdict.token());
    commands.set_output_variable("failedConditions", &failed.join(","));
    commands.set_output_variable("dashboardUrl", link);
    commands.set_output_variable("analyses", &analyses(results));
}

/// The analyses as JSON, without what there is no room for.
fn analyses(results: &[AnalysisResult]) -> String {
    const FORMS: [fn(&AnalysisResult) -> Value; 3] =
        [AnalysisResult::to_json, with_failed_conditions, without_conditions];
    for form in FORMS {
        let text = json!(results.iter().map(form).collect::<Vec<_>>()).to_string();
        if text.len() <= LARGEST_VARIABLE {
            return text;
        }
    }
    let mut length = "[".len();
    let spoiling = results.iter().filter(|result| result.verdict.blocks_pass());
    let texts = spoiling.map(|result| without_conditions(result).to_string()).take_while(|text| {
        length += text.len() + ",".len();
        length <= LARGEST_VARIABLE
    });
    format!("[{}]", texts.collect::<Vec<_>>().join(","))
}

fn with_failed_conditions(result: &AnalysisResult) -> Value {
    let mut json = result.to_json();
    if let Some(conditions) = json["conditions"].as_array_mut() {
        conditions.retain(|condition| condition["failed"] == true);
    }
    json
}

fn without_conditions(result: &AnalysisResult) -> Value {
    let mut json = result.to_json();
    json["conditions"] = Value::Null;
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{Console, Log};
    use crate::analysis::Target;
    use crate::quality_gate::{Comparator, MeasureSet, Metrics, QualityGate, Rule};
    use tracing_subscriber::layer::SubscriberExt as _;

    fn result(project: &str, verdict: Verdict, coverages: &[&str]) -> AnalysisResult {
        let condition = |actual: &&str| Condition {
            status: GateStatus::Error,
            metric: format!("coverage_{actual}"),
            comparator: Comparator::LessThan,
            threshold: Some("80".into()),
            actual: Some((*actual).to_owned()),
        };
        AnalysisResult {
            project_key: project.into(),
            project_name: project.into(),
            target: Target::MAIN_BRANCH,
            is_other_branch: false,
            verdict,
            nothing_analysed: false,
            reason: None,
            gate: Some(QualityGate {
                status: GateStatus::Error,
                conditions: coverages.iter().map(condition).collect(),
                ignored_conditions: false,
            }),
            last_known: None,
            worst: Vec::new(),
            measures: MeasureSet::default(),
            metrics: Metrics::default(),
            dashboard_url: Some(format!("https://sonar.example/dashboard?id={project}")),
            server_name: "SonarQube Server".into(),
            server_version: None,
            warnings: Vec::new(),
            narrowed: Vec::new(),
            notes: Vec::new(),
        }
    }

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
        assert_eq!(found[9], "error And 1 more, of api: see the Build Summary");
        let found = issues(&[failed, result("web", Verdict::Failed, &coverages), late], &Policy::default());
        assert_eq!(found[..2], ["error coverage_10: 10", "error coverage_10: 10"]);
        assert_eq!(found[9], "error And 10 more, of shop and other projects: see the Build Summary");
        assert_eq!(found.len(), 10);
    }

    #[test]
    fn what_there_is_no_room_for_is_left_out() {
        let many = |count, verdict, failed: usize| vec![result("shop", verdict, &vec!["40"; failed]); count];
        let read = |results: &[AnalysisResult]| {
            let text = analyses(results);
            assert!(text.len() <= LARGEST_VARIABLE);
            serde_json::from_str::<Vec<Value>>(&text).unwrap()
        };
        let mut passing = many(60, Verdict::Passed, 9);
        for gate in passing.iter_mut().filter_map(|result| result.gate.as_mut()) {
            gate.conditions.iter_mut().for_each(|condition| condition.status = GateStatus::Ok);
        }
        passing.extend(many(1, Verdict::Failed, 2));
        let list = read(&passing);
        assert_eq!((list.len(), list[0]["conditions"].as_array().map(Vec::len)), (61, Some(0)));
        assert_eq!(list[60]["conditions"].as_array().map(Vec::len), Some(2));
        let list = read(&many(60, Verdict::Failed, 20));
        assert_eq!((list.len(), list[0]["conditions"].is_null()), (60, true));
        let list = read(&[many(300, Verdict::Passed, 0), many(20, Verdict::Timeout, 0)].concat());
        assert_eq!((list.len(), list[0]["verdict"].as_str()), (20, Some("timeout")));
        assert_eq!(
            read(&many(1000, Verdict::Failed, 0)).len(),
            LARGEST_VARIABLE / (without_conditions(&many(1, Verdict::Failed, 0)[0]).to_string().len() + 1)
        );
    }

    #[test]
    fn output_variables() {
        let (console, written) = Console::buffer();
        let results = [
            result("web", Verdict::Passed, &[]),
            result("shop", Verdict::Failed, &["40", "20"]),
            result("api", Verdict::Failed, &["20"]),
        ];
        set_outputs(&Commands::new(console), Verdict::Failed, &results);
        let text = written();
        let value = |name: &str| {
            let prefix = format!("##vso[task.setvariable variable={name};isoutput=true;issecret=false;]");
            text.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap().to_owned()
        };
        assert_eq!(value("qualityGateStatus"), "failed");
        assert_eq!(value("failedConditions"), "coverage_40,coverage_20");
        assert_eq!(value("dashboardUrl"), "https://sonar.example/dashboard?id=shop");
        let analyses: Value = serde_json::from_str(&value("analyses")).unwrap();
        assert_eq!(analyses.as_array().unwrap().len(), 3);
        assert_eq!(
            analyses[2],
            json!({
                "key": "api", "branch": null, "pullRequest": null, "verdict": "failed",
                "link": "https://sonar.example/dashboard?id=api",
                "conditions": [{
                    "metric": "coverage_20", "failed": true, "actual": "20", "comparator": "LT", "threshold": "80",
                }],
            })
        );
    }
}
