//! The body of a download while it comes.

use super::download::{Checksum, Reader, hex};
use super::response::Piece;
use sha2::digest::DynDigest;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::path::Path;
use tokio::sync::mpsc;

/// Bytes as they come: each is stored before it can be read. Reading waits for the network, and fails once the
/// connection broke or the disk failed.
pub struct Body {
    pieces: mpsc::Receiver<Option<Piece>>,
    piece: Option<Piece>,
    read: usize,
    announced: Option<u64>,
    hash: Option<Box<dyn DynDigest + Send>>,
    file: Option<File>,
    ended: bool,
    failure: Option<io::Error>,
}

impl Body {
    pub(super) fn new(
        pieces: mpsc::Receiver<Option<Piece>>,
        announced: Option<u64>,
        checksum: Option<Checksum<'_>>,
    ) -> Self {
        let hash: Option<Box<dyn DynDigest + Send>> = match checksum {
            Some(Checksum::Sha256(_)) => Some(Box::<sha2::Sha256>::default()),
            Some(Checksum::Md5(_)) => Some(Box::<md5::Md5>::default()),
            None => None,
        };
        Self { pieces, piece: None, read: 0, announced, hash, file: None, ended: false, failure: None }
    }

    /// The length that the server announced.
    pub fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// Stores all of it in the new file `to`, while `reader` reads. The checksum in hex; empty if none was asked for.
    pub(super) fn store(mut self, to: &Path, reader: Reader) -> io::Result<String> {
        self.file = Some(owned_file().open(to)?);
        reader(&mut self);
        while self.advance() {}
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(self.hash.map(|hash| hex(&hash.finalize())).unwrap_or_default()),
        }
    }

    /// Takes and stores the next piece. There is none after the end or a failure.
    fn advance(&mut self) -> bool {
        self.read = 0;
        self.piece = None;
        if self.ended || self.failure.is_some() {
            return false;
        }
        match self.pieces.blocking_recv() {
            Some(Some(piece)) => match self.take((*piece).as_ref()) {
                Ok(()) => self.piece = Some(piece),
                Err(error) => self.failure = Some(error),
            },
            Some(None) => self.ended = true,
            None => self.failure = Some(io::Error::new(io::ErrorKind::UnexpectedEof, "it was cut short")),
        }
        self.piece.is_some()
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(hash) = &mut self.hash {
            hash.update(bytes);
        }
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
    }
}

/// For a new file that nobody but its owner may write, whatever the umask of the job says.
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
            if let Some(piece) = &self.piece {
                let rest = &(**piece).as_ref()[self.read..];
                if !rest.is_empty() {
                    let length = rest.len().min(buffer.len());
                    buffer[..length].copy_from_slice(&rest[..length]);
                    self.read += length;
                    return Ok(length);
                }
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
