//! From a report to the verdict: waits until the server has processed it, makes sure that it is this
//! analysis', and reads the gate.

use super::evidence::is_same;
use super::pipeline_start::PipelineStart;
use super::verify_pass::verify_pass;
use crate::analysis::{AnalysisReport, Extent, Target};
use crate::quality_gate::{
    Expected, MeasureSet, OwnTargets, Processed, QualityGate, SourceFile, Verdict, seconds,
};
use crate::sonarqube::{CeTask, CeTaskStatus, Error, Fault, Look, SonarQube, Wait, Waited};
use crate::summary::shown_metrics;
use tokio::time::Instant;
use url::Url;

/// What is asked of a server. SonarQube, or a model of one.
pub(super) trait GateServer {
    /// The compute engine task with this id.
    async fn ce_task(&self, id: &str) -> Result<CeTask, Error>;
    /// The gate of this analysis.
    async fn quality_gate(&self, analysis_id: &str) -> Result<QualityGate, Error>;
    /// Name of the project's main branch, as far as it can be told.
    async fn main_branch(&self, project: &str) -> Result<Option<String>, Error>;
    /// The address the server goes by, where it has another one.
    async fn public_url(&self) -> Result<Option<String>, Error>;
    /// All measures that count or are shown; `None` where the token may not read them.
    async fn measures(&self, of: Analysed<'_>) -> Result<Option<MeasureSet>, Error>;
    /// The source files; `None` likewise.
    async fn source_files(&self, of: Analysed<'_>) -> Result<Option<Vec<SourceFile>>, Error>;
}

/// A project, and its branch or pull request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Analysed<'a> {
    pub(super) project: &'a str,
    pub(super) target: &'a Target,
}

impl GateServer for SonarQube {
    async fn ce_task(&self, id: &str) -> Result<CeTask, Error> {
        self.ce_task(id).await
    }

    async fn quality_gate(&self, analysis_id: &str) -> Result<QualityGate, Error> {
        self.quality_gate(analysis_id).await
    }

    async fn main_branch(&self, project: &str) -> Result<Option<String>, Error> {
        self.main_branch(project).await
    }

    async fn public_url(&self) -> Result<Option<String>, Error> {
        self.public_url().await
    }

    async fn measures(&self, of: Analysed<'_>) -> Result<Option<MeasureSet>, Error> {
        let mut metrics = shown_metrics();
        metrics.extend(["files", "new_lines"]);
        self.measures(of.project, of.target, &metrics).await
    }

    async fn source_files(&self, of: Analysed<'_>) -> Result<Option<Vec<SourceFile>>, Error> {
        self.source_files(of.project, of.target).await
    }
}

const NO_CLOCK: &str = "It is not known whether the report is of this run: SonarQube sent no Date header when the analysis was \
                        prepared, and neither System.PipelineStartTime nor Azure DevOps tells when this pipeline began";

/// A report, and what has to be true of it.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    pub(super) report: &'a AnalysisReport,
    /// Base URL of the service connection.
    pub(super) server_url: &'a Url,
    pub(super) expected: Expected<'a>,
    /// No report that was handed in before this counts.
    pub(super) start: Option<PipelineStart>,
    /// Where no record says what was analysed: what may have been.
    pub(super) own_targets: Option<&'a OwnTargets>,
    /// What the analysis covered, as far as its record says.
    pub(super) extent: &'a Extent,
}

impl Claim<'_> {
    /// The server's address for messages.
    fn server(&self) -> &str {
        self.server_url.as_str().trim_end_matches('/')
    }
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) verdict: Verdict,
    pub(super) reason: Option<String>,
    pub(super) gate: Option<QualityGate>,
    /// The task, once it has ended and is known to be this analysis'.
    pub(super) task: Option<CeTask>,
    /// Whether the branch that the task names is the main branch.
    pub(super) is_main_branch: bool,
    /// Whether the verdict is that nothing was analysed.
    pub(super) nothing_analysed: bool,
    /// The measures, where they were read for the verdict.
    pub(super) measures: Option<MeasureSet>,
    /// Of an analysis that has much fewer files than the one before: a sentence.
    pub(super) warning: Option<String>,
}

impl Judgement {
    pub(super) fn without_gate(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self::new(verdict, Some(reason.into()), None)
    }

    pub(super) fn new(verdict: Verdict, reason: Option<String>, gate: Option<QualityGate>) -> Self {
        Self {
            verdict,
            reason,
            gate,
            task: None,
            is_main_branch: false,
            nothing_analysed: false,
            measures: None,
            warning: None,
        }
    }
}

/// Waits, checks, reads. `last` is when the server last answered about a task.
pub(super) async fn judge_report(
    server: &impl GateServer,
    claim: &Claim<'_>,
    wait: &mut Wait,
    last: &mut Option<Instant>,
) -> Judgement {
    let task = match processed(server, claim, wait, last).await {
        Ok(task) => task,
        Err(judgement) => return judgement,
    };
    let is_main_branch = match contradiction(server, claim, &task, wait).await {
        Ok(is_main_branch) => is_main_branch,
        Err(foreign) => return *foreign,
    };
    let mut judgement = match (&task.status, &task.analysis_id) {
        (CeTaskStatus::Success, Some(id)) => gate(server, id, wait).await,
        (CeTaskStatus::Success, None) => {
            Judgement::without_gate(Verdict::Unknown, "SonarQube names no analysis for the report")
        }
        (CeTaskStatus::Canceled, _) => Judgement::without_gate(
            Verdict::AnalysisFailed,
            "SonarQube's processing of the report was cancelled",
        ),
        (status, _) => {
            let state = status.as_str();
            let why = task
                .error_message
                .as_deref()
                .unwrap_or("it gives no reason; see Background Tasks in SonarQube");
            let reason = format!("SonarQube could not process the report ({state}): {why}");
            Judgement::without_gate(Verdict::AnalysisFailed, reason)
        }
    };
    let of = Analysed { project: &claim.report.project_key, target: &task.target };
    verify_pass(server, of, (claim.extent, &task.warnings), wait, &mut judgement).await;
    judgement.task = Some(task);
    judgement.is_main_branch = is_main_branch;
    judgement
}

/// The task, once it has ended.
async fn processed(
    server: &impl GateServer,
    claim: &Claim<'_>,
    wait: &mut Wait,
    last: &mut Option<Instant>,
) -> Result<CeTask, Judgement> {
    let id = &claim.report.ce_task_id;
    let what = format!("SonarQube to process the report of {}", claim.report.project_key);
    let look = async || {
        let task = server.ce_task(id).await?;
        Ok(match task.status {
            CeTaskStatus::Success | CeTaskStatus::Failed | CeTaskStatus::Canceled => Look::Done(task),
            CeTaskStatus::Pending | CeTaskStatus::InProgress | CeTaskStatus::Unknown(_) => Look::NotYet {
                state: task.status.as_str().to_owned(),
                age: task.answered.zip(task.submitted).and_then(|(now, then)| now.checked_sub(then)),
            },
        })
    };
    match wait.until(&what, last, look).await {
        Waited::Done(task) => Ok(task),
        Waited::TimedOut { state, understood } => {
            Err(timed_out("has not processed the report", &state, understood, wait))
        }
        Waited::Refused(Error { fault: Fault::NotFound(reason), .. }) => Err(Judgement::without_gate(
            Verdict::NoReport,
            format!(
                "{} knows no compute engine task {id}, which the report names (404 Not Found: {reason})",
                claim.server()
            ),
        )),
        Waited::Refused(error) => {
            let reason = error.explain("ask what became of the report").to_string();
            Err(Judgement::without_gate(Verdict::Unknown, reason))
        }
    }
}

async fn gate(server: &impl GateServer, analysis_id: &str, wait: &mut Wait) -> Judgement {
    let look = async || server.quality_gate(analysis_id).await.map(Look::Done);
    let gate = match wait.until("SonarQube's quality gate", &mut None, look).await {
        Waited::Done(gate) => gate,
        Waited::TimedOut { state, understood } => {
            return timed_out("has not told the quality gate", &state, understood, wait);
        }
        Waited::Refused(error) => {
            return Judgement::without_gate(
                Verdict::Unknown,
                error.explain("read the quality gate").to_string(),
            );
        }
    };
    let (verdict, reason) = gate_verdict(&gate);
    Judgement::new(verdict, reason, Some(gate))
}

/// The verdict that a gate is, and why it is neither a pass nor a failure.
pub(super) fn gate_verdict(gate: &QualityGate) -> (Verdict, Option<String>) {
    let verdict = gate.verdict();
    let reason = match verdict {
        Verdict::None => Some("SonarQube computed no quality gate for this analysis".into()),
        Verdict::Unknown => Some(gate.unknown_reason()),
        _ => None,
    };
    (verdict, reason)
}

pub(super) fn timed_out(what: &str, state: &str, understood: bool, wait: &Wait) -> Judgement {
    let verdict = if understood { Verdict::Timeout } else { Verdict::Unknown };
    let limit = seconds(wait.limit());
    Judgement::without_gate(verdict, format!("SonarQube {what} within {limit} (state: {state})"))
}

/// Whether the task is of the main branch; or why the report is not this analysis', if it isn't, or if that could
/// not be found out.
async fn contradiction(
    server: &impl GateServer,
    claim: &Claim<'_>,
    task: &CeTask,
    wait: &mut Wait,
) -> Result<bool, Box<Judgement>> {
    let foreign = |reason: String| Box::new(Judgement::without_gate(Verdict::NoReport, reason));
    let report = claim.report;
    let mut processed = Processed {
        project: task.project_key.as_deref(),
        target: &task.target,
        submitted: task.submitted,
        report_file: task.report_file.as_deref(),
    };
    let mut expected = claim.expected;
    // Servers may name the main branch too, and may call it by another name than the repository does. And a user, or
    // Prepare when nobody could tell the default branch, may have named the branch that turns out to be the main one.
    let named = match (expected.target, processed.target) {
        (Target::MainBranch { .. }, Target::Branch { name })
        | (Target::Branch { name }, Target::MainBranch { .. }) => Some(name.as_str()),
        _ => None,
    };
    if let Some(name) = named {
        let is_main = expected.target.main_branch_name() == Some(name) || {
            let look = async || server.main_branch(&report.project_key).await.map(Look::Done);
            match wait.until("SonarQube's list of branches", &mut None, look).await {
                Waited::Done(main) => main.as_deref() == Some(name),
                Waited::TimedOut { state, understood } => {
                    return Err(Box::new(timed_out("has not told its branches", &state, understood, wait)));
                }
                Waited::Refused(_) => false,
            }
        };
        if is_main {
            (expected.target, processed.target) = (&Target::MAIN_BRANCH, &Target::MAIN_BRANCH);
        }
    }
    let is_main_branch = processed.target.is_main_branch();
    let mut own = expected;
    if claim.own_targets.is_some() {
        own.target = processed.target;
    }
    let expected = Expected { project: Some(&report.project_key), ..own };
    let contradiction = own
        .contradiction(&processed)
        .or_else(|| expected.contradiction(&processed))
        .or_else(|| claim.own_targets.and_then(|targets| targets.contradiction(&processed)))
        .or_else(|| match claim.start {
            Some(start) => too_old(start, task),
            None => (own.created.is_none() && !own.is_proven(&processed)).then(|| NO_CLOCK.to_owned()),
        });
    if let Some(reason) = contradiction {
        return Err(foreign(reason));
    }
    if same_server(&report.server_url, claim.server_url) {
        return Ok(is_main_branch);
    }
    let look = async || server.public_url().await.map(Look::Done);
    match wait.until("SonarQube's own address", &mut None, look).await {
        Waited::Done(Some(public))
            if Url::parse(&public).is_ok_and(|url| same_server(&report.server_url, &url)) =>
        {
            Ok(is_main_branch)
        }
        Waited::Done(_) => Err(foreign(format!(
            "The report is of the server {}, not of {}",
            report.server_url,
            claim.server()
        ))),
        Waited::TimedOut { state, understood } => {
            Err(Box::new(timed_out("has not told its own address", &state, understood, wait)))
        }
        Waited::Refused(error) => Err(foreign(error.explain("ask for the server's own address").to_string())),
    }
}

/// Why a report that was handed in before the pipeline began does not count.
fn too_old(start: PipelineStart, task: &CeTask) -> Option<String> {
    let (start, behind) = start.by_clock_of(task.answered);
    let early = start.checked_sub(task.submitted?).filter(|early| *early > 0)?;
    let clocks = behind.map(|behind| {
        format!(". The clocks of this machine and of SonarQube differ by {}: set them right", seconds(behind))
    });
    let clocks = clocks.unwrap_or_default();
    Some(format!(
        "The report is an older one: it was handed in {} before this pipeline began{clocks}",
        seconds(early)
    ))
}

fn same_server(text: &str, url: &Url) -> bool {
    Url::parse(text).is_ok_and(|other| is_same(&other, url))
}

#[cfg(test)]
mod tests;
