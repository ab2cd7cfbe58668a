//! The one place where HTTP clients are made and requests are sent.

use super::credentials::{Credentials, is_https_upgrade};
use super::error::{Error, ErrorKind, classify};
use super::response::{Response, unless_cancelled};
use super::retry::{Outcome, RetryPolicy, pause_before_retry};
use super::tls;
use crate::cancel::Cancellation;
use crate::error::cause_chain;
use crate::secret::Secret;
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use url::Url;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_REDIRECTS: usize = 5;
/// The whole exchange takes no longer, however slowly a server sends: the read timeout alone would let one that sends
/// a byte a minute hold a step for ever.
const TOTAL_TIME: Duration = Duration::from_secs(120);

/// How this job reaches the network. Filled by the agent edge.
#[derive(Debug, Clone, Default)]
pub struct NetworkSettings {
    /// PEM files with certificate authorities trusted beside the platform's own (`Agent.CAInfo`).
    pub ca_files: Vec<PathBuf>,
    /// Proxies; the first whose scope has a URL's scheme is used.
    pub proxies: Vec<Proxy>,
    /// Any certificate is accepted: of Azure DevOps if the agent was configured with `--sslskipcertvalidation`, of
    /// everything else if the input `allowInvalidCertificate` says so.
    pub skip_certificate_validation: bool,
}

/// A forward proxy and what goes past it.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Which URLs go through it.
    pub scope: ProxyScope,
    /// `http://host:port`.
    pub url: Url,
    /// User and password for the proxy's Basic authentication.
    pub credentials: Option<(String, Secret)>,
    /// Hosts that are reached directly, in `NO_PROXY` syntax.
    pub no_proxy: String,
}

/// Which URLs a proxy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyScope {
    /// `http://` only.
    Http,
    /// `https://` only.
    Https,
    /// Both.
    All,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    method: Method,
    url: Url,
    credentials: Option<&'a Credentials>,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    retry: RetryPolicy,
    timeout: Duration,
    may_leave_host: bool,
}

impl<'a> Request<'a> {
    /// A GET, retried when the network or the server hiccups.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url).retry(RetryPolicy::IDEMPOTENT)
    }

    /// A request with this method, sent once.
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            credentials: None,
            headers: HeaderMap::new(),
            body: None,
            retry: RetryPolicy::ONCE,
            timeout: TOTAL_TIME,
            may_leave_host: false,
        }
    }

    /// Sends `credentials` along, if the URL is of their origin.
    #[must_use]
    pub fn credentials(mut self, credentials: Option<&'a Credentials>) -> Self {
        self.credentials = credentials;
        self
    }

    /// The media type wanted.
    #[must_use]
    pub fn accept(self, media_type: &'static str) -> Self {
        self.header(ACCEPT, media_type)
    }

    /// A header with a fixed value.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// A body with its media type.
    #[must_use]
    pub fn body(mut self, media_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        self.body = Some(body.into());
        self
    }

    /// How often it is tried.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Follows a redirect to another host, which sees no credentials: for downloads whose hash is known.
    #[must_use]
    pub fn may_leave_host(mut self) -> Self {
        self.may_leave_host = true;
        self
    }

    /// Each attempt, body included, must end within this time. Default: two minutes. Between two bytes 60 seconds
    /// may pass in any case.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Sends requests. Cheap to clone; TLS is set up when the first `https` URL is asked for.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
    cancellation: Option<Cancellation>,
}

#[derive(Debug)]
struct Inner {
    settings: NetworkSettings,
    plain: OnceLock<reqwest::Client>,
    tls: OnceLock<reqwest::Client>,
}

impl Client {
    /// A client for these settings. Opens nothing and reads no file yet.
    pub fn new(settings: NetworkSettings) -> Self {
        Self {
            inner: Arc::new(Inner { settings, plain: OnceLock::new(), tls: OnceLock::new() }),
            cancellation: None,
        }
    }

    /// The same client, whose requests fail at once when the run is cancelled, whatever they wait for.
    #[must_use]
    pub fn until(self, cancellation: Cancellation) -> Self {
        Self { cancellation: Some(cancellation), ..self }
    }

    /// How it reaches the network.
    pub fn settings(&self) -> &NetworkSettings {
        &self.inner.settings
    }

    /// Sends `request`, follows redirects on the same host, and tries again as its policy says.
    /// Whatever status comes back is an `Ok`.
    ///
    /// # Errors
    /// Nobody answered, TLS is not trusted, the server redirects to another host, or the run was cancelled.
    pub async fn send(&self, request: Request<'_>) -> Result<Response, Error> {
        unless_cancelled(self.cancellation.as_ref(), &request.url, self.send_and_retry(&request)).await
    }

    async fn send_and_retry(&self, request: &Request<'_>) -> Result<Response, Error> {
        let started = Instant::now();
        let mut attempts = 0;
        loop {
            let result = self.send_once(request).await;
            attempts += 1;
            let outcome = match &result {
                Ok(response) => {
                    Outcome::Status { code: response.status().as_u16(), retry_after: response.retry_after() }
                }
                Err(error) => Outcome::NoAnswer { transient: error.is_transient() },
            };
            let Some(pause) = pause_before_retry(request.retry, attempts, started.elapsed(), outcome) else {
                return result;
            };
            match &result {
                Ok(response) => {
                    tracing::debug!("{} answered {}, trying again", response.url().path(), response.status());
                }
                Err(error) => tracing::debug!("{error}, trying again"),
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn send_once(&self, request: &Request<'_>) -> Result<Response, Error> {
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut builder = self
                .client_for(&url)?
                .request(request.method.clone(), url.clone())
                .headers(request.headers.clone());
            if let Some(credentials) = request.credentials.filter(|c| c.may_be_sent_to(&url)) {
                let value = credentials.header_value();
                let mut value = HeaderValue::from_str(value.expose()).map_err(|_| {
                    Error::new(ErrorKind::Setup, &url, "the token holds characters no header may hold")
                })?;
                value.set_sensitive(true);
                builder = builder.header(AUTHORIZATION, value);
            }
            if let Some(body) = &request.body {
                builder = builder.body(body.clone());
            }
            let failed = |error| classify(&url, error).through(self.settings().proxy_for(&url));
            let response = builder.timeout(request.timeout).send().await.map_err(failed)?;
            tracing::debug!(
                "{} {} -> {}",
                request.method,
                super::error::printable(&url),
                response.status().as_u16()
            );
            match self.redirect_target(request, &url, &response)? {
                Some(target) => url = target,
                None => {
                    let cancellation = self.cancellation.clone();
                    return Ok(Response { inner: response, url, cancellation });
                }
            }
        }
        Err(Error::new(ErrorKind::Redirect, &request.url, format_args!("more than {MAX_REDIRECTS} times")))
    }

    /// Where to go next. Requests that carry credentials stay on their host: a redirect elsewhere is a
    /// sign-in page or a wrong URL, and following it would ask strangers.
    fn redirect_target(
        &self,
        request: &Request<'_>,
        url: &Url,
        response: &reqwest::Response,
    ) -> Result<Option<Url>, Error> {
        if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let Some(location) = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()) else {
            return Ok(None);
        };
        let target = url.join(location).map_err(|error| Error::new(ErrorKind::Redirect, url, error))?;
        let stays = target.origin() == url.origin() || is_https_upgrade(&url.origin(), &target);
        let changes_method = request.method != Method::GET && response.status().as_u16() <= 303;
        // A download from elsewhere, which sees no credentials, may redirect as it likes.
        let bound = !request.may_leave_host
            && request.credentials.is_some_and(|credentials| credentials.may_be_sent_to(url));
        if changes_method || (bound && !stays) {
            return Err(Error::new(
                ErrorKind::Redirect,
                url,
                format_args!("to {}", super::error::printable(&target)),
            ));
        }
        Ok(Some(target))
    }

    fn client_for(&self, url: &Url) -> Result<&reqwest::Client, Error> {
        // A proxy may speak TLS where the server does not.
        let proxies = &self.inner.settings.proxies;
        let tls = url.scheme() == "https" || proxies.iter().any(|proxy| proxy.url.scheme() == "https");
        let cell = if tls { &self.inner.tls } else { &self.inner.plain };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let client = build(&self.inner.settings, url, tls)?;
        Ok(cell.get_or_init(|| client))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn build(settings: &NetworkSettings, url: &Url, tls: bool) -> Result<reqwest::Client, Error> {
    let setup = |cause: String| Error::new(ErrorKind::Setup, url, cause);
    // Trust is read only when a TLS connection is wanted: it costs more than the rest of a short step.
    let tls_config = if tls { tls::trusting(settings, url)? } else { tls::trusting_nobody() };
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("sonar-azdo/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_backend_preconfigured(tls_config);
    if !settings.proxies.is_empty() {
        builder = builder.proxy(settings.proxies_of_client());
    }
    builder.build().map_err(|error| setup(cause_chain(&error)))
}

#[cfg(test)]
mod tests;
