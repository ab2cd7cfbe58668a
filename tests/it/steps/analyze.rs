//! SonarAnalyze with a script as engine: what the engine gets, and what happens to its output.

use crate::fake_agent::{Task, TaskResult, ends};
use crate::fake_sonarqube::{SonarQube, TOKEN, json_answer};
use crate::scenario::Scenario;
use rustix::process::Signal;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use wiremock::ResponseTemplate;

/// A line of the engine's log.
fn log(level: &str, message: &str) -> String {
    let line = json!({ "level": level, "message": message }).to_string();
    format!("cat <<'LINE'\n{line}\nLINE\n")
}

#[test]
fn the_engine_gets_its_properties_and_secrets_on_standard_input_only() {
    let mut scenario = Scenario::new();
    scenario.job.write(
        "sonar-project.properties",
        "sonar.sources=ignored\nsonar.exclusions=of the file\nsonar.links.ci=http\\://ci\\\n   .example\n",
    );
    scenario.job.set("SONAR_SCANNER_JAVA_OPTS", "-Xmx256m -Dmine=1");
    scenario.job.set("SONAR_TOKEN", "of somebody else");
    scenario.job.set_secret("My.Password", "hush-hush-hush");
    let engine = scenario.engine("");
    scenario.prepare(&[("extraProperties", &engine), ("cliSources", ".")]).succeeded();
    scenario.analyze().succeeded();

    let properties = scenario.engine_properties();
    let keys: Vec<_> = properties.iter().map(|(key, _)| key.as_str()).collect();
    assert!(keys.is_sorted(), "{keys:?}");
    let sources = scenario.job.sources().display().to_string();
    let report = scenario.records()[0].join("report-task.txt").display().to_string();
    for (key, expected) in [
        ("sonar.token", TOKEN),
        ("sonar.host.url", &scenario.sonarqube.url()),
        ("sonar.projectKey", "shop"),
        ("sonar.sources", "."),
        ("sonar.exclusions", "of the file"),
        ("sonar.links.ci", "http://ci.example"),
        ("sonar.projectBaseDir", &sources),
        ("sonar.working.directory", &format!("{sources}/.scannerwork")),
        ("sonar.scanner.metadataFilePath", &report),
        ("sonar.scanner.app", "sonar-azdo"),
        ("sonar.scanner.wasEngineCacheHit", "false"),
        ("sonar.scanner.wasJreCacheHit", "disabled"),
    ] {
        let value = properties.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
        assert_eq!(value, Some(expected), "{key}");
    }

    let arguments = scenario.noted("arguments");
    assert!(arguments.contains("-Xmx256m\n-Dmine=1\n") && arguments.contains("-jar\n"), "{arguments}");
    let environment = scenario.noted("environment");
    for seen in ["BUILD_BUILDID=4711", "SYSTEM_TEAMPROJECT=My Shop"] {
        assert!(environment.lines().any(|line| line == seen), "{environment}");
    }
    for hidden in
        ["INPUT_", "SECRET_", "ENDPOINT_AUTH_", "VSTS_", "SONAR_TOKEN", "SONARQUBE_SCANNER_PARAMS", "hush"]
    {
        assert!(!environment.contains(hidden), "{hidden}: {environment}");
    }
    assert!(!format!("{arguments}{environment}").contains(TOKEN));
}

#[test]
fn a_small_project_gets_light_java_options_unless_the_user_sets_others() {
    for (profile, chosen, expected) in [
        ("auto", "", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"),
        ("auto", "-XX:+UseG1GC", "-XX:TieredStopAtLevel=1 -XX:+UseG1GC"),
        ("default", "", ""),
    ] {
        let mut scenario = Scenario::new();
        scenario.job.write("main.py", "print(1)\n");
        let extra = format!("{}\nsonar.scanner.javaOpts={chosen}", scenario.engine(""));
        scenario.prepare(&[("extraProperties", &extra)]).succeeded();
        scenario.job.run(Task::Analyze, &[("jvmProfile", profile)]).succeeded();
        let arguments = scenario.noted("arguments");
        let options: Vec<_> = arguments.lines().filter(|option| option.starts_with("-XX:")).collect();
        assert_eq!(options.join(" "), expected, "{profile} {chosen}");
    }
}

#[test]
fn a_relative_base_directory_starts_at_the_sources() {
    let mut scenario = Scenario::new();
    // Letters that mean something to shells and to Java's properties.
    let service = "services/the shop's $(x); #1 = é";
    scenario.job.write(&format!("{service}/main.py"), "");
    // A settings file is read below the inputs.
    scenario.job.write(&format!("{service}/sonar-project.properties"), "sonar.projectBaseDir=.\n");
    let engine = scenario.engine("pwd >\"$0.directory\"");
    scenario.prepare(&[("extraProperties", &engine), ("projectBaseDir", service)]).succeeded();
    scenario.analyze().succeeded();
    let directory = std::fs::read_to_string(scenario.job.path("engine/java.directory")).unwrap();
    let expected = scenario.job.sources().join(service).canonicalize().unwrap();
    assert_eq!(directory.trim_end(), expected.display().to_string());

    scenario.job.write("sonar-project.properties", "sonar.projectBaseDir=services\n");
    scenario.prepare(&[("extraProperties", &engine)]).succeeded();
    scenario.analyze().succeeded();
    let directory = std::fs::read_to_string(scenario.job.path("engine/java.directory")).unwrap();
    assert!(directory.trim_end().ends_with("/services"), "{directory}");
}

#[test]
fn an_engine_on_another_host_is_downloaded_without_the_token() {
    let content = "a jar";
    let sha256: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    for way in ["a URL of its own", "a redirect"] {
        let stranger = SonarQube::start();
        stranger
            .answer_everywhere(ResponseTemplate::new(200).set_body_raw(content, "application/octet-stream"));
        let elsewhere = format!("{}/engine.jar", stranger.url());
        let mut scenario = Scenario::new();
        let mut offer = json!({ "filename": "engine.jar", "sha256": sha256 });
        let redirect = ResponseTemplate::new(302).insert_header("Location", elsewhere.as_str());
        if way == "a URL of its own" {
            offer["downloadUrl"] = elsewhere.into();
        }
        scenario.sonarqube.script("/api/v2/analysis/engine", [json_answer(&offer), redirect]);
        let engine = scenario.engine(&scenario.report("1", "shop"));
        let java = engine.lines().next().unwrap();
        scenario.prepare(&[("extraProperties", java)]).succeeded();
        scenario.analyze().succeeded().says("Scanner engine: engine.jar (downloaded)");
        let asked = stranger.asked();
        assert_eq!(asked.len(), 1, "{way}");
        assert_eq!(
            (asked[0].path.as_str(), asked[0].authorization.as_deref()),
            ("/engine.jar", None),
            "{way}"
        );
        let kept = scenario.job.path("home/.sonar/cache").join(&sha256).join("engine.jar");
        assert_eq!(std::fs::read_to_string(kept).unwrap(), content, "{way}");
    }
}

#[test]
fn engine_log_levels_are_kept_and_stderr_does_not_decide_the_result() {
    let mut scenario = Scenario::new();
    let body = [
        log("INFO", "Load project settings"),
        log("WARN", "Missing blame information"),
        log("DEBUG", "a detail"),
        log("ERROR", "One file could not be parsed"),
        "echo 'OpenJDK 64-Bit Server VM warning: sharing is off' >&2\necho ERROR: not really >&2\n".into(),
        scenario.report("1", "shop"),
    ]
    .concat();
    let engine = scenario.engine(&body);
    scenario.prepare(&[("extraProperties", &engine)]).succeeded();
    let step = scenario.analyze();
    step.ended(TaskResult::Succeeded).says("Load project settings");
    assert_eq!(step.warnings, ["Missing blame information"]);
    assert_eq!(step.errors, ["One file could not be parsed"]);
    assert!(step.debug.is_empty());
    assert_eq!(scenario.record(0, "analyzed.json")["outcome"], "succeeded");
}

#[test]
fn an_engine_failure_is_one_error_in_the_engines_words() {
    let mut scenario = Scenario::new();
    let body =
        [log("INFO", "Working"), log("ERROR", "Unable to parse file src/a.py"), "exit 1".into()].concat();
    let engine = scenario.engine(&body);
    scenario.prepare(&[("extraProperties", &engine)]).succeeded();
    let step = scenario.analyze();
    insta::assert_snapshot!(step.sole_error(), @"the analysis failed: Unable to parse file src/a.py");
    assert!(scenario.record(0, "analyzed.json")["outcome"]["failed"]["message"].is_string());

    let publish = scenario.publish(&[]);
    insta::assert_snapshot!(publish.sole_error(), @"No quality gate result – the analysis failed – shop, branch main – Unable to parse file src/a.py");
    assert_eq!(scenario.gate_property().as_deref(), Some("analysis-failed"));
}

#[test]
fn an_engine_that_does_not_start_shows_the_output_of_java() {
    let mut scenario = Scenario::new();
    let engine = scenario.engine("echo 'Error: Invalid or corrupt jarfile engine.jar' >&2\nexit 1");
    scenario.prepare(&[("extraProperties", &engine)]).succeeded();
    insta::assert_snapshot!(scenario.analyze().sole_error(), @"
    the analysis failed: the scanner engine ended with exit code 1 and gave no reason. The last lines:
    Error: Invalid or corrupt jarfile engine.jar
    ");
}

#[test]
fn an_engine_killed_by_a_signal_fails_the_analysis() {
    let mut scenario = Scenario::new();
    let engine = scenario.engine("kill -KILL $$");
    scenario.prepare(&[("extraProperties", &engine)]).succeeded();
    assert!(scenario.analyze().sole_error().contains("ended by signal 9 (SIGKILL)"));
}

#[test]
fn a_failed_gate_that_the_engine_waited_for_is_a_failed_gate() {
    let mut scenario = Scenario::new();
    let failed =
        log("ERROR", "QUALITY GATE STATUS: FAILED - View details on http://sonar.example/dashboard?id=shop");
    let body = [scenario.report("1", "shop") + "\n", failed, "exit 3".into()].concat();
    let extra = format!("{}\nsonar.qualitygate.wait=true", scenario.engine(&body));
    scenario.prepare(&[("extraProperties", &extra)]).succeeded();
    let step = scenario.analyze();
    insta::assert_snapshot!(step.sole_error(), @"the quality gate failed: QUALITY GATE STATUS: FAILED - View details on http://sonar.example/dashboard?id=shop. The analysis itself succeeded; it waited for the gate because sonar.qualitygate.wait is true.");
    let outcome = &scenario.record(0, "analyzed.json")["outcome"]["gateFailed"];
    assert!(outcome["message"].as_str().unwrap().starts_with("QUALITY GATE STATUS: FAILED"), "{outcome}");
}

#[test]
fn sonar_scanner_skip_runs_no_scanner() {
    let mut scenario = Scenario::new();
    let engine = scenario.engine("touch \"$0.ran\"");
    scenario.prepare(&[("extraProperties", &format!("{engine}\nsonar.scanner.skip=true"))]).succeeded();
    scenario.analyze().succeeded().warns("Nothing is analysed");
    assert!(!scenario.job.path("engine/java.ran").exists());
    scenario.publish(&[]).succeeded();
    assert_eq!(scenario.gate_property().as_deref(), Some("skipped"));
}

#[test]
fn several_analyses_run_one_after_another_in_one_job() {
    let mut scenario = Scenario::new();
    scenario.analysed_as("shop", "1");
    scenario.analysed_as("blog", "2");
    assert!(scenario.analyze().sole_error().contains("all 2 that SonarPrepare prepared have already run"));
}

#[test]
fn analyze_names_what_is_missing() {
    let mut scenario = Scenario::new();
    let step = scenario.analyze();
    insta::assert_snapshot!(scenario.job.tidy(step.sole_error()), @"there is no analysis to run: <job>/temp/sonar-azdo holds no record of a SonarPrepare. Run SonarPrepare before SonarAnalyze, in the same job.");

    // The server hands out an engine that is not the one it announced, and no Java.
    let mut scenario = Scenario::new();
    scenario.prepare(&[]).succeeded();
    let step = scenario.analyze();
    insta::assert_snapshot!(scenario.job.tidy(step.sole_error()), @"engine.jar could not be downloaded: the download of <server>/api/v2/analysis/engine is damaged: its SHA-256 is 0c42aa1aaf71b1da5f034bad1f017246e6d268a2a440d512869cd18c394adcc1, but e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 was announced");

    let mut scenario = Scenario::new();
    let engine = scenario.engine("");
    scenario.job.allow_variables(&["SONARQUBE_*"]);
    scenario.prepare(&[("extraProperties", &engine)]).warns("may not set the variable SONAR_AZDO_TOKEN_");
    let id = scenario.record(0, "prepared.json")["id"].as_str().unwrap().to_owned();
    let step = scenario.analyze();
    let error = scenario.job.tidy(step.sole_error()).replace(&id, "<id>").replace(&id.to_uppercase(), "<ID>");
    insta::assert_snapshot!(error, @"the record in <job>/temp/sonar-azdo/<id> was not made by a SonarPrepare of this job: the job has no variable SONAR_AZDO_TOKEN_<ID>. Run the three tasks in one job. If the pipeline restricts which variables may be set, allow SONAR_AZDO_*, or give SonarPublish the service connection of SonarPrepare.");
}

#[test]
fn a_cancelled_analysis_leaves_no_process_behind() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut scenario = Scenario::new();
        // A child in the background that would outlive the engine, and an engine that does not want to go.
        let body =
            "trap '' TERM INT\nsleep 600 &\necho $! >\"$0.child\"\necho 'the engine runs'\nwait\nsleep 600";
        let engine = scenario.engine(body);
        scenario.prepare(&[("extraProperties", &engine)]).succeeded();
        let mut running = scenario.begin_analyze();
        running.await_line("the engine runs");
        running.signal(signal);
        let step = running.finish();
        step.ended(TaskResult::Canceled);
        assert!(step.errors.is_empty(), "{:?}", step.errors);
        let child = std::fs::read_to_string(scenario.job.path("engine/java.child")).unwrap();
        assert!(ends(child.trim().parse().unwrap()), "{signal:?}");
        assert_eq!(step.processes.survivors(), [0; 0]);
        assert_eq!(scenario.record(0, "analyzed.json")["outcome"], "cancelled");
        assert_eq!(
            scenario.publish(&[]).result,
            Some(TaskResult::Failed),
            "what was cancelled has passed no gate"
        );
        assert_eq!(scenario.gate_property().as_deref(), Some("cancelled"));
    }
}

#[test]
fn an_agent_that_closes_the_pipe_cancels_the_analysis() {
    let mut scenario = Scenario::new();
    let body = "echo $$ >\"$0.pid\"\nwhile :; do echo still here; sleep 0.2; done";
    let engine = scenario.engine(body);
    scenario.prepare(&[("extraProperties", &engine)]).succeeded();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut child = scenario
        .job
        .command(Task::Analyze, &[])
        .stdout(writer)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // Read until the engine has printed something, and then no longer.
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(reader));
    assert!(lines.any(|line| line.unwrap().contains("still here")));
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(1), "the result could not be told");
    let engine = std::fs::read_to_string(scenario.job.path("engine/java.pid")).unwrap();
    assert!(ends(engine.trim().parse().unwrap()));
}
