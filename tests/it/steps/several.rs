//! Several analyses: in one job with names, and in several jobs with exported records.

use crate::fake_agent::{Job, Step, Task, TaskResult};
use crate::fake_sonarqube::{SonarQube, TOKEN, failed_gate, gate, task};
use crate::scenario::Scenario;
use crate::steps::publish::scanner_context;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The service connection of another job, which is its first.
pub(super) fn connection_of(job: &mut Job, scenario: &Scenario) -> String {
    job.connect_server(&scenario.sonarqube.url(), TOKEN)
}

/// Prepares an analysis by its name, the engine's report being task `AZ-<key>`.
fn prepare_named(scenario: &mut Scenario, name: &str, key: &str) {
    let engine = scenario.engine(&scenario.report(key, name));
    let inputs = [("cliProjectKey", name), ("analysisName", name), ("extraProperties", &engine)];
    scenario.prepare(&inputs).succeeded();
}

#[test]
fn analysis_name_selects_the_analysis() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "web", gate("OK"));
    scenario.sonarqube.processed("2", "api", failed_gate());
    prepare_named(&mut scenario, "web", "1");
    prepare_named(&mut scenario, "api", "2");

    let tidy = |scenario: &Scenario, step: &Step| scenario.job.tidy(step.sole_error());
    let step = scenario.analyze();
    insta::assert_snapshot!(tidy(&scenario, &step), @"2 prepared analyses have not run yet: web (web), api (api). Run each SonarAnalyze right after its SonarPrepare, or give both the same analysisName.");
    let step = scenario.analyze_with(&[("analysisName", "blog")]);
    insta::assert_snapshot!(tidy(&scenario, &step), @"no prepared analysis is called blog. Not run yet: web (web), api (api). Use the analysisName of a SonarPrepare that ran earlier in the same job.");

    // The engine is one script for both, and the second one's report was written last.
    scenario.analyze_with(&[("analysisName", "api")]).succeeded();
    scenario.engine(&scenario.report("1", "web"));
    let step = scenario.analyze_with(&[("analysisName", "api")]);
    insta::assert_snapshot!(tidy(&scenario, &step), @"the analysis api has already run. Not run yet: web (web). Use the analysisName of a SonarPrepare that ran earlier in the same job.");
    // A single analysis needs no name.
    scenario.analyze().succeeded();
    let step = scenario.analyze_with(&[("analysisName", "web")]);
    insta::assert_snapshot!(tidy(&scenario, &step), @"the analysis web has already run. All prepared analyses have run. Use the analysisName of a SonarPrepare that ran earlier in the same job.");

    scenario.publish(&[]).ended(TaskResult::Failed);
    assert_eq!(scenario.job.azure.summaries()[0].0, "SonarQube – 2 projects – failed");
    assert_eq!(scenario.record(0, "prepared.json")["name"], "web");
    assert_eq!(scenario.sonarqube.times_asked("/api/ce/task"), 2);
}

#[test]
fn a_duplicate_analysis_name_is_an_error() {
    let mut scenario = Scenario::new();
    prepare_named(&mut scenario, "web", "1");
    prepare_named(&mut scenario, "web", "2");
    let step = scenario.analyze_with(&[("analysisName", "web")]);
    insta::assert_snapshot!(scenario.job.tidy(step.sole_error()), @"2 prepared analyses are called web. Not run yet: web (web), web (web). Give each SonarPrepare of a job a different analysisName.");
}

/// Exports the one record of a scenario; the file.
pub(super) fn exported(scenario: &mut Scenario, key: &str) -> PathBuf {
    let engine = scenario.engine(&scenario.report(key, "shop"));
    scenario.prepare(&[("extraProperties", &engine)]).succeeded();
    scenario.analyze_with(&[("exportTo", "out/sonar")]).succeeded().says("Exported 1 record to ");
    only_file(scenario)
}

fn only_file(scenario: &Scenario) -> PathBuf {
    let folder = scenario.job.sources().join("out/sonar");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    file.clone()
}

/// Downloads a record into a job, with what `change` makes of it.
pub(super) fn download(job: &Job, file: &PathBuf, change: impl FnOnce(&mut Value)) {
    let mut record: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    change(&mut record);
    let folder = job.path("analyses/sonar-1");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(file.file_name().unwrap()), record.to_string()).unwrap();
}

fn publish(job: &mut Job, connection: &str) -> Step {
    job.run(Task::Publish, &[("SonarQube", connection), ("analyses", "analyses/**")])
}

#[test]
fn a_record_is_judged_on_another_agent() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    let file = exported(&mut scenario, "1");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains(TOKEN) && !text.contains(&scenario.job.path("").display().to_string()), "{text}");

    let mut job = scenario.another_job();
    let connection = connection_of(&mut job, &scenario);
    download(&job, &file, |_| ());
    let step = publish(&mut job, &connection);
    step.succeeded().says("Quality gate passed – The shop, branch main");
    assert_eq!(scenario.gate_property().as_deref(), Some("ok"));
    assert_eq!(scenario.job.azure.summaries()[0].0, "SonarQube – The shop – passed");

    // The job that made it may publish it too, and judges it once.
    let before = scenario.sonarqube.times_asked("/api/ce/task");
    let connection = scenario.connection.clone();
    scenario.publish(&[("SonarQube", &connection), ("analyses", "out/sonar")]).succeeded();
    assert_eq!(scenario.sonarqube.times_asked("/api/ce/task"), before + 1);
}

#[test]
fn an_exported_record_holds_a_report_left_elsewhere_and_the_scanners_project() {
    let mut scenario = Scenario::new();
    // In mode other the scanner reads its token there.
    scenario.job.allow_leaks();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    let report = scenario.job.sources().join("report.txt");
    let extra = format!("sonar.scanner.metadataFilePath={}", report.display());
    scenario.prepare_as(&[("scannerMode", "other"), ("extraProperties", &extra)]).succeeded();
    let url = scenario.sonarqube.url();
    std::fs::write(&report, format!("projectKey=shop\nserverUrl={url}\nceTaskId=AZ-1\n")).unwrap();
    scenario.analyze_with(&[("exportTo", "out/sonar")]).succeeded();
    let mut processed = task("1", "shop", "SUCCESS");
    processed["task"]["scannerContext"] = scanner_context(&report);
    scenario.sonarqube.processing("1", [processed]);

    let mut job = scenario.another_job();
    let connection = connection_of(&mut job, &scenario);
    download(&job, &only_file(&scenario), |_| ());
    publish(&mut job, &connection).succeeded();
}

#[test]
fn an_exported_record_holds_a_failed_or_missing_analysis() {
    for (body, verdict) in [("exit 1", "analysis-failed"), ("exit 0", "no-report")] {
        let mut scenario = Scenario::new();
        let engine = scenario.engine(body);
        scenario.prepare(&[("extraProperties", &engine)]).succeeded();
        scenario.analyze_with(&[("exportTo", "out/sonar")]);
        let mut job = scenario.another_job();
        let connection = connection_of(&mut job, &scenario);
        download(&job, &only_file(&scenario), |_| ());
        publish(&mut job, &connection).sole_error();
        assert_eq!(scenario.gate_property().as_deref(), Some(verdict));
    }
    // Prepared twice, analysed once: the copy that tells more counts.
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    let file = exported(&mut scenario, "1");
    let mut job = scenario.another_job();
    let connection = connection_of(&mut job, &scenario);
    download(&job, &file, |_| ());
    let early = job.path("analyses/a");
    std::fs::create_dir_all(&early).unwrap();
    let mut record: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    (record["outcome"], record["report"]) = (Value::Null, Value::Null);
    std::fs::write(early.join(file.file_name().unwrap()), record.to_string()).unwrap();
    publish(&mut job, &connection).succeeded();
}

#[test]
fn the_newest_attempt_of_a_job_counts() {
    let mut failed = Scenario::new();
    let engine = failed.engine("exit 1");
    failed.prepare(&[("extraProperties", &engine)]).succeeded();
    failed.analyze_with(&[("exportTo", "out/sonar")]);
    let first = only_file(&failed);
    let mut again = Scenario::within(failed.job.azure.clone(), SonarQube::start());
    again.job.set("System.StageAttempt", "2");
    again.job.set("System.JobAttempt", "2");
    again.sonarqube.processed("1", "shop", gate("OK"));
    let second = exported(&mut again, "1");

    type Change = fn(&mut Value);
    let changes: [(Change, bool); 5] = [
        (|_| (), true),
        (|r| r["build"]["id"] = json!("4710"), false),
        // The failure of another job stays.
        (|r| r["job"] = json!("__default.other"), false),
        // The last attempt failed, so the job failed.
        (|r| r["attempt"] = json!([3, 1]), false),
        (|r| r["attempt"] = json!([2, 2]), false),
    ];
    for (change, passes) in changes {
        let mut job = again.another_job();
        let connection = connection_of(&mut job, &again);
        download(&job, &first, change);
        download(&job, &second, |_| ());
        let step = publish(&mut job, &connection);
        if passes {
            step.succeeded().says("by attempt 1 of ");
        } else {
            step.ended(TaskResult::Failed);
        }
    }
}

#[test]
fn an_altered_artifact_turns_nothing_green() {
    let other = SonarQube::start();
    let evil = other.url();
    let report = |project: &str, task: &str, server: &str| {
        json!(format!("projectKey={project}\nserverUrl={server}\nceTaskId={task}\n"))
    };
    type Change<'a> = Box<dyn Fn(&mut Value, &str) + 'a>;
    let changes: Vec<(Change<'_>, &str, &str)> = vec![
        (
            Box::new(|r, _| r["build"]["id"] = json!("4710")),
            "no-report",
            "The record is of build 4710, not of this build, 4711",
        ),
        (
            Box::new(|r, _| r["build"]["project"] = json!("p")),
            "no-report",
            "The record is of build 4711 of the project p at",
        ),
        (
            Box::new(|r, _| r["build"]["collection"] = json!("https://dev.azure.com/x")),
            "no-report",
            "at https://dev.azure.com/x, not",
        ),
        (Box::new(|r, _| r["version"] = json!(1)), "no-report", "not written by this version"),
        (Box::new(|r, _| r["prepared"]["id"] = json!("../x")), "no-report", "is not an exported record"),
        (Box::new(|r, _| r["more"] = json!(1)), "no-report", "is not an exported record"),
        (Box::new(|r, _| r["prepared"]["server"]["url"] = json!(evil)), "unknown", "It was analysed by"),
        // The address of the API in the record does not matter.
        (Box::new(|r, _| r["prepared"]["server"]["apiUrl"] = json!(evil)), "passed", ""),
        (
            Box::new(|r, url| r["report"] = report("blog", "AZ-2", url)),
            "no-report",
            "of the project blog, not of shop",
        ),
        (
            Box::new(|r, url| r["report"] = report("shop", "AZ-2", url)),
            "no-report",
            "of the project blog, not of shop",
        ),
        (
            Box::new(|r, url| r["report"] = report("shop", "AZ-9", url)),
            "no-report",
            "does not know the compute engine task AZ-9",
        ),
        (
            Box::new(|r, _| r["report"] = report("shop", "AZ-1", &evil)),
            "no-report",
            "The report is of the server",
        ),
        (
            Box::new(|r, url| {
                r["report"] = report("shop", "AZ-3", url);
                r["prepared"]["created"] = json!(1);
            }),
            "no-report",
            "seconds before this pipeline began",
        ),
        // Nor does the branch in the record: the server tells the branch.
        (Box::new(|r, _| r["prepared"]["target"] = json!({ "branch": { "name": "x" } })), "passed", ""),
        (Box::new(|r, url| r["report"] = report("shop", "AZ-4", url)), "no-report", "branch x"),
        (
            Box::new(|r, _| r["outcome"] = json!({ "skipped": { "reason": "m" } })),
            "no-report",
            "is not sealed with the token",
        ),
        (
            Box::new(|r, _| {
                r["prepared"]["skip"] = json!("m");
                r["outcome"] = Value::Null;
            }),
            "no-report",
            "is not sealed with the token",
        ),
        (
            Box::new(|r, url| {
                r["chosenReportFile"] = json!(true);
                r["report"] = report("shop", "AZ-5", url);
            }),
            "no-report",
            "of another analysis",
        ),
        // Neither checks are left out because the record leaves out what they compare with.
        (
            Box::new(|r, url| {
                r["prepared"]["projectKey"] = Value::Null;
                r["report"] = report("blog", "AZ-2", url);
            }),
            "no-report",
            "does not say which project was analysed",
        ),
        (
            Box::new(|r, _| r["prepared"]["properties"]["sonar.scanner.metadataFilePath"] = json!("/x")),
            "no-report",
            "it holds the property sonar.scanner.metadataFilePath",
        ),
        (Box::new(|r, _| r["report"] = json!("ceTaskId=AZ-1\n")), "no-report", "has no projectKey"),
        (Box::new(|r, _| r["report"] = Value::Null), "no-report", "No scanner had left a report"),
        (Box::new(|r, _| r["outcome"] = json!({ "failed": { "message": "m" } })), "analysis-failed", "– m"),
    ];
    for (change, verdict, words) in changes {
        let mut scenario = Scenario::new();
        scenario.sonarqube.processed("1", "shop", gate("OK"));
        scenario.sonarqube.processed("2", "blog", gate("OK"));
        let mut old = task("3", "shop", "SUCCESS");
        old["task"]["submittedAt"] = json!("2026-01-01T00:00:00+0000");
        scenario.sonarqube.processing("3", [old]);
        scenario.sonarqube.change(|model| {
            model.gates.insert("AY-3".into(), gate("OK"));
        });
        let mut of_branch = task("4", "shop", "SUCCESS");
        (of_branch["task"]["branch"], of_branch["task"]["branchType"]) = (json!("x"), json!("BRANCH"));
        scenario.sonarqube.processing("4", [of_branch]);
        let mut of_another = task("5", "shop", "SUCCESS");
        of_another["task"]["scannerContext"] =
            scanner_context(std::path::Path::new("/another/report-task.txt"));
        scenario.sonarqube.processing("5", [of_another]);
        let file = exported(&mut scenario, "1");
        let mut job = scenario.another_job();
        let connection = connection_of(&mut job, &scenario);
        let url = scenario.sonarqube.url();
        download(&job, &file, |record| change(record, &url));
        let step = publish(&mut job, &connection);
        if verdict == "passed" {
            step.succeeded();
        } else {
            assert!(step.sole_error().contains(words), "{words}: {}", step.transcript());
        }
        let property = scenario.gate_property();
        assert_eq!(property.as_deref(), Some(if verdict == "passed" { "ok" } else { verdict }), "{words}");
    }
    assert!(other.asked().is_empty(), "the token went elsewhere");
}

#[test]
fn a_missing_connection_or_report_of_a_record_is_explained() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    let file = exported(&mut scenario, "1");
    let other = SonarQube::start();

    let mut job = scenario.another_job();
    download(&job, &file, |_| ());
    let step = job.run(Task::Publish, &[("analyses", "analyses/*/*.json")]);
    assert!(
        step.sole_error().contains("set SonarQube, SonarCloud or connection of SonarPublish"),
        "{}",
        step.transcript()
    );

    let elsewhere = job.connect_server(&other.url(), TOKEN);
    let step = job.run(Task::Publish, &[("SonarQube", &elsewhere), ("analyses", "analyses")]);
    assert!(step.sole_error().contains("Use one SonarPublish for each server"), "{}", step.transcript());
    assert!(other.asked().is_empty());

    let connection = connection_of(&mut job, &scenario);
    let inputs = [("SonarQube", connection.as_str()), ("analyses", "analyses/**\nnowhere/*.json")];
    let step = job.run(Task::Publish, &inputs);
    insta::assert_snapshot!(step.sole_error(), @"No quality gate result – no analysis report was found – nowhere/*.json, branch main – analyses: no exported record matches nowhere/*.json. Download the artifact before SonarPublish. SonarAnalyze writes it to the folder in its input exportTo");
    assert_eq!(scenario.gate_property().as_deref(), Some("unknown"), "the worst of three");

    // A broken file is not a record either.
    let mut job = scenario.another_job();
    let connection = connection_of(&mut job, &scenario);
    std::fs::create_dir_all(job.path("analyses")).unwrap();
    std::fs::write(job.path("analyses/sonar-analysis-1.json"), "{").unwrap();
    let step = publish(&mut job, &connection);
    assert!(step.sole_error().contains("is not an exported record: EOF"), "{}", step.transcript());
}

/// A job of a fork's pull request, in which SonarPrepare never ran.
fn of_fork() -> Scenario {
    let mut scenario = Scenario::new();
    scenario.job.of_pull_request("GitHub", "7", "fix", "main");
    scenario.job.set("System.PullRequest.IsFork", "True");
    scenario
}

#[test]
fn a_fork_without_secrets_is_skipped_with_a_warning() {
    let mut scenario = of_fork();
    scenario
        .analyze_with(&[("exportTo", "out")])
        .succeeded()
        .warns("Nothing is analysed: this pull request comes from a fork");
    let note = scenario.job.sources().join("out/sonar-analysis-none.json");
    let step = scenario.publish(&[]);
    step.succeeded().warns("comes from a fork");
    assert_eq!(step.variable("qualityGateStatus"), "skipped");
    assert_eq!(scenario.gate_property().as_deref(), Some("skipped"));
    let [(title, text)] = &scenario.job.azure.summaries()[..] else { panic!("one summary") };
    assert_eq!(title, "SonarQube – the project – skipped");
    insta::assert_snapshot!(text, @"
    ### ⏭️ Not analysed – the analysis was skipped

    **the project** · pull request 7 (fix → main)

    this pull request comes from a fork, whose builds get no secrets: without a service connection SonarPrepare could not run
    ");

    // The job that joins the records is told; what never came to an export is not known to be a fork's lack.
    let mut job = scenario.another_job();
    job.of_pull_request("GitHub", "7", "fix", "main");
    job.set("System.PullRequest.IsFork", "True");
    let analyses = ("analyses", "analyses/**");
    job.run(Task::Publish, &[analyses]).sole_error();
    download(&job, &note, |_| ());
    let step = job.run(Task::Publish, &[analyses]);
    step.succeeded().warns("comes from a fork");
    assert_eq!(step.variable("qualityGateStatus"), "skipped");
    let step = job.run(Task::Publish, &[analyses, ("onMissingConnection", "fail")]);
    assert!(step.sole_error().contains("onMissingConnection of this SonarPublish is not skip"));
    download(&job, &note, |note| note["build"]["id"] = json!("1"));
    let step = job.run(Task::Publish, &[analyses]);
    assert!(step.sole_error().contains("The record is of build 1, not of this build"));
}

#[test]
fn on_missing_connection_decides_what_is_skipped() {
    let mut scenario = of_fork();
    let fail = [("onMissingConnection", "fail")];
    assert!(scenario.analyze_with(&fail).sole_error().starts_with("there is no analysis to run"));
    assert!(scenario.publish(&fail).sole_error().starts_with("there is no analysis to publish"));
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));

    let mut scenario = Scenario::new();
    let skip = [("onMissingConnection", "skip")];
    scenario.analyze_with(&skip).succeeded();
    scenario.publish(&skip).succeeded().warns("SonarPrepare did not run");
    scenario.publish(&[]).sole_error();

    // A connection that exists but does not work is an error.
    let mut scenario = of_fork();
    scenario.sonarqube.change(|model| model.accepted.clear());
    scenario.prepare(&[]).sole_error();
    scenario.analyze().sole_error();
    scenario.publish(&[]).sole_error();
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
    // Nor is one whose records a step of the build deleted: its token is in the job.
    let mut scenario = of_fork();
    scenario.prepare(&[("branch", "off")]).succeeded();
    std::fs::remove_dir_all(scenario.job.temp().join("sonar-azdo")).unwrap();
    scenario.analyze().sole_error();
    scenario.publish(&[]).sole_error();
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
}

#[test]
fn a_forged_higher_attempt_removes_no_genuine_record() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", failed_gate());
    scenario.sonarqube.processed("2", "blog", gate("OK"));
    let genuine = exported(&mut scenario, "1");
    let mut job = scenario.another_job();
    let connection = connection_of(&mut job, &scenario);
    download(&job, &genuine, |_| ());
    // The same job, run again, says the forger; and a copy of the genuine one that tells more.
    let forged = |id: &str, change: &dyn Fn(&mut Value)| {
        let mut record: Value = serde_json::from_slice(&std::fs::read(&genuine).unwrap()).unwrap();
        change(&mut record);
        std::fs::create_dir_all(job.path("analyses/forged")).unwrap();
        std::fs::write(
            job.path("analyses/forged").join(format!("sonar-analysis-{id}.json")),
            record.to_string(),
        )
        .unwrap();
    };
    let url = scenario.sonarqube.url();
    forged("a", &|record| {
        record["attempt"] = json!([9, 9]);
        record["prepared"]["id"] = json!("ab".repeat(16));
        record["prepared"]["projectKey"] = json!("blog");
        record["report"] = json!(format!("projectKey=blog\nserverUrl={url}\nceTaskId=AZ-2\n"));
    });
    forged("b", &|record| {
        record["prepared"]["skip"] = json!("nothing to do");
        record["outcome"] = Value::Null;
    });
    publish(&mut job, &connection).ended(TaskResult::Failed);
    let conditions = scenario.gate_property();
    assert!(matches!(conditions.as_deref(), Some("failed" | "no-report")), "{conditions:?}");
}

#[test]
fn a_key_listed_in_projects_must_be_analysed() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    let file = exported(&mut scenario, "1");
    for (projects, missing) in [("shop", None), ("shop\nblog", Some("blog"))] {
        let mut job = scenario.another_job();
        let connection = connection_of(&mut job, &scenario);
        download(&job, &file, |_| ());
        let inputs =
            [("SonarQube", connection.as_str()), ("analyses", "analyses/**"), ("projects", projects)];
        let step = job.run(Task::Publish, &inputs);
        match missing {
            None => _ = step.succeeded(),
            Some(key) => assert!(
                step.sole_error()
                    .contains(&format!("There is no analysis of {key}, which the input projects names")),
                "{}",
                step.transcript()
            ),
        }
    }
}

#[test]
fn a_missing_connection_note_does_not_count_if_publish_has_a_connection() {
    let mut scenario = of_fork();
    scenario.analyze_with(&[("exportTo", "out")]).succeeded();
    let note = scenario.job.sources().join("out/sonar-analysis-none.json");
    let mut job = scenario.another_job();
    job.of_pull_request("GitHub", "7", "fix", "main");
    job.set("System.PullRequest.IsFork", "True");
    download(&job, &note, |_| ());
    let connection = connection_of(&mut job, &scenario);
    let step = publish(&mut job, &connection);
    assert!(step.sole_error().contains("but SonarPublish has one"), "{}", step.transcript());
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
}
