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

const PROGRESS_EVERY: Duration = Duration::from_secs(3);

/// Streams the answer to `request` into the new file `to`, hashing while it comes, and flushes it to
/// the disk. `label` names it in progress lines. `expected_sha256` is lower-case hex.
///
/// On any error the file may exist with part of the content: it belongs in a temporary folder.
///
/// # Errors
/// [`ErrorKind::Checksum`] when the bytes differ from `expected_sha256`; [`ErrorKind::Disk`]; an HTTP
/// status other than 200 as [`ErrorKind::Interrupted`] with the status in its cause; else as
/// [`Client::send`].
pub async fn download(
    client: &Client,
    request: Request<'_>,
    label: &str,
    to: &Path,
    expected_sha256: Option<&str>,
) -> Result<Downloaded, Error> {
    let mut response = client.send(request.retry(RetryPolicy::IDEMPOTENT)).await?;
    let url = response.url().clone();
    if response.status() != StatusCode::OK {
        return Err(Error::new(
            ErrorKind::Interrupted,
            &url,
            format_args!("it answered {}", response.status()),
        ));
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
