//! The agent's wish that a step ends now. It is raised in one place and has two stages: first all work stops, then
//! there is a little time for last words, such as the verdict that a build records.

use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How long last words may take. The agent gives a cancelled step ten seconds or more.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Told when the run is cancelled. Cheap to clone; one is enough for any number of waiters.
#[derive(Debug, Clone)]
pub struct Cancellation(watch::Receiver<Option<Instant>>);

/// The side that cancels.
#[derive(Debug)]
pub struct CancelSource(watch::Sender<Option<Instant>>);

/// The run was cancelled before the work was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The run was cancelled")]
pub struct Cancelled;

impl CancelSource {
    /// A source and what it cancels.
    pub fn new() -> (Self, Cancellation) {
        let (sender, receiver) = watch::channel(None);
        (Self(sender), Cancellation(receiver))
    }

    /// Cancels. Doing it again changes nothing.
    pub fn cancel(&self) {
        self.0.send_if_modified(|since| {
            let is_first = since.is_none();
            since.get_or_insert_with(Instant::now);
            is_first
        });
    }
}

impl Cancellation {
    /// Returns when the run is cancelled; never, when it is not.
    pub async fn requested(&self) {
        self.since().await;
    }

    /// Whether it was cancelled already.
    pub fn is_requested(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Does the `work` of the first stage. It is dropped when the run is cancelled.
    ///
    /// # Errors
    /// The run was cancelled first.
    pub async fn unless_requested<T>(&self, work: impl Future<Output = T>) -> Result<T, Cancelled> {
        tokio::select! {
            done = work => Ok(done),
            () = self.requested() => Err(Cancelled),
        }
    }

    /// Does work that may go on for a little when the run is cancelled: last words. It is dropped three seconds after that.
    ///
    /// # Errors
    /// The run was cancelled, and the time for last words is up.
    pub async fn unless_over<T>(&self, work: impl Future<Output = T>) -> Result<T, Cancelled> {
        let over = async { sleep_until(self.since().await + LAST_WORDS).await };
        tokio::select! {
            done = work => Ok(done),
            () = over => Err(Cancelled),
        }
    }

    async fn since(&self) -> Instant {
        let mut receiver = self.0.clone();
        let since = receiver.wait_for(Option::is_some).await.ok().and_then(|since| *since);
        match since {
            Some(since) => since,
            // The source is gone and did not cancel, so nobody will.
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn work_stops_at_once_and_last_words_three_seconds_later() {
        let (source, cancellation) = CancelSource::new();
        let begun = Instant::now();
        let cancel = async {
            sleep(Duration::from_secs(10)).await;
            source.cancel();
            // Again, which changes nothing.
            sleep(Duration::from_secs(1)).await;
            source.cancel();
        };
        let work = async {
            let ended = cancellation.unless_requested(std::future::pending::<()>()).await;
            (ended, begun.elapsed().as_secs())
        };
        let last_words = async {
            let ended = cancellation.unless_over(std::future::pending::<()>()).await;
            (ended, begun.elapsed().as_secs())
        };
        let ((), work, last_words) = tokio::join!(cancel, work, last_words);
        assert_eq!((work, last_words), ((Err(Cancelled), 10), (Err(Cancelled), 13)));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_cancellation_work_is_done() {
        let (source, cancellation) = CancelSource::new();
        drop(source);
        let work = async { sleep(Duration::from_secs(60)).await };
        assert_eq!(cancellation.unless_requested(work).await, Ok(()));
        assert!(!cancellation.is_requested());
    }
}
