//! `sonar-azdo gate`: the quality gate of a project as it is now, for deployment jobs, scripts and any CI.

use super::arguments::GateArguments;
use super::exit_code::ExitCode;
use super::explain::explain;
use super::format::{Format, JSON_VERSION};
use super::terminal::coloured;
use crate::agent::{Console, Environment, ServiceConnection, http_settings};
use crate::analysis::Target;
use crate::error::Result;
use crate::http;
use crate::quality_gate::{GateStatus, QualityGate, Verdict, seconds};
use crate::sonarqube::{Error, Fault, Look, SonarQube, Wait, Waited};
use crate::summary::{
    AnalysisResult, WorstOfCondition, build_summary, issue_line, outcome_line, worst_section,
};
use choice::Choice;
use std::path::Path;
use std::time::{Duration, Instant};
use url::Url;

mod choice;

/// The names of the metrics are worth this much time.
const METRICS: Duration = Duration::from_secs(10);

/// The worst files and issues of all conditions together are worth this much time.
const WORST: Duration = Duration::from_secs(30);

/// The question, and the server that answers it.
#[derive(Debug)]
pub(super) struct Gate {
    choice: Choice,
    wait: u64,
    top: usize,
    format: Format,
    sonarqube: SonarQube,
}

/// The answer of SonarQube, and the exit code that follows from it.
struct GateOutcome {
    result: AnalysisResult,
    worst: Vec<WorstOfCondition>,
    code: ExitCode,
}

impl Gate {
    /// Reads what the command, which runs in `folder`, needs, and sends nothing.
    ///
    /// # Errors
    /// The environment names no server or no token; it is not clear what is asked for.
    pub(super) fn new(arguments: GateArguments, environment: &Environment, folder: &Path) -> Result<Self> {
        let choice = Choice::new(&arguments, environment, folder)?;
        let connection = ServiceConnection::from_variables(environment)?;
        let sonarqube = SonarQube::new(
            http::Client::new(http_settings(environment)),
            connection.url.clone(),
            SonarQube::api_url_of(&connection.url, connection.kind),
            connection.kind,
            connection.authentication(),
        );
        let GateArguments { wait, top, format, .. } = arguments;
        Ok(Self { choice, wait, top: top.into(), format, sonarqube })
    }

    /// Asks, and writes the answer to `console`.
    pub(super) async fn run(&self, console: &Console) -> ExitCode {
        if let Some(found) = &self.choice.found {
            tracing::info!("{found}");
        }
        let GateOutcome { result, worst, code } = self.ask().await;
        match self.format {
            Format::Json => console.print_json(&to_json(&result, &worst)),
            Format::Markdown => {
                let page = build_summary(std::slice::from_ref(&result)).markdown;
                console.print(&(page + &worst_section(&worst, &result.metrics, usize::MAX)));
            }
            Format::Text => {
                console.print(&coloured(&outcome_line(&result), result.verdict));
                for condition in result.gate.iter().flat_map(QualityGate::failed_conditions) {
                    console.print(&issue_line(&result, condition));
                    let of_condition = worst.iter().filter(|worst| worst.metric == condition.metric);
                    for line in of_condition.flat_map(|worst| worst.lines(&result.metrics)) {
                        console.print(&format!("  {line}"));
                    }
                }
            }
        }
        code
    }
}

fn to_json(result: &AnalysisResult, worst: &[WorstOfCondition]) -> serde_json::Value {
    let mut json = result.to_json();
    json["version"] = JSON_VERSION.into();
    json["reason"] = result.reason.clone().into();
    for condition in json["conditions"].as_array_mut().into_iter().flatten() {
        let found = worst.iter().find(|worst| condition["metric"] == worst.metric.as_str());
        if let Some(found) = found {
            condition["worst"] = found.to_json();
        }
    }
    json
}

impl Gate {
    async fn ask(&self) -> GateOutcome {
        let sonarqube = &self.sonarqube;
        let Choice { project_key, target, .. } = &self.choice;
        let mut result = AnalysisResult::unknown(project_key.clone(), target.clone());
        let code = match wait_for_gate(project_key, target, self.wait, sonarqube).await {
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
            project_key,
            target,
        ));
        let worst = self.worst(&result).await;
        GateOutcome { result, worst, code }
    }

    /// The worst files and issues; of a condition of which they cannot be read none.
    async fn worst(&self, result: &AnalysisResult) -> Vec<WorstOfCondition> {
        let mut found = Vec::new();
        if self.top == 0 {
            return found;
        }
        let Choice { project_key, target, .. } = &self.choice;
        let read = async {
            for condition in result.gate.iter().flat_map(QualityGate::failed_conditions) {
                match self.sonarqube.worst_of(project_key, target, condition, self.top).await {
                    Ok(worst) => found.push(WorstOfCondition::new(condition, worst)),
                    Err(error) => {
                        tracing::warn!(
                            "the worst files or issues for {} could not be read: {error}",
                            condition.metric
                        );
                    }
                }
            }
        };
        if tokio::time::timeout(WORST, read).await.is_err() {
            tracing::warn!("the worst files and issues could not be read in {} seconds", WORST.as_secs());
        }
        found
    }
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
    project: &str,
    target: &Target,
    wait: u64,
    sonarqube: &SonarQube,
) -> Result<QualityGate, NoGate> {
    let polled = sonarqube.without_retries();
    let limit = Duration::from_secs(wait);
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
            reason: explain(error, "read the quality gate").to_string(),
        }),
    }
}

#[cfg(test)]
mod tests;
