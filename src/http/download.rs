//! Downloads, verified by size and checksum.

use super::blocking::blocking;
use super::body::{Body, Reader};
use super::checksum::Checksum;
use super::client::Client;
use super::error::{Error, ErrorKind};
use super::request::Request;
use super::response::Response;
use super::retry::Retry;
use bytes::Bytes;
use reqwest::StatusCode;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Time for a whole download.
const TOTAL_TIME: Duration = Duration::from_secs(60 * 60);
/// No download is larger: several times the size of the largest that servers offer.
const LARGEST: u64 = 2 << 30;
const PROGRESS_EVERY: Duration = Duration::from_secs(3);
/// Pieces that have come and wait to be taken.
const WAITING: usize = 16;

/// A download.
pub(crate) struct Download<'a> {
    /// What is asked for.
    pub request: Request<'a>,
    /// Its name in progress lines; `None`: there are none.
    pub label: Option<&'a str>,
    /// The new file. On any error it may exist with part of the content: it belongs in a temporary folder. It is
    /// held until nothing is written any more, which after a cancellation may be a moment later.
    pub to: Arc<dyn AsRef<Path> + Send + Sync>,
    /// What the bytes are compared with at their end.
    pub checksum: Option<Checksum<'a>>,
}

impl Download<'_> {
    /// Stores the answer, hashing while it comes. Nothing is flushed to the disk.
    ///
    /// # Errors
    /// [`ErrorKind::Checksum`] when the bytes have another checksum; [`ErrorKind::Disk`]; [`ErrorKind::Status`]
    /// for an HTTP status other than 200; [`ErrorKind::TooLarge`] beyond 2 GiB; else as [`Client::send`].
    pub(crate) async fn store(self, client: &Client) -> Result<(), Error> {
        self.store_and_read(client, &|| Box::new(|_| ())).await
    }

    /// The same, while a reader gets the bytes as they come: a new reader for each attempt.
    ///
    /// # Errors
    /// As [`Download::store`].
    pub(crate) async fn store_and_read(
        self,
        client: &Client,
        reader: &(dyn Fn() -> Reader + Sync),
    ) -> Result<(), Error> {
        let started = Instant::now();
        let mut attempts = 0;
        loop {
            let error = match self.attempt(client, reader()).await {
                Err(error) if error.kind == ErrorKind::Interrupted => error,
                result => return result,
            };
            attempts += 1;
            let Some(pause) = Retry::broken_download().pause(attempts, started.elapsed(), None) else {
                return Err(error);
            };
            if let Some(label) = self.label {
                tracing::info!("{error}. Downloading {label} again");
            }
            tokio::time::sleep(pause).await;
            // If it cannot be removed, creating it again says so.
            let _ = std::fs::remove_file((*self.to).as_ref());
        }
    }

    async fn attempt(&self, client: &Client, reader: Reader) -> Result<(), Error> {
        let request = self.request.clone().retry(Retry::idempotent()).timeout(TOTAL_TIME);
        let request = if self.checksum.is_some() { request.may_leave_host() } else { request };
        let mut response = client.send(request).await?;
        let url = response.url().clone();
        if response.status() != StatusCode::OK {
            return Err(Error::new(ErrorKind::Status, &url, response.status()));
        }
        if response.content_length().is_some_and(|announced| announced > LARGEST) {
            return Err(too_large(&url));
        }
        let mut progress = self.label.map(|label| Progress::new(label, response.content_length()));
        let (sender, pieces) = mpsc::channel(WAITING);
        let body = Body::new(pieces, response.content_length(), self.checksum);
        let to = Arc::clone(&self.to);
        let storing = blocking(move || body.store((*to).as_ref(), reader));
        let receiving = receive(&mut response, sender, progress.as_mut());
        let (size, stored) = tokio::join!(receiving, storing);
        let size = size?;
        let checksum = stored.map_err(|error| {
            Error::new(ErrorKind::Disk, &url, format_args!("{}: {error}", (*self.to).as_ref().display()))
        })?;
        if let (Some(expected), Some(found)) = (self.checksum, checksum) {
            let (name, expected) = expected.parts();
            if !expected.eq_ignore_ascii_case(&found) {
                let cause = format_args!("its {name} is {found}, but {expected} was announced");
                return Err(Error::new(ErrorKind::Checksum, &url, cause));
            }
        }
        if let Some(progress) = progress {
            progress.finished(size);
        }
        Ok(())
    }
}

/// Hands on what comes, until its end or until the receiver is gone, which then has the error. Returns the size.
async fn receive(
    response: &mut Response,
    sender: mpsc::Sender<Option<Bytes>>,
    mut progress: Option<&mut Progress<'_>>,
) -> Result<u64, Error> {
    let mut size = 0;
    while let Some(piece) = response.chunk().await? {
        size += piece.len() as u64;
        // The HTTP library ends a body at the length that was announced.
        if size > LARGEST {
            return Err(too_large(response.url()));
        }
        if let Some(progress) = &mut progress {
            progress.received(size);
        }
        if sender.send(Some(piece)).await.is_err() {
            return Ok(size);
        }
    }
    // It fails only when the receiver is gone.
    let _ = sender.send(None).await;
    Ok(size)
}

fn too_large(url: &url::Url) -> Error {
    Error::new(ErrorKind::TooLarge, url, format_args!("more than {} MiB", LARGEST >> 20))
}

struct Progress<'a> {
    label: &'a str,
    total: Option<u64>,
    started: Instant,
    reported: Instant,
}

impl<'a> Progress<'a> {
    fn new(label: &'a str, total: Option<u64>) -> Self {
        let now = Instant::now();
        Self { label, total, started: now, reported: now }
    }

    fn received(&mut self, size: u64) {
        if self.reported.elapsed() < PROGRESS_EVERY {
            return;
        }
        self.reported = Instant::now();
        let rate = mebibytes(size) / self.started.elapsed().as_secs_f64();
        match self.total.filter(|total| *total > 0) {
            Some(total) => {
                let percent = size * 100 / total;
                tracing::info!(
                    progress = percent,
                    "Downloading {}: {:.1} of {:.1} MiB, {rate:.1} MiB/s",
                    self.label,
                    mebibytes(size),
                    mebibytes(total),
                );
            }
            None => tracing::info!("Downloading {}: {:.1} MiB, {rate:.1} MiB/s", self.label, mebibytes(size)),
        }
    }

    fn finished(&self, size: u64) {
        let seconds = self.started.elapsed().as_secs_f64();
        let size = mebibytes(size);
        let rate = size / seconds.max(0.001);
        tracing::info!(
            progress = 100,
            "Downloaded {}: {size:.1} MiB in {seconds:.1} s ({rate:.1} MiB/s)",
            self.label
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::NetworkSettings;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    /// Serves these answers, one a connection, and closes each.
    fn serve(answers: Vec<&'static str>) -> url::Url {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/file", listener.local_addr().unwrap()).parse().unwrap();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        url
    }

    async fn download(url: url::Url, to: &Path, checksum: Option<Checksum<'_>>) -> Result<(), Error> {
        let to = Arc::new(to.to_owned());
        let download = Download { request: Request::get(url), label: Some("file"), to, checksum };
        download.store(&Client::new(NetworkSettings::default())).await
    }

    #[tokio::test]
    async fn a_broken_download_begins_again() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("file");
        let whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        let broken = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel";
        let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let url = serve(vec![broken, broken, whole]);
        download(url, &to, Some(Checksum::Sha256(sha256))).await.unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"hello");

        std::fs::remove_file(&to).unwrap();
        let error = download(serve(vec![broken; 3]), &to, None).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Interrupted);
    }

    #[tokio::test]
    async fn a_download_of_more_than_two_gibibytes_is_refused_before_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("file");
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2147483649\r\n\r\nhello";
        let error = download(serve(vec![answer]), &to, None).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::TooLarge);
        assert!(!to.exists());
    }

    #[tokio::test]
    async fn a_wrong_checksum_and_another_status_are_not_retried() {
        let folder = tempfile::tempdir().unwrap();
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother", ErrorKind::Checksum),
            ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", ErrorKind::Status),
        ] {
            let to = folder.path().join(format!("{expected:?}"));
            let expected_sha256 = "0".repeat(64);
            let error = download(serve(vec![answer]), &to, Some(Checksum::Sha256(&expected_sha256)))
                .await
                .unwrap_err();
            assert_eq!(error.kind, expected);
        }
    }
}
