//! A judged analysis, and what is to be shown beside its verdict.

use super::evidence::Description;
use super::in_flight::InFlight;
use super::judgement::{Judgement, Measures};
use crate::analysis::{AnalysisId, Target};
use crate::quality_gate::{QualityGate, Verdict};
use crate::sonarqube::SonarQube;
use url::Url;

/// An analysis and the verdict on it.
#[derive(Debug)]
pub(super) struct JudgedAnalysis {
    pub(super) id: Option<AnalysisId>,
    pub(super) description: Description,
    pub(super) verdict: Verdict,
    /// Why, where it neither passed nor failed.
    pub(super) reason: Option<String>,
    pub(super) gate: Option<QualityGate>,
    /// Whether the verdict is that nothing was analysed.
    pub(super) nothing_analysed: bool,
    /// Warnings of the server about the analysis: HTML from outside.
    pub(super) warnings: Vec<String>,
    /// The project's page on the server.
    pub(super) dashboard_url: Option<String>,
}

impl JudgedAnalysis {
    /// A verdict that no server was asked for.
    pub(super) fn with_verdict(
        id: Option<AnalysisId>,
        description: Description,
        verdict: Verdict,
        reason: String,
    ) -> Self {
        Self::new(id, description, Judgement::without_gate(verdict, reason))
    }

    pub(super) fn new(id: Option<AnalysisId>, mut description: Description, judgement: Judgement) -> Self {
        let Judgement { verdict, reason, gate, nothing_analysed, warning, .. } = judgement;
        if let Some(warning) = warning {
            tracing::warn!("{}: {warning}", description.project_name);
            description.notes.push(format!("{warning}."));
        }
        Self {
            id,
            description,
            verdict,
            reason,
            gate,
            nothing_analysed,
            warnings: Vec::new(),
            dashboard_url: None,
        }
    }
}

/// What is only shown of an analysis, and who tells it.
#[derive(Debug)]
pub(super) enum ToShow {
    Nothing,
    BesideGate(Box<BesideGate>),
    /// The last gate of what was left out.
    LastGate(Box<SonarQube>),
}

/// What is shown beside a gate.
#[derive(Debug)]
pub(super) struct BesideGate {
    pub(super) sonarqube: SonarQube,
    /// The branch or pull request that was measured.
    pub(super) target: Target,
    pub(super) measures: Measures,
    /// The address that people know the server by, where no report tells it.
    pub(super) address: Option<InFlight<Url>>,
}

impl ToShow {
    /// What to show beside a gate.
    pub(super) fn beside(
        mut judgement: Judgement,
        sonarqube: &SonarQube,
        target: Target,
        address: Option<InFlight<Url>>,
    ) -> (Judgement, Self) {
        if judgement.gate.is_none() {
            return (judgement, Self::Nothing);
        }
        let measures = std::mem::replace(&mut judgement.measures, Measures::NotAsked);
        let beside = BesideGate { sonarqube: sonarqube.clone(), target, measures, address };
        (judgement, Self::BesideGate(Box::new(beside)))
    }
}
