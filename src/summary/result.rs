//! What is known about one analysis when its summary is written.

use super::worst_items::WorstOfCondition;
use crate::analysis::{Narrowing, Target};
use crate::quality_gate::{Comparator, Condition, GateStatus, MeasureSet, Metrics, QualityGate, Verdict};
use serde_json::{Value, json};

/// The gate of an earlier analysis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastKnown {
    /// What had been analysed.
    pub target: Target,
    /// The gate's status.
    pub status: GateStatus,
}

/// One analysis and all that is known about its gate.
#[derive(Debug, Clone)]
pub struct AnalysisResult {
    /// Key of the SonarQube project.
    pub project_key: String,
    /// Name of the project; the key where the name is not known.
    pub project_name: String,
    /// What was analysed.
    pub target: Target,
    /// Of a branch: the server says that it is not the main branch of the project.
    pub is_other_branch: bool,
    /// The outcome.
    pub verdict: Verdict,
    /// Of the verdict `NoReport`: nothing was analysed.
    pub nothing_analysed: bool,
    /// Why, for verdicts other than passed and failed: plain text, may hold text from outside.
    pub reason: Option<String>,
    /// The gate, when the server gave one.
    pub gate: Option<QualityGate>,
    /// For an analysis that was skipped: the gate of an earlier analysis. It is shown, and has no effect.
    pub last_known: Option<LastKnown>,
    /// The worst files and issues behind the failed conditions, as far as the token could read them.
    pub worst: Vec<WorstOfCondition>,
    /// Measures the token could read.
    pub measures: MeasureSet,
    /// Metrics of the server.
    pub metrics: Metrics,
    /// The project's page on the server.
    pub dashboard_url: Option<String>,
    /// `SonarQube Server`, `SonarQube Community Build` or `SonarQube Cloud`.
    pub server_name: String,
    /// Version of the server; none for Cloud.
    pub server_version: Option<String>,
    /// Warnings of the server about this analysis: HTML from outside.
    pub warnings: Vec<String>,
    /// What the repository's own settings took out of the judgement: text from outside.
    pub narrowed: Vec<Narrowing>,
    /// What was not analysed, and what else there is to know of what was: a sentence each, plain text.
    pub notes: Vec<String>,
}

impl AnalysisResult {
    /// What is known before anybody was asked: an analysis of this project without a verdict.
    pub fn unknown(project_key: String, target: Target) -> Self {
        Self {
            project_name: project_key.clone(),
            project_key,
            target,
            is_other_branch: false,
            verdict: Verdict::Unknown,
            nothing_analysed: false,
            reason: None,
            gate: None,
            last_known: None,
            worst: Vec::new(),
            measures: MeasureSet::default(),
            metrics: Metrics::default(),
            dashboard_url: None,
            server_name: "SonarQube".into(),
            server_version: None,
            warnings: Vec::new(),
            narrowed: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The project's name for people; its key where it has no name.
    pub fn name(&self) -> &str {
        [&self.project_name, &self.project_key]
            .into_iter()
            .map(|name| name.trim())
            .find(|name| !name.is_empty())
            .unwrap_or("unnamed project")
    }

    /// The analysis as machines read it. The form is documented in `docs/quality-gate.md`.
    pub fn to_json(&self) -> Value {
        let (branch, pull_request) = self.target.names();
        let conditions: Vec<_> = self.gate.iter().flat_map(|gate| &gate.conditions).map(condition).collect();
        json!({
            "key": self.project_key, "branch": branch, "pullRequest": pull_request,
            "verdict": self.verdict.token(), "link": self.dashboard_url, "conditions": conditions,
        })
    }
}

/// A condition of a gate, with the comparison in SonarQube's own letters.
fn condition(condition: &Condition) -> Value {
    let comparator = match condition.comparator {
        Comparator::GreaterThan => "GT",
        Comparator::LessThan => "LT",
        Comparator::Equal => "EQ",
        Comparator::NotEqual => "NE",
    };
    json!({
        "metric": condition.metric, "failed": condition.status.is_failure(), "actual": condition.actual,
        "comparator": comparator, "threshold": condition.threshold,
    })
}
