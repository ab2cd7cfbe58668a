//! When to try again: a pure function of what happened, how often, and how long ago it began.

use std::time::Duration;

/// How often and how long a request is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included. At least 1.
    pub attempts: u32,
    /// Pause before the second attempt; doubles with each further one.
    pub first_pause: Duration,
    /// No pause ends later than this after the first attempt began.
    pub budget: Duration,
}

impl RetryPolicy {
    /// For requests whose repetition changes nothing.
    pub const IDEMPOTENT: Self =
        Self { attempts: 3, first_pause: Duration::from_millis(400), budget: Duration::from_secs(30) };
    /// One attempt.
    pub const ONCE: Self = Self { attempts: 1, first_pause: Duration::ZERO, budget: Duration::ZERO };
}

/// What an attempt ended with, as far as trying again is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// No answer; `transient` says whether trying again may help.
    NoAnswer { transient: bool },
    /// An answer with this status and the server's wish for a pause.
    Status { code: u16, retry_after: Option<Duration> },
}

/// The pause before the next attempt; `None`: take what there is.
pub(super) fn pause_before_retry(
    policy: RetryPolicy,
    attempts_made: u32,
    elapsed: Duration,
    outcome: Outcome,
) -> Option<Duration> {
    if attempts_made >= policy.attempts {
        return None;
    }
    let backoff = policy.first_pause.saturating_mul(2u32.saturating_pow(attempts_made.saturating_sub(1)));
    let pause = match outcome {
        Outcome::NoAnswer { transient: true } => backoff,
        Outcome::Status { code: 429 | 502 | 503 | 504, retry_after } => {
            retry_after.unwrap_or(backoff).max(backoff)
        }
        Outcome::NoAnswer { transient: false } | Outcome::Status { .. } => return None,
    };
    elapsed.checked_add(pause).is_some_and(|end| end <= policy.budget).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions() {
        let policy = RetryPolicy::IDEMPOTENT;
        let status = |code, retry_after| Outcome::Status { code, retry_after };
        let secs = Duration::from_secs;
        let millis = Duration::from_millis;
        for (made, elapsed, outcome, expected) in [
            (1, secs(0), Outcome::NoAnswer { transient: true }, Some(millis(400))),
            (2, secs(1), Outcome::NoAnswer { transient: true }, Some(millis(800))),
            (3, secs(2), Outcome::NoAnswer { transient: true }, None),
            (1, secs(0), Outcome::NoAnswer { transient: false }, None),
            (1, secs(0), status(503, None), Some(millis(400))),
            (1, secs(0), status(429, Some(secs(7))), Some(secs(7))),
            (1, secs(25), status(429, Some(secs(7))), None),
            (1, secs(1), status(429, Some(Duration::MAX)), None),
            (1, secs(0), status(401, None), None),
            (1, secs(0), status(404, None), None),
            (1, secs(0), status(500, None), None),
            (1, secs(0), status(200, None), None),
        ] {
            assert_eq!(pause_before_retry(policy, made, elapsed, outcome), expected, "{made} {outcome:?}");
        }
        assert_eq!(
            pause_before_retry(RetryPolicy::ONCE, 1, secs(0), Outcome::NoAnswer { transient: true }),
            None
        );
    }
}
