//! The gate of a project that SonarPublish knows by its key alone: it counts if this build analysed the project.

use super::judge::{Judge, Shown, link, take, without_gate};
use super::pipeline_start::PipelineStart;
use super::report_verdict::{Analysed, Judgement, gate_verdict, timed_out};
use super::verify_pass::verify_pass;
use crate::analysis::{Extent, Target};
use crate::quality_gate::{Verdict, seconds};
use crate::sonarqube::{LastAnalysis, Look, SonarQube, Waited};
use crate::summary::AnalysisResult;

impl Judge {
    /// The gate of a project as it is, if it was analysed since the pipeline began.
    pub(super) async fn ask_project(
        &mut self,
        sonarqube: &SonarQube,
        start: PipelineStart,
        revision: Option<&str>,
        result: &mut AnalysisResult,
    ) -> Option<Shown> {
        let project = result.project_key.clone();
        // The name of a main branch is SonarQube's own here, and by it the queue tells its reports from others.
        let target = result.target.clone().as_named_branch();
        result.dashboard_url = Some(link(sonarqube.base_url(), result));
        self.by_key.insert(result.project_key.clone());
        let polled = sonarqube.without_retries();
        let look = async || {
            let queue = polled.pending_reports(&project, &target).await?;
            if let Some(count @ 1..) = queue {
                return Ok(Look::NotYet { state: in_the_queue(count), age: None });
            }
            let last = polled.last_analysis(&project, &target).await?;
            // The date is by the clock of the scanner's machine, or its sonar.projectDate; what the server's clock says
            // is no measure for it.
            if queue.is_none() && last.as_ref().is_none_or(|last| last.date < start.0) {
                // A token that may not see the queue can't tell what is still to come.
                return Ok(Look::NotYet {
                    state: "not analysed since this pipeline began".into(),
                    age: None,
                });
            }
            Ok(Look::Done(last))
        };
        let what = format!("an analysis of {project}");
        let gate = match self.wait.until(&what, &mut None, look).await {
            Waited::Done(last) => {
                if let Some(reason) = foreign(last.as_ref(), start, revision, &target) {
                    return without_gate(result, Verdict::NoReport, reason);
                }
                let look = async || polled.current_quality_gate(&project, &target).await.map(Look::Done);
                self.wait.until("SonarQube's quality gate", &mut None, look).await
            }
            Waited::TimedOut { state, understood } => Waited::TimedOut { state, understood },
            Waited::Refused(error) => Waited::Refused(error),
        };
        match gate {
            Waited::Done(gate) => {
                let (verdict, reason) = gate_verdict(&gate);
                let mut judgement = Judgement::new(verdict, reason, Some(gate));
                let of = Analysed { project: &project, target: &target };
                let nothing = (&Extent::default(), [].as_slice());
                verify_pass(&polled, of, nothing, &mut self.wait, &mut judgement).await;
                take(result, judgement);
                Some(Shown::Measures(sonarqube.clone(), target))
            }
            Waited::TimedOut { state, understood } => {
                let judgement = timed_out("has not told the quality gate", &state, understood, &self.wait);
                (result.verdict, result.reason) = (judgement.verdict, judgement.reason);
                None
            }
            Waited::Refused(error) => {
                without_gate(result, Verdict::Unknown, error.explain("read the quality gate").to_string())
            }
        }
    }
}

/// `1 report in the queue`.
fn in_the_queue(count: usize) -> String {
    let noun = if count == 1 { "report" } else { "reports" };
    format!("{count} {noun} in the queue")
}

/// Why the last analysis of a project is not of this build; `None` when it may be.
fn foreign(
    last: Option<&LastAnalysis>,
    start: PipelineStart,
    revision: Option<&str>,
    target: &Target,
) -> Option<String> {
    let name = target.name();
    let Some(LastAnalysis { date, revision: analysed, answered }) = last else {
        return Some(format!("SonarQube knows no analysis of the {name}"));
    };
    if *date < start.0 {
        return Some(format!(
            "{name} was not analysed by this build: its last analysis is {} older than this pipeline's run",
            seconds(start.0 - date)
        ));
    }
    // sonar.projectDate may be any date; none that counts is still to come.
    if let Some(ahead) = answered.and_then(|now| date.checked_sub(now)).filter(|ahead| *ahead > 0) {
        return Some(format!(
            "The last analysis of {name} has a date {} after the clock of SonarQube, so it does not tell when it was made. \
             Take sonar.projectDate out of the analysis, and set the clocks of the agent and of SonarQube right",
            seconds(ahead)
        ));
    }
    match (analysed.as_deref(), revision) {
        (Some(analysed), Some(revision)) if !analysed.eq_ignore_ascii_case(revision) => Some(format!(
            "The last analysis of {name} is of the commit {analysed}, and this build is of {revision}"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_analysis_must_be_of_this_build() {
        let last = |date, revision: Option<&str>, answered| {
            Some(LastAnalysis { date, revision: revision.map(str::to_owned), answered })
        };
        for (last, words) in [
            (last(100, None, None), None),
            (last(100, Some("ABC"), Some(100)), None),
            (None, Some("knows no analysis of the branch x")),
            (last(99, None, None), Some("is 1 second older")),
            (last(130, None, Some(120)), Some("10 seconds after the clock")),
            (last(120, Some("def"), Some(120)), Some("is of the commit def, and this build is of abc")),
        ] {
            let target = Target::branch("x");
            let found = foreign(last.as_ref(), PipelineStart(100), Some("abc"), &target);
            assert_eq!(found.is_some(), words.is_some(), "{last:?}: {found:?}");
            assert!(found.is_none_or(|reason| reason.contains(words.unwrap_or_default())));
        }
        let of_any = last(120, Some("def"), Some(120));
        assert_eq!(foreign(of_any.as_ref(), PipelineStart(100), None, &Target::MAIN_BRANCH), None);
    }
}
