//! Downloads that are what they claim to be, or nothing.

use super::error::{Error, ErrorKind};
use super::{Client, Request, RetryPolicy, StatusCode};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;

/// A finished download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// Bytes written.
    pub size: u64,
    /// Lower-case hex SHA-256 of them.
    pub sha256: String,
}

/// Downloads tried in all when the connection breaks half-way.
const ATTEMPTS: u32 = 3;
const PROGRESS_EVERY: Duration = Duration::from_secs(3);

/// Streams the answer to `request` into the new file `to`, hashing while it comes, and flushes it to
/// the disk. `label` names it in progress lines. `expected_sha256` is lower-case hex.
///
/// On any error the file may exist with part of the content: it belongs in a temporary folder.
///
/// # Errors
/// [`ErrorKind::Checksum`] when the bytes differ from `expected_sha256`; [`ErrorKind::Disk`];
/// [`ErrorKind::Status`] for an HTTP status other than 200; else as [`Client::send`].
pub async fn download(
    client: &Client,
    request: Request<'_>,
    label: &str,
    to: &Path,
    expected_sha256: Option<&str>,
) -> Result<Downloaded, Error> {
    let request = request.retry(RetryPolicy::IDEMPOTENT);
    let request = if expected_sha256.is_some() { request.may_leave_host() } else { request };
    let mut attempt = 1;
    loop {
        match download_once(client, request.clone(), label, to, expected_sha256).await {
            // The connection broke half-way: what came is thrown away and it begins anew.
            Err(error) if error.kind == ErrorKind::Interrupted && attempt < ATTEMPTS => {
                tracing::info!("{error}; downloading {label} once more");
                // If it can't be removed, creating it anew says so.
                let _ = tokio::fs::remove_file(to).await;
                attempt += 1;
            }
            result => return result,
        }
    }
}

async fn download_once(
    client: &Client,
    request: Request<'_>,
    label: &str,
    to: &Path,
    expected_sha256: Option<&str>,
) -> Result<Downloaded, Error> {
    let mut response = client.send(request).await?;
    let url = response.url().clone();
    if response.status() != StatusCode::OK {
        return Err(Error::new(ErrorKind::Status, &url, format_args!("it answered {}", response.status())));
    }
    let disk =
        |error: std::io::Error| Error::new(ErrorKind::Disk, &url, format_args!("{}: {error}", to.display()));
    let mut file = tokio::fs::File::create_new(to).await.map_err(disk)?;
    let mut progress = Progress::new(label, response.content_length());
    let mut hash = Sha256::new();
    let mut size = 0;
    while let Some(chunk) = response.chunk().await? {
        let chunk = chunk.as_ref();
        hash.update(chunk);
        file.write_all(chunk).await.map_err(disk)?;
        size += chunk.len() as u64;
        progress.received(size);
    }
    file.sync_all().await.map_err(disk)?;
    let sha256 = hex(&hash.finalize());
    if let Some(expected) = expected_sha256
        && !expected.eq_ignore_ascii_case(&sha256)
    {
        return Err(Error::new(
            ErrorKind::Checksum,
            &url,
            format_args!("its SHA-256 is {sha256}, {expected} was announced"),
        ));
    }
    progress.finished(size);
    Ok(Downloaded { size, sha256 })
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
    use crate::http::Settings;
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

    #[tokio::test]
    async fn a_broken_download_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("file");
        let client = Client::new(Settings::default());
        let whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        let broken = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel";
        let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let url = serve(vec![broken, broken, whole]);
        let downloaded = download(&client, Request::get(url), "file", &to, Some(sha256)).await.unwrap();
        assert_eq!(downloaded, Downloaded { size: 5, sha256: sha256.to_owned() });
        assert_eq!(std::fs::read(&to).unwrap(), b"hello");

        std::fs::remove_file(&to).unwrap();
        let error =
            download(&client, Request::get(serve(vec![broken; 3])), "file", &to, None).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Interrupted);
    }

    #[tokio::test]
    async fn other_bytes_and_other_answers_are_errors_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let client = Client::new(Settings::default());
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother", ErrorKind::Checksum),
            ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", ErrorKind::Status),
        ] {
            let to = folder.path().join(format!("{expected:?}"));
            let request = Request::get(serve(vec![answer]));
            let error = download(&client, request, "file", &to, Some(&"0".repeat(64))).await.unwrap_err();
            assert_eq!(error.kind, expected);
        }
    }
}
