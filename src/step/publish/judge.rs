//! Judges the analyses of a step, one after the other. Trouble with one is a verdict with a reason, not an error, so that the
//! others are still judged.

use super::address::dashboard;
use super::evidence::{AnalysisToJudge, Description, Evidence, ReportEvidence};
use super::in_flight::meanwhile;
use super::judged::{JudgedAnalysis, ToShow};
use super::judgement::Judgement;
use super::metric_names::MetricNames;
use super::project_verdict::judge_project;
use super::report_verdict::{Claim, ReportJudgement, judge_processed, processed};
use crate::analysis::{AnalysisId, Target};
use crate::quality_gate::Verdict;
use crate::sonarqube::{SonarQube, Wait};
use std::collections::{HashMap, HashSet};
use tokio::time::Instant;
use url::Url;

/// What the analyses of one step share.
#[derive(Debug)]
pub(super) struct Judge {
    wait: Wait,
    /// When each server last answered about a compute engine task.
    polled: HashMap<Url, Option<Instant>>,
    /// Compute engine tasks that were counted: no task counts for two analyses.
    claimed: HashSet<(Url, String)>,
    names: MetricNames,
}

impl Judge {
    pub(super) fn new(wait: Wait) -> Self {
        Self { wait, polled: HashMap::new(), claimed: HashSet::new(), names: MetricNames::default() }
    }

    /// Judges all of them. What there is to show beside each verdict, which may be on its way, is shown later: all that
    /// counts comes first.
    pub(super) async fn judge(
        mut self,
        analyses: Vec<AnalysisToJudge>,
    ) -> (Vec<JudgedAnalysis>, Vec<ToShow>, MetricNames) {
        let mut judged = Vec::with_capacity(analyses.len());
        let mut to_show = Vec::with_capacity(analyses.len());
        for analysis in analyses {
            let (analysis, show) = self.judge_one(analysis).await;
            judged.push(analysis);
            to_show.push(show);
        }
        (judged, to_show, self.names)
    }

    async fn judge_one(&mut self, analysis: AnalysisToJudge) -> (JudgedAnalysis, ToShow) {
        let AnalysisToJudge { id, description, evidence } = analysis;
        match evidence {
            Evidence::Known(verdict, reason) => {
                (JudgedAnalysis::with_verdict(id, description, verdict, reason), ToShow::Nothing)
            }
            Evidence::NothingAnalysed(reason) => {
                let judgement = Judgement {
                    nothing_analysed: true,
                    ..Judgement::without_gate(Verdict::NoReport, reason)
                };
                (JudgedAnalysis::new(id, description, judgement), ToShow::Nothing)
            }
            Evidence::Untouched(sonarqube, reason) => {
                let judged = JudgedAnalysis::with_verdict(id, description, Verdict::Skipped, reason);
                (judged, ToShow::LastGate(Box::new(sonarqube.without_retries())))
            }
            Evidence::Report(evidence) => self.judge_report(id, description, *evidence).await,
            Evidence::Project(evidence) => {
                let sonarqube = &evidence.sonarqube;
                // The name of a main branch is SonarQube's own here, and by it the queue tells its reports from others.
                let target = description.target.clone().as_named_branch();
                let (judgement, address) =
                    judge_project(&evidence, &description, &target, &mut self.wait, &mut self.names).await;
                let dashboard_url = Some(dashboard(sonarqube.base_url(), &description));
                let (judgement, to_show) = ToShow::beside(judgement, sonarqube, target, address);
                let judged = JudgedAnalysis::new(id, description, judgement);
                (JudgedAnalysis { dashboard_url, ..judged }, to_show)
            }
        }
    }

    async fn judge_report(
        &mut self,
        id: Option<AnalysisId>,
        mut description: Description,
        evidence: ReportEvidence,
    ) -> (JudgedAnalysis, ToShow) {
        let ReportEvidence { report, sonarqube, start, build_targets, extent, .. } = &evidence;
        let server = sonarqube.base_url();
        if description.project_key != report.project_key {
            description.project_key.clone_from(&report.project_key);
            description.project_name.clone_from(&report.project_key);
        }
        // One report that passed must not pass for two analyses.
        if !self.claimed.insert((server.clone(), report.ce_task_id.clone())) {
            let reason = "The report was already counted for another analysis of this job".into();
            let judged = JudgedAnalysis::with_verdict(id, description, Verdict::NoReport, reason);
            return (judged, ToShow::Nothing);
        }
        // Which of the build's targets it is the server will say.
        let target = if build_targets.is_some() { Target::MAIN_BRANCH } else { description.target.clone() };
        let claim = Claim {
            report,
            server_url: server,
            expected: evidence.expected(&target),
            start: *start,
            build_targets: build_targets.as_ref(),
            extent,
        };
        let ReportJudgement { judgement, task, is_main_branch } = self.ask(sonarqube, &claim).await;
        let Some(task) = task else {
            let is_of_analysis = judgement.verdict != Verdict::NoReport;
            let dashboard_url = is_of_analysis.then(|| dashboard(server, &description));
            let judged = JudgedAnalysis::new(id, description, judgement);
            return (JudgedAnalysis { dashboard_url, ..judged }, ToShow::Nothing);
        };
        if let Some(name) = &task.project_name {
            description.project_name.clone_from(name);
        }
        if build_targets.is_some() {
            description.target = task.target.clone();
        }
        if is_main_branch {
            // It may have been named, and turned out to be the main branch.
            description.target = description.target.as_main_branch();
        }
        // The report is known to be of this analysis, so the address in it is the one that people know the server by.
        let public = Url::parse(&report.server_url);
        let dashboard_url = Some(dashboard(public.as_ref().unwrap_or(server), &description));
        let (judgement, to_show) = ToShow::beside(judgement, sonarqube, task.target, None);
        let judged = JudgedAnalysis::new(id, description, judgement);
        (JudgedAnalysis { warnings: task.warnings, dashboard_url, ..judged }, to_show)
    }

    /// Waits for the server to process the report, then judges it. The names of metrics are on their way meanwhile.
    async fn ask(&mut self, sonarqube: &SonarQube, claim: &Claim<'_>) -> ReportJudgement {
        let polled = sonarqube.without_retries();
        let last = self.polled.entry(sonarqube.base_url().clone()).or_default();
        let task = match processed(&polled, claim, &mut self.wait, last).await {
            Ok(task) => task,
            Err(judgement) => return judgement.into(),
        };
        let names = self.names.ask(sonarqube);
        meanwhile(&mut [names], judge_processed(&polled, claim, task, &mut self.wait)).await
    }
}
