//! SonarPublish: waits for the server, reads the gate of every analysis of this job, and says what
//! came of it: in the log, in the Build Summary, in the build's property, and by its own result.

use super::records::{Record, Records, tokens_of};
use super::{Ending, Job};
use crate::agent::{JobConnection, PublishInputs};
use crate::analysis::{Outcome, Properties, ScannerMode, ServerKind, Target};
use crate::azure_devops::AzureDevOps;
use crate::error::{Error, Result};
use crate::quality_gate::{MeasureSet, Metrics, PollPolicy, Verdict, next_poll};
use crate::sonarqube::{CeTask, CeTaskStatus, SonarQube};
use crate::summary::{
    AnalysedTarget, AnalysisResult, BuildSummary, build_summary, html, issue_line, outcome_line,
};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use url::Url;

const SUMMARY_TYPE: &str = "Distributedtask.Core.Summary";
const BUILD_PROPERTY: &str = "sonarglobalqualitygate";
const WAITING_LINE_EVERY: Duration = Duration::from_secs(15);

/// What is shown beside a gate: measures of new code, and of all code for a first analysis.
const SHOWN_MEASURES: &[&str] = &[
    "new_violations",
    "pull_request_fixed_issues",
    "new_accepted_issues",
    "new_security_hotspots",
    "new_coverage",
    "new_duplicated_lines_density",
    "violations",
    "accepted_issues",
    "security_hotspots",
    "coverage",
    "duplicated_lines_density",
    "ncloc",
];

/// Runs the step.
///
/// # Errors
/// The gate did not pass, or nobody can say that it did.
pub async fn publish(job: &Job) -> Result<Ending> {
    let inputs = PublishInputs::read(&job.environment)?;
    let temp = job.predefined.temp_directory()?;
    let records = Records::new(&temp);
    let found = records.list()?;
    take_back_token(job, &found);
    let mut results = Vec::with_capacity(found.len());
    let mut wait = Wait::new(inputs.polling_timeout);
    let mut metrics = HashMap::new();
    for record in &found {
        let result = judge(job, record, &mut wait, &mut metrics).await;
        if let Err(error) = &result
            && error.kind() == crate::error::ErrorKind::Cancelled
        {
            return Err(Error::cancelled());
        }
        results.push(result?);
    }
    let verdict = Verdict::worst(results.iter().map(|result| result.verdict));
    report_in_log(&results);
    let summary = build_summary(&results);
    if !results.is_empty() {
        attach(job, &summary, &temp)?;
    }
    tell_the_build(job, verdict, (!results.is_empty()).then_some(summary.title.as_str())).await;
    conclude(verdict, &results, &records)
}

/// What became of one analysis. Trouble with it is a verdict with a reason, not an error, so that the
/// others are still judged; only a cancellation ends the step.
async fn judge(
    job: &Job,
    record: &Record,
    wait: &mut Wait,
    metrics: &mut HashMap<Url, Metrics>,
) -> Result<AnalysisResult> {
    let mut result = blank_result(record);
    let without_gate = |mut result: AnalysisResult, verdict, reason: String| {
        result.verdict = verdict;
        result.reason = Some(reason);
        Ok(result)
    };
    match record.analyzed.as_ref().map(|analyzed| &analyzed.outcome) {
        Some(Outcome::Skipped { reason }) => return without_gate(result, Verdict::Skipped, reason.clone()),
        Some(Outcome::Failed { message }) => {
            return without_gate(result, Verdict::AnalysisFailed, message.clone());
        }
        Some(Outcome::Cancelled) => {
            return without_gate(result, Verdict::Cancelled, "The analysis was cancelled".into());
        }
        Some(Outcome::Succeeded | Outcome::GateFailed) | None => {}
    }
    if let (None, Some(reason)) = (&record.analyzed, &record.prepared.skip) {
        return without_gate(result, Verdict::Skipped, reason.clone());
    }
    let report = match record.report() {
        Ok(Some(report)) => report,
        Ok(None) => {
            let place = record.report_file();
            let reason = format!("No scanner left a report at {}", place.display());
            return without_gate(result, Verdict::NoReport, reason);
        }
        Err(error) => return without_gate(result, Verdict::NoReport, error.to_string()),
    };
    if record.prepared.project_key.as_ref().is_some_and(|key| *key != report.project_key) {
        let reason = format!("The report is of the project {}, not of the one prepared", report.project_key);
        return without_gate(result, Verdict::NoReport, reason);
    }
    result.project_key.clone_from(&report.project_key);
    result.project_name.clone_from(&report.project_key);
    result.dashboard_url = report.dashboard_url.filter(|url| is_on_server(url, &record.prepared.server_url));

    let sonarqube = match tokens_of(job, &record.prepared) {
        Ok(tokens) => SonarQube::new(
            job.http.clone(),
            record.prepared.server_url.clone(),
            record.prepared.api_url.clone(),
            record.prepared.server.kind,
            tokens.authentication(&record.prepared),
        ),
        Err(error) => return without_gate(result, Verdict::Unknown, error.to_string()),
    };
    let task = match wait.until_processed(&sonarqube, &report.ce_task_id, job).await? {
        Waited::Processed(task) => task,
        Waited::TimedOut(state) => {
            let seconds = wait.deadline.as_secs();
            let unit = if seconds == 1 { "second" } else { "seconds" };
            let reason =
                format!("SonarQube has not processed the report within {seconds} {unit} (state: {state})");
            return without_gate(result, Verdict::Timeout, reason);
        }
        Waited::Refused(error) => return without_gate(result, Verdict::Unknown, error.to_string()),
    };
    if let Some(name) = &task.project_name {
        result.project_name.clone_from(name);
    }
    if task.project_key.as_ref().is_some_and(|key| *key != report.project_key) {
        let reason = "The report names a compute engine task of another project".to_owned();
        return without_gate(result, Verdict::NoReport, reason);
    }
    result.warnings.clone_from(&task.warnings);
    let analysis_id = match (&task.status, &task.analysis_id) {
        (CeTaskStatus::Success, Some(id)) => id,
        (CeTaskStatus::Success, None) => {
            return without_gate(
                result,
                Verdict::Unknown,
                "SonarQube names no analysis for the report".into(),
            );
        }
        (CeTaskStatus::Canceled, _) => {
            return without_gate(
                result,
                Verdict::AnalysisFailed,
                "SonarQube's processing of the report was cancelled".into(),
            );
        }
        (status, _) => {
            let state = status.as_str();
            let why = task
                .error_message
                .as_deref()
                .unwrap_or("it gives no reason; see Background Tasks in SonarQube");
            let reason = format!("SonarQube could not process the report ({state}): {why}");
            return without_gate(result, Verdict::AnalysisFailed, reason);
        }
    };
    match sonarqube.quality_gate(analysis_id).await {
        Ok(gate) => {
            result.verdict = Verdict::of_gate(&gate.status);
            result.reason = match result.verdict {
                Verdict::None => Some("SonarQube computed no quality gate for this analysis".into()),
                Verdict::Unknown => {
                    Some(format!("SonarQube answered {:?} for the quality gate", gate.status.as_str()))
                }
                _ => None,
            };
            result.gate = Some(gate);
        }
        Err(error) => {
            return without_gate(
                result,
                Verdict::Unknown,
                error.explain("read the quality gate").to_string(),
            );
        }
    }
    add_measures(&sonarqube, &task, &mut result, metrics).await;
    Ok(result)
}

fn blank_result(record: &Record) -> AnalysisResult {
    let prepared = &record.prepared;
    let key = prepared.project_key.clone().unwrap_or_else(|| "the project".into());
    AnalysisResult {
        project_name: prepared.properties.value("sonar.projectName").unwrap_or(&key).to_owned(),
        project_key: key,
        target: match &prepared.target {
            Target::MainBranch { name } => AnalysedTarget::MainBranch(name.clone()),
            Target::Branch { name } => AnalysedTarget::Branch(name.clone()),
            Target::PullRequest { key, branch, base } => AnalysedTarget::PullRequest {
                key: key.clone(),
                branch: Some(branch.clone()),
                base: Some(base.clone()),
            },
        },
        verdict: Verdict::Unknown,
        reason: None,
        gate: None,
        measures: MeasureSet::default(),
        metrics: Metrics::default(),
        dashboard_url: None,
        server_name: prepared.server.product().to_owned(),
        server_version: (prepared.server.kind == ServerKind::Server)
            .then(|| prepared.server.version.to_string()),
        warnings: Vec::new(),
    }
}

/// A report can be changed by any step of the build: a link from it is shown only if it leads to
/// the server that was analysed for, or to the address the server itself goes by.
fn is_on_server(url: &str, server: &Url) -> bool {
    Url::parse(url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host_str() == server.host_str())
}

/// Names for the conditions, and measures beside them. The gate is what counts: whatever goes wrong
/// here is a hint in the log.
async fn add_measures(
    sonarqube: &SonarQube,
    task: &CeTask,
    result: &mut AnalysisResult,
    metrics: &mut HashMap<Url, Metrics>,
) {
    let server = sonarqube.base_url();
    if !metrics.contains_key(server) {
        let known = sonarqube.metrics().await.unwrap_or_else(|error| {
            tracing::info!("The names of the metrics could not be read: {error}");
            Metrics::default()
        });
        metrics.insert(server.clone(), known);
    }
    result.metrics = metrics.get(server).cloned().unwrap_or_default();
    let branch = task.branch.as_deref();
    let pull_request = task.pull_request.as_deref();
    match sonarqube.measures(&result.project_key, branch, pull_request, SHOWN_MEASURES).await {
        Ok(Some(measures)) => result.measures = measures,
        Ok(None) => tracing::info!(
            "The measures of {} are left out: this server lets no analysis token read them (a user token with Browse may)",
            result.project_name
        ),
        Err(error) => tracing::info!("The measures of {} could not be read: {error}", result.project_name),
    }
}

/// One wait over all analyses of the step.
struct Wait {
    started: Instant,
    deadline: Duration,
}

enum Waited {
    Processed(CeTask),
    /// With the last state seen.
    TimedOut(String),
    /// The server will not say, now or later.
    Refused(Error),
}

impl Wait {
    fn new(deadline: Duration) -> Self {
        Self { started: Instant::now(), deadline }
    }

    /// Asks until the task has ended. A server that restarts or stumbles costs time, not the verdict.
    async fn until_processed(&mut self, sonarqube: &SonarQube, id: &str, job: &Job) -> Result<Waited> {
        let policy = PollPolicy { deadline: self.deadline };
        let mut said = Instant::now();
        loop {
            let state = match sonarqube.ce_task(id).await {
                Ok(task) => match &task.status {
                    CeTaskStatus::Pending | CeTaskStatus::InProgress | CeTaskStatus::Unknown(_) => {
                        task.status.as_str().to_owned()
                    }
                    CeTaskStatus::Success | CeTaskStatus::Failed | CeTaskStatus::Canceled => {
                        return Ok(Waited::Processed(task));
                    }
                },
                Err(error) if error.is_transient() => error.to_string(),
                Err(error) => return Ok(Waited::Refused(error.explain("ask what became of the report"))),
            };
            let Some(pause) = next_poll(policy, self.started.elapsed()) else {
                return Ok(Waited::TimedOut(state));
            };
            if said.elapsed() >= WAITING_LINE_EVERY {
                said = Instant::now();
                let percent = self.started.elapsed().as_secs() * 100 / self.deadline.as_secs().max(1);
                tracing::info!(progress = percent, "Waiting for SonarQube to process the report ({state})");
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = job.cancellation.requested() => return Err(Error::cancelled()),
            }
        }
    }
}

/// In mode `other` the scanner read its token from a plain variable; nobody needs it there any more.
fn take_back_token(job: &Job, records: &[Record]) {
    const PARAMETERS: &str = "SONARQUBE_SCANNER_PARAMS";
    let Some(json) = job.environment.value(PARAMETERS) else { return };
    if !records.iter().any(|record| record.prepared.mode == ScannerMode::Other) {
        return;
    }
    // A variable that is no longer ours to read is nobody's to repair: it is emptied.
    let mut parameters: Properties = serde_json::from_str(json).unwrap_or_default();
    parameters.take_secrets();
    job.commands.set_variable(PARAMETERS, &serde_json::json!(parameters).to_string());
}

fn report_in_log(results: &[AnalysisResult]) {
    for result in results {
        match result.verdict {
            Verdict::Skipped => tracing::warn!("{}", outcome_line(result)),
            Verdict::Passed | Verdict::Failed => tracing::info!("{}", outcome_line(result)),
            _ => tracing::error!("{}", outcome_line(result)),
        }
        for warning in &result.warnings {
            let base = result.dashboard_url.as_deref();
            // The engine has said most of these as warnings already; the summary shows them all.
            tracing::info!("SonarQube says of {}: {}", result.project_name, html::to_text(warning, base));
        }
        let conditions = result.gate.iter().flat_map(|gate| gate.failed_conditions());
        let mut conditions = conditions.filter(|_| result.verdict == Verdict::Failed).peekable();
        if result.verdict == Verdict::Failed && conditions.peek().is_none() {
            tracing::error!("{}", outcome_line(result));
        }
        for condition in conditions {
            tracing::error!("{}", issue_line(result, condition));
        }
    }
}

fn attach(job: &Job, summary: &BuildSummary, temp: &std::path::Path) -> Result<()> {
    let file = summary_file(temp)?;
    let folder = file.parent().unwrap_or(temp);
    std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&file, &summary.markdown)).map_err(
        |error| Error::new(format!("the Build Summary {} can't be written: {error}", file.display())),
    )?;
    job.commands.attach_summary(&summary.title, &file);
    Ok(())
}

/// A name of its own for each SonarPublish: the agent uploads the file some time later.
fn summary_file(temp: &std::path::Path) -> Result<PathBuf> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(format!("this machine gives no random numbers: {error}")))?;
    Ok(temp.join("sonar-azdo-summary").join(format!("{:016x}.md", u64::from_be_bytes(bytes))))
}

/// Writes the build's property and looks whether the summary arrived. In a build only; trouble here
/// is a warning, because the task's own result tells the truth already.
async fn tell_the_build(job: &Job, verdict: Verdict, summary: Option<&str>) {
    let predefined = &job.predefined;
    if predefined.system_hosttype.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("build")) {
        return;
    }
    let project = predefined.system_teamprojectid.as_ref().or(predefined.system_teamproject.as_ref());
    let (Some(project), Some(build)) = (project, &predefined.build_buildid) else { return };
    let Some(connection) = JobConnection::read(&job.environment, predefined) else {
        tracing::warn!("the build property {BUILD_PROPERTY} is not written: this job has no access token");
        return;
    };
    let azure = AzureDevOps::new(job.http.clone(), connection.collection, connection.token);
    if let Err(error) =
        azure.set_build_property(project, build, BUILD_PROPERTY, verdict.build_property()).await
    {
        tracing::warn!("the build property {BUILD_PROPERTY} could not be written: {error}");
    }
    if let Some(title) = summary {
        check_arrival(job, &azure, project, build, title).await;
    }
}

/// The agent uploads attachments a second or so later and is silent about failures.
async fn check_arrival(job: &Job, azure: &AzureDevOps, project: &str, build: &str, title: &str) {
    const LOOKS: [u64; 5] = [0, 300, 700, 1000, 1500];
    for pause in LOOKS {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(pause)) => {}
            () = job.cancellation.requested() => return,
        }
        match azure.build_attachments(project, build, SUMMARY_TYPE).await {
            Ok(names) if names.iter().any(|name| name == title) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::debug!("the build's attachments could not be listed: {error}");
                return;
            }
        }
    }
    tracing::warn!("the Build Summary was handed to the agent but is not among the build's attachments yet");
}

fn conclude(verdict: Verdict, results: &[AnalysisResult], records: &Records) -> Result<Ending> {
    match verdict {
        Verdict::Passed => Ending::new("Quality gate passed"),
        Verdict::Skipped => Ending::new("Skipped: nothing was analysed, so no quality gate was passed"),
        Verdict::Failed => Err(Error::reported("Quality gate failed")),
        Verdict::NoReport if results.is_empty() => Err(Error::new(format!(
            "there is no analysis to publish: {} holds no record",
            records.folder().display()
        ))
        .hint("Run SonarPrepare and SonarAnalyze before SonarPublish, in the same job.")),
        other => Err(Error::reported(format!("No quality gate was passed ({})", other.token()))),
    }
}
