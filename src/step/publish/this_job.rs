//! Analyses of this job, by the records that SonarPrepare and SonarAnalyze left.

use super::evidence::{AnalysisToJudge, Description, Evidence, ReportEvidence, UNNAMED, is_same};
use crate::agent::ServiceConnection;
use crate::analysis::{AnalysisId, AnalysisReport, Extent, Prepared, ScannerMode, Target};
use crate::error::{Error, Result};
use crate::quality_gate::{PipelineStart, Verdict};
use crate::sonarqube::SonarQube;
use crate::step::job::Job;
use crate::step::record::list::FoundRecords;
use crate::step::record::read::Record;
use crate::step::record::report_file::report_roots;
use crate::step::record::tokens::tokens_of;
use crate::step::server_check::connect;
use std::path::PathBuf;

const NO_END: &str = "SonarAnalyze did not record the end of the analysis. It was stopped before it could, or another step \
                      deleted the file: run the job again";

/// The analysis of a record. The token is that of `connection`, else the one SonarPrepare left. `start` is since when a
/// report is of this build, for a record that was made without the server's clock.
pub(super) fn by_record(
    job: &Job,
    record: &Record,
    connection: Option<&ServiceConnection>,
    start: Option<PipelineStart>,
) -> AnalysisToJudge {
    let extent = record.analyzed.as_ref().map(|analyzed| analyzed.extent.clone()).unwrap_or_default();
    let description = Description::of(&record.prepared, &extent);
    let evidence = evidence(job, record, extent, connection, start)
        .unwrap_or_else(|(verdict, reason)| Evidence::Known(verdict, reason));
    AnalysisToJudge { id: Some(record.prepared.id.clone()), description, evidence }
}

fn evidence(
    job: &Job,
    record: &Record,
    extent: Extent,
    connection: Option<&ServiceConnection>,
    start: Option<PipelineStart>,
) -> Result<Evidence, (Verdict, String)> {
    let prepared = &record.prepared;
    let outcome = record.analyzed.as_ref().map(|analyzed| &analyzed.outcome);
    if let Some(evidence) = Evidence::without_gate(outcome, prepared.skip.as_deref()) {
        return Ok(evidence.with_last_gate(prepared, || server_of(job, prepared, connection).ok()));
    }
    let report = report_of(job, record).map_err(|error| (Verdict::NoReport, error.to_string()))?;
    // Else a step that deletes what SonarAnalyze noted would hide that the analysis failed, or was one of nothing.
    if outcome.is_none() && prepared.mode() != ScannerMode::Other {
        return Err((Verdict::NoReport, NO_END.to_owned()));
    }
    let sonarqube =
        server_of(job, prepared, connection).map_err(|error| (Verdict::Unknown, error.to_string()))?;
    let chosen = prepared.properties.value("sonar.scanner.metadataFilePath").is_some();
    let start = start.filter(|_| !prepared.by_server_clock);
    let report = ReportEvidence::of(prepared, chosen, report, sonarqube, start);
    Ok(Evidence::Report(Box::new(ReportEvidence { extent, ..report })))
}

/// Analyses of this job whose records can no longer be read. Nobody vouches for such a record, so it is no report.
pub(super) fn lost(found: &FoundRecords, target: &Target) -> Vec<AnalysisToJudge> {
    let broken = found.broken.iter().map(|(id, error)| (id, error.to_string()));
    let gone = found.gone.iter().map(|id| {
        let why = "another step deleted it, or SonarPrepare failed before it was complete";
        (id, format!("The record of the analysis {id} is missing: {why}"))
    });
    broken.chain(gone).map(|(id, reason)| without_report(id, reason, target)).collect()
}

/// Files that look like records, and that no SonarPrepare of this job wrote.
pub(super) fn foreign(found: &FoundRecords, target: &Target) -> Vec<AnalysisToJudge> {
    found.foreign.iter().map(|(id, error)| without_report(id, error.to_string(), target)).collect()
}

fn without_report(id: &AnalysisId, reason: String, target: &Target) -> AnalysisToJudge {
    AnalysisToJudge {
        id: Some(id.clone()),
        ..AnalysisToJudge::with_verdict(UNNAMED, target, Verdict::NoReport, reason)
    }
}

/// The server of an analysis of this job: that of the step's own connection, if it has one.
pub(super) fn server_of(
    job: &Job,
    prepared: &Prepared,
    connection: Option<&ServiceConnection>,
) -> Result<SonarQube> {
    match connection {
        None => Ok(tokens_of(job, prepared)?.sonarqube(job, &prepared.server)),
        Some(connection) if is_same(&connection.url, &prepared.server.url) => Ok(connect(job, connection)),
        Some(connection) => Err(Error::new(format!(
            "the analysis was prepared for {}, and the service connection of SonarPublish leads to {}",
            prepared.server.address(),
            connection.url.as_str().trim_end_matches('/')
        ))
        .hint("Give SonarPublish the service connection of SonarPrepare, or none.")),
    }
}

/// Why the scanner's report of an analysis of this job does not count. `Display` is a sentence without its full stop.
#[derive(Debug, thiserror::Error)]
enum ReportError {
    #[error("The scanner left no report at {}", .0.display())]
    Missing(PathBuf),
    #[error(
        "The scanner left no report at {}. In scannerMode other the build runs the scanner. If it does so in a \
         container, run SonarPrepare in that container, too: its folders have other names there",
        .0.display()
    )]
    MissingInModeOther(PathBuf),
    #[error(transparent)]
    Unreadable(#[from] Error),
    #[error("The report is of the project {reported}, not of {prepared}")]
    OtherProject { reported: String, prepared: String },
}

/// The scanner's report, if it is of the project that was prepared.
fn report_of(job: &Job, record: &Record) -> Result<AnalysisReport, ReportError> {
    let Some(report) = record.report(&report_roots(job))? else {
        let file = record.report_file();
        return Err(match record.prepared.mode() {
            ScannerMode::Other => ReportError::MissingInModeOther(file),
            _ => ReportError::Missing(file),
        });
    };
    match &record.prepared.project_key {
        Some(key) if *key != report.project_key => {
            Err(ReportError::OtherProject { reported: report.project_key, prepared: key.clone() })
        }
        _ => Ok(report),
    }
}
