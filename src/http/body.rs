//! The body of a download while it comes.

use super::checksum::{Checksum, Hasher};
use bytes::Bytes;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::Path;
use tokio::sync::mpsc;

/// Bytes as they come: each is stored before it can be read. Reading waits for the network, and fails once the
/// connection broke or the disk failed.
pub(crate) struct Body {
    pieces: mpsc::Receiver<Option<Bytes>>,
    /// What of the last piece has not been read.
    piece: Bytes,
    announced: Option<u64>,
    hash: Option<Hasher>,
    file: Option<File>,
    ended: bool,
    failure: Option<io::Error>,
}

/// What reads the body while it comes, on the blocking pool. What it does not read is stored all the same. Its own failure
/// does not fail the download.
pub(crate) type Reader = Box<dyn FnOnce(&mut Body) + Send>;

impl Body {
    pub(super) fn new(
        pieces: mpsc::Receiver<Option<Bytes>>,
        announced: Option<u64>,
        checksum: Option<Checksum<'_>>,
    ) -> Self {
        let hash = checksum.map(|checksum| checksum.hasher());
        Self { pieces, piece: Bytes::new(), announced, hash, file: None, ended: false, failure: None }
    }

    /// The length that the server announced.
    pub(crate) fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// Stores all of it in the new file `to`, while `reader` reads. The checksum in hex, if one was asked for.
    pub(super) fn store(mut self, to: &Path, reader: Reader) -> io::Result<Option<String>> {
        self.file = Some(owned_file().open(to)?);
        reader(&mut self);
        while self.advance() {}
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(self.hash.map(Hasher::finish)),
        }
    }

    /// Takes and stores the next piece. There is none after the end or a failure.
    fn advance(&mut self) -> bool {
        self.piece = Bytes::new();
        if self.ended || self.failure.is_some() {
            return false;
        }
        match self.pieces.blocking_recv() {
            Some(Some(piece)) => match self.keep(&piece) {
                Ok(()) => {
                    self.piece = piece;
                    return true;
                }
                Err(error) => self.failure = Some(error),
            },
            Some(None) => self.ended = true,
            None => self.failure = Some(io::Error::new(io::ErrorKind::UnexpectedEof, "it was cut short")),
        }
        false
    }

    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
    }
}

/// For a new file that only its owner may write, whatever the umask of the job.
fn owned_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
    options
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.piece.is_empty() {
                let length = self.piece.len().min(buffer.len());
                buffer[..length].copy_from_slice(&self.piece.split_to(length));
                return Ok(length);
            }
            if !self.advance() {
                return match &self.failure {
                    Some(failure) => Err(io::Error::new(failure.kind(), failure.to_string())),
                    None => Ok(0),
                };
            }
        }
    }
}
