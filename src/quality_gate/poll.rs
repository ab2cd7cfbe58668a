//! How often the server is asked whether it has processed a report. Pure: the shell owns the clock.

use std::time::Duration;

/// From an answer to the next poll at least. So the server, which gets the next after it has sent the answer,
/// never gets more than two polls within a second, whatever the network does to their distance.
pub const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
/// In seconds: a week, longer than any pipeline runs, and short enough for every clock.
pub const LONGEST_WAIT: u64 = 604_800;
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// From the beginning of a poll to that of the next, `waited` after the wait began.
///
/// The shortest for the first half minute, in which most reports are processed; then a sixtieth of the
/// time waited so far, ten seconds at most. A pause the server asks for is kept where it is longer.
pub fn pause_after_poll(waited: Duration, retry_after: Option<Duration>) -> Duration {
    (waited / 60).clamp(SHORTEST_PAUSE, LONGEST_PAUSE).max(retry_after.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses() {
        let seconds = Duration::from_secs;
        for (waited, retry_after, pause_ms) in [
            (0, None, 500),
            (30, None, 500),
            (60, None, 1_000),
            (300, None, 5_000),
            (600, None, 10_000),
            (86_400, None, 10_000),
            (0, Some(7), 7_000),
            (600, Some(7), 10_000),
            (600, Some(60), 60_000),
        ] {
            let pause = pause_after_poll(seconds(waited), retry_after.map(seconds));
            assert_eq!(pause, Duration::from_millis(pause_ms), "{waited} {retry_after:?}");
        }
    }
}
