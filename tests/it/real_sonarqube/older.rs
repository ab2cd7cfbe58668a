//! SonarScanner CLI: the version for a server without scanner engine, and a pinned version.

use super::server::{Server, TokenKind};
use super::{Journey, machine, passes};
use crate::fake_agent::{Task, TaskResult};
use std::path::PathBuf;

const ARCHIVE: &str = "sonar-scanner-cli-4.7.0.2747.zip";

/// The folder that scripts/test fills.
fn archives() -> PathBuf {
    let folder = std::env::var_os("SONAR_SCANNERS").map(PathBuf::from).unwrap_or_default();
    let archive = folder.join(ARCHIVE);
    assert!(
        archive.is_file(),
        "SONAR_SCANNERS names no folder with {}: run scripts/test, or set it to one",
        archive.display()
    );
    folder
}

/// A job with a sample of tests/data, the Java of the server's time, and newer ones.
fn job(server: &Server, token: &str, sample: &str) -> Journey {
    let mut journey = Journey::new(server, token);
    journey.check_out(sample);
    for (name, home) in machine::java_homes() {
        journey.job.set(&name, &home.display().to_string());
    }
    journey
}

/// By a project token, which this server lets read no measures.
pub(super) fn a_gate_fails_after_an_analysis_by_the_cli(server: &Server) {
    let mut project = server.project("orders");
    project.require(&[("coverage", "LT", "80"), ("code_smells", "GT", "1"), ("bugs", "GT", "1000")]);
    let token = project.token(TokenKind::Project);
    let mut journey = job(server, &token, "sample-failing");
    let folder = archives().display().to_string();
    let inputs = [
        ("configMode", "manual"),
        ("cliProjectKey", project.key.as_str()),
        ("cliSources", "orders,legacy"),
        ("extraProperties", "sonar.scm.disabled=true"),
        ("scannerDownloadUrl", folder.as_str()),
    ];
    let prepare = journey.prepare(&inputs);
    prepare.succeeded().says("SonarAnalyze will run SonarScanner CLI 4.7.0.2747");
    let analyze = journey.job.run(Task::Analyze, &[]);
    analyze.ended(TaskResult::Succeeded).says("the oldest on the agent that is new enough (JAVA_HOME_17_");
    assert!(analyze.errors.is_empty(), "{}", analyze.transcript());
    let (publish, _) = journey.publish_failed(&project, &prepare, "SonarQube – orders – failed");
    assert!(!project.shows_measures_to(&token));
    publish.says("The measures of orders are left out");
    assert!(publish.warnings.is_empty(), "{}", publish.transcript());
}

/// By a global token, and by the settings file of the sources.
pub(super) fn a_gate_passes_after_an_analysis_by_the_cli(server: &Server) {
    let mut project = server.project("money");
    let token = project.token(TokenKind::Global);
    let archive = archives().join(ARCHIVE).display().to_string();
    passes(job(server, &token, "sample-passing"), project, &token, &[("scannerDownloadUrl", &archive)]);
}

/// Whatever the job's variables and the settings file say of server and token, which the CLI would believe.
pub(super) fn a_pinned_cli_uses_only_the_servers_connection(server: &Server) {
    let mut project = server.project("pinned");
    let token = project.token(TokenKind::Project);
    let mut journey = Journey::new(server, &token);
    journey.job.write("main.py", "def greet(name):\n    return \"Hello, \" + name\n");
    let elsewhere = "http://127.0.0.1:9";
    let file = format!(
        "sonar.host.url={elsewhere}\nsonar.token=another\nsonar.scm.disabled=true\nsonar.userHome=evil\n\
         sonar.projectDescription=${{sonar.token}}${{env.SONAR_SCANNER_JSON_PARAMS}}x\n\
         sonar.links.ci=${{sona${{none}}r.token}}\nsonar.modules=web\n"
    );
    journey
        .job
        .write("web/sonar-project.properties", "sonar.working.directory=../../evil\nsonar.sources=.\n");
    journey.job.write("web/page.py", "def page():\n    return 2\n");
    journey.job.write("sonar-project.properties", &file);
    for name in ["SONAR_HOST_URL", "SONAR_SCANNER_API_BASE_URL", "SONAR_SCANNER_SONARCLOUD_URL"] {
        journey.job.set(name, elsewhere);
    }
    // Where scripts/lib/peers.sh has put the archive, too.
    let cli = PathBuf::from(std::env::var_os("SCANNER_CLI").expect("SCANNER_CLI: run scripts/test"));
    let folder = cli.ancestors().nth(3).unwrap().display().to_string();
    let extra = format!("sonar.projectKey={}", project.key);
    let inputs = [
        ("configMode", "file"),
        ("extraProperties", extra.as_str()),
        ("cliScannerVersion", "8.1.0"),
        ("scannerDownloadUrl", &folder),
    ];
    let prepare = journey.prepare(&inputs);
    prepare.succeeded();
    let analyze = journey.job.run(Task::Analyze, &[]);
    analyze.succeeded().says("SonarScanner CLI 8.1.0.6389").says("provided by the server");
    assert!(!analyze.transcript().contains(elsewhere), "{}", analyze.transcript());
    analyze.warns("sonar.userHome in line 4 of sonar-project.properties is ignored");
    analyze.warns("web.sonar.working.directory in line 1 of web/sonar-project.properties is ignored");
    assert!(!journey.job.path("evil").exists());
    journey.job.run(Task::Publish, &[]).succeeded();
    let task = journey.ce_task(&prepare);
    let answer = server.get("api/ce/task", &[("id", &task), ("additionalFields", "scannerContext")]);
    let given = answer["task"]["scannerContext"].as_str().unwrap();
    for line in ["sonar.projectDescription=x", "sonar.links.ci=${sonar.token}"] {
        assert!(given.lines().any(|given| given.trim_start_matches([' ', '-']) == line), "{line}: {given}");
    }
}
