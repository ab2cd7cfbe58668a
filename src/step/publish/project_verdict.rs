//! The gate of a project that SonarPublish knows by its key alone: it counts if this build analysed the project.

use super::address::public_address;
use super::evidence::{Description, ProjectEvidence};
use super::gate_server::{Analysed, GateServer};
use super::in_flight::{InFlight, meanwhile};
use super::judgement::{Judgement, Measures, timed_out};
use super::metric_names::MetricNames;
use super::report_verdict::refuse_main_branch;
use super::verify_pass::verify_pass;
use crate::analysis::{Extent, Target};
use crate::quality_gate::{PipelineStart, QualityGate, Verdict};
use crate::sonarqube::{Error, LastAnalysis, Look, SonarQube, Wait, Waited};
use url::Url;

/// The gate of a project as it is, if it was analysed since the pipeline began; and the address that people know the server
/// by. `target` is what is asked for, by the name that the server has for it.
pub(super) async fn judge_project(
    evidence: &ProjectEvidence,
    description: &Description,
    target: &Target,
    wait: &mut Wait,
    names: &mut MetricNames,
) -> (Judgement, Option<InFlight<Url>>) {
    let ProjectEvidence { sonarqube, build_targets, .. } = evidence;
    let polled = sonarqube.without_retries();
    let of_main = build_targets.as_ref().and_then(|targets| targets.main_branch_contradiction(target));
    if let Some(reason) = of_main
        && let Err(judgement) = refuse_main_branch(&polled, reason, wait).await
    {
        return (judgement, None);
    }
    let of = Analysed { project: &description.project_key, target };
    if let Err(judgement) = wait_for_analysis(evidence, &polled, of, wait).await {
        return (judgement, None);
    }
    // From here on all answers are of this build's analysis, or of a later one.
    let question = (polled.clone(), of.project.to_owned(), target.clone());
    let (server, project, of_target) = question.clone();
    let gate = InFlight::new(async move { server.current_quality_gate(&project, &of_target).await });
    let (server, project, of_target) = question;
    let mut measures = InFlight::new(async move {
        GateServer::measures(&server, Analysed { project: &project, target: &of_target }).await
    });
    let mut address = InFlight::new(public_address(sonarqube.clone()));
    let names = names.ask(sonarqube);
    let reading = read_gate(&polled, of, gate, wait);
    let mut judgement = meanwhile(&mut [&mut measures, &mut address, names], reading).await;
    judgement.measures = Measures::InFlight(measures);
    verify_pass(&polled, of, (&Extent::default(), &[]), wait, &mut judgement).await;
    (judgement, Some(address))
}

/// Waits until the project was analysed by this build. A mistake here would let the gate of an earlier build pass.
async fn wait_for_analysis(
    evidence: &ProjectEvidence,
    polled: &SonarQube,
    Analysed { project, target }: Analysed<'_>,
    wait: &mut Wait,
) -> Result<(), Judgement> {
    let ProjectEvidence { start, revision, .. } = evidence;
    let look = async || {
        let queue = polled.pending_reports(project, target).await?;
        if let Some(count @ 1..) = queue {
            return Ok(Look::NotYet { state: in_the_queue(count), age: None });
        }
        let last = polled.last_analysis(project, target).await?;
        if queue.is_none() && last.as_ref().is_none_or(|last| start.is_after_analysis(last.date)) {
            // A token that may not see the queue cannot tell what is still to come.
            return Ok(Look::NotYet { state: "not analysed since this pipeline began".into(), age: None });
        }
        Ok(Look::Done(last))
    };
    match wait.until(&format!("an analysis of {project}"), &mut None, look).await {
        Waited::Done(last) => match not_of_this_build(last.as_ref(), *start, revision.as_deref(), target) {
            Some(reason) => Err(Judgement::without_gate(Verdict::NoReport, reason)),
            None => Ok(()),
        },
        Waited::TimedOut { state, understood } => Err(no_answer(&state, understood, wait)),
        Waited::Refused(error) => Err(refused(error)),
    }
}

/// The gate. `asked` is the answer that is on its way.
async fn read_gate(
    polled: &SonarQube,
    Analysed { project, target }: Analysed<'_>,
    asked: InFlight<Result<QualityGate, Error>>,
    wait: &mut Wait,
) -> Judgement {
    let mut asked = Some(asked);
    let look = async || {
        let gate = match asked.take() {
            Some(asked) => asked.answer().await,
            None => polled.current_quality_gate(project, target).await,
        };
        gate.map(Look::Done)
    };
    match wait.until("SonarQube's quality gate", &mut None, look).await {
        Waited::Done(gate) => Judgement::of_gate(gate),
        Waited::TimedOut { state, understood } => no_answer(&state, understood, wait),
        Waited::Refused(error) => refused(error),
    }
}

fn no_answer(state: &str, understood: bool, wait: &Wait) -> Judgement {
    timed_out("did not answer for the quality gate", state, understood, wait)
}

fn refused(error: Error) -> Judgement {
    Judgement::without_gate(Verdict::Unknown, error.explain("read the quality gate").to_string())
}

/// `1 report in the queue`.
fn in_the_queue(count: usize) -> String {
    let noun = if count == 1 { "report" } else { "reports" };
    format!("{count} {noun} in the queue")
}

/// Why the last analysis of a project is not of this build; `None` when it may be.
fn not_of_this_build(
    last: Option<&LastAnalysis>,
    start: PipelineStart,
    revision: Option<&str>,
    target: &Target,
) -> Option<String> {
    let name = target.name();
    let Some(LastAnalysis { date, revision: analysed, answered }) = last else {
        return Some(format!("SonarQube knows no analysis of the {name}"));
    };
    start.analysis_too_old(&name, *date, *answered).or_else(|| {
        let (analysed, revision) = (analysed.as_deref()?, revision?);
        (!analysed.eq_ignore_ascii_case(revision)).then(|| {
            format!(
                "The last analysis of the {name} is of the commit {analysed}, and this build is of {revision}"
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_analysis_must_be_of_this_build() {
        let start = PipelineStart::of(Some(100), None).unwrap();
        let last = |date, revision: Option<&str>, answered| {
            Some(LastAnalysis { date, revision: revision.map(str::to_owned), answered })
        };
        for (last, words) in [
            (last(100, None, None), None),
            (last(100, Some("ABC"), Some(100)), None),
            (None, Some("knows no analysis of the branch x")),
            (last(99, None, None), Some("is 1 second older")),
            (last(130, None, Some(120)), Some("10 seconds ahead of SonarQube's clock")),
            (last(120, Some("def"), Some(120)), Some("is of the commit def, and this build is of abc")),
        ] {
            let target = Target::branch("x");
            let found = not_of_this_build(last.as_ref(), start, Some("abc"), &target);
            assert_eq!(found.is_some(), words.is_some(), "{last:?}: {found:?}");
            assert!(found.is_none_or(|reason| reason.contains(words.unwrap_or_default())));
        }
        let of_any = last(120, Some("def"), Some(120));
        assert_eq!(not_of_this_build(of_any.as_ref(), start, None, &Target::MAIN_BRANCH), None);
    }
}
