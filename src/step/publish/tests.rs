//! What the tests of several files judge.

use crate::analysis::Target;
use crate::quality_gate::{Comparator, Condition, GateStatus, MeasureSet, Metrics, QualityGate, Verdict};
use crate::summary::AnalysisResult;

/// The result of a project whose gate has a failed condition for each of these coverages.
pub(super) fn result(project: &str, verdict: Verdict, coverages: &[&str]) -> AnalysisResult {
    let condition = |actual: &&str| Condition {
        status: GateStatus::Error,
        metric: format!("coverage_{actual}"),
        comparator: Comparator::LessThan,
        threshold: Some("80".into()),
        actual: Some((*actual).to_owned()),
    };
    AnalysisResult {
        project_key: project.into(),
        project_name: project.into(),
        target: Target::MAIN_BRANCH,
        is_other_branch: false,
        verdict,
        nothing_analysed: false,
        reason: None,
        gate: Some(QualityGate {
            status: GateStatus::Error,
            conditions: coverages.iter().map(condition).collect(),
            ignored_conditions: false,
        }),
        last_known: None,
        worst: Vec::new(),
        measures: MeasureSet::default(),
        metrics: Metrics::default(),
        dashboard_url: Some(format!("https://sonar.example/dashboard?id={project}")),
        server_name: "SonarQube Server".into(),
        server_version: None,
        warnings: Vec::new(),
        narrowed: Vec::new(),
        notes: Vec::new(),
    }
}
