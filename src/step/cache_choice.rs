//! Where an analysis keeps what it downloads.

use crate::error::Result;
use crate::scanner::{Audit, Cache, CacheSeal};
use crate::secret::Secret;
use crate::step::job::Job;
use std::path::{Path, PathBuf};

/// The SONAR_USER_HOME of this job alone. It is removed with the job's temporary folder.
pub(super) fn private_home(job: &Job) -> Result<PathBuf> {
    Ok(job.predefined.temp_directory()?.join("sonar-azdo").join("user-home"))
}

/// The cache in `user_home`, or the private one of this job: where the pipeline wants that, where others can change the shared
/// one, or where damaged files in it cannot be removed. `scope` is what other programs than this one will run from it. The
/// token seals its content. A password does not, because who reads a seal could guess the password.
///
/// # Errors
/// There is no temporary folder, damaged files cannot be removed from either cache, or the run was cancelled.
pub(super) async fn choose(
    job: &Job,
    user_home: &Path,
    (token, password): (&Secret, Option<&Secret>),
    is_private: bool,
    scope: Audit,
) -> Result<Cache> {
    let seal = password.is_none().then(|| CacheSeal::new(token));
    let shared = Cache::in_user_home(user_home).sealed(seal).or_private(private_home(job)?);
    let cache = if is_private { shared.private().unwrap_or(shared) } else { shared.trusted() };
    let audited = job.cancellation.unless_requested(cache.audit(scope)).await?;
    match (audited, cache.private()) {
        (Ok(()), _) => Ok(cache),
        (Err(error), Some(private)) if private.user_home() != cache.user_home() => {
            tracing::info!("{error}. A private copy in {} is used instead", private.user_home().display());
            Ok(private)
        }
        (Err(error), _) => Err(error.into()),
    }
}
