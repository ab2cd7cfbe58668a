//! One line of plain text about an analysis, for the log and the build's list of issues.

use super::markdown::safe_url;
use super::page::headline;
use super::result::AnalysisResult;
use super::text::{MESSAGE_CHARS, NAME_CHARS, one_line};
use crate::quality_gate::Condition;

/// A failed condition: the metric, its value, what is required, the project and a link.
pub fn issue_line(result: &AnalysisResult, condition: &Condition) -> String {
    let metric = result.metrics.by_key(&condition.metric);
    let mut line = format!(
        "{}: {} (required: {}) – {}",
        one_line(metric.label(), NAME_CHARS),
        one_line(&condition.actual_text(&metric), NAME_CHARS),
        one_line(&condition.required_text(&metric), NAME_CHARS),
        subject(result),
    );
    push_url(&mut line, result);
    line
}

/// The outcome of an analysis, with the reason where it is neither passed nor failed.
pub fn outcome_line(result: &AnalysisResult) -> String {
    let (_, headline) = headline(result);
    let mut line = format!("{headline} – {}", subject(result));
    if let Some(reason) = &result.reason {
        line.push_str(" – ");
        line.push_str(&one_line(reason, MESSAGE_CHARS));
    }
    push_url(&mut line, result);
    line
}

fn subject(result: &AnalysisResult) -> String {
    format!("{}, {}", one_line(result.name(), NAME_CHARS), one_line(&result.target.name(), NAME_CHARS))
}

fn push_url(line: &mut String, result: &AnalysisResult) {
    if let Some(url) = result.dashboard_url.as_deref().and_then(safe_url) {
        line.push_str(" – ");
        line.push_str(&url);
    }
}
