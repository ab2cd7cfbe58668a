//! Waits for the server: one deadline over everything that is waited for, polls as [`Retry::poll_for`] paces them, and a
//! line in the log every fifteen seconds. A server that restarts or fails for a moment costs time, not the verdict.

use super::error::{Error, Fault};
use crate::http::{Retry, SHORTEST_PAUSE};
use std::cell::RefCell;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

const LINE_EVERY: Duration = Duration::from_secs(15);
/// Time for one poll. So a poll that hangs does not hold up the next one for long: with the pause after it, for less than ten
/// seconds.
const LONGEST_POLL: Duration = Duration::from_secs(9);
const GRACE: Duration = Duration::from_millis(1_500);

/// One wait, with one deadline, for one thing after the other.
#[derive(Debug)]
pub(crate) struct Wait {
    started: Instant,
    limit: Duration,
    /// A poll that has begun before the deadline may end this much later.
    grace: Duration,
    /// When the last line about waiting was written, or the wait began.
    said: Instant,
}

/// What one look at the server brought.
#[derive(Debug)]
pub(crate) enum Look<T> {
    /// What was waited for.
    Done(T),
    /// Not yet: the state, and the age of what is waited for in seconds, as far as the server tells it.
    NotYet {
        /// The state.
        state: String,
        /// The age.
        age: Option<u64>,
    },
}

/// How a wait ended.
#[derive(Debug)]
pub(crate) enum Waited<T> {
    /// With what was waited for.
    Done(T),
    /// At the deadline.
    TimedOut {
        /// The last state seen.
        state: String,
        /// Unless that was no answer of SonarQube's.
        understood: bool,
    },
    /// At once, because the server will not say, now or later.
    Refused(Error),
}

/// The state last seen.
struct Seen {
    state: String,
    understood: bool,
    submitted: Option<Instant>,
}

impl Wait {
    /// A wait that begins now and ends after `limit`.
    pub(crate) fn new(limit: Duration) -> Self {
        let now = Instant::now();
        Self { started: now, limit, grace: GRACE, said: now }
    }

    #[cfg(feature = "cli")]
    /// The same, for which an answer that takes a little longer is worth more than an end on time.
    #[must_use]
    pub(crate) fn patient(self) -> Self {
        Self { grace: LONGEST_POLL, ..self }
    }

    /// The deadline in seconds.
    pub(crate) fn limit(&self) -> u64 {
        self.limit.as_secs()
    }

    /// By when everything that asks the server must have ended, a last poll included.
    pub(crate) fn latest(&self) -> Instant {
        self.started + self.limit + self.grace
    }

    /// Asks by `look` until it is done, the server refuses, or the deadline has passed. `last` is when the
    /// same server last answered the same kind of question, and keeps the polls apart; `what` is what is
    /// waited for, in words that complete "Waiting for".
    pub(crate) async fn until<T>(
        &mut self,
        what: &str,
        last: &mut Option<Instant>,
        look: impl AsyncFnMut() -> Result<Look<T>, Error>,
    ) -> Waited<T> {
        let seen = RefCell::new(Seen { state: "not asked yet".into(), understood: true, submitted: None });
        let (started, limit, mut said) = (self.started, self.limit, self.said);
        let lines = async {
            loop {
                sleep_until(said + LINE_EVERY).await;
                said = Instant::now();
                say(what, started, limit, &seen.borrow());
            }
        };
        let waited = tokio::select! {
            waited = self.polls(&seen, last, look) => waited,
            never = lines => never,
        };
        self.said = said;
        waited
    }

    async fn polls<T>(
        &self,
        seen: &RefCell<Seen>,
        last: &mut Option<Instant>,
        mut look: impl AsyncFnMut() -> Result<Look<T>, Error>,
    ) -> Waited<T> {
        let mut latest = self.latest();
        let mut first = Instant::now();
        if let Some(last) = *last {
            first = first.max(last + SHORTEST_PAUSE);
        }
        // Without time to wait, each of several analyses is still looked at once.
        if self.limit.is_zero() {
            latest = latest.max(first + self.grace);
        }
        sleep_until(first.min(latest)).await;
        let (retry, mut polls) = (Retry::poll_for(self.limit), 0);
        loop {
            let now = Instant::now();
            if now >= latest {
                return timed_out(seen);
            }
            let mut retry_after = None;
            let answer = timeout_at(latest.min(now + LONGEST_POLL), look()).await;
            let answered = Instant::now();
            *last = Some(answered);
            match answer {
                Ok(Ok(Look::Done(value))) => return Waited::Done(value),
                Ok(Ok(Look::NotYet { state, age })) => {
                    let submitted = age.and_then(|age| Instant::now().checked_sub(Duration::from_secs(age)));
                    seen.replace(Seen { state, understood: true, submitted });
                }
                Ok(Err(error)) if error.is_transient() => {
                    retry_after = error.retry_after();
                    let mut seen = seen.borrow_mut();
                    seen.understood = !matches!(error.fault, Fault::NotTheApi(_));
                    seen.state = error.to_string();
                }
                Ok(Err(error)) => return Waited::Refused(error),
                Err(_) => seen.borrow_mut().state = "no answer".into(),
            }
            polls += 1;
            let Some(pause) = retry.pause(polls, now - self.started, retry_after) else {
                return timed_out(seen);
            };
            // The last look is at the deadline, or as soon after it as the shortest pause allows.
            sleep_until((now + pause).max(answered + SHORTEST_PAUSE).min(latest)).await;
        }
    }
}

fn timed_out<T>(seen: &RefCell<Seen>) -> Waited<T> {
    let seen = seen.borrow();
    Waited::TimedOut { state: seen.state.clone(), understood: seen.understood }
}

fn say(what: &str, started: Instant, limit: Duration, seen: &Seen) {
    let waited = started.elapsed().as_secs();
    let percent = waited * 100 / limit.as_secs().max(1);
    let submitted = match seen.submitted {
        Some(submitted) => format!(", submitted {} seconds ago", submitted.elapsed().as_secs()),
        None => String::new(),
    };
    tracing::info!(
        progress = percent,
        "Waiting for {what}: {}{submitted} (waited {waited} of at most {} seconds)",
        seen.state,
        limit.as_secs()
    );
}
