//! Work that would hold up the one thread that everything else runs on.

use std::io;

/// Does `work` on the blocking pool. It is boxed and its answer is text, whatever is made of that, because each
/// other kind of work would be kilobytes of the binary.
///
/// # Errors
/// Those of the work.
pub async fn blocking(work: Box<dyn FnOnce() -> io::Result<String> + Send>) -> io::Result<String> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // The bug goes on to whoever catches those of the step.
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(io::Error::other(error)),
    }
}
