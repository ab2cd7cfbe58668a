//! Analyses of other jobs of this build, by the records that those exported.
//!
//! An artifact is text from outside: it says what was analysed, never where a token goes. That is the service
//! connection's server alone, and what that server says of the report is what counts.

use super::start::PipelineStart;
use super::subject::{Evidence, Reported, Subject, blank_result, is_same, untouched, without_gate};
use crate::agent::{PublishInputs, ServiceConnection};
use crate::analysis::{AnalysisId, Exported, Unconnected};
use crate::quality_gate::Verdict;
use crate::step::records::read_text;
use crate::step::server::connect;
use crate::step::{Job, glob, missing};
use crate::summary::{AnalysedTarget, AnalysisResult};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Names of exported records.
const NAMES: &str = "sonar-analysis-*.json";
const NO_BUILD: &str = "The variables do not tell which build this is";

/// What the patterns of the input `analyses` brought.
#[derive(Debug, Default)]
pub(super) struct Imported {
    /// Analyses, in the order in which they were prepared; then files that are no records.
    pub(super) subjects: Vec<Subject>,
    /// One for each pattern that names no record.
    pub(super) missing: Vec<Subject>,
}

/// Reads the records that the input names, but for those of `own` analyses.
pub(super) fn import(
    job: &Job,
    inputs: &PublishInputs,
    own: &[AnalysisId],
    connection: Option<&ServiceConnection>,
    target: &AnalysedTarget,
) -> Imported {
    let mut imported = Imported::default();
    let mut records: BTreeMap<(u64, AnalysisId), Exported> = BTreeMap::new();
    let mut unreadable = Vec::new();
    let no_report = |what: &str, reason: String| Subject {
        analysis: None,
        result: AnalysisResult::unknown(what.to_owned(), target.clone()),
        evidence: Evidence::None(Verdict::NoReport, reason),
    };
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
                "analyses: {pattern} names no exported record. Download the artifact before SonarPublish; SonarAnalyze \
                 writes it where exportTo says"
            );
            imported.missing.push(no_report(pattern, reason));
        }
        for file in found {
            match read(&file) {
                Ok(Read::Unconnected(note)) => unconnected = unconnected.or(Some(note)),
                Ok(Read::Analysis(record)) if own.contains(&record.prepared.id) => {
                    tracing::info!("{} is a record of this job, which is judged by itself", file.display());
                }
                Ok(Read::Analysis(record)) => {
                    let record = *record;
                    let place = records.entry((record.prepared.created, record.prepared.id.clone()));
                    let kept = place.or_insert_with(|| record.clone());
                    if kept.completeness() < record.completeness() {
                        *kept = record;
                    }
                }
                Err(reason) => {
                    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    unreadable.push(no_report(
                        &name,
                        format!("{} is no exported record: {reason}", file.display()),
                    ));
                }
            }
        }
    }
    leave_out_earlier_attempts(job, &mut records);
    imported.subjects = records.into_values().map(|record| subject(job, &record, connection)).collect();
    imported.subjects.extend(unreadable);
    imported.subjects.extend(unconnected.map(|note| {
        let (verdict, reason) = without_connection(job, inputs, &note);
        let result = AnalysisResult::unknown("the project".into(), target.clone());
        Subject { analysis: None, result, evidence: Evidence::None(verdict, reason) }
    }));
    imported
}

/// What a job was run again for is no matter any more. What does not count in this build stays, and is refused.
fn leave_out_earlier_attempts(job: &Job, records: &mut BTreeMap<(u64, AnalysisId), Exported>) {
    let Some(build) = job.predefined.build() else { return };
    let mut newest: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for Exported { job, attempt, .. } in records.values().filter(|record| record.build == build) {
        let standing = newest.entry(job.clone()).or_default();
        *standing = (*standing).max(*attempt);
    }
    records.retain(|_, Exported { build: of, job, attempt, prepared, .. }| {
        let counts = *of != build || newest.get(job) == Some(attempt);
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
fn files(job: &Job, pattern: &str) -> Result<Vec<PathBuf>, String> {
    glob::files_of_job(job, pattern, NAMES, |file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("sonar-analysis-") && name.ends_with(".json")
    })
}

/// What a file says.
enum Read {
    Analysis(Box<Exported>),
    Unconnected(Unconnected),
}

fn read(file: &Path) -> Result<Read, String> {
    let text = read_text(file).map_err(|error| error.to_string())?.unwrap_or_default();
    match Unconnected::parse(&text) {
        Some(note) => Ok(Read::Unconnected(note)),
        None => Exported::parse(&text).map(|record| Read::Analysis(Box::new(record))),
    }
}

/// What another job means here that had no connection.
fn without_connection(job: &Job, inputs: &PublishInputs, note: &Unconnected) -> (Verdict, String) {
    let refusal = match job.predefined.build() {
        Some(build) => note.build.refusal(&build),
        None => Some(NO_BUILD.to_owned()),
    };
    match (refusal, missing::wished(job, inputs.on_missing_connection)) {
        (Some(reason), _) => (Verdict::NoReport, reason),
        (None, Some(reason)) => (Verdict::Skipped, reason.to_owned()),
        (None, None) => {
            let reason = "SonarAnalyze of another job skipped, as it had no service connection, and onMissingConnection of \
                          SonarPublish is not skip";
            (Verdict::NoReport, reason.to_owned())
        }
    }
}

fn subject(job: &Job, record: &Exported, connection: Option<&ServiceConnection>) -> Subject {
    Subject {
        analysis: Some(record.prepared.id.clone()),
        result: AnalysisResult { narrowed: record.narrowed.clone(), ..blank_result(&record.prepared) },
        evidence: evidence(job, record, connection)
            .unwrap_or_else(|(verdict, reason)| Evidence::None(verdict, reason)),
    }
}

fn evidence(
    job: &Job,
    record: &Exported,
    connection: Option<&ServiceConnection>,
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
    if let Some(evidence) = without_gate(record.outcome.as_ref(), prepared.skip.as_deref()) {
        let server = || {
            let is_its = |connection: &&ServiceConnection| is_same(&connection.url, &prepared.server_url);
            connection.filter(is_its).map(|connection| connect(job, connection))
        };
        return Ok(untouched(evidence, prepared, server));
    }
    let report = record.report().map_err(no_report)?;
    let address = prepared.server_address();
    let Some(connection) = connection else {
        return Err(unknown(format!(
            "Exported records hold no token: set SonarQube, SonarCloud or connection of SonarPublish to the service \
             connection of {address}"
        )));
    };
    if !is_same(&connection.url, &prepared.server_url) {
        return Err(unknown(format!(
            "It was analysed by {address}, and the service connection of this SonarPublish is that of {}. Use a \
             SonarPublish for each server, with analyses of that server only",
            connection.url.as_str().trim_end_matches('/')
        )));
    }
    let start = PipelineStart::told(job);
    if start.is_none() && !prepared.by_server_clock {
        return Err(no_report("Nobody tells whether the report was handed in by this build".into()));
    }
    let sonarqube = connect(job, connection);
    let reported = Reported::of(prepared, record.chosen_report_file, report, sonarqube, start);
    Ok(Evidence::Report(Box::new(reported)))
}
