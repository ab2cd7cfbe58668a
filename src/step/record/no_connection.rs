//! Builds that get no service connection, so that SonarPrepare never ran: pull requests from forks.

use crate::agent::OnMissingConnection;
use crate::step::job::Job;
use crate::step::record::list::Records;

/// Why nothing was prepared, where that is to be skipped; `None` where it is an error. To be asked when there are
/// no records: `wish` is the input `onMissingConnection`.
pub(crate) fn reason(
    job: &Job,
    records: &Records,
    wish: Option<OnMissingConnection>,
) -> Option<&'static str> {
    // A SonarPrepare that began had its connection; its records may be gone since, but not its token.
    let is_token = |(name, _): (&str, _)| name.starts_with("SECRET_SONAR_AZDO_TOKEN_");
    if records.is_prepare_noted() || job.environment.iter().any(is_token) {
        return None;
    }
    wished(job, wish)
}

/// Why a missing connection is to be skipped here; `None` where it is an error.
pub(crate) fn wished(job: &Job, wish: Option<OnMissingConnection>) -> Option<&'static str> {
    match (wish, job.predefined.is_fork()) {
        (Some(OnMissingConnection::Fail), _) | (None, false) => None,
        (_, true) => Some(
            "this pull request comes from a fork, whose builds get no secrets: without a service connection \
             SonarPrepare could not run",
        ),
        (Some(OnMissingConnection::Skip), false) => {
            Some("SonarPrepare did not run, and onMissingConnection is skip")
        }
    }
}
