//! Notes how an analysis ended: in the record for SonarPublish, and in the log.

use crate::analysis::{Extent, Outcome};
use crate::error::{Error, ErrorKind, Result};
use crate::scanner::ScannerRun;
use crate::step::record::read::Record;

/// Writes the end into the record. Returns the outcome of an analysis that did not fail.
///
/// # Errors
/// The analysis failed or was cancelled, or the record cannot be written.
pub(super) fn note(record: &Record, run: Result<ScannerRun>) -> Result<Outcome> {
    let (outcome, extent) = match &run {
        Ok(run) => (run.outcome.clone(), run.extent.clone()),
        Err(error) if error.kind() == ErrorKind::Cancelled => (Outcome::Cancelled, Extent::default()),
        Err(error) => (Outcome::Failed { message: error.to_string() }, Extent::default()),
    };
    tell_of_nothing(record, &outcome);
    record.write_analyzed(outcome, extent)?;
    match run?.outcome {
        Outcome::Failed { message } => Err(Error::new(format!("the analysis failed: {message}"))),
        Outcome::GateFailed { message } => Err(Error::new(format!("the quality gate failed: {message}")).hint(
            "The analysis itself succeeded; it waited for the gate because sonar.qualitygate.wait is true.",
        )),
        Outcome::Cancelled => Err(Error::cancelled()),
        outcome @ (Outcome::Succeeded | Outcome::Skipped { .. } | Outcome::NothingAnalysed { .. }) => Ok(outcome),
    }
}

fn tell_of_nothing(record: &Record, outcome: &Outcome) {
    match outcome {
        // Most builds change few projects of a monorepo: a line in the log is enough, and the build needs no warning.
        Outcome::Skipped { reason }
            if record.prepared.member.as_ref().is_some_and(|member| member.untouched) =>
        {
            tracing::info!("Nothing is analysed: {reason}");
        }
        Outcome::Skipped { reason } => tracing::warn!("Nothing is analysed: {reason}"),
        Outcome::NothingAnalysed { reason } => {
            tracing::warn!("Nothing was analysed, so SonarPublish will report no quality gate: {reason}");
        }
        _ => {}
    }
}
