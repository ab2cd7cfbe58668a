//! `sonar-azdo gate`: the quality gate of a project as it is now, for deployment jobs, scripts and any CI.

use super::arguments::GateArguments;
use super::exit_code::ExitCode;
use super::format::{Format, JSON_VERSION};
use crate::agent::{Console, Environment, ServiceConnection, http_settings};
use crate::analysis::Target;
use crate::error::Result;
use crate::http;
use crate::quality_gate::{GateStatus, QualityGate, Verdict, seconds};
use crate::sonarqube::{Error, Fault, Look, SonarQube, Wait, Waited};
use crate::summary::{AnalysisResult, build_summary, issue_line, outcome_line};
use std::time::{Duration, Instant};
use url::Url;

/// The names of the metrics are worth this much time.
const METRICS: Duration = Duration::from_secs(10);

/// The question, and the server that answers it.
#[derive(Debug)]
pub(super) struct Gate {
    arguments: GateArguments,
    sonarqube: SonarQube,
}

/// What came of the question.
struct Answer {
    result: AnalysisResult,
    code: ExitCode,
}

impl Gate {
    /// Reads what the command needs, and sends nothing.
    ///
    /// # Errors
    /// The environment names no server or no token.
    pub(super) fn new(arguments: GateArguments, environment: &Environment) -> Result<Self> {
        let connection = ServiceConnection::from_variables(environment)?;
        let sonarqube = SonarQube::new(
            http::Client::new(http_settings(environment)),
            connection.url.clone(),
            SonarQube::api_url_of(&connection.url, connection.kind),
            connection.kind,
            connection.authentication(),
        );
        Ok(Self { arguments, sonarqube })
    }

    /// Asks, and writes the answer to `console`.
    pub(super) async fn run(&self, console: &Console) -> ExitCode {
        let Answer { result, code } = ask(&self.arguments, &self.sonarqube).await;
        match self.arguments.format {
            Format::Json => {
                let mut json = result.to_json();
                json["version"] = JSON_VERSION.into();
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
        code
    }
}

async fn ask(args: &GateArguments, sonarqube: &SonarQube) -> Answer {
    let target = Target::named(args.branch.clone(), args.pull_request.clone());
    let mut result = AnalysisResult::unknown(args.project_key.clone(), target);
    let code = match wait_for_gate(args, &result.target, sonarqube).await {
        Ok(gate) => {
            result.verdict = gate.verdict();
            result.reason = match result.verdict {
                Verdict::None => Some("No quality gate was computed yet".into()),
                Verdict::Unknown => Some(gate.unknown_reason()),
                _ => None,
            };
            if !gate.conditions.is_empty() {
                // Without them conditions are named by their keys.
                let metrics = tokio::time::timeout(METRICS, sonarqube.metrics()).await;
                result.metrics = metrics.ok().and_then(Result::ok).unwrap_or_default();
            }
            result.gate = Some(gate);
            code_of_gate(result.verdict)
        }
        Err(NoGate { verdict, reason, code }) => {
            result.verdict = verdict;
            result.reason = Some(reason);
            code
        }
    };
    // People may know the server by another address than this machine does.
    let public =
        tokio::time::timeout(METRICS, sonarqube.public_url()).await.ok().and_then(Result::ok).flatten();
    let public = public.and_then(|url| Url::parse(&url).ok());
    result.dashboard_url = Some(SonarQube::dashboard_at(
        public.as_ref().unwrap_or(sonarqube.base_url()),
        &args.project_key,
        &result.target,
    ));
    Answer { result, code }
}

/// The code for the verdict of a gate that the server told.
fn code_of_gate(verdict: Verdict) -> ExitCode {
    match verdict {
        Verdict::Passed => ExitCode::Ok,
        Verdict::Failed => ExitCode::GateFailed,
        _ => ExitCode::NoVerdict,
    }
}

/// The server told no gate.
struct NoGate {
    verdict: Verdict,
    reason: String,
    code: ExitCode,
}

/// The gate, once nothing is being processed that may change it.
async fn wait_for_gate(
    args: &GateArguments,
    target: &Target,
    sonarqube: &SonarQube,
) -> Result<QualityGate, NoGate> {
    let project = args.project_key.as_str();
    let polled = sonarqube.without_retries();
    let limit = Duration::from_secs(args.wait);
    let started = Instant::now();
    let mut wait = Wait::new(limit).patient();
    if !limit.is_zero() {
        let look = async || {
            Ok(match polled.pending_reports(project, target).await? {
                Some(count) if count > 0 => {
                    let noun = if count == 1 { "report" } else { "reports" };
                    Look::NotYet { state: format!("{count} {noun} in the queue"), age: None }
                }
                _ => Look::Done(()),
            })
        };
        ended(wait.until("reports in the queue", &mut None, look).await, &wait)?;
    }
    let look = async || {
        let gate = match polled.current_quality_gate(project, target).await {
            // The first analysis may be still to come: nothing is queued before a scanner has ended.
            Err(Error { fault: Fault::NotFound(reason), .. })
                if is_first_awaited(&reason) && started.elapsed() < limit =>
            {
                return Ok(Look::NotYet { state: reason, age: None });
            }
            gate => gate?,
        };
        if gate.status == GateStatus::None && started.elapsed() < limit {
            return Ok(Look::NotYet { state: "no quality gate computed yet".into(), age: None });
        }
        Ok(Look::Done(gate))
    };
    ended(wait.until("the quality gate", &mut None, look).await, &wait)
}

/// Whether the server says that it knows the project, and does not know the branch or pull request yet (observed on 10.7
/// and 26.9: `Pull request '7' in project 'shop' not found`).
fn is_first_awaited(reason: &str) -> bool {
    ["Pull request '", "Branch '"].iter().any(|what| reason.starts_with(what))
}

fn ended<T>(waited: Waited<T>, wait: &Wait) -> Result<T, NoGate> {
    match waited {
        Waited::Done(value) => Ok(value),
        Waited::TimedOut { state, understood } => Err(NoGate {
            verdict: if understood { Verdict::Timeout } else { Verdict::Unknown },
            reason: format!("The time is up after {} (state: {state})", seconds(wait.limit())),
            code: if understood { ExitCode::Timeout } else { ExitCode::Error },
        }),
        Waited::Refused(error) => Err(NoGate {
            verdict: Verdict::Unknown,
            code: match error.fault {
                Fault::Unauthorized | Fault::Forbidden(_) => ExitCode::Permission,
                _ => ExitCode::Error,
            },
            reason: error.explain("read the quality gate").to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::arguments::{Command, parse};
    use wiremock::matchers::{method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    async fn run(server: &MockServer, arguments: &str) -> (u8, String) {
        let environment = Environment::new([
            ("SONAR_HOST_URL".into(), server.uri().into()),
            ("SONAR_TOKEN".into(), "squ_1".into()),
        ]);
        let arguments = format!("sonar-azdo gate --project-key shop {arguments}");
        let arguments: Vec<_> = arguments.split_whitespace().map(Into::into).collect();
        let Command::Gate(args) = parse(&arguments).unwrap().command else { panic!("{arguments:?}") };
        let (console, written) = Console::buffer();
        let code = Gate::new(args, &environment).unwrap().run(&console).await;
        (code.number(), written())
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
            (answer(FAILED), 3, "Quality gate failed"),
            (
                answer(r#"{"projectStatus":{"status":"NONE","conditions":[]}}"#),
                4,
                "No quality gate was computed",
            ),
            (ResponseTemplate::new(503), 5, "time is up"),
            (answer(r#"{"projectStatus":{"status":"MAYBE"}}"#), 4, "MAYBE"),
            (
                answer(&FAILED.replacen("ERROR", "OK", 1)),
                4,
                "\"OK\" for the quality gate, although 1 of its conditions failed",
            ),
            (
                answer(
                    &FAILED
                        .replacen("ERROR", "OK", 1)
                        .replace(r#""conditions""#, r#""ignoredConditions":true,"conditions""#),
                ),
                0,
                "Quality gate passed",
            ),
            (answer(&FAILED.replace("metricKey", "metric")), 1, "a condition without metricKey"),
            (answer(&FAILED.replace("LT", "BELOW")), 1, "the comparator \"BELOW\""),
            (ResponseTemplate::new(200).set_body_raw("<html>", "text/html"), 1, "text/html"),
            (ResponseTemplate::new(401), 6, "401"),
            (ResponseTemplate::new(403), 6, "Execute Analysis"),
            (ResponseTemplate::new(404), 1, "Check the URL"),
            (
                ResponseTemplate::new(404)
                    .set_body_raw(r#"{"errors":[{"msg":"Project 'shop' not found"}]}"#, "application/json"),
                1,
                "404 Not Found: Project 'shop' not found. Check that name",
            ),
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
        assert_eq!(code, 3);
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
                "version": 1, "key": "shop", "branch": null, "pullRequest": "7", "verdict": "failed", "link": link, "reason": null,
                "conditions": [{
                    "metric": "new_coverage", "failed": true, "actual": "41.7", "comparator": "LT", "threshold": "80",
                }],
            })
        );
        let (_, markdown) = run(&server, "--pull-request 7 --format markdown").await;
        assert!(markdown.starts_with("### ❌ Quality gate failed"), "{markdown}");
        // What was not asked for is not there.
        assert_eq!(run(&server, "--branch main").await.0, 1);
    }

    #[tokio::test]
    async fn waits_for_the_queue_and_for_a_first_gate() {
        let server = with_gate(answer(r#"{"projectStatus":{"status":"OK"}}"#)).await;
        Mock::given(path("/api/ce/component"))
            .respond_with(answer(r#"{"queue":[{"branch":"main"},{"pullRequest":"7"}]}"#))
            .up_to_n_times(1)
            .mount(&server)
            .await;
        // Of the main branch, which the server names nowhere here.
        Mock::given(path("/api/ce/component"))
            .respond_with(answer(r#"{"queue":[{"status":"PENDING"}]}"#))
            .up_to_n_times(1)
            .mount(&server)
            .await;
        Mock::given(path("/api/ce/component"))
            .respond_with(answer(r#"{"queue":[{"pullRequest":"7"},{"branch":"other"}]}"#))
            .mount(&server)
            .await;
        assert_eq!(run(&server, "--wait 60 --branch main").await.0, 0);
        let asked = server.received_requests().await.unwrap();
        assert_eq!(asked.iter().filter(|request| request.url.path() == "/api/ce/component").count(), 3);
        assert_eq!(run(&server, "--wait 1 --pull-request 7").await.0, 5);
    }

    #[tokio::test]
    async fn waits_for_a_first_analysis_that_is_not_queued_yet() {
        let unknown = r#"{"errors":[{"msg":"Pull request '7' in project 'shop' not found"}]}"#;
        let unknown = || ResponseTemplate::new(404).set_body_raw(unknown, "application/json");
        let server = MockServer::start().await;
        Mock::given(path("/api/ce/component")).respond_with(answer(r#"{"queue":[]}"#)).mount(&server).await;
        Mock::given(path("/api/qualitygates/project_status"))
            .respond_with(unknown())
            .up_to_n_times(2)
            .mount(&server)
            .await;
        Mock::given(path("/api/qualitygates/project_status"))
            .respond_with(answer(r#"{"projectStatus":{"status":"OK"}}"#))
            .mount(&server)
            .await;
        assert_eq!(run(&server, "--wait 60 --pull-request 7").await.0, 0);
        // Who does not wait is told at once, and so is who asks for a project that is not there.
        assert_eq!(run(&with_gate(unknown()).await, "--pull-request 7").await.0, 1);
        let no_project = r#"{"errors":[{"msg":"Project 'shop' not found"}]}"#;
        let no_project = ResponseTemplate::new(404).set_body_raw(no_project, "application/json");
        assert_eq!(run(&with_gate(no_project).await, "--wait 60 --pull-request 7").await.0, 1);
    }

    #[tokio::test]
    async fn links_lead_to_the_address_that_the_server_goes_by() {
        let server = with_gate(answer(r#"{"projectStatus":{"status":"OK"}}"#)).await;
        let setting = r#"{"settings":[{"key":"sonar.core.serverBaseURL","value":"https://sonar.corp/s"}]}"#;
        Mock::given(path("/api/settings/values")).respond_with(answer(setting)).mount(&server).await;
        let (_, text) = run(&server, "--branch x").await;
        assert!(text.contains("https://sonar.corp/s/dashboard?id=shop&branch=x"), "{text}");
    }
}
