//! The quality gate of one analysis, as the server computed it.

use super::condition::{Condition, GateStatus};
use super::verdict::Verdict;

/// The quality gate of one analysis, as `api/qualitygates/project_status` gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualityGate {
    /// The gate's own status.
    pub status: GateStatus,
    /// Its conditions in the server's order, the passed ones included.
    pub conditions: Vec<Condition>,
    /// The server ignored conditions on coverage and duplication because little new code was analysed.
    pub ignored_conditions: bool,
}

impl QualityGate {
    /// Its verdict. A gate that passed although one of its conditions failed is `Unknown`, unless the server says that it
    /// ignored some: it contradicts itself, and must not be a green build.
    pub fn verdict(&self) -> Verdict {
        match Verdict::of_gate(&self.status) {
            Verdict::Passed if !self.ignored_conditions && self.failed_conditions().next().is_some() => {
                Verdict::Unknown
            }
            verdict => verdict,
        }
    }

    /// Why the verdict is `Unknown`.
    pub fn unknown_reason(&self) -> String {
        let failed = self.failed_conditions().count();
        let beside =
            if failed > 0 { format!(", although {failed} of its conditions failed") } else { String::new() };
        format!("SonarQube answered {:?} for the quality gate{beside}", self.status.as_str())
    }

    /// The conditions that made the gate fail, in the server's order.
    pub fn failed_conditions(&self) -> impl Iterator<Item = &Condition> {
        self.conditions.iter().filter(|condition| condition.status.is_failure())
    }
}
