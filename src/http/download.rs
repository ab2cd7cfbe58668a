//! Downloads that are what they claim to be, or nothing.

use super::blocking::blocking;
use super::body::Body;
use super::error::{Error, ErrorKind};
use super::{Client, Piece, Request, Response, RetryPolicy, StatusCode};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Downloads tried in all when the connection breaks half-way.
const ATTEMPTS: u32 = 3;
/// A whole download takes no longer.
const TOTAL_TIME: Duration = Duration::from_secs(60 * 60);
/// No download is larger, whatever length the server announces: several times the largest that servers have.
const LARGEST: u64 = 2 << 30;
const PROGRESS_EVERY: Duration = Duration::from_secs(3);
/// Pieces that have come and wait to be taken.
const WAITING: usize = 16;

/// What the bytes must have, in hex.
#[derive(Debug, Clone, Copy)]
pub enum Checksum<'a> {
    /// SHA-256.
    Sha256(&'a str),
    /// MD5: against damage alone.
    Md5(&'a str),
}

/// What reads the body while it comes, on the blocking pool. What it leaves is stored all the same; what it
/// thinks of it is its own affair.
pub type Reader = Box<dyn FnOnce(&mut Body) + Send>;

/// A download.
pub struct Download<'a> {
    /// What is asked for.
    pub request: Request<'a>,
    /// Its name in progress lines; `None`: it is not spoken of.
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
    pub async fn store(self, client: &Client) -> Result<(), Error> {
        self.store_and_read(client, &|| Box::new(|_| ())).await
    }

    /// Likewise, and lets a reader have the bytes as they come: a new one for each attempt.
    ///
    /// # Errors
    /// As [`Download::store`].
    pub async fn store_and_read(
        self,
        client: &Client,
        reader: &(dyn Fn() -> Reader + Sync),
    ) -> Result<(), Error> {
        let mut attempt = 1;
        loop {
            match self.attempt(client, reader()).await {
                // The connection broke half-way: what came is thrown away and it begins anew.
                Err(error) if error.kind == ErrorKind::Interrupted && attempt < ATTEMPTS => {
                    if let Some(label) = self.label {
                        tracing::info!("{error}; downloading {label} once more");
                    }
                    // If it can't be removed, creating it anew says so.
                    let _ = std::fs::remove_file((*self.to).as_ref());
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn attempt(&self, client: &Client, reader: Reader) -> Result<(), Error> {
        let request = self.request.clone().retry(RetryPolicy::IDEMPOTENT).timeout(TOTAL_TIME);
        let request = if self.checksum.is_some() { request.may_leave_host() } else { request };
        let mut response = client.send(request).await?;
        let url = response.url().clone();
        if response.status() != StatusCode::OK {
            return Err(Error::new(
                ErrorKind::Status,
                &url,
                format_args!("it answered {}", response.status()),
            ));
        }
        if response.content_length().is_some_and(|announced| announced > LARGEST) {
            return Err(too_large(&url));
        }
        let mut progress = self.label.map(|label| Progress::new(label, response.content_length()));
        let (sender, pieces) = mpsc::channel(WAITING);
        let body = Body::new(pieces, response.content_length(), self.checksum);
        let to = Arc::clone(&self.to);
        let storing = blocking(Box::new(move || body.store((*to).as_ref(), reader)));
        let receiving = receive(&mut response, sender, progress.as_mut());
        let (size, stored) = tokio::join!(receiving, storing);
        let size = size?;
        let checksum = stored.map_err(|error| {
            Error::new(ErrorKind::Disk, &url, format_args!("{}: {error}", (*self.to).as_ref().display()))
        })?;
        let (name, expected) = match self.checksum {
            Some(Checksum::Sha256(expected)) => ("SHA-256", expected),
            Some(Checksum::Md5(expected)) => ("MD5", expected),
            None => ("", checksum.as_str()),
        };
        if !expected.eq_ignore_ascii_case(&checksum) {
            return Err(Error::new(
                ErrorKind::Checksum,
                &url,
                format_args!("its {name} is {checksum}, {expected} was announced"),
            ));
        }
        if let Some(progress) = progress {
            progress.finished(size);
        }
        Ok(())
    }
}

/// Hands on what comes, until its end or until nobody takes it: whoever stops taking says why. The size of it.
async fn receive(
    response: &mut Response,
    sender: mpsc::Sender<Option<Piece>>,
    mut progress: Option<&mut Progress<'_>>,
) -> Result<u64, Error> {
    let mut size = 0;
    while let Some(piece) = response.chunk().await? {
        size += (*piece).as_ref().len() as u64;
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
    // It can only fail when nobody listens.
    let _ = sender.send(None).await;
    Ok(size)
}

fn too_large(url: &url::Url) -> Error {
    Error::new(ErrorKind::TooLarge, url, format_args!("more than {} MiB", LARGEST >> 20))
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
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
    async fn a_broken_download_begins_anew() {
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
    async fn more_than_any_scanner_has_is_refused_before_it_comes() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("file");
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2147483649\r\n\r\nhello";
        let error = download(serve(vec![answer]), &to, None).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::TooLarge);
        assert!(!to.exists());
    }

    #[tokio::test]
    async fn other_bytes_and_other_answers_are_errors_at_once() {
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
