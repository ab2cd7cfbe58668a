//! Metrics: their names and the units of their values.

use std::collections::HashMap;

/// A metric of the server, from `api/metrics/search`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Its key, such as `new_coverage`.
    pub key: String,
    /// Its name for people, such as `Coverage on New Code`.
    pub name: String,
    /// The unit of its values.
    pub kind: MetricKind,
}

/// The type of a metric's values, as the server names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// `INT`.
    Int,
    /// `FLOAT`.
    Float,
    /// `PERCENT`.
    Percent,
    /// `BOOL`.
    Bool,
    /// `STRING`, `DATA` and `DISTRIB`.
    Text,
    /// `MILLISEC`.
    Milliseconds,
    /// `LEVEL`: a gate status.
    Level,
    /// `RATING`: 1 to 5 for A to E.
    Rating,
    /// `WORK_DUR`: minutes, eight hours a day.
    WorkDuration,
}

impl MetricKind {
    /// Reads the server's spelling; what is unknown is shown as it is.
    pub fn parse(text: &str) -> Self {
        match text {
            "INT" => Self::Int,
            "FLOAT" => Self::Float,
            "PERCENT" => Self::Percent,
            "BOOL" => Self::Bool,
            "MILLISEC" => Self::Milliseconds,
            "LEVEL" => Self::Level,
            "RATING" => Self::Rating,
            "WORK_DUR" => Self::WorkDuration,
            _ => Self::Text,
        }
    }
}

/// How bad the worst issue is, for the metrics that measure a severity as a number.
///
/// The server types these metrics as `INT` and stores a level as 5, 10, 15, 20 or 25; 0 stands for no issue.
/// A gate's threshold is one below the level that fails it: `GT 14` fails from 15 on. (SonarSource/sonarqube-webapp,
/// libs/shared/src/helpers/quality-gates.ts, and libs/sq-server-commons/src/sonar-aligned/helpers/measures.ts
/// for the names of the second scale; seen on 26.9.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeverityScale([&'static str; 5]);

impl SeverityScale {
    /// What 0 means.
    pub(crate) const NO_ISSUES: &'static str = "no issues";

    /// Severities of the standard experience.
    const STANDARD: Self = Self(["INFO", "MINOR", "MAJOR", "CRITICAL", "BLOCKER"]);
    /// Severities of the multi-quality rule mode, and of risks in dependencies.
    const MULTI_QUALITY: Self = Self(["INFO", "LOW", "MEDIUM", "HIGH", "BLOCKER"]);

    /// The level with exactly this number.
    pub(crate) fn level(self, number: u32) -> Option<&'static str> {
        if number == 0 {
            Some(Self::NO_ISSUES)
        } else {
            self.levels().find(|(n, _)| *n == number).map(|(_, level)| level)
        }
    }

    /// The levels and their numbers, the least severe first.
    pub(crate) fn levels(self) -> impl Iterator<Item = (u32, &'static str)> {
        (1..).map(|index| index * 5).zip(self.0)
    }
}

impl Metric {
    /// Its name for people; its key where the server gives no name.
    pub fn label(&self) -> &str {
        let name = self.name.trim();
        if name.is_empty() { &self.key } else { name }
    }

    /// The scale of its values when it measures a severity, which only its key tells.
    pub(crate) fn severity_scale(&self) -> Option<SeverityScale> {
        let key = self.key.strip_prefix("new_").unwrap_or(&self.key);
        match key {
            "bugs_severity" | "code_smells_severity" | "vulnerabilities_severity" => Some(SeverityScale::STANDARD),
            "maintainability_issue_severity" | "reliability_issue_severity" | "security_issue_severity"
            // As SonarQube Cloud spells them.
            | "software_quality_maintainability_severity"
            | "software_quality_reliability_severity"
            | "software_quality_security_severity" => Some(SeverityScale::MULTI_QUALITY),
            _ if key.starts_with("sca_severity_") => Some(SeverityScale::MULTI_QUALITY),
            _ => None,
        }
    }
}

/// The metrics of a server by key. A key that is not there is still named and shown: conditions are
/// never dropped because their metric is unknown.
#[derive(Debug, Clone, Default)]
pub struct Metrics(HashMap<String, Metric>);

impl Metrics {
    /// The metric with this key; for an unknown one, one that is named by its key and has text values.
    pub fn by_key(&self, key: &str) -> Metric {
        self.0.get(key).cloned().unwrap_or_else(|| Metric {
            key: key.to_owned(),
            name: key.to_owned(),
            kind: MetricKind::Text,
        })
    }
}

impl FromIterator<Metric> for Metrics {
    fn from_iter<I: IntoIterator<Item = Metric>>(metrics: I) -> Self {
        Self(metrics.into_iter().map(|metric| (metric.key.clone(), metric)).collect())
    }
}
