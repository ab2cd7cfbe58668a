//! The one place where HTTP clients are made and requests are sent.

use super::credentials::is_https_upgrade;
use super::error::{Error, ErrorKind, classify, printable};
use super::network_settings::NetworkSettings;
use super::request::Request;
use super::response::{Response, unless_cancelled};
use super::retry::is_transient_status;
use super::tls;
use crate::cancel::Cancellation;
use crate::error::cause_chain;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderValue, LOCATION};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use url::Url;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_REDIRECTS: usize = 5;

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
    pub(crate) fn until(self, cancellation: Cancellation) -> Self {
        Self { cancellation: Some(cancellation), ..self }
    }

    /// How it reaches the network.
    pub(crate) fn settings(&self) -> &NetworkSettings {
        &self.inner.settings
    }

    /// Sends `request`, follows redirects on the same host, and tries again as its policy says.
    /// Whatever status comes back is an `Ok`.
    ///
    /// # Errors
    /// Nobody answered, TLS is not trusted, the server redirects to another host, or the run was cancelled.
    pub(crate) async fn send(&self, request: Request<'_>) -> Result<Response, Error> {
        unless_cancelled(self.cancellation.as_ref(), &request.url, self.send_and_retry(&request)).await
    }

    async fn send_and_retry(&self, request: &Request<'_>) -> Result<Response, Error> {
        let started = Instant::now();
        let mut attempts = 0;
        loop {
            let result = self.send_once(request).await;
            attempts += 1;
            let (is_transient, retry_after) = match &result {
                Ok(response) => (is_transient_status(response.status().as_u16()), response.retry_after()),
                Err(error) => (error.is_transient(), None),
            };
            let pause = request.retry.pause(attempts, started.elapsed(), retry_after);
            let Some(pause) = pause.filter(|_| is_transient) else { return result };
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
                    Error::new(
                        ErrorKind::Setup,
                        &url,
                        "the token holds characters that an HTTP header must not have",
                    )
                })?;
                value.set_sensitive(true);
                builder = builder.header(AUTHORIZATION, value);
            }
            if let Some(body) = &request.body {
                builder = builder.body(body.clone());
            }
            let failed = |error| classify(&url, error).through(self.settings().proxy_for(&url));
            let response = builder.timeout(request.timeout).send().await.map_err(failed)?;
            tracing::debug!("{} {} -> {}", request.method, printable(&url), response.status().as_u16());
            match self.redirect_target(request, &url, &response)? {
                Some(target) => url = target,
                None => {
                    let cancellation = self.cancellation.clone();
                    return Ok(Response { inner: response, url, cancellation });
                }
            }
        }
        Err(Error::new(
            ErrorKind::Redirect,
            &request.url,
            format_args!("more than {MAX_REDIRECTS} redirects in a row"),
        ))
    }

    /// Where to go next. Requests that carry credentials stay on their host: a redirect to another host leads to a sign-in
    /// page or means that the URL is wrong, and the answer of that host must not pass for the server's.
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
        // A download from another host, which sees no credentials, may redirect to any host.
        let bound = !request.may_leave_host
            && request.credentials.is_some_and(|credentials| credentials.may_be_sent_to(url));
        if changes_method || (bound && !stays) {
            return Err(Error::new(
                ErrorKind::Redirect,
                url,
                format_args!("it leads to {}", printable(&target)),
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
    let tls_config = if tls { tls::trusting(settings, url)? } else { tls::without_trust() };
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
