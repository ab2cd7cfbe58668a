//! Why no usable answer came back.

use super::proxy::Proxy;
use std::fmt;
use url::Url;

/// A request that got no answer, or an answer that could not be read. An HTTP error status is not an
/// error here, but a [`super::Response`].
#[derive(Debug, thiserror::Error)]
#[error("{}", sentence(*.kind, .url, .cause))]
pub struct Error {
    /// What went wrong.
    pub kind: ErrorKind,
    /// The URL asked for, without user info, query and fragment.
    pub url: String,
    /// The cause in words of the library that saw it; empty when there is nothing to add.
    pub cause: String,
}

/// Kinds of [`Error`] a caller tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The host name is unknown, nothing listens there, or the network is down.
    Unreachable,
    /// The server's certificate is not trusted, or the TLS handshake failed.
    Tls,
    /// No answer in time.
    Timeout,
    /// A redirect to another host or a loop: not followed.
    Redirect,
    /// The answer to a download has a status other than 200; the cause is that status.
    Status,
    /// The connection broke while the answer was read.
    Interrupted,
    /// The answer is larger than the limit.
    TooLarge,
    /// The run was cancelled while the request was under way.
    Cancelled,
    /// The downloaded bytes have another checksum than announced.
    Checksum,
    /// Writing the download to disk failed.
    Disk,
    /// The client itself could not be set up (CA file, proxy).
    Setup,
}

impl Error {
    pub(super) fn new(kind: ErrorKind, url: &Url, cause: impl fmt::Display) -> Self {
        Self { kind, url: printable(url), cause: cause.to_string() }
    }

    /// The same, of a request that goes through this proxy, which may be the one that failed.
    pub(super) fn through(mut self, proxy: Option<&Proxy>) -> Self {
        if let Some(proxy) = proxy {
            let colon = if self.cause.is_empty() { "" } else { ": " };
            self.cause = format!("through the proxy {}{colon}{}", proxy.address(), self.cause);
        }
        self
    }

    /// Whether trying again may help.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self.kind, ErrorKind::Unreachable | ErrorKind::Timeout | ErrorKind::Interrupted)
    }
}

/// What failed, where, and why.
fn sentence(kind: ErrorKind, url: &str, cause: &str) -> String {
    let what = match kind {
        ErrorKind::Status => return format!("{url} answered {cause}"),
        ErrorKind::Unreachable => format!("{url} could not be reached"),
        ErrorKind::Tls => format!("the TLS connection to {url} failed"),
        ErrorKind::Timeout => format!("{url} did not answer in time"),
        ErrorKind::Redirect => format!("{url} answered with a redirect that is not followed"),
        ErrorKind::TooLarge => format!("the answer of {url} is too large"),
        ErrorKind::Cancelled => format!("the request to {url} was cancelled"),
        ErrorKind::Interrupted => format!("the connection to {url} broke"),
        ErrorKind::Checksum => format!("the download of {url} is damaged"),
        ErrorKind::Disk => format!("the download of {url} could not be stored"),
        ErrorKind::Setup => format!("the HTTP client for {url} could not be set up"),
    };
    if cause.is_empty() { what } else { format!("{what}: {cause}") }
}

/// A URL fit for a log: no user info, no query, no fragment (each may hold secrets).
pub(crate) fn printable(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for URLs that cannot have user info; those have none to hide.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

/// What an error of the HTTP library means.
pub(super) fn classify(url: &Url, error: reqwest::Error) -> Error {
    let tls = is_tls(&error);
    let kind = if tls {
        ErrorKind::Tls
    } else if error.is_timeout() {
        ErrorKind::Timeout
    } else if error.is_connect() || error.is_request() {
        ErrorKind::Unreachable
    } else if error.is_builder() {
        ErrorKind::Setup
    } else {
        ErrorKind::Interrupted
    };
    let url = url.clone();
    let cause = root_cause(&error.without_url());
    Error::new(kind, &url, cause)
}

/// Whether rustls is the cause. An io::Error hides its own cause from `source`, and it comes wrapped in another.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<rustls::Error>()
        || error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .is_some_and(|inner| is_tls(inner))
        || error.source().is_some_and(is_tls)
}

/// The innermost cause: the one line of the chain that tells a user something.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_urls_are_not_printed() {
        let url = Url::parse("https://user:pass@sonar.example/api/x?token=1#f").unwrap();
        let error = Error::new(ErrorKind::Timeout, &url, "");
        assert_eq!(error.to_string(), "https://sonar.example/api/x did not answer in time");
    }
}
