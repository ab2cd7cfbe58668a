//! The verdict on one analysis, and what it was made of.

use super::in_flight::InFlight;
use crate::quality_gate::{MeasureSet, QualityGate, Verdict, seconds};
use crate::sonarqube::{Error, Wait};

/// What came of one analysis.
#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    /// Why, where it neither passed nor failed.
    pub(super) reason: Option<String>,
    pub(super) gate: Option<QualityGate>,
    /// Whether the verdict is that nothing was analysed.
    pub(super) nothing_analysed: bool,
    pub(super) measures: Measures,
    /// Of an analysis that has much fewer files than the one before: a sentence.
    pub(super) warning: Option<String>,
}

/// The measures of what was analysed.
#[derive(Debug)]
pub(super) enum Measures {
    NotAsked,
    InFlight(InFlight<Result<Option<MeasureSet>, Error>>),
    /// What was read for the verdict; `None` where the token may not read them.
    Read(Option<MeasureSet>),
}

impl Judgement {
    pub(super) fn without_gate(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self::new(verdict, Some(reason.into()), None)
    }

    pub(super) fn of_gate(gate: QualityGate) -> Self {
        let verdict = gate.verdict();
        let reason = match verdict {
            Verdict::None => Some("SonarQube computed no quality gate for this analysis".into()),
            Verdict::Unknown => Some(gate.unknown_reason()),
            _ => None,
        };
        Self::new(verdict, reason, Some(gate))
    }

    fn new(verdict: Verdict, reason: Option<String>, gate: Option<QualityGate>) -> Self {
        Self { verdict, reason, gate, nothing_analysed: false, measures: Measures::NotAsked, warning: None }
    }
}

/// The verdict on a server that did not answer by the deadline. `what` completes "SonarQube".
pub(super) fn timed_out(what: &str, state: &str, understood: bool, wait: &Wait) -> Judgement {
    let verdict = if understood { Verdict::Timeout } else { Verdict::Unknown };
    let limit = seconds(wait.limit());
    Judgement::without_gate(verdict, format!("SonarQube {what} within {limit} (state: {state})"))
}
