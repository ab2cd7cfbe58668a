//! Analyses of other jobs of this build, by the records that those exported.
//!
//! An artifact is text from outside: it says what was analysed, never where a token goes. That is the service
//! connection's server alone, and what that server says of the report is what counts. What no server can confirm (that
//! an analysis was skipped, where its report lay, which attempt it was, which branch it was of) counts only in a record
//! that is sealed with the connection's token.

use super::evidence::{
    AnalysisToJudge, Description, Evidence, ReportEvidence, UNNAMED, build_targets, is_same,
};
use crate::agent::{PublishInputs, ServiceConnection};
use crate::analysis::{AnalysisId, Exported, ExportedError, Target, Unconnected};
use crate::error::Error;
use crate::quality_gate::{PipelineStart, Verdict};
use crate::step::glob::{self, TooManyEntries};
use crate::step::job::Job;
use crate::step::record::no_connection;
use crate::step::record::seal::Seal;
use crate::step::record::sealed_file::read_text;
use crate::step::server_check::connect;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Names of exported records.
const NAMES: &str = "sonar-analysis-*.json";
const NOT_SEALED: &str = "the record is not sealed with the token of this SonarPublish's service connection";
const NO_BUILD: &str = "The job's variables do not say which build this is";

/// What the patterns of the input `analyses` brought.
#[derive(Debug, Default)]
pub(super) struct FromOtherJobs {
    /// Analyses, in the order in which they were prepared; then files that are no records.
    pub(super) analyses: Vec<AnalysisToJudge>,
    /// One for each pattern that names no record.
    pub(super) missing: Vec<AnalysisToJudge>,
}

/// Reads the records that the input names, but for those of analyses of `this_job`. `start` is when the pipeline began, where that
/// is known.
pub(super) fn import(
    job: &Job,
    inputs: &PublishInputs,
    this_job: &[AnalysisId],
    connection: Option<&ServiceConnection>,
    target: &Target,
    start: Option<PipelineStart>,
) -> FromOtherJobs {
    let mut imported = FromOtherJobs::default();
    let mut records: BTreeMap<(u64, AnalysisId), RecordCopy> = BTreeMap::new();
    let mut unreadable = Vec::new();
    let no_report =
        |what: &str, reason: String| AnalysisToJudge::with_verdict(what, target, Verdict::NoReport, reason);
    let mut unconnected = None;
    for pattern in &inputs.analyses {
        let found = match files(job, pattern) {
            Ok(found) => found,
            Err(why) => {
                unreadable
                    .push(no_report(pattern, format!("analyses: {why}. Name the folder of the records")));
                continue;
            }
        };
        if found.is_empty() {
            let reason = format!(
                "analyses: no exported record matches {pattern}. Download the artifact before SonarPublish. SonarAnalyze \
                 writes it to the folder in its input exportTo"
            );
            imported.missing.push(no_report(pattern, reason));
        }
        for file in found {
            match read(&file) {
                Ok(FileContent::Unconnected(note)) => unconnected = unconnected.or(Some(note)),
                Ok(FileContent::Analysis(record)) if this_job.contains(&record.prepared.id) => {
                    tracing::info!(
                        "{} is a record of this job, which is judged by its own record",
                        file.display()
                    );
                }
                Ok(FileContent::Analysis(record)) => {
                    let copy = RecordCopy::new(*record, connection);
                    let key = (copy.record.prepared.created, copy.record.prepared.id.clone());
                    let kept = records.entry(key).or_insert_with(|| copy.clone());
                    if kept.worth() < copy.worth() {
                        *kept = copy;
                    }
                }
                Err(reason) => {
                    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    unreadable.push(no_report(
                        &name,
                        format!("{} is not an exported record: {reason}", file.display()),
                    ));
                }
            }
        }
    }
    leave_out_earlier_attempts(job, &mut records);
    imported.analyses =
        records.into_values().map(|copy| analysis_to_judge(job, &copy, connection, start)).collect();
    imported.analyses.extend(unreadable);
    imported.analyses.extend(unconnected.map(|note| {
        let (verdict, reason) = without_connection(job, inputs, connection, &note);
        AnalysisToJudge::with_verdict(UNNAMED, target, verdict, reason)
    }));
    imported
}

/// A record that was read.
#[derive(Debug, Clone)]
struct RecordCopy {
    record: Exported,
    /// Whether it is as a job with this step's connection wrote it.
    is_sealed: bool,
}

impl RecordCopy {
    fn new(record: Exported, connection: Option<&ServiceConnection>) -> Self {
        let fits = |connection: &ServiceConnection| {
            let seal = Seal::between_jobs(&connection.token, connection.password.as_ref());
            let written = record.seal.as_deref().unwrap_or_default();
            seal.is_some_and(|seal| seal.fits(&record.file_name(), record.sealed_text().as_bytes(), written))
        };
        let is_sealed = connection.is_some_and(fits);
        Self { record, is_sealed }
    }

    /// Of two copies the greater one counts: a forged copy never takes the place of a genuine one.
    fn worth(&self) -> (bool, (bool, bool)) {
        (self.is_sealed, self.record.completeness())
    }
}

/// Leaves out the earlier attempts of jobs that were run again. Only sealed records tell their attempt: else a record
/// with a made-up higher number would remove the genuine one. What does not count in this build stays, and is refused.
fn leave_out_earlier_attempts(job: &Job, records: &mut BTreeMap<(u64, AnalysisId), RecordCopy>) {
    let Some(build) = job.predefined.build() else { return };
    let mut newest: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let sealed = records.values().filter(|copy| copy.is_sealed);
    for Exported { job, attempt, .. } in
        sealed.map(|copy| &copy.record).filter(|record| record.build == build)
    {
        let standing = newest.entry(job.clone()).or_default();
        *standing = (*standing).max(*attempt);
    }
    records.retain(|_, RecordCopy { record, is_sealed }| {
        let Exported { build: of, job, attempt, prepared, .. } = record;
        let counts = !*is_sealed || *of != build || newest.get(job) == Some(attempt);
        if !counts {
            let name = prepared.project_key.as_deref().unwrap_or("a project");
            tracing::info!(
                "The analysis of {name} by attempt {} of {job} is left out: the job was run again",
                attempt.1
            );
        }
        counts
    });
}

/// Records that a pattern names.
fn files(job: &Job, pattern: &str) -> Result<Vec<PathBuf>, TooManyEntries> {
    glob::files_of_job(job, pattern, NAMES, |file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("sonar-analysis-") && name.ends_with(".json")
    })
}

/// What a file says.
enum FileContent {
    Analysis(Box<Exported>),
    Unconnected(Unconnected),
}

/// Why a file is not an exported record.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
enum FileError {
    Unreadable(#[from] Error),
    NotARecord(#[from] ExportedError),
}

fn read(file: &Path) -> Result<FileContent, FileError> {
    let text = read_text(file)?.unwrap_or_default();
    Ok(match Unconnected::parse(&text) {
        Some(note) => FileContent::Unconnected(note),
        None => FileContent::Analysis(Box::new(Exported::parse(&text)?)),
    })
}

/// What it means here that another job had no connection. The note bears no seal, because that job had nothing to make
/// one with, so it counts only where this job has no connection either: in the build of a fork.
fn without_connection(
    job: &Job,
    inputs: &PublishInputs,
    connection: Option<&ServiceConnection>,
    note: &Unconnected,
) -> (Verdict, String) {
    let refusal = match job.predefined.build() {
        Some(_) if connection.is_some() => Some(
            "An artifact says that another job had no service connection, but SonarPublish has one, so that job should have \
             had it too. Authorize the service connection for this pipeline, and run the job again"
                .to_owned(),
        ),
        Some(build) => note.build.refusal(&build),
        None => Some(NO_BUILD.to_owned()),
    };
    match (refusal, no_connection::wished(job, inputs.on_missing_connection)) {
        (Some(reason), _) => (Verdict::NoReport, reason),
        (None, Some(reason)) => (Verdict::Skipped, reason.to_owned()),
        (None, None) => {
            let reason = "SonarAnalyze of another job was skipped because that job had no service connection, and \
                          onMissingConnection of this SonarPublish is not skip";
            (Verdict::NoReport, reason.to_owned())
        }
    }
}

fn analysis_to_judge(
    job: &Job,
    copy: &RecordCopy,
    connection: Option<&ServiceConnection>,
    start: Option<PipelineStart>,
) -> AnalysisToJudge {
    let Exported { prepared, extent, .. } = &copy.record;
    AnalysisToJudge {
        id: Some(prepared.id.clone()),
        description: Description::of(prepared, extent),
        evidence: evidence(job, copy, connection, start)
            .unwrap_or_else(|(verdict, reason)| Evidence::Known(verdict, reason)),
    }
}

fn evidence(
    job: &Job,
    RecordCopy { record, is_sealed }: &RecordCopy,
    connection: Option<&ServiceConnection>,
    start: Option<PipelineStart>,
) -> Result<Evidence, (Verdict, String)> {
    let no_report = |reason: String| (Verdict::NoReport, reason);
    let unknown = |reason: String| (Verdict::Unknown, reason);
    let Some(build) = job.predefined.build() else {
        return Err(no_report(NO_BUILD.into()));
    };
    if let Some(reason) = record.build.refusal(&build) {
        return Err(no_report(reason));
    }
    let prepared = &record.prepared;
    if let Some(evidence) = Evidence::without_gate(record.outcome.as_ref(), prepared.skip.as_deref()) {
        let server = || {
            let is_its = |connection: &&ServiceConnection| is_same(&connection.url, &prepared.server.url);
            connection.filter(is_its).map(|connection| connect(job, connection))
        };
        return match evidence {
            // Else one file in an artifact would take an analysis out of the verdict.
            Evidence::Known(Verdict::Skipped, reason) if !is_sealed => {
                Err(no_report(format!("{NOT_SEALED}. It says that the analysis was skipped: {reason}")))
            }
            evidence => Ok(evidence.with_last_gate(prepared, server)),
        };
    }
    let report = record.report().map_err(|error| no_report(error.to_string()))?;
    let address = prepared.server.address();
    let Some(connection) = connection else {
        return Err(unknown(format!(
            "Exported records hold no token: set SonarQube, SonarCloud or connection of SonarPublish to the service \
             connection of {address}"
        )));
    };
    if !is_same(&connection.url, &prepared.server.url) {
        return Err(unknown(format!(
            "It was analysed by {address}, but the service connection of this SonarPublish leads to {}. Use one \
             SonarPublish for each server, with the analyses of that server",
            connection.url.as_str().trim_end_matches('/')
        )));
    }
    if start.is_none() && !(*is_sealed && prepared.by_server_clock) {
        return Err(no_report(format!(
            "Cannot tell whether this build submitted the report: neither System.PipelineStartTime nor Azure DevOps tells when \
             the build started, and {}",
            if *is_sealed {
                "the server sent no Date header when the analysis was prepared"
            } else {
                NOT_SEALED
            }
        )));
    }
    let sonarqube = connect(job, connection);
    let chosen = record.chosen_report_file && *is_sealed;
    let mut evidence = ReportEvidence::of(prepared, chosen, report, sonarqube, start);
    evidence.extent = record.extent.clone();
    if !is_sealed {
        tracing::warn!(
            "{}: {NOT_SEALED}. Its report counts only if it is of the branch or pull request being built",
            record.file_name()
        );
        // Which branch or pull request it names is anybody's word. What it says of an analysis of nothing stays: it can only
        // take a pass away.
        evidence.build_targets = Some(build_targets(&job.predefined.pipeline_context()));
    }
    Ok(Evidence::Report(Box::new(evidence)))
}
