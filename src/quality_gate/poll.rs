//! How often the server is asked whether it has processed a report. Pure: the shell owns the clock.

use std::time::Duration;

/// Between the beginnings of two polls at least: two polls a second, and a little less, so that what
/// the network does to their distance does not make it three.
pub const SHORTEST_PAUSE: Duration = Duration::from_millis(510);
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
            (0, None, 510),
            (30, None, 510),
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
