//! `sonar-azdo gate`: the quality gate of a project as it is now, for deployment jobs, scripts and any CI.

use crate::agent::{Console, Environment, ServiceConnection, http_settings};
use crate::error::Result;
use crate::http;
use crate::quality_gate::{GateStatus, MeasureSet, Metrics, QualityGate, Verdict};
use crate::sonarqube::{Look, SonarQube, Wait, Waited};
use crate::summary::{AnalysedTarget, AnalysisResult, build_summary, issue_line, outcome_line};
use std::time::{Duration, Instant};

/// Exit code of a command that was called wrongly.
pub const USAGE: u8 = 2;
/// Exit code where the server refused, was not understood, or the answer could not be told.
pub const UNKNOWN: u8 = 5;

/// The names of the metrics are worth this much time.
const METRICS: Duration = Duration::from_secs(5);

/// What is asked for.
#[derive(Debug, Default)]
pub struct Gate {
    project_key: String,
    branch: Option<String>,
    pull_request: Option<String>,
    /// Seconds.
    wait: u64,
    format: Format,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Format {
    #[default]
    Text,
    Json,
    Markdown,
}

impl Gate {
    /// What `sonar-azdo gate --help` prints.
    pub const HELP: &str = "\
Ask SonarQube for the quality gate of a project, and end with a code that says what it is

Usage: sonar-azdo gate --project-key KEY [--branch NAME | --pull-request NUMBER] [--wait SECONDS] [--format FORMAT]

  --project-key KEY       Key of the project
  --branch NAME           Branch; the main branch if neither this nor --pull-request is given
  --pull-request NUMBER   Pull request
  --wait SECONDS          Wait up to so many seconds for a server that is not up, for reports that are being
                          processed (if the token may see them) and for a first analysis; 0 unless said
  --format FORMAT         text, json or markdown; text unless said

SONAR_HOST_URL and SONAR_TOKEN name the server and the token.

Exit codes: 0 passed, 1 failed, 2 wrong usage, 3 never computed, 4 time is up, 5 refused or not understood
";

    /// Reads the options: `--name value` or `--name=value`.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn parse(options: &[&str]) -> Result<Self, String> {
        let mut gate = Self::default();
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let (name, value) = match option.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (*option, options.next().copied()),
            };
            let value =
                value.filter(|value| !value.is_empty()).ok_or_else(|| format!("{name} has no value"))?;
            match name {
                "--project-key" => value.clone_into(&mut gate.project_key),
                "--branch" => gate.branch = Some(value.to_owned()),
                "--pull-request" => gate.pull_request = Some(value.to_owned()),
                "--wait" => {
                    gate.wait =
                        value.parse().map_err(|_| format!("--wait {value} is no number of seconds"))?;
                }
                "--format" => {
                    gate.format = match value {
                        "text" => Format::Text,
                        "json" => Format::Json,
                        "markdown" => Format::Markdown,
                        other => return Err(format!("--format {other} is none of text, json, markdown")),
                    }
                }
                other => return Err(format!("there is no option {other}")),
            }
        }
        if gate.project_key.is_empty() {
            return Err("--project-key is missing".into());
        }
        if gate.branch.is_some() && gate.pull_request.is_some() {
            return Err("--branch and --pull-request exclude each other".into());
        }
        Ok(gate)
    }
}

/// Runs the command; what it returns is the exit code.
///
/// # Errors
/// The environment names no server or no token.
pub async fn gate(args: &Gate, environment: &Environment, console: &Console) -> Result<u8> {
    let connection = ServiceConnection::from_variables(environment)?;
    let sonarqube = SonarQube::new(
        http::Client::new(http_settings(environment)),
        connection.url.clone(),
        SonarQube::api_url_of(&connection.url, connection.kind),
        connection.kind,
        connection.authentication(),
    );
    let result = ask(args, &sonarqube).await;
    match args.format {
        Format::Json => {
            let mut json = result.to_json();
            json["reason"] = result.reason.clone().into();
            console.print_json(&json);
        }
        Format::Markdown => console.print(&build_summary(std::slice::from_ref(&result)).markdown),
        Format::Text => {
            console.print(&outcome_line(&result));
            for condition in result.gate.iter().flat_map(QualityGate::failed_conditions) {
                console.print(&issue_line(&result, condition));
            }
        }
    }
    Ok(exit_code(result.verdict))
}

fn exit_code(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Passed => 0,
        Verdict::Failed => 1,
        Verdict::None => 3,
        Verdict::Timeout => 4,
        Verdict::Skipped
        | Verdict::Cancelled
        | Verdict::NoReport
        | Verdict::Unknown
        | Verdict::AnalysisFailed => UNKNOWN,
    }
}

async fn ask(args: &Gate, sonarqube: &SonarQube) -> AnalysisResult {
    let mut result = AnalysisResult {
        project_key: args.project_key.clone(),
        project_name: args.project_key.clone(),
        target: match (&args.pull_request, &args.branch) {
            (Some(key), _) => AnalysedTarget::PullRequest { key: key.clone(), branch: None, base: None },
            (None, Some(name)) => AnalysedTarget::Branch(name.clone()),
            (None, None) => AnalysedTarget::MainBranch(None),
        },
        verdict: Verdict::Unknown,
        reason: None,
        gate: None,
        measures: MeasureSet::default(),
        metrics: Metrics::default(),
        dashboard_url: Some(dashboard(args, sonarqube)),
        server_name: "SonarQube".into(),
        server_version: None,
        warnings: Vec::new(),
    };
    match wait_for_gate(args, sonarqube).await {
        Ok(gate) => {
            result.verdict = Verdict::of_gate(&gate.status);
            result.reason = match result.verdict {
                Verdict::None => Some("No quality gate was computed yet".into()),
                Verdict::Unknown => Some(format!("SonarQube answered {:?}", gate.status.as_str())),
                _ => None,
            };
            if !gate.conditions.is_empty() {
                // Without them conditions are named by their keys.
                let metrics = tokio::time::timeout(METRICS, sonarqube.metrics()).await;
                result.metrics = metrics.ok().and_then(Result::ok).unwrap_or_default();
            }
            result.gate = Some(gate);
        }
        Err((verdict, reason)) => {
            result.verdict = verdict;
            result.reason = Some(reason);
        }
    }
    result
}

/// The gate, once nothing is being processed that may change it.
async fn wait_for_gate(args: &Gate, sonarqube: &SonarQube) -> Result<QualityGate, (Verdict, String)> {
    let (project, branch, pull_request) =
        (args.project_key.as_str(), args.branch.as_deref(), args.pull_request.as_deref());
    let polled = sonarqube.without_retries();
    let limit = Duration::from_secs(args.wait);
    let started = Instant::now();
    let mut wait = Wait::new(limit).patient();
    if !limit.is_zero() {
        let look = async || {
            Ok(match polled.pending_reports(project, branch, pull_request).await? {
                Some(count) if count > 0 => {
                    Look::NotYet { state: format!("{count} reports in the queue"), age: None }
                }
                _ => Look::Done(()),
            })
        };
        ended(wait.until("reports in the queue", &mut None, look).await, &wait)?;
    }
    let look = async || {
        let gate = polled.current_quality_gate(project, branch, pull_request).await?;
        if gate.status == GateStatus::None && started.elapsed() < limit {
            return Ok(Look::NotYet { state: "no quality gate computed yet".into(), age: None });
        }
        Ok(Look::Done(gate))
    };
    ended(wait.until("the quality gate", &mut None, look).await, &wait)
}

fn ended<T>(waited: Waited<T>, wait: &Wait) -> Result<T, (Verdict, String)> {
    match waited {
        Waited::Done(value) => Ok(value),
        Waited::TimedOut { state, understood } => {
            let verdict = if understood { Verdict::Timeout } else { Verdict::Unknown };
            Err((verdict, format!("The time is up after {} seconds (state: {state})", wait.limit())))
        }
        Waited::Refused(error) => Err((Verdict::Unknown, error.explain("read the quality gate").to_string())),
    }
}

fn dashboard(args: &Gate, sonarqube: &SonarQube) -> String {
    let mut url = sonarqube.base_url().clone();
    url.set_path(&format!("{}/dashboard", url.path().trim_end_matches('/')));
    let mut query = url.query_pairs_mut();
    query.append_pair("id", &args.project_key);
    for (name, value) in [("branch", &args.branch), ("pullRequest", &args.pull_request)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    drop(query);
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wiremock::matchers::{method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    async fn run(server: &MockServer, arguments: &str) -> (u8, String) {
        let environment = Environment::new([
            ("SONAR_HOST_URL".into(), server.uri().into()),
            ("SONAR_TOKEN".into(), "squ_1".into()),
        ]);
        let arguments = format!("--project-key shop {arguments}");
        let args = Gate::parse(&arguments.split_whitespace().collect::<Vec<_>>()).unwrap();
        let (console, written) = Console::buffer();
        let code = gate(&args, &environment, &console).await.unwrap();
        (code, written())
    }

    fn answer(body: &str) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_raw(body.to_owned(), "application/json")
    }

    async fn with_gate(response: ResponseTemplate) -> MockServer {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .and(path("/api/qualitygates/project_status"))
            .respond_with(response)
            .mount(&server)
            .await;
        server
    }

    const FAILED: &str = r#"{"projectStatus":{"status":"ERROR","conditions":[
        {"status":"ERROR","metricKey":"new_coverage","comparator":"LT","errorThreshold":"80","actualValue":"41.7"}]}}"#;

    #[tokio::test]
    async fn each_verdict_has_its_exit_code() {
        for (response, code, word) in [
            (answer(r#"{"projectStatus":{"status":"OK","conditions":[]}}"#), 0, "Quality gate passed"),
            (answer(FAILED), 1, "Quality gate failed"),
            (
                answer(r#"{"projectStatus":{"status":"NONE","conditions":[]}}"#),
                3,
                "No quality gate was computed",
            ),
            (ResponseTemplate::new(503), 4, "time is up"),
            (answer(r#"{"projectStatus":{"status":"MAYBE"}}"#), 5, "MAYBE"),
            (ResponseTemplate::new(200).set_body_raw("<html>", "text/html"), 5, "text/html"),
            (ResponseTemplate::new(401), 5, "401"),
            (ResponseTemplate::new(403), 5, "Execute Analysis"),
            (ResponseTemplate::new(404), 5, "404"),
        ] {
            let server = with_gate(response).await;
            let (found, text) = run(&server, "").await;
            assert_eq!(found, code, "{text}");
            assert!(text.contains(word), "{text}");
        }
    }

    #[tokio::test]
    async fn formats_and_what_is_asked_for() {
        let server = MockServer::start().await;
        Mock::given(path("/api/qualitygates/project_status"))
            .and(query_param("projectKey", "shop"))
            .and(query_param("pullRequest", "7"))
            .respond_with(answer(FAILED))
            .mount(&server)
            .await;
        let (code, text) = run(&server, "--pull-request 7").await;
        let link = format!("{}/dashboard?id=shop&pullRequest=7", server.uri());
        assert_eq!(code, 1);
        assert_eq!(
            text,
            format!(
                "Quality gate failed – 1 of 1 condition – shop, pull request 7 – {link}\n\
                 new_coverage: 41.7 (required: ≥ 80) – shop, pull request 7 – {link}\n"
            )
        );
        let (_, json) = run(&server, "--pull-request 7 --format json").await;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "key": "shop", "branch": null, "pullRequest": "7", "verdict": "failed", "link": link, "reason": null,
                "conditions": [{
                    "metric": "new_coverage", "failed": true, "actual": "41.7", "comparator": "LT", "threshold": "80",
                }],
            })
        );
        let (_, markdown) = run(&server, "--pull-request 7 --format markdown").await;
        assert!(markdown.starts_with("### ❌ Quality gate failed"), "{markdown}");
        // What was not asked for is not there.
        assert_eq!(run(&server, "--branch main").await.0, 5);
    }

    #[tokio::test]
    async fn waits_for_the_queue_and_for_a_first_gate() {
        let server = with_gate(answer(r#"{"projectStatus":{"status":"OK"}}"#)).await;
        Mock::given(path("/api/ce/component"))
            .respond_with(answer(r#"{"queue":[{"branch":"main"},{"pullRequest":"7"}]}"#))
            .up_to_n_times(1)
            .mount(&server)
            .await;
        Mock::given(path("/api/ce/component"))
            .respond_with(answer(r#"{"queue":[{"pullRequest":"7"}]}"#))
            .mount(&server)
            .await;
        assert_eq!(run(&server, "--wait 60").await.0, 0);
        let asked = server.received_requests().await.unwrap();
        assert_eq!(asked.iter().filter(|request| request.url.path() == "/api/ce/component").count(), 2);
        assert_eq!(run(&server, "--wait 1 --pull-request 7").await.0, 4);
    }

    #[test]
    fn options() {
        let parse = |line: &str| Gate::parse(&line.split_whitespace().collect::<Vec<_>>());
        let gate = parse("--project-key=a=b --branch x --wait 60 --format=json").unwrap();
        assert_eq!((gate.project_key.as_str(), gate.branch.as_deref()), ("a=b", Some("x")));
        assert_eq!((gate.pull_request, gate.wait, gate.format), (None, 60, Format::Json));
        for (line, mistake) in [
            ("", "--project-key is missing"),
            ("--project-key", "--project-key has no value"),
            ("--project-key=", "--project-key has no value"),
            (
                "--project-key shop --branch main --pull-request 7",
                "--branch and --pull-request exclude each other",
            ),
            ("--project-key shop --wait soon", "--wait soon is no number of seconds"),
            ("--project-key shop --format xml", "--format xml is none of text, json, markdown"),
            ("--project-key shop --token squ_1", "there is no option --token"),
        ] {
            assert_eq!(parse(line).unwrap_err(), mistake);
        }
    }
}
