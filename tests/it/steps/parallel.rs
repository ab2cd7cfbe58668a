//! SonarPublish in several jobs of one build at the same time.

use crate::fake_agent::{Task, TaskResult};
use crate::fake_azure_devops::AzureDevOps;
use crate::fake_sonarqube::{SonarQube, failed_gate, gate};
use crate::scenario::Scenario;

/// How often, for two and for five jobs. The order of requests is the schedule's and the processor's; 200 orders of the
/// single steps are tried beside the code (`step/publish/property/tests.rs`).
const RUNS: u64 = 13;

#[test]
fn parallel_jobs_never_leave_ok_beside_a_failed_analysis() {
    let azure = AzureDevOps::start();
    let mut jobs: Vec<_> = ["a", "b", "c", "d", "e"]
        .map(|name| {
            let mut scenario = Scenario::within(azure.clone(), SonarQube::start());
            scenario.job.set("System.PhaseName", name);
            scenario.sonarqube.processed("1", "shop", gate("OK"));
            scenario.analysed("1");
            scenario
        })
        .into();
    for count in [2, 5] {
        for seed in 1..=RUNS {
            azure.begin_anew(seed);
            // Every third run all pass, so that `ok` is written; else about every third job does not.
            let verdict = |index: u64| match (seed * 7 + index * 5) % 6 {
                _ if seed % 3 == 0 => "passed",
                0 => "failed",
                3 => "none",
                _ => "passed",
            };
            let verdicts: Vec<_> = (0..count).map(verdict).collect();
            let mut running = Vec::new();
            for (scenario, verdict) in jobs.iter_mut().zip(&verdicts) {
                let gate = match *verdict {
                    "failed" => failed_gate(),
                    "none" => gate("NONE"),
                    _ => gate("OK"),
                };
                scenario.sonarqube.change(|model| {
                    model.gates.insert("AY-1".into(), gate);
                });
                running.push(scenario.job.begin(Task::Publish, &[]));
            }
            for (step, verdict) in running.into_iter().zip(&verdicts) {
                let expected = if *verdict == "passed" { TaskResult::Succeeded } else { TaskResult::Failed };
                let step = step.finish();
                step.ended(expected);
                assert!(step.warnings.is_empty(), "{}", step.transcript());
            }
            let what = format!("{verdicts:?}, seed {seed}");
            let history = azure.history();
            for state in &history {
                let spoilt = state.iter().any(|(name, text)| {
                    name.starts_with("sonar-azdo.") && !text.contains(r#""verdict":"passed""#)
                });
                let ok = state.get("sonarglobalqualitygate").is_some_and(|value| value == "ok");
                assert!(!(spoilt && ok), "{what}: {history:#?}");
            }
            let last = history.last().unwrap();
            let worst = ["failed", "none"].into_iter().find(|worst| verdicts.contains(worst));
            assert_eq!(last["sonarglobalqualitygate"], worst.unwrap_or("ok"), "{what}: {history:#?}");
            for (verdict, job) in verdicts.iter().zip(["a", "b", "c", "d", "e"]) {
                let record: serde_json::Value =
                    serde_json::from_str(&last[&format!("sonar-azdo.__default.{job}.1")]).unwrap();
                assert_eq!(record["verdict"], *verdict, "{what}");
                assert_eq!(last[&format!("sonar-azdo-turn.__default.{job}")], "idle", "{what}");
            }
        }
    }
}
