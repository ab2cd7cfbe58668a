//! The program `sonar-azdo` from outside: its output and its exit codes.

use serde_json::Value;
use sonar_azdo::command::ExitCode;
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const FAILED: &str = r#"{"projectStatus":{"status":"ERROR","conditions":[
    {"status":"ERROR","metricKey":"new_coverage","comparator":"LT","errorThreshold":"80","actualValue":"41.7"}]}}"#;

fn sonar_azdo(url: &str, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sonar-azdo"));
    command.args(arguments.split_whitespace()).env_clear().envs([
        ("SONAR_HOST_URL", url),
        ("SONAR_TOKEN", "squ_1"),
        ("TERM", "xterm-256color"),
    ]);
    command
}

fn run(url: &str, arguments: &str) -> Output {
    sonar_azdo(url, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A server that answers every question about a quality gate so.
async fn with_gate(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path("/api/qualitygates/project_status")).respond_with(answer).mount(&server).await;
    server
}

fn json(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.to_owned(), "application/json")
}

#[track_caller]
fn ended(output: &Output, code: ExitCode) {
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(i32::from(code.number())), "{said}");
}

#[tokio::test]
async fn each_exit_code_is_reached() {
    let gate = "gate --project-key shop --main-branch";
    for (answer, code) in [
        (json(r#"{"projectStatus":{"status":"OK","conditions":[]}}"#), ExitCode::Ok),
        (ResponseTemplate::new(404), ExitCode::Error),
        (json(FAILED), ExitCode::GateFailed),
        (json(r#"{"projectStatus":{"status":"NONE"}}"#), ExitCode::NoVerdict),
        (ResponseTemplate::new(503), ExitCode::Timeout),
        (ResponseTemplate::new(401), ExitCode::Permission),
    ] {
        let server = with_gate(answer).await;
        ended(&run(&server.uri(), gate), code);
    }
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(60)))
        .mount(&server)
        .await;
    let mut command = sonar_azdo(&server.uri(), "gate --project-key shop --main-branch --wait 60");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while server.received_requests().await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    ended(&child.wait_with_output().unwrap(), ExitCode::Interrupted);
}

#[tokio::test]
async fn wrong_arguments_end_before_any_request() {
    let server = MockServer::start().await;
    for arguments in [
        "",
        "gate --wait soon",
        "gate --project-key= --branch b",
        "gate --project-key shop --branch a --pull-request 1",
        "gate --project-key shop --format xml",
        "task prepare",
        "completions",
    ] {
        let output = run(&server.uri(), arguments);
        ended(&output, ExitCode::Usage);
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments}");
    }
    let output =
        sonar_azdo(&server.uri(), "gate --project-key shop --main-branch").env_remove("SONAR_TOKEN").output();
    ended(&output.unwrap(), ExitCode::Usage);
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[test]
fn the_page_and_the_help_list_the_exit_codes() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/exit-codes.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("| ")).skip(1).collect();
    let expected: Vec<_> =
        ExitCode::ALL.iter().map(|code| format!("{} | {} |", code.number(), code.meaning())).collect();
    assert_eq!(rows, expected);
    let help = text(&run("", "--help").stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    for code in ExitCode::ALL {
        assert!(help.contains(&format!("{} {}", code.number(), code.meaning())), "{code:?}: {help}");
    }
}

#[tokio::test]
async fn the_answer_is_on_stdout_in_each_format() {
    let server = with_gate(json(FAILED)).await;
    let gate = |format: &str| {
        let output = run(&server.uri(), &format!("gate --project-key shop --main-branch --format {format}"));
        ended(&output, ExitCode::GateFailed);
        text(&output.stdout)
    };
    assert!(gate("text").starts_with("Quality gate failed"));
    assert!(gate("markdown").starts_with("### ❌ Quality gate failed"));
    let json: Value = serde_json::from_str(&gate("json")).unwrap();
    assert_eq!((&json["version"], &json["verdict"]), (&1.into(), &"failed".into()));
}

/// Runs a command on a terminal, and returns what it wrote there.
fn on_terminal(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let line = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect::<Vec<_>>().join(" ");
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).env_clear().stdin(Stdio::null());
    script.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let path = std::env::var_os("PATH").unwrap();
    text(&script.env("PATH", path).env("SHELL", "/bin/sh").output().unwrap().stdout)
}

#[tokio::test]
async fn colours_are_for_terminals_whose_user_wants_them() {
    const ESCAPE: char = '\u{1b}';
    let server = with_gate(json(FAILED)).await;
    let mut gate = sonar_azdo(&server.uri(), "gate --project-key shop --main-branch");
    let coloured = on_terminal(&gate);
    assert!(coloured.contains("\u{1b}[31mQuality gate failed\u{1b}[0m"), "{coloured:?}");
    let plain = on_terminal(gate.env("NO_COLOR", "1"));
    assert!(plain.contains("Quality gate failed") && !plain.contains(ESCAPE), "{plain:?}");
    let piped = run(&server.uri(), "gate --project-key shop --main-branch");
    assert!(!text(&piped.stdout).contains(ESCAPE) && !text(&piped.stderr).contains(ESCAPE));
    for arguments in ["--help", "gate --help", "gate --wait soon"] {
        let output = run(&server.uri(), arguments);
        assert!(!text(&[output.stdout, output.stderr].concat()).contains(ESCAPE), "{arguments}");
    }
}

#[tokio::test]
async fn what_was_not_named_is_found_and_told_on_stderr() {
    let server = with_gate(json(FAILED)).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sonar-project.properties"), "sonar.projectKey=shop\n").unwrap();
    let mut gate = sonar_azdo(&server.uri(), "gate --format json");
    let pipeline = [("BUILD_SOURCEBRANCH", "refs/pull/7/merge"), ("SYSTEM_PULLREQUEST_PULLREQUESTID", "7")];
    let output = gate.envs(pipeline).current_dir(folder.path()).output().unwrap();
    ended(&output, ExitCode::GateFailed);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["key"], &json["pullRequest"]), (&"shop".into(), &"7".into()));
    let told = text(&output.stderr);
    assert!(told.starts_with("Using project shop") && told.contains("pull request 7"), "{told}");
}

#[test]
fn completions_and_the_manual_page_name_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run("", &format!("completions {shell}"));
        ended(&output, ExitCode::Ok);
        let script = text(&output.stdout);
        assert!(script.contains("gate") && script.contains("project-key"), "{shell}: {script}");
    }
    let output = run("", "man");
    ended(&output, ExitCode::Ok);
    let page = text(&output.stdout);
    assert!(page.contains(".TH") && page.contains("gate") && page.contains("130"), "{page}");
}

#[test]
fn the_version_is_that_of_the_package() {
    let output = run("", "--version");
    ended(&output, ExitCode::Ok);
    assert_eq!(text(&output.stdout), format!("sonar-azdo {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn an_answer_that_cannot_be_written_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let status = sonar_azdo("", "man").stdout(full).status().unwrap();
    assert_eq!(status.code(), Some(i32::from(ExitCode::Error.number())));
}
