//! A panic is a bug of ours: it is caught, and becomes an error that names its place.

use crate::error::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

/// Knows where this process panicked.
#[derive(Debug, Clone)]
pub struct Bugs(Arc<Mutex<Option<String>>>);

impl Bugs {
    /// Notes the place of the first panic from now on. Rust's own report, which quotes values, is not written: they may
    /// come from outside, or be secrets.
    pub fn watch() -> Self {
        let noted = Arc::<Mutex<Option<String>>>::default();
        let bugs = Self(Arc::clone(&noted));
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
            noted.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(place);
        }));
        bugs
    }

    /// Whether there was a panic.
    pub fn are_found(&self) -> bool {
        self.place().is_some()
    }

    /// What `work` brings.
    ///
    /// # Errors
    /// Those of the work, and its panic.
    pub async fn caught<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut work = std::pin::pin!(work);
        let poll = std::future::poll_fn(|context| {
            // After a panic the work is not polled again, so that nobody sees what it left half done.
            catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)))
                .unwrap_or_else(|_| Poll::Ready(Err(self.error())))
        });
        poll.await
    }

    /// The same, for work that waits for nothing.
    ///
    /// # Errors
    /// Those of the work, and its panic.
    pub fn caught_now<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(self.error()))
    }

    fn place(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn error(&self) -> Error {
        let place = self.place().unwrap_or_else(|| "an unknown place".to_owned());
        Error::new(format!("sonar-azdo {} has a bug, at {place}", env!("CARGO_PKG_VERSION")))
            .hint("Nothing that this task was about to say counts. Please report the bug with this line.")
    }
}
