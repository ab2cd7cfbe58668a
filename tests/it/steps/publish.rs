//! SonarPublish: from the compute engine's task to the verdict, the Build Summary and the build's property.

use crate::fake_agent::{Task, TaskResult};
use crate::fake_azure_devops::SignIn;
use crate::fake_sonarqube::{failed_gate, gate, json_answer, server_time, task};
use crate::scenario::{Scenario, report_on};
use rustix::process::Signal;
use serde_json::json;
use std::path::Path;
use std::time::{Duration, SystemTime};
use wiremock::ResponseTemplate;

/// The text of the one Build Summary.
#[track_caller]
pub(super) fn summary(scenario: &Scenario) -> String {
    let [(_, text)] = &scenario.job.azure.summaries()[..] else { panic!("one summary") };
    scenario.job.tidy(text)
}

#[test]
fn a_passed_gate_writes_ok() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.analysed("1");
    let step = scenario.publish(&[]);
    step.succeeded().says("Quality gate passed – The shop, branch main");
    assert!(step.warnings.is_empty(), "{:?}", step.warnings);
    assert_eq!(scenario.gate_property().as_deref(), Some("ok"));
    let (project, build) = (scenario.job.azure.project().id, scenario.job.azure.build_id());
    let patch = format!("PATCH /contoso/{project}/_apis/build/builds/{build}/properties");
    assert!(scenario.job.azure.requests().contains(&patch), "{:?}", scenario.job.azure.requests());
    assert_eq!(scenario.job.azure.summaries()[0].0, "SonarQube – The shop – passed");
    // It goes with the job, and not before the agent has uploaded it.
    let attached = step.commands.iter().find(|command| command.is("task.addattachment")).unwrap();
    assert!(Path::new(&attached.data).starts_with(scenario.job.temp()), "{}", attached.data);
    insta::assert_snapshot!(summary(&scenario), @"
    ### ✅ Quality gate passed

    **The shop** · branch main

    No condition was checked. That is usual for a first analysis: no code counts as new yet.

    | Overall code | Value |
    | :--- | ---: |
    | Issues | 3 |
    | Coverage | 85.4% |
    | Lines of code | 340 |

    [Open in SonarQube Community Build](<server>/dashboard?id=shop) · version 26.9.0.129388
    ");
}

#[test]
fn a_failed_gate_is_one_error_for_each_failed_condition() {
    let mut scenario = Scenario::new();
    let mut gate = failed_gate();
    let rating = json!({
        "status": "ERROR", "metricKey": "security_rating", "comparator": "GT", "errorThreshold": "1", "actualValue": "3"
    });
    gate["conditions"].as_array_mut().unwrap().push(rating);
    scenario.sonarqube.processed("1", "shop", gate);
    scenario.analysed("1");
    let step = scenario.publish(&[]);
    step.ended(TaskResult::Failed);
    insta::assert_snapshot!(scenario.job.tidy(&step.errors.join("\n")), @"
    Security Rating: C (required: A) – The shop, branch main – <server>/dashboard?id=shop
    Coverage: 61.5% (required: ≥ 80%) – The shop, branch main – <server>/dashboard?id=shop
    ");
    assert_eq!(step.completions[0].1, "Quality gate failed");
    assert_eq!(scenario.gate_property().as_deref(), Some("failed"));
    assert_eq!(scenario.job.azure.summaries()[0].0, "SonarQube – The shop – failed");
    insta::assert_snapshot!(summary(&scenario), @"
    ### ❌ Quality gate failed – 2 of 3 conditions

    **The shop** · branch main

    | Failed condition | Actual | Required |
    | :--- | ---: | :--- |
    | Coverage | 61.5% | ≥ 80% |
    | Security Rating | C | A |

    | Overall code | Value |
    | :--- | ---: |
    | Issues | 3 |
    | Coverage | 85.4% |
    | Lines of code | 340 |

    [Open in SonarQube Community Build](<server>/dashboard?id=shop) · version 26.9.0.129388
    ");
}

#[test]
fn no_verdict_but_passed_is_green() {
    let with = |key: &str, value: serde_json::Value| {
        let mut task = task("1", "shop", "SUCCESS");
        task["task"][key] = value;
        task
    };
    let comparator = json!({ "status": "OK", "ignoredConditions": false, "conditions": [
        { "status": "OK", "metricKey": "coverage", "comparator": "ABOUT", "errorThreshold": "80", "actualValue": "81" }
    ] });
    let passed = || task("1", "shop", "SUCCESS");
    for (task, gate, property, error) in [
        (passed(), gate("NONE"), "none", "SonarQube computed no quality gate for this analysis"),
        (passed(), gate("WARN"), "failed", "Quality gate failed"),
        (passed(), gate("GREAT"), "unknown", "answered \"GREAT\" for the quality gate"),
        (passed(), gate("ok"), "unknown", "answered \"ok\" for the quality gate"),
        (passed(), comparator, "unknown", "the comparator \"ABOUT\""),
        (passed(), json!({}), "unknown", "did not answer for the quality gate within 5 seconds"),
        (task("1", "shop", "FAILED"), gate("OK"), "analysis-failed", "Unable to read message from file"),
        (task("1", "shop", "CANCELED"), gate("OK"), "analysis-failed", "was cancelled"),
        (with("analysisId", json!(null)), gate("OK"), "unknown", "names no analysis"),
        (with("analysisId", json!("AY-9")), gate("OK"), "unknown", "Analysis with id 'AY-9' is not found"),
        (
            with("componentKey", json!("blog")),
            gate("OK"),
            "no-report",
            "The report is of the project blog, not of shop",
        ),
        (json!({}), gate("OK"), "unknown", "did not process the report within 5 seconds"),
    ] {
        let mut scenario = Scenario::new();
        scenario.sonarqube.processing("1", [task.clone()]);
        scenario.sonarqube.change(|model| {
            model.gates.insert("AY-1".into(), gate.clone());
        });
        scenario.analysed("1");
        // Time is short only where it is to run out.
        let limit = if error.contains("within") { "5" } else { "600" };
        let step = scenario.publish(&[("pollingTimeoutSec", limit)]);
        assert!(step.sole_error().contains(error), "{error}: {}", step.transcript());
        assert_eq!(scenario.gate_property().as_deref(), Some(property), "{task} {gate}");
        let [(title, text)] = &scenario.job.azure.summaries()[..] else { panic!("one summary") };
        assert!(!title.contains("passed") && !text.contains('✅'), "{title}: {text}");
    }
}

#[test]
fn without_a_report_there_is_no_verdict() {
    // Nothing was prepared.
    let mut scenario = Scenario::new();
    let step = scenario.publish(&[]);
    insta::assert_snapshot!(scenario.job.tidy(step.sole_error()), @"there is no analysis to publish: <job>/temp/sonar-azdo contains no record. Run SonarPrepare and SonarAnalyze before SonarPublish, in the same job; for analyses of other jobs set analyses, and for those of a scanner that ran by itself a service connection.");
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
    assert!(scenario.job.azure.summaries().is_empty());

    // Prepared, and never analysed.
    let mut scenario = Scenario::new();
    scenario.prepare(&[]).succeeded();
    let step = scenario.publish(&[]);
    assert!(step.sole_error().contains("The scanner left no report at"), "{}", step.transcript());
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));

    // Reports that are cut short, or of another project.
    for (report, why) in [
        ("projectKey=shop\nserverUrl=http://x\n", "has no ceTaskId"),
        ("", "has no ceTaskId"),
        ("projectKey=blog\nserverUrl=http://x\nceTaskId=AZ-1\n", "The report is of the project blog"),
    ] {
        let mut scenario = Scenario::new();
        scenario.sonarqube.processed("1", "shop", gate("OK"));
        scenario.analysed("1");
        std::fs::write(scenario.records()[0].join("report-task.txt"), report).unwrap();
        let step = scenario.publish(&[]);
        assert!(step.sole_error().contains(why), "{}", step.transcript());
        assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
    }
}

#[test]
fn the_server_is_asked_until_it_has_processed_the_report() {
    let mut scenario = Scenario::new();
    let states = ["PENDING", "IN_PROGRESS", "SOMETHING_NEW", "SUCCESS"];
    scenario.sonarqube.processing("1", states.map(|status| task("1", "shop", status)));
    scenario.sonarqube.change(|model| {
        model.gates.insert("AY-1".into(), gate("OK"));
    });
    // A restart meanwhile.
    scenario.sonarqube.script("/api/ce/task", [503, 503, 503].map(ResponseTemplate::new));
    scenario.analysed("1");
    scenario.publish(&[]).succeeded();
    assert_eq!(scenario.sonarqube.times_asked("/api/ce/task"), 7);
}

#[test]
fn a_server_that_takes_too_long_is_a_timeout() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processing("1", [task("1", "shop", "IN_PROGRESS")]);
    scenario.analysed("1");
    let step = scenario.publish(&[("pollingTimeoutSec", "5")]);
    insta::assert_snapshot!(scenario.job.tidy(step.sole_error()), @"No quality gate result – SonarQube did not finish in time – shop, branch main – SonarQube did not process the report within 5 seconds (state: IN_PROGRESS) – <server>/dashboard?id=shop");
    assert_eq!(scenario.gate_property().as_deref(), Some("timeout"));
    let step = scenario.publish(&[("pollingTimeoutSec", "soon")]);
    insta::assert_snapshot!(step.sole_error(), @r#"the input pollingTimeoutSec is "soon". Write a whole number of seconds, at most 604800 (one week), such as 300."#);
    for far in ["604801", "18446744073709551615", "18446744073709551616"] {
        let step = scenario.publish(&[("pollingTimeoutSec", far)]);
        assert!(step.sole_error().contains("at most 604800"), "{}", step.transcript());
    }
}

#[test]
fn measures_that_cannot_be_read_are_left_out_of_the_summary() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.change(|model| model.measures = None);
    scenario.sonarqube.script("/api/metrics/search", [ResponseTemplate::new(500)]);
    scenario.sonarqube.processed("1", "shop", failed_gate());
    scenario.analysed("1");
    let step = scenario.publish(&[]);
    step.ended(TaskResult::Failed)
        .says("The measures of The shop are left out")
        .says("The names of the metrics");
    assert!(step.warnings.is_empty(), "{:?}", step.warnings);
    insta::assert_snapshot!(scenario.job.tidy(&step.errors.join("\n")), @"coverage: 61.5 (required: ≥ 80) – The shop, branch main – <server>/dashboard?id=shop");
    insta::assert_snapshot!(summary(&scenario), @"
    ### ❌ Quality gate failed – 1 of 2 conditions

    **The shop** · branch main

    | Failed condition | Actual | Required |
    | :--- | ---: | :--- |
    | coverage | 61.5 | ≥ 80 |

    [Open in SonarQube Community Build](<server>/dashboard?id=shop) · version 26.9.0.129388
    ");
}

#[test]
fn slow_measures_of_one_analysis_cost_no_other_its_verdict() {
    let mut scenario = Scenario::new();
    let late = json_answer(&json!({ "metrics": [] })).set_delay(Duration::from_secs(60));
    scenario.sonarqube.script("/api/metrics/search", [late]);
    for (project, key) in [("shop", "1"), ("blog", "2")] {
        scenario.sonarqube.processed(key, project, gate("OK"));
        scenario.analysed_as(project, key);
    }
    let step = scenario.publish(&[("pollingTimeoutSec", "10")]);
    step.succeeded().says("The measures of The shop and of the analyses after it are left out");
    assert_eq!(scenario.gate_property().as_deref(), Some("ok"));
}

#[test]
fn conditions_have_metric_names_though_measures_time_out() {
    let mut scenario = Scenario::new();
    let late = json_answer(&json!({})).set_delay(Duration::from_secs(60));
    for (project, key) in [("shop", "1"), ("blog", "2")] {
        scenario.sonarqube.processed(key, project, failed_gate());
        scenario.analysed_as(project, key);
    }
    scenario.sonarqube.script("/api/measures/component", [late]);
    let step = scenario.publish(&[("pollingTimeoutSec", "10")]);
    step.ended(TaskResult::Failed).says("of the analyses after it are left out: it takes too long");
    assert_eq!(step.errors.len(), 2);
    for error in &step.errors {
        assert!(error.starts_with("Coverage: 61.5% "), "{}", step.transcript());
    }
}

#[test]
fn the_worst_of_several_analyses_counts() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.sonarqube.processed("2", "blog", failed_gate());
    scenario.sonarqube.processing("3", [task("3", "wiki", "FAILED")]);
    for (project, key) in [("shop", "1"), ("blog", "2"), ("wiki", "3")] {
        scenario.analysed_as(project, key);
    }
    let step = scenario.publish(&[]);
    step.ended(TaskResult::Failed);
    assert_eq!(step.errors.len(), 2, "{}", step.transcript());
    assert_eq!(scenario.gate_property().as_deref(), Some("failed"));
    assert_eq!(scenario.job.azure.summaries()[0].0, "SonarQube – 3 projects – failed");
    insta::assert_snapshot!(summary(&scenario), @"
    ### ❌ Quality gate failed – 1 of 3 projects, 1 without a result

    | Project | Analysed | Quality gate |
    | :--- | :--- | :--- |
    | [The blog](<server>/dashboard?id=blog) | branch main | ❌ failed – 1 of 2 conditions |
    | [The wiki](<server>/dashboard?id=wiki) | branch main | ⚠️ analysis failed |
    | [The shop](<server>/dashboard?id=shop) | branch main | ✅ passed |

    #### ❌ The blog · branch main

    | Failed condition | Actual | Required |
    | :--- | ---: | :--- |
    | Coverage | 61.5% | ≥ 80% |

    [Open in SonarQube Community Build](<server>/dashboard?id=blog)

    #### ⚠️ The wiki · branch main

    SonarQube could not process the report (FAILED): Unable to read message from file /opt/sonarqube/metadata.pb

    [Open in SonarQube Community Build](<server>/dashboard?id=wiki)
    ");
}

#[test]
fn analyses_of_one_job_may_use_several_connections() {
    let mut scenario = Scenario::new();
    let other = crate::fake_sonarqube::SonarQube::start();
    let token = "squ_another0123456789another0123456789";
    let header = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{token}:"));
    other.change(|model| model.accepted = vec![format!("Basic {header}")]);
    other.processed("2", "blog", gate("OK"));
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.analysed("1");
    let connection = scenario.job.connect_server(&other.url(), token);
    let engine = scenario.engine(&report_on(&other.url(), "2", "blog"));
    let inputs =
        [("SonarQube", connection.as_str()), ("cliProjectKey", "blog"), ("extraProperties", &engine)];
    scenario.prepare(&inputs).succeeded();
    scenario.analyze().succeeded();
    scenario.publish(&[]).succeeded();
    assert_eq!((scenario.sonarqube.times_asked("/api/ce/task"), other.times_asked("/api/ce/task")), (1, 1));
}

#[test]
fn a_token_that_may_not_change_the_build_is_a_warning() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.job.azure.take_away_the_right_to_change_builds();
    scenario.analysed("1");
    let step = scenario.publish(&[]);
    step.succeeded();
    insta::assert_snapshot!(scenario.job.tidy(&step.warnings.join("\n")), @"the build property sonarglobalqualitygate could not be written: <azure>/contoso/9d3c6f5e-7a41-4f0e-8a35-2f1f0f8b6c11/_apis/build/builds/4711/properties answered 403 Forbidden: TF215106: Access denied. My Shop Build Service (contoso) needs Update build information permissions");
}

#[test]
fn a_token_unknown_to_azure_devops_is_a_warning_and_goes_nowhere_else() {
    for sign_in in [SignIn::Refuse, SignIn::Redirect, SignIn::Page] {
        let mut scenario = Scenario::new();
        scenario.sonarqube.processed("1", "shop", gate("OK"));
        scenario.analysed("1");
        scenario.job.azure.forget_token(sign_in);
        scenario.publish(&[]).succeeded().warns("does not accept the job's access token");
        assert!(!scenario.job.azure.is_stranger_asked(), "{sign_in:?}");
    }
}

#[test]
fn transient_errors_of_azure_devops_do_not_lose_the_property() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.analysed("1");
    scenario.job.azure.stumble(&[503]);
    scenario.publish(&[]).succeeded();
    assert_eq!(scenario.gate_property().as_deref(), Some("ok"));
}

#[test]
fn a_failure_that_could_not_be_recorded_fails_the_task() {
    let warn = [("onQualityGateFailure", "warn")];
    for (gate, result) in [(failed_gate(), TaskResult::Failed), (gate("OK"), TaskResult::Succeeded)] {
        let mut scenario = Scenario::new();
        scenario.sonarqube.processed("1", "shop", gate);
        scenario.analysed("1");
        scenario.job.azure.stumble(&[503; 6]);
        let step = scenario.publish(&warn);
        step.ended(result).warns("sonarglobalqualitygate could not be written");
        if result == TaskResult::Failed {
            insta::assert_snapshot!(step.sole_error(), @"the verdict (failed) could not be recorded, so the build property sonarglobalqualitygate may still say ok. The warning above says why. Run the job again.");
        }
    }
    // Where no job can write nobody reads `ok`.
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", failed_gate());
    scenario.job.azure.take_away_the_right_to_change_builds();
    scenario.analysed("1");
    scenario.publish(&warn).ended(TaskResult::SucceededWithIssues);
    // Nor where this machine never reaches Azure DevOps.
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", failed_gate());
    scenario.analysed("1");
    scenario.job.cut_off_from_azure();
    let step = scenario.publish(&warn);
    step.ended(TaskResult::SucceededWithIssues).warns("http://127.0.0.1:9/");
}

#[test]
fn properties_returned_in_another_case_are_recognised() {
    for (gate, warnings, property) in [(failed_gate(), 1, "failed"), (gate("OK"), 0, "ok")] {
        let mut scenario = Scenario::new();
        for name in ["sonarGlobalQualityGate", "sonar-azdo-turn.Build.Unit", "sonar-azdo.BUILD.Unit.1"] {
            scenario.job.azure.know_property(name);
        }
        scenario.job.set("System.StageName", "build");
        scenario.job.set("System.PhaseName", "Unit");
        scenario.sonarqube.processed("1", "shop", gate);
        scenario.analysed("1");
        let step = scenario.publish(&[("onQualityGateFailure", "warn")]);
        assert_ne!(step.result, Some(TaskResult::Failed), "{}", step.transcript());
        assert_eq!(step.warnings.len(), warnings, "{}", step.transcript());
        assert_eq!(scenario.gate_property().as_deref(), Some(property));
    }
}

#[test]
fn a_release_has_no_build_property() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.job.set("System.HostType", "release");
    scenario.analysed("1");
    let before = scenario.job.azure.requests().len();
    scenario.publish(&[]).succeeded();
    assert_eq!(scenario.job.azure.requests().len(), before);
}

#[test]
fn a_summary_that_could_not_be_uploaded_is_reported() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.analysed("1");
    scenario.job.azure.lose_attachments();
    let step = scenario.publish(&[]);
    step.succeeded().warns("is not among the build's attachments yet");

    // A job that allows harmless commands only.
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.analysed("1");
    scenario.job.restrict_commands();
    scenario.publish(&[]).succeeded().warns("is not among the build's attachments yet");
}

#[test]
fn server_warnings_are_shown_without_html() {
    let mut scenario = Scenario::new();
    let mut processed = task("1", "shop", "SUCCESS");
    let warning = "The blame is <b>missing</b>. <a href=\"https://docs.example/scm\" onclick=\"x()\">Read more</a>\
                   <script>x()</script> <a href=\"javascript:x()\">here</a> &amp; there";
    processed["task"]["warnings"] = json!([warning]);
    scenario.sonarqube.processing("1", [processed]);
    scenario.sonarqube.change(|model| {
        model.gates.insert("AY-1".into(), gate("OK"));
    });
    scenario.analysed("1");
    let step = scenario.publish(&[]);
    step.succeeded().says("SonarQube warns about The shop: The blame is missing.");
    assert!(
        !step.transcript().contains('<') && !step.transcript().contains("javascript:"),
        "{}",
        step.transcript()
    );
    let [(_, text)] = &scenario.job.azure.summaries()[..] else { panic!("one summary") };
    assert!(
        text.contains("https://docs.example/scm") && !text.contains("javascript:") && !text.contains('<'),
        "{text}"
    );
}

#[test]
fn a_forged_report_has_verdict_no_report() {
    let report = |server: &str, dashboard: &str| {
        format!("projectKey=shop\nserverUrl={server}\ndashboardUrl={dashboard}/x\nceTaskId=AZ-1\n")
    };
    // Another server, the right one with a link that leads away, an older report of the same project, one of another
    // branch, and one of another run at the same time.
    for (forgery, property) in [
        ("server", "no-report"),
        ("link", "ok"),
        ("age", "no-report"),
        ("branch", "no-report"),
        ("run", "no-report"),
    ] {
        let mut scenario = Scenario::new();
        let (url, evil) = (scenario.sonarqube.url(), "http://evil.example");
        let mut processed = task("1", "shop", "SUCCESS");
        match forgery {
            "age" => {
                let before = SystemTime::now() - Duration::from_secs(60);
                processed["task"]["submittedAt"] = server_time(before).into();
            }
            "branch" => processed["task"]["branch"] = "release".into(),
            "run" => {
                processed["task"]["scannerContext"] = scanner_context(Path::new("/temp/report-task.txt"));
            }
            _ => {}
        }
        scenario.sonarqube.processing("1", [processed]);
        scenario.sonarqube.change(|model| {
            model.gates.insert("AY-1".into(), gate("OK"));
        });
        scenario.analysed("1");
        let text = if forgery == "server" { report(evil, evil) } else { report(&url, evil) };
        std::fs::write(scenario.records()[0].join("report-task.txt"), text).unwrap();
        let step = scenario.publish(&[]);
        assert_eq!(scenario.gate_property().as_deref(), Some(property), "{forgery}: {}", step.transcript());
        assert!(!summary(&scenario).contains("evil.example/x"), "{}", summary(&scenario));
        assert!(!step.transcript().contains("evil.example/x"), "{}", step.transcript());
        let hint = "set them in extraProperties of SonarPrepare instead";
        assert_eq!(step.transcript().contains(hint), forgery == "branch", "{}", step.transcript());
    }
}

/// What the server keeps of what a scanner told it, shortened.
pub(super) fn scanner_context(report: &Path) -> serde_json::Value {
    let report = report.display();
    format!(
        "Plugins:\n  - Python (python)\nGlobal server settings:\n  - sonar.core.id=1\nProject scanner properties:\n  \
         - sonar.projectKey=shop\n  - sonar.scanner.metadataFilePath={report}\n  - sonar.sources=."
    )
    .into()
}

#[test]
fn a_clock_that_runs_ahead_does_not_make_a_report_too_old() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.analysed("1");
    let mut processed = task("1", "shop", "SUCCESS");
    processed["task"]["submittedAt"] = server_time(SystemTime::now() - Duration::from_secs(60)).into();
    processed["task"]["scannerContext"] = scanner_context(&scenario.records()[0].join("report-task.txt"));
    scenario.sonarqube.processing("1", [processed]);
    scenario.publish(&[]).succeeded();
    assert_eq!(scenario.gate_property().as_deref(), Some("ok"));
}

#[test]
fn a_report_may_name_the_server_by_another_address() {
    let mut scenario = Scenario::new();
    let public = "https://sonar.contoso.example/sonar";
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.sonarqube.change(|model| model.public_url = Some(public.into()));
    let engine = scenario.engine(&report_on(public, "1", "shop"));
    scenario.prepare(&[("extraProperties", &engine)]).succeeded();
    scenario.analyze().succeeded();
    scenario.publish(&[]).succeeded();
    assert!(summary(&scenario).contains("(https://sonar.contoso.example/sonar/dashboard?id=shop)"));
}

#[test]
fn a_truncated_quality_gate_is_requested_again() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", failed_gate());
    scenario.analysed("1");
    let whole = json!({ "projectStatus": gate("OK") }).to_string();
    let cut = || ResponseTemplate::new(200).set_body_raw(&whole[..whole.len() - 9], "application/json");
    scenario
        .sonarqube
        .script("/api/qualitygates/project_status", [cut(), crate::fake_sonarqube::html_page()]);
    scenario.publish(&[]).ended(TaskResult::Failed);
    assert_eq!(scenario.gate_property().as_deref(), Some("failed"));

    // And if it stays so, nobody knows.
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.analysed("1");
    scenario.sonarqube.script("/api/qualitygates/project_status", (0..100).map(|_| cut()));
    let step = scenario.publish(&[("pollingTimeoutSec", "5")]);
    assert_eq!(step.result, Some(TaskResult::Failed));
    assert_eq!(scenario.gate_property().as_deref(), Some("unknown"));
}

#[test]
fn retry_after_is_kept_while_polling() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.analysed("1");
    let busy = ResponseTemplate::new(429).insert_header("Retry-After", "1");
    scenario.sonarqube.script("/api/qualitygates/project_status", [busy]);
    scenario.publish(&[]).succeeded();
    assert_eq!(scenario.sonarqube.times_asked("/api/qualitygates/project_status"), 2);
}

#[test]
fn cancelling_publish_ends_the_wait_at_once() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processing("1", [task("1", "shop", "PENDING")]);
    scenario.analysed("1");
    scenario.job.set("System.Debug", "true");
    let mut running = scenario.job.begin(Task::Publish, &[]);
    running.await_line("/api/ce/task -> 200");
    running.signal(Signal::INT);
    let step = running.finish();
    step.ended(TaskResult::Canceled);
    assert!(step.errors.is_empty(), "{:?}", step.errors);
    assert_ne!(scenario.gate_property().as_deref(), Some("ok"));
}

#[test]
fn an_interrupted_publish_leaves_no_ok_of_another_job() {
    for cancelled in [true, false] {
        let azure = crate::fake_azure_devops::AzureDevOps::start();
        let mut first = Scenario::within(azure.clone(), crate::fake_sonarqube::SonarQube::start());
        first.job.set("System.StageName", "Unit");
        first.sonarqube.processed("1", "shop", gate("OK"));
        first.analysed("1");
        first.publish(&[]).succeeded();
        assert_eq!(first.gate_property().as_deref(), Some("ok"));

        let mut second = Scenario::within(azure, crate::fake_sonarqube::SonarQube::start());
        second.job.set("System.StageName", "Integration");
        if cancelled {
            second.sonarqube.processing("1", [task("1", "shop", "PENDING")]);
            second.analysed("1");
            second.job.set("System.Debug", "true");
            let mut running = second.job.begin(Task::Publish, &[]);
            running.await_line("/api/ce/task -> 200");
            running.signal(Signal::INT);
            running.finish().ended(TaskResult::Canceled);
        } else {
            second.publish(&[("pollingTimeoutSec", "soon")]).sole_error();
        }
        let expected = if cancelled { "cancelled" } else { "unknown" };
        assert_eq!(second.gate_property().as_deref(), Some(expected));
    }
}

#[test]
fn a_result_that_cannot_be_written_ends_with_exit_code_1() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.analysed("1");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    for task in [Task::Prepare, Task::Publish] {
        let mut command = scenario.job.command(task, &[]);
        let status =
            command.stdout(writer.try_clone().unwrap()).stdin(std::process::Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(1), "{task:?}");
    }
}

#[test]
fn a_record_without_its_token_variable_has_verdict_no_report() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.analysed("1");
    let id = scenario.record(0, "prepared.json")["id"].as_str().unwrap().to_uppercase();
    scenario.job.unset(&format!("SONAR_AZDO_TOKEN_{id}"));
    let step = scenario.publish(&[]);
    let error = scenario.job.tidy(step.sole_error()).replace(&id, "<ID>").replace(&id.to_lowercase(), "<id>");
    insta::assert_snapshot!(error, @"No quality gate result – no analysis report was found – the project, branch main – the record in <job>/temp/sonar-azdo/<id> was not made by a SonarPrepare of this job: the job has no variable SONAR_AZDO_TOKEN_<ID>. Run the three tasks in one job. If the pipeline restricts which variables may be set, allow SONAR_AZDO_*, or give SonarPublish the service connection of SonarPrepare.");
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
    // The connection of SonarPrepare vouches for the record as well.
    let connection = scenario.connection.clone();
    scenario.publish(&[("SonarQube", &connection)]).succeeded();
}

#[test]
fn a_record_of_another_version_is_refused() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.analysed("1");
    let file = scenario.records()[0].join("prepared.json");
    let mut record = scenario.record(0, "prepared.json");
    record["version"] = 1.into();
    std::fs::write(&file, record.to_string()).unwrap();
    let step = scenario.publish(&[]);
    assert!(
        step.sole_error().contains("was written by another version of this extension"),
        "{}",
        step.transcript()
    );
    assert_ne!(scenario.gate_property().as_deref(), Some("ok"));
}

#[test]
fn measures_are_those_of_the_branch_or_pull_request() {
    for (kind, key, value) in [("branch", "branch", "feature"), ("pull request", "pullRequest", "7")] {
        let mut scenario = Scenario::with(crate::fake_sonarqube::SonarQube::with_branches());
        if kind == "branch" {
            scenario.job.set("Build.SourceBranch", "refs/heads/feature");
        } else {
            scenario.job.of_pull_request("TfsGit", "7", "refs/heads/feature", "refs/heads/main");
        }
        let mut processed = task("1", "shop", "SUCCESS");
        processed["task"][key] = value.into();
        scenario.sonarqube.processing("1", [processed]);
        scenario.sonarqube.change(|model| {
            model.gates.insert("AY-1".into(), gate("OK"));
            model.measures =
                Some(vec![("new_violations", "2"), ("new_coverage", "90.0"), ("files", "1"), ("ncloc", "9")]);
        });
        scenario.analysed("1");
        scenario.publish(&[]).succeeded();
        let asked = scenario.sonarqube.asked();
        // The first question of a branch is for what it had before.
        let asked = asked.iter().rfind(|asked| asked.path == "/api/measures/component").unwrap();
        assert_eq!(asked.query.get(key).map(String::as_str), Some(value), "{:?}", asked.query);
        let text = summary(&scenario);
        assert!(text.contains(&format!("{kind} {value}")) && text.contains("90%"), "{text}");
    }
}

#[test]
fn a_json_answer_may_have_a_charset_and_an_api_version() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    scenario.analysed("1");
    let with_charset = |body: &serde_json::Value| {
        ResponseTemplate::new(200).set_body_raw(body.to_string(), "application/json;charset=utf-8")
    };
    let mut processed = task("1", "shop", "SUCCESS");
    processed["task"]["submittedAt"] = server_time(SystemTime::now()).into();
    scenario.sonarqube.script("/api/ce/task", [with_charset(&processed)]);
    scenario.sonarqube.script("/api/measures/component", [json_answer(&json!({ "component": {} }))]);
    scenario.publish(&[]).succeeded();
}

#[test]
fn the_policy_changes_only_the_result_of_the_task() {
    for (gate, inputs, result) in [
        (failed_gate(), [("onQualityGateFailure", "warn")], TaskResult::SucceededWithIssues),
        (failed_gate(), [("onQualityGateFailure", "ignore")], TaskResult::Succeeded),
        (failed_gate(), [("onQualityGateFailureDefaultBranch", "ignore")], TaskResult::Succeeded),
        (failed_gate(), [("onQualityGateFailurePullRequest", "ignore")], TaskResult::Failed),
        (failed_gate(), [("onNoVerdict", "ignore")], TaskResult::Failed),
        (gate("NONE"), [("onNoVerdict", "warn")], TaskResult::SucceededWithIssues),
        (gate("NONE"), [("onQualityGateFailure", "ignore")], TaskResult::Failed),
    ] {
        let mut scenario = Scenario::new();
        scenario.sonarqube.processed("1", "shop", gate.clone());
        scenario.analysed("1");
        let step = scenario.publish(&inputs);
        step.ended(result);
        assert_eq!(step.errors.is_empty(), result != TaskResult::Failed, "{inputs:?}: {}", step.transcript());
        let expected = if gate["status"] == "NONE" { "none" } else { "failed" };
        assert_eq!(scenario.gate_property().as_deref(), Some(expected), "{inputs:?}");
        assert!(!scenario.job.azure.summaries()[0].0.contains("passed"));
    }
}

#[test]
fn output_variables_are_set_for_later_jobs() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", failed_gate());
    scenario.analysed("1");
    scenario.publish(&[]).ended(TaskResult::Failed);
    let output = |name: &str| scenario.job.variable(&format!("publish.{name}")).unwrap().0;
    assert_eq!(output("qualityGateStatus"), "failed");
    assert_eq!(output("failedConditions"), "coverage");
    assert_eq!(output("dashboardUrl"), format!("{}/dashboard?id=shop", scenario.sonarqube.url()));
    let analyses: serde_json::Value = serde_json::from_str(&output("analyses")).unwrap();
    assert_eq!(analyses[0]["key"], "shop");
    assert_eq!(analyses[0]["verdict"], "failed");
    assert_eq!(analyses[0]["conditions"][0]["actual"], "61.5");
}

#[test]
fn a_failed_job_is_not_undone_by_one_that_passed() {
    let azure = crate::fake_azure_devops::AzureDevOps::start();
    for (stage, gate) in [("Unit", failed_gate()), ("Integration", gate("OK"))] {
        let mut scenario = Scenario::within(azure.clone(), crate::fake_sonarqube::SonarQube::start());
        scenario.job.set("System.StageName", stage);
        scenario.sonarqube.processed("1", "shop", gate);
        scenario.analysed("1");
        scenario.publish(&[]);
        assert_eq!(scenario.gate_property().as_deref(), Some("failed"), "after {stage}");
    }
}
