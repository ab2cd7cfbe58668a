//! SonarPublish: waits for the server, reads the gate of every analysis of this job, and says what
//! came of it: in the log, in the Build Summary, in the build's properties, in output variables, and
//! by its own result.

mod address;
mod build_property;
mod collect;
mod evidence;
mod gate_server;
mod in_flight;
mod issue_list;
mod judge;
mod judged;
mod judgement;
mod main_branch;
mod metric_names;
mod other_jobs;
mod output_variables;
mod pipeline_start;
mod project_verdict;
mod report_verdict;
mod show;
mod tell_build;
mod this_job;
mod verify_pass;
mod without_record;

#[cfg(test)]
mod tests;

use crate::agent::{PublishInputs, ServiceConnection};
use crate::analysis::{AnalysisId, Properties, ScannerMode};
use crate::error::{Error, ErrorKind, Result};
use crate::quality_gate::{AGGREGATE, Policy, Reaction, Verdict};
use crate::sonarqube::Wait;
use crate::step::job::{Completion, Job};
use crate::step::record::list::{FoundRecords, Records};
use crate::summary::{AnalysisResult, BuildSummary, build_summary};
use collect::{absent, collect};
use issue_list::case_of;
use judge::Judge;
use std::path::PathBuf;

/// Runs the step.
///
/// # Errors
/// The gate did not pass, or it is not known whether it passed, and the policy says that this fails the task.
pub async fn publish(job: &Job) -> Result<Completion> {
    let judged = job.cancellation.unless_requested(judge_all(job)).await;
    let Judged { inputs, temp, records, build, analyses, results } =
        match judged.unwrap_or_else(|cancelled| Err(cancelled.into())) {
            Ok(judged) => judged,
            Err(error) => {
                // What another job of the build passed is not all of the build.
                let is_cancelled = error.kind() == ErrorKind::Cancelled;
                let verdict = if is_cancelled { Verdict::Cancelled } else { Verdict::Unknown };
                tell_build::tell(job, None, &[tell_build::without_analysis(verdict)], None).await;
                return Err(error);
            }
        };
    let verdict = Verdict::worst(results.iter().map(|result| result.verdict));
    issue_list::report_in_log(&results, &inputs.policy);
    output_variables::set_outputs(&job.commands, verdict, &results);
    let summary = (!results.is_empty()).then(|| build_summary(&results));
    let attached = summary.as_ref().map_or(Ok(()), |summary| attach(job, summary, &temp));
    let title = summary.as_ref().filter(|_| attached.is_ok()).map(|summary| summary.title.as_str());
    let is_known =
        tell_build::tell(job, build.as_deref(), &tell_build::entries(&analyses, &results), title).await;
    attached?;
    let ending = conclude(job, verdict, &results, &inputs.policy, &records)?;
    if is_known {
        return Ok(ending);
    }
    // The policy's say is over the task alone; the build would go on saying something else.
    Err(Error::new(format!(
        "the verdict ({}) could not be recorded, so the build property {AGGREGATE} may still say ok",
        verdict.token()
    ))
    .hint("The warning above says why. Run the job again."))
}

/// Records that the verdict is not known: for a run that a bug ended.
pub async fn record_unknown(job: &Job) {
    tell_build::tell(job, None, &[tell_build::without_analysis(Verdict::Unknown)], None).await;
}

/// What there was to judge, and what came of it.
struct Judged {
    inputs: PublishInputs,
    temp: PathBuf,
    records: Records,
    /// The build, by the records.
    build: Option<String>,
    analyses: Vec<Option<AnalysisId>>,
    results: Vec<AnalysisResult>,
}

async fn judge_all(job: &Job) -> Result<Judged> {
    let inputs = PublishInputs::read(&job.environment)?;
    let temp = job.predefined.temp_directory()?;
    let records = Records::new(&temp);
    let connection = ServiceConnection::read_if_chosen(&job.environment)?;
    let found = records.list(&job.environment, connection.as_ref())?;
    let build = found.records.iter().find_map(|record| record.prepared.build_id.clone());
    take_back_token(job, &found);
    let wait = Wait::new(inputs.polling_timeout);
    let latest = wait.latest();
    let to_judge = collect(job, &inputs, &records, &found, connection.as_ref(), latest).await?;
    let (judged, to_show, names) = Judge::new(wait).judge(to_judge).await;
    let mut analyses: Vec<_> = judged.iter().map(|judged| judged.id.clone()).collect();
    // Neither waits for the other, and neither makes a pass.
    let (kinds, shown) = tokio::join!(
        main_branch::branch_kinds(job, &found, connection.as_ref(), &judged),
        show::show(&judged, to_show, names, latest)
    );
    let all = judged.into_iter().zip(kinds).zip(shown);
    let mut results: Vec<_> = all.map(|((judged, kind), shown)| show::result(judged, kind, shown)).collect();
    results.extend(absent(&inputs.projects, &results, &job.predefined));
    analyses.resize(results.len(), None);
    Ok(Judged { inputs, temp, records, build, analyses, results })
}

/// In mode `other` the scanner read its token from a plain variable. From now on nothing needs it there.
fn take_back_token(job: &Job, found: &FoundRecords) {
    const PARAMETERS: &str = "SONARQUBE_SCANNER_PARAMS";
    let Some(json) = job.environment.value(PARAMETERS) else { return };
    let of_mode_other = found.records.iter().any(|record| record.prepared.mode() == ScannerMode::Other);
    if !of_mode_other && found.broken.is_empty() {
        return;
    }
    // One that cannot be read any more cannot be repaired either: it is emptied.
    let mut parameters: Properties = serde_json::from_str(json).unwrap_or_default();
    parameters.take_secrets();
    job.commands.set_variable(PARAMETERS, &serde_json::json!(parameters).to_string());
}

fn attach(job: &Job, summary: &BuildSummary, temp: &std::path::Path) -> Result<()> {
    let file = summary_file(temp)?;
    let folder = file.parent().unwrap_or(temp);
    std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&file, &summary.markdown)).map_err(
        |error| Error::new(format!("the Build Summary {} could not be written: {error}", file.display())),
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
) -> Result<Completion> {
    let reaction = policy.reaction_to_all(
        results.iter().map(case_of),
        job.predefined.system_pullrequest_pullrequestid.is_some(),
    );
    if results.is_empty() {
        let error = Error::new(format!(
            "there is no analysis to publish: {} contains no record",
            records.folder().display()
        ))
        .hint(
            "Run SonarPrepare and SonarAnalyze before SonarPublish, in the same job; for analyses of other jobs set \
             analyses, and for those of a scanner that ran by itself a service connection.",
        );
        match reaction {
            Reaction::Fail => return Err(error),
            Reaction::Warn => tracing::warn!("{error}"),
            Reaction::Ignore => tracing::info!("{error}"),
        }
    }
    let message = match verdict {
        Verdict::Passed => "Quality gate passed".into(),
        Verdict::Skipped => "Skipped: nothing was analysed, so there is no quality gate result".into(),
        Verdict::Failed => "Quality gate failed".into(),
        other => format!("No quality gate result ({})", other.token()),
    };
    match reaction {
        Reaction::Fail => Err(Error::reported(message)),
        Reaction::Warn => Ok(Completion { message, with_issues: true }),
        Reaction::Ignore => Completion::new(message),
    }
}
