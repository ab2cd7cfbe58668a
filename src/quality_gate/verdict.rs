//! What a build is told about an analysis. Only [`Verdict::Passed`] is a pass.

use super::GateStatus;

/// The outcome of one analysis, or of several: the worst of them.
///
/// Ordered from best to worst, so that `max` gives the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The gate was computed for this analysis and passed.
    Passed,
    /// Nothing was analysed, on purpose. Not a pass.
    Skipped,
    /// The server never computed a gate for this analysis.
    None,
    /// The run was cancelled before the answer came.
    Cancelled,
    /// The server did not process the analysis in time.
    Timeout,
    /// No report of this analysis was found.
    NoReport,
    /// The server answered something this version does not know.
    Unknown,
    /// The scanner or the server's processing of the report failed.
    AnalysisFailed,
    /// The gate failed.
    Failed,
}

impl Verdict {
    /// The verdict a gate status stands for.
    pub fn of_gate(status: &GateStatus) -> Self {
        match status {
            GateStatus::Ok => Self::Passed,
            GateStatus::Warn | GateStatus::Error => Self::Failed,
            GateStatus::None => Self::None,
            GateStatus::Unknown(_) => Self::Unknown,
        }
    }

    /// The worst of several; `NoReport` when there are none, because nothing was shown to be good.
    pub fn worst(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().max().unwrap_or(Self::NoReport)
    }

    /// The word for it in variables, properties and JSON.
    pub fn token(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Skipped => "skipped",
            Self::None => "none",
            Self::Cancelled => "cancelled",
            Self::Timeout => "timeout",
            Self::NoReport => "no-report",
            Self::Unknown => "unknown",
            Self::AnalysisFailed => "analysis-failed",
            Self::Failed => "failed",
        }
    }

    /// The value of the build property `sonarglobalqualitygate`: `ok` for a pass, as the established
    /// extension's readers expect; else [`Verdict::token`], which is never `ok`.
    pub fn build_property(self) -> &'static str {
        match self {
            Self::Passed => "ok",
            other => other.token(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ok_passes() {
        for (text, expected) in [
            ("OK", Verdict::Passed),
            ("WARN", Verdict::Failed),
            ("ERROR", Verdict::Failed),
            ("NONE", Verdict::None),
            ("ok", Verdict::Unknown),
            ("", Verdict::Unknown),
        ] {
            assert_eq!(Verdict::of_gate(&GateStatus::parse(text)), expected, "{text}");
        }
    }

    #[test]
    fn the_worst_wins_and_nothing_is_no_pass() {
        assert_eq!(Verdict::worst([]), Verdict::NoReport);
        assert_eq!(Verdict::worst([Verdict::Passed, Verdict::Passed]), Verdict::Passed);
        assert_eq!(Verdict::worst([Verdict::Passed, Verdict::Timeout]), Verdict::Timeout);
        assert_eq!(Verdict::worst([Verdict::Failed, Verdict::Timeout, Verdict::Passed]), Verdict::Failed);
        assert_eq!(Verdict::worst([Verdict::Passed, Verdict::Skipped]), Verdict::Skipped);
    }

    #[test]
    fn only_a_pass_is_written_as_ok() {
        let all = [
            Verdict::Skipped,
            Verdict::None,
            Verdict::Cancelled,
            Verdict::Timeout,
            Verdict::NoReport,
            Verdict::Unknown,
            Verdict::AnalysisFailed,
            Verdict::Failed,
        ];
        assert_eq!(Verdict::Passed.build_property(), "ok");
        assert!(all.iter().all(|verdict| verdict.build_property() != "ok"));
    }
}
