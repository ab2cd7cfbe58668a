//! What came of an analysis, in a headline, a word and a sign.

use super::markdown::escape;
use super::result::AnalysisResult;
use crate::quality_gate::Verdict;

/// The sign of a verdict that is neither a pass nor a failed gate.
pub(super) const NO_RESULT: &str = "⚠️";

/// Sign and text that say what came of an analysis.
pub(super) fn headline(result: &AnalysisResult) -> (&'static str, String) {
    let no_result = |why: &str| (NO_RESULT, format!("No quality gate result – {why}"));
    match result.verdict {
        Verdict::Passed => ("✅", "Quality gate passed".into()),
        Verdict::Failed => ("❌", format!("Quality gate failed{}", failed_of(result))),
        Verdict::Skipped => ("⏭️", "Not analysed – the analysis was skipped".into()),
        Verdict::None => no_result("SonarQube computed none for this analysis"),
        Verdict::Cancelled => no_result("the run was cancelled"),
        Verdict::Timeout => no_result("SonarQube did not finish in time"),
        Verdict::NoReport if result.nothing_analysed => no_result("nothing was analysed"),
        Verdict::NoReport if result.gate.is_some() => no_result("the gate passed, but that proves nothing"),
        Verdict::NoReport => no_result("no analysis report was found"),
        Verdict::Unknown => no_result("the quality gate could not be read"),
        Verdict::AnalysisFailed => no_result("the analysis failed"),
    }
}

/// A verdict in as few words as a title or a table has room for.
pub(super) fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::Skipped => "skipped",
        Verdict::None => "no quality gate",
        Verdict::Cancelled => "cancelled",
        Verdict::Timeout => "timed out",
        Verdict::NoReport => "no report",
        Verdict::Unknown => "unknown result",
        Verdict::AnalysisFailed => "analysis failed",
    }
}

/// `branch main, failed`: the gate of an earlier analysis, for one that was skipped.
pub(super) fn last_known(result: &AnalysisResult, max_chars: usize) -> Option<String> {
    let known = result.last_known.as_ref().filter(|_| result.verdict == Verdict::Skipped)?;
    let word = word(Verdict::of_gate(&known.status));
    Some(format!("{}, {word}", escape(&known.target.name(), max_chars)))
}

/// ` – 2 of 6 conditions`; nothing when no condition is known to have failed.
pub(super) fn failed_of(result: &AnalysisResult) -> String {
    let Some(gate) = &result.gate else { return String::new() };
    match (gate.failed_conditions().count(), gate.conditions.len()) {
        (0, _) => String::new(),
        (_, 1) => " – 1 of 1 condition".into(),
        (failed, all) => format!(" – {failed} of {all} conditions"),
    }
}
