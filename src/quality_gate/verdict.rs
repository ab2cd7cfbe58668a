//! What a build is told about an analysis. Only [`Verdict::Passed`] is a pass.

use super::GateStatus;

/// The outcome of one analysis, or of several: the worst of them.
///
/// Ordered from best to worst, so that `max` gives the worst. `Skipped` comes first, though it is no
/// pass: an analysis that was left out on purpose takes nothing from those that passed, and where all
/// were left out, `Skipped` is what remains. What says nothing about the code comes next, by how little
/// the user could do about it; a failed gate is the worst, because it is the one thing that is certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Nothing was analysed, on purpose. Not a pass.
    Skipped,
    /// The gate was computed for this analysis and passed.
    Passed,
    /// The server never computed a gate for this analysis.
    None,
    /// The run was cancelled before the answer came.
    Cancelled,
    /// The server did not process the analysis in time.
    Timeout,
    /// No report of this analysis was found.
    NoReport,
    /// The server answered something this version does not know, or refused to answer.
    Unknown,
    /// The scanner or the server's processing of the report failed.
    AnalysisFailed,
    /// The gate failed.
    Failed,
}

impl Verdict {
    /// All verdicts, from best to worst.
    pub const ALL: [Self; 9] = [
        Self::Skipped,
        Self::Passed,
        Self::None,
        Self::Cancelled,
        Self::Timeout,
        Self::NoReport,
        Self::Unknown,
        Self::AnalysisFailed,
        Self::Failed,
    ];

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
    /// `Passed` only when at least one passed and all others were skipped.
    pub fn worst(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().max().unwrap_or(Self::NoReport)
    }

    /// Whether it takes away a pass that others earned: anything but passed and skipped.
    pub fn blocks_pass(self) -> bool {
        self > Self::Passed
    }

    /// The word for it in variables, properties and JSON.
    pub fn token(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Passed => "passed",
            Self::None => "none",
            Self::Cancelled => "cancelled",
            Self::Timeout => "timeout",
            Self::NoReport => "no-report",
            Self::Unknown => "unknown",
            Self::AnalysisFailed => "analysis-failed",
            Self::Failed => "failed",
        }
    }

    /// Reads a token; `Unknown` for a word that is none.
    pub fn parse(token: &str) -> Self {
        Self::ALL.into_iter().find(|verdict| verdict.token() == token).unwrap_or(Self::Unknown)
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
        use Verdict::{AnalysisFailed, Failed, NoReport, Passed, Skipped, Timeout};
        for (verdicts, expected) in [
            (&[][..], NoReport),
            (&[Passed, Passed], Passed),
            (&[Passed, Timeout], Timeout),
            (&[Failed, Timeout, Passed, AnalysisFailed], Failed),
            (&[Passed, Skipped], Passed),
            (&[Skipped, Skipped], Skipped),
            (&[Skipped, NoReport], NoReport),
        ] {
            assert_eq!(Verdict::worst(verdicts.iter().copied()), expected, "{verdicts:?}");
        }
    }

    #[test]
    fn tokens_are_read_back_and_only_a_pass_is_written_as_ok() {
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::parse(verdict.token()), verdict);
            assert_eq!(verdict.build_property() == "ok", verdict == Verdict::Passed);
            assert_eq!(verdict.blocks_pass(), !matches!(verdict, Verdict::Passed | Verdict::Skipped));
        }
        assert!(Verdict::ALL.is_sorted());
        assert_eq!(Verdict::parse("ok"), Verdict::Unknown);
    }
}
