//! An answer, and the bounds of what is taken of it.

use super::error::{Error, ErrorKind, classify};
use crate::cancel::{Cancellation, Cancelled};
use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use std::time::Duration;
use url::Url;

/// The largest answer that is kept in memory.
const LARGEST_BODY: usize = 16 << 20;
/// A larger number in `Retry-After` counts as this one: no step waits that long.
const LONGEST_RETRY_AFTER: u64 = 60 * 60;

/// An answer whose body has not been read yet.
#[derive(Debug)]
pub(crate) struct Response {
    pub(super) inner: reqwest::Response,
    pub(super) url: Url,
    pub(super) cancellation: Option<Cancellation>,
}

impl Response {
    /// The status.
    pub(crate) fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// The URL that answered, after redirects.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The value of a header, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }

    /// The media type without parameters, in lower case; empty when none was sent.
    pub(crate) fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// How long the server asks to wait, from `Retry-After` in seconds; an hour at most.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        retry_after(self.inner.headers())
    }

    /// When the server sent it, by its own clock, in seconds since 1970.
    pub(crate) fn date(&self) -> Option<u64> {
        let date = httpdate::parse_http_date(self.header("date")?).ok()?;
        Some(date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs())
    }

    /// Announced length of the body.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.inner.content_length()
    }

    /// The whole body, up to 16 MiB.
    ///
    /// # Errors
    /// The connection broke, the timeout passed, the run was cancelled, or the body is larger.
    pub(crate) async fn bytes(mut self) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        while let Some(piece) = self.chunk().await? {
            if body.len() + piece.len() > LARGEST_BODY {
                return Err(Error::new(ErrorKind::TooLarge, &self.url, "more than 16 MiB"));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    /// The whole body as text; what is not UTF-8 is replaced.
    ///
    /// # Errors
    /// As [`Response::bytes`].
    pub(crate) async fn text(self) -> Result<String, Error> {
        Ok(String::from_utf8_lossy(&self.bytes().await?).into_owned())
    }

    /// The next piece of the body, `None` at its end.
    ///
    /// # Errors
    /// As [`Response::bytes`].
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let Self { inner, url, cancellation } = self;
        let piece = unless_cancelled(cancellation.as_ref(), url, async {
            inner.chunk().await.map_err(|error| classify(url, error))
        });
        piece.await
    }
}

/// What `work` brings, or an error as soon as the run is cancelled.
pub(super) async fn unless_cancelled<T>(
    cancellation: Option<&Cancellation>,
    url: &Url,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let Some(cancellation) = cancellation else { return work.await };
    let ended = cancellation.unless_requested(work).await;
    ended.unwrap_or_else(|Cancelled| Err(Error::new(ErrorKind::Cancelled, url, "")))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(LONGEST_RETRY_AFTER)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn retry_after_is_at_most_an_hour() {
        for (text, expected) in [
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("18446744073709551615", Some(3600)),
            ("18446744073709551616", None),
            ("-1", None),
            ("soon", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            assert_eq!(retry_after(&headers), expected.map(Duration::from_secs), "{text}");
        }
    }
}
