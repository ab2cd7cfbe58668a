//! From a scanner's report to the verdict: waits until the server has processed it, makes sure that it is of this analysis,
//! and reads the gate.
//!
//! Nothing is believed before the server has said that the report is of this analysis. What does not wait for an answer is
//! asked at once: the order in which answers are weighed is that of the functions here, whatever order they come in.

use super::evidence::is_same;
use super::gate_server::{Analysed, GateServer};
use super::in_flight::{InFlight, meanwhile};
use super::judgement::{Judgement, Measures, timed_out};
use super::verify_pass::verify_pass;
use crate::analysis::{AnalysisReport, Extent, Target};
use crate::quality_gate::{
    BuildTargets, Expected, MeasureSet, NO_CLOCK, PipelineStart, Processed, QualityGate, Verdict,
};
use crate::sonarqube::{CeTask, CeTaskStatus, Error, Fault, Look, Wait, Waited};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::Instant;
use url::Url;

/// A report, and what has to be true of it.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    pub(super) report: &'a AnalysisReport,
    /// Base URL of the service connection.
    pub(super) server_url: &'a Url,
    pub(super) expected: Expected<'a>,
    /// No report that was submitted before this counts.
    pub(super) start: Option<PipelineStart>,
    /// Where no record says what was analysed: what may have been.
    pub(super) build_targets: Option<&'a BuildTargets>,
    /// What the analysis covered, as far as its record says.
    pub(super) extent: &'a Extent,
}

impl Claim<'_> {
    /// The server's address for messages.
    fn server(&self) -> &str {
        self.server_url.as_str().trim_end_matches('/')
    }
}

/// What came of a report.
#[derive(Debug)]
pub(super) struct ReportJudgement {
    pub(super) judgement: Judgement,
    /// The task, once it has ended and is known to be of this analysis.
    pub(super) task: Option<CeTask>,
    /// Whether the branch that the task names is the main branch.
    pub(super) is_main_branch: bool,
}

impl From<Judgement> for ReportJudgement {
    fn from(judgement: Judgement) -> Self {
        Self { judgement, task: None, is_main_branch: false }
    }
}

/// The task, once it has ended. `last` is when the server last answered about a task.
pub(super) async fn processed(
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
            Err(timed_out("did not process the report", &state, understood, wait))
        }
        Waited::Refused(Error { fault: Fault::NotFound(reason), .. }) => Err(Judgement::without_gate(
            Verdict::NoReport,
            format!(
                "{} does not know the compute engine task {id} that the report names (404 Not Found: {reason})",
                claim.server()
            ),
        )),
        Waited::Refused(error) => {
            let reason = error.explain("ask what became of the report").to_string();
            Err(Judgement::without_gate(Verdict::Unknown, reason))
        }
    }
}

/// What may be asked once a task has ended: the answers are of its analysis, whoever's that is.
struct Asked {
    gate: Option<InFlight<Result<QualityGate, Error>>>,
    measures: Option<InFlight<Result<Option<MeasureSet>, Error>>>,
    public_url: Option<InFlight<Result<Option<String>, Error>>>,
}

impl Asked {
    fn about(server: &(impl GateServer + 'static), claim: &Claim<'_>, task: &CeTask) -> Self {
        let has_gate = task.status == CeTaskStatus::Success;
        let gate = task.analysis_id.clone().filter(|_| has_gate).map(|id| {
            let server = server.clone();
            InFlight::new(async move { server.quality_gate(&id).await })
        });
        let measures = gate.is_some().then(|| {
            let server = server.clone();
            let (project, target) = (claim.report.project_key.clone(), task.target.clone());
            let of = async move { server.measures(Analysed { project: &project, target: &target }).await };
            InFlight::new(of)
        });
        let public_url = (!is_at(&claim.report.server_url, claim.server_url)).then(|| {
            let server = server.clone();
            InFlight::new(async move { server.public_url().await })
        });
        Self { gate, measures, public_url }
    }

    /// Waits for `other` while all of this gets on.
    async fn during<O>(&mut self, other: impl Future<Output = O>) -> O {
        let Self { gate, measures, public_url } = self;
        meanwhile(&mut [gate, measures, public_url], other).await
    }
}

/// Judges a task that has ended: is it of this analysis, did its gate pass, and does the pass prove anything.
///
/// Answers are weighed in this order, whatever order they come in. A mistake here would let the gate of another analysis
/// pass for this one's.
pub(super) async fn judge_processed(
    server: &(impl GateServer + 'static),
    claim: &Claim<'_>,
    task: CeTask,
    wait: &mut Wait,
) -> ReportJudgement {
    // What no answer can change comes first, so that nothing is asked about the analysis of somebody else.
    if let Some(reason) = contradiction(claim, &task, name_in_question(claim, &task).is_some()) {
        return Judgement::without_gate(Verdict::NoReport, reason).into();
    }
    let mut asked = Asked::about(server, claim, &task);
    let is_main_branch = match asked.during(check_target(server, claim, &task, wait)).await {
        Ok(is_main_branch) => is_main_branch,
        Err(judgement) => return (*judgement).into(),
    };
    let public_url = asked.public_url.take();
    if let Err(judgement) = asked.during(check_address(server, claim, public_url, wait)).await {
        return (*judgement).into();
    }
    let mut judgement = match (&task.status, &task.analysis_id) {
        (CeTaskStatus::Success, Some(id)) => {
            let gate = asked.gate.take();
            asked.during(read_gate(server, id, gate, wait)).await
        }
        _ => without_analysis(&task),
    };
    if judgement.gate.is_some() {
        judgement.measures = asked.measures.map_or(Measures::NotAsked, Measures::InFlight);
    }
    let of = Analysed { project: &claim.report.project_key, target: &task.target };
    verify_pass(server, of, (claim.extent, &task.warnings), wait, &mut judgement).await;
    ReportJudgement { judgement, task: Some(task), is_main_branch }
}

/// The verdict on a task that made no analysis.
fn without_analysis(task: &CeTask) -> Judgement {
    match &task.status {
        CeTaskStatus::Success => {
            Judgement::without_gate(Verdict::Unknown, "SonarQube names no analysis for the report")
        }
        CeTaskStatus::Canceled => Judgement::without_gate(
            Verdict::AnalysisFailed,
            "SonarQube's processing of the report was cancelled",
        ),
        status => {
            let why = task
                .error_message
                .as_deref()
                .unwrap_or("it gives no reason; see Background Tasks in SonarQube");
            let reason = format!("SonarQube could not process the report ({}): {why}", status.as_str());
            Judgement::without_gate(Verdict::AnalysisFailed, reason)
        }
    }
}

/// The gate of an analysis. `asked` is the answer that is on its way.
async fn read_gate(
    server: &impl GateServer,
    analysis_id: &str,
    mut asked: Option<InFlight<Result<QualityGate, Error>>>,
    wait: &mut Wait,
) -> Judgement {
    let look = async || {
        let gate = match asked.take() {
            Some(asked) => asked.answer().await,
            None => server.quality_gate(analysis_id).await,
        };
        gate.map(Look::Done)
    };
    match wait.until("SonarQube's quality gate", &mut None, look).await {
        Waited::Done(gate) => Judgement::of_gate(gate),
        Waited::TimedOut { state, understood } => {
            timed_out("did not answer for the quality gate", &state, understood, wait)
        }
        Waited::Refused(error) => {
            Judgement::without_gate(Verdict::Unknown, error.explain("read the quality gate").to_string())
        }
    }
}

/// The branch that must be known to be the main branch, or not, before the targets can be compared.
///
/// Servers may name the main branch too, and may call it by another name than the repository does. And a user, or
/// SonarPrepare where the default branch was unknown, may have named the branch that turns out to be the main one.
fn name_in_question<'a>(claim: &'a Claim<'_>, task: &'a CeTask) -> Option<&'a str> {
    match (claim.expected.target, &task.target) {
        (Target::MainBranch { .. }, Target::Branch { name })
        | (Target::Branch { name }, Target::MainBranch { .. }) => Some(name.as_str()),
        _ => None,
    }
}

/// Whether the task is of the main branch; or why the report is not of this analysis, if it is not, or if that could not
/// be found out. A report that is taken for this analysis' brings its gate along, so whatever is not certain is refused.
async fn check_target(
    server: &impl GateServer,
    claim: &Claim<'_>,
    task: &CeTask,
    wait: &mut Wait,
) -> Result<bool, Box<Judgement>> {
    let not_ours = |reason: String| Box::new(Judgement::without_gate(Verdict::NoReport, reason));
    let is_named_main = match name_in_question(claim, task) {
        None => false,
        Some(name) if claim.expected.target.main_branch_name() == Some(name) => true,
        Some(name) => {
            let look = async || server.main_branch(&claim.report.project_key).await.map(Look::Done);
            match wait.until("SonarQube's list of branches", &mut None, look).await {
                Waited::Done(main) => main.as_deref() == Some(name),
                Waited::TimedOut { state, understood } => {
                    let what = "did not answer for the branches of the project";
                    return Err(Box::new(timed_out(what, &state, understood, wait)));
                }
                Waited::Refused(_) => false,
            }
        }
    };
    if let Some(reason) = contradiction(claim, task, is_named_main) {
        return Err(not_ours(reason));
    }
    let target = if is_named_main { &Target::MAIN_BRANCH } else { &task.target };
    let of_main = claim.build_targets.and_then(|targets| targets.main_branch_contradiction(target));
    if let Some(reason) = of_main {
        refuse_main_branch(server, reason, wait).await.map_err(Box::new)?;
    }
    Ok(target.is_main_branch())
}

/// In the build of a pull request the main branch is judged only on a server without pull requests. `reason` says why it is
/// not elsewhere.
pub(super) async fn refuse_main_branch(
    server: &impl GateServer,
    reason: String,
    wait: &mut Wait,
) -> Result<(), Judgement> {
    let look = async || server.has_pull_requests().await;
    match wait.until("SonarQube's edition", &mut None, look).await {
        Waited::Done(false) => Ok(()),
        Waited::Done(true) => Err(Judgement::without_gate(Verdict::NoReport, reason)),
        Waited::TimedOut { state, understood } => {
            Err(timed_out("did not say whether it analyses pull requests", &state, understood, wait))
        }
        Waited::Refused(error) => {
            let reason = error.explain("ask whether the server analyses pull requests").to_string();
            Err(Judgement::without_gate(Verdict::Unknown, reason))
        }
    }
}

/// Why the report is not of this analysis, by what the task says; `None` when nothing speaks against it.
/// `is_named_main` says that one of the targets is the name of the main branch and the other the main branch.
fn contradiction(claim: &Claim<'_>, task: &CeTask, is_named_main: bool) -> Option<String> {
    let mut processed = Processed {
        project: task.project_key.as_deref(),
        target: &task.target,
        submitted: task.submitted,
        report_file: task.report_file.as_deref(),
    };
    let mut expected = claim.expected;
    if is_named_main {
        (expected.target, processed.target) = (&Target::MAIN_BRANCH, &Target::MAIN_BRANCH);
    }
    if claim.build_targets.is_some() {
        expected.target = processed.target;
    }
    // The file may name another project than the record does.
    let of_report = Expected { project: Some(&claim.report.project_key), ..expected };
    expected
        .contradiction(&processed)
        .or_else(|| of_report.contradiction(&processed))
        .or_else(|| claim.build_targets.and_then(|targets| targets.contradiction(&processed)))
        .or_else(|| match claim.start {
            Some(start) => start.report_too_old(task.submitted, task.answered, seconds_now()),
            None => {
                (expected.created.is_none() && !expected.is_proven(&processed)).then(|| NO_CLOCK.to_owned())
            }
        })
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Whether the report is of the server of the connection, which may go by another address. `asked` is the answer that is on
/// its way.
async fn check_address(
    server: &impl GateServer,
    claim: &Claim<'_>,
    mut asked: Option<InFlight<Result<Option<String>, Error>>>,
    wait: &mut Wait,
) -> Result<(), Box<Judgement>> {
    let address = &claim.report.server_url;
    if is_at(address, claim.server_url) {
        return Ok(());
    }
    let look = async || {
        let public = match asked.take() {
            Some(asked) => asked.answer().await,
            None => server.public_url().await,
        };
        public.map(Look::Done)
    };
    let judgement = match wait.until("SonarQube's own address", &mut None, look).await {
        Waited::Done(Some(public)) if Url::parse(&public).is_ok_and(|url| is_at(address, &url)) => {
            return Ok(());
        }
        Waited::Done(_) => {
            let reason = format!("The report is of the server {address}, not of {}", claim.server());
            Judgement::without_gate(Verdict::NoReport, reason)
        }
        Waited::TimedOut { state, understood } => {
            timed_out("did not answer for its own address", &state, understood, wait)
        }
        Waited::Refused(error) => {
            let reason = error.explain("ask for the server's own address").to_string();
            Judgement::without_gate(Verdict::NoReport, reason)
        }
    };
    Err(Box::new(judgement))
}

fn is_at(text: &str, url: &Url) -> bool {
    Url::parse(text).is_ok_and(|other| is_same(&other, url))
}

#[cfg(test)]
mod tests;
