//! The client: base URLs, credentials, and how an answer becomes a value or a fault.

use super::error::{Error, Fault};
use crate::analysis::{ServerKind, Target};
use crate::http::{Authentication, Client, Credentials, Request, Response, Retry};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

/// A SonarQube, as one token sees it.
#[derive(Debug, Clone)]
pub struct SonarQube {
    http: Client,
    base: Url,
    api: Url,
    kind: ServerKind,
    credentials: Credentials,
    api_credentials: Credentials,
    retry: Retry,
}

impl SonarQube {
    /// A client for the server at `base`, whose v2 API is at `api` (see [`SonarQube::api_url_of`]).
    pub fn new(http: Client, base: Url, api: Url, kind: ServerKind, authentication: Authentication) -> Self {
        let credentials = Credentials::new(&base, authentication.clone());
        // SonarQube Cloud serves its v2 API from a host of its own, which takes the same token.
        let api_credentials = Credentials::new(&api, authentication);
        Self { http, base, api, kind, credentials, api_credentials, retry: Retry::idempotent() }
    }

    /// The same client without second attempts, for callers that poll by themselves.
    #[must_use]
    pub(crate) fn without_retries(&self) -> Self {
        Self { retry: Retry::once(), ..self.clone() }
    }

    /// Where the v2 API of the server at `base` is: below it, or on Cloud's own host for it.
    pub fn api_url_of(base: &Url, kind: ServerKind) -> Url {
        let mut api = base.clone();
        match (kind, base.host_str()) {
            (ServerKind::Cloud, Some(host)) => {
                let host = format!("api.{}", host.trim_start_matches("www."));
                // A host name with `api.` before it is a host name.
                let _ = api.set_host(Some(&host));
                api.set_path("");
            }
            _ => api.set_path(&format!("{}/api/v2", base.path().trim_end_matches('/'))),
        }
        api
    }

    /// The base URL.
    pub(crate) fn base_url(&self) -> &Url {
        &self.base
    }

    /// The base URL for messages: without a trailing slash.
    pub(crate) fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Base URL of the v2 API.
    pub(crate) fn api_url(&self) -> &Url {
        &self.api
    }

    /// Server or Cloud.
    pub(crate) fn kind(&self) -> ServerKind {
        self.kind
    }

    /// The HTTP client, for downloads of what this server offers.
    pub(crate) fn http(&self) -> &Client {
        &self.http
    }

    /// The credentials for downloads from below the base URL.
    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The credentials for downloads from the v2 API.
    pub(crate) fn download_credentials(&self) -> &Credentials {
        &self.api_credentials
    }

    /// A URL below the base, with a query.
    pub(super) fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        below(&self.base, path, query)
    }

    /// A URL below the v2 API.
    pub(super) fn v2_url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        below(&self.api, path, query)
    }

    /// GET, and the answer whatever its status.
    pub(super) async fn response(&self, url: Url) -> Result<Response, Error> {
        let shown = shown(&url);
        let credentials =
            if url.origin() == self.base.origin() { &self.credentials } else { &self.api_credentials };
        let request =
            Request::get(url).credentials(Some(credentials)).accept("application/json").retry(self.retry);
        self.http.send(request).await.map_err(|error| Error { url: shown, fault: Fault::Network(error) })
    }

    /// GET, and the JSON of a success.
    pub(super) async fn json<T: DeserializeOwned>(&self, url: Url) -> Result<Answer<T>, Error> {
        let response = success(self.response(url).await?).await?;
        let date = response.date();
        let url = shown(response.url());
        let media_type = response.media_type();
        if !(media_type == "application/json" || media_type.ends_with("+json")) {
            let what = if media_type.is_empty() { "without a media type".into() } else { media_type };
            return Err(Error { url, fault: Fault::NotTheApi(what) });
        }
        let body = match response.text().await {
            Ok(body) => body,
            Err(error) => return Err(Error { url, fault: Fault::Network(error) }),
        };
        match serde_json::from_str(&body) {
            Ok(value) => Ok(Answer { value, url, date }),
            Err(error) => {
                Err(Error { url, fault: Fault::NotTheApi(format!("JSON that could not be read ({error})")) })
            }
        }
    }
}

/// An answer, the URL it came from, without query, and when it was sent, by the server's clock in seconds
/// since 1970, if the server told.
pub(super) struct Answer<T> {
    pub(super) value: T,
    pub(super) url: String,
    pub(super) date: Option<u64>,
}

impl<T> Answer<T> {
    /// The same with a part of the value.
    pub(super) fn map<U>(self, part: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { value: part(self.value), url: self.url, date: self.date }
    }
}

/// `None` where the server says that this token may not know: by 401, by 403, or by 404, which also stands for what the
/// token may not see.
pub(super) fn if_allowed<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(Error { fault: Fault::Unauthorized | Fault::Forbidden(_) | Fault::NotFound(_), .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The parameters that ask about a branch or pull request.
pub(super) fn of_target(target: &Target) -> impl Iterator<Item = (&'static str, &str)> {
    let (branch, pull_request) = target.parameters();
    branch.map(|name| ("branch", name)).into_iter().chain(pull_request.map(|key| ("pullRequest", key)))
}

pub(super) fn below(base: &Url, path: &str, query: &[(&str, &str)]) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

/// A URL without its query, for messages.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}

/// The response, if its status is a success; else the fault, with the reason the body gives.
pub(super) async fn success(response: Response) -> Result<Response, Error> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let url = shown(response.url());
    let retry_after = response.retry_after();
    let reason = match response.text().await {
        Ok(body) => reason(&body),
        // The status tells enough.
        Err(_) => String::new(),
    };
    let fault = match status.as_u16() {
        401 => Fault::Unauthorized,
        403 => Fault::Forbidden(reason),
        404 => Fault::NotFound(reason),
        429 => Fault::TooManyRequests(retry_after),
        503 => Fault::Unavailable(retry_after),
        code => Fault::Status(code, reason),
    };
    Err(Error { url, fault })
}

/// The messages of an error body: `{"errors":[{"msg"}]}` of v1, `{"message"}` of v2; nothing else,
/// because an HTML page is of no use in a message.
fn reason(body: &str) -> String {
    #[derive(Deserialize)]
    struct FailureJson {
        #[serde(default)]
        errors: Vec<MessageJson>,
        message: Option<String>,
    }
    #[derive(Deserialize)]
    struct MessageJson {
        msg: String,
    }
    let Ok(body) = serde_json::from_str::<FailureJson>(body) else { return String::new() };
    let messages: Vec<_> = body.errors.into_iter().map(|error| error.msg).chain(body.message).collect();
    messages.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_v2_api_is() {
        for (base, kind, api) in [
            ("http://sonar.example:9000", ServerKind::Server, "http://sonar.example:9000/api/v2"),
            ("https://corp.example/sonar", ServerKind::Server, "https://corp.example/sonar/api/v2"),
            ("https://sonarcloud.io", ServerKind::Cloud, "https://api.sonarcloud.io/"),
            ("https://sonarqube.us", ServerKind::Cloud, "https://api.sonarqube.us/"),
        ] {
            assert_eq!(SonarQube::api_url_of(&Url::parse(base).unwrap(), kind).as_str(), api);
        }
    }

    #[test]
    fn urls_keep_the_context_path_and_encode_the_query() {
        let base = Url::parse("https://corp.example/sonar").unwrap();
        assert_eq!(
            below(&base, "api/ce/task", &[("id", "a&b c")]).as_str(),
            "https://corp.example/sonar/api/ce/task?id=a%26b+c"
        );
    }

    #[test]
    fn reasons() {
        assert_eq!(reason(r#"{"errors":[{"msg":"a"},{"msg":"b"}]}"#), "a; b");
        assert_eq!(reason(r#"{"message":"c"}"#), "c");
        assert_eq!(reason("<html>"), "");
    }
}
