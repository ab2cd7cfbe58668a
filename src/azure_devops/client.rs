//! The client: base URL, the job's token, and how an answer becomes a value or an error.

use super::error::Error;
use crate::http::{Authentication, Client, Credentials, ErrorKind, Method, Request, Response, Retry};
use crate::secret::Secret;
use reqwest::header::HeaderName;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use url::Url;

/// An organisation or collection, as the job's token sees it.
#[derive(Debug, Clone)]
pub struct AzureDevOps {
    http: Client,
    collection: Url,
    credentials: Credentials,
}

/// Asks for a 401 instead of a redirect to the sign-in page.
const NO_SIGN_IN_PAGE: HeaderName = HeaderName::from_static("x-tfs-fedauthredirect");

impl AzureDevOps {
    /// A client for `collection` (its URL without trailing slash).
    pub fn new(http: Client, collection: Url, token: Secret) -> Self {
        let credentials = Credentials::new(&collection, Authentication::Bearer(token));
        Self { http, collection, credentials }
    }

    /// The URL of a resource: path segments are encoded, `api-version` is added.
    pub(super) fn url(&self, segments: &[&str], api_version: &str) -> Url {
        let mut url = self.collection.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url.query_pairs_mut().append_pair("api-version", api_version);
        url
    }

    /// GET, and the JSON of a success.
    pub(super) async fn json<T: DeserializeOwned>(&self, url: Url) -> Result<T, Error> {
        let Json { body, shown } = self.exchange(Request::get(url)).await?;
        parse(&body, shown)
    }

    /// A JSON patch, whose operations set values: sending it again changes nothing.
    pub(super) async fn patch(&self, url: Url, operations: &[Operation<'_>]) -> Result<(), Error> {
        let body = serde_json::to_vec(operations)
            .map_err(|error| Error::Unreadable(shown(&url), error.to_string()))?;
        let request = Request::new(Method::PATCH, url)
            .body("application/json-patch+json", body)
            .retry(Retry::idempotent());
        let Json { body, shown } = self.exchange(request).await?;
        parse::<IgnoredAny>(&body, shown).map(drop)
    }

    /// The body of a success, which says that it is JSON.
    async fn exchange(&self, request: Request<'_>) -> Result<Json, Error> {
        let request = request
            .credentials(Some(&self.credentials))
            .accept("application/json")
            .header(NO_SIGN_IN_PAGE, "Suppress");
        let response = self.http.send(request).await.map_err(|error| match error.kind {
            // Azure DevOps Services redirects to its sign-in host when the token is missing or dead.
            ErrorKind::Redirect => Error::Unauthorized(error.url),
            _ => Error::Network(error),
        })?;
        let shown = shown(response.url());
        match response.status().as_u16() {
            // 203 carries the sign-in page.
            203 | 302 | 401 => return Err(Error::Unauthorized(shown)),
            403 => return Err(Error::Forbidden(shown, reason(response).await)),
            code if !response.status().is_success() => {
                return Err(Error::Status(shown, code, reason(response).await));
            }
            _ => {}
        }
        if response.media_type() != "application/json" {
            return Err(Error::Unreadable(shown, response.media_type()));
        }
        let body = response.text().await.map_err(Error::Network)?;
        Ok(Json { body, shown })
    }
}

/// The body of a success, and the URL that sent it, for messages.
struct Json {
    body: String,
    shown: String,
}

/// One operation of a JSON patch.
#[derive(Serialize)]
pub(super) struct Operation<'a> {
    pub(super) op: &'static str,
    /// A JSON pointer.
    pub(super) path: String,
    pub(super) value: &'a str,
}

fn parse<T: DeserializeOwned>(body: &str, url: String) -> Result<T, Error> {
    serde_json::from_str(body).map_err(|error| Error::Unreadable(url, error.to_string()))
}

fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}

/// `message` of an error body.
async fn reason(response: Response) -> String {
    #[derive(Deserialize)]
    struct ErrorBody {
        message: String,
    }
    let text = response.text().await.unwrap_or_default();
    serde_json::from_str::<ErrorBody>(&text).map(|body| body.message).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_encoded_and_collections_kept() {
        let client = |base: &str| {
            AzureDevOps::new(
                Client::new(crate::http::NetworkSettings::default()),
                Url::parse(base).unwrap(),
                Secret::new("t"),
            )
        };
        let segments = ["My Project", "_apis", "git", "repositories", "a/b"];
        assert_eq!(
            client("https://tfs.corp/tfs/Default Collection").url(&segments, "5.0").as_str(),
            "https://tfs.corp/tfs/Default%20Collection/My%20Project/_apis/git/repositories/a%2Fb?api-version=5.0"
        );
        assert_eq!(
            client("https://dev.azure.com/org/").url(&["p", "_apis"], "5.0").as_str(),
            "https://dev.azure.com/org/p/_apis?api-version=5.0"
        );
    }
}
