//! How often the server is asked whether it has processed a report. Pure: the shell owns the clock.

use std::time::Duration;

/// Bounds of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollPolicy {
    /// The wait ends this long after it began.
    pub deadline: Duration,
}

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(10);

/// The pause before the next poll, or `None` when the deadline has passed.
///
/// Half a second at first, a fourth of the time waited so far later, at most ten seconds: at most two
/// polls a second, and an answer is seen late by at most a fourth of the time it took. The last pause
/// is cut so that the last poll happens at the deadline.
pub fn next_poll(policy: PollPolicy, waited: Duration) -> Option<Duration> {
    let left = policy.deadline.checked_sub(waited).filter(|left| !left.is_zero())?;
    Some((waited / 4).clamp(FIRST, LONGEST).min(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses() {
        let policy = PollPolicy { deadline: Duration::from_secs(300) };
        for (waited_ms, pause_ms) in
            [(0, 500), (1_000, 500), (8_000, 2_000), (100_000, 10_000), (299_900, 100)]
        {
            let pause = next_poll(policy, Duration::from_millis(waited_ms));
            assert_eq!(pause, Some(Duration::from_millis(pause_ms)), "{waited_ms}");
        }
        assert_eq!(next_poll(policy, Duration::from_secs(300)), None);
        assert_eq!(next_poll(policy, Duration::from_secs(301)), None);
        assert_eq!(next_poll(PollPolicy { deadline: Duration::ZERO }, Duration::ZERO), None);
    }
}
