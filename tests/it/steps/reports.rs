//! Reports that a step of the build has changed, and analyses without a report.

use crate::fake_agent::{Task, TaskResult};
use crate::fake_sonarqube::{SonarQube, gate};
use crate::scenario::Scenario;

#[test]
fn exchanged_reports_of_two_analyses_do_not_count() {
    for (reports, expected) in [
        // The other's, each; and one for both.
        (
            ["2", "1"],
            [
                "The report is of the project blog, not of shop",
                "The report is of the project shop, not of blog",
            ],
        ),
        (["1", "1"], ["", "The report is of the project shop, not of blog"]),
    ] {
        let mut scenario = Scenario::new();
        for (project, key) in [("shop", "1"), ("blog", "2")] {
            scenario.sonarqube.processed(key, project, gate("OK"));
            scenario.analysed_as(project, key);
        }
        let records = scenario.records();
        let texts = ["1", "2"].map(|key| {
            let index = usize::from(key == "2");
            std::fs::read_to_string(records[index].join("report-task.txt")).unwrap()
        });
        for (record, key) in records.iter().zip(reports) {
            std::fs::write(record.join("report-task.txt"), &texts[usize::from(key == "2")]).unwrap();
        }
        let step = scenario.publish(&[]);
        step.ended(TaskResult::Failed);
        for word in expected {
            assert!(
                word.is_empty() || step.errors.iter().any(|error| error.contains(word)),
                "{}",
                step.transcript()
            );
        }
        assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
    }
}

#[test]
fn one_report_does_not_count_for_two_analyses_of_a_project() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.analysed("1");
    scenario.analysed("1");
    let step = scenario.publish(&[]);
    assert!(
        step.sole_error().contains("already counted for another analysis of this job"),
        "{}",
        step.transcript()
    );
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
}

#[test]
fn a_report_that_names_another_server_gets_no_request() {
    let mut scenario = Scenario::new();
    let stranger = SonarQube::start();
    stranger.processed("1", "shop", gate("OK"));
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.analysed("1");
    let url = stranger.url().replace("127.0.0.1", "localhost");
    let report =
        format!("projectKey=shop\nserverUrl={url}\ndashboardUrl={url}/x\nceTaskUrl={url}/y\nceTaskId=AZ-1\n");
    std::fs::write(scenario.records()[0].join("report-task.txt"), report).unwrap();
    let step = scenario.publish(&[]);
    assert!(
        step.sole_error().contains(&format!("The report is of the server {url}")),
        "{}",
        step.transcript()
    );
    assert!(stranger.asked().is_empty(), "{:?}", stranger.asked());
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
}

#[test]
fn a_skipped_analysis_is_green_unless_on_skipped_says_otherwise() {
    for (policy, result) in [
        (None, TaskResult::Succeeded),
        (Some(("onSkipped", "warn")), TaskResult::SucceededWithIssues),
        (Some(("onSkipped", "fail")), TaskResult::Failed),
        (Some(("onSkippedDefaultBranch", "fail")), TaskResult::Failed),
        (Some(("onSkippedPullRequest", "fail")), TaskResult::Succeeded),
        (Some(("onNoVerdict", "ignore")), TaskResult::Succeeded),
    ] {
        let mut scenario = Scenario::new();
        scenario.prepare(&[("extraProperties", "sonar.scanner.skip=true")]).succeeded();
        scenario.job.run(Task::Analyze, &[]);
        let step = scenario.publish(&policy.into_iter().collect::<Vec<_>>());
        step.ended(result);
        if result != TaskResult::Failed {
            step.warns("Not analysed");
        }
        assert_eq!(scenario.gate_property().as_deref(), Some("skipped"), "{policy:?}");
    }
}
