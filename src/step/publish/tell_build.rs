//! Tells the build: its properties, and whether the Build Summary arrived. In a build only; trouble
//! here is a warning, because the task's own result tells the truth already, if the policy lets it.

use super::build_property::record_verdicts;
use crate::agent::JobConnection;
use crate::analysis::AnalysisId;
use crate::azure_devops::{AzureDevOps, Error};
use crate::quality_gate::{AGGREGATE, BuildProperties, Verdict, VerdictRecord};
use crate::step::job::Job;
use crate::step::record::which_job::this_job;
use crate::summary::AnalysisResult;
use std::cell::RefCell;
use std::time::{Duration, SystemTime};

const SUMMARY_TYPE: &str = "Distributedtask.Core.Summary";
/// Between two looks at the properties while another job writes them.
const PAUSE: Duration = Duration::from_millis(250);

/// Records `entries`, as last words where the run is cancelled; then looks for the Build Summary of this title.
/// `recorded` is the build that records of its analyses name, because any step may set `Build.BuildId`. (One that sets
/// other variables of the system too has to be trusted: they say where the build is, and whether it is one.)
///
/// It is false where readers may find an `ok` that the entries contradict: they could not be recorded, and other jobs
/// of the build may have been able to.
pub(super) async fn tell(
    job: &Job,
    recorded: Option<&str>,
    entries: &[VerdictRecord],
    summary: Option<&str>,
) -> bool {
    let predefined = &job.predefined;
    if predefined.system_hosttype.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("build")) {
        return true;
    }
    let project = predefined.system_teamprojectid.as_ref().or(predefined.system_teamproject.as_ref());
    let (Some(project), Some(build)) = (project, recorded.or(predefined.build_buildid.as_deref())) else {
        return true;
    };
    let Some(connection) = JobConnection::read(&job.environment, predefined) else {
        tracing::warn!("the build property {AGGREGATE} was not written because this job has no access token");
        return true;
    };
    let azure = AzureDevOps::new(job.azure_devops.clone(), connection.collection, connection.token);
    let written = RefCell::new(BuildProperties::new());
    let build_job = this_job(&job.environment);
    let recording = record_verdicts(
        &build_job,
        entries,
        async || read_or_remembered(azure.build_properties(project, build).await, &written),
        async |properties: &[(String, String)]| {
            azure.set_build_properties(project, build, properties).await?;
            written.borrow_mut().extend(properties.iter().cloned());
            Ok(())
        },
        async || job.cancellation.unless_requested(tokio::time::sleep(PAUSE)).await.is_ok(),
    );
    let Ok(recorded) = job.cancellation.unless_over(recording).await else {
        tracing::warn!("the build property {AGGREGATE} was not written in time after the run was cancelled");
        return true;
    };
    let is_reached = !written.borrow().is_empty();
    let may_be_ok_elsewhere = match &recorded {
        Ok(seen) => seen.is_none(),
        Err(error) => may_pass_elsewhere(error, is_reached),
    };
    let verdict = Verdict::worst(entries.iter().map(|entry| entry.verdict));
    let is_known = !(may_be_ok_elsewhere && verdict.blocks_pass());
    match recorded {
        Ok(None) => tracing::warn!(
            "the build property {AGGREGATE} may not match the verdicts of all analyses of the build: other jobs kept \
             changing it, or Azure DevOps answered with an older state"
        ),
        Ok(Some(verdict)) => tracing::debug!("{AGGREGATE} of the build is {}", verdict.build_property()),
        Err(error) => tracing::warn!("the build property {AGGREGATE} could not be written: {error}"),
    }
    if let Some(title) = summary {
        check_arrival(job, &azure, project, build, title).await;
    }
    is_known
}

/// Whether other jobs may have written what this one could not: they do not where the server never takes it, nor where
/// this machine never reaches the server.
fn may_pass_elsewhere(error: &Error, is_reached: bool) -> bool {
    match error {
        Error::Network(error) => is_reached && error.is_transient(),
        Error::Status(_, code, _) => matches!(code, 429 | 500..),
        _ => false,
    }
}

/// What the build holds; on a server that takes properties and shows none (404 or 405), what this job wrote.
fn read_or_remembered(
    read: Result<BuildProperties, Error>,
    written: &RefCell<BuildProperties>,
) -> Result<BuildProperties, Error> {
    match read {
        Err(Error::Status(_, 404 | 405, _)) => Ok(written.borrow().clone()),
        other => other,
    }
}

fn now() -> String {
    httpdate::fmt_http_date(SystemTime::now())
}

/// What is recorded where no analysis was judged.
pub(super) fn without_analysis(verdict: Verdict) -> VerdictRecord {
    VerdictRecord {
        project: String::new(),
        branch: None,
        pull_request: None,
        verdict,
        analysis: None,
        when: now(),
        link: None,
    }
}

/// `analyses` are the identities of the `results`, where there are records of them.
pub(super) fn entries(analyses: &[Option<AnalysisId>], results: &[AnalysisResult]) -> Vec<VerdictRecord> {
    if results.is_empty() {
        return vec![without_analysis(Verdict::NoReport)];
    }
    let when = now();
    let entry = |(analysis, result): (&Option<AnalysisId>, &AnalysisResult)| {
        let (branch, pull_request) = result.target.names();
        VerdictRecord {
            project: result.project_key.clone(),
            branch: branch.map(str::to_owned),
            pull_request: pull_request.map(str::to_owned),
            verdict: result.verdict,
            analysis: analysis.as_ref().map(ToString::to_string),
            when: when.clone(),
            link: result.dashboard_url.clone(),
        }
    };
    analyses.iter().zip(results).map(entry).collect()
}

/// The agent uploads attachments a second or so later and is silent about failures.
async fn check_arrival(job: &Job, azure: &AzureDevOps, project: &str, build: &str, title: &str) {
    const LOOKS: [u64; 5] = [0, 300, 700, 1000, 1500];
    for pause in LOOKS {
        let asked = job.cancellation.unless_requested(async {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            azure.build_attachments(project, build, SUMMARY_TYPE).await
        });
        let Ok(asked) = asked.await else { return };
        match asked {
            Ok(names) if names.iter().any(|name| name == title) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::debug!("the build's attachments could not be listed: {error}");
                return;
            }
        }
    }
    tracing::warn!("the Build Summary was handed to the agent but is not among the build's attachments yet");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_shows_no_properties_does_not_hide_the_own() {
        let own = BuildProperties::from([(AGGREGATE.to_owned(), "ok".to_owned())]);
        let others = BuildProperties::from([(AGGREGATE.to_owned(), "failed".to_owned())]);
        let written = RefCell::new(own.clone());
        let read = |answer| read_or_remembered(answer, &written).map_err(|error| error.to_string());
        assert_eq!(read(Ok(others.clone())), Ok(others));
        for code in [404, 405] {
            assert_eq!(read(Err(Error::Status("u".into(), code, String::new()))), Ok(own.clone()));
        }
        assert!(read(Err(Error::Status("u".into(), 500, String::new()))).is_err());
        assert!(read(Err(Error::Forbidden("u".into(), String::new()))).is_err());
    }

    #[test]
    fn where_others_may_have_passed() {
        use crate::http::{Error as Network, ErrorKind};
        let network = |kind| Error::Network(Network { kind, url: String::new(), cause: String::new() });
        let status = |code| Error::Status(String::new(), code, String::new());
        for (error, once_reached, expected) in [
            (network(ErrorKind::Unreachable), false, false),
            (network(ErrorKind::Unreachable), true, true),
            (network(ErrorKind::Interrupted), true, true),
            (network(ErrorKind::Tls), true, false),
            (status(503), false, true),
            (status(429), true, true),
            (status(404), true, false),
            (Error::Forbidden(String::new(), String::new()), true, false),
        ] {
            assert_eq!(may_pass_elsewhere(&error, once_reached), expected, "{error:?}");
        }
    }
}
