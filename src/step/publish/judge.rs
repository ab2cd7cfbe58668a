//! What became of one analysis. Trouble with it is a verdict with a reason, not an error, so that the
//! others are still judged.

use super::evidence::{AnalysisToJudge, Evidence, ReportEvidence};
use super::report_verdict::{Claim, Judgement, judge_report};
use crate::analysis::Target;
use crate::quality_gate::{Case, Context, Metrics, QualityGate, Verdict};
use crate::sonarqube::{SonarQube, Wait};
use crate::summary::{AnalysisResult, LastKnown, WorstOfCondition, shown_metrics};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

/// What is only shown, of all analyses, is worth this much time.
const SHOWN: Duration = Duration::from_secs(10);

/// The worst files and issues of an analysis are worth this much of it.
const WORST: Duration = Duration::from_secs(3);
/// Failed conditions whose worst files or issues are asked for.
const WORST_CONDITIONS: usize = 5;
/// Files or issues asked for each of them.
const WORST_OF_EACH: usize = 3;

/// What is only shown of an analysis, and who tells it.
pub(super) enum Shown {
    /// Measures of this branch or pull request.
    Measures(SonarQube, Target),
    /// The last gate of what was left out.
    LastKnown(SonarQube),
}

/// Judges the analyses of one step: one after the other, within one wait.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) wait: Wait,
    /// When each server last answered about a compute engine task.
    polled: HashMap<Url, Option<Instant>>,
    metrics: HashMap<Url, Metrics>,
    /// Compute engine tasks that were counted: none speaks for two analyses.
    claimed: HashSet<(Url, String)>,
    /// Projects that were asked for by their keys: no report tells the address that the server goes by.
    pub(super) by_key: HashSet<String>,
}

impl Judge {
    pub(super) fn new(wait: Wait) -> Self {
        Self {
            wait,
            polled: HashMap::new(),
            metrics: HashMap::new(),
            claimed: HashSet::new(),
            by_key: HashSet::new(),
        }
    }

    /// Judges all of them. What is only shown is asked for when all that counts is known.
    pub(super) async fn judge(&mut self, subjects: Vec<AnalysisToJudge>) -> Vec<AnalysisResult> {
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

    async fn judge_one(&mut self, subject: AnalysisToJudge) -> (AnalysisResult, Option<Shown>) {
        let AnalysisToJudge { mut result, evidence, .. } = subject;
        let shown = match evidence {
            Evidence::None(verdict, reason) => without_gate(&mut result, verdict, reason),
            Evidence::Nothing(reason) => {
                result.nothing_analysed = true;
                without_gate(&mut result, Verdict::NoReport, reason)
            }
            Evidence::Untouched(sonarqube, reason) => {
                without_gate(&mut result, Verdict::Skipped, reason);
                Some(Shown::LastKnown(sonarqube.without_retries()))
            }
            Evidence::Report(reported) => self.ask(&reported, &mut result).await,
            Evidence::Project(sonarqube, start, revision) => {
                self.ask_project(&sonarqube, start, revision.as_deref(), &mut result).await
            }
        };
        (result, shown)
    }

    async fn add(&mut self, shown: &Shown, result: &mut AnalysisResult) {
        match shown {
            Shown::Measures(sonarqube, target) => {
                if self.by_key.contains(&result.project_key) {
                    result.dashboard_url = Some(link(&own_address(sonarqube).await, result));
                }
                self.add_measures(sonarqube, target, result).await;
                add_worst(sonarqube, target, result).await;
            }
            Shown::LastKnown(sonarqube) => add_last_known(sonarqube, result).await,
        }
    }

    async fn ask(&mut self, reported: &ReportEvidence, result: &mut AnalysisResult) -> Option<Shown> {
        let ReportEvidence { report, sonarqube, start, own_targets, .. } = reported;
        let server = sonarqube.base_url();
        if result.project_key != report.project_key {
            result.project_key.clone_from(&report.project_key);
            result.project_name.clone_from(&report.project_key);
        }
        if !self.claimed.insert((server.clone(), report.ce_task_id.clone())) {
            let reason = "The report is that of another analysis of this job";
            return without_gate(result, Verdict::NoReport, reason);
        }
        // Which of the build's own it is the server will say.
        let target = own_targets.as_ref().map_or_else(|| result.target.clone(), |_| Target::MAIN_BRANCH);
        let claim = Claim {
            report,
            server_url: server,
            expected: reported.expected(&target),
            start: *start,
            own_targets: own_targets.as_ref(),
            extent: &reported.extent,
        };
        let last = self.polled.entry(server.clone()).or_default();
        let mut judgement = judge_report(&sonarqube.without_retries(), &claim, &mut self.wait, last).await;
        let task = judgement.task.take();
        let is_main_branch = judgement.is_main_branch;
        take(result, judgement);
        if result.verdict != Verdict::NoReport {
            result.dashboard_url = Some(link(server, result));
        }
        let task = task?;
        if let Some(name) = &task.project_name {
            result.project_name.clone_from(name);
        }
        if own_targets.is_some() {
            result.target = task.target.clone();
        }
        if is_main_branch {
            // It may have been named, and turned out to be the main branch.
            result.target = result.target.clone().as_main_branch();
        }
        // The report is known to be this analysis', so the address in it is the one that the server goes by.
        let public = Url::parse(&report.server_url);
        result.dashboard_url = Some(link(public.as_ref().unwrap_or(server), result));
        result.warnings.clone_from(&task.warnings);
        let measures = || Shown::Measures(sonarqube.clone(), task.target);
        result.gate.is_some().then(measures)
    }

    /// Names for the conditions, and measures beside them. The gate is what counts: whatever goes wrong
    /// here is a hint in the log.
    async fn add_measures(&mut self, sonarqube: &SonarQube, target: &Target, result: &mut AnalysisResult) {
        let server = sonarqube.base_url();
        if !self.metrics.contains_key(server) {
            let known = sonarqube.metrics().await.unwrap_or_else(|error| {
                tracing::info!("The names of the metrics could not be read: {error}");
                Metrics::default()
            });
            self.metrics.insert(server.clone(), known);
        }
        if !result.measures.0.is_empty() {
            return;
        }
        match sonarqube.measures(&result.project_key, target, &shown_metrics()).await {
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

/// The worst files and issues behind the conditions that failed. What cannot be read in time is left out.
async fn add_worst(sonarqube: &SonarQube, target: &Target, result: &mut AnalysisResult) {
    if result.verdict != Verdict::Failed {
        return;
    }
    let (project, gate, found) = (&result.project_key, &result.gate, &mut result.worst);
    let sonarqube = sonarqube.without_retries();
    let read = async {
        for condition in gate.iter().flat_map(QualityGate::failed_conditions).take(WORST_CONDITIONS) {
            match sonarqube.worst_of(project, target, condition, WORST_OF_EACH).await {
                Ok(worst) => found.push(WorstOfCondition::new(condition, worst)),
                Err(error) => {
                    tracing::debug!("What is behind {} could not be read: {error}", condition.metric);
                }
            }
        }
    };
    if timeout(WORST, read).await.is_err() {
        tracing::debug!("The worst files and issues are left out: reading them takes too long");
    }
}

/// Takes over what was found out.
pub(super) fn take(result: &mut AnalysisResult, judgement: Judgement) {
    result.verdict = judgement.verdict;
    result.reason = judgement.reason;
    result.gate = judgement.gate;
    result.nothing_analysed = judgement.nothing_analysed;
    result.measures = judgement.measures.unwrap_or_default();
    if let Some(warning) = judgement.warning {
        tracing::warn!("{}: {warning}", result.project_name);
        result.notes.push(format!("{warning}."));
    }
}

/// The page of what was analysed on the server at `base`.
pub(super) fn link(base: &Url, result: &AnalysisResult) -> String {
    SonarQube::dashboard_at(base, &result.project_key, &result.target)
}

/// There is nothing to show beside it, either.
pub(super) fn without_gate(
    result: &mut AnalysisResult,
    verdict: Verdict,
    reason: impl Into<String>,
) -> Option<Shown> {
    result.verdict = verdict;
    result.reason = Some(reason.into());
    None
}

/// The gate of what the change is made to: information, so that whatever goes wrong here is nobody's trouble.
async fn add_last_known(sonarqube: &SonarQube, result: &mut AnalysisResult) {
    let project = &result.project_key;
    let of = match &result.target {
        Target::MainBranch { .. } => None,
        Target::Branch { .. } => Some(result.target.clone()),
        Target::PullRequest { base, .. } => base.clone().map(Target::branch),
    };
    let mut found = None;
    if let Some(target) = of
        && let Ok(gate) = sonarqube.current_quality_gate(project, &target).await
    {
        found = Some((target, gate));
    }
    if found.is_none() {
        match sonarqube.current_quality_gate(project, &Target::MAIN_BRANCH).await {
            Ok(gate) => found = Some((Target::MAIN_BRANCH, gate)),
            Err(error) => tracing::debug!("The last gate of {project} is not known: {error}"),
        }
    }
    let Some((target, gate)) = found else { return };
    let base = own_address(sonarqube).await;
    result.dashboard_url = Some(SonarQube::dashboard_at(&base, project, &target));
    result.last_known = Some(LastKnown { target, status: gate.status });
}

/// The address that the server goes by: the service connection may hold another one, which people do not reach.
async fn own_address(sonarqube: &SonarQube) -> Url {
    let told = sonarqube.public_url().await.ok().flatten();
    told.and_then(|url| Url::parse(&url).ok())
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .unwrap_or_else(|| sonarqube.base_url().clone())
}

/// What the policy goes by.
pub(super) fn case_of(result: &AnalysisResult) -> Case {
    let context = match &result.target {
        Target::MainBranch { .. } => Context::DefaultBranch,
        Target::Branch { .. } if result.is_other_branch || result.target.is_tag() => Context::OtherBranch,
        Target::Branch { .. } => Context::SomeBranch,
        Target::PullRequest { .. } => Context::PullRequest,
    };
    Case { verdict: result.verdict, nothing_analysed: result.nothing_analysed, context }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_that_nobody_knows_may_be_the_main_branch() {
        let context = |target, is_other_branch| {
            let result = AnalysisResult { is_other_branch, ..AnalysisResult::unknown("shop".into(), target) };
            case_of(&result).context
        };
        assert_eq!(context(Target::branch("x"), false), Context::SomeBranch);
        assert_eq!(context(Target::branch("x"), true), Context::OtherBranch);
        assert_eq!(context(Target::branch("refs/tags/v1"), false), Context::OtherBranch);
        assert_eq!(context(Target::MAIN_BRANCH, false), Context::DefaultBranch);
    }
}
