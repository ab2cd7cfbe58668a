//! Whether a report, or the last analysis of a project, is of this build or an older one.
//!
//! A mistake here is a green build: the report of an earlier run would pass for this one's. So each rule refuses what it
//! cannot tell, and no clock of this machine makes an old report new.

use super::seconds;

/// By how many seconds the clock of SonarQube may be behind this machine's. Whoever sets this machine's clock forward gains
/// no more than that.
const LARGEST_LAG: u64 = 300;

/// Why a report does not count that nothing proves to be of this run.
pub const NO_CLOCK: &str = "Cannot tell whether this build submitted the report: SonarQube sent no Date header when the analysis was \
                            prepared, System.PipelineStartTime is not set, and Azure DevOps does not tell when the build started";

/// When the pipeline began, in seconds since 1970 by the clock of Azure DevOps: what is older is not of this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PipelineStart(u64);

impl PipelineStart {
    /// The beginning by `System.PipelineStartTime` and by the build's own start time, as far as they are known.
    ///
    /// The later one counts: a step of the same job can overwrite the variable with an earlier time, and an old report would
    /// look fresh.
    pub fn of(variable: Option<u64>, build: Option<u64>) -> Option<Self> {
        variable.max(build).map(Self)
    }

    /// Whether a file that was written at this time is older.
    pub fn is_after(self, written: u64) -> bool {
        written < self.0
    }

    /// Whether the date of an analysis is earlier. The date is by the clock of the scanner's machine, or what
    /// `sonar.projectDate` says, so that the server's clock is no measure for it.
    pub fn is_after_analysis(self, date: u64) -> bool {
        date < self.0
    }

    /// Why a report that was submitted before the pipeline began does not count. `submitted` and `answered`, when SonarQube
    /// said so, are by its own clock, `now` is by this machine's.
    pub fn report_too_old(self, submitted: Option<u64>, answered: Option<u64>, now: u64) -> Option<String> {
        let (start, behind) = self.by_clock_of(answered, now);
        let early = start.checked_sub(submitted?).filter(|early| *early > 0)?;
        let clocks = behind.map(|behind| {
            format!(
                ". The clocks of this machine and of SonarQube differ by {}: set them right",
                seconds(behind)
            )
        });
        let clocks = clocks.unwrap_or_default();
        Some(format!(
            "The report is too old: it was submitted {} before this pipeline began{clocks}",
            seconds(early)
        ))
    }

    /// Why the last analysis of `name` is not of this build, by its date. `answered` is when the server said so, by its own
    /// clock.
    pub fn analysis_too_old(self, name: &str, date: u64, answered: Option<u64>) -> Option<String> {
        if self.is_after_analysis(date) {
            return Some(format!(
                "This build did not analyse the {name}: its last analysis is {} older than this pipeline's run",
                seconds(self.0 - date)
            ));
        }
        // sonar.projectDate may be any date. An analysis that counts was made before the server told of it.
        let ahead = answered.and_then(|now| date.checked_sub(now)).filter(|ahead| *ahead > 0)?;
        Some(format!(
            "Cannot tell when the last analysis of the {name} was made: its date is {} ahead of SonarQube's clock. Remove \
             sonar.projectDate from the analysis, and set the clocks of the agent and of SonarQube right",
            seconds(ahead)
        ))
    }

    /// The beginning by the clock of a server that says it is `answered` there while it is `now` here; and by how many
    /// seconds that clock is behind, where it is more than is believed.
    fn by_clock_of(self, answered: Option<u64>, now: u64) -> (u64, Option<u64>) {
        let Some(answered) = answered else { return (self.0, None) };
        let since = now.saturating_sub(self.0);
        let start = answered.saturating_sub(since).max(self.0.saturating_sub(LARGEST_LAG));
        (start, Some(now.saturating_sub(answered)).filter(|behind| *behind > LARGEST_LAG))
    }
}

/// Why a report is older than the record of its analysis. Both times are by the server's clock, to the second: a tolerance
/// would let the report of an earlier run pass. Without the time of the record another proof is needed.
pub(super) fn older_than_record(submitted: Option<u64>, created: Option<u64>) -> Option<String> {
    match (submitted, created) {
        (None, _) => Some("SonarQube does not say when the report was submitted".into()),
        (Some(submitted), Some(created)) if submitted < created => Some(format!(
            "The report is too old: it was submitted {} before this analysis was prepared",
            seconds(created - submitted)
        )),
        (Some(_), _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_forward_makes_no_old_report_new() {
        let now = 1_000_000;
        // The server's clock is right, ahead and behind.
        for (server, start) in [(now, now - 60), (now + 3600, now + 3540), (now - 200, now - 260)] {
            assert_eq!(PipelineStart(now - 60).by_clock_of(Some(server), now).0, start, "{server}");
        }
        // This machine's is a day ahead.
        assert_eq!(PipelineStart(now - 86_400).by_clock_of(Some(now - 86_340), now).0, now - 86_700);
        // A report is refused from the first second on.
        let too_old = |submitted| PipelineStart(now - 60).report_too_old(Some(submitted), Some(now), now);
        assert_eq!(too_old(now - 60), None);
        assert!(
            too_old(now - 61).is_some_and(|reason| reason.contains("1 second before this pipeline began"))
        );
    }

    #[test]
    fn the_later_beginning_counts() {
        for (variable, build, expected) in [
            (None, None, None),
            (Some(5), None, Some(PipelineStart(5))),
            (None, Some(7), Some(PipelineStart(7))),
            (Some(5), Some(7), Some(PipelineStart(7))),
            (Some(9), Some(7), Some(PipelineStart(9))),
        ] {
            assert_eq!(PipelineStart::of(variable, build), expected);
        }
    }

    #[test]
    fn the_last_analysis_must_be_dated_within_this_build() {
        for (date, answered, words) in [
            (100, None, None),
            (100, Some(100), None),
            (99, None, Some("is 1 second older")),
            (130, Some(120), Some("10 seconds ahead of SonarQube's clock")),
        ] {
            let found = PipelineStart(100).analysis_too_old("branch x", date, answered);
            assert_eq!(found.is_some(), words.is_some(), "{date}: {found:?}");
            assert!(found.is_none_or(|reason| reason.contains(words.unwrap_or_default())));
        }
    }
}
