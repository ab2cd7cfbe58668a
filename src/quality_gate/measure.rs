//! Measures of a project, branch or pull request.

/// One measured value, as the server spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// Key of the metric.
    pub metric: String,
    /// The value; for metrics of new code that of the new code period.
    pub value: String,
}

/// The measures shown beside a gate. Empty when the token may not read them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeasureSet(pub Vec<Measure>);

impl MeasureSet {
    /// The value of this metric, if it was measured.
    pub fn value(&self, metric: &str) -> Option<&str> {
        self.0.iter().find(|measure| measure.metric == metric).map(|measure| measure.value.as_str())
    }

    /// The value of a metric that counts something, such as `files`.
    pub fn number(&self, metric: &str) -> Option<u64> {
        self.value(metric)?.trim().parse().ok()
    }
}
