//! The wish of the agent that a step ends now.

use tokio::sync::watch;

/// Told when the run is cancelled. Cheap to clone; one is enough for any number of waiters.
#[derive(Debug, Clone)]
pub struct Cancellation(watch::Receiver<bool>);

/// The side that cancels.
#[derive(Debug)]
pub struct CancelSource(watch::Sender<bool>);

impl CancelSource {
    /// A source and what it cancels.
    pub fn new() -> (Self, Cancellation) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Cancellation(receiver))
    }

    /// Cancels. Doing it again changes nothing.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl Cancellation {
    /// Returns when the run is cancelled; never, when it is not.
    pub async fn requested(&self) {
        if self.0.clone().wait_for(|cancelled| *cancelled).await.is_err() {
            // The source is gone without having cancelled: nobody will.
            std::future::pending::<()>().await;
        }
    }

    /// Whether it was cancelled already.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }
}
