//! What became of one analysis. Trouble with it is a verdict with a reason, not an error, so that the
//! others are still judged.

use super::weigh::{Claim, weigh};
use crate::analysis::{AnalysisReport, Outcome, Prepared, ServerKind, Target};
use crate::quality_gate::{Context, Expected, MeasureSet, Metrics, Verdict};
use crate::sonarqube::{CeTask, SonarQube, Wait};
use crate::step::Job;
use crate::step::records::{Record, tokens_of};
use crate::summary::{AnalysedTarget, AnalysisResult, shown_metrics};
use std::collections::{HashMap, HashSet};
use tokio::time::{Instant, timeout_at};
use url::Url;

/// Judges the analyses of one step: one after the other, within one wait.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    job: &'a Job,
    wait: Wait,
    /// When each server was last asked about a compute engine task.
    polled: HashMap<Url, Option<Instant>>,
    metrics: HashMap<Url, Metrics>,
    /// Compute engine tasks that were counted: none speaks for two analyses.
    claimed: HashSet<(Url, String)>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(job: &'a Job, wait: Wait) -> Self {
        Self { job, wait, polled: HashMap::new(), metrics: HashMap::new(), claimed: HashSet::new() }
    }

    pub(super) async fn judge(&mut self, record: &Record) -> AnalysisResult {
        let mut result = blank_result(record);
        match outcome_without_gate(record) {
            Some((verdict, reason)) => without_gate(&mut result, verdict, reason),
            None => match report_of(record) {
                Ok(report) => self.ask(record, &report, &mut result).await,
                Err(reason) => without_gate(&mut result, Verdict::NoReport, reason),
            },
        }
        result
    }

    async fn ask(&mut self, record: &Record, report: &AnalysisReport, result: &mut AnalysisResult) {
        let prepared = &record.prepared;
        result.project_key.clone_from(&report.project_key);
        result.project_name.clone_from(&report.project_key);
        if !self.claimed.insert((prepared.server_url.clone(), report.ce_task_id.clone())) {
            let reason = "The report is that of another analysis of this job";
            return without_gate(result, Verdict::NoReport, reason);
        }
        let sonarqube = match tokens_of(self.job, prepared) {
            Ok(tokens) => SonarQube::new(
                self.job.http.clone(),
                prepared.server_url.clone(),
                prepared.api_url.clone(),
                prepared.server.kind,
                tokens.authentication(prepared),
            ),
            Err(error) => return without_gate(result, Verdict::Unknown, error.to_string()),
        };
        let claim = Claim {
            report,
            server_url: &prepared.server_url,
            expected: expected(prepared, &result.target),
            main_branch: match &result.target {
                AnalysedTarget::MainBranch(name) => name.as_deref(),
                _ => None,
            },
        };
        let last = self.polled.entry(prepared.server_url.clone()).or_default();
        let weighed = weigh(&sonarqube.without_retries(), &claim, &mut self.wait, last).await;
        result.verdict = weighed.verdict;
        result.reason = weighed.reason;
        result.gate = weighed.gate;
        // Once the report is known to be this analysis', its link may lead to the address the server goes by.
        let public = Url::parse(&report.server_url).ok().filter(|_| weighed.task.is_some());
        let is_ours = |url: &String| {
            is_on_server(url, &prepared.server_url) || public.is_some_and(|public| is_on_server(url, &public))
        };
        if result.verdict != Verdict::NoReport {
            result.dashboard_url = report.dashboard_url.clone().filter(is_ours);
        }
        let Some(task) = weighed.task else { return };
        if let Some(name) = &task.project_name {
            result.project_name.clone_from(name);
        }
        result.warnings.clone_from(&task.warnings);
        if result.gate.is_some()
            && timeout_at(self.wait.latest(), self.add_measures(&sonarqube, &task, result)).await.is_err()
        {
            tracing::info!("The measures of {} are left out: the time is up", result.project_name);
        }
    }

    /// Names for the conditions, and measures beside them. The gate is what counts: whatever goes wrong
    /// here is a hint in the log.
    async fn add_measures(&mut self, sonarqube: &SonarQube, task: &CeTask, result: &mut AnalysisResult) {
        let server = sonarqube.base_url();
        if !self.metrics.contains_key(server) {
            let known = sonarqube.metrics().await.unwrap_or_else(|error| {
                tracing::info!("The names of the metrics could not be read: {error}");
                Metrics::default()
            });
            self.metrics.insert(server.clone(), known);
        }
        result.metrics = self.metrics.get(server).cloned().unwrap_or_default();
        let branch = task.branch.as_deref();
        let pull_request = task.pull_request.as_deref();
        match sonarqube.measures(&result.project_key, branch, pull_request, &shown_metrics()).await {
            Ok(Some(measures)) => result.measures = measures,
            Ok(None) => tracing::info!(
                "The measures of {} are left out: this server lets no analysis token read them (a user token with Browse may)",
                result.project_name
            ),
            Err(error) => {
                tracing::info!("The measures of {} could not be read: {error}", result.project_name);
            }
        }
    }
}

fn without_gate(result: &mut AnalysisResult, verdict: Verdict, reason: impl Into<String>) {
    result.verdict = verdict;
    result.reason = Some(reason.into());
}

/// The verdict on an analysis that left nothing to ask the server about.
fn outcome_without_gate(record: &Record) -> Option<(Verdict, String)> {
    match record.analyzed.as_ref().map(|analyzed| &analyzed.outcome) {
        Some(Outcome::Skipped { reason }) => Some((Verdict::Skipped, reason.clone())),
        Some(Outcome::Failed { message }) => Some((Verdict::AnalysisFailed, message.clone())),
        Some(Outcome::Cancelled) => Some((Verdict::Cancelled, "The analysis was cancelled".into())),
        Some(Outcome::Succeeded | Outcome::GateFailed) => None,
        None => record.prepared.skip.clone().map(|reason| (Verdict::Skipped, reason)),
    }
}

/// The scanner's report, if it is of the project that was prepared; else a word why it isn't there.
fn report_of(record: &Record) -> Result<AnalysisReport, String> {
    let report = match record.report() {
        Ok(Some(report)) => report,
        Ok(None) => return Err(format!("No scanner left a report at {}", record.report_file().display())),
        Err(error) => return Err(error.to_string()),
    };
    match &record.prepared.project_key {
        Some(key) if *key != report.project_key => {
            Err(format!("The report is of the project {}, not of {key}", report.project_key))
        }
        _ => Ok(report),
    }
}

fn expected<'a>(prepared: &'a Prepared, target: &'a AnalysedTarget) -> Expected<'a> {
    let (branch, pull_request) = match target {
        AnalysedTarget::MainBranch(_) => (None, None),
        AnalysedTarget::Branch(name) => (Some(name.as_str()), None),
        AnalysedTarget::PullRequest { key, .. } => (None, Some(key.as_str())),
    };
    let created = prepared.by_server_clock.then_some(prepared.created);
    Expected { project: prepared.project_key.as_deref(), branch, pull_request, created }
}

/// What was to be analysed: what the properties say where a user has overridden the decision.
fn analysed(prepared: &Prepared) -> AnalysedTarget {
    let known = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty());
    let property = |key: &str| prepared.properties.value(key).and_then(known);
    if let Some(key) = property("sonar.pullrequest.key") {
        let branch = property("sonar.pullrequest.branch");
        return AnalysedTarget::PullRequest { key, branch, base: property("sonar.pullrequest.base") };
    }
    match (&prepared.target, property("sonar.branch.name")) {
        (Target::MainBranch { name: Some(main) }, Some(name)) if *main == name => {
            AnalysedTarget::MainBranch(Some(name))
        }
        (_, Some(name)) => AnalysedTarget::Branch(name),
        (Target::MainBranch { name }, None) => AnalysedTarget::MainBranch(name.clone()),
        (Target::Branch { name }, None) => AnalysedTarget::Branch(name.clone()),
        (Target::PullRequest { key, branch, base }, None) => {
            AnalysedTarget::PullRequest { key: key.clone(), branch: known(branch), base: known(base) }
        }
    }
}

/// What the policy goes by.
pub(super) fn context_of(result: &AnalysisResult) -> Context {
    match result.target {
        AnalysedTarget::MainBranch(_) => Context::DefaultBranch,
        AnalysedTarget::Branch(_) => Context::OtherBranch,
        AnalysedTarget::PullRequest { .. } => Context::PullRequest,
    }
}

fn blank_result(record: &Record) -> AnalysisResult {
    let prepared = &record.prepared;
    let key = prepared.project_key.clone().unwrap_or_else(|| "the project".into());
    AnalysisResult {
        project_name: prepared.properties.value("sonar.projectName").unwrap_or(&key).to_owned(),
        project_key: key,
        target: analysed(prepared),
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
