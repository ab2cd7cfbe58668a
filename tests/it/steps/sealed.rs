//! Steps of the build that change the records of its analyses. This turns nothing green, and the token goes only to the server of
//! the service connection.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::fake_agent::{Task, TaskResult};
use crate::fake_sonarqube::{SonarQube, failed_gate, gate};
use crate::scenario::Scenario;
use serde_json::{Value, json};

/// Changes a file of the only record, as any step of the build may.
fn change(scenario: &Scenario, file: &str, how: impl FnOnce(&mut Value)) {
    let mut record = scenario.record(0, file);
    how(&mut record);
    std::fs::write(scenario.records()[0].join(file), record.to_string()).unwrap();
}

/// An analysis whose gate failed, beside one of another project that passed.
fn failed() -> Scenario {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", failed_gate());
    scenario.sonarqube.processed("2", "blog", gate("OK"));
    scenario.analysed("1");
    scenario
}

#[track_caller]
fn is_red(scenario: &mut Scenario, connection: Option<&str>, reason: &str) {
    let before = scenario.sonarqube.asked().len();
    let inputs: Vec<_> = connection.map(|connection| ("SonarQube", connection)).into_iter().collect();
    let step = scenario.publish(&inputs);
    step.ended(TaskResult::Failed);
    assert!(step.sole_error().contains(reason), "{}", step.transcript());
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"), "{}", step.transcript());
    assert_eq!(scenario.sonarqube.asked().len(), before, "nobody is asked about it");
}

#[test]
fn an_altered_record_has_verdict_no_report() {
    let evil = SonarQube::start();
    let url = evil.url();
    type Change<'a> = Box<dyn Fn(&mut Value) + 'a>;
    let changes: Vec<(&str, Change<'_>)> = vec![
        ("prepared.json", Box::new(|record| record["server"]["url"] = json!(url))),
        ("prepared.json", Box::new(|record| record["server"]["apiUrl"] = json!(url))),
        ("prepared.json", Box::new(|record| record["skip"] = json!("nothing to do"))),
        ("prepared.json", Box::new(|record| record["projectKey"] = json!("blog"))),
        ("prepared.json", Box::new(|record| record["created"] = json!(1))),
        (
            "prepared.json",
            Box::new(|record| record["properties"]["sonar.scanner.metadataFilePath"] = json!("/tmp/x")),
        ),
        ("analyzed.json", Box::new(|record| record["outcome"] = json!({ "skipped": { "reason": "x" } }))),
    ];
    for (file, how) in changes {
        for with_connection in [false, true] {
            let mut scenario = failed();
            let connection = with_connection.then(|| scenario.connection.clone());
            change(&scenario, file, &how);
            is_red(&mut scenario, connection.as_deref(), "was changed by another step");
        }
    }
    // Without a seal, or with that of another file, it says no more.
    let mut scenario = failed();
    let folder = scenario.records()[0].clone();
    std::fs::copy(folder.join("analyzed.json.seal"), folder.join("prepared.json.seal")).unwrap();
    is_red(&mut scenario, None, "was changed by another step");
    std::fs::remove_file(folder.join("prepared.json.seal")).unwrap();
    is_red(&mut scenario, None, "was changed by another step");
    assert!(evil.asked().is_empty());
}

#[test]
fn an_altered_record_fails_analyze() {
    let evil = SonarQube::start();
    let mut scenario = Scenario::new();
    let engine = scenario.engine(&scenario.report("1", "shop"));
    scenario.prepare(&[("extraProperties", &engine)]).succeeded();
    change(&scenario, "prepared.json", |record| record["server"]["url"] = json!(evil.url()));
    let step = scenario.analyze();
    let id = scenario.record(0, "prepared.json")["id"].as_str().unwrap().to_owned();
    let error = scenario.job.tidy(step.sole_error()).replace(&id, "<id>");
    insta::assert_snapshot!(error, @"the record in <job>/temp/sonar-azdo/<id> was changed by another step. The record is not used. Find the step that writes to that folder, and run the job again.");
    assert!(!scenario.job.path("engine/stdin").exists());
    scenario.analyze_with(&[("exportTo", "out/sonar")]).sole_error();
    assert!(evil.asked().is_empty());
}

#[test]
fn an_outcome_of_another_analysis_does_not_count() {
    let mut scenario = failed();
    // Of the same token, so that its seal is good.
    scenario.prepare(&[("extraProperties", "sonar.scanner.skip=true")]).succeeded();
    scenario.analyze().succeeded();
    let [first, second] = &scenario.records()[..] else { panic!("two records") };
    for file in ["analyzed.json", "analyzed.json.seal"] {
        std::fs::copy(second.join(file), first.join(file)).unwrap();
    }
    let step = scenario.publish(&[]);
    assert!(step.transcript().contains("belongs to another analysis"), "{}", step.transcript());
    step.ended(TaskResult::Failed);
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
}

#[test]
fn a_record_whose_token_was_emptied_does_not_count() {
    for deleted in [false, true] {
        let mut scenario = failed();
        let name = scenario.records()[0].file_name().unwrap().to_string_lossy().to_uppercase();
        change(&scenario, "prepared.json", |record| record["skip"] = json!("nothing to do"));
        std::fs::remove_file(scenario.records()[0].join("analyzed.json")).unwrap_or_default();
        if deleted {
            std::fs::remove_dir_all(&scenario.records()[0]).unwrap();
        }
        scenario.job.set(&format!("SONAR_AZDO_TOKEN_{name}"), "");
        is_red(&mut scenario, None, if deleted { "is missing" } else { "was emptied" });
    }
}

#[test]
fn a_deleted_record_has_verdict_no_report() {
    let mut scenario = failed();
    scenario.analysed_as("blog", "2");
    std::fs::remove_dir_all(&scenario.records()[0]).unwrap();
    let step = scenario.publish(&[]);
    assert!(step.sole_error().contains("is missing: another step deleted it"), "{}", step.transcript());
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
    // All of them, so that it looks as if nothing had been prepared.
    for wish in ["skip", "fail"] {
        std::fs::remove_dir_all(scenario.job.temp().join("sonar-azdo")).unwrap_or_default();
        let step = scenario.publish(&[("onMissingConnection", wish)]);
        step.ended(TaskResult::Failed);
        assert_eq!(step.errors.len(), 2, "{}", step.transcript());
    }
}

/// Runs SonarPublish as agents before July 2026 do: a job variable is put over the inputs and connections of a task.
fn publish_below(scenario: &mut Scenario, name: &str, value: &str) -> String {
    scenario.job.set(name, value);
    let connection = scenario.connection.clone();
    let mut command = scenario.job.command(Task::Publish, &[("SonarQube", &connection)]);
    let output = command.env(name.replace('.', "_").to_uppercase(), value).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_job_variable_cannot_replace_an_input_or_connection() {
    for (name, value) in [
        ("INPUT_ONQUALITYGATEFAILURE", "ignore"),
        ("Input.Projects", "blog"),
        ("ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN", "of a step"),
    ] {
        let mut scenario = failed();
        let said = publish_below(&mut scenario, name, value);
        assert!(said.contains("##vso[task.complete result=Failed;]"), "{said}");
        assert!(
            said.contains(&format!(
                "the job variable {name} has the name of an environment variable by which"
            )),
            "{said}"
        );
    }
    let mut scenario = failed();
    let said = publish_below(&mut scenario, "INPUT_DIR", "src");
    assert!(said.contains("##vso[task.complete result=Failed;]Quality gate failed"), "{said}");
}

/// The seal that a step can make of a record: it knows the algorithm and a token of its own, and has no access token of the
/// job.
fn seal_of_a_step(name: &str, content: &[u8], token: &str) -> String {
    let mut digest = Sha256::new();
    for part in ["job", "", token, ""] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let mut key = [0; 64];
    key[..32].copy_from_slice(&digest.finalize());
    let mac = Hmac::<Sha256>::new(&key.into()).chain_update(name).chain_update([0]).chain_update(content);
    BASE64.encode(mac.finalize().into_bytes())
}

/// Changes a record and seals it as a step can that has replaced the token of the analysis.
fn change_and_seal(scenario: &Scenario, file: &str, token: &str, how: impl FnOnce(&mut Value)) {
    change(scenario, file, how);
    let folder = scenario.records()[0].clone();
    let content = std::fs::read(folder.join(file)).unwrap();
    std::fs::write(folder.join(format!("{file}.seal")), seal_of_a_step(file, &content, token)).unwrap();
}

#[test]
fn a_record_sealed_with_a_replaced_token_does_not_count() {
    // Agents let any step overwrite a read-only variable and only warn, unless the pipeline protects those. Another spelling
    // is another variable, which becomes the same environment variable, and is never protected.
    type Spelling = fn(&str) -> String;
    let spellings: [(Spelling, bool); 3] = [
        (|id| format!("SONAR_AZDO_TOKEN_{}", id.to_uppercase()), true),
        (|id| format!("sonar_azdo_token_{id}"), true),
        (|id| format!("Sonar.Azdo.Token.{id}"), false),
    ];
    let token = "squ_chosen_by_a_step";
    for (spelling, is_the_same) in spellings {
        for protected in [false, true] {
            let evil = SonarQube::start();
            evil.processed("1", "shop", gate("OK"));
            let mut scenario = failed();
            if protected {
                scenario.job.set("agent.readOnlyVariables", "true");
            }
            let id = scenario.records()[0].file_name().unwrap().to_string_lossy().into_owned();
            let name = spelling(&id);
            let said = scenario
                .job
                .script_says(&format!("##vso[task.setvariable variable={name};issecret=true]{token}"));
            let (warned, refused) = (is_the_same && !protected, is_the_same && protected);
            assert_eq!((said.warnings.len(), said.errors.len()), (warned.into(), refused.into()), "{said:?}");
            let seen = scenario
                .job
                .environment(Task::Publish, &format!("SECRET_SONAR_AZDO_TOKEN_{}", id.to_uppercase()));
            assert_eq!(seen.as_deref() == Some(token), !refused, "what SonarPublish sees as {name}");

            let url = evil.url();
            change_and_seal(&scenario, "prepared.json", token, |record| record["server"]["url"] = json!(url));
            change_and_seal(&scenario, "analyzed.json", token, |_| ());
            let report = format!("projectKey=shop\nserverUrl={url}\nceTaskId=AZ-1\n");
            std::fs::write(scenario.records()[0].join("report-task.txt"), report).unwrap();
            let step = scenario.publish(&[]);
            assert!(step.sole_error().contains("was changed by another step"), "{}", step.transcript());
            assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
            assert!(evil.asked().is_empty(), "a server that the record names is asked");
        }
    }
}

#[test]
fn a_replaced_token_does_not_affect_publish_with_a_connection() {
    // The connection of SonarPublish vouches for the record, and no job variable does.
    let mut scenario = failed();
    let id = scenario.records()[0].file_name().unwrap().to_string_lossy().to_uppercase();
    scenario.job.set_secret(&format!("SONAR_AZDO_TOKEN_{id}"), "another");
    let connection = scenario.connection.clone();
    scenario.publish(&[("SonarQube", &connection)]).ended(TaskResult::Failed);
    assert_eq!(scenario.gate_property().as_deref(), Some("failed"));
}

#[test]
fn replaced_secret_properties_do_not_send_the_token_elsewhere() {
    let evil = SonarQube::start();
    let mut scenario = Scenario::new();
    let engine = scenario.engine(&scenario.report("1", "shop"));
    // The honest ones reach the engine.
    let extra = format!("{engine}\nsonar.some.password=hush-hush");
    scenario.prepare(&[("extraProperties", &extra)]).succeeded();
    scenario.analyze().succeeded();
    assert!(scenario.noted("stdin").contains("hush-hush"));
    for (was, extra) in [("set", extra.as_str()), ("unset", engine.as_str())] {
        std::fs::remove_file(scenario.job.path("engine/stdin")).unwrap();
        scenario.prepare(&[("extraProperties", extra)]).succeeded();
        let folder = scenario.records().pop().unwrap();
        let id = folder.file_name().unwrap().to_string_lossy().to_uppercase();
        let other = json!({ "sonar.host.url": evil.url(), "sonar.scanner.apiBaseUrl": evil.url() });
        let other = json!({ "properties": other });
        scenario.job.set_secret(&format!("SONAR_AZDO_SECRETS_{id}"), &other.to_string());
        let step = scenario.analyze();
        let error = step.sole_error();
        assert!(
            error.contains("SONAR_AZDO_SECRETS_") && error.contains("was changed by another step"),
            "{was}: {error}"
        );
        assert!(!scenario.job.path("engine/stdin").exists(), "{was}");
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::write(scenario.job.path("engine/stdin"), "").unwrap();
    }
    assert!(evil.asked().is_empty());
}

#[test]
fn deleting_the_record_of_analyze_turns_nothing_green() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    let engine = scenario.engine(&format!("{}\nexit 1", scenario.report("1", "shop")));
    scenario.prepare(&[("extraProperties", &engine)]).succeeded();
    scenario.analyze().sole_error();
    for file in ["analyzed.json", "analyzed.json.seal"] {
        std::fs::remove_file(scenario.records()[0].join(file)).unwrap();
    }
    let step = scenario.publish(&[]);
    assert!(step.sole_error().contains("did not record the end of the analysis"), "{}", step.transcript());
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
}

#[test]
fn publish_does_not_judge_a_record_of_another_connection() {
    let mut scenario = failed();
    let other = SonarQube::start();
    let connection = scenario.job.connect_server(&other.url(), "squ_of_another_server");
    let step = scenario.publish(&[("SonarQube", &connection)]);
    assert!(step.transcript().contains("used another service connection"), "{}", step.transcript());
    step.ended(TaskResult::Failed);
    assert_eq!(scenario.gate_property().as_deref(), Some("no-report"));
}

#[test]
fn a_planted_record_does_not_skip_or_stop_the_search_for_reports() {
    // A job without SonarPrepare: the scanner ran by itself, and its gate failed.
    let mut other = Scenario::new();
    other.prepare(&[("extraProperties", "sonar.scanner.skip=true")]).succeeded();
    other.analyze().succeeded();
    let planted = other.records()[0].clone();

    let mut scenario = Scenario::new();
    scenario.sonarqube.processed("1", "shop", failed_gate());
    let report = format!("projectKey=shop\nserverUrl={}\nceTaskId=AZ-1\n", scenario.sonarqube.url());
    scenario.job.write(".scannerwork/report-task.txt", &report);
    let folder = scenario.job.temp().join("sonar-azdo").join(planted.file_name().unwrap());
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["prepared.json", "analyzed.json"] {
        std::fs::copy(planted.join(file), folder.join(file)).unwrap();
    }
    let connection = scenario.connection.clone();
    let step = scenario.publish(&[("SonarQube", &connection)]);
    step.ended(TaskResult::Failed);
    assert!(step.transcript().contains("Quality gate failed"), "{}", step.transcript());
    // Without a connection nothing vouches for it either.
    let step = scenario.publish(&[("onNoVerdict", "fail")]);
    assert!(
        step.sole_error().contains("was not made by a SonarPrepare of this job"),
        "{}",
        step.transcript()
    );
    assert_eq!(step.variable("qualityGateStatus"), "no-report");
}

#[test]
fn a_pipe_in_place_of_a_report_does_not_block_the_step() {
    let mut scenario = failed();
    let report = scenario.records()[0].join("report-task.txt");
    std::fs::remove_file(&report).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&report).status().unwrap().success());
    let step = scenario.publish(&[]);
    assert!(step.sole_error().contains("is not a regular file"), "{}", step.transcript());
}
