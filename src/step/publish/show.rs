//! What is shown beside the verdicts: measures, names of metrics, the last gate of what was left out. Nothing of it counts, so
//! whatever goes wrong here is a line in the log.

use super::address::{dashboard, public_address};
use super::evidence::Description;
use super::judged::{BesideGate, JudgedAnalysis, ToShow};
use super::judgement::Measures;
use super::main_branch::BranchKind;
use super::metric_names::MetricNames;
use crate::analysis::Target;
use crate::quality_gate::{MeasureSet, Metrics, QualityGate, Verdict};
use crate::sonarqube::SonarQube;
use crate::summary::{AnalysisResult, LastKnown, WorstOfCondition, shown_metrics};
use futures_util::future::join_all;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// What is only shown, of all analyses, is worth this much time.
const LIMIT: Duration = Duration::from_secs(10);
/// The worst files and issues of an analysis are worth this much of it.
const WORST: Duration = Duration::from_secs(3);
/// Failed conditions whose worst files or issues are asked for.
const WORST_CONDITIONS: usize = 5;
/// Files or issues asked for each of them.
const WORST_OF_EACH: usize = 3;

/// What was found out to be shown beside one verdict.
#[derive(Debug, Default)]
pub(super) struct Shown {
    measures: MeasureSet,
    metrics: Metrics,
    last_known: Option<LastKnown>,
    worst: Vec<WorstOfCondition>,
    /// A better link than the one of the verdict.
    dashboard_url: Option<String>,
}

/// Waits for what there is to show, until `latest` and no longer than [`LIMIT`].
pub(super) async fn show(
    judged: &[JudgedAnalysis],
    to_show: Vec<ToShow>,
    mut names: MetricNames,
    latest: Instant,
) -> Vec<Shown> {
    let latest = latest.min(Instant::now() + LIMIT);
    let mut shown: Vec<Shown> = judged.iter().map(|_| Shown::default()).collect();
    let mut all: Vec<_> = judged.iter().zip(&mut shown).zip(to_show).collect();
    // What was analysed comes before the many that a monorepo may have left out.
    all.sort_by_key(|(_, to_show)| matches!(to_show, ToShow::LastGate(_)));
    let mut is_over = false;
    for ((judged, shown), to_show) in all {
        let server = match &to_show {
            ToShow::Nothing => continue,
            ToShow::BesideGate(beside) => Some(beside.sonarqube.base_url().clone()),
            ToShow::LastGate(_) => None,
        };
        // What needs no waiting is shown in any case.
        if let ToShow::BesideGate(beside) = &to_show
            && let Measures::Read(Some(known)) = &beside.measures
        {
            shown.measures = known.clone();
        }
        if !is_over {
            let is_time_left = Instant::now() < latest;
            is_over =
                !is_time_left || timeout_at(latest, shown.ask(to_show, judged, &mut names)).await.is_err();
            if is_over {
                tracing::info!(
                    "The measures of {} and of the analyses after it are left out: {}",
                    judged.description.project_name,
                    if is_time_left { "it takes too long" } else { "no time is left" }
                );
            }
        }
        if let Some(server) = server {
            shown.metrics = names.of(&server);
        }
    }
    shown
}

impl Shown {
    async fn ask(&mut self, to_show: ToShow, judged: &JudgedAnalysis, names: &mut MetricNames) {
        let description = &judged.description;
        match to_show {
            ToShow::Nothing => {}
            ToShow::BesideGate(beside) => {
                let BesideGate { sonarqube, target, measures, address } = *beside;
                let worst = worst(&sonarqube, &target, judged);
                let others = async {
                    if let Some(address) = address {
                        self.dashboard_url = Some(dashboard(&address.answer().await, description));
                    }
                    names.read(sonarqube.base_url()).await;
                    self.add_measures(measures, &sonarqube, &target, description).await;
                };
                (self.worst, ()) = tokio::join!(worst, others);
            }
            ToShow::LastGate(sonarqube) => self.add_last_gate(&sonarqube, description).await,
        }
    }

    async fn add_measures(
        &mut self,
        measures: Measures,
        sonarqube: &SonarQube,
        target: &Target,
        description: &Description,
    ) {
        let asked = match measures {
            Measures::Read(known) => Some(Ok(known)),
            Measures::InFlight(asked) => Some(asked.answer().await).filter(Result::is_ok),
            Measures::NotAsked => None,
        };
        let answer = match asked {
            Some(answer) => answer,
            None => sonarqube.measures(&description.project_key, target, &shown_metrics()).await,
        };
        let name = &description.project_name;
        match answer {
            Ok(Some(measures)) => self.measures = measures,
            Ok(None) => tracing::info!(
                "The measures of {name} are left out: this server lets no analysis token read them (a user token with \
                 Browse may)"
            ),
            Err(error) => tracing::info!("The measures of {name} could not be read: {error}"),
        }
    }

    /// The gate of what the change is made to.
    async fn add_last_gate(&mut self, sonarqube: &SonarQube, description: &Description) {
        let project = &description.project_key;
        let of = match &description.target {
            Target::MainBranch { .. } => None,
            Target::Branch { .. } => Some(description.target.clone()),
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
        let base = public_address(sonarqube.clone()).await;
        self.dashboard_url = Some(SonarQube::dashboard_at(&base, project, &target));
        self.last_known = Some(LastKnown { target, status: gate.status });
    }
}

/// The worst files and issues behind the conditions that failed. What cannot be read in time is left out.
async fn worst(sonarqube: &SonarQube, target: &Target, judged: &JudgedAnalysis) -> Vec<WorstOfCondition> {
    if judged.verdict != Verdict::Failed {
        return Vec::new();
    }
    let (sonarqube, project) = (sonarqube.without_retries(), &judged.description.project_key);
    let failed = judged.gate.iter().flat_map(QualityGate::failed_conditions).take(WORST_CONDITIONS);
    let asked = failed.map(async |condition| {
        match sonarqube.worst_of(project, target, condition, WORST_OF_EACH).await {
            Ok(worst) => Some(WorstOfCondition::new(condition, worst)),
            Err(error) => {
                tracing::debug!(
                    "The worst files or issues for {} could not be read: {error}",
                    condition.metric
                );
                None
            }
        }
    });
    match timeout(WORST, join_all(asked)).await {
        Ok(worst) => worst.into_iter().flatten().collect(),
        Err(_) => {
            tracing::debug!("The worst files and issues are left out: reading them takes too long");
            Vec::new()
        }
    }
}

/// What the log, the Build Summary and the output variables say of an analysis.
pub(super) fn result(judged: JudgedAnalysis, kind: BranchKind, shown: Shown) -> AnalysisResult {
    let JudgedAnalysis { description, .. } = judged;
    AnalysisResult {
        project_key: description.project_key,
        project_name: description.project_name,
        target: match kind {
            BranchKind::Main => description.target.as_main_branch(),
            BranchKind::Other | BranchKind::Unknown => description.target,
        },
        is_other_branch: kind == BranchKind::Other,
        verdict: judged.verdict,
        nothing_analysed: judged.nothing_analysed,
        reason: judged.reason,
        gate: judged.gate,
        last_known: shown.last_known,
        worst: shown.worst,
        measures: shown.measures,
        metrics: shown.metrics,
        dashboard_url: shown.dashboard_url.or(judged.dashboard_url),
        server_name: description.server_name,
        server_version: description.server_version,
        warnings: judged.warnings,
        narrowed: description.narrowed,
        notes: description.notes,
    }
}
