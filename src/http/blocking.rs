//! Work that would hold up the one thread that everything else runs on.

use std::io;

/// Does `work` on the blocking pool. It is boxed and its answer is text, whatever is made of that, because each
/// other kind of work would be kilobytes of the binary.
///
/// # Errors
/// Those of the work.
pub async fn blocking(work: Box<dyn FnOnce() -> io::Result<String> + Send>) -> io::Result<String> {
    // An error of the join can only be a panic, which proves nothing.
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other).flatten()
}
