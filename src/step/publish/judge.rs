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

/// What is only shown, of all analyses, is worth this much time.
const SHOWN: Duration = Duration::from_secs(10);

/// What is only shown of an analysis, and who tells it.
enum Shown {
    /// Measures of this branch or pull request.
    Measures(SonarQube, Option<String>, Option<String>),
    /// The last gate of what was left out.
    LastKnown(SonarQube),
}

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
        let mut shown = Vec::with_capacity(subjects.len());
        for subject in subjects {
            let (result, extra) = self.judge_one(subject).await;
            results.push(result);
            shown.push(extra);
        }
        let latest = self.wait.latest().min(Instant::now() + SHOWN);
        let mut is_over = false;
        let shown =
            results.iter_mut().zip(&shown).filter_map(|(result, shown)| Some((result, shown.as_ref()?)));
        let mut shown: Vec<_> = shown.collect();
        // What was analysed comes before the many that a monorepo may have left out.
        shown.sort_by_key(|(_, shown)| matches!(shown, Shown::LastKnown(_)));
        for (result, shown) in shown {
            if !is_over {
                let is_time_left = Instant::now() < latest;
                is_over = !is_time_left || timeout_at(latest, self.add(shown, result)).await.is_err();
                if is_over {
                    tracing::info!(
                        "What is shown beside the quality gate of {} is left out, and so of those after it: {}",
                        result.project_name,
                        if is_time_left { "it takes too long" } else { "no time is left" }
                    );
                }
            }
            if let Shown::Measures(sonarqube, ..) = shown {
                result.metrics = self.metrics.get(sonarqube.base_url()).cloned().unwrap_or_default();
            }
        }
        results
    }

    async fn judge_one(&mut self, subject: Subject) -> (AnalysisResult, Option<Shown>) {
        let Subject { mut result, evidence, .. } = subject;
        let shown = match evidence {
            Evidence::None(verdict, reason) => without_gate(&mut result, verdict, reason),
            Evidence::Untouched(sonarqube, reason) => {
                without_gate(&mut result, Verdict::Skipped, reason);
                Some(Shown::LastKnown(sonarqube.without_retries()))
            }
            Evidence::Report(reported) => self.ask(&reported, &mut result).await,
            Evidence::Project(sonarqube, start) => self.ask_project(&sonarqube, start, &mut result).await,
        };
        (result, shown)
    }

    async fn add(&mut self, shown: &Shown, result: &mut AnalysisResult) {
        match shown {
            Shown::Measures(sonarqube, branch, pull_request) => {
                let of = (branch.as_deref(), pull_request.as_deref());
                self.add_measures(sonarqube, of, result).await;
            }
            Shown::LastKnown(sonarqube) => add_last_known(sonarqube, result).await,
        }
    }

    async fn ask(&mut self, reported: &Reported, result: &mut AnalysisResult) -> Option<Shown> {
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
        let task = weighed.task?;
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
        let measures = || Shown::Measures(sonarqube.clone(), task.branch, task.pull_request);
        result.gate.is_some().then(measures)
    }

    /// The gate of a project as it is, if it was analysed since the pipeline began.
    async fn ask_project(
        &mut self,
        sonarqube: &SonarQube,
        start: PipelineStart,
        result: &mut AnalysisResult,
    ) -> Option<Shown> {
        let project = result.project_key.clone();
        let target = result.target.clone();
        let (branch, pull_request) = match &target {
            AnalysedTarget::MainBranch(name) => (name.as_deref(), None),
            AnalysedTarget::Branch(name) => (Some(name.as_str()), None),
            AnalysedTarget::PullRequest { key, .. } => (None, Some(key.as_str())),
        };
        result.dashboard_url = Some(sonarqube.dashboard(&project, branch, pull_request));
        let polled = sonarqube.without_retries();
        let look = async || {
            let queue = polled.pending_reports(&project, branch, pull_request).await?;
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
                let [branch, pull_request] = [branch, pull_request].map(|name| name.map(str::to_owned));
                Some(Shown::Measures(sonarqube.clone(), branch, pull_request))
            }
            Waited::TimedOut { state, understood } => {
                let weighed = timed_out("has not told the quality gate", &state, understood, &self.wait);
                (result.verdict, result.reason) = (weighed.verdict, weighed.reason);
                None
            }
            Waited::Refused(error) => {
                without_gate(result, Verdict::Unknown, error.explain("read the quality gate").to_string())
            }
        }
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

/// There is nothing to show beside it, either.
fn without_gate(result: &mut AnalysisResult, verdict: Verdict, reason: impl Into<String>) -> Option<Shown> {
    result.verdict = verdict;
    result.reason = Some(reason.into());
    None
}

/// The gate of what the change is made to: information, so that whatever goes wrong here is nobody's trouble.
async fn add_last_known(sonarqube: &SonarQube, result: &mut AnalysisResult) {
    let project = &result.project_key;
    let of = match &result.target {
        AnalysedTarget::MainBranch(_) => None,
        AnalysedTarget::Branch(name) => Some(name.clone()),
        AnalysedTarget::PullRequest { base, .. } => base.clone(),
    };
    let mut found = None;
    if let Some(name) = of
        && let Ok(gate) = sonarqube.current_quality_gate(project, Some(&name), None).await
    {
        found = Some((AnalysedTarget::Branch(name), gate));
    }
    if found.is_none() {
        match sonarqube.current_quality_gate(project, None, None).await {
            Ok(gate) => found = Some((AnalysedTarget::MainBranch(None), gate)),
            Err(error) => tracing::debug!("The last gate of {project} is not known: {error}"),
        }
    }
    let Some((target, gate)) = found else { return };
    let branch = match &target {
        AnalysedTarget::Branch(name) => Some(name.as_str()),
        _ => None,
    };
    result.dashboard_url = Some(sonarqube.dashboard(project, branch, None));
    result.last_known = Some(LastKnown { target, status: gate.status });
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
