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
