//! SonarPublish: waits for the server, reads the gate of every analysis of this job, and says what
//! came of it: in the log, in the Build Summary, in the build's properties, in output variables, and
//! by its own result.

mod build_property;
mod evidence;
mod judge;
mod main_branch;
mod other_jobs;
mod pipeline_start;
mod project_verdict;
mod report_verdict;
mod tell;
mod tell_build;
mod verify_pass;
mod without_record;

use crate::agent::{Predefined, PublishInputs, ServiceConnection};
use crate::analysis::{AnalysisId, Properties, ScannerMode, Target};
use crate::error::{Error, ErrorKind, Result};
use crate::quality_gate::{AGGREGATE, Policy, Reaction, Verdict};
use crate::sonarqube::Wait;
use crate::step::job::{Completion, Job};
use crate::step::record::list::{FoundRecords, Records};
use crate::step::record::no_connection;
use crate::step::server_check::warn_of_http;
use crate::summary::{AnalysisResult, BuildSummary, build_summary};
use evidence::{AnalysisToJudge, Evidence};
use judge::{Judge, case_of};
use other_jobs::import;
use pipeline_start::PipelineStart;
use std::path::PathBuf;
use tokio::time::Instant;
use without_record::WithoutRecord;

/// Runs the step.
///
/// # Errors
/// The gate did not pass, or nobody can say that it did, and the policy says that this fails the task.
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
    tell::report_in_log(&results, &inputs.policy);
    tell::set_outputs(&job.commands, verdict, &results);
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

/// Records that nobody can say how the analyses fared: for a run that a bug ended.
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
    let subjects = subjects(job, &inputs, &records, &found, connection.as_ref(), wait.latest()).await?;
    let mut judge = Judge::new(wait);
    let mut analyses: Vec<_> = subjects.iter().map(|subject| subject.analysis.clone()).collect();
    let mut results = judge.judge(subjects).await;
    main_branch::learn(job, &found, connection.as_ref(), &mut results).await;
    results.extend(absent(&inputs.projects, &results, &job.predefined));
    analyses.resize(results.len(), None);
    Ok(Judged { inputs, temp, records, build, analyses, results })
}

/// What there is to judge: analyses of this job, then those of other jobs, then what the inputs point at. `latest` is
/// by when all that asks a server must have ended.
async fn subjects(
    job: &Job,
    inputs: &PublishInputs,
    records: &Records,
    found: &FoundRecords,
    connection: Option<&ServiceConnection>,
    latest: Instant,
) -> Result<Vec<AnalysisToJudge>> {
    connection.map_or(Ok(()), |connection| warn_of_http(job, connection))?;
    let own: Vec<AnalysisId> = found.records.iter().map(|record| record.prepared.id.clone()).collect();
    let target = job.predefined.pipeline_context().target();
    // Reports of other jobs, and those that were prepared without the server's clock, are held against it.
    let is_without_clock = found.records.iter().any(|record| !record.prepared.by_server_clock);
    let start = match is_without_clock || !inputs.analyses.is_empty() {
        true => PipelineStart::find(job).await.ok(),
        false => None,
    };
    let imported = import(job, inputs, &own, connection, &target, start);
    let mut subjects: Vec<_> = found
        .records
        .iter()
        .map(|record| AnalysisToJudge::of_record(job, record, connection, start))
        .collect();
    subjects.extend(imported.subjects);
    subjects.extend(lost(found, &target));
    // Files that no SonarPrepare of this job wrote do not end the search for reports: any step can write some.
    let is_known = !subjects.is_empty();
    subjects.extend(found.foreign.iter().map(|(id, error)| without_report(id, error.to_string(), &target)));
    // Whether another job had a connection, what it exported tells.
    if subjects.is_empty()
        && inputs.analyses.is_empty()
        && connection.is_none()
        && let Some(reason) = no_connection::reason(job, records, inputs.on_missing_connection)
    {
        let result = AnalysisResult::unknown("the project".into(), target);
        let evidence = Evidence::None(Verdict::Skipped, reason.into());
        return Ok(vec![AnalysisToJudge { analysis: None, result, evidence }]);
    }
    subjects.extend(imported.missing);
    let names_reports = !inputs.report_task_files.is_empty();
    let Some(connection) = connection else {
        if names_reports || inputs.project_key.is_some() {
            return Err(Error::new("reportTaskFiles and projectKey need a service connection").hint(
                "Set one of the inputs SonarQube, SonarCloud or connection of SonarPublish to its name.",
            ));
        }
        return Ok(subjects);
    };
    match &inputs.project_key {
        Some(key) if !names_reports => {
            subjects.push(WithoutRecord::new(job, inputs, connection, latest).await.project(key).await);
        }
        _ if names_reports || !is_known => {
            let reported = WithoutRecord::new(job, inputs, connection, latest).await.reports().await;
            // A record says more of an analysis than its report alone.
            let new: Vec<_> =
                reported.into_iter().filter(|new| !subjects.iter().any(|old| old.is_same(new))).collect();
            subjects.extend(new);
        }
        _ => {}
    }
    Ok(subjects)
}

/// The projects that the input `projects` names and that are not among the analyses: an artifact that was never made, or
/// was taken away, would else be missed by nobody.
fn absent(projects: &[String], results: &[AnalysisResult], predefined: &Predefined) -> Vec<AnalysisResult> {
    let is_absent = |key: &&String| results.iter().all(|result| result.project_key != **key);
    let result = |key: &String| AnalysisResult {
        verdict: Verdict::NoReport,
        reason: Some(format!(
            "projects names {key}, and no analysis of it was found. Make sure that its job exports its record and that the \
             artifact is downloaded before SonarPublish"
        )),
        ..AnalysisResult::unknown(key.clone(), predefined.pipeline_context().target())
    };
    projects.iter().filter(is_absent).map(result).collect()
}

/// Analyses of this job whose records say nothing any more. That of a record which nobody can vouch for is no report.
fn lost(found: &FoundRecords, target: &Target) -> Vec<AnalysisToJudge> {
    let broken = found.broken.iter().map(|(id, error)| (id, error.to_string()));
    let gone = found.gone.iter().map(|id| {
        let why = "another step deleted it, or SonarPrepare failed half-way";
        (id, format!("the record of the analysis {id} is gone: {why}"))
    });
    broken.chain(gone).map(|(id, reason)| without_report(id, reason, target)).collect()
}

fn without_report(id: &AnalysisId, reason: String, target: &Target) -> AnalysisToJudge {
    AnalysisToJudge {
        analysis: Some(id.clone()),
        result: AnalysisResult::unknown("the project".into(), target.clone()),
        evidence: Evidence::None(Verdict::NoReport, reason),
    }
}

/// In mode `other` the scanner read its token from a plain variable; nobody needs it there any more.
fn take_back_token(job: &Job, found: &FoundRecords) {
    const PARAMETERS: &str = "SONARQUBE_SCANNER_PARAMS";
    let Some(json) = job.environment.value(PARAMETERS) else { return };
    let of_mode_other = found.records.iter().any(|record| record.prepared.mode() == ScannerMode::Other);
    if !of_mode_other && found.broken.is_empty() {
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
) -> Result<Completion> {
    let reaction = policy.reaction_to_all(
        results.iter().map(case_of),
        job.predefined.system_pullrequest_pullrequestid.is_some(),
    );
    if results.is_empty() {
        let error = Error::new(format!(
            "there is no analysis to publish: {} holds no record",
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
        Verdict::Skipped => "Skipped: nothing was analysed, so no quality gate was passed".into(),
        Verdict::Failed => "Quality gate failed".into(),
        other => format!("No quality gate was passed ({})", other.token()),
    };
    match reaction {
        Reaction::Fail => Err(Error::reported(message)),
        Reaction::Warn => Ok(Completion { message, with_issues: true }),
        Reaction::Ignore => Completion::new(message),
    }
}
