//! Tells the build: its properties, and whether the Build Summary arrived. In a build only; trouble
//! here is a warning, because the task's own result tells the truth already.

use super::property::settle;
use crate::agent::{JobConnection, Predefined};
use crate::azure_devops::AzureDevOps;
use crate::quality_gate::{AGGREGATE, Entry, Ledger, Verdict};
use crate::step::Job;
use crate::step::records::Record;
use crate::summary::AnalysisResult;
use std::time::{Duration, SystemTime};

const SUMMARY_TYPE: &str = "Distributedtask.Core.Summary";
/// Between two looks at the properties while another job writes them.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) async fn tell(job: &Job, records: &[Record], results: &[AnalysisResult], summary: Option<&str>) {
    let predefined = &job.predefined;
    if predefined.system_hosttype.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("build")) {
        return;
    }
    let project = predefined.system_teamprojectid.as_ref().or(predefined.system_teamproject.as_ref());
    let (Some(project), Some(build)) = (project, &predefined.build_buildid) else { return };
    let Some(connection) = JobConnection::read(&job.environment, predefined) else {
        tracing::warn!("the build property {AGGREGATE} is not written: this job has no access token");
        return;
    };
    let azure = AzureDevOps::new(job.http.clone(), connection.collection, connection.token);
    let settled = settle(
        &ledger(predefined),
        &entries(records, results),
        async || azure.build_properties(project, build).await,
        async |properties: &[(String, String)]| azure.set_build_properties(project, build, properties).await,
        async || tokio::time::sleep(PAUSE).await,
    )
    .await;
    match settled {
        Ok(verdict) => tracing::debug!("{AGGREGATE} of the build is {}", verdict.build_property()),
        Err(error) => tracing::warn!("the build property {AGGREGATE} could not be written: {error}"),
    }
    if let Some(title) = summary {
        check_arrival(job, &azure, project, build, title).await;
    }
}

/// This job's part of the properties, by names that no other job of the build has.
fn ledger(predefined: &Predefined) -> Ledger {
    let text = |variable: &Option<String>| variable.clone().unwrap_or_default();
    let attempt = |variable: &Option<String>| variable.as_ref().and_then(|text| text.parse().ok()).unwrap_or(1);
    let leg = text(&predefined.system_jobname);
    let (job, mut leg) = match &predefined.system_phasename {
        Some(job) if leg == *job || leg == "__default" => (job.clone(), String::new()),
        Some(job) => (job.clone(), leg),
        None => {
            let name = [&predefined.system_jobname, &predefined.agent_jobname, &predefined.system_jobid];
            (name.into_iter().flatten().next().cloned().unwrap_or_else(|| "job".into()), String::new())
        }
    };
    if leg.is_empty() {
        // Jobs that `parallel` makes have one name.
        leg = text(&predefined.system_jobpositioninphase);
        if leg == "1" {
            leg.clear();
        }
    }
    let stage = predefined.system_stagename.as_deref().unwrap_or("__default");
    Ledger::new(&[stage, &job, &leg], (attempt(&predefined.system_stageattempt), attempt(&predefined.system_jobattempt)))
}

fn entries(records: &[Record], results: &[AnalysisResult]) -> Vec<Entry> {
    let when = httpdate::fmt_http_date(SystemTime::now());
    if results.is_empty() {
        return vec![Entry {
            project: String::new(),
            branch: None,
            pull_request: None,
            verdict: Verdict::NoReport,
            analysis: None,
            when,
            link: None,
        }];
    }
    let entry = |(record, result): (&Record, &AnalysisResult)| {
        let (branch, pull_request) = result.target.names();
        Entry {
            project: result.project_key.clone(),
            branch: branch.map(str::to_owned),
            pull_request: pull_request.map(str::to_owned),
            verdict: result.verdict,
            analysis: Some(record.prepared.id.to_string()),
            when: when.clone(),
            link: result.dashboard_url.clone(),
        }
    };
    records.iter().zip(results).map(entry).collect()
}

/// The agent uploads attachments a second or so later and is silent about failures.
async fn check_arrival(job: &Job, azure: &AzureDevOps, project: &str, build: &str, title: &str) {
    const LOOKS: [u64; 5] = [0, 300, 700, 1000, 1500];
    for pause in LOOKS {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(pause)) => {}
            () = job.cancellation.requested() => return,
        }
        match azure.build_attachments(project, build, SUMMARY_TYPE).await {
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
