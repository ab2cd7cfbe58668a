//! Gates of real servers: with every kind of metric, never computed, and of ten reports in one queue.

use super::server::{Project, Server, TokenKind};
use super::{Journey, shown};
use crate::fake_agent::{Step, Task, TaskResult};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Metric, operator, threshold and what the condition requires in words. Gates take metrics of these types and of
/// no other (10.7 and 26.9); severities are of type INT, and 26.9 has them.
const EVERY_KIND: [(&str, &str, &str, &str); 7] = [
    ("violations", "GT", "2", "≤ 2"),
    ("coverage", "LT", "80", "≥ 80%"),
    ("reliability_rating", "GT", "1", "A"),
    ("sqale_index", "GT", "2", "≤ 2min"),
    ("test_execution_time", "GT", "60000", "≤ 1min"),
    ("new_violations", "GT", "0", "≤ 0"),
    ("new_coverage", "LT", "80.5", "≥ 80.5%"),
];
const SEVERITIES: [(&str, &str, &str, &str); 2] =
    [("security_issue_severity", "GT", "9", "below LOW"), ("new_bugs_severity", "GT", "4", "no issues")];

/// Never computed, passed, then failed by every condition. A server computes a gate for each analysis it can process,
/// so none is known only of a project without one.
pub(super) fn a_gate_with_every_kind_of_metric_is_shown(server: &Server) {
    let mut project = server.project("kinds");
    let mut conditions = EVERY_KIND.to_vec();
    if server.metrics().iter().any(|metric| metric["key"] == SEVERITIES[0].0) {
        conditions.extend(SEVERITIES);
    }
    let user = project.token(TokenKind::User);
    let gate = |project: &Project| Told::by(server, &user, project);
    gate(&project).is(4, "No quality gate was computed yet", false);
    let task = project.submit_garbage();
    project.await_end(&task);
    gate(&project).is(4, "No quality gate was computed yet", false);

    project
        .require(&conditions.iter().map(|(metric, op, error, _)| (*metric, *op, *error)).collect::<Vec<_>>());
    // An analysis token may not read the issues, so its summary has no list of the worst ones.
    let mut journey = Journey::new(server, &user);
    journey.job.write("orders/names.py", "\"\"\"Names.\"\"\"\n\nSHOP = \"shop\"\n");
    let inputs = |version| {
        [
            ("configMode", "manual"),
            ("cliProjectKey", project.key.as_str()),
            ("cliProjectVersion", version),
            ("cliSources", "orders"),
            (
                "extraProperties",
                "sonar.scm.disabled=true\nsonar.tests=tests\nsonar.testExecutionReportPaths=tests.xml\n\
                 sonar.coverageReportPaths=coverage.xml\nsonar.python.version=3.12",
            ),
        ]
    };
    let run = |journey: &mut Journey, version, milliseconds: u32| {
        journey.job.write("tests/test_names.py", "\"\"\"Tests.\"\"\"\n");
        let tests = format!(
            "<testExecutions version=\"1\"><file path=\"tests/test_names.py\">\
             <testCase name=\"a\" duration=\"{milliseconds}\"/></file></testExecutions>"
        );
        journey.job.write("tests.xml", &tests);
        journey.prepare(&inputs(version)).succeeded();
        journey.job.run(Task::Analyze, &[]).succeeded();
        journey.publish(&[])
    };
    let coverage = "<coverage version=\"1\"><file path=\"orders/names.py\">\
                    <lineToCover lineNumber=\"3\" covered=\"true\"/></file></coverage>";
    journey.job.write("coverage.xml", coverage);
    run(&mut journey, "1.0", 59_000).succeeded();
    gate(&project).is(0, "Quality gate passed", true);

    journey.check_out("sample-failing");
    let publish = run(&mut journey, "2.0", 90_505);
    publish.ended(TaskResult::Failed);
    assert_eq!(journey.gate_property().as_deref(), Some("failed"));
    let told = gate(&project);
    told.is(3, "Quality gate failed", false);
    let listed = told.text.lines().filter(|line| line.starts_with("  ")).count();
    assert!(listed > 0 && !told.text.contains("not visible"), "{}", told.text);
    let answer = project.gate_now();
    let (_, summary) = journey.summary();
    assert!(summary.contains("#### Where it fails"), "{summary}");
    assert_eq!(publish.errors.len(), conditions.len(), "{}", publish.transcript());
    for (metric, _, _, required) in &conditions {
        let (name, kind) = project.metric(metric);
        let condition = answer["conditions"].as_array().unwrap().iter();
        let condition = condition.clone().find(|condition| condition["metricKey"] == *metric).unwrap();
        let actual = actual(metric, &kind, condition["actualValue"].as_str().unwrap());
        let line = format!("{name}: {actual} (required: {required}) – ");
        assert!(
            publish.errors.iter().any(|error| error.starts_with(&line)),
            "{line}: {}",
            publish.transcript()
        );
        assert!(told.text.lines().any(|told| told.starts_with(&line)), "{line}: {}", told.text);
        let row = format!("| {name} | {actual} | {required} |");
        assert!(summary.contains(&row), "{row}: {summary}");
    }
}

/// A value as people read it: severities by name.
fn actual(metric: &str, kind: &str, value: &str) -> String {
    if !metric.ends_with("_severity") {
        return shown(kind, value);
    }
    let names = if metric.contains("_issue_") {
        ["no issues", "INFO", "LOW", "MEDIUM", "HIGH", "BLOCKER"]
    } else {
        ["no issues", "INFO", "MINOR", "MAJOR", "CRITICAL", "BLOCKER"]
    };
    names[value.parse::<usize>().unwrap() / 5].to_owned()
}

/// What `sonar-azdo gate` and SonarGate say of a project.
struct Told {
    code: Option<i32>,
    text: String,
    /// Whether the expression of SonarGate holds of the server's answer.
    passes: bool,
}

impl Told {
    fn by(server: &Server, token: &str, project: &Project) -> Self {
        let output = Command::new(env!("CARGO_BIN_EXE_sonar-azdo"))
            .args(["gate", "--main-branch", "--top", "3", "--project-key", &project.key])
            .env_clear()
            .envs([("SONAR_HOST_URL", server.url.as_str()), ("SONAR_TOKEN", token)])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains(token));
        Self { code: output.status.code(), text, passes: sonar_gate(server, &project.key) }
    }

    #[track_caller]
    fn is(&self, code: i32, word: &str, passes: bool) {
        assert_eq!(self.code, Some(code), "{}", self.text);
        assert!(self.text.contains(word), "{}", self.text);
        assert_eq!(self.passes, passes, "SonarGate");
    }
}

/// Asks as the task's definition says, and evaluates the answer by its expression.
fn sonar_gate(server: &Server, key: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let task: Value =
        serde_json::from_slice(&std::fs::read(root.join("task/gate/task.json")).unwrap()).unwrap();
    let request = &task["execution"]["HttpRequest"]["Execute"];
    let url = request["EndpointUrl"].as_str().unwrap().replace("$(endpoint.url)/", "");
    let url = url.replace("$(projectKey)", key).replace("$(scope)", "mainBranch").replace("$(scopeName)", "");
    let (path, query) = url.split_once('?').unwrap();
    let query: Vec<_> = query.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
    let answer = server.get(path, &query).to_string();
    let script = format!(
        "console.log(require({:?}).meets(process.argv[1], process.argv[2]))",
        root.join("tests/launcher/expression.js")
    );
    let output = Command::new("node")
        .args(["-e", &script, request["Expression"].as_str().unwrap(), &answer])
        .output()
        .unwrap();
    match String::from_utf8(output.stdout).unwrap().trim() {
        "true" => true,
        "false" => false,
        other => panic!("{other} {}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// One analysis, handed in for ten projects of one job at once: each has the verdict of its own gate.
pub(super) fn ten_reports_in_the_queue_are_waited_for(server: &Server) {
    let mut first = server.project("queue-a");
    let token = first.token(TokenKind::Global);
    let mut journey = Journey::new(server, &token);
    journey.job.write("main.py", "def greet(name):\n    return \"Hello, \" + name\n");
    let extra = "sonar.scm.disabled=true\nsonar.scanner.keepReport=true";
    let template = journey.prepare(&[
        ("configMode", "manual"),
        ("cliProjectKey", first.key.as_str()),
        ("extraProperties", extra),
    ]);
    journey.job.run(Task::Analyze, &[]).succeeded();
    let id = record_id(&template);
    let report = journey.job.sources().join(".scannerwork/scanner-report");

    let mut projects = Vec::new();
    for index in 0..10 {
        let project = server.project(&format!("queue-{}", char::from(b'b' + index)));
        // The build's own scanner hands these in; in mode `other` it reads its token from a plain variable.
        journey.job.allow_leaks();
        let extra = format!("sonar.projectKey={}", project.key);
        let prepared = journey.prepare(&[("scannerMode", "other"), ("extraProperties", &extra)]);
        prepared.succeeded();
        projects.push((project, prepared));
    }
    let mut reports = Vec::new();
    for (index, (project, prepared)) in projects.iter_mut().enumerate() {
        project.require(&[("coverage", "LT", if index % 2 == 0 { "50" } else { "0" })]);
        reports.push(zip(&report, &[(&first.key, &project.key), (&id, &record_id(prepared))]));
    }
    let projects_and_reports = projects.iter().zip(&reports);
    let queued: Vec<_> = projects_and_reports.map(|((project, _), report)| project.submit(report)).collect();
    for ((project, prepared), task) in projects.iter().zip(&queued) {
        let text = format!(
            "projectKey={0}\nserverUrl={1}\ndashboardUrl={1}/dashboard?id={0}\nceTaskId={task}\n",
            project.key, server.url
        );
        std::fs::write(prepared.variable("SONAR_SCANNER_REPORTTASKFILE"), text).unwrap();
    }
    let publish = journey.publish(&[]);
    publish.ended(TaskResult::Failed);
    let analyses: Value = serde_json::from_str(&journey.job.variable("publish.analyses").unwrap().0).unwrap();
    assert_eq!(analyses.as_array().unwrap().len(), 11);
    for (index, ((project, _), task)) in projects.iter().zip(&queued).enumerate() {
        let (status, verdict) = if index % 2 == 0 { ("ERROR", "failed") } else { ("OK", "passed") };
        assert_eq!(project.gate_of(task)["status"], status);
        let analysis = analyses.as_array().unwrap().iter().find(|one| one["key"] == project.key.as_str());
        assert_eq!(analysis.unwrap()["verdict"], verdict, "{}", publish.transcript());
    }
    assert_eq!(publish.errors.len(), 5, "{}", publish.transcript());
    assert_eq!(journey.gate_property().as_deref(), Some("failed"));
}

/// The folder of the record, which is its id.
fn record_id(prepare: &Step) -> String {
    let report = Path::new(prepare.variable("SONAR_SCANNER_REPORTTASKFILE"));
    report.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned()
}

/// A kept report as the engine hands it in, with these texts exchanged for others of the same length.
fn zip(folder: &Path, swaps: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let mut content = std::fs::read(entry.path()).unwrap();
        for (from, to) in swaps {
            assert_eq!(from.len(), to.len());
            let starts = (0..content.len().saturating_sub(from.len() - 1))
                .filter(|at| content[*at..].starts_with(from.as_bytes()));
            for at in starts.collect::<Vec<_>>() {
                content[at..at + to.len()].copy_from_slice(to.as_bytes());
            }
        }
        let name = entry.file_name().into_string().unwrap();
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut archive, &content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}
