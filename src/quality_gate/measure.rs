//! Measures and how their values are shown.

use super::Metric;

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
}

impl Metric {
    /// `value` with its unit, as a person reads it.
    pub fn show(&self, value: &str) -> String {
        value.to_owned()
    }
}
