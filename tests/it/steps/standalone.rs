//! SonarPublish without SonarPrepare: reports that scanners left, and projects with `projectKey`.

use super::several::{connection_of, download, exported};
use crate::fake_agent::{Step, Task, TaskResult, pipeline_time};
use crate::fake_sonarqube::{SonarQube, failed_gate, gate, server_time, task};
use crate::scenario::Scenario;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, SystemTime};

const OLD: Duration = Duration::from_secs(7_200);

/// Leaves the report of task `AZ-<key>` as a scanner does.
fn scanned(scenario: &Scenario, file: &str, key: &str, project: &str) {
    let server = scenario.sonarqube.url();
    let report = format!(
        "projectKey={project}\nserverUrl={server}\ndashboardUrl={server}/dashboard?id={project}\nceTaskId=AZ-{key}\n"
    );
    scenario.job.write(file, &report);
}

fn age(file: &Path) {
    let file = std::fs::File::options().write(true).open(file).unwrap();
    file.set_modified(SystemTime::now() - OLD).unwrap();
}

fn publish(scenario: &mut Scenario, inputs: &[(&str, &str)]) -> Step {
    let connection = scenario.connection.clone();
    let all: Vec<_> =
        [("SonarQube", connection.as_str())].into_iter().chain(inputs.iter().copied()).collect();
    scenario.job.run(Task::Publish, &all)
}

/// Takes the task `AZ-<key>` for one of this branch or pull request.
fn is_of(scenario: &Scenario, key: &str, name: &str, value: &str) {
    let mut task = task(key, "shop", "SUCCESS");
    task["task"][name] = json!(value);
    scenario.sonarqube.processing(key, [task]);
}

#[test]
fn the_usual_places_of_every_scanner_are_searched() {
    for file in [
        ".scannerwork/report-task.txt",
        "deep/er/.scannerwork/report-task.txt",
        "target/sonar/report-task.txt",
        "app/build/sonar/report-task.txt",
        ".sonarqube/out/.sonar/report-task.txt",
        "../temp/my/report-task.txt",
    ] {
        let mut scenario = Scenario::new();
        scenario.sonarqube.processed("1", "shop", gate("OK"));
        scanned(&scenario, file, "1", "shop");
        publish(&mut scenario, &[]).succeeded().says("Quality gate passed – The shop, main branch");
        assert_eq!(scenario.gate_property().as_deref(), Some("ok"), "{file}");
    }
    for file in
        ["node_modules/x/.scannerwork/report-task.txt", "src/report-task.txt", "sonar/report-task.txt"]
    {
        let mut scenario = Scenario::new();
        scenario.sonarqube.processed("1", "shop", gate("OK"));
        scanned(&scenario, file, "1", "shop");
        assert!(
            publish(&mut scenario, &[]).sole_error().contains("There is no report-task.txt of a scanner in")
        );
        assert_eq!(scenario.gate_property().as_deref(), Some("no-report"), "{file}");
    }
    // Without a connection there is no search.
    let mut scenario = Scenario::new();
    scanned(&scenario, ".scannerwork/report-task.txt", "1", "shop");
    let step = scenario.publish(&[]);
    insta::assert_snapshot!(scenario.job.tidy(step.sole_error()), @"there is no analysis to publish: <job>/temp/sonar-azdo contains no record. Run SonarPrepare and SonarAnalyze before SonarPublish, in the same job; for analyses of other jobs set analyses, and for those of a scanner that ran by itself a service connection.");
    let step = scenario.publish(&[("projectKey", "shop")]);
    insta::assert_snapshot!(step.sole_error(), @"reportTaskFiles and projectKey need a service connection. Set one of the inputs SonarQube, SonarCloud or connection of SonarPublish to its name.");
}

#[test]
fn a_report_of_an_earlier_build_does_not_count() {
    let with_reports = |fresh: bool| {
        let scenario = Scenario::new();
        scenario.sonarqube.processed("1", "shop", gate("OK"));
        scenario.sonarqube.processed("2", "blog", gate("OK"));
        scanned(&scenario, "a/.scannerwork/report-task.txt", "1", "shop");
        age(&scenario.job.sources().join("a/.scannerwork/report-task.txt"));
        if fresh {
            scanned(&scenario, "b/.scannerwork/report-task.txt", "2", "blog");
        }
        scenario
    };
    let mut scenario = with_reports(false);
    let step = publish(&mut scenario, &[]);
    insta::assert_snapshot!(scenario.job.tidy(step.sole_error()), @"No quality gate result – no analysis report was found – the project, branch main – <job>/s/a/.scannerwork/report-task.txt is older than this pipeline's run, so it is not of this build. Run the scanner before SonarPublish, or clean the workspace");
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
    // Beside a new one it is passed over; asked for by name it is missed.
    let mut scenario = with_reports(true);
    publish(&mut scenario, &[]).succeeded().warns("is older than this pipeline's run");
    let mut scenario = with_reports(true);
    publish(&mut scenario, &[("reportTaskFiles", "**/report-task.txt")]).sole_error();
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));

    // A copy of an old report is a new file, but the server knows when the report was submitted.
    let mut scenario = with_reports(true);
    let mut old = task("2", "blog", "SUCCESS");
    old["task"]["submittedAt"] = server_time(SystemTime::now() - OLD).into();
    scenario.sonarqube.processing("2", [old]);
    assert!(publish(&mut scenario, &[]).sole_error().contains("seconds before this pipeline began"));

    // Where the agent tells no start, Azure DevOps does; a file of the temporary folder, which an agent may fail to empty,
    // never does.
    let mut scenario = with_reports(true);
    scenario.job.unset("System.PipelineStartTime");
    let left_behind = scenario.job.write("old", "");
    age(&left_behind);
    std::fs::rename(left_behind, scenario.job.temp().join("old")).unwrap();
    let step = publish(&mut scenario, &[]);
    step.ended(TaskResult::Failed);
    assert!(step.errors[0].contains("does not say when the build started"), "{}", step.transcript());
    scenario.job.azure.started_builds_at(SystemTime::now() - OLD / 2);
    publish(&mut scenario, &[]).succeeded().warns("is older than this pipeline's run");
    scenario.job.azure.started_builds_at(SystemTime::now() - OLD * 2);
    publish(&mut scenario, &[]).succeeded();
}

#[test]
fn a_report_of_another_branch_does_not_count() {
    // What the task says it is of, the inputs, and why it is refused.
    type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], Option<&'a str>);
    let rows: [Row<'_>; 9] = [
        ("branch", "main", &[], None),
        ("branch", "feature/x", &[], None),
        ("branch", "other", &[], Some("The report is of the branch other, which this build is not of")),
        ("pullRequest", "7", &[], Some("The report is of pull request 7, which")),
        ("branch", "other", &[("branch", "other")], None),
        ("branch", "feature/x", &[("branch", "other")], Some("but the branch other was prepared")),
        ("branch", "main", &[("branch", "main")], None),
        (
            "branch",
            "feature/x",
            &[("projectKey", "blog")],
            Some("The report is of the project shop, not of blog"),
        ),
        ("pullRequest", "7", &[("pullRequest", "7")], None),
    ];
    for (name, value, inputs, refusal) in rows {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        scenario.job.set("Build.SourceBranch", "refs/heads/feature/x");
        scenario.sonarqube.processed("1", "shop", gate("OK"));
        is_of(&scenario, "1", name, value);
        scanned(&scenario, "x/report-task.txt", "1", "shop");
        let all: Vec<_> =
            [("reportTaskFiles", "x/*.txt")].into_iter().chain(inputs.iter().copied()).collect();
        let step = publish(&mut scenario, &all);
        match refusal {
            None => drop(step.succeeded()),
            Some(words) => assert!(step.sole_error().contains(words), "{}", step.transcript()),
        }
    }
    let mut scenario = Scenario::with(SonarQube::with_branches());
    scenario.job.of_pull_request("GitHub", "1234567", "refs/heads/fix", "main");
    scenario.job.set("System.PullRequest.PullRequestNumber", "7");
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    is_of(&scenario, "1", "pullRequest", "7");
    scanned(&scenario, "x/report-task.txt", "1", "shop");
    publish(&mut scenario, &[("reportTaskFiles", "x")]).succeeded().says("The shop, pull request 7");
    is_of(&scenario, "1", "pullRequest", "8");
    publish(&mut scenario, &[("reportTaskFiles", "x")]).sole_error();
    // An agent that tells no number on GitHub: the reference has it.
    scenario.job.unset("System.PullRequest.PullRequestNumber");
    scenario.job.set("Build.SourceBranch", "refs/pull/9/merge");
    let step = publish(&mut scenario, &[("reportTaskFiles", "nowhere")]);
    assert!(step.sole_error().contains("pull request 9"), "{}", step.transcript());
}

#[test]
fn a_report_with_a_record_is_judged_once() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.sonarqube.processed("2", "blog", failed_gate());
    scenario.analysed("1");
    for (file, key, project) in [
        ("a/report-task.txt", "1", "shop"),
        ("b/report-task.txt", "2", "blog"),
        ("c/report-task.txt", "2", "blog"),
    ] {
        scanned(&scenario, file, key, project);
    }
    publish(&mut scenario, &[("reportTaskFiles", "?/report-task.txt")]).sole_error();
    assert_eq!(scenario.sonarqube.times_asked("/api/ce/task"), 2);
    assert_eq!(scenario.job.azure.summaries()[0].0, "SonarQube – 2 projects – failed");
    let step = publish(&mut scenario, &[("reportTaskFiles", "nowhere/**")]);
    assert!(
        step.sole_error().contains("reportTaskFiles: no file matches nowhere/**"),
        "{}",
        step.transcript()
    );
}

#[test]
fn a_project_key_is_judged_by_its_current_gate() {
    let of = |branch: Option<&str>, pull_request: Option<&str>| {
        ("shop".to_owned(), branch.map(str::to_owned), pull_request.map(str::to_owned))
    };
    let (new, old) = (SystemTime::now(), SystemTime::now() - OLD);
    // A report of the main branch bears no name.
    let queued = Some(vec![json!({})]);
    let elsewhere = Some(vec![json!({ "branch": "other" })]);
    type Row<'a> = (&'a [(&'a str, &'a str)], Option<Vec<Value>>, &'a str, &'a str);
    let rows: [Row<'_>; 13] = [
        (&[], Some(vec![]), "ok", ""),
        (&[], None, "ok", ""),
        (&[("branch", "main")], None, "ok", ""),
        (&[("branch", "red")], None, "failed", "Coverage"),
        (&[("pullRequest", "7")], None, "ok", ""),
        (&[("branch", "stale")], Some(vec![]), "no-report", "This build did not analyse the branch stale"),
        (&[("branch", "stale")], None, "timeout", "not analysed since this pipeline began"),
        (
            &[("branch", "nowhere")],
            Some(vec![]),
            "no-report",
            "SonarQube knows no analysis of the branch nowhere",
        ),
        (
            &[("pullRequest", "8")],
            Some(vec![]),
            "no-report",
            "SonarQube knows no analysis of the pull request 8",
        ),
        (&[], queued.clone(), "timeout", "1 report in the queue"),
        (&[("branch", "main")], queued.clone(), "timeout", "1 report in the queue"),
        // Whether red is the main branch need not be known.
        (&[("branch", "red")], queued, "timeout", "1 report in the queue"),
        (&[("branch", "red")], elsewhere, "failed", "Coverage"),
    ];
    for (inputs, queue, property, words) in rows {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        scenario.sonarqube.change(|model| {
            model.queue = queue.clone();
            model.projects.insert(of(None, None), (new, gate("OK")));
            model.projects.insert(of(Some("red"), None), (new, failed_gate()));
            model.projects.insert(of(Some("stale"), None), (old, gate("OK")));
            model.projects.insert(of(None, Some("7")), (new, gate("OK")));
        });
        let timeout = if property == "timeout" { "5" } else { "600" };
        let all: Vec<_> = [("projectKey", "shop"), ("pollingTimeoutSec", timeout)]
            .into_iter()
            .chain(inputs.iter().copied())
            .collect();
        let step = publish(&mut scenario, &all);
        assert_eq!(scenario.gate_property().as_deref(), Some(property), "{inputs:?} {}", step.transcript());
        if property == "ok" {
            step.succeeded();
        } else {
            assert!(step.sole_error().contains(words), "{words}: {}", step.transcript());
        }
    }
}

#[test]
fn the_main_branch_of_each_project_is_requested_once() {
    let mut scenario = Scenario::with(SonarQube::with_branches());
    for (key, file) in [("1", "a/.scannerwork/report-task.txt"), ("2", "b/.scannerwork/report-task.txt")] {
        scenario.sonarqube.processed(key, "shop", gate("OK"));
        is_of(&scenario, key, "branch", "main");
        scanned(&scenario, file, key, "shop");
    }
    publish(&mut scenario, &[("branch", "main")]).succeeded();
    assert_eq!(scenario.sonarqube.times_asked("/api/project_branches/list"), 1);
}

/// How an analysis without a record of this job comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Imported,
    Report,
    Project,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    GateFails,
    NoGate,
    OddGate,
    OfAnotherProject,
    OfAnotherBranch,
    OfAPullRequest,
    HandedInBefore,
    TaskFailed,
    TaskUnknown,
    OfAnotherServer,
    OfAnotherBuild,
    FileIsOld,
    NeverAnalysed,
}

const WRONGS: [Wrong; 13] = [
    Wrong::GateFails,
    Wrong::NoGate,
    Wrong::OddGate,
    Wrong::OfAnotherProject,
    Wrong::OfAnotherBranch,
    Wrong::OfAPullRequest,
    Wrong::HandedInBefore,
    Wrong::TaskFailed,
    Wrong::TaskUnknown,
    Wrong::OfAnotherServer,
    Wrong::OfAnotherBuild,
    Wrong::FileIsOld,
    Wrong::NeverAnalysed,
];

fn can_befall(wrong: Wrong, way: Way) -> bool {
    match wrong {
        Wrong::GateFails | Wrong::NoGate | Wrong::OddGate | Wrong::HandedInBefore => true,
        Wrong::OfAnotherBuild => way == Way::Imported,
        Wrong::FileIsOld => way == Way::Report,
        Wrong::NeverAnalysed => way == Way::Project,
        _ => way != Way::Project,
    }
}

/// Sets the scene, all of it as it should be but for what is wrong, and publishes. The build's property.
fn verdict_of(way: Way, wrongs: &[Wrong]) -> String {
    let is = |wrong| wrongs.contains(&wrong);
    let mut scenario = Scenario::with(SonarQube::with_branches());
    let gate = match wrongs
        .iter()
        .find(|wrong| matches!(wrong, Wrong::GateFails | Wrong::NoGate | Wrong::OddGate))
    {
        Some(Wrong::GateFails) => failed_gate(),
        Some(Wrong::NoGate) => gate("NONE"),
        Some(_) => gate("Ok"),
        None => gate("OK"),
    };
    let when = SystemTime::now() - if is(Wrong::HandedInBefore) { OLD } else { Duration::ZERO };
    let mut task = task("1", "shop", if is(Wrong::TaskFailed) { "FAILED" } else { "SUCCESS" });
    if is(Wrong::OfAnotherProject) {
        task["task"]["componentKey"] = json!("blog");
    }
    if is(Wrong::OfAnotherBranch) {
        task["task"]["branch"] = json!("other");
    }
    if is(Wrong::OfAPullRequest) {
        task["task"]["pullRequest"] = json!("9");
    }
    if is(Wrong::HandedInBefore) {
        task["task"]["submittedAt"] = server_time(when).into();
    }
    scenario.sonarqube.change(|model| {
        model.queue = Some(Vec::new());
        model.gates.insert("AY-1".into(), gate.clone());
        if !is(Wrong::TaskUnknown) {
            model.tasks.insert("AZ-1".into(), [task].into());
        }
        if !is(Wrong::NeverAnalysed) {
            model.projects.insert(("shop".into(), None, None), (when, gate));
        }
    });
    let server = if is(Wrong::OfAnotherServer) {
        "http://elsewhere.example".to_owned()
    } else {
        scenario.sonarqube.url()
    };
    let report = format!("projectKey=shop\nserverUrl={server}\nceTaskId=AZ-1\n");
    // What must pass has all the time; where something is wrong, an end for want of time is right too.
    let limit = if wrongs.is_empty() { "600" } else { "2" };
    match way {
        Way::Project => {
            publish(&mut scenario, &[("projectKey", "shop")]);
        }
        Way::Report => {
            let file = scenario.job.write("build/sonar/report-task.txt", &report);
            if is(Wrong::FileIsOld) {
                age(&file);
            }
            publish(&mut scenario, &[("pollingTimeoutSec", limit)]);
        }
        Way::Imported => {
            let file = exported(&mut scenario, "1");
            let mut job = scenario.another_job();
            let connection = connection_of(&mut job, &scenario);
            download(&job, &file, |record| {
                record["report"] = report.into();
                // As old as it can be made to look.
                record["prepared"]["created"] = json!(0);
                if is(Wrong::OfAnotherBuild) {
                    record["build"]["id"] = json!("1");
                }
            });
            job.run(
                Task::Publish,
                &[("SonarQube", &connection), ("analyses", "analyses"), ("pollingTimeoutSec", limit)],
            );
        }
    }
    scenario.gate_property().unwrap()
}

#[test]
fn a_report_the_server_does_not_confirm_has_no_verdict() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for way in [Way::Imported, Way::Report, Way::Project] {
        let possible: Vec<_> = WRONGS.into_iter().filter(|wrong| can_befall(*wrong, way)).collect();
        assert_eq!(verdict_of(way, &[]), "ok", "{way:?}");
        let alone = possible.iter().map(|wrong| vec![*wrong]);
        let together = (0..6).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // At least one.
            let chosen =
                possible.iter().enumerate().filter(|(index, _)| *index == 0 || state >> index & 1 == 1);
            chosen.map(|(_, wrong)| *wrong).collect::<Vec<_>>()
        });
        for wrongs in alone.chain(together).collect::<Vec<_>>() {
            assert_ne!(verdict_of(way, &wrongs), "ok", "{way:?} {wrongs:?}");
        }
    }
}

#[test]
fn every_format_of_the_pipeline_start_time_is_read() {
    assert_eq!(pipeline_time(SystemTime::UNIX_EPOCH), "1970-01-01 00:00:00+00:00");
}
