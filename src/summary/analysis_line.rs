//! The outcome of an analysis as one line of plain text, for the log, the build's list of issues and the command line.

use super::headline::headline;
use super::markdown::safe_url;
use super::result::AnalysisResult;
use super::text::{MESSAGE_CHARS, NAME_CHARS, one_line};

/// The outcome of an analysis, with the reason where it neither passed nor failed.
pub fn outcome_line(result: &AnalysisResult) -> String {
    let (_, headline) = headline(result);
    format!("{headline} – {}", end_of_line(result, result.reason.as_deref()))
}

/// Project, branch or pull request, reason and link.
pub(super) fn end_of_line(result: &AnalysisResult, reason: Option<&str>) -> String {
    let project = one_line(result.name(), NAME_CHARS);
    let mut line = format!("{project}, {}", one_line(&result.target.name(), NAME_CHARS));
    let reason = reason.map(|reason| one_line(reason, MESSAGE_CHARS));
    let url = result.dashboard_url.as_deref().and_then(safe_url);
    for part in reason.into_iter().chain(url) {
        line.push_str(" – ");
        line.push_str(&part);
    }
    line
}
