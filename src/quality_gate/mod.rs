//! What a quality gate says and what follows from it. Pure: no clock, no network.

mod build_verdict;
mod condition;
mod freshness;
mod gate_result;
mod measure;
mod metric;
mod metric_value;
mod pass_check;
mod policy;
mod provenance;
mod verdict;
mod worst;

pub use build_verdict::{AGGREGATE, Attempt, BuildJob, BuildProperties, VerdictRecord, aggregate};
pub use condition::{Comparator, Condition, GateStatus};
pub use freshness::{NO_CLOCK, PipelineStart};
pub use gate_result::QualityGate;
pub use measure::{Measure, MeasureSet};
pub(crate) use metric::SeverityScale;
pub use metric::{Metric, MetricKind, Metrics};
pub(crate) use metric_value::{number, whole};
pub use pass_check::{
    Objection, SourceFile, missing_target, nothing_analysed, shrunk, uncounted, unseen_lines,
};
pub use policy::{Case, Context, Policy, Reaction, Rule};
pub use provenance::{BuildTargets, Expected, Processed};
pub use verdict::Verdict;
pub use worst::{FileQuery, IssueQuery, Worst, WorstFile, WorstIssue, WorstQuery};

/// `1 second`, `12 seconds`.
pub fn seconds(count: u64) -> String {
    format!("{count} {}", if count == 1 { "second" } else { "seconds" })
}
