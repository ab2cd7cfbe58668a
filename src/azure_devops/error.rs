//! Why a request to Azure DevOps brought nothing usable.

use crate::http;
use std::fmt;

/// A failed request, with what to tell about it.
#[derive(Debug)]
pub enum Error {
    /// No answer.
    Network(http::Error),
    /// 401, or a redirect to or a page of the sign-in: the job's token is not accepted.
    Unauthorized(String),
    /// 403 at this URL, with the server's reason.
    Forbidden(String, String),
    /// Anything else: URL, status, reason.
    Status(String, u16, String),
    /// A success whose body is not what was asked for: URL and a word why.
    Unreadable(String, String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(error) => error.fmt(f),
            Self::Unauthorized(url) => write!(f, "{url} does not accept the job's access token"),
            Self::Forbidden(url, reason) => write!(f, "{url} answered 403 Forbidden: {reason}"),
            Self::Status(url, code, reason) => write!(f, "{url} answered {code}: {reason}"),
            Self::Unreadable(url, why) => write!(f, "{url} sent something else than asked for: {why}"),
        }
    }
}

impl std::error::Error for Error {}
