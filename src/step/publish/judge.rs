//! What became of one analysis. Trouble with it is a verdict with a reason, not an error, so that the
//! others are still judged.

use super::start::PipelineStart;
use super::subject::{Evidence, Reported, Subject};
use super::weigh::{Claim, gate_verdict, timed_out, weigh};
use crate::quality_gate::{Context, Metrics, Verdict};
use crate::sonarqube::{Look, SonarQube, Wait, Waited};
use crate::summary::{AnalysedTarget, AnalysisResult, LastKnown, shown_metrics};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::Url;

/// The last known gate of a project is worth this much time.
const LAST_KNOWN: Duration = Duration::from_secs(10);

/// Judges the analyses of one step: one after the other, within one wait.
#[derive(Debug)]
pub(super) struct Judge {
    wait: Wait,
    /// When each server last answered about a compute engine task.
    polled: HashMap<Url, Option<Instant>>,
    metrics: HashMap<Url, Metrics>,
    /// Compute engine tasks that were counted: none speaks for two analyses.
    claimed: HashSet<(Url, String)>,
}

impl Judge {
    pub(super) fn new(wait: Wait) -> Self {
        Self { wait, polled: HashMap::new(), metrics: HashMap::new(), claimed: HashSet::new() }
    }

    /// Judges all of them. What is only shown is asked for when all that counts is known.
    pub(super) async fn judge(&mut self, subjects: Vec<Subject>) -> Vec<AnalysisResult> {
        let mut results = Vec::with_capacity(subjects.len());
        let mut untouched = Vec::with_capacity(subjects.len());
        for subject in subjects {
            untouched.push(match &subject.evidence {
                Evidence::Untouched(sonarqube, _) => Some(sonarqube.without_retries()),
                _ => None,
            });
            results.push(self.judge_one(subject).await);
        }
        for (result, sonarqube) in results.iter_mut().zip(&untouched) {
            if let Some(sonarqube) = sonarqube
                && !self.add_last_known(sonarqube, result).await
            {
                break;
            }
        }
        results
    }

    async fn judge_one(&mut self, subject: Subject) -> AnalysisResult {
        let Subject { mut result, evidence, .. } = subject;
        match evidence {
            Evidence::None(verdict, reason) => without_gate(&mut result, verdict, reason),
            Evidence::Untouched(_, reason) => without_gate(&mut result, Verdict::Skipped, reason),
            Evidence::Report(reported) => self.ask(&reported, &mut result).await,
            Evidence::Project(sonarqube, start) => self.ask_project(&sonarqube, start, &mut result).await,
        }
        result
    }

    async fn ask(&mut self, reported: &Reported, result: &mut AnalysisResult) {
        let Reported { report, sonarqube, start, names, .. } = reported;
        let server = sonarqube.base_url();
        if result.project_key != report.project_key {
            result.project_key.clone_from(&report.project_key);
            result.project_name.clone_from(&report.project_key);
        }
        if !self.claimed.insert((server.clone(), report.ce_task_id.clone())) {
            let reason = "The report is that of another analysis of this job";
            return without_gate(result, Verdict::NoReport, reason);
        }
        // Which of the build's names it is the server will say.
        let target =
            names.as_ref().map_or_else(|| result.target.clone(), |_| AnalysedTarget::MainBranch(None));
        let claim = Claim {
            report,
            server_url: server,
            expected: reported.expected(&target),
            main_branch: match &target {
                AnalysedTarget::MainBranch(name) => name.as_deref(),
                _ => None,
            },
            start: *start,
            names: names.as_ref(),
        };
        let last = self.polled.entry(server.clone()).or_default();
        let weighed = weigh(&sonarqube.without_retries(), &claim, &mut self.wait, last).await;
        result.verdict = weighed.verdict;
        result.reason = weighed.reason;
        result.gate = weighed.gate;
        // Once the report is known to be this analysis', its link may lead to the address the server goes by.
        let public = Url::parse(&report.server_url).ok().filter(|_| weighed.task.is_some());
        let is_ours = |url: &String| {
            is_on_server(url, server) || public.is_some_and(|public| is_on_server(url, &public))
        };
        if result.verdict != Verdict::NoReport {
            result.dashboard_url = report.dashboard_url.clone().filter(is_ours);
        }
        let Some(task) = weighed.task else { return };
        if let Some(name) = &task.project_name {
            result.project_name.clone_from(name);
        }
        if names.is_some() {
            result.target = match (&task.pull_request, &task.branch) {
                (Some(key), _) => AnalysedTarget::PullRequest { key: key.clone(), branch: None, base: None },
                (None, branch) if weighed.is_main_branch => AnalysedTarget::MainBranch(branch.clone()),
                (None, Some(name)) => AnalysedTarget::Branch(name.clone()),
                (None, None) => AnalysedTarget::MainBranch(None),
            };
        }
        result.warnings.clone_from(&task.warnings);
        let of = (task.branch.as_deref(), task.pull_request.as_deref());
        self.add_measures_in_time(sonarqube, of, result).await;
    }

    /// The gate of a project as it is, if it was analysed since the pipeline began.
    async fn ask_project(
        &mut self,
        sonarqube: &SonarQube,
        start: PipelineStart,
        result: &mut AnalysisResult,
    ) {
        let project = result.project_key.clone();
        let target = result.target.clone();
        let (branch, pull_request) = match &target {
            AnalysedTarget::MainBranch(name) => (name.as_deref(), None),
            AnalysedTarget::Branch(name) => (Some(name.as_str()), None),
            AnalysedTarget::PullRequest { key, .. } => (None, Some(key.as_str())),
        };
        // In the queue a report of the main branch bears no name.
        let queued_branch = branch.filter(|_| !matches!(target, AnalysedTarget::MainBranch(_)));
        result.dashboard_url = Some(sonarqube.dashboard(&project, branch, pull_request));
        let polled = sonarqube.without_retries();
        let look = async || {
            let queue = polled.pending_reports(&project, queued_branch, pull_request).await?;
            if let Some(count @ 1..) = queue {
                return Ok(Look::NotYet { state: format!("{count} reports in the queue"), age: None });
            }
            let date = polled.last_analysis(&project, branch, pull_request).await?;
            // The date is by the clock of the scanner's machine, or its sonar.projectDate; what the server's clock says
            // is no measure for it.
            if queue.is_none() && date.is_none_or(|date| date < start.0) {
                // A token that may not see the queue can't tell what is still to come.
                return Ok(Look::NotYet {
                    state: "not analysed since this pipeline began".into(),
                    age: None,
                });
            }
            Ok(Look::Done(date))
        };
        let what = format!("an analysis of {project}");
        let gate = match self.wait.until(&what, &mut None, look).await {
            Waited::Done(Some(date)) if date >= start.0 => {
                let look = async || {
                    polled.current_quality_gate(&project, branch, pull_request).await.map(Look::Done)
                };
                self.wait.until("SonarQube's quality gate", &mut None, look).await
            }
            Waited::Done(date) => {
                let reason = match date {
                    Some(date) => format!(
                        "{} was not analysed by this build: its last analysis is {} seconds older than this pipeline's \
                         run",
                        target.name(),
                        start.0 - date
                    ),
                    None => format!("SonarQube knows no analysis of the {}", target.name()),
                };
                return without_gate(result, Verdict::NoReport, reason);
            }
            Waited::TimedOut { state, understood } => Waited::TimedOut { state, understood },
            Waited::Refused(error) => Waited::Refused(error),
        };
        match gate {
            Waited::Done(gate) => {
                (result.verdict, result.reason) = gate_verdict(&gate);
                result.gate = Some(gate);
                self.add_measures_in_time(sonarqube, (branch, pull_request), result).await;
            }
            Waited::TimedOut { state, understood } => {
                let weighed = timed_out("has not told the quality gate", &state, understood, &self.wait);
                (result.verdict, result.reason) = (weighed.verdict, weighed.reason);
            }
            Waited::Refused(error) => {
                without_gate(result, Verdict::Unknown, error.explain("read the quality gate").to_string());
            }
        }
    }

    async fn add_measures_in_time(
        &mut self,
        sonarqube: &SonarQube,
        of: (Option<&str>, Option<&str>),
        result: &mut AnalysisResult,
    ) {
        let latest = self.wait.latest();
        if result.gate.is_some()
            && timeout_at(latest, self.add_measures(sonarqube, of, result)).await.is_err()
        {
            tracing::info!("The measures of {} are left out: the time is up", result.project_name);
        }
    }

    /// The gate of what the change is made to: information, so that whatever goes wrong here is nobody's trouble. Says
    /// whether there is time for more.
    async fn add_last_known(&self, sonarqube: &SonarQube, result: &mut AnalysisResult) -> bool {
        let project = &result.project_key;
        let of = match &result.target {
            AnalysedTarget::MainBranch(_) => None,
            AnalysedTarget::Branch(name) => Some(name.clone()),
            AnalysedTarget::PullRequest { base, .. } => base.clone(),
        };
        let asking = async {
            if let Some(name) = of
                && let Ok(gate) = sonarqube.current_quality_gate(project, Some(&name), None).await
            {
                return Ok((AnalysedTarget::Branch(name), gate));
            }
            let gate = sonarqube.current_quality_gate(project, None, None).await?;
            Ok::<_, crate::sonarqube::Error>((AnalysedTarget::MainBranch(None), gate))
        };
        let told = timeout_at(self.wait.latest().min(Instant::now() + LAST_KNOWN), asking).await;
        let in_time = told.is_ok();
        match told {
            Ok(Ok((target, gate))) => {
                let branch = match &target {
                    AnalysedTarget::Branch(name) => Some(name.as_str()),
                    _ => None,
                };
                result.dashboard_url = Some(sonarqube.dashboard(project, branch, None));
                result.last_known = Some(LastKnown { target, status: gate.status });
            }
            Ok(Err(error)) => tracing::debug!("The last gate of {project} is not known: {error}"),
            Err(_) => tracing::debug!("The last gates of {project} and others are left out: the time is up"),
        }
        in_time
    }

    /// Names for the conditions, and measures beside them. The gate is what counts: whatever goes wrong
    /// here is a hint in the log.
    async fn add_measures(
        &mut self,
        sonarqube: &SonarQube,
        (branch, pull_request): (Option<&str>, Option<&str>),
        result: &mut AnalysisResult,
    ) {
        let server = sonarqube.base_url();
        if !self.metrics.contains_key(server) {
            let known = sonarqube.metrics().await.unwrap_or_else(|error| {
                tracing::info!("The names of the metrics could not be read: {error}");
                Metrics::default()
            });
            self.metrics.insert(server.clone(), known);
        }
        result.metrics = self.metrics.get(server).cloned().unwrap_or_default();
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

/// What the policy goes by.
pub(super) fn context_of(result: &AnalysisResult) -> Context {
    match result.target {
        AnalysedTarget::MainBranch(_) => Context::DefaultBranch,
        AnalysedTarget::Branch(_) => Context::OtherBranch,
        AnalysedTarget::PullRequest { .. } => Context::PullRequest,
    }
}

/// A report can be changed by any step of the build: a link from it is shown only if it leads to
/// the server that was analysed for, or to the address the server itself goes by.
fn is_on_server(url: &str, server: &Url) -> bool {
    Url::parse(url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host_str() == server.host_str())
}
