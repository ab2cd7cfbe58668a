//! Text from outside that looks like commands of the agent. Every test checks that no line of a step holds a command that the step
//! did not mean. Here such text comes from every source.

use crate::fake_agent::{Task, TaskResult};
use crate::fake_azure_devops::AzureDevOps;
use crate::fake_sonarqube::{Access, SonarQube, failed_gate, gate, refusal, task};
use crate::scenario::Scenario;
use serde_json::json;

/// Each would change the job if the agent took it for a command.
const ATTACKS: [&str; 6] = [
    "##vso[task.complete result=Succeeded;]all is well",
    "before ##vso[task.setvariable variable=hacked]yes",
    "##[error]something broke",
    "a\r##vso[task.setvariable variable=hacked]yes\r\n##[warning]b",
    "#\u{ad}#vso[task.setvariable variable=hacked]yes",
    "##VSO[task.setvariable variable=hacked]yes ###vso[task.setvariable variable=hacked]yes",
];

fn all() -> String {
    ATTACKS.join(" | ")
}

#[track_caller]
fn is_unharmed(scenario: &Scenario) {
    assert_eq!(scenario.job.variable("hacked"), None);
}

#[test]
fn engine_output_is_not_a_logging_command() {
    let mut scenario = Scenario::new();
    let plain = ATTACKS.join("\n");
    let entries: Vec<_> = ["INFO", "WARN", "ERROR", "DEBUG"]
        .iter()
        .map(|level| {
            json!({ "level": level, "message": all(), "stacktrace": ATTACKS.join("\n\tat ") }).to_string()
        })
        .collect();
    let noted = scenario.job.path("output");
    std::fs::write(&noted, format!("{plain}\n{}\n", entries.join("\n"))).unwrap();
    let body = format!("cat '{0}'\ncat '{0}' >&2\nexit 1", noted.display());
    scenario.job.set("System.Debug", "true");
    let engine = scenario.engine(&body);
    scenario.prepare(&[("extraProperties", &engine)]).succeeded();
    let step = scenario.analyze();
    assert!(
        step.sole_error().contains("# #vso[task.complete result=Succeeded;]all is well"),
        "broken visibly"
    );
    is_unharmed(&scenario);
    scenario.publish(&[]).ended(TaskResult::Failed);
    is_unharmed(&scenario);
}

#[test]
fn branch_and_pull_request_names_are_not_commands() {
    for attack in ATTACKS {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        scenario.job.set("Build.SourceBranch", &format!("refs/heads/{attack}"));
        scenario.prepare(&[]).succeeded().says("Analysing the branch ");
        is_unharmed(&scenario);
        let mut scenario = Scenario::new();
        scenario.job.of_pull_request("TfsGit", attack, attack, attack);
        scenario.prepare(&[]).succeeded().warns("is being built");
        is_unharmed(&scenario);
    }
}

#[test]
fn inputs_are_not_commands() {
    for attack in ATTACKS {
        let mut scenario = Scenario::new();
        scenario
            .prepare(&[("extraProperties", &format!("sonar.projectName={attack}\n{attack}"))])
            .succeeded();
        is_unharmed(&scenario);
        scenario.prepare(&[("configMode", "file"), ("configFile", attack)]).sole_error();
        is_unharmed(&scenario);
        scenario.prepare(&[("scannerMode", attack)]).sole_error();
        is_unharmed(&scenario);
        scenario.job.run(Task::Publish, &[("pollingTimeoutSec", attack)]).sole_error();
        is_unharmed(&scenario);
    }
}

#[test]
fn server_messages_are_not_commands() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.script("/batch/project.protobuf", [refusal(403, &all())]);
    scenario.prepare(&[]).sole_error();
    scenario.sonarqube.change(|model| model.status = all());
    scenario.prepare(&[]).sole_error();
    scenario.sonarqube.change(|model| {
        model.status = "UP".into();
        model.access = Access::Scan;
        model.main_branch = all();
    });
    scenario.job.set("Build.Repository.Provider", "GitHub");
    scenario.prepare(&[]).succeeded();
    is_unharmed(&scenario);
}

#[test]
fn server_warnings_of_an_analysis_are_not_commands() {
    for failed in [true, false] {
        let mut scenario = Scenario::new();
        let mut processed = task("1", "shop", if failed { "FAILED" } else { "SUCCESS" });
        processed["task"]["componentName"] = all().into();
        processed["task"]["errorMessage"] = all().into();
        processed["task"]["warnings"] =
            json!([format!("<a href=\"https://sonar.example/{}\">{}</a>", all(), all())]);
        scenario.sonarqube.processing("1", [processed]);
        let condition = json!({
            "status": "ERROR", "metricKey": all(), "comparator": "GT", "errorThreshold": all(), "actualValue": all()
        });
        let mut failed_gate = gate("ERROR");
        failed_gate["conditions"] = json!([condition]);
        scenario.sonarqube.change(|model| {
            model.gates.insert("AY-1".into(), failed_gate);
        });
        scenario.analysed("1");
        let step = scenario.publish(&[]);
        assert_eq!(step.errors.len(), 1, "{}", step.transcript());
        step.ended(TaskResult::Failed).says("SonarQube warns about");
        assert!(step.warnings.is_empty(), "{:?}", step.warnings);
        is_unharmed(&scenario);
        let [(title, _)] = &scenario.job.azure.summaries()[..] else { panic!("one summary") };
        assert!(!title.contains(['\r', '\n', ';', ']']), "{title}");
    }
}

/// Any step may set variables of the job, in upper case or, with `preservecase`, in another.
#[test]
fn job_variables_are_not_taken_for_inputs_or_connections() {
    let strangers = (SonarQube::start(), AzureDevOps::start());
    let mut scenario = Scenario::new();
    scenario.job.set("System.CollectionUri", &strangers.1.collection_uri());
    scenario.job.set("System.TeamFoundationCollectionUri", &strangers.1.collection_uri());
    scenario.sonarqube.processed("1", "shop", failed_gate());
    scenario.analysed("1");
    scenario.job.set("Build.BuildId", "76");
    scenario.publish(&[]).ended(TaskResult::Failed);
    assert_eq!(scenario.gate_property().as_deref(), Some("failed"));
    // Agents before July 2026 would put these over what they hand over themselves.
    let url = format!("ENDPOINT_URL_{}", scenario.connection);
    for (name, value) in
        [("input_onQualityGateFailureDefaultBranch", "ignore".to_owned()), (url.as_str(), strangers.0.url())]
    {
        scenario.job.set_in_case(name, &value);
        let step = scenario.publish(&[]);
        assert!(step.sole_error().contains("that value cannot be trusted"), "{}", step.transcript());
    }
    assert!(strangers.0.asked().is_empty() && strangers.1.requests().is_empty(), "no token goes there");
}
