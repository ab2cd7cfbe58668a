//! The measures shown beside a gate: of new code, and of all code for a first analysis.

use super::result::AnalysisResult;
use crate::quality_gate::{Metric, MetricKind};

/// A measure shown beside the gate.
pub(super) struct ShownMeasure {
    pub(super) key: &'static str,
    pub(super) label: &'static str,
    kind: MetricKind,
    /// Whether it has a column in the table of several projects.
    pub(super) in_overview: bool,
}

impl ShownMeasure {
    pub(super) fn value(&self, result: &AnalysisResult) -> Option<String> {
        let metric = Metric { key: self.key.to_owned(), name: self.label.to_owned(), kind: self.kind };
        result
            .measures
            .value(self.key)
            .filter(|value| !value.trim().is_empty())
            .map(|value| metric.show(value))
    }
}

const fn measure(
    key: &'static str,
    label: &'static str,
    kind: MetricKind,
    in_overview: bool,
) -> ShownMeasure {
    ShownMeasure { key, label, kind, in_overview }
}

pub(super) const FIXED_ISSUES: &str = "pull_request_fixed_issues";

pub(super) const NEW_CODE: [ShownMeasure; 6] = [
    measure("new_violations", "New issues", MetricKind::Int, true),
    measure(FIXED_ISSUES, "Fixed issues", MetricKind::Int, false),
    measure("new_accepted_issues", "Accepted issues", MetricKind::Int, false),
    measure("new_security_hotspots", "Security hotspots", MetricKind::Int, false),
    measure("new_coverage", "Coverage", MetricKind::Percent, true),
    measure("new_duplicated_lines_density", "Duplications", MetricKind::Percent, false),
];

pub(super) const OVERALL_CODE: [ShownMeasure; 6] = [
    measure("violations", "Issues", MetricKind::Int, false),
    measure("accepted_issues", "Accepted issues", MetricKind::Int, false),
    measure("security_hotspots", "Security hotspots", MetricKind::Int, false),
    measure("coverage", "Coverage", MetricKind::Percent, false),
    measure("duplicated_lines_density", "Duplications", MetricKind::Percent, false),
    measure("ncloc", "Lines of code", MetricKind::Int, false),
];

/// The metric keys of all that may be shown, to be asked of the server.
pub fn shown_metrics() -> Vec<&'static str> {
    NEW_CODE.iter().chain(&OVERALL_CODE).map(|measure| measure.key).collect()
}
