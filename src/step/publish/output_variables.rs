//! The step's output variables.

use crate::agent::Commands;
use crate::quality_gate::Verdict;
use crate::summary::AnalysisResult;
use serde_json::{Value, json};

/// Every later step of the job has the variable in its environment: Windows takes 32,767 characters of one, and Linux
/// starts no process with one of 128 KiB.
const LARGEST_VARIABLE: usize = 30_000;

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
    use crate::agent::Console;
    use crate::quality_gate::GateStatus;
    use crate::step::publish::tests::result;

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
