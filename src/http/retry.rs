//! When to try again: how often, after which pause, for how long, and what `Retry-After` counts for. Every policy is here
//! and has a name; the call site chooses one. Pure: the caller owns the clock.

use std::time::Duration;

/// The longest wait that an input or option may ask for, in seconds: a week, longer than any pipeline runs, and short
/// enough for every clock.
pub(crate) const LONGEST_WAIT: u64 = 604_800;
/// From an answer to the next poll at least. So a server never gets more than two polls a second, however the network
/// delays them.
pub(crate) const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A policy for trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retry {
    /// Attempts in all, the first included.
    attempts: u32,
    pause: Pause,
    /// No attempt begins later than this after the first one began.
    total: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pause {
    None,
    /// Doubles with each attempt. Where the next attempt would begin too late, there is none.
    Doubling(Duration),
    /// Always the same. The last attempt is at the deadline.
    Every(Duration),
    /// Grows with the time waited: a sixtieth of it, from [`SHORTEST_PAUSE`] to [`LONGEST_PAUSE`]. So it is the
    /// shortest for the first half minute, in which most reports are processed. The last attempt is at the deadline.
    Growing,
}

impl Retry {
    /// One attempt.
    pub(crate) const fn once() -> Self {
        Self { attempts: 1, pause: Pause::None, total: Duration::ZERO }
    }

    /// For requests whose repetition changes nothing: three attempts within half a minute.
    pub(crate) const fn idempotent() -> Self {
        let first = Duration::from_millis(400);
        Self { attempts: 3, pause: Pause::Doubling(first), total: Duration::from_secs(30) }
    }

    /// For a download whose connection broke half-way: three attempts, without a pause.
    pub(crate) const fn broken_download() -> Self {
        Self { attempts: 3, pause: Pause::None, total: Duration::MAX }
    }

    /// For a download whose bytes are not those that the server announced, because a new version was published in
    /// between: once more, without a pause.
    pub(crate) const fn replaced_download() -> Self {
        Self { attempts: 2, pause: Pause::None, total: Duration::MAX }
    }

    /// For a server on its way up, which takes SonarQube one to three minutes: every five seconds for three minutes.
    pub(crate) const fn wait_until_up() -> Self {
        let every = Pause::Every(Duration::from_secs(5));
        Self { attempts: u32::MAX, pause: every, total: Duration::from_secs(180) }
    }

    /// For what a server computes, such as the outcome of a report: as often as the growing pause allows within `limit`.
    pub(crate) const fn poll_for(limit: Duration) -> Self {
        Self { attempts: u32::MAX, pause: Pause::Growing, total: limit }
    }

    /// How long it goes on.
    pub(crate) const fn total(self) -> Duration {
        self.total
    }

    /// The pause before the next attempt; `None`: there is no further attempt. `elapsed` is the time since the first
    /// attempt began, `retry_after` the pause that the server asks for, which is kept where it is the longer one.
    pub(crate) fn pause(
        self,
        attempts_made: u32,
        elapsed: Duration,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        if attempts_made >= self.attempts {
            return None;
        }
        let asked_for = retry_after.unwrap_or_default();
        let left = self.total.saturating_sub(elapsed);
        match self.pause {
            Pause::None => Some(Duration::ZERO),
            Pause::Doubling(first) => {
                let pause = first.saturating_mul(2u32.saturating_pow(attempts_made.saturating_sub(1)));
                Some(pause.max(asked_for)).filter(|pause| *pause <= left)
            }
            Pause::Every(pause) => (!left.is_zero()).then(|| pause.max(asked_for).min(left)),
            Pause::Growing => {
                let pause = (elapsed / 60).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
                (!left.is_zero()).then(|| pause.max(asked_for).min(left))
            }
        }
    }
}

/// Whether a server, or a proxy before it, that answers with this status may answer otherwise in a moment.
pub(super) fn is_transient_status(code: u16) -> bool {
    matches!(code, 429 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn idempotent_requests_are_sent_three_times_within_half_a_minute() {
        let millis = Duration::from_millis;
        for (made, elapsed, retry_after, expected) in [
            (1, seconds(0), None, Some(millis(400))),
            (2, seconds(1), None, Some(millis(800))),
            (3, seconds(2), None, None),
            (1, seconds(0), Some(seconds(7)), Some(seconds(7))),
            (1, seconds(25), Some(seconds(7)), None),
            (1, seconds(1), Some(Duration::MAX), None),
            (1, seconds(31), None, None),
        ] {
            let pause = Retry::idempotent().pause(made, elapsed, retry_after);
            assert_eq!(pause, expected, "{made} {elapsed:?} {retry_after:?}");
        }
        assert_eq!(Retry::once().pause(1, seconds(0), None), None);
    }

    #[test]
    fn only_answers_that_may_change_are_asked_for_again() {
        for (code, expected) in
            [(429, true), (503, true), (200, false), (401, false), (404, false), (500, false)]
        {
            assert_eq!(is_transient_status(code), expected, "{code}");
        }
    }

    #[test]
    fn broken_downloads_begin_again_twice() {
        let pause = |made| Retry::broken_download().pause(made, seconds(3_000), None);
        assert_eq!([pause(1), pause(2), pause(3)], [Some(seconds(0)), Some(seconds(0)), None]);
    }

    #[test]
    fn a_starting_server_is_asked_until_the_deadline() {
        for (elapsed, expected) in [(0, Some(5)), (170, Some(5)), (178, Some(2)), (180, None), (200, None)] {
            let pause = Retry::wait_until_up().pause(7, seconds(elapsed), None);
            assert_eq!(pause, expected.map(seconds), "{elapsed}");
        }
    }

    #[test]
    fn polls_become_rarer_and_the_last_one_is_at_the_deadline() {
        for (elapsed, retry_after, limit, expected_ms) in [
            (0, None, 604_800, Some(500)),
            (30, None, 604_800, Some(500)),
            (60, None, 604_800, Some(1_000)),
            (300, None, 604_800, Some(5_000)),
            (600, None, 604_800, Some(10_000)),
            (86_400, None, 604_800, Some(10_000)),
            (0, Some(7), 604_800, Some(7_000)),
            (600, Some(7), 604_800, Some(10_000)),
            (600, Some(60), 604_800, Some(60_000)),
            (299, None, 300, Some(1_000)),
            (290, Some(60), 300, Some(10_000)),
            (300, None, 300, None),
            (0, None, 0, None),
        ] {
            let pause = Retry::poll_for(seconds(limit)).pause(9, seconds(elapsed), retry_after.map(seconds));
            assert_eq!(pause, expected_ms.map(Duration::from_millis), "{elapsed} {retry_after:?} {limit}");
        }
    }
}
