//! Which job of the build this is, and which attempt of it.

use crate::agent::Environment;
use crate::quality_gate::BuildJob;

/// This job's part of the build's properties, by names that no other job of the build has.
///
/// `System.PhaseName` is the job as the pipeline names it, `System.JobName` the leg of a matrix (and
/// `__default` or the job's own name without one).
pub(crate) fn this_job(environment: &Environment) -> BuildJob {
    let variable = |name: &str| environment.variable(name).unwrap_or_default();
    let first =
        |names: &[&'static str]| names.iter().map(|name| variable(name)).find(|value| !value.is_empty());
    let attempt = |name: &str| variable(name).parse().unwrap_or(1);
    let job =
        first(&["System.PhaseName", "System.JobName", "Agent.JobName", "System.JobId"]).unwrap_or("job");
    let mut leg = variable("System.JobName");
    if leg.is_empty() || leg == job || leg == "__default" {
        // Jobs that `parallel` makes have one name.
        leg = variable("System.JobPositionInPhase");
    }
    if leg == "1" {
        leg = "";
    }
    let stage = first(&["System.StageName"]).unwrap_or("__default");
    BuildJob::new(&[stage, job, leg], (attempt("System.StageAttempt"), attempt("System.JobAttempt")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_job_has_a_name_of_its_own() {
        for (variables, expected) in [
            (&[][..], "__default.job"),
            (&[("SYSTEM_JOBID", "12f1")], "__default.12f1"),
            (&[("AGENT_JOBNAME", "Job"), ("SYSTEM_JOBID", "12f1")], "__default.job"),
            (
                &[
                    ("SYSTEM_STAGENAME", "Build"),
                    ("SYSTEM_PHASENAME", "unit"),
                    ("SYSTEM_JOBNAME", "__default"),
                ],
                "build.unit",
            ),
            (&[("SYSTEM_STAGENAME", "Build"), ("SYSTEM_JOBNAME", "unit")], "build.unit"),
            (&[("SYSTEM_PHASENAME", "unit"), ("SYSTEM_JOBNAME", "unit")], "__default.unit"),
            (&[("SYSTEM_PHASENAME", "unit"), ("SYSTEM_JOBNAME", "linux")], "__default.unit.linux"),
            (&[("SYSTEM_PHASENAME", "unit"), ("SYSTEM_JOBPOSITIONINPHASE", "1")], "__default.unit"),
            (&[("SYSTEM_PHASENAME", "unit"), ("SYSTEM_JOBPOSITIONINPHASE", "2")], "__default.unit.2"),
        ] {
            let environment =
                Environment::new(variables.iter().map(|(name, value)| (name.into(), value.into())));
            assert_eq!(
                this_job(&environment).announcement_property(),
                format!("sonar-azdo-turn.{expected}"),
                "{variables:?}"
            );
        }
        let retried = [("SYSTEM_STAGEATTEMPT", "2"), ("SYSTEM_JOBATTEMPT", "3")];
        let environment = Environment::new(retried.map(|(name, value)| (name.into(), value.into())));
        assert_eq!(this_job(&environment), BuildJob::new(&["__default", "job", ""], (2, 3)));
    }
}
