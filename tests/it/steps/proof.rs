//! Proves that code was analysed: a gate that passed over nothing is not a pass.

use super::scanners::{DOTNET, dotnet_scanner};
use crate::fake_agent::{Task, TaskResult};
use crate::fake_sonarqube::{SonarQube, failed_gate, gate, server_time, task};
use crate::git_host::git;
use crate::scenario::{Scenario, copy};
use std::path::Path;
use std::time::{Duration, SystemTime};

const NO_FILE: &str = "SonarQube counts no source file";
const NOTHING_INDEXED: &str = "the scanner engine indexed 0 files";

/// The engine's log says so.
fn says(message: &str) -> String {
    format!("echo '{{\"level\":\"INFO\",\"message\":\"{message}\"}}'\n")
}

/// Analyses `shop` by an engine that says this and leaves a report whose gate passes.
fn analysed(scenario: &mut Scenario, messages: &[&str], extra: &str) {
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    let body: String = messages.iter().map(|message| says(message)).collect();
    let engine = scenario.engine(&format!("{body}{}", scenario.report("1", "shop")));
    scenario.prepare(&[("extraProperties", &format!("{engine}\n{extra}"))]).succeeded();
    scenario.analyze().ended(TaskResult::Succeeded);
}

#[test]
fn an_analysis_of_no_file_has_verdict_no_report() {
    // Measures that the token may read, what the engine said, words of the reason.
    type Row<'a> = (Option<Vec<(&'static str, &'static str)>>, &'a [&'a str], Option<&'a str>);
    let some = || Some(vec![("files", "1"), ("ncloc", "3")]);
    let rows: [Row<'_>; 7] = [
        (some(), &["1 file indexed"], None),
        (some(), &[], None),
        (Some(vec![("violations", "0")]), &["2 files indexed (done) | time=3ms"], Some(NO_FILE)),
        // Analysis tokens may not read measures on 10.7.
        (None, &["2 files indexed"], None),
        (None, &["0 files indexed"], Some(NOTHING_INDEXED)),
        (None, &[], None),
        (Some(vec![("files", "2")]), &["2 files indexed"], Some("(languages: cs)")),
    ];
    for (measures, messages, words) in rows {
        let mut scenario = Scenario::new();
        scenario.sonarqube.change(|model| {
            model.measures = measures.clone();
            model.files = vec![("src/a.cs", "cs")];
        });
        analysed(&mut scenario, messages, "");
        let step = scenario.publish(&[]);
        match words {
            None => {
                step.succeeded();
                assert_eq!(scenario.gate_property().as_deref(), Some("ok"), "{measures:?}");
            }
            Some(words) => {
                assert!(step.sole_error().contains(words), "{}", step.transcript());
                assert!(step.sole_error().contains("nothing was analysed"), "{}", step.transcript());
                assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
            }
        }
    }
}

#[test]
fn on_nothing_analysed_replaces_on_no_verdict_and_never_writes_ok() {
    for (inputs, result) in [
        (&[][..], TaskResult::Failed),
        (&[("onNoVerdict", "ignore")], TaskResult::Failed),
        (&[("onNothingAnalysed", "warn")], TaskResult::SucceededWithIssues),
        (&[("onNothingAnalysed", "ignore"), ("onNoVerdict", "fail")], TaskResult::Succeeded),
    ] {
        let mut scenario = Scenario::new();
        scenario.sonarqube.change(|model| model.measures = Some(Vec::new()));
        analysed(&mut scenario, &["0 files indexed"], "");
        scenario.publish(inputs).ended(result);
        assert_eq!(scenario.gate_property().as_deref(), Some("no-report"), "{inputs:?}");
    }
    // A failed gate stays failed, whatever was analysed.
    let mut scenario = Scenario::new();
    scenario.sonarqube.change(|model| model.measures = Some(Vec::new()));
    analysed(&mut scenario, &["0 files indexed"], "");
    scenario.sonarqube.processed("1", "shop", failed_gate());
    scenario.publish(&[("onNothingAnalysed", "ignore")]).ended(TaskResult::Failed);
    assert_eq!(scenario.gate_property().as_deref(), Some("failed"));
}

#[test]
fn an_engine_that_indexed_no_file_warns_at_once() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    let body = format!("{}{}", says("0 files indexed"), scenario.report("1", "shop"));
    let engine = scenario.engine(&body);
    scenario.prepare(&[("extraProperties", &engine)]).succeeded();
    let step = scenario.analyze();
    step.ended(TaskResult::Succeeded)
        .warns("Nothing of shop was analysed: the scanner engine indexed 0 files");
    assert_eq!(scenario.record(0, "analyzed.json")["extent"]["indexedFiles"], 0);
}

#[test]
fn an_analysis_with_less_than_half_the_files_is_warned_about() {
    for (now, warns) in [("5", true), ("6", false)] {
        let mut scenario = Scenario::new();
        analysed(&mut scenario, &[], "");
        assert_eq!(scenario.record(0, "analyzed.json")["extent"]["filesBefore"], 12);
        scenario.sonarqube.change(|model| model.measures = Some(vec![("files", now), ("ncloc", "9")]));
        let step = scenario.publish(&[]);
        step.ended(TaskResult::Succeeded);
        assert_eq!(!step.warnings.is_empty(), warns, "{}", step.transcript());
        let (_, summary) = scenario.job.azure.summaries().pop().unwrap();
        let words = "The analysis before this one had 12 source files, and this one has 5";
        assert_eq!(summary.contains(words), warns, "{summary}");
    }
}

#[test]
fn only_the_pipeline_may_skip_an_analysis() {
    for (name, value) in
        [("SONAR_SCANNER_SKIP", "true"), ("SONAR_SCANNER_JSON_PARAMS", r#"{"sonar.scanner.skip":"true"}"#)]
    {
        let mut scenario = Scenario::new();
        let engine = scenario.engine("");
        scenario.prepare(&[("extraProperties", &engine)]).succeeded();
        scenario.job.set(name, value);
        let step = scenario.analyze();
        step.ended(TaskResult::Succeeded)
            .warns("Nothing was analysed, so SonarPublish will report no quality gate");
        let step = scenario.publish(&[("onSkipped", "ignore")]);
        assert!(step.sole_error().contains("does not count as a skip"), "{}", step.transcript());
        assert_eq!(scenario.gate_property().as_deref(), Some("no-report"), "{name}");
    }
}

#[test]
fn a_pull_request_whose_target_the_engine_did_not_find_has_verdict_no_report() {
    for (warning, property) in
        [("Could not find ref 'refs/heads/main' in refs/heads, refs/remotes", "no-report"), ("Another", "ok")]
    {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        scenario.job.of_pull_request("TfsGit", "7", "refs/heads/fix", "refs/heads/main");
        analysed(&mut scenario, &["2 files indexed"], "");
        let mut processed = task("1", "shop", "SUCCESS");
        processed["task"]["pullRequest"] = "7".into();
        processed["task"]["warnings"] = serde_json::json!([warning]);
        scenario.sonarqube.processing("1", [processed]);
        let step = scenario.publish(&[]);
        assert_eq!(scenario.gate_property().as_deref(), Some(property), "{}", step.transcript());
        if property == "no-report" {
            assert!(step.sole_error().contains("SonarQube counted no code as new"), "{}", step.transcript());
        }
    }
}

#[test]
fn a_pull_request_without_new_lines_is_compared_with_git() {
    for (new_lines, files, property) in [
        ("0", vec![("src/a.py", "py")], "no-report"),
        ("2", vec![("src/a.py", "py")], "ok"),
        // What was changed is not analysed.
        ("0", vec![("src/b.py", "py")], "ok"),
    ] {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        scenario.job.of_pull_request("TfsGit", "7", "refs/heads/fix", "refs/heads/main");
        let sources = scenario.job.sources();
        git(&sources, &["init", "--quiet", "--initial-branch=main"]);
        scenario.job.write("src/a.py", "a = 1\n");
        commit(&sources);
        git(&sources, &["checkout", "--quiet", "-b", "fix"]);
        scenario.job.write("src/a.py", "a = 1\nb = 2\n");
        commit(&sources);
        scenario.sonarqube.change(|model| {
            model.measures = Some(vec![("new_lines", new_lines)]);
            model.files = files.clone();
        });
        analysed(&mut scenario, &["2 files indexed"], "");
        let extent = &scenario.record(0, "analyzed.json")["extent"];
        assert_eq!(extent["filesWithAddedLines"], serde_json::json!(["src/a.py"]));
        let mut processed = task("1", "shop", "SUCCESS");
        processed["task"]["pullRequest"] = "7".into();
        scenario.sonarqube.processing("1", [processed]);
        let step = scenario.publish(&[]);
        assert_eq!(scenario.gate_property().as_deref(), Some(property), "{}", step.transcript());
    }
}

fn commit(sources: &Path) {
    git(sources, &["add", "src"]);
    let who = ["-c", "user.name=dev", "-c", "user.email=dev@example.com"];
    git(sources, &[&who[..], &["commit", "--quiet", "-m", "x"]].concat());
}

#[test]
fn a_main_branch_set_by_name_follows_the_default_branch_policy() {
    let policy = [("onQualityGateFailure", "warn"), ("onQualityGateFailureDefaultBranch", "fail")];
    for (name, knows, result) in [
        ("main", true, TaskResult::Failed),
        ("feature", true, TaskResult::SucceededWithIssues),
        // If the server does not tell, the stricter rule counts.
        ("feature", false, TaskResult::Failed),
    ] {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        analysed(&mut scenario, &[], &format!("sonar.branch.name={name}"));
        scenario.sonarqube.processed("1", "shop", failed_gate());
        let mut processed = task("1", "shop", "SUCCESS");
        processed["task"]["branch"] = name.into();
        scenario.sonarqube.processing("1", [processed]);
        if !knows {
            let refused = crate::fake_sonarqube::refusal(403, "Insufficient privileges");
            scenario.sonarqube.script("/api/project_branches/list", [refused]);
        }
        scenario.publish(&policy).ended(result);
        assert_eq!(scenario.gate_property().as_deref(), Some("failed"));
    }
}

/// A stand-in for the SonarScanner for .NET ends with a report; before that the build left what the sample holds.
fn dotnet_built(sample: &str, end: &str) -> Scenario {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    let report = scenario.report("1", "shop");
    let body = format!(
        "report=$(echo \"$AGENT_TEMPDIRECTORY\"/sonar-azdo/*/prepared.json)\nreport=${{report%prepared.json}}report-task.txt\n\
         [ \"$1\" = begin ] || {{ {end}{report}; }}"
    );
    let sha256 = dotnet_scanner(&mut scenario, &body);
    let engine = scenario.engine("");
    let mut inputs = DOTNET.to_vec();
    inputs.extend([("dotnetScannerSha256", sha256.as_str()), ("extraProperties", engine.as_str())]);
    scenario.prepare_as(&inputs).succeeded();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dotnet-out").join(sample);
    copy(&data, &scenario.job.path(".sonarqube"));
    scenario
}

#[test]
fn an_analyzer_that_was_not_loaded_fails_the_analysis() {
    let mut scenario = dotnet_built("unloadable", "");
    let step = scenario.analyze();
    step.says("2 C# projects: 1 main, 1 test; 1 VB.NET project: 1 main");
    let error = step.sole_error();
    assert!(error.contains("Shop (C#), Vb (VB.NET) were compiled without SonarSource's analyzer"), "{error}");
    assert!(error.contains("(CS8034): Unable to load Analyzer assembly"), "{error}");
    assert!(scenario.publish(&[]).sole_error().contains("without SonarSource's analyzer"));
    assert_eq!(scenario.gate_property().as_deref(), Some("analysis-failed"));
}

#[test]
fn analysed_dotnet_projects_pass_and_omitted_ones_are_listed() {
    let mut scenario = dotnet_built("good", "");
    scenario.analyze().succeeded().says("2 C# projects: 1 main, 1 test; 1 VB.NET project: 1 main");
    scenario.publish(&[]).succeeded();
    assert_eq!(scenario.gate_property().as_deref(), Some("ok"));

    let mut scenario = dotnet_built("excluded", "");
    let step = scenario.analyze();
    step.succeeded().says("2 C# projects: 1 test, 1 excluded; 1 VB.NET project: 1 main");
    scenario.publish(&[]).succeeded();
    let (_, summary) = scenario.job.azure.summaries().pop().unwrap();
    assert!(summary.contains("Shop (C#) was not analysed: SonarQubeExclude is true in it."), "{summary}");
}

#[test]
fn dotnet_test_projects_alone_count_as_nothing_analysed() {
    let mut scenario = dotnet_built("test-only", "");
    scenario.analyze().ended(TaskResult::Succeeded).warns("no main project is left to analyse");
    let step = scenario.publish(&[("onNoVerdict", "ignore")]);
    assert!(step.sole_error().contains("no main project is left to analyse"), "{}", step.transcript());
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
    scenario.publish(&[("onNothingAnalysed", "ignore")]).ended(TaskResult::Succeeded);
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
}

#[test]
fn excluded_dotnet_projects_alone_count_as_nothing_analysed() {
    // The scanner's words, and its exit code.
    let end = "echo 'The scanner engine did not complete successfully' >&2; exit 1; ";
    let mut scenario = dotnet_built("excluded", end);
    for number in 0..4 {
        let file = scenario.job.path(&format!(".sonarqube/out/{number}/ProjectInfo.xml"));
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("<IsExcluded>false<", "<IsExcluded>true<")).unwrap();
    }
    let step = scenario.analyze();
    step.ended(TaskResult::Succeeded).warns("no main project is left to analyse (2 C# projects: 2 excluded");
    let step = scenario.publish(&[("onNothingAnalysed", "warn")]);
    step.ended(TaskResult::SucceededWithIssues).warns("SonarQubeExclude leaves a project out");
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
    // Where the scanner fails for another reason, that is what counts.
    let mut scenario = dotnet_built("test-only", "exit 1; ");
    assert!(scenario.analyze().sole_error().contains("exit code 1"));
    scenario.publish(&[("onNothingAnalysed", "ignore")]).ended(TaskResult::Failed);
}

#[test]
fn a_project_by_its_key_must_have_been_analysed_by_this_build() {
    let by_key = |date: SystemTime, revision: Option<&str>| {
        let mut scenario = Scenario::new();
        scenario.job.set("Build.SourceVersion", "0123456789abcdef0123456789abcdef01234567");
        scenario.sonarqube.change(|model| {
            model.projects.insert(("shop".into(), None, None), (date, gate("OK")));
            model.revision = revision.map(|revision| (server_time(date), revision.to_owned()));
        });
        let inputs = [("SonarQube", scenario.connection.clone()), ("projectKey", "shop".into())];
        let inputs: Vec<_> = inputs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let step = scenario.job.run(Task::Publish, &inputs);
        (scenario.gate_property(), step.transcript())
    };
    let now = SystemTime::now();
    for (date, revision, property) in [
        (now, None, "ok"),
        (now, Some("0123456789abcdef0123456789abcdef01234567"), "ok"),
        (now, Some("fedcba9876543210fedcba9876543210fedcba98"), "no-report"),
        (now + Duration::from_secs(3600), None, "no-report"),
    ] {
        let (found, transcript) = by_key(date, revision);
        assert_eq!(found.as_deref(), Some(property), "{revision:?}: {transcript}");
    }
}
