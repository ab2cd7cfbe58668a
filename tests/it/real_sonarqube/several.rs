//! Several analyses of one build, and what SonarSource's own scanners did without SonarPrepare.

use super::{Journey, Server, TokenKind};
use crate::fake_agent::{Job, Step, Task, TaskResult};
use crate::scenario::copy;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const WITHOUT_SCM: &str = "sonar.scm.disabled=true";

/// Three projects in one job, whose tokens are refused on each other's: each is judged with its own.
pub(super) fn two_projects_with_a_token_each_are_judged_in_one_job(server: &Server) {
    let mut projects = ["web", "api", "docs"].map(|name| server.project(name));
    projects[1].require(&[("ncloc", "GT", "0")]);
    let tokens = projects.each_mut().map(|project| project.token(TokenKind::Project));
    let mut journey = Journey::new(server, &tokens[0]);
    let connections = tokens.each_ref().map(|token| journey.job.connect_server(&server.url, token));
    for (project, connection) in projects.iter().zip(&connections) {
        let (name, _) = project.key.split_once('-').unwrap();
        journey.job.write(&format!("{name}/main.py"), "def greet(name):\n    return \"Hello, \" + name\n");
        let inputs = [
            ("SonarQube", connection.as_str()),
            ("configMode", "manual"),
            ("cliProjectKey", &project.key),
            ("projectBaseDir", name),
            ("analysisName", name),
            ("extraProperties", WITHOUT_SCM),
        ];
        journey.prepare(&inputs).succeeded();
    }
    let refused = journey.job.run(Task::Analyze, &[]);
    assert!(
        refused.sole_error().starts_with("3 prepared analyses have not run yet: web (web-"),
        "{}",
        refused.transcript()
    );
    for name in ["docs", "web", "api"] {
        journey.job.run(Task::Analyze, &[("analysisName", name)]).succeeded();
    }
    let publish = journey.publish(&[]);
    publish.ended(TaskResult::Failed);
    let analyses: Value = serde_json::from_str(publish.variable("analyses")).unwrap();
    let verdicts = analyses.as_array().unwrap().iter();
    let verdicts: Vec<_> =
        verdicts.map(|one| (one["key"].as_str().unwrap(), one["verdict"].as_str().unwrap())).collect();
    let expected = [
        (projects[0].key.as_str(), "passed"),
        (projects[1].key.as_str(), "failed"),
        (projects[2].key.as_str(), "passed"),
    ];
    assert_eq!(verdicts, expected);
    let (title, summary) = journey.summary();
    assert_eq!(title, "SonarQube – 3 projects – failed");
    assert!(summary.contains("1 of 3 projects"), "{summary}");
    // Whose tokens are whose.
    for (index, token) in tokens.iter().enumerate() {
        for (other, project) in projects.iter().enumerate() {
            let query = [("projectKey", project.key.as_str())];
            let status = server.status_for(token, "api/qualitygates/project_status", &query);
            assert_eq!(status == 200, index == other, "{index} {other}: {status}");
        }
    }
}

/// Two jobs on two agents: one analyses, the other judges by the record that the first exported.
pub(super) fn jobs_are_joined_by_exported_records(server: &Server) {
    let mut project = server.project("travelling");
    let token = project.token(TokenKind::Project);
    let mut journey = Journey::new(server, &token);
    journey.job.write("main.py", "def greet(name):\n    return \"Hello, \" + name\n");
    let inputs =
        [("configMode", "manual"), ("cliProjectKey", project.key.as_str()), ("extraProperties", WITHOUT_SCM)];
    journey.prepare(&inputs).succeeded();
    let out = journey.job.path("a/sonar").display().to_string();
    journey.job.run(Task::Analyze, &[("exportTo", &out)]).succeeded();

    let judged_by = |token: &str, build: Option<&str>| {
        let tasks = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tasks");
        let mut job = Job::with(journey.job.azure.clone()).launched_from(&tasks);
        if let Some(build) = build {
            job.set("Build.BuildId", build);
        }
        copy(Path::new(&out), &job.path("analyses/sonar-1"));
        let connection = job.connect_server(&server.url, token);
        job.run(
            Task::Publish,
            &[
                ("SonarQube", &connection),
                ("analyses", "analyses/**/sonar-analysis-*.json"),
                ("pollingTimeoutSec", "800"),
            ],
        )
    };
    judged_by(&token, None).succeeded().says("Quality gate passed – travelling");
    assert_eq!(journey.gate_property().as_deref(), Some("ok"));
    let other_build = judged_by(&token, Some("4712"));
    assert!(
        other_build.sole_error().contains("The record is of build 4711, not of this build, 4712"),
        "{}",
        other_build.transcript()
    );
    let mut another = server.project("another");
    let of_another = judged_by(&another.token(TokenKind::Project), None);
    assert!(of_another.sole_error().contains("api/ce/task answered 403"), "{}", of_another.transcript());
}

/// The path that scripts/test has put into a variable.
fn tool(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} names no scanner: run scripts/test"))
}

/// The scanners, each run in sources of its own: the command, and a file of the sources with its content.
fn scanners() -> [(Vec<String>, &'static str, &'static str); 4] {
    let python = ("main.py", "def greet(name):\n    return \"Hello, \" + name\n");
    let pom = "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
               <groupId>it</groupId><artifactId>it</artifactId><version>1</version><packaging>pom</packaging></project>\n";
    let plugin = "org.sonarsource.scanner.maven:sonar-maven-plugin:5.8.0.7211:sonar";
    [
        (vec![tool("SCANNER_CLI")], python.0, python.1),
        (vec!["mvn".into(), "-B".into(), "-q".into(), plugin.into()], "pom.xml", pom),
        (vec!["node".into(), tool("SONAR_SCAN")], python.0, python.1),
        (vec![tool("PYSONAR")], python.0, python.1),
    ]
}

/// A SonarPublish that finds what a scanner left, without a word about where.
pub(super) fn reports_of_standalone_scanners_are_judged(server: &Server) {
    for (command, file, content) in scanners() {
        let mut project = server.project("alone");
        let token = project.token(TokenKind::Project);
        let mut journey = Journey::new(server, &token);
        journey.job.write(file, content);
        let nothing_yet = publish(&mut journey);
        assert!(
            nothing_yet.sole_error().contains("There is no report-task.txt of a scanner in"),
            "{}",
            nothing_yet.transcript()
        );

        let scan = Command::new(&command[0])
            .args(&command[1..])
            .args([format!("-Dsonar.projectKey={}", project.key), format!("-D{WITHOUT_SCM}")])
            .current_dir(journey.job.sources())
            .env("SONAR_HOST_URL", &server.url)
            .env("SONAR_TOKEN", &token)
            .env("SONAR_USER_HOME", server.user_home())
            .envs(["no_proxy", "NO_PROXY"].map(|name| (name, "127.0.0.1")))
            .output()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let said = String::from_utf8_lossy(&scan.stdout);
        assert!(scan.status.success(), "{command:?}: {said}{}", String::from_utf8_lossy(&scan.stderr));

        // A new job, because the first SonarPublish has spoilt the build's property.
        let mut alone = Journey::new(server, &token);
        copy(&journey.job.sources(), &alone.job.sources());
        publish(&mut alone).succeeded().says("Quality gate passed – ");
        assert_eq!(alone.gate_property().as_deref(), Some("ok"), "{command:?}");
        // By its key too, as long as the pipeline is older than the analysis.
        let connection = alone.connection.clone();
        let by_key = [("SonarQube", connection.as_str()), ("projectKey", &project.key)];
        alone.publish(&by_key).succeeded();
        alone.job.set("System.PipelineStartTime", "2099-01-01 00:00:00+00:00");
        let too_old = alone.publish(&[by_key[0], by_key[1], ("pollingTimeoutSec", "10")]);
        assert!(
            too_old.sole_error().contains("not analysed since this pipeline began"),
            "{}",
            too_old.transcript()
        );
    }
}

fn publish(journey: &mut Journey) -> Step {
    let connection = journey.connection.clone();
    journey.publish(&[("SonarQube", &connection)])
}
