//! Collects what there is to judge: analyses of this job, then those of other jobs, then what the inputs point at.

use super::evidence::{AnalysisToJudge, UNNAMED};
use super::other_jobs::import;
use super::pipeline_start::pipeline_start;
use super::this_job::{by_record, foreign, lost};
use super::without_record::WithoutRecord;
use crate::agent::{Predefined, PublishInputs, ServiceConnection};
use crate::analysis::AnalysisId;
use crate::error::{Error, Result};
use crate::quality_gate::Verdict;
use crate::step::job::Job;
use crate::step::record::list::{FoundRecords, Records};
use crate::step::record::no_connection;
use crate::step::server_check::warn_of_http;
use crate::summary::AnalysisResult;
use tokio::time::Instant;

/// All analyses. `latest` is by when everything that asks a server must have ended.
///
/// # Errors
/// The inputs need a service connection, and there is none.
pub(super) async fn collect(
    job: &Job,
    inputs: &PublishInputs,
    records: &Records,
    found: &FoundRecords,
    connection: Option<&ServiceConnection>,
    latest: Instant,
) -> Result<Vec<AnalysisToJudge>> {
    connection.map_or(Ok(()), |connection| warn_of_http(job, connection))?;
    let target = job.predefined.pipeline_context().target();
    // Reports of other jobs, and those that were prepared without the server's clock, are compared with it.
    let is_without_clock = found.records.iter().any(|record| !record.prepared.by_server_clock);
    let asked_start = match is_without_clock || !inputs.analyses.is_empty() {
        true => Some(pipeline_start(job).await),
        false => None,
    };
    let start = asked_start.as_ref().and_then(|start| start.as_ref().ok()).copied();
    let this_job: Vec<AnalysisId> = found.records.iter().map(|record| record.prepared.id.clone()).collect();
    let imported = import(job, inputs, &this_job, connection, &target, start);
    let mut analyses: Vec<_> =
        found.records.iter().map(|record| by_record(job, record, connection, start)).collect();
    analyses.extend(imported.analyses);
    analyses.extend(lost(found, &target));
    // Files that no SonarPrepare of this job wrote do not end the search for reports: any step can write some.
    let is_known = !analyses.is_empty();
    analyses.extend(foreign(found, &target));
    // Whether another job had a connection, its exported record says.
    if analyses.is_empty()
        && inputs.analyses.is_empty()
        && connection.is_none()
        && let Some(reason) = no_connection::reason(job, records, inputs.on_missing_connection)
    {
        return Ok(vec![AnalysisToJudge::with_verdict(UNNAMED, &target, Verdict::Skipped, reason.into())]);
    }
    analyses.extend(imported.missing);
    let names_reports = !inputs.report_task_files.is_empty();
    let Some(connection) = connection else {
        if names_reports || inputs.project_key.is_some() {
            return Err(Error::new("reportTaskFiles and projectKey need a service connection").hint(
                "Set one of the inputs SonarQube, SonarCloud or connection of SonarPublish to its name.",
            ));
        }
        return Ok(analyses);
    };
    match &inputs.project_key {
        Some(key) if !names_reports => {
            let without = WithoutRecord::new(job, inputs, connection, asked_start, latest).await;
            analyses.push(without.project(key).await);
        }
        _ if names_reports || !is_known => {
            let without = WithoutRecord::new(job, inputs, connection, asked_start, latest).await;
            let reported = without.reports().await;
            // A record says more of an analysis than its report alone.
            let new: Vec<_> =
                reported.into_iter().filter(|new| !analyses.iter().any(|old| old.is_same(new))).collect();
            analyses.extend(new);
        }
        _ => {}
    }
    Ok(analyses)
}

/// The projects that the input `projects` names and that are not among the analyses: without this check an artifact
/// that was never made, or was taken away, would go unnoticed.
pub(super) fn absent(
    projects: &[String],
    results: &[AnalysisResult],
    predefined: &Predefined,
) -> Vec<AnalysisResult> {
    let is_absent = |key: &&String| results.iter().all(|result| result.project_key != **key);
    let result = |key: &String| AnalysisResult {
        verdict: Verdict::NoReport,
        reason: Some(format!(
            "There is no analysis of {key}, which the input projects names. Make sure that its job exports its record and that \
             the artifact is downloaded before SonarPublish"
        )),
        ..AnalysisResult::unknown(key.clone(), predefined.pipeline_context().target())
    };
    projects.iter().filter(is_absent).map(result).collect()
}
