//! The one place where HTTP clients are made and requests are sent.

use super::error::{Error, ErrorKind};
use super::retry::{Outcome, RetryPolicy, pause_before_retry};
use crate::error::cause_chain;
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::{Method, StatusCode};
use rustls_pki_types::pem::PemObject as _;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use url::{Origin, Url};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_REDIRECTS: usize = 5;

/// How this job reaches the network. Filled by the agent edge.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// PEM files with certificate authorities trusted beside the platform's own (`Agent.CAInfo`).
    pub ca_files: Vec<PathBuf>,
    /// Proxies; the first whose scope has a URL's scheme is used.
    pub proxies: Vec<Proxy>,
    /// Set by an administrator who configured the agent with `--sslskipcertvalidation`.
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

/// How requests prove who sends them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication {
    /// `Authorization: Basic base64("<token>:")`: SonarQube's oldest form, understood by every version.
    BasicToken(Secret),
    /// User name and password, of connections made before tokens.
    BasicPassword {
        /// The user name.
        user: Secret,
        /// The password.
        password: Secret,
    },
    /// `Authorization: Bearer <token>`.
    Bearer(Secret),
}

impl Authentication {
    /// The value of the Authorization header.
    pub fn header_value(&self) -> Secret {
        match self {
            Self::BasicToken(token) => {
                Secret::new(format!("Basic {}", BASE64.encode(format!("{}:", token.expose()))))
            }
            Self::BasicPassword { user, password } => {
                let pair = format!("{}:{}", user.expose(), password.expose());
                Secret::new(format!("Basic {}", BASE64.encode(pair)))
            }
            Self::Bearer(token) => Secret::new(format!("Bearer {}", token.expose())),
        }
    }
}

/// An [`Authentication`] and the one origin that may see it.
#[derive(Debug, Clone)]
pub struct Credentials {
    origin: Origin,
    authentication: Authentication,
}

impl Credentials {
    /// Credentials for the origin of `base_url` and no other.
    pub fn new(base_url: &Url, authentication: Authentication) -> Self {
        Self { origin: base_url.origin(), authentication }
    }

    fn may_be_sent_to(&self, url: &Url) -> bool {
        self.origin == url.origin() || is_https_upgrade(&self.origin, url)
    }
}

/// The same host, by TLS on the default port instead of without it on the default port.
fn is_https_upgrade(origin: &Origin, url: &Url) -> bool {
    matches!((origin, url.origin()),
        (Origin::Tuple(from, host, 80), Origin::Tuple(to, same_host, 443))
            if from == "http" && to == "https" && *host == same_host)
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
    timeout: Option<Duration>,
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
            timeout: None,
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

    /// The whole exchange, body included, must end within this time. Default: no bound but the read
    /// timeout of 60 seconds between two bytes.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// An answer whose body has not been read yet.
#[derive(Debug)]
pub struct Response {
    inner: reqwest::Response,
    url: Url,
}

impl Response {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// The URL that answered, after redirects.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }

    /// The media type without parameters, in lower case; empty when none was sent.
    pub fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// How long the server asks to wait, from `Retry-After` in seconds.
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(self.inner.headers())
    }

    /// When the server sent it, by its own clock, in seconds since 1970.
    pub fn date(&self) -> Option<u64> {
        let date = httpdate::parse_http_date(self.header("date")?).ok()?;
        Some(date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs())
    }

    /// Announced length of the body.
    pub fn content_length(&self) -> Option<u64> {
        self.inner.content_length()
    }

    /// The whole body.
    ///
    /// # Errors
    /// The connection broke or the timeout passed.
    pub async fn bytes(self) -> Result<Vec<u8>, Error> {
        let url = self.url;
        self.inner.bytes().await.map(Into::into).map_err(|error| classify(&url, error))
    }

    /// The whole body as text; what is not UTF-8 is replaced.
    ///
    /// # Errors
    /// As [`Response::bytes`].
    pub async fn text(self) -> Result<String, Error> {
        Ok(String::from_utf8_lossy(&self.bytes().await?).into_owned())
    }

    /// The next piece of the body, `None` at its end.
    ///
    /// # Errors
    /// As [`Response::bytes`].
    pub async fn chunk(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, Error> {
        self.inner.chunk().await.map_err(|error| classify(&self.url, error))
    }
}

/// Sends requests. Cheap to clone; TLS is set up when the first `https` URL is asked for.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    plain: OnceLock<reqwest::Client>,
    tls: OnceLock<reqwest::Client>,
}

impl Client {
    /// A client for these settings. Opens nothing and reads no file yet.
    pub fn new(settings: Settings) -> Self {
        Self { inner: Arc::new(Inner { settings, plain: OnceLock::new(), tls: OnceLock::new() }) }
    }

    /// Sends `request`, follows redirects on the same host, and tries again as its policy says.
    /// Whatever status comes back is an `Ok`.
    ///
    /// # Errors
    /// Nobody answered, TLS is not trusted, or the server redirects to another host.
    pub async fn send(&self, request: Request<'_>) -> Result<Response, Error> {
        let started = Instant::now();
        let mut attempts = 0;
        loop {
            let result = self.send_once(&request).await;
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
                let value = credentials.authentication.header_value();
                let mut value = HeaderValue::from_str(value.expose()).map_err(|_| {
                    Error::new(ErrorKind::Setup, &url, "the token holds characters no header may hold")
                })?;
                value.set_sensitive(true);
                builder = builder.header(AUTHORIZATION, value);
            }
            if let Some(body) = &request.body {
                builder = builder.body(body.clone());
            }
            if let Some(timeout) = request.timeout {
                builder = builder.timeout(timeout);
            }
            let response = builder.send().await.map_err(|error| classify(&url, error))?;
            tracing::debug!(
                "{} {} -> {}",
                request.method,
                super::error::printable(&url),
                response.status().as_u16()
            );
            match self.redirect_target(request, &url, &response)? {
                Some(target) => url = target,
                None => return Ok(Response { inner: response, url }),
            }
        }
        Err(Error::new(ErrorKind::Redirect, &request.url, format_args!("more than {MAX_REDIRECTS} times")))
    }

    /// Where to go next. Requests with credentials stay on their host: a redirect elsewhere is a
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
        if changes_method || (request.credentials.is_some() && !stays) {
            return Err(Error::new(
                ErrorKind::Redirect,
                url,
                format_args!("to {}", super::error::printable(&target)),
            ));
        }
        Ok(Some(target))
    }

    fn client_for(&self, url: &Url) -> Result<&reqwest::Client, Error> {
        let tls = url.scheme() == "https";
        let cell = if tls { &self.inner.tls } else { &self.inner.plain };
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let client = build(&self.inner.settings, url, tls)?;
        Ok(cell.get_or_init(|| client))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn build(settings: &Settings, url: &Url, tls: bool) -> Result<reqwest::Client, Error> {
    let setup = |cause: String| Error::new(ErrorKind::Setup, url, cause);
    // Trust is read only when a TLS connection is wanted: it costs more than the rest of a short step.
    let tls_config = if tls { trusting(settings, url)? } else { trusting_nobody() };
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("sonar-azdo/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_backend_preconfigured(tls_config);
    for proxy in &settings.proxies {
        let to = match proxy.scope {
            ProxyScope::Http => reqwest::Proxy::http(proxy.url.clone()),
            ProxyScope::Https => reqwest::Proxy::https(proxy.url.clone()),
            ProxyScope::All => reqwest::Proxy::all(proxy.url.clone()),
        };
        let mut to = to.map_err(|error| setup(cause_chain(&error)))?;
        if let Some((user, password)) = &proxy.credentials {
            to = to.basic_auth(user, password.expose());
        }
        builder = builder.proxy(to.no_proxy(reqwest::NoProxy::from_string(&proxy.no_proxy)));
    }
    builder.build().map_err(|error| setup(cause_chain(&error)))
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn trusting(settings: &Settings, url: &Url) -> Result<rustls::ClientConfig, Error> {
    let setup = |cause: String| Error::new(ErrorKind::Setup, url, cause);
    let builder = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| setup(error.to_string()))?;
    if settings.skip_certificate_validation {
        return Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(unverified::TrustAnybody(provider())))
            .with_no_client_auth());
    }
    let mut extra = Vec::new();
    for file in &settings.ca_files {
        let unreadable =
            |error: &dyn std::fmt::Display| setup(format!("the CA file {}: {error}", file.display()));
        let certificates =
            rustls_pki_types::CertificateDer::pem_file_iter(file).map_err(|e| unreadable(&e))?;
        for certificate in certificates {
            extra.push(certificate.map_err(|e| unreadable(&e))?);
        }
    }
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider())
        .map_err(|error| setup(error.to_string()))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

fn trusting_nobody() -> rustls::ClientConfig {
    #[expect(
        clippy::expect_used,
        reason = "the ring provider supports the default protocol versions by definition"
    )]
    rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("ring has TLS 1.2 and 1.3")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn classify(url: &Url, error: reqwest::Error) -> Error {
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

/// For agents configured with `--sslskipcertvalidation` only.
mod unverified {
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
    use rustls::{DigitallySignedStruct, SignatureScheme};
    use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
    use std::sync::Arc;

    #[derive(Debug)]
    pub(super) struct TrustAnybody(pub(super) Arc<CryptoProvider>);

    impl ServerCertVerifier for TrustAnybody {
        fn verify_server_cert(
            &self,
            _end_entity: &CertificateDer<'_>,
            _intermediates: &[CertificateDer<'_>],
            _server_name: &ServerName<'_>,
            _ocsp_response: &[u8],
            _now: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_to_their_origin_and_its_https_twin_only() {
        let url = |text| Url::parse(text).unwrap();
        let token = || Authentication::Bearer(Secret::new("t"));
        for (base, target, allowed) in [
            ("https://sonar.example/x", "https://sonar.example/api", true),
            ("http://sonar.example", "https://sonar.example/api", true),
            ("https://sonar.example", "http://sonar.example/api", false),
            ("https://sonar.example", "https://evil.example/api", false),
            ("https://sonar.example", "https://sonar.example:8443/api", false),
            ("http://sonar.example:9000", "https://sonar.example/api", false),
        ] {
            assert_eq!(
                Credentials::new(&url(base), token()).may_be_sent_to(&url(target)),
                allowed,
                "{base} {target}"
            );
        }
    }

    #[test]
    fn header_values() {
        assert_eq!(
            Authentication::BasicToken(Secret::new("squ_1")).header_value().expose(),
            "Basic c3F1XzE6"
        );
        assert_eq!(Authentication::Bearer(Secret::new("squ_1")).header_value().expose(), "Bearer squ_1");
    }
}
