//! SonarPublish: waits for the server, reads the gate of every analysis of this job, and says what
//! came of it: in the log, in the Build Summary, in the build's properties, in output variables, and
//! by its own result.

mod build;
mod judge;
mod property;
mod tell;
mod weigh;

use super::records::{Record, Records};
use super::{Ending, Job};
use crate::agent::PublishInputs;
use crate::analysis::{Properties, ScannerMode};
use crate::error::{Error, Result};
use crate::quality_gate::{Policy, Reaction, Verdict};
use crate::sonarqube::Wait;
use crate::summary::{AnalysisResult, BuildSummary, build_summary};
use judge::{Judge, context_of};
use std::path::PathBuf;

/// Runs the step.
///
/// # Errors
/// The gate did not pass, or nobody can say that it did, and the policy says that this fails the task.
pub async fn publish(job: &Job) -> Result<Ending> {
    let inputs = PublishInputs::read(&job.environment)?;
    let temp = job.predefined.temp_directory()?;
    let records = Records::new(&temp);
    let found = records.list()?;
    take_back_token(job, &found);
    let mut judge = Judge::new(job, Wait::new(inputs.polling_timeout));
    let judging = async {
        let mut results = Vec::with_capacity(found.len());
        for record in &found {
            results.push(judge.judge(record).await);
        }
        results
    };
    let results = tokio::select! {
        results = judging => results,
        () = job.cancellation.requested() => return Err(Error::cancelled()),
    };
    let verdict = Verdict::worst(results.iter().map(|result| result.verdict));
    tell::report_in_log(&results, &inputs.policy);
    tell::set_outputs(&job.commands, verdict, &results);
    let summary = build_summary(&results);
    if !results.is_empty() {
        attach(job, &summary, &temp)?;
    }
    build::tell(job, &found, &results, (!results.is_empty()).then_some(summary.title.as_str())).await;
    conclude(job, verdict, &results, &inputs.policy, &records)
}

/// In mode `other` the scanner read its token from a plain variable; nobody needs it there any more.
fn take_back_token(job: &Job, records: &[Record]) {
    const PARAMETERS: &str = "SONARQUBE_SCANNER_PARAMS";
    let Some(json) = job.environment.value(PARAMETERS) else { return };
    if !records.iter().any(|record| record.prepared.mode == ScannerMode::Other) {
        return;
    }
    // A variable that is no longer ours to read is nobody's to repair: it is emptied.
    let mut parameters: Properties = serde_json::from_str(json).unwrap_or_default();
    parameters.take_secrets();
    job.commands.set_variable(PARAMETERS, &serde_json::json!(parameters).to_string());
}

fn attach(job: &Job, summary: &BuildSummary, temp: &std::path::Path) -> Result<()> {
    let file = summary_file(temp)?;
    let folder = file.parent().unwrap_or(temp);
    std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&file, &summary.markdown)).map_err(
        |error| Error::new(format!("the Build Summary {} can't be written: {error}", file.display())),
    )?;
    job.commands.attach_summary(&summary.title, &file);
    Ok(())
}

/// A name of its own for each SonarPublish: the agent uploads the file some time later.
fn summary_file(temp: &std::path::Path) -> Result<PathBuf> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(format!("this machine gives no random numbers: {error}")))?;
    Ok(temp.join("sonar-azdo-summary").join(format!("{:016x}.md", u64::from_be_bytes(bytes))))
}

/// The task's result: what the policy says of the verdicts.
fn conclude(
    job: &Job,
    verdict: Verdict,
    results: &[AnalysisResult],
    policy: &Policy,
    records: &Records,
) -> Result<Ending> {
    let analyses = results.iter().map(|result| (result.verdict, context_of(result)));
    let reaction =
        policy.reaction_to_all(analyses, job.predefined.system_pullrequest_pullrequestid.is_some());
    if results.is_empty() {
        let error = Error::new(format!(
            "there is no analysis to publish: {} holds no record",
            records.folder().display()
        ))
        .hint("Run SonarPrepare and SonarAnalyze before SonarPublish, in the same job.");
        match reaction {
            Reaction::Fail => return Err(error),
            Reaction::Warn => tracing::warn!("{error}"),
            Reaction::Ignore => tracing::info!("{error}"),
        }
    }
    let message = match verdict {
        Verdict::Passed => "Quality gate passed".into(),
        Verdict::Skipped => "Skipped: nothing was analysed, so no quality gate was passed".into(),
        Verdict::Failed => "Quality gate failed".into(),
        other => format!("No quality gate was passed ({})", other.token()),
    };
    match reaction {
        Reaction::Fail => Err(Error::reported(message)),
        Reaction::Warn => Ok(Ending { message, with_issues: true }),
        Reaction::Ignore => Ending::new(message),
    }
}
