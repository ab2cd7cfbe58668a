//! The text of a failed condition: its metric, the measured value and what is required.

use super::analysis_line::end_of_line;
use super::result::AnalysisResult;
use super::text::{NAME_CHARS, one_line};
use crate::quality_gate::{Comparator, Condition, Metric, MetricKind, SeverityScale, number, whole};

/// A failed condition in words.
pub(super) struct FailedCondition {
    /// Name of the metric.
    pub(super) metric: String,
    /// The measured value.
    pub(super) actual: String,
    /// What is required.
    pub(super) required: String,
}

impl FailedCondition {
    pub(super) fn of(result: &AnalysisResult, condition: &Condition) -> Self {
        let metric = result.metrics.by_key(&condition.metric);
        Self {
            actual: condition.actual_text(&metric),
            required: condition.required_text(&metric),
            metric: metric.label().to_owned(),
        }
    }
}

/// A failed condition as one line, with the project and a link: for the log, the build's list of issues and the command line.
pub fn issue_line(result: &AnalysisResult, condition: &Condition) -> String {
    let FailedCondition { metric, actual, required } = FailedCondition::of(result, condition);
    let [metric, actual, required] = [metric, actual, required].map(|text| one_line(&text, NAME_CHARS));
    format!("{metric}: {actual} (required: {required}) – {}", end_of_line(result, None))
}

impl Condition {
    /// The measured value with its unit, with digits enough to tell it from the threshold it missed;
    /// `no value` when nothing was measured.
    pub(super) fn actual_text(&self, metric: &Metric) -> String {
        match (self.actual.as_deref().map(str::trim), &self.threshold) {
            (None | Some(""), _) => "no value".into(),
            (Some(actual), Some(threshold)) => metric.show_beside(actual, threshold),
            (Some(actual), None) => metric.show(actual),
        }
    }

    /// What is required: the opposite of the comparison that fails, such as `≥ 80%`, `B or better` or `below MAJOR`.
    pub(super) fn required_text(&self, metric: &Metric) -> String {
        use Comparator::{Equal, GreaterThan, LessThan, NotEqual};
        let Some(threshold) = self.threshold.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
            return "no threshold".into();
        };
        if let Some(text) =
            metric.severity_scale().and_then(|scale| severity_required(scale, self.comparator, threshold))
        {
            return text;
        }
        let shown = metric.show_exactly(threshold);
        // A rating's best is its smallest, so "at most" is "or better".
        if metric.kind == MetricKind::Rating && shown != threshold {
            return match self.comparator {
                GreaterThan if shown == "A" => shown,
                GreaterThan => format!("{shown} or better"),
                LessThan => format!("{shown} or worse"),
                Equal => format!("not {shown}"),
                NotEqual => shown,
            };
        }
        match self.comparator {
            GreaterThan => format!("≤ {shown}"),
            LessThan => format!("≥ {shown}"),
            Equal => format!("≠ {shown}"),
            NotEqual => format!("= {shown}"),
        }
    }
}

/// What a condition on a severity requires; `None` for a threshold beyond the scale.
fn severity_required(scale: SeverityScale, comparator: Comparator, threshold: &str) -> Option<String> {
    let threshold = u32::try_from(whole(number(threshold)?)?).ok()?;
    Some(match comparator {
        Comparator::GreaterThan => match scale.levels().find(|(number, _)| *number > threshold)? {
            (5, _) => SeverityScale::NO_ISSUES.into(),
            (_, failing) => format!("below {failing}"),
        },
        Comparator::LessThan => {
            let (_, least) = scale.levels().find(|(number, _)| *number >= threshold)?;
            format!("{least} or above")
        }
        Comparator::Equal => format!("not {}", scale.level(threshold)?),
        Comparator::NotEqual => scale.level(threshold)?.into(),
    })
}

#[cfg(test)]
mod tests;
