//! Why a request to Azure DevOps brought nothing usable.

use crate::http;

/// A failed request, with what to tell about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error(transparent)]
    Network(http::Error),
    /// 401, or a redirect to or a page of the sign-in: the job's token is not accepted.
    #[error("{0} does not accept the job's access token")]
    Unauthorized(String),
    /// 403 at this URL, with the server's reason.
    #[error("{0} answered 403 Forbidden: {1}")]
    Forbidden(String, String),
    /// Anything else: URL, status, reason.
    #[error("{0} answered {1}: {2}")]
    Status(String, u16, String),
    /// A success whose body is not what was asked for: URL and why.
    #[error("{0} sent an unexpected answer: {1}")]
    Unreadable(String, String),
}
