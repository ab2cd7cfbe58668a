//! Locks between the jobs of a machine.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

const ASK_EVERY: Duration = Duration::from_millis(100);
/// Longer than any download takes that is not stuck.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Waits until no other process holds the lock `path`, under which `what` is provisioned. The lock is held until the file
/// is dropped. `None` where locks do not work or somebody holds this one for a quarter of an hour: then the worst is that
/// a file is downloaded twice.
///
/// The file stays: if it came and went, two processes could hold locks on two files of one name.
pub(super) async fn lock_file(path: &Path, what: &str) -> Option<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).ok()?;
    let mut waited = Duration::ZERO;
    // Asks again and again: a blocked thread could not be cancelled.
    loop {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(TryLockError::WouldBlock) if waited < PATIENCE => {}
            Err(_) => return None,
        }
        if waited.is_zero() {
            tracing::info!("Waiting for another job on this machine to provision {what}");
        }
        tokio::time::sleep(ASK_EVERY).await;
        waited += ASK_EVERY;
    }
}
