//! One request.

use super::credentials::Credentials;
use super::retry::Retry;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;
use url::Url;

/// Time for a whole exchange, however slowly a server sends. The read timeout alone would let a server that sends one byte
/// a minute hold a step forever.
const TOTAL_TIME: Duration = Duration::from_secs(120);

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Request<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) credentials: Option<&'a Credentials>,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
    pub(super) retry: Retry,
    pub(super) timeout: Duration,
    pub(super) may_leave_host: bool,
}

impl<'a> Request<'a> {
    /// A GET, sent again where the network or the server fails for a moment.
    pub(crate) fn get(url: Url) -> Self {
        Self::new(Method::GET, url).retry(Retry::idempotent())
    }

    /// A request with this method, sent once.
    pub(crate) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            credentials: None,
            headers: HeaderMap::new(),
            body: None,
            retry: Retry::once(),
            timeout: TOTAL_TIME,
            may_leave_host: false,
        }
    }

    /// Sends `credentials` along, if the URL is of their origin.
    #[must_use]
    pub(crate) fn credentials(mut self, credentials: Option<&'a Credentials>) -> Self {
        self.credentials = credentials;
        self
    }

    /// The media type wanted.
    #[must_use]
    pub(crate) fn accept(self, media_type: &'static str) -> Self {
        self.header(ACCEPT, media_type)
    }

    /// A header with a fixed value.
    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// A body with its media type.
    #[must_use]
    pub(crate) fn body(mut self, media_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        self.body = Some(body.into());
        self
    }

    /// When it is sent again.
    #[must_use]
    pub(crate) fn retry(mut self, policy: Retry) -> Self {
        self.retry = policy;
        self
    }

    /// Follows a redirect to another host, which sees no credentials: for downloads whose hash is known.
    #[must_use]
    pub(crate) fn may_leave_host(mut self) -> Self {
        self.may_leave_host = true;
        self
    }

    /// Each attempt, body included, must end within this time instead of two minutes.
    #[must_use]
    pub(super) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}
