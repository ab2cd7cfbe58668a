//! When this pipeline began: what was there before is not of this build.

use crate::agent::{JobConnection, Predefined};
use crate::analysis::seconds_since_1970;
use crate::azure_devops::AzureDevOps;
use crate::step::job::Job;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::timeout;

/// By how many seconds a server's clock may be behind: whoever sets this machine's clock forward gains no more.
const LARGEST_LAG: u64 = 300;

/// To ask for the build.
const LONGEST_QUESTION: Duration = Duration::from_secs(30);

/// The beginning, in seconds since 1970 by the clock of Azure DevOps or of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PipelineStart(pub(super) u64);

impl PipelineStart {
    /// `System.PipelineStartTime`; where the agent knows none, the time at which Azure DevOps says that the build started.
    /// The files of a temporary folder do not tell it: an agent may fail to empty that.
    ///
    /// # Errors
    /// Why neither is known, as a sentence.
    pub(super) async fn find(job: &Job) -> Result<Self, String> {
        if let Some(start) = Self::told(job) {
            return Ok(start);
        }
        by_build(job).await.map(Self).map_err(|why| format!(
            "It is not known when this pipeline began, so what was analysed before can't be told from what this build \
             analysed: System.PipelineStartTime is not set, and {why}"
        ))
    }

    /// `System.PipelineStartTime` alone, which is that of all jobs.
    fn told(job: &Job) -> Option<Self> {
        job.predefined.system_pipelinestarttime.as_deref().and_then(seconds_since_1970).map(Self)
    }

    /// Whether something of this machine is older.
    pub(super) fn is_after(self, time: SystemTime) -> bool {
        time < UNIX_EPOCH + Duration::from_secs(self.0)
    }

    /// The beginning by the clock of a server that says it is `answered` there now; and by how many seconds that clock
    /// is behind, where it is more than is believed.
    pub(super) fn by_clock_of(self, answered: Option<u64>) -> (u64, Option<u64>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let here = now.saturating_sub(self.0);
        let Some(answered) = answered else { return (self.0, None) };
        let start = answered.saturating_sub(here).max(self.0.saturating_sub(LARGEST_LAG));
        (start, Some(now.saturating_sub(answered)).filter(|behind| *behind > LARGEST_LAG))
    }
}

/// When the build started, by Azure DevOps.
async fn by_build(job: &Job) -> Result<u64, String> {
    let Predefined { build_buildid, system_teamprojectid, system_teamproject, .. } = &job.predefined;
    let project = system_teamprojectid.as_ref().or(system_teamproject.as_ref());
    let (Some(project), Some(build)) = (project, build_buildid) else {
        return Err("the variables do not tell which build this is".into());
    };
    let Some(connection) = JobConnection::read(&job.environment, &job.predefined) else {
        return Err("this job has no access token to ask Azure DevOps for the build".into());
    };
    let azure = AzureDevOps::new(job.http.clone(), connection.collection, connection.token);
    match timeout(LONGEST_QUESTION, azure.build_start(project, build)).await {
        Ok(Ok(Some(start))) => Ok(start),
        Ok(Ok(None)) => Err("Azure DevOps does not tell the startTime of the build".into()),
        Ok(Err(error)) => Err(format!("Azure DevOps could not be asked for the build: {error}")),
        Err(_) => Err("Azure DevOps did not answer in time when asked for the build".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_forward_makes_no_old_report_new() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let by_clock_of = |start: u64, server: u64| PipelineStart(start).by_clock_of(Some(server)).0;
        // The server's clock is right, ahead and behind; some seconds may pass meanwhile.
        for (server, start) in [(now, now - 60), (now + 3600, now + 3540), (now - 200, now - 260)] {
            assert!((start - 30..=start).contains(&by_clock_of(now - 60, server)), "{server}");
        }
        // This machine's is a day ahead.
        assert_eq!(by_clock_of(now - 86_400, now - 86_340), now - 86_700);
    }
}
