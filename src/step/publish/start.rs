//! When this pipeline began: what was there before is not of this build.

use crate::analysis::seconds_since_1970;
use crate::step::Job;
use std::fs::Metadata;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// By how many seconds a server's clock may be behind: whoever sets this machine's clock forward gains no more.
const LARGEST_LAG: u64 = 300;

/// The beginning, in seconds since 1970 by the clock of Azure DevOps or of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PipelineStart(pub(super) u64);

impl PipelineStart {
    /// `System.PipelineStartTime`; where the agent knows none, since when the oldest entry of
    /// `Agent.TempDirectory` has lain there, which the agent empties when a job begins. `None` when neither can be told.
    pub(super) fn find(job: &Job) -> Option<Self> {
        Self::told(job).or_else(|| oldest_entry(&job.predefined.temp_directory().ok()?).map(Self))
    }

    /// `System.PipelineStartTime` alone, which is that of all jobs.
    pub(super) fn told(job: &Job) -> Option<Self> {
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

fn oldest_entry(folder: &Path) -> Option<u64> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    entries.filter_map(|entry| since(&entry.metadata().ok()?)).min()
}

/// Since when something lies where it does, as it is. The file system itself keeps that time: no step can choose an
/// earlier one, neither with `touch -d` nor by moving what is older.
#[cfg(unix)]
fn since(metadata: &Metadata) -> Option<u64> {
    u64::try_from(std::os::unix::fs::MetadataExt::ctime(metadata)).ok()
}

/// Likewise; Windows tells when it was made.
#[cfg(not(unix))]
fn since(metadata: &Metadata) -> Option<u64> {
    let made = metadata.created().or_else(|_| metadata.modified()).ok()?;
    Some(made.duration_since(UNIX_EPOCH).ok()?.as_secs())
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
