//! What a quality gate says and what follows from it. Pure: no clock, no network.

mod build_verdict;
mod freshness;
mod measure;
mod metric;
mod metric_value;
mod pass_check;
mod policy;
mod provenance;
mod verdict;
mod worst;

pub use build_verdict::{AGGREGATE, Attempt, BuildJob, BuildProperties, VerdictRecord, aggregate};
pub use freshness::{NO_CLOCK, PipelineStart};
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

/// The quality gate of one analysis, as `api/qualitygates/project_status` gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualityGate {
    /// The gate's own status.
    pub status: GateStatus,
    /// Its conditions in the server's order, the passed ones included.
    pub conditions: Vec<Condition>,
    /// The server ignored conditions on coverage and duplication because little new code was analysed.
    pub ignored_conditions: bool,
}

impl QualityGate {
    /// The verdict that it is. One that passes although a condition failed is none that anybody knows, unless the
    /// server says that it ignored some.
    pub fn verdict(&self) -> Verdict {
        match Verdict::of_gate(&self.status) {
            Verdict::Passed if !self.ignored_conditions && self.failed_conditions().next().is_some() => {
                Verdict::Unknown
            }
            verdict => verdict,
        }
    }

    /// What is odd about one whose verdict is `Unknown`.
    pub fn unknown_reason(&self) -> String {
        let failed = self.failed_conditions().count();
        let beside =
            if failed > 0 { format!(", although {failed} of its conditions failed") } else { String::new() };
        format!("SonarQube answered {:?} for the quality gate{beside}", self.status.as_str())
    }

    /// The conditions that made the gate fail, in the server's order.
    pub fn failed_conditions(&self) -> impl Iterator<Item = &Condition> {
        self.conditions.iter().filter(|condition| condition.status.is_failure())
    }
}

/// `projectStatus.status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateStatus {
    /// `OK`.
    Ok,
    /// `WARN`, sent by servers before 7.6 only.
    Warn,
    /// `ERROR`.
    Error,
    /// `NONE`: no gate, or never computed.
    None,
    /// Something this version does not know.
    Unknown(String),
}

impl GateStatus {
    /// Reads the server's spelling.
    pub fn parse(text: &str) -> Self {
        match text {
            "OK" => Self::Ok,
            "WARN" => Self::Warn,
            "ERROR" => Self::Error,
            "NONE" => Self::None,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// The server's spelling.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::None => "NONE",
            Self::Unknown(text) => text,
        }
    }

    /// Whether a condition of this status fails its gate.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Warn | Self::Error)
    }
}

/// One condition of a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its status.
    pub status: GateStatus,
    /// Key of the metric, such as `new_coverage`.
    pub metric: String,
    /// When the condition fails, comparing the actual value with the threshold.
    pub comparator: Comparator,
    /// The threshold as the server spells it; absent in conditions without one.
    pub threshold: Option<String>,
    /// The measured value as the server spells it; absent when nothing was measured.
    pub actual: Option<String>,
}

/// How a condition compares: it FAILS when `actual <comparator> threshold`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparator {
    /// Fails when greater: the requirement is "at most".
    GreaterThan,
    /// Fails when less: the requirement is "at least".
    LessThan,
    /// Fails when equal.
    Equal,
    /// Fails when not equal.
    NotEqual,
}

impl Comparator {
    /// Reads the server's spelling; `None` for one this version does not know.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "GT" => Self::GreaterThan,
            "LT" => Self::LessThan,
            "EQ" => Self::Equal,
            "NE" => Self::NotEqual,
            _ => return None,
        })
    }
}
